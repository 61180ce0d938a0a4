/*-------------------------------------------------------------------------
 *
 * api_log.c
 *	  SQL functions that write the prediction log, and measure it once the
 *	  outcomes are known.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/evaluate.h"
#include "api/predict.h"
#include "api/recipe.h"
#include "api/result.h"
#include "engage.h"
#include "store/counters.h"
#include "store/key.h"
#include "store/prediction_log.h"
#include "store/registry.h"

#define INTERVAL_SEED	1

PG_FUNCTION_INFO_V1(engage_log_predictions);
PG_FUNCTION_INFO_V1(engage_predict_logged_row);
PG_FUNCTION_INFO_V1(engage_predict_logged_jsonb);
PG_FUNCTION_INFO_V1(engage_key_text);
PG_FUNCTION_INFO_V1(engage_log_retention);
PG_FUNCTION_INFO_V1(engage_performance);

/* engage_log_predictions(model, source, key, at) returns bigint */
Datum
engage_log_predictions(PG_FUNCTION_ARGS)
{
	char	   *model = eg_arg_required(fcinfo, 0, "model");
	char	   *source = eg_arg_required(fcinfo, 1, "source");
	char	   *key = eg_arg_required(fcinfo, 2, "key");

	PreventCommandIfReadOnly("engage_log_predictions()");
	PreventCommandIfParallelMode("engage_log_predictions()");
	PG_RETURN_INT64(eg_log_source(model, source, key, PG_ARGISNULL(3) ? GetCurrentTimestamp() :
								  PG_GETARG_TIMESTAMPTZ(3)));
}

/* engage.key_text("any") returns text: as keys are logged */
Datum
engage_key_text(PG_FUNCTION_ARGS)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	Oid			type = get_fn_expr_argtype(flinfo, 0);

	if (!OidIsValid(type))
		elog(ERROR, "the type of the key is not known");
	if (flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(flinfo->fn_mcxt);

		flinfo->fn_extra = eg_key_create("key", "key", type, PG_GET_COLLATION(), true);
		MemoryContextSwitchTo(old);
	}
	PG_RETURN_TEXT_P(cstring_to_text(eg_key_string(flinfo->fn_extra, PG_GETARG_DATUM(0))));
}

/* Log a row that is scored by itself; exactly one of tuple and json is given. */
static Datum
predict_logged(FunctionCallInfo fcinfo, HeapTupleHeader tuple, const Jsonb *json)
{
	char	   *column = text_to_cstring(PG_GETARG_TEXT_PP(2));
	EgScorer   *deployed;
	EgRouter   *r;
	EgLogWriter *w;
	const EgExperiment *e = NULL;
	char	   *key;
	double		answer = NAN;
	int			first = 0;
	int			last = 0;
	int			arm;

	PreventCommandIfReadOnly("engage_predict_logged()");
	PreventCommandIfParallelMode("engage_predict_logged()");
	deployed = eg_call_site_scorer(fcinfo);
	r = eg_call_site_router(fcinfo);
	key = tuple ? eg_log_key_tuple(tuple, column) : eg_log_key_jsonb(json, column);
	if (r)
	{
		e = eg_router_experiment(r);
		first = tuple ? eg_router_tuple(r, tuple) : eg_router_jsonb(r, json);
		last = e->shadow ? e->narms - 1 : first;
	}
	w = eg_log_open(GetCurrentTimestamp(), last - first + 1);
	for (arm = first; arm <= last; arm++)
	{
		EgScorer   *s = r ? eg_router_scorer(r, arm) : deployed;
		const double *out;

		eg_tally_begin(s->tally);
		out = tuple ? eg_scorer_tuple(s, tuple) : eg_scorer_jsonb(s, json);
		eg_tally_logged(s->tally);
		eg_tally_end(s->tally);
		if (arm == first)
			answer = eg_scorer_number(s, out);
		eg_log_put(w, s, out, key, e, arm, arm > first);
	}
	(void) eg_log_close(w);
	PG_RETURN_FLOAT8(answer);
}

/* engage_predict_logged(model, row, key) returns float8 */
Datum
engage_predict_logged_row(PG_FUNCTION_ARGS)
{
	return predict_logged(fcinfo, PG_GETARG_HEAPTUPLEHEADER(1), NULL);
}

Datum
engage_predict_logged_jsonb(PG_FUNCTION_ARGS)
{
	return predict_logged(fcinfo, NULL, PG_GETARG_JSONB_P(1));
}

/* engage_log_retention(keep, model) returns (partitions, rows) */
Datum
engage_log_retention(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz before;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			partitions = 0;
	int64		nrows = 0;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"keep\" must not be NULL")));
	before = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
													 TimestampTzGetDatum(now),
													 PG_GETARG_DATUM(0)));
	if (before > now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"keep\" must not be negative")));
	PreventCommandIfReadOnly("engage_log_retention()");
	PreventCommandIfParallelMode("engage_log_retention()");
	if (PG_ARGISNULL(1))
		partitions = eg_log_drop_partitions(before);
	else
		nrows = eg_log_forget(eg_models_get(text_to_cstring(PG_GETARG_TEXT_PP(1)), false,
											EG_PRIV_MANAGE, true), before);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int32GetDatum(partitions);
	values[1] = Int64GetDatum(nrows);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ----------
 * Performance
 * ----------
 */

