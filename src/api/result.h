/*-------------------------------------------------------------------------
 *
 * result.h
 *	  Sets of rows as results.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RESULT_H
#define EG_RESULT_H

#include "fmgr.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

/* Start a set of rows; the caller puts them. */
extern Tuplestorestate *eg_result_rows(FunctionCallInfo fcinfo, TupleDesc *desc);

#endif							/* EG_RESULT_H */
