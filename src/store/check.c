/*-------------------------------------------------------------------------
 *
 * check.c
 *	  What a check measures, and what it does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"

#include "store/ask.h"
#include "store/check.h"
#include "store/registry.h"
#include "store/source_private.h"

/* ----------
 * Attempts
 * ----------
 */

char *
eg_attempt(void (*work) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile problem = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(caller);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (e->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			e->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE)
			ReThrowError(e);
		problem = e->detail ? psprintf("%s: %s", e->message, e->detail) : pstrdup(e->message);
		FreeErrorData(e);
	}
	PG_END_TRY();
	return problem;
}

/* ----------
 * As the author
 * ----------
 */

typedef struct Role
{
	Oid			user;
	int			security;
	int			guc_level;
	bool		read_only;
} Role;

/* An error undoes it all but read_only, which leave() or the end of a subtransaction does. */
static void
enter(Role *r, const EgAsked *a)
{
	Oid			author = a->author ? get_role_oid(a->author, true) : GetUserId();

	if (!OidIsValid(author))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", a->author),
				 errdetail("It declared the source, which is read with its rights.")));
	GetUserIdAndSecContext(&r->user, &r->security);
	r->guc_level = NewGUCNestLevel();
	if (author != r->user)
		SetUserIdAndSecContext(author, r->security | SECURITY_RESTRICTED_OPERATION);
	if (a->search_path)
		(void) set_config_option("search_path", a->search_path, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	r->read_only = XactReadOnly;
}

static void
leave(Role *r)
{
	AtEOXact_GUC(false, r->guc_level);
	SetUserIdAndSecContext(r->user, r->security);
	XactReadOnly = r->read_only;
}

/* Functions in a source must not write either: SPI's own flag sees the statement only. */
static Jsonb *
ask_read_only(const EgQuestion *q)
{
	bool		read_only = XactReadOnly;
	Jsonb	   *answer = NULL;

	PG_TRY();
	{
		XactReadOnly = true;
		answer = eg_question_jsonb(q);
	}
	PG_FINALLY();
	{
		XactReadOnly = read_only;
	}
	PG_END_TRY();
	return answer;
}

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
	SPIPlanPtr	plan;
	TupleDesc	desc;
	ListCell   *lc;

	SPI_connect();
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	desc = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	foreach(lc, columns)
	{
		if (SPI_fnumber(desc, (const char *) lfirst(lc)) == SPI_ERROR_NOATTRIBUTE)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the source has no column \"%s\", which the model needs",
							(const char *) lfirst(lc)),
					 eg_source_column_hint(desc, (const char *) lfirst(lc)) ?
					 errhint("%s", eg_source_column_hint(desc, (const char *) lfirst(lc))) : 0));
	}
	SPI_finish();
}

/* Rows, NULLs and mean of the predictions, in one pass. */
EgSourceFacts
eg_ask_facts(const EgAsked *a, List *columns, bool mean, bool plan_only)
{
	EgSourceFacts f = {0, NAN, NAN, NULL};
	StringInfoData sql;
	char	   *relation,
			   *query;
	const char *args[1];
	EgQuestion	q = {NULL, lengthof(args), args};
	double	   *present = palloc(sizeof(double) * (list_length(columns) + 1));
	Jsonb	   *answer;
	Role		role;
	ListCell   *lc;
	int			n,
				i;

	enter(&role, a);
	query = eg_source_query(a->source, &relation);
	check_columns(query, columns);
	initStringInfo(&sql);
	appendStringInfoString(&sql,
						   "SELECT pg_catalog.jsonb_build_object('rows', pg_catalog.count(*)");
	if (mean)
		appendStringInfoString(&sql, ", 'mean', pg_catalog.avg(engage.predict($1, s.*))");
	appendStringInfoString(&sql, ", 'present', ARRAY[");
	foreach(lc, columns)
		appendStringInfo(&sql, "%spg_catalog.count(s.%s)", lc == list_head(columns) ? "" : ", ",
						 quote_identifier((const char *) lfirst(lc)));
	appendStringInfo(&sql, "]::pg_catalog.int8[]) FROM (%s) AS s%s", query,
					 plan_only ? " WHERE false" : "");
	args[0] = a->model;
	q.sql = sql.data;
	answer = ask_read_only(&q);
	leave(&role);

	f.rows = json_number(answer, "rows");
	f.mean = json_number(answer, "mean");
	n = json_numbers(answer, "present", present, list_length(columns));
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
	" FROM (SELECT x.feature, x.mean_then, x.kind OPERATOR(pg_catalog.=) 'score'::pg_catalog.text AS score," \
	" CASE WHEN x.psi OPERATOR(pg_catalog.<=) x.chance THEN 0 ELSE x.psi END AS psi" \
	" FROM " EG_ROWS " AS x) AS d"

EgDriftFacts
eg_ask_drift(const EgAsked *a, double limit)
{
	EgDriftFacts f = {0, NAN, NULL, 0, NAN, NAN};
	const char *args[1];
	EgQuestion	q = {DRIFT_QUERY, lengthof(args), args, "engage_drift"};
	Jsonb	   *answer;
	Role		role;

	enter(&role, a);
	args[0] = psprintf("%.17g", limit);
	q.call = EG_ARGS({"model", a->model}, {"source", a->source}, {"multivariate", "false"});
	answer = ask_read_only(&q);
	leave(&role);

	f.nfeatures = (int) json_number(answer, "features");
	f.beyond = (int) json_number(answer, "beyond");
	f.worst = json_number(answer, "worst");
	f.feature = eg_jsonb_text(answer, "feature");
	f.score = json_number(answer, "score");
	if (json_number(answer, "scores") == 1)
		f.mean = json_number(answer, "mean");
	return f;
}

Jsonb *
eg_ask_metrics(const EgAsked *a)
{
	char	   *relation;
	EgQuestion	some = {0};
	EgQuestion	metrics = {.function = "engage_evaluate"};
	Jsonb	   *answer = NULL;
	Role		role;

	enter(&role, a);
	some.sql = psprintf("SELECT '{}'::pg_catalog.jsonb FROM (%s) AS s LIMIT 1",
						eg_source_query(a->source, &relation));
	metrics.call = EG_ARGS({"model", a->model}, {"source", a->source});
	if (ask_read_only(&some))
		answer = ask_read_only(&metrics);
	leave(&role);
	return answer;
}

/* ----------
 * Actions
 * ----------
 */

EgRetrained
eg_ask_retrain(Oid functions, const char *model, const char *deploy)
{
	EgRows	   *row = eg_call_write("engage_retrain", EG_ARGS({"model", model},
															  {"deploy", deploy}));
	EgRetrained r;

	r.version = eg_rows_text(row, "version");
	r.deployed = eg_rows_true(row, "deployed");
	eg_rows_free(row);
	return r;
}
