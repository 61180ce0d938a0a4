/*-------------------------------------------------------------------------
 *
 * api_explain.c
 *	  engage_explain(), engage_explain_json() and engage_interactions(): what
 *	  each feature of a row adds to its score.
 *
 * Scorer and explainer stay in fn_extra between the rows of a LATERAL join, as
 * the scorer of engage_predict() does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "api/explain.h"
#include "api/recipe.h"
#include "api/result.h"

PG_FUNCTION_INFO_V1(engage_explain_row);
PG_FUNCTION_INFO_V1(engage_explain_jsonb);
PG_FUNCTION_INFO_V1(engage_explain_json_row);
PG_FUNCTION_INFO_V1(engage_explain_json_jsonb);
PG_FUNCTION_INFO_V1(engage_interactions_row);
PG_FUNCTION_INFO_V1(engage_interactions_jsonb);

#define MAX_SAMPLES		1000000

/* what a call site keeps beside its scorer */
typedef struct ExplainSite
{
	EgExplainOptions options;
	MemoryContext context;
	EgExplainer *explainer;
} ExplainSite;

static const char *const method_words[] = {"auto", "exact", "interventional", "sampled", NULL};
static const char *const space_words[] = {"output", "margin", NULL};

static int
find_word(const char *argument, const char *word, const char *const *words)
{
	StringInfoData known;
	int			i;

	initStringInfo(&known);
	for (i = 0; words[i]; i++)
	{
		if (strcmp(words[i], word) == 0)
			return i;
		appendStringInfo(&known, "%s'%s'", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be %s, not \"%s\"", argument, known.data, word)));
	return 0;					/* keep compiler quiet */
}

EgExplainMethod
eg_explain_method(const char *word)
{
	return (EgExplainMethod) find_word("method", word, method_words);
}

bool
eg_explain_margin(const char *word)
{
	return find_word("space", word, space_words) == 1;
}

EgExplainer *
eg_call_site_explainer(FunctionCallInfo fcinfo, EgScorer *s, const EgExplainOptions *options)
{
	void	  **extra = eg_call_site_extra(fcinfo);
	ExplainSite *site = *extra;

	if (site == NULL)
	{
		site = MemoryContextAllocZero(s->context, sizeof(ExplainSite));
		site->context = AllocSetContextCreate(s->context, "engage explainer",
											  ALLOCSET_SMALL_SIZES);
		*extra = site;
	}
	if (site->explainer == NULL || site->options.method != options->method ||
		site->options.margin != options->margin || site->options.samples != options->samples)
	{
		site->explainer = NULL;
		MemoryContextReset(site->context);
		site->options = *options;
		site->explainer = eg_explainer_create(s, options, site->context);
	}
	return site->explainer;
}

/* ----------
 * Which output, and what is said of it
 * ----------
 */

static int
quantile_output(const EgScorer *s, double quantile)
{
	StringInfoData known;
	int			i;

	if (s->model->task != EG_QUANTILE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s and no quantiles", s->model->model,
						eg_task_name(s->model->task)),
				 errhint("Leave the argument \"quantile\" out.")));
	initStringInfo(&known);
	for (i = 0; s->quantiles && i < s->width; i++)
	{
		if (fabs(s->quantiles[i] - quantile) < 1e-9)
			return i;
		appendStringInfo(&known, "%s%.15g", i > 0 ? ", " : "", s->quantiles[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model \"%s\" has no quantile %.15g", s->model->model, quantile),
			 s->quantiles ? errhint("Its quantiles are %s.", known.data) : 0));
	return 0;					/* keep compiler quiet */
}

int
eg_explain_output(const EgScorer *s, const EgAbout *about, bool *flip)
{
	*flip = false;
	if (about->class)
		return eg_explain_class_output(s, about->class, flip);
	if (about->has_quantile)
		return quantile_output(s, about->quantile);
	return eg_explain_default_output(s, s->out);
}

EgTold
eg_explain_told(EgExplainer *e, EgScorer *s, const EgAbout *about, bool margin)
{
	EgTold		t;
	bool		flip;
	int			output = eg_explain_output(s, about, &flip);

	t.what = eg_explainer_row(e, output);
	t.sign = flip ? -1 : 1;
	t.base = t.what->base;
	t.prediction = t.what->prediction;
	if (flip)
	{
		t.base = margin ? -t.base : 1 - t.base;
		t.prediction = margin ? -t.prediction : 1 - t.prediction;
	}
	t.class = eg_task_two_classes(s->model->task) ? !flip :
		eg_task_many_classes(s->model->task) ? output : -1;
	return t;
}

static int
by_size(const void *a, const void *b, void *contribution)
{
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	double		x = fabs(((const double *) contribution)[i]);
	double		y = fabs(((const double *) contribution)[j]);

	return x > y ? -1 : x < y ? 1 : (i > j) - (i < j);
}

