/*
 * check_plot.c - the colours of src/plot/theme.c have the contrasts that theme.h promises
 *
 * Compiled by check_plot.sh together with theme.c alone; prints lines of TAP.  Contrast is that of the
 * Web Content Accessibility Guidelines 2.1: (lighter + 0.05) / (darker + 0.05) of relative luminances.
 */
#include "postgres.h"

#include <math.h>

#include "plot/theme.h"

#undef printf

static int	tests = 0;

static double
channel(const char *hex)
{
	char		two[3] = {hex[0], hex[1], 0};
	double		v = strtol(two, NULL, 16) / 255.0;

	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double
luminance(const char *colour)
{
	return 0.2126 * channel(colour + 1) + 0.7152 * channel(colour + 3) + 0.0722 * channel(colour + 5);
}

static double
contrast(EgInk a, EgInk b, bool dark)
{
	double		x = luminance(eg_ink_colour(a, dark));
	double		y = luminance(eg_ink_colour(b, dark));

	return (fmax(x, y) + 0.05) / (fmin(x, y) + 0.05);
}

static void
check(const char *what, EgInk a, EgInk b, double least)
{
	for (int dark = 0; dark < 2; dark++)
		printf("%s %d - %s, %s: %s on %s has a contrast of %.2f\n",
			   contrast(a, b, dark) >= least ? "ok" : "not ok", ++tests, what, dark ? "dark" : "light",
			   eg_ink_colour(a, dark), eg_ink_colour(b, dark), contrast(a, b, dark));
}

int
main(void)
{
	int			i;

	check("text", EG_INK_TEXT, EG_INK_PAPER, 4.5);
	check("text of second rank", EG_INK_MUTED, EG_INK_PAPER, 4.5);
	check("axis", EG_INK_AXIS, EG_INK_PAPER, 3);
	check("what raises", EG_INK_UP, EG_INK_PAPER, 3);
	check("what lowers", EG_INK_DOWN, EG_INK_PAPER, 3);
	check("total", EG_INK_TOTAL, EG_INK_PAPER, 3);
	for (i = 0; i < EG_NSERIES; i++)
		check("series", eg_ink_series(i), EG_INK_PAPER, 3);
	for (i = 0; i < EG_LOWHIGH_STEPS; i++)
		check("low to high", EG_INK_LOWHIGH + i, EG_INK_PAPER, 3);
	for (i = 0; i < EG_HEAT_STEPS; i++)
		check("text on heat", eg_heat_text(EG_INK_HEAT + i), EG_INK_HEAT + i, 4.5);
	return 0;
}
