/*-------------------------------------------------------------------------
 *
 * crossval_part.c
 *	  The models of a fold: one for all rows, one for each partition value
 *	  that has enough of them; with their curves and intervals, if these are
 *	  asked for.  What is measured is what engage_train() would make.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/artifact.h"
#include "store/crossval_private.h"

/* A fold while it is fitted and scored. */
typedef struct Fold
{
	EgCrossval *cv;
	const EgAlgorithm *algorithm;
	const void *params;
	char	   *params_json;
	EgRun	   *run;
	EgFoldScores *out;
	double		covered;		/* rows whose interval holds the truth */
	double		size;			/* of all intervals */
} Fold;

static double *
pick_doubles(const double *v, const Size *rows, Size n)
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

/* The rows picked (NULL: all of them) as a matrix of their own. */
static EgMatrix
pick_rows(const EgMatrix *x, const Size *rows, Size n)
{
	EgMatrix	out = *x;
	Size		i;

	out.nrows = n;
	if (rows == NULL)
		return out;
	out.data = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * Max(n * x->ncols, 1));
	for (i = 0; i < n; i++)
		memcpy(eg_row(&out, i), eg_row(x, rows[i]), sizeof(float) * x->ncols);
	return out;
}

/* Learn from the rows, of each kind as many as count says; in CurrentMemoryContext. */
static void
fit_part(const Fold *f, const Size *rows, const Size count[EG_NFOLD_ROWS], EgArtifact *a)
{
	EgCrossval *cv = f->cv;
	EgCrossvalState *s = cv->state;
	Size		learn = count[EG_ROWS_FIT] + count[EG_ROWS_VALID];
	Size		n = learn + count[EG_ROWS_CALIBRATE] + count[EG_ROWS_CONFORMAL];
	EgDataset	data = {0};
	EgMatrix	aside;
	int			j;

	data.x = pick_rows(&s->x, rows, n);
	aside = data.x;
	aside.data = eg_row(&data.x, learn);
	aside.nrows = n - learn;
	data.x.nrows = learn;
	data.nfit = count[EG_ROWS_FIT];
	data.nvalid = count[EG_ROWS_VALID];
	data.task = cv->task;
	data.nclasses = cv->nlabels;
	data.ncategories = s->ncategories;
	data.names = (const char *const *) s->d->schema->names;
	data.categories = (const char *const *const *) s->words;
	for (j = 0; j < EG_NROLES; j++)
		data.role[j] = pick_doubles(s->role[j], rows, n);

	a->algorithm = f->algorithm;
	a->task = cv->task;
	a->params = f->params_json;
	a->model = f->algorithm->fit(&data, f->params, f->run);
	CHECK_FOR_INTERRUPTS();
	if (n > learn)
		eg_calibrate_artifact(a, &cv->spec->train, &aside, data.role[EG_ROLE_TARGET] + learn,
							  s->d->weight ? data.role[EG_ROLE_WEIGHT] + learn : NULL,
							  count[EG_ROWS_CALIBRATE], count[EG_ROWS_CONFORMAL]);
}

/* Does the interval of test row i hold its truth? */
static void
note_interval(Fold *f, const EgArtifact *a, Size i, double sign)
{
	const EgHeldOut *h = &f->out->test;
	double		size;

	if (a->conformal == NULL)
		return;
	f->covered += sign * eg_conformal_covers(a->conformal, h->score + i * h->width, h->width,
											 h->truth[i], &size);
	f->size += sign * size;
}

static void
score_all(Fold *f, const EgArtifact *a)
{
	const EgCrossvalState *s = f->cv->state;
	EgFoldScores *out = f->out;
	EgHeldOut  *h = &out->test;
	Size		i;

	for (i = 0; i < h->n; i += EG_SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		eg_artifact_predict(a, eg_row(&s->x, out->ntrain + i), Min(EG_SCORE_BLOCK, h->n - i),
							h->score + i * h->width);
	}
	for (i = 0; i < h->n; i++)
		note_interval(f, a, i, 1);
}

/* Rows of a partition value, in order; how many of each kind. */
static Size *
rows_of_value(const Fold *f, int32 code, const Size all[EG_NFOLD_ROWS], Size count[EG_NFOLD_ROWS])
{
	const EgCrossvalState *s = f->cv->state;
	Size	   *rows = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Size) * Max(s->x.nrows, 1));
	Size		n = 0,
				i = 0,
				end = 0;
	int			kind;

	for (kind = 0; kind < EG_NFOLD_ROWS; kind++)
	{
		count[kind] = n;
		for (end += all[kind]; i < end; i++)
		{
			if (s->d->partition[s->rows[i]] == code)
				rows[n++] = i;
		}
		count[kind] = n - count[kind];
	}
	return rows;
}

