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
 * the node has none, they go with the side of more weight.
 *
 * A random split of numbers draws the threshold evenly between the node's
 * smallest and largest value; one of categories draws a side for each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/trees_grow.h"

#define DRAWS			8

/* A cut of the codes present, in some order. */
typedef struct Cut
{
	double		gain;
	int			nleft;			/* codes on the left */
	bool		missing_left;
} Cut;

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
	if (a[0] < g->spec->min_leaf || b[0] < g->spec->min_leaf)
		return false;
	gain = score(g, a) + score(g, b) - parent;
	if (!(gain > cut->gain))
		return false;
	cut->gain = gain;
	cut->missing_left = missing != NULL ||
		(g->missing[0] == 0 && eg_stat_weight(g, a) > eg_stat_weight(g, b));
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
	double		min = (double) g->spec->min_leaf;
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
			cut->missing_left = lw > w - lw;
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
	float		low = g->spec->bins->high[j][left];
	float		high = g->spec->bins->low[j][cut];
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
	int			n = g->spec->bins->ncategories[j];
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
	/* in brackets it is the C library's: the server's may not be called on a thread */
	(qsort) (g->order, g->npresent, sizeof(EgOrder), compare_order);
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

	eg_collect_codes(g, j, begin, end);
	if (g->npresent + (g->missing[0] > 0) < 2)
		return false;
	if (g->spec->random_splits)
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

	eg_collect_codes(g, j, begin, end);
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
	const float *low = g->spec->bins->low[j];
	const float *high = g->spec->bins->high[j];
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
	uint32		first;
	uint32		last;
	Size		nmissing = eg_code_range(g, j, begin, end, &first, &last);
	Cut			cut = {g->best.gain, 0, false};

	if (nmissing == end - begin || (first == last && nmissing == 0))
		return false;
	if (first == last)
	{
		g->try.cut = 0;
		g->try.threshold = -INFINITY;
	}
	else
		g->try.threshold = draw_threshold(g, j, first, last, random, &g->try.cut);

	eg_sum_left(g, j, begin, end, g->try.cut);
	if (judge_both(g, g->left, first < last, score(g, g->total), &cut))
		accept(g, j, &cut);
	return true;
}

bool
eg_try_column(EgGrower *g, int j, Size begin, Size end, uint64 *random)
{
	if (eg_is_category(g->spec->bins, j))
		return try_category(g, j, begin, end, random);
	if (g->spec->random_splits)
		return try_random_number(g, j, begin, end, random);
	return try_number(g, j, begin, end);
}
