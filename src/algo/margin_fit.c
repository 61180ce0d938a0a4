/*-------------------------------------------------------------------------
 *
 * margin_fit.c
 *	  From rows to coefficients, and on from there with new rows.
 *
 * Few coefficients are found by Newton's method, many by L-BFGS.  Where there
 * are not too many, Newton's method has the last word in any case: its second
 * derivatives give the standard errors, and what a later update has to know of
 * the rows.
 *
 * With several classes only differences between their coefficients matter.
 * While solving, the first class's intercept is zero, and so are all its
 * coefficients when there is no penalty to choose among equal solutions; then
 * the classes are centred.  Standard errors without a penalty are those of
 * the differences from the first class, as in every book; with one, those of
 * the centred coefficients.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "base/blas.h"
#include "utils/memutils.h"

/* Newton steps after L-BFGS: to where rounding ends, or out of what was dropped */
#define LAST_STEPS	20

static bool
has_penalty(const EgMarginSpec *spec)
{
	return spec->l1 > 0 || spec->l2 > 0;
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

static EgObjective *
make_objective(const EgDesign *d, const EgMarginSpec *spec, const EgPast *past)
{
	EgObjective *o = eg_objective_create(d, spec->family, spec->power, spec->nout);
	double		unit;

	o->past = past;
	if (past != NULL)
		o->total += past->total;
	unit = spec->per_weight ? o->total : 1;
	set_penalties(o, spec->standardize, spec->l1 * unit, spec->l2 * unit);

	/* slopes of counts and amounts have a unit */
	if (spec->family == EG_FAMILY_POISSON || spec->family == EG_FAMILY_TWEEDIE)
		o->scale = exp((spec->family == EG_FAMILY_POISSON ? 1 : 2 - spec->power) *
					   (spec->mean > 0 ? log(spec->mean) : eg_log_mean_target(d)));
	return o;
}

/* The first class to zero: with a penalty its intercept, without one all of it. */
static void
first_to_zero(double *b, int nout, Size ld, bool penalty)
{
	Size		columns = penalty ? 1 : ld;
	Size		j;
	int			k;

	for (j = 0; j < columns; j++)
	{
		for (k = nout - 1; k >= 0; k--)
			b[k * ld + j] -= b[j];
	}
}

/* Classes around zero; coefficients with a penalty are where it wants them. */
static void
centre_classes(double *b, int nout, Size ld, bool penalty)
{
	Size		columns = penalty ? 1 : ld;
	Size		j;
	int			k;

	for (j = 0; j < columns; j++)
	{
		double		sum = 0;

		for (k = 0; k < nout; k++)
			sum += b[k * ld + j];
		for (k = 0; k < nout; k++)
			b[k * ld + j] -= sum / nout;
	}
}

/*
 * The covariance of centred coefficients.  What all classes have in common says
 * nothing of the rows: only the penalty holds it.
 */
static void
centre_covariance(double *covariance, int nout, Size ld)
{
	Size		n = nout * ld;
	Size		i;
	Size		j;
	int			k;
	int			pass;

	/* rows, then columns */
	for (pass = 0; pass < 2; pass++)
	{
		Size		along = pass == 0 ? 1 : n;
		Size		across = pass == 0 ? n : 1;

		for (i = 0; i < n; i++)
		{
			for (j = 0; j < ld; j++)
			{
				double	   *first = covariance + i * along + j * across;
				double		sum = 0;

				for (k = 0; k < nout; k++)
					sum += first[k * ld * across];
				for (k = 0; k < nout; k++)
					first[k * ld * across] -= sum / nout;
			}
		}
	}
}

/* F is small at b afterwards. */
static void
solve(EgObjective *o, double *b, const EgMarginSpec *spec, EgRun *run, EgSolution *s)
{
	bool		penalty = has_penalty(spec);
	Size		ld = o->design->ld;
	Size		n = spec->nout * ld;
	Size		newton = spec->nout > 1 && spec->l1 == 0 ? EG_NEWTON_CLASSES : EG_NEWTON_MAX;

	s->dropped = palloc0(n * sizeof(bool));
	s->remember = spec->remember;
	if (o->past == NULL && n > newton)
	{
		EgSolution	last = {0};

		eg_lbfgs(o, b, spec->max_iter, spec->tolerance, run, s);
		if (n > EG_HESSIAN_MAX || (spec->l1 > 0 && !spec->remember) ||
			(!s->converged && !penalty))
			return;
		last.dropped = s->dropped;
		last.remember = spec->remember;
		last.started = true;
		if (spec->nout > 1)
			first_to_zero(b, spec->nout, ld, penalty);
		eg_newton(o, b, s->converged ? LAST_STEPS : 0, spec->tolerance, run, &last);
		s->iterations += last.iterations;
		s->loss = last.loss;
		s->gradient = last.gradient;
		s->hessian = last.hessian;
		s->covariance = last.covariance;
		return;
	}
	if (spec->nout > 1)
		first_to_zero(b, spec->nout, ld, penalty);
	eg_newton(o, b, spec->max_iter, spec->tolerance, run, s);
}

/* What an update has to know, in CurrentMemoryContext. */
static EgPast *
make_past(const EgObjective *o, const double *b, const EgSolution *s)
{
	Size		ld = o->design->ld;
	Size		n = o->nout * ld;
	EgPast	   *past = eg_past_create(o->nout, (int) ld);
	Size		i;

	past->total = o->total;
	past->loss = s->loss * o->total;
	for (i = 0; i < n; i++)
		past->gradient[i] = s->gradient[i] * o->total - o->l2[i % ld] * b[i];
	for (i = 0; i < n * n; i++)
		past->hessian[i] = s->hessian[i] * o->total;
	for (i = 0; i < n; i++)
		past->hessian[i * n + i] -= o->l2[i % ld];
	return past;
}

/* Coefficients and what is known of them into c. */
static void
set_coefficients(EgCoefs *c, const EgDesign *d, const double *b, const EgSolution *s)
{
	Size		ld = d->ld;
	int			k;
	int			j;

	memset(c->dropped, 0, c->width * sizeof(bool));
	for (k = 0; k < c->nout; k++)
	{
		c->bias[k] = b[k * ld];
		for (j = 0; j < c->width; j++)
		{
			double		v = b[k * ld + j + 1];

			c->coef[(Size) k * c->width + j] = v;
			if (d->shift != NULL)
				c->bias[k] += v * d->shift[j + 1];
			if (s->dropped[k * ld + j + 1] && k == c->nout - 1)
				c->dropped[j] = true;
		}
	}
}

/* Standard errors of all outputs. */
static void
set_errors(EgCoefs *c, const EgMarginSpec *spec, double *covariance)
{
	Size		ld = c->width + 1;
	Size		n = c->nout * ld;
	double	   *block = palloc(ld * ld * sizeof(double));
	Size		i;
	int			k;

	if (c->nout > 1 && has_penalty(spec))
		centre_covariance(covariance, c->nout, ld);
	for (k = 0; k < c->nout; k++)
	{
		for (i = 0; i < ld; i++)
			memcpy(block + i * ld, covariance + (k * ld + i) * n + k * ld, ld * sizeof(double));
		eg_coefs_errors(c, k, block, 1);
	}
	pfree(block);
}

/*
 * The whole way from a design to c; results in the context of c, everything
 * else in the current one.
 */
static void
fit_design(EgCoefs *c, const EgDesign *d, const EgPast *past, const EgMarginSpec *spec, EgRun *run,
		   EgSolution *s)
{
	MemoryContext scratch = CurrentMemoryContext;
	MemoryContext context = GetMemoryChunkContext(c);
	EgObjective *o = make_objective(d, spec, past);
	Size		ld = d->ld;
	double	   *b = palloc0(spec->nout * ld * sizeof(double));
	double	   *at = palloc0(spec->nout * ld * sizeof(double));
	int			k;
	int			j;

	if (past != NULL)
	{
		for (k = 0; k < c->nout; k++)
		{
			at[k * ld] = c->bias[k];
			for (j = 0; j < c->width; j++)
			{
				double		v = c->coef[(Size) k * c->width + j];

				at[k * ld + j + 1] = v;
				if (d->shift != NULL)
					at[k * ld] -= v * d->shift[j + 1];
			}
			if (!d->intercept)
				at[k * ld] = 0;
		}
		memcpy(b, at, spec->nout * ld * sizeof(double));
		o->past_at = at;
	}
	else
		b[0] = eg_family_start(d, spec->family);

	memset(s, 0, sizeof(EgSolution));
	solve(o, b, spec, run, s);
	if (spec->nout > 1)
		centre_classes(b, spec->nout, ld, has_penalty(spec));
	if (past != NULL)
		s->past_loss = eg_past_add(past, b, at, palloc0(spec->nout * ld * sizeof(double)), NULL);
	set_coefficients(c, d, b, s);
	c->base = s->covariance != NULL && c->nout > 1 && !has_penalty(spec) ? 0 : -1;

	MemoryContextSwitchTo(context);
	if (s->covariance != NULL)
		set_errors(c, spec, s->covariance);
	if (spec->remember && s->hessian != NULL)
		s->past = make_past(o, b, s);
	MemoryContextSwitchTo(scratch);
	s->total = o->total;
	s->dropped = NULL;
	s->covariance = NULL;
	s->gradient = NULL;
	s->hessian = NULL;
}

EgCoefs *
eg_margin_fit(const EgDataset *data, const EgMarginSpec *spec, EgRun *run, EgSolution *s)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage coefficients",
												  ALLOCSET_DEFAULT_SIZES);
	EgDesign   *d;
	EgCoefs    *c;

	eg_blas_threads(1);
	d = eg_design_create(data, NULL, spec->intercept, true, run, scratch);
	c = eg_coefs_create(d->prep, spec->nout, spec->intercept, eg_prep_names(d->prep, data));
	MemoryContextSwitchTo(scratch);
	fit_design(c, d, NULL, spec, run, s);
	eg_design_centre(d, c->centre);
	MemoryContextSwitchTo(model_context);
	MemoryContextDelete(scratch);
	eg_coefs_compile(c);
	return c;
}

void
eg_margin_update(EgCoefs *c, const EgPast *past, const EgDataset *data, const EgMarginSpec *spec,
				 EgRun *run, EgSolution *s)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage coefficients",
												  ALLOCSET_DEFAULT_SIZES);
	EgDesign   *d;
	double	   *centre;
	double		share;
	int			j;

	eg_blas_threads(1);
	d = eg_design_create(data, c->prep, spec->intercept, true, run, scratch);
	share = d->total / (d->total + past->total);
	MemoryContextSwitchTo(scratch);
	c->error = NULL;
	fit_design(c, d, past, spec, run, s);
	centre = palloc(Max(c->width, 1) * sizeof(double));
	eg_design_centre(d, centre);
	for (j = 0; j < c->width; j++)
		c->centre[j] += share * (centre[j] - c->centre[j]);
	MemoryContextSwitchTo(model_context);
	MemoryContextDelete(scratch);
	eg_coefs_compile(c);
}
