/*-------------------------------------------------------------------------
 *
 * pca.h
 *	  Principal components: the directions in which rows differ most.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PCA_H
#define EG_PCA_H

#include "base/run.h"

typedef struct EgPca
{
	int			d;
	int			n;				/* components: those asked for, at most d */
	double	   *mean;			/* (d) */
	double	   *direction;		/* (n, d) of length 1, orthogonal */
	double	   *share;			/* (n) of the variance, descending; 0 where there is none */
} EgPca;

/*
 * The first `most` components of n rows (n, d), finite.  The largest loading of each
 * is positive; of loadings that are about equal the first one counts.  In
 * CurrentMemoryContext; answers interrupts; error for memory.  Cost (n + 100) d^2.
 */
extern EgPca *eg_pca(const float *x, Size n, int d, int most, EgRun *run);

/* Where a row lies: (p->n) numbers. */
extern void eg_pca_row(const EgPca *p, const float *x, double *out);

#endif							/* EG_PCA_H */
