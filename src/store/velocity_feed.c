/*-------------------------------------------------------------------------
 *
 * velocity_feed.c
 *	  From rows of a source to rows of a rollup.
 *
 * The rows of a statement are sorted by key and summed up key by key; each key
 * is then one INSERT ... ON CONFLICT DO UPDATE.  The update joins the sum with
 * the newest version of the row, under its lock, so sessions that write the
 * same key wait for one another and lose nothing.  And since every session
 * goes through its keys in the same order, two cannot wait for each other.
 *
 * A statement of more than a million rows is written in parts, so that memory is
 * bounded; across parts there is no order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/sphere.h"
#include "base/velocity.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "store/velocity_private.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define ROWS_AT_A_TIME	1000000
#define KEYS_AT_A_TIME	500
#define AHEAD			INT64CONST(600000000)	/* 10 minutes */

#define ON_CONFLICT \
	" ON CONFLICT (key) DO UPDATE SET state = engage.velocity_join(r.state, excluded.state)"

typedef struct FeedRow
{
	Datum		key;
	int64		number;			/* order of arrival: equal times stay in it */
	EgVelocityEvent event;
} FeedRow;

struct EgFeed
{
	EgTracker  *tracker;
	MemoryContext keys;			/* of the rows that wait */
	MemoryContext batch;		/* of the states to be written */
	int			attno[VEL_COLUMNS];
	Oid			type[VEL_COLUMNS];
	TimestampTz most;			/* later events are left out */
	FeedRow    *rows;
	int64		n;
	int64		capacity;
	int64		keys_written;
	int64		ahead;			/* events left out */
	Datum	   *key;			/* (KEYS_AT_A_TIME) */
	Datum	   *state;
	int			nkeys;
};

/* ----------
 * Columns
 * ----------
 */

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID ||
		type == FLOAT8OID || type == NUMERICOID;
}

static double
number(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (double) DatumGetInt64(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case FLOAT8OID:
			return DatumGetFloat8(value);
		default:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
	}
}

static void
check_types(const EgFeed *f, TupleDesc desc)
{
	const EgTracker *t = f->tracker;
	Oid			key = f->type[VEL_KEY];
	int			i;

	if (key != t->keytype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, but velocity tracker \"%s\" keeps keys of type %s",
						t->column[VEL_KEY], format_type_be(key), t->name,
						format_type_be(t->keytype)),
				 errhint("Track again: engage_velocity_untrack(), then engage_velocity_track().")));
	if (f->type[VEL_AT] != TIMESTAMPTZOID && f->type[VEL_AT] != TIMESTAMPOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, but the time of an event is a timestamptz or timestamp",
						t->column[VEL_AT], format_type_be(f->type[VEL_AT]))));
	for (i = VEL_AMOUNT; i < VEL_COLUMNS; i++)
	{
		if (f->attno[i] > 0 && !is_number(f->type[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s, but must be a number", t->column[i],
							format_type_be(f->type[i]))));
	}
}

EgFeed *
eg_feed_open(EgTracker *t, TupleDesc desc, const int *attno)
{
	EgFeed	   *f = palloc0(sizeof(EgFeed));
	int			i;

	f->tracker = t;
	for (i = 0; i < VEL_COLUMNS; i++)
	{
		f->attno[i] = attno[i];
		if (attno[i] > 0)
			f->type[i] = getBaseType(TupleDescAttr(desc, attno[i] - 1)->atttypid);
	}
	check_types(f, desc);
	f->keys = AllocSetContextCreate(CurrentMemoryContext, "engage velocity rows",
									ALLOCSET_DEFAULT_SIZES);
	f->batch = AllocSetContextCreate(CurrentMemoryContext, "engage velocity states",
									 ALLOCSET_DEFAULT_SIZES);
	f->most = GetCurrentTimestamp() + AHEAD;
	f->capacity = 16;
	f->rows = palloc(sizeof(FeedRow) * f->capacity);
	f->key = palloc(sizeof(Datum) * KEYS_AT_A_TIME);
	f->state = palloc(sizeof(Datum) * KEYS_AT_A_TIME);
	return f;
}

/* ----------
 * Writing
 * ----------
 */

static void
execute(EgFeed *f, SPIPlanPtr plan, Datum *values)
{
	int			code = SPI_execute_plan(plan, values, NULL, false, 0);

	if (code != SPI_OK_INSERT)
		elog(ERROR, "SPI failed in tracker \"%s\": %s", f->tracker->name,
			 SPI_result_code_string(code));
}

