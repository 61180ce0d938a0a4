/*
 * check_sketch.c - the quantile sketch of src/eval/sketch.c against the sorted numbers
 *
 * Compiled by check_sketch.sh together with sketch.c alone; prints lines of TAP.
 */
#include "postgres.h"

#include <math.h>

#include "base/random.h"
#include "eval/sketch.h"

#define TRIALS	15
#define N		300000

/* what sketch.c needs of the server */
void *
palloc(Size n)
{
	return malloc(n);
}

void
pfree(void *p)
{
	free(p);
}

#undef qsort
#undef printf
#undef snprintf

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

static int
by_number(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static EgSketch *
make(int64 n, uint64 seed)
{
	int			size = eg_sketch_size(n);
	EgSketch   *s = malloc(EG_SKETCH_BYTES(size));

	eg_sketch_init(s, size, seed);
	return s;
}

/* Largest difference of the two distribution functions at any number of v, which is sorted. */
static double
largest_error(const EgSketch *s, const double *v, Size n)
{
	EgSample	all = {n, v, NULL, n};
	EgSample	sample = eg_sketch_sample(s);
	double		below = 0;
	double		worst = 0;
	Size		i,
				j = 0;

	for (i = 0; i < all.n; i++)
	{
		if (i + 1 < n && v[i + 1] == v[i])
			continue;
		for (; j < sample.n && sample.value[j] <= v[i]; j++)
			below += sample.weight ? sample.weight[j] : 1;
		worst = fmax(worst, fabs((double) (i + 1) / n - below / sample.total));
	}
	free((void *) sample.value);
	free((void *) sample.weight);
	return worst;
}

static int	tests = 0;
static int	failed = 0;

static void
ok(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, what);
	failed += !good;
}

/* kind 0: random, 1: ascending, 2: descending, 3: few values, 4: heavy tail; parts are merged */
static void
trial(const char *what, int kind, int parts)
{
	double	   *v = malloc(sizeof(double) * N);
	int			above = 0;
	int			valid = 1;
	double		worst = 0;
	char		line[200];
	int			t,
				p;
	Size		i;

	for (t = 0; t < TRIALS; t++)
	{
		uint64		key = eg_random_stream(t, kind);
		EgSketch   *all = make(N, key);
		double		error;

		for (i = 0; i < N; i++)
		{
			double		u = eg_random_unit(key, i);

			v[i] = kind == 1 ? i : kind == 2 ? N - i : kind == 3 ? floor(u * u * 50) :
				kind == 4 ? pow(1 - u, -1.1) : u;
		}
		for (p = 0; p < parts; p++)
		{
			Size		from = N / parts * p * (p + 1) / (parts + 1);
			Size		to = p + 1 == parts ? N : N / parts * (p + 1) * (p + 2) / (parts + 1);
			EgSketch   *s = parts == 1 ? all : make(to - from, eg_random_stream(key, p));

			for (i = from; i < to; i++)
				eg_sketch_add(s, v[i]);
			if (s != all)
			{
				eg_sketch_merge(all, s);
				free(s);
			}
		}
		valid &= all->n == N && eg_sketch_valid(all, EG_SKETCH_BYTES(all->size));
		qsort(v, N, sizeof(double), by_number);
		error = largest_error(all, v, N);
		worst = fmax(worst, error);
		above += error > EG_SKETCH_ERROR;
		free(all);
	}
	free(v);
	snprintf(line, sizeof(line), "%s: largest error %.5f, above %g in %d of %d", what, worst,
			 EG_SKETCH_ERROR, above, TRIALS);
	ok(valid && above == 0, line);
}

static void
exact(void)
{
	double	   *v = malloc(sizeof(double) * EG_SKETCH_EXACT);
	EgSketch   *a = make(EG_SKETCH_EXACT, 1);
	EgSketch   *b = make(1000, 2);
	EgSketch   *small = make(0, 3);
	int			grown = 0;
	Size		i;

	for (i = 0; i < EG_SKETCH_EXACT; i++)
	{
		v[i] = eg_random_unit(5, i);
		if (i < EG_SKETCH_EXACT - 1000)
			eg_sketch_add(a, v[i]);
		else
			eg_sketch_add(b, v[i]);
	}
	eg_sketch_merge(a, b);
	qsort(v, EG_SKETCH_EXACT, sizeof(double), by_number);
	ok(a->nlevels == 1 && largest_error(a, v, EG_SKETCH_EXACT) == 0, "up to 65,536 numbers it is exact");
	for (i = 0; i < 1000; i++)
	{
		if (eg_sketch_is_small(small))
		{
			int			size = eg_sketch_size((int64) small->size * 2);
			EgSketch   *larger = malloc(EG_SKETCH_BYTES(size));

			eg_sketch_copy(larger, size, small);
			free(small);
			small = larger;
			grown++;
		}
		eg_sketch_add(small, i);
	}
	ok(small->n == 1000 && small->end[0] == 1000 && grown == 5 && small->item[999] == 999,
	   "it grows by doubling");
	small->end[0] = 2000;
	ok(!eg_sketch_valid(small, EG_SKETCH_BYTES(small->size)), "a false one is found");
}

int
main(void)
{
	exact();
	trial("random", 0, 1);
	trial("ascending", 1, 1);
	trial("descending", 2, 1);
	trial("few values", 3, 1);
	trial("heavy tail", 4, 1);
	trial("random, 7 parts merged", 0, 7);
	trial("ascending, 40 parts merged", 1, 40);
	printf("1..%d\n", tests);
	return failed > 0;
}
