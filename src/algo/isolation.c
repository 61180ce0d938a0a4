/*-------------------------------------------------------------------------
 *
 * isolation.c
 *	  Isolation forest: a row that few random splits suffice to part from the
 *	  others is strange.
 *
 * With h(x) the length of the path of row x in a tree grown on psi rows, E(h(x))
 * its mean over the trees, and c(psi) the mean length of an unsuccessful search
 * in a binary search tree of psi rows,
 *
 *		score(x) = 2 ^ (- E(h(x)) / c(psi))
 *
 * Trees that split on one column are an EgForest: leaves are path lengths, a
 * tree's weight is -ln 2 / (c(psi) trees), the link is the exponential
 * function.  So scores come from the compiled form, and exact Shapley values from
 * the same files as for every other forest.  Trees of hyperplanes
 * (isolation_extended.c) are explained by sampling.
 *
 * Sources: see isolation_grow.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/forest_facts.h"
#include "algo/forest_shap.h"
#include "algo/isolation.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define ISOLATION_FORMAT	1
#define AUTO_SAMPLES		256 /* rows of a tree */
#define SCORED_ROWS			4096	/* that tell what scores look like, if no share is asked for */
#define SCORE_BLOCK			1024	/* rows between two answers to interrupts */

typedef struct IsolationParams
{
	int			n_estimators;
	double		max_samples;	/* NaN: auto */
	double		max_features;
	double		contamination;	/* NaN: auto */
	int			extension_level;
} IsolationParams;

typedef struct IsolationModel
{
	uint32		psi;
	uint32		level;			/* of extension */
	EgAnomalyFacts facts;
	EgForest   *forest;			/* or NULL: hyperplanes */
	EgHyperForest *hyper;
	EgPrep	   *prep;			/* of hyperplanes */
} IsolationModel;

extern const EgAlgorithm eg_isolation_forest;

static const char *const auto_words[] = {"auto", NULL};

static const EgParam isolation_params[] = {
	{"n_estimators", EG_PARAM_INT, offsetof(IsolationParams, n_estimators), .number = 100,
		.min = 1, .max = 100000, .help = "Number of trees"},
	{"max_samples", EG_PARAM_REAL, offsetof(IsolationParams, max_samples), .number = NAN,
		.min = 0, .max = 1e9, .min_open = true, .words = auto_words,
		.help = "Rows of each tree, drawn without replacement; up to 1 a share of the training "
				"rows; auto is 256, or all where there are fewer"},
	{"max_features", EG_PARAM_REAL, offsetof(IsolationParams, max_features), .number = 1,
		.min = 0, .max = 1, .min_open = true,
		.help = "Share of the columns that each tree may split on"},
	EG_CONTAMINATION(IsolationParams),
	{"extension_level", EG_PARAM_INT, offsetof(IsolationParams, extension_level), .number = 0,
		.min = 0, .max = 1000000,
		.help = "0 splits on one column; more, up to the number of columns less one, splits by "
				"hyperplanes in that many columns more"},
	EG_PARAM_END
};

/* ---------------- fit ---------------- */

static Size
rows_of_tree(const IsolationParams *p, Size nrows)
{
	double		n = p->max_samples;

	if (isnan(n))
		n = AUTO_SAMPLES;
	else if (n <= 1)
		n = rint(n * (double) nrows);
	else if (n != floor(n))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"max_samples\" of algorithm \"isolation_forest\" must be a "
						"whole number of rows, or a share up to 1, not %g", n)));
	return (Size) Min(Max(n, 1), (double) nrows);
}

/* Members of a forest whose margin is ln(score). */
static EgForest *
make_forest(const EgIsolationGrove *g, const EgDataset *data, Size psi)
{
	EgForest   *f = eg_forest_create(g->ntrees, (int) g->nnodes, data->x.ncols, 1,
									 (int) g->nwords);
	double		c = eg_isolation_path((double) psi);
	Size		i;
	int			t;

	f->link = EG_LINK_EXP;

	/* one row a tree says nothing: every row is as strange as any */
	f->base[0] = c > 0 ? 0 : (float) -M_LN2;
	memcpy(f->cat_bits, g->words, g->nwords * sizeof(uint32));
	for (t = 0; t < g->ntrees; t++)
	{
		f->tree_weight[t] = c > 0 ? (float) (-M_LN2 / (c * g->ntrees)) : 0;
		f->tree_start[t] = (int32) g->node_start[t];
		for (i = g->node_start[t]; i < g->node_start[t + 1]; i++)
		{
			const EgIsolationNode *n = &g->nodes[i];

			f->feature[i] = n->feature;
			f->value[i] = n->value;
			f->cover[i] = n->cover;
			if (n->feature < 0)
				continue;
			f->left[i] = n->left;
			f->right[i] = n->left + 1;
			f->flags[i] = n->default_left ? EG_NODE_DEFAULT_LEFT : 0;
			if (n->set >= 0)
			{
				f->cat[i] = n->set + (int32) g->word_start[t];
				f->ncat[i] = (data->ncategories[n->feature] + 31) / 32;
			}
		}
	}
	return f;
}

