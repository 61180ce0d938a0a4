/*-------------------------------------------------------------------------
 *
 * api_report_sections.c
 *	  The sections of engage_report(): metrics, quality, what drives the model,
 *	  examples, how it learned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/transam.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "api/report.h"
#include "eval/metrics.h"
#include "store/registry.h"
#include "store/source.h"

#define MAX_TILES	6

/* A metric that is worth a tile, in words. */
typedef struct Tile
{
	EgTask		task;
	const char *metric;
	const char *name;
} Tile;

static const Tile tiles[] = {
	{EG_BINARY, "auc", "Area under the ROC curve"},
	{EG_BINARY, "average_precision", "Average precision"},
	{EG_BINARY, "log_loss", "Log loss"},
	{EG_BINARY, "lift_top_decile", "Lift of the best tenth"},
	{EG_BINARY, "accuracy", "Accuracy"},
	{EG_BINARY, "f1", "F1"},
	{EG_MULTICLASS, "accuracy", "Accuracy"},
	{EG_MULTICLASS, "log_loss", "Log loss"},
	{EG_MULTICLASS, "f1_macro", "F1, mean over classes"},
	{EG_MULTICLASS, "auc", "Area under the ROC curve"},
	{EG_REGRESSION, "rmse", "Root mean squared error"},
	{EG_REGRESSION, "mae", "Mean absolute error"},
	{EG_REGRESSION, "r2", "R squared"},
	{EG_REGRESSION, "mape", "Mean absolute percentage error"},
	{EG_COUNT, "poisson_deviance", "Poisson deviance"},
	{EG_COUNT, "rmse", "Root mean squared error"},
	{EG_COUNT, "mae", "Mean absolute error"},
	{EG_QUANTILE, "pinball_loss", "Pinball loss"},
	{EG_QUANTILE, "interval_coverage", "Coverage of the outer quantiles"},
	{EG_QUANTILE, "interval_width", "Mean width between them"},
	{EG_RANKING, "ndcg", "NDCG"},
	{EG_RANKING, "ndcg@10", "NDCG at 10"},
	{EG_RANKING, "map", "Mean average precision"},
	{EG_SURVIVAL, "concordance", "Concordance"},
	{EG_ANOMALY, "auc", "Area under the ROC curve"},
	{EG_ANOMALY, "average_precision", "Average precision"}
};

const char *
eg_report_main_metric(EgTask task)
{
	return eg_metric_primary(task);
}

char *
eg_report_number(double v)
{
	return psprintf(fabs(v) >= 1000 ? "%.0f" : "%.4g", v);
}

/* "0.81 to 0.85" of a member of the intervals, or NULL. */
static char *
interval_text(const Jsonb *intervals, const char *metric)
{
	char	   *pair = intervals ? eg_jsonb_text(intervals, metric) : NULL;
	double		low,
				high;

	if (pair == NULL || sscanf(pair, "[%lf, %lf]", &low, &high) != 2)
		return NULL;
	return psprintf("%s to %s", eg_report_number(low), eg_report_number(high));
}

void
eg_report_metrics(EgReport *r, bool held_out)
{
	EgQuestion	q = {.function = "engage_evaluate",
		.call = EG_ARGS({"model", r->reference}, {"source", r->source}, {"target", r->target},
						{"intervals", "0.95"})};
	Jsonb	   *metrics = eg_report_jsonb(r, &q);
	char	   *text = eg_jsonb_text(metrics, "intervals");
	Jsonb *intervals =
		text ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))) : NULL;
	char	   *n = eg_jsonb_text(metrics, "n");
	int			shown = 0;
	int			i;

	eg_page_section(&r->page, "How good is it?",
					held_out ? psprintf("Measured on the %s rows that training did not see.", n) :
					psprintf("Measured on the %s rows of the source. If the model learned from "
							 "some of them, it looks better here than it is.", n));
	for (i = 0; i < lengthof(tiles) && shown < MAX_TILES; i++)
	{
		double		v;

		if (tiles[i].task != r->compiled->task ||
			!eg_jsonb_number(metrics, tiles[i].metric, &v))
			continue;
		eg_page_tile(&r->page, tiles[i].name, eg_report_number(v),
					 interval_text(intervals, tiles[i].metric));
		shown++;
	}
	r->metrics = metrics;
	r->intervals = intervals;
}

