/*-------------------------------------------------------------------------
 *
 * velocity_state.c
 *	  Trackers of this backend, and reading the velocity of a key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/sphere.h"
#include "store/identity.h"
#include "store/key.h"
#include "store/registry.h"
#include "store/velocity_private.h"

/* A tracker, and the call sites that hold it. */
typedef struct Entry
{
	EgTracker	tracker;		/* must be first */
	MemoryContext context;
	MemoryContextCallback cleanup;
	int			pins;
	bool		listed;			/* in entries; else it goes with its last pin */
	struct Entry *next;
} Entry;

typedef struct Pin
{
	MemoryContextCallback callback;
	Entry	   *entry;
} Pin;

static Entry *entries = NULL;

/* ---------------------------------------------------------------------------
 * Trackers
 * ---------------------------------------------------------------------------
 */

static void pg_attribute_noreturn()
unknown_tracker(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("velocity tracker \"%s\" does not exist", eg_clip(name, 128)),
			 errhint("The view engage.velocity_trackers lists them; engage_velocity_track() makes one.")));
}

/* The qualified name of a table, or NULL when it is gone. */
static char *
table_name(Oid table)
{
	char	   *name = get_rel_name(table);
	char	   *schema = name ? get_namespace_name(get_rel_namespace(table)) : NULL;

	return schema ? quote_qualified_identifier(schema, name) : NULL;
}

static void
free_plans(void *arg)
{
	EgTracker  *t = arg;

	if (t->put_one)
		SPI_freeplan(t->put_one);
	if (t->put_many)
		SPI_freeplan(t->put_many);
}

static bool
read_row(EgTracker *t, const char *name)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	bool		found;
	bool		isnull;
	EgVisit		v;
	int			i;

	eg_visit_begin_fast(&v);
	found = eg_visit_saved(&plan, "SELECT t.source::pg_catalog.oid, t.rollup::pg_catalog.oid,"
						   " t.key::pg_catalog.text, t.at::pg_catalog.text,"
						   " t.amount::pg_catalog.text, t.lat::pg_catalog.text,"
						   " t.lon::pg_catalog.text FROM engage.velocity_tracker t"
						   " WHERE t.name OPERATOR(pg_catalog.=) $1", 1, &type, &value, 1) > 0;
	if (found)
	{
		t->source = DatumGetObjectId(eg_visit_datum(0, 1, &isnull));
		t->rollup = DatumGetObjectId(eg_visit_datum(0, 2, &isnull));
		for (i = 0; i < VEL_COLUMNS; i++)
		{
			char	   *column = eg_visit_text(&v, 0, 3 + i);

			strlcpy(t->column[i], column ? column : "", NAMEDATALEN);
		}
	}
	eg_visit_end(&v);
	return found;
}

static void
describe_key(EgTracker *t)
{
	AttrNumber	attno = get_attnum(t->rollup, "key");
	int32		typmod;

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("rollup table %s has no column \"key\"", t->table)));
	get_atttypetypmodcoll(t->rollup, attno, &t->keytype, &typmod, &t->collation);
	eg_watch_type(t->keytype);
	eg_key_type_check("key", t->keytype);
	get_typlenbyvalalign(t->keytype, &t->keylen, &t->keybyval, &t->keyalign);
	getTypeInputInfo(t->keytype, &t->input, &t->ioparam);
	fmgr_info_cxt(lookup_type_cache(t->keytype, TYPECACHE_CMP_PROC)->cmp_proc, &t->compare,
				  CurrentMemoryContext);
}

static Entry *
load(const char *name)
{
	uint64		registry = eg_registry_identity();
	uint64		changes = eg_catalog_changes;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage velocity tracker",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Entry	   *e = palloc0(sizeof(Entry));
	EgTracker  *t = &e->tracker;

	e->context = context;
	strlcpy(t->name, name, NAMEDATALEN);
	t->registry = registry;
	t->changes = changes;
	if (!read_row(t, name))
		unknown_tracker(name);
	eg_watch_relation(t->rollup);
	t->table = table_name(t->rollup);
	if (t->table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the rollup table of velocity tracker \"%s\" does not exist", name),
				 errhint("Remove what is left with engage_velocity_untrack('%s').", name)));
	describe_key(t);
	e->cleanup.func = free_plans;
	e->cleanup.arg = t;
	MemoryContextRegisterResetCallback(context, &e->cleanup);
	MemoryContextSwitchTo(old);

	/* from here on nothing fails */
	MemoryContextSetParent(context, CacheMemoryContext);
	e->listed = true;
	e->next = entries;
	entries = e;
	return e;
}

