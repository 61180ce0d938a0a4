/*-------------------------------------------------------------------------
 *
 * plot_watch.c
 *	  Watching a model: its performance over time, the arms of an experiment.
 *
 * Rows are those of engage_performance() and engage_experiment_results().  What a
 * colour says is said by a word or a shape, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/points.h"

#define ARM_HEIGHT		46
#define MOST_ARMS		100
#define MANY_POINTS		80		/* of a line: more have a band instead of whiskers */
#define DODGE			7		/* pixels between versions of one period */

/* ----------
 * Performance
 * ----------
 */
enum
{
	PF_PERIOD, PF_VALUE, PF_VERSION, PF_LOWER, PF_UPPER, PF_TRAINING, PF_N
};

enum
{
	PF_METRIC
};

static const EgPlotColumn performance_columns[] = {
	{"period", EG_CELL_ANY, true},
	{"value", EG_CELL_NUMBER, true},
	{"version", EG_CELL_TEXT},
	{"lower", EG_CELL_NUMBER},
	{"upper", EG_CELL_NUMBER},
	{"at_training", EG_CELL_NUMBER},
	{"n", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact performance_facts[] = {
	{"metric", EG_CELL_TEXT},
	{NULL}
};

static const EgMark shapes[] = {EG_MARK_DOT, EG_MARK_RING, EG_MARK_CROSS, EG_MARK_BOX};

static void
draw_shape(EgChart *c, int series, double x, double y, const char *title)
{
	EgInk		ink = eg_ink_series(series);

	switch (shapes[series % lengthof(shapes)])
	{
		case EG_MARK_RING:
			eg_svg_ring(&c->svg, x, y, 4, ink, title);
			break;
		case EG_MARK_CROSS:
			eg_svg_cross(&c->svg, x, y, 4, ink, title);
			break;
		case EG_MARK_BOX:
			eg_svg_rect(&c->svg, x - 4, y - 4, 8, 8, ink, 1, title);
			break;
		default:
			eg_svg_circle(&c->svg, x, y, 4, ink, title);
			break;
	}
}

/* Do two versions have a value in the same period? */
static bool
share_periods(const EgPlotData *d, const EgGroups *g, const double *x)
{
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	int			i;

	for (i = 0; i < d->nrows; i++)
	{
		p[i].x = x[i];
		p[i].y = g->of_row[i];
	}
	qsort(p, d->nrows, sizeof(EgPixel), eg_points_compare);
	for (i = 1; i < d->nrows; i++)
	{
		if (p[i].x == p[i - 1].x && p[i].y != p[i - 1].y)
			return true;
	}
	return false;
}

static EgScale
performance_y(const EgChart *c, const EgPlotData *d)
{
	static const int members[] = {PF_VALUE, PF_LOWER, PF_UPPER, PF_TRAINING};
	double		lo = NAN,
				hi = NAN;

	for (int i = 0; i < lengthof(members); i++)
	{
		double		a,
					b;

		eg_extent(d->number[members[i]], d->nrows, &a, &b);
		lo = isnan(lo) ? a : isnan(a) ? lo : Min(lo, a);
		hi = isnan(hi) ? b : isnan(b) ? hi : Max(hi, b);
	}
	return eg_scale_numbers(lo, hi, eg_chart_format(c, EG_FORMAT_NUMBER), 0);
}

/* The value at training over the periods of a version. */
static void
draw_training(EgChart *c, const EgPlotData *d, const EgGroups *g, int k, const double *at,
			  const EgScale *y, EgBox in)
{
	double		first = INFINITY,
				last = -INFINITY,
				value = NAN;

	for (int i = g->start[k]; i < g->start[k + 1]; i++)
	{
		int			row = g->order[i];

		first = Min(first, at[row]);
		last = Max(last, at[row]);
		if (!isnan(d->number[PF_TRAINING][row]))
			value = eg_scale_at(y, d->number[PF_TRAINING][row]);
	}
	if (!isnan(value))
		eg_svg_line(&c->svg, Max(first - 14, in.left), value, Min(last + 14, in.right), value,
					eg_ink_series(k), 1.5, EG_DASHED);
}

static void
draw_version(EgChart *c, const EgPlotData *d, const EgGroups *g, int k, const double *at,
			 const EgScale *y)
{
	EgPixel    *p = palloc(g->count[k] * sizeof(EgPixel));
	EgPixel    *low = palloc(g->count[k] * sizeof(EgPixel));
	EgPixel    *high = palloc(g->count[k] * sizeof(EgPixel));
	bool		many = g->count[k] > MANY_POINTS;
	int			n = 0,
				m = 0;

	for (int i = g->start[k]; i < g->start[k + 1]; i++)
	{
		int			row = g->order[i];
		double		lower = d->number[PF_LOWER][row];
		double		upper = d->number[PF_UPPER][row];

		p[n].x = at[row];
		p[n++].y = eg_scale_at(y, d->number[PF_VALUE][row]);
		if (isnan(lower) || isnan(upper))
			continue;
		low[m].x = high[m].x = at[row];
		low[m].y = eg_scale_at(y, lower);
		high[m].y = eg_scale_at(y, upper);
		if (!many)
		{
			eg_svg_line(&c->svg, at[row], low[m].y, at[row], high[m].y, eg_ink_series(k), 1.5,
						EG_SOLID);
			eg_svg_line(&c->svg, at[row] - 3, low[m].y, at[row] + 3, low[m].y, eg_ink_series(k),
						1.5, EG_SOLID);
			eg_svg_line(&c->svg, at[row] - 3, high[m].y, at[row] + 3, high[m].y, eg_ink_series(k),
						1.5, EG_SOLID);
		}
		m++;
	}
	qsort(p, n, sizeof(EgPixel), eg_points_compare);
	if (many)
	{
		qsort(low, m, sizeof(EgPixel), eg_points_compare);
		qsort(high, m, sizeof(EgPixel), eg_points_compare);
		eg_svg_band(&c->svg, high, m, low, m, eg_ink_series(k), 0.18);
	}
	eg_svg_polyline(&c->svg, p, n, eg_ink_series(k), 2, EG_SOLID);
	for (int i = g->start[k]; i < g->start[k + 1] && !many; i++)
	{
		int			row = g->order[i];
		double		lower = d->number[PF_LOWER][row];
		double		people = d->number[PF_N][row];

		draw_shape(c, k, at[row], eg_scale_at(y, d->number[PF_VALUE][row]),
				   psprintf("%s%s%s: %s%s%s", eg_cell_text(d, PF_PERIOD, row),
							g->name[k] ? ", " : "", g->name[k] ? g->name[k] : "",
							eg_format_value(d->number[PF_VALUE][row], y->format),
							isnan(lower) ? "" :
							psprintf(" (%s to %s)", eg_format_value(lower, y->format),
									 eg_format_value(d->number[PF_UPPER][row], y->format)),
							isnan(people) ? "" :
							psprintf(", %s rows", eg_format_value(people, EG_FORMAT_COUNT))));
	}
}

static void
performance_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_chart_series(c, PF_VERSION);
	const char *metric = d->fact_text[PF_METRIC] ? d->fact_text[PF_METRIC] : "metric";
	double	   *at;
	EgScale		x,
				y;
	EgBox		in;
	bool		dodge;
	int			i,
				k;

	at = eg_points_x(d, PF_PERIOD, &x, EG_FORMAT_NUMBER);
	if (x.kind == EG_SCALE_TIME)
	{
		double		air = Max((x.hi - x.lo) * 0.05, 43200);

		x = eg_scale_times(x.lo - air, x.hi + air);
	}
	y = performance_y(c, d);
	dodge = share_periods(d, g, at);
	for (k = 0; k < g->n; k++)
	{
		int			first = g->order[g->start[k]];
		int			last = g->order[g->start[k + 1] - 1];
		const char *name = g->name[k] ? psprintf("version %s", g->name[k]) : "the model";

		if (g->n > 1 || g->name[k])
			eg_chart_legend(c, shapes[k % lengthof(shapes)], eg_ink_series(k), name);
		eg_chart_say(c, "%s of %s: %s (%s)%s", metric, name,
					 eg_format_value(d->number[PF_VALUE][first], EG_FORMAT_NUMBER),
					 eg_cell_text(d, PF_PERIOD, first), first == last ? "." : ",");
		if (first != last)
			eg_chart_say(c, "%s (%s).",
						 eg_format_value(d->number[PF_VALUE][last], EG_FORMAT_NUMBER),
						 eg_cell_text(d, PF_PERIOD, last));
	}
	if (d->given[PF_TRAINING])
		eg_chart_legend(c, EG_MARK_DASHED, EG_INK_AXIS, "at its training");
	if (d->given[PF_LOWER] && d->given[PF_UPPER])
		eg_chart_note(c, "Whiskers and bands: intervals of the metric.");
	eg_chart_frame(c, 340, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, NULL), eg_y_label(c, metric), EG_GRID_Y);
	for (i = 0; i < d->nrows; i++)
	{
		at[i] = eg_scale_at(&x, at[i]);
		if (dodge && g->of_row[i] < g->n)
			at[i] += (g->of_row[i] - (g->n - 1) / 2.0) * Min(DODGE, 28.0 / g->n);
	}
	for (k = g->n - 1; k >= 0; k--)
		draw_training(c, d, g, k, at, &y, in);
	for (k = g->n - 1; k >= 0; k--)
		draw_version(c, d, g, k, at, &y);
}

