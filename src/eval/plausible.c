/*-------------------------------------------------------------------------
 *
 * plausible.c
 *	  Could such a row exist?  Judged by a sample of observed rows.
 *
 * Two tests.  A row should be no farther from the nearest observed row than
 * observed rows are from each other (Gower's distance: Gower, "A General
 * Coefficient of Similarity", 1971, with numbers in units of their spread).
 * And no two of its values should exclude each other: every column is cut into
 * levels, a category or a quarter of the numbers each.  If two levels were
 * independent they would meet in expected = n1 n2 / n of the n rows, and not at
 * all with a probability of exp(-expected).  Where at least 5 meetings are
 * expected and none is seen, as with "no internet" and "streams films", the
 * pair is impossible as far as the sample can tell, wrongly so for less than
 * one pair in a hundred.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "base/sort.h"
#include "eval/plausible.h"

#define LEVELS				8	/* most of a number: one for each value where they are few */
#define QUARTERS			4	/* else */
#define MISSING_LEVEL		0
#define EXPECTED_MEETINGS	5.0
#define FAR					4.0 /* units: a number farther away than this is merely far */
#define PROBES				128 /* rows that the limit is estimated from */

struct EgPlausible
{
	const float *rows;
	int			nrows;
	int			ncols;
	const int  *ncategories;
	double	   *weight;			/* (ncols) 1 / (FAR units); 0 = category */
	float	   *cut;			/* (ncols, LEVELS - 1) upper ends of the levels of a number */
	uint16	   *level;			/* (ncols, nrows) */
	int		   *first;			/* (ncols) where the column's counts begin */
	int		   *count;			/* rows of each level */
	double		limit;
	int			last;			/* the row that was near last time is likely to be near again */
};

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return (x > y) - (x < y);
}

static inline int
level_of(const EgPlausible *p, int j, float v)
{
	const float *cut = p->cut + (Size) j * (LEVELS - 1);
	int			l = 0;

	if (isnan(v))
		return MISSING_LEVEL;
	if (p->ncategories[j] > 0)
		return 1 + (int) Min(v, PG_UINT16_MAX - 2);
	while (l < LEVELS - 1 && v > cut[l])
		l++;
	return 1 + l;
}

static inline int
levels_of(const EgPlausible *p, int j)
{
	return 1 + (p->ncategories[j] > 0 ? Min(p->ncategories[j], PG_UINT16_MAX - 1) : LEVELS);
}

/*
 * Where the levels of a number end.  The last level has the values above all cuts;
 * so a value that many rows share, the largest too, is in a level without the
 * values below it.
 */
static void
cut_column(EgPlausible *p, int j, float *values)
{
	float	   *cut = p->cut + (Size) j * (LEVELS - 1);
	int			n = 0;
	int			different = 0;
	int			below;			/* values below the largest */
	int			i;

	for (i = 0; i < p->nrows; i++)
	{
		float		v = p->rows[i * (Size) p->ncols + j];

		if (!isnan(v))
			values[n++] = v;
	}
	qsort(values, n, sizeof(float), compare_floats);
	for (i = 0; i < LEVELS - 1; i++)
		cut[i] = INFINITY;
	for (i = 1; i < n; i++)
	{
		if (values[i] == values[i - 1])
			continue;
		if (different < LEVELS - 1)
			cut[different] = values[i - 1];
		different++;
	}
	if (different < LEVELS)
		return;
	for (below = n; below > 0 && values[below - 1] == values[n - 1]; below--)
		;
	for (i = 0; i < LEVELS - 1; i++)
		cut[i] = i < QUARTERS - 1 ? values[Min((n - 1) * (i + 1) / QUARTERS, below - 1)] : INFINITY;
}

/* Sum of the distances in all columns, as far as it is below the limit. */
static inline double
distance_to(const EgPlausible *p, const float *x, int row, double limit)
{
	const float *other = p->rows + row * (Size) p->ncols;
	double		d = 0;
	int			j;

	for (j = 0; j < p->ncols && d <= limit; j++)
	{
		float		a = x[j];
		float		b = other[j];

		if (a == b)
			continue;
		if (isnan(a) || isnan(b))
			d += isnan(a) != isnan(b);
		else if (p->weight[j] == 0)
			d += 1;
		else
			d += Min(fabs((double) a - b) * p->weight[j], 1.0);
	}
	return d;
}

/* Distance to the nearest row but one. */
static double
nearest(const EgPlausible *p, const float *x, int except)
{
	double		best = p->ncols;
	int			i;

	for (i = 0; i < p->nrows; i++)
	{
		if (i != except)
			best = Min(best, distance_to(p, x, i, best));
	}
	return best / Max(p->ncols, 1);
}

