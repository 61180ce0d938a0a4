/*-------------------------------------------------------------------------
 *
 * linalg.h
 *	  Small dense linear algebra in double precision, our own: symmetric
 *	  systems of as many equations as a model has coefficients.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_LINALG_H
#define EG_LINALG_H

#include "base/matrix.h"

/*
 * Cholesky factor in place, lower triangle of a (n, n).  Columns that depend
 * on earlier ones to within tolerance * their own size are dropped: dropped[j]
 * is set, row and column j of the factor are those of the identity.  Returns
 * the rank.  dropped may be NULL: then dependence gives -1.
 */
extern int	eg_cholesky(double *a, int n, double tolerance, bool *dropped);

/* Solve with the factor, in place. */
extern void eg_cholesky_solve(const double *l, int n, double *b);

/* Inverse of the factored matrix, full (n, n). */
extern void eg_cholesky_inverse(const double *l, int n, double *out);

#endif							/* EG_LINALG_H */
