/*-------------------------------------------------------------------------
 *
 * evaluate_sample.c
 *	  Rows of a source as a model sees them: a bounded sample, or each of
 *	  them once.
 *
 * A sample keeps the vectors of some rows, and scores no others.  The reader's
 * own arrays never grow: each row takes the place of the one before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/evaluate_private.h"
#include "store/key.h"
#include "store/reservoir.h"
#include "store/schema_private.h"

typedef struct Reading
{
	const EgEvaluateSpec *spec;
	MemoryContext context;		/* of what is kept; the hook runs in a row's */
	EgScored   *s;
	bool		started;
	int			label;			/* place of the label column in the rows, -1 for none */
	EgKey	   *label_key;
	EgReservoir *kept;			/* a sample ... */
	EgEachRow	each;			/* ... or rows handed on one by one */
	void	   *each_arg;
} Reading;

/* A row of a sample; (stride) floats follow. */
typedef struct SampleRow
{
	double		target;
	double		weight;
	double		event;
	char	   *text;
} SampleRow;

static inline float *
sample_x(SampleRow *row)
{
	return (float *) (row + 1);
}

static void
find_label_column(Reading *reading, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(reading->context);
	const char *name = reading->spec->label;
	int			i;

	reading->label = -1;
	for (i = 0; name && i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0)
			continue;
		reading->label = i;
		reading->label_key = eg_key_create("key", name, TupleDescAttr(desc, i)->atttypid,
										   TupleDescAttr(desc, i)->attcollation, true);
		break;
	}
	MemoryContextSwitchTo(old);
}

static char *
label_text(Reading *reading, const Datum *values, const bool *nulls)
{
	if (reading->label < 0 || nulls[reading->label])
		return NULL;
	return eg_key_string(reading->label_key, values[reading->label]);
}

static void
sample_row(void *arg, EgSourceData *data, Size row, TupleDesc desc, const Datum *values,
		   const bool *nulls)
{
	Reading    *reading = arg;
	EgScored   *s = reading->s;
	const float *x = s->scorer->x;
	uint64		hash = data->hash[row];
	uint64		major = 0;
	SampleRow  *kept;
	char	   *text;
	int			part;
	int			j;

	if (!reading->started)
	{
		find_label_column(reading, desc);
		reading->started = true;
	}

	/* the next row may have this one's place; one stays, or there would seem to be none */
	data->x.nrows = 1;

	part = eg_scorer_vector(s->scorer, desc, values, nulls);
	text = label_text(reading, values, nulls);
	for (j = 0; j < s->schema->nfeatures; j++)
	{
		uint32		bits = 1;

		if (!isnan(x[j]))
			memcpy(&bits, &x[j], sizeof(bits));
		hash = eg_hash_combine(hash, bits);
	}
	if (text)
		hash = eg_hash_combine(hash, eg_hash_text(text, strlen(text)));

	/* the group is its hash so far */
	if (data->group)
		memcpy(&major, &data->group[row], sizeof(major));
	kept = eg_reservoir_add(reading->kept, major,
							eg_reservoir_key(reading->kept, hash ^ eg_mix64(reading->spec->seed)));
	if (kept == NULL)
		return;
	kept->target = data->target ? data->target[row] : 0;
	kept->weight = data->weight ? data->weight[row] : 1;
	kept->event = data->event ? data->event[row] : 1;
	if (kept->text)
		pfree(kept->text);
	kept->text = text ? MemoryContextStrdup(reading->context, text) : NULL;
	memcpy(sample_x(kept), x, sizeof(float) * s->schema->nfeatures);
	if (s->stride > s->schema->nfeatures)
		sample_x(kept)[s->schema->nfeatures] = part;
}

static void *
rows_of(Size n, Size size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, size * Max(n, 1));
}

/* What the reservoir holds becomes the arrays of s and of d. */
static void
unpack_sample(Reading *reading, EgSourceData *d)
{
	EgScored   *s = reading->s;
	Size		n = eg_reservoir_finish(reading->kept, d->group != NULL);
	double		group = 0;
	Size		i;

	s->n = d->x.nrows = n;
	s->score = rows_of(n, sizeof(double) * s->width);
	s->x = rows_of(n, sizeof(float) * s->stride);
	s->truth = d->target = d->target ? rows_of(n, sizeof(double)) : NULL;
	s->weight = d->weight = d->weight ? rows_of(n, sizeof(double)) : NULL;
	s->event = d->event ? rows_of(n, sizeof(double)) : NULL;
	s->group = d->group ? rows_of(n, sizeof(double)) : NULL;
	s->text = reading->spec->label ? rows_of(n, sizeof(char *)) : NULL;
	for (i = 0; i < n; i++)
	{
		SampleRow  *row = eg_reservoir_record(reading->kept, i);

		CHECK_FOR_INTERRUPTS();
		memcpy(s->x + i * s->stride, sample_x(row), sizeof(float) * s->stride);
		memcpy(s->score + i * s->width, eg_sample_row(s, i), sizeof(double) * s->width);
		if (i > 0 && eg_reservoir_major(reading->kept, i) !=
			eg_reservoir_major(reading->kept, i - 1))
			group++;
		if (s->truth)
			s->truth[i] = row->target;
		if (s->weight)
			s->weight[i] = row->weight;
		if (s->event)
			s->event[i] = row->event;
		if (s->group)
			s->group[i] = group;
		if (s->text)
			s->text[i] = row->text;
	}
}

