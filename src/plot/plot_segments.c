/*-------------------------------------------------------------------------
 *
 * plot_segments.c
 *	  Segments: rows in a plane, and how well each row lies in its own.
 *
 * Rows are those of engage_projection() and engage_silhouettes().  Segments have
 * colours, and their names stand at them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "plot/points.h"

#define MOST_NAMES		40		/* written into the plane */
#define NAME_WIDTH		150
#define NAME_HEIGHT		17
#define MOST_SEGMENTS	60		/* of silhouettes */
#define SLOT			26		/* least pixels of one */

/* ----------
 * What both share
 * ----------
 */

/* Noise is 0, or nothing. */
static bool
is_noise(const char *segment)
{
	return segment == NULL || strcmp(segment, "0") == 0;
}

/* A segment has the ink of its number, in whatever order the rows come. */
static EgInk
segment_ink(const EgGroups *g, int k)
{
	const char *text = g->name[k];
	int			number = text ? atoi(text) : 0;

	return is_noise(text) ? EG_INK_AXIS : eg_ink_series(number > 0 ? number - 1 : k);
}

static const char *
segment_name(const EgPlotData *d, const EgGroups *g, int k, int name)
{
	const char *given = d->text[name][g->order[g->start[k]]];

	if (given)
		return given;
	return is_noise(g->name[k]) ? "noise" : psprintf("segment %s", g->name[k]);
}

static const char *
rows_text(double n)
{
	return psprintf("%s %s", eg_format_value(n, EG_FORMAT_COUNT), n == 1 ? "row" : "rows");
}

/* Places of the groups: noise first or last, the others the largest first. */
typedef struct Place
{
	int			group;
	int			count;
	int			number;
	bool		noise;
} Place;

static int
compare_size(const void *a, const void *b)
{
	const Place *p = a;
	const Place *q = b;

	if (p->noise != q->noise)
		return p->noise ? -1 : 1;
	if (p->count != q->count)
		return p->count > q->count ? -1 : 1;
	return p->group - q->group;
}

static int
compare_number(const void *a, const void *b)
{
	const Place *p = a;
	const Place *q = b;

	if (p->noise != q->noise)
		return p->noise ? 1 : -1;
	if (p->number != q->number)
		return p->number < q->number ? -1 : 1;
	return p->group - q->group;
}

static Place *
places_of(const EgGroups *g, int (*compare) (const void *, const void *))
{
	Place	   *p = palloc(g->n * sizeof(Place));

	for (int k = 0; k < g->n; k++)
	{
		p[k].group = k;
		p[k].count = g->count[k];
		p[k].noise = is_noise(g->name[k]);
		p[k].number = p[k].noise ? 0 : atoi(g->name[k]);
	}
	qsort(p, g->n, sizeof(Place), compare);
	return p;
}

/* ----------
 * The plane
 * ----------
 */
enum
{
	SG_X, SG_Y, SG_SEGMENT, SG_NAME
};

enum
{
	SG_X_SHARE, SG_Y_SHARE, SG_X_LOADINGS, SG_Y_LOADINGS
};

