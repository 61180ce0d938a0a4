/*-------------------------------------------------------------------------
 *
 * api_evaluate_curves.c
 *	  engage_roc(), engage_pr_curve(), engage_calibration(), engage_lift(),
 *	  engage_threshold(): a model of classes on a source, as rows to plot or
 *	  to decide by.
 *
 * Of a model of many classes one is looked at against the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "base/compat.h"
#include "eval/curves.h"

PG_FUNCTION_INFO_V1(engage_roc);
PG_FUNCTION_INFO_V1(engage_pr_curve);
PG_FUNCTION_INFO_V1(engage_calibration);
PG_FUNCTION_INFO_V1(engage_lift);
PG_FUNCTION_INFO_V1(engage_threshold);

#define DECILES		10
#define MAX_BINS	1000

int
eg_class_argument(const EgScored *s, const char *name, const char *function)
{
	int			k;

	eg_require_classes(s, false, function);
	if (name == NULL && eg_task_two_classes(s->task))
		return 1;
	for (k = 0; name && k < s->nclasses; k++)
	{
		const char *label = k < s->nlabels ? s->labels[k] : psprintf("%d", k);

		if (strcmp(label, name) == 0)
			return k;
	}
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has %d classes, and %s looks at one", s->model, s->nclasses,
						function),
				 errhint("Name it with class => '...'.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("class \"%s\" is none of model \"%s\"", name, s->model)));
}

const double *
eg_class_scores(const EgScored *s, int k, Size *stride)
{
	double	   *other;
	Size		i;

	*stride = s->width;
	if (!eg_task_two_classes(s->task))
		return s->score + k;
	if (k == 1)
		return s->score;
	other = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(s->n, 1));
	for (i = 0; i < s->n; i++)
		other[i] = 1.0 - s->score[i];
	return other;
}

/* Points of the class in argument `place`, and the weight of its rows and of the others. */
static EgCurvePoint *
points_argument(FunctionCallInfo fcinfo, const EgScored *s, int place, const char *function,
				Size *npoints, double *positives, double *negatives)
{
	int			k = eg_class_argument(s, eg_arg_text(fcinfo, place), function);
	Size		stride;
	const double *score = eg_class_scores(s, k, &stride);
	EgTwoClasses    *c = eg_curve_of_rows(score, stride, s->truth, k, s->weight, s->n);
	EgCurvePoint *points = eg_curve_points(c, npoints);

	*positives = *npoints > 0 ? points[*npoints - 1].tp : 0.0;
	*negatives = *npoints > 0 ? points[*npoints - 1].fp : 0.0;
	return points;
}

/* A row of numbers; NaN is NULL. */
static void
put_numbers(Tuplestorestate *store, TupleDesc desc, const double *v, int n)
{
	Datum		values[8];
	bool		nulls[8];
	int			i;

	for (i = 0; i < n; i++)
	{
		nulls[i] = isnan(v[i]);
		values[i] = Float8GetDatum(v[i]);
	}
	tuplestore_putvalues(store, desc, values, nulls);
}

/*
 * engage_roc(model, source, target, weight, class): threshold, fpr, tpr from
 * the highest threshold down, where the curve bends.
 */
Datum
engage_roc(PG_FUNCTION_ARGS)
{
	EgScored   *s = eg_scored_argument(fcinfo, 2, 3);
	Size		n,
				i;
	double		positives,
				negatives;
	EgCurvePoint *points = points_argument(fcinfo, s, 4, "engage_roc()", &n, &positives,
										   &negatives);
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	double		row[3] = {INFINITY, 0.0, 0.0};

	n = eg_roc_bends(points, n);
	row[1] = negatives > 0.0 ? 0.0 : NAN;
	row[2] = positives > 0.0 ? 0.0 : NAN;
	put_numbers(store, desc, row, 3);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		row[0] = points[i].threshold;
		row[1] = points[i].fp / negatives;
		row[2] = points[i].tp / positives;
		put_numbers(store, desc, row, 3);
	}
	return (Datum) 0;
}

/*
 * engage_pr_curve(model, source, target, weight, class): threshold, precision,
 * recall from the highest threshold down, one row for each different score.
 */
Datum
engage_pr_curve(PG_FUNCTION_ARGS)
{
	EgScored   *s = eg_scored_argument(fcinfo, 2, 3);
	Size		n,
				i;
	double		positives,
				negatives;
	EgCurvePoint *points = points_argument(fcinfo, s, 4, "engage_pr_curve()", &n, &positives,
										   &negatives);
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	double		row[3] = {INFINITY, 1.0, 0.0};

	row[2] = positives > 0.0 ? 0.0 : NAN;
	put_numbers(store, desc, row, 3);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		row[0] = points[i].threshold;
		row[1] = points[i].tp / (points[i].tp + points[i].fp);
		row[2] = points[i].tp / positives;
		put_numbers(store, desc, row, 3);
	}
	return (Datum) 0;
}

/*
 * engage_calibration(model, source, bins, target, weight, class): bin,
 * mean_predicted, observed_rate, count of the bins that have rows.
 */
