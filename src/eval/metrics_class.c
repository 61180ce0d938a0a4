/*-------------------------------------------------------------------------
 *
 * metrics_class.c
 *	  Metrics of two classes and of many.
 *
 * For two classes everything that depends on the order of the scores comes
 * from one walk over them, from the largest down, a group of equal scores at
 * a time: the area under the ROC curve (trapezoids, so that ties count one
 * half), average precision (precision times the step in recall), the
 * threshold of the largest F1, and the lift of the top tenth.  For many
 * classes the area is the mean over the classes of one against the rest.
 *
 * Fawcett, "An introduction to ROC analysis", 2006.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "eval/metrics.h"

/* a probability is kept this far from 0 and 1 before its logarithm is taken */
#define LOG_LOSS_EPSILON	1e-15

#define MAX_CONFUSION		50	/* classes in a confusion matrix */

/* Weights of rows, by truth and prediction */
typedef struct Counts
{
	double		tp,
				fp,
				tn,
				fn;
} Counts;

typedef struct Walk
{
	double		auc;
	double		average_precision;
	double		lift;
	double		best_threshold; /* NaN when there are no positives */
	Counts		best;			/* at best_threshold */
} Walk;

static inline double
ratio(double part, double whole)
{
	return whole > 0.0 ? part / whole : NAN;
}

static inline double
or_zero(double v)
{
	return isnan(v) ? 0.0 : v;
}

static inline double
clip(double p)
{
	return Min(Max(p, LOG_LOSS_EPSILON), 1.0 - LOG_LOSS_EPSILON);
}

/* Positive is a row of class `positive`; its score is every stride-th of score. */
static Walk
walk_scores(const double *score, Size stride, const double *truth, double positive,
			const double *weight, Size n)
{
	Walk		walk = {NAN, NAN, NAN, NAN, {0, 0, 0, 0}};
	Size	   *order;
	double		p = 0.0;		/* weight of positives and negatives in all */
	double		f = 0.0;
	double		tp = 0.0;		/* and at or above the score reached */
	double		fp = 0.0;
	double		area = 0.0;
	double		ap = 0.0;
	double		top_tp = 0.0;
	double		best_f1 = 0.0;
	double		top;
	Size		i;

	for (i = 0; i < n; i++)
	{
		if (truth[i] == positive)
			p += eg_metric_weight(weight, i);
		else
			f += eg_metric_weight(weight, i);
	}
	if (!(p > 0.0))
		return walk;
	top = (p + f) * 0.1;

	CHECK_FOR_INTERRUPTS();
	order = eg_metric_order(score, stride, n);
	i = n;
	while (i > 0)
	{
		double		at = score[order[i - 1] * stride];
		double		group_tp = 0.0;
		double		group_fp = 0.0;
		double		room = top - tp - fp;
		double		f1;

		for (; i > 0 && score[order[i - 1] * stride] == at; i--)
		{
			Size		row = order[i - 1];

			if (truth[row] == positive)
				group_tp += eg_metric_weight(weight, row);
			else
				group_fp += eg_metric_weight(weight, row);
		}
		if (group_tp + group_fp <= 0.0)
			continue;			/* rows of no weight are no threshold */
		area += group_fp * (tp + 0.5 * group_tp);
		if (room > 0.0)
			top_tp += group_tp * Min(1.0, room / (group_tp + group_fp));
		tp += group_tp;
		fp += group_fp;
		ap += group_tp * (tp / (tp + fp));
		f1 = 2.0 * tp / (tp + fp + p);
		if (f1 > best_f1)
		{
			best_f1 = f1;
			walk.best_threshold = at;
			walk.best.tp = tp;
			walk.best.fp = fp;
		}
	}
	pfree(order);

	walk.best.fn = Max(p - walk.best.tp, 0.0);
	walk.best.tn = Max(f - walk.best.fp, 0.0);
	walk.auc = f > 0.0 ? area / p / f : NAN;
	walk.average_precision = ap / p;
	walk.lift = (top_tp / top) / (p / (p + f));
	return walk;
}

