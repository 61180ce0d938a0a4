/*-------------------------------------------------------------------------
 *
 * plot_tree.c
 *	  The tree of clusters that hold together as the density grows.
 *
 * Rows are those of engage_condensed_tree().  It is an icicle plot, lying: J. B.
 * Kruskal, J. M. Landwehr, "Icicle Plots", The American Statistician 37, 1983.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "plot/chart.h"

#define SEEN_ROWS		0.99	/* share of the rows that leave on the axis of densities */
#define LEAST_PIXELS	0.4		/* thinner bars are not drawn */
#define LEAST_STEP		0.3		/* and smaller steps neither */
#define MOST_BARS		400
#define NAMES_WIDTH		150
#define MOST_TREE_ROWS	1000000
#define MOST_ROWS		1e15	/* of a cluster */
#define DENSEST			1e300	/* beyond, nobody leaves */

enum
{
	CT_DENSITY, CT_SIZE, CT_PARENT, CT_CHILD, CT_SEGMENT, CT_NAME
};

static const EgPlotColumn condensed_columns[] = {
	{"density", EG_CELL_NUMBER},
	{"size", EG_CELL_NUMBER, true},
	{"parent", EG_CELL_NUMBER},
	{"child", EG_CELL_NUMBER},
	{"segment", EG_CELL_TEXT},
	{"name", EG_CELL_TEXT},
	{NULL}
};

/* Rows that leave a cluster, as children or one by one. */
typedef struct Leaving
{
	double		parent;
	double		density;		/* infinite: never */
	double		size;
} Leaving;

typedef struct Node
{
	double		id;
	int			parent;			/* node, -1: a root */
	double		birth;
	double		size;
	int			row;			/* of the data, -1: its children name it, no row does */
	int			first;			/* its part of the leaving, sorted by density */
	int			count;
	int			selected;		/* node that is selected, itself or above; -1 */
	bool		drawn;
	double		top;			/* in rows from the top */
	double		next;			/* where its next child lies */
} Node;

typedef struct Tree
{
	int			n;
	Node	   *node;			/* (n) by id, so that parents come first */
	int			nleaving;
	Leaving    *leaving;
	double		rows;			/* of all roots */
	int			left_out;
} Tree;

static int
compare_nodes(const void *a, const void *b)
{
	const Node *p = a;
	const Node *q = b;

	/* those with a row first among the same */
	if (p->id != q->id)
		return p->id < q->id ? -1 : 1;
	return (p->row < 0) - (q->row < 0);
}

static int
compare_leaving(const void *a, const void *b)
{
	const Leaving *p = a;
	const Leaving *q = b;

	if (p->parent != q->parent)
		return p->parent < q->parent ? -1 : 1;
	if (p->density != q->density)
		return p->density < q->density ? -1 : 1;
	return p->size < q->size ? -1 : p->size > q->size;
}

static int
compare_density(const void *a, const void *b)
{
	const Leaving *p = a;
	const Leaving *q = b;

	return p->density < q->density ? -1 : p->density > q->density;
}

static int
find_node(const Tree *t, double id)
{
	int			lo = 0,
				hi = t->n - 1;

	while (lo <= hi)
	{
		int			middle = (lo + hi) / 2;

		if (t->node[middle].id == id)
			return middle;
		if (t->node[middle].id < id)
			lo = middle + 1;
		else
			hi = middle - 1;
	}
	return -1;
}

/* A row that cannot be part of a tree. */
static bool
is_strange(const EgPlotData *d, int i)
{
	double		parent = d->number[CT_PARENT][i];
	double		child = d->number[CT_CHILD][i];

	return !(d->number[CT_SIZE][i] >= 0 && d->number[CT_SIZE][i] <= MOST_ROWS) ||
		(isnan(parent) && isnan(child)) || parent < 0 || child <= parent;
}

