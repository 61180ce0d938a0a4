/*-------------------------------------------------------------------------
 *
 * fit_model.c
 *	  The end of engage_fit(): packed rows to a model.
 *
 * Rows arrive in any order, from any number of workers.  They are put into an
 * order of their own, by hash, before anything is made of them; so the model
 * depends on the rows alone.  Where a state has sums in the place of rows
 * (fit_sums.c), it depends on their order by what rounding makes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "store/artifact.h"
#include "store/fit_private.h"
#include "store/schema_private.h"
#include "store/train.h"

/* Columns are known; dictionaries into order. */
static void
finish_schema(EgSchema *schema)
{
	int			j;

	for (j = 0; j < schema->ncolumns; j++)
	{
		if (schema->columns[j].kind == EG_COL_CATEGORY)
			pfree(eg_dict_sort(&schema->columns[j], NULL));
		if (schema->columns[j].width == 0)
			schema->columns[j].width = 1;	/* an array that is always missing */
		if (isinf(schema->columns[j].origin))
			schema->columns[j].origin = 0;
	}
	eg_schema_finish(schema);
}

/* Rows of the matrix, in order. */
static void
fill(EgFitState *s, EgSourceData *d, const EgFitPacked *rows, Size n, const EgRun *run)
{
	EgSchema   *schema = d->schema;
	Size		i;

	if (schema->nfeatures < 1 || schema->nfeatures > EG_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows have %d features, not 1 to %d", schema->nfeatures,
						EG_MAX_FEATURES)));
	d->x.nrows = n;
	d->x.ncols = schema->nfeatures;
	eg_check_memory(n * ((Size) d->x.ncols * sizeof(float) + sizeof(EgFitPacked) + 16),
					run->memory_limit, "reading the rows");
	d->x.data = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(float) * Max(n * (Size) d->x.ncols, 1));
	for (i = 0; i < n; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		eg_fit_features(s, schema, &rows[i], eg_row(&d->x, i));
	}
}

/* Validation rows behind the others, targets with them; how many are fitted. */
static Size
set_validation_apart(EgSourceData *d, EgFitPacked *rows, Size n, double share)
{
	double	   *target = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n);
	EgFitPacked *moved = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(EgFitPacked) * n);
	Size		k = 0,
				nfit = 0,
				i;
	int			pass;

	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < n; i++)
		{
			rows[i].valid = eg_random_unit(eg_random_stream(rows[i].hash, 0), 0) < share;
			if (rows[i].valid != (pass == 1))
				continue;
			moved[k] = rows[i];
			target[k++] = d->target[i];
		}
		if (pass == 0)
			nfit = k;
	}
	memcpy(rows, moved, sizeof(EgFitPacked) * n);
	memcpy(d->target, target, sizeof(double) * n);
	pfree(moved);
	pfree(target);
	return nfit;
}

/* From the rows of d, or from sums of which these are a sample. */
static void
learn(EgSourceData *d, EgTrainSpec *spec, void *params, const EgTarget *target, Size nfit,
	  const EgMoments *moments, EgArtifact *a, EgRun *run)
{
	EgDataset	data = {0};
	StringInfoData text;

	initStringInfo(&text);
	eg_params_to_json(spec->algorithm->params, params, &text);
	d->schema->nlabels = target->nlabels;
	d->schema->labels = target->labels;
	data.x = d->x;
	data.nfit = nfit;
	data.nvalid = moments ? 0 : d->x.nrows - nfit;
	data.task = target->task;
	data.nclasses = target->nlabels;
	data.ncategories = d->schema->ncategories;
	data.names = (const char *const *) d->schema->names;
	data.categories = eg_train_category_words(d->schema);
	data.role[EG_ROLE_TARGET] = d->target;
	a->algorithm = spec->algorithm;
	a->task = target->task;
	a->schema = d->schema;
	a->params = text.data;
	a->model = moments ? spec->algorithm->fit_moments(moments, &data, params, run) :
		spec->algorithm->fit(&data, params, run);
	a->baseline = eg_baseline_make(&d->x, d->x.nrows, d->schema->ncategories, EG_BACKGROUND_ROWS);
}

