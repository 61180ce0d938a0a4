/*-------------------------------------------------------------------------
 *
 * design.c
 *	  Rows of linear models as double vectors, a block at a time.
 *
 * A block is small enough to stay in the processor's second cache while it is
 * multiplied.  Rows of numbers alone are prepared as fast as they are read.
 * Others are kept as they were prepared, in single precision like the rows
 * that they were made from; where memory does not allow that they are made
 * anew at each pass, with the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "algo/rows.h"
#include "base/blas.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK_NUMBERS	16384	/* of a block */

/* Errors for what no learner can use; returns the sum of the weights. */
static double
check_rows(const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	double		total = 0;
	Size		i;

	if (data->nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no rows to learn from")));
	for (i = 0; i < data->nfit; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;

		if (!isfinite(y[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not usable", y[i]),
					 errdetail("Targets must be finite numbers.")));
		if (!(w >= 0) || !isfinite(w))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight %g is not usable", w),
					 errdetail("Weights must be finite and at least zero.")));
		total += w;
	}
	if (!(total > 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the weights of the training rows are all zero")));
	return total;
}

static void
keep_rows(EgDesign *d, EgRun *run)
{
	Size		size = d->data->nfit * (Size) d->prep->width * sizeof(float);
	Size		i;

	if (d->prep->plain)
		return;
	d->single = true;
	if (size > run->memory_limit / 2)
		return;
	d->rows = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 1));
	for (i = 0; i < d->data->nfit; i++)
	{
		if (i % 8192 == 0)
			CHECK_FOR_INTERRUPTS();
		eg_prep_row_float(d->prep, eg_row(&d->data->x, i), d->rows + i * d->prep->width);
	}
}

double *
eg_design_shift(const EgPrep *prep)
{
	double	   *shift = palloc0((prep->width + 1) * sizeof(double));
	int			j;

	for (j = 0; j < prep->ncols; j++)
	{
		if (prep->ncategories[j] == 0 && prep->first[j] >= 0)
			shift[prep->first[j] + 1] = prep->mean[j] / prep->deviation[j];
	}
	return shift;
}

EgDesign *
eg_design_create(const EgDataset *data, EgPrep *prep, bool intercept, bool keep, EgRun *run,
				 MemoryContext scratch)
{
	EgDesign   *d = MemoryContextAllocZero(scratch, sizeof(EgDesign));
	MemoryContext old;

	d->data = data;
	d->total = check_rows(data);
	d->learned = prep == NULL;
	d->weight = data->role[EG_ROLE_WEIGHT];
	d->prep = prep != NULL ? prep : eg_prep_fit(data, EG_PREP_SCALE | EG_PREP_REFERENCE);
	old = MemoryContextSwitchTo(scratch);
	d->ld = d->prep->width + 1;
	d->intercept = intercept;
	d->block = Min(Max(BLOCK_NUMBERS / d->ld, 32), 1024);
	eg_check_memory((Size) d->ld * d->ld * 4 * sizeof(double), run->memory_limit,
					"solving for the coefficients");

	if (!intercept)
		d->shift = eg_design_shift(d->prep);
	if (keep)
	{
		keep_rows(d, run);
		d->direct = d->prep->plain && eg_rows_complete(&data->x, data->nfit);
	}
	MemoryContextSwitchTo(old);
	return d;
}

void
eg_design_rows(const EgDesign *d, Size first, Size step, int n, double *out)
{
	int			width = d->prep->width;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		Size		row = first + i * step;
		double	   *z = out + (Size) i * d->ld;

		z[0] = d->intercept;
		if (d->rows != NULL)
		{
			const float *kept = d->rows + row * width;

			for (j = 0; j < width; j++)
				z[j + 1] = kept[j];
		}
		else
		{
			eg_prep_row(d->prep, eg_row(&d->data->x, row), z + 1);
			for (j = 1; d->single && j < d->ld; j++)
				z[j] = (float) z[j];
		}
		if (d->shift != NULL)
		{
			for (j = 1; j < d->ld; j++)
				z[j] += d->shift[j];
		}
	}
}

void
eg_design_centre(const EgDesign *d, double *centre)
{
	double	   *z;
	double	   *sum;
	double	   *ones;
	Size		i;
	int			j;

	/* numbers have been centred */
	if (d->direct && d->learned)
	{
		memset(centre, 0, d->prep->width * sizeof(double));
		return;
	}
	z = palloc((Size) d->block * d->ld * sizeof(double));
	sum = palloc0(d->ld * sizeof(double));
	ones = palloc(d->block * sizeof(double));
	for (i = 0; i < d->data->nfit; i += d->block)
	{
		int			n = (int) Min((Size) d->block, d->data->nfit - i);

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < n; j++)
			ones[j] = d->weight != NULL ? d->weight[i + j] : 1;
		eg_design_rows(d, i, 1, n, z);
		eg_blas_dgemv(true, n, d->ld, 1, z, d->ld, ones, 1, sum);
	}
	for (j = 0; j < d->prep->width; j++)
		centre[j] = sum[j + 1] / d->total - (d->shift != NULL ? d->shift[j + 1] : 0);
	pfree(z);
	pfree(sum);
	pfree(ones);
}
