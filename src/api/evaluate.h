/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  What the files of engage_evaluate() and its sisters share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_EVALUATE_H
#define EG_API_EVALUATE_H

#include "fmgr.h"
#include "store/evaluate.h"

/*
 * Scores of the model and source in arguments 0 and 1; places of the others,
 * -1 for a function that lacks them.
 */
extern EgScored *eg_scored_argument(FunctionCallInfo fcinfo, int target, int weight);

/* Error unless the model predicts classes; two of them when binary. */
extern void eg_require_classes(const EgScored *s, bool binary, const char *function);

#endif							/* EG_API_EVALUATE_H */
