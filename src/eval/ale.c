/*-------------------------------------------------------------------------
 *
 * ale.c
 *	  Accumulated local effects: how the output changes with a feature while
 *	  the others stay as they are where that value occurs.
 *
 * A row in the bin (z[k - 1], z[k]] is scored at both ends.  The mean of the
 * differences in a bin is the slope there; adding up the bins and subtracting
 * the mean over the rows gives the effect.  Of two features, the differences
 * are second ones over cells, and the effects of each alone are taken away.
 *
 * Categories have no ends.  They are put in an order in which neighbours have
 * rows that are alike in the other features, and each row is scored as its
 * neighbours in that order (likeness.c).
 *
 * Source: Apley and Zhu, Visualizing the Effects of Predictor Variables in
 * Black Box Supervised Learning Models, 2020; details (bins, order, empty cells)
 * as in the authors' R package ALEPlot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval/dependence.h"

#define BLOCK			128		/* rows moved and scored at a time */

static void *
huge0(Size n, Size size)
{
	Size		bytes = mul_size(Max(n, 1), size);
	void	   *p = MemoryContextAllocHuge(CurrentMemoryContext, bytes);

	memset(p, 0, bytes);
	return p;
}

/* ----------
 * Bins
 * ----------
 */

/*
 * Ends of bins with equal numbers of rows: the smallest value, then quantiles
 * that occur, each once.
 */
static EgGrid
bin_ends(const EgDependence *d, int feature, int points)
{
	EgGrid		g = {feature};
	Size		n;
	float	   *v = eg_dependence_sorted(d, feature, &n);
	int			bins = points - 1;
	int			k;

	g.value = palloc(sizeof(double) * points);
	g.count = palloc0(sizeof(double) * points);
	for (k = 0; k < points && n > 0; k++)
	{
		/* the smallest value that is not below k / bins of the rows */
		Size		at = k == 0 ? 0 : (n * (Size) k + bins - 1) / bins - 1;

		if (g.n == 0 || v[at] > g.value[g.n - 1])
			g.value[g.n++] = v[at];
	}
	pfree(v);
	return g;
}

