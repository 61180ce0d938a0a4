/*-------------------------------------------------------------------------
 *
 * api_drift_histograms.c
 *	  Drift between two histograms that the caller has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "api/drift.h"

PG_FUNCTION_INFO_V1(engage_psi_histograms);
PG_FUNCTION_INFO_V1(engage_kl_histograms);
PG_FUNCTION_INFO_V1(engage_js_histograms);
PG_FUNCTION_INFO_V1(engage_chi2_histograms);
PG_FUNCTION_INFO_V1(engage_chi2_p_histograms);

Datum
eg_drift_datum(FunctionCallInfo fcinfo, EgDriftMeasure measure, const EgHistograms *h)
{
	double		value = NAN;
	double		p = NAN;

	switch (measure)
	{
		case EG_DRIFT_PSI:
			value = eg_psi(h->counts[0], h->counts[1], h->n);
			break;
		case EG_DRIFT_KL:
			value = eg_kl(h->counts[0], h->counts[1], h->n);
			break;
		case EG_DRIFT_JS:
			value = eg_js(h->counts[0], h->counts[1], h->n);
			break;
		case EG_DRIFT_CHI2:
			value = eg_chi2(h->counts[0], h->counts[1], h->n, &p);
			break;
		case EG_DRIFT_CHI2_P:
			(void) eg_chi2(h->counts[0], h->counts[1], h->n, &p);
			value = p;
			break;
	}
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

static double *
histogram_argument(FunctionCallInfo fcinfo, int place, int *n)
{
	static const char *const names[2] = {"reference", "current"};
	Datum	   *items;
	bool	   *nulls;
	double	   *counts;
	int			i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(place), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &items, &nulls, n);
	counts = palloc(sizeof(double) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		counts[i] = nulls[i] ? 0 : DatumGetFloat8(items[i]);
		if (!(counts[i] >= 0) || isinf(counts[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of histogram \"%s\" is %g, but counts are finite and "
							"not negative", i + 1, names[place], counts[i])));
	}
	return counts;
}

static Datum
of_histograms(FunctionCallInfo fcinfo, EgDriftMeasure measure)
{
	EgHistograms h;
	int			n;

	h.counts[0] = histogram_argument(fcinfo, 0, &h.n);
	h.counts[1] = histogram_argument(fcinfo, 1, &n);
	if (n != h.n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the histograms have %d and %d bins", h.n, n),
				 errhint("Count both over the same bins.")));
	return eg_drift_datum(fcinfo, measure, &h);
}

Datum
engage_psi_histograms(PG_FUNCTION_ARGS)
{
	return of_histograms(fcinfo, EG_DRIFT_PSI);
}

Datum
engage_kl_histograms(PG_FUNCTION_ARGS)
{
	return of_histograms(fcinfo, EG_DRIFT_KL);
}

Datum
engage_js_histograms(PG_FUNCTION_ARGS)
{
	return of_histograms(fcinfo, EG_DRIFT_JS);
}

Datum
engage_chi2_histograms(PG_FUNCTION_ARGS)
{
	return of_histograms(fcinfo, EG_DRIFT_CHI2);
}

Datum
engage_chi2_p_histograms(PG_FUNCTION_ARGS)
{
	return of_histograms(fcinfo, EG_DRIFT_CHI2_P);
}
