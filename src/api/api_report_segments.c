/*-------------------------------------------------------------------------
 *
 * api_report_segments.c
 *	  The sections of engage_report() for models without a target: segments,
 *	  and scores of anomalies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api/report.h"
#include "store/registry.h"

#define MOST_SEGMENTS	50		/* in tables */
#define MOST_COLUMNS	8

/* What the training found, as a tile. */
typedef struct Finding
{
	EgTask		task;
	const char *metric;
	const char *name;
} Finding;

static const Finding findings[] = {
	{EG_CLUSTERING, "silhouette", "Mean silhouette width"},
	{EG_CLUSTERING, "noise_share", "Share of rows in no segment"},
	{EG_CLUSTERING, "davies_bouldin", "Davies-Bouldin index"},
	{EG_CLUSTERING, "calinski_harabasz", "Calinski-Harabasz index"},
	{EG_CLUSTERING, "bic", "BIC"},
	{EG_ANOMALY, "threshold", "Threshold"},
	{EG_ANOMALY, "anomaly_share", "Share of rows from it on"},
	{EG_ANOMALY, "score_mean", "Mean score"},
	{EG_ANOMALY, "score_max", "Largest score"}
};

bool
eg_report_has_truth(const EgReport *r)
{
	if (r->compiled->task == EG_CLUSTERING)
		return false;
	return r->compiled->task != EG_ANOMALY || (r->target && r->target[0]);
}

void
eg_report_findings(EgReport *r)
{
	EgTask		task = r->compiled->task;
	int			i;

	eg_page_section(&r->page, "What it found",
					"Measured by the training, on the rows that it learned from.");
	if (task == EG_CLUSTERING)
		eg_page_tile(&r->page, "Segments", psprintf("%d", r->compiled->width), NULL);
	for (i = 0; i < lengthof(findings); i++)
	{
		double		v;

		if (findings[i].task == task && r->version->metrics &&
			eg_jsonb_number(r->version->metrics, findings[i].metric, &v))
			eg_page_tile(&r->page, findings[i].name, eg_report_number(v), NULL);
	}
}

/* A table of a query that gives an array of arrays of texts; nothing when it gives none. */
static void
put_table(EgReport *r, const char *caption, int ncolumns, const char *const *names,
		  const bool *numeric, const EgQuestion *q)
{
	Jsonb	   *rows = eg_report_jsonb(r, q);
	const char **cells;
	int			n;
	int			i,
				c;

	if (rows == NULL)
		return;
	n = JsonContainerSize(&rows->root);
	cells = palloc0(sizeof(char *) * Max(n, 1) * ncolumns);
	for (i = 0; i < n; i++)
	{
		JsonbValue *row = getIthJsonbValueFromContainer(&rows->root, i);

		for (c = 0; c < ncolumns && row->type == jbvBinary; c++)
		{
			JsonbValue *v = getIthJsonbValueFromContainer(row->val.binary.data, c);

			if (v && v->type == jbvString)
				cells[i * ncolumns + c] = pnstrdup(v->val.string.val, v->val.string.len);
		}
	}
	eg_page_table(&r->page, caption, ncolumns, names, numeric, n, cells);
}

static void
put_sizes(EgReport *r)
{
	static const char *const names[] = {"Segment", "Name", "Rows", "Share", "What it is like",
										"Strategy", "Typical member"};
	static const bool numeric[] = {true, false, true, true, false, false, false};
	const char *args[1] = {psprintf("%d", MOST_SEGMENTS)};
	EgQuestion	q = {"SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array("
		"s.segment::pg_catalog.text, s.name, s.rows::pg_catalog.text, "
		"pg_catalog.to_char(100::pg_catalog.float8 OPERATOR(pg_catalog.*) s.share, 'FM990.0') "
		"OPERATOR(pg_catalog.||) ' %'::pg_catalog.text, "
		"s.suggestion, s.strategy, s.typical_key)) FROM (SELECT * FROM " EG_ROWS
		" LIMIT $1::pg_catalog.int8) AS s", lengthof(args), args, "engage_segments",
		EG_ARGS({"model", r->reference}, {"source", r->source}, {"key", r->key})};

	put_table(r, "Segments, the largest at training first", lengthof(names), names, numeric, &q);
}

