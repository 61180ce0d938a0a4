/*-------------------------------------------------------------------------
 *
 * neighbors.c
 *	  k nearest neighbors: the mean, or the shares of the classes, of the k
 *	  learning rows that are nearest.
 *
 * Rows are compared after preparation: numbers scaled to deviation 1, a column
 * for each category (prepare.c).  The model is the prepared rows themselves,
 * in single precision, so what it costs in memory and time grows with them.
 *
 * Rows that are near each other lie together, and sets of them that are too far
 * are left out (neighbors_search.c); the answer is that of looking at all rows.
 *
 * Source: T. Cover, P. Hart, "Nearest Neighbor Pattern Classification", IEEE
 * Transactions on Information Theory 13, 1967; for weights by distance:
 * S. A. Dudani, IEEE Transactions on Systems, Man and Cybernetics 6, 1976.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/neighbors.h"
#include "algo/prepare.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define KNN_FORMAT		2
#define CHECK_ROWS		4096	/* rows between two answers to interrupts */
#define MAX_NEIGHBORS	1000

/* as far from the mean as can be told: squares and their sums stay finite */
#define FARTHEST		1e15f

typedef struct KnnParams
{
	int			n_neighbors;
	const char *weights;
	const char *metric;
} KnnParams;

typedef struct KnnModel
{
	EgTask		task;
	int			nclasses;		/* 0 for regression */
	int			k;
	bool		by_distance;
	bool		manhattan;
	EgPrep	   *prep;
	int			width;
	Size		nrows;
	EgNear	   *near;			/* the prepared rows */
	double	   *target;			/* (nrows) */
	float	   *weight;			/* (nrows) or NULL */

	/* scratch of predict() */
	float	   *query;			/* (width) */
	EgNeighbor *heap;			/* (k) the farthest first */
} KnnModel;

extern const EgAlgorithm eg_knn;

static const char *const weight_words[] = {"uniform", "distance", NULL};
static const char *const metric_words[] = {"euclidean", "manhattan", NULL};

static const EgParam knn_params[] = {
	{"n_neighbors", EG_PARAM_INT, offsetof(KnnParams, n_neighbors), .number = 15, .min = 1,
		.max = MAX_NEIGHBORS, .alias = "k", .tunable = true, .log_scale = true, .search_min = 3,
		.search_max = 100, .help = "Number of nearest rows that decide"},
	{"weights", EG_PARAM_WORD, offsetof(KnnParams, weights), .text = "uniform",
		.words = weight_words, .tunable = true,
		.help = "Whether each of them counts the same or in proportion to 1 / distance"},
	{"metric", EG_PARAM_WORD, offsetof(KnnParams, metric), .text = "euclidean",
		.words = metric_words, .tunable = true, .help = "What distance is"},
	EG_PARAM_END
};

/* ---------------- fit ---------------- */

static void
allocate(KnnModel *m)
{
	m->near = eg_near_create(m->nrows, m->width, m->manhattan);
	m->target = MemoryContextAllocHuge(CurrentMemoryContext, Max(m->nrows, 1) * sizeof(double));
	m->query = palloc0(Max(m->width, 1) * sizeof(float));
	m->heap = palloc0(m->k * sizeof(EgNeighbor));
}

/* A row as it is compared, into m->query. */
static void
prepare_row(const KnnModel *m, const float *x)
{
	int			d;

	eg_prep_row_float(m->prep, x, m->query);
	for (d = 0; d < m->width; d++)
		m->query[d] = Min(Max(m->query[d], -FARTHEST), FARTHEST);
}

static void
check_rows(const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *w = data->role[EG_ROLE_WEIGHT];
	double		sum = 0;
	Size		i;

	for (i = 0; i < data->nfit; i++)
	{
		if (!(fabs(y[i]) <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not usable", y[i]),
					 errdetail("Targets must be finite single precision numbers.")));
		if (data->task != EG_REGRESSION && !(y[i] >= 0 && y[i] < data->nclasses))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not a class", y[i]),
					 errdetail("Classes are numbered from 0 to %d.", data->nclasses - 1)));
		if (w != NULL && !(w[i] >= 0 && w[i] <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight %g is not usable", w[i]),
					 errdetail("Weights must be finite and at least zero.")));
		sum += w != NULL ? w[i] : 1;
	}
	if (sum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 data->nfit == 0 ? errmsg("there are no rows to learn from")
								 : errmsg("the weights of the training rows are all zero")));
}

