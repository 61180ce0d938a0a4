/*-------------------------------------------------------------------------
 *
 * boost_params.c
 *	  Hyper-parameters of gradient boosting: the declared table, what fits
 *	  which task, and their way into the library.
 *
 * Names, meanings and defaults are XGBoost's own
 * (https://xgboost.readthedocs.io, "XGBoost Parameters"), so that what works
 * in Python works here.  Constraints name columns instead of positions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "algo/boost_params.h"
#include "base/compat.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

/* rows that a leaf should have before its quantile means something */
#define QUANTILE_CHILD_WEIGHT	20.0

static const char *const grow_policies[] = {"depthwise", "lossguide", NULL};
static const char *const tree_methods[] = {"auto", "hist", "approx", "exact", NULL};
static const char *const boosters[] = {"gbtree", "dart", NULL};
static const char *const sample_types[] = {"uniform", "weighted", NULL};
static const char *const normalize_types[] = {"tree", "forest", NULL};
static const char *const distributions[] = {"normal", "logistic", "extreme", NULL};

/* the first objective that has a task is the task's default */
static const EgBoostObjective objectives[] =
{
	{"reg:squarederror", EG_TASK_BIT(EG_REGRESSION), -INFINITY, false, INFINITY, false},
	{"reg:squaredlogerror", EG_TASK_BIT(EG_REGRESSION), -1, true, INFINITY, false},
	{"reg:logistic", EG_TASK_BIT(EG_REGRESSION), 0, false, 1, false},
	{"reg:pseudohubererror", EG_TASK_BIT(EG_REGRESSION), -INFINITY, false, INFINITY, false},
	{"reg:absoluteerror", EG_TASK_BIT(EG_REGRESSION), -INFINITY, false, INFINITY, false},
	{"reg:gamma", EG_TASK_BIT(EG_REGRESSION), 0, true, INFINITY, false},
	{"binary:logistic", EG_TASK_BIT(EG_BINARY), 0, false, 1, false},
	{"binary:hinge", EG_TASK_BIT(EG_BINARY), 0, false, 1, false},
	{"multi:softprob", EG_TASK_BIT(EG_MULTICLASS), 0, false, INFINITY, false},
	{"rank:ndcg", EG_TASK_BIT(EG_RANKING), 0, false, 31, true},
	{"rank:pairwise", EG_TASK_BIT(EG_RANKING), 0, false, INFINITY, true},
	{"rank:map", EG_TASK_BIT(EG_RANKING), 0, false, 1, true},
	{"count:poisson", EG_TASK_BIT(EG_COUNT), 0, false, INFINITY, false},
	{"reg:tweedie", EG_TASK_BIT(EG_COUNT) | EG_TASK_BIT(EG_REGRESSION), 0, false, INFINITY, false},
	{"survival:cox", EG_TASK_BIT(EG_SURVIVAL), 0, true, INFINITY, false},
	{"survival:aft", EG_TASK_BIT(EG_SURVIVAL), 0, true, INFINITY, false},
};

static const char *const objective_words[] = {
	"reg:squarederror", "reg:squaredlogerror", "reg:logistic", "reg:pseudohubererror",
	"reg:absoluteerror", "reg:gamma", "reg:tweedie", "binary:logistic", "binary:hinge",
	"multi:softprob", "rank:ndcg", "rank:pairwise", "rank:map", "count:poisson",
	"survival:cox", "survival:aft", NULL
};

#define NUMERIC_TASKS	(EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_COUNT))

