/*-------------------------------------------------------------------------
 *
 * hdbscan.h
 *	  Clusters as what stays together over a range of densities.
 *
 * Rows are those of an EgNear, in the order of that tree, and distances are
 * euclidean, in double precision.  The mutual reachability of two rows is the
 * largest of their distance and their two core distances; a row's core distance
 * is that to its min_samples-th nearest row, itself being the first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_HDBSCAN_H
#define EG_HDBSCAN_H

#include "algo/neighbors.h"
#include "base/run.h"

#define EG_NO_ROW		PG_UINT32_MAX

/* ---------------- searching (hdbscan_search.c) ---------------- */

typedef struct EgFound
{
	double		square;			/* of the distance */
	uint32		row;			/* of the tree's order */
} EgFound;

/* What is known of the rows of a tree besides their values. */
typedef struct EgReach
{
	const EgNear *near;
	double	   *core;			/* (nrows) squares of core distances */
	float	   *least[EG_NEAR_LEVELS];	/* of the members of a level: at most any core of theirs */

	/* while a spanning tree grows; NULL otherwise */
	uint32	   *component;		/* (nrows) */
	uint32	   *common[EG_NEAR_LEVELS]; /* component of all rows of a member, or EG_NO_ROW */
} EgReach;

/* Room for what belongs to a tree; core is left to the caller. */
extern EgReach *eg_reach_create(const EgNear *near);
extern void eg_reach_components(EgReach *r);

/* What follows from core, and from component. */
extern void eg_reach_set_least(EgReach *r);
extern void eg_reach_set_common(EgReach *r);

extern void eg_reach_row(const EgNear *near, Size row, float *out);

/*
 * The k nearest rows to q, in heap (k), a heap with the farthest first; returns
 * their number.  Of rows equally far the first of the tree's order.  Neither
 * allocates nor calls the server.
 */
extern int	eg_reach_nearest(const EgNear *near, const float *q, EgFound *heap, int k);

/*
 * The row that q, with the square of its core distance, reaches at the least
 * cost below limit, which becomes the square of that; EG_NO_ROW if there is
 * none.  Rows of q's own component are left out.
 */
extern uint32 eg_reach_least(const EgReach *r, const float *q, double core, uint32 component,
							 double *limit);

/*
 * The same among all rows, and of rows reached at equal cost the nearest, then
 * the first.
 */
extern EgFound eg_reach_best(const EgReach *r, const float *q, double core);

/* ---------------- the spanning tree (hdbscan_span.c) ---------------- */

typedef struct EgEdge
{
	double		length;
	uint32		a;
	uint32		b;
} EgEdge;

/* Bytes that the two need for each row, besides the rows themselves. */
extern Size eg_span_memory(void);

/* Core distances of all rows into r->core, and what follows from them. */
extern void eg_span_cores(EgReach *r, int min_samples, EgRun *run);

/* A spanning tree of least mutual reachability: nrows - 1 edges, the shortest first. */
extern EgEdge *eg_span(EgReach *r, EgRun *run);

/* ---------------- the hierarchy (hdbscan_tree.c, hdbscan_select.c) ---------------- */

/* A cluster of the condensed tree; its density is 1 / distance. */
typedef struct EgCluster
{
	int32		parent;			/* before it in the array; -1: the root */
	uint32		size;			/* rows when it begins */
	double		birth;			/* density from which on it is one */
	double		death;			/* largest finite density of a row or part leaving it */
	double		deepest;		/* the same with all clusters below */
	double		stability;
	int32		label;			/* its own, when it is selected; else -1 */
	int32		within;			/* selected cluster that it is or is part of; -1: none */
} EgCluster;

typedef struct EgCondensed
{
	int			nclusters;
	EgCluster  *cluster;		/* (nclusters) parents first */
	Size		nrows;
	uint32	   *last;			/* (nrows) smallest cluster that the row is in */
	double	   *density;		/* (nrows) at which it leaves that; infinite: never */
	double		epsilon;		/* of the selection */
	int			nlabels;		/* selected clusters, the largest first */
	uint32	   *members;		/* (nlabels) their rows */
} EgCondensed;

typedef struct EgSelection
{
	bool		leaves;			/* instead of the largest stability */
	bool		allow_single;	/* the root may be selected */
	double		epsilon;		/* clusters do not split below this distance */
} EgSelection;

/* The hierarchy of a spanning tree's sorted edges, without labels. */
extern EgCondensed *eg_condense(Size nrows, const EgEdge *edges, Size min_size);
extern Size eg_condense_memory(void);	/* bytes for each row */

/* Selected clusters and the rows' labels. */
extern void eg_select(EgCondensed *t, const EgSelection *how);

/* What follows from the clusters' parents and what is selected; false: they are no tree. */
extern bool eg_condensed_finish(EgCondensed *t);

/* Where a row is that is reached from `row` at a density: its last cluster and density. */
extern uint32 eg_condensed_place(const EgCondensed *t, uint32 row, double *density);

/* Label and strength 0..1 of a row that leaves cluster `last` at `density`; -1: noise. */
extern int	eg_membership(const EgCondensed *t, uint32 last, double density, double *strength);

/* Global-local outlier score from hierarchies, 0..1. */
extern double eg_glosh(const EgCondensed *t, uint32 last, double density);

/* ---------------- for pictures (hdbscan.c) ---------------- */

/* The hierarchy of a fitted or loaded model of algorithm hdbscan. */
extern const EgCondensed *eg_hdbscan_condensed(const void *model);

/* A step of the condensed tree. */
typedef struct EgCondensedRow
{
	int32		parent;			/* cluster */
	int32		child;			/* cluster, or -1: rows that leave */
	double		density;		/* at which it happens */
	uint32		size;			/* rows */
} EgCondensedRow;

/*
 * The condensed tree, parents ascending and densities within: what the reference
 * calls condensed_tree_, where rows that leave a cluster at the same density
 * are one, and each cluster's are put together to at most `steps` of them.
 */
extern EgCondensedRow *eg_condensed_rows(const EgCondensed *t, int steps, Size *n);

#endif							/* EG_HDBSCAN_H */