static const EgPlotColumn segments_columns[] = {
	{"x", EG_CELL_NUMBER, true},
	{"y", EG_CELL_NUMBER, true},
	{"segment", EG_CELL_TEXT},
	{"name", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact segments_facts[] = {
	{"x_share", EG_CELL_NUMBER},
	{"y_share", EG_CELL_NUMBER},
	{"x_loadings", EG_CELL_TEXT},
	{"y_loadings", EG_CELL_TEXT},
	{NULL}
};

static const char *
component_label(const EgPlotData *d, int component, int fact)
{
	double		share = d->fact_number[fact];

	if (isnan(share))
		return psprintf("Component %d", component);
	return psprintf("Component %d: %s of the variance", component,
					eg_format_value(share, EG_FORMAT_PERCENT));
}

static bool
overlap(const EgBox *a, const EgBox *b)
{
	return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

/* Names at the middle of the dots, moved up or down from names that are there already. */
static void
draw_names(EgChart *c, const EgPlotData *d, const EgGroups *g, const Place *place,
		   const EgPixel *at, EgBox in)
{
	EgBox	   *taken = palloc(MOST_NAMES * sizeof(EgBox));
	int			ntaken = 0;

	for (int i = 0; i < g->n && ntaken < MOST_NAMES; i++)
	{
		int			k = place[i].group;
		const char *name = segment_name(d, g, k, SG_NAME);
		double		width = Min(eg_svg_text_width(EG_TEXT_STRONG, name), NAME_WIDTH) + 8;
		EgPixel		middle = {0};
		EgBox		box = {0};
		bool		free = false;

		if (place[i].noise)
			continue;
		for (int j = g->start[k]; j < g->start[k + 1]; j++)
		{
			middle.x += at[g->order[j]].x / g->count[k];
			middle.y += at[g->order[j]].y / g->count[k];
		}
		/* 0, 1 up, 1 down, 2 up ... */
		for (int step = 0; step < 24 && !free; step++)
		{
			double		y = middle.y + (step % 2 ? -1 : 1) * ((step + 1) / 2) * NAME_HEIGHT;

			box.left = Min(Max(middle.x - width / 2, in.left), in.right - width);
			box.right = box.left + width;
			box.top = y - NAME_HEIGHT / 2.0;
			box.bottom = y + NAME_HEIGHT / 2.0;
			free = box.top >= in.top && box.bottom <= in.bottom;
			for (int j = 0; j < ntaken && free; j++)
				free = !overlap(&box, &taken[j]);
		}
		if (!free)
			continue;
		taken[ntaken++] = box;
		if (middle.y < box.top || middle.y > box.bottom)
			eg_svg_line(&c->svg, middle.x, middle.y, (box.left + box.right) / 2,
						middle.y < box.top ? box.top : box.bottom, EG_INK_TEXT, 1, EG_SOLID);
		eg_svg_rect(&c->svg, box.left, box.top, width, NAME_HEIGHT, EG_INK_PAPER, 0.85, NULL);
		eg_svg_rect(&c->svg, box.left, box.top, 3, NAME_HEIGHT, segment_ink(g, k), 1, NULL);
		eg_svg_label(&c->svg, box.left + 6, box.top + 12.5, width - 6, EG_TEXT_STRONG, EG_START,
					 EG_INK_TEXT, name);
	}
}

static void
segments_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_plot_groups(d, SG_SEGMENT);
	Place	   *numbered = places_of(g, compare_number);
	Place	   *sized = places_of(g, compare_size);
	EgPixel    *at = palloc(d->nrows * sizeof(EgPixel));
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	EgInk	   *ink = palloc(d->nrows * sizeof(EgInk));
	double		radius = eg_points_radius(d->nrows);
	double		lo,
				hi;
	EgScale		x,
				y;
	EgBox		in;
	int			i,
				k;

	eg_extent(d->number[SG_X], d->nrows, &lo, &hi);
	x = eg_scale_numbers(lo, hi, EG_FORMAT_NUMBER, 0);
	eg_extent(d->number[SG_Y], d->nrows, &lo, &hi);
	y = eg_scale_numbers(lo, hi, EG_FORMAT_NUMBER, 0);
	for (i = 0; i < g->n; i++)
	{
		const char *name;

		k = numbered[i].group;
		name = segment_name(d, g, k, SG_NAME);
		if (g->n <= EG_NSERIES + 1)
			eg_chart_legend(c, EG_MARK_DOT, segment_ink(g, k),
							psprintf("%s (%s)", name,
									 eg_format_value((double) g->count[k] / d->nrows,
													 EG_FORMAT_PERCENT)));
		if (i < MOST_NAMES)
			eg_chart_say(c, "%s: %s.", name, rows_text(g->count[k]));
	}
	if (d->fact_text[SG_X_LOADINGS])
		eg_chart_note(c, "Component 1: %s.", d->fact_text[SG_X_LOADINGS]);
	if (d->fact_text[SG_Y_LOADINGS])
		eg_chart_note(c, "Component 2: %s.", d->fact_text[SG_Y_LOADINGS]);
	eg_chart_frame(c, 460, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, component_label(d, 1, SG_X_SHARE)),
				  eg_y_label(c, component_label(d, 2, SG_Y_SHARE)), EG_GRID_X | EG_GRID_Y);
	for (i = 0; i < d->nrows; i++)
	{
		at[i].x = eg_scale_at(&x, d->number[SG_X][i]);
		at[i].y = eg_scale_at(&y, d->number[SG_Y][i]);
	}
	/* the smallest lie on top */
	for (i = 0; i < g->n; i++)
	{
		int			n = 0;

		CHECK_FOR_INTERRUPTS();
		k = sized[i].group;
		for (int j = g->start[k]; j < g->start[k + 1]; j++)
		{
			p[n] = at[g->order[j]];
			ink[n++] = segment_ink(g, k);
		}
		eg_points_dots(c, p, n, ink, in, sized[i].noise ? Max(radius - 0.5, 1) : radius);
	}
	draw_names(c, d, g, sized, at, in);
}

const EgPlotKind eg_plot_segments = {
	.name = "segments",
	.title = "Segments",
	.columns = segments_columns,
	.facts = segments_facts,
	.draw = segments_draw,
};

/* ----------
 * Silhouettes
 * ----------
 */
enum
{
	SI_SEGMENT, SI_WIDTH, SI_NAME
};

static const EgPlotColumn silhouette_columns[] = {
	{"segment", EG_CELL_TEXT, true},
	{"width", EG_CELL_NUMBER, true},
	{"name", EG_CELL_TEXT},
	{NULL}
};

static int
compare_widths(const void *a, const void *b)
{
	double		p = *(const double *) a;
	double		q = *(const double *) b;

	return p > q ? -1 : p < q;
}

/* One segment's rows, the best first, between two heights; returns their mean. */
static double
draw_widths(EgChart *c, const EgPlotData *d, const EgGroups *g, int k, const EgScale *x, double top,
			double bottom)
{
	int			n = g->count[k];
	int			points = Min(n, (int) Max(2 * (bottom - top), 2));
	double	   *width = palloc(n * sizeof(double));
	EgPixel    *p = palloc((2 * points + 2) * sizeof(EgPixel));
	double		sum = 0;
	int			m = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		width[i] = d->number[SI_WIDTH][g->order[g->start[k] + i]];
		sum += width[i];
	}
	qsort(width, n, sizeof(double), compare_widths);
	p[m].x = eg_scale_at(x, 0);
	p[m++].y = top;
	for (i = 0; i < points; i++)
	{
		/* from the middle of each of so many equal parts */
		double		v = width[(int) ((i + 0.5) * n / points)];

		p[m].x = p[m + 1].x = eg_scale_at(x, v);
		p[m++].y = top + (bottom - top) * i / points;
		p[m++].y = top + (bottom - top) * (i + 1) / points;
	}
	p[m].x = eg_scale_at(x, 0);
	p[m++].y = bottom;
	eg_svg_polygon(&c->svg, p, m, segment_ink(g, k), 0.85,
				   psprintf("%s: mean %s, %s", segment_name(d, g, k, SI_NAME),
							eg_format_value(sum / n, EG_FORMAT_NUMBER), rows_text(n)));
	pfree(width);
	pfree(p);
	return sum / n;
}

