/*-------------------------------------------------------------------------
 *
 * policy_cache.c
 *	  Policies of this backend.
 *
 * A decision is often a statement of its own, and parsing ten rules costs more
 * than deciding.  So definitions and planned expressions stay for the session;
 * an entry is given up when anything in the catalog changes that it may depend on
 * (identity.h).  Call sites that hold it get another one for their next row; the
 * last of them frees it.  Entries that no call site holds make room when there are
 * too many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
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
	bool		listed;			/* in entries; else it goes with its last pin */
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
	uint64		registry = eg_registry_identity();
	uint64		changes = eg_catalog_changes;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage policy",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	EgPolicyVersionRow *row = eg_policy_version(version_id);
	Entry	   *e = palloc0(sizeof(Entry));
	EgPolicyCode *code = &e->code;
	int			i;

	e->context = context;
	code->version_id = version_id;
	code->registry = registry;
	code->changes = changes;
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
	e->listed = true;
	e->next = entries;
	entries = e;
	nentries++;
	return e;
}

bool
eg_policy_code_fits(const EgPolicyCode *code)
{
	return code->changes == eg_catalog_changes && code->registry == eg_registry_identity();
}

/* Take an entry from the list; a call site may still hold it. */
static void
unlist(Entry **place)
{
	Entry	   *e = *place;

	*place = e->next;
	nentries--;
	e->listed = false;
	if (e->pins == 0)
		MemoryContextDelete(e->context);
}

static void
give_up_stale(void)
{
	Entry	  **p = &entries;

	while (*p)
	{
		if (eg_policy_code_fits(&(*p)->code))
			p = &(*p)->next;
		else
			unlist(p);
	}
}

/* Throw out what nobody holds, the longest unused first. */
static void
make_room(void)
{
	while (nentries > MOST_POLICIES)
	{
		Entry	  **place = NULL;
		Entry	  **p;

		for (p = &entries; *p; p = &(*p)->next)
		{
			if ((*p)->pins == 0 && (place == NULL || (*p)->used < (*place)->used))
				place = p;
		}
		if (place == NULL)
			return;
		unlist(place);
	}
}

static void
unpin(void *arg)
{
	Entry	   *e = ((Pin *) arg)->entry;

	if (--e->pins == 0 && !e->listed)
		MemoryContextDelete(e->context);
}

EgPolicyCode *
eg_policy_code_get(int64 version_id, MemoryContext until)
{
	Entry	   *e;
	Pin		   *pin;

	eg_catalog_listen();
	give_up_stale();
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
		int			i;

		code->columns = eg_columns_from_json(code->columns_json, true);
		for (i = 0; i < code->columns->natts; i++)
			eg_watch_type(TupleDescAttr(code->columns, i)->atttypid);
		MemoryContextSwitchTo(old);
	}
	return code->columns;
}

/* The types of users that may stand in a rule besides those of its columns. */
static bool
watch_types(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_FieldSelect:
		case T_FieldStore:
		case T_RowExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
			eg_watch_type(exprType(node));
			break;
		default:
			break;
	}
	return expression_tree_walker(node, watch_types, context);
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
	{
		*place = eg_rule_compile(l->rules[rule].when, eg_rule_place(l, rule), code->columns);
		(void) watch_types((*place)->expr, NULL);
	}
	return (*place)->expr;
}