double
eg_auc(const double *score, const double *truth, const double *weight, Size n)
{
	return walk_scores(score, 1, truth, 1.0, weight, n).auc;
}

/* Undefined without positives, where scikit-learn says 0. */
double
eg_average_precision(const double *score, const double *truth, const double *weight, Size n)
{
	return walk_scores(score, 1, truth, 1.0, weight, n).average_precision;
}

double
eg_log_loss(const double *score, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		p = clip(score[i]);

		sum -= eg_metric_weight(weight, i) * log(truth[i] == 1.0 ? p : 1.0 - p);
	}
	return ratio(sum, eg_metric_total_weight(weight, n));
}

double
eg_brier(const double *score, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
		sum += eg_metric_weight(weight, i) * (score[i] - truth[i]) * (score[i] - truth[i]);
	return ratio(sum, eg_metric_total_weight(weight, n));
}

/* Log loss of answering each class with its share. */
static double
entropy(const double *class_weight, int nclasses, double total)
{
	double		sum = 0.0;
	int			k;

	for (k = 0; k < nclasses; k++)
	{
		if (class_weight[k] > 0.0)
			sum -= class_weight[k] * log(class_weight[k] / total);
	}
	return ratio(sum, total);
}

static void
put_labels(StringInfo out, const EgMetricInput *in)
{
	int			k;

	if (in->labels == NULL || in->nclasses < 1)
		return;
	appendStringInfoString(out, ", \"labels\": [");
	for (k = 0; k < in->nclasses; k++)
	{
		if (k > 0)
			appendStringInfoString(out, ", ");
		eg_metric_put_text(out, in->labels[k]);
	}
	appendStringInfoChar(out, ']');
}

/* Rows, not weights: confusion[truth][prediction]. */
static void
put_confusion(StringInfo out, const Size *confusion, int nclasses)
{
	int			t,
				p;

	appendStringInfoString(out, ", \"confusion_matrix\": [");
	for (t = 0; t < nclasses; t++)
	{
		appendStringInfoString(out, t > 0 ? ", [" : "[");
		for (p = 0; p < nclasses; p++)
			appendStringInfo(out, p > 0 ? ", %zu" : "%zu", confusion[(Size) t * nclasses + p]);
		appendStringInfoChar(out, ']');
	}
	appendStringInfoChar(out, ']');
}

/* Accuracy, precision, recall and F1 into four values from `first` on. */
static void
set_counts(EgMetricSet *set, EgMetricId first, const Counts *c)
{
	double	   *v = set->value + (int) first;

	v[0] = ratio(c->tp + c->tn, c->tp + c->tn + c->fp + c->fn);
	v[1] = ratio(c->tp, c->tp + c->fp);
	v[2] = ratio(c->tp, c->tp + c->fn);
	v[3] = ratio(2.0 * c->tp, 2.0 * c->tp + c->fp + c->fn);
}

