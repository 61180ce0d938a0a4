/*-------------------------------------------------------------------------
 *
 * space.h
 *	  The space in which clusters are looked for: prepared columns (prepare.h),
 *	  bounded, for cosine with rows of length 1; and the way back to the
 *	  columns' own units.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SPACE_H
#define EG_SPACE_H

#include "algo/prepare.h"

typedef struct EgSpace
{
	EgPrep	   *prep;
	bool		cosine;			/* columns are scaled, not centered; rows have length 1 */
	int			width;
	float	   *shift;			/* (width) where zero of the columns themselves is */
	int		   *column;			/* (width) input column of a number, -1: a share of rows */
	char	  **names;			/* (width) */
} EgSpace;

/* In CurrentMemoryContext. */
extern EgSpace *eg_space_fit(const EgDataset *data, bool scale, bool cosine);

/* One row to width values.  Neither allocates nor throws. */
extern void eg_space_row(const EgSpace *s, const float *x, float *out);

/*
 * The rows to learn from that weigh anything, (*n, width); *weight is theirs, or NULL.
 * Errors: no such row, weights that are none, memory.
 */
extern float *eg_space_rows(const EgSpace *s, const EgDataset *data, EgRun *run,
							const char *what, Size *n, double **weight);

/* A center as a JSON object, in the columns' own units; of cosine its direction. */
extern void eg_space_center(const EgSpace *s, const double *center, StringInfo json);

extern void eg_space_save(const EgSpace *s, EgWriter *w);
extern EgSpace *eg_space_load(EgReader *r);

#endif							/* EG_SPACE_H */
