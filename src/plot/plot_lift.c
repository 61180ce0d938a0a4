/*-------------------------------------------------------------------------
 *
 * plot_lift.c
 *	  Gain and lift: how many of the positives are among the best-scored tenths, and
 *	  how much more often than among all.
 *
 * Rows are those of engage_lift().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/points.h"

#define SIDE_BY_SIDE	520		/* width from which the panels are */
#define MOST_SLICES		100

enum
{
	LIFT_DECILE, LIFT_LIFT, LIFT_GAIN
};

static const EgPlotColumn lift_columns[] = {
	{"decile", EG_CELL_NUMBER, true},
	{"lift", EG_CELL_NUMBER, true},
	{"cumulative_gain", EG_CELL_NUMBER, true},
	{NULL}
};

static void
draw_gain(EgChart *c, const EgPlotData *d, EgBox box)
{
	EgScale		x = eg_scale_numbers(0, 1, EG_FORMAT_PERCENT, EG_SCALE_EXACT);
	EgScale		y = x;
	EgPixel    *p = palloc((d->nrows + 1) * sizeof(EgPixel));
	double		lo,
				slices;
	int			n = 0;

	eg_extent(d->number[LIFT_DECILE], d->nrows, &lo, &slices);
	slices = Max(slices, 1);
	(void) eg_panel(c, box, &x, &y, eg_x_label(c, "Share of rows, best scores first"),
					"Share of all positives that is found", EG_GRID_X | EG_GRID_Y);
	eg_svg_line(&c->svg, x.from, y.from, x.to, y.to, EG_INK_AXIS, 1.5, EG_DASHED);
	p[n].x = x.from;
	p[n++].y = y.from;
	for (int i = 0; i < d->nrows; i++)
	{
		p[n].x = eg_scale_at(&x, d->number[LIFT_DECILE][i] / slices);
		p[n++].y = eg_scale_at(&y, d->number[LIFT_GAIN][i]);
	}
	for (int i = 1; i < n && n <= 30; i++)
		eg_svg_circle(&c->svg, p[i].x, p[i].y, 3, EG_INK_SERIES,
					  eg_format_value(d->number[LIFT_GAIN][i - 1], EG_FORMAT_PERCENT));
	eg_svg_polyline(&c->svg, p, n, EG_INK_SERIES, 2, EG_SOLID);
}

static void
draw_lift(EgChart *c, const EgPlotData *d, EgBox box)
{
	const char **names = palloc(d->nrows * sizeof(char *));
	double		lo,
				hi,
				width;
	EgScale		x,
				y;
	int			i;

	for (i = 0; i < d->nrows; i++)
		names[i] = eg_format_value(d->number[LIFT_DECILE][i], EG_FORMAT_COUNT);
	eg_extent(d->number[LIFT_LIFT], d->nrows, &lo, &hi);
	x = eg_scale_categories(names, d->nrows);
	y = eg_scale_numbers(0, Max(hi, 1.2), EG_FORMAT_NUMBER, EG_SCALE_ZERO);
	(void) eg_panel(c, box, &x, &y, "Tenth of the rows, best scores first",
					"Lift: how many times as often as among all", EG_GRID_Y);
	width = eg_scale_band(&x) * 0.7;
	for (i = 0; i < d->nrows; i++)
	{
		double		at = eg_scale_at(&y, d->number[LIFT_LIFT][i]);
		const char *text = eg_format_value(d->number[LIFT_LIFT][i], EG_FORMAT_NUMBER);

		eg_svg_rect(&c->svg, eg_scale_at(&x, i) - width / 2, at, width, y.from - at, EG_INK_SERIES,
					1, text);
	}
	eg_svg_line(&c->svg, x.from, eg_scale_at(&y, 1), x.to, eg_scale_at(&y, 1), EG_INK_TEXT, 1.5,
				EG_DASHED);
}

static void
lift_draw(EgChart *c, const EgPlotData *d)
{
	bool		beside = c->width >= SIDE_BY_SIDE;
	EgBox		a,
				b;

	if (d->nrows > MOST_SLICES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"lift\" has at most %d rows, not %d", MOST_SLICES, d->nrows),
				 errhint("A row is a tenth, or another equal part, of the scored rows.")));
	eg_chart_legend(c, EG_MARK_LINE, EG_INK_SERIES, "model");
	eg_chart_legend(c, EG_MARK_DASHED, EG_INK_AXIS, "rows picked at random");
	eg_chart_say(c, "The first part of the rows has a lift of %s and %s of all positives.",
				 eg_format_value(d->number[LIFT_LIFT][0], EG_FORMAT_NUMBER),
				 eg_format_value(d->number[LIFT_GAIN][0], EG_FORMAT_PERCENT));
	eg_chart_frame(c, beside ? 330 : 560, beside ? EG_LEAST_PANEL : 2 * EG_LEAST_PANEL);
	a = b = c->inner;
	if (beside)
	{
		a.right = (a.left + a.right) / 2 - 6;
		b.left = a.right + 18;
	}
	else
	{
		a.bottom = (a.top + a.bottom) / 2 - 6;
		b.top = a.bottom + 12;
	}
	draw_gain(c, d, a);
	draw_lift(c, d, b);
}

const EgPlotKind eg_plot_lift = {
	.name = "lift",
	.title = "Gain and lift",
	.columns = lift_columns,
	.draw = lift_draw,
};
