/*-------------------------------------------------------------------------
 *
 * api_fit.c
 *	  engage_fit(): training as an aggregate; engage_predict() with its value.
 *
 * Once loaded, a model value is kept in fn_extra as long as the argument stays
 * the same.  Bytes of anyone's making are not for every user to feed to the
 * code that loads models, so a value needs this server's seal, which engage_fit()
 * gives; superusers may use any.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "api/predict.h"
#include "base/compat.h"
#include "engage.h"
#include "store/fit.h"
#include "store/schema_private.h"

PG_FUNCTION_INFO_V1(engage_fit_accum);
PG_FUNCTION_INFO_V1(engage_fit_combine);
PG_FUNCTION_INFO_V1(engage_fit_final);
PG_FUNCTION_INFO_V1(engage_predict_value_row);
PG_FUNCTION_INFO_V1(engage_predict_value_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_value_array);
PG_FUNCTION_INFO_V1(engage_predict_class_value_row);
PG_FUNCTION_INFO_V1(engage_predict_class_value_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_class_value_array);
PG_FUNCTION_INFO_V1(engage_predict_proba_value_row);
PG_FUNCTION_INFO_V1(engage_predict_proba_value_jsonb);
PG_FUNCTION_INFO_V1(engage_predict_proba_value_array);

/* ----------
 * The aggregate
 * ----------
 */

/* arguments of engage_fit_accum() */
enum
{
	ARG_STATE, ARG_ALGORITHM, ARG_TARGET, ARG_FEATURES, ARG_PARAMS, ARG_TASK, ARG_NAMES
};

static void
need_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this function is a part of the aggregate engage_fit()")));
}

static char *
text_arg(FunctionCallInfo fcinfo, int i)
{
	return i >= PG_NARGS() || PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static EgFitHead
head_of_call(FunctionCallInfo fcinfo)
{
	EgFitHead	head = {0};
	Datum	   *items;
	bool	   *nulls;
	int			n,
				i;

	head.algorithm = text_arg(fcinfo, ARG_ALGORITHM);
	if (head.algorithm == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "algorithm")));
	(void) eg_algorithm_find(head.algorithm);
	if (PG_NARGS() > ARG_PARAMS && !PG_ARGISNULL(ARG_PARAMS))
	{
		Jsonb	   *params = PG_GETARG_JSONB_P(ARG_PARAMS);

		head.params = JsonbToCString(NULL, &params->root, VARSIZE(params));
	}
	head.task = text_arg(fcinfo, ARG_TASK);
	if (PG_NARGS() > ARG_NAMES && !PG_ARGISNULL(ARG_NAMES))
	{
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_NAMES), TEXTOID, -1, false, TYPALIGN_INT,
						  &items, &nulls, &n);
		for (i = 0; i < n; i++)
		{
			if (nulls[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("argument \"%s\" must not contain NULL", "names")));
			head.names = lappend(head.names, TextDatumGetCString(items[i]));
		}
	}
	return head;
}

/* engage.fit_accum(state, algorithm, target, features [, params [, task, names]]) */
Datum
engage_fit_accum(PG_FUNCTION_ARGS)
{
	EgFitReader *reader = fcinfo->flinfo->fn_extra;
	bytea	   *state = NULL;
	bool		in_place = false;
	EgWriter	row;

	need_aggregate(fcinfo);
	if (!PG_ARGISNULL(ARG_STATE))
	{
		state = PG_GETARG_BYTEA_P(ARG_STATE);
		in_place = PointerGetDatum(state) == PG_GETARG_DATUM(ARG_STATE);
	}
	if (reader == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		reader = eg_fit_reader_create(get_fn_expr_argtype(fcinfo->flinfo, ARG_TARGET),
									  get_fn_expr_argtype(fcinfo->flinfo, ARG_FEATURES));
		MemoryContextSwitchTo(old);
		fcinfo->flinfo->fn_extra = reader;
	}
	eg_writer_init(&row);
	if (!PG_ARGISNULL(ARG_FEATURES) &&
		eg_fit_pack(reader, PG_GETARG_DATUM(ARG_TARGET), PG_ARGISNULL(ARG_TARGET),
					PG_GETARG_DATUM(ARG_FEATURES), &row))
	{
		if (state != NULL)
			eg_fit_check(reader, state);
		else
		{
			EgFitHead	head = head_of_call(fcinfo);

			state = eg_fit_begin(reader, &head);
			in_place = true;
		}
		state = eg_fit_append(state, &row, in_place);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(state);
}

/* engage.fit_combine(state, state) */
Datum
engage_fit_combine(PG_FUNCTION_ARGS)
{
	bytea	   *state;

	need_aggregate(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	state = PG_GETARG_BYTEA_P(0);
	PG_RETURN_BYTEA_P(eg_fit_combine(state, PG_GETARG_BYTEA_PP(1),
									 PointerGetDatum(state) == PG_GETARG_DATUM(0)));
}

/* engage.fit_final(state): the model, sealed */
Datum
engage_fit_final(PG_FUNCTION_ARGS)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context;
	EgRun		run = {0};
	char	   *bytes;
	bytea	   *result;
	Size		len;

	need_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	run.seed = 1;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	context = AllocSetContextCreate(old, "engage training", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	bytes = eg_fit_finish(PG_GETARG_BYTEA_PP(0), &run, &len);
	if (bytes == NULL)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		PG_RETURN_NULL();
	}
	bytes = eg_artifact_seal(bytes, len, &len);
	if (len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model has %zu bytes, but a value has at most %zu", len,
						(Size) MaxAllocSize - VARHDRSZ),
				 errhint("Use engage_train().")));
	MemoryContextSwitchTo(old);
	result = palloc(VARHDRSZ + len);
	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), bytes, len);
	MemoryContextDelete(context);
	PG_RETURN_BYTEA_P(result);
}

