/*-------------------------------------------------------------------------
 *
 * plot_scores.c
 *	  Distribution of scores, a colour each class: do the two hills stand apart?
 *
 * Rows are scores, one each, or counts between two ends, as engage_score_histogram()
 * has them.  Heights are shares of the class, so that a rare class is seen as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

#define BINS			40
#define MOST_BINS		400

enum
{
	SC_SCORE, SC_LOWER, SC_UPPER, SC_CLASS, SC_COUNT
};

enum
{
	SC_THRESHOLD
};

static const EgPlotColumn scores_columns[] = {
	{"score", EG_CELL_NUMBER},
	{"lower", EG_CELL_NUMBER},
	{"upper", EG_CELL_NUMBER},
	{"class", EG_CELL_TEXT},
	{"count", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact scores_facts[] = {
	{"threshold", EG_CELL_NUMBER},
	{NULL}
};

/* Bins of equal width from lo, for each class. */
typedef struct Bins
{
	double		lo;
	double		width;
	int			n;
	double	   *share;			/* (classes, n) */
	double	   *total;			/* (classes) rows */
	double		most;			/* largest share */
} Bins;

/* Middle of a row's score, NaN where it has none. */
static double
place_of(const EgPlotData *d, int row)
{
	double		lower = d->number[SC_LOWER][row];
	double		upper = d->number[SC_UPPER][row];

	return d->named[SC_SCORE] ? d->number[SC_SCORE][row] : lower / 2 + upper / 2;
}

/* Ends and number: those of the rows where they are bins, else whole if all lies in 0 to 1. */
static void
find_bins(const EgPlotData *d, Bins *b)
{
	double		lo,
				hi,
				a,
				z,
				width = 0;

	if (!d->named[SC_SCORE])
	{
		eg_extent(d->number[SC_LOWER], d->nrows, &lo, &a);
		eg_extent(d->number[SC_UPPER], d->nrows, &z, &hi);
		for (int i = 0; i < d->nrows; i++)
		{
			double		w = d->number[SC_UPPER][i] - d->number[SC_LOWER][i];

			if (w > 0 && (width == 0 || w < width))
				width = w;
		}
		b->lo = lo;
		b->n = width > 0 ? (int) rint(Min((hi - lo) / width, MOST_BINS)) : 1;
		b->n = Max(b->n, 1);
		b->width = (hi - lo) / b->n;
	}
	else
	{
		eg_extent(d->number[SC_SCORE], d->nrows, &lo, &hi);
		if (lo >= 0 && hi <= 1 && hi > 0.2)
		{
			lo = 0;
			hi = 1;
		}
		b->lo = lo;
		b->n = BINS;
		b->width = hi / BINS - lo / BINS;
	}
	if (!(b->width > 0))
	{
		EgScale		s = eg_scale_numbers(lo, hi, EG_FORMAT_NUMBER, 0);

		b->lo = s.lo;
		b->width = (s.hi - s.lo) / b->n;
	}
}

static int
count_rows(const EgPlotData *d, const EgGroups *g, Bins *b)
{
	int			left_out = 0;

	b->share = palloc0((Size) g->n * b->n * sizeof(double));
	b->total = palloc0(g->n * sizeof(double));
	for (int i = 0; i < d->nrows; i++)
	{
		double		v = place_of(d, i);
		double		count = d->named[SC_COUNT] ? d->number[SC_COUNT][i] : 1;
		double		k = floor((v - b->lo) / b->width);

		if (isnan(v) || !(count >= 0))
		{
			left_out++;
			continue;
		}
		b->share[g->of_row[i] * b->n + (int) Min(Max(k, 0), b->n - 1)] += count;
		b->total[g->of_row[i]] += count;
	}
	for (int i = 0; i < g->n * b->n; i++)
	{
		b->share[i] /= Max(b->total[i / b->n], 1);
		b->most = Max(b->most, b->share[i]);
	}
	return left_out;
}

