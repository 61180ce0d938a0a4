/*-------------------------------------------------------------------------
 *
 * prediction_outcomes.c
 *	  Logged scores beside the outcomes that came later.
 *
 * Both are read in one query as the invoker: the outcomes are the user's, and
 * the view engage.predictions shows what the user may see.  The source of
 * outcomes has columns key and outcome, and perhaps at, the time of the
 * outcome; weight, group_by and event are what they are to engage_train().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

#include "store/evaluate_private.h"
#include "store/key.h"
#include "store/prediction_log.h"
#include "store/schema_private.h"
#include "store/source.h"

/*
 * The queries stand beside a text of users, where their operators, too, can be found: all names
 * are qualified, and types are exact.
 */
#define INSTANT		"pg_catalog.timestamptz"
#define SQUARE(x)	"(" x " OPERATOR(pg_catalog.^) 2::pg_catalog.float8)"

#define ROWS_AT_A_TIME	5000

/* A source of outcomes, checked. */
typedef struct Outcomes
{
	char	   *from;
	bool		has_at;
	bool		boolean;
	bool		number;

	/* columns as float8 or text; NULL where there are none */
	const char *key;
	const char *outcome;
	const char *weight;
	const char *group;
	const char *event;
} Outcomes;

static int
find_column(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i;
	}
	return -1;
}

static int
need_column(TupleDesc desc, const char *name)
{
	int			i = find_column(desc, name);

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the source of outcomes has no column \"%s\"", name),
				 errhint("It needs columns \"key\" and \"outcome\", and may have \"at\": "
						 "'SELECT customer_id AS key, churned AS outcome FROM ...'.")));
	return i;
}

/* A number or boolean as an expression of type float8; NULL: no such column. */
static const char *
number_column_of(TupleDesc desc, const char *name)
{
	int			i = find_column(desc, name);
	EgConverter cv;

	if (i < 0)
		return NULL;
	if (!eg_converter_init(&cv, TupleDescAttr(desc, i)->atttypid) || cv.kind != EG_COL_NUMBER ||
		cv.op == EG_OP_MONEY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the outcomes has type %s, not a number or boolean", name,
						format_type_be(TupleDescAttr(desc, i)->atttypid))));
	return psprintf("s.%s%s::pg_catalog.float8", name,
					cv.op == EG_OP_BOOL ? "::pg_catalog.int4" : "");
}

/* A column as an expression of type text; NULL: no such column. */
static const char *
text_column_of(TupleDesc desc, const char *name)
{
	int			i = find_column(desc, name);

	return i < 0 ? NULL : eg_column_text(psprintf("s.%s", name), TupleDescAttr(desc, i)->atttypid);
}

/* The same for a column whose equal values are one key or group. */
static const char *
key_column_of(TupleDesc desc, const char *name)
{
	int			i = find_column(desc, name);

	if (i < 0)
		return NULL;
	(void) eg_key_create(name, name, TupleDescAttr(desc, i)->atttypid,
						 TupleDescAttr(desc, i)->attcollation, true);
	return eg_key_column(psprintf("s.%s", name), TupleDescAttr(desc, i)->atttypid);
}

static Outcomes
describe(const char *source)
{
	Outcomes	o = {0};
	char	   *relation;
	TupleDesc	desc;
	EgConverter cv;
	int			at;

	o.from = eg_source_embed(eg_source_query(source, &relation), "s");
	desc = eg_source_describe(psprintf("SELECT * FROM %s", o.from));
	(void) need_column(desc, "key");
	if (eg_converter_init(&cv, TupleDescAttr(desc, need_column(desc, "outcome"))->atttypid))
	{
		o.boolean = cv.kind == EG_COL_NUMBER && cv.op == EG_OP_BOOL;
		o.number = cv.kind == EG_COL_NUMBER && cv.op != EG_OP_BOOL && cv.op != EG_OP_MONEY;
	}
	o.weight = number_column_of(desc, "weight");
	o.event = number_column_of(desc, "event");
	o.key = key_column_of(desc, "key");
	o.outcome = text_column_of(desc, "outcome");
	o.group = key_column_of(desc, "group_by");
	at = find_column(desc, "at");
	o.has_at = at >= 0;
	if (o.has_at)
	{
		Oid			type = getBaseType(TupleDescAttr(desc, at)->atttypid);

		if (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"at\" of the outcomes has type %s, not date or timestamp",
							format_type_be(type))));
	}
	return o;
}

