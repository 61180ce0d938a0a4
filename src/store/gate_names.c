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
 * to the author or a superuser, or have been there when the text was stored.  What
 * functions do inside is their owners' affair; that is why it matters who they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "store/gate_private.h"
#include "store/registry.h"
#include "store/roles.h"

/* ----------
 * Names and owners
 * ----------
 */

/* Nobody but the extension's owner puts anything there. */
static bool
is_ours(Oid namespace)
{
	return namespace == get_namespace_oid("engage", true);
}

/* "public.customers", "pg_temp.customers"; *owner of the relation; NULL: no need to look. */
static char *
relation_identity(Oid relid, Oid *owner)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	char	   *name = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	*owner = form->relowner;
	if (relid >= FirstNormalObjectId && !is_ours(form->relnamespace))
		name = quote_qualified_identifier(isAnyTempNamespace(form->relnamespace) ? "pg_temp" :
										  get_namespace_name(form->relnamespace),
										  NameStr(form->relname));
	ReleaseSysCache(tuple);
	return name;
}

/* "public.f(integer)" and its owner; NULL: no need to look. */
static char *
function_identity(Oid function, Oid *owner)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	char	   *name = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	*owner = form->proowner;
	if (!is_ours(form->pronamespace))
		name = format_procedure_qualified(function);
	ReleaseSysCache(tuple);
	return name;
}

static void
put_names(StringInfo out, const char *member, List *oids,
		  char *(*identity) (Oid object, Oid *owner))
{
	bool		first = true;
	ListCell   *lc;

	appendStringInfo(out, "%s\"%s\": {", out->len > 1 ? ", " : "", member);
	foreach(lc, oids)
	{
		Oid			owner;
		char	   *name = identity(lfirst_oid(lc), &owner);

		if (name == NULL)
			continue;
		if (!first)
			appendStringInfoString(out, ", ");
		first = false;
		escape_json(out, name);
		appendStringInfoString(out, ": ");
		escape_json(out, GetUserNameFromId(owner, false));
	}
	appendStringInfoChar(out, '}');
}

static Jsonb *
names_to_json(List *relations, List *functions)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	put_names(&out, "relations", relations, relation_identity);
	put_names(&out, "functions", functions, function_identity);
	appendStringInfoChar(&out, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

Jsonb *
eg_gate_names(List *queries)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *relations = NIL;
	List	   *functions = list_copy(eg_gate_watched());
	ListCell   *lc;
	Jsonb	   *names;

	SPI_connect();
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

/* Do all functions belong to the role, or to superusers? */
static bool
all_belong(List *functions, Oid role, bool superusers, Oid *other)
{
	ListCell   *lc;

	foreach(lc, functions)
	{
		Oid			owner;

		if (function_identity(lfirst_oid(lc), &owner) == NULL || owner == role ||
			(superusers && superuser_arg(owner)))
			continue;
		*other = lfirst_oid(lc);
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
	if (all_belong(functions, author, false, other))
		return EG_CODE_OF_AUTHOR;
	if (all_belong(functions, GetUserId(), true, other))
		return EG_CODE_OF_CALLER;
	return all_belong(functions, author, true, other) ? EG_CODE_OF_AUTHOR : EG_CODE_OF_OTHERS;
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
	Oid			owner;
	char	   *name = relation_identity(relid, &owner);
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
	Oid			owner;
	char	   *name = function_identity(function, &owner);
	char	   *then;

	if (name == NULL || owner == author || superuser_arg(owner))
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
					   "it was stored.", relation_identity(table, &owner), text->author) :
			 errdetail("It would run with the rights of role \"%s\", whose text did not run it "
					   "when it was stored.", text->author),
			 text->remedy ? errhint("%s", text->remedy) : 0));
}

/* Does all of it belong to the author or to superusers? */
static bool
all_trusted(List *oids, Oid author, Oid (*owner_of) (Oid object))
{
	ListCell   *lc;

	foreach(lc, oids)
	{
		Oid			object = lfirst_oid(lc);
		Oid			owner = object < FirstNormalObjectId ? author : owner_of(object);

		if (owner != author && !superuser_arg(owner))
			return false;
	}
	return true;
}

static Oid
owner_of_relation(Oid relid)
{
	Oid			owner;

	(void) relation_identity(relid, &owner);
	return owner;
}

static Oid
owner_of_function(Oid function)
{
	Oid			owner;

	(void) function_identity(function, &owner);
	return owner;
}

static Oid
owner_of_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	owner = ((Form_pg_type) GETSTRUCT(tuple))->typowner;
	ReleaseSysCache(tuple);
	return owner;
}

bool
eg_gate_type_is_of(Oid type, Oid role)
{
	return all_trusted(list_make1_oid(type), role, owner_of_type);
}

bool
eg_names_check_plan(const EgText *text, Oid author, SPIPlanPtr plan)
{
	bool		trusted = true;
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
		trusted = trusted && all_trusted(f.relations, author, owner_of_relation) &&
			all_trusted(f.functions, author, owner_of_function) &&
			all_trusted(f.types, author, owner_of_type);
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
