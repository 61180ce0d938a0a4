/*
 * check_blend.c - the weights of src/algo/blend.c against numbers of scipy's optimizers
 *
 * Compiled by check_blend.sh together with blend.c and linalg.c; prints lines of TAP.  The expected
 * numbers are those of test/golden/tune.py blend, which draws the same data.
 */
#include "postgres.h"

#include <math.h>

#include "algo/blend.h"
#include "base/random.h"
#include "miscadmin.h"

#undef printf

#define ROWS	300
#define MEMBERS	3
#define TOLERANCE 2e-4

/* what the two files need of the server */
volatile sig_atomic_t InterruptPending;

void
ProcessInterrupts(void)
{
}

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

void
pfree(void *p)
{
	free(p);
}

static double p[ROWS * MEMBERS * 3];
static double y[ROWS];
static double w[ROWS];
static int	tests,
			failed;

static void
expect(const char *name, const double *got, const double *wanted, int n)
{
	bool		good = true;

	for (int i = 0; i < n; i++)
		good &= fabs(got[i] - wanted[i]) < TOLERANCE;
	failed += !good;
	printf("%sok %d - %s:", good ? "" : "not ", ++tests, name);
	for (int i = 0; i < n; i++)
		printf(" %.5f", got[i]);
	printf("\n");
}

static EgBlendInput
numbers(void)
{
	EgBlendInput in = {ROWS, MEMBERS, 1, 0, p, y, w};

	for (int i = 0; i < ROWS; i++)
	{
		double		truth = 10 * eg_random_unit(1, i);

		y[i] = truth + eg_random_unit(2, i);
		w[i] = 0.5 + eg_random_unit(4, i);
		for (int k = 0; k < MEMBERS; k++)
			p[i * MEMBERS + k] = (0.5 + 0.4 * k) * truth +
				(k + 1) * eg_random_unit(3, i * MEMBERS + k);
	}
	return in;
}

/* Two classes as one probability, more as one for each. */
static EgBlendInput
classes(int n)
{
	EgBlendInput in = {ROWS, MEMBERS, n == 2 ? 1 : n, n, p, y, w};

	for (int i = 0; i < ROWS; i++)
	{
		y[i] = floor(n * eg_random_unit(5, i));
		w[i] = 0.5 + eg_random_unit(4, i);
		for (int k = 0; k < MEMBERS; k++)
		{
			double		v[3],
						sum = 0;

			for (int c = 0; c < n; c++)
			{
				v[c] = 0.02 + pow(eg_random_unit(6, (i * MEMBERS + k) * n + c), 6) +
					(c == y[i] ? 0.05 * k + 0.6 * (i % MEMBERS == k) : 0);
				sum += v[c];
			}
			for (int c = 0; c < in.width; c++)
				p[(i * MEMBERS + k) * in.width + c] = v[n == 2 ? 1 : c] / sum;
		}
	}
	return in;
}

int
main(void)
{
	EgBlendInput in = numbers();
	double		v[MEMBERS + 3];
	double		bias[3];
	static const double least_squares[] = {0.68304, 0.30506, 0.27510, -0.42353};
	static const double shares[] = {0.33166, 0.30761, 0.36073};
	static const double mixture2[] = {0.00000, 0.34846, 0.65154};
	static const double logistic2[] = {0.71699, 1.10884, 1.24226, 0.18812};
	static const double mixture3[] = {0.00218, 0.38932, 0.60850};
	static const double logistic3[] = {0.65832, 1.17064, 1.27582, 0.46399, 0.44444};

	eg_blend_least_squares(&in, v, &v[MEMBERS]);
	expect("weights that are not negative, and an intercept", v, least_squares, MEMBERS + 1);
	eg_blend_shares(&in, v);
	expect("shares with the least squared error", v, shares, MEMBERS);
	in = classes(2);
	eg_blend_mixture(&in, v);
	expect("shares of a mixture, two classes", v, mixture2, MEMBERS);
	eg_blend_logistic(&in, v, bias);
	v[MEMBERS] = bias[1];
	expect("logistic regression, two classes", v, logistic2, MEMBERS + 1);
	in = classes(3);
	eg_blend_mixture(&in, v);
	expect("shares of a mixture, three classes", v, mixture3, MEMBERS);
	eg_blend_logistic(&in, v, bias);
	v[MEMBERS] = bias[1];
	v[MEMBERS + 1] = bias[2];
	expect("logistic regression, three classes", v, logistic3, MEMBERS + 2);
	printf("1..%d\n", tests);
	return failed > 0;
}
