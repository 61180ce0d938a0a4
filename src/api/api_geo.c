/*-------------------------------------------------------------------------
 *
 * api_geo.c
 *	  Distance and speed between two events: engage_haversine(),
 *	  engage_speed(), engage_impossible_travel().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/timestamp.h"

#include "base/sphere.h"

PG_FUNCTION_INFO_V1(engage_haversine);
PG_FUNCTION_INFO_V1(engage_speed);
PG_FUNCTION_INFO_V1(engage_impossible_travel);

/* km between the places whose coordinates are these arguments */
static double
distance(FunctionCallInfo fcinfo, int lat1, int lon1, int lat2, int lon2)
{
	double		a[4];

	a[0] = PG_GETARG_FLOAT8(lat1);
	a[1] = PG_GETARG_FLOAT8(lon1);
	a[2] = PG_GETARG_FLOAT8(lat2);
	a[3] = PG_GETARG_FLOAT8(lon2);
	eg_check_place(a[0], a[1]);
	eg_check_place(a[2], a[3]);
	return eg_sphere_km(a[0], a[1], a[2], a[3]);
}

static TimestampTz
time_argument(FunctionCallInfo fcinfo, int i)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(i);

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("event time is \"%s\"", timestamptz_to_str(at))));
	return at;
}

/* km/h of arguments lat1, lon1, at1, lat2, lon2, at2 */
static double
speed(FunctionCallInfo fcinfo, double *km)
{
	TimestampTz at1 = time_argument(fcinfo, 2);
	TimestampTz at2 = time_argument(fcinfo, 5);

	*km = distance(fcinfo, 0, 1, 3, 4);
	return eg_speed_kmh(*km, (double) (at2 - at1));
}

/* engage_haversine(lat1, lon1, lat2, lon2) returns float8; strict */
Datum
engage_haversine(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(distance(fcinfo, 0, 1, 2, 3));
}

/* engage_speed(lat1, lon1, at1, lat2, lon2, at2) returns float8; strict */
Datum
engage_speed(PG_FUNCTION_ARGS)
{
	double		km;

	PG_RETURN_FLOAT8(speed(fcinfo, &km));
}

/* the same and max_kmh, min_km; returns boolean; strict */
Datum
engage_impossible_travel(PG_FUNCTION_ARGS)
{
	double		max_kmh = PG_GETARG_FLOAT8(6);
	double		min_km = PG_GETARG_FLOAT8(7);
	double		kmh,
				km;

	if (!(max_kmh > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"max_kmh\" is %g, but must be positive", max_kmh)));
	if (!(min_km >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"min_km\" is %g, but must not be negative", min_km)));
	kmh = speed(fcinfo, &km);
	PG_RETURN_BOOL(km > min_km && kmh > max_kmh);
}
