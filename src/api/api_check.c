/*-------------------------------------------------------------------------
 *
 * api_check.c
 *	  engage_check(): measure what is watched, judge it, open and resolve
 *	  alerts, and do what the policy says.
 *
 * What may fail in somebody's data runs in a subtransaction (eg_attempt), and
 * its failure is a result.  All results, alerts and actions of a call are one
 * transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "api/monitor.h"
#include "api/recipe.h"
#include "api/result.h"
#include "eval/metrics.h"
#include "store/registry.h"
#include "store/roles.h"

PG_FUNCTION_INFO_V1(engage_check);

#define DRIFTED		0.2			/* a feature has drifted above this PSI, unless "drift" says else */

/* One model's check. */
typedef struct Checking
{
	EgModelRow *m;
	EgMonitor  *w;
	EgVersionRow *v;
	char	   *version;		/* "1.0.0", NULL until v is known */
	char	   *reference;		/* 'churn@1.0.0' */
	List	   *checks;			/* of EgCheck */
	List	   *lines;			/* of EgCheckLine */
	bool		want_mean,
				want_drift;
	double		drifted;
	bool		acted;
	EgSourceFacts facts;
	EgDriftFacts drift;
	Jsonb	   *metrics;		/* on the outcomes, or NULL */
} Checking;

static EgCheckLine *
add_line(Checking *c, const char *name, const char *problem)
{
	EgCheckLine *line = palloc0(sizeof(EgCheckLine));

	line->name = pstrdup(name);
	line->value = line->threshold = NAN;
	line->status = problem ? "error" : "ok";
	if (problem)
	{
		StringInfoData out;

		line->message = psprintf("%s: %s", name, problem);
		initStringInfo(&out);
		appendStringInfoString(&out, "{\"error\": ");
		escape_json(&out, problem);
		appendStringInfoChar(&out, '}');
		line->detail = eg_json_parse(out.data);
	}
	c->lines = lappend(c->lines, line);
	return line;
}

/* ----------
 * Measure
 * ----------
 */

static void
set_up(void *arg)
{
	Checking   *c = arg;
	ListCell   *lc;

	c->v = eg_models_version(c->m->name, EG_PRIV_MANAGE);
	c->version = eg_version_text(c->v);
	c->reference = psprintf("%s@%s", c->m->name, c->version);
	c->checks = eg_thresholds_parse(c->w->thresholds, eg_version_task(c->v),
									c->w->outcomes != NULL);
	c->drifted = DRIFTED;
	foreach(lc, c->checks)
	{
		EgCheck    *check = lfirst(lc);

		c->want_mean = c->want_mean || check->kind == EG_CHECK_MEAN;
		c->want_drift = c->want_drift || check->kind <= EG_CHECK_SCORE_DRIFT ||
			check->bound == EG_BOUND_SHIFT;
		if (check->kind == EG_CHECK_DRIFT)
			c->drifted = check->limit;
	}
}

static EgAsked
asked(const Checking *c, const char *source)
{
	EgAsked		a = {0};

	a.text = &c->w->text;
	a.source = source;
	a.model = c->reference;
	return a;
}

static void
measure_source(void *arg)
{
	Checking   *c = arg;
	EgAsked		a = asked(c, c->w->source);

	c->facts = eg_ask_facts(&a, eg_version_columns(c->v), c->want_mean, false);
	if (c->want_drift && c->facts.rows > 0)
		c->drift = eg_ask_drift(&a, c->drifted);
}

static void
measure_outcomes(void *arg)
{
	Checking   *c = arg;
	EgAsked		a = asked(c, c->w->outcomes);

	c->metrics = eg_ask_metrics(&a);
}

/* False: a source failed, and its line says why. */
static void
measure(Checking *c)
{
	char	   *problem;

	c->facts.rows = c->facts.mean = c->facts.missing = NAN;
	c->drift.worst = c->drift.score = c->drift.mean = NAN;
	problem = eg_attempt(measure_source, c);
	if (problem)
	{
		c->facts.rows = c->facts.mean = c->facts.missing = NAN;
		c->drift.nfeatures = 0;
		c->drift.worst = c->drift.score = c->drift.mean = NAN;
	}
	(void) add_line(c, "source", problem);
	if (c->w->outcomes)
		(void) add_line(c, "outcomes", eg_attempt(measure_outcomes, c));
}

