/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  Rows in single precision times vectors in double precision.
 *
 * A row is read once from memory, widened in registers and used.  Sums go over
 * eight partial sums in a fixed order, so that the compiler may use vectors of
 * any length without changing them; only fused multiplications, where the
 * processor has them, change the last digit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/rows.h"

#define LANES	8
#define ROWS	4				/* summed together: partial sums are loaded and stored less often */

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_WIDE
#define WIDE	__attribute__((target("avx2,fma")))
#endif

bool
eg_rows_complete(const EgMatrix *x, Size nrows)
{
	Size		n = nrows * (Size) x->ncols;
	Size		i;

	for (i = 0; i + 1024 <= n; i += 1024)
	{
		const float *v = x->data + i;
		int			gaps = 0;
		int			j;

		for (j = 0; j < 1024; j++)
			gaps += !(v[j] - v[j] == 0);
		if (gaps > 0)
			return false;
	}
	for (; i < n; i++)
	{
		if (!(x->data[i] - x->data[i] == 0))
			return false;
	}
	return true;
}

static pg_attribute_always_inline void
times(const float *x, Size step, int n, int ncols, const double *restrict mean,
	  const double *restrict b, double start, double *restrict out)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
	{
		const float *restrict row = x + i * step * ncols;
		double		sum[LANES] = {0};
		double		rest = start;

		for (j = 0; j + LANES <= ncols; j += LANES)
		{
			for (k = 0; k < LANES; k++)
				sum[k] += (row[j + k] - mean[j + k]) * b[j + k];
		}
		for (; j < ncols; j++)
			rest += (row[j] - mean[j]) * b[j];
		out[i] = rest + (((sum[0] + sum[4]) + (sum[2] + sum[6])) +
						 ((sum[1] + sum[5]) + (sum[3] + sum[7])));
	}
}

static pg_attribute_always_inline void
add(const float *x, Size step, int n, int ncols, const double *restrict mean,
	const double *restrict w, double *restrict sum)
{
	Size		next = step * ncols;
	int			i;
	int			j;

	for (i = 0; i + ROWS <= n; i += ROWS)
	{
		const float *restrict a = x + i * next;
		const float *restrict b = a + next;
		const float *restrict c = b + next;
		const float *restrict d = c + next;

		for (j = 0; j < ncols; j++)
			sum[j] += (w[i] * (a[j] - mean[j]) + w[i + 1] * (b[j] - mean[j])) +
				(w[i + 2] * (c[j] - mean[j]) + w[i + 3] * (d[j] - mean[j]));
	}
	for (; i < n; i++)
	{
		const float *restrict a = x + i * next;

		for (j = 0; j < ncols; j++)
			sum[j] += w[i] * (a[j] - mean[j]);
	}
}

#ifdef HAVE_WIDE

static WIDE void
times_wide(const float *x, Size step, int n, int ncols, const double *mean, const double *b,
		   double start, double *out)
{
	times(x, step, n, ncols, mean, b, start, out);
}

static WIDE void
add_wide(const float *x, Size step, int n, int ncols, const double *mean, const double *w,
		 double *sum)
{
	add(x, step, n, ncols, mean, w, sum);
}

static bool
is_wide(void)
{
	static int	known = -1;

	if (known < 0)
		known = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	return known;
}
#endif

void
eg_rows_times(const float *x, Size step, int n, int ncols, const double *mean, const double *b,
			  double start, double *out)
{
#ifdef HAVE_WIDE
	if (is_wide())
	{
		times_wide(x, step, n, ncols, mean, b, start, out);
		return;
	}
#endif
	times(x, step, n, ncols, mean, b, start, out);
}

void
eg_rows_sum(const float *x, Size step, int n, int ncols, const double *mean, const double *w,
			double *sum)
{
#ifdef HAVE_WIDE
	if (is_wide())
	{
		add_wide(x, step, n, ncols, mean, w, sum);
		return;
	}
#endif
	add(x, step, n, ncols, mean, w, sum);
}
