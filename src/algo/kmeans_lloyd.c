/*-------------------------------------------------------------------------
 *
 * kmeans_lloyd.c
 *	  Lloyd's iterations, with bounds that spare distances.
 *
 * In every iteration each row goes to its nearest center, and each center to the
 * mean of its rows.  Hamerly's bounds keep for a row how far its center is at
 * most and how far any other is at least; Elkan's keep the latter for each
 * center.  A row whose bounds say that its center is still the nearest is not
 * measured.  Bounds have a margin wider than rounding, distances are computed in
 * the same order everywhere, and sums are changed by the rows that move: so the
 * three ways give the same result, bit for bit.  Measured one by one, distances
 * cost several times what they cost eight at a time, which is why Hamerly's
 * bounds are the default, whatever the number of centers.
 *
 * A center without rows takes the row that is farthest from its own center.
 *
 * Sources: S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions
 * on Information Theory 28, 1982; C. Elkan, "Using the Triangle Inequality to
 * Accelerate k-Means", ICML 2003; G. Hamerly, "Making k-means even faster", SDM
 * 2010.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans_private.h"
#include "miscadmin.h"

#define TIGHTEN_CENTERS 16		/* from here one distance is much less than all */

/* bounds are wider than what rounding may do to them in many iterations */
#define MARGIN			1.0002f

/* ---------------- rows to centers ---------------- */

static inline void
move_row(EgIteration *it, double *delta, Size i, int to)
{
	const EgKmeansSpec *spec = it->w.spec;
	int			d = spec->d;
	const float *row = spec->x + i * d;
	double		weight = eg_kmeans_weight(spec, i);
	int			from = it->w.label[i];
	double	   *add = delta + (Size) to * (d + 1);
	int			j;

	for (j = 0; j < d; j++)
		add[j] += weight * row[j];
	add[d] += weight;
	if (from >= 0)
	{
		double	   *take = delta + (Size) from * (d + 1);

		for (j = 0; j < d; j++)
			take[j] -= weight * row[j];
		take[d] -= weight;
	}
	it->w.label[i] = to;
}

/* Measure rows against all centers; returns how many go elsewhere. */
static int
measure(EgIteration *it, double *delta, const Size *rows, int n, float *tile, float *all)
{
	const EgKmeansSpec *spec = it->w.spec;
	const float *row[EG_TILE];
	EgNearest	nearest;
	int			changed = 0;
	int			r;
	int			c;

	for (r = 0; r < n; r++)
		row[r] = spec->x + rows[r] * spec->d;
	eg_tile_load(row, n, spec->d, tile);
	eg_tile_nearest(tile, &it->w.centers, &nearest,
					it->bounds == EG_KMEANS_ELKAN ? all : NULL);
	for (r = 0; r < n; r++)
	{
		Size		i = rows[r];

		if (it->bounds != EG_KMEANS_LLOYD)
			it->upper[i] = sqrtf(nearest.best[r]);
		if (it->bounds == EG_KMEANS_HAMERLY)
			it->lower[i] = sqrtf(nearest.second[r]);
		if (it->bounds == EG_KMEANS_ELKAN)
		{
			float	   *lower = it->lower + i * it->kall;

			for (c = 0; c < it->w.k; c++)
				lower[c] = sqrtf(all[c * EG_TILE + r]);
		}
		if (it->w.label[i] != nearest.index[r])
		{
			move_row(it, delta, i, nearest.index[r]);
			changed++;
		}
	}
	return changed;
}

/* Hamerly: may the row have to move? */
static inline bool
hamerly_unsure(EgIteration *it, Size i)
{
	int			c = it->w.label[i];
	float		upper;
	float		lower;

	if (c < 0)
		return true;
	upper = it->upper[i] + it->moved[c];
	lower = it->lower[i] - (c == it->mover ? it->next : it->most);
	it->upper[i] = upper;
	it->lower[i] = lower;
	lower = Max(lower, it->half[c]);
	if (it->w.k < TIGHTEN_CENTERS)
		return !(upper * MARGIN < lower);
	if (upper * MARGIN < lower)
		return false;
	upper = sqrtf(eg_point_distance(it->w.spec->x + i * it->w.spec->d,
									it->plain + (Size) c * it->w.spec->d, it->w.spec->d));
	it->upper[i] = upper;
	return !(upper * MARGIN < lower);
}

