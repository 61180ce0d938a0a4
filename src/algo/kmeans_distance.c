/*-------------------------------------------------------------------------
 *
 * kmeans_distance.c
 *	  Squared distances of eight rows to all centers, and the nearest.
 *
 * A coordinate of eight rows lies in one or two vectors; four centers are
 * measured at a time, so that four or eight sums are under way.  Differences are
 * squared, not products expanded: nothing cancels, and rows far from the origin
 * keep their digits.  Where the processor has vectors of eight numbers they are
 * used, without fused multiplication: every machine gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans.h"

/* rows side by side; memory need not be aligned for them */
typedef float Floats __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32 Ints __attribute__((vector_size(32), aligned(4), may_alias));

typedef float Fours __attribute__((vector_size(16), aligned(4), may_alias));

/* elements 0 to 3 are of the first, 4 to 7 of the second */
#if defined(__clang__) || __GNUC__ >= 12
#define MIX(a, b, i, j, k, l)	__builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32 FourInts __attribute__((vector_size(16)));
#define MIX(a, b, i, j, k, l)	__builtin_shuffle(a, b, (FourInts) {i, j, k, l})
#endif
#define INTERLEAVE_LOW(a, b)	MIX(a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH(a, b)	MIX(a, b, 2, 6, 3, 7)
#define FIRST_HALVES(a, b)		MIX(a, b, 0, 1, 4, 5)
#define SECOND_HALVES(a, b)		MIX(a, b, 2, 3, 6, 7)

#define LOAD(p)			(*(const Floats *) (p))
#define SPREAD(x)		((Floats) {(x), (x), (x), (x), (x), (x), (x), (x)})
#define SPREAD_INT(x)	((Ints) {(x), (x), (x), (x), (x), (x), (x), (x)})
#define SELECT(mask, a, b) \
	((Floats) (((mask) & (Ints) (a)) | (~(mask) & (Ints) (b))))

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_WIDE
#define WIDE	__attribute__((target("avx2")))
#endif

void
eg_centers_set(EgCenters *c, const double *centers)
{
	int			g,
				j,
				i;

	for (g = 0; g < (c->k + 3) / 4; g++)
	{
		for (j = 0; j < c->d; j++)
		{
			float	   *to = c->v + ((Size) g * c->d + j) * 4;

			for (i = 0; i < 4; i++)
			{
				/* the last group is filled up with its first center; nobody reads the result */
				int			from = g * 4 + i < c->k ? g * 4 + i : g * 4;

				to[i] = (float) centers[(Size) from * c->d + j];
			}
		}
	}
}

/*
 * Four coordinates of four rows, turned: one by one they would cost more than the distances.
 */
static inline void
load_square(const float *const *row, int j, float *to)
{
	Fours		a = *(const Fours *) (row[0] + j);
	Fours		b = *(const Fours *) (row[1] + j);
	Fours		c = *(const Fours *) (row[2] + j);
	Fours		e = *(const Fours *) (row[3] + j);
	Fours		low = INTERLEAVE_LOW(a, b);
	Fours		high = INTERLEAVE_HIGH(a, b);
	Fours		other_low = INTERLEAVE_LOW(c, e);
	Fours		other_high = INTERLEAVE_HIGH(c, e);

	*(Fours *) to = FIRST_HALVES(low, other_low);
	*(Fours *) (to + EG_TILE) = SECOND_HALVES(low, other_low);
	*(Fours *) (to + 2 * EG_TILE) = FIRST_HALVES(high, other_high);
	*(Fours *) (to + 3 * EG_TILE) = SECOND_HALVES(high, other_high);
}

void
eg_tile_load(const float *const *rows, int n, int d, float *tile)
{
	const float *row[EG_TILE];
	int			i,
				j;

	for (i = 0; i < EG_TILE; i++)
		row[i] = rows[Min(i, n - 1)];
	for (j = 0; j + 4 <= d; j += 4)
	{
		for (i = 0; i < EG_TILE; i += 4)
			load_square(row + i, j, tile + (Size) j * EG_TILE + i);
	}
	for (; j < d; j++)
	{
		for (i = 0; i < EG_TILE; i++)
			tile[(Size) j * EG_TILE + i] = row[i][j];
	}
}

static inline __attribute__((always_inline)) void
nearest_body(const float *tile, const EgCenters *c, EgNearest *out, float *all)
{
	Floats		best = SPREAD(INFINITY);
	Floats		second = SPREAD(INFINITY);
	Ints		index = SPREAD_INT(0);
	int			d = c->d;
	int			k = c->k;
	int			first;
	const float *v = c->v;

	for (first = 0; first < k; first += 4)
	{
		Floats		s0 = SPREAD(0.0f);
		Floats		s1 = s0;
		Floats		s2 = s0;
		Floats		s3 = s0;
		int			n = Min(4, k - first);
		int			j;
		Floats		sum[4];

		for (j = 0; j < d; j++, v += 4)
		{
			Floats		x = LOAD(tile + (Size) j * EG_TILE);
			Floats		a = x - SPREAD(v[0]);
			Floats		b = x - SPREAD(v[1]);
			Floats		e = x - SPREAD(v[2]);
			Floats		f = x - SPREAD(v[3]);

			s0 += a * a;
			s1 += b * b;
			s2 += e * e;
			s3 += f * f;
		}
		sum[0] = s0;
		sum[1] = s1;
		sum[2] = s2;
		sum[3] = s3;
		if (all != NULL)
		{
			for (j = 0; j < 4; j++)
				*(Floats *) (all + (Size) (first + j) * EG_TILE) = sum[j];
		}
		for (j = 0; j < n; j++)
		{
			Floats		s = sum[j];
			Ints		nearer = s < best;
			Ints		next = s < second;

			/* the former best, or this one, or what it was */
			second = SELECT(nearer, best, SELECT(next, s, second));
			best = SELECT(nearer, s, best);
			index = (nearer & SPREAD_INT(first + j)) | (~nearer & index);
		}
	}
	*(Floats *) out->best = best;
	*(Floats *) out->second = second;
	*(Ints *) out->index = index;
}

static void
nearest_plain(const float *tile, const EgCenters *c, EgNearest *out, float *all)
{
	nearest_body(tile, c, out, all);
}

#ifdef HAS_WIDE
WIDE static void
nearest_wide(const float *tile, const EgCenters *c, EgNearest *out, float *all)
{
	nearest_body(tile, c, out, all);
}
#endif

void
eg_tile_nearest(const float *tile, const EgCenters *c, EgNearest *out, float *all)
{
#ifdef HAS_WIDE
	if (__builtin_cpu_supports("avx2"))
	{
		nearest_wide(tile, c, out, all);
		return;
	}
#endif
	nearest_plain(tile, c, out, all);
}

float
eg_point_distance(const float *x, const float *y, int d)
{
	float		sum = 0;
	int			j;

	for (j = 0; j < d; j++)
	{
		float		a = x[j] - y[j];

		sum += a * a;
	}
	return sum;
}
