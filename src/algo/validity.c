/*-------------------------------------------------------------------------
 *
 * validity.c
 *	  How good is a clustering: silhouette, Davies-Bouldin, Calinski-Harabasz,
 *	  adjusted Rand index.
 *
 * Distances are Euclidean, differences and sums double precision.  Definitions
 * are those of scikit-learn where the papers leave a choice: a row alone in its
 * cluster has silhouette 0.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/validity.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define TILE			8		/* rows measured together */
#define CHECK_PAIRS		1000000 /* coordinates between two answers to interrupts */

static void *
huge(Size bytes)
{
	return palloc_extended(Max(bytes, 8), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Rows of each cluster; returns how many clusters have any. */
static int
count_rows(const EgClustering *c, double *size)
{
	int			used = 0;
	Size		i;
	int			j;

	for (i = 0; i < c->n; i++)
	{
		if (c->label[i] >= 0)
			size[c->label[i]]++;
	}
	for (j = 0; j < c->k; j++)
		used += size[j] > 0;
	return used;
}

/* Distances of a row to TILE others, that lie coordinate by coordinate. */
static void
tile_distances(const float *x, const double *tile, int d, double *out)
{
	double		sum[TILE] = {0};
	int			j;
	int			r;

	for (j = 0; j < d; j++)
	{
		double		v = x[j];

		for (r = 0; r < TILE; r++)
		{
			double		a = v - tile[(Size) j * TILE + r];

			sum[r] += a * a;
		}
	}
	for (r = 0; r < TILE; r++)
		out[r] = sqrt(sum[r]);
}

/* Silhouette from the sums of distances to the rows of each cluster, TILE apart. */
static double
from_sums(const double *sums, const double *size, int k, int own)
{
	double		within;
	double		next = INFINITY;
	double		most;
	int			c;

	if (size[own] < 2)
		return 0;
	within = sums[(Size) own * TILE] / (size[own] - 1);
	for (c = 0; c < k; c++)
	{
		if (c != own && size[c] > 0)
			next = Min(next, sums[(Size) c * TILE] / size[c]);
	}
	most = Max(within, next);
	return most > 0 ? (next - within) / most : 0;
}

double
eg_silhouette(const EgClustering *c, double *each)
{
	double	   *size = palloc0(Max(c->k, 1) * sizeof(double));
	double	   *tile = palloc0((Size) Max(c->d, 1) * TILE * sizeof(double));
	double	   *sums = palloc((Size) Max(c->k, 1) * TILE * sizeof(double));
	bool		defined = count_rows(c, size) >= 2;
	double		total = 0;
	double		rows = 0;
	Size		work = 0;
	Size		i;
	Size		other;
	int			r;
	int			j;

	for (i = 0; i < c->n && defined; i += TILE)
	{
		int			n = (int) Min((Size) TILE, c->n - i);

		for (r = 0; r < n; r++)
		{
			for (j = 0; j < c->d; j++)
				tile[(Size) j * TILE + r] = c->x[(i + r) * c->d + j];
		}
		memset(sums, 0, (Size) c->k * TILE * sizeof(double));
		for (other = 0; other < c->n; other++)
		{
			double		distance[TILE];
			double	   *to;

			if (c->label[other] < 0)
				continue;
			to = sums + (Size) c->label[other] * TILE;
			tile_distances(c->x + other * c->d, tile, c->d, distance);
			for (r = 0; r < TILE; r++)
				to[r] += distance[r];
			work += c->d + 1;
			if (work > CHECK_PAIRS)
			{
				CHECK_FOR_INTERRUPTS();
				work = 0;
			}
		}
		for (r = 0; r < n; r++)
		{
			double		s = NAN;
			int			own = c->label[i + r];

			if (own >= 0)
			{
				s = from_sums(sums + r, size, c->k, own);
				total += s;
				rows++;
			}
			if (each != NULL)
				each[i + r] = s;
		}
	}
	for (i = 0; i < c->n && !defined && each != NULL; i++)
		each[i] = NAN;
	pfree(size);
	pfree(tile);
	pfree(sums);
	return defined ? total / rows : NAN;
}

Size *
eg_validity_sample(const EgClustering *c, Size most, uint64 seed, Size *count)
{
	uint64		key = eg_random_stream(seed, 0);
	Size		labeled = 0;
	Size		seen = 0;
	Size		n = 0;
	Size	   *rows;
	Size		i;

	for (i = 0; i < c->n; i++)
		labeled += c->label[i] >= 0;
	most = Min(most, labeled);
	rows = huge(most * sizeof(Size));

	/* one row after the other, with the chance that just fills the sample (Knuth's algorithm S) */
	for (i = 0; i < c->n && n < most; i++)
	{
		if (c->label[i] < 0)
			continue;
		if (eg_random_unit(key, i) * (double) (labeled - seen) < (double) (most - n))
			rows[n++] = i;
		seen++;
	}
	*count = n;
	return rows;
}

double
eg_silhouette_sampled(const EgClustering *c, Size most, uint64 seed)
{
	Size		n;
	Size	   *rows = eg_validity_sample(c, most, seed, &n);
	EgClustering few = *c;
	float	   *x = huge(n * c->d * sizeof(float));
	int32	   *label = huge(n * sizeof(int32));
	double		result;
	Size		i;

	for (i = 0; i < n; i++)
	{
		memcpy(x + i * c->d, c->x + rows[i] * c->d, c->d * sizeof(float));
		label[i] = c->label[rows[i]];
	}
	few.x = x;
	few.n = n;
	few.label = label;
	result = eg_silhouette(&few, NULL);
	pfree(rows);
	pfree(x);
	pfree(label);
	return result;
}

/* Means of the clusters (k, d), and the mean of all rows with a label (d). */
static void
find_means(const EgClustering *c, const double *size, double *mean, double *all)
{
	double		n = 0;
	Size		i;
	int			j;
	int			k;

	for (i = 0; i < c->n; i++)
	{
		if (i % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		if (c->label[i] < 0)
			continue;
		for (j = 0; j < c->d; j++)
			mean[(Size) c->label[i] * c->d + j] += c->x[i * c->d + j];
	}
	for (k = 0; k < c->k; k++)
	{
		n += size[k];
		for (j = 0; j < c->d && size[k] > 0; j++)
		{
			all[j] += mean[(Size) k * c->d + j];
			mean[(Size) k * c->d + j] /= size[k];
		}
	}
	for (j = 0; j < c->d && n > 0; j++)
		all[j] /= n;
}

static double
square_distance(const double *a, const double *b, int d)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < d; j++)
		sum += (a[j] - b[j]) * (a[j] - b[j]);
	return sum;
}

static double
row_square(const float *x, const double *m, int d)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < d; j++)
		sum += (x[j] - m[j]) * (x[j] - m[j]);
	return sum;
}

