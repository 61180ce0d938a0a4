/*-------------------------------------------------------------------------
 *
 * plot_dependence.c
 *	  What a feature does to the score: partial dependence with its band, ICE lines,
 *	  accumulated local effects, SHAP dependence.  Surfaces are in plot_surface.c.
 *
 * Rows are those of engage_dependence(); the fact "kind" says which they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "base/sort.h"
#include "plot/dependence.h"

#define MOST_LINES		150		/* of ICE */
#define MOST_BARS		1000
#define STRIP			18		/* height of the bars that show where the rows are */

static const EgPlotColumn dependence_columns[] = {
	{"value", EG_CELL_NUMBER, true},
	{"x", EG_CELL_NUMBER},
	{"feature_value", EG_CELL_TEXT},
	{"lower", EG_CELL_NUMBER},
	{"upper", EG_CELL_NUMBER},
	{"id", EG_CELL_TEXT},
	{"x2", EG_CELL_NUMBER},
	{"feature2_value", EG_CELL_TEXT},
	{"count", EG_CELL_NUMBER},
	{NULL}
};

static const EgPlotFact dependence_facts[] = {
	{"kind", EG_CELL_TEXT},
	{"feature", EG_CELL_TEXT},
	{"feature2", EG_CELL_TEXT},
	{"unit", EG_CELL_TEXT},
	{NULL}
};

static bool
is_number(const char *text)
{
	char	   *end;

	(void) strtod(text, &end);
	return end != text && *end == '\0';
}

int
eg_distinct(const double *v, int n, double *out)
{
	int			m = 0;
	int			k = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (!isnan(v[i]))
			out[m++] = v[i];
	}
	qsort(out, m, sizeof(double), eg_by_double);
	for (i = 0; i < m; i++)
	{
		if (k == 0 || out[i] != out[k - 1])
			out[k++] = out[i];
	}
	return k;
}

