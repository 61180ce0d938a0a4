/*-------------------------------------------------------------------------
 *
 * held_out.h
 *	  Was this row held out when the model was trained?  The split's rule, row
 *	  by row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_HELD_OUT_H
#define EG_HELD_OUT_H

#include "access/htup.h"
#include "store/models.h"

typedef struct EgHeldOutRule EgHeldOutRule;

/*
 * The rule by which a version's rows were split; lives in context.  Works in
 * parallel workers.  Error OBJECT_NOT_IN_PREREQUISITE_STATE when a single row
 * does not tell: without a key the whole row's content decides.
 */
extern EgHeldOutRule *eg_held_out_rule(int64 version_id, MemoryContext context);

/* Errors UNDEFINED_COLUMN for a column of the rule, DATA_EXCEPTION for NULL in a key. */
extern bool eg_held_out_row(EgHeldOutRule *rule, HeapTupleHeader tuple);

#endif							/* EG_HELD_OUT_H */
