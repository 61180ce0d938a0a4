/*-------------------------------------------------------------------------
 *
 * api_velocity.c
 *	  Aggregates over windows of time that end at the current event:
 *	  engage_velocity(), engage_velocities(), engage_zscore().
 *
 * The state is a bytea that is changed in place (base/velocity.h).  Called for a
 * window (OVER) it is a ring, called for a group it is one that can be
 * combined; the transition function sees which from its context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/state.h"
#include "api/velocity.h"
#include "base/compat.h"

#define LONGEST_WINDOW	(INT64CONST(3653) * 86400 * 1000000)
#define COLUMNS			(1 + 4 * EG_VELOCITY_WINDOWS + 6)

PG_FUNCTION_INFO_V1(engage_velocity_accum);
PG_FUNCTION_INFO_V1(engage_velocity_accum_as_of);
PG_FUNCTION_INFO_V1(engage_velocities_accum);
PG_FUNCTION_INFO_V1(engage_zscore_accum);
PG_FUNCTION_INFO_V1(engage_velocity_combine);
PG_FUNCTION_INFO_V1(engage_velocity_final);
PG_FUNCTION_INFO_V1(engage_velocities_final);
PG_FUNCTION_INFO_V1(engage_zscore_final);

double
eg_arg_number(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NAN : PG_GETARG_FLOAT8(i);
}

/* ----------
 * States
 * ----------
 */

static EgVelocityState *
state_argument(FunctionCallInfo fcinfo, int i)
{
	EgVelocityState *s = eg_state_argument(fcinfo, i);

	if (s)
		eg_velocity_check(s);
	return s;
}

/*
 * The state to change: the aggregate's own, a copy of somebody else's, or a new one of
 * these windows.
 */
static EgVelocityState *
own_state(FunctionCallInfo fcinfo, bool as_of, TimestampTz at, int nwindows, const int64 *widths,
		  int64 baseline)
{
	int			context = AggCheckCallContext(fcinfo, NULL);
	EgVelocityState *s;

	if (PG_ARGISNULL(0))
		eg_velocity_invalid();
	s = state_argument(fcinfo, 0);
	if (s == NULL)
		return eg_velocity_create(as_of ? EG_VELOCITY_AS_OF :
								  context == AGG_CONTEXT_WINDOW ? EG_VELOCITY_RING :
								  EG_VELOCITY_EVENTS, nwindows, widths, baseline, at);
	if (s->nwindows != nwindows || s->baseline != baseline ||
		(nwindows > 0 && memcmp(s->width, widths, sizeof(int64) * nwindows) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the windows must be the same in all rows")));
	if (as_of != (s->kind == EG_VELOCITY_AS_OF))
		eg_velocity_invalid();
	if (as_of && s->as_of != at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"as_of\" must be the same in all rows")));
	if (context == 0)
		s = memcpy(palloc(VARSIZE(s)), s, VARSIZE(s));
	return s;
}

/* Add the event of arguments 1 (time) and 2 (amount). */
static Datum
add_event(FunctionCallInfo fcinfo, EgVelocityState *s, double lat, double lon)
{
	EgVelocityEvent e;

	s->blank = PG_ARGISNULL(1);
	if (s->blank)
		PG_RETURN_POINTER(s);
	e.at = PG_GETARG_TIMESTAMPTZ(1);
	e.amount = eg_arg_number(fcinfo, 2);
	e.lat = lat;
	e.lon = lon;
	PG_RETURN_POINTER(eg_velocity_add(s, &e));
}

/* accum(state, at, amount [, lat, lon]) */
Datum
engage_velocity_accum(PG_FUNCTION_ARGS)
{
	EgVelocityState *s = own_state(fcinfo, false, 0, EG_VELOCITY_WINDOWS, eg_velocity_widths,
								   eg_velocity_widths[EG_VELOCITY_WINDOWS]);
	bool		place = PG_NARGS() > 3;

	return add_event(fcinfo, s, place ? eg_arg_number(fcinfo, 3) : NAN,
					 place ? eg_arg_number(fcinfo, 4) : NAN);
}

