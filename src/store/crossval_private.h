/*-------------------------------------------------------------------------
 *
 * crossval_private.h
 *	  What the files of cross-validation share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CROSSVAL_PRIVATE_H
#define EG_CROSSVAL_PRIVATE_H

#include "store/crossval.h"

/* Kinds of a fold's rows, in the order in which they lie: EgRows, and those to test. */
#define EG_FOLD_TEST		EG_NROWS
#define EG_NFOLD_ROWS		(EG_NROWS + 1)

typedef struct EgCrossvalState
{
	EgSourceData *d;
	EgTarget   *target;
	int32	  **fold;			/* (repeats) of each row, from 0; -1: only learned from */
	const char *const *const *all_words;
	int		   *first_code;		/* (ncols + 1) where a feature's codes begin in seen */

	/* of the present fold */
	uint8	   *part;			/* (nrows) EgPart */
	uint8	   *kind;			/* (nrows) what the row is for in the fold */
	Size	   *rows;			/* (nrows) one kind after the other */
	EgMatrix	x;				/* (nrows, ncols) in that order */
	bool	   *seen;			/* by code: occurs in the training rows */
	int		   *ncategories;	/* (ncols) of those that do */
	const char *const **words;	/* (ncols) */
	double	   *role[EG_NROLES];	/* (nrows) or NULL */
	uint64	   *order;			/* (nrows) scratch */
} EgCrossvalState;

/* Fit the models of a fold whose rows lie ready, and score its test rows (crossval_part.c). */
extern void eg_crossval_parts(EgCrossval *cv, const EgAlgorithm *algorithm, const void *params,
							  const Size count[EG_NFOLD_ROWS], EgRun *run, EgFoldScores *out);

#endif							/* EG_CROSSVAL_PRIVATE_H */
