/*-------------------------------------------------------------------------
 *
 * page.c
 *	  A page of HTML.
 *
 * The style sheet uses system fonts and the inks of theme.c.  Pictures bring
 * their own styles; each stands in a figure and shrinks with the page.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plot/page.h"
#include "plot/svg.h"

static void
put_text(StringInfo out, const char *s)
{
	eg_svg_escape(out, s);
}

/* The same with its lines kept; each ends with end. */
static void
put_lines(StringInfo out, const char *s, const char *end)
{
	while (*s)
	{
		const char *line = strchr(s, '\n');
		int			len = line ? line - s : strlen(s);

		put_text(out, pnstrdup(s, len));
		if (line == NULL)
			break;
		appendStringInfoString(out, end);
		s = line + 1;
	}
}

static void
element(StringInfo out, const char *name, const char *content)
{
	appendStringInfo(out, "<%s>", name);
	put_text(out, content);
	appendStringInfo(out, "</%s>\n", name);
}

void
eg_page_init(EgPage *p, const char *title, const char *lead)
{
	memset(p, 0, sizeof(EgPage));
	initStringInfo(&p->html);
	initStringInfo(&p->contents);
	appendStringInfoString(&p->html, "<header>\n");
	element(&p->html, "h1", title);
	if (lead)
	{
		appendStringInfoString(&p->html, "<p class=\"lead\">");
		put_text(&p->html, lead);
		appendStringInfoString(&p->html, "</p>\n");
	}
	appendStringInfoString(&p->html, "</header>\n");
	p->header = p->html.len;
}

/* Close what must not go on around what comes next. */
static void
close_rows(EgPage *p)
{
	if (p->in_figures || p->in_tiles)
		appendStringInfoString(&p->html, "</div>\n");
	p->in_figures = p->in_tiles = false;
}

void
eg_page_section(EgPage *p, const char *heading, const char *intro)
{
	int			n = ++p->nsections;

	close_rows(p);
	if (p->in_section)
		appendStringInfoString(&p->html, "</section>\n");
	p->in_section = true;
	appendStringInfo(&p->contents, "<li><a href=\"#s%d\">", n);
	put_text(&p->contents, heading);
	appendStringInfoString(&p->contents, "</a></li>\n");
	appendStringInfo(&p->html, "<section id=\"s%d\" aria-labelledby=\"h%d\">\n<h2 id=\"h%d\">", n,
					 n, n);
	put_text(&p->html, heading);
	appendStringInfoString(&p->html, "</h2>\n");
	if (intro)
		element(&p->html, "p", intro);
}

void
eg_page_heading(EgPage *p, const char *s)
{
	close_rows(p);
	element(&p->html, "h3", s);
}

void
eg_page_paragraph(EgPage *p, const char *s)
{
	close_rows(p);
	appendStringInfoString(&p->html, "<p>");
	put_lines(&p->html, s, "<br>\n");
	appendStringInfoString(&p->html, "</p>\n");
}

void
eg_page_tile(EgPage *p, const char *name, const char *value, const char *note)
{
	if (!p->in_tiles)
	{
		close_rows(p);
		appendStringInfoString(&p->html, "<div class=\"tiles\">\n");
		p->in_tiles = true;
	}
	appendStringInfoString(&p->html, "<div class=\"tile\"><span class=\"name\">");
	put_text(&p->html, name);
	appendStringInfoString(&p->html, "</span> <span class=\"value\">");
	put_text(&p->html, value);
	appendStringInfoString(&p->html, "</span>");
	if (note)
	{
		appendStringInfoString(&p->html, " <span class=\"note\">");
		put_text(&p->html, note);
		appendStringInfoString(&p->html, "</span>");
	}
	appendStringInfoString(&p->html, "</div>\n");
}

void
eg_page_facts_begin(EgPage *p)
{
	close_rows(p);
	appendStringInfoString(&p->html, "<dl>\n");
}

void
eg_page_fact(EgPage *p, const char *name, const char *value)
{
	appendStringInfoString(&p->html, "<div>");
	element(&p->html, "dt", name);
	element(&p->html, "dd", value);
	appendStringInfoString(&p->html, "</div>\n");
}

