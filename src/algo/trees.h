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

#include "base/parallel.h"
#include "base/random.h"
#include "algo/algo.h"
#include "algo/forest.h"

/* most bins of a column: the code after them says missing */
#define EG_MAX_BINS			65535

/* codes that fit in a byte */
#define EG_NARROW_CODES		256

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
	bool		oob;			/* estimate quality on the rows that trees have not seen */
} EgTreeParams;

/* The learning rows as codes; exact where a column has few enough different values. */
typedef struct EgBins
{
	Size		nrows;
	int			ncols;
	void	  **code;			/* (ncols) of (nrows) codes; nbins[j] is missing */
	bool	   *wide;			/* (ncols) codes are uint16, else uint8 */
	int		   *nbins;			/* (ncols) */
	const int  *ncategories;	/* (ncols) 0 for numbers; bins of categories are their codes */
	float	  **low;			/* (ncols) numbers: smallest value of each bin */
	float	  **high;			/* and the largest */
	bool	   *missing;		/* (ncols) were there missing values? */
} EgBins;

static inline uint32
eg_bin_code(const void *code, bool wide, Size row)
{
	return wide ? ((const uint16 *) code)[row] : ((const uint8 *) code)[row];
}

extern EgBins *eg_bins_make(const EgDataset *data, int max_bin, int threads, Size memory_limit);

/* How trees are grown. */
typedef struct EgGrowSpec
{
	const EgBins *bins;
	const double *y;			/* (nrows) what leaves average; 0/1 for two classes */
	const float *weight;		/* (nrows) or NULL */
	bool		binary;			/* y is 0 or 1 */
	int			nclasses;		/* not 0: y is a class, leaves hold a share for each */
	bool		random_splits;	/* one random split a column, instead of the best */
	int			max_depth;		/* 0: no limit */
	Size		min_leaf;		/* rows */
	int			ntry;			/* columns tried in a node */
	double		min_decrease;	/* of impurity, as a share of the whole weight */
	Size		memory_limit;
	int			threads;

	int			ntrees;
	bool		bootstrap;		/* rows of a tree are drawn with replacement */
	double		max_samples;	/* as many, as a share of all */
	bool		oob;
} EgGrowSpec;

/* What the trees say of the rows that they have not seen. */
typedef struct EgOobSums
{
	int			nout;
	double	   *sum;			/* (nrows, nout) of the trees' outputs */
	uint32	   *ntrees;			/* (nrows) that have not seen the row */
} EgOobSums;

/*
 * Grow spec->ntrees trees and average them: one for each class of
 * spec->nclasses.  Every random choice derives from run->seed; the threads
 * change nothing.  *oob is filled when the spec asks for it.
 */
extern EgForest *eg_trees_grow(const EgGrowSpec *spec, EgRun *run, EgOobSums *oob);

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

/* Quality on rows that trees have not seen, each row scored by those trees alone. */
typedef struct EgOob
{
	uint64		nrows;			/* that some tree has not seen; 0: not estimated */
	double		first;			/* AUC; accuracy of more classes; R2 */
	double		second;			/* log loss; RMSE */
} EgOob;

typedef struct EgTreesModel
{
	EgForest   *forest;
	EgTask		task;
	int			nclasses;		/* 0 for regression */
	bool		weighted;		/* the rows had weights */
	EgOob		oob;
	EgTreeColumns columns;		/* names is NULL unless a decision tree */
} EgTreesModel;

/* Stored layout of the models (trees_store.c): 2 added what is known out of bag. */
#define EG_TREES_FORMAT		2

/* Measure the sums against the truth (trees_oob.c).  mean: what regression's targets lack. */
extern EgOob eg_oob_measure(const EgOobSums *sums, EgTask task, const double *truth,
							const float *weight, Size nrows, double mean);
extern void eg_oob_describe(const EgOob *oob, EgTask task, StringInfo json);

extern void eg_tree_columns_make(EgTreeColumns *columns, int n);
extern void eg_trees_save(const void *model, EgWriter *w);
extern void *eg_random_forest_load(EgReader *r, int format);
extern void *eg_extra_trees_load(EgReader *r, int format);
extern void *eg_decision_tree_load(EgReader *r, int format);

/* Members of a JSON object: the leaves of one tree as rules (trees_rules.c). */
extern void eg_tree_rules(const EgForest *f, const EgTreeColumns *columns, bool weighted,
						  StringInfo json);

#endif							/* EG_TREES_H */
