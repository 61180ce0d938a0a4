/*-------------------------------------------------------------------------
 *
 * experiment.h
 *	  A/B tests: which arm answers for a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_EXPERIMENT_H
#define EG_EXPERIMENT_H

#include "access/htup.h"
#include "store/models.h"
#include "store/score.h"

typedef struct EgExperiment
{
	int64		id;
	char	   *name;
	int64		model_id;
	char	   *key;			/* column that routes */
	bool		shadow;			/* the first arm answers for all */
	double		planned;
	int			narms;
	int64	   *version_id;		/* (narms) */
	char	  **version;		/* (narms) "1.2.0" */
	double	   *weight;			/* (narms) adding up to 1 */
	uint64		seed;			/* of the hash: from the name, so a restored copy routes alike */
} EgExperiment;

/* A running experiment's definition, which never changes; for call sites: saved plan. */
extern EgExperiment *eg_experiment_by_id(int64 id);

/* By name, for whom may use its model; the model's name in *model. */
extern EgExperiment *eg_experiment_get(const char *name, char **model);

/* The arm (from 0) of a key's text. */
extern int	eg_experiment_arm(const EgExperiment *e, const char *text, int len);

typedef struct EgExperimentSpec
{
	const char *name;
	int			narms;
	char	  **versions;		/* (narms) as the user wrote them */
	double	   *weights;		/* (narms) or NULL: all alike */
	const char *key;
	bool		shadow;
	int64		planned;
} EgExperimentSpec;

/* The model is the caller's to manage, and locked. */
extern void eg_experiment_start(const EgModelRow *m, const EgExperimentSpec *spec);

/*
 * End it.  winner: an arm's version, which is deployed, or NULL.  model must be locked:
 * eg_experiment_get() says which.
 */
extern void eg_experiment_finish(const EgModelRow *m, const EgExperiment *e, const char *winner);

/* Error OBJECT_IN_USE when the version is an arm of the model's running experiment. */
extern void eg_experiment_check_drop(const EgModelRow *m, int64 version_id, const char *version);

/* ----------
 * Routers: the scorers of an experiment's arms, and the arm of each row
 * ----------
 */

typedef struct EgRouter EgRouter;

/* Lives in context, with the pins on the arms' models. */
extern EgRouter *eg_router_create(int64 experiment, MemoryContext context);
extern const EgExperiment *eg_router_experiment(const EgRouter *r);
extern EgScorer *eg_router_scorer(EgRouter *r, int arm);

/*
 * The arm (from 0) of a row; NULL in the key is the first arm.  Errors
 * UNDEFINED_COLUMN, DATATYPE_MISMATCH.
 */
extern int	eg_router_tuple(EgRouter *r, HeapTupleHeader tuple);
extern int	eg_router_jsonb(EgRouter *r, const Jsonb *row);

/* The same from values in place; desc is needed until eg_router_has_values(). */
extern bool eg_router_has_values(const EgRouter *r);
extern int	eg_router_values(EgRouter *r, TupleDesc desc, const Datum *values,
							 const bool *nulls);

#endif							/* EG_EXPERIMENT_H */