static const struct
{
	const char *name;
	int			tasks;
	bool		maximize;
}			metrics[] =
{
	{"rmse", NUMERIC_TASKS | EG_TASK_BIT(EG_BINARY), false},
	{"rmsle", NUMERIC_TASKS, false},
	{"mae", NUMERIC_TASKS | EG_TASK_BIT(EG_BINARY), false},
	{"mape", NUMERIC_TASKS, false},
	{"mphe", NUMERIC_TASKS, false},
	{"logloss", EG_TASK_BIT(EG_BINARY), false},
	{"error", EG_TASK_BIT(EG_BINARY), false},
	{"auc", EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS) | EG_TASK_BIT(EG_RANKING), true},
	{"aucpr", EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_RANKING), true},
	{"merror", EG_TASK_BIT(EG_MULTICLASS), false},
	{"mlogloss", EG_TASK_BIT(EG_MULTICLASS), false},
	{"ndcg", EG_TASK_BIT(EG_RANKING), true},
	{"map", EG_TASK_BIT(EG_RANKING), true},
	{"poisson-nloglik", NUMERIC_TASKS, false},
	{"gamma-nloglik", NUMERIC_TASKS, false},
	{"gamma-deviance", NUMERIC_TASKS, false},
	{"tweedie-nloglik", NUMERIC_TASKS, false},
	{"cox-nloglik", EG_TASK_BIT(EG_SURVIVAL), false},
	{"aft-nloglik", EG_TASK_BIT(EG_SURVIVAL), false},
	{"interval-regression-accuracy", EG_TASK_BIT(EG_SURVIVAL), true},
};

static const char *const metric_words[] = {
	"rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error", "auc", "aucpr", "merror",
	"mlogloss", "ndcg", "map", "poisson-nloglik", "gamma-nloglik", "gamma-deviance",
	"tweedie-nloglik", "cox-nloglik", "aft-nloglik", "interval-regression-accuracy", NULL
};

#define FIELD(name)		#name, .offset = offsetof(EgBoostParams, name)

/* a plain row of the table, without a search space */
#define INT(name, value, low, high) \
	FIELD(name), .type = EG_PARAM_INT, .number = (value), .min = (low), .max = (high)
#define REAL(name, value, low, high) \
	FIELD(name), .type = EG_PARAM_REAL, .number = (value), .min = (low), .max = (high)
#define WORD(name, value, list) \
	FIELD(name), .type = EG_PARAM_WORD, .text = (value), .words = (list)
#define SEARCH(low, high)	.tunable = true, .search_min = (low), .search_max = (high)

