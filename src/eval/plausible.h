/*-------------------------------------------------------------------------
 *
 * plausible.h
 *	  Could such a row exist?  Judged by a sample of observed rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLAUSIBLE_H
#define EG_PLAUSIBLE_H

typedef struct EgPlausible EgPlausible;

/*
 * rows (nrows, ncols) stay the caller's and must live as long.  ncategories
 * (ncols): 0 = a number.  unit (ncols): a typical difference of two values of a
 * number.
 */
extern EgPlausible *eg_plausible_create(const float *rows, int nrows, int ncols,
										const int *ncategories, const double *unit);

/* Distance to the nearest observed row: mean over the columns, each 0 to 1. */
extern double eg_plausible_distance(const EgPlausible *p, const float *x);

/* Is it at most that? */
extern bool eg_plausible_near(EgPlausible *p, const float *x, double distance);

/* Distance that 95 % of the observed rows keep from their nearest neighbour. */
extern double eg_plausible_limit(const EgPlausible *p);

/*
 * A column whose value in x is never seen together with that of column j,
 * although both are frequent enough that they should have met; -1: none.
 */
extern int	eg_plausible_conflict(const EgPlausible *p, const float *x, int j);

/*
 * What column k has most often (numbers: in the middle) where column j has x's value;
 * NaN: unknown.
 */
extern float eg_plausible_companion(const EgPlausible *p, const float *x, int j, int k);

#endif							/* EG_PLAUSIBLE_H */