static Portal
open_query(const char *sql, int nargs, const char *const *args)
{
	Oid			types[8];
	Datum		values[8];
	char		nulls[8];
	Portal		portal;
	int			guc_level = NewGUCNestLevel();
	int			i;

	Assert(nargs <= 8);
	for (i = 0; i < nargs; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = args[i] ? ' ' : 'n';
		values[i] = args[i] ? CStringGetTextDatum(args[i]) : (Datum) 0;
	}

	/* a partition just filled has no statistics, and a loop over loops would be quadratic */
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	portal = eg_source_open(sql, nargs, types, values, nulls);
	AtEOXact_GUC(true, guc_level);
	return portal;
}

/*
 * No outcome belongs to a score: say so, and why.  "whose" is the condition for p, the
 * scores of a model or experiment, which is $1.
 */
static void
tell_unmatched(const Outcomes *o, const char *whose, const char *word, const char *name)
{
	Portal		portal;
	char	   *outcomes,
			   *equal,
			   *ours,
			   *theirs;

	portal = open_query(psprintf(
		"WITH outcomes AS (SELECT %s AS key FROM %s"
		" WHERE s.key IS NOT NULL AND s.outcome IS NOT NULL),"
		" scores AS (SELECT DISTINCT p.key FROM engage.predictions AS p WHERE %s)"
		" SELECT pg_catalog.count(*)::pg_catalog.text, pg_catalog.count(c.key)::pg_catalog.text,"
		" pg_catalog.min(o.key COLLATE pg_catalog.\"C\"),"
		" (SELECT pg_catalog.min(d.key COLLATE pg_catalog.\"C\") FROM scores AS d)"
		" FROM outcomes AS o LEFT JOIN scores AS c ON c.key OPERATOR(pg_catalog.=) o.key",
		o->key, o->from, whose), 1, &name);
	eg_source_fetch(portal, 1);
	outcomes = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	equal = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	theirs = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3);
	ours = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4);
	SPI_cursor_close(portal);
	if (strcmp(outcomes, "0") == 0 || ours == NULL)
		return;
	if (strcmp(equal, "0") == 0)
		ereport(NOTICE,
				(errmsg("none of %s outcomes belongs to a score of %s \"%s\"", outcomes, word, name),
				 errdetail("No key of theirs is in the prediction log: \"%s\" is the first of "
						   "theirs, \"%s\" of the log.", theirs, ours),
				 errhint("Column \"key\" of the outcomes must be the column that was logged.")));
	else
		ereport(NOTICE,
				(errmsg("none of %s outcomes belongs to a score of %s \"%s\"", outcomes, word, name),
				 errdetail("The keys of %s are in the prediction log, but no score of theirs is %s.",
						   equal, o->has_at ? "older than the outcome's \"at\" and within the time "
						   "asked for" : "within the time asked for")));
}

/* ----------
 * Groups of a period and a version
 * ----------
 */

EgScored *
eg_log_scored(const EgVersionRow *v)
{
	return eg_evaluate_create(v, eg_cache_get(v->id, CurrentMemoryContext));
}

typedef struct Groups
{
	MemoryContext context;
	Size		memory_limit;
	Size		used;
	List	   *groups;
	EgLogGroup *last;
	Size		size;			/* rows allocated in last */

	/* columns of the result, 0: none */
	int			weight;
	int			group;
	int			event;
	char	   *group_text;		/* of the row before */
	double		ngroups;
} Groups;

static void
account(Groups *g, Size more)
{
	g->used += more;
	if (g->used > g->memory_limit)
		eg_check_memory(g->used, g->memory_limit, "keeping scores and outcomes");
}

static void *
enlarge(Groups *g, void *v, Size size)
{
	return v ? repalloc_huge(v, size) : MemoryContextAllocHuge(g->context, size);
}

