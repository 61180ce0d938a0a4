/*-------------------------------------------------------------------------
 *
 * check.c
 *	  What a check measures, and what it does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "store/ask.h"
#include "store/check.h"
#include "store/registry.h"
#include "store/source_private.h"

/* ----------
 * Answers
 * ----------
 */

/* Numbers in a member that is an array of them. */
static int
json_numbers(const Jsonb *j, const char *member, double *values, int limit)
{
	char	   *text = eg_jsonb_text(j, member);
	char	   *p = text;
	int			n = 0;

	while (p && n < limit && (p = strpbrk(p, "-0123456789")) != NULL)
		values[n++] = strtod(p, &p);
	return n;
}

static double
json_number(const Jsonb *j, const char *member)
{
	double		value;

	return eg_jsonb_number(j, member, &value) ? value : NAN;
}

/* ----------
 * Measures
 * ----------
 */

/* Does the query give these columns?  The parser's own error would quote a query of ours. */
static void
check_columns(const char *query, List *columns)
{
	TupleDesc	desc = eg_source_describe(query);
	ListCell   *lc;

	foreach(lc, columns)
	{
		char	   *hint;

		if (SPI_fnumber(desc, (const char *) lfirst(lc)) != SPI_ERROR_NOATTRIBUTE)
			continue;
		hint = eg_source_column_hint(desc, (const char *) lfirst(lc));
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the source has no column \"%s\", which the model needs",
						(const char *) lfirst(lc)),
				 hint ? errhint("%s", hint) : 0));
	}
}

/* What is asked of a source, while it goes through the gate. */
typedef struct SourceQuestion
{
	const EgAsked *a;
	List	   *columns;
	bool		mean;
	bool		plan_only;
	double		limit;
	Jsonb	   *answer;
} SourceQuestion;

static void
ask_facts(void *arg)
{
	SourceQuestion *q = arg;
	StringInfoData sql;
	char	   *relation;
	char	   *query = eg_source_query(q->a->source, &relation);
	const char *args[1] = {q->a->model};
	ListCell   *lc;

	check_columns(query, q->columns);
	initStringInfo(&sql);
	appendStringInfoString(&sql,
						   "SELECT pg_catalog.jsonb_build_object('rows', pg_catalog.count(*)");
	if (q->mean)
		appendStringInfoString(&sql, ", 'mean', pg_catalog.avg(engage.predict($1, s.*))");
	appendStringInfoString(&sql, ", 'present', ARRAY[");
	foreach(lc, q->columns)
		appendStringInfo(&sql, "%spg_catalog.count(s.%s)", lc == list_head(q->columns) ? "" : ", ",
						 quote_identifier((const char *) lfirst(lc)));
	appendStringInfo(&sql, "]::pg_catalog.int8[]) FROM %s%s", eg_source_embed(query, "s"),
					 q->plan_only ? " WHERE false" : "");
	q->answer = eg_ask_jsonb(sql.data, 1, args);
}

/* Rows, NULLs and mean of the predictions, in one pass. */
EgSourceFacts
eg_ask_facts(const EgAsked *a, List *columns, bool mean, bool plan_only)
{
	EgSourceFacts f = {0, NAN, NAN, NULL};
	SourceQuestion q = {a, columns, mean, plan_only, 0, NULL};
	double	   *present = palloc(sizeof(double) * (list_length(columns) + 1));
	int			n,
				i;

	eg_gate_run(a->text, ask_facts, &q);
	f.rows = json_number(q.answer, "rows");
	f.mean = json_number(q.answer, "mean");
	n = json_numbers(q.answer, "present", present, list_length(columns));
	for (i = 0; i < n && f.rows > 0; i++)
	{
		double		share = 1 - present[i] / f.rows;

		if (f.worst == NULL || share > f.missing)
		{
			f.missing = share;
			f.worst = list_nth(columns, i);
		}
	}
	return f;
}

