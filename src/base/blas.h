/*-------------------------------------------------------------------------
 *
 * blas.h
 *	  OpenBLAS, opened on first use with all signals blocked; the only file
 *	  that knows it.  Matrices are row after row.
 *
 * Scoring never comes here.  Errors: EXTERNAL_ROUTINE_EXCEPTION when the
 * library cannot be opened (the hint names the package).  Results of a call
 * must not depend on the number of threads where an algorithm promises that:
 * see eg_blas_threads().
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BLAS_H
#define EG_BLAS_H

#include "base/matrix.h"

/* c (m, n) = alpha * op(a) (m, k) * op(b) (k, n) + beta * c; ld* are row strides */
extern void eg_blas_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha,
						  const float *a, int lda, const float *b, int ldb, float beta, float *c,
						  int ldc);
extern void eg_blas_dgemm(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha,
						  const double *a, int lda, const double *b, int ldb, double beta,
						  double *c, int ldc);

/* y = alpha * op(a) * x + beta * y, a is (m, n) */
extern void eg_blas_dgemv(bool transpose, int m, int n, double alpha, const double *a, int lda,
						  const double *x, double beta, double *y);

/* c (n, n), lower triangle = alpha * t(a) * a + beta * c, a is (k, n) */
extern void eg_blas_dsyrk(int n, int k, double alpha, const double *a, int lda, double beta,
						  double *c, int ldc);

/*
 * Threads that the library may use from now on (1: the sums do not depend on
 * threads).  It is one setting for the backend, so a fit sets it at its start;
 * 1 after loading.
 */
extern void eg_blas_threads(int threads);

/* The kernels that the library computes with, and why, for SHOW engage.blas_kernels. */
extern const char *eg_blas_kernels(void);

#endif							/* EG_BLAS_H */
