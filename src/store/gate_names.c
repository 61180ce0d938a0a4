/*-------------------------------------------------------------------------
 *
 * gate_names.c
 *	  What the names in a text mean: taken down when it is stored, compared
 *	  whenever it runs.
 *
 * A name is looked up anew each time that a text is parsed, and means whatever
 * stands first in the path by then: a table that another role has put before the
 * author's, a function or operator that fits the argument types better.  Taken down are
 * qualified names, which a dump and restore keeps, and who owns what they name.
 *
 * A relation must have been there under its name, and belong to who it belonged to,
 * or to the author or a superuser, who need no trick.  A function runs with the
 * author's rights, wherever in the query it stands: in a view, in a policy of row
 * security, behind an operator, a domain's check or an index.  So each must belong
 * to the author or a superuser, or have been there when the text was stored.  Those that
 * cannot be read from the query are asked about when they are called (gate.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "store/gate_private.h"
#include "store/roles.h"

/* ----------
 * Names and owners
 * ----------
 */

/* The owner of an object, which its catalog has in a column of its own. */
static Oid
owner_in(int cache, AttrNumber column, Oid object)
{
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
	bool		isnull;
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for object %u", object);
	owner = DatumGetObjectId(SysCacheGetAttr(cache, tuple, column, &isnull));
	ReleaseSysCache(tuple);
	return owner;
}

static Oid
owner_of_relation(Oid relid)
{
	return owner_in(RELOID, Anum_pg_class_relowner, relid);
}

static Oid
owner_of_function(Oid function)
{
	return owner_in(PROCOID, Anum_pg_proc_proowner, function);
}

static Oid
owner_of_type(Oid type)
{
	return owner_in(TYPEOID, Anum_pg_type_typowner, type);
}

/* Nobody but the extension's owner puts anything there. */
static bool
is_ours(Oid namespace)
{
	return namespace == get_namespace_oid("engage", true);
}

/* "public.customers", "pg_temp.customers"; NULL: no need to look. */
static char *
relation_name(Oid relid)
{
	Oid			namespace = get_rel_namespace(relid);

	if (relid < FirstNormalObjectId || is_ours(namespace))
		return NULL;
	return quote_qualified_identifier(isAnyTempNamespace(namespace) ? "pg_temp" :
									  get_namespace_name(namespace), get_rel_name(relid));
}

/* "public.f(integer)"; NULL: no need to look. */
static char *
function_name(Oid function)
{
	return is_ours(get_func_namespace(function)) ? NULL : format_procedure_qualified(function);
}

static void
put_names(StringInfo out, const char *member, List *oids,
		  char *(*name_of) (Oid object), Oid (*owner_of) (Oid object))
{
	bool		first = true;
	ListCell   *lc;

	appendStringInfo(out, "%s\"%s\": {", out->len > 1 ? ", " : "", member);
	foreach(lc, oids)
	{
		char	   *name = name_of(lfirst_oid(lc));

		if (name == NULL)
			continue;
		if (!first)
			appendStringInfoString(out, ", ");
		first = false;
		escape_json(out, name);
		appendStringInfoString(out, ": ");
		escape_json(out, GetUserNameFromId(owner_of(lfirst_oid(lc)), false));
	}
	appendStringInfoChar(out, '}');
}

static Jsonb *
names_to_json(List *relations, List *functions)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	put_names(&out, "relations", relations, relation_name, owner_of_relation);
	put_names(&out, "functions", functions, function_name, owner_of_function);
	appendStringInfoChar(&out, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

Jsonb *
eg_gate_names(List *queries, List *functions)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *relations = NIL;
	ListCell   *lc;
	Jsonb	   *names;

	SPI_connect();
	functions = list_copy(functions);
	foreach(lc, queries)
	{
		SPIPlanPtr	plan = eg_gate_prepare(lfirst(lc), 0, NULL, 0);
		CachedPlanSource *s = linitial(SPI_plan_get_plan_sources(plan));

		relations = list_concat_unique_oid(relations, eg_found_named(s->raw_parse_tree, lfirst(lc),
																	  NULL, 0));
		functions = list_concat_unique_oid(functions, eg_found_run(s->query_list).functions);
	}
	MemoryContextSwitchTo(caller);
	names = names_to_json(relations, functions);
	SPI_finish();
	return names;
}

Jsonb *
eg_gate_expr_names(List *exprs, TupleDesc columns)
{
	return names_to_json(NIL, eg_found_code((Node *) exprs, columns));
}

/* Do all of users' objects belong to the role, or to superusers?  *other is one that does not. */
static bool
all_belong(List *objects, Oid (*owner_of) (Oid object), Oid role, bool superusers, Oid *other)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		Oid			object = lfirst_oid(lc);
		Oid			owner = object < FirstNormalObjectId ? role : owner_of(object);

		if (owner == role || (superusers && superuser_arg(owner)))
			continue;
		*other = object;
		return false;
	}
	return true;
}

EgCode
eg_gate_whose(Node *expr, Oid author, Oid *other)
{
	List	   *functions = eg_found_code(expr, NULL);

	if (functions == NIL)
		return EG_CODE_OF_SERVER;
	*other = linitial_oid(functions);
	if (all_belong(functions, owner_of_function, author, false, other))
		return EG_CODE_OF_AUTHOR;
	if (all_belong(functions, owner_of_function, GetUserId(), true, other))
		return EG_CODE_OF_CALLER;
	return all_belong(functions, owner_of_function, author, true, other) ? EG_CODE_OF_AUTHOR :
		EG_CODE_OF_OTHERS;
}

