/*-------------------------------------------------------------------------
 *
 * thresholds.c
 *	  Thresholds of engage_monitor(): JSON to a list of checks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "api/recipe.h"
#include "api/thresholds.h"
#include "base/compat.h"
#include "eval/metrics.h"

#define BIT(b)		(1 << (b))

static const char *const bound_names[] = {"min", "max", "down", "up", "shift"};

/* What may be watched besides metrics. */
typedef struct Known
{
	const char *name;
	EgCheckKind kind;
	int			bounds;			/* BIT(EG_BOUND_...) */
	EgBound		plain;			/* what a number alone means */
	double		low,
				high;
} Known;

static const Known known[] = {
	{"drift", EG_CHECK_DRIFT, BIT(EG_BOUND_MAX), EG_BOUND_MAX, 0, INFINITY},
	{"drifted_share", EG_CHECK_DRIFTED_SHARE, BIT(EG_BOUND_MAX), EG_BOUND_MAX, 0, 1},
	{"score_drift", EG_CHECK_SCORE_DRIFT, BIT(EG_BOUND_MAX), EG_BOUND_MAX, 0, INFINITY},
	{"missing", EG_CHECK_MISSING, BIT(EG_BOUND_MAX), EG_BOUND_MAX, 0, 1},
	{"rows", EG_CHECK_ROWS, BIT(EG_BOUND_MIN) | BIT(EG_BOUND_MAX), EG_BOUND_MIN, 0, INFINITY},
	{"prediction_mean", EG_CHECK_MEAN, BIT(EG_BOUND_MIN) | BIT(EG_BOUND_MAX) | BIT(EG_BOUND_SHIFT),
	EG_BOUND_SHIFT, -INFINITY, INFINITY},
	{"age", EG_CHECK_AGE, BIT(EG_BOUND_MAX), EG_BOUND_MAX, 0, INFINITY},
};

#define METRIC_BOUNDS \
	(BIT(EG_BOUND_MIN) | BIT(EG_BOUND_MAX) | BIT(EG_BOUND_DOWN) | BIT(EG_BOUND_UP))

double
eg_interval_days(Datum interval)
{
	const Interval *i = DatumGetIntervalP(interval);

	if (EG_INTERVAL_NOT_FINITE(i))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an interval must be finite here")));
	return i->month * 30.0 + i->day + (double) i->time / USECS_PER_DAY;
}

/* The metrics of no rows have names and no values. */
static void
list_metrics(StringInfo out, EgTask task)
{
	EgMetricInput none = {0};
	StringInfoData all;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	none.task = task;
	none.width = 1;
	none.nclasses = eg_task_two_classes(task) ? 2 : 0;
	initStringInfo(&all);
	eg_metrics_json(&all, &none);
	it = JsonbIteratorInit(&eg_json_parse(all.data)->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *word;

		if (token != WJB_KEY)
			continue;
		word = pnstrdup(v.val.string.val, v.val.string.len);
		if (eg_metric_exists(task, word))
			appendStringInfo(out, ", %s", word);
	}
	if (eg_metric_exists(task, "accuracy"))
		appendStringInfoString(out, ", " EG_ERROR_RATE);
}

static void pg_attribute_noreturn()
unknown_threshold(const char *name, EgTask task)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < lengthof(known); i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", known[i].name);
	list_metrics(&list, task);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("threshold \"%s\" does not exist", eg_clip(name, 64)),
			 errhint("Known for task %s: %s.", eg_task_name(task), list.data)));
}

static char *
list_bounds(int bounds)
{
	StringInfoData list;
	int			b;

	initStringInfo(&list);
	for (b = 0; b < lengthof(bound_names); b++)
	{
		if (bounds & BIT(b))
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", bound_names[b]);
	}
	return list.data;
}

/* A number, or for an age the text of an interval. */
static double
limit_value(const JsonbValue *v, const Known *k, const char *name)
{
	if (v->type == jbvNumeric)
		return DatumGetFloat8(DirectFunctionCall1(numeric_float8,
												  NumericGetDatum(v->val.numeric)));
	if (v->type == jbvString && k->kind == EG_CHECK_AGE)
		return eg_interval_days(DirectFunctionCall3(interval_in,
			CStringGetDatum(pnstrdup(v->val.string.val, v->val.string.len)),
			ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("threshold \"%s\" must be a number%s", name,
					k->kind == EG_CHECK_AGE ? " of days, or an interval" : "")));
	return 0;					/* keep the compiler quiet */
}

