/*-------------------------------------------------------------------------
 *
 * isolation_grow.c
 *	  A tree that isolates rows: random splits of a few random rows.
 *
 * A tree is grown on psi rows drawn without replacement.  A node with more than
 * one row, above the height limit ceil(log2 psi), is split at random; a leaf
 * says how long the path to it is, and how much longer it would have become on
 * average had it gone on: depth + c(rows).
 *
 * Split on one column (Liu, Ting and Zhou): a column at random among those that
 * are not constant in the node, a threshold at random between its smallest and
 * largest value there.  Categories: a random side for each, so that both sides
 * have some.  Missing values: a random side; where all the values present are
 * equal, the split tells missing from present.  In a node without any, a side
 * with the odds of its rows: as a fair coin would have it, rows with a value that
 * was never missing before would all be anomalies; always to the larger side,
 * none of them would.
 *
 * Hyperplane (Hariri, Carrasco Kind and Brunner): a normally distributed slope in
 * some random columns, 0 in all others, through a point drawn at random from
 * the box around the node's rows.  A side may be empty.
 *
 * This runs on any thread: memory is that of the worker, and nothing of the
 * server is called.  isolation_team.c puts the trees together.
 *
 * Sources: F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation Forest", ICDM 2008, and
 * "Isolation-Based Anomaly Detection", ACM TKDD 6(1), 2012; S. Hariri, M.
 * Carrasco Kind, R. J. Brunner, "Extended Isolation Forest", IEEE TKDE 33(4), 2021.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/isolation_grow.h"
#include "algo/trees.h"

#define EULER			0.57721566490153286	/* H(i) is ln(i) and this, as the paper estimates it */
#define FIRST_WORDS		64
#define MOST_TOSSES		64		/* for a set that has categories on both sides */

typedef struct Pending
{
	int32		node;
	int32		begin;			/* its rows */
	int32		end;
	int32		depth;
} Pending;

/* What a thread needs. */
typedef struct Grower
{
	const EgIsolationSpec *spec;
	EgWorker   *worker;
	int			ncols;			/* that splits choose from: the table's or the prepared ones */
	uint8	   *drawn;			/* (nrows) bits, all 0 between two trees */
	uint32	   *rows;			/* (psi) rows of the tree, or places in z */
	uint32	   *spare;			/* (psi) */
	int32	   *columns;		/* (ncols) the tree's come first */
	float	   *z;				/* (psi, ncols) hyperplanes: the prepared rows */
	Pending    *pending;
	Size		max_pending;
	Size		npending;
	Size		max_nodes;
	int			limit;			/* of the height */
	EgIsolationGrown *tree;
} Grower;

typedef struct Split
{
	int32		feature;
	int32		set;
	float		threshold;
	bool		missing_left;
	double		drawn;			/* from 0 to 1: the side of missing values where there are none */
	bool		has_missing;
} Split;

double
eg_isolation_path(double n)
{
	if (n <= 1)
		return 0;
	if (n == 2)
		return 1;
	return 2 * (log(n - 1) + EULER) - 2 * (n - 1) / n;
}

/* ---------------- a thread ---------------- */

void *
eg_isolation_start(const EgIsolationSpec *spec, EgWorker *w)
{
	Grower	   *g = eg_arena_alloc(w->own, sizeof(Grower));
	Size		drawn = spec->nrows / 8 + 1;

	if (g == NULL)
		return NULL;
	memset(g, 0, sizeof(Grower));
	g->spec = spec;
	g->worker = w;
	g->ncols = spec->prep != NULL ? spec->prep->width : spec->x->ncols;
	while (((Size) 1 << g->limit) < spec->psi)
		g->limit++;

	/* those of a full tree; without empty sides no more than there are rows to tell apart */
	g->max_nodes = (Size) 2 << Min(g->limit, 40);
	if (spec->prep == NULL)
		g->max_nodes = Min(g->max_nodes, 2 * spec->psi);
	g->max_pending = g->limit + 2;
	g->drawn = eg_arena_alloc(w->own, drawn);
	g->rows = eg_arena_alloc(w->own, spec->psi * sizeof(uint32));
	g->spare = eg_arena_alloc(w->own, spec->psi * sizeof(uint32));
	g->columns = eg_arena_alloc(w->own, Max(g->ncols, 1) * sizeof(int32));
	g->pending = eg_arena_alloc(w->own, g->max_pending * sizeof(Pending));
	if (spec->prep != NULL)
		g->z = eg_arena_alloc(w->own, Max(spec->psi * g->ncols, 1) * sizeof(float));
	if (g->drawn == NULL || g->rows == NULL || g->spare == NULL || g->columns == NULL ||
		g->pending == NULL || (spec->prep != NULL && g->z == NULL))
		return NULL;
	memset(g->drawn, 0, drawn);
	return g;
}

