/*-------------------------------------------------------------------------
 *
 * isolation_grow.h
 *	  What isolation_grow.c (a tree) and isolation_team.c (all trees) share.
 *
 * Trees grow on the threads of a team, so what is declared here calls no
 * function of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ISOLATION_GROW_H
#define EG_ISOLATION_GROW_H

#include "algo/isolation.h"
#include "base/parallel.h"

/* A tree as its task leaves it. */
typedef struct EgIsolationGrown
{
	EgIsolationNode *nodes;
	Size		nnodes;
	uint32	   *words;
	Size		nwords;
	Size		max_words;
	int32	   *index;
	float	   *weight;
	Size		nsplits;
} EgIsolationGrown;

/* What a thread needs, in its memory; NULL when there is not enough. */
extern void *eg_isolation_start(const EgIsolationSpec *spec, EgWorker *w);

/* Grow one tree, in the memory of the task; NULL when there is no memory, or no time. */
extern EgIsolationGrown *eg_isolation_tree(EgWorker *w, uint64 seed);

#endif							/* EG_ISOLATION_GROW_H */
