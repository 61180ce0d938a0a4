/*-------------------------------------------------------------------------
 *
 * shapley.c
 *	  Shapley values of any function of a feature vector.
 *
 * Value of a set of features: the mean output over the background rows, with
 * these features taken from the row.  That is a mean of games, one for each
 * background row, and Shapley values are linear; so each game is played by
 * itself, and in it only the features that differ have a say.  A pair of
 * orders, a permutation and its reverse, belongs to one background row; all
 * rows have the same number of pairs, or one less.
 *
 * With two pairs a row the standard error is that of the mean of the rows'
 * means: the spread within rows alone.  With fewer pairs it is that of a mean of
 * pairs, which holds the spread between rows, too: too large when each row has
 * a pair, for then all of them are used.
 *
 * The base value is known exactly, and so is the sum of the contributions.
 * What the sampled ones lack when there are more rows than pairs is shared out
 * in proportion to their variances: the correction of least squares under a
 * known sum.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/link.h"
#include "algo/shapley.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Rows given to the function at a time, and bytes that they may take: few, for
 * interrupts are answered in between, and a row may cost tens of milliseconds.
 */
#define BLOCK_ROWS		32
#define BLOCK_BYTES		((Size) 8 * 1024 * 1024)

/* all subsets instead of orders where they cost at most so many times more */
#define EXACT_COST		4

/* features that may differ for all subsets to be gone through */
#define EXACT_MAX		20

/* Rows on their way through the function. */
typedef struct Batch
{
	EgFunction	f;
	void	   *arg;
	int			width;
	int			k;
	int			ncols;
	float	   *rows;			/* (capacity, ncols) */
	double	   *out;			/* (capacity, width) */
	Size		capacity;
	Size		pending;
	double	   *values;			/* outputs k in the order in which rows were put */
	Size		nvalues;
} Batch;

static void
batch_flush(Batch *b)
{
	Size		i;

	if (b->pending == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	b->f(b->arg, b->rows, b->pending, b->out);
	for (i = 0; i < b->pending; i++)
		b->values[b->nvalues++] = b->out[i * b->width + b->k];
	b->pending = 0;
}

static inline void
batch_put(Batch *b, const float *row)
{
	memcpy(b->rows + b->pending * b->ncols, row, sizeof(float) * b->ncols);
	if (++b->pending == b->capacity)
		batch_flush(b);
}

static inline bool
differs(float a, float b)
{
	return !(a == b || (isnan(a) && isnan(b)));
}

/* The features in which the row differs from a background row. */
static int
differing(const float *x, const float *row, int ncols, int *features)
{
	int			n = 0;
	int			j;

	for (j = 0; j < ncols; j++)
	{
		if (differs(x[j], row[j]))
			features[n++] = j;
	}
	return n;
}

/*
 * One game by all subsets, of which the empty and the full one are known.
 * Subset s takes feature features[i] from the row where bit i is set.
 */
static void
play_exactly(Batch *b, const float *x, const float *row, const int *features, int n, double none,
			 double all, float *mix, double *out)
{
	Size		nsubsets = (Size) 1 << n;
	double		weight[EXACT_MAX];
	Size		s;
	int			i;

	/* of a set with i others: i! (n - i - 1)! / n! */
	for (i = 0; i < n; i++)
		weight[i] = i == 0 ? 1.0 / n : weight[i - 1] * i / (n - i);

	b->nvalues = 0;
	b->values[b->nvalues++] = none;
	for (s = 1; s + 1 < nsubsets; s++)
	{
		memcpy(mix, row, sizeof(float) * b->ncols);
		for (i = 0; i < n; i++)
		{
			if (s >> i & 1)
				mix[features[i]] = x[features[i]];
		}
		batch_put(b, mix);
	}
	batch_flush(b);
	b->values[nsubsets - 1] = all;
	for (s = 0; s < nsubsets; s++)
	{
		int			size = 0;

		for (i = 0; i < n; i++)
			size += s >> i & 1;
		for (i = 0; i < n; i++)
		{
			if (s >> i & 1)
				out[features[i]] += b->values[s] * weight[size - 1];
			else
				out[features[i]] -= b->values[s] * weight[size];
		}
	}
}

static void
shuffle(int *v, int n, uint64 key)
{
	int			i;

	for (i = n - 1; i > 0; i--)
	{
		int			j = (int) eg_random_below(key, i, i + 1);
		int			swap = v[i];

		v[i] = v[j];
		v[j] = swap;
	}
}

/* Put what lies between the background row and the row, in the given order or its reverse. */
static void
put_walk(Batch *b, const float *x, const float *row, const int *order, int n, bool reverse,
		 float *mix)
{
	int			i;

	memcpy(mix, row, sizeof(float) * b->ncols);
	for (i = 0; i + 1 < n; i++)
	{
		int			j = order[reverse ? n - 1 - i : i];

		mix[j] = x[j];
		batch_put(b, mix);
	}
}

/* What a walk says: the step that each feature made, added to out. */
static void
take_walk(const double *values, const int *order, int n, bool reverse, double none, double all,
		  double *out)
{
	double		last = none;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		now = i + 1 < n ? values[i] : all;

		out[order[reverse ? n - 1 - i : i]] += now - last;
		last = now;
	}
}

