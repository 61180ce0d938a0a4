/*-------------------------------------------------------------------------
 *
 * hdbscan.c
 *	  HDBSCAN*: clusters are what stays together over a range of densities; what
 *	  never does is noise.
 *
 * Rows are compared after preparation (prepare.c).  The model is the prepared rows
 * themselves, their core distances, and where each of them leaves the hierarchy.
 * A new row is where the row is that it reaches at the least cost, as dense as it
 * is reached.  So a training row is what fit() found it to be.
 *
 * The task decides what is said of a row: strength of membership in each cluster,
 * or how much of an outlier it is (GLOSH).
 *
 * Sources: see hdbscan_span.c, hdbscan_tree.c and hdbscan_select.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/anomaly.h"
#include "algo/hdbscan.h"
#include "algo/prepare.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define HDBSCAN_FORMAT	1
#define CHECK_ROWS		4096	/* rows between two answers to interrupts */
#define MAX_SAMPLES		1000
#define MAX_LABELS		1000	/* as many as there can be classes */
#define TREE_SHOWN		20		/* clusters of the condensed tree in describe() */

/* where nothing is said */
#define SMALLEST_SIZE	5
#define SMALLEST_SHARE	0.01
#define MOST_SAMPLES	10

/* as far from the mean as can be told: squares and their sums stay finite */
#define FARTHEST		1e15f

typedef struct HdbscanParams
{
	int			min_cluster_size;
	int			min_samples;
	const char *method;
	double		epsilon;
	bool		allow_single_cluster;
	bool		scale;
	double		contamination;
} HdbscanParams;

typedef struct HdbscanModel
{
	EgTask		task;
	int			min_size;
	int			k;				/* min_samples, at most the rows */
	bool		leaves;
	bool		allow_single;
	EgPrep	   *prep;
	EgNear	   *near;			/* the prepared rows; a column of zeros if they have none */
	EgReach    *reach;
	EgCondensed *tree;
	EgAnomalyFacts scores;		/* of the training rows */

	/* scratch of predict() */
	float	   *query;			/* (near->width) */
	EgFound    *heap;			/* (k) */
} HdbscanModel;

extern const EgAlgorithm eg_hdbscan;

static const char *const method_words[] = {"eom", "leaf", NULL};
static const char *const auto_words[] = {"auto", NULL};

static const EgParam hdbscan_params[] = {
	{"min_cluster_size", EG_PARAM_INT, offsetof(HdbscanParams, min_cluster_size), .number = 0,
		.min = 2, .max = PG_INT32_MAX, .words = auto_words,
		.help = "Fewest rows of a cluster; auto: 1 % of the rows, but at least 5"},
	{"min_samples", EG_PARAM_INT, offsetof(HdbscanParams, min_samples), .number = 0, .min = 1,
		.max = MAX_SAMPLES, .words = auto_words,
		.help = "Rows near each other, itself counted, that make a row dense; auto: "
		"min_cluster_size, but at most 10"},
	{"cluster_selection_method", EG_PARAM_WORD, offsetof(HdbscanParams, method), .text = "eom",
		.words = method_words,
		.help = "Clusters that last longest (eom), or the smallest of the hierarchy (leaf)"},
	{"cluster_selection_epsilon", EG_PARAM_REAL, offsetof(HdbscanParams, epsilon), .number = 0,
		.min = 0, .max = INFINITY, .max_open = true,
		.help = "Distance below which clusters do not split"},
	{"allow_single_cluster", EG_PARAM_BOOL, offsetof(HdbscanParams, allow_single_cluster),
		.help = "Whether all rows may be one cluster"},
	{"scale", EG_PARAM_BOOL, offsetof(HdbscanParams, scale), .number = true,
		.help = "Bring numbers to mean 0 and deviation 1, so that each column counts the same"},
	EG_CONTAMINATION(HdbscanParams),
	EG_PARAM_END
};

/* ---------------- fit ---------------- */

/* A row as it is compared, into m->query. */
static void
prepare_row(const HdbscanModel *m, const float *x)
{
	int			d;

	eg_prep_row_float(m->prep, x, m->query);
	for (d = 0; d < m->prep->width; d++)
		m->query[d] = Min(Max(m->query[d], -FARTHEST), FARTHEST);
}

