/*-------------------------------------------------------------------------
 *
 * dependence.c
 *	  Grids, partial dependence, and what a feature interacts with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "base/sort.h"
#include "eval/dependence.h"

/* rows scored between two looks at interrupts: for learners that take a millisecond a row */
#define BLOCK			128

/* the grid of a number lies between these quantiles */
#define GRID_LOW		0.05
#define GRID_HIGH		0.95

/* of the rows' outputs at a point */
#define BAND_LOW		0.1
#define BAND_HIGH		0.9

/* rows of nearly the same value that eg_dependence_companion() compares */
#define COMPANION_ROWS	50

static void *
huge(Size n, Size size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, mul_size(Max(n, 1), size));
}

static int
by_float(const void *a, const void *b)
{
	float		x = *(const float *) a,
				y = *(const float *) b;

	return (x > y) - (x < y);
}

float *
eg_dependence_sorted(const EgDependence *d, int feature, Size *n)
{
	float	   *v = huge(d->n, sizeof(float));
	Size		i;

	*n = 0;
	for (i = 0; i < d->n; i++)
	{
		float		x = d->x[i * d->stride + feature];

		if (!isnan(x))
			v[(*n)++] = x + 0.0f;	/* -0 is 0 */
	}
	if (*n > 1)
		qsort(v, *n, sizeof(float), by_float);
	return v;
}

/* ----------
 * Grids
 * ----------
 */

/* Quantile of sorted values, as scipy's mquantiles has it (alphap = betap = 0.4). */
static double
quantile_of(const float *v, Size n, double p)
{
	double		at = n * p + 0.4 + 0.2 * p;
	double		k = floor(Min(Max(at, 1), (double) n - 1));
	double		gamma = Min(Max(at - k, 0), 1);

	if (n == 1)
		return v[0];
	return (1 - gamma) * v[(Size) k - 1] + gamma * v[(Size) k];
}

static void
grid_of_numbers(EgGrid *g, const float *v, Size n, int points)
{
	double		low,
				high;
	bool		whole = true;
	Size		different = 0;
	Size		i;
	int			k;

	for (i = 0; i < n; i++)
	{
		different += i == 0 || v[i] != v[i - 1];
		whole = whole && v[i] == rintf(v[i]);
	}
	if (different < points)
	{
		for (i = 0; i < n; i++)
		{
			if (i == 0 || v[i] != v[i - 1])
				g->value[g->n++] = v[i];
		}
		return;
	}
	low = quantile_of(v, n, GRID_LOW);
	high = quantile_of(v, n, GRID_HIGH);
	if (!(low < high))
	{
		/* nearly all are the same */
		low = v[0];
		high = v[n - 1];
	}
	for (k = 0; k < points; k++)
	{
		double		x = k == points - 1 ? high : low + (high - low) / (points - 1) * k;

		if (whole)
			x = rint(x);
		x = (float) x;
		if (g->n == 0 || x > g->value[g->n - 1])
			g->value[g->n++] = x;
	}
}

typedef struct Frequency
{
	double		rows;
	int			code;
} Frequency;

static int
most_frequent_first(const void *a, const void *b)
{
	const Frequency *x = a,
			   *y = b;

	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return x->code < y->code ? -1 : x->code > y->code;
}

static void
grid_of_categories(EgGrid *g, const float *v, Size n, int points)
{
	Frequency  *all = huge(n, sizeof(Frequency));
	int			different = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		if (i == 0 || v[i] != v[i - 1])
		{
			all[different].code = (int) v[i];
			all[different++].rows = 0;
		}
		all[different - 1].rows++;
	}
	qsort(all, different, sizeof(Frequency), most_frequent_first);
	g->n = Min(different, points);
	for (i = 0; i < g->n; i++)
		g->value[i] = all[i].code;
	qsort(g->value, g->n, sizeof(double), eg_by_double);
	pfree(all);
}

