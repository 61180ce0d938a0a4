/*-------------------------------------------------------------------------
 *
 * plot_history.c
 *	  What happened on the way: the metric of each round of a training, the score
 *	  of each trial of a search.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/points.h"

#define MANY_TRIALS		500		/* more are dots without words */

enum
{
	LC_ROUND, LC_VALUE, LC_SERIES
};

enum
{
	LC_METRIC, LC_BEST
};

enum
{
	TN_TRIAL, TN_MEAN, TN_LOSS, TN_STATE, TN_ALGORITHM, TN_DEVIATION
};

enum
{
	TN_METRIC, TN_LARGER
};

static const EgPlotColumn learning_columns[] = {
	{"round", EG_CELL_NUMBER, true},
	{"value", EG_CELL_NUMBER, true},
	{"series", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact learning_facts[] = {
	{"metric", EG_CELL_TEXT},
	{"best_round", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotColumn tuning_columns[] = {
	{"trial", EG_CELL_NUMBER, true},
	{"mean", EG_CELL_NUMBER, true},
	{"loss", EG_CELL_NUMBER},
	{"state", EG_CELL_TEXT},
	{"algorithm", EG_CELL_TEXT},
	{"deviation", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact tuning_facts[] = {
	{"metric", EG_CELL_TEXT},
	{"larger_is_better", EG_CELL_TEXT},
	{NULL}
};

/* The row of a series at a round, or -1. */
static int
row_at(const EgPlotData *d, const EgGroups *g, int k, double round)
{
	for (int i = 0; i < g->count[k]; i++)
	{
		int			row = g->order[g->start[k] + i];

		if (d->number[LC_ROUND][row] == round)
			return row;
	}
	return -1;
}

static void
learning_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_chart_series(c, LC_SERIES);
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	const char *metric = d->fact_text[LC_METRIC] ? d->fact_text[LC_METRIC] : "metric";
	double		best = d->fact_number[LC_BEST];
	double		lo,
				hi;
	EgScale		x,
				y;
	EgBox		in;
	int			k;

	eg_extent(d->number[LC_ROUND], d->nrows, &lo, &hi);
	x = eg_scale_numbers(lo, hi, EG_FORMAT_COUNT, EG_SCALE_EXACT | EG_SCALE_WHOLE);
	eg_extent(d->number[LC_VALUE], d->nrows, &lo, &hi);
	y = eg_scale_numbers(lo, hi, eg_chart_format(c, EG_FORMAT_NUMBER), 0);
	for (k = 0; k < g->n; k++)
	{
		const char *name = g->name[k] ? g->name[k] : "training";
		int			last = g->order[g->start[k + 1] - 1];

		eg_chart_legend(c, EG_MARK_LINE, eg_ink_series(k), name);
		eg_chart_say(c, "%s of %s rows: %s in round %s.", metric, name,
					 eg_format_value(d->number[LC_VALUE][last], EG_FORMAT_NUMBER),
					 eg_format_value(d->number[LC_ROUND][last], EG_FORMAT_COUNT));
	}
	if (!isnan(best))
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_TEXT,
						psprintf("best round: %s", eg_format_value(best, EG_FORMAT_COUNT)));
	eg_chart_frame(c, 340, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, "Round"), eg_y_label(c, metric), EG_GRID_Y);
	if (best >= x.lo && best <= x.hi)
		eg_svg_line(&c->svg, eg_scale_at(&x, best), in.top, eg_scale_at(&x, best), in.bottom,
					EG_INK_TEXT, 1.5, EG_DASHED);
	for (k = g->n - 1; k >= 0; k--)
	{
		int n = eg_points_line(d, g, k, d->number[LC_ROUND], d->number[LC_VALUE], &x, &y, p);
		int			row = row_at(d, g, k, best);

		eg_svg_polyline(&c->svg, p, n, eg_ink_series(k), 2, EG_SOLID);
		if (row >= 0)
			eg_svg_circle(&c->svg, eg_scale_at(&x, best), eg_scale_at(&y, d->number[LC_VALUE][row]),
						  4, eg_ink_series(k), eg_format_value(d->number[LC_VALUE][row], y.format));
	}
}

/* ----------
 * Tuning
 * ----------
 */

/* "failed" trials have no mean and are not here */
static bool
is_complete(const EgPlotData *d, int row)
{
	return d->text[TN_STATE][row] == NULL || strcmp(d->text[TN_STATE][row], "complete") == 0;
}

/*
 * Is a better than b?  By the loss that the search made small, where the rows have
 * it; else by the mean, in the direction that was said.
 */
static bool
is_better(const EgPlotData *d, int a, int b)
{
	const char *larger = d->fact_text[TN_LARGER];

	if (d->given[TN_LOSS])
		return d->number[TN_LOSS][a] < d->number[TN_LOSS][b];
	return larger && strcmp(larger, "true") == 0 ? d->number[TN_MEAN][a] > d->number[TN_MEAN][b] :
		d->number[TN_MEAN][a] < d->number[TN_MEAN][b];
}

static int
compare_places(const void *a, const void *b)
{
	const EgPixel *p = a;
	const EgPixel *q = b;

	return p->x < q->x ? -1 : p->x > q->x ? 1 : p->y < q->y ? -1 : p->y > q->y;
}

/* Rows by trial. */
static int *
by_trial(const EgPlotData *d)
{
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	int		   *rows = palloc(d->nrows * sizeof(int));
	int			i;

	for (i = 0; i < d->nrows; i++)
	{
		p[i].x = d->number[TN_TRIAL][i];
		p[i].y = i;
	}
	qsort(p, d->nrows, sizeof(EgPixel), compare_places);
	for (i = 0; i < d->nrows; i++)
		rows[i] = (int) p[i].y;
	pfree(p);
	return rows;
}

/* The best so far, as stairs.  Returns the row of the best of all, or -1. */
static int
draw_best(EgChart *c, const EgPlotData *d, const int *rows, const EgScale *x, const EgScale *y)
{
	EgPixel    *p = palloc((2 * d->nrows + 1) * sizeof(EgPixel));
	int			best = -1;
	int			n = 0;

	for (int i = 0; i < d->nrows; i++)
	{
		int			row = rows[i];
		double		at = eg_scale_at(x, d->number[TN_TRIAL][row]);

		if (!is_complete(d, row) || (best >= 0 && !is_better(d, row, best)))
			continue;
		if (n > 0)
		{
			p[n].x = at;
			p[n].y = p[n - 1].y;
			n++;
		}
		p[n].x = at;
		p[n++].y = eg_scale_at(y, d->number[TN_MEAN][row]);
		best = row;
	}
	if (n > 0)
	{
		p[n].x = x->to;
		p[n].y = p[n - 1].y;
		eg_svg_polyline(&c->svg, p, n + 1, EG_INK_TEXT, 1.5, EG_SOLID);
	}
	return best;
}

/*
 * Ends of y: the complete trials, and of the others those that are not far off, lest they
 * press all flat.
 */
static EgScale
score_scale(EgChart *c, const EgPlotData *d, EgFormat format)
{
	double		lo = NAN,
				hi = NAN,
				least,
				most;
	int			i;

	for (i = 0; i < d->nrows; i++)
	{
		double		v = d->number[TN_MEAN][i];

		if (!is_complete(d, i))
			continue;
		lo = isnan(lo) ? v : Min(lo, v);
		hi = isnan(hi) ? v : Max(hi, v);
	}
	if (isnan(lo))
		eg_extent(d->number[TN_MEAN], d->nrows, &lo, &hi);
	least = lo - (hi - lo);
	most = hi + (hi - lo);
	for (i = 0; i < d->nrows; i++)
	{
		lo = Min(lo, Max(d->number[TN_MEAN][i], least));
		hi = Max(hi, Min(d->number[TN_MEAN][i], most));
	}
	return eg_scale_numbers(lo, hi, format, 0);
}

static void
tuning_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_plot_groups(d, TN_ALGORITHM);
	const char *metric = d->fact_text[TN_METRIC] ? d->fact_text[TN_METRIC] : "score";
	int		   *rows = by_trial(d);
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	EgInk	   *ink = palloc(d->nrows * sizeof(EgInk));
	double		lo,
				hi;
	EgScale		x,
				y;
	EgBox		in;
	bool		pruned = false;
	int			best,
				k,
				i;

	eg_extent(d->number[TN_TRIAL], d->nrows, &lo, &hi);
	x = eg_scale_numbers(lo, hi, EG_FORMAT_COUNT, EG_SCALE_EXACT | EG_SCALE_WHOLE);
	y = score_scale(c, d, eg_chart_format(c, EG_FORMAT_NUMBER));
	for (i = 0; i < d->nrows; i++)
		pruned = pruned || !is_complete(d, i);
	for (k = 0; k < g->n; k++)
		eg_chart_legend(c, EG_MARK_DOT, eg_ink_series(k), g->name[k] ? g->name[k] : "trial");
	if (pruned)
		eg_chart_legend(c, EG_MARK_RING, EG_INK_AXIS, "given up after some folds");
	eg_chart_legend(c, EG_MARK_LINE, EG_INK_TEXT, "best so far");
	eg_chart_frame(c, 360, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, "Trial"),
				  eg_y_label(c, psprintf("%s, mean of the folds", metric)), EG_GRID_Y);
	best = draw_best(c, d, rows, &x, &y);
	for (i = 0; i < d->nrows && d->nrows > MANY_TRIALS; i++)
	{
		p[i].x = eg_scale_at(&x, d->number[TN_TRIAL][i]);
		p[i].y = Min(Max(eg_scale_at(&y, d->number[TN_MEAN][i]), in.top), in.bottom);
		ink[i] = is_complete(d, i) ? eg_ink_series(g->of_row[i]) : EG_INK_AXIS;
	}
	if (d->nrows > MANY_TRIALS)
		eg_points_dots(c, p, d->nrows, ink, in, 2);
	for (i = 0; i < d->nrows && d->nrows <= MANY_TRIALS; i++)
	{
		int			row = rows[i];
		double		at = Min(Max(eg_scale_at(&y, d->number[TN_MEAN][row]), in.top), in.bottom);
		EgInk		ink = eg_ink_series(g->of_row[row]);
		const char *title = psprintf("trial %.0f: %s", d->number[TN_TRIAL][row],
									 eg_format_value(d->number[TN_MEAN][row], y.format));

		if (is_complete(d, row))
			eg_svg_circle(&c->svg, eg_scale_at(&x, d->number[TN_TRIAL][row]), at, 3.5, ink, title);
		else
			eg_svg_ring(&c->svg, eg_scale_at(&x, d->number[TN_TRIAL][row]), at, 3, ink, title);
	}
	eg_chart_say(c, "%d trials.", d->nrows);
	if (best >= 0)
		eg_chart_say(c, "The best is trial %.0f with a mean %s of %s.", d->number[TN_TRIAL][best],
					 metric, eg_format_value(d->number[TN_MEAN][best], EG_FORMAT_NUMBER));
}

const EgPlotKind eg_plot_learning = {
	.name = "learning",
	.title = "Learning curve",
	.columns = learning_columns,
	.facts = learning_facts,
	.draw = learning_draw,
};

const EgPlotKind eg_plot_tuning = {
	.name = "tuning",
	.title = "Search for parameters",
	.columns = tuning_columns,
	.facts = tuning_facts,
	.draw = tuning_draw,
};
