/*-------------------------------------------------------------------------
 *
 * change_space.c
 *	  What the columns of a row may become, by the training rows.
 *
 * Numbers stay in their range and, where all were whole, whole; categories are
 * those of the dictionary; dates move by days.  A change costs 1 for each half
 * of the distance between the quartiles, which is the median absolute
 * deviation of a symmetric distribution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "api/change_space.h"

#define VALUES				48	/* to try for a number; the search looks between them */
#define ALL_VALUES			64	/* so many whole numbers are all tried */
#define CATEGORIES			64	/* to try for a category column, the most frequent first */
#define GRID				16	/* values where only the range is known */

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return (x > y) - (x < y);
}

/* Sorted, each once, at most VALUES evenly spaced by rank. */
static int
thin(float *v, int n)
{
	int			kept = 0;
	int			i;

	qsort(v, n, sizeof(float), compare_floats);
	for (i = 0; i < n; i++)
	{
		if (kept == 0 || v[i] != v[kept - 1])
			v[kept++] = v[i];
	}
	if (kept <= VALUES)
		return kept;
	for (i = 0; i < VALUES; i++)
		v[i] = v[(int) ((double) i * (kept - 1) / (VALUES - 1))];
	return VALUES;
}

/* A change of a number that is large, but not strange. */
static double
find_unit(const EgFeatureBaseline *b)
{
	static const int ends[][2] = {{5, 15}, {2, 18}, {1, 19}, {0, 20}};
	int			i;

	for (i = 0; i < lengthof(ends); i++)
	{
		double		unit = (b->quantile[ends[i][1]] - b->quantile[ends[i][0]]) / 2;

		if (unit > 0)
			return unit;
	}
	return 1;
}

static bool
is_whole_type(const EgColumn *c)
{
	return strcmp(c->type, "integer") == 0 || strcmp(c->type, "bigint") == 0 ||
		   strcmp(c->type, "smallint") == 0 || strcmp(c->type, "boolean") == 0;
}

static void
number_space(const EgArtifact *a, int j, EgChangeFeature *f)
{
	const EgColumn *c = eg_feature_column(a->schema, j, NULL);
	const EgBaseline *base = a->baseline;
	const EgFeatureBaseline *b = base ? &base->features[j] : NULL;
	const EgFeatureStats *stats = a->schema->stats ? &a->schema->stats[j] : NULL;
	bool		whole = is_whole_type(c);
	float	   *v;
	int			n = 0;
	int			i;

	f->min = f->max = f->typical = NAN;
	if (b && b->nbins > 0)
	{
		f->min = b->quantile[0];
		f->max = b->quantile[EG_BASELINE_BINS];
		f->unit = find_unit(b);
		f->typical = (float) b->typical;
		whole = whole || b->integral;
	}
	else if (stats && stats->min <= stats->max)
	{
		f->min = stats->min;
		f->max = stats->max;
		f->unit = stats->max > stats->min ? (stats->max - stats->min) / 4 : 1;
		f->typical = (float) stats->mean;
	}
	if (strcmp(c->type, "boolean") == 0 || (whole && f->min >= 0 && f->max <= 1))
	{
		f->min = 0;
		f->max = 1;
		f->unit = 1;
	}
	f->allowed = f->min < f->max;
	if (c->kind == EG_COL_DATE)
	{
		/* from a date on, by days; the first of them is a day's beginning */
		f->step = 1;
		f->base = rint(c->origin) - c->origin;
	}
	else if (whole && c->kind != EG_COL_INTERVAL)
		f->step = 1;

	v = palloc(sizeof(float) * (Max(base ? base->nrows : 0, ALL_VALUES) + 3 * EG_BASELINE_BINS));
	f->candidates = v;
	if (!f->allowed)
		return;
	if (f->step == 1 && f->max - f->min < ALL_VALUES)
	{
		for (i = 0; f->min + i <= f->max; i++)
			v[n++] = (float) (f->min + i);
		f->ncandidates = n;
		return;
	}
	for (i = 0; b && b->nbins > 0 && i <= EG_BASELINE_BINS; i++)
		v[n++] = (float) b->quantile[i];
	for (i = 0; b && b->nbins > 0 && i < base->nrows; i++)
	{
		float		seen = base->rows[i * (Size) base->nfeatures + j];

		if (!isnan(seen))
			v[n++] = seen;
	}
	for (i = 0; n == 0 && i <= GRID; i++)
		v[i] = (float) (f->min + (f->max - f->min) * i / GRID);
	f->ncandidates = thin(v, n > 0 ? n : GRID + 1);
}

static void
category_space(const EgArtifact *a, int j, EgChangeFeature *f)
{
	int			total = a->schema->ncategories[j];
	const double *count = a->baseline ? a->baseline->features[j].category_count : NULL;
	float	   *v = palloc(sizeof(float) * (CATEGORIES + 1));
	int			n = 0;
	int			i,
				k;

	f->category = true;
	f->allowed = total > 1;
	f->typical = NAN;
	for (i = 0; i < total; i++)
	{
		for (k = n; k > 0 && count && count[(int) v[k - 1]] < count[i]; k--)
			v[k] = v[k - 1];
		if (k == CATEGORIES)
			continue;
		v[k] = (float) i;
		n = Min(n + 1, CATEGORIES);
	}
	f->candidates = v;
	f->ncandidates = n;
}

EgChangeSpace *
eg_change_space(const EgScorer *s)
{
	EgChangeSpace *space = palloc0(sizeof(EgChangeSpace));
	const EgArtifact *a = s->used;
	const EgSchema *schema = a->schema;
	double	   *unit = palloc(sizeof(double) * Max(schema->nfeatures, 1));
	int			j;

	space->part = a;
	space->features = palloc0(sizeof(EgChangeFeature) * Max(schema->nfeatures, 1));
	for (j = 0; j < schema->nfeatures; j++)
	{
		EgChangeFeature *f = &space->features[j];
		const EgColumn *c = eg_feature_column(schema, j, NULL);

		f->unit = f->cost = 1;
		if (schema->ncategories[j] > 0)
			category_space(a, j, f);
		else if (c->kind != EG_COL_CATEGORY)
			number_space(a, j, f);

		/* the part that scores must stay the same */
		if (s->route && strcmp(c->name, s->route->name) == 0)
			f->allowed = false;
		unit[j] = f->unit;
	}
	if (a->baseline && a->baseline->nrows > 0)
		space->plausible = eg_plausible_create(a->baseline->rows, a->baseline->nrows,
											   schema->nfeatures, schema->ncategories, unit);
	return space;
}
