/*-------------------------------------------------------------------------
 *
 * doc.c
 *	  A document tree read from UBJSON (ubjson.org, draft 12) or JSON: what
 *	  XGBoost's model files are written in.  JSON is in doc_json.c.
 *
 * The input is untrusted.  Memory grows with what was read, not with what a
 * header announces; typed arrays have at least one byte for each element.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/doc.h"
#include "base/doc_read.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static void parse_ubjson(EgReader *r, uint8 marker, EgDoc *doc);

/* ---------------- common to both ---------------- */

uint8
eg_doc_peek(EgReader *r)
{
	if (r->pos >= r->len)
		eg_corrupted(r, "it ends after %zu bytes in the middle of a value", r->len);
	return r->data[r->pos];
}

/* A copy in the database's encoding; the files are in UTF-8. */
char *
eg_doc_text_copy(EgReader *r, const char *s, Size len, int *outlen)
{
	char	   *copy;
	char	   *converted;

	if (len >= MaxAllocSize / 4)
		eg_corrupted(r, "a text of %zu bytes is too long", len);
	if (memchr(s, 0, len) != NULL || !pg_verify_mbstr(PG_UTF8, s, (int) len, true))
		eg_corrupted(r, "a text before byte %zu is not valid UTF-8", r->pos);
	copy = (char *) palloc(len + 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	converted = pg_any_to_server(copy, (int) len, PG_UTF8);
	*outlen = (int) strlen(converted);
	return converted;
}

/* Room for one more item of an array that has n of *cap. */
void *
eg_doc_grow(void *items, int64 n, int64 *cap, Size size)
{
	if (n < *cap)
		return items;
	if (n >= PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an array of the model has more than %d elements", PG_INT32_MAX / 2)));
	*cap = Max(*cap * 2, 8);
	if (items == NULL)
		return MemoryContextAllocHuge(CurrentMemoryContext, *cap * size);
	return repalloc_huge(items, *cap * size);
}

void
eg_doc_skip_space(EgReader *r)
{
	while (r->pos < r->len &&
		   (r->data[r->pos] == ' ' || r->data[r->pos] == '\t' ||
			r->data[r->pos] == '\n' || r->data[r->pos] == '\r'))
		r->pos++;
}

/* ---------------- UBJSON ---------------- */

/* Bytes of a number with this marker, 0 when it marks no number. */
static int
number_size(uint8 marker)
{
	switch (marker)
	{
		case 'i':
		case 'U':
			return 1;
		case 'I':
			return 2;
		case 'l':
		case 'd':
			return 4;
		case 'L':
		case 'D':
			return 8;
		default:
			return 0;
	}
}

/* A big-endian integer at p. */
static inline int64
integer_at(const uint8 *p, uint8 marker)
{
	uint64		v = 0;

	switch (marker)
	{
		case 'i':
			return (int8) p[0];
		case 'U':
			return p[0];
		case 'I':
			return (int16) (p[0] << 8 | p[1]);
		case 'l':
			return (int32) ((uint32) p[0] << 24 | (uint32) p[1] << 16 | (uint32) p[2] << 8 | p[3]);
		default:
			for (int i = 0; i < 8; i++)
				v = v << 8 | p[i];
			return (int64) v;
	}
}

static inline double
number_at(const uint8 *p, uint8 marker)
{
	if (marker == 'd')
	{
		uint32		bits = (uint32) integer_at(p, 'l');
		float		v;

		memcpy(&v, &bits, sizeof(v));
		return v;
	}
	if (marker == 'D')
	{
		uint64		bits = (uint64) integer_at(p, 'L');
		double		v;

		memcpy(&v, &bits, sizeof(v));
		return v;
	}
	return (double) integer_at(p, marker);
}

/* A length or count: an integer with its own marker. */
static int64
ubjson_length(EgReader *r)
{
	uint8		marker = eg_get_u8(r);
	int			size = number_size(marker);
	int64		n;

	if (size == 0 || marker == 'd' || marker == 'D')
		eg_corrupted(r, "byte %zu is no length", r->pos - 1);
	n = integer_at(eg_get_bytes(r, size), marker);
	if (n < 0)
		eg_corrupted(r, "the length before byte %zu is negative", r->pos);
	return n;
}

static char *
ubjson_string(EgReader *r, int *len)
{
	int64		n = ubjson_length(r);
	const uint8 *p = eg_get_bytes(r, (Size) n);

	return eg_doc_text_copy(r, (const char *) p, (Size) n, len);
}

/* "$type" and "#count" after an opening bracket; type 0 and count -1 when absent. */
static void
ubjson_header(EgReader *r, uint8 *type, int64 *count)
{
	*type = 0;
	*count = -1;
	if (eg_doc_peek(r) == '$')
	{
		r->pos++;
		*type = eg_get_u8(r);
		if (eg_doc_peek(r) != '#')
			eg_corrupted(r, "byte %zu has a type without a count", r->pos);
		/* types without any bytes would make the count free of charge */
		if (number_size(*type) == 0 && strchr("CSH[{", *type) == NULL)
			eg_corrupted(r, "byte %zu is no type of an array", r->pos - 1);
	}
	if (eg_doc_peek(r) == '#')
	{
		r->pos++;
		*count = ubjson_length(r);
		if ((uint64) *count > r->len - r->pos)
			eg_corrupted(r, "%lld elements are announced at byte %zu, %zu bytes are left",
						 (long long) *count, r->pos, r->len - r->pos);
	}
}

static void
ubjson_array(EgReader *r, EgDoc *doc)
{
	uint8		type;
	int64		count;
	int64		cap = 0;
	int64		n = 0;
	int			size;

	ubjson_header(r, &type, &count);
	size = number_size(type);
	if (size > 0)
	{
		const uint8 *p;

		if (count > (int64) ((r->len - r->pos) / size))
			eg_corrupted(r, "%lld numbers are announced at byte %zu, %zu bytes are left",
						 (long long) count, r->pos, r->len - r->pos);
		doc->kind = EG_DOC_TYPED;
		doc->u.typed.n = count;
		doc->u.typed.type = (char) type;
		doc->u.typed.offset = r->pos;
		doc->u.typed.values = (double *) MemoryContextAllocHuge(CurrentMemoryContext,
																Max(count, 1) * sizeof(double));
		p = eg_get_bytes(r, (Size) count * size);
		for (int64 i = 0; i < count; i++)
			doc->u.typed.values[i] = number_at(p + i * size, type);
		return;
	}

	doc->kind = EG_DOC_ARRAY;
	doc->u.array.items = NULL;
	for (;;)
	{
		uint8		marker = type;

		if (count >= 0 ? n == count : eg_doc_peek(r) == ']')
			break;
		if (marker == 0)
			marker = eg_get_u8(r);
		doc->u.array.items = (EgDoc *) eg_doc_grow(doc->u.array.items, n, &cap, sizeof(EgDoc));
		parse_ubjson(r, marker, &doc->u.array.items[n++]);
	}
	if (count < 0)
		r->pos++;
	doc->u.array.n = (int) n;
}

static void
ubjson_object(EgReader *r, EgDoc *doc)
{
	uint8		type;
	int64		count;
	int64		cap = 0;
	int64		keycap = 0;
	int64		n = 0;

	ubjson_header(r, &type, &count);
	doc->kind = EG_DOC_OBJECT;
	doc->u.object.keys = NULL;
	doc->u.object.values = NULL;
	for (;;)
	{
		int			len;

		if (count >= 0 ? n == count : eg_doc_peek(r) == '}')
			break;
		doc->u.object.keys = (char **) eg_doc_grow(doc->u.object.keys, n, &keycap, sizeof(char *));
		doc->u.object.values = (EgDoc *) eg_doc_grow(doc->u.object.values, n, &cap, sizeof(EgDoc));
		doc->u.object.keys[n] = ubjson_string(r, &len);
		parse_ubjson(r, type != 0 ? type : eg_get_u8(r), &doc->u.object.values[n]);
		n++;
	}
	if (count < 0)
		r->pos++;
	doc->u.object.n = (int) n;
}

static void
parse_ubjson(EgReader *r, uint8 marker, EgDoc *doc)
{
	int			size = number_size(marker);

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	while (marker == 'N')		/* no-op, allowed anywhere */
	{
		marker = eg_get_u8(r);
		size = number_size(marker);
	}
	if (size > 0)
	{
		const uint8 *p = eg_get_bytes(r, size);

		if (marker == 'd' || marker == 'D')
		{
			doc->kind = EG_DOC_REAL;
			doc->u.real = number_at(p, marker);
		}
		else
		{
			doc->kind = EG_DOC_INT;
			doc->u.integer = integer_at(p, marker);
		}
		return;
	}
	switch (marker)
	{
		case 'Z':
			doc->kind = EG_DOC_NULL;
			break;
		case 'T':
		case 'F':
			doc->kind = EG_DOC_BOOL;
			doc->u.boolean = (marker == 'T');
			break;
		case 'C':
			doc->kind = EG_DOC_STRING;
			doc->u.string.s = eg_doc_text_copy(r, (const char *) eg_get_bytes(r, 1), 1,
										&doc->u.string.len);
			break;
		case 'S':
		case 'H':				/* a number of any precision, as text */
			doc->kind = EG_DOC_STRING;
			doc->u.string.s = ubjson_string(r, &doc->u.string.len);
			break;
		case '[':
			ubjson_array(r, doc);
			break;
		case '{':
			ubjson_object(r, doc);
			break;
		default:
			eg_corrupted(r, "byte %zu begins no UBJSON value", r->pos - 1);
	}
}

/* ---------------- interface ---------------- */

EgDoc *
eg_doc_parse(const void *data, Size len, const char *what)
{
	EgReader	r;
	EgDoc	   *doc = (EgDoc *) palloc0(sizeof(EgDoc));
	Size		begin;

	eg_reader_init(&r, data, len, what);
	eg_doc_skip_space(&r);
	begin = r.pos;
	if (eg_doc_peek(&r) != '{')
		eg_corrupted(&r, "it begins neither JSON nor UBJSON");
	r.pos++;
	if (begin == 0)
		(void) eg_doc_peek(&r);		/* one byte is no document */
	if (begin > 0 || strchr(" \t\r\n\"}", eg_doc_peek(&r)) != NULL)
	{
		r.pos = begin;
		eg_doc_parse_json(&r, doc);
		eg_doc_skip_space(&r);
	}
	else
		parse_ubjson(&r, '{', doc);
	if (r.pos != r.len)
		eg_corrupted(&r, "%zu bytes follow after its end at byte %zu", r.len - r.pos, r.pos);
	return doc;
}

EgDoc *
eg_doc_get(const EgDoc *doc, const char *key)
{
	if (doc == NULL || doc->kind != EG_DOC_OBJECT)
		return NULL;
	for (int i = 0; i < doc->u.object.n; i++)
		if (strcmp(doc->u.object.keys[i], key) == 0)
			return &doc->u.object.values[i];
	return NULL;
}

EgDoc *
eg_doc_path(const EgDoc *doc,...)
{
	EgDoc	   *d = (EgDoc *) doc;
	const char *key;
	va_list		args;

	va_start(args, doc);
	while (d != NULL && (key = va_arg(args, const char *)) != NULL)
		d = eg_doc_get(d, key);
	va_end(args);
	return d;
}

bool
eg_doc_number(const EgDoc *doc, double *value)
{
	char	   *end;

	if (doc == NULL)
		return false;
	switch (doc->kind)
	{
		case EG_DOC_BOOL:
			*value = doc->u.boolean ? 1.0 : 0.0;
			return true;
		case EG_DOC_INT:
			*value = (double) doc->u.integer;
			return true;
		case EG_DOC_REAL:
			*value = doc->u.real;
			return true;
		case EG_DOC_STRING:
			*value = strtod(doc->u.string.s, &end);
			return end != doc->u.string.s && *end == '\0';
		default:
			return false;
	}
}

double *
eg_doc_numbers(const EgDoc *doc, int64 *n)
{
	double	   *v;

	if (doc == NULL || (doc->kind != EG_DOC_ARRAY && doc->kind != EG_DOC_TYPED))
		return NULL;
	*n = doc->kind == EG_DOC_ARRAY ? doc->u.array.n : doc->u.typed.n;
	v = (double *) MemoryContextAllocHuge(CurrentMemoryContext, Max(*n, 1) * sizeof(double));
	if (doc->kind == EG_DOC_TYPED)
	{
		if (*n > 0)
			memcpy(v, doc->u.typed.values, *n * sizeof(double));
		return v;
	}
	for (int64 i = 0; i < *n; i++)
		if (!eg_doc_number(&doc->u.array.items[i], &v[i]))
		{
			pfree(v);
			return NULL;
		}
	return v;
}
