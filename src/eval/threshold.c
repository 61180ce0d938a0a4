/*-------------------------------------------------------------------------
 *
 * threshold.c
 *	  Above which score to say yes: the goals that engage_threshold() knows.
 *
 * Every different score is tried, and a threshold above them all.  A goal is
 * the largest value of a metric, the best of one metric while another keeps a
 * bound, or the least cost (Elkan, "The Foundations of Cost-Sensitive
 * Learning", 2001).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "eval/curves.h"

static inline double
ratio(double part, double whole)
{
	return whole > 0.0 ? part / whole : NAN;
}

double
eg_counts_precision(const EgCounts *c)
{
	return ratio(c->tp, c->tp + c->fp);
}

double
eg_counts_recall(const EgCounts *c)
{
	return ratio(c->tp, c->tp + c->fn);
}

double
eg_counts_specificity(const EgCounts *c)
{
	return ratio(c->tn, c->tn + c->fp);
}

double
eg_counts_f1(const EgCounts *c)
{
	return ratio(2.0 * c->tp, 2.0 * c->tp + c->fp + c->fn);
}

double
eg_counts_accuracy(const EgCounts *c)
{
	return ratio(c->tp + c->tn, c->tp + c->fp + c->fn + c->tn);
}

/* Matthews' correlation; the root is taken in two steps, for products that are too large */
double
eg_counts_mcc(const EgCounts *c)
{
	double		columns = sqrt((c->tp + c->fp) * (c->tn + c->fn));
	double		rows = sqrt((c->tp + c->fn) * (c->tn + c->fp));

	if (!(columns > 0.0) || !(rows > 0.0))
		return NAN;
	return (c->tp * c->tn - c->fp * c->fn) / columns / rows;
}

/* Youden's J: recall + specificity - 1 */
double
eg_counts_youden(const EgCounts *c)
{
	return eg_counts_recall(c) + eg_counts_specificity(c) - 1.0;
}

typedef struct GoalMetric
{
	const char *name;
	double		(*measure) (const EgCounts *c);
	double		(*then) (const EgCounts *c);	/* NULL: cannot have a bound */
} GoalMetric;

static const GoalMetric goal_metrics[] = {
	{"f1", eg_counts_f1, NULL},
	{"accuracy", eg_counts_accuracy, NULL},
	{"mcc", eg_counts_mcc, NULL},
	{"youden", eg_counts_youden, NULL},
	{"recall", eg_counts_recall, eg_counts_precision},
	{"precision", eg_counts_precision, eg_counts_recall},
	{"specificity", eg_counts_specificity, eg_counts_recall}
};

static void pg_attribute_noreturn()
goal_error(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("goal \"%s\" is not known", text),
			 errhint("Goals are: f1, accuracy, mcc, youden, 'recall >= 0.8', 'precision >= 0.9', "
					 "'specificity >= 0.95', and costs such as '{\"fp\": 5, \"fn\": 120}'.")));
}

/* {"fp": 5, "fn": 120}; gains are negative costs. */
static void
parse_cost(const char *text, EgGoal *goal)
{
	Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	double	   *place = NULL;
	bool		any = false;

	if (!JB_ROOT_IS_OBJECT(json))
		goal_error(text);
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			const char *key = pnstrdup(v.val.string.val, v.val.string.len);

			place = strcmp(key, "tp") == 0 ? &goal->cost.tp :
				strcmp(key, "fp") == 0 ? &goal->cost.fp :
				strcmp(key, "fn") == 0 ? &goal->cost.fn :
				strcmp(key, "tn") == 0 ? &goal->cost.tn : NULL;
			if (place == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("cost of \"%s\" is not known", key),
						 errhint("Costs are of \"fp\", \"fn\", \"tp\" and \"tn\": false and true "
								 "positives and negatives.")));
		}
		else if (token == WJB_VALUE)
		{
			double		cost = NAN;

			if (v.type == jbvNumeric)
				cost = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
														  NumericGetDatum(v.val.numeric)));
			if (!(fabs(cost) <= 1e15))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("costs in goal %s must be numbers between -1e15 and 1e15", text)));
			*place = cost;
			any = true;
		}
	}
	if (!any)
		goal_error(text);
}

