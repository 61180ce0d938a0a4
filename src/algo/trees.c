/*-------------------------------------------------------------------------
 *
 * trees.c
 *	  Learners made of independent trees: random_forest, extra_trees,
 *	  decision_tree.
 *
 * A forest averages trees that differ by chance: each is grown on rows drawn
 * with replacement and looks at a few random columns in each node (random
 * forest), or on all rows with random thresholds (extra trees).  The output is
 * the mean of the leaves, and a leaf is the mean of its rows: an expected
 * value, or the share of each class.
 *
 * Sources: see trees_grow.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/boost.h"
#include "algo/forest_facts.h"
#include "algo/forest_shap.h"
#include "algo/trees.h"
#include "utils/json.h"
#include "utils/memutils.h"

extern const EgAlgorithm eg_random_forest;
extern const EgAlgorithm eg_extra_trees;
extern const EgAlgorithm eg_decision_tree;

/* ---------------- parameters ---------------- */

#define FIELD(name)		#name, .offset = offsetof(EgTreeParams, name)
#define INT(name, value, low, high) \
	FIELD(name), .type = EG_PARAM_INT, .number = (value), .min = (low), .max = (high)
#define REAL(name, value, low, high) \
	FIELD(name), .type = EG_PARAM_REAL, .number = (value), .min = (low), .max = (high)
#define SEARCH(low, high)	.tunable = true, .search_min = (low), .search_max = (high)

#define N_ESTIMATORS \
	{INT(n_estimators, 100, 1, 100000), .alias = "num_parallel_tree", SEARCH(50, 500), \
	 .log_scale = true, .help = "Number of trees; more never overfit, they only cost time"}
#define MIN_SAMPLES_LEAF(value) \
	{INT(min_samples_leaf, value, 1, 1000000000), .alias = "min_child_weight", SEARCH(1, 50), \
	 .log_scale = true, .help = "Least rows in a leaf"}
#define MIN_IMPURITY_DECREASE \
	{REAL(min_impurity_decrease, 0, 0, INFINITY), .alias = "gamma", \
	 .help = "Least decrease of impurity (Gini, or variance) that makes a split worth having, " \
			 "weighed by the node's share of the rows"}
#define BOOTSTRAP(value, text) \
	{FIELD(bootstrap), .type = EG_PARAM_BOOL, .number = (value), .help = text}
#define MAX_SAMPLES \
	{REAL(max_samples, 1, 0, 1), .min_open = true, .alias = "subsample", \
	 .help = "Rows drawn for each tree, as a share of all"}

#define OOB \
	{FIELD(oob), .type = EG_PARAM_BOOL, .alias = "oob_score", \
	 .help = "Measure quality out of bag: on the rows that each tree has not seen"}

static const EgParam forest_params[] = {
	N_ESTIMATORS,
	{INT(max_depth, 16, 0, 1000), SEARCH(4, 24),
	 .help = "Deepest level of a tree; 0 sets no limit"},
	MIN_SAMPLES_LEAF(5),
	{REAL(max_features, NAN, 0, 1), .min_open = true, .alias = "colsample_bynode",
	 SEARCH(0.1, 1),
	 .help = "Share of the columns tried in each node; unset, the square root of their number "
			 "for classes, a third for regression"},
	BOOTSTRAP(1, "Draw the rows of each tree with replacement; otherwise without"),
	MAX_SAMPLES,
	MIN_IMPURITY_DECREASE,
	{INT(max_bin, 256, 2, EG_MAX_BINS), .help = "Most bins for each numeric column"},
	OOB,
	EG_PARAM_END
};

static const EgParam extra_params[] = {
	N_ESTIMATORS,
	{INT(max_depth, 16, 0, 1000), SEARCH(4, 24),
	 .help = "Deepest level of a tree; 0 sets no limit"},
	MIN_SAMPLES_LEAF(5),
	{REAL(max_features, NAN, 0, 1), .min_open = true, .alias = "colsample_bynode",
	 SEARCH(0.1, 1),
	 .help = "Share of the columns tried in each node; unset, the square root of their number "
			 "for classes, all for regression"},
	BOOTSTRAP(0, "Draw the rows of each tree with replacement"),
	MAX_SAMPLES,
	MIN_IMPURITY_DECREASE,
	OOB,
	EG_PARAM_END
};

