/*-------------------------------------------------------------------------
 *
 * prepare.h
 *	  Input for learners that cannot take missing values or categories:
 *	  imputed, one-hot, scaled.  What was learned here is part of the model
 *	  and is done again at scoring, by the same code.
 *
 *	  number:	(x - mean) / deviation; missing becomes the mean, and one more
 *				column says so when the training rows had missing values
 *	  category:	one column for each code (but the most frequent one, with
 *				EG_PREP_REFERENCE); missing and unseen: zeros, or a column of
 *				their own when the training rows had missing values
 *	  A column that is constant in the training rows is dropped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PREPARE_H
#define EG_PREPARE_H

#include "algo/algo.h"

#define EG_PREP_SCALE		(1 << 0)	/* numbers to mean 0, deviation 1 */
#define EG_PREP_REFERENCE	(1 << 1)	/* leave out the most frequent category: no collinearity */

typedef struct EgPrep
{
	int			ncols;			/* of the input */
	int			width;			/* of the output */
	int			flags;
	bool		plain;			/* every column is a number with an output of its own */
	int		   *first;			/* (ncols) first output column, -1 when dropped */
	int		   *ncategories;	/* (ncols) */
	int		   *reference;		/* (ncols) code that has no column, -1 for none */
	int		   *missing;		/* (ncols) output column that says missing, -1 for none */
	double	   *mean;			/* (ncols) weighted, of the values present; numbers only */
	double	   *deviation;		/* (ncols) 1 without EG_PREP_SCALE */
	double	   *factor;			/* (ncols) 1 / deviation */
	int		   *code_start;		/* (ncols + 1) where a column's codes begin in code_column */
	int		   *code_column;	/* output column of each code; -1: reference or never seen */
} EgPrep;

/* Learn from the first data->nfit rows, weighted by the WEIGHT role; in CurrentMemoryContext. */
extern EgPrep *eg_prep_fit(const EgDataset *data, int flags);

/* What is counted of the rows; one entry for each column where nothing else is said. */
typedef struct EgPrepCounts
{
	double	   *code;			/* weight of each code of each category column */
	double	   *blank;			/* weight of the rows without a value */
	double	   *guess;			/* numbers: near the mean */
	double	   *sum;			/* numbers: of weight * (value - guess) */
	double	   *square;			/* ... of its square */
	float	   *some;			/* numbers: one of the values */
	int		   *varies;			/* numbers: another value has been seen */
	double		total;			/* weight of the rows */
} EgPrepCounts;

/* What eg_prep_fit() makes of the counts. */
extern EgPrep *eg_prep_decide(int ncols, const int *ncategories, int flags,
							  const EgPrepCounts *counts);

/* One row of ncols values to width values.  Neither allocates nor throws. */
extern void eg_prep_row(const EgPrep *p, const float *x, double *restrict out);
extern void eg_prep_row_float(const EgPrep *p, const float *x, float *restrict out);

/* Names of the output columns: "tenure", "plan=free", "tenure is missing"; palloc'd. */
extern char **eg_prep_names(const EgPrep *p, const EgDataset *data);

extern void eg_prep_save(const EgPrep *p, EgWriter *w);
extern EgPrep *eg_prep_load(EgReader *r);

#endif							/* EG_PREPARE_H */
