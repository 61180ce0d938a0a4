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
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/sphere.h"
#include "store/registry.h"
#include "store/velocity_private.h"

static HTAB *trackers = NULL;

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
forget_plans(EgTracker *t)
{
	SPIPlanPtr *plans[] = {&t->read, &t->put_one, &t->put_many};
	int			i;

	for (i = 0; i < lengthof(plans); i++)
	{
		if (*plans[i])
			SPI_freeplan(*plans[i]);
		*plans[i] = NULL;
	}
	if (t->table)
		pfree(t->table);
	t->table = NULL;
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
	TypeCacheEntry *type;
	int32		typmod;

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("rollup table %s has no column \"key\"", table_name(t->rollup))));
	get_atttypetypmodcoll(t->rollup, attno, &t->keytype, &typmod, &t->collation);
	get_typlenbyvalalign(t->keytype, &t->keylen, &t->keybyval, &t->keyalign);
	getTypeInputInfo(t->keytype, &t->input, &t->ioparam);
	type = lookup_type_cache(t->keytype, TYPECACHE_CMP_PROC);
	if (!OidIsValid(type->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("values of type %s cannot be sorted", format_type_be(t->keytype))));
	fmgr_info_cxt(type->cmp_proc, &t->compare, CacheMemoryContext);
}

EgTracker *
eg_tracker_get(const char *name)
{
	Oid			registry = get_relname_relid("velocity_tracker",
											 get_namespace_oid("engage", false));
	char	   *table;
	EgTracker  *t;
	bool		found;

	if (strlen(name) >= NAMEDATALEN)
		unknown_tracker(name);
	if (trackers == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = NAMEDATALEN;
		ctl.entrysize = sizeof(EgTracker);
		trackers = hash_create("engage velocity trackers", 16, &ctl, HASH_ELEM | HASH_STRINGS);
	}
	t = hash_search(trackers, name, HASH_FIND, NULL);
	table = t && t->registry == registry && t->table ? table_name(t->rollup) : NULL;
	if (table && strcmp(table, t->table) == 0)
		return t;

	/* unknown, gone, or renamed */
	t = hash_search(trackers, name, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) t + NAMEDATALEN, 0, sizeof(EgTracker) - NAMEDATALEN);
	}
	forget_plans(t);
	if (!read_row(t, name))
		unknown_tracker(name);
	table = table_name(t->rollup);
	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the rollup table of velocity tracker \"%s\" does not exist", name),
				 errhint("Remove what is left with engage_velocity_untrack('%s').", name)));
	describe_key(t);
	t->registry = registry;
	t->table = MemoryContextStrdup(CacheMemoryContext, table);
	return t;
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

/* A value of any type as the key's: as it stands, or by way of its text. */
static Datum
key_value(const EgTracker *t, Datum key, Oid keytype)
{
	Oid			output;
	bool		varlena;
	char	   *text;

	if (keytype == t->keytype || IsBinaryCoercible(keytype, getBaseType(t->keytype)))
		return key;
	getTypeOutputInfo(keytype, &output, &varlena);
	text = OidOutputFunctionCall(output, key);
	return OidInputFunctionCall(t->input, text, t->ioparam, -1);
}

/* key = $1 with the equality that the primary key has */
static char *
read_query(const EgTracker *t)
{
	TypeCacheEntry *type = lookup_type_cache(t->keytype, TYPECACHE_EQ_OPR);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(type->eq_opr));
	Form_pg_operator form;
	char	   *sql;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "type %u has no equality", t->keytype);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	sql = psprintf("SELECT r.state FROM %s r WHERE r.key OPERATOR(%s.%s) $1", t->table,
				   quote_identifier(get_namespace_name(form->oprnamespace)),
				   NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return sql;
}

/* The cells of a key; false when it has no row. */
static bool
read_cells(const char *name, Datum key, Oid keytype, EgCells *cells)
{
	EgTracker  *t = eg_tracker_get(name);
	Datum		value = key_value(t, key, keytype);
	bool		isnull = true;
	Datum		state;
	int			code;

	SPI_connect();
	if (t->read == NULL)
		(void) eg_tracker_plan(t, &t->read, read_query(t), 1, &t->keytype);
	code = SPI_execute_plan(t->read, &value, NULL, true, 1);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "SPI failed in tracker \"%s\": %s", name, SPI_result_code_string(code));
	if (SPI_processed > 0)
	{
		state = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			eg_cells_read(cells, PG_DETOAST_DATUM(state));
	}
	SPI_finish();
	return !isnull;
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
