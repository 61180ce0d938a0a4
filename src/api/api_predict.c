/*-------------------------------------------------------------------------
 *
 * api_predict.c
 *	  engage_predict() and its sisters: a whole row or a JSON object to a
 *	  number, a class, probabilities, quantiles, an interval, a set of classes.
 *
 * fn_extra holds what one call site needs again: the version, its compiled
 * model, the binding of the row's type.  A name is resolved once a snapshot,
 * not once a row: under one snapshot the answer cannot change, and with a new
 * one (the next statement of a function, after a deployment) it may.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "api/predict.h"
#include "base/compat.h"
#include "store/counters.h"
#include "store/function.h"
#include "store/models.h"

PG_FUNCTION_INFO_V1(engage_predict_row);
PG_FUNCTION_INFO_V1(engage_predict_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_class_row);
PG_FUNCTION_INFO_V1(engage_predict_class_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_proba_row);
PG_FUNCTION_INFO_V1(engage_predict_proba_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_quantiles_row);
PG_FUNCTION_INFO_V1(engage_predict_quantiles_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_interval_row);
PG_FUNCTION_INFO_V1(engage_predict_interval_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_set_row);
PG_FUNCTION_INFO_V1(engage_predict_set_jsonb);

/* What one call site keeps in fn_extra. */
typedef struct CallSite
{
	MemoryContext context;		/* of the scorer and of the pin on the model */
	int64		version_id;
	EgScorer   *scorer;
	int64		experiment;		/* 0: none runs */
	EgRouter   *router;			/* of it, in context; or NULL */
	void	   *extra;			/* of the caller, in context */
	EgSnapshotId snapshot;
	Oid			user;
	int			ref_len;
	char	   *ref;			/* model reference of the last call */
} CallSite;

static void
remember(CallSite *site, const char *ref, int len, Snapshot s)
{
	if (site->ref == NULL || site->ref_len != len || memcmp(site->ref, ref, len) != 0)
	{
		if (site->ref)
			pfree(site->ref);
		site->ref = MemoryContextAlloc(GetMemoryChunkContext(site), len + 1);
		memcpy(site->ref, ref, len);
		site->ref[len] = '\0';
		site->ref_len = len;
	}
	eg_snapshot_remember(&site->snapshot, s);
	site->user = GetUserId();
}

/* Find the version that ref means now, and its scorer. */
static void
resolve(CallSite *site, Oid function, const char *ref, int len, Snapshot snapshot)
{
	char	   *text = pnstrdup(ref, len);
	int64		experiment;
	int64		version_id;

	/* the planner's form of engage_predict() is for who may execute that */
	eg_require_execute(function);
	version_id = eg_models_resolve_routed(text, &experiment);
	if (version_id != site->version_id || experiment != site->experiment ||
		site->scorer->model->registry != eg_registry_identity())
	{
		/* an error below leaves an empty call site, not a half one */
		site->scorer = NULL;
		site->router = NULL;
		site->extra = NULL;
		site->version_id = 0;
		MemoryContextReset(site->context);
		if (experiment != 0)
			site->router = eg_router_create(experiment, site->context);
		site->experiment = experiment;
		site->scorer = eg_scorer_create(eg_cache_get(version_id, site->context), site->context);
		site->scorer->tally = eg_tally_open(site->scorer->model, site->context);
		site->version_id = version_id;
	}
	remember(site, ref, len, snapshot);
	pfree(text);
}

EgScorer *
eg_call_site_scorer(FunctionCallInfo fcinfo)
{
	CallSite   *site = fcinfo->flinfo->fn_extra;
	text	   *reference = PG_GETARG_TEXT_PP(0);
	const char *ref = VARDATA_ANY(reference);
	int			len = VARSIZE_ANY_EXHDR(reference);
	Snapshot	snapshot = GetActiveSnapshot();

	if (likely(site != NULL && site->scorer != NULL && site->ref_len == len &&
			   eg_snapshot_is(&site->snapshot, snapshot) && site->user == GetUserId() &&
			   memcmp(site->ref, ref, len) == 0))
		return site->scorer;

	if (site == NULL)
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
		site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "engage call site",
											  ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = site;
	}
	resolve(site, fcinfo->flinfo->fn_oid, ref, len, snapshot);
	return site->scorer;
}

