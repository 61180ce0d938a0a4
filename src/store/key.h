/*-------------------------------------------------------------------------
 *
 * key.h
 *	  The text by which a key is known: equal keys have equal texts.
 *
 * A key identifies a customer: rows with equal keys fall on the same side of a
 * split, in the same fold, group and arm, and an outcome belongs to the
 * score that was logged under its key.  Equal means what the type's own = says,
 * not how the value was written: 1, 1.00 and 1::bigint are one key, and so
 * are 'U1' and 'u1' in a citext column, or one hour and sixty minutes.  No
 * setting of the session has a part in it (DateStyle, TimeZone, IntervalStyle,
 * bytea_output, extra_float_digits, lc_monetary), nor have oids that a dump would change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_KEY_H
#define EG_KEY_H

#include "fmgr.h"
#include "utils/jsonb.h"

typedef struct EgKey EgKey;

/* longest text that is written to the caller's buffer: a timestamp, an enum label */
#define EG_KEY_BUFFER	128

/*
 * Prepare for values of a type, in the current memory context.  A kept key goes to a table
 * and is read by people: under a collation that ignores case its text stays
 * as it is, otherwise it gets a hash that all its spellings share.
 *
 * Error DATATYPE_MISMATCH where the type has no equality (json, point): "what" is
 * the word for the column and "name" its name.
 */
extern EgKey *eg_key_create(const char *what, const char *name, Oid type, Oid collation, bool kept);

/* The text of a value that is not NULL: not terminated, in buf (EG_KEY_BUFFER bytes) or
 * palloc'd. */
extern const char *eg_key_text(EgKey *key, Datum value, char *buf, int *len);

/* The same, terminated and palloc'd. */
extern char *eg_key_string(EgKey *key, Datum value);

/* Of a member of a JSON object: a string, number or boolean; false: null, array or object. */
extern bool eg_key_jsonb(const JsonbValue *v, const char **text, int *len);

/* The base type. */
extern Oid	eg_key_type(const EgKey *key);

/* Is the text one that people can read, and that the type takes in again? */
extern bool eg_key_is_readable(const EgKey *key);

/* SQL for a user's column (quoted, qualified) of that type as the text of a kept key. */
extern char *eg_key_column(const char *column, Oid type);

/* A number as somebody typed it (42.0, +7, 1e3) as the text of the key; NULL: it is not one. */
extern char *eg_key_of_number_text(const char *text);

#endif							/* EG_KEY_H */