typedef struct Performance
{
	Tuplestorestate *store;
	TupleDesc	desc;
	const char *metric;			/* the only one wanted, or NULL */
	double		level;
	int64		unknown;		/* outcomes that are no class or number */
	int64		dropped;		/* of versions that are gone */
} Performance;

/* true/t/1 and false/f/0 are the same outcome */
static int
boolean_word(const char *text)
{
	static const char *const words[2][3] = {{"false", "f", "0"}, {"true", "t", "1"}};
	int			k,
				i;

	for (k = 0; k < 2; k++)
	{
		for (i = 0; i < 3; i++)
		{
			if (strcmp(text, words[k][i]) == 0)
				return k;
		}
	}
	return -1;
}

/* Number or class code of an outcome; NaN when it is none of the model's. */
static double
truth_of(const EgScored *s, const char *text)
{
	char	   *end;
	double		value;
	int			word;
	int			i;

	if (s->nclasses == 0 || s->nlabels == 0)
	{
		value = strtod(text, &end);
		if (end == text || *end != '\0' || !isfinite(value))
			return NAN;
		return s->nclasses > 0 && !(value >= 0 && value < s->nclasses && value == rint(value)) ?
			NAN : value;
	}
	for (i = 0; i < s->nlabels; i++)
	{
		if (strcmp(s->labels[i], text) == 0)
			return i;
	}
	word = boolean_word(text);
	for (i = 0; word >= 0 && i < s->nlabels; i++)
	{
		if (boolean_word(s->labels[i]) == word)
			return i;
	}
	return NAN;
}

/* What the task needs besides scores and outcomes: ranking its groups, survival its events. */
static void
check_roles(const EgScored *s, const EgLogGroup *g, const EgVersionRow *v)
{
	const char *needed = s->task == EG_RANKING && g->group == NULL ? "group_by" :
		s->task == EG_SURVIVAL && g->event == NULL && v->recipe &&
		eg_jsonb_text(v->recipe, "event") ? "event" : NULL;

	if (s->task == EG_CLUSTERING)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("engage_performance() does not measure the task %s",
						eg_task_name(s->task)),
				 errdetail("Clusters have no outcomes.")));
	if (needed)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the source of outcomes has no column \"%s\", which the task %s needs",
						needed, eg_task_name(s->task)),
				 s->task == EG_RANKING ?
				 errhint("It says which rows are ranked together: 'SELECT id AS key, relevance AS "
						 "outcome, query AS group_by FROM ...'.") :
				 errhint("It is true where the time ended with the event, and false where it only "
						 "was seen so far: 'SELECT id AS key, months AS outcome, left AS event "
						 "FROM ...'.")));
}

/* The outcome as a number or class; NaN: the row cannot be measured. */
static double
row_truth(const EgScored *s, const EgLogGroup *g, Size i)
{
	if (g->width != s->width || (g->weight && !(g->weight[i] >= 0 && isfinite(g->weight[i]))) ||
		(s->group && isnan(s->group[i])) || (s->event && s->event[i] != 0 && s->event[i] != 1))
		return NAN;
	return truth_of(s, g->outcome[i]);
}

/* The scores and the truth of a group, as engage_evaluate() has them. */
static EgScored *
group_scored(Performance *p, const EgLogGroup *g, const EgVersionRow *v)
{
	EgScored   *s = eg_log_scored(v);
	Size		i;

	check_roles(s, g, v);
	s->truth = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(g->n, 1));
	s->score = g->score;
	s->weight = g->weight;
	s->group = s->task == EG_RANKING ? g->group : NULL;
	s->event = s->task == EG_SURVIVAL ? g->event : NULL;
	for (i = 0; i < g->n; i++)
	{
		double		truth = row_truth(s, g, i);

		if (isnan(truth))
		{
			p->unknown++;
			continue;
		}
		s->truth[s->n] = truth;
		memmove(s->score + s->n * s->width, g->score + i * g->width, sizeof(double) * s->width);
		if (s->weight)
			s->weight[s->n] = g->weight[i];
		if (s->group)
			s->group[s->n] = g->group[i];
		if (s->event)
			s->event[s->n] = g->event[i];
		s->n++;
	}
	return s;
}

/* Two numbers of {"auc": [0.8, 0.9]}. */
static bool
bounds_of(const Jsonb *intervals, const char *name, double bounds[2])
{
	JsonbValue	v;
	int			i;

	if (getKeyJsonValueFromContainer((JsonbContainer *) &intervals->root, name, strlen(name),
									 &v) == NULL || v.type != jbvBinary)
		return false;
	for (i = 0; i < 2; i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(v.val.binary.data, i);

		if (item == NULL || item->type != jbvNumeric)
			return false;
		bounds[i] = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
													   NumericGetDatum(item->val.numeric)));
	}
	return true;
}

