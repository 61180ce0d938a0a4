/*-------------------------------------------------------------------------
 *
 * fit_rows.c
 *	  The state of engage_fit(): rows packed into one value.
 *
 *	  u32 bytes used, u32 bytes of columns, u32 bytes of the rest of the head, u32 bytes
 *	  of sums, u32 bytes of rows above which they become sums
 *	  columns: target's kind and type, number of columns; name, kind, type of each
 *	  rest: algorithm, parameters, task
 *	  sums: see fit_sums.c
 *	  rows: u32 length; target (f64, or a string), then the columns: number and interval
 *	  f32, date f64, category a string or none, array u32 length and f32s (none: 0xffffffff)
 *
 * The value has room to spare at its end, twice what is used when it grows, so
 * that adding a row costs the row and not the state.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/run.h"
#include "store/fit_private.h"
#include "store/header_tuple.h"
#include "store/identity.h"
#include "store/schema_private.h"

#define FIXED				20		/* bytes before the columns */
#define FIRST_ROOM			1024
#define FIRST_SUMS			(1024 * 1024)	/* fewer bytes of rows stay rows */
#define NO_ARRAY			PG_UINT32_MAX

struct EgFitReader
{
	EgConverter target;
	Oid			target_type;
	EgTargetKind target_kind;
	bool		is_row;
	EgConverter array;			/* !is_row */
	int			width;			/* of the array packed last */
	const EgFitHead *head;		/* !is_row: names, while columns are written */
	MemoryContext context;		/* of what follows */
	EgRowType	row_type;		/* is_row: what is bound */
	TupleDesc	desc;
	EgConverter *cv;			/* (natts) */
	Datum	   *values;
	bool	   *nulls;
	char	   *columns;		/* is_row: their stored form */
	int			columns_len;
};

EgFitReader *
eg_fit_reader_create(Oid target, Oid features)
{
	EgFitReader *r = palloc0(sizeof(EgFitReader));

	r->context = CurrentMemoryContext;
	r->target_type = target;
	if (!OidIsValid(target) || !eg_converter_init(&r->target, target) ||
		(r->target.kind != EG_COL_NUMBER && r->target.kind != EG_COL_CATEGORY))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a target of type %s cannot be learned",
						OidIsValid(target) ? format_type_be(target) : "unknown"),
				 errhint("Cast it to a number, boolean or text.")));
	r->target_kind = r->target.kind == EG_COL_CATEGORY ? EG_TARGET_LABEL :
		r->target.op == EG_OP_BOOL ? EG_TARGET_BOOL : EG_TARGET_NUMBER;
	r->is_row = OidIsValid(features) && type_is_rowtype(features);
	if (!r->is_row && (!OidIsValid(features) || !eg_converter_init(&r->array, features) ||
					   r->array.kind != EG_COL_ARRAY))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("features of type %s are neither a row nor an array of numbers",
						OidIsValid(features) ? format_type_be(features) : "unknown")));
	return r;
}

static void
put_column(EgWriter *w, const char *name, EgColumnKind kind, Oid type)
{
	eg_put_string(w, name);
	eg_put_u8(w, (uint8) kind);
	eg_put_string(w, format_type_be(type));
}

static void
put_target(const EgFitReader *r, EgWriter *w)
{
	eg_put_u8(w, (uint8) r->target_kind);
	eg_put_string(w, format_type_be(r->target_type));
}

/* Columns of a row type. */
static void
bind_row_type(EgFitReader *r, TupleDesc desc, uint64 identifier)
{
	EgRowType	row_type = {identifier, eg_catalog_changes};
	MemoryContext old = MemoryContextSwitchTo(r->context);
	EgWriter	w;
	int			n = 0;
	int			i;

	r->desc = CreateTupleDescCopy(desc);
	r->cv = palloc0(sizeof(EgConverter) * Max(desc->natts, 1));
	r->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	r->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(r->desc, i);

		if (att->attisdropped)
			continue;
		if (!eg_converter_init(&r->cv[i], att->atttypid))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be a feature", NameStr(att->attname),
							format_type_be(att->atttypid)),
					 errhint("Leave it out of the row, or convert it to a number or text.")));
		n++;
	}
	eg_writer_init(&w);
	put_target(r, &w);
	eg_put_u32(&w, (uint32) n);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(r->desc, i);

		if (!att->attisdropped)
			put_column(&w, NameStr(att->attname), r->cv[i].kind, att->atttypid);
	}
	r->columns = w.buf.data;
	r->columns_len = w.buf.len;
	MemoryContextSwitchTo(old);
	r->row_type = row_type;
}

