/*-------------------------------------------------------------------------
 *
 * conformal.h
 *	  Intervals and sets that hold the truth as often as was promised, around
 *	  the predictions of any model.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CONFORMAL_H
#define EG_CONFORMAL_H

#include "algo/algo.h"

typedef enum EgConformalMethod
{
	EG_CONFORMAL_RESIDUAL,		/* number: prediction +- value */
	EG_CONFORMAL_QUANTILE,		/* quantiles: lower - value .. upper + value */
	EG_CONFORMAL_CLASS			/* classes whose probability is value or more */
} EgConformalMethod;

typedef struct EgConformal
{
	EgConformalMethod method;
	EgTask		task;
	double		level;			/* promised share of rows, 0.9 */
	double		value;
	int			lower;			/* QUANTILE: outputs that are widened */
	int			upper;
	uint32		nrows;			/* that it was calibrated on */
} EgConformal;

/* Tasks that have intervals or sets. */
#define EG_CONFORMAL_TASKS \
	(EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_COUNT) | EG_TASK_BIT(EG_QUANTILE) | \
	 EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS))

/* Fewest rows that can promise the level. */
extern Size eg_conformal_rows_needed(double level);

/*
 * Calibrate on n rows that the model has not learned from: truth (n) numbers or class
 * codes, score (n, width).  quantiles (width) for the quantile task.  Error
 * DATA_EXCEPTION for too few rows.
 */
extern EgConformal *eg_conformal_fit(EgTask task, double level, const double *truth,
									 const double *score, Size n, int width,
									 const double *quantiles);

/* Interval of a row of scores; classes have none.  Neither allocates nor throws. */
extern void eg_conformal_interval(const EgConformal *c, const double *score, double *lower,
								  double *upper);

/* Is a class in the set of a row?  width 1: class 1 has score[0]. */
extern bool eg_conformal_member(const EgConformal *c, const double *score, int width, int class);

/* Does interval or set hold the truth?  size: its width, or its number of classes. */
extern bool eg_conformal_covers(const EgConformal *c, const double *score, int width,
								double truth, double *size);

extern void eg_conformal_save(const EgConformal *c, EgWriter *w);
extern EgConformal *eg_conformal_load(EgReader *r, EgTask task);

#endif							/* EG_CONFORMAL_H */
