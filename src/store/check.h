/*-------------------------------------------------------------------------
 *
 * check.h
 *	  What a check measures, and what it does: both may fail without the check
 *	  failing.  Sources go through the gate (gate.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CHECK_H
#define EG_CHECK_H

#include "store/gate.h"

/* A source, and with whose rights it runs. */
typedef struct EgAsked
{
	const EgText *text;			/* the source is a stored one; NULL: given by the current user */
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
extern EgRetrained eg_ask_retrain(const char *model, const char *deploy);

#endif							/* EG_CHECK_H */
