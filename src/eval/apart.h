/*-------------------------------------------------------------------------
 *
 * apart.h
 *	  Can a classifier tell two sets of rows apart?
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_APART_H
#define EG_APART_H

#include "algo/algo.h"

#define EG_APART_FOLDS	5
#define EG_APART_ROWS	20		/* fewest rows of a set that say anything */

typedef struct EgApart
{
	int			ncols;
	const int  *ncategories;	/* (ncols) */
	const char *const *names;	/* (ncols) */
	const float *rows[2];		/* (n, ncols) each, in an order that is a random one */
	Size		n[2];
} EgApart;

/*
 * Area under the ROC curve of a random forest on rows that it has not learned
 * from: 0.5 for sets that are alike, 1 for sets that never are.  *error is its
 * standard error.  NaN for sets of fewer than EG_APART_ROWS rows.
 */
extern double eg_apart(const EgApart *sets, EgRun *run, double *error);

#endif							/* EG_APART_H */
