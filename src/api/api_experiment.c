/*-------------------------------------------------------------------------
 *
 * api_experiment.c
 *	  SQL functions of A/B tests: start, finish, the arm of a key, results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "base/distribution.h"
#include "eval/sequential.h"
#include "store/prediction_log.h"
#include "store/registry.h"

/* a split of the keys as far off as this is no accident */
#define MISMATCH_P	0.0005

PG_FUNCTION_INFO_V1(engage_experiment_start);
PG_FUNCTION_INFO_V1(engage_experiment_finish);
PG_FUNCTION_INFO_V1(engage_experiment_arm);
PG_FUNCTION_INFO_V1(engage_experiment_results);
PG_FUNCTION_INFO_V1(engage_experiment_sample_size);

static void
check_writing(const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
}

static void
weights_argument(FunctionCallInfo fcinfo, int i, EgExperimentSpec *spec)
{
	Datum	   *items;
	bool	   *nulls;
	int			n,
				k;

	if (PG_ARGISNULL(i))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(i), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &items, &nulls, &n);
	if (n != spec->narms)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are %d weights for %d versions", n, spec->narms)));
	spec->weights = palloc(sizeof(double) * Max(n, 1));
	for (k = 0; k < n; k++)
		spec->weights[k] = nulls[k] ? NAN : DatumGetFloat8(items[k]);
}

/* engage_experiment_start(name, model, versions, weights, key, shadow, planned) */
Datum
engage_experiment_start(PG_FUNCTION_ARGS)
{
	EgExperimentSpec spec = {0};
	char	   *model;
	List	   *versions;
	ListCell   *lc;

	check_writing("engage_experiment_start()");
	spec.name = eg_arg_required(fcinfo, 0, "name");
	model = eg_arg_required(fcinfo, 1, "model");
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"versions\" must not be NULL")));
	versions = eg_arg_names(fcinfo, 2, "versions");
	spec.versions = palloc(sizeof(char *) * Max(list_length(versions), 1));
	foreach(lc, versions)
		spec.versions[spec.narms++] = lfirst(lc);
	weights_argument(fcinfo, 3, &spec);
	spec.key = eg_arg_required(fcinfo, 4, "key");
	spec.shadow = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	spec.planned = PG_ARGISNULL(6) ? 10000 : PG_GETARG_INT64(6);
	eg_experiment_start(eg_models_get(model, false, EG_PRIV_MANAGE, true), &spec);
	PG_RETURN_VOID();
}

/* engage_experiment_finish(name, winner) returns text */
Datum
engage_experiment_finish(PG_FUNCTION_ARGS)
{
	char	   *winner = eg_arg_text(fcinfo, 1);
	EgExperiment *e;
	EgModelRow *m;
	char	   *model;

	check_writing("engage_experiment_finish()");
	e = eg_experiment_get(eg_arg_required(fcinfo, 0, "name"), &model);
	m = eg_models_get(model, false, EG_PRIV_MANAGE, true);
	eg_experiment_finish(m, e, winner);
	m = eg_models_get(model, false, EG_PRIV_MANAGE, true);
	PG_RETURN_TEXT_P(cstring_to_text(eg_version_text(eg_models_version_by_id(m->deployed))));
}

/* engage_experiment_arm(name, key) returns integer */
Datum
engage_experiment_arm(PG_FUNCTION_ARGS)
{
	EgExperiment *e;
	char	   *model;
	char	   *key;

	e = eg_experiment_get(eg_arg_required(fcinfo, 0, "name"), &model);
	if (PG_ARGISNULL(1) || e->shadow)
		PG_RETURN_INT32(1);
	key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	PG_RETURN_INT32(eg_experiment_arm(e, key, strlen(key)) + 1);
}

/* ----------
 * Results
 * ----------
 */

static const char *const measure_names[] = {"outcome", "squared_error", "brier", "error_rate"};

