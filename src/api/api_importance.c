/*-------------------------------------------------------------------------
 *
 * api_importance.c
 *	  engage_importance(): what a model relies on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/evaluate.h"
#include "api/measure.h"
#include "api/recipe.h"
#include "api/result.h"
#include "engage.h"
#include "eval/importance.h"
#include "store/explain.h"
#include "store/models.h"
#include "store/progress.h"

PG_FUNCTION_INFO_V1(engage_importance);

#define DEFAULT_REPEATS	5
#define MOST_REPEATS	1000
#define DEFAULT_SAMPLE	5000
#define MOST_SAMPLE		10000000

enum
{
	ARG_MODEL,
	ARG_SOURCE,
	ARG_METHOD,
	ARG_METRIC,
	ARG_REPEATS,
	ARG_SAMPLE,
	ARG_CLASS,
	ARG_TARGET,
	ARG_WEIGHT,
	ARG_GROUP_BY,
	ARG_EVENT,
	ARG_BY_COLUMN,
	ARG_SEED
};

typedef enum Method
{
	METHOD_MODEL,
	METHOD_WEIGHT,
	METHOD_GAIN,
	METHOD_TOTAL_GAIN,
	METHOD_COVER,
	METHOD_TOTAL_COVER,
	METHOD_SHAP,
	METHOD_PERMUTATION
} Method;

static const char *const method_names[] = {
	"model", "weight", "gain", "total_gain", "cover", "total_cover", "shap", "permutation"
};

/* What is ranked: features, or columns with all their features. */
typedef struct Units
{
	const EgSchema *schema;
	int			n;
	int		   *unit;			/* (nfeatures) of each feature */
	const char **names;			/* (n) */
	double	   *importance;		/* (n) */
	double	   *deviation;		/* (n), or NULL */
} Units;

/* ----------
 * Arguments
 * ----------
 */

int
eg_arg_between(FunctionCallInfo fcinfo, int i, const char *name, int low, int high, int otherwise)
{
	int			v = PG_ARGISNULL(i) ? otherwise : PG_GETARG_INT32(i);

	if (v < low || v > high)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is %d, but must lie between %d and %d", name, v, low,
						high)));
	return v;
}

int
eg_class_output(const EgScorer *s, const char *class, const char *function, bool *flip)
{
	*flip = false;
	if (class)
		return eg_explain_class_output(s, class, flip);
	if (eg_task_many_classes(s->model->task))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has %d classes, and %s looks at one", s->model->model,
						s->width, function),
				 errhint("Name it with class => '...'.")));
	return s->middle;
}

char *
eg_arg_required(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name)));
	return eg_arg_text(fcinfo, i);
}

static Method
method_argument(FunctionCallInfo fcinfo, const char *source)
{
	char	   *word = eg_arg_text(fcinfo, ARG_METHOD);
	StringInfoData known;
	int			i;

	if (word == NULL)
		return source ? METHOD_PERMUTATION : METHOD_MODEL;
	initStringInfo(&known);
	for (i = 0; i < lengthof(method_names); i++)
	{
		if (strcmp(word, method_names[i]) == 0)
			break;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", method_names[i]);
	}
	if (i == lengthof(method_names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("importance method \"%s\" is not known", word),
				 errhint("The methods are %s.", known.data)));
	if (i == METHOD_PERMUTATION && source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"permutation\" needs a source"),
				 errhint("Name a table or view, or a SELECT, with source => '...'.")));
	return i;
}

static Units
units_of(const EgSchema *schema, bool by_column)
{
	Units		u = {schema};
	int			c,
				j;

	u.n = by_column ? schema->ncolumns : schema->nfeatures;
	u.unit = palloc(sizeof(int) * Max(schema->nfeatures, 1));
	u.names = palloc(sizeof(char *) * Max(u.n, 1));
	u.importance = palloc0(sizeof(double) * Max(u.n, 1));
	for (c = 0; c < schema->ncolumns; c++)
	{
		const EgColumn *column = &schema->columns[c];

		for (j = column->first; j < column->first + column->width; j++)
		{
			u.unit[j] = by_column ? c : j;
			u.names[u.unit[j]] = by_column ? column->name : schema->names[j];
		}
	}
	return u;
}

/* ----------
 * What the model itself knows
 * ----------
 */

static void
importance_of_model(const EgArtifact *a, const char *model, Units *u)
{
	double	   *out = palloc0(sizeof(double) * Max(u->schema->nfeatures, 1));
	int			j;

	if (a->algorithm->importance == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("algorithm \"%s\" of model \"%s\" says nothing of importance itself",
						a->algorithm->name, model),
				 errhint("Use method => 'shap', or 'permutation' with a source.")));
	a->algorithm->importance(a->model, out);
	for (j = 0; j < u->schema->nfeatures; j++)
		u->importance[u->unit[j]] += out[j];
}

