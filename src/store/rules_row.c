/*-------------------------------------------------------------------------
 *
 * rules_row.c
 *	  Rows of any type and JSON objects, brought into the columns that rules
 *	  were compiled for.
 *
 * A tuple's values are cast as in an assignment, each cast with the rights of
 * the role whose code it is.  JSON objects go through
 * jsonb_populate_record(), which knows every type there is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/typcache.h"

#include "store/header_tuple.h"
#include "store/roles.h"
#include "store/rules.h"
#include "store/source_private.h"

EgRuleRow *
eg_rule_row_create(TupleDesc columns, const EgText *text, const char *policy,
				   MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	EgRuleRow  *r = palloc0(sizeof(EgRuleRow));

	r->context = context;
	r->text = text;
	r->policy = policy;
	r->columns = CreateTupleDescCopy(columns);
	r->slot = MakeSingleTupleTableSlot(r->columns, &TTSOpsVirtual);
	r->bound = AllocSetContextCreate(context, "engage rule binding", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(old);
	return r;
}

static void pg_attribute_noreturn()
no_column(const EgRuleRow *r, const char *name, TupleDesc desc)
{
	char	   *hint = desc ? eg_source_column_hint(desc, name) : NULL;

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\", which policy \"%s\" needs", name, r->policy),
			 hint ? errhint("%s", hint) : 0));
}

/*
 * Either type of a cast may have brought it along: the caller's, or that of the policy's
 * column.  It runs with the rights of the role that it belongs to.
 */
static EgCode
whose_cast(const EgRuleRow *r, Node *cast, Oid from, const char *column)
{
	Oid			other;
	EgCode		whose = eg_gate_whose(cast, eg_role_oid(r->text->author), &other);

	/* who made the type has made the cast, and may have chosen a function of the author's */
	if (whose == EG_CODE_OF_AUTHOR && !eg_gate_type_is_of(from, eg_role_oid(r->text->author)))
		whose = EG_CODE_OF_OTHERS;

	if (whose == EG_CODE_OF_OTHERS)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("column \"%s\" of the row would be cast by function %s", column,
						format_procedure_qualified(other)),
				 errdetail("The function belongs neither to you nor to the author of policy \"%s\", "
						   "and would run with another's rights.", r->policy),
				 errhint("Cast the column in the row that you give.")));
	return whose;
}

typedef struct Binding
{
	EgRuleRow  *r;
	int			column;
	Expr	   *cast;
} Binding;

/* Rights to execute are asked for here. */
static void
init_cast(void *arg)
{
	Binding    *b = arg;

	b->r->cast[b->column] = ExecInitExpr(expression_planner(b->cast), NULL);
}

/* How column i comes from the caller's rows. */
static void
bind_column(EgRuleRow *r, int i)
{
	Form_pg_attribute to = TupleDescAttr(r->columns, i);
	Form_pg_attribute a = NULL;
	Binding		b = {r, i, NULL};
	Node	   *expr;
	int			k;

	for (k = 0; k < r->desc->natts; k++)
	{
		a = TupleDescAttr(r->desc, k);
		if (!a->attisdropped && strcmp(NameStr(a->attname), NameStr(to->attname)) == 0)
			break;
	}
	if (k == r->desc->natts)
		no_column(r, NameStr(to->attname), r->desc);
	r->attno[i] = k + 1;
	expr = (Node *) makeVar(1, k + 1, a->atttypid, a->atttypmod, a->attcollation, 0);
	expr = coerce_to_target_type(NULL, expr, a->atttypid, to->atttypid, to->atttypmod,
								 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (expr == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, but policy \"%s\" needs %s",
						NameStr(to->attname), format_type_be(a->atttypid), r->policy,
						format_type_be(to->atttypid)),
				 errhint("Cast the column in the row that you give.")));
	if (IsA(expr, Var) || (IsA(expr, RelabelType) && IsA(((RelabelType *) expr)->arg, Var)))
		return;
	assign_expr_collations(NULL, expr);
	b.cast = (Expr *) expr;
	r->runs_as[i] = whose_cast(r, expr, a->atttypid, NameStr(to->attname));
	r->of_caller |= r->runs_as[i] == EG_CODE_OF_CALLER;
	r->of_author |= r->runs_as[i] == EG_CODE_OF_AUTHOR;
	if (r->runs_as[i] == EG_CODE_OF_SERVER)
		init_cast(&b);
	else
		eg_gate_run(r->runs_as[i] == EG_CODE_OF_AUTHOR ? r->text : NULL, init_cast, &b);
}

