/*-------------------------------------------------------------------------
 *
 * ensemble.c
 *	  Several learners as one: averaged, weighted, or stacked.
 *
 * Each member learns from all rows.  What the members are worth is found on
 * out-of-fold predictions: the rows are cut into folds, and each fold is
 * predicted by copies of the members that have not seen it (ensemble_blend.c).
 * The saved models of the members are stored within this one.
 *
 * Source: D. H. Wolpert, "Stacked Generalization", Neural Networks 5, 1992.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/ensemble.h"
#include "utils/builtins.h"
#include "utils/json.h"

#define ENSEMBLE_FORMAT		1
#define MAX_MEMBERS			32

typedef struct EnsembleParams
{
	Jsonb	   *members;
	const char *method;
	int			folds;
} EnsembleParams;

static const char *const methods[] = {"average", "weighted", "stacking", NULL};

static const EgParam ensemble_params[] = {
	{"members", EG_PARAM_JSON, offsetof(EnsembleParams, members),
		.help = "Array of learners: [{\"algorithm\": \"xgboost\", \"params\": {...}}, ...]; by "
		"default a boosting, a random forest and a linear learner"},
	{"method", EG_PARAM_WORD, offsetof(EnsembleParams, method), .text = "stacking",
		.words = methods,
		.help = "Equal shares (average), the shares with the least out-of-fold loss (weighted), "
		"or a regression on out-of-fold predictions (stacking)"},
	{"folds", EG_PARAM_INT, offsetof(EnsembleParams, folds), .number = 5, .min = 2, .max = 50,
		.help = "Folds for the out-of-fold predictions"},
	EG_PARAM_END
};

extern const EgAlgorithm eg_ensemble;

/* ----------
 * Members
 * ----------
 */

static const EgAlgorithm *
find_member(const char *name)
{
	int			i;

	for (i = 0; eg_algorithms[i]; i++)
	{
		if (strcmp(eg_algorithms[i]->name, name) == 0 && eg_algorithms[i] != &eg_ensemble)
			return eg_algorithms[i];
	}
	return NULL;
}

static void
add_member(EgEnsemble *m, const EgAlgorithm *algorithm, const Jsonb *params)
{
	EgMember	   *member = &m->members[m->nmembers++];
	StringInfoData text;

	member->algorithm = algorithm;
	member->parsed = eg_params_parse(algorithm->params, algorithm->params_size, params,
									 algorithm->name);
	initStringInfo(&text);
	eg_params_to_json(algorithm->params, member->parsed, &text);
	member->params = text.data;
	member->loss = NAN;
}

static void pg_attribute_noreturn()
bad_members(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"members\" of algorithm \"ensemble\" %s", why),
			 errhint("Write '[{\"algorithm\": \"xgboost\", \"params\": {\"max_depth\": 4}}, "
					 "{\"algorithm\": \"random_forest\"}]'.")));
}

/* {"algorithm": "xgboost", "params": {...}} */
static void
parse_member(EgEnsemble *m, JsonbValue *v)
{
	const EgAlgorithm *algorithm = NULL;
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
		{
			char	   *word = pnstrdup(x.val.string.val, x.val.string.len);

			if (strcmp(word, eg_ensemble.name) == 0)
				bad_members("cannot hold another ensemble");
			algorithm = eg_algorithm_find(word);
		}
		else if (strcmp(name, "params") == 0 && x.type == jbvBinary)
			params = JsonbValueToJsonb(&x);
		else
			bad_members(psprintf("has an element with the member \"%s\"", name));
	}
	if (algorithm == NULL)
		bad_members("has an element without an algorithm");
	add_member(m, algorithm, params);
}

/* Learners of different kinds, that are there and know the task. */
static void
default_members(EgEnsemble *m)
{
	static const char *const names[] = {
		"xgboost", "random_forest", "logistic_regression", "linear_regression", "glm"
	};
	static const char *const boosting = "{\"learning_rate\": 0.1, \"max_depth\": 4}";
	int			i;

	for (i = 0; i < lengthof(names); i++)
	{
		const EgAlgorithm *a = find_member(names[i]);

		/* one linear learner is enough */
		if (a && (a->tasks & EG_TASK_BIT(m->task)) &&
			!(strcmp(names[i], "glm") == 0 && m->task != EG_COUNT))
			add_member(m, a, strcmp(names[i], "xgboost") != 0 ? NULL :
					   DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(boosting))));
	}
}

static void
make_members(EgEnsemble *m, const EnsembleParams *p)
{
	int			n,
				i;

	m->members = palloc0(sizeof(EgMember) * MAX_MEMBERS);
	if (p->members == NULL)
	{
		default_members(m);
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

static void
check_members(const EgEnsemble *m)
{
	int			k;

	for (k = 0; k < m->nmembers; k++)
	{
		const EgAlgorithm *a = m->members[k].algorithm;

		if (!(a->tasks & EG_TASK_BIT(m->task)) || a->predict == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member \"%s\" of the ensemble cannot learn the task %s", a->name,
							eg_task_name(m->task)),
					 errhint("Parameter \"members\" names those that can.")));
	}
}

