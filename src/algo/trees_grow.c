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
 * This runs on any thread: memory is that of the worker, and nothing of the
 * server is called.
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

#define FIRST_NODES		256
#define FIRST_WORDS		64
#define FIRST_PENDING	64

/* a gain below this share of what there is to gain is rounding */
#define GAIN_NOISE		1e-12

/* ---------------- memory ---------------- */

static void *
own(EgGrower *g, Size n, Size size)
{
	void	   *p = eg_arena_alloc(g->worker->own, Max(n, 1) * size);

	if (p == NULL)
		g->failed = true;
	return p;
}

EgGrower *
eg_grower_create(const EgGrowSpec *spec, EgWorker *w)
{
	EgGrower   *g = eg_arena_alloc(w->own, sizeof(EgGrower));
	const EgBins *b = spec->bins;
	Size		widest = 1;
	int			most = 0;
	int			j;

	if (g == NULL)
		return NULL;
	memset(g, 0, sizeof(EgGrower));
	g->spec = spec;
	g->worker = w;
	g->kind = spec->nclasses >= 2 ? EG_STAT_CLASSES :
		spec->binary && spec->weight == NULL ? EG_STAT_COUNTS : EG_STAT_SUMS;
	g->nstat = spec->nclasses >= 2 ? 1 + spec->nclasses : EG_STAT_SINGLE;
	g->nout = spec->nclasses >= 2 ? spec->nclasses : 1;
	for (j = 0; j < b->ncols; j++)
	{
		widest = Max(widest, (Size) b->nbins[j] + 1);
		if (b->ncategories != NULL)
			most = Max(most, b->ncategories[j]);
	}
	g->set_words = most / 32 + 1;
	g->samples = own(g, b->nrows, sizeof(EgSample));
	g->spare = own(g, b->nrows, sizeof(EgSample));
	if (spec->bootstrap || spec->max_samples < 1)
		g->times = own(g, b->nrows, sizeof(uint16));
	g->keys = own(g, Min(b->nrows, widest / EG_SPARSE + 1), sizeof(uint64));
	g->spare_keys = own(g, Min(b->nrows, widest / EG_SPARSE + 1), sizeof(uint64));
	g->counts = own(g, g->kind == EG_STAT_COUNTS ? widest : 1, sizeof(EgLanes));
	g->hist = own(g, widest * g->nstat, sizeof(double));
	g->present = own(g, widest, sizeof(int));
	g->order = own(g, widest, sizeof(EgOrder));
	g->total = own(g, g->nstat, sizeof(double));
	g->missing = own(g, g->nstat, sizeof(double));
	g->left = own(g, g->nstat, sizeof(double));
	g->side = own(g, 2 * g->nstat, sizeof(double));
	g->columns = own(g, b->ncols, sizeof(int));
	g->best.set = own(g, g->set_words, sizeof(uint32));
	g->try.set = own(g, g->set_words, sizeof(uint32));
	g->max_pending = FIRST_PENDING;
	g->pending = own(g, g->max_pending, sizeof(EgPending));
	g->pending_stat = own(g, g->max_pending * g->nstat, sizeof(double));
	return g->failed ? NULL : g;
}

static bool
resize(EgGrower *g, EgArena *arena, void **p, Size n, Size size)
{
	void	   *larger = eg_arena_resize(arena, *p, n * size);

	if (larger == NULL)
	{
		g->failed = true;
		return false;
	}
	*p = larger;
	return true;
}

/* ---------------- nodes ---------------- */

/* Index of a new node, a leaf so far, that says what stat says. */
static Size
add_node(EgGrower *g, const double *stat)
{
	EgGrownTree *t = g->tree;
	EgGrownNode *node;
	double		w = eg_stat_weight(g, stat);
	float	   *out;
	int			k;

	if (t->nnodes == t->max_nodes)
	{
		Size		more = Max(t->max_nodes * 2, FIRST_NODES);

		if (!resize(g, g->worker->task, (void **) &t->nodes, more, sizeof(EgGrownNode)) ||
			!resize(g, g->worker->task, (void **) &t->outputs, more * g->nout, sizeof(float)))
			return 0;
		t->max_nodes = more;
	}
	node = &t->nodes[t->nnodes];
	node->feature = node->left = node->cat = -1;
	node->cut = 0;
	node->threshold = 0;
	node->default_left = false;
	node->cover = (float) Min(w, FLT_MAX);
	node->gain = 0;
	out = t->outputs + t->nnodes * g->nout;
	if (g->nout == 1)
		out[0] = (float) Max(Min(stat[2] / w, FLT_MAX), -FLT_MAX);
	else
	{
		for (k = 0; k < g->nout; k++)
			out[k] = (float) (stat[1 + k] / w);
	}
	return t->nnodes++;
}