static void
bind(EgRuleRow *r, Oid type, int32 typmod, uint64 identifier)
{
	EgRowType	row_type = {identifier, eg_catalog_changes};
	TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);
	MemoryContext old;
	int			i;

	r->row_type.identifier = 0;
	MemoryContextReset(r->bound);
	old = MemoryContextSwitchTo(r->bound);
	r->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	r->from = MakeSingleTupleTableSlot(r->desc, &TTSOpsVirtual);
	r->attno = palloc0(sizeof(int) * (r->columns->natts + 1));
	r->cast = palloc0(sizeof(ExprState *) * (r->columns->natts + 1));
	r->runs_as = palloc0(r->columns->natts + 1);
	r->of_caller = r->of_author = false;
	r->user = GetUserId();
	r->econtext = CreateStandaloneExprContext();
	r->econtext->ecxt_scantuple = r->from;
	for (i = 0; i < r->columns->natts; i++)
		bind_column(r, i);
	MemoryContextSwitchTo(old);
	r->row_type = row_type;
}

typedef struct Casting
{
	EgRuleRow  *r;
	EgCode		runs_as;
} Casting;

static void
cast_columns(void *arg)
{
	Casting    *c = arg;
	EgRuleRow  *r = c->r;
	int			i;

	for (i = 0; i < r->columns->natts; i++)
	{
		if (r->cast[i] && r->runs_as[i] == c->runs_as)
			r->slot->tts_values[i] = ExecEvalExprSwitchContext(r->cast[i], r->econtext,
															   &r->slot->tts_isnull[i]);
	}
}

void
eg_rule_row_tuple(EgRuleRow *r, HeapTupleHeader tuple)
{
	Oid			type = HeapTupleHeaderGetTypeId(tuple);
	int32		typmod = HeapTupleHeaderGetTypMod(tuple);
	uint64		identifier = assign_record_type_identifier(type, typmod);
	Casting		of_server = {r, EG_CODE_OF_SERVER};
	Casting		of_caller = {r, EG_CODE_OF_CALLER};
	Casting		of_author = {r, EG_CODE_OF_AUTHOR};
	HeapTupleData t;
	int			i;

	if (!eg_row_type_is(&r->row_type, identifier) || r->user != GetUserId())
		bind(r, type, typmod, identifier);
	t = eg_header_tuple(tuple);
	ExecClearTuple(r->from);
	heap_deform_tuple(&t, r->desc, r->from->tts_values, r->from->tts_isnull);
	ExecStoreVirtualTuple(r->from);
	ResetExprContext(r->econtext);

	ExecClearTuple(r->slot);
	for (i = 0; i < r->columns->natts; i++)
	{
		int			k = r->attno[i] - 1;

		if (r->cast[i] == NULL)
		{
			r->slot->tts_values[i] = r->from->tts_values[k];
			r->slot->tts_isnull[i] = r->from->tts_isnull[k];
		}
	}
	cast_columns(&of_server);
	if (r->of_caller)
		eg_gate_run(NULL, cast_columns, &of_caller);
	if (r->of_author)
		eg_gate_run(r->text, cast_columns, &of_author);
	ExecStoreVirtualTuple(r->slot);
}

/* jsonb_populate_record() for the columns; their types are said by an expression. */
static void
prepare_populate(EgRuleRow *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->context);
	int			n = r->columns->natts;
	Datum	   *values = palloc0(sizeof(Datum) * (n + 1));
	bool	   *nulls = palloc(sizeof(bool) * (n + 1));
	TupleDesc	desc = BlessTupleDesc(CreateTupleDescCopy(r->columns));
	FmgrInfo   *populate = palloc0(sizeof(FmgrInfo));
	Expr	   *argument;

	memset(nulls, true, sizeof(bool) * (n + 1));
	r->empty = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	argument = (Expr *) makeNullConst(RECORDOID, desc->tdtypmod, InvalidOid);
	fmgr_info_cxt(F_JSONB_POPULATE_RECORD, populate, r->context);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_JSONB_POPULATE_RECORD, RECORDOID,
											 list_make1(argument), InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL), populate);
	r->populate = populate;
	MemoryContextSwitchTo(old);
}

void
eg_rule_row_jsonb(EgRuleRow *r, Jsonb *row)
{
	HeapTupleData t;
	HeapTupleHeader tuple;
	int			i;

	if (!JB_ROOT_IS_OBJECT(row))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the row must be a JSON object"),
				 errhint("Make one of a row with to_jsonb().")));
	for (i = 0; i < r->columns->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(r->columns, i)->attname);
		JsonbValue	v;

		if (getKeyJsonValueFromContainer(&row->root, name, strlen(name), &v) == NULL)
			no_column(r, name, NULL);
	}
	ExecClearTuple(r->slot);
	if (r->columns->natts > 0)
	{
		if (r->populate == NULL)
			prepare_populate(r);
		tuple = DatumGetHeapTupleHeader(FunctionCall2(r->populate, r->empty,
													  JsonbPGetDatum(row)));
		t = eg_header_tuple(tuple);
		heap_deform_tuple(&t, r->columns, r->slot->tts_values, r->slot->tts_isnull);
	}
	ExecStoreVirtualTuple(r->slot);
}
