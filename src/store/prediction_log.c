/*-------------------------------------------------------------------------
 *
 * prediction_log.c
 *	  Writing the prediction log.
 *
 * The source is read by a cursor, as the invoker and read-only; between two
 * fetches the rows scored so far are written as the extension's owner, whom
 * the log belongs to.  So memory is bounded, and the transaction makes it all
 * or nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "store/counters.h"
#include "store/header_tuple.h"
#include "store/key.h"
#include "store/prediction_log.h"
#include "store/registry.h"
#include "store/source_private.h"

#define ROWS_AT_A_TIME	2000
#define SOURCE			"\"engage source\""
#define MAX_KEY			1024	/* bytes; an index holds the key */

#define INSERT \
	"INSERT INTO engage.prediction (model_id, version_id, version, key, scored_at, score, class," \
	" outputs, experiment, arm, shadow)" \
	" SELECT v.model_id, v.id, pg_catalog.concat_ws('.', v.major, v.minor, v.patch), t.key, $2," \
	" t.score, t.class, t.outputs::pg_catalog.float8[], $1, t.arm, t.shadow" \
	" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)," \
	" pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9))" \
	" AS t (version, key, score, class, outputs, arm, shadow)" \
	" JOIN engage.version v ON v.id OPERATOR(pg_catalog.=) t.version"

/* columns of the arrays $3 .. */
enum
{
	LOG_VERSION,
	LOG_KEY,
	LOG_SCORE,
	LOG_CLASS,
	LOG_OUTPUTS,
	LOG_ARM,
	LOG_SHADOW,
	LOG_COLUMNS
};

static const Oid element_types[LOG_COLUMNS] = {
	INT8OID, TEXTOID, FLOAT8OID, TEXTOID, TEXTOID, INT4OID, BOOLOID
};

struct EgLogWriter
{
	MemoryContext context;		/* of the rows that wait */
	TimestampTz at;
	int			capacity;
	int			n;				/* rows that wait */
	int64		written;
	const char *experiment;		/* of all rows */
	Datum	   *values[LOG_COLUMNS];	/* (capacity) */
	bool	   *nulls[LOG_COLUMNS];
};

/* ---------------------------------------------------------------------------
 * Writer
 * ---------------------------------------------------------------------------
 */

EgLogWriter *
eg_log_open(TimestampTz at, int capacity)
{
	EgLogWriter *w = palloc0(sizeof(EgLogWriter));
	int			c;

	eg_log_make_partition(at);
	w->context = AllocSetContextCreate(CurrentMemoryContext, "engage prediction log",
									   ALLOCSET_DEFAULT_SIZES);
	w->at = at;
	w->capacity = capacity;
	for (c = 0; c < LOG_COLUMNS; c++)
	{
		w->values[c] = palloc(sizeof(Datum) * capacity);
		w->nulls[c] = palloc(sizeof(bool) * capacity);
	}
	return w;
}

static ArrayType *
column_array(EgLogWriter *w, int c)
{
	int			lower = 1;
	int16		len;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(element_types[c], &len, &by_value, &align);
	return construct_md_array(w->values[c], w->nulls[c], 1, &w->n, &lower, element_types[c], len,
							  by_value, align);
}

static void
flush(EgLogWriter *w)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[LOG_COLUMNS + 2] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[LOG_COLUMNS + 2];
	char		nulls[LOG_COLUMNS + 2];
	MemoryContext old;
	EgVisit		v;
	int			c;

	if (w->n == 0)
		return;
	old = MemoryContextSwitchTo(w->context);
	memset(nulls, ' ', sizeof(nulls));
	nulls[0] = w->experiment ? ' ' : 'n';
	values[0] = w->experiment ? CStringGetTextDatum(w->experiment) : (Datum) 0;
	values[1] = TimestampTzGetDatum(w->at);
	for (c = 0; c < LOG_COLUMNS; c++)
	{
		types[c + 2] = get_array_type(element_types[c]);
		values[c + 2] = PointerGetDatum(column_array(w, c));
	}
	eg_visit_begin_fast(&v);
	if (plan == NULL)
	{
		SPIPlanPtr	fresh = SPI_prepare(INSERT, lengthof(types), types);

		if (fresh == NULL || SPI_keepplan(fresh) != 0)
			elog(ERROR, "SPI failed in the log: %s", SPI_result_code_string(SPI_result));
		plan = fresh;
	}
	if (SPI_execute_plan(plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "SPI failed in the log: %s", SPI_result_code_string(SPI_result));
	w->written += SPI_processed;
	eg_visit_end(&v);
	MemoryContextSwitchTo(old);
	MemoryContextReset(w->context);
	w->n = 0;
}