/* accum(state, at, amount [, lat, lon], as_of) */
Datum
engage_velocity_accum_as_of(PG_FUNCTION_ARGS)
{
	int			last = PG_NARGS() - 1;
	bool		place = last > 3;
	TimestampTz as_of;

	if (PG_ARGISNULL(last))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"as_of\" must not be NULL")));
	as_of = PG_GETARG_TIMESTAMPTZ(last);
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"as_of\" is \"%s\"", timestamptz_to_str(as_of))));
	return add_event(fcinfo, own_state(fcinfo, true, as_of, EG_VELOCITY_WINDOWS,
									   eg_velocity_widths,
									   eg_velocity_widths[EG_VELOCITY_WINDOWS]),
					 place ? eg_arg_number(fcinfo, 3) : NAN,
					 place ? eg_arg_number(fcinfo, 4) : NAN);
}

/* Microseconds of an interval; 0 when it has no fixed, positive, bounded length. */
static int64
width_of(const Interval *i)
{
	double		width = (double) i->day * USECS_PER_DAY + (double) i->time;

	if (EG_INTERVAL_NOT_FINITE(i) || i->month != 0 || !(width > 0) || width > LONGEST_WINDOW)
		return 0;
	return i->day * USECS_PER_DAY + i->time;
}

static char *
interval_text(const Interval *i)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(i)));
}

/* accum(state, at, amount, windows interval[]) */
Datum
engage_velocities_accum(PG_FUNCTION_ARGS)
{
	int64		widths[EG_MAX_WINDOWS];
	Datum	   *items = NULL;
	bool	   *nulls = NULL;
	int			n = 0;
	int			i;

	if (!PG_ARGISNULL(3))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), INTERVALOID, sizeof(Interval), false,
						  TYPALIGN_DOUBLE, &items, &nulls, &n);
	if (n < 1 || n > EG_MAX_WINDOWS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are %d windows, but must be 1 to %d", n, EG_MAX_WINDOWS)));
	for (i = 0; i < n; i++)
	{
		widths[i] = nulls[i] ? 0 : width_of(DatumGetIntervalP(items[i]));
		if (widths[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("window %d is \"%s\", but must be a positive length without months",
							i + 1, nulls[i] ? "NULL" : interval_text(DatumGetIntervalP(items[i]))),
					 errhint("Months have no fixed length: say \"30 days\". The longest window is ten years.")));
	}
	return add_event(fcinfo, own_state(fcinfo, false, 0, n, widths, 0), NAN, NAN);
}

/* accum(state, at, value [, baseline interval]) */
Datum
engage_zscore_accum(PG_FUNCTION_ARGS)
{
	int64		width = eg_velocity_widths[EG_VELOCITY_WINDOWS];

	if (PG_NARGS() > 3)
	{
		width = PG_ARGISNULL(3) ? 0 : width_of(PG_GETARG_INTERVAL_P(3));
		if (width == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the baseline is \"%s\", but must be a positive length without months",
							PG_ARGISNULL(3) ? "NULL" : interval_text(PG_GETARG_INTERVAL_P(3))),
					 errhint("Months have no fixed length: say \"30 days\". The longest baseline is ten years.")));
	}
	return add_event(fcinfo, own_state(fcinfo, false, 0, 0, NULL, width), NAN, NAN);
}

