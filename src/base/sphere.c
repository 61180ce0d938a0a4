/*-------------------------------------------------------------------------
 *
 * sphere.c
 *	  Distances on the Earth taken as a sphere.
 *
 * The haversine of the angle is h = sin^2(dlat/2) + cos lat1 cos lat2 sin^2(dlon/2).
 * Its usual inverse, 2 asin(sqrt(h)), loses half of the digits where h is near
 * 1, at antipodes.  With the mean latitude m both h and 1 - h are sums of terms
 * that are not negative, so neither cancels:
 *
 *		h     = sin^2(dlat/2) cos^2(dlon/2) + cos^2 m sin^2(dlon/2)
 *		1 - h = cos^2(dlat/2) cos^2(dlon/2) + sin^2 m sin^2(dlon/2)
 *
 * and 2 atan2(sqrt(h), sqrt(1 - h)) is the angle, everywhere to rounding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/sphere.h"

#define RADIANS			(M_PI / 180.0)

void
eg_check_place(double lat, double lon)
{
	if (!(lat >= -90 && lat <= 90))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("latitude %.10g is not between -90 and 90", lat),
				 errhint("Give degrees, latitude first.")));
	if (!(lon >= -180 && lon <= 180))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("longitude %.10g is not between -180 and 180", lon),
				 errhint("Give degrees, latitude first; subtract 360 from degrees above 180.")));
}

static inline double
square(double x)
{
	return x * x;
}

double
eg_sphere_km(double lat1, double lon1, double lat2, double lon2)
{
	double		dlat = (lat2 - lat1) / 2 * RADIANS;
	double		dlon = (lon2 - lon1) / 2 * RADIANS;
	double		middle = (lat1 + lat2) / 2 * RADIANS;
	double		h = square(sin(dlat) * cos(dlon)) + square(cos(middle) * sin(dlon));
	double		rest = square(cos(dlat) * cos(dlon)) + square(sin(middle) * sin(dlon));

	return 2 * EG_EARTH_KM * atan2(sqrt(h), sqrt(rest));
}

double
eg_speed_kmh(double km, double microseconds)
{
	if (microseconds == 0)
		return km > 0 ? INFINITY : 0;
	return km * 3600e6 / fabs(microseconds);
}
