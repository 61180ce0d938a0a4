/*-------------------------------------------------------------------------
 *
 * boost.c
 *	  Gradient boosted trees: trained by libxgboost, scored by our forests.
 *
 * After training, the library's model is read once into a forest and the
 * library is done: scoring, explaining and loading never need it.  The
 * library's own bytes are kept beside the forest for export.
 *
 * Source: T. Chen, C. Guestrin, "XGBoost: A Scalable Tree Boosting System",
 * KDD 2016.  Quantiles are in boost_quantile.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/boost.h"
#include "algo/forest_facts.h"
#include "algo/forest_shap.h"
#include "base/doc.h"
#include "base/history.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* Stored layout of the model, see boost_save(). */
#define BOOST_FORMAT	1

/* of the training rows, for progress: a bit more often than it is shown */
#define SECONDS_BETWEEN_METRICS 1.5
#define FEW_ROWS		200000	/* their metric is computed in a few milliseconds */

extern const EgAlgorithm eg_xgboost;

typedef struct BoostModel
{
	EgForest   *forest;
	EgTask		task;
	int			nclasses;		/* 0 unless classification */
	char	   *objective;
	int			rounds;			/* 0 when imported */
	int			best_round;
	EgReals		quantiles;		/* n = 0 unless task quantile */

	/* not stored */
	char	   *bytes;			/* the library's, NULL when loaded */
	Size		len;
	char	  **names;			/* from import */
} BoostModel;

/* Is the metric of the training rows worth a round's time?  Of many rows it costs a few percent. */
static bool
wants_training_metric(const EgRun *run, const EgBoostParams *p, Size nrows, int round)
{
	return eg_history_wants(run, round, p->n_estimators) &&
		(nrows <= FEW_ROWS || round <= 5 || round % 10 == 0 || round == p->n_estimators);
}

/*
 * Without validation rows the metric shown is that of the training rows.  It
 * is computed only as often as somebody looks; the library has the predictions
 * at hand, but not with dart.
 */
static void
show_round(EgXgbBooster *b, EgXgbMatrix *d, const EgBoostParams *p, Size nrows, int round,
		   EgRun *run, instr_time *shown)
{
	instr_time	now;
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(now);
	elapsed = now;
	INSTR_TIME_SUBTRACT(elapsed, *shown);
	if (strcmp(p->booster, "dart") == 0 ||
		(!wants_training_metric(run, p, nrows, round) &&
		 (run->report == NULL || INSTR_TIME_GET_DOUBLE(elapsed) < SECONDS_BETWEEN_METRICS)))
	{
		eg_step(run, round, p->n_estimators, NULL, 0);
		return;
	}
	*shown = now;
	CHECK_FOR_INTERRUPTS();
	{
		double		value = eg_xgb_booster_eval(b, round - 1, d, "train");

		if (wants_training_metric(run, p, nrows, round))
			eg_history_note(run, EG_CURVE_TRAINING, round, eg_xgb_last_metric(), value);
		eg_step(run, round, p->n_estimators, eg_xgb_last_metric(), value);
	}
}

/* Everything but quantiles: the library's own objectives. */
static void
boost_train(const EgDataset *data, const EgBoostParams *p, const EgBoostObjective *objective,
			EgRun *run, EgBoostResult *result)
{
	bool		early = p->early_stopping_rounds > 0 && data->nvalid > 0;
	bool		dart = strcmp(p->booster, "dart") == 0;
	float	   *labels = eg_boost_labels(data, objective);
	float	   *weights = eg_boost_weights(data);
	EgXgbMatrix *dmats[2];
	EgXgbBooster *b;
	EgBoostStop stop;
	instr_time	shown;
	int			round = 0;

	INSTR_TIME_SET_CURRENT(shown);
	dmats[0] = eg_boost_matrix(data, p, run);
	eg_boost_set_info(dmats[0], data, objective, labels, weights, 0, data->nfit);
	if (early)
	{
		dmats[1] = eg_xgb_matrix_dense(&data->x, data->nfit, data->nvalid, data->ncategories,
									   data->names, eg_boost_threads(data, run));
		eg_boost_set_info(dmats[1], data, objective, labels, weights, data->nfit, data->nvalid);
	}
	b = eg_xgb_booster_create(dmats, early ? 2 : 1);
	eg_boost_configure(b, p, objective, data, run->seed, eg_boost_threads(data, run));
	eg_boost_stop_init(&stop, p->early_stopping_rounds, eg_boost_maximize(p, objective));

	result->bytes = NULL;
	while (round < p->n_estimators)
	{
		double		value;

		eg_xgb_booster_update(b, round, dmats[0]);
		round++;
		if (!early)
		{
			show_round(b, dmats[0], p, data->nfit, round, run, &shown);
			continue;
		}

		if (!dart && wants_training_metric(run, p, data->nfit, round))
		{
			value = eg_xgb_booster_eval(b, round - 1, dmats[0], "train");
			eg_history_note(run, EG_CURVE_TRAINING, round, eg_xgb_last_metric(), value);
		}
		value = eg_xgb_booster_eval(b, round - 1, dmats[1], "valid");
		eg_history_note(run, EG_CURVE_VALIDATION, round, eg_xgb_last_metric(), value);
		eg_step(run, round, p->n_estimators, eg_xgb_last_metric(), value);

		/* dart reweighs old trees in later rounds, so its best model cannot be cut out later */
		if (eg_boost_stop_note(&stop, round, value) && dart)
		{
			if (result->bytes != NULL)
				pfree(result->bytes);
			result->bytes = eg_xgb_booster_save(b, "ubj", 0, 0, &result->len);
		}
		if (eg_boost_stop_now(&stop, round))
			break;
	}

	result->rounds = round;
	result->best_round = early ? stop.best_round : round;
	eg_history_best(run, early ? result->best_round : 0);
	if (result->bytes == NULL)
	{
		bool		cut = result->best_round < round;

		result->bytes = eg_xgb_booster_save(b, "ubj", 0, cut ? result->best_round : 0,
											&result->len);
	}
	eg_xgb_booster_free(b);
	eg_xgb_matrix_free(dmats[0]);
	if (early)
		eg_xgb_matrix_free(dmats[1]);
}

