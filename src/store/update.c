/*-------------------------------------------------------------------------
 *
 * update.c
 *	  New rows for a stored model that can learn on.
 *
 * As in training, but columns and classes are the model's: categories that it
 * has not seen are missing, classes that it has not seen are an error.  Both
 * models score the same encoded held-out rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/folds.h"
#include "store/progress.h"
#include "store/remembered.h"
#include "store/update.h"

typedef struct UpdateState
{
	const EgTrainSpec *spec;
	const EgArtifactPart *base;
	EgRun	   *run;
	EgArtifact *old;			/* the model before */
	EgSourceData *d;
	EgTarget	target;
	Size		rows[EG_NROWS];
	Size		ntrain;
	double	   *class_weights;
	EgTrained  *result;
	EgProgress	progress;
} UpdateState;

void
eg_update_check(const EgAlgorithm *algorithm, int nparts)
{
	StringInfoData known;
	int			i;

	if (algorithm->update && nparts == 1)
		return;
	if (algorithm->update)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a model trained with partition_by cannot be updated"),
				 errhint("Train a new version with engage_retrain().")));
	initStringInfo(&known);
	for (i = 0; eg_algorithms[i]; i++)
	{
		if (eg_algorithms[i]->update)
			appendStringInfo(&known, "%s%s", known.len ? ", " : "", eg_algorithms[i]->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("algorithm \"%s\" cannot be updated with new rows", algorithm->name),
			 errhint("Algorithms that can: %s.  For others train a new version with "
					 "engage_retrain().", known.data)));
}

/* ----------
 * Classes
 * ----------
 */

static int
class_of_text(const EgSchema *s, const char *text)
{
	int			c;

	for (c = 0; c < s->nlabels; c++)
	{
		if (strcmp(s->labels[c], text) == 0)
			return c;
	}
	return -1;
}

/* The model's class of a value in the target column, -1 when it knows none. */
static int
class_of_value(const EgSchema *s, const EgSourceData *d, double value)
{
	char		buf[32];

	switch (d->target_kind)
	{
		case EG_TARGET_BOOL:
			return class_of_text(s, value != 0 ? "true" : "false");
		case EG_TARGET_LABEL:
			return class_of_text(s, d->target_column.categories[(int) value]);
		default:
			snprintf(buf, sizeof(buf), "%.0f", value);
			return value == rint(value) ? class_of_text(s, buf) : -1;
	}
}

static void
unknown_class(const EgTrainSpec *spec, const EgSourceData *d, double value)
{
	char	   *text = d->target_kind == EG_TARGET_LABEL ?
		d->target_column.categories[(int) value] :
		d->target_kind == EG_TARGET_BOOL ? (value != 0 ? "true" : "false") :
		psprintf("%g", value);

	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("target column \"%s\" has the class \"%s\", which model \"%s\" does not know",
					spec->target, text, spec->model),
			 errhint("Leave such rows out, or train a new version with engage_train().")));
}

/* Target values to the model's class codes; numbers stay as they are. */
static void
read_target(UpdateState *s)
{
	EgSourceData *d = s->d;
	const EgSchema *schema = s->old->schema;
	EgTarget   *t = &s->target;
	double		last = NAN;
	int			class = 0;
	Size		i;

	t->task = s->old->task;
	if (t->task != EG_BINARY && t->task != EG_MULTICLASS)
	{
		if (d->target_kind == EG_TARGET_LABEL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("target column \"%s\" has labels, but task %s needs numbers",
							s->spec->target, eg_task_name(t->task))));
		return;
	}
	t->nlabels = schema->nlabels;
	t->labels = schema->labels;
	t->cls = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(d->x.nrows, 1));
	for (i = 0; i < d->x.nrows; i++)
	{
		if (d->target[i] != last)
		{
			last = d->target[i];
			class = class_of_value(schema, d, last);
			if (class < 0)
				unknown_class(s->spec, d, last);
		}
		t->cls[i] = class;
	}
	for (i = 0; i < d->x.nrows; i++)
		d->target[i] = t->cls[i];
	d->target_kind = EG_TARGET_NUMBER;
}

/* ----------
 * Rows
 * ----------
 */

