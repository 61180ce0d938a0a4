/*-------------------------------------------------------------------------
 *
 * trees_leafwise.c
 *	  Gradient boosting leaf by leaf: the boosting learner with the defaults
 *	  and the parameter names that people know from LightGBM.
 *
 * The trees are still XGBoost's: its growth policy "lossguide" splits the
 * leaf whose split reduces the loss most, until there are max_leaves.  What
 * LightGBM has beyond that (one-sided sampling of gradients, bundles of
 * exclusive features) is not imitated.
 *
 * Sources: H. Shi, "Best-first Decision Tree Learning", 2007; G. Ke et al.,
 * "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/boost_params.h"

extern const EgAlgorithm eg_xgboost;
extern const EgAlgorithm eg_leafwise_boosting;

/*
 * A leaf of LightGBM has 20 rows at least.  XGBoost counts the sum of hessians,
 * which for classes is at most a quarter of the rows.
 */
#define MIN_LEAF_ROWS		20
#define MIN_LEAF_HESSIAN	5

static const char *const objective_words[] = {
	"reg:squarederror", "reg:squaredlogerror", "reg:logistic", "reg:pseudohubererror",
	"reg:absoluteerror", "reg:gamma", "reg:tweedie", "binary:logistic", "multi:softprob",
	"rank:ndcg", "rank:pairwise", "rank:map", "count:poisson", "survival:cox", "survival:aft",
	NULL
};

#define FIELD(name)		#name, .offset = offsetof(EgBoostParams, name)
#define INT(name, value, low, high) \
	FIELD(name), .type = EG_PARAM_INT, .number = (value), .min = (low), .max = (high)
#define REAL(name, value, low, high) \
	FIELD(name), .type = EG_PARAM_REAL, .number = (value), .min = (low), .max = (high)
#define SEARCH(low, high)	.tunable = true, .search_min = (low), .search_max = (high)

static const EgParam leafwise_params[] = {
	{INT(n_estimators, 100, 1, 100000), .alias = "num_iterations", SEARCH(50, 500),
	 .log_scale = true, .help = "Number of boosting rounds; each adds one tree for each output"},
	{REAL(learning_rate, 0.1, 0, 1), .min_open = true, .alias = "eta", SEARCH(0.01, 0.3),
	 .log_scale = true,
	 .help = "Share of each new tree that is added; smaller values need more rounds"},
	{INT(max_leaves, 31, 2, 1048576), .alias = "num_leaves", SEARCH(7, 127), .log_scale = true,
	 .help = "Most leaves of a tree"},
	{INT(max_depth, 0, 0, 64), .help = "Deepest level of a tree; 0 sets no limit"},
	{REAL(min_child_weight, NAN, 0, INFINITY), .alias = "min_sum_hessian_in_leaf",
	 SEARCH(1, 50), .log_scale = true,
	 .help = "Least sum of hessians in a leaf; unset, 20 where each row counts 1, otherwise 5"},
	{REAL(gamma, 0, 0, INFINITY), .alias = "min_gain_to_split",
	 .help = "Least loss reduction that makes a split worth having"},
	{REAL(subsample, 1, 0, 1), .min_open = true, .alias = "bagging_fraction", SEARCH(0.5, 1),
	 .help = "Share of the rows drawn for each tree"},
	{REAL(colsample_bytree, 1, 0, 1), .min_open = true, .alias = "feature_fraction",
	 SEARCH(0.5, 1), .help = "Share of the columns drawn for each tree"},
	{REAL(colsample_bynode, 1, 0, 1), .min_open = true, .alias = "feature_fraction_bynode",
	 .help = "Share of the tree's columns drawn for each split"},
	{REAL(reg_alpha, 0, 0, INFINITY), .alias = "lambda_l1", .help = "L1 penalty on the leaves"},
	{REAL(reg_lambda, 0, 0, INFINITY), .alias = "lambda_l2", SEARCH(0, 10),
	 .help = "L2 penalty on the leaves"},
	{INT(max_bin, 255, 2, 65536), .help = "Most bins for each numeric column"},
	{REAL(scale_pos_weight, 1, 0, INFINITY), .min_open = true,
	 .help = "Factor on the weight of positive rows in binary tasks"},
	{FIELD(monotone_constraints), .type = EG_PARAM_JSON,
	 .help = "Object of column names with 1 (prediction may only rise), -1 (only fall) or 0"},
	{FIELD(objective), .type = EG_PARAM_WORD, .words = objective_words,
	 .help = "Loss that is minimized; chosen by the task when unset"},
	{INT(early_stopping_rounds, 0, 0, 100000), .alias = "early_stopping_round",
	 .help = "Stop when the validation loss has not improved for so many rounds; 0 never stops "
			 "early"},
	{REAL(validation_fraction, 0.1, 0, 0.9), .min_open = true,
	 .help = "Share of the rows held out for early stopping"},
	{REAL(tweedie_variance_power, 1.5, 1, 2), .min_open = true, .max_open = true,
	 .help = "Power of the Tweedie variance; near 1 is Poisson, near 2 is gamma"},
	EG_PARAM_END
};