/*
 * What engage_drift() says, in a few numbers.  Its rows of kind "score" are about
 * the predictions, all others that have a PSI about a feature.  A PSI that is not
 * larger than what chance makes of so few rows is none.
 */
#define DRIFT_QUERY \
	"SELECT pg_catalog.jsonb_build_object(" \
	"'features', pg_catalog.count(d.psi) FILTER (WHERE NOT d.score)," \
	" 'beyond', pg_catalog.count(*) FILTER (WHERE NOT d.score" \
	" AND d.psi OPERATOR(pg_catalog.>) $1::pg_catalog.float8)," \
	" 'worst', pg_catalog.max(d.psi) FILTER (WHERE NOT d.score)," \
	" 'feature', (pg_catalog.array_agg(d.feature ORDER BY d.psi USING OPERATOR(pg_catalog.>)," \
	" d.feature) FILTER (WHERE NOT d.score AND d.psi IS NOT NULL))[1]," \
	" 'score', pg_catalog.max(d.psi) FILTER (WHERE d.score)," \
	" 'scores', pg_catalog.count(*) FILTER (WHERE d.score)," \
	" 'mean', pg_catalog.max(d.mean_then) FILTER (WHERE d.score))" \
	" FROM (SELECT x.feature, x.mean_then," \
	" x.kind OPERATOR(pg_catalog.=) 'score'::pg_catalog.text AS score," \
	" CASE WHEN x.psi OPERATOR(pg_catalog.<=) x.chance THEN 0 ELSE x.psi END AS psi" \
	" FROM " EG_ROWS " AS x) AS d"

static void
ask_drift(void *arg)
{
	SourceQuestion *q = arg;
	const char *args[1] = {psprintf("%.17g", q->limit)};
	EgQuestion	drift = {DRIFT_QUERY, lengthof(args), args, "engage_drift",
		EG_ARGS({"model", q->a->model}, {"source", q->a->source}, {"multivariate", "false"})};

	q->answer = eg_question_jsonb(&drift);
}

EgDriftFacts
eg_ask_drift(const EgAsked *a, double limit)
{
	EgDriftFacts f = {0, NAN, NULL, 0, NAN, NAN};
	SourceQuestion q = {a, NIL, false, false, limit, NULL};

	eg_gate_run(a->text, ask_drift, &q);
	f.nfeatures = (int) json_number(q.answer, "features");
	f.beyond = (int) json_number(q.answer, "beyond");
	f.worst = json_number(q.answer, "worst");
	f.feature = eg_jsonb_text(q.answer, "feature");
	f.score = json_number(q.answer, "score");
	if (json_number(q.answer, "scores") == 1)
		f.mean = json_number(q.answer, "mean");
	return f;
}

static void
ask_metrics(void *arg)
{
	SourceQuestion *q = arg;
	char	   *relation;

	if (eg_ask_jsonb(psprintf("SELECT '{}'::pg_catalog.jsonb FROM %s LIMIT 1",
							  eg_source_embed(eg_source_query(q->a->source, &relation), "s")),
					 0, NULL))
		q->answer = eg_call_jsonb("engage_evaluate", EG_ARGS({"model", q->a->model},
															 {"source", q->a->source}));
}

Jsonb *
eg_ask_metrics(const EgAsked *a)
{
	SourceQuestion q = {a, NIL, false, false, 0, NULL};

	eg_gate_run(a->text, ask_metrics, &q);
	return q.answer;
}

/* ----------
 * Actions
 * ----------
 */

EgRetrained
eg_ask_retrain(const char *model, const char *deploy)
{
	EgRows	   *row = eg_call_write("engage_retrain", EG_ARGS({"model", model},
															  {"deploy", deploy}));
	EgRetrained r;

	r.version = eg_rows_text(row, "version");
	r.deployed = eg_rows_true(row, "deployed");
	eg_rows_free(row);
	return r;
}
