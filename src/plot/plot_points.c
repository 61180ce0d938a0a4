/*-------------------------------------------------------------------------
 *
 * plot_points.c
 *	  Lines and clouds of points: any x and y.
 *
 * x may be numbers, dates and times, or words; words are put side by side in the
 * order of the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "plot/chart.h"
#include "plot/points.h"

#define MOST_DOTS		8000
#define BLOT			4000	/* points of one colour of which cells are drawn */
#define CELL			5		/* pixels */
#define PALEST			0.2

enum
{
	PT_X, PT_Y, PT_SERIES, PT_LOW, PT_HIGH
};

enum
{
	PT_COLOUR = PT_LOW			/* scatter */
};

enum
{
	PT_X_FACT, PT_Y_FACT, PT_EQUAL, PT_COLOUR_FACT
};

static const EgPlotColumn line_columns[] = {
	{"x", EG_CELL_ANY, true},
	{"y", EG_CELL_NUMBER, true},
	{"series", EG_CELL_TEXT},
	{"low", EG_CELL_NUMBER},
	{"high", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotColumn scatter_columns[] = {
	{"x", EG_CELL_ANY, true},
	{"y", EG_CELL_NUMBER, true},
	{"series", EG_CELL_TEXT},
	{"colour", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact scatter_facts[] = {
	{"x_name", EG_CELL_TEXT},
	{"y_name", EG_CELL_TEXT},
	{"diagonal", EG_CELL_TEXT},
	{"colour_name", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact line_facts[] = {
	{"x_name", EG_CELL_TEXT},
	{"y_name", EG_CELL_TEXT},
	{NULL}
};

double *
eg_points_x(const EgPlotData *d, int column, EgScale *scale, EgFormat format)
{
	double	   *x = palloc(Max(d->nrows, 1) * sizeof(double));
	EgGroups   *words;
	double		lo,
				hi;
	int			texts = 0,
				times = 0,
				i;

	for (i = 0; i < d->nrows; i++)
	{
		const char *text = d->text[column][i];

		x[i] = d->number[column][i];
		texts += text != NULL;
		if (text && eg_time_parse(text, &x[i]))
			times++;
	}
	if (texts == 0 || times == d->nrows)
	{
		eg_extent(x, d->nrows, &lo, &hi);
		*scale = texts == 0 ? eg_scale_numbers(lo, hi, format, EG_SCALE_EXACT) :
			eg_scale_times(lo, hi);
		return x;
	}

	/* numbers among words are words */
	for (i = 0; i < d->nrows; i++)
	{
		if (d->text[column][i] == NULL)
			d->text[column][i] = eg_format_value(d->number[column][i], EG_FORMAT_NUMBER);
	}
	words = eg_plot_groups(d, column);
	*scale = eg_scale_categories(words->name, words->n);
	for (i = 0; i < d->nrows; i++)
		x[i] = words->of_row[i];
	return x;
}

int
eg_points_compare(const void *a, const void *b)
{
	const EgPixel *p = a;
	const EgPixel *q = b;

	return p->x < q->x ? -1 : p->x > q->x ? 1 : p->y < q->y ? -1 : p->y > q->y;
}

int
eg_points_line(const EgPlotData *d, const EgGroups *g, int k, const double *x, const double *y,
			   const EgScale *xs, const EgScale *ys, EgPixel *p)
{
	int			n = 0;

	for (int i = 0; i < g->count[k]; i++)
	{
		int			row = g->order[g->start[k] + i];

		if (isnan(x[row]) || isnan(y[row]))
			continue;
		p[n].x = eg_scale_at(xs, x[row]);
		p[n++].y = eg_scale_at(ys, y[row]);
	}
	qsort(p, n, sizeof(EgPixel), eg_points_compare);
	return n;
}

/* Ends of y, bands included. */
static EgScale
y_scale(const EgChart *c, const EgPlotData *d, const double *low, const double *high)
{
	double		lo,
				hi,
				a,
				b;

	eg_extent(d->number[PT_Y], d->nrows, &lo, &hi);
	if (low && high)
	{
		eg_extent(low, d->nrows, &a, &b);
		lo = isnan(a) ? lo : Min(lo, a);
		eg_extent(high, d->nrows, &a, &b);
		hi = isnan(b) ? hi : Max(hi, b);
	}
	return eg_scale_numbers(lo, hi, eg_chart_format(c, EG_FORMAT_NUMBER), 0);
}

static void
lines_draw(EgChart *c, const EgPlotData *d)
{
	EgScale		x,
				y;
	double	   *at = eg_points_x(d, PT_X, &x, EG_FORMAT_NUMBER);
	EgGroups   *g = eg_chart_series(c, PT_SERIES);
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	EgPixel    *q = palloc(d->nrows * sizeof(EgPixel));
	bool		band = d->given[PT_LOW] && d->given[PT_HIGH];
	int			k,
				n;

	for (k = 0; k < g->n && d->given[PT_SERIES]; k++)
		eg_chart_legend(c, k < EG_NSERIES ? EG_MARK_LINE : EG_MARK_DASHED, eg_ink_series(k),
						g->name[k] ? g->name[k] : "-");
	y = y_scale(c, d, band ? d->number[PT_LOW] : NULL, band ? d->number[PT_HIGH] : NULL);
	eg_chart_say(c, "%d points in %d lines; y from %s to %s.", d->nrows, g->n,
				 eg_format_value(y.lo, y.format), eg_format_value(y.hi, y.format));
	eg_chart_frame(c, 360, EG_LEAST_PANEL);
	(void) eg_panel(c, c->inner, &x, &y, eg_x_label(c, d->fact_text[PT_X_FACT]),
					eg_y_label(c, d->fact_text[PT_Y_FACT]), EG_GRID_Y);
	for (k = 0; k < g->n && band; k++)
	{
		int			m = eg_points_line(d, g, k, at, d->number[PT_HIGH], &x, &y, q);

		n = eg_points_line(d, g, k, at, d->number[PT_LOW], &x, &y, p);
		eg_svg_band(&c->svg, q, m, p, n, eg_ink_series(k), 0.18);
	}
	for (k = g->n - 1; k >= 0; k--)
	{
		CHECK_FOR_INTERRUPTS();
		n = eg_points_line(d, g, k, at, d->number[PT_Y], &x, &y, p);
		eg_svg_polyline(&c->svg, p, n, eg_ink_series(k), 2, k < EG_NSERIES ? EG_SOLID : EG_DASHED);
	}
}

void
eg_points_dots(EgChart *c, EgPixel *p, int n, const EgInk *ink, EgBox in, double radius)
{
	EgPixel    *part = palloc(Max(n, 1) * sizeof(EgPixel));
	int		   *keep = palloc(Max(n, 1) * sizeof(int));
	bool		used[EG_NINKS] = {false};
	int			nkeep,
				i,
				m;

	for (i = 0; i < n; i++)
	{
		p[i].x -= in.left;
		p[i].y -= in.top;
	}
	nkeep = eg_thin_dots(p, n, in.right - in.left, in.bottom - in.top, MOST_DOTS, keep);
	for (i = 0; i < nkeep; i++)
	{
		p[keep[i]].x += in.left;
		p[keep[i]].y += in.top;
		used[ink[keep[i]]] = true;
	}
	for (int k = EG_NINKS - 1; k >= 0; k--)
	{
		if (!used[k])
			continue;
		for (i = m = 0; i < nkeep; i++)
		{
			if (ink[keep[i]] == (EgInk) k)
				part[m++] = p[keep[i]];
		}
		eg_svg_dots(&c->svg, part, m, (EgInk) k, radius, 0.8);
	}
	pfree(part);
	pfree(keep);
}

/*
 * So many points that dots would be one blot: counts in small cells instead, the darker the
 * more.
 */
static void
draw_density(EgChart *c, const EgPixel *p, int n, EgBox in)
{
	int			columns = (int) ((in.right - in.left) / CELL) + 1;
	int			rows = (int) ((in.bottom - in.top) / CELL) + 1;
	int		   *count = palloc0((Size) columns * rows * sizeof(int));
	EgPixel    *low = palloc((Size) columns * rows * sizeof(EgPixel));
	EgPixel    *high = palloc((Size) columns * rows * sizeof(EgPixel));
	int			most = 0;
	int			i,
				m;

	for (i = 0; i < n; i++)
	{
		int			x = (int) (Min(Max(p[i].x - in.left, 0), in.right - in.left) / CELL);
		int			y = (int) (Min(Max(p[i].y - in.top, 0), in.bottom - in.top) / CELL);

		m = ++count[Min(y, rows - 1) * columns + Min(x, columns - 1)];
		most = Max(most, m);
	}
	for (int k = EG_INK_HEAT; k < EG_INK_HEAT + EG_HEAT_STEPS; k++)
	{
		for (i = m = 0; i < columns * rows; i++)
		{
			/* the palest are for no rows; counts differ by factors, so by logarithms */
			double		share = count[i] == 0 ? -1 : PALEST + (1 - PALEST) *
				log(count[i]) / log(Max(most, 2));

			if (share < 0 || eg_ink_heat(share) != (EgInk) k)
				continue;
			low[m].x = in.left + i % columns * CELL;
			low[m].y = in.top + i / columns * CELL;
			high[m].x = Min(low[m].x + CELL, in.right);
			high[m].y = Min(low[m].y + CELL, in.bottom);
			m++;
		}
		eg_svg_cells(&c->svg, low, high, m, (EgInk) k);
	}
	pfree(count);
	pfree(low);
	pfree(high);
}

double
eg_points_radius(int n)
{
	return n > 2000 ? 1.5 : n > 300 ? 2 : 3;
}

static void
scatter_draw(EgChart *c, const EgPlotData *d)
{
	EgFormat	format = eg_chart_format(c, EG_FORMAT_NUMBER);
	EgScale		x,
				y;
	double	   *at = eg_points_x(d, PT_X, &x, format);
	EgGroups   *g = eg_plot_groups(d, PT_SERIES);
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	EgInk	   *ink = palloc(d->nrows * sizeof(EgInk));
	const char *diagonal = d->fact_text[PT_EQUAL];
	const char *name = d->fact_text[PT_COLOUR_FACT];
	bool		blot = d->nrows > BLOT && g->n == 1 && !d->given[PT_COLOUR];
	double		lo,
				hi;
	EgBox		in;
	int			i;

	eg_extent(d->number[PT_COLOUR], d->nrows, &lo, &hi);
	for (i = 0; i < d->nrows; i++)
	{
		double		v = d->number[PT_COLOUR][i];

		ink[i] = !d->given[PT_COLOUR] ? eg_ink_series(g->of_row[i]) :
			isnan(v) ? EG_INK_AXIS : eg_ink_lowhigh(hi > lo ? (v - lo) / (hi - lo) : 0.5);
	}
	if (d->given[PT_COLOUR])
		eg_chart_legend_scale(c, EG_MARK_LOWHIGH,
							  psprintf("%s%s%s", name ? name : "", name ? ": " : "",
									   eg_format_value(lo, EG_FORMAT_NUMBER)),
							  eg_format_value(hi, EG_FORMAT_NUMBER));
	else
	{
		for (i = 0; i < g->n && d->given[PT_SERIES]; i++)
			eg_chart_legend(c, EG_MARK_DOT, eg_ink_series(i), g->name[i] ? g->name[i] : "-");
	}
	y = y_scale(c, d, NULL, NULL);
	if (x.kind == EG_SCALE_NUMBER)
		x.flags = 0;
	if (diagonal && x.kind == EG_SCALE_NUMBER)
	{
		/* the same axes both ways, so that equal is on the diagonal */
		double		room = (Max(x.hi, y.hi) - Min(x.lo, y.lo)) * 0.03;

		x = eg_scale_numbers(Min(x.lo, y.lo) - room, Max(x.hi, y.hi) + room, format,
							 EG_SCALE_EXACT);
		y = x;
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_TEXT, diagonal);
	}
	if (blot)
	{
		eg_chart_note(c, "%s points; a cell of %d pixels is the darker the more it holds.",
					  eg_format_value(d->nrows, EG_FORMAT_COUNT), CELL);
		eg_chart_legend_scale(c, EG_MARK_HEAT, "few points", "many");
	}
	else if (d->nrows > MOST_DOTS)
		eg_chart_note(c, "%s points: those that cover each other are drawn once.",
					  eg_format_value(d->nrows, EG_FORMAT_COUNT));
	eg_chart_say(c, "%d points.", d->nrows);
	eg_chart_frame(c, 420, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, d->fact_text[PT_X_FACT]),
				  eg_y_label(c, d->fact_text[PT_Y_FACT]), EG_GRID_X | EG_GRID_Y);
	for (i = 0; i < d->nrows; i++)
	{
		p[i].x = eg_scale_at(&x, at[i]);
		p[i].y = eg_scale_at(&y, d->number[PT_Y][i]);
	}
	if (blot)
		draw_density(c, p, d->nrows, in);
	else
		eg_points_dots(c, p, d->nrows, ink, in, eg_points_radius(d->nrows));
	if (diagonal && x.kind == EG_SCALE_NUMBER)
		eg_svg_line(&c->svg, x.from, y.from, x.to, y.to, EG_INK_TEXT, 1.5, EG_DASHED);
}

const EgPlotKind eg_plot_lines = {
	.name = "lines",
	.title = "Lines",
	.columns = line_columns,
	.facts = line_facts,
	.draw = lines_draw,
};

const EgPlotKind eg_plot_scatter = {
	.name = "scatter",
	.title = "Points",
	.columns = scatter_columns,
	.facts = scatter_facts,
	.draw = scatter_draw,
};