/* psi different rows, each set of them as likely (R. Floyd's sampling). */
static void
draw_rows(Grower *g, uint64 *random)
{
	Size		n = g->spec->nrows;
	Size		psi = g->spec->psi;
	Size		i;

	for (i = 0; i < psi; i++)
	{
		uint32		last = (uint32) (n - psi + i);
		uint32		row = eg_tree_random_below(random, last + 1);

		if (g->drawn[row / 8] & (1 << (row % 8)))
			row = last;
		g->drawn[row / 8] |= (uint8) (1 << (row % 8));
		g->rows[i] = row;
	}
	for (i = 0; i < psi; i++)
		g->drawn[g->rows[i] / 8] = 0;
}

/* The tree's columns to the front. */
static void
draw_columns(Grower *g, uint64 *random)
{
	int			i;

	for (i = 0; i < g->ncols; i++)
		g->columns[i] = i;
	for (i = 0; i < g->spec->ncolumns && g->spec->ncolumns < g->ncols; i++)
	{
		int			k = i + eg_tree_random_below(random, g->ncols - i);
		int32		swap = g->columns[k];

		g->columns[k] = g->columns[i];
		g->columns[i] = swap;
	}
}

/* A leaf at the end of the nodes, until it is split. */
static Size
add_node(Grower *g, Size rows, int depth)
{
	EgIsolationNode *n = &g->tree->nodes[g->tree->nnodes];

	n->feature = n->left = n->set = -1;
	n->value = (float) (depth + eg_isolation_path((double) rows));
	n->cover = (float) rows;
	n->default_left = false;
	return g->tree->nnodes++;
}

static bool
push(Grower *g, Size node, int32 begin, int32 end, int32 depth)
{
	Pending    *p;

	if (g->npending == g->max_pending)
		return false;
	p = &g->pending[g->npending++];
	p->node = (int32) node;
	p->begin = begin;
	p->end = end;
	p->depth = depth;
	return true;
}

/* ---------------- splits on one column ---------------- */

static inline float
value_of(const Grower *g, int32 i, int32 column)
{
	return eg_row(g->spec->x, g->rows[i])[column];
}

/* Room for the set of a split on a column of so many categories; NULL: no memory. */
static uint32 *
make_set(Grower *g, int ncategories)
{
	EgIsolationGrown *t = g->tree;
	Size		words = (ncategories + 31) / 32;

	if (t->nwords + words > t->max_words)
	{
		Size		more = Max((t->max_words + words) * 2, FIRST_WORDS);
		uint32	   *larger = eg_arena_resize(g->worker->task, t->words, more * sizeof(uint32));

		if (larger == NULL)
			return NULL;
		t->words = larger;
		t->max_words = more;
	}
	return t->words + t->nwords;
}

/* A random side for every category; both sides get some of those in the node. */
static bool
toss_set(Grower *g, int32 column, int32 begin, int32 end, bool varies, float first, Split *s,
		 uint64 *random)
{
	int			ncategories = g->spec->ncategories[column];
	int			nwords = (ncategories + 31) / 32;
	uint32	   *set = make_set(g, ncategories);
	int			one = (int) first;
	int			tosses;
	int			k;

	if (set == NULL)
		return false;
	for (tosses = 0; tosses < MOST_TOSSES; tosses++)
	{
		bool		right = false;
		bool		left = false;
		int32		i;

		for (k = 0; k < nwords; k++)
			set[k] = (uint32) (eg_tree_random(random) >> 32);
		if (!varies)
			break;
		for (i = begin; i < end && !(left && right); i++)
		{
			float		v = value_of(g, i, column);
			int			c = isfinite(v) ? (int) v : -1;

			if (c < 0)
				continue;
			if ((set[c / 32] >> (c % 32)) & 1)
				right = true;
			else
				left = true;
		}
		if (left && right)
			break;
	}

	/* missing against the only category; or, no luck so often, one category against the rest */
	if (!varies || tosses == MOST_TOSSES)
	{
		bool		right = varies || s->missing_left;

		if (varies)
			memset(set, 0, nwords * sizeof(uint32));
		set[one / 32] &= ~(1U << (one % 32));
		set[one / 32] |= (uint32) right << (one % 32);
	}
	if (ncategories % 32 != 0)
		set[nwords - 1] &= (1U << (ncategories % 32)) - 1;
	s->set = (int32) g->tree->nwords;
	g->tree->nwords += nwords;
	return true;
}