/* Make room for one more row of that group. */
static void
group_of(Groups *g, TimestampTz period, int64 version_id, int width)
{
	EgLogGroup *group = g->last;

	if (group == NULL || group->period != period || group->version_id != version_id)
	{
		group = palloc0(sizeof(EgLogGroup));
		group->period = period;
		group->version_id = version_id;
		group->width = width;
		g->groups = lappend(g->groups, group);
		g->last = group;
		g->size = 0;
	}
	if (width != group->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("logged scores of a version have %d and %d outputs", group->width, width)));
	if (group->n == g->size)
	{
		Size		size = g->size ? g->size * 2 : 256;
		Size		numbers = width + (g->weight != 0) + (g->group != 0) + (g->event != 0);

		account(g, (size - g->size) * (sizeof(double) * numbers + sizeof(char *)));
		group->score = enlarge(g, group->score, sizeof(double) * width * size);
		group->outcome = enlarge(g, group->outcome, sizeof(char *) * size);
		if (g->weight)
			group->weight = enlarge(g, group->weight, sizeof(double) * size);
		if (g->group)
			group->group = enlarge(g, group->group, sizeof(double) * size);
		if (g->event)
			group->event = enlarge(g, group->event, sizeof(double) * size);
		g->size = size;
	}
}

static double
number_column(HeapTuple tuple, TupleDesc desc, int col)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, desc, col, &isnull);

	return isnull ? NAN : DatumGetFloat8(value);
}

/* Groups of a period and version come in order, so the rows of one are side by side. */
static double
group_number(Groups *g, const char *text)
{
	if (text == NULL)
		return NAN;
	if (g->last->n == 0 || g->group_text == NULL || strcmp(text, g->group_text) != 0)
	{
		g->group_text = pstrdup(text);
		g->ngroups++;
	}
	return g->ngroups;
}

/* A row of period, version_id, score, outputs, outcome; then weight, group and event if any. */
static void
add_row(Groups *g, HeapTuple tuple, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(g->context);
	bool		isnull,
				one;
	TimestampTz period = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 1, &isnull));
	int64		version_id = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
	double		score = DatumGetFloat8(SPI_getbinval(tuple, desc, 3, &isnull));
	Datum		outputs = SPI_getbinval(tuple, desc, 4, &one);
	char	   *outcome = SPI_getvalue(tuple, desc, 5);
	ArrayType  *array = one ? NULL : DatumGetArrayTypeP(outputs);
	int			width = one ? 1 : ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	EgLogGroup *group;

	group_of(g, period, version_id, width);
	account(g, strlen(outcome) + 16);
	group = g->last;
	memcpy(group->score + group->n * width, one ? (char *) &score : ARR_DATA_PTR(array),
		   sizeof(double) * width);
	if (g->weight)
		group->weight[group->n] = number_column(tuple, desc, g->weight);
	if (g->group)
		group->group[group->n] = group_number(g, SPI_getvalue(tuple, desc, g->group));
	if (g->event)
		group->event[group->n] = number_column(tuple, desc, g->event);
	group->outcome[group->n++] = outcome;
	if (array)
		pfree(array);
	MemoryContextSwitchTo(old);
}