/* Heights in proportion to the rows, but each at least a line of text; noise is not there. */
static double *
slots_of(const EgGroups *g, const Place *place, int n, double height)
{
	double	   *slot = palloc(n * sizeof(double));
	double		least = Min(SLOT, height / n);
	double		rows = 0;
	double		room = height;
	bool		again = true;
	int			i;

	for (i = 0; i < n; i++)
	{
		slot[i] = 0;
		rows += g->count[place[i].group];
	}
	while (again)
	{
		again = false;
		for (i = 0; i < n; i++)
		{
			if (slot[i] > 0 || room * g->count[place[i].group] / rows >= least)
				continue;
			slot[i] = least;
			room -= least;
			rows -= g->count[place[i].group];
			again = true;
		}
	}
	for (i = 0; i < n; i++)
	{
		if (slot[i] == 0)
			slot[i] = room * g->count[place[i].group] / rows;
	}
	return slot;
}

static void
silhouette_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_plot_groups(d, SI_SEGMENT);
	Place	   *place = places_of(g, compare_number);
	int			n = Min(g->n, MOST_SEGMENTS);
	double		mean = 0;
	double		left = 0;
	double		lo,
				hi,
				y;
	double	   *slot;
	EgScale		x,
				rows;
	EgBox		box,
				in;
	int			i;

	eg_extent(d->number[SI_WIDTH], d->nrows, &lo, &hi);
	for (i = 0; i < d->nrows; i++)
		mean += d->number[SI_WIDTH][i] / d->nrows;
	for (i = 0; i < n; i++)
	{
		const char *name = segment_name(d, g, place[i].group, SI_NAME);

		left = Max(left, eg_svg_text_width(EG_TEXT_STRONG, name));
		eg_chart_say(c, "%s: %s.", name, rows_text(place[i].count));
	}
	if (n < g->n)
		eg_chart_note(c, "%d of %d segments are drawn.", n, g->n);
	eg_chart_say(c, "Mean silhouette width: %s.", eg_format_value(mean, EG_FORMAT_NUMBER));
	eg_chart_legend(c, EG_MARK_DASHED, EG_INK_TEXT,
					psprintf("mean of all rows: %s", eg_format_value(mean, EG_FORMAT_NUMBER)));
	x = eg_scale_numbers(Min(lo, 0), Max(hi, 0), EG_FORMAT_NUMBER, EG_SCALE_ZERO);
	rows = eg_scale_numbers(0, 1, EG_FORMAT_NUMBER, EG_SCALE_EXACT);
	c->least_left = Min(left, 150) + 12;
	eg_chart_frame(c, 110 + Max(n * 40, 260), 40 + n * EG_LINE_SMALL);
	box = c->inner;
	box.right -= 76;
	in = eg_panel(c, box, &x, &rows, eg_x_label(c, "Silhouette width"), eg_y_label(c, NULL),
				  EG_GRID_X | EG_BARE_Y);
	slot = slots_of(g, place, n, in.bottom - in.top);
	y = in.top;
	for (i = 0; i < n; i++)
	{
		int			k = place[i].group;
		double		middle = y + slot[i] / 2;
		double		gap = Min(slot[i] * 0.15, 4);
		double		own = draw_widths(c, d, g, k, &x, y + gap, y + slot[i] - gap);

		CHECK_FOR_INTERRUPTS();
		eg_svg_label(&c->svg, in.left - 8, middle + 4, in.left - c->inner.left - 8, EG_TEXT_STRONG,
					 EG_END, EG_INK_TEXT, segment_name(d, g, k, SI_NAME));
		eg_svg_text(&c->svg, in.right + 14, slot[i] >= SLOT ? middle - 2 : middle + 4, EG_TEXT_BODY,
					EG_START, EG_INK_TEXT, eg_format_value(own, EG_FORMAT_NUMBER), NULL);
		if (slot[i] >= SLOT)
			eg_svg_label(&c->svg, in.right + 14, middle + 11, c->width - in.right - 16,
						 EG_TEXT_SMALL, EG_START, EG_INK_MUTED, rows_text(g->count[k]));
		y += slot[i];
	}
	eg_svg_line(&c->svg, eg_scale_at(&x, 0), in.top, eg_scale_at(&x, 0), in.bottom, EG_INK_AXIS, 1,
				EG_SOLID);
	eg_svg_line(&c->svg, eg_scale_at(&x, mean), in.top, eg_scale_at(&x, mean), in.bottom,
				EG_INK_TEXT, 1.5, EG_DASHED);
}

const EgPlotKind eg_plot_silhouette = {
	.name = "silhouette",
	.title = "How well rows lie in their segments",
	.columns = silhouette_columns,
	.draw = silhouette_draw,
};
