/*-------------------------------------------------------------------------
 *
 * source_order.c
 *	  The rows of a source in an order that is theirs alone.
 *
 * A table has no order, and a parallel scan returns its rows in another one
 * each time.  So rows are sorted by rank, by hash, and, where two rows share
 * a key, by their content; rows equal in all three are equal.  The arrays are
 * permuted in place by walking the permutation's cycles: a second matrix
 * would double the memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "base/sort.h"
#include "store/source_private.h"
#include "utils/memutils.h"

typedef struct RowOrder
{
	uint64		rank;
	uint64		hash;
	uint64		content;
	Size		row;			/* where it is before */
} RowOrder;

static inline int
compare_rows(const RowOrder *a, const RowOrder *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->content > b->content) - (a->content < b->content);
}

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE RowOrder
#define ST_COMPARE(a, b) compare_rows(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static void
copy_row(const EgSourceReader *r, Size to, Size from)
{
	int			i;

	for (i = 0; i < r->narrays; i++)
	{
		char	   *base = *r->arrays[i].base;
		Size		stride = r->arrays[i].stride;

		memcpy(base + to * stride, base + from * stride, stride);
	}
}

/* Row i becomes what row order[i].row was, in every array. */
static void
permute(EgSourceReader *r, RowOrder *order)
{
	Size		nrows = r->data.x.nrows;
	char	   *spare = palloc(r->row_bytes);
	Size		i;
	int			k;

	for (i = 0; i < nrows; i++)
	{
		Size		to = i;
		char	   *p = spare;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (order[i].row == i)
			continue;
		for (k = 0; k < r->narrays; k++)
		{
			memcpy(p, (char *) *r->arrays[k].base + i * r->arrays[k].stride, r->arrays[k].stride);
			p += r->arrays[k].stride;
		}
		while (order[to].row != i)
		{
			Size		from = order[to].row;

			copy_row(r, to, from);
			order[to].row = to; /* done */
			to = from;
		}
		order[to].row = to;
		p = spare;
		for (k = 0; k < r->narrays; k++)
		{
			memcpy((char *) *r->arrays[k].base + to * r->arrays[k].stride, p, r->arrays[k].stride);
			p += r->arrays[k].stride;
		}
	}
	pfree(spare);
}

static void
sort_source(EgSourceReader *r, const uint64 *rank)
{
	EgSourceData *d = &r->data;
	Size		nrows = d->x.nrows;
	RowOrder   *order;
	Size		i;

	eg_check_memory(add_size(mul_size(nrows, r->row_bytes + sizeof(RowOrder)), r->dict_bytes),
					r->run->memory_limit, "ordering the rows");
	order = palloc_extended(nrows * sizeof(RowOrder), MCXT_ALLOC_HUGE);
	for (i = 0; i < nrows; i++)
	{
		order[i].rank = rank[i];
		order[i].hash = d->hash[i];
		order[i].content = r->content ? r->content[i] : 0;
		order[i].row = i;
	}
	sort_rows(order, nrows);
	permute(r, order);
	pfree(order);
}

/* The next column of that name and kind in a schema that is to be kept to, NULL: no more. */
static const EgColumn *
next_known(const EgSourceReader *r, const EgColumn *c, int *at)
{
	const List *known = r->spec->known;

	while (*at < list_length(known))
	{
		const EgSchema *s = list_nth(known, (*at)++);
		int			i;

		for (i = 0; i < s->ncolumns; i++)
		{
			if (s->columns[i].kind == c->kind && strcmp(s->columns[i].name, c->name) == 0)
				return &s->columns[i];
		}
	}
	return NULL;
}

/* how many times as far behind the upper quartile as that is above the lower */
#define FAR_DATE		20

/*
 * The last of the dates that are no sentinels ("never" is often 9999-12-31): a float of days
 * tells seconds apart only near the origin.  The quartiles are of different values, since many
 * rows may have the sentinel.  Sorts n > 0 dates.
 */
static double
last_regular(double *days, Size n)
{
	Size		kept = 1;
	double		low,
				high;
	Size		i;

	qsort(days, n, sizeof(double), eg_by_double);
	for (i = 1; i < n; i++)
	{
		if (days[i] != days[kept - 1])
			days[kept++] = days[i];
	}
	low = days[(kept - 1) / 4];
	high = days[(kept - 1) * 3 / 4];
	while (high > low && days[kept - 1] - high > FAR_DATE * (high - low))
		kept--;
	return days[kept - 1];
}

/* The origin of the k-th date column from the training rows; 0: none has a date. */
static double
date_origin(const EgSourceReader *r, int k, Size ntrain)
{
	double	   *days = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max(ntrain, 1) * sizeof(double));
	double		origin;
	Size		n = 0;
	Size		i;

	for (i = 0; i < ntrain; i++)
	{
		double		day = r->dates[i * r->ndates + k];

		if (isfinite(day))
			days[n++] = day;
	}
	origin = n > 0 ? last_regular(days, n) : 0;
	pfree(days);
	return origin;
}

/* Days since the last date of the training rows, which are known only now. */
static void
settle_dates(EgSourceReader *r, Size ntrain)
{
	EgSourceData *d = &r->data;
	Size		i;
	int			k;

	for (k = 0; k < r->ndates; k++)
	{
		EgColumn   *c = &d->schema->columns[r->date_column[k]];
		int			at = 0;
		const EgColumn *known = next_known(r, c, &at);

		c->origin = known ? known->origin : date_origin(r, k, ntrain);
		for (i = 0; i < d->x.nrows; i++)
			eg_row(&d->x, i)[c->first] = eg_to_float(r->dates[i * r->ndates + k] - c->origin);
	}
	if (r->dates)
		pfree(r->dates);
	r->dates = NULL;
	r->ndates = 0;
}

