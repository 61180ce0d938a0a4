/*-------------------------------------------------------------------------
 *
 * api_dependence.c
 *	  engage_dependence(): what a feature does to the score.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "base/compat.h"
#include "engage.h"
#include "eval/dependence.h"
#include "store/explain.h"
#include "store/models.h"
#include "store/progress.h"

PG_FUNCTION_INFO_V1(engage_dependence);

#define DEFAULT_GRID	20
#define MOST_GRID		1000
#define MOST_SURFACE	100		/* in each direction */
#define DEFAULT_SAMPLE	1000
#define MOST_SAMPLE		1000000
#define HINT_FEATURES	20

enum
{
	ARG_MODEL,
	ARG_SOURCE,
	ARG_FEATURE,
	ARG_KIND,
	ARG_GRID,
	ARG_CLASS,
	ARG_SAMPLE,
	ARG_FEATURE2,
	ARG_KEY,
	ARG_SEED
};

enum
{
	COL_ID,
	COL_VALUE_TEXT,
	COL_X,
	COL_SECOND,
	COL_SECOND_TEXT,
	COL_X2,
	COL_VALUE,
	COL_DEVIATION,
	COL_LOWER,
	COL_UPPER,
	COL_COUNT,
	NCOLS
};

typedef enum Kind
{
	KIND_PARTIAL,
	KIND_ICE,
	KIND_ALE,
	KIND_SHAP
} Kind;

static const char *const kind_names[] = {"partial", "ice", "ale", "shap"};

/* One call. */
typedef struct Call
{
	Kind		kind;
	int			points;
	EgScored   *s;
	EgDependence d;
	EgRun		run;
	int			feature;
	int			second;			/* -1 for none */
	Tuplestorestate *store;
	TupleDesc	desc;
} Call;

/* ----------
 * Arguments
 * ----------
 */

static Kind
kind_argument(const char *word)
{
	StringInfoData known;
	int			i;

	initStringInfo(&known);
	for (i = 0; i < lengthof(kind_names); i++)
	{
		if (word == NULL || strcmp(word, kind_names[i]) == 0)
			return i;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", kind_names[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("dependence kind \"%s\" is not known", word),
			 errhint("The kinds are %s.", known.data)));
	return KIND_PARTIAL;		/* keep compiler quiet */
}

typedef struct Near
{
	int			distance;
	int			feature;
} Near;

static int
by_distance(const void *a, const void *b)
{
	const Near *x = a,
			   *y = b;

	return x->distance != y->distance ? x->distance - y->distance : x->feature - y->feature;
}

/* The feature of that name; the error lists those with similar names first. */
static int
find_feature(const EgCompiled *model, const char *name)
{
	const EgSchema *schema = model->parts[0]->schema;
	Near	   *near = palloc(sizeof(Near) * Max(schema->nfeatures, 1));
	StringInfoData known;
	int			i;

	for (i = 0; i < schema->nfeatures; i++)
	{
		const char *have = schema->names[i];

		if (strcmp(have, name) == 0)
			return i;
		near[i].feature = i;
		near[i].distance = Max(strlen(name), strlen(have)) >= NAMEDATALEN ? 0 :
			varstr_levenshtein(name, strlen(name), have, strlen(have), 1, 1, 1, true);
	}
	qsort(near, schema->nfeatures, sizeof(Near), by_distance);
	initStringInfo(&known);
	for (i = 0; i < schema->nfeatures && i < HINT_FEATURES; i++)
		appendStringInfo(&known, "%s\"%s\"", i > 0 ? ", " : "", schema->names[near[i].feature]);
	if (i < schema->nfeatures)
		appendStringInfo(&known, " and %d more", schema->nfeatures - i);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("model \"%s\" has no feature \"%s\"", model->model, name),
			 errhint("Its features are %s.", known.data)));
	return -1;					/* keep compiler quiet */
}

