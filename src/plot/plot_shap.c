/*-------------------------------------------------------------------------
 *
 * plot_shap.c
 *	  SHAP summary: every row's contribution of every feature, as a swarm of dots.
 *
 * A line for each feature, the most important first; right is up; the colour is
 * the feature's value, from its 5 to its 95 % quantile, so that one outlier does not
 * take all the colours.  Dots that would lie on each other are stacked, so the swarm
 * is as thick as the values are many.  Of more dots than can be seen apart some are
 * left out: in each column of a swarm the same share.
 *
 * Source: S. Lundberg and others, "From local explanations to global understanding
 * with explainable AI for trees", Nature Machine Intelligence 2 (2020).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "base/sort.h"
#include "plot/chart.h"

#define DEFAULT_LIMIT	15
#define ROW_HEIGHT		28
#define DOT				1.6		/* radius */
#define COLUMN			2.0		/* pixels of x in which dots are stacked */
#define STACK_STEP		1.9		/* pixels from dot to dot */
#define MOST_DOTS		10000
#define CROWD			1000	/* of so many, some are likely to be left out */
#define PLAIN			EG_LOWHIGH_STEPS	/* colour class of values that are no numbers */

enum
{
	SHAP_FEATURE, SHAP_CONTRIBUTION, SHAP_VALUE
};

enum
{
	SHAP_UNIT
};

static const EgPlotColumn shap_columns[] = {
	{"feature", EG_CELL_TEXT, true},
	{"contribution", EG_CELL_NUMBER, true},
	{"value", EG_CELL_ANY},
	{NULL}
};

static const EgPlotFact shap_facts[] = {
	{"unit", EG_CELL_TEXT},
	{NULL}
};

typedef struct Feature
{
	int			group;
	double		magnitude;		/* mean absolute contribution */
} Feature;

/* Dots of one colour. */
typedef struct Bucket
{
	EgPixel    *p;
	int			n;
	int			room;
} Bucket;

static int
compare_features(const void *a, const void *b)
{
	const Feature *p = a;
	const Feature *q = b;

	return p->magnitude > q->magnitude ? -1 : p->magnitude < q->magnitude ? 1 :
		p->group < q->group ? -1 : 1;
}

/* The value as a number: "12" is one, too. */
static double
number_of(const EgPlotData *d, int row)
{
	const char *text = d->text[SHAP_VALUE][row];
	char	   *end;
	double		v;

	if (text == NULL)
		return d->number[SHAP_VALUE][row];
	v = strtod(text, &end);
	return end == text || *end != '\0' || !isfinite(v) ? NAN : v;
}

/* Quantiles between which the colours of a feature run; false where no value is a number. */
static bool
colour_range(const EgPlotData *d, const EgGroups *g, int k, double *lo, double *hi)
{
	double	   *v = palloc(Max(g->count[k], 1) * sizeof(double));
	int			n = 0;

	for (int i = 0; i < g->count[k]; i++)
	{
		double		x = number_of(d, g->order[g->start[k] + i]);

		if (!isnan(x))
			v[n++] = x;
	}
	if (n > 0)
	{
		qsort(v, n, sizeof(double), eg_by_double);
		*lo = v[(int) (0.05 * (n - 1))];
		*hi = v[(int) ceil(0.95 * (n - 1))];
		/* rare values that are all that there is, as in a flag */
		if (*lo == *hi)
		{
			*lo = v[0];
			*hi = v[n - 1];
		}
	}
	pfree(v);
	return n > 0;
}

static void
add_dot(Bucket *b, double x, double y)
{
	if (b->n == b->room)
	{
		b->room = b->room == 0 ? 256 : 2 * b->room;
		b->p = b->p == NULL ? palloc(b->room * sizeof(EgPixel)) :
			repalloc(b->p, b->room * sizeof(EgPixel));
	}
	b->p[b->n].x = x;
	b->p[b->n++].y = y;
}

/* Column of a dot. */
static int
column_of(const EgScale *x, double contribution)
{
	return Max((int) ((eg_scale_at(x, contribution) - x->from) / COLUMN), 0);
}

/* Dots drawn of n in a column, where the fullest has `most` and at most cap are stacked. */
static int
dots_drawn(int n, int most, int cap)
{
	return most <= cap ? n : Max((int) ceil((double) n * cap / most), 1);
}

/* Rows of group k in each column; the largest. */
static int
count_columns(const EgPlotData *d, const EgGroups *g, int k, const EgScale *x, int *count,
			  int ncolumns)
{
	int			most = 0;

	memset(count, 0, ncolumns * sizeof(int));
	for (int i = 0; i < g->count[k]; i++)
	{
		int			row = g->order[g->start[k] + i];
		int			c = Min(column_of(x, d->number[SHAP_CONTRIBUTION][row]), ncolumns - 1);

		most = Max(most, ++count[c]);
	}
	return most;
}

/* How high stacks may be, so that all swarms together have at most MOST_DOTS. */
static int
find_cap(const EgPlotData *d, const EgGroups *g, const Feature *f, int n, const EgScale *x,
		 int cap, int *count, int ncolumns)
{
	for (; cap > 1; cap--)
	{
		int64		dots = 0;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n; j++)
		{
			int			most = count_columns(d, g, f[j].group, x, count, ncolumns);

			for (int i = 0; i < ncolumns; i++)
				dots += dots_drawn(count[i], most, cap);
		}
		if (dots <= MOST_DOTS)
			break;
	}
	return cap;
}

