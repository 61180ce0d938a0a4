/*-------------------------------------------------------------------------
 *
 * report.h
 *	  What the files of engage_report() share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_REPORT_H
#define EG_API_REPORT_H

#include "plot/page.h"
#include "store/ask.h"
#include "store/cache.h"
#include "store/gate.h"
#include "store/models.h"

typedef struct EgReport
{
	EgPage		page;

	/* options */
	char	   *title;
	char	   *key;			/* column that names a row, or NULL */
	char	   *target;
	char	   *class;
	char	   *current;		/* rows as they come in now, or NULL */
	char	   *outcomes;		/* of logged scores, by key, or NULL */
	EgTheme		theme;
	int			examples;
	int			top;
	int			npictures;		/* so far */

	/* what it is about */
	EgVersionRow *version;
	List	   *lines;			/* of EgVersionLine *: all versions of the model */
	char	   *number;			/* "1.2.0" */
	char	   *reference;		/* 'churn@1.2.0' */
	EgCompiled *compiled;
	char	   *source;
	EgText	   *text;			/* the source is the version's own; NULL: given by the reader */
	Jsonb	   *metrics;		/* of engage_evaluate() */
	Jsonb	   *intervals;
} EgReport;

/*
 * api_report.c: what a function of engage says, or SQL over its rows, or SQL alone (ask.h), of
 * the report's source: whatever reads that is asked in this way, and goes through the gate.
 */
extern char *eg_report_text(EgReport *r, const EgQuestion *q);
extern Jsonb *eg_report_jsonb(EgReport *r, const EgQuestion *q);

/* Options of the next picture, JSON, palloc'd; limit: the most bars that it shows, 0: its own. */
extern char *eg_report_options(EgReport *r, int limit);

/*
 * A picture by a function of model and options, and of what else of the report it is given;
 * more: further arguments, or others than the report's, or NULL.
 */
#define EG_WITH_SOURCE		1
#define EG_WITH_TARGET		2
#define EG_WITH_CLASS		4
#define EG_WITH_TRUTH		(EG_WITH_SOURCE | EG_WITH_TARGET)

extern void eg_report_picture(EgReport *r, const char *function, int with, const EgArg *more,
							  const char *caption);

/* api_report_sections.c */
extern const char *eg_report_main_metric(EgTask task);
extern char *eg_report_number(double v);
extern void eg_report_metrics(EgReport *r, bool held_out);
extern void eg_report_quality(EgReport *r);
extern void eg_report_drivers(EgReport *r);
extern void eg_report_examples(EgReport *r);
extern void eg_report_history(EgReport *r);

/* api_report_watch.c; given: the reader passed a source */
extern void eg_report_watch(EgReport *r, bool given);

/*
 * api_report_segments.c: models without a target.  Is there a truth to measure by?  What the
 * training found, and what stands where quality stands of other models.
 */
extern bool eg_report_has_truth(const EgReport *r);
extern void eg_report_findings(EgReport *r);
extern void eg_report_segments(EgReport *r);
extern void eg_report_anomalies(EgReport *r);

#endif							/* EG_API_REPORT_H */
