/*-------------------------------------------------------------------------
 *
 * fit_sums.c
 *	  The state of engage_fit() where sums stand for rows.
 *
 *	  u8 number of distinct targets, at most 3, and each (f64, ascending)
 *	  for each column: u32 first column of the moments or 0xffffffff, u32 width,
 *	  f64 last date, u32 number of words, each a string in order of arrival
 *	  the moments (algo/moments.c)
 *	  u32 number of rows of the sample; each u32 length and bytes
 *
 * Rows become sums a megabyte or more at a time, so that reading and writing
 * the sums costs little.  The sample is made of the rows that come first in the order
 * that a state's rows are learned in, which is a random one: it is the same
 * whatever the order of arrival.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/blas.h"
#include "store/fit_private.h"
#include "store/schema_private.h"

#define NO_COLUMN			PG_UINT32_MAX
#define SAMPLE_ROWS			4096
#define SAMPLE_BYTES		(2 * 1024 * 1024)
#define BLOCK_ROWS			1024

/* ----------
 * Reading and writing
 * ----------
 */

static void
read_column(EgColumn *c, int *at, const EgMoments *m, bool *taken, EgReader *r)
{
	uint32		first = eg_get_u32(r);
	uint32		width = eg_get_u32(r);
	uint32		nwords;
	uint32		i;

	c->origin = eg_get_f64(r);
	nwords = eg_get_count(r, PG_INT32_MAX, 4);
	if (width > EG_MAX_FEATURES || (c->kind != EG_COL_ARRAY && width != 1) ||
		(c->kind != EG_COL_CATEGORY && nwords > 0))
		eg_corrupted(r, "column \"%s\" has %u numbers and %u words", c->name, width, nwords);
	c->width = (int) width;
	for (i = 0; i < nwords; i++)
	{
		char	   *word = eg_get_string(r);

		if (word == NULL || eg_fit_code(c, word, (uint32) strlen(word)) != (int) i)
			eg_corrupted(r, "a word of column \"%s\" is there twice", c->name);
	}
	*at = -1;
	if (first == NO_COLUMN)
		return;
	if (width == 0 || first > (uint32) m->ncols || width > (uint32) m->ncols - first)
		eg_corrupted(r, "column \"%s\" has no sums", c->name);
	*at = (int) first;
	for (i = first; i < first + width; i++)
	{
		if (taken[i] || (m->columns[i].value < 0) != (c->kind == EG_COL_CATEGORY) ||
			m->columns[i].ncodes != (int) nwords)
			eg_corrupted(r, "sums of column \"%s\" are those of another", c->name);
		taken[i] = true;
	}
}

EgFitSums *
eg_fit_sums_open(const EgFitState *s)
{
	EgFitSums  *sums = palloc0(sizeof(EgFitSums));
	EgReader	r = s->sums;
	EgReader	columns;
	bool	   *taken;
	int			i;

	sums->schema = eg_fit_schema(s);
	sums->at = palloc(Max(s->ncolumns, 1) * sizeof(int));
	if (r.len == 0)
	{
		sums->moments = eg_moments_create();
		sums->sample = palloc(1);
		for (i = 0; i < s->ncolumns; i++)
			sums->at[i] = -1;
		return sums;
	}
	sums->ntargets = eg_get_u8(&r);
	if (sums->ntargets > EG_FIT_TARGETS)
		eg_corrupted(&r, "it has %d targets", sums->ntargets);
	for (i = 0; i < sums->ntargets; i++)
		sums->target[i] = eg_get_f64(&r);

	/* the columns are checked against the moments, which are behind them */
	eg_reader_init(&columns, eg_get_bytes(&r, eg_get_u32(&r)), 0, EG_FIT_STATE);
	columns.len = (Size) (r.data + r.pos - columns.data);
	sums->moments = eg_moments_load(&r);
	taken = palloc0(Max(sums->moments->ncols, 1) * sizeof(bool));
	for (i = 0; i < s->ncolumns; i++)
		read_column(&sums->schema->columns[i], &sums->at[i], sums->moments, taken, &columns);
	for (i = 0; i < sums->moments->ncols; i++)
	{
		if (!taken[i])
			eg_corrupted(&r, "there are sums of no column");
	}
	sums->sample = eg_fit_find_rows(&r, &sums->nsample);
	return sums;
}

