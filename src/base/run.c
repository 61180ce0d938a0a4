/*-------------------------------------------------------------------------
 *
 * run.c
 *	  What a long computation owes the server: answers to interrupts, a sign
 *	  of progress, and a memory bound that is checked before allocating.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/run.h"
#include "engage.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MEGABYTE	((Size) 1024 * 1024)

void
eg_step(EgRun *run, int done, int total, const char *metric, double value)
{
	CHECK_FOR_INTERRUPTS();

	if (run != NULL && run->report != NULL)
		run->report(run, done, total, metric, value);
}

void
eg_check_memory(Size needed, Size allowed, const char *what)
{
	if (needed <= allowed)
		return;

	/* round apart, so that the message never says that 64 MB is more than 64 MB */
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s needs about %zu MB of memory, but only %zu MB are allowed",
					what,
					(size_t) (needed / MEGABYTE + (needed % MEGABYTE != 0)),
					(size_t) (allowed / MEGABYTE)),
			 errhint("Raise \"engage.max_memory\", or use fewer rows or columns.")));
}

void *
eg_state_alloc(Size bytes, Size held, const char *what)
{
	eg_check_memory(bytes + held, (Size) eg_max_memory * 1024, what);
	if (!AllocSizeIsValid(bytes))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s needs %zu MB, but a value has at most %zu MB", what,
						(size_t) (bytes / MEGABYTE), (size_t) (MaxAllocSize / MEGABYTE)),
				 errhint("Use fewer rows or columns.")));
	return palloc0(bytes);
}
