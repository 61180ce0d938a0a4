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

#define GLM_FORMAT		2

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
	bool		updatable;
} GlmParams;

typedef struct GlmModel
{
	EgCoefs    *c;				/* first: see eg_coefs_model_explain() */
	EgFamily	family;
	double		power;
	double		alpha;
	bool		standardize;
	int			max_iter;
	double		tolerance;
	EgUpdatable updatable;
	EgPast	   *past;			/* of all rows, when updatable says so */
	double		sum;			/* of the targets, weighted */
	double		total;			/* weight */
	double		pearson;		/* chi-square */
	double		counted;		/* rows of weight above 0 */
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
	{"updatable", EG_PARAM_BOOL, offsetof(GlmParams, updatable), .number = 1,
	 .help = "Keep what engage_update() needs: 4 bytes times the square of the coefficients, up to "
			 "1000 coefficients"},
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
check_targets(const EgDataset *data, const GlmModel *m)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const char *objective = objectives[m->family - EG_FAMILY_POISSON];
	double		power = power_of(m->family, m->power);
	double		sum = m->sum;
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

/* What the deviance of rows changes by when their common mean is not from but to. */
static double
moved_deviance(double power, double sum, double total, double from, double to)
{
	if (power == 1)
		return 2 * (total * (to - from) - sum * log(to / from));
	if (power == 2)
		return 2 * (sum * (1 / to - 1 / from) + total * log(to / from));
	return 2 * (total * (pow(to, 2 - power) - pow(from, 2 - power)) / (2 - power) -
				sum * (pow(to, 1 - power) - pow(from, 1 - power)) / (1 - power));
}

/* Weights and targets of the rows added; the null deviance is of the common mean again. */
static void
count_targets(GlmModel *m, const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	double		power = power_of(m->family, m->power);
	double		total = m->total;
	double		sum = m->sum;
	double		mean;
	Size		i;

	for (i = 0; i < data->nfit; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;

		total += w;
		sum += w * y[i];
	}
	mean = m->c->intercept ? sum / total : 1;
	if (m->total > 0 && m->c->intercept)
		m->null_deviance += moved_deviance(power, m->sum, m->total, m->sum / m->total, mean);
	for (i = 0; i < data->nfit; i++)
		m->null_deviance += (weight != NULL ? weight[i] : 1) * unit_deviance(power, y[i], mean);
	m->total = total;
	m->sum = sum;
}

/*
 * Deviance, Pearson's estimate of the dispersion, and standard errors that it
 * scales.  Of rows that are gone the deviance is known to second order, and
 * Pearson's sum is that of their time.
 */
static void
measure(GlmModel *m, const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	double		power = power_of(m->family, m->power);
	double		df;
	Size		i;
	int			j;

	for (i = 0; i < data->nfit; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;
		double		margin;
		double		mean;

		if (!(w > 0))
			continue;
		m->counted++;
		eg_coefs_margins(m->c, eg_row(&data->x, i), &margin);
		mean = mean_of(margin);
		m->pearson += w * (y[i] - mean) * (y[i] - mean) / pow(mean, power);
		m->deviance += w * unit_deviance(power, y[i], mean);
	}
	df = m->counted - m->c->width - m->c->intercept;
	for (j = 0; j < m->c->width; j++)
		df += m->c->dropped[j];
	m->dispersion = df > 0 ? m->pearson / df : NAN;
	for (i = 0; m->c->error != NULL && m->family != EG_FAMILY_POISSON && i < m->c->width + 1; i++)
		m->c->error[i] *= sqrt(m->dispersion);
}

static EgMarginSpec
spec_of(const GlmModel *m, bool intercept)
{
	EgMarginSpec spec = {0};

	spec.family = m->family;
	spec.power = m->power;
	spec.nout = 1;
	spec.intercept = intercept;
	spec.standardize = m->standardize;
	spec.l2 = m->alpha;
	spec.per_weight = true;
	spec.max_iter = m->max_iter;
	spec.tolerance = m->tolerance;
	return spec;
}

static void
take_solution(GlmModel *m, const EgSolution *s)
{
	m->iterations = s->iterations;
	m->converged = s->converged;
	m->past = s->past;
	if (!s->converged)
		ereport(WARNING,
				(errmsg("glm did not converge in %d iterations", s->iterations),
				 errhint("Raise \"max_iter\", or set \"alpha\" above zero.")));
}

static void *
glm_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const GlmParams *p = params;
	GlmModel   *m = palloc0(sizeof(GlmModel));
	EgMarginSpec spec;
	EgSolution	s;
	Size		i;

	for (i = 0; objectives[i] != NULL; i++)
	{
		if (strcmp(objectives[i], p->objective) == 0)
			m->family = families[i];
	}
	m->power = p->power;
	m->alpha = p->alpha;
	m->standardize = p->standardize;
	m->max_iter = p->max_iter;
	m->tolerance = p->tolerance;
	m->rows = data->nfit;
	check_targets(data, m);
	spec = spec_of(m, p->fit_intercept);
	spec.remember = p->updatable;
	m->c = eg_margin_fit(data, &spec, run, &s);
	m->updatable = !p->updatable ? EG_UPDATE_UNWANTED :
		s.past != NULL ? EG_UPDATE_YES :
		m->c->width >= EG_UPDATE_MAX ? EG_UPDATE_WIDE : EG_UPDATE_UNSOLVED;
	count_targets(m, data);
	measure(m, data);
	take_solution(m, &s);
	return m;
}

