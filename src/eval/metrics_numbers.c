/*-------------------------------------------------------------------------
 *
 * metrics_numbers.c
 *	  Metrics of numbers: distances between prediction and truth.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "eval/metrics.h"

double
eg_rmse(const double *score, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		error = score[i] - truth[i];

		sum += eg_metric_weight(weight, i) * error * error;
	}
	return sqrt(sum / eg_metric_total_weight(weight, n));
}

double
eg_mae(const double *score, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
		sum += eg_metric_weight(weight, i) * fabs(score[i] - truth[i]);
	return sum / eg_metric_total_weight(weight, n);
}

double
eg_bias(const double *score, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
		sum += eg_metric_weight(weight, i) * (score[i] - truth[i]);
	return sum / eg_metric_total_weight(weight, n);
}

double
eg_r2(const double *score, const double *truth, const double *weight, Size n)
{
	double		total = eg_metric_total_weight(weight, n);
	double		mean = 0.0;
	double		min = DBL_MAX;
	double		max = -DBL_MAX;
	double		residual = 0.0;
	double		variance = 0.0;
	Size		i;

	if (!(total > 0.0))
		return NAN;
	for (i = 0; i < n; i++)
	{
		double		w = eg_metric_weight(weight, i);

		if (w == 0.0)
			continue;
		mean += w * truth[i];
		min = Min(min, truth[i]);
		max = Max(max, truth[i]);
	}
	/* the sum below is not exactly 0 for a constant such as 0.1 */
	if (min == max)
		return NAN;
	mean /= total;
	for (i = 0; i < n; i++)
	{
		double		w = eg_metric_weight(weight, i);

		residual += w * (truth[i] - score[i]) * (truth[i] - score[i]);
		variance += w * (truth[i] - mean) * (truth[i] - mean);
	}
	return variance > 0.0 ? 1.0 - residual / variance : NAN;
}

double
eg_mape(const double *score, const double *truth, const double *weight, Size n, Size *left_out)
{
	double		total = 0.0;
	double		sum = 0.0;
	Size		zeros = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		w = eg_metric_weight(weight, i);

		if (truth[i] == 0.0)
		{
			zeros++;
			continue;
		}
		total += w;
		sum += w * (fabs(score[i] - truth[i]) / Max(fabs(truth[i]), DBL_EPSILON));
	}
	if (left_out)
		*left_out = zeros;
	return total > 0.0 ? sum / total : NAN;
}

/*
 * Without weights the mean of the two middle errors where n is even; with
 * weights the first error at which half of the weight is reached.
 */
double
eg_median_absolute_error(const double *score, const double *truth, const double *weight, Size n)
{
	double		total = eg_metric_total_weight(weight, n);
	double	   *errors;
	Size	   *order;
	double		reached = 0.0;
	double		median = NAN;
	Size		i;

	if (!(total > 0.0))
		return NAN;
	errors = eg_metric_alloc(n, sizeof(double));
	for (i = 0; i < n; i++)
		errors[i] = fabs(score[i] - truth[i]);
	order = eg_metric_order(errors, 1, n);
	if (weight == NULL)
	{
		median = errors[order[n / 2]];
		if (n % 2 == 0)
			median = (errors[order[n / 2 - 1]] + median) / 2.0;
	}
	else
	{
		/* summed in the same order as below, so that half of it is reached */
		total = 0.0;
		for (i = 0; i < n; i++)
			total += weight[order[i]];
		for (i = 0; i < n; i++)
		{
			reached += weight[order[i]];
			median = errors[order[i]];
			if (reached >= 0.5 * total)
				break;
		}
	}
	pfree(order);
	pfree(errors);
	return median;
}

/* Undefined unless every truth is at least 0 and every score above 0. */
double
eg_poisson_deviance(const double *score, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		y = truth[i];
		double		p = score[i];

		if (y < 0.0 || p <= 0.0)
			return NAN;
		sum += eg_metric_weight(weight, i) * 2.0 * ((y > 0.0 ? y * log(y / p) : 0.0) - y + p);
	}
	return sum / eg_metric_total_weight(weight, n);
}

void
eg_metrics_numbers(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	const double *s = in->score;
	const double *t = in->truth;
	const double *w = in->weight;
	Size		left_out;

	set->value[EG_METRIC_RMSE] = eg_rmse(s, t, w, in->n);
	set->value[EG_METRIC_MAE] = eg_mae(s, t, w, in->n);
	set->value[EG_METRIC_R2] = eg_r2(s, t, w, in->n);
	set->value[EG_METRIC_MAPE] = eg_mape(s, t, w, in->n, &left_out);
	set->value[EG_METRIC_BIAS] = eg_bias(s, t, w, in->n);
	CHECK_FOR_INTERRUPTS();
	if (set->want & EG_METRIC_BIT(EG_METRIC_MEDIAN_ABSOLUTE_ERROR))
		set->value[EG_METRIC_MEDIAN_ABSOLUTE_ERROR] = eg_median_absolute_error(s, t, w, in->n);
	if (in->task == EG_COUNT && (set->want & EG_METRIC_BIT(EG_METRIC_POISSON_DEVIANCE)))
		set->value[EG_METRIC_POISSON_DEVIANCE] = eg_poisson_deviance(s, t, w, in->n);
	if (details)
		appendStringInfo(details, ", \"mape_rows_left_out\": %zu", left_out);
}
