/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  Questions in SQL, asked as the invoker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"

#include "store/ask.h"
#include "store/gate.h"

#define MAX_ARGS	16

/* The rows of a call as a table that the next statement reads. */
static void
name_rows(const EgRows *rows)
{
	EphemeralNamedRelation r = palloc0(sizeof(EphemeralNamedRelationData));

	r->md.name = EG_ROWS;
	r->md.reliddesc = InvalidOid;
	r->md.tupdesc = rows->desc;
	r->md.enrtype = ENR_NAMED_TUPLESTORE;
	r->md.enrtuples = tuplestore_tuple_count(rows->store);
	r->reldata = rows->store;
	if (SPI_register_relation(r) != SPI_OK_REL_REGISTER)
		elog(ERROR, "the rows of a call could not be named");
}

/* The first value of the answer, copied to the caller's context; false: NULL or no row. */
static bool
ask(const char *sql, int nargs, const char *const *args, const EgRows *rows, Oid type,
	Datum *answer)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[MAX_ARGS];
	Datum		values[MAX_ARGS];
	char		nulls[MAX_ARGS];
	bool		isnull = true;
	SPIPlanPtr	plan;
	int			i;

	Assert(nargs <= MAX_ARGS);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (rows)
		name_rows(rows);
	for (i = 0; i < nargs; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = args[i] ? ' ' : 'n';
		values[i] = args[i] ? CStringGetTextDatum(args[i]) : (Datum) 0;
	}
	/* SQL over the rows of a call is ours alone, and the gate does not know that table */
	plan = rows ? SPI_prepare(sql, nargs, types) :
		eg_gate_prepare(sql, nargs, types, CURSOR_OPT_PARALLEL_OK);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_execute_plan(plan, values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "not a SELECT: %s", sql);
	if (SPI_processed > 0)
	{
		if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) != type)
			elog(ERROR, "unexpected type of the answer to: %s", sql);
		*answer = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	}
	if (!isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(caller);

		*answer = PointerGetDatum(PG_DETOAST_DATUM_COPY(*answer));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return !isnull;
}

char *
eg_ask_text(const char *sql, int nargs, const char *const *args)
{
	Datum		answer;

	return ask(sql, nargs, args, NULL, TEXTOID, &answer) ? TextDatumGetCString(answer) : NULL;
}

Jsonb *
eg_ask_jsonb(const char *sql, int nargs, const char *const *args)
{
	Datum		answer;

	return ask(sql, nargs, args, NULL, JSONBOID, &answer) ? DatumGetJsonbP(answer) : NULL;
}

/* The answer to a question; false: NULL or no row. */
static bool
question(const EgQuestion *q, Oid type, Datum *answer)
{
	EgRows	   *rows;
	bool		known;

	if (q->function == NULL)
		return ask(q->sql, q->nargs, q->args, NULL, type, answer);
	if (q->sql == NULL)
	{
		void	   *value = type == JSONBOID ? (void *) eg_call_jsonb(q->function, q->call) :
			(void *) eg_call_text(q->function, q->call);

		*answer = PointerGetDatum(value);
		return value != NULL;
	}
	rows = eg_call_rows(q->function, q->call);
	known = ask(q->sql, q->nargs, q->args, rows, type, answer);
	eg_rows_free(rows);
	return known;
}

char *
eg_question_text(const EgQuestion *q)
{
	Datum		answer;

	if (!question(q, TEXTOID, &answer))
		return NULL;
	return q->sql ? TextDatumGetCString(answer) : (char *) DatumGetPointer(answer);
}

Jsonb *
eg_question_jsonb(const EgQuestion *q)
{
	Datum		answer;

	return question(q, JSONBOID, &answer) ? DatumGetJsonbP(answer) : NULL;
}