Datum
engage_calibration(PG_FUNCTION_ARGS)
{
	int			nbins = PG_ARGISNULL(2) ? DECILES : PG_GETARG_INT32(2);
	EgScored   *s;
	EgBin	   *bins;
	int64	   *rows;
	const double *score;
	Size		stride,
				i;
	TupleDesc	desc;
	Tuplestorestate *store;
	int			k,
				b;

	if (nbins < 1 || nbins > MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of bins must be between 1 and %d, not %d", MAX_BINS, nbins)));
	s = eg_scored_argument(fcinfo, 3, 4);
	k = eg_class_argument(s, eg_arg_text(fcinfo, 5), "engage_calibration()");
	score = eg_class_scores(s, k, &stride);
	bins = palloc0(sizeof(EgBin) * nbins);
	rows = palloc0(sizeof(int64) * nbins);
	for (i = 0; i < s->n; i++)
	{
		double		w = s->weight ? s->weight[i] : 1.0;

		b = eg_bin_of(score[i * stride], nbins);
		rows[b]++;
		bins[b].weight += w;
		bins[b].score += w * score[i * stride];
		bins[b].truth += s->truth[i] == k ? w : 0.0;
	}
	store = eg_result_rows(fcinfo, &desc);
	for (b = 0; b < nbins; b++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		if (!(bins[b].weight > 0.0))
			continue;
		values[0] = Int32GetDatum(b + 1);
		values[1] = Float8GetDatum(bins[b].score / bins[b].weight);
		values[2] = Float8GetDatum(bins[b].truth / bins[b].weight);
		values[3] = Int64GetDatum(rows[b]);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * engage_lift(model, source, target, weight, class): decile, rows, positives,
 * rate, lift, cumulative_gain, lowest_score; the first decile has the best scores.
 */
Datum
engage_lift(PG_FUNCTION_ARGS)
{
	EgScored   *s = eg_scored_argument(fcinfo, 2, 3);
	Size		n;
	double		positives,
				negatives;
	EgCurvePoint *points = points_argument(fcinfo, s, 4, "engage_lift()", &n, &positives,
										   &negatives);
	EgSlice		slices[DECILES];
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	double		base = positives / (positives + negatives);
	double		gained = 0.0;
	int			i;

	eg_lift(points, n, DECILES, slices);
	for (i = 0; n > 0 && i < DECILES; i++)
	{
		double		rate = slices[i].positives / slices[i].weight;
		double		numbers[6];
		Datum		values[7];
		bool		nulls[7] = {false};
		int			j;

		gained += slices[i].positives;
		numbers[0] = slices[i].weight;
		numbers[1] = slices[i].positives;
		numbers[2] = rate;
		numbers[3] = positives > 0.0 ? rate / base : NAN;
		numbers[4] = positives > 0.0 ? gained / positives : NAN;
		numbers[5] = slices[i].lowest;
		values[0] = Int32GetDatum(i + 1);
		for (j = 0; j < 6; j++)
		{
			values[j + 1] = Float8GetDatum(numbers[j]);
			nulls[j + 1] = isnan(numbers[j]);
		}
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

static void pg_attribute_noreturn()
unreached(const EgGoal *goal, const char *text, const EgThreshold *t, const EgScored *s)
{
	if (isnan(t->value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("goal \"%s\" is undefined: the rows have one class only", text)));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("no threshold of model \"%s\" reaches the goal \"%s\"", s->model, text),
			 errdetail("The largest %s that a threshold has is %.6g.", goal->metric, t->value)));
}

/*
 * engage_threshold(model, source, goal, target, weight): the threshold, the
 * goal's value there, precision, recall, f1, accuracy and the four counts.
 */
Datum
engage_threshold(PG_FUNCTION_ARGS)
{
	char	   *text = eg_arg_text(fcinfo, 2);
	EgGoal		goal = eg_goal_parse(text ? text : "f1");
	EgScored   *s = eg_scored_argument(fcinfo, 3, 4);
	EgThreshold t = {0};
	EgCurvePoint *points;
	Size		n;
	double		positives,
				negatives;
	TupleDesc	desc;
	double		numbers[10];
	Datum		values[10];
	bool		nulls[10];
	int			i;

	eg_require_classes(s, true, "engage_threshold()");
	points = points_argument(fcinfo, s, -1, "engage_threshold()", &n, &positives, &negatives);
	if (!eg_threshold_find(&goal, points, n, positives, negatives, &t))
		unreached(&goal, text ? text : "f1", &t, s);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	numbers[0] = t.threshold;
	numbers[1] = t.value;
	numbers[2] = eg_counts_precision(&t.counts);
	numbers[3] = eg_counts_recall(&t.counts);
	numbers[4] = eg_counts_f1(&t.counts);
	numbers[5] = eg_counts_accuracy(&t.counts);
	numbers[6] = t.counts.tp;
	numbers[7] = t.counts.fp;
	numbers[8] = t.counts.fn;
	numbers[9] = t.counts.tn;
	for (i = 0; i < lengthof(numbers); i++)
	{
		values[i] = Float8GetDatum(numbers[i]);
		nulls[i] = isnan(numbers[i]);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
