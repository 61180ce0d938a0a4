/*-------------------------------------------------------------------------
 *
 * ensemble.c
 *	  Several learners as one: averaged, weighted, or stacked.
 *
 * A member is a recipe, which learns from all rows, or a stored model, frozen.
 * What the recipes are worth is found on out-of-fold predictions: the rows are
 * cut into folds, and each fold is predicted by copies of the members that
 * have not seen it; what stored models are worth, on rows that they have not
 * learned from (ensemble_blend.c).  The saved models of all members are stored
 * within this one (ensemble_stored.c).
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

static const char *const methods[] = {"average", "weighted", "stacking", NULL};

static const EgParam ensemble_params[] = {
	{"members", EG_PARAM_JSON, offsetof(EgEnsembleParams, members),
		.help = "Array of learners and names of stored models: [{\"algorithm\": \"xgboost\", "
		"\"params\": {...}}, \"churn@1.2.0\", ...]; by default a boosting, a random forest and a "
		"linear learner"},
	{"method", EG_PARAM_WORD, offsetof(EgEnsembleParams, method), .text = "stacking",
		.words = methods,
		.help = "Equal shares (average), the shares with the least out-of-fold loss (weighted), "
		"or a regression on out-of-fold predictions (stacking)"},
	{"folds", EG_PARAM_INT, offsetof(EgEnsembleParams, folds), .number = 5, .min = 2, .max = 50,
		.help = "Folds for the out-of-fold predictions"},
	{"trust", EG_PARAM_BOOL, offsetof(EgEnsembleParams, trust), .number = 0, .min = 0, .max = 1,
		.help = "Believe that stored members have not learned from the rows of the source, instead "
		"of working it out from their splits"},
	EG_PARAM_END
};

static void
check_members(const EgEnsemble *m)
{
	int			k;

	for (k = 0; k < m->nmembers; k++)
	{
		const EgFrozen *is = &m->members[k].is;

		if (!(is->algorithm->tasks & EG_TASK_BIT(m->task)) || is->algorithm->predict == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member \"%s\" of the ensemble cannot learn the task %s",
							is->name ? is->name : is->algorithm->name, eg_task_name(m->task)),
					 errhint("Parameter \"members\" names those that can.")));
		if (is->name)
			eg_ensemble_check(m, &m->members[k], is->model);
	}
	if (eg_ensemble_depth(m) > EG_ENSEMBLE_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("ensembles are nested %d levels deep, more than %d", eg_ensemble_depth(m),
						EG_ENSEMBLE_DEPTH),
				 errhint("Use recipes, or models that are no ensembles, in the place of the "
						 "innermost.")));
}

static double
ensemble_validation(const void *params, EgTask task)
{
	EgEnsemble	m = {0};
	double		most = 0;
	int			k;

	m.task = task;
	eg_ensemble_members(&m, params, NULL);
	for (k = 0; k < m.nmembers; k++)
	{
		const EgMember *member = &m.members[k];

		if (member->parsed && member->is.algorithm->validation)
			most = Max(most, member->is.algorithm->validation(member->parsed, task));
	}
	return most;
}

static void *
ensemble_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const EgEnsembleParams *p = params;
	EgEnsemble *m = palloc0(sizeof(EgEnsemble));
	const EgTranslation *seen;
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
	eg_ensemble_members(m, p, data);
	check_members(m);
	eg_ensemble_arrays(m);

	/* words that only stored members know are missing for those who learn here */
	seen = data->nfrozen > 0 && m->nrecipes > 0 ? eg_translation_seen(data, data->x.nrows) : NULL;
	for (k = 0; k < m->nmembers; k++)
	{
		if (m->members[k].is.name == NULL)
			m->members[k].is.translation = seen;
	}
	eg_ensemble_room(m);

	quiet.report = NULL;
	quiet.history = NULL;
	total = m->nrecipes * (m->method == EG_ENSEMBLE_AVERAGE ? 1 : p->folds + 1);
	if (m->method != EG_ENSEMBLE_AVERAGE)
		eg_ensemble_weigh(m, data, p->folds, run, &done, total);
	for (k = 0; k < m->nmembers; k++)
	{
		EgMember   *member = &m->members[k];

		if (member->is.name)
			continue;
		member->is.model = member->is.algorithm->fit(data, member->parsed, &quiet);
		eg_ensemble_check(m, member, member->is.model);
		eg_step(run, ++done, total, NULL, 0);
	}
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
			eg_frozen_predict(&m->members[k].is, m->width, x + i * m->nfeatures, n, m->x,
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
	int			k,
				j;

	memset(out, 0, sizeof(double) * m->nfeatures);
	for (k = 0; k < m->nmembers; k++)
	{
		const EgFrozen *is = &m->members[k].is;
		int			n = is->translation ? is->translation->nto : m->nfeatures;
		double	   *own;
		double		sum = 0;

		if (is->algorithm->importance == NULL)
			continue;
		own = palloc(sizeof(double) * Max(n, 1));
		is->algorithm->importance(is->model, own);
		for (j = 0; j < n; j++)
			sum += own[j];
		for (j = 0; j < n && sum > 0; j++)
			out[is->translation ? is->translation->from[j] : j] +=
				fabs(m->weight[k]) * own[j] / sum;
		pfree(own);
	}
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

		appendStringInfoString(json, k > 0 ? ", {" : "{");
		if (member->is.name)
		{
			appendStringInfoString(json, "\"model\": ");
			escape_json(json, member->is.name);
			appendStringInfoString(json, ", ");
		}
		appendStringInfo(json, "\"algorithm\": \"%s\", \"weight\": %.6g",
						 member->is.algorithm->name, m->weight[k]);
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
	.format = EG_ENSEMBLE_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = ensemble_params,
	.params_size = sizeof(EgEnsembleParams),
	.validation = ensemble_validation,
	.references = eg_ensemble_references,
	.refer_exactly = eg_ensemble_refer_exactly,
	.fit = ensemble_fit,
	.save = eg_ensemble_save,
	.load = eg_ensemble_load,
	.width = ensemble_width,
	.nfeatures = ensemble_nfeatures,
	.predict = ensemble_predict,
	.importance = ensemble_importance,
	.describe = ensemble_describe
};