/* Who is held out, who calibrates; then everything into an order of its own. */
static void
arrange(UpdateState *s)
{
	EgSourceData *d = s->d;
	EgTrained  *r = s->result;
	Size		nrows = d->x.nrows;
	uint64	   *rank;
	uint8	   *part = eg_split_rows(r->split, d, s->target.cls, s->target.nlabels,
									 s->target.labels, eg_validation_share(s->spec, 0),
									 (uint64) s->spec->seed);
	Size		i;

	s->class_weights = eg_target_class_weights(s->spec, &s->target, part, nrows);
	rank = eg_part_ranks(s->spec, d, part, 0, s->rows);
	r->nfit = s->rows[EG_ROWS_FIT];
	r->nvalid = s->rows[EG_ROWS_VALID];
	r->ncalibrate = s->rows[EG_ROWS_CALIBRATE];
	r->nconformal = s->rows[EG_ROWS_CONFORMAL];
	s->ntrain = r->nfit + r->nvalid + r->ncalibrate + r->nconformal;
	if (r->nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no rows are left to learn from: %lld were read, %lld are held out, %lld "
						"have no target",
						(long long) r->nread, (long long) (nrows - s->ntrain),
						(long long) r->nskipped)));
	eg_source_canonical(d, rank, s->ntrain);
	r->remembered = eg_remembered_make(d, s->ntrain);
	for (i = 0; s->target.cls && i < nrows; i++)
		s->target.cls[i] = (int32) d->target[i];
	pfree(rank);
	pfree(part);
}

/*
 * Without rows set apart: the model has not learned from the n new rows yet,
 * so what it says of them now is as good as out of fold.
 */
static void
calibrate_before(UpdateState *s, EgArtifact *a, Size n)
{
	EgSourceData *d = s->d;
	int			width = a->algorithm->width(a->model);
	double	   *score = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(double) * Max(n * width, 1));
	int			nfolds = Max((int) Min((Size) s->spec->cross_folds, n), 1);
	Size		i;

	for (i = 0; i < n; i += EG_SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		a->algorithm->predict(a->model, eg_row(&d->x, i), Min(EG_SCORE_BLOCK, n - i),
							  score + i * width);
	}
	eg_cross_fit(a, s->spec, d->target, score, d->weight,
				 eg_folds_shuffled(d->hash, s->target.cls, a->schema->nlabels, n, nfolds,
								   (uint64) s->spec->seed), nfolds, n);
	s->result->ncross = n;
}

/* Learn on, in a context of its own; what stays is the artifact. */
static void
learn(UpdateState *s)
{
	MemoryContext result_context = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage training",
												  ALLOCSET_DEFAULT_SIZES);
	EgSourceData *d = s->d;
	EgTrained  *r = s->result;
	EgDataset	data = {0};
	EgMatrix	aside = d->x;
	EgArtifact *a;
	double	   *weight = d->weight;
	Size		n = r->nfit + r->nvalid;
	Size		i;

	MemoryContextSwitchTo(context);
	a = eg_artifact_load(s->base->bytes, s->base->len);
	if (s->class_weights)
	{
		weight = MemoryContextAllocHuge(context, sizeof(double) * n);
		for (i = 0; i < n; i++)
			weight[i] = (d->weight ? d->weight[i] : 1) * s->class_weights[s->target.cls[i]];
	}
	data.x = d->x;
	data.x.nrows = n;
	data.nfit = r->nfit;
	data.nvalid = r->nvalid;
	data.task = a->task;
	data.nclasses = a->schema->nlabels;
	data.ncategories = a->schema->ncategories;
	data.names = (const char *const *) a->schema->names;
	data.categories = eg_train_category_words(a->schema);
	data.role[EG_ROLE_TARGET] = d->target;
	data.role[EG_ROLE_WEIGHT] = weight;
	data.role[EG_ROLE_GROUP] = d->group;
	data.role[EG_ROLE_EVENT] = d->event;
	if (s->spec->cross_folds > 0)
		calibrate_before(s, a, n);
	a->algorithm->update(a->model, &data, s->run);
	CHECK_FOR_INTERRUPTS();

	aside.data = eg_row(&d->x, n);
	aside.nrows = s->ntrain - n;
	if (s->spec->cross_folds == 0)
		eg_calibrate_artifact(a, s->spec, &aside, d->target + n, d->weight ? d->weight + n : NULL,
							  r->ncalibrate, r->nconformal);
	MemoryContextSwitchTo(result_context);
	r->parts = palloc0(sizeof(EgArtifactPart));
	r->part_rows = palloc(sizeof(Size));
	r->part_rows[0] = s->ntrain;
	r->nparts = 1;
	a->scores = NULL;
	r->parts[0].bytes = eg_artifact_save(a, &r->parts[0].len);
	MemoryContextDelete(context);
}