/* ----------
 * Judge
 * ----------
 */

static double
json_number(const Jsonb *j, const char *member)
{
	double		value;

	return j && eg_jsonb_number(j, member, &value) ? value : NAN;
}

static void
put_number(StringInfo out, const char *name, double value)
{
	if (!isfinite(value))
		return;
	appendStringInfo(out, "%s\"%s\": %.15g", out->len > 1 ? ", " : "", name, value);
}

/*
 * A mean against that of training, or against the first one seen where the model
 * does not know it.
 */
static void
judge_shift(Checking *c, const EgCheck *check, EgCheckLine *line, StringInfo detail)
{
	double		mean = c->facts.mean;
	double		then = c->drift.mean;

	line->threshold = check->limit;
	put_number(detail, "mean", mean);
	if (!isfinite(mean))
		return;
	if (!isfinite(then))
	{
		if (c->w->reference_version == NULL ||
			strcmp(c->w->reference_version, c->version) != 0)
		{
			eg_monitor_set_reference(c->m->id, c->version, mean);
			c->w->reference_version = c->version;
			c->w->reference_mean = mean;
		}
		then = c->w->reference_mean;
	}
	put_number(detail, "reference", then);
	line->value = mean == then ? 0 : fabs(mean - then) / fabs(then);
	line->message = psprintf("mean prediction is %.6g, and was %.6g: a shift of %.4g", mean,
							 then, line->value);
}

static double
metric_value(const Jsonb *metrics, const char *name)
{
	return strcmp(name, EG_ERROR_RATE) == 0 ? 1 - json_number(metrics, "accuracy") :
		json_number(metrics, name);
}

/* A metric against a bound, or against its value at training. */
static void
judge_metric(Checking *c, const EgCheck *check, EgCheckLine *line, StringInfo detail)
{
	double		trained = metric_value(c->v->metrics, check->metric);

	line->value = metric_value(c->metrics, check->metric);
	line->threshold = check->limit;
	put_number(detail, "training", trained);
	put_number(detail, "n", json_number(c->metrics, "n"));
	if (check->bound == EG_BOUND_DOWN)
		line->threshold = trained - check->limit * fabs(trained);
	else if (check->bound == EG_BOUND_UP)
		line->threshold = trained + check->limit * fabs(trained);
	if (isfinite(trained))
		line->message = psprintf("%s is %.6g, and was %.6g at training", check->metric,
								 line->value, trained);
}

static void
judge(Checking *c, const EgCheck *check)
{
	EgCheckLine *line = add_line(c, check->name, NULL);
	StringInfoData detail;
	bool		lower = check->bound == EG_BOUND_MIN || check->bound == EG_BOUND_DOWN;

	initStringInfo(&detail);
	appendStringInfoChar(&detail, '{');
	line->threshold = check->limit;
	switch (check->kind)
	{
		case EG_CHECK_DRIFT:
			line->value = c->drift.worst;
			if (c->drift.feature)
			{
				appendStringInfoString(&detail, "\"feature\": ");
				escape_json(&detail, c->drift.feature);
				line->message = psprintf("drift of feature \"%s\" is %.4g", c->drift.feature,
										 line->value);
			}
			break;
		case EG_CHECK_DRIFTED_SHARE:
			if (c->drift.nfeatures > 0)
				line->value = (double) c->drift.beyond / c->drift.nfeatures;
			line->message = psprintf("%d of %d features have drifted", c->drift.beyond,
									 c->drift.nfeatures);
			break;
		case EG_CHECK_SCORE_DRIFT:
			line->value = c->drift.score;
			break;
		case EG_CHECK_MISSING:
			line->value = c->facts.missing;
			if (c->facts.worst)
			{
				appendStringInfoString(&detail, "\"column\": ");
				escape_json(&detail, c->facts.worst);
				line->message = psprintf("share of NULL in column \"%s\" is %.4g", c->facts.worst,
										 line->value);
			}
			break;
		case EG_CHECK_ROWS:
			line->value = c->facts.rows;
			break;
		case EG_CHECK_MEAN:
			if (check->bound == EG_BOUND_SHIFT)
				judge_shift(c, check, line, &detail);
			else
				line->value = c->facts.mean;
			break;
		case EG_CHECK_AGE:
			line->value = eg_version_age(c->v->id);
			break;
		case EG_CHECK_METRIC:
			judge_metric(c, check, line, &detail);
			break;
	}
	appendStringInfoChar(&detail, '}');
	if (detail.len > 2)
		line->detail = eg_json_parse(detail.data);
	if (isnan(line->value) || isnan(line->threshold))
	{
		line->status = "unknown";
		return;
	}
	if (lower ? line->value >= line->threshold : line->value <= line->threshold)
		return;
	line->status = "alert";
	if (line->message == NULL)
		line->message = psprintf("%s is %.6g", check->name, line->value);
	line->message = psprintf("%s, %s %.6g", line->message, lower ? "below" : "above",
							 line->threshold);
}

