/*-------------------------------------------------------------------------
 *
 * api_columns.c
 *	  engage_predict() over columns: what the planner makes of a whole row.
 *
 * A whole-row argument costs more than the score: the executor forms a tuple
 * of all columns, and we take it apart again.  So a planner support function
 * replaces engage_predict(model, c) by engage.predict_columns(model, names,
 * presence, c.a, c.b, ...).  The same turns ROW(...), which a flattened view or subquery
 * leaves behind, into columns with their names.
 *
 * Above ROLLUP, CUBE and GROUPING SETS a row stays a row (has_grouped_rows()).
 *
 * presence is c.tableoid: NULL for the NULL row of an outer join, whose score is
 * NULL; a row whose columns all are NULL has a score.
 *
 * Who may not EXECUTE engage_predict() must not have its answer in this way: the
 * call site asks for that right (api_predict.c), because a plan outlives the user
 * and the moment that it was made for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/planmain.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "api/predict.h"
#include "store/counters.h"
#include "store/function.h"

PG_FUNCTION_INFO_V1(engage_predict_support);
PG_FUNCTION_INFO_V1(engage_predict_columns);
PG_FUNCTION_INFO_V1(engage_predict_class_columns);
PG_FUNCTION_INFO_V1(engage_predict_proba_columns);
PG_FUNCTION_INFO_V1(engage_predict_quantiles_columns);
PG_FUNCTION_INFO_V1(engage_predict_interval_columns);
PG_FUNCTION_INFO_V1(engage_predict_set_columns);

/* arguments before the columns: model, names, presence */
#define FIRST_COLUMN 3

/* ----------
 * Planning
 * ----------
 */

/*
 * Is there a row in what is evaluated above the grouping?  One of a subquery or of a join
 * may be ROW(...) already.
 */
static bool
row_above_grouping_walker(Node *node, void *context)
{
	if (node == NULL || IsA(node, GroupingFunc))
		return false;
	if (IsA(node, RowExpr))
		return true;
	if (IsA(node, Var))
		return ((Var *) node)->varattno == InvalidAttrNumber && ((Var *) node)->varlevelsup == 0;

	/* arguments of aggregates are read below the grouping */
	if (IsA(node, Aggref))
		return row_above_grouping_walker((Node *) ((Aggref *) node)->aggdirectargs, context);
	return expression_tree_walker(node, row_above_grouping_walker, context);
}

/*
 * Above grouping sets a row and its columns are values of their own: where a set lacks
 * one it is NULL, the others are not.  So a row there is no list of its columns.  Where a
 * call stands nobody says, so rows stay rows in the whole query.
 */
static bool
has_grouped_rows(const Query *query)
{
	return query->groupingSets != NIL &&
		(row_above_grouping_walker((Node *) query->targetList, NULL) ||
		 row_above_grouping_walker(query->havingQual, NULL));
}

/* Columns of a whole-row reference to a plain table. */
static List *
expand_var(PlannerInfo *root, Var *var, List **names, Node **presence)
{
	List	   *columns = NIL;
	RangeTblEntry *rte;
	TupleDesc	desc;
	int			i;

	if (var->varattno != InvalidAttrNumber || var->varlevelsup != 0 ||
		var->vartype == RECORDOID || IS_SPECIAL_VARNO(var->varno))
		return NIL;

	/* the planner simplifies the condition of an EXISTS with the outer query as root */
	if (var->varno > list_length(root->parse->rtable))
		return NIL;
#if PG_VERSION_NUM >= 180000
	/* OLD and NEW may be no row */
	if (var->varreturningtype != VAR_RETURNING_DEFAULT)
		return NIL;
#endif
	rte = rt_fetch(var->varno, root->parse->rtable);
	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE &&
		 rte->relkind != RELKIND_MATVIEW) ||
		get_rel_type_id(rte->relid) != var->vartype)
		return NIL;

	desc = lookup_rowtype_tupdesc(var->vartype, -1);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Var		   *column;

		if (att->attisdropped)
			continue;
		column = copyObject(var);
		column->varattno = i + 1;
		column->vartype = att->atttypid;
		column->vartypmod = att->atttypmod;
		column->varcollid = att->attcollation;
#if PG_VERSION_NUM >= 130000
		column->varattnosyn = i + 1;
#endif
		columns = lappend(columns, column);
		*names = lappend(*names, pstrdup(NameStr(att->attname)));
#ifdef ATTRIBUTE_GENERATED_VIRTUAL
		/* what it stands for has been put in already */
		if (att->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		{
			ReleaseTupleDesc(desc);
			return NIL;
		}
#endif
	}
	ReleaseTupleDesc(desc);

	var = copyObject(var);
	var->varattno = TableOidAttributeNumber;
	var->vartype = OIDOID;
	var->vartypmod = -1;
	var->varcollid = InvalidOid;
#if PG_VERSION_NUM >= 130000
	var->varattnosyn = TableOidAttributeNumber;
#endif
	*presence = (Node *) var;
	return columns;
}

/* Columns of ROW(...). */
static List *
expand_row(RowExpr *row, List **names, Node **presence)
{
	List	   *columns = NIL;
	TupleDesc	desc = NULL;
	ListCell   *lc;
	int			i = 0;

	if (row->row_typeid == RECORDOID)
	{
		/* no names: the error of engage_predict() says so better */
		if (list_length(row->colnames) != list_length(row->args))
			return NIL;
	}
	else
		desc = lookup_rowtype_tupdesc(row->row_typeid, -1);

	foreach(lc, row->args)
	{
		if (desc && (i >= desc->natts || TupleDescAttr(desc, i)->attisdropped))
		{
			i++;
			continue;
		}
		columns = lappend(columns, lfirst(lc));
		*names = lappend(*names, desc ? pstrdup(NameStr(TupleDescAttr(desc, i)->attname)) :
						 pstrdup(strVal(list_nth(row->colnames, i))));
		i++;
	}
	if (desc)
		ReleaseTupleDesc(desc);
	*presence = (Node *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(RECORDOID),
								   false, true);
	return columns;
}