int
eg_place_among(const double *v, int n, double x)
{
	int			lo = 0;
	int			hi = n - 1;

	while (lo < hi)
	{
		int			middle = (lo + hi) / 2;

		if (v[middle] < x)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

/* A word for each place of x. */
static EgScale
word_axis(const EgPlotData *d, int x, int words, double *at)
{
	double	   *distinct = palloc(Max(d->nrows, 1) * sizeof(double));
	int			n = eg_distinct(d->number[x], d->nrows, distinct);
	const char **names = palloc0(Max(n, 1) * sizeof(char *));

	for (int i = 0; i < d->nrows; i++)
	{
		int			k;

		at[i] = NAN;
		if (isnan(d->number[x][i]))
			continue;
		k = eg_place_among(distinct, n, d->number[x][i]);
		at[i] = k;
		names[k] = d->text[words][i] ? d->text[words][i] :
			eg_format_value(distinct[k], EG_FORMAT_NUMBER);
	}
	return eg_scale_categories(names, n);
}

double *
eg_dependence_axis(const EgPlotData *d, int x, int words, EgScale *scale)
{
	double	   *at = palloc(Max(d->nrows, 1) * sizeof(double));
	int			numbers = 0,
				times = 0,
				texts = 0;
	double		lo,
				hi,
				t;

	memcpy(at, d->number[x], d->nrows * sizeof(double));
	for (int i = 0; i < d->nrows; i++)
	{
		const char *text = d->text[words][i];

		if (text == NULL || isnan(at[i]))
			continue;
		texts++;
		numbers += is_number(text);
		times += eg_time_parse(text, &t);
	}
	if (texts > numbers && texts > times)
	{
		*scale = word_axis(d, x, words, at);
		return at;
	}
	eg_extent(at, d->nrows, &lo, &hi);
	*scale = texts > 0 && times == texts ? eg_scale_times(lo, hi) :
		eg_scale_numbers(lo, hi, EG_FORMAT_NUMBER, EG_SCALE_EXACT);
	return at;
}

/* Where the value is missing, its effect in words. */
static void
note_missing(EgChart *c, const EgPlotData *d, EgFormat format)
{
	for (int i = 0; i < d->nrows; i++)
	{
		if (isnan(d->number[DP_X][i]) && isnan(d->number[DP_X2][i]))
		{
			eg_chart_note(c, "Where %s is missing: %s.",
						  d->fact_text[DP_FEATURE] ? d->fact_text[DP_FEATURE] : "the value",
						  eg_format_value(d->number[DP_VALUE][i], format));
			return;
		}
	}
}

/* Bars at the foot: how many rows are at each x. */
static void
draw_strip(EgChart *c, const EgPlotData *d, const double *at, const EgScale *x, EgBox in)
{
	double		most = 0;
	double		width = x->kind == EG_SCALE_CATEGORY ? eg_scale_band(x) * 0.5 :
		Min(Max((in.right - in.left) / Max(d->nrows, 1) * 0.7, 1), 14);
	EgPixel    *low = palloc(d->nrows * sizeof(EgPixel));
	EgPixel    *high = palloc(d->nrows * sizeof(EgPixel));
	int			bars = 0;
	int			i;

	for (i = 0; i < d->nrows; i++)
	{
		if (!isnan(at[i]) && d->number[DP_COUNT][i] > most)
			most = d->number[DP_COUNT][i];
	}
	for (i = 0; i < d->nrows && most > 0; i++)
	{
		double		n = d->number[DP_COUNT][i];

		if (isnan(at[i]) || !(n > 0))
			continue;
		low[bars].x = Max(eg_scale_at(x, at[i]) - width / 2, in.left);
		low[bars].y = in.bottom - n / most * STRIP;
		high[bars].x = Min(eg_scale_at(x, at[i]) + width / 2, in.right);
		high[bars++].y = in.bottom;
	}
	eg_svg_cells(&c->svg, low, high, bars, EG_INK_FAINT);
}

/* One line over x; words have dots and whiskers instead. */
static void
draw_mean(EgChart *c, const EgPlotData *d, const double *at, const double *value, int n,
		  const EgScale *x, const EgScale *y, const double *low, const double *high)
{
	EgPixel    *p = palloc(Max(n, 1) * sizeof(EgPixel));
	EgPixel    *q = palloc(Max(n, 1) * sizeof(EgPixel));
	EgPixel    *r = palloc(Max(n, 1) * sizeof(EgPixel));
	int			m = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (isnan(at[i]))
			continue;
		p[m].x = q[m].x = r[m].x = eg_scale_at(x, at[i]);
		p[m].y = eg_scale_at(y, value[i]);
		q[m].y = low && !isnan(low[i]) ? eg_scale_at(y, low[i]) : p[m].y;
		r[m].y = high && !isnan(high[i]) ? eg_scale_at(y, high[i]) : p[m].y;
		m++;
	}
	if (x->kind == EG_SCALE_CATEGORY)
	{
		double		half = Min(7, eg_scale_band(x) * 0.4);

		for (i = 0; i < m; i++)
		{
			if (low && high)
				eg_svg_rect(&c->svg, p[i].x - half, r[i].y, 2 * half, Max(q[i].y - r[i].y, 1),
							EG_INK_SERIES, 0.2, NULL);
			eg_svg_circle(&c->svg, p[i].x, p[i].y, Max(Min(4.5, half), 1), EG_INK_SERIES, NULL);
		}
		return;
	}
	if (low && high)
		eg_svg_band(&c->svg, r, m, q, m, EG_INK_SERIES, 0.18);
	for (i = 0; i < m && m <= 40; i++)
		eg_svg_circle(&c->svg, p[i].x, p[i].y, 2.5, EG_INK_SERIES, NULL);
	eg_svg_polyline(&c->svg, p, m, EG_INK_SERIES, 2, EG_SOLID);
}

static void
say_ends(EgChart *c, const EgPlotData *d, EgFormat format)
{
	double		lo,
				hi;

	eg_extent(d->number[DP_VALUE], d->nrows, &lo, &hi);
	eg_chart_say(c, "Values from %s to %s at %d points.", eg_format_value(lo, format),
				 eg_format_value(hi, format), d->nrows);
}

static const char *
value_label(const EgChart *c, const EgPlotData *d, const char *otherwise)
{
	return eg_y_label(c, d->fact_text[DP_UNIT] ? d->fact_text[DP_UNIT] : otherwise);
}

/* Rows by x, so that lines go from left to right. */
typedef struct Place
{
	double		x;
	int			row;
} Place;

static int
compare_places(const void *a, const void *b)
{
	const Place *p = a;
	const Place *q = b;

	return p->x < q->x ? -1 : p->x > q->x ? 1 : p->row < q->row ? -1 : 1;
}

/* at, value, low and high in the order of x; rows without an x are gone. */
static int
sort_rows(const EgPlotData *d, const double *at, double *out[4])
{
	static const int columns[] = {DP_VALUE, DP_LOWER, DP_UPPER};
	Place	   *places = palloc(d->nrows * sizeof(Place));
	int			n = 0;
	int			i,
				j;

	for (i = 0; i < d->nrows; i++)
	{
		if (isnan(at[i]))
			continue;
		places[n].x = at[i];
		places[n++].row = i;
	}
	qsort(places, n, sizeof(Place), compare_places);
	for (j = 0; j < 4; j++)
	{
		out[j] = palloc(Max(n, 1) * sizeof(double));
		for (i = 0; i < n; i++)
			out[j][i] = j == 0 ? places[i].x : d->number[columns[j - 1]][places[i].row];
	}
	return n;
}

static void
draw_curve(EgChart *c, const EgPlotData *d, bool ale)
{
	EgScale		x,
				y;
	double	   *at = eg_dependence_axis(d, DP_X, DP_WORDS, &x);
	EgFormat	format = eg_chart_format(c, EG_FORMAT_NUMBER);
	bool		band = !ale && d->given[DP_LOWER] && d->given[DP_UPPER];
	bool		strip = d->given[DP_COUNT] && d->nrows <= MOST_BARS;
	double	   *sorted[4];
	double		lo,
				hi,
				a,
				b;
	int			n;
	EgBox		in;

	eg_extent(d->number[DP_VALUE], d->nrows, &lo, &hi);
	if (band)
	{
		eg_extent(d->number[DP_LOWER], d->nrows, &a, &b);
		lo = isnan(a) ? lo : Min(lo, a);
		eg_extent(d->number[DP_UPPER], d->nrows, &a, &b);
		hi = isnan(b) ? hi : Max(hi, b);
		eg_chart_note(c, "Shaded: the scores of eight rows in ten.");
	}
	y = eg_scale_numbers(lo, hi, format, ale ? EG_SCALE_ZERO : 0);
	note_missing(c, d, format);
	if (strip)
		eg_chart_note(c, "Bars at the foot: where the rows are.");
	say_ends(c, d, format);
	eg_chart_frame(c, 380, EG_LEAST_PANEL);
	c->foot = strip ? STRIP + 6 : 0;
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, d->fact_text[DP_FEATURE]),
				  value_label(c, d, ale ? "Effect on the score, against the mean" : "Mean score"),
				  EG_GRID_Y);
	if (strip)
		draw_strip(c, d, at, &x, in);
	if (ale)
		eg_svg_line(&c->svg, in.left, eg_scale_at(&y, 0), in.right, eg_scale_at(&y, 0),
					EG_INK_AXIS, 1.5, EG_DASHED);
	n = sort_rows(d, at, sorted);
	draw_mean(c, d, sorted[0], sorted[1], n, &x, &y, band ? sorted[2] : NULL,
			  band ? sorted[3] : NULL);
}

