/*-------------------------------------------------------------------------
 *
 * api_monitor.c
 *	  engage_monitor() and what belongs to it: what is watched of a model, and
 *	  what people say about alerts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/monitor.h"
#include "api/recipe.h"
#include "store/check.h"
#include "store/monitor.h"
#include "store/registry.h"

PG_FUNCTION_INFO_V1(engage_monitor);
PG_FUNCTION_INFO_V1(engage_unmonitor);
PG_FUNCTION_INFO_V1(engage_acknowledge);
PG_FUNCTION_INFO_V1(engage_forget_checks);

static const char *const policies[] = {"alert", "retrain", "retrain_and_deploy", "rollback"};

EgTask
eg_version_task(const EgVersionRow *v)
{
	EgTask		task;

	if (!eg_task_parse(v->task, &task))
		elog(ERROR, "unexpected task \"%s\"", v->task);
	return task;
}

/* Elements of a JSON array of texts. */
static List *
texts(const Jsonb *object, const char *member)
{
	List	   *list = NIL;
	JsonbValue	v;
	int			n,
				i;

	if (getKeyJsonValueFromContainer((JsonbContainer *) &object->root, member, strlen(member),
									 &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
		return NIL;
	n = JsonContainerSize(v.val.binary.data);
	for (i = 0; i < n; i++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(v.val.binary.data, i);

		if (e->type == jbvString)
			list = lappend(list, pnstrdup(e->val.string.val, e->val.string.len));
	}
	return list;
}

/* The columns that rows must have to be scored. */
List *
eg_version_columns(const EgVersionRow *v)
{
	return texts(v->data, "features");
}

static const char *
required_text(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static const char *
policy_argument(FunctionCallInfo fcinfo, int arg)
{
	const char *word = PG_ARGISNULL(arg) ? "alert" : text_to_cstring(PG_GETARG_TEXT_PP(arg));
	int			i;

	for (i = 0; i < lengthof(policies); i++)
	{
		if (strcmp(word, policies[i]) == 0)
			return word;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("policy \"%s\" does not exist", eg_clip(word, 64)),
			 errhint("Known policies: alert, retrain, retrain_and_deploy, rollback.")));
	return NULL;				/* keep the compiler quiet */
}

/* Can the sources be read?  Nothing is read yet. */
static void
try_sources(FunctionCallInfo fcinfo, const EgVersionRow *v, const char *source,
			const char *outcomes)
{
	EgAsked		a = {0};
	char	   *target = eg_jsonb_text(v->data, "target");

	a.model = psprintf("%s@%s", v->model, eg_version_text(v));
	a.source = source;
	(void) eg_ask_facts(&a, eg_version_columns(v), false, true);
	if (outcomes)
	{
		a.source = outcomes;
		(void) eg_ask_facts(&a, target ? lappend(eg_version_columns(v), target) :
							eg_version_columns(v), false, true);
	}
}

/*
 * engage_monitor(model, source, outcomes, thresholds, policy, cooldown)
 */
Datum
engage_monitor(PG_FUNCTION_ARGS)
{
	const char *model = required_text(fcinfo, 0, "model");
	const char *source = required_text(fcinfo, 1, "source");
	const char *outcomes = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	const char *policy = policy_argument(fcinfo, 4);
	double		cooldown = PG_ARGISNULL(5) ? 0 : eg_interval_days(PG_GETARG_DATUM(5)) * 86400;
	EgModelRow *m;
	EgVersionRow *v;
	EgTask		task;
	Jsonb	   *thresholds;
	List	   *checks;
	List	   *names = list_make3("source", "setup", "retraining");
	ListCell   *lc;
	bool		metric = false;

	PreventCommandIfReadOnly("engage_monitor()");
	PreventCommandIfParallelMode("engage_monitor()");
	if (cooldown < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"cooldown\" must not be negative")));
	m = eg_models_get(model, false, EG_PRIV_MANAGE, false);
	v = eg_models_version(m->name, EG_PRIV_MANAGE);
	task = eg_version_task(v);
	thresholds = PG_ARGISNULL(3) ? eg_thresholds_default(task, outcomes != NULL) :
		PG_GETARG_JSONB_P(3);
	checks = eg_thresholds_parse(thresholds, task, outcomes != NULL);
	foreach(lc, checks)
	{
		EgCheck    *c = lfirst(lc);

		metric = metric || c->kind == EG_CHECK_METRIC;
		names = lappend(names, c->name);
	}
	if (strcmp(policy, "rollback") == 0 && !metric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("policy \"rollback\" needs a metric among the thresholds"),
				 errhint("The previous version is deployed when it is better by that metric.")));
	if (outcomes)
		names = lappend(names, "outcomes");
	try_sources(fcinfo, v, source, outcomes);
	eg_monitor_put(m, source, outcomes, thresholds, policy, cooldown);
	eg_alert_resolve_others(m, names, "the check is no longer declared");
	PG_RETURN_VOID();
}

Datum
engage_unmonitor(PG_FUNCTION_ARGS)
{
	EgModelRow *m;

	PreventCommandIfReadOnly("engage_unmonitor()");
	PreventCommandIfParallelMode("engage_unmonitor()");
	m = eg_models_get(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, EG_PRIV_MANAGE, false);
	PG_RETURN_BOOL(eg_monitor_remove(m));
}

/* engage_acknowledge(alert, note) */
Datum
engage_acknowledge(PG_FUNCTION_ARGS)
{
	EgModelRow *m;
	int64		alert;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"alert\" must not be NULL")));
	PreventCommandIfReadOnly("engage_acknowledge()");
	PreventCommandIfParallelMode("engage_acknowledge()");
	alert = PG_GETARG_INT64(0);
	m = eg_models_get(eg_alert_model(alert), false, EG_PRIV_MANAGE, false);
	eg_alert_acknowledge(m, alert, PG_ARGISNULL(1) ? NULL :
						 text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* engage_forget_checks(model, older_than) */
Datum
engage_forget_checks(PG_FUNCTION_ARGS)
{
	double		seconds = eg_interval_days(PG_GETARG_DATUM(1)) * 86400;
	EgModelRow *m;

	PreventCommandIfReadOnly("engage_forget_checks()");
	PreventCommandIfParallelMode("engage_forget_checks()");
	if (seconds < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"older_than\" must not be negative")));
	m = eg_models_get(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, EG_PRIV_MANAGE, false);
	PG_RETURN_INT64(eg_monitor_forget(m, seconds));
}
