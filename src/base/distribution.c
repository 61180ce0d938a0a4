/*-------------------------------------------------------------------------
 *
 * distribution.c
 *	  Student's t and the normal distribution.
 *
 * The t distribution is an incomplete beta function, which is a continued
 * fraction: NIST Digital Library of Mathematical Functions, 8.17.22 for the
 * fraction, 8.17.4 for the other tail, https://dlmf.nist.gov/8.17.  The
 * fraction is evaluated as in W. J. Lentz, "Generating Bessel functions in
 * Mie scattering calculations using continued fractions", Applied Optics 15,
 * 1976.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/distribution.h"

#define MAX_TERMS		20000
#define TINY			1e-300

/* a number to divide by */
static double
not_zero(double v)
{
	return fabs(v) < TINY ? TINY : v;
}

/* The fraction; it converges fast for x below (a + 1) / (a + b + 2). */
static double
beta_fraction(double x, double a, double b)
{
	double		c = 1;
	double		d = 1 / not_zero(1 - (a + b) * x / (a + 1));
	double		f = d;
	int			m;

	for (m = 1; m < MAX_TERMS; m++)
	{
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double		change;

		d = 1 / not_zero(1 + even * d);
		c = not_zero(1 + even / c);
		f *= c * d;
		d = 1 / not_zero(1 + odd * d);
		c = not_zero(1 + odd / c);
		change = c * d;
		f *= change;
		if (fabs(change - 1) < 1e-16)
			break;
	}
	return f;
}

double
eg_incomplete_beta(double x, double a, double b)
{
	double		front;

	if (!(x > 0))
		return 0;
	if (!(x < 1))
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(x, a, b) / a;
	return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double
eg_student_p(double t, double df)
{
	if (isnan(t))
		return NAN;
	if (!(df > 0))
		return erfc(fabs(t) * M_SQRT1_2);
	if (isinf(t))
		return 0;

	/* both tails at once; whichever of x and 1 - x is small is computed without loss */
	if (t * t > df)
		return eg_incomplete_beta(df / (df + t * t), df / 2, 0.5);
	return 1 - eg_incomplete_beta(t * t / (df + t * t), 0.5, df / 2);
}

/* By halving an interval: slow, but it is needed once a model. */
double
eg_student_quantile(double p, double df)
{
	double		low = 0;
	double		high = 1;
	int			i;

	while (eg_student_p(high, df) > p && high < 1e300)
		high *= 2;
	for (i = 0; i < 200; i++)
	{
		double		middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			break;
		if (eg_student_p(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
}
