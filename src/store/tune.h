/*-------------------------------------------------------------------------
 *
 * tune.h
 *	  The leaderboard's rows, what keeps them when a search is cancelled, and
 *	  the training of the winner.
 *
 *	  A tuning is one search; a trial is one set of parameters that it tried.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TUNE_H
#define EG_TUNE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef struct EgTrialRow
{
	int			trial;			/* from 1 */
	char	   *algorithm;
	Jsonb	   *params;
	Jsonb	   *scores;			/* metric of each fold that was run: [0.84, null] */
	Jsonb	   *gaps;			/* difference between the groups in each, or NULL */
	double		mean;			/* NaN: none */
	double		deviation;
	double		gap;
	double		loss;			/* what the search made small */
	double		seconds;
	char	   *state;			/* complete, pruned, failed, stopped */
	char	   *message;		/* why it failed, or NULL */
} EgTrialRow;

/* A new search of the current user; what it is about, as JSON.  Returns its id. */
extern int64 eg_tuning_begin(const char *model, Jsonb *setting, const char *metric,
							 uint64 fingerprint);

/*
 * The current user's last search for this model with the same setting, 0 for
 * none; *same_data tells whether it saw the same rows.
 */
extern int64 eg_tuning_find(const char *model, Jsonb *setting, uint64 fingerprint,
							bool *same_data);

extern void eg_trial_add(int64 tuning, const EgTrialRow *trial);
extern List *eg_trials_read(int64 tuning);	/* of EgTrialRow *, by number */

/* Forget the searches for a model that the current user may; returns the trials removed. */
extern int64 eg_trials_forget(const char *model);

/* Commit and go on in a new transaction.  Only in a procedure that was called by itself. */
extern void eg_tuning_commit(void);

/* The winner's training: arguments of engage_train(), NULL or NIL for its defaults. */
typedef struct EgTuneTraining
{
	const char *model;
	const char *source;
	const char *target;
	const char *algorithm;
	Jsonb	   *params;
	const char *task;
	const char *key;
	List	   *features;
	List	   *exclude;
	const char *weight;
	const char *class_weight;
	double		test_size;
	const char *split;
	int64		seed;
	const char *deploy;
	double		min_improvement;
	const char *positive;
	const char *group_by;
	const char *event;
	const char *partition_by;
	double		interval;		/* 0: none */
	const char *calibrate;
} EgTuneTraining;

typedef struct EgTuneTrained
{
	char	   *version;
	char	   *task;
	int64		rows_train;
	int64		rows_test;
	Jsonb	   *metrics;		/* or NULL */
	bool		deployed;
} EgTuneTrained;

extern EgTuneTrained *eg_tune_train(const EgTuneTraining *t);

#endif							/* EG_TUNE_H */
