/*-------------------------------------------------------------------------
 *
 * logistic.c
 *	  Logistic regression: probabilities of two or more classes.
 *
 * The objective and the meaning of C are those of scikit-learn:
 *	  C * sum of w_i * loss_i + (1 - r)/2 * |b|^2 + r * |b|_1
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/margin.h"
#include "utils/json.h"

#define LOGISTIC_FORMAT	2

extern const EgAlgorithm eg_logistic_regression;

typedef struct LogisticParams
{
	const char *penalty;
	double		C;
	double		l1_ratio;
	bool		fit_intercept;
	bool		standardize;
	int			max_iter;
	double		tolerance;
	bool		updatable;
} LogisticParams;

typedef struct LogisticModel
{
	EgCoefs    *c;				/* first: see eg_coefs_model_explain() */
	char	   *penalty;
	double		C;
	double		l1_ratio;
	bool		standardize;
	int			max_iter;
	double		tolerance;
	EgUpdatable updatable;
	EgPast	   *past;			/* of all rows, when updatable says so */
	double	   *class_weight;	/* of the rows of each class, likewise */
	uint64		rows;
	int			iterations;
	bool		converged;
	bool		separated;
	double		log_likelihood;
	double		null_log_likelihood;
} LogisticModel;

static const char *const penalties[] = {"l2", "l1", "elasticnet", "none", NULL};

static const EgParam logistic_params[] = {
	{"penalty", EG_PARAM_WORD, offsetof(LogisticParams, penalty), .text = "l2", .words = penalties,
	 .help = "What keeps coefficients small: squares, absolute values, both, or nothing"},
	{"C", EG_PARAM_REAL, offsetof(LogisticParams, C), .number = 1, .min = 0, .min_open = true,
	 .max = 1e12, .tunable = true, .log_scale = true, .search_min = 1e-3, .search_max = 1e3,
	 .help = "Weight of the data against the penalty; smaller keeps coefficients smaller"},
	{"l1_ratio", EG_PARAM_REAL, offsetof(LogisticParams, l1_ratio), .number = 0.5, .min = 0,
	 .max = 1, .help = "Share of absolute values in the penalty elasticnet"},
	{"fit_intercept", EG_PARAM_BOOL, offsetof(LogisticParams, fit_intercept), .number = 1,
	 .help = "Learn an intercept"},
	{"standardize", EG_PARAM_BOOL, offsetof(LogisticParams, standardize), .number = 1,
	 .help = "Penalize coefficients of numbers scaled to deviation 1, not of numbers as they come"},
	{"max_iter", EG_PARAM_INT, offsetof(LogisticParams, max_iter), .number = 200, .min = 1,
	 .max = 1000000, .help = "Most iterations"},
	{"tolerance", EG_PARAM_REAL, offsetof(LogisticParams, tolerance), .number = 1e-6, .min = 0,
	 .min_open = true, .max = 1, .alias = "tol",
	 .help = "Largest component of the mean loss's gradient at which to stop"},
	{"updatable", EG_PARAM_BOOL, offsetof(LogisticParams, updatable), .number = 1,
	 .help = "Keep what engage_update() needs: 4 bytes times the square of the coefficients, up to "
			 "1000 coefficients"},
	EG_PARAM_END};

/* Add the rows' weights to those of their classes. */
static void
weigh_classes(const EgDataset *data, double *weight)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *w = data->role[EG_ROLE_WEIGHT];
	Size		i;

	for (i = 0; i < data->nfit; i++)
		weight[(int) y[i]] += w != NULL ? w[i] : 1;
}

/* Log likelihood of the shares of the classes alone. */
static double
null_log_likelihood(const double *weight, int nclasses)
{
	double		total = 0;
	double		sum = 0;
	int			k;

	for (k = 0; k < nclasses; k++)
		total += weight[k];
	for (k = 0; k < nclasses; k++)
	{
		if (weight[k] > 0)
			sum += weight[k] * log(weight[k] / total);
	}
	return sum;
}

