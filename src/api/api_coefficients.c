/*-------------------------------------------------------------------------
 *
 * api_coefficients.c
 *	  engage_coefficients(): the table of a linear model's coefficients.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "algo/coefficients.h"
#include "api/predict.h"
#include "api/result.h"
#include "store/cache.h"
#include "store/models.h"

PG_FUNCTION_INFO_V1(engage_coefficients);
PG_FUNCTION_INFO_V1(engage_coefficients_value);

#define NCOLUMNS	12

static void
no_coefficients(const EgAlgorithm *algorithm)
{
	StringInfoData known;
	int			i;

	initStringInfo(&known);
	for (i = 0; eg_algorithms[i]; i++)
	{
		if (eg_algorithms[i]->coefficients)
			appendStringInfo(&known, "%s%s", known.len ? ", " : "", eg_algorithms[i]->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a model of algorithm \"%s\" has no coefficients", algorithm->name),
			 errhint("Algorithms that have: %s.", known.data)));
}

static double
level_arg(FunctionCallInfo fcinfo)
{
	double		level;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "level")));
	level = PG_GETARG_FLOAT8(1);
	if (!(level > 0 && level < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level must be in (0, 1), not %g", level)));
	return level;
}

/* The class that a line is about: the positive one of two. */
static const char *
class_of(const EgSchema *schema, int nout, int output)
{
	int			label = nout == 1 ? schema->nlabels - 1 : output;

	return label >= 0 && label < schema->nlabels ? schema->labels[label] : NULL;
}

/* The word of a category's code. */
static const char *
category_of(const EgSchema *schema, int feature, int code)
{
	int			i;

	for (i = 0; i < schema->ncolumns; i++)
	{
		const EgColumn *c = &schema->columns[i];

		if (c->first == feature && code >= 0 && code < c->ncategories)
			return c->categories[code];
	}
	return NULL;
}

static void
set_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text != NULL ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
set_number(Datum *values, bool *nulls, int i, double v)
{
	nulls[i] = isnan(v);
	values[i] = Float8GetDatum(v);
}

static void
put_part(const EgArtifact *a, const char *part, double level, Tuplestorestate *store,
		 TupleDesc desc)
{
	const EgSchema *schema = a->schema;
	const char *exponential;
	const EgCoefs *c = a->algorithm->coefficients(a->model, &exponential);
	int			n;
	EgCoefRow  *rows = eg_coefs_rows(c, level, &n);
	int			i;

	for (i = 0; i < n; i++)
	{
		const EgCoefRow *row = &rows[i];
		Datum		values[NCOLUMNS];
		bool		nulls[NCOLUMNS];

		set_text(values, nulls, 0, part);
		set_text(values, nulls, 1, class_of(schema, c->nout, row->output));
		set_text(values, nulls, 2, row->term);
		set_text(values, nulls, 3, row->feature >= 0 ? schema->names[row->feature] : NULL);
		set_text(values, nulls, 4, row->feature >= 0 ?
				 category_of(schema, row->feature, row->code) : NULL);
		set_number(values, nulls, 5, row->estimate);
		set_number(values, nulls, 6, row->error);
		set_number(values, nulls, 7, row->statistic);
		set_number(values, nulls, 8, row->p);
		set_number(values, nulls, 9, row->low);
		set_number(values, nulls, 10, row->high);
		set_number(values, nulls, 11, exponential != NULL ? exp(row->estimate) : NAN);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

static Datum
put_model(FunctionCallInfo fcinfo, const EgCompiled *c)
{
	double		level = level_arg(fcinfo);
	TupleDesc	desc;
	Tuplestorestate *store;
	int			i;

	if (c->parts[0]->algorithm->coefficients == NULL)
		no_coefficients(c->parts[0]->algorithm);
	store = eg_result_rows(fcinfo, &desc);
	for (i = 0; i < c->nparts; i++)
		put_part(c->parts[i], c->values[i], level, store, desc);
	return (Datum) 0;
}

/* engage_coefficients(model text, level float8) */
Datum
engage_coefficients(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "model")));
	return put_model(fcinfo, eg_cache_get(
						 eg_models_resolve(text_to_cstring(PG_GETARG_TEXT_PP(0))),
						 CurrentMemoryContext));
}

/* engage_coefficients(model bytea, level float8): of a value that engage_fit() made */
Datum
engage_coefficients_value(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "model")));
	return put_model(fcinfo, eg_model_value(PG_GETARG_BYTEA_PP(0)));
}
