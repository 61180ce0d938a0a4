/*
 * check_shapley.c - src/algo/shapley.c and src/algo/link.c against slow and simple computations
 *
 * Shapley values by their definition: all subsets, all background rows.  Contributions to a
 * probability by a sum over many points of the line.  Compiled by check_shapley.sh; prints lines
 * of TAP.
 */
#include "postgres.h"

#include <math.h>

#include "algo/link.h"
#include "algo/shapley.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* what the two files need of the server */
MemoryContext CurrentMemoryContext;
volatile sig_atomic_t InterruptPending;

void *
palloc(Size n)
{
	return malloc(n);
}

void *
palloc0(Size n)
{
	return calloc(1, n);
}

void *
palloc_extended(Size n, int flags)
{
	return calloc(1, n);
}

void
pfree(void *p)
{
	free(p);
}

void
ProcessInterrupts(void)
{
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size a, Size b, Size c)
{
	return NULL;
}

void
MemoryContextDelete(MemoryContext context)
{
}

#undef qsort
#undef printf
#undef snprintf

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

static int	tests;

static void
check(bool good, const char *what, double number)
{
	printf("%sok %d - %s (%.2g)\n", good ? "" : "not ", ++tests, what, number);
}

/* ---------------- Shapley values ---------------- */

#define COLUMNS		8

static long calls;

/* Two outputs with interactions; a missing value counts as 0.3. */
static void
function(void *arg, const float *x, Size n, double *out)
{
	int			columns = *(int *) arg;
	Size		i;
	int			j;

	calls += n;
	for (i = 0; i < n; i++, x += columns)
	{
		double		a = 0;
		double		b = 1;

		for (j = 0; j < columns; j++)
		{
			double		v = isnan(x[j]) ? 0.3 : x[j];

			a += v * (j + 1) + (j > 0 ? v * v * (isnan(x[j - 1]) ? 0.3 : x[j - 1]) : 0);
			b *= 1 + v * (j % 2 ? 0.5 : -0.25);
		}
		out[2 * i] = sin(a) + a;
		out[2 * i + 1] = b;
	}
}

/* By the definition: weights of subsets, mean over the background. */
static void
by_definition(const float *x, const float *background, int nbackground, int columns, int k,
			  double *out)
{
	double		factorial[COLUMNS + 1] = {1};
	int			s,
				i,
				j,
				b;

	for (i = 1; i <= columns; i++)
		factorial[i] = factorial[i - 1] * i;
	for (j = 0; j < columns; j++)
	{
		out[j] = 0;
		for (s = 0; s < 1 << columns; s++)
		{
			int			size = __builtin_popcount(s);

			if (s >> j & 1)
				continue;
			for (b = 0; b < nbackground; b++)
			{
				float		row[COLUMNS];
				double		without[2];
				double		with[2];

				for (i = 0; i < columns; i++)
					row[i] = s >> i & 1 ? x[i] : background[b * columns + i];
				function(&columns, row, 1, without);
				row[j] = x[j];
				function(&columns, row, 1, with);
				out[j] += factorial[size] * factorial[columns - size - 1] / factorial[columns] *
					(with[k] - without[k]) / nbackground;
			}
		}
	}
}

static void
compare(int columns, int nbackground, int orders, bool exact, const char *what)
{
	float		x[COLUMNS];
	float	   *background = malloc(sizeof(float) * nbackground * columns);
	double		truth[COLUMNS];
	double		out[COLUMNS + 1];
	double		error[COLUMNS];
	double		worst = 0;
	double		doubt = 0;
	double		sum = 0;
	double		base = 0;
	double		result[2];
	char		name[200];
	int			k,
				i,
				j;

	for (j = 0; j < columns; j++)
		x[j] = j == 2 ? NAN : eg_random_unit(7, j);
	for (i = 0; i < nbackground * columns; i++)
		background[i] = i % columns == columns - 1 ? x[columns - 1] :
			i % 11 == 0 ? NAN : eg_random_unit(8, i);
	for (k = 0; k < 2; k++)
	{
		by_definition(x, background, nbackground, columns, k, truth);
		eg_shapley_sample(function, &columns, 2, k, x, columns, background, nbackground, orders, 1,
						  out, error);
		sum = out[columns];
		for (j = 0; j < columns; j++)
		{
			double		off = fabs(out[j] - truth[j]);

			sum += out[j];
			doubt = fmax(doubt, error[j]);
			worst = fmax(worst, exact ? off : error[j] > 0 ? off / error[j] : off > 1e-12 ? 99 : 0);
		}
		function(&columns, x, 1, result);
		base = 0;
		for (i = 0; i < nbackground; i++)
		{
			double		one[2];

			function(&columns, background + i * columns, 1, one);
			base += one[k] / nbackground;
		}
		snprintf(name, sizeof(name), "%s: base and contributions are the output", what);
		check(fabs(sum - result[k]) < 1e-12 && fabs(base - out[columns]) < 1e-12, name,
			  fabs(sum - result[k]));
	}
	snprintf(name, sizeof(name), exact ? "%s: equal to the definition" :
			 "%s: within four standard errors of the definition", what);
	check(worst < (exact ? 1e-12 : 4), name, worst);
	snprintf(name, sizeof(name), "%s: errors are %s", what, exact ? "0" : "stated");
	check(exact ? doubt == 0 : doubt > 0, name, doubt);
	check(out[columns - 1] == 0, "a feature that is the same everywhere contributes 0",
		  out[columns - 1]);
}

