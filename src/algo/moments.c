/*-------------------------------------------------------------------------
 *
 * moments.c
 *	  Sums of products of raw columns, in one pass over rows that nobody keeps.
 *
 * A row is a vector u of the one, the target, and for each column that needs
 * them: the number less its offset (0 where it is missing), "is missing", a one
 * for each category.  Collected is the sum of u u'.  Indexes of u come as rows
 * bring what they stand for.
 *
 * Numbers are taken from near their mean, that of the first rows, so that
 * subtracting the mean afterwards costs no digits (T. F. Chan, G. H. Golub,
 * R. J. LeVeque, "Algorithms for Computing the Sample Variance", The American
 * Statistician 37, 1983).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/moments.h"
#include "base/blas.h"
#include "base/run.h"
#include "engage.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK_NUMBERS	32768	/* of rows multiplied at a time */

/* kinds of an index, in the stored form; codes are 0 and more */
#define KIND_VALUE		(-1)
#define KIND_MISSING	(-2)

static double *
zeros(Size n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n, 1) * sizeof(double),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

EgMoments *
eg_moments_create(void)
{
	EgMoments  *m = palloc0(sizeof(EgMoments));

	m->n = 2;
	m->room = 16;
	m->sums = zeros((Size) m->room * m->room);
	return m;
}

/* One more index, its sums zero. */
static int
new_index(EgMoments *m)
{
	if (m->n == m->room)
	{
		int			room = m->room + m->room / 4;
		double	   *sums;
		Size		i;

		eg_check_memory(((Size) room * room + (Size) m->room * m->room) * sizeof(double),
						(Size) eg_max_memory * 1024, "keeping sums of products");
		sums = zeros((Size) room * room);
		for (i = 0; i < m->n; i++)
			memcpy(sums + i * room, m->sums + i * m->room, (i + 1) * sizeof(double));
		pfree(m->sums);
		m->sums = sums;
		m->room = room;
	}
	return m->n++;
}

static inline void
set_sum(EgMoments *m, int i, int j, double v)
{
	if (i >= j)
		m->sums[(Size) i * m->room + j] = v;
	else
		m->sums[(Size) j * m->room + i] = v;
}

int
eg_moments_column(EgMoments *m, bool category)
{
	EgMomentColumn *c;
	int			i;

	if (m->ncols == 0)
		m->columns = palloc(sizeof(EgMomentColumn));
	else
		m->columns = repalloc_huge(m->columns, (m->ncols + 1) * sizeof(EgMomentColumn));
	c = &m->columns[m->ncols];
	memset(c, 0, sizeof(EgMomentColumn));
	c->value = category ? -1 : new_index(m);
	c->missing = -1;
	c->min = INFINITY;
	c->max = -INFINITY;

	/* missing in each row is the one of each row */
	if (m->rows > 0)
	{
		c->missing = new_index(m);
		for (i = 0; i < c->missing; i++)
			set_sum(m, c->missing, i, eg_moments_sum(m, EG_MOMENT_ONE, i));
		set_sum(m, c->missing, c->missing, eg_moments_sum(m, EG_MOMENT_ONE, EG_MOMENT_ONE));
	}
	return m->ncols++;
}

/* There are codes up to the given one. */
static void
need_codes(EgMomentColumn *c, int code)
{
	if (code < c->ncodes)
		return;
	if (code >= c->code_room)
	{
		int			room = Max(code + 1, 2 * c->code_room);

		c->code = c->code_room == 0 ? palloc(room * sizeof(int)) :
			repalloc_huge(c->code, room * sizeof(int));
		c->code_room = room;
	}
	while (c->ncodes <= code)
		c->code[c->ncodes++] = -1;
}

/* Indexes for what a block of rows brings. */
static void
find_new(EgMoments *m, const double *x, Size nrows)
{
	Size		i;
	int			j;

	for (i = 0; i < nrows; i++)
	{
		const double *row = x + i * m->ncols;

		for (j = 0; j < m->ncols; j++)
		{
			EgMomentColumn *c = &m->columns[j];

			if (isnan(row[j]))
			{
				if (c->missing < 0)
					c->missing = new_index(m);
			}
			else if (c->value >= 0)
			{
				c->min = Min(c->min, row[j]);
				c->max = Max(c->max, row[j]);
			}
			else
			{
				need_codes(c, (int) row[j]);
				if (c->code[(int) row[j]] < 0)
					c->code[(int) row[j]] = new_index(m);
			}
		}
	}
}