double
eg_davies_bouldin(const EgClustering *c)
{
	double	   *size = palloc0(Max(c->k, 1) * sizeof(double));
	double	   *spread = palloc0(Max(c->k, 1) * sizeof(double));
	double	   *mean = huge((Size) c->k * c->d * sizeof(double));
	double	   *all = palloc0(Max(c->d, 1) * sizeof(double));
	int			used = count_rows(c, size);
	bool		flat = true;
	double		sum = 0;
	Size		i;
	int			a;
	int			b;

	find_means(c, size, mean, all);
	for (i = 0; i < c->n; i++)
	{
		if (c->label[i] >= 0)
			spread[c->label[i]] += sqrt(row_square(c->x + i * c->d,
												   mean + (Size) c->label[i] * c->d, c->d));
	}
	for (a = 0; a < c->k; a++)
	{
		spread[a] = size[a] > 0 ? spread[a] / size[a] : 0;
		flat &= spread[a] < 1e-12;
	}
	for (a = 0; a < c->k && used >= 2 && !flat; a++)
	{
		double		worst = 0;

		CHECK_FOR_INTERRUPTS();
		for (b = 0; b < c->k && size[a] > 0; b++)
		{
			double		apart;

			if (b == a || !(size[b] > 0))
				continue;
			apart = sqrt(square_distance(mean + (Size) a * c->d, mean + (Size) b * c->d, c->d));

			/* clusters at the same place say nothing, as in scikit-learn */
			if (apart > 0)
				worst = Max(worst, (spread[a] + spread[b]) / apart);
		}
		sum += worst;
	}
	pfree(size);
	pfree(spread);
	pfree(mean);
	pfree(all);
	return used >= 2 ? sum / used : NAN;
}

double
eg_calinski_harabasz(const EgClustering *c)
{
	double	   *size = palloc0(Max(c->k, 1) * sizeof(double));
	double	   *mean = huge((Size) c->k * c->d * sizeof(double));
	double	   *all = palloc0(Max(c->d, 1) * sizeof(double));
	int			used = count_rows(c, size);
	double		within = 0;
	double		between = 0;
	double		n = 0;
	Size		i;
	int			k;

	find_means(c, size, mean, all);
	for (i = 0; i < c->n; i++)
	{
		if (c->label[i] >= 0)
			within += row_square(c->x + i * c->d, mean + (Size) c->label[i] * c->d, c->d);
	}
	for (k = 0; k < c->k; k++)
	{
		n += size[k];
		if (size[k] > 0)
			between += size[k] * square_distance(mean + (Size) k * c->d, all, c->d);
	}
	pfree(size);
	pfree(mean);
	pfree(all);
	if (used < 2 || n <= used)
		return NAN;
	return within > 0 ? between / within * (n - used) / (used - 1) : 1;
}

/* ---------------- two labelings ---------------- */

double
eg_pairs(double n)
{
	return n * (n - 1) / 2;
}

double
eg_adjusted_rand_pairs(double n, double both, double in_a, double in_b)
{
	double		expected = eg_pairs(n) > 0 ? in_a * in_b / eg_pairs(n) : 0;
	double		most = (in_a + in_b) / 2;

	return most == expected ? 1 : (both - expected) / (most - expected);
}

double
eg_adjusted_rand_table(const double *counts, int na, int nb)
{
	double	   *rows = palloc0(Max(na, 1) * sizeof(double));
	double	   *columns = palloc0(Max(nb, 1) * sizeof(double));
	double		both = 0;
	double		in_a = 0;
	double		in_b = 0;
	double		n = 0;
	int			a;
	int			b;

	for (a = 0; a < na; a++)
	{
		for (b = 0; b < nb; b++)
		{
			double		v = counts[(Size) a * nb + b];

			both += eg_pairs(v);
			rows[a] += v;
			columns[b] += v;
			n += v;
		}
	}
	for (a = 0; a < na; a++)
		in_a += eg_pairs(rows[a]);
	for (b = 0; b < nb; b++)
		in_b += eg_pairs(columns[b]);
	pfree(rows);
	pfree(columns);
	return eg_adjusted_rand_pairs(n, both, in_a, in_b);
}
