/*-------------------------------------------------------------------------
 *
 * plot_calibration.c
 *	  Does a probability of 0.3 mean three in ten?  Said against seen, and below it
 *	  how many rows each point stands for.
 *
 * Rows are those of engage_calibration().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/points.h"

#define HISTOGRAM		84		/* height of the lower panel */
#define MOST_BARS		300	/* more rows than that have no lower panel */
#define MOST_MARKS		60

enum
{
	CAL_SAID, CAL_SEEN, CAL_COUNT, CAL_SERIES
};

static const EgPlotColumn calibration_columns[] = {
	{"mean_predicted", EG_CELL_NUMBER, true},
	{"observed_rate", EG_CELL_NUMBER, true},
	{"count", EG_CELL_NUMBER},
	{"series", EG_CELL_TEXT},
	{NULL}
};

/* Expected calibration error of a group: mean distance, by rows. */
static double
calibration_error(const EgPlotData *d, const EgGroups *g, int k)
{
	double		sum = 0,
				weight = 0;

	for (int i = 0; i < g->count[k]; i++)
	{
		int			row = g->order[g->start[k] + i];
		double		w = d->given[CAL_COUNT] ? d->number[CAL_COUNT][row] : 1;

		if (!(w > 0))
			continue;
		sum += w * fabs(d->number[CAL_SAID][row] - d->number[CAL_SEEN][row]);
		weight += w;
	}
	return weight > 0 ? sum / weight : NAN;
}

static void
draw_histogram(EgChart *c, const EgPlotData *d, const EgGroups *g, EgBox box, EgScale x,
			   EgScale y)
{
	double		width;
	EgBox		in;
	int			i;

	in = eg_panel(c, box, &x, &y, eg_x_label(c, "Predicted probability"), "Rows", 0);
	width = Min(Max((in.right - in.left) / Max(d->nrows / g->n, 1) * 0.6 / g->n, 1.5), 22);
	for (i = 0; i < d->nrows; i++)
	{
		int			k = g->of_row[i];
		double		n = d->number[CAL_COUNT][i];
		double		at = eg_scale_at(&x, d->number[CAL_SAID][i]) + (k - g->n / 2.0) * width;

		if (n > 0 && k < g->n)
			eg_svg_rect(&c->svg, at, eg_scale_at(&y, n), width * 0.92, y.from - eg_scale_at(&y, n),
						eg_ink_series(k), 1, psprintf("%s rows around %s",
													  eg_format_value(n, EG_FORMAT_COUNT),
													  eg_format_value(d->number[CAL_SAID][i],
																	  x.format)));
	}
}

static void
calibration_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_chart_series(c, CAL_SERIES);
	EgFormat	format = eg_chart_format(c, EG_FORMAT_PERCENT);
	EgScale		x = eg_scale_numbers(0, 1, format, EG_SCALE_EXACT);
	EgScale		y = x;
	EgScale		rows = x;
	double		lo,
				hi;
	bool		histogram = d->given[CAL_COUNT] && d->nrows <= MOST_BARS;
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	EgBox		upper,
				lower;
	int			k,
				i,
				n;

	for (k = 0; k < g->n; k++)
	{
		const char *name = g->name[k] ? g->name[k] : "model";
		double		error = calibration_error(d, g, k);

		eg_chart_legend(c, EG_MARK_LINE, eg_ink_series(k),
						psprintf("%s (calibration error %.3f)", name, error));
		eg_chart_say(c, "%s: predicted and observed shares differ by %.3f on average.", name,
					 error);
	}
	eg_chart_legend(c, EG_MARK_DASHED, EG_INK_AXIS, "as it should be");
	eg_chart_frame(c, histogram ? 500 : 420, histogram ? 280 : EG_LEAST_PANEL);
	upper = lower = c->inner;
	if (histogram)
	{
		/* the axes of both panels begin below each other */
		lower.top = lower.bottom - HISTOGRAM - 2 * EG_LINE_BODY;
		upper.bottom = lower.top - 14;
		eg_extent(d->number[CAL_COUNT], d->nrows, &lo, &hi);
		rows = eg_scale_numbers(0, hi, EG_FORMAT_COUNT, EG_SCALE_ZERO);
		c->least_left = Max(eg_panel_left(&y, c->width, HISTOGRAM),
							eg_panel_left(&rows, c->width, HISTOGRAM));
	}
	(void) eg_panel(c, upper, &x, &y, histogram ? NULL : eg_x_label(c, "Predicted probability"),
					eg_y_label(c, "Share in which it happened"),
					EG_GRID_X | EG_GRID_Y | (histogram ? EG_NO_X : 0));
	eg_svg_line(&c->svg, x.from, y.from, x.to, y.to, EG_INK_AXIS, 1.5, EG_DASHED);
	for (k = g->n - 1; k >= 0; k--)
	{
		n = eg_points_line(d, g, k, d->number[CAL_SAID], d->number[CAL_SEEN], &x, &y, p);
		for (i = 0; i < n && n <= MOST_MARKS; i++)
			eg_svg_circle(&c->svg, p[i].x, p[i].y, 3.5, eg_ink_series(k), NULL);
		eg_svg_polyline(&c->svg, p, n, eg_ink_series(k), 2, EG_SOLID);
	}
	if (histogram)
		draw_histogram(c, d, g, lower, eg_scale_numbers(0, 1, format, EG_SCALE_EXACT), rows);
}

const EgPlotKind eg_plot_calibration = {
	.name = "calibration",
	.title = "Calibration",
	.columns = calibration_columns,
	.draw = calibration_draw,
};
