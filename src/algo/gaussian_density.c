/*-------------------------------------------------------------------------
 *
 * gaussian_density.c
 *	  Mixtures of normal distributions: densities, and shares of components.
 *
 * A row minus a mean, times the inverse of the covariance's Cholesky factor, is
 * standard normal; logarithms are added, and exponentials taken of differences
 * from the largest, so that nothing overflows however far a row is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/gaussian_em.h"
#include "utils/memutils.h"

static void *
huge(Size n)
{
	return palloc_extended(Max(n, 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

Size
eg_mixture_factors(EgCovariance kind, int k, int d)
{
	switch (kind)
	{
		case EG_COV_FULL:
			return (Size) k * d * d;
		case EG_COV_TIED:
			return (Size) d * d;
		case EG_COV_DIAG:
			return (Size) k * d;
		default:
			return k;
	}
}

EgMixture *
eg_mixture_create(EgCovariance kind, int k, int d)
{
	EgMixture  *m = palloc0(sizeof(EgMixture));

	m->kind = kind;
	m->k = k;
	m->d = d;
	m->weight = huge(k);
	m->mean = huge((Size) k * d);
	m->factor = huge(eg_mixture_factors(kind, k, d));
	m->constant = huge(k);
	m->z = huge(d);
	return m;
}

double
eg_mixture_parameters(const EgMixture *m)
{
	double		k = m->k;
	double		d = m->d;
	double		cov = m->kind == EG_COV_FULL ? k * d * (d + 1) / 2 :
		m->kind == EG_COV_TIED ? d * (d + 1) / 2 : m->kind == EG_COV_DIAG ? k * d : k;

	return cov + k * d + k - 1;
}

void
eg_mixture_finish(EgMixture *m)
{
	int			c;
	int			j;

	for (c = 0; c < m->k; c++)
	{
		double		sum = -0.5 * m->d * log(2 * M_PI);

		for (j = 0; j < m->d; j++)
		{
			double		f;

			if (eg_has_matrix(m->kind))
				f = m->factor[(m->kind == EG_COV_FULL ? (Size) c * m->d * m->d : 0) +
							  (Size) j * m->d + j];
			else
				f = m->factor[m->kind == EG_COV_DIAG ? (Size) c * m->d + j : c];
			sum += log(f);
		}
		m->constant[c] = sum + (m->weight[c] > 0 ? log(m->weight[c]) : -INFINITY);
	}
}

double
eg_mixture_log_density(const EgMixture *m, int c, const float *x, double *restrict z)
{
	int			d = m->d;
	const double *mean = m->mean + (Size) c * d;
	double		square = 0;
	int			i;
	int			j;

	for (j = 0; j < d; j++)
		z[j] = x[j] - mean[j];
	if (eg_has_matrix(m->kind))
	{
		const double *row = m->factor + (m->kind == EG_COV_FULL ? (Size) c * d * d : 0);

		for (i = 0; i < d; i++, row += d)
		{
			double		even = 0;
			double		odd = 0;

			/* two sums: an addition need not wait for the one before */
			for (j = 0; j + 1 <= i; j += 2)
			{
				even += row[j] * z[j];
				odd += row[j + 1] * z[j + 1];
			}
			if (j <= i)
				even += row[j] * z[j];
			square += (even + odd) * (even + odd);
		}
	}
	else
	{
		const double *f = m->factor + (m->kind == EG_COV_DIAG ? (Size) c * d : c);

		for (j = 0; j < d; j++)
		{
			double		v = z[j] * (m->kind == EG_COV_DIAG ? f[j] : f[0]);

			square += v * v;
		}
	}
	return m->constant[c] - square / 2;
}

double
eg_mixture_normalize(double *v, int k)
{
	double		most = -INFINITY;
	double		sum = 0;
	int			c;

	for (c = 0; c < k; c++)
		most = Max(most, v[c]);
	for (c = 0; c < k; c++)
	{
		v[c] = exp(v[c] - most);
		sum += v[c];
	}
	for (c = 0; c < k; c++)
		v[c] /= sum;
	return most + log(sum);
}

double
eg_mixture_shares(const EgMixture *m, const float *x, double *out)
{
	int			c;

	for (c = 0; c < m->k; c++)
		out[c] = eg_mixture_log_density(m, c, x, m->z);
	return eg_mixture_normalize(out, m->k);
}