/* A hill: its area, and its outline. */
static void
draw_hill(EgChart *c, const Bins *b, int k, const EgScale *x, const EgScale *y, EgInk ink,
		  bool outline)
{
	EgPixel    *p = palloc((2 * b->n + 2) * sizeof(EgPixel));
	int			n = 0;

	p[n].x = eg_scale_at(x, b->lo);
	p[n++].y = y->from;
	for (int i = 0; i < b->n; i++)
	{
		double		h = eg_scale_at(y, b->share[k * b->n + i]);

		p[n].x = eg_scale_at(x, b->lo + i * b->width);
		p[n++].y = h;
		p[n].x = eg_scale_at(x, b->lo + (i + 1) * b->width);
		p[n++].y = h;
	}
	p[n].x = eg_scale_at(x, b->lo + b->n * b->width);
	p[n++].y = y->from;
	if (outline)
		eg_svg_polyline(&c->svg, p, n, ink, 1.5, EG_SOLID);
	else
		eg_svg_polygon(&c->svg, p, n, ink, 0.35, NULL);
}

static void
scores_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_plot_groups(d, SC_CLASS);
	EgFormat	format;
	Bins		b = {0};
	double		threshold = d->fact_number[SC_THRESHOLD];
	EgScale		x,
				y;
	EgBox		in;
	int			left_out,
				k;

	if (!d->named[SC_SCORE] && !(d->named[SC_LOWER] && d->named[SC_UPPER] && d->named[SC_COUNT]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of picture \"scores\" have neither a \"score\" nor \"lower\", "
						"\"upper\" and \"count\""),
				 errhint("Give a score in each row, or the rows of engage_score_histogram().")));
	if (g->n > EG_NSERIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"scores\" has at most %d classes, not %d", EG_NSERIES, g->n),
				 errhint("Put classes together in the query.")));
	find_bins(d, &b);
	left_out = count_rows(d, g, &b);
	if (left_out > 0)
		eg_chart_note(c, "%d rows without a value: left out.", left_out);
	if (left_out == d->nrows)
	{
		eg_chart_empty(c);
		return;
	}
	for (k = 0; k < g->n; k++)
	{
		const char *rows = psprintf("%s %s", eg_format_value(b.total[k], EG_FORMAT_COUNT),
									b.total[k] == 1 ? "row" : "rows");

		eg_chart_legend(c, EG_MARK_BOX, eg_ink_series(k), g->name[k] ?
						psprintf("%s (%s)", g->name[k], rows) : rows);
		eg_chart_say(c, "Scores of %s%s%s.", rows, g->name[k] ? " of class " : "",
					 g->name[k] ? g->name[k] : "");
	}
	if (!isnan(threshold))
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_TEXT,
						psprintf("threshold %s", eg_format_value(threshold, EG_FORMAT_NUMBER)));
	format = eg_chart_format(c, b.lo >= 0 && b.lo + b.n * b.width <= 1 + 1e-9 ?
							 EG_FORMAT_PERCENT : EG_FORMAT_NUMBER);
	x = eg_scale_numbers(b.lo, b.lo + b.n * b.width, format, EG_SCALE_EXACT);
	y = eg_scale_numbers(0, b.most, EG_FORMAT_PERCENT, EG_SCALE_ZERO);
	eg_chart_frame(c, 340, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, "Score"),
				  eg_y_label(c, g->n > 1 ? "Share of the class" : "Share of the rows"), EG_GRID_Y);
	for (k = 0; k < g->n; k++)
		draw_hill(c, &b, k, &x, &y, eg_ink_series(k), false);
	for (k = 0; k < g->n; k++)
		draw_hill(c, &b, k, &x, &y, eg_ink_series(k), true);
	if (threshold >= x.lo && threshold <= x.hi)
		eg_svg_line(&c->svg, eg_scale_at(&x, threshold), in.top, eg_scale_at(&x, threshold),
					in.bottom, EG_INK_TEXT, 1.5, EG_DASHED);
}

const EgPlotKind eg_plot_scores = {
	.name = "scores",
	.title = "Distribution of scores",
	.columns = scores_columns,
	.facts = scores_facts,
	.draw = scores_draw,
};
