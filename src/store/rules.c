/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  SQL expressions that others wrote: which words, for which columns.
 *
 * A rule is what may follow WHERE, less everything that reads tables by
 * itself: no subqueries.  The parser does the parsing; columns reach it by a
 * hook that makes Vars of them, as for a scan of a table that has no table.
 * The planned expression is kept for the session by the server's plan cache,
 * which knows when a function in it was replaced.
 *
 * Rules are compiled for the columns of the source that they were saved
 * with, and never for the types of the row at hand: a cast or an operator of
 * the caller's own type would run with the author's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "store/gate.h"
#include "store/rules.h"
#include "store/source_private.h"

/* ----------
 * Parsing
 * ----------
 */

typedef struct Place
{
	const char *text;
	const char *place;
} Place;

/* The position of an error is in the rule, not in the caller's query. */
static void
rule_error_callback(void *arg)
{
	const Place *p = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(p->text);
	}
	errcontext("%s", p->place);
}

static void
begin_place(ErrorContextCallback *callback, Place *p)
{
	callback->callback = rule_error_callback;
	callback->arg = p;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

static void
end_place(const ErrorContextCallback *callback)
{
	error_context_stack = callback->previous;
}

static void pg_attribute_noreturn()
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a rule cannot hold %s", what),
			 errhint("A rule is one boolean expression over the columns of the row; put a lookup "
					 "into a stable function.")));
}

static bool
check_raw(Node *node, void *context)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink) || IsA(node, SelectStmt))
		refuse("a subquery");
	return raw_expression_tree_walker(node, check_raw, context);
}

/* The one expression in a text. */
static Node *
raw_expression(const char *text)
{
	List	   *list = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *s = (SelectStmt *) linitial_node(RawStmt, list)->stmt;
	ResTarget  *target;

	if (s->targetList == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a rule must not be empty")));
	if (s->fromClause || s->whereClause || s->groupClause || s->havingClause ||
		s->windowClause || s->sortClause || s->limitOffset || s->limitCount ||
		s->lockingClause || s->distinctClause || s->valuesLists || s->op != SETOP_NONE ||
		list_length(s->targetList) != 1)
		refuse("more than one expression");
	target = linitial_node(ResTarget, s->targetList);
	if (target->name || target->indirection)
		refuse("a name for its result");
	check_raw(target->val, NULL);
	return target->val;
}

typedef struct Columns
{
	TupleDesc	desc;
	Bitmapset **used;
} Columns;

/* Called for what the parser does not know: a column of the row, or nothing. */
static Node *
column_hook(ParseState *pstate, ColumnRef *cref, Node *var)
{
	Columns    *c = pstate->p_ref_hook_state;
	const char *name;
	char	   *hint;
	int			i;

	if (var != NULL || list_length(cref->fields) != 1 || !IsA(linitial(cref->fields), String))
		return NULL;
	name = strVal(linitial(cref->fields));
	for (i = 0; i < c->desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(c->desc, i);

		if (a->attisdropped || strcmp(NameStr(a->attname), name) != 0)
			continue;
		if (get_typtype(a->atttypid) == TYPTYPE_PSEUDO)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of pseudo-type %s cannot be used in a rule", name,
							format_type_be(a->atttypid)),
					 parser_errposition(pstate, cref->location)));
		*c->used = bms_add_member(*c->used, i + 1);
		return (Node *) makeVar(1, i + 1, a->atttypid, a->atttypmod, a->attcollation, 0);
	}
	hint = eg_source_column_hint(c->desc, name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" does not exist", name),
			 hint ? errhint("%s", hint) : 0,
			 parser_errposition(pstate, cref->location)));
	return NULL;				/* keep the compiler quiet */
}

static void
check_stable(Node *expr, const char *place)
{
	if (contain_volatile_functions(expr))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s holds a volatile function", place),
				 errdetail("The functions in rules are immutable or stable, so that the answer "
						   "depends on the row and the database alone.")));
}