/* Periods, versions and scores beside the outcomes, in the order in which add_row() wants them. */
static char *
groups_query(const Outcomes *o)
{
	StringInfoData given,
				kept,
				order;

	initStringInfo(&given);
	initStringInfo(&kept);
	initStringInfo(&order);
	if (o->weight)
	{
		appendStringInfo(&given, ", %s AS weight", o->weight);
		appendStringInfoString(&kept, ", weight");
	}
	if (o->group)
	{
		appendStringInfo(&given, ", %s AS group_by", o->group);
		appendStringInfoString(&kept, ", group_by");
		appendStringInfoString(&order, ", group_by COLLATE pg_catalog.\"C\"");
	}
	if (o->event)
	{
		appendStringInfo(&given, ", %s AS event", o->event);
		appendStringInfoString(&kept, ", event");
	}

	/* the last answer before each outcome, and the last score of each shadow */
	return psprintf(
		"WITH outcomes AS (SELECT pg_catalog.row_number() OVER () AS n,"
		" %s AS key, %s AS outcome, %s AS at%s FROM %s"
		" WHERE s.key IS NOT NULL AND s.outcome IS NOT NULL),"
		" matched AS (SELECT DISTINCT ON (o.n, CASE WHEN p.shadow THEN p.version_id END)"
		" p.scored_at, p.version_id, p.version, p.score, p.outputs, o.outcome%s"
		" FROM outcomes o JOIN engage.predictions p ON p.key OPERATOR(pg_catalog.=) o.key"
		" AND p.scored_at OPERATOR(pg_catalog.<=) o.at WHERE p.model OPERATOR(pg_catalog.=) $1"
		" ORDER BY o.n, CASE WHEN p.shadow THEN p.version_id END, p.scored_at DESC, p.id DESC)"
		" SELECT pg_catalog.date_trunc($2, scored_at), version_id, score, outputs, outcome%s FROM matched"
		" WHERE ($3::" INSTANT " IS NULL OR scored_at OPERATOR(pg_catalog.>=) $3::" INSTANT ")"
		" AND ($4::" INSTANT " IS NULL OR scored_at OPERATOR(pg_catalog.<) $4::" INSTANT ")"
		" AND NOT score IS NULL"
		" ORDER BY 1, pg_catalog.string_to_array(version, '.')::pg_catalog.int4[], 2%s",
		o->key, o->outcome, o->has_at ? "s.at::" INSTANT : "'infinity'::" INSTANT, given.data,
		o->from, kept.data, kept.data, order.data);
}

