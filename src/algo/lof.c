/*-------------------------------------------------------------------------
 *
 * lof.c
 *	  Local outlier factor: how thin it is around a row, against how thin it is
 *	  around its nearest training rows.
 *
 * With k-distance(o) the distance of training row o from its k-th nearest other
 * one, and N(p) the k training rows nearest to p,
 *
 *		reach(p, o) = max(k-distance(o), d(p, o))
 *		lrd(p) = 1 / (mean of reach(p, o) over N(p) + 1e-10)
 *		LOF(p) = mean of lrd(o) over N(p) / lrd(p)
 *		score = LOF / (LOF + 1.5)
 *
 * Training rows are not their own neighbors, rows that are scored are new ones.
 * The search tree works in single precision; the nearest rows are put in order
 * again by their distances in double precision.
 *
 * Source: M. M. Breunig, H.-P. Kriegel, R. T. Ng, J. Sander, "LOF: Identifying
 * Density-Based Local Outliers", SIGMOD 2000.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/anomaly.h"
#include "algo/neighbors.h"
#include "algo/prepare.h"
#include "base/parallel.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define LOF_FORMAT		1
#define MAX_NEIGHBORS	1000
#define HALF			1.5		/* the factor whose score is 0.5 */
#define SPARE			4		/* more neighbors: single precision may order them otherwise */
#define TASK_ROWS		64		/* rows of a task, between two answers to interrupts */
#define NO_DENSITY		1e-10	/* so that the density of equal rows is a number */

/* as far from the mean as can be told: squares and their sums stay finite */
#define FARTHEST		1e15f

typedef struct LofParams
{
	int			n_neighbors;
	double		contamination;	/* NaN: auto */
	const char *metric;
} LofParams;

/* A neighbor, its distance in double precision. */
typedef struct Near
{
	double		distance;
	uint32		row;
} Near;

/* What a search needs. */
typedef struct Scratch
{
	float	   *query;			/* (width) */
	EgNeighbor *heap;			/* (k + 1 + SPARE) */
	Near	   *near;			/* (k + 1 + SPARE) */
} Scratch;

typedef struct LofModel
{
	int			k;				/* asked for; there may be fewer rows */
	bool		manhattan;
	EgPrep	   *prep;
	EgNear	   *near;			/* the prepared rows */
	uint32	   *place;			/* (nrows) where in near each row is */
	double	   *reach;			/* (nrows) distance of the k-th neighbor */
	double	   *density;		/* (nrows) lrd */
	EgAnomalyFacts facts;
	Scratch		scratch;		/* of predict() */
} LofModel;

extern const EgAlgorithm eg_local_outlier_factor;

static const char *const metric_words[] = {"euclidean", "manhattan", NULL};

static const EgParam lof_params[] = {
	{"n_neighbors", EG_PARAM_INT, offsetof(LofParams, n_neighbors), .number = 20, .min = 1,
		.max = MAX_NEIGHBORS, .alias = "k",
		.help = "Number of nearest rows that a row is compared with"},
	EG_CONTAMINATION(LofParams),
	{"metric", EG_PARAM_WORD, offsetof(LofParams, metric), .text = "euclidean",
		.words = metric_words, .help = "What distance is"},
	EG_PARAM_END
};

/* ---------------- neighbors ---------------- */

/* Neighbors that a row can have. */
static int
neighbors_of(const LofModel *m)
{
	return (int) Min((Size) m->k, m->near->nrows - 1);
}

static double
exact_distance(const LofModel *m, const float *q, uint32 row)
{
	const float *x = eg_near_row(m->near, m->place[row]);
	double		sum = 0;
	int			d;

	for (d = 0; d < m->near->width; d++)
	{
		double		away = (double) x[(Size) d * EG_NEAR_BLOCK] - q[d];

		sum += m->manhattan ? fabs(away) : away * away;
	}
	return m->manhattan ? sum : sqrt(sum);
}

/*
 * The k nearest rows to s->query but for `self` into s->near, the nearest first;
 * returns how many.  Any thread; no allocation.
 */