static void
check_labels(const EgDataset *data, int nclasses)
{
	const double *y = data->role[EG_ROLE_TARGET];
	Size		i;

	for (i = 0; i < data->nfit; i++)
	{
		if (!(y[i] >= 0 && y[i] < nclasses) || y[i] != floor(y[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not a class", y[i]),
					 errdetail("Classes are numbered from 0 to %d.", nclasses - 1)));
	}
}

static int
classes_of(const LogisticModel *m)
{
	return Max(m->c->nout, 2);
}

/* What is learned, from what the model knows of its parameters. */
static EgMarginSpec
spec_of(const LogisticModel *m, int nout, bool intercept)
{
	EgMarginSpec spec = {0};

	spec.family = nout == 1 ? EG_FAMILY_LOGISTIC : EG_FAMILY_SOFTMAX;
	spec.nout = nout;
	spec.intercept = intercept;
	spec.standardize = m->standardize;
	if (strcmp(m->penalty, "none") != 0)
	{
		double		ratio = strcmp(m->penalty, "l2") == 0 ? 0 :
			strcmp(m->penalty, "l1") == 0 ? 1 : m->l1_ratio;

		spec.l1 = ratio / m->C;
		spec.l2 = (1 - ratio) / m->C;
	}
	spec.max_iter = m->max_iter;
	spec.tolerance = m->tolerance;
	return spec;
}

/* What the solver says, into the model and to the user. */
static void
take_solution(LogisticModel *m, const EgSolution *s)
{
	m->iterations = s->iterations;
	m->converged = s->converged;
	m->separated = s->separated;
	m->log_likelihood = -s->loss * s->total;
	m->null_log_likelihood = null_log_likelihood(m->class_weight, classes_of(m));
	m->past = s->past;
	if (s->separated)
		ereport(NOTICE,
				(errmsg("the columns separate the classes perfectly"),
				 errdetail("Without a penalty the best coefficients are infinite, so learning "
						   "stopped at a loss near zero."),
				 errhint("Set \"penalty\" to \"l2\" for coefficients that can be interpreted.")));
	else if (!s->converged)
		ereport(WARNING,
				(errmsg("logistic_regression did not converge in %d iterations", s->iterations),
				 errhint("Raise \"max_iter\", or strengthen the penalty by a smaller \"C\".")));
}

static void *
logistic_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const LogisticParams *p = params;
	LogisticModel *m = palloc0(sizeof(LogisticModel));
	int			nclasses = data->task == EG_BINARY ? 2 : Max(data->nclasses, 2);
	EgMarginSpec spec;
	EgSolution	s;

	check_labels(data, nclasses);
	m->penalty = pstrdup(p->penalty);
	m->C = p->C;
	m->l1_ratio = p->l1_ratio;
	m->standardize = p->standardize;
	m->max_iter = p->max_iter;
	m->tolerance = p->tolerance;
	m->rows = data->nfit;
	spec = spec_of(m, data->task == EG_BINARY ? 1 : nclasses, p->fit_intercept);
	spec.remember = p->updatable;
	m->c = eg_margin_fit(data, &spec, run, &s);
	m->class_weight = palloc0(nclasses * sizeof(double));
	weigh_classes(data, m->class_weight);
	take_solution(m, &s);
	m->updatable = !p->updatable ? EG_UPDATE_UNWANTED :
		m->past != NULL ? EG_UPDATE_YES :
		(Size) m->c->nout * (m->c->width + 1) > EG_UPDATE_MAX ? EG_UPDATE_WIDE :
		EG_UPDATE_UNSOLVED;
	return m;
}

/* The loss of the new rows, and of the old ones to second order; the penalty counts once. */
static void
logistic_update(void *model, const EgDataset *data, EgRun *run)
{
	LogisticModel *m = model;
	EgMarginSpec spec = spec_of(m, m->c->nout, m->c->intercept);
	EgSolution	s;

	check_labels(data, classes_of(m));
	spec.remember = true;
	eg_margin_update(m->c, m->past, data, &spec, run, &s);
	weigh_classes(data, m->class_weight);
	m->rows += data->nfit;
	take_solution(m, &s);
}

static const char *
logistic_update_obstacle(const void *model)
{
	return eg_update_obstacle(((const LogisticModel *) model)->updatable);
}

static void
logistic_save(const void *model, EgWriter *w)
{
	const LogisticModel *m = model;
	int			k;

	eg_put_string(w, m->penalty);
	eg_put_f64(w, m->C);
	eg_put_f64(w, m->l1_ratio);
	eg_put_u64(w, m->rows);
	eg_put_u32(w, m->iterations);
	eg_put_u8(w, m->converged);
	eg_put_u8(w, m->separated);
	eg_put_f64(w, m->log_likelihood);
	eg_put_f64(w, m->null_log_likelihood);
	eg_coefs_save(m->c, w);
	eg_put_u32(w, m->c->base + 1);
	eg_put_u8(w, m->standardize);
	eg_put_u32(w, m->max_iter);
	eg_put_f64(w, m->tolerance);
	eg_put_u8(w, (uint8) m->updatable);
	if (m->updatable == EG_UPDATE_YES)
	{
		for (k = 0; k < classes_of(m); k++)
			eg_put_f64(w, m->class_weight[k]);
		eg_past_save(m->past, w);
	}
}

