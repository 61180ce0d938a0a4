/*-------------------------------------------------------------------------
 *
 * train_cross.c
 *	  Curves and intervals without rows set apart: cross-conformal.
 *
 * The rows are dealt out to folds, by hash; each fold is scored by a model that
 * learned from the others.  The scores of all folds together say how wrong
 * the learner is on rows that it has not seen, and what is made of them goes
 * with the model of all rows.  Validation rows, which fit() may use to stop
 * early, are validation rows of every fold and have no scores.
 *
 * Sources: V. Vovk, "Cross-conformal predictors", Annals of Mathematics and
 * Artificial Intelligence 74, 2015; R. F. Barber, E. J. Candes, A. Ramdas,
 * R. J. Tibshirani, "Predictive inference with the jackknife+", Annals of
 * Statistics 49, 2021.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/folds.h"
#include "store/score.h"
#include "store/train_private.h"

typedef struct Cross
{
	EgTrainState *s;
	const EgArtifact *a;
	const char *what;			/* for the progress */
	const Size *rows;			/* (count of fit and validation rows) or NULL: the first ones */
	Size		nfit;
	Size		nvalid;
	int			width;
	int			nfolds;
	int32	   *fold;			/* (nfit) */
	double	   *score;			/* (nfit, width) out of fold */
} Cross;

static inline Size
row_of(const Cross *x, Size i)
{
	return x->rows ? x->rows[i] : i;
}

/* Deal out the rows; each fold must leave rows of every class to the others. */
static void
make_folds(Cross *x)
{
	const EgTrainState *s = x->s;
	int			nlabels = s->target->nlabels;
	uint64	   *unit = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(uint64) * Max(x->nfit, 1));
	int32	   *cls = NULL;
	Size	   *count;
	Size		i;
	int			f,
				c;

	if (s->target->cls)
		cls = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(x->nfit, 1));
	for (i = 0; i < x->nfit; i++)
	{
		unit[i] = s->d->hash[row_of(x, i)];
		if (cls)
			cls[i] = s->target->cls[row_of(x, i)];
	}
	x->nfolds = (int) Max(Min((Size) s->spec->cross_folds, x->nfit), 2);
	x->fold = eg_folds_shuffled(unit, cls, nlabels, x->nfit, x->nfolds, (uint64) s->spec->seed);

	count = palloc0(sizeof(Size) * Max(nlabels, 1) * (x->nfolds + 1));
	for (i = 0; i < x->nfit; i++)
	{
		count[(x->fold[i] + 1) * Max(nlabels, 1) + (cls ? cls[i] : 0)]++;
		count[cls ? cls[i] : 0]++;
	}
	for (c = 0; c < Max(nlabels, 1); c++)
	{
		for (f = 1; f <= x->nfolds; f++)
		{
			if (count[c] > count[f * Max(nlabels, 1) + c])
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 nlabels > 0 ?
					 errmsg("cross-conformal intervals need each class in two folds, but the rows "
							"of class \"%s\" are in one: %zu", s->target->labels[c],
							(size_t) count[c]) :
					 errmsg("cross-conformal intervals need rows in two folds, but there is one "
							"fold with %zu", (size_t) count[c]),
					 errdetail("Rows with the same key stay in one fold, and the other folds must "
							   "have rows to learn from."),
					 errhint("Use more rows, or interval_method => 'split'.")));
		}
	}
	pfree(count);
	pfree(unit);
}

