/*-------------------------------------------------------------------------
 *
 * anomaly_ensemble.c
 *	  Several detectors of anomalies as one.
 *
 * Their scores are not comparable: one detector's 0.6 is another's 0.4.  So each
 * is brought to a scale of its own training rows first:
 *
 *	calibrated	1 / (1 + 99^-((s - t) / (t - m))), m the median of the training
 *				scores, t the member's threshold: 0.01 for the usual row and 0.5
 *				where it becomes strange.  A sigmoid as in J. Gao, P.-N. Tan,
 *				"Converting Output Scores from Outlier Detection Algorithms into
 *				Probability Estimates", ICDM 2006, with two fixed points in the
 *				place of a fit.  t is the quantile that contamination says, or
 *				the fence: the third quartile and 1.5 times the quartiles'
 *				distance (J. W. Tukey, Exploratory Data Analysis, 1977).
 *	rank		the share of the training rows with a smaller score, half of those
 *				with an equal one
 *
 * and then the mean is taken, or the largest.  Source: C. C. Aggarwal, S. Sathe,
 * "Theoretical Foundations and Algorithms for Outlier Ensembles", SIGKDD
 * Explorations 17, 2015.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/anomaly_ensemble.h"
#include "base/compat.h"
#include "base/sort.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define RANK_THRESHOLD		0.95	/* of ranks, where nothing is said: the strangest twentieth */
#define FENCE				1.5

typedef struct AnomalyEnsembleParams
{
	Jsonb	   *members;
	const char *combine;
	const char *method;
	double		contamination;	/* NaN: auto */
} AnomalyEnsembleParams;

static const char *const combine_words[] = {"calibrated", "rank", NULL};
static const char *const method_words[] = {"mean", "max", NULL};

static const EgParam ensemble_params[] = {
	{"members", EG_PARAM_JSON, offsetof(AnomalyEnsembleParams, members),
		.help = "Array of detectors: [{\"algorithm\": \"isolation_forest\", \"params\": {...}}, "
		"...]; by default an isolation forest and an autoencoder"},
	{"combine", EG_PARAM_WORD, offsetof(AnomalyEnsembleParams, combine), .text = "calibrated",
		.words = combine_words,
		.help = "How scores of members become comparable: a sigmoid through the usual row and "
		"the threshold (calibrated), or the rank among the training rows (rank)"},
	{"method", EG_PARAM_WORD, offsetof(AnomalyEnsembleParams, method), .text = "mean",
		.words = method_words, .help = "What is made of the members' scores"},
	EG_CONTAMINATION(AnomalyEnsembleParams),
	EG_PARAM_END
};

/* ----------
 * Members
 * ----------
 */

static void pg_attribute_noreturn()
bad_members(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"members\" of algorithm \"anomaly_ensemble\" %s", why),
			 errhint("Write '[{\"algorithm\": \"isolation_forest\", \"params\": "
					 "{\"n_estimators\": 200}}, {\"algorithm\": \"autoencoder\"}]'.")));
}

const EgAlgorithm *
eg_anomaly_detector(const char *name)
{
	int			i;

	for (i = 0; eg_algorithms[i]; i++)
	{
		if (strcmp(eg_algorithms[i]->name, name) == 0 &&
			(eg_algorithms[i]->tasks & EG_TASK_BIT(EG_ANOMALY)) && eg_algorithms[i]->predict &&
			eg_algorithms[i] != &eg_anomaly_ensemble)
			return eg_algorithms[i];
	}
	return NULL;
}

static void
add_member(EgAnomalyEnsemble *m, const char *name, const Jsonb *params)
{
	EgDetector *member = &m->members[m->nmembers++];
	StringInfoData text;

	member->algorithm = eg_anomaly_detector(name);
	if (member->algorithm == NULL)
		bad_members(psprintf("names \"%s\", which is no detector of anomalies", name));
	member->parsed = eg_params_parse(member->algorithm->params, member->algorithm->params_size,
									 params, member->algorithm->name);
	initStringInfo(&text);
	eg_params_to_json(member->algorithm->params, member->parsed, &text);
	member->params = text.data;
}

