/*-------------------------------------------------------------------------
 *
 * counterfactual_private.h
 *	  What the files of the search for counterfactuals share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_COUNTERFACTUAL_PRIVATE_H
#define EG_COUNTERFACTUAL_PRIVATE_H

#include <math.h>

#include "eval/counterfactual.h"

#define EG_SEARCH_BLOCK		256	/* rows scored at a time */
#define EG_SEARCH_POOL		64

/* One feature to one value. */
typedef struct EgMove
{
	int			feature;
	float		value;
	double		cost;			/* sparsity included */
	double		least;			/* what it may cost when refined: that of the next smaller value */
	double		score;
	double		gap;
	double		merit;			/* gap closed for the cost */
	bool		keep;
} EgMove;

/* A changed row on the way. */
typedef struct EgState
{
	float	   *x;
	uint64		features;		/* which are changed: sum of their hashes */
	int			n;
	double		cost;			/* sparsity included */
	double		least;
	double		score;
	double		gap;
	double		rank;
} EgState;

typedef struct EgStates
{
	int			n;
	int			max;
	int			alike;			/* most that change the same features */
	EgState	   *s;				/* (max + 1) by rank */
} EgStates;

/* Answers, of which none contains the changes of another that is cheaper. */
typedef struct EgPool
{
	int			n;
	EgChangeAnswer a[EG_SEARCH_POOL];
	double		total[EG_SEARCH_POOL]; /* cost with sparsity */
} EgPool;

typedef struct EgSearch
{
	const EgChangeProblem *p;
	int			ncols;
	float	   *x0;				/* (ncols) the row as it is */
	double		before;
	double		limit;			/* no farther from the observed rows than this */

	/* values to try, by cost */
	float	  **value;			/* (ncols) each nvalues[j] long */
	int		   *nvalues;		/* (ncols) */

	float	   *block;			/* (EG_SEARCH_BLOCK, ncols) rows to score */
	double	   *score;			/* (EG_SEARCH_BLOCK) */
	int			evaluations;

	double		nearest;		/* score of the plausible row that came nearest */
	double		nearest_gap;

	/* the beam */
	EgMove	   *moves;
	int			nmoves;
	double		rate;			/* best merit of a move */
	bool	   *banned;			/* (ncols) left out of this search */

	EgPool		pool;
} EgSearch;

static inline float *
eg_search_row(EgSearch *s, int i)
{
	return s->block + i * (Size) s->ncols;
}

static inline bool
eg_same_value(float a, float b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* How far a score is from the target; 0: it is there. */
static inline double
eg_search_gap(const EgSearch *s, double score)
{
	if (isnan(score))
		return INFINITY;
	return score < s->p->lo ? s->p->lo - score : score > s->p->hi ? score - s->p->hi : 0;
}

static inline bool
eg_search_spent(const EgSearch *s)
{
	return s->evaluations >= s->p->max_evaluations;
}

/* Score the first n rows of the block. */
extern void eg_search_score(EgSearch *s, int n);

/* May feature j have this value instead of its current one? */
extern bool eg_search_may(const EgSearch *s, int j, float v);

/* The value on the feature's grid that is nearest to v. */
extern float eg_search_snap(const EgSearch *s, int j, double v);

/* Changed features of x, their cost with the sparsity; true: x is plausible. */
extern int	eg_search_changes(const EgSearch *s, const float *x, double *cost);
extern bool eg_search_plausible(const EgSearch *s, const float *x);

/* Score the single changes and choose those that are worth combining. */
extern void eg_search_moves(EgSearch *s);

/* Combine them; wider: so many times the states that are usually enough. */
extern void eg_search_beam(EgSearch *s, int wider);

/* A list of at most max states; copies are put into it. */
extern void eg_states_init(EgStates *b, int max, int alike, int ncols);
extern void eg_search_rank(const EgSearch *s, EgState *state, double score);

/* A scored state goes where it belongs: it meets the target, or may lead there. */
extern void eg_search_offer(EgSearch *s, const EgState *state, EgStates *found, EgStates *next);

/* Refine rows that meet the target and keep the outcome as answers. */
extern void eg_search_take_found(EgSearch *s, EgStates *found);

/* Cost beyond which nothing is wanted: that of the last answer asked for. */
extern double eg_search_bound(const EgSearch *s);

/* Make the changes of a row that meets the target as few and as small as they can be. */
extern void eg_search_refine(EgSearch *s, float *x);

#endif							/* EG_COUNTERFACTUAL_PRIVATE_H */