/* ----------
 * Scoring with a model value
 * ----------
 */

typedef struct ValueSite
{
	MemoryContext context;		/* of all below but this struct */
	Oid			user;
	Size		size;			/* of key */
	char	   *key;			/* the datum as it came, maybe a pointer to a toasted one */
	EgScorer   *scorer;
	EgConverter array;			/* of the features */
} ValueSite;

EgCompiled *
eg_model_value(const bytea *value)
{
	EgCompiled *c = palloc0(sizeof(EgCompiled));

	if (!superuser() && !eg_artifact_is_sealed(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the model was not made by engage_fit() on this server"),
				 errhint("A superuser can use it, or store it with engage_import().")));
	c->model = "value";
	c->version = "1.0.0";
	c->nparts = 1;
	c->parts = palloc(sizeof(EgArtifact *));
	c->values = palloc0(sizeof(char *));
	c->parts[0] = eg_artifact_load(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	c->task = c->parts[0]->task;
	c->width = c->parts[0]->algorithm->width(c->parts[0]->model);
	c->threshold = 0.5;
	return c;
}

/* A constant; a parameter is none, for PL/pgSQL keeps expressions while it changes. */
static bool
is_constant(FunctionCallInfo fcinfo)
{
	Node	   *expr = fcinfo->flinfo->fn_expr;

	return expr != NULL && IsA(expr, FuncExpr) && IsA(linitial(((FuncExpr *) expr)->args), Const);
}

static ValueSite *
value_site(FunctionCallInfo fcinfo)
{
	ValueSite  *site = fcinfo->flinfo->fn_extra;
	struct varlena *raw = (struct varlena *) PG_GETARG_POINTER(0);
	Size		size = VARSIZE_ANY(raw);
	MemoryContext old;
	bytea	   *value;

	if (site != NULL && site->scorer != NULL && site->user == GetUserId() &&
		(is_constant(fcinfo) ||
		 (site->size == size && memcmp(site->key, raw, size) == 0)))
		return site;

	if (site == NULL)
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ValueSite));
		site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "engage call site",
											  ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = site;
	}
	site->scorer = NULL;
	MemoryContextReset(site->context);
	value = PG_GETARG_BYTEA_PP(0);
	old = MemoryContextSwitchTo(site->context);
	site->key = palloc(size);
	memcpy(site->key, raw, size);
	site->size = size;
	site->user = GetUserId();
	site->scorer = eg_scorer_create(eg_model_value(value), site->context);
	MemoryContextSwitchTo(old);
	return site;
}

static Datum
value_row(FunctionCallInfo fcinfo, EgOutput output)
{
	EgScorer   *s = value_site(fcinfo)->scorer;

	return eg_output_datum(output, s, eg_scorer_tuple(s, PG_GETARG_HEAPTUPLEHEADER(1)));
}

static Datum
value_jsonb(FunctionCallInfo fcinfo, EgOutput output)
{
	EgScorer   *s = value_site(fcinfo)->scorer;

	return eg_output_datum(output, s, eg_scorer_jsonb(s, PG_GETARG_JSONB_P(1)));
}

static Datum
value_array(FunctionCallInfo fcinfo, EgOutput output)
{
	ValueSite  *site = value_site(fcinfo);
	EgScorer   *s = site->scorer;
	float	   *x;
	int			n;

	if (site->array.type == InvalidOid)
		(void) eg_converter_init(&site->array, FLOAT8ARRAYOID);
	n = eg_convert_array(&site->array, PG_GETARG_DATUM(1), -2, NULL);
	x = palloc(sizeof(float) * Max(n, 1));
	(void) eg_convert_array(&site->array, PG_GETARG_DATUM(1), n, x);
	return eg_output_datum(output, s, eg_scorer_numbers(s, x, n));
}

/* engage_predict(model bytea, row record | jsonb | float8[]) returns float8 */
Datum
engage_predict_value_row(PG_FUNCTION_ARGS)
{
	return value_row(fcinfo, EG_OUT_NUMBER);
}

Datum
engage_predict_value_jsonb(PG_FUNCTION_ARGS)
{
	return value_jsonb(fcinfo, EG_OUT_NUMBER);
}

Datum
engage_predict_value_array(PG_FUNCTION_ARGS)
{
	return value_array(fcinfo, EG_OUT_NUMBER);
}

/* engage_predict_class(model bytea, row record | jsonb | float8[]) returns text */
Datum
engage_predict_class_value_row(PG_FUNCTION_ARGS)
{
	return value_row(fcinfo, EG_OUT_CLASS);
}

Datum
engage_predict_class_value_jsonb(PG_FUNCTION_ARGS)
{
	return value_jsonb(fcinfo, EG_OUT_CLASS);
}

Datum
engage_predict_class_value_array(PG_FUNCTION_ARGS)
{
	return value_array(fcinfo, EG_OUT_CLASS);
}

/* engage_predict_proba(model bytea, row record | jsonb | float8[]) returns jsonb */
Datum
engage_predict_proba_value_row(PG_FUNCTION_ARGS)
{
	return value_row(fcinfo, EG_OUT_PROBA);
}

Datum
engage_predict_proba_value_jsonb(PG_FUNCTION_ARGS)
{
	return value_jsonb(fcinfo, EG_OUT_PROBA);
}

Datum
engage_predict_proba_value_array(PG_FUNCTION_ARGS)
{
	return value_array(fcinfo, EG_OUT_PROBA);
}
