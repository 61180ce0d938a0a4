/*-------------------------------------------------------------------------
 *
 * pca.c
 *	  Principal components by subspace iteration.
 *
 * A block of vectors, some more than are wanted, is multiplied by the covariance
 * again and again; in the space that it spans, the eigenvectors of a small
 * symmetric matrix (Jacobi's rotations) are the best guess of the large one's.
 * The first ones converge fast because of the vectors beyond them, and equal
 * eigenvalues do no harm.
 *
 * Sources: K. Pearson, "On Lines and Planes of Closest Fit to Systems of Points
 * in Space", Philosophical Magazine 2, 1901; G. H. Golub, C. F. Van Loan, "Matrix
 * Computations", 4th edition, sections 8.2.4 and 8.5.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/random.h"
#include "eval/pca.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BEYOND			8		/* vectors more than are wanted */
#define MOST_STEPS		1000
#define SETTLED			1e-10	/* residual, in units of the largest eigenvalue */
#define MOST_SWEEPS		60
#define SAME_LOADING	1e-6
#define CHECK_CELLS		1000000
#define START			UINT64CONST(19010611)

static double *
cells(Size rows, Size columns)
{
	return palloc_extended(Max(rows * columns, 1) * sizeof(double),
						   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static double
dot(const double *a, const double *b, int d)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < d; j++)
		sum += a[j] * b[j];
	return sum;
}

/* Covariance (d, d), both halves; mean is set. */
static double *
covariance(const float *x, Size n, int d, double *mean)
{
	double	   *c = cells(d, d);
	double	   *row = cells(1, d);
	Size		work = 0;
	Size		i;
	int			j,
				k;

	for (i = 0; i < n; i++)
	{
		for (j = 0; j < d; j++)
			mean[j] += (x[i * d + j] - mean[j]) / (i + 1);
	}
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < d; j++)
			row[j] = x[i * d + j] - mean[j];
		for (j = 0; j < d; j++)
		{
			double		v = row[j];
			double	   *to = c + (Size) j * d;

			if (v == 0)
				continue;
			for (k = 0; k <= j; k++)
				to[k] += v * row[k];
		}
		work += (Size) d * d;
		if (work > CHECK_CELLS)
		{
			CHECK_FOR_INTERRUPTS();
			work = 0;
		}
	}
	for (j = 0; j < d; j++)
	{
		for (k = 0; k <= j; k++)
		{
			c[(Size) j * d + k] /= Max(n, 2) - 1;
			c[(Size) k * d + j] = c[(Size) j * d + k];
		}
	}
	pfree(row);
	return c;
}

/*
 * Make the p vectors (p, d) of length 1 and orthogonal, twice because of rounding.
 * One that depends on those before it gives way to a unit vector.
 */
static void
orthonormalize(double *v, int p, int d)
{
	int			i,
				j,
				k;

	for (i = 0; i < p; i++)
	{
		double	   *a = v + (Size) i * d;
		int			unit = 0;

		for (;;)
		{
			double		before = sqrt(dot(a, a, d));
			double		after;
			int			pass;

			for (pass = 0; pass < 2; pass++)
			{
				for (k = 0; k < i; k++)
				{
					const double *b = v + (Size) k * d;
					double		along = dot(a, b, d);

					for (j = 0; j < d; j++)
						a[j] -= along * b[j];
				}
			}
			after = sqrt(dot(a, a, d));
			if (after > before * 1e-12 && after > 0)
			{
				for (j = 0; j < d; j++)
					a[j] /= after;
				break;
			}
			/* there is one that is independent, since p is at most d */
			memset(a, 0, sizeof(double) * d);
			a[unit++ % d] = 1;
		}
	}
}

/* Eigenvectors of a small symmetric matrix a (p, p), which becomes diagonal; into the rows of v. */
static void
jacobi(double *a, double *v, int p)
{
	int			sweep,
				i,
				j,
				k;

	for (i = 0; i < p; i++)
	{
		for (j = 0; j < p; j++)
			v[i * p + j] = i == j;
	}
	for (sweep = 0; sweep < MOST_SWEEPS; sweep++)
	{
		double		off = 0;
		double		on = 0;

		for (i = 0; i < p; i++)
		{
			on += a[i * p + i] * a[i * p + i];
			for (j = 0; j < i; j++)
				off += a[i * p + j] * a[i * p + j];
		}
		if (off <= 1e-32 * on)
			break;
		for (i = 0; i < p - 1; i++)
		{
			for (j = i + 1; j < p; j++)
			{
				double		apart,
							t,
							c,
							s;

				if (a[i * p + j] == 0)
					continue;
				apart = (a[j * p + j] - a[i * p + i]) / (2 * a[i * p + j]);
				t = (apart < 0 ? -1 : 1) / (fabs(apart) + hypot(apart, 1));
				c = 1 / hypot(t, 1);
				s = t * c;
				for (k = 0; k < p; k++)
				{
					double		ki = a[k * p + i];
					double		kj = a[k * p + j];

					a[k * p + i] = c * ki - s * kj;
					a[k * p + j] = s * ki + c * kj;
				}
				for (k = 0; k < p; k++)
				{
					double		ik = a[i * p + k];
					double		jk = a[j * p + k];

					a[i * p + k] = c * ik - s * jk;
					a[j * p + k] = s * ik + c * jk;
				}
				for (k = 0; k < p; k++)
				{
					double		ik = v[i * p + k];
					double		jk = v[j * p + k];

					v[i * p + k] = c * ik - s * jk;
					v[j * p + k] = s * ik + c * jk;
				}
			}
		}
	}
}