const EgParam eg_boost_params[] = {
	{INT(n_estimators, 100, 1, 100000), .alias = "num_boost_round", SEARCH(50, 500),
	 .log_scale = true, .help = "Number of boosting rounds; each adds one tree for each output"},
	{REAL(learning_rate, 0.3, 0, 1), .min_open = true, .alias = "eta", SEARCH(0.01, 0.3),
	 .log_scale = true,
	 .help =
		 "Share of each new tree that is added; smaller values need more rounds and overfit less"},
	{INT(max_depth, 6, 0, 64), SEARCH(3, 10),
	 .help = "Deepest level of a tree; 0 sets no limit and needs max_leaves"},
	{REAL(min_child_weight, NAN, 0, INFINITY), SEARCH(1, 20), .log_scale = true,
	 .help = "Least sum of hessians (rows, for squared error) in a leaf; 1 unless set, 20 for "
			 "quantiles"},
	{REAL(gamma, 0, 0, INFINITY), .alias = "min_split_loss", SEARCH(0, 5),
	 .help = "Least loss reduction that makes a split worth having"},
	{REAL(subsample, 1, 0, 1), .min_open = true, SEARCH(0.5, 1),
	 .help = "Share of the rows drawn for each tree"},
	{REAL(colsample_bytree, 1, 0, 1), .min_open = true, SEARCH(0.5, 1),
	 .help = "Share of the columns drawn for each tree"},
	{REAL(colsample_bylevel, 1, 0, 1), .min_open = true,
	 .help = "Share of the tree's columns drawn for each level"},
	{REAL(colsample_bynode, 1, 0, 1), .min_open = true,
	 .help = "Share of the level's columns drawn for each split"},
	{REAL(reg_alpha, 0, 0, INFINITY), .alias = "alpha", .help = "L1 penalty on the leaves"},
	{REAL(reg_lambda, 1, 0, INFINITY), .alias = "lambda", SEARCH(0.1, 10), .log_scale = true,
	 .help = "L2 penalty on the leaves"},
	{REAL(max_delta_step, 0, 0, INFINITY),
	 .help = "Largest value of a leaf before the learning rate; 0 sets no limit (0.7 for counts)"},
	{INT(max_leaves, 0, 0, 1048576), .help = "Most leaves of a tree; 0 sets no limit"},
	{WORD(grow_policy, "depthwise", grow_policies),
	 .help = "Split level by level (depthwise) or where the loss falls most (lossguide)"},
	{WORD(tree_method, "hist", tree_methods),
	 .help = "How splits are found: from histograms (hist), from sketches in each round (approx) "
			 "or from all values (exact)"},
	{INT(max_bin, 256, 2, 65536), .help = "Most bins for each numeric column"},
	{INT(num_parallel_tree, 1, 1, 10000), .help = "Trees grown side by side in each round; with "
												  "subsample this makes a boosted random forest"},
	{REAL(scale_pos_weight, 1, 0, INFINITY), .min_open = true,
	 .help = "Factor on the weight of positive rows in binary tasks"},
	{REAL(base_score, NAN, -INFINITY, INFINITY),
	 .help = "Prediction before the first tree; the library chooses when unset"},
	{INT(max_cat_to_onehot, 4, 1, 1000000),
	 .help = "Category columns with fewer values are split one value against the rest"},
	{INT(max_cat_threshold, 64, 1, 1000000),
	 .help = "Most values on one side when a category column is split in two sets"},
	{FIELD(monotone_constraints), .type = EG_PARAM_JSON,
	 .help = "Object of column names with 1 (prediction may only rise), -1 (only fall) or 0"},
	{FIELD(interaction_constraints), .type = EG_PARAM_JSON,
	 .help = "Array of arrays of column names; only columns of one array may meet in a branch"},
	{WORD(objective, NULL, objective_words),
	 .help = "Loss that is minimized; chosen by the task when unset"},
	{WORD(eval_metric, NULL, metric_words),
	 .help = "Metric on the validation rows; the objective's own when unset"},
	{INT(early_stopping_rounds, 0, 0, 100000),
	 .help = "Stop when the validation metric has not improved for so many rounds; 0 never stops "
			 "early"},
	{REAL(validation_fraction, 0.1, 0, 0.9), .min_open = true,
	 .help = "Share of the rows held out for early stopping and for the calibration of quantiles"},
	{FIELD(quantiles), .type = EG_PARAM_REALS, .text = "[0.1, 0.5, 0.9]", .min = 0, .max = 1,
	 .min_open = true, .max_open = true, .help = "Quantiles to predict, ascending"},
	{REAL(tweedie_variance_power, 1.5, 1, 2), .min_open = true, .max_open = true,
	 .help = "Power of the Tweedie variance; near 1 is Poisson, near 2 is gamma"},
	{REAL(huber_slope, 1, 0, INFINITY), .min_open = true,
	 .help = "Error at which the pseudo-Huber loss turns from squared to absolute"},
	{WORD(aft_loss_distribution, "normal", distributions),
	 .help = "Distribution of the noise in accelerated failure time models"},
	{REAL(aft_loss_distribution_scale, 1, 0, INFINITY), .min_open = true,
	 .help = "Scale of that distribution"},
	{WORD(booster, "gbtree", boosters),
	 .help = "Plain boosting (gbtree) or boosting with dropout of trees (dart)"},
	{REAL(rate_drop, 0, 0, 1), .help = "Share of the trees dropped in a round of dart"},
	{REAL(skip_drop, 0, 0, 1), .help = "Probability that a round of dart drops nothing"},
	{FIELD(one_drop), .type = EG_PARAM_BOOL,
	 .help = "Drop at least one tree in each round of dart"},
	{WORD(sample_type, "uniform", sample_types), .help = "How dart chooses the trees to drop"},
	{WORD(normalize_type, "tree", normalize_types),
	 .help = "Whether dart weighs a new tree like each dropped tree or like all of them together"},
	EG_PARAM_END};

bool
eg_boost_uses_hist(const EgBoostParams *p)
{
	return strcmp(p->tree_method, "hist") == 0;
}

