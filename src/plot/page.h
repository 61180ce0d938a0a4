/*-------------------------------------------------------------------------
 *
 * page.h
 *	  A page of HTML: headings, facts, tables, pictures, in one text without
 *	  scripts, fonts or anything else from elsewhere.
 *
 * It can be read on a telephone, on paper, in the dark and by a screen reader:
 * one column below 700 px, tables that scroll by themselves, landmarks and
 * captions, and colours that are those of the pictures.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_PAGE_H
#define EG_PLOT_PAGE_H

#include "lib/stringinfo.h"

#include "plot/theme.h"

typedef struct EgPage
{
	StringInfoData html;		/* what is in the body so far */
	int			header;			/* bytes of it that stand before the contents */
	StringInfoData contents;	/* links to the sections */
	int			nsections;
	bool		in_section;
	bool		in_figures;
	bool		in_tiles;
} EgPage;

/* title and lead are plain text, as all text is unless it is said otherwise. */
extern void eg_page_init(EgPage *p, const char *title, const char *lead);
extern char *eg_page_finish(EgPage *p, const char *title, EgTheme theme, const char *footer);

/* Begin a section; intro may be NULL. */
extern void eg_page_section(EgPage *p, const char *heading, const char *intro);
extern void eg_page_heading(EgPage *p, const char *text);
extern void eg_page_paragraph(EgPage *p, const char *text);

/* A number that should be seen first; note is small (an interval) or NULL. */
extern void eg_page_tile(EgPage *p, const char *name, const char *value, const char *note);

/* A list of names and values: begin, any number of facts, end. */
extern void eg_page_facts_begin(EgPage *p);
extern void eg_page_fact(EgPage *p, const char *name, const char *value);
extern void eg_page_facts_end(EgPage *p);

/* cells (nrows, ncolumns), NULL is empty; numeric[c]: column c is set to the right. */
extern void eg_page_table(EgPage *p, const char *caption, int ncolumns, const char *const *names,
						  const bool *numeric, int nrows, const char *const *cells);

/* Two columns where there is room: begin, what is left, next, what is right, end. */
extern void eg_page_pair_begin(EgPage *p);
extern void eg_page_pair_next(EgPage *p);
extern void eg_page_pair_end(EgPage *p);

/* Text that keeps its lines, behind a summary that opens it. */
extern void eg_page_preformatted(EgPage *p, const char *summary, const char *content);

/* svg is markup and is put in as it is; caption may be NULL. */
extern void eg_page_figure(EgPage *p, const char *svg, const char *caption);

#endif							/* EG_PLOT_PAGE_H */