/* {"algorithm": "autoencoder", "params": {...}} */
static void
parse_member(EgAnomalyEnsemble *m, JsonbValue *v)
{
	char	   *algorithm = NULL;
	Jsonb	   *params = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	x;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		bad_members("has an element that is no object");
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &x, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(x.val.string.val, x.val.string.len);
		(void) JsonbIteratorNext(&it, &x, true);
		if (strcmp(name, "algorithm") == 0 && x.type == jbvString)
			algorithm = pnstrdup(x.val.string.val, x.val.string.len);
		else if (strcmp(name, "params") == 0 && x.type == jbvBinary)
			params = JsonbValueToJsonb(&x);
		else
			bad_members(psprintf("has an element with the member \"%s\"", name));
	}
	if (algorithm == NULL)
		bad_members("has an element without an algorithm");
	add_member(m, algorithm, params);
}

static void
make_members(EgAnomalyEnsemble *m, const AnomalyEnsembleParams *p)
{
	int			n,
				i;

	m->members = palloc0(sizeof(EgDetector) * EG_ANOMALY_MEMBERS);
	if (p->members == NULL)
	{
		add_member(m, "isolation_forest", NULL);
		add_member(m, "autoencoder", NULL);
		return;
	}
	if (!JB_ROOT_IS_ARRAY(p->members) || JB_ROOT_IS_SCALAR(p->members))
		bad_members("must be an array");
	n = JB_ROOT_COUNT(p->members);
	if (n < 1 || n > EG_ANOMALY_MEMBERS)
		bad_members(psprintf("must have 1 to %d elements, not %d", EG_ANOMALY_MEMBERS, n));
	for (i = 0; i < n; i++)
		parse_member(m, getIthJsonbValueFromContainer(&p->members->root, i));
}

static double
ensemble_validation(const void *params, EgTask task)
{
	EgAnomalyEnsemble m = {0};
	double		most = 0;
	int			k;

	make_members(&m, params);
	for (k = 0; k < m.nmembers; k++)
	{
		if (m.members[k].algorithm->validation)
			most = Max(most, m.members[k].algorithm->validation(m.members[k].parsed, task));
	}
	return most;
}

/* ----------
 * Scales
 * ----------
 */

/* Share of the training scores below s, half of the equal ones with them. */
static double
rank_of(const double *q, double s)
{
	int			lo = 0,
				hi = EG_ANOMALY_QUANTILES,
				from,
				to;

	/* quantiles below s, and those up to s */
	while (lo < hi)
	{
		int			middle = (lo + hi) / 2;

		if (q[middle] < s)
			lo = middle + 1;
		else
			hi = middle;
	}
	from = lo;
	hi = EG_ANOMALY_QUANTILES;
	while (lo < hi)
	{
		int			middle = (lo + hi) / 2;

		if (q[middle] <= s)
			lo = middle + 1;
		else
			hi = middle;
	}
	to = lo;
	if (to == 0)
		return 0;
	if (from == EG_ANOMALY_QUANTILES)
		return 1;
	if (from < to)
		return (from + to - 1) / 2.0 / (EG_ANOMALY_QUANTILES - 1);
	return (from - 1 + (s - q[from - 1]) / (q[from] - q[from - 1])) / (EG_ANOMALY_QUANTILES - 1);
}

static double
scaled(const EgAnomalyEnsemble *m, const EgDetector *member, double s)
{
	double		width = member->strange - member->median;

	if (m->ranks)
		return rank_of(member->quantile, s);

	/* all training rows had the same score: any other is strange */
	if (!(width > 0))
		return s > member->median ? 1 : 0.01;
	return 1 / (1 + exp(-log(99) * Max(Min((s - member->strange) / width, 100), -100)));
}

/* What a member says of n rows goes into the combined scores, which begin as 0. */
static void
combine(const EgAnomalyEnsemble *m, const EgDetector *member, const double *score, Size n,
		double *out)
{
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		v = scaled(m, member, score[i]);

		out[i] = m->largest ? Max(out[i], v) : out[i] + v / m->nmembers;
	}
}

/* Scores of n <= EG_ANOMALY_BLOCK rows.  Neither allocates nor throws. */
static void
score_block(const EgAnomalyEnsemble *m, const float *x, Size n, double *out)
{
	Size		i;
	int			k;

	for (i = 0; i < n; i++)
		out[i] = 0;
	for (k = 0; k < m->nmembers; k++)
	{
		const EgDetector *member = &m->members[k];

		member->algorithm->predict(member->model, x, n, m->room);
		combine(m, member, m->room, n, out);
	}
}

