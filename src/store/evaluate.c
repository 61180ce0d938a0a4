/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  A model's scores on a source, beside the truth.
 *
 * The source is read for its target and the few other columns with a role;
 * an empty schema keeps the reader from building a matrix.  Each row is scored
 * on the way by the scorer of engage_predict(), which finds the features by
 * name and the partition's part by value.  So a row costs its score and a
 * few numbers of memory, whatever the model's width.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "base/compat.h"
#include "store/evaluate_private.h"
#include "store/progress.h"

#define FIRST_ROWS	1024

typedef struct Scoring
{
	EgScorer   *scorer;
	MemoryContext context;		/* of the scores; the hook runs in a row's */
	EgRun	   *run;
	Size		size;			/* rows allocated */
	double	   *score;			/* (size, width) */
} Scoring;

static void
score_row(void *arg, EgSourceData *data, Size row, TupleDesc desc, const Datum *values,
		  const bool *nulls)
{
	Scoring    *s = arg;
	int			width = s->scorer->width;

	if (row >= s->size)
	{
		Size		size = s->size ? s->size + s->size / 2 : FIRST_ROWS;

		eg_check_memory(sizeof(double) * width * size, s->run->memory_limit,
						"keeping the scores");
		if (s->size == 0)
			s->score = MemoryContextAllocHuge(s->context, sizeof(double) * width * size);
		else
			s->score = repalloc_huge(s->score, sizeof(double) * width * size);
		s->size = size;
	}
	memcpy(s->score + row * width, eg_scorer_values(s->scorer, desc, values, nulls),
		   sizeof(double) * width);
}

/* A column as asked for, or as in training; NULL: none. */
static const char *
column_of(const char *asked, const EgVersionRow *v, const char *member)
{
	if (asked == NULL)
		return v->recipe ? eg_jsonb_text(v->recipe, member) : NULL;
	return asked[0] == '\0' ? NULL : asked;
}

EgSourceSpec
eg_evaluate_source(const EgEvaluateSpec *spec, const EgVersionRow *v, const EgCompiled *model)
{
	EgSourceSpec s = {0};
	int			p,
				i;

	s.source = spec->source;
	s.hash_seed = spec->seed;
	if (!spec->no_truth && model->task == EG_CLUSTERING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task clustering, and there is no truth to compare its "
						"segments with", model->model),
				 errhint("Use engage_silhouette() or engage_profile().")));
	if (!spec->no_truth)
	{
		s.target = spec->target ? spec->target : model->parts[0]->schema->target;
		if (s.target == NULL || s.target[0] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("model \"%s\" does not say which column it predicts", model->model),
					 errhint("Name the column that holds the truth with target => '...'.")));
		s.weight = column_of(spec->weight, v, "weight");
		if (model->task == EG_RANKING)
			s.group = column_of(spec->group_by, v, "group_by");
		if (model->task == EG_SURVIVAL)
			s.event = column_of(spec->event, v, "event");
	}
	if (spec->label)
		s.needed = list_make1((char *) spec->label);
	s.schema = palloc0(sizeof(EgSchema));
	for (p = 0; p < model->nparts; p++)
	{
		const EgSchema *schema = model->parts[p]->schema;

		for (i = 0; i < schema->ncolumns; i++)
			s.also = lappend(s.also, schema->columns[i].name);
	}
	if (model->partition_column)
		s.also = lappend(s.also, model->partition_column);
	return s;
}

/* ----------
 * Truth
 * ----------
 */

static int
find_label(const EgScored *s, const char *text)
{
	int			i;

	for (i = 0; i < s->nlabels; i++)
	{
		if (strcmp(s->labels[i], text) == 0)
			return i;
	}
	return -1;
}

/* Class of a boolean or number, -1 when the model has none such. */
static int
class_of_number(const EgScored *s, double value, bool boolean)
{
	static const char *const words[2][2] = {{"false", "f"}, {"true", "t"}};
	int			code = -1;

	if (value != rint(value) || fabs(value) > 1e15)
		return -1;
	if (s->nlabels == 0)
		return value >= 0 && value < s->nclasses ? (int) value : -1;
	if (s->task == EG_ANOMALY && (value == 0 || value == 1) &&
		strcmp(s->labels[1], EG_ANOMALOUS) == 0)
		return (int) value;
	if (!boolean)
		code = find_label(s, psprintf("%.0f", value));
	if (code < 0 && (value == 0 || value == 1))
	{
		code = find_label(s, words[(int) value][0]);
		if (code < 0)
			code = find_label(s, words[(int) value][1]);
		if (code < 0)
			code = find_label(s, value == 0 ? "0" : "1");
	}
	return code;
}

static void pg_attribute_noreturn()
no_class_error(const EgScored *s)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < s->nlabels && i < 10; i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", s->labels[i]);
	if (i < s->nlabels)
		appendStringInfoString(&list, ", ...");
	if (s->nlabels == 0)
		appendStringInfo(&list, "the numbers from 0 to %d", s->nclasses - 1);
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("target column \"%s\" holds no class that model \"%s\" knows", s->target,
					s->model),
			 errhint("Its classes are: %s.", list.data)));
}