/* Do all rows of the node say the same?  Mostly the first few tell. */
static bool
is_pure(const EgGrower *g, const double *stat, Size begin, Size end)
{
	const double *y = g->spec->y;
	double		first;
	Size		i;
	int			k;

	switch (g->kind)
	{
		case EG_STAT_COUNTS:
			return stat[2] == 0 || stat[2] == stat[1];
		case EG_STAT_CLASSES:
			for (k = 1; k < g->nstat && stat[k] == 0; k++)
				;
			for (k++; k < g->nstat && stat[k] == 0; k++)
				;
			return k >= g->nstat;
		case EG_STAT_SUMS:
			break;
	}
	first = y[g->samples[begin].real.row];
	for (i = begin + 1; i < end && y[g->samples[i].real.row] == first; i++)
		;
	return i == end;
}

static void
total_stat(const EgGrower *g, Size begin, Size end, double *stat)
{
	Size		i;

	memset(stat, 0, g->nstat * sizeof(double));
	if (g->kind == EG_STAT_COUNTS)
	{
		EgLanes		sum = {0};

		for (i = begin; i < end; i++)
			sum += g->samples[i].lanes;
		eg_stat_of_counts(stat, sum);
		return;
	}
	for (i = begin; i < end; i++)
		eg_stat_add(g->kind, stat, &g->samples[i]);
}

/* The best split among randomly chosen columns that are not constant in the node. */
static bool
find_split(EgGrower *g, Size begin, Size end, uint64 *random)
{
	int			p = g->spec->bins->ncols;
	int			tried = 0;
	int			i;
	double		need = g->spec->min_decrease * g->whole;

	g->best.feature = -1;
	g->best.gain = Max(GAIN_NOISE * g->scale, need);
	for (i = 0; i < p && tried < g->spec->ntry; i++)
	{
		int			k = i + eg_tree_random_below(random, p - i);
		int			j = g->columns[k];

		g->columns[k] = g->columns[i];
		g->columns[i] = j;
		if (eg_worker_stop(g->worker))
		{
			g->failed = true;
			return false;
		}
		tried += eg_try_column(g, j, begin, end, random);
	}
	return g->best.feature >= 0;
}

