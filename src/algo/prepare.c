/*-------------------------------------------------------------------------
 *
 * prepare.c
 *	  Input for learners that cannot take missing values or categories.
 *
 * What is decided here, from the rows to learn from alone, is where each
 * value of the input goes in the output: a number to one column, a category
 * to the column of its code, a missing value to a column that says so.  Rows
 * of weight 0 decide nothing.
 *
 * One pass over the rows makes means and deviations.  Values are taken from
 * near the mean, guessed from a few rows, so that a column of dates with a
 * large mean and a small spread keeps its digits (T. F. Chan, G. H. Golub,
 * R. J. LeVeque, "Algorithms for Computing the Sample Variance", 1983).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/prepare.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define CHECK_ROWS			8192	/* rows between two looks at interrupts */
#define GUESS_ROWS			64

/* Allocate for ncols columns, nothing decided. */
static EgPrep *
prep_create(int ncols, int flags)
{
	EgPrep	   *p = palloc0(sizeof(EgPrep));
	int			n = Max(ncols, 1);

	p->ncols = ncols;
	p->flags = flags;
	p->first = palloc0(n * sizeof(int));
	p->ncategories = palloc0(n * sizeof(int));
	p->reference = palloc0(n * sizeof(int));
	p->missing = palloc0(n * sizeof(int));
	p->mean = palloc0(n * sizeof(double));
	p->deviation = palloc0(n * sizeof(double));
	p->code_start = palloc0((n + 1) * sizeof(int));
	return p;
}

/* What follows from the rest. */
static void
prep_finish(EgPrep *p)
{
	int			j;

	p->plain = p->width == p->ncols;
	p->factor = palloc(Max(p->ncols, 1) * sizeof(double));
	for (j = 0; j < p->ncols; j++)
	{
		p->factor[j] = 1 / p->deviation[j];
		if (p->ncategories[j] > 0 || p->first[j] != j || p->missing[j] >= 0)
			p->plain = false;
	}
}

static double *
zeros(int n)
{
	return palloc0(Max(n, 1) * sizeof(double));
}

/* Allocate for these columns, nothing decided. */
static EgPrep *
prep_for(int ncols, const int *ncategories, int flags)
{
	EgPrep	   *p = prep_create(ncols, flags);
	int			j;

	for (j = 0; j < ncols; j++)
	{
		p->ncategories[j] = ncategories != NULL ? ncategories[j] : 0;
		p->code_start[j + 1] = p->code_start[j] + p->ncategories[j];
	}
	p->code_column = palloc0(Max(p->code_start[ncols], 1) * sizeof(int));
	return p;
}

/* A value of a category column as a code, -1 for missing and unseen. */
static inline int
code_of(const EgPrep *p, int j, float v)
{
	return v >= 0 && v < p->ncategories[j] ? (int) v : -1;
}

/* Means of a few rows, and a value of each column. */
static void
guess_means(const EgPrep *p, const EgDataset *data, EgPrepCounts *c)
{
	const double *weight = data->role[EG_ROLE_WEIGHT];
	Size		step = Max(data->nfit / GUESS_ROWS, 1);
	int		   *n = palloc0(Max(p->ncols, 1) * sizeof(int));
	Size		i;
	int			j;

	for (i = 0; i < data->nfit; i += step)
	{
		const float *row = eg_row(&data->x, i);

		for (j = 0; j < p->ncols; j++)
		{
			if (!isfinite(row[j]) || (weight != NULL && !(weight[i] > 0)))
				continue;
			c->guess[j] += (row[j] - c->guess[j]) / ++n[j];
			c->some[j] = row[j];
		}
	}

	/* a column that is mostly missing, or whose few values weigh nothing here */
	for (j = 0; j < p->ncols; j++)
	{
		for (i = 0; n[j] == 0 && i < data->nfit; i++)
		{
			float		v = eg_row(&data->x, i)[j];

			if (!isfinite(v) || (weight != NULL && !(weight[i] > 0)))
				continue;
			c->guess[j] = c->some[j] = v;
			n[j] = 1;
		}
	}
	pfree(n);
}

/* Numbers of a row into the sums; without a branch, for the sake of speed. */
static void
count_numbers(int ncols, const float *row, double w, EgPrepCounts *c)
{
	double	   *restrict sum = c->sum;
	double	   *restrict square = c->square;
	double	   *restrict blank = c->blank;
	int		   *restrict varies = c->varies;
	const double *restrict guess = c->guess;
	const float *restrict some = c->some;
	int			j;

	for (j = 0; j < ncols; j++)
	{
		float		v = row[j];
		bool		there = v - v == 0;
		double		d = there ? v - guess[j] : 0;

		sum[j] += w * d;
		square[j] += w * d * d;
		blank[j] += there ? 0 : w;
		varies[j] |= there & (v != some[j]);
	}
}

