/*-------------------------------------------------------------------------
 *
 * change_space.h
 *	  What the columns of a row may become: by the training rows, and by the
 *	  wishes of the caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CHANGE_SPACE_H
#define EG_CHANGE_SPACE_H

#include "base/compat.h"
#include "eval/counterfactual.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "store/score.h"
#include "utils/jsonb.h"

/* By the training rows: of one part of a model. */
typedef struct EgChangeSpace
{
	const EgArtifact *part;
	EgChangeFeature *features;	/* (nfeatures); current not set; not allowed: nothing to go by */
	EgPlausible *plausible;		/* NULL without background rows */
} EgChangeSpace;

/* For the part that scored the last row; allocates in CurrentMemoryContext. */
extern EgChangeSpace *eg_change_space(const EgScorer *s);

/* By the caller: arguments of engage_counterfactual(). */
typedef struct EgChangeWishes
{
	List	   *features;		/* of char *; NIL: all */
	List	   *frozen;
	Jsonb	   *limits;			/* or NULL */
	double		trim;			/* share of the training rows left out at either end */
} EgChangeWishes;

/* The features of the row x for a problem.  Errors name what cannot be. */
extern EgChangeFeature *eg_change_features(const EgScorer *s, const EgChangeSpace *space,
										   const EgChangeWishes *wishes, const float *x);

/* Error UNDEFINED_COLUMN: `where` names a column that the model has not; hint: the nearest. */
extern void eg_unknown_column(const EgScorer *s, const char *name, const char *where)
	pg_attribute_noreturn();

/* An argument of a call, or `without` where it is NULL. */
extern int	eg_arg_int(FunctionCallInfo fcinfo, int i, const char *name, int without, int min,
					  int max);

#endif							/* EG_CHANGE_SPACE_H */
