/*-------------------------------------------------------------------------
 *
 * thresholds.h
 *	  Thresholds of engage_monitor(): JSON to a list of checks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_THRESHOLDS_H
#define EG_THRESHOLDS_H

#include "algo/algo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum EgCheckKind
{
	EG_CHECK_DRIFT,
	EG_CHECK_DRIFTED_SHARE,
	EG_CHECK_SCORE_DRIFT,
	EG_CHECK_MISSING,
	EG_CHECK_ROWS,
	EG_CHECK_MEAN,
	EG_CHECK_AGE,
	EG_CHECK_METRIC
} EgCheckKind;

typedef enum EgBound
{
	EG_BOUND_MIN,
	EG_BOUND_MAX,
	EG_BOUND_DOWN,				/* a share lower than at training */
	EG_BOUND_UP,				/* a share higher */
	EG_BOUND_SHIFT				/* a share away from the reference, either way */
} EgBound;

typedef struct EgCheck
{
	EgCheckKind kind;
	EgBound		bound;
	double		limit;
	char	   *metric;			/* of EG_CHECK_METRIC */
	char	   *name;			/* "drift", "auc.down" */
} EgCheck;

/* 1 - accuracy, a metric of checks alone */
#define EG_ERROR_RATE	"error_rate"

/* Errors INVALID_PARAMETER_VALUE; those of unknown names list the known ones. */
extern List *eg_thresholds_parse(const Jsonb *thresholds, EgTask task, bool outcomes);

/* What is watched when nothing is said. */
extern Jsonb *eg_thresholds_default(EgTask task, bool outcomes);

/* An interval in days; months have 30 of them. */
extern double eg_interval_days(Datum interval);

#endif							/* EG_THRESHOLDS_H */