static void
count_rows(const EgPrep *p, const EgDataset *data, EgPrepCounts *c)
{
	const double *weight = data->role[EG_ROLE_WEIGHT];
	int		   *categories = palloc(Max(p->ncols, 1) * sizeof(int));
	int			ncategories = 0;
	Size		i;
	int			j;

	for (j = 0; j < p->ncols; j++)
	{
		if (p->ncategories[j] > 0)
			categories[ncategories++] = j;
	}
	for (i = 0; i < data->nfit; i++)
	{
		const float *row = eg_row(&data->x, i);
		double		w = weight != NULL ? weight[i] : 1;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (!(w > 0))
			continue;
		c->total += w;
		count_numbers(p->ncols, row, w, c);
		for (j = 0; j < ncategories; j++)
		{
			int			column = categories[j];
			int			code = code_of(p, column, row[column]);

			if (code >= 0)
				c->code[p->code_start[column] + code] += w;
			else if (isfinite(row[column]))
				c->blank[column] += w;
		}
	}
	pfree(categories);
}

/* Columns for the codes that occur; returns how many columns the input column has. */
static int
place_codes(EgPrep *p, int j, const double *weight, double blank)
{
	int			start = p->code_start[j];
	int			seen = 0;
	int			most = 0;
	int			width = 0;
	int			code;

	for (code = 0; code < p->ncategories[j]; code++)
	{
		p->code_column[start + code] = -1;
		if (weight[code] > 0)
			seen++;
		if (weight[code] > weight[most])
			most = code;
	}
	if (seen == 0 || (seen == 1 && !(blank > 0)))
		return 0;
	if (p->flags & EG_PREP_REFERENCE)
		p->reference[j] = most;
	for (code = 0; code < p->ncategories[j]; code++)
	{
		if (weight[code] > 0 && code != p->reference[j])
			p->code_column[start + code] = p->width + width++;
	}
	return width;
}

/* Mean, deviation and width of a column of numbers. */
static int
place_number(EgPrep *p, int j, const EgPrepCounts *c)
{
	double		present = c->total - c->blank[j];
	double		mean;
	double		variance;

	if (!(present > 0))
		return 0;
	mean = c->sum[j] / present;
	variance = c->square[j] / present - mean * mean;
	p->mean[j] = c->guess[j] + mean;
	if (!c->varies[j])
	{
		p->mean[j] = c->some[j];
		return 0;
	}
	if ((p->flags & EG_PREP_SCALE) && variance > 0 && isfinite(variance))
		p->deviation[j] = sqrt(variance);
	return 1;
}

EgPrep *
eg_prep_decide(int ncols, const int *ncategories, int flags, const EgPrepCounts *c)
{
	EgPrep	   *p = prep_for(ncols, ncategories, flags);
	int			j;

	for (j = 0; j < ncols; j++)
	{
		bool		says_something;
		int			width;

		p->reference[j] = -1;
		p->missing[j] = -1;
		p->deviation[j] = 1;
		if (p->ncategories[j] > 0)
		{
			width = place_codes(p, j, c->code + p->code_start[j], c->blank[j]);
			says_something = width > 0 || p->reference[j] >= 0;
		}
		else
		{
			width = place_number(p, j, c);
			says_something = c->blank[j] < c->total;
		}
		p->first[j] = width > 0 ? p->width : -1;
		p->width += width;
		if (says_something && c->blank[j] > 0)
			p->missing[j] = p->width++;
	}
	prep_finish(p);
	return p;
}

EgPrep *
eg_prep_fit(const EgDataset *data, int flags)
{
	int			ncols = data->x.ncols;
	EgPrep	   *columns = prep_for(ncols, data->ncategories, flags);
	EgPrep	   *p;
	EgPrepCounts c;

	c.code = zeros(columns->code_start[ncols]);
	c.blank = zeros(ncols);
	c.guess = zeros(ncols);
	c.sum = zeros(ncols);
	c.square = zeros(ncols);
	c.some = palloc0(Max(ncols, 1) * sizeof(float));
	c.varies = palloc0(Max(ncols, 1) * sizeof(int));
	c.total = 0;
	guess_means(columns, data, &c);
	count_rows(columns, data, &c);
	p = eg_prep_decide(ncols, data->ncategories, flags, &c);
	pfree(c.code);
	pfree(c.blank);
	pfree(c.guess);
	pfree(c.sum);
	pfree(c.square);
	pfree(c.some);
	pfree(c.varies);
	return p;
}

/*
 * The same for both kinds of output: what one input column puts where.  All
 * other outputs of the column are zero.
 */
#define PREP_ROW(type) \
	int			j; \
\
	if (p->plain) \
	{ \
		const double *restrict mean = p->mean; \
		const double *restrict factor = p->factor; \
		int			n = p->ncols; \
\
		for (j = 0; j < n; j++) \
		{ \
			type		z = (type) ((x[j] - mean[j]) * factor[j]); \
\
			out[j] = x[j] - x[j] == 0 ? z : 0; \
		} \
		return; \
	} \
	memset(out, 0, p->width * sizeof(type)); \
	for (j = 0; j < p->ncols; j++) \
	{ \
		float		v = x[j]; \
\
		if (p->ncategories[j] > 0) \
		{ \
			int			code = code_of(p, j, v); \
			int			column = code >= 0 ? p->code_column[p->code_start[j] + code] : \
				p->missing[j]; \
\
			if (column >= 0) \
				out[column] = 1; \
		} \
		else if (isfinite(v)) \
		{ \
			if (p->first[j] >= 0) \
				out[p->first[j]] = (type) ((v - p->mean[j]) * p->factor[j]); \
		} \
		else if (p->missing[j] >= 0) \
			out[p->missing[j]] = 1; \
	}

