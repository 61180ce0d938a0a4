/*-------------------------------------------------------------------------
 *
 * trees_grow.c
 *	  Grow one tree on binned rows: the best split of each column tried, or
 *	  a random one of each.
 *
 * A node's rows are a piece of an array of samples; a split partitions the
 * piece in place.  To judge a column, its codes in the node are counted into
 * statistics of each code present, in ascending order: by a histogram in
 * large nodes, by sorting in small ones, which is what makes deep trees cheap.
 *
 * With W the weight, S_k the weighted sum of output k, a split gains
 *
 *		sum_k ( S_kL^2 / W_L + S_kR^2 / W_R - S_k^2 / W )
 *
 * For one output this is the reduction of squared error; for outputs that say
 * which class a row has, it is the reduction of Gini impurity times W.
 *
 * Sources: L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and
 * Regression Trees", 1984; L. Breiman, "Random Forests", Machine Learning 45,
 * 2001; P. Geurts, D. Ernst, L. Wehenkel, "Extremely Randomized Trees",
 * Machine Learning 63, 2006.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/trees.h"
#include "algo/trees_grow.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define FIRST_NODES		1024

/* a gain below this share of what there is to gain is rounding */
#define GAIN_NOISE		1e-12

static void *
huge(Size n, Size size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * size);
}

EgGrower *
eg_grower_create(const EgGrowSpec *spec)
{
	EgGrower   *g = palloc0(sizeof(EgGrower));
	const EgBins *b = spec->bins;
	int			widest = 1;
	int			most = 0;
	int			j;

	g->spec = *spec;
	g->nstat = spec->nclasses >= 2 ? 1 + spec->nclasses : EG_STAT_SINGLE;
	g->nout = spec->nclasses >= 2 ? spec->nclasses : 1;
	for (j = 0; j < b->ncols; j++)
	{
		widest = Max(widest, b->nbins[j] + 1);
		if (b->ncategories != NULL)
			most = Max(most, b->ncategories[j]);
	}
	g->set_words = most / 32 + 1;
	g->samples = huge(b->nrows, sizeof(EgSample));
	g->spare = huge(b->nrows, sizeof(EgSample));
	g->keys = huge(b->nrows, sizeof(uint64));
	g->spare_keys = huge(b->nrows, sizeof(uint64));
	g->hist = huge((Size) widest * g->nstat, sizeof(double));
	g->present = huge(widest, sizeof(int));
	g->order = huge(widest, sizeof(EgOrder));
	g->total = palloc(g->nstat * sizeof(double));
	g->missing = palloc(g->nstat * sizeof(double));
	g->left = palloc(g->nstat * sizeof(double));
	g->side = palloc(2 * g->nstat * sizeof(double));
	g->columns = palloc(Max(b->ncols, 1) * sizeof(int));
	g->best.set = palloc0(g->set_words * sizeof(uint32));
	g->try.set = palloc0(g->set_words * sizeof(uint32));

	g->max_nodes = FIRST_NODES;
	g->nodes = huge(g->max_nodes, sizeof(EgGrownNode));
	g->outputs = huge((Size) g->max_nodes * g->nout, sizeof(float));
	g->max_words = FIRST_NODES;
	g->words = huge(g->max_words, sizeof(uint32));
	g->max_trees = 16;
	g->starts = palloc(g->max_trees * sizeof(Size));
	return g;
}

/* ---------------- room for what grows ---------------- */

static void
check_room(const EgGrower *g, Size nodes, Size words)
{
	/* as grown, as a forest, as bytes, and compiled */
	Size		each = sizeof(EgGrownNode) + g->nout * (sizeof(float) + 3 * 45);

	eg_check_memory(nodes * each + words * g->nout * 3 * sizeof(uint32), g->spec.memory_limit,
					"growing trees");
	if (nodes * g->nout > PG_INT32_MAX / 2 || words * g->nout > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the trees have more than %d nodes", PG_INT32_MAX / 2),
				 errhint("Use a smaller \"max_depth\" or \"n_estimators\", or a larger "
						 "\"min_samples_leaf\".")));
}