static EgCheck *
make_check(const Known *k, EgBound bound, const JsonbValue *v)
{
	EgCheck    *c = palloc0(sizeof(EgCheck));
	bool		share = bound >= EG_BOUND_DOWN;
	double		low = share ? 0 : k->low;
	double		high = share ? INFINITY : k->high;

	c->kind = k->kind;
	c->bound = bound;
	c->metric = k->kind == EG_CHECK_METRIC ? pstrdup(k->name) : NULL;
	c->name = (k->bounds & (k->bounds - 1)) == 0 ? pstrdup(k->name) :
		psprintf("%s.%s", k->name, bound_names[bound]);
	c->limit = limit_value(v, k, c->name);
	if (!(c->limit >= low && c->limit <= high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 isinf(high) ?
				 errmsg("threshold \"%s\" must not be below %g, but is %g", c->name, low, c->limit) :
				 errmsg("threshold \"%s\" must be between %g and %g, not %g", c->name, low, high,
						c->limit)));
	return c;
}

/* {"min": 10, "max": 20} */
static List *
parse_bounds(List *checks, const Known *k, const JsonbValue *object)
{
	JsonbIterator *it = JsonbIteratorInit(object->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	v;
	int			before = list_length(checks);

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *word;
		int			b;

		if (token != WJB_KEY)
			continue;
		word = pnstrdup(v.val.string.val, v.val.string.len);
		for (b = 0; b < lengthof(bound_names); b++)
		{
			if (strcmp(word, bound_names[b]) == 0 && (k->bounds & BIT(b)))
				break;
		}
		if (b == lengthof(bound_names))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("threshold \"%s\" has no bound \"%s\"", k->name, eg_clip(word, 64)),
					 errhint("Known: %s.", list_bounds(k->bounds))));
		(void) JsonbIteratorNext(&it, &v, true);
		checks = lappend(checks, make_check(k, b, &v));
	}
	if (list_length(checks) == before)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold \"%s\" has no bound", k->name),
				 errhint("Known: %s.", list_bounds(k->bounds))));
	return checks;
}

/* Which threshold is it?  Metrics get a description of the same form. */
static Known
find_known(const char *name, EgTask task, bool outcomes)
{
	Known		k = {0};
	int			i;

	for (i = 0; i < lengthof(known); i++)
	{
		if (strcmp(name, known[i].name) == 0)
		{
			if (known[i].kind == EG_CHECK_MEAN && eg_task_many_classes(task))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("threshold \"%s\" is for models that predict one number, and the task is %s",
								name, eg_task_name(task))));
			return known[i];
		}
	}
	if (!eg_metric_exists(task, strcmp(name, EG_ERROR_RATE) == 0 ? "accuracy" : name))
		unknown_threshold(name, task);
	if (!outcomes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold \"%s\" needs outcomes", name),
				 errhint("Give outcomes => a table, view or SELECT with rows whose truth is known.")));
	k.name = name;
	k.kind = EG_CHECK_METRIC;
	k.bounds = METRIC_BOUNDS;
	k.plain = eg_metric_larger_is_better(name) ? EG_BOUND_DOWN : EG_BOUND_UP;
	k.low = -INFINITY;
	k.high = INFINITY;
	return k;
}

/* An object's members are in no order of meaning: what comes first causes the action. */
static int
compare_checks(const ListCell *a, const ListCell *b)
{
	const EgCheck *x = lfirst(a);
	const EgCheck *y = lfirst(b);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

List *
eg_thresholds_parse(const Jsonb *thresholds, EgTask task, bool outcomes)
{
	List	   *checks = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(thresholds) || JB_ROOT_COUNT(thresholds) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("thresholds must be a JSON object with at least one member"),
				 errhint("For example '{\"drift\": 0.2}'.")));
	it = JsonbIteratorInit((JsonbContainer *) &thresholds->root);
	token = JsonbIteratorNext(&it, &v, true);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		Known		k;

		if (token != WJB_KEY)
			continue;
		k = find_known(pnstrdup(v.val.string.val, v.val.string.len), task, outcomes);
		(void) JsonbIteratorNext(&it, &v, true);
		if (v.type == jbvBinary && JsonContainerIsObject(v.val.binary.data))
			checks = parse_bounds(checks, &k, &v);
		else
			checks = lappend(checks, make_check(&k, k.plain, &v));
	}
	list_sort(checks, compare_checks);
	return checks;
}

Jsonb *
eg_thresholds_default(EgTask task, bool outcomes)
{
	return eg_json_parse(outcomes ?
						 psprintf("{\"drift\": 0.2, \"%s\": 0.05}", eg_metric_primary(task)) :
						 "{\"drift\": 0.2}");
}
