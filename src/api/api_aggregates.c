/*-------------------------------------------------------------------------
 *
 * api_aggregates.c
 *	  Metrics that are sums: one pass, a float8[] as state.
 *
 * The state is an array that is updated in place while an aggregate runs, as
 * the server's own avg(float8) does, and is a value like any other between
 * workers.  Nothing is kept in fn_extra.  The functions are strict, so that
 * rows with a NULL never arrive.
 *
 *	  sums      weight, sum
 *	  r2        weight, mean of the truth, its squared deviations, squared errors
 *	  counts    tn, fp, fn, tp (weights of rows)
 *	  ece       for each bin: weight, sum of scores, sum of truths
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "api/state.h"
#include "eval/curves.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_BINS			1000
#define DEFAULT_BINS		10
#define EXACT				9007199254740992.0	/* integers up to it are doubles */
#define LOG_LOSS_EPSILON	1e-15	/* as in eval/metrics_class.c */

PG_FUNCTION_INFO_V1(engage_rmse_accum);
PG_FUNCTION_INFO_V1(engage_mae_accum);
PG_FUNCTION_INFO_V1(engage_mape_accum);
PG_FUNCTION_INFO_V1(engage_r2_accum);
PG_FUNCTION_INFO_V1(engage_pinball_accum);
PG_FUNCTION_INFO_V1(engage_logloss_accum);
PG_FUNCTION_INFO_V1(engage_logloss_accum_int);
PG_FUNCTION_INFO_V1(engage_brier_accum);
PG_FUNCTION_INFO_V1(engage_brier_accum_int);
PG_FUNCTION_INFO_V1(engage_ece_accum);
PG_FUNCTION_INFO_V1(engage_ece_accum_int);
PG_FUNCTION_INFO_V1(engage_equal_accum_text);
PG_FUNCTION_INFO_V1(engage_equal_accum_bool);
PG_FUNCTION_INFO_V1(engage_equal_accum_int);
PG_FUNCTION_INFO_V1(engage_counts_accum);
PG_FUNCTION_INFO_V1(engage_counts_accum_int);
PG_FUNCTION_INFO_V1(engage_counts_accum_text);
PG_FUNCTION_INFO_V1(engage_sums_combine);
PG_FUNCTION_INFO_V1(engage_r2_combine);
PG_FUNCTION_INFO_V1(engage_mean_final);
PG_FUNCTION_INFO_V1(engage_root_mean_final);
PG_FUNCTION_INFO_V1(engage_r2_final);
PG_FUNCTION_INFO_V1(engage_ece_final);
PG_FUNCTION_INFO_V1(engage_precision_final);
PG_FUNCTION_INFO_V1(engage_recall_final);
PG_FUNCTION_INFO_V1(engage_f1_final);
PG_FUNCTION_INFO_V1(engage_mcc_final);

/* ----------
 * State
 * ----------
 */

static int
state_length(const ArrayType *a)
{
	if (ARR_ELEMTYPE(a) != FLOAT8OID || ARR_HASNULL(a) || ARR_NDIM(a) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state of an aggregate of engage must be an array of float8 without "
						"NULLs")));
	return ARR_NDIM(a) == 0 ? 0 : ARR_DIMS(a)[0];
}

