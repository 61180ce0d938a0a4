/*-------------------------------------------------------------------------
 *
 * counters.c
 *	  How much each version is used, added up for the whole server.
 *
 * The counters are in a segment of dynamic shared memory that outlives the
 * sessions.  Without a preloaded library nobody has made it when the first
 * session scores; so that session does, and leaves its handle behind a door: a
 * few bytes of the main shared memory, found by name (as contrib/pg_prewarm did).
 * There is no file that could be damaged, nothing is written to tables, so it
 * works on a standby and in parallel workers, and after a crash the server begins
 * with fresh memory: counters start at 0 with the server, like its own.
 *
 * A counter has a spinlock for the moment of an addition, which happens once a
 * call or every EG_TALLY_ROWS rows.  Counters are found by database, registry and
 * version, by hashing and a short walk.  Where the walk finds no free one, the
 * counter that was not touched for longest is given away: nothing has to be
 * removed when a model, the extension or a database is dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "engage.h"
#include "store/counters.h"
#include "store/identity.h"
#include "store/registry.h"

/* of all databases; 147 kB */
#define COUNTERS		2048
#define LONGEST_WALK	32

/* the number goes up when the layout changes: an old library may still be in use */
#define DOOR_NAME		"engage counters 1"

typedef struct Key
{
	Oid			database;
	Oid			registry;		/* engage.artifact: version ids begin anew with the extension */
	int64		version;
} Key;

typedef struct Counter
{
	slock_t		mutex;			/* for all below; the key needs the table's, too, to change */
	Key			key;			/* database 0: free */
	TimestampTz last;
	int64		calls;
	int64		rows;
	int64		errors;
	int64		logged;
	double		seconds;
} Counter;

typedef struct Table
{
	slock_t		mutex;			/* to give a counter away */
	TimestampTz since;
	Counter		counters[COUNTERS];
} Table;

typedef struct Door
{
	dsm_handle	handle;
} Door;

typedef struct OpenTally
{
	EgTally		tally;
	MemoryContextCallback callback;
} OpenTally;

uint32		eg_tally_clock = 0;

static Table *table = NULL;
static bool tried = false;

/* ----------
 * The segment
 * ----------
 */

static void
forget_table(dsm_segment *segment, Datum arg)
{
	table = NULL;
}

static Table *
make_table(Door *door)
{
	dsm_segment *segment = NULL;
	Table	   *t;
	int			i;

	if (door->handle != DSM_HANDLE_INVALID)
		segment = dsm_attach(door->handle);
	if (segment != NULL)
		t = dsm_segment_address(segment);
	else
	{
		segment = dsm_create(sizeof(Table), DSM_CREATE_NULL_IF_MAXSEGMENTS);
		if (segment == NULL)
			return NULL;
		t = dsm_segment_address(segment);
		memset(t, 0, sizeof(Table));
		SpinLockInit(&t->mutex);
		for (i = 0; i < COUNTERS; i++)
			SpinLockInit(&t->counters[i].mutex);
		t->since = GetCurrentTimestamp();
		dsm_pin_segment(segment);
		door->handle = dsm_segment_handle(segment);
	}
	on_dsm_detach(segment, forget_table, (Datum) 0);
	return t;
}

/*
 * Once a session.  Counting must not keep anyone from scoring: where memory is short,
 * this session does without.  An error in here is one of memory, raised while no lock
 * is held but ours, so that it can be dropped without a subtransaction, which a parallel
 * worker may not have.
 */
