/*-------------------------------------------------------------------------
 *
 * chart.c
 *	  What all pictures have around the drawing.
 *
 * From top to bottom: title, legend, panels, notes.  What an axis measures is written
 * above the y axis rather than turned beside it, since people read in lines.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

#define MARGIN			14
#define MARK_WIDTH		16		/* of a legend entry, and the space after it */
#define MARK_GAP		6
#define ENTRY_GAP		18
#define MOST_ENTRIES	16
#define MOST_SERIES		50
#define MOST_LINES		8		/* of notes */
#define SCALE_WIDTH		96		/* of a scale of colours */
#define TICK_GAP		7		/* from label to axis */
#define TICK_HEIGHT		45		/* pixels from tick to tick of y, and of x */
#define TICK_WIDTH		60
#define TURNED			-32		/* degrees of category labels that do not fit side by side */
#define TURNED_WIDTH	110
#define TURNED_STEP		24		/* pixels from one to the next */
#define MOST_LABEL		0.36	/* of the width, for categories at the left */

void
eg_chart_init(EgChart *c, const EgPlotOptions *o, const EgPlotData *d)
{
	memset(c, 0, sizeof(*c));
	eg_svg_init(&c->svg, o->theme, o->background);
	c->o = o;
	c->d = d;
	c->width = o->width;
	c->title = o->title ? o->title : d->kind->title;
	initStringInfo(&c->notes);
	initStringInfo(&c->words);
}

static void
add_entry(EgChart *c, EgLegend entry)
{
	c->legend = c->legend == NULL ? palloc(sizeof(EgLegend)) :
		repalloc(c->legend, (c->nlegend + 1) * sizeof(EgLegend));
	c->legend[c->nlegend++] = entry;
}

void
eg_chart_legend(EgChart *c, EgMark mark, EgInk ink, const char *text)
{
	EgLegend	entry = {mark, ink, text, NULL};

	add_entry(c, entry);
}

void
eg_chart_legend_scale(EgChart *c, EgMark mark, const char *low, const char *high)
{
	EgLegend	entry = {mark, EG_INK_MUTED, low, high};

	add_entry(c, entry);
}

static void add_words(StringInfo out, const char *format, va_list args, va_list again)
			pg_attribute_printf(2, 0);

EgGroups *
eg_chart_series(EgChart *c, int column)
{
	EgGroups   *g = eg_plot_groups(c->d, column);

	if (g->n > MOST_SERIES)
	{
		eg_chart_note(c, "%d of %s series are drawn.", MOST_SERIES,
					  eg_format_value(g->n, EG_FORMAT_COUNT));
		g->n = MOST_SERIES;
	}
	return g;
}

/* Append a sentence. */
static void
add_words(StringInfo out, const char *format, va_list args, va_list again)
{
	int			more;

	if (out->len > 0)
		appendStringInfoChar(out, ' ');
	more = appendStringInfoVA(out, format, args);
	if (more > 0)
	{
		enlargeStringInfo(out, more);
		(void) appendStringInfoVA(out, format, again);
	}
}

void
eg_chart_note(EgChart *c, const char *format,...)
{
	va_list		args,
				again;

	va_start(args, format);
	va_copy(again, args);
	add_words(&c->notes, format, args, again);
	va_end(again);
	va_end(args);
}

void
eg_chart_say(EgChart *c, const char *format,...)
{
	va_list		args,
				again;

	va_start(args, format);
	va_copy(again, args);
	add_words(&c->words, format, args, again);
	va_end(again);
	va_end(args);
}

EgFormat
eg_chart_format(const EgChart *c, EgFormat otherwise)
{
	return c->o->has_format ? c->o->format : otherwise;
}

const char *
eg_x_label(const EgChart *c, const char *otherwise)
{
	return c->o->x_label ? c->o->x_label : otherwise;
}

