/*-------------------------------------------------------------------------
 *
 * baseline.c
 *	  What the training rows looked like, stored with the model.
 *
 * Values are floats, so quantiles and bin limits are, too: a quantile is a
 * value that occurs.  A column is sorted by its bits (radix sort, 11 at a
 * time), which makes the cost of a hundred thousand rows that of reading them
 * a few times.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/baseline.h"

#define RADIX_BITS			11
#define RADIX				(1 << RADIX_BITS)

/* the sample is cut where it would pass this many bytes */
#define MAX_SAMPLE_BYTES	((Size) 64 * 1024 * 1024)

/* bytes of a feature in the stored form, at least */
#define MIN_FEATURE_BYTES	8

#define MEDIAN				(EG_BASELINE_BINS / 2)

/* ----------
 * Making
 * ----------
 */

/* Bits whose order as an unsigned number is that of the floats, and back. */
static inline uint32
ordered_bits(float v)
{
	uint32		bits;

	v += 0.0f;					/* one zero */
	memcpy(&bits, &v, sizeof(bits));
	return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

static inline float
float_of(uint32 bits)
{
	float		v;

	bits = bits & 0x80000000 ? bits & 0x7fffffff : ~bits;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Ascending order; other is room for as many.  Returns where the result is. */
static uint32 *
sort_bits(uint32 *v, uint32 *other, Size n)
{
	int			shift;

	for (shift = 0; shift < 32; shift += RADIX_BITS)
	{
		Size		start[RADIX] = {0};
		Size		sum = 0;
		uint32	   *swap = v;
		Size		i;

		for (i = 0; i < n; i++)
			start[v[i] >> shift & (RADIX - 1)]++;
		for (i = 0; i < RADIX; i++)
		{
			Size		count = start[i];

			start[i] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
			other[start[v[i] >> shift & (RADIX - 1)]++] = v[i];
		v = other;
		other = swap;
	}
	return v;
}

/* Where the first number above the one at `from` is. */
static Size
end_of_ties(const uint32 *sorted, Size from, Size n)
{
	Size		low = from,
				high = n;

	while (low < high)
	{
		Size		middle = low + (high - low) / 2;

		if (sorted[middle] <= sorted[from])
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
add_bin(EgFeatureBaseline *f, const uint32 *sorted, Size begin, Size end)
{
	f->upper[f->nbins] = float_of(sorted[end - 1]);
	f->count[f->nbins++] = (double) (end - begin);
}

/*
 * Bins of n > 0 sorted numbers: one for each value when there are so few, for a
 * rare one may become frequent; else of equal weight.  A bin ends behind the last
 * of the values that equal its limit.  A value that would fill two bins shares
 * its own with no smaller ones; those get the other.
 */
static void
find_bins(EgFeatureBaseline *f, const uint32 *sorted, Size n)
{
	Size		end[EG_BASELINE_BINS];
	Size		begin = 0;
	int			k = 0;
	int			b;

	for (; begin < n && k < EG_BASELINE_BINS; k++)
		begin = end[k] = end_of_ties(sorted, begin, n);
	if (begin == n)
	{
		for (b = 0; b < k; b++)
			add_bin(f, sorted, b > 0 ? end[b - 1] : 0, end[b]);
		return;
	}
	begin = 0;
	for (b = 1; b <= EG_BASELINE_BINS && begin < n; b++)
	{
		Size		at = (n - 1) * b / EG_BASELINE_BINS;
		Size		behind;

		if (at < begin)
			continue;
		behind = end_of_ties(sorted, at, n);
		if (b < EG_BASELINE_BINS && (n - 1) * (b + 1) / EG_BASELINE_BINS < behind)
		{
			while (at > begin && sorted[at - 1] == sorted[at])
				at--;
			if (at > begin)
				add_bin(f, sorted, begin, at);
			begin = at;
		}
		add_bin(f, sorted, begin, behind);
		begin = behind;
	}
}

/* Distribution of n > 0 sorted numbers. */
static void
describe_numbers(EgFeatureBaseline *f, const uint32 *sorted, Size n)
{
	Size		i;
	int			b;

	f->integral = true;
	for (i = 0; i < n && f->integral; i++)
	{
		float		v = float_of(sorted[i]);

		f->integral = v == rintf(v);
	}
	for (b = 0; b <= EG_BASELINE_BINS; b++)
		f->quantile[b] = float_of(sorted[(n - 1) * b / EG_BASELINE_BINS]);
	find_bins(f, sorted, n);
	f->typical = f->quantile[MEDIAN];
}

/* The most frequent category, the first of several. */
static void
find_typical_category(EgFeatureBaseline *f)
{
	double		most = 0;
	int			c;

	f->typical = NAN;
	for (c = 0; c < f->ncategories; c++)
	{
		if (f->category_count[c] > most)
		{
			most = f->category_count[c];
			f->typical = c;
		}
	}
}

static void
clear_numbers(EgFeatureBaseline *f)
{
	int			b;

	f->typical = NAN;
	for (b = 0; b <= EG_BASELINE_BINS; b++)
		f->quantile[b] = NAN;
}

EgBaseline *
eg_baseline_make(const EgMatrix *x, Size nrows, const int *ncategories, int nbackground)
{
	EgBaseline *b = palloc0(sizeof(EgBaseline));
	Size		n = Min(nrows, EG_BASELINE_ROWS);
	uint32	   *bits = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (n + 1));
	uint32	   *room = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (n + 1));
	Size		i;
	int			j;

	b->nfeatures = x->ncols;
	b->features = MemoryContextAllocHuge(CurrentMemoryContext,
										 sizeof(EgFeatureBaseline) * Max(x->ncols, 1));
	memset(b->features, 0, sizeof(EgFeatureBaseline) * x->ncols);
	for (j = 0; j < x->ncols; j++)
	{
		EgFeatureBaseline *f = &b->features[j];
		const float *v = x->data + j;
		Size		present = 0;

		CHECK_FOR_INTERRUPTS();
		f->n = (double) n;
		f->ncategories = ncategories ? ncategories[j] : 0;
		if (f->ncategories > 0)
			f->category_count = MemoryContextAllocHuge(CurrentMemoryContext,
													   sizeof(double) * f->ncategories);
		for (i = 0; i < f->ncategories; i++)
			f->category_count[i] = 0;
		for (i = 0; i < n; i++, v += x->ncols)
		{
			if (!isfinite(*v))
				f->missing++;
			else if (f->ncategories == 0)
				bits[present++] = ordered_bits(*v);
			else if (*v >= 0 && *v < f->ncategories)
				f->category_count[(int) *v]++;
			else
				f->missing++;
		}
		if (f->ncategories > 0)
			find_typical_category(f);
		else
			clear_numbers(f);
		if (present > 0)
			describe_numbers(f, sort_bits(bits, room, present), present);
	}
	pfree(bits);
	pfree(room);

	n = Min(nrows, (Size) Max(nbackground, 0));
	n = Min(n, MAX_SAMPLE_BYTES / (sizeof(float) * Max(x->ncols, 1)));
	b->nrows = x->ncols > 0 ? (int) n : 0;
	b->rows = palloc(sizeof(float) * Max(b->nrows * (Size) x->ncols, 1));
	memcpy(b->rows, x->data, sizeof(float) * b->nrows * (Size) x->ncols);
	return b;
}

/* ----------
 * Stored form
 * ----------
 */

static void
save_numbers(const EgFeatureBaseline *f, EgWriter *w)
{
	int			i;

	eg_put_u8(w, f->integral);
	for (i = 0; i <= EG_BASELINE_BINS; i++)
		eg_put_f32(w, (float) f->quantile[i]);
	eg_put_u8(w, (uint8) f->nbins);
	for (i = 0; i < f->nbins; i++)
	{
		eg_put_f32(w, (float) f->upper[i]);
		eg_put_u32(w, (uint32) f->count[i]);
	}
}

void
eg_baseline_save(const EgBaseline *b, EgWriter *w)
{
	int			j;
	int			i;

	eg_put_u32(w, b->nfeatures);
	for (j = 0; j < b->nfeatures; j++)
	{
		const EgFeatureBaseline *f = &b->features[j];

		eg_put_u32(w, (uint32) f->n);
		eg_put_u32(w, (uint32) f->missing);
		for (i = 0; i < f->ncategories; i++)
			eg_put_u32(w, (uint32) f->category_count[i]);
		if (f->ncategories == 0 && f->nbins > 0)
			save_numbers(f, w);
	}
	eg_put_u32(w, b->nrows);
	eg_put_f32_array(w, b->rows, b->nrows * (Size) b->nfeatures);
}

static void
load_counts(EgReader *r, EgFeatureBaseline *f)
{
	f->n = eg_get_u32(r);
	f->missing = eg_get_u32(r);
	if (f->missing > f->n)
		eg_corrupted(r, "a feature of the baseline is missing in %.0f of %.0f rows",
					 f->missing, f->n);
	clear_numbers(f);
}

static void
load_numbers(EgReader *r, EgFeatureBaseline *f)
{
	uint8		integral = eg_get_u8(r);
	double		sum = 0;
	int			i;

	if (integral > 1)
		eg_corrupted(r, "a feature of the baseline is neither whole numbers nor others");
	f->integral = integral != 0;
	for (i = 0; i <= EG_BASELINE_BINS; i++)
	{
		f->quantile[i] = eg_get_f32(r);
		if (!isfinite(f->quantile[i]) || (i > 0 && f->quantile[i] < f->quantile[i - 1]))
			eg_corrupted(r, "quantiles of the baseline do not ascend");
	}
	f->nbins = eg_get_u8(r);
	if (f->nbins < 1 || f->nbins > EG_BASELINE_BINS)
		eg_corrupted(r, "a feature of the baseline has %d bins", f->nbins);
	for (i = 0; i < f->nbins; i++)
	{
		f->upper[i] = eg_get_f32(r);
		f->count[i] = eg_get_u32(r);
		sum += f->count[i];
		if (!isfinite(f->upper[i]) || (i > 0 && f->upper[i] <= f->upper[i - 1]))
			eg_corrupted(r, "bins of the baseline do not ascend");
	}
	if (sum != f->n - f->missing)
		eg_corrupted(r, "the bins of a feature hold %.0f of %.0f rows", sum, f->n - f->missing);
	f->typical = f->quantile[MEDIAN];
}

static void
load_categories(EgReader *r, EgFeatureBaseline *f, int n)
{
	double		sum = 0;
	int			i;

	if ((Size) n > (r->len - r->pos) / sizeof(uint32))
		eg_corrupted(r, "the baseline ends within the categories of a feature");
	f->ncategories = n;
	f->category_count = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n);
	for (i = 0; i < n; i++)
	{
		f->category_count[i] = eg_get_u32(r);
		sum += f->category_count[i];
	}
	if (sum != f->n - f->missing)
		eg_corrupted(r, "the categories of a feature hold %.0f of %.0f rows", sum,
					 f->n - f->missing);
	find_typical_category(f);
}

/* Models index tables with codes: a sample holds what a row could. */
static void
check_sample(EgReader *r, const EgBaseline *b, const EgSchema *schema)
{
	Size		n = b->nrows * (Size) b->nfeatures;
	Size		i;

	for (i = 0; i < n; i++)
	{
		float		v = b->rows[i];
		int			ncategories = schema->ncategories[i % b->nfeatures];

		if (isinf(v) || (ncategories > 0 && !isnan(v) &&
						 !(v >= 0 && v < ncategories && v == rintf(v))))
			eg_corrupted(r, "the baseline's sample holds the value %g of feature \"%s\"", v,
						 schema->names[i % b->nfeatures]);
	}
}

EgBaseline *
eg_baseline_load(EgReader *r, const EgSchema *schema)
{
	EgBaseline *b = palloc0(sizeof(EgBaseline));
	int			j;

	b->nfeatures = (int) eg_get_count(r, PG_INT32_MAX, MIN_FEATURE_BYTES);
	if (b->nfeatures != schema->nfeatures)
		eg_corrupted(r, "the baseline has %d features, the schema %d", b->nfeatures,
					 schema->nfeatures);
	b->features = MemoryContextAllocHuge(CurrentMemoryContext,
										 sizeof(EgFeatureBaseline) * Max(b->nfeatures, 1));
	memset(b->features, 0, sizeof(EgFeatureBaseline) * b->nfeatures);
	for (j = 0; j < b->nfeatures; j++)
	{
		EgFeatureBaseline *f = &b->features[j];

		load_counts(r, f);
		if (schema->ncategories[j] > 0)
			load_categories(r, f, schema->ncategories[j]);
		else if (f->n > f->missing)
			load_numbers(r, f);
	}
	b->nrows = (int) eg_get_count(r, EG_BACKGROUND_MAX, sizeof(float) * b->nfeatures);
	if (b->nfeatures == 0 && b->nrows > 0)
		eg_corrupted(r, "the baseline has a sample without features");
	b->rows = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(float) * Max(b->nrows * (Size) b->nfeatures, 1));
	eg_get_f32_array(r, b->rows, b->nrows * (Size) b->nfeatures);
	check_sample(r, b, schema);
	return b;
}

/* ----------
 * Scores
 * ----------
 */

EgScoreBaseline *
eg_scores_make(const double *score, Size n, int width, EgScoredRows rows)
{
	EgScoreBaseline *s = palloc(sizeof(EgScoreBaseline));
	EgMatrix	x;
	Size		i;

	x.nrows = n = Min(n, EG_BASELINE_ROWS);
	x.ncols = width;
	x.data = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * n * width);
	s->rows = rows;
	s->noutputs = width;
	s->mean = palloc0(sizeof(double) * width);
	for (i = 0; i < n * width; i++)
	{
		x.data[i] = (float) score[i];
		s->mean[i % width] += score[i] / n;
	}
	s->outputs = eg_baseline_make(&x, n, NULL, 0)->features;
	pfree(x.data);
	return s;
}

