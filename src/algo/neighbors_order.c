/*-------------------------------------------------------------------------
 *
 * neighbors_order.c
 *	  Many rows in an order in which those that are near each other lie together.
 *
 * A block holds 16 rows side by side, dimension after dimension.  The rows are
 * halved again and again at the median of the dimension in which they spread
 * most, as in a k-d tree, so that the rows of a block, of 16 blocks, of 256 blocks
 * are near each other.  Of each such set the box is known: the smallest and
 * largest value in each dimension.  neighbors_search.c looks for the nearest.
 *
 * Source: J. L. Bentley, "Multidimensional Binary Search Trees Used for
 * Associative Searching", Communications of the ACM 18, 1975.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/neighbors.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK			EG_NEAR_BLOCK
#define SAMPLE			128		/* rows that tell where the others spread */

typedef struct Key
{
	float		value;
	uint32		row;
} Key;

EgNear *
eg_near_create(Size nrows, int width, bool manhattan)
{
	EgNear	   *t = palloc0(sizeof(EgNear));
	Size		n;
	Size		i;

	t->width = width;
	t->manhattan = manhattan;
	t->nrows = nrows;
	t->nblocks = (nrows + BLOCK - 1) / BLOCK;
	t->data = palloc_extended(mul_size(Max(t->nblocks * width, 1), BLOCK * sizeof(float)),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	t->row = palloc_extended(Max(nrows, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (i = 0; i < nrows; i++)
		t->row[i] = (uint32) i;
	for (n = t->nblocks; n > 1 && width > 0; n = (n + BLOCK - 1) / BLOCK)
		t->nmembers[t->nlevels++] = n;
	return t;
}

/* Boxes: two numbers for 16 rows, and a sixteenth of that for the groups of groups. */
Size
eg_near_overhead(Size nrows, int width)
{
	Size		groups = nrows / (BLOCK * BLOCK) + 2;

	return mul_size(groups + groups / 8, 2 * BLOCK * sizeof(float) * (Size) Max(width, 1));
}

void
eg_near_put(EgNear *t, Size row, const float *x)
{
	float	   *to = eg_near_row(t, row);
	int			d;

	for (d = 0; d < t->width; d++)
		to[(Size) d * BLOCK] = x[d];
}

/* ---------------- order ---------------- */

/* Dimension of the largest variance among some rows of order[lo, hi). */
static int
widest(const EgNear *t, const uint32 *order, Size lo, Size hi, double *sum, double *square)
{
	Size		step = Max((hi - lo) / SAMPLE, 1);
	Size		n = 0;
	double		most = -1;
	int			best = 0;
	Size		i;
	int			d;

	memset(sum, 0, sizeof(double) * t->width);
	memset(square, 0, sizeof(double) * t->width);
	for (i = lo; i < hi; i += step, n++)
	{
		const float *x = eg_near_row(t, order[i]);

		for (d = 0; d < t->width; d++)
		{
			double		v = x[(Size) d * BLOCK];

			sum[d] += v;
			square[d] += v * v;
		}
	}
	for (d = 0; d < t->width; d++)
	{
		double		v = square[d] - sum[d] * sum[d] / n;

		if (v > most)
		{
			most = v;
			best = d;
		}
	}
	return best;
}

static inline bool
before(Key a, Key b)
{
	return a.value < b.value || (a.value == b.value && a.row < b.row);
}

/* The smallest `first` of n keys to the front (Hoare's select); no two keys are equal. */
static void
divide(Key *key, Size n, Size first)
{
	Size		lo = 0,
				hi = n - 1;

	while (lo < hi)
	{
		Key			pivot = key[lo + (hi - lo) / 2];
		Size		i = lo,
					j = hi;

		CHECK_FOR_INTERRUPTS();
		for (;;)
		{
			while (before(key[i], pivot))
				i++;
			while (before(pivot, key[j]))
				j--;
			if (i >= j)
				break;
			{
				Key			v = key[i];

				key[i++] = key[j];
				key[j--] = v;
			}
		}

		/* [lo, i) is not after the pivot, (j, hi] not before it */
		if (first <= j)
			hi = j;
		else
			lo = j + 1;
	}
}

typedef struct Arranging
{
	const EgNear *t;
	uint32	   *order;
	Key		   *key;			/* (nrows) */
	double	   *sum;			/* (width) */
	double	   *square;			/* (width) */
	EgRun	   *run;
	Size		done;			/* blocks */
} Arranging;

/*
 * Halve order[lo, hi) until a block is left.  The first half has a power of two
 * of blocks, so that 16 blocks side by side are one set of this division.
 */
static void
arrange(Arranging *a, Size lo, Size hi)
{
	Size		half = BLOCK;
	Size		i;
	int			d;

	check_stack_depth();
	if (hi - lo <= BLOCK)
	{
		if (++a->done % 1024 == 0)
			eg_step(a->run, (int) (a->done / 1024), (int) (a->t->nblocks / 1024 + 1), NULL, 0);
		return;
	}
	while (half * 2 < hi - lo)
		half *= 2;
	d = widest(a->t, a->order, lo, hi, a->sum, a->square);
	for (i = lo; i < hi; i++)
	{
		a->key[i].value = eg_near_row(a->t, a->order[i])[(Size) d * BLOCK];
		a->key[i].row = a->order[i];
	}
	divide(a->key + lo, hi - lo, half);
	for (i = lo; i < hi; i++)
		a->order[i] = a->key[i].row;
	arrange(a, lo, lo + half);
	arrange(a, lo + half, hi);
}

static int
compare_rows(const void *x, const void *y)
{
	uint32		a = *(const uint32 *) x;
	uint32		b = *(const uint32 *) y;

	return (a > b) - (a < b);
}

void
eg_near_arrange(EgNear *t, EgRun *run)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch;
	Arranging	a = {0};
	float	   *old = t->data;
	Size		i;
	int			d;

	if (t->nblocks < 2 || t->width == 0)
		return;
	scratch = AllocSetContextCreate(caller, "engage nearest rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	a.t = t;
	a.order = t->row;
	a.key = MemoryContextAllocHuge(scratch, t->nrows * sizeof(Key));
	a.sum = palloc(sizeof(double) * t->width);
	a.square = palloc(sizeof(double) * t->width);
	a.run = run;
	arrange(&a, 0, t->nrows);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);

	/* within a block the order does not matter, so it is that of the rows */
	for (i = 0; i < t->nrows; i += BLOCK)
		qsort(t->row + i, Min(BLOCK, t->nrows - i), sizeof(uint32), compare_rows);
	t->data = palloc_extended(t->nblocks * t->width * BLOCK * sizeof(float),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < t->nrows; i++)
	{
		float	   *to = eg_near_row(t, i);
		const float *from = old + t->row[i] / BLOCK * t->width * BLOCK + t->row[i] % BLOCK;

		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		for (d = 0; d < t->width; d++)
			to[(Size) d * BLOCK] = from[(Size) d * BLOCK];
	}
	pfree(old);
}

/* ---------------- boxes ---------------- */

/* Where the smallest (0) or largest (1) values of a member of a level lie, in steps of BLOCK. */
static inline float *
box_of(const EgNear *t, int level, Size member, int side)
{
	return t->box[level] + (member / BLOCK * 2 + side) * t->width * BLOCK + member % BLOCK;
}

void
eg_near_boxes(EgNear *t)
{
	Size		i,
				m;
	int			level,
				side,
				d;

	for (level = 0; level < t->nlevels; level++)
	{
		Size		groups = (t->nmembers[level] + BLOCK - 1) / BLOCK;

		t->box[level] = palloc_extended(groups * 2 * t->width * BLOCK * sizeof(float),
										MCXT_ALLOC_HUGE);
		for (m = 0; m < groups * BLOCK; m++)
		{
			if (m % 4096 == 0)
				CHECK_FOR_INTERRUPTS();
			for (side = 0; side < 2; side++)
			{
				for (d = 0; d < t->width; d++)
					box_of(t, level, m, side)[(Size) d * BLOCK] = side == 0 ? INFINITY : -INFINITY;
			}
		}
	}
	for (i = 0; t->nlevels > 0 && i < t->nrows; i++)
	{
		const float *x = eg_near_row(t, i);
		float	   *low = box_of(t, 0, i / BLOCK, 0);
		float	   *high = box_of(t, 0, i / BLOCK, 1);

		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		for (d = 0; d < t->width; d++)
		{
			Size		at = (Size) d * BLOCK;

			low[at] = Min(low[at], x[at]);
			high[at] = Max(high[at], x[at]);
		}
	}
	for (level = 1; level < t->nlevels; level++)
	{
		for (m = 0; m < t->nmembers[level - 1]; m++)
		{
			for (d = 0; d < t->width; d++)
			{
				Size		at = (Size) d * BLOCK;
				float	   *low = box_of(t, level, m / BLOCK, 0) + at;
				float	   *high = box_of(t, level, m / BLOCK, 1) + at;

				*low = Min(*low, box_of(t, level - 1, m, 0)[at]);
				*high = Max(*high, box_of(t, level - 1, m, 1)[at]);
			}
		}
	}
}
