/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  A team of threads that works through numbered tasks; the only place
 *	  where we start threads.
 *
 * The server is a single-threaded program that longjmps and takes signals:
 *
 * 1. Threads are born with all signals blocked, so that the kernel runs the
 *	  server's handlers on the main thread alone.
 * 2. They call no server function; memory is malloc's, kept in arenas.
 * 3. The main thread does no task while there are others: it waits, at most
 *	  50 ms at a time, and answers interrupts in between.  The wait itself is
 *	  not ended by a signal, and needs no latch.
 * 4. An error on the main thread, a terminated session and a shutdown all
 *	  pass through team_end(), which tells the threads to stop and waits for
 *	  them.  PG_TRY would not do: FATAL does not unwind, it exits, and would
 *	  take the memory away from under threads that still use it.
 *
 * Tasks are dealt out in ascending order, each to the first thread that is
 * free; finished ones wait until their turn comes to be handed over.  Threads
 * run ahead of that only so far, or waiting results would fill the memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <time.h>

#include "base/parallel.h"
#include "miscadmin.h"
#include "storage/ipc.h"

#define WAIT_MS			50
#define AHEAD			4		/* results that may wait, for each thread */
#define STACK_SIZE		(1024 * 1024)

/* what follows is aligned for vectors */
#define BLOCK_HEADER	TYPEALIGN(16, sizeof(ArenaBlock))

typedef struct ArenaBlock
{
	struct ArenaBlock *next;
	struct ArenaBlock *prev;
	Size		size;
} ArenaBlock;

struct EgArena
{
	EgTeam	   *team;
	ArenaBlock	head;			/* of a ring */
};

typedef struct Task
{
	EgArena		arena;
	void	   *result;
	bool		finished;
} Task;

struct EgTeam
{
	const EgTeamSpec *spec;
	bool		inline_tasks;	/* all on the main thread */
	Task	   *tasks;			/* (ntasks) */
	EgArena    *own;			/* (threads) */
	EgWorker   *workers;		/* (threads) */
	pthread_t  *threads;
	int			nthreads;		/* that were started */

	Size		used;			/* bytes of all arenas; atomic */
	int			stop;			/* atomic */
	int			full;			/* a task found no memory; atomic */

	pthread_mutex_t mutex;		/* for what follows, and for finished */
	pthread_cond_t progress;	/* a task is finished, or none will be any more */
	pthread_cond_t room;		/* a result was taken */
	int			next;			/* task that nobody has begun */
	int			taken;			/* results that were handed over */
};

/* ---------------- signals ---------------- */