/* Elkan: measure the centers that may be nearer, one by one; the row's new center. */
static int
elkan_nearest(EgIteration *it, Size i, Size *measured)
{
	const EgKmeansSpec *spec = it->w.spec;
	const float *x = spec->x + i * spec->d;
	float	   *lower = it->lower + i * it->kall;
	int			k = it->w.k;
	int			c = it->w.label[i];
	float		upper = it->upper[i] + it->moved[c];
	float		square = -1;	/* of upper, once it is exact */
	int			j;

	for (j = 0; j < k; j++)
		lower[j] -= it->moved[j];
	it->upper[i] = upper;
	if (upper * MARGIN < it->half[c])
		return c;
	for (j = 0; j < k; j++)
	{
		float		s;

		if (j == c || upper * MARGIN < lower[j] ||
			upper * MARGIN < it->between[(Size) c * k + j])
			continue;
		if (square < 0)
		{
			square = eg_point_distance(x, it->plain + (Size) c * spec->d, spec->d);
			upper = lower[c] = sqrtf(square);
			(*measured)++;
			if (upper * MARGIN < lower[j] || upper * MARGIN < it->between[(Size) c * k + j])
				continue;
		}
		s = eg_point_distance(x, it->plain + (Size) j * spec->d, spec->d);
		lower[j] = sqrtf(s);
		if (s < square || (s == square && j < c))
		{
			c = j;
			square = s;
			upper = lower[j];
		}
	}
	it->upper[i] = upper;
	return c;
}

static void
assign_task(void *arg, int task, Size from, Size to, float *tile, float *all)
{
	EgIteration  *it = arg;
	double	   *delta = it->delta + (Size) task * it->w.k * (it->w.spec->d + 1);
	Size		rows[EG_TILE];
	int			n = 0;
	int			changed = 0;
	Size		measured = 0;
	Size		i;

	memset(delta, 0, (Size) it->w.k * (it->w.spec->d + 1) * sizeof(double));
	for (i = from; i < to && it->bounds == EG_KMEANS_HAMERLY; i++)
	{
		/* no branch: whether a row is sure cannot be foretold */
		rows[n] = i;
		n += hamerly_unsure(it, i);
		if (n == EG_TILE)
		{
			changed += measure(it, delta, rows, n, tile, all);
			measured += n;
			n = 0;
		}
	}
	for (; i < to; i++)
	{
		if (it->bounds == EG_KMEANS_ELKAN && it->w.label[i] >= 0)
		{
			int			c = elkan_nearest(it, i, &measured);

			if (c != it->w.label[i])
			{
				move_row(it, delta, i, c);
				changed++;
			}
			continue;
		}
		rows[n++] = i;
		measured++;
		if (n == EG_TILE)
		{
			changed += measure(it, delta, rows, n, tile, all);
			n = 0;
		}
	}
	if (n > 0)
		changed += measure(it, delta, rows, n, tile, all);
	measured += it->bounds == EG_KMEANS_HAMERLY ? n : 0;
	it->changed[task] = changed;
	it->measured[task] = measured;
}

Size
eg_kmeans_assign(EgIteration *it)
{
	int			d = it->w.spec->d;
	Size		changed = 0;
	Size		measured = 0;
	int			t;
	int			c;
	int			j;

	eg_kmeans_blocks(&it->w, it->w.k, "finding clusters", assign_task, it);
	for (t = 0; t < it->w.ntasks; t++)
	{
		const double *delta = it->delta + (Size) t * it->w.k * (d + 1);

		changed += it->changed[t];
		measured += it->measured[t];
		if (it->changed[t] == 0)
			continue;
		for (c = 0; c < it->w.k; c++, delta += d + 1)
		{
			for (j = 0; j < d; j++)
				it->sum[(Size) c * d + j] += delta[j];
			it->size[c] += delta[d];
		}
	}

	/* the next time is much like this one; keeping bounds up costs a little, too */
	it->w.share = Min(1, (double) measured / it->w.spec->n + 0.02);
	return changed;
}

/* ---------------- centers to rows ---------------- */

/* Centers whose rows have all left get the rows that are farthest from theirs. */
static void
fill_empty(EgIteration *it)
{
	const EgKmeansSpec *spec = it->w.spec;
	int			d = spec->d;
	double	   *delta = NULL;
	int		   *rows;
	int			c;
	int			j;
	Size		i;

	/* weights that were added and taken away leave rounding errors, so rows are counted */
	rows = palloc0(it->w.k * sizeof(int));
	for (c = 0; spec->weight == NULL && c < it->w.k; c++)
		rows[c] = (int) it->size[c];
	for (i = 0; spec->weight && i < spec->n; i++)
	{
		if (eg_kmeans_weight(spec, i) > 0)
			rows[it->w.label[i]]++;
	}
	for (c = 0; c < it->w.k; c++)
	{
		double		farthest = 0;
		Size		row = spec->n;

		if (rows[c] > 0)
			continue;
		for (i = 0; i < spec->n; i++)
		{
			int			own = it->w.label[i];
			double		distance;

			if (rows[own] < 2 || !(eg_kmeans_weight(spec, i) > 0))
				continue;
			distance = eg_center_distance(spec->x + i * d, it->w.center + (Size) own * d, d);
			if (distance > farthest)
			{
				farthest = distance;
				row = i;
			}
		}
		CHECK_FOR_INTERRUPTS();
		memset(it->sum + (Size) c * d, 0, d * sizeof(double));
		it->size[c] = 0;
		if (row == spec->n)
			continue;
		if (delta == NULL)
			delta = palloc((Size) it->w.k * (d + 1) * sizeof(double));
		memset(delta, 0, (Size) it->w.k * (d + 1) * sizeof(double));
		rows[it->w.label[row]]--;
		rows[c]++;
		move_row(it, delta, row, c);
		for (j = 0; j < it->w.k; j++)
		{
			int			f;

			for (f = 0; f < d; f++)
				it->sum[(Size) j * d + f] += delta[(Size) j * (d + 1) + f];
			it->size[j] += delta[(Size) j * (d + 1) + d];
		}
		if (it->upper != NULL)
			it->upper[row] = INFINITY;
	}
	if (delta != NULL)
		pfree(delta);
	pfree(rows);
}