Node *
eg_rule_parse(const char *text, const char *place, TupleDesc columns, Bitmapset **used)
{
	Place		p = {text, place};
	Columns		c = {columns, used};
	ErrorContextCallback callback;
	ParseState *pstate;
	Node	   *expr;

	begin_place(&callback, &p);
	expr = raw_expression(text);
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = text;
	pstate->p_post_columnref_hook = column_hook;
	pstate->p_ref_hook_state = &c;
	expr = transformExpr(pstate, expr, EXPR_KIND_WHERE);
	if (exprType(expr) != BOOLOID && exprType(expr) != UNKNOWNOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s must be boolean, not %s", place, format_type_be(exprType(expr))),
				 parser_errposition(pstate, exprLocation(expr))));
	expr = coerce_to_boolean(pstate, expr, "rule");
	assign_expr_collations(pstate, expr);
	check_stable(expr, place);
	eg_gate_check_expr(expr);
	free_parsestate(pstate);
	end_place(&callback);
	return expr;
}

CachedExpression *
eg_rule_compile(const char *text, const char *place, TupleDesc columns)
{
	Place		p = {text, place};
	ErrorContextCallback callback;
	Bitmapset  *used = NULL;
	Node	   *expr = eg_rule_parse(text, place, columns, &used);
	CachedExpression *code;

	begin_place(&callback, &p);
	code = GetCachedExpression(expr);
	end_place(&callback);

	/* default arguments of functions are there only now */
	if (contain_volatile_functions(code->expr))
	{
		expr = copyObject(code->expr);
		FreeCachedExpression(code);
		check_stable(expr, place);
	}
	return code;
}

/* ----------
 * Columns
 * ----------
 */

char *
eg_columns_to_json(TupleDesc columns, const Bitmapset *used)
{
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(columns, i);

		appendStringInfoString(&out, i > 0 ? ", {\"name\": " : "{\"name\": ");
		escape_json(&out, NameStr(a->attname));
		appendStringInfoString(&out, ", \"type\": ");
		escape_json(&out, format_type_extended(a->atttypid, a->atttypmod,
											   FORMAT_TYPE_TYPEMOD_GIVEN |
											   FORMAT_TYPE_FORCE_QUALIFY));
		appendStringInfo(&out, ", \"used\": %s}", bms_is_member(i + 1, used) ? "true" : "false");
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}

TupleDesc
eg_columns_from_json(const Jsonb *json, bool only_used)
{
	JsonbContainer *array = (JsonbContainer *) &json->root;
	int			n = JsonContainerSize(array);
	List	   *chosen = NIL;
	ListCell   *lc;
	TupleDesc	desc;
	int			i;

	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(array, i);
		JsonbValue	member;

		(void) getKeyJsonValueFromContainer(v->val.binary.data, "used", 4, &member);
		if (!only_used || member.val.boolean)
			chosen = lappend(chosen, v);
	}
	desc = CreateTemplateTupleDesc(list_length(chosen));
	i = 0;
	foreach(lc, chosen)
	{
		JsonbValue *v = lfirst(lc);
		JsonbValue	member;
		char	   *name;
		Oid			type;
		int32		typmod;

		(void) getKeyJsonValueFromContainer(v->val.binary.data, "name", 4, &member);
		name = pnstrdup(member.val.string.val, member.val.string.len);
		(void) getKeyJsonValueFromContainer(v->val.binary.data, "type", 4, &member);
		parseTypeString(pnstrdup(member.val.string.val, member.val.string.len), &type, &typmod,
						0);
		TupleDescInitEntry(desc, ++i, name, type, typmod, 0);
	}
	return desc;
}

TupleDesc
eg_columns_of_source(const char *source)
{
	char	   *relation;
	char	   *query = eg_source_query(source, &relation);
	TupleDesc	from = eg_source_describe(query);
	TupleDesc	desc;
	int			i;

	desc = CreateTemplateTupleDesc(from->natts);
	for (i = 0; i < from->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(from, i);
		int32		typmod = a->atttypmod;
		Oid			type = getBaseTypeAndTypmod(a->atttypid, &typmod);

		TupleDescInitEntry(desc, i + 1, NameStr(a->attname), type, typmod, 0);
	}
	return desc;
}