static const EgParam tree_params[] = {
	{INT(max_depth, 4, 0, 1000), SEARCH(2, 12),
	 .help = "Deepest level of the tree; 0 sets no limit"},
	MIN_SAMPLES_LEAF(20),
	MIN_IMPURITY_DECREASE,
	EG_PARAM_END
};

/* ---------------- fit ---------------- */

static void
check_targets(const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	double		max = data->task == EG_BINARY ? 1 : data->nclasses - 1;
	Size		i;

	if (data->nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no rows to learn from")));
	for (i = 0; i < data->nfit; i++)
	{
		if (!(fabs(y[i]) <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not usable", y[i]),
					 errdetail("Targets must be finite single precision numbers.")));
		if (data->task != EG_REGRESSION && (y[i] < 0 || y[i] > max || y[i] != floor(y[i])))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not a class", y[i]),
					 errdetail("Classes are numbered from 0 to %g.", max)));
	}
}

/* Regression learns the distance to the mean: sums of it lose fewer digits. */
static const double *
centered_targets(const EgDataset *data, const float *weight, double *mean)
{
	const double *y = data->role[EG_ROLE_TARGET];
	double	   *out;
	double		sum = 0;
	double		w = 0;
	Size		i;

	*mean = 0;
	if (data->task != EG_REGRESSION)
		return y;
	for (i = 0; i < data->nfit; i++)
	{
		sum += y[i] * (weight != NULL ? weight[i] : 1);
		w += weight != NULL ? weight[i] : 1;
	}

	/* what the forest starts from is single precision */
	*mean = (float) (sum / w);
	out = MemoryContextAllocHuge(CurrentMemoryContext, data->nfit * sizeof(double));
	for (i = 0; i < data->nfit; i++)
		out[i] = y[i] - *mean;
	return out;
}

static int
columns_to_try(const EgTreeParams *p, const EgDataset *data, bool random_splits)
{
	int			n = data->x.ncols;
	double		share = p->max_features;

	if (!isnan(share))
		return Max(1, (int) rint(share * n));
	if (data->task != EG_REGRESSION)
		return Max(1, (int) sqrt(n));
	return random_splits ? Max(n, 1) : Max(1, n / 3);
}

/*
 * Threads that the memory suffices for, at least one; an error if it does not
 * suffice for that.
 */
static int
check_fit_memory(const EgDataset *data, const EgTreeParams *p, const EgRun *run, const char *name)
{
	Size		n = data->nfit;
	Size		common = (Size) data->x.ncols * (p->max_bin > EG_NARROW_CODES ? 2 : 1) + 16;
	Size		each = 2 * 16 + sizeof(uint16); /* samples twice, and draws */
	int			threads = run->threads;

	if (n > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("algorithm \"%s\" can learn from at most %d rows, not %zu", name,
						PG_INT32_MAX, (size_t) n)));
	if (p->oob)
	{
		common += 8 * Max(data->nclasses, 1) + sizeof(uint32);
		each += sizeof(int32);
	}
	while (threads > 1 && n * (common + threads * each) > run->memory_limit)
		threads--;
	eg_check_memory(n * (common + threads * each), run->memory_limit,
					psprintf("training with algorithm \"%s\"", name));
	return threads;
}