static void
put_metric(Performance *p, const EgLogGroup *g, const EgVersionRow *v, Size n, const char *name,
		   double value, const Jsonb *intervals)
{
	Datum		values[9];
	bool		nulls[9] = {false};
	double		bounds[2];
	double		before;

	if (!isfinite(value))
		return;
	values[0] = TimestampTzGetDatum(g->period);
	values[1] = CStringGetTextDatum(eg_version_text(v));
	values[2] = Int64GetDatum((int64) n);
	values[3] = CStringGetTextDatum(name);
	values[4] = Float8GetDatum(value);
	nulls[5] = nulls[6] = !bounds_of(intervals, name, bounds);
	if (!nulls[5])
	{
		values[5] = Float8GetDatum(bounds[0]);
		values[6] = Float8GetDatum(bounds[1]);
	}
	nulls[7] = v->metrics == NULL || !eg_jsonb_number(v->metrics, name, &before);
	nulls[8] = nulls[7] || before == 0;
	if (!nulls[7])
		values[7] = Float8GetDatum(before);
	if (!nulls[8])
		values[8] = Float8GetDatum((value - before) / fabs(before));
	tuplestore_putvalues(p->store, p->desc, values, nulls);
}

static void
put_group(Performance *p, const EgLogGroup *g)
{
	EgVersionRow *v = eg_models_version_by_id(g->version_id);
	EgScored   *s;
	EgMetricInput in;
	EgMetricSet set;
	StringInfoData json;
	Jsonb	   *intervals;
	int			id;

	if (v->id == 0)
	{
		p->dropped += g->n;
		return;
	}
	s = group_scored(p, g, v);
	if (s->n == 0)
		return;
	if (p->metric && !eg_metric_exists(s->task, p->metric))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task %s has no metric \"%s\"", eg_task_name(s->task), p->metric)));
	in = eg_scored_input(s);
	set.want = ~UINT64CONST(0);
	eg_metrics_compute(&in, &set, NULL);
	initStringInfo(&json);
	eg_metrics_intervals_json(&json, &in, p->level, INTERVAL_SEED);
	intervals = eg_json_parse(json.data);
	for (id = 0; id < EG_NMETRICS; id++)
	{
		const char *name = eg_metric_name(s->task, id);

		if (name && (p->metric == NULL || strcmp(name, p->metric) == 0))
			put_metric(p, g, v, s->n, name, set.value[id], intervals);
	}
}

static char *
timestamp_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : pstrdup(timestamptz_to_str(PG_GETARG_TIMESTAMPTZ(i)));
}

static const char *
period_argument(FunctionCallInfo fcinfo, int i)
{
	static const char *const words[] = {"day", "week", "month"};
	char	   *period = eg_arg_required(fcinfo, i, "period");
	int			k;

	for (k = 0; k < lengthof(words); k++)
	{
		if (strcmp(period, words[k]) == 0)
			return words[k];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown period \"%s\"", period),
			 errhint("Use day, week or month.")));
	return NULL;				/* keep the compiler quiet */
}

/* engage_performance(model, outcomes, period, since, until, metric, intervals) */
Datum
engage_performance(PG_FUNCTION_ARGS)
{
	char	   *model = eg_arg_required(fcinfo, 0, "model");
	char	   *outcomes = eg_arg_required(fcinfo, 1, "outcomes");
	Performance p = {0};
	MemoryContext group_context;
	List	   *groups;
	ListCell   *lc;

	p.level = PG_ARGISNULL(6) ? 0.95 : PG_GETARG_FLOAT8(6);
	if (!(p.level > 0 && p.level < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"intervals\" is %g, but must lie between 0 and 1", p.level)));
	p.metric = eg_arg_text(fcinfo, 5);
	(void) eg_models_get(model, false, EG_PRIV_USE, false);
	groups = eg_log_groups(model, outcomes, period_argument(fcinfo, 2),
						   timestamp_argument(fcinfo, 3), timestamp_argument(fcinfo, 4),
						   (Size) eg_max_memory * 1024);
	p.store = eg_result_rows(fcinfo, &p.desc);
	group_context = AllocSetContextCreate(CurrentMemoryContext, "engage performance",
										  ALLOCSET_DEFAULT_SIZES);
	foreach(lc, groups)
	{
		MemoryContext old = MemoryContextSwitchTo(group_context);

		put_group(&p, lfirst(lc));
		MemoryContextSwitchTo(old);
		MemoryContextReset(group_context);
	}
	if (p.unknown > 0)
		ereport(NOTICE,
				(errmsg("%lld outcomes are no value that model \"%s\" predicts",
						(long long) p.unknown, model)));
	if (p.dropped > 0)
		ereport(NOTICE,
				(errmsg("%lld predictions of dropped versions were left out",
						(long long) p.dropped)));
	return (Datum) 0;
}
