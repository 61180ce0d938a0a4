/*-------------------------------------------------------------------------
 *
 * plot_curves.c
 *	  ROC curve and precision-recall curve, of one model or several.
 *
 * Rows are those of engage_roc() and engage_pr_curve(): thresholds from the highest
 * down.  The area under a ROC curve is that of its trapezoids, which is the AUC with
 * equal scores counted half.  Average precision is the sum of precision times step in
 * recall, as in scikit-learn; engage_pr_curve() has every point that it needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

enum
{
	CURVE_X, CURVE_Y, CURVE_SERIES
};

enum
{
	ROC_AUC
};

enum
{
	PR_AVERAGE_PRECISION, PR_BASE_RATE
};

static const EgPlotColumn roc_columns[] = {
	{"fpr", EG_CELL_NUMBER, true},
	{"tpr", EG_CELL_NUMBER, true},
	{"series", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact roc_facts[] = {
	{"auc", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotColumn pr_columns[] = {
	{"recall", EG_CELL_NUMBER, true},
	{"precision", EG_CELL_NUMBER, true},
	{"series", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact pr_facts[] = {
	{"average_precision", EG_CELL_NUMBER},
	{"base_rate", EG_CELL_NUMBER},
	{NULL}
};

/* Points of group k in the order of the rows, and room for two more. */
static EgPixel *
group_points(const EgPlotData *d, const EgGroups *g, int k)
{
	EgPixel    *p = palloc((g->count[k] + 2) * sizeof(EgPixel));

	for (int i = 0; i < g->count[k]; i++)
	{
		int			row = g->order[g->start[k] + i];

		p[i].x = d->number[CURVE_X][row];
		p[i].y = d->number[CURVE_Y][row];
	}
	return p;
}

static int
compare_x(const void *a, const void *b)
{
	const EgPixel *p = a;
	const EgPixel *q = b;

	return p->x < q->x ? -1 : p->x > q->x ? 1 : p->y < q->y ? -1 : p->y > q->y;
}

/* Every ROC curve begins at nobody and ends at everybody, whatever the rows hold. */
static int
add_ends(EgPixel *p, int n)
{
	if (p[n - 1].x < 1 || p[n - 1].y < 1)
	{
		p[n].x = 1;
		p[n++].y = 1;
	}
	if (p[0].x > 0 || p[0].y > 0)
	{
		memmove(p + 1, p, n * sizeof(EgPixel));
		p[0].x = p[0].y = 0;
		n++;
	}
	return n;
}

/* Area under the points; y of a step: the mean of its ends, or its right end. */
static double
area(const EgPixel *p, int n, bool trapezoids)
{
	double		sum = 0;

	for (int i = 1; i < n; i++)
		sum += (p[i].x - p[i - 1].x) * (trapezoids ? (p[i].y + p[i - 1].y) / 2 : p[i].y);
	return sum;
}

/* y of the curve at x, between two points on the straight line. */
static double
curve_at(const EgPixel *p, int n, double x)
{
	for (int i = 1; i < n; i++)
	{
		if (p[i].x >= x && p[i].x > p[i - 1].x)
			return p[i - 1].y + (x - p[i - 1].x) / (p[i].x - p[i - 1].x) * (p[i].y - p[i - 1].y);
	}
	return n > 0 ? p[n - 1].y : NAN;
}

/* Legend entry of a curve: its name and what is measured under it. */
static const char *
curve_name(const EgGroups *g, int k, const char *alone, const char *measure, double value)
{
	return psprintf("%s (%s %.3f)", g->name[k] ? g->name[k] : alone, measure, value);
}

static void
draw_curves(EgChart *c, const EgGroups *g, EgPixel **p, EgScale *x, EgScale *y)
{
	/* the first is drawn last, on top */
	for (int k = g->n - 1; k >= 0; k--)
	{
		for (int i = 0; i < g->count[k]; i++)
		{
			p[k][i].x = eg_scale_at(x, p[k][i].x);
			p[k][i].y = eg_scale_at(y, p[k][i].y);
		}
		eg_svg_polyline(&c->svg, p[k], g->count[k], eg_ink_series(k), 2,
						k < EG_NSERIES ? EG_SOLID : EG_DASHED);
	}
}

