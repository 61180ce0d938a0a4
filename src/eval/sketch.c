/*-------------------------------------------------------------------------
 *
 * sketch.c
 *	  Quantiles of a stream in bounded memory.
 *
 * While there are few numbers, level 0 holds them all.  When the memory is
 * full, each level that has more items than its share is compacted: its items
 * are sorted, and every second one, beginning with the first or the second by
 * the toss of a coin, goes up a level, where it stands for twice as many.  The
 * shares shrink by 2/3 from each level to the one below.  What the shares leave
 * free is the buffer for new numbers, so compactions are rare, and each
 * takes many items at once, which makes its error small.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/random.h"
#include "base/sort.h"
#include "eval/sketch.h"

#define TOP_SHARE		8192
#define LEAST_SHARE		8
#define FIRST_SIZE		32

/* Items that level h of n levels may keep when it is compacted. */
static int
share_of(int h, int nlevels)
{
	double		share = TOP_SHARE * pow(2.0 / 3.0, nlevels - 1 - h);

	return share > LEAST_SHARE ? (int) share : LEAST_SHARE;
}

int
eg_sketch_size(int64 n)
{
	int			size = FIRST_SIZE;

	while (size < n && size < EG_SKETCH_EXACT)
		size *= 2;
	return size;
}

void
eg_sketch_init(EgSketch *s, int size, uint64 seed)
{
	memset(s, 0, offsetof(EgSketch, item));
	s->nlevels = 1;
	s->size = size;
	s->coin = seed;
}

void
eg_sketch_copy(EgSketch *to, int size, const EgSketch *from)
{
	memcpy(to, from, EG_SKETCH_BYTES(from->end[0]));
	to->size = size;
}

/* Sort level h and send half of it up, which lies just before it; an odd item stays. */
static void
compact_level(EgSketch *s, int h)
{
	int			begin = s->end[h + 1];
	int			end = s->end[h];
	int			half = (end - begin) / 2;
	int			odd = (end - begin) % 2;
	int			toss = (int) (eg_random_bits(s->coin, s->n) & 1);
	double	   *v = s->item;
	int			freed = half;
	int			i;

	s->coin = eg_random_bits(s->coin, h + 1);
	qsort(v + begin, end - begin, sizeof(double), eg_by_double);
	for (i = 0; i < half; i++)
		v[begin + i] = v[begin + 2 * i + toss];
	if (odd)
		v[begin + half] = v[end - 1];
	memmove(v + end - freed, v + end, sizeof(double) * (s->end[0] - end));
	s->end[h + 1] = begin + half;
	for (i = 0; i <= h; i++)
		s->end[i] -= freed;
}

void
eg_sketch_compact(EgSketch *s)
{
	int			h;

	for (h = 0; h < s->nlevels; h++)
	{
		int			n = s->end[h] - s->end[h + 1];

		if (n <= share_of(h, s->nlevels))
			continue;
		if (h == s->nlevels - 1)
		{
			if (s->nlevels == EG_SKETCH_LEVELS)
				return;
			s->nlevels++;
			s->end[s->nlevels] = 0;
		}
		compact_level(s, h);
	}
}

void
eg_sketch_merge(EgSketch *to, const EgSketch *from)
{
	int			nlevels = Max(to->nlevels, from->nlevels);
	int			size = to->end[0] + from->end[0];
	EgSketch   *both = palloc(EG_SKETCH_BYTES(size));
	int			at = 0;
	int			h;

	eg_sketch_init(both, size, eg_random_bits(to->coin, (uint64) from->coin));
	both->nlevels = nlevels;
	both->n = to->n + from->n;
	for (h = nlevels - 1; h >= 0; h--)
	{
		const EgSketch *part[2] = {to, from};
		int			k;

		for (k = 0; k < 2; k++)
		{
			int			n;

			if (h >= part[k]->nlevels)
				continue;
			n = part[k]->end[h] - part[k]->end[h + 1];
			memcpy(both->item + at, part[k]->item + part[k]->end[h + 1], sizeof(double) * n);
			at += n;
		}
		both->end[h] = at;
	}
	if (both->end[0] > to->size)
		eg_sketch_compact(both);
	eg_sketch_copy(to, to->size, both);
	pfree(both);
}

bool
eg_sketch_valid(const EgSketch *s, Size bytes)
{
	int64		n = 0;
	int			h;
	int			i;

	if (bytes < EG_SKETCH_BYTES(0) || s->nlevels < 1 || s->nlevels > EG_SKETCH_LEVELS ||
		s->size < 0 || s->size > EG_SKETCH_EXACT || EG_SKETCH_BYTES(s->size) > bytes ||
		s->end[s->nlevels] != 0 || s->end[0] > s->size)
		return false;
	for (h = s->nlevels - 1; h >= 0; h--)
	{
		if (s->end[h] < s->end[h + 1])
			return false;
		n += (int64) (s->end[h] - s->end[h + 1]) << h;
	}
	for (i = 0; i < s->end[0]; i++)
	{
		if (isnan(s->item[i]))
			return false;
	}
	return n == s->n;
}

typedef struct Weighted
{
	double		value;
	double		weight;
} Weighted;

EgSample
eg_sketch_sample(const EgSketch *s)
{
	int			n = s->end[0];
	Weighted   *items = palloc(sizeof(Weighted) * Max(n, 1));
	double	   *value = palloc(sizeof(double) * Max(n, 1));
	double	   *weight = s->nlevels > 1 ? palloc(sizeof(double) * Max(n, 1)) : NULL;
	EgSample	sample = {0};
	int			h;
	int			i;

	for (h = 0; h < s->nlevels; h++)
	{
		for (i = s->end[h + 1]; i < s->end[h]; i++)
		{
			items[i].value = s->item[i];
			items[i].weight = ldexp(1, h);
		}
	}

	/* the value comes first in the struct */
	qsort(items, n, sizeof(Weighted), eg_by_double);
	for (i = 0; i < n; i++)
	{
		value[i] = items[i].value;
		if (weight)
			weight[i] = items[i].weight;
		sample.total += items[i].weight;
	}
	pfree(items);
	sample.n = n;
	sample.value = value;
	sample.weight = weight;
	return sample;
}
