/*-------------------------------------------------------------------------
 *
 * api_crossval.c
 *	  engage_cross_validate(): an algorithm measured on folds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "api/measure.h"
#include "api/recipe.h"
#include "api/result.h"
#include "engage.h"
#include "store/progress.h"

PG_FUNCTION_INFO_V1(engage_cross_validate);

#define MAX_FOLDS			1000
#define MAX_REPEATS			1000

/* order of the arguments of engage_cross_validate() */
enum
{
	ARG_SOURCE, ARG_TARGET, ARG_ALGORITHM, ARG_PARAMS, ARG_TASK, ARG_KEY, ARG_FEATURES,
	ARG_EXCLUDE, ARG_WEIGHT, ARG_CLASS_WEIGHT, ARG_FOLDS, ARG_REPEATS, ARG_STRATIFIED,
	ARG_GROUP_BY, ARG_TIME_COLUMN, ARG_SEED, ARG_METRIC, ARG_EVENT, ARG_POSITIVE, ARG_PARTITION_BY,
	ARG_CALIBRATE, ARG_INTERVALS
};

/* The numbers of the metrics' JSON over all folds, by name. */
typedef struct MetricMeans
{
	int			n;
	char	  **names;
	double	   *sum;
	int		   *count;
} MetricMeans;

typedef struct FoldRows
{
	Tuplestorestate *store;
	TupleDesc	desc;
} FoldRows;

EgMetricInput
eg_fold_input(const EgCrossval *cv, const char *params, const EgFoldScores *fold)
{
	EgTrained	t = {0};

	t.task = cv->task;
	t.nlabels = cv->nlabels;
	t.labels = cv->labels;
	t.params = (char *) params;
	return eg_metric_input(&t, &fold->test);
}

const char *
eg_metric_choose(EgTask task, const char *name)
{
	static const char *const sideless[] = {
		"bias", "best_threshold", "positive_rate", "interval_coverage", "log_loss_base"
	};
	EgMetricInput none = {0};
	StringInfoData all;
	StringInfoData known;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	bool		sided = true;
	int			i;

	if (name == NULL)
		return eg_metric_primary(task);
	for (i = 0; i < lengthof(sideless); i++)
		sided = sided && strcmp(name, sideless[i]) != 0;
	if (sided && eg_metric_exists(task, name))
		return name;

	/* the metrics of no rows: all names, no values */
	none.task = task;
	none.width = 1;
	none.nclasses = eg_task_two_classes(task) ? 2 : 0;
	initStringInfo(&all);
	initStringInfo(&known);
	eg_metrics_json(&all, &none);
	it = JsonbIteratorInit(&eg_json_parse(all.data)->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *word;
		bool		shown;

		if (token != WJB_KEY)
			continue;
		word = pnstrdup(v.val.string.val, v.val.string.len);
		shown = eg_metric_exists(task, word);
		for (i = 0; i < lengthof(sideless); i++)
			shown = shown && strcmp(word, sideless[i]) != 0;
		if (shown)
			appendStringInfo(&known, "%s%s", known.len > 0 ? ", " : "", word);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 sided ? errmsg("task %s has no metric \"%s\"", eg_task_name(task), name) :
			 errmsg("metric \"%s\" has no better side", name),
			 errhint("Metrics of the task: %s.", known.data)));
	return NULL;				/* keep the compiler quiet */
}

int
eg_mean_deviation(const double *v, int n, double *mean, double *deviation)
{
	double		sum = 0,
				squares = 0;
	int			count = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (!isnan(v[i]))
		{
			sum += v[i];
			count++;
		}
	}
	*mean = count > 0 ? sum / count : NAN;
	for (i = 0; i < n; i++)
	{
		if (!isnan(v[i]))
			squares += (v[i] - *mean) * (v[i] - *mean);
	}
	*deviation = count > 1 ? sqrt(squares / (count - 1)) : NAN;
	return count;
}

void
eg_crossval_check(const EgCrossvalSpec *spec)
{
	const EgTrainSpec *t = &spec->train;
	EgCalibrationMethod method;

	if (t->calibrate && !eg_calibration_parse(t->calibrate, &method))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calibrate must be 'isotonic' or 'sigmoid', not \"%s\"", t->calibrate)));
	if (t->interval != 0 && !(t->interval > 0 && t->interval < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("intervals must be in (0, 1), not %g", t->interval),
				 errhint("It is the share of rows whose interval is to hold the truth, such as "
						 "0.9.")));
	if (t->partition_by && spec->compare)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments \"partition_by\" and \"fairness_column\" exclude each other"),
				 errdetail("Either each value has a model, or values are compared under one.")));
	if (spec->folds < 2 || spec->folds > MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds must be in [2, %d], not %d", MAX_FOLDS, spec->folds)));
	if (spec->repeats < 1 || spec->repeats > MAX_REPEATS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("repeats must be in [1, %d], not %d", MAX_REPEATS, spec->repeats)));
	if (spec->time_column && spec->repeats > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("folds ordered by time cannot be repeated %d times", spec->repeats),
				 errdetail("There is only one order of time.")));
	if (spec->time_column && spec->train.group_by)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments \"time_column\" and \"group_by\" exclude each other"),
				 errdetail("Folds are cut by time, or rows of a group are kept together.")));
}

