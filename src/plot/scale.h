/*-------------------------------------------------------------------------
 *
 * scale.h
 *	  From values to pixels, and where the ticks are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_SCALE_H
#define EG_PLOT_SCALE_H

#include "plot/label.h"

#define EG_MAX_TICKS	40

typedef enum EgScaleKind
{
	EG_SCALE_NUMBER,
	EG_SCALE_TIME,				/* seconds since 1970 */
	EG_SCALE_CATEGORY			/* 0, 1, ... in the middle of bands */
} EgScaleKind;

/* flags of numbers */
#define EG_SCALE_ZERO	1		/* 0 is on the scale */
#define EG_SCALE_EXACT	2		/* the ends are the values', not the next ticks */
#define EG_SCALE_WHOLE	4		/* ticks at whole numbers only */

typedef struct EgScale
{
	EgScaleKind kind;
	EgFormat	format;
	int			flags;
	double		lo;				/* values at the ends */
	double		hi;
	double		from;			/* pixels at the ends */
	double		to;
	int			nticks;
	double		tick[EG_MAX_TICKS];
	const char *label[EG_MAX_TICKS];
	int			ncategories;
	const char *const *category;	/* (ncategories) whole texts */
} EgScale;

/* Values from lo to hi; NaN, equal and reversed ends are mended. */
extern EgScale eg_scale_numbers(double lo, double hi, EgFormat format, int flags);
extern EgScale eg_scale_times(double lo, double hi);
extern EgScale eg_scale_categories(const char *const *names, int n);

/* Put it between two pixels, with about that many ticks; may widen lo and hi to the ticks. */
extern void eg_scale_place(EgScale *s, double from, double to, int ticks);

extern double eg_scale_at(const EgScale *s, double value);

/* Pixels of one category. */
extern double eg_scale_band(const EgScale *s);

/* Least and largest of the values that are numbers; NaN where there is none. */
extern void eg_extent(const double *v, int n, double *lo, double *hi);

#endif							/* EG_PLOT_SCALE_H */