/* Bin of a value, 1 .. n - 1: the one that ends at it or next above it. */
static int
bin_of(const EgGrid *g, float x)
{
	int			low = 1;
	int			high = g->n - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (g->value[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Outputs of rows [first, first + n) with the values given for one or two features. */
static void
outputs_with(EgDependence *d, const Size *rows, Size n, int a, const double *va, int b,
			 const double *vb, float *x, double *out)
{
	Size		i;

	for (i = 0; i < n; i++)
	{
		memcpy(x + i * d->stride, d->x + rows[i] * d->stride, sizeof(float) * d->stride);
		x[i * d->stride + a] = (float) va[i];
		if (b >= 0)
			x[i * d->stride + b] = (float) vb[i];
	}
	eg_dependence_outputs(d, x, n, out);
}

/* Rows that have a value for both features (b may be -1). */
static Size *
known_rows(const EgDependence *d, int a, int b, Size *n)
{
	Size	   *rows = huge0(d->n, sizeof(Size));
	Size		i;

	*n = 0;
	for (i = 0; i < d->n; i++)
	{
		const float *x = d->x + i * d->stride;

		if (!isnan(x[a]) && (b < 0 || !isnan(x[b])))
			rows[(*n)++] = i;
	}
	return rows;
}

/* ----------
 * One number
 * ----------
 */

/* Sums of differences and of their squares to mean and deviation. */
static void
means(int n, const double *count, double *sum, double *squares)
{
	int			k;

	for (k = 0; k < n; k++)
	{
		if (count[k] <= 0)
			continue;
		sum[k] /= count[k];
		squares[k] = sqrt(Max(squares[k] / count[k] - sum[k] * sum[k], 0));
	}
}

static void
ale_of_number(EgDependence *d, int feature, int points, EgAle *ale)
{
	Size		n;
	Size	   *rows = known_rows(d, feature, -1, &n);
	float	   *x = huge0(BLOCK, sizeof(float) * d->stride);
	double		low[BLOCK],
				high[BLOCK],
				at_low[BLOCK],
				at_high[BLOCK];
	double	   *delta;
	double		level = 0;
	Size		first,
				i;
	int			k;

	ale->grid = bin_ends(d, feature, points);
	ale->effect = huge0(ale->grid.n, sizeof(double));
	ale->deviation = huge0(ale->grid.n, sizeof(double));
	if (ale->grid.n <= 1)
	{
		if (ale->grid.n == 1)
			ale->grid.count[0] = n;
		return;
	}
	delta = huge0(ale->grid.n, sizeof(double));
	d->done = 0;
	d->total = (int) Min(2 * ((n + BLOCK - 1) / BLOCK), PG_INT32_MAX);
	for (first = 0; first < n; first += BLOCK)
	{
		Size		some = Min(n - first, BLOCK);

		for (i = 0; i < some; i++)
		{
			k = bin_of(&ale->grid, d->x[rows[first + i] * d->stride + feature]);
			low[i] = ale->grid.value[k - 1];
			high[i] = ale->grid.value[k];
		}
		outputs_with(d, rows + first, some, feature, low, -1, NULL, x, at_low);
		outputs_with(d, rows + first, some, feature, high, -1, NULL, x, at_high);
		for (i = 0; i < some; i++)
		{
			double		diff = at_high[i] - at_low[i];

			k = bin_of(&ale->grid, (float) high[i]);
			ale->grid.count[k]++;
			delta[k] += diff;
			ale->deviation[k] += diff * diff;
		}
	}
	means(ale->grid.n, ale->grid.count, delta, ale->deviation);
	for (k = 1; k < ale->grid.n; k++)
	{
		ale->effect[k] = ale->effect[k - 1] + delta[k];
		level += (ale->effect[k - 1] + ale->effect[k]) / 2 * ale->grid.count[k] / n;
	}
	for (k = 0; k < ale->grid.n; k++)
		ale->effect[k] -= level;
}

/* ----------
 * Categories
 * ----------
 */

static void
ale_of_categories(EgDependence *d, int feature, int points, EgAle *ale)
{
	EgGrid	   *g = &ale->grid;
	Size		n;
	Size	   *rows = known_rows(d, feature, -1, &n);
	float	   *x = huge0(BLOCK, sizeof(float) * d->stride);
	double		here[BLOCK],
				low[BLOCK],
				high[BLOCK],
				at[BLOCK],
				at_low[BLOCK],
				at_high[BLOCK];
	int			place[BLOCK];
	int		   *of_code = palloc(sizeof(int) * d->ncategories[feature]);
	double	   *delta,
			   *count;
	double		level = 0,
				used = 0;
	Size		first,
				i,
				some = 0;
	int			k;

	*g = eg_dependence_grid(d, feature, points);
	if (g->n > 0 && isnan(g->value[g->n - 1]))
		g->n--;
	ale->effect = huge0(g->n, sizeof(double));
	ale->deviation = huge0(g->n, sizeof(double));
	if (g->n <= 1)
		return;
	eg_likeness_order(d, g);
	for (k = 0; k < d->ncategories[feature]; k++)
		of_code[k] = -1;
	for (k = 0; k < g->n; k++)
		of_code[(int) g->value[k]] = k;

	/* leave out the rows of rare categories beyond the grid */
	for (i = 0; i < n; i++)
	{
		if (of_code[(int) d->x[rows[i] * d->stride + feature]] >= 0)
			rows[some++] = rows[i];
	}
	n = some;
	delta = huge0(g->n, sizeof(double));
	count = huge0(g->n, sizeof(double));
	d->done = 0;
	d->total = (int) Min(3 * ((n + BLOCK - 1) / BLOCK), PG_INT32_MAX);
	for (first = 0; first < n; first += BLOCK)
	{
		some = Min(n - first, BLOCK);
		for (i = 0; i < some; i++)
		{
			k = place[i] = of_code[(int) d->x[rows[first + i] * d->stride + feature]];
			here[i] = g->value[k];
			low[i] = g->value[Max(k - 1, 0)];
			high[i] = g->value[Min(k + 1, g->n - 1)];
		}
		outputs_with(d, rows + first, some, feature, here, -1, NULL, x, at);
		outputs_with(d, rows + first, some, feature, low, -1, NULL, x, at_low);
		outputs_with(d, rows + first, some, feature, high, -1, NULL, x, at_high);
		for (i = 0; i < some; i++)
		{
			double		up = at_high[i] - at[i];
			double		down = at[i] - at_low[i];

			k = place[i];
			if (k > 0)
			{
				delta[k] += down;
				ale->deviation[k] += down * down;
				count[k]++;
			}
			if (k + 1 < g->n)
			{
				delta[k + 1] += up;
				ale->deviation[k + 1] += up * up;
				count[k + 1]++;
			}
		}
	}
	means(g->n, count, delta, ale->deviation);
	for (k = 1; k < g->n; k++)
		ale->effect[k] = ale->effect[k - 1] + delta[k];
	for (k = 0; k < g->n; k++)
	{
		level += ale->effect[k] * g->count[k];
		used += g->count[k];
	}
	for (k = 0; k < g->n; k++)
		ale->effect[k] -= level / used;
}

EgAle
eg_dependence_ale(EgDependence *d, int feature, int points)
{
	EgAle		ale = {{0}};

	if (d->ncategories[feature] > 0)
		ale_of_categories(d, feature, points, &ale);
	else
		ale_of_number(d, feature, points, &ale);
	return ale;
}

/* ----------
 * Two numbers
 * ----------
 */

/* Cells without rows get the difference of the nearest one that has some, by the bins' centres. */
static void
fill_cells(const EgGrid *a, const EgGrid *b, const double *count, double *delta)
{
	double		ra = a->value[a->n - 1] - a->value[0];
	double		rb = b->value[b->n - 1] - b->value[0];
	int			p,
				q,
				s,
				t;

	for (p = 1; p < a->n; p++)
	{
		for (q = 1; q < b->n; q++)
		{
			double		best = INFINITY;

			CHECK_FOR_INTERRUPTS();
			if (count[p * b->n + q] > 0)
				continue;
			for (s = 1; s < a->n; s++)
			{
				double		u = (a->value[p - 1] + a->value[p] - a->value[s - 1] - a->value[s]) /
					2 / ra;

				for (t = 1; t < b->n && u * u < best; t++)
				{
					double		v = (b->value[q - 1] + b->value[q] - b->value[t - 1] -
									 b->value[t]) / 2 / rb;

					if (count[s * b->n + t] > 0 && u * u + v * v < best)
					{
						best = u * u + v * v;
						delta[p * b->n + q] = delta[s * b->n + t];
					}
				}
			}
		}
	}
}

/*
 * Take the effects of each feature alone, and the mean, out of an accumulated
 * surface; cells are weighed by their rows.
 */
static void
centre_surface(const EgGrid *a, const EgGrid *b, const double *count, double *f)
{
	double	   *fa = huge0(a->n, sizeof(double));
	double	   *fb = huge0(b->n, sizeof(double));
	double		level = 0,
				rows = 0;
	int			nb = b->n;
	int			p,
				q;

	for (p = 1; p < a->n; p++)
	{
		double		sum = 0,
					n = 0;

		for (q = 1; q < nb; q++)
		{
			sum += count[p * nb + q] * (f[p * nb + q] - f[(p - 1) * nb + q] +
										f[p * nb + q - 1] - f[(p - 1) * nb + q - 1]) / 2;
			n += count[p * nb + q];
		}
		fa[p] = fa[p - 1] + (n > 0 ? sum / n : 0);
	}
	for (q = 1; q < nb; q++)
	{
		double		sum = 0,
					n = 0;

		for (p = 1; p < a->n; p++)
		{
			sum += count[p * nb + q] * (f[p * nb + q] - f[p * nb + q - 1] +
										f[(p - 1) * nb + q] - f[(p - 1) * nb + q - 1]) / 2;
			n += count[p * nb + q];
		}
		fb[q] = fb[q - 1] + (n > 0 ? sum / n : 0);
	}
	for (p = 0; p < a->n; p++)
	{
		for (q = 0; q < nb; q++)
			f[p * nb + q] -= fa[p] + fb[q];
	}
	for (p = 1; p < a->n; p++)
	{
		for (q = 1; q < nb; q++)
		{
			level += count[p * nb + q] * (f[p * nb + q] + f[(p - 1) * nb + q] +
										  f[p * nb + q - 1] + f[(p - 1) * nb + q - 1]) / 4;
			rows += count[p * nb + q];
		}
	}
	for (p = 0; p < a->n * nb; p++)
		f[p] -= rows > 0 ? level / rows : 0;
}

double *
eg_dependence_ale_pair(EgDependence *d, int first, int second, int points, EgGrid *a, EgGrid *b,
					   double **counts)
{
	Size		n;
	Size	   *rows = known_rows(d, first, second, &n);
	float	   *x = huge0(BLOCK, sizeof(float) * d->stride);
	double		va[2][BLOCK],
				vb[2][BLOCK],
				out[4][BLOCK];
	int			cell[BLOCK];
	double	   *delta,
			   *f,
			   *count;
	Size		at,
				i;
	int			p,
				q,
				k;

	*a = bin_ends(d, first, points);
	*b = bin_ends(d, second, points);
	f = huge0((Size) a->n * b->n, sizeof(double));
	delta = huge0((Size) a->n * b->n, sizeof(double));
	*counts = count = huge0((Size) a->n * b->n, sizeof(double));
	if (a->n < 2 || b->n < 2 || n == 0)
		return f;
	d->done = 0;
	d->total = (int) Min(4 * ((n + BLOCK - 1) / BLOCK), PG_INT32_MAX);
	for (at = 0; at < n; at += BLOCK)
	{
		Size		some = Min(n - at, BLOCK);

		for (i = 0; i < some; i++)
		{
			p = bin_of(a, d->x[rows[at + i] * d->stride + first]);
			q = bin_of(b, d->x[rows[at + i] * d->stride + second]);
			va[0][i] = a->value[p - 1];
			va[1][i] = a->value[p];
			vb[0][i] = b->value[q - 1];
			vb[1][i] = b->value[q];
			cell[i] = p * b->n + q;
		}
		for (k = 0; k < 4; k++)
			outputs_with(d, rows + at, some, first, va[k / 2], second, vb[k % 2], x, out[k]);
		for (i = 0; i < some; i++)
		{
			count[cell[i]]++;
			delta[cell[i]] += out[3][i] - out[2][i] - out[1][i] + out[0][i];
		}
	}
	for (k = 0; k < a->n * b->n; k++)
		delta[k] /= Max(count[k], 1);
	fill_cells(a, b, count, delta);
	for (p = 1; p < a->n; p++)
	{
		for (q = 1; q < b->n; q++)
			f[p * b->n + q] = delta[p * b->n + q] + f[(p - 1) * b->n + q] + f[p * b->n + q - 1] -
				f[(p - 1) * b->n + q - 1];
	}
	centre_surface(a, b, count, f);
	return f;
}