static void
isolation_predict(const void *model, const float *x, Size nrows, double *out)
{
	const IsolationModel *m = model;
	double		c;
	Size		i;

	if (m->forest != NULL)
	{
		eg_forest_predict(m->forest, x, nrows, m->forest->nfeatures, out);
		return;
	}
	c = eg_isolation_path(m->psi);
	eg_hyper_paths(m->hyper, m->prep, x, nrows, out);
	for (i = 0; i < nrows; i++)
		out[i] = c > 0 ? exp2(-out[i] / c) : 0.5;
}

/* Scores of training rows: of all, where they set the threshold. */
static EgAnomalyFacts
score_rows(const IsolationModel *m, const EgDataset *data, const IsolationParams *p, EgRun *run)
{
	Size		n = isnan(p->contamination) ? Min(data->nfit, SCORED_ROWS) : data->nfit;
	int			ncols = data->x.ncols;
	double	   *score;
	EgAnomalyFacts facts;
	Size		i;

	eg_check_memory(n * sizeof(double), run->memory_limit, "scoring the training rows");
	score = palloc_extended(Max(n, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	for (i = 0; i < n;)
	{
		/* evenly spread where they are not all */
		Size		rows = n == data->nfit ? Min(n - i, SCORE_BLOCK) : 1;
		Size		first = n == data->nfit ? i : (Size) ((double) i / n * data->nfit);

		if (i % SCORE_BLOCK == 0)
			CHECK_FOR_INTERRUPTS();
		isolation_predict(m, data->x.data + first * ncols, rows, score + i);
		i += rows;
	}
	facts = eg_anomaly_facts(score, n, p->contamination);
	pfree(score);
	return facts;
}

static void *
isolation_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const IsolationParams *p = params;
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch;
	IsolationModel *m = palloc0(sizeof(IsolationModel));
	EgIsolationSpec spec = {0};
	EgIsolationGrove *grove;
	int			ncols = data->x.ncols;

	if (data->nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no rows to learn from")));
	if (data->nfit > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("algorithm \"isolation_forest\" can learn from at most %d rows, not %zu",
						PG_INT32_MAX, (size_t) data->nfit)));
	spec.x = &data->x;
	spec.nrows = data->nfit;
	spec.ncategories = data->ncategories;
	spec.ntrees = p->n_estimators;
	spec.psi = rows_of_tree(p, data->nfit);
	spec.threads = run->threads;
	spec.memory_limit = run->memory_limit;
	m->psi = (uint32) spec.psi;
	if (p->extension_level > 0)
	{
		m->prep = eg_prep_fit(data, EG_PREP_SCALE);
		ncols = m->prep->width;
		spec.prep = m->prep;
		spec.nterms = Max(Min(p->extension_level, ncols - 1) + 1, 1);
		m->level = spec.nterms - 1;
	}
	spec.ncolumns = Min(Max((int) rint(p->max_features * ncols), 1), ncols);

	scratch = AllocSetContextCreate(model_context, "engage isolation", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	grove = eg_isolation_grow(&spec, run);
	MemoryContextSwitchTo(model_context);
	if (spec.prep != NULL)
		m->hyper = eg_hyper_make(grove, ncols, spec.nterms);
	else
	{
		m->forest = make_forest(grove, data, spec.psi);
		eg_forest_compile(m->forest);
	}
	MemoryContextDelete(scratch);
	m->facts = score_rows(m, data, p, run);
	return m;
}

/* ---------------- stored form ---------------- */

static void
isolation_save(const void *model, EgWriter *w)
{
	const IsolationModel *m = model;

	eg_put_u32(w, m->psi);
	eg_put_u32(w, m->level);
	eg_anomaly_save(&m->facts, w);
	eg_put_u8(w, m->hyper != NULL);
	if (m->hyper != NULL)
	{
		eg_prep_save(m->prep, w);
		eg_hyper_save(m->hyper, w);
	}
	else
		eg_forest_save(m->forest, w);
}

static void *
isolation_load(EgReader *r, int format)
{
	IsolationModel *m = palloc0(sizeof(IsolationModel));
	EgForest   *f;
	uint8		extended;
	int32		i;

	if (format != ISOLATION_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"isolation_forest\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	m->psi = eg_get_u32(r);
	m->level = eg_get_u32(r);
	eg_anomaly_load(&m->facts, r);
	extended = eg_get_u8(r);
	if (m->psi < 1 || extended > 1)
		eg_corrupted(r, "trees of %u rows, of kind %u, are not possible", m->psi, extended);
	if (extended)
	{
		m->prep = eg_prep_load(r);
		m->hyper = eg_hyper_load(r, m->prep->width);
		return m;
	}
	m->forest = f = eg_forest_load(r);
	if (f->link != EG_LINK_EXP || f->ngroups != 1 || f->ntrees < 1 || f->base[0] > 0)
		eg_corrupted(r, "the forest is not one of isolation trees");
	for (i = 0; i < f->ntrees; i++)
	{
		if (f->tree_weight[i] > 0)
			eg_corrupted(r, "tree %d has weight %g", i, f->tree_weight[i]);
	}
	for (i = 0; i < f->tree_start[f->ntrees]; i++)
	{
		if (!(f->cover[i] >= 0 && f->cover[i] <= FLT_MAX))
			eg_corrupted(r, "node %d has cover %g", i, f->cover[i]);
		if (f->feature[i] < 0 && f->value[i] < 0)
			eg_corrupted(r, "leaf %d has path length %g", i, f->value[i]);
	}
	eg_forest_compile(f);
	return m;
}

/* ---------------- use ---------------- */

static int
isolation_width(const void *model)
{
	return 1;
}

static int
isolation_nfeatures(const void *model)
{
	const IsolationModel *m = model;

	return m->forest != NULL ? m->forest->nfeatures : m->prep->ncols;
}

static double
isolation_threshold(const void *model)
{
	return ((const IsolationModel *) model)->facts.threshold;
}

static bool
isolation_explains(const void *model)
{
	return ((const IsolationModel *) model)->forest != NULL;
}

static EgLink
isolation_link(const void *model)
{
	return isolation_explains(model) ? EG_LINK_EXP : EG_LINK_IDENTITY;
}

static void
isolation_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgForest *f = ((const IsolationModel *) model)->forest;

	eg_forest_explain(f, x, nrows, f->nfeatures, out);
}

static void
isolation_explain_against(const void *model, const float *x, const float *background,
						  Size nbackground, double *out)
{
	const EgForest *f = ((const IsolationModel *) model)->forest;

	eg_forest_explain_against(f, x, background, nbackground, f->nfeatures, out);
}

static void
isolation_interactions(const void *model, const float *x, double *out)
{
	eg_forest_interactions(((const IsolationModel *) model)->forest, x, out);
}

static void
isolation_describe(const void *model, StringInfo json)
{
	const IsolationModel *m = model;

	appendStringInfo(json, "\"trees\": %d, \"nodes\": %d, \"samples\": %u, \"path_length\": %.9g, "
					 "\"extension_level\": %u, ",
					 m->forest != NULL ? m->forest->ntrees : m->hyper->ntrees,
					 m->forest != NULL ? m->forest->tree_start[m->forest->ntrees] :
					 m->hyper->start[m->hyper->ntrees],
					 m->psi, eg_isolation_path(m->psi), m->level);
	if (m->forest != NULL)
		appendStringInfo(json, "\"depth\": %d, ", eg_forest_depth(m->forest));
	eg_anomaly_estimate(&m->facts, json);
}

static void
isolation_estimate(const void *model, StringInfo json)
{
	eg_anomaly_estimate(&((const IsolationModel *) model)->facts, json);
}

const EgAlgorithm eg_isolation_forest = {
	.name = "isolation_forest",
	.summary = "how few random splits part a row from the others",
	.tasks = EG_TASK_BIT(EG_ANOMALY),
	.format = ISOLATION_FORMAT,
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = isolation_params,
	.params_size = sizeof(IsolationParams),
	.fit = isolation_fit,
	.save = isolation_save,
	.load = isolation_load,
	.width = isolation_width,
	.nfeatures = isolation_nfeatures,
	.predict = isolation_predict,
	.explains = isolation_explains,
	.explain = isolation_explain,
	.explain_against = isolation_explain_against,
	.interactions = isolation_interactions,
	.link = isolation_link,
	.describe = isolation_describe,
	.estimate = isolation_estimate,
	.threshold = isolation_threshold
};