static const char *
skip_space(const char *p)
{
	while (isspace((unsigned char) *p))
		p++;
	return p;
}

EgGoal
eg_goal_parse(const char *text)
{
	EgGoal		goal = {0};
	const char *p = skip_space(text);
	const GoalMetric *metric = NULL;
	char	   *end;
	Size		len = 0;
	int			i;

	if (*p == '{')
	{
		goal.kind = EG_GOAL_COST;
		goal.metric = "cost";
		parse_cost(p, &goal);
		return goal;
	}
	while (isalnum((unsigned char) p[len]))
		len++;
	for (i = 0; i < lengthof(goal_metrics); i++)
	{
		if (strlen(goal_metrics[i].name) == len && strncmp(goal_metrics[i].name, p, len) == 0)
			metric = &goal_metrics[i];
	}
	if (metric == NULL)
		goal_error(text);
	goal.metric = metric->name;
	goal.measure = metric->measure;
	p = skip_space(p + len);
	if (*p == '\0' && metric->then == NULL)
	{
		goal.kind = EG_GOAL_LARGEST;
		return goal;
	}
	if (*p == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("goal \"%s\" needs a bound", text),
				 errdetail("Alone it is reached by saying yes or no to everybody."),
				 errhint("For example '%s >= 0.8'.", metric->name)));
	if (strncmp(p, ">=", 2) != 0 || metric->then == NULL)
		goal_error(text);
	goal.kind = EG_GOAL_AT_LEAST;
	goal.then = metric->then;
	p = skip_space(p + 2);
	goal.bound = strtod(p, &end);
	if (end == p || *skip_space(end) != '\0')
		goal_error(text);
	if (!(goal.bound >= 0.0 && goal.bound <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the bound of goal \"%s\" must be between 0 and 1, not %g", text,
						goal.bound)));
	return goal;
}

static double
cost_of(const EgGoal *goal, const EgCounts *c)
{
	return c->tp * goal->cost.tp + c->fp * goal->cost.fp + c->fn * goal->cost.fn +
		c->tn * goal->cost.tn;
}

/* Is a better than b?  NaN is worse than anything. */
static inline bool
better(double a, double b)
{
	return !isnan(a) && (isnan(b) || a > b);
}

bool
eg_threshold_find(const EgGoal *goal, const EgCurvePoint *points, Size npoints, double positives,
				  double negatives, EgThreshold *t)
{
	double		best = NAN;		/* of what is maximised */
	double		reached = NAN;	/* AT_LEAST: the best of the bounded metric */
	bool		found = false;
	Size		i;

	for (i = 0; i <= npoints; i++)
	{
		EgCounts	c;
		double		value;
		double		merit;

		if ((i & 0xfffff) == 0)
			CHECK_FOR_INTERRUPTS();
		c.tp = i > 0 ? points[i - 1].tp : 0.0;
		c.fp = i > 0 ? points[i - 1].fp : 0.0;
		c.fn = Max(positives - c.tp, 0.0);
		c.tn = Max(negatives - c.fp, 0.0);
		merit = value = goal->kind == EG_GOAL_COST ? cost_of(goal, &c) : goal->measure(&c);
		if (goal->kind == EG_GOAL_COST)
			merit = -value;
		if (goal->kind == EG_GOAL_AT_LEAST)
		{
			if (better(value, reached))
				reached = value;
			if (!(value >= goal->bound))
				continue;
			merit = goal->then(&c);
		}
		if (found ? !better(merit, best) : isnan(merit))
			continue;
		found = true;
		best = merit;
		t->threshold = i > 0 ? points[i - 1].threshold : INFINITY;
		t->counts = c;
		t->value = value;
	}
	if (!found)
		t->value = reached;
	return found;
}