/* ----------
 * Quality
 * ----------
 */

static void
put_metric_table(EgReport *r)
{
	static const char *const names[] = {"Metric", "Here", "95 % interval", "At training"};
	static const bool numeric[] = {false, true, true, true};
	const char **cells = palloc(sizeof(char *) * lengthof(names) * EG_NMETRICS);
	int			n = 0;
	int			id;

	for (id = 0; id < EG_NMETRICS; id++)
	{
		const char *name = eg_metric_name(r->compiled->task, id);
		double		v;

		if (name == NULL || !eg_jsonb_number(r->metrics, name, &v))
			continue;
		cells[n++] = name;
		cells[n++] = eg_report_number(v);
		cells[n++] = interval_text(r->intervals, name);
		cells[n++] = r->version->metrics && eg_jsonb_number(r->version->metrics, name, &v) ?
			eg_report_number(v) : NULL;
	}
	eg_page_table(&r->page, "All metrics", lengthof(names), names, numeric, n / lengthof(names),
				  cells);
}

void
eg_report_quality(EgReport *r)
{
	EgTask		task = r->compiled->task;

	if (task == EG_BINARY || (task == EG_MULTICLASS && r->class))
	{
		eg_report_picture(r, "engage_plot_roc", EG_WITH_TRUTH | EG_WITH_CLASS, NULL,
						  "The share of true cases found (up) against the share of false alarms "
						  "(right), for every threshold. The diagonal is chance.");
		eg_report_picture(r, "engage_plot_pr", EG_WITH_TRUTH | EG_WITH_CLASS, NULL,
						  "Of those the model points at, how many are true cases (up), when it finds "
			"this share of them (right).");
		eg_report_picture(r, "engage_plot_calibration", EG_WITH_TRUTH | EG_WITH_CLASS, NULL,
						  "Where the line lies on the diagonal, a probability of 30 % means three "
						  "in ten.");
		eg_report_picture(r, "engage_plot_lift", EG_WITH_TRUTH | EG_WITH_CLASS, NULL,
						  "How much richer in true cases each tenth of the rows is, best scores "
						  "first.");
		eg_report_picture(r, "engage_plot_scores", EG_WITH_TRUTH | EG_WITH_CLASS, NULL,
						  "Scores of true cases and of the others. The less they overlap, the "
						  "better.");
	}
	if (task == EG_BINARY || task == EG_MULTICLASS)
		eg_report_picture(r, "engage_plot_confusion", EG_WITH_TRUTH, NULL,
						  "Rows by their true class and the predicted one.");
	if (task == EG_REGRESSION || task == EG_COUNT)
		eg_report_picture(r, "engage_plot_fit", EG_WITH_TRUTH, NULL,
						  "Each dot is a row. On the diagonal prediction and truth agree.");
	put_metric_table(r);
}

/* ----------
 * Drivers
 * ----------
 */

/* Names of the most important features, at most n. */
static char **
strongest(EgReport *r, int n, int *found)
{
	const char *args[1] = {psprintf("%d", n)};
	EgQuestion	q = {"SELECT pg_catalog.jsonb_agg(i.feature ORDER BY i.rank) FROM " EG_ROWS " AS i "
		"WHERE i.rank OPERATOR(pg_catalog.<=) $1::pg_catalog.int4 "
		"AND i.importance OPERATOR(pg_catalog.>) 0::pg_catalog.float8", lengthof(args), args,
		"engage_importance",
		EG_ARGS({"model", r->reference}, {"source", r->source}, {"method", "shap"},
				{"sample", "1000"})};
	Jsonb	   *names = eg_report_jsonb(r, &q);
	char	  **list = palloc(sizeof(char *) * n);
	int			i;

	*found = 0;
	if (names == NULL)
		return list;
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&names->root, i);

		if (v == NULL || v->type != jbvString)
			break;
		list[(*found)++] = pnstrdup(v->val.string.val, v->val.string.len);
	}
	return list;
}

