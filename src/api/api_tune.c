/*-------------------------------------------------------------------------
 *
 * api_tune.c
 *	  engage_tune(), engage_tune_commit(), engage_forget_trials(): search for
 *	  parameters on folds, train the winner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "portability/instr_time.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/recipe.h"
#include "api/tune_search.h"
#include "base/compat.h"
#include "engage.h"
#include "store/models.h"
#include "store/registry.h"

PG_FUNCTION_INFO_V1(engage_tune);
PG_FUNCTION_INFO_V1(engage_tune_commit);
PG_FUNCTION_INFO_V1(engage_forget_trials);

#define MAX_TRIALS			100000

/* order of the arguments of engage_tune() and engage_tune_commit() */
enum
{
	ARG_MODEL, ARG_SOURCE, ARG_TARGET, ARG_ALGORITHMS, ARG_PARAMS, ARG_SPACE, ARG_TRIALS,
	ARG_FOLDS, ARG_REPEATS, ARG_METRIC, ARG_STRATEGY, ARG_PRUNE, ARG_TIME_LIMIT,
	ARG_MIN_IMPROVEMENT, ARG_DEPLOY, ARG_TASK, ARG_KEY, ARG_FEATURES, ARG_EXCLUDE, ARG_WEIGHT,
	ARG_CLASS_WEIGHT, ARG_TEST_SIZE, ARG_SPLIT, ARG_STRATIFIED, ARG_GROUP_BY, ARG_TIME_COLUMN,
	ARG_EVENT, ARG_POSITIVE, ARG_FAIRNESS_COLUMN, ARG_FAIRNESS_WEIGHT, ARG_FAIRNESS, ARG_SEED,
	ARG_RESUME, ARG_PARTITION_BY, ARG_CALIBRATE, ARG_INTERVALS
};

static const char *const strategy_words[] = {"tpe", "random", "grid", NULL};
static const char *const prune_words[] = {"median", "halving", "none", NULL};
static const char *const fairness_words[] = {"positive_rate", "metric", NULL};

typedef struct TuneCall
{
	EgTuneSpec	spec;
	const char *deploy;
	double		min_improvement;
	double		seconds;
} TuneCall;

static void
tuning_context(void *arg)
{
	errcontext("while tuning model \"%s\"", (const char *) arg);
}

/* Number of a word in the list; the first word for NULL. */
static int
word_arg(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words)
{
	char	   *word = eg_arg_text(fcinfo, arg);
	StringInfoData known;
	int			i;

	if (word == NULL)
		return 0;
	initStringInfo(&known);
	for (i = 0; words[i]; i++)
	{
		if (strcmp(words[i], word) == 0)
			return i;
		appendStringInfo(&known, "%s'%s'", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be %s, not \"%s\"", name, known.data, word)));
	return 0;					/* keep the compiler quiet */
}

static double
time_arg(FunctionCallInfo fcinfo, int arg)
{
	Interval   *i;
	double		seconds;

	if (PG_ARGISNULL(arg))
		return 0;
	i = PG_GETARG_INTERVAL_P(arg);
	seconds = i->time / (double) USECS_PER_SEC + (i->day + 30.0 * i->month) * SECS_PER_DAY;
	if (seconds <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time_limit must be greater than 0")));
	return seconds;
}

static double
number_arg(FunctionCallInfo fcinfo, int arg, double otherwise)
{
	return PG_ARGISNULL(arg) ? otherwise : PG_GETARG_FLOAT8(arg);
}

static void
check_call(const TuneCall *c)
{
	const EgTuneSpec *s = &c->spec;
	const EgTrainSpec *t = &s->cv.train;

	if (t->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tuning needs a target column"),
				 errhint("Name it with target => '...'.")));
	if (s->trials < 1 || s->trials > MAX_TRIALS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trials must be in [1, %d], not %d", MAX_TRIALS, s->trials)));
	if (!(t->test_size >= 0 && t->test_size <= 0.9))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("test_size must be in [0, 0.9], not %g", t->test_size)));
	if (!(c->min_improvement >= 0 && c->min_improvement < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_improvement must be in [0, 1), not %g", c->min_improvement),
				 errdetail("It is a share of the deployed version's error.")));
	if (!(s->fairness_weight >= 0 && isfinite(s->fairness_weight)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fairness_weight must be at least 0, not %g", s->fairness_weight)));
	if (t->split && s->cv.time_column)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments \"split\" and \"time_column\" exclude each other"),
				 errdetail("With a time column the newest rows are held out.")));
	eg_crossval_check(&s->cv);
}

