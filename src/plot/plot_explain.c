/*-------------------------------------------------------------------------
 *
 * plot_explain.c
 *	  One row's contributions: as a waterfall, and as two forces.
 *
 * Rows are those of engage_explain(): a feature, its value, its contribution; or the
 * value of engage_explain_json().  Base and contributions make the prediction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

#define DEFAULT_LIMIT	12
#define ROW_HEIGHT		25
#define BAR				0.62	/* of a row */
#define FORCE_HEIGHT	34
#define FORCE_LIST		6		/* names under each side of a force */

enum
{
	EX_FEATURE, EX_VALUE, EX_CONTRIBUTION, EX_BASE, EX_PREDICTION
};

enum
{
	EX_FACT_BASE, EX_FACT_PREDICTION, EX_FACT_UNIT, EX_FACT_CLASS, EX_FACT_REST
};

static const EgPlotColumn explain_columns[] = {
	{"feature", EG_CELL_TEXT, true},
	{"value", EG_CELL_ANY},
	{"contribution", EG_CELL_NUMBER, true},
	{"base", EG_CELL_NUMBER},
	{"prediction", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact explain_facts[] = {
	{"base", EG_CELL_NUMBER},
	{"prediction", EG_CELL_NUMBER},
	{"unit", EG_CELL_TEXT},
	{"class", EG_CELL_TEXT},
	{"rest", EG_CELL_NUMBER},
	{"method", EG_CELL_TEXT},
	{NULL}
};

/* A step from base to prediction. */
typedef struct Step
{
	const char *name;			/* "tenure = 2" */
	double		contribution;
	int			row;
} Step;

typedef struct Steps
{
	double		base;
	double		prediction;
	int			n;
	Step	   *step;
	double		largest;		/* contribution, absolute */
	EgFormat	format;
	const char *unit;
} Steps;

static int
compare_steps(const void *a, const void *b)
{
	const Step *p = a;
	const Step *q = b;
	double		x = fabs(p->contribution);
	double		y = fabs(q->contribution);

	return x > y ? -1 : x < y ? 1 : p->row < q->row ? -1 : 1;
}

/* "tenure = 2"; values as they were given, not rounded for a tick. */
static const char *
name_of(const EgPlotData *d, int row, bool with_value)
{
	const char *feature = d->text[EX_FEATURE][row];
	double		v = d->number[EX_VALUE][row];

	if (!with_value)
		return feature;
	if (d->text[EX_VALUE][row])
		return psprintf("%s = %s", feature, d->text[EX_VALUE][row]);
	return isnan(v) ? psprintf("%s missing", feature) :
		psprintf("%s = %s", feature, fabs(v) < 1e15 && v == floor(v) ? psprintf("%.0f", v) :
				 psprintf("%.6g", v));
}

/* Largest first; those beyond the limit as one. */
static Steps
steps_of(EgChart *c, const EgPlotData *d, int limit)
{
	Steps		s = {0};
	double		rest = isnan(d->fact_number[EX_FACT_REST]) ? 0 : d->fact_number[EX_FACT_REST];
	double		sum = rest;
	int			i;

	s.base = d->fact_number[EX_FACT_BASE];
	s.prediction = d->fact_number[EX_FACT_PREDICTION];
	s.unit = d->fact_text[EX_FACT_UNIT];
	if (s.unit == NULL && d->fact_text[EX_FACT_CLASS])
		s.unit = psprintf("Score of class %s", d->fact_text[EX_FACT_CLASS]);
	s.step = palloc((d->nrows + 1) * sizeof(Step));
	for (i = 0; i < d->nrows; i++)
	{
		s.step[i].name = name_of(d, i, d->given[EX_VALUE]);
		s.step[i].contribution = d->number[EX_CONTRIBUTION][i];
		s.step[i].row = i;
		sum += s.step[i].contribution;
		if (isnan(s.base))
			s.base = d->number[EX_BASE][i];
		if (isnan(s.prediction))
			s.prediction = d->number[EX_PREDICTION][i];
	}
	if (isnan(s.base))
		s.base = isnan(s.prediction) ? 0 : s.prediction - sum;
	if (isnan(s.prediction))
		s.prediction = s.base + sum;
	else if (fabs(s.base + sum - s.prediction) >
			 1e-3 * Max(fabs(s.prediction), Max(fabs(s.base), fabs(sum))))
		eg_chart_note(c, "Base and contributions add up to %s, not to the prediction.",
					  eg_format_value(s.base + sum, EG_FORMAT_NUMBER));

	qsort(s.step, d->nrows, sizeof(Step), compare_steps);
	s.n = d->nrows;
	s.largest = fabs(s.step[0].contribution);
	s.format = eg_chart_format(c, EG_FORMAT_NUMBER);
	s.step[s.n].name = "other features";
	if (s.n > limit + 1)
	{
		for (i = limit; i < s.n; i++)
			rest += s.step[i].contribution;
		if (isnan(d->fact_number[EX_FACT_REST]))
			s.step[limit].name = psprintf("%d other features", s.n - limit);
		else
			s.step[limit].name = "other features";
		s.n = limit;
	}
	if (rest != 0)
		s.step[s.n++].contribution = rest;
	return s;
}

/* "+0.06", as many decimals as the others have */
static const char *
step_text(const Steps *s, double contribution)
{
	return eg_format_among(contribution, s->largest, s->largest < 1 ? 2 : 3, s->format, true);
}

static void
describe(EgChart *c, const Steps *s)
{
	eg_chart_say(c, "From the base of %s to the prediction of %s.",
				 eg_format_value(s->base, s->format), eg_format_value(s->prediction, s->format));
	for (int i = 0; i < Min(s->n, 5); i++)
		eg_chart_say(c, "%s: %s.", s->step[i].name,
					 step_text(s, s->step[i].contribution));
}

/* A bar with a point towards where it goes. */
static void
draw_arrow(EgChart *c, double from, double to, double y, double height, EgInk ink,
		   const char *title)
{
	double		head = Min(fabs(to - from), 5) * (to < from ? -1 : 1);
	double		half = height / 2;
	EgPixel		p[5] = {
		{from, y - half}, {to - head, y - half}, {to, y}, {to - head, y + half}, {from, y + half}
	};

	eg_svg_polygon(&c->svg, p, 5, ink, 1, title);
}

/* A number beside a bar: behind its end, or before its start where there is no room. */
static void
draw_number(EgChart *c, double from, double to, double y, const char *text, EgBox in)
{
	double		width = eg_svg_text_width(EG_TEXT_SMALL, text) + 6;
	bool		right = to >= from;

	if (right ? to + width > in.right : to - width < in.left)
	{
		right = !right;
		to = from;
	}
	eg_svg_text(&c->svg, to + (right ? 6 : -6), y + 4, EG_TEXT_SMALL, right ? EG_START : EG_END,
				EG_INK_TEXT, text, NULL);
}

static void
waterfall_draw(EgChart *c, const EgPlotData *d)
{
	Steps		s = steps_of(c, d, c->o->limit > 0 ? c->o->limit : DEFAULT_LIMIT);
	const char **labels = palloc((s.n + 2) * sizeof(char *));
	double		lo = Min(s.base, s.prediction),
				hi = Max(s.base, s.prediction),
				at = s.base;
	EgScale		x,
				y;
	EgBox		in;
	double		height;
	int			i;

	labels[0] = "base";
	labels[s.n + 1] = "prediction";
	for (i = 0; i < s.n; i++)
	{
		labels[i + 1] = s.step[i].name;
		at += s.step[i].contribution;
		lo = Min(lo, at);
		hi = Max(hi, at);
	}
	x = eg_scale_numbers(lo - 0.08 * (hi - lo), hi + 0.08 * (hi - lo), s.format, EG_SCALE_EXACT);
	y = eg_scale_categories(labels, s.n + 2);
	describe(c, &s);
	eg_chart_legend(c, EG_MARK_BOX, EG_INK_UP, "raises the prediction");
	eg_chart_legend(c, EG_MARK_BOX, EG_INK_DOWN, "lowers it");
	eg_chart_frame(c, 92 + (s.n + 2) * ROW_HEIGHT, EG_LEAST_ROWS(s.n + 2));
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, s.unit), eg_y_label(c, NULL), EG_GRID_X);

	height = eg_scale_band(&y) * BAR;
	at = s.base;
	for (i = 0; i < s.n; i++)
	{
		double		next = at + s.step[i].contribution;
		double		from = eg_scale_at(&x, at);
		double		to = eg_scale_at(&x, next);
		double		middle = eg_scale_at(&y, i + 1);
		const char *text = step_text(&s, s.step[i].contribution);

		/* from the row above to this one, at the value reached so far */
		eg_svg_line(&c->svg, from, eg_scale_at(&y, i) + (i == 0 ? 0 : height / 2), from,
					middle - height / 2, EG_INK_AXIS, 1, EG_DOTTED);
		draw_arrow(c, from, to, middle, height, next >= at ? EG_INK_UP : EG_INK_DOWN,
				   psprintf("%s: %s", s.step[i].name, text));
		draw_number(c, from, to, middle, text, in);
		at = next;
	}
	eg_svg_line(&c->svg, eg_scale_at(&x, at), eg_scale_at(&y, s.n) + height / 2,
				eg_scale_at(&x, at), eg_scale_at(&y, s.n + 1), EG_INK_AXIS, 1, EG_DOTTED);
	for (i = 0; i < 2; i++)
	{
		double		v = i == 0 ? s.base : s.prediction;
		double		from = eg_scale_at(&x, v);
		double		middle = eg_scale_at(&y, i == 0 ? 0 : s.n + 1);
		const char *text = eg_format_value(v, s.format);
		bool		right = from + eg_svg_text_width(EG_TEXT_STRONG, text) + 10 < in.right;

		eg_svg_circle(&c->svg, from, middle, 4.5, EG_INK_TOTAL, text);
		eg_svg_text(&c->svg, from + (right ? 10 : -10), middle + 4, EG_TEXT_STRONG,
					right ? EG_START : EG_END, EG_INK_TEXT, text, NULL);
	}
}