static void
importance_of_splits(const EgArtifact *a, const char *model, Method method, Units *u)
{
	int			n = Max(u->schema->nfeatures, 1);
	double	   *count = palloc0(sizeof(double) * n);
	double	   *gain = palloc0(sizeof(double) * n);
	double	   *cover = palloc0(sizeof(double) * n);
	double	   *sum,
			   *splits;
	int			j;

	if (a->algorithm->splits == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("method \"%s\" is for trees, and model \"%s\" is one of %s",
						method_names[method], model, a->algorithm->name),
				 errhint("Use method => 'model', 'shap', or 'permutation' with a source.")));
	a->algorithm->splits(a->model, count, gain, cover);
	sum = method == METHOD_WEIGHT ? count :
		method == METHOD_GAIN || method == METHOD_TOTAL_GAIN ? gain : cover;
	splits = palloc0(sizeof(double) * Max(u->n, 1));
	for (j = 0; j < u->schema->nfeatures; j++)
	{
		u->importance[u->unit[j]] += sum[j];
		splits[u->unit[j]] += count[j];
	}
	for (j = 0; j < u->n && (method == METHOD_GAIN || method == METHOD_COVER); j++)
		u->importance[j] /= Max(splits[j], 1);
}

/* ----------
 * What rows show
 * ----------
 */

/* An EgFunction whose scores are as the metrics want them. */
typedef struct MetricFunction
{
	EgScored   *s;
	bool		negate;			/* the model predicts a time, the metric wants a risk */
} MetricFunction;

static void
metric_function(void *arg, const float *x, Size n, double *out)
{
	MetricFunction *f = arg;
	Size		i;

	eg_sample_function(f->s, x, n, out);
	for (i = 0; f->negate && i < n * f->s->width; i++)
		out[i] = -out[i];
}

static void
importance_by_permutation(EgScored *s, const char *metric, int repeats, uint64 seed, EgRun *run,
						  Units *u)
{
	EgPermutation p = {0};
	MetricFunction f;

	p.truth = eg_scored_input(s);
	f.s = s;
	f.negate = p.truth.score != s->score;
	p.f = metric_function;
	p.arg = &f;
	p.x = s->x;
	p.stride = s->stride;
	p.ncols = u->schema->nfeatures;
	p.nunits = u->n;
	p.unit = u->unit;
	p.metric = metric;
	p.repeats = repeats;
	p.seed = seed;
	u->deviation = palloc0(sizeof(double) * Max(u->n, 1));
	if (isnan(eg_permutation_importance(&p, run, u->importance, u->deviation)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("metric \"%s\" of model \"%s\" has no value on these %zu rows", metric,
						s->model, (size_t) s->n),
				 errhint("Use more rows, of all classes, or another metric.")));
}

/* Mean absolute contribution of each unit to one output, or to each of several. */
static void
importance_by_shap(EgScored *s, const char *class, EgRun *run, Units *u)
{
	EgExplainOptions options = {0};
	EgExplainer *e = eg_explainer_create(s->scorer, &options, CurrentMemoryContext);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "engage explained row",
												  ALLOCSET_DEFAULT_SIZES);
	bool		all = class == NULL && eg_task_many_classes(s->task);
	bool		flip;
	int			from = all ? 0 : eg_class_output(s->scorer, class, "engage_importance()", &flip);
	int			to = all ? s->width : from + 1;
	double	   *sum = palloc(sizeof(double) * Max(u->n, 1));
	double	   *mine = palloc(sizeof(double) * Max(u->n, 1));
	double	   *m2;
	Size		i;
	int			j,
				k;

	u->deviation = m2 = palloc0(sizeof(double) * Max(u->n, 1));
	for (i = 0; i < s->n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		eg_sample_row(s, i);
		memset(mine, 0, sizeof(double) * u->n);
		for (k = from; k < to; k++)
		{
			const EgExplanation *x = eg_explainer_row(e, k);

			memset(sum, 0, sizeof(double) * u->n);
			for (j = 0; j < x->nfeatures; j++)
				sum[u->unit[j]] += x->contribution[j];
			for (j = 0; j < u->n; j++)
				mine[j] += fabs(sum[j]) / (to - from);
		}

		/* mean and squares so far (Welford 1962) */
		for (j = 0; j < u->n; j++)
		{
			double		d = mine[j] - u->importance[j];

			u->importance[j] += d / (i + 1);
			m2[j] += d * (mine[j] - u->importance[j]);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
		eg_step(run, (int) Min(i + 1, PG_INT32_MAX), (int) Min(s->n, PG_INT32_MAX), NULL, 0);
	}
	for (j = 0; j < u->n && s->n > 0; j++)
		u->deviation[j] = sqrt(m2[j] / s->n);
}