static Node *
simplify(SupportRequestSimplify *request)
{
	FuncExpr   *call = request->fcall;
	Node	   *arg;
	List	   *columns = NIL;
	List	   *names = NIL;
	Node	   *presence = NULL;
	Datum	   *items;
	ListCell   *lc;
	Oid			function;
	FuncExpr   *result;
	int			n = 0;

	if (request->root == NULL || list_length(call->args) != 2 ||
		has_grouped_rows(request->root->parse))
		return NULL;
	arg = lsecond(call->args);
	if (IsA(arg, ConvertRowtypeExpr) || IsA(arg, RelabelType))
		return NULL;
	if (IsA(arg, Var))
		columns = expand_var(request->root, (Var *) arg, &names, &presence);
	else if (IsA(arg, RowExpr))
		columns = expand_row((RowExpr *) arg, &names, &presence);
	if (columns == NIL || list_length(columns) > FUNC_MAX_ARGS - FIRST_COLUMN)
		return NULL;
	function = eg_function_over_columns(call->funcid);
	if (!OidIsValid(function))
		return NULL;

	/* the plan is made anew when what was written, or what that stands for, has changed */
	record_plan_function_dependency(request->root, call->funcid);
	record_plan_function_dependency(request->root, eg_function_public(function));

	items = palloc(sizeof(Datum) * list_length(names));
	foreach(lc, names)
		items[n++] = CStringGetTextDatum((char *) lfirst(lc));
	columns = lcons(presence, columns);
	columns = lcons(
		makeConst(TEXTARRAYOID, -1, InvalidOid, -1,
				  PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT)),
				  false, false),
		columns);
	columns = lcons(linitial(call->args), columns);
	result = makeFuncExpr(function, call->funcresulttype, columns, call->funccollid,
						  call->inputcollid, COERCE_EXPLICIT_CALL);
	result->location = call->location;
	return (Node *) result;
}

/* Planner support of engage_predict() and its sisters over a row. */
Datum
engage_predict_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *result = NULL;

	if (IsA(request, SupportRequestSimplify))
		result = simplify((SupportRequestSimplify *) request);
	PG_RETURN_POINTER(result);
}

/* ----------
 * Execution
 * ----------
 */

/* The columns' names and types as a row type. */
static TupleDesc
describe_columns(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;
	Datum	   *names;
	int			n,
				i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	if (n != PG_NARGS() - FIRST_COLUMN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d column names were given for %d columns", n, PG_NARGS() - FIRST_COLUMN),
				 errhint("Use engage_predict() with a row.")));
	desc = CreateTemplateTupleDesc(n);
	for (i = 0; i < n; i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i + FIRST_COLUMN);
		char	   *name = TextDatumGetCString(names[i]);

		if (!OidIsValid(type))
			ereport(ERROR,
					(errcode(ERRCODE_INDETERMINATE_DATATYPE),
					 errmsg("could not determine the type of column \"%s\"", name)));
		TupleDescInitEntry(desc, i + 1, name, type, -1, 0);
	}
	return desc;
}

static inline Datum
predict_columns(FunctionCallInfo fcinfo, EgOutput output)
{
	EgScorer   *s;
	EgRouter   *r;
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];
	TupleDesc	desc = NULL;
	Datum		result;
	int			n = PG_NARGS() - FIRST_COLUMN;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	s = eg_call_site_scorer(fcinfo);
	r = eg_call_site_router(fcinfo);
	for (i = 0; i < n; i++)
	{
		values[i] = fcinfo->args[i + FIRST_COLUMN].value;
		nulls[i] = fcinfo->args[i + FIRST_COLUMN].isnull;
	}
	if (unlikely(r != NULL))
	{
		if (!eg_router_has_values(r))
			desc = describe_columns(fcinfo);
		s = eg_router_scorer(r, eg_router_values(r, desc, values, nulls));
	}
	if (unlikely(!eg_scorer_has_values(s)) && desc == NULL)
		desc = describe_columns(fcinfo);
	eg_tally_begin(s->tally);
	result = eg_output_datum(output, s, eg_scorer_values(s, desc, values, nulls));
	eg_tally_end(s->tally);
	return result;
}

Datum
engage_predict_columns(PG_FUNCTION_ARGS)
{
	return predict_columns(fcinfo, EG_OUT_NUMBER);
}

Datum
engage_predict_class_columns(PG_FUNCTION_ARGS)
{
	return predict_columns(fcinfo, EG_OUT_CLASS);
}

Datum
engage_predict_proba_columns(PG_FUNCTION_ARGS)
{
	return predict_columns(fcinfo, EG_OUT_PROBA);
}

Datum
engage_predict_quantiles_columns(PG_FUNCTION_ARGS)
{
	return predict_columns(fcinfo, EG_OUT_QUANTILES);
}

Datum
engage_predict_interval_columns(PG_FUNCTION_ARGS)
{
	return predict_columns(fcinfo, EG_OUT_INTERVAL);
}

Datum
engage_predict_set_columns(PG_FUNCTION_ARGS)
{
	return predict_columns(fcinfo, EG_OUT_SET);
}