/* Between low and high, so that low goes left and high goes right. */
static float
draw_threshold(float low, float high, uint64 *random)
{
	double		u = 1 - eg_tree_random_unit(random);
	float		t = (float) (low + u * ((double) high - low));

	if (!(t > low))
		t = nextafterf(low, INFINITY);
	return Min(t, high);
}

/*
 * Split on a column at random among those that tell rows of the node apart;
 * false when there are none, or no memory (*failed).
 */
static bool
find_split(Grower *g, int32 begin, int32 end, Split *s, uint64 *random, bool *failed)
{
	int			n = g->spec->ncolumns;
	int			tried;

	for (tried = 0; tried < n; tried++)
	{
		int			k = tried + eg_tree_random_below(random, n - tried);
		int32		column = g->columns[k];
		float		low = INFINITY;
		float		high = -INFINITY;
		bool		missing = false;
		uint64		draw;
		int32		i;

		g->columns[k] = g->columns[tried];
		g->columns[tried] = column;
		for (i = begin; i < end; i++)
		{
			float		v = value_of(g, i, column);

			if (isfinite(v))
			{
				low = Min(low, v);
				high = Max(high, v);
			}
			else
				missing = true;
		}
		if (!(low < high || (missing && low == high)))
			continue;
		s->feature = column;
		s->set = -1;
		s->threshold = 0;
		draw = eg_tree_random(random);
		s->missing_left = (draw >> 63) != 0;
		s->drawn = ldexp((double) (draw >> 11), -53);
		s->has_missing = missing;
		if (g->spec->ncategories != NULL && g->spec->ncategories[column] > 0)
		{
			*failed = !toss_set(g, column, begin, end, low < high, low, s, random);
			return !*failed;
		}
		if (low < high)
			s->threshold = draw_threshold(low, high, random);
		else
		{
			/* missing on one side, the only value on the other */
			s->threshold = s->missing_left ? low : nextafterf(low, INFINITY);
			if (!isfinite(s->threshold))
			{
				s->missing_left = true;
				s->threshold = low;
			}
		}
		return true;
	}
	return false;
}

/* Rows that go left first; where the right ones begin. */
static int32
partition(Grower *g, const Split *s, int32 begin, int32 end)
{
	const uint32 *set = s->set >= 0 ? g->tree->words + s->set : NULL;
	int32		nleft = begin;
	int32		nright = 0;
	int32		i;

	for (i = begin; i < end; i++)
	{
		uint32		row = g->rows[i];
		float		v = value_of(g, i, s->feature);
		bool		left;

		if (!isfinite(v))
			left = s->missing_left;
		else if (set != NULL)
			left = ((set[(int) v / 32] >> ((int) v % 32)) & 1) == 0;
		else
			left = v < s->threshold;
		g->rows[nleft] = row;
		g->spare[nright] = row;
		nleft += left;
		nright += !left;
	}
	memcpy(g->rows + nleft, g->spare, nright * sizeof(uint32));
	return nleft;
}

static bool
grow_node(Grower *g, Pending p, uint64 *random)
{
	Split		s;
	bool		failed = false;
	int32		middle;
	Size		child;
	EgIsolationNode *node;

	if (!find_split(g, p.begin, p.end, &s, random, &failed))
		return !failed;
	middle = partition(g, &s, p.begin, p.end);
	node = &g->tree->nodes[p.node];
	node->feature = s.feature;
	node->set = s.set;
	node->value = s.threshold;
	node->default_left = s.has_missing ? s.missing_left :
		s.drawn * (p.end - p.begin) < middle - p.begin;
	child = add_node(g, middle - p.begin, p.depth + 1);
	node->left = (int32) child;
	(void) add_node(g, p.end - middle, p.depth + 1);
	return push(g, child + 1, middle, p.end, p.depth + 1) &&
		push(g, child, p.begin, middle, p.depth + 1);
}

/* ---------------- hyperplanes ---------------- */