static void
check_length(const ArrayType *a, int n)
{
	int			length = state_length(a);

	if (length != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state of this aggregate has %d numbers, not %d", length, n)));
}

static inline double *
numbers(ArrayType *a)
{
	return (double *) ARR_DATA_PTR(a);
}

/* The state of n numbers to change: the aggregate's own, or a copy for any other caller. */
static inline ArrayType *
state_to_change(FunctionCallInfo fcinfo, int n)
{
	ArrayType  *a = AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(0) :
		PG_GETARG_ARRAYTYPE_P_COPY(0);

	if (unlikely(ARR_NDIM(a) != 1 || ARR_DIMS(a)[0] != n || ARR_HASNULL(a) ||
				 ARR_ELEMTYPE(a) != FLOAT8OID))
		check_length(a, n);
	return a;
}

static ArrayType *
new_state(int n)
{
	Datum	   *zeros = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		zeros[i] = Float8GetDatum(0.0);
	return construct_array(zeros, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* The weight is the last argument, if there is one at this place. */
static inline double
weight_argument(FunctionCallInfo fcinfo, int place)
{
	double		w;

	if (PG_NARGS() <= place)
		return 1.0;
	w = PG_GETARG_FLOAT8(place);
	if (unlikely(!(w >= 0.0) || isinf(w)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a weight must be finite and not negative, not %g", w)));
	return w;
}

static inline double
probability_argument(FunctionCallInfo fcinfo, int place)
{
	double		p = PG_GETARG_FLOAT8(place);

	if (unlikely(p < 0.0 || p > 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a probability must be between 0 and 1, not %g", p)));
	return p;
}

/* A row of no weight counts for nothing, not even if its value is infinite. */
static inline Datum
add(ArrayType *a, double weight, double value)
{
	double	   *sums = numbers(a);

	if (likely(weight > 0.0))
	{
		sums[0] += weight;
		sums[1] += weight * value;
	}
	PG_RETURN_ARRAYTYPE_P(a);
}

/* ----------
 * Numbers
 * ----------
 */

Datum
engage_rmse_accum(PG_FUNCTION_ARGS)
{
	double		error = PG_GETARG_FLOAT8(1) - PG_GETARG_FLOAT8(2);

	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 3), error * error);
}

Datum
engage_mae_accum(PG_FUNCTION_ARGS)
{
	double		error = PG_GETARG_FLOAT8(1) - PG_GETARG_FLOAT8(2);

	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 3), fabs(error));
}

/* Rows of truth 0 are left out: as a share of nothing their error has no bound. */
Datum
engage_mape_accum(PG_FUNCTION_ARGS)
{
	double		truth = PG_GETARG_FLOAT8(2);
	double		error = fabs(PG_GETARG_FLOAT8(1) - truth);
	double		weight = weight_argument(fcinfo, 3);

	return add(state_to_change(fcinfo, 2), truth != 0.0 ? weight : 0.0,
			   error / Max(fabs(truth), DBL_EPSILON));
}

Datum
engage_pinball_accum(PG_FUNCTION_ARGS)
{
	double		above = PG_GETARG_FLOAT8(2) - PG_GETARG_FLOAT8(1);
	double		quantile = PG_GETARG_FLOAT8(3);

	if (!(quantile >= 0.0 && quantile <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a quantile must be between 0 and 1, not %g", quantile)));
	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 4),
			   above >= 0.0 ? quantile * above : (quantile - 1.0) * above);
}

/* Welford's way: a constant truth has deviations of exactly 0. */
Datum
engage_r2_accum(PG_FUNCTION_ARGS)
{
	double		truth = PG_GETARG_FLOAT8(2);
	double		error = PG_GETARG_FLOAT8(1) - truth;
	double		weight = weight_argument(fcinfo, 3);
	ArrayType  *a = state_to_change(fcinfo, 4);
	double	   *v = numbers(a);

	if (weight > 0.0)
	{
		double		from_mean = truth - v[1];

		v[0] += weight;
		v[1] += from_mean * (weight / v[0]);
		v[2] += weight * from_mean * (truth - v[1]);
		v[3] += weight * error * error;
	}
	PG_RETURN_ARRAYTYPE_P(a);
}

/* Chan, Golub and LeVeque, "Updating Formulae", 1979 */
Datum
engage_r2_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *a = state_to_change(fcinfo, 4);
	ArrayType  *b = PG_GETARG_ARRAYTYPE_P(1);
	double	   *v = numbers(a);
	double	   *w = numbers(b);

	check_length(b, 4);
	if (v[0] == 0.0)
		memcpy(v, w, 4 * sizeof(double));
	else if (w[0] > 0.0)
	{
		double		distance = w[1] - v[1];
		double		total = v[0] + w[0];

		v[2] += w[2] + distance * distance * (v[0] / total) * w[0];
		v[1] += distance * (w[0] / total);
		v[3] += w[3];
		v[0] = total;
	}
	PG_RETURN_ARRAYTYPE_P(a);
}

Datum
engage_r2_final(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	double	   *v = numbers(a);

	check_length(a, 4);
	if (v[0] == 0.0 || v[2] == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 - v[3] / v[2]);
}

/* ----------
 * Probabilities
 * ----------
 */

static inline Datum
logloss(FunctionCallInfo fcinfo, double truth)
{
	double		p = probability_argument(fcinfo, 1);
	double		weight = weight_argument(fcinfo, 3);

	/* a NaN stays one */
	if (p < LOG_LOSS_EPSILON)
		p = LOG_LOSS_EPSILON;
	else if (p > 1.0 - LOG_LOSS_EPSILON)
		p = 1.0 - LOG_LOSS_EPSILON;
	return add(state_to_change(fcinfo, 2), weight, -log(truth == 1.0 ? p : 1.0 - p));
}

static inline Datum
brier(FunctionCallInfo fcinfo, double truth)
{
	double		error = probability_argument(fcinfo, 1) - truth;

	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 3), error * error);
}

