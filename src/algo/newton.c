/*-------------------------------------------------------------------------
 *
 * newton.c
 *	  Newton's method for one linear margin (iteratively reweighted least
 *	  squares), with coordinate descent where absolute values are penalized.
 *
 * Second derivatives cost several times what a gradient costs, so they are
 * made rarely.  Where there are many rows, a sample of them is solved first.
 * Its coefficients are nearly right, and its second derivatives good enough
 * for steps with gradients of all rows, each of which leaves but a small share
 * of the error.  Those of all rows are made once, when they bring the last
 * step and serve for the standard errors too; and whenever a step was poor.
 * After the last gradient one more step is taken with what is there.
 *
 * Sources: P. McCullagh, J. A. Nelder, "Generalized Linear Models", 2nd
 * edition, 1989, section 2.5; J. Friedman, T. Hastie, R. Tibshirani,
 * "Regularization Paths for Generalized Linear Models via Coordinate Descent",
 * Journal of Statistical Software 33, 2010.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "base/linalg.h"
#include "utils/memutils.h"

#define DEPENDENT		1e-10	/* share of a column that is its own, at least, squared */
#define SAMPLE_ROWS		4000
#define SAMPLE_FACTOR	200		/* rows of the sample for each column */
#define SAMPLE_STEPS	10
#define SAMPLE_TOLERANCE	1e-3
#define MAX_HALVINGS	40
#define MAX_SWEEPS		2000

/* where every row has its side, the loss can be had as small as one likes: enough is enough */
#define SEPARATED_LOSS	1e-6

/* standard errors are made of second derivatives no farther away than this */
#define NEAR			1e-4

/* a step with old second derivatives that does not do better asks for new ones */
#define GOOD_RATIO		0.3

/* the error left by a step with new second derivatives, over the square of the error before */
#define SQUARED			1000

typedef struct Newton
{
	EgObjective *o;
	int			n;
	bool	   *fixed;			/* zero by convention */
	bool	   *dropped;		/* these, and what others make up */
	bool		choose;			/* dropped is still to be found */
	bool		factored;		/* factor is of h */
	double	   *b;
	double	   *g;
	double	   *h;				/* second derivatives, both triangles */
	double	   *factor;
	double	   *d;				/* direction */
	double	   *trial;
	double	   *trial_g;
	double	   *hd;				/* h * d, for coordinate descent */
	double		f;				/* with the absolute values */
	bool		fresh;			/* h is of b */
	double		moved;			/* since h was made */
} Newton;

/* The penalty on an absolute value, over the total weight. */
static inline double
l1_of(const EgObjective *o, Size j)
{
	return o->l1 != NULL ? o->l1[j % o->design->ld] / o->total : 0;
}

static double
absolute(const Newton *s, const double *b)
{
	double		sum = 0;
	int			j;

	for (j = 0; s->o->l1 != NULL && j < s->n; j++)
		sum += l1_of(s->o, j) * fabs(b[j]);
	return sum;
}

/* Smooth value at trial or b; h is overwritten when wanted. */
static double
evaluate(Newton *s, const double *b, double *g, bool want_h)
{
	double		f = eg_objective_pass(s->o, b, g, want_h ? s->h : NULL);

	if (want_h)
	{
		s->moved = 0;
		s->factored = false;
	}
	s->fresh = want_h;
	return f + absolute(s, b);
}

/* The largest slope that the absolute values do not hold. */
static double
violation(const Newton *s)
{
	const EgObjective *o = s->o;
	double		most = 0;
	int			j;

	for (j = 0; j < s->n; j++)
	{
		double		l1 = l1_of(o, j);
		double		v;

		if (s->dropped[j])
			continue;
		if (s->b[j] != 0)
			v = fabs(s->g[j] + (s->b[j] > 0 ? l1 : -l1));
		else
			v = Max(fabs(s->g[j]) - l1, 0);
		if (!(v <= most))
			most = v;
	}
	return most / o->scale;
}

