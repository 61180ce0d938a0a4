/*-------------------------------------------------------------------------
 *
 * metrics.c
 *	  Metrics: names, usable rows, JSON.
 *
 * One table names every metric and the tasks that it judges.  A request
 * keeps the usable rows, lets the task fill an EgMetricSet, and writes the
 * set in table order.  The definitions are those of scikit-learn 1.2
 * (https://scikit-learn.org, "Metrics and scoring"), except that a fraction
 * 0/0 is undefined here and not 0, that rows of weight 0 matter only where
 * rows are counted, and that MAPE leaves out rows of truth 0, which
 * would otherwise swamp it, and counts them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval/metrics.h"

#define NUMBERS			(EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_COUNT))
#define BINARY			EG_TASK_BIT(EG_BINARY)
#define SCORED			(EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_ANOMALY))
#define MULTICLASS		EG_TASK_BIT(EG_MULTICLASS)
#define QUANTILE		EG_TASK_BIT(EG_QUANTILE)
#define RANKING			EG_TASK_BIT(EG_RANKING)

typedef struct MetricDef
{
	const char *name;
	int			tasks;
	bool		larger_is_better;
} MetricDef;

/* in the order of EgMetricId */
static const MetricDef metric_table[] = {
	{"rmse", NUMBERS, false},
	{"mae", NUMBERS, false},
	{"r2", NUMBERS, true},
	{"mape", NUMBERS, false},
	{"median_absolute_error", NUMBERS, false},
	{"bias", NUMBERS, false},
	{"poisson_deviance", EG_TASK_BIT(EG_COUNT), false},
	{"auc", SCORED | MULTICLASS, true},
	{"average_precision", SCORED, true},
	{"log_loss", BINARY | MULTICLASS, false},
	{"log_loss_base", BINARY | MULTICLASS, false},
	{"brier", BINARY, false},
	{"accuracy", BINARY | MULTICLASS, true},
	{"precision", BINARY, true},
	{"recall", BINARY, true},
	{"f1", BINARY, true},
	{"best_threshold", SCORED, false},
	{"best_accuracy", SCORED, true},
	{"best_precision", SCORED, true},
	{"best_recall", SCORED, true},
	{"best_f1", SCORED, true},
	{"positive_rate", SCORED, false},
	{"lift_top_decile", SCORED, true},
	{"precision_macro", MULTICLASS, true},
	{"recall_macro", MULTICLASS, true},
	{"f1_macro", MULTICLASS, true},
	{"precision_weighted", MULTICLASS, true},
	{"recall_weighted", MULTICLASS, true},
	{"f1_weighted", MULTICLASS, true},
	{"pinball_loss", QUANTILE, false},
	{"interval_coverage", QUANTILE, false},
	{"interval_width", QUANTILE, false},
	{"ndcg", RANKING, true},
	{"ndcg@5", RANKING, true},
	{"ndcg@10", RANKING, true},
	{"map", RANKING, true},
	{"concordance", EG_TASK_BIT(EG_SURVIVAL), true}
};

StaticAssertDecl(lengthof(metric_table) == EG_NMETRICS, "a metric without a row in metric_table");

/* ----------
 * Names
 * ----------
 */

static int
metric_find(const char *name)
{
	int			id;

	for (id = 0; id < EG_NMETRICS; id++)
	{
		if (strcmp(metric_table[id].name, name) == 0)
			return id;
	}
	return -1;
}

/* K of "ndcg@K", 0 if name is none */
static int
ndcg_cutoff(const char *name)
{
	const char *p = name + 5;
	int			k = 0;

	if (strncmp(name, "ndcg@", 5) != 0 || strlen(p) > 9)
		return 0;
	for (; *p; p++)
	{
		if (*p < '0' || *p > '9')
			return 0;
		k = k * 10 + (*p - '0');
	}
	return k;
}

const char *
eg_metric_name(EgTask task, int id)
{
	return (metric_table[id].tasks & EG_TASK_BIT(task)) != 0 ? metric_table[id].name : NULL;
}

