/*-------------------------------------------------------------------------
 *
 * api_report.c
 *	  engage_report(): a model on one page of HTML.
 *
 * The page is made of the answers of other functions, asked as the invoker,
 * so that whatever it says can be had and checked by itself.  What a
 * model cannot answer (curves of a regression, contributions without a
 * stored background) is left out by what the model is, not by catching
 * errors: an error that is not foreseen here is the report's error too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api/report.h"
#include "base/compat.h"
#include "plot/page.h"
#include "store/authors.h"
#include "store/cache.h"
#include "store/explain.h"
#include "store/registry.h"
#include "store/source.h"

PG_FUNCTION_INFO_V1(engage_report);

/* ----------
 * Options
 * ----------
 */

static const char *const option_names[] = {"title", "theme", "examples", "top", "key", "target",
										   "class", "current", "outcomes"};

static void pg_attribute_noreturn()
unknown_option(const JsonbValue *key)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < lengthof(option_names); i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", option_names[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option \"%.*s\"", key->val.string.len, key->val.string.val),
			 errhint("The options of a report are: %s.", list.data)));
}

static int
int_option(const Jsonb *options, const char *name, int otherwise, int min, int max)
{
	double		v = otherwise;

	if (eg_jsonb_text(options, name) == NULL)
		return otherwise;
	if (!eg_jsonb_number(options, name, &v) || v != rint(v) || v < min || v > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is %s, but must be between %d and %d", name,
						eg_jsonb_text(options, name), min, max)));
	return (int) v;
}

static void
parse_options(EgReport *r, Jsonb *options)
{
	JsonbIterator *it = JsonbIteratorInit(&options->root);
	JsonbValue	v;
	JsonbIteratorToken token;
	const char *theme;
	int			i;

	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object")));
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		for (i = 0; i < lengthof(option_names); i++)
		{
			if (strlen(option_names[i]) == v.val.string.len &&
				memcmp(option_names[i], v.val.string.val, v.val.string.len) == 0)
				break;
		}
		if (i == lengthof(option_names))
			unknown_option(&v);
	}
	r->title = eg_jsonb_text(options, "title");
	r->key = eg_jsonb_text(options, "key");
	r->target = eg_jsonb_text(options, "target");
	r->class = eg_jsonb_text(options, "class");
	r->current = eg_jsonb_text(options, "current");
	r->outcomes = eg_jsonb_text(options, "outcomes");
	r->examples = int_option(options, "examples", 5, 0, 50);
	r->top = int_option(options, "top", 10, 1, 50);
	theme = eg_jsonb_text(options, "theme");
	r->theme = EG_THEME_AUTO;
	if (theme && !eg_theme_parse(theme, &r->theme))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"theme\" is \"%s\", but must be light, dark or auto", theme)));
}

/* ----------
 * What the report is about
 * ----------
 */

static void pg_attribute_noreturn()
need_source(const EgReport *r, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the report of model \"%s\" needs a source", r->version->model),
			 errdetail("%s", detail),
			 errhint("Pass a table, a view or a SELECT as the second argument.")));
}

/* Names in the version's own source are looked up as its author. */
static void
resolve_source(void *arg)
{
	EgReport   *r = arg;
	char	   *relation;

	r->source = eg_source_query(eg_jsonb_text(r->version->recipe, "source"), &relation);
}

/* The source that the version was trained on. */
static void
training_source(EgReport *r)
{
	r->text = eg_recipe_text(r->version);
	if (r->text == NULL)
		need_source(r, "The model was imported, so its training rows are not known.");
	r->text->remedy = psprintf("Pass a table, a view or a SELECT as the second argument. %s",
							   r->text->remedy);
	eg_gate_run(r->text, resolve_source, r);
}

/* Its held-out rows. */
static void
held_out_source(EgReport *r)
{
	const Jsonb *recipe = r->version->recipe;
	double		test_size = 0.2;

	training_source(r);
	(void) eg_jsonb_number(recipe, "test_size", &test_size);
	if (eg_jsonb_text(recipe, "split") == NULL)
	{
		if (test_size <= 0)
			need_source(r, "Its training held out no rows.");
		if (eg_jsonb_text(recipe, "key") == NULL && eg_jsonb_text(recipe, "group_by") == NULL)
			need_source(r, "It was trained without a key, so its held-out rows cannot be found.");
	}
	r->source = psprintf("SELECT * FROM %s WHERE engage.held_out(%s::pg_catalog.text, c.*)",
						 eg_source_embed(r->source, "c"), quote_literal_cstr(r->reference));
}

/* Do the functions that explain work for this model? */
static bool
is_explainable(const EgCompiled *m)
{
	int			p;

	for (p = 0; p < m->nparts; p++)
	{
		if (!eg_artifact_explains(m->parts[p]) &&
			(m->parts[p]->baseline == NULL || m->parts[p]->baseline->nrows == 0))
			return false;
	}
	return true;
}

