/*-------------------------------------------------------------------------
 *
 * svg.c
 *	  A canvas that becomes SVG text.
 *
 * Classes: fN fills with ink N, sN strokes with it, tN is a size of text.  Colours are
 * written out in the style sheet rather than as variables, which several renderers do
 * not know; "auto" has the rules twice, the second time for readers who prefer dark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"

#include "plot/label.h"
#include "plot/svg.h"

/* first words are there on most machines, the last one everywhere */
#define FONTS	"Helvetica,Arial,\"Liberation Sans\",\"Noto Sans\",sans-serif"

#define TITLE_LENGTH		250		/* bytes */
#define DESCRIPTION_LENGTH	1500

static const struct
{
	double		size;
	bool		bold;
}			text_sizes[EG_NTEXTSIZES] = {
	[EG_TEXT_TITLE] = {15, true},
	[EG_TEXT_BODY] = {12, false},
	[EG_TEXT_STRONG] = {12, true},
	[EG_TEXT_SMALL] = {11, false},
};

static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
static const char *const dashes[] = {
	"", " stroke-dasharray=\"5 4\"", " stroke-dasharray=\"1.5 3\""
};

void
eg_svg_init(EgSvg *svg, EgTheme theme, bool paper)
{
	memset(svg, 0, sizeof(*svg));
	initStringInfo(&svg->body);
	svg->theme = theme;
	svg->paper = paper;
}

/* Tenths of a pixel; what is not a number has no place and is put at 0. */
static int
tenths(double v)
{
	return isnan(v) ? 0 : (int) rint(Min(Max(v, -1e6), 1e6) * 10);
}

static void
put_tenths(StringInfo out, int v)
{
	if (v < 0)
		appendStringInfoChar(out, '-');
	v = abs(v);
	if (v % 10 == 0)
		appendStringInfo(out, "%d", v / 10);
	else if (v < 10)
		appendStringInfo(out, ".%d", v);
	else
		appendStringInfo(out, "%d.%d", v / 10, v % 10);
}

static void
put_attribute(StringInfo out, const char *name, double v)
{
	appendStringInfo(out, " %s=\"", name);
	put_tenths(out, tenths(v));
	appendStringInfoChar(out, '"');
}

/* A coordinate in path data: a blank only where two numbers would run together. */
static void
put_next(StringInfo out, int v)
{
	if (v >= 0)
		appendStringInfoChar(out, ' ');
	put_tenths(out, v);
}

static void
put_fill(EgSvg *svg, EgInk ink)
{
	svg->fill_used[ink] = true;
	appendStringInfo(&svg->body, " class=\"f%d\"", (int) ink);
}

static void
put_stroke(EgSvg *svg, EgInk ink, double width, EgDash dash)
{
	svg->stroke_used[ink] = true;
	appendStringInfo(&svg->body, " class=\"s%d\"", (int) ink);
	put_attribute(&svg->body, "stroke-width", width);
	appendStringInfoString(&svg->body, dashes[dash]);
}

static void
put_opacity(EgSvg *svg, const char *name, double opacity)
{
	if (opacity < 1)
		appendStringInfo(&svg->body, " %s=\"%.2g\"", name, opacity);
}

/* Text of at most so many bytes: a picture has a bounded size, whatever the names in it. */
static void
put_capped(StringInfo out, const char *s, int most)
{
	int			len = strlen(s);

	if (len <= most)
		eg_svg_escape(out, s);
	else
	{
		eg_svg_escape(out, pnstrdup(s, pg_mbcliplen(s, len, most)));
		appendStringInfoString(out, "&#8230;");
	}
}

/* End an element, with a title inside or none. */
static void
put_end(EgSvg *svg, const char *element, const char *title)
{
	if (title == NULL)
	{
		appendStringInfoString(&svg->body, "/>\n");
		return;
	}
	appendStringInfoString(&svg->body, "><title>");
	put_capped(&svg->body, title, TITLE_LENGTH);
	appendStringInfo(&svg->body, "</title></%s>\n", element);
}

/* XML has no place for these, not even as references: controls, U+FFFE and U+FFFF. */
static bool
is_forbidden(const char *s, int len)
{
	unsigned char c = (unsigned char) *s;

	if (len == 1)
		return c < 32 || c == 127;
	return len == 3 && GetDatabaseEncoding() == PG_UTF8 && c == 0xef &&
		(unsigned char) s[1] == 0xbf && (unsigned char) s[2] >= 0xbe;
}

