/*-------------------------------------------------------------------------
 *
 * trees_bins.c
 *	  Columns to small integers, once, so that growing a tree only counts.
 *
 * The values of a numeric column are sorted (radix sort of their bits).  If
 * no more than max_bin are different, each is a bin of its own and nothing is
 * lost; otherwise bins hold about equally many rows.  The bins of a category
 * column are its categories.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest_code.h"
#include "algo/trees.h"
#include "miscadmin.h"
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

static void
bin_numbers(EgBins *b, const EgDataset *data, int j, int max_bin, uint64 *pairs, uint64 *other)
{
	uint16	   *code = b->code + (Size) j * b->nrows;
	Size		n = gather_pairs(data, j, pairs);
	Size		ndifferent = 0;
	uint64		quantile = 0;
	int			bin = -1;
	Size		i;

	sort_pairs(pairs, other, n);
	for (i = 0; i < n; i++)
		ndifferent += i == 0 || (pairs[i] >> VALUE_BITS) != (pairs[i - 1] >> VALUE_BITS);

	b->low[j] = palloc(Max(Min(ndifferent, (Size) max_bin), 1) * sizeof(float));
	b->high[j] = palloc(Max(Min(ndifferent, (Size) max_bin), 1) * sizeof(float));
	for (i = 0; i < n; i++)
	{
		uint32		key = (uint32) (pairs[i] >> VALUE_BITS);

		if (i == 0 || key != (uint32) (pairs[i - 1] >> VALUE_BITS))
		{
			uint64		q = (uint64) i * max_bin / n;

			/* a value never lies in two bins */
			if (i == 0 || ndifferent <= max_bin || q != quantile)
				b->low[j][++bin] = value_of_key(key);
			quantile = q;
		}
		b->high[j][bin] = value_of_key(key);
		code[(uint32) pairs[i]] = (uint16) bin;
	}
	b->nbins[j] = bin + 1;
	b->missing[j] = n < b->nrows;
	if (b->missing[j])
	{
		for (i = 0; i < b->nrows; i++)
		{
			if (!isfinite(eg_row(&data->x, i)[j]))
				code[i] = (uint16) b->nbins[j];
		}
	}
}

/* A code beyond the most bins is as good as missing. */
static void
bin_categories(EgBins *b, const EgDataset *data, int j)
{
	uint16	   *code = b->code + (Size) j * b->nrows;
	int			nbins = Min(data->ncategories[j], EG_MAX_BINS);
	Size		i;

	b->nbins[j] = nbins;
	for (i = 0; i < b->nrows; i++)
	{
		float		v = eg_row(&data->x, i)[j];

		if (v >= 0 && v < (float) nbins)
			code[i] = (uint16) v;
		else
		{
			code[i] = (uint16) nbins;
			b->missing[j] = true;
		}
	}
}

EgBins *
eg_bins_make(const EgDataset *data, int max_bin)
{
	EgBins	   *b = palloc0(sizeof(EgBins));
	Size		n = data->nfit;
	uint64	   *pairs;
	uint64	   *other;
	int			j;

	Assert(max_bin >= 1 && max_bin <= EG_MAX_BINS);
	b->nrows = n;
	b->ncols = data->x.ncols;
	b->ncategories = data->ncategories;
	b->code = MemoryContextAllocHuge(CurrentMemoryContext,
									 Max(n * b->ncols, 1) * sizeof(uint16));
	b->nbins = palloc0(Max(b->ncols, 1) * sizeof(int));
	b->low = palloc0(Max(b->ncols, 1) * sizeof(float *));
	b->high = palloc0(Max(b->ncols, 1) * sizeof(float *));
	b->missing = palloc0(Max(b->ncols, 1) * sizeof(bool));
	pairs = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint64));
	other = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint64));
	for (j = 0; j < b->ncols; j++)
	{
		if (data->ncategories != NULL && data->ncategories[j] > 0)
			bin_categories(b, data, j);
		else
			bin_numbers(b, data, j, max_bin, pairs, other);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(pairs);
	pfree(other);
	return b;
}
