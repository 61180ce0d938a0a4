/*-------------------------------------------------------------------------
 *
 * monitor.h
 *	  What the files of engage_monitor(), engage_check() and
 *	  engage_retrain_if() share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_MONITOR_H
#define EG_API_MONITOR_H

#include "api/thresholds.h"
#include "store/check.h"
#include "store/models.h"
#include "store/monitor.h"

extern EgTask eg_version_task(const EgVersionRow *v);

/* The columns (char *) that rows must have to be scored. */
extern List *eg_version_columns(const EgVersionRow *v);

/*
 * Retrain because of a check; the event says why.  NULL when it went well, and
 * an open alert "retraining" is resolved; else what failed, with that alert raised
 * in *failed (its name stays NULL when it went well).
 */
extern char *eg_retrain_because(const EgModelRow *m, const EgVersionRow *v,
								const char *deploy, const EgCheckLine *cause, EgRetrained *made,
								EgCheckLine *failed);

/* Event detail: why, with the numbers; more is a list of members, or NULL. */
extern Jsonb *eg_cause_json(const EgCheckLine *cause, const char *more);

#endif							/* EG_API_MONITOR_H */
