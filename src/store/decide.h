/*-------------------------------------------------------------------------
 *
 * decide.h
 *	  Running the layers of a policy on a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_DECIDE_H
#define EG_DECIDE_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "store/cache.h"
#include "store/policy_cache.h"

/* What one layer found. */
typedef struct EgLayerResult
{
	const char *status;			/* "ok", "stopped", "fallback", "skipped", "not_run" */
	double		score;			/* 0 to 100; NaN: none */
	double		us;
	StringInfoData detail;		/* more members of a JSON object, each with a comma before it */
} EgLayerResult;

typedef struct EgDecision
{
	int			score;
	const EgBand *band;
	int			band_to;		/* last score of the band */
	const char *action;
	List	   *reasons;		/* of char * */
	int			errors;
	EgLayerResult *layers;
} EgDecision;

typedef struct EgDecider EgDecider;

/* Lives in context, with pins on policy and models. */
extern EgDecider *eg_decider_create(int64 version_id, MemoryContext context);
extern const EgPolicyCode *eg_decider_code(const EgDecider *d);

/* To be called once a snapshot: which versions of models score now? */
extern void eg_decider_refresh(EgDecider *d);

/* One of tuple and row is NULL. */
extern EgDecision *eg_decider_run(EgDecider *d, HeapTupleHeader tuple, Jsonb *row);

/*
 * What the files of decisions share.
 */

typedef struct EgRulesSite
{
	MemoryContext context;
	ExprState **states;			/* (rules) or NULL: to be initialised */
	ExprContext *econtext;
} EgRulesSite;

typedef struct EgModelSite
{
	MemoryContext context;
	int64		version_id;
	int64		experiment;
	struct EgScorer *scorer;	/* NULL: problem says why */
	struct EgRouter *router;	/* or NULL */
	List	   *explainers;		/* of EgModelExplainer */
	bool		unexplained;	/* explaining failed */
	char	   *problem;
} EgModelSite;

typedef struct EgVelocitySite
{
	bool		bound;
	int			key;			/* attribute number in the columns */
	int			event[EG_NEVENT];	/* the same, or 0 */
	struct EgConverter *numbers[EG_NEVENT];
} EgVelocitySite;

struct EgDecider
{
	MemoryContext context;
	EgPolicyCode *code;
	EgRuleRow  *row;			/* NULL: no column is needed */
	EgRulesSite *rules;			/* (layers) */
	EgModelSite **models;		/* (layers, models) */
	EgVelocitySite *velocity;	/* (layers) */
	HeapTupleHeader tuple;		/* the row at hand */
	Jsonb	   *json;
	EgDecision *decision;
	bool		open;			/* the caller may see why something failed */
};

/*
 * Do it, and if the layer's failures are to be survived, return the error's text.  Texts of
 * errors quote rules and values that rules have read: who was only granted the policy
 * sees what failed, the owner and the author see why.
 */
extern char *eg_decide_try(const EgDecider *d, const EgLayer *l, void (*work) (void *arg), void *arg);

/* Note a failure; what is a phrase: rule "x". */
extern void eg_decide_failed(EgDecider *d, EgLayerResult *r, const char *what,
							 const char *problem);
extern double eg_combine(EgCombine how, int n, const double *scores, const double *weights);

/* decide_models.c, decide_velocity.c: run a layer */
extern void eg_decide_models(EgDecider *d, int layer, EgLayerResult *r);
extern void eg_decide_velocity(EgDecider *d, int layer, EgLayerResult *r);

/* Error INVALID_PARAMETER_VALUE unless the model's output can be a score. */
extern void eg_policy_model_check(const EgLayer *l, const EgPolicyModel *m,
								  const EgCompiled *compiled);

/* Error INVALID_PARAMETER_VALUE, listing the known, unless there is such a measure. */
extern void eg_limit_check(const EgLayer *l, const EgLimit *limit);

#endif							/* EG_DECIDE_H */
