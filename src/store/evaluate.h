/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  A model's scores on a source, beside the truth: what metrics and curves
 *	  are made of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_EVALUATE_H
#define EG_EVALUATE_H

#include "algo/algo.h"
#include "base/run.h"

typedef struct EgEvaluateSpec
{
	const char *model;			/* 'churn' or 'churn@1.2.0' */
	const char *source;			/* relation name or one SELECT */

	/* column names; NULL: those of the model's training; "": none */
	const char *target;
	const char *weight;
	const char *group_by;
	const char *event;
} EgEvaluateSpec;

typedef struct EgScored
{
	char	   *model;			/* name */
	char	   *version;		/* "1.2.0" */
	char	   *target;
	EgTask		task;
	char	   *params;			/* hyper-parameters, JSON */
	double		threshold;		/* binary: the class is said at or above it */
	int			nlabels;
	char	  **labels;			/* (nlabels) text of the classes, or NULL */
	int			nclasses;		/* 0 for numbers */

	Size		n;
	int			width;
	double	   *truth;			/* (n) number or class code */
	double	   *score;			/* (n, width) */
	double	   *weight;			/* (n) or NULL */
	double	   *group;			/* (n) rows of a group adjacent; or NULL */
	double	   *event;			/* (n) or NULL */
	int64		nread;
	int64		nskipped;		/* rows without a target */
	int64		nunknown;		/* rows of a class that the model does not know */
} EgScored;

/*
 * Read the source as the invoker and score its rows, partitions included, by
 * the code that scores in queries.  The current user must be allowed to use
 * the model.  Results live in CurrentMemoryContext.  Errors: those of
 * eg_models_resolve(), eg_source_read() and eg_scorer_values().
 */
extern EgScored *eg_score_source(const EgEvaluateSpec *spec, EgRun *run);

#endif							/* EG_EVALUATE_H */
