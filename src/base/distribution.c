/*-------------------------------------------------------------------------
 *
 * distribution.c
 *	  Student's t, the normal, chi-squared and Kolmogorov's distribution.
 *
 * The t distribution is an incomplete beta function, which is a continued
 * fraction: NIST Digital Library of Mathematical Functions, 8.17.22 for the
 * fraction, 8.17.4 for the other tail, https://dlmf.nist.gov/8.17.  The
 * fraction is evaluated as in W. J. Lentz, "Generating Bessel functions in
 * Mie scattering calculations using continued fractions", Applied Optics 15,
 * 1976.  Chi-squared is an incomplete gamma function: 8.7.1 (series) and 8.9.2
 * (fraction) there.  Kolmogorov's exact distribution for two samples counts
 * lattice paths: J. L. Hodges, "The significance probability of the Smirnov
 * two-sample test", Arkiv for Matematik 3, 1958.  The asymptotic one has the
 * correction of M. A. Stephens, "Use of the Kolmogorov-Smirnov, Cramer-von Mises
 * and related statistics without extensive tables", JRSS B 32, 1970.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "base/distribution.h"

#define MAX_TERMS		20000
#define TINY			1e-300
#define MAX_EXACT		1e7		/* steps for the exact Kolmogorov p-value: 50 ms */

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

/* Lower incomplete gamma function P(a, x) by its series, good for x < a + 1. */
static double
gamma_series(double a, double x)
{
	double		term = 1 / a;
	double		sum = term;
	int			n;

	for (n = 1; n < MAX_TERMS; n++)
	{
		term *= x / (a + n);
		sum += term;
		if (term < sum * 1e-17)
			break;
	}
	return sum * exp(a * log(x) - x - lgamma(a));
}

/* Upper incomplete gamma function Q(a, x) by its fraction, good for x >= a + 1. */
static double
gamma_fraction(double a, double x)
{
	double		b = x + 1 - a;
	double		c = 1 / TINY;
	double		d = 1 / not_zero(b);
	double		f = d;
	int			n;

	for (n = 1; n < MAX_TERMS; n++)
	{
		double		an = -n * (n - a);
		double		change;

		b += 2;
		d = 1 / not_zero(b + an * d);
		c = not_zero(b + an / c);
		change = c * d;
		f *= change;
		if (fabs(change - 1) < 1e-16)
			break;
	}
	return f * exp(a * log(x) - x - lgamma(a));
}

double
eg_chi2_p(double chi2, double df)
{
	double		a = df / 2;
	double		x = chi2 / 2;

	if (isnan(chi2) || !(df > 0))
		return NAN;
	if (x <= 0)
		return 1;
	if (isinf(x))
		return 0;
	return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

/*
 * Share of the lattice paths from (0, 0) to (n1, n2) that come as far as d from
 * the diagonal.  A path is followed along its n1 steps; what is kept for each
 * height is the share of paths that stayed within, scaled so that it neither
 * under- nor overflows: u(i, j) = (i u(i - 1, j) + j u(i, j - 1)) / (i + j).
 */
static double
kolmogorov_exact(double d, int n1, int n2)
{
	double	   *u = palloc(sizeof(double) * (n2 + 1));
	double		edge = d - 1e-12;	/* equality counts as reached */
	double		inside;
	int			i,
				j;

	for (i = 0; i <= n1; i++)
	{
		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = 0; j <= n2; j++)
		{
			double		apart = fabs((double) i / n1 - (double) j / n2);

			if (apart >= edge)
				u[j] = 0;
			else if (i == 0 && j == 0)
				u[j] = 1;
			else if (i == 0)
				u[j] = u[j - 1];
			else if (j > 0)
				u[j] = (i * u[j] + j * u[j - 1]) / (i + j);
		}
	}
	inside = u[n2];
	pfree(u);
	return 1 - inside;
}

/* Kolmogorov's limit: 2 sum (-1)^(k-1) exp(-2 k^2 t^2), or its theta-function twin for small t. */
static double
kolmogorov_limit(double t)
{
	double		sum = 0;
	int			k;

	if (t < 0.2)
		return 1;
	if (t < 1.18)
	{
		double		y = exp(-M_PI * M_PI / (8 * t * t));

		for (k = 1; k <= 7; k += 2)
			sum += pow(y, k * k);
		return 1 - sqrt(2 * M_PI) / t * sum;
	}
	for (k = 1; k <= 5; k++)
		sum += (k % 2 == 1 ? 1 : -1) * exp(-2 * k * k * t * t);
	return 2 * sum;
}

double
eg_kolmogorov_p(double d, double n1, double n2)
{
	double		root;

	if (isnan(d) || !(n1 > 0 && n2 > 0))
		return NAN;
	if (d <= 0)
		return 1;
	if (n1 * n2 <= MAX_EXACT && n1 == rint(n1) && n2 == rint(n2))
		return Min(Max(kolmogorov_exact(d, (int) n1, (int) n2), 0), 1);
	root = sqrt(n1 * n2 / (n1 + n2));
	return Min(Max(kolmogorov_limit((root + 0.12 + 0.11 / root) * d), 0), 1);
}

int
eg_edges_add(double *edges, int n, double edge)
{
	if (isfinite(edge) && (n == 0 || edge > edges[n - 1]))
		edges[n++] = edge;
	return n;
}
