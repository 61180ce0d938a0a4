/*-------------------------------------------------------------------------
 *
 * velocity_track.c
 *	  Trackers come and go, and the trigger that feeds them.
 *
 * Table and trigger are made by ordinary commands, as the current user, so
 * that PostgreSQL's own rules say who may.  The trigger is made first: it
 * locks writers of the source out, and the rows that are there are read by a
 * newer snapshot than that; so no row is missed and none is counted twice.
 *
 * Whoever inserts events fires the trigger, and needs no rights on the rollup:
 * it is written as its owner, the way foreign keys do, restricted, with a
 * search_path that nobody can put anything into.  A trigger that somebody else
 * makes with the same function is refused: only the tracked table feeds its rollup.
 *
 * The rollup belongs to the owner of the source, also when a superuser tracks the
 * table of somebody else: what is in the rows, and in the way of reading them, has
 * no other rights than it had.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "store/registry.h"
#include "store/roles.h"
#include "store/velocity_private.h"

#define PREFIX			"engage_velocity_"
#define SUFFIX			"_velocity"
#define MAX_NAME		(NAMEDATALEN - 1 - (int) sizeof(PREFIX) + 1)
#define ROWS_AT_A_TIME	10000

static char *
trigger_name(const char *name)
{
	return psprintf(PREFIX "%s", name);
}

static char *
qualified(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* One command as the current user.  Within SPI. */
static void
command(const char *sql)
{
	int			code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "SPI failed in \"%s\": %s", sql, SPI_result_code_string(code));
}

/* As of now, not as of a snapshot that may be older than the trigger. */
static EgTracker *
latest_tracker(const char *name, MemoryContext until)
{
	EgTracker  *t;

	PushActiveSnapshot(GetLatestSnapshot());
	t = eg_tracker_get(name, until);
	PopActiveSnapshot();
	return t;
}

/* owner of a relation, which may differ from who called */
static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
require_owner(Oid relation)
{
	if (!has_privs_of_role(GetUserId(), owner_of(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", qualified(relation))));
}

typedef struct Stay
{
	Oid			user;
	int			security;
	int			guc_level;
} Stay;

/*
 * Become the owner of the rollup, restricted: nothing that was planted gets rights of
 * his beyond this.  An error needs no clean-up.
 */
static void
enter(Stay *s, const EgTracker *t)
{
	/* it is locked, so it stays what it is */
	Relation	rollup = eg_rollup_open(t, RowExclusiveLock);

	GetUserIdAndSecContext(&s->user, &s->security);
	SetUserIdAndSecContext(rollup->rd_rel->relowner, s->security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	if (strcmp(qualified(t->rollup), t->table) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("rollup table %s was renamed meanwhile", t->table)));
	table_close(rollup, NoLock);
	s->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

static void
leave(const Stay *s)
{
	AtEOXact_GUC(false, s->guc_level);
	SetUserIdAndSecContext(s->user, s->security);
}

/* ---------------------------------------------------------------------------
 * Making one
 * ---------------------------------------------------------------------------
 */

static void
check_spec(const EgTrackerSpec *spec)
{
	char		kind = get_rel_relkind(spec->source);
	int			i;

	if (spec->name[0] == '\0' || strlen(spec->name) > MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a velocity tracker's name has 1 to %d bytes, not %d", MAX_NAME,
						(int) strlen(spec->name))));
	if (kind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the source does not exist")));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a table", qualified(spec->source))));
	require_owner(spec->source);
	for (i = 0; i < VEL_COLUMNS; i++)
	{
		if (spec->column[i] && get_attnum(spec->source, spec->column[i]) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table %s does not exist", spec->column[i],
							qualified(spec->source))));
	}
	eg_key_type_check(spec->column[VEL_KEY],
					  getBaseType(get_atttype(spec->source, get_attnum(spec->source,
																	   spec->column[VEL_KEY]))));
	if ((spec->column[VEL_LAT] == NULL) != (spec->column[VEL_LON] == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a place needs both \"lat\" and \"lon\"")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("engage_velocity_track() needs isolation level READ COMMITTED"),
				 errdetail("Rows that were inserted since this transaction's snapshot would be missed.")));
}