void
eg_prep_row(const EgPrep *p, const float *x, double *restrict out)
{
	PREP_ROW(double)
}

void
eg_prep_row_float(const EgPrep *p, const float *x, float *restrict out)
{
	PREP_ROW(float)
}

/* "plan=free", or "plan=#2" when the dataset does not know the words. */
static char *
category_name(const EgDataset *data, const char *name, int j, int code)
{
	if (data->categories == NULL || data->categories[j] == NULL)
		return psprintf("%s=#%d", name, code);
	return psprintf("%s=%s", name, data->categories[j][code]);
}

char **
eg_prep_names(const EgPrep *p, const EgDataset *data)
{
	char	  **names = palloc0(Max(p->width, 1) * sizeof(char *));
	int			j;
	int			code;

	for (j = 0; j < p->ncols; j++)
	{
		const char *name = data->names != NULL ? data->names[j] : psprintf("x%d", j + 1);

		for (code = 0; code < p->ncategories[j]; code++)
		{
			int			column = p->code_column[p->code_start[j] + code];

			if (column >= 0)
				names[column] = category_name(data, name, j, code);
		}
		if (p->ncategories[j] == 0 && p->first[j] >= 0)
			names[p->first[j]] = pstrdup(name);
		if (p->missing[j] >= 0)
			names[p->missing[j]] = psprintf("%s is missing", name);
	}
	return names;
}

/* ---------------- stored form ---------------- */

void
eg_prep_save(const EgPrep *p, EgWriter *w)
{
	int			j;

	eg_put_u32(w, p->flags);
	eg_put_u32(w, p->ncols);
	for (j = 0; j < p->ncols; j++)
	{
		int			n = p->ncategories[j];

		eg_put_u32(w, n);
		eg_put_u8(w, p->first[j] >= 0);
		eg_put_u8(w, p->missing[j] >= 0);
		if (n > 0)
		{
			eg_put_u32(w, (uint32) p->reference[j]);
			eg_put_i32_array(w, p->code_column + p->code_start[j], n);
		}
		else
		{
			eg_put_f64(w, p->mean[j]);
			eg_put_f64(w, p->deviation[j]);
		}
	}
}

/* Codes of a category column: each without a column, or with the next one. */
static void
load_codes(EgPrep *p, int j, EgReader *r)
{
	int			start = p->code_start[j];
	int			n = p->ncategories[j];
	uint32		reference = eg_get_u32(r);
	int			code;

	if (reference != (uint32) -1 && reference >= (uint32) n)
		eg_corrupted(r, "reference category is out of range");
	p->reference[j] = (int) reference;
	eg_get_i32_array(r, p->code_column + start, n);
	for (code = 0; code < n; code++)
	{
		int			column = p->code_column[start + code];

		if (column != -1 && column != p->width)
			eg_corrupted(r, "columns of categories are not in order");
		if (column >= 0)
			p->width++;
	}
}

EgPrep *
eg_prep_load(EgReader *r)
{
	int			flags = (int) eg_get_u32(r);
	int			ncols = (int) eg_get_count(r, MaxAllocSize / sizeof(double) - 1, 6);
	EgPrep	   *p = prep_create(ncols, flags);
	int			j;

	/* no more codes than the bytes left can hold, at four bytes each */
	p->code_column = MemoryContextAllocHuge(CurrentMemoryContext, r->len - r->pos + 1);
	for (j = 0; j < ncols; j++)
	{
		uint8		used;
		uint8		missing;

		p->ncategories[j] = (int) eg_get_count(r, PG_INT32_MAX, sizeof(int32));
		used = eg_get_u8(r);
		missing = eg_get_u8(r);
		if (used > 1 || missing > 1)
			eg_corrupted(r, "use of a column is neither yes nor no");
		p->code_start[j + 1] = p->code_start[j] + p->ncategories[j];
		p->reference[j] = -1;
		p->missing[j] = -1;
		p->deviation[j] = 1;
		p->first[j] = used ? p->width : -1;
		if (p->ncategories[j] > 0)
		{
			int			before = p->width;

			load_codes(p, j, r);
			if ((p->width > before) != (used != 0))
				eg_corrupted(r, "columns of categories do not match");
		}
		else
		{
			p->mean[j] = eg_get_f64(r);
			p->deviation[j] = eg_get_f64(r);
			if (!isfinite(p->mean[j]) || !isfinite(p->deviation[j]) || !(p->deviation[j] > 0))
				eg_corrupted(r, "mean or deviation of a column is out of range");
			p->width += used;
		}
		if (missing)
			p->missing[j] = p->width++;
	}
	prep_finish(p);
	return p;
}
