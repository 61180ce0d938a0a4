/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  A model's scores on a source, beside the truth: what metrics and curves
 *	  are made of.  And a sample of the source's rows as the model sees them:
 *	  what importance and dependence are made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_EVALUATE_H
#define EG_EVALUATE_H

#include "algo/algo.h"
#include "base/run.h"
#include "store/score.h"

typedef struct EgEvaluateSpec
{
	const char *model;			/* 'churn' or 'churn@1.2.0' */
	const char *source;			/* relation name or one SELECT */

	/* column names; NULL: those of the model's training; "": none */
	const char *target;
	const char *weight;
	const char *group_by;
	const char *event;

	/* for eg_score_sample() and eg_score_each() */
	bool		no_truth;		/* neither target nor other roles are wanted */
	const char *label;			/* a column to be kept as text, or NULL */
	Size		sample;			/* most rows that are kept, at least 1 */
	uint64		seed;			/* of the sample */
} EgEvaluateSpec;

typedef struct EgScored
{
	char	   *model;			/* name */
	char	   *version;		/* "1.2.0" */
	char	   *target;			/* NULL when the truth is not wanted */
	EgTask		task;
	char	   *params;			/* hyper-parameters, JSON */
	double		threshold;		/* binary: the class is said at or above it */
	int			nlabels;
	char	  **labels;			/* (nlabels) text of the classes, or NULL */
	int			nclasses;		/* 0 for numbers */

	Size		n;
	int			width;
	double	   *truth;			/* (n) number or class code */
	double	   *score;			/* (n, width) */
	double	   *weight;			/* (n) or NULL */
	double	   *group;			/* (n) rows of a group adjacent; or NULL */
	double	   *event;			/* (n) or NULL */
	int64		nread;
	int64		nskipped;		/* rows without a target */
	int64		nunknown;		/* rows of a class that the model does not know */

	/* eg_score_sample() alone */
	EgScorer   *scorer;
	const EgSchema *schema;		/* of all parts */
	int			stride;			/* features, and one more for a partitioned model */
	float	   *x;				/* (n, stride) features, then the row's part if there are several */
	char	  **text;			/* (n) of the label column; NULL is NULL; or NULL */
} EgScored;

/*
 * Read the source as the invoker and score its rows, partitions included, by
 * the code that scores in queries.  The current user must be allowed to use
 * the model.  Results live in CurrentMemoryContext.  Errors: those of
 * eg_models_resolve(), eg_source_read() and eg_scorer_values().
 */
extern EgScored *eg_score_source(const EgEvaluateSpec *spec, EgRun *run);

/*
 * The same for a sample, with the rows' features: the spec->sample rows of the
 * smallest hashes of their content and the seed (ranking: whole groups), in the
 * order of these hashes.  So the sample depends neither on the order of the rows
 * nor on where they lie, and memory is bounded by it.
 */
extern EgScored *eg_score_sample(const EgEvaluateSpec *spec, EgRun *run);

/*
 * The training rows stored with the model (at most limit), as eg_score_sample() gives
 * rows, without truth.  Error OBJECT_NOT_IN_PREREQUISITE_STATE when there are none.
 */
extern EgScored *eg_score_background(const char *model, Size limit);

/* An EgFunction (algo/shapley.h) of rows like those of a sample, its argument. */
extern void eg_sample_function(void *scored, const float *x, Size n, double *out);

/* Have the sample's scorer score row i again, for an EgExplainer. */
extern const double *eg_sample_row(EgScored *s, Size i);

/* Called for each row of a source, right after the scorer scored it; text of the label column. */
typedef void (*EgEachRow) (void *arg, EgScorer *scorer, const double *out, const char *text);

/*
 * Read and score the source without keeping anything; spec->no_truth is set.
 * begin is called before the first row.
 */
extern void eg_score_each(const EgEvaluateSpec *spec, EgRun *run,
						  void (*begin) (void *arg, EgScorer *scorer), EgEachRow each, void *arg);

#endif							/* EG_EVALUATE_H */
