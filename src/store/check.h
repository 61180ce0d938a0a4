/*-------------------------------------------------------------------------
 *
 * check.h
 *	  What a check measures, and what it does: both may fail without the check
 *	  failing.
 *
 * Sources run as the role that declared them, restricted, under the
 * search_path of then: whoever checks must not run another's functions with
 * rights of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CHECK_H
#define EG_CHECK_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/*
 * Do work(arg) in a subtransaction.  NULL when it went well, else it is undone
 * and its error's text returned, palloc'd.  A cancel and a serialization
 * failure are errors of the caller's, too.
 */
extern char *eg_attempt(void (*work) (void *arg), void *arg);

/* A source, and with whose rights it runs. */
typedef struct EgAsked
{
	Oid			functions;		/* schema of engage_predict and its sisters */
	const char *author;			/* NULL: the current user */
	const char *search_path;	/* NULL: as it is */
	const char *source;
	const char *model;			/* 'churn@1.0.0' */
} EgAsked;

typedef struct EgSourceFacts
{
	double		rows;
	double		mean;			/* of the predictions; NaN: not asked for, or none */
	double		missing;		/* largest share of NULL in a column; NaN without rows */
	char	   *worst;			/* the column */
} EgSourceFacts;

/*
 * columns (char *): must be in the source; mean: score the rows, too; plan_only:
 * read no rows, just find out whether it could be done.
 */
extern EgSourceFacts eg_ask_facts(const EgAsked *a, List *columns, bool mean, bool plan_only);

typedef struct EgDriftFacts
{
	int			nfeatures;		/* whose PSI is known */
	double		worst;			/* largest PSI; NaN: none */
	char	   *feature;		/* its feature */
	int			beyond;			/* features whose PSI is above the limit */
	double		score;			/* PSI of the scores, the largest of several; NaN: none */
	double		mean;			/* of the predictions at training; NaN: unknown, or several */
} EgDriftFacts;

extern EgDriftFacts eg_ask_drift(const EgAsked *a, double limit);

/* engage_evaluate() of the source; NULL when it has no rows */
extern Jsonb *eg_ask_metrics(const EgAsked *a);

/* What a retraining made. */
typedef struct EgRetrained
{
	char	   *version;
	bool		deployed;
} EgRetrained;

/* engage_retrain(model, deploy), as the current user; deploy NULL: as the recipe says */
extern EgRetrained eg_ask_retrain(Oid functions, const char *model, const char *deploy);

#endif							/* EG_CHECK_H */
