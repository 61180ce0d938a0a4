/*-------------------------------------------------------------------------
 *
 * call.c
 *	  Calls of engage's own functions from C, by OID.
 *
 * A call is an expression as the parser would have made it, had there been no
 * other function of that name; so the executor looks at rights, defaults are
 * the declared ones, and functions in any language work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "store/call.h"

/* ----------
 * The expression
 * ----------
 */

static Expr *
constant(Oid type, const char *value)
{
	int16		len;
	bool		by_value;
	Oid			input,
				parameter;
	Datum		datum = (Datum) 0;

	get_typlenbyval(type, &len, &by_value);
	if (value)
	{
		getTypeInputInfo(type, &input, &parameter);
		datum = OidInputFunctionCall(input, (char *) value, parameter, -1);
	}
	return (Expr *) makeConst(type, -1, get_typcollation(type), len, datum, value == NULL,
							  by_value);
}

static FuncExpr *
make_call(const char *function, const EgArg *args)
{
	Oid			oid = eg_function_find(function, args);
	int			n;
	EgParameter *parameters = eg_function_parameters(oid, &n);
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_proc proc;
	Datum		stored;
	bool		none;
	List	   *defaults = NIL;
	List	   *values = NIL;
	FuncExpr   *call;
	int			i;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	stored = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &none);
	if (!none)
		defaults = castNode(List, stringToNode(TextDatumGetCString(stored)));
	for (i = 0; i < n; i++)
	{
		const EgArg *arg = eg_arg_find(args, parameters[i].name);

		values = lappend(values, arg ? constant(parameters[i].type, arg->value) :
						 expression_planner(list_nth(defaults,
													 i - (n - list_length(defaults)))));
	}
	call = makeFuncExpr(oid, proc->prorettype, values, get_typcollation(proc->prorettype),
						DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
	call->funcretset = proc->proretset;
	ReleaseSysCache(tuple);
	return call;
}

/* ----------
 * A value
 * ----------
 */

/* false: NULL */
static bool
call_scalar(const char *function, const EgArg *args, Oid type, Datum *answer)
{
	EState	   *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	bool		snapshot = !ActiveSnapshotSet();
	FuncExpr   *call = make_call(function, args);
	ExprState  *state;
	bool		isnull;

	if (call->funcresulttype != type || call->funcretset)
		elog(ERROR, "unexpected type of the answer of %s()", function);
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	state = ExecInitExpr((Expr *) call, NULL);
	*answer = ExecEvalExprSwitchContext(state, GetPerTupleExprContext(estate), &isnull);
	MemoryContextSwitchTo(caller);
	if (!isnull)
		*answer = PointerGetDatum(PG_DETOAST_DATUM_COPY(*answer));
	if (snapshot)
		PopActiveSnapshot();
	FreeExecutorState(estate);
	return !isnull;
}

char *
eg_call_text(const char *function, const EgArg *args)
{
	Datum		answer;

	return call_scalar(function, args, TEXTOID, &answer) ? TextDatumGetCString(answer) : NULL;
}

Jsonb *
eg_call_jsonb(const char *function, const EgArg *args)
{
	Datum		answer;

	return call_scalar(function, args, JSONBOID, &answer) ? DatumGetJsonbP(answer) : NULL;
}

/* ----------
 * Rows
 * ----------
 */

EgRows *
eg_call_rows(const char *function, const EgArg *args)
{
	EgRows	   *rows = palloc0(sizeof(EgRows));
	EState	   *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	MemoryContext arguments = AllocSetContextCreate(estate->es_query_cxt, "engage call",
													ALLOCSET_DEFAULT_SIZES);
	ExprContext *econtext = GetPerTupleExprContext(estate);
	bool		snapshot = !ActiveSnapshotSet();
	FuncExpr   *call = make_call(function, args);
	SetExprState *state;

	if (get_expr_result_type((Node *) call, NULL, &rows->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function %s() returns no rows", function);
	rows->desc = BlessTupleDesc(rows->desc);
	rows->estate = estate;
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	state = ExecInitTableFunctionResult((Expr *) call, econtext, NULL);

	/* they are read more than once: random access */
	rows->store = ExecMakeTableFunctionResult(state, econtext, arguments, rows->desc, true);
	if (snapshot)
		PopActiveSnapshot();
	MemoryContextSwitchTo(caller);
	return rows;
}

EgRows *
eg_call_write(const char *function, const EgArg *args)
{
	EgRows	   *rows;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	rows = eg_call_rows(function, args);
	PopActiveSnapshot();
	CommandCounterIncrement();
	return rows;
}

void
eg_rows_free(EgRows *rows)
{
	if (rows->store)
		tuplestore_end(rows->store);
	FreeExecutorState(rows->estate);
	pfree(rows);
}

char *
eg_rows_text(EgRows *rows, const char *column)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	char	   *text = NULL;
	int			i;

	for (i = 0; i < rows->desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(rows->desc, i)->attname), column) == 0)
			break;
	}
	if (i == rows->desc->natts)
		elog(ERROR, "the answer has no column \"%s\"", column);
	tuplestore_rescan(rows->store);
	if (!tuplestore_gettupleslot(rows->store, true, false, slot))
		elog(ERROR, "the answer has no row");
	slot_getallattrs(slot);
	if (!slot->tts_isnull[i])
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(rows->desc, i)->atttypid, &output, &varlena);
		text = OidOutputFunctionCall(output, slot->tts_values[i]);
	}
	ExecDropSingleTupleTableSlot(slot);
	return text;
}

Jsonb *
eg_rows_jsonb(EgRows *rows, const char *column)
{
	char	   *text = eg_rows_text(rows, column);

	return text ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))) : NULL;
}

bool
eg_rows_true(EgRows *rows, const char *column)
{
	char	   *text = eg_rows_text(rows, column);

	return text && text[0] == 't';
}