/* Which background row a pair of orders belongs to: evenly spread, in order. */
static inline Size
row_of_pair(int pair, int orders, Size nbackground)
{
	return (Size) ((uint64) pair * nbackground / orders);
}

/*
 * Means of pairs, and of the squares of their deviations; with rows that have
 * pairs enough, row by row.
 */
typedef struct Tally
{
	int			ncols;
	bool		by_row;
	int			n;				/* pairs of this row, or of all */
	double	   *mean;			/* (ncols) */
	double	   *square;
	int			nrows;			/* that are complete */
	double	   *sum;			/* (ncols) of the rows' means */
	double	   *variance;		/* (ncols) of that sum */
} Tally;

static void
tally_pair(Tally *t, const double *steps)
{
	int			j;

	t->n++;
	for (j = 0; j < t->ncols; j++)
	{
		double		delta = steps[j] / 2 - t->mean[j];

		t->mean[j] += delta / t->n;
		t->square[j] += delta * (steps[j] / 2 - t->mean[j]);
	}
}

static void
tally_row(Tally *t)
{
	int			j;

	for (j = 0; j < t->ncols; j++)
	{
		t->sum[j] += t->mean[j];
		t->variance[j] += t->n > 1 ? t->square[j] / (t->n - 1) / t->n : NAN;
		t->mean[j] = t->square[j] = 0;
	}
	t->n = 0;
	t->nrows++;
}