static int
find_neighbors(const LofModel *m, const Scratch *s, int64 self)
{
	int			k = neighbors_of(m);
	int			found = eg_near_search(m->near, s->query, s->heap, k + 1 + SPARE);
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < found; i++)
	{
		Near		v;

		if ((int64) s->heap[i].row == self)
			continue;
		v.row = s->heap[i].row;
		v.distance = exact_distance(m, s->query, v.row);
		for (j = n++; j > 0 && (s->near[j - 1].distance > v.distance ||
								(s->near[j - 1].distance == v.distance &&
								 s->near[j - 1].row > v.row)); j--)
			s->near[j] = s->near[j - 1];
		s->near[j] = v;
	}
	return Min(n, k);
}

static double
density_of(const LofModel *m, const Near *near, int n)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += Max(m->reach[near[i].row], near[i].distance);
	return 1 / (sum / n + NO_DENSITY);
}

static double
factor_of(const LofModel *m, const Near *near, int n, double density)
{
	double		sum = 0;
	int			i;

	/* a row alone is as dense as its surroundings */
	if (n == 0)
		return 1;
	for (i = 0; i < n; i++)
		sum += m->density[near[i].row];
	return sum / n / density;
}

/* ---------------- fit ---------------- */

static void
make_places(LofModel *m)
{
	Size		i;

	m->place = MemoryContextAllocHuge(CurrentMemoryContext,
									  Max(m->near->nrows, 1) * sizeof(uint32));
	for (i = 0; i < m->near->nrows; i++)
		m->place[m->near->row[i]] = (uint32) i;
}

static void
allocate(LofModel *m, Size nrows, int width)
{
	m->near = eg_near_create(nrows, width, m->manhattan);
	m->reach = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(double));
	m->density = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(double));
	m->scratch.query = palloc0(Max(width, 1) * sizeof(float));
	m->scratch.heap = palloc0((m->k + 1 + SPARE) * sizeof(EgNeighbor));
	m->scratch.near = palloc0((m->k + 1 + SPARE) * sizeof(Near));
}

/* A row as it is compared, into the query. */
static void
prepare_row(const LofModel *m, const float *x, float *query)
{
	int			d;

	eg_prep_row_float(m->prep, x, query);
	for (d = 0; d < m->near->width; d++)
		query[d] = Min(Max(query[d], -FARTHEST), FARTHEST);
}

/* The neighbors of all training rows, found by a team. */
typedef struct Search
{
	const LofModel *m;
	Near	   *all;			/* (nrows, k) */
	int			k;
	EgRun	   *run;
	int			ntasks;
} Search;

static void *
start_thread(void *arg, EgWorker *w)
{
	const LofModel *m = ((const Search *) arg)->m;
	Scratch    *s = eg_arena_alloc(w->own, sizeof(Scratch));

	if (s == NULL)
		return NULL;
	s->query = eg_arena_alloc(w->own, Max(m->near->width, 1) * sizeof(float));
	s->heap = eg_arena_alloc(w->own, (m->k + 1 + SPARE) * sizeof(EgNeighbor));
	s->near = eg_arena_alloc(w->own, (m->k + 1 + SPARE) * sizeof(Near));
	return s->query != NULL && s->heap != NULL && s->near != NULL ? s : NULL;
}

/* In the order of the tree: rows that are near each other look at the same blocks. */
static void *
search_rows(void *arg, EgWorker *w, int task)
{
	Search	   *v = arg;
	const EgNear *t = v->m->near;
	Scratch    *s = w->state;
	Size		last = Min((Size) (task + 1) * TASK_ROWS, t->nrows);
	Size		i;
	int			d;

	for (i = (Size) task * TASK_ROWS; i < last; i++)
	{
		const float *x = eg_near_row(t, i);

		if (eg_worker_stop(w))
			return NULL;
		for (d = 0; d < t->width; d++)
			s->query[d] = x[(Size) d * EG_NEAR_BLOCK];
		(void) find_neighbors(v->m, s, t->row[i]);
		memcpy(v->all + (Size) t->row[i] * v->k, s->near, v->k * sizeof(Near));
	}
	return v;
}

static void
take_rows(void *arg, int task, void *result)
{
	Search	   *v = arg;

	eg_step(v->run, task + 1, v->ntasks, NULL, 0);
}

