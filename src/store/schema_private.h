/*-------------------------------------------------------------------------
 *
 * schema_private.h
 *	  What the files of the schema and the source share: converters from
 *	  Datums of every supported type, hashing, dictionaries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SCHEMA_PRIVATE_H
#define EG_SCHEMA_PRIVATE_H

#include <float.h>
#include <math.h>

#include "base/compat.h"
#include "fmgr.h"
#include "port/pg_bswap.h"
#include "store/schema.h"

/* How the values of one type are read. */
typedef enum EgOp
{
	/* numbers */
	EG_OP_BOOL,
	EG_OP_INT2,
	EG_OP_INT4,
	EG_OP_INT8,
	EG_OP_FLOAT4,
	EG_OP_FLOAT8,
	EG_OP_NUMERIC,
	EG_OP_MONEY,
	/* dates, days since 2000-01-01 */
	EG_OP_DATE,
	EG_OP_TIMESTAMP,
	/* seconds */
	EG_OP_INTERVAL,
	EG_OP_TIME,
	/* texts */
	EG_OP_TEXT,
	EG_OP_BPCHAR,
	EG_OP_NAME,
	EG_OP_CHAR,
	EG_OP_ENUM,
	EG_OP_UUID,
	EG_OP_OUTPUT,				/* by the type's output function */
	/* arrays */
	EG_OP_ARRAY,				/* elements by the element's op */
	EG_OP_VECTOR				/* pgvector's */
} EgOp;

typedef struct EgConverter
{
	EgOp		op;
	EgColumnKind kind;
	Oid			type;			/* base type */
	EgOp		element;		/* ARRAY */
	double		money_unit;		/* MONEY: stored units in one unit of currency */
	FmgrInfo	output;			/* OUTPUT */
} EgConverter;

/* longest text that a converter writes itself: a uuid, a number, an enum label */
#define EG_TEXT_BUFFER	(NAMEDATALEN + 16)

/* most features of one model: a bound for what a corrupt artifact may ask for */
#define EG_MAX_FEATURES (1 << 20)

/* schema_convert.c */
extern bool eg_converter_init(EgConverter *cv, Oid type);

/* NUMBER, DATE, INTERVAL: the number, NaN for missing, +-infinity as it is. */
extern double eg_convert_double(const EgConverter *cv, Datum value);
extern double eg_convert_numeric(const char *p);

/* CATEGORY: the text, not terminated; may be written to buf (EG_TEXT_BUFFER bytes). */
extern const char *eg_convert_text(EgConverter *cv, Datum value, char *buf, int *len);

/* ARRAY: its length, and the elements into out when it has the wanted length. */
extern int	eg_convert_array(const EgConverter *cv, Datum value, int width, float *out);

/* An integer or boolean: a number whose values can name groups. */
extern bool eg_type_is_discrete(Oid type);

/* schema.c */
typedef struct EgDict
{
	MemoryContext context;
	uint32		mask;			/* slots - 1 */
	struct EgDictSlot
	{
		uint32		hash;
		int32		code;		/* -1: free */
	}		   *slots;
	int			capacity;		/* of the arrays below and of the column's categories */
	int		   *len;			/* (ncategories) */
	uint64	   *hash;			/* (ncategories) hash of the text */
	Size		bytes;			/* allocated for all */
} EgDict;

extern void eg_dict_create(EgColumn *c, int capacity);
extern int	eg_dict_find(const EgColumn *c, const char *text, int len, uint64 hash);
extern int	eg_dict_insert(EgColumn *c, const char *text, int len, uint64 hash);

/* Row text in which a schema's column has another length than the model's. */
extern void eg_array_width_error(const char *column, int width, int expected)
	pg_attribute_noreturn();

/* The largest floats stand for what lies beyond them; NaN and infinity are missing. */
static inline float
eg_to_float(double v)
{
	if (likely(v >= -FLT_MAX && v <= FLT_MAX))
		return (float) v;
	if (isnan(v) || isinf(v))
		return NAN;
	return v > 0 ? FLT_MAX : -FLT_MAX;
}

static inline uint64
eg_load64(const char *p)
{
	uint64		v;

	memcpy(&v, p, 8);
#ifdef WORDS_BIGENDIAN
	v = pg_bswap64(v);
#endif
	return v;
}

/* Finish of MurmurHash3 (Appleby, public domain): every bit of h moves every bit. */
static inline uint64
eg_mix64(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

/* Fold one more value into a running hash; order matters. */
static inline uint64
eg_hash_combine(uint64 h, uint64 v)
{
	h = (h ^ v) * UINT64CONST(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

static inline uint64
eg_hash_text(const char *s, int len)
{
	uint64		h = UINT64CONST(0x2545f4914f6cdd1d) ^ (uint64) len;
	uint64		tail = 0;

	for (; len >= 8; s += 8, len -= 8)
		h = eg_hash_combine(h, eg_load64(s));
	while (len > 0)
		tail = (tail << 8) | (uint8) s[--len];
	return eg_mix64(eg_hash_combine(h, tail));
}

#endif							/* EG_SCHEMA_PRIVATE_H */
