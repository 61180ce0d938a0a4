/*-------------------------------------------------------------------------
 *
 * predict.h
 *	  What the files behind engage_predict() share: the call site, results.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PREDICT_H
#define EG_PREDICT_H

#include "fmgr.h"
#include "store/experiment.h"
#include "store/score.h"

/*
 * Scorer of the model that argument 0 names, kept in fn_extra; looked up again
 * when the snapshot, the user or the name changed.
 */
extern EgScorer *eg_call_site_scorer(FunctionCallInfo fcinfo);

/*
 * The experiment that decides which version answers for a row, or NULL; valid after
 * eg_call_site_scorer(), whose scorer is the deployed version's all the same.
 */
extern EgRouter *eg_call_site_router(FunctionCallInfo fcinfo);

/*
 * A place for what the caller keeps beside the scorer, allocated in the scorer's
 * context; valid after eg_call_site_scorer(), NULL at first and when another
 * version came.
 */
extern void **eg_call_site_extra(FunctionCallInfo fcinfo);

typedef enum EgOutput
{
	EG_OUT_NUMBER,
	EG_OUT_CLASS,
	EG_OUT_PROBA,
	EG_OUT_QUANTILES,
	EG_OUT_INTERVAL,
	EG_OUT_SET
} EgOutput;

/* A model that engage_fit() made, for whom may use it; in CurrentMemoryContext. */
extern EgCompiled *eg_model_value(const bytea *value);

/* The scores of a row as what one of the functions returns. */
extern Datum eg_output_datum(EgOutput output, const EgScorer *s, const double *out);

#endif							/* EG_PREDICT_H */