const EgBoostObjective *
eg_boost_objective(const EgBoostParams *p, EgTask task)
{
	StringInfoData fitting;
	int			i;

	/* quantiles use gradients of their own on top of the plainest objective */
	if (task == EG_QUANTILE && p->objective == NULL)
		return &objectives[0];

	initStringInfo(&fitting);
	for (i = 0; i < lengthof(objectives); i++)
	{
		bool		fits = (objectives[i].tasks & EG_TASK_BIT(task)) != 0;

		if (fits && (p->objective == NULL || strcmp(p->objective, objectives[i].name) == 0))
			return &objectives[i];
		if (fits)
			appendStringInfo(&fitting, "%s%s", fitting.len > 0 ? ", " : "", objectives[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("objective \"%s\" does not fit task \"%s\"",
					p->objective != NULL ? p->objective : "", eg_task_name(task)),
			 fitting.len > 0 ? errhint("Objectives for this task: %s.", fitting.data) :
			 errhint("This task has no choice of objectives.")));
}

bool
eg_boost_maximize(const EgBoostParams *p, const EgBoostObjective *objective)
{
	int			i;

	for (i = 0; p->eval_metric != NULL && i < lengthof(metrics); i++)
	{
		if (strcmp(metrics[i].name, p->eval_metric) == 0)
			return metrics[i].maximize;
	}
	return objective->maximize;
}

static void
check_metric(const EgBoostParams *p, EgTask task)
{
	StringInfoData fitting;
	int			i;

	if (p->eval_metric == NULL)
		return;
	initStringInfo(&fitting);
	for (i = 0; i < lengthof(metrics); i++)
	{
		if ((metrics[i].tasks & EG_TASK_BIT(task)) == 0)
			continue;
		if (strcmp(metrics[i].name, p->eval_metric) == 0)
			return;
		appendStringInfo(&fitting, "%s%s", fitting.len > 0 ? ", " : "", metrics[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("metric \"%s\" does not fit task \"%s\"", p->eval_metric, eg_task_name(task)),
			 fitting.len > 0 ? errhint("Metrics for this task: %s.", fitting.data) :
			 errhint("This task has no choice of metrics; it uses the mean pinball loss.")));
}

static void
check_quantiles(const EgBoostParams *p)
{
	const EgReals *q = &p->quantiles;
	int			i;

	if (strcmp(p->booster, "dart") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("booster \"dart\" does not fit task \"quantile\""),
				 errhint("Use booster \"gbtree\".")));
	if (p->num_parallel_tree != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"num_parallel_tree\" must be 1 for task \"quantile\", not %d",
						p->num_parallel_tree)));
	if (q->n > 100)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"quantiles\" can have at most 100 values, not %d", q->n)));
	for (i = 1; i < q->n; i++)
	{
		if (q->values[i] <= q->values[i - 1])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"quantiles\" must be ascending, but %g follows %g",
							q->values[i], q->values[i - 1])));
	}
}

/* The library wants the first prediction within the range of the objective's link. */
static void
check_base_score(const EgBoostParams *p, EgTask task)
{
	const char *name = eg_boost_objective(p, task)->name;
	bool		logit = strcmp(name, "binary:logistic") == 0 || strcmp(name, "reg:logistic") == 0;
	bool		log = strcmp(name, "reg:gamma") == 0 || strcmp(name, "reg:tweedie") == 0 ||
		strcmp(name, "count:poisson") == 0 || task == EG_SURVIVAL;

	if (isnan(p->base_score) || !(logit || log) ||
		(p->base_score > 0 && (log || p->base_score < 1)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"base_score\" must be in %s for objective \"%s\", not %g",
					logit ? "(0, 1)" : "(0, inf)", name, p->base_score)));
}

void
eg_boost_check(const EgBoostParams *p, const EgDataset *data)
{
	bool		exact = strcmp(p->tree_method, "exact") == 0;
	int			j;

	check_metric(p, data->task);
	check_base_score(p, data->task);
	if (data->task == EG_QUANTILE)
		check_quantiles(p);

	if (p->max_depth == 0 && (exact || p->max_leaves == 0))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 exact ? errmsg("parameter \"max_depth\" must be at least 1 with tree_method \"exact\"")
				   : errmsg("parameters \"max_depth\" and \"max_leaves\" must not both be 0"),
			 errhint("One of them has to limit the size of the trees.")));
	if (exact && (p->max_leaves != 0 || strcmp(p->grow_policy, "depthwise") != 0))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("tree_method \"exact\" takes neither max_leaves nor grow_policy \"lossguide\""),
			 errhint("Use tree_method \"hist\".")));
	for (j = 0; exact && data->ncategories != NULL && j < data->x.ncols; j++)
	{
		if (data->ncategories[j] > 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("tree_method \"exact\" cannot split category column \"%s\"",
							data->names[j]),
					 errhint("Use tree_method \"hist\".")));
	}
}