/* ----------
 * engage_importance
 * ----------
 */

typedef struct Rank
{
	double		value;
	int			unit;
} Rank;

static int
largest_first(const void *a, const void *b)
{
	const Rank *x = a,
			   *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->unit - y->unit;
}

static void
put_units(FunctionCallInfo fcinfo, const Units *u)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	Rank	   *ranks = palloc(sizeof(Rank) * Max(u->n, 1));
	double		total = 0;
	int			i;

	for (i = 0; i < u->n; i++)
	{
		ranks[i].unit = i;
		ranks[i].value = u->importance[i];
		total += Max(u->importance[i], 0);
	}
	qsort(ranks, u->n, sizeof(Rank), largest_first);
	for (i = 0; i < u->n; i++)
	{
		int			j = ranks[i].unit;
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(u->names[j]);
		values[2] = Float8GetDatum(u->importance[j]);
		values[3] = Float8GetDatum(total > 0 ? Max(u->importance[j], 0) / total : 0);
		nulls[4] = u->deviation == NULL;
		values[4] = nulls[4] ? (Datum) 0 : Float8GetDatum(u->deviation[j]);
		tuplestore_putvalues(store, desc, values, nulls);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Importance by rows: of the source, or for contributions those stored with the model. */
static Units
importance_of_rows(FunctionCallInfo fcinfo, Method method, const EgEvaluateSpec *spec,
				   bool by_column)
{
	int			repeats = eg_arg_between(fcinfo, ARG_REPEATS, "repeats", 1, MOST_REPEATS,
										 DEFAULT_REPEATS);
	EgRun		run = {0};
	EgProgress	progress = {0};
	EgScored   *s;
	Units		u;
	const char *metric = NULL;

	run.threads = 1;
	run.memory_limit = (Size) eg_max_memory * 1024;
	s = spec->source ? eg_score_sample(spec, &run) :
		eg_score_background(spec->model, spec->sample);
	u = units_of(s->schema, by_column);
	if (method == METHOD_PERMUTATION)
		metric = eg_metric_choose(s->task, eg_arg_text(fcinfo, ARG_METRIC));
	eg_progress_start(&progress, &run, psprintf("importance for %s", spec->model),
					  metric ? "block" : "row");
	PG_TRY();
	{
		if (metric)
			importance_by_permutation(s, metric, repeats, spec->seed, &run, &u);
		else
			importance_by_shap(s, eg_arg_text(fcinfo, ARG_CLASS), &run, &u);
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();
	return u;
}

/*
 * engage_importance(model, source, method, metric, repeats, sample, class,
 * target, weight, group_by, event, by_column, seed): the features of a model by
 * one of eight measures.
 */
Datum
engage_importance(PG_FUNCTION_ARGS)
{
	EgEvaluateSpec spec = {0};
	bool		by_column = !PG_ARGISNULL(ARG_BY_COLUMN) && PG_GETARG_BOOL(ARG_BY_COLUMN);
	Method		method;
	Units		u;

	spec.model = eg_arg_required(fcinfo, ARG_MODEL, "model");
	spec.source = eg_arg_text(fcinfo, ARG_SOURCE);
	method = method_argument(fcinfo, spec.source);
	spec.target = eg_arg_text(fcinfo, ARG_TARGET);
	spec.weight = eg_arg_text(fcinfo, ARG_WEIGHT);
	spec.group_by = eg_arg_text(fcinfo, ARG_GROUP_BY);
	spec.event = eg_arg_text(fcinfo, ARG_EVENT);
	spec.sample = eg_arg_between(fcinfo, ARG_SAMPLE, "sample", 1, MOST_SAMPLE, DEFAULT_SAMPLE);
	spec.seed = PG_ARGISNULL(ARG_SEED) ? 1 : PG_GETARG_INT64(ARG_SEED);
	spec.no_truth = method != METHOD_PERMUTATION;

	if (method == METHOD_SHAP || method == METHOD_PERMUTATION)
		u = importance_of_rows(fcinfo, method, &spec, by_column);
	else
	{
		EgCompiled *model = eg_cache_get(eg_models_resolve(spec.model), CurrentMemoryContext);

		u = units_of(model->parts[0]->schema, by_column);
		if (method == METHOD_MODEL)
			importance_of_model(model->parts[0], model->model, &u);
		else
			importance_of_splits(model->parts[0], model->model, method, &u);
	}
	put_units(fcinfo, &u);
	return (Datum) 0;
}