static EgTreesModel *
trees_fit(const EgDataset *data, const EgTreeParams *p, bool random_splits, const char *name,
		  EgRun *run)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch;
	EgTreesModel *m;
	EgForest   *f;
	EgGrowSpec	spec = {0};
	EgOobSums	oob = {0};
	double		mean;

	check_targets(data);
	if (p->oob && !p->bootstrap && p->max_samples >= 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"oob\" needs rows that a tree has not seen"),
				 errhint("Set \"bootstrap\", or \"max_samples\" below 1.")));
	spec.threads = check_fit_memory(data, p, run, name);
	scratch = AllocSetContextCreate(model_context, "engage trees", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	spec.weight = eg_boost_weights(data);
	spec.y = centered_targets(data, spec.weight, &mean);
	spec.bins = eg_bins_make(data, p->max_bin, spec.threads, run->memory_limit);
	spec.binary = data->task == EG_BINARY;
	spec.nclasses = data->task == EG_MULTICLASS ? data->nclasses : 0;
	spec.random_splits = random_splits;
	spec.max_depth = p->max_depth;
	spec.min_leaf = p->min_samples_leaf;
	spec.ntry = columns_to_try(p, data, random_splits);

	/* the gain of one output is half that of Gini's two classes */
	spec.min_decrease = p->min_impurity_decrease / (data->task == EG_BINARY ? 2 : 1);
	spec.memory_limit = run->memory_limit;
	spec.ntrees = p->n_estimators;
	spec.bootstrap = p->bootstrap;
	spec.max_samples = p->max_samples;
	spec.oob = p->oob;

	MemoryContextSwitchTo(model_context);
	m = palloc0(sizeof(EgTreesModel));
	m->forest = f = eg_trees_grow(&spec, run, &oob);
	f->base[0] = (float) mean;
	m->task = data->task;
	m->nclasses = data->task == EG_MULTICLASS ? data->nclasses : data->task == EG_BINARY ? 2 : 0;
	m->weighted = data->role[EG_ROLE_WEIGHT] != NULL;
	if (p->oob)
	{
		m->oob = eg_oob_measure(&oob, data->task, data->role[EG_ROLE_TARGET], spec.weight,
								data->nfit, mean);
		pfree(oob.sum);
		pfree(oob.ntrees);
	}
	eg_forest_compile(f);
	MemoryContextDelete(scratch);
	return m;
}

static void *
random_forest_fit(const EgDataset *data, const void *params, EgRun *run)
{
	return trees_fit(data, params, false, "random_forest", run);
}

static void *
extra_trees_fit(const EgDataset *data, const void *params, EgRun *run)
{
	EgTreeParams p = *(const EgTreeParams *) params;

	p.max_bin = EG_MAX_BINS;
	return trees_fit(data, &p, true, "extra_trees", run);
}

/* The mean moves from the base to the leaves, so that a rule shows what is predicted. */
static void
fold_base(EgForest *f)
{
	int			i;

	for (i = 0; i < f->tree_start[f->ntrees]; i++)
	{
		if (f->feature[i] < 0)
			f->value[i] += f->base[0];
	}
	f->base[0] = 0;
}

/* The categories of columns that rules speak of. */
static void
copy_words(EgTreesModel *m, const EgDataset *data)
{
	const EgForest *f = m->forest;
	int			i;
	int			c;

	for (i = 0; data->categories != NULL && i < f->tree_start[1]; i++)
	{
		int			j = f->feature[i];
		int			n = j >= 0 ? m->columns.ncategories[j] : 0;

		if (n == 0 || data->categories[j] == NULL || m->columns.words[j] != NULL)
			continue;
		m->columns.words[j] = palloc(n * sizeof(char *));
		for (c = 0; c < n; c++)
			m->columns.words[j][c] = pstrdup(data->categories[j][c]);
	}
}

static void *
decision_tree_fit(const EgDataset *data, const void *params, EgRun *run)
{
	EgTreeParams p = *(const EgTreeParams *) params;
	EgTreesModel *m;
	int			n = data->x.ncols;
	int			j;
	Size		i;

	p.n_estimators = 1;
	p.max_features = 1;
	p.max_samples = 1;
	p.max_bin = EG_MAX_BINS;
	m = trees_fit(data, &p, false, "decision_tree", run);
	if (m->task == EG_REGRESSION)
	{
		fold_base(m->forest);
		eg_forest_compile(m->forest);
	}

	eg_tree_columns_make(&m->columns, n);
	for (j = 0; j < n; j++)
	{
		m->columns.names[j] = pstrdup(data->names[j]);
		if (data->ncategories != NULL)
			m->columns.ncategories[j] = data->ncategories[j];
		for (i = 0; i < data->nfit && m->columns.missing[j] == 0; i++)
			m->columns.missing[j] = !isfinite(eg_row(&data->x, i)[j]);
	}
	copy_words(m, data);
	return m;
}

/* ---------------- use ---------------- */

