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

#include "algo/anomaly.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define ENSEMBLE_FORMAT		1
#define MAX_MEMBERS			16
#define MAX_BYTES			(512 * 1024 * 1024)
#define NQUANTILES			1001	/* 0, 0.1, ... 100 % of the training scores */
#define BLOCK_ROWS			64
#define RANK_THRESHOLD		0.95	/* of ranks, where nothing is said: the strangest twentieth */
#define FENCE				1.5

typedef struct AnomalyEnsembleParams
{
	Jsonb	   *members;
	const char *combine;
	const char *method;
	double		contamination;	/* NaN: auto */
} AnomalyEnsembleParams;

typedef struct Member
{
	const EgAlgorithm *algorithm;
	void	   *parsed;			/* NULL when loaded */
	char	   *params;			/* JSON */
	void	   *model;
	double		median;			/* of the training scores */
	double		strange;		/* score that becomes 0.5 */
	double	   *quantile;		/* (NQUANTILES) of the training scores */
} Member;

typedef struct AnomalyEnsemble
{
	bool		ranks;
	bool		largest;
	int			nfeatures;
	int			nmembers;
	Member	   *members;
	EgAnomalyFacts facts;
	double	   *room;			/* (BLOCK_ROWS) not stored */
} AnomalyEnsemble;

extern const EgAlgorithm eg_anomaly_ensemble;

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