const char *
eg_metric_primary(EgTask task)
{
	switch (task)
	{
		case EG_REGRESSION:
			return "rmse";
		case EG_BINARY:
			return "auc";
		case EG_MULTICLASS:
			return "log_loss";
		case EG_QUANTILE:
			return "pinball_loss";
		case EG_RANKING:
			return "ndcg";
		case EG_COUNT:
			return "poisson_deviance";
		case EG_SURVIVAL:
			return "concordance";
		case EG_ANOMALY:
			return "auc";
		case EG_CLUSTERING:
			return "silhouette";
	}
	return NULL;
}

bool
eg_metric_larger_is_better(const char *name)
{
	int			id = metric_find(name);

	if (id < 0)
		return ndcg_cutoff(name) > 0;
	return metric_table[id].larger_is_better;
}

bool
eg_metric_exists(EgTask task, const char *name)
{
	int			id = metric_find(name);

	if (id < 0)
		return task == EG_RANKING && ndcg_cutoff(name) > 0;
	return (metric_table[id].tasks & EG_TASK_BIT(task)) != 0;
}

/* ----------
 * Memory and JSON
 * ----------
 */

void *
eg_metric_alloc(Size count, Size itemsize)
{
	if (count > MaxAllocHugeSize / itemsize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot compute metrics of %zu values", count)));
	return palloc_extended(Max(count * itemsize, 1), MCXT_ALLOC_HUGE);
}

double
eg_metric_total_weight(const double *weight, Size n)
{
	double		total = 0.0;
	Size		i;

	if (weight == NULL)
		return (double) n;
	for (i = 0; i < n; i++)
		total += weight[i];
	return total;
}

/* 6 significant digits read the same everywhere; counts stay whole. */
void
eg_metric_put_number(StringInfo out, double v)
{
	if (isnan(v) || isinf(v))
		appendStringInfoString(out, "null");
	else if (v == floor(v) && fabs(v) < 1e15)
		appendStringInfo(out, INT64_FORMAT, (int64) v);
	else
		appendStringInfo(out, "%.6g", v);
}

void
eg_metric_put_text(StringInfo out, const char *text)
{
	const char *p;

	appendStringInfoChar(out, '"');
	for (p = text; *p; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(out, '\\');
		if ((unsigned char) *p < ' ')
			appendStringInfo(out, "\\u%04x", (unsigned char) *p);
		else
			appendStringInfoChar(out, *p);
	}
	appendStringInfoChar(out, '"');
}

/* ----------
 * Requests
 * ----------
 */

static bool
row_is_usable(const EgMetricInput *in, Size i)
{
	const double *score = in->score + i * in->width;
	double		truth = in->truth[i];
	int			c;

	if (!isfinite(truth))
		return false;
	for (c = 0; c < in->width; c++)
	{
		if (!isfinite(score[c]))
			return false;
	}
	if (in->weight && !(isfinite(in->weight[i]) && in->weight[i] >= 0.0))
		return false;
	if (in->group && !isfinite(in->group[i]))
		return false;
	if (in->event && !isfinite(in->event[i]))
		return false;
	if (eg_task_two_classes(in->task))
		return truth == 0.0 || truth == 1.0;
	if (in->task == EG_MULTICLASS)
		return truth >= 0.0 && truth < in->nclasses && truth == floor(truth);
	return true;
}

static const double *
keep_rows(const double *v, int width, const bool *usable, Size n, Size kept)
{
	double	   *to;
	double	   *result;
	Size		i;

	if (v == NULL)
		return NULL;
	to = result = eg_metric_alloc(kept, width * sizeof(double));
	for (i = 0; i < n; i++)
	{
		if (usable[i])
		{
			memcpy(to, v + i * width, width * sizeof(double));
			to += width;
		}
	}
	return result;
}

/* The usable rows of in; nothing is copied when all are. */
EgMetricInput
eg_metrics_clean(const EgMetricInput *in)
{
	EgMetricInput clean = *in;
	bool	   *usable = eg_metric_alloc(in->n, sizeof(bool));
	Size		kept = 0;
	Size		i;

	if (in->width < 1 || (in->task != EG_QUANTILE && in->task != EG_MULTICLASS && in->width != 1))
		elog(ERROR, "unexpected number of outputs for metrics: %d", in->width);
	if (in->task == EG_MULTICLASS && in->width != in->nclasses)
		elog(ERROR, "metrics of %d outputs for %d classes", in->width, in->nclasses);

	for (i = 0; i < in->n; i++)
	{
		usable[i] = row_is_usable(in, i);
		kept += usable[i] ? 1 : 0;
	}
	CHECK_FOR_INTERRUPTS();
	if (kept < in->n)
	{
		clean.n = kept;
		clean.truth = keep_rows(in->truth, 1, usable, in->n, kept);
		clean.score = keep_rows(in->score, in->width, usable, in->n, kept);
		clean.weight = keep_rows(in->weight, 1, usable, in->n, kept);
		clean.group = keep_rows(in->group, 1, usable, in->n, kept);
		clean.event = keep_rows(in->event, 1, usable, in->n, kept);
	}
	pfree(usable);
	return clean;
}

void
eg_metrics_compute(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	int			id;

	for (id = 0; id < EG_NMETRICS; id++)
		set->value[id] = NAN;
	switch (in->task)
	{
		case EG_REGRESSION:
		case EG_COUNT:
			eg_metrics_numbers(in, set, details);
			break;
		case EG_BINARY:
		case EG_ANOMALY:
			eg_metrics_binary(in, set, details);
			break;
		case EG_MULTICLASS:
			eg_metrics_multiclass(in, set, details);
			break;
		case EG_QUANTILE:
			eg_metrics_quantile(in, set, details);
			break;
		case EG_RANKING:
			eg_metrics_ranking(in, set, details);
			break;
		case EG_SURVIVAL:
			eg_metrics_survival(in, set, details);
			break;
		case EG_CLUSTERING:
			break;
	}
}

static MemoryContext
enter_context(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage metrics",
												  ALLOCSET_DEFAULT_SIZES);

	return MemoryContextSwitchTo(context);
}