/* ----------
 * Force: what raises pushes from the left, what lowers from the right; they meet at
 * the prediction.
 * ----------
 */

/* Names of one side in a column. */
static void
list_side(EgChart *c, const Steps *s, bool up, double x, double y, double width)
{
	int			n = 0;
	int			more = 0;

	eg_svg_text(&c->svg, x, y, EG_TEXT_STRONG, EG_START, EG_INK_TEXT,
				up ? "raises the prediction" : "lowers it", NULL);
	eg_svg_rect(&c->svg, x, y + 5, width, 2, up ? EG_INK_UP : EG_INK_DOWN, 1, NULL);
	for (int i = 0; i < s->n; i++)
	{
		const char *text = step_text(s, s->step[i].contribution);

		if (s->step[i].contribution == 0 || (s->step[i].contribution > 0) != up)
			continue;
		if (n >= FORCE_LIST)
		{
			more++;
			continue;
		}
		y += EG_LINE_BODY + (n == 0 ? 6 : 0);
		n++;
		eg_svg_label(&c->svg, x, y, width - 56, EG_TEXT_BODY, EG_START, EG_INK_TEXT,
					 s->step[i].name);
		eg_svg_text(&c->svg, x + width, y, EG_TEXT_BODY, EG_END, EG_INK_TEXT, text, NULL);
	}
	if (n == 0)
		eg_svg_text(&c->svg, x, y + EG_LINE_BODY + 6, EG_TEXT_BODY, EG_START, EG_INK_MUTED,
					"nothing", NULL);
	if (more > 0)
		eg_svg_text(&c->svg, x, y + EG_LINE_BODY, EG_TEXT_SMALL, EG_START, EG_INK_MUTED,
					psprintf("and %d more", more), NULL);
}

