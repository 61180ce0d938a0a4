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
#include "eval/metrics.h"
#include "store/evaluate.h"

/*
 * Scores of the model and source in arguments 0 and 1; places of the others,
 * -1 for a function that lacks them.
 */
extern EgScored *eg_scored_argument(FunctionCallInfo fcinfo, int target, int weight);

/* Error unless the model predicts classes; two of them when binary. */
extern void eg_require_classes(const EgScored *s, bool binary, const char *function);

/* The class whose scores are looked at: the one named, else the positive one. */
extern int	eg_class_argument(const EgScored *s, const char *name, const char *function);

/* The probability of that class, (n) with the stride in *stride. */
extern const double *eg_class_scores(const EgScored *s, int k, Size *stride);

/* What the metrics are computed from. */
extern EgMetricInput eg_scored_input(const EgScored *s);

/* A text among the arguments that must be there. */
extern char *eg_arg_required(FunctionCallInfo fcinfo, int i, const char *name);

/* A number among the arguments, or its default; error outside low .. high. */
extern int	eg_arg_between(FunctionCallInfo fcinfo, int i, const char *name, int low, int high,
						   int otherwise);

/*
 * Output of the class named, flipped when it is class 0 of two; NULL: the one that
 * engage_predict() returns, an error when there are several classes.
 */
extern int	eg_class_output(const EgScorer *s, const char *class, const char *function, bool *flip);

#endif							/* EG_API_EVALUATE_H */
