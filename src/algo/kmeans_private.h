/*-------------------------------------------------------------------------
 *
 * kmeans_private.h
 *	  One run of k-means: what its iterations (kmeans_lloyd.c) and its beginning
 *	  and end (kmeans_engine.c) share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_KMEANS_PRIVATE_H
#define EG_KMEANS_PRIVATE_H

#include "algo/kmeans.h"

typedef struct EgIteration
{
	EgKmeansWork w;
	EgKmeansBounds bounds;
	int			kall;			/* k rounded up to 4 */
	float	   *upper;			/* (n) */
	float	   *lower;			/* (n), or (n, kall) of Elkan */
	float	   *plain;			/* (k, d) centers as floats */
	float	   *half;			/* (k) half the way to the nearest other center */
	float	   *between;		/* (k, k) half the way, Elkan only */
	float	   *moved;			/* (k) */
	int			mover;			/* the center that moved most */
	float		most;			/* how far */
	float		next;			/* how far the second */
	double	   *sum;			/* (k, d) of the rows */
	double	   *size;			/* (k) weight of the rows */
	double	   *delta;			/* (ntasks, k, d + 1) what moves, the weight last */
	int		   *changed;		/* (ntasks) */
	Size	   *measured;		/* (ntasks) rows for which the bounds did not do */
	double	   *inertia;		/* (ntasks) */
} EgIteration;

/* Every row to its nearest center; returns how many moved. */
extern Size eg_kmeans_assign(EgIteration *it);

/* Every center to the mean of its rows; returns the sum of the squared ways. */
extern double eg_kmeans_update(EgIteration *it);

/* Everything about the rows is forgotten, the centers stay. */
extern void eg_kmeans_restart(EgIteration *it);

#endif							/* EG_KMEANS_PRIVATE_H */