/* Mean over the lines at each x. */
static int
mean_of_lines(const EgPlotData *d, const double *at, double **x, double **mean)
{
	int			n;
	int		   *count;

	*x = palloc(Max(d->nrows, 1) * sizeof(double));
	n = eg_distinct(at, d->nrows, *x);
	*mean = palloc0(Max(n, 1) * sizeof(double));
	count = palloc0(Max(n, 1) * sizeof(int));
	for (int i = 0; i < d->nrows; i++)
	{
		int			k;

		if (isnan(at[i]))
			continue;
		k = eg_place_among(*x, n, at[i]);
		(*mean)[k] += d->number[DP_VALUE][i];
		count[k]++;
	}
	for (int k = 0; k < n; k++)
		(*mean)[k] /= count[k];
	return n;
}

static void
draw_ice(EgChart *c, const EgPlotData *d)
{
	EgScale		x,
				y;
	double	   *at = eg_dependence_axis(d, DP_X, DP_WORDS, &x);
	EgFormat	format = eg_chart_format(c, EG_FORMAT_NUMBER);
	EgGroups   *g = eg_plot_groups(d, DP_ID);
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	int			shown = Min(g->n, MOST_LINES);
	double	   *places,
			   *mean;
	double		lo,
				hi;
	int			n;

	eg_extent(d->number[DP_VALUE], d->nrows, &lo, &hi);
	y = eg_scale_numbers(lo, hi, format, 0);
	eg_chart_legend(c, EG_MARK_LINE, EG_INK_AXIS, "a row");
	eg_chart_legend(c, EG_MARK_LINE, EG_INK_SERIES, "mean");
	if (shown < g->n)
		eg_chart_note(c, "%d of %d lines are drawn; the mean is that of all.", shown, g->n);
	say_ends(c, d, format);
	eg_chart_frame(c, 380, EG_LEAST_PANEL);
	(void) eg_panel(c, c->inner, &x, &y, eg_x_label(c, d->fact_text[DP_FEATURE]),
					value_label(c, d, "Score"), EG_GRID_Y);
	eg_svg_faint(&c->svg, true);
	for (int i = 0; i < shown; i++)
	{
		/* evenly among all */
		int			k = (int) ((int64) i * g->n / shown);

		CHECK_FOR_INTERRUPTS();
		n = eg_points_line(d, g, k, at, d->number[DP_VALUE], &x, &y, p);
		if (n > 1)
			eg_svg_polyline(&c->svg, p, n, EG_INK_AXIS, 1, EG_SOLID);
	}
	eg_svg_faint(&c->svg, false);
	n = mean_of_lines(d, at, &places, &mean);
	draw_mean(c, d, places, mean, n, &x, &y, NULL, NULL);
}