void
eg_evaluate_check_parts(const EgCompiled *model)
{
	const EgSchema *a = model->parts[0]->schema;
	int			p,
				j;

	for (p = 1; p < model->nparts; p++)
	{
		const EgSchema *b = model->parts[p]->schema;
		bool		same = a->nfeatures == b->nfeatures;

		for (j = 0; same && j < a->nfeatures; j++)
			same = a->ncategories[j] == b->ncategories[j] && strcmp(a->names[j], b->names[j]) == 0;
		if (!same)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the parts of model \"%s\" have different features", model->model)));
	}
}

EgScored *
eg_score_sample(const EgEvaluateSpec *spec, EgRun *run)
{
	EgVersionRow *v = eg_models_version(spec->model, EG_PRIV_USE);
	EgCompiled *model = eg_cache_get(v->id, CurrentMemoryContext);
	EgSourceSpec source = eg_evaluate_source(spec, v, model);
	EgScored   *s = eg_evaluate_create(v, model);
	EgSourceData *d;
	Reading		reading = {0};

	eg_evaluate_check_parts(model);
	s->target = source.target ? pstrdup(source.target) : NULL;
	reading.spec = spec;
	reading.s = s;
	reading.context = CurrentMemoryContext;
	reading.kept = eg_reservoir_create(spec->sample,
									   sizeof(SampleRow) + sizeof(float) * s->stride, run);
	source.row_hook = sample_row;
	source.row_hook_arg = &reading;
	d = eg_evaluate_read(spec, &source, s, run);
	unpack_sample(&reading, d);
	if (s->truth)
		eg_evaluate_truth(s, d, &source);
	return s;
}

EgScored *
eg_score_background(const char *model, Size limit)
{
	EgVersionRow *v = eg_models_version(model, EG_PRIV_USE);
	EgCompiled *compiled = eg_cache_get(v->id, CurrentMemoryContext);
	const EgBaseline *b = compiled->parts[0]->baseline;
	EgScored   *s = eg_evaluate_create(v, compiled);
	int			ncols = s->schema->nfeatures;
	Size		i;

	if (b == NULL || b->nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no rows stored with it", compiled->model),
				 errhint("Give a source, or train with background => %d.", EG_BACKGROUND_ROWS)));
	s->n = Min((Size) b->nrows, limit);
	s->nread = s->n;
	s->x = rows_of(s->n, sizeof(float) * s->stride);
	s->score = rows_of(s->n, sizeof(double) * s->width);
	for (i = 0; i < s->n; i++)
	{
		memcpy(s->x + i * s->stride, b->rows + i * ncols, sizeof(float) * ncols);
		if (s->stride > ncols)
			s->x[i * s->stride + ncols] = 0;
		memcpy(s->score + i * s->width, eg_sample_row(s, i), sizeof(double) * s->width);
	}
	return s;
}

void
eg_sample_function(void *scored, const float *x, Size n, double *out)
{
	const EgScored *s = scored;
	const EgCompiled *model = s->scorer->model;
	Size		i;

	if (model->nparts == 1)
	{
		eg_artifact_predict(model->parts[0], x, n, out);
		return;
	}
	for (i = 0; i < n; i++, x += s->stride)
		eg_artifact_predict(model->parts[(int) x[s->stride - 1]], x, 1, out + i * s->width);
}

const double *
eg_sample_row(EgScored *s, Size i)
{
	EgScorer   *scorer = s->scorer;
	const float *x = s->x + i * s->stride;
	int			ncols = s->schema->nfeatures;

	memcpy(scorer->x, x, sizeof(float) * ncols);
	scorer->used = scorer->model->parts[s->stride > ncols ? (int) x[ncols] : 0];
	eg_artifact_predict(scorer->used, scorer->x, 1, scorer->out);
	return scorer->out;
}

static void
each_row(void *arg, EgSourceData *data, Size row, TupleDesc desc, const Datum *values,
		 const bool *nulls)
{
	Reading    *reading = arg;
	EgScorer   *scorer = reading->s->scorer;

	if (!reading->started)
	{
		find_label_column(reading, desc);
		reading->started = true;
	}
	data->x.nrows = 1;
	reading->each(reading->each_arg, scorer, eg_scorer_values(scorer, desc, values, nulls),
				  label_text(reading, values, nulls));
}

void
eg_score_each(const EgEvaluateSpec *spec, EgRun *run,
			  void (*begin) (void *arg, EgScorer *scorer), EgEachRow each, void *arg)
{
	EgVersionRow *v = eg_models_version(spec->model, EG_PRIV_USE);
	EgCompiled *model = eg_cache_get(v->id, CurrentMemoryContext);
	EgSourceSpec source = eg_evaluate_source(spec, v, model);
	Reading		reading = {0};

	eg_evaluate_check_parts(model);
	reading.spec = spec;
	reading.s = eg_evaluate_create(v, model);
	reading.context = CurrentMemoryContext;
	reading.each = each;
	reading.each_arg = arg;
	source.row_hook = each_row;
	source.row_hook_arg = &reading;
	begin(arg, reading.s->scorer);
	eg_evaluate_read(spec, &source, reading.s, run);
}
