/*-------------------------------------------------------------------------
 *
 * crossval.c
 *	  The same rows many times over: read once, deal out to folds.
 *
 * The matrix is read once and put into its canonical order, and the rows are
 * dealt out to folds.  crossval_fold.c does the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "store/crossval_private.h"
#include "store/folds.h"

List *
eg_crossval_key_names(const EgTrainSpec *t)
{
	List	   *names;

	if (!SplitIdentifierString(pstrdup(t->key), ',', &names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" is no list of column names", t->key)));
	return names;
}

static EgSourceSpec
source_spec(const EgCrossvalSpec *spec, const EgSplit *split)
{
	const EgTrainSpec *t = &spec->train;
	EgSourceSpec s = {0};

	s.source = t->source;
	s.target = t->target;
	s.key = t->key;
	s.features = t->features;
	s.exclude = t->exclude;
	s.weight = t->weight;
	s.split = spec->time_column ? spec->time_column : t->split;
	s.event = t->event;
	s.partition_by = spec->compare ? spec->compare : t->partition_by;
	s.hash_seed = split->seed;
	if (t->group_by)
	{
		/* rows of one group have one hash, and so stay together in every split */
		s.key = quote_identifier(t->group_by);
		s.group = t->group_by;
		if (t->key)
			s.exclude = list_concat(list_copy(s.exclude), eg_crossval_key_names(t));
	}
	return s;
}

/* group_by asks for a ranking only when the task says so; else it keeps rows together. */
static EgTrainSpec
label_spec(const EgTrainSpec *t)
{
	EgTrainSpec labels = *t;

	if (t->task == NULL || strcmp(t->task, "ranking") != 0)
		labels.group_by = NULL;
	return labels;
}

/* Every fold must have every class to learn from. */
static void
check_classes(const EgCrossval *cv, int repeat)
{
	const EgCrossvalState *s = cv->state;
	int			folds = cv->spec->folds;
	int			n = cv->nlabels;
	Size	   *count = palloc0(sizeof(Size) * folds * Max(n, 1));
	Size		i;
	int			f,
				c;

	for (i = 0; i < cv->nrows && n > 0; i++)
	{
		int			own = s->fold[repeat][i];

		for (f = 0; f < folds; f++)
		{
			if (cv->spec->time_column ? own < f : own != f)
				count[f * n + s->target->cls[i]]++;
		}
	}
	for (f = 0; f < folds; f++)
	{
		for (c = 0; c < n; c++)
		{
			if (count[f * n + c] == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DATA_EXCEPTION),
						 errmsg("fold %d of %d has no row of class \"%s\" to learn from",
								f + 1, folds, cv->labels[c]),
						 cv->spec->time_column ?
						 errhint("Use fewer folds, or folds that are not ordered by time.") :
						 errhint("Use stratified folds, fewer groups in one, or leave out classes "
								 "with so few rows.")));
		}
	}
	pfree(count);
}

static void
check_folds(const EgCrossval *cv, int repeat)
{
	const EgCrossvalState *s = cv->state;
	int			folds = cv->spec->folds;
	Size	   *count = palloc0(sizeof(Size) * folds);
	Size		i;
	int			f;

	for (i = 0; i < cv->nrows; i++)
	{
		if (s->fold[repeat][i] >= 0)
			count[s->fold[repeat][i]]++;
	}
	for (f = 0; f < folds; f++)
	{
		if (count[f] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%zu rows cannot be dealt out to %d folds", (size_t) cv->nrows, folds),
					 cv->spec->train.group_by ?
					 errdetail("Rows with the same value of column \"%s\" stay together.",
							   cv->spec->train.group_by) :
					 errdetail("Rows with the same key, or without a key with the same content, "
							   "stay together."),
					 errhint("Use fewer folds.")));
	}
	pfree(count);
}

static void
make_folds(EgCrossval *cv)
{
	EgCrossvalState *s = cv->state;
	const EgCrossvalSpec *spec = cv->spec;
	Size		i;
	int			r;

	s->fold = palloc(sizeof(int32 *) * spec->repeats);
	for (r = 0; r < spec->repeats; r++)
	{
		if (spec->time_column)
		{
			s->fold[r] = eg_folds_ordered(s->d->split, cv->nrows, spec->folds, spec->time_column);
			for (i = 0; i < cv->nrows; i++)
				s->fold[r][i]--;	/* block 0 is never tested */
		}
		else
			s->fold[r] = eg_folds_shuffled(s->d->hash, spec->stratified ? s->target->cls : NULL,
										   cv->nlabels, cv->nrows, spec->folds,
										   (uint64) spec->train.seed + (uint64) r);
		check_folds(cv, r);
		check_classes(cv, r);
	}
}

