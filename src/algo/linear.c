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
 * All of them see of the rows only the products of the columns.  So a model
 * that keeps these learns on exactly, and can be made in one pass over rows that
 * nobody keeps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/moments.h"
#include "algo/products.h"
#include "base/blas.h"
#include "utils/json.h"
#include "utils/memutils.h"

#define LINEAR_FORMAT	2

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
	bool		updatable;
} LinearParams;

typedef struct LinearModel
{
	EgCoefs    *c;				/* first: see eg_coefs_model_explain() */
	char	   *penalty;
	double		alpha;
	double		l1_ratio;
	bool		standardize;
	int			max_iter;
	double		tolerance;
	EgUpdatable updatable;
	EgProducts *products;		/* of all rows, when updatable says so */
	double		rss;			/* sum of w r^2 */
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
	{"updatable", EG_PARAM_BOOL, offsetof(LinearParams, updatable), .number = 1,
	 .help = "Keep what engage_update() needs: 4 bytes times the square of the columns, up to 1000 "
			 "columns"},
	EG_PARAM_END};

/* Penalties on the prepared columns; those of original numbers are divided by deviations. */
static double *
penalties_of(const EgPrep *prep, double strength, bool standardize, int power)
{
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

/* Coefficients from the products.  Returns the inverse for standard errors, or NULL. */
static double *
solve(LinearModel *m, const EgProducts *products, EgRun *run)
{
	EgCoefs    *c = m->c;
	const EgPrep *prep = c->prep;
	bool		exact = strcmp(m->penalty, "none") == 0;
	bool		ridge = strcmp(m->penalty, "l2") == 0;
	double		ratio = strcmp(m->penalty, "l1") == 0 ? 1 : m->l1_ratio;
	double	   *shift = c->intercept ? NULL : eg_design_shift(prep);
	double	   *inverse = NULL;
	int			j;

	m->converged = true;
	m->iterations = 0;
	memset(c->coef, 0, c->width * sizeof(double));
	memset(c->dropped, 0, c->width * sizeof(bool));
	if (exact || ridge)
	{
		double	   *l2 = penalties_of(prep, exact ? 0 : m->alpha, m->standardize, 2);

		eg_products_solve(products, l2, exact || m->alpha == 0, c->coef, c->dropped, &inverse);
	}
	else
	{
		double		strength = m->alpha * products->total;
		double	   *l1 = penalties_of(prep, strength * ratio, m->standardize, 1);
		double	   *l2 = penalties_of(prep, strength * (1 - ratio), m->standardize, 2);

		m->iterations = eg_products_descend(products, l1, l2, m->max_iter, m->tolerance,
											c->coef, &m->converged, run);
	}
	c->bias[0] = products->ymean;
	for (j = 0; j < c->width; j++)
	{
		c->bias[0] -= c->coef[j] * products->mean[j];
		if (shift != NULL)
			c->bias[0] += c->coef[j] * shift[j + 1];
		if (shift == NULL)
			c->centre[j] = products->mean[j];
	}
	return inverse;
}

/* How well the coefficients do, and their errors; m->rss is set. */
static void
judge(LinearModel *m, const EgProducts *products, const double *inverse)
{
	EgCoefs    *c = m->c;
	double		rows = (double) products->rows;
	double		df = rows - c->width - c->intercept;
	int			j;

	for (j = 0; j < c->width; j++)
		df += c->dropped[j];
	m->r2 = products->yy > 0 ? 1 - m->rss / products->yy : NAN;
	m->adjusted_r2 = df > 0 ? 1 - (1 - m->r2) * (rows - c->intercept) / df : NAN;
	m->sigma = df > 0 ? sqrt(m->rss / df) : NAN;
	c->error = NULL;
	c->df = 0;
	if (inverse != NULL && df > 0)
	{
		double	   *covariance = eg_products_covariance(products, inverse, c->intercept);

		c->df = df;
		eg_coefs_errors(c, 0, covariance, m->sigma * m->sigma);
		pfree(covariance);
	}
}

/* Keep the products, or say why not. */
static void
remember(LinearModel *m, EgProducts *products, bool wanted)
{
	m->updatable = !wanted ? EG_UPDATE_UNWANTED :
		m->c->width > EG_UPDATE_MAX ? EG_UPDATE_WIDE : EG_UPDATE_YES;
	if (m->updatable == EG_UPDATE_YES)
		m->products = products;
}

static void
warn_unless_converged(const LinearModel *m)
{
	if (!m->converged)
		ereport(WARNING,
				(errmsg("linear_regression did not converge in %d passes", m->iterations),
				 errhint("Raise \"max_iter\", \"tolerance\" or \"alpha\".")));
}

static LinearModel *
create(const LinearParams *p, EgPrep *prep, char **names, Size rows)
{
	LinearModel *m = palloc0(sizeof(LinearModel));

	m->c = eg_coefs_create(prep, 1, p->fit_intercept, names);
	m->penalty = pstrdup(p->penalty);
	m->alpha = p->alpha;
	m->l1_ratio = p->l1_ratio;
	m->standardize = p->standardize;
	m->max_iter = p->max_iter;
	m->tolerance = p->tolerance;
	m->rows = rows;
	return m;
}

/* Where the line starts from: the residual of a row is y - start - sum of b z, shifted. */
static double
start_of(const EgCoefs *c, const EgDesign *d)
{
	double		start = c->bias[0];
	int			j;

	for (j = 0; j < c->width && d->shift != NULL; j++)
		start -= c->coef[j] * d->shift[j + 1];
	return start;
}

static void *
linear_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const LinearParams *p = params;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "engage linear regression",
												  ALLOCSET_DEFAULT_SIZES);
	LinearModel *m;
	EgDesign   *d;
	EgProducts *products;
	double	   *inverse;

	eg_blas_threads(1);
	d = eg_design_create(data, NULL, p->fit_intercept, false, run, scratch);
	m = create(p, d->prep, eg_prep_names(d->prep, data), data->nfit);
	products = eg_products_create(d, run);
	inverse = solve(m, products, run);
	if (!p->fit_intercept)
		eg_design_centre(d, m->c->centre);

	/* the products have lost the digits of a small residual; the rows have not */
	m->rss = eg_products_residual(products, m->c->coef);
	if (m->rss <= 1e-6 * products->yy)
		m->rss = eg_design_residual(d, m->c->coef, start_of(m->c, d));
	judge(m, products, inverse);
	remember(m, products, p->updatable);
	MemoryContextDelete(scratch);
	eg_coefs_compile(m->c);
	warn_unless_converged(m);
	return m;
}