static double
ensemble_validation(const void *params, EgTask task)
{
	EgEnsemble m = {0};
	double		most = 0;
	int			k;

	m.task = task;
	make_members(&m, params);
	for (k = 0; k < m.nmembers; k++)
	{
		const EgMember *member = &m.members[k];

		if (member->algorithm->validation)
			most = Max(most, member->algorithm->validation(member->parsed, task));
	}
	return most;
}

static void
make_arrays(EgEnsemble *m)
{
	m->weight = palloc(sizeof(double) * m->nmembers);
	m->bias = palloc0(sizeof(double) * Max(m->nclasses, 1));
	m->room = palloc_extended(mul_size(sizeof(double) * m->nmembers * EG_ENSEMBLE_BLOCK, m->width),
							  MCXT_ALLOC_HUGE);
	for (int k = 0; k < m->nmembers; k++)
		m->weight[k] = 1.0 / m->nmembers;
}

static void *
ensemble_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const EnsembleParams *p = params;
	EgEnsemble *m = palloc0(sizeof(EgEnsemble));
	EgRun		quiet = *run;
	int			done = 0,
				total;
	int			k;

	m->task = data->task;
	m->nclasses = data->task == EG_BINARY ? 2 : data->task == EG_MULTICLASS ? data->nclasses : 0;
	m->width = data->task == EG_MULTICLASS ? data->nclasses : 1;
	m->nfeatures = data->x.ncols;
	m->loss = NAN;
	while (strcmp(methods[m->method], p->method) != 0)
		m->method++;
	make_members(m, p);
	check_members(m);
	make_arrays(m);
	quiet.report = NULL;
	total = m->nmembers * (m->method == EG_ENSEMBLE_AVERAGE ? 1 : p->folds + 1);
	if (m->method != EG_ENSEMBLE_AVERAGE)
		eg_ensemble_weigh(m, data, p->folds, run, &done, total);
	for (k = 0; k < m->nmembers; k++)
	{
		m->members[k].model = m->members[k].algorithm->fit(data, m->members[k].parsed, &quiet);
		eg_ensemble_check(m, &m->members[k], m->members[k].model);
		eg_step(run, ++done, total, NULL, 0);
	}
	return m;
}

/* ----------
 * Stored form
 * ----------
 */

static void
ensemble_save(const void *model, EgWriter *w)
{
	const EgEnsemble *m = model;
	int			k;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u8(w, (uint8) m->method);
	eg_put_u32(w, m->nclasses);
	eg_put_u32(w, m->nfeatures);
	eg_put_u32(w, m->nmembers);
	eg_put_f64(w, m->loss);
	for (k = 0; k < Max(m->nclasses, 1); k++)
		eg_put_f64(w, m->bias[k]);
	for (k = 0; k < m->nmembers; k++)
	{
		const EgMember *member = &m->members[k];
		EgWriter	own;

		eg_put_string(w, member->algorithm->name);
		eg_put_u32(w, member->algorithm->format);
		eg_put_string(w, member->params);
		eg_put_f64(w, m->weight[k]);
		eg_put_f64(w, member->loss);
		eg_writer_init(&own);
		member->algorithm->save(member->model, &own);
		eg_put_u32(w, own.buf.len);
		eg_put_bytes(w, own.buf.data, own.buf.len);
		pfree(own.buf.data);
	}
}

/* NaN stands for "not measured". */
static double
get_loss(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (isinf(v))
		eg_corrupted(r, "a loss is infinite");
	return v;
}

static double
get_finite(EgReader *r)
{
	double		v = eg_get_f64(r);

	if (!isfinite(v))
		eg_corrupted(r, "a weight is not a finite number");
	return v;
}

static void
load_member(EgReader *r, EgEnsemble *m, int k)
{
	EgMember   *member = &m->members[k];
	char	   *name = eg_get_string(r);
	uint32		format;
	uint32		len;
	EgReader	own;

	member->algorithm = name ? find_member(name) : NULL;
	if (member->algorithm == NULL || member->algorithm->predict == NULL)
		eg_corrupted(r, "it has the unknown member \"%s\"", name ? name : "");
	format = eg_get_u32(r);
	if (format > (uint32) member->algorithm->format)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %u of algorithm \"%s\" is not supported", format, name),
				 errhint("The model was written by a newer version of engage.")));
	member->params = eg_get_string(r);
	if (member->params == NULL)
		eg_corrupted(r, "a member has no parameters");
	m->weight[k] = get_finite(r);
	member->loss = get_loss(r);
	len = eg_get_count(r, PG_UINT32_MAX, 1);
	eg_reader_init(&own, eg_get_bytes(r, len), len, r->what);
	member->model = member->algorithm->load(&own, (int) format);
	if (own.pos != own.len)
		eg_corrupted(r, "a member is longer than its model");
	if (member->algorithm->width(member->model) != m->width ||
		member->algorithm->nfeatures(member->model) != m->nfeatures)
		eg_corrupted(r, "a member has another shape than the ensemble");
}