int *
eg_explain_order(const EgExplanation *e)
{
	int		   *order = palloc_extended(sizeof(int) * Max(e->nfeatures, 1), MCXT_ALLOC_HUGE);
	int			j;

	for (j = 0; j < e->nfeatures; j++)
		order[j] = j;
	qsort_arg(order, e->nfeatures, sizeof(int), by_size, e->contribution);
	return order;
}

const char *
eg_class_label(const EgScorer *s, int class)
{
	const EgSchema *schema = s->model->parts[0]->schema;

	return class < schema->nlabels ? schema->labels[class] : psprintf("%d", class);
}

/* ----------
 * Arguments
 * ----------
 */

typedef struct ExplainArgs
{
	EgExplainOptions options;
	EgAbout		about;
} ExplainArgs;

static void
read_about(FunctionCallInfo fcinfo, int class, int quantile, EgAbout *about)
{
	about->class = eg_arg_text(fcinfo, class);
	about->has_quantile = !PG_ARGISNULL(quantile);
	about->quantile = about->has_quantile ? PG_GETARG_FLOAT8(quantile) : 0;
	if (about->class && about->has_quantile)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class and quantile cannot be given together")));
}

/* model, row, class, space, method, samples, quantile */
static void
read_arguments(FunctionCallInfo fcinfo, ExplainArgs *a)
{
	char	   *word;

	memset(a, 0, sizeof(*a));
	read_about(fcinfo, 2, 6, &a->about);
	word = eg_arg_text(fcinfo, 3);
	a->options.margin = word && eg_explain_margin(word);
	word = eg_arg_text(fcinfo, 4);
	a->options.method = word ? eg_explain_method(word) : EG_EXPLAIN_AUTO;
	a->options.samples = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
	if (!PG_ARGISNULL(5) && (a->options.samples < 2 || a->options.samples > MAX_SAMPLES))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("samples must be in [2, %d], not %d", MAX_SAMPLES, a->options.samples)));
}

static EgScorer *
score_argument(FunctionCallInfo fcinfo, bool json)
{
	EgScorer   *s = eg_call_site_scorer(fcinfo);

	if (json)
		(void) eg_scorer_jsonb(s, PG_GETARG_JSONB_P(1));
	else
		(void) eg_scorer_tuple(s, PG_GETARG_HEAPTUPLEHEADER(1));
	return s;
}

/* Score and explain the row of this call. */
static EgTold
explain_argument(FunctionCallInfo fcinfo, bool json, EgScorer **scorer)
{
	ExplainArgs a;
	EgScorer   *s;

	read_arguments(fcinfo, &a);
	*scorer = s = score_argument(fcinfo, json);
	return eg_explain_told(eg_call_site_explainer(fcinfo, s, &a.options), s, &a.about,
						   a.options.margin);
}

/* ----------
 * Rows
 * ----------
 */

static Datum
explain(FunctionCallInfo fcinfo, bool json)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	EgScorer   *s;
	EgTold		t;
	int		   *order;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	t = explain_argument(fcinfo, json, &s);
	order = eg_explain_order(t.what);
	for (i = 0; i < t.what->nfeatures; i++)
	{
		int			j = order[i];
		char	   *text = eg_feature_text(t.what->schema, j, t.what->x[j]);
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = CStringGetTextDatum(t.what->schema->names[j]);
		values[1] = text ? CStringGetTextDatum(text) : (Datum) 0;
		nulls[1] = text == NULL;

		/* no negative zeros */
		values[2] = Float8GetDatum(t.sign * t.what->contribution[j] + 0.0);
		values[3] = Float8GetDatum(t.base);
		values[4] = Float8GetDatum(t.prediction);
		values[5] = t.what->error ? Float8GetDatum(t.what->error[j]) : (Datum) 0;
		nulls[5] = t.what->error == NULL;
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* engage_explain(model text, row record | jsonb, ...) returns setof record */
Datum
engage_explain_row(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, false);
}

Datum
engage_explain_jsonb(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, true);
}

/* ----------
 * One value
 * ----------
 */

void
eg_jsonb_set_number(JsonbValue *v, double number)
{
	char		text[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(number))
	{
		v->type = jbvNull;
		return;
	}
	/* float8out would round to what the session's extra_float_digits says */
	double_to_shortest_decimal_buf(number, text);
	v->type = jbvNumeric;
	v->val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
														 ObjectIdGetDatum(InvalidOid),
														 Int32GetDatum(-1)));
}

static void
set_text(JsonbValue *v, const char *text)
{
	v->type = jbvString;
	v->val.string.val = (char *) text;
	v->val.string.len = strlen(text);
}

void
eg_jsonb_set_feature(JsonbValue *v, const EgSchema *schema, int feature, double value)
{
	const EgColumn *c = eg_feature_column(schema, feature, NULL);
	char	   *text = eg_feature_text(schema, feature, value);

	if (text == NULL)
		v->type = jbvNull;
	else if (c->kind == EG_COL_NUMBER && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
	{
		v->type = jbvBool;
		v->val.boolean = text[0] == 't';
	}
	else if (c->kind == EG_COL_NUMBER || c->kind == EG_COL_ARRAY)
	{
		v->type = jbvNumeric;
		v->val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
															 ObjectIdGetDatum(InvalidOid),
															 Int32GetDatum(-1)));
	}
	else
		set_text(v, text);
}

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	v;

	set_text(&v, key);
	pushJsonbValue(state, WJB_KEY, &v);
}