/*
 * The loss of the new rows, and of the old ones to second order; the penalty,
 * which is for each unit of weight, grows with the weight.
 */
static void
glm_update(void *model, const EgDataset *data, EgRun *run)
{
	GlmModel   *m = model;
	EgMarginSpec spec = spec_of(m, m->c->intercept);
	EgSolution	s;
	double		old;

	check_targets(data, m);
	count_targets(m, data);
	spec.mean = m->sum / m->total;
	spec.remember = true;
	old = m->past->loss;
	eg_margin_update(m->c, m->past, data, &spec, run, &s);
	m->rows += data->nfit;

	/* twice the loss and the deviance of a row change alike */
	m->deviance += 2 * (s.past_loss - old);
	measure(m, data);
	take_solution(m, &s);
}

static const char *
glm_update_obstacle(const void *model)
{
	return eg_update_obstacle(((const GlmModel *) model)->updatable);
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
	eg_put_u8(w, m->standardize);
	eg_put_u32(w, m->max_iter);
	eg_put_f64(w, m->tolerance);
	eg_put_u8(w, (uint8) m->updatable);
	if (m->updatable == EG_UPDATE_YES)
	{
		eg_put_f64(w, m->sum);
		eg_put_f64(w, m->total);
		eg_put_f64(w, m->pearson);
		eg_put_f64(w, m->counted);
		eg_past_save(m->past, w);
	}
}

static void *
glm_load(EgReader *r, int format)
{
	GlmModel   *m = palloc0(sizeof(GlmModel));
	uint8		family;

	if (format > GLM_FORMAT)
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
	m->updatable = EG_UPDATE_OLD;
	if (format == 1)
		return m;
	m->standardize = eg_get_u8(r) != 0;
	m->max_iter = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->tolerance = eg_get_f64(r);
	m->updatable = eg_update_get(r);
	if (m->updatable == EG_UPDATE_YES)
	{
		m->sum = eg_get_f64(r);
		m->total = eg_get_f64(r);
		m->pearson = eg_get_f64(r);
		m->counted = eg_get_f64(r);
		m->past = eg_past_load(r, 1, m->c->width + 1);
	}
	return m;
}

static int
glm_width(const void *model)
{
	return 1;
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

static EgLink
glm_link(const void *model)
{
	return EG_LINK_EXP;
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

static const EgCoefs *
glm_coefficients(const void *model, const char **exponential)
{
	*exponential = "factor";
	return ((const GlmModel *) model)->c;
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
	.nfeatures = eg_coefs_model_nfeatures,
	.predict = glm_predict,
	.update = glm_update,
	.update_obstacle = glm_update_obstacle,
	.explain = eg_coefs_model_explain,
	.explain_against = eg_coefs_model_explain_against,
	.link = glm_link,
	.importance = eg_coefs_model_importance,
	.describe = glm_describe,
	.coefficients = glm_coefficients
};