/* One pass: the columns' products are there already. */
static void *
linear_fit_moments(const EgMoments *moments, const EgDataset *data, const void *params,
				   EgRun *run)
{
	const LinearParams *p = params;
	LinearModel *m;
	EgPrep	   *prep;
	EgProducts *products;
	double	   *inverse;

	eg_blas_threads(1);
	prep = eg_moments_prep(moments, EG_PREP_SCALE | EG_PREP_REFERENCE);
	products = eg_moments_products(moments, prep, p->fit_intercept);
	m = create(p, prep, eg_prep_names(prep, data), products->rows);
	inverse = solve(m, products, run);
	if (!p->fit_intercept)
		eg_moments_centre(moments, prep, m->c->centre);
	m->rss = eg_products_residual(products, m->c->coef);
	judge(m, products, inverse);
	remember(m, products, p->updatable);
	eg_coefs_compile(m->c);
	warn_unless_converged(m);
	return m;
}

/*
 * Exactly what a fit to all rows would give with the first fit's preparation:
 * products of rows add up.
 */
static void
linear_update(void *model, const EgDataset *data, EgRun *run)
{
	LinearModel *m = model;
	EgCoefs    *c = m->c;
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage linear regression",
												  ALLOCSET_DEFAULT_SIZES);
	EgProducts *all = m->products;
	EgProducts	before = *all;
	EgProducts *added;
	EgDesign   *d;
	double	   *old_coef = palloc(Max(c->width, 1) * sizeof(double));
	double	   *inverse;
	double		gap;
	int			j;

	eg_blas_threads(1);
	d = eg_design_create(data, c->prep, c->intercept, false, run, scratch);
	MemoryContextSwitchTo(scratch);
	added = eg_products_create(d, run);
	before.g = palloc_extended((Size) c->width * c->width * sizeof(double) + 1, MCXT_ALLOC_HUGE);
	before.q = palloc(Max(c->width, 1) * sizeof(double));
	before.mean = palloc(Max(c->width, 1) * sizeof(double));
	memcpy(before.g, all->g, (Size) c->width * c->width * sizeof(double));
	memcpy(before.q, all->q, c->width * sizeof(double));
	memcpy(before.mean, all->mean, c->width * sizeof(double));
	memcpy(old_coef, c->coef, c->width * sizeof(double));
	eg_products_combine(all, added);
	if (!c->intercept)
	{
		double	   *centre = palloc(Max(c->width, 1) * sizeof(double));

		eg_design_centre(d, centre);
		for (j = 0; j < c->width; j++)
			c->centre[j] += (centre[j] - c->centre[j]) * (added->total / all->total);
	}
	inverse = solve(m, all, run);

	/* the old rows around their own means, the distance of these from the new line, the new rows */
	gap = before.ymean - start_of(c, d);
	for (j = 0; j < c->width; j++)
		gap -= c->coef[j] * before.mean[j];
	m->rss = eg_products_residual_from(&before, old_coef, m->rss, c->coef) +
		before.total * (c->intercept ? gap * gap : 0) +
		eg_design_residual(d, c->coef, start_of(c, d));
	m->rows += data->nfit;
	MemoryContextSwitchTo(model_context);
	judge(m, all, inverse);
	MemoryContextDelete(scratch);
	eg_coefs_compile(c);
	warn_unless_converged(m);
}

