/*-------------------------------------------------------------------------
 *
 * api_metrics.c
 *	  engage_scoring(): the counters of scoring as rows.  The metrics themselves
 *	  are views (sql/69_metrics.sql).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/result.h"
#include "store/counters.h"

PG_FUNCTION_INFO_V1(engage_scoring);

/* engage_scoring(): model, version, calls, rows, errors, logged, seconds, last, since */
Datum
engage_scoring(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	TimestampTz since;
	EgCounter  *counters;
	int			n,
				i;

	counters = eg_counters(&n, &since);
	for (i = 0; i < n; i++)
	{
		const EgCounter *c = &counters[i];
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = CStringGetTextDatum(c->model);
		values[1] = CStringGetTextDatum(c->version);
		values[2] = Int64GetDatum(c->calls);
		values[3] = Int64GetDatum(c->rows);
		values[4] = Int64GetDatum(c->errors);
		values[5] = Int64GetDatum(c->logged);
		values[6] = Float8GetDatum(c->seconds);
		values[7] = TimestampTzGetDatum(c->last);
		values[8] = TimestampTzGetDatum(since);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
