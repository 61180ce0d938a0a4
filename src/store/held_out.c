/*-------------------------------------------------------------------------
 *
 * held_out.c
 *	  The split's rule, row by row.
 *
 * The split is frozen with the model: a hash of the key below its class's
 * limit, a boolean column, or a time after the cut.  So a row tells by itself
 * on which side it is, and any query can ask it (split.c finds the limits).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "store/header_tuple.h"
#include "store/held_out.h"
#include "store/identity.h"
#include "store/key.h"
#include "store/registry.h"
#include "store/schema_private.h"
#include "store/split.h"

/* A column that the rule looks at. */
typedef struct RuleColumn
{
	char	   *name;
	int			attno;			/* from 1, in the bound row type */
	EgConverter cv;				/* of the split column and of the target */
	EgKey	   *key;
} RuleColumn;

struct EgHeldOutRule
{
	MemoryContext context;
	char	   *model;
	EgSplit    *split;			/* of the version */
	bool		has_cut;
	double		cut;			/* seconds; what is later is held out */
	char	   *key_text;		/* as in the recipe: "a, b" */
	char	   *split_column;	/* or NULL */
	char	   *target;			/* NULL when one limit is for all */
	bool		nothing;		/* nobody is held out */

	MemoryContext bound;
	EgRowType	row_type;
	TupleDesc	desc;
	int			nkeys;
	RuleColumn *keys;
	RuleColumn	by;				/* split column */
	RuleColumn	class;			/* target */
};

EgHeldOutRule *
eg_held_out_rule(int64 version_id, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	EgHeldOutRule *rule = palloc0(sizeof(EgHeldOutRule));
	EgVersionRow *v = eg_models_version_by_id(version_id);
	double		test_size = 0.2;
	char	   *group;
	char	   *split;
	Jsonb	   *json;

	rule->context = context;
	rule->model = v->model;
	if (v->recipe == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" was imported and has held out no rows", v->model)));
	(void) eg_jsonb_number(v->recipe, "test_size", &test_size);
	split = v->data ? eg_jsonb_text(v->data, "split") : NULL;
	json = split ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(split))) : NULL;
	rule->split = eg_split_from_json(json, 0, test_size);
	rule->has_cut = json && eg_jsonb_number(json, "cut", &rule->cut);
	rule->split_column = eg_jsonb_text(v->recipe, "split");
	group = eg_jsonb_text(v->recipe, "group_by");
	rule->key_text = group ? group : eg_jsonb_text(v->recipe, "key");
	rule->nothing = rule->split_column == NULL && test_size <= 0;
	if (rule->split->n != 1 || rule->split->strata[0][0] != '\0')
		rule->target = eg_jsonb_text(v->recipe, "target");
	if (rule->split_column == NULL && rule->key_text == NULL && !rule->nothing)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" was trained without a key", v->model),
				 errdetail("Its split depends on the content of all columns that were read."),
				 errhint("Train it with key => '...', the column that identifies a row.")));
	MemoryContextSwitchTo(old);
	return rule;
}

static void
bind_column(const EgHeldOutRule *rule, RuleColumn *c, const char *name, TupleDesc desc)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		c->name = pstrdup(name);
		c->attno = i + 1;
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" by which the rows of model \"%s\" were split is missing from "
					"the row", name, rule->model),
			 errhint("Columns are matched by name; their order does not matter.")));
}

static bool
has_column(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return true;
	}
	return false;
}

