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
	c->base = -1;
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
eg_coefs_explain_against(const EgCoefs *c, const float *x, const float *background,
						 Size nbackground, double *out)
{
	int			ncols = c->prep->ncols;
	Size		i;
	int			k;
	int			j;

	for (k = 0; k < c->nout; k++)
	{
		double		mean = c->bias[k];

		for (j = 0; j < ncols; j++)
		{
			double		expected = 0;

			for (i = 0; i < nbackground; i++)
				expected += addition(c, k, j, background[i * ncols + j]);
			expected /= nbackground;
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

/* Where prepared columns come from. */
static void
find_terms(const EgCoefs *c, EgCoefRow *terms)
{
	const EgPrep *p = c->prep;
	int			j;
	int			code;

	for (j = 0; j < p->ncols; j++)
	{
		for (code = 0; code < p->ncategories[j]; code++)
		{
			int			column = p->code_column[p->code_start[j] + code];

			if (column >= 0)
			{
				terms[column].feature = j;
				terms[column].code = code;
			}
		}
		if (p->ncategories[j] == 0 && p->first[j] >= 0)
		{
			terms[p->first[j]].feature = j;
			terms[p->first[j]].code = EG_TERM_NUMBER;
		}
		if (p->missing[j] >= 0)
		{
			terms[p->missing[j]].feature = j;
			terms[p->missing[j]].code = EG_TERM_MISSING;
		}
	}
	for (j = 0; j < c->width; j++)
		terms[j].term = c->names[j];
}

static void
set_statistics(const EgCoefs *c, EgCoefRow *row, double estimate, double error, double quantile)
{
	row->estimate = estimate;
	row->error = row->statistic = row->p = row->low = row->high = NAN;
	if (c->error == NULL || !isfinite(error))
		return;
	row->error = error;
	row->statistic = estimate / error;
	row->p = eg_student_p(row->statistic, c->df);
	row->low = estimate - quantile * error;
	row->high = estimate + quantile * error;
}

EgCoefRow *
eg_coefs_rows(const EgCoefs *c, double level, int *n)
{
	EgCoefRow  *rows = palloc_extended(Max((Size) c->nout * (c->width + 1), 1) * sizeof(EgCoefRow),
									   MCXT_ALLOC_HUGE);
	EgCoefRow  *terms = palloc0(Max(c->width, 1) * sizeof(EgCoefRow));
	double	   *divisor = divisors(c);
	double		quantile = c->error != NULL ? eg_student_quantile(1 - level, c->df) : 0;
	const double *base = c->base >= 0 ? c->coef + (Size) c->base * c->width : NULL;
	int			k;
	int			j;

	find_terms(c, terms);
	*n = 0;
	for (k = 0; k < c->nout; k++)
	{
		const double *coef = c->coef + (Size) k * c->width;
		const double *error = c->error != NULL ? c->error + (Size) k * (c->width + 1) : NULL;

		if (k == c->base)
			continue;
		if (c->intercept)
		{
			EgCoefRow  *row = &rows[(*n)++];
			double		estimate = eg_coefs_intercept(c, k);

			row->output = k;
			row->term = "(intercept)";
			row->feature = -1;
			row->code = EG_TERM_NUMBER;
			if (base != NULL)
				estimate -= eg_coefs_intercept(c, c->base);
			set_statistics(c, row, estimate, error != NULL ? error[0] : NAN, quantile);
		}
		for (j = 0; j < c->width; j++)
		{
			EgCoefRow  *row = &rows[*n];

			if (c->dropped[j])
				continue;
			*row = terms[j];
			row->output = k;
			set_statistics(c, row, (coef[j] - (base != NULL ? base[j] : 0)) / divisor[j],
						   error != NULL ? error[j + 1] : NAN, quantile);
			++*n;
		}
	}
	pfree(terms);
	pfree(divisor);
	return rows;
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
put_row(const EgCoefs *c, const EgCoefRow *row, bool odds, StringInfo json)
{
	appendStringInfoString(json, ", [");
	if (c->nout > 1)
		appendStringInfo(json, "%d, ", row->output);
	escape_json(json, row->term);
	put_number(json, row->estimate);
	if (odds)
		put_number(json, exp(row->estimate));
	if (c->error != NULL)
	{
		put_number(json, row->error);
		put_number(json, row->statistic);
		put_number(json, row->p);
		put_number(json, row->low);
		put_number(json, row->high);
	}
	appendStringInfoChar(json, ']');
}

void
eg_coefs_describe(const EgCoefs *c, const char *odds, StringInfo json)
{
	int			rank = c->width + c->intercept;
	EgCoefRow  *rows;
	int			n;
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
	if (c->base >= 0)
		appendStringInfo(json, ", \"base_class\": %d", c->base);
	appendStringInfoString(json, ", \"coefficients\": [");
	put_header(c, odds, json);
	rows = eg_coefs_rows(c, 0.95, &n);
	for (j = 0; j < n; j++)
		put_row(c, &rows[j], odds != NULL, json);
	pfree(rows);
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

const char *
eg_update_obstacle(EgUpdatable updatable)
{
	switch (updatable)
	{
		case EG_UPDATE_YES:
			return NULL;
		case EG_UPDATE_UNWANTED:
			return "It was trained with \"updatable\": false.";
		case EG_UPDATE_WIDE:
			return psprintf("It has more than %d coefficients, too many to keep what an update "
							"needs.", EG_UPDATE_MAX);
		case EG_UPDATE_UNSOLVED:
			return "Its first training did not converge.";
		case EG_UPDATE_OLD:
			return "It was stored by an engage that did not keep what an update needs.";
	}
	return NULL;
}

EgUpdatable
eg_update_get(EgReader *r)
{
	uint8		v = eg_get_u8(r);

	if (v > EG_UPDATE_OLD)
		eg_corrupted(r, "whether it can be updated is %d", v);
	return (EgUpdatable) v;
}
