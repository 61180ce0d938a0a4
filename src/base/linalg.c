/*-------------------------------------------------------------------------
 *
 * linalg.c
 *	  Symmetric positive systems: Cholesky factor, solution, inverse.
 *
 * Rows are worked off one after the other, so that the inner loops run along
 * rows in memory (the Cholesky-Banachiewicz order).  A column whose pivot is
 * but a tolerated share of its own size is a combination of earlier columns;
 * it is taken out by giving it the row and column of the identity.
 *
 * Source: G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th edition,
 * section 4.2.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/linalg.h"
#include "miscadmin.h"

/* a . b; four sums, so that the additions need not wait for each other */
static double
dot(const double *a, const double *b, int n)
{
	double		s[4] = {0, 0, 0, 0};
	int			i;

	for (i = 0; i + 4 <= n; i += 4)
	{
		s[0] += a[i] * b[i];
		s[1] += a[i + 1] * b[i + 1];
		s[2] += a[i + 2] * b[i + 2];
		s[3] += a[i + 3] * b[i + 3];
	}
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

int
eg_cholesky(double *a, int n, double tolerance, bool *dropped)
{
	int			rank = 0;
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		double	   *row = a + (Size) i * n;
		double		size = row[i];
		double		pivot;

		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = 0; j < i; j++)
		{
			const double *other = a + (Size) j * n;

			row[j] = (row[j] - dot(row, other, j)) / other[j];
		}
		pivot = size - dot(row, row, i);

		/* also when one of them is not a number */
		if (!(pivot > tolerance * size) || !(pivot > 0) || !isfinite(pivot))
		{
			if (dropped == NULL)
				return -1;
			dropped[i] = true;
			memset(row, 0, i * sizeof(double));
			row[i] = 1;
			for (j = i + 1; j < n; j++)
				a[(Size) j * n + i] = 0;
			continue;
		}
		if (dropped != NULL)
			dropped[i] = false;
		row[i] = sqrt(pivot);
		rank++;
	}
	return rank;
}

void
eg_cholesky_solve(const double *l, int n, double *b)
{
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		b[i] = (b[i] - dot(l + (Size) i * n, b, i)) / l[(Size) i * n + i];
	for (i = n - 1; i >= 0; i--)
	{
		const double *row = l + (Size) i * n;

		b[i] /= row[i];
		for (j = 0; j < i; j++)
			b[j] -= row[j] * b[i];
	}
}

/*
 * With M the inverse of the factor, the inverse of the matrix is t(M) M.  Row i
 * of `out` first holds column i of M, which is zero above i.
 */
void
eg_cholesky_inverse(const double *l, int n, double *out)
{
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		double	   *column = out + (Size) i * n;

		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		memset(column, 0, i * sizeof(double));
		column[i] = 1 / l[(Size) i * n + i];
		for (j = i + 1; j < n; j++)
		{
			const double *row = l + (Size) j * n;

			column[j] = -dot(row + i, column + i, j - i) / row[j];
		}
	}

	/* column i and j of M share the entries from j on; those before are not needed again */
	for (i = 0; i < n; i++)
	{
		double	   *row = out + (Size) i * n;

		if (i % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = i; j < n; j++)
			row[j] = dot(row + j, out + (Size) j * n + j, n - j);
	}
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < i; j++)
			out[(Size) i * n + j] = out[(Size) j * n + i];
	}
}
