/*-------------------------------------------------------------------------
 *
 * train.h
 *	  From a source to a trained model and its scores on held-out rows.
 *
 *	  read -> labels -> split -> canonical order -> fit -> score held-out rows
 *
 * Nothing is stored here: the caller measures the scores, compares them with
 * the champion's and writes the version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TRAIN_H
#define EG_TRAIN_H

#include "algo/algo.h"
#include "store/cache.h"
#include "store/models.h"
#include "store/source.h"
#include "store/split.h"

typedef struct EgTrainSpec
{
	const char *model;
	const char *source;
	const char *target;
	const EgAlgorithm *algorithm;
	const Jsonb *params;		/* as given, or NULL */
	const char *task;			/* NULL: inferred */
	const char *key;			/* columns, comma separated, or NULL */
	List	   *features;		/* of char *, NIL: all */
	List	   *exclude;
	const char *weight;
	const char *class_weight;	/* NULL, "balanced", or a JSON object label -> weight */
	double		test_size;
	const char *split;			/* column */
	int64		seed;
	const char *positive;		/* label of class 1, NULL: the last in order */
	const char *group_by;		/* ranking */
	const char *event;			/* survival */
	const char *partition_by;
	double		interval;		/* level of intervals, 0: none */
	int			cross_folds;	/* of intervals without rows set apart, 0: some are */
	const char *calibrate;		/* "sigmoid", "isotonic" or NULL */
	int			background;		/* training rows to store with the model */
	const char *remember;		/* column that says whose rows they are, or NULL */

	const Jsonb *frozen_split;	/* of the model's first version, or NULL */
	EgCompiled *champion;		/* deployed version to score on the same rows, or NULL */
} EgTrainSpec;

/* Scores on held-out rows, for eval/metrics.h. */
typedef struct EgHeldOut
{
	Size		n;
	int			width;
	double	   *truth;			/* (n) number or class code of the new version */
	double	   *score;			/* (n, width) */
	double	   *weight;			/* (n) or NULL */
	double	   *group;			/* (n) or NULL */
	double	   *event;			/* (n) or NULL */
} EgHeldOut;

typedef struct EgTrained
{
	EgTask		task;
	int			nlabels;
	char	  **labels;			/* (nlabels) */
	double		threshold;		/* of two classes */
	EgSchema   *schema;
	char	   *params;			/* resolved hyper-parameters, JSON */
	int			nparts;
	EgArtifactPart *parts;		/* [0] is trained on all rows */
	Size	   *part_rows;		/* (nparts) training rows of each part */
	int			nfallback;		/* partition values that have too few rows of their own */

	EgSplit    *split;
	int64		nread;
	int64		nskipped;		/* NULL target */
	Size		nfit;
	Size		nvalid;
	uint64		fingerprint;
	char	   *query;
	EgHistory  *history;		/* of the model for all rows */

	EgHeldOut	test;			/* the new version's */
	EgHeldOut	rival;			/* the champion's, on the same rows; n = 0 when not comparable */
	const char *not_comparable; /* why, or NULL */

	Size		nseen;			/* held-out rows that a stored member may have learned from */
	List	   *lent;			/* of char *: stored members that are not the user's own */

	Size		ncalibrate;		/* rows that curves were fitted to, none of nfit and nvalid */
	Size		nconformal;		/* rows that intervals were fitted to, none of the above */
	Size		ncross;			/* rows whose scores out of fold they were fitted to instead */
	double		coverage;		/* share of the held-out rows that their interval or set holds */
	double		interval_size;	/* its mean width, or number of classes */
	struct EgRemembered *remembered;	/* keys of the column to remember, or NULL */
	char	   *estimate;		/* what fit() measured by itself, members of a JSON object, or "" */
} EgTrained;

/*
 * Train.  Results live in CurrentMemoryContext; the matrix and the model are
 * gone on return.  Errors: those of eg_source_read() and of the algorithm, and
 * DATA_EXCEPTION for constant targets and single classes.
 */
extern EgTrained *eg_train(const EgTrainSpec *spec, EgRun *run);

/* Weights are finite, not negative, and not all zero; else DATA_EXCEPTION. */
extern void eg_train_check_weights(const EgTrainSpec *spec, const EgSourceData *d);

/* What to read for a training, hashed by the split's seed. */
extern EgSourceSpec eg_train_source(const EgTrainSpec *spec, const EgSplit *split);

/* a partition value with fewer rows to learn from uses the model for all rows */
#define EG_MIN_PART_ROWS	100

/* For EgDataset.categories: the words of each feature that is a category. */
extern const char *const *const *eg_train_category_words(const EgSchema *s);

/* ----------
 * target.c: labels
 * ----------
 */
typedef struct EgTarget
{
	EgTask		task;
	int			nlabels;
	char	  **labels;			/* (nlabels) in class order */
	int32	   *cls;			/* (nrows) class, or NULL */
} EgTarget;

/* Task, classes and class of every row; also turns d->target into class codes. */
extern EgTarget *eg_target_classes(const EgTrainSpec *spec, EgSourceData *d);

/* Weight of each class, NULL when class_weight is not given; counts over rows with part FIT. */
extern double *eg_target_class_weights(const EgTrainSpec *spec, const EgTarget *t,
									   const uint8 *part, Size nrows);

/* ----------
 * train_calibrate.c: rows set apart for calibration
 * ----------
 */

/* Kinds of training rows, in the order in which they lie in the matrix. */
typedef enum EgRows
{
	EG_ROWS_FIT,
	EG_ROWS_VALID,				/* early stopping and the like, for fit() */
	EG_ROWS_CALIBRATE,			/* curves */
	EG_ROWS_CONFORMAL			/* intervals */
} EgRows;

#define EG_NROWS			4

/* Errors for tasks that have neither probabilities nor intervals. */
extern void eg_check_calibration(const EgTrainSpec *spec, EgTask task);

/* Share of the training rows that are not fitted, when fit() wants the given share. */
extern double eg_validation_share(const EgTrainSpec *spec, double validation);

/* What a validation row is for, by its hash; validation as above. */
extern EgRows eg_validation_use(const EgTrainSpec *spec, double validation, uint64 hash);

/*
 * Rank of every row (palloc'd) for eg_source_canonical(): by part, then by use,
 * then by group.  Adds the rows of each use, held-out ones aside, to rows.
 */
extern uint64 *eg_part_ranks(const EgTrainSpec *spec, const EgSourceData *d, const uint8 *part,
							 double validation, Size rows[EG_NROWS]);

/*
 * Fit curves and intervals of a model to ncalibrate rows and then nconformal
 * rows of x, in CurrentMemoryContext.  params: the resolved ones, JSON.
 */
extern void eg_calibrate_artifact(EgArtifact *a, const EgTrainSpec *spec, const EgMatrix *x,
								  const double *truth, const double *weight, Size ncalibrate,
								  Size nconformal);

/*
 * Fit curves and intervals to scores out of fold of n rows, all rows to both;
 * a fold's intervals see the curves of the others (train_cross.c).
 */
extern void eg_cross_fit(EgArtifact *a, const EgTrainSpec *spec, const double *truth,
						 const double *score, const double *weight, const int32 *fold, int nfolds,
						 Size n);

#endif							/* EG_TRAIN_H */