static const char *
linear_update_obstacle(const void *model)
{
	return eg_update_obstacle(((const LinearModel *) model)->updatable);
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
	eg_put_u8(w, m->standardize);
	eg_put_u32(w, m->max_iter);
	eg_put_f64(w, m->tolerance);
	eg_put_u8(w, (uint8) m->updatable);
	if (m->updatable == EG_UPDATE_YES)
	{
		eg_put_f64(w, m->rss);
		eg_products_save(m->products, w);
	}
}

static void *
linear_load(EgReader *r, int format)
{
	LinearModel *m = palloc0(sizeof(LinearModel));

	if (format > LINEAR_FORMAT)
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
	m->updatable = EG_UPDATE_OLD;
	if (format == 1)
		return m;
	m->standardize = eg_get_u8(r) != 0;
	m->max_iter = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->tolerance = eg_get_f64(r);
	m->updatable = eg_update_get(r);
	if (m->updatable == EG_UPDATE_YES)
	{
		m->rss = eg_get_f64(r);
		if (!(m->rss >= 0) || !isfinite(m->rss))
			eg_corrupted(r, "the sum of squared residuals is out of range");
		m->products = eg_products_load(r, m->c->width);
	}
	return m;
}

static int
linear_width(const void *model)
{
	return 1;
}

static void
linear_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const LinearModel *) model)->c;
	Size		i;

	for (i = 0; i < nrows; i++)
		eg_coefs_margins(c, x + i * c->prep->ncols, out + i);
}

static EgLink
linear_link(const void *model)
{
	return EG_LINK_IDENTITY;
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

static const EgCoefs *
linear_coefficients(const void *model, const char **exponential)
{
	*exponential = NULL;
	return ((const LinearModel *) model)->c;
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
	.fit_moments = linear_fit_moments,
	.save = linear_save,
	.load = linear_load,
	.width = linear_width,
	.nfeatures = eg_coefs_model_nfeatures,
	.predict = linear_predict,
	.update = linear_update,
	.update_obstacle = linear_update_obstacle,
	.explain = eg_coefs_model_explain,
	.explain_against = eg_coefs_model_explain_against,
	.link = linear_link,
	.importance = eg_coefs_model_importance,
	.describe = linear_describe,
	.coefficients = linear_coefficients
};
