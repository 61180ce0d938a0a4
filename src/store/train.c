/*-------------------------------------------------------------------------
 *
 * train.c
 *	  From a source to a trained model and its scores on held-out rows.
 *
 * Memory: the matrix is read once and reordered in place; the model is fitted
 * in a context of its own, written as an artifact, and read back from it: the
 * held-out rows are scored by what a query will load, not by what fit() left.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/history.h"
#include "engage.h"
#include "store/rival.h"
#include "store/train_private.h"

/* and so does one with fewer rows of a class, if they have to be cut into folds */
#define MIN_FOLD_ROWS		5

void
eg_train_check_weights(const EgTrainSpec *spec, const EgSourceData *d)
{
	Size		i;
	double		sum = 0;

	if (d->weight == NULL)
		return;
	for (i = 0; i < d->x.nrows; i++)
	{
		if (!(d->weight[i] >= 0) || isinf(d->weight[i]))
			ereport(
				ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 isnan(d->weight[i])
					 ? errmsg("weight column \"%s\" has a row without a value", spec->weight)
					 : errmsg("weight column \"%s\" has the value %g", spec->weight, d->weight[i]),
				 errhint("Weights are finite and not negative; use coalesce() in the source.")));
		sum += d->weight[i];
	}
	if (sum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("weight column \"%s\" is zero in every row", spec->weight)));
}

/* Weight of each of the first n rows picked by rows (NULL: all), or NULL when all are 1. */
static double *
make_weights(const EgTrainState *s, const Size *rows, Size n)
{
	double	   *w;
	Size		i;

	if (s->class_weights == NULL && (s->d->weight == NULL || rows == NULL))
		return s->d->weight;
	w = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		Size		row = rows ? rows[i] : i;

		w[i] = s->d->weight ? s->d->weight[row] : 1;
		if (s->class_weights)
			w[i] *= s->class_weights[s->target->cls[row]];
	}
	return w;
}

double *
eg_pick(const double *v, const Size *rows, Size n)
{
	double	   *out;
	Size		i;

	if (v == NULL || rows == NULL)
		return (double *) v;
	out = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	for (i = 0; i < n; i++)
		out[i] = v[rows[i]];
	return out;
}

/* The words of each feature that is a category. */
const char *const *const *
eg_train_category_words(const EgSchema *s)
{
	const char *const **words = palloc0(Max(s->nfeatures, 1) * sizeof(*words));

	for (int i = 0; i < s->ncolumns; i++)
	{
		if (s->columns[i].ncategories > 0)
			words[s->columns[i].first] = (const char *const *) s->columns[i].categories;
	}
	return words;
}

void
eg_train_dataset(const EgTrainState *s, const Size *rows, const Size count[EG_NROWS],
				 EgDataset *data, EgMatrix *aside)
{
	EgSourceData *d = s->d;
	Size		learn = count[EG_ROWS_FIT] + count[EG_ROWS_VALID];
	Size		n = learn + count[EG_ROWS_CALIBRATE] + count[EG_ROWS_CONFORMAL];
	Size		i;

	memset(data, 0, sizeof(EgDataset));
	data->x = d->x;
	data->x.nrows = n;
	if (rows)
	{
		data->x.data = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(float) * Max(n * d->x.ncols, 1));
		for (i = 0; i < n; i++)
			memcpy(eg_row(&data->x, i), eg_row(&d->x, rows[i]), sizeof(float) * d->x.ncols);
	}
	*aside = data->x;
	aside->nrows = n - learn;
	aside->data = eg_row(&data->x, learn);
	data->x.nrows = learn;
	data->nfit = count[EG_ROWS_FIT];
	data->nvalid = count[EG_ROWS_VALID];
	data->task = s->target->task;
	data->nclasses = s->target->nlabels;
	data->ncategories = d->schema->ncategories;
	data->names = (const char *const *) d->schema->names;
	data->categories = eg_train_category_words(d->schema);
	if ((EG_TASKS_UNSUPERVISED & EG_TASK_BIT(data->task)) == 0)
		data->role[EG_ROLE_TARGET] = eg_pick(d->target, rows, n);
	data->role[EG_ROLE_WEIGHT] = make_weights(s, rows, n);
	data->role[EG_ROLE_GROUP] = eg_pick(d->group, rows, n);
	data->role[EG_ROLE_EVENT] = eg_pick(d->event, rows, n);
	eg_members_dataset(s->members, rows, n, data);
}

/*
 * Curves and intervals from the rows set apart, which follow the first `learn`
 * ones.  What a stored member has learned from shows nothing.
 */
