/*-------------------------------------------------------------------------
 *
 * moments_use.c
 *	  From sums of products of raw columns to those of prepared ones.
 *
 * Whatever is decided at the end about the rows - means for missing values,
 * deviations, which category is the reference, which column is constant - turns
 * the raw row u into the prepared row by a matrix T, so that T (sum of u u') T'
 * is the sum that a second pass over the rows would have made.  Of a number,
 *
 *	  z = (u + (offset - mean) (1 - missing)) / deviation
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/moments.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static double *
numbers(Size n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n, 1) * sizeof(double),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

EgPrep *
eg_moments_prep(const EgMoments *m, int flags)
{
	int			n = Max(m->ncols, 1);
	int		   *ncategories = palloc0(n * sizeof(int));
	EgPrepCounts c = {0};
	Size		ncodes = 0;
	int			i;
	int			j;

	for (j = 0; j < m->ncols; j++)
	{
		ncategories[j] = m->columns[j].ncodes;
		ncodes += ncategories[j];
	}
	c.code = numbers(ncodes);
	c.blank = numbers(n);
	c.guess = numbers(n);
	c.sum = numbers(n);
	c.square = numbers(n);
	c.some = palloc0(n * sizeof(float));
	c.varies = palloc0(n * sizeof(int));
	c.total = (double) m->rows;
	for (ncodes = 0, j = 0; j < m->ncols; j++)
	{
		const EgMomentColumn *from = &m->columns[j];

		if (from->missing >= 0)
			c.blank[j] = eg_moments_sum(m, EG_MOMENT_ONE, from->missing);
		if (from->value >= 0)
		{
			c.guess[j] = from->offset;
			c.sum[j] = eg_moments_sum(m, EG_MOMENT_ONE, from->value);
			c.square[j] = eg_moments_sum(m, from->value, from->value);
			c.some[j] = from->min <= from->max ? (float) from->min : 0;
			c.varies[j] = from->min < from->max;
		}
		for (i = 0; i < from->ncodes; i++)
		{
			if (from->code[i] >= 0)
				c.code[ncodes + i] = eg_moments_sum(m, EG_MOMENT_ONE, from->code[i]);
		}
		ncodes += from->ncodes;
	}
	return eg_prep_decide(m->ncols, ncategories, flags, &c);
}

/* A prepared column in terms of the indexes. */
typedef struct Term
{
	int			index[3];
	double		factor[3];
	int			n;
} Term;

static void
add_term(Term *t, int index, double factor)
{
	t->index[t->n] = index;
	t->factor[t->n++] = factor;
}

static Term *
terms_of(const EgMoments *m, const EgPrep *prep, bool intercept)
{
	Term	   *terms = palloc0(Max(prep->width, 1) * sizeof(Term));
	int			i;
	int			j;

	for (j = 0; j < m->ncols; j++)
	{
		const EgMomentColumn *c = &m->columns[j];

		if (c->value >= 0 && prep->first[j] >= 0)
		{
			Term	   *t = &terms[prep->first[j]];
			double		factor = prep->factor[j];
			double		d = (c->offset - prep->mean[j]) * factor;

			add_term(t, c->value, factor);
			add_term(t, EG_MOMENT_ONE, d + (intercept ? 0 : prep->mean[j] * factor));
			if (c->missing >= 0)
				add_term(t, c->missing, -d);
		}
		for (i = 0; i < prep->ncategories[j]; i++)
		{
			int			column = prep->code_column[prep->code_start[j] + i];

			if (column >= 0)
				add_term(&terms[column], c->code[i], 1);
		}
		if (prep->missing[j] >= 0)
			add_term(&terms[prep->missing[j]], c->missing, 1);
	}
	return terms;
}

/* Sum over the rows of a prepared column times an index. */
static double
term_sum(const EgMoments *m, const Term *t, int index)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < t->n; i++)
		sum += t->factor[i] * eg_moments_sum(m, t->index[i], index);
	return sum;
}

EgProducts *
eg_moments_products(const EgMoments *m, const EgPrep *prep, bool intercept)
{
	EgProducts *p = eg_products_zero(prep->width);
	Term	   *terms = terms_of(m, prep, intercept);
	Size		n = p->n;
	double		total = (double) m->rows;
	double		ysum = eg_moments_sum(m, EG_MOMENT_ONE, EG_MOMENT_TARGET);
	double		offset = m->target_offset;
	double	   *row = numbers(m->n);
	double	   *sums = numbers(n);
	Size		i;
	Size		j;
	int			k;

	/* without an intercept, sums are around zero */
	p->total = total;
	p->rows = m->rows;
	p->yy = eg_moments_sum(m, EG_MOMENT_TARGET, EG_MOMENT_TARGET);
	if (intercept)
	{
		p->yy = Max(p->yy - ysum * ysum / total, 0);
		p->ymean = offset + ysum / total;
	}
	else
		p->yy += offset * (2 * ysum + offset * total);
	for (i = 0; i < n; i++)
		sums[i] = term_sum(m, &terms[i], EG_MOMENT_ONE);
	for (i = 0; i < n; i++)
	{
		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = 0; k < m->n; k++)
			row[k] = term_sum(m, &terms[i], k);
		p->mean[i] = intercept ? sums[i] / total : 0;
		p->q[i] = row[EG_MOMENT_TARGET] + (intercept ? -p->mean[i] * ysum : offset * sums[i]);
		for (j = 0; j <= i; j++)
		{
			const Term *t = &terms[j];
			double		sum = -p->mean[i] * sums[j];

			for (k = 0; k < t->n; k++)
				sum += t->factor[k] * row[t->index[k]];
			p->g[i * n + j] = p->g[j * n + i] = sum;
		}
	}
	pfree(row);
	pfree(sums);
	pfree(terms);
	return p;
}

void
eg_moments_centre(const EgMoments *m, const EgPrep *prep, double *centre)
{
	Term	   *terms = terms_of(m, prep, true);
	int			i;

	for (i = 0; i < prep->width; i++)
		centre[i] = term_sum(m, &terms[i], EG_MOMENT_ONE) / (double) m->rows;
	pfree(terms);
}
