/*
 * check_sequential.c - src/eval/sequential.c looked at 1,000 times in each of many A/A tests
 *
 * Compiled by check_sequential.sh together with sequential.c and distribution.c; prints lines of
 * TAP.  The argument is the number of runs.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "base/random.h"
#include "eval/sequential.h"

#undef printf
#undef snprintf

#define LOOKS	1000
#define ALPHA	0.05

/* what distribution.c needs of the server */
volatile sig_atomic_t InterruptPending = 0;

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

typedef struct Sums
{
	double		n;
	double		sum;
	double		squares;
} Sums;

static void
add(Sums *s, double v)
{
	s->n++;
	s->sum += v;
	s->squares += v * v;
}

static EgMoments
moments(const Sums *s)
{
	EgMoments	m;

	m.n = s->n;
	m.mean = s->sum / s->n;
	m.variance = s->n > 1 ? (s->squares - s->n * m.mean * m.mean) / (s->n - 1) : 0;
	return m;
}

static double
normal(uint64 key, uint64 n)
{
	double		u = eg_random_unit(key, 2 * n);
	double		v = eg_random_unit(key, 2 * n + 1);

	return sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v);
}

typedef enum Kind
{
	RATE,						/* 0 and 1, parameter: the rate */
	SKEWED,						/* money: mostly nothing, log-normal else */
	PAIRS						/* differences of pairs, heavy tails */
} Kind;

static double
draw(Kind kind, double parameter, uint64 key, uint64 n)
{
	switch (kind)
	{
		case RATE:
			return eg_random_unit(key, n) < parameter;
		case SKEWED:
			return eg_random_unit(key, 3 * n) < parameter ? exp(normal(key ^ 7, n)) : 0;
		default:
			return normal(key, n) * exp(0.5 * normal(key ^ 7, n));
	}
}

/*
 * One test of 1,000 looks, step values in each arm between two; share of the values in
 * the second arm: `ratio` for one in the first.  lift: of the second arm's rate.
 * Returns the look at which p fell to alpha, or 0.  *ordinary: was an ordinary test
 * significant at any look?  *covered: did the interval hold the truth at all of them?
 */
static int
run(Kind kind, double parameter, double lift, int step, int ratio, double planned, uint64 seed,
	bool *ordinary, bool *covered)
{
	Sums		a = {0},
				b = {0};
	uint64		i = 0;
	int			stopped = 0;
	int			look;

	*ordinary = false;
	*covered = true;
	for (look = 1; look <= LOOKS; look++)
	{
		EgMoments	x,
					y;
		EgVerdict	v;
		int			k,
					r;

		for (k = 0; k < step; k++, i++)
		{
			add(&a, draw(kind, parameter, eg_random_stream(seed, 1), i));
			for (r = 0; r < ratio && kind != PAIRS; r++)
				add(&b, draw(kind, parameter * (1 + lift), eg_random_stream(seed, 2),
							 i * ratio + r));
		}
		x = moments(&a);
		if (kind == PAIRS)
			v = eg_sequential_pairs(&x, planned, ALPHA, 1);
		else
		{
			y = moments(&b);
			v = eg_sequential_two(&x, &y, planned, ALPHA, 1);
			if (v.enough && fabs(v.difference) > 1.959964 * sqrt(x.variance / x.n +
																 y.variance / y.n))
				*ordinary = true;
		}
		if (v.lower > parameter * lift || v.upper < parameter * lift)
			*covered = false;
		if (v.p <= ALPHA && stopped == 0)
			stopped = look;
	}
	return stopped;
}

int
main(int argc, char **argv)
{
	static const struct
	{
		const char *name;
		Kind		kind;
		double		parameter;
		int			step;
		int			ratio;
		double		planned;
	}			cases[] = {
		{"rate 0.1", RATE, 0.1, 10, 1, 10000},
		{"rate 0.5", RATE, 0.5, 10, 1, 10000},
		{"rate 0.01", RATE, 0.01, 20, 1, 10000},
		{"rate 0.1, one key a look, planned for 500", RATE, 0.1, 1, 1, 500},
		{"rate 0.1, weights 1 to 9", RATE, 0.1, 5, 9, 10000},
		{"spend: 0 for 70 %, log-normal", SKEWED, 0.3, 10, 1, 10000},
		{"pairs with heavy tails", PAIRS, 0, 10, 1, 10000},
	};
	int			runs = argc > 1 ? atoi(argv[1]) : 400;
	int			ncases = sizeof(cases) / sizeof(cases[0]);
	int			n = 0;
	int			c,
				r;

	for (c = 0; c < ncases; c++)
	{
		int			alarms = 0,
					ordinary = 0;

		for (r = 0; r < runs; r++)
		{
			bool		once,
						covered;

			alarms += run(cases[c].kind, cases[c].parameter, 0, cases[c].step, cases[c].ratio,
						  cases[c].planned, eg_random_stream(c + 1, r), &once, &covered) > 0;
			ordinary += once;
		}
		/* three standard errors of so many runs */
		printf("%sok %d - %s: alarms in %.4f of %d runs without a difference (ordinary test: %.3f)\n",
			   alarms > runs * ALPHA + 3 * sqrt(runs * ALPHA * (1 - ALPHA)) ? "not " : "", ++n,
			   cases[c].name, (double) alarms / runs, runs, (double) ordinary / runs);
	}

	{
		int			found = 0,
					inside = 0;
		double		looks = 0;

		for (r = 0; r < runs; r++)
		{
			bool		once,
						covered;
			int			stopped = run(RATE, 0.1, 0.2, 10, 1, 4000, eg_random_stream(99, r), &once,
									  &covered);

			found += stopped > 0;
			looks += stopped > 0 ? stopped : LOOKS;
			inside += covered;
		}
		printf("%sok %d - 0.1 against 0.12: found in %.3f of runs, after %.0f keys an arm on average\n",
			   found < 0.9 * runs ? "not " : "", ++n, (double) found / runs, 10 * looks / runs);
		printf("%sok %d - the interval held the true difference at all looks in %.4f of runs\n",
			   inside < runs * 0.95 - 3 * sqrt(runs * 0.05 * 0.95) ? "not " : "", ++n,
			   (double) inside / runs);
	}
	printf("1..%d\n", n);
	return 0;
}