List *
eg_log_groups(const char *model, const char *outcomes, const char *period, const char *since,
			  const char *until, Size memory_limit)
{
	const char *args[4] = {model, period, since, until};
	Groups		g = {0};
	Outcomes	o;
	Portal		portal;
	int			column = 6;
	uint64		i;

	g.context = CurrentMemoryContext;
	g.memory_limit = memory_limit;
	o = describe(outcomes);
	SPI_connect();
	g.weight = o.weight ? column++ : 0;
	g.group = o.group ? column++ : 0;
	g.event = o.event ? column++ : 0;
	portal = open_query(groups_query(&o), 4, args);
	for (;;)
	{
		SPITupleTable *table;

		eg_source_fetch(portal, ROWS_AT_A_TIME);
		table = SPI_tuptable;
		if (SPI_processed == 0)
			break;
		for (i = 0; i < table->numvals; i++)
			add_row(&g, table->vals[i], table->tupdesc);
		SPI_freetuptable(table);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	if (g.groups == NIL)
		tell_unmatched(&o, "p.model OPERATOR(pg_catalog.=) $1", "model", model);
	SPI_finish();
	return g.groups;
}

/* ----------
 * Arms of an experiment
 * ----------
 */

/* The query of the values: experiment, arm, key, y. */
static char *
arm_values(const Outcomes *o, EgArmMeasure measure)
{
	const char *at = o->has_at ? "s.at::" INSTANT : "'infinity'::" INSTANT;
	const char *y = measure == EG_ARM_BRIER ?
		"CASE WHEN outcome OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[])"
		" THEN " SQUARE("(score OPERATOR(pg_catalog.-) 1::pg_catalog.float8)")
		" WHEN outcome OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.text[])"
		" THEN " SQUARE("score") " END" :
		measure == EG_ARM_ERROR_RATE ?
		"(class OPERATOR(pg_catalog.<>) outcome)::pg_catalog.int4::pg_catalog.float8" :
		SQUARE("(score OPERATOR(pg_catalog.-) outcome::pg_catalog.float8)");

	if (measure == EG_ARM_OUTCOME)
		return psprintf("outcomes AS (SELECT %s AS key,"
						" s.outcome%s::pg_catalog.float8 AS y, %s AS at"
						" FROM %s WHERE s.key IS NOT NULL AND s.outcome IS NOT NULL),"
						" exposed AS (SELECT DISTINCT ON (key) key, arm, scored_at"
						" FROM engage.predictions WHERE experiment OPERATOR(pg_catalog.=) $1"
						" AND NOT shadow ORDER BY key, scored_at, id),"
						" v AS (SELECT e.arm, e.key, pg_catalog.sum(o.y) AS y FROM exposed e"
						" JOIN outcomes o ON o.key OPERATOR(pg_catalog.=) e.key"
						" AND o.at OPERATOR(pg_catalog.>=) e.scored_at"
						" WHERE (o.y OPERATOR(pg_catalog.-) o.y) OPERATOR(pg_catalog.=)"
						" 0::pg_catalog.float8"
						" GROUP BY e.arm, e.key)", o->key, o->boolean ? "::pg_catalog.int4" : "", at, o->from);
	return psprintf("outcomes AS (SELECT %s AS key, %s AS outcome, %s AS at"
					" FROM %s WHERE s.key IS NOT NULL AND s.outcome IS NOT NULL),"
					" last AS (SELECT DISTINCT ON (p.key, p.arm) p.arm, p.key, p.score, p.class,"
					" o.outcome FROM engage.predictions p JOIN outcomes o"
					" ON o.key OPERATOR(pg_catalog.=) p.key"
					" AND p.scored_at OPERATOR(pg_catalog.<=) o.at"
					" WHERE p.experiment OPERATOR(pg_catalog.=) $1"
					" ORDER BY p.key, p.arm, p.scored_at DESC, p.id DESC),"
					" v AS (SELECT arm, key, %s AS y FROM last)", o->key, o->outcome, at,
					o->from, y);
}

void
eg_log_arm_sums(const EgExperiment *e, const char *outcomes, EgArmMeasure measure,
				const char *yes, const char *no, EgArmSums *sums)
{
	const char *args[3] = {e->name, yes, no};
	Outcomes	o;
	Portal		portal;
	bool		any = false;
	uint64		i;

	memset(sums, 0, sizeof(EgArmSums) * e->narms);
	o = describe(outcomes);
	SPI_connect();
	if ((measure == EG_ARM_OUTCOME || measure == EG_ARM_SQUARED_ERROR) && !o.number &&
		!(o.boolean && measure == EG_ARM_OUTCOME))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"outcome\" is %s", measure == EG_ARM_OUTCOME ?
						"neither a number nor boolean" : "not a number"),
				 errhint("Make it one in a query: 'SELECT ..., churn = ''Yes'' AS outcome ...'.")));
	portal = open_query(psprintf("WITH %s SELECT v.arm::pg_catalog.float8,"
								 " pg_catalog.count(v.y)::pg_catalog.float8,"
								 " pg_catalog.avg(v.y), pg_catalog.var_samp(v.y),"
								 " pg_catalog.count(v.d)::pg_catalog.float8,"
								 " pg_catalog.avg(v.d), pg_catalog.var_samp(v.d)"
								 " FROM (SELECT w.arm, w.y, w.y OPERATOR(pg_catalog.-)"
								 " pg_catalog.max(w.y) FILTER (WHERE w.arm OPERATOR(pg_catalog.=)"
								 " 1::pg_catalog.int4) OVER (PARTITION BY w.key) AS d FROM v AS w)"
								 " AS v GROUP BY v.arm", arm_values(&o, measure)),
						measure == EG_ARM_BRIER ? 3 : 1, args);
	eg_source_fetch(portal, ROWS_AT_A_TIME);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		int			arm = (int) number_column(tuple, desc, 1) - 1;

		if (arm < 0 || arm >= e->narms)
			continue;
		any = true;
		sums[arm].n = number_column(tuple, desc, 2);
		sums[arm].mean = number_column(tuple, desc, 3);
		sums[arm].variance = number_column(tuple, desc, 4);
		sums[arm].pairs = number_column(tuple, desc, 5);
		sums[arm].pair_mean = number_column(tuple, desc, 6);
		sums[arm].pair_variance = number_column(tuple, desc, 7);
	}
	SPI_cursor_close(portal);
	if (!any)
		tell_unmatched(&o, "p.experiment OPERATOR(pg_catalog.=) $1 AND NOT p.shadow", "experiment",
					   e->name);
	SPI_finish();
}
