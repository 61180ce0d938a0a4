/*-------------------------------------------------------------------------
 *
 * gate_private.h
 *	  What the two files of the gate share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_GATE_PRIVATE_H
#define EG_GATE_PRIVATE_H

#include "executor/spi.h"
#include "store/gate.h"

/* gate_names.c: raise an error unless all names in a plan or expression mean what they meant */
extern void eg_names_check_plan(const EgText *text, Oid author, SPIPlanPtr plan);
extern void eg_names_check_expr(const EgText *text, Oid author, Node *expr);

#endif							/* EG_GATE_PRIVATE_H */