static void
write_sums(const EgFitSums *sums, EgWriter *w)
{
	const EgSchema *schema = sums->schema;
	EgWriter	columns;
	Size		k;
	int			i;
	int			j;

	eg_writer_init(w);
	eg_put_u8(w, (uint8) sums->ntargets);
	for (i = 0; i < sums->ntargets; i++)
		eg_put_f64(w, sums->target[i]);
	eg_writer_init(&columns);
	for (i = 0; i < schema->ncolumns; i++)
	{
		const EgColumn *c = &schema->columns[i];

		eg_put_u32(&columns, sums->at[i] < 0 ? NO_COLUMN : (uint32) sums->at[i]);
		eg_put_u32(&columns, (uint32) c->width);
		eg_put_f64(&columns, c->origin);
		eg_put_u32(&columns, (uint32) c->ncategories);
		for (j = 0; j < c->ncategories; j++)
			eg_put_string(&columns, c->categories[j]);
	}
	eg_put_u32(w, (uint32) columns.buf.len);
	eg_put_bytes(w, columns.buf.data, columns.buf.len);
	eg_moments_save(sums->moments, w);
	for (k = 0; k < sums->nsample; k++)
	{
		eg_put_u32(w, sums->sample[k].len);
		eg_put_bytes(w, sums->sample[k].bytes, sums->sample[k].len);
	}
}

/* ----------
 * Adding
 * ----------
 */

/* As many distinct targets as matter. */
static void
add_target(EgFitSums *sums, double target)
{
	int			i = 0;

	while (i < sums->ntargets && sums->target[i] < target)
		i++;
	if (sums->ntargets == EG_FIT_TARGETS || (i < sums->ntargets && sums->target[i] == target))
		return;
	memmove(sums->target + i + 1, sums->target + i, (sums->ntargets - i) * sizeof(double));
	sums->target[i] = target;
	sums->ntargets++;
}

/* Keep the first rows of both. */
static void
add_sample(EgFitSums *sums, const EgFitPacked *rows, Size n)
{
	Size		total = sums->nsample + n;
	Size		bytes = 0;
	EgFitPacked *all = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max(total, 1) * sizeof(EgFitPacked));
	Size		i;

	memcpy(all, sums->sample, sums->nsample * sizeof(EgFitPacked));
	memcpy(all + sums->nsample, rows, n * sizeof(EgFitPacked));
	qsort(all, total, sizeof(EgFitPacked), eg_fit_by_hash);
	for (i = 0; i < Min(total, SAMPLE_ROWS) && bytes < SAMPLE_BYTES; i++)
		bytes += all[i].len;
	sums->sample = all;
	sums->nsample = i;
}

/* Columns of the moments for those whose width is known by now. */
static void
add_columns(EgFitSums *sums)
{
	const EgSchema *schema = sums->schema;
	int			i;
	int			k;

	for (i = 0; i < schema->ncolumns; i++)
	{
		const EgColumn *c = &schema->columns[i];

		if (sums->at[i] >= 0 || c->width == 0)
			continue;
		sums->at[i] = sums->moments->ncols;
		for (k = 0; k < c->width; k++)
			(void) eg_moments_column(sums->moments, c->kind == EG_COL_CATEGORY);
	}
}

/* Words, widths, dates and targets of the rows. */
static EgFitPacked *
measure(const EgFitState *s, EgFitSums *sums, double **target, Size *n)
{
	EgReader	r = s->rows;
	EgFitPacked *rows = eg_fit_find_rows(&r, n);
	EgSourceData d = {0};
	Size		i;

	d.schema = sums->schema;
	d.target = MemoryContextAllocHuge(CurrentMemoryContext, Max(*n, 1) * sizeof(double));
	for (i = 0; i < *n; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		eg_fit_measure(s, &d, &rows[i], i);
		add_target(sums, d.target[i]);
	}
	*target = d.target;
	return rows;
}

static void
add_rows(const EgFitState *s, EgFitSums *sums, const EgFitPacked *rows, const double *target,
		 Size n)
{
	EgMoments  *m = sums->moments;
	double	   *x;
	Size		first;
	Size		i;

	eg_blas_threads(1);
	add_columns(sums);
	x = MemoryContextAllocHuge(CurrentMemoryContext,
							   (Size) BLOCK_ROWS * Max(m->ncols, 1) * sizeof(double));
	for (first = 0; first < n; first += BLOCK_ROWS)
	{
		Size		k = Min(BLOCK_ROWS, n - first);

		for (i = 0; i < k; i++)
			eg_fit_raw(s, sums->schema, &rows[first + i], sums->at, x + i * m->ncols);
		eg_moments_add(m, x, target + first, k);
	}
	add_sample(sums, rows, n);
	pfree(x);
}

void
eg_fit_sums_add(const EgFitState *s, EgFitSums *sums)
{
	double	   *target;
	Size		n;
	EgFitPacked *rows = measure(s, sums, &target, &n);

	add_rows(s, sums, rows, target, n);
}