void
eg_metrics_binary(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	const uint64 walked = EG_METRIC_BIT(EG_METRIC_AUC) |
		EG_METRIC_BIT(EG_METRIC_AVERAGE_PRECISION) |
		EG_METRIC_BIT(EG_METRIC_BEST_THRESHOLD) |
		EG_METRIC_BIT(EG_METRIC_BEST_ACCURACY) |
		EG_METRIC_BIT(EG_METRIC_BEST_PRECISION) |
		EG_METRIC_BIT(EG_METRIC_BEST_RECALL) |
		EG_METRIC_BIT(EG_METRIC_BEST_F1) |
		EG_METRIC_BIT(EG_METRIC_LIFT_TOP_DECILE);
	Size		confusion[4] = {0};
	double		cells[4] = {0};
	double		classes[2];
	Counts		counts;
	double		total;
	Size		i;

	for (i = 0; i < in->n; i++)
	{
		int			cell = 2 * (in->truth[i] == 1.0) + (in->score[i] >= 0.5);

		confusion[cell]++;
		cells[cell] += eg_metric_weight(in->weight, i);
	}
	counts.tn = cells[0];
	counts.fp = cells[1];
	counts.fn = cells[2];
	counts.tp = cells[3];
	classes[0] = counts.tn + counts.fp;
	classes[1] = counts.tp + counts.fn;
	total = classes[0] + classes[1];
	set_counts(set, EG_METRIC_ACCURACY, &counts);
	set->value[EG_METRIC_POSITIVE_RATE] = ratio(classes[1], total);
	set->value[EG_METRIC_LOG_LOSS_BASE] = entropy(classes, 2, total);
	CHECK_FOR_INTERRUPTS();
	if (set->want & EG_METRIC_BIT(EG_METRIC_LOG_LOSS))
		set->value[EG_METRIC_LOG_LOSS] = eg_log_loss(in->score, in->truth, in->weight, in->n);
	if (set->want & EG_METRIC_BIT(EG_METRIC_BRIER))
		set->value[EG_METRIC_BRIER] = eg_brier(in->score, in->truth, in->weight, in->n);
	if (set->want & walked)
	{
		Walk		walk = walk_scores(in->score, 1, in->truth, 1.0, in->weight, in->n);

		set->value[EG_METRIC_AUC] = walk.auc;
		set->value[EG_METRIC_AVERAGE_PRECISION] = walk.average_precision;
		set->value[EG_METRIC_BEST_THRESHOLD] = walk.best_threshold;
		set->value[EG_METRIC_LIFT_TOP_DECILE] = walk.lift;
		if (!isnan(walk.best_threshold))
			set_counts(set, EG_METRIC_BEST_ACCURACY, &walk.best);
	}
	if (details)
	{
		put_confusion(details, confusion, 2);
		put_labels(details, in);
	}
}

/* ----------
 * Many classes
 * ----------
 */

typedef struct ClassSums
{
	int			nclasses;
	double	   *truth;			/* (nclasses) weight of rows of the class */
	double	   *predicted;		/* predicted as the class */
	double	   *both;			/* and both */
	double	   *auc;			/* against the rest; NaN if undefined */
	Size	   *confusion;		/* (nclasses, nclasses) or NULL */
	double		total;
	double		log_loss;		/* sum, not mean */
} ClassSums;

static int
likeliest(const double *p, int nclasses)
{
	int			best = 0;
	int			k;

	for (k = 1; k < nclasses; k++)
	{
		if (p[k] > p[best])
			best = k;
	}
	return best;
}

static void
sum_classes(const EgMetricInput *in, ClassSums *sums, bool want_log_loss)
{
	int			nclasses = sums->nclasses;
	Size		i;

	for (i = 0; i < in->n; i++)
	{
		const double *p = in->score + i * nclasses;
		int			t = (int) in->truth[i];
		int			predicted = likeliest(p, nclasses);
		double		w = eg_metric_weight(in->weight, i);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		sums->total += w;
		sums->truth[t] += w;
		sums->predicted[predicted] += w;
		if (t == predicted)
			sums->both[t] += w;
		if (sums->confusion)
			sums->confusion[(Size) t * nclasses + predicted]++;
		if (want_log_loss)
		{
			double		whole = 0.0;
			int			k;

			for (k = 0; k < nclasses; k++)
				whole += clip(p[k]);
			sums->log_loss -= w * log(clip(p[t]) / whole);
		}
	}
}

static double
f1_of(const ClassSums *sums, int k)
{
	return ratio(2.0 * sums->both[k], sums->truth[k] + sums->predicted[k]);
}

/*
 * Means over the classes seen in truth or prediction.  A class of which
 * nothing was predicted, or that no row has, counts 0, as in scikit-learn.
 */