static void
second_argument(Call *c, const EgCompiled *model, const char *name)
{
	const EgSchema *schema = model->parts[0]->schema;
	const int  *ncategories = schema->ncategories;

	c->second = -1;
	if (name == NULL)
		return;
	c->second = find_feature(model, name);
	if (c->second == c->feature)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" cannot be looked at together with itself", name)));
	if (c->kind == KIND_ICE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"feature2\" is not for kind \"ice\""),
				 errhint("Use kind => 'partial' for a surface.")));
	if (c->kind != KIND_SHAP && c->points > MOST_SURFACE)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg(
				 "argument \"grid\" is %d, but a surface has at most %d values in each direction",
				 c->points, MOST_SURFACE)));
	if (c->kind == KIND_ALE && (ncategories[c->feature] > 0 || ncategories[c->second] > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("accumulated local effects of two features need numbers, and \"%s\" "
							   "holds categories",
							   schema->names[ncategories[c->feature] > 0 ? c->feature : c->second]),
						errhint("Use kind => 'partial'.")));
}

/* ----------
 * Results
 * ----------
 */

static void
row_clear(Datum *values, bool *nulls)
{
	int			i;

	for (i = 0; i < NCOLS; i++)
	{
		values[i] = (Datum) 0;
		nulls[i] = true;
	}
}

static void
row_number(Datum *values, bool *nulls, int column, double v)
{
	nulls[column] = false;
	values[column] = Float8GetDatum(v);
}

/* A number without the digits that only its single precision gave it. */
static double
tidy(double v)
{
	char		buf[32];
	int			digits;

	for (digits = 6; digits < 9; digits++)
	{
		snprintf(buf, sizeof(buf), "%.*g", digits, v);
		if ((float) strtod(buf, NULL) == (float) v)
			break;
	}
	snprintf(buf, sizeof(buf), "%.*g", digits, v);
	return strtod(buf, NULL);
}

/* A value in words, and as a number to plot by; place: of a category among those shown. */
static void
row_value(const Call *c, Datum *values, bool *nulls, int text_column, int feature, double v,
		  int place)
{
	const EgColumn *column = eg_feature_column(c->s->schema, feature, NULL);
	char	   *text = eg_feature_text(c->s->schema, feature, v);
	double		x = v;

	if (text)
	{
		nulls[text_column] = false;
		values[text_column] = CStringGetTextDatum(text);
	}
	if (isnan(v))
		return;
	if (column->kind == EG_COL_CATEGORY)
		x = place + 1;
	else if (column->kind == EG_COL_DATE)
		x = rint((v + column->origin + POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY);
	else
		x = tidy(v);
	row_number(values, nulls, text_column + 1, x);
}

static void
row_second(const Call *c, Datum *values, bool *nulls, double v, int place)
{
	nulls[COL_SECOND] = false;
	values[COL_SECOND] = CStringGetTextDatum(c->s->schema->names[c->second]);
	row_value(c, values, nulls, COL_SECOND_TEXT, c->second, v, place);
}

static void
row_id(const Call *c, Datum *values, bool *nulls, Size i)
{
	if (c->s->text)
	{
		nulls[COL_ID] = c->s->text[i] == NULL;
		values[COL_ID] = c->s->text[i] ? CStringGetTextDatum(c->s->text[i]) : (Datum) 0;
	}
	else
	{
		nulls[COL_ID] = false;
		values[COL_ID] = CStringGetTextDatum(psprintf("%zu", (size_t) i + 1));
	}
}

static void
put_row(Call *c, Datum *values, bool *nulls)
{
	tuplestore_putvalues(c->store, c->desc, values, nulls);
	CHECK_FOR_INTERRUPTS();
}

/* ----------
 * Kinds
 * ----------
 */

static void pg_attribute_noreturn()
no_value_error(const Call *c, int feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("feature \"%s\" has no value in the %zu rows of the sample",
					c->s->schema->names[feature], (size_t) c->s->n),
			 errhint("Take other rows as a source, or a larger sample.")));
}

