/*-------------------------------------------------------------------------
 *
 * sequential.c
 *	  Tests that may be looked at as often as one likes.
 *
 * An ordinary p-value holds at one look that was planned; who looks each day
 * and stops at p < 0.05 is wrong far more often.  The mixture sequential
 * probability ratio test averages the likelihood ratio of an effect over a
 * normal distribution N(0, tau^2) of effects.  Without an effect that average
 * is a martingale, which exceeds 1 / alpha at any time at all with probability
 * alpha at most (Ville).  For an estimate d with variance v it is
 *
 *		L = sqrt(v / (v + tau^2)) exp(tau^2 d^2 / (2 v (v + tau^2)))
 *
 * so p = min(1, 1 / L), and the effects whose L stays below 1 / alpha are the
 * interval.  Both hold at every look, the one at which one stops included.
 *
 * tau only says where the test is sharpest.  With tau^2 = 7.9 v the interval is
 * the narrowest possible at the variance v, for alpha = 0.05; v is taken at the
 * planned size.
 *
 * The variances are estimated.  Early on an arm of rare successes may have
 * seen none and look as if it had no variance; so each is pulled to that of
 * all values, as if SHRINK more had been seen, and below EG_SEQUENTIAL_LEAST
 * values nothing is decided.  test/check_sequential.c counts false alarms.
 *
 * Sources: H. Robbins, Statistical methods related to the law of the iterated
 * logarithm, 1970; R. Johari, P. Koomen, L. Pekelis, D. Walsh, Always valid
 * inference: continuous monitoring of A/B tests, Operations Research 2022;
 * sample size: J. Cohen, Statistical power analysis, 1988, ch. 6.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/distribution.h"
#include "eval/sequential.h"

#define SHARPEST	7.9
#define SHRINK		10.0

static EgVerdict
undecided(double difference)
{
	EgVerdict	v;

	v.difference = difference;
	v.lower = -INFINITY;
	v.upper = INFINITY;
	v.p = 1;
	v.enough = false;
	return v;
}

static EgVerdict
decide(double difference, double v, double tau2, double alpha, int comparisons)
{
	EgVerdict	r = undecided(difference);
	double		a = alpha / comparisons;
	double		log_ratio;
	double		radius;

	if (!(v > 0) || !(tau2 > 0))
		return r;
	log_ratio = 0.5 * log(v / (v + tau2)) +
		tau2 * difference * difference / (2 * v * (v + tau2));
	radius = sqrt(2 * v * (v + tau2) / tau2 * (log(1 / a) + 0.5 * log((v + tau2) / v)));
	r.p = Min(1.0, exp(-log_ratio) * comparisons);
	r.lower = difference - radius;
	r.upper = difference + radius;
	r.enough = true;
	return r;
}

/* Variance of all values around the common mean. */
static double
pooled_variance(const EgMoments *a, const EgMoments *b)
{
	double		n = a->n + b->n;
	double		mean = (a->n * a->mean + b->n * b->mean) / n;
	double		squares = (a->n - 1) * a->variance + (b->n - 1) * b->variance +
		a->n * (a->mean - mean) * (a->mean - mean) + b->n * (b->mean - mean) * (b->mean - mean);

	return squares / (n - 1);
}

static double
shrunk(const EgMoments *m, double variance)
{
	return ((m->n - 1) * m->variance + SHRINK * variance) / (m->n - 1 + SHRINK);
}

EgVerdict
eg_sequential_two(const EgMoments *first, const EgMoments *other, double planned, double alpha,
				  int comparisons)
{
	double		variance;
	double		v;

	if (first->n < EG_SEQUENTIAL_LEAST || other->n < EG_SEQUENTIAL_LEAST)
		return undecided(first->n > 0 && other->n > 0 ? other->mean - first->mean : NAN);
	variance = pooled_variance(first, other);
	v = shrunk(first, variance) / first->n + shrunk(other, variance) / other->n;
	return decide(other->mean - first->mean, v, SHARPEST * 2 * variance / planned, alpha,
				  comparisons);
}

EgVerdict
eg_sequential_pairs(const EgMoments *d, double planned, double alpha, int comparisons)
{
	double		variance;

	if (d->n < EG_SEQUENTIAL_LEAST)
		return undecided(d->n > 0 ? d->mean : NAN);

	/* around 0, which is the mean when nothing is to be found */
	variance = ((d->n - 1) * d->variance + d->n * d->mean * d->mean) / d->n;
	return decide(d->mean, shrunk(d, variance) / d->n, SHARPEST * variance / planned, alpha,
				  comparisons);
}

double
eg_sample_size(double baseline, double lift, double power, double alpha)
{
	double		h = 2 * asin(sqrt(baseline * (1 + lift))) - 2 * asin(sqrt(baseline));
	double		z = eg_student_quantile(alpha, 0);

	/* the quantile of the power itself: that of two tails is for their sum */
	z += power >= 0.5 ? eg_student_quantile(2 * (1 - power), 0) :
		-eg_student_quantile(2 * power, 0);
	return 2 * z * z / (h * h);
}
