/*-------------------------------------------------------------------------
 *
 * neighbors.h
 *	  The nearest of many rows: blocks of rows that are near each other, and
 *	  boxes around them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_NEIGHBORS_H
#define EG_NEIGHBORS_H

#include "algo/algo.h"

#define EG_NEAR_BLOCK		16	/* rows of a block, and boxes of a group */
#define EG_NEAR_LEVELS		7	/* of boxes: 16 ^ 8 rows are more than there can be */

typedef struct EgNeighbor
{
	float		distance;		/* euclidean: squared */
	uint32		row;
} EgNeighbor;

typedef struct EgNear
{
	int			width;
	bool		manhattan;
	Size		nrows;
	Size		nblocks;
	float	   *data;			/* (nblocks, width, EG_NEAR_BLOCK) in an order of the tree's own */
	uint32	   *row;			/* (nrows) number of each row in that order */

	/*
	 * Boxes of 16 blocks, of 16 such groups, and so on: (groups, 2, width, 16),
	 * smallest and then largest values of the 16 members.
	 */
	int			nlevels;
	Size		nmembers[EG_NEAR_LEVELS];	/* in all groups of the level */
	float	   *box[EG_NEAR_LEVELS];
} EgNear;

/* Where a row of the tree's order begins; its dimensions are EG_NEAR_BLOCK apart. */
static inline float *
eg_near_row(const EgNear *t, Size at)
{
	return t->data + at / EG_NEAR_BLOCK * t->width * EG_NEAR_BLOCK + at % EG_NEAR_BLOCK;
}

/* ----------
 * neighbors_order.c
 * ----------
 */

/* Room for rows; data is zero. */
extern EgNear *eg_near_create(Size nrows, int width, bool manhattan);

/* What a model of that many rows needs besides its rows. */
extern Size eg_near_overhead(Size nrows, int width);

/* Put a row; in the order of their numbers, all of them. */
extern void eg_near_put(EgNear *t, Size row, const float *x);

/* Bring rows that are near each other together. */
extern void eg_near_arrange(EgNear *t, EgRun *run);

/* Boxes, once data and row are complete. */
extern void eg_near_boxes(EgNear *t);

/* ----------
 * neighbors_search.c
 * ----------
 */

/*
 * The k nearest rows to q, in heap (k), a heap with the farthest first; returns
 * their number.  Of rows equally far the first ones.  No allocation.
 */
extern int	eg_near_search(const EgNear *t, const float *q, EgNeighbor *heap, int k);

/*
 * Do boxes spare enough?  Found with some of the rows; q (width) and heap (k)
 * are scratch.  With nlevels 0 a search does without boxes.
 */
extern bool eg_near_boxes_help(const EgNear *t, float *q, EgNeighbor *heap, int k);

/* Is a farther than b?  Of rows equally far, the later one. */
static inline bool
eg_farther(EgNeighbor a, EgNeighbor b)
{
	return a.distance > b.distance || (a.distance == b.distance && a.row > b.row);
}

#endif							/* EG_NEIGHBORS_H */
