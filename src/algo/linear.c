/*-------------------------------------------------------------------------
 *
 * linear.c
 *	  Linear regression: least squares, ridge, lasso, elastic net.
 *
 * The objectives are those of scikit-learn, W the sum of the weights:
 *	  none			sum of w r^2
 *	  l2			sum of w r^2 + alpha |b|^2
 *	  l1			sum of w r^2 / (2 W) + alpha |b|_1
 *	  elasticnet	sum of w r^2 / (2 W) + alpha ratio |b|_1 + alpha (1 - ratio)/2 |b|^2
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/products.h"
#include "base/blas.h"
#include "utils/json.h"
#include "utils/memutils.h"

#define LINEAR_FORMAT	1

extern const EgAlgorithm eg_linear_regression;

typedef struct LinearParams
{
	const char *penalty;
	double		alpha;
	double		l1_ratio;
	bool		fit_intercept;
	bool		standardize;
	int			max_iter;
	double		tolerance;
} LinearParams;

typedef struct LinearModel
{
	EgCoefs    *c;
	char	   *penalty;
	double		alpha;
	double		l1_ratio;
	uint64		rows;
	int			iterations;		/* 0: solved exactly */
	bool		converged;
	double		r2;
	double		adjusted_r2;
	double		sigma;			/* standard deviation of the errors */
} LinearModel;

static const char *const penalties[] = {"none", "l2", "l1", "elasticnet", NULL};

static const EgParam linear_params[] = {
	{"penalty", EG_PARAM_WORD, offsetof(LinearParams, penalty), .text = "none", .words = penalties,
	 .help = "What keeps coefficients small: nothing, squares (ridge), absolute values (lasso), or "
			 "both"},
	{"alpha", EG_PARAM_REAL, offsetof(LinearParams, alpha), .number = 1, .min = 0, .max = 1e12,
	 .tunable = true, .log_scale = true, .search_min = 1e-4, .search_max = 1e3,
	 .help = "Strength of the penalty"},
	{"l1_ratio", EG_PARAM_REAL, offsetof(LinearParams, l1_ratio), .number = 0.5, .min = 0, .max = 1,
	 .help = "Share of absolute values in the penalty elasticnet"},
	{"fit_intercept", EG_PARAM_BOOL, offsetof(LinearParams, fit_intercept), .number = 1,
	 .help = "Learn an intercept"},
	{"standardize", EG_PARAM_BOOL, offsetof(LinearParams, standardize), .number = 1,
	 .help = "Penalize coefficients of numbers scaled to deviation 1, not of numbers as they come"},
	{"max_iter", EG_PARAM_INT, offsetof(LinearParams, max_iter), .number = 10000, .min = 1,
	 .max = 1000000,
	 .help = "Most passes over the coefficients of the penalties l1 and elasticnet"},
	{"tolerance", EG_PARAM_REAL, offsetof(LinearParams, tolerance), .number = 1e-6, .min = 0,
	 .min_open = true, .max = 1, .alias = "tol",
	 .help = "Stop when the duality gap is this share of the target's sum of squares"},
	EG_PARAM_END};

/* Penalties on the prepared columns; those of original numbers are divided by deviations. */
static double *
penalties_of(const EgDesign *d, double strength, bool standardize, int power)
{
	const EgPrep *prep = d->prep;
	double	   *out = palloc(Max(prep->width, 1) * sizeof(double));
	int			j;

	for (j = 0; j < prep->width; j++)
		out[j] = strength;
	for (j = 0; j < prep->ncols && !standardize; j++)
	{
		if (prep->ncategories[j] == 0 && prep->first[j] >= 0)
			out[prep->first[j]] /= power == 2 ? prep->deviation[j] * prep->deviation[j] :
				prep->deviation[j];
	}
	return out;
}

/* Coefficients, and how well they do, into the model. */
static void
solve_model(LinearModel *m, const EgDesign *d, const LinearParams *p, EgRun *run,
			double **covariance)
{
	EgCoefs    *c = m->c;
	EgProducts *products = eg_products_create(d, run);
	bool		exact = strcmp(p->penalty, "none") == 0;
	bool		ridge = strcmp(p->penalty, "l2") == 0;
	double		ratio = strcmp(p->penalty, "l1") == 0 ? 1 : p->l1_ratio;
	double	   *inverse = NULL;
	double		rss;
	double		df;
	int			rank = c->width;
	int			j;

	m->converged = true;
	if (exact || ridge)
	{
		double	   *l2 = penalties_of(d, exact ? 0 : p->alpha, p->standardize, 2);

		rank = eg_products_solve(products, l2, exact || p->alpha == 0, c->coef, c->dropped,
								 &inverse);
	}
	else
	{
		double		strength = p->alpha * products->total;
		double	   *l1 = penalties_of(d, strength * ratio, p->standardize, 1);
		double	   *l2 = penalties_of(d, strength * (1 - ratio), p->standardize, 2);

		m->iterations = eg_products_descend(products, l1, l2, p->max_iter, p->tolerance,
											c->coef, &m->converged, run);
	}

	c->bias[0] = products->ymean;
	for (j = 0; j < c->width; j++)
	{
		c->bias[0] -= c->coef[j] * products->mean[j];
		if (d->shift != NULL)
			c->bias[0] += c->coef[j] * d->shift[j + 1];
		c->centre[j] = products->mean[j];
	}
	if (!d->intercept)
		eg_design_centre(d, c->centre);

	rss = eg_products_residual(products, d, c->coef);
	df = (double) products->rows - rank - d->intercept;
	m->r2 = products->yy > 0 ? 1 - rss / products->yy : NAN;
	m->adjusted_r2 = df > 0 ?
		1 - (1 - m->r2) * ((double) products->rows - d->intercept) / df : NAN;
	m->sigma = df > 0 ? sqrt(rss / df) : NAN;
	if (inverse != NULL && df > 0)
	{
		c->df = df;
		*covariance = eg_products_covariance(products, inverse, d->intercept);
	}
}

