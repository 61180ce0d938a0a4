/*-------------------------------------------------------------------------
 *
 * api_schedule.c
 *	  engage_schedule() and what belongs to it: checks and retrainings by the
 *	  clock.
 *
 * A command is kept as text and bound to a function when it runs, years later
 * and with the scheduler's search_path.  So it calls a twin in schema engage,
 * of which there is one, and its literals cannot be anything else's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "api/recipe.h"
#include "api/result.h"
#include "store/function.h"
#include "store/registry.h"
#include "store/schedule.h"

PG_FUNCTION_INFO_V1(engage_schedule);
PG_FUNCTION_INFO_V1(engage_unschedule);
PG_FUNCTION_INFO_V1(engage_schedule_sql);
PG_FUNCTION_INFO_V1(engage_jobs);

/* An action runs the function's twin in schema engage, whose calls nobody can plant or confuse. */
typedef struct Action
{
	const char *name;
	const char *twin;
	const char *function;
} Action;

static const Action actions[] = {
	{"check", "check", "engage_check"},
	{"retrain", "retrain", "engage_retrain"},
	{"retrain_if", "retrain_if", "engage_retrain_if"},
	{"log", "log_predictions", "engage_log_predictions"},
};

static const Action *
find_action(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(actions); i++)
	{
		if (strcmp(name, actions[i].name) == 0)
			return &actions[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("action \"%s\" does not exist", eg_clip(name, 64)),
			 errhint("Known actions: check, retrain, retrain_if, log.")));
	return NULL;				/* keep the compiler quiet */
}

/* ----------
 * Its arguments
 * ----------
 */

/* What may be given besides the model, which is the first. */
static char *
known_arguments(const EgParameter *p, int n)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 1; i < n; i++)
		appendStringInfo(&list, "%s%s", i > 1 ? ", " : "", p[i].name);
	return list.data;
}

static const EgParameter *
find_argument(const Action *action, const EgParameter *p, int n, const char *name)
{
	int			i;

	for (i = 1; i < n; i++)
	{
		if (strcmp(p[i].name, name) == 0)
			return &p[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("action \"%s\" has no argument \"%s\"", action->name, eg_clip(name, 64)),
			 n > 1 ? errhint("Its arguments are: %s.", known_arguments(p, n)) :
			 errhint("It takes no arguments beside the model.")));
	return NULL;				/* keep the compiler quiet */
}

static void
check_required(const Action *action, const EgParameter *p, int n, const Jsonb *arguments)
{
	int			i;

	for (i = 1; i < n; i++)
	{
		if (p[i].required && (arguments == NULL || eg_jsonb_text(arguments, p[i].name) == NULL))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("action \"%s\" needs the argument \"%s\"", action->name, p[i].name),
					 errhint("Its arguments are: %s.", known_arguments(p, n))));
	}
}

/* A JSON value as a literal, which the type of the argument reads. */
static char *
literal(const JsonbValue *v, Oid type)
{
	char	   *text;
	char		category;
	bool		preferred;

	get_type_category_preferred(type, &category, &preferred);
	switch (v->type)
	{
		case jbvNull:
			return "NULL";
		case jbvBool:
			if (category == TYPCATEGORY_BOOLEAN)
				return v->val.boolean ? "true" : "false";
			text = v->val.boolean ? "true" : "false";
			break;
		case jbvString:
			text = pnstrdup(v->val.string.val, v->val.string.len);
			break;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(v->val.numeric)));
			if (category == TYPCATEGORY_NUMERIC)
				return text;
			break;
		default:
			text = JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
			break;
	}
	return quote_literal_cstr(text);
}

