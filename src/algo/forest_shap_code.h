/*-------------------------------------------------------------------------
 *
 * forest_shap_code.h
 *	  The form of a forest in which it is explained: made by
 *	  forest_shap_compile.c, used by the other forest_shap files;
 *	  forest_shap.c has the mathematics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOREST_SHAP_CODE_H
#define EG_FOREST_SHAP_CODE_H

#include "algo/forest_code.h"
#include "algo/forest_shap.h"

/* two points of a quadrature rule: what every 64-bit processor computes with at once */
typedef double EgPair __attribute__((vector_size(16), aligned(8)));

#define EG_PAIR(x)		((EgPair) {(x), (x)})

/* pairs of numbers that a feature's contribution is kept in */
#define EG_SUM_PAIRS	2

/* states of a node that are not its own: entries of a tree's table */
#define EG_STATE_FRESH	0
#define EG_STATE_FAILED	1
#define EG_STATES		2

/* Gauss-Legendre quadrature on 0..1 */
typedef struct EgShapRule
{
	int			npairs;			/* of points; 0: not made */
	EgPair	   *rest;			/* (npairs) 1 - t, t the point */
	EgPair	   *weight;
} EgShapRule;

/* goes right if the row's key is not below the threshold */
typedef struct EgShapTest
{
	uint32		threshold;
	uint32		slot;			/* 2 * used feature, + 1 if missing goes right */
} EgShapTest;

/* a test for categories, which replaces the one with numbers */
typedef struct EgShapSet
{
	int32		node;
	int32		feature;		/* used feature */
	int32		nwords;
	bool		missing_right;
	const uint32 *bits;			/* the forest's */
} EgShapSet;

/* an inner node; children are numbered within the node's piece */
typedef struct EgShapNode
{
	double		share[2];		/* of the cover that goes left and right; their sum is 1 */
	union
	{
		int32		child[2];	/* inner node, or leaf beside one, or another piece */
		float		value[2];	/* bottom nodes: the leaves' values */
	}			to;
} EgShapNode;

/* a node whose feature was tested above it */
typedef struct EgShapRepeat
{
	int32		node;
	int32		above;			/* the nearest node before with this feature */
	int32		right;			/* side of that node that this one is on */
	double		share;			/* of the cover that takes all the sides of that feature */
} EgShapRepeat;

/*
 * Part of a tree that is walked at once, so that what is between its nodes
 * stays in the first-level cache: a small tree, or a subtree of a large one,
 * or what the subtrees hang from.  Numbers within it: inner nodes with an
 * inner child (parents before children), nodes with two leaves (those with a
 * new feature first), leaves beside inner nodes; then, in the piece with the
 * root, the other pieces.
 */
typedef struct EgShapPiece
{
	int32		first;			/* inner nodes of the tree before it */
	int32		leaf;			/* and leaves */
	int32		nupper;			/* inner nodes with an inner child */
	int32		nfresh;			/* and those up to the repeated ones at the bottom */
	int32		ninner;
	int32		nleaves;		/* beside inner nodes */
} EgShapPiece;

typedef struct EgShapTree
{
	int32		group;			/* output; -1: a single leaf, nothing to explain */
	int32		npairs;			/* of points of the rule */
	int32		ninner;
	int32		nleaves;
	int32		nrepeats;
	int32		nsets;
	int32		npieces;
	double		weight;
	EgShapPiece *pieces;		/* (npieces) the first has the root, and the others hang from it */
	EgShapTest *tests;			/* (ninner) */
	EgShapNode *nodes;			/* (ninner) */
	float	   *leaves;			/* (nleaves) */
	EgShapRepeat *repeats;		/* (nrepeats) parents before children */
	EgShapSet  *sets;			/* (nsets) */
	EgPair	   *states;			/* (2 + nrepeats, 2, npairs), see forest_shap.c; may be NULL */
} EgShapTree;

struct EgForestShap
{
	int			nused;			/* features that any node tests */
	int32	   *used;			/* (nused) ascending */
	bool	   *in_sets;		/* (nused) is it tested for categories? */
	double	   *base;			/* (ngroups) expected margins */
	double	   *constant;		/* (ngroups) what is the same for all rows */
	int			max_pairs;
	int			max_inner;		/* of any tree, as all below */
	int			max_pieces;
	Size		max_turns;		/* pairs of all inner nodes */
	Size		max_points;		/* pairs of all that is numbered in a piece */
	Size		max_ends;		/* pairs of all pieces */
	Size		max_states;		/* pairs of a table */
	EgShapRule *rules;			/* (max_pairs + 1) */
	EgShapTree *trees;			/* (ntrees) */
	Size		bytes;			/* of all this */
};

/* A row as tests read it. */
typedef struct EgShapRow
{
	uint32	   *keys;			/* (nused, 2) as the slots */
	int32	   *codes;			/* (nused) category; EG_NO_CODE in no set, -1 missing */
} EgShapRow;

#define EG_NO_CODE		PG_INT32_MAX

/* What a tree is explained with, for the largest of the forest. */
typedef struct EgShapWork
{
	uint8	   *right;			/* (ninner) does the row go right? */
	uint8	   *good;			/* (ninner) did it go this way at all tests of the feature above? */
	int32	   *state;			/* (ninner) entry of the table */
	EgPair	   *turn;			/* (ninner, npairs) */
	double	   *bottom;			/* (ninner) turns at the bottom nodes, alike in all points */
	EgPair	   *up;				/* (nodes of a piece, npairs) */
	EgPair	   *down;			/* same */
	EgPair	   *ends;			/* (npieces, npairs) what pieces hand to each other */
	EgPair	   *states;			/* for trees without a table */
} EgShapWork;

/* The form of the forest, made if need be. */
extern const struct EgForestShap *eg_shap_get(const EgForest *f);

/* forest_shap_code.c */
extern void eg_shap_rule_make(EgShapRule *rule, int npairs);
extern void eg_shap_states_make(const EgShapTree *t, const EgShapRule *rule, EgPair *states);

/* The tree's table, or that table made in work. */
extern const EgPair *eg_shap_states_get(const struct EgForestShap *s, const EgShapTree *t,
										EgShapWork *work);

extern void eg_shap_work_make(const struct EgForestShap *s, EgShapWork *work);
extern void eg_shap_row_make(const struct EgForestShap *s, EgShapRow *row);
extern void eg_shap_row_set(const struct EgForestShap *s, const float *x, EgShapRow *row);

/* Does the row go right at a test for categories? */
static inline bool
eg_shap_in_set(const EgShapSet *set, const EgShapRow *row)
{
	int32		c = row->codes[set->feature];

	if (c < 0)
		return set->missing_right;
	return c / 32 < set->nwords && ((set->bits[c / 32] >> (c % 32)) & 1) != 0;
}

/* All that is numbered in a piece. */
static inline int32
eg_shap_piece_size(const EgShapTree *t, const EgShapPiece *piece)
{
	return piece->ninner + piece->nleaves + (piece == t->pieces ? t->npieces - 1 : 0);
}

/* Which way the row goes at each inner node. */
static inline void
eg_shap_decide(const EgShapTree *t, const EgShapRow *row, uint8 *right)
{
	const EgShapTest *tests = t->tests;
	const uint32 *keys = row->keys;
	int			n = t->ninner;

	for (int i = 0; i < n; i++)
		right[i] = keys[tests[i].slot] >= tests[i].threshold;
	for (int i = 0; i < t->nsets; i++)
		right[t->sets[i].node] = eg_shap_in_set(&t->sets[i], row);
}

#endif							/* EG_FOREST_SHAP_CODE_H */
