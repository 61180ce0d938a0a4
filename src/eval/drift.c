/*-------------------------------------------------------------------------
 *
 * drift.c
 *	  How far a distribution has moved.
 *
 * Sources: PSI: B. Yurdakul, "Statistical Properties of Population Stability
 * Index", 2018, where it is shown to be the sum of both Kullback-Leibler
 * divergences; J. Lin, "Divergence Measures Based on the Shannon Entropy",
 * 1991; S. S. Vallender, "Calculation of the Wasserstein Distance Between
 * Probability Distributions on the Line", 1974.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "base/distribution.h"
#include "eval/drift.h"

const char *
eg_psi_status(double psi)
{
	if (isnan(psi))
		return NULL;
	return psi < EG_PSI_MODERATE ? "stable" : psi < EG_PSI_SIGNIFICANT ? "moderate" :
		"significant";
}

/* ----------
 * Histograms
 * ----------
 */

static double
total_of(const double *counts, int n)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += counts[i];
	return sum;
}

double
eg_psi(const double *reference, const double *current, int n)
{
	double		nr = total_of(reference, n);
	double		nc = total_of(current, n);
	double		sum = 0;
	int			i;

	if (!(nr > 0 && nc > 0))
		return NAN;
	for (i = 0; i < n; i++)
	{
		double		r = Max(reference[i] / nr, EG_DRIFT_FLOOR);
		double		c = Max(current[i] / nc, EG_DRIFT_FLOOR);

		sum += (c - r) * log(c / r);
	}
	return sum;
}

double
eg_kl(const double *reference, const double *current, int n)
{
	double		nr = total_of(reference, n);
	double		nc = total_of(current, n);
	double		sum = 0;
	int			i;

	if (!(nr > 0 && nc > 0))
		return NAN;
	for (i = 0; i < n; i++)
	{
		double		c = current[i] / nc;

		/* an empty current bin adds nothing; an empty reference bin has the floor */
		if (c > 0)
			sum += c * log(c / Max(reference[i] / nr, EG_DRIFT_FLOOR));
	}
	return Max(sum, 0);
}

double
eg_js(const double *reference, const double *current, int n)
{
	double		nr = total_of(reference, n);
	double		nc = total_of(current, n);
	double		sum = 0;
	int			i;

	if (!(nr > 0 && nc > 0))
		return NAN;
	for (i = 0; i < n; i++)
	{
		double		r = reference[i] / nr;
		double		c = current[i] / nc;
		double		m = (r + c) / 2;

		if (r > 0)
			sum += r * log(r / m) / 2;
		if (c > 0)
			sum += c * log(c / m) / 2;
	}
	return Max(sum, 0);
}

double
eg_chi2(const double *reference, const double *current, int n, double *p)
{
	double		nr = total_of(reference, n);
	double		nc = total_of(current, n);
	double		sum = 0;
	int			bins = 0;
	int			i;

	*p = NAN;
	if (!(nr > 0 && nc > 0))
		return NAN;
	for (i = 0; i < n; i++)
	{
		double		both = reference[i] + current[i];
		double		er = both * nr / (nr + nc);
		double		ec = both * nc / (nr + nc);

		if (!(both > 0))
			continue;
		bins++;
		sum += (reference[i] - er) * (reference[i] - er) / er +
			(current[i] - ec) * (current[i] - ec) / ec;
	}
	*p = bins > 1 ? eg_chi2_p(sum, bins - 1) : 1;
	return sum;
}

/* ----------
 * Samples
 * ----------
 */

static inline double
weight_of(const EgSample *s, Size i)
{
	return s->weight ? s->weight[i] : 1;
}

/* Walks both samples in ascending order of values, equal ones together. */
typedef struct Walk
{
	const EgSample *side[2];
	Size		at[2];
	double		below[2];		/* weight at or below value */
	double		value;
} Walk;

static bool
walk_on(Walk *w)
{
	int			k;

	if (w->at[0] >= w->side[0]->n && w->at[1] >= w->side[1]->n)
		return false;
	w->value = INFINITY;
	for (k = 0; k < 2; k++)
	{
		if (w->at[k] < w->side[k]->n)
			w->value = Min(w->value, w->side[k]->value[w->at[k]]);
	}
	for (k = 0; k < 2; k++)
	{
		const EgSample *s = w->side[k];

		for (; w->at[k] < s->n && s->value[w->at[k]] <= w->value; w->at[k]++)
			w->below[k] += weight_of(s, w->at[k]);
	}
	return true;
}

double
eg_ks(const EgSample *reference, const EgSample *current)
{
	Walk		w = {{reference, current}};
	double		largest = 0;

	if (!(reference->total > 0 && current->total > 0))
		return NAN;
	while (walk_on(&w))
		largest = Max(largest, fabs(w.below[0] / reference->total - w.below[1] / current->total));
	return largest;
}

double
eg_wasserstein(const EgSample *reference, const EgSample *current)
{
	Walk		w = {{reference, current}};
	double		area = 0;
	double		height = 0;
	double		last = 0;

	if (!(reference->total > 0 && current->total > 0))
		return NAN;
	while (walk_on(&w))
	{
		if (height > 0)
			area += height * (w.value - last);
		height = fabs(w.below[0] / reference->total - w.below[1] / current->total);
		last = w.value;
	}
	return area;
}

int
eg_sample_edges(const EgSample *reference, int nbins, double *edges)
{
	double		below = 0;
	int			wanted = 1;
	int			n = 0;
	Size		i,
				next;

	for (i = 0; i < reference->n; i = next)
	{
		double		v = reference->value[i];
		double		weight = 0;
		bool		cut = false;

		for (next = i; next < reference->n && reference->value[next] == v; next++)
			weight += weight_of(reference, next);
		below += weight;
		for (; wanted < nbins && below >= reference->total * wanted / nbins; wanted++)
			cut = true;
		if (weight >= reference->total / nbins)
		{
			n = eg_edges_add(edges, n, nextafter(v, -INFINITY));
			n = eg_edges_add(edges, n, v == -INFINITY ? -DBL_MAX : v);
		}
		else if (cut && next < reference->n)
			n = eg_edges_add(edges, n, v == -INFINITY ? -DBL_MAX : v);
	}
	return n;
}

void
eg_sample_histogram(const EgSample *s, const double *edges, int nedges, double *counts)
{
	int			bin = 0;
	Size		i;

	memset(counts, 0, sizeof(double) * (nedges + 1));
	for (i = 0; i < s->n; i++)
	{
		while (bin < nedges && s->value[i] > edges[bin])
			bin++;
		counts[bin] += weight_of(s, i);
	}
}
