/*-------------------------------------------------------------------------
 *
 * schema_bind.c
 *	  A row of some type to the vector of a schema: the hot path of scoring.
 *
 * The binding is made once for a row type.  It walks a tuple as
 * heap_deform_tuple() does, but no further than the last column needed, and
 * converts each value on the fly.  Without NULLs the leading columns of fixed
 * length have known places and need no walk at all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "base/compat.h"
#include "store/schema_private.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* an enum's label is looked up once and kept by its OID */
#define ENUM_SLOTS	64

typedef struct EnumSlot
{
	Oid			oid;			/* InvalidOid: free */
	float		code;
} EnumSlot;

typedef struct BoundColumn
{
	EgConverter cv;
	const EgColumn *column;
	int			first;			/* first feature */
	double		origin;
	int			attno;			/* in the row, from 0 */
	int			offset;			/* in a tuple without NULLs; valid before nfixed */
	int16		attlen;
	bool		byval;
	EnumSlot   *enums;
	float	   *missing;		/* (width) for rows older than the column, or NULL: NaN */
} BoundColumn;

typedef struct BoundAttribute
{
	int16		len;
	uint8		align;			/* bytes */
	BoundColumn *bound;			/* NULL: not needed */
} BoundAttribute;

struct EgBinding
{
	int			ncolumns;
	BoundColumn *columns;		/* in the schema's order */
	int			natts;			/* attributes up to the last one needed */
	BoundAttribute *atts;		/* (natts) */
	int			nfixed;			/* leading attributes of fixed place when there is no NULL */
	int			fixed_end;		/* where the next one begins, before alignment */
	int			nfixed_columns;
	BoundColumn **fixed;		/* columns among them */
};

static void
set_missing(const BoundColumn *b, float *out)
{
	int			k;

	for (k = 0; k < b->column->width; k++)
		out[b->first + k] = NAN;
}

static float
category_code(BoundColumn *b, Datum value)
{
	char		buf[EG_TEXT_BUFFER];
	EnumSlot   *slot = NULL;
	const char *text;
	int			len;
	int			code;

	if (b->enums)
	{
		slot = &b->enums[DatumGetObjectId(value) % ENUM_SLOTS];
		if (slot->oid == DatumGetObjectId(value))
			return slot->code;
	}
	text = eg_convert_text(&b->cv, value, buf, &len);
	code = eg_column_code(b->column, text, len);
	if (slot)
	{
		slot->oid = DatumGetObjectId(value);
		slot->code = code < 0 ? NAN : (float) code;
	}
	return code < 0 ? NAN : (float) code;
}

static void
emit_array(BoundColumn *b, Datum value, float *out)
{
	int			n = eg_convert_array(&b->cv, value, b->column->width, out + b->first);

	if (n != b->column->width)
		eg_array_width_error(b->column->name, n, b->column->width);
}

static void
emit_other(BoundColumn *b, Datum value, float *out)
{
	switch (b->cv.kind)
	{
		case EG_COL_CATEGORY:
			out[b->first] = category_code(b, value);
			break;
		case EG_COL_ARRAY:
			emit_array(b, value, out);
			break;
		default:
			out[b->first] = eg_to_float(eg_convert_double(&b->cv, value) - b->origin);
			break;
	}
}

static inline void
emit(BoundColumn *b, Datum value, float *out)
{
	switch (b->cv.op)
	{
		case EG_OP_BOOL:
			out[b->first] = DatumGetBool(value) ? 1.0f : 0.0f;
			break;
		case EG_OP_INT2:
			out[b->first] = (float) DatumGetInt16(value);
			break;
		case EG_OP_INT4:
			out[b->first] = (float) DatumGetInt32(value);
			break;
		case EG_OP_INT8:
			out[b->first] = (float) (double) DatumGetInt64(value);
			break;
		case EG_OP_FLOAT4:
			out[b->first] = eg_to_float(DatumGetFloat4(value));
			break;
		case EG_OP_FLOAT8:
			out[b->first] = eg_to_float(DatumGetFloat8(value));
			break;
		default:
			emit_other(b, value, out);
			break;
	}
}

/* The same for a value in a tuple. */
static inline void
emit_pointer(BoundColumn *b, const char *p, float *out)
{
	switch (b->cv.op)
	{
		case EG_OP_BOOL:
			out[b->first] = *(const bool *) p ? 1.0f : 0.0f;
			break;
		case EG_OP_INT2:
			out[b->first] = (float) *(const int16 *) p;
			break;
		case EG_OP_INT4:
			out[b->first] = (float) *(const int32 *) p;
			break;
		case EG_OP_INT8:
			out[b->first] = (float) (double) *(const int64 *) p;	/* rounded as in training */
			break;
		case EG_OP_FLOAT4:
			out[b->first] = eg_to_float(*(const float4 *) p);
			break;
		case EG_OP_FLOAT8:
			out[b->first] = eg_to_float(*(const float8 *) p);
			break;
		case EG_OP_NUMERIC:
			out[b->first] = eg_to_float(eg_convert_numeric(p));
			break;
		default:
			emit_other(b, fetch_att(p, b->byval, b->attlen), out);
			break;
	}
}

/*
 * Set the errors apart: is the column missing because the row has no names?
 */
static bool
row_is_unnamed(TupleDesc desc)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "f%d", i + 1);
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0 &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), "?column?") != 0)
			return false;
	}
	return desc->natts > 0;
}

static char *
model_words(const char *model)
{
	return model ? psprintf("model \"%s\"", model) : pstrdup("the model");
}

static int
find_attribute(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return i;
	}
	return -1;
}