/* The scale of a member, from its scores of the n training rows; they get sorted. */
static void
make_scale(EgDetector *member, double *score, Size n, double contamination)
{
	double		q1,
				q3;
	int			i;

	qsort(score, n, sizeof(double), eg_by_double);
	member->quantile = palloc(sizeof(double) * EG_ANOMALY_QUANTILES);
	for (i = 0; i < EG_ANOMALY_QUANTILES; i++)
		member->quantile[i] = score[(Size) rint((double) (n - 1) * i / (EG_ANOMALY_QUANTILES - 1))];
	member->median = score[(n - 1) / 2];
	q1 = score[(n - 1) / 4];
	q3 = score[(n - 1) * 3 / 4];
	member->strange = isnan(contamination) ? q3 + FENCE * (q3 - q1) :
		score[(n - 1) - (Size) floor((double) (n - 1) * contamination)];
}

static void *
ensemble_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const AnomalyEnsembleParams *p = params;
	EgAnomalyEnsemble *m = palloc0(sizeof(EgAnomalyEnsemble));
	Size		n = data->nfit + data->nvalid;
	EgRun		quiet = *run;
	double	   *own,
			   *sorted,
			   *score;
	Size		i;
	int			k;

	m->ranks = strcmp(p->combine, "rank") == 0;
	m->largest = strcmp(p->method, "max") == 0;
	m->nfeatures = data->x.ncols;
	m->room = palloc(sizeof(double) * EG_ANOMALY_BLOCK);
	make_members(m, p);
	eg_check_memory(3 * n * sizeof(double), run->memory_limit,
					"training with algorithm \"anomaly_ensemble\"");
	own = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	sorted = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	score = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	memset(score, 0, sizeof(double) * n);
	quiet.report = NULL;
	quiet.history = NULL;
	for (k = 0; k < m->nmembers; k++)
	{
		EgDetector *member = &m->members[k];

		member->model = member->algorithm->fit(data, member->parsed, &quiet);
		for (i = 0; i < n; i += EG_SCORE_BLOCK)
		{
			CHECK_FOR_INTERRUPTS();
			member->algorithm->predict(member->model, eg_row(&data->x, i),
									   Min(EG_SCORE_BLOCK, n - i), own + i);
		}
		memcpy(sorted, own, sizeof(double) * n);
		make_scale(member, sorted, n, p->contamination);
		combine(m, member, own, n, score);
		eg_step(run, k + 1, m->nmembers, NULL, 0);
	}
	m->facts = eg_anomaly_facts(score, n, p->contamination);
	if (m->ranks && isnan(p->contamination))
	{
		m->facts.threshold = RANK_THRESHOLD;
		m->facts.share = 0;
		for (i = 0; i < n; i++)
			m->facts.share += score[i] >= RANK_THRESHOLD ? 1.0 / n : 0;
	}
	pfree(own);
	pfree(sorted);
	pfree(score);
	return m;
}

/* ----------
 * Use
 * ----------
 */

static int
ensemble_width(const void *model)
{
	return 1;
}

static int
ensemble_nfeatures(const void *model)
{
	return ((const EgAnomalyEnsemble *) model)->nfeatures;
}

static void
ensemble_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgAnomalyEnsemble *m = model;
	Size		i;

	for (i = 0; i < nrows; i += EG_ANOMALY_BLOCK)
		score_block(m, x + i * m->nfeatures, Min(EG_ANOMALY_BLOCK, nrows - i), out + i);
}

static double
ensemble_threshold(const void *model)
{
	return ((const EgAnomalyEnsemble *) model)->facts.threshold;
}

/* Exact contributions when every member has them. */
static bool
ensemble_explains(const void *model)
{
	const EgAnomalyEnsemble *m = model;
	int			k;

	for (k = 0; k < m->nmembers; k++)
	{
		const EgAlgorithm *a = m->members[k].algorithm;

		if (a->explain == NULL || (a->explains && !a->explains(m->members[k].model)))
			return false;
	}
	return true;
}

/*
 * Contributions to a member's score on the common scale: those to its own score, times the
 * slope of the line from the scaled base to the scaled score, as eg_link_contributions() does
 * for a link.  out (nfeatures + 1); returns the scaled score.
 */
