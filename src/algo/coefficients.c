/*-------------------------------------------------------------------------
 *
 * coefficients.c
 *	  Linear margins: scored, explained, described, stored.
 *
 * Numbers are scored as slope * (x - mean), categories by a table, so that a
 * row costs a multiplication or a lookup for each column and no scratch
 * memory.  Because what a column adds does not depend on the other columns,
 * the Shapley value of a column is what it adds less what it adds on average
 * (S. M. Lundberg, S.-I. Lee, "A Unified Approach to Interpreting Model
 * Predictions", NIPS 2017, corollary 1).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/coefficients.h"
#include "base/distribution.h"
#include "utils/json.h"
#include "utils/memutils.h"

static double *
numbers(Size n)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(n, 1) * sizeof(double),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

EgCoefs *
eg_coefs_create(EgPrep *prep, int nout, bool intercept, char **names)
{
	EgCoefs    *c = palloc0(sizeof(EgCoefs));

	c->prep = prep;
	c->nout = nout;
	c->width = prep->width;
	c->intercept = intercept;
	c->names = names;
	c->coef = numbers((Size) nout * c->width);
	c->bias = numbers(nout);
	c->centre = numbers(c->width);
	c->dropped = palloc0(Max(c->width, 1) * sizeof(bool));
	return c;
}

/* What a value of column j adds to margin k. */
static inline double
addition(const EgCoefs *c, int k, int j, float v)
{
	const EgPrep *p = c->prep;
	Size		at = (Size) k * p->ncols + j;

	if (p->ncategories[j] > 0)
	{
		if (v >= 0 && v < p->ncategories[j])
			return c->table[(Size) k * p->code_start[p->ncols] + p->code_start[j] + (int) v];
		return c->blank[at];
	}
	return isfinite(v) ? c->slope[at] * (v - p->mean[j]) : c->blank[at];
}

void
eg_coefs_compile(EgCoefs *c)
{
	const EgPrep *p = c->prep;
	Size		ncodes = p->code_start[p->ncols];
	int			k;
	int			j;
	int			code;

	c->slope = numbers((Size) c->nout * p->ncols);
	c->blank = numbers((Size) c->nout * p->ncols);
	c->expected = numbers((Size) c->nout * p->ncols);
	c->table = numbers((Size) c->nout * ncodes);
	for (k = 0; k < c->nout; k++)
	{
		const double *coef = c->coef + (Size) k * c->width;

		for (j = 0; j < p->ncols; j++)
		{
			Size		at = (Size) k * p->ncols + j;
			int			missing = p->missing[j];

			if (missing >= 0)
			{
				c->blank[at] = coef[missing];
				c->expected[at] = coef[missing] * c->centre[missing];
			}
			if (p->ncategories[j] == 0 && p->first[j] >= 0)
				c->slope[at] = coef[p->first[j]] / p->deviation[j];
			for (code = p->code_start[j]; code < p->code_start[j + 1]; code++)
			{
				int			column = p->code_column[code];

				if (column >= 0)
				{
					c->table[k * ncodes + code] = coef[column];
					c->expected[at] += coef[column] * c->centre[column];
				}
			}
		}
	}
}

/*
 * intercept = bias - sum of slope * mean over numbers, so it weighs the
 * coefficient of a number by -mean / deviation.
 */
static double *
intercept_weights(const EgCoefs *c)
{
	const EgPrep *p = c->prep;
	double	   *weight = numbers(c->width);
	int			j;

	for (j = 0; j < p->ncols; j++)
	{
		if (p->ncategories[j] == 0 && p->first[j] >= 0)
			weight[p->first[j]] = -p->mean[j] / p->deviation[j];
	}
	return weight;
}

/* Deviations by which prepared columns were divided. */
static double *
divisors(const EgCoefs *c)
{
	const EgPrep *p = c->prep;
	double	   *divisor = numbers(c->width);
	int			j;

	for (j = 0; j < c->width; j++)
		divisor[j] = 1;
	for (j = 0; j < p->ncols; j++)
	{
		if (p->ncategories[j] == 0 && p->first[j] >= 0)
			divisor[p->first[j]] = p->deviation[j];
	}
	return divisor;
}

