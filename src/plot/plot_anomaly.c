/*-------------------------------------------------------------------------
 *
 * plot_anomaly.c
 *	  Scores of anomalies: how many rows are how strange.
 *
 * Rows are those of engage_anomaly_histogram().  On the logarithmic axis a height is
 * log10(rows + 1), so that no row is the foot and one row is seen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

#define MOST_BINS		1000
#define LIGHTEST		3		/* heat of the lowest band that is painted */

enum
{
	AN_LOWER, AN_UPPER, AN_COUNT, AN_CLASS
};

enum
{
	AN_THRESHOLD, AN_LOG
};

static const EgPlotColumn anomaly_columns[] = {
	{"lower", EG_CELL_NUMBER, true},
	{"upper", EG_CELL_NUMBER, true},
	{"count", EG_CELL_NUMBER, true},
	{"class", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact anomaly_facts[] = {
	{"threshold", EG_CELL_NUMBER},
	{"log", EG_CELL_TEXT},
	{NULL}
};

/* where bands begin; engage_anomaly_band() has the same */
static const struct
{
	double		from;
	const char *word;
}			bands[] = {
	{0.5, "medium"},
	{0.7, "high"},
	{0.9, "critical"}
};

static double
height_of(double count, bool log)
{
	return log ? log10(Max(count, 0) + 1) : Max(count, 0);
}

/* The rows of a class, by score. */
typedef struct Bar
{
	double		lower;
	double		upper;
	double		count;
} Bar;

static int
compare_bars(const void *a, const void *b)
{
	const Bar  *p = a;
	const Bar  *q = b;

	if (p->lower != q->lower)
		return p->lower < q->lower ? -1 : 1;
	return p->upper < q->upper ? -1 : p->upper > q->upper;
}

static void
draw_hill(EgChart *c, const EgPlotData *d, const EgGroups *g, int k, const EgScale *x,
		  const EgScale *y, bool log, bool outline)
{
	int			n = g->count[k];
	Bar		   *bar = palloc(n * sizeof(Bar));
	EgPixel    *p = palloc(4 * n * sizeof(EgPixel));
	int			m = 0;

	for (int i = 0; i < n; i++)
	{
		int			row = g->order[g->start[k] + i];

		bar[i].lower = d->number[AN_LOWER][row];
		bar[i].upper = d->number[AN_UPPER][row];
		bar[i].count = d->number[AN_COUNT][row];
	}
	qsort(bar, n, sizeof(Bar), compare_bars);
	for (int i = 0; i < n; i++)
	{
		double		left = eg_scale_at(x, bar[i].lower);
		double		right = eg_scale_at(x, bar[i].upper);
		double		top = eg_scale_at(y, height_of(bar[i].count, log));

		if (i == 0 || bar[i].lower != bar[i - 1].upper)
		{
			p[m].x = left;
			p[m++].y = y->from;
		}
		p[m].x = left;
		p[m++].y = top;
		p[m].x = right;
		p[m++].y = top;
		if (i == n - 1 || bar[i + 1].lower != bar[i].upper)
		{
			p[m].x = right;
			p[m++].y = y->from;
		}
	}
	if (outline)
		eg_svg_polyline(&c->svg, p, m, eg_ink_series(k), 1.5, EG_SOLID);
	else
		eg_svg_polygon(&c->svg, p, m, eg_ink_series(k), 0.4, NULL);
	pfree(bar);
	pfree(p);
}

/* Ticks at 0, 1, 10, 100 ...; only some of them where there is no room. */
static void
draw_powers(EgChart *c, const EgScale *y, double most, EgBox in)
{
	double		last = INFINITY;

	for (double v = 0; v <= most && isfinite(v); v = v == 0 ? 1 : v * 10)
	{
		double		at = eg_scale_at(y, log10(v + 1));

		if (v > 0)
			eg_svg_line(&c->svg, in.left, at, in.right, at, EG_INK_GRID, 1, EG_SOLID);
		if (last - at < 12)
			continue;
		eg_svg_text(&c->svg, in.left - 6, at + 4, EG_TEXT_SMALL, EG_END, EG_INK_MUTED,
					eg_format_value(v, EG_FORMAT_COUNT), NULL);
		last = at;
	}
}

/* Behind everything: where medium, high and critical begin. */
static void
draw_bands(EgChart *c, const EgScale *x, EgBox in)
{
	for (int i = 0; i < lengthof(bands); i++)
	{
		double		from = Max(bands[i].from, x->lo);
		double		to = Min(i + 1 < lengthof(bands) ? bands[i + 1].from : x->hi, x->hi);
		double		left,
					right;

		if (!(from < to))
			continue;
		left = eg_scale_at(x, from);
		right = eg_scale_at(x, to);
		eg_svg_rect(&c->svg, left, in.top, right - left, in.bottom - in.top,
					EG_INK_HEAT + LIGHTEST + 2 * i, 0.28, bands[i].word);
		eg_svg_line(&c->svg, left, in.top, left, in.bottom, EG_INK_AXIS, 1, EG_DOTTED);
		eg_svg_label(&c->svg, left + 4, in.top + 12, right - left - 4, EG_TEXT_SMALL, EG_START,
					 EG_INK_MUTED, bands[i].word);
	}
}

static void
anomaly_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_plot_groups(d, AN_CLASS);
	const char *word = d->fact_text[AN_LOG];
	bool		log = word && strcmp(word, "true") == 0;
	double		threshold = d->fact_number[AN_THRESHOLD];
	double		most = 0;
	double		lo,
				hi,
				unused;
	EgScale		x,
				y;
	EgBox		in;
	int			k;

	if (g->n > EG_NSERIES || d->nrows > MOST_BINS * EG_NSERIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"anomaly\" has at most %d classes of %d bins, not %d classes and "
						"%d rows", EG_NSERIES, MOST_BINS, g->n, d->nrows)));
	eg_extent(d->number[AN_LOWER], d->nrows, &lo, &unused);
	eg_extent(d->number[AN_UPPER], d->nrows, &unused, &hi);
	for (k = 0; k < g->n; k++)
	{
		double		rows = 0;
		const char *text;

		for (int i = g->start[k]; i < g->start[k + 1]; i++)
		{
			rows += Max(d->number[AN_COUNT][g->order[i]], 0);
			most = Max(most, d->number[AN_COUNT][g->order[i]]);
		}
		text = psprintf("%s %s", eg_format_value(rows, EG_FORMAT_COUNT),
						rows == 1 ? "row" : "rows");
		if (g->name[k])
			text = psprintf("%s (%s)", g->name[k], text);
		eg_chart_legend(c, EG_MARK_BOX, eg_ink_series(k), text);
		eg_chart_say(c, "Scores of %s.", text);
	}
	if (!isnan(threshold))
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_TEXT,
						psprintf("threshold %s", eg_format_value(threshold, EG_FORMAT_NUMBER)));
	x = eg_scale_numbers(lo, hi, eg_chart_format(c, EG_FORMAT_NUMBER), EG_SCALE_EXACT);
	y = log ? eg_scale_numbers(0, height_of(most, true) * 1.12, EG_FORMAT_NUMBER, EG_SCALE_EXACT) :
		eg_scale_numbers(0, most * 1.12, EG_FORMAT_COUNT, EG_SCALE_ZERO | EG_SCALE_WHOLE);
	if (log)
		c->least_left = 14 +
			eg_svg_text_width(EG_TEXT_SMALL, eg_format_value(most, EG_FORMAT_COUNT));
	eg_chart_frame(c, 340, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, "Anomaly score"),
				  eg_y_label(c, log ? "Rows, on a logarithmic axis" : "Rows"),
				  log ? EG_BARE_Y : EG_GRID_Y);
	draw_bands(c, &x, in);
	if (log)
		draw_powers(c, &y, most, in);
	for (k = 0; k < g->n; k++)
		draw_hill(c, d, g, k, &x, &y, log, false);
	for (k = 0; k < g->n; k++)
		draw_hill(c, d, g, k, &x, &y, log, true);
	if (threshold >= x.lo && threshold <= x.hi)
		eg_svg_line(&c->svg, eg_scale_at(&x, threshold), in.top, eg_scale_at(&x, threshold),
					in.bottom, EG_INK_TEXT, 1.5, EG_DASHED);
}

const EgPlotKind eg_plot_anomaly = {
	.name = "anomaly",
	.title = "Anomaly scores",
	.columns = anomaly_columns,
	.facts = anomaly_facts,
	.draw = anomaly_draw,
};