/* A detector of that name, not an ensemble. */
static const EgAlgorithm *
find_detector(const char *name)
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
add_member(AnomalyEnsemble *m, const char *name, const Jsonb *params)
{
	Member	   *member = &m->members[m->nmembers++];
	StringInfoData text;

	member->algorithm = find_detector(name);
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
parse_member(AnomalyEnsemble *m, JsonbValue *v)
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
make_members(AnomalyEnsemble *m, const AnomalyEnsembleParams *p)
{
	int			n,
				i;

	m->members = palloc0(sizeof(Member) * MAX_MEMBERS);
	if (p->members == NULL)
	{
		add_member(m, "isolation_forest", NULL);
		add_member(m, "autoencoder", NULL);
		return;
	}
	if (!JB_ROOT_IS_ARRAY(p->members) || JB_ROOT_IS_SCALAR(p->members))
		bad_members("must be an array");
	n = JB_ROOT_COUNT(p->members);
	if (n < 1 || n > MAX_MEMBERS)
		bad_members(psprintf("must have 1 to %d elements, not %d", MAX_MEMBERS, n));
	for (i = 0; i < n; i++)
		parse_member(m, getIthJsonbValueFromContainer(&p->members->root, i));
}

static double
ensemble_validation(const void *params, EgTask task)
{
	AnomalyEnsemble m = {0};
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
				hi = NQUANTILES,
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
	hi = NQUANTILES;
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
	if (from == NQUANTILES)
		return 1;
	if (from < to)
		return (from + to - 1) / 2.0 / (NQUANTILES - 1);
	return (from - 1 + (s - q[from - 1]) / (q[from] - q[from - 1])) / (NQUANTILES - 1);
}

static double
scaled(const AnomalyEnsemble *m, const Member *member, double s)
{
	double		width = member->strange - member->median;

	if (m->ranks)
		return rank_of(member->quantile, s);

	/* all training rows had the same score: any other is strange */
	if (!(width > 0))
		return s > member->median ? 1 : 0.01;
	return 1 / (1 + exp(-log(99) * Max(Min((s - member->strange) / width, 100), -100)));
}

/* Scores of n <= BLOCK_ROWS rows.  Neither allocates nor throws. */
static void
score_block(const AnomalyEnsemble *m, const float *x, Size n, double *out)
{
	Size		i;
	int			k;

	for (i = 0; i < n; i++)
		out[i] = 0;
	for (k = 0; k < m->nmembers; k++)
	{
		const Member *member = &m->members[k];

		member->algorithm->predict(member->model, x, n, m->room);
		for (i = 0; i < n; i++)
		{
			double		v = scaled(m, member, m->room[i]);

			out[i] = m->largest ? Max(out[i], v) : out[i] + v / m->nmembers;
		}
	}
}

static int
by_size(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* The scale of a member, from its scores of the n training rows; they get sorted. */
static void
make_scale(Member *member, double *score, Size n, double contamination)
{
	double		q1,
				q3;
	int			i;

	qsort(score, n, sizeof(double), by_size);
	member->quantile = palloc(sizeof(double) * NQUANTILES);
	for (i = 0; i < NQUANTILES; i++)
		member->quantile[i] = score[(Size) rint((double) (n - 1) * i / (NQUANTILES - 1))];
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
	AnomalyEnsemble *m = palloc0(sizeof(AnomalyEnsemble));
	Size		n = data->nfit + data->nvalid;
	EgRun		quiet = *run;
	double	   *score;
	Size		i;
	int			k;

	m->ranks = strcmp(p->combine, "rank") == 0;
	m->largest = strcmp(p->method, "max") == 0;
	m->nfeatures = data->x.ncols;
	m->room = palloc(sizeof(double) * BLOCK_ROWS);
	make_members(m, p);
	eg_check_memory(n * sizeof(double), run->memory_limit,
					"training with algorithm \"anomaly_ensemble\"");
	score = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	quiet.report = NULL;
	quiet.history = NULL;
	for (k = 0; k < m->nmembers; k++)
	{
		Member	   *member = &m->members[k];

		member->model = member->algorithm->fit(data, member->parsed, &quiet);
		for (i = 0; i < n; i += EG_SCORE_BLOCK)
		{
			CHECK_FOR_INTERRUPTS();
			member->algorithm->predict(member->model, eg_row(&data->x, i),
									   Min(EG_SCORE_BLOCK, n - i), score + i);
		}
		make_scale(member, score, n, p->contamination);
		eg_step(run, k + 1, m->nmembers, NULL, 0);
	}
	for (i = 0; i < n; i += EG_SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		score_block(m, eg_row(&data->x, i), Min(EG_SCORE_BLOCK, n - i), score + i);
	}
	m->facts = eg_anomaly_facts(score, n, p->contamination);
	if (m->ranks && isnan(p->contamination))
	{
		m->facts.threshold = RANK_THRESHOLD;
		m->facts.share = 0;
		for (i = 0; i < n; i++)
			m->facts.share += score[i] >= RANK_THRESHOLD ? 1.0 / n : 0;
	}
	pfree(score);
	return m;
}

/* ----------
 * Stored form
 * ----------
 */

static void
ensemble_save(const void *model, EgWriter *w)
{
	const AnomalyEnsemble *m = model;
	int			k,
				i;

	eg_put_u8(w, m->ranks);
	eg_put_u8(w, m->largest);
	eg_put_u32(w, m->nfeatures);
	eg_anomaly_save(&m->facts, w);
	eg_put_u32(w, m->nmembers);
	for (k = 0; k < m->nmembers; k++)
	{
		const Member *member = &m->members[k];
		EgWriter	own;

		eg_put_string(w, member->algorithm->name);
		eg_put_u32(w, member->algorithm->format);
		eg_put_string(w, member->params);
		eg_put_f64(w, member->median);
		eg_put_f64(w, member->strange);
		for (i = 0; i < NQUANTILES; i++)
			eg_put_f64(w, member->quantile[i]);
		eg_writer_init(&own);
		member->algorithm->save(member->model, &own);
		if ((Size) w->buf.len + own.buf.len > MAX_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the members of the ensemble need %zu MB, more than %d",
							((Size) w->buf.len + own.buf.len) / (1024 * 1024),
							MAX_BYTES / (1024 * 1024)),
					 errhint("Use fewer or smaller members.")));
		eg_put_u32(w, own.buf.len);
		eg_put_bytes(w, own.buf.data, own.buf.len);
		pfree(own.buf.data);
	}
}

static double
get_score(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (!(v >= -1 && v <= 10))
		eg_corrupted(r, "a score is out of range");
	return v;
}