const char *
eg_y_label(const EgChart *c, const char *otherwise)
{
	return c->o->y_label ? c->o->y_label : otherwise;
}

/* ----------
 * Title, legend, notes
 * ----------
 */
static void
draw_scale_of_colours(EgChart *c, const EgLegend *e, double x, double y)
{
	int			steps = e->mark == EG_MARK_HEAT ? EG_HEAT_STEPS : EG_LOWHIGH_STEPS;
	int			first = e->mark == EG_MARK_HEAT ? EG_INK_HEAT : EG_INK_LOWHIGH;
	double		step = (double) SCALE_WIDTH / steps;

	eg_svg_text(&c->svg, x, y, EG_TEXT_BODY, EG_START, EG_INK_TEXT, e->text, NULL);
	x += eg_svg_text_width(EG_TEXT_BODY, e->text) + MARK_GAP;
	for (int i = 0; i < steps; i++)
		eg_svg_rect(&c->svg, x + i * step, y - 9, step + 0.3, 10, (EgInk) (first + i), 1, NULL);
	eg_svg_text(&c->svg, x + SCALE_WIDTH + MARK_GAP, y, EG_TEXT_BODY, EG_START, EG_INK_TEXT,
				e->high, NULL);
}

static void
draw_mark(EgChart *c, const EgLegend *e, double x, double y)
{
	EgSvg	   *svg = &c->svg;
	double		middle = y - 4;

	switch (e->mark)
	{
		case EG_MARK_LINE:
		case EG_MARK_DASHED:
			eg_svg_line(svg, x, middle, x + MARK_WIDTH, middle, e->ink, 2,
						e->mark == EG_MARK_DASHED ? EG_DASHED : EG_SOLID);
			break;
		case EG_MARK_BOX:
			eg_svg_rect(svg, x + 3, y - 9, 11, 10, e->ink, 1, NULL);
			break;
		case EG_MARK_DOT:
			eg_svg_circle(svg, x + 9, middle, 4, e->ink, NULL);
			break;
		case EG_MARK_RING:
			eg_svg_ring(svg, x + 9, middle, 3.5, e->ink, NULL);
			break;
		case EG_MARK_CROSS:
			eg_svg_cross(svg, x + 9, middle, 3, e->ink, NULL);
			break;
		default:
			break;
	}
}

static double
entry_width(const EgLegend *e)
{
	if (e->high)
		return eg_svg_text_width(EG_TEXT_BODY, e->text) + eg_svg_text_width(EG_TEXT_BODY, e->high) +
			SCALE_WIDTH + 2 * MARK_GAP;
	return MARK_WIDTH + MARK_GAP + eg_svg_text_width(EG_TEXT_BODY, e->text);
}

/* Entries side by side, in as many lines as they need.  Returns the next y. */
static double
draw_legend(EgChart *c, double y)
{
	double		room = c->width - 2 * MARGIN;
	double		x = MARGIN;

	if (c->nlegend == 0)
		return y;
	y += EG_LINE_BODY;
	for (int i = 0; i < c->nlegend; i++)
	{
		const EgLegend *e = &c->legend[i];
		double		width = Min(entry_width(e), room);

		if (x > MARGIN && x + width > c->width - MARGIN)
		{
			x = MARGIN;
			y += EG_LINE_BODY;
		}
		if (e->high)
			draw_scale_of_colours(c, e, x, y - 4);
		else
		{
			draw_mark(c, e, x, y - 4);
			eg_svg_label(&c->svg, x + MARK_WIDTH + MARK_GAP, y - 4,
						 width + 1 - MARK_WIDTH - MARK_GAP, EG_TEXT_BODY, EG_START, EG_INK_TEXT,
						 e->text);
		}
		x += width + ENTRY_GAP;
	}
	return y + 4;
}