void
eg_coefs_errors(EgCoefs *c, int k, const double *covariance, double scale)
{
	Size		n = c->width + 1;
	double	   *weight = intercept_weights(c);
	double	   *divisor = divisors(c);
	double	   *error;
	double		variance = covariance[0];
	Size		i;
	Size		j;

	if (c->error == NULL)
		c->error = numbers(c->nout * n);
	error = c->error + k * n;
	for (i = 1; i < n; i++)
	{
		double		sum = 0;

		for (j = 1; j < n; j++)
			sum += covariance[i * n + j] * weight[j - 1];
		variance += weight[i - 1] * (2 * covariance[i * n] + sum);
		error[i] = c->dropped[i - 1] ? NAN : sqrt(scale * covariance[i * n + i]) / divisor[i - 1];
	}
	error[0] = c->intercept ? sqrt(scale * Max(variance, 0)) : NAN;
	pfree(weight);
	pfree(divisor);
}

double
eg_coefs_intercept(const EgCoefs *c, int k)
{
	double	   *weight = intercept_weights(c);
	double		sum = c->bias[k];
	int			j;

	for (j = 0; j < c->width; j++)
		sum += c->coef[(Size) k * c->width + j] * weight[j];
	pfree(weight);
	return c->intercept ? sum : 0;
}

void
eg_coefs_margins(const EgCoefs *c, const float *x, double *out)
{
	int			k;
	int			j;

	for (k = 0; k < c->nout; k++)
	{
		double		sum = c->bias[k];

		for (j = 0; j < c->prep->ncols; j++)
			sum += addition(c, k, j, x[j]);
		out[k] = sum;
	}
}

void
eg_coefs_explain(const EgCoefs *c, const float *x, double *out)
{
	int			ncols = c->prep->ncols;
	int			k;
	int			j;

	for (k = 0; k < c->nout; k++)
	{
		double		mean = c->bias[k];

		for (j = 0; j < ncols; j++)
		{
			double		expected = c->expected[(Size) k * ncols + j];

			*out++ = addition(c, k, j, x[j]) - expected;
			mean += expected;
		}
		*out++ = mean;
	}
}

void
eg_coefs_importance(const EgCoefs *c, double *out)
{
	const EgPrep *p = c->prep;
	int			k;
	int			j;
	int			code;

	for (j = 0; j < p->ncols; j++)
	{
		double		variance = 0;

		for (k = 0; k < c->nout; k++)
		{
			const double *coef = c->coef + (Size) k * c->width;
			double		expected = c->expected[(Size) k * p->ncols + j];
			double		blanks = 0;

			/* codes and the missing value exclude each other */
			if (p->missing[j] >= 0)
			{
				blanks = c->centre[p->missing[j]];
				variance += blanks * coef[p->missing[j]] * coef[p->missing[j]];
			}
			for (code = p->code_start[j]; code < p->code_start[j + 1]; code++)
			{
				int			column = p->code_column[code];

				if (column >= 0)
					variance += c->centre[column] * coef[column] * coef[column];
			}
			variance -= expected * expected;
			if (p->ncategories[j] == 0 && p->first[j] >= 0)
				variance += coef[p->first[j]] * coef[p->first[j]] * (1 - blanks);
		}
		out[j] = sqrt(Max(variance, 0));
	}
}

/* ---------------- description ---------------- */

void
eg_json_number(StringInfo json, double v)
{
	if (isfinite(v))
		appendStringInfo(json, "%.12g", v);
	else
		appendStringInfoString(json, "null");
}

static void
put_number(StringInfo json, double v)
{
	appendStringInfoString(json, ", ");
	eg_json_number(json, v);
}

/* The names of the table's columns: its first row. */
static void
put_header(const EgCoefs *c, const char *odds, StringInfo json)
{
	appendStringInfo(json, "[%s\"name\", \"estimate\"", c->nout > 1 ? "\"class\", " : "");
	if (odds != NULL)
		appendStringInfo(json, ", \"%s\"", odds);
	if (c->error != NULL)
		appendStringInfo(json, ", \"std_error\", \"%s\", \"p\", \"low\", \"high\"",
						 c->df > 0 ? "t" : "z");
	appendStringInfoChar(json, ']');
}

static void
put_coefficient(const EgCoefs *c, int k, bool odds, const char *name, double estimate,
				double error, double t95, StringInfo json)
{
	appendStringInfoString(json, ", [");
	if (c->nout > 1)
		appendStringInfo(json, "%d, ", k);
	escape_json(json, name);
	put_number(json, estimate);
	if (odds)
		put_number(json, exp(estimate));
	if (c->error != NULL)
	{
		double		t = estimate / error;

		put_number(json, error);
		put_number(json, t);
		put_number(json, eg_student_p(t, c->df));
		put_number(json, estimate - t95 * error);
		put_number(json, estimate + t95 * error);
	}
	appendStringInfoChar(json, ']');
}

