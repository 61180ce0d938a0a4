/*-------------------------------------------------------------------------
 *
 * theme.c
 *	  The colours of pictures.
 *
 * The scale from low to high runs from blue over violet to orange: its ends stay
 * apart for every kind of colour vision, and no step is paler than the paper.
 * test/check_plot.sh computes the contrasts that theme.h promises.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "plot/theme.h"

/* levels of the heat colours from which text needs another ink */
#define HEAT_MIDDLE		8
#define HEAT_STRONG		12

static const char *const colours[EG_NINKS][2] = {
	[EG_INK_PAPER] = {"#ffffff", "#14181d"},
	[EG_INK_TEXT] = {"#1f2933", "#e6eaee"},
	[EG_INK_MUTED] = {"#566370", "#a7b1bc"},
	[EG_INK_AXIS] = {"#7b8794", "#75808c"},
	[EG_INK_GRID] = {"#e4e7eb", "#2b323b"},
	[EG_INK_FAINT] = {"#c3cad3", "#46515e"},
	[EG_INK_UP] = {"#c44f00", "#ff8a4a"},
	[EG_INK_DOWN] = {"#0072b2", "#56b4e9"},
	[EG_INK_TOTAL] = {"#4a5561", "#b8c1cb"},
	[EG_INK_ON_PALE] = {"#000000", "#ffffff"},
	[EG_INK_ON_MIDDLE] = {"#000000", "#000000"},
	[EG_INK_ON_STRONG] = {"#ffffff", "#000000"},

	[EG_INK_SERIES] = {"#0072b2", "#56b4e9"},
	[EG_INK_SERIES + 1] = {"#d55e00", "#ff8a4a"},
	[EG_INK_SERIES + 2] = {"#009e73", "#2cc79a"},
	[EG_INK_SERIES + 3] = {"#b0578a", "#e09cc4"},
	[EG_INK_SERIES + 4] = {"#b07d00", "#e9b93a"},
	[EG_INK_SERIES + 5] = {"#2e9cd6", "#8fd0f5"},
	[EG_INK_SERIES + 6] = {"#6b5bb5", "#b3a6ee"},
	[EG_INK_SERIES + 7] = {"#4a5561", "#b8c1cb"},

	[EG_INK_LOWHIGH] = {"#0072b2", "#56b4e9"},
	[EG_INK_LOWHIGH + 1] = {"#1a6fb0", "#67ade6"},
	[EG_INK_LOWHIGH + 2] = {"#346bae", "#78a6e2"},
	[EG_INK_LOWHIGH + 3] = {"#4e68ad", "#899fdf"},
	[EG_INK_LOWHIGH + 4] = {"#6864ab", "#9a98db"},
	[EG_INK_LOWHIGH + 5] = {"#8261a9", "#ab91d8"},
	[EG_INK_LOWHIGH + 6] = {"#965e9b", "#bb8fca"},
	[EG_INK_LOWHIGH + 7] = {"#a55d82", "#c891b1"},
	[EG_INK_LOWHIGH + 8] = {"#b45b68", "#d69398"},
	[EG_INK_LOWHIGH + 9] = {"#c35a4e", "#e4967f"},
	[EG_INK_LOWHIGH + 10] = {"#d15835", "#f19866"},
	[EG_INK_LOWHIGH + 11] = {"#e0571b", "#ff9a4d"},

	[EG_INK_HEAT] = {"#f1f6fb", "#1c2733"},
	[EG_INK_HEAT + 1] = {"#e3eef7", "#1d3043"},
	[EG_INK_HEAT + 2] = {"#d5e5f3", "#1e3a52"},
	[EG_INK_HEAT + 3] = {"#c7ddef", "#1e4362"},
	[EG_INK_HEAT + 4] = {"#b7d4eb", "#204d72"},
	[EG_INK_HEAT + 5] = {"#a1c9e5", "#245b84"},
	[EG_INK_HEAT + 6] = {"#8bbedf", "#296896"},
	[EG_INK_HEAT + 7] = {"#75b3d9", "#2d75a7"},
	[EG_INK_HEAT + 8] = {"#61a7d2", "#3883b6"},
	[EG_INK_HEAT + 9] = {"#5098c9", "#4992c3"},
	[EG_INK_HEAT + 10] = {"#3e8ac0", "#5aa1d0"},
	[EG_INK_HEAT + 11] = {"#2c7cb7", "#6bb0dd"},
	[EG_INK_HEAT + 12] = {"#226ca9", "#83bfe5"},
	[EG_INK_HEAT + 13] = {"#1a5c99", "#9eceed"},
	[EG_INK_HEAT + 14] = {"#134d88", "#b8dcf4"},
	[EG_INK_HEAT + 15] = {"#0b3d78", "#d3ebfb"},
};

const char *
eg_ink_colour(EgInk ink, bool dark)
{
	return colours[ink][dark];
}

EgInk
eg_ink_series(int i)
{
	return (EgInk) (EG_INK_SERIES + i % EG_NSERIES);
}

static int
step_of(double share, int n)
{
	return isnan(share) || share <= 0 ? 0 : share >= 1 ? n - 1 : (int) (share * n);
}

EgInk
eg_ink_lowhigh(double share)
{
	return (EgInk) (EG_INK_LOWHIGH + step_of(share, EG_LOWHIGH_STEPS));
}

EgInk
eg_ink_heat(double share)
{
	return (EgInk) (EG_INK_HEAT + step_of(share, EG_HEAT_STEPS));
}

EgInk
eg_heat_text(EgInk heat)
{
	int			level = (int) heat - EG_INK_HEAT;

	return level < HEAT_MIDDLE ? EG_INK_ON_PALE :
		level < HEAT_STRONG ? EG_INK_ON_MIDDLE : EG_INK_ON_STRONG;
}

bool
eg_theme_parse(const char *word, EgTheme *theme)
{
	static const char *const words[] = {"light", "dark", "auto"};
	int			i;

	for (i = 0; i < lengthof(words); i++)
	{
		if (strcmp(word, words[i]) == 0)
		{
			*theme = (EgTheme) i;
			return true;
		}
	}
	return false;
}
