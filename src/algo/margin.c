/*-------------------------------------------------------------------------
 *
 * margin.c
 *	  Losses of a linear margin: value, gradient, expected second derivatives.
 *
 *	  logistic	log(1 + exp(m)) - y m
 *	  softmax	log(sum of exp(m_k)) - m_y
 *	  poisson	exp(m) - y m
 *	  gamma		m + y exp(-m)
 *	  tweedie	exp((2-p) m) / (2-p) - y exp((1-p) m) / (1-p)
 *
 * The last three are half the deviance up to a constant, and their curvature
 * is the expected one, which is never negative: exp((2-p) m), p = 1, 2 for
 * poisson and gamma (P. McCullagh, J. A. Nelder, "Generalized Linear Models",
 * 2nd edition, 1989).
 *
 * Sums go over blocks of rows in a fixed order and on one thread, so results
 * depend on neither the number of threads nor the time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "algo/rows.h"
#include "base/blas.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* exp() of more would overflow soon after; the line search steps back from there */
#define MAX_EXPONENT	300

/* rows whose 1 + exp(-|m|) are multiplied before one logarithm is taken */
#define PRODUCT_ROWS	512

static double
logistic_terms(int n, const double *margin, const double *y, Size step, const double *w,
			   double *slope, double *curve, bool *separated)
{
	double		loss = 0;
	double		product = 1;
	double		least = INFINITY;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		m = margin[i];
		double		label = y[i * step];
		double		weight = w != NULL ? w[i * step] : 1;
		double		e = exp(-fabs(m));
		double		small = e / (1 + e);
		double		p = m >= 0 ? 1 - small : small;
		double		side = (2 * label - 1) * m;

		if (w == NULL)
		{
			product *= 1 + e;
			if (i % PRODUCT_ROWS == PRODUCT_ROWS - 1)
			{
				loss += log(product);
				product = 1;
			}
			loss += (m > 0 ? m : 0) - label * m;
		}
		else
			loss += weight * (log1p(e) + (m > 0 ? m : 0) - label * m);

		/* where the class is 1 and p nearly so, p - 1 would have lost its digits */
		slope[i] = weight * (label == 1 && m >= 0 ? -small : p - label);
		if (curve != NULL)
			curve[i] = weight * small / (1 + e);
		if (weight > 0 && !(side >= least))
			least = side;
	}
	if (!(least > 0))
		*separated = false;
	return loss + log(product);
}

static double
exponential_terms(double power, int n, const double *margin, const double *y, Size step,
				  const double *w, double *slope, double *curve)
{
	double		loss = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		m = Max(Min(margin[i], MAX_EXPONENT), -MAX_EXPONENT);
		double		label = y[i * step];
		double		weight = w != NULL ? w[i * step] : 1;
		double		mean = exp(m);
		double		up;			/* exp((2-p) m) */
		double		down;		/* y exp((1-p) m) */

		if (power == 1)
		{
			up = mean;
			down = label;
			loss += weight * (up - label * m);
		}
		else if (power == 2)
		{
			up = 1;
			down = label / mean;
			loss += weight * (m + down);
		}
		else
		{
			up = exp((2 - power) * m);
			down = label * (up / mean);
			loss += weight * (up / (2 - power) - down / (1 - power));
		}
		slope[i] = weight * (up - down);
		if (curve != NULL)
			curve[i] = weight * up;
	}
	return loss;
}

double
eg_family_terms(EgFamily family, double power, int n, const double *margin, const double *y,
				Size step, const double *w, double *slope, double *curve, bool *separated)
{
	if (family == EG_FAMILY_LOGISTIC)
		return logistic_terms(n, margin, y, step, w, slope, curve, separated);
	*separated = false;
	return exponential_terms(family == EG_FAMILY_POISSON ? 1 :
							 family == EG_FAMILY_GAMMA ? 2 : power,
							 n, margin, y, step, w, slope, curve);
}

/* Margins (n, nout) to slopes and, unless NULL, probabilities. */
static double
softmax_terms(int n, int nout, const double *margin, const double *y, Size step,
			  const double *w, double *slope, double *probability, bool *separated)
{
	double		loss = 0;
	int			i;
	int			k;

	for (i = 0; i < n; i++)
	{
		const double *m = margin + (Size) i * nout;
		double	   *s = slope + (Size) i * nout;
		double		weight = w != NULL ? w[i * step] : 1;
		int			label = (int) y[i * step];
		double		most = m[0];
		double		rival = -INFINITY;
		double		sum = 0;

		for (k = 1; k < nout; k++)
			most = Max(most, m[k]);
		for (k = 0; k < nout; k++)
		{
			if (k != label)
				rival = Max(rival, m[k]);
			s[k] = exp(m[k] - most);
			sum += s[k];
		}
		loss += weight * (log(sum) + most - m[label]);
		for (k = 0; k < nout; k++)
		{
			double		p = s[k] / sum;

			if (probability != NULL)
				probability[(Size) i * nout + k] = p;
			s[k] = weight * (p - (k == label));
		}
		if (weight > 0 && !(m[label] > rival))
			*separated = false;
	}
	return loss;
}

