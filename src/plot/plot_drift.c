/*-------------------------------------------------------------------------
 *
 * plot_drift.c
 *	  How far features and scores have moved since the training.
 *
 * Rows are those of engage_drift().  What a colour says is said by a word, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/chart.h"

/* the rule of thumb of PSI; engage_drift() has the same limits */
#define MODERATE		0.1
#define SIGNIFICANT		0.2
#define LONGEST_BAR		1.0		/* PSI; longer ones are cut off */
#define CHANCE_SEEN		0.02	/* chance below that is not drawn */
#define DEFAULT_LIMIT	20
#define ROW_HEIGHT		24

enum
{
	DR_FEATURE, DR_PSI, DR_STATUS, DR_CHANCE, DR_KIND
};

enum
{
	DR_AUC, DR_AUC_ERROR
};

static const EgPlotColumn drift_columns[] = {
	{"feature", EG_CELL_TEXT, true},
	{"psi", EG_CELL_NUMBER, true},
	{"status", EG_CELL_TEXT},
	{"chance", EG_CELL_NUMBER},
	{"kind", EG_CELL_TEXT},
	{NULL}
};

static const EgPlotFact drift_facts[] = {
	{"auc", EG_CELL_NUMBER},
	{"auc_error", EG_CELL_NUMBER},
	{NULL}
};

typedef struct Level
{
	const char *word;
	EgInk		ink;
} Level;

static const Level levels[] = {
	{"stable", EG_INK_SERIES},
	{"moderate", EG_INK_SERIES + 4},
	{"significant", EG_INK_UP}
};

/* what matters is bold */
#define WORDS(level)	((level) == &levels[2] ? EG_TEXT_STRONG : EG_TEXT_SMALL)

/* As the row says, for chance may excuse a large PSI; else by the rule of thumb. */
static const Level *
level_of(const EgPlotData *d, int row)
{
	const char *word = d->text[DR_STATUS][row];
	double		psi = d->number[DR_PSI][row];

	for (int i = 0; word && i < lengthof(levels); i++)
	{
		if (strcmp(word, levels[i].word) == 0)
			return &levels[i];
	}
	return &levels[psi < MODERATE ? 0 : psi < SIGNIFICANT ? 1 : 2];
}

static const char *
psi_text(double psi)
{
	if (psi > 0 && psi < 0.005)
		return "< 0.005";
	return psprintf(psi >= 1000 ? "%.3g" : psi >= 10 ? "%.1f" : "%.2f", psi);
}

typedef struct DriftRow
{
	int			row;
	bool		score;
	double		psi;
} DriftRow;

/* Scores first, they are what is acted upon; then by PSI. */
static int
compare_drift(const void *a, const void *b)
{
	const DriftRow *p = a;
	const DriftRow *q = b;

	if (p->score != q->score)
		return p->score ? -1 : 1;
	return p->psi > q->psi ? -1 : p->psi < q->psi ? 1 : p->row < q->row ? -1 : 1;
}

static DriftRow *
sorted_drift(const EgPlotData *d)
{
	DriftRow   *rows = palloc(d->nrows * sizeof(DriftRow));

	for (int i = 0; i < d->nrows; i++)
	{
		rows[i].row = i;
		rows[i].score = d->text[DR_KIND][i] && strcmp(d->text[DR_KIND][i], "score") == 0;
		rows[i].psi = d->number[DR_PSI][i];
	}
	qsort(rows, d->nrows, sizeof(DriftRow), compare_drift);
	return rows;
}

/* A limit with its word above the bars. */
static void
draw_limit(EgChart *c, const EgScale *x, EgBox in, double value, EgDash dash, double y,
		   const char *word)
{
	double		at = eg_scale_at(x, value);

	eg_svg_line(&c->svg, at, y - 10, at, in.bottom, EG_INK_TEXT, 1, dash);
	eg_svg_text(&c->svg, at + 5, y, EG_TEXT_SMALL, EG_START, EG_INK_MUTED, word, NULL);
}

static void
draw_drift_bar(EgChart *c, const EgPlotData *d, const EgScale *x, double y, double height, int row,
			   bool chance, double right)
{
	const Level *level = level_of(d, row);
	double		psi = d->number[DR_PSI][row];
	double		might = d->number[DR_CHANCE][row];
	double		zero = eg_scale_at(x, 0);
	double		end = eg_scale_at(x, Min(Max(psi, 0), x->hi));
	const char *text = psi_text(psi);
	const char *title = psprintf("%s: %s, %s%s%s", d->text[DR_FEATURE][row], text, level->word,
								 isnan(might) ? "" : "; chance makes up to ",
								 isnan(might) ? "" : psi_text(might));

	if (psi > x->hi)
	{
		/* cut off: it ends in a point */
		EgPixel		p[5] = {{zero, y - height / 2}, {end - 8, y - height / 2}, {end, y},
							{end - 8, y + height / 2}, {zero, y + height / 2}};

		eg_svg_polygon(&c->svg, p, lengthof(p), level->ink, 1, title);
	}
	else
		eg_svg_rect(&c->svg, zero, y - height / 2, end - zero, height, level->ink, 1, title);
	if (chance && might <= x->hi)
		eg_svg_line(&c->svg, eg_scale_at(x, might), y - height / 2 - 2, eg_scale_at(x, might),
					y + height / 2 + 2, EG_INK_TEXT, 2, EG_SOLID);
	if (height < 8)
		return;
	eg_svg_text(&c->svg, right + 10, y + 4, WORDS(level), EG_START, EG_INK_TEXT,
				psprintf("%s %s", text, level->word), NULL);
}