/* combine(state, state); strict */
Datum
engage_velocity_combine(PG_FUNCTION_ARGS)
{
	EgVelocityState *a = state_argument(fcinfo, 0);
	EgVelocityState *b = state_argument(fcinfo, 1);

	if (b == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (a == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (!AggCheckCallContext(fcinfo, NULL))
		a = memcpy(palloc(VARSIZE(a)), a, VARSIZE(a));
	PG_RETURN_POINTER(eg_velocity_combine(a, b));
}

/* ----------
 * Results
 * ----------
 */

static void
put_number(Datum *values, bool *nulls, int i, double x)
{
	nulls[i] = isnan(x);
	values[i] = Float8GetDatum(x);
}

Datum
eg_velocity_row(FunctionCallInfo fcinfo, const EgVelocity *v)
{
	TupleDesc	desc = fcinfo->flinfo->fn_extra;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	int			c = 0;
	int			i;

	if (desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != COLUMNS)
			elog(ERROR, "return type must be engage.velocity");
		desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		fcinfo->flinfo->fn_extra = desc;
		MemoryContextSwitchTo(old);
	}
	values[c] = TimestampTzGetDatum(v->at);
	nulls[c++] = false;
	for (i = 0; i < EG_VELOCITY_WINDOWS; i++)
	{
		const EgWindowValues *w = &v->window[i];

		values[c] = Int64GetDatum((int64) w->count);
		nulls[c++] = false;
		put_number(values, nulls, c++, w->sum);
		put_number(values, nulls, c++, w->mean);
		put_number(values, nulls, c++, w->max);
	}
	values[c] = Int64GetDatum((int64) v->baseline_n);
	nulls[c++] = false;
	put_number(values, nulls, c++, v->baseline_mean);
	put_number(values, nulls, c++, v->baseline_stddev);
	put_number(values, nulls, c++, v->zscore);
	put_number(values, nulls, c++, v->km);
	put_number(values, nulls, c++, v->kmh);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Nothing to say: no event in the group, or a row without a time. */
static bool
is_blank(const EgVelocityState *s)
{
	return s == NULL || (s->kind == EG_VELOCITY_RING && s->blank) ||
		(s->kind != EG_VELOCITY_AS_OF && !s->any);
}

/* final(state) returns engage.velocity */
Datum
engage_velocity_final(PG_FUNCTION_ARGS)
{
	EgVelocityState *s = state_argument(fcinfo, 0);
	EgVelocity	v;
	EgWindowValues windows[EG_MAX_WINDOWS];

	if (is_blank(s))
		PG_RETURN_NULL();
	if (s->nwindows != EG_VELOCITY_WINDOWS)
		eg_velocity_invalid();
	eg_velocity_result(s, windows, &v);
	memcpy(v.window, windows, sizeof(v.window));
	return eg_velocity_row(fcinfo, &v);
}

/* final(state) returns float8[] */
Datum
engage_velocities_final(PG_FUNCTION_ARGS)
{
	EgVelocityState *s = state_argument(fcinfo, 0);
	EgVelocity	v;
	EgWindowValues windows[EG_MAX_WINDOWS];
	Datum		values[4 * EG_MAX_WINDOWS];
	bool		nulls[4 * EG_MAX_WINDOWS];
	int			dims[2];
	int			lower[2] = {1, 1};
	int			i;

	if (is_blank(s))
		PG_RETURN_NULL();
	eg_velocity_result(s, windows, &v);
	for (i = 0; i < s->nwindows; i++)
	{
		put_number(values, nulls, 4 * i, windows[i].count);
		put_number(values, nulls, 4 * i + 1, windows[i].sum);
		put_number(values, nulls, 4 * i + 2, windows[i].mean);
		put_number(values, nulls, 4 * i + 3, windows[i].max);
	}
	dims[0] = s->nwindows;
	dims[1] = 4;
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, 2, dims, lower, FLOAT8OID,
											 sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* final(state) returns float8 */
Datum
engage_zscore_final(PG_FUNCTION_ARGS)
{
	EgVelocityState *s = state_argument(fcinfo, 0);
	EgVelocity	v;
	EgWindowValues windows[EG_MAX_WINDOWS];

	if (is_blank(s))
		PG_RETURN_NULL();
	eg_velocity_result(s, windows, &v);
	if (isnan(v.zscore))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(v.zscore);
}
