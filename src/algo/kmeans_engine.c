/*-------------------------------------------------------------------------
 *
 * kmeans_engine.c
 *	  k-means from seeding to result; blocks of rows for threads.
 *
 * Blocks do not depend on the number of threads, and what they say is added up in
 * their order.  Of several seedings the result of the least inertia is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans_private.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MAX_TASKS		32
#define MIN_TASK_ROWS	1024
#define THREAD_WORK		2e6		/* coordinates to measure that make a thread worth starting */

/* ---------------- blocks of rows ---------------- */

typedef struct Blocks
{
	const EgKmeansWork *w;
	int			kmax;
	EgKmeansTask task;
	void	   *arg;
} Blocks;

static void *
blocks_start(void *arg, EgWorker *worker)
{
	const Blocks *b = arg;
	Size		room = (Size) EG_TILE * (b->w->spec->d + (b->kmax + 3) / 4 * 4) * sizeof(float);

	return eg_arena_alloc(worker->own, room);
}

static void *
blocks_task(void *arg, EgWorker *worker, int i)
{
	const Blocks *b = arg;
	const EgKmeansWork *w = b->w;
	float	   *tile = worker->state;
	Size		from = i * w->task_rows;
	Size		to = Min(w->spec->n, from + w->task_rows);

	if (eg_worker_stop(worker))
		return NULL;
	b->task(b->arg, i, from, to, tile, tile + (Size) EG_TILE * w->spec->d);
	return tile;
}

static void
blocks_done(void *arg, int i, void *result)
{
}

void
eg_kmeans_blocks(const EgKmeansWork *w, int kmax, const char *what, EgKmeansTask task, void *arg)
{
	const EgKmeansSpec *spec = w->spec;
	double		work = w->share * spec->n * spec->d * kmax;
	EgTeamSpec	team = {0};
	Blocks		b;

	b.w = w;
	b.kmax = kmax;
	b.task = task;
	b.arg = arg;
	team.what = what;
	team.threads = (int) Max(1, Min(spec->threads, work / THREAD_WORK));
	team.ntasks = w->ntasks;
	team.memory_limit = spec->memory_limit;
	team.arg = &b;
	team.start = blocks_start;
	team.task = blocks_task;
	team.done = blocks_done;
	eg_team_run(&team);
}

/* ---------------- the result ---------------- */

static void
inertia_task(void *arg, int task, Size from, Size to, float *tile, float *all)
{
	EgIteration  *it = arg;
	const EgKmeansSpec *spec = it->w.spec;
	double		sum = 0;
	Size		i;

	for (i = from; i < to; i++)
		sum += eg_kmeans_weight(spec, i) *
			eg_center_distance(spec->x + i * spec->d,
							   it->w.center + (Size) it->w.label[i] * spec->d, spec->d);
	it->inertia[task] = sum;
}

static double
inertia(EgIteration *it)
{
	double		sum = 0;
	int			t;

	it->w.share = 1;
	eg_kmeans_blocks(&it->w, 8, "measuring clusters", inertia_task, it);
	for (t = 0; t < it->w.ntasks; t++)
		sum += it->inertia[t];
	return sum;
}

/* Sum of the columns' variances divided by their number. */
static double
mean_variance(const EgKmeansSpec *spec)
{
	double		sum = 0;
	int			j;
	Size		i;

	/* in one pass: columns are near zero, or the tolerance matters little */
	double	   *mean = palloc0(Max(spec->d, 1) * sizeof(double));

	for (i = 0; i < spec->n; i++)
	{
		if (i % 8192 == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = 0; j < spec->d; j++)
		{
			double		v = spec->x[i * spec->d + j];

			mean[j] += v;
			sum += v * v;
		}
	}
	sum /= spec->n;
	for (j = 0; j < spec->d; j++)
		sum -= mean[j] / spec->n * (mean[j] / spec->n);
	pfree(mean);
	return Max(sum, 0) / Max(spec->d, 1);
}

