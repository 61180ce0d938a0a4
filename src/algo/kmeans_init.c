/*-------------------------------------------------------------------------
 *
 * kmeans_init.c
 *	  Where k-means begins.
 *
 * k-means++: each center is a row drawn in proportion to its squared distance
 * from those that there are; of a few such draws the one is kept that helps
 * most.  k-means||: some rounds each draw about 2 k rows in that way at once,
 * and k-means++ over what was drawn, weighted by the rows nearest, gives the
 * centers.  A row at distance zero is never drawn, so centers are different
 * rows, and there are fewer than k where there are fewer different rows.
 *
 * Sources: D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful
 * Seeding", SODA 2007; B. Bahmani et al., "Scalable K-Means++", PVLDB 5, 2012.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MAX_TRIALS		12		/* draws of which one is kept */
#define ROUNDS			5		/* of k-means|| */
#define OVERSAMPLING	2

/* What the passes over the rows share. */
typedef struct Seeding
{
	EgKmeansWork *w;
	float	   *distance;		/* (n) squared, to the nearest center so far */
	double	   *mass;			/* (ntasks) weight * distance of the block's rows */
	double	   *trial_mass;		/* (ntasks, trials) were the trial's row a center */
	EgCenters	trial;
	int32	   *owner;			/* (n) nearest candidate, or NULL */
	int			first;			/* number of the first new candidate */
} Seeding;

static void *
huge(Size bytes)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(bytes, 8));
}

/* Rows of a task in tiles. */
#define FOR_TILES(spec) \
	const EgKmeansSpec *spec = s->w->spec; \
	Size		i; \
	int			r; \
\
	for (i = from; i < to; i += EG_TILE)

static int
load(const EgKmeansSpec *spec, Size i, Size to, float *tile)
{
	const float *rows[EG_TILE];
	int			n = (int) Min((Size) EG_TILE, to - i);
	int			r;

	for (r = 0; r < n; r++)
		rows[r] = spec->x + (i + r) * spec->d;
	eg_tile_load(rows, n, spec->d, tile);
	return n;
}

/* What the sums would be with each of the trials. */
static void
try_task(void *arg, int task, Size from, Size to, float *tile, float *all)
{
	Seeding    *s = arg;
	int			ntrials = s->trial.k;
	double		sum[MAX_TRIALS] = {0};
	int			t;

	FOR_TILES(spec)
	{
		EgNearest	nearest;
		int			n = load(spec, i, to, tile);

		eg_tile_nearest(tile, &s->trial, &nearest, all);
		for (r = 0; r < n; r++)
		{
			double		weight = eg_kmeans_weight(spec, i + r);
			float		old = s->distance[i + r];

			for (t = 0; t < ntrials; t++)
			{
				float		now = all[t * EG_TILE + r];

				sum[t] += weight * (now < old ? now : old);
			}
		}
	}
	for (t = 0; t < ntrials; t++)
		s->trial_mass[task * MAX_TRIALS + t] = sum[t];
}

/* Distances with the new centers. */
static void
take_task(void *arg, int task, Size from, Size to, float *tile, float *all)
{
	Seeding    *s = arg;
	double		sum = 0;

	FOR_TILES(spec)
	{
		EgNearest	nearest;
		int			n = load(spec, i, to, tile);

		eg_tile_nearest(tile, &s->trial, &nearest, NULL);
		for (r = 0; r < n; r++)
		{
			if (nearest.best[r] < s->distance[i + r])
			{
				s->distance[i + r] = nearest.best[r];
				if (s->owner != NULL)
					s->owner[i + r] = s->first + nearest.index[r];
			}
			sum += eg_kmeans_weight(spec, i + r) * s->distance[i + r];
		}
	}
	s->mass[task] = sum;
}

static double
total(const double *v, int n, int step)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += v[(Size) i * step];
	return sum;
}

Size
eg_kmeans_draw(const EgKmeansWork *w, const double *block_mass, const float *distance, double unit)
{
	const EgKmeansSpec *spec = w->spec;
	double		at = unit * total(block_mass, w->ntasks, 1);
	int			t;
	Size		i;
	Size		last = spec->n;

	for (t = 0; t < w->ntasks - 1 && at >= block_mass[t]; t++)
		at -= block_mass[t];
	for (; t < w->ntasks; t++)
	{
		for (i = t * w->task_rows; i < Min(spec->n, (t + 1) * w->task_rows); i++)
		{
			double		mass = eg_kmeans_weight(spec, i) * distance[i];

			if (!(mass > 0))
				continue;
			last = i;
			if (at < mass)
				return i;
			at -= mass;
		}
		at = 0;
	}
	if (last < spec->n)
		return last;

	/* rounding at the very end of the blocks: the last row that has any mass */
	for (i = spec->n; i-- > 0;)
	{
		if (eg_kmeans_weight(spec, i) * distance[i] > 0)
			return i;
	}
	return spec->n;
}

