/*-------------------------------------------------------------------------
 *
 * neighbors_search.c
 *	  The nearest of many rows.
 *
 * The distance to a box is a lower bound for all rows within.  A search goes to
 * the nearest boxes first and leaves those that are farther than the k-th
 * neighbor.  16 boxes lie side by side as the rows of a block do, so looking
 * at them costs what two blocks cost.  Where little can be left out (dozens of
 * dimensions that have nothing to do with each other), fit() finds out and
 * does without boxes.
 *
 * Bounds and distances are sums of the same terms in the same order, and
 * rounding is monotone, so a bound is never above the distance; SLACK is for
 * compilers that fuse multiplications and additions in one of the loops only.
 * The result is that of looking at every row.
 *
 * Source: J. H. Friedman, J. L. Bentley, R. A. Finkel, "An Algorithm for Finding
 * Best Matches in Logarithmic Expected Time", ACM TOMS 3, 1977.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/neighbors_lanes.h"
#include "miscadmin.h"

#define BLOCK			EG_NEAR_BLOCK
#define SLACK			0.99999f
#define TRIALS			16		/* searches that tell whether boxes help */
#define MOST_SCANNED	0.4		/* share of the blocks that they look at, if so */

typedef struct Search
{
	const EgNear *t;
	const float *q;
	EgNeighbor *heap;
	int			k;
	int			n;
	Size		scanned;		/* blocks */
} Search;

/* Put a neighbor at the top of the heap and let it sink. */
static void
sink(EgNeighbor *heap, int n, EgNeighbor v)
{
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && eg_farther(heap[child + 1], heap[child]))
			child++;
		if (!eg_farther(heap[child], v))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = v;
}

static void
rise(EgNeighbor *heap, int i, EgNeighbor v)
{
	while (i > 0 && eg_farther(v, heap[(i - 1) / 2]))
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = v;
}

static inline float
limit_of(const Search *s)
{
	return s->n == s->k ? s->heap[0].distance : INFINITY;
}

/* ---------------- blocks and groups ---------------- */

static void
scan_block(Search *s, Size b)
{
	const EgNear *t = s->t;
	const float *block = t->data + b * t->width * BLOCK;
	int			rows = (int) Min((Size) BLOCK, t->nrows - b * BLOCK);
	float		limit = limit_of(s);
	float		sum[BLOCK];
	int			i;

	s->scanned++;
	if (!(t->manhattan ? eg_near_block_distances(block, s->q, t->width, true, limit, sum) :
		  eg_near_block_distances(block, s->q, t->width, false, limit, sum)))
		return;
	for (i = 0; i < rows; i++)
	{
		EgNeighbor	v;

		v.distance = sum[i];
		v.row = t->row[b * BLOCK + i];
		if (s->n < s->k)
			rise(s->heap, s->n++, v);
		else if (eg_farther(s->heap[0], v))
			sink(s->heap, s->n, v);
	}
}

/*
 * The members of a group: the nearest first, which makes the limit small, then
 * the others in the order in which they lie in memory, which is what memory
 * is fast at.
 */
static void
scan_group(Search *s, int level, Size group)
{
	const EgNear *t = s->t;
	const float *box = t->box[level] + group * 2 * t->width * BLOCK;
	int			n = (int) Min((Size) BLOCK, t->nmembers[level] - group * BLOCK);
	float		limit = limit_of(s);
	float		bound[BLOCK];
	int			nearest = 0;
	int			i;

	if (!(t->manhattan ? eg_near_box_distances(box, s->q, t->width, true, limit / SLACK, bound) :
		  eg_near_box_distances(box, s->q, t->width, false, limit / SLACK, bound)))
		return;
	for (i = 1; i < n; i++)
	{
		if (bound[i] < bound[nearest])
			nearest = i;
	}
	for (i = -1; i < n; i++)
	{
		int			member = i < 0 ? nearest : i;

		if (i == nearest || bound[member] * SLACK > limit_of(s))
			continue;
		if (level == 0)
			scan_block(s, group * BLOCK + member);
		else
			scan_group(s, level - 1, group * BLOCK + member);
	}
}

int
eg_near_search(const EgNear *t, const float *q, EgNeighbor *heap, int k)
{
	Search		s = {t, q, heap, k};
	Size		b;

	if (t->nlevels > 0)
		scan_group(&s, t->nlevels - 1, 0);
	for (b = 0; t->nlevels == 0 && b < t->nblocks; b++)
		scan_block(&s, b);
	return s.n;
}

bool
eg_near_boxes_help(const EgNear *t, float *q, EgNeighbor *heap, int k)
{
	Size		step = Max(t->nrows / TRIALS, 1);
	Size		scanned = 0,
				n = 0;
	Size		i;
	int			d;

	for (i = 0; t->nlevels > 0 && i < t->nrows; i += step, n++)
	{
		Search		s = {t, q, heap, k};
		const float *x = eg_near_row(t, i);

		CHECK_FOR_INTERRUPTS();
		for (d = 0; d < t->width; d++)
			q[d] = x[(Size) d * BLOCK];
		scan_group(&s, t->nlevels - 1, 0);
		scanned += s.scanned;
	}
	return scanned <= MOST_SCANNED * n * t->nblocks;
}
