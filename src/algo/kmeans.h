/*-------------------------------------------------------------------------
 *
 * kmeans.h
 *	  k-means over rows of numbers: seeding, Lloyd's iterations with and
 *	  without bounds, small batches; and the kernel that measures distances.
 *
 * Points are single precision, sums are double.  What comes out depends on the
 * rows, their order and the seed, and on nothing else: rows are cut into blocks
 * whose number does not depend on the threads, and what the blocks say is added
 * up in their order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_KMEANS_H
#define EG_KMEANS_H

#include "base/parallel.h"
#include "base/run.h"

/* ---------------- distances (kmeans_distance.c) ---------------- */

#define EG_TILE			8		/* rows that are measured together */

/* Centers in the kernel's form: in fours, coordinate by coordinate. */
typedef struct EgCenters
{
	int			k;
	int			d;
	float	   *v;				/* (k / 4 rounded up, d, 4) */
} EgCenters;

typedef struct EgNearest
{
	float		best[EG_TILE];	/* squared distances */
	float		second[EG_TILE];	/* infinite when there is one center */
	int32		index[EG_TILE];	/* of the nearest; the first of several */
} EgNearest;

#define EG_CENTERS_BYTES(k, d)	(((Size) (k) + 3) / 4 * 4 * (Size) (d) * sizeof(float))

/* v has EG_CENTERS_BYTES; from (k, d) doubles. */
extern void eg_centers_set(EgCenters *c, const double *centers);

/* Rows, n of 1 to EG_TILE of them, coordinate by coordinate into tile (d, EG_TILE). */
extern void eg_tile_load(const float *const *rows, int n, int d, float *tile);

/* The nearest centers; all (k rounded up to 4, EG_TILE): every squared distance, or NULL. */
extern void eg_tile_nearest(const float *tile, const EgCenters *c, EgNearest *out, float *all);

/* Squared distance of two rows; sums in the kernel's order, so the bits are the same. */
extern float eg_point_distance(const float *x, const float *y, int d);

/* ---------------- the engine (kmeans_engine.c) ---------------- */

typedef enum EgKmeansInit
{
	EG_KMEANS_PLUS_PLUS,
	EG_KMEANS_PARALLEL,
	EG_KMEANS_RANDOM
} EgKmeansInit;

typedef enum EgKmeansBounds
{
	EG_KMEANS_AUTO,
	EG_KMEANS_LLOYD,
	EG_KMEANS_HAMERLY,
	EG_KMEANS_ELKAN
} EgKmeansBounds;

typedef struct EgKmeansSpec
{
	const float *x;				/* (n, d), finite, at most EG_KMEANS_FARTHEST */
	Size		n;
	int			d;
	const double *weight;		/* (n), not negative, some positive; or NULL */
	int			k;
	EgKmeansInit init;
	int			n_init;			/* seedings to try; the best is kept */
	int			max_iter;
	double		tol;			/* in units of the columns' mean variance */
	EgKmeansBounds bounds;
	int			batch_size;		/* 0: all rows in every iteration */
	bool		spherical;		/* rows have length 1, and so have centers */
	uint64		seed;
	int			threads;
	Size		memory_limit;
	EgRun	   *run;			/* for progress, or NULL */
} EgKmeansSpec;

typedef struct EgKmeans
{
	int			k;				/* less than asked for when there are fewer different rows */
	int			d;
	double	   *center;			/* (k, d), the largest cluster first */
	double	   *size;			/* (k) weight of the rows */
	int32	   *label;			/* (n) */
	double		inertia;		/* weighted sum of squared distances */
	int			iterations;
	bool		converged;
} EgKmeans;

/* squares of differences, and sums of them, stay finite */
#define EG_KMEANS_FARTHEST	1e15f

/* Results in CurrentMemoryContext.  May throw; answers interrupts. */
extern EgKmeans *eg_kmeans_run(const EgKmeansSpec *spec);

/* ---------------- what its files share ---------------- */

typedef struct EgKmeansWork
{
	const EgKmeansSpec *spec;
	int			k;				/* centers so far */
	int			ntasks;
	Size		task_rows;
	double	   *center;			/* (k, d) */
	EgCenters	centers;		/* the same for the kernel */
	int32	   *label;			/* (n) */
	double		share;			/* of the rows that will be measured, as far as is known */
} EgKmeansWork;

typedef void (*EgKmeansTask) (void *arg, int task, Size from, Size to, float *tile, float *all);

/*
 * Call task for every block of rows, by threads where that pays.  tile is room for
 * the rows, all for the distances to kmax centers.
 */
extern void eg_kmeans_blocks(const EgKmeansWork *w, int kmax, const char *what,
							 EgKmeansTask task, void *arg);

/* Set w->center, w->k: at most spec->k different rows (kmeans_init.c). */
extern void eg_kmeans_seed(EgKmeansWork *w, uint64 key);

/* Improve w->center by small batches; returns how many it took (kmeans_batch.c). */
extern int	eg_kmeans_batches(EgKmeansWork *w, uint64 key, bool *converged);

static inline double
eg_kmeans_weight(const EgKmeansSpec *s, Size i)
{
	return s->weight != NULL ? s->weight[i] : 1;
}

/* Squared distance in double precision. */
static inline double
eg_center_distance(const float *x, const double *c, int d)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < d; j++)
		sum += (x[j] - c[j]) * (x[j] - c[j]);
	return sum;
}

/* Draws one row of n in proportion to mass; the blocks' masses are known. */
extern Size eg_kmeans_draw(const EgKmeansWork *w, const double *block_mass, const float *distance,
						   double unit);

#endif							/* EG_KMEANS_H */
