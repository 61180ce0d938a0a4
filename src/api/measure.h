/*-------------------------------------------------------------------------
 *
 * measure.h
 *	  From scores to metrics: what training, cross-validation and tuning share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MEASURE_H
#define EG_MEASURE_H

#include "eval/metrics.h"
#include "store/crossval.h"
#include "store/train.h"

/* trained.c: the metrics' input for held-out rows; task, labels and params of t */
extern EgMetricInput eg_metric_input(const EgTrained *t, const EgHeldOut *h);

/* api_crossval.c: the same for a fold; params as JSON text */
extern EgMetricInput eg_fold_input(const EgCrossval *cv, const char *params,
								   const EgFoldScores *fold);

/* The named metric, or the task's own for NULL.  Error for a metric that has no better side. */
extern const char *eg_metric_choose(EgTask task, const char *name);

/* Mean and sample deviation of the numbers among v; how many there are. */
extern int	eg_mean_deviation(const double *v, int n, double *mean, double *deviation);

/* Errors for folds and repeats out of range, and for arguments that exclude each other. */
extern void eg_crossval_check(const EgCrossvalSpec *spec);

#endif							/* EG_MEASURE_H */