char *
eg_gate_only_relation(const Jsonb *names)
{
	JsonbIterator *it;
	JsonbValue	relations;
	JsonbValue	v;
	char	   *only = NULL;

	if (names == NULL || getKeyJsonValueFromContainer((JsonbContainer *) &names->root, "relations",
													  9, &relations) == NULL ||
		relations.type != jbvBinary || JsonContainerSize(relations.val.binary.data) != 1)
		return NULL;
	it = JsonbIteratorInit(relations.val.binary.data);
	while (only == NULL)
	{
		if (JsonbIteratorNext(&it, &v, true) == WJB_KEY)
			only = pnstrdup(v.val.string.val, v.val.string.len);
	}
	return only;
}

/* ----------
 * Then and now
 * ----------
 */

/* The owner that was taken down; NULL: the name was not there. */
static char *
owner_then(const EgText *text, const char *member, const char *name)
{
	JsonbValue	object;
	JsonbValue	v;

	if (getKeyJsonValueFromContainer((JsonbContainer *) &text->names->root, member,
									 strlen(member), &object) == NULL ||
		object.type != jbvBinary ||
		getKeyJsonValueFromContainer(object.val.binary.data, name, strlen(name), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

/* The names of then, for messages. */
static char *
names_then(const EgText *text, const char *member)
{
	JsonbValue	object;
	JsonbValue	v;
	JsonbIterator *it;
	JsonbIteratorToken token;
	StringInfoData list;

	initStringInfo(&list);
	if (getKeyJsonValueFromContainer((JsonbContainer *) &text->names->root, member,
									 strlen(member), &object) == NULL ||
		object.type != jbvBinary)
		return list.data;
	it = JsonbIteratorInit(object.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			appendStringInfo(&list, "%s%.*s", list.len > 0 ? ", " : "", v.val.string.len,
							 v.val.string.val);
	}
	return list.data;
}

static void
require_names(const EgText *text)
{
	if (text->names == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("it is not known what the names in %s meant when it was stored",
						text->what),
				 text->remedy ? errhint("%s", text->remedy) : 0));
}

static void
check_relation(const EgText *text, Oid author, Oid relid)
{
	Oid			owner = owner_of_relation(relid);
	char	   *name = relation_name(relid);
	char	   *then;

	if (name == NULL || (text->take_over && text->names == NULL))
		return;
	require_names(text);
	then = owner_then(text, "relations", name);
	if (then == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a name in %s now means relation %s", text->what, name),
				 errdetail("When it was stored by role \"%s\", it read: %s.", text->author,
						   names_then(text, "relations")),
				 text->remedy ? errhint("%s", text->remedy) : 0));
	if (!text->take_over && owner != author && !superuser_arg(owner) &&
		owner != eg_role_oid(then))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation %s in %s now means one of role \"%s\"", name, text->what,
						GetUserNameFromId(owner, false)),
				 errdetail("When the text was stored by role \"%s\", it belonged to role \"%s\".",
						   text->author, then),
				 text->remedy ? errhint("%s", text->remedy) : 0));
}

static void
check_function(const EgText *text, Oid author, Oid function, Oid table)
{
	Oid			owner = owner_of_function(function);
	char	   *name;
	char	   *then;

	if (owner == author || superuser_arg(owner))
		return;
	name = function_name(function);
	if (name == NULL)
		return;
	if (text->take_over && !text->confirms)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s runs function %s of role \"%s\"", text->what, name,
						GetUserNameFromId(owner, false)),
				 errdetail("It would run with the rights of role \"%s\".", text->author),
				 text->remedy ? errhint("%s", text->remedy) : 0));
	require_names(text);
	then = owner_then(text, "functions", name);
	if (then && eg_role_oid(then) == owner)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a name in %s now means function %s of role \"%s\"", text->what, name,
					GetUserNameFromId(owner, false)),
			 OidIsValid(table) ?
			 errdetail("It is in an index, a constraint or statistics of table %s, which the planner "
					   "evaluates with the rights of role \"%s\", whose text did not run it when "
					   "it was stored.", relation_name(table), text->author) :
			 errdetail("It would run with the rights of role \"%s\", whose text did not run it "
					   "when it was stored.", text->author),
			 text->remedy ? errhint("%s", text->remedy) : 0));
}

bool
eg_gate_type_is_of(Oid type, Oid role)
{
	Oid			other;

	return all_belong(list_make1_oid(type), owner_of_type, role, true, &other);
}

bool
eg_names_check_plan(const EgText *text, Oid author, SPIPlanPtr plan)
{
	bool		trusted = true;
	Oid			other;
	ListCell   *lc;
	ListCell   *object;
	ListCell   *table;

	foreach(lc, SPI_plan_get_plan_sources(plan))
	{
		CachedPlanSource *s = lfirst(lc);
		EgFound		f = eg_found_run(s->query_list);

		foreach(object, eg_found_named(s->raw_parse_tree, s->query_string, s->param_types,
										s->num_params))
			check_relation(text, author, lfirst_oid(object));
		forboth(object, f.functions, table, f.where)
			check_function(text, author, lfirst_oid(object), lfirst_oid(table));
		trusted = trusted && all_belong(f.relations, owner_of_relation, author, true, &other) &&
			all_belong(f.functions, owner_of_function, author, true, &other) &&
			all_belong(f.types, owner_of_type, author, true, &other);
	}
	return trusted;
}

void
eg_names_check_function(const EgText *text, Oid author, Oid function)
{
	check_function(text, author, function, InvalidOid);
}

void
eg_names_check_expr(const EgText *text, Oid author, Node *expr)
{
	ListCell   *lc;

	foreach(lc, eg_found_code(expr, NULL))
		check_function(text, author, lfirst_oid(lc), InvalidOid);
}