/* outcome, or the mean loss that fits the task */
static EgArmMeasure
choose_measure(const char *name, const EgExperiment *e, EgTask task)
{
	if (name == NULL)
		name = e->shadow ? "loss" : "outcome";
	if (strcmp(name, "outcome") == 0)
	{
		if (e->shadow)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("experiment \"%s\" has a shadow, so its arms share their outcomes",
							e->name),
					 errhint("Use measure => 'loss'.")));
		return EG_ARM_OUTCOME;
	}
	if (strcmp(name, "loss") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown measure \"%s\"", name),
				 errhint("Use outcome or loss.")));
	switch (task)
	{
		case EG_BINARY:
			return EG_ARM_BRIER;
		case EG_MULTICLASS:
			return EG_ARM_ERROR_RATE;
		case EG_REGRESSION:
		case EG_COUNT:
			return EG_ARM_SQUARED_ERROR;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("there is no loss of a single row for the task %s", eg_task_name(task)),
					 errhint("Use measure => 'outcome'.")));
	}
	return EG_ARM_OUTCOME;		/* keep the compiler quiet */
}

/* A class and other spellings of it, as the text of an array. */
static char *
spellings(const EgScored *s, int class)
{
	const char *label = class < s->nlabels ? s->labels[class] : class ? "1" : "0";
	const char *words = class ? "true,t,1" : "false,f,0";
	StringInfoData out;
	const char *p;
	bool		boolean = false;

	if (strcmp(label, "true") == 0 || strcmp(label, "t") == 0 || strcmp(label, "1") == 0)
		boolean = class == 1;
	if (strcmp(label, "false") == 0 || strcmp(label, "f") == 0 || strcmp(label, "0") == 0)
		boolean = class == 0;
	initStringInfo(&out);
	appendStringInfoString(&out, "{\"");
	for (p = label; *p; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(&out, '\\');
		appendStringInfoChar(&out, *p);
	}
	appendStringInfo(&out, "\"%s%s}", boolean ? "," : "", boolean ? words : "");
	return out.data;
}

/* Keys are split by a hash: shares far from the weights mean that something went wrong. */
static void
check_split(const EgExperiment *e, const EgArmSums *sums)
{
	double		total = 0;
	double		chi2 = 0;
	int			i;

	for (i = 0; i < e->narms; i++)
		total += sums[i].n;
	for (i = 0; i < e->narms && total > 0; i++)
		chi2 += (sums[i].n - total * e->weight[i]) * (sums[i].n - total * e->weight[i]) /
			(total * e->weight[i]);
	if (total > 0 && eg_chi2_p(chi2, e->narms - 1) < MISMATCH_P)
		ereport(WARNING,
				(errmsg("the arms of experiment \"%s\" have other shares than their weights",
						e->name),
				 errdetail("The first arm has %.0f of %.0f keys, but its weight is %g.",
						   sums[0].n, total, e->weight[0]),
				 errhint("Do the outcomes lack keys of some arms? Then the arms are not alike, "
						 "and the comparison is worth nothing.")));
}

static const char *
verdict_word(const EgVerdict *v, double alpha, bool larger)
{
	if (!v->enough)
		return "too few";
	if (v->p > alpha)
		return "undecided";
	return (v->difference > 0) == larger ? "better" : "worse";
}

/* An infinite bound is NULL. */
static Datum
finite_datum(double v, bool *isnull)
{
	*isnull = !isfinite(v);
	return Float8GetDatum(v);
}