/* Segments of one side, the largest next to the prediction. */
static void
draw_side(EgChart *c, const Steps *s, bool up, const EgScale *x, double y)
{
	double		at = s->prediction;

	for (int i = 0; i < s->n; i++)
	{
		double		v = s->step[i].contribution;
		double		from,
					to;

		if (v == 0 || (v > 0) != up)
			continue;
		/* both sides point at the prediction */
		to = eg_scale_at(x, at);
		from = eg_scale_at(x, at - v);
		draw_arrow(c, from, to + (up ? -0.6 : 0.6), y, FORCE_HEIGHT,
				   up ? EG_INK_UP : EG_INK_DOWN,
				   psprintf("%s: %s", s->step[i].name, step_text(s, v)));
		at -= v;
	}
}

/* The base in words, unless the words for the prediction are there: around middle, half wide. */
static void
draw_base_label(EgChart *c, const Steps *s, const EgScale *x, EgBox in, double middle,
				double half)
{
	const char *text = psprintf("base %s", eg_format_value(s->base, s->format));
	double		width = eg_svg_text_width(EG_TEXT_SMALL, text) / 2;
	double		at = Min(Max(eg_scale_at(x, s->base), in.left + width), in.right - width);

	if (fabs(at - middle) > half + width + 8)
		eg_svg_text(&c->svg, at, in.top - 9, EG_TEXT_SMALL, EG_MIDDLE, EG_INK_MUTED, text, NULL);
}