static void
attach(void)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context = CurrentMemoryContext;
	uint32		holdoff = InterruptHoldoffCount;

	tried = true;
	if (!IsUnderPostmaster)
		return;
	eg_tally_clock = murmurhash32((uint32) MyProcPid);
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	PG_TRY();
	{
		bool		found;
		Door	   *door = ShmemInitStruct(DOOR_NAME, sizeof(Door), &found);

		if (!found)
			door->handle = DSM_HANDLE_INVALID;
		/* the mapping is the session's, not the transaction's */
		CurrentResourceOwner = NULL;
		table = make_table(door);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		/* the error has forgotten that a lock is held */
		InterruptHoldoffCount = holdoff + 1;
		table = NULL;
		ereport(LOG,
				(errmsg("scoring is not counted in this session: %s", error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	LWLockRelease(AddinShmemInitLock);
}

/* ----------
 * Counters
 * ----------
 */

static inline bool
same_key(const Key *a, const Key *b)
{
	return a->version == b->version && a->registry == b->registry && a->database == b->database;
}

static Key
key_of(const EgCompiled *model)
{
	Key			key;

	key.database = MyDatabaseId;
	key.registry = (Oid) model->registry;
	key.version = model->version_id;
	return key;
}

static inline Counter *
walk(const Key *key, int step)
{
	uint32		h = murmurhash32((uint32) key->version ^ (uint32) (key->version >> 32));

	h = murmurhash32(h ^ murmurhash32(key->registry ^ murmurhash32(key->database)));
	return &table->counters[(h + step) % COUNTERS];
}

/* The key's counter; without a lock, so the caller has to look at the key again. */
static Counter *
find(const Key *key)
{
	int			i;

	for (i = 0; i < LONGEST_WALK; i++)
	{
		Counter    *c = walk(key, i);

		if (same_key(&c->key, key))
			return c;
	}
	return NULL;
}

/* The same, or a free one made the key's, or the one that was not used for longest. */
static Counter *
claim(const Key *key)
{
	Counter    *c;
	Counter    *oldest = NULL;
	int			i;

	SpinLockAcquire(&table->mutex);
	c = find(key);
	if (c == NULL)
	{
		for (i = 0; i < LONGEST_WALK; i++)
		{
			c = walk(key, i);
			if (c->key.database == InvalidOid)
			{
				oldest = c;
				break;
			}
			if (oldest == NULL || c->last < oldest->last)
				oldest = c;
		}
		c = oldest;
		SpinLockAcquire(&c->mutex);
		c->key = *key;
		c->last = GetCurrentStatementStartTimestamp();
		c->calls = c->rows = c->errors = c->logged = 0;
		c->seconds = 0;
		SpinLockRelease(&c->mutex);
	}
	SpinLockRelease(&table->mutex);
	return c;
}

void
eg_tally_flush(EgTally *t)
{
	Key			key = key_of(t->model);
	bool		added = table == NULL || (t->begun == 0 && t->logged == 0);
	int			tries;

	/* the counter found may be given away before it is locked: that does not happen twice */
	for (tries = 0; !added && tries < 3; tries++)
	{
		Counter    *c = find(&key);

		if (c == NULL)
			c = claim(&key);
		SpinLockAcquire(&c->mutex);
		if (same_key(&c->key, &key))
		{
			c->last = Max(c->last, GetCurrentStatementStartTimestamp());
			c->calls += t->called ? 0 : 1;
			c->rows += t->done;
			c->errors += t->begun - t->done;
			c->logged += t->logged;
			c->seconds += t->seconds;
			added = true;
		}
		SpinLockRelease(&c->mutex);
	}
	t->called = t->called || t->begun > 0;
	t->begun = t->done = t->logged = 0;
	t->seconds = 0;
}

void
eg_tally_time(EgTally *t)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, t->start);
	t->seconds += EG_TALLY_TIMED * INSTR_TIME_GET_DOUBLE(now);
}

static void
close_tally(void *arg)
{
	eg_tally_flush(arg);
}

EgTally *
eg_tally_open(EgCompiled *model, MemoryContext context)
{
	OpenTally  *o;

	if (!eg_track_scoring)
		return NULL;
	if (!tried)
		attach();
	if (table == NULL)
		return NULL;
	o = MemoryContextAllocZero(context, sizeof(OpenTally));
	o->tally.model = model;
	o->callback.func = close_tally;
	o->callback.arg = &o->tally;
	MemoryContextRegisterResetCallback(context, &o->callback);
	return &o->tally;
}

/* ----------
 * Reading
 * ----------
 */

static int
compare_versions(const void *a, const void *b)
{
	int64		x = ((const Counter *) a)->key.version;
	int64		y = ((const Counter *) b)->key.version;

	return x < y ? -1 : x > y;
}

/* Copies of this database's counters, by version. */
static Counter *
copy_counters(Oid registry, int *n)
{
	Counter    *copies = palloc(sizeof(Counter) * COUNTERS);
	int			i;

	*n = 0;
	for (i = 0; i < COUNTERS; i++)
	{
		Counter    *c = &table->counters[i];

		if (c->key.database != MyDatabaseId)
			continue;
		SpinLockAcquire(&c->mutex);
		copies[*n] = *c;
		SpinLockRelease(&c->mutex);
		if (copies[*n].key.database == MyDatabaseId && copies[*n].key.registry == registry)
			++*n;
	}
	qsort(copies, *n, sizeof(Counter), compare_versions);
	return copies;
}

EgCounter *
eg_counters(int *n, TimestampTz *since)
{
	Oid			registry = (Oid) eg_registry_identity();
	EgCounter  *result;
	Counter    *counters;
	SPITupleTable *rows;
	EgVisit		visit;
	bool		all = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
	int			ncounters;
	uint64		nrows,
				i;

	*n = 0;
	*since = 0;
	if (!tried)
		attach();
	if (table == NULL)
		return NULL;
	*since = table->since;
	counters = copy_counters(registry, &ncounters);
	if (ncounters == 0)
		return NULL;
	result = palloc(sizeof(EgCounter) * ncounters);

	eg_visit_begin(&visit);
	nrows = eg_visit_read("SELECT v.id, m.id, m.name, pg_catalog.concat_ws('.', v.major, v.minor,"
						  " v.patch), m.owner FROM engage.version v"
						  " JOIN engage.model m ON m.id = v.model_id", "");
	rows = SPI_tuptable;
	for (i = 0; i < nrows; i++)
	{
		Counter		wanted;
		Counter    *c;
		EgCounter  *r = &result[*n];
		bool		isnull;
		int64		model;

		wanted.key.version = DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1,
														 &isnull));
		c = bsearch(&wanted, counters, ncounters, sizeof(Counter), compare_versions);
		if (c == NULL)
			continue;
		model = DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		if (!all && !eg_models_allowed(visit.user, model,
									   SPI_getvalue(rows->vals[i], rows->tupdesc, 5),
									   EG_PRIV_USE))
			continue;
		r->model = MemoryContextStrdup(visit.caller, SPI_getvalue(rows->vals[i], rows->tupdesc, 3));
		r->version = MemoryContextStrdup(visit.caller,
										 SPI_getvalue(rows->vals[i], rows->tupdesc, 4));
		r->calls = c->calls;
		r->rows = c->rows;
		r->errors = c->errors;
		r->logged = c->logged;
		r->seconds = c->seconds;
		r->last = c->last;
		++*n;
	}
	eg_visit_end(&visit);
	return result;
}
