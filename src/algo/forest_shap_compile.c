/*-------------------------------------------------------------------------
 *
 * forest_shap_compile.c
 *	  From the stored form of a forest to the one in which it is explained.
 *
 * It is made by the first call, in a memory context below the forest's, and
 * takes some 20 bytes a node, at most 50.  Tables of states, 16 bytes for each
 * repeated node and point, are kept up to 64 MB; those beyond are made anew
 * for each block of rows.  An error or a cancel on the way leaves the forest
 * as it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest_shap_code.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* tests set these lower */
#ifndef STATES_BYTES
#define STATES_BYTES	((Size) 64 * 1024 * 1024)	/* of all trees' tables */
#define PIECE_NODES		256		/* most inner nodes of a subtree that is a piece */
#define PIECE_LEAST		16		/* fewer are not worth it */
#endif

/* scratch over the nodes of a tree, counted from its first node */
typedef struct Scratch
{
	bool	   *reached;		/* from the root */
	int32	   *number;			/* within the piece */
	int32	   *piece;
	int32	   *size;			/* inner nodes from here down */
	int32	   *above;			/* nearest node before with the same feature, -1: none */
	int8	   *side;			/* while walking: 0 in the left child, 1 in the right one */
	int8	   *above_side;		/* which child of that node this one is below */
	double	   *taken;			/* share of the cover that takes all sides of the feature above */
	double	   *mean;			/* expected value */
	double	   *left;			/* share of the cover that goes left */
	int32	   *stack;
	int32	   *last;			/* (nused) node on the path, -1: none */
} Scratch;

