/*-------------------------------------------------------------------------
 *
 * plot_surface.c
 *	  Dependence on two features: a map of colours.
 *
 * Each cell reaches half way to its neighbours.  Cells of the same colour that lie
 * side by side are one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "plot/dependence.h"

#define MOST_CELLS		100		/* in one direction */

/* The values along one axis, and the pixels at which their cells begin and end. */
typedef struct Side
{
	EgScale		scale;
	double	   *at;				/* (nrows) */
	double	   *value;			/* (n) ascending */
	int			n;
} Side;

static Side
side_of(const EgPlotData *d, int x, int words)
{
	Side		s;

	s.at = eg_dependence_axis(d, x, words, &s.scale);
	s.value = palloc(Max(d->nrows, 1) * sizeof(double));
	s.n = eg_distinct(s.at, d->nrows, s.value);

	/* half a cell more at both ends */
	if (s.scale.kind != EG_SCALE_CATEGORY && s.n > 1)
	{
		s.scale.lo = s.value[0] - (s.value[1] - s.value[0]) / 2;
		s.scale.hi = s.value[s.n - 1] + (s.value[s.n - 1] - s.value[s.n - 2]) / 2;
	}
	return s;
}

/* Pixel at which cell k begins; that of n is the end of the last. */
static double
edge(const Side *s, int k)
{
	if (s->scale.kind == EG_SCALE_CATEGORY)
		return eg_scale_at(&s->scale, k - 0.5);
	if (k == 0)
		return eg_scale_at(&s->scale, s->scale.lo);
	if (k == s->n)
		return eg_scale_at(&s->scale, s->scale.hi);
	return eg_scale_at(&s->scale, s->value[k - 1] / 2 + s->value[k] / 2);
}

/* Ink of each cell, -1 where there is none. */
static int *
cell_inks(const EgPlotData *d, const Side *x, const Side *y, double lo, double hi)
{
	int		   *ink = palloc((Size) Max(x->n * y->n, 1) * sizeof(int));
	int			i;

	for (i = 0; i < x->n * y->n; i++)
		ink[i] = -1;
	for (i = 0; i < d->nrows; i++)
	{
		double		v = d->number[DP_VALUE][i];

		if (isnan(x->at[i]) || isnan(y->at[i]))
			continue;
		ink[eg_place_among(y->value, y->n, y->at[i]) * x->n +
			eg_place_among(x->value, x->n, x->at[i])] =
			(int) eg_ink_heat(hi > lo ? (v - lo) / (hi - lo) : 0.5);
	}
	return ink;
}

static void
draw_cells(EgChart *c, const Side *x, const Side *y, const int *ink)
{
	EgPixel    *corner = palloc((Size) Max(x->n * y->n, 1) * sizeof(EgPixel));
	EgPixel    *opposite = palloc((Size) Max(x->n * y->n, 1) * sizeof(EgPixel));

	for (int k = EG_INK_HEAT; k < EG_INK_HEAT + EG_HEAT_STEPS; k++)
	{
		int			n = 0;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < y->n; j++)
		{
			for (int i = 0; i < x->n; i++)
			{
				int			from = i;

				if (ink[j * x->n + i] != k)
					continue;
				while (i + 1 < x->n && ink[j * x->n + i + 1] == k)
					i++;
				corner[n].x = edge(x, from);
				corner[n].y = edge(y, j);
				opposite[n].x = edge(x, i + 1);
				opposite[n++].y = edge(y, j + 1);
			}
		}
		eg_svg_cells(&c->svg, corner, opposite, n, (EgInk) k);
	}
}

static void
note_missing(EgChart *c, const EgPlotData *d)
{
	int			n = 0;

	for (int i = 0; i < d->nrows; i++)
		n += isnan(d->number[DP_X][i]) || isnan(d->number[DP_X2][i]);
	if (n > 0)
		eg_chart_note(c, "%d values where a feature is missing: not on the map.", n);
}

void
eg_draw_surface(EgChart *c, const EgPlotData *d)
{
	Side		x = side_of(d, DP_X, DP_WORDS);
	Side		y = side_of(d, DP_X2, DP_WORDS2);
	EgFormat	format = eg_chart_format(c, EG_FORMAT_NUMBER);
	double		lo,
				hi;

	if (x.n > MOST_CELLS || y.n > MOST_CELLS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a surface has at most %d values in each direction, not %d", MOST_CELLS,
						Max(x.n, y.n)),
				 errhint("Use a coarser grid.")));
	eg_extent(d->number[DP_VALUE], d->nrows, &lo, &hi);
	eg_chart_legend_scale(c, EG_MARK_HEAT,
						  psprintf("%s: %s",
								   d->fact_text[DP_UNIT] ? d->fact_text[DP_UNIT] : "score",
								   eg_format_value(lo, format)),
						  eg_format_value(hi, format));
	note_missing(c, d);
	eg_chart_say(c, "A map of %d by %d cells; values from %s to %s.", x.n, y.n,
				 eg_format_value(lo, format), eg_format_value(hi, format));
	eg_chart_frame(c, 440, EG_LEAST_PANEL);
	(void) eg_panel(c, c->inner, &x.scale, &y.scale, eg_x_label(c, d->fact_text[DP_FEATURE]),
					eg_y_label(c, d->fact_text[DP_FEATURE2]), 0);
	draw_cells(c, &x, &y, cell_inks(d, &x, &y, lo, hi));
}