/* Room for one fold's rows, held against the limit together with what was read. */
static void
make_room(EgCrossval *cv, EgRun *run)
{
	EgCrossvalState *s = cv->state;
	EgSourceData *d = s->d;
	Size		n = Max(cv->nrows, 1);
	int			ncols = d->x.ncols;
	int			ncodes = 0;
	Size		row = sizeof(float) * Max(ncols, 1);
	int			j;

	eg_check_memory(mul_size(d->x.nrows, 2 * row + 8 * sizeof(double)), run->memory_limit,
					"cross-validation");
	s->x.ncols = ncols;
	s->x.data = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(n, row));
	s->part = MemoryContextAllocHuge(CurrentMemoryContext, n);
	s->kind = MemoryContextAllocHuge(CurrentMemoryContext, n);
	s->rows = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(n, sizeof(Size)));
	s->order = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(n, sizeof(uint64)));
	for (j = 0; j < EG_NROLES; j++)
	{
		bool		wanted = j == EG_ROLE_TARGET ||
			(j == EG_ROLE_WEIGHT && (d->weight || cv->spec->train.class_weight)) ||
			(j == EG_ROLE_GROUP && d->group && cv->task == EG_RANKING) ||
			(j == EG_ROLE_EVENT && d->event);

		if (wanted)
			s->role[j] = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(n, sizeof(double)));
	}
	s->first_code = palloc(sizeof(int) * (ncols + 1));
	for (j = 0; j < ncols; j++)
	{
		s->first_code[j] = ncodes;
		ncodes += d->schema->ncategories[j];
	}
	s->first_code[ncols] = ncodes;
	s->seen = palloc(Max(ncodes, 1));
	s->all_words = eg_train_category_words(d->schema);
	s->ncategories = palloc0(sizeof(int) * Max(ncols, 1));
	s->words = palloc0(sizeof(*s->words) * Max(ncols, 1));
}

/* Rows that training would hold out come last, and are left out. */
static void
order_rows(EgCrossval *cv, EgSplit *split)
{
	EgCrossvalState *s = cv->state;
	EgSourceData *d = s->d;
	Size		nrows = d->x.nrows;
	uint64	   *rank = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(nrows, 1));
	uint8	   *part;
	Size		i;

	/* ordered folds hold out the newest rows, as training by that column would */
	part = eg_split_rows(split, d, s->target->cls, cv->nlabels, cv->labels, 0,
						 (uint64) cv->spec->train.seed);
	for (i = 0; i < nrows; i++)
	{
		rank[i] = ((uint64) part[i] << 56) + (d->group ? (uint64) d->group[i] : 0);
		cv->nrows += part[i] == EG_PART_FIT;
	}
	pfree(part);
	if (cv->nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no rows are left to learn from: all %zu are held out", (size_t) nrows)));
	eg_source_canonical(d, rank, cv->nrows);
	pfree(rank);
	for (i = 0; s->target->cls && i < nrows; i++)
		s->target->cls[i] = (int32) d->target[i];
}

EgCrossval *
eg_crossval_read(const EgCrossvalSpec *spec, EgRun *run)
{
	EgCrossval *cv = palloc0(sizeof(EgCrossval));
	EgCrossvalState *s = palloc0(sizeof(EgCrossvalState));
	EgTrainSpec labels = label_spec(&spec->train);
	EgSplit    *split;
	EgSourceSpec source;
	EgSourceData *d;

	cv->spec = spec;
	cv->state = s;
	split = eg_split_from_json(spec->train.frozen_split, (uint64) spec->train.seed,
							   spec->train.test_size);
	source = source_spec(spec, split);
	s->d = d = eg_source_read(&source, run);
	if (spec->time_column && !d->split_is_time)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("time column \"%s\" is a boolean, not a date or a timestamp",
						spec->time_column)));
	eg_train_check_weights(&spec->train, d);
	if (d->schema->nfeatures == 0 && !(spec->train.algorithm->flags & EG_NO_FEATURES))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" has no feature columns", spec->train.source),
				 errhint("Columns other than target, key, weight, split and those excluded are "
						 "features.")));
	s->target = eg_target_classes(&labels, d);
	cv->task = s->target->task;
	eg_check_calibration(&spec->train, cv->task);
	cv->nlabels = s->target->nlabels;
	cv->labels = s->target->labels;
	cv->nskipped = d->nskipped;
	cv->fingerprint = d->fingerprint;
	order_rows(cv, split);
	if (spec->compare)
	{
		cv->ncompared = d->partition_column.ncategories;
		cv->compared = d->partition_column.categories;
	}
	make_folds(cv);
	make_room(cv, run);
	return cv;
}
