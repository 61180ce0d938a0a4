/*-------------------------------------------------------------------------
 *
 * shapley.h
 *	  Shapley values of any function of a feature vector, by sampling orders
 *	  of the features, with standard errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SHAPLEY_H
#define EG_SHAPLEY_H

#include "base/bytes.h"

/* Outputs (n, width) of n rows of ncols floats. */
typedef void (*EgFunction) (void *arg, const float *x, Size n, double *out);

/*
 * Contributions of each feature to output k of f at x against the mean over
 * the background rows (nbackground, ncols).  orders pairs of a permutation
 * and its reverse are drawn with the seed (antithetic sampling).  out
 * (ncols + 1): contributions, then the base value, the mean output over the
 * background; together exactly f(x)[k].  error (ncols): standard errors.
 * Exact, with errors 0, where all subsets are fewer than the orders cost.
 * Source: Castro, Gomez and Tejada, Polynomial calculation of the Shapley value
 * based on sampling, 2009; Mitchell et al., Sampling Permutations for Shapley
 * Value Estimation, 2022 (antithetic pairs).
 */
extern void eg_shapley_sample(EgFunction f, void *arg, int width, int k, const float *x, int ncols,
							  const float *background, Size nbackground, int orders, uint64 seed,
							  double *out, double *error);

#endif							/* EG_SHAPLEY_H */