static void *
logistic_load(EgReader *r, int format)
{
	LogisticModel *m = palloc0(sizeof(LogisticModel));
	int			k;

	if (format > LOGISTIC_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"logistic_regression\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	m->penalty = eg_get_string(r);
	if (m->penalty == NULL)
		eg_corrupted(r, "penalty is missing");
	m->C = eg_get_f64(r);
	m->l1_ratio = eg_get_f64(r);
	m->rows = eg_get_u64(r);
	m->iterations = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->converged = eg_get_u8(r) != 0;
	m->separated = eg_get_u8(r) != 0;
	m->log_likelihood = eg_get_f64(r);
	m->null_log_likelihood = eg_get_f64(r);
	m->c = eg_coefs_load(r);
	m->updatable = EG_UPDATE_OLD;
	if (format == 1)
		return m;
	m->c->base = (int) eg_get_count(r, m->c->nout, 0) - 1;
	m->standardize = eg_get_u8(r) != 0;
	m->max_iter = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->tolerance = eg_get_f64(r);
	m->updatable = eg_update_get(r);
	if (m->updatable == EG_UPDATE_YES)
	{
		m->class_weight = palloc(classes_of(m) * sizeof(double));
		for (k = 0; k < classes_of(m); k++)
			m->class_weight[k] = eg_get_f64(r);
		m->past = eg_past_load(r, m->c->nout, m->c->width + 1);
	}
	return m;
}

static int
logistic_width(const void *model)
{
	return ((const LogisticModel *) model)->c->nout;
}

static void
logistic_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const LogisticModel *) model)->c;
	Size		i;
	int			k;

	for (i = 0; i < nrows; i++, x += c->prep->ncols, out += c->nout)
	{
		double		most;
		double		sum = 0;

		eg_coefs_margins(c, x, out);
		if (c->nout == 1)
		{
			*out = 1 / (1 + exp(-*out));
			continue;
		}
		most = out[0];
		for (k = 1; k < c->nout; k++)
			most = Max(most, out[k]);
		for (k = 0; k < c->nout; k++)
		{
			out[k] = exp(out[k] - most);
			sum += out[k];
		}
		for (k = 0; k < c->nout; k++)
			out[k] /= sum;
	}
}

static EgLink
logistic_link(const void *model)
{
	return ((const LogisticModel *) model)->c->nout == 1 ? EG_LINK_LOGIT : EG_LINK_SOFTMAX;
}

static void
logistic_describe(const void *model, StringInfo json)
{
	const LogisticModel *m = model;

	appendStringInfo(json, "\"rows\": " UINT64_FORMAT ", \"penalty\": ", m->rows);
	escape_json(json, m->penalty);
	if (strcmp(m->penalty, "none") != 0)
		appendStringInfo(json, ", \"C\": %.15g", m->C);
	if (strcmp(m->penalty, "elasticnet") == 0)
		appendStringInfo(json, ", \"l1_ratio\": %.15g", m->l1_ratio);
	appendStringInfo(json, ", \"iterations\": %d, \"converged\": %s", m->iterations,
					 m->converged ? "true" : "false");
	if (m->separated)
		appendStringInfoString(json, ", \"note\": \"the columns separate the classes perfectly\"");
	appendStringInfoString(json, ", \"log_likelihood\": ");
	eg_json_number(json, m->log_likelihood);
	appendStringInfoString(json, ", \"pseudo_r2\": ");
	eg_json_number(json, 1 - m->log_likelihood / m->null_log_likelihood);
	appendStringInfoString(json, ", ");
	eg_coefs_describe(m->c, "odds_ratio", json);
}

static const EgCoefs *
logistic_coefficients(const void *model, const char **exponential)
{
	*exponential = "odds_ratio";
	return ((const LogisticModel *) model)->c;
}

const EgAlgorithm eg_logistic_regression = {
	.name = "logistic_regression",
	.summary = "logistic regression, binary and multinomial",
	.tasks = EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS),
	.format = LOGISTIC_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = logistic_params,
	.params_size = sizeof(LogisticParams),
	.fit = logistic_fit,
	.save = logistic_save,
	.load = logistic_load,
	.width = logistic_width,
	.nfeatures = eg_coefs_model_nfeatures,
	.predict = logistic_predict,
	.update = logistic_update,
	.update_obstacle = logistic_update_obstacle,
	.explain = eg_coefs_model_explain,
	.explain_against = eg_coefs_model_explain_against,
	.link = logistic_link,
	.importance = eg_coefs_model_importance,
	.describe = logistic_describe,
	.coefficients = logistic_coefficients
};