static void *
knn_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const KnnParams *p = params;
	const double *y = data->role[EG_ROLE_TARGET];
	const double *w = data->role[EG_ROLE_WEIGHT];
	KnnModel   *m = palloc0(sizeof(KnnModel));
	Size		each;
	Size		i;
	Size		n = 0;

	check_rows(data);
	m->task = data->task;
	m->nclasses = data->task == EG_REGRESSION ? 0 : data->nclasses;
	m->k = p->n_neighbors;
	m->by_distance = strcmp(p->weights, "distance") == 0;
	m->manhattan = strcmp(p->metric, "manhattan") == 0;
	m->prep = eg_prep_fit(data, EG_PREP_SCALE);
	m->width = m->prep->width;

	/* rows that count nothing are no neighbors */
	for (i = 0; i < data->nfit; i++)
		m->nrows += w == NULL || w[i] > 0;

	/* the model and its bytes, or the rows in two orders */
	each = 2 * ((Size) m->width * sizeof(float) + sizeof(double) + 2 * sizeof(float));
	if (m->nrows > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("algorithm \"knn\" can keep at most %d rows, not %zu", PG_INT32_MAX,
						(size_t) m->nrows)));
	eg_check_memory((m->nrows + EG_NEAR_BLOCK) * each + eg_near_overhead(m->nrows, m->width),
					run->memory_limit, "keeping the rows of algorithm \"knn\"");
	allocate(m);
	if (w != NULL)
		m->weight = MemoryContextAllocHuge(CurrentMemoryContext, m->nrows * sizeof(float));
	for (i = 0; i < data->nfit; i++)
	{
		if (i % CHECK_ROWS == 0)
			eg_step(run, (int) (i / CHECK_ROWS), (int) (data->nfit / CHECK_ROWS + 1), NULL, 0);
		if (w != NULL && !(w[i] > 0))
			continue;
		prepare_row(m, eg_row(&data->x, i));
		eg_near_put(m->near, n, m->query);
		m->target[n] = y[i];
		if (w != NULL)
			m->weight[n] = (float) Max(w[i], FLT_MIN);
		n++;
	}
	eg_near_arrange(m->near, run);
	eg_near_boxes(m->near);
	if (!eg_near_boxes_help(m->near, m->query, m->heap, m->k))
		m->near->nlevels = 0;
	return m;
}

/* ---------------- stored form ---------------- */

#define HAS_WEIGHTS		(1 << 0)
#define BY_DISTANCE		(1 << 1)
#define MANHATTAN		(1 << 2)
#define BOXES			(1 << 3)	/* do help */

static void
knn_save(const void *model, EgWriter *w)
{
	const KnnModel *m = model;
	Size		i;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u32(w, m->nclasses);
	eg_put_u32(w, m->k);
	eg_put_u8(w, (m->weight != NULL ? HAS_WEIGHTS : 0) | (m->by_distance ? BY_DISTANCE : 0) |
			  (m->manhattan ? MANHATTAN : 0) | (m->near->nlevels > 0 ? BOXES : 0));
	eg_prep_save(m->prep, w);
	eg_put_u32(w, (uint32) m->nrows);
	for (i = 0; i < m->nrows; i++)
		eg_put_f64(w, m->target[i]);
	if (m->weight != NULL)
		eg_put_f32_array(w, m->weight, m->nrows);
	eg_put_u32_array(w, m->near->row, m->nrows);
	eg_put_f32_array(w, m->near->data, m->near->nblocks * m->width * EG_NEAR_BLOCK);
}

static void
check_loaded(EgReader *r, const KnnModel *m)
{
	Size		total = m->near->nblocks * m->width * EG_NEAR_BLOCK;
	Size		i;

	for (i = 0; i < m->nrows; i++)
	{
		double		y = m->target[i];

		if (!isfinite(y) || (m->nclasses > 0 && !(y >= 0 && y < m->nclasses)))
			eg_corrupted(r, "target %g is out of range", y);
		if (m->weight != NULL && !(m->weight[i] > 0 && m->weight[i] <= FLT_MAX))
			eg_corrupted(r, "weight %g is out of range", m->weight[i]);
		if (m->near->row[i] >= m->nrows)
			eg_corrupted(r, "row %u is not among the %zu rows", m->near->row[i],
						 (size_t) m->nrows);
	}
	for (i = 0; i < total; i++)
	{
		if (!(fabsf(m->near->data[i]) <= FARTHEST))
			eg_corrupted(r, "a value is out of range");
	}
}