/* Index of a new node, a leaf so far, that says what stat says. */
static Size
add_node(EgGrower *g, const double *stat)
{
	EgGrownNode *node;
	double		w = eg_stat_weight(g, stat);
	float	   *out;
	int			k;

	if (g->nnodes == g->max_nodes)
	{
		check_room(g, g->max_nodes * 2, g->nwords);
		g->max_nodes *= 2;
		g->nodes = repalloc_huge(g->nodes, g->max_nodes * sizeof(EgGrownNode));
		g->outputs = repalloc_huge(g->outputs, g->max_nodes * g->nout * sizeof(float));
	}
	node = &g->nodes[g->nnodes];
	node->feature = node->left = node->cat = -1;
	node->threshold = 0;
	node->default_left = false;
	node->cover = (float) Min(w, FLT_MAX);
	node->gain = 0;
	out = g->outputs + g->nnodes * g->nout;
	if (g->nout == 1)
		out[0] = (float) Max(Min(stat[2] / w, FLT_MAX), -FLT_MAX);
	else
	{
		for (k = 0; k < g->nout; k++)
			out[k] = (float) (stat[1 + k] / w);
	}
	return g->nnodes++;
}

/* ---------------- one node ---------------- */

/* Do all rows say the same?  Mostly the first few tell. */
static bool
is_pure(const EgGrower *g, Size begin, Size end)
{
	const double *y = g->spec.y;
	double		first = y[g->samples[begin].row];
	Size		i;

	for (i = begin + 1; i < end; i++)
	{
		if (y[g->samples[i].row] != first)
			return false;
	}
	return true;
}

static void
total_stat(const EgGrower *g, Size begin, Size end, double *stat)
{
	Size		i;

	memset(stat, 0, g->nstat * sizeof(double));
	for (i = begin; i < end; i++)
		eg_stat_add(g, stat, &g->samples[i]);
}

/* The best split among randomly chosen columns that are not constant in the node. */
static bool
find_split(EgGrower *g, Size begin, Size end, uint64 *random)
{
	int			p = g->spec.bins->ncols;
	int			tried = 0;
	int			i;
	double		need = g->spec.min_decrease * g->whole;

	total_stat(g, begin, end, g->total);
	g->best.feature = -1;
	g->best.gain = Max(GAIN_NOISE * g->scale, need);
	for (i = 0; i < p && tried < g->spec.ntry; i++)
	{
		int			k = i + eg_tree_random_below(random, p - i);
		int			j = g->columns[k];

		g->columns[k] = g->columns[i];
		g->columns[i] = j;
		CHECK_FOR_INTERRUPTS();
		tried += eg_try_column(g, j, begin, end, random);
	}
	return g->best.feature >= 0;
}

/* Rows that go left first, each side in the order it had; where the right side begins. */
static Size
partition(EgGrower *g, const EgSplit *s, Size begin, Size end)
{
	const EgBins *b = g->spec.bins;
	const uint16 *code = b->code + (Size) s->feature * b->nrows;
	uint32		missing = b->nbins[s->feature];
	bool		category = b->ncategories != NULL && b->ncategories[s->feature] > 0;
	Size		nleft = begin;
	Size		nright = 0;
	Size		i;

	for (i = begin; i < end; i++)
	{
		EgSample	v = g->samples[i];
		uint32		c = code[v.row];
		bool		left;

		if (c == missing)
			left = s->missing_left;
		else if (category)
			left = ((s->set[c / 32] >> (c % 32)) & 1) == 0;
		else
			left = c < s->cut;

		/* both are written, one counts: no branch to guess */
		g->samples[nleft] = v;
		g->spare[nright] = v;
		nleft += left;
		nright += !left;
	}
	memcpy(g->samples + nleft, g->spare, nright * sizeof(EgSample));
	return nleft;
}

static void
store_split(EgGrower *g, Size node, const EgSplit *s)
{
	const EgBins *b = g->spec.bins;
	EgGrownNode *n = &g->nodes[node];

	n->feature = s->feature;
	n->threshold = s->threshold;
	n->default_left = s->missing_left;
	n->gain = (float) Min(s->gain, FLT_MAX);
	if (b->ncategories != NULL && b->ncategories[s->feature] > 0)
	{
		int			words = (b->ncategories[s->feature] + 31) / 32;

		if (g->nwords + words > g->max_words)
		{
			check_room(g, g->nnodes, (g->max_words + words) * 2);
			g->max_words = (g->max_words + words) * 2;
			g->words = repalloc_huge(g->words, g->max_words * sizeof(uint32));
		}
		n->cat = (int32) g->nwords;
		memcpy(g->words + g->nwords, s->set, words * sizeof(uint32));
		g->nwords += words;
	}
}

/* ---------------- a tree ---------------- */

static Size
draw_samples(EgGrower *g, const uint16 *times)
{
	const EgGrowSpec *spec = &g->spec;
	Size		n = 0;
	Size		i;

	for (i = 0; i < spec->bins->nrows; i++)
	{
		double		w = times != NULL ? times[i] : 1;

		if (spec->weight != NULL)
			w *= spec->weight[i];
		if (w <= 0)
			continue;
		g->samples[n].row = (uint32) i;
		g->samples[n].cls = g->nout > 1 ? (int32) spec->y[i] : 0;
		g->samples[n].w = w;
		g->samples[n].wy = w * spec->y[i];
		n++;
	}
	return n;
}

