/*-------------------------------------------------------------------------
 *
 * theme.h
 *	  The colours of pictures: what an ink is for, light and dark.
 *
 * Drawings name an ink, never a colour.  The eight series colours follow M. Okabe
 * and K. Ito, "Color Universal Design" (2008): people who see two kinds of cones
 * only can tell them apart.  Yellow is left out and some are darker, so that every
 * one has a contrast of 3 to the paper; text has 4.5 at least.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_THEME_H
#define EG_PLOT_THEME_H

typedef enum EgTheme
{
	EG_THEME_LIGHT,
	EG_THEME_DARK,
	EG_THEME_AUTO				/* as the reader's browser prefers */
} EgTheme;

#define EG_NSERIES		8
#define EG_LOWHIGH_STEPS	12
#define EG_HEAT_STEPS	16

typedef enum EgInk
{
	EG_INK_PAPER,
	EG_INK_TEXT,
	EG_INK_MUTED,				/* text of second rank */
	EG_INK_AXIS,
	EG_INK_GRID,
	EG_INK_FAINT,				/* what is there but not meant: ICE lines, dots left behind */
	EG_INK_UP,					/* raises the prediction */
	EG_INK_DOWN,				/* lowers it */
	EG_INK_TOTAL,				/* neither */
	EG_INK_ON_PALE,				/* text on the first third of the heat colours, */
	EG_INK_ON_MIDDLE,			/* on the next, */
	EG_INK_ON_STRONG,			/* and on the last: eg_heat_text() picks */
	EG_INK_SERIES,
	EG_INK_LOWHIGH = EG_INK_SERIES + EG_NSERIES,	/* from low to high values */
	EG_INK_HEAT = EG_INK_LOWHIGH + EG_LOWHIGH_STEPS,	/* from few to many */
	EG_NINKS = EG_INK_HEAT + EG_HEAT_STEPS
} EgInk;

/* "#0072b2" */
extern const char *eg_ink_colour(EgInk ink, bool dark);

/* Ink of series i; they repeat after EG_NSERIES. */
extern EgInk eg_ink_series(int i);

/* Ink of a share from 0 (low) to 1 (high). */
extern EgInk eg_ink_lowhigh(double share);
extern EgInk eg_ink_heat(double share);

/* What to write in on a heat colour. */
extern EgInk eg_heat_text(EgInk heat);

/* "light", "dark", "auto"; false for another word */
extern bool eg_theme_parse(const char *word, EgTheme *theme);

#endif							/* EG_PLOT_THEME_H */