/* Bytes that the sums of the columns would take, at most. */
static Size
sums_needed(const EgSchema *schema)
{
	Size		n = 2;
	int			i;

	for (i = 0; i < schema->ncolumns; i++)
		n += schema->columns[i].kind == EG_COL_CATEGORY ? schema->columns[i].ncategories + 1 :
			2 * schema->columns[i].width;
	return n * n / 2 * sizeof(double);
}

bytea *
eg_fit_fold(bytea *state)
{
	EgFitState	s = {0};
	EgFitSums  *sums;
	EgFitPacked *rows;
	double	   *target;
	EgWriter	w;
	Size		needed;
	Size		n;

	eg_fit_open(state, &s);
	if (eg_algorithm_find(s.algorithm)->fit_moments == NULL)
		eg_corrupted(&s.rows, "algorithm \"%s\" does not learn from sums", s.algorithm);
	sums = eg_fit_sums_open(&s);
	rows = measure(&s, sums, &target, &n);

	/* many words and few rows: rows are less */
	needed = sums_needed(sums->schema);
	if (needed > s.rows.len - s.rows.pos)
		return eg_fit_fold_at(state, (uint32) Min(needed, PG_UINT32_MAX));
	add_rows(&s, sums, rows, target, n);
	write_sums(sums, &w);
	return eg_fit_with_sums(state, &w);
}

/* Columns, words and dates of other in terms of sums. */
static void
join_columns(EgFitSums *sums, EgFitSums *other, int **column, const int ***code)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < sums->schema->ncolumns; i++)
	{
		EgColumn   *c = &sums->schema->columns[i];
		EgColumn   *from = &other->schema->columns[i];

		if (c->width != 0 && from->width != 0 && c->width != from->width)
			eg_array_width_error(c->name, from->width, c->width);
		c->width = from->width = Max(c->width, from->width);
		c->origin = Max(c->origin, from->origin);
	}
	add_columns(sums);
	add_columns(other);
	*column = palloc(Max(other->moments->ncols, 1) * sizeof(int));
	*code = palloc(Max(other->moments->ncols, 1) * sizeof(int *));
	for (i = 0; i < sums->schema->ncolumns; i++)
	{
		EgColumn   *c = &sums->schema->columns[i];
		const EgColumn *from = &other->schema->columns[i];
		int		   *map = palloc(Max(from->ncategories, 1) * sizeof(int));

		for (j = 0; j < from->ncategories; j++)
			map[j] = eg_fit_code(c, from->categories[j], (uint32) strlen(from->categories[j]));
		for (k = 0; other->at[i] >= 0 && k < from->width; k++)
		{
			(*column)[other->at[i] + k] = sums->at[i] + k;
			(*code)[other->at[i] + k] = map;
		}
	}
}

bytea *
eg_fit_fold_together(const bytea *state, const bytea *other)
{
	EgFitState	s = {0};
	EgFitState	t = {0};
	EgFitSums  *sums;
	EgFitSums  *from;
	EgWriter	w;
	bytea	   *result;
	int		   *column;
	const int **code;
	int			i;

	eg_fit_open(state, &s);
	eg_fit_open(other, &t);
	sums = eg_fit_sums_open(&s);
	from = eg_fit_sums_open(&t);
	join_columns(sums, from, &column, &code);
	eg_moments_combine(sums->moments, from->moments, column, code);
	for (i = 0; i < from->ntargets; i++)
		add_target(sums, from->target[i]);
	add_sample(sums, from->sample, from->nsample);
	write_sums(sums, &w);
	result = eg_fit_with_sums(state, &w);
	result = eg_fit_append_rows(result, &s);
	return eg_fit_append_rows(result, &t);
}

void
eg_fit_sums_finish(EgFitSums *sums)
{
	EgSchema   *schema = sums->schema;
	int			nfeatures = 0;
	int		   *order;
	int			i;
	int			k;

	for (i = 0; i < schema->ncolumns; i++)
	{
		EgColumn   *c = &schema->columns[i];

		if (c->kind == EG_COL_CATEGORY)
		{
			int32	   *map = eg_dict_sort(c, NULL);

			if (sums->at[i] >= 0)
				eg_moments_recode(sums->moments, sums->at[i], map);
			pfree(map);
		}
		else if (c->kind == EG_COL_DATE && isfinite(c->origin) && sums->at[i] >= 0)
			eg_moments_subtract(sums->moments, sums->at[i], c->origin);
		if (c->width == 0)
			c->width = 1;		/* an array that is always missing */
		nfeatures += c->width;
	}
	add_columns(sums);
	order = palloc(Max(nfeatures, 1) * sizeof(int));
	for (nfeatures = i = 0; i < schema->ncolumns; i++)
	{
		for (k = 0; k < schema->columns[i].width; k++)
			order[nfeatures++] = sums->at[i] + k;
	}
	eg_moments_order(sums->moments, order, nfeatures);
}
