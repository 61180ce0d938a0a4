/*-------------------------------------------------------------------------
 *
 * api_segments.c
 *	  What segments are like, and what they are called: engage_segments(),
 *	  engage_profile(), engage_label_segment(), engage_segment().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/snapmgr.h"

#include "api/evaluate.h"
#include "api/predict.h"
#include "api/recipe.h"
#include "api/result.h"
#include "api/segments.h"
#include "engage.h"
#include "eval/profile.h"
#include "store/evaluate.h"
#include "store/segments.h"

PG_FUNCTION_INFO_V1(engage_segments);
PG_FUNCTION_INFO_V1(engage_profile);
PG_FUNCTION_INFO_V1(engage_label_segment);
PG_FUNCTION_INFO_V1(engage_segment_row);
PG_FUNCTION_INFO_V1(engage_segment_jsonb);

#define MAX_TOP			1000
#define SAID			5		/* differences in a description */
#define SUGGESTED		2		/* and in a suggested name */
#define WORTH_SAYING	0.2		/* a small effect */

/* The most typical row of a segment so far. */
typedef struct Typical
{
	double		strength;		/* 0: none yet */
	uint64		hash;			/* of the row, for equal strengths */
	char	   *key;			/* or NULL */
	float	   *x;
} Typical;

/* A source as the segments see it. */
typedef struct Portrait
{
	MemoryContext context;
	EgRun		run;
	const char *function;
	EgCompiled *model;
	const EgSchema *schema;
	EgProfile  *profile;
	Typical    *typical;		/* (width + 1) */
	double		rows;
} Portrait;

void
eg_require_segments(const EgCompiled *model, const char *function)
{
	if (model->task != EG_CLUSTERING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is for models that divide rows into segments, and model \"%s\" has the "
						"task %s", function, model->model, eg_task_name(model->task))));
}

static void
portrait_begin(void *arg, EgScorer *scorer)
{
	Portrait   *p = arg;
	MemoryContext old = MemoryContextSwitchTo(p->context);
	int			i;

	eg_require_segments(scorer->model, p->function);
	p->model = scorer->model;
	p->schema = p->model->parts[0]->schema;
	p->profile = eg_profile_create(p->model->width + 1, p->schema->nfeatures,
								   p->schema->ncategories, &p->run);
	p->typical = palloc0(sizeof(Typical) * (p->model->width + 1));
	for (i = 0; i <= p->model->width; i++)
		p->typical[i].x = palloc(sizeof(float) * Max(p->schema->nfeatures, 1));
	MemoryContextSwitchTo(old);
}

static void
portrait_row(void *arg, EgScorer *scorer, const double *out, const char *text)
{
	Portrait   *p = arg;
	int			class = eg_scorer_class(scorer, out);
	int			segment = EG_SEGMENT_NUMBER(class);
	Typical    *t = &p->typical[segment];
	Size		bytes = sizeof(float) * p->schema->nfeatures;
	uint64		hash;

	CHECK_FOR_INTERRUPTS();
	eg_profile_add(p->profile, segment, scorer->x);
	p->rows++;
	if (class < 0 || out[class] < t->strength)
		return;
	hash = text ? hash_bytes_extended((const unsigned char *) text, strlen(text), 0) :
		hash_bytes_extended((const unsigned char *) scorer->x, bytes, 0);
	if (out[class] == t->strength && hash >= t->hash)
		return;
	t->strength = out[class];
	t->hash = hash;
	if (t->key)
		pfree(t->key);
	t->key = text ? MemoryContextStrdup(p->context, text) : NULL;
	memcpy(t->x, scorer->x, bytes);
}

/* Read the source of arguments 0 and 1; key: the column that names its rows, or NULL. */
static Portrait *
read_portrait(FunctionCallInfo fcinfo, const char *key, const char *function)
{
	Portrait   *p = palloc0(sizeof(Portrait));
	EgEvaluateSpec spec = {0};

	spec.model = eg_arg_required(fcinfo, 0, "model");
	spec.source = eg_arg_required(fcinfo, 1, "source");
	spec.label = key;
	spec.no_truth = true;
	p->context = CurrentMemoryContext;
	p->function = function;
	p->run.threads = 1;
	p->run.memory_limit = (Size) eg_max_memory * 1024;
	eg_score_each(&spec, &p->run, portrait_begin, portrait_row, p);
	return p;
}