void
eg_svg_escape(StringInfo out, const char *s)
{
	int			len;

	for (; *s; s += len)
	{
		len = pg_mblen(s);
		if (*s == '&')
			appendStringInfoString(out, "&amp;");
		else if (*s == '<')
			appendStringInfoString(out, "&lt;");
		else if (*s == '>')
			appendStringInfoString(out, "&gt;");
		else if (*s == '"')
			appendStringInfoString(out, "&quot;");
		else if (*s == '\'')
			appendStringInfoString(out, "&#39;");
		else if (*s == '\t' || *s == '\n' || *s == '\r')
			appendStringInfoChar(out, ' ');
		else if (is_forbidden(s, len))
			appendStringInfoString(out, "&#65533;");
		else
			appendBinaryStringInfo(out, s, len);
	}
}

void
eg_svg_rect(EgSvg *svg, double x, double y, double width, double height, EgInk fill,
			double opacity, const char *title)
{
	appendStringInfoString(&svg->body, "<rect");
	put_fill(svg, fill);
	put_attribute(&svg->body, "x", width < 0 ? x + width : x);
	put_attribute(&svg->body, "y", height < 0 ? y + height : y);
	put_attribute(&svg->body, "width", fabs(width));
	put_attribute(&svg->body, "height", fabs(height));
	put_opacity(svg, "fill-opacity", opacity);
	put_end(svg, "rect", title);
}

void
eg_svg_line(EgSvg *svg, double x1, double y1, double x2, double y2, EgInk stroke, double width,
			EgDash dash)
{
	appendStringInfoString(&svg->body, "<line");
	put_stroke(svg, stroke, width, dash);
	put_attribute(&svg->body, "x1", x1);
	put_attribute(&svg->body, "y1", y1);
	put_attribute(&svg->body, "x2", x2);
	put_attribute(&svg->body, "y2", y2);
	put_end(svg, "line", NULL);
}

void
eg_svg_circle(EgSvg *svg, double x, double y, double r, EgInk fill, const char *title)
{
	appendStringInfoString(&svg->body, "<circle");
	put_fill(svg, fill);
	put_attribute(&svg->body, "cx", x);
	put_attribute(&svg->body, "cy", y);
	put_attribute(&svg->body, "r", r);
	put_end(svg, "circle", title);
}

void
eg_svg_ring(EgSvg *svg, double x, double y, double r, EgInk stroke, const char *title)
{
	appendStringInfoString(&svg->body, "<circle");
	put_stroke(svg, stroke, 1.5, EG_SOLID);
	put_attribute(&svg->body, "cx", x);
	put_attribute(&svg->body, "cy", y);
	put_attribute(&svg->body, "r", r);
	put_end(svg, "circle", title);
}

void
eg_svg_cross(EgSvg *svg, double x, double y, double r, EgInk stroke, const char *title)
{
	int			side = tenths(2 * r);

	appendStringInfoString(&svg->body, "<path");
	put_stroke(svg, stroke, 1.5, EG_SOLID);
	appendStringInfoString(&svg->body, " d=\"M");
	put_tenths(&svg->body, tenths(x - r));
	put_next(&svg->body, tenths(y - r));
	appendStringInfoChar(&svg->body, 'l');
	put_tenths(&svg->body, side);
	put_next(&svg->body, side);
	appendStringInfoChar(&svg->body, 'm');
	put_tenths(&svg->body, -side);
	put_next(&svg->body, 0);
	appendStringInfoChar(&svg->body, 'l');
	put_tenths(&svg->body, side);
	put_next(&svg->body, -side);
	appendStringInfoChar(&svg->body, '"');
	put_end(svg, "path", title);
}

void
eg_svg_text_turned(EgSvg *svg, double x, double y, EgTextSize size, EgAnchor anchor, EgInk ink,
				   double degrees, const char *s, const char *full)
{
	StringInfo	out = &svg->body;

	svg->fill_used[ink] = true;
	appendStringInfo(out, "<text class=\"t%d f%d\"", (int) size, (int) ink);
	put_attribute(out, "x", x);
	put_attribute(out, "y", y);
	appendStringInfoString(out, anchors[anchor]);
	if (degrees != 0)
	{
		appendStringInfo(out, " transform=\"rotate(%g", degrees);
		put_next(out, tenths(x));
		put_next(out, tenths(y));
		appendStringInfoString(out, ")\"");
	}
	appendStringInfoChar(out, '>');
	if (full)
	{
		appendStringInfoString(out, "<title>");
		put_capped(out, full, TITLE_LENGTH);
		appendStringInfoString(out, "</title>");
	}
	eg_svg_escape(out, s);
	appendStringInfoString(out, "</text>\n");
}

void
eg_svg_text(EgSvg *svg, double x, double y, EgTextSize size, EgAnchor anchor, EgInk ink,
			const char *s, const char *full)
{
	eg_svg_text_turned(svg, x, y, size, anchor, ink, 0, s, full);
}

