/*-------------------------------------------------------------------------
 *
 * chart.h
 *	  What all pictures have around the drawing: title, legend, axes, notes.
 *
 * A drawing says what the picture is about (legend, notes, description), then calls
 * eg_chart_frame(), which settles the place that is left; then it puts one or more
 * panels with axes there, and draws into them through their scales.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_CHART_H
#define EG_PLOT_CHART_H

#include "plot/plot.h"
#include "plot/scale.h"
#include "plot/svg.h"

/* heights of a line of small and of ordinary text */
#define EG_LINE_SMALL	15
#define EG_LINE_BODY	18

/* least heights inside: of an ordinary panel, and of rows with a name each */
#define EG_LEAST_PANEL	120
#define EG_LEAST_ROWS(n) (40 + 15 * (n))

typedef struct EgBox
{
	double		left;
	double		top;
	double		right;
	double		bottom;
} EgBox;

typedef enum EgMark
{
	EG_MARK_LINE,
	EG_MARK_DASHED,
	EG_MARK_BOX,
	EG_MARK_DOT,
	EG_MARK_RING,
	EG_MARK_CROSS,
	EG_MARK_LOWHIGH,			/* the scale of colours from low to high */
	EG_MARK_HEAT
} EgMark;

typedef struct EgLegend
{
	EgMark		mark;
	EgInk		ink;
	const char *text;			/* scales: the lower end, */
	const char *high;			/* and the upper */
} EgLegend;

typedef struct EgChart
{
	EgSvg		svg;
	const EgPlotOptions *o;
	const EgPlotData *d;
	double		width;
	double		height;
	const char *title;
	EgLegend   *legend;
	int			nlegend;
	StringInfoData notes;		/* below the picture */
	StringInfoData words;		/* for those who do not see it */
	EgBox		inner;
	double		least_left;		/* room for labels of y, so that panels stand in line */
	double		foot;			/* pixels that panels leave below the least y */
} EgChart;

extern void eg_chart_init(EgChart *c, const EgPlotOptions *o, const EgPlotData *d);
extern char *eg_chart_finish(EgChart *c);

/* The different texts of a column; those beyond what can be told apart are cut off, and noted. */
extern EgGroups *eg_chart_series(EgChart *c, int column);

/* Before the frame. */
extern void eg_chart_legend(EgChart *c, EgMark mark, EgInk ink, const char *text);
extern void eg_chart_legend_scale(EgChart *c, EgMark mark, const char *low, const char *high);
extern void eg_chart_note(EgChart *c, const char *format,...) pg_attribute_printf(2, 3);
extern void eg_chart_say(EgChart *c, const char *format,...) pg_attribute_printf(2, 3);

/*
 * Title, legend and notes; the rest is c->inner.  height: of all, when the options say
 * nothing; least: of the inside, whatever they say, for n rows of text must not lie on
 * each other.
 */
extern void eg_chart_frame(EgChart *c, double height, double least);

/* A picture without rows. */
extern void eg_chart_empty(EgChart *c);

/* The option's format, else the one given. */
extern EgFormat eg_chart_format(const EgChart *c, EgFormat otherwise);

/* flags of panels */
#define EG_GRID_X		1		/* lines at the ticks of x */
#define EG_GRID_Y		2
#define EG_NO_BASE		4		/* no line at the foot */
#define EG_NO_X			8		/* no ticks and labels of x: they stand in the panel below */
#define EG_BARE_Y		16		/* y without labels */

/*
 * Axes in a box: places both scales (y grows upwards, its categories downwards) and
 * draws grid, ticks and labels.  Labels of axes may be NULL.  Returns the inside.
 */
extern EgBox eg_panel(EgChart *c, EgBox box, EgScale *x, EgScale *y, const char *x_label,
					  const char *y_label, int flags);

/* The option's label of the axis, else the one given. */
extern const char *eg_x_label(const EgChart *c, const char *otherwise);
extern const char *eg_y_label(const EgChart *c, const char *otherwise);

/* Width that the labels of y take in a panel of that size. */
extern double eg_panel_left(const EgScale *y, double width, double height);

#endif							/* EG_PLOT_CHART_H */
