/*-------------------------------------------------------------------------
 *
 * plot_bars.c
 *	  Horizontal bars: importance of features; any labels and values.
 *
 * Names are long and there are many of them, so bars lie and names stand beside them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

#define DEFAULT_LIMIT	20
#define ROW_HEIGHT		24
#define MOST_BARS		600
#define BAR				0.66	/* of a row */

enum
{
	BAR_LABEL, BAR_VALUE, BAR_DEVIATION, BAR_SERIES
};

enum
{
	BAR_UNIT
};

static const EgPlotColumn importance_columns[] = {
	{"feature", EG_CELL_TEXT, true},
	{"importance", EG_CELL_NUMBER, true},
	{"deviation", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotColumn bars_columns[] = {
	{"label", EG_CELL_TEXT, true},
	{"value", EG_CELL_NUMBER, true},
	{"deviation", EG_CELL_NUMBER},
	{"series", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact bar_facts[] = {
	{"unit", EG_CELL_TEXT},
	{NULL}
};

typedef struct Bar
{
	int			row;
	double		value;
} Bar;

static int
compare_bars(const void *a, const void *b)
{
	const Bar  *p = a;
	const Bar  *q = b;

	return p->value > q->value ? -1 : p->value < q->value ? 1 : p->row < q->row ? -1 : 1;
}

/* Rows by value, the largest first; the first n are shown. */
static Bar *
sorted_rows(const EgPlotData *d)
{
	Bar		   *bars = palloc(d->nrows * sizeof(Bar));

	for (int i = 0; i < d->nrows; i++)
	{
		bars[i].row = i;
		bars[i].value = d->number[BAR_VALUE][i];
	}
	qsort(bars, d->nrows, sizeof(Bar), compare_bars);
	return bars;
}

/* Ends of the axis: bars, whiskers and 0. */
static EgScale
value_scale(const EgChart *c, const EgPlotData *d, const int *rows, int n)
{
	double		lo = 0,
				hi = 0;

	for (int i = 0; i < n; i++)
	{
		double		v = d->number[BAR_VALUE][rows[i]];
		double		s = d->number[BAR_DEVIATION][rows[i]];

		s = isnan(s) ? 0 : s;
		lo = Min(lo, v < 0 ? v - s : Min(v - s, 0));
		hi = Max(hi, v > 0 ? v + s : Max(v + s, 0));
	}
	return eg_scale_numbers(lo, hi, eg_chart_format(c, EG_FORMAT_NUMBER),
							EG_SCALE_ZERO | EG_SCALE_EXACT);
}

/* One bar with its value behind it, where there is room. */
static void
draw_bar(EgChart *c, const EgPlotData *d, const EgScale *x, double y, double height, int row,
		 EgInk ink, EgBox in)
{
	double		value = d->number[BAR_VALUE][row];
	double		deviation = d->number[BAR_DEVIATION][row];
	const char *text = eg_format_among(value, Max(-x->lo, x->hi), 3, x->format, false);
	double		zero = eg_scale_at(x, 0);
	double		at = eg_scale_at(x, value);
	double		end = at;
	double		width = eg_svg_text_width(EG_TEXT_SMALL, text);

	eg_svg_rect(&c->svg, zero, y - height / 2, at - zero, height, ink, 1,
				psprintf("%s: %s%s%s", d->text[BAR_LABEL][row], text,
						 isnan(deviation) ? "" : ", deviation ",
						 isnan(deviation) ? "" : eg_format_value(deviation, x->format)));
	if (deviation > 0)
	{
		double		low = eg_scale_at(x, value - deviation);
		double		high = eg_scale_at(x, value + deviation);

		eg_svg_line(&c->svg, low, y, high, y, EG_INK_TEXT, 1.5, EG_SOLID);
		eg_svg_line(&c->svg, low, y - 3, low, y + 3, EG_INK_TEXT, 1.5, EG_SOLID);
		eg_svg_line(&c->svg, high, y - 3, high, y + 3, EG_INK_TEXT, 1.5, EG_SOLID);
		end = value < 0 ? low : high;
	}
	if (height < 10)
		return;
	if (value < 0 && end - width - 6 >= in.left)
		eg_svg_text(&c->svg, end - 6, y + 4, EG_TEXT_SMALL, EG_END, EG_INK_MUTED, text, NULL);
	else
		eg_svg_text(&c->svg, Max(end, zero) + 6, y + 4, EG_TEXT_SMALL, EG_START, EG_INK_MUTED,
					text, NULL);
}

/* Room at the right for the longest text behind a bar. */
static double
text_room(const EgPlotData *d, const int *rows, int n, const EgScale *x)
{
	double		most = 0;

	for (int i = 0; i < n; i++)
	{
		const char *text = eg_format_among(d->number[BAR_VALUE][rows[i]], Max(-x->lo, x->hi), 3,
										   x->format, false);

		most = Max(most, eg_svg_text_width(EG_TEXT_SMALL, text));
	}
	return most + 8;
}

static void
draw_bars(EgChart *c, const EgPlotData *d, const int *rows, int n, const char *const *labels,
		  const EgGroups *series, const int *place, int nplaces)
{
	EgScale		x = value_scale(c, d, rows, n);
	EgScale		y = eg_scale_categories(labels, nplaces);
	int			nseries = series ? series->n : 1;
	double		height;
	EgBox		box,
				in;

	eg_chart_frame(c, 74 + Max(nplaces * (nseries > 1 ? 8 + 14 * nseries : ROW_HEIGHT), 60) +
				   (c->nlegend > 0 ? 24 : 0), EG_LEAST_ROWS(nplaces * (nseries > 1 ? nseries : 1)));
	box = c->inner;
	box.right -= text_room(d, rows, n, &x);
	in = eg_panel(c, box, &x, &y, eg_x_label(c, d->fact_text[BAR_UNIT]), eg_y_label(c, NULL),
				  EG_GRID_X | EG_NO_BASE);
	height = eg_scale_band(&y) * (nseries > 1 ? 0.8 : BAR) / nseries;
	for (int i = 0; i < n; i++)
	{
		int			k = series ? series->of_row[rows[i]] : 0;
		double		at = eg_scale_at(&y, place[i]) + (k - (nseries - 1) / 2.0) * height;

		draw_bar(c, d, &x, at, nseries > 1 ? height * 0.9 : height, rows[i], eg_ink_series(k), in);
	}
	eg_svg_line(&c->svg, eg_scale_at(&x, 0), in.top, eg_scale_at(&x, 0), in.bottom, EG_INK_AXIS, 1,
				EG_SOLID);
}

static void
importance_draw(EgChart *c, const EgPlotData *d)
{
	Bar		   *bars = sorted_rows(d);
	int			n = Min(d->nrows, c->o->limit > 0 ? c->o->limit : DEFAULT_LIMIT);
	int		   *rows = palloc(n * sizeof(int));
	int		   *place = palloc(n * sizeof(int));
	const char **labels = palloc(n * sizeof(char *));

	for (int i = 0; i < n; i++)
	{
		rows[i] = bars[i].row;
		place[i] = i;
		labels[i] = d->text[BAR_LABEL][rows[i]];
	}
	if (n < d->nrows)
		eg_chart_note(c, "%d less important features are not shown.", d->nrows - n);
	if (d->given[BAR_DEVIATION])
		eg_chart_note(c, "Whiskers: one standard deviation.");
	eg_chart_say(c, "Bars of %d features, most important first:", n);
	for (int i = 0; i < Min(n, 5); i++)
		eg_chart_say(c, "%s %s%s", labels[i], eg_format_value(bars[i].value, EG_FORMAT_NUMBER),
					 i < Min(n, 5) - 1 ? "," : ".");
	draw_bars(c, d, rows, n, labels, NULL, place, n);
}

/* Bars in the order of the rows; those of one label together, a colour each series. */
static void
bars_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *labels = eg_plot_groups(d, BAR_LABEL);
	EgGroups   *series = d->given[BAR_SERIES] ? eg_plot_groups(d, BAR_SERIES) : NULL;
	int			limit = c->o->limit > 0 ? c->o->limit : DEFAULT_LIMIT;
	int		   *rows = palloc(d->nrows * sizeof(int));
	int		   *place = palloc(d->nrows * sizeof(int));
	int			shown = Min(labels->n, limit);
	int			n = 0;

	for (int i = 0; i < d->nrows; i++)
	{
		if (labels->of_row[i] >= limit)
			continue;
		rows[n] = i;
		place[n++] = labels->of_row[i];
	}
	if (n > MOST_BARS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"bars\" has at most %d bars, not %d", MOST_BARS, n),
				 errhint("Use fewer labels or series, or the option \"limit\".")));
	if (shown < labels->n)
		eg_chart_note(c, "%d more are not shown.", labels->n - shown);
	if (d->given[BAR_DEVIATION])
		eg_chart_note(c, "Whiskers: one standard deviation.");
	for (int k = 0; series && k < series->n; k++)
		eg_chart_legend(c, EG_MARK_BOX, eg_ink_series(k), series->name[k] ? series->name[k] : "-");
	eg_chart_say(c, "%d bars.", n);
	for (int i = 0; i < Min(n, 5); i++)
		eg_chart_say(c, "%s: %s.", d->text[BAR_LABEL][rows[i]],
					 eg_format_value(d->number[BAR_VALUE][rows[i]], EG_FORMAT_NUMBER));
	draw_bars(c, d, rows, n, labels->name, series, place, shown);
}

const EgPlotKind eg_plot_importance = {
	.name = "importance",
	.title = "Importance of features",
	.columns = importance_columns,
	.facts = bar_facts,
	.draw = importance_draw,
};

const EgPlotKind eg_plot_bars = {
	.name = "bars",
	.title = "Bars",
	.columns = bars_columns,
	.facts = bar_facts,
	.draw = bars_draw,
};
