/*-------------------------------------------------------------------------
 *
 * parallel.h
 *	  A team of threads that works through numbered tasks.
 *
 * A task runs on any thread, so it must not call the server: no palloc, no
 * ereport, no CHECK_FOR_INTERRUPTS, no Assert.  What it may do is compute,
 * ask for memory here, and ask whether to stop.  Results must not depend on
 * the thread: they are handed over on the main thread, in the order of the
 * tasks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PARALLEL_H
#define EG_PARALLEL_H

#include <signal.h>

#include "base/run.h"

typedef struct EgTeam EgTeam;
typedef struct EgArena EgArena;

/* What a task sees of the thread that it runs on. */
typedef struct EgWorker
{
	EgTeam	   *team;
	int			number;			/* from 0 */
	EgArena    *own;			/* memory until the team is done */
	EgArena    *task;			/* memory until the task's result is taken */
	void	   *state;			/* of spec->start() */
} EgWorker;

typedef struct EgTeamSpec
{
	const char *what;			/* for errors: "growing trees" */
	int			threads;		/* at most; 1 runs all on the main thread */
	int			ntasks;
	Size		memory_limit;	/* of all arenas together */
	void	   *arg;

	/* On each thread before its first task: what it needs for itself.  May be NULL. */
	void	   *(*start) (void *arg, EgWorker *w);

	/* Any thread.  Returns what done() takes; NULL when memory or time is up. */
	void	   *(*task) (void *arg, EgWorker *w, int i);

	/* Main thread, i ascending.  May throw. */
	void		(*done) (void *arg, int i, void *result);
} EgTeamSpec;

/*
 * Do all tasks.  Interrupts are answered at least every 100 ms; whatever ends
 * this, an error, the session or the server's shutdown, the threads have ended
 * before the caller's memory goes.  Error PROGRAM_LIMIT_EXCEEDED when the
 * tasks want more memory than is allowed.
 */
extern void eg_team_run(const EgTeamSpec *spec);

/*
 * Should the task give up?  Ask every few milliseconds.  On the main thread
 * this answers interrupts, and may throw.
 */
extern bool eg_worker_stop(EgWorker *w);

/*
 * Memory of a thread; NULL when there is no more, and then the task returns
 * NULL.  What is not given back goes with the arena.
 */
extern void *eg_arena_alloc(EgArena *a, Size size);
extern void *eg_arena_resize(EgArena *a, void *p, Size size);

/* A thread keeps the signal mask that it was born with: all blocked but those of faults. */
extern void eg_signals_block(sigset_t *saved);
extern void eg_signals_restore(const sigset_t *saved);

#endif							/* EG_PARALLEL_H */