/* Factor of h without the dropped columns; a little is added where weights have vanished. */
static void
factorize(Newton *s)
{
	Size		n = s->n;
	double		more = 0;
	Size		i;
	Size		j;

	if (s->choose)
	{
		memcpy(s->factor, s->h, n * n * sizeof(double));
		for (i = 0; i < n; i++)
		{
			for (j = 0; s->fixed[i] && j < n; j++)
				s->factor[i * n + j] = s->factor[j * n + i] = 0;
			if (s->fixed[i])
				s->factor[i * n + i] = 1;
		}
		eg_cholesky(s->factor, s->n, DEPENDENT, s->dropped);
		for (i = 0; i < n; i++)
			s->dropped[i] = s->dropped[i] || s->fixed[i];
		s->choose = false;
	}
	for (;;)
	{
		memcpy(s->factor, s->h, n * n * sizeof(double));
		for (i = 0; i < n; i++)
		{
			s->factor[i * n + i] += more * s->factor[i * n + i] + more * 1e-6;
			for (j = 0; s->dropped[i] && j < n; j++)
				s->factor[i * n + j] = s->factor[j * n + i] = 0;
			if (s->dropped[i])
				s->factor[i * n + i] = 1;
		}
		if (eg_cholesky(s->factor, s->n, 1e-14, NULL) >= 0 || more > 1e6)
			break;
		more = more > 0 ? more * 100 : 1e-10;
	}
	s->factored = true;
}

/* Direction by coordinate descent on the quadratic model with the absolute values. */
static void
descend(Newton *s)
{
	const EgObjective *o = s->o;
	Size		n = s->n;
	int			sweep;
	Size		i;
	Size		j;

	memset(s->d, 0, n * sizeof(double));
	memset(s->hd, 0, n * sizeof(double));
	for (sweep = 0; sweep < MAX_SWEEPS; sweep++)
	{
		double		largest = 0;

		for (j = 0; j < n; j++)
		{
			const double *row = s->h + j * n;
			double		curve = row[j];
			double		l1 = l1_of(o, j);
			double		old = s->b[j] + s->d[j];
			double		v;
			double		change;

			if (s->dropped[j] || !(curve > 0))
				continue;
			v = curve * old - s->g[j] - s->hd[j];
			v = v > l1 ? v - l1 : v < -l1 ? v + l1 : 0;
			change = v / curve - old;
			if (change == 0)
				continue;
			s->d[j] += change;
			largest = Max(largest, fabs(change) * sqrt(curve));
			for (i = 0; i < n; i++)
				s->hd[i] += change * row[i];
		}
		if (largest < 1e-10)
			break;
	}
}

static void
direction(Newton *s)
{
	int			j;

	if (s->o->l1 != NULL)
	{
		descend(s);
		return;
	}
	for (j = 0; j < s->n; j++)
		s->d[j] = s->dropped[j] ? 0 : -s->g[j];
	eg_cholesky_solve(s->factor, s->n, s->d);
}

/* Step along d, halved until F falls; false when it does not. */
static bool
step(Newton *s, bool want_h)
{
	double		slope = 0;
	double		t = 1;
	int			halving;
	int			j;

	for (j = 0; j < s->n; j++)
	{
		slope += s->g[j] * s->d[j];
		s->trial[j] = s->b[j] + s->d[j];
	}
	slope += absolute(s, s->trial) - absolute(s, s->b);

	for (halving = 0; halving < MAX_HALVINGS; halving++)
	{
		double		moved = s->moved;
		double		f = evaluate(s, s->trial, s->trial_g, want_h);

		/* what rounding does to F must not stop a step that is right */
		if (f <= s->f + 1e-4 * t * Min(slope, 0) + 1e-14 * fabs(s->f))
		{
			double	   *swap = s->g;

			if (!want_h)
			{
				for (j = 0; j < s->n; j++)
					moved = Max(moved, fabs(s->trial[j] - s->b[j]));
				s->moved = moved;
			}
			memcpy(s->b, s->trial, s->n * sizeof(double));
			s->g = s->trial_g;
			s->trial_g = swap;
			s->f = f;
			return true;
		}
		t /= 2;
		for (j = 0; j < s->n; j++)
			s->trial[j] = s->b[j] + t * s->d[j];
	}

	/* h may be of a trial */
	s->fresh = false;
	return false;
}

static bool
penalized(const EgObjective *o)
{
	int			j;

	for (j = 1; j < o->design->ld; j++)
	{
		if (o->l2[j] > 0)
			return true;
	}
	return o->l1 != NULL;
}

