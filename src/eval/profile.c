/*-------------------------------------------------------------------------
 *
 * profile.c
 *	  What sets each segment apart.
 *
 * One pass.  For each segment and number: count, mean and sum of squared
 * deviations, updated after B. P. Welford, "Note on a Method for Calculating
 * Corrected Sums of Squares and Products", Technometrics 4, 1962; what is
 * outside is merged from all other segments after T. F. Chan, G. H. Golub,
 * R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm", 1979.  For each
 * segment and category: a count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "eval/profile.h"

typedef struct Moments
{
	double		n;
	double		mean;
	double		m2;
} Moments;

struct EgProfile
{
	int			nsegments;
	int			nfeatures;
	const int  *ncategories;
	Size	   *first;			/* (nfeatures) of categories: where their counts begin */
	Size		ncounts;		/* of a segment */
	double	   *rows;			/* (nsegments) */
	Moments    *moments;		/* (nsegments, nfeatures) of numbers; n alone of categories */
	double	   *counts;			/* (nsegments, ncounts) */
};

EgProfile *
eg_profile_create(int nsegments, int nfeatures, const int *ncategories, const EgRun *run)
{
	EgProfile  *p = palloc0(sizeof(EgProfile));
	int			j;

	p->nsegments = nsegments;
	p->nfeatures = nfeatures;
	p->ncategories = ncategories;
	p->first = palloc0(sizeof(Size) * Max(nfeatures, 1));
	for (j = 0; j < nfeatures; j++)
	{
		p->first[j] = p->ncounts;
		p->ncounts += ncategories[j];
	}
	eg_check_memory((sizeof(Moments) * nfeatures + sizeof(double) * p->ncounts) * nsegments,
					run->memory_limit, "describing the segments");
	p->rows = palloc0(sizeof(double) * nsegments);
	p->moments = MemoryContextAllocHuge(CurrentMemoryContext,
										sizeof(Moments) * Max((Size) nsegments * nfeatures, 1));
	memset(p->moments, 0, sizeof(Moments) * (Size) nsegments * nfeatures);
	p->counts = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(double) * Max(nsegments * p->ncounts, 1));
	memset(p->counts, 0, sizeof(double) * nsegments * p->ncounts);
	return p;
}

void
eg_profile_add(EgProfile *p, int segment, const float *x)
{
	Moments    *m = p->moments + (Size) segment * p->nfeatures;
	double	   *counts = p->counts + segment * p->ncounts;
	int			j;

	p->rows[segment]++;
	for (j = 0; j < p->nfeatures; j++)
	{
		double		v = x[j];
		double		d;

		if (isnan(v))
			continue;
		m[j].n++;
		if (p->ncategories[j] > 0)
		{
			counts[p->first[j] + (int) v]++;
			continue;
		}
		d = v - m[j].mean;
		m[j].mean += d / m[j].n;
		m[j].m2 += d * (v - m[j].mean);
	}
}

double
eg_profile_rows(const EgProfile *p, int segment)
{
	return p->rows[segment];
}

static void
merge(Moments *to, const Moments *from)
{
	double		n = to->n + from->n;
	double		d = from->mean - to->mean;

	if (from->n == 0)
		return;
	to->mean += d * from->n / n;
	to->m2 += from->m2 + d * d * to->n * from->n / n;
	to->n = n;
}

static double
cohen_d(const Moments *in, const Moments *out)
{
	double		d = in->mean - out->mean;
	double		freedom = in->n + out->n - 2;
	double		sd = freedom > 0 ? sqrt((in->m2 + out->m2) / freedom) : 0;

	if (d == 0)
		return 0;
	if (fabs(d) >= sd * EG_PROFILE_MOST)
		return d > 0 ? EG_PROFILE_MOST : -EG_PROFILE_MOST;
	return d / sd;
}

static double
cohen_h(double inside, double outside)
{
	return 2 * asin(sqrt(Min(inside, 1))) - 2 * asin(sqrt(Min(outside, 1)));
}

static void
add_share(EgDifference *list, int *n, int feature, int category, double inside, double outside)
{
	EgDifference *d = &list[*n];

	d->feature = feature;
	d->category = category;
	d->inside = inside;
	d->outside = outside;
	d->effect = cohen_h(inside, outside);
	*n += d->effect != 0;
}

static int
strongest_first(const void *a, const void *b)
{
	const EgDifference *x = a,
			   *y = b;

	if (fabs(x->effect) != fabs(y->effect))
		return fabs(x->effect) > fabs(y->effect) ? -1 : 1;
	if (x->feature != y->feature)
		return x->feature - y->feature;
	return x->category - y->category;
}

EgDifference *
eg_profile_differences(const EgProfile *p, int segment, int *n)
{
	EgDifference *list = palloc(sizeof(EgDifference) * (p->ncounts + 2 * (Size) p->nfeatures + 1));
	const double *counts = p->counts + segment * p->ncounts;
	double		rows = p->rows[segment];
	double		others = 0;
	int			s,
				j,
				c;

	*n = 0;
	for (s = 0; s < p->nsegments; s++)
		others += s == segment ? 0 : p->rows[s];
	if (rows == 0 || others == 0)
		return list;
	for (j = 0; j < p->nfeatures; j++)
	{
		const Moments *in = &p->moments[(Size) segment * p->nfeatures + j];
		Moments		out = {0};

		for (s = 0; s < p->nsegments; s++)
		{
			if (s != segment)
				merge(&out, &p->moments[(Size) s * p->nfeatures + j]);
		}
		add_share(list, n, j, EG_PROFILE_MISSING, 1 - in->n / rows, 1 - out.n / others);
		if (in->n == 0 || out.n == 0)
			continue;
		if (p->ncategories[j] == 0)
		{
			EgDifference *d = &list[*n];

			d->feature = j;
			d->category = EG_PROFILE_NUMBER;
			d->inside = in->mean;
			d->outside = out.mean;
			d->effect = cohen_d(in, &out);
			*n += d->effect != 0;
			continue;
		}
		for (c = 0; c < p->ncategories[j]; c++)
		{
			double		all = 0;

			for (s = 0; s < p->nsegments; s++)
				all += p->counts[s * p->ncounts + p->first[j] + c];
			add_share(list, n, j, c, counts[p->first[j] + c] / rows,
					  (all - counts[p->first[j] + c]) / others);
		}
	}
	qsort(list, *n, sizeof(EgDifference), strongest_first);
	return list;
}
