/*-------------------------------------------------------------------------
 *
 * curves.c
 *	  Two classes in the order of their scores: sort, walk, measure.
 *
 * The scores of each class are sorted apart, as keys of 8 bytes, and then
 * walked together from the highest down, a group of equal scores at a time.
 * So a row needs no flag for its class while it is moved about, which is most
 * of the work.  The sort is by radix, one byte at a time from the lowest; a
 * byte that all keys share needs no pass.
 *
 * Fawcett, "An introduction to ROC analysis", 2006.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "eval/curves.h"
#include "eval/metrics.h"

#define RADIX			256
#define SMALL_SORT		48
#define STEPS_BETWEEN_INTERRUPTS	0xfffff

/* ----------
 * Keys
 * ----------
 */

typedef union Bits
{
	double		d;
	uint64		u;
} Bits;

/* Bits whose unsigned order is the order of the numbers; 0 and -0 are one. */
static inline uint64
key_of(double v)
{
	Bits		b;

	b.d = (v == 0.0) ? 0.0 : v;
	return (b.u >> 63) ? ~b.u : b.u | (UINT64CONST(1) << 63);
}

static inline double
score_of(uint64 key)
{
	Bits		b;

	b.u = (key >> 63) ? key & ~(UINT64CONST(1) << 63) : ~key;
	return b.d;
}

static inline double
weight_of(uint64 item)
{
	Bits		b;

	b.u = item;
	return b.d;
}

/* ----------
 * Sort
 * ----------
 */

static void
insertion_sort(uint64 *items, Size n, int words)
{
	Size		i;

	for (i = 1; i < n; i++)
	{
		uint64		key = items[i * words];
		uint64		second = items[i * words + words - 1];
		Size		j = i;

		for (; j > 0 && items[(j - 1) * words] > key; j--)
			memmove(items + j * words, items + (j - 1) * words, words * sizeof(uint64));
		items[j * words] = key;
		if (words == 2)
			items[j * words + 1] = second;
	}
}

