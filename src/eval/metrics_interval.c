/*-------------------------------------------------------------------------
 *
 * metrics_interval.c
 *	  How far a metric may be off because the rows are a sample: bootstrap
 *	  intervals for every metric of a task.
 *
 * A replicate draws as many rows as there are, with replacement: row i counts
 * as often as it is drawn, so its weight is multiplied.  Rows of one query
 * (ranking) are drawn together.  The interval is the percentile interval of
 * REPLICATES replicates.  Beyond SAMPLE rows a replicate draws SAMPLE of them
 * and the deviations from the value on all rows are shrunk by
 * sqrt(SAMPLE / n), the rate at which all these metrics settle.
 *
 * Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13;
 * Bickel, Goetze and van Zwet, Resampling fewer than n observations, 1997.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "base/sort.h"
#include "eval/metrics.h"

#define REPLICATES		200
#define SAMPLE			20000
#define MIN_UNITS		10		/* fewer say nothing of those that were not drawn */

/* First row of each unit that is drawn as a whole, and the end; *nunits of them. */
static Size *
make_units(const EgMetricInput *in, Size *nunits)
{
	Size	   *start = eg_metric_alloc(in->n + 1, sizeof(Size));
	Size		n = 0;
	Size		i;

	for (i = 0; i < in->n; i++)
	{
		if (i == 0 || in->group == NULL || in->group[i] != in->group[i - 1])
			start[n++] = i;
	}
	start[n] = in->n;
	*nunits = n;
	return start;
}

/* How often each unit is drawn, into times; all 0 before. */
static void
draw(uint64 key, Size ndraws, Size nunits, int32 *times)
{
	Size		i;

	for (i = 0; i < ndraws; i++)
		times[eg_random_below(key, i, nunits)]++;
}

/* The drawn rows, each once, its weight multiplied by how often it was drawn. */
static Size
take(const EgMetricInput *in, const Size *start, Size nunits, const int32 *times,
	 EgMetricInput *out)
{
	double	   *truth = (double *) out->truth;
	double	   *score = (double *) out->score;
	double	   *weight = (double *) out->weight;
	double	   *group = (double *) out->group;
	double	   *event = (double *) out->event;
	Size		n = 0;
	Size		u;
	Size		i;

	for (u = 0; u < nunits; u++)
	{
		if (times[u] == 0)
			continue;
		for (i = start[u]; i < start[u + 1]; i++, n++)
		{
			truth[n] = in->truth[i];
			memcpy(score + n * in->width, in->score + i * in->width, sizeof(double) * in->width);
			weight[n] = eg_metric_weight(in->weight, i) * times[u];
			if (group)
				group[n] = in->group[i];
			if (event)
				event[n] = in->event[i];
		}
	}
	return n;
}

/* Value below which a share of the sorted values lies, between two of them where need be. */
static double
percentile(const double *v, int n, double share)
{
	double		at = share * (n - 1);
	int			i = (int) at;

	return i + 1 < n ? v[i] + (at - i) * (v[i + 1] - v[i]) : v[n - 1];
}

static void
put_interval(StringInfo out, const char *name, double value, double *replicates, double level,
			 double shrink)
{
	double		ends[2];
	int			n = 0;
	int			i;

	for (i = 0; i < REPLICATES; i++)
	{
		if (isfinite(replicates[i]))
			replicates[n++] = replicates[i];
	}

	/* a metric that is undefined in many replicates says nothing about its spread */
	if (!isfinite(value) || n < REPLICATES * 9 / 10)
		return;
	qsort(replicates, n, sizeof(double), eg_by_double);
	ends[0] = percentile(replicates, n, (1 - level) / 2);
	ends[1] = percentile(replicates, n, (1 + level) / 2);
	appendStringInfo(out, "%s\"%s\": [", out->data[out->len - 1] == '{' ? "" : ", ", name);
	for (i = 0; i < 2; i++)
	{
		eg_metric_put_number(out, value + (ends[i] - value) * shrink);
		appendStringInfoString(out, i == 0 ? ", " : "]");
	}
}

void
eg_metrics_intervals_json(StringInfo out, const EgMetricInput *in, double level, uint64 seed)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage metric intervals",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext replicate = AllocSetContextCreate(context, "engage replicate",
													ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	EgMetricInput clean = eg_metrics_clean(in);
	EgMetricInput drawn = clean;
	EgMetricSet all;
	double	   *values = palloc(sizeof(double) * EG_NMETRICS * REPLICATES);
	Size		nunits;
	Size	   *start = make_units(&clean, &nunits);
	Size		ndraws = clean.group ? nunits : Min(nunits, SAMPLE);
	int32	   *times = eg_metric_alloc(nunits, sizeof(int32));
	int			r;
	int			id;

	appendStringInfoChar(out, '{');
	all.want = ~UINT64CONST(0);
	eg_metrics_compute(&clean, &all, NULL);
	drawn.truth = eg_metric_alloc(clean.n, sizeof(double));
	drawn.score = eg_metric_alloc(clean.n, sizeof(double) * clean.width);
	drawn.weight = eg_metric_alloc(clean.n, sizeof(double));
	if (clean.group)
		drawn.group = eg_metric_alloc(clean.n, sizeof(double));
	if (clean.event)
		drawn.event = eg_metric_alloc(clean.n, sizeof(double));

	for (r = 0; r < REPLICATES && nunits >= MIN_UNITS; r++)
	{
		EgMetricSet set;

		CHECK_FOR_INTERRUPTS();
		memset(times, 0, sizeof(int32) * nunits);
		draw(eg_random_stream(seed, r), ndraws, nunits, times);
		drawn.n = take(&clean, start, nunits, times, &drawn);
		MemoryContextSwitchTo(replicate);
		set.want = ~UINT64CONST(0);
		eg_metrics_compute(&drawn, &set, NULL);
		MemoryContextSwitchTo(context);
		MemoryContextReset(replicate);
		for (id = 0; id < EG_NMETRICS; id++)
			values[id * REPLICATES + r] = set.value[id];
	}
	for (id = 0; id < EG_NMETRICS && nunits >= MIN_UNITS; id++)
	{
		const char *name = eg_metric_name(in->task, id);

		if (name)
			put_interval(out, name, all.value[id], values + id * REPLICATES, level,
						 sqrt((double) ndraws / nunits));
	}
	appendStringInfoChar(out, '}');
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