static void
roc_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_chart_series(c, CURVE_SERIES);
	EgPixel   **p = palloc(g->n * sizeof(EgPixel *));
	EgFormat	format = eg_chart_format(c, EG_FORMAT_PERCENT);
	EgScale		x = eg_scale_numbers(0, 1, format, EG_SCALE_EXACT);
	EgScale		y = x;
	int			k;

	for (k = 0; k < g->n; k++)
	{
		double		auc;

		p[k] = group_points(d, g, k);
		qsort(p[k], g->count[k], sizeof(EgPixel), compare_x);
		g->count[k] = add_ends(p[k], g->count[k]);
		auc = g->n == 1 && !isnan(d->fact_number[ROC_AUC]) ? d->fact_number[ROC_AUC] :
			area(p[k], g->count[k], true);
		eg_chart_legend(c, EG_MARK_LINE, eg_ink_series(k), curve_name(g, k, "model", "AUC", auc));
		eg_chart_say(c, "ROC curve of %s: area %.3f; a false positive rate of 10 %% goes with a "
					 "true positive rate of %.0f %%.", g->name[k] ? g->name[k] : "the model", auc,
					 100 * curve_at(p[k], g->count[k], 0.1));
	}
	eg_chart_legend(c, EG_MARK_DASHED, EG_INK_AXIS, "chance (AUC 0.500)");
	eg_chart_frame(c, 440, EG_LEAST_PANEL);
	(void) eg_panel(c, c->inner, &x, &y,
					eg_x_label(c, "False positive rate: share of the others taken for it"),
					eg_y_label(c, "True positive rate: share that is found"),
					EG_GRID_X | EG_GRID_Y);
	eg_svg_line(&c->svg, eg_scale_at(&x, 0), eg_scale_at(&y, 0), eg_scale_at(&x, 1),
				eg_scale_at(&y, 1), EG_INK_AXIS, 1.5, EG_DASHED);
	draw_curves(c, g, p, &x, &y);
}

/* Where everybody is called positive, precision is the share of positives. */
static double
base_rate(const EgPlotData *d, const EgPixel *p, int n)
{
	if (!isnan(d->fact_number[PR_BASE_RATE]))
		return d->fact_number[PR_BASE_RATE];
	return n > 0 && p[n - 1].x > 1 - 1e-9 ? p[n - 1].y : NAN;
}

static int
compare_recall(const void *a, const void *b)
{
	const EgPixel *p = a;
	const EgPixel *q = b;

	/* thresholds go down: at equal recall precision falls */
	return p->x < q->x ? -1 : p->x > q->x ? 1 : p->y > q->y ? -1 : p->y < q->y;
}

static void
pr_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_chart_series(c, CURVE_SERIES);
	EgPixel   **p = palloc(g->n * sizeof(EgPixel *));
	EgFormat	format = eg_chart_format(c, EG_FORMAT_PERCENT);
	EgScale		x = eg_scale_numbers(0, 1, format, EG_SCALE_EXACT);
	EgScale		y = x;
	double		rate = NAN;
	int			k;

	for (k = 0; k < g->n; k++)
	{
		double		average;

		p[k] = group_points(d, g, k);
		qsort(p[k], g->count[k], sizeof(EgPixel), compare_recall);
		if (k == 0)
			rate = base_rate(d, p[k], g->count[k]);
		average = g->n == 1 && !isnan(d->fact_number[PR_AVERAGE_PRECISION]) ?
			d->fact_number[PR_AVERAGE_PRECISION] : area(p[k], g->count[k], false);
		eg_chart_legend(c, EG_MARK_LINE, eg_ink_series(k),
						curve_name(g, k, "model", "average precision", average));
		eg_chart_say(c, "Precision and recall of %s: average precision %.3f; half of all are found "
					 "with a precision of %.0f %%.", g->name[k] ? g->name[k] : "the model", average,
					 100 * curve_at(p[k], g->count[k], 0.5));
	}
	if (!isnan(rate))
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_AXIS,
						psprintf("share of all rows (%s)",
								 eg_format_value(rate, EG_FORMAT_PERCENT)));
	eg_chart_frame(c, 440, EG_LEAST_PANEL);
	(void) eg_panel(c, c->inner, &x, &y, eg_x_label(c, "Recall: share that is found"),
					eg_y_label(c, "Precision: share of those pointed at that is right"),
					EG_GRID_X | EG_GRID_Y);
	if (!isnan(rate))
		eg_svg_line(&c->svg, x.from, eg_scale_at(&y, rate), x.to, eg_scale_at(&y, rate),
					EG_INK_AXIS, 1.5, EG_DASHED);
	draw_curves(c, g, p, &x, &y);
}

const EgPlotKind eg_plot_roc = {
	.name = "roc",
	.title = "ROC curve",
	.columns = roc_columns,
	.facts = roc_facts,
	.draw = roc_draw,
};

const EgPlotKind eg_plot_pr = {
	.name = "pr",
	.title = "Precision and recall",
	.columns = pr_columns,
	.facts = pr_facts,
	.draw = pr_draw,
};
