/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What others see of a long call: a NOTICE with a bar every few seconds,
 *	  and the same line in pg_stat_activity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PROGRESS_H
#define EG_PROGRESS_H

#include "base/run.h"
#include "portability/instr_time.h"

typedef struct EgProgress
{
	const char *what;			/* "training churn" */
	const char *step;			/* "reading", "round" */
	instr_time	start;			/* of this step */
	double		last;			/* seconds after start of the last line shown */
	bool		shown;			/* pg_stat_activity holds our line */
	char		metric[32];		/* the last that was reported, "" for none */
	double		value;
	EgRun	   *run;			/* that reports here, NULL before and after */
	EgRun		before;			/* where it reported until then */
} EgProgress;

/* Have run report to p, which begins as zeros; what and step are kept, not copied. */
extern void eg_progress_start(EgProgress *p, EgRun *run, const char *what, const char *step);

/*
 * Put the query back into pg_stat_activity, and have run report where it did before; p may be
 * gone then.  Call it after errors as well.
 */
extern void eg_progress_end(EgProgress *p);

#endif							/* EG_PROGRESS_H */