static double
explain_member(const EgAnomalyEnsemble *m, const EgDetector *member, const float *x, double *own,
			   double *out)
{
	const EgAlgorithm *a = member->algorithm;
	EgLink		link = a->link ? a->link(member->model) : EG_LINK_IDENTITY;
	double		base,
				score,
				step = 0,
				slope;
	int			j;

	a->explain(member->model, x, 1, own);
	a->predict(member->model, x, 1, &score);
	eg_link_contributions(link, own, m->nfeatures, 1, 0, out);
	base = scaled(m, member, out[m->nfeatures]);
	for (j = 0; j < m->nfeatures; j++)
		step += out[j];
	slope = fabs(step) > 1e-9 ? (scaled(m, member, score) - base) / step : 0;
	for (j = 0; j < m->nfeatures; j++)
		out[j] *= slope;
	out[m->nfeatures] = base;
	return scaled(m, member, score);
}

/* The mean of the members' contributions, or those of the one that says most. */
static void
ensemble_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgAnomalyEnsemble *m = model;
	Size		n = (Size) m->nfeatures + 1;
	double	   *own = palloc(sizeof(double) * n);
	double	   *scale = palloc(sizeof(double) * n);
	Size		i,
				j;
	int			k;

	for (i = 0; i < nrows; i++, x += m->nfeatures, out += n)
	{
		double		most = -1;

		CHECK_FOR_INTERRUPTS();
		memset(out, 0, sizeof(double) * n);
		for (k = 0; k < m->nmembers; k++)
		{
			double		score = explain_member(m, &m->members[k], x, own, scale);

			if (!m->largest)
			{
				for (j = 0; j < n; j++)
					out[j] += scale[j] / m->nmembers;
			}
			else if (score > most)
			{
				most = score;
				memcpy(out, scale, sizeof(double) * n);
			}
		}
	}
	pfree(own);
	pfree(scale);
}

/* The mean of the members' shares; those that know none have no say. */
static void
ensemble_importance(const void *model, double *out)
{
	const EgAnomalyEnsemble *m = model;
	double	   *own = palloc(sizeof(double) * Max(m->nfeatures, 1));
	int			k,
				j;

	memset(out, 0, sizeof(double) * m->nfeatures);
	for (k = 0; k < m->nmembers; k++)
	{
		const EgDetector *member = &m->members[k];
		double		sum = 0;

		if (member->algorithm->importance == NULL)
			continue;
		member->algorithm->importance(member->model, own);
		for (j = 0; j < m->nfeatures; j++)
			sum += own[j];
		for (j = 0; j < m->nfeatures && sum > 0; j++)
			out[j] += own[j] / sum;
	}
	pfree(own);
}

static void
ensemble_describe(const void *model, StringInfo json)
{
	const EgAnomalyEnsemble *m = model;
	int			k;

	appendStringInfo(json, "\"combine\": \"%s\", \"method\": \"%s\", \"members\": [",
					 combine_words[m->ranks], method_words[m->largest]);
	for (k = 0; k < m->nmembers; k++)
		appendStringInfo(json, "%s{\"algorithm\": \"%s\", \"usual_score\": %.6g, "
						 "\"strange_score\": %.6g}", k > 0 ? ", " : "",
						 m->members[k].algorithm->name, m->members[k].median,
						 m->members[k].strange);
	appendStringInfoChar(json, ']');
}

static void
ensemble_estimate(const void *model, StringInfo json)
{
	eg_anomaly_estimate(&((const EgAnomalyEnsemble *) model)->facts, json);
}

const EgAlgorithm eg_anomaly_ensemble = {
	.name = "anomaly_ensemble",
	.summary = "several detectors of anomalies as one, on a common scale",
	.tasks = EG_TASK_BIT(EG_ANOMALY),
	.format = EG_ANOMALY_ENSEMBLE_FORMAT,
	.roles_optional = EG_ROLE_BIT(EG_ROLE_TARGET),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = ensemble_params,
	.params_size = sizeof(AnomalyEnsembleParams),
	.validation = ensemble_validation,
	.fit = ensemble_fit,
	.save = eg_anomaly_ensemble_save,
	.load = eg_anomaly_ensemble_load,
	.width = ensemble_width,
	.nfeatures = ensemble_nfeatures,
	.predict = ensemble_predict,
	.explain = ensemble_explain,
	.explains = ensemble_explains,
	.importance = ensemble_importance,
	.describe = ensemble_describe,
	.estimate = ensemble_estimate,
	.threshold = ensemble_threshold
};