/* The name is taken first: a second session that wants it waits here, and not in the catalog. */
static void
insert_row(const EgTrackerSpec *spec)
{
	EgVisit		v;
	char	   *user = GetUserNameFromId(GetUserId(), false);

	eg_role_note(user);
	eg_visit_begin(&v);
	if (eg_visit_write("SELECT c.oid IS NULL FROM engage.velocity_tracker t"
					   " LEFT JOIN pg_class c ON c.oid = t.source WHERE t.name = $1", "t",
					   spec->name) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("velocity tracker \"%s\" already exists", spec->name),
				 eg_visit_bool(0, 1) ?
				 errdetail("The table that it tracked has been dropped.") : 0,
				 errhint("SELECT engage_velocity_untrack('%s') removes it and its rollup.",
						 spec->name)));
	if (eg_visit_write("INSERT INTO engage.velocity_tracker (name, source, rollup, key, at, amount,"
					   " lat, lon, created_by) VALUES ($1, $2::oid, 0, $3, $4, $5, $6, $7, $8)"
					   " ON CONFLICT (name) DO NOTHING",
					   "tlnnnnnn", spec->name, (int64) spec->source,
					   spec->column[VEL_KEY], spec->column[VEL_AT], spec->column[VEL_AMOUNT],
					   spec->column[VEL_LAT], spec->column[VEL_LON], user) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("velocity tracker \"%s\" already exists", spec->name),
				 errdetail("Another session has made it meanwhile.")));
	eg_visit_end(&v);
}

/* Before this transaction ends, nobody else sees the row. */
static void
set_rollup(const EgTrackerSpec *spec, Oid rollup)
{
	EgVisit		v;

	eg_visit_begin(&v);
	eg_visit_write("UPDATE engage.velocity_tracker SET rollup = $2::oid WHERE name = $1", "tl",
				   spec->name, (int64) rollup);
	eg_visit_end(&v);
}

/* The rows that are there, by key and time, equal times as they were inserted.  Within SPI. */
static int64
fill(EgTracker *t)
{
	StringInfoData sql;
	int			attno[VEL_COLUMNS];
	SPIPlanPtr	plan;
	Portal		portal;
	EgFeed	   *feed = NULL;
	MemoryContext context = CurrentMemoryContext;
	int			n = 0;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < VEL_COLUMNS; i++)
	{
		attno[i] = t->column[i][0] != '\0' ? ++n : 0;
		if (attno[i] > 0)
			appendStringInfo(&sql, "%s s.%s", i > 0 ? "," : "SELECT",
							 quote_identifier(t->column[i]));
	}
	appendStringInfo(&sql, " FROM %s s ORDER BY 1, 2, s.tableoid, s.ctid", qualified(t->source));
	plan = SPI_prepare(sql.data, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI failed in tracker \"%s\": %s", t->name,
			 SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	for (;;)
	{
		SPITupleTable *table;
		Datum		values[VEL_COLUMNS];
		bool		nulls[VEL_COLUMNS];
		uint64		k;

		SPI_cursor_fetch(portal, true, ROWS_AT_A_TIME);
		table = SPI_tuptable;
		MemoryContextSwitchTo(context);
		if (feed == NULL)
			feed = eg_feed_open(t, table->tupdesc, attno);
		if (SPI_processed == 0)
			break;
		for (k = 0; k < table->numvals; k++)
		{
			heap_deform_tuple(table->vals[k], table->tupdesc, values, nulls);
			eg_feed_row(feed, values, nulls);
		}
		SPI_freetuptable(table);
	}
	SPI_cursor_close(portal);
	return eg_feed_close(feed);
}

/* The key column's type, that of a domain without it, and its collation. */
static char *
key_definition(const EgTrackerSpec *spec)
{
	Oid			type,
				collation;
	int32		typmod;
	char	   *name;

	get_atttypetypmodcoll(spec->source, get_attnum(spec->source, spec->column[VEL_KEY]), &type,
						  &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	name = format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN |
								FORMAT_TYPE_FORCE_QUALIFY);
	if (!OidIsValid(collation) || collation == get_typcollation(type))
		return name;
	return psprintf("%s COLLATE %s", name, generate_collation_name(collation));
}

int64
eg_velocity_track(const EgTrackerSpec *spec)
{
	char	   *source;
	char	   *rollup;
	char	   *schema;
	char	   *comment;
	Oid			rollup_oid;
	Oid			owner;
	EgTracker  *t;
	Stay		stay;
	int64		keys;

	check_spec(spec);
	owner = owner_of(spec->source);
	insert_row(spec);
	source = qualified(spec->source);
	schema = get_namespace_name(get_rel_namespace(spec->source));
	rollup = quote_qualified_identifier(schema, psprintf("%s" SUFFIX, spec->name));

	SPI_connect();
	command(psprintf("CREATE TRIGGER %s AFTER INSERT ON %s REFERENCING NEW TABLE AS engage_rows"
					 " FOR EACH STATEMENT EXECUTE FUNCTION %s.engage_velocity_feed(%s)",
					 quote_identifier(trigger_name(spec->name)), source, spec->functions,
					 quote_literal_cstr(spec->name)));
	command(psprintf("CREATE TABLE %s (key %s, state pg_catalog.bytea NOT NULL)"
					 " WITH (fillfactor = 70, toast_tuple_target = 8160)", rollup,
					 key_definition(spec)));
	command(psprintf("ALTER TABLE %s ADD PRIMARY KEY (key)", rollup));
	comment = psprintf("velocity of %s by %s, read by engage_velocity_state()", source,
					   spec->column[VEL_KEY]);
	command(psprintf("COMMENT ON TABLE %s IS %s", rollup, quote_literal_cstr(comment)));
	rollup_oid = get_relname_relid(psprintf("%s" SUFFIX, spec->name),
								   get_namespace_oid(schema, false));
	if (owner != GetUserId())
		command(psprintf("ALTER TABLE %s OWNER TO %s", rollup,
						 quote_identifier(GetUserNameFromId(owner, false))));
	set_rollup(spec, rollup_oid);
	CommandCounterIncrement();
	t = latest_tracker(spec->name, CurrentMemoryContext);
	enter(&stay, t);
	keys = fill(t);
	leave(&stay);
	SPI_finish();
	return keys;
}