static void
load_member(EgReader *r, AnomalyEnsemble *m, Member *member)
{
	char	   *name = eg_get_string(r);
	uint32		format;
	uint32		len;
	EgReader	own;
	int			i;

	member->algorithm = name ? find_detector(name) : NULL;
	if (member->algorithm == NULL)
		eg_corrupted(r, "it has the unknown member \"%s\"", name ? name : "");
	format = eg_get_u32(r);
	if (format < 1 || format > (uint32) member->algorithm->format)
		eg_corrupted(r, "the format of member \"%s\" is %u", name, format);
	member->params = eg_get_string(r);
	if (member->params == NULL)
		eg_corrupted(r, "a member has no parameters");
	member->median = get_score(r);
	member->strange = get_score(r);
	member->quantile = palloc(sizeof(double) * NQUANTILES);
	for (i = 0; i < NQUANTILES; i++)
	{
		member->quantile[i] = get_score(r);
		if (i > 0 && member->quantile[i] < member->quantile[i - 1])
			eg_corrupted(r, "quantiles do not ascend");
	}
	len = eg_get_count(r, PG_UINT32_MAX, 1);
	eg_reader_init(&own, eg_get_bytes(r, len), len, r->what);
	member->model = member->algorithm->load(&own, (int) format);
	if (own.pos != own.len)
		eg_corrupted(r, "member \"%s\" has %zu bytes too many", name, own.len - own.pos);
	if (member->algorithm->nfeatures(member->model) != m->nfeatures ||
		member->algorithm->width(member->model) != 1)
		eg_corrupted(r, "member \"%s\" does not fit the ensemble", name);
}

static void *
ensemble_load(EgReader *r, int format)
{
	AnomalyEnsemble *m = palloc0(sizeof(AnomalyEnsemble));
	uint8		flag;
	int			k;

	if (format != ENSEMBLE_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"anomaly_ensemble\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	flag = eg_get_u8(r);
	m->ranks = flag;
	if (flag > 1 || (flag = eg_get_u8(r)) > 1)
		eg_corrupted(r, "a flag is neither on nor off");
	m->largest = flag;
	m->nfeatures = (int) eg_get_u32(r);
	if (m->nfeatures < 0)
		eg_corrupted(r, "the number of features is out of range");
	eg_anomaly_load(&m->facts, r);
	m->nmembers = (int) eg_get_count(r, MAX_MEMBERS, NQUANTILES * sizeof(double));
	if (m->nmembers < 1)
		eg_corrupted(r, "it has no members");
	m->members = palloc0(sizeof(Member) * m->nmembers);
	m->room = palloc(sizeof(double) * BLOCK_ROWS);
	for (k = 0; k < m->nmembers; k++)
		load_member(r, m, &m->members[k]);
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
	return ((const AnomalyEnsemble *) model)->nfeatures;
}

static void
ensemble_predict(const void *model, const float *x, Size nrows, double *out)
{
	const AnomalyEnsemble *m = model;
	Size		i;

	for (i = 0; i < nrows; i += BLOCK_ROWS)
		score_block(m, x + i * m->nfeatures, Min(BLOCK_ROWS, nrows - i), out + i);
}

static double
ensemble_threshold(const void *model)
{
	return ((const AnomalyEnsemble *) model)->facts.threshold;
}

/* The mean of the members' shares; those that know none have no say. */
static void
ensemble_importance(const void *model, double *out)
{
	const AnomalyEnsemble *m = model;
	double	   *own = palloc(sizeof(double) * Max(m->nfeatures, 1));
	int			k,
				j;

	memset(out, 0, sizeof(double) * m->nfeatures);
	for (k = 0; k < m->nmembers; k++)
	{
		const Member *member = &m->members[k];
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
	const AnomalyEnsemble *m = model;
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
	eg_anomaly_estimate(&((const AnomalyEnsemble *) model)->facts, json);
}

const EgAlgorithm eg_anomaly_ensemble = {
	.name = "anomaly_ensemble",
	.summary = "several detectors of anomalies as one, on a common scale",
	.tasks = EG_TASK_BIT(EG_ANOMALY),
	.format = ENSEMBLE_FORMAT,
	.roles_optional = EG_ROLE_BIT(EG_ROLE_TARGET),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = ensemble_params,
	.params_size = sizeof(AnomalyEnsembleParams),
	.validation = ensemble_validation,
	.fit = ensemble_fit,
	.save = ensemble_save,
	.load = ensemble_load,
	.width = ensemble_width,
	.nfeatures = ensemble_nfeatures,
	.predict = ensemble_predict,
	.importance = ensemble_importance,
	.describe = ensemble_describe,
	.estimate = ensemble_estimate,
	.threshold = ensemble_threshold
};