/* Bytes of s that fit into a line, at least a word. */
static int
line_length(const char *s, double width)
{
	const char *space = strchr(s, ' ');
	int			len = strlen(s);
	int			fits = space ? (int) (space - s) : len;

	for (; space; space = strchr(space + 1, ' '))
	{
		if (eg_svg_text_width(EG_TEXT_SMALL, pnstrdup(s, space - s)) > width)
			return fits;
		fits = space - s;
	}
	return eg_svg_text_width(EG_TEXT_SMALL, s) <= width ? len : fits;
}

/* The notes in lines; returns how many. */
static int
break_notes(const EgChart *c, const char **lines)
{
	const char *s = c->notes.data;
	int			n = 0;

	while (*s && n < MOST_LINES)
	{
		int			len = line_length(s, c->width - 2 * MARGIN);

		lines[n] = n + 1 < MOST_LINES ? pnstrdup(s, len) : s;
		n++;
		s += len;
		s += strspn(s, " ");
	}
	return n;
}

void
eg_chart_frame(EgChart *c, double height, double least)
{
	double		y = MARGIN - 6;
	const char *lines[MOST_LINES];
	double		foot;
	int			n;

	if (c->nlegend > MOST_ENTRIES)
	{
		eg_chart_note(c, "The legend names %d of %d.", MOST_ENTRIES, c->nlegend);
		c->nlegend = MOST_ENTRIES;
	}
	if (c->d->left_out > 0)
		eg_chart_note(c, "%s %s without a value: left out.",
					  eg_format_value(c->d->left_out, EG_FORMAT_COUNT),
					  c->d->left_out == 1 ? "row" : "rows");
	if (*c->title)
	{
		y += 18;
		eg_svg_label(&c->svg, MARGIN, y, c->width - 2 * MARGIN, EG_TEXT_TITLE, EG_START,
					 EG_INK_TEXT, c->title);
		y += 4;
	}
	c->inner.top = draw_legend(c, y) + 6;
	n = break_notes(c, lines);
	foot = 8 + n * EG_LINE_SMALL + (n > 0 ? 4 : 0);
	c->height = ceil(Max(c->o->height > 0 ? c->o->height : height, c->inner.top + least + foot));
	for (int i = 0; i < n; i++)
		eg_svg_label(&c->svg, MARGIN, c->height - 8 - (n - 1 - i) * EG_LINE_SMALL,
					 c->width - 2 * MARGIN, EG_TEXT_SMALL, EG_START, EG_INK_MUTED, lines[i]);
	c->inner.bottom = c->height - foot;
	c->inner.left = MARGIN;
	c->inner.right = c->width - MARGIN;
}

void
eg_chart_empty(EgChart *c)
{
	eg_chart_frame(c, 160, 60);
	eg_svg_text(&c->svg, (c->inner.left + c->inner.right) / 2,
				(c->inner.top + c->inner.bottom) / 2, EG_TEXT_BODY, EG_MIDDLE, EG_INK_MUTED,
				"There are no rows to draw.", NULL);
	eg_chart_say(c, "There are no rows to draw.");
}

char *
eg_chart_finish(EgChart *c)
{
	const char *title = *c->title ? c->title : c->d->kind->title;
	const char *words = c->o->description;

	if (words == NULL && c->notes.len > 0)
		words = psprintf("%s%s%s", c->words.data, c->words.len > 0 ? " " : "", c->notes.data);
	return eg_svg_finish(&c->svg, c->width, c->height, c->o->id, title,
						 words ? words : c->words.data);
}

/* ----------
 * Panels
 * ----------
 */

static int
y_ticks(double height)
{
	return Max((int) (height / TICK_HEIGHT), 2);
}