/* All outputs of a row as the text of an array, exact under any extra_float_digits. */
static Datum
outputs_text(const EgScorer *s, const double *out)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (i = 0; i < s->width; i++)
	{
		char		number[DOUBLE_SHORTEST_DECIMAL_LEN];

		double_to_shortest_decimal_buf(out[i], number);
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ",", number);
	}
	appendStringInfoChar(&text, '}');
	return CStringGetTextDatum(text.data);
}

void
eg_log_put(EgLogWriter *w, EgScorer *s, const double *out, const char *key,
		   const EgExperiment *e, int arm, bool shadow)
{
	MemoryContext old = MemoryContextSwitchTo(w->context);
	EgTask		task = s->model->task;
	const EgSchema *schema = s->used->schema;
	int			i = w->n;
	int			c;

	if (strlen(key) > MAX_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("key \"%s...\" is longer than %d bytes", eg_clip(key, 32), MAX_KEY)));
	for (c = 0; c < LOG_COLUMNS; c++)
		w->nulls[c][i] = false;
	w->experiment = e ? e->name : NULL;
	w->values[LOG_VERSION][i] = Int64GetDatum(s->model->version_id);
	w->values[LOG_KEY][i] = CStringGetTextDatum(key);
	w->values[LOG_SCORE][i] = Float8GetDatum(out[s->middle]);
	w->nulls[LOG_CLASS][i] = true;
	if (eg_task_has_classes(task))
	{
		int			class = eg_scorer_class(s, out);

		w->values[LOG_CLASS][i] = CStringGetTextDatum(
			class < 0 ? EG_NOISE :
			class < schema->nlabels ? schema->labels[class] : psprintf("%d", class));
		w->nulls[LOG_CLASS][i] = false;
		if (eg_task_many_classes(task))
			w->values[LOG_SCORE][i] = Float8GetDatum(class < 0 ? 0 : out[class]);
	}
	w->nulls[LOG_OUTPUTS][i] = s->width == 1;
	if (s->width > 1)
		w->values[LOG_OUTPUTS][i] = outputs_text(s, out);
	w->values[LOG_ARM][i] = Int32GetDatum(arm + 1);
	w->nulls[LOG_ARM][i] = e == NULL;
	w->values[LOG_SHADOW][i] = BoolGetDatum(shadow);
	w->n++;
	MemoryContextSwitchTo(old);
	if (w->n == w->capacity)
		flush(w);
}

int64
eg_log_close(EgLogWriter *w)
{
	flush(w);
	MemoryContextDelete(w->context);
	return w->written;
}

/* ---------------------------------------------------------------------------
 * Keys
 * ---------------------------------------------------------------------------
 */

static void pg_attribute_noreturn()
null_key(const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("key column \"%s\" is NULL in some row", key),
			 errhint("Leave such rows out in a view or query.")));
}

static void pg_attribute_noreturn()
no_key(const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("key column \"%s\" is missing from the row", key)));
}

char *
eg_log_key_tuple(HeapTupleHeader header, const char *key)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											  HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = eg_header_tuple(header);
	bool		isnull;
	Datum		value;
	EgKey	   *k;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), key) == 0)
			break;
	}
	if (i == desc->natts)
		no_key(key);
	k = eg_key_create("key", key, TupleDescAttr(desc, i)->atttypid,
					  TupleDescAttr(desc, i)->attcollation, true);
	value = heap_getattr(&tuple, i + 1, desc, &isnull);
	if (isnull)
		null_key(key);
	ReleaseTupleDesc(desc);
	return eg_key_string(k, value);
}