static void
force_draw(EgChart *c, const EgPlotData *d)
{
	Steps		s = steps_of(c, d, c->o->limit > 0 ? c->o->limit : 2 * DEFAULT_LIMIT);
	double		up = 0,
				down = 0,
				at,
				y,
				column;
	EgScale		x;
	EgScale		none = eg_scale_numbers(0, 1, EG_FORMAT_NUMBER, EG_SCALE_EXACT);
	EgBox		box,
				in;
	const char *text = psprintf("prediction %s", eg_format_value(s.prediction, s.format));

	for (int i = 0; i < s.n; i++)
	{
		up += Max(s.step[i].contribution, 0);
		down += Min(s.step[i].contribution, 0);
	}
	describe(c, &s);
	x = eg_scale_numbers(Min(s.prediction - up, s.base), Max(s.prediction - down, s.base),
						 s.format, 0);
	eg_chart_frame(c, 318, 276);
	box = c->inner;
	box.top += 20;
	box.bottom = box.top + FORCE_HEIGHT + 54;
	none.nticks = 0;
	in = eg_panel(c, box, &x, &none, eg_x_label(c, s.unit), NULL, EG_BARE_Y);
	y = in.bottom - FORCE_HEIGHT / 2 - 8;
	draw_side(c, &s, true, &x, y);
	draw_side(c, &s, false, &x, y);

	at = eg_scale_at(&x, s.prediction);
	eg_svg_line(&c->svg, at, in.top - 4, at, in.bottom, EG_INK_TEXT, 2, EG_SOLID);
	column = eg_svg_text_width(EG_TEXT_STRONG, text) / 2;
	eg_svg_text(&c->svg, Min(Max(at, in.left + column), in.right - column), in.top - 9,
				EG_TEXT_STRONG, EG_MIDDLE, EG_INK_TEXT, text, NULL);
	eg_svg_line(&c->svg, eg_scale_at(&x, s.base), in.bottom - FORCE_HEIGHT - 12,
				eg_scale_at(&x, s.base), in.bottom, EG_INK_AXIS, 1.5, EG_DASHED);
	draw_base_label(c, &s, &x, in, Min(Max(at, in.left + column), in.right - column), column);
	eg_chart_say(c, "Raising: %s in all; lowering: %s.", step_text(&s, up),
				 step_text(&s, down));

	column = (c->inner.right - c->inner.left - 28) / 2;
	list_side(c, &s, true, c->inner.left, box.bottom + 26, column);
	list_side(c, &s, false, c->inner.left + column + 28, box.bottom + 26, column);
}

const EgPlotKind eg_plot_waterfall = {
	.name = "waterfall",
	.title = "From the base to the prediction",
	.columns = explain_columns,
	.facts = explain_facts,
	.rows = "contributions",
	.draw = waterfall_draw,
};

const EgPlotKind eg_plot_force = {
	.name = "force",
	.title = "What pushes the prediction",
	.columns = explain_columns,
	.facts = explain_facts,
	.rows = "contributions",
	.draw = force_draw,
};