void
eg_scores_save(const EgScoreBaseline *s, EgWriter *w)
{
	int			j;

	eg_put_u8(w, (uint8) s->rows);
	eg_put_u32(w, s->noutputs);
	for (j = 0; j < s->noutputs; j++)
	{
		const EgFeatureBaseline *f = &s->outputs[j];

		eg_put_f64(w, s->mean[j]);
		eg_put_u32(w, (uint32) f->n);
		eg_put_u32(w, (uint32) f->missing);
		if (f->nbins > 0)
			save_numbers(f, w);
	}
}

EgScoreBaseline *
eg_scores_load(EgReader *r)
{
	EgScoreBaseline *s = palloc(sizeof(EgScoreBaseline));
	uint8		rows = eg_get_u8(r);
	int			j;

	if (rows >= EG_NSCORED_ROWS)
		eg_corrupted(r, "scores are of rows of kind %d", rows);
	s->rows = (EgScoredRows) rows;
	s->noutputs = (int) eg_get_count(r, PG_INT32_MAX, sizeof(double) + MIN_FEATURE_BYTES);
	s->mean = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(double) * Max(s->noutputs, 1));
	s->outputs = MemoryContextAllocHuge(CurrentMemoryContext,
										sizeof(EgFeatureBaseline) * Max(s->noutputs, 1));
	memset(s->outputs, 0, sizeof(EgFeatureBaseline) * s->noutputs);
	for (j = 0; j < s->noutputs; j++)
	{
		EgFeatureBaseline *f = &s->outputs[j];

		s->mean[j] = eg_get_f64(r);
		load_counts(r, f);
		if (f->n > f->missing)
			load_numbers(r, f);
	}
	return s;
}