void
eg_report_drivers(EgReport *r)
{
	bool		one_class = !eg_task_many_classes(r->compiled->task) || r->class;
	int			n;
	char	  **names;
	int			i;

	eg_page_section(&r->page, "What drives it?",
					"Contributions say how far a feature moves a prediction away from the mean "
					"prediction. They describe the model, not causes in the world.");
	eg_report_picture(r, "engage_plot_importance", EG_WITH_SOURCE | EG_WITH_CLASS,
					  EG_ARGS({"options", eg_report_options(r, r->top)}, {"method", "shap"}),
					  "Mean size of the contributions of each feature.");
	if (!one_class)
	{
		eg_page_paragraph(&r->page,
						  "Contributions raise one class and lower others. With the option "
						  "class this page shows those to one class.");
		return;
	}
	eg_report_picture(r, "engage_plot_shap", EG_WITH_SOURCE | EG_WITH_CLASS,
					  EG_ARGS({"options", eg_report_options(r, r->top)}),
					  "Each dot is a row: how far right, how much the feature raises its "
					  "prediction; the colour is the feature's value.");
	names = strongest(r, 4, &n);
	for (i = 0; i < n; i++)
		eg_report_picture(r, "engage_plot_dependence", EG_WITH_SOURCE | EG_WITH_CLASS,
						  EG_ARGS({"feature", names[i]}),
						  "Mean prediction if every row had this value, all else as it is.");
}

/* ----------
 * Examples
 * ----------
 */

typedef struct Examples
{
	EgReport   *r;
	char	   *query;
	char	   *columns;
} Examples;

/*
 * Columns of the source, for to_jsonb(), which looks casts to json up while it runs: a type of
 * somebody else's may have one.  Values of such types are given as texts.
 */
static void
describe_examples(void *arg)
{
	Examples   *e = arg;
	StringInfoData out;
	TupleDesc	desc;
	char	   *relation;
	int			i;

	e->query = eg_source_query(e->r->source, &relation);
	desc = eg_source_describe(psprintf("SELECT * FROM %s", eg_source_embed(e->query, "c")));
	initStringInfo(&out);
	for (i = 0; i < desc->natts; i++)
	{
		const char *name = quote_identifier(NameStr(TupleDescAttr(desc, i)->attname));
		Oid			type = getBaseType(TupleDescAttr(desc, i)->atttypid);

		if (type < FirstNormalObjectId)
			appendStringInfo(&out, "%sc.%s", i > 0 ? ", " : "", name);
		else
			appendStringInfo(&out, "%s%s AS %s", i > 0 ? ", " : "",
							 eg_column_text(psprintf("c.%s", name), type), name);
	}
	e->columns = out.data;
}

/* The rows with the highest scores, [{"key":..., "score":..., "row":{...}}], or NULL. */
static Jsonb *
example_rows(EgReport *r)
{
	const char *args[3] = {r->reference, psprintf("%d", r->examples), r->key};
	Examples	e = {r};
	EgQuestion	q = {NULL, lengthof(args), args};

	eg_gate_run(r->text, describe_examples, &e);
	q.sql = psprintf(
		"SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
		"'key', s.row OPERATOR(pg_catalog.->) $3, 'score', s.score, 'row', s.row) "
		"ORDER BY s.score DESC, s.row::pg_catalog.text) FROM ("
		"SELECT pg_catalog.to_jsonb(x.*) AS row, engage.predict($1, c.*) AS score FROM "
		"%s CROSS JOIN LATERAL (SELECT %s) AS x "
		"ORDER BY 2 DESC, 1 LIMIT $2::pg_catalog.int8) AS s", eg_source_embed(e.query, "c"),
		e.columns);
	return eg_report_jsonb(r, &q);
}

/* A category may have any length, a sentence may not. */
#define CLIPPED(value) \
	"CASE WHEN pg_catalog.length(" value ") OPERATOR(pg_catalog.>) 80 " \
	"THEN pg_catalog.left(" value ", 80) OPERATOR(pg_catalog.||) '...'::pg_catalog.text " \
	"ELSE " value " END"

