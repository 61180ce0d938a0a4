/*-------------------------------------------------------------------------
 *
 * drift_bins.c
 *	  What a source was counted in, as histograms to be measured.
 *
 * How large a PSI chance alone makes is known: without drift,
 * PSI / (1 / rows then + 1 / rows now) is distributed about as chi-squared with
 * one degree of freedom less than there are bins (B. Yurdakul, "Statistical
 * Properties of Population Stability Index", 2018).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "api/model_drift.h"
#include "base/distribution.h"

/* a larger PSI comes by chance in one of so many cases */
#define CHANCE			0.001

static void
put_bin(EgDriftHistograms *h, double then, double now)
{
	h->then[h->n] = then;
	h->now[h->n++] = now;
}

/*
 * The bins of a number, neighbours joined until there are about nbins of equal
 * weight.  The outer ones are open.  A bin that has such a weight alone is joined
 * with no smaller one before it, not even an empty one: a rare value beside a
 * frequent one must not be lost.
 */
static void
number_bins(EgDriftHistograms *h, const EgDriftCount *c, int nbins)
{
	double		total = c->then->n - c->then->missing;
	double		then = 0,
				now = 0,
				reached = 0;
	int			closed = 0;
	int			i;

	for (i = 0; i < c->nbins; i++)
	{
		then += c->count[i];
		now += c->bin[i];
		reached += c->count[i];

		/* a limit is a value, so a bin may lack a part of a row */
		if (i < c->nbins - 1 && reached + 1 < total * (closed + 1) / nbins &&
			c->count[i + 1] < total / nbins)
			continue;
		while (reached + 1 >= total * (closed + 1) / nbins && closed < nbins)
			closed++;
		put_bin(h, then, now);
		if (i < c->nbins - 1)
			h->edges[h->nedges++] = c->upper[i];
		then = now = 0;
	}
}

EgDriftHistograms *
eg_drift_histograms(const EgDriftCount *c, int nbins)
{
	EgDriftHistograms *h = palloc0(sizeof(EgDriftHistograms));
	const EgFeatureBaseline *f = c->then;
	Size		size = sizeof(double) * (Max(f->ncategories, c->nbins) + 2);
	int			i;

	h->then = MemoryContextAllocHuge(CurrentMemoryContext, size);
	h->now = MemoryContextAllocHuge(CurrentMemoryContext, size);
	if (f->ncategories == 0)
		number_bins(h, c, nbins);
	else
	{
		for (i = 0; i < f->ncategories; i++)
			put_bin(h, f->category_count[i], c->bin[i]);
		put_bin(h, 0, c->unseen);
	}
	put_bin(h, f->missing, c->missing);
	return h;
}

double
eg_drift_distance(const EgDriftCount *c)
{
	const EgFeatureBaseline *f = c->then;
	double		nthen = f->n - f->missing;
	double		nnow = 0,
				then = 0,
				now = 0;
	double		most;
	int			i;

	if (f->ncategories > 0)
		return NAN;
	for (i = 0; i < c->nbins; i++)
		nnow += c->bin[i];
	if (!(nthen > 0 && nnow > 0))
		return NAN;
	most = Max(c->below, c->above) / nnow;
	for (i = 0; i < c->nbins - 1; i++)
	{
		then += c->count[i] / nthen;
		now += c->bin[i] / nnow;
		most = Max(most, fabs(then - now));
	}
	return most;
}

double
eg_psi_of_chance(const EgDriftHistograms *h, double rows_then, double rows_now)
{
	double		low = 0,
				high = 1;
	int			used = 0;
	int			i;

	for (i = 0; i < h->n; i++)
		used += h->then[i] > 0 || h->now[i] > 0;
	if (!(rows_then > 0 && rows_now > 0))
		return NAN;
	if (used < 2)
		return 0;
	while (eg_chi2_p(high, used - 1) > CHANCE)
		high *= 2;
	for (i = 0; i < 60; i++)
	{
		double		middle = (low + high) / 2;

		if (eg_chi2_p(middle, used - 1) > CHANCE)
			low = middle;
		else
			high = middle;
	}
	return high * (1 / rows_then + 1 / rows_now);
}
