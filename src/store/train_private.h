/*-------------------------------------------------------------------------
 *
 * train_private.h
 *	  What the files of training share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TRAIN_PRIVATE_H
#define EG_TRAIN_PRIVATE_H

#include "algo/frozen.h"
#include "store/progress.h"
#include "store/remembered.h"
#include "store/train.h"

/* Stored models that the parameters name (train_members.c). */
typedef struct EgMembers
{
	EgReferences references;
	char	  **names;			/* (n) exact: "churn@1.2.0" */
	EgVersionRow **versions;	/* (n) */
	EgCompiled **compiled;		/* (n) */
	EgFrozen   *frozen;			/* (n) once bound; unseen for all rows of the source */
	List	   *lent;			/* of char *: names whose models the user does not own */
} EgMembers;

typedef struct EgTrainState
{
	const EgTrainSpec *spec;
	EgRun	   *run;
	EgMembers  *members;		/* or NULL */
	EgSourceData *d;
	EgTarget   *target;
	void	   *params;
	double	   *class_weights;
	Size		rows[EG_NROWS]; /* of each kind, in this order the first ones */
	Size		nlearn;			/* fit and validation rows */
	Size		ntrain;			/* these and those for calibration; the rest is held out */
	EgTrained  *result;
	EgProgress	progress;
} EgTrainState;

/*
 * The given rows (NULL: the first ones) as a dataset, of each kind as many as
 * count says; those set apart for calibration go to aside.  Copies are
 * made in CurrentMemoryContext.
 */
extern void eg_train_dataset(const EgTrainState *s, const Size *rows, const Size count[EG_NROWS],
							 EgDataset *data, EgMatrix *aside);

/* v of the given rows; v itself for rows NULL. */
extern double *eg_pick(const double *v, const Size *rows, Size n);

/* ----------
 * train_score.c
 * ----------
 */

/* Score the held-out rows with what was stored; adds the scores' distribution to part 0. */
extern void eg_train_score(EgTrainState *s);

/* ----------
 * train_members.c
 * ----------
 */

/*
 * Find the stored models that the parameters name, as the current user, and
 * write their exact names into params; NULL when there are none.
 */
extern EgMembers *eg_members_resolve(const EgTrainSpec *spec, void *params);

/* The split that a new model takes over, so that it holds out what a member held out; or NULL. */
extern const Jsonb *eg_members_split(const EgMembers *m, const EgTrainSpec *spec);

/* Have the source read what the members need. */
extern void eg_members_source(const EgMembers *m, EgSourceSpec *source);

/* Error unless all members remember their keys, too. */
extern void eg_members_check_remembered(const EgMembers *m);

/* These keys and the members': it has learned from those, too.  m and own may be NULL. */
extern EgRemembered *eg_members_remembered(const EgMembers *m, EgRemembered *own);

/* Errors for columns, task and classes that are not the members'. */
extern void eg_members_check_columns(const EgMembers *m, const EgSchema *schema);
extern void eg_members_check_target(const EgMembers *m, const EgTarget *target);

/*
 * Translations, and which rows each member has certainly not learned from;
 * rows are in their final order.  Tells the result of held-out rows that are
 * none of these.
 */
extern void eg_members_bind(EgMembers *m, EgTrainState *s);

/* The members for a dataset of the given rows (NULL: the first n). */
extern void eg_members_dataset(const EgMembers *m, const Size *rows, Size n, EgDataset *data);

/* Has no stored member learned from this row?  m may be NULL. */
extern bool eg_members_unseen(const EgMembers *m, Size row);

/* Error unless the n of all rows that no stored member has learned are enough. */
extern void eg_members_check_interval(const EgMembers *m, double interval, Size n, Size all);

/* ----------
 * train_cross.c
 * ----------
 */

/*
 * Curves and intervals of a model from the scores that models of other folds
 * give its fit rows (NULL: the first ones).  Returns the rows used.
 */
extern Size eg_cross_calibrate(EgTrainState *s, EgArtifact *a, const Size *rows,
							   const Size count[EG_NROWS], const char *what);

#endif							/* EG_TRAIN_PRIVATE_H */
