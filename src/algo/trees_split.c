/*-------------------------------------------------------------------------
 *
 * trees_split.c
 *	  The split of one column in one node.
 *
 * Numbers are cut between two values present in the node.  Categories are put
 * in the order of their mean (above two classes: of their share of the node's
 * largest class) and cut there: for one output no partition into two sets is
 * better (W. D. Fisher, "On Grouping for Maximum Homogeneity", 1958).  A
 * category that the node has not seen goes where missing values go.
 *
 * Missing values are tried on both sides, and alone against all others; where
 * the node has none, they go with the larger side.
 *
 * A random split of numbers draws the threshold evenly between the node's
 * smallest and largest value; one of categories draws a side for each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/trees_grow.h"

#define INSERTION_SORT	48
#define DRAWS			8

/* codes for each row of the node, above which sorting is cheaper than counting */
#define SPARSE			4

#define CODE_BITS		32		/* of a key: the code above, the sample below */

/* A cut of the codes present, in some order. */
typedef struct Cut
{
	double		gain;
	int			nleft;			/* codes on the left */
	bool		missing_left;
} Cut;

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
collect_sorted(EgGrower *g, const uint16 *code, uint32 nbins, Size begin, Size n)
{
	const EgSample *s = g->samples + begin;
	double	   *stat = NULL;
	int64		last = -1;
	Size		i;

	for (i = 0; i < n; i++)
		g->keys[i] = ((uint64) code[s[i].row] << CODE_BITS) | i;
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
		eg_stat_add(g, stat, &s[(uint32) g->keys[i]]);
	}
}

