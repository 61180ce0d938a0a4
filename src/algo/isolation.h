/*-------------------------------------------------------------------------
 *
 * isolation.h
 *	  Isolation forests: what isolation.c (the algorithm), isolation_grow.c and
 *	  isolation_team.c (trees) and isolation_extended.c (scores of trees of
 *	  hyperplanes) share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ISOLATION_H
#define EG_ISOLATION_H

#include "algo/algo.h"
#include "algo/anomaly.h"
#include "algo/forest.h"
#include "algo/prepare.h"

/* as far from the mean as can be told: sums of products stay finite */
#define EG_ISOLATION_FARTHEST	1e15f

/* Mean length of the path of an unsuccessful search in a binary search tree of n. */
extern double eg_isolation_path(double n);

/* How trees are grown. */
typedef struct EgIsolationSpec
{
	const EgMatrix *x;
	Size		nrows;
	const int  *ncategories;	/* (ncols) or NULL: all are numbers */
	const EgPrep *prep;			/* hyperplanes: in the prepared columns; NULL: splits on one */
	int			nterms;			/* columns of a hyperplane */
	int			ntrees;
	Size		psi;			/* rows of a tree */
	int			ncolumns;		/* of a tree */
	int			threads;
	Size		memory_limit;
} EgIsolationSpec;

/* A node; the right child follows the left one. */
typedef struct EgIsolationNode
{
	int32		feature;		/* -1: leaf.  Hyperplanes: number of the split */
	int32		left;
	int32		set;			/* first word of the categories that go right, -1 for numbers */
	float		value;			/* threshold, or the leaf's path length */
	float		cover;			/* rows */
	bool		default_left;
} EgIsolationNode;

/* All trees, one after the other; children and sets are counted from the tree's first. */
typedef struct EgIsolationGrove
{
	int			ntrees;
	Size		nnodes;
	Size		nwords;
	Size		nsplits;		/* with hyperplanes */
	EgIsolationNode *nodes;
	uint32	   *words;
	int32	   *index;			/* (nsplits, nterms) columns of a hyperplane, ascending */
	float	   *weight;			/* (nsplits, nterms) */
	Size	   *node_start;		/* (ntrees + 1) */
	Size	   *word_start;		/* (ntrees + 1) */
	Size	   *split_start;	/* (ntrees + 1) */
} EgIsolationGrove;

/* Grow all trees, in CurrentMemoryContext.  Every random choice derives from run->seed. */
extern EgIsolationGrove *eg_isolation_grow(const EgIsolationSpec *spec, EgRun *run);

/* ----------
 * Trees of hyperplanes (isolation_extended.c)
 * ----------
 */

typedef struct EgHyperNode
{
	float		value;			/* right side of the hyperplane, or the leaf's path length */
	int32		left;			/* counted from the tree's root; 0: leaf */
	int32		split;			/* whose weights these are */
} EgHyperNode;

typedef struct EgHyperForest
{
	int			ntrees;
	int			width;			/* of the prepared rows */
	int			nterms;
	Size		nsplits;
	int32	   *start;			/* (ntrees + 1) */
	EgHyperNode *nodes;
	int32	   *index;			/* (nsplits, nterms) */
	float	   *weight;			/* (nsplits, nterms) */
	float	   *rows;			/* scratch of scoring: prepared rows */
} EgHyperForest;

/* Sum of products, in the same order of additions wherever it is asked for. */
static inline float
eg_hyper_dot(const int32 *index, const float *weight, int nterms, int width, const float *z)
{
	float		sum[4] = {0, 0, 0, 0};
	int			i = 0;

	/* with all columns the indexes are 0, 1, 2, ... */
	if (nterms == width)
	{
		for (; i + 4 <= nterms; i += 4)
		{
			sum[0] += weight[i] * z[i];
			sum[1] += weight[i + 1] * z[i + 1];
			sum[2] += weight[i + 2] * z[i + 2];
			sum[3] += weight[i + 3] * z[i + 3];
		}
		for (; i < nterms; i++)
			sum[0] += weight[i] * z[i];
	}
	else
	{
		for (; i + 2 <= nterms; i += 2)
		{
			sum[0] += weight[i] * z[index[i]];
			sum[1] += weight[i + 1] * z[index[i + 1]];
		}
		for (; i < nterms; i++)
			sum[0] += weight[i] * z[index[i]];
	}
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* A row of the model's columns to the prepared ones, kept within what can be added up. */
static inline void
eg_hyper_row(const EgPrep *prep, const float *x, float *z)
{
	int			d;

	eg_prep_row_float(prep, x, z);
	for (d = 0; d < prep->width; d++)
		z[d] = Min(Max(z[d], -EG_ISOLATION_FARTHEST), EG_ISOLATION_FARTHEST);
}

extern EgHyperForest *eg_hyper_make(const EgIsolationGrove *grove, int width, int nterms);

/* Mean path length over the trees of n rows; neither allocates nor throws. */
extern void eg_hyper_paths(const EgHyperForest *f, const EgPrep *prep, const float *x, Size n,
						   double *out);
extern void eg_hyper_save(const EgHyperForest *f, EgWriter *w);
extern EgHyperForest *eg_hyper_load(EgReader *r, int width);

#endif							/* EG_ISOLATION_H */
