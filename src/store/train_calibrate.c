/*-------------------------------------------------------------------------
 *
 * train_calibrate.c
 *	  Rows set apart for calibration, and what is fitted to them.
 *
 * Curves and intervals must see the model as new rows will: so their rows are
 * neither fitted nor used for early stopping, and with both the curves have
 * half of the rows and the intervals the others.  A row's use follows from its
 * hash, independently of what came before, so equal keys stay together.
 * With cross_folds nothing is set apart (train_cross.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "store/score.h"
#include "store/train.h"

/* share of the training rows for curves, intervals, or both */
#define CALIBRATION_SHARE	0.2

void
eg_check_calibration(const EgTrainSpec *spec, EgTask task)
{
	if (spec->calibrate && task != EG_BINARY && task != EG_MULTICLASS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"calibrate\" is for classification, not for the task %s",
						eg_task_name(task))));
	if (spec->interval > 0 && (EG_TASK_BIT(task) & EG_CONFORMAL_TASKS) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"intervals\" is not for the task %s", eg_task_name(task)),
				 errdetail("Its scores have no unit in which the truth could lie near them.")));
}

double
eg_validation_share(const EgTrainSpec *spec, double validation)
{
	if ((spec->calibrate == NULL && spec->interval <= 0) || spec->cross_folds > 0)
		return validation;
	return validation + (1 - validation) * CALIBRATION_SHARE;
}

EgRows
eg_validation_use(const EgTrainSpec *spec, double validation, uint64 hash)
{
	double		share = eg_validation_share(spec, validation);
	double		u;

	if (share <= validation)
		return EG_ROWS_VALID;
	u = eg_random_unit(eg_random_stream(hash, 0), 0) * share;
	if (u < validation)
		return EG_ROWS_VALID;
	if (spec->calibrate == NULL)
		return EG_ROWS_CONFORMAL;
	if (spec->interval <= 0)
		return EG_ROWS_CALIBRATE;
	return u < (validation + share) / 2 ? EG_ROWS_CALIBRATE : EG_ROWS_CONFORMAL;
}

uint64 *
eg_part_ranks(const EgTrainSpec *spec, const EgSourceData *d, const uint8 *part,
			  double validation, Size rows[EG_NROWS])
{
	uint64	   *rank = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(uint64) * Max(d->x.nrows, 1));
	Size		i;

	for (i = 0; i < d->x.nrows; i++)
	{
		EgRows		use = part[i] == EG_PART_VALID ?
			eg_validation_use(spec, validation, d->hash[i]) : EG_ROWS_FIT;

		rank[i] = ((uint64) part[i] << 56) + ((uint64) use << 48) +
			(d->group ? (uint64) d->group[i] : 0);
		if (part[i] != EG_PART_TEST)
			rows[use]++;
	}
	return rank;
}

void
eg_calibrate_artifact(EgArtifact *a, const EgTrainSpec *spec, const EgMatrix *x,
					  const double *truth, const double *weight, Size ncalibrate,
					  Size nconformal)
{
	int			width = a->algorithm->width(a->model);
	Size		n = ncalibrate + nconformal;
	double	   *score;
	double	   *quantiles = NULL;
	EgCalibrationMethod method;
	int			nquantiles;
	Size		i;

	a->calibration = NULL;
	a->conformal = NULL;
	if (spec->calibrate == NULL && spec->interval <= 0)
		return;
	score = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n * width, 1));
	for (i = 0; i < n; i += EG_SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		a->algorithm->predict(a->model, eg_row(x, i), Min(EG_SCORE_BLOCK, n - i),
							  score + i * width);
	}
	if (spec->calibrate)
	{
		if (!eg_calibration_parse(spec->calibrate, &method))
			elog(ERROR, "unknown calibration \"%s\"", spec->calibrate);
		a->calibration = eg_calibration_fit(method, truth, score, weight, ncalibrate, width);
		eg_calibration_apply(a->calibration, nconformal, score + ncalibrate * width);
	}
	if (spec->interval > 0)
	{
		if (a->task == EG_QUANTILE)
			quantiles = eg_json_numbers(a->params, "quantiles", &nquantiles);
		a->conformal = eg_conformal_fit(a->task, spec->interval, truth + ncalibrate,
										score + ncalibrate * width, nconformal, width, quantiles);
	}
	pfree(score);
}