static void
put_text(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, ", \"%s\": ", name);
	escape_json(out, value);
}

static void
put_names(StringInfo out, const char *name, List *names)
{
	ListCell   *lc;

	appendStringInfo(out, ", \"%s\": [", name);
	foreach(lc, names)
	{
		if (lc != list_head(names))
			appendStringInfoString(out, ", ");
		escape_json(out, (char *) lfirst(lc));
	}
	appendStringInfoChar(out, ']');
}

/* All that makes the scores of two trials comparable. */
static Jsonb *
setting_json(const EgTuneSpec *s)
{
	const EgTrainSpec *t = &s->cv.train;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"folds\": %d, \"repeats\": %d, \"stratified\": %s, "
					 "\"test_size\": %.15g, \"seed\": %lld", s->cv.folds, s->cv.repeats,
					 s->cv.stratified ? "true" : "false", t->test_size, (long long) t->seed);
	put_text(&out, "source", t->source);
	put_text(&out, "target", t->target);
	put_text(&out, "metric", s->metric);
	put_text(&out, "task", t->task);
	put_text(&out, "key", t->key);
	put_names(&out, "features", t->features);
	put_names(&out, "exclude", t->exclude);
	put_text(&out, "weight", t->weight);
	put_text(&out, "class_weight", t->class_weight);
	put_text(&out, "split", t->split);
	put_text(&out, "group_by", t->group_by);
	put_text(&out, "time_column", s->cv.time_column);
	put_text(&out, "event", t->event);
	put_text(&out, "positive", t->positive);
	put_text(&out, "partition_by", t->partition_by);
	put_text(&out, "calibrate", t->calibrate);
	if (t->interval > 0)
		appendStringInfo(&out, ", \"intervals\": %.15g", t->interval);
	if (s->cv.compare)
	{
		put_text(&out, "fairness_column", s->cv.compare);
		put_text(&out, "fairness", fairness_words[s->fairness]);
		appendStringInfo(&out, ", \"fairness_weight\": %.15g", s->fairness_weight);
	}
	appendStringInfoChar(&out, '}');
	return eg_json_parse(out.data);
}