static void
push(EgGrower *g, Size node, Size begin, Size end, int depth)
{
	if (g->npending == g->max_pending)
	{
		g->max_pending = Max(64, g->max_pending * 2);
		g->pending = g->pending == NULL ? palloc(g->max_pending * sizeof(EgPending)) :
			repalloc_huge(g->pending, g->max_pending * sizeof(EgPending));
	}
	g->pending[g->npending].node = node;
	g->pending[g->npending].begin = begin;
	g->pending[g->npending].end = end;
	g->pending[g->npending++].depth = depth;
}

void
eg_grower_tree(EgGrower *g, const uint16 *times, uint64 seed)
{
	const EgGrowSpec *spec = &g->spec;
	uint64		random = seed;
	Size		n = draw_samples(g, times);
	Size		i;

	/* who had luck with neither draws nor weights says what everybody says */
	if (n == 0)
		n = draw_samples(g, NULL);
	if (g->ntrees == g->max_trees)
	{
		g->max_trees *= 2;
		g->starts = repalloc(g->starts, g->max_trees * sizeof(Size));
	}
	g->starts[g->ntrees++] = g->nnodes;
	for (i = 0; i < spec->bins->ncols; i++)
		g->columns[i] = (int) i;

	total_stat(g, 0, n, g->total);
	g->whole = eg_stat_weight(g, g->total);
	g->scale = g->whole;
	if (g->nout == 1)
	{
		g->scale = 0;
		for (i = 0; i < n; i++)
			g->scale += g->samples[i].wy * spec->y[g->samples[i].row];
	}

	push(g, add_node(g, g->total), 0, n, 0);
	while (g->npending > 0)
	{
		EgPending	p = g->pending[--g->npending];
		Size		middle;
		Size		child;

		if ((spec->max_depth > 0 && p.depth >= spec->max_depth) ||
			p.end - p.begin < 2 * spec->min_leaf || is_pure(g, p.begin, p.end) ||
			!find_split(g, p.begin, p.end, &random))
			continue;
		middle = partition(g, &g->best, p.begin, p.end);
		Assert(middle > p.begin && middle < p.end);
		store_split(g, p.node, &g->best);

		total_stat(g, p.begin, middle, g->left);
		child = add_node(g, g->left);
		g->nodes[p.node].left = (int32) (child - g->starts[g->ntrees - 1]);
		total_stat(g, middle, p.end, g->left);
		(void) add_node(g, g->left);
		push(g, child + 1, middle, p.end, p.depth + 1);
		push(g, child, p.begin, middle, p.depth + 1);
	}
}

/*
 * Each tree's leaves count 1 / trees.  Several classes need a tree for each:
 * the same nodes with other leaves.
 */
EgForest *
eg_grower_forest(const EgGrower *g)
{
	const EgBins *b = g->spec.bins;
	EgForest   *f;
	int32		to = 0;
	Size		t;
	Size		i;
	int			k;

	check_room(g, g->nnodes, g->nwords);
	f = eg_forest_create((int) g->ntrees * g->nout, (int) g->nnodes * g->nout, b->ncols, g->nout,
						 (int) g->nwords);
	if (g->nwords > 0)
		memcpy(f->cat_bits, g->words, g->nwords * sizeof(uint32));
	for (t = 0; t < g->ntrees; t++)
	{
		Size		end = t + 1 < g->ntrees ? g->starts[t + 1] : g->nnodes;

		for (k = 0; k < g->nout; k++)
		{
			f->tree_group[t * g->nout + k] = k;
			f->tree_weight[t * g->nout + k] = (float) (1.0 / g->ntrees);
			f->tree_start[t * g->nout + k] = to;
			for (i = g->starts[t]; i < end; i++, to++)
			{
				const EgGrownNode *n = &g->nodes[i];

				f->cover[to] = n->cover;
				f->gain[to] = n->gain;
				f->feature[to] = n->feature;
				if (n->feature < 0)
				{
					f->value[to] = g->outputs[i * g->nout + k];
					continue;
				}
				f->value[to] = n->threshold;
				f->left[to] = n->left;
				f->right[to] = n->left + 1;
				f->flags[to] = n->default_left ? EG_NODE_DEFAULT_LEFT : 0;
				f->cat[to] = n->cat;
				f->ncat[to] = n->cat >= 0 ? (b->ncategories[n->feature] + 31) / 32 : 0;
			}
		}
	}
	return f;
}