static double
find_limit(const EgPlausible *p)
{
	double		distance[PROBES];
	int			n = Min(p->nrows, PROBES);
	int			i;

	if (n < 2)
		return INFINITY;
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		distance[i] = nearest(p, p->rows + i * (Size) p->ncols, i);
	}
	qsort(distance, n, sizeof(double), eg_by_double);
	return distance[(int) ceil(0.95 * n) - 1];
}

EgPlausible *
eg_plausible_create(const float *rows, int nrows, int ncols, const int *ncategories,
					const double *unit)
{
	EgPlausible *p = palloc0(sizeof(EgPlausible));
	float	   *values = palloc(sizeof(float) * Max(nrows, 1));
	int			total = 0;
	int			i,
				j;

	p->rows = rows;
	p->nrows = nrows;
	p->ncols = ncols;
	p->ncategories = ncategories;
	p->weight = palloc(sizeof(double) * Max(ncols, 1));
	p->cut = palloc(sizeof(float) * Max(ncols, 1) * (LEVELS - 1));
	p->level = palloc_extended(sizeof(uint16) * Max(ncols * (Size) nrows, 1), MCXT_ALLOC_HUGE);
	p->first = palloc(sizeof(int) * Max(ncols, 1));
	for (j = 0; j < ncols; j++)
	{
		p->weight[j] = ncategories[j] > 0 ? 0 : 1 / (FAR * unit[j]);
		p->first[j] = total;
		total += levels_of(p, j);
		if (ncategories[j] == 0)
			cut_column(p, j, values);
	}
	p->count = palloc0(sizeof(int) * Max(total, 1));
	for (j = 0; j < ncols; j++)
	{
		for (i = 0; i < nrows; i++)
		{
			int			l = level_of(p, j, rows[i * (Size) ncols + j]);

			p->level[j * (Size) nrows + i] = (uint16) l;
			p->count[p->first[j] + l]++;
		}
	}
	pfree(values);
	p->limit = find_limit(p);
	return p;
}

double
eg_plausible_distance(const EgPlausible *p, const float *x)
{
	return p->nrows > 0 ? nearest(p, x, -1) : 0;
}

bool
eg_plausible_near(EgPlausible *p, const float *x, double distance)
{
	double		limit = distance * p->ncols;
	int			i;

	if (p->nrows == 0 || distance_to(p, x, p->last, limit) <= limit)
		return true;
	for (i = 0; i < p->nrows; i++)
	{
		if (distance_to(p, x, i, limit) <= limit)
		{
			p->last = i;
			return true;
		}
	}
	return false;
}

double
eg_plausible_limit(const EgPlausible *p)
{
	return p->limit;
}

int
eg_plausible_conflict(const EgPlausible *p, const float *x, int j)
{
	const uint16 *level = p->level + j * (Size) p->nrows;
	int			mine = level_of(p, j, x[j]);
	int			count = p->count[p->first[j] + mine];
	int			i,
				k;

	if (count < EXPECTED_MEETINGS)
		return -1;
	for (k = 0; k < p->ncols; k++)
	{
		const uint16 *other = p->level + k * (Size) p->nrows;
		int			theirs;

		if (k == j)
			continue;
		theirs = level_of(p, k, x[k]);
		if ((double) count * p->count[p->first[k] + theirs] < EXPECTED_MEETINGS * p->nrows)
			continue;
		for (i = 0; i < p->nrows; i++)
		{
			if (level[i] == mine && other[i] == theirs)
				break;
		}
		if (i == p->nrows)
			return k;
	}
	return -1;
}

float
eg_plausible_companion(const EgPlausible *p, const float *x, int j, int k)
{
	const uint16 *level = p->level + j * (Size) p->nrows;
	int			mine = level_of(p, j, x[j]);
	float	   *values = palloc(sizeof(float) * Max(p->nrows, 1));
	float		best = NAN;
	int			most = 0;
	int			n = 0;
	int			i,
				run;

	for (i = 0; i < p->nrows; i++)
	{
		float		v = p->rows[i * (Size) p->ncols + k];

		if (level[i] == mine && !isnan(v))
			values[n++] = v;
	}
	qsort(values, n, sizeof(float), compare_floats);
	if (n > 0 && p->ncategories[k] == 0)
		best = values[(n - 1) / 2];
	for (i = 0; i < n && p->ncategories[k] > 0; i += run)
	{
		for (run = 1; i + run < n && values[i + run] == values[i]; run++)
			;
		if (run > most)
		{
			most = run;
			best = values[i];
		}
	}
	pfree(values);
	return best;
}