static void
bind_column(BoundColumn *b, const EgColumn *c, TupleDesc desc, const char *model)
{
	Form_pg_attribute att;

	b->column = c;
	b->first = c->first;
	b->origin = c->kind == EG_COL_DATE ? c->origin : 0;
	b->attno = find_attribute(desc, c->name);
	if (b->attno < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" that %s needs is missing from the row", c->name,
						model_words(model)),
				 row_is_unnamed(desc)
					 ? errhint("The columns of this row have no names; pass a row of a table, view "
							   "or subquery, or a jsonb object.")
					 : errhint("Columns are matched by name; their order does not matter.")));

	att = TupleDescAttr(desc, b->attno);
	b->attlen = att->attlen;
	b->byval = att->attbyval;
	if (!eg_converter_init(&b->cv, att->atttypid) || b->cv.kind != c->kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, but %s was trained on %s",
						c->name, format_type_be(att->atttypid), model_words(model), c->type)));
	if (b->cv.op == EG_OP_ENUM)
		b->enums = palloc0(sizeof(EnumSlot) * ENUM_SLOTS);

	/* rows stored before ALTER TABLE ... ADD COLUMN ... DEFAULT have that default */
	if (att->atthasmissing)
	{
		bool		isnull;
		Datum		value = getmissingattr(desc, b->attno + 1, &isnull);

		if (!isnull)
		{
			float	   *all = palloc0(sizeof(float) * (c->first + c->width));

			emit(b, value, all);
			b->missing = all + c->first;
		}
	}
}

static uint8
alignment_bytes(char typalign)
{
	switch (typalign)
	{
		case TYPALIGN_CHAR:
			return 1;
		case TYPALIGN_SHORT:
			return ALIGNOF_SHORT;
		case TYPALIGN_INT:
			return ALIGNOF_INT;
		default:
			return ALIGNOF_DOUBLE;
	}
}

/* Where each leading attribute of fixed length lies in a tuple without NULLs. */
static void
find_fixed(EgBinding *b)
{
	int			off = 0;
	int			i;

	b->fixed = palloc0(sizeof(BoundColumn *) * Max(b->natts, 1));
	for (i = 0; i < b->natts; i++)
	{
		BoundAttribute *a = &b->atts[i];

		if (a->len <= 0)
			break;
		off = TYPEALIGN(a->align, off);
		if (a->bound)
		{
			a->bound->offset = off;
			b->fixed[b->nfixed_columns++] = a->bound;
		}
		off += a->len;
	}
	b->nfixed = i;
	b->fixed_end = off;
}

EgBinding *
eg_schema_bind(const EgSchema *s, TupleDesc desc, const char *model)
{
	EgBinding  *b = palloc0(sizeof(EgBinding));
	int			i;

	b->ncolumns = s->ncolumns;
	b->columns = palloc0(sizeof(BoundColumn) * Max(s->ncolumns, 1));
	for (i = 0; i < s->ncolumns; i++)
	{
		bind_column(&b->columns[i], &s->columns[i], desc, model);
		b->natts = Max(b->natts, b->columns[i].attno + 1);
	}

	b->atts = palloc0(sizeof(BoundAttribute) * Max(b->natts, 1));
	for (i = 0; i < b->natts; i++)
	{
		/* dropped columns keep their length and alignment */
		b->atts[i].len = TupleDescAttr(desc, i)->attlen;
		b->atts[i].align = alignment_bytes(TupleDescAttr(desc, i)->attalign);
	}
	for (i = 0; i < s->ncolumns; i++)
		b->atts[b->columns[i].attno].bound = &b->columns[i];
	find_fixed(b);
	return b;
}

void
eg_binding_values(EgBinding *b, const Datum *values, const bool *nulls, float *out)
{
	int			i;

	for (i = 0; i < b->ncolumns; i++)
	{
		BoundColumn *c = &b->columns[i];

		if (nulls[c->attno])
			set_missing(c, out);
		else
			emit(c, values[c->attno], out);
	}
}

void
eg_binding_tuple(EgBinding *b, HeapTupleHeader tuple, float *out)
{
	int			natts = Min((int) HeapTupleHeaderGetNatts(tuple), b->natts);
	bits8	   *nulls = (tuple->t_infomask & HEAP_HASNULL) ? tuple->t_bits : NULL;
	const char *data = (const char *) tuple + tuple->t_hoff;
	Size		off = 0;
	int			i = 0;
	int			k;

	if (nulls == NULL && natts >= b->nfixed)
	{
		for (k = 0; k < b->nfixed_columns; k++)
			emit_pointer(b->fixed[k], data + b->fixed[k]->offset, out);
		i = b->nfixed;
		off = b->fixed_end;
	}

	for (; i < natts; i++)
	{
		const BoundAttribute *a = &b->atts[i];
		const char *p;

		if (nulls && att_isnull(i, nulls))
		{
			if (a->bound)
				set_missing(a->bound, out);
			continue;
		}
		/* a short varlena is not aligned, and its first byte is never zero */
		if (a->len != -1 || data[off] == 0)
			off = TYPEALIGN(a->align, off);
		p = data + off;
		if (a->bound)
			emit_pointer(a->bound, p, out);
		if (a->len > 0)
			off += a->len;
		else if (a->len == -1)
			off += VARSIZE_ANY(p);
		else
			off += strlen(p) + 1;
	}

	/* columns added after this row was stored */
	if (natts < b->natts)
	{
		for (i = 0; i < b->ncolumns; i++)
		{
			BoundColumn *c = &b->columns[i];

			if (c->attno < natts)
				continue;
			if (c->missing)
				memcpy(out + c->first, c->missing, sizeof(float) * c->column->width);
			else
				set_missing(c, out);
		}
	}
}
