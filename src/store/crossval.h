/*-------------------------------------------------------------------------
 *
 * crossval.h
 *	  The same rows many times over: read once, then fit and score any
 *	  algorithm on any fold.
 *
 *	  read -> labels -> split -> canonical order -> folds | fold: copy, fit, score
 *
 * Nothing is measured here; the caller gets truth and score of each fold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CROSSVAL_H
#define EG_CROSSVAL_H

#include "store/train.h"

typedef struct EgCrossvalSpec
{
	/*
	 * What to read, as for training; group_by also without a ranking: then its
	 * rows stay together.  With test_size or split, the rows that training
	 * would hold out are left alone.  split is never the time column.
	 */
	EgTrainSpec train;
	int			folds;
	int			repeats;
	bool		stratified;
	const char *time_column;	/* ordered folds, or NULL */
	const char *compare;		/* category column whose values are to be told apart, or NULL;
								 * not together with train.partition_by */
} EgCrossvalSpec;

typedef struct EgCrossval
{
	const EgCrossvalSpec *spec;
	EgTask		task;
	int			nlabels;
	char	  **labels;			/* (nlabels) */
	Size		nrows;			/* in the folds */
	int64		nskipped;		/* without a target */
	uint64		fingerprint;
	int			ncompared;		/* values of the compare column */
	char	  **compared;		/* (ncompared) */
	struct EgCrossvalState *state;
} EgCrossval;

/* One fold, fitted and scored; in the memory context of the call. */
typedef struct EgFoldScores
{
	Size		ntrain;
	EgHeldOut	test;
	int32	   *compared;		/* (test.n) value of the compare column, -1 for NULL; or NULL */
	int			nparts;			/* partition values with a model of their own */
	double		coverage;		/* share of the test rows in their interval or set, or NaN */
	double		interval_size;	/* its mean width, or number of classes */
	double		seconds;		/* of fit() and predict() */
} EgFoldScores;

/* Read all and make the folds.  Errors: those of eg_train(), and folds without a class. */
extern EgCrossval *eg_crossval_read(const EgCrossvalSpec *spec, EgRun *run);

/*
 * Learn from all folds but one, score that one.  params are parsed.  repeat
 * and fold from 0.
 */
extern void eg_crossval_fold(EgCrossval *cv, const EgAlgorithm *algorithm, const void *params,
							 int repeat, int fold, EgRun *run, EgFoldScores *out);

/*
 * The same, but an error of the learner about data or parameters (SQLSTATE 22...)
 * is returned as its message; NULL when there was none.
 */
extern char *eg_crossval_try_fold(EgCrossval *cv, const EgAlgorithm *algorithm,
								  const void *params, int repeat, int fold, EgRun *run,
								  EgFoldScores *out);

/* Columns of the key: where groups take its place, they still are no features. */
extern List *eg_crossval_key_names(const EgTrainSpec *t);

#endif							/* EG_CROSSVAL_H */