/*
 * Copy a forest into the current context by way of its stored form: leaves the
 * reader's document behind, and what was trained is what will be loaded.
 */
static EgForest *
copy_forest(const EgForest *f, MemoryContext scratch)
{
	MemoryContext old = MemoryContextSwitchTo(scratch);
	EgWriter	w;
	EgReader	r;

	eg_writer_init(&w);
	eg_forest_save(f, &w);
	MemoryContextSwitchTo(old);
	eg_reader_init(&r, w.buf.data, w.buf.len, "forest");
	return eg_forest_load(&r);
}

/* The library does not mind when its sums overflow; the reader does. */
static EgForeignModel *
read_trained(const EgBoostResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	EgForeignModel *volatile foreign = NULL;

	PG_TRY();
	{
		foreign = eg_foreign_model_read(result->bytes, result->len);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		e = CopyErrorData();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the training diverged"),
				 errdetail_internal("%s", e->message),
				 errhint("Use a smaller learning_rate, or a max_delta_step such as 1.")));
	}
	PG_END_TRY();
	return foreign;
}

static void *
boost_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const EgBoostParams *p = params;
	const EgBoostObjective *objective = eg_boost_objective(p, data->task);
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch;
	BoostModel *model;
	EgBoostResult result;
	EgForeignModel *foreign;

	if (data->nfit == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no rows to learn from")));
	eg_boost_check(p, data);
	eg_boost_check_memory(data, p, run);

	scratch = AllocSetContextCreate(model_context, "engage xgboost", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	if (data->task == EG_QUANTILE)
		eg_boost_quantile_train(data, p, run, &result);
	else
		boost_train(data, p, objective, run, &result);
	foreign = read_trained(&result);
	eg_boost_settle_missing(data, foreign, result.bytes, run);
	MemoryContextSwitchTo(model_context);

	model = palloc0(sizeof(BoostModel));
	model->forest = copy_forest(foreign->forest, scratch);
	if (data->task == EG_QUANTILE)
	{
		model->forest->link = EG_LINK_SORT;
		model->quantiles.n = p->quantiles.n;
		model->quantiles.values = palloc(p->quantiles.n * sizeof(double));
		memcpy(model->quantiles.values, p->quantiles.values, p->quantiles.n * sizeof(double));
	}
	eg_forest_compile(model->forest);
	model->task = data->task;
	model->nclasses = data->task == EG_MULTICLASS ? data->nclasses :
		data->task == EG_BINARY ? 2 : 0;
	model->objective = pstrdup(objective->name);
	model->rounds = result.rounds;
	model->best_round = result.best_round;
	model->len = result.len;
	model->bytes = MemoryContextAllocHuge(model_context, result.len);
	memcpy(model->bytes, result.bytes, result.len);
	MemoryContextDelete(scratch);
	return model;
}

/* NULL, or why the outputs of the forest do not suit the task. */
static const char *
shape_invalid(const BoostModel *m)
{
	int			n = m->forest->ngroups;

	switch (m->task)
	{
		case EG_MULTICLASS:
			return n == m->nclasses && n >= 2 ? NULL : "number of classes and outputs differ";
		case EG_QUANTILE:
			return n == m->quantiles.n ? NULL : "number of quantiles and outputs differ";
		case EG_BINARY:
			return n == 1 && m->nclasses == 2 ? NULL : "binary model without exactly one output";
		default:
			return n == 1 ? NULL : "more than one output";
	}
}

static void
boost_save(const void *model, EgWriter *w)
{
	const BoostModel *m = model;
	int			i;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u32(w, m->nclasses);
	eg_put_string(w, m->objective);
	eg_put_u32(w, m->rounds);
	eg_put_u32(w, m->best_round);
	eg_put_u32(w, m->quantiles.n);
	for (i = 0; i < m->quantiles.n; i++)
		eg_put_f64(w, m->quantiles.values[i]);
	eg_forest_save(m->forest, w);
}

static void *
boost_load(EgReader *r, int format)
{
	BoostModel *m = palloc0(sizeof(BoostModel));
	const char *reason;
	uint32		v[3];
	uint8		task;
	int			i;

	if (format != BOOST_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"xgboost\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));

	task = eg_get_u8(r);
	v[0] = eg_get_u32(r);
	m->objective = eg_get_string(r);
	v[1] = eg_get_u32(r);
	v[2] = eg_get_u32(r);
	if (task >= EG_NTASKS)
		eg_corrupted(r, "unknown task %d", task);
	if (m->objective == NULL)
		eg_corrupted(r, "objective is missing");
	if (v[0] > PG_INT32_MAX || v[1] > PG_INT32_MAX || v[2] > v[1])
		eg_corrupted(r, "number of classes or rounds is out of range");
	m->task = (EgTask) task;
	m->nclasses = (int) v[0];
	m->rounds = (int) v[1];
	m->best_round = (int) v[2];

	m->quantiles.n = (int) eg_get_count(r, 100, sizeof(double));
	m->quantiles.values = palloc(Max(m->quantiles.n, 1) * sizeof(double));
	for (i = 0; i < m->quantiles.n; i++)
	{
		double		q = eg_get_f64(r);

		if (!(q > (i > 0 ? m->quantiles.values[i - 1] : 0) && q < 1))
			eg_corrupted(r, "quantiles are not ascending");
		m->quantiles.values[i] = q;
	}
	m->forest = eg_forest_load(r);
	reason = shape_invalid(m);
	if (reason != NULL)
		eg_corrupted(r, "%s", reason);
	eg_forest_compile(m->forest);
	return m;
}

static int
boost_width(const void *model)
{
	return ((const BoostModel *) model)->forest->ngroups;
}

static int
boost_nfeatures(const void *model)
{
	return ((const BoostModel *) model)->forest->nfeatures;
}

static void
boost_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgForest *f = ((const BoostModel *) model)->forest;

	eg_forest_predict(f, x, nrows, f->nfeatures, out);
}

static double
boost_validation(const void *params, EgTask task)
{
	const EgBoostParams *p = params;

	return p->early_stopping_rounds > 0 || task == EG_QUANTILE ? p->validation_fraction : 0;
}

static void
boost_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgForest *f = ((const BoostModel *) model)->forest;

	eg_forest_explain(f, x, nrows, f->nfeatures, out);
}

