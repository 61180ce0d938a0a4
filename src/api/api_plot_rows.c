/*-------------------------------------------------------------------------
 *
 * api_plot_rows.c
 *	  engage_score_histogram(), engage_residuals(), engage_contributions() and
 *	  engage_learning_curve(): what pictures need of a model, reduced to what can be seen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "engage.h"
#include "store/baseline.h"
#include "store/explain.h"
#include "store/models.h"
#include "store/progress.h"
#include "store/registry.h"

PG_FUNCTION_INFO_V1(engage_score_histogram);
PG_FUNCTION_INFO_V1(engage_residuals);
PG_FUNCTION_INFO_V1(engage_contributions);
PG_FUNCTION_INFO_V1(engage_learning_curve);

#define DEFAULT_BINS	40
#define MOST_BINS		1000
#define DEFAULT_POINTS	5000
#define DEFAULT_SAMPLE	1000
#define MOST_SAMPLE		1000000

/* ----------
 * Histogram
 * ----------
 */

/* Rows in bins of equal width. */
typedef struct Histogram
{
	double		lo;
	double		hi;
	int			n;
	Tuplestorestate *store;
	TupleDesc	desc;
} Histogram;

static void
put_histogram(const Histogram *h, const char *class, const int64 *count)
{
	double		width = h->hi / h->n - h->lo / h->n;

	for (int i = 0; i < h->n; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = Float8GetDatum(h->lo + i * width);
		values[1] = Float8GetDatum(i == h->n - 1 ? h->hi : h->lo + (i + 1) * width);
		values[2] = CStringGetTextDatum(class);
		values[3] = Int64GetDatum(count[i]);
		tuplestore_putvalues(h->store, h->desc, values, nulls);
	}
}

static int
bin_of(const Histogram *h, double v)
{
	double		share = (v / 2 - h->lo / 2) / (h->hi / 2 - h->lo / 2);

	return (int) Min(Max(share * h->n, 0), h->n - 1);
}

/* Scores of one class against those of the others, between 0 and 1. */
static void
histogram_of_classes(Histogram *h, const EgScored *s, int k)
{
	Size		stride;
	const double *score = eg_class_scores(s, k, &stride);
	int64	   *yes = palloc0(sizeof(int64) * h->n);
	int64	   *no = palloc0(sizeof(int64) * h->n);
	int			other = eg_task_two_classes(s->task) ? 1 - k : -1;
	const char *name = k < s->nlabels ? s->labels[k] : psprintf("%d", k);
	Size		i;

	h->lo = 0;
	h->hi = 1;
	for (i = 0; i < s->n; i++)
		(s->truth[i] == k ? yes : no)[bin_of(h, score[i * stride])]++;
	put_histogram(h, other < 0 ? psprintf("not %s", name) :
				  other < s->nlabels ? s->labels[other] : psprintf("%d", other), no);
	put_histogram(h, name, yes);
}

/* Scores of numbers, and what was, over the same range. */
static void
histogram_of_numbers(Histogram *h, const EgScored *s)
{
	bool		alike = s->task == EG_REGRESSION || s->task == EG_QUANTILE || s->task == EG_COUNT;
	int			output = s->task == EG_QUANTILE ? s->width / 2 : 0;
	int64	   *said = palloc0(sizeof(int64) * h->n);
	int64	   *seen = palloc0(sizeof(int64) * h->n);
	Size		i;

	h->lo = INFINITY;
	h->hi = -INFINITY;
	for (i = 0; i < s->n; i++)
	{
		double		v = s->score[i * s->width + output];

		h->lo = Min(h->lo, alike ? Min(v, s->truth[i]) : v);
		h->hi = Max(h->hi, alike ? Max(v, s->truth[i]) : v);
	}
	if (s->n == 0)
		return;
	if (!(h->hi > h->lo))
	{
		h->lo -= fmax(fabs(h->lo) * 0.1, 0.5);
		h->hi += fmax(fabs(h->hi) * 0.1, 0.5);
	}
	for (i = 0; i < s->n; i++)
	{
		said[bin_of(h, s->score[i * s->width + output])]++;
		seen[bin_of(h, s->truth[i])]++;
	}
	if (alike)
		put_histogram(h, "actual", seen);
	put_histogram(h, "predicted", said);
}