typedef struct Order
{
	int			from;
	double		size;
	const double *center;
	int			d;
} Order;

static int
by_size(const void *x, const void *y)
{
	const Order *a = x;
	const Order *b = y;
	int			j;

	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	for (j = 0; j < a->d; j++)
	{
		if (a->center[j] != b->center[j])
			return a->center[j] < b->center[j] ? -1 : 1;
	}
	return 0;
}

/* Clusters by size; those without rows are left out. */
static EgKmeans *
finish(const EgIteration *it)
{
	const EgKmeansSpec *spec = it->w.spec;
	int			d = spec->d;
	EgKmeans   *r = palloc0(sizeof(EgKmeans));
	double	   *size = palloc0(it->w.k * sizeof(double));
	Order	   *order = palloc(it->w.k * sizeof(Order));
	int		   *place = palloc(it->w.k * sizeof(int));
	int			c;
	Size		i;

	for (i = 0; i < spec->n; i++)
		size[it->w.label[i]] += eg_kmeans_weight(spec, i);
	for (c = 0; c < it->w.k; c++)
	{
		order[c].from = c;
		order[c].size = size[c];
		order[c].center = it->w.center + (Size) c * d;
		order[c].d = d;
	}
	qsort(order, it->w.k, sizeof(Order), by_size);
	r->d = d;
	r->center = palloc(Max((Size) it->w.k * d, 1) * sizeof(double));
	r->size = palloc(it->w.k * sizeof(double));
	r->label = it->w.label;
	for (c = 0; c < it->w.k; c++)
	{
		/* rows without weight may be all that a cluster has */
		place[order[c].from] = order[c].size > 0 ? c : 0;
		if (!(order[c].size > 0))
			continue;
		memcpy(r->center + (Size) c * d, order[c].center, d * sizeof(double));
		r->size[c] = order[c].size;
		r->k = c + 1;
	}
	for (i = 0; i < spec->n; i++)
		r->label[i] = place[r->label[i]];
	pfree(size);
	pfree(order);
	pfree(place);
	return r;
}

/* ---------------- a run ---------------- */

static void
allocate(EgIteration *it, const EgKmeansSpec *spec)
{
	Size		n = spec->n;
	Size		k = Max(spec->k, 1);
	Size		d = Max(spec->d, 1);
	Size		needed;

	it->w.spec = spec;
	it->w.share = 1;
	it->w.task_rows = Max(MIN_TASK_ROWS, (n / MAX_TASKS + EG_TILE) / EG_TILE * EG_TILE);
	it->w.ntasks = (int) Max(1, (n + it->w.task_rows - 1) / it->w.task_rows);
	it->bounds = spec->bounds == EG_KMEANS_AUTO ? EG_KMEANS_HAMERLY : spec->bounds;
	it->kall = (int) (k + 3) / 4 * 4;
	needed = n * (2 * sizeof(float) + 2 * sizeof(int32)) + k * (d * 7 + 2) * sizeof(double) +
		(it->w.ntasks + 1) * k * (d + 1) * sizeof(double);
	if (it->bounds == EG_KMEANS_ELKAN)
		needed += (n * it->kall + k * k) * sizeof(float);
	eg_check_memory(needed, spec->memory_limit, "finding clusters");
	it->w.center = MemoryContextAllocHuge(CurrentMemoryContext, k * d * sizeof(double));
	it->w.centers.d = spec->d;
	it->w.centers.v = MemoryContextAllocHuge(CurrentMemoryContext, EG_CENTERS_BYTES(k, d));
	it->w.label = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(int32));
	if (it->bounds != EG_KMEANS_LLOYD)
	{
		Size		each = it->bounds == EG_KMEANS_ELKAN ? it->kall : 1;

		it->upper = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(float));
		it->lower = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(n, 1) * each * sizeof(float));
	}
	if (it->bounds == EG_KMEANS_ELKAN)
		it->between = MemoryContextAllocHuge(CurrentMemoryContext, k * k * sizeof(float));
	it->plain = MemoryContextAllocHuge(CurrentMemoryContext, k * d * sizeof(float));
	it->half = palloc0(k * sizeof(float));
	it->moved = palloc0(k * sizeof(float));
	it->sum = MemoryContextAllocHuge(CurrentMemoryContext, k * d * sizeof(double));
	it->size = palloc0(k * sizeof(double));
	it->delta = MemoryContextAllocHuge(CurrentMemoryContext,
									   it->w.ntasks * k * (d + 1) * sizeof(double));
	it->changed = palloc0(it->w.ntasks * sizeof(int));
	it->measured = palloc0(it->w.ntasks * sizeof(Size));
	it->inertia = palloc0(it->w.ntasks * sizeof(double));
}

