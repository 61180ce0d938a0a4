/*-------------------------------------------------------------------------
 *
 * trained.h
 *	  What engage_train() and engage_update() say of a model that they made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TRAINED_H
#define EG_TRAINED_H

#include "api/recipe.h"

/* What the comparison of champion and challenger found. */
typedef struct EgComparison
{
	bool		deploy;
	const char *metric;
	double		champion;		/* NaN when not comparable */
	double		challenger;
	const char *reason;			/* why not comparable, or NULL */
	const char *champion_version;	/* NULL: there was none */
} EgComparison;

/*
 * Does the challenger replace the champion (its version, or NULL)?  reason: why
 * they cannot be compared, or NULL.  See docs/reference/train.md, "Deployment".
 */
extern EgComparison eg_trained_compare(const EgRecipe *r, const EgTrained *t,
									   const char *champion, const char *reason);

/* Metrics on the held-out rows, NULL when there are none. */
extern Jsonb *eg_trained_metrics(const EgTrained *t);

/* engage.version.data: what the version was made of. */
extern Jsonb *eg_trained_data(const EgRecipe *r, const EgTrained *t, const EgComparison *c);

/* The result row of engage_train(). */
extern Datum eg_trained_row(FunctionCallInfo fcinfo, const EgVersionRow *v, const EgTrained *t,
							bool deployed);

/* Notices: rows left out, why the version was not deployed. */
extern void eg_trained_tell(const EgRecipe *r, const EgTrained *t, const EgComparison *c,
							const char *version);

#endif							/* EG_TRAINED_H */
