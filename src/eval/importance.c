/*-------------------------------------------------------------------------
 *
 * importance.c
 *	  What a metric loses when a feature says nothing.
 *
 * Each shuffle is a random order of the rows, a function of seed, unit and
 * repeat.  A unit whose values are all the same is not scored: no shuffle
 * changes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "base/random.h"
#include "eval/importance.h"

/* rows scored between two looks at interrupts: for learners that take a millisecond a row */
#define BLOCK	128

typedef struct Shuffle
{
	const EgPermutation *p;
	EgRun	   *run;
	Size	   *order;			/* (n) row whose values a row gets */
	float	   *x;				/* (BLOCK, stride) */
	double	   *score;			/* (n, width) */
	int			done;			/* blocks, for the progress */
	int			total;
} Shuffle;

static void
permute(Size *order, Size n, uint64 key)
{
	Size		i;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n; i > 1; i--)
	{
		Size		k = eg_random_below(key, i, i);
		Size		t = order[i - 1];

		order[i - 1] = order[k];
		order[k] = t;
	}
}

/* The metric with the unit's values in the order given, -1 for as they are. */
static double
measure(Shuffle *s, int unit)
{
	const EgPermutation *p = s->p;
	EgMetricInput in = p->truth;
	Size		first,
				i;
	int			j;

	for (first = 0; first < in.n; first += BLOCK)
	{
		Size		n = Min(in.n - first, BLOCK);

		memcpy(s->x, p->x + first * p->stride, sizeof(float) * n * p->stride);
		for (j = 0; unit >= 0 && j < p->ncols; j++)
		{
			if (p->unit[j] != unit)
				continue;
			for (i = 0; i < n; i++)
				s->x[i * p->stride + j] = p->x[s->order[first + i] * p->stride + j];
		}
		p->f(p->arg, s->x, n, s->score + first * in.width);
		eg_step(s->run, ++s->done, s->total, NULL, 0);
	}
	in.score = s->score;
	return eg_metric_value(&in, p->metric);
}

static bool
is_constant(const EgPermutation *p, int unit)
{
	Size		i;
	int			j;

	for (j = 0; j < p->ncols; j++)
	{
		if (p->unit[j] != unit)
			continue;
		for (i = 1; i < p->truth.n; i++)
		{
			float		a = p->x[j],
						b = p->x[i * p->stride + j];

			if (a != b && !(isnan(a) && isnan(b)))
				return false;
		}
	}
	return true;
}

double
eg_permutation_importance(const EgPermutation *p, EgRun *run, double *mean, double *deviation)
{
	Shuffle		s = {0};
	Size		n = p->truth.n;
	double		sign = eg_metric_larger_is_better(p->metric) ? 1 : -1;
	double		base;
	double	   *loss = palloc(sizeof(double) * p->repeats);
	Size		blocks = (n + BLOCK - 1) / BLOCK;
	int			u,
				r;

	s.p = p;
	s.run = run;
	eg_check_memory(n * (sizeof(Size) + sizeof(double) * p->truth.width), run->memory_limit,
					"shuffling the sample");
	s.order = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Size) * Max(n, 1));
	s.x = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * BLOCK * p->stride);
	s.score = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(double) * Max(n, 1) * p->truth.width);
	s.total = (int) Min((double) blocks * (1 + (double) p->nunits * p->repeats), PG_INT32_MAX);
	base = measure(&s, -1);

	for (u = 0; u < p->nunits && !isnan(base); u++)
	{
		mean[u] = deviation[u] = 0;
		if (is_constant(p, u))
		{
			s.done += (int) Min(blocks * p->repeats, (Size) (s.total - s.done));
			continue;
		}
		for (r = 0; r < p->repeats; r++)
		{
			MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "engage shuffle",
														  ALLOCSET_DEFAULT_SIZES);
			MemoryContext old = MemoryContextSwitchTo(scratch);

			permute(s.order, n, eg_random_stream(eg_random_stream(p->seed, u), r));
			loss[r] = sign * (base - measure(&s, u));
			mean[u] += loss[r] / p->repeats;
			MemoryContextSwitchTo(old);
			MemoryContextDelete(scratch);	/* what the metric sorted */
		}
		for (r = 0; r < p->repeats; r++)
			deviation[u] += (loss[r] - mean[u]) * (loss[r] - mean[u]) / p->repeats;
		deviation[u] = sqrt(deviation[u]);
	}
	return base;
}