/* Distances, densities, and what the factors of the training rows look like. */
static void
learn_densities(LofModel *m, const LofParams *p, EgRun *run)
{
	Size		n = m->near->nrows;
	Search		search = {0};
	EgTeamSpec	team = {0};
	double	   *score;
	int			k = neighbors_of(m);
	Size		i;

	search.m = m;
	search.k = k;
	search.run = run;
	search.ntasks = (int) ((n + TASK_ROWS - 1) / TASK_ROWS);
	search.all = palloc_extended(Max(n * k, 1) * sizeof(Near), MCXT_ALLOC_HUGE);
	score = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double));
	team.what = "searching for neighbors";
	team.threads = run->threads;
	team.ntasks = search.ntasks;
	team.memory_limit = run->memory_limit;
	team.arg = &search;
	team.start = start_thread;
	team.task = search_rows;
	team.done = take_rows;
	eg_team_run(&team);

	for (i = 0; i < n; i++)
		m->reach[i] = k > 0 ? search.all[i * k + k - 1].distance : 0;
	CHECK_FOR_INTERRUPTS();
	for (i = 0; i < n; i++)
		m->density[i] = k > 0 ? density_of(m, search.all + i * k, k) : 1;
	CHECK_FOR_INTERRUPTS();
	for (i = 0; i < n; i++)
		score[i] = eg_anomaly_ratio(factor_of(m, search.all + i * k, k, m->density[i]), HALF);
	m->facts = eg_anomaly_facts(score, n, p->contamination);
	pfree(search.all);
	pfree(score);
}

static void *
lof_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const LofParams *p = params;
	LofModel   *m = palloc0(sizeof(LofModel));
	Size		n = data->nfit;
	Size		each;
	int			width;
	Size		i;

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no rows to learn from")));
	if (n > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("algorithm \"local_outlier_factor\" can keep at most %d rows, not %zu",
						PG_INT32_MAX, (size_t) n)));
	m->k = p->n_neighbors;
	m->manhattan = strcmp(p->metric, "manhattan") == 0;
	m->prep = eg_prep_fit(data, EG_PREP_SCALE);
	width = m->prep->width;

	/* the model, and its bytes or the neighbors of all rows */
	each = 2 * ((Size) width * sizeof(float) + 2 * sizeof(double) + 2 * sizeof(float)) +
		sizeof(Near) * Min((Size) m->k, n) + sizeof(double);
	eg_check_memory((n + EG_NEAR_BLOCK) * each + eg_near_overhead(n, width), run->memory_limit,
					"keeping the rows of algorithm \"local_outlier_factor\"");
	allocate(m, n, width);
	for (i = 0; i < n; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		prepare_row(m, eg_row(&data->x, i), m->scratch.query);
		eg_near_put(m->near, i, m->scratch.query);
	}
	eg_near_arrange(m->near, run);
	eg_near_boxes(m->near);
	if (!eg_near_boxes_help(m->near, m->scratch.query, m->scratch.heap, m->k))
		m->near->nlevels = 0;
	make_places(m);
	learn_densities(m, p, run);
	return m;
}

/* ---------------- stored form ---------------- */

#define MANHATTAN		(1 << 0)
#define BOXES			(1 << 1)	/* do help */

static void
lof_save(const void *model, EgWriter *w)
{
	const LofModel *m = model;
	const EgNear *t = m->near;
	Size		i;

	eg_put_u32(w, m->k);
	eg_put_u8(w, (m->manhattan ? MANHATTAN : 0) | (t->nlevels > 0 ? BOXES : 0));
	eg_anomaly_save(&m->facts, w);
	eg_prep_save(m->prep, w);
	eg_put_u32(w, (uint32) t->nrows);
	for (i = 0; i < t->nrows; i++)
		eg_put_f64(w, m->reach[i]);
	for (i = 0; i < t->nrows; i++)
		eg_put_f64(w, m->density[i]);
	eg_put_u32_array(w, t->row, t->nrows);
	eg_put_f32_array(w, t->data, t->nblocks * t->width * EG_NEAR_BLOCK);
}

static void
check_loaded(EgReader *r, const LofModel *m)
{
	const EgNear *t = m->near;
	uint8	   *seen = palloc0(t->nrows);
	Size		i;

	for (i = 0; i < t->nrows; i++)
	{
		if (!(m->reach[i] >= 0 && m->reach[i] <= DBL_MAX))
			eg_corrupted(r, "the distance of neighbors %g is out of range", m->reach[i]);
		if (!(m->density[i] > 0 && m->density[i] <= DBL_MAX))
			eg_corrupted(r, "density %g is out of range", m->density[i]);
		if (t->row[i] >= t->nrows || seen[t->row[i]]++)
			eg_corrupted(r, "row %u is not one of the %zu rows, or there twice", t->row[i],
						 (size_t) t->nrows);
	}
	for (i = 0; i < t->nblocks * t->width * EG_NEAR_BLOCK; i++)
	{
		if (!(fabsf(t->data[i]) <= FARTHEST))
			eg_corrupted(r, "a value is out of range");
	}
	pfree(seen);
}

