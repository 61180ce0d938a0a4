/*-------------------------------------------------------------------------
 *
 * link.c
 *	  From margins to outputs, and from contributions to margins to those to
 *	  outputs.
 *
 * Outputs are made in single precision where libxgboost computes in single
 * precision: scores equal its own to the last bit.  Contributions are shared
 * out in double precision, for differences of rounded numbers say little.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/link.h"
#include "base/sort.h"

/* beyond, exp() is taken to be level */
#define MAX_EXPONENT		700.0

/* points and weights of the Gauss-Legendre rule in [-1, 1], mirrored at 0 */
#define GAUSS_POINTS		4

static const double gauss_point[GAUSS_POINTS] = {
	0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975362
};
static const double gauss_weight[GAUSS_POINTS] = {
	0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763
};

/* 1 / (1 + exp(-x)) in single precision, with libxgboost's guards against overflow */
static inline float
logistic(float x)
{
	float		e = -x < 88.7f ? -x : 88.7f;

	return 1.0f / (expf(e) + 1.0f + 1e-16f);
}

static void
softmax(double *o, int n)
{
	float		top = (float) o[0];
	double		sum = 0.0;

	for (int g = 1; g < n; g++)
		top = fmaxf((float) o[g], top);
	for (int g = 0; g < n; g++)
	{
		o[g] = expf((float) o[g] - top);
		sum += o[g];
	}
	for (int g = 0; g < n; g++)
		o[g] = (float) o[g] / (float) sum;
}

/* x / (1 + x) */
static double
ratio(double x)
{
	return x > 0 ? 1 / (1 + 1 / x) : 0;
}

/* Insertion sort: there are few quantiles, and they are mostly in order. */
static void
ascending(double *o, int n)
{
	for (int i = 1; i < n; i++)
	{
		double		v = o[i];
		int			j = i;

		for (; j > 0 && o[j - 1] > v; j--)
			o[j] = o[j - 1];
		o[j] = v;
	}
}

void
eg_link_apply(EgLink link, double *margins, Size n, int width)
{
	Size		total = n * width;
	Size		i;

	switch (link)
	{
		case EG_LINK_IDENTITY:
			break;
		case EG_LINK_LOGIT:
			for (i = 0; i < total; i++)
				margins[i] = logistic((float) margins[i]);
			break;
		case EG_LINK_LOG:
			for (i = 0; i < total; i++)
				margins[i] = expf((float) margins[i]);
			break;
		case EG_LINK_SOFTMAX:
			for (i = 0; i < n; i++)
				softmax(margins + i * width, width);
			break;
		case EG_LINK_SORT:
			for (i = 0; i < n; i++)
				ascending(margins + i * width, width);
			break;
		case EG_LINK_HINGE:
			for (i = 0; i < total; i++)
				margins[i] = margins[i] > 0.0 ? 1.0 : 0.0;
			break;
		case EG_LINK_EXP:
			for (i = 0; i < total; i++)
				margins[i] = (float) exp(margins[i]);
			break;
		case EG_LINK_RATIO:
			for (i = 0; i < total; i++)
				margins[i] = ratio(margins[i]);
			break;
	}
}

/* ---------------- contributions ---------------- */

/* (f(a + d) - f(a)) / d of the logistic function; its slope where d is 0 */
static double
logistic_secant(double a, double d)
{
	double		b = a + d;
	double		size = fabs(d);

	/* sinh(d / 2) / (2 d cosh(a / 2) cosh(b / 2)), without overflow and cancellation */
	return exp((size - fabs(a) - fabs(b)) / 2) * (size == 0 ? 1 : -expm1(-size) / size) /
		((1 + exp(-fabs(a))) * (1 + exp(-fabs(b))));
}

/* The same of exp(), which stays level where it would pass the largest numbers. */
static double
exp_secant(double a, double d)
{
	double		b = a + d;

	if (a > MAX_EXPONENT || b > MAX_EXPONENT)
		return d == 0 ? 0 : (exp(Min(b, MAX_EXPONENT)) - exp(Min(a, MAX_EXPONENT))) / d;
	return exp(a) * (d == 0 ? 1 : expm1(d) / d);
}

/* Probability of each class at margins base + t * step. */
static void
softmax_at(const double *base, const double *step, int width, double t, double *p)
{
	double		top = -INFINITY;
	double		sum = 0;
	int			g;

	for (g = 0; g < width; g++)
	{
		p[g] = base[g] + t * step[g];
		top = Max(top, p[g]);
	}
	for (g = 0; g < width; g++)
	{
		p[g] = exp(p[g] - top);
		sum += p[g];
	}
	for (g = 0; g < width; g++)
		p[g] /= sum;
}

/*
 * Where to cut [0, 1] so that a few points suffice between two cuts.  Along the
 * line another class takes the lead where two margins cross; that is where
 * probabilities bend, on scales from 1 / (largest difference of slopes)
 * upwards.  So cuts lie around each such place at distances that double.
 * Returns how many, ascending; cuts has room for max.
 */
