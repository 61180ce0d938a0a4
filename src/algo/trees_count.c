/*-------------------------------------------------------------------------
 *
 * trees_count.c
 *	  The rows of a node, summed up by the codes of one column: the loops in
 *	  which a forest spends its time.
 *
 * Most is waiting for codes: a node's rows lie apart.  So codes are bytes where
 * they can be, and what is summed lies beside the row's number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/trees_grow.h"

#define INSERTION_SORT	48

#define CODE_BITS		32		/* of a key: the code above, the sample below */

/* ---------------- statistics of the codes present ---------------- */

static void
sort_keys(EgGrower *g, Size n)
{
	uint64	   *a = g->keys;
	uint64	   *b = g->spare_keys;
	int			pass;
	Size		i;
	Size		j;

	if (n <= INSERTION_SORT)
	{
		for (i = 1; i < n; i++)
		{
			uint64		v = a[i];

			for (j = i; j > 0 && a[j - 1] > v; j--)
				a[j] = a[j - 1];
			a[j] = v;
		}
		return;
	}
	for (pass = 0; pass < 2; pass++)
	{
		Size		start[257] = {0};
		int			shift = CODE_BITS + 8 * pass;
		uint64	   *swap = a;

		for (i = 0; i < n; i++)
			start[((a[i] >> shift) & 0xff) + 1]++;
		for (i = 1; i < 256; i++)
			start[i] += start[i - 1];
		for (i = 0; i < n; i++)
			b[start[(a[i] >> shift) & 0xff]++] = a[i];
		a = b;
		b = swap;
	}
}

static void
collect_sorted(EgGrower *g, int j, Size begin, Size n)
{
	const EgBins *b = g->spec->bins;
	const void *code = b->code[j];
	bool		wide = b->wide[j];
	uint32		nbins = b->nbins[j];
	const EgSample *s = g->samples + begin;
	double	   *stat = NULL;
	int64		last = -1;
	Size		i;

	for (i = 0; i < n; i++)
		g->keys[i] = ((uint64) eg_bin_code(code, wide, s[i].count.row) << CODE_BITS) | i;
	sort_keys(g, n);
	for (i = 0; i < n; i++)
	{
		int64		c = (int64) (g->keys[i] >> CODE_BITS);

		if (c != last)
		{
			if (c == nbins)
				stat = g->missing;
			else
			{
				stat = g->hist + (Size) g->npresent * g->nstat;
				g->present[g->npresent++] = (int) c;
			}
			memset(stat, 0, g->nstat * sizeof(double));
			last = c;
		}
		eg_stat_add(g->kind, stat, &s[(uint32) g->keys[i]]);
	}
}

/* Rows with the codes of two classes without weights: one addition of four numbers each. */
static inline void
count_rows(EgGrower *g, const void *code, bool wide, uint32 nbins, const EgSample *s, Size n)
{
	EgLanes    *counts = g->counts;
	uint32		c;
	Size		i;

	memset(counts, 0, (Size) (nbins + 1) * sizeof(EgLanes));
	for (i = 0; i < n; i++)
		counts[eg_bin_code(code, wide, s[i].count.row)] += s[i].lanes;
	eg_stat_of_counts(g->missing, counts[nbins]);
	for (c = 0; c < nbins; c++)
	{
		if (counts[c][2] == 0)
			continue;
		eg_stat_of_counts(g->hist + (Size) g->npresent * EG_STAT_SINGLE, counts[c]);
		g->present[g->npresent++] = (int) c;
	}
}

static inline void
sum_rows(EgGrower *g, const void *code, bool wide, uint32 nbins, const EgSample *s, Size n,
		 EgStatKind kind)
{
	int			nstat = kind == EG_STAT_CLASSES ? g->nstat : EG_STAT_SINGLE;
	uint32		c;
	Size		i;

	memset(g->hist, 0, (Size) (nbins + 1) * nstat * sizeof(double));
	for (i = 0; i < n; i++)
		eg_stat_add(kind, g->hist + (Size) eg_bin_code(code, wide, s[i].count.row) * nstat, &s[i]);
	memcpy(g->missing, g->hist + (Size) nbins * nstat, nstat * sizeof(double));
	for (c = 0; c < nbins; c++)
	{
		const double *stat = g->hist + (Size) c * nstat;

		if (stat[0] == 0)
			continue;
		if (g->npresent != c)
			memcpy(g->hist + (Size) g->npresent * nstat, stat, nstat * sizeof(double));
		g->present[g->npresent++] = (int) c;
	}
}

