/*-------------------------------------------------------------------------
 *
 * gaussian_em.h
 *	  Mixtures of normal distributions, fitted by expectation-maximization.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_GAUSSIAN_EM_H
#define EG_GAUSSIAN_EM_H

#include "base/run.h"

typedef enum EgCovariance
{
	EG_COV_FULL,				/* each component its own */
	EG_COV_TIED,				/* one for all */
	EG_COV_DIAG,				/* each its own, columns independent */
	EG_COV_SPHERICAL			/* each one variance */
} EgCovariance;

typedef struct EgMixture
{
	EgCovariance kind;
	int			k;
	int			d;
	double	   *weight;			/* (k) in sum 1 */
	double	   *mean;			/* (k, d) */

	/*
	 * What makes a row minus the mean standard normal.  FULL (k, d, d), TIED (d, d):
	 * the inverse of the lower Cholesky factor of the covariance, lower triangle;
	 * DIAG (k, d), SPHERICAL (k): 1 / deviation.
	 */
	double	   *factor;
	double	   *constant;		/* (k) log of the weight and of the density at the mean */
	double	   *z;				/* (d) scratch of eg_mixture_shares() */
} EgMixture;

typedef struct EgMixtureSpec
{
	const float *x;				/* (n, d) finite */
	Size		n;
	int			d;
	const double *weight;		/* (n) or NULL */
	int			k;
	EgCovariance kind;
	double		regularization; /* added to variances */
	double		tol;			/* of the mean log-likelihood of a row */
	int			max_iter;
	int			n_init;
	uint64		seed;
	int			threads;
	Size		memory_limit;
	EgRun	   *run;
} EgMixtureSpec;

typedef struct EgMixtureFit
{
	EgMixture  *mixture;		/* the component of the most rows first */
	double	   *size;			/* (k) weight of the rows that are its most likely */
	int32	   *label;			/* (n) */
	double		likelihood;		/* log, of all rows */
	double		total;			/* weight of all rows */
	int			iterations;
	bool		converged;
} EgMixtureFit;

extern EgMixtureFit *eg_mixture_fit(const EgMixtureSpec *spec);

/* Numbers in mixture->factor. */
extern Size eg_mixture_factors(EgCovariance kind, int k, int d);

/* Empty, to be filled; then eg_mixture_finish() makes the constants. */
extern EgMixture *eg_mixture_create(EgCovariance kind, int k, int d);
extern void eg_mixture_finish(EgMixture *m);

/* Free parameters, for BIC and AIC. */
extern double eg_mixture_parameters(const EgMixture *m);

/* Log of weight times density of component c; z (d) becomes the row minus the mean. */
extern double eg_mixture_log_density(const EgMixture *m, int c, const float *x,
									 double *restrict z);

/* Logs to shares in sum 1; returns the log of the sum. */
extern double eg_mixture_normalize(double *v, int k);

static inline bool
eg_has_matrix(EgCovariance kind)
{
	return kind == EG_COV_FULL || kind == EG_COV_TIED;
}

/* Probability of each component for a row, and its log-density.  Neither allocates nor throws. */
extern double eg_mixture_shares(const EgMixture *m, const float *x, double *out);

#endif							/* EG_GAUSSIAN_EM_H */