static int
trees_width(const void *model)
{
	return ((const EgTreesModel *) model)->forest->ngroups;
}

static int
trees_nfeatures(const void *model)
{
	return ((const EgTreesModel *) model)->forest->nfeatures;
}

/* Shares stay shares whatever the rounding of their sum. */
static void
trees_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgTreesModel *m = model;
	int			n = m->forest->ngroups;
	Size		i;
	int			k;

	eg_forest_predict(m->forest, x, nrows, m->forest->nfeatures, out);
	if (m->task == EG_REGRESSION)
		return;
	for (i = 0; i < nrows; i++)
	{
		double	   *o = out + i * n;
		double		sum = 0;

		for (k = 0; k < n; k++)
		{
			o[k] = Min(Max(o[k], 0), 1);
			sum += o[k];
		}
		for (k = 0; n > 1 && k < n; k++)
			o[k] = sum > 0 ? o[k] / sum : 1.0 / n;
	}
}

static void
trees_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgForest *f = ((const EgTreesModel *) model)->forest;

	eg_forest_explain(f, x, nrows, f->nfeatures, out);
}

static void
trees_explain_against(const void *model, const float *x, const float *background,
					  Size nbackground, double *out)
{
	const EgForest *f = ((const EgTreesModel *) model)->forest;

	eg_forest_explain_against(f, x, background, nbackground, f->nfeatures, out);
}

static void
trees_interactions(const void *model, const float *x, double *out)
{
	eg_forest_interactions(((const EgTreesModel *) model)->forest, x, out);
}

/* Total decrease of impurity by the splits on each feature; classes share their splits. */
static void
trees_importance(const void *model, double *out)
{
	eg_forest_gain(((const EgTreesModel *) model)->forest, true, out);
}

static void
trees_splits(const void *model, double *count, double *gain, double *cover)
{
	eg_forest_splits(((const EgTreesModel *) model)->forest, true, count, gain, cover);
}

static void
trees_describe(const void *model, StringInfo json)
{
	const EgTreesModel *m = model;
	const EgForest *f = m->forest;

	appendStringInfo(json, "\"trees\": %d, \"nodes\": %d, \"depth\": %d", f->ntrees / f->ngroups,
					 f->tree_start[f->ntrees] / f->ngroups, eg_forest_depth(f));
	if (m->oob.nrows > 0)
	{
		appendStringInfoString(json, ", ");
		eg_oob_describe(&m->oob, m->task, json);
	}
	if (m->columns.names != NULL)
	{
		appendStringInfoString(json, ", ");
		eg_tree_rules(f, &m->columns, m->weighted, json);
	}
}

static void
trees_estimate(const void *model, StringInfo json)
{
	const EgTreesModel *m = model;

	eg_oob_describe(&m->oob, m->task, json);
}

/* what the three have in common */
#define TREES_ALGORITHM \
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS), \
	.format = EG_TREES_FORMAT, \
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET), \
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT), \
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK, \
	.params_size = sizeof(EgTreeParams), \
	.save = eg_trees_save, \
	.width = trees_width, \
	.nfeatures = trees_nfeatures, \
	.predict = trees_predict, \
	.explain = trees_explain, \
	.explain_against = trees_explain_against, \
	.interactions = trees_interactions, \
	.importance = trees_importance, \
	.splits = trees_splits, \
	.describe = trees_describe, \
	.estimate = trees_estimate

const EgAlgorithm eg_random_forest = {
	.name = "random_forest",
	.summary = "mean of many trees on resampled rows and random columns",
	.params = forest_params,
	.fit = random_forest_fit,
	.load = eg_random_forest_load,
	TREES_ALGORITHM
};

const EgAlgorithm eg_extra_trees = {
	.name = "extra_trees",
	.summary = "mean of many trees with random thresholds",
	.params = extra_params,
	.fit = extra_trees_fit,
	.load = eg_extra_trees_load,
	TREES_ALGORITHM
};

const EgAlgorithm eg_decision_tree = {
	.name = "decision_tree",
	.summary = "one small tree with readable rules",
	.params = tree_params,
	.fit = decision_tree_fit,
	.load = eg_decision_tree_load,
	TREES_ALGORITHM
};