/* ----------
 * Act
 * ----------
 */

typedef struct RollingBack
{
	Checking   *c;
	const EgCheck *check;
	const EgCheckLine *cause;
	char	   *to;
} RollingBack;

/*
 * Deploy the previous version, and see whether it is better: if not, the error
 * undoes it.
 */
static void
roll_back(void *arg)
{
	RollingBack *r = arg;
	Checking   *c = r->c;
	EgModelRow *m = eg_models_get(c->m->name, false, EG_PRIV_MANAGE, true);
	EgAsked		a = asked(c, c->w->outcomes);
	double		now = r->cause->value;
	double		then;
	bool		better;

	if (m->deployed != c->v->id)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another session deployed another version meanwhile")));
	r->to = eg_version_text(eg_models_version_by_id(eg_models_rollback(m)));
	a.model = psprintf("%s@%s", m->name, r->to);
	then = metric_value(eg_ask_metrics(&a), r->check->metric);
	if (r->check->bound == EG_BOUND_DOWN || r->check->bound == EG_BOUND_MIN)
		better = then > now;
	else
		better = then < now;
	if (!better)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %s is no better: %s %.6g, version %s has %.6g", r->to,
						r->check->metric, then, c->version, now)));
	eg_models_event(m->id, m->name, r->to, "policy rollback",
					eg_cause_json(r->cause, psprintf("\"from\": \"%s\", \"previous_value\": %.15g",
													 c->version, then)));
}

/* What the policy does about a check that failed; NULL: nothing. */
static char *
act(Checking *c, const EgCheck *check, EgCheckLine *cause)
{
	bool		rollback = strcmp(c->w->policy, "rollback") == 0;
	EgCheckLine *failed;
	EgRetrained made;
	char	   *problem;

	if (strcmp(c->w->policy, "alert") == 0 ||
		(rollback && check->kind != EG_CHECK_METRIC) ||
		check->kind == EG_CHECK_ROWS || check->kind == EG_CHECK_MISSING)
		return NULL;
	if (c->acted)
		return NULL;
	if (cause->acknowledged)
		return "none: the alert is acknowledged";
	if (c->w->resting)
		return psprintf("none: waits until %s", c->w->rests_until);

	c->acted = true;			/* one action for a check of a model */
	eg_monitor_set_acted(c->m->id);
	if (rollback)
	{
		RollingBack r = {c, check, cause};

		problem = eg_attempt(roll_back, &r);
		return problem ? psprintf("not rolled back: %s", problem) :
			psprintf("rolled back to %s", r.to);
	}
	failed = palloc0(sizeof(EgCheckLine));
	problem = eg_retrain_because(c->m, c->v,
								 strcmp(c->w->policy, "retrain") == 0 ? "never" : "better",
								 cause, &made, failed);
	if (problem)
	{
		c->lines = lappend(c->lines, failed);
		return failed->message;
	}
	return psprintf("retrained as %s: %s", made.version,
					made.deployed ? "deployed" : "not deployed");
}

/* ----------
 * All of it
 * ----------
 */

