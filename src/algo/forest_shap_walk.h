/*-------------------------------------------------------------------------
 *
 * forest_shap_walk.h
 *	  The two passes over a tree that explain a row; forest_shap.c has the
 *	  mathematics.
 *
 * n is t->npairs.  Where it is a constant, the loops over points vanish.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOREST_SHAP_WALK_H
#define EG_FOREST_SHAP_WALK_H

#include "algo/forest_shap_code.h"

/* Which way does the row go, and which states are the nodes in? */
static inline void
eg_shap_enter(const EgShapTree *t, const EgShapRow *row, const EgShapWork *w)
{
	uint8	   *right = w->right;
	uint8	   *good = w->good;
	int32	   *state = w->state;

	eg_shap_decide(t, row, right);
	memset(good, 1, t->ninner);
	memset(state, 0, t->ninner * sizeof(int32));
	for (int i = 0; i < t->nrepeats; i++)
	{
		const EgShapRepeat *r = &t->repeats[i];
		int32		here = good[r->above] & (right[r->above] == r->right);

		/* arithmetic, no branch: it cannot be foreseen */
		good[r->node] = (uint8) here;
		state[r->node] = EG_STATE_FAILED + ((i + EG_STATES - EG_STATE_FAILED) & -here);
	}
}

/*
 * Upwards through a piece, after those that hang from it: what subtrees are
 * worth, and what the turn at each node is worth.
 */
static pg_attribute_always_inline void
eg_shap_up(const EgShapTree *t, int number, const EgPair *states, const EgShapRule *rule,
		   const EgShapWork *w, int n)
{
	const EgShapPiece *piece = &t->pieces[number];
	const EgShapNode *nodes = t->nodes + piece->first;
	const float *leaves = t->leaves + piece->leaf;
	const EgPair *rest = rule->rest;
	const uint8 *right = w->right + piece->first;
	const int32 *state = w->state + piece->first;
	EgPair	   *up = w->up;
	EgPair	   *turn = w->turn + (Size) piece->first * n;
	double	   *bottom = w->bottom + piece->first;
	int			nupper = piece->nupper;
	int			nfresh = piece->nfresh;
	int			ninner = piece->ninner;
	int			nleaves = piece->nleaves;

	for (int i = 0; i < nleaves; i++)
		for (int p = 0; p < n; p++)
			up[(Size) (ninner + i) * n + p] = EG_PAIR((double) leaves[i]);
	if (number == 0)
		memcpy(up + (Size) (ninner + nleaves) * n, w->ends + n,
			   (Size) (t->npieces - 1) * n * sizeof(EgPair));
	for (int k = nupper; k < ninner; k++)
	{
		const EgShapNode *node = &nodes[k];
		int			r = right[k];
		double		v = node->to.value[r];
		double		d = node->share[1 - r] * (v - node->to.value[1 - r]);
		const EgPair *own = k < nfresh ? rest : states + (Size) 2 * n * state[k];

		bottom[k] = d;
		for (int p = 0; p < n; p++)
			up[(Size) k * n + p] = EG_PAIR(v) - own[p] * EG_PAIR(d);
	}
	for (int k = nupper - 1; k >= 0; k--)
	{
		const EgShapNode *node = &nodes[k];
		int			r = right[k];
		const EgPair *taken = up + (Size) node->to.child[r] * n;
		const EgPair *other = up + (Size) node->to.child[1 - r] * n;
		const EgPair *own = states + (Size) 2 * n * state[k];
		EgPair		share = EG_PAIR(node->share[1 - r]);

		for (int p = 0; p < n; p++)
		{
			EgPair		d = share * (taken[p] - other[p]);

			turn[(Size) k * n + p] = d;
			up[(Size) k * n + p] = taken[p] - own[p] * d;
		}
	}
	for (int p = 0; p < n; p++)
		w->ends[(Size) number * n + p] = up[p];
}