/* repeat and fold from 1; 0 for the summary */
static void
put_row(FoldRows *r, int repeat, int fold, Size ntrain, Size ntest, Jsonb *metrics, double seconds)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = Int32GetDatum(repeat);
	values[1] = Int32GetDatum(fold);
	nulls[0] = nulls[1] = fold == 0;
	values[2] = Int64GetDatum((int64) ntrain);
	values[3] = Int64GetDatum((int64) ntest);
	values[4] = JsonbPGetDatum(metrics);
	values[5] = Float8GetDatum(seconds);
	tuplestore_putvalues(r->store, r->desc, values, nulls);
}

/* Add the numbers at the top of a fold's metrics. */
static void
add_metrics(MetricMeans *m, Jsonb *json)
{
	JsonbIterator *it = JsonbIteratorInit(&json->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;
	int			i;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE || name == NULL || v.type != jbvNumeric ||
			strcmp(name, "n") == 0 || strcmp(name, "rows_left_out") == 0)
			continue;
		for (i = 0; i < m->n && strcmp(m->names[i], name) != 0; i++)
			;
		if (i == m->n)
		{
			Size		size = m->n + 1;

			m->names = m->n ? repalloc(m->names, sizeof(char *) * size) : palloc(sizeof(char *));
			m->sum = m->n ? repalloc(m->sum, sizeof(double) * size) : palloc(sizeof(double));
			m->count = m->n ? repalloc(m->count, sizeof(int) * size) : palloc(sizeof(int));
			m->names[m->n] = name;
			m->sum[m->n] = 0;
			m->count[m->n++] = 0;
		}
		m->sum[i] += DatumGetFloat8(DirectFunctionCall1(numeric_float8,
														NumericGetDatum(v.val.numeric)));
		m->count[i]++;
	}
}

static void
put_number(StringInfo out, const char *name, double v)
{
	appendStringInfo(out, ", \"%s\": ", name);
	if (isfinite(v))
		appendStringInfo(out, "%.6g", v);
	else
		appendStringInfoString(out, "null");
}

/* The metrics of a fold, and how its intervals and partitions did. */
static Jsonb *
fold_metrics(const EgMetricInput *in, const EgTrainSpec *t, const EgFoldScores *fold)
{
	StringInfoData out;

	initStringInfo(&out);
	eg_metrics_json(&out, in);
	out.data[--out.len] = '\0';	/* the object is open again */
	if (t->interval > 0)
	{
		put_number(&out, "coverage", fold->coverage);
		put_number(&out, "interval_size", fold->interval_size);
	}
	if (t->partition_by)
		appendStringInfo(&out, ", \"parts\": %d", fold->nparts);
	appendStringInfoChar(&out, '}');
	return eg_json_parse(out.data);
}

/*
 * The last row: mean, deviation and stability of the metric that was asked
 * for, then the mean of every metric under its own name.
 */
static Jsonb *
summary(const char *metric, const double *values, int n, const MetricMeans *m)
{
	StringInfoData out;
	double		mean,
				deviation,
				stability = NAN;
	int			count = eg_mean_deviation(values, n, &mean, &deviation);
	int			i;

	if (count > 1)
		stability = deviation == 0 ? 1 : Min(Max(1 - deviation / fabs(mean), 0), 1);
	initStringInfo(&out);
	appendStringInfoString(&out, "{\"metric\": ");
	escape_json(&out, metric);
	put_number(&out, "mean", mean);
	put_number(&out, "deviation", deviation);
	put_number(&out, "stability", stability);
	appendStringInfo(&out, ", \"folds\": %d", n);
	if (count < n)
		appendStringInfo(&out, ", \"folds_without_value\": %d", n - count);
	for (i = 0; i < m->n; i++)
		put_number(&out, m->names[i], m->sum[i] / m->count[i]);
	appendStringInfoChar(&out, '}');
	return eg_json_parse(out.data);
}