static void *
lof_load(EgReader *r, int format)
{
	LofModel   *m = palloc0(sizeof(LofModel));
	uint32		k;
	uint8		flags;
	uint32		n;
	Size		blocks;
	int			width;
	Size		i;

	if (format != LOF_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"local_outlier_factor\" is not supported",
						format),
				 errhint("The model was written by a newer version of engage.")));
	k = eg_get_u32(r);
	flags = eg_get_u8(r);
	eg_anomaly_load(&m->facts, r);
	m->prep = eg_prep_load(r);
	n = eg_get_count(r, PG_INT32_MAX, 2 * sizeof(double) + sizeof(uint32));
	if (k < 1 || k > MAX_NEIGHBORS)
		eg_corrupted(r, "the number of neighbors %u is out of range", k);
	if (n < 1)
		eg_corrupted(r, "there are no rows");
	m->k = (int) k;
	m->manhattan = (flags & MANHATTAN) != 0;
	width = m->prep->width;

	/* all of it must follow before any of it is allocated */
	blocks = ((Size) n + EG_NEAR_BLOCK - 1) / EG_NEAR_BLOCK;
	if (width > 0 && (r->len - r->pos) / (EG_NEAR_BLOCK * sizeof(float)) / (Size) width < blocks)
		eg_corrupted(r, "%u rows of %d values do not fit in the bytes left", n, width);
	allocate(m, n, width);
	for (i = 0; i < n; i++)
		m->reach[i] = eg_get_f64(r);
	for (i = 0; i < n; i++)
		m->density[i] = eg_get_f64(r);
	eg_get_u32_array(r, m->near->row, n);
	eg_get_f32_array(r, m->near->data, m->near->nblocks * width * EG_NEAR_BLOCK);
	check_loaded(r, m);
	if (!(flags & BOXES))
		m->near->nlevels = 0;
	eg_near_boxes(m->near);
	make_places(m);
	return m;
}

/* ---------------- use ---------------- */

static void
lof_predict(const void *model, const float *x, Size nrows, double *out)
{
	const LofModel *m = model;
	const Scratch *s = &m->scratch;
	Size		i;

	for (i = 0; i < nrows; i++)
	{
		double		factor = 1;
		int			n;

		prepare_row(m, x + i * m->prep->ncols, s->query);
		n = find_neighbors(m, s, -1);
		if (n > 0)
			factor = factor_of(m, s->near, n, density_of(m, s->near, n));
		out[i] = eg_anomaly_ratio(factor, HALF);
	}
}

static int
lof_width(const void *model)
{
	return 1;
}

static int
lof_nfeatures(const void *model)
{
	return ((const LofModel *) model)->prep->ncols;
}

static double
lof_threshold(const void *model)
{
	return ((const LofModel *) model)->facts.threshold;
}

static void
lof_describe(const void *model, StringInfo json)
{
	const LofModel *m = model;

	appendStringInfo(json, "\"rows_kept\": %zu, \"dimensions\": %d, \"n_neighbors\": %d, "
					 "\"metric\": \"%s\", ",
					 (size_t) m->near->nrows, m->near->width, neighbors_of(m),
					 metric_words[m->manhattan]);
	eg_anomaly_estimate(&m->facts, json);
}

static void
lof_estimate(const void *model, StringInfo json)
{
	eg_anomaly_estimate(&((const LofModel *) model)->facts, json);
}

const EgAlgorithm eg_local_outlier_factor = {
	.name = "local_outlier_factor",
	.summary = "how thin it is around a row, against around its neighbors",
	.tasks = EG_TASK_BIT(EG_ANOMALY),
	.format = LOF_FORMAT,
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = lof_params,
	.params_size = sizeof(LofParams),
	.fit = lof_fit,
	.save = lof_save,
	.load = lof_load,
	.width = lof_width,
	.nfeatures = lof_nfeatures,
	.predict = lof_predict,
	.describe = lof_describe,
	.estimate = lof_estimate,
	.threshold = lof_threshold
};
