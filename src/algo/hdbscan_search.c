/*-------------------------------------------------------------------------
 *
 * hdbscan_search.c
 *	  The rows that are nearest, and those that are reached at the least cost.
 *
 * The tree of boxes is that of neighbors_order.c.  Distances of 16 rows and of
 * 16 boxes at a time are found in single precision, and are right to a known
 * number of roundings; what could be near enough is measured again in double
 * precision, in the order of the dimensions.  So results are those of comparing
 * all rows in double precision.
 *
 * Besides the distance two other things tell that rows need not be looked at:
 * all of them have larger core distances, or are of the component that looks
 * for another one.
 *
 * Source: W. B. March, P. Ram, A. G. Gray, "Fast Euclidean Minimum Spanning Tree:
 * Algorithm, Analysis, and Applications", KDD 2010.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/hdbscan.h"
#include "algo/neighbors_lanes.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK			EG_NEAR_BLOCK
#define CHECK_ROWS		65536

EgReach *
eg_reach_create(const EgNear *near)
{
	EgReach    *r = palloc0(sizeof(EgReach));
	int			level;

	r->near = near;
	for (level = 0; level < near->nlevels; level++)
		r->least[level] = palloc_extended(near->nmembers[level] * sizeof(float),
										  MCXT_ALLOC_HUGE);
	return r;
}

void
eg_reach_components(EgReach *r)
{
	const EgNear *near = r->near;
	int			level;
	Size		i;

	r->component = palloc_extended(near->nrows * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (i = 0; i < near->nrows; i++)
		r->component[i] = (uint32) i;
	for (level = 0; level < near->nlevels; level++)
		r->common[level] = palloc_extended(near->nmembers[level] * sizeof(uint32),
										   MCXT_ALLOC_HUGE);
}

void
eg_reach_set_least(EgReach *r)
{
	const EgNear *near = r->near;
	int			level;
	Size		i;

	for (level = 0; level < near->nlevels; level++)
	{
		Size		below = level == 0 ? near->nrows : near->nmembers[level - 1];

		for (i = 0; i < near->nmembers[level]; i++)
			r->least[level][i] = INFINITY;
		for (i = 0; i < below; i++)
		{
			float	   *least = &r->least[level][i / BLOCK];

			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();

			/* rounded down */
			if (level > 0)
				*least = Min(*least, r->least[level - 1][i]);
			else if (r->core[i] < *least)
				*least = Max(nextafterf((float) Min(r->core[i], FLT_MAX), -1), 0);
		}
	}
}

void
eg_reach_set_common(EgReach *r)
{
	const EgNear *near = r->near;
	const uint32 *below = r->component;
	Size		nbelow = near->nrows;
	int			level;
	Size		i;

	for (level = 0; level < near->nlevels; level++)
	{
		uint32	   *common = r->common[level];

		for (i = 0; i < nbelow; i++)
		{
			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			if (i % BLOCK == 0)
				common[i / BLOCK] = below[i];
			else if (common[i / BLOCK] != below[i])
				common[i / BLOCK] = EG_NO_ROW;
		}
		below = common;
		nbelow = near->nmembers[level];
	}
}

void
eg_reach_row(const EgNear *near, Size row, float *out)
{
	const float *x = eg_near_row(near, row);
	int			d;

	for (d = 0; d < near->width; d++)
		out[d] = x[(Size) d * BLOCK];
}

/* ---------------- measuring ---------------- */

static inline double
measure(const EgNear *near, Size row, const float *q)
{
	const float *x = eg_near_row(near, row);
	double		sum = 0;
	int			d;

	for (d = 0; d < near->width; d++)
	{
		double		away = (double) q[d] - x[(Size) d * BLOCK];

		sum += away * away;
	}
	return sum;
}

/* What a sum in single precision is at most, where the exact one is within limit. */
static inline float
single_limit(const EgNear *near, double limit)
{
	double		most = limit * (1 + (near->width + 8) * (double) FLT_EPSILON) + FLT_MIN;

	return most < FLT_MAX ? (float) most : INFINITY;
}

typedef struct Member
{
	float		bound;
	int			i;
} Member;

/* Put the i-th member of a group where it belongs among n; the nearest first. */
static inline void
insert(Member *members, int n, float bound, int i)
{
	while (n > 0 && members[n - 1].bound > bound)
	{
		members[n] = members[n - 1];
		n--;
	}
	members[n].bound = bound;
	members[n].i = i;
}

/* ---------------- the k nearest ---------------- */

typedef struct Nearest
{
	const EgNear *near;
	const float *q;
	EgFound    *heap;
	int			k;
	int			n;
	float		limit;			/* of sums in single precision */
} Nearest;

static inline bool
farther(EgFound a, EgFound b)
{
	return a.square > b.square || (a.square == b.square && a.row > b.row);
}

static void
sink(EgFound *heap, int n, EgFound v)
{
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && farther(heap[child + 1], heap[child]))
			child++;
		if (!farther(heap[child], v))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = v;
}

static void
rise(EgFound *heap, int i, EgFound v)
{
	while (i > 0 && farther(v, heap[(i - 1) / 2]))
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = v;
}

static void
nearest_in_block(Nearest *s, Size block)
{
	const EgNear *near = s->near;
	int			rows = (int) Min((Size) BLOCK, near->nrows - block * BLOCK);
	float		sum[BLOCK];
	int			i;

	if (!eg_near_block_distances(near->data + block * near->width * BLOCK, s->q, near->width,
								 false, s->limit, sum))
		return;
	for (i = 0; i < rows; i++)
	{
		EgFound		v;

		if (sum[i] > s->limit)
			continue;
		v.row = (uint32) (block * BLOCK + i);
		v.square = measure(near, v.row, s->q);
		if (s->n < s->k)
			rise(s->heap, s->n++, v);
		else if (farther(s->heap[0], v))
			sink(s->heap, s->n, v);
		else
			continue;
		if (s->n == s->k)
			s->limit = single_limit(near, s->heap[0].square);
	}
}