/* Position of the column that a JSON string names. */
static int
column_position(const EgDataset *data, const char *param, const JsonbValue *v)
{
	StringInfoData known;
	int			j;

	if (v->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" must refer to columns by name", param)));
	for (j = 0; j < data->x.ncols; j++)
	{
		if (strlen(data->names[j]) == v->val.string.len &&
			memcmp(data->names[j], v->val.string.val, v->val.string.len) == 0)
			return j;
	}

	initStringInfo(&known);
	for (j = 0; j < Min(data->x.ncols, 50); j++)
		appendStringInfo(&known, "%s\"%s\"", j > 0 ? ", " : "", data->names[j]);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%.*s\" in parameter \"%s\" is not a feature",
					v->val.string.len, v->val.string.val, param),
			 errhint("Features: %s%s.", known.data, data->x.ncols > 50 ? ", ..." : "")));
}

/* {"age": 1} to the library's "(1,0,0)". */
static char *
monotone_text(const EgDataset *data, const Jsonb *json)
{
	int		   *sign = palloc0(data->x.ncols * sizeof(int));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	StringInfoData s;
	int			j;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"monotone_constraints\" must be a JSON object"),
				 errhint("Write it as '{\"column\": 1}'.")));
	it = JsonbIteratorInit(&unconstify(Jsonb *, json)->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		double		x = 2;

		if (token != WJB_KEY)
			continue;
		j = column_position(data, "monotone_constraints", &v);
		(void) JsonbIteratorNext(&it, &v, true);
		if (v.type == jbvNumeric)
			x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												   NumericGetDatum(v.val.numeric)));
		if (x != -1 && x != 0 && x != 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("monotone constraint of column \"%s\" must be -1, 0 or 1",
							data->names[j])));
		if (x != 0 && data->ncategories != NULL && data->ncategories[j] > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("category column \"%s\" cannot have a monotone constraint",
							data->names[j])));
		sign[j] = (int) x;
	}

	initStringInfo(&s);
	for (j = 0; j < data->x.ncols; j++)
		appendStringInfo(&s, "%c%d", j > 0 ? ',' : '(', sign[j]);
	appendStringInfoChar(&s, ')');
	return s.data;
}

/* [["age", "income"]] to the library's "[[0,1]]". */
static char *
interaction_text(const EgDataset *data, const Jsonb *json)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	StringInfoData s;
	int			depth = 0;
	bool		first = true;

	initStringInfo(&s);
	it = JsonbIteratorInit(&unconstify(Jsonb *, json)->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY && !(depth == 0 && v.val.array.rawScalar) && depth < 2)
		{
			appendStringInfo(&s, "%s[", first ? "" : ",");
			depth++;
			first = true;
		}
		else if (token == WJB_END_ARRAY)
		{
			appendStringInfoChar(&s, ']');
			depth--;
			first = false;
		}
		else if (token == WJB_ELEM && depth == 2)
		{
			appendStringInfo(&s, "%s%d", first ? "" : ",",
							 column_position(data, "interaction_constraints", &v));
			first = false;
		}
		else
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("parameter \"interaction_constraints\" must be an array of "
								   "arrays of column names"),
							errhint("Write it as '[[\"a\", \"b\"], [\"c\"]]'.")));
	}
	return s.data;
}