/*
 * engage_score_histogram(model, source, bins, target, class): lower, upper, class,
 * count.
 */
Datum
engage_score_histogram(PG_FUNCTION_ARGS)
{
	Histogram	h = {0};
	EgScored   *s;
	char	   *class = eg_arg_text(fcinfo, 4);

	h.n = eg_arg_between(fcinfo, 2, "bins", 1, MOST_BINS, DEFAULT_BINS);
	s = eg_scored_argument(fcinfo, 3, -1);
	h.store = eg_result_rows(fcinfo, &h.desc);
	if (s->nclasses > 0)
		histogram_of_classes(&h, s, eg_class_argument(s, class, "engage_score_histogram()"));
	else if (class)
		eg_require_classes(s, false, "the argument \"class\"");
	else
		histogram_of_numbers(&h, s);
	return (Datum) 0;
}

/* ----------
 * Predicted against actual
 * ----------
 */
typedef struct Pair
{
	double		actual;
	double		predicted;
} Pair;

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *p = a;
	const Pair *q = b;

	if (p->actual != q->actual)
		return p->actual < q->actual ? -1 : 1;
	return p->predicted < q->predicted ? -1 : p->predicted > q->predicted;
}

/*
 * engage_residuals(model, source, target, points): actual, predicted, residual of
 * numbers; of more rows, as many as wanted, evenly among all in the order of the values.
 */