static void
calibrate_aside(const EgTrainState *s, EgArtifact *a, const Size *rows, const EgDataset *data,
				EgMatrix *aside, Size learn, const Size count[EG_NROWS])
{
	const double *weight = s->d->weight ? eg_pick(s->d->weight, rows, learn + aside->nrows) : NULL;
	double	   *y = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(double) * Max(aside->nrows, 1));
	double	   *w = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(double) * Max(aside->nrows, 1));
	Size		used[2] = {0, 0};
	Size		n = 0,
				i;

	for (i = 0; i < aside->nrows; i++)
	{
		if (!eg_members_unseen(s->members, rows ? rows[learn + i] : learn + i))
			continue;
		if (n < i)
			memcpy(eg_row(aside, n), eg_row(aside, i), sizeof(float) * aside->ncols);
		y[n] = data->role[EG_ROLE_TARGET][learn + i];
		w[n++] = weight ? weight[learn + i] : 1;
		used[i >= count[EG_ROWS_CALIBRATE]]++;
	}
	eg_members_check_interval(s->members, s->spec->interval, used[1], count[EG_ROWS_CONFORMAL]);
	eg_calibrate_artifact(a, s->spec, aside, y, weight ? w : NULL, used[0], used[1]);
}

/* Training rows to store with the model; segments are found again in the next version by them. */
static int
stored_rows(const EgTrainState *s)
{
	int			n = s->spec->background;

	return n > 0 && s->target->task == EG_CLUSTERING ? Max(n, EG_SEGMENT_ROWS) : n;
}

/* Classes that no target names: clusters by number, largest first; what is strange or not. */
static void
name_classes(EgTrainState *s, const void *model, MemoryContext context)
{
	const EgAlgorithm *algorithm = s->spec->algorithm;
	MemoryContext old = MemoryContextSwitchTo(context);
	EgTrained  *r = s->result;
	EgSchema   *schema = s->d->schema;
	int			i;

	r->threshold = 0.5;
	if (r->task == EG_ANOMALY && algorithm->threshold)
		r->threshold = algorithm->threshold(model);
	if (r->task == EG_CLUSTERING)
	{
		r->nlabels = algorithm->width(model);
		r->labels = palloc(sizeof(char *) * r->nlabels);
		for (i = 0; i < r->nlabels; i++)
			r->labels[i] = psprintf("%d", i + 1);
	}
	else if (r->task == EG_ANOMALY && r->nlabels == 0)
	{
		r->nlabels = 2;
		r->labels = palloc(sizeof(char *) * 2);
		r->labels[0] = EG_NORMAL;
		r->labels[1] = EG_ANOMALOUS;
	}
	schema->nlabels = r->nlabels;
	schema->labels = r->labels;
	MemoryContextSwitchTo(old);
}

/*
 * Learn from the given rows (NULL: the first ntrain), of each kind as many as
 * count says; write the artifact.  Everything else is gone on return.
 */
static void
train_part(EgTrainState *s, const char *value, const Size *rows, const Size count[EG_NROWS],
		   const char *what, EgArtifactPart *out)
{
	MemoryContext result_context = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage training",
												  ALLOCSET_DEFAULT_SIZES);
	const EgAlgorithm *algorithm = s->spec->algorithm;
	EgSourceData *d = s->d;
	Size		learn = count[EG_ROWS_FIT] + count[EG_ROWS_VALID];
	EgDataset	data;
	EgMatrix	aside;
	EgArtifact	artifact = {0};
	const char *library = NULL;
	Size		library_len = 0;
	StringInfoData estimate;

	MemoryContextSwitchTo(context);
	eg_progress_start(&s->progress, s->run, what, "round");
	eg_train_dataset(s, rows, count, &data, &aside);
	artifact.algorithm = algorithm;
	artifact.task = s->target->task;
	artifact.schema = d->schema;
	artifact.params = s->result->params;
	s->run->history = value == NULL ? s->result->history : NULL;
	artifact.model = algorithm->fit(&data, s->params, s->run);
	s->run->history = NULL;
	if (value == NULL)
		name_classes(s, artifact.model, result_context);
	CHECK_FOR_INTERRUPTS();
	if (s->spec->cross_folds > 0)
	{
		Size		n = eg_cross_calibrate(s, &artifact, rows, count, what);

		if (value == NULL)
			s->result->ncross = n;
	}
	else
		calibrate_aside(s, &artifact, rows, &data, &aside, learn, count);
	artifact.baseline = eg_baseline_make(&data.x, learn, d->schema->ncategories,
										 stored_rows(s));

	if (algorithm->library_bytes)
		library = algorithm->library_bytes(artifact.model, &library_len);
	initStringInfo(&estimate);
	if (algorithm->estimate)
		algorithm->estimate(artifact.model, &estimate);

	MemoryContextSwitchTo(result_context);
	if (value == NULL)
		s->result->estimate = pstrdup(estimate.data);
	out->value = value ? pstrdup(value) : NULL;
	out->bytes = eg_artifact_save(&artifact, &out->len);
	if (library)
	{
		char	   *copy = MemoryContextAllocHuge(result_context, library_len);

		memcpy(copy, library, library_len);
		out->library_bytes = copy;
		out->library_len = library_len;
	}
	MemoryContextDelete(context);
}

