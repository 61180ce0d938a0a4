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
#include "algo/frozen.h"

/* rows that predict() takes at a time, since its room is the model's own */
#define EG_ENSEMBLE_BLOCK	64

#define EG_ENSEMBLE_FORMAT	2
#define EG_MAX_MEMBERS		32

/* ensembles within ensembles, itself included */
#define EG_ENSEMBLE_DEPTH	3

typedef enum EgEnsembleMethod
{
	EG_ENSEMBLE_AVERAGE,
	EG_ENSEMBLE_WEIGHTED,
	EG_ENSEMBLE_STACKING
} EgEnsembleMethod;

typedef struct EgEnsembleParams
{
	Jsonb	   *members;
	const char *method;
	int			folds;
	bool		trust;
} EgEnsembleParams;

typedef struct EgMember
{
	EgFrozen	is;				/* name NULL: a recipe, trained with the ensemble */
	void	   *parsed;			/* of a recipe; NULL when loaded */
	double		loss;			/* out of fold; NaN for the average */
} EgMember;

typedef struct EgEnsemble
{
	EgTask		task;
	EgEnsembleMethod method;
	int			nclasses;		/* 0: numbers */
	int			nfeatures;
	int			width;
	int			nmembers;
	int			nrecipes;		/* members that are no stored models */
	EgMember   *members;
	double	   *weight;			/* (nmembers) */
	double	   *bias;			/* (nclasses), or (1): the intercept */
	double		loss;			/* of the blend, out of fold */
	double	   *room;			/* (nmembers, EG_ENSEMBLE_BLOCK, width) for predict() */
	float	   *x;				/* (EG_ENSEMBLE_BLOCK, most features of a member) likewise */
} EgEnsemble;

extern const EgAlgorithm eg_ensemble;

/* ensemble_members.c: from the parameters; data NULL: stored members stay empty */
extern void eg_ensemble_members(EgEnsemble *m, const EgEnsembleParams *p, const EgDataset *data);
extern void eg_ensemble_references(const void *params, EgReferences *out);
extern void eg_ensemble_refer_exactly(void *params, char *const *names);
extern const EgAlgorithm *eg_ensemble_recipe(const char *name); /* NULL: no such algorithm */

/* Levels of ensembles, this one included. */
extern int	eg_ensemble_depth(const EgEnsemble *m);

/* Weights and rooms, for a given number of members. */
extern void eg_ensemble_arrays(EgEnsemble *m);

/* Room for the members' own rows, once they are complete. */
extern void eg_ensemble_room(EgEnsemble *m);

/* ensemble_stored.c */
extern void eg_ensemble_save(const void *model, EgWriter *w);
extern void *eg_ensemble_load(EgReader *r, int format);

/* One row: v holds what the members say, arrays of width that lie stride apart.  No allocation. */
extern void eg_ensemble_row(const EgEnsemble *m, const double *v, Size stride, double *out);

/* Error unless a member's model predicts as many numbers as the ensemble. */
extern void eg_ensemble_check(const EgEnsemble *m, const EgMember *member, const void *model);

/*
 * Weights from predictions by members that have not seen the rows, and what
 * members and blend lose on them.  done and total are for the progress.
 */
extern void eg_ensemble_weigh(EgEnsemble *m, const EgDataset *data, int folds, EgRun *run,
							  int *done, int total);

#endif							/* EG_ENSEMBLE_H */