static void
collect_counted(EgGrower *g, const uint16 *code, uint32 nbins, Size begin, Size n)
{
	const EgSample *s = g->samples + begin;
	int			nstat = g->nstat;
	uint32		c;
	Size		i;

	memset(g->hist, 0, (Size) (nbins + 1) * nstat * sizeof(double));
	if (g->nout == 1)
	{
		for (i = 0; i < n; i++)
		{
			double	   *stat = g->hist + (Size) code[s[i].row] * EG_STAT_SINGLE;

			stat[0] += 1;
			stat[1] += s[i].w;
			stat[2] += s[i].wy;
		}
	}
	else
	{
		for (i = 0; i < n; i++)
			eg_stat_add(g, g->hist + (Size) code[s[i].row] * nstat, &s[i]);
	}
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

static void
collect(EgGrower *g, int j, Size begin, Size n)
{
	const EgBins *b = g->spec.bins;
	const uint16 *code = b->code + (Size) j * b->nrows;

	g->npresent = 0;
	memset(g->missing, 0, g->nstat * sizeof(double));
	if (n * SPARSE < b->nbins[j])
		collect_sorted(g, code, b->nbins[j], begin, n);
	else
		collect_counted(g, code, b->nbins[j], begin, n);
}

/* ---------------- gains ---------------- */

static inline double
score_single(double w, double wy)
{
	return wy * wy / w;
}

static double
score(const EgGrower *g, const double *stat)
{
	double		w = 0;
	double		sum = 0;
	int			k;

	if (g->nout == 1)
		return score_single(stat[1], stat[2]);
	for (k = 1; k < g->nstat; k++)
	{
		w += stat[k];
		sum += stat[k] * stat[k];
	}
	return sum / w;
}

/* Take the left side (plus missing rows, or NULL) if it gains more than *cut. */
static bool
judge(EgGrower *g, const double *left, const double *missing, double parent, Cut *cut)
{
	double	   *a = g->side;
	double	   *b = g->side + g->nstat;
	double		gain;
	int			k;

	for (k = 0; k < g->nstat; k++)
	{
		a[k] = left[k] + (missing != NULL ? missing[k] : 0);
		b[k] = g->total[k] - a[k];
	}
	if (a[0] < g->spec.min_leaf || b[0] < g->spec.min_leaf)
		return false;
	gain = score(g, a) + score(g, b) - parent;
	if (!(gain > cut->gain))
		return false;
	cut->gain = gain;
	cut->missing_left = missing != NULL || (g->missing[0] == 0 && a[0] > b[0]);
	return true;
}

/* Both sides for the missing rows; `some` says whether other rows are on the left. */
static bool
judge_both(EgGrower *g, const double *left, bool some, double parent, Cut *cut)
{
	bool		better = false;

	if (g->missing[0] > 0)
		better = judge(g, left, g->missing, parent, cut);
	if (some)
		better |= judge(g, left, NULL, parent, cut);
	return better;
}

/* The best cut of the codes present in the given order (NULL: ascending). */
static bool
scan(EgGrower *g, const EgOrder *order, Cut *cut)
{
	double		parent = score(g, g->total);
	bool		better = false;
	int			i;
	int			k;

	memset(g->left, 0, g->nstat * sizeof(double));
	for (i = 0; i < g->npresent; i++)
	{
		const double *next = g->hist + (Size) (order != NULL ? order[i].index : i) * g->nstat;

		if (judge_both(g, g->left, i > 0, parent, cut))
		{
			cut->nleft = i;
			better = true;
		}
		for (k = 0; k < g->nstat; k++)
			g->left[k] += next[k];
	}
	return better;
}

/* The same for one output and no missing rows: most of all scans. */
static bool
scan_single(EgGrower *g, const EgOrder *order, Cut *cut)
{
	double		n = g->total[0];
	double		w = g->total[1];
	double		wy = g->total[2];
	double		parent = score_single(w, wy);
	double		min = (double) g->spec.min_leaf;
	double		ln = 0;
	double		lw = 0;
	double		lwy = 0;
	bool		better = false;
	int			i;

	for (i = 0; i + 1 < g->npresent; i++)
	{
		const double *stat = g->hist + (order != NULL ? order[i].index : i) * EG_STAT_SINGLE;
		double		gain;

		ln += stat[0];
		lw += stat[1];
		lwy += stat[2];
		if (ln < min)
			continue;
		if (n - ln < min)
			break;
		gain = score_single(lw, lwy) + score_single(w - lw, wy - lwy) - parent;
		if (gain > cut->gain)
		{
			cut->gain = gain;
			cut->nleft = i + 1;
			cut->missing_left = ln > n - ln;
			better = true;
		}
	}
	return better;
}

static bool
best_cut(EgGrower *g, const EgOrder *order, Cut *cut)
{
	if (g->nout == 1 && g->missing[0] == 0)
		return scan_single(g, order, cut);
	return scan(g, order, cut);
}

/* ---------------- splits ---------------- */

/* What was tried becomes the best; the old best's set is free for the next try. */
static void
accept(EgGrower *g, int j, const Cut *cut)
{
	EgSplit		old = g->best;

	g->try.feature = j;
	g->try.gain = cut->gain;
	g->try.missing_left = cut->missing_left;
	g->best = g->try;
	g->try = old;
}

/* Codes below `cut` go left. */
static float
threshold_below(const EgGrower *g, int j, uint32 left, uint32 cut)
{
	float		low = g->spec.bins->high[j][left];
	float		high = g->spec.bins->low[j][cut];
	float		middle = (float) (((double) low + (double) high) / 2);

	/* neighbours in single precision have nothing between them */
	return middle > low ? middle : high;
}

static void
accept_number(EgGrower *g, int j, const Cut *cut)
{
	if (cut->nleft == 0)
	{
		/* missing alone: every number goes right */
		g->try.cut = 0;
		g->try.threshold = -INFINITY;
	}
	else
	{
		g->try.cut = g->present[cut->nleft];
		g->try.threshold = threshold_below(g, j, g->present[cut->nleft - 1], g->try.cut);
	}
	accept(g, j, cut);
}

/* Entries of g->order before nleft go left, the others right, the absent like missing. */
static void
accept_category(EgGrower *g, int j, const Cut *cut)
{
	uint32	   *set = g->try.set;
	int			n = g->spec.bins->ncategories[j];
	int			i;

	memset(set, cut->missing_left ? 0 : 0xff, (n + 31) / 32 * sizeof(uint32));
	if (n % 32 != 0)
		set[n / 32] &= ((uint32) 1 << (n % 32)) - 1;
	for (i = 0; i < g->npresent; i++)
	{
		int			c = g->present[g->order[i].index];

		if (i < cut->nleft)
			set[c / 32] &= ~((uint32) 1 << (c % 32));
		else
			set[c / 32] |= (uint32) 1 << (c % 32);
	}
	accept(g, j, cut);
}

static int
compare_order(const void *x, const void *y)
{
	const EgOrder *a = x;
	const EgOrder *b = y;

	if (a->mean != b->mean)
		return a->mean < b->mean ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static void
order_by_mean(EgGrower *g)
{
	int			top = 1;
	int			i;
	int			k;

	for (k = 2; g->nout > 1 && k < g->nstat; k++)
	{
		if (g->total[k] > g->total[top])
			top = k;
	}
	for (i = 0; i < g->npresent; i++)
	{
		const double *stat = g->hist + (Size) i * g->nstat;

		g->order[i].index = i;
		g->order[i].mean = g->nout == 1 ? stat[2] / stat[1] : stat[top] / eg_stat_weight(g, stat);
	}
	qsort(g->order, g->npresent, sizeof(EgOrder), compare_order);
}

/* A random side for each category present, but not all on one. */
static int
order_by_chance(EgGrower *g, uint64 *random)
{
	int			nleft = 0;
	int			draw;
	int			i;

	for (draw = 0; draw < DRAWS && (nleft == 0 || nleft == g->npresent); draw++)
	{
		int			nright = g->npresent;

		nleft = 0;
		for (i = 0; i < g->npresent; i++)
		{
			int			to = eg_tree_random_below(random, 2) != 0 ? nleft++ : --nright;

			g->order[to].index = i;
		}
	}

	/* so much bad luck is no reason to give up: any order, cut anywhere inside */
	if ((nleft == 0 || nleft == g->npresent) && g->npresent > 1)
		nleft = 1 + eg_tree_random_below(random, g->npresent - 1);
	return g->npresent > 1 ? nleft : 0;
}

static bool
try_category(EgGrower *g, int j, Size begin, Size end, uint64 *random)
{
	Cut			cut = {g->best.gain, 0, false};
	bool		better;

	collect(g, j, begin, end - begin);
	if (g->npresent + (g->missing[0] > 0) < 2)
		return false;
	if (g->spec.random_splits)
	{
		int			i;
		int			k;

		cut.nleft = order_by_chance(g, random);
		memset(g->left, 0, g->nstat * sizeof(double));
		for (i = 0; i < cut.nleft; i++)
		{
			for (k = 0; k < g->nstat; k++)
				g->left[k] += g->hist[(Size) g->order[i].index * g->nstat + k];
		}
		better = judge_both(g, g->left, cut.nleft > 0, score(g, g->total), &cut);
	}
	else
	{
		order_by_mean(g);
		better = best_cut(g, g->order, &cut);
	}
	if (better)
		accept_category(g, j, &cut);
	return true;
}

static bool
try_number(EgGrower *g, int j, Size begin, Size end)
{
	Cut			cut = {g->best.gain, 0, false};

	collect(g, j, begin, end - begin);
	if (g->npresent + (g->missing[0] > 0) < 2)
		return false;
	if (best_cut(g, NULL, &cut))
		accept_number(g, j, &cut);
	return true;
}

/* A threshold between the values of two codes; the first code at or above it. */
static float
draw_threshold(const EgGrower *g, int j, uint32 first, uint32 last, uint64 *random, uint32 *cut)
{
	const float *low = g->spec.bins->low[j];
	const float *high = g->spec.bins->high[j];
	double		from = high[first];
	float		t = (float) (from + eg_tree_random_unit(random) * ((double) low[last] - from));
	uint32		a = first + 1;
	uint32		b = last;

	while (a < b)
	{
		uint32		middle = (a + b) / 2;

		if (low[middle] >= t)
			b = middle;
		else
			a = middle + 1;
	}
	*cut = a;

	/* between the two bins already, unless they hold several values or rounding struck */
	return t > high[a - 1] && t <= low[a] ? t : threshold_below(g, j, a - 1, a);
}

static bool
try_random_number(EgGrower *g, int j, Size begin, Size end, uint64 *random)
{
	const EgBins *b = g->spec.bins;
	const uint16 *code = b->code + (Size) j * b->nrows;
	uint32		missing = b->nbins[j];
	uint32		first = missing;
	uint32		last = 0;
	Size		nmissing = 0;
	Cut			cut = {g->best.gain, 0, false};
	Size		i;

	for (i = begin; i < end; i++)
	{
		uint32		c = code[g->samples[i].row];

		nmissing += c == missing;
		first = Min(first, c);
		last = Max(last, c == missing ? 0 : c);
	}
	if (first == missing || (first == last && nmissing == 0))
		return false;
	if (first == last)
	{
		g->try.cut = 0;
		g->try.threshold = -INFINITY;
	}
	else
		g->try.threshold = draw_threshold(g, j, first, last, random, &g->try.cut);

	memset(g->left, 0, g->nstat * sizeof(double));
	memset(g->missing, 0, g->nstat * sizeof(double));
	for (i = begin; i < end; i++)
	{
		uint32		c = code[g->samples[i].row];

		if (c < g->try.cut)
			eg_stat_add(g, g->left, &g->samples[i]);
		else if (c == missing)
			eg_stat_add(g, g->missing, &g->samples[i]);
	}
	if (judge_both(g, g->left, first < last, score(g, g->total), &cut))
		accept(g, j, &cut);
	return true;
}

bool
eg_try_column(EgGrower *g, int j, Size begin, Size end, uint64 *random)
{
	const EgBins *b = g->spec.bins;

	if (b->ncategories != NULL && b->ncategories[j] > 0)
		return try_category(g, j, begin, end, random);
	if (g->spec.random_splits)
		return try_random_number(g, j, begin, end, random);
	return try_number(g, j, begin, end);
}