/* Everything that the table above does not offer, as XGBoost has it. */
static EgBoostParams
translate(const EgBoostParams *given, EgTask task)
{
	EgBoostParams *defaults = eg_params_parse(eg_boost_params, sizeof(EgBoostParams), NULL,
											  "xgboost");
	EgBoostParams p = *given;

	p.grow_policy = "lossguide";
	p.tree_method = "hist";
	p.booster = defaults->booster;
	p.num_parallel_tree = defaults->num_parallel_tree;
	p.colsample_bylevel = defaults->colsample_bylevel;
	p.max_delta_step = defaults->max_delta_step;
	p.base_score = defaults->base_score;
	p.max_cat_to_onehot = defaults->max_cat_to_onehot;
	p.max_cat_threshold = defaults->max_cat_threshold;
	p.interaction_constraints = NULL;
	p.eval_metric = NULL;
	p.quantiles = defaults->quantiles;
	p.huber_slope = defaults->huber_slope;
	p.aft_loss_distribution = defaults->aft_loss_distribution;
	p.aft_loss_distribution_scale = defaults->aft_loss_distribution_scale;
	p.sample_type = defaults->sample_type;
	p.normalize_type = defaults->normalize_type;
	if (isnan(p.min_child_weight))
		p.min_child_weight = task == EG_REGRESSION ? MIN_LEAF_ROWS : MIN_LEAF_HESSIAN;
	return p;
}

static double
leafwise_validation(const void *params, EgTask task)
{
	const EgBoostParams *p = params;

	return p->early_stopping_rounds > 0 ? p->validation_fraction : 0;
}

static void *
leafwise_fit(const EgDataset *data, const void *params, EgRun *run)
{
	EgBoostParams p = translate(params, data->task);

	return eg_xgboost.fit(data, &p, run);
}

static void
leafwise_save(const void *model, EgWriter *w)
{
	eg_xgboost.save(model, w);
}

static void *
leafwise_load(EgReader *r, int format)
{
	return eg_xgboost.load(r, format);
}

static int
leafwise_width(const void *model)
{
	return eg_xgboost.width(model);
}

static int
leafwise_nfeatures(const void *model)
{
	return eg_xgboost.nfeatures(model);
}

static void
leafwise_predict(const void *model, const float *x, Size nrows, double *out)
{
	eg_xgboost.predict(model, x, nrows, out);
}

static void
leafwise_explain(const void *model, const float *x, Size nrows, double *out)
{
	eg_xgboost.explain(model, x, nrows, out);
}

static void
leafwise_explain_against(const void *model, const float *x, const float *background,
						 Size nbackground, double *out)
{
	eg_xgboost.explain_against(model, x, background, nbackground, out);
}

static void
leafwise_interactions(const void *model, const float *x, double *out)
{
	eg_xgboost.interactions(model, x, out);
}

static EgLink
leafwise_link(const void *model)
{
	return eg_xgboost.link(model);
}

static void
leafwise_importance(const void *model, double *out)
{
	eg_xgboost.importance(model, out);
}

static void
leafwise_splits(const void *model, double *count, double *gain, double *cover)
{
	eg_xgboost.splits(model, count, gain, cover);
}

static void
leafwise_describe(const void *model, StringInfo json)
{
	eg_xgboost.describe(model, json);
}

static const char *
leafwise_library_bytes(const void *model, Size *len)
{
	return eg_xgboost.library_bytes(model, len);
}

const EgAlgorithm eg_leafwise_boosting = {
	.name = "leafwise_boosting",
	.summary = "gradient boosted trees grown leaf by leaf (XGBoost, with LightGBM's defaults)",
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS) |
	EG_TASK_BIT(EG_RANKING) | EG_TASK_BIT(EG_COUNT) | EG_TASK_BIT(EG_SURVIVAL),

	/* what is stored is the boosting learner's */
	.format = 1,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT) | EG_ROLE_BIT(EG_ROLE_GROUP) |
	EG_ROLE_BIT(EG_ROLE_EVENT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = leafwise_params,
	.params_size = sizeof(EgBoostParams),
	.validation = leafwise_validation,
	.fit = leafwise_fit,
	.save = leafwise_save,
	.load = leafwise_load,
	.width = leafwise_width,
	.nfeatures = leafwise_nfeatures,
	.predict = leafwise_predict,
	.explain = leafwise_explain,
	.explain_against = leafwise_explain_against,
	.interactions = leafwise_interactions,
	.link = leafwise_link,
	.importance = leafwise_importance,
	.splits = leafwise_splits,
	.describe = leafwise_describe,
	.library_bytes = leafwise_library_bytes
};