static void
write_batch(EgFeed *f)
{
	EgTracker  *t = f->tracker;
	Oid			array = get_array_type(t->keytype);
	Oid			types[2] = {t->keytype, BYTEAOID};
	Datum		values[2];
	int			i;

	/* unnest() of rows gives their columns */
	if (f->nkeys > 1 && OidIsValid(array) && !type_is_rowtype(t->keytype))
	{
		types[0] = array;
		types[1] = BYTEAARRAYOID;
		values[0] = PointerGetDatum(construct_array(f->key, f->nkeys, t->keytype, t->keylen,
													t->keybyval, t->keyalign));
		values[1] = PointerGetDatum(construct_array(f->state, f->nkeys, BYTEAOID, -1, false,
													TYPALIGN_INT));
		if (t->put_many == NULL)
			(void) eg_tracker_plan(t, &t->put_many, psprintf(
				"INSERT INTO %s AS r (key, state) SELECT d.k, d.s FROM ROWS FROM"
				" (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d (k, s)" ON_CONFLICT,
				t->table), 2, types);
		execute(f, t->put_many, values);
	}
	else
	{
		if (t->put_one == NULL)
			(void) eg_tracker_plan(t, &t->put_one, psprintf(
				"INSERT INTO %s AS r (key, state) VALUES ($1, $2)" ON_CONFLICT, t->table), 2,
				types);
		for (i = 0; i < f->nkeys; i++)
		{
			values[0] = f->key[i];
			values[1] = f->state[i];
			execute(f, t->put_one, values);
		}
	}
	f->keys_written += f->nkeys;
	f->nkeys = 0;
	MemoryContextReset(f->batch);
}

static int
compare_keys(const EgTracker *t, Datum a, Datum b)
{
	return DatumGetInt32(FunctionCall2Coll((FmgrInfo *) &t->compare, t->collation, a, b));
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const FeedRow *x = a;
	const FeedRow *y = b;
	int			order = compare_keys(arg, x->key, y->key);

	if (order == 0)
		order = (x->event.at > y->event.at) - (x->event.at < y->event.at);
	if (order == 0)
		order = (x->number > y->number) - (x->number < y->number);
	return order;
}

static void
write_rows(EgFeed *f)
{
	EgCells    *cells = palloc(sizeof(EgCells));
	int64		i = 0;

	if (f->n > 1)
		qsort_arg(f->rows, f->n, sizeof(FeedRow), compare_rows, f->tracker);
	while (i < f->n)
	{
		Datum		key = f->rows[i].key;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		eg_cells_init(cells);
		do
			eg_cells_add(cells, &f->rows[i++].event);
		while (i < f->n && compare_keys(f->tracker, f->rows[i].key, key) == 0);
		old = MemoryContextSwitchTo(f->batch);
		f->key[f->nkeys] = key;
		f->state[f->nkeys++] = PointerGetDatum(eg_cells_write(cells));
		if (f->nkeys == KEYS_AT_A_TIME || i == f->n)
			write_batch(f);
		MemoryContextSwitchTo(old);
	}
	pfree(cells);
	f->n = 0;
	MemoryContextReset(f->keys);
}

/* ----------
 * Rows
 * ----------
 */

static double
column_number(const EgFeed *f, int column, const Datum *values, const bool *nulls)
{
	int			attno = f->attno[column];
	double		x;

	if (attno == 0 || nulls[attno - 1])
		return NAN;
	x = number(f->type[column], values[attno - 1]);
	return isinf(x) && column == VEL_AMOUNT ? NAN : x;
}

static Datum
copy_key(EgFeed *f, Datum key)
{
	const EgTracker *t = f->tracker;
	MemoryContext old;

	if (t->keybyval)
		return key;
	old = MemoryContextSwitchTo(f->keys);
	if (t->keylen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_COPY(key));
	else
		key = datumCopy(key, false, t->keylen);
	MemoryContextSwitchTo(old);
	return key;
}

void
eg_feed_row(EgFeed *f, const Datum *values, const bool *nulls)
{
	FeedRow    *row;
	EgVelocityEvent e;
	int			key = f->attno[VEL_KEY] - 1;
	int			at = f->attno[VEL_AT] - 1;

	if (nulls[key] || nulls[at])
		return;
	e.at = DatumGetTimestampTz(values[at]);
	if (TIMESTAMP_IS_NOBEGIN(e.at))
		return;
	if (e.at > f->most)
	{
		f->ahead++;
		return;
	}
	e.amount = column_number(f, VEL_AMOUNT, values, nulls);
	e.lat = column_number(f, VEL_LAT, values, nulls);
	e.lon = column_number(f, VEL_LON, values, nulls);
	if (!isnan(e.lat) && !isnan(e.lon))
		eg_check_place(e.lat, e.lon);
	if (f->n == ROWS_AT_A_TIME)
		write_rows(f);
	if (f->n == f->capacity)
	{
		f->capacity *= 2;
		f->rows = repalloc_huge(f->rows, sizeof(FeedRow) * f->capacity);
	}
	row = &f->rows[f->n];
	row->key = copy_key(f, values[key]);
	row->number = f->n++;
	row->event = e;
}

int64
eg_feed_close(EgFeed *f)
{
	if (f->n > 0)
		write_rows(f);
	if (f->ahead > 0)
		ereport(WARNING,
				(errmsg("%lld events were left out of velocity tracker \"%s\"",
						(long long) f->ahead, f->tracker->name),
				 errdetail("Their times lie more than 10 minutes ahead of the server's clock.")));
	return f->keys_written;
}