/* Rows of one partition value among the first ntrain, in order, and how many of each kind. */
static Size *
rows_of_value(const EgTrainState *s, int code, Size count[EG_NROWS])
{
	Size	   *rows;
	Size		n = 0,
				i = 0,
				end = 0;
	int			kind;

	for (kind = 0; kind < EG_NROWS; kind++)
	{
		count[kind] = 0;
		for (end += s->rows[kind]; i < end; i++)
			count[kind] += s->d->partition[i] == code;
		n += count[kind];
	}
	rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Size) * Max(n, 1));
	for (n = i = 0; i < s->ntrain; i++)
	{
		if (s->d->partition[i] == code)
			rows[n++] = i;
	}
	return rows;
}

static bool
has_all_classes(const EgTrainState *s, const Size *rows, Size n, Size fewest)
{
	Size	   *count = palloc0(sizeof(Size) * s->target->nlabels);
	int			nseen = 0;
	Size		i;

	for (i = 0; i < n; i++)
		nseen += ++count[s->target->cls[rows[i]]] == fewest;
	pfree(count);
	return nseen == s->target->nlabels;
}

/* Enough rows, and something to tell apart? */
static bool
part_is_learnable(const EgTrainState *s, const Size *rows, const Size count[EG_NROWS])
{
	Size		nfit = count[EG_ROWS_FIT];
	bool		cross = s->spec->cross_folds > 0;
	Size		i;

	if (nfit < EG_MIN_PART_ROWS ||
		(s->spec->interval > 0 && (cross ? nfit : count[EG_ROWS_CONFORMAL]) <
		 eg_conformal_rows_needed(s->spec->interval)))
		return false;
	if (s->spec->calibrate && !cross)
	{
		const Size *first = rows + nfit + count[EG_ROWS_VALID];

		if (!has_all_classes(s, first, count[EG_ROWS_CALIBRATE], 1))
			return false;
	}
	if (EG_TASKS_UNSUPERVISED & EG_TASK_BIT(s->target->task))
		return true;
	if (s->target->nlabels > 0)
		return has_all_classes(s, rows, nfit, cross ? MIN_FOLD_ROWS : 1);
	for (i = 1; i < nfit; i++)
	{
		if (s->d->target[rows[i]] != s->d->target[rows[0]])
			return true;
	}
	return false;
}

/* One model for all rows, and one for each partition value that has enough of them. */
static void
train_parts(EgTrainState *s)
{
	EgTrained  *r = s->result;
	EgColumn   *column = &s->d->partition_column;
	int			nvalues = s->d->partition ? column->ncategories : 0;
	int			code;
	Size		count[EG_NROWS];

	r->parts = palloc0(sizeof(EgArtifactPart) * (nvalues + 1));
	r->part_rows = palloc0(sizeof(Size) * (nvalues + 1));
	train_part(s, NULL, NULL, s->rows, psprintf("training %s", s->spec->model), &r->parts[0]);
	r->part_rows[0] = s->ntrain;
	r->nparts = 1;

	for (code = 0; code < nvalues; code++)
	{
		Size	   *rows = rows_of_value(s, code, count);

		if (part_is_learnable(s, rows, count))
		{
			train_part(s, column->categories[code], rows, count,
					   psprintf("training %s for %s, %d of %d", s->spec->model,
								column->categories[code], code + 1, nvalues),
					   &r->parts[r->nparts]);
			r->part_rows[r->nparts++] = count[EG_ROWS_FIT] + count[EG_ROWS_VALID] +
				count[EG_ROWS_CALIBRATE] + count[EG_ROWS_CONFORMAL];
		}
		else
			r->nfallback++;
		pfree(rows);
	}
}

EgSourceSpec
eg_train_source(const EgTrainSpec *spec, const EgSplit *split)
{
	EgSourceSpec s = {0};

	s.source = spec->source;
	s.target = spec->target;

	/* rows of one query stay on one side of the split */
	s.key = spec->group_by ? spec->group_by : spec->key;
	s.features = spec->features;
	s.exclude = spec->exclude;
	if (spec->group_by && spec->key)
		s.exclude = lappend(list_copy(s.exclude), (char *) spec->key);
	s.weight = spec->weight;
	s.split = spec->split;
	s.group = spec->group_by;
	s.event = spec->event;
	s.partition_by = spec->partition_by;
	s.remember = spec->remember;
	s.hash_seed = split->seed;
	return s;
}