static void
read_args(FunctionCallInfo fcinfo, TuneCall *c)
{
	EgTuneSpec *s = &c->spec;
	EgTrainSpec *t = &s->cv.train;
	List	   *algorithms = eg_arg_names(fcinfo, ARG_ALGORITHMS, "algorithms");
	char	   *word;

	t->model = eg_arg_text(fcinfo, ARG_MODEL);
	t->source = eg_arg_text(fcinfo, ARG_SOURCE);
	if (t->model == NULL || t->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", t->model ? "source" : "model")));
	t->target = eg_arg_text(fcinfo, ARG_TARGET);
	s->space = eg_tune_space(PG_ARGISNULL(ARG_ALGORITHMS) ? list_make1("xgboost") : algorithms,
							 PG_ARGISNULL(ARG_PARAMS) ? NULL : PG_GETARG_JSONB_P(ARG_PARAMS),
							 PG_ARGISNULL(ARG_SPACE) ? NULL : PG_GETARG_JSONB_P(ARG_SPACE));
	s->trials = PG_ARGISNULL(ARG_TRIALS) ? 50 : PG_GETARG_INT32(ARG_TRIALS);
	s->cv.folds = PG_ARGISNULL(ARG_FOLDS) ? 5 : PG_GETARG_INT32(ARG_FOLDS);
	s->cv.repeats = PG_ARGISNULL(ARG_REPEATS) ? 1 : PG_GETARG_INT32(ARG_REPEATS);
	s->metric = eg_arg_text(fcinfo, ARG_METRIC);
	s->strategy = word_arg(fcinfo, ARG_STRATEGY, "strategy", strategy_words);
	s->prune = word_arg(fcinfo, ARG_PRUNE, "prune", prune_words);
	s->time_limit = time_arg(fcinfo, ARG_TIME_LIMIT);
	c->min_improvement = number_arg(fcinfo, ARG_MIN_IMPROVEMENT, 0.05);
	word = eg_arg_text(fcinfo, ARG_DEPLOY);
	c->deploy = word ? word : "better";
	(void) eg_deploy_parse(c->deploy);
	t->task = eg_arg_text(fcinfo, ARG_TASK);
	t->key = eg_arg_text(fcinfo, ARG_KEY);
	t->features = eg_arg_names(fcinfo, ARG_FEATURES, "features");
	t->exclude = eg_arg_names(fcinfo, ARG_EXCLUDE, "exclude");
	t->weight = eg_arg_text(fcinfo, ARG_WEIGHT);
	t->class_weight = eg_arg_text(fcinfo, ARG_CLASS_WEIGHT);
	t->test_size = number_arg(fcinfo, ARG_TEST_SIZE, 0.2);
	t->split = eg_arg_text(fcinfo, ARG_SPLIT);
	s->cv.stratified = PG_ARGISNULL(ARG_STRATIFIED) || PG_GETARG_BOOL(ARG_STRATIFIED);
	t->group_by = eg_arg_text(fcinfo, ARG_GROUP_BY);
	s->cv.time_column = eg_arg_text(fcinfo, ARG_TIME_COLUMN);
	t->event = eg_arg_text(fcinfo, ARG_EVENT);
	t->positive = eg_arg_text(fcinfo, ARG_POSITIVE);
	s->cv.compare = eg_arg_text(fcinfo, ARG_FAIRNESS_COLUMN);
	s->fairness_weight = s->cv.compare ? number_arg(fcinfo, ARG_FAIRNESS_WEIGHT, 1) : 0;
	s->fairness = word_arg(fcinfo, ARG_FAIRNESS, "fairness", fairness_words);
	t->seed = PG_ARGISNULL(ARG_SEED) ? 1 : PG_GETARG_INT64(ARG_SEED);
	s->resume = !PG_ARGISNULL(ARG_RESUME) && PG_GETARG_BOOL(ARG_RESUME);
	t->partition_by = eg_arg_text(fcinfo, ARG_PARTITION_BY);
	t->calibrate = eg_arg_text(fcinfo, ARG_CALIBRATE);
	t->interval = number_arg(fcinfo, ARG_INTERVALS, 0);
	t->algorithm = s->space->algorithms[0];
	check_call(c);
	s->setting = setting_json(s);
}

/*
 * The rows that training holds out must not take part in the search, or the
 * winner would be measured on rows that chose it.  So the search splits as
 * training will: by the split of the model, if there is one.
 */
static void
use_frozen_split(TuneCall *c)
{
	EgTrainSpec *t = &c->spec.cv.train;
	EgModelRow *m = eg_models_get(t->model, true, EG_PRIV_MANAGE, false);
	char	   *text;

	if (m == NULL || m->id == 0)
	{
		eg_model_name_check(t->model);
		return;
	}
	t->frozen_split = m->split;
	if (m->deployed == 0)
		return;
	text = eg_jsonb_text(eg_models_version(m->name, EG_PRIV_MANAGE)->data, "split");
	if (text)
		t->frozen_split = eg_json_parse(text);
}

/*
 * min_improvement is a share of the deployed version's error; training wants
 * the difference of its metric.
 */
static double
absolute_improvement(const TuneCall *c, EgTask task)
{
	EgModelRow *m = eg_models_get(c->spec.cv.train.model, true, EG_PRIV_MANAGE, false);
	const char *metric = eg_metric_primary(task);
	EgVersionRow *v;
	double		value;

	if (m == NULL || m->id == 0 || m->deployed == 0)
		return 0;
	v = eg_models_version(m->name, EG_PRIV_MANAGE);
	if (v->metrics == NULL || !eg_jsonb_number(v->metrics, metric, &value))
		return 0;
	return c->min_improvement * fabs(eg_metric_larger_is_better(metric) ? 1 - value : value);
}

/* The winner, by engage_train(). */
static EgTuneTrained *
train_winner(const TuneCall *c, const EgTuned *tuned)
{
	const EgTrainSpec *t = &c->spec.cv.train;
	EgTuneTraining train = {0};

	train.model = t->model;
	train.source = t->source;
	train.target = t->target;
	train.algorithm = tuned->winner->algorithm;
	train.params = tuned->winner->params;
	train.task = t->task;
	train.key = t->key;
	train.features = t->features;
	train.exclude = list_copy(t->exclude);
	train.weight = t->weight;
	train.class_weight = t->class_weight;
	train.test_size = t->test_size;
	train.split = c->spec.cv.time_column ? c->spec.cv.time_column : t->split;
	train.seed = t->seed;
	train.deploy = c->deploy;
	train.min_improvement = absolute_improvement(c, tuned->task);
	train.positive = t->positive;
	train.event = t->event;
	train.partition_by = t->partition_by;
	train.interval = t->interval;
	train.calibrate = t->calibrate;
	if (tuned->task == EG_RANKING)
		train.group_by = t->group_by;
	else if (t->group_by)
	{
		/* held out by group, as in the folds; the key stays no feature */
		train.key = quote_identifier(t->group_by);
		if (t->key)
			train.exclude = list_concat(train.exclude, eg_crossval_key_names(t));
	}
	if (c->spec.cv.compare)
		train.exclude = lappend(train.exclude, (char *) c->spec.cv.compare);
	return eg_tune_train(&train);
}

/* Search, train, and tell how long it took. */
static EgTuned *
tune(FunctionCallInfo fcinfo, TuneCall *c, bool commit, EgTuneTrained **trained)
{
	EgRun		run = {0};
	EgTuned    *tuned;
	instr_time	start,
				stop;
	ErrorContextCallback callback;

	PreventCommandIfReadOnly("engage_tune()");
	INSTR_TIME_SET_CURRENT(start);
	read_args(fcinfo, c);
	c->spec.commit = commit;
	callback.callback = tuning_context;
	callback.arg = (void *) c->spec.cv.train.model;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	use_frozen_split(c);
	run.seed = (uint64) c->spec.cv.train.seed;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	tuned = eg_tune_search(&c->spec, &run);
	error_context_stack = callback.previous;
	*trained = train_winner(c, tuned);
	INSTR_TIME_SET_CURRENT(stop);
	INSTR_TIME_SUBTRACT(stop, start);
	c->seconds = INSTR_TIME_GET_DOUBLE(stop);
	return tuned;
}

/*
 * engage_tune(model, source, ...): engage_train()'s row for the winner, then
 * tuning, trials, params, metric, mean, deviation.
 */
Datum
engage_tune(PG_FUNCTION_ARGS)
{
	TuneCall	c = {0};
	EgTuneTrained *trained;
	EgTuned    *tuned = tune(fcinfo, &c, false, &trained);
	TupleDesc	desc;
	Datum		values[15];
	bool		nulls[15] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	values[0] = CStringGetTextDatum(c.spec.cv.train.model);
	values[1] = CStringGetTextDatum(trained->version);
	values[2] = CStringGetTextDatum(tuned->winner->algorithm);
	values[3] = CStringGetTextDatum(trained->task);
	values[4] = Int64GetDatum(trained->rows_train);
	values[5] = Int64GetDatum(trained->rows_test);
	nulls[6] = trained->metrics == NULL;
	values[6] = trained->metrics ? JsonbPGetDatum(trained->metrics) : (Datum) 0;
	values[7] = BoolGetDatum(trained->deployed);
	values[8] = Float8GetDatum(c.seconds);
	values[9] = Int64GetDatum(tuned->tuning);
	values[10] = Int32GetDatum(tuned->ntrials);
	values[11] = JsonbPGetDatum(tuned->winner->params);
	values[12] = CStringGetTextDatum(tuned->metric);
	values[13] = Float8GetDatum(tuned->winner->mean);
	nulls[14] = isnan(tuned->winner->deviation);
	values[14] = Float8GetDatum(tuned->winner->deviation);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* CALL engage_tune_commit(model, source, ...): the same, committing after each trial. */
Datum
engage_tune_commit(PG_FUNCTION_ARGS)
{
	TuneCall	c = {0};
	EgTuneTrained *trained;
	EgTuned    *tuned;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("engage_tune_commit() cannot commit within a transaction block"),
				 errhint("Call it by itself, or use the function engage_tune().")));
	tuned = tune(fcinfo, &c, true, &trained);
	ereport(NOTICE,
			(errmsg("version %s of model \"%s\" is %s with %s, %s %.6g over the folds of %d trials",
					trained->version, c.spec.cv.train.model, tuned->winner->algorithm,
					JsonbToCString(NULL, &tuned->winner->params->root,
								   VARSIZE(tuned->winner->params)),
					tuned->metric, tuned->winner->mean, tuned->ntrials),
			 trained->deployed ? errdetail("It is deployed.") : errdetail("It is not deployed.")));
	PG_RETURN_VOID();
}

/* engage_forget_trials(model): how many trials were removed */
Datum
engage_forget_trials(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("engage_forget_trials()");
	PG_RETURN_INT64(eg_trials_forget(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