void
eg_signals_block(sigset_t *saved)
{
	sigset_t	all;

	/* a fault must still reach the server's crash handling */
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	sigdelset(&all, SIGTRAP);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

void
eg_signals_restore(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* ---------------- memory ---------------- */

static void
arena_init(EgArena *a, EgTeam *team)
{
	a->team = team;
	a->head.next = a->head.prev = &a->head;
}

static void
arena_free(EgArena *a)
{
	while (a->head.next != NULL && a->head.next != &a->head)
	{
		ArenaBlock *b = a->head.next;

		a->head.next = b->next;
		__atomic_fetch_sub(&a->team->used, b->size, __ATOMIC_RELAXED);
		free(b);
	}
	a->head.prev = &a->head;
}

/* Count size more bytes, or say that they are too many. */
static bool
arena_take(EgTeam *team, Size size)
{
	Size		used = __atomic_add_fetch(&team->used, size, __ATOMIC_RELAXED);

	if (used <= team->spec->memory_limit)
		return true;
	__atomic_fetch_sub(&team->used, size, __ATOMIC_RELAXED);
	__atomic_store_n(&team->full, 1, __ATOMIC_RELAXED);
	return false;
}

void *
eg_arena_resize(EgArena *a, void *p, Size size)
{
	ArenaBlock *old = p != NULL ? (ArenaBlock *) ((char *) p - BLOCK_HEADER) : NULL;
	Size		before = old != NULL ? old->size : 0;
	ArenaBlock *b;

	size += BLOCK_HEADER;
	if (size > before && !arena_take(a->team, size - before))
		return NULL;
	b = realloc(old, size);
	if (b == NULL)
	{
		if (size > before)
			__atomic_fetch_sub(&a->team->used, size - before, __ATOMIC_RELAXED);
		__atomic_store_n(&a->team->full, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (size < before)
		__atomic_fetch_sub(&a->team->used, before - size, __ATOMIC_RELAXED);
	b->size = size;
	if (old == NULL)
	{
		b->prev = &a->head;
		b->next = a->head.next;
	}
	b->next->prev = b;
	b->prev->next = b;
	return (char *) b + BLOCK_HEADER;
}

void *
eg_arena_alloc(EgArena *a, Size size)
{
	return eg_arena_resize(a, NULL, size);
}

/* ---------------- tasks ---------------- */

bool
eg_worker_stop(EgWorker *w)
{
	if (w->team->inline_tasks)
		CHECK_FOR_INTERRUPTS();
	return __atomic_load_n(&w->team->stop, __ATOMIC_RELAXED) != 0;
}

/* Do task i; false when there will be no result. */
static bool
do_task(EgWorker *w, int i)
{
	const EgTeamSpec *spec = w->team->spec;

	w->task = &w->team->tasks[i].arena;
	w->team->tasks[i].result = spec->task(spec->arg, w, i);
	return w->team->tasks[i].result != NULL;
}

static bool
start_worker(EgWorker *w)
{
	const EgTeamSpec *spec = w->team->spec;

	if (spec->start == NULL)
		return true;
	w->state = spec->start(spec->arg, w);
	return w->state != NULL;
}

static void *
thread_main(void *arg)
{
	EgWorker   *w = arg;
	EgTeam	   *team = w->team;
	bool		fine = start_worker(w);

	pthread_mutex_lock(&team->mutex);
	while (fine && team->next < team->spec->ntasks && !eg_worker_stop(w))
	{
		int			i;

		if (team->next - team->taken >= AHEAD * team->spec->threads)
		{
			pthread_cond_wait(&team->room, &team->mutex);
			continue;
		}
		i = team->next++;
		pthread_mutex_unlock(&team->mutex);
		fine = do_task(w, i);
		pthread_mutex_lock(&team->mutex);
		team->tasks[i].finished = fine;
		pthread_cond_signal(&team->progress);
	}
	if (!fine)
	{
		__atomic_store_n(&team->stop, 1, __ATOMIC_RELAXED);
		pthread_cond_signal(&team->progress);
		pthread_cond_broadcast(&team->room);
	}
	pthread_mutex_unlock(&team->mutex);
	return NULL;
}

static void
hand_over(EgTeam *team, int i)
{
	team->spec->done(team->spec->arg, i, team->tasks[i].result);
	arena_free(&team->tasks[i].arena);
	pthread_mutex_lock(&team->mutex);
	team->taken++;
	pthread_cond_broadcast(&team->room);
	pthread_mutex_unlock(&team->mutex);
}

static void
run_inline(EgTeam *team)
{
	int			i;

	if (!start_worker(&team->workers[0]))
		return;
	for (i = 0; i < team->spec->ntasks && do_task(&team->workers[0], i); i++)
	{
		team->tasks[i].finished = true;
		hand_over(team, i);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Wait until task i is finished, or nothing more will be; answer interrupts. */
static bool
wait_for_task(EgTeam *team, int i)
{
	for (;;)
	{
		struct timespec until;
		bool		finished;
		bool		stopped;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WAIT_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_mutex_lock(&team->mutex);
		if (!team->tasks[i].finished && !__atomic_load_n(&team->stop, __ATOMIC_RELAXED))
			(void) pthread_cond_timedwait(&team->progress, &team->mutex, &until);
		finished = team->tasks[i].finished;
		stopped = __atomic_load_n(&team->stop, __ATOMIC_RELAXED) != 0;
		pthread_mutex_unlock(&team->mutex);
		CHECK_FOR_INTERRUPTS();
		if (finished || stopped)
			return finished;
	}
}

static void
run_threads(EgTeam *team, int wanted)
{
	sigset_t	saved;
	pthread_attr_t attributes;
	int			i;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	eg_signals_block(&saved);
	for (i = 0; i < wanted; i++)
	{
		if (pthread_create(&team->threads[i], &attributes, thread_main, &team->workers[i]) != 0)
			break;
		team->nthreads++;
	}
	eg_signals_restore(&saved);
	pthread_attr_destroy(&attributes);

	/* a machine that gives no threads gets its work done all the same */
	if (team->nthreads == 0)
	{
		team->inline_tasks = true;
		run_inline(team);
		return;
	}
	for (i = 0; i < team->spec->ntasks && wait_for_task(team, i); i++)
		hand_over(team, i);
}

/* Stop, wait, and give all memory back; on every way out. */
static void
team_end(int code, Datum arg)
{
	EgTeam	   *team = (EgTeam *) DatumGetPointer(arg);
	int			i;

	pthread_mutex_lock(&team->mutex);
	__atomic_store_n(&team->stop, 1, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&team->room);
	pthread_mutex_unlock(&team->mutex);
	for (i = 0; i < team->nthreads; i++)
		pthread_join(team->threads[i], NULL);
	team->nthreads = 0;
	for (i = 0; i < team->spec->ntasks; i++)
		arena_free(&team->tasks[i].arena);
	for (i = 0; i < team->spec->threads; i++)
		arena_free(&team->own[i]);
}

void
eg_team_run(const EgTeamSpec *given)
{
	EgTeamSpec	spec = *given;
	EgTeam	   *team = palloc0(sizeof(EgTeam));
	int			i;

	spec.threads = Max(Min(spec.threads, spec.ntasks), 1);
	team->spec = &spec;
	team->inline_tasks = spec.threads == 1;
	team->tasks = palloc_extended((Size) spec.ntasks * sizeof(Task),
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	team->own = palloc0(spec.threads * sizeof(EgArena));
	team->workers = palloc0(spec.threads * sizeof(EgWorker));
	team->threads = palloc0(spec.threads * sizeof(pthread_t));
	for (i = 0; i < spec.ntasks; i++)
		arena_init(&team->tasks[i].arena, team);
	for (i = 0; i < spec.threads; i++)
	{
		arena_init(&team->own[i], team);
		team->workers[i].team = team;
		team->workers[i].number = i;
		team->workers[i].own = &team->own[i];
	}
	pthread_mutex_init(&team->mutex, NULL);
	pthread_cond_init(&team->progress, NULL);
	pthread_cond_init(&team->room, NULL);

	PG_ENSURE_ERROR_CLEANUP(team_end, PointerGetDatum(team));
	{
		if (team->inline_tasks)
			run_inline(team);
		else
			run_threads(team, spec.threads);

		/* too much memory is an error of the first task that lacks a result */
		if (__atomic_load_n(&team->full, __ATOMIC_RELAXED))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("%s needs more than the %zu MB of memory that are allowed",
							spec.what, (size_t) (spec.memory_limit / (1024 * 1024))),
					 errhint("Raise \"engage.max_memory\", or use fewer rows or columns.")));
	}
	PG_END_ENSURE_ERROR_CLEANUP(team_end, PointerGetDatum(team));
	team_end(0, PointerGetDatum(team));
	pthread_cond_destroy(&team->room);
	pthread_cond_destroy(&team->progress);
	pthread_mutex_destroy(&team->mutex);
	pfree(team->tasks);
	pfree(team->own);
	pfree(team->workers);
	pfree(team->threads);
	pfree(team);
}
