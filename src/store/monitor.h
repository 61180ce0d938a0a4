/*-------------------------------------------------------------------------
 *
 * monitor.h
 *	  The tables of monitoring: what to watch of a model, what checks found,
 *	  alerts.  Written as the extension's owner, after the caller's rights have
 *	  been checked with eg_models_get().
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MONITOR_H
#define EG_MONITOR_H

#include "nodes/pg_list.h"
#include "store/gate.h"
#include "store/models.h"

typedef struct EgMonitor
{
	int64		model_id;
	EgText		text;			/* source and outcomes: whose, under which path */
	char	   *source;
	char	   *outcomes;		/* or NULL */
	Jsonb	   *thresholds;
	char	   *policy;
	bool		resting;		/* the last action is less than cooldown ago */
	char	   *rests_until;	/* when resting */
	char	   *reference_version;	/* of reference_mean, or NULL */
	double		reference_mean; /* of the first predictions seen */
} EgMonitor;

/* What is watched of a model; NULL: nothing.  model: its name. */
extern EgMonitor *eg_monitor_get(int64 model_id, const char *model);

/* cooldown in seconds; author, search_path and what names mean are the caller's */
extern void eg_monitor_put(const EgModelRow *m, const char *source, const char *outcomes,
						   Jsonb *thresholds, const char *policy, double cooldown);

/* False when it was not watched.  Open alerts are resolved. */
extern bool eg_monitor_remove(const EgModelRow *m);

/*
 * Names (char *) of the watched models that the current user may manage, in order; those
 * whose sources the current user may not have run are left out, with a notice.
 */
extern List *eg_monitor_models(void);

/*
 * One session at a time checks or retrains a model by itself: false at once when
 * another one is at it.  Held until the end of the transaction.
 */
extern bool eg_monitor_lock(int64 model_id);

extern void eg_monitor_set_reference(int64 model_id, const char *version, double mean);
extern void eg_monitor_set_acted(int64 model_id);

/* What one check found. */
typedef struct EgCheckLine
{
	char	   *name;
	double		value;			/* NaN: none */
	double		threshold;		/* NaN: none */
	const char *status;			/* "ok", "alert", "unknown", "error" */
	char	   *message;		/* of the alert */
	Jsonb	   *detail;			/* or NULL */
	int64		alert;			/* id of the open alert, or 0 */
	bool		acknowledged;
	char	   *action;			/* or NULL */
} EgCheckLine;

extern void eg_check_result_put(int64 model_id, const char *version, const EgCheckLine *line);

/* Open an alert, or count it once more; fills line->alert and line->acknowledged. */
extern void eg_alert_raise(const EgModelRow *m, const char *version, EgCheckLine *line);

/* Resolve the open alert of a check, if there is one; reason for the event. */
extern void eg_alert_resolve(const EgModelRow *m, const char *version, const char *check,
							 const char *reason);

/* Resolve open alerts of checks whose names (char *) are not in the list. */
extern void eg_alert_resolve_others(const EgModelRow *m, List *checks, const char *reason);

/* The name of an alert's model: error UNDEFINED_OBJECT when there is none that the user may use. */
extern char *eg_alert_model(int64 alert);
extern void eg_alert_acknowledge(const EgModelRow *m, int64 alert, const char *note);

/* Remove results, and resolved alerts, older than so many seconds; how many rows. */
extern int64 eg_monitor_forget(const EgModelRow *m, double seconds);

/* Days since a version was trained; never below 0. */
extern double eg_version_age(int64 version_id);

#endif							/* EG_MONITOR_H */