/* ----------
 * Words
 * ----------
 */

/* monthly_charges: "monthly charges" */
static char *
readable(const char *name)
{
	char	   *text = pstrdup(name);
	char	   *p;

	for (p = text; *p; p++)
	{
		if (*p == '_')
			*p = ' ';
	}
	return text;
}

/* A boolean, or a number that was 0 or 1 in training. */
static bool
is_yes_or_no(const Portrait *p, int feature)
{
	const EgBaseline *b = p->model->parts[0]->baseline;
	const EgFeatureBaseline *f = b ? &b->features[feature] : NULL;

	return f && f->integral && f->ncategories == 0 && f->quantile[0] == 0 &&
		f->quantile[EG_BASELINE_BINS] == 1;
}

/* A mean, without digits that say nothing. */
static char *
mean_text(const Portrait *p, int feature, double v)
{
	int			element;
	const EgColumn *c = eg_feature_column(p->schema, feature, &element);
	double		size = fabs(v);

	if (c->kind != EG_COL_NUMBER && c->kind != EG_COL_ARRAY)
		return eg_feature_words(p->schema, feature, (float) rint(v));
	return psprintf("%.*f", size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3, v);
}

/* A difference as part of a name: "high tenure", "contract Two year", "no internet". */
static char *
short_words(const Portrait *p, const EgDifference *d)
{
	const EgSchema *schema = p->schema;
	char	   *name = readable(schema->names[d->feature]);

	switch (d->category)
	{
		case EG_PROFILE_MISSING:
			return psprintf(d->effect > 0 ? "%s unknown" : "%s known", name);
		case EG_PROFILE_NUMBER:
			if (is_yes_or_no(p, d->feature))
				return d->effect > 0 ? name : psprintf("no %s", name);
			return psprintf(d->effect > 0 ? "high %s" : "low %s", name);
		default:
			return psprintf(d->effect > 0 ? "%s %s" : "%s not %s", name,
							eg_feature_words(schema, d->feature, d->category));
	}
}

static char *
percent(double share)
{
	return psprintf("%.0f %%", 100 * share);
}

/* A difference as a sentence. */
static char *
long_words(const Portrait *p, const EgDifference *d)
{
	const EgSchema *schema = p->schema;
	char	   *name = readable(schema->names[d->feature]);

	if (d->category == EG_PROFILE_MISSING)
		return psprintf("%s is unknown in %s (%s of the others).", name, percent(d->inside),
						percent(d->outside));
	if (d->category != EG_PROFILE_NUMBER)
		return psprintf("%s is %s in %s (%s of the others).", name,
						eg_feature_words(schema, d->feature, d->category), percent(d->inside),
						percent(d->outside));
	if (is_yes_or_no(p, d->feature))
		return psprintf("%s is true in %s (%s of the others).", name, percent(d->inside),
						percent(d->outside));
	return psprintf("%s is %s on average (the others: %s).", name,
					mean_text(p, d->feature, d->inside), mean_text(p, d->feature, d->outside));
}

/* The strongest differences that are worth saying, at most one of a column. */
static int
pick_differences(const EgDifference *d, int n, int most, int *picked)
{
	int			count = 0;
	int			i,
				k;

	for (i = 0; i < n && count < most && fabs(d[i].effect) >= WORTH_SAYING; i++)
	{
		for (k = 0; k < count && d[picked[k]].feature != d[i].feature; k++)
			;
		if (k == count)
			picked[count++] = i;
	}
	return count;
}

static char *
join_words(const Portrait *p, const EgDifference *d, int n, bool sentences)
{
	int			picked[SAID];
	int			count = pick_differences(d, n, sentences ? SAID : SUGGESTED, picked);
	StringInfoData out;
	int			i;

	if (count == 0)
		return NULL;
	initStringInfo(&out);
	for (i = 0; i < count; i++)
		appendStringInfo(&out, "%s%s", i == 0 ? "" : sentences ? " " : ", ",
						 sentences ? long_words(p, &d[picked[i]]) :
						 short_words(p, &d[picked[i]]));
	return out.data;
}

