/*-------------------------------------------------------------------------
 *
 * api_plot_segments.c
 *	  engage_components(), engage_projection() and engage_silhouettes(): rows as
 *	  the algorithm of a model of segments sees them.
 *
 * The space is that of the training rows stored with the model, so that pictures
 * of two sources can be compared, and no part of it hangs on the source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "algo/space.h"
#include "algo/validity.h"
#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "api/segments.h"
#include "engage.h"
#include "eval/pca.h"
#include "store/evaluate.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/segments.h"
#include "store/train.h"

PG_FUNCTION_INFO_V1(engage_components);
PG_FUNCTION_INFO_V1(engage_projection);
PG_FUNCTION_INFO_V1(engage_silhouettes);

#define DEFAULT_SAMPLE	2000
#define MOST_SAMPLE		20000
#define MOST_COMPONENTS	50

/* A model's space, and rows in it. */
typedef struct View
{
	EgRun		run;
	const char *model;
	EgScored   *training;		/* rows stored with the model */
	EgSpace    *space;
	EgScored   *sample;			/* of a source, */
	float	   *x;				/* in the space, (n, width) */
	int32	   *label;			/* (n) -1: noise */
	EgSegmentName *names;
} View;

static float *
rows_in_space(const EgSpace *space, const EgScored *s)
{
	float	   *x = palloc_extended(Max(s->n * space->width, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	Size		i;

	for (i = 0; i < s->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		eg_space_row(space, s->x + i * s->stride, x + i * space->width);
	}
	return x;
}

/* The space of argument 0, with the parameters of the model's own. */
static View *
view_create(FunctionCallInfo fcinfo, const char *function)
{
	View	   *v = palloc0(sizeof(View));
	EgVersionRow *version;
	EgCompiled *model;
	EgDataset	data = {0};
	Jsonb	   *params;
	char	   *scale;
	char	   *metric;

	v->model = eg_arg_required(fcinfo, 0, "model");
	v->run.threads = 1;
	v->run.memory_limit = (Size) eg_max_memory * 1024;
	version = eg_models_version(v->model, EG_PRIV_USE);
	model = eg_cache_get(version->id, CurrentMemoryContext);
	eg_require_segments(model, function);
	if (model->parts[0]->baseline == NULL || model->parts[0]->baseline->nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no rows stored with it", version->model),
				 errhint("Train with background => %d or more.", EG_SEGMENT_ROWS)));
	v->training = eg_score_background(v->model, MOST_SAMPLE);
	params = eg_json_parse(model->parts[0]->params ? model->parts[0]->params : "{}");
	scale = eg_jsonb_text(params, "scale");
	metric = eg_jsonb_text(params, "metric");
	data.x.nrows = data.nfit = v->training->n;
	data.x.ncols = v->training->schema->nfeatures;
	data.x.data = v->training->x;
	data.task = EG_CLUSTERING;
	data.ncategories = v->training->schema->ncategories;
	data.names = (const char *const *) v->training->schema->names;
	data.categories = eg_train_category_words(v->training->schema);
	v->space = eg_space_fit(&data, scale == NULL || strcmp(scale, "false") != 0,
							metric != NULL && strcmp(metric, "cosine") == 0);
	v->names = eg_segment_names(model->version_id, model->width);
	return v;
}

/* Rows of the source in argument 1; sample and seed are arguments 2 and 3. */
static void
view_source(FunctionCallInfo fcinfo, View *v)
{
	EgEvaluateSpec spec = {0};
	Size		i;

	spec.model = v->model;
	spec.source = eg_arg_required(fcinfo, 1, "source");
	spec.sample = eg_arg_between(fcinfo, 2, "sample", 2, MOST_SAMPLE, DEFAULT_SAMPLE);
	spec.seed = PG_ARGISNULL(3) ? 1 : PG_GETARG_INT64(3);
	spec.no_truth = true;
	v->sample = eg_score_sample(&spec, &v->run);
	v->x = rows_in_space(v->space, v->sample);
	v->label = palloc_extended(Max(v->sample->n, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	for (i = 0; i < v->sample->n; i++)
		v->label[i] = eg_scorer_class(v->sample->scorer, v->sample->score + i * v->sample->width);
}

static EgPca *
components_of(View *v, int most)
{
	return eg_pca(rows_in_space(v->space, v->training), v->training->n, v->space->width, most,
				  &v->run);
}

/* The segment's number and name, as engage_segments() has them. */
static void
put_segment(const View *v, int label, Datum *values, bool *nulls)
{
	int			segment = EG_SEGMENT_NUMBER(label);
	const char *name = segment == 0 ? EG_NOISE : v->names[segment].name;

	values[0] = Int32GetDatum(segment);
	nulls[1] = name == NULL;
	values[1] = name ? CStringGetTextDatum(name) : (Datum) 0;
}

/* engage_components(model, components): component, share, feature, loading. */
Datum
engage_components(PG_FUNCTION_ARGS)
{
	int			most = eg_arg_between(fcinfo, 1, "components", 1, MOST_COMPONENTS, 2);
	View	   *v = view_create(fcinfo, "engage_components()");
	EgPca	   *pca = components_of(v, most);
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	int			c,
				j;

	for (c = 0; c < pca->n; c++)
	{
		for (j = 0; j < pca->d; j++)
		{
			Datum		values[4];
			bool		nulls[4] = {false};

			values[0] = Int32GetDatum(c + 1);
			values[1] = Float8GetDatum(pca->share[c]);
			values[2] = CStringGetTextDatum(v->space->names[j]);
			values[3] = Float8GetDatum(pca->direction[(Size) c * pca->d + j]);
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
	return (Datum) 0;
}

/* engage_projection(model, source, sample, seed): segment, name, x, y. */
Datum
engage_projection(PG_FUNCTION_ARGS)
{
	View	   *v = view_create(fcinfo, "engage_projection()");
	EgPca	   *pca;
	TupleDesc	desc;
	Tuplestorestate *store;
	Size		i;

	view_source(fcinfo, v);
	pca = components_of(v, 2);
	store = eg_result_rows(fcinfo, &desc);
	for (i = 0; i < v->sample->n; i++)
	{
		double		at[2] = {0};
		Datum		values[4];
		bool		nulls[4] = {false};

		CHECK_FOR_INTERRUPTS();
		eg_pca_row(pca, v->x + i * v->space->width, at);
		put_segment(v, v->label[i], values, nulls);
		values[2] = Float8GetDatum(at[0]);
		values[3] = Float8GetDatum(at[1]);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* ----------
 * Silhouettes
 * ----------
 */
typedef struct Width
{
	int32		label;
	double		width;
} Width;

static int
compare_widths(const void *a, const void *b)
{
	const Width *p = a;
	const Width *q = b;

	if (p->label != q->label)
		return p->label < q->label ? -1 : 1;
	return p->width > q->width ? -1 : p->width < q->width;
}

/* engage_silhouettes(model, source, sample, seed): segment, name, width. */
Datum
engage_silhouettes(PG_FUNCTION_ARGS)
{
	View	   *v = view_create(fcinfo, "engage_silhouettes()");
	EgClustering c = {0};
	double	   *each;
	Width	   *widths;
	TupleDesc	desc;
	Tuplestorestate *store;
	Size		n = 0;
	Size		i;

	view_source(fcinfo, v);
	c.x = v->x;
	c.n = v->sample->n;
	c.d = v->space->width;
	c.label = v->label;
	c.k = v->sample->width;
	each = palloc_extended(Max(c.n, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	widths = palloc_extended(Max(c.n, 1) * sizeof(Width), MCXT_ALLOC_HUGE);
	for (i = 0; i < c.n; i++)
		each[i] = NAN;
	(void) eg_silhouette(&c, each);
	for (i = 0; i < c.n; i++)
	{
		if (isnan(each[i]))
			continue;
		widths[n].label = v->label[i];
		widths[n++].width = each[i];
	}
	qsort(widths, n, sizeof(Width), compare_widths);
	store = eg_result_rows(fcinfo, &desc);
	for (i = 0; i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		put_segment(v, widths[i].label, values, nulls);
		values[2] = Float8GetDatum(widths[i].width);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