/* The state's rows with targets, in their order. */
static EgFitPacked *
measure_rows(EgFitState *s, EgSourceData *d, Size *n)
{
	EgFitPacked *rows = eg_fit_find_rows(&s->rows, n);
	Size		i;

	qsort(rows, *n, sizeof(EgFitPacked), eg_fit_by_hash);
	d->x.nrows = *n;
	d->target = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		eg_fit_measure(s, d, &rows[i], i);
	}
	return rows;
}

static void
learn_from_rows(EgFitState *s, EgSourceData *d, EgTrainSpec *spec, void *params,
				EgFitPacked *rows, Size n, EgArtifact *a, EgRun *run)
{
	EgTarget   *target = eg_target_classes(spec, d);
	Size		nfit = set_validation_apart(d, rows, n, spec->algorithm->validation ?
											spec->algorithm->validation(params, target->task) : 0);

	if (nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no rows are left to learn from: %zu were given, all for validation", n)));
	finish_schema(d->schema);
	fill(s, d, rows, n, run);
	learn(d, spec, params, target, nfit, NULL, a, run);
}

/* The task is inferred from the distinct targets that are known, which are enough for that. */
static void
learn_from_sums(EgFitState *s, EgSourceData *d, EgTrainSpec *spec, void *params, EgArtifact *a,
				EgRun *run)
{
	EgFitSums  *sums = eg_fit_sums_open(s);
	EgTarget   *target;

	eg_fit_sums_add(s, sums);
	d->x.nrows = sums->ntargets;
	d->target = sums->target;
	target = eg_target_classes(spec, d);
	d->schema = sums->schema;
	eg_fit_sums_finish(sums);
	finish_schema(d->schema);
	fill(s, d, sums->sample, sums->nsample, run);
	learn(d, spec, params, target, 0, sums->moments, a, run);
}

char *
eg_fit_finish(const bytea *state, EgRun *run, Size *len)
{
	EgFitState	s = {0};
	EgSourceData d = {0};
	EgTrainSpec spec = {0};
	EgArtifact	a = {0};
	EgFitPacked *rows = NULL;
	void	   *params;
	Size		n = 0;

	eg_fit_open(state, &s);
	spec.model = "engage_fit()";
	spec.target = "target";
	spec.algorithm = eg_algorithm_find(s.algorithm);
	spec.params = s.params ?
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.params))) : NULL;
	spec.task = s.task;
	params = eg_params_parse(spec.algorithm->params, spec.algorithm->params_size, spec.params,
							 spec.algorithm->name);
	if (s.sums.len > 0 && spec.algorithm->fit_moments == NULL)
		eg_corrupted(&s.sums, "algorithm \"%s\" does not learn from sums", s.algorithm);

	d.schema = eg_fit_schema(&s);
	d.target_kind = s.target_kind;
	d.target_column.name = "target";
	if (s.target_kind == EG_TARGET_LABEL)
	{
		d.target_column.kind = EG_COL_CATEGORY;
		eg_dict_create(&d.target_column, 0);
	}
	if (s.sums.len == 0)
	{
		rows = measure_rows(&s, &d, &n);
		if (n == 0)
			return NULL;
	}
	if (s.task && (strcmp(s.task, eg_task_name(EG_RANKING)) == 0 ||
				   strcmp(s.task, eg_task_name(EG_SURVIVAL)) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("engage_fit() cannot learn the task %s", s.task),
				 errhint("Use engage_train().")));
	if (s.sums.len > 0)
		learn_from_sums(&s, &d, &spec, params, &a, run);
	else
		learn_from_rows(&s, &d, &spec, params, rows, n, &a, run);
	CHECK_FOR_INTERRUPTS();
	return eg_artifact_save(&a, len);
}