/* {"tenure": 12, "contract": "One year"} */
static Datum
features_datum(const EgSchema *schema, const float *x)
{
	StringInfoData out;
	int			j;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (j = 0; j < schema->nfeatures; j++)
	{
		int			element;
		const EgColumn *c = eg_feature_column(schema, j, &element);
		char	   *text = eg_feature_text(schema, j, x[j]);

		appendStringInfoString(&out, j > 0 ? ", " : "");
		escape_json(&out, schema->names[j]);
		appendStringInfoString(&out, ": ");
		if (text == NULL)
			appendStringInfoString(&out, "null");
		else if (c->kind == EG_COL_NUMBER || c->kind == EG_COL_ARRAY)
			appendStringInfo(&out, "%.*g", FLT_DIG, x[j]);
		else
			escape_json(&out, text);
	}
	appendStringInfoChar(&out, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

static void
put_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* Noise is there only when there is any. */
static bool
is_shown(const Portrait *p, int segment)
{
	return segment > 0 || eg_profile_rows(p->profile, 0) > 0;
}

/*
 * engage_segments(model, source, key): a row for each segment.
 */
Datum
engage_segments(PG_FUNCTION_ARGS)
{
	Portrait   *p = read_portrait(fcinfo, eg_arg_text(fcinfo, 2), "engage_segments()");
	EgSegmentName *names = eg_segment_names(p->model->version_id, p->model->width);
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	int			s;

	for (s = 0; s <= p->model->width; s++)
	{
		int			segment = s < p->model->width ? s + 1 : 0;
		const Typical *t = &p->typical[segment];
		Datum		values[9];
		bool		nulls[9] = {false};
		EgDifference *d;
		int			n;

		if (!is_shown(p, segment))
			continue;
		CHECK_FOR_INTERRUPTS();
		d = eg_profile_differences(p->profile, segment, &n);
		values[0] = Int32GetDatum(segment);
		put_text(values, nulls, 1, segment == 0 ? EG_NOISE : names[segment].name);
		put_text(values, nulls, 2, names[segment].strategy);
		values[3] = Int64GetDatum((int64) eg_profile_rows(p->profile, segment));
		nulls[4] = p->rows == 0;
		values[4] = Float8GetDatum(eg_profile_rows(p->profile, segment) / Max(p->rows, 1));
		put_text(values, nulls, 5, join_words(p, d, n, false));
		put_text(values, nulls, 6, join_words(p, d, n, true));
		put_text(values, nulls, 7, t->key);
		nulls[8] = t->strength == 0;
		values[8] = nulls[8] ? (Datum) 0 : features_datum(p->schema, t->x);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * engage_profile(model, source, top): what sets each segment apart.
 */
Datum
engage_profile(PG_FUNCTION_ARGS)
{
	int			top = PG_ARGISNULL(2) ? SAID : PG_GETARG_INT32(2);
	Portrait   *p;
	EgSegmentName *names;
	TupleDesc	desc;
	Tuplestorestate *store;
	int			s,
				i;

	if (top < 1 || top > MAX_TOP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("top must be in [1, %d], not %d", MAX_TOP, top)));
	p = read_portrait(fcinfo, NULL, "engage_profile()");
	names = eg_segment_names(p->model->version_id, p->model->width);
	store = eg_result_rows(fcinfo, &desc);
	for (s = 0; s <= p->model->width; s++)
	{
		int			segment = s < p->model->width ? s + 1 : 0;
		EgDifference *d;
		int			n;

		CHECK_FOR_INTERRUPTS();
		d = eg_profile_differences(p->profile, segment, &n);
		for (i = 0; i < Min(n, top); i++)
		{
			Datum		values[10];
			bool		nulls[10] = {false};

			values[0] = Int32GetDatum(segment);
			put_text(values, nulls, 1, segment == 0 ? EG_NOISE : names[segment].name);
			values[2] = Int64GetDatum((int64) eg_profile_rows(p->profile, segment));
			values[3] = Float8GetDatum(eg_profile_rows(p->profile, segment) / p->rows);
			values[4] = Int32GetDatum(i + 1);
			values[5] = CStringGetTextDatum(p->schema->names[d[i].feature]);
			put_text(values, nulls, 6, d[i].category == EG_PROFILE_NUMBER ? NULL :
					 d[i].category == EG_PROFILE_MISSING ? "unknown" :
					 eg_feature_text(p->schema, d[i].feature, d[i].category));
			values[7] = Float8GetDatum(d[i].inside);
			values[8] = Float8GetDatum(d[i].outside);
			values[9] = Float8GetDatum(d[i].effect);
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
	return (Datum) 0;
}

/* ----------
 * Names
 * ----------
 */

/*
 * engage_label_segment(model, segment, name, strategy).
 */
Datum
engage_label_segment(PG_FUNCTION_ARGS)
{
	char	   *reference = eg_arg_required(fcinfo, 0, "model");
	EgVersionRow *v;
	EgModelRow *m;
	EgCompiled *model;
	int			segment;

	PreventCommandIfReadOnly("engage_label_segment()");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "segment")));
	segment = PG_GETARG_INT32(1);
	v = eg_models_version(reference, EG_PRIV_MANAGE);
	m = eg_models_get(v->model, false, EG_PRIV_MANAGE, true);
	model = eg_cache_get(v->id, CurrentMemoryContext);
	eg_require_segments(model, "engage_label_segment()");
	if (segment < 1 || segment > model->width)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has no segment %d", v->model, segment),
				 errhint("Its segments are 1 to %d.", model->width)));
	eg_segment_name_set(m, v, segment, eg_arg_text(fcinfo, 2), eg_arg_text(fcinfo, 3));
	PG_RETURN_VOID();
}

