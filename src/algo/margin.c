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

/* Margins (n, nout) to their slopes, in place of each other. */
static double
softmax_terms(int n, int nout, const double *margin, const double *y, Size step,
			  const double *w, double *slope, bool *separated)
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
			s[k] = weight * (s[k] / sum - (k == label));
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
	o->scale = 1;
	o->z = palloc((Size) d->block * d->ld * sizeof(double));
	o->scaled = palloc((Size) d->block * d->ld * sizeof(double));
	o->margin = palloc((Size) d->block * nout * sizeof(double));
	o->slope = palloc((Size) d->block * nout * sizeof(double));
	o->curve = palloc(d->block * sizeof(double));
	return o;
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
	int			j;

	eg_design_rows(d, first, o->step, n, o->z);
	if (o->nout > 1)
	{
		eg_blas_dgemm(false, true, n, o->nout, ld, 1, o->z, ld, b, ld, 0, o->margin, o->nout);
		loss = softmax_terms(n, o->nout, o->margin, y, o->step, w, o->slope, &o->separated);
		eg_blas_dgemm(true, false, o->nout, ld, n, 1, o->slope, o->nout, o->z, ld, 1, gradient,
					  ld);
		return loss;
	}

	eg_blas_dgemv(false, n, ld, 1, o->z, ld, b, 0, o->margin);
	loss = eg_family_terms(o->family, o->power, n, o->margin, y, o->step, w, o->slope,
						   hessian != NULL ? o->curve : NULL, &o->separated);
	eg_blas_dgemv(true, n, ld, 1, o->z, ld, o->slope, 1, gradient);
	if (hessian != NULL)
	{
		for (i = 0; i < n; i++)
		{
			double		root = sqrt(o->curve[i]);
			const double *from = o->z + (Size) i * ld;
			double	   *to = o->scaled + (Size) i * ld;

			for (j = 0; j < ld; j++)
				to[j] = root * from[j];
		}
		eg_blas_dsyrk(ld, n, 1, o->scaled, ld, 1, hessian, ld);
	}
	return loss;
}

double
eg_objective_pass(EgObjective *o, const double *b, double *gradient, double *hessian)
{
	const EgDesign *d = o->design;
	Size		n = (d->data->nfit + o->step - 1) / o->step;
	double		total = d->total * o->share;
	Size		ld = d->ld;
	double		loss = 0;
	Size		i;
	int			k;

	memset(gradient, 0, o->nout * ld * sizeof(double));
	if (hessian != NULL)
		memset(hessian, 0, ld * ld * sizeof(double));
	o->separated = true;
	for (i = 0; i < n; i += d->block)
	{
		CHECK_FOR_INTERRUPTS();
		loss += block_pass(o, i * o->step, (int) Min((Size) d->block, n - i), b, gradient,
						   hessian);
	}

	loss /= total;
	for (k = 0; k < o->nout; k++)
	{
		for (i = 0; i < ld; i++)
		{
			double		l2 = o->l2[i] / d->total;
			double		v = b[k * ld + i];

			gradient[k * ld + i] = gradient[k * ld + i] / total + l2 * v;
			loss += l2 / 2 * v * v;
		}
	}
	if (hessian != NULL)
	{
		for (i = 0; i < ld * ld; i++)
			hessian[i] /= total;
		for (i = 0; i < ld; i++)
			hessian[i * ld + i] += o->l2[i] / d->total;
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
	return sum / o->design->total;
}

static double
log_mean_target(const EgDesign *d)
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
		return log_mean_target(d);
	for (i = 0; i < d->data->nfit; i++)
		sum += (d->weight != NULL ? d->weight[i] : 1) * y[i];
	return log((sum + half) / (d->total - sum + half));
}

/* Penalties of F: those of original columns are divided by what the columns were. */
static void
set_penalties(EgObjective *o, bool standardize, double l1, double l2)
{
	const EgPrep *p = o->design->prep;
	int			j;

	for (j = 1; j < o->design->ld; j++)
		o->l2[j] = l2;
	if (l1 > 0)
	{
		o->l1 = palloc0(o->design->ld * sizeof(double));
		for (j = 1; j < o->design->ld; j++)
			o->l1[j] = l1;
	}
	for (j = 0; j < p->ncols && !standardize; j++)
	{
		int			at = p->first[j] + 1;

		if (p->ncategories[j] > 0 || p->first[j] < 0)
			continue;
		o->l2[at] /= p->deviation[j] * p->deviation[j];
		if (o->l1 != NULL)
			o->l1[at] /= p->deviation[j];
	}
}

EgCoefs *
eg_margin_fit(const EgDataset *data, const EgMarginSpec *spec, EgRun *run, EgSolution *s)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage coefficients",
												  ALLOCSET_DEFAULT_SIZES);
	EgDesign   *d;
	EgObjective *o;
	EgCoefs    *c;
	double	   *b;
	double		unit;
	double		total;
	int			nout = spec->nout;
	Size		ld;
	int			k;
	int			j;

	eg_blas_threads(1);
	d = eg_design_create(data, spec->intercept, true, run, scratch);
	ld = d->ld;
	c = eg_coefs_create(d->prep, nout, spec->intercept, eg_prep_names(d->prep, data));

	MemoryContextSwitchTo(scratch);
	o = eg_objective_create(d, spec->family, spec->power, nout);
	unit = spec->per_weight ? d->total : 1;
	set_penalties(o, spec->standardize, spec->l1 * unit, spec->l2 * unit);
	b = palloc0(nout * ld * sizeof(double));
	b[0] = eg_family_start(d, spec->family);

	/* slopes of counts and amounts have a unit */
	if (spec->family == EG_FAMILY_POISSON || spec->family == EG_FAMILY_TWEEDIE)
		o->scale = exp((spec->family == EG_FAMILY_POISSON ? 1 : 2 - spec->power) *
					   log_mean_target(d));
	memset(s, 0, sizeof(EgSolution));
	s->dropped = palloc0(ld * sizeof(bool));
	if (nout == 1 && ld <= EG_NEWTON_MAX)
		eg_newton(o, b, spec->max_iter, spec->tolerance, run, s);
	else
		eg_lbfgs(o, b, spec->max_iter, spec->tolerance, run, s);

	for (k = 0; k < nout; k++)
	{
		c->bias[k] = b[k * ld];
		for (j = 0; j < c->width; j++)
		{
			double		v = b[k * ld + j + 1];

			c->coef[(Size) k * c->width + j] = v;
			if (d->shift != NULL)
				c->bias[k] += v * d->shift[j + 1];
		}
	}
	for (j = 0; j < c->width; j++)
		c->dropped[j] = s->dropped[j + 1];
	eg_design_centre(d, c->centre);
	MemoryContextSwitchTo(model_context);
	total = d->total;
	if (s->covariance != NULL)
		eg_coefs_errors(c, 0, s->covariance, 1);
	MemoryContextDelete(scratch);
	s->total = total;
	s->covariance = NULL;
	s->dropped = NULL;
	eg_coefs_compile(c);
	return c;
}
