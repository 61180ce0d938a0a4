/*-------------------------------------------------------------------------
 *
 * plot_confusion.c
 *	  Confusion matrix: what was, by what the model said.
 *
 * Rows are those of engage_confusion().  The colour of a cell is its share of the
 * cells beside it: of all who left, how many were seen leaving?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

#define MOST_CLASSES	40
#define WITH_TITLES		16		/* classes up to which cells have titles */
#define CELL_HEIGHT		56
#define WITH_SHARE		34		/* height from which a cell says its share as well */

enum
{
	CM_ACTUAL, CM_PREDICTED, CM_COUNT
};

static const EgPlotColumn confusion_columns[] = {
	{"actual", EG_CELL_TEXT, true},
	{"predicted", EG_CELL_TEXT, true},
	{"count", EG_CELL_NUMBER, true},
	{NULL}
};

/* All classes, those that are as well as those that are said, in order of appearance. */
static const char **
all_classes(const EgPlotData *d, int *n)
{
	EgPlotData	both = *d;
	const char **text = palloc(2 * d->nrows * sizeof(char *));
	EgGroups   *g;

	memcpy(text, d->text[CM_ACTUAL], d->nrows * sizeof(char *));
	memcpy(text + d->nrows, d->text[CM_PREDICTED], d->nrows * sizeof(char *));
	both.nrows = 2 * d->nrows;
	both.text = &text;
	g = eg_plot_groups(&both, 0);
	*n = g->n;
	return g->name;
}

static int
place_of(const char **names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return 0;
}

static void
draw_cell(EgChart *c, double count, double share, const char *title, EgBox cell)
{
	EgInk		ink = eg_ink_heat(share);
	EgInk		text = eg_heat_text(ink);
	double		x = (cell.left + cell.right) / 2;
	double		y = (cell.top + cell.bottom) / 2;
	const char *number = eg_format_value(count, EG_FORMAT_COUNT);
	bool		both = cell.bottom - cell.top >= WITH_SHARE;

	eg_svg_rect(&c->svg, cell.left, cell.top, cell.right - cell.left, cell.bottom - cell.top, ink,
				1, title);
	if (cell.bottom - cell.top < 14 ||
		eg_svg_text_width(EG_TEXT_STRONG, number) > cell.right - cell.left - 4)
		return;
	eg_svg_text(&c->svg, x, y + (both ? -1 : 4), EG_TEXT_STRONG, EG_MIDDLE, text, number, NULL);
	if (both)
		eg_svg_text(&c->svg, x, y + 14, EG_TEXT_SMALL, EG_MIDDLE, text,
					eg_format_value(share, EG_FORMAT_PERCENT), NULL);
}

static void
confusion_draw(EgChart *c, const EgPlotData *d)
{
	int			n;
	const char **names = all_classes(d, &n);
	EgScale		x = eg_scale_categories(names, n);
	EgScale		y = x;
	double	   *count,
			   *actual;
	double		right = 0,
				all = 0;
	double		half;
	int			i,
				j;

	if (n > MOST_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"confusion\" has at most %d classes, not %d", MOST_CLASSES, n),
				 errhint("Put rare classes together in the query.")));
	count = palloc0((Size) n * n * sizeof(double));
	actual = palloc0(n * sizeof(double));
	for (i = 0; i < d->nrows; i++)
	{
		int			a = place_of(names, n, d->text[CM_ACTUAL][i]);
		int			p = place_of(names, n, d->text[CM_PREDICTED][i]);
		double		k = d->number[CM_COUNT][i];

		if (!(k >= 0))
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member \"count\" of picture \"confusion\" must not be negative, not %g",
						k)));
		count[a * n + p] += k;
		actual[a] += k;
		all += k;
		right += a == p ? k : 0;
	}
	eg_chart_legend_scale(c, EG_MARK_HEAT, "share of the actual class: 0 %", "100 %");
	eg_chart_note(c, "%s of %s rows are right: %s.", eg_format_value(right, EG_FORMAT_COUNT),
				  eg_format_value(all, EG_FORMAT_COUNT),
				  eg_format_value(all > 0 ? right / all : 0, EG_FORMAT_PERCENT));
	eg_chart_frame(c, 150 + Min(n * CELL_HEIGHT, 420), EG_LEAST_PANEL);
	(void) eg_panel(c, c->inner, &x, &y, eg_x_label(c, "predicted"), eg_y_label(c, "actual"),
					EG_NO_BASE);
	half = 0.5 - 0.5 / Max(eg_scale_band(&x), 1);
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < n; j++)
		{
			double		share = actual[i] > 0 ? count[i * n + j] / actual[i] : 0;
			EgBox		cell;

			cell.left = eg_scale_at(&x, j - half);
			cell.right = eg_scale_at(&x, j + half);
			cell.top = eg_scale_at(&y, i - half);
			cell.bottom = eg_scale_at(&y, i + half);
			draw_cell(c, count[i * n + j], share,
					  n > WITH_TITLES ? NULL :
					  psprintf("actual %s, predicted %s: %s rows", names[i], names[j],
							   eg_format_value(count[i * n + j], EG_FORMAT_COUNT)), cell);
			if (n <= 4)
				eg_chart_say(c, "Actual %s, predicted %s: %s.", names[i], names[j],
							 eg_format_value(count[i * n + j], EG_FORMAT_COUNT));
		}
	}
}

const EgPlotKind eg_plot_confusion = {
	.name = "confusion",
	.title = "Confusion matrix",
	.columns = confusion_columns,
	.draw = confusion_draw,
};