/* From one seeding to the end. */
static EgKmeans *
run_once(const EgKmeansSpec *spec, uint64 key, double tolerance)
{
	EgIteration	it = {0};
	EgKmeans   *result;
	bool		converged = false;
	int			done = 0;

	allocate(&it, spec);
	eg_kmeans_seed(&it.w, key);
	if (spec->batch_size > 0 && spec->batch_size < spec->n)
	{
		it.w.centers.k = it.w.k;
		done = eg_kmeans_batches(&it.w, eg_random_stream(key, 1), &converged);

		/* once with all rows, so that no center is left without */
		eg_kmeans_restart(&it);
		(void) eg_kmeans_assign(&it);
		(void) eg_kmeans_update(&it);
	}
	else
	{
		eg_kmeans_restart(&it);
		while (done < spec->max_iter && !converged)
		{
			Size		changed;

			if (spec->run != NULL)
				eg_step(spec->run, done, spec->max_iter, NULL, 0);
			else
				CHECK_FOR_INTERRUPTS();
			changed = eg_kmeans_assign(&it);
			if (changed == 0 && done > 0)
				converged = true;
			else
				converged = eg_kmeans_update(&it) <= tolerance;
			done++;
		}
	}

	/* rows belong to the centers as they are now */
	(void) eg_kmeans_assign(&it);
	pfree(it.delta);
	if (it.upper != NULL)
	{
		pfree(it.upper);
		pfree(it.lower);
	}
	result = finish(&it);
	it.w.label = result->label;
	it.w.center = result->center;
	result->inertia = inertia(&it);
	result->iterations = done;
	result->converged = converged;
	return result;
}

EgKmeans *
eg_kmeans_run(const EgKmeansSpec *spec)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext best_context = NULL;
	EgKmeans   *best = NULL;
	EgKmeans   *copy;
	double		tolerance = spec->tol * mean_variance(spec);
	int			i;

	for (i = 0; i < Max(spec->n_init, 1); i++)
	{
		MemoryContext context = AllocSetContextCreate(caller, "engage clusters",
													  ALLOCSET_DEFAULT_SIZES);
		EgKmeans   *r;

		MemoryContextSwitchTo(context);
		r = run_once(spec, eg_random_stream(spec->seed, i), tolerance);
		MemoryContextSwitchTo(caller);
		if (best != NULL && !(r->inertia < best->inertia))
		{
			MemoryContextDelete(context);
			continue;
		}
		if (best_context != NULL)
			MemoryContextDelete(best_context);
		best = r;
		best_context = context;
	}
	/* the loop runs once at least, and the first time takes what it gets */
	Assert(best != NULL);
	copy = palloc(sizeof(EgKmeans));
	*copy = *best;
	copy->center = palloc(Max((Size) best->k * best->d, 1) * sizeof(double));
	memcpy(copy->center, best->center, (Size) best->k * best->d * sizeof(double));
	copy->size = palloc(best->k * sizeof(double));
	memcpy(copy->size, best->size, best->k * sizeof(double));
	copy->label = MemoryContextAllocHuge(caller, Max(spec->n, 1) * sizeof(int32));
	memcpy(copy->label, best->label, spec->n * sizeof(int32));
	MemoryContextDelete(best_context);
	return copy;
}
