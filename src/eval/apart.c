/*-------------------------------------------------------------------------
 *
 * apart.c
 *	  Can a classifier tell two sets of rows apart?
 *
 * Columns that have not moved one by one may have moved together: income
 * rises with age no more.  A classifier that learns which set a row is of finds
 * that, too.  It learns from four fifths of both sets and is asked about the
 * last one; the mean of the five areas under the ROC curve is the answer.  The
 * folds' scores are not pooled, for each is of a model of its own.
 *
 * The standard error is that of five independent test sets.  Models of two
 * folds share three quarters of their rows, which it does not know of.
 *
 * Sources: D. Lopez-Paz, M. Oquab, "Revisiting Classifier Two-Sample Tests",
 * ICLR 2017; E. R. DeLong and others, "Comparing the Areas under Two or More
 * Correlated Receiver Operating Characteristic Curves", 1988.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval/apart.h"

#define CLASSIFIER	"random_forest"

/* Variance of the n numbers. */
static double
variance_of(const double *v, Size n)
{
	double		mean = 0,
				sum = 0;
	Size		i;

	for (i = 0; i < n; i++)
		mean += v[i] / n;
	for (i = 0; i < n; i++)
		sum += (v[i] - mean) * (v[i] - mean);
	return sum / (n - 1);
}

/*
 * Area under the curve of scores of both sets, and its variance (DeLong): each
 * row's share of the other set's rows that it is on the right side of.
 */
static double
area(const double *score[2], const Size n[2], double *variance)
{
	double	   *right[2];
	double		sum = 0;
	Size		i,
				j;

	for (i = 0; i < 2; i++)
	{
		right[i] = palloc(sizeof(double) * n[i]);
		for (j = 0; j < n[i]; j++)
			right[i][j] = 0;
	}
	for (i = 0; i < n[0]; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < n[1]; j++)
		{
			double		v = score[1][j] > score[0][i] ? 1 : score[1][j] == score[0][i] ? 0.5 : 0;

			right[0][i] += v / n[1];
			right[1][j] += v / n[0];
		}
		sum += right[0][i];
	}
	*variance = variance_of(right[0], n[0]) / n[0] + variance_of(right[1], n[1]) / n[1];
	return sum / n[0];
}

/* Learn from all folds but one, score that one. */
static double
try_fold(const EgApart *a, int fold, EgRun *run, double *variance)
{
	const EgAlgorithm *algorithm = eg_algorithm_find(CLASSIFIER);
	Size		all = a->n[0] + a->n[1];
	float	   *x = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * all * a->ncols);
	double	   *set = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * all);
	double	   *score[2];
	Size		nscore[2] = {0, 0};
	EgDataset	data = {0};
	void	   *model;
	Size		i;
	int			k;

	data.x.ncols = a->ncols;
	data.x.data = x;
	for (k = 0; k < 2; k++)
	{
		for (i = 0; i < a->n[k]; i++)
		{
			if (i % EG_APART_FOLDS == fold)
				continue;
			memcpy(x + data.nfit * a->ncols, a->rows[k] + i * a->ncols,
				   sizeof(float) * a->ncols);
			set[data.nfit++] = k;
		}
	}
	data.x.nrows = data.nfit;
	data.role[EG_ROLE_TARGET] = set;
	data.task = EG_BINARY;
	data.nclasses = 2;
	data.ncategories = a->ncategories;
	data.names = a->names;
	model = algorithm->fit(&data,
						   eg_params_parse(algorithm->params, algorithm->params_size, NULL,
										   algorithm->name), run);
	for (k = 0; k < 2; k++)
	{
		score[k] = palloc(sizeof(double) * a->n[k]);
		for (i = fold; i < a->n[k]; i += EG_APART_FOLDS)
			algorithm->predict(model, a->rows[k] + i * a->ncols, 1, &score[k][nscore[k]++]);
		CHECK_FOR_INTERRUPTS();
	}
	return area((const double **) score, nscore, variance);
}

double
eg_apart(const EgApart *sets, EgRun *run, double *error)
{
	MemoryContext old = CurrentMemoryContext;
	double		mean = 0,
				sum = 0;
	int			fold;

	*error = NAN;
	if (sets->n[0] < EG_APART_ROWS || sets->n[1] < EG_APART_ROWS || sets->ncols == 0)
		return NAN;
	for (fold = 0; fold < EG_APART_FOLDS; fold++)
	{
		MemoryContext context = AllocSetContextCreate(old, "engage classifier",
													  ALLOCSET_DEFAULT_SIZES);
		double		variance;

		MemoryContextSwitchTo(context);
		mean += try_fold(sets, fold, run, &variance) / EG_APART_FOLDS;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		sum += variance;
	}
	*error = sqrt(sum) / EG_APART_FOLDS;
	return mean;
}
