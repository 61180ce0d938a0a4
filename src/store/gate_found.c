/*-------------------------------------------------------------------------
 *
 * gate_found.c
 *	  What a query or expression refers to: relations, functions, types of users.
 *
 * Looked through is whatever may run code: the query itself after views and row
 * security are in place, domains within values, and what the planner works out of
 * indexes, statistics and check constraints of tables, their partitions and children.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "store/gate_private.h"

static bool find_in(Node *node, void *context);

static bool
add_function(Oid function, void *context)
{
	EgFound	   *f = context;

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
find_in_domain(Oid type, EgFound *f)
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

/* Values of a type carry the checks of all domains within. */
static void
find_in_type(Oid type, EgFound *f)
{
	TupleDesc	desc;
	int			i;

	check_stack_depth();
	if (type < FirstNormalObjectId || list_member_oid(f->types, type))
		return;
	f->types = lappend_oid(f->types, type);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			find_in_domain(type, f);
			find_in_type(getBaseType(type), f);
			break;
		case TYPTYPE_COMPOSITE:
			desc = lookup_rowtype_tupdesc_copy(type, -1);
			for (i = 0; i < desc->natts; i++)
			{
				if (!TupleDescAttr(desc, i)->attisdropped)
					find_in_type(TupleDescAttr(desc, i)->atttypid, f);
			}
			break;
		case TYPTYPE_RANGE:
			find_in_type(get_range_subtype(type), f);
			break;
		case TYPTYPE_MULTIRANGE:
			find_in_type(get_multirange_range(type), f);
			break;
		case TYPTYPE_BASE:
			find_in_type(get_element_type(type), f);
			break;
	}
}

/* Types of what an expression makes, and of columns that a function or table function gives. */
static void
find_types(Node *node, EgFound *f)
{
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_Aggref:
		case T_WindowFunc:
		case T_FuncExpr:
		case T_OpExpr:
		case T_FieldSelect:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
		case T_RowExpr:
		case T_ArrayExpr:
		case T_CaseExpr:
			find_in_type(exprType(node), f);
			break;
		case T_RangeTblFunction:
			foreach(lc, ((RangeTblFunction *) node)->funccoltypes)
				find_in_type(lfirst_oid(lc), f);
			break;
		case T_TableFunc:
			foreach(lc, ((TableFunc *) node)->coltypes)
				find_in_type(lfirst_oid(lc), f);
			break;
		default:
			break;
	}
}

static void
find_in_attribute(Oid cache, HeapTuple tuple, AttrNumber attribute, EgFound *f)
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
find_in_relation(Oid relid, EgFound *f)
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
find_in_relations(const RangeTblEntry *rte, EgFound *f)
{
	ListCell   *lc;

	foreach(lc, rte->inh ? find_all_inheritors(rte->relid, AccessShareLock, NULL) :
			list_make1_oid(rte->relid))
		find_in_relation(lfirst_oid(lc), f);
}

static bool
find_in(Node *node, void *context)
{
	EgFound	   *f = context;
	ListCell   *lc;

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
		foreach(lc, rte->functions)
			find_types(lfirst(lc), f);
		return false;			/* the walker goes on into it */
	}
	find_types(node, f);
	(void) check_functions_in_node(node, add_function, f);
	return expression_tree_walker(node, find_in, f);
}

/* The query as it is written: relations that it names, views as views. */
List *
eg_found_named(RawStmt *raw, const char *sql, Oid *types, int ntypes)
{
	EgFound		f = {0};

	(void) find_in((Node *) eg_parse_analyze(copyObject(raw), sql, types, ntypes), &f);
	return f.relations;
}

/* The query as it runs, views and row security in place. */
EgFound
eg_found_run(List *queries)
{
	EgFound		f = {0};
	ListCell   *lc;

	f.code_of_relations = true;
	foreach(lc, queries)
		(void) find_in(lfirst(lc), &f);
	return f;
}

List *
eg_found_code(Node *expr, TupleDesc columns)
{
	EgFound		f = {0};
	int			i;

	(void) find_in(expr, &f);
	for (i = 0; columns && i < columns->natts; i++)
		find_in_type(TupleDescAttr(columns, i)->atttypid, &f);
	return f.functions;
}
