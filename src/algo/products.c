/*-------------------------------------------------------------------------
 *
 * products.c
 *	  Least squares from the products of the columns: solved, descended.
 *
 * The rows are read once.  What is needed of them is the matrix of products
 * of the columns, the target and the one (eg_blas_dsyrk, a block at a time);
 * centring it afterwards takes the intercept out.  Numbers have been centred
 * before (prepare.c), so that this costs no digits.
 *
 * Source of the descent along coordinates, and of when to stop: J. Friedman,
 * T. Hastie, R. Tibshirani, "Regularization Paths for Generalized Linear
 * Models via Coordinate Descent", Journal of Statistical Software 33, 2010;
 * S.-J. Kim et al., "An Interior-Point Method for Large-Scale l1-Regularized
 * Least Squares", IEEE Selected Topics in Signal Processing 1, 2007 (the
 * duality gap).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/products.h"
#include "base/blas.h"
#include "base/linalg.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* share of a column that is its own, at least, squared: below it is dropped */
#define DEPENDENT		1e-10

static double *
matrix(Size n, Size m)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n * m, 1) * sizeof(double),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Weighted mean of the target. */
static double
target_mean(const EgDesign *d)
{
	const double *y = d->data->role[EG_ROLE_TARGET];
	double		sum = 0;
	double		rest = 0;
	Size		i;

	for (i = 0; i < d->data->nfit; i++)
		sum += (d->weight != NULL ? d->weight[i] : 1) * y[i];
	sum /= d->total;
	for (i = 0; i < d->data->nfit; i++)
		rest += (d->weight != NULL ? d->weight[i] : 1) * (y[i] - sum);
	return sum + rest / d->total;
}

EgProducts *
eg_products_zero(int n)
{
	EgProducts *p = palloc0(sizeof(EgProducts));

	p->n = n;
	p->g = matrix(n, n);
	p->q = matrix(n, 1);
	p->mean = matrix(n, 1);
	return p;
}

/* One pass over the rows; results in CurrentMemoryContext. */
EgProducts *
eg_products_create(const EgDesign *d, EgRun *run)
{
	const double *y = d->data->role[EG_ROLE_TARGET];
	Size		nrows = d->data->nfit;
	EgProducts *p = eg_products_zero(d->prep->width);
	Size		n = d->ld + 1;	/* the one, the columns, the target */
	double	   *z = palloc((Size) d->block * d->ld * sizeof(double));
	double	   *scaled = palloc((Size) d->block * n * sizeof(double));
	double	   *a = matrix(n, n);
	const double *last;
	Size		i;
	Size		j;

	p->total = d->total;
	p->ymean = d->intercept ? target_mean(d) : 0;
	for (i = 0; i < nrows; i += d->block)
	{
		int			rows = (int) Min((Size) d->block, nrows - i);
		int			r;

		if (i / d->block % 64 == 0)
			eg_step(run, (int) (i / d->block), (int) (nrows / d->block) + 1, NULL, 0);
		eg_design_rows(d, i, 1, rows, z);
		for (r = 0; r < rows; r++)
		{
			double		w = d->weight != NULL ? d->weight[i + r] : 1;
			double		root = d->weight != NULL ? sqrt(w) : 1;
			const double *from = z + (Size) r * d->ld;
			double	   *to = scaled + r * n;

			for (j = 0; j < d->ld; j++)
				to[j] = root * from[j];
			to[n - 1] = root * (y[i + r] - p->ymean);
			p->rows += w > 0;
		}
		eg_blas_dsyrk((int) n, rows, 1, scaled, (int) n, 1, a, (int) n);
	}

	/* the first column holds the sums; zeros without an intercept */
	last = a + (n - 1) * n;
	for (i = 0; i < p->n; i++)
	{
		const double *row = a + (i + 1) * n;

		p->mean[i] = row[0] / p->total;
		p->q[i] = last[i + 1] - p->mean[i] * last[0];
		for (j = 0; j <= i; j++)
			p->g[i * p->n + j] = p->g[j * p->n + i] = row[j + 1] - row[0] * p->mean[j];
	}
	p->yy = Max(last[n - 1] - last[0] * last[0] / p->total, 0);
	p->ymean += last[0] / p->total * d->intercept;
	pfree(z);
	pfree(scaled);
	pfree(a);
	return p;
}

/*
 * Least squares or ridge: b.  Returns the rank.  inverse (n, n) is set for
 * least squares: of the products, zero where columns were dropped.
 */