static void
boost_explain_against(const void *model, const float *x, const float *background,
					  Size nbackground, double *out)
{
	const EgForest *f = ((const BoostModel *) model)->forest;

	eg_forest_explain_against(f, x, background, nbackground, f->nfeatures, out);
}

static void
boost_interactions(const void *model, const float *x, double *out)
{
	eg_forest_interactions(((const BoostModel *) model)->forest, x, out);
}

static EgLink
boost_link(const void *model)
{
	return ((const BoostModel *) model)->forest->link;
}

static void
boost_importance(const void *model, double *out)
{
	eg_forest_gain(((const BoostModel *) model)->forest, false, out);
}

static void
boost_splits(const void *model, double *count, double *gain, double *cover)
{
	eg_forest_splits(((const BoostModel *) model)->forest, false, count, gain, cover);
}

static void
boost_describe(const void *model, StringInfo json)
{
	const BoostModel *m = model;
	int			i;

	appendStringInfoString(json, "\"objective\": ");
	escape_json(json, m->objective);
	appendStringInfo(json, ", \"trees\": %d", m->forest->ntrees);
	if (m->rounds > 0)
		appendStringInfo(json, ", \"rounds\": %d, \"best_round\": %d", m->rounds, m->best_round);
	appendStringInfo(json, ", \"nodes\": %d, \"depth\": %d",
					 m->forest->tree_start[m->forest->ntrees], eg_forest_depth(m->forest));
	if (m->quantiles.n > 0)
	{
		appendStringInfoString(json, ", \"quantiles\": [");
		for (i = 0; i < m->quantiles.n; i++)
			appendStringInfo(json, "%s%.15g", i > 0 ? ", " : "", m->quantiles.values[i]);
		appendStringInfoChar(json, ']');
	}
	if (m->bytes != NULL)
		appendStringInfo(json, ", \"library_bytes\": %zu", (size_t) m->len);
}

