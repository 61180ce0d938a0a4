/*-------------------------------------------------------------------------
 *
 * forest.h
 *	  Flat trees: stored form, compiled form, scoring.  Serves boosting,
 *	  random, isolation and causal forests alike.
 *
 * Stored form: plain arrays over all nodes of all trees (children are local
 * to the tree and greater than their parent, so walks end).  Compiled form:
 * 8-byte nodes walked many trees at a time without branches; see forest.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOREST_H
#define EG_FOREST_H

#include "algo/link.h"
#include "base/bytes.h"

typedef struct EgForest
{
	int			ntrees;
	int			nfeatures;
	int			ngroups;		/* outputs: 1, classes or quantiles */
	EgLink		link;
	float	   *base;			/* (ngroups) margin before the first tree */
	int32	   *tree_group;		/* (ntrees) group that each tree adds to */
	float	   *tree_weight;	/* (ntrees) 1 but for dart */
	int32	   *tree_start;		/* (ntrees + 1) first node of each tree in the arrays below */

	/* (nnodes) */
	int32	   *feature;		/* feature tested, -1 for a leaf */
	float	   *value;			/* threshold (x < value goes left), or the leaf's value */
	int32	   *left;			/* left child, counted from the tree's first node */
	int32	   *right;
	uint8	   *flags;			/* EG_NODE_* */
	int32	   *cat;			/* first word of the category set in cat_bits, -1 for numbers */
	int32	   *ncat;			/* words in the set; a category in the set goes right */
	float	   *cover;			/* sum of hessians (rows) that reached the node */
	float	   *gain;			/* loss change of the split */
	int			ncat_bits;
	uint32	   *cat_bits;

	struct EgForestCode *code;	/* compiled form, NULL until eg_forest_compile() */
	struct EgForestShap *shap;	/* what explanations need, NULL until the first */
} EgForest;

#define EG_NODE_DEFAULT_LEFT	(1 << 0)

/* Empty forest with arrays for the given sizes, in CurrentMemoryContext. */
extern EgForest *eg_forest_create(int ntrees, int nnodes, int nfeatures, int ngroups,
								  int ncat_bits);

/*
 * All invariants (children in range and greater than the parent, features, sets); NULL
 * or the reason.
 */
extern const char *eg_forest_invalid(const EgForest *f);

extern void eg_forest_save(const EgForest *f, EgWriter *w);
extern EgForest *eg_forest_load(EgReader *r);

/* Build the compiled form (in CurrentMemoryContext); required before predicting. */
extern void eg_forest_compile(EgForest *f);

/*
 * Scores of n rows of nfeatures floats, row stride `stride` floats; out
 * (n, ngroups).  Neither allocates nor throws.  _margin leaves the link out.
 */
extern void eg_forest_predict(const EgForest *f, const float *x, Size n, Size stride, double *out);
extern void eg_forest_margin(const EgForest *f, const float *x, Size n, Size stride, double *out);

/* Leaf (node counted from the tree's first) that each of n rows reaches in one tree. */
extern void eg_forest_leaves(const EgForest *f, int tree, const float *x, Size n, Size stride,
							 int32 *leaf);

/*
 * What the splits on each feature (nfeatures) add up to: their number, loss changes and
 * covers (forest_splits.c).  shared: the trees of all outputs have the same splits.
 */
extern void eg_forest_splits(const EgForest *f, bool shared, double *count, double *gain,
							 double *cover);

#endif							/* EG_FOREST_H */
