/*-------------------------------------------------------------------------
 *
 * policy_cache.c
 *	  Policies of this backend.
 *
 * A decision is often a statement of its own, and parsing ten rules costs more
 * than deciding.  So definitions and planned expressions stay for the session;
 * the server's plan cache says when a function in one of them was replaced.
 * Entries that no call site holds make room when there are too many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "store/policy_cache.h"

#define MOST_POLICIES	64

typedef struct Entry
{
	EgPolicyCode code;			/* must be first */
	MemoryContext context;
	MemoryContextCallback cleanup;
	int			pins;
	uint64		used;
	struct Entry *next;
} Entry;

typedef struct Pin
{
	MemoryContextCallback callback;
	Entry	   *entry;
} Pin;

static Entry *entries = NULL;
static int	nentries = 0;
static uint64 now_used = 0;

char *
eg_rule_place(const EgLayer *l, int rule)
{
	return psprintf("rule \"%s\" of layer \"%s\"", l->rules[rule].name, l->name);
}

/* Planned expressions live in contexts of their own. */
static void
free_rules(void *arg)
{
	EgPolicyCode *code = arg;
	int			i,
				k;

	for (i = 0; code->rules && i < code->policy->nlayers; i++)
	{
		for (k = 0; code->rules[i] && k < code->policy->layers[i].n; k++)
		{
			if (code->rules[i][k])
				FreeCachedExpression(code->rules[i][k]);
		}
	}
	code->rules = NULL;
}

static Entry *
load(int64 version_id)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage policy",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	EgPolicyVersionRow *row = eg_policy_version(version_id);
	Entry	   *e = palloc0(sizeof(Entry));
	EgPolicyCode *code = &e->code;
	int			i;

	e->context = context;
	code->version_id = version_id;
	code->version = row->version;
	code->name = row->policy;
	code->text.what = psprintf("policy \"%s\"", row->policy);
	code->text.author = row->author;
	code->text.search_path = row->search_path;
	code->text.names = row->names;
	code->text.lent = true;		/* eg_policy_resolve() has asked for the grant */
	code->text.remedy = "Save the definition again with engage_policy().";
	code->columns_json = row->columns;
	code->policy = eg_policy_parse(row->definition);
	code->rules = palloc0(sizeof(CachedExpression **) * code->policy->nlayers);
	for (i = 0; i < code->policy->nlayers; i++)
	{
		EgLayer    *l = &code->policy->layers[i];

		if (l->kind == EG_LAYER_RULES)
			code->rules[i] = palloc0(sizeof(CachedExpression *) * l->n);
	}
	e->cleanup.func = free_rules;
	e->cleanup.arg = code;
	MemoryContextRegisterResetCallback(context, &e->cleanup);
	MemoryContextSwitchTo(old);

	/* from here on nothing fails */
	MemoryContextSetParent(context, CacheMemoryContext);
	e->next = entries;
	entries = e;
	nentries++;
	return e;
}

/* Throw out what nobody holds, the longest unused first. */
static void
make_room(void)
{
	while (nentries > MOST_POLICIES)
	{
		Entry	  **place = NULL;
		Entry	  **p;
		Entry	   *e;

		for (p = &entries; *p; p = &(*p)->next)
		{
			if ((*p)->pins == 0 && (place == NULL || (*p)->used < (*place)->used))
				place = p;
		}
		if (place == NULL)
			return;
		e = *place;
		*place = e->next;
		nentries--;
		MemoryContextDelete(e->context);
	}
}

static void
unpin(void *arg)
{
	((Pin *) arg)->entry->pins--;
}

EgPolicyCode *
eg_policy_code_get(int64 version_id, MemoryContext until)
{
	Entry	   *e;
	Pin		   *pin;

	for (e = entries; e && e->code.version_id != version_id; e = e->next)
		;
	if (e == NULL)
	{
		make_room();
		e = load(version_id);
	}
	pin = MemoryContextAlloc(until, sizeof(Pin));
	pin->entry = e;
	pin->callback.func = unpin;
	pin->callback.arg = pin;
	e->pins++;
	e->used = ++now_used;
	MemoryContextRegisterResetCallback(until, &pin->callback);
	return &e->code;
}

TupleDesc
eg_policy_code_columns(EgPolicyCode *code)
{
	if (code->columns == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(((Entry *) code)->context);

		code->columns = eg_columns_from_json(code->columns_json, true);
		MemoryContextSwitchTo(old);
	}
	return code->columns;
}

Node *
eg_policy_code_rule(EgPolicyCode *code, int layer, int rule)
{
	CachedExpression **place = &code->rules[layer][rule];
	EgLayer    *l = &code->policy->layers[layer];

	if (*place && !(*place)->is_valid)
	{
		FreeCachedExpression(*place);
		*place = NULL;
	}
	if (*place == NULL)
		*place = eg_rule_compile(l->rules[rule].when, eg_rule_place(l, rule), code->columns);
	return (*place)->expr;
}