void
eg_svg_label(EgSvg *svg, double x, double y, double width, EgTextSize size, EgAnchor anchor,
			 EgInk ink, const char *s)
{
	const char *part = eg_text_shorten(s, width, text_sizes[size].size, text_sizes[size].bold);

	eg_svg_text(svg, x, y, size, anchor, ink, part, part == s ? NULL : s);
}

double
eg_svg_text_width(EgTextSize size, const char *s)
{
	return eg_text_width(s, text_sizes[size].size, text_sizes[size].bold);
}

/* "M1 2l3 4 5-6": the first point as it is, the others from the one before. */
static void
put_points(StringInfo out, const EgPixel *p, int n)
{
	int			x = tenths(p[0].x);
	int			y = tenths(p[0].y);

	put_tenths(out, x);
	put_next(out, y);
	for (int i = 1; i < n; i++)
	{
		int			dx = tenths(p[i].x) - x;
		int			dy = tenths(p[i].y) - y;

		if (i == 1)
		{
			appendStringInfoChar(out, 'l');
			put_tenths(out, dx);
		}
		else
			put_next(out, dx);
		put_next(out, dy);
		x += dx;
		y += dy;
	}
}

void
eg_svg_polyline(EgSvg *svg, EgPixel *p, int n, EgInk stroke, double width, EgDash dash)
{
	n = eg_thin_line(p, n);
	if (n == 0)
		return;
	if (n == 1)
	{
		eg_svg_circle(svg, p[0].x, p[0].y, Max(width, 2.5), stroke, NULL);
		return;
	}
	appendStringInfoString(&svg->body, "<path");
	put_stroke(svg, stroke, width, dash);
	appendStringInfoString(&svg->body, " d=\"M");
	put_points(&svg->body, p, n);
	appendStringInfoChar(&svg->body, '"');
	put_end(svg, "path", NULL);
}

void
eg_svg_faint(EgSvg *svg, bool on)
{
	appendStringInfoString(&svg->body, on ? "<g stroke-opacity=\"0.35\">\n" : "</g>\n");
}

void
eg_svg_polygon(EgSvg *svg, const EgPixel *p, int n, EgInk fill, double opacity, const char *title)
{
	if (n < 3)
		return;
	appendStringInfoString(&svg->body, "<path");
	put_fill(svg, fill);
	put_opacity(svg, "fill-opacity", opacity);
	appendStringInfoString(&svg->body, " d=\"M");
	put_points(&svg->body, p, n);
	appendStringInfoString(&svg->body, "z\"");
	put_end(svg, "path", title);
}

void
eg_svg_band(EgSvg *svg, EgPixel *upper, int nupper, EgPixel *lower, int nlower, EgInk fill,
			double opacity)
{
	EgPixel    *all;
	int			i;

	nupper = eg_thin_line(upper, nupper);
	nlower = eg_thin_line(lower, nlower);
	all = palloc((nupper + nlower + 1) * sizeof(EgPixel));
	for (i = 0; i < nupper; i++)
		all[i] = upper[i];
	for (i = 0; i < nlower; i++)
		all[nupper + i] = lower[nlower - 1 - i];
	eg_svg_polygon(svg, all, nupper + nlower, fill, opacity, NULL);
	pfree(all);
}

typedef struct Dot
{
	int			x;				/* tenths */
	int			y;
} Dot;

static int
compare_dots(const void *a, const void *b)
{
	const Dot  *p = a;
	const Dot  *q = b;

	return p->y != q->y ? (p->y < q->y ? -1 : 1) : p->x < q->x ? -1 : p->x > q->x;
}

/*
 * A dot is a line of no length with round ends.  All of one ink are one path; moves are
 * relative, in whole tenths, so that nothing adds up, and from neighbour to neighbour, so that
 * they are short.
 */
void
eg_svg_dots(EgSvg *svg, const EgPixel *p, int n, EgInk ink, double radius, double opacity)
{
	StringInfo	out = &svg->body;
	Dot		   *dots = palloc(Max(n, 1) * sizeof(Dot));
	Dot			at = {0, 0};
	int			i;

	if (n == 0)
		return;
	for (i = 0; i < n; i++)
	{
		dots[i].x = tenths(p[i].x);
		dots[i].y = tenths(p[i].y);
	}
	qsort(dots, n, sizeof(Dot), compare_dots);
	appendStringInfoString(out, "<path");
	put_stroke(svg, ink, 2 * radius, EG_SOLID);
	put_opacity(svg, "stroke-opacity", opacity);
	appendStringInfoString(out, " d=\"");
	for (i = 0; i < n; i++)
	{
		if (i > 0 && compare_dots(&dots[i], &at) == 0)
			continue;
		appendStringInfoChar(out, i == 0 ? 'M' : 'm');
		put_tenths(out, dots[i].x - at.x);
		put_next(out, dots[i].y - at.y);
		appendStringInfoString(out, "h0");
		at = dots[i];
	}
	appendStringInfoChar(out, '"');
	put_end(svg, "path", NULL);
	pfree(dots);
}

