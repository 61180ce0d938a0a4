/*-------------------------------------------------------------------------
 *
 * api_evaluate.c
 *	  engage_evaluate(), engage_confusion(): how good a model is on a source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "api/evaluate.h"
#include "api/measure.h"
#include "api/recipe.h"
#include "api/result.h"
#include "engage.h"
#include "store/registry.h"
#include "store/score.h"

/* of the draws for intervals: the same call gives the same answer */
#define INTERVAL_SEED	1

PG_FUNCTION_INFO_V1(engage_evaluate);
PG_FUNCTION_INFO_V1(engage_confusion);

/* ----------
 * Arguments and results
 * ----------
 */

static EgScored *
scored(FunctionCallInfo fcinfo, EgEvaluateSpec *spec)
{
	static const char *const names[] = {"model", "source"};
	EgRun		run = {0};
	int			i;

	for (i = 0; i < 2; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be NULL", names[i])));
	}
	spec->model = eg_arg_text(fcinfo, 0);
	spec->source = eg_arg_text(fcinfo, 1);
	run.threads = 1;
	run.memory_limit = (Size) eg_max_memory * 1024;
	return eg_score_source(spec, &run);
}

EgScored *
eg_scored_argument(FunctionCallInfo fcinfo, int target, int weight)
{
	EgEvaluateSpec spec = {0};

	spec.target = eg_arg_text(fcinfo, target);
	spec.weight = weight < 0 ? "" : eg_arg_text(fcinfo, weight);
	return scored(fcinfo, &spec);
}

void
eg_require_classes(const EgScored *s, bool binary, const char *function)
{
	if (s->nclasses > 0 && (eg_task_two_classes(s->task) || !binary))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is for models of %s, and model \"%s\" has the task %s", function,
					binary ? "two classes" : "classes", s->model, eg_task_name(s->task)),
			 errhint("Use engage_evaluate().")));
}

/* ----------
 * Metrics
 * ----------
 */

EgMetricInput
eg_scored_input(const EgScored *s)
{
	EgTrained	t = {0};
	EgHeldOut	h = {0};
	EgMetricInput in;

	t.task = s->task;
	t.nlabels = s->nclasses;
	t.labels = s->labels;
	t.params = s->params ? s->params : "{}";
	h.n = s->n;
	h.width = s->width;
	h.truth = s->truth;
	h.score = s->score;
	h.weight = s->weight;
	h.group = s->group;
	h.event = s->event;
	in = eg_metric_input(&t, &h);
	if (s->task == EG_QUANTILE && in.quantiles == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" does not say which quantiles it predicts", s->model)));
	return in;
}

static void
put_rows(StringInfo out, const char *name, int64 n)
{
	if (n > 0)
		appendStringInfo(out, ", \"%s\": %lld", name, (long long) n);
}

/*
 * engage_evaluate(model, source, target, weight, group_by, event, intervals): every
 * metric of the model's task as a JSON object, with bootstrap intervals when asked.
 */
Datum
engage_evaluate(PG_FUNCTION_ARGS)
{
	EgEvaluateSpec spec = {0};
	EgScored   *s;
	EgMetricInput in;
	StringInfoData metrics,
				out;

	if (!PG_ARGISNULL(6) && !(PG_GETARG_FLOAT8(6) > 0 && PG_GETARG_FLOAT8(6) < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"intervals\" is %g, but must lie between 0 and 1",
						PG_GETARG_FLOAT8(6)),
				 errhint("0.95 gives intervals that hold a metric in 95 of 100 cases.")));
	spec.target = eg_arg_text(fcinfo, 2);
	spec.weight = eg_arg_text(fcinfo, 3);
	spec.group_by = eg_arg_text(fcinfo, 4);
	spec.event = eg_arg_text(fcinfo, 5);
	s = scored(fcinfo, &spec);
	in = eg_scored_input(s);
	initStringInfo(&metrics);
	eg_metrics_json(&metrics, &in);

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"model\": ");
	escape_json(&out, s->model);
	appendStringInfo(&out, ", \"version\": \"%s\", \"task\": \"%s\"", s->version,
					 eg_task_name(s->task));
	put_rows(&out, "rows_without_target", s->nskipped);
	put_rows(&out, "rows_of_other_classes", s->nunknown);
	appendStringInfo(&out, ", %s", metrics.data + 1);	/* without its brace */
	if (!PG_ARGISNULL(6))
	{
		out.data[--out.len] = '\0';
		appendStringInfoString(&out, ", \"intervals\": ");
		eg_metrics_intervals_json(&out, &in, PG_GETARG_FLOAT8(6), INTERVAL_SEED);
		appendStringInfoChar(&out, '}');
	}
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* ----------
 * Confusion
 * ----------
 */

static int
predicted_class(const EgScored *s, const double *score, double threshold)
{
	int			best = 0;
	int			k;

	if (eg_task_two_classes(s->task))
		return score[0] >= threshold;
	for (k = 1; k < s->width; k++)
	{
		if (score[k] > score[best])
			best = k;
	}
	return best;
}

static Datum
class_text(const EgScored *s, int k)
{
	return CStringGetTextDatum(k < s->nlabels ? s->labels[k] : psprintf("%d", k));
}

/*
 * engage_confusion(model, source, target, threshold): actual, predicted,
 * count, for every pair of classes.
 */
Datum
engage_confusion(PG_FUNCTION_ARGS)
{
	EgScored   *s = eg_scored_argument(fcinfo, 2, -1);
	double		threshold = PG_ARGISNULL(3) ? s->threshold : PG_GETARG_FLOAT8(3);
	Tuplestorestate *store;
	TupleDesc	desc;
	int64	   *counts;
	Size		i;
	int			t,
				p;

	eg_require_classes(s, false, "engage_confusion()");
	if (!PG_ARGISNULL(3) && !eg_task_two_classes(s->task))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"threshold\" is for models of two classes")));
	counts = palloc0(sizeof(int64) * s->nclasses * s->nclasses);
	for (i = 0; i < s->n; i++)
	{
		p = predicted_class(s, s->score + i * s->width, threshold);
		counts[(int) s->truth[i] * s->nclasses + p]++;
	}
	store = eg_result_rows(fcinfo, &desc);
	for (t = 0; t < s->nclasses; t++)
	{
		for (p = 0; p < s->nclasses; p++)
		{
			Datum		values[3];
			bool		nulls[3] = {false};

			values[0] = class_text(s, t);
			values[1] = class_text(s, p);
			values[2] = Int64GetDatum(counts[t * s->nclasses + p]);
			tuplestore_putvalues(store, desc, values, nulls);
		}
		CHECK_FOR_INTERRUPTS();
	}
	return (Datum) 0;
}
