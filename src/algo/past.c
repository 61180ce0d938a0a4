/*-------------------------------------------------------------------------
 *
 * past.c
 *	  The loss of rows that are gone, to second order.
 *
 * The quadratic is Laplace's approximation of the likelihood of those rows
 * around the coefficients that were learned from them.  It holds the gradient
 * too, because penalties keep it from being zero; and it is of the loss alone,
 * so that penalties count once however often a model is updated.
 *
 * Sources: D. J. Spiegelhalter, S. L. Lauritzen, "Sequential Updating of
 * Conditional Probabilities on Directed Graphical Structures", Networks 20,
 * 1990; C. M. Bishop, "Pattern Recognition and Machine Learning", 2006,
 * sections 4.4 and 4.5.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/past.h"
#include "utils/memutils.h"

static double *
zeros(Size n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n, 1) * sizeof(double),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

EgPast *
eg_past_create(int nout, int ld)
{
	EgPast	   *p = palloc0(sizeof(EgPast));
	Size		n = (Size) nout * ld;

	p->nout = nout;
	p->ld = ld;
	p->gradient = zeros(n);
	p->hessian = zeros(n * n);
	return p;
}

double
eg_past_add(const EgPast *p, const double *b, const double *at, double *gradient, double *hessian)
{
	Size		n = (Size) p->nout * p->ld;
	double		loss = p->loss;
	Size		i;
	Size		j;

	for (i = 0; i < n; i++)
	{
		const double *row = p->hessian + i * n;
		double		sum = 0;

		for (j = 0; j < n; j++)
			sum += row[j] * (b[j] - at[j]);
		loss += (p->gradient[i] + sum / 2) * (b[i] - at[i]);
		gradient[i] += p->gradient[i] + sum;
	}
	for (i = 0; hessian != NULL && i < n * n; i++)
		hessian[i] += p->hessian[i];
	return loss;
}

void
eg_past_first_class(double *h, int nout, int ld)
{
	Size		n = (Size) nout * ld;
	Size		i;
	Size		j;
	int			k;

	for (i = 0; i < ld; i++)
	{
		memset(h + i * n, 0, n * sizeof(double));
		for (j = ld; j < n; j++)
		{
			for (k = 1; k < nout; k++)
				h[i * n + j] -= h[((Size) k * ld + i) * n + j];
			h[j * n + i] = h[i * n + j];
		}
	}
	for (i = 0; i < ld; i++)
	{
		for (j = 0; j < ld; j++)
		{
			for (k = 1; k < nout; k++)
				h[i * n + j] -= h[i * n + (Size) k * ld + j];
		}
	}
}

/* ---------------- stored form ---------------- */

void
eg_past_save(const EgPast *p, EgWriter *w)
{
	Size		n = (Size) p->nout * p->ld;
	Size		first = p->nout > 1 ? p->ld : 0;
	Size		i;
	Size		j;

	eg_put_f64(w, p->total);
	eg_put_f64(w, p->loss);
	for (i = first; i < n; i++)
	{
		eg_put_f64(w, p->gradient[i]);
		for (j = first; j <= i; j++)
			eg_put_f64(w, p->hessian[i * n + j]);
	}
}

static double
get_finite(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (!isfinite(v))
		eg_corrupted(r, "what it remembers of its rows is not finite");
	return v;
}

EgPast *
eg_past_load(EgReader *r, int nout, int ld)
{
	Size		n = (Size) nout * ld;
	Size		first = nout > 1 ? ld : 0;
	Size		stored = n - first;
	EgPast	   *p;
	Size		i;
	Size		j;

	/* the lower triangle and the gradient, within the bytes left */
	if (stored > 65536 || stored * (stored + 3) / 2 > (r->len - r->pos) / sizeof(double))
		eg_corrupted(r, "it remembers less of its rows than it says");
	p = eg_past_create(nout, ld);
	p->total = get_finite(r);
	p->loss = get_finite(r);
	if (!(p->total > 0))
		eg_corrupted(r, "its rows have no weight");
	for (i = first; i < n; i++)
	{
		p->gradient[i] = get_finite(r);
		for (j = first; j <= i; j++)
			p->hessian[i * n + j] = p->hessian[j * n + i] = get_finite(r);
	}
	if (nout > 1)
	{
		for (i = first; i < n; i++)
			p->gradient[i % ld] -= p->gradient[i];
		eg_past_first_class(p->hessian, nout, ld);
	}
	return p;
}