static void *
linear_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const LinearParams *p = params;
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage linear regression",
												  ALLOCSET_DEFAULT_SIZES);
	LinearModel *m = palloc0(sizeof(LinearModel));
	EgDesign   *d;
	double	   *covariance = NULL;

	eg_blas_threads(1);
	d = eg_design_create(data, p->fit_intercept, false, run, scratch);
	m->c = eg_coefs_create(d->prep, 1, p->fit_intercept, eg_prep_names(d->prep, data));
	m->penalty = pstrdup(p->penalty);
	m->alpha = p->alpha;
	m->l1_ratio = p->l1_ratio;
	m->rows = data->nfit;

	MemoryContextSwitchTo(scratch);
	solve_model(m, d, p, run, &covariance);
	MemoryContextSwitchTo(model_context);
	if (covariance != NULL)
		eg_coefs_errors(m->c, 0, covariance, m->sigma * m->sigma);
	MemoryContextDelete(scratch);
	eg_coefs_compile(m->c);
	if (!m->converged)
		ereport(WARNING,
				(errmsg("linear_regression did not converge in %d passes", m->iterations),
				 errhint("Raise \"max_iter\", \"tolerance\" or \"alpha\".")));
	return m;
}

static void
linear_save(const void *model, EgWriter *w)
{
	const LinearModel *m = model;

	eg_put_string(w, m->penalty);
	eg_put_f64(w, m->alpha);
	eg_put_f64(w, m->l1_ratio);
	eg_put_u64(w, m->rows);
	eg_put_u32(w, m->iterations);
	eg_put_u8(w, m->converged);
	eg_put_f64(w, m->r2);
	eg_put_f64(w, m->adjusted_r2);
	eg_put_f64(w, m->sigma);
	eg_coefs_save(m->c, w);
}

static void *
linear_load(EgReader *r, int format)
{
	LinearModel *m = palloc0(sizeof(LinearModel));

	if (format != LINEAR_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"linear_regression\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	m->penalty = eg_get_string(r);
	if (m->penalty == NULL)
		eg_corrupted(r, "penalty is missing");
	m->alpha = eg_get_f64(r);
	m->l1_ratio = eg_get_f64(r);
	m->rows = eg_get_u64(r);
	m->iterations = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->converged = eg_get_u8(r) != 0;
	m->r2 = eg_get_f64(r);
	m->adjusted_r2 = eg_get_f64(r);
	m->sigma = eg_get_f64(r);
	m->c = eg_coefs_load(r);
	if (m->c->nout != 1)
		eg_corrupted(r, "more than one output");
	return m;
}

static int
linear_width(const void *model)
{
	return 1;
}

static int
linear_nfeatures(const void *model)
{
	return ((const LinearModel *) model)->c->prep->ncols;
}

static void
linear_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const LinearModel *) model)->c;
	Size		i;

	for (i = 0; i < nrows; i++)
		eg_coefs_margins(c, x + i * c->prep->ncols, out + i);
}

static void
linear_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const LinearModel *) model)->c;
	Size		i;

	for (i = 0; i < nrows; i++)
		eg_coefs_explain(c, x + i * c->prep->ncols, out + i * (c->prep->ncols + 1));
}

static void
linear_importance(const void *model, double *out)
{
	eg_coefs_importance(((const LinearModel *) model)->c, out);
}

static void
linear_describe(const void *model, StringInfo json)
{
	const LinearModel *m = model;

	appendStringInfo(json, "\"rows\": " UINT64_FORMAT ", \"penalty\": ", m->rows);
	escape_json(json, m->penalty);
	if (strcmp(m->penalty, "none") != 0)
		appendStringInfo(json, ", \"alpha\": %.15g", m->alpha);
	if (strcmp(m->penalty, "elasticnet") == 0)
		appendStringInfo(json, ", \"l1_ratio\": %.15g", m->l1_ratio);
	if (m->iterations > 0)
		appendStringInfo(json, ", \"iterations\": %d, \"converged\": %s", m->iterations,
						 m->converged ? "true" : "false");
	appendStringInfoString(json, ", \"r2\": ");
	eg_json_number(json, m->r2);
	appendStringInfoString(json, ", \"adjusted_r2\": ");
	eg_json_number(json, m->adjusted_r2);
	appendStringInfoString(json, ", \"sigma\": ");
	eg_json_number(json, m->sigma);
	appendStringInfoString(json, ", ");
	eg_coefs_describe(m->c, NULL, json);
}

const EgAlgorithm eg_linear_regression = {
	.name = "linear_regression",
	.summary = "linear regression: least squares, ridge, lasso, elastic net",
	.tasks = EG_TASK_BIT(EG_REGRESSION),
	.format = LINEAR_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = linear_params,
	.params_size = sizeof(LinearParams),
	.fit = linear_fit,
	.save = linear_save,
	.load = linear_load,
	.width = linear_width,
	.nfeatures = linear_nfeatures,
	.predict = linear_predict,
	.explain = linear_explain,
	.importance = linear_importance,
	.describe = linear_describe
};
