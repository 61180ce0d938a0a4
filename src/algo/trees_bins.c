/*-------------------------------------------------------------------------
 *
 * trees_bins.c
 *	  Columns to small integers, once, so that growing a tree only counts.
 *
 * The values of a numeric column are sorted (radix sort of their bits).  If
 * no more than max_bin are different, each is a bin of its own and nothing is
 * lost; otherwise bins hold about equally many rows.  The bins of a category
 * column are its categories.  Columns are independent tasks of a team.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest_code.h"
#include "algo/trees.h"
#include "base/parallel.h"
#include "utils/memutils.h"

#define RADIX_BITS		11
#define RADIX_SIZE		(1 << RADIX_BITS)
#define RADIX_PASSES	3
#define VALUE_BITS		32		/* of a pair: the key above, the row below */

/* The number of a key: eg_key_of_bits() backwards. */
static inline float
value_of_key(uint32 key)
{
	uint32		bits = key ^ ((key & EG_SIGN_BIT) ? EG_SIGN_BIT : 0xffffffffU);
	float		v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Sort pairs by the key in their upper half; rows of equal keys keep their order. */
static void
sort_pairs(uint64 *pairs, uint64 *other, Size n)
{
	int			pass;

	for (pass = 0; pass < RADIX_PASSES; pass++)
	{
		int			shift = VALUE_BITS + pass * RADIX_BITS;
		Size		start[RADIX_SIZE] = {0};
		Size		sum = 0;
		Size		i;
		uint64	   *swap;

		for (i = 0; i < n; i++)
			start[(pairs[i] >> shift) & (RADIX_SIZE - 1)]++;
		for (i = 0; i < RADIX_SIZE; i++)
		{
			Size		count = start[i];

			start[i] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
			other[start[(pairs[i] >> shift) & (RADIX_SIZE - 1)]++] = pairs[i];
		swap = pairs;
		pairs = other;
		other = swap;
	}

	/* an odd number of passes ends in the other array */
	memcpy(other, pairs, n * sizeof(uint64));
}

/* Pairs of the finite values of column j; their number. */
static Size
gather_pairs(const EgDataset *data, int j, uint64 *pairs)
{
	Size		n = 0;
	Size		i;

	for (i = 0; i < data->nfit; i++)
	{
		float		v = eg_row(&data->x, i)[j] + 0.0f;	/* -0 becomes 0 */
		uint32		bits;

		if (!isfinite(v))
			continue;
		memcpy(&bits, &v, sizeof(bits));
		pairs[n++] = ((uint64) eg_key_of_bits(bits) << VALUE_BITS) | (uint32) i;
	}
	return n;
}

/* What the tasks share, and what each thread has for itself. */
typedef struct BinWork
{
	EgBins	   *b;
	const EgDataset *data;
	int			max_bin;
} BinWork;

typedef struct BinScratch
{
	uint64	   *pairs;
	uint64	   *other;
} BinScratch;

/* Limits of a column's bins, to be copied on the main thread. */
typedef struct BinLimits
{
	float	   *low;			/* (n), NULL for categories */
	float	   *high;
	int			n;
	bool		missing;
} BinLimits;

static inline void
put_code(const EgBins *b, int j, Size row, uint32 code)
{
	if (b->wide[j])
		((uint16 *) b->code[j])[row] = (uint16) code;
	else
		((uint8 *) b->code[j])[row] = (uint8) code;
}

static void *
start_thread(void *arg, EgWorker *w)
{
	const BinWork *work = arg;
	Size		bytes = Max(work->data->nfit, 1) * sizeof(uint64);
	BinScratch *s = eg_arena_alloc(w->own, sizeof(BinScratch));

	if (s == NULL || (s->pairs = eg_arena_alloc(w->own, bytes)) == NULL ||
		(s->other = eg_arena_alloc(w->own, bytes)) == NULL)
		return NULL;
	return s;
}

static bool
bin_numbers(const BinWork *work, int j, EgWorker *w, BinLimits *out)
{
	const EgDataset *data = work->data;
	const EgBins *b = work->b;
	BinScratch *scratch = w->state;
	uint64	   *pairs = scratch->pairs;
	Size		n = gather_pairs(data, j, pairs);
	Size		ndifferent = 0;
	uint64		quantile = 0;
	int			max_bin = work->max_bin;
	int			room;
	int			bin = -1;
	Size		i;

	out->missing = n < b->nrows;

	/* the code for missing is one more: let it, too, fit in a byte */
	if (out->missing && max_bin == EG_NARROW_CODES)
		max_bin--;
	sort_pairs(pairs, scratch->other, n);
	for (i = 0; i < n; i++)
		ndifferent += i == 0 || (pairs[i] >> VALUE_BITS) != (pairs[i - 1] >> VALUE_BITS);

	room = (int) Max(Min(ndifferent, (Size) max_bin), 1);
	out->low = eg_arena_alloc(w->task, room * sizeof(float));
	out->high = eg_arena_alloc(w->task, room * sizeof(float));
	if (out->low == NULL || out->high == NULL)
		return false;
	for (i = 0; i < n; i++)
	{
		uint32		key = (uint32) (pairs[i] >> VALUE_BITS);

		if (i == 0 || key != (uint32) (pairs[i - 1] >> VALUE_BITS))
		{
			uint64		q = (uint64) i * max_bin / n;

			/* a value never lies in two bins */
			if (i == 0 || ndifferent <= max_bin || q != quantile)
				out->low[++bin] = value_of_key(key);
			quantile = q;
		}
		out->high[bin] = value_of_key(key);
		put_code(b, j, (uint32) pairs[i], bin);
	}
	out->n = bin + 1;
	for (i = 0; i < b->nrows && out->missing; i++)
	{
		if (!isfinite(eg_row(&data->x, i)[j]))
			put_code(b, j, i, out->n);
	}
	return true;
}

/* A code beyond the most bins is as good as missing. */
static void
bin_categories(const BinWork *work, int j, BinLimits *out)
{
	const EgDataset *data = work->data;
	const EgBins *b = work->b;
	int			nbins = Min(data->ncategories[j], EG_MAX_BINS);
	Size		i;

	out->n = nbins;
	out->missing = false;
	out->low = out->high = NULL;
	for (i = 0; i < b->nrows; i++)
	{
		float		v = eg_row(&data->x, i)[j];
		bool		known = v >= 0 && v < (float) nbins;

		put_code(b, j, i, known ? (uint32) v : nbins);
		out->missing |= !known;
	}
}

static void *
bin_column(void *arg, EgWorker *w, int j)
{
	const BinWork *work = arg;
	BinLimits  *out = eg_arena_alloc(w->task, sizeof(BinLimits));

	if (out == NULL || eg_worker_stop(w))
		return NULL;
	if (work->data->ncategories != NULL && work->data->ncategories[j] > 0)
		bin_categories(work, j, out);
	else if (!bin_numbers(work, j, w, out))
		return NULL;
	return out;
}

static float *
copy_limits(const float *v, int n)
{
	float	   *copy;

	if (v == NULL)
		return NULL;
	copy = palloc(Max(n, 1) * sizeof(float));
	memcpy(copy, v, n * sizeof(float));
	return copy;
}

static void
take_column(void *arg, int j, void *result)
{
	EgBins	   *b = ((const BinWork *) arg)->b;
	const BinLimits *limits = result;

	b->nbins[j] = limits->n;
	b->missing[j] = limits->missing;
	b->low[j] = copy_limits(limits->low, limits->n);
	b->high[j] = copy_limits(limits->high, limits->n);
}

EgBins *
eg_bins_make(const EgDataset *data, int max_bin, int threads, Size memory_limit)
{
	EgBins	   *b = palloc0(sizeof(EgBins));
	Size		n = data->nfit;
	BinWork		work = {b, data, max_bin};
	EgTeamSpec	team = {0};
	int			j;

	Assert(max_bin >= 1 && max_bin <= EG_MAX_BINS);
	b->nrows = n;
	b->ncols = data->x.ncols;
	b->ncategories = data->ncategories;
	b->code = palloc0(Max(b->ncols, 1) * sizeof(void *));
	b->wide = palloc0(Max(b->ncols, 1) * sizeof(bool));
	b->nbins = palloc0(Max(b->ncols, 1) * sizeof(int));
	b->low = palloc0(Max(b->ncols, 1) * sizeof(float *));
	b->high = palloc0(Max(b->ncols, 1) * sizeof(float *));
	b->missing = palloc0(Max(b->ncols, 1) * sizeof(bool));
	for (j = 0; j < b->ncols; j++)
	{
		int			ncategories = data->ncategories != NULL ? data->ncategories[j] : 0;

		b->wide[j] = ncategories > 0 ? ncategories >= EG_NARROW_CODES : max_bin > EG_NARROW_CODES;
		b->code[j] = MemoryContextAllocHuge(CurrentMemoryContext,
											Max(n, 1) * (b->wide[j] ? sizeof(uint16) : 1));
	}
	team.what = "sorting columns into bins";
	team.threads = threads;
	team.ntasks = b->ncols;
	team.memory_limit = memory_limit;
	team.arg = &work;
	team.start = start_thread;
	team.task = bin_column;
	team.done = take_column;
	eg_team_run(&team);
	return b;
}
