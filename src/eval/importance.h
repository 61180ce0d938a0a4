/*-------------------------------------------------------------------------
 *
 * importance.h
 *	  What a metric loses when a feature says nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_IMPORTANCE_H
#define EG_IMPORTANCE_H

#include "algo/shapley.h"
#include "base/run.h"
#include "eval/metrics.h"

typedef struct EgPermutation
{
	EgFunction	f;				/* scores as the metrics want them */
	void	   *arg;
	const float *x;				/* (truth.n, stride) */
	int			stride;
	int			ncols;			/* features; what lies behind them stays with its row */
	int			nunits;			/* what is shuffled as one: a feature, or an array's features */
	const int  *unit;			/* (ncols) of each feature */
	EgMetricInput truth;		/* all but the scores */
	const char *metric;
	int			repeats;
	uint64		seed;
} EgPermutation;

/*
 * For each unit, mean and (population) standard deviation over the repeats of
 * what the metric loses when the unit is shuffled among the rows; positive
 * numbers are losses whichever side of the metric is better.  Returns the metric
 * of the rows as they are; when that is NaN, nothing else is computed.
 *
 * Source: Breiman, Random Forests, 2001; Fisher, Rudin and Dominici, All Models
 * are Wrong, but Many are Useful, 2019.
 */
extern double eg_permutation_importance(const EgPermutation *p, EgRun *run, double *mean,
										double *deviation);

#endif							/* EG_IMPORTANCE_H */