/* Between -0.3 and 0.3 of a band, the same for the same row: dots of a word lie side by side. */
static double
jitter(int row)
{
	return ((uint32) row * UINT32_C(2654435761) >> 8) / 16777216.0 * 0.6 - 0.3;
}

static void
draw_shap(EgChart *c, const EgPlotData *d)
{
	EgScale		x,
				y;
	double	   *at = eg_dependence_axis(d, DP_X, DP_WORDS, &x);
	EgFormat	format = eg_chart_format(c, EG_FORMAT_NUMBER);
	EgPixel    *p = palloc(d->nrows * sizeof(EgPixel));
	EgInk	   *ink = palloc(d->nrows * sizeof(EgInk));
	const char *other = d->fact_text[DP_FEATURE2];
	double		lo,
				hi,
				low,
				high;
	int			n = 0;
	EgBox		in;

	eg_extent(d->number[DP_X2], d->nrows, &low, &high);
	eg_extent(d->number[DP_VALUE], d->nrows, &lo, &hi);
	y = eg_scale_numbers(lo, hi, format, EG_SCALE_ZERO);
	if (x.kind == EG_SCALE_NUMBER)
		x.flags = 0;
	if (d->given[DP_X2])
		eg_dependence_legend(c, d, other ? other : "second feature", low, high);
	say_ends(c, d, format);
	eg_chart_frame(c, 400, EG_LEAST_PANEL);
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, d->fact_text[DP_FEATURE]),
				  value_label(c, d, "Contribution to the score"), EG_GRID_X | EG_GRID_Y);
	eg_svg_line(&c->svg, in.left, eg_scale_at(&y, 0), in.right, eg_scale_at(&y, 0), EG_INK_AXIS,
				1.5, EG_DASHED);
	for (int i = 0; i < d->nrows; i++)
	{
		double		second = d->number[DP_X2][i];

		if (isnan(at[i]))
			continue;
		p[n].x = eg_scale_at(&x, at[i] + (x.kind == EG_SCALE_CATEGORY ? jitter(i) : 0));
		p[n].y = eg_scale_at(&y, d->number[DP_VALUE][i]);
		ink[n++] = !d->given[DP_X2] ? EG_INK_SERIES : isnan(second) ? EG_INK_AXIS :
			eg_ink_lowhigh(high > low ? (second - low) / (high - low) : 0.5);
	}
	eg_points_dots(c, p, n, ink, in, eg_points_radius(n));
}

/* The word of the second feature at an end of its scale. */
static const char *
word_at(const EgPlotData *d, double x2)
{
	for (int i = 0; i < d->nrows; i++)
	{
		if (d->number[DP_X2][i] == x2 && d->text[DP_WORDS2][i])
			return is_number(d->text[DP_WORDS2][i]) ? eg_format_value(x2, EG_FORMAT_NUMBER) :
				d->text[DP_WORDS2][i];
	}
	return eg_format_value(x2, EG_FORMAT_NUMBER);
}

void
eg_dependence_legend(EgChart *c, const EgPlotData *d, const char *name, double low, double high)
{
	const char *l = eg_text_shorten(psprintf("%s: %s", name, word_at(d, low)), 220, 12, false);
	const char *h = eg_text_shorten(word_at(d, high), 160, 12, false);

	eg_chart_legend_scale(c, EG_MARK_LOWHIGH, l, h);
}

static void
dependence_draw(EgChart *c, const EgPlotData *d)
{
	static const char *const kinds[] = {"partial", "ice", "ale", "shap", NULL};
	const char *kind = d->fact_text[DP_KIND] ? d->fact_text[DP_KIND] : "partial";
	int			k = 0;

	while (kinds[k] && strcmp(kinds[k], kind) != 0)
		k++;
	if (kinds[k] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dependence kind \"%s\" is not known", kind),
				 errhint("Known kinds: %s.", eg_name_list(kinds, sizeof(kinds[0])))));
	if (strcmp(kind, "ice") == 0)
		draw_ice(c, d);
	else if (strcmp(kind, "shap") == 0)
		draw_shap(c, d);
	else if (d->given[DP_X2])
		eg_draw_surface(c, d);
	else
		draw_curve(c, d, strcmp(kind, "ale") == 0);
}

const EgPlotKind eg_plot_dependence = {
	.name = "dependence",
	.title = "What a feature does to the score",
	.columns = dependence_columns,
	.facts = dependence_facts,
	.draw = dependence_draw,
};