static void
pack_column(EgConverter *cv, Datum value, bool isnull, const char *name, EgWriter *w)
{
	char		buf[EG_TEXT_BUFFER];
	const char *text;
	float	   *numbers;
	int			n;

	switch (cv->kind)
	{
		case EG_COL_CATEGORY:
			if (isnull)
			{
				eg_put_string(w, NULL);
				break;
			}
			text = eg_convert_text(cv, value, buf, &n);
			eg_put_u32(w, (uint32) n);
			eg_put_bytes(w, text, n);
			break;
		case EG_COL_DATE:
			eg_put_f64(w, isnull ? NAN : eg_convert_double(cv, value));
			break;
		case EG_COL_ARRAY:
			if (isnull)
			{
				eg_put_u32(w, NO_ARRAY);
				break;
			}
			n = eg_convert_array(cv, value, -2, NULL);
			if (n < 1 || n > EG_MAX_FEATURES)
				ereport(ERROR,
						(errcode(ERRCODE_DATA_EXCEPTION),
						 n < 0 ? errmsg("array in column \"%s\" has more than one dimension", name)
							   : errmsg("array in column \"%s\" has %d elements", name, n)));
			numbers = palloc(sizeof(float) * n);
			(void) eg_convert_array(cv, value, n, numbers);
			eg_put_u32(w, (uint32) n);
			eg_put_f32_array(w, numbers, n);
			break;
		default:
			eg_put_f32(w, isnull ? NAN : eg_to_float(eg_convert_double(cv, value)));
			break;
	}
}

static void
pack_row(EgFitReader *r, HeapTupleHeader header, EgWriter *w)
{
	uint64		id = assign_record_type_identifier(HeapTupleHeaderGetTypeId(header),
												   HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = eg_header_tuple(header);
	int			i;

	if (!eg_row_type_is(&r->row_type, id))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
												  HeapTupleHeaderGetTypMod(header));

		r->row_type.identifier = 0;
		bind_row_type(r, desc, id);
		ReleaseTupleDesc(desc);
	}
	heap_deform_tuple(&tuple, r->desc, r->values, r->nulls);
	for (i = 0; i < r->desc->natts; i++)
	{
		if (!TupleDescAttr(r->desc, i)->attisdropped)
			pack_column(&r->cv[i], r->values[i], r->nulls[i],
						NameStr(TupleDescAttr(r->desc, i)->attname), w);
	}
}

bool
eg_fit_pack(EgFitReader *r, Datum target, bool target_null, Datum features, EgWriter *row)
{
	char		buf[EG_TEXT_BUFFER];
	float	   *numbers;
	double		number;
	int			n;

	if (target_null)
		return false;
	eg_put_u32(row, 0);			/* length, when it is known */
	if (r->target_kind == EG_TARGET_LABEL)
	{
		const char *text = eg_convert_text(&r->target, target, buf, &n);

		eg_put_u32(row, (uint32) n);
		eg_put_bytes(row, text, n);
	}
	else
	{
		number = eg_convert_double(&r->target, target);
		if (isnan(number) || isinf(number))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the target has the value %s", isnan(number) ? "NaN" :
							number > 0 ? "Infinity" : "-Infinity"),
					 errhint("Leave such rows out with FILTER.")));
		eg_put_f64(row, number);
	}
	if (r->is_row)
		pack_row(r, DatumGetHeapTupleHeader(features), row);
	else
	{
		n = eg_convert_array(&r->array, features, -2, NULL);
		if (n < 1 || n > EG_MAX_FEATURES)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 n < 0 ? errmsg("the array of features has more than one dimension") :
					 errmsg("the array of features has %d elements", n)));
		numbers = palloc(sizeof(float) * n);
		(void) eg_convert_array(&r->array, features, n, numbers);
		eg_put_f32_array(row, numbers, n);
		r->width = n;
	}
	return true;
}

/* ----------
 * States
 * ----------
 */

static void
put_u32_at(char *p, uint32 v)
{
	int			i;

	for (i = 0; i < 4; i++)
		p[i] = (char) (v >> (8 * i));
}

static uint32
get_u32_at(const char *p)
{
	const uint8 *b = (const uint8 *) p;

	return (uint32) b[0] | (uint32) b[1] << 8 | (uint32) b[2] << 16 | (uint32) b[3] << 24;
}

