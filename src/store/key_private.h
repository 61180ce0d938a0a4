/*-------------------------------------------------------------------------
 *
 * key_private.h
 *	  What key.c finds out about a type, for key_text.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_KEY_PRIVATE_H
#define EG_KEY_PRIVATE_H

#include "access/tupdesc.h"
#include "utils/typcache.h"

#include "store/key.h"
#include "store/schema_private.h"

typedef enum EgKeyForm
{
	EG_KEY_INTEGER,
	EG_KEY_BOOL,
	EG_KEY_FLOAT,
	EG_KEY_NUMERIC,
	EG_KEY_MONEY,
	EG_KEY_DATE,
	EG_KEY_TIMESTAMP,
	EG_KEY_TIME,
	EG_KEY_INTERVAL,
	EG_KEY_BYTEA,
	EG_KEY_TEXT,				/* as EgConverter reads a category */
	EG_KEY_CITEXT,
	EG_KEY_OID,
	EG_KEY_OUTPUT,				/* the output function says equal values alike */
	EG_KEY_HASH,				/* by the type's hash function */
	EG_KEY_ARRAY,
	EG_KEY_COMPOSITE,
	EG_KEY_RANGE
} EgKeyForm;

struct EgKey
{
	EgKeyForm	form;
	Oid			type;			/* base type */
	Oid			collation;
	EgConverter cv;				/* TEXT */
	FmgrInfo	function;		/* OUTPUT, HASH */
	bool		wide;			/* HASH: it takes a seed and returns 64 bits */
	EgKey	   *element;		/* ARRAY, RANGE */
	int16		length;			/* of an array's element */
	bool		by_value;
	char		align;
	TypeCacheEntry *range;
	TupleDesc	desc;			/* COMPOSITE */
	EgKey	  **column;
};

#endif							/* EG_KEY_PRIVATE_H */