Datum
engage_logloss_accum(PG_FUNCTION_ARGS)
{
	return logloss(fcinfo, PG_GETARG_BOOL(2));
}

Datum
engage_logloss_accum_int(PG_FUNCTION_ARGS)
{
	return logloss(fcinfo, eg_truth_argument(fcinfo, 2));
}

Datum
engage_brier_accum(PG_FUNCTION_ARGS)
{
	return brier(fcinfo, PG_GETARG_BOOL(2));
}

Datum
engage_brier_accum_int(PG_FUNCTION_ARGS)
{
	return brier(fcinfo, eg_truth_argument(fcinfo, 2));
}

/* Calibration: arguments score, truth [, bins [, weight]]. */
static Datum
ece(FunctionCallInfo fcinfo, double truth)
{
	double		p = probability_argument(fcinfo, 1);
	int			nbins = PG_NARGS() > 3 ? PG_GETARG_INT32(3) : DEFAULT_BINS;
	double		weight = weight_argument(fcinfo, 4);
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	int			length = state_length(a);
	EgBin	   *bin;

	if (unlikely(length != 3 * nbins || nbins < 1))
	{
		if (nbins < 1 || nbins > MAX_BINS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the number of bins must be between 1 and %d, not %d", MAX_BINS,
							nbins)));
		if (length > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the number of bins must be the same in all rows, not %d and %d",
							length / 3, nbins)));
		a = new_state(3 * nbins);
	}
	else
		a = state_to_change(fcinfo, 3 * nbins);

	/* a NaN is kept in the first bin, where the result will find it */
	bin = (EgBin *) numbers(a) + (isnan(p) ? 0 : eg_bin_of(p, nbins));
	if (weight > 0.0)
	{
		bin->weight += weight;
		bin->score += weight * p;
		bin->truth += weight * truth;
	}
	PG_RETURN_ARRAYTYPE_P(a);
}

Datum
engage_ece_accum(PG_FUNCTION_ARGS)
{
	return ece(fcinfo, PG_GETARG_BOOL(2));
}

Datum
engage_ece_accum_int(PG_FUNCTION_ARGS)
{
	return ece(fcinfo, eg_truth_argument(fcinfo, 2));
}

Datum
engage_ece_final(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	int			n = state_length(a) / 3;
	EgBin	   *bins = (EgBin *) numbers(a);
	double		total = 0.0;
	int			i;

	for (i = 0; i < n; i++)
		total += bins[i].weight;
	if (total == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(eg_calibration_error(bins, n));
}

/* ----------
 * Classes
 * ----------
 */

static inline bool
texts_equal(text *a, text *b)
{
	Size		len = VARSIZE_ANY_EXHDR(a);

	return len == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), len) == 0;
}

Datum
engage_equal_accum_text(PG_FUNCTION_ARGS)
{
	bool		equal = texts_equal(PG_GETARG_TEXT_PP(1), PG_GETARG_TEXT_PP(2));

	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 3), equal);
}

Datum
engage_equal_accum_bool(PG_FUNCTION_ARGS)
{
	bool		equal = PG_GETARG_BOOL(1) == PG_GETARG_BOOL(2);

	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 3), equal);
}