static void
bind_row_type(EgHeldOutRule *rule, TupleDesc desc, uint64 identifier)
{
	EgRowType	row_type = {identifier, eg_catalog_changes};
	MemoryContext old;
	List	   *names;
	ListCell   *lc;

	rule->row_type.identifier = 0;
	if (rule->bound)
		MemoryContextReset(rule->bound);
	else
		rule->bound = AllocSetContextCreate(rule->context, "engage held-out rule",
											ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(rule->bound);
	rule->desc = CreateTupleDescCopy(desc);
	rule->nkeys = 0;
	if (rule->split_column)
	{
		bind_column(rule, &rule->by, rule->split_column, desc);
		(void) eg_converter_init(&rule->by.cv,
								 TupleDescAttr(desc, rule->by.attno - 1)->atttypid);
	}
	else
	{
		/* as the source reads it: a column called exactly so, else a list of names */
		if (has_column(desc, rule->key_text))
			names = list_make1(rule->key_text);
		else if (!SplitIdentifierString(pstrdup(rule->key_text), ',', &names))
			elog(ERROR, "key \"%s\" is not a list of column names", rule->key_text);
		rule->keys = palloc0(sizeof(RuleColumn) * list_length(names));
		foreach(lc, names)
		{
			RuleColumn *c = &rule->keys[rule->nkeys++];
			Form_pg_attribute att;

			bind_column(rule, c, lfirst(lc), desc);
			att = TupleDescAttr(desc, c->attno - 1);
			c->key = eg_key_create("key", c->name, att->atttypid, att->attcollation, false);
		}
		if (rule->target)
		{
			bind_column(rule, &rule->class, rule->target, desc);
			(void) eg_converter_init(&rule->class.cv,
									 TupleDescAttr(desc, rule->class.attno - 1)->atttypid);
		}
	}
	MemoryContextSwitchTo(old);
	rule->row_type = row_type;
}

static Datum
column_value(EgHeldOutRule *rule, const RuleColumn *c, HeapTupleHeader header, bool *isnull)
{
	HeapTupleData tuple = eg_header_tuple(header);

	return heap_getattr(&tuple, c->attno, rule->desc, isnull);
}

/* The limit of the row's class; false: the class has none. */
static bool
class_limit(EgHeldOutRule *rule, HeapTupleHeader tuple, uint64 *limit)
{
	char		buf[EG_TEXT_BUFFER];
	const char *text;
	char	   *label;
	bool		isnull;
	int			len;
	Datum		value;

	if (rule->target == NULL)
		return eg_split_limit(rule->split, "", limit);
	value = column_value(rule, &rule->class, tuple, &isnull);
	if (isnull)
		return false;
	if (rule->class.cv.op == EG_OP_BOOL)
		return eg_split_limit(rule->split, DatumGetBool(value) ? "true" : "false", limit);
	if (rule->class.cv.kind == EG_COL_NUMBER)
		return eg_split_limit(rule->split,
							  psprintf("%.0f", eg_convert_double(&rule->class.cv, value)), limit);
	text = eg_convert_text(&rule->class.cv, value, buf, &len);
	label = pnstrdup(text, len);
	return eg_split_limit(rule->split, label, limit);
}

static bool
held_out_by_column(EgHeldOutRule *rule, HeapTupleHeader tuple)
{
	bool		isnull;
	Datum		value = column_value(rule, &rule->by, tuple, &isnull);
	double		v;

	if (isnull)
		return false;
	v = eg_convert_double(&rule->by.cv, value);
	if (rule->by.cv.kind == EG_COL_DATE)
		return rule->has_cut && v * SECS_PER_DAY > rule->cut;
	return v != 0;
}

bool
eg_held_out_row(EgHeldOutRule *rule, HeapTupleHeader tuple)
{
	Oid			type = HeapTupleHeaderGetTypeId(tuple);
	int32		typmod = HeapTupleHeaderGetTypMod(tuple);
	uint64		id = assign_record_type_identifier(type, typmod);
	uint64		hash = 0;
	uint64		limit;
	int			i;

	if (rule->nothing)
		return false;
	if (unlikely(!eg_row_type_is(&rule->row_type, id)))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);

		bind_row_type(rule, desc, id);
		ReleaseTupleDesc(desc);
	}
	if (rule->split_column)
		return held_out_by_column(rule, tuple);
	if (!class_limit(rule, tuple, &limit))
		return false;
	for (i = 0; i < rule->nkeys; i++)
	{
		char		buf[EG_KEY_BUFFER];
		const char *text;
		bool		isnull;
		int			len;
		Datum		value = column_value(rule, &rule->keys[i], tuple, &isnull);

		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("key column \"%s\" is NULL in some row", rule->keys[i].name)));
		text = eg_key_text(rule->keys[i].key, value, buf, &len);
		hash = eg_hash_combine(hash, eg_hash_text(text, len));
	}
	return eg_mix64(hash ^ eg_mix64(rule->split->seed)) < limit;
}
