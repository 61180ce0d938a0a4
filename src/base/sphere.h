/*-------------------------------------------------------------------------
 *
 * sphere.h
 *	  Distances on the Earth taken as a sphere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SPHERE_H
#define EG_SPHERE_H

/* mean radius (2 a + b) / 3 of the GRS 80 ellipsoid, in km (Moritz 2000) */
#define EG_EARTH_KM		6371.0088

/* Error INVALID_PARAMETER_VALUE that names the value unless both are degrees in range. */
extern void eg_check_place(double lat, double lon);

/* Great-circle distance in km of places that were checked. */
extern double eg_sphere_km(double lat1, double lon1, double lat2, double lon2);

/* km/h; at equal times 0 for no distance, else infinity. */
extern double eg_speed_kmh(double km, double microseconds);

#endif							/* EG_SPHERE_H */