static void
drift_draw(EgChart *c, const EgPlotData *d)
{
	DriftRow   *rows = sorted_drift(d);
	int			n = Min(d->nrows, c->o->limit > 0 ? c->o->limit : DEFAULT_LIMIT);
	const char **labels = palloc(n * sizeof(char *));
	int			count[lengthof(levels)] = {0};
	double		most = 0,
				room = 0;
	bool		chance = false,
				cut = false;
	EgScale		x,
				y;
	EgBox		box,
				in;
	int			i;

	for (i = 0; i < d->nrows; i++)
	{
		count[level_of(d, i) - levels]++;
		chance = chance || d->number[DR_CHANCE][i] > CHANCE_SEEN;
	}
	for (i = 0; i < n; i++)
	{
		const Level *level = level_of(d, rows[i].row);
		double		might = d->number[DR_CHANCE][rows[i].row];

		labels[i] = d->text[DR_FEATURE][rows[i].row];
		cut = cut || rows[i].psi > LONGEST_BAR;
		most = Max(most, rows[i].psi);
		most = isnan(might) ? most : Max(most, might);
		room = Max(room, eg_svg_text_width(WORDS(level), psprintf("%s %s", psi_text(rows[i].psi),
																  level->word)));
	}
	if (cut)
		eg_chart_note(c, "Bars with a point go on beyond a PSI of 1.");
	if (n < d->nrows)
		eg_chart_note(c, "%d with less drift are not shown.", d->nrows - n);
	if (!isnan(d->fact_number[DR_AUC]))
		eg_chart_note(c, "All features together: a classifier tells then from now with an AUC of "
					  "%.2f%s; at 0.5 it could not.", d->fact_number[DR_AUC],
					  isnan(d->fact_number[DR_AUC_ERROR]) ? "" :
					  psprintf(", standard error %.2f", d->fact_number[DR_AUC_ERROR]));
	if (chance)
		eg_chart_note(c, "Upright strokes: the PSI that chance alone may make of so many rows; "
					  "up to there a feature is stable.");
	eg_chart_say(c, "Drift of %d features and scores: %d significant, %d moderate, %d stable. The "
				 "largest:", d->nrows, count[2], count[1], count[0]);
	for (i = 0; i < Min(n, 5); i++)
		eg_chart_say(c, "%s %s %s%s", labels[i], psi_text(rows[i].psi),
					 level_of(d, rows[i].row)->word, i < Min(n, 5) - 1 ? "," : ".");

	x = eg_scale_numbers(0, Min(Max(most * 1.02, SIGNIFICANT * 1.5), LONGEST_BAR),
						 eg_chart_format(c, EG_FORMAT_NUMBER), EG_SCALE_ZERO | EG_SCALE_EXACT);
	y = eg_scale_categories(labels, n);
	eg_chart_frame(c, 120 + Max(n * ROW_HEIGHT, 60), EG_LEAST_ROWS(n) + 34);
	box = c->inner;
	box.top += 30;
	box.right -= room + 4;
	in = eg_panel(c, box, &x, &y, eg_x_label(c, "Population stability index (PSI)"),
				  eg_y_label(c, NULL), EG_GRID_X | EG_NO_BASE);
	draw_limit(c, &x, in, SIGNIFICANT, EG_DASHED, c->inner.top + 24, "from 0.2: significant");
	draw_limit(c, &x, in, MODERATE, EG_DOTTED, c->inner.top + 9, "from 0.1: moderate");
	for (i = 0; i < n; i++)
		draw_drift_bar(c, d, &x, eg_scale_at(&y, i), eg_scale_band(&y) * 0.62, rows[i].row,
					   chance && !isnan(d->number[DR_CHANCE][rows[i].row]), in.right);
	eg_svg_line(&c->svg, eg_scale_at(&x, 0), in.top, eg_scale_at(&x, 0), in.bottom, EG_INK_AXIS, 1,
				EG_SOLID);
}

const EgPlotKind eg_plot_drift = {
	.name = "drift",
	.title = "Drift since training",
	.columns = drift_columns,
	.facts = drift_facts,
	.draw = drift_draw,
};