static void
allocate(HdbscanModel *m, Size nrows)
{
	int			width = Max(m->prep->width, 1);

	m->near = eg_near_create(nrows, width, false);
	m->query = palloc0(width * sizeof(float));
	m->heap = palloc0(m->k * sizeof(EgFound));
}

static void
choose_sizes(HdbscanModel *m, const HdbscanParams *p, Size nrows)
{
	int			samples;

	if (nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no rows to learn from")));
	if (nrows > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("algorithm \"hdbscan\" can keep at most %d rows, not %zu", PG_INT32_MAX,
						(size_t) nrows)));
	if (p->min_cluster_size > nrows)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"min_cluster_size\" is %d, but there are %zu rows",
						p->min_cluster_size, (size_t) nrows),
				 errhint("Use a smaller one, or \"auto\".")));
	if (p->min_samples > nrows)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"min_samples\" is %d, but there are %zu rows",
						p->min_samples, (size_t) nrows),
				 errhint("Use a smaller one, or \"auto\".")));
	m->min_size = p->min_cluster_size > 0 ? p->min_cluster_size :
		Max((int) (nrows * SMALLEST_SHARE), SMALLEST_SIZE);
	samples = p->min_samples > 0 ? p->min_samples : Min(m->min_size, MOST_SAMPLES);
	m->k = (int) Min((Size) samples, nrows);
}

/* Half of the most is rows: prepared, in two orders while they are arranged, as bytes. */
static void
check_memory(const HdbscanModel *m, Size nrows, const EgRun *run)
{
	Size		width = Max(m->prep->width, 1);
	Size		each = 2 * width * sizeof(float) + 2 * (sizeof(double) + sizeof(uint32)) +
		sizeof(double) + Max(eg_span_memory(), sizeof(EgEdge) + eg_condense_memory());

	each += 2 * sizeof(EgCluster) / m->min_size + sizeof(double);
	eg_check_memory(nrows * each + eg_near_overhead(nrows, (int) width) +
					run->threads * m->k * sizeof(EgFound), run->memory_limit,
					"clustering with algorithm \"hdbscan\"");
}

static void
score_rows(HdbscanModel *m, double contamination)
{
	Size		n = m->tree->nrows;
	double	   *score = palloc_extended(n * sizeof(double), MCXT_ALLOC_HUGE);
	Size		i;

	for (i = 0; i < n; i++)
		score[i] = eg_glosh(m->tree, m->tree->last[i], m->tree->density[i]);
	m->scores = eg_anomaly_facts(score, n, contamination);
	pfree(score);
}

static void *
hdbscan_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const HdbscanParams *p = params;
	HdbscanModel *m = palloc0(sizeof(HdbscanModel));
	EgSelection how;
	EgEdge	   *edges;
	Size		n = data->nfit;
	Size		i;

	choose_sizes(m, p, n);
	m->task = data->task;
	m->leaves = strcmp(p->method, "leaf") == 0;
	m->allow_single = p->allow_single_cluster;
	m->prep = eg_prep_fit(data, p->scale ? EG_PREP_SCALE : 0);
	check_memory(m, n, run);
	allocate(m, n);
	for (i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		prepare_row(m, eg_row(&data->x, i));
		eg_near_put(m->near, i, m->query);
	}
	eg_near_arrange(m->near, run);
	eg_near_boxes(m->near);
	m->reach = eg_reach_create(m->near);
	m->reach->core = palloc_extended(n * sizeof(double), MCXT_ALLOC_HUGE);
	eg_span_cores(m->reach, m->k, run);
	edges = eg_span(m->reach, run);
	m->tree = eg_condense(n, edges, m->min_size);
	pfree(edges);
	how.leaves = m->leaves;
	how.allow_single = m->allow_single;
	how.epsilon = p->epsilon;
	eg_select(m->tree, &how);
	if (m->task == EG_CLUSTERING && m->tree->nlabels > MAX_LABELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there are %d clusters of at least %d rows, but at most %d are allowed",
						m->tree->nlabels, m->min_size, MAX_LABELS),
				 errhint("Use a larger \"min_cluster_size\".")));
	score_rows(m, p->contamination);
	if (m->task == EG_CLUSTERING && m->tree->nlabels == 0)
		ereport(NOTICE,
				(errmsg("no cluster was found: all %zu rows are noise", (size_t) m->tree->nrows),
				 m->allow_single ?
				 errdetail("There are fewer than %d rows as dense as a cluster.", m->min_size) :
				 errdetail("No part of the rows parts into two of %d rows or more.", m->min_size),
				 m->allow_single ?
				 errhint("Try a smaller min_cluster_size.") :
				 errhint("Try a smaller min_cluster_size, or \"allow_single_cluster\": true.")));
	return m;
}