static const char *
boost_library_bytes(const void *model, Size *len)
{
	const BoostModel *m = model;

	*len = m->len;
	return m->bytes;
}

/*
 * The quantiles that an export of ours names, or those of XGBoost 2's own
 * quantile objective; none when the document names none.
 */
static EgReals
foreign_quantiles(const void *bytes, Size len)
{
	EgReals		q = {0, NULL};
	EgDoc	   *doc;
	EgDoc	   *text;
	const char *s;

	if (len == 0 || *(const char *) bytes != '{')
		return q;
	doc = eg_doc_parse(bytes, len, "XGBoost model");
	text = eg_doc_path(doc, "learner", "attributes", EG_BOOST_QUANTILES_ATTR, NULL);
	if (text == NULL)
		text = eg_doc_path(doc, "learner", "objective", "quantile_loss_param", "quantile_alpha",
						   NULL);
	if (text == NULL || text->kind != EG_DOC_STRING)
		return q;

	q.values = palloc((text->u.string.len / 2 + 1) * sizeof(double));
	for (s = text->u.string.s; *s != '\0';)
	{
		char	   *end;
		double		v = strtod(s, &end);

		if (end == s)
			s++;
		else
		{
			if (!(v > (q.n > 0 ? q.values[q.n - 1] : 0) && v < 1) || q.n >= 100)
				ereport(ERROR,
						(errcode(ERRCODE_DATA_CORRUPTED),
						 errmsg("quantiles of the XGBoost model are not ascending")));
			q.values[q.n++] = v;
			s = end;
		}
	}
	return q;
}

static void *
boost_import(const void *bytes, Size len)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage xgboost import",
												  ALLOCSET_DEFAULT_SIZES);
	BoostModel *m = palloc0(sizeof(BoostModel));
	EgForeignModel *foreign;
	EgReals		quantiles;
	const char *reason;
	int			i;

	MemoryContextSwitchTo(scratch);
	foreign = eg_foreign_model_read(bytes, len);
	quantiles = foreign_quantiles(bytes, len);
	MemoryContextSwitchTo(model_context);

	m->forest = copy_forest(foreign->forest, scratch);
	m->task = quantiles.n > 0 ? EG_QUANTILE : foreign->task;
	m->nclasses = foreign->nclasses;
	m->objective = pstrdup(foreign->objective != NULL ? foreign->objective : "");
	if (quantiles.n > 0)
	{
		m->forest->link = EG_LINK_SORT;
		m->nclasses = 0;
		m->quantiles.n = quantiles.n;
		m->quantiles.values = palloc(quantiles.n * sizeof(double));
		memcpy(m->quantiles.values, quantiles.values, quantiles.n * sizeof(double));
	}
	reason = shape_invalid(m);
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model with objective \"%s\" and %d outputs cannot be imported",
						m->objective, m->forest->ngroups),
				 errdetail_internal("%s", reason)));
	if (foreign->names != NULL)
	{
		m->names = palloc(m->forest->nfeatures * sizeof(char *));
		for (i = 0; i < m->forest->nfeatures; i++)
			m->names[i] = pstrdup(foreign->names[i]);
	}
	eg_forest_compile(m->forest);
	MemoryContextDelete(scratch);
	return m;
}

static EgTask
boost_imported_task(const void *model, int *nclasses, char ***names)
{
	const BoostModel *m = model;

	*nclasses = m->nclasses;
	*names = m->names;
	return m->task;
}

const EgAlgorithm eg_xgboost = {
	.name = "xgboost",
	.summary = "gradient boosted decision trees (XGBoost)",
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS) |
	EG_TASK_BIT(EG_QUANTILE) | EG_TASK_BIT(EG_RANKING) | EG_TASK_BIT(EG_COUNT) |
	EG_TASK_BIT(EG_SURVIVAL),
	.format = BOOST_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT) | EG_ROLE_BIT(EG_ROLE_GROUP) |
	EG_ROLE_BIT(EG_ROLE_EVENT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = eg_boost_params,
	.params_size = sizeof(EgBoostParams),
	.validation = boost_validation,
	.fit = boost_fit,
	.save = boost_save,
	.load = boost_load,
	.width = boost_width,
	.nfeatures = boost_nfeatures,
	.predict = boost_predict,
	.explain = boost_explain,
	.explain_against = boost_explain_against,
	.interactions = boost_interactions,
	.link = boost_link,
	.importance = boost_importance,
	.splits = boost_splits,
	.describe = boost_describe,
	.library_bytes = boost_library_bytes,
	.import = boost_import,
	.imported_task = boost_imported_task,
};