/* Second derivatives of this very place. */
static void
renew(Newton *s)
{
	int			j;
	bool		again = false;

	if (!s->fresh)
		s->f = evaluate(s, s->b, s->g, true);
	if (s->factored)
		return;
	factorize(s);

	/* what is dropped now was not where the start came from */
	for (j = 0; j < s->n; j++)
	{
		again = again || (s->dropped[j] && s->b[j] != 0);
		if (s->dropped[j])
			s->b[j] = 0;
	}
	if (again)
	{
		s->f = evaluate(s, s->b, s->g, true);
		factorize(s);
	}
}

/* Iterate from b; true when converged. */
static bool
iterate(Newton *s, int max_iter, double tolerance, EgRun *run, int *iterations, bool *separated)
{
	bool		bounded = penalized(s->o) || s->o->past != NULL;
	double		last = INFINITY;
	double		ratio = 0.1;

	*separated = false;
	for (*iterations = 0;; ++*iterations)
	{
		double		v = violation(s);
		bool		want_h;

		if (run != NULL)
			eg_step(run, *iterations, max_iter, "loss", s->f);
		*separated = s->o->separated && !bounded;
		if (*separated && s->f < SEPARATED_LOSS)
			return true;
		if (isfinite(last))
			ratio = v / last;
		if (v <= tolerance && s->choose)
		{
			renew(s);
			v = violation(s);
		}
		if (v <= tolerance)
			return true;

		/* the step that is taken after the last one squares the error */
		if (s->fresh && s->o->l1 == NULL && v * v * SQUARED <= tolerance)
			return true;
		if (*iterations >= max_iter || !isfinite(v))
			return false;
		if (s->fresh || ratio > GOOD_RATIO)
			renew(s);
		v = violation(s);
		last = v;

		/* near the end they serve for the standard errors too */
		if (ratio > GOOD_RATIO)
			want_h = true;
		else if (s->o->l1 != NULL)
			want_h = s->fresh && v * v > tolerance;
		else
			want_h = s->fresh ? v > NEAR / 10 : v * ratio <= NEAR / 10;
		direction(s);
		if (!step(s, want_h))
		{
			s->fresh = false;
			s->factored = false;
			renew(s);
			direction(s);
			if (!step(s, true))
				return violation(s) <= sqrt(tolerance);
		}
	}
}

/* Rows of the sample: each how-manieth, 0 when there are too few for one. */
static Size
sample_step(const EgDesign *d, Size n)
{
	Size		rows = Max(SAMPLE_ROWS, SAMPLE_FACTOR * n);

	return d->data->nfit >= 6 * rows ? d->data->nfit / rows : 0;
}

/*
 * Coefficients and second derivatives of a sample as a start.  Returns false,
 * and b as it was, where it gives none.
 */
static bool
start_from_sample(Newton *s, Size each)
{
	EgObjective *o = s->o;
	EgObjective sample = *o;
	const EgDesign *d = o->design;
	double	   *before = palloc(s->n * sizeof(double));
	double		weight = 0;
	bool		separated;
	int			iterations;
	Size		i;

	for (i = 0; i < d->data->nfit; i += each)
		weight += d->weight != NULL ? d->weight[i] : 1;
	if (!(weight > 0))
		return false;
	sample.step = each;
	sample.share = weight / d->total;
	memcpy(before, s->b, s->n * sizeof(double));
	s->o = &sample;
	s->f = evaluate(s, s->b, s->g, true);
	s->choose = !penalized(o);
	factorize(s);
	iterate(s, SAMPLE_STEPS, SAMPLE_TOLERANCE, NULL, &iterations, &separated);
	s->o = o;
	if (separated || !isfinite(s->f))
	{
		memcpy(s->b, before, s->n * sizeof(double));
		return false;
	}
	return true;
}

/*
 * Do the sample's second derivatives serve for all rows?  Not where a column
 * varied so little there that its own is next to nothing.
 */
static bool
sample_serves(const Newton *s)
{
	Size		ld = s->o->design->ld;
	Size		j;

	for (j = 0; j < s->n; j++)
	{
		Size		first = j - j % ld;	/* the intercept of the same margin */
		double		own = s->h[j * s->n + j] - s->o->l2[j % ld] / s->o->total;

		if (j == first || s->fixed[j])
			continue;
		if (s->dropped[j] || own < 1e-3 * s->h[first * s->n + first])
			return false;
	}
	return true;
}