/* Learn from all folds but one, in a context of its own. */
static void
score_fold(Cross *x, int fold)
{
	EgTrainState *s = x->s;
	const EgAlgorithm *algorithm = x->a->algorithm;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage cross-conformal fold",
												  ALLOCSET_DEFAULT_SIZES);
	int			ncols = s->d->x.ncols;
	Size		count[EG_NROWS] = {0};
	EgDataset	data;
	EgMatrix	aside;
	EgTranslation *seen;
	float	   *own;
	Size	   *rows;
	Size		n = 0,
				i;
	void	   *model;

	MemoryContextSwitchTo(context);
	rows = MemoryContextAllocHuge(context, sizeof(Size) * Max(x->nfit + x->nvalid, 1));
	for (i = 0; i < x->nfit + x->nvalid; i++)
	{
		if (i < x->nfit && x->fold[i] == fold)
			continue;
		rows[n++] = row_of(x, i);
		count[i < x->nfit ? EG_ROWS_FIT : EG_ROWS_VALID]++;
	}
	eg_train_dataset(s, rows, count, &data, &aside);
	model = algorithm->fit(&data, s->params, s->run);
	if (algorithm->width(model) != x->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("algorithm \"%s\" predicts %d numbers without fold %d, but %d with it",
						algorithm->name, algorithm->width(model), fold + 1, x->width)));

	/* a word that the others do not have is missing to their model */
	seen = eg_translation_seen(&data, data.x.nrows);
	own = palloc(sizeof(float) * Max(ncols, 1));
	for (i = 0; i < x->nfit; i++)
	{
		const float *row = eg_row(&s->d->x, row_of(x, i));

		if (x->fold[i] != fold)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (seen)
		{
			eg_translate(seen, row, 1, own);
			row = own;
		}
		algorithm->predict(model, row, 1, x->score + i * x->width);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

void
eg_cross_fit(EgArtifact *a, const EgTrainSpec *spec, const double *truth, const double *score,
			 const double *weight, const int32 *fold, int nfolds, Size n)
{
	int			width = a->algorithm->width(a->model);
	EgCalibrationMethod method;
	double	   *quantiles = NULL;
	int			nquantiles;
	int			f;

	if (spec->calibrate)
	{
		double	   *calibrated = MemoryContextAllocHuge(CurrentMemoryContext,
														sizeof(double) * Max(n * width, 1));
		double	   *t = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
		double	   *p = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(double) * Max(n * width, 1));
		double	   *w = weight ? MemoryContextAllocHuge(CurrentMemoryContext,
														sizeof(double) * Max(n, 1)) : NULL;

		if (!eg_calibration_parse(spec->calibrate, &method))
			elog(ERROR, "unknown calibration \"%s\"", spec->calibrate);
		a->calibration = eg_calibration_fit(method, truth, score, weight, n, width);

		/* a fold's intervals must not see curves that its own rows drew */
		for (f = 0; f < nfolds; f++)
		{
			EgCalibration *c;
			Size		i,
						k = 0;

			CHECK_FOR_INTERRUPTS();
			for (i = 0; i < n; i++)
			{
				if (fold[i] == f)
					continue;
				memcpy(p + k * width, score + i * width, sizeof(double) * width);
				if (w)
					w[k] = weight[i];
				t[k++] = truth[i];
			}
			if (k == n)
				continue;		/* none of the rows used is in this fold */
			c = eg_calibration_fit(method, t, p, w, k, width);
			for (i = 0; i < n; i++)
			{
				if (fold[i] != f)
					continue;
				memcpy(calibrated + i * width, score + i * width, sizeof(double) * width);
				eg_calibration_apply(c, 1, calibrated + i * width);
			}
		}
		score = calibrated;
	}
	if (a->task == EG_QUANTILE)
		quantiles = eg_json_numbers(a->params, "quantiles", &nquantiles);
	a->conformal = eg_conformal_fit(a->task, spec->interval, truth, score, n, width, quantiles);
}

Size
eg_cross_calibrate(EgTrainState *s, EgArtifact *a, const Size *rows, const Size count[EG_NROWS],
				   const char *what)
{
	EgSourceData *d = s->d;
	Cross		x = {0};
	double	   *truth;
	double	   *weight = NULL;
	Size		n = 0,
				i;
	int			f;

	x.s = s;
	x.a = a;
	x.what = what;
	x.rows = rows;
	x.nfit = count[EG_ROWS_FIT];
	x.nvalid = count[EG_ROWS_VALID];
	x.width = a->algorithm->width(a->model);
	eg_check_memory(add_size(mul_size(add_size(d->x.nrows, x.nfit + x.nvalid),
									  sizeof(float) * d->x.ncols),
							 mul_size(x.nfit, sizeof(double) * (x.width + 2))),
					s->run->memory_limit, "the folds of the intervals");
	make_folds(&x);
	x.score = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(double) * Max(x.nfit * x.width, 1));
	for (f = 0; f < x.nfolds; f++)
	{
		eg_progress_start(&s->progress, s->run,
						  psprintf("%s, fold %d of %d", what, f + 1, x.nfolds), "round");
		score_fold(&x, f);
	}

	/* only rows that no stored member has learned from tell anything */
	truth = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(x.nfit, 1));
	if (d->weight)
		weight = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(x.nfit, 1));
	for (i = 0; i < x.nfit; i++)
	{
		Size		row = row_of(&x, i);

		if (!eg_members_unseen(s->members, row))
			continue;
		truth[n] = d->target[row];
		if (weight)
			weight[n] = d->weight[row];
		x.fold[n] = x.fold[i];
		memmove(x.score + n * x.width, x.score + i * x.width, sizeof(double) * x.width);
		n++;
	}
	eg_members_check_interval(s->members, s->spec->interval, n, x.nfit);
	eg_cross_fit(a, s->spec, truth, x.score, weight, x.fold, x.nfolds, n);
	return n;
}
