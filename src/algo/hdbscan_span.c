/*-------------------------------------------------------------------------
 *
 * hdbscan_span.c
 *	  A minimum spanning tree of the mutual reachability of all pairs of rows.
 *
 * Boruvka's rounds: every component looks for its least edge to another one, all
 * of these edges join the tree, components become one.  What each row found is
 * kept: while the row at the other end is of another component, it is still the
 * least; when it is not, its length still bounds the next one from below.  A row
 * whose bound is not below what its component has found already does not look
 * at all, and one that does looks no farther than that.
 *
 * Rows search in threads, and share the least length of their component so far.
 * When a thread learns of it is a matter of time, and so is which of several
 * equal edges is found; lengths are not, and the hierarchy depends on nothing
 * else (hdbscan_tree.c).
 *
 * Equal edges make no circle that is not seen: an edge whose ends have become one
 * component within the round is left out.
 *
 * Sources: O. Boruvka, 1926; W. B. March, P. Ram, A. G. Gray, "Fast Euclidean Minimum
 * Spanning Tree: Algorithm, Analysis, and Applications", KDD 2010; L. McInnes,
 * J. Healy, "Accelerated Hierarchical Density Based Clustering", ICDM Workshops 2017.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/hdbscan.h"
#include "base/parallel.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK			EG_NEAR_BLOCK
#define CHECK_ROWS		65536
#define TASK_BLOCKS		8		/* at least */
#define MAX_TASKS		512
#define STEPS			100		/* of progress: half for core distances */

typedef struct Span
{
	EgReach    *r;
	EgRun	   *run;
	int			k;				/* core distances: of the nearest row that counts */
	Size		task_rows;
	int			ntasks;
	double		from;			/* progress of this pass */
	double		to;

	double	   *cost;			/* (nrows) of the edge found, or below the next one */
	uint32	   *other;			/* (nrows) its other end, EG_NO_ROW: to be looked for */
	uint64	   *least;			/* (nrows) for each component, bits of the least cost; atomic */
	uint32	   *best;			/* (nrows) for each component, row that found its edge */
	uint32	   *parent;			/* (nrows) union-find */
} Span;

typedef struct Scratch
{
	float	   *q;				/* (width) */
	EgFound    *heap;			/* (k) */
} Scratch;

Size
eg_span_memory(void)
{
	return sizeof(double) + sizeof(uint64) + 4 * sizeof(uint32) + 2 * sizeof(EgEdge);
}

/* ---------------- passes over the rows ---------------- */

static void *
start_thread(void *arg, EgWorker *w)
{
	const Span *s = arg;
	Scratch    *scratch = eg_arena_alloc(w->own, sizeof(Scratch));

	if (scratch == NULL)
		return NULL;
	scratch->q = eg_arena_alloc(w->own, s->r->near->width * sizeof(float));
	scratch->heap = eg_arena_alloc(w->own, Max(s->k, 1) * sizeof(EgFound));
	return scratch->q != NULL && scratch->heap != NULL ? scratch : NULL;
}

static void
done_task(void *arg, int i, void *result)
{
	Span	   *s = arg;
	double		done = s->from + (s->to - s->from) * (i + 1) / s->ntasks;

	eg_step(s->run, (int) (done * STEPS), STEPS, NULL, 0);
}

static void
run_pass(Span *s, const char *what, void *(*task) (void *arg, EgWorker *w, int i), int k,
		 double from, double to)
{
	Size		nrows = s->r->near->nrows;
	EgTeamSpec	team = {0};

	s->task_rows = Max(nrows / MAX_TASKS / BLOCK + 1, TASK_BLOCKS) * BLOCK;
	s->ntasks = (int) ((nrows + s->task_rows - 1) / s->task_rows);
	s->k = k;
	s->from = from;
	s->to = to;
	team.what = what;
	team.threads = s->run->threads;
	team.ntasks = s->ntasks;
	team.memory_limit = s->run->memory_limit;
	team.arg = s;
	team.start = start_thread;
	team.task = task;
	team.done = done_task;
	eg_team_run(&team);
}

static void *
core_task(void *arg, EgWorker *w, int task)
{
	Span	   *s = arg;
	Scratch    *scratch = w->state;
	const EgNear *near = s->r->near;
	Size		row = task * s->task_rows;
	Size		end = Min(row + s->task_rows, near->nrows);

	for (; row < end; row++)
	{
		if (eg_worker_stop(w))
			return NULL;
		eg_reach_row(near, row, scratch->q);
		eg_reach_nearest(near, scratch->q, scratch->heap, s->k);
		s->r->core[row] = scratch->heap[0].square;
	}
	return s;
}

void
eg_span_cores(EgReach *r, int min_samples, EgRun *run)
{
	Span		s = {0};

	s.r = r;
	s.run = run;
	run_pass(&s, "finding core distances", core_task,
			 (int) Min((Size) min_samples, r->near->nrows), 0, 0.5);
	eg_reach_set_least(r);
}

/* ---------------- rounds ---------------- */

