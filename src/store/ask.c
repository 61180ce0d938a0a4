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

#include "store/ask.h"
#include "store/gate.h"

#define MAX_ARGS	16

/* The first value of the answer, copied to the caller's context; false: NULL or no row. */
static bool
ask(const char *sql, int nargs, const char *const *args, Oid type, Datum *answer)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[MAX_ARGS];
	Datum		values[MAX_ARGS];
	char		nulls[MAX_ARGS];
	bool		isnull = true;
	int			i;

	Assert(nargs <= MAX_ARGS);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (i = 0; i < nargs; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = args[i] ? ' ' : 'n';
		values[i] = args[i] ? CStringGetTextDatum(args[i]) : (Datum) 0;
	}
	if (SPI_execute_plan(eg_gate_prepare(sql, nargs, types, CURSOR_OPT_PARALLEL_OK), values, nulls,
						 true, 1) != SPI_OK_SELECT)
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

	return ask(sql, nargs, args, TEXTOID, &answer) ? TextDatumGetCString(answer) : NULL;
}

Jsonb *
eg_ask_jsonb(const char *sql, int nargs, const char *const *args)
{
	Datum		answer;

	return ask(sql, nargs, args, JSONBOID, &answer) ? DatumGetJsonbP(answer) : NULL;
}