static void
copy_row(const EgKmeansSpec *spec, Size i, double *to)
{
	int			j;

	for (j = 0; j < spec->d; j++)
		to[j] = spec->x[i * spec->d + j];
}

static void
set_trial(Seeding *s, const double *centers, int k)
{
	s->trial.k = k;
	eg_centers_set(&s->trial, centers);
}

static Seeding *
begin(EgKmeansWork *w, int most)
{
	const EgKmeansSpec *spec = w->spec;
	Seeding    *s = palloc0(sizeof(Seeding));
	Size		i;

	s->w = w;
	s->distance = huge(spec->n * sizeof(float));
	for (i = 0; i < spec->n; i++)
		s->distance[i] = INFINITY;
	s->mass = palloc0(w->ntasks * sizeof(double));
	s->trial_mass = palloc0((Size) w->ntasks * MAX_TRIALS * sizeof(double));
	s->trial.d = spec->d;
	s->trial.v = huge(EG_CENTERS_BYTES(most, spec->d));
	return s;
}

static void
finish(Seeding *s)
{
	pfree(s->distance);
	pfree(s->mass);
	pfree(s->trial_mass);
	pfree(s->trial.v);
	pfree(s);
}

/* A row in proportion to its weight. */
static Size
draw_first(const EgKmeansSpec *spec, uint64 key)
{
	double		sum = 0;
	double		at;
	Size		i;
	Size		last = 0;

	if (spec->weight == NULL)
		return eg_random_below(key, 0, spec->n);
	for (i = 0; i < spec->n; i++)
		sum += spec->weight[i];
	at = eg_random_unit(key, 0) * sum;
	for (i = 0; i < spec->n; i++)
	{
		if (!(spec->weight[i] > 0))
			continue;
		last = i;
		if (at < spec->weight[i])
			break;
		at -= spec->weight[i];
	}
	return last;
}

static void
plus_plus(EgKmeansWork *w, uint64 key)
{
	const EgKmeansSpec *spec = w->spec;
	int			d = spec->d;
	int			ntrials = Min(2 + (int) log(Max(spec->k, 1)), MAX_TRIALS);
	Seeding    *s = begin(w, MAX_TRIALS);
	double	   *rows = palloc((Size) MAX_TRIALS * d * sizeof(double));
	uint64		draw = 1;

	copy_row(spec, draw_first(spec, key), w->center);
	w->k = 1;
	set_trial(s, w->center, 1);
	eg_kmeans_blocks(w, 4, "seeding clusters", take_task, s);
	while (w->k < spec->k)
	{
		int			best = 0;
		int			t;

		CHECK_FOR_INTERRUPTS();
		if (!(total(s->mass, w->ntasks, 1) > 0))
			break;
		for (t = 0; t < ntrials; t++)
			copy_row(spec, eg_kmeans_draw(w, s->mass, s->distance, eg_random_unit(key, draw++)),
					 rows + (Size) t * d);
		set_trial(s, rows, ntrials);
		eg_kmeans_blocks(w, ntrials, "seeding clusters", try_task, s);
		for (t = 1; t < ntrials; t++)
		{
			if (total(s->trial_mass + t, w->ntasks, MAX_TRIALS) <
				total(s->trial_mass + best, w->ntasks, MAX_TRIALS))
				best = t;
		}
		memcpy(w->center + (Size) w->k * d, rows + (Size) best * d, d * sizeof(double));
		set_trial(s, rows + (Size) best * d, 1);
		eg_kmeans_blocks(w, 4, "seeding clusters", take_task, s);
		w->k++;
	}
	finish(s);
	pfree(rows);
}