/* Rows that go left first, each side in the order it had; where the right side begins. */
static inline Size
partition_codes(EgGrower *g, const EgSplit *s, Size begin, Size end, bool wide)
{
	const EgBins *b = g->spec->bins;
	const void *code = b->code[s->feature];
	uint32		missing = b->nbins[s->feature];
	bool		category = eg_is_category(b, s->feature);
	Size		nleft = begin;
	Size		nright = 0;
	Size		i;

	for (i = begin; i < end; i++)
	{
		EgSample	v = g->samples[i];
		uint32		c = eg_bin_code(code, wide, v.count.row);
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

static Size
partition(EgGrower *g, const EgSplit *s, Size begin, Size end)
{
	if (g->spec->bins->wide[s->feature])
		return partition_codes(g, s, begin, end, true);
	return partition_codes(g, s, begin, end, false);
}

static void
store_split(EgGrower *g, Size node, const EgSplit *s)
{
	const EgBins *b = g->spec->bins;
	EgGrownTree *t = g->tree;
	EgGrownNode *n = &t->nodes[node];

	n->feature = s->feature;
	n->default_left = s->missing_left;
	n->gain = (float) Min(s->gain, FLT_MAX);
	if (eg_is_category(b, s->feature))
	{
		int			words = (b->ncategories[s->feature] + 31) / 32;

		if (t->nwords + words > t->max_words)
		{
			Size		more = Max((t->max_words + words) * 2, FIRST_WORDS);

			if (!resize(g, g->worker->task, (void **) &t->words, more, sizeof(uint32)))
				return;
			t->max_words = more;
		}
		n->cat = (int32) t->nwords;
		memcpy(t->words + t->nwords, s->set, words * sizeof(uint32));
		t->nwords += words;
	}
	else
	{
		n->cut = s->cut;
		n->threshold = s->threshold;
	}
}

/* ---------------- a tree ---------------- */

/* How often each row is in the tree. */
static void
draw_rows(const EgGrowSpec *spec, uint16 *times, uint64 *random)
{
	Size		n = spec->bins->nrows;
	Size		want = (Size) Min(Max(ceil(spec->max_samples * n), 1), (double) n);
	Size		i;

	memset(times, 0, n * sizeof(uint16));
	if (spec->bootstrap)
	{
		for (i = 0; i < want; i++)
		{
			uint32		row = eg_tree_random_below(random, (uint32) n);

			times[row] += times[row] < PG_UINT16_MAX;
		}
		return;
	}

	/* without replacement: each row with the chance that leaves as many as are wanted */
	for (i = 0; i < n && want > 0; i++)
	{
		if (eg_tree_random_below(random, (uint32) (n - i)) < want)
		{
			times[i] = 1;
			want--;
		}
	}
}

static Size
draw_samples(EgGrower *g, const uint16 *times)
{
	const EgGrowSpec *spec = g->spec;
	Size		n = 0;
	Size		i;

	for (i = 0; i < spec->bins->nrows; i++)
	{
		uint32		drawn = times != NULL ? times[i] : 1;
		float		w = drawn;
		EgSample   *s = &g->samples[n];

		if (spec->weight != NULL)
			w *= spec->weight[i];
		if (!(w > 0))
			continue;
		n++;
		switch (g->kind)
		{
			case EG_STAT_COUNTS:
				s->count.times = drawn;
				s->count.positive = spec->y[i] != 0 ? drawn : 0;
				s->count.one = 1;
				s->count.row = (uint32) i;
				break;
			case EG_STAT_SUMS:
				s->real.wy = w * spec->y[i];
				s->real.w = w;
				s->real.row = (uint32) i;
				break;
			case EG_STAT_CLASSES:
				s->cls.number = (int32) spec->y[i];
				s->cls.unused = 0;
				s->cls.w = w;
				s->cls.row = (uint32) i;
				break;
		}
	}
	return n;
}

static void
push(EgGrower *g, Size node, const double *stat, Size begin, Size end, int depth)
{
	EgPending  *p;

	if (g->npending == g->max_pending)
	{
		Size		more = g->max_pending * 2;

		if (!resize(g, g->worker->own, (void **) &g->pending, more, sizeof(EgPending)) ||
			!resize(g, g->worker->own, (void **) &g->pending_stat, more * g->nstat, sizeof(double)))
			return;
		g->max_pending = more;
	}
	memcpy(g->pending_stat + g->npending * g->nstat, stat, g->nstat * sizeof(double));
	p = &g->pending[g->npending++];
	p->node = node;
	p->begin = begin;
	p->end = end;
	p->depth = depth;
}

/* Split a node, if that is worth it. */
static void
grow_node(EgGrower *g, EgPending p, uint64 *random)
{
	const EgGrowSpec *spec = g->spec;
	Size		middle;
	Size		child;

	if ((spec->max_depth > 0 && p.depth >= spec->max_depth) ||
		p.end - p.begin < 2 * spec->min_leaf || is_pure(g, g->total, p.begin, p.end) ||
		!find_split(g, p.begin, p.end, random))
		return;
	middle = partition(g, &g->best, p.begin, p.end);
	store_split(g, p.node, &g->best);

	total_stat(g, p.begin, middle, g->left);
	total_stat(g, middle, p.end, g->side);
	child = add_node(g, g->left);
	(void) add_node(g, g->side);
	if (g->failed)
		return;
	g->tree->nodes[p.node].left = (int32) child;
	push(g, child + 1, g->side, middle, p.end, p.depth + 1);
	push(g, child, g->left, p.begin, middle, p.depth + 1);
}

/* How much there is to gain, against which rounding is measured. */
static double
gain_scale(const EgGrower *g, Size n)
{
	double		scale = 0;
	Size		i;

	if (g->kind != EG_STAT_SUMS)
		return g->whole;
	for (i = 0; i < n; i++)
		scale += g->samples[i].real.wy * g->spec->y[g->samples[i].real.row];
	return scale;
}

EgGrownTree *
eg_grower_tree(EgGrower *g, uint64 seed)
{
	const EgGrowSpec *spec = g->spec;
	uint64		random = seed;
	Size		n;
	int			i;

	g->tree = eg_arena_alloc(g->worker->task, sizeof(EgGrownTree));
	if (g->tree == NULL)
		return NULL;
	memset(g->tree, 0, sizeof(EgGrownTree));
	if (g->times != NULL)
		draw_rows(spec, g->times, &random);
	n = draw_samples(g, g->times);

	/* who had luck with neither draws nor weights says what everybody says */
	if (n == 0)
	{
		for (n = 0; n < spec->bins->nrows && g->times != NULL; n++)
			g->times[n] = 1;
		n = draw_samples(g, NULL);
	}
	for (i = 0; i < spec->bins->ncols; i++)
		g->columns[i] = i;

	total_stat(g, 0, n, g->total);
	g->whole = eg_stat_weight(g, g->total);
	g->scale = gain_scale(g, n);
	g->npending = 0;
	(void) add_node(g, g->total);
	push(g, 0, g->total, 0, n, 0);
	while (g->npending > 0 && !g->failed)
	{
		EgPending	p = g->pending[--g->npending];

		memcpy(g->total, g->pending_stat + g->npending * g->nstat, g->nstat * sizeof(double));
		grow_node(g, p, &random);
	}
	if (g->failed || (spec->oob && !eg_oob_leaves(g)))
		return NULL;
	return g->tree;
}
