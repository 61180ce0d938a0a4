/*
 * check_tpe.c - the sampler of src/algo/tpe.c against random search on fixed functions
 *
 * Compiled by check_tpe.sh together with tpe.c alone; prints lines of TAP.
 */
#include "postgres.h"

#include <math.h>

#include "algo/tpe.h"
#include "base/random.h"

#define TRIALS	50
#define SEEDS	41

/* what tpe.c needs of the server */
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

#undef qsort
#undef printf

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

/* Branin's function on numbers, with a log scale, an integer and a choice that matters. */
static const EgDim mixed[] = {
	{.kind = EG_DIM_REAL, .low = -5, .high = 10, .ngrid = 3},
	{.kind = EG_DIM_REAL, .low = 0, .high = 15, .ngrid = 3},
	{.kind = EG_DIM_REAL, .low = 1e-4, .high = 1, .log = true, .ngrid = 3},
	{.kind = EG_DIM_INT, .low = 1, .high = 12, .ngrid = 4},
	{.kind = EG_DIM_CHOICE, .nchoices = 4},
};

static double
mixed_loss(const EgPoint *p)
{
	double		a = p->x[0],
				b = p->x[1];
	double		t = b - 5.1 / (4 * M_PI * M_PI) * a * a + 5 / M_PI * a - 6;
	double		branin = t * t + 10 * (1 - 1 / (8 * M_PI)) * cos(a) + 10;

	return branin + 4 * pow(log10(p->x[2]) + 2, 2) + 0.5 * fabs(p->x[3] - 7) +
		(p->x[4] == 2 ? 0 : 3 + p->x[4]);
}

/* Two branches: the second has the better minimum, and a dimension of its own. */
static const EgDim branched[] = {
	{.kind = EG_DIM_REAL, .branch = 0, .low = 0, .high = 1, .ngrid = 3},
	{.kind = EG_DIM_REAL, .branch = 0, .low = 0, .high = 1, .ngrid = 3},
	{.kind = EG_DIM_REAL, .branch = 1, .low = 0, .high = 1, .ngrid = 3},
	{.kind = EG_DIM_INT, .branch = 1, .low = 1, .high = 1000, .log = true, .ngrid = 3},
	{.kind = EG_DIM_REAL, .branch = 1, .low = 0, .high = 1, .ngrid = 3},
};

static double
branched_loss(const EgPoint *p)
{
	if (p->branch == 0)
		return 1 + pow(p->x[0] - 0.3, 2) + pow(p->x[1] - 0.8, 2);
	return pow(p->x[2] - 0.7, 2) * 10 + pow(log10(p->x[3]) - 1.5, 2) + pow(p->x[4] - 0.2, 2) * 5;
}

/* Best loss of a search; *inside tells whether every point was within the space. */
static double
search(const EgSpace *s, double (*loss) (const EgPoint *), bool tpe, uint64 seed, bool *inside)
{
	EgPoint		h[TRIALS];
	double		best = INFINITY;

	for (int i = 0; i < TRIALS; i++)
	{
		h[i].x = malloc(sizeof(double) * s->ndims);
		if (tpe)
			eg_tpe_suggest(s, h, i, eg_random_stream(seed, i), &h[i]);
		else
			eg_space_random(s, eg_random_stream(seed, i), &h[i]);
		for (int j = 0; j < s->ndims; j++)
		{
			const EgDim *d = &s->dims[j];
			double		x = h[i].x[j];

			if (d->branch != h[i].branch)
				*inside &= isnan(x);
			else if (d->kind == EG_DIM_CHOICE)
				*inside &= x == rint(x) && x >= 0 && x < d->nchoices;
			else
				*inside &= x >= d->low && x <= d->high && (d->kind == EG_DIM_REAL || x == rint(x));
		}
		h[i].loss = loss(&h[i]);
		h[i].complete = true;
		best = Min(best, h[i].loss);
	}
	return best;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a,
				y = *(const double *) b;

	return (x > y) - (x < y);
}

static int
compare(int number, const char *name, const EgSpace *s, double (*loss) (const EgPoint *))
{
	double		t[SEEDS],
				r[SEEDS];
	int			wins = 0;
	bool		inside = true,
				good;

	for (int seed = 0; seed < SEEDS; seed++)
	{
		t[seed] = search(s, loss, true, seed + 1, &inside);
		r[seed] = search(s, loss, false, seed + 1, &inside);
		wins += t[seed] < r[seed];
	}
	qsort(t, SEEDS, sizeof(double), compare_doubles);
	qsort(r, SEEDS, sizeof(double), compare_doubles);
	good = t[SEEDS / 2] < r[SEEDS / 2] && wins > SEEDS / 2;
	printf("%sok %d - TPE beats random search on the %s function: median %.4f against %.4f, "
		   "%d of %d seeds\n", good ? "" : "not ", number, name, t[SEEDS / 2], r[SEEDS / 2], wins,
		   SEEDS);
	printf("%sok %d - every point of the %s function is within the space\n",
		   inside ? "" : "not ", number + 1, name);
	return !good + !inside;
}

/* All points of a grid differ, and the corners are among them. */
static int
check_grid(int number, const EgSpace *s)
{
	int			n = (int) eg_space_grid_size(s);
	EgPoint    *p = malloc(sizeof(EgPoint) * n);
	bool		good = true;

	for (int i = 0; i < n; i++)
	{
		p[i].x = malloc(sizeof(double) * s->ndims);
		eg_space_grid(s, i, &p[i]);
		for (int k = 0; k < i; k++)
			good &= !eg_points_equal(s, &p[i], &p[k]);
	}
	good &= n == 3 * 3 + 3 * 3 * 3 && p[0].x[0] == 0 && p[n - 1].x[3] == 1000;
	printf("%sok %d - the grid has %d different points\n", good ? "" : "not ", number, n);
	return !good;
}

int
main(void)
{
	EgSpace		a = {1, lengthof(mixed), mixed};
	EgSpace		b = {2, lengthof(branched), branched};
	int			failed = compare(1, "mixed", &a, mixed_loss) +
		compare(3, "branched", &b, branched_loss) + check_grid(5, &b);

	printf("1..5\n");
	return failed > 0;
}