static void
put_output(const EgCoefs *c, int k, bool odds, StringInfo json)
{
	const double *coef = c->coef + (Size) k * c->width;
	const double *error = c->error != NULL ? c->error + (Size) k * (c->width + 1) : NULL;
	double	   *divisor = divisors(c);
	double		t95 = error != NULL ? eg_student_quantile(0.05, c->df) : 0;
	int			j;

	if (c->intercept)
		put_coefficient(c, k, odds, "(intercept)", eg_coefs_intercept(c, k),
						error != NULL ? error[0] : NAN, t95, json);
	for (j = 0; j < c->width; j++)
	{
		if (!c->dropped[j])
			put_coefficient(c, k, odds, c->names[j], coef[j] / divisor[j],
							error != NULL ? error[j + 1] : NAN, t95, json);
	}
	pfree(divisor);
}

void
eg_coefs_describe(const EgCoefs *c, const char *odds, StringInfo json)
{
	int			rank = c->width + c->intercept;
	int			k;
	int			j;
	const char *comma = "";

	for (j = 0; j < c->width; j++)
		rank -= c->dropped[j];
	appendStringInfo(json, "\"rank\": %d", rank);
	if (rank < c->width + c->intercept)
	{
		appendStringInfoString(json, ", \"dropped\": [");
		for (j = 0; j < c->width; j++)
		{
			if (!c->dropped[j])
				continue;
			appendStringInfoString(json, comma);
			escape_json(json, c->names[j]);
			comma = ", ";
		}
		appendStringInfoChar(json, ']');
	}
	appendStringInfoString(json, ", \"coefficients\": [");
	put_header(c, odds, json);
	for (k = 0; k < c->nout; k++)
		put_output(c, k, odds != NULL, json);
	appendStringInfoChar(json, ']');
}

/* ---------------- stored form ---------------- */

static void
put_numbers(EgWriter *w, const double *v, Size n)
{
	Size		i;

	for (i = 0; i < n; i++)
		eg_put_f64(w, v[i]);
}

static double *
get_numbers(EgReader *r, Size n, bool finite)
{
	double	   *v;
	Size		i;

	if (n > (r->len - r->pos) / sizeof(double))
		eg_corrupted(r, "there are fewer numbers than coefficients");
	v = numbers(n);
	for (i = 0; i < n; i++)
	{
		v[i] = eg_get_f64(r);
		if (finite && !isfinite(v[i]))
			eg_corrupted(r, "a coefficient is not a finite number");
	}
	return v;
}

void
eg_coefs_save(const EgCoefs *c, EgWriter *w)
{
	int			j;

	eg_prep_save(c->prep, w);
	eg_put_u32(w, c->nout);
	eg_put_u8(w, c->intercept);
	for (j = 0; j < c->width; j++)
	{
		eg_put_string(w, c->names[j]);
		eg_put_u8(w, c->dropped[j]);
	}
	put_numbers(w, c->coef, (Size) c->nout * c->width);
	put_numbers(w, c->bias, c->nout);
	put_numbers(w, c->centre, c->width);
	eg_put_f64(w, c->df);
	eg_put_u8(w, c->error != NULL);
	if (c->error != NULL)
		put_numbers(w, c->error, (Size) c->nout * (c->width + 1));
}

EgCoefs *
eg_coefs_load(EgReader *r)
{
	EgPrep	   *prep = eg_prep_load(r);
	EgCoefs    *c;
	int			nout = (int) eg_get_count(r, PG_INT16_MAX, sizeof(double));
	uint8		intercept = eg_get_u8(r);
	int			j;

	if (nout < 1)
		eg_corrupted(r, "there is no output");
	if (intercept > 1)
		eg_corrupted(r, "intercept is neither there nor absent");
	if ((Size) prep->width > (r->len - r->pos) / sizeof(double) / nout)
		eg_corrupted(r, "there are fewer coefficients than columns");
	c = eg_coefs_create(prep, nout, intercept, palloc0(Max(prep->width, 1) * sizeof(char *)));
	for (j = 0; j < c->width; j++)
	{
		c->names[j] = eg_get_string(r);
		if (c->names[j] == NULL)
			eg_corrupted(r, "a coefficient has no name");
		c->dropped[j] = eg_get_u8(r) != 0;
	}
	c->coef = get_numbers(r, (Size) nout * c->width, true);
	c->bias = get_numbers(r, nout, true);
	c->centre = get_numbers(r, c->width, true);
	c->df = eg_get_f64(r);
	if (!(c->df >= 0) || !isfinite(c->df))
		eg_corrupted(r, "degrees of freedom are out of range");
	if (eg_get_u8(r) != 0)
		c->error = get_numbers(r, (Size) nout * (c->width + 1), false);
	eg_coefs_compile(c);
	return c;
}
