/*-------------------------------------------------------------------------
 *
 * api_plot_clusters.c
 *	  engage_cluster_curve(), engage_condensed_tree() and
 *	  engage_anomaly_histogram(): what pictures need of models without a target.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "algo/hdbscan.h"
#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "api/segments.h"
#include "engage.h"
#include "store/evaluate.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/segments.h"

PG_FUNCTION_INFO_V1(engage_cluster_curve);
PG_FUNCTION_INFO_V1(engage_condensed_tree);
PG_FUNCTION_INFO_V1(engage_anomaly_histogram);

#define LEAVING_STEPS	100
#define DEFAULT_BINS	50
#define MOST_BINS		1000
#define MOST_CLASSES	8

/* ----------
 * How many segments
 * ----------
 */

/* what stands beside the criterion in a curve */
static bool
is_other(const char *name)
{
	return strcmp(name, "inertia") == 0 || strcmp(name, "log_likelihood") == 0;
}

/* A point of the curve: {"k": 2, "silhouette": 0.4, "inertia": 100} */
static void
put_curve_point(Tuplestorestate *store, TupleDesc desc, JsonbContainer *point, int chosen)
{
	JsonbIterator *it = JsonbIteratorInit(point);
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;
	Datum		values[6];
	bool		nulls[6] = {true, true, true, true, true, false};

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		Datum		number;
		int			at;

		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE || name == NULL)
			continue;
		if (strcmp(name, "k") == 0)
		{
			nulls[0] = v.type != jbvNumeric;
			if (!nulls[0])
				values[0] = DirectFunctionCall1(numeric_int4, NumericGetDatum(v.val.numeric));
			continue;
		}
		at = is_other(name) ? 3 : 1;
		values[at] = CStringGetTextDatum(name);
		nulls[at] = false;
		if (v.type != jbvNumeric)
			continue;
		number = DirectFunctionCall1(numeric_float8, NumericGetDatum(v.val.numeric));
		values[at + 1] = number;
		nulls[at + 1] = false;
	}
	if (nulls[0])
		return;
	values[5] = BoolGetDatum(DatumGetInt32(values[0]) == chosen);
	tuplestore_putvalues(store, desc, values, nulls);
}

/* engage_cluster_curve(model): k, criterion, value, other, other_value, chosen. */
Datum
engage_cluster_curve(PG_FUNCTION_ARGS)
{
	EgVersionRow *v = eg_models_version(eg_arg_required(fcinfo, 0, "model"), EG_PRIV_USE);
	EgCompiled *model = eg_cache_get(v->id, CurrentMemoryContext);
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	JsonbValue	curve;
	int			n,
				i;

	eg_require_segments(model, "engage_cluster_curve()");
	if (v->metrics == NULL ||
		!getKeyJsonValueFromContainer(&v->metrics->root, "curve", strlen("curve"), &curve) ||
		curve.type != jbvBinary || !JsonContainerIsArray(curve.val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %s of model \"%s\" has no curve", eg_version_text(v), v->model),
				 errdetail("Its number of segments was not chosen by the training."),
				 errhint("Train with algorithm => 'kmeans', params => '{\"k\": \"auto\"}'.")));
	n = JsonContainerSize(curve.val.binary.data);
	for (i = 0; i < n; i++)
	{
		JsonbValue *point = getIthJsonbValueFromContainer(curve.val.binary.data, i);

		if (point->type == jbvBinary && JsonContainerIsObject(point->val.binary.data))
			put_curve_point(store, desc, point->val.binary.data, model->width);
	}
	return (Datum) 0;
}

/* ----------
 * Condensed tree
 * ----------
 */

