/*-------------------------------------------------------------------------
 *
 * forest_shap_against.c
 *	  Interventional Shapley values: one row against background rows.
 *
 * Features left out have the values of a background row.  Only leaves count
 * that some mixture of the two rows reaches: on the way to such a leaf of
 * value v, u features must come from the row and w from the background row,
 * for the rest either will do.  It gives each of the u
 *
 *		v (u - 1)! w! / (u + w)!
 *
 * and takes from each of the w  v u! (w - 1)! / (u + w)!  (Lundberg et al.,
 * From local explanations to global understanding with explainable AI for
 * trees, Nature Machine Intelligence 2, 2020, algorithm 3).
 *
 * A walk meets few leaves: where both rows go the same way, there is no
 * choice, and where they parted at a feature, the later tests of that feature
 * follow one of them.  Leaves are met in an order in which those below each
 * parting are adjacent, so what a parting gives its feature is a difference of
 * running sums.  A background row is asked only at the nodes that it meets.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest_shap_code.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK_ROWS		64		/* background rows that see a tree together */
#define TABLE_WEIGHTS	128		/* features on a path that the table of weights is for */

/* which row a feature's value has to come from */
#define EITHER			0
#define FROM_ROW		1
#define FROM_OTHER		2

/* a node where the two rows part */
typedef struct Parting
{
	const EgShapPiece *piece;
	int32		node;			/* in it */
	int32		feature;		/* used feature */
	double		sum;			/* running sum when its present side was entered */
	double		gain;			/* what the row's side gave */
} Parting;

typedef struct Walk
{
	const EgShapTree *t;
	uint8	   *right;			/* (max_inner) of the row */
	int32	   *set_of;			/* (max_inner) which of t->sets, -1 for numbers */
	uint8	   *from;			/* (nused) */
	Parting    *partings;		/* (deepest) */
	double	   *weights;		/* (TABLE_WEIGHTS + 1, TABLE_WEIGHTS + 1) */
} Walk;

/* a! b! / (a + b + 1)! */
static inline double
weight(const Walk *w, int a, int b)
{
	if (a <= TABLE_WEIGHTS && b <= TABLE_WEIGHTS)
		return w->weights[a * (TABLE_WEIGHTS + 1) + b];
	return exp(lgamma(a + 1.0) + lgamma(b + 1.0) - lgamma(a + b + 2.0));
}

static double *
make_weights(void)
{
	int			n = TABLE_WEIGHTS + 1;
	double	   *table = (double *) palloc((Size) n * n * sizeof(double));

	for (int a = 0; a < n; a++)
	{
		table[a * n] = 1.0 / (a + 1);
		for (int b = 1; b < n; b++)
			table[a * n + b] = table[a * n + b - 1] * b / (a + b + 1);
	}
	return table;
}

static inline int
goes_right(const Walk *w, const EgShapRow *row, int32 k)
{
	const EgShapTest *test = &w->t->tests[k];

	if (w->t->nsets > 0 && w->set_of[k] >= 0)
		return eg_shap_in_set(&w->t->sets[w->set_of[k]], row);
	return row->keys[test->slot] >= test->threshold;
}

/* The child of inner node k of the piece; -1, and its value, if that is a leaf. */
static inline int32
go(const EgShapTree *t, const EgShapPiece **piece, int32 k, int side, double *value)
{
	const EgShapPiece *p = *piece;
	const EgShapNode *node = &t->nodes[p->first + k];
	int32		child;

	if (k >= p->nupper)
	{
		*value = t->weight * node->to.value[side];
		return -1;
	}
	child = node->to.child[side];
	if (child < p->ninner)
		return child;
	child -= p->ninner;
	if (child < p->nleaves)
	{
		*value = t->weight * t->leaves[p->leaf + child];
		return -1;
	}
	*piece = &t->pieces[child - p->nleaves + 1];
	return 0;
}

/*
 * One tree and one background row: contributions are added to phi (nused);
 * returns the value of the background row's leaf.
 */