void
eg_page_facts_end(EgPage *p)
{
	appendStringInfoString(&p->html, "</dl>\n");
}

void
eg_page_table(EgPage *p, const char *caption, int ncolumns, const char *const *names,
			  const bool *numeric, int nrows, const char *const *cells)
{
	int			r;
	int			c;

	close_rows(p);
	appendStringInfoString(&p->html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
						   "aria-label=\"");
	put_text(&p->html, caption);
	appendStringInfoString(&p->html, "\"><table>\n");
	element(&p->html, "caption", caption);
	appendStringInfoString(&p->html, "<thead><tr>");
	for (c = 0; c < ncolumns; c++)
	{
		appendStringInfo(&p->html, "<th scope=\"col\"%s>", numeric[c] ? " class=\"n\"" : "");
		put_text(&p->html, names[c]);
		appendStringInfoString(&p->html, "</th>");
	}
	appendStringInfoString(&p->html, "</tr></thead>\n<tbody>\n");
	for (r = 0; r < nrows; r++)
	{
		appendStringInfoString(&p->html, "<tr>");
		for (c = 0; c < ncolumns; c++)
		{
			const char *cell = cells[r * ncolumns + c];

			appendStringInfoString(&p->html, numeric[c] ? "<td class=\"n\">" : "<td>");
			put_text(&p->html, cell ? cell : "");
			appendStringInfoString(&p->html, "</td>");
		}
		appendStringInfoString(&p->html, "</tr>\n");
	}
	appendStringInfoString(&p->html, "</tbody></table></div>\n");
}

void
eg_page_pair_begin(EgPage *p)
{
	close_rows(p);
	appendStringInfoString(&p->html, "<div class=\"pair\"><div>\n");
}

void
eg_page_pair_next(EgPage *p)
{
	close_rows(p);
	appendStringInfoString(&p->html, "</div><div>\n");
}

void
eg_page_pair_end(EgPage *p)
{
	close_rows(p);
	appendStringInfoString(&p->html, "</div></div>\n");
}

void
eg_page_preformatted(EgPage *p, const char *summary, const char *content)
{
	close_rows(p);
	appendStringInfoString(&p->html, "<details>");
	element(&p->html, "summary", summary);
	appendStringInfoString(&p->html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
						   "aria-label=\"");
	put_text(&p->html, summary);
	appendStringInfoString(&p->html, "\">");
	appendStringInfoString(&p->html, "<pre>");
	put_lines(&p->html, content, "\n");
	appendStringInfoString(&p->html, "</pre></div></details>\n");
}

void
eg_page_figure(EgPage *p, const char *svg, const char *caption)
{
	if (!p->in_figures)
	{
		close_rows(p);
		appendStringInfoString(&p->html, "<div class=\"figures\">\n");
		p->in_figures = true;
	}
	appendStringInfoString(&p->html, "<figure>\n");
	appendStringInfoString(&p->html, svg);
	if (caption)
		element(&p->html, "figcaption", caption);
	appendStringInfoString(&p->html, "</figure>\n");
}

/* ----------
 * Style
 * ----------
 */

static void
inks(StringInfo out, bool dark)
{
	static const struct
	{
		const char *name;
		EgInk		ink;
	}			names[] = {
		{"paper", EG_INK_PAPER}, {"text", EG_INK_TEXT}, {"muted", EG_INK_MUTED},
		{"grid", EG_INK_GRID}, {"link", EG_INK_DOWN}
	};
	int			i;

	for (i = 0; i < lengthof(names); i++)
		appendStringInfo(out, "--%s:%s;", names[i].name, eg_ink_colour(names[i].ink, dark));
}