/* Room for the labels of y, in a panel of that size. */
double
eg_panel_left(const EgScale *y, double width, double height)
{
	EgScale		trial = *y;
	double		most = 0;
	int			i;

	if (y->kind == EG_SCALE_CATEGORY)
	{
		for (i = 0; i < y->ncategories; i++)
			most = Max(most, eg_svg_text_width(EG_TEXT_BODY, y->category[i]));
		return Min(most, width * MOST_LABEL) + TICK_GAP;
	}
	eg_scale_place(&trial, height, 0, y_ticks(height));
	for (i = 0; i < trial.nticks; i++)
		most = Max(most, eg_svg_text_width(EG_TEXT_SMALL, trial.label[i]));
	return most + TICK_GAP;
}

/* As many ticks as have labels that do not touch. */
static void
place_x(EgScale *x, double from, double to)
{
	int			want;

	for (want = Max((int) ((to - from) / TICK_WIDTH), 2); want > 1; want--)
	{
		double		end = -1e9;
		bool		fits = true;

		eg_scale_place(x, from, to, want);
		for (int i = 0; i < x->nticks; i++)
		{
			double		half = eg_svg_text_width(EG_TEXT_SMALL, x->label[i]) / 2;
			double		at = eg_scale_at(x, x->tick[i]);

			fits = fits && at - half > end + 8;
			end = at + half;
		}
		if (fits)
			return;
	}
	eg_scale_place(x, from, to, 2);
}

/* Do labels of categories fit side by side?  Else they are turned. */
static bool
categories_fit(const EgScale *x, double width)
{
	double		band = width / Max(x->ncategories, 1);

	for (int i = 0; i < x->ncategories; i++)
	{
		if (eg_svg_text_width(EG_TEXT_SMALL, x->category[i]) > band - 4)
			return false;
	}
	return true;
}

/* Height of the labels of x. */
static double
x_labels_height(const EgScale *x, double width)
{
	double		most = 0;

	if (x->kind != EG_SCALE_CATEGORY || categories_fit(x, width))
		return EG_LINE_SMALL + 3;
	for (int i = 0; i < x->ncategories; i++)
		most = Max(most, eg_svg_text_width(EG_TEXT_SMALL, x->category[i]));
	return Min(most, TURNED_WIDTH) * sin(-TURNED * M_PI / 180) + EG_LINE_SMALL;
}

static void
draw_x_categories(EgChart *c, const EgScale *x, EgBox in)
{
	bool		flat = categories_fit(x, in.right - in.left);
	double		band = eg_scale_band(x);
	int			every = (int) ceil((flat ? 1 : TURNED_STEP) / Max(band, 0.01));

	for (int i = 0; i < x->ncategories; i += Max(every, 1))
	{
		double		at = eg_scale_at(x, i);
		const char *name = x->category[i];
		double		room = flat ? band : Min(TURNED_WIDTH, at / cos(TURNED * M_PI / 180));
		const char *part = eg_text_shorten(name, room, 11, false);

		if (flat)
			eg_svg_text(&c->svg, at, in.bottom + 14, EG_TEXT_SMALL, EG_MIDDLE, EG_INK_MUTED, part,
						part == name ? NULL : name);
		else
			eg_svg_text_turned(&c->svg, at + 4, in.bottom + 12, EG_TEXT_SMALL, EG_END,
							   EG_INK_MUTED, TURNED, part, part == name ? NULL : name);
	}
}

static void
draw_x(EgChart *c, const EgScale *x, EgBox in, int flags)
{
	if (x->kind == EG_SCALE_CATEGORY)
	{
		if (!(flags & EG_NO_X))
			draw_x_categories(c, x, in);
		return;
	}
	for (int i = 0; i < x->nticks; i++)
	{
		double		at = eg_scale_at(x, x->tick[i]);
		double		half = eg_svg_text_width(EG_TEXT_SMALL, x->label[i]) / 2;
		double		centre = Min(at, c->width - 4 - half);

		if (flags & EG_GRID_X)
			eg_svg_line(&c->svg, at, in.top, at, in.bottom, EG_INK_GRID, 1, EG_SOLID);
		if (flags & EG_NO_X)
			continue;
		if (!(flags & EG_GRID_X))
			eg_svg_line(&c->svg, at, in.bottom, at, in.bottom + 4, EG_INK_AXIS, 1, EG_SOLID);
		eg_svg_text(&c->svg, centre, in.bottom + 16, EG_TEXT_SMALL, EG_MIDDLE, EG_INK_MUTED,
					x->label[i], NULL);
	}
}