static void
check_parts(const EgTrainState *s)
{
	const EgTrained *r = s->result;

	if (r->nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no rows are left to learn from: %lld were read, %lld are held out, %lld "
						"have no target",
						(long long) r->nread, (long long) (s->d->x.nrows - s->ntrain),
						(long long) r->nskipped),
				 s->spec->split ? errhint("The split column \"%s\" must be false in some rows.",
										  s->spec->split)
								: errhint("Use more rows, or a smaller test_size.")));
}

static void
train_steps(EgTrainState *s)
{
	const EgTrainSpec *spec = s->spec;
	EgRun	   *run = s->run;
	EgTrained  *r = s->result;
	const Jsonb *frozen = spec->frozen_split;
	EgSourceSpec source;
	EgRival    *rival = NULL;
	EgSourceData *d;
	uint8	   *part;
	uint64	   *rank;
	double		validation;
	Size		nrows,
				i;

	if (frozen == NULL && s->members)
		frozen = eg_members_split(s->members, spec);
	r->split = eg_split_from_json(frozen, (uint64) spec->seed, spec->target ? spec->test_size : 0);
	source = eg_train_source(spec, r->split);
	if (s->members)
		eg_members_source(s->members, &source);
	if (s->members && spec->remember)
		eg_members_check_remembered(s->members);
	if (spec->champion && spec->target)
		rival = eg_rival_start(spec, &source, run);

	eg_progress_start(&s->progress, run, psprintf("training %s", spec->model), "reading row");
	s->d = d = eg_source_read(&source, run);
	nrows = d->x.nrows;
	r->nread = d->nread;
	r->nskipped = d->nskipped;
	r->fingerprint = d->fingerprint;
	r->query = d->query;
	eg_train_check_weights(spec, d);
	if (s->members)
		eg_members_check_columns(s->members, d->schema);
	if (d->schema->nfeatures == 0 && !(spec->algorithm->flags & EG_NO_FEATURES))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("source \"%s\" has no feature columns", spec->source),
						errhint("Columns other than target, key, weight, split and those excluded "
								"are features.")));

	s->target = eg_target_classes(spec, d);
	r->task = s->target->task;
	r->nlabels = s->target->nlabels;
	r->labels = s->target->labels;

	eg_check_calibration(spec, r->task);
	if (s->members)
		eg_members_check_target(s->members, s->target);

	validation = spec->algorithm->validation ? spec->algorithm->validation(s->params, r->task) : 0;
	part = eg_split_rows(r->split, d, s->target->cls, r->nlabels, r->labels,
						 eg_validation_share(spec, validation), (uint64) spec->seed);
	if (rival)
		eg_rival_finish(rival, spec, d, s->target, part, r);
	s->class_weights = eg_target_class_weights(spec, s->target, part, nrows);

	rank = eg_part_ranks(spec, d, part, validation, s->rows);
	r->nfit = s->rows[EG_ROWS_FIT];
	r->nvalid = s->rows[EG_ROWS_VALID];
	r->ncalibrate = s->rows[EG_ROWS_CALIBRATE];
	r->nconformal = s->rows[EG_ROWS_CONFORMAL];
	s->nlearn = r->nfit + r->nvalid;
	s->ntrain = s->nlearn + r->ncalibrate + r->nconformal;
	pfree(part);
	check_parts(s);
	eg_source_canonical(d, rank, s->nlearn);
	pfree(rank);

	r->remembered = eg_members_remembered(s->members, eg_remembered_make(d, s->ntrain));

	/* classes follow their rows */
	for (i = 0; s->target->cls && i < nrows; i++)
		s->target->cls[i] = (int32) d->target[i];

	r->schema = d->schema;
	if (spec->target)
		d->schema->target = pstrdup(spec->target);
	d->schema->nlabels = r->nlabels;
	d->schema->labels = r->labels;
	if (s->members)
		eg_members_bind(s->members, s);

	train_parts(s);
	eg_train_score(s);

	/* the matrix is the bulk of the memory; what follows needs it no more */
	pfree(d->x.data);
	d->x.data = NULL;
}

EgTrained *
eg_train(const EgTrainSpec *spec, EgRun *run)
{
	EgTrainState	s = {0};
	StringInfoData params;

	s.spec = spec;
	s.run = run;
	s.result = palloc0(sizeof(EgTrained));
	s.result->history = eg_history_create();
	s.params = eg_params_parse(spec->algorithm->params, spec->algorithm->params_size, spec->params,
							   spec->algorithm->name);
	s.members = eg_members_resolve(spec, s.params);
	initStringInfo(&params);
	eg_params_to_json(spec->algorithm->params, s.params, &params);
	s.result->params = params.data;

	PG_TRY();
	{
		train_steps(&s);
	}
	PG_FINALLY();
	{
		eg_progress_end(&s.progress);
	}
	PG_END_TRY();
	return s.result;
}
