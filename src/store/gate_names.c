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

/* ----------
 * What a query refers to
 * ----------
 */

typedef struct Found
{
	List	   *relations;		/* oids */
	List	   *functions;
	List	   *where;			/* of functions: the table that brings it along, or InvalidOid */
	Oid			table;			/* whose code is being looked through */
	bool		code_of_relations;	/* look for functions in indexes and checks, too */
} Found;

static bool find_in(Node *node, void *context);

static bool
add_function(Oid function, void *context)
{
	Found	   *f = context;

	/* those of initdb are the server's own */
	if (function >= FirstNormalObjectId && !list_member_oid(f->functions, function))
	{
		f->functions = lappend_oid(f->functions, function);
		f->where = lappend_oid(f->where, f->table);
	}
	return false;
}

/* Checks of a domain run whenever a value becomes one. */
static void
find_in_domain(Oid type, Found *f)
{
	/* the context's end calls it back: so it has to live in the context */
	DomainConstraintRef *ref = palloc(sizeof(DomainConstraintRef));
	ListCell   *lc;

	InitDomainConstraintRef(type, ref, CurrentMemoryContext, false);
	foreach(lc, ref->constraints)
	{
		DomainConstraintState *c = lfirst(lc);

		(void) find_in((Node *) c->check_expr, f);
	}
}

static void
find_in_attribute(Oid cache, HeapTuple tuple, AttrNumber attribute, Found *f)
{
	bool		isnull;
	Datum		code = SysCacheGetAttr(cache, tuple, attribute, &isnull);

	if (!isnull)
		(void) find_in(stringToNode(TextDatumGetCString(code)), f);
}

/*
 * The planner works out what it can of expressions of indexes, statistics and check constraints,
 * as the current user.  They are read as they are stored: the relation cache's form is worked out
 * already.
 */
static void
find_in_relation(Oid relid, Found *f)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleConstr *constraints = rel->rd_att->constr;
	ListCell   *lc;
	int			i;

	f->table = relid;
	for (i = 0; constraints && i < constraints->num_check; i++)
		(void) find_in(stringToNode(constraints->check[i].ccbin), f);
	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		find_in_attribute(INDEXRELID, tuple, Anum_pg_index_indexprs, f);
		find_in_attribute(INDEXRELID, tuple, Anum_pg_index_indpred, f);
		ReleaseSysCache(tuple);
	}
	foreach(lc, RelationGetStatExtList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		find_in_attribute(STATEXTOID, tuple, Anum_pg_statistic_ext_stxexprs, f);
		ReleaseSysCache(tuple);
	}
	f->table = InvalidOid;
	relation_close(rel, NoLock);
}

/* The table, its partitions and its children. */
static void
find_in_relations(const RangeTblEntry *rte, Found *f)
{
	ListCell   *lc;

	foreach(lc, rte->inh ? find_all_inheritors(rte->relid, AccessShareLock, NULL) :
			list_make1_oid(rte->relid))
		find_in_relation(lfirst_oid(lc), f);
}

static bool
find_in(Node *node, void *context)
{
	Found	   *f = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_in, f, QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION && !list_member_oid(f->relations, rte->relid))
		{
			f->relations = lappend_oid(f->relations, rte->relid);
			if (f->code_of_relations && rte->relkind != RELKIND_VIEW &&
				rte->relid >= FirstNormalObjectId)
				find_in_relations(rte, f);
		}
		return false;			/* the walker goes on into it */
	}
	if (IsA(node, CoerceToDomain))
		find_in_domain(((CoerceToDomain *) node)->resulttype, f);
	(void) check_functions_in_node(node, add_function, f);
	return expression_tree_walker(node, find_in, f);
}

/* The query as it is written: relations that it names, views as views. */
static List *
named_relations(RawStmt *raw, const char *sql, Oid *types, int ntypes)
{
	Found		f = {0};

	(void) find_in((Node *) eg_parse_analyze(copyObject(raw), sql, types, ntypes), &f);
	return f.relations;
}

/* The query as it runs, views and row security in place: functions, and where they are. */
static List *
run_functions(List *queries, List **where)
{
	Found		f = {0};
	ListCell   *lc;

	f.code_of_relations = true;
	foreach(lc, queries)
		(void) find_in(lfirst(lc), &f);
	*where = f.where;
	return f.functions;
}

static List *
expr_functions(Node *expr)
{
	Found		f = {0};

	(void) find_in(expr, &f);
	return f.functions;
}

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
	List	   *functions = NIL;
	List	   *where;
	ListCell   *lc;
	Jsonb	   *names;

	SPI_connect();
	foreach(lc, queries)
	{
		SPIPlanPtr	plan = eg_gate_prepare(lfirst(lc), 0, NULL, 0);
		CachedPlanSource *s = linitial(SPI_plan_get_plan_sources(plan));

		relations = list_concat_unique_oid(relations, named_relations(s->raw_parse_tree, lfirst(lc),
																	  NULL, 0));
		functions = list_concat_unique_oid(functions, run_functions(s->query_list, &where));
	}
	MemoryContextSwitchTo(caller);
	names = names_to_json(relations, functions);
	SPI_finish();
	return names;
}

Jsonb *
eg_gate_expr_names(List *exprs)
{
	return names_to_json(NIL, expr_functions((Node *) exprs));
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
	List	   *functions = expr_functions(expr);

	if (functions == NIL)
		return EG_CODE_OF_SERVER;
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
		owner != get_role_oid(then, true))
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
	if (then && get_role_oid(then, true) == owner)
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

void
eg_names_check_plan(const EgText *text, Oid author, SPIPlanPtr plan)
{
	ListCell   *lc;
	ListCell   *object;
	ListCell   *table;

	foreach(lc, SPI_plan_get_plan_sources(plan))
	{
		CachedPlanSource *s = lfirst(lc);
		List	   *where;
		List	   *functions = run_functions(s->query_list, &where);

		foreach(object, named_relations(s->raw_parse_tree, s->query_string, s->param_types,
										s->num_params))
			check_relation(text, author, lfirst_oid(object));
		forboth(object, functions, table, where)
			check_function(text, author, lfirst_oid(object), lfirst_oid(table));
	}
}

void
eg_names_check_expr(const EgText *text, Oid author, Node *expr)
{
	ListCell   *lc;

	foreach(lc, expr_functions(expr))
		check_function(text, author, lfirst_oid(lc), InvalidOid);
}