EgRouter *
eg_call_site_router(FunctionCallInfo fcinfo)
{
	return ((CallSite *) fcinfo->flinfo->fn_extra)->router;
}

void **
eg_call_site_extra(FunctionCallInfo fcinfo)
{
	return &((CallSite *) fcinfo->flinfo->fn_extra)->extra;
}

/* ----------
 * Results
 * ----------
 */

static void
need_classes(const EgScorer *s)
{
	if (!eg_task_has_classes(s->model->task))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s and no classes", s->model->model,
						eg_task_name(s->model->task)),
				 errhint("Use engage_predict()%s.",
						 s->model->task == EG_QUANTILE ? " or engage_predict_quantiles()" : "")));
}

/* Name of a class; models imported without labels have numbers. */
static const char *
label(const EgScorer *s, int class)
{
	const EgSchema *schema = s->used->schema;

	if (class < 0)
		return EG_NOISE;
	return class < schema->nlabels ? schema->labels[class] : psprintf("%d", class);
}

static Datum
class_datum(const EgScorer *s, const double *out)
{
	need_classes(s);
	return CStringGetTextDatum(label(s, eg_scorer_class(s, out)));
}

static Datum
proba_datum(const EgScorer *s, const double *out)
{
	int			n = s->model->task == EG_BINARY ? 2 : s->width;
	JsonbParseState *state = NULL;
	JsonbValue *result;
	int			i;

	need_classes(s);
	if (s->model->task == EG_ANOMALY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s and no probabilities", s->model->model,
						eg_task_name(s->model->task)),
				 errhint("Use engage_predict(): its score is no probability.")));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < n; i++)
	{
		double		p = n == s->width ? out[i] : i == 1 ? out[0] : 1 - out[0];
		JsonbValue	key,
					value;

		key.type = jbvString;
		key.val.string.val = (char *) label(s, i);
		key.val.string.len = strlen(key.val.string.val);
		pushJsonbValue(&state, WJB_KEY, &key);
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(p)));
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

static Datum
quantiles_datum(const EgScorer *s, const double *out)
{
	Datum	   *items = palloc(sizeof(Datum) * s->width);
	int			i;

	if (s->model->task != EG_QUANTILE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s and no quantiles", s->model->model,
						eg_task_name(s->model->task)),
				 errhint("Train it with task => 'quantile'.")));
	for (i = 0; i < s->width; i++)
		items[i] = Float8GetDatum(out[i]);
	return PointerGetDatum(construct_array(items, s->width, FLOAT8OID, sizeof(float8),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Calibration of the part that scored the row; classes tells sets from intervals. */
static const EgConformal *
need_conformal(const EgScorer *s, bool classes)
{
	const EgConformal *c = s->used->conformal;
	bool		has_classes = s->model->task == EG_BINARY || s->model->task == EG_MULTICLASS;

	if (classes != has_classes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s and no %s", s->model->model,
						eg_task_name(s->model->task), classes ? "classes" : "intervals"),
				 has_classes ? errhint("Use engage_predict_set().") : 0));
	if (c == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %s of model \"%s\" was trained without intervals",
						s->model->version, s->model->model),
				 errhint("Train it with intervals => 0.9.")));
	return c;
}