/* out (p, d) = v (p, d) times the symmetric c (d, d). */
static void
multiply(const double *c, const double *v, int p, int d, double *out)
{
	Size		work = 0;
	int			i,
				j;

	for (j = 0; j < d; j++)
	{
		for (i = 0; i < p; i++)
			out[(Size) i * d + j] = dot(c + (Size) j * d, v + (Size) i * d, d);
		work += (Size) p * d;
		if (work > CHECK_CELLS)
		{
			CHECK_FOR_INTERRUPTS();
			work = 0;
		}
	}
}

/*
 * The best eigenvectors in the space of v (p, d), of which cv are the products with the
 * covariance: both become those, the largest value first.
 */
static void
rotate(double *v, double *cv, double *value, int p, int d)
{
	double	   *a = cells(p, p);
	double	   *r = cells(p, p);
	double	   *old = cells(2 * p, d);
	int		   *order = palloc(p * sizeof(int));
	int			i,
				j,
				k;

	for (i = 0; i < p; i++)
	{
		for (j = 0; j <= i; j++)
			a[i * p + j] = a[j * p + i] = dot(v + (Size) i * d, cv + (Size) j * d, d);
	}
	jacobi(a, r, p);
	for (i = 0; i < p; i++)
	{
		for (j = i; j > 0 && a[order[j - 1] * p + order[j - 1]] < a[i * p + i]; j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	memcpy(old, v, sizeof(double) * p * d);
	memcpy(old + (Size) p * d, cv, sizeof(double) * p * d);
	memset(v, 0, sizeof(double) * p * d);
	memset(cv, 0, sizeof(double) * p * d);
	for (i = 0; i < p; i++)
	{
		value[i] = a[order[i] * p + order[i]];
		for (k = 0; k < p; k++)
		{
			double		f = r[order[i] * p + k];

			for (j = 0; j < d; j++)
			{
				v[(Size) i * d + j] += f * old[(Size) k * d + j];
				cv[(Size) i * d + j] += f * old[((Size) p + k) * d + j];
			}
		}
	}
	pfree(a);
	pfree(r);
	pfree(old);
	pfree(order);
}

/* Largest residual of the first n vectors, in units of the largest value. */
static double
residual(const double *v, const double *cv, const double *value, int n, int d)
{
	double		most = 0;
	int			i,
				j;

	for (i = 0; i < n; i++)
	{
		double		square = 0;

		for (j = 0; j < d; j++)
		{
			double		r = cv[(Size) i * d + j] - value[i] * v[(Size) i * d + j];

			square += r * r;
		}
		most = Max(most, square);
	}
	return value[0] > 0 ? sqrt(most) / value[0] : 0;
}

/* The largest loading is positive. */
static void
set_sign(double *v, int d)
{
	double		most = 0;
	int			j;

	for (j = 0; j < d; j++)
		most = Max(most, fabs(v[j]));
	for (j = 0; j < d && fabs(v[j]) < most * (1 - SAME_LOADING); j++)
		 /* next */ ;
	if (j == d || v[j] > 0)
		return;
	for (j = 0; j < d; j++)
		v[j] = -v[j];
}

EgPca *
eg_pca(const float *x, Size n, int d, int most, EgRun *run)
{
	EgPca	   *pca = palloc0(sizeof(EgPca));
	int			p = Min(most + BEYOND, d);
	double		total = 0;
	double	   *c;
	double	   *v;
	double	   *cv;
	double	   *value;
	int			step,
				i;

	pca->d = d;
	pca->n = Min(most, d);
	pca->mean = cells(1, d);
	pca->direction = cells(pca->n, d);
	pca->share = cells(1, pca->n);
	if (d == 0)
		return pca;
	eg_check_memory(((Size) d + 4 * p) * d * sizeof(double), run->memory_limit,
					"computing principal components");
	c = covariance(x, n, d, pca->mean);
	v = cells(p, d);
	cv = cells(p, d);
	value = cells(1, p);
	for (i = 0; i < d; i++)
		total += c[(Size) i * d + i];
	for (i = 0; i < p * d; i++)
		v[i] = eg_random_unit(START, i) - 0.5;
	orthonormalize(v, p, d);
	for (step = 0; step < MOST_STEPS; step++)
	{
		multiply(c, v, p, d, cv);
		rotate(v, cv, value, p, d);
		if (residual(v, cv, value, pca->n, d) <= SETTLED)
			break;
		memcpy(v, cv, sizeof(double) * p * d);
		orthonormalize(v, p, d);
	}
	for (i = 0; i < pca->n; i++)
	{
		set_sign(v + (Size) i * d, d);
		pca->share[i] = total > 0 ? Max(value[i], 0) / total : 0;
	}
	memcpy(pca->direction, v, sizeof(double) * pca->n * d);
	pfree(c);
	pfree(v);
	pfree(cv);
	pfree(value);
	return pca;
}

void
eg_pca_row(const EgPca *p, const float *x, double *out)
{
	int			i,
				j;

	for (i = 0; i < p->n; i++)
	{
		double		sum = 0;

		for (j = 0; j < p->d; j++)
			sum += (x[j] - p->mean[j]) * p->direction[(Size) i * p->d + j];
		out[i] = sum;
	}
}
