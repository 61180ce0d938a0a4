/*-------------------------------------------------------------------------
 *
 * api_retrain_if.c
 *	  engage_retrain_if(): retrain when the data have drifted, when the model is
 *	  old, or when there are new rows.  And the retraining itself, which is that of
 *	  engage_check(), too.
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

#include "api/monitor.h"
#include "api/recipe.h"
#include "store/authors.h"
#include "store/registry.h"

PG_FUNCTION_INFO_V1(engage_retrain_if);

/* ----------
 * Retrain
 * ----------
 */

Jsonb *
eg_cause_json(const EgCheckLine *cause, const char *more)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"check\": ");
	escape_json(&out, cause->name);
	if (isfinite(cause->value))
		appendStringInfo(&out, ", \"value\": %.15g", cause->value);
	if (isfinite(cause->threshold))
		appendStringInfo(&out, ", \"threshold\": %.15g", cause->threshold);
	appendStringInfoString(&out, ", \"reason\": ");
	escape_json(&out, cause->message);
	if (cause->alert != 0)
		appendStringInfo(&out, ", \"alert\": %lld", (long long) cause->alert);
	if (more)
		appendStringInfo(&out, ", %s", more);
	appendStringInfoChar(&out, '}');
	return eg_json_parse(out.data);
}

typedef struct Retraining
{
	const EgModelRow *m;
	const EgVersionRow *v;
	const char *deploy;
	const EgCheckLine *cause;
	EgRetrained made;
} Retraining;

static void
retrain(void *arg)
{
	Retraining *r = arg;
	EgVersionRow *made;
	StringInfoData more;
	char	   *comparison;

	r->made = eg_ask_retrain(r->m->name, r->deploy);
	made = eg_models_version_by_id(eg_models_find_version(r->m, r->made.version));
	comparison = eg_jsonb_text(made->data, "comparison");
	initStringInfo(&more);
	appendStringInfo(&more, "\"from\": \"%s\", \"deployed\": %s", eg_version_text(r->v),
					 r->made.deployed ? "true" : "false");
	if (comparison)
		appendStringInfo(&more, ", \"comparison\": %s", comparison);
	eg_models_event(r->m->id, r->m->name, r->made.version, "policy retrain",
					eg_cause_json(r->cause, more.data));
	eg_alert_resolve(r->m, r->made.version, "retraining", "a retraining succeeded");
}

char *
eg_retrain_because(const EgModelRow *m, const EgVersionRow *v, const char *deploy,
				   const EgCheckLine *cause, EgRetrained *made, EgCheckLine *failed)
{
	Retraining	r = {m, v, deploy, cause};
	char	   *problem = eg_attempt(retrain, &r);
	StringInfoData more;

	memset(failed, 0, sizeof(EgCheckLine));
	if (problem == NULL)
	{
		*made = r.made;
		return NULL;
	}
	failed->name = "retraining";
	failed->value = failed->threshold = NAN;
	failed->status = "error";
	failed->message = psprintf("retraining failed: %s", problem);
	initStringInfo(&more);
	appendStringInfoString(&more, "\"error\": ");
	escape_json(&more, problem);
	failed->detail = eg_cause_json(cause, more.data);
	eg_alert_raise(m, eg_version_text(v), failed);
	eg_models_event(m->id, m->name, eg_version_text(v), "policy retrain failed", failed->detail);
	return problem;
}

/* ----------
 * Decide
 * ----------
 */

enum
{
	ARG_MODEL,
	ARG_DRIFT,
	ARG_AGE,
	ARG_ROWS,
	ARG_SOURCE,
	ARG_DEPLOY
};

typedef struct Decision
{
	EgCheckLine cause;			/* the condition that held; name NULL: none yet */
	StringInfoData found;		/* of the conditions that did not hold */
} Decision;

/* One condition; the first that holds is the reason. */
static void
condition(Decision *d, const char *name, double value, double threshold, bool holds, char *words)
{
	if (d->cause.name == NULL && holds)
	{
		d->cause.name = (char *) name;
		d->cause.value = value;
		d->cause.threshold = threshold;
		d->cause.message = words;
	}
	appendStringInfo(&d->found, "%s%s", d->found.len > 0 ? "; " : "", words);
}

/* The recipe's source, read with its author's rights. */
static EgAsked
recipe_source(const EgVersionRow *v)
{
	EgAsked		a = {0};

	a.text = eg_recipe_text(v);
	a.source = eg_jsonb_text(v->recipe, "source");
	a.model = psprintf("%s@%s", v->model, eg_version_text(v));
	if (a.text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no training recipe", v->model),
				 errdetail("Its version was imported, not trained here."),
				 errhint("Train a version with engage_train().")));
	return a;
}

