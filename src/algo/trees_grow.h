/*-------------------------------------------------------------------------
 *
 * trees_grow.h
 *	  What trees_grow.c (nodes, trees) and trees_split.c (one column of one
 *	  node) share.
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

/* A row of the tree, with what is needed of it side by side. */
typedef struct EgSample
{
	uint32		row;
	int32		cls;
	double		w;
	double		wy;
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
	int32		left;			/* counted from the tree's first node; the right one follows */
	int32		cat;			/* first word of the set, -1 for numbers */
	float		threshold;
	float		cover;
	float		gain;
	bool		default_left;
} EgGrownNode;

struct EgGrower
{
	EgGrowSpec	spec;
	int			nstat;			/* doubles of a statistic */
	int			nout;
	double		whole;			/* weight of the tree's samples */
	double		scale;			/* what there is to gain in the tree, about */
	EgSample   *samples;
	EgSample   *spare;
	int		   *columns;		/* permuted as columns are drawn */

	/* of the node */
	double	   *total;
	EgSplit		best;

	/* of the column tried: statistics of the codes present, ascending */
	int			npresent;
	int		   *present;		/* codes */
	double	   *hist;			/* (npresent, nstat) */
	double	   *missing;
	EgSplit		try;
	EgOrder    *order;
	double	   *left;			/* scratch */
	double	   *side;
	uint64	   *keys;
	uint64	   *spare_keys;
	int			set_words;

	EgPending  *pending;
	Size		npending;
	Size		max_pending;

	/* the trees so far */
	EgGrownNode *nodes;
	float	   *outputs;		/* (nnodes, nout) */
	Size		nnodes;
	Size		max_nodes;
	uint32	   *words;
	Size		nwords;
	Size		max_words;
	Size	   *starts;			/* (ntrees) first nodes */
	Size		ntrees;
	Size		max_trees;
};

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
eg_stat_add(const EgGrower *g, double *stat, const EgSample *s)
{
	stat[0] += 1;
	if (g->nout == 1)
	{
		stat[1] += s->w;
		stat[2] += s->wy;
	}
	else
		stat[1 + s->cls] += s->w;
}

/*
 * Is there anything to split by column j in the node?  If its split is better
 * than g->best, it becomes g->best.
 */
extern bool eg_try_column(EgGrower *g, int j, Size begin, Size end, uint64 *random);

#endif							/* EG_TREES_GROW_H */
