/*-------------------------------------------------------------------------
 *
 * schema.h
 *	  The feature schema of a model: which columns, of which kinds, with which
 *	  dictionaries; and the one piece of code that turns a row into a vector,
 *	  at training and at scoring alike.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SCHEMA_H
#define EG_SCHEMA_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "base/bytes.h"
#include "utils/jsonb.h"

typedef enum EgColumnKind
{
	EG_COL_NUMBER,				/* int2/4/8, float4/8, numeric, money, bool, oid excluded */
	EG_COL_CATEGORY,			/* text, varchar, char, name, enum, uuid, inet, macaddr ... */
	EG_COL_DATE,				/* days since origin; date, timestamp, timestamptz alike */
	EG_COL_INTERVAL,			/* seconds; interval, time */
	EG_COL_ARRAY				/* width numbers: float/int/numeric arrays, pgvector's vector */
} EgColumnKind;

typedef struct EgFeatureStats
{
	double		min,
				max,
				mean;			/* over the training rows with a value */
	double		missing;		/* share of training rows without one */
} EgFeatureStats;

typedef struct EgColumn
{
	char	   *name;
	EgColumnKind kind;
	char	   *type;			/* format_type at training, for messages */
	int			width;			/* features it fills: 1, or the array's length */
	int			first;			/* its first feature */
	double		origin;			/* DATE: the training reference date, days since 2000-01-01 */
	int			ncategories;
	char	  **categories;		/* sorted by bytes; code = position */
	struct EgDict *dict;		/* text -> code */
} EgColumn;

typedef struct EgSchema
{
	int			ncolumns;
	EgColumn   *columns;
	int			nfeatures;
	char	  **names;			/* (nfeatures) column name, "name[3]" for array elements */
	int		   *ncategories;	/* (nfeatures) 0 = number */
	EgFeatureStats *stats;		/* (nfeatures) or NULL */

	/* the target, as labels are mapped back */
	char	   *target;			/* column name, NULL when unknown (imported models) */
	char	   *target_type;	/* format_type */
	int			nlabels;		/* classes, 0 for numbers */
	char	  **labels;			/* (nlabels) the label's text: "t", "Yes", "3" */
} EgSchema;

/* Kind of a column by its type (domains are their base type); false: type not supported. */
extern bool eg_column_kind(Oid type, EgColumnKind *kind);

/*
 * Fill names, ncategories, first, nfeatures from columns (after widths and dictionaries
 * are known).
 */
extern void eg_schema_finish(EgSchema *s);

extern void eg_schema_save(const EgSchema *s, EgWriter *w);
extern EgSchema *eg_schema_load(EgReader *r);

/*
 * How one row type feeds a schema: columns matched by name, order ignored,
 * extra columns ignored.  Errors: UNDEFINED_COLUMN names the missing column;
 * DATATYPE_MISMATCH names column, its type and the type at training.
 * Allocates in CurrentMemoryContext; keeps pointers into the schema.
 * skip_missing false: a missing column is an error.
 */
typedef struct EgBinding EgBinding;
extern EgBinding *eg_schema_bind(const EgSchema *s, TupleDesc desc, const char *model);

/* One row to nfeatures floats; NaN = missing.  Detoasted copies go to CurrentMemoryContext. */
extern void eg_binding_values(EgBinding *b, const Datum *values, const bool *nulls, float *out);

/* The same from a composite datum's tuple: deforms into the binding's own arrays. */
extern void eg_binding_tuple(EgBinding *b, HeapTupleHeader tuple, float *out);

/*
 * A JSON object as the row: numbers, booleans, strings (for categories, dates,
 * and numbers in quotes), arrays, null.  A missing key is an error unless
 * missing_ok, then the value is missing.
 */
extern void eg_schema_jsonb(const EgSchema *s, const Jsonb *row, bool missing_ok, const char *model,
							float *out);

/* Code of a category, -1 when never seen.  Fast: no allocation. */
extern int	eg_column_code(const EgColumn *c, const char *text, int len);

/*
 * The dictionary while training: code of the text, added when new.
 */
extern int	eg_dict_add(EgColumn *c, const char *text, int len);

/*
 * Sort categories by bytes;
 * returns old code -> new code (palloc'd). keep (old codes) false drops one: -1.
 */
extern int32 *eg_dict_sort(EgColumn *c, const bool *keep);

#endif							/* EG_SCHEMA_H */