static Datum
interval_datum(const EgScorer *s, const double *out)
{
	double		bounds[2];
	Datum		items[2];

	eg_conformal_interval(need_conformal(s, false), out, &bounds[0], &bounds[1]);
	items[0] = Float8GetDatum(bounds[0]);
	items[1] = Float8GetDatum(bounds[1]);
	return PointerGetDatum(construct_array(items, 2, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

/* The classes that the truth may be, the most probable first. */
static Datum
set_datum(const EgScorer *s, const double *out)
{
	const EgConformal *c = need_conformal(s, true);
	int			n = s->model->task == EG_BINARY ? 2 : s->width;
	int		   *members = palloc(sizeof(int) * n);
	Datum	   *items = palloc(sizeof(Datum) * n);
	int			count = 0;
	int			i,
				k;

	for (k = 0; k < n; k++)
	{
		double		p = n == s->width ? out[k] : k == 1 ? out[0] : 1 - out[0];

		if (!eg_conformal_member(c, out, s->width, k))
			continue;
		for (i = count++; i > 0; i--)
		{
			int			other = members[i - 1];

			if ((n == s->width ? out[other] : other == 1 ? out[0] : 1 - out[0]) >= p)
				break;
			members[i] = other;
		}
		members[i] = k;
	}
	for (i = 0; i < count; i++)
		items[i] = CStringGetTextDatum(label(s, members[i]));
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
eg_output_datum(EgOutput output, const EgScorer *s, const double *out)
{
	switch (output)
	{
		case EG_OUT_NUMBER:
			return Float8GetDatum(eg_scorer_number(s, out));
		case EG_OUT_CLASS:
			return class_datum(s, out);
		case EG_OUT_PROBA:
			return proba_datum(s, out);
		case EG_OUT_QUANTILES:
			return quantiles_datum(s, out);
		case EG_OUT_INTERVAL:
			return interval_datum(s, out);
		case EG_OUT_SET:
			return set_datum(s, out);
	}
	return (Datum) 0;			/* keep compiler quiet */
}

static inline Datum
predict_row(FunctionCallInfo fcinfo, EgOutput output)
{
	EgScorer   *s = eg_call_site_scorer(fcinfo);
	EgRouter   *r = eg_call_site_router(fcinfo);
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	Datum		result;

	if (unlikely(r != NULL))
		s = eg_router_scorer(r, eg_router_tuple(r, row));
	eg_tally_begin(s->tally);
	result = eg_output_datum(output, s, eg_scorer_tuple(s, row));
	eg_tally_end(s->tally);
	return result;
}

static inline Datum
predict_jsonb(FunctionCallInfo fcinfo, EgOutput output)
{
	EgScorer   *s = eg_call_site_scorer(fcinfo);
	EgRouter   *r = eg_call_site_router(fcinfo);
	Jsonb	   *row = PG_GETARG_JSONB_P(1);
	Datum		result;

	if (unlikely(r != NULL))
		s = eg_router_scorer(r, eg_router_jsonb(r, row));
	eg_tally_begin(s->tally);
	result = eg_output_datum(output, s, eg_scorer_jsonb(s, row));
	eg_tally_end(s->tally);
	return result;
}

/* engage_predict(model text, row record | jsonb) returns float8 */
Datum
engage_predict_row(PG_FUNCTION_ARGS)
{
	return predict_row(fcinfo, EG_OUT_NUMBER);
}

Datum
engage_predict_jsonb(PG_FUNCTION_ARGS)
{
	return predict_jsonb(fcinfo, EG_OUT_NUMBER);
}

/* engage_predict_class(model text, row record | jsonb) returns text */
Datum
engage_predict_class_row(PG_FUNCTION_ARGS)
{
	return predict_row(fcinfo, EG_OUT_CLASS);
}

Datum
engage_predict_class_jsonb(PG_FUNCTION_ARGS)
{
	return predict_jsonb(fcinfo, EG_OUT_CLASS);
}

/* engage_predict_proba(model text, row record | jsonb) returns jsonb */
Datum
engage_predict_proba_row(PG_FUNCTION_ARGS)
{
	return predict_row(fcinfo, EG_OUT_PROBA);
}

Datum
engage_predict_proba_jsonb(PG_FUNCTION_ARGS)
{
	return predict_jsonb(fcinfo, EG_OUT_PROBA);
}

/* engage_predict_quantiles(model text, row record | jsonb) returns float8[] */
Datum
engage_predict_quantiles_row(PG_FUNCTION_ARGS)
{
	return predict_row(fcinfo, EG_OUT_QUANTILES);
}

Datum
engage_predict_quantiles_jsonb(PG_FUNCTION_ARGS)
{
	return predict_jsonb(fcinfo, EG_OUT_QUANTILES);
}

/* engage_predict_interval(model text, row record | jsonb) returns float8[] */
Datum
engage_predict_interval_row(PG_FUNCTION_ARGS)
{
	return predict_row(fcinfo, EG_OUT_INTERVAL);
}

Datum
engage_predict_interval_jsonb(PG_FUNCTION_ARGS)
{
	return predict_jsonb(fcinfo, EG_OUT_INTERVAL);
}

/* engage_predict_set(model text, row record | jsonb) returns text[] */
Datum
engage_predict_set_row(PG_FUNCTION_ARGS)
{
	return predict_row(fcinfo, EG_OUT_SET);
}

Datum
engage_predict_set_jsonb(PG_FUNCTION_ARGS)
{
	return predict_jsonb(fcinfo, EG_OUT_SET);
}