static char *
class_list(const EgSchema *s)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < s->nlabels && i < 20; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", s->labels[i]);
	if (i < s->nlabels)
		appendStringInfo(&list, " and %d others", s->nlabels - i);
	return list.data;
}

/* What the model says, in a sentence. */
static char *
lead(const EgReport *r)
{
	const EgSchema *s = r->compiled->parts[0]->schema;
	const char *target = s->target ? s->target : "the target";
	const char *what;

	switch (r->compiled->task)
	{
		case EG_BINARY:
			what = psprintf("Predicts the probability that %s is %s", target,
							s->nlabels == 2 ? s->labels[1] : "1");
			break;
		case EG_MULTICLASS:
			what = psprintf("Predicts the class of %s: %s", target, class_list(s));
			break;
		case EG_CLUSTERING:
			what = psprintf("Divides rows into %d segments", r->compiled->width);
			break;
		case EG_ANOMALY:
			what = pstrdup("Says how unusual a row is, from 0 to 1");
			break;
		case EG_QUANTILE:
			what = psprintf("Predicts quantiles of %s", target);
			break;
		case EG_RANKING:
			what = psprintf("Ranks rows by %s", target);
			break;
		case EG_COUNT:
			what = psprintf("Predicts the expected count %s", target);
			break;
		case EG_SURVIVAL:
			what = psprintf("Predicts the risk over the time %s", target);
			break;
		default:
			what = psprintf("Predicts the expected value of %s", target);
			break;
	}
	return psprintf("%s. Model %s, version %s, algorithm %s.", what, r->version->model, r->number,
					r->version->algorithm);
}

/* ----------
 * Asking
 * ----------
 */

typedef struct Asked
{
	const EgQuestion *question;
	char	   *text;
	Jsonb	   *json;
} Asked;

static void
ask_text(void *arg)
{
	Asked	   *a = arg;

	a->text = eg_question_text(a->question);
}

static void
ask_jsonb(void *arg)
{
	Asked	   *a = arg;

	a->json = eg_question_jsonb(a->question);
}

char *
eg_report_text(EgReport *r, const EgQuestion *q)
{
	Asked		a = {q};

	CHECK_FOR_INTERRUPTS();
	eg_gate_run(r->text, ask_text, &a);
	return a.text;
}

Jsonb *
eg_report_jsonb(EgReport *r, const EgQuestion *q)
{
	Asked		a = {q};

	CHECK_FOR_INTERRUPTS();
	eg_gate_run(r->text, ask_jsonb, &a);
	return a.json;
}

/* Options of the next picture; two that look the same need ids of their own. */
char *
eg_report_options(EgReport *r, int limit)
{
	static const char *const themes[] = {"light", "dark", "auto"};

	return psprintf("{\"theme\": \"%s\", \"width\": 600, \"id\": \"p%d\"%s}", themes[r->theme],
					++r->npictures, limit > 0 ? psprintf(", \"limit\": %d", limit) : "");
}

void
eg_report_picture(EgReport *r, const char *function, int with, const EgArg *more,
				  const char *caption)
{
	const EgArg own[] = {{"model", r->reference}, {"options", NULL},
	{"source", r->source}, {"target", r->target}, {"class", r->class}};
	const bool	used[] = {true, true, (with & EG_WITH_SOURCE) != 0, (with & EG_WITH_TARGET) != 0,
		(with & EG_WITH_CLASS) != 0};
	EgArg		args[16] = {{NULL}};
	EgQuestion	q = {.function = function, .call = args};
	char	   *svg;
	int			n = 0;
	int			i;

	for (; more && more->name; more++)
		args[n++] = *more;
	for (i = 0; i < lengthof(own); i++)
	{
		if (!used[i] || eg_arg_find(args, own[i].name))
			continue;
		args[n] = own[i];
		if (strcmp(own[i].name, "options") == 0)
			args[n].value = eg_report_options(r, 0);
		n++;
	}
	CHECK_FOR_INTERRUPTS();
	svg = with & EG_WITH_SOURCE ? eg_report_text(r, &q) : eg_question_text(&q);
	if (svg)
		eg_page_figure(&r->page, svg, caption);
}

/* ----------
 * The page
 * ----------
 */