static void
average_classes(const ClassSums *sums, EgMetricSet *set)
{
	double		means[6] = {0};
	double		auc = 0.0;
	double		correct = 0.0;
	int			nseen = 0;
	int			nauc = 0;
	int			k,
				m;

	for (k = 0; k < sums->nclasses; k++)
	{
		double		v[3];

		correct += sums->both[k];
		if (!isnan(sums->auc[k]))
		{
			auc += sums->auc[k];
			nauc++;
		}
		if (sums->truth[k] + sums->predicted[k] <= 0.0)
			continue;
		nseen++;
		v[0] = or_zero(ratio(sums->both[k], sums->predicted[k]));
		v[1] = or_zero(ratio(sums->both[k], sums->truth[k]));
		v[2] = or_zero(f1_of(sums, k));
		for (m = 0; m < 3; m++)
		{
			means[m] += v[m];
			means[3 + m] += v[m] * sums->truth[k];
		}
	}
	for (m = 0; m < 3; m++)
	{
		set->value[EG_METRIC_PRECISION_MACRO + m] = ratio(means[m], nseen);
		set->value[EG_METRIC_PRECISION_WEIGHTED + m] = ratio(means[3 + m], sums->total);
	}
	set->value[EG_METRIC_ACCURACY] = ratio(correct, sums->total);
	set->value[EG_METRIC_AUC] = ratio(auc, nauc);
	set->value[EG_METRIC_LOG_LOSS_BASE] = entropy(sums->truth, sums->nclasses, sums->total);
}

static void
put_class(StringInfo out, const EgMetricInput *in, const ClassSums *sums, int k)
{
	appendStringInfoString(out, k > 0 ? ", {\"class\": " : "{\"class\": ");
	if (in->labels)
		eg_metric_put_text(out, in->labels[k]);
	else
		appendStringInfo(out, "\"%d\"", k);
	appendStringInfoString(out, ", \"precision\": ");
	eg_metric_put_number(out, ratio(sums->both[k], sums->predicted[k]));
	appendStringInfoString(out, ", \"recall\": ");
	eg_metric_put_number(out, ratio(sums->both[k], sums->truth[k]));
	appendStringInfoString(out, ", \"f1\": ");
	eg_metric_put_number(out, f1_of(sums, k));
	appendStringInfoString(out, ", \"support\": ");
	eg_metric_put_number(out, sums->truth[k]);
	appendStringInfoString(out, ", \"auc\": ");
	eg_metric_put_number(out, sums->auc[k]);
	appendStringInfoChar(out, '}');
}

void
eg_metrics_multiclass(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	int			nclasses = in->nclasses;
	ClassSums	sums = {0};
	int			k;

	sums.nclasses = nclasses;
	sums.truth = palloc0(nclasses * sizeof(double));
	sums.predicted = palloc0(nclasses * sizeof(double));
	sums.both = palloc0(nclasses * sizeof(double));
	sums.auc = palloc(nclasses * sizeof(double));
	if (details && nclasses <= MAX_CONFUSION)
		sums.confusion = palloc0((Size) nclasses * nclasses * sizeof(Size));

	sum_classes(in, &sums, (set->want & EG_METRIC_BIT(EG_METRIC_LOG_LOSS)) != 0);
	for (k = 0; k < nclasses; k++)
	{
		sums.auc[k] = NAN;
		if (set->want & EG_METRIC_BIT(EG_METRIC_AUC))
			sums.auc[k] = walk_scores(in->score + k, nclasses, in->truth, k, in->weight,
									  in->n).auc;
	}
	average_classes(&sums, set);
	if (set->want & EG_METRIC_BIT(EG_METRIC_LOG_LOSS))
		set->value[EG_METRIC_LOG_LOSS] = ratio(sums.log_loss, sums.total);

	if (details == NULL)
		return;
	appendStringInfoString(details, ", \"per_class\": [");
	for (k = 0; k < nclasses; k++)
		put_class(details, in, &sums, k);
	appendStringInfoChar(details, ']');
	if (sums.confusion)
		put_confusion(details, sums.confusion, nclasses);
	else
		appendStringInfo(details, ", \"confusion_matrix\": null, \"confusion_matrix_note\": "
						 "\"left out: %d classes, at most %d are shown\"",
						 nclasses, MAX_CONFUSION);
	put_labels(details, in);
}
