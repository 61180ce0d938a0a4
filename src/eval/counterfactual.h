/*-------------------------------------------------------------------------
 *
 * counterfactual.h
 *	  The smallest changes of a feature vector that bring a function of it into
 *	  an interval.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_COUNTERFACTUAL_H
#define EG_COUNTERFACTUAL_H

#include "algo/shapley.h"
#include "eval/plausible.h"

#define EG_CHANGES_MAX		16	/* features that one answer may change */
#define EG_ANSWERS_MAX		20

typedef struct EgChangeFeature
{
	bool		category;		/* codes: one is as far from another as any */
	bool		allowed;		/* may change */
	float		current;		/* NaN: missing; it may be given a value, but never the reverse */

	/* numbers */
	int			direction;		/* 1: may only grow, -1: only shrink, 0: both */
	double		min,
				max;			/* where a changed value has to be */
	double		base,
				step;			/* values are base + k * step; step 0: any */
	double		unit;			/* the change that costs `cost` */
	float		typical;		/* where a missing number is tried first */

	double		cost;			/* of a unit, of another category, of filling a missing value */
	int			ncandidates;	/* values to try: codes, or a grid that is refined */
	const float *candidates;
} EgChangeFeature;

typedef struct EgChangeProblem
{
	int			nfeatures;
	const EgChangeFeature *features;
	EgFunction	f;				/* one output a row */
	void	   *arg;
	double		lo,
				hi;				/* the target: lo <= f <= hi */
	int			nanswers;		/* wanted, 1 .. EG_ANSWERS_MAX */
	int			max_changes;	/* 1 .. EG_CHANGES_MAX */
	double		sparsity;		/* cost of each changed feature, besides that of the change */
	int			max_evaluations;
	EgPlausible *plausible;		/* NULL: every row will do */
	const float *observed;		/* (nobserved, nfeatures) rows to begin from, or NULL */
	int			nobserved;
} EgChangeProblem;

typedef struct EgChangeAnswer
{
	float	   *x;				/* (nfeatures) the changed row */
	double		score;			/* f(x), in [lo, hi] */
	double		cost;			/* of all changes, sparsity left out */
	int			nchanged;
	int			changed[EG_CHANGES_MAX]; /* ascending */
} EgChangeAnswer;

typedef struct EgChangeResult
{
	double		before;			/* f of the row as it is */
	int			nanswers;		/* the cheapest first; 0 with before in [lo, hi]: nothing to do */
	EgChangeAnswer *answers;
	double		nearest;		/* the score that came nearest to the target */
	int			evaluations;
	bool		exact;			/* every combination of the candidates was tried */
} EgChangeResult;

/* What the change of feature j to v costs. */
extern double eg_change_cost(const EgChangeFeature *f, float v);

extern EgChangeResult *eg_counterfactual(const EgChangeProblem *p);

#endif							/* EG_COUNTERFACTUAL_H */
