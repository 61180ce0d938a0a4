/*-------------------------------------------------------------------------
 *
 * api_anomaly.c
 *	  engage_anomaly_band(): a score of an anomaly in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define NBANDS		4

static const char *const bands[NBANDS] = {"low", "medium", "high", "critical"};

PG_FUNCTION_INFO_V1(engage_anomaly_band);

/* Three ascending numbers, where the bands above the lowest begin. */
static const float8 *
read_thresholds(ArrayType *a)
{
	const float8 *t;
	int			i;

	if (ARR_NDIM(a) != 1 || ARR_DIMS(a)[0] != NBANDS - 1 || array_contains_nulls(a))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"thresholds\" must be an array of %d numbers", NBANDS - 1),
				 errdetail("They are where the bands %s, %s and %s begin.", bands[1], bands[2],
						   bands[3])));
	t = (const float8 *) ARR_DATA_PTR(a);
	for (i = 0; i < NBANDS - 1; i++)
	{
		if (isnan(t[i]) || (i > 0 && t[i] < t[i - 1]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"thresholds\" must ascend, but %g, %g, %g do not", t[0], t[1],
							t[2])));
	}
	return t;
}

/* engage_anomaly_band(score float8, thresholds float8[]) returns text */
Datum
engage_anomaly_band(PG_FUNCTION_ARGS)
{
	float8		score = PG_GETARG_FLOAT8(0);
	const float8 *t = read_thresholds(PG_GETARG_ARRAYTYPE_P(1));
	int			band = 0;

	if (isnan(score))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a score must be a number, not NaN")));
	while (band < NBANDS - 1 && score >= t[band])
		band++;
	PG_RETURN_TEXT_P(cstring_to_text(bands[band]));
}