int
eg_products_solve(const EgProducts *p, const double *l2, bool exact, double *b, bool *dropped,
				  double **inverse)
{
	Size		n = p->n;
	double	   *factor = matrix(n, n);
	int			rank = p->n;
	Size		i;
	Size		j;

	memcpy(factor, p->g, n * n * sizeof(double));
	for (i = 0; i < n; i++)
		factor[i * n + i] += l2[i];

	/* with a penalty there is always one solution, unless it is lost in rounding */
	rank = eg_cholesky(factor, p->n, exact ? DEPENDENT : 1e-15, dropped);
	for (i = 0; i < n; i++)
		b[i] = dropped[i] ? 0 : p->q[i];
	eg_cholesky_solve(factor, p->n, b);
	*inverse = NULL;
	if (exact)
	{
		*inverse = matrix(n, n);
		eg_cholesky_inverse(factor, p->n, *inverse);
		for (i = 0; i < n; i++)
		{
			for (j = 0; dropped[i] && j < n; j++)
				(*inverse)[i * n + j] = (*inverse)[j * n + i] = 0;
		}
	}
	pfree(factor);
	return rank;
}

/*
 * How far the objective can still fall: its value less that of the dual at
 * the residuals, scaled until they are feasible.
 */
static double
duality_gap(const EgProducts *p, const double *l1, const double *l2, const double *b,
			const double *gb)
{
	double		residual = p->yy;
	double		target = p->yy;
	double		norm = 0;
	double		absolute = 0;
	double		squares = 0;
	double		shrink = 1;
	int			j;

	for (j = 0; j < p->n; j++)
	{
		double		rest = fabs(p->q[j] - gb[j] - l2[j] * b[j]);

		residual += b[j] * (gb[j] - 2 * p->q[j]);
		target -= b[j] * p->q[j];
		absolute += l1[j] * fabs(b[j]);
		squares += l2[j] * b[j] * b[j];
		if (l1[j] > 0)
			norm = Max(norm, rest / l1[j]);
	}
	residual = Max(residual, 0);
	if (norm > 1)
		shrink = 1 / norm;
	return (1 + shrink * shrink) / 2 * (residual + squares) + absolute - shrink * target;
}

/* Lasso and elastic net on the products; returns the number of passes. */
int
eg_products_descend(const EgProducts *p, const double *l1, const double *l2, int max_iter,
					double tolerance, double *b, bool *converged, EgRun *run)
{
	Size		n = p->n;
	double	   *gb = matrix(n, 1);	/* g * b */
	int			pass;
	Size		i;
	Size		j;

	*converged = p->n == 0;
	for (pass = 0; pass < max_iter && !*converged;)
	{
		double		largest = 0;
		double		change_largest = 0;

		pass++;
		if (pass % 16 == 0)
			eg_step(run, pass, max_iter, NULL, 0);
		for (j = 0; j < n; j++)
		{
			const double *row = p->g + j * n;
			double		old = b[j];
			double		v = p->q[j] - gb[j] + row[j] * old;
			double		change;

			if (j % 512 == 0)
				CHECK_FOR_INTERRUPTS();
			if (!(row[j] > 0))
				continue;
			v = v > l1[j] ? v - l1[j] : v < -l1[j] ? v + l1[j] : 0;
			b[j] = v / (row[j] + l2[j]);
			change = b[j] - old;
			if (change != 0)
			{
				for (i = 0; i < n; i++)
					gb[i] += change * row[i];
			}
			largest = Max(largest, fabs(b[j]));
			change_largest = Max(change_largest, fabs(change));
		}
		if (largest == 0 || change_largest <= tolerance * largest)
			*converged = duality_gap(p, l1, l2, b, gb) <= tolerance * p->yy;
		if (change_largest == 0)
			*converged = true;
	}
	pfree(gb);
	return pass;
}

double
eg_products_residual(const EgProducts *p, const double *b)
{
	double		sum = p->yy;
	Size		n = p->n;
	Size		i;
	Size		j;

	for (i = 0; i < n; i++)
	{
		double		gb = 0;

		for (j = 0; j < n; j++)
			gb += p->g[i * n + j] * b[j];
		sum += b[i] * (gb - 2 * p->q[i]);
	}
	return Max(sum, 0);
}

double
eg_products_residual_from(const EgProducts *p, const double *old, double known, const double *b)
{
	double		sum = known;
	Size		n = p->n;
	Size		i;
	Size		j;

	for (i = 0; i < n; i++)
	{
		double		slope = -p->q[i];
		double		curve = 0;

		for (j = 0; j < n; j++)
		{
			slope += p->g[i * n + j] * old[j];
			curve += p->g[i * n + j] * (b[j] - old[j]);
		}
		sum += (b[i] - old[i]) * (2 * slope + curve);
	}
	return Max(sum, 0);
}