/* SELECT * FROM engage.retrain_if('churn', age => '30 days') */
static char *
make_command(const char *model, const char *name, const Jsonb *arguments)
{
	const Action *action = find_action(name);
	int			n;
	EgParameter *parameters = eg_member_parameters(action->function, &n);
	StringInfoData sql;
	JsonbIterator *it;
	JsonbValue	v;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT * FROM engage.%s(", action->twin);
	if (model)
		appendStringInfoString(&sql, quote_literal_cstr(model));
	else if (strcmp(name, "check") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"model\" must not be NULL"),
				 errdetail("Only the action check is for all models.")));
	if (arguments && !JB_ROOT_IS_OBJECT(arguments))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments must be a JSON object")));
	if (arguments)
	{
		it = JsonbIteratorInit((JsonbContainer *) &arguments->root);
		(void) JsonbIteratorNext(&it, &v, true);
		while (JsonbIteratorNext(&it, &v, true) == WJB_KEY)
		{
			char	   *key = pnstrdup(v.val.string.val, v.val.string.len);
			const EgParameter *p = find_argument(action, parameters, n, key);

			(void) JsonbIteratorNext(&it, &v, true);
			appendStringInfo(&sql, ", %s => %s", quote_identifier(key), literal(&v, p->type));
		}
	}
	check_required(action, parameters, n, arguments);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

static char *
command_of_call(FunctionCallInfo fcinfo, int action, int arguments, bool check)
{
	char	   *model = eg_arg_text(fcinfo, 0);
	char	   *word = eg_arg_text(fcinfo, action);
	Jsonb	   *json = PG_ARGISNULL(arguments) ? NULL : PG_GETARG_JSONB_P(arguments);
	char	   *command;

	command = make_command(model, word ? word : "check", json);
	if (check && model)
		(void) eg_models_get(model, false, EG_PRIV_MANAGE, false);
	if (check)
		eg_job_try(command);
	return command;
}

/* engage_schedule_sql(model, action, arguments) */
Datum
engage_schedule_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(command_of_call(fcinfo, 1, 2, true)));
}

/* engage_schedule(model, schedule, action, arguments, database) */
Datum
engage_schedule(PG_FUNCTION_ARGS)
{
	char	   *model = eg_arg_text(fcinfo, 0);
	char	   *schedule = eg_arg_text(fcinfo, 1);
	char	   *action = eg_arg_text(fcinfo, 2);
	char	   *database = eg_arg_text(fcinfo, 4);
	char	   *command;

	if (schedule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"schedule\" must not be NULL")));
	PreventCommandIfReadOnly("engage_schedule()");
	PreventCommandIfParallelMode("engage_schedule()");
	if (database && strcmp(database, get_database_name(MyDatabaseId)) == 0)
		database = NULL;
	command = command_of_call(fcinfo, 2, 3, database == NULL);
	eg_cron_require(command, schedule);
	PG_RETURN_INT64(eg_cron_schedule(eg_job_name(action ? action : "check", model), schedule,
									 command, database));
}

/* engage_unschedule(model, action) */
Datum
engage_unschedule(PG_FUNCTION_ARGS)
{
	char	   *model = eg_arg_text(fcinfo, 0);
	char	   *action = eg_arg_text(fcinfo, 1);
	int			removed = 0;
	int			i;

	PreventCommandIfReadOnly("engage_unschedule()");
	PreventCommandIfParallelMode("engage_unschedule()");
	if (action)
		(void) find_action(action);
	eg_cron_require("SELECT 1", "");
	for (i = 0; i < lengthof(actions); i++)
	{
		if (action == NULL || strcmp(action, actions[i].name) == 0)
			removed += eg_cron_unschedule(eg_job_name(actions[i].name, model));
	}
	PG_RETURN_INT32(removed);
}

static void
set_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/*
 * engage_jobs(): job, model, action, schedule, command, database, who, active, last_run,
 * last_status, last_message
 */
Datum
engage_jobs(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	ListCell   *lc;

	foreach(lc, eg_cron_jobs())
	{
		EgJob	   *job = lfirst(lc);
		Datum		values[11] = {0};
		bool		nulls[11] = {false};

		values[0] = Int64GetDatum(job->id);
		set_text(values, nulls, 1, job->model);
		set_text(values, nulls, 2, job->action);
		set_text(values, nulls, 3, job->schedule);
		set_text(values, nulls, 4, job->command);
		set_text(values, nulls, 5, job->database);
		set_text(values, nulls, 6, job->who);
		values[7] = BoolGetDatum(job->active);
		nulls[8] = !job->ran;
		values[8] = TimestampTzGetDatum(job->last_run);
		set_text(values, nulls, 9, job->last_status);
		set_text(values, nulls, 10, job->last_message);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