static bool
has_all_classes(const Fold *f, const Size *rows, Size n)
{
	const double *target = f->cv->state->role[EG_ROLE_TARGET];
	bool	   *seen = palloc0(sizeof(bool) * f->cv->nlabels);
	int			nseen = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		int			c = (int) target[rows[i]];

		nseen += !seen[c];
		seen[c] = true;
	}
	pfree(seen);
	return nseen == f->cv->nlabels;
}

/* The rule of training: enough rows, and something to tell apart. */
static bool
part_is_learnable(const Fold *f, const Size *rows, const Size count[EG_NFOLD_ROWS])
{
	const EgTrainSpec *spec = &f->cv->spec->train;
	const double *target = f->cv->state->role[EG_ROLE_TARGET];
	Size		nfit = count[EG_ROWS_FIT];
	Size		i;

	if (nfit < EG_MIN_PART_ROWS ||
		(spec->interval > 0 &&
		 count[EG_ROWS_CONFORMAL] < eg_conformal_rows_needed(spec->interval)))
		return false;
	if (spec->calibrate &&
		!has_all_classes(f, rows + nfit + count[EG_ROWS_VALID], count[EG_ROWS_CALIBRATE]))
		return false;
	if (f->cv->nlabels > 0)
		return has_all_classes(f, rows, nfit);
	for (i = 1; i < nfit && target[rows[i]] == target[rows[0]]; i++)
		;
	return i < nfit;
}

/* A model of a value's own takes the place of the one for all rows. */
static void
score_value(Fold *f, const EgArtifact *whole, const EgArtifact *own, const Size *rows, Size n)
{
	const EgCrossvalState *s = f->cv->state;
	EgHeldOut  *h = &f->out->test;
	Size		k;

	for (k = 0; k < n; k++)
	{
		Size		i = rows[k] - f->out->ntrain;

		note_interval(f, whole, i, -1);
		eg_artifact_predict(own, eg_row(&s->x, rows[k]), 1, h->score + i * h->width);
		note_interval(f, own, i, 1);
	}
}

static void
fit_values(Fold *f, const EgArtifact *whole, const Size all[EG_NFOLD_ROWS])
{
	int			nvalues = f->cv->state->d->partition_column.ncategories;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage fold part",
												  ALLOCSET_DEFAULT_SIZES);
	int			code;

	for (code = 0; code < nvalues; code++)
	{
		Size		count[EG_NFOLD_ROWS];
		Size	   *rows;

		MemoryContextSwitchTo(context);
		rows = rows_of_value(f, code, all, count);
		if (count[EG_FOLD_TEST] > 0 && part_is_learnable(f, rows, count))
		{
			EgArtifact	a = {0};
			Size		learn = count[EG_ROWS_FIT] + count[EG_ROWS_VALID] +
				count[EG_ROWS_CALIBRATE] + count[EG_ROWS_CONFORMAL];

			fit_part(f, rows, count, &a);
			score_value(f, whole, &a, rows + learn, count[EG_FOLD_TEST]);
			f->out->nparts++;
		}
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

void
eg_crossval_parts(EgCrossval *cv, const EgAlgorithm *algorithm, const void *params,
				  const Size count[EG_NFOLD_ROWS], EgRun *run, EgFoldScores *out)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage fold", ALLOCSET_DEFAULT_SIZES);
	EgHeldOut  *h = &out->test;
	EgArtifact	whole = {0};
	Fold		f = {0};
	StringInfoData json;

	MemoryContextSwitchTo(context);
	initStringInfo(&json);
	eg_params_to_json(algorithm->params, params, &json);
	f.cv = cv;
	f.algorithm = algorithm;
	f.params = params;
	f.params_json = json.data;
	f.run = run;
	f.out = out;
	fit_part(&f, NULL, count, &whole);
	h->width = algorithm->width(whole.model);
	h->score = MemoryContextAllocHuge(caller, sizeof(double) * Max(h->n * h->width, 1));
	score_all(&f, &whole);
	if (cv->spec->train.partition_by)
		fit_values(&f, &whole, count);
	out->coverage = whole.conformal && h->n > 0 ? f.covered / h->n : NAN;
	out->interval_size = whole.conformal && h->n > 0 ? f.size / h->n : NAN;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