static void
put_profile(EgReport *r)
{
	static const char *const names[] = {"Segment", "Name", "Feature", "Value", "Inside",
										"All others", "Effect"};
	static const bool numeric[] = {true, false, false, false, true, true, true};
	const char *number = "CASE WHEN p.value IS NULL "
		"THEN pg_catalog.round(p.%1$s::pg_catalog.numeric, 2)::pg_catalog.text "
		"ELSE pg_catalog.to_char(100::pg_catalog.float8 OPERATOR(pg_catalog.*) p.%1$s, 'FM990') "
		"OPERATOR(pg_catalog.||) ' %%'::pg_catalog.text END";
	const char *args[1] = {psprintf("%d", 3 * MOST_SEGMENTS)};
	EgQuestion	q = {NULL, lengthof(args), args, "engage_profile",
		EG_ARGS({"model", r->reference}, {"source", r->source}, {"top", "3"})};

	q.sql = psprintf("SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array("
					 "p.segment::pg_catalog.text, p.name, p.feature, p.value, %s, %s, "
					 "pg_catalog.to_char(p.effect, 'FMSG990.00'))) FROM (SELECT * FROM " EG_ROWS
					 " LIMIT $1::pg_catalog.int8) AS p", psprintf(number, "inside"),
					 psprintf(number, "outside"));
	put_table(r, "What sets each segment apart, the strongest first", lengthof(names), names,
			  numeric, &q);
}

void
eg_report_segments(EgReport *r)
{
	bool		stored = r->compiled->parts[0]->baseline != NULL &&
		r->compiled->parts[0]->baseline->nrows > 0;

	eg_page_section(&r->page, "Segments",
					"Means and shares inside a segment and in all other rows of the source; effects "
					"are in standard deviations (0.2 is small, 0.8 large).");
	put_sizes(r);
	put_profile(r);

	eg_page_section(&r->page, "How they lie", NULL);
	if (stored)
	{
		eg_report_picture(r, "engage_plot_segments", EG_WITH_SOURCE, NULL,
						  "Each dot is a row of a sample, in the plane in which the rows of the "
						  "training differ most. Segments that overlap here need not overlap in "
						  "truth.");
		eg_report_picture(r, "engage_plot_silhouette", EG_WITH_SOURCE, NULL,
						  "Near 1 a row lies well in its segment, near 0 between two, below 0 "
						  "nearer to another one.");
	}
	if (r->version->metrics && eg_jsonb_text(r->version->metrics, "curve"))
		eg_report_picture(r, "engage_plot_elbow", 0, NULL,
						  "What the training saw at each number of segments, and the one that it "
						  "chose.");
	if (strcmp(r->compiled->parts[0]->algorithm->name, "hdbscan") == 0)
		eg_report_picture(r, "engage_plot_condensed_tree", 0, NULL,
						  "To the right the density that counts as one cluster grows; heights are "
						  "rows. The outlined clusters were selected.");
}

void
eg_report_anomalies(EgReport *r)
{
	eg_page_section(&r->page, "How strange are the rows?", NULL);
	eg_report_picture(r, "engage_plot_anomaly", EG_WITH_SOURCE,
					  EG_ARGS({"target", r->target ? r->target : ""}),
					  "Rows by their score. From the dashed threshold on a row is called an "
					  "anomaly; the axis of the rows is logarithmic.");
	if (eg_report_has_truth(r))
	{
		eg_report_picture(r, "engage_plot_roc", EG_WITH_TRUTH, NULL,
						  "The share of true anomalies found (up) against the share of false "
						  "alarms (right), for every threshold. The diagonal is chance.");
		eg_report_picture(r, "engage_plot_pr", EG_WITH_TRUTH, NULL,
						  "Of those the model points at, how many are true anomalies (up), when it "
						  "finds this share of them (right).");
	}
	if (strcmp(r->compiled->parts[0]->algorithm->name, "hdbscan") == 0)
		eg_report_picture(r, "engage_plot_condensed_tree", 0, NULL,
						  "To the right the density that counts as one cluster grows; heights are "
						  "rows. What leaves early is strange.");
}
