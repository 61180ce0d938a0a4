/*-------------------------------------------------------------------------
 *
 * glm.c
 *	  Generalized linear models with a logarithmic link: counts and positive
 *	  amounts, whose effects multiply.
 *
 * The objective is that of scikit-learn's PoissonRegressor, GammaRegressor
 * and TweedieRegressor: half the mean deviance + alpha/2 * |b|^2.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "utils/json.h"

#define GLM_FORMAT		1

/* keeps exp() of a margin finite */
#define MAX_EXPONENT	700

extern const EgAlgorithm eg_glm;

typedef struct GlmParams
{
	const char *objective;
	double		power;
	double		alpha;
	bool		fit_intercept;
	bool		standardize;
	int			max_iter;
	double		tolerance;
} GlmParams;

typedef struct GlmModel
{
	EgCoefs    *c;
	EgFamily	family;
	double		power;
	double		alpha;
	uint64		rows;
	int			iterations;
	bool		converged;
	double		deviance;
	double		null_deviance;
	double		dispersion;
} GlmModel;

static const char *const objectives[] = {"poisson", "gamma", "tweedie", NULL};
static const EgFamily families[] = {EG_FAMILY_POISSON, EG_FAMILY_GAMMA, EG_FAMILY_TWEEDIE};

static const EgParam glm_params[] = {
	{"objective", EG_PARAM_WORD, offsetof(GlmParams, objective), .text = "poisson",
	 .words = objectives,
	 .help = "How the variance grows with the mean: like it, its square, or its power"},
	{"tweedie_variance_power", EG_PARAM_REAL, offsetof(GlmParams, power), .number = 1.5, .min = 1,
	 .max = 3, .alias = "power", .help = "Power of the objective tweedie"},
	{"alpha", EG_PARAM_REAL, offsetof(GlmParams, alpha), .number = 0, .min = 0, .max = 1e12,
	 .log_scale = true, .search_min = 1e-6, .search_max = 10, .tunable = true,
	 .help = "Penalty on the squares of the coefficients, for each unit of weight"},
	{"fit_intercept", EG_PARAM_BOOL, offsetof(GlmParams, fit_intercept), .number = 1,
	 .help = "Learn an intercept"},
	{"standardize", EG_PARAM_BOOL, offsetof(GlmParams, standardize), .number = 1,
	 .help = "Penalize coefficients of numbers scaled to deviation 1, not of numbers as they come"},
	{"max_iter", EG_PARAM_INT, offsetof(GlmParams, max_iter), .number = 200, .min = 1,
	 .max = 1000000, .help = "Most iterations"},
	{"tolerance", EG_PARAM_REAL, offsetof(GlmParams, tolerance), .number = 1e-6, .min = 0,
	 .min_open = true, .max = 1, .alias = "tol",
	 .help = "Largest component of the mean loss's gradient at which to stop"},
	EG_PARAM_END};

static double
power_of(EgFamily family, double power)
{
	return family == EG_FAMILY_POISSON ? 1 : family == EG_FAMILY_GAMMA ? 2 : power;
}

/* Deviance of one row: twice the loss less that of a perfect mean. */
static double
unit_deviance(double power, double y, double mean)
{
	if (power == 1)
		return 2 * ((y > 0 ? y * log(y / mean) : 0) - (y - mean));
	if (power == 2)
		return 2 * (mean > 0 ? y / mean - 1 - log(y / mean) : 0);
	return 2 * ((y > 0 ? pow(y, 2 - power) : 0) / ((1 - power) * (2 - power)) -
				y * pow(mean, 1 - power) / (1 - power) + pow(mean, 2 - power) / (2 - power));
}

static double
mean_of(double margin)
{
	return exp(Max(Min(margin, MAX_EXPONENT), -MAX_EXPONENT));
}

static void
check_targets(const EgDataset *data, const char *objective, double power)
{
	const double *y = data->role[EG_ROLE_TARGET];
	double		sum = 0;
	Size		i;

	for (i = 0; i < data->nfit; i++)
	{
		if (y[i] < 0 || (power >= 2 && y[i] == 0))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not usable with objective \"%s\"", y[i], objective),
					 power >= 2 ? errdetail("Targets must be above zero.") :
					 errdetail("Targets must be at least zero.")));
		sum += y[i];
	}
	if (data->nfit > 0 && !(sum > 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("all target values are zero"),
				 errdetail("The logarithm of their mean is not finite.")));
}

/* Deviances, and Pearson's estimate of the dispersion, which scales the standard errors. */
static void
measure(GlmModel *m, const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	double		power = power_of(m->family, m->power);
	int			df = -m->c->width - m->c->intercept;
	double		total = 0;
	double		sum = 0;
	double		pearson = 0;
	Size		rows = 0;
	Size		i;
	int			j;

	for (i = 0; i < data->nfit; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;

		total += w;
		sum += w * y[i];
	}
	for (i = 0; i < data->nfit; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;
		double		margin;
		double		mean;

		if (!(w > 0))
			continue;
		rows++;
		eg_coefs_margins(m->c, eg_row(&data->x, i), &margin);
		mean = mean_of(margin);
		pearson += w * (y[i] - mean) * (y[i] - mean) / pow(mean, power);
		m->deviance += w * unit_deviance(power, y[i], mean);
		m->null_deviance += w * unit_deviance(power, y[i],
											  m->c->intercept ? sum / total : 1);
	}
	for (j = 0; j < m->c->width; j++)
		df += m->c->dropped[j];
	m->dispersion = (double) rows + df > 0 ? pearson / ((double) rows + df) : NAN;
}