static void
draw_y(EgChart *c, const EgScale *y, EgBox in, double room, int flags)
{
	int			i;

	if (y->kind == EG_SCALE_CATEGORY)
	{
		int			every = (int) ceil(12 / eg_scale_band(y));

		/* many narrow bands: every second label, or every third */
		for (i = 0; i < y->ncategories && !(flags & EG_BARE_Y); i += Max(every, 1))
			eg_svg_label(&c->svg, in.left - TICK_GAP, eg_scale_at(y, i) + 4, room - TICK_GAP,
						 EG_TEXT_BODY, EG_END, EG_INK_TEXT, y->category[i]);
		return;
	}
	for (i = 0; i < y->nticks; i++)
	{
		double		at = eg_scale_at(y, y->tick[i]);

		if (flags & EG_GRID_Y)
			eg_svg_line(&c->svg, in.left, at, in.right, at, EG_INK_GRID, 1, EG_SOLID);
		if (!(flags & EG_BARE_Y))
			eg_svg_text(&c->svg, in.left - TICK_GAP, at + 4, EG_TEXT_SMALL, EG_END, EG_INK_MUTED,
						y->label[i], NULL);
	}
}

EgBox
eg_panel(EgChart *c, EgBox box, EgScale *x, EgScale *y, const char *x_label, const char *y_label,
		 int flags)
{
	EgBox		in = box;
	double		room,
				bottom;

	/* the last label of x stands half outside */
	in.right -= x->kind == EG_SCALE_CATEGORY ? 0 : 10;
	if (y_label && *y_label)
		in.top += EG_LINE_SMALL + 8;
	else if (y->kind != EG_SCALE_CATEGORY)
		in.top += 6;
	if (x_label && *x_label)
		in.bottom -= EG_LINE_SMALL + 3;
	bottom = in.bottom;
	/* labels of x take height, labels of y width, and each depends on the other: twice is enough */
	room = MOST_LABEL * (box.right - box.left);
	for (int i = 0; i < 2; i++)
	{
		in.left = box.left + room;
		in.bottom = bottom;
		if (!(flags & EG_NO_X))
			in.bottom -= x_labels_height(x, in.right - in.left);
		in.bottom = Max(in.bottom, in.top + 20 + c->foot);
		room = flags & EG_BARE_Y ? 4 :
			eg_panel_left(y, box.right - box.left, in.bottom - c->foot - in.top);
		room = Max(room, Max(c->least_left, 4));
	}
	in.left = box.left + room;

	place_x(x, in.left, in.right);
	if (y->kind == EG_SCALE_CATEGORY)
		eg_scale_place(y, in.top, in.bottom, 0);
	else
		eg_scale_place(y, in.bottom - c->foot, in.top, y_ticks(in.bottom - c->foot - in.top));

	draw_x(c, x, in, flags);
	draw_y(c, y, in, room, flags);
	if (!(flags & EG_NO_BASE))
		eg_svg_line(&c->svg, in.left, in.bottom, in.right, in.bottom, EG_INK_AXIS, 1, EG_SOLID);
	if (y_label && *y_label)
		eg_svg_label(&c->svg, box.left, box.top + 11, box.right - box.left, EG_TEXT_SMALL,
					 EG_START, EG_INK_MUTED, y_label);
	if (x_label && *x_label)
		eg_svg_label(&c->svg, (in.left + in.right) / 2, box.bottom - 3, in.right - in.left,
					 EG_TEXT_SMALL, EG_MIDDLE, EG_INK_MUTED, x_label);
	return in;
}
