/*-------------------------------------------------------------------------
 *
 * metrics.h
 *	  How good a prediction is: metrics for every task, as JSON or one by one.
 *
 * The names and the definitions are those of scikit-learn 1.2, weights
 * included.  A metric without a defined value (AUC of one class, R2 of a
 * constant truth, precision where nothing is predicted, anything of no rows)
 * is NaN here and null in JSON.  A caller that compares two models must not
 * let NaN win.
 *
 * Rows whose truth, score, weight, group or event is NaN or infinite, whose
 * weight is negative, or whose class code is none of the classes are left
 * out; the JSON then has a member rows_left_out.  "n" counts the rows used.
 * JSON numbers have 6 significant digits (whole numbers all theirs);
 * eg_metric_value() has full precision.
 *
 * A survival score is a risk: larger means an earlier event.  Negate the
 * scores of a model that predicts the expected time.
 *
 * A class is predicted at or above the threshold; of several classes, the
 * first with the largest probability is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_METRICS_H
#define EG_METRICS_H

#include "lib/stringinfo.h"

#include "algo/algo.h"

typedef struct EgMetricInput
{
	EgTask		task;
	Size		n;
	int			width;			/* outputs per row */
	const double *truth;		/* (n) number, class code, or time for survival */
	const double *score;		/* (n, width) what predict gave */
	const double *weight;		/* (n) or NULL */
	const double *group;		/* (n) ranking: query number, rows of a group adjacent; or NULL */
	const double *event;		/* (n) survival: 1 = event seen; or NULL, all seen */
	int			nclasses;
	const char *const *labels;	/* (nclasses) text of the classes, or NULL */
	const double *quantiles;	/* (width) for the quantile task */
} EgMetricInput;

/* Append one JSON object {...} with every metric of the task. */
extern void eg_metrics_json(StringInfo out, const EgMetricInput *in);

/*
 * Append a JSON object {"auc": [lower, upper], ...}: for every metric of the
 * task an interval that holds its value on all such rows in a share `level` of
 * cases (metrics_interval.c says how).  Undefined ones are left out.
 */
extern void eg_metrics_intervals_json(StringInfo out, const EgMetricInput *in, double level,
									  uint64 seed);

/* The metric that decides between champion and challenger. */
extern const char *eg_metric_primary(EgTask task);

/*
 * False for an unknown name, and where neither direction is better: bias,
 * best_threshold, positive_rate, interval_coverage.
 */
extern bool eg_metric_larger_is_better(const char *name);

/* One scalar metric by name, at full precision; NaN if undefined or unknown. */
extern double eg_metric_value(const EgMetricInput *in, const char *name);

/* ndcg@K exists for every K from 1, though the JSON has 5 and 10 alone. */
extern bool eg_metric_exists(EgTask task, const char *name);

/* ----------
 * The same over plain arrays: score, truth and weight are n long, weight may
 * be NULL (all 1), and all must be finite.  NaN when undefined.
 * ----------
 */

/* numbers (metrics.c); bias is the mean of score - truth, mape leaves out rows of truth 0 */
extern double eg_rmse(const double *score, const double *truth, const double *weight, Size n);
extern double eg_mae(const double *score, const double *truth, const double *weight, Size n);
extern double eg_r2(const double *score, const double *truth, const double *weight, Size n);
extern double eg_bias(const double *score, const double *truth, const double *weight, Size n);
extern double eg_mape(const double *score, const double *truth, const double *weight, Size n,
					  Size *left_out);
extern double eg_median_absolute_error(const double *score, const double *truth,
									   const double *weight, Size n);
extern double eg_poisson_deviance(const double *score, const double *truth,
								  const double *weight, Size n);

/* two classes: truth is 0 or 1, score the probability of 1 (metrics_class.c) */
extern double eg_auc(const double *score, const double *truth, const double *weight, Size n);
extern double eg_average_precision(const double *score, const double *truth,
								   const double *weight, Size n);
extern double eg_log_loss(const double *score, const double *truth, const double *weight, Size n);
extern double eg_brier(const double *score, const double *truth, const double *weight, Size n);

/* quantiles (metrics_rank.c): score is that quantile; coverage is the share of truth <= score */
extern double eg_pinball(const double *score, const double *truth, const double *weight, Size n,
						 double quantile);
extern double eg_coverage(const double *score, const double *truth, const double *weight, Size n);

/* orders (metrics_rank.c); group NULL: one query; k 0: no cut-off */
extern double eg_ndcg(const double *score, const double *truth, const double *group,
					  const double *weight, Size n, int k);