static void
push_number(JsonbParseState **state, const char *key, double number)
{
	JsonbValue	v;

	push_key(state, key);
	eg_jsonb_set_number(&v, number);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_text(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	v;

	push_key(state, key);
	set_text(&v, text);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_contribution(JsonbParseState **state, const EgTold *t, int j)
{
	JsonbValue	v;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, "feature", t->what->schema->names[j]);
	push_key(state, "value");
	eg_jsonb_set_feature(&v, t->what->schema, j, t->what->x[j]);
	pushJsonbValue(state, WJB_VALUE, &v);
	push_number(state, "contribution", t->sign * t->what->contribution[j] + 0.0);
	if (t->what->error)
		push_number(state, "error", t->what->error[j]);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* ..., n int: the n largest contributions, the sum of the others as "rest" */
static Datum
explain_json(FunctionCallInfo fcinfo, bool json)
{
	JsonbParseState *state = NULL;
	JsonbValue *result;
	EgScorer   *s;
	EgTold		t;
	int		   *order;
	int			n;
	double		rest = 0;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	n = PG_ARGISNULL(7) ? PG_INT32_MAX : PG_GETARG_INT32(7);
	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must be at least 0, not %d", n)));
	t = explain_argument(fcinfo, json, &s);
	order = eg_explain_order(t.what);
	n = Min(n, t.what->nfeatures);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_number(&state, "base", t.base);
	push_number(&state, "prediction", t.prediction);
	if (t.class >= 0)
		push_text(&state, "class", eg_class_label(s, t.class));
	push_text(&state, "method", t.what->method);
	push_key(&state, "contributions");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < n; i++)
		push_contribution(&state, &t, order[i]);
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	for (i = n; i < t.what->nfeatures; i++)
		rest += t.sign * t.what->contribution[order[i]];
	if (n < t.what->nfeatures)
		push_number(&state, "rest", rest);
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(result));
}

/* engage_explain_json(model text, row record | jsonb, ..., n int) returns jsonb */
Datum
engage_explain_json_row(PG_FUNCTION_ARGS)
{
	return explain_json(fcinfo, false);
}

Datum
engage_explain_json_jsonb(PG_FUNCTION_ARGS)
{
	return explain_json(fcinfo, true);
}

/* ----------
 * Interactions
 * ----------
 */

typedef struct Pair
{
	int			a;
	int			b;
	double		value;
} Pair;

static int
by_interaction(const void *p, const void *q)
{
	const Pair *a = p;
	const Pair *b = q;

	if (fabs(a->value) != fabs(b->value))
		return fabs(a->value) > fabs(b->value) ? -1 : 1;
	return a->a != b->a ? (a->a > b->a) - (a->a < b->a) : (a->b > b->b) - (a->b < b->b);
}

/* model, row, class, quantile */
static Datum
interactions(FunctionCallInfo fcinfo, bool json)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	EgExplainOptions options = {EG_EXPLAIN_EXACT, true, 0};
	EgAbout		about;
	EgScorer   *s;
	const double *m;
	Pair	   *pairs;
	Size		npairs = 0;
	Size		i;
	bool		flip;
	int			output;
	int			n;
	int			a,
				b;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	read_about(fcinfo, 2, 3, &about);
	s = score_argument(fcinfo, json);
	output = eg_explain_output(s, &about, &flip);
	m = eg_explainer_interactions(eg_call_site_explainer(fcinfo, s, &options), output);
	n = s->used->schema->nfeatures;
	pairs = palloc_extended(sizeof(Pair) * (((Size) n * (n + 1)) / 2 + 1), MCXT_ALLOC_HUGE);
	for (a = 0; a < n; a++)
	{
		for (b = a; b < n; b++)
		{
			/* a pair's value is in the matrix twice */
			double		v = m[(Size) a * (n + 1) + b] * (a == b ? 1 : 2);

			if (a != b && v == 0)
				continue;
			pairs[npairs].a = a;
			pairs[npairs].b = b;
			pairs[npairs++].value = flip ? 0.0 - v : v;
		}
	}
	CHECK_FOR_INTERRUPTS();
	qsort(pairs, npairs, sizeof(Pair), by_interaction);
	for (i = 0; i < npairs; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(s->used->schema->names[pairs[i].a]);
		values[1] = CStringGetTextDatum(s->used->schema->names[pairs[i].b]);
		values[2] = Float8GetDatum(pairs[i].value);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/* engage_interactions(model text, row record | jsonb, ...) returns setof record */
Datum
engage_interactions_row(PG_FUNCTION_ARGS)
{
	return interactions(fcinfo, false);
}

Datum
engage_interactions_jsonb(PG_FUNCTION_ARGS)
{
	return interactions(fcinfo, true);
}
