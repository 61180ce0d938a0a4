/*-------------------------------------------------------------------------
 *
 * kmeans_batch.c
 *	  k-means by small batches, for tables that take long to go through often.
 *
 * A batch of rows is drawn, each goes to its nearest center, and each center a
 * step towards its rows; the steps become shorter with the weight of the rows
 * that the center has seen, so that it is their mean.  It ends when the smoothed
 * distance of the rows has not become smaller for some batches.
 *
 * Source: D. Sculley, "Web-Scale K-Means Clustering", WWW 2010.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans.h"
#include "base/random.h"
#include "miscadmin.h"

#define PATIENCE		10		/* batches without improvement that end it */

/* One batch: mean squared distance of its rows before the step. */
static double
one_batch(EgKmeansWork *w, uint64 key, double *seen, float *tile)
{
	const EgKmeansSpec *spec = w->spec;
	int			d = spec->d;
	const float *rows[EG_TILE];
	Size		number[EG_TILE];
	double		sum = 0;
	double		total = 0;
	int			done;
	int			r;
	int			j;

	eg_centers_set(&w->centers, w->center);
	for (done = 0; done < spec->batch_size; done += EG_TILE)
	{
		int			n = Min(EG_TILE, spec->batch_size - done);
		EgNearest	nearest;

		for (r = 0; r < n; r++)
		{
			number[r] = eg_random_below(key, done + r, spec->n);
			rows[r] = spec->x + number[r] * d;
		}
		eg_tile_load(rows, n, d, tile);
		eg_tile_nearest(tile, &w->centers, &nearest, NULL);
		for (r = 0; r < n; r++)
		{
			double		weight = eg_kmeans_weight(spec, number[r]);
			double	   *center = w->center + (Size) nearest.index[r] * d;
			double		step;

			if (!(weight > 0))
				continue;
			sum += weight * nearest.best[r];
			total += weight;
			seen[nearest.index[r]] += weight;
			step = weight / seen[nearest.index[r]];
			for (j = 0; j < d; j++)
				center[j] += step * (rows[r][j] - center[j]);
		}
	}
	return total > 0 ? sum / total : 0;
}

static void
to_length_one(EgKmeansWork *w)
{
	int			d = w->spec->d;
	int			c;
	int			j;

	for (c = 0; c < w->k; c++)
	{
		double	   *center = w->center + (Size) c * d;
		double		length = 0;

		for (j = 0; j < d; j++)
			length += center[j] * center[j];
		for (j = 0; j < d && length > 0; j++)
			center[j] /= sqrt(length);
	}
}

int
eg_kmeans_batches(EgKmeansWork *w, uint64 key, bool *converged)
{
	const EgKmeansSpec *spec = w->spec;
	double		passes = (double) spec->n / spec->batch_size * spec->max_iter;
	int			most = (int) Min(Max(passes, 1), PG_INT32_MAX / 2);
	double		forget = Min(1.0, 2.0 * spec->batch_size / ((double) spec->n + 1));
	double	   *seen = palloc0(w->k * sizeof(double));
	float	   *tile = palloc((Size) EG_TILE * Max(spec->d, 1) * sizeof(float));
	double		smooth = 0;
	double		least = INFINITY;
	int			waited = 0;
	int			done = 0;

	*converged = false;
	while (done < most && !*converged)
	{
		double		distance = one_batch(w, eg_random_stream(key, done), seen, tile);

		if (spec->spherical)
			to_length_one(w);

		/* the first batch starts from the seeding and says nothing of the rest */
		smooth = done < 2 ? distance : smooth + forget * (distance - smooth);
		if (smooth < least)
		{
			least = smooth;
			waited = 0;
		}
		else if (++waited >= PATIENCE)
			*converged = true;
		done++;
		if (spec->run != NULL && done % 64 == 0)
			eg_step(spec->run, done, most, NULL, 0);
		else
			CHECK_FOR_INTERRUPTS();
	}
	pfree(seen);
	pfree(tile);
	return done;
}
