/*-------------------------------------------------------------------------
 *
 * likeness.c
 *	  Categories in an order in which neighbours are alike: their rows have
 *	  similar values in the other features.
 *
 * The distance of two categories is the sum over the other features of how
 * far apart their distributions are: the Kolmogorov-Smirnov distance of
 * numbers, half the sum of the differences of shares of categories.  Classical
 * scaling to one dimension makes an order of the distances.
 *
 * Source: Apley and Zhu, Visualizing the Effects of Predictor Variables in
 * Black Box Supervised Learning Models, 2020, appendix.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval/dependence.h"

#define LIKENESS_POINTS	100		/* at which distributions of numbers are compared */
#define MOST_TURNS		1000	/* of the power iteration */

static void *
huge0(Size n, Size size)
{
	Size		bytes = mul_size(Max(n, 1), size);
	void	   *p = MemoryContextAllocHuge(CurrentMemoryContext, bytes);

	memset(p, 0, bytes);
	return p;
}

/* Add the distances between categories (K) in one other feature to those of all, (K, K). */
static void
add_distances(const EgDependence *d, const int *place, const EgGrid *g, int other, double *all)
{
	int			K = g->n;
	Size		nv;
	float	   *v = eg_dependence_sorted(d, other, &nv);
	bool		category = d->ncategories[other] > 0;
	int			npoints = category ? d->ncategories[other] : LIKENESS_POINTS;
	double	   *share = huge0((Size) K * npoints, sizeof(double));
	double	   *rows = huge0(K, sizeof(double));
	Size		i;
	int			p,
				q,
				k;

	/* shares of each category's rows: with each word, or at or below each quantile */
	for (i = 0; i < d->n; i++)
	{
		float		x = d->x[i * d->stride + other];
		double	   *mine;

		if (place[i] < 0 || isnan(x))
			continue;
		rows[place[i]]++;
		mine = share + (Size) place[i] * npoints;
		if (category)
			mine[(int) x]++;
		else
		{
			for (k = 0; k < npoints; k++)
				mine[k] += x <= v[(nv - 1) * (Size) k / (npoints - 1)];
		}
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	for (p = 0; p < K; p++)
	{
		for (k = 0; k < npoints && rows[p] > 0; k++)
			share[(Size) p * npoints + k] /= rows[p];
	}
	for (p = 0; p < K; p++)
	{
		CHECK_FOR_INTERRUPTS();
		for (q = p + 1; q < K; q++)
		{
			double		sum = 0,
						most = 0;

			for (k = 0; k < npoints; k++)
			{
				double		diff = fabs(share[(Size) p * npoints + k] -
										share[(Size) q * npoints + k]);

				sum += diff;
				most = Max(most, diff);
			}
			all[(Size) p * K + q] += category ? sum / 2 : most;
			all[(Size) q * K + p] = all[(Size) p * K + q];
		}
	}
	pfree(v);
	pfree(share);
	pfree(rows);
}

typedef struct Placed
{
	double		at;
	int			k;
} Placed;

static int
by_place(const void *a, const void *b)
{
	const Placed *x = a,
			   *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->k < y->k ? -1 : x->k > y->k;
}

/*
 * Order of K things by distances: the first coordinate of classical scaling
 * (Torgerson 1952), found by power iteration on the doubly centred squares,
 * shifted so that its largest eigenvalue is the one wanted.  The first thing is
 * in the lower half.
 */
static Placed *
order_by_likeness(double *distance, int K)
{
	Placed	   *order = palloc(sizeof(Placed) * K);
	double	   *mean = huge0(K, sizeof(double));
	double	   *u = huge0(K, sizeof(double));
	double	   *w = huge0(K, sizeof(double));
	double		total = 0,
				shift = 0;
	int			turn,
				p,
				q;

	for (p = 0; p < K; p++)
	{
		for (q = 0; q < K; q++)
		{
			distance[(Size) p * K + q] *= distance[(Size) p * K + q];
			mean[p] += distance[(Size) p * K + q] / K;
		}
		total += mean[p] / K;
	}
	for (p = 0; p < K; p++)
	{
		double		radius = 0;

		for (q = 0; q < K; q++)
		{
			double	   *b = &distance[(Size) p * K + q];

			*b = -(*b - mean[p] - mean[q] + total) / 2;
			radius += fabs(*b);
		}
		shift = Max(shift, radius);
	}
	for (p = 0; p < K; p++)
		u[p] = sqrt(p + 1.0);	/* not at a right angle to anything likely */
	for (turn = 0; turn < MOST_TURNS; turn++)
	{
		double		length = 0,
					change = 0,
					centre = 0;

		CHECK_FOR_INTERRUPTS();
		for (p = 0; p < K; p++)
		{
			w[p] = shift * u[p];
			for (q = 0; q < K; q++)
				w[p] += distance[(Size) p * K + q] * u[q];
			centre += w[p] / K;
		}
		for (p = 0; p < K; p++)
		{
			w[p] -= centre;
			length += w[p] * w[p];
		}
		if (length <= 0)
			break;
		length = sqrt(length);
		for (p = 0; p < K; p++)
		{
			change = Max(change, fabs(w[p] / length - u[p]));
			u[p] = w[p] / length;
		}
		if (change < 1e-12)
			break;
	}
	for (p = 0; p < K; p++)
	{
		order[p].k = p;
		order[p].at = u[0] <= 0 ? u[p] : -u[p];
	}
	qsort(order, K, sizeof(Placed), by_place);
	return order;
}

void
eg_likeness_order(const EgDependence *d, EgGrid *g)
{
	int			K = g->n;
	double	   *distance = huge0((Size) K * K, sizeof(double));
	double	   *value = palloc(sizeof(double) * K);
	double	   *count = palloc(sizeof(double) * K);
	int		   *place = huge0(d->n, sizeof(int));
	int		   *of_code = palloc(sizeof(int) * d->ncategories[g->feature]);
	Placed	   *order;
	Size		i;
	int			j,
				k;

	for (k = 0; k < d->ncategories[g->feature]; k++)
		of_code[k] = -1;
	for (k = 0; k < K; k++)
		of_code[(int) g->value[k]] = k;
	for (i = 0; i < d->n; i++)
	{
		float		x = d->x[i * d->stride + g->feature];

		place[i] = isnan(x) ? -1 : of_code[(int) x];
	}
	for (j = 0; j < d->ncols; j++)
	{
		if (j != g->feature)
			add_distances(d, place, g, j, distance);
	}
	order = order_by_likeness(distance, K);
	for (k = 0; k < K; k++)
	{
		value[k] = g->value[order[k].k];
		count[k] = g->count[order[k].k];
	}
	g->value = value;
	g->count = count;
	pfree(distance);
	pfree(place);
}
