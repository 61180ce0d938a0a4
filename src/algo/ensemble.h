/*-------------------------------------------------------------------------
 *
 * ensemble.h
 *	  What the files of the ensemble share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ENSEMBLE_H
#define EG_ENSEMBLE_H

#include "algo/algo.h"

/* rows that predict() takes at a time, since its room is the model's own */
#define EG_ENSEMBLE_BLOCK	64

typedef enum EgEnsembleMethod
{
	EG_ENSEMBLE_AVERAGE,
	EG_ENSEMBLE_WEIGHTED,
	EG_ENSEMBLE_STACKING
} EgEnsembleMethod;

typedef struct EgMember
{
	const EgAlgorithm *algorithm;
	char	   *params;			/* JSON text of the resolved parameters */
	void	   *parsed;			/* NULL when loaded */
	void	   *model;
	double		loss;			/* out of fold; NaN for the average */
} EgMember;

typedef struct EgEnsemble
{
	EgTask		task;
	EgEnsembleMethod		method;
	int			nclasses;		/* 0: numbers */
	int			nfeatures;
	int			width;
	int			nmembers;
	EgMember	   *members;
	double	   *weight;			/* (nmembers) */
	double	   *bias;			/* (nclasses), or (1): the intercept */
	double		loss;			/* of the blend, out of fold */
	double	   *room;			/* (nmembers, EG_ENSEMBLE_BLOCK, width) for predict() */
} EgEnsemble;

/* One row: v holds what the members say, arrays of width that lie stride apart.  No allocation. */
extern void eg_ensemble_row(const EgEnsemble *m, const double *v, Size stride, double *out);

/* Error unless a member's model predicts as many numbers as the ensemble. */
extern void eg_ensemble_check(const EgEnsemble *m, const EgMember *member, const void *model);

/*
 * Weights from out-of-fold predictions, and what members and blend lose on
 * them.  done and total are for the progress.
 */
extern void eg_ensemble_weigh(EgEnsemble *m, const EgDataset *data, int folds, EgRun *run,
							  int *done, int total);

#endif							/* EG_ENSEMBLE_H */