/* The loops above, once for each width of codes and kind of statistic. */
static void
collect_counted(EgGrower *g, int j, Size begin, Size n)
{
	const EgBins *b = g->spec->bins;
	const void *code = b->code[j];
	uint32		nbins = b->nbins[j];
	const EgSample *s = g->samples + begin;

	switch (g->kind)
	{
		case EG_STAT_COUNTS:
			if (b->wide[j])
				count_rows(g, code, true, nbins, s, n);
			else
				count_rows(g, code, false, nbins, s, n);
			break;
		case EG_STAT_SUMS:
			if (b->wide[j])
				sum_rows(g, code, true, nbins, s, n, EG_STAT_SUMS);
			else
				sum_rows(g, code, false, nbins, s, n, EG_STAT_SUMS);
			break;
		case EG_STAT_CLASSES:
			sum_rows(g, code, b->wide[j], nbins, s, n, EG_STAT_CLASSES);
			break;
	}
}

void
eg_collect_codes(EgGrower *g, int j, Size begin, Size end)
{
	Size		n = end - begin;

	g->npresent = 0;
	memset(g->missing, 0, g->nstat * sizeof(double));
	if (n * EG_SPARSE < g->spec->bins->nbins[j])
		collect_sorted(g, j, begin, n);
	else
		collect_counted(g, j, begin, n);
}

/* ---------------- one cut ---------------- */

static inline Size
range_of_codes(const void *code, bool wide, uint32 missing, const EgSample *s, Size n,
			   uint32 *first, uint32 *last)
{
	uint32		low = missing;
	uint32		high = 0;
	Size		nmissing = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		uint32		c = eg_bin_code(code, wide, s[i].count.row);

		nmissing += c == missing;
		low = Min(low, c);
		high = Max(high, c == missing ? 0 : c);
	}
	*first = low;
	*last = high;
	return nmissing;
}

Size
eg_code_range(const EgGrower *g, int j, Size begin, Size end, uint32 *first, uint32 *last)
{
	const EgBins *b = g->spec->bins;
	const EgSample *s = g->samples + begin;

	if (b->wide[j])
		return range_of_codes(b->code[j], true, b->nbins[j], s, end - begin, first, last);
	return range_of_codes(b->code[j], false, b->nbins[j], s, end - begin, first, last);
}

/* A random cut's sides cannot be guessed: all rows are added, those of other sides as zeros. */
static inline void
count_left(EgGrower *g, const void *code, bool wide, uint32 cut, uint32 missing, const EgSample *s,
		   Size n)
{
	EgLanes		left = {0};
	EgLanes		absent = {0};
	Size		i;

	for (i = 0; i < n; i++)
	{
		uint32		c = eg_bin_code(code, wide, s[i].count.row);
		uint32		below = c < cut ? 0xffffffffU : 0;
		uint32		none = c == missing ? 0xffffffffU : 0;

		left += s[i].lanes & (EgLanes) {below, below, below, below};
		absent += s[i].lanes & (EgLanes) {none, none, none, none};
	}
	eg_stat_of_counts(g->left, left);
	eg_stat_of_counts(g->missing, absent);
}

static inline void
sum_left(EgGrower *g, const void *code, bool wide, uint32 cut, uint32 missing, const EgSample *s,
		 Size n)
{
	Size		i;

	memset(g->left, 0, g->nstat * sizeof(double));
	memset(g->missing, 0, g->nstat * sizeof(double));
	for (i = 0; i < n; i++)
	{
		uint32		c = eg_bin_code(code, wide, s[i].count.row);

		if (c < cut)
			eg_stat_add(g->kind, g->left, &s[i]);
		else if (c == missing)
			eg_stat_add(g->kind, g->missing, &s[i]);
	}
}

void
eg_sum_left(EgGrower *g, int j, Size begin, Size end, uint32 cut)
{
	const EgBins *b = g->spec->bins;
	const void *code = b->code[j];
	uint32		missing = b->nbins[j];
	const EgSample *s = g->samples + begin;

	if (g->kind != EG_STAT_COUNTS)
		sum_left(g, code, b->wide[j], cut, missing, s, end - begin);
	else if (b->wide[j])
		count_left(g, code, true, cut, missing, s, end - begin);
	else
		count_left(g, code, false, cut, missing, s, end - begin);
}