/* Offsets of columns that have none yet: means of these rows. */
static void
choose_offsets(EgMoments *m, const double *x, const double *y, Size nrows)
{
	Size		i;
	int			j;

	for (i = 0; i < nrows && m->rows == 0; i++)
		m->target_offset += (y[i] - m->target_offset) / (i + 1);
	for (j = 0; j < m->ncols; j++)
	{
		EgMomentColumn *c = &m->columns[j];
		Size		n = 0;

		/* all rows so far may have been without a value */
		if (c->value < 0 || c->min <= c->max)
			continue;
		for (i = 0; i < nrows; i++)
		{
			double		v = x[i * m->ncols + j];

			if (!isnan(v))
				c->offset += (v - c->offset) / ++n;
		}
	}
}

void
eg_moments_add(EgMoments *m, const double *x, const double *y, Size nrows)
{
	int			block;
	double	   *u;
	Size		first;
	int			i;
	int			j;

	choose_offsets(m, x, y, nrows);
	find_new(m, x, nrows);
	block = Max(BLOCK_NUMBERS / m->n, 32);
	u = zeros((Size) block * m->n);
	for (first = 0; first < nrows; first += block)
	{
		int			n = (int) Min((Size) block, nrows - first);

		CHECK_FOR_INTERRUPTS();
		memset(u, 0, (Size) n * m->n * sizeof(double));
		for (i = 0; i < n; i++)
		{
			const double *from = x + (first + i) * m->ncols;
			double	   *to = u + (Size) i * m->n;

			to[EG_MOMENT_ONE] = 1;
			to[EG_MOMENT_TARGET] = y[first + i] - m->target_offset;
			for (j = 0; j < m->ncols; j++)
			{
				const EgMomentColumn *c = &m->columns[j];

				if (isnan(from[j]))
					to[c->missing] = 1;
				else if (c->value >= 0)
					to[c->value] = from[j] - c->offset;
				else
					to[c->code[(int) from[j]]] = 1;
			}
		}
		eg_blas_dsyrk(m->n, n, 1, u, m->n, 1, m->sums, m->room);
	}
	m->rows += nrows;
	pfree(u);
}

/* index += factor * other, of all rows */
static void
add_index(EgMoments *m, int index, int other, double factor)
{
	double		own = eg_moments_sum(m, index, index) +
		factor * (2 * eg_moments_sum(m, index, other) + factor * eg_moments_sum(m, other, other));
	int			i;

	for (i = 0; i < m->n; i++)
	{
		double		sum = eg_moments_sum(m, index, i) + factor * eg_moments_sum(m, other, i);

		if (i != index)
			set_sum(m, index, i, sum);
	}
	set_sum(m, index, index, own);
}

/* Other offsets; the sums follow. */
static void
set_offset(EgMoments *m, EgMomentColumn *c, double offset)
{
	double		d = c->offset - offset;

	if (d != 0)
	{
		add_index(m, c->value, EG_MOMENT_ONE, d);
		if (c->missing >= 0)
			add_index(m, c->value, c->missing, -d);
	}
	c->offset = offset;
}

void
eg_moments_combine(EgMoments *a, EgMoments *b, const int *column, const int *const *code)
{
	int		   *map = palloc(b->n * sizeof(int));
	int			i;
	int			j;

	if (b->rows == 0)
		return;
	map[EG_MOMENT_ONE] = EG_MOMENT_ONE;
	map[EG_MOMENT_TARGET] = EG_MOMENT_TARGET;
	for (j = 0; j < b->ncols; j++)
	{
		EgMomentColumn *from = &b->columns[j];
		EgMomentColumn *to = &a->columns[column[j]];

		if (from->value >= 0)
		{
			map[from->value] = to->value;
			if (to->min > to->max)
				set_offset(a, to, from->offset);
			else
				set_offset(b, from, to->offset);
			to->min = Min(to->min, from->min);
			to->max = Max(to->max, from->max);
		}
		if (from->missing >= 0)
		{
			if (to->missing < 0)
				to->missing = new_index(a);
			map[from->missing] = to->missing;
		}
		for (i = 0; i < from->ncodes; i++)
		{
			int			now = code[j][i];

			if (from->code[i] < 0)
				continue;
			need_codes(to, now);
			if (to->code[now] < 0)
				to->code[now] = new_index(a);
			map[from->code[i]] = to->code[now];
		}
	}
	if (a->rows == 0)
		a->target_offset = b->target_offset;
	if (b->target_offset != a->target_offset)
		add_index(b, EG_MOMENT_TARGET, EG_MOMENT_ONE, b->target_offset - a->target_offset);
	for (i = 0; i < b->n; i++)
	{
		for (j = 0; j <= i; j++)
			set_sum(a, map[i], map[j], eg_moments_sum(a, map[i], map[j]) + eg_moments_sum(b, i, j));
	}
	a->rows += b->rows;
	pfree(map);
}

void
eg_moments_order(EgMoments *m, const int *order, int n)
{
	EgMomentColumn *columns = palloc_extended(Max(n, 1) * sizeof(EgMomentColumn),
											  MCXT_ALLOC_HUGE);
	int			i;

	for (i = 0; i < n; i++)
		columns[i] = m->columns[order[i]];
	m->columns = columns;
	m->ncols = n;
}