static void
give_up_stale(void)
{
	uint64		registry = eg_registry_identity();
	Entry	  **p = &entries;

	while (*p)
	{
		Entry	   *e = *p;

		if (e->tracker.changes == eg_catalog_changes && e->tracker.registry == registry)
		{
			p = &e->next;
			continue;
		}
		*p = e->next;
		e->listed = false;
		if (e->pins == 0)
			MemoryContextDelete(e->context);
	}
}

static void
unpin(void *arg)
{
	Entry	   *e = ((Pin *) arg)->entry;

	if (--e->pins == 0 && !e->listed)
		MemoryContextDelete(e->context);
}

EgTracker *
eg_tracker_get(const char *name, MemoryContext until)
{
	Entry	   *e;
	Pin		   *pin;
	char	   *table;

	if (strlen(name) >= NAMEDATALEN)
		unknown_tracker(name);
	eg_catalog_listen();
	give_up_stale();
	for (e = entries; e && strcmp(e->tracker.name, name) != 0; e = e->next)
		;
	/* its schema may have been renamed, which is no change of the table */
	table = e ? table_name(e->tracker.rollup) : NULL;
	if (e && (table == NULL || strcmp(table, e->tracker.table) != 0))
	{
		eg_catalog_changes++;
		give_up_stale();
		e = NULL;
	}
	if (e == NULL)
		e = load(name);
	pin = MemoryContextAlloc(until, sizeof(Pin));
	pin->entry = e;
	pin->callback.func = unpin;
	pin->callback.arg = pin;
	e->pins++;
	MemoryContextRegisterResetCallback(until, &pin->callback);
	return &e->tracker;
}

SPIPlanPtr
eg_tracker_plan(EgTracker *t, SPIPlanPtr *plan, const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr	fresh;

	if (*plan)
		return *plan;
	fresh = SPI_prepare(sql, nargs, types);
	if (fresh == NULL || SPI_keepplan(fresh) != 0)
		elog(ERROR, "SPI failed in tracker \"%s\": %s", t->name,
			 SPI_result_code_string(SPI_result));
	*plan = fresh;
	return fresh;
}

/* ---------------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------------
 */

/* A value of any type as the key's: as it stands, or by way of the text of a key. */
static Datum
key_value(const EgTracker *t, Datum key, Oid keytype)
{
	EgKey	   *k;
	Oid			output;
	bool		varlena;
	char	   *text;

	if (keytype == t->keytype || IsBinaryCoercible(keytype, t->keytype))
		return key;
	k = eg_key_create("key", "key", keytype, InvalidOid, true);
	if (eg_key_is_readable(k))
		text = eg_key_string(k, key);
	else
	{
		getTypeOutputInfo(keytype, &output, &varlena);
		text = OidOutputFunctionCall(output, key);
	}
	return OidInputFunctionCall(t->input, text, t->ioparam, -1);
}

/* The cells of a key; false when it has no row. */
static bool
read_cells(const char *name, Datum key, Oid keytype, EgCells *cells)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "engage velocity",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	EgTracker  *t = eg_tracker_get(name, own);
	bytea	   *state = eg_rollup_find(t, key_value(t, key, keytype));

	if (state)
		eg_cells_read(cells, state);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(own);
	return state != NULL;
}

static void
check_time(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("event time is \"%s\"", timestamptz_to_str(at))));
}

bool
eg_velocity_read(const char *name, Datum key, Oid keytype, TimestampTz as_of, EgVelocity *out)
{
	EgCells    *cells = palloc(sizeof(EgCells));

	check_time(as_of);
	eg_cells_init(cells);
	(void) read_cells(name, key, keytype, cells);
	eg_cells_result(cells, as_of, out);
	pfree(cells);
	return out->known;
}

bool
eg_velocity_read_with(const char *name, Datum key, Oid keytype, const EgVelocityEvent *event,
					  EgVelocity *out)
{
	EgCells    *cells = palloc(sizeof(EgCells));
	bool		known;

	check_time(event->at);
	if (!isnan(event->lat) && !isnan(event->lon))
		eg_check_place(event->lat, event->lon);
	eg_cells_init(cells);
	known = read_cells(name, key, keytype, cells);
	eg_cells_add(cells, event);
	eg_cells_result(cells, event->at, out);
	pfree(cells);
	return known;
}