/* Are stated errors as large as the deviations, over many seeds? */
static void
check_errors(int nbackground, int orders, double low, double high, const char *what)
{
	int			columns = 8;
	float		x[COLUMNS];
	float	   *background = malloc(sizeof(float) * nbackground * columns);
	double		truth[COLUMNS];
	double		out[COLUMNS + 1];
	double		error[COLUMNS];
	double		stated = 0;
	double		found = 0;
	int			seed,
				i;

	for (i = 0; i < columns; i++)
		x[i] = eg_random_unit(3, i);
	for (i = 0; i < nbackground * columns; i++)
		background[i] = eg_random_unit(4, i);
	by_definition(x, background, nbackground, columns, 0, truth);
	for (seed = 0; seed < 400; seed++)
	{
		eg_shapley_sample(function, &columns, 2, 0, x, columns, background, nbackground, orders,
						  seed, out, error);
		for (i = 0; i < columns; i++)
		{
			stated += error[i] * error[i];
			found += (out[i] - truth[i]) * (out[i] - truth[i]);
		}
	}
	check(sqrt(stated / found) > low && sqrt(stated / found) < high, what, sqrt(stated / found));
}

/* ---------------- links ---------------- */

static double
probability(const double *margin, int width, int k)
{
	double		top = margin[0];
	double		sum = 0;
	int			g;

	for (g = 1; g < width; g++)
		top = fmax(top, margin[g]);
	for (g = 0; g < width; g++)
		sum += exp(margin[g] - top);
	return exp(margin[k] - top) / sum;
}

/* The integral by Simpson's rule with many points. */
static void
softmax_slowly(const double *in, int columns, int width, int k, double *out)
{
	double		base[COLUMNS];
	double		step[COLUMNS] = {0};
	int			steps = 20000;
	int			i,
				g,
				j;

	for (g = 0; g < width; g++)
	{
		base[g] = in[g * (columns + 1) + columns];
		for (j = 0; j < columns; j++)
			step[g] += in[g * (columns + 1) + j];
	}
	for (j = 0; j <= columns; j++)
		out[j] = 0;
	out[columns] = probability(base, width, k);
	for (i = 0; i <= steps; i++)
	{
		double		p[COLUMNS];
		double		at[COLUMNS];
		double		weight = i == 0 || i == steps ? 1 : i % 2 ? 4 : 2;

		for (g = 0; g < width; g++)
			at[g] = base[g] + step[g] * i / steps;
		for (g = 0; g < width; g++)
			p[g] = probability(at, width, g);
		for (g = 0; g < width; g++)
		{
			double		slope = p[k] * ((g == k) - p[g]) * weight / 3 / steps;

			for (j = 0; j < columns; j++)
				out[j] += slope * in[g * (columns + 1) + j];
		}
	}
}

static void
check_softmax(int width, double scale, double tolerance)
{
	int			columns = 5;
	double		in[COLUMNS * (COLUMNS + 1)];
	double		fast[COLUMNS + 1];
	double		slow[COLUMNS + 1];
	double		worst = 0;
	double		sum;
	double		margin[COLUMNS];
	char		name[200];
	int			seed,
				k,
				g,
				j;

	for (seed = 0; seed < 3; seed++)
	{
		for (j = 0; j < width * (columns + 1); j++)
			in[j] = j % (columns + 1) == 1 ? 0 : scale * (eg_random_unit(seed + 20, j) - 0.5);
		for (k = 0; k < width; k += width - 1)
		{
			softmax_slowly(in, columns, width, k, slow);
			eg_link_contributions(EG_LINK_SOFTMAX, in, columns, width, k, fast);
			sum = fast[columns];
			for (j = 0; j < columns; j++)
			{
				worst = fmax(worst, fabs(fast[j] - slow[j]) / fmax(1, scale));
				sum += fast[j];
			}
			worst = fmax(worst, fabs(fast[columns] - slow[columns]));
			for (g = 0; g < width; g++)
			{
				margin[g] = 0;
				for (j = 0; j <= columns; j++)
					margin[g] += in[g * (columns + 1) + j];
			}
			worst = fmax(worst, fabs(sum - probability(margin, width, k)));
			worst = fmax(worst, fast[1] != 0);
		}
	}
	snprintf(name, sizeof(name), "softmax of %d margins of size %g", width, scale);
	check(worst < tolerance, name, worst);
}

