/*-------------------------------------------------------------------------
 *
 * api_policy.c
 *	  engage_policy() and what belongs to it: definitions are checked here as
 *	  far as they can be before the first decision, and saved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api/recipe.h"
#include "base/compat.h"
#include "store/decide.h"
#include "store/gate.h"
#include "store/registry.h"

PG_FUNCTION_INFO_V1(engage_policy);
PG_FUNCTION_INFO_V1(engage_policy_deploy);
PG_FUNCTION_INFO_V1(engage_policy_rollback);
PG_FUNCTION_INFO_V1(engage_policy_drop);
PG_FUNCTION_INFO_V1(engage_policy_drop_version);
PG_FUNCTION_INFO_V1(engage_policy_grant);
PG_FUNCTION_INFO_V1(engage_policy_revoke);
PG_FUNCTION_INFO_V1(engage_policy_set_owner);

static char *
required(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* Columns to check against: the source's, else those of the newest version. */
static TupleDesc
known_columns(const char *name, const char *source)
{
	EgPolicyRow *p;
	Jsonb	   *columns;

	if (source)
		return eg_columns_of_source(source);
	p = eg_policy_get(name, true);
	columns = p->id != 0 ? eg_policy_newest_columns(p) : NULL;
	return columns ? eg_columns_from_json(columns, false) : NULL;
}

static void pg_attribute_noreturn()
no_source(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s need a source that says the columns", what),
			 errhint("Name a table, a view or a SELECT with the columns of the rows: "
					 "source => 'payments'.")));
}

/* A definition while it is checked. */
typedef struct Checked
{
	const EgLayer *layer;
	TupleDesc	columns;
	Bitmapset  *used;
	List	   *rules;			/* parsed */
} Checked;

static void
rules_work(void *arg)
{
	Checked    *c = arg;
	int			i;

	for (i = 0; i < c->layer->n; i++)
	{
		const char *when = c->layer->rules[i].when;
		char	   *place = eg_rule_place(c->layer, i);

		c->rules = lappend(c->rules, eg_rule_parse(when, place, c->columns, &c->used));
		FreeCachedExpression(eg_rule_compile(when, place, c->columns));
	}
}

static void
check_rules(Checked *c)
{
	if (c->columns == NULL)
		no_source("rules");
	eg_gate_run(NULL, rules_work, c);
}

/* A column that a velocity layer reads. */
static void
check_column(const EgLayer *l, const char *member, const char *name, TupleDesc columns,
			 Bitmapset **used)
{
	Oid			type;
	int			i;

	for (i = 0; i < columns->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(columns, i)->attname), name) == 0)
			break;
	}
	if (i == columns->natts)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\", the %s of layer \"%s\", does not exist", name, member,
						l->name)));
	*used = bms_add_member(*used, i + 1);
	type = TupleDescAttr(columns, i)->atttypid;
	if (strcmp(member, "at") == 0 && type != TIMESTAMPTZOID && type != TIMESTAMPOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\", the at of layer \"%s\", is of type %s, not timestamp with "
						"time zone", name, l->name, format_type_be(type))));
	if (strcmp(member, "at") != 0 && strcmp(member, "key") != 0)
	{
		EgColumnKind kind;

		if (!eg_column_kind(type, &kind) || kind != EG_COL_NUMBER)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\", the %s of layer \"%s\", is of type %s, not a number",
							name, member, l->name, format_type_be(type))));
	}
}

static void
check_velocity(const EgLayer *l, TupleDesc columns, Bitmapset **used)
{
	int			i;

	if (columns == NULL)
		no_source("velocities");
	check_column(l, "key", l->key, columns, used);
	for (i = 0; i < EG_NEVENT; i++)
	{
		if (l->event[i])
			check_column(l, eg_event_columns[i], l->event[i], columns, used);
	}
	for (i = 0; i < l->n; i++)
		eg_limit_check(l, &l->limits[i]);
}

static void
check_models(const EgLayer *l)
{
	int			i;

	for (i = 0; i < l->n; i++)
	{
		EgCompiled *compiled = eg_cache_get(eg_models_resolve(l->models[i].reference),
											CurrentMemoryContext);

		eg_policy_model_check(l, &l->models[i], compiled);
	}
}

/* engage_policy(name, definition, source, comment, deploy) returns integer */
Datum
engage_policy(PG_FUNCTION_ARGS)
{
	char	   *name = required(fcinfo, 0, "name");
	char	   *source = eg_arg_text(fcinfo, 2);
	char	   *comment = eg_arg_text(fcinfo, 3);
	Checked		c = {0};
	Jsonb	   *definition;
	EgPolicy   *p;
	int			i;

	PreventCommandIfReadOnly("engage_policy()");
	PreventCommandIfParallelMode("engage_policy()");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"definition\" must not be NULL")));
	definition = PG_GETARG_JSONB_P(1);
	p = eg_policy_parse(definition);
	c.columns = known_columns(name, source);
	for (i = 0; i < p->nlayers; i++)
	{
		c.layer = &p->layers[i];
		if (c.layer->kind == EG_LAYER_RULES)
			check_rules(&c);
		else if (c.layer->kind == EG_LAYER_VELOCITY)
			check_velocity(c.layer, c.columns, &c.used);
		else
			check_models(c.layer);
	}
	/* all columns are kept: the next version may need others */
	PG_RETURN_INT32(eg_policy_save(name, definition,
								   eg_json_parse(c.columns ?
												 eg_columns_to_json(c.columns, c.used) : "[]"),
								   eg_gate_expr_names(c.rules, c.columns), comment,
								   PG_ARGISNULL(4) || PG_GETARG_BOOL(4)));
}

/* The policy in the first argument, the current user's to manage, locked until commit. */
static EgPolicyRow *
managed(FunctionCallInfo fcinfo, const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	return eg_policy_get(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
}

Datum
engage_policy_deploy(PG_FUNCTION_ARGS)
{
	eg_policy_deploy(managed(fcinfo, "engage_policy_deploy()"), PG_GETARG_INT32(1));
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

Datum
engage_policy_rollback(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(eg_policy_rollback(managed(fcinfo, "engage_policy_rollback()")));
}

Datum
engage_policy_drop(PG_FUNCTION_ARGS)
{
	eg_policy_drop(managed(fcinfo, "engage_policy_drop()"));
	PG_RETURN_VOID();
}

Datum
engage_policy_drop_version(PG_FUNCTION_ARGS)
{
	eg_policy_drop_version(managed(fcinfo, "engage_policy_drop()"), PG_GETARG_INT32(1));
	PG_RETURN_VOID();
}

Datum
engage_policy_grant(PG_FUNCTION_ARGS)
{
	eg_policy_grant(managed(fcinfo, "engage_policy_grant()"),
					text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
engage_policy_revoke(PG_FUNCTION_ARGS)
{
	eg_policy_revoke(managed(fcinfo, "engage_policy_revoke()"),
					 text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
engage_policy_set_owner(PG_FUNCTION_ARGS)
{
	eg_policy_set_owner(managed(fcinfo, "engage_policy_set_owner()"),
						text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}