static void
style(StringInfo out, EgTheme theme)
{
	appendStringInfoString(out, "<style>\n:root{");
	inks(out, theme == EG_THEME_DARK);
	appendStringInfo(out, "color-scheme:%s}\n", theme == EG_THEME_AUTO ? "light dark" :
					 theme == EG_THEME_DARK ? "dark" : "light");
	if (theme == EG_THEME_AUTO)
	{
		appendStringInfoString(out, "@media (prefers-color-scheme:dark){:root{");
		inks(out, true);
		appendStringInfoString(out, "}}\n");
	}
	appendStringInfoString(
		out,
		"*{box-sizing:border-box}\n"
		"body{margin:0;background:var(--paper);color:var(--text);"
		"font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
		"main,header,nav,footer{max-width:1240px;margin:0 auto;padding:0 20px}\n"
		"header{padding-top:28px}\n"
		"h1{font-size:28px;line-height:1.2;margin:0 0 8px;overflow-wrap:anywhere}\n"
		"h2{font-size:21px;margin:40px 0 8px;padding-top:12px;border-top:1px solid var(--grid)}\n"
		"h3{font-size:16px;margin:24px 0 4px;overflow-wrap:anywhere}\n"
		"p{margin:6px 0 12px;max-width:75ch;overflow-wrap:anywhere}\n"
		".lead{color:var(--muted);font-size:18px}\n"
		"a{color:var(--link)}\n"
		"nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:4px 18px}\n"
		".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:12px 0}\n"
		".tile{flex:1 1 150px;border:1px solid var(--grid);border-radius:8px;padding:10px 14px}\n"
		".tile span{display:block;overflow-wrap:anywhere}\n"
		".tile .name,.tile .note{color:var(--muted);font-size:13px}\n"
		".tile .value{font-size:24px;font-weight:600;line-height:1.3}\n"
		"dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:8px 24px;"
		"margin:12px 0}\n"
		"dt{color:var(--muted);font-size:13px}\n"
		"dd{margin:0;overflow-wrap:anywhere}\n"
		".scroll{overflow-x:auto;margin:12px 0}\n"
		"table{border-collapse:collapse;font-size:14px;width:100%}\n"
		"caption{text-align:left;color:var(--muted);padding-bottom:4px}\n"
		"th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--grid);"
		"vertical-align:top}\n"
		".n{text-align:right;font-variant-numeric:tabular-nums}\n"
		".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));"
		"gap:0 28px;margin:8px 0 28px}\n"
		".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr));"
		"gap:20px;margin:12px 0}\n"
		"figure{margin:0;min-width:0}\n"
		"figure svg{display:block;max-width:100%;height:auto}\n"
		"figcaption{color:var(--muted);font-size:14px}\n"
		"pre{font-size:13px;line-height:1.4;margin:8px 0}\n"
		"summary{cursor:pointer;color:var(--link)}\n"
		"footer{color:var(--muted);font-size:14px;padding-top:24px;padding-bottom:40px}\n"
		"@media print{nav{display:none}figure,tr{break-inside:avoid}}\n"
		"</style>\n");
}

char *
eg_page_finish(EgPage *p, const char *title, EgTheme theme, const char *footer)
{
	StringInfoData out;

	close_rows(p);
	if (p->in_section)
		appendStringInfoString(&p->html, "</section>\n");
	initStringInfo(&out);
	appendStringInfoString(
		&out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
			  "<meta charset=\"utf-8\">\n"
			  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			  "<meta name=\"generator\" content=\"engage\">\n"
			  "<link rel=\"icon\" href=\"data:,\">\n");
	element(&out, "title", title);
	style(&out, theme);
	appendStringInfoString(&out, "</head>\n<body>\n");

	/* the header comes first, then the way to the sections */
	appendBinaryStringInfo(&out, p->html.data, p->header);
	if (p->nsections > 1)
		appendStringInfo(&out, "<nav aria-label=\"Sections\"><ul>\n%s</ul></nav>\n",
						 p->contents.data);
	appendStringInfoString(&out, "<main>\n");
	appendBinaryStringInfo(&out, p->html.data + p->header, p->html.len - p->header);
	appendStringInfoString(&out, "</main>\n");
	if (footer)
		element(&out, "footer", footer);
	appendStringInfoString(&out, "</body>\n</html>\n");
	pfree(p->html.data);
	pfree(p->contents.data);
	return out.data;
}
