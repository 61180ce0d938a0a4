/*-------------------------------------------------------------------------
 *
 * api_report_watch.c
 *	  The section of engage_report() about what became of the model since its
 *	  training: drift, performance of logged scores, a running experiment.
 *
 * What is not said in the options is taken from the model's monitor, where the
 * reader may have its sources run.
 * They may have gone meanwhile; then the page says so, and stands.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api/report.h"
#include "store/check.h"
#include "store/monitor.h"
#include "store/registry.h"
#include "store/source.h"

/* A picture; that of a stored source goes through the gate. */
typedef struct Wanted
{
	EgReport   *r;
	const char *function;
	const char *subject_name;	/* of the argument: model or name */
	const char *subject;		/* model, version or experiment */
	const char *source_name;	/* of the argument: source or outcomes */
	const char *source;
	const char *more_name;		/* of a further argument, or NULL */
	const char *more;
	const EgText *text;			/* of a source of the monitor; NULL: given by the reader */
	char	   *problem;		/* the source cannot be read */
	char	   *svg;
} Wanted;

static void
draw(void *arg)
{
	Wanted	   *w = arg;
	EgQuestion	q = {.function = w->function,
		.call = EG_ARGS({w->subject_name, w->subject}, {w->source_name, w->source},
						{"options", eg_report_options(w->r, 0)}, {w->more_name, w->more})};

	w->svg = eg_question_text(&q);
}

static void
draw_as_author(void *arg)
{
	eg_gate_run(((Wanted *) arg)->text, draw, arg);
}

/* The picture, or a sentence about why a source of the monitor fails. */
static void
put(Wanted *w, const char *caption)
{
	CHECK_FOR_INTERRUPTS();
	if (w->text == NULL)
		draw_as_author(w);
	else if (w->problem == NULL)
		w->problem = eg_attempt(draw_as_author, w);
	if (w->problem)
		eg_page_paragraph(&w->r->page,
						  psprintf("What the monitor watches could not be read: %s.", w->problem));
	else if (w->svg)
		eg_page_figure(&w->r->page, w->svg, caption);
}

/* A source of the monitor as a query: the names in it are the author's. */
typedef struct Resolved
{
	const EgText *text;
	const char *source;
	char	   *query;
} Resolved;

static void
resolve_source(void *arg)
{
	Resolved   *q = arg;
	char	   *relation;

	q->query = eg_source_query(q->source, &relation);
}

static void
resolve_as_author(void *arg)
{
	eg_gate_run(((Resolved *) arg)->text, resolve_source, arg);
}

/* Outcomes by key, made of rows that hold the key and the target; no source without these. */
static void
use_outcomes(Wanted *p, const EgReport *r, const EgMonitor *w)
{
	const char *key = r->version->recipe ? eg_jsonb_text(r->version->recipe, "key") : NULL;
	const char *target = r->compiled->parts[0]->schema->target;
	Resolved	q = {&w->text, w->outcomes, NULL};

	if (w->outcomes == NULL || key == NULL || target == NULL)
		return;
	p->text = &w->text;
	p->problem = eg_attempt(resolve_as_author, &q);
	p->source = q.query == NULL ? "" :
		psprintf("SELECT c.%s AS key, c.%s AS outcome FROM %s", quote_identifier(key),
				 quote_identifier(target), eg_source_embed(q.query, "c"));
}

/* How fine: a log of weeks by day, of years by month; NULL: nothing is logged. */
static char *
period_of(const EgReport *r)
{
	const char *args[1] = {r->version->model};

	return eg_ask_text("SELECT CASE"
					   " WHEN l.span OPERATOR(pg_catalog.<) '15 days'::pg_catalog.interval"
					   " THEN 'day'::pg_catalog.text"
					   " WHEN l.span OPERATOR(pg_catalog.<) '1 year'::pg_catalog.interval"
					   " THEN 'week'::pg_catalog.text"
					   " WHEN l.span IS NOT NULL THEN 'month'::pg_catalog.text END"
					   " FROM (SELECT pg_catalog.max(p.scored_at) OPERATOR(pg_catalog.-)"
					   " pg_catalog.min(p.scored_at) AS span FROM engage.predictions AS p"
					   " WHERE p.model OPERATOR(pg_catalog.=) $1) AS l", 1, args);
}

/* Is there a loss of a single row by which arms are compared? */
static bool
has_loss(EgTask task)
{
	return task == EG_BINARY || task == EG_MULTICLASS || task == EG_REGRESSION || task == EG_COUNT;
}

void
eg_report_watch(EgReport *r, bool given)
{
	EgMonitor  *w = eg_monitor_get(r->version->model_id, r->version->model);
	Wanted		drift = {r, "engage_plot_drift", "model", r->reference, "source", r->current};
	Wanted		performance = {r, "engage_plot_performance", "model", r->version->model, "outcomes",
		r->outcomes, "period", period_of(r)};
	Wanted		experiment = {r, "engage_plot_experiment", "name", NULL, "outcomes", NULL,
		"measure", "loss"};
	const char *args[1] = {r->version->model};

	/* a reader who may not have the monitor's sources run sees the page without them */
	if (w && !eg_gate_allows(&w->text))
		w = NULL;
	if (drift.source == NULL && w)
	{
		drift.source = w->source;
		drift.text = &w->text;
	}
	else if (drift.source == NULL && given)
		drift.source = r->source;
	if (r->compiled->parts[0]->baseline == NULL)
		drift.source = NULL;	/* imported: nothing is known of its training rows */
	if (r->outcomes == NULL && w)
		use_outcomes(&performance, r, w);
	if (performance.source && performance.problem == NULL && has_loss(r->compiled->task))
	{
		experiment.subject = eg_ask_text("SELECT e.experiment FROM engage.experiments AS e"
										 " WHERE e.model OPERATOR(pg_catalog.=) $1 AND e.running",
										 1, args);
		experiment.source = performance.source;
		experiment.text = performance.text;
	}
	if (performance.more == NULL)
		performance.source = NULL;
	if (drift.source == NULL && performance.source == NULL)
		return;

	eg_page_section(&r->page, "Is it still good?", "What became of the model and of its customers "
					"since the training.");
	if (drift.source)
		put(&drift, "How far features and scores have moved away from those of the training.");
	if (performance.source)
		put(&performance,
			"Scores that were logged, measured by the outcomes that are known since; of every "
			"version that answered.");
	if (experiment.subject && performance.source)
		put(&experiment,
			"The running experiment: how large the errors of each version are on its own "
			"customers, against the first.");
}
