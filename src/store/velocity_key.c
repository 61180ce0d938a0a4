/*-------------------------------------------------------------------------
 *
 * velocity_key.c
 *	  What may be a key of a rollup, what may be a rollup, and one look-up in it.
 *
 * A rollup is written as its owner, whoever inserts the event, and read as
 * whoever decides.  So nothing in it may be code of somebody else.  Two things
 * could be: the key's type and what was put on the table.
 *
 * Who may make a type may give it code: a domain its CHECK, a range its functions,
 * a composite or an array a member that is a domain.  The key is kept as the base
 * type of a domain, and a type is refused when code is left in it that a superuser
 * has not written, that is, which is not in C.
 *
 * Reading does not go through the planner, which evaluates expressions that the
 * table's owner has put on it (of indexes, of statistics, of policies) with the
 * rights of whoever reads.  It is one probe of the unique index on the key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "store/registry.h"
#include "store/velocity_private.h"

/* ----------
 * Types
 * ----------
 */

/* Nobody but a superuser makes functions in C. */
static bool
is_in_c(Oid function)
{
	HeapTuple	tuple;
	Oid			language;

	if (!OidIsValid(function))
		return true;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	ReleaseSysCache(tuple);
	return language == INTERNALlanguageId || language == ClanguageId;
}

static char *code_in(Oid type);

static char *
code_in_range(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(RANGETYPE, ObjectIdGetDatum(type));
	Form_pg_range form;
	Oid			subtype;
	bool		harmless;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for range type %u", type);
	form = (Form_pg_range) GETSTRUCT(tuple);
	subtype = form->rngsubtype;
	harmless = is_in_c(form->rngcanonical) && is_in_c(form->rngsubdiff);
	ReleaseSysCache(tuple);
	return harmless ? code_in(subtype) :
		psprintf("The range type %s has functions of its owner's.", format_type_be(type));
}

static char *
code_in_composite(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
	char	   *code = NULL;
	int			i;

	for (i = 0; i < desc->natts && code == NULL; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			code = code_in(TupleDescAttr(desc, i)->atttypid);
	}
	FreeTupleDesc(desc);
	return code;
}

static char *
code_in_base(Oid type)
{
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_CMP_PROC | TYPECACHE_EQ_OPR);
	Oid			element = get_element_type(type);
	Oid			input,
				output,
				param;
	bool		varlena;

	if (OidIsValid(element))
		return code_in(element);
	getTypeInputInfo(type, &input, &param);
	getTypeOutputInfo(type, &output, &varlena);
	if (is_in_c(input) && is_in_c(output) && is_in_c(cache->cmp_proc) &&
		(!OidIsValid(cache->eq_opr) || is_in_c(get_opcode(cache->eq_opr))))
		return NULL;
	return psprintf("The type %s has functions that are not in C.", format_type_be(type));
}

/* A sentence about the first code of users in a type; NULL: there is none. */
static char *
code_in(Oid type)
{
	check_stack_depth();
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return psprintf("The domain %s has constraints of its owner's.",
							format_type_be(type));
		case TYPTYPE_COMPOSITE:
			return code_in_composite(type);
		case TYPTYPE_RANGE:
			return code_in_range(type);
		case TYPTYPE_MULTIRANGE:
			return code_in(get_multirange_range(type));
		case TYPTYPE_BASE:
			return code_in_base(type);
		default:
			return NULL;
	}
}

void
eg_key_type_check(const char *column, Oid type)
{
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_CMP_PROC);
	char	   *code;

	if (!OidIsValid(cache->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("values of type %s cannot be sorted", format_type_be(type)),
				 errdetail("Column \"%s\" is the key of a velocity tracker.", column)));
	code = code_in(type);
	if (code)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of type %s cannot be the key of a velocity tracker", column,
						format_type_be(type)),
				 errdetail("%s A rollup is written with the rights of its owner, who has not "
						   "written them.", code),
				 errhint("Track a column of a type without them, for example a generated column: "
						 "ALTER TABLE ... ADD key text GENERATED ALWAYS AS (...) STORED.")));
}

/* ----------
 * Tables
 * ----------
 */