extern double eg_map(const double *score, const double *truth, const double *group,
					 const double *weight, Size n);

/* a larger score means an earlier event: a risk */
extern double eg_concordance(const double *score, const double *truth, const double *event,
							 const double *weight, Size n);

/* ----------
 * Between the metrics files.
 * ----------
 */

/* in the order of metric_table in metrics.c and of the JSON */
typedef enum EgMetricId
{
	EG_METRIC_RMSE,
	EG_METRIC_MAE,
	EG_METRIC_R2,
	EG_METRIC_MAPE,
	EG_METRIC_MEDIAN_ABSOLUTE_ERROR,
	EG_METRIC_BIAS,
	EG_METRIC_POISSON_DEVIANCE,
	EG_METRIC_AUC,
	EG_METRIC_AVERAGE_PRECISION,
	EG_METRIC_LOG_LOSS,
	EG_METRIC_LOG_LOSS_BASE,	/* of always answering the class shares */
	EG_METRIC_BRIER,
	EG_METRIC_ACCURACY,
	EG_METRIC_PRECISION,		/* this and the next at threshold 0.5 */
	EG_METRIC_RECALL,
	EG_METRIC_F1,
	EG_METRIC_BEST_THRESHOLD,	/* of the largest F1; among equals the highest threshold */
	EG_METRIC_BEST_ACCURACY,	/* these at best_threshold */
	EG_METRIC_BEST_PRECISION,
	EG_METRIC_BEST_RECALL,
	EG_METRIC_BEST_F1,
	EG_METRIC_POSITIVE_RATE,
	EG_METRIC_LIFT_TOP_DECILE,	/* positive rate of the best tenth / of all; ties share */
	EG_METRIC_PRECISION_MACRO,
	EG_METRIC_RECALL_MACRO,
	EG_METRIC_F1_MACRO,
	EG_METRIC_PRECISION_WEIGHTED,
	EG_METRIC_RECALL_WEIGHTED,
	EG_METRIC_F1_WEIGHTED,
	EG_METRIC_PINBALL_LOSS,
	EG_METRIC_INTERVAL_COVERAGE,	/* of the outermost quantiles */
	EG_METRIC_INTERVAL_WIDTH,
	EG_METRIC_NDCG,
	EG_METRIC_NDCG_5,
	EG_METRIC_NDCG_10,
	EG_METRIC_MAP,
	EG_METRIC_CONCORDANCE
} EgMetricId;

#define EG_NMETRICS				((int) EG_METRIC_CONCORDANCE + 1)
#define EG_METRIC_BIT(id)		(UINT64CONST(1) << (int) (id))

typedef struct EgMetricSet
{
	uint64		want;			/* EG_METRIC_BITs; the costly others are not computed */
	double		value[EG_NMETRICS]; /* NaN until computed */
} EgMetricSet;

/*
 * Fill set from clean rows; with details not NULL append further members of
 * the JSON object, each preceded by a comma.
 */
extern void eg_metrics_numbers(const EgMetricInput *in, EgMetricSet *set, StringInfo details);
extern void eg_metrics_binary(const EgMetricInput *in, EgMetricSet *set, StringInfo details);
extern void eg_metrics_multiclass(const EgMetricInput *in, EgMetricSet *set, StringInfo details);
extern void eg_metrics_quantile(const EgMetricInput *in, EgMetricSet *set, StringInfo details);
extern void eg_metrics_ranking(const EgMetricInput *in, EgMetricSet *set, StringInfo details);
extern void eg_metrics_survival(const EgMetricInput *in, EgMetricSet *set, StringInfo details);

/* The usable rows of in; nothing is copied when all are. */
extern EgMetricInput eg_metrics_clean(const EgMetricInput *in);

/* The same for any task. */
extern void eg_metrics_compute(const EgMetricInput *in, EgMetricSet *set, StringInfo details);

/* Name of an EgMetricId, NULL when the task has no such metric. */
extern const char *eg_metric_name(EgTask task, int id);

/*
 * Row numbers that put v[0], v[stride], ... in ascending order, equal ones in
 * row order; palloc'd.
 */
extern Size *eg_metric_order(const double *v, Size stride, Size n);
extern double eg_metric_total_weight(const double *weight, Size n);
extern void *eg_metric_alloc(Size count, Size itemsize);
extern void eg_metric_put_number(StringInfo out, double v);
extern void eg_metric_put_text(StringInfo out, const char *text);

static inline double
eg_metric_weight(const double *weight, Size i)
{
	return weight ? weight[i] : 1.0;
}

#endif							/* EG_METRICS_H */
