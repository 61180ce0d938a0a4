/*-------------------------------------------------------------------------
 *
 * distribution.h
 *	  Probabilities that stand behind standard errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_DISTRIBUTION_H
#define EG_DISTRIBUTION_H

/* Regularized incomplete beta function I_x(a, b), for 0 <= x <= 1 and positive a, b. */
extern double eg_incomplete_beta(double x, double a, double b);

/* Probability of a Student t (df degrees of freedom; 0: normal) at least as far from zero. */
extern double eg_student_p(double t, double df);

/* The t that is exceeded on either side with probability p in all, 0 < p < 1. */
extern double eg_student_quantile(double p, double df);

/* Probability of a chi-squared value (df degrees of freedom) at least as large. */
extern double eg_chi2_p(double chi2, double df);

/*
 * Probability that two samples of n1 and n2 numbers from one distribution lie at
 * least d apart (Kolmogorov-Smirnov, two-sided): exact without ties where
 * n1 * n2 is at most 10 million, asymptotic beyond (right to 1 %).
 */
extern double eg_kolmogorov_p(double d, double n1, double n2);

/* Add an edge to n ascending ones, unless it is none or there already; returns their number. */
extern int	eg_edges_add(double *edges, int n, double edge);

#endif							/* EG_DISTRIBUTION_H */