static void
nearest_in_group(Nearest *s, int level, Size group)
{
	const EgNear *near = s->near;
	int			n = (int) Min((Size) BLOCK, near->nmembers[level] - group * BLOCK);
	float		bound[BLOCK];
	Member		members[BLOCK];
	int			count = 0;
	int			i;

	if (!eg_near_box_distances(near->box[level] + group * 2 * near->width * BLOCK, s->q,
							   near->width, false, s->limit, bound))
		return;
	for (i = 0; i < n; i++)
	{
		if (bound[i] <= s->limit)
			insert(members, count++, bound[i], i);
	}
	for (i = 0; i < count && members[i].bound <= s->limit; i++)
	{
		if (level == 0)
			nearest_in_block(s, group * BLOCK + members[i].i);
		else
			nearest_in_group(s, level - 1, group * BLOCK + members[i].i);
	}
}

int
eg_reach_nearest(const EgNear *near, const float *q, EgFound *heap, int k)
{
	Nearest		s = {0};
	Size		b;

	s.near = near;
	s.q = q;
	s.heap = heap;
	s.k = k;
	s.limit = INFINITY;
	if (near->nlevels > 0)
		nearest_in_group(&s, near->nlevels - 1, 0);
	for (b = 0; near->nlevels == 0 && b < near->nblocks; b++)
		nearest_in_block(&s, b);
	return s.n;
}

/* ---------------- the least cost ---------------- */

typedef struct Least
{
	const EgReach *reach;
	const float *q;
	double		core;			/* of q */
	uint32		component;		/* of q */
	bool		ties;			/* of equal costs the nearest row, then the first */
	double		cost;			/* found so far, or allowed */
	double		square;			/* distance to the row found */
	uint32		row;
	float		limit;			/* of sums in single precision */
	bool		done;			/* it cannot cost less */
} Least;

static inline bool
better(const Least *s, double cost, double square, Size row)
{
	if (cost != s->cost || !s->ties)
		return cost < s->cost;
	return square < s->square || (square == s->square && row < s->row);
}

static void
least_in_block(Least *s, Size block)
{
	const EgReach *r = s->reach;
	const EgNear *near = r->near;
	Size		first = block * BLOCK;
	int			rows = (int) Min((Size) BLOCK, near->nrows - first);
	float		sum[BLOCK];
	int			i;

	if (!eg_near_block_distances(near->data + block * near->width * BLOCK, s->q, near->width,
								 false, s->limit, sum))
		return;
	for (i = 0; i < rows && !s->done; i++)
	{
		double		core = r->core[first + i];
		double		square;
		double		cost;

		if (sum[i] > s->limit || core > s->cost ||
			(r->component != NULL && r->component[first + i] == s->component))
			continue;
		square = measure(near, first + i, s->q);
		cost = Max(Max(square, core), s->core);
		if (!better(s, cost, square, first + i))
			continue;
		s->cost = cost;
		s->square = square;
		s->row = (uint32) (first + i);
		s->limit = single_limit(near, cost);
		s->done = !s->ties && cost <= s->core;
	}
}

static void
least_in_group(Least *s, int level, Size group)
{
	const EgReach *r = s->reach;
	const EgNear *near = r->near;
	Size		first = group * BLOCK;
	int			n = (int) Min((Size) BLOCK, near->nmembers[level] - first);
	float		bound[BLOCK];
	Member		members[BLOCK];
	int			count = 0;
	int			i;

	if (!eg_near_box_distances(near->box[level] + group * 2 * near->width * BLOCK, s->q,
							   near->width, false, s->limit, bound))
		return;
	for (i = 0; i < n; i++)
	{
		if (bound[i] <= s->limit && r->least[level][first + i] <= s->cost &&
			(r->component == NULL || r->common[level][first + i] != s->component))
			insert(members, count++, bound[i], i);
	}
	for (i = 0; i < count && members[i].bound <= s->limit && !s->done; i++)
	{
		if (r->least[level][first + members[i].i] > s->cost)
			continue;
		if (level == 0)
			least_in_block(s, first + members[i].i);
		else
			least_in_group(s, level - 1, first + members[i].i);
	}
}

static void
find_least(Least *s)
{
	const EgNear *near = s->reach->near;
	Size		b;

	s->row = EG_NO_ROW;
	s->square = INFINITY;
	s->limit = single_limit(near, s->cost);
	if (near->nlevels > 0)
		least_in_group(s, near->nlevels - 1, 0);
	for (b = 0; near->nlevels == 0 && b < near->nblocks && !s->done; b++)
		least_in_block(s, b);
}

uint32
eg_reach_least(const EgReach *r, const float *q, double core, uint32 component, double *limit)
{
	Least		s = {0};

	s.reach = r;
	s.q = q;
	s.core = core;
	s.component = component;
	s.cost = *limit;
	find_least(&s);
	*limit = s.cost;
	return s.row;
}

EgFound
eg_reach_best(const EgReach *r, const float *q, double core)
{
	Least		s = {0};
	EgFound		found;

	s.reach = r;
	s.q = q;
	s.core = core;
	s.component = EG_NO_ROW;
	s.ties = true;
	s.cost = INFINITY;
	find_least(&s);
	found.square = s.cost;
	found.row = s.row;
	return found;
}