/* Bytes before the sums; the sums; up to how many rows. */
static Size
head_size(const char *p)
{
	return (Size) FIXED + get_u32_at(p + 4) + get_u32_at(p + 8);
}

static Size
sums_size(const char *p)
{
	return get_u32_at(p + 12);
}

/* Rows become sums at so many bytes of them, which are twice those of the sums at least. */
static uint32
most_rows(Size sums)
{
	return (uint32) Min(Max(2 * sums, FIRST_SUMS), PG_UINT32_MAX - 1);
}

/* The used bytes, after a look at what has no other check. */
static const char *
used_bytes(const bytea *state, uint32 *used)
{
	const char *p = VARDATA_ANY(state);
	Size		size = VARSIZE_ANY_EXHDR(state);

	if (size < FIXED || (*used = get_u32_at(p)) > size ||
		head_size(p) + sums_size(p) > *used)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("state of engage_fit() is corrupted")));
	return p;
}

static bytea *
with_room(const char *bytes, uint32 used, Size more)
{
	Size		room = Max((Size) used + more, FIRST_ROOM) * 2;
	bytea	   *state;

	if (room > MaxAllocSize - VARHDRSZ)
		room = MaxAllocSize - VARHDRSZ;
	if (used + more > room)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("engage_fit() can hold %zu MB of rows, and there are more",
						room / (1024 * 1024)),
				 errhint("Train on a table with engage_train().")));
	/* the rest is sent and compared as well: zeros */
	state = eg_state_alloc(VARHDRSZ + room, used, "keeping the rows of engage_fit()");
	SET_VARSIZE(state, VARHDRSZ + room);
	memcpy(VARDATA(state), bytes, used);
	return state;
}

static bytea *
append(bytea *state, const char *bytes, Size len, bool in_place)
{
	uint32		used;
	const char *p = used_bytes(state, &used);

	if (!in_place || VARATT_IS_SHORT(state) || used + len > VARSIZE_ANY_EXHDR(state))
		state = with_room(p, used, len);
	memcpy(VARDATA(state) + used, bytes, len);
	put_u32_at(VARDATA(state), (uint32) (used + len));
	return state;
}

bytea *
eg_fit_begin(const EgFitReader *r, const EgFitHead *head)
{
	EgWriter	w;
	int			i;
	int			columns_len;

	eg_writer_init(&w);
	for (i = 0; i < FIXED / 4; i++)
		eg_put_u32(&w, 0);
	if (r->is_row)
		eg_put_bytes(&w, r->columns, r->columns_len);
	else
	{
		put_target(r, &w);
		eg_put_u32(&w, (uint32) r->width);
		if (head->names != NIL && list_length(head->names) != r->width)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there are %d names for %d features", list_length(head->names),
							r->width)));
		for (i = 0; i < r->width; i++)
			put_column(&w, head->names != NIL ? (char *) list_nth(head->names, i) :
					   psprintf("f%d", i + 1), EG_COL_NUMBER, FLOAT8OID);
	}
	if (r->is_row && head->names != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"names\" is for an array of features; a row has names")));
	columns_len = w.buf.len - FIXED;
	eg_put_string(&w, head->algorithm);
	eg_put_string(&w, head->params);
	eg_put_string(&w, head->task);
	put_u32_at(w.buf.data, (uint32) w.buf.len);
	put_u32_at(w.buf.data + 4, (uint32) columns_len);
	put_u32_at(w.buf.data + 8, (uint32) (w.buf.len - FIXED - columns_len));
	put_u32_at(w.buf.data + 16, r->target_kind != EG_TARGET_LABEL &&
			   eg_algorithm_find(head->algorithm)->fit_moments ? most_rows(0) : PG_UINT32_MAX);
	return with_room(w.buf.data, (uint32) w.buf.len, 0);
}

