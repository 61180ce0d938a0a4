/*-------------------------------------------------------------------------
 *
 * boost_params.h
 *	  Hyper-parameters of gradient boosting, and what the objectives allow.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BOOST_PARAMS_H
#define EG_BOOST_PARAMS_H

#include "algo/algo.h"
#include "base/xgb.h"

typedef struct EgBoostParams
{
	int			n_estimators;
	double		learning_rate;
	int			max_depth;
	double		min_child_weight;	/* NaN: 1, and 20 for quantiles */
	double		gamma;
	double		subsample;
	double		colsample_bytree;
	double		colsample_bylevel;
	double		colsample_bynode;
	double		reg_alpha;
	double		reg_lambda;
	double		max_delta_step;
	int			max_leaves;
	const char *grow_policy;
	const char *tree_method;
	int			max_bin;
	int			num_parallel_tree;
	double		scale_pos_weight;
	double		base_score;		/* NaN: the library's choice */
	int			max_cat_to_onehot;
	int			max_cat_threshold;
	Jsonb	   *monotone_constraints;
	Jsonb	   *interaction_constraints;
	const char *objective;		/* NULL: by task */
	const char *eval_metric;	/* NULL: by objective */
	int			early_stopping_rounds;	/* 0: off */
	double		validation_fraction;
	EgReals		quantiles;
	double		tweedie_variance_power;
	double		huber_slope;
	const char *aft_loss_distribution;
	double		aft_loss_distribution_scale;
	const char *booster;
	double		rate_drop;
	double		skip_drop;
	bool		one_drop;
	const char *sample_type;
	const char *normalize_type;
} EgBoostParams;

/* what an objective learns and which labels it takes */
typedef struct EgBoostObjective
{
	const char *name;
	int			tasks;			/* EG_TASK_BIT */
	double		min_label;		/* labels below are refused, and this one too if label_open */
	bool		label_open;
	double		max_label;
	bool		maximize;		/* its own metric grows as the model gets better */
} EgBoostObjective;

extern const EgParam eg_boost_params[];

/* The objective chosen, or that of the task; error when it does not fit the task. */
extern const EgBoostObjective *eg_boost_objective(const EgBoostParams *p, EgTask task);

/* Errors for what no range can say: values that exclude each other or the task. */
extern void eg_boost_check(const EgBoostParams *p, const EgDataset *data);

/* Hand everything to the library. */
extern void eg_boost_configure(EgXgbBooster *b, const EgBoostParams *p,
							   const EgBoostObjective *objective, const EgDataset *data,
							   uint64 seed, int threads);

/* Is a larger value of the validation metric better? */
extern bool eg_boost_maximize(const EgBoostParams *p, const EgBoostObjective *objective);

/* Does the library build its trees from a quantized matrix? */
extern bool eg_boost_uses_hist(const EgBoostParams *p);

#endif							/* EG_BOOST_PARAMS_H */
