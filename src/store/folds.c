/*-------------------------------------------------------------------------
 *
 * folds.c
 *	  Rows into folds for cross-validation.
 *
 * Nothing here depends on the order of the rows in the table: units (keys or
 * groups) are dealt out in an order that their hashes give.  Large units come
 * first, and each goes to the fold where its classes are the rarest, so that
 * folds are of one size and have the classes in the same shares, whether a
 * unit is one row or a thousand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/random.h"
#include "store/folds.h"
#include "utils/memutils.h"

typedef struct Unit
{
	uint64		order;
	Size		first;			/* row */
	Size		n;				/* rows */
} Unit;

typedef struct TimeRow
{
	double		time;
	Size		row;
} TimeRow;

uint64
eg_folds_mix(uint64 hash, uint64 seed)
{
	return eg_random_mix(hash ^ eg_random_mix(seed + EG_RANDOM_STEP));
}

static int
compare_units(const void *a, const void *b)
{
	const Unit *u = a;
	const Unit *v = b;

	if (u->n != v->n)
		return u->n > v->n ? -1 : 1;
	if (u->order != v->order)
		return u->order < v->order ? -1 : 1;
	return (u->first > v->first) - (u->first < v->first);
}

static int
compare_times(const void *a, const void *b)
{
	double		s = ((const TimeRow *) a)->time;
	double		t = ((const TimeRow *) b)->time;

	return (s > t) - (s < t);
}

static Unit *
make_units(const uint64 *unit, Size n, uint64 seed, Size *count)
{
	Unit	   *units = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Unit) * Max(n, 1));
	Size		m = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		if (i == 0 || unit[i] != unit[i - 1])
		{
			units[m].order = eg_folds_mix(unit[i], seed);
			units[m].first = i;
			units[m++].n = 0;
		}
		units[m - 1].n++;
	}
	qsort(units, m, sizeof(Unit), compare_units);
	*count = m;
	return units;
}

int32 *
eg_folds_shuffled(const uint64 *unit, const int32 *cls, int nclasses, Size n, int folds,
				  uint64 seed)
{
	int32	   *fold = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(n, 1));
	int			strata = cls ? Max(nclasses, 1) : 1;
	double	   *have = palloc0(sizeof(double) * folds * strata);	/* rows by fold and class */
	double	   *total = palloc0(sizeof(double) * strata);
	double	   *rows = palloc0(sizeof(double) * folds);
	double	   *own = palloc0(sizeof(double) * strata);
	Unit	   *units;
	Size		nunits,
				u,
				i;
	int			f,
				c;

	units = make_units(unit, n, seed, &nunits);
	for (i = 0; i < n; i++)
		total[cls ? cls[i] : 0]++;
	for (u = 0; u < nunits; u++)
	{
		double		least = 0;
		int			best = -1;

		for (i = 0; i < units[u].n; i++)
			own[cls ? cls[units[u].first + i] : 0]++;

		/* the fold where the sum of squared class shares grows least; then the smallest */
		for (f = 0; f < folds; f++)
		{
			double		growth = 0;

			if (units[u].n == 1)
			{
				c = cls ? cls[units[u].first] : 0;
				growth = have[f * strata + c] / total[c];
			}
			else
			{
				for (c = 0; c < strata; c++)
				{
					if (own[c] > 0)
						growth += own[c] * have[f * strata + c] / total[c];
				}
			}
			if (best < 0 || growth < least || (growth == least && rows[f] < rows[best]))
			{
				best = f;
				least = growth;
			}
		}
		for (i = 0; i < units[u].n; i++)
		{
			c = cls ? cls[units[u].first + i] : 0;
			fold[units[u].first + i] = best;
			have[best * strata + c]++;
			own[c] = 0;
		}
		rows[best] += units[u].n;
	}
	pfree(units);
	pfree(have);
	pfree(total);
	pfree(rows);
	pfree(own);
	return fold;
}

int32 *
eg_folds_ordered(const double *time, Size n, int folds, const char *column)
{
	int32	   *block = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(n, 1));
	TimeRow    *order = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(TimeRow) * Max(n, 1));
	Size		i;
	Size		times = 0;
	int			b = 0;

	for (i = 0; i < n; i++)
	{
		order[i].time = time[i];
		order[i].row = i;
	}
	qsort(order, n, sizeof(TimeRow), compare_times);
	for (i = 0; i < n; i++)
		times += i == 0 || order[i].time != order[i - 1].time;

	/* a block ends where its share of the rows is full, at the end of a time */
	for (i = 0; i < n; i++)
	{
		if (i > 0 && order[i].time != order[i - 1].time && b < folds &&
			(double) i * (folds + 1) >= (double) n * (b + 1))
			b++;
		block[order[i].row] = b;
	}
	pfree(order);
	if (b < folds)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("time column \"%s\" cannot be cut into %d blocks", column, folds + 1),
				 errdetail("It has %zu different values in %zu rows, and rows of the same time "
						   "stay together.", (size_t) times, (size_t) n),
				 errhint("Use fewer folds.")));
	return block;
}
