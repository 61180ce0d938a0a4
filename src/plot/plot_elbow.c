/*-------------------------------------------------------------------------
 *
 * plot_elbow.c
 *	  What each number of clusters was worth.
 *
 * Rows are those of engage_cluster_curve().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/points.h"

#define MANY_POINTS		100		/* of a curve: more have no dots */

enum
{
	EL_K, EL_VALUE, EL_OTHER
};

enum
{
	EL_CRITERION, EL_OTHER_NAME, EL_CHOSEN
};

static const EgPlotColumn elbow_columns[] = {
	{"k", EG_CELL_NUMBER, true},
	{"value", EG_CELL_NUMBER},
	{"other", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact elbow_facts[] = {
	{"criterion", EG_CELL_TEXT},
	{"other", EG_CELL_TEXT},
	{"chosen", EG_CELL_NUMBER},
	{NULL}
};

/* What the names in a curve mean to a reader. */
static const char *
measure_words(const char *name, const char *otherwise)
{
	static const char *const words[][2] = {
		{"silhouette", "Mean silhouette width (larger is better)"},
		{"gap", "Gap statistic (the first that the next does not beat)"},
		{"bic", "BIC (smaller is better)"},
		{"inertia", "Inertia: squared distances to the centers"},
		{"log_likelihood", "Log-likelihood"}
	};

	for (int i = 0; name && i < lengthof(words); i++)
	{
		if (strcmp(words[i][0], name) == 0)
			return words[i][1];
	}
	return name ? name : otherwise;
}

static void
draw_curve(EgChart *c, const EgPlotData *d, EgBox box, int column, EgScale *x, const char *label,
		   EgInk ink, bool foot)
{
	double		chosen = d->fact_number[EL_CHOSEN];
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	int			n = 0;
	double		lo,
				hi;
	EgScale		y;
	EgBox		in;

	eg_extent(d->number[column], d->nrows, &lo, &hi);
	y = eg_scale_numbers(lo, hi, EG_FORMAT_NUMBER, 0);
	in = eg_panel(c, box, x, &y, foot ? eg_x_label(c, "Number of segments") : NULL, label,
				  foot ? EG_GRID_Y : EG_GRID_Y | EG_NO_X);
	if (chosen >= x->lo && chosen <= x->hi)
		eg_svg_line(&c->svg, eg_scale_at(x, chosen), in.top, eg_scale_at(x, chosen), in.bottom,
					EG_INK_TEXT, 1.5, EG_DASHED);
	for (int i = 0; i < d->nrows; i++)
	{
		if (isnan(d->number[column][i]))
			continue;
		p[n].x = eg_scale_at(x, d->number[EL_K][i]);
		p[n++].y = eg_scale_at(&y, d->number[column][i]);
	}
	qsort(p, n, sizeof(EgPixel), eg_points_compare);
	eg_svg_polyline(&c->svg, p, n, ink, 2, EG_SOLID);
	for (int i = 0; i < d->nrows; i++)
	{
		double		v = d->number[column][i];
		const char *title;

		if (isnan(v) || (d->nrows > MANY_POINTS && d->number[EL_K][i] != chosen))
			continue;
		title = psprintf("%s segments: %s", eg_format_value(d->number[EL_K][i], EG_FORMAT_COUNT),
						 eg_format_value(v, EG_FORMAT_NUMBER));
		eg_svg_circle(&c->svg, eg_scale_at(x, d->number[EL_K][i]), eg_scale_at(&y, v),
					  d->number[EL_K][i] == chosen ? 6 : 3.5, ink, title);
	}
}

static void
elbow_draw(EgChart *c, const EgPlotData *d)
{
	double		chosen = d->fact_number[EL_CHOSEN];
	bool		two = d->given[EL_VALUE] && d->given[EL_OTHER];
	const char *value = measure_words(d->fact_text[EL_CRITERION], "Criterion");
	const char *other = measure_words(d->fact_text[EL_OTHER_NAME], "Other");
	EgScale		x;
	EgBox		upper,
				lower;
	double		lo,
				hi;

	eg_extent(d->number[EL_K], d->nrows, &lo, &hi);
	x = eg_scale_numbers(lo, hi, EG_FORMAT_COUNT, EG_SCALE_EXACT | EG_SCALE_WHOLE);
	if (!isnan(chosen))
	{
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_TEXT,
						psprintf("chosen: %s", eg_format_value(chosen, EG_FORMAT_COUNT)));
		eg_chart_say(c, "%s segments were chosen.", eg_format_value(chosen, EG_FORMAT_COUNT));
	}
	for (int i = 0; i < d->nrows && i < EG_MAX_TICKS; i++)
	{
		if (!isnan(d->number[EL_VALUE][i]))
			eg_chart_say(c, "%s: %s.", eg_format_value(d->number[EL_K][i], EG_FORMAT_COUNT),
						 eg_format_value(d->number[EL_VALUE][i], EG_FORMAT_NUMBER));
	}
	eg_chart_frame(c, two ? 430 : 320, two ? 2 * EG_LEAST_PANEL : EG_LEAST_PANEL);
	upper = lower = c->inner;
	if (two)
	{
		/* both stand in line */
		for (int column = EL_VALUE; column <= EL_OTHER; column++)
		{
			EgScale		y;

			eg_extent(d->number[column], d->nrows, &lo, &hi);
			y = eg_scale_numbers(lo, hi, EG_FORMAT_NUMBER, 0);
			c->least_left = Max(c->least_left, eg_panel_left(&y, c->width, 150));
		}
		lower.top = c->inner.top + (c->inner.bottom - c->inner.top) * 0.48;
		upper.bottom = lower.top - EG_LINE_SMALL;
		draw_curve(c, d, upper, EL_VALUE, &x, eg_y_label(c, value), eg_ink_series(0), false);
		draw_curve(c, d, lower, EL_OTHER, &x, other, eg_ink_series(1), true);
	}
	else
		draw_curve(c, d, c->inner, d->given[EL_OTHER] ? EL_OTHER : EL_VALUE, &x,
				   eg_y_label(c, d->given[EL_OTHER] ? other : value), eg_ink_series(0), true);
}

const EgPlotKind eg_plot_elbow = {
	.name = "elbow",
	.title = "How many segments",
	.columns = elbow_columns,
	.facts = elbow_facts,
	.draw = elbow_draw,
};
