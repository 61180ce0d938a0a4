/*-------------------------------------------------------------------------
 *
 * moments.h
 *	  Sums of products of raw columns: all that least squares asks of rows,
 *	  collected while nobody knows yet which categories, missing values and
 *	  features will come.
 *
 *	  rows -> add, add, ... combine -> EgPrep and EgProducts
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MOMENTS_H
#define EG_MOMENTS_H

#include "algo/products.h"

typedef struct EgMomentColumn
{
	int			value;			/* index of a number in the sums; -1: a category */
	int			missing;		/* index of "is missing", -1: never was */
	int			ncodes;			/* of a category */
	int			code_room;
	int		   *code;			/* (ncodes) index of each, -1: not yet seen */
	double		offset;			/* taken from numbers before they are multiplied: near their mean */
	double		min;			/* of numbers; min > max: none seen */
	double		max;
} EgMomentColumn;

typedef struct EgMoments
{
	int			ncols;
	EgMomentColumn *columns;
	int			n;				/* sums are (n, n): the one, the target, then as they came */
	int			room;			/* row stride of sums */
	double	   *sums;			/* lower triangle */
	double		target_offset;
	Size		rows;
} EgMoments;

#define EG_MOMENT_ONE		0
#define EG_MOMENT_TARGET	1

static inline double
eg_moments_sum(const EgMoments *m, int i, int j)
{
	return i >= j ? m->sums[(Size) i * m->room + j] : m->sums[(Size) j * m->room + i];
}

/* No columns, no rows; in CurrentMemoryContext, as is all that grows. */
extern EgMoments *eg_moments_create(void);

/* One more column, missing in all rows so far; returns its number. */
extern int	eg_moments_column(EgMoments *m, bool category);

/*
 * Rows (nrows, ncols) and targets.  A number, a code from 0, NaN for missing.
 * The first rows choose the offsets.
 */
extern void eg_moments_add(EgMoments *m, const double *x, const double *y, Size nrows);

/*
 * Rows of b to those of a.  column (b->ncols): number in a; code[j] (or NULL): a's
 * codes of b's.  b is changed.
 */
extern void eg_moments_combine(EgMoments *a, EgMoments *b, const int *column,
							   const int *const *code);

/* Put columns into order: order (n) names the present numbers. */
extern void eg_moments_order(EgMoments *m, const int *order, int n);

/* New codes of a category: map (ncodes) of old to new, a permutation. */
extern void eg_moments_recode(EgMoments *m, int column, const int *map);

/* A number less the same for all rows; sums do not change. */
extern void eg_moments_subtract(EgMoments *m, int column, double what);

/*
 * How eg_prep_fit() would have prepared the rows, and what eg_products_create()
 * would have made of that.
 */
extern EgPrep *eg_moments_prep(const EgMoments *m, int flags);
extern EgProducts *eg_moments_products(const EgMoments *m, const EgPrep *prep, bool intercept);

/* Means of the prepared columns, for EgCoefs.centre. */
extern void eg_moments_centre(const EgMoments *m, const EgPrep *prep, double *centre);

extern void eg_moments_save(const EgMoments *m, EgWriter *w);
extern EgMoments *eg_moments_load(EgReader *r);

#endif							/* EG_MOMENTS_H */