/* One feature's dots into the buckets of their colours. Returns how many. */
static int
swarm(const EgPlotData *d, const EgGroups *g, int k, const EgScale *x, double middle, int cap,
	  int *count, int ncolumns, Bucket *buckets)
{
	int			most = count_columns(d, g, k, x, count, ncolumns);
	int		   *seen = palloc0(ncolumns * sizeof(int));
	double		lo = 0,
				hi = 0;
	bool		coloured = colour_range(d, g, k, &lo, &hi);
	int			drawn = 0;

	for (int i = 0; i < g->count[k]; i++)
	{
		int			row = g->order[g->start[k] + i];
		double		v = d->number[SHAP_CONTRIBUTION][row];
		double		value = coloured ? number_of(d, row) : NAN;
		int			c = Min(column_of(x, v), ncolumns - 1);
		int			keep = dots_drawn(count[c], most, cap);
		int			s = seen[c]++;
		int			place;
		double		share;

		/* every so many-th row of the column: those at which the share steps up */
		if ((int64) (s + 1) * keep / count[c] == (int64) s * keep / count[c])
			continue;
		place = (int) ((int64) s * keep / count[c]);
		share = hi > lo ? (value - lo) / (hi - lo) : 0.5;
		add_dot(&buckets[isnan(value) ? PLAIN : eg_ink_lowhigh(share) - EG_INK_LOWHIGH],
				eg_scale_at(x, v),
				middle + (place + 1) / 2 * (place % 2 ? -STACK_STEP : STACK_STEP));
		drawn++;
	}
	pfree(seen);
	return drawn;
}

/* Features by mean absolute contribution. */
static Feature *
sorted_features(const EgPlotData *d, const EgGroups *g)
{
	Feature    *f = palloc(g->n * sizeof(Feature));

	for (int k = 0; k < g->n; k++)
	{
		double		sum = 0;

		for (int i = 0; i < g->count[k]; i++)
			sum += fabs(d->number[SHAP_CONTRIBUTION][g->order[g->start[k] + i]]);
		f[k].group = k;
		f[k].magnitude = sum / g->count[k];
	}
	qsort(f, g->n, sizeof(Feature), compare_features);
	return f;
}

static void
shap_draw(EgChart *c, const EgPlotData *d)
{
	EgGroups   *g = eg_plot_groups(d, SHAP_FEATURE);
	Feature    *f = sorted_features(d, g);
	EgFormat	format = eg_chart_format(c, EG_FORMAT_NUMBER);
	int			n = Min(g->n, c->o->limit > 0 ? c->o->limit : DEFAULT_LIMIT);
	const char **names = palloc(n * sizeof(char *));
	Bucket		buckets[EG_LOWHIGH_STEPS + 1] = {{0}};
	double		lo = 0,
				hi = 0;
	int			total = 0,
				drawn = 0,
				ncolumns,
				cap,
			   *count;
	EgScale		x,
				y;
	EgBox		in;

	for (int j = 0; j < n; j++)
	{
		int			k = f[j].group;

		names[j] = g->name[k];
		total += g->count[k];
		for (int i = 0; i < g->count[k]; i++)
		{
			double		v = d->number[SHAP_CONTRIBUTION][g->order[g->start[k] + i]];

			lo = Min(lo, v);
			hi = Max(hi, v);
		}
		if (j < 5)
			eg_chart_say(c, "%s: mean magnitude %s.", names[j],
						 eg_format_value(f[j].magnitude, format));
	}
	x = eg_scale_numbers(lo, hi, format, 0);
	y = eg_scale_categories(names, n);
	if (d->given[SHAP_VALUE])
	{
		eg_chart_legend_scale(c, EG_MARK_LOWHIGH, "value of the feature: low", "high");
		eg_chart_legend(c, EG_MARK_DOT, EG_INK_AXIS, "a word, or missing");
	}
	if (n < g->n)
		eg_chart_note(c, "%d less important features are not shown.", g->n - n);
	if (total > CROWD)
		eg_chart_note(c, "%s contributions: where dots would cover each other, a part is drawn.",
					  eg_format_value(total, EG_FORMAT_COUNT));
	eg_chart_frame(c, 110 + n * ROW_HEIGHT, EG_LEAST_ROWS(n));
	in = eg_panel(c, c->inner, &x, &y, eg_x_label(c, d->fact_text[SHAP_UNIT] ?
												  d->fact_text[SHAP_UNIT] :
												  "Contribution to the prediction"),
				  eg_y_label(c, NULL), EG_GRID_X);
	eg_svg_line(&c->svg, eg_scale_at(&x, 0), in.top, eg_scale_at(&x, 0), in.bottom, EG_INK_AXIS,
				1, EG_SOLID);

	ncolumns = (int) ((in.right - in.left) / COLUMN) + 1;
	count = palloc(ncolumns * sizeof(int));
	cap = Max((int) (eg_scale_band(&y) * 0.88 / STACK_STEP), 1);
	cap = find_cap(d, g, f, n, &x, cap, count, ncolumns);
	for (int j = 0; j < n; j++)
	{
		CHECK_FOR_INTERRUPTS();
		drawn += swarm(d, g, f[j].group, &x, eg_scale_at(&y, j), cap, count, ncolumns, buckets);
	}
	eg_svg_dots(&c->svg, buckets[PLAIN].p, buckets[PLAIN].n, EG_INK_AXIS, DOT, 1);
	for (int i = 0; i < EG_LOWHIGH_STEPS; i++)
		eg_svg_dots(&c->svg, buckets[i].p, buckets[i].n, (EgInk) (EG_INK_LOWHIGH + i), DOT, 1);
	eg_chart_say(c, "%d dots drawn.", drawn);
}

const EgPlotKind eg_plot_shap = {
	.name = "shap",
	.title = "What the features do to the prediction",
	.columns = shap_columns,
	.facts = shap_facts,
	.draw = shap_draw,
};