static EgCheckLine *
find_line(const Checking *c, const char *name)
{
	ListCell   *lc;

	foreach(lc, c->lines)
	{
		if (strcmp(((EgCheckLine *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	}
	return NULL;
}

static void
raise_and_resolve(Checking *c)
{
	ListCell   *lc;

	foreach(lc, c->lines)
	{
		EgCheckLine *line = lfirst(lc);

		if (strcmp(line->status, "ok") == 0)
			eg_alert_resolve(c->m, c->version, line->name, "the check passed");
		else if (strcmp(line->status, "unknown") != 0)
			eg_alert_raise(c->m, c->version, line);
	}
}

static void
put_row(Tuplestorestate *store, TupleDesc desc, const char *model, const EgCheckLine *line)
{
	Datum		values[7] = {0};
	bool		nulls[7];

	values[0] = CStringGetTextDatum(model);
	nulls[0] = false;
	nulls[1] = line->name == NULL;
	values[1] = line->name ? CStringGetTextDatum(line->name) : (Datum) 0;
	nulls[2] = isnan(line->value);
	values[2] = Float8GetDatum(line->value);
	nulls[3] = isnan(line->threshold);
	values[3] = Float8GetDatum(line->threshold);
	nulls[4] = false;
	values[4] = CStringGetTextDatum(line->status);
	nulls[5] = line->alert == 0;
	values[5] = Int64GetDatum(line->alert);
	nulls[6] = line->action == NULL;
	values[6] = line->action ? CStringGetTextDatum(line->action) : (Datum) 0;
	tuplestore_putvalues(store, desc, values, nulls);
}

static void
check_model(const char *name, bool missing_ok, Tuplestorestate *store,
			TupleDesc desc)
{
	Checking	c = {0};
	char	   *problem,
			   *orphans;
	ListCell   *lc;

	c.m = eg_models_get(name, missing_ok, EG_PRIV_MANAGE, false);
	if (c.m->id == 0)
		return;					/* dropped since the list was made */
	if (!eg_monitor_lock(c.m->id))
	{
		EgCheckLine busy = {NULL, NAN, NAN, "busy"};

		busy.action = "none: another session checks or retrains this model";
		put_row(store, desc, c.m->name, &busy);
		return;
	}
	c.w = eg_monitor_get(c.m->id, c.m->name);
	if (c.w == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" is not watched", c.m->name),
				 errhint("Say what to watch with engage_monitor().")));
	eg_gate_require(&c.w->text);

	problem = eg_attempt(set_up, &c);
	if (problem)
	{
		c.version = NULL;
		(void) add_line(&c, "setup", problem);
	}
	else
	{
		eg_alert_resolve(c.m, c.version, "setup", "the check passed");
		measure(&c);
		foreach(lc, c.checks)
			judge(&c, lfirst(lc));
	}
	orphans = eg_role_orphans(c.m->id);
	if (orphans)
		(void) add_line(&c, "roles", orphans);
	else
		eg_alert_resolve(c.m, c.version, "roles", "the check passed");
	raise_and_resolve(&c);
	if (problem == NULL)
	{
		foreach(lc, c.checks)
		{
			EgCheck    *check = lfirst(lc);
			EgCheckLine *line = find_line(&c, check->name);

			if (strcmp(line->status, "alert") == 0)
				line->action = act(&c, check, line);
		}
	}
	foreach(lc, c.lines)
	{
		eg_check_result_put(c.m->id, c.version, lfirst(lc));
		put_row(store, desc, c.m->name, lfirst(lc));
	}
}

/*
 * engage_check(), engage_check(model): model, check_name, value, threshold,
 * status, alert_id, action
 */
Datum
engage_check(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store;
	List	   *models;
	ListCell   *lc;
	bool		all = PG_NARGS() == 0 || PG_ARGISNULL(0);
	MemoryContext context,
				old;

	PreventCommandIfReadOnly("engage_check()");
	PreventCommandIfParallelMode("engage_check()");
	store = eg_result_rows(fcinfo, &desc);
	models = all ? eg_monitor_models() :
		list_make1(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	context = AllocSetContextCreate(CurrentMemoryContext, "engage check", ALLOCSET_DEFAULT_SIZES);
	foreach(lc, models)
	{
		old = MemoryContextSwitchTo(context);
		check_model(lfirst(lc), all, store, desc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}