void
eg_velocity_untrack(const char *name)
{
	EgVisit		v;
	Oid			source,
				rollup;
	bool		isnull;
	Oid			trigger;

	eg_visit_begin(&v);
	if (eg_visit_write("SELECT source::oid, rollup::oid, pg_has_role($2::oid, r.oid, 'USAGE')"
					   " FROM engage.velocity_tracker t LEFT JOIN pg_roles r"
					   " ON r.rolname = t.created_by AND engage.role_missing(r.rolname) IS NULL WHERE name = $1 FOR UPDATE OF t", "tl", name,
					   (int64) v.user) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("velocity tracker \"%s\" does not exist", eg_clip(name, 128))));
	source = DatumGetObjectId(eg_visit_datum(0, 1, &isnull));
	rollup = DatumGetObjectId(eg_visit_datum(0, 2, &isnull));
	if (get_rel_name(rollup) == NULL && !eg_visit_bool(0, 3) && !superuser_arg(v.user))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of velocity tracker \"%s\"", name)));
	eg_visit_end(&v);

	if (get_rel_name(rollup))
		require_owner(rollup);
	SPI_connect();
	trigger = get_rel_name(source) ? get_trigger_oid(source, trigger_name(name), true) :
		InvalidOid;
	if (OidIsValid(trigger))
		command(psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger_name(name)),
						 qualified(source)));
	if (get_rel_name(rollup))
		command(psprintf("DROP TABLE %s", qualified(rollup)));
	SPI_finish();

	eg_visit_begin(&v);
	eg_visit_write("DELETE FROM engage.velocity_tracker WHERE name = $1", "t", name);
	eg_visit_end(&v);
}

/* ---------------------------------------------------------------------------
 * The trigger
 * ---------------------------------------------------------------------------
 */

static void
find_columns(const EgTracker *t, TupleDesc desc, int *attno)
{
	int			i,
				k;

	for (i = 0; i < VEL_COLUMNS; i++)
	{
		attno[i] = 0;
		for (k = 0; k < desc->natts && t->column[i][0] != '\0'; k++)
		{
			if (!TupleDescAttr(desc, k)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(desc, k)->attname), t->column[i]) == 0)
				attno[i] = k + 1;
		}
		if (attno[i] == 0 && t->column[i][0] != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" that velocity tracker \"%s\" reads does not exist",
							t->column[i], t->name),
					 errhint("Track again: engage_velocity_untrack('%s'), then engage_velocity_track().",
							 t->name)));
	}
}

void
eg_velocity_feed(TriggerData *data)
{
	Tuplestorestate *rows = data->tg_newtable;
	Relation	source = data->tg_relation;
	TupleTableSlot *slot;
	EgTracker  *t;
	EgFeed	   *feed;
	int			attno[VEL_COLUMNS];
	Stay		stay;

	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) || rows == NULL ||
		data->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("engage_velocity_feed() belongs into a trigger that engage_velocity_track() makes")));
	SPI_connect();
	t = latest_tracker(data->tg_trigger->tgargs[0], CurrentMemoryContext);
	if (t->source != RelationGetRelid(source) ||
		strcmp(data->tg_trigger->tgname, trigger_name(t->name)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("velocity tracker \"%s\" is not fed by trigger \"%s\" of table \"%s\"", t->name,
						data->tg_trigger->tgname, RelationGetRelationName(source))));
	find_columns(t, RelationGetDescr(source), attno);

	enter(&stay, t);
	feed = eg_feed_open(t, RelationGetDescr(source), attno);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(source), &TTSOpsMinimalTuple);
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		slot_getallattrs(slot);
		eg_feed_row(feed, slot->tts_values, slot->tts_isnull);
	}
	ExecDropSingleTupleTableSlot(slot);
	(void) eg_feed_close(feed);
	leave(&stay);
	SPI_finish();
}
