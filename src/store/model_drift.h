/*-------------------------------------------------------------------------
 *
 * model_drift.h
 *	  A source counted in the bins of the distributions that are stored with a
 *	  model: what drift is measured from.
 *
 *	  then: the rows of the model's training.  now: the rows of the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MODEL_DRIFT_H
#define EG_MODEL_DRIFT_H

#include "store/evaluate.h"

#define EG_DRIFT_EXAMPLES		5	/* unseen words that are shown, the most frequent ones */
#define EG_DRIFT_MEDIAN_ROWS	4096	/* medians are exact for so many rows */

/* the stored bins, a gap before each frequent value, and what lies above the last */
#define EG_DRIFT_BINS			(EG_BASELINE_BINS + EG_BASELINE_BINS / 2 + 1)

/* What is counted of one feature or one output. */
typedef struct EgDriftCount
{
	const EgFeatureBaseline *then;
	double		mean_then;		/* NaN: unknown, or a category */
	double		median_now;		/* of numbers; NaN: there are none, or it was not asked for */
	int64		missing;		/* rows without a value */
	int64	   *bin;			/* (then->ncategories, or nbins) */

	/*
	 * Bins of numbers: those of `then`, but a value that has two of their parts has
	 * one for itself alone, so that what moves to either side of it is seen.
	 */
	int			nbins;			/* at least 1 */
	double		upper[EG_DRIFT_BINS];	/* (nbins - 1) as in `then`; the last bin is open */
	double		count[EG_DRIFT_BINS];	/* (nbins) rows of the training in it */

	/* numbers; the first and the last bin hold these rows, too */
	double		sum;
	int64		below;			/* smaller than any value in training */
	int64		above;			/* larger */

	/* categories */
	int64		unseen;			/* with a word that the model has never seen */
	int			nexamples;
	char	   *example[EG_DRIFT_EXAMPLES];
} EgDriftCount;

typedef struct EgModelDrift
{
	EgCompiled *compiled;
	const EgSchema *schema;
	const EgBaseline *baseline; /* of the training rows of all parts */
	const double *quantiles;	/* of the outputs, or NULL */
	int64		rows;			/* of the source */
	EgDriftCount *features;		/* (schema->nfeatures) */
	const EgScoreBaseline *scores_then; /* or NULL: none are stored */
	EgDriftCount *scores;		/* (compiled->width) or NULL */

	Size		nsample;		/* rows of the source, chosen by their content */
	float	   *sample;			/* (nsample, nfeatures) */
} EgModelDrift;

/*
 * The model and its distributions; no source is read.  Errors: those of
 * eg_models_resolve(), and OBJECT_NOT_IN_PREREQUISITE_STATE when there are none.
 */
extern EgModelDrift *eg_drift_model(const char *model);

/*
 * Read the source once as the invoker, score its rows, count; keep at most
 * `sample` of them whole.  Errors: those of eg_source_read() and eg_scorer_values().
 */
extern EgModelDrift *eg_drift_read(const char *model, const char *source, Size sample,
								   EgRun *run);

#endif							/* EG_MODEL_DRIFT_H */