/* Fit, score and measure every fold. */
static void
run_folds(EgCrossval *cv, const EgCrossvalSpec *spec, const char *metric, EgRun *run, FoldRows *r)
{
	const EgAlgorithm *a = spec->train.algorithm;
	void	   *params = eg_params_parse(a->params, a->params_size, spec->train.params, a->name);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage fold scores",
												  ALLOCSET_DEFAULT_SIZES);
	EgRun		quiet = *run;
	int			total = spec->folds * spec->repeats;
	double	   *values = palloc(sizeof(double) * total);
	double		seconds = 0;
	Size		ntest = 0;
	MetricMeans means = {0};
	StringInfoData resolved;
	int			i;

	quiet.report = NULL;
	initStringInfo(&resolved);
	eg_params_to_json(a->params, params, &resolved);
	for (i = 0; i < total; i++)
	{
		EgFoldScores fold;
		EgMetricInput in;
		Jsonb	   *json;

		MemoryContextSwitchTo(context);
		eg_crossval_fold(cv, a, params, i / spec->folds, i % spec->folds, &quiet, &fold);
		in = eg_fold_input(cv, resolved.data, &fold);
		values[i] = eg_metric_value(&in, metric);
		json = fold_metrics(&in, &spec->train, &fold);
		put_row(r, i / spec->folds + 1, i % spec->folds + 1, fold.ntrain, fold.test.n, json,
				fold.seconds);
		seconds += fold.seconds;
		ntest += fold.test.n;
		MemoryContextSwitchTo(caller);
		add_metrics(&means, json);
		MemoryContextReset(context);
		eg_step(run, i + 1, total, metric, values[i]);
	}
	MemoryContextDelete(context);
	put_row(r, 0, 0, cv->nrows, ntest, summary(metric, values, total, &means), seconds);
}

static void
read_args(FunctionCallInfo fcinfo, EgCrossvalSpec *spec)
{
	EgTrainSpec *t = &spec->train;
	char	   *word;

	t->source = eg_arg_text(fcinfo, ARG_SOURCE);
	if (t->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"source\" must not be NULL")));
	t->model = "cross-validation";
	t->target = eg_arg_text(fcinfo, ARG_TARGET);
	word = eg_arg_text(fcinfo, ARG_ALGORITHM);
	t->algorithm = eg_algorithm_find(word ? word : "xgboost");
	t->params = PG_ARGISNULL(ARG_PARAMS) ? NULL : PG_GETARG_JSONB_P(ARG_PARAMS);
	t->task = eg_arg_text(fcinfo, ARG_TASK);
	t->key = eg_arg_text(fcinfo, ARG_KEY);
	t->features = eg_arg_names(fcinfo, ARG_FEATURES, "features");
	t->exclude = eg_arg_names(fcinfo, ARG_EXCLUDE, "exclude");
	t->weight = eg_arg_text(fcinfo, ARG_WEIGHT);
	t->class_weight = eg_arg_text(fcinfo, ARG_CLASS_WEIGHT);
	t->group_by = eg_arg_text(fcinfo, ARG_GROUP_BY);
	t->event = eg_arg_text(fcinfo, ARG_EVENT);
	t->positive = eg_arg_text(fcinfo, ARG_POSITIVE);
	t->partition_by = eg_arg_text(fcinfo, ARG_PARTITION_BY);
	t->calibrate = eg_arg_text(fcinfo, ARG_CALIBRATE);
	t->interval = PG_ARGISNULL(ARG_INTERVALS) ? 0 : PG_GETARG_FLOAT8(ARG_INTERVALS);
	t->seed = PG_ARGISNULL(ARG_SEED) ? 1 : PG_GETARG_INT64(ARG_SEED);
	spec->folds = PG_ARGISNULL(ARG_FOLDS) ? 5 : PG_GETARG_INT32(ARG_FOLDS);
	spec->repeats = PG_ARGISNULL(ARG_REPEATS) ? 1 : PG_GETARG_INT32(ARG_REPEATS);
	spec->stratified = PG_ARGISNULL(ARG_STRATIFIED) || PG_GETARG_BOOL(ARG_STRATIFIED);
	spec->time_column = eg_arg_text(fcinfo, ARG_TIME_COLUMN);
	if (t->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cross-validation needs a target column"),
				 errhint("Name it with target => '...'.")));
	eg_crossval_check(spec);
}

/* engage_cross_validate(source, target, ...): a row for each fold, and a summary. */
Datum
engage_cross_validate(PG_FUNCTION_ARGS)
{
	EgCrossvalSpec spec = {0};
	EgProgress	progress = {0};
	EgRun		run = {0};
	FoldRows		result;

	read_args(fcinfo, &spec);
	result.store = eg_result_rows(fcinfo, &result.desc);
	run.seed = (uint64) spec.train.seed;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	PG_TRY();
	{
		EgCrossval *cv;
		const char *metric;

		eg_progress_start(&progress, &run, "cross-validation", "reading row");
		cv = eg_crossval_read(&spec, &run);
		metric = eg_metric_choose(cv->task, eg_arg_text(fcinfo, ARG_METRIC));
		eg_progress_start(&progress, &run,
						  psprintf("cross-validation of %s", spec.train.algorithm->name), "fold");
		run_folds(cv, &spec, metric, &run, &result);
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();
	return (Datum) 0;
}
