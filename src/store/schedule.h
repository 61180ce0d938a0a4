/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  Jobs of pg_cron.  They are the current user's: its own row-level security
 *	  says who sees them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SCHEDULE_H
#define EG_SCHEDULE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* The name of a model's job; model NULL: all models. */
extern char *eg_job_name(const char *action, const char *model);

/* Can the command be planned as it stands?  Errors are the parser's. */
extern void eg_job_try(const char *command);

/* Error unless pg_cron can be called from here; command: for the detail. */
extern void eg_cron_require(const char *command, const char *schedule);

/* Make or change a job; database NULL: this one.  Returns its number. */
extern int64 eg_cron_schedule(const char *name, const char *schedule, const char *command,
							  const char *database);

/* Remove the current user's job of that name; false: there was none. */
extern bool eg_cron_unschedule(const char *name);

typedef struct EgJob
{
	int64		id;
	char	   *action;
	char	   *model;			/* NULL: all */
	char	   *schedule;
	char	   *command;
	char	   *database;
	char	   *who;
	bool		active;
	bool		ran;
	TimestampTz last_run;
	char	   *last_status;
	char	   *last_message;
} EgJob;

/* Jobs (EgJob *) that eg_cron_schedule() made and the current user sees; NIL without pg_cron. */
extern List *eg_cron_jobs(void);

#endif							/* EG_SCHEDULE_H */