/*
 * Downwards, after the piece that it hangs from: what leads to each node, hence
 * the node's part of its feature's contribution: added to sums, (nused,
 * EG_SUM_PAIRS), or left in w->turn if keep.
 */
static pg_attribute_always_inline void
eg_shap_down(const EgShapTree *t, int number, const EgPair *states, const EgShapRule *rule,
			 const EgShapWork *w, int n, bool keep, EgPair *sums)
{
	const EgShapPiece *piece = &t->pieces[number];
	const EgShapTest *tests = t->tests + piece->first;
	const EgShapNode *nodes = t->nodes + piece->first;
	const uint8 *right = w->right + piece->first;
	const int32 *state = w->state + piece->first;
	EgPair	   *down = w->down;
	EgPair	   *turn = w->turn + (Size) piece->first * n;
	const double *bottom = w->bottom + piece->first;
	int			nupper = piece->nupper;
	int			nfresh = piece->nfresh;
	int			ninner = piece->ninner;

	for (int p = 0; p < n; p++)
		down[p] = number == 0 ? rule->weight[p] * EG_PAIR(t->weight) :
			w->ends[(Size) number * n + p];
	for (int k = 0; k < nupper; k++)
	{
		const EgShapNode *node = &nodes[k];
		int			r = right[k];
		EgPair	   *taken = down + (Size) node->to.child[r] * n;
		EgPair	   *other = down + (Size) node->to.child[1 - r] * n;
		const EgPair *here = down + (Size) k * n;
		const EgPair *own = states + (Size) 2 * n * state[k];
		EgPair		share = EG_PAIR(node->share[1 - r]);
		EgPair	   *sum = sums + (Size) (tests[k].slot >> 1) * EG_SUM_PAIRS;

		for (int p = 0; p < n; p++)
		{
			EgPair		at = here[p];
			EgPair		away = at * (own[p] * share);
			EgPair		part = at * (own[n + p] * turn[(Size) k * n + p]);

			other[p] = away;
			taken[p] = at - away;
			if (keep)
				turn[(Size) k * n + p] = part;
			else
				sum[p % EG_SUM_PAIRS] += part;
		}
	}
	for (int k = nupper; k < nfresh; k++)
	{
		const EgPair *here = down + (Size) k * n;
		EgPair	   *sum = sums + (Size) (tests[k].slot >> 1) * EG_SUM_PAIRS;
		EgPair		d = EG_PAIR(bottom[k]);

		for (int p = 0; p < n; p++)
		{
			if (keep)
				turn[(Size) k * n + p] = here[p] * d;
			else
				sum[p % EG_SUM_PAIRS] += here[p] * d;
		}
	}
	for (int k = nfresh; k < ninner; k++)
	{
		const EgPair *here = down + (Size) k * n;
		const EgPair *own = states + (Size) 2 * n * state[k];
		EgPair	   *sum = sums + (Size) (tests[k].slot >> 1) * EG_SUM_PAIRS;
		EgPair		d = EG_PAIR(bottom[k]);

		for (int p = 0; p < n; p++)
		{
			if (keep)
				turn[(Size) k * n + p] = here[p] * (own[n + p] * d);
			else
				sum[p % EG_SUM_PAIRS] += here[p] * (own[n + p] * d);
		}
	}
	if (number == 0)
		memcpy(w->ends + n, down + (Size) (ninner + piece->nleaves) * n,
			   (Size) (t->npieces - 1) * n * sizeof(EgPair));
}

/* Both ways. */
static pg_attribute_always_inline void
eg_shap_walk(const EgShapTree *t, const EgPair *states, const EgShapRule *rule,
			 const EgShapRow *row, const EgShapWork *w, int n, bool keep, EgPair *sums)
{
	eg_shap_enter(t, row, w);
	for (int i = t->npieces - 1; i >= 0; i--)
		eg_shap_up(t, i, states, rule, w, n);
	for (int i = 0; i < t->npieces; i++)
		eg_shap_down(t, i, states, rule, w, n, keep, sums);
}

#endif							/* EG_FOREST_SHAP_WALK_H */