static void
put_arm(Tuplestorestate *store, TupleDesc desc, const EgExperiment *e, const EgArmSums *sums,
		int arm, EgArmMeasure measure, double alpha, bool larger)
{
	const EgArmSums *s = &sums[arm];
	EgMoments	first = {sums[0].n, sums[0].mean, sums[0].variance};
	EgMoments	other = {s->n, s->mean, s->variance};
	EgMoments	pairs = {s->pairs, s->pair_mean, s->pair_variance};
	Datum		values[11] = {0};
	bool		nulls[11] = {false};
	EgVerdict	v;

	values[0] = Int32GetDatum(arm + 1);
	values[1] = CStringGetTextDatum(e->version[arm]);
	values[2] = CStringGetTextDatum(measure_names[measure]);
	values[3] = Int64GetDatum((int64) s->n);
	values[4] = finite_datum(s->n > 0 ? s->mean : NAN, &nulls[4]);
	if (arm == 0)
	{
		memset(nulls + 5, true, 5);
		values[10] = CStringGetTextDatum("baseline");
	}
	else
	{
		v = e->shadow ? eg_sequential_pairs(&pairs, e->planned, alpha, e->narms - 1) :
			eg_sequential_two(&first, &other, e->planned, alpha, e->narms - 1);
		values[5] = finite_datum(v.difference, &nulls[5]);
		values[6] = finite_datum(v.lower, &nulls[6]);
		values[7] = finite_datum(v.upper, &nulls[7]);
		values[8] = finite_datum(first.mean == 0 ? NAN : v.difference / fabs(first.mean),
								 &nulls[8]);
		values[9] = Float8GetDatum(v.p);
		values[10] = CStringGetTextDatum(verdict_word(&v, alpha, larger));
	}
	tuplestore_putvalues(store, desc, values, nulls);
}

static double
share_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	double		v = PG_GETARG_FLOAT8(i);

	if (!(v > 0 && v < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is %g, but must lie between 0 and 1", name, v)));
	return v;
}

/* engage_experiment_results(name, outcomes, measure, larger_is_better, alpha) */
Datum
engage_experiment_results(PG_FUNCTION_ARGS)
{
	char	   *model;
	char	   *outcomes = eg_arg_required(fcinfo, 1, "outcomes");
	EgExperiment *e = eg_experiment_get(eg_arg_required(fcinfo, 0, "name"), &model);
	double		alpha = PG_ARGISNULL(4) ? 0.05 : share_argument(fcinfo, 4, "alpha");
	bool		larger = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
	EgVersionRow *version = eg_models_version_by_id(e->version_id[0]);
	EgScored   *s;
	EgArmMeasure measure;
	EgArmSums  *sums = palloc(sizeof(EgArmSums) * e->narms);
	Tuplestorestate *store;
	TupleDesc	desc;
	int			arm;

	if (version->id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %s of model \"%s\", the first arm of experiment \"%s\", was "
						"dropped", e->version[0], model, e->name)));
	s = eg_log_scored(version);
	measure = choose_measure(eg_arg_text(fcinfo, 2), e, s->task);
	if (measure != EG_ARM_OUTCOME)
		larger = false;
	eg_log_arm_sums(e, outcomes, measure, measure == EG_ARM_BRIER ? spellings(s, 1) : NULL,
					measure == EG_ARM_BRIER ? spellings(s, 0) : NULL, sums);
	if (!e->shadow)
		check_split(e, sums);
	store = eg_result_rows(fcinfo, &desc);
	for (arm = 0; arm < e->narms; arm++)
		put_arm(store, desc, e, sums, arm, measure, alpha, larger);
	return (Datum) 0;
}

/* engage_experiment_sample_size(baseline_rate, lift, power, alpha) returns bigint */
Datum
engage_experiment_sample_size(PG_FUNCTION_ARGS)
{
	double		baseline = share_argument(fcinfo, 0, "baseline_rate");
	double		lift = PG_GETARG_FLOAT8(1);
	double		power = share_argument(fcinfo, 2, "power");
	double		alpha = share_argument(fcinfo, 3, "alpha");
	double		other = baseline * (1 + lift);
	double		n;

	if (!(other > 0 && other < 1) || lift == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a lift of %g takes the rate from %g to %g", lift, baseline, other),
				 errdetail("The lift is relative and not 0, and both rates lie between 0 and 1.")));
	n = ceil(eg_sample_size(baseline, lift, power, alpha));
	if (!(n < 9e18))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a lift of %g needs more keys than can be counted", lift)));
	PG_RETURN_INT64(Max((int64) n, 1));
}