/* Codes of the model's classes instead of the source's values; -1: not known. */
static void
encode_truth(EgScored *s, EgSourceData *d)
{
	Size		n = d->x.nrows;
	int		   *code = NULL;
	double		last = NAN;
	int			last_code = -1;
	Size		i;

	if (d->target_kind == EG_TARGET_LABEL)
	{
		code = palloc(sizeof(int) * Max(d->target_column.ncategories, 1));
		for (i = 0; i < d->target_column.ncategories; i++)
			code[i] = find_label(s, d->target_column.categories[i]);
	}
	for (i = 0; i < n; i++)
	{
		if (code)
			last_code = code[(int) d->target[i]];
		else if (d->target[i] != last)
		{
			last = d->target[i];
			last_code = class_of_number(s, last, d->target_kind == EG_TARGET_BOOL);
		}
		s->nunknown += last_code < 0;
		s->truth[i] = last_code;
	}
	if (s->nunknown == (int64) n)
		no_class_error(s);
}

static void
check_truth(const EgScored *s, const EgSourceData *d, const EgSourceSpec *source)
{
	Size		i;

	if (s->nclasses == 0 && d->target_kind == EG_TARGET_LABEL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target column \"%s\" has labels, but model \"%s\" predicts a number",
						s->target, s->model)));
	for (i = 0; d->weight && i < d->x.nrows; i++)
	{
		if (d->weight[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight column \"%s\" has the value %g", source->weight, d->weight[i]),
					 errhint("Weights are finite and not negative; use coalesce() in the "
							 "source.")));
	}
}

/* ----------
 * Order
 * ----------
 */

typedef struct Place
{
	double		group;
	Size		row;
} Place;

static int
by_group(const void *a, const void *b)
{
	const Place *x = a,
			   *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static void *
pick(const void *v, Size size, const Place *places, Size n)
{
	char	   *out;
	Size		i;

	if (v == NULL)
		return NULL;
	out = MemoryContextAllocHuge(CurrentMemoryContext, size * Max(n, 1));
	for (i = 0; i < n; i++)
		memcpy(out + i * size, (const char *) v + places[i].row * size, size);
	return out;
}

/* Leave out rows of unknown class, put rows of a group side by side. */
static void
arrange(EgScored *s)
{
	Place	   *places;
	Size		n = 0;
	Size		i;

	if (s->nunknown == 0 && s->group == NULL)
		return;
	places = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Place) * s->n);
	for (i = 0; i < s->n; i++)
	{
		if (s->nclasses > 0 && s->truth[i] < 0)
			continue;
		places[n].group = s->group ? s->group[i] : 0;
		places[n++].row = i;
	}
	if (s->group)
		qsort(places, n, sizeof(Place), by_group);
	s->truth = pick(s->truth, sizeof(double), places, n);
	s->score = pick(s->score, sizeof(double) * s->width, places, n);
	s->weight = pick(s->weight, sizeof(double), places, n);
	s->group = pick(s->group, sizeof(double), places, n);
	s->event = pick(s->event, sizeof(double), places, n);
	s->x = pick(s->x, sizeof(float) * s->stride, places, n);
	s->text = pick(s->text, sizeof(char *), places, n);
	s->n = n;
	pfree(places);
}

/* What is known of the result before a row is read. */
EgScored *
eg_evaluate_create(const EgVersionRow *v, EgCompiled *model)
{
	EgSchema   *schema = model->parts[0]->schema;
	EgScored   *s = palloc0(sizeof(EgScored));

	s->model = v->model;
	s->version = eg_version_text(v);
	s->task = model->task;
	s->params = model->parts[0]->params;
	s->threshold = model->threshold;
	s->width = model->width;
	if (eg_task_has_classes(model->task))
	{
		s->nlabels = schema->nlabels;
		s->labels = schema->labels;
		s->nclasses = eg_task_two_classes(model->task) ? 2 : model->width;
	}
	s->scorer = eg_scorer_create(model, CurrentMemoryContext);
	s->schema = schema;
	s->stride = schema->nfeatures + (model->nparts > 1);
	return s;
}

EgSourceData *
eg_evaluate_read(const EgEvaluateSpec *spec, const EgSourceSpec *source, EgScored *s, EgRun *run)
{
	EgSourceData *volatile d = NULL;
	EgProgress	progress = {0};

	eg_progress_start(&progress, run, psprintf("evaluating %s", spec->model), "reading row");
	PG_TRY();
	{
		d = eg_source_read(source, run);
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();
	s->nread = d->nread;
	s->nskipped = d->nskipped;
	return d;
}

void
eg_evaluate_truth(EgScored *s, EgSourceData *d, const EgSourceSpec *source)
{
	check_truth(s, d, source);
	if (s->nclasses > 0)
		encode_truth(s, d);
	arrange(s);
}

EgScored *
eg_score_source(const EgEvaluateSpec *spec, EgRun *run)
{
	EgVersionRow *v = eg_models_version(spec->model, EG_PRIV_USE);
	EgCompiled *model = eg_cache_get(v->id, CurrentMemoryContext);
	EgSourceSpec source = eg_evaluate_source(spec, v, model);
	EgScored   *s = eg_evaluate_create(v, model);
	EgSourceData *d;
	Scoring		scoring = {0};

	s->target = pstrdup(source.target);
	scoring.scorer = s->scorer;
	scoring.context = CurrentMemoryContext;
	scoring.run = run;
	source.row_hook = score_row;
	source.row_hook_arg = &scoring;
	d = eg_evaluate_read(spec, &source, s, run);

	s->n = d->x.nrows;
	s->truth = d->target;
	s->score = scoring.score;
	s->weight = d->weight;
	s->group = d->group;
	s->event = d->event;
	eg_evaluate_truth(s, d, &source);
	return s;
}