/* What the call site keeps: the segments' names as they were under a snapshot. */
typedef struct SiteNames
{
	EgSnapshotId snapshot;
	Datum	   *names;			/* (width + 1) */
} SiteNames;

static SiteNames *
read_names(const EgScorer *s, Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(s->context);
	int			k = s->model->width;
	EgSegmentName *names = eg_segment_names(s->model->version_id, k);
	SiteNames  *site = palloc(sizeof(SiteNames));
	int			i;

	eg_require_segments(s->model, "engage_segment()");
	eg_snapshot_remember(&site->snapshot, snapshot);
	site->names = palloc(sizeof(Datum) * (k + 1));
	for (i = 0; i <= k; i++)
		site->names[i] = CStringGetTextDatum(i == 0 ? EG_NOISE : names[i].name ? names[i].name :
											 psprintf("%d", i));
	MemoryContextSwitchTo(old);
	return site;
}

static Datum
segment_datum(FunctionCallInfo fcinfo, const EgScorer *s, const double *out)
{
	SiteNames **site = (SiteNames **) eg_call_site_extra(fcinfo);
	Snapshot	snapshot = GetActiveSnapshot();

	if (*site == NULL || !eg_snapshot_is(&(*site)->snapshot, snapshot))
		*site = read_names(s, snapshot);
	return (*site)->names[EG_SEGMENT_NUMBER(eg_scorer_class(s, out))];
}

/*
 * engage_segment(model, row): the name of the row's segment.
 */
Datum
engage_segment_row(PG_FUNCTION_ARGS)
{
	EgScorer   *s;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	s = eg_call_site_scorer(fcinfo);
	PG_RETURN_DATUM(segment_datum(fcinfo, s, eg_scorer_tuple(s, PG_GETARG_HEAPTUPLEHEADER(1))));
}

Datum
engage_segment_jsonb(PG_FUNCTION_ARGS)
{
	EgScorer   *s;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	s = eg_call_site_scorer(fcinfo);
	PG_RETURN_DATUM(segment_datum(fcinfo, s, eg_scorer_jsonb(s, PG_GETARG_JSONB_P(1))));
}