static Tree *
read_tree(const EgPlotData *d)
{
	Tree	   *t = palloc0(sizeof(Tree));
	int			n = 0;
	int			i;

	t->node = palloc_extended(2 * d->nrows * sizeof(Node), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	t->leaving = palloc_extended(d->nrows * sizeof(Leaving), MCXT_ALLOC_HUGE);
	for (i = 0; i < d->nrows; i++)
	{
		double		parent = d->number[CT_PARENT][i];
		double		child = d->number[CT_CHILD][i];
		double		density = d->number[CT_DENSITY][i];

		if (is_strange(d, i))
		{
			t->left_out++;
			continue;
		}
		if (!isnan(child))
		{
			t->node[n].id = child;
			t->node[n].birth = isnan(density) ? 0 : Min(Max(density, 0), DENSEST);
			t->node[n].size = d->number[CT_SIZE][i];
			t->node[n++].row = i;
		}
		if (isnan(parent))
			continue;
		t->node[n].id = parent;
		t->node[n++].row = -1;
		t->leaving[t->nleaving].parent = parent;
		t->leaving[t->nleaving].density =
			isnan(density) || density > DENSEST ? INFINITY : Max(density, 0);
		t->leaving[t->nleaving++].size = d->number[CT_SIZE][i];
	}
	qsort(t->node, n, sizeof(Node), compare_nodes);
	qsort(t->leaving, t->nleaving, sizeof(Leaving), compare_leaving);
	for (i = 0; i < n; i++)
	{
		if (t->n == 0 || t->node[t->n - 1].id != t->node[i].id)
			t->node[t->n++] = t->node[i];
	}
	return t;
}

/* Who is whose child, and where each lies: children side by side in the middle of the parent. */
static void
place_nodes(Tree *t, const EgPlotData *d)
{
	double	   *inside = palloc_extended(Max(t->n, 1) * sizeof(double),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int			next = 0;
	int			i;

	for (i = 0; i < t->n; i++)
	{
		Node	   *node = &t->node[i];
		double		parent = node->row < 0 ? NAN : d->number[CT_PARENT][node->row];

		node->parent = isnan(parent) ? -1 : find_node(t, parent);
		node->first = next;
		while (next < t->nleaving && t->leaving[next].parent == node->id)
		{
			if (node->row < 0)
				node->size += t->leaving[next].size;
			next++;
		}
		node->count = next - node->first;
		node->selected = node->row >= 0 && d->text[CT_SEGMENT][node->row] ? i :
			node->parent >= 0 ? t->node[node->parent].selected : -1;
		if (node->parent >= 0)
			inside[node->parent] += node->size;
	}
	for (i = 0; i < t->n; i++)
	{
		Node	   *node = &t->node[i];

		if (node->parent < 0)
		{
			node->top = t->rows;
			t->rows += node->size;
		}
		else
		{
			node->top = t->node[node->parent].next;
			t->node[node->parent].next += node->size;
		}
		node->next = node->top + Max(node->size - inside[i], 0) / 2;
	}
	pfree(inside);
}

/* Where the axis ends: most rows have left, and every selected cluster has begun. */
static double
last_density(const Tree *t)
{
	Leaving    *by = palloc_extended(Max(t->nleaving, 1) * sizeof(Leaving), MCXT_ALLOC_HUGE);
	double		rows = 0;
	double		sum = 0;
	double		last = 0;
	int			n = 0;
	int			i;

	for (i = 0; i < t->nleaving; i++)
	{
		if (isinf(t->leaving[i].density))
			continue;
		by[n++] = t->leaving[i];
		rows += t->leaving[i].size;
	}
	qsort(by, n, sizeof(Leaving), compare_density);
	for (i = 0; i < n && sum <= SEEN_ROWS * rows; i++)
	{
		sum += by[i].size;
		last = by[i].density;
	}
	for (i = 0; i < t->n; i++)
	{
		if (t->node[i].selected == i)
			last = Max(last, t->node[i].birth * 1.1);
	}
	pfree(by);
	return last;
}

/* The bar of a cluster, thinner as rows leave it. */
static void
draw_bar(EgChart *c, const EgPlotData *d, const Tree *t, int k, const EgScale *x, double pixels,
		 EgBox in)
{
	const Node *node = &t->node[k];
	bool		selected = node->selected == k;
	double		middle = in.top + (node->top + node->size / 2) * pixels;
	double		half = node->size / 2 * pixels;
	double		left = node->size;
	int			most = 4 * node->count + 8;
	EgPixel    *p = palloc_extended(most * sizeof(EgPixel), MCXT_ALLOC_HUGE);
	EgPixel    *upper = palloc_extended(most / 2 * sizeof(EgPixel), MCXT_ALLOC_HUGE);
	int			n = 0;
	int			m = 0;
	EgInk		ink = EG_INK_FAINT;
	const char *segment;
	int			i;

	if (node->selected >= 0)
	{
		segment = d->text[CT_SEGMENT][t->node[node->selected].row];
		ink = eg_ink_series(Max(atoi(segment), 1) - 1);
	}
	upper[n].x = eg_scale_at(x, node->birth);
	upper[n++].y = half;
	for (i = node->first; i < node->first + node->count && t->leaving[i].density <= x->hi; i++)
	{
		upper[n].x = eg_scale_at(x, t->leaving[i].density);
		upper[n++].y = left / 2 * pixels;
		left = Max(left - t->leaving[i].size, 0);
		if (upper[n - 2].y - left / 2 * pixels < LEAST_STEP && i < node->first + node->count - 1)
		{
			n--;
			continue;
		}
		upper[n].x = upper[n - 1].x;
		upper[n++].y = left / 2 * pixels;
	}
	if (left > 0 && (i < node->first + node->count))
	{
		upper[n].x = in.right;
		upper[n++].y = left / 2 * pixels;
	}
	for (i = 0; i < n; i++)
	{
		p[m].x = upper[i].x;
		p[m++].y = middle - upper[i].y;
	}
	for (i = n - 1; i >= 0; i--)
	{
		p[m].x = upper[i].x;
		p[m++].y = middle + upper[i].y;
	}
	eg_svg_polygon(&c->svg, p, m, ink, selected ? 0.85 : node->selected >= 0 ? 0.45 : 0.9,
				   psprintf("%s rows from density %s on",
							eg_format_value(node->size, EG_FORMAT_COUNT),
							eg_format_value(node->birth, EG_FORMAT_NUMBER)));
	if (selected)
	{
		p[m] = p[0];
		eg_svg_polyline(&c->svg, p, m + 1, EG_INK_TEXT, 1.5, EG_SOLID);
	}
	pfree(p);
	pfree(upper);
}

/* Mark what is drawn: not too thin, and of many the largest; says what is not. */
static void
choose_bars(EgChart *c, Tree *t, double least)
{
	Leaving    *by = palloc_extended(Max(t->n, 1) * sizeof(Leaving), MCXT_ALLOC_HUGE);
	int			n = 0;
	int			i;

	for (i = 0; i < t->n; i++)
	{
		if (t->node[i].size < least && t->node[i].selected != i)
			continue;
		/* the largest first, of equal ones parents first */
		by[n].parent = -t->node[i].size;
		by[n].density = i;
		by[n++].size = 0;
	}
	qsort(by, n, sizeof(Leaving), compare_leaving);
	for (i = 0; i < Min(n, MOST_BARS); i++)
		t->node[(int) by[i].density].drawn = true;
	if (n > MOST_BARS)
		eg_chart_note(c, "%d of %s clusters are drawn: the largest.", MOST_BARS,
					  eg_format_value(t->n, EG_FORMAT_COUNT));
	pfree(by);
}

typedef struct Label
{
	int			node;
	double		size;
	double		at;				/* where it should stand */
} Label;

static int
compare_sizes(const void *a, const void *b)
{
	const Label *p = a;
	const Label *q = b;

	if (p->size != q->size)
		return p->size > q->size ? -1 : 1;
	return p->node - q->node;
}

static int
compare_names(const void *a, const void *b)
{
	const Label *p = a;
	const Label *q = b;

	if (p->at != q->at)
		return p->at < q->at ? -1 : 1;
	return p->node - q->node;
}

/* Names of the largest selected clusters beside the tree, each at its height or a bit away. */
static void
draw_names(EgChart *c, const EgPlotData *d, const Tree *t, const EgScale *x, double pixels,
		   EgBox in)
{
	Label	   *name = palloc_extended(Max(t->n, 1) * sizeof(Label), MCXT_ALLOC_HUGE);
	double		low = in.bottom - 4;
	int			n = 0;
	int			i;

	for (i = 0; i < t->n; i++)
	{
		if (t->node[i].selected != i)
			continue;
		name[n].node = i;
		name[n].size = t->node[i].size;
		name[n++].at = in.top + (t->node[i].top + t->node[i].size / 2) * pixels + 4;
	}
	qsort(name, n, sizeof(Label), compare_sizes);
	n = Min(n, (int) ((in.bottom - in.top) / EG_LINE_SMALL));
	qsort(name, n, sizeof(Label), compare_names);
	/* down where they are too close, then up where that went beyond the foot */
	for (i = 0; i < n; i++)
		name[i].at = Max(name[i].at, i == 0 ? in.top + 10 : name[i - 1].at + EG_LINE_SMALL);
	for (i = n - 1; i >= 0 && name[i].at > low; i--, low -= EG_LINE_SMALL)
		name[i].at = low;
	for (i = 0; i < n; i++)
	{
		const Node *node = &t->node[name[i].node];
		const char *segment = d->text[CT_SEGMENT][node->row];
		const char *given = d->text[CT_NAME][node->row];
		double		middle = in.top + (node->top + node->size / 2) * pixels;

		eg_svg_line(&c->svg, in.right + 2, middle, in.right + 14, name[i].at - 4, EG_INK_AXIS, 1,
					EG_SOLID);
		eg_svg_label(&c->svg, in.right + 18, name[i].at, c->width - in.right - 20, EG_TEXT_SMALL,
					 EG_START, EG_INK_TEXT,
					 psprintf("%s (%s)", given ? given : psprintf("segment %s", segment),
							  eg_format_value(node->size, EG_FORMAT_COUNT)));
	}
}

static void
condensed_draw(EgChart *c, const EgPlotData *d)
{
	Tree	   *t;
	double		pixels;
	int			selected = 0;
	EgScale		x,
				y;
	EgBox		box,
				in;
	int			i;

	if (d->nrows > MOST_TREE_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("picture \"condensed_tree\" has at most %d rows, not %d", MOST_TREE_ROWS,
						d->nrows)));
	t = read_tree(d);
	place_nodes(t, d);
	if (t->left_out > 0)
		eg_chart_note(c, "%d rows that are part of no tree: left out.", t->left_out);
	if (t->rows <= 0)
	{
		eg_chart_empty(c);
		return;
	}
	for (i = 0; i < t->n; i++)
		selected += t->node[i].selected == i;
	eg_chart_legend(c, EG_MARK_BOX, eg_ink_series(0), psprintf("selected (%d)", selected));
	eg_chart_legend(c, EG_MARK_BOX, EG_INK_FAINT, "not selected");
	eg_chart_say(c, "%d clusters of %s rows, %d of them selected.", t->n,
				 eg_format_value(t->rows, EG_FORMAT_COUNT), selected);
	x = eg_scale_numbers(0, last_density(t), EG_FORMAT_NUMBER, EG_SCALE_EXACT);
	y = eg_scale_numbers(0, 1, EG_FORMAT_NUMBER, EG_SCALE_EXACT);
	choose_bars(c, t, LEAST_PIXELS * t->rows / Max(c->height, 400));
	eg_chart_frame(c, 400, EG_LEAST_PANEL);
	box = c->inner;
	if (selected > 0)
		box.right -= Min(NAMES_WIDTH, (c->inner.right - c->inner.left) / 4);
	in = eg_panel(c, box, &x, &y, eg_x_label(c, "Density (1 / distance)"),
				  eg_y_label(c, psprintf("%s rows", eg_format_value(t->rows, EG_FORMAT_COUNT))),
				  EG_GRID_X | EG_BARE_Y);
	pixels = (in.bottom - in.top) / t->rows;
	for (i = 0; i < t->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (t->node[i].drawn && t->node[i].birth < x.hi)
			draw_bar(c, d, t, i, &x, pixels, in);
	}
	draw_names(c, d, t, &x, pixels, in);
}

const EgPlotKind eg_plot_condensed_tree = {
	.name = "condensed_tree",
	.title = "How clusters split",
	.columns = condensed_columns,
	.draw = condensed_draw,
};
