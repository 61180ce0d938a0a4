/*-------------------------------------------------------------------------
 *
 * anomaly.c
 *	  What detectors of anomalies share: thresholds and facts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/anomaly.h"
#include "miscadmin.h"

const char *const eg_contamination_words[] = {"auto", NULL};

/* Bring the k-th largest (from 0) to place k, larger ones before it (Hoare's select). */
static double
select_largest(double *v, Size n, Size k)
{
	Size		lo = 0,
				hi = n - 1;

	while (lo < hi)
	{
		double		pivot = v[lo + (hi - lo) / 2];
		Size		i = lo,
					j = hi;

		CHECK_FOR_INTERRUPTS();
		for (;;)
		{
			while (v[i] > pivot)
				i++;
			while (v[j] < pivot)
				j--;
			if (i >= j)
				break;
			{
				double		swap = v[i];

				v[i++] = v[j];
				v[j--] = swap;
			}
		}

		/* [lo, i) is at least the pivot, (j, hi] at most */
		if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
	return v[k];
}

double
eg_anomaly_threshold(double *score, Size n, double share)
{
	Size		want = (Size) Min(ceil(share * (double) (n - 1)), (double) n);
	double		last;
	double		above = INFINITY;
	double		below = -INFINITY;
	Size		larger = 0;
	Size		equal = 0;
	Size		i;

	if (n == 0)
		return EG_ANOMALY_THRESHOLD;

	/* a single row has nothing to be compared with */
	last = select_largest(score, n, Max(want, 1) - 1);
	for (i = 0; i < n; i++)
	{
		if (score[i] > last)
		{
			above = Min(above, score[i]);
			larger++;
		}
		else if (score[i] < last)
			below = Max(below, score[i]);
		else
			equal++;
	}
	if (want >= larger + equal && below > -INFINITY)
		return below + (last - below) / 2 > below ? below + (last - below) / 2 : last;
	if (larger > 0)
		return last + (above - last) / 2 > last ? last + (above - last) / 2 : above;
	return nextafter(last, INFINITY);
}

double
eg_anomaly_ratio(double value, double half)
{
	if (isinf(value))
		return 1;
	return value > 0 ? value / (value + half) : 0;
}

EgAnomalyFacts
eg_anomaly_facts(double *score, Size n, double share)
{
	EgAnomalyFacts f = {0};
	Size		strange = 0;
	double		sum = 0;
	Size		i;

	/* before the order of the scores changes, which rounding would tell */
	for (i = 0; i < n; i++)
	{
		sum += score[i];
		f.largest = Max(f.largest, score[i]);
	}
	f.nrows = n;
	f.mean = n > 0 ? sum / n : 0;
	f.threshold = isnan(share) ? EG_ANOMALY_THRESHOLD : eg_anomaly_threshold(score, n, share);
	for (i = 0; i < n; i++)
		strange += score[i] >= f.threshold;
	f.share = n > 0 ? (double) strange / n : 0;
	return f;
}

void
eg_anomaly_save(const EgAnomalyFacts *facts, EgWriter *w)
{
	eg_put_u64(w, facts->nrows);
	eg_put_f64(w, facts->threshold);
	eg_put_f64(w, facts->mean);
	eg_put_f64(w, facts->largest);
	eg_put_f64(w, facts->share);
}

static double
load_number(EgReader *r, const char *name)
{
	double		v = eg_get_f64(r);

	/* a threshold may be just above the largest score */
	if (!(v >= 0 && v < 2))
		eg_corrupted(r, "the %s of the scores is %g", name, v);
	return v;
}

void
eg_anomaly_load(EgAnomalyFacts *facts, EgReader *r)
{
	facts->nrows = eg_get_u64(r);
	facts->threshold = load_number(r, "threshold");
	facts->mean = load_number(r, "mean");
	facts->largest = load_number(r, "maximum");
	facts->share = load_number(r, "share");
}

void
eg_anomaly_estimate(const EgAnomalyFacts *facts, StringInfo json)
{
	appendStringInfo(json, "\"threshold\": %.9g, \"score_mean\": %.9g, \"score_max\": %.9g, "
					 "\"anomaly_share\": %.9g, \"rows_scored\": " UINT64_FORMAT,
					 facts->threshold, facts->mean, facts->largest, facts->share, facts->nrows);
}