static double *
zeros(int n)
{
	return palloc_extended(sizeof(double) * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
sample_orders(Batch *b, const float *x, const float *background, Size nbackground, int orders,
			  uint64 seed, const double *base, double all, double *out, double *error)
{
	Tally		t = {0};
	int			ncols = b->ncols;
	int			group = (int) Max(1, b->capacity / (2 * (Size) Max(ncols, 1)));
	int		   *order = palloc_extended(sizeof(int) * (Size) group * ncols, MCXT_ALLOC_HUGE);
	int		   *n = palloc(sizeof(int) * group);
	float	   *mix = palloc_extended(sizeof(float) * ncols, MCXT_ALLOC_HUGE);
	double	   *steps = zeros(ncols);
	int			done;
	int			p;
	int			j;

	t.ncols = ncols;
	t.by_row = (Size) orders >= 2 * nbackground;
	t.mean = zeros(ncols);
	t.square = zeros(ncols);
	t.sum = zeros(ncols);
	t.variance = zeros(ncols);
	for (done = 0; done < orders; done += group)
	{
		int			count = Min(group, orders - done);
		Size		at = 0;

		b->nvalues = 0;
		for (p = 0; p < count; p++)
		{
			const float *row = background +
				row_of_pair(done + p, orders, nbackground) * ncols;
			int		   *o = order + (Size) p * ncols;

			n[p] = differing(x, row, ncols, o);
			shuffle(o, n[p], eg_random_stream(seed, done + p));
			put_walk(b, x, row, o, n[p], false, mix);
			put_walk(b, x, row, o, n[p], true, mix);
		}
		batch_flush(b);
		for (p = 0; p < count; p++)
		{
			const int  *o = order + (Size) p * ncols;
			Size		row = row_of_pair(done + p, orders, nbackground);
			double		none = base[row];
			int			inner = Max(n[p] - 1, 0);

			if (t.by_row && row != (Size) t.nrows)
				tally_row(&t);
			memset(steps, 0, sizeof(double) * ncols);
			take_walk(b->values + at, o, n[p], false, none, all, steps);
			take_walk(b->values + at + inner, o, n[p], true, none, all, steps);
			at += 2 * inner;
			tally_pair(&t, steps);
		}
	}
	tally_row(&t);
	for (j = 0; j < ncols; j++)
	{
		out[j] = t.sum[j] / t.nrows;
		error[j] = sqrt(t.variance[j]) / t.nrows;
	}
}

/* Contributions that add up: the difference goes where the doubt is. */
static void
correct_sum(double *out, const double *error, int ncols, double target)
{
	double		rest = target - out[ncols];
	double		doubt = 0;
	int			j;

	for (j = 0; j < ncols; j++)
	{
		rest -= out[j];
		doubt += error[j] * error[j];
	}
	for (j = 0; doubt > 0 && j < ncols; j++)
		out[j] += rest * (error[j] * error[j] / doubt);
	eg_contributions_settle(out, ncols, target);
}

void
eg_shapley_sample(EgFunction f, void *arg, int width, int k, const float *x, int ncols,
				  const float *background, Size nbackground, int orders, uint64 seed,
				  double *out, double *error)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage shapley",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Batch		b = {0};
	int		   *features = palloc_extended(sizeof(int) * Max(ncols, 1), MCXT_ALLOC_HUGE);
	double	   *base = palloc_extended(sizeof(double) * nbackground, MCXT_ALLOC_HUGE);
	double		all = NAN;
	double		mean = 0;
	double		subsets = 0;
	double		walks = 0;
	int			most = 0;
	Size		i;

	b.f = f;
	b.arg = arg;
	b.width = width;
	b.k = k;
	b.ncols = ncols;
	for (i = 0; i < nbackground; i++)
	{
		int			n = differing(x, background + i * ncols, ncols, features);

		most = Max(most, n);
		subsets += ldexp(1, n);
		walks += 2.0 * Max(n - 1, 0) * orders / nbackground;
	}
	b.capacity = Max(1, Min(BLOCK_ROWS, BLOCK_BYTES / (sizeof(float) * Max(ncols, 1))));
	b.rows = palloc_extended(sizeof(float) * b.capacity * Max(ncols, 1), MCXT_ALLOC_HUGE);
	b.out = palloc_extended(sizeof(double) * b.capacity * width, MCXT_ALLOC_HUGE);

	/* the row and the background themselves */
	b.values = base;
	for (i = 0; i < nbackground; i++)
		batch_put(&b, background + i * ncols);
	batch_flush(&b);
	for (i = 0; i < nbackground; i++)
		mean += base[i] / nbackground;
	b.values = &all;
	b.nvalues = 0;
	batch_put(&b, x);
	batch_flush(&b);

	memset(out, 0, sizeof(double) * ncols);
	memset(error, 0, sizeof(double) * ncols);
	out[ncols] = mean;
	if (most <= EXACT_MAX && subsets <= EXACT_COST * Max(walks, 1))
	{
		float	   *mix = palloc_extended(sizeof(float) * Max(ncols, 1), MCXT_ALLOC_HUGE);
		int			j;

		b.values = palloc(sizeof(double) << most);
		for (i = 0; i < nbackground; i++)
		{
			const float *row = background + i * ncols;
			int			n = differing(x, row, ncols, features);

			if (n > 0)
				play_exactly(&b, x, row, features, n, base[i], all, mix, out);
		}
		for (j = 0; j < ncols; j++)
			out[j] /= nbackground;
		eg_contributions_settle(out, ncols, all);
	}
	else
	{
		b.values = palloc_extended(sizeof(double) * (b.capacity + 2 * (Size) ncols + 1),
								   MCXT_ALLOC_HUGE);
		sample_orders(&b, x, background, nbackground, orders, seed, base, all, out, error);
		correct_sum(out, error, ncols, all);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
