/*-------------------------------------------------------------------------
 *
 * prediction_log.h
 *	  Scores that were given, kept by key until the truth is known.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PREDICTION_LOG_H
#define EG_PREDICTION_LOG_H

#include "datatype/timestamp.h"
#include "store/evaluate.h"
#include "store/experiment.h"

/* ----------
 * Writing (prediction_log.c)
 * ----------
 */

typedef struct EgLogWriter EgLogWriter;

/*
 * Rows that were scored at that time; the partition is made when it is missing.
 * They are written capacity at a time.
 */
extern EgLogWriter *eg_log_open(TimestampTz at, int capacity);

/* The scores of a row; e and arm (from 0) when an experiment routed it, else NULL. */
extern void eg_log_put(EgLogWriter *w, EgScorer *s, const double *out, const char *key,
					   const EgExperiment *e, int arm, bool shadow);

/* Write what is left; returns how many rows were logged in all. */
extern int64 eg_log_close(EgLogWriter *w);

/*
 * Score and log all rows of a source, read as the invoker.  Errors: those of the
 * source and of scoring; UNDEFINED_COLUMN for the key, DATA_EXCEPTION for NULL in it.
 */
extern int64 eg_log_source(const char *model, const char *source, const char *key,
						   TimestampTz at);

/* The text of a row's column; errors as above. */
extern char *eg_log_key_tuple(HeapTupleHeader tuple, const char *key);
extern char *eg_log_key_jsonb(const Jsonb *row, const char *key);

/* ----------
 * Partitions (prediction_partitions.c)
 * ----------
 */

/* The one for that time; made when it is missing. */
extern void eg_log_make_partition(TimestampTz at);

/* Rows of the model from before that time. */
extern int64 eg_log_forget(const EgModelRow *m, TimestampTz before);

/* Partitions that end before; how many were dropped. */
extern int	eg_log_drop_partitions(TimestampTz before);

/* ----------
 * Reading, as the invoker (prediction_outcomes.c)
 * ----------
 */

/* Scores of a version in a period, beside the truth. */
typedef struct EgLogGroup
{
	TimestampTz period;
	int64		version_id;
	Size		n;
	int			width;
	double	   *score;			/* (n, width) */
	char	  **outcome;		/* (n) texts; not numbers yet, for classes are texts */

	/* (n) or NULL: the source of outcomes has no such column; NaN for SQL NULL */
	double	   *weight;
	double	   *group;			/* rows of a group side by side */
	double	   *event;
} EgLogGroup;

/*
 * Groups (of EgLogGroup *) in the order of period and version, of predictions that
 * have an outcome; since and until are NULL or texts of timestamptz.
 */
extern List *eg_log_groups(const char *model, const char *outcomes, const char *period,
						   const char *since, const char *until, Size memory_limit);

/* What metrics need of a version besides rows: n is 0, truth and score are NULL. */
extern EgScored *eg_log_scored(const EgVersionRow *v);

/* Sums over the keys of an arm. */
typedef struct EgArmSums
{
	double		n;
	double		mean;
	double		variance;
	double		pairs;			/* keys that the first arm has, too */
	double		pair_mean;		/* of the difference to the first arm */
	double		pair_variance;
} EgArmSums;

typedef enum EgArmMeasure
{
	EG_ARM_OUTCOME,				/* of a key: the sum of its outcomes after it was first scored */
	EG_ARM_SQUARED_ERROR,		/* of the last score before the outcome */
	EG_ARM_BRIER,
	EG_ARM_ERROR_RATE
} EgArmMeasure;

/*
 * sums: (narms).  yes, no: texts of the outcome for class 1 and 0 as PostgreSQL
 * array texts (BRIER).
 */
extern void eg_log_arm_sums(const EgExperiment *e, const char *outcomes, EgArmMeasure measure,
							const char *yes, const char *no, EgArmSums *sums);

#endif							/* EG_PREDICTION_LOG_H */