static void *
array(Size n, Size size)
{
	return palloc_extended(Max(n, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---------------- trees ---------------- */

/* Covers that are none, as in a model that has none, count as nothing. */
static double
usable_cover(float cover)
{
	return isfinite(cover) && cover > 0 ? cover : 0;
}

/* Where no training row came by, either side is as likely as the other. */
static double
left_share(const EgForest *f, int32 start, int32 k)
{
	double		left = usable_cover(f->cover[start + f->left[start + k]]);
	double		right = usable_cover(f->cover[start + f->right[start + k]]);

	return left + right > 0 ? left / (left + right) : 0.5;
}

/* Bottom nodes have two leaves. */
static inline bool
is_bottom(const EgForest *f, int32 start, int32 k)
{
	return f->feature[start + f->left[start + k]] < 0 &&
		f->feature[start + f->right[start + k]] < 0;
}

/* Shares of the cover, expected values, sizes: from the leaves to the root. */
static void
sum_up(const EgForest *f, int32 start, int32 n, Scratch *w)
{
	for (int32 k = n - 1; k >= 0; k--)
	{
		int32		i = start + k;
		int32		left = f->left[i];
		int32		right = f->right[i];

		w->mean[k] = f->value[i];
		w->size[k] = 0;
		if (f->feature[i] < 0)
			continue;
		w->left[k] = left_share(f, start, k);
		w->mean[k] = w->mean[right] + w->left[k] * (w->mean[left] - w->mean[right]);
		w->size[k] = 1 + w->size[left] + w->size[right];
	}
}

/*
 * Cut the tree into pieces and count what is in them.  A subtree becomes a piece
 * if it is not too large and what it hangs from is.
 */
static void
cut_tree(const EgForest *f, int32 start, int32 n, Scratch *w, EgShapTree *t)
{
	bool		whole = w->size[0] <= PIECE_NODES;
	EgShapPiece *pieces;

	t->npieces = 1;
	w->piece[0] = 0;
	for (int32 k = 0; k < n; k++)
	{
		int32		i = start + k;

		if (!w->reached[k] || f->feature[i] < 0)
			continue;
		for (int side = 0; side < 2; side++)
		{
			int32		child = side ? f->right[i] : f->left[i];

			w->piece[child] = w->piece[k];
			if (w->piece[k] == 0 && !whole && w->size[child] >= PIECE_LEAST &&
				w->size[child] <= PIECE_NODES)
				w->piece[child] = t->npieces++;
		}
	}

	t->pieces = pieces = (EgShapPiece *) array(t->npieces, sizeof(EgShapPiece));
	for (int32 k = 0; k < n; k++)
	{
		int32		i = start + k;
		EgShapPiece *piece;

		if (!w->reached[k] || f->feature[i] < 0)
			continue;
		piece = &pieces[w->piece[k]];
		piece->ninner++;
		t->nsets += f->cat[i] >= 0;
		t->nrepeats += w->above[k] >= 0;
		if (!is_bottom(f, start, k))
		{
			piece->nupper++;
			piece->nfresh++;
			piece->nleaves += (f->feature[start + f->left[i]] < 0) +
				(f->feature[start + f->right[i]] < 0);
		}
		else
			piece->nfresh += w->above[k] < 0;
	}
	for (int i = 0; i < t->npieces; i++)
	{
		pieces[i].first = t->ninner;
		pieces[i].leaf = t->nleaves;
		t->ninner += pieces[i].ninner;
		t->nleaves += pieces[i].nleaves;
	}
}

/* Number the nodes of each piece, see EgShapPiece. */
static void
number_nodes(const EgForest *f, int32 start, int32 n, Scratch *w, const EgShapTree *t)
{
	EgShapPiece *next = (EgShapPiece *) palloc(t->npieces * sizeof(EgShapPiece));

	/* the number that the next of each kind gets; a root is the first of its piece */
	for (int i = 0; i < t->npieces; i++)
	{
		next[i].nupper = 0;
		next[i].nfresh = t->pieces[i].nupper;
		next[i].ninner = t->pieces[i].nfresh;
		next[i].nleaves = t->pieces[i].ninner;
	}
	for (int32 k = 0; k < n; k++)
	{
		int32		i = start + k;
		EgShapPiece *piece;

		if (!w->reached[k] || f->feature[i] < 0)
			continue;
		piece = &next[w->piece[k]];
		if (is_bottom(f, start, k))
		{
			w->number[k] = w->above[k] < 0 ? piece->nfresh++ : piece->ninner++;
			w->number[f->left[i]] = w->number[f->right[i]] = -1;
			continue;
		}
		w->number[k] = piece->nupper++;
		if (f->feature[start + f->left[i]] < 0)
			w->number[f->left[i]] = piece->nleaves++;
		if (f->feature[start + f->right[i]] < 0)
			w->number[f->right[i]] = piece->nleaves++;
	}
	pfree(next);
}

/*
 * Walk the tree depth first: who is above whom with the same feature, and how
 * many features are there on a path, at most?
 */
static int
walk_tree(const EgForest *f, int32 start, int32 n, const int32 *used_of, Scratch *w)
{
	int			most = 0;
	int			here = 0;
	int32		top = 0;

	for (int32 k = 0; k < n; k++)
	{
		w->reached[k] = k == 0;
		w->side[k] = -1;
	}
	if (f->feature[start] >= 0)
		w->stack[top++] = 0;
	while (top > 0)
	{
		int32		k = w->stack[top - 1];
		int32		i = start + k;
		int32	   *last = &w->last[used_of[f->feature[i]]];
		int32		child;

		if (w->side[k] < 0)
		{
			int32		above = *last;

			w->above[k] = above;
			w->taken[k] = 1;
			if (above >= 0)
			{
				w->above_side[k] = w->side[above];
				w->taken[k] = w->taken[above] *
					(w->side[above] ? 1 - w->left[above] : w->left[above]);
			}
			else
				here++;
			most = Max(most, here);
			*last = k;
		}
		if (++w->side[k] == 2)
		{
			*last = w->above[k];
			here -= w->above[k] < 0;
			top--;
			continue;
		}
		child = w->side[k] == 0 ? f->left[i] : f->right[i];
		w->reached[child] = true;
		if (f->feature[start + child] >= 0)
			w->stack[top++] = child;
	}
	return most;
}

static void
fill_test(const EgForest *f, int32 i, int32 used, EgShapTest *test)
{
	float		v = f->value[i] + 0.0f;	/* -0 becomes 0 */
	uint32		bits;

	memcpy(&bits, &v, sizeof(bits));
	test->threshold = eg_key_of_bits(bits);
	test->slot = 2 * used + ((f->flags[i] & EG_NODE_DEFAULT_LEFT) ? 0 : 1);
}

/* What an inner node has for its children. */
static void
fill_children(const EgForest *f, int32 start, int32 k, const Scratch *w, const EgShapTree *t,
			  EgShapNode *node)
{
	const EgShapPiece *piece = &t->pieces[w->piece[k]];
	int32		i = start + k;

	for (int side = 0; side < 2; side++)
	{
		int32		child = side ? f->right[i] : f->left[i];

		if (is_bottom(f, start, k))
			node->to.value[side] = f->value[start + child];
		else if (w->piece[child] != w->piece[k])
			node->to.child[side] = piece->ninner + piece->nleaves + w->piece[child] - 1;
		else
			node->to.child[side] = w->number[child];
	}
}

static void
fill_tree(const EgForest *f, int32 start, int32 n, const int32 *used_of, const Scratch *w,
		  EgShapTree *t)
{
	int32		nsets = 0;
	int32		nrepeats = 0;

	for (int32 k = 0; k < n; k++)
	{
		const EgShapPiece *piece;
		int32		i = start + k;
		int32		above = w->above[k];
		int32		to;
		int32		used;

		if (!w->reached[k])
			continue;
		piece = &t->pieces[w->piece[k]];
		if (f->feature[i] < 0)
		{
			if (w->number[k] >= piece->ninner)
				t->leaves[piece->leaf + w->number[k] - piece->ninner] = f->value[i];
			continue;
		}
		to = piece->first + w->number[k];
		used = used_of[f->feature[i]];
		fill_test(f, i, used, &t->tests[to]);
		if (f->cat[i] >= 0)
		{
			EgShapSet  *set = &t->sets[nsets++];

			set->node = to;
			set->feature = used;
			set->nwords = Min(f->ncat[i], (int32) EG_CAT_LIMIT / 32);
			set->missing_right = (f->flags[i] & EG_NODE_DEFAULT_LEFT) == 0;
			set->bits = f->cat_bits + f->cat[i];
		}
		t->nodes[to].share[0] = w->left[k];
		t->nodes[to].share[1] = 1 - w->left[k];
		fill_children(f, start, k, w, t, &t->nodes[to]);
		if (above >= 0)
		{
			EgShapRepeat *r = &t->repeats[nrepeats++];

			r->node = to;
			r->above = t->pieces[w->piece[above]].first + w->number[above];
			r->right = w->above_side[k];
			r->share = w->taken[k];
		}
	}
}

/* Lengths of a tree's arrays, one after another in one piece of memory. */
static Size
tree_bytes(const EgShapTree *t)
{
	return t->nsets * sizeof(EgShapSet) + t->ninner * (sizeof(EgShapNode) + sizeof(EgShapTest)) +
		t->nrepeats * sizeof(EgShapRepeat) + t->nleaves * sizeof(float);
}

static void
place_arrays(EgShapTree *t)
{
	char	   *at = (char *) palloc_extended(Max(tree_bytes(t), 1), MCXT_ALLOC_HUGE);

	t->sets = (EgShapSet *) at;
	at += t->nsets * sizeof(EgShapSet);
	t->nodes = (EgShapNode *) at;
	at += t->ninner * sizeof(EgShapNode);
	t->repeats = (EgShapRepeat *) at;
	at += t->nrepeats * sizeof(EgShapRepeat);
	t->tests = (EgShapTest *) at;
	at += t->ninner * sizeof(EgShapTest);
	t->leaves = (float *) at;
}

/* Note how much room the tree takes. */
static void
note_sizes(const EgShapTree *t, struct EgForestShap *s)
{
	Size		pairs = t->npairs;

	s->bytes += tree_bytes(t) + t->npieces * sizeof(EgShapPiece);
	s->max_pairs = Max(s->max_pairs, t->npairs);
	s->max_inner = Max(s->max_inner, t->ninner);
	s->max_pieces = Max(s->max_pieces, t->npieces);
	s->max_turns = Max(s->max_turns, t->ninner * pairs);
	s->max_ends = Max(s->max_ends, t->npieces * pairs);
	s->max_states = Max(s->max_states, 2 * (EG_STATES + (Size) t->nrepeats) * pairs);
	for (int i = 0; i < t->npieces; i++)
		s->max_points = Max(s->max_points, eg_shap_piece_size(t, &t->pieces[i]) * pairs);
}

static void
make_tree(const EgForest *f, int tree, const int32 *used_of, Scratch *w, struct EgForestShap *s)
{
	EgShapTree *t = &s->trees[tree];
	int32		start = f->tree_start[tree];
	int32		n = f->tree_start[tree + 1] - start;
	int32		group = f->tree_group[tree];
	int			most;

	sum_up(f, start, n, w);
	t->weight = f->tree_weight[tree];
	s->base[group] += t->weight * w->mean[0];
	if (f->feature[start] < 0)
	{
		s->constant[group] += t->weight * w->mean[0];
		t->group = -1;
		return;
	}
	t->group = group;

	/* the integrand's degree is below the number of features */
	most = walk_tree(f, start, n, used_of, w);
	t->npairs = (most + 3) / 4;
	if (s->rules[t->npairs].npairs == 0)
		eg_shap_rule_make(&s->rules[t->npairs], t->npairs);

	cut_tree(f, start, n, w, t);
	number_nodes(f, start, n, w, t);
	place_arrays(t);
	fill_tree(f, start, n, used_of, w, t);
	note_sizes(t, s);
}

/* ---------------- the forest ---------------- */

/* Features that are tested; used_of (nfeatures) is filled. */
static void
find_used(const EgForest *f, int32 *used_of, struct EgForestShap *s)
{
	int32		nnodes = f->tree_start[f->ntrees];
	int32		n = 0;

	for (int32 i = 0; i < nnodes; i++)
		if (f->feature[i] >= 0)
			used_of[f->feature[i]] = 1;
	for (int j = 0; j < f->nfeatures; j++)
		s->nused += used_of[j];
	s->used = (int32 *) array(s->nused, sizeof(int32));
	s->in_sets = (bool *) array(s->nused, sizeof(bool));
	for (int j = 0; j < f->nfeatures; j++)
		if (used_of[j])
		{
			s->used[n] = j;
			used_of[j] = n++;
		}
	for (int32 i = 0; i < nnodes; i++)
		if (f->feature[i] >= 0 && f->cat[i] >= 0)
			s->in_sets[used_of[f->feature[i]]] = true;
}

static void
make_scratch(const EgForest *f, int nused, Scratch *w)
{
	int32		n = 0;

	for (int t = 0; t < f->ntrees; t++)
		n = Max(n, f->tree_start[t + 1] - f->tree_start[t]);
	w->reached = (bool *) array(n, sizeof(bool));
	w->number = (int32 *) array(n, sizeof(int32));
	w->piece = (int32 *) array(n, sizeof(int32));
	w->size = (int32 *) array(n, sizeof(int32));
	w->above = (int32 *) array(n, sizeof(int32));
	w->side = (int8 *) array(n, 1);
	w->above_side = (int8 *) array(n, 1);
	w->taken = (double *) array(n, sizeof(double));
	w->mean = (double *) array(n, sizeof(double));
	w->left = (double *) array(n, sizeof(double));
	w->stack = (int32 *) array(n, sizeof(int32));
	w->last = (int32 *) array(nused, sizeof(int32));
	for (int j = 0; j < nused; j++)
		w->last[j] = -1;
}

/* Tables for the first trees, as long as they fit. */
static void
make_states(struct EgForestShap *s, int ntrees)
{
	Size		budget = STATES_BYTES;

	for (int i = 0; i < ntrees; i++)
	{
		EgShapTree *t = &s->trees[i];
		Size		size = (Size) 2 * (EG_STATES + t->nrepeats) * t->npairs * sizeof(EgPair);

		if (t->group < 0)
			continue;
		if (size > budget)
			return;
		CHECK_FOR_INTERRUPTS();
		budget -= size;
		s->bytes += size;
		t->states = (EgPair *) palloc_extended(size, MCXT_ALLOC_HUGE);
		eg_shap_states_make(t, &s->rules[t->npairs], t->states);
	}
}

const struct EgForestShap *
eg_shap_get(const EgForest *f)
{
	MemoryContext home = GetMemoryChunkContext((void *) f);
	MemoryContext context;
	MemoryContext scratch;
	MemoryContext old;
	struct EgForestShap *s;
	Scratch		w;
	int32	   *used_of;

	if (f->shap != NULL)
		return f->shap;

	/* below the caller's context until it is complete */
	context = AllocSetContextCreate(CurrentMemoryContext, "engage explanations",
									ALLOCSET_DEFAULT_SIZES);
	scratch = AllocSetContextCreate(context, "engage explanations scratch",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	used_of = (int32 *) array(f->nfeatures, sizeof(int32));
	MemoryContextSwitchTo(context);
	s = (struct EgForestShap *) palloc0(sizeof(struct EgForestShap));
	find_used(f, used_of, s);
	s->base = (double *) array(f->ngroups, sizeof(double));
	s->constant = (double *) array(f->ngroups, sizeof(double));
	s->trees = (EgShapTree *) array(f->ntrees, sizeof(EgShapTree));
	s->rules = (EgShapRule *) array((Size) s->nused / 4 + 2, sizeof(EgShapRule));
	s->bytes = f->ntrees * sizeof(EgShapTree) + s->nused * sizeof(int32);
	MemoryContextSwitchTo(scratch);
	make_scratch(f, s->nused, &w);
	MemoryContextSwitchTo(context);
	for (int g = 0; g < f->ngroups; g++)
		s->base[g] = s->constant[g] = f->base[g];
	for (int t = 0; t < f->ntrees; t++)
	{
		CHECK_FOR_INTERRUPTS();
		make_tree(f, t, used_of, &w, s);
	}
	make_states(s, f->ntrees);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	MemoryContextSetParent(context, home);
	((EgForest *) f)->shap = s;
	return s;
}