void
eg_fit_check(const EgFitReader *r, const bytea *state)
{
	uint32		used;
	const char *p = used_bytes(state, &used);
	EgReader	columns;
	uint32		n;

	if (r->is_row)
	{
		if (get_u32_at(p + 4) != (uint32) r->columns_len ||
			memcmp(p + FIXED, r->columns, r->columns_len) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows of one engage_fit() have different columns")));
		return;
	}
	eg_reader_init(&columns, p + FIXED, get_u32_at(p + 4), "state of engage_fit()");
	(void) eg_get_u8(&columns);
	eg_get_bytes(&columns, eg_get_u32(&columns));
	n = eg_get_u32(&columns);
	if (n != (uint32) r->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the array of features has %d elements, not %u", r->width, n)));
}

/* Are there enough rows to become sums? */
static bytea *
fold_rows(bytea *state)
{
	const char *p = VARDATA_ANY(state);

	if (get_u32_at(p) - head_size(p) - sums_size(p) <= get_u32_at(p + 16))
		return state;
	return eg_fit_fold(state);
}

bytea *
eg_fit_append(bytea *state, const EgWriter *row, bool in_place)
{
	put_u32_at(row->buf.data, (uint32) (row->buf.len - 4));
	return fold_rows(append(state, row->buf.data, row->buf.len, in_place));
}

bytea *
eg_fit_combine(bytea *state, const bytea *other, bool in_place)
{
	uint32		used,
				other_used;
	const char *p = used_bytes(state, &used);
	const char *q = used_bytes(other, &other_used);
	Size		head = head_size(p);

	/* the same but for the sums and what follows from them */
	if (head_size(q) != head || memcmp(p + 4, q + 4, 8) != 0 ||
		memcmp(p + FIXED, q + FIXED, head - FIXED) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of one engage_fit() have different columns or parameters")));
	if (sums_size(q) > 0)
		return fold_rows(eg_fit_fold_together(state, other));
	return fold_rows(append(state, q + head, other_used - head, in_place));
}

bytea *
eg_fit_with_sums(const bytea *old, const EgWriter *sums)
{
	uint32		used;
	const char *p = used_bytes(old, &used);
	Size		head = head_size(p);
	Size		len = sums->buf.len;
	Size		room = most_rows(len);
	bytea	   *state;

	if (head + len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the sums of engage_fit() need %zu MB, more than a value can hold",
						len / (1024 * 1024)),
				 errhint("Learn from fewer columns and categories.")));
	room = Min(head + len + room + 1024, MaxAllocSize - VARHDRSZ);
	state = eg_state_alloc(VARHDRSZ + room, VARSIZE_ANY(old) + len,
						   "keeping the sums of engage_fit()");
	SET_VARSIZE(state, VARHDRSZ + room);
	memcpy(VARDATA(state), p, head);
	memcpy(VARDATA(state) + head, sums->buf.data, len);
	put_u32_at(VARDATA(state), (uint32) (head + len));
	put_u32_at(VARDATA(state) + 12, (uint32) len);
	put_u32_at(VARDATA(state) + 16, most_rows(len));
	return state;
}

bytea *
eg_fit_fold_at(bytea *state, uint32 rows)
{
	put_u32_at(VARDATA(state) + 16, rows);
	return state;
}

bytea *
eg_fit_append_rows(bytea *state, const EgFitState *from)
{
	return append(state, (const char *) from->rows.data + from->rows.pos,
				  from->rows.len - from->rows.pos, true);
}

void
eg_fit_open(const bytea *state, EgFitState *s)
{
	uint32		used;
	const char *p = used_bytes(state, &used);
	EgReader	r;
	int			kind;
	int			i;

	eg_reader_init(&r, p, used, "state of engage_fit()");
	(void) eg_get_bytes(&r, FIXED);
	kind = eg_get_u8(&r);
	if (kind != EG_TARGET_NUMBER && kind != EG_TARGET_BOOL && kind != EG_TARGET_LABEL)
		eg_corrupted(&r, "the kind of its target is %d", kind);
	s->target_kind = (EgTargetKind) kind;
	s->target_type = eg_get_string(&r);
	s->ncolumns = (int) eg_get_count(&r, EG_MAX_FEATURES, 9);
	s->columns = palloc0(sizeof(EgFitColumn) * Max(s->ncolumns, 1));
	for (i = 0; i < s->ncolumns; i++)
	{
		s->columns[i].name = eg_get_string(&r);
		kind = eg_get_u8(&r);
		s->columns[i].type = eg_get_string(&r);
		if (s->columns[i].name == NULL || s->columns[i].type == NULL || kind > EG_COL_ARRAY)
			eg_corrupted(&r, "column %d has kind %d", i + 1, kind);
		s->columns[i].kind = (EgColumnKind) kind;
	}
	s->algorithm = eg_get_string(&r);
	s->params = eg_get_string(&r);
	s->task = eg_get_string(&r);
	if (s->algorithm == NULL)
		eg_corrupted(&r, "the algorithm's name is missing");
	if (r.pos != head_size(p))
		eg_corrupted(&r, "its head has another length than it says");
	eg_reader_init(&s->sums, eg_get_bytes(&r, sums_size(p)), sums_size(p), EG_FIT_STATE);
	s->rows = r;
}
