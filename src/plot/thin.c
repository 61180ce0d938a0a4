/*-------------------------------------------------------------------------
 *
 * thin.c
 *	  Fewer points for the same picture.
 *
 * Lines: in each pixel of x the first, lowest, highest and last point stay
 * (U. Jugel and others, "M4: a visualization-oriented time series data aggregation",
 * VLDB 2014), if x grows; then points that lie on the line between their neighbours
 * go (U. Ramer 1972; D. Douglas and T. Peucker 1973).
 *
 * Dots: one in each cell of a grid that is no coarser than it must be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "plot/svg.h"

#define COLUMN		1.0			/* pixels */
#define TOLERANCE	0.2
#define MOST_CELL	32			/* pixels */

/* Points of the column that begins at `from`: to which does it reach? */
static int
column_end(const EgPixel *p, int n, int from)
{
	double		column = floor(p[from].x / COLUMN);
	int			i;

	for (i = from + 1; i < n && floor(p[i].x / COLUMN) == column; i++)
		;
	return i;
}

/* The M4 step; x must not fall. */
static int
thin_columns(EgPixel *p, int n)
{
	int			out = 0;
	int			from = 0;

	while (from < n)
	{
		int			end = column_end(p, n, from);
		int			low = from,
					high = from,
					i;

		for (i = from; i < end; i++)
		{
			if (p[i].y < p[low].y)
				low = i;
			if (p[i].y > p[high].y)
				high = i;
		}
		/* places written are never behind those read */
		for (i = from; i < end; i++)
		{
			if (i == from || i == low || i == high || i == end - 1)
				p[out++] = p[i];
		}
		from = end;
	}
	return out;
}

/* Square of the distance of c from the line between a and b. */
static double
distance(EgPixel a, EgPixel b, EgPixel c)
{
	double		dx = b.x - a.x;
	double		dy = b.y - a.y;
	double		len = dx * dx + dy * dy;
	double		t = len > 0 ? ((c.x - a.x) * dx + (c.y - a.y) * dy) / len : 0;

	t = Min(Max(t, 0), 1);
	dx = a.x + t * dx - c.x;
	dy = a.y + t * dy - c.y;
	return dx * dx + dy * dy;
}

/* Keep the ends and, where it matters, the farthest point between them, again and again. */
static int
thin_straight(EgPixel *p, int n)
{
	bool	   *keep = palloc0(n * sizeof(bool));
	int		   *stack = palloc(2 * n * sizeof(int));
	int			top = 0;
	int			out = 0;
	int			i;

	keep[0] = keep[n - 1] = true;
	stack[top++] = 0;
	stack[top++] = n - 1;
	while (top > 0)
	{
		int			to = stack[--top];
		int			from = stack[--top];
		int			worst = -1;
		double		most = TOLERANCE * TOLERANCE;

		CHECK_FOR_INTERRUPTS();
		for (i = from + 1; i < to; i++)
		{
			double		d = distance(p[from], p[to], p[i]);

			if (d > most)
			{
				most = d;
				worst = i;
			}
		}
		if (worst < 0)
			continue;
		keep[worst] = true;
		stack[top++] = from;
		stack[top++] = worst;
		stack[top++] = worst;
		stack[top++] = to;
	}
	for (i = 0; i < n; i++)
	{
		if (keep[i])
			p[out++] = p[i];
	}
	pfree(keep);
	pfree(stack);
	return out;
}

int
eg_thin_line(EgPixel *p, int n)
{
	bool		grows = true;
	int			i;

	for (i = 1; i < n && grows; i++)
		grows = p[i].x >= p[i - 1].x;
	if (grows)
		n = thin_columns(p, n);
	return n > 2 ? thin_straight(p, n) : n;
}

/* Fill keep with the first dot of each cell; the number of cells with dots. */
static int
dots_of_cells(const EgPixel *p, int n, double width, double height, double cell, int *keep)
{
	int			columns = (int) (Max(width, 1) / cell) + 1;
	int			rows = (int) (Max(height, 1) / cell) + 1;
	bool	   *seen = palloc0((Size) columns * rows);
	int			out = 0;

	for (int i = 0; i < n; i++)
	{
		int			c = (int) (Min(Max(p[i].x, 0), width) / cell);
		int			r = (int) (Min(Max(p[i].y, 0), height) / cell);
		bool	   *s = &seen[(Size) Min(r, rows - 1) * columns + Min(c, columns - 1)];

		if (!*s)
			keep[out++] = i;
		*s = true;
	}
	pfree(seen);
	return out;
}

int
eg_thin_dots(const EgPixel *p, int n, double width, double height, int most, int *keep)
{
	double		cell;
	int			out = 0;

	for (cell = 0.5; cell <= MOST_CELL; cell *= 1.25)
	{
		CHECK_FOR_INTERRUPTS();
		out = dots_of_cells(p, n, width, height, cell, keep);
		if (out <= most)
			break;
	}
	return out;
}