/* Rows from the first to the last before end, scored by one of the two models. */
static void
score(const UpdateState *s, const EgArtifact *a, Size first, Size end, EgHeldOut *h)
{
	EgSourceData *d = s->d;
	Size		i;

	h->n = end - first;
	h->width = a->algorithm->width(a->model);
	h->score = MemoryContextAllocHuge(CurrentMemoryContext,
									  sizeof(double) * Max(h->n * h->width, 1));
	h->truth = d->target + first;
	h->weight = d->weight ? d->weight + first : NULL;
	h->group = d->group ? d->group + first : NULL;
	h->event = d->event ? d->event + first : NULL;
	for (i = 0; i < h->n; i += EG_SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		eg_artifact_predict(a, eg_row(&d->x, first + i), Min(EG_SCORE_BLOCK, h->n - i),
							h->score + i * h->width);
	}
}

static void
measure_intervals(EgTrained *r, const EgConformal *c)
{
	double		size;
	Size		i;

	r->coverage = r->interval_size = r->test.n > 0 ? 0 : NAN;
	for (i = 0; i < r->test.n; i++)
	{
		r->coverage += eg_conformal_covers(c, r->test.score + i * r->test.width, r->test.width,
										   r->test.truth[i], &size) / (double) r->test.n;
		r->interval_size += size / r->test.n;
	}
}

/* How the scores are distributed goes with the model: those of held-out rows if there are any. */
static void
keep_scores(UpdateState *s, const EgArtifact *now)
{
	EgArtifactPart *part = &s->result->parts[0];
	EgScoredRows rows = EG_SCORED_HELD_OUT;
	EgHeldOut	h = s->result->test;
	EgScoreBaseline *scores;

	if (h.n == 0)
	{
		rows = EG_SCORED_TRAINING;
		score(s, now, 0, Min(s->ntrain, EG_BASELINE_ROWS), &h);
	}
	scores = eg_scores_make(h.score, h.n, h.width, rows);
	part->bytes = eg_artifact_with_scores(part->bytes, part->len, scores, &part->len);
}

static void
update_steps(UpdateState *s)
{
	EgTrained  *r = s->result;
	EgSourceSpec source;
	EgArtifact *now;
	Size		nrows;

	r->split = eg_split_from_json(s->spec->frozen_split, (uint64) s->spec->seed,
								  s->spec->test_size);
	source = eg_train_source(s->spec, r->split);
	source.schema = s->old->schema;
	eg_progress_start(&s->progress, s->run, psprintf("updating %s", s->spec->model),
					  "reading row");
	s->d = eg_source_read(&source, s->run);
	r->nread = s->d->nread;
	r->nskipped = s->d->nskipped;
	r->fingerprint = s->d->fingerprint;
	r->query = s->d->query;
	eg_train_check_weights(s->spec, s->d);
	read_target(s);
	r->threshold = 0.5;
	r->task = s->target.task;
	r->nlabels = s->target.nlabels;
	r->labels = s->target.labels;
	r->schema = s->old->schema;
	arrange(s);

	eg_progress_start(&s->progress, s->run, psprintf("updating %s", s->spec->model), "round");
	learn(s);
	now = eg_artifact_load(r->parts[0].bytes, r->parts[0].len);
	nrows = s->d->x.nrows;
	score(s, now, s->ntrain, nrows, &r->test);
	score(s, s->old, s->ntrain, nrows, &r->rival);
	keep_scores(s, now);
	if (r->split->refrozen)
		r->not_comparable = "it may have learned from these rows";
	if (now->conformal)
		measure_intervals(r, now->conformal);

	pfree(s->d->x.data);
	s->d->x.data = NULL;
}

/* Before anything is read: does this very model know enough to learn on? */
static void
check_obstacle(const UpdateState *s)
{
	const EgAlgorithm *algorithm = s->old->algorithm;
	const char *obstacle = algorithm->update_obstacle ?
		algorithm->update_obstacle(s->old->model) : NULL;

	if (obstacle != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model \"%s\" cannot be updated with new rows", s->spec->model),
				 errdetail("%s", obstacle),
				 errhint("Train a new version with engage_retrain() or engage_train().")));
}

EgTrained *
eg_update(const EgTrainSpec *spec, const EgArtifactPart *base, EgRun *run)
{
	UpdateState s = {0};

	s.spec = spec;
	s.base = base;
	s.run = run;
	s.old = eg_artifact_load(base->bytes, base->len);
	check_obstacle(&s);
	s.result = palloc0(sizeof(EgTrained));
	s.result->params = s.old->params;
	PG_TRY();
	{
		update_steps(&s);
	}
	PG_FINALLY();
	{
		eg_progress_end(&s.progress);
	}
	PG_END_TRY();
	return s.result;
}