static void
put_partial(Call *c)
{
	EgGrid		a = eg_dependence_grid(&c->d, c->feature, c->points);
	EgGrid		b = {0};
	EgPoint    *points;
	double	   *each = NULL;
	Datum		values[NCOLS];
	bool		nulls[NCOLS];
	Size		i;
	int			p,
				q,
				nb = 1;

	if (a.n == 0)
		no_value_error(c, c->feature);
	if (c->second >= 0)
	{
		b = eg_dependence_grid(&c->d, c->second, c->points);
		if (b.n == 0)
			no_value_error(c, c->second);
		nb = b.n;
	}
	points = palloc_extended(sizeof(EgPoint) * a.n * nb, MCXT_ALLOC_HUGE);
	if (c->kind == KIND_ICE)
	{
		eg_check_memory(sizeof(double) * c->s->n * a.n, c->run.memory_limit,
						"keeping the curves of the sample");
		each = palloc_extended(sizeof(double) * c->s->n * a.n, MCXT_ALLOC_HUGE);
	}
	eg_dependence_partial(&c->d, &a, c->second >= 0 ? &b : NULL, points, each);

	for (i = 0; each && i < c->s->n; i++)
	{
		for (p = 0; p < a.n; p++)
		{
			row_clear(values, nulls);
			row_id(c, values, nulls, i);
			row_value(c, values, nulls, COL_VALUE_TEXT, c->feature, a.value[p], p);
			row_number(values, nulls, COL_VALUE, each[p * c->s->n + i]);
			put_row(c, values, nulls);
		}
	}
	for (p = 0; each == NULL && p < a.n; p++)
	{
		for (q = 0; q < nb; q++)
		{
			const EgPoint *at = &points[p * nb + q];

			row_clear(values, nulls);
			row_value(c, values, nulls, COL_VALUE_TEXT, c->feature, a.value[p], p);
			if (c->second >= 0)
				row_second(c, values, nulls, b.value[q], q);
			row_number(values, nulls, COL_VALUE, at->mean);
			row_number(values, nulls, COL_DEVIATION, at->deviation);
			row_number(values, nulls, COL_LOWER, at->lower);
			row_number(values, nulls, COL_UPPER, at->upper);
			nulls[COL_COUNT] = false;
			values[COL_COUNT] = Int64GetDatum((int64) at->count);
			put_row(c, values, nulls);
		}
	}
}

static void
put_ale(Call *c)
{
	EgAle		ale = eg_dependence_ale(&c->d, c->feature, c->points);
	Datum		values[NCOLS];
	bool		nulls[NCOLS];
	int			p;

	if (ale.grid.n == 0)
		no_value_error(c, c->feature);
	for (p = 0; p < ale.grid.n; p++)
	{
		row_clear(values, nulls);
		row_value(c, values, nulls, COL_VALUE_TEXT, c->feature, ale.grid.value[p], p);
		row_number(values, nulls, COL_VALUE, ale.effect[p]);
		row_number(values, nulls, COL_DEVIATION, ale.deviation[p]);
		nulls[COL_COUNT] = false;
		values[COL_COUNT] = Int64GetDatum((int64) ale.grid.count[p]);
		put_row(c, values, nulls);
	}
}

static void
put_ale_pair(Call *c)
{
	EgGrid		a,
				b;
	double	   *count;
	double	   *effect = eg_dependence_ale_pair(&c->d, c->feature, c->second, c->points, &a, &b,
												&count);
	Datum		values[NCOLS];
	bool		nulls[NCOLS];
	int			p,
				q;

	if (a.n == 0 || b.n == 0)
		no_value_error(c, a.n == 0 ? c->feature : c->second);
	for (p = 0; p < a.n; p++)
	{
		for (q = 0; q < b.n; q++)
		{
			row_clear(values, nulls);
			row_value(c, values, nulls, COL_VALUE_TEXT, c->feature, a.value[p], p);
			row_second(c, values, nulls, b.value[q], q);
			row_number(values, nulls, COL_VALUE, effect[p * b.n + q]);
			nulls[COL_COUNT] = false;
			values[COL_COUNT] = Int64GetDatum((int64) count[p * b.n + q]);
			put_row(c, values, nulls);
		}
	}
}

/* Contribution of the feature in each row of the sample. */
static double *
contributions(Call *c)
{
	EgExplainOptions options = {0};
	EgExplainer *e = eg_explainer_create(c->s->scorer, &options, CurrentMemoryContext);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "engage explained row",
												  ALLOCSET_DEFAULT_SIZES);
	double	   *out = palloc_extended(sizeof(double) * c->s->n, MCXT_ALLOC_HUGE);
	Size		i;

	for (i = 0; i < c->s->n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		eg_sample_row(c->s, i);
		out[i] = eg_explainer_row(e, c->d.output)->contribution[c->feature];
		if (c->d.flip)
			out[i] = -out[i];
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
		eg_step(&c->run, (int) (i + 1), (int) c->s->n, NULL, 0);
	}
	return out;
}

