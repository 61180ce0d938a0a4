/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What others see of a long call.
 *
 * pg_stat_activity.query is the one place that every tool shows and that
 * needs no preloaded library; autovacuum reports its work there, too.  The
 * user's own query follows the bar, so that the session can still be told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#if PG_VERSION_NUM >= 140000
#include "utils/backend_status.h"
#endif

#include "engage.h"
#include "store/progress.h"

#define BAR_WIDTH			20
#define SECONDS_BETWEEN		2.0

/* "1 min 5 s left" */
static void
append_left(StringInfo line, double seconds)
{
	if (seconds >= 60)
		appendStringInfo(line, ", %d min %d s left", (int) (seconds / 60), (int) seconds % 60);
	else
		appendStringInfo(line, ", %d s left", (int) (seconds + 0.5));
}

static void
report(EgRun *run, int done, int total, const char *metric, double value)
{
	EgProgress *p = run->report_arg;
	StringInfoData line;
	instr_time	now;
	double		elapsed;
	int			i;

	if (metric)
	{
		strlcpy(p->metric, metric, sizeof(p->metric));
		p->value = value;
	}
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, p->start);
	elapsed = INSTR_TIME_GET_DOUBLE(now);
	if (elapsed - p->last < SECONDS_BETWEEN)
		return;
	p->last = elapsed;

	initStringInfo(&line);
	appendStringInfo(&line, "%s: ", p->what);
	if (total > 0)
	{
		appendStringInfoChar(&line, '[');
		for (i = 0; i < BAR_WIDTH; i++)
			appendStringInfoChar(&line, (int64) i * total < (int64) done * BAR_WIDTH ? '#' : '.');
		appendStringInfo(&line, "] %s %d of %d", p->step, done, total);
	}
	else
		appendStringInfo(&line, "%s %d", p->step, done);
	if (p->metric[0])
		appendStringInfo(&line, ", %s %.4g", p->metric, p->value);
	if (total > 0 && done > 0)
		append_left(&line, elapsed * (total - done) / done);

	if (eg_progress)
		ereport(NOTICE, (errmsg_internal("%s", line.data)));

	appendStringInfo(&line, " -- %s", debug_query_string ? debug_query_string : "");
	pgstat_report_activity(STATE_RUNNING, line.data);
	p->shown = true;
	pfree(line.data);
}

void
eg_progress_start(EgProgress *p, EgRun *run, const char *what, const char *step)
{
	p->what = what;
	p->step = step;
	p->last = 0;
	p->metric[0] = '\0';
	INSTR_TIME_SET_CURRENT(p->start);
	if (p->run != run)
		p->before = *run;
	p->run = run;
	run->report = report;
	run->report_arg = p;
}

void
eg_progress_end(EgProgress *p)
{
	if (p->shown)
		pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
	p->shown = false;
	if (p->run && p->run->report_arg == p)
	{
		p->run->report = p->before.report;
		p->run->report_arg = p->before.report_arg;
	}
	p->run = NULL;
}
