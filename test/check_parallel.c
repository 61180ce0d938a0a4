/*
 * check_parallel.c - the team of threads of src/base/parallel.c, under ThreadSanitizer where there is one
 *
 * Compiled by check_parallel.sh together with parallel.c alone; prints lines of TAP.
 */
#include "postgres.h"

#include <setjmp.h>

#include "base/parallel.h"
#include "miscadmin.h"
#include "storage/ipc.h"

#undef printf

#define TASKS	300
#define ROUNDS	40

/* what parallel.c needs of the server: an error jumps to where the team was called */
volatile sig_atomic_t InterruptPending;
sigjmp_buf *PG_exception_stack;
ErrorContextCallback *error_context_stack;
static int	errors;

void
ProcessInterrupts(void)
{
}

void
before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
}

void
cancel_before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
}

void *
palloc0(Size n)
{
	return calloc(1, n);
}

void *
palloc_extended(Size n, int flags)
{
	return calloc(1, n);
}

void
pfree(void *p)
{
	free(p);
}

bool
errstart(int level, const char *domain)
{
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return true;
}

void
errfinish(const char *file, int line, const char *function)
{
	errors++;
	siglongjmp(*PG_exception_stack, 1);
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	return 0;
}

int
errhint(const char *format,...)
{
	return 0;
}

void
pg_re_throw(void)
{
	siglongjmp(*PG_exception_stack, 1);
}

/* ---------------- the trials ---------------- */

typedef struct Trial
{
	int			fail_at;		/* done() throws at this task, -1: never */
	int			stop_at;		/* the task gives up */
	int			ndone;
	bool		in_order;
	uint64		sum;
} Trial;

static void *
start(void *arg, EgWorker *w)
{
	return eg_arena_alloc(w->own, 1000);
}

/* Some work whose result follows from the number alone, in memory that grows. */
static void *
task(void *arg, EgWorker *w, int i)
{
	const Trial *t = arg;
	int			n = 100 + (i * 37) % 1000;
	uint64	   *v = eg_arena_alloc(w->task, n * sizeof(uint64));
	uint64		sum = 0;
	int			k;

	if (v == NULL || i == t->stop_at || eg_worker_stop(w))
		return NULL;
	for (k = 0; k < n; k++)
		v[k] = (uint64) k * i;
	v = eg_arena_resize(w->task, v, 3 * n * sizeof(uint64));
	if (v == NULL)
		return NULL;
	for (k = 0; k < n; k++)
		sum += v[k];
	memset(w->state, i, 1000);
	v[0] = sum;
	return v;
}

static void
done(void *arg, int i, void *result)
{
	Trial	   *t = arg;

	t->in_order = t->in_order && i == t->ndone;
	t->ndone++;
	t->sum = t->sum * 31 + *(uint64 *) result;
	if (i == t->fail_at)
		siglongjmp(*PG_exception_stack, 1);
}

/* Run a team; did it come back normally? */
static bool
run(Trial *t, int threads, Size limit)
{
	EgTeamSpec	spec = {"trial", threads, TASKS, limit, t, start, task, done};
	sigjmp_buf	here;

	t->ndone = 0;
	t->in_order = true;
	t->sum = 0;
	PG_exception_stack = &here;
	if (sigsetjmp(here, 0) != 0)
		return false;
	eg_team_run(&spec);
	return true;
}

static int	count;
static int	failed;

static void
ok(bool passed, const char *what)
{
	failed += !passed;
	printf("%s %d - %s\n", passed ? "ok" : "not ok", ++count, what);
}

int
main(void)
{
	Trial		t = {-1, -1};
	uint64		expected;
	bool		same = true;
	bool		ordered = true;
	bool		thrown = true;
	bool		limited = true;
	bool		gave_up = true;
	int			round;
	int			threads;

	(void) run(&t, 1, (Size) 1 << 30);
	expected = t.sum;
	for (round = 0; round < ROUNDS; round++)
	{
		threads = 2 + round % 7;
		t.fail_at = t.stop_at = -1;
		same = run(&t, threads, (Size) 1 << 30) && same && t.sum == expected && t.ndone == TASKS;
		ordered = ordered && t.in_order;
		t.fail_at = round * 7;
		thrown = !run(&t, threads, (Size) 1 << 30) && thrown && t.ndone == t.fail_at + 1;
		t.fail_at = -1;
		errors = 0;
		limited = !run(&t, threads, 20000) && limited && errors == 1;
		t.stop_at = round * 5;
		gave_up = run(&t, threads, (Size) 1 << 30) && gave_up && t.ndone <= t.stop_at;
	}
	ok(same, "every number of threads gives the same results");
	ok(ordered, "which are handed over in order");
	ok(thrown, "an error on the main thread ends the team");
	ok(limited, "too much memory is an error");
	ok(gave_up, "a task that gives up ends the team, what follows is not handed over");
	t.stop_at = -1;
	ok(!run(&t, 1, 2000) && errors == 2, "too much memory on the main thread is an error, too");
	printf("1..%d\n", count);
	return failed > 0;
}