char *
eg_log_key_jsonb(const Jsonb *row, const char *key)
{
	const char *text;
	JsonbValue	v;
	int			len;

	if (!JB_ROOT_IS_OBJECT((Jsonb *) row) ||
		getKeyJsonValueFromContainer((JsonbContainer *) &row->root, key, strlen(key), &v) == NULL)
		no_key(key);
	if (v.type == jbvNull)
		null_key(key);
	if (!eg_key_jsonb(&v, &text, &len))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("key \"%s\" of the row is an array or object", key),
				 errhint("A key is a string, a number or a boolean.")));
	return pnstrdup(text, len);
}

/* ---------------------------------------------------------------------------
 * A source
 * ---------------------------------------------------------------------------
 */

typedef struct LogSource
{
	const char *key;
	EgLogWriter *writer;
	EgScorer   *scorer;			/* of all rows, without an experiment */
	EgRouter   *router;			/* or NULL */
} LogSource;

static void
log_row(LogSource *l, const char *key, HeapTupleHeader row)
{
	const EgExperiment *e = l->router ? eg_router_experiment(l->router) : NULL;
	int			arm = e ? eg_router_tuple(l->router, row) : 0;
	int			last = e && e->shadow ? e->narms - 1 : arm;
	int			i;

	for (i = arm; i <= last; i++)
	{
		EgScorer   *s = e ? eg_router_scorer(l->router, i) : l->scorer;
		const double *out;

		eg_tally_begin(s->tally);
		out = eg_scorer_tuple(s, row);
		eg_tally_logged(s->tally);
		eg_tally_end(s->tally);
		eg_log_put(l->writer, s, out, key, e, i, e && e->shadow && i > 0);
	}
}

static void
log_cursor(LogSource *l, const char *sql)
{
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "engage log row",
													  ALLOCSET_DEFAULT_SIZES);
	Portal		portal = eg_source_open(sql, 0, NULL, NULL, NULL);
	uint64		i;

	for (;;)
	{
		SPITupleTable *table;

		eg_source_fetch(portal, ROWS_AT_A_TIME);
		table = SPI_tuptable;
		if (SPI_processed == 0)
			break;
		for (i = 0; i < table->numvals; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(row_context);
			HeapTuple	tuple = table->vals[i];
			char	   *key = SPI_getvalue(tuple, table->tupdesc, 1);
			bool		isnull;
			Datum		row = SPI_getbinval(tuple, table->tupdesc, 2, &isnull);

			CHECK_FOR_INTERRUPTS();
			if (key == NULL)
				null_key(l->key);
			log_row(l, key, DatumGetHeapTupleHeader(row));
			MemoryContextSwitchTo(old);
			MemoryContextReset(row_context);
		}
		SPI_freetuptable(table);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(row_context);
}

/* Its type. */
static Oid
check_key(const char *query, const char *key)
{
	TupleDesc	desc = eg_source_describe(psprintf("SELECT * FROM %s",
												  eg_source_embed(query, "source")));
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), key) == 0)
			return TupleDescAttr(desc, i)->atttypid;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("key column \"%s\" of the source does not exist", key),
			 errhint("%s", eg_source_column_hint(desc, key))));
	return InvalidOid;			/* keep the compiler quiet */
}

int64
eg_log_source(const char *model, const char *source, const char *key, TimestampTz at)
{
	MemoryContext context = CurrentMemoryContext;
	LogSource	l = {0};
	int64		experiment;
	int64		version = eg_models_resolve_routed(model, &experiment);
	char	   *relation;
	char	   *query = eg_source_query(source, &relation);
	Oid			type;

	l.key = key;
	if (experiment != 0)
		l.router = eg_router_create(experiment, context);
	else
	{
		l.scorer = eg_scorer_create(eg_cache_get(version, context), context);
		l.scorer->tally = eg_tally_open(l.scorer->model, context);
	}
	l.writer = eg_log_open(at, ROWS_AT_A_TIME);
	type = check_key(query, key);
	SPI_connect();
	log_cursor(&l, psprintf("SELECT %s, " SOURCE " FROM %s",
							eg_key_column(psprintf(SOURCE ".%s", quote_identifier(key)), type),
							eg_source_embed(query, SOURCE)));
	SPI_finish();
	return eg_log_close(l.writer);
}