/* Categories by bytes; those that no training row has are not known to the model. */
static void
settle_categories(EgSourceReader *r, EgColumn *c, Size ntrain)
{
	EgSourceData *d = &r->data;
	const EgColumn *known;
	int			at = 0;
	bool	   *keep;
	int32	   *map;
	Size		i;
	int			k;

	while ((known = next_known(r, c, &at)) != NULL)
	{
		for (k = 0; k < known->ncategories; k++)
			(void) eg_dict_add(c, known->categories[k], strlen(known->categories[k]));
	}
	keep = palloc0(Max(c->ncategories, 1));
	at = 0;
	while (c->ncategories > 0 && (known = next_known(r, c, &at)) != NULL)
	{
		for (k = 0; k < known->ncategories; k++)
			keep[eg_column_code(c, known->categories[k], strlen(known->categories[k]))] = true;
	}
	for (i = 0; i < ntrain; i++)
	{
		float		code = eg_row(&d->x, i)[c->first];

		if (!isnan(code))
			keep[(int) code] = true;
	}
	map = eg_dict_sort(c, keep);
	for (i = 0; i < d->x.nrows; i++)
	{
		float	   *code = &eg_row(&d->x, i)[c->first];

		if (!isnan(*code))
			*code = map[(int) *code] < 0 ? NAN : (float) map[(int) *code];
	}
	pfree(map);
	pfree(keep);
	d->schema->ncategories[c->first] = c->ncategories;
}

/* Dictionaries of target and partition: sorted, nothing dropped. */
static void
settle_codes(EgSourceData *d)
{
	int32	   *map;
	Size		i;

	if (d->target_kind == EG_TARGET_LABEL)
	{
		map = eg_dict_sort(&d->target_column, NULL);
		for (i = 0; i < d->x.nrows; i++)
			if (!isnan(d->target[i]))
				d->target[i] = map[(int) d->target[i]];
		pfree(map);
	}
	if (d->partition)
	{
		map = eg_dict_sort(&d->partition_column, NULL);
		for (i = 0; i < d->x.nrows; i++)
			if (d->partition[i] >= 0)
				d->partition[i] = map[d->partition[i]];
		pfree(map);
	}
}

/* Row by row, since that is how the matrix lies in memory. */
static void
fill_stats(EgSourceData *d, Size ntrain)
{
	EgSchema   *s = d->schema;
	int			n = s->nfeatures;
	EgFeatureStats *stats = palloc0(sizeof(EgFeatureStats) * Max(n, 1));
	Size	   *present = palloc0(sizeof(Size) * Max(n, 1));
	Size		i;
	int			j;

	for (j = 0; j < n; j++)
	{
		stats[j].min = INFINITY;
		stats[j].max = -INFINITY;
	}
	for (i = 0; i < ntrain; i++)
	{
		const float *x = eg_row(&d->x, i);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = 0; j < n; j++)
		{
			if (isnan(x[j]))
				continue;
			present[j]++;
			stats[j].mean += x[j];
			stats[j].min = Min(stats[j].min, x[j]);
			stats[j].max = Max(stats[j].max, x[j]);
		}
	}
	for (j = 0; j < n; j++)
	{
		/* a feature without any value has no range */
		stats[j].mean = present[j] > 0 ? stats[j].mean / present[j] : NAN;
		if (present[j] == 0)
			stats[j].min = stats[j].max = NAN;
		stats[j].missing = ntrain > 0 ? 1.0 - (double) present[j] / ntrain : 0;
	}
	pfree(present);
	s->stats = stats;
}

void
eg_source_canonical(EgSourceData *d, const uint64 *rank, Size ntrain)
{
	EgSourceReader *r = (EgSourceReader *) d;
	int			j;

	Assert(ntrain <= d->x.nrows);
	sort_source(r, rank);
	settle_codes(d);
	if (!r->own_schema)
		return;					/* the schema is another model's: its codes and origins stand */

	/* the permutation is done: the arrays of dates and contents may go */
	settle_dates(r, ntrain);
	for (j = 0; j < d->schema->ncolumns; j++)
		if (d->schema->columns[j].kind == EG_COL_CATEGORY)
			settle_categories(r, &d->schema->columns[j], ntrain);
	if (r->content)
		pfree(r->content);
	r->content = NULL;
	fill_stats(d, ntrain);
}

void
eg_source_number_groups(EgSourceReader *r)
{
	double	   *group = r->data.group;
	Size		nrows = r->data.x.nrows;
	Size		n = 0;
	uint64	   *hashes;
	Size		i;

	eg_check_memory(add_size(mul_size(r->capacity, r->row_bytes), mul_size(nrows, sizeof(uint64))),
					r->run->memory_limit, "numbering the groups");
	hashes = palloc_extended(nrows * sizeof(uint64), MCXT_ALLOC_HUGE);
	memcpy(hashes, group, nrows * sizeof(uint64));
	qsort(hashes, nrows, sizeof(uint64), eg_by_u64);
	for (i = 0; i < nrows; i++)
		if (i == 0 || hashes[i] != hashes[n - 1])
			hashes[n++] = hashes[i];
	for (i = 0; i < nrows; i++)
	{
		uint64	   *found = bsearch(&group[i], hashes, n, sizeof(uint64), eg_by_u64);

		group[i] = (double) (found - hashes);
	}
	pfree(hashes);
}
