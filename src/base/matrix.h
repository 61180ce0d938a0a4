/*-------------------------------------------------------------------------
 *
 * matrix.h
 *	  A dense matrix of single precision numbers; NaN means missing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MATRIX_H
#define EG_MATRIX_H

typedef struct EgMatrix
{
	Size		nrows;
	int			ncols;
	float	   *data;			/* (nrows, ncols), row after row */
} EgMatrix;

static inline float *
eg_row(const EgMatrix *m, Size i)
{
	return m->data + i * (Size) m->ncols;
}

#endif							/* EG_MATRIX_H */
