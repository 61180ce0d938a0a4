/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  Rows of numbers without gaps, in single precision, times vectors in
 *	  double precision, without a copy of the rows in between.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ROWS_H
#define EG_ROWS_H

#include "base/matrix.h"

/* Every number finite? */
extern bool eg_rows_complete(const EgMatrix *x, Size nrows);

/* out[i] = start + sum over j of (x[i][j] - mean[j]) * b[j]; rows are step apart. */
extern void eg_rows_times(const float *x, Size step, int n, int ncols, const double *mean,
						  const double *b, double start, double *out);

/* sum[j] += sum over i of w[i] * (x[i][j] - mean[j]) */
extern void eg_rows_sum(const float *x, Size step, int n, int ncols, const double *mean,
						const double *w, double *sum);

#endif							/* EG_ROWS_H */
