/*-------------------------------------------------------------------------
 *
 * svg.h
 *	  A canvas that becomes SVG text.
 *
 * Coordinates are pixels, y grows downwards, and are written with one decimal, so
 * that the text is the same on every machine and short.  Elements name inks; the
 * style sheet of the inks that were used is written at the end, each rule under
 * the picture's own id, so that many pictures can stand in one page.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_SVG_H
#define EG_PLOT_SVG_H

#include "lib/stringinfo.h"

#include "plot/theme.h"

typedef struct EgPixel
{
	double		x;
	double		y;
} EgPixel;

typedef enum EgTextSize
{
	EG_TEXT_TITLE,				/* 15 px, bold */
	EG_TEXT_BODY,				/* 12 px */
	EG_TEXT_STRONG,				/* 12 px, bold */
	EG_TEXT_SMALL,				/* 11 px */
	EG_NTEXTSIZES
} EgTextSize;

typedef enum EgAnchor
{
	EG_START,
	EG_MIDDLE,
	EG_END
} EgAnchor;

typedef enum EgDash
{
	EG_SOLID,
	EG_DASHED,
	EG_DOTTED
} EgDash;

typedef struct EgSvg
{
	StringInfoData body;
	EgTheme		theme;
	bool		paper;			/* paint the background */
	bool		fill_used[EG_NINKS];
	bool		stroke_used[EG_NINKS];
} EgSvg;

extern void eg_svg_init(EgSvg *svg, EgTheme theme, bool paper);

/*
 * The picture: XML without declaration, so that it can be put into a page.
 * id: prefix of all ids in it, or NULL for a hash of the content.
 */
extern char *eg_svg_finish(const EgSvg *svg, double width, double height, const char *id,
						   const char *title, const char *description);

/* title (may be NULL) is what a browser shows under the pointer. */
extern void eg_svg_rect(EgSvg *svg, double x, double y, double width, double height, EgInk fill,
						double opacity, const char *title);
extern void eg_svg_line(EgSvg *svg, double x1, double y1, double x2, double y2, EgInk stroke,
						double width, EgDash dash);
extern void eg_svg_circle(EgSvg *svg, double x, double y, double r, EgInk fill, const char *title);
extern void eg_svg_ring(EgSvg *svg, double x, double y, double r, EgInk stroke, const char *title);
extern void eg_svg_cross(EgSvg *svg, double x, double y, double r, EgInk stroke,
						 const char *title);

/* y is the base line.  full: the whole text where s is shortened, or NULL. */
extern void eg_svg_text(EgSvg *svg, double x, double y, EgTextSize size, EgAnchor anchor,
						EgInk ink, const char *s, const char *full);
/* turned by that many degrees around its end point */
extern void eg_svg_text_turned(EgSvg *svg, double x, double y, EgTextSize size, EgAnchor anchor,
							   EgInk ink, double degrees, const char *s, const char *full);

/* Text of at most width pixels: shortened, then with a title. */
extern void eg_svg_label(EgSvg *svg, double x, double y, double width, EgTextSize size,
						 EgAnchor anchor, EgInk ink, const char *s);
extern double eg_svg_text_width(EgTextSize size, const char *s);

/* Lines and areas are thinned to what can be seen (thin.c); points are changed. */
extern void eg_svg_polyline(EgSvg *svg, EgPixel *p, int n, EgInk stroke, double width,
							EgDash dash);

/* What is drawn between true and false shines through: many lines over each other are darker. */
extern void eg_svg_faint(EgSvg *svg, bool on);

/* Between two lines over the same x. */
extern void eg_svg_band(EgSvg *svg, EgPixel *upper, int nupper, EgPixel *lower, int nlower,
						EgInk fill, double opacity);

/* A closed shape. */
extern void eg_svg_polygon(EgSvg *svg, const EgPixel *p, int n, EgInk fill, double opacity,
						   const char *title);

/* Round dots of one ink, about ten bytes each. */
extern void eg_svg_dots(EgSvg *svg, const EgPixel *p, int n, EgInk ink, double radius,
						double opacity);

/* Upright boxes of one ink, on whole pixels so that neighbours touch, about fifteen bytes each. */
extern void eg_svg_cells(EgSvg *svg, const EgPixel *corner, const EgPixel *opposite, int n,
						 EgInk fill);

/* Text with &, <, >, quotes and forbidden characters replaced. */
extern void eg_svg_escape(StringInfo out, const char *s);

/* ----------
 * thin.c
 * ----------
 */

/* Drop points that nobody could see; the line stays within a fifth of a pixel.  Returns n. */
extern int	eg_thin_line(EgPixel *p, int n);

/*
 * Keep one dot of each cell of a grid, whose cells grow from half a pixel until no
 * more than most dots are left.  keep: index of each dot that stays, ascending; returns their
 * number.  Points outside [0, width] x [0, height] stay at the edge's cells.
 */
extern int	eg_thin_dots(const EgPixel *p, int n, double width, double height, int most,
						 int *keep);

#endif							/* EG_PLOT_SVG_H */