static void pg_attribute_noreturn()
no_rollup(const EgTracker *t, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("table %s cannot be the rollup of velocity tracker \"%s\"", t->table, t->name),
			 errdetail("%s", detail),
			 errhint("Undo it, or track again: engage_velocity_untrack('%s'), then "
					 "engage_velocity_track().", t->name)));
}

Relation
eg_rollup_open(const EgTracker *t, LOCKMODE lock)
{
	Relation	rel = relation_open(t->rollup, lock);
	int			i;

	if (rel->rd_rel->relkind != RELKIND_RELATION)
		no_rollup(t, "It is not a plain table any more.");
	if (rel->rd_rules != NULL && rel->rd_rules->numLocks > 0)
		no_rollup(t, "It has rules, which would run with its owner's rights.");
	for (i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		if (!rel->trigdesc->triggers[i].tgisinternal)
			no_rollup(t, psprintf("Its trigger \"%s\" would run with its owner's rights.",
								  rel->trigdesc->triggers[i].tgname));
	}
	return rel;
}

static AttrNumber
column_of(const EgTracker *t, Relation rel, const char *name, Oid type)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(rel), name);

	if (attno <= 0 || TupleDescAttr(RelationGetDescr(rel), attno - 1)->atttypid != type)
		no_rollup(t, psprintf("It has no column \"%s\" of type %s.", name, format_type_be(type)));
	return attno;
}

/* The rights that SELECT key, state FROM the rollup takes. */
static void
require_select(Relation rel, AttrNumber key, AttrNumber state)
{
	Oid			relid = RelationGetRelid(rel);
	Oid			schema = RelationGetNamespace(rel);
	Oid			user = GetUserId();

	if (eg_namespace_aclcheck(schema, user, ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(schema));
	if (pg_class_aclcheck(relid, user, ACL_SELECT) != ACLCHECK_OK &&
		(pg_attribute_aclcheck(relid, key, user, ACL_SELECT) != ACLCHECK_OK ||
		 pg_attribute_aclcheck(relid, state, user, ACL_SELECT) != ACLCHECK_OK))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(rel));
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row-level security is enabled for rollup table \"%s\"",
						RelationGetRelationName(rel)),
				 errdetail("Its policies would run with the rights of whoever reads a velocity."),
				 errhint("Grant SELECT on the rollup to those who may read all its keys.")));
}

/* The index that makes keys unique, as ON CONFLICT (key) needs it, too. */
static Relation
open_key_index(const EgTracker *t, Relation rel, AttrNumber key)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisunique && form->indimmediate && form->indisvalid &&
			form->indnkeyatts == 1 && form->indkey.values[0] == key &&
			index->rd_rel->relam == BTREE_AM_OID &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
			return index;
		index_close(index, AccessShareLock);
	}
	no_rollup(t, "It has no unique index on column \"key\".");
	return NULL;				/* keep the compiler quiet */
}

bytea *
eg_rollup_find(const EgTracker *t, Datum key)
{
	Relation	rel = eg_rollup_open(t, AccessShareLock);
	AttrNumber	key_column = column_of(t, rel, "key", t->keytype);
	AttrNumber	state_column = column_of(t, rel, "state", BYTEAOID);
	Relation	index;
	SysScanDesc scan;
	ScanKeyData scan_key;
	HeapTuple	tuple;
	Oid			type;
	Oid			equal;
	bytea	   *state = NULL;

	require_select(rel, key_column, state_column);
	index = open_key_index(t, rel, key_column);
	type = index->rd_opcintype[0];
	equal = get_opfamily_member(index->rd_opfamily[0], type, type, BTEqualStrategyNumber);
	if (!OidIsValid(equal))
		elog(ERROR, "type %u has no equality", type);
	ScanKeyEntryInitialize(&scan_key, 0, key_column, BTEqualStrategyNumber, InvalidOid,
						   index->rd_indcollation[0], get_opcode(equal), key);
	scan = systable_beginscan(rel, RelationGetRelid(index), true, GetActiveSnapshot(), 1,
							  &scan_key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, state_column, RelationGetDescr(rel), &isnull);

		if (!isnull)
			state = DatumGetByteaPCopy(value);
	}
	systable_endscan(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return state;
}