EgGrid
eg_dependence_grid(const EgDependence *d, int feature, int points)
{
	EgGrid		g = {feature};
	Size		n;
	float	   *v = eg_dependence_sorted(d, feature, &n);
	bool		category = d->ncategories[feature] > 0;
	Size		i;
	int			k = 0;

	g.value = palloc(sizeof(double) * (points + 1));
	g.count = palloc0(sizeof(double) * (points + 1));
	if (n == 0)
		return g;
	if (category)
		grid_of_categories(&g, v, n, points);
	else
		grid_of_numbers(&g, v, n, points);
	for (i = 0; i < n; i++)
	{
		while (k < g.n && v[i] > g.value[k])
			k++;
		if (k < g.n && (!category || v[i] == g.value[k]))
			g.count[k]++;
	}
	if (n < d->n)
	{
		g.value[g.n] = NAN;
		g.count[g.n++] = d->n - n;
	}
	pfree(v);
	return g;
}

/* ----------
 * Partial dependence
 * ----------
 */

/* The output that is looked at, from the width outputs of each of n rows. */
static void
pick_output(const EgDependence *d, const double *all, Size n, double *out)
{
	Size		i;

	for (i = 0; i < n; i++)
	{
		out[i] = all[i * d->width + d->output];
		if (d->flip)
			out[i] = 1 - out[i];
	}
}

void
eg_dependence_outputs(EgDependence *d, const float *x, Size n, double *out)
{
	double	   *all = palloc(sizeof(double) * BLOCK * d->width);
	Size		first;

	for (first = 0; first < n; first += BLOCK)
	{
		Size		some = Min(n - first, BLOCK);

		d->f(d->arg, x + first * d->stride, some, all);
		pick_output(d, all, some, out + first);
		d->done++;
		eg_step(d->run, d->done, Max(d->total, d->done), NULL, 0);
	}
	pfree(all);
}

/* Quantile between sorted values, by linear interpolation. */
static double
between(const double *v, Size n, double p)
{
	double		at = p * (n - 1);
	Size		k = (Size) at;

	return k + 1 < n ? v[k] + (at - k) * (v[k + 1] - v[k]) : v[n - 1];
}

static void
summarize(double *v, Size n, EgPoint *p)
{
	double		sum = 0,
				squares = 0;
	Size		i;

	for (i = 0; i < n; i++)
		sum += v[i];
	p->mean = sum / n;
	for (i = 0; i < n; i++)
		squares += (v[i] - p->mean) * (v[i] - p->mean);
	p->deviation = sqrt(squares / n);
	qsort(v, n, sizeof(double), eg_by_double);
	p->lower = between(v, n, BAND_LOW);
	p->upper = between(v, n, BAND_HIGH);
}

