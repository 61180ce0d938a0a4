/*-------------------------------------------------------------------------
 *
 * state.c
 *	  States of aggregates that are a bytea, and arguments of many types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/state.h"

#define EPOCH_DAYS	(UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE)

void
eg_state_invalid(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid state of an aggregate of engage")));
}

void *
eg_state_argument(FunctionCallInfo fcinfo, int place)
{
	struct varlena *p;
	Size		size;

	if (PG_ARGISNULL(place))
		eg_state_invalid();
	p = PG_DETOAST_DATUM(PG_GETARG_DATUM(place));
	size = VARSIZE(p);
	if (size == VARHDRSZ)
		return NULL;
	if ((uintptr_t) p % MAXIMUM_ALIGNOF != 0)
		p = memcpy(palloc(size), p, size);
	return p;
}

void *
eg_state_own(FunctionCallInfo fcinfo, void *state)
{
	return AggCheckCallContext(fcinfo, NULL) ? state :
		memcpy(palloc(VARSIZE(state)), state, VARSIZE(state));
}

/* ----------
 * Numbers of any type
 * ----------
 */

static double
seconds_of_date(DateADT d)
{
	if (DATE_NOT_FINITE(d))
		return DATE_IS_NOBEGIN(d) ? -INFINITY : INFINITY;
	return ((double) d - EPOCH_DAYS) * SECS_PER_DAY;
}

static double
seconds_of_timestamp(Timestamp t)
{
	if (TIMESTAMP_NOT_FINITE(t))
		return TIMESTAMP_IS_NOBEGIN(t) ? -INFINITY : INFINITY;
	return (double) t / USECS_PER_SEC - (double) EPOCH_DAYS * SECS_PER_DAY;
}

double
eg_number_argument(FunctionCallInfo fcinfo, int place, const char *what)
{
	Datum		value = PG_GETARG_DATUM(place);
	Oid			declared = get_fn_expr_argtype(fcinfo->flinfo, place);
	Oid			type = declared;

	for (;;)
	{
		switch (type)
		{
			case BOOLOID:
				return DatumGetBool(value);
			case INT2OID:
				return DatumGetInt16(value);
			case INT4OID:
				return DatumGetInt32(value);
			case INT8OID:
				return (double) DatumGetInt64(value);
			case FLOAT4OID:
				return DatumGetFloat4(value);
			case FLOAT8OID:
				return DatumGetFloat8(value);
			case NUMERICOID:
				return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
			case UNKNOWNOID:
				/* a literal without a type */
				return DatumGetFloat8(DirectFunctionCall1(float8in, value));
			case DATEOID:
				return seconds_of_date(DatumGetDateADT(value));
			case TIMESTAMPOID:
			case TIMESTAMPTZOID:
				return seconds_of_timestamp(DatumGetTimestamp(value));
		}
		if (!OidIsValid(type) || type == getBaseType(type))
			break;
		type = getBaseType(type);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s of type %s is no number and no date", what,
					OidIsValid(declared) ? format_type_be(declared) : "unknown"),
			 errhint("Cast it to text: then each value is a bin.")));
}

double
eg_truth_argument(FunctionCallInfo fcinfo, int place)
{
	double		truth = eg_number_argument(fcinfo, place, "a truth");

	if (unlikely(truth != 0 && truth != 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a truth that is a number must be 0 or 1, not %g", truth),
				 errhint("Compare it with the positive value: truth = 2 is a boolean.")));
	return truth;
}

void
eg_number_replace(FunctionCallInfo fcinfo, int place, const char *what)
{
	if (!PG_ARGISNULL(place))
		fcinfo->args[place].value = Float8GetDatum(eg_number_argument(fcinfo, place, what));
}