EgObjective *
eg_objective_create(const EgDesign *d, EgFamily family, double power, int nout)
{
	EgObjective *o = palloc0(sizeof(EgObjective));

	o->design = d;
	o->family = family;
	o->power = power;
	o->nout = nout;
	o->l2 = palloc0(d->ld * sizeof(double));
	o->step = 1;
	o->share = 1;
	o->total = d->total;
	o->scale = 1;
	o->z = palloc((Size) d->block * d->ld * sizeof(double));
	o->scaled = palloc((Size) d->block * d->ld * sizeof(double));
	o->margin = palloc((Size) d->block * nout * sizeof(double));
	o->slope = palloc((Size) d->block * nout * sizeof(double));
	o->curve = palloc((Size) d->block * nout * sizeof(double));
	o->raw = palloc(2 * d->ld * sizeof(double));
	return o;
}

/* scaled = rows, each times its root */
static void
scale_rows(EgObjective *o, int n, const double *root)
{
	int			ld = o->design->ld;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		double		r = root[i];
		const double *from = o->z + (Size) i * ld;
		double	   *to = o->scaled + (Size) i * ld;

		for (j = 0; j < ld; j++)
			to[j] = r * from[j];
	}
}

/*
 * Second derivatives of the softmax: for classes k and l the sum of w p_k ((k = l) - p_l)
 * z z'; of each block the lower triangle.  Those of the first class follow from the others.
 */
static void
softmax_hessian(EgObjective *o, int n, const double *w, double *hessian)
{
	int			ld = o->design->ld;
	int			nout = o->nout;
	Size		size = (Size) nout * ld;
	double	   *root = o->margin;	/* is not needed any more */
	int			k;
	int			l;
	int			i;

	for (k = 1; k < nout; k++)
	{
		for (l = 1; l <= k; l++)
		{
			for (i = 0; i < n; i++)
			{
				const double *p = o->curve + (Size) i * nout;
				double		weight = w != NULL ? w[i * o->step] : 1;

				root[i] = sqrt(weight * p[k] * (k == l ? 1 - p[k] : p[l]));
			}
			scale_rows(o, n, root);
			eg_blas_dsyrk(ld, n, k == l ? 1 : -1, o->scaled, ld, 1,
						  hessian + (Size) k * ld * size + l * ld, (int) size);
		}
	}
}

/* The triangles that were not summed. */
static void
complete(const EgObjective *o, double *hessian)
{
	Size		ld = o->design->ld;
	Size		n = o->nout * ld;
	Size		i;
	Size		j;

	for (i = 0; i < n; i++)
	{
		/* inside of a block, which is symmetric; then the whole */
		for (j = 0; j < i && o->nout > 1; j++)
		{
			if (j % ld > i % ld)
				hessian[i * n + j] = hessian[(i - i % ld + j % ld) * n + j - j % ld + i % ld];
		}
	}
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < i; j++)
			hessian[j * n + i] = hessian[i * n + j];
	}
	if (o->nout > 1)
		eg_past_first_class(hessian, o->nout, (int) ld);
}

/* Loss of a block of n rows, and its part of the gradient and the second derivatives. */
static double
block_pass(EgObjective *o, Size first, int n, const double *b, double *gradient, double *hessian)
{
	const EgDesign *d = o->design;
	const double *y = d->data->role[EG_ROLE_TARGET] + first;
	const double *w = d->weight != NULL ? d->weight + first : NULL;
	int			ld = d->ld;
	double		loss;
	int			i;

	eg_design_rows(d, first, o->step, n, o->z);
	if (o->nout > 1)
	{
		eg_blas_dgemm(false, true, n, o->nout, ld, 1, o->z, ld, b, ld, 0, o->margin, o->nout);
		loss = softmax_terms(n, o->nout, o->margin, y, o->step, w, o->slope,
							 hessian != NULL ? o->curve : NULL, &o->separated);
		eg_blas_dgemm(true, false, o->nout, ld, n, 1, o->slope, o->nout, o->z, ld, 1, gradient,
					  ld);
		if (hessian != NULL)
			softmax_hessian(o, n, w, hessian);
		return loss;
	}

	eg_blas_dgemv(false, n, ld, 1, o->z, ld, b, 0, o->margin);
	loss = eg_family_terms(o->family, o->power, n, o->margin, y, o->step, w, o->slope,
						   hessian != NULL ? o->curve : NULL, &o->separated);
	eg_blas_dgemv(true, n, ld, 1, o->z, ld, o->slope, 1, gradient);
	if (hessian != NULL)
	{
		for (i = 0; i < n; i++)
			o->curve[i] = sqrt(o->curve[i]);
		scale_rows(o, n, o->curve);
		eg_blas_dsyrk(ld, n, 1, o->scaled, ld, 1, hessian, ld);
	}
	return loss;
}

