/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The text by which a key is known: equal keys have equal texts.
 *
 * Numbers of all types are written in full, without a fraction that is zero.  Dates are
 * ISO 8601; a timestamp at midnight is the date.  Arrays, composites and ranges are written from
 * their members.  What the server's own output functions write alike for
 * equal values, they write.  Only where equality is somebody else's (types of
 * extensions, collations that are not deterministic, jsonb) the hash function
 * of the type stands for the value, which hash indexes and hash partitions rely upon, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "store/identity.h"
#include "store/key_private.h"

static EgKey *create(Oid type, Oid collation, bool kept);

/* ----------
 * Preparation
 * ----------
 */

/* Does the collation tell all texts apart that differ in a byte? */
static bool
is_deterministic(Oid collation)
{
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

static bool
is_citext(Oid type)
{
	Oid			extension = get_extension_oid("citext", true);

	return OidIsValid(extension) && getExtensionOfObject(TypeRelationId, type) == extension;
}

/* By the hash function of the type, the one with 64 bits where it has one; false: it has none. */
static bool
use_hash(EgKey *k)
{
	TypeCacheEntry *cache = lookup_type_cache(k->type, TYPECACHE_HASH_EXTENDED_PROC |
											  TYPECACHE_HASH_PROC);
	Oid			function = cache->hash_extended_proc;

	k->wide = OidIsValid(function);
	if (!k->wide)
		function = cache->hash_proc;
	if (!OidIsValid(function))
		return false;
	k->form = EG_KEY_HASH;
	fmgr_info(function, &k->function);
	return true;
}

static bool
use_output(EgKey *k)
{
	Oid			function;
	bool		varlena;

	k->form = EG_KEY_OUTPUT;
	getTypeOutputInfo(k->type, &function, &varlena);
	fmgr_info(function, &k->function);
	return true;
}

static bool
use_array(EgKey *k, Oid element, bool kept)
{
	k->form = EG_KEY_ARRAY;
	get_typlenbyvalalign(element, &k->length, &k->by_value, &k->align);
	k->element = create(element, k->collation, kept);
	return k->element != NULL;
}

static bool
use_composite(EgKey *k, bool kept)
{
	int			i;

	k->form = EG_KEY_COMPOSITE;
	k->desc = lookup_rowtype_tupdesc_copy(k->type, -1);
	k->column = palloc0(sizeof(EgKey *) * k->desc->natts);
	for (i = 0; i < k->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(k->desc, i);

		if (att->attisdropped)
			continue;
		k->column[i] = create(att->atttypid, att->attcollation, kept);
		if (k->column[i] == NULL)
			return false;
	}
	return true;
}

static bool
use_range(EgKey *k, bool kept)
{
	k->form = EG_KEY_RANGE;
	k->range = lookup_type_cache(k->type, TYPECACHE_RANGE_INFO);
	k->element = create(k->range->rngelemtype->type_id, k->range->rng_collation, kept);
	return k->element != NULL;
}

/* A base type of the server itself. */
static bool
use_own(EgKey *k, bool kept)
{
	switch (k->type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			k->form = EG_KEY_INTEGER;
			return true;
		case BOOLOID:
			k->form = EG_KEY_BOOL;
			return true;
		case FLOAT4OID:
		case FLOAT8OID:
			k->form = EG_KEY_FLOAT;
			return true;
		case NUMERICOID:
			k->form = EG_KEY_NUMERIC;
			return true;
		case MONEYOID:
			k->form = EG_KEY_MONEY;
			return true;
		case DATEOID:
			k->form = EG_KEY_DATE;
			return true;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			k->form = EG_KEY_TIMESTAMP;
			return true;
		case TIMEOID:
		case TIMETZOID:
			k->form = EG_KEY_TIME;
			return true;
		case INTERVALOID:
			k->form = EG_KEY_INTERVAL;
			return true;
		case BYTEAOID:
			k->form = EG_KEY_BYTEA;
			return true;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			if (!kept && !is_deterministic(k->collation))
				return use_hash(k);
			k->form = EG_KEY_TEXT;
			return eg_converter_init(&k->cv, k->type);
		case NAMEOID:
		case CHAROID:
		case UUIDOID:
			k->form = EG_KEY_TEXT;
			return eg_converter_init(&k->cv, k->type);
		case JSONBOID:
			return use_hash(k);
		case OIDOID:
		case REGCLASSOID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGCOLLATIONOID:
			k->form = EG_KEY_OID;	/* names of these depend on the search path */
			return true;
		default:
			return OidIsValid(lookup_type_cache(k->type, TYPECACHE_EQ_OPR)->eq_opr) &&
				use_output(k);
	}
}

/* NULL: the type has no equality, or one that nothing can be made of. */
static EgKey *
create(Oid type, Oid collation, bool kept)
{
	EgKey	   *k = palloc0(sizeof(EgKey));
	Oid			element;
	bool		usable;

	check_stack_depth();
	k->type = getBaseType(type);
	k->collation = collation;
	element = get_element_type(k->type);
	if (OidIsValid(element))
		usable = use_array(k, element, kept);
	else
	{
		switch (get_typtype(k->type))
		{
			case TYPTYPE_COMPOSITE:
				usable = use_composite(k, kept);
				break;
			case TYPTYPE_RANGE:
				usable = use_range(k, kept);
				break;
			case TYPTYPE_ENUM:
				k->form = EG_KEY_TEXT;
				usable = eg_converter_init(&k->cv, k->type);
				break;
			case TYPTYPE_BASE:
				if (k->type < FirstNormalObjectId)
					usable = use_own(k, kept);
				else if (is_citext(k->type))
				{
					k->form = EG_KEY_CITEXT;
					usable = true;
				}
				else
					usable = use_hash(k);
				break;
			default:
				usable = use_hash(k);
				break;
		}
	}
	return usable ? k : NULL;
}

EgKey *
eg_key_create(const char *what, const char *name, Oid type, Oid collation, bool kept)
{
	EgKey	   *k;

	eg_watch_type(type);
	k = create(type, collation, kept);
	if (k == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%s column \"%s\" has type %s, whose values cannot be compared", what,
						name, format_type_be(type)),
				 errdetail("The type has no operator = that can be hashed, so that equal "
						   "values would not be known to be equal."),
				 errhint("Convert it in a view or query, for example with %s::text%s.", name,
						 getBaseType(type) == JSONOID ? " or ::jsonb" : "")));
	return k;
}

Oid
eg_key_type(const EgKey *key)
{
	return key->type;
}

bool
eg_key_is_readable(const EgKey *key)
{
	return key->form < EG_KEY_HASH;
}