static void
put_card(EgReport *r)
{
	EgVersionLine *line = NULL;
	ListCell   *cell;
	EgQuestion	card = {.function = "engage_describe",
		.call = EG_ARGS({"model", r->reference})};
	char	   *rows = eg_jsonb_text(r->version->data, "rows_train");
	char	   *test = eg_jsonb_text(r->version->data, "rows_test");

	foreach(cell, r->lines)
	{
		if (((EgVersionLine *) lfirst(cell))->id == r->version->id)
			line = lfirst(cell);
	}
	eg_page_section(&r->page, "Model card", "Where this version comes from.");
	eg_page_facts_begin(&r->page);
	if (line)
	{
		eg_page_fact(&r->page, "Trained", psprintf("%s by %s in %.1f s", line->created,
												   line->created_by, r->version->seconds));
		eg_page_fact(&r->page, "Deployed",
					 line->deployed
						 ? psprintf("since %s", line->deployed_at ? line->deployed_at : "training")
						 : "no");
		eg_page_fact(&r->page, "Made with",
					 psprintf("engage %s%s%s", line->extension, line->library ? ", " : "",
							  line->library ? line->library : ""));
		eg_page_fact(&r->page, "Size",
					 psprintf("%lld kB", (long long) (line->bytes + 1023) / 1024));
	}
	if (rows)
		eg_page_fact(&r->page, "Rows learned from", rows);
	if (test)
		eg_page_fact(&r->page, "Rows held out", test);
	eg_page_fact(&r->page, "Features", psprintf("%d columns",
												r->compiled->parts[0]->schema->ncolumns));
	eg_page_fact(&r->page, "Owner", eg_models_owner_name(r->version->model_id));
	eg_page_facts_end(&r->page);
	eg_page_preformatted(&r->page, "The whole card, as engage_describe() gives it",
						 eg_question_text(&card));
}

static void
put_versions(EgReport *r)
{
	static const char *const names[] = {"Version", "Trained", "By", "Algorithm", "Metric", "Value",
										"Deployed"};
	static const bool numeric[] = {false, false, false, false, false, true, false};
	const char *metric = eg_report_main_metric(r->compiled->task);
	const char **cells = palloc(sizeof(char *) * lengthof(names) * Max(list_length(r->lines), 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, r->lines)
	{
		EgVersionLine *line = lfirst(cell);
		double		value;
		bool		known = line->metrics && eg_jsonb_number(line->metrics, metric, &value);

		cells[n++] = line->version;
		cells[n++] = line->created;
		cells[n++] = line->created_by;
		cells[n++] = line->algorithm;
		cells[n++] = known ? metric : NULL;
		cells[n++] = known ? eg_report_number(value) : NULL;
		cells[n++] = line->deployed ? "yes" : NULL;
	}
	eg_page_section(&r->page, "Versions", eg_report_has_truth(r) ?
					"Metrics are those of each version's own training, on the rows that it held out." :
					"Metrics are those of each version's own training.");
	eg_page_table(&r->page, "Versions, newest first", lengthof(names), names, numeric,
				  list_length(r->lines), cells);
}

/* engage_report(model text, source text, options jsonb) returns text */
Datum
engage_report(PG_FUNCTION_ARGS)
{
	EgReport   *r = palloc0(sizeof(EgReport));
	char	   *title;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"model\" must not be NULL")));
	parse_options(r, PG_ARGISNULL(2) ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																		   CStringGetDatum("{}"))) :
				  PG_GETARG_JSONB_P(2));
	r->version = eg_models_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), EG_PRIV_USE);
	r->number = eg_version_text(r->version);
	r->lines = eg_models_version_lines(r->version->model_id);
	r->reference = psprintf("%s@%s", r->version->model, r->number);
	r->compiled = eg_cache_get(r->version->id, CurrentMemoryContext);
	if (r->target == NULL)
		r->target = r->compiled->parts[0]->schema->target;
	if (!PG_ARGISNULL(1))
		r->source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	else if (eg_report_has_truth(r))
		held_out_source(r);
	else
		training_source(r);
	if (r->key == NULL && r->version->recipe)
		r->key = eg_jsonb_text(r->version->recipe, "key");

	title = r->title ? r->title : psprintf("Model %s", r->version->model);
	eg_page_init(&r->page, title, lead(r));
	if (eg_report_has_truth(r))
		eg_report_metrics(r, PG_ARGISNULL(1));
	else
		eg_report_findings(r);
	if (r->compiled->task == EG_CLUSTERING)
		eg_report_segments(r);
	if (r->compiled->task == EG_ANOMALY)
		eg_report_anomalies(r);
	if (eg_report_has_truth(r))
		eg_report_quality(r);
	if (r->compiled->task != EG_CLUSTERING && is_explainable(r->compiled))
	{
		eg_report_drivers(r);
		eg_report_examples(r);
	}
	eg_report_watch(r, !PG_ARGISNULL(1));
	eg_report_history(r);
	put_card(r);
	put_versions(r);
	PG_RETURN_TEXT_P(cstring_to_text(
		eg_page_finish(&r->page, title, r->theme,
					   "Made by engage inside PostgreSQL. Metrics and pictures were computed from "
					   "the rows when this page was made; intervals hold a metric's value on all "
					   "such rows in 95 of 100 cases.")));
}