/* ---------------- stored form ---------------- */

#define LEAVES			(1 << 0)
#define ALLOW_SINGLE	(1 << 1)

static void
hdbscan_save(const void *model, EgWriter *w)
{
	const HdbscanModel *m = model;
	const EgCondensed *t = m->tree;
	Size		i;
	int			k;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u8(w, (m->leaves ? LEAVES : 0) | (m->allow_single ? ALLOW_SINGLE : 0));
	eg_put_u32(w, m->min_size);
	eg_put_u32(w, m->k);
	eg_put_f64(w, t->epsilon);
	eg_anomaly_save(&m->scores, w);
	eg_prep_save(m->prep, w);
	eg_put_u32(w, t->nclusters);
	for (k = 0; k < t->nclusters; k++)
	{
		const EgCluster *c = &t->cluster[k];

		eg_put_u32(w, (uint32) c->parent);
		eg_put_u32(w, c->size);
		eg_put_u32(w, (uint32) c->label);
		eg_put_f64(w, c->birth);
		eg_put_f64(w, c->death);
		eg_put_f64(w, c->stability);
	}
	eg_put_u32(w, t->nlabels);
	eg_put_u32_array(w, t->members, t->nlabels);
	eg_put_u32(w, (uint32) t->nrows);
	eg_put_u32_array(w, t->last, t->nrows);
	for (i = 0; i < t->nrows; i++)
		eg_put_f64(w, t->density[i]);
	for (i = 0; i < t->nrows; i++)
		eg_put_f64(w, m->reach->core[i]);
	eg_put_f32_array(w, m->near->data, m->near->nblocks * m->near->width * EG_NEAR_BLOCK);
}