/* A class that is a number; beside a boolean 0 or 1. */
static inline double
class_argument(FunctionCallInfo fcinfo, int place)
{
	double		class = eg_number_argument(fcinfo, place, "a class");

	if (get_fn_expr_argtype(fcinfo->flinfo, 3 - place) == BOOLOID)
		return eg_truth_argument(fcinfo, place);
	if (unlikely(class != rint(class)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a class that is a number must be whole, not %g", class),
				 errhint("Compare a score with a cutoff: score >= 0.5 is a boolean.")));
	if (unlikely(fabs(class) >= EXACT))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a class that is a number must lie between -2^53 and 2^53, not at %g", class),
				 errhint("Cast both to text.")));
	return class;
}

Datum
engage_equal_accum_int(PG_FUNCTION_ARGS)
{
	bool		equal = class_argument(fcinfo, 1) == class_argument(fcinfo, 2);

	return add(state_to_change(fcinfo, 2), weight_argument(fcinfo, 3), equal);
}

static inline Datum
count(FunctionCallInfo fcinfo, bool predicted, bool truth, int weight_place)
{
	ArrayType  *a = state_to_change(fcinfo, 4);

	numbers(a)[2 * truth + predicted] += weight_argument(fcinfo, weight_place);
	PG_RETURN_ARRAYTYPE_P(a);
}

Datum
engage_counts_accum(PG_FUNCTION_ARGS)
{
	return count(fcinfo, PG_GETARG_BOOL(1), PG_GETARG_BOOL(2), 3);
}

Datum
engage_counts_accum_int(PG_FUNCTION_ARGS)
{
	bool		predicted = eg_truth_argument(fcinfo, 1) == 1.0;

	return count(fcinfo, predicted, eg_truth_argument(fcinfo, 2) == 1.0, 3);
}

/* Arguments predicted, truth, positive [, weight]: one class against the rest. */
Datum
engage_counts_accum_text(PG_FUNCTION_ARGS)
{
	text	   *positive = PG_GETARG_TEXT_PP(3);

	return count(fcinfo, texts_equal(PG_GETARG_TEXT_PP(1), positive),
				 texts_equal(PG_GETARG_TEXT_PP(2), positive), 4);
}

/* ----------
 * Combine and finish
 * ----------
 */

/* Element by element; an empty state is one that saw no rows. */
Datum
engage_sums_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *b = PG_GETARG_ARRAYTYPE_P(1);
	int			n = state_length(b);
	int			i;

	if (n == 0)
		PG_RETURN_ARRAYTYPE_P(a);
	if (state_length(a) == 0)
		a = new_state(n);
	else
		a = state_to_change(fcinfo, n);
	for (i = 0; i < n; i++)
		numbers(a)[i] += numbers(b)[i];
	PG_RETURN_ARRAYTYPE_P(a);
}

static EgCounts
counts_argument(FunctionCallInfo fcinfo)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	double	   *v = numbers(a);
	EgCounts	c;

	check_length(a, 4);
	c.tn = v[0];
	c.fp = v[1];
	c.fn = v[2];
	c.tp = v[3];
	return c;
}

/* What is undefined in eval is NULL in SQL. */
static Datum
number_or_null(FunctionCallInfo fcinfo, double v)
{
	if (isnan(v))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(v);
}

Datum
engage_mean_final(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	double	   *v = numbers(a);

	check_length(a, 2);
	if (v[0] == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(v[1] / v[0]);
}

Datum
engage_root_mean_final(PG_FUNCTION_ARGS)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	double	   *v = numbers(a);

	check_length(a, 2);
	if (v[0] == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sqrt(v[1] / v[0]));
}

Datum
engage_precision_final(PG_FUNCTION_ARGS)
{
	EgCounts	c = counts_argument(fcinfo);

	return number_or_null(fcinfo, eg_counts_precision(&c));
}

Datum
engage_recall_final(PG_FUNCTION_ARGS)
{
	EgCounts	c = counts_argument(fcinfo);

	return number_or_null(fcinfo, eg_counts_recall(&c));
}

Datum
engage_f1_final(PG_FUNCTION_ARGS)
{
	EgCounts	c = counts_argument(fcinfo);

	return number_or_null(fcinfo, eg_counts_f1(&c));
}

Datum
engage_mcc_final(PG_FUNCTION_ARGS)
{
	EgCounts	c = counts_argument(fcinfo);

	return number_or_null(fcinfo, eg_counts_mcc(&c));
}