static void *
knn_load(EgReader *r, int format)
{
	KnnModel   *m = palloc0(sizeof(KnnModel));
	uint8		task;
	uint8		flags;
	uint32		nclasses;
	uint32		k;
	uint32		n;
	Size		blocks;
	Size		i;

	if (format < 1 || format > KNN_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"knn\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	task = eg_get_u8(r);
	nclasses = eg_get_u32(r);
	k = eg_get_u32(r);
	flags = eg_get_u8(r);
	m->prep = eg_prep_load(r);
	n = eg_get_count(r, PG_INT32_MAX, sizeof(double));
	if ((task != EG_REGRESSION && task != EG_BINARY && task != EG_MULTICLASS) ||
		(task == EG_REGRESSION && nclasses != 0) || (task == EG_BINARY && nclasses != 2) ||
		(task == EG_MULTICLASS && (nclasses < 2 || nclasses > PG_INT32_MAX)))
		eg_corrupted(r, "%u classes do not suit task %d", nclasses, task);
	if (k < 1 || k > MAX_NEIGHBORS)
		eg_corrupted(r, "the number of neighbors %u is out of range", k);
	if (n < 1)
		eg_corrupted(r, "there are no rows");
	m->task = (EgTask) task;
	m->nclasses = (int) nclasses;
	m->k = (int) k;
	m->by_distance = (flags & BY_DISTANCE) != 0;
	m->manhattan = (flags & MANHATTAN) != 0;
	m->width = m->prep->width;
	m->nrows = n;

	/* all of it must follow before any of it is allocated */
	blocks = (m->nrows + EG_NEAR_BLOCK - 1) / EG_NEAR_BLOCK;
	if (m->width > 0 &&
		(r->len - r->pos) / (EG_NEAR_BLOCK * sizeof(float)) / (Size) m->width < blocks)
		eg_corrupted(r, "%u rows of %d values do not fit in the bytes left", n, m->width);
	allocate(m);
	for (i = 0; i < m->nrows; i++)
		m->target[i] = eg_get_f64(r);
	if (flags & HAS_WEIGHTS)
	{
		m->weight = MemoryContextAllocHuge(CurrentMemoryContext, m->nrows * sizeof(float));
		eg_get_f32_array(r, m->weight, m->nrows);
	}
	if (format >= 2)
		eg_get_u32_array(r, m->near->row, m->nrows);
	eg_get_f32_array(r, m->near->data, m->near->nblocks * m->width * EG_NEAR_BLOCK);
	check_loaded(r, m);
	if (!(flags & BOXES))
		m->near->nlevels = 0;
	eg_near_boxes(m->near);
	return m;
}

/* ---------------- the answer ---------------- */

/* What a neighbor counts; rows at no distance at all leave the others nothing to say. */
static double
vote(const KnnModel *m, EgNeighbor v, bool touching)
{
	double		w = m->weight != NULL ? m->weight[v.row] : 1;

	if (!m->by_distance)
		return w;
	if (touching)
		return v.distance == 0 ? w : 0;

	return w / (m->manhattan ? v.distance : sqrt(v.distance));
}

static void
answer(const KnnModel *m, int n, double *out)
{
	bool		touching = false;
	double		total = 0;
	int			width = m->task == EG_MULTICLASS ? m->nclasses : 1;
	int			i;
	int			k;

	for (k = 0; k < width; k++)
		out[k] = 0;
	for (i = 0; i < n; i++)
		touching |= m->heap[i].distance == 0;
	for (i = 0; i < n; i++)
	{
		double		w = vote(m, m->heap[i], touching);
		double		y = m->target[m->heap[i].row];

		total += w;
		if (m->task == EG_MULTICLASS)
			out[(int) y] += w;
		else
			out[0] += w * y;
	}
	for (k = 0; k < width; k++)
		out[k] /= total;
	if (m->task == EG_BINARY)
		out[0] = Min(Max(out[0], 0), 1);
}

static int
compare_neighbors(const void *x, const void *y)
{
	const EgNeighbor *a = x;
	const EgNeighbor *b = y;

	return eg_farther(*a, *b) ? 1 : eg_farther(*b, *a) ? -1 : 0;
}

static void
knn_predict(const void *model, const float *x, Size nrows, double *out)
{
	const KnnModel *m = model;
	int			width = m->task == EG_MULTICLASS ? m->nclasses : 1;
	Size		i;

	for (i = 0; i < nrows; i++)
	{
		int			n;

		prepare_row(m, x + i * m->prep->ncols);
		n = eg_near_search(m->near, m->query, m->heap, m->k);
		qsort(m->heap, n, sizeof(EgNeighbor), compare_neighbors);
		answer(m, n, out + i * width);
	}
}

/* ---------------- facts ---------------- */

static int
knn_width(const void *model)
{
	const KnnModel *m = model;

	return m->task == EG_MULTICLASS ? m->nclasses : 1;
}

static int
knn_nfeatures(const void *model)
{
	return ((const KnnModel *) model)->prep->ncols;
}

static void
knn_describe(const void *model, StringInfo json)
{
	const KnnModel *m = model;

	appendStringInfo(json, "\"rows_kept\": %zu, \"dimensions\": %d, \"n_neighbors\": %d, "
					 "\"weights\": \"%s\", \"metric\": \"%s\"",
					 (size_t) m->nrows, m->width, m->k, weight_words[m->by_distance],
					 metric_words[m->manhattan]);
}

const EgAlgorithm eg_knn = {
	.name = "knn",
	.summary = "mean of the k nearest training rows",
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS),
	.format = KNN_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = knn_params,
	.params_size = sizeof(KnnParams),
	.fit = knn_fit,
	.save = knn_save,
	.load = knn_load,
	.width = knn_width,
	.nfeatures = knn_nfeatures,
	.predict = knn_predict,
	.describe = knn_describe
};