/* ----------
 * Experiment
 * ----------
 */
enum
{
	EX_VERSION, EX_VALUE, EX_N, EX_DIFFERENCE, EX_LOWER, EX_UPPER, EX_VERDICT
};

enum
{
	EX_MEASURE
};

static const EgPlotColumn experiment_columns[] = {
	{"version", EG_CELL_TEXT, true},
	{"value", EG_CELL_NUMBER, true},
	{"n", EG_CELL_NUMBER},
	{"difference", EG_CELL_NUMBER},
	{"lower", EG_CELL_NUMBER},
	{"upper", EG_CELL_NUMBER},
	{"verdict", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact experiment_facts[] = {
	{"measure", EG_CELL_TEXT},
	{NULL}
};

static bool
is_verdict(const EgPlotData *d, int row, const char *word)
{
	return d->text[EX_VERDICT][row] && strcmp(d->text[EX_VERDICT][row], word) == 0;
}

/* One arm: its interval, its mark, and what is known of it at the right. */
static void
draw_arm(EgChart *c, const EgPlotData *d, const EgScale *x, double y, int row, double unit,
		 EgBox in)
{
	double		difference = d->number[EX_DIFFERENCE][row] / unit;
	double		lower = d->number[EX_LOWER][row] / unit;
	double		upper = d->number[EX_UPPER][row] / unit;
	EgInk		ink = is_verdict(d, row, "better") ? EG_INK_SERIES :
		is_verdict(d, row, "worse") ? EG_INK_UP : EG_INK_TOTAL;
	const char *verdict = d->text[EX_VERDICT][row] ? d->text[EX_VERDICT][row] : "";
	const char *text = isnan(difference) ? verdict :
		psprintf("%s %s", eg_format_signed(difference, x->format), verdict);
	const char *title = psprintf("%s: %s%s", d->text[EX_VERSION][row], text,
								 isnan(lower) || isnan(upper) ? "" :
								 psprintf(", interval %s to %s",
										  eg_format_signed(lower, x->format),
										  eg_format_signed(upper, x->format)));
	double		at = isnan(difference) ? eg_scale_at(x, 0) : eg_scale_at(x, difference);

	if (!isnan(difference))
	{
		/* where there is no bound, the line has no end */
		double		from = isnan(lower) ? in.left : eg_scale_at(x, lower);
		double		to = isnan(upper) ? in.right : eg_scale_at(x, upper);
		EgDash		dash = isnan(lower) || isnan(upper) ? EG_DOTTED : EG_SOLID;

		eg_svg_line(&c->svg, from, y, to, y, ink, 2, dash);
		if (!isnan(lower))
			eg_svg_line(&c->svg, from, y - 5, from, y + 5, ink, 2, EG_SOLID);
		if (!isnan(upper))
			eg_svg_line(&c->svg, to, y - 5, to, y + 5, ink, 2, EG_SOLID);
	}
	if (is_verdict(d, row, "better"))
		eg_svg_circle(&c->svg, at, y, 5, ink, title);
	else if (is_verdict(d, row, "worse"))
		eg_svg_cross(&c->svg, at, y, 5, ink, title);
	else
		eg_svg_ring(&c->svg, at, y, 5, ink, title);
	eg_svg_label(&c->svg, in.right + 10, y - 2, c->width - in.right - 14, EG_TEXT_STRONG, EG_START,
				 EG_INK_TEXT, text);
	eg_svg_label(&c->svg, in.right + 10, y + 13, c->width - in.right - 14, EG_TEXT_SMALL, EG_START,
				 EG_INK_MUTED,
				 psprintf("%s%s%s", eg_format_value(d->number[EX_VALUE][row], EG_FORMAT_NUMBER),
						  isnan(d->number[EX_N][row]) ? "" : ", keys: ",
						  isnan(d->number[EX_N][row]) ? "" :
						  eg_format_value(d->number[EX_N][row], EG_FORMAT_COUNT)));
}

/* The arm that the others are compared with, or -1. */
static int
first_arm(const EgPlotData *d)
{
	for (int i = 0; i < d->nrows; i++)
	{
		if (is_verdict(d, i, "baseline"))
			return i;
	}
	for (int i = 0; i < d->nrows; i++)
	{
		if (isnan(d->number[EX_DIFFERENCE][i]))
			return i;
	}
	return -1;
}

static void
experiment_draw(EgChart *c, const EgPlotData *d)
{
	int			base = first_arm(d);
	double		value = base < 0 ? NAN : fabs(d->number[EX_VALUE][base]);
	bool		relative = value > 0;
	double		unit = relative ? value : 1;
	const char *than = base < 0 ? "the first arm" : d->text[EX_VERSION][base];
	const char *measure = d->fact_text[EX_MEASURE] ? d->fact_text[EX_MEASURE] : "value";
	double		lo = 0,
				hi = 0;
	EgScale		x,
				y;
	EgBox		box,
				in;
	int			i,
				k;

	if (d->nrows > MOST_ARMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"experiment\" has at most %d arms, not %d", MOST_ARMS,
						d->nrows)));
	for (i = 0; i < d->nrows; i++)
	{
		static const int members[] = {EX_DIFFERENCE, EX_LOWER, EX_UPPER};

		for (k = 0; k < lengthof(members); k++)
		{
			double		v = d->number[members[k]][i] / unit;

			lo = isfinite(v) ? Min(lo, v) : lo;
			hi = isfinite(v) ? Max(hi, v) : hi;
		}
		eg_chart_say(c, "%s: %s%s%s.", d->text[EX_VERSION][i],
					 eg_format_value(d->number[EX_VALUE][i], EG_FORMAT_NUMBER),
					 d->text[EX_VERDICT][i] ? ", " : "",
					 d->text[EX_VERDICT][i] ? d->text[EX_VERDICT][i] : "");
	}
	lo -= (hi - lo) * 0.05;
	hi += (hi - lo) * 0.05;
	x = eg_scale_numbers(lo, hi, eg_chart_format(c, relative ? EG_FORMAT_PERCENT :
												 EG_FORMAT_NUMBER), EG_SCALE_ZERO);
	y = eg_scale_categories((const char *const *) d->text[EX_VERSION], d->nrows);
	eg_chart_note(c, "Intervals hold however often one looks. Where one holds 0, the arm is "
				  "undecided.");
	eg_chart_frame(c, 110 + Max(d->nrows * ARM_HEIGHT, 60), 40 + 32 * d->nrows);
	box = c->inner;
	box.right -= 130;
	in = eg_panel(c, box, &x, &y,
				  eg_x_label(c, psprintf("%s, mean: %s %s", measure,
										 relative ? "in percent more or less than" :
										 "beyond that of", than)),
				  eg_y_label(c, NULL), EG_GRID_X);
	eg_svg_line(&c->svg, eg_scale_at(&x, 0), in.top, eg_scale_at(&x, 0), in.bottom, EG_INK_TEXT,
				1.5, EG_DASHED);
	for (i = 0; i < d->nrows; i++)
		draw_arm(c, d, &x, eg_scale_at(&y, i), i, unit, in);
}

const EgPlotKind eg_plot_performance = {
	.name = "performance",
	.title = "Performance over time",
	.columns = performance_columns,
	.facts = performance_facts,
	.draw = performance_draw,
};

const EgPlotKind eg_plot_experiment = {
	.name = "experiment",
	.title = "Arms of the experiment",
	.columns = experiment_columns,
	.facts = experiment_facts,
	.draw = experiment_draw,
};
