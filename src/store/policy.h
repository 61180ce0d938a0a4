/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  Policies of decisions: what a definition says, and the rows that hold it.
 *
 *	  A policy is to decisions what a model is to scores: a name with an owner
 *	  and at most one deployed version; versions are never changed; a
 *	  deployment is an entry of the history, which a rollback undoes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_POLICY_H
#define EG_POLICY_H

#include "access/tupdesc.h"
#include "store/models.h"

#define EG_MOST_LAYERS		50
#define EG_MOST_RULES		1000

typedef enum EgLayerKind
{
	EG_LAYER_RULES,
	EG_LAYER_VELOCITY,
	EG_LAYER_MODELS
} EgLayerKind;

typedef enum EgCombine
{
	EG_COMBINE_MAX,
	EG_COMBINE_SUM,
	EG_COMBINE_WEIGHTED,
	EG_COMBINE_NOISY_OR
} EgCombine;

/* What counts when something fails. */
typedef enum EgFallbackKind
{
	EG_FALLBACK_SKIP,
	EG_FALLBACK_SCORE,
	EG_FALLBACK_FAIL
} EgFallbackKind;

typedef struct EgFallback
{
	EgFallbackKind kind;
	double		score;
} EgFallback;

typedef struct EgRule
{
	char	   *name;
	char	   *when;
	double		score;
	bool		stop;
	char	   *action;			/* or NULL */
	char	   *reason;			/* or NULL */
} EgRule;

typedef struct EgLimit
{
	char	   *name;			/* of the measure */
	double		max;
	double		score;
} EgLimit;

typedef struct EgPolicyModel
{
	char	   *reference;		/* 'fraud' or 'fraud@1.2.0' */
	double		weight;
	char	   *class;			/* label, or NULL */
	bool		scaled;
	int			explain;		/* 1: always, 0: never, -1: where it takes no sampling */
	double		low,			/* outputs that are 0 and 100 */
				high;
} EgPolicyModel;

enum
{
	EG_EVENT_AT,
	EG_EVENT_AMOUNT,
	EG_EVENT_LAT,
	EG_EVENT_LON,
	EG_NEVENT
};

extern const char *const eg_event_columns[EG_NEVENT];	/* "at", "amount" ... */

typedef struct EgLayer
{
	char	   *name;
	EgLayerKind kind;
	double		weight;
	EgCombine	combine;
	EgFallback	on_error;
	int			n;				/* rules, limits or models */
	EgRule	   *rules;
	EgLimit    *limits;
	EgPolicyModel *models;
	char	   *velocity;
	char	   *key;			/* column */
	char	   *event[EG_NEVENT];	/* columns of the event that is decided about, or NULL */
} EgLayer;

typedef struct EgBand
{
	int			from;
	char	   *action;
} EgBand;

typedef struct EgPolicy
{
	int			nlayers;
	EgLayer    *layers;
	EgCombine	combine;
	int			nbands;
	EgBand	   *bands;
	double		explain_from;	/* infinite: never */
	int			explain_features;
} EgPolicy;

/* policy_parse.c: a definition, checked as far as it can be without tables. */
extern EgPolicy *eg_policy_parse(const Jsonb *definition);
extern const char *eg_layer_kind_name(EgLayerKind kind);

/* ----------
 * Rows
 * ----------
 */

typedef struct EgPolicyRow
{
	int64		id;				/* 0: no such policy */
	char	   *name;
	int64		deployed;		/* version id, 0 when none */
} EgPolicyRow;

typedef struct EgPolicyVersionRow
{
	int64		id;
	int			version;
	Jsonb	   *definition;
	Jsonb	   *columns;
	char	   *author;
	char	   *search_path;
	Jsonb	   *names;			/* of functions in the rules, gate.h */
	char	   *policy;
} EgPolicyVersionRow;

/*
 * 'fraud' or 'fraud@3' to a version that the current user may decide with.  Cheap:
 * saved plans.
 */
extern int64 eg_policy_resolve(const char *reference);
extern EgPolicyVersionRow *eg_policy_version(int64 version_id);

/* By name, locked, for whom may manage it; id 0 when missing_ok and there is none. */
extern EgPolicyRow *eg_policy_get(const char *name, bool missing_ok);

/* Add a version, and the policy when there is none; returns its number. */
extern int	eg_policy_save(const char *name, Jsonb *definition, Jsonb *columns, Jsonb *names,
						   const char *comment, bool deploy);

/* Columns of the newest version of a policy that is there, else NULL. */
extern Jsonb *eg_policy_newest_columns(const EgPolicyRow *p);

extern void eg_policy_deploy(const EgPolicyRow *p, int version);
extern int	eg_policy_rollback(const EgPolicyRow *p);
extern void eg_policy_drop(const EgPolicyRow *p);
extern void eg_policy_drop_version(const EgPolicyRow *p, int version);
extern void eg_policy_grant(const EgPolicyRow *p, const char *role);
extern void eg_policy_revoke(const EgPolicyRow *p, const char *role);
extern void eg_policy_set_owner(const EgPolicyRow *p, const char *role);

#endif							/* EG_POLICY_H */