static void
load_clusters(EgReader *r, EgCondensed *t)
{
	bool	   *taken;
	int			k;

	t->nclusters = (int) eg_get_count(r, PG_INT32_MAX, 36);
	if (t->nclusters < 1)
		eg_corrupted(r, "there are no clusters");
	t->cluster = palloc_extended(t->nclusters * sizeof(EgCluster),
								 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (k = 0; k < t->nclusters; k++)
	{
		EgCluster  *c = &t->cluster[k];

		c->parent = (int32) eg_get_u32(r);
		c->size = eg_get_u32(r);
		c->label = (int32) eg_get_u32(r);
		c->birth = eg_get_f64(r);
		c->death = eg_get_f64(r);
		c->stability = eg_get_f64(r);
		if (!(c->birth >= 0 && isfinite(c->birth) && c->death >= 0 && isfinite(c->death)))
			eg_corrupted(r, "cluster %d lasts from %g to %g", k, c->birth, c->death);
	}
	t->nlabels = (int) eg_get_count(r, PG_INT32_MAX, sizeof(uint32));
	if (t->nlabels > t->nclusters)
		eg_corrupted(r, "%d of %d clusters are selected", t->nlabels, t->nclusters);
	t->members = palloc_extended(Max(t->nlabels, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	eg_get_u32_array(r, t->members, t->nlabels);

	/* each label once */
	taken = palloc_extended(Max(t->nlabels, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (k = 0; k < t->nclusters; k++)
	{
		int32		label = t->cluster[k].label;

		if (label < -1 || label >= t->nlabels || (label >= 0 && taken[label]))
			eg_corrupted(r, "cluster %d has the label %d", k, label);
		if (label >= 0)
			taken[label] = true;
	}
	pfree(taken);
	if (!eg_condensed_finish(t))
		eg_corrupted(r, "the clusters are no tree");
}

static void
load_rows(EgReader *r, HdbscanModel *m)
{
	EgCondensed *t = m->tree;
	Size		n;
	Size		width = Max(m->prep->width, 1);
	Size		blocks;
	Size		i;

	n = eg_get_count(r, PG_INT32_MAX, sizeof(uint32) + 2 * sizeof(double));
	if (n < 1 || m->k > n)
		eg_corrupted(r, "%zu rows are too few", (size_t) n);
	t->nrows = n;

	/* all of it must follow before any of it is allocated */
	blocks = (n + EG_NEAR_BLOCK - 1) / EG_NEAR_BLOCK;
	if ((r->len - r->pos - n * 20) / (EG_NEAR_BLOCK * sizeof(float)) / width < blocks)
		eg_corrupted(r, "%zu rows of %zu values do not fit in the bytes left", (size_t) n,
					 (size_t) width);
	allocate(m, n);
	t->last = palloc_extended(n * sizeof(uint32), MCXT_ALLOC_HUGE);
	t->density = palloc_extended(n * sizeof(double), MCXT_ALLOC_HUGE);
	m->reach = eg_reach_create(m->near);
	m->reach->core = palloc_extended(n * sizeof(double), MCXT_ALLOC_HUGE);
	eg_get_u32_array(r, t->last, n);
	for (i = 0; i < n; i++)
		t->density[i] = eg_get_f64(r);
	for (i = 0; i < n; i++)
		m->reach->core[i] = eg_get_f64(r);
	eg_get_f32_array(r, m->near->data, blocks * width * EG_NEAR_BLOCK);
	for (i = 0; i < n; i++)
	{
		if (t->last[i] >= t->nclusters)
			eg_corrupted(r, "row %zu is in cluster %u of %d", (size_t) i, t->last[i],
						 t->nclusters);
		if (!(t->density[i] > 0) ||
			!(m->reach->core[i] >= 0 && m->reach->core[i] <= DBL_MAX))
			eg_corrupted(r, "row %zu has the density %g", (size_t) i, t->density[i]);
	}
	for (i = 0; i < blocks * width * EG_NEAR_BLOCK; i++)
	{
		if (!(fabsf(m->near->data[i]) <= FARTHEST))
			eg_corrupted(r, "a value is out of range");
	}
	eg_near_boxes(m->near);
	eg_reach_set_least(m->reach);
}

static void *
hdbscan_load(EgReader *r, int format)
{
	HdbscanModel *m = palloc0(sizeof(HdbscanModel));
	uint8		task;
	uint8		flags;
	uint32		min_size;
	uint32		k;

	if (format != HDBSCAN_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"hdbscan\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	m->tree = palloc0(sizeof(EgCondensed));
	task = eg_get_u8(r);
	flags = eg_get_u8(r);
	min_size = eg_get_u32(r);
	k = eg_get_u32(r);
	m->tree->epsilon = eg_get_f64(r);
	if ((task != EG_CLUSTERING && task != EG_ANOMALY) || (flags & ~(LEAVES | ALLOW_SINGLE)) ||
		min_size < 2 || min_size > PG_INT32_MAX || k < 1 || k > MAX_SAMPLES ||
		!(m->tree->epsilon >= 0 && m->tree->epsilon <= 1e15))
		eg_corrupted(r, "the parameters are out of range");
	m->task = (EgTask) task;
	m->leaves = (flags & LEAVES) != 0;
	m->allow_single = (flags & ALLOW_SINGLE) != 0;
	m->min_size = (int) min_size;
	m->k = (int) k;
	eg_anomaly_load(&m->scores, r);
	m->prep = eg_prep_load(r);
	load_clusters(r, m->tree);
	if (m->task == EG_CLUSTERING && m->tree->nlabels > MAX_LABELS)
		eg_corrupted(r, "there are %d clusters", m->tree->nlabels);
	load_rows(r, m);
	return m;
}

/* ---------------- the answer ---------------- */

static int
hdbscan_width(const void *model)
{
	const HdbscanModel *m = model;

	/* where all is noise there is one cluster that nobody is in */
	return m->task == EG_CLUSTERING ? Max(m->tree->nlabels, 1) : 1;
}

static void
hdbscan_predict(const void *model, const float *x, Size nrows, double *out)
{
	const HdbscanModel *m = model;
	int			width = hdbscan_width(m);
	Size		i;

	for (i = 0; i < nrows; i++, out += width)
	{
		EgFound		found;
		double		density;
		double		strength;
		uint32		last;
		int			label;

		prepare_row(m, x + i * m->prep->ncols);
		eg_reach_nearest(m->near, m->query, m->heap, m->k);
		found = eg_reach_best(m->reach, m->query, m->heap[0].square);
		density = 1 / sqrt(found.square);
		last = eg_condensed_place(m->tree, found.row, &density);
		if (m->task == EG_ANOMALY)
		{
			out[0] = eg_glosh(m->tree, last, density);
			continue;
		}
		memset(out, 0, width * sizeof(double));
		label = eg_membership(m->tree, last, density, &strength);
		if (label >= 0)
			out[label] = strength;
	}
}

/* ---------------- facts ---------------- */

static int
hdbscan_nfeatures(const void *model)
{
	return ((const HdbscanModel *) model)->prep->ncols;
}

static double
hdbscan_threshold(const void *model)
{
	return ((const HdbscanModel *) model)->scores.threshold;
}

const EgCondensed *
eg_hdbscan_condensed(const void *model)
{
	return ((const HdbscanModel *) model)->tree;
}

static Size
count_noise(const EgCondensed *t)
{
	Size		n = t->nrows;
	int			k;

	for (k = 0; k < t->nlabels; k++)
		n -= t->members[k];
	return n;
}

static void
number(StringInfo json, const char *name, double v)
{
	if (isfinite(v))
		appendStringInfo(json, "\"%s\": %.9g", name, v);
	else
		appendStringInfo(json, "\"%s\": null", name);
}

static void
hdbscan_describe(const void *model, StringInfo json)
{
	const HdbscanModel *m = model;
	const EgCondensed *t = m->tree;
	int			k;

	appendStringInfo(json, "\"rows_kept\": %zu, \"dimensions\": %d, \"min_cluster_size\": %d, "
					 "\"min_samples\": %d, \"cluster_selection_method\": \"%s\", "
					 "\"clusters\": %d, \"noise\": %zu, \"sizes\": [",
					 (size_t) t->nrows, m->prep->width, m->min_size, m->k,
					 method_words[m->leaves], t->nlabels, (size_t) count_noise(t));
	for (k = 0; k < t->nlabels; k++)
		appendStringInfo(json, "%s%u", k > 0 ? ", " : "", t->members[k]);
	appendStringInfo(json, "], \"condensed_clusters\": %d, \"condensed_tree\": [", t->nclusters);
	for (k = 0; k < t->nclusters && k < TREE_SHOWN; k++)
	{
		const EgCluster *c = &t->cluster[k];

		appendStringInfo(json, "%s{\"node\": %d, \"parent\": ", k > 0 ? ", " : "", k);
		if (c->parent >= 0)
			appendStringInfo(json, "%d", c->parent);
		else
			appendStringInfoString(json, "null");
		appendStringInfo(json, ", \"size\": %u, ", c->size);
		number(json, "lambda", c->birth);
		appendStringInfoString(json, ", ");
		number(json, "lambda_end", c->death);
		appendStringInfoString(json, ", ");
		number(json, "stability", c->stability);
		if (c->label >= 0)
			appendStringInfo(json, ", \"cluster\": %d", c->label + 1);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static void
hdbscan_estimate(const void *model, StringInfo json)
{
	const HdbscanModel *m = model;
	const EgCondensed *t = m->tree;

	if (m->task == EG_ANOMALY)
		eg_anomaly_estimate(&m->scores, json);
	else
		appendStringInfo(json, "\"clusters\": %d, \"noise_share\": %.9g", t->nlabels,
						 (double) count_noise(t) / t->nrows);
}

const EgAlgorithm eg_hdbscan = {
	.name = "hdbscan",
	.summary = "clusters of any shape and density, and noise",
	.tasks = EG_TASK_BIT(EG_CLUSTERING) | EG_TASK_BIT(EG_ANOMALY),
	.format = HDBSCAN_FORMAT,
	.roles = 0,
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = hdbscan_params,
	.params_size = sizeof(HdbscanParams),
	.fit = hdbscan_fit,
	.save = hdbscan_save,
	.load = hdbscan_load,
	.width = hdbscan_width,
	.nfeatures = hdbscan_nfeatures,
	.predict = hdbscan_predict,
	.describe = hdbscan_describe,
	.estimate = hdbscan_estimate,
	.threshold = hdbscan_threshold
};