/* One specialised copy for each number of words. */
static pg_attribute_always_inline uint64 *
radix_sort(uint64 *items, uint64 *other, Size n, const int words)
{
	Size	   *counts = palloc0(sizeof(uint64) * RADIX * sizeof(Size));
	int			byte;
	Size		i;

	for (i = 0; i < n; i++)
	{
		uint64		key = items[i * words];

		for (byte = 0; byte < 8; byte++)
			counts[byte * RADIX + ((key >> (8 * byte)) & 0xff)]++;
	}
	for (byte = 0; byte < 8; byte++)
	{
		Size	   *start = counts + byte * RADIX;
		int			shift = 8 * byte;
		Size		sum = 0;
		uint64	   *swap = items;
		int			d;

		CHECK_FOR_INTERRUPTS();
		if (start[(items[0] >> shift) & 0xff] == n)
			continue;
		for (d = 0; d < RADIX; d++)
		{
			Size		count = start[d];

			start[d] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
		{
			Size		to = start[(items[i * words] >> shift) & 0xff]++;

			other[to * words] = items[i * words];
			if (words == 2)
				other[to * 2 + 1] = items[i * 2 + 1];
		}
		items = other;
		other = swap;
	}
	pfree(counts);
	return items;
}

/* Sorts items; returns them or, having freed them, a sorted copy. */
static uint64 *
sort_items(uint64 *items, Size n, int words)
{
	uint64	   *other;
	uint64	   *sorted;

	if (n <= SMALL_SORT)
	{
		insertion_sort(items, n, words);
		return items;
	}
	other = eg_metric_alloc(n, words * sizeof(uint64));
	sorted = words == 1 ? radix_sort(items, other, n, 1) : radix_sort(items, other, n, 2);
	pfree(sorted == items ? other : items);
	return sorted;
}

Size
eg_curve_bytes(Size n, int stride)
{
	return 2 * sizeof(uint64) * stride * n;
}

EgTwoClasses *
eg_curve_make(const EgScoreList list[2])
{
	EgTwoClasses    *c = palloc0(sizeof(EgTwoClasses));
	int			k;

	c->words = list[0].stride;
	for (k = 0; k < 2; k++)
	{
		uint64	   *items = eg_metric_alloc(list[k].n, c->words * sizeof(uint64));
		const double *v = list[k].v;
		Size		i;

		c->n[k] = list[k].n;
		for (i = 0; i < c->n[k]; i++)
		{
			Bits		weight;

			items[i * c->words] = key_of(v[i * c->words]);
			if (c->words == 1)
				continue;
			weight.d = v[i * 2 + 1];
			items[i * 2 + 1] = weight.u;
		}
		c->items[k] = sort_items(items, c->n[k], c->words);
	}
	return c;
}

EgTwoClasses *
eg_curve_of_rows(const double *score, Size stride, const double *truth, double positive,
				 const double *weight, Size n)
{
	EgScoreList list[2];
	double	   *v[2];
	EgTwoClasses    *c;
	Size		i;
	int			k;

	for (k = 0; k < 2; k++)
	{
		list[k].n = 0;
		list[k].stride = weight ? 2 : 1;
	}
	for (i = 0; i < n; i++)
		list[truth[i] == positive].n++;
	for (k = 0; k < 2; k++)
	{
		list[k].v = v[k] = eg_metric_alloc(list[k].n, list[k].stride * sizeof(double));
		list[k].n = 0;
	}
	for (i = 0; i < n; i++)
	{
		k = truth[i] == positive;
		v[k][list[k].n * list[k].stride] = score[i * stride];
		if (weight)
			v[k][list[k].n * 2 + 1] = weight[i];
		list[k].n++;
	}
	c = eg_curve_make(list);
	pfree(v[0]);
	pfree(v[1]);
	return c;
}

/* ----------
 * Walk
 * ----------
 */

typedef struct Walk
{
	const EgTwoClasses *c;
	Size		left[2];		/* rows of each class not yet passed */
	uint64		steps;
} Walk;

static inline void
walk_start(Walk *w, const EgTwoClasses *c)
{
	w->c = c;
	w->left[0] = c->n[0];
	w->left[1] = c->n[1];
	w->steps = 0;
}

/* The next lower score and the weight of each class that has it; false: no more. */
static inline bool
walk_next(Walk *w, uint64 *key, double weight[2])
{
	const EgTwoClasses *c = w->c;
	int			words = c->words;
	int			k;

	if ((++w->steps & STEPS_BETWEEN_INTERRUPTS) == 0)
		CHECK_FOR_INTERRUPTS();
	do
	{
		bool		any = false;

		*key = 0;
		for (k = 0; k < 2; k++)
		{
			if (w->left[k] > 0)
			{
				*key = Max(*key, c->items[k][(w->left[k] - 1) * words]);
				any = true;
			}
		}
		if (!any)
			return false;
		for (k = 0; k < 2; k++)
		{
			Size		i = w->left[k];

			weight[k] = 0.0;
			for (; i > 0 && c->items[k][(i - 1) * words] == *key; i--)
				weight[k] += words == 1 ? 1.0 : weight_of(c->items[k][i * 2 - 1]);
			w->left[k] = i;
		}
	} while (weight[0] + weight[1] <= 0.0); /* rows of no weight are no threshold */
	return true;
}

static double
total_weight(const EgTwoClasses *c, int k)
{
	double		sum = 0.0;
	Size		i;

	if (c->words == 1)
		return (double) c->n[k];
	for (i = c->n[k]; i > 0; i--)
		sum += weight_of(c->items[k][i * 2 - 1]);
	return sum;
}

EgCurveMeasures
eg_curve_measure(const EgTwoClasses *c)
{
	EgCurveMeasures m;
	Walk		walk;
	uint64		key;
	double		at[2];
	double		tp = 0.0;
	double		fp = 0.0;
	double		area = 0.0;
	double		ap = 0.0;

	m.negatives = total_weight(c, 0);
	m.positives = total_weight(c, 1);
	m.ks = 0.0;
	walk_start(&walk, c);
	while (walk_next(&walk, &key, at))
	{
		double		distance;

		area += at[0] * (tp + 0.5 * at[1]);
		fp += at[0];
		tp += at[1];
		ap += at[1] * (tp / (tp + fp));
		distance = fabs(tp / m.positives - fp / m.negatives);
		m.ks = Max(m.ks, distance);
	}
	m.average_precision = m.positives > 0.0 ? ap / m.positives : NAN;
	if (m.positives > 0.0 && m.negatives > 0.0)
		m.auc = area / m.positives / m.negatives;
	else
		m.auc = m.ks = NAN;
	return m;
}

EgCurvePoint *
eg_curve_points(const EgTwoClasses *c, Size *npoints)
{
	EgCurvePoint *points;
	Walk		walk;
	uint64		key;
	double		at[2];
	double		tp = 0.0;
	double		fp = 0.0;
	Size		n = 0;

	walk_start(&walk, c);
	while (walk_next(&walk, &key, at))
		n++;
	points = eg_metric_alloc(n, sizeof(EgCurvePoint));
	*npoints = n;

	walk_start(&walk, c);
	for (n = 0; walk_next(&walk, &key, at); n++)
	{
		fp += at[0];
		tp += at[1];
		points[n].threshold = score_of(key);
		points[n].tp = tp;
		points[n].fp = fp;
	}
	return points;
}

Size
eg_roc_bends(EgCurvePoint *points, Size npoints)
{
	EgCurvePoint before;		/* the point before i, as it was */
	Size		kept = 0;
	Size		i;

	for (i = 0; i < npoints; i++)
	{
		EgCurvePoint here = points[i];

		/* a bend is where the step in either direction changes; the ends always count */
		if (i == 0 || i + 1 == npoints ||
			points[i + 1].tp - here.tp != here.tp - before.tp ||
			points[i + 1].fp - here.fp != here.fp - before.fp)
			points[kept++] = here;
		before = here;
	}
	return kept;
}