/* What would change the prediction, as a sentence; NULL when there is nothing to say. */
static char *
counterfactual_text(EgReport *r, const char *row)
{
	EgQuestion	q = {"SELECT 'It would be '::pg_catalog.text OPERATOR(pg_catalog.||) "
		"pg_catalog.to_char(pg_catalog.min(c.score_after), 'FM0.00') OPERATOR(pg_catalog.||) "
		"' with '::pg_catalog.text OPERATOR(pg_catalog.||) pg_catalog.string_agg("
		"c.feature OPERATOR(pg_catalog.||) ' '::pg_catalog.text OPERATOR(pg_catalog.||) "
		CLIPPED("c.to_value") " "
		"OPERATOR(pg_catalog.||) coalesce(' instead of '::pg_catalog.text "
		"OPERATOR(pg_catalog.||) " CLIPPED("c.from_value") ", ''::pg_catalog.text), "
		"', '::pg_catalog.text) OPERATOR(pg_catalog.||) '.'::pg_catalog.text FROM " EG_ROWS " AS c "
		"WHERE c.answer OPERATOR(pg_catalog.=) 1", 0, NULL, "engage_counterfactual",
		EG_ARGS({"model", r->reference}, {"row", row}, {"n", "1"})};

	if (r->compiled->task != EG_BINARY || r->compiled->parts[0]->baseline == NULL)
		return NULL;
	return eg_question_text(&q);
}

static void
put_example(EgReport *r, const Jsonb *example, int number)
{
	char	   *key = eg_jsonb_text(example, "key");
	char	   *row = eg_jsonb_text(example, "row");
	double		score = NAN;
	EgQuestion	reasons = {.function = "engage_why",
		.call = EG_ARGS({"model", r->reference}, {"row", row})};
	EgQuestion	picture = {.function = "engage_plot_waterfall",
		.call = EG_ARGS({"model", r->reference}, {"row", row},
						{"options", eg_report_options(r, 0)})};
	char	   *why;
	char	   *change;
	char	   *svg;

	CHECK_FOR_INTERRUPTS();
	(void) eg_jsonb_number(example, "score", &score);
	eg_page_pair_begin(&r->page);
	eg_page_heading(&r->page, key ? psprintf("%s %s: %s", r->key, key, eg_report_number(score)) :
					psprintf("Row %d: %s", number, eg_report_number(score)));
	why = eg_question_text(&reasons);
	if (why)
		eg_page_paragraph(&r->page, why);
	change = counterfactual_text(r, row);
	if (change)
		eg_page_paragraph(&r->page, change);
	svg = eg_question_text(&picture);
	eg_page_pair_next(&r->page);
	if (svg)
		eg_page_figure(&r->page, svg, NULL);
	eg_page_pair_end(&r->page);
}

void
eg_report_examples(EgReport *r)
{
	EgTask		task = r->compiled->task;
	Jsonb	   *rows;
	int			n;
	int			i;

	if (r->examples == 0 || eg_task_many_classes(task))
		return;
	rows = example_rows(r);
	if (rows == NULL)
		return;
	if (task == EG_ANOMALY)
		eg_page_section(&r->page, "The strangest rows", "Those with the highest scores, and why.");
	else
		eg_page_section(&r->page, "Examples", "The rows with the highest predictions, and why.");
	n = JsonContainerSize(&rows->root);
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&rows->root, i);

		put_example(r, JsonbValueToJsonb(v), i + 1);
	}
}

/* ----------
 * History
 * ----------
 */

void
eg_report_history(EgReport *r)
{
	const char *args[1] = {r->version->model};
	bool		curve = eg_jsonb_text(r->version->data, "history") != NULL;
	bool		tuned = eg_ask_text("SELECT t.model FROM engage.trials AS t "
									"WHERE t.model OPERATOR(pg_catalog.=) $1 LIMIT 1", 1, args) != NULL;

	if (!curve && !tuned)
		return;
	eg_page_section(&r->page, "How it learned", NULL);
	if (curve)
		eg_report_picture(r, "engage_plot_learning", 0, NULL,
						  "The metric after each round, on the rows learned from and on those kept "
						  "for validation.");
	if (tuned)
		eg_report_picture(r, "engage_plot_tuning", 0, EG_ARGS({"model", r->version->model}),
						  "The trials of engage_tune, and the best so far.");
}