/* A normally distributed number (Box and Muller). */
static double
draw_normal(uint64 *random)
{
	double		u = 1 - eg_tree_random_unit(random);
	double		v = eg_tree_random_unit(random);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static bool
box_of(const Grower *g, int32 begin, int32 end, int32 column, float *low, float *high)
{
	int32		i;

	*low = INFINITY;
	*high = -INFINITY;
	for (i = begin; i < end; i++)
	{
		float		v = g->z[(Size) g->rows[i] * g->ncols + column];

		*low = Min(*low, v);
		*high = Max(*high, v);
	}
	return *low < *high;
}

/* The terms of the next split, drawn; false when the node's rows are all the same. */
static bool
draw_plane(Grower *g, int32 begin, int32 end, float *right, uint64 *random)
{
	EgIsolationGrown *t = g->tree;
	int			nterms = g->spec->nterms;
	int			n = g->spec->ncolumns;
	int32	   *index = t->index + t->nsplits * nterms;
	float	   *weight = t->weight + t->nsplits * nterms;
	double		intercept = 0;
	int			found = 0;
	int			tried;
	int			k;

	memset(weight, 0, nterms * sizeof(float));
	for (tried = 0; tried < n && found < nterms; tried++)
	{
		int32		column;
		float		low;
		float		high;

		k = tried + eg_tree_random_below(random, n - tried);
		column = g->columns[k];
		g->columns[k] = g->columns[tried];
		g->columns[tried] = column;
		if (!box_of(g, begin, end, column, &low, &high))
			continue;

		/* in ascending order */
		for (k = found++; k > 0 && index[k - 1] > column; k--)
			index[k] = index[k - 1];
		index[k] = column;
	}
	if (found == 0)
		return false;
	for (k = 0; k < found; k++)
	{
		int			to = nterms == g->ncols ? index[k] : k;
		float		low;
		float		high;

		(void) box_of(g, begin, end, index[k], &low, &high);
		weight[to] = (float) draw_normal(random);
		intercept += weight[to] * (low + eg_tree_random_unit(random) * ((double) high - low));
	}

	/* terms of no weight: as a whole row of them, or any column */
	for (k = nterms == g->ncols ? 0 : found; k < nterms; k++)
		index[k] = nterms == g->ncols ? k : 0;
	*right = (float) intercept;
	return true;
}

static bool
grow_plane(Grower *g, Pending p, uint64 *random)
{
	EgIsolationGrown *t = g->tree;
	int			nterms = g->spec->nterms;
	const int32 *index = t->index + t->nsplits * nterms;
	const float *weight = t->weight + t->nsplits * nterms;
	EgIsolationNode *node = &t->nodes[p.node];
	int32		nleft = p.begin;
	int32		nright = 0;
	float		right;
	Size		child;
	int32		i;

	if (!draw_plane(g, p.begin, p.end, &right, random))
		return true;
	for (i = p.begin; i < p.end; i++)
	{
		uint32		row = g->rows[i];
		bool		left = eg_hyper_dot(index, weight, nterms, g->ncols,
										g->z + (Size) row * g->ncols) <= right;

		g->rows[nleft] = row;
		g->spare[nright] = row;
		nleft += left;
		nright += !left;
	}
	memcpy(g->rows + nleft, g->spare, nright * sizeof(uint32));
	node->feature = (int32) t->nsplits++;
	node->value = right;
	child = add_node(g, nleft - p.begin, p.depth + 1);
	node->left = (int32) child;
	(void) add_node(g, nright, p.depth + 1);
	return push(g, child + 1, nleft, p.end, p.depth + 1) &&
		push(g, child, p.begin, nleft, p.depth + 1);
}

/* ---------------- a tree ---------------- */

EgIsolationGrown *
eg_isolation_tree(EgWorker *w, uint64 seed)
{
	Grower	   *g = w->state;
	const EgIsolationSpec *spec = g->spec;
	uint64		random = seed;
	EgArena    *arena = w->task;
	EgIsolationGrown *t = eg_arena_alloc(arena, sizeof(EgIsolationGrown));
	Size		k;

	if (t == NULL)
		return NULL;
	memset(t, 0, sizeof(EgIsolationGrown));
	g->tree = t;
	t->nodes = eg_arena_alloc(arena, g->max_nodes * sizeof(EgIsolationNode));
	if (spec->prep != NULL)
	{
		t->index = eg_arena_alloc(arena, (g->max_nodes / 2 + 1) * spec->nterms * sizeof(int32));
		t->weight = eg_arena_alloc(arena, (g->max_nodes / 2 + 1) * spec->nterms * sizeof(float));
	}
	if (t->nodes == NULL || (spec->prep != NULL && (t->index == NULL || t->weight == NULL)))
		return NULL;
	draw_rows(g, &random);
	draw_columns(g, &random);
	for (k = 0; k < spec->psi && spec->prep != NULL; k++)
	{
		eg_hyper_row(spec->prep, eg_row(spec->x, g->rows[k]), g->z + k * g->ncols);
		g->rows[k] = (uint32) k;
	}

	g->npending = 0;
	(void) add_node(g, spec->psi, 0);
	(void) push(g, 0, 0, (int32) spec->psi, 0);
	while (g->npending > 0)
	{
		Pending		p = g->pending[--g->npending];

		if (p.end - p.begin < 2 || p.depth >= g->limit)
			continue;
		if (eg_worker_stop(w))
			return NULL;
		if (!(spec->prep != NULL ? grow_plane(g, p, &random) : grow_node(g, p, &random)))
			return NULL;
	}
	return t;
}