/* Is there a center that hardly any weight is at? */
static bool
some_empty(const EgIteration *it)
{
	double		total = 0;
	int			c;

	for (c = 0; c < it->w.k; c++)
		total += it->size[c];
	for (c = 0; c < it->w.k; c++)
	{
		if (it->size[c] <= total * 1e-12)
			return true;
	}
	return false;
}

static void
set_bounds(EgIteration *it)
{
	int			k = it->w.k;
	int			d = it->w.spec->d;
	int			a;
	int			b;

	for (a = 0; a < k; a++)
		it->half[a] = INFINITY;
	for (a = 0; a < k; a++)
	{
		CHECK_FOR_INTERRUPTS();
		for (b = a + 1; b < k; b++)
		{
			double		way = sqrt(eg_center_distance(it->plain + (Size) a * d,
														  it->w.center + (Size) b * d, d));
			float		half = (float) (way / 2);

			it->half[a] = Min(it->half[a], half);
			it->half[b] = Min(it->half[b], half);
			if (it->between != NULL)
				it->between[(Size) a * k + b] = it->between[(Size) b * k + a] = half;
		}
	}
}

double
eg_kmeans_update(EgIteration *it)
{
	const EgKmeansSpec *spec = it->w.spec;
	int			d = spec->d;
	double		shift = 0;
	int			c;
	int			j;

	if (some_empty(it))
		fill_empty(it);
	it->mover = 0;
	it->most = it->next = 0;
	for (c = 0; c < it->w.k; c++)
	{
		double	   *center = it->w.center + (Size) c * d;
		float	   *plain = it->plain + (Size) c * d;
		double		way = 0;
		double		length = 0;
		double		scale = it->size[c] > 0 ? 1 / it->size[c] : 0;

		if (spec->spherical)
		{
			for (j = 0; j < d; j++)
				length += it->sum[(Size) c * d + j] * it->sum[(Size) c * d + j];
			scale = length > 0 && it->size[c] > 0 ? 1 / sqrt(length) : 0;
		}
		for (j = 0; j < d && scale > 0; j++)
		{
			double		to = it->sum[(Size) c * d + j] * scale;

			/* what is left of weights many digits apart may be rounding errors alone */
			to = Min(Max(to, -EG_KMEANS_FARTHEST), EG_KMEANS_FARTHEST);

			/* bounds hold for the centers as the kernel has them */
			way += ((float) to - plain[j]) * (double) ((float) to - plain[j]);
			shift += (to - center[j]) * (to - center[j]);
			center[j] = to;
			plain[j] = (float) to;
		}
		it->moved[c] = (float) sqrt(way) * 1.000001f;
		if (it->moved[c] > it->most)
		{
			it->next = it->most;
			it->most = it->moved[c];
			it->mover = c;
		}
		else
			it->next = Max(it->next, it->moved[c]);
	}
	eg_centers_set(&it->w.centers, it->w.center);
	if (it->bounds != EG_KMEANS_LLOYD)
		set_bounds(it);
	return shift;
}

void
eg_kmeans_restart(EgIteration *it)
{
	const EgKmeansSpec *spec = it->w.spec;
	Size		cells = (Size) it->w.k * spec->d;
	Size		i;

	it->w.centers.k = it->w.k;
	it->w.share = 1;
	for (i = 0; i < spec->n; i++)
		it->w.label[i] = -1;
	for (i = 0; i < cells; i++)
	{
		it->plain[i] = (float) it->w.center[i];
		it->sum[i] = 0;
	}
	memset(it->size, 0, it->w.k * sizeof(double));
	memset(it->moved, 0, it->w.k * sizeof(float));
	it->most = it->next = 0;
	eg_centers_set(&it->w.centers, it->w.center);
	if (it->bounds != EG_KMEANS_LLOYD)
		set_bounds(it);
}