/* Point of the grid that a value is counted at, -1 for none. */
static int
place_in(const EgDependence *d, const EgGrid *g, float x)
{
	bool		category = d->ncategories[g->feature] > 0;
	int			last = g->n - 1;
	int			low = 0;
	int			high;

	if (isnan(x))
		return isnan(g->value[last]) ? last : -1;
	high = isnan(g->value[last]) ? last : g->n;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (g->value[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == g->n || isnan(g->value[low]) || (category && g->value[low] != x))
		return -1;
	return low;
}

static void
count_cells(const EgDependence *d, const EgGrid *a, const EgGrid *b, EgPoint *points)
{
	Size		i;

	for (i = 0; i < d->n; i++)
	{
		const float *x = d->x + i * d->stride;
		int			p = place_in(d, a, x[a->feature]);
		int			q = b ? place_in(d, b, x[b->feature]) : 0;

		if (p >= 0 && q >= 0)
			points[(Size) p * (b ? b->n : 1) + q].count++;
	}
}

void
eg_dependence_partial(EgDependence *d, const EgGrid *a, const EgGrid *b, EgPoint *points,
					  double *each)
{
	int			nb = b ? b->n : 1;
	Size		blocks = (d->n + BLOCK - 1) / BLOCK;
	float	   *x = huge(BLOCK, sizeof(float) * d->stride);
	double	   *all = huge(BLOCK, sizeof(double) * d->width);
	double	   *out = huge(d->n, sizeof(double));
	Size		first,
				i;
	int			p;

	d->total = (int) Min((double) blocks * a->n * nb, PG_INT32_MAX);
	d->done = 0;
	memset(points, 0, sizeof(EgPoint) * a->n * nb);
	for (p = 0; p < a->n * nb; p++)
	{
		for (first = 0; first < d->n; first += BLOCK)
		{
			Size		n = Min(d->n - first, BLOCK);

			memcpy(x, d->x + first * d->stride, sizeof(float) * n * d->stride);
			for (i = 0; i < n; i++)
			{
				x[i * d->stride + a->feature] = (float) a->value[p / nb];
				if (b)
					x[i * d->stride + b->feature] = (float) b->value[p % nb];
			}
			d->f(d->arg, x, n, all);
			pick_output(d, all, n, out + first);
			eg_step(d->run, ++d->done, d->total, NULL, 0);
		}
		if (each)
			memcpy(each + p * d->n, out, sizeof(double) * d->n);
		summarize(out, d->n, &points[p]);
	}
	count_cells(d, a, b, points);
	pfree(x);
	pfree(all);
	pfree(out);
}

/* ----------
 * Interaction
 * ----------
 */

typedef struct Ranked
{
	float		x;
	Size		row;
} Ranked;

static int
by_x(const void *a, const void *b)
{
	const Ranked *p = a,
			   *q = b;

	if (p->x != q->x)
		return p->x < q->x ? -1 : 1;
	return p->row < q->row ? -1 : p->row > q->row;
}

/* |correlation| of two columns; 0 when one of them is constant. */
static double
correlation(const double *u, const double *v, int n)
{
	double		mu = 0,
				mv = 0,
				uu = 0,
				vv = 0,
				uv = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		mu += u[i] / n;
		mv += v[i] / n;
	}
	for (i = 0; i < n; i++)
	{
		uu += (u[i] - mu) * (u[i] - mu);
		vv += (v[i] - mv) * (v[i] - mv);
		uv += (u[i] - mu) * (v[i] - mv);
	}
	return uu > 1e-20 && vv > 1e-20 ? fabs(uv) / sqrt(uu * vv) : 0;
}

/*
 * How much the contributions of some rows go with another feature: by its
 * number, by being one of its categories (the one that says most), or by being
 * missing.
 */
static double
association(const EgDependence *d, int other, const Ranked *rows, const double *contribution,
			int n)
{
	double		u[COMPANION_ROWS],
				v[COMPANION_ROWS];
	double		best;
	int			known = 0;
	int			i,
				k;

	for (i = 0; i < n; i++)
	{
		u[i] = contribution[rows[i].row];
		v[i] = isnan(d->x[rows[i].row * d->stride + other]);
	}
	best = correlation(u, v, n);
	if (d->ncategories[other] > 0)
	{
		for (k = 0; k < n; k++)
		{
			float		word = d->x[rows[k].row * d->stride + other];

			for (i = 0; i < n; i++)
				v[i] = d->x[rows[i].row * d->stride + other] == word;
			best = Max(best, correlation(u, v, n));
		}
		return best;
	}
	for (i = 0; i < n; i++)
	{
		float		x = d->x[rows[i].row * d->stride + other];

		if (isnan(x))
			continue;
		u[known] = contribution[rows[i].row];
		v[known++] = x;
	}
	return known > 1 ? Max(best, correlation(u, v, known)) : best;
}

int
eg_dependence_companion(const EgDependence *d, int feature, const double *contribution)
{
	Ranked	   *rows = huge(d->n, sizeof(Ranked));
	Size		step = Max(Min(d->n / 10, COMPANION_ROWS), 2);
	double		most = 0;
	int			best = -1;
	Size		n = 0;
	Size		i;
	int			j;

	for (i = 0; i < d->n; i++)
	{
		rows[n].x = d->x[i * d->stride + feature];
		rows[n].row = i;
		n += !isnan(rows[n].x);
	}
	if (n > 1)
		qsort(rows, n, sizeof(Ranked), by_x);
	for (j = 0; j < d->ncols; j++)
	{
		double		sum = 0;

		if (j == feature)
			continue;
		for (i = 0; i + step <= n; i += step)
			sum += association(d, j, rows + i, contribution, (int) step);
		if (sum > most)
		{
			most = sum;
			best = j;
		}
		eg_step(NULL, 0, 0, NULL, 0);
	}
	pfree(rows);
	return best;
}