void
eg_svg_cells(EgSvg *svg, const EgPixel *corner, const EgPixel *opposite, int n, EgInk fill)
{
	StringInfo	out = &svg->body;
	int			x = 0;
	int			y = 0;

	if (n == 0)
		return;
	appendStringInfoString(out, "<path");
	put_fill(svg, fill);
	appendStringInfoString(out, " shape-rendering=\"crispEdges\" d=\"");
	for (int i = 0; i < n; i++)
	{
		int			left = tenths(rint(corner[i].x));
		int			top = tenths(rint(corner[i].y));
		int			width = tenths(rint(opposite[i].x)) - left;

		/* after z one is where the box began */
		appendStringInfoChar(out, i == 0 ? 'M' : 'm');
		put_tenths(out, left - x);
		put_next(out, top - y);
		appendStringInfoChar(out, 'h');
		put_tenths(out, width);
		appendStringInfoChar(out, 'v');
		put_tenths(out, tenths(rint(opposite[i].y)) - top);
		appendStringInfoChar(out, 'h');
		put_tenths(out, -width);
		appendStringInfoChar(out, 'z');
		x = left;
		y = top;
	}
	appendStringInfoChar(out, '"');
	put_end(svg, "path", NULL);
}

/* ----------
 * The frame around it all
 * ----------
 */
static void
put_rules(StringInfo out, const EgSvg *svg, const char *id, bool dark)
{
	for (int i = 0; i < EG_NINKS; i++)
	{
		if (svg->fill_used[i])
			appendStringInfo(out, "#%s .f%d{fill:%s}\n", id, i, eg_ink_colour((EgInk) i, dark));
		if (svg->stroke_used[i])
			appendStringInfo(out, "#%s .s%d{stroke:%s;fill:none}\n", id, i,
							 eg_ink_colour((EgInk) i, dark));
	}
}

static void
put_style(StringInfo out, const EgSvg *svg, const char *id)
{
	appendStringInfo(out, "<style>\n#%s{max-width:100%%;height:auto;font-family:" FONTS "}\n"
					 "#%s path,#%s line{stroke-linecap:round;stroke-linejoin:round}\n",
					 id, id, id);
	for (int i = 0; i < EG_NTEXTSIZES; i++)
		appendStringInfo(out, "#%s .t%d{font-size:%gpx%s}\n", id, i, text_sizes[i].size,
						 text_sizes[i].bold ? ";font-weight:bold" : "");
	put_rules(out, svg, id, svg->theme == EG_THEME_DARK);
	if (svg->theme == EG_THEME_AUTO)
	{
		appendStringInfoString(out, "@media (prefers-color-scheme:dark){\n");
		put_rules(out, svg, id, true);
		appendStringInfoString(out, "}\n");
	}
	appendStringInfoString(out, "</style>\n");
}

/* FNV-1a: equal pictures have equal ids, others have not. */
static uint64
hash_text(uint64 h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char) *s) * UINT64CONST(0x100000001b3);
	return h;
}

char *
eg_svg_finish(const EgSvg *svg, double width, double height, const char *id, const char *title,
			  const char *description)
{
	StringInfoData out;
	EgSvg		framed = *svg;

	if (id == NULL)
	{
		uint64		h = hash_text(UINT64CONST(0xcbf29ce484222325), svg->body.data);

		h = hash_text(hash_text(h, title), description);
		h = hash_text(h, psprintf("%.0f %.0f %d %d", width, height, (int) svg->theme, svg->paper));
		id = psprintf("eg%010llx", (unsigned long long) (h >> 24));
	}
	if (svg->paper)
		framed.fill_used[EG_INK_PAPER] = true;
	initStringInfo(&out);
	appendStringInfo(
		&out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"%s\" viewBox=\"0 0 %.0f %.0f\" "
		"width=\"%.0f\" height=\"%.0f\" role=\"img\" "
		"aria-labelledby=\"%s-title %s-desc\">\n<title id=\"%s-title\">",
		id, width, height, width, height, id, id, id);
	put_capped(&out, title, TITLE_LENGTH);
	appendStringInfo(&out, "</title>\n<desc id=\"%s-desc\">", id);
	put_capped(&out, description, DESCRIPTION_LENGTH);
	appendStringInfoString(&out, "</desc>\n");
	put_style(&out, &framed, id);
	if (svg->paper)
		appendStringInfo(&out, "<rect class=\"f%d\" width=\"%.0f\" height=\"%.0f\"/>\n",
						 (int) EG_INK_PAPER, width, height);
	appendBinaryStringInfo(&out, svg->body.data, svg->body.len);
	appendStringInfoString(&out, "</svg>\n");
	return out.data;
}