static double
walk_tree(const Walk *w, const EgShapRow *row, double *phi)
{
	const EgShapTree *t = w->t;
	const EgShapPiece *piece = t->pieces;
	Parting    *p;
	double		gain = 0;		/* of a feature that comes from the row, all leaves so far */
	double		loss = 0;
	double		base = 0;
	double		v = 0;
	int			nrow = 0;		/* features on the path that must come from the row */
	int			nother = 0;
	int			depth = 0;		/* nrow + nother */
	int32		k = 0;

	for (;;)
	{
		while (k >= 0)
		{
			int32		node = piece->first + k;
			int32		feature = t->tests[node].slot >> 1;
			int			side = w->right[node];

			if (w->from[feature] != FROM_ROW)
			{
				int			other = goes_right(w, row, node);

				if (w->from[feature] == FROM_OTHER)
					side = other;
				else if (other != side)
				{
					p = &w->partings[depth++];
					p->piece = piece;
					p->node = k;
					p->feature = feature;
					p->sum = gain;
					w->from[feature] = FROM_ROW;
					nrow++;
				}
			}
			k = go(t, &piece, k, side, &v);
		}
		if (nrow > 0)
			gain += v * weight(w, nrow - 1, nother);
		else
			base = v;
		if (nother > 0)
			loss += v * weight(w, nother - 1, nrow);

		/* back to the last parting of which the other side is still to be seen */
		while (depth > 0 && w->from[w->partings[depth - 1].feature] == FROM_OTHER)
		{
			p = &w->partings[--depth];
			phi[p->feature] += p->gain - (loss - p->sum);
			w->from[p->feature] = EITHER;
			nother--;
		}
		if (depth == 0)
			return base;
		p = &w->partings[depth - 1];
		p->gain = gain - p->sum;
		p->sum = loss;
		w->from[p->feature] = FROM_OTHER;
		nrow--;
		nother++;
		piece = p->piece;
		k = go(t, &piece, p->node, !w->right[piece->first + p->node], &v);
	}
}

static void
enter_tree(Walk *w, const EgShapTree *t, const EgShapRow *row)
{
	w->t = t;
	eg_shap_decide(t, row, w->right);
	if (t->nsets == 0)
		return;
	for (int k = 0; k < t->ninner; k++)
		w->set_of[k] = -1;
	for (int i = 0; i < t->nsets; i++)
		w->set_of[t->sets[i].node] = i;
}

static void *
array(Size n, Size size)
{
	return palloc_extended(Max(n, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
make_walk(Walk *w, const struct EgForestShap *s)
{
	w->right = (uint8 *) array(s->max_inner, 1);
	w->set_of = (int32 *) array(s->max_inner, sizeof(int32));
	w->from = (uint8 *) array(s->nused, 1);
	w->partings = (Parting *) array((Size) s->max_pairs * 4, sizeof(Parting));
	w->weights = make_weights();
}

void
eg_forest_explain_against(const EgForest *f, const float *x, const float *background,
						  Size nbackground, Size stride, double *out)
{
	const struct EgForestShap *s = eg_shap_get(f);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage explain against",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Size		width = (Size) f->nfeatures + 1;
	Size		nused = s->nused;
	int			block = (int) Min(nbackground, BLOCK_ROWS);
	double	   *phi = (double *) array(f->ngroups * nused, sizeof(double));
	double	   *base = (double *) array(f->ngroups, sizeof(double));
	EgShapRow	row;
	EgShapRow	others[BLOCK_ROWS];
	Walk		w;

	Assert(nbackground > 0);
	make_walk(&w, s);
	eg_shap_row_make(s, &row);
	eg_shap_row_set(s, x, &row);
	for (int r = 0; r < block; r++)
		eg_shap_row_make(s, &others[r]);

	for (Size first = 0; first < nbackground; first += block)
	{
		int			nrows = (int) Min(nbackground - first, (Size) block);

		for (int r = 0; r < nrows; r++)
			eg_shap_row_set(s, background + (first + r) * stride, &others[r]);
		for (int i = 0; i < f->ntrees; i++)
		{
			const EgShapTree *t = &s->trees[i];

			if (t->group < 0)
				continue;
			enter_tree(&w, t, &row);
			for (int r = 0; r < nrows; r++)
			{
				CHECK_FOR_INTERRUPTS();
				base[t->group] += walk_tree(&w, &others[r], phi + t->group * nused);
			}
		}
	}

	memset(out, 0, f->ngroups * width * sizeof(double));
	for (int g = 0; g < f->ngroups; g++)
	{
		for (Size i = 0; i < nused; i++)
			out[g * width + s->used[i]] = phi[g * nused + i] / nbackground;
		out[g * width + f->nfeatures] = s->constant[g] + base[g] / nbackground;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
