/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Does what a backend keeps still fit what it was made from?
 *
 * Versions are rows that never change, so most of what is kept cannot go stale by
 * itself.  What can change under it are the registry as a whole (DROP EXTENSION,
 * CREATE EXTENSION: ids begin anew) and the catalog: a type is dropped and made
 * again under its name, gets an attribute, a label, a constraint; a function is
 * replaced.  The server's own plans listen to invalidation messages; so does this,
 * once for all caches: a number goes up, and every entry carries the number of
 * when it was made.
 *
 * Messages about types and tables are looked at only when somebody has asked to
 * watch them, for every temporary table sends some.  Functions, operators, casts and
 * labels of enums change seldom and are found by too many ways: any of them counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "store/identity.h"

typedef struct Watched
{
	uint32		key;			/* a type's hash in the syscache, or a table's oid */
	uint64		seen;			/* eg_catalog_changes when its parts were last looked at */
} Watched;

uint64		eg_catalog_changes = 1;

static HTAB *types = NULL;
static HTAB *relations = NULL;

uint64
eg_registry_identity(void)
{
	Oid			namespace = get_namespace_oid("engage", true);
	Oid			relation = OidIsValid(namespace) ? get_relname_relid("artifact", namespace) :
		InvalidOid;

	return OidIsValid(relation) ? (uint64) namespace << 32 | relation : 0;
}

/* ----------
 * Messages; nothing in here may fail
 * ----------
 */

static void
any_change(Datum arg, int cache, uint32 hash)
{
	eg_catalog_changes++;
}

/* hash 0: the messages of some time were lost */
static void
type_change(Datum arg, int cache, uint32 hash)
{
	if (hash == 0 || hash_search(types, &hash, HASH_FIND, NULL) != NULL)
		eg_catalog_changes++;
}

static void
relation_change(Datum arg, Oid relation)
{
	if (!OidIsValid(relation) || hash_search(relations, &relation, HASH_FIND, NULL) != NULL)
		eg_catalog_changes++;
}

static HTAB *
make_table(const char *name)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(uint32);
	ctl.entrysize = sizeof(Watched);
	ctl.hcxt = CacheMemoryContext;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The callbacks are the session's; so they are registered last, and once. */
void
eg_catalog_listen(void)
{
	if (relations != NULL)
		return;
	if (types == NULL)
		types = make_table("engage watched types");
	relations = make_table("engage watched tables");
	CacheRegisterSyscacheCallback(PROCOID, any_change, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, any_change, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, any_change, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, any_change, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, type_change, (Datum) 0);
	CacheRegisterRelcacheCallback(relation_change, (Datum) 0);
}

/* ----------
 * Watching
 * ----------
 */

/* True: its parts have to be looked at, too. */
static bool
watch(HTAB *table, uint32 key)
{
	bool		found;
	Watched    *w = hash_search(table, &key, HASH_ENTER, &found);
	bool		again = !found || w->seen != eg_catalog_changes;

	w->seen = eg_catalog_changes;
	return again;
}

void
eg_watch_relation(Oid relation)
{
	eg_catalog_listen();
	(void) watch(relations, relation);
}

void
eg_watch_type(Oid type)
{
	HeapTuple	tuple;
	Form_pg_type form;
	Oid			part = InvalidOid;
	Oid			relation = InvalidOid;

	eg_catalog_listen();
	/* nobody changes the server's own */
	if (type < FirstNormalObjectId ||
		!watch(types, GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(type))))
		return;
	check_stack_depth();
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_type) GETSTRUCT(tuple);
	switch (form->typtype)
	{
		case TYPTYPE_DOMAIN:
			part = form->typbasetype;
			break;
		case TYPTYPE_COMPOSITE:
			relation = form->typrelid;
			break;
		case TYPTYPE_RANGE:
			part = get_range_subtype(type);
			break;
		case TYPTYPE_MULTIRANGE:
			part = get_multirange_range(type);
			break;
		default:
			part = form->typelem;
			break;
	}
	ReleaseSysCache(tuple);
	if (OidIsValid(part))
		eg_watch_type(part);
	if (OidIsValid(relation))
	{
		TupleDesc	desc;
		int			i;

		eg_watch_relation(relation);
		desc = lookup_rowtype_tupdesc_copy(type, -1);
		for (i = 0; i < desc->natts; i++)
		{
			if (!TupleDescAttr(desc, i)->attisdropped)
				eg_watch_type(TupleDescAttr(desc, i)->atttypid);
		}
		FreeTupleDesc(desc);
	}
}
