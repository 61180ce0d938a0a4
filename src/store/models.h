/*-------------------------------------------------------------------------
 *
 * models.h
 *	  The registry's rows: models, versions, artifacts, deployments, grants,
 *	  events.  All SPI on them is here, run as the extension's owner after the
 *	  caller's rights have been checked.
 *
 *	  A model is a name with an owner and at most one deployed version.
 *	  A version is immutable: recipe, parameters, metrics, artifact.
 *	  A deployment is an entry of the model's history; rollback undoes the last.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MODELS_H
#define EG_MODELS_H

#include "utils/jsonb.h"

typedef struct EgModelRow
{
	int64		id;				/* 0: no such model */
	char	   *name;
	Oid			owner;
	int64		deployed;		/* version id, 0 when none */
	Jsonb *split; /* frozen split of held-out rows: {"seed":..., "limits":{...}}, or NULL */
} EgModelRow;

typedef struct EgVersionRow
{
	int64		id;				/* 0: none */
	int64		model_id;
	char	   *model;			/* name */
	int			major,
				minor,
				patch;
	char	   *algorithm;
	char	   *task;
	Jsonb	   *recipe;			/* arguments of engage_train that made it */
	char	   *author;			/* whose rights the recipe's source is read with; NULL: imported */
	Jsonb	   *names;			/* what the names in the source meant to the author */
	Jsonb	   *params;			/* resolved hyper-parameters */
	Jsonb	   *metrics;		/* on the held-out rows, or NULL */
	Jsonb	   *data;			/* rows, skipped, fingerprint, features ... */
	int64		seed;
	char	   *library;		/* "xgboost 1.7.4" */
	double		seconds;
} EgVersionRow;

typedef struct EgArtifactPart
{
	char	   *value;			/* partition value; NULL: the model for all other rows */
	char	   *bytes;			/* container (docs/format.md) */
	Size		len;
	const char *library_bytes;	/* or NULL */
	Size		library_len;
} EgArtifactPart;

typedef enum EgPrivilege
{
	EG_PRIV_USE,				/* score, describe */
	EG_PRIV_MANAGE				/* retrain, deploy, drop, export: the owner's */
} EgPrivilege;

/*
 * 'churn' or 'churn@1.2.0' to a version, for scoring: checks that the current
 * user may use the model.  Errors UNDEFINED_OBJECT (model, version, none
 * deployed), INSUFFICIENT_PRIVILEGE, INVALID_PARAMETER_VALUE (bad reference).
 * Works in parallel workers and on a standby.  Cheap: saved plan.
 */
extern int64 eg_models_resolve(const char *reference);

/* The same; and the experiment that routes the rows of 'churn', or 0 ('churn@1.2.0': never). */
extern int64 eg_models_resolve_routed(const char *reference, int64 *experiment);

/* The same with the whole version row (palloc'd). */
extern EgVersionRow *eg_models_version(const char *reference, EgPrivilege privilege);

/* Model by name, locked against concurrent training, deployment and drop until commit when lock. */
extern EgModelRow *eg_models_get(const char *name, bool missing_ok, EgPrivilege privilege,
								 bool lock);
extern EgModelRow *eg_models_create(const char *name, Jsonb *split); /* owner: the current user */

/* Number for the next version by the rule patch/minor/major against the newest version. */
extern void eg_models_next_version(const EgModelRow *m, const char *algorithm, const char *task,
								   Jsonb *recipe, Jsonb *params, Jsonb *data, int *major,
								   int *minor, int *patch);

/* Insert version and artifacts (chunked); returns the version id and writes a 'train' event. */
extern int64 eg_models_add_version(const EgModelRow *m, const EgVersionRow *v,
								   const EgArtifactPart *parts, int nparts, const char *action);
extern void eg_models_deploy(const EgModelRow *m, int64 version_id, const char *action,
							 Jsonb *detail);

/* All artifact parts of a version (palloc'd); library selects the library's own bytes too. */
extern EgArtifactPart *eg_models_artifacts(int64 version_id, bool library, int *nparts);

/* Append to engage.event. */
extern void eg_models_event(int64 model_id, const char *model, const char *version,
							const char *action, Jsonb *detail);

#endif							/* EG_MODELS_H */
