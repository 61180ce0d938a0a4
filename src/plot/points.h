/*-------------------------------------------------------------------------
 *
 * points.h
 *	  Lines and clouds of points, for every kind that has them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_POINTS_H
#define EG_PLOT_POINTS_H

#include "plot/chart.h"

/*
 * The values of a column for an axis, (nrows), and the axis: numbers, or dates and
 * times where every value is one, or words side by side.
 */
extern double *eg_points_x(const EgPlotData *d, int column, EgScale *scale, EgFormat format);

/* Pixels of a group's points that have both values, by x; p has room for them.  Returns n. */
extern int	eg_points_line(const EgPlotData *d, const EgGroups *g, int k, const double *x,
						   const double *y, const EgScale *xs, const EgScale *ys, EgPixel *p);

/* For qsort: EgPixel by x, then y. */
extern int	eg_points_compare(const void *a, const void *b);

/* Dots in their inks (n), thinned; p is changed. */
extern void eg_points_dots(EgChart *c, EgPixel *p, int n, const EgInk *ink, EgBox in,
						   double radius);

/* What suits so many dots. */
extern double eg_points_radius(int n);

#endif							/* EG_PLOT_POINTS_H */