static void *
glm_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const GlmParams *p = params;
	GlmModel   *m = palloc0(sizeof(GlmModel));
	EgMarginSpec spec = {0};
	EgSolution	s;
	Size		i;

	for (i = 0; objectives[i] != NULL; i++)
	{
		if (strcmp(objectives[i], p->objective) == 0)
			m->family = families[i];
	}
	check_targets(data, p->objective, power_of(m->family, p->power));
	spec.family = m->family;
	spec.power = p->power;
	spec.nout = 1;
	spec.intercept = p->fit_intercept;
	spec.standardize = p->standardize;
	spec.l2 = p->alpha;
	spec.per_weight = true;
	spec.max_iter = p->max_iter;
	spec.tolerance = p->tolerance;
	m->c = eg_margin_fit(data, &spec, run, &s);

	m->power = p->power;
	m->alpha = p->alpha;
	m->rows = data->nfit;
	m->iterations = s.iterations;
	m->converged = s.converged;
	measure(m, data);
	if (m->c->error != NULL && m->family != EG_FAMILY_POISSON)
	{
		for (i = 0; i < m->c->width + 1; i++)
			m->c->error[i] *= sqrt(m->dispersion);
	}
	if (!s.converged)
		ereport(WARNING,
				(errmsg("glm did not converge in %d iterations", s.iterations),
				 errhint("Raise \"max_iter\", or set \"alpha\" above zero.")));
	return m;
}

static void
glm_save(const void *model, EgWriter *w)
{
	const GlmModel *m = model;

	eg_put_u8(w, (uint8) m->family);
	eg_put_f64(w, m->power);
	eg_put_f64(w, m->alpha);
	eg_put_u64(w, m->rows);
	eg_put_u32(w, m->iterations);
	eg_put_u8(w, m->converged);
	eg_put_f64(w, m->deviance);
	eg_put_f64(w, m->null_deviance);
	eg_put_f64(w, m->dispersion);
	eg_coefs_save(m->c, w);
}

static void *
glm_load(EgReader *r, int format)
{
	GlmModel   *m = palloc0(sizeof(GlmModel));
	uint8		family;

	if (format != GLM_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"glm\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	family = eg_get_u8(r);
	if (family < EG_FAMILY_POISSON || family > EG_FAMILY_TWEEDIE)
		eg_corrupted(r, "unknown objective %d", family);
	m->family = (EgFamily) family;
	m->power = eg_get_f64(r);
	m->alpha = eg_get_f64(r);
	m->rows = eg_get_u64(r);
	m->iterations = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->converged = eg_get_u8(r) != 0;
	m->deviance = eg_get_f64(r);
	m->null_deviance = eg_get_f64(r);
	m->dispersion = eg_get_f64(r);
	m->c = eg_coefs_load(r);
	if (m->c->nout != 1)
		eg_corrupted(r, "more than one output");
	return m;
}

static int
glm_width(const void *model)
{
	return 1;
}

static int
glm_nfeatures(const void *model)
{
	return ((const GlmModel *) model)->c->prep->ncols;
}

static void
glm_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const GlmModel *) model)->c;
	Size		i;

	for (i = 0; i < nrows; i++)
	{
		eg_coefs_margins(c, x + i * c->prep->ncols, out + i);
		out[i] = mean_of(out[i]);
	}
}

static void
glm_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const GlmModel *) model)->c;
	Size		i;

	for (i = 0; i < nrows; i++)
		eg_coefs_explain(c, x + i * c->prep->ncols, out + i * (c->prep->ncols + 1));
}

static void
glm_importance(const void *model, double *out)
{
	eg_coefs_importance(((const GlmModel *) model)->c, out);
}

static void
glm_describe(const void *model, StringInfo json)
{
	const GlmModel *m = model;
	const char *objective = objectives[m->family - EG_FAMILY_POISSON];

	appendStringInfo(json, "\"rows\": " UINT64_FORMAT ", \"objective\": \"%s\"", m->rows,
					 objective);
	if (m->family == EG_FAMILY_TWEEDIE)
		appendStringInfo(json, ", \"tweedie_variance_power\": %.15g", m->power);
	appendStringInfo(json, ", \"alpha\": %.15g, \"iterations\": %d, \"converged\": %s", m->alpha,
					 m->iterations, m->converged ? "true" : "false");
	appendStringInfoString(json, ", \"deviance\": ");
	eg_json_number(json, m->deviance);
	appendStringInfoString(json, ", \"null_deviance\": ");
	eg_json_number(json, m->null_deviance);
	appendStringInfoString(json, ", \"dispersion\": ");
	eg_json_number(json, m->dispersion);
	appendStringInfoString(json, ", ");
	eg_coefs_describe(m->c, "factor", json);
}

const EgAlgorithm eg_glm = {
	.name = "glm",
	.summary = "generalized linear models: Poisson, gamma, Tweedie",
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_COUNT),
	.format = GLM_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = glm_params,
	.params_size = sizeof(GlmParams),
	.fit = glm_fit,
	.save = glm_save,
	.load = glm_load,
	.width = glm_width,
	.nfeatures = glm_nfeatures,
	.predict = glm_predict,
	.explain = glm_explain,
	.importance = glm_importance,
	.describe = glm_describe
};