void
eg_moments_recode(EgMoments *m, int column, const int *map)
{
	EgMomentColumn *c = &m->columns[column];
	int		   *code = palloc_extended(Max(c->ncodes, 1) * sizeof(int), MCXT_ALLOC_HUGE);
	int			i;

	memcpy(code, c->code, c->ncodes * sizeof(int));
	for (i = 0; i < c->ncodes; i++)
		c->code[map[i]] = code[i];
	pfree(code);
}

void
eg_moments_subtract(EgMoments *m, int column, double what)
{
	EgMomentColumn *c = &m->columns[column];

	c->offset -= what;
	c->min -= what;
	c->max -= what;
}

/* ---------------- stored form ---------------- */

void
eg_moments_save(const EgMoments *m, EgWriter *w)
{
	int		   *kind = palloc0(m->n * sizeof(int));
	int		   *column = palloc0(m->n * sizeof(int));
	int			i;
	int			j;

	eg_put_u64(w, m->rows);
	eg_put_f64(w, m->target_offset);
	eg_put_u32(w, m->ncols);
	for (j = 0; j < m->ncols; j++)
	{
		const EgMomentColumn *c = &m->columns[j];

		eg_put_u8(w, c->value < 0);
		eg_put_f64(w, c->offset);
		eg_put_f64(w, c->min);
		eg_put_f64(w, c->max);
		if (c->value >= 0)
		{
			kind[c->value] = KIND_VALUE;
			column[c->value] = j;
		}
		if (c->missing >= 0)
		{
			kind[c->missing] = KIND_MISSING;
			column[c->missing] = j;
		}
		for (i = 0; i < c->ncodes; i++)
		{
			if (c->code[i] < 0)
				continue;
			kind[c->code[i]] = i;
			column[c->code[i]] = j;
		}
	}
	eg_put_u32(w, m->n);
	for (i = 0; i < m->n; i++)
	{
		eg_put_u32(w, (uint32) column[i]);
		eg_put_u32(w, (uint32) kind[i]);
		for (j = 0; j <= i; j++)
			eg_put_f64(w, eg_moments_sum(m, i, j));
	}
}

/* The column that an index is of says so. */
static void
load_index(EgMoments *m, EgReader *r, int index)
{
	uint32		column = eg_get_u32(r);
	int			kind = (int) eg_get_u32(r);
	EgMomentColumn *c;

	if (index <= EG_MOMENT_TARGET)
		return;
	if (column >= (uint32) m->ncols)
		eg_corrupted(r, "there is no column %u", column);
	c = &m->columns[column];
	if (kind == KIND_VALUE && c->value == PG_INT32_MAX)
		c->value = index;
	else if (kind == KIND_MISSING && c->missing < 0)
		c->missing = index;
	else if (kind >= 0 && kind < 65536 && c->value < 0)
	{
		need_codes(c, kind);
		if (c->code[kind] >= 0)
			eg_corrupted(r, "a category is there twice");
		c->code[kind] = index;
	}
	else
		eg_corrupted(r, "the kind of a sum is %d", kind);
}

EgMoments *
eg_moments_load(EgReader *r)
{
	EgMoments  *m = eg_moments_create();
	int			ncols;
	int			n;
	int			i;
	int			j;

	m->rows = eg_get_u64(r);
	m->target_offset = eg_get_f64(r);
	ncols = (int) eg_get_count(r, PG_INT32_MAX, 25);
	m->columns = palloc_extended(Max(ncols, 1) * sizeof(EgMomentColumn), MCXT_ALLOC_HUGE |
								 MCXT_ALLOC_ZERO);
	m->ncols = ncols;
	for (j = 0; j < ncols; j++)
	{
		EgMomentColumn *c = &m->columns[j];

		c->value = eg_get_u8(r) != 0 ? -1 : PG_INT32_MAX;
		c->missing = -1;
		c->offset = eg_get_f64(r);
		c->min = eg_get_f64(r);
		c->max = eg_get_f64(r);
	}
	n = (int) eg_get_count(r, 65536, 16);
	if (n < 2 || (Size) n * (n + 1) / 2 > (r->len - r->pos) / sizeof(double))
		eg_corrupted(r, "there are fewer sums than columns");
	while (m->n < n)
		(void) new_index(m);
	for (i = 0; i < n; i++)
	{
		load_index(m, r, i);
		for (j = 0; j <= i; j++)
			set_sum(m, i, j, eg_get_f64(r));
	}
	for (j = 0; j < ncols; j++)
	{
		if (m->columns[j].value == PG_INT32_MAX)
			eg_corrupted(r, "column %d has no sums", j + 1);
	}
	return m;
}