/* Of two margins that change places on the way the integral is known: it is the logistic one. */
static void
check_steep(double scale)
{
	double		in[6] = {scale, 0.25 * scale, -0.4 * scale, -0.5 * scale, 0.5 * scale, 0};
	double		out[3];
	double		gain = 1;		/* from 0 to 1 */
	double		slope = gain / (1.25 * scale);
	double		off;

	eg_link_contributions(EG_LINK_SOFTMAX, in, 2, 2, 0, out);
	off = fmax(fabs(out[0] - slope * 1.5 * scale), fabs(out[1] + slope * 0.25 * scale));
	check(off < 1e-11 && fabs(out[0] + out[1] + out[2] - 1) < 1e-14, "softmax of two steep margins",
		  off);
}

static void
check_single(EgLink link, double base, const double *c, double wanted, const char *what)
{
	double		in[4];
	double		out[4];

	memcpy(in, c, 3 * sizeof(double));
	in[3] = base;
	eg_link_contributions(link, in, 3, 1, 0, out);
	check(fabs(out[0] + out[1] + out[2] + out[3] - wanted) <= 1e-14 * fmax(1, fabs(wanted)) &&
		  fabs(out[0] * c[1] - out[1] * c[0]) <= 1e-13 * fmax(1, fabs(out[0] * c[1])) &&
		  out[2] == 0, what, out[0] + out[1] + out[2] + out[3] - wanted);
}

int
main(void)
{
	const double c[3] = {1.25, -0.5, 0};
	const double tiny[3] = {1 + 1e-12, -1, 0};
	double		sorted[9] = {5, 0, 0, 0, 1, 2, -3, 0, 1};
	double		out[3];

	compare(4, 10, 128, true, "few features");
	compare(8, 3, 100000, true, "many orders");
	compare(8, 100, 200, false, "two pairs a row");
	compare(8, 100, 150, false, "one or two pairs a row");
	compare(8, 100, 20, false, "fewer pairs than rows");
	check_errors(30, 120, 0.9, 1.1, "stated over true errors, four pairs a row");
	check_errors(60, 60, 0.9, 20, "stated over true errors, a pair a row: not too small");
	check_errors(60, 15, 0.8, 20, "stated over true errors, fewer pairs than rows: not too small");

	check_single(EG_LINK_IDENTITY, 2, c, 2.75, "identity");
	check_single(EG_LINK_LOGIT, -1, c, 1 / (1 + exp(0.25)), "logistic function");
	check_single(EG_LINK_LOGIT, 400, c, 1, "logistic function, far out");
	check_single(EG_LINK_LOGIT, 0.5, tiny, 1 / (1 + exp(-0.5 - 1e-12)), "logistic function, almost level");
	check_single(EG_LINK_LOG, 1, c, exp(1.75), "exponential function");
	check_single(EG_LINK_EXP, 1, tiny, exp(1 + 1e-12), "exponential function, almost level");
	check_single(EG_LINK_HINGE, -0.5, c, 1, "step");
	check_single(EG_LINK_HINGE, 0.5, c, 1, "no step");
	eg_link_contributions(EG_LINK_SORT, sorted, 2, 3, 2, out);
	check(out[0] == 5 && out[1] == 0 && out[2] == 0, "order: the margin that comes last", out[0]);
	eg_link_contributions(EG_LINK_SORT, sorted, 2, 3, 0, out);
	check(out[0] == -3 && out[1] == 0 && out[2] == 1, "order: the margin that comes first", out[0]);

	check_softmax(2, 1, 1e-12);
	check_softmax(3, 4, 1e-11);
	check_softmax(8, 20, 1e-10);
	check_softmax(8, 200, 1e-8);
	check_steep(1e4);
	check_steep(1e6);
	printf("1..%d\n", tests);
	return 0;
}
