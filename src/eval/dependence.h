/*-------------------------------------------------------------------------
 *
 * dependence.h
 *	  How a model's output changes with one feature, or with two.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_DEPENDENCE_H
#define EG_DEPENDENCE_H

#include "algo/shapley.h"
#include "base/run.h"

/* One output of a model, and rows to look at it with. */
typedef struct EgDependence
{
	EgFunction	f;
	void	   *arg;
	int			width;			/* outputs of f */
	int			output;			/* which is looked at, */
	bool		flip;			/* as 1 - output: the other class of two */
	const float *x;				/* (n, stride) */
	Size		n;
	int			stride;
	int			ncols;			/* features; what lies behind them stays with its row */
	const int  *ncategories;	/* (ncols) 0 = number */
	EgRun	   *run;
	int			done;			/* blocks scored and to be scored, for the progress */
	int			total;
} EgDependence;

/* Values of a feature. */
typedef struct EgGrid
{
	int			feature;
	int			n;
	double	   *value;			/* (n) as the model sees it; NaN for missing, the last one */
	double	   *count;			/* (n) rows at it, or between the previous one and it */
} EgGrid;

/*
 * Values to look at a feature with, at most points: those of the sample if they
 * are fewer, else steps of equal size between the 5 and the 95 % quantile (as
 * scikit-learn has them), whole ones where the feature's are whole; of
 * categories the most frequent.  One more for missing values if the sample has
 * such.  n is 0 when the feature has no value.
 */
extern EgGrid eg_dependence_grid(const EgDependence *d, int feature, int points);

/* What the rows' outputs are at a point of the grid. */
typedef struct EgPoint
{
	double		mean;
	double		deviation;
	double		lower;			/* 10 % quantile */
	double		upper;			/* 90 % */
	double		count;			/* rows of the sample there */
} EgPoint;

/*
 * Partial dependence (Friedman, Greedy Function Approximation, 2001) on a, and on b
 * unless it is NULL: (a->n, b->n) points.  each, unless NULL, gets the output of
 * every row at every point, (points, n): individual conditional expectations
 * (Goldstein et al., Peeking Inside the Black Box, 2015).
 */
extern void eg_dependence_partial(EgDependence *d, const EgGrid *a, const EgGrid *b,
								  EgPoint *points, double *each);

/*
 * The feature that goes most with what is left of the contributions (n) of
 * another one when that one's value is nearly fixed; -1 when there is none.
 */
extern int	eg_dependence_companion(const EgDependence *d, int feature,
									const double *contribution);

/* Outputs of n rows, in blocks with looks at interrupts. */
extern void eg_dependence_outputs(EgDependence *d, const float *x, Size n, double *out);

/* Values of a feature in ascending order, missing ones left out; palloc'd. */
extern float *eg_dependence_sorted(const EgDependence *d, int feature, Size *n);

/* ----------
 * Accumulated local effects (ale.c).
 * ----------
 */

/* Relative to the mean; deviation (n) is that of the differences that lead to a point. */
typedef struct EgAle
{
	EgGrid		grid;			/* ends of the bins, or categories in an order of likeness */
	double	   *effect;			/* (grid.n) */
	double	   *deviation;		/* (grid.n) */
} EgAle;

/* Of one feature; at most points. */
extern EgAle eg_dependence_ale(EgDependence *d, int feature, int points);

/*
 * What two numeric features do together beyond what each does alone: (a->n, b->n)
 * effects at the ends of the bins; counts are of the cells before them.
 */
extern double *eg_dependence_ale_pair(EgDependence *d, int first, int second, int points,
									  EgGrid *a, EgGrid *b, double **counts);

/* Put the categories of a grid in an order in which neighbours are alike (likeness.c). */
extern void eg_likeness_order(const EgDependence *d, EgGrid *g);

#endif							/* EG_DEPENDENCE_H */