static void
decide_drift(Decision *d, FunctionCallInfo fcinfo, const EgVersionRow *v)
{
	double		limit = PG_GETARG_FLOAT8(ARG_DRIFT);
	EgAsked		a = recipe_source(v);
	EgMonitor  *w = eg_monitor_get(v->model_id, v->model);
	EgDriftFacts f;

	if (!(limit >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"drift\" must not be below 0, but is %g", limit)));
	if (!PG_ARGISNULL(ARG_SOURCE))
	{
		a.source = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SOURCE));
		a.text = NULL;
	}
	else if (w)
	{
		a.source = w->source;
		a.text = &w->text;
	}
	if (eg_ask_facts(&a, NIL, false, false).rows == 0)
	{
		condition(d, "drift", NAN, limit, false, "drift is unknown, as the source has no rows");
		return;
	}
	f = eg_ask_drift(&a, limit);
	if (f.feature == NULL)
		condition(d, "drift", NAN, limit, false, "drift is unknown");
	else
		condition(d, "drift", f.worst, limit, f.worst > limit,
				  psprintf("drift of feature \"%s\" is %.4g, %s %.4g", f.feature, f.worst,
						   f.worst > limit ? "above" : "not above", limit));
}

static void
decide(Decision *d, FunctionCallInfo fcinfo, const EgVersionRow *v)
{
	if (PG_ARGISNULL(ARG_DRIFT) && PG_ARGISNULL(ARG_AGE) && PG_ARGISNULL(ARG_ROWS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("engage_retrain_if needs a condition"),
				 errhint("Give drift, age or rows.")));
	initStringInfo(&d->found);
	if (!PG_ARGISNULL(ARG_AGE))
	{
		double		limit = eg_interval_days(PG_GETARG_DATUM(ARG_AGE));
		double		age = eg_version_age(v->id);

		condition(d, "age", age, limit, age > limit,
				  psprintf("version %s was trained %.1f days ago, %s %.4g", eg_version_text(v),
						   age, age > limit ? "more than" : "not more than", limit));
	}
	if (!PG_ARGISNULL(ARG_ROWS) && d->cause.name == NULL)
	{
		int64		limit = PG_GETARG_INT64(ARG_ROWS);
		EgAsked		a = recipe_source(v);
		double		then = 0;
		double		rows;

		if (limit < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"rows\" must be at least 1, not %lld",
							(long long) limit)));
		(void) eg_jsonb_number(v->data, "rows", &then);
		rows = eg_ask_facts(&a, NIL, false, false).rows - then;
		condition(d, "rows", rows, limit, rows >= limit,
				  psprintf("the source has %.0f more rows than at training, %s %lld", rows,
						   rows >= limit ? "at least" : "fewer than", (long long) limit));
	}
	if (!PG_ARGISNULL(ARG_DRIFT) && d->cause.name == NULL)
		decide_drift(d, fcinfo, v);
}

/*
 * engage_retrain_if(model, drift, age, rows, source, deploy): model, retrained,
 * reason, version, deployed
 */
Datum
engage_retrain_if(PG_FUNCTION_ARGS)
{
	Decision	d = {{0}};
	EgModelRow *m;
	EgVersionRow *v;
	EgRetrained made = {0};
	EgCheckLine failed;
	char	   *reason;
	char	   *deploy = PG_ARGISNULL(ARG_DEPLOY) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(ARG_DEPLOY));
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (PG_ARGISNULL(ARG_MODEL))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"model\" must not be NULL")));
	PreventCommandIfReadOnly("engage_retrain_if()");
	PreventCommandIfParallelMode("engage_retrain_if()");
	if (deploy)
		(void) eg_deploy_parse(deploy);
	m = eg_models_get(text_to_cstring(PG_GETARG_TEXT_PP(ARG_MODEL)), false, EG_PRIV_MANAGE, false);
	if (!eg_monitor_lock(m->id))
		reason = "another session checks or retrains this model";
	else
	{
		v = eg_models_version(m->name, EG_PRIV_MANAGE);
		decide(&d, fcinfo, v);
		reason = d.found.data;
		if (d.cause.name)
		{
			char	   *problem = eg_retrain_because(m, v, deploy, &d.cause, &made,
													 &failed);

			reason = problem ? psprintf("%s; retraining failed: %s", d.cause.message, problem) :
				d.cause.message;
			if (problem)
				ereport(WARNING,
						(errmsg("retraining model \"%s\" failed: %s", m->name, problem),
						 errdetail("Version %s stays deployed.", eg_version_text(v))));
		}
	}

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	values[0] = CStringGetTextDatum(m->name);
	values[1] = BoolGetDatum(made.version != NULL);
	values[2] = CStringGetTextDatum(reason);
	nulls[3] = nulls[4] = made.version == NULL;
	values[3] = made.version ? CStringGetTextDatum(made.version) : (Datum) 0;
	values[4] = BoolGetDatum(made.deployed);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
