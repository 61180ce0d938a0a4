/*-------------------------------------------------------------------------
 *
 * drift.h
 *	  How far a distribution has moved: measures over two histograms and over
 *	  two samples.
 *
 * Side 0 is the reference (training, last month), side 1 the current one.
 * Logarithms are natural.  An undefined value (a side without rows) is NaN.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_DRIFT_H
#define EG_DRIFT_H

/*
 * The least share of a bin in PSI and KL, whose logarithms an empty bin would
 * make infinite.
 */
#define EG_DRIFT_FLOOR		1e-4

/* limits of the usual reading: below 0.1 stable, below 0.2 moderate, else significant */
#define EG_PSI_MODERATE		0.1
#define EG_PSI_SIGNIFICANT	0.2
extern const char *eg_psi_status(double psi);

/* ----------
 * Histograms: counts (or weights) of the same n bins.
 * ----------
 */

/* Population stability index: sum of (c - r) ln(c / r) over shares c and r. */
extern double eg_psi(const double *reference, const double *current, int n);

/* Kullback-Leibler divergence of current from reference: sum of c ln(c / r). */
extern double eg_kl(const double *reference, const double *current, int n);

/* Jensen-Shannon divergence, 0 to ln 2; the square of scipy's distance. */
extern double eg_js(const double *reference, const double *current, int n);

/* Pearson's chi-squared of the 2 x n table, without correction; *p its p-value. */
extern double eg_chi2(const double *reference, const double *current, int n, double *p);

/* ----------
 * Samples, sorted ascending, without NaN.
 * ----------
 */
typedef struct EgSample
{
	Size		n;
	const double *value;		/* (n) */
	const double *weight;		/* (n) or NULL: all 1 */
	double		total;			/* sum of the weights */
} EgSample;

/* Largest distance of the two distribution functions. */
extern double eg_ks(const EgSample *reference, const EgSample *current);

/* Area between the two distribution functions, in the values' unit. */
extern double eg_wasserstein(const EgSample *reference, const EgSample *current);

/*
 * Upper edges of about nbins bins of equal weight of the reference, strictly
 * ascending; ties make fewer.  A value that has the weight of a bin has one of its
 * own, for what moves to either side of it must be seen, where the reference has
 * nothing, too.  The last bin has no upper edge: returns the number of edges, one
 * less than the bins.  edges (EG_EDGES(nbins)).
 */
#define EG_EDGES(nbins)		(2 * (nbins))
extern int	eg_sample_edges(const EgSample *reference, int nbins, double *edges);

/* Weight of each of nedges + 1 bins: (edge[i - 1], edge[i]]. */
extern void eg_sample_histogram(const EgSample *s, const double *edges, int nedges,
								double *counts);

#endif							/* EG_DRIFT_H */