static void
put_shap(Call *c)
{
	double	   *contribution;
	Datum		values[NCOLS];
	bool		nulls[NCOLS];
	Size		known,
				i;

	eg_dependence_sorted(&c->d, c->feature, &known);
	if (known == 0)
		no_value_error(c, c->feature);
	contribution = contributions(c);
	if (c->second < 0)
		c->second = eg_dependence_companion(&c->d, c->feature, contribution);
	for (i = 0; i < c->s->n; i++)
	{
		const float *x = c->s->x + i * c->s->stride;

		/* there is no order of rows: a category's place is its code */
		row_clear(values, nulls);
		row_id(c, values, nulls, i);
		row_value(c, values, nulls, COL_VALUE_TEXT, c->feature, x[c->feature],
				  isnan(x[c->feature]) ? 0 : (int) Min(x[c->feature], PG_INT16_MAX));
		if (c->second >= 0)
			row_second(c, values, nulls, x[c->second],
					   isnan(x[c->second]) ? 0 : (int) Min(x[c->second], PG_INT16_MAX));
		row_number(values, nulls, COL_VALUE, contribution[i]);
		put_row(c, values, nulls);
	}
}

static void
put_kind(Call *c)
{
	switch (c->kind)
	{
		case KIND_PARTIAL:
		case KIND_ICE:
			put_partial(c);
			break;
		case KIND_ALE:
			if (c->second >= 0)
				put_ale_pair(c);
			else
				put_ale(c);
			break;
		case KIND_SHAP:
			put_shap(c);
			break;
	}
}

/*
 * engage_dependence(model, source, feature, kind, grid, class, sample,
 * feature2, key, seed)
 */
Datum
engage_dependence(PG_FUNCTION_ARGS)
{
	Call		c = {0};
	EgEvaluateSpec spec = {0};
	EgProgress	progress = {0};
	EgCompiled *model;
	char	   *feature;

	spec.model = eg_arg_required(fcinfo, ARG_MODEL, "model");
	spec.source = eg_arg_required(fcinfo, ARG_SOURCE, "source");
	feature = eg_arg_required(fcinfo, ARG_FEATURE, "feature");
	c.kind = kind_argument(eg_arg_text(fcinfo, ARG_KIND));
	c.points = eg_arg_between(fcinfo, ARG_GRID, "grid", 2, MOST_GRID, DEFAULT_GRID);
	spec.sample = eg_arg_between(fcinfo, ARG_SAMPLE, "sample", 1, MOST_SAMPLE, DEFAULT_SAMPLE);
	if (c.kind == KIND_ICE || c.kind == KIND_SHAP)
		spec.label = eg_arg_text(fcinfo, ARG_KEY);
	spec.seed = PG_ARGISNULL(ARG_SEED) ? 1 : PG_GETARG_INT64(ARG_SEED);
	spec.no_truth = true;
	c.run.threads = 1;
	c.run.memory_limit = (Size) eg_max_memory * 1024;

	/* before the source is read */
	model = eg_cache_get(eg_models_resolve(spec.model), CurrentMemoryContext);
	c.feature = find_feature(model, feature);
	second_argument(&c, model, eg_arg_text(fcinfo, ARG_FEATURE2));
	c.s = eg_score_sample(&spec, &c.run);

	c.d.f = eg_sample_function;
	c.d.arg = c.s;
	c.d.width = c.s->width;
	c.d.output = eg_class_output(c.s->scorer, eg_arg_text(fcinfo, ARG_CLASS),
								 "engage_dependence()", &c.d.flip);
	c.d.x = c.s->x;
	c.d.n = c.s->n;
	c.d.stride = c.s->stride;
	c.d.ncols = c.s->schema->nfeatures;
	c.d.ncategories = c.s->schema->ncategories;
	c.d.run = &c.run;

	c.store = eg_result_rows(fcinfo, &c.desc);
	eg_progress_start(&progress, &c.run, psprintf("dependence of %s on %s", spec.model, feature),
					  c.kind == KIND_SHAP ? "row" : "block");
	PG_TRY();
	{
		put_kind(&c);
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();
	return (Datum) 0;
}