static int
softmax_cuts(const double *base, const double *step, int width, double *cuts, int max)
{
	double		least = step[0];
	double		most = step[0];
	int			leader = 0;
	int			n = 0;
	int			g;

	for (g = 1; g < width; g++)
	{
		least = Min(least, step[g]);
		most = Max(most, step[g]);

		/* far to the left the smallest slope leads */
		if (step[g] < step[leader] || (step[g] == step[leader] && base[g] > base[leader]))
			leader = g;
	}
	cuts[n++] = 0;
	cuts[n++] = 1;
	while (most - least > 1)
	{
		int			next = -1;
		double		at = INFINITY;
		double		distance;

		for (g = 0; g < width; g++)
		{
			double		t = (base[leader] - base[g]) / (step[g] - step[leader]);

			if (step[g] > step[leader] && (t < at || (t == at && step[g] > step[next])))
			{
				at = t;
				next = g;
			}
		}
		if (next < 0)
			break;
		leader = next;
		if (at > 0 && at < 1 && n < max)
			cuts[n++] = at;
		for (distance = 1 / (most - least); distance < Max(at, 1 - at); distance *= 2)
		{
			if (at - distance > 0 && at - distance < 1 && n < max)
				cuts[n++] = at - distance;
			if (at + distance > 0 && at + distance < 1 && n < max)
				cuts[n++] = at + distance;
		}
	}
	qsort(cuts, n, sizeof(double), eg_by_double);
	return n;
}

/* Mean slope of probability k in the direction of each margin, along the line. */
static void
softmax_slopes(const double *base, const double *step, int width, int k, double *slope)
{
	int			max = 4096;
	double	   *cuts = palloc(max * sizeof(double));
	double	   *p = palloc(width * sizeof(double));
	int			n = softmax_cuts(base, step, width, cuts, max);
	int			c;
	int			i;
	int			g;

	for (g = 0; g < width; g++)
		slope[g] = 0;
	for (c = 1; c < n; c++)
	{
		double		middle = (cuts[c] + cuts[c - 1]) / 2;
		double		half = (cuts[c] - cuts[c - 1]) / 2;

		for (i = 0; half > 0 && i < 2 * GAUSS_POINTS; i++)
		{
			double		point = gauss_point[i / 2] * (i % 2 ? 1 : -1);
			double		weight = gauss_weight[i / 2] * half;

			softmax_at(base, step, width, middle + half * point, p);
			for (g = 0; g < width; g++)
				slope[g] += weight * p[k] * ((g == k) - p[g]);
		}
	}
	pfree(cuts);
	pfree(p);
}

/* The margin that comes to place k in ascending order. */
int
eg_link_place(const double *margins, int width, int k)
{
	int			g;
	int			h;

	for (g = 0; g < width; g++)
	{
		int			before = 0;

		for (h = 0; h < width; h++)
			before += margins[h] < margins[g] || (margins[h] == margins[g] && h < g);
		if (before == k)
			return g;
	}
	return k;
}

void
eg_contributions_settle(double *out, int ncols, double target)
{
	double		sum = out[ncols];
	double		size = 0;
	double		rest;
	int			j;

	for (j = 0; j < ncols; j++)
	{
		sum += out[j];
		size += fabs(out[j]);
	}
	rest = target - sum;
	if (!isfinite(rest))
		return;
	if (size > fabs(rest))
	{
		for (j = 0; j < ncols; j++)
			out[j] += rest * (fabs(out[j]) / size);
	}
	else
		out[ncols] += rest;
}

static void
softmax_contributions(const double *in, const double *base, const double *step, int ncols,
					  int width, int k, double *out)
{
	double	   *slope = palloc(width * sizeof(double));
	double	   *p = palloc(width * sizeof(double));
	int			g;
	int			j;

	softmax_slopes(base, step, width, k, slope);
	for (j = 0; j < ncols; j++)
		out[j] = 0;
	for (g = 0; g < width; g++)
	{
		const double *c = in + (Size) g * (ncols + 1);

		for (j = 0; j < ncols; j++)
			out[j] += slope[g] * c[j];
	}
	softmax_at(base, step, width, 0, p);
	out[ncols] = p[k];
	softmax_at(base, step, width, 1, p);
	eg_contributions_settle(out, ncols, p[k]);
	pfree(slope);
	pfree(p);
}

void
eg_link_contributions(EgLink link, const double *in, int ncols, int width, int k, double *out)
{
	double	   *base = palloc(width * sizeof(double));
	double	   *step = palloc0(width * sizeof(double));
	double		factor = 1;
	int			g;
	int			j;

	for (g = 0; g < width; g++)
	{
		base[g] = in[(Size) g * (ncols + 1) + ncols];
		for (j = 0; j < ncols; j++)
			step[g] += in[(Size) g * (ncols + 1) + j];
	}
	if (link == EG_LINK_SORT)
	{
		double	   *margins = palloc(width * sizeof(double));

		for (g = 0; g < width; g++)
			margins[g] = base[g] + step[g];
		k = eg_link_place(margins, width, k);
		pfree(margins);
	}
	in += (Size) k * (ncols + 1);
	out[ncols] = base[k];
	switch (link)
	{
		case EG_LINK_IDENTITY:
		case EG_LINK_SORT:
			break;
		case EG_LINK_LOGIT:
			factor = logistic_secant(base[k], step[k]);
			out[ncols] = 1 / (1 + exp(-base[k]));
			break;
		case EG_LINK_LOG:
		case EG_LINK_EXP:
			factor = exp_secant(base[k], step[k]);
			out[ncols] = exp(Min(base[k], MAX_EXPONENT));
			break;
		case EG_LINK_SOFTMAX:
			softmax_contributions(in - (Size) k * (ncols + 1), base, step, ncols, width, k, out);
			break;
		case EG_LINK_HINGE:
			out[ncols] = base[k] > 0;
			factor = ((base[k] + step[k] > 0) - out[ncols]) / (step[k] != 0 ? step[k] : 1);
			break;
		case EG_LINK_RATIO:
			out[ncols] = ratio(base[k]);
			factor = 1 / ((1 + Max(base[k], 0)) * (1 + Max(base[k] + step[k], 0)));
			break;
	}
	for (j = 0; j < ncols && link != EG_LINK_SOFTMAX; j++)
		out[j] = in[j] == 0 ? 0 : in[j] * factor;
	pfree(base);
	pfree(step);
}