/* engage_condensed_tree(model): parent, child, density, size, segment, name. */
Datum
engage_condensed_tree(PG_FUNCTION_ARGS)
{
	EgVersionRow *v = eg_models_version(eg_arg_required(fcinfo, 0, "model"), EG_PRIV_USE);
	EgCompiled *model = eg_cache_get(v->id, CurrentMemoryContext);
	const EgCondensed *tree;
	EgSegmentName *names = NULL;
	EgCondensedRow *rows;
	TupleDesc	desc;
	Tuplestorestate *store;
	Size		n,
				i;

	if (strcmp(model->parts[0]->algorithm->name, "hdbscan") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("engage_condensed_tree() is for models of algorithm \"hdbscan\", and model "
						"\"%s\" has \"%s\"", v->model, model->parts[0]->algorithm->name)));
	tree = eg_hdbscan_condensed(model->parts[0]->model);
	if (model->task == EG_CLUSTERING)
		names = eg_segment_names(model->version_id, model->width);
	rows = eg_condensed_rows(tree, LEAVING_STEPS, &n);
	store = eg_result_rows(fcinfo, &desc);

	/* the root is nobody's child */
	for (i = 0; i <= n && tree->nclusters > 0; i++)
	{
		const EgCondensedRow *row = i == 0 ? NULL : &rows[i - 1];
		int			child = row ? row->child : 0;
		int			segment = child < 0 ? 0 : EG_SEGMENT_NUMBER(tree->cluster[child].label);
		Datum		values[6];
		bool		nulls[6] = {false};

		CHECK_FOR_INTERRUPTS();
		nulls[0] = row == NULL;
		values[0] = Int32GetDatum(row ? row->parent : 0);
		nulls[1] = child < 0;
		values[1] = Int32GetDatum(child);
		values[2] = Float8GetDatum(row ? row->density : tree->cluster[0].birth);
		values[3] = Int64GetDatum(row ? row->size : tree->cluster[0].size);
		nulls[4] = segment <= 0;
		values[4] = Int32GetDatum(segment);
		nulls[5] = nulls[4] || names == NULL || names[segment].name == NULL;
		values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(names[segment].name);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* ----------
 * Scores of anomalies
 * ----------
 */

/* Rows of one value of the truth. */
typedef struct Truth
{
	char	   *name;			/* NULL: not known */
	int64		total;
	int64	   *count;			/* (bins) */
} Truth;

typedef struct Anomalies
{
	MemoryContext context;
	const char *target;			/* column with the truth, or NULL */
	int			bins;
	double		threshold;
	int			n;
	Truth		truth[MOST_CLASSES];
} Anomalies;

static void
anomalies_begin(void *arg, EgScorer *scorer)
{
	((Anomalies *) arg)->threshold = scorer->model->threshold;
}

static Truth *
truth_of(Anomalies *a, const char *text)
{
	Truth	   *t;
	int			i;

	for (i = 0; i < a->n; i++)
	{
		const char *name = a->truth[i].name;

		if (text == NULL ? name == NULL : name != NULL && strcmp(name, text) == 0)
			return &a->truth[i];
	}
	if (a->n == MOST_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" has more than %d different values", a->target,
						MOST_CLASSES),
				 errhint("Name a column that says which rows are anomalies, or none: target => ''.")));
	t = &a->truth[a->n++];
	t->name = text ? MemoryContextStrdup(a->context, text) : NULL;
	t->total = 0;
	t->count = MemoryContextAllocZero(a->context, sizeof(int64) * a->bins);
	return t;
}

static void
anomalies_row(void *arg, EgScorer *scorer, const double *out, const char *text)
{
	Anomalies  *a = arg;
	Truth	   *t = truth_of(a, text);

	CHECK_FOR_INTERRUPTS();
	t->count[(int) Min(Max(out[0] * a->bins, 0), a->bins - 1)]++;
	t->total++;
}

/* The many first, then by name. */
static int
compare_truths(const void *x, const void *y)
{
	const Truth *a = x;
	const Truth *b = y;

	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

/* engage_anomaly_histogram(model, source, bins, target): lower, upper, class, count, threshold. */
Datum
engage_anomaly_histogram(PG_FUNCTION_ARGS)
{
	Anomalies	a = {0};
	EgEvaluateSpec spec = {0};
	EgRun		run = {0};
	EgCompiled *model;
	char	   *target = eg_arg_text(fcinfo, 3);
	TupleDesc	desc;
	Tuplestorestate *store;
	int			i,
				k;

	spec.model = eg_arg_required(fcinfo, 0, "model");
	spec.source = eg_arg_required(fcinfo, 1, "source");
	spec.no_truth = true;
	model = eg_cache_get(eg_models_version(spec.model, EG_PRIV_USE)->id, CurrentMemoryContext);
	if (model->task != EG_ANOMALY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("engage_anomaly_histogram() is for models of anomalies, and model \"%s\" has "
						"the task %s", model->model, eg_task_name(model->task)),
				 errhint("Use engage_score_histogram().")));
	if (target == NULL)
		target = model->parts[0]->schema->target;
	a.target = spec.label = target && target[0] ? target : NULL;
	a.context = CurrentMemoryContext;
	a.bins = eg_arg_between(fcinfo, 2, "bins", 1, MOST_BINS, DEFAULT_BINS);
	run.threads = 1;
	run.memory_limit = (Size) eg_max_memory * 1024;
	eg_score_each(&spec, &run, anomalies_begin, anomalies_row, &a);
	qsort(a.truth, a.n, sizeof(Truth), compare_truths);

	store = eg_result_rows(fcinfo, &desc);
	for (k = 0; k < a.n; k++)
	{
		const Truth *t = &a.truth[k];
		const char *name = t->name ? t->name : "unknown";

		for (i = 0; i < a.bins; i++)
		{
			Datum		values[5];
			bool		nulls[5] = {false};

			values[0] = Float8GetDatum((double) i / a.bins);
			values[1] = Float8GetDatum((double) (i + 1) / a.bins);
			nulls[2] = a.target == NULL;
			values[2] = nulls[2] ? (Datum) 0 :
				CStringGetTextDatum(psprintf("%s: %s", a.target, name));
			values[3] = Int64GetDatum(t->count[i]);
			values[4] = Float8GetDatum(a.threshold);
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
	return (Datum) 0;
}