/* Numbers from zero up are in the order of their bits. */
static inline uint64
bits_of(double v)
{
	uint64		bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static inline double
number_of(uint64 bits)
{
	double		v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static void
lower(uint64 *least, double cost)
{
	uint64		bits = bits_of(cost);
	uint64		old = __atomic_load_n(least, __ATOMIC_RELAXED);

	while (bits < old && !__atomic_compare_exchange_n(least, &old, bits, true, __ATOMIC_RELAXED,
													  __ATOMIC_RELAXED))
		 /* another thread was faster */ ;
}

static void *
search_task(void *arg, EgWorker *w, int task)
{
	Span	   *s = arg;
	Scratch    *scratch = w->state;
	const EgReach *r = s->r;
	Size		row = task * s->task_rows;
	Size		end = Min(row + s->task_rows, r->near->nrows);

	for (; row < end; row++)
	{
		uint32		component = r->component[row];
		double		limit;

		if (s->other[row] != EG_NO_ROW)
			continue;
		limit = number_of(__atomic_load_n(&s->least[component], __ATOMIC_RELAXED));
		if (s->cost[row] >= limit)
			continue;
		if (eg_worker_stop(w))
			return NULL;
		eg_reach_row(r->near, row, scratch->q);
		s->other[row] = eg_reach_least(r, scratch->q, r->core[row], component, &limit);
		s->cost[row] = limit;
		if (s->other[row] != EG_NO_ROW)
			lower(&s->least[component], limit);
	}
	return s;
}

/* What is still known to lead to another component, and what each component has of that. */
static void
begin_round(Span *s)
{
	const uint32 *component = s->r->component;
	Size		n = s->r->near->nrows;
	Size		i;

	for (i = 0; i < n; i++)
		s->least[i] = bits_of(INFINITY);
	for (i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (s->other[i] == EG_NO_ROW)
			continue;
		if (component[s->other[i]] == component[i])
		{
			s->other[i] = EG_NO_ROW;
			continue;
		}
		lower(&s->least[component[i]], s->cost[i]);
		lower(&s->least[component[s->other[i]]], s->cost[i]);
	}
}

static uint32
find(uint32 *parent, uint32 i)
{
	while (parent[i] != i)
	{
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

static inline void
offer(Span *s, uint32 component, uint32 row)
{
	if (s->best[component] == EG_NO_ROW || s->cost[row] < s->cost[s->best[component]])
		s->best[component] = row;
}

/* Join components by their best edges; returns how many edges there are now. */
static Size
end_round(Span *s, EgEdge *edges, Size nedges)
{
	uint32	   *component = s->r->component;
	Size		n = s->r->near->nrows;
	Size		i;

	for (i = 0; i < n; i++)
		s->best[i] = EG_NO_ROW;
	for (i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (s->other[i] == EG_NO_ROW)
			continue;
		offer(s, component[i], (uint32) i);
		offer(s, component[s->other[i]], (uint32) i);
	}
	for (i = 0; i < n; i++)
	{
		uint32		row = s->best[i];
		uint32		a,
					b;

		if (row == EG_NO_ROW)
			continue;
		a = find(s->parent, row);
		b = find(s->parent, s->other[row]);
		if (a == b)
			continue;
		s->parent[Max(a, b)] = Min(a, b);
		edges[nedges].length = sqrt(s->cost[row]);
		edges[nedges].a = row;
		edges[nedges].b = s->other[row];
		nedges++;
	}
	for (i = 0; i < n; i++)
		component[i] = find(s->parent, (uint32) i);
	return nedges;
}

/* ---------------- order ---------------- */

/* Sorted by halves, so that interrupts are answered. */
static void
merge_sort(EgEdge *edges, EgEdge *scratch, Size n)
{
	Size		half = n / 2;
	Size		i = 0,
				j = half,
				to = 0;

	if (n < 2)
		return;
	if (n > CHECK_ROWS)
		CHECK_FOR_INTERRUPTS();
	merge_sort(edges, scratch, half);
	merge_sort(edges + half, scratch, n - half);
	memcpy(scratch, edges, half * sizeof(EgEdge));
	while (i < half)
	{
		if (j < n && edges[j].length < scratch[i].length)
			edges[to++] = edges[j++];
		else
			edges[to++] = scratch[i++];
	}
}

EgEdge *
eg_span(EgReach *r, EgRun *run)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage spanning tree",
												  ALLOCSET_DEFAULT_SIZES);
	Size		n = r->near->nrows;
	EgEdge	   *edges = MemoryContextAllocHuge(caller, Max(n, 1) * sizeof(EgEdge));
	EgEdge	   *scratch;
	Size		nedges = 0;
	Span		s = {0};
	Size		i;

	MemoryContextSwitchTo(context);
	s.r = r;
	s.run = run;
	s.cost = palloc_extended(n * sizeof(double), MCXT_ALLOC_HUGE);
	s.other = palloc_extended(n * sizeof(uint32), MCXT_ALLOC_HUGE);
	s.least = palloc_extended(n * sizeof(uint64), MCXT_ALLOC_HUGE);
	s.best = palloc_extended(n * sizeof(uint32), MCXT_ALLOC_HUGE);
	s.parent = palloc_extended(n * sizeof(uint32), MCXT_ALLOC_HUGE);
	eg_reach_components(r);
	for (i = 0; i < n; i++)
	{
		s.cost[i] = r->core[i];
		s.other[i] = EG_NO_ROW;
		s.parent[i] = (uint32) i;
	}
	while (nedges + 1 < n)
	{
		/* components become fewer by a factor each round, so the logarithm tells how far it is */
		double		joined = 1 - log((double) (n - nedges)) / log((double) n);

		begin_round(&s);
		eg_reach_set_common(r);
		run_pass(&s, "growing a spanning tree", search_task, 0, 0.5 + joined / 2,
				 0.51 + joined / 2);
		nedges = end_round(&s, edges, nedges);
	}
	for (i = 0; i < EG_NEAR_LEVELS; i++)
		r->common[i] = NULL;
	r->component = NULL;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);

	scratch = MemoryContextAllocHuge(caller, (n / 2 + 1) * sizeof(EgEdge));
	merge_sort(edges, scratch, n - 1);
	pfree(scratch);
	return edges;
}