/* Different rows, each as likely as its weight says. */
static void
random_rows(EgKmeansWork *w, uint64 key)
{
	const EgKmeansSpec *spec = w->spec;
	Seeding    *s = begin(w, 1);
	Size		i;
	uint64		draw = 1;

	copy_row(spec, draw_first(spec, key), w->center);
	w->k = 1;
	while (w->k < spec->k)
	{
		CHECK_FOR_INTERRUPTS();

		/* rows equal to a center are out; all others have mass 1 */
		set_trial(s, w->center + (Size) (w->k - 1) * spec->d, 1);
		eg_kmeans_blocks(w, 4, "seeding clusters", take_task, s);
		if (!(total(s->mass, w->ntasks, 1) > 0))
			break;
		for (i = 0; i < spec->n; i++)
			s->distance[i] = s->distance[i] > 0 ? 1 : 0;
		memset(s->mass, 0, w->ntasks * sizeof(double));
		for (i = 0; i < spec->n; i++)
			s->mass[i / w->task_rows] += eg_kmeans_weight(spec, i) * s->distance[i];
		copy_row(spec, eg_kmeans_draw(w, s->mass, s->distance, eg_random_unit(key, draw++)),
				 w->center + (Size) w->k++ * spec->d);
		for (i = 0; i < spec->n; i++)
		{
			if (s->distance[i] > 0)
				s->distance[i] = INFINITY;
		}
	}
	finish(s);
}

/* Candidates of one round, at most limit; their rows as doubles. */
static int
draw_round(Seeding *s, uint64 key, double expected, double *rows, int limit)
{
	const EgKmeansSpec *spec = s->w->spec;
	double		sum = total(s->mass, s->w->ntasks, 1);
	int			n = 0;
	Size		i;

	for (i = 0; i < spec->n && n < limit; i++)
	{
		double		p;

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		p = expected * eg_kmeans_weight(spec, i) * s->distance[i] / sum;

		if (eg_random_unit(key, i) < p)
			copy_row(spec, i, rows + (Size) n++ * spec->d);
	}
	return n;
}

static void
parallel(EgKmeansWork *w, uint64 key)
{
	const EgKmeansSpec *spec = w->spec;
	int			d = spec->d;
	double		expected = (double) OVERSAMPLING * spec->k;
	int			limit = (int) (3 * expected) + 16;	/* of a round: far more than likely */
	int			n = 1;
	Seeding    *s = begin(w, limit);
	double	   *rows = huge((Size) (ROUNDS * limit + 1) * d * sizeof(double));
	float	   *points;
	double	   *weight;
	EgKmeansSpec inner = *spec;
	EgKmeansWork few = *w;
	int			round;
	Size		i;

	s->owner = huge(spec->n * sizeof(int32));
	copy_row(spec, draw_first(spec, key), rows);
	set_trial(s, rows, 1);
	eg_kmeans_blocks(w, 4, "seeding clusters", take_task, s);
	for (round = 0; round < ROUNDS; round++)
	{
		int			more;

		CHECK_FOR_INTERRUPTS();
		if (!(total(s->mass, w->ntasks, 1) > 0))
			break;
		more = draw_round(s, eg_random_stream(key, round + 1), expected, rows + (Size) n * d,
						  limit);
		if (more == 0)
			continue;
		s->first = n;
		set_trial(s, rows + (Size) n * d, more);
		eg_kmeans_blocks(w, more, "seeding clusters", take_task, s);
		n += more;
	}
	points = huge((Size) n * d * sizeof(float));
	weight = palloc0(n * sizeof(double));
	for (i = 0; i < (Size) n * d; i++)
		points[i] = (float) rows[i];
	for (i = 0; i < spec->n; i++)
		weight[s->owner[i]] += eg_kmeans_weight(spec, i);

	/* the same, over few rows */
	inner.x = points;
	inner.n = n;
	inner.weight = weight;
	inner.threads = 1;
	few.spec = &inner;
	few.ntasks = 1;
	few.task_rows = n;
	plus_plus(&few, eg_random_stream(key, ROUNDS + 1));
	w->k = few.k;
	pfree(s->owner);
	finish(s);
	pfree(rows);
	pfree(points);
	pfree(weight);

	/* too few were drawn, though there are more different rows */
	if (w->k < spec->k)
		plus_plus(w, eg_random_stream(key, ROUNDS + 2));
}

void
eg_kmeans_seed(EgKmeansWork *w, uint64 key)
{
	switch (w->spec->init)
	{
		case EG_KMEANS_PLUS_PLUS:
			plus_plus(w, key);
			break;
		case EG_KMEANS_PARALLEL:
			parallel(w, key);
			break;
		case EG_KMEANS_RANDOM:
			random_rows(w, key);
			break;
	}
}