/*
 * The same for one margin without second derivatives, on rows of numbers as they
 * are: sum of slope_i x_i - mean, scaled when all rows are done.
 */
static double
direct_pass(EgObjective *o, Size nrows, const double *b, double *gradient)
{
	const EgDesign *d = o->design;
	const EgPrep *p = d->prep;
	const double *y = d->data->role[EG_ROLE_TARGET];
	int			ncols = p->ncols;
	double	   *raw = o->raw;
	double	   *sum = o->raw + ncols;
	double		start = d->intercept ? b[0] : 0;
	double		loss = 0;
	Size		i;
	int			j;

	for (j = 0; j < ncols; j++)
	{
		raw[j] = b[j + 1] * p->factor[j];
		sum[j] = 0;
		if (d->shift != NULL)
			start += b[j + 1] * d->shift[j + 1];
	}
	for (i = 0; i < nrows; i += d->block)
	{
		Size		first = i * o->step;
		int			n = (int) Min((Size) d->block, nrows - i);
		const float *x = eg_row(&d->data->x, first);
		int			r;

		CHECK_FOR_INTERRUPTS();
		eg_rows_times(x, o->step, n, ncols, p->mean, raw, start, o->margin);
		loss += eg_family_terms(o->family, o->power, n, o->margin, y + first, o->step,
								d->weight != NULL ? d->weight + first : NULL, o->slope, NULL,
								&o->separated);
		eg_rows_sum(x, o->step, n, ncols, p->mean, o->slope, sum);
		for (r = 0; r < n; r++)
			gradient[0] += o->slope[r];
	}
	for (j = 0; j < ncols; j++)
	{
		gradient[j + 1] = sum[j] * p->factor[j];
		if (d->shift != NULL)
			gradient[j + 1] += gradient[0] * d->shift[j + 1];
	}
	if (!d->intercept)
		gradient[0] = 0;
	return loss;
}

double
eg_objective_pass(EgObjective *o, const double *b, double *gradient, double *hessian)
{
	const EgDesign *d = o->design;
	Size		nrows = (d->data->nfit + o->step - 1) / o->step;
	double		total = o->total * o->share;
	Size		ld = d->ld;
	Size		n = o->nout * ld;
	double		loss = 0;
	Size		i;

	memset(gradient, 0, n * sizeof(double));
	if (hessian != NULL)
		memset(hessian, 0, n * n * sizeof(double));
	o->separated = true;
	if (d->direct && o->nout == 1 && hessian == NULL)
		loss = direct_pass(o, nrows, b, gradient);
	else
	{
		for (i = 0; i < nrows; i += d->block)
		{
			CHECK_FOR_INTERRUPTS();
			loss += block_pass(o, i * o->step, (int) Min((Size) d->block, nrows - i), b,
							   gradient, hessian);
		}
	}
	if (hessian != NULL)
		complete(o, hessian);
	if (o->past != NULL)
		loss += eg_past_add(o->past, b, o->past_at, gradient, hessian);

	loss /= total;
	for (i = 0; i < n; i++)
	{
		double		l2 = o->l2[i % ld] / o->total;

		gradient[i] = gradient[i] / total + l2 * b[i];
		loss += l2 / 2 * b[i] * b[i];
	}
	if (hessian != NULL)
	{
		for (i = 0; i < n * n; i++)
			hessian[i] /= total;
		for (i = 0; i < n; i++)
			hessian[i * n + i] += o->l2[i % ld] / o->total;
	}
	return loss;
}

double
eg_objective_penalty(const EgObjective *o, const double *b)
{
	double		sum = 0;
	int			k;
	int			j;

	for (k = 0; k < o->nout; k++)
	{
		for (j = 0; j < o->design->ld; j++)
		{
			double		v = b[(Size) k * o->design->ld + j];

			sum += o->l2[j] / 2 * v * v + (o->l1 != NULL ? o->l1[j] * fabs(v) : 0);
		}
	}
	return sum / o->total;
}

double
eg_log_mean_target(const EgDesign *d)
{
	const double *y = d->data->role[EG_ROLE_TARGET];
	double		sum = 0;
	Size		i;

	for (i = 0; i < d->data->nfit; i++)
		sum += (d->weight != NULL ? d->weight[i] : 1) * y[i];
	return log(Max(sum / d->total, 1e-10));
}

/* Half a row of either class keeps the logit finite where there is but one. */
double
eg_family_start(const EgDesign *d, EgFamily family)
{
	const double *y = d->data->role[EG_ROLE_TARGET];
	double		sum = 0;
	Size		i;

	double		half = 0.5 * d->total / d->data->nfit;

	if (!d->intercept || family == EG_FAMILY_SOFTMAX)
		return 0;
	if (family != EG_FAMILY_LOGISTIC)
		return eg_log_mean_target(d);
	for (i = 0; i < d->data->nfit; i++)
		sum += (d->weight != NULL ? d->weight[i] : 1) * y[i];
	return log((sum + half) / (d->total - sum + half));
}