static void
send_real(EgXgbBooster *b, const char *name, double v)
{
	char		text[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(v, text);
	eg_xgb_booster_param(b, name, text);
}

static void
send_int(EgXgbBooster *b, const char *name, int v)
{
	char		text[16];

	snprintf(text, sizeof(text), "%d", v);
	eg_xgb_booster_param(b, name, text);
}

static void
send_metric(EgXgbBooster *b, const EgBoostParams *p)
{
	if (p->eval_metric == NULL)
		return;
	if (strcmp(p->eval_metric, "tweedie-nloglik") == 0)
		eg_xgb_booster_param(b, "eval_metric",
							 psprintf("tweedie-nloglik@%g", p->tweedie_variance_power));
	else
		eg_xgb_booster_param(b, "eval_metric", p->eval_metric);
}

/* Parameters of one booster or objective are sent to that one only. */
void
eg_boost_configure(EgXgbBooster *b, const EgBoostParams *p, const EgBoostObjective *objective,
				   const EgDataset *data, uint64 seed, int threads)
{
	bool		quantile = data->task == EG_QUANTILE;
	double		child = p->min_child_weight;

	if (isnan(child))
		child = quantile ? QUANTILE_CHILD_WEIGHT : 1.0;

	eg_xgb_booster_param(b, "objective", objective->name);
	eg_xgb_booster_param(b, "booster", p->booster);
	eg_xgb_booster_param(b, "tree_method", p->tree_method);
	send_int(b, "nthread", threads);
	send_int(b, "seed", (int) (seed & INT_MAX));

	send_real(b, "learning_rate", p->learning_rate);
	send_int(b, "max_depth", p->max_depth);
	send_real(b, "min_child_weight", child);
	send_real(b, "gamma", p->gamma);
	send_real(b, "subsample", p->subsample);
	send_real(b, "colsample_bytree", p->colsample_bytree);
	send_real(b, "colsample_bylevel", p->colsample_bylevel);
	send_real(b, "colsample_bynode", p->colsample_bynode);
	send_real(b, "reg_alpha", p->reg_alpha);
	send_real(b, "reg_lambda", p->reg_lambda);
	send_int(b, "num_parallel_tree", p->num_parallel_tree);
	send_int(b, "max_cat_to_onehot", p->max_cat_to_onehot);
	send_int(b, "max_cat_threshold", p->max_cat_threshold);

	/* unset, the library has a default of its own for counts */
	if (p->max_delta_step > 0)
		send_real(b, "max_delta_step", p->max_delta_step);
	if (strcmp(p->tree_method, "exact") != 0)
	{
		send_int(b, "max_bin", p->max_bin);
		send_int(b, "max_leaves", p->max_leaves);
		eg_xgb_booster_param(b, "grow_policy", p->grow_policy);
	}
	if (p->monotone_constraints != NULL)
		eg_xgb_booster_param(b, "monotone_constraints",
							 monotone_text(data, p->monotone_constraints));
	if (p->interaction_constraints != NULL)
		eg_xgb_booster_param(b, "interaction_constraints",
							 interaction_text(data, p->interaction_constraints));
	if (strcmp(p->booster, "dart") == 0)
	{
		send_real(b, "rate_drop", p->rate_drop);
		send_real(b, "skip_drop", p->skip_drop);
		send_int(b, "one_drop", p->one_drop ? 1 : 0);
		eg_xgb_booster_param(b, "sample_type", p->sample_type);
		eg_xgb_booster_param(b, "normalize_type", p->normalize_type);
	}
	if (quantile)
	{
		/* the start is folded into the first trees, see boost_quantile.c */
		send_int(b, "num_target", p->quantiles.n);
		send_real(b, "base_score", 0);
		return;
	}

	if (data->task == EG_MULTICLASS)
		send_int(b, "num_class", data->nclasses);
	if (data->task == EG_BINARY)
		send_real(b, "scale_pos_weight", p->scale_pos_weight);
	if (!isnan(p->base_score))
		send_real(b, "base_score", p->base_score);
	if (strcmp(objective->name, "reg:tweedie") == 0)
		send_real(b, "tweedie_variance_power", p->tweedie_variance_power);
	if (strcmp(objective->name, "reg:pseudohubererror") == 0 ||
		(p->eval_metric != NULL && strcmp(p->eval_metric, "mphe") == 0))
		send_real(b, "huber_slope", p->huber_slope);
	if (strcmp(objective->name, "survival:aft") == 0)
	{
		eg_xgb_booster_param(b, "aft_loss_distribution", p->aft_loss_distribution);
		send_real(b, "aft_loss_distribution_scale", p->aft_loss_distribution_scale);
	}
	send_metric(b, p);
}
