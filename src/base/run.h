/*-------------------------------------------------------------------------
 *
 * run.h
 *	  What a long computation may use and how it reports: seed, threads,
 *	  memory, progress.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RUN_H
#define EG_RUN_H

/* what is remembered of the rounds, see base/history.h */
typedef struct EgHistory EgHistory;

typedef struct EgRun
{
	uint64		seed;			/* every random choice derives from it */
	int			threads;		/* at least 1; results must not depend on it */
	Size		memory_limit;	/* bytes the computation may allocate */

	/* progress; set by the caller, may be NULL */
	void		(*report) (struct EgRun *run, int done, int total,
						   const char *metric, double value);
	void	   *report_arg;

	EgHistory  *history;		/* or NULL: nobody wants it */
} EgRun;

/*
 * Call once for each outer iteration (boosting round, epoch, pass): answers
 * cancellation and reports progress.  metric may be NULL.  May throw.
 */
extern void eg_step(EgRun *run, int done, int total, const char *metric, double value);

/* Error PROGRAM_LIMIT_EXCEEDED that names needed and allowed memory and the setting. */
extern void eg_check_memory(Size needed, Size allowed, const char *what);

/*
 * Zeroed memory for the state of an aggregate that grows with its rows, which is a value: error
 * PROGRAM_LIMIT_EXCEEDED beyond engage.max_memory, or what a value can hold.  held: the
 * bytes that stay until the new ones are filled.
 */
extern void *eg_state_alloc(Size bytes, Size held, const char *what);

#endif							/* EG_RUN_H */
