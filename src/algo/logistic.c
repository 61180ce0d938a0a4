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

#define LOGISTIC_FORMAT	1

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
} LogisticParams;

typedef struct LogisticModel
{
	EgCoefs    *c;
	char	   *penalty;
	double		C;
	double		l1_ratio;
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
	EG_PARAM_END};

/* Log likelihood of the shares of the classes alone. */
static double
null_log_likelihood(const EgDataset *data, int nclasses)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *w = data->role[EG_ROLE_WEIGHT];
	double	   *weight = palloc0(nclasses * sizeof(double));
	double		total = 0;
	double		sum = 0;
	Size		i;
	int			k;

	for (i = 0; i < data->nfit; i++)
	{
		weight[(int) y[i]] += w != NULL ? w[i] : 1;
		total += w != NULL ? w[i] : 1;
	}
	for (k = 0; k < nclasses; k++)
	{
		if (weight[k] > 0)
			sum += weight[k] * log(weight[k] / total);
	}
	pfree(weight);
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

static void *
logistic_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const LogisticParams *p = params;
	LogisticModel *m = palloc0(sizeof(LogisticModel));
	bool		binary = data->task == EG_BINARY;
	int			nclasses = binary ? 2 : Max(data->nclasses, 2);
	EgMarginSpec spec = {0};
	EgSolution	s;

	check_labels(data, nclasses);
	spec.family = binary ? EG_FAMILY_LOGISTIC : EG_FAMILY_SOFTMAX;
	spec.nout = binary ? 1 : nclasses;
	spec.intercept = p->fit_intercept;
	spec.standardize = p->standardize;
	if (strcmp(p->penalty, "none") != 0)
	{
		double		ratio = strcmp(p->penalty, "l2") == 0 ? 0 :
			strcmp(p->penalty, "l1") == 0 ? 1 : p->l1_ratio;

		spec.l1 = ratio / p->C;
		spec.l2 = (1 - ratio) / p->C;
	}
	spec.max_iter = p->max_iter;
	spec.tolerance = p->tolerance;
	m->c = eg_margin_fit(data, &spec, run, &s);

	m->penalty = pstrdup(p->penalty);
	m->C = p->C;
	m->l1_ratio = p->l1_ratio;
	m->rows = data->nfit;
	m->iterations = s.iterations;
	m->converged = s.converged;
	m->separated = s.separated;
	m->log_likelihood = -s.loss * s.total;
	m->null_log_likelihood = null_log_likelihood(data, nclasses);
	if (s.separated)
		ereport(NOTICE,
				(errmsg("the columns separate the classes perfectly"),
				 errdetail("Without a penalty the best coefficients are infinite, so learning "
						   "stopped at a loss near zero."),
				 errhint("Set \"penalty\" to \"l2\" for coefficients that can be interpreted.")));
	else if (!s.converged)
		ereport(WARNING,
				(errmsg("logistic_regression did not converge in %d iterations", s.iterations),
				 errhint("Raise \"max_iter\", or strengthen the penalty by a smaller \"C\".")));
	return m;
}

static void
logistic_save(const void *model, EgWriter *w)
{
	const LogisticModel *m = model;

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
}

static void *
logistic_load(EgReader *r, int format)
{
	LogisticModel *m = palloc0(sizeof(LogisticModel));

	if (format != LOGISTIC_FORMAT)
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
	return m;
}

static int
logistic_width(const void *model)
{
	return ((const LogisticModel *) model)->c->nout;
}

static int
logistic_nfeatures(const void *model)
{
	return ((const LogisticModel *) model)->c->prep->ncols;
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

static void
logistic_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgCoefs *c = ((const LogisticModel *) model)->c;
	Size		i;

	for (i = 0; i < nrows; i++)
		eg_coefs_explain(c, x + i * c->prep->ncols, out + i * (c->prep->ncols + 1) * c->nout);
}

static void
logistic_importance(const void *model, double *out)
{
	eg_coefs_importance(((const LogisticModel *) model)->c, out);
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
	.nfeatures = logistic_nfeatures,
	.predict = logistic_predict,
	.explain = logistic_explain,
	.importance = logistic_importance,
	.describe = logistic_describe
};