double
eg_design_residual(const EgDesign *d, const double *b, double bias)
{
	const double *y = d->data->role[EG_ROLE_TARGET];
	Size		nrows = d->data->nfit;
	double	   *z = palloc((Size) d->block * d->ld * sizeof(double));
	double	   *fitted = palloc(d->block * sizeof(double));
	double	   *slope = palloc(d->ld * sizeof(double));
	double		sum = 0;
	Size		i;
	int			r;

	slope[0] = 0;
	memcpy(slope + 1, b, d->prep->width * sizeof(double));
	for (i = 0; i < nrows; i += d->block)
	{
		int			rows = (int) Min((Size) d->block, nrows - i);

		CHECK_FOR_INTERRUPTS();
		eg_design_rows(d, i, 1, rows, z);
		eg_blas_dgemv(false, rows, d->ld, 1, z, d->ld, slope, 0, fitted);
		for (r = 0; r < rows; r++)
		{
			double		e = y[i + r] - bias - fitted[r];

			sum += (d->weight != NULL ? d->weight[i + r] : 1) * e * e;
		}
	}
	pfree(z);
	pfree(fitted);
	pfree(slope);
	return sum;
}

/* Covariance of intercept and coefficients, over sigma^2: (n + 1, n + 1). */
double *
eg_products_covariance(const EgProducts *p, const double *inverse, bool intercept)
{
	Size		n = p->n;
	Size		m = n + 1;
	double	   *out = matrix(m, m);
	Size		i;
	Size		j;

	out[0] = intercept ? 1 / p->total : 0;
	for (i = 0; i < n; i++)
	{
		double		sum = 0;

		for (j = 0; j < n; j++)
		{
			out[(i + 1) * m + j + 1] = inverse[i * n + j];
			sum += inverse[i * n + j] * p->mean[j];
		}
		out[i + 1] = out[(i + 1) * m] = -sum;
		out[0] += p->mean[i] * sum;
	}
	return out;
}

/*
 * T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for Computing the Sample
 * Variance", The American Statistician 37, 1983: products around two means become
 * products around their common mean.  Without an intercept means are zero, and so
 * is the difference.
 */
void
eg_products_combine(EgProducts *a, const EgProducts *b)
{
	Size		n = a->n;
	double		total = a->total + b->total;
	double		share = b->total / total;
	double		apart = a->total * share;
	double		dy = b->ymean - a->ymean;
	Size		i;
	Size		j;

	for (i = 0; i < n; i++)
	{
		double		d = b->mean[i] - a->mean[i];

		for (j = 0; j < n; j++)
			a->g[i * n + j] += b->g[i * n + j] + apart * d * (b->mean[j] - a->mean[j]);
		a->q[i] += b->q[i] + apart * d * dy;
	}
	for (i = 0; i < n; i++)
		a->mean[i] += share * (b->mean[i] - a->mean[i]);
	a->yy += b->yy + apart * dy * dy;
	a->ymean += share * dy;
	a->total = total;
	a->rows += b->rows;
}

/* ---------------- stored form ---------------- */

void
eg_products_save(const EgProducts *p, EgWriter *w)
{
	Size		n = p->n;
	Size		i;
	Size		j;

	eg_put_f64(w, p->total);
	eg_put_u64(w, p->rows);
	eg_put_f64(w, p->ymean);
	eg_put_f64(w, p->yy);
	for (i = 0; i < n; i++)
	{
		eg_put_f64(w, p->mean[i]);
		eg_put_f64(w, p->q[i]);
		for (j = 0; j <= i; j++)
			eg_put_f64(w, p->g[i * n + j]);
	}
}

static double
get_finite(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (!isfinite(v))
		eg_corrupted(r, "a product of columns is not finite");
	return v;
}

EgProducts *
eg_products_load(EgReader *r, int n)
{
	EgProducts *p;
	Size		i;
	Size		j;

	if ((Size) n * (n + 5) / 2 > (r->len - r->pos) / sizeof(double))
		eg_corrupted(r, "there are fewer products than columns");
	p = eg_products_zero(n);
	p->total = get_finite(r);
	p->rows = eg_get_u64(r);
	p->ymean = get_finite(r);
	p->yy = get_finite(r);
	if (!(p->total > 0) || !(p->yy >= 0))
		eg_corrupted(r, "a sum of squares or weights is negative");
	for (i = 0; i < n; i++)
	{
		p->mean[i] = get_finite(r);
		p->q[i] = get_finite(r);
		for (j = 0; j <= i; j++)
			p->g[i * n + j] = p->g[j * n + i] = get_finite(r);
	}
	return p;
}