/* Value of F at the intercept alone. */
static double
null_value(const EgObjective *o, double intercept)
{
	const EgDesign *d = o->design;
	const double *y = d->data->role[EG_ROLE_TARGET];
	double		loss = 0;
	bool		separated;
	Size		i;
	int			j;

	if (o->nout > 1)
		return log(o->nout);
	for (j = 0; j < d->block; j++)
		o->margin[j] = intercept;
	for (i = 0; i < d->data->nfit; i += d->block)
		loss += eg_family_terms(o->family, o->power, (int) Min((Size) d->block, d->data->nfit - i),
								o->margin, y + i, 1, d->weight != NULL ? d->weight + i : NULL,
								o->slope, NULL, &separated);
	return loss / d->total;
}

static double *
matrix(Size n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, n * n * sizeof(double),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* What is zero by convention, in s->fixed and s->dropped. */
static void
fix_coefficients(Newton *s)
{
	const EgObjective *o = s->o;
	int			ld = o->design->ld;
	int			k;
	int			j;

	for (k = 0; k < o->nout; k++)
	{
		s->fixed[k * ld] = !o->design->intercept || (o->nout > 1 && k == 0);
		for (j = 1; j < ld; j++)
			s->fixed[k * ld + j] = o->nout > 1 && k == 0 && !penalized(o);
	}
	memcpy(s->dropped, s->fixed, s->n * sizeof(bool));
}

/* Inverse of the factored second derivatives, zero where there is no coefficient. */
static double *
covariance_of(const Newton *s)
{
	Size		n = s->n;
	double	   *out = matrix(n);
	Size		i;
	Size		j;

	eg_cholesky_inverse(s->factor, s->n, out);
	for (i = 0; i < n * n; i++)
		out[i] /= s->o->total;
	for (i = 0; i < n; i++)
	{
		for (j = 0; s->dropped[i] && j < n; j++)
			out[i * n + j] = out[j * n + i] = 0;
	}
	return out;
}

/* The last step, and what else is wanted of the place where it ends. */
static void
finish(Newton *s, EgSolution *out)
{
	Size		n = s->n;
	Size		i;
	Size		j;

	if (s->o->l1 == NULL && out->converged && !out->separated)
	{
		if (!s->factored)
			factorize(s);
		direction(s);
		for (i = 0; i < n; i++)
		{
			s->b[i] += s->d[i];
			s->moved = Max(s->moved, fabs(s->d[i]));
			for (j = 0; j < n; j++)
				s->g[i] += s->h[i * n + j] * s->d[j];
		}
	}
	if (s->o->l1 != NULL && !out->remember)
		return;
	if (s->moved > NEAR)
		evaluate(s, s->b, s->g, true);
	out->gradient = s->g;
	out->hessian = s->h;
	if (s->o->l1 != NULL)
		return;
	if (!s->factored)
		factorize(s);
	out->covariance = covariance_of(s);
}

void
eg_newton(EgObjective *o, double *b, int max_iter, double tolerance, EgRun *run, EgSolution *out)
{
	Newton		s = {0};
	Size		n = (Size) o->nout * o->design->ld;
	double		start = b[0];
	Size		each = o->past == NULL && !out->started ? sample_step(o->design, n) : 0;
	bool		sampled;
	bool		serves;

	s.o = o;
	s.n = (int) n;
	s.b = b;
	s.dropped = out->dropped;
	s.fixed = palloc0(n * sizeof(bool));
	s.g = palloc(n * sizeof(double));
	s.trial_g = palloc(n * sizeof(double));
	s.d = palloc(n * sizeof(double));
	s.trial = palloc(n * sizeof(double));
	s.hd = palloc(n * sizeof(double));
	s.h = matrix(n);
	s.factor = matrix(n);
	fix_coefficients(&s);

	sampled = each > 1 && start_from_sample(&s, each);
	serves = sampled && sample_serves(&s);
	if (serves && !s.factored)
		factorize(&s);
	s.choose = !penalized(o);
	memcpy(s.dropped, s.fixed, n * sizeof(bool));
	s.moved = 1;
	s.f = evaluate(&s, b, s.g, !serves);
	if (sampled && !(s.f <= null_value(o, start)))
	{
		memset(b, 0, n * sizeof(double));
		b[0] = start;
		s.f = evaluate(&s, b, s.g, true);
	}
	if (!s.factored)
		renew(&s);
	out->converged = iterate(&s, max_iter, tolerance, run, &out->iterations, &out->separated);
	out->loss = s.f - eg_objective_penalty(o, b);
	finish(&s, out);
}