static void
leave_context(MemoryContext caller)
{
	MemoryContextDelete(MemoryContextSwitchTo(caller));
}

double
eg_metric_value(const EgMetricInput *in, const char *name)
{
	int			id = metric_find(name);
	MemoryContext caller;
	EgMetricInput clean;
	double		value;

	if (!eg_metric_exists(in->task, name))
		return NAN;
	caller = enter_context();
	clean = eg_metrics_clean(in);
	if (id < 0)
		value = eg_ndcg(clean.score, clean.truth, clean.group, clean.weight, clean.n,
						ndcg_cutoff(name));
	else
	{
		EgMetricSet set;

		set.want = EG_METRIC_BIT(id);
		eg_metrics_compute(&clean, &set, NULL);
		value = set.value[id];
	}
	leave_context(caller);
	return value;
}

void
eg_metrics_json(StringInfo out, const EgMetricInput *in)
{
	MemoryContext caller = enter_context();
	EgMetricInput clean = eg_metrics_clean(in);
	EgMetricSet set;
	StringInfoData details;
	int			id;

	initStringInfo(&details);
	set.want = ~UINT64CONST(0);
	eg_metrics_compute(&clean, &set, &details);

	appendStringInfo(out, "{\"n\": %zu", clean.n);
	if (clean.n < in->n)
		appendStringInfo(out, ", \"rows_left_out\": %zu", in->n - clean.n);
	for (id = 0; id < EG_NMETRICS; id++)
	{
		if ((metric_table[id].tasks & EG_TASK_BIT(in->task)) == 0)
			continue;
		appendStringInfo(out, ", \"%s\": ", metric_table[id].name);
		eg_metric_put_number(out, set.value[id]);
	}
	appendBinaryStringInfo(out, details.data, details.len);
	appendStringInfoChar(out, '}');
	leave_context(caller);
}
