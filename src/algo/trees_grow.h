/*-------------------------------------------------------------------------
 *
 * trees_grow.h
 *	  What trees_grow.c (nodes, trees), trees_split.c and trees_count.c (one
 *	  column of one node), trees_team.c (all trees) and trees_oob.c share.
 *
 * Trees grow on the threads of a team, so what is declared here calls no
 * function of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TREES_GROW_H
#define EG_TREES_GROW_H

#include "algo/trees.h"

/*
 * A statistic of rows is an array of doubles: how many rows, then the weight
 * and the weighted sum of y, or, above two classes, the weight of each class.
 */
#define EG_STAT_SINGLE		3

/* What the rows allow to be summed. */
typedef enum EgStatKind
{
	EG_STAT_COUNTS,				/* two classes without weights: whole numbers, exact and fast */
	EG_STAT_SUMS,
	EG_STAT_CLASSES
} EgStatKind;

/* Four sums at a time; the last is of no use. */
typedef uint32 EgLanes __attribute__((vector_size(16)));

/*
 * A row of the tree, with what is needed of it side by side.  For COUNTS it is
 * just what a histogram adds up.
 */
typedef union EgSample
{
	EgLanes		lanes;
	struct
	{
		uint32		times;		/* drawn */
		uint32		positive;	/* times if y is 1 */
		uint32		one;
		uint32		row;
	}			count;
	struct
	{
		double		wy;
		float		w;
		uint32		row;
	}			real;
	struct
	{
		int32		number;
		uint32		unused;
		float		w;
		uint32		row;
	}			cls;
} EgSample;

typedef struct EgSplit
{
	int			feature;		/* -1: none */
	double		gain;
	float		threshold;		/* numbers: smaller ones go left */
	uint32		cut;			/* and so do codes below this one */
	bool		missing_left;
	uint32	   *set;			/* categories that go right */
} EgSplit;

typedef struct EgOrder
{
	double		mean;
	int			index;			/* into present */
} EgOrder;

typedef struct EgPending
{
	Size		node;
	Size		begin;			/* its samples */
	Size		end;
	int			depth;
} EgPending;

typedef struct EgGrownNode
{
	int32		feature;		/* -1: leaf */
	int32		left;			/* the right one follows */
	int32		cat;			/* first word of the set, -1 for numbers */
	uint32		cut;
	float		threshold;
	float		cover;
	float		gain;
	bool		default_left;
} EgGrownNode;

/* A tree, in the memory of its task. */
typedef struct EgGrownTree
{
	EgGrownNode *nodes;
	float	   *outputs;		/* (nnodes, nout) */
	Size		nnodes;
	Size		max_nodes;
	uint32	   *words;
	Size		nwords;
	Size		max_words;
	int32	   *leaf;			/* (nrows) of rows not seen, -1 for others; or NULL */
} EgGrownTree;

/* What a thread needs to grow trees. */
typedef struct EgGrower
{
	const EgGrowSpec *spec;
	EgWorker   *worker;
	EgStatKind	kind;
	int			nstat;			/* doubles of a statistic */
	int			nout;
	bool		failed;			/* no memory, or told to stop */
	double		whole;			/* weight of the tree's samples */
	double		scale;			/* what there is to gain in the tree, about */
	EgSample   *samples;
	EgSample   *spare;
	uint16	   *times;			/* (nrows) how often each is drawn; NULL: all once */
	int		   *columns;		/* permuted as columns are drawn */

	/* of the node */
	double	   *total;
	EgSplit		best;

	/* of the column tried: statistics of the codes present, ascending */
	int			npresent;
	int		   *present;		/* codes */
	EgLanes	   *counts;			/* (codes) COUNTS: before they become statistics */
	double	   *hist;			/* (npresent, nstat) */
	double	   *missing;
	EgSplit		try;
	EgOrder    *order;
	double	   *left;			/* scratch */
	double	   *side;
	uint64	   *keys;			/* (rows of a node that are sorted) */
	uint64	   *spare_keys;
	int			set_words;

	EgPending  *pending;
	double	   *pending_stat;	/* (max_pending, nstat) totals */
	Size		npending;
	Size		max_pending;
	EgGrownTree *tree;
} EgGrower;

/* codes for each row of the node, above which sorting is cheaper than counting */
#define EG_SPARSE			4

static inline double
eg_stat_weight(const EgGrower *g, const double *stat)
{
	double		w = 0;
	int			k;

	if (g->nout == 1)
		return stat[1];
	for (k = 1; k < g->nstat; k++)
		w += stat[k];
	return w;
}

static inline void
eg_stat_add(EgStatKind kind, double *stat, const EgSample *s)
{
	stat[0] += 1;
	switch (kind)
	{
		case EG_STAT_COUNTS:
			stat[1] += s->count.times;
			stat[2] += s->count.positive;
			break;
		case EG_STAT_SUMS:
			stat[1] += s->real.w;
			stat[2] += s->real.wy;
			break;
		case EG_STAT_CLASSES:
			stat[1 + s->cls.number] += s->cls.w;
			break;
	}
}

/* The sums of COUNTS, as a statistic. */
static inline void
eg_stat_of_counts(double *stat, EgLanes counts)
{
	stat[0] = counts[2];
	stat[1] = counts[0];
	stat[2] = counts[1];
}

static inline bool
eg_is_category(const EgBins *b, int j)
{
	return b->ncategories != NULL && b->ncategories[j] > 0;
}

/* Statistics of the codes of column j that the node's rows have (trees_count.c). */
extern void eg_collect_codes(EgGrower *g, int j, Size begin, Size end);

/* Smallest and largest code of column j in the node; returns the rows without a value. */
extern Size eg_code_range(const EgGrower *g, int j, Size begin, Size end, uint32 *first,
						  uint32 *last);

/* g->left and g->missing: of the rows with codes below the cut, and without a value. */
extern void eg_sum_left(EgGrower *g, int j, Size begin, Size end, uint32 cut);

/*
 * Is there anything to split by column j in the node?  If its split is better
 * than g->best, it becomes g->best.
 */
extern bool eg_try_column(EgGrower *g, int j, Size begin, Size end, uint64 *random);

/* A thread's grower, in its memory; NULL when there is not enough. */
extern EgGrower *eg_grower_create(const EgGrowSpec *spec, EgWorker *w);

/* Grow one tree; NULL when there is no memory, or no time. */
extern EgGrownTree *eg_grower_tree(EgGrower *g, uint64 seed);

/* Where the rows that the tree has not seen end up; false as above (trees_oob.c). */
extern bool eg_oob_leaves(EgGrower *g);

#endif							/* EG_TREES_GROW_H */
