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

typedef struct EgCrossvalState
{
	EgSourceData *d;
	EgTarget   *target;
	int32	  **fold;			/* (repeats) of each row, from 0; -1: only learned from */
	const char *const *const *all_words;
	int		   *first_code;		/* (ncols + 1) where a feature's codes begin in seen */

	/* of the present fold */
	uint8	   *part;			/* (nrows) EgPart */
	Size	   *rows;			/* (nrows) fit, validation, test rows */
	EgMatrix	x;				/* (nrows, ncols) in that order */
	bool	   *seen;			/* by code: occurs in the training rows */
	int		   *ncategories;	/* (ncols) of those that do */
	const char *const **words;	/* (ncols) */
	double	   *role[EG_NROLES];	/* (nrows) or NULL */
	uint64	   *order;			/* (nrows) scratch */
} EgCrossvalState;

#endif							/* EG_CROSSVAL_PRIVATE_H */
