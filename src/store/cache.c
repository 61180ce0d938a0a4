/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Compiled models of this backend.
 *
 * A version never changes and its id is never given again, so nothing has to
 * be invalidated: an entry is right until it is thrown out to make room.  Only
 * DROP EXTENSION starts the ids again; so the key holds the registry, too, and
 * what is left of another one goes when a new one is seen.
 *
 * Each entry lives in a context of its own, made below the caller's and moved
 * below the cache's when it is complete: an error while loading frees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engage.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "store/cache.h"
#include "store/identity.h"
#include "store/registry.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

typedef struct CacheKey
{
	int64		version_id;
	uint64		registry;
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;			/* hash key, must be first */
	EgCompiled *compiled;
	MemoryContext context;
	Size		size;
	int			pins;
	dlist_node	node;			/* in by_use */
} CacheEntry;

typedef struct CachePin
{
	MemoryContextCallback callback;
	CacheEntry *entry;
} CachePin;

static HTAB *entries = NULL;
static dlist_head by_use = DLIST_STATIC_INIT(by_use);	/* most recently used first */
static Size total_size = 0;
static MemoryContext cache_context = NULL;
static uint64 last_registry = 0;

static void
cache_create(void)
{
	HASHCTL		ctl = {0};

	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "engage models",
											  ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(CacheKey);
	ctl.entrysize = sizeof(CacheEntry);
	ctl.hcxt = cache_context;
	entries = hash_create("engage models", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
unpin(void *arg)
{
	CachePin   *pin = arg;

	Assert(pin->entry->pins > 0);
	pin->entry->pins--;
}

/* The callback goes when `until` is reset, on error as well. */
static void
pin(CacheEntry *entry, MemoryContext until)
{
	CachePin   *p = MemoryContextAlloc(until, sizeof(CachePin));

	p->entry = entry;
	p->callback.func = unpin;
	p->callback.arg = p;
	entry->pins++;
	MemoryContextRegisterResetCallback(until, &p->callback);
}

void
eg_cache_trim(Size limit)
{
	dlist_node *node = dlist_is_empty(&by_use) ? NULL : dlist_tail_node(&by_use);

	while (node != NULL && total_size > limit)
	{
		CacheEntry *entry = dlist_container(CacheEntry, node, node);

		node = dlist_has_prev(&by_use, node) ? dlist_prev_node(&by_use, node) : NULL;
		if (entry->pins > 0)
			continue;
		dlist_delete(&entry->node);
		total_size -= entry->size;
		MemoryContextDelete(entry->context);
		hash_search(entries, &entry->key, HASH_REMOVE, NULL);
	}
}

static void
load_error_context(void *arg)
{
	EgVersionRow **row = arg;

	if (*row != NULL)
		errcontext("while loading version %d.%d.%d of model \"%s\"",
				   (*row)->major, (*row)->minor, (*row)->patch, (*row)->model);
}

/* All in CurrentMemoryContext, which becomes the entry's; the bytes go to scratch. */
static EgCompiled *
load(int64 version_id, MemoryContext scratch, EgVersionRow **loading)
{
	EgCompiled *c = palloc0(sizeof(EgCompiled));
	MemoryContext own = MemoryContextSwitchTo(scratch);
	EgVersionRow *row = eg_models_version_by_id(version_id);
	EgArtifactPart *parts;
	char	   *partition_by;

	if (row->id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version " INT64_FORMAT " of a model was dropped meanwhile", version_id)));
	*loading = row;
	parts = eg_models_artifacts(version_id, false, &c->nparts);
	if (!eg_jsonb_number(row->data, "threshold", &c->threshold) &&
		!eg_jsonb_number(row->metrics, "threshold", &c->threshold))
		c->threshold = 0.5;
	partition_by = eg_jsonb_text(row->recipe, "partition_by");

	MemoryContextSwitchTo(own);
	c->version_id = version_id;
	c->model = pstrdup(row->model);
	c->version = eg_version_text(row);
	c->partition_column = partition_by ? pstrdup(partition_by) : NULL;
	c->parts = palloc(c->nparts * sizeof(EgArtifact *));
	c->values = palloc0(c->nparts * sizeof(char *));
	for (int i = 0; i < c->nparts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		c->parts[i] = eg_artifact_load(parts[i].bytes, parts[i].len);
		pfree(parts[i].bytes);
		if (parts[i].value != NULL)
			c->values[i] = pstrdup(parts[i].value);
	}
	c->task = c->parts[0]->task;
	c->width = c->parts[0]->algorithm->width(c->parts[0]->model);
	for (int i = 1; i < c->nparts; i++)
	{
		if (c->parts[i]->task != c->task ||
			c->parts[i]->algorithm->width(c->parts[i]->model) != c->width)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("part %d of model \"%s\" has another kind of output than part 0",
							i, c->model)));
	}
	return c;
}

static CacheEntry *
add_entry(const CacheKey *key)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext scratch =
		AllocSetContextCreate(caller, "engage artifact", ALLOCSET_DEFAULT_SIZES);
	ErrorContextCallback callback;
	EgVersionRow *row = NULL;
	EgCompiled *compiled;
	CacheEntry *entry;

	callback.callback = load_error_context;
	callback.arg = &row;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	MemoryContextSwitchTo(context);
	compiled = load(key->version_id, scratch, &row);
	MemoryContextSetIdentifier(context, psprintf("%s@%s", compiled->model, compiled->version));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	error_context_stack = callback.previous;

	/* the last step that may fail; nothing refers to the entry's contents before */
	entry = hash_search(entries, key, HASH_ENTER, NULL);
	MemoryContextSetParent(context, cache_context);
	compiled->registry = key->registry;
	entry->compiled = compiled;
	entry->context = context;
	entry->size = MemoryContextMemAllocated(context, true);
	entry->pins = 0;
	dlist_push_head(&by_use, &entry->node);
	total_size += entry->size;
	return entry;
}

EgCompiled *
eg_cache_get(int64 version_id, MemoryContext until)
{
	CacheKey	key = {0};
	CacheEntry *entry;

	if (entries == NULL)
		cache_create();
	key.version_id = version_id;
	key.registry = eg_registry_identity();
	if (key.registry != last_registry)
	{
		eg_cache_trim(0);
		last_registry = key.registry;
	}

	entry = hash_search(entries, &key, HASH_FIND, NULL);
	if (entry != NULL)
		dlist_move_head(&by_use, &entry->node);
	else
		entry = add_entry(&key);
	pin(entry, until);
	eg_cache_trim((Size) eg_cache_size * 1024);
	return entry->compiled;
}
