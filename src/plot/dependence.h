/*-------------------------------------------------------------------------
 *
 * dependence.h
 *	  What the drawings of one feature and of two share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_DEPENDENCE_H
#define EG_PLOT_DEPENDENCE_H

#include "plot/points.h"

/* columns and facts of kind dependence */
enum
{
	DP_VALUE, DP_X, DP_WORDS, DP_LOWER, DP_UPPER, DP_ID, DP_X2, DP_WORDS2, DP_COUNT
};

enum
{
	DP_KIND, DP_FEATURE, DP_FEATURE2, DP_UNIT
};

/*
 * Places of a feature's values on an axis, (nrows), NaN where it is missing; the axis
 * is one of numbers, of times, or of words, as the values in words are.
 */
extern double *eg_dependence_axis(const EgPlotData *d, int x, int words, EgScale *scale);

/* The scale of colours of the second feature. */
extern void eg_dependence_legend(EgChart *c, const EgPlotData *d, const char *name, double low,
								 double high);

/* Values over two features, as a map of colours. */
extern void eg_draw_surface(EgChart *c, const EgPlotData *d);

/* The different numbers among v, ascending, into out (room for n).  Returns how many. */
extern int	eg_distinct(const double *v, int n, double *out);

/* Place of x, which is one of the n ascending numbers. */
extern int	eg_place_among(const double *v, int n, double x);

#endif							/* EG_PLOT_DEPENDENCE_H */