static void *
ensemble_load(EgReader *r, int format)
{
	EgEnsemble *m = palloc0(sizeof(EgEnsemble));
	uint8		task = eg_get_u8(r);
	uint8		method = eg_get_u8(r);
	int			k;

	if (!(task < EG_NTASKS && (eg_ensemble.tasks & EG_TASK_BIT(task))))
		eg_corrupted(r, "its task is unknown");
	if (method > EG_ENSEMBLE_STACKING)
		eg_corrupted(r, "its method is unknown");
	m->task = (EgTask) task;
	m->method = (EgEnsembleMethod) method;
	m->nclasses = (int) eg_get_count(r, 1000, 0);
	if (task == EG_BINARY ? m->nclasses != 2 : task == EG_MULTICLASS ? m->nclasses < 2 :
		m->nclasses != 0)
		eg_corrupted(r, "its number of classes does not suit its task");
	m->width = task == EG_MULTICLASS ? m->nclasses : 1;
	m->nfeatures = (int) eg_get_count(r, PG_INT32_MAX, 0);
	m->nmembers = (int) eg_get_count(r, MAX_MEMBERS, 1);
	if (m->nmembers < 1)
		eg_corrupted(r, "it has no members");
	if (r->len - r->pos < (Size) m->width * sizeof(double))
		eg_corrupted(r, "it ends too early");
	make_arrays(m);
	m->members = palloc0(sizeof(EgMember) * m->nmembers);
	m->loss = get_loss(r);
	for (k = 0; k < Max(m->nclasses, 1); k++)
		m->bias[k] = get_finite(r);
	for (k = 0; k < m->nmembers; k++)
		load_member(r, m, k);
	return m;
}

/* ----------
 * Use
 * ----------
 */

static int
ensemble_width(const void *model)
{
	return ((const EgEnsemble *) model)->width;
}

static int
ensemble_nfeatures(const void *model)
{
	return ((const EgEnsemble *) model)->nfeatures;
}

static void
ensemble_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgEnsemble *m = model;
	Size		stride = (Size) EG_ENSEMBLE_BLOCK * m->width;
	Size		i,
				j;
	int			k;

	for (i = 0; i < nrows; i += EG_ENSEMBLE_BLOCK)
	{
		Size		n = Min(EG_ENSEMBLE_BLOCK, nrows - i);

		for (k = 0; k < m->nmembers; k++)
			m->members[k].algorithm->predict(m->members[k].model, x + i * m->nfeatures, n,
											 m->room + k * stride);
		for (j = 0; j < n; j++)
			eg_ensemble_row(m, m->room + j * m->width, stride, out + (i + j) * m->width);
	}
}

/* Each member's shares of its importance, by its weight; those that know none have no say. */
static void
ensemble_importance(const void *model, double *out)
{
	const EgEnsemble *m = model;
	double	   *own = palloc(sizeof(double) * Max(m->nfeatures, 1));
	int			k,
				j;

	memset(out, 0, sizeof(double) * m->nfeatures);
	for (k = 0; k < m->nmembers; k++)
	{
		double		sum = 0;

		if (m->members[k].algorithm->importance == NULL)
			continue;
		m->members[k].algorithm->importance(m->members[k].model, own);
		for (j = 0; j < m->nfeatures; j++)
			sum += own[j];
		for (j = 0; j < m->nfeatures && sum > 0; j++)
			out[j] += fabs(m->weight[k]) * own[j] / sum;
	}
	pfree(own);
}

static void
ensemble_describe(const void *model, StringInfo json)
{
	const EgEnsemble *m = model;
	const char *loss = m->nclasses > 0 ? "out_of_fold_log_loss" : "out_of_fold_rmse";
	int			k;

	appendStringInfo(json, "\"method\": \"%s\"", methods[m->method]);
	if (!isnan(m->loss))
		appendStringInfo(json, ", \"%s\": %.6g", loss, m->loss);
	appendStringInfoString(json, ", \"members\": [");
	for (k = 0; k < m->nmembers; k++)
	{
		const EgMember *member = &m->members[k];

		appendStringInfo(json, "%s{\"algorithm\": \"%s\", \"weight\": %.6g", k > 0 ? ", " : "",
						 member->algorithm->name, m->weight[k]);
		if (!isnan(member->loss))
			appendStringInfo(json, ", \"%s\": %.6g", loss, member->loss);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

const EgAlgorithm eg_ensemble = {
	.name = "ensemble",
	.summary = "several learners as one: averaged, weighted or stacked",
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS) |
	EG_TASK_BIT(EG_COUNT),
	.format = ENSEMBLE_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = ensemble_params,
	.params_size = sizeof(EnsembleParams),
	.validation = ensemble_validation,
	.fit = ensemble_fit,
	.save = ensemble_save,
	.load = ensemble_load,
	.width = ensemble_width,
	.nfeatures = ensemble_nfeatures,
	.predict = ensemble_predict,
	.importance = ensemble_importance,
	.describe = ensemble_describe
};
