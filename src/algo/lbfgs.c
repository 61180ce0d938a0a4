/*-------------------------------------------------------------------------
 *
 * lbfgs.c
 *	  Limited-memory BFGS, and its orthant-wise form for absolute values.
 *
 * For many margins or many columns, where a matrix of second derivatives
 * would be too much.  With absolute values, steps are kept inside the orthant
 * where they are linear, and what crosses its border is set to zero.
 *
 * Sources: J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition,
 * 2006, algorithms 7.4 and 7.5; G. Andrew, J. Gao, "Scalable Training of
 * L1-Regularized Log-Linear Models", ICML 2007.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "utils/memutils.h"

#define MEMORY			10		/* pairs of steps and gradient changes kept */
#define MAX_HALVINGS	40
#define SEPARATED_LOSS	1e-6

typedef struct Lbfgs
{
	EgObjective *o;
	Size		n;
	int			kept;
	int			newest;
	double	   *s[MEMORY];		/* steps */
	double	   *y[MEMORY];		/* changes of the gradient */
	double		rho[MEMORY];
	double	   *pseudo;			/* gradient with the absolute values */
	double	   *d;
} Lbfgs;

static double
dot(const double *a, const double *b, Size n)
{
	double		sum[4] = {0, 0, 0, 0};
	Size		i;

	for (i = 0; i + 4 <= n; i += 4)
	{
		sum[0] += a[i] * b[i];
		sum[1] += a[i + 1] * b[i + 1];
		sum[2] += a[i + 2] * b[i + 2];
		sum[3] += a[i + 3] * b[i + 3];
	}
	for (; i < n; i++)
		sum[0] += a[i] * b[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static inline double
l1_of(const EgObjective *o, Size i)
{
	return o->l1 != NULL ? o->l1[i % o->design->ld] / o->total : 0;
}

static double
absolute(const Lbfgs *l, const double *b)
{
	double		sum = 0;
	Size		i;

	for (i = 0; l->o->l1 != NULL && i < l->n; i++)
		sum += l1_of(l->o, i) * fabs(b[i]);
	return sum;
}

/* The gradient of steepest descent, and its largest component. */
static double
pseudo_gradient(Lbfgs *l, const double *b, const double *g)
{
	double		most = 0;
	Size		i;

	for (i = 0; i < l->n; i++)
	{
		double		l1 = l1_of(l->o, i);
		double		v = g[i];

		if (b[i] != 0)
			v += b[i] > 0 ? l1 : -l1;
		else if (v + l1 < 0)
			v += l1;
		else if (v - l1 > 0)
			v -= l1;
		else if (l1 > 0)
			v = 0;
		l->pseudo[i] = v;
		if (!(fabs(v) <= most))
			most = fabs(v);
	}
	return most / l->o->scale;
}

/* d = - inverse second derivatives * pseudo, by the two loops. */
static void
direction(Lbfgs *l)
{
	double		alpha[MEMORY];
	Size		i;
	int			k;

	for (i = 0; i < l->n; i++)
		l->d[i] = -l->pseudo[i];
	for (k = 0; k < l->kept; k++)
	{
		int			at = (l->newest - k + MEMORY) % MEMORY;

		alpha[at] = l->rho[at] * dot(l->s[at], l->d, l->n);
		for (i = 0; i < l->n; i++)
			l->d[i] -= alpha[at] * l->y[at][i];
	}
	if (l->kept > 0)
	{
		const double *y = l->y[l->newest];
		double		scale = 1 / (l->rho[l->newest] * dot(y, y, l->n));

		for (i = 0; i < l->n; i++)
			l->d[i] *= scale;
	}
	for (k = l->kept - 1; k >= 0; k--)
	{
		int			at = (l->newest - k + MEMORY) % MEMORY;
		double		beta = l->rho[at] * dot(l->y[at], l->d, l->n);

		for (i = 0; i < l->n; i++)
			l->d[i] += (alpha[at] - beta) * l->s[at][i];
	}
	if (l->o->l1 != NULL)
	{
		for (i = 0; i < l->n; i++)
		{
			if (l->d[i] * l->pseudo[i] >= 0)
				l->d[i] = 0;
		}
	}
}

/* Keep a step and the change of the gradient; in a convex loss their product is positive. */
static void
remember(Lbfgs *l, const double *from, const double *to, const double *g, const double *new_g)
{
	int			at = (l->newest + 1) % MEMORY;
	double		product;
	Size		i;

	for (i = 0; i < l->n; i++)
	{
		l->s[at][i] = to[i] - from[i];
		l->y[at][i] = new_g[i] - g[i];
	}
	product = dot(l->s[at], l->y[at], l->n);
	if (!(product > 1e-16 * dot(l->y[at], l->y[at], l->n)))
		return;
	l->rho[at] = 1 / product;
	l->newest = at;
	l->kept = Min(l->kept + 1, MEMORY);
}

/* Where a step of length t ends: a component that would change its sign ends at zero. */
static void
move(const Lbfgs *l, const double *b, double t, double *to)
{
	Size		i;

	for (i = 0; i < l->n; i++)
	{
		to[i] = b[i] + t * l->d[i];
		if (l1_of(l->o, i) > 0)
		{
			double		side = b[i] != 0 ? b[i] : -l->pseudo[i];

			if (to[i] * side <= 0)
				to[i] = 0;
		}
	}
}

void
eg_lbfgs(EgObjective *o, double *b, int max_iter, double tolerance, EgRun *run, EgSolution *out)
{
	Lbfgs		l = {0};
	Size		n = (Size) o->nout * o->design->ld;
	Size		bytes = n * sizeof(double);
	double	   *memory;
	double	   *g;
	double	   *to;
	double	   *new_g;
	double		f;
	int			k;
	Size		i;

	eg_check_memory(bytes * (2 * MEMORY + 5), run->memory_limit, "solving for the coefficients");
	memory = MemoryContextAllocExtended(CurrentMemoryContext, bytes * (2 * MEMORY + 5),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	l.o = o;
	l.n = n;
	for (k = 0; k < MEMORY; k++)
	{
		l.s[k] = memory + 2 * k * n;
		l.y[k] = memory + (2 * k + 1) * n;
	}
	memory += 2 * MEMORY * n;
	l.pseudo = memory;
	l.d = memory + n;
	g = memory + 2 * n;
	to = memory + 3 * n;
	new_g = memory + 4 * n;

	f = eg_objective_pass(o, b, g, NULL) + absolute(&l, b);
	for (out->iterations = 0;; out->iterations++)
	{
		double		most = pseudo_gradient(&l, b, g);
		double		slope;
		double		t = 1;
		double		new_f = f;
		int			halving;

		eg_step(run, out->iterations, max_iter, "loss", f);
		out->separated = o->separated && o->l1 == NULL && o->past == NULL &&
			o->l2[o->design->ld - 1] == 0;
		out->converged = most <= tolerance || (out->separated && f < SEPARATED_LOSS);
		if (out->converged || out->iterations >= max_iter || !isfinite(most))
			break;

		direction(&l);
		slope = dot(l.d, l.pseudo, n);
		if (!(slope < 0))
		{
			l.kept = 0;
			direction(&l);
			slope = dot(l.d, l.pseudo, n);
		}
		if (l.kept == 0)
			t = Min(1, 1 / sqrt(dot(l.d, l.d, n)));

		for (halving = 0; halving < MAX_HALVINGS; halving++)
		{
			double		gain = 0;

			move(&l, b, t, to);
			for (i = 0; i < n; i++)
				gain += l.pseudo[i] * (to[i] - b[i]);
			new_f = eg_objective_pass(o, to, new_g, NULL) + absolute(&l, to);
			if (new_f <= f + 1e-4 * gain + 1e-14 * fabs(f))
				break;
			t /= 2;
		}
		if (halving == MAX_HALVINGS)
		{
			/* nothing is gained any more: as far as rounding lets one go */
			out->converged = most <= sqrt(tolerance);
			if (l.kept == 0 || out->converged)
				break;
			l.kept = 0;
			continue;
		}
		remember(&l, b, to, g, new_g);
		memcpy(b, to, bytes);
		memcpy(g, new_g, bytes);
		f = new_f;
	}
	out->loss = f - eg_objective_penalty(o, b);
}
