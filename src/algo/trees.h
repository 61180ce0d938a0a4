/*-------------------------------------------------------------------------
 *
 * trees.h
 *	  Own trees: random forest, extremely randomized trees, one readable
 *	  tree.  What trees.c, trees_bins.c, trees_grow.c and trees_rules.c share.
 *
 * Columns are turned into small integers once (bins); a tree is grown on
 * them node by node; what is left is an EgForest, which scores.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TREES_H
#define EG_TREES_H

#include "base/random.h"
#include "algo/algo.h"
#include "algo/forest.h"

/* most bins of a column: the code after them says missing */
#define EG_MAX_BINS			65535

typedef struct EgTreeParams
{
	int			n_estimators;
	int			max_depth;		/* 0: no limit */
	int			min_samples_leaf;
	double		max_features;	/* share of the columns tried in a node; NaN: by task */
	double		min_impurity_decrease;
	bool		bootstrap;
	double		max_samples;	/* drawn rows, as a share of all */
	int			max_bin;
} EgTreeParams;

/* The learning rows as codes; exact where a column has few enough different values. */
typedef struct EgBins
{
	Size		nrows;
	int			ncols;
	uint16	   *code;			/* (ncols, nrows) column after column; nbins[j] is missing */
	int		   *nbins;			/* (ncols) */
	const int  *ncategories;	/* (ncols) 0 for numbers; bins of categories are their codes */
	float	  **low;			/* (ncols) numbers: smallest value of each bin */
	float	  **high;			/* and the largest */
	bool	   *missing;		/* (ncols) were there missing values? */
} EgBins;

extern EgBins *eg_bins_make(const EgDataset *data, int max_bin);

/* How trees are grown. */
typedef struct EgGrowSpec
{
	const EgBins *bins;
	const double *y;			/* (nrows) what leaves average; 0/1 for two classes */
	const float *weight;		/* (nrows) or NULL */
	int			nclasses;		/* not 0: y is a class, leaves hold a share for each */
	bool		random_splits;	/* one random split a column, instead of the best */
	int			max_depth;		/* 0: no limit */
	Size		min_leaf;		/* rows */
	int			ntry;			/* columns tried in a node */
	double		min_decrease;	/* of impurity, as a share of the whole weight */
	Size		memory_limit;
} EgGrowSpec;

typedef struct EgGrower EgGrower;

extern EgGrower *eg_grower_create(const EgGrowSpec *spec);

/*
 * Grow one more tree.  times (nrows): how often each row was drawn, or NULL
 * for once.  Every random choice derives from seed.
 */
extern void eg_grower_tree(EgGrower *g, const uint16 *times, uint64 seed);

/* All trees so far, averaged: one for each class of spec->nclasses. */
extern EgForest *eg_grower_forest(const EgGrower *g);

/* The next random number of a state (splitmix64). */
static inline uint64
eg_tree_random(uint64 *state)
{
	return eg_random_mix(*state += EG_RANDOM_STEP);
}

/* 0 .. n-1; the bias is below n / 2^32. */
static inline uint32
eg_tree_random_below(uint64 *state, uint32 n)
{
	return (uint32) (((eg_tree_random(state) >> 32) * (uint64) n) >> 32);
}

/* 0 <= u < 1 */
static inline double
eg_tree_random_unit(uint64 *state)
{
	return (double) (eg_tree_random(state) >> 11) / 9007199254740992.0;
}

/* What a rule can say of the columns. */
typedef struct EgTreeColumns
{
	char	  **names;			/* (nfeatures) */
	int		   *ncategories;	/* (nfeatures) 0 = number */
	uint8	   *missing;		/* (nfeatures) were there missing values? */
	char	 ***words;			/* (nfeatures) of the categories; NULL where not needed or known */
} EgTreeColumns;

typedef struct EgTreesModel
{
	EgForest   *forest;
	EgTask		task;
	int			nclasses;		/* 0 for regression */
	bool		weighted;		/* the rows had weights */
	EgTreeColumns columns;		/* names is NULL unless a decision tree */
} EgTreesModel;

/* Stored layout of the models (trees_store.c). */
#define EG_TREES_FORMAT		1

extern void eg_tree_columns_make(EgTreeColumns *columns, int n);
extern void eg_trees_save(const void *model, EgWriter *w);
extern void *eg_random_forest_load(EgReader *r, int format);
extern void *eg_extra_trees_load(EgReader *r, int format);
extern void *eg_decision_tree_load(EgReader *r, int format);

/* Members of a JSON object: the leaves of one tree as rules (trees_rules.c). */
extern void eg_tree_rules(const EgForest *f, const EgTreeColumns *columns, bool weighted,
						  StringInfo json);

#endif							/* EG_TREES_H */