Datum
engage_residuals(PG_FUNCTION_ARGS)
{
	int			points = eg_arg_between(fcinfo, 3, "points", 1, MOST_SAMPLE, DEFAULT_POINTS);
	EgScored   *s = eg_scored_argument(fcinfo, 2, -1);
	Tuplestorestate *store;
	TupleDesc	desc;
	Pair	   *pairs;
	int			output = s->task == EG_QUANTILE ? s->width / 2 : 0;
	Size		n,
				i;

	if (s->task != EG_REGRESSION && s->task != EG_QUANTILE && s->task != EG_COUNT)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("engage_residuals() is for models of numbers, and model \"%s\" has the task %s",
					s->model, eg_task_name(s->task)),
			 errhint("Use engage_confusion() or engage_calibration() for classes.")));
	pairs = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Pair) * Max(s->n, 1));
	for (i = 0; i < s->n; i++)
	{
		pairs[i].actual = s->truth[i];
		pairs[i].predicted = s->score[i * s->width + output];
	}
	qsort(pairs, s->n, sizeof(Pair), compare_pairs);
	store = eg_result_rows(fcinfo, &desc);
	n = Min(s->n, (Size) points);
	for (i = 0; i < n; i++)
	{
		/* from the middle of each of n equal parts */
		const Pair *p = &pairs[(Size) ((i + 0.5) * s->n / n)];
		Datum		values[3];
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Float8GetDatum(p->actual);
		values[1] = Float8GetDatum(p->predicted);
		values[2] = Float8GetDatum(p->actual - p->predicted);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* ----------
 * Contributions of many rows
 * ----------
 */

/* The features of one explained row. */
static void
put_contributions(Tuplestorestate *store, TupleDesc desc, const EgExplanation *e, Size row,
				  bool flip)
{
	for (int j = 0; j < e->nfeatures; j++)
	{
		char	   *text = eg_feature_text(e->schema, j, e->x[j]);
		bool		word = eg_feature_column(e->schema, j, NULL)->kind == EG_COL_CATEGORY;
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = Int64GetDatum((int64) row + 1);
		values[1] = CStringGetTextDatum(e->schema->names[j]);
		values[2] = text ? CStringGetTextDatum(text) : (Datum) 0;
		nulls[2] = text == NULL;
		values[3] = Float8GetDatum(e->x[j]);
		nulls[3] = text == NULL || word;
		values[4] = Float8GetDatum(flip ? -e->contribution[j] : e->contribution[j] + 0.0);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

static void
explain_rows(FunctionCallInfo fcinfo, EgScored *s, int output, bool flip, EgRun *run)
{
	EgExplainOptions options = {0};
	EgExplainer *e = eg_explainer_create(s->scorer, &options, CurrentMemoryContext);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "engage explained row",
												  ALLOCSET_DEFAULT_SIZES);
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	Size		i;

	for (i = 0; i < s->n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		(void) eg_sample_row(s, i);
		put_contributions(store, desc, eg_explainer_row(e, output), i, flip);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
		eg_step(run, (int) (i + 1), (int) s->n, NULL, 0);
	}
}

/*
 * engage_contributions(model, source, sample, class, seed): id, feature, value, x,
 * contribution of a sample of rows.
 */
Datum
engage_contributions(PG_FUNCTION_ARGS)
{
	EgEvaluateSpec spec = {0};
	EgProgress	progress = {0};
	EgRun		run = {0};
	EgScored   *s;
	int			output;
	bool		flip = false;

	spec.model = eg_arg_required(fcinfo, 0, "model");
	spec.source = eg_arg_required(fcinfo, 1, "source");
	spec.sample = eg_arg_between(fcinfo, 2, "sample", 1, MOST_SAMPLE, DEFAULT_SAMPLE);
	spec.seed = PG_ARGISNULL(4) ? 1 : PG_GETARG_INT64(4);
	spec.no_truth = true;
	run.threads = 1;
	run.memory_limit = (Size) eg_max_memory * 1024;
	s = eg_score_sample(&spec, &run);
	output = eg_class_output(s->scorer, eg_arg_text(fcinfo, 3), "engage_contributions()", &flip);

	eg_progress_start(&progress, &run, psprintf("explaining rows by %s", spec.model), "row");
	PG_TRY();
	{
		explain_rows(fcinfo, s, output, flip, &run);
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();
	return (Datum) 0;
}

/* ----------
 * Learning curve
 * ----------
 */

/* [[1, 0.61], [2, 0.58]]: a row each */
static void
put_curve(Tuplestorestate *store, TupleDesc desc, const char *metric, const char *series,
		  JsonbContainer *points, double best)
{
	int			n = JsonContainerSize(points);

	for (int i = 0; i < n; i++)
	{
		JsonbValue *point = getIthJsonbValueFromContainer(points, i);
		Datum		values[5];
		bool		nulls[5] = {false};
		int			j;

		if (point->type != jbvBinary || JsonContainerSize(point->val.binary.data) != 2)
			continue;
		values[0] = CStringGetTextDatum(metric);
		values[1] = CStringGetTextDatum(series);
		for (j = 0; j < 2; j++)
		{
			JsonbValue *v = getIthJsonbValueFromContainer(point->val.binary.data, j);

			if (v->type != jbvNumeric)
				break;
			values[2 + j] = DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric));
		}
		if (j < 2)
			continue;
		values[4] = Int32GetDatum((int32) best);
		nulls[4] = !(best > 0);
		values[2] = Int32GetDatum((int32) DatumGetFloat8(values[2]));
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

/* engage_learning_curve(model): metric, series, round, value, best_round. */
Datum
engage_learning_curve(PG_FUNCTION_ARGS)
{
	static const char *const series[] = {"training", "validation"};
	EgVersionRow *v = eg_models_version(eg_arg_required(fcinfo, 0, "model"), EG_PRIV_USE);
	char	   *text = eg_jsonb_text(v->data, "history");
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	Jsonb	   *history;
	char	   *metric;
	double		best = 0;

	if (text == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("version %s of model \"%s\" has no learning curve", eg_version_text(v),
					v->model),
			 errdetail("Its algorithm %s has no rounds, or they were not measured.", v->algorithm),
			 errhint(
				 "Boosting and neural nets have one, when they are trained by engage_train().")));
	history = eg_json_parse(text);
	metric = eg_jsonb_text(history, "metric");
	(void) eg_jsonb_number(history, "best_round", &best);
	for (int i = 0; i < lengthof(series); i++)
	{
		JsonbValue	points;

		if (getKeyJsonValueFromContainer(&history->root, series[i], strlen(series[i]), &points) &&
			points.type == jbvBinary)
			put_curve(store, desc, metric ? metric : "metric", series[i], points.val.binary.data,
					  best);
	}
	return (Datum) 0;
}
