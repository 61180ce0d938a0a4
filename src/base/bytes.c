/*-------------------------------------------------------------------------
 *
 * bytes.c
 *	  Little-endian bytes: a writer that grows, a reader that distrusts.
 *
 * Nothing is written as a whole struct, so artifacts do not depend on the
 * compiler or the machine.  Arrays of 4-byte numbers, which make up nearly
 * all of an artifact, are copied at once where the machine is little-endian
 * already.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/bytes.h"
#include "mb/pg_wchar.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#define NULL_STRING		0xffffffffU

/* ---------------- writing ---------------- */

void
eg_writer_init(EgWriter *w)
{
	initStringInfo(&w->buf);
}

void
eg_put_bytes(EgWriter *w, const void *p, Size n)
{
	/* appendBinaryStringInfo() counts with int */
	if (n >= MaxAllocSize - (Size) w->buf.len)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("model is too large to be stored: more than %zu bytes",
						(Size) MaxAllocSize)));
	if (n > 0)
		appendBinaryStringInfo(&w->buf, (const char *) p, (int) n);
}

void
eg_put_u8(EgWriter *w, uint8 v)
{
	eg_put_bytes(w, &v, 1);
}

void
eg_put_u16(EgWriter *w, uint16 v)
{
	uint8		b[2];

	b[0] = (uint8) v;
	b[1] = (uint8) (v >> 8);
	eg_put_bytes(w, b, 2);
}

void
eg_put_u32(EgWriter *w, uint32 v)
{
	uint8		b[4];

	for (int i = 0; i < 4; i++)
		b[i] = (uint8) (v >> (8 * i));
	eg_put_bytes(w, b, 4);
}

void
eg_put_u64(EgWriter *w, uint64 v)
{
	uint8		b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8) (v >> (8 * i));
	eg_put_bytes(w, b, 8);
}

void
eg_put_f32(EgWriter *w, float v)
{
	uint32		bits;

	memcpy(&bits, &v, sizeof(bits));
	eg_put_u32(w, bits);
}

void
eg_put_f64(EgWriter *w, double v)
{
	uint64		bits;

	memcpy(&bits, &v, sizeof(bits));
	eg_put_u64(w, bits);
}

void
eg_put_string(EgWriter *w, const char *s)
{
	if (s == NULL)
		eg_put_u32(w, NULL_STRING);
	else
	{
		Size		len = strlen(s);

		eg_put_u32(w, (uint32) len);
		eg_put_bytes(w, s, len);
	}
}

/* Any 4-byte numbers: one memcpy, or one number at a time on big-endian machines. */
static void
put_words(EgWriter *w, const void *v, Size n)
{
	if (n > MaxAllocSize / 4)
		n = MaxAllocSize / 4;	/* eg_put_bytes() raises the error */
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
	{
		uint32		bits;

		memcpy(&bits, (const char *) v + 4 * i, 4);
		eg_put_u32(w, bits);
	}
#else
	eg_put_bytes(w, v, 4 * n);
#endif
}

void
eg_put_f32_array(EgWriter *w, const float *v, Size n)
{
	put_words(w, v, n);
}

void
eg_put_i32_array(EgWriter *w, const int32 *v, Size n)
{
	put_words(w, v, n);
}

void
eg_put_u32_array(EgWriter *w, const uint32 *v, Size n)
{
	put_words(w, v, n);
}

/* ---------------- reading ---------------- */

void
eg_reader_init(EgReader *r, const void *data, Size len, const char *what)
{
	r->data = (const uint8 *) data;
	r->len = len;
	r->pos = 0;
	r->what = what;
}

void
eg_corrupted(EgReader *r, const char *why, ...)
{
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, why);
		needed = appendStringInfoVA(&text, why, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("%s is corrupted: %s", r->what, text.data)));
}

const uint8 *
eg_get_bytes(EgReader *r, Size n)
{
	const uint8 *p;

	if (n > r->len - r->pos)
		eg_corrupted(r, "it ends after %zu bytes, at least %zu more are needed",
					 r->len, n - (r->len - r->pos));
	p = r->data + r->pos;
	r->pos += n;
	return p;
}

uint8
eg_get_u8(EgReader *r)
{
	return *eg_get_bytes(r, 1);
}

uint16
eg_get_u16(EgReader *r)
{
	const uint8 *p = eg_get_bytes(r, 2);

	return (uint16) (p[0] | p[1] << 8);
}

uint32
eg_get_u32(EgReader *r)
{
	const uint8 *p = eg_get_bytes(r, 4);
	uint32		v = 0;

	for (int i = 0; i < 4; i++)
		v |= (uint32) p[i] << (8 * i);
	return v;
}

uint64
eg_get_u64(EgReader *r)
{
	const uint8 *p = eg_get_bytes(r, 8);
	uint64		v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64) p[i] << (8 * i);
	return v;
}

float
eg_get_f32(EgReader *r)
{
	uint32		bits = eg_get_u32(r);
	float		v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

double
eg_get_f64(EgReader *r)
{
	uint64		bits = eg_get_u64(r);
	double		v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

char *
eg_get_string(EgReader *r)
{
	uint32		len = eg_get_u32(r);
	const uint8 *p;
	char	   *s;

	if (len == NULL_STRING)
		return NULL;
	if (len >= MaxAllocSize)
		eg_corrupted(r, "a text of %u bytes is too long", len);
	p = eg_get_bytes(r, len);
	if (memchr(p, 0, len) != NULL ||
		!pg_verifymbstr((const char *) p, (int) len, true))
		eg_corrupted(r, "a text at byte %zu is not valid in encoding \"%s\"",
					 r->pos - len, GetDatabaseEncodingName());
	s = (char *) palloc((Size) len + 1);
	memcpy(s, p, len);
	s[len] = '\0';
	return s;
}

uint32
eg_get_count(EgReader *r, uint32 max, Size itemsize)
{
	uint32		n = eg_get_u32(r);

	if (n > max)
		eg_corrupted(r, "a count is %u, at most %u is possible", n, max);
	if (itemsize > 0 && n > (r->len - r->pos) / itemsize)
		eg_corrupted(r, "%u items of %zu bytes are announced, %zu bytes are left",
					 n, itemsize, r->len - r->pos);
	return n;
}

static void
get_words(EgReader *r, void *v, Size n)
{
	if (n > (r->len - r->pos) / 4)
		eg_corrupted(r, "%zu numbers of 4 bytes are announced, %zu bytes are left",
					 n, r->len - r->pos);
#ifdef WORDS_BIGENDIAN
	for (Size i = 0; i < n; i++)
	{
		uint32		bits = eg_get_u32(r);

		memcpy((char *) v + 4 * i, &bits, 4);
	}
#else
	if (n > 0)
		memcpy(v, eg_get_bytes(r, 4 * n), 4 * n);
#endif
}

void
eg_get_f32_array(EgReader *r, float *v, Size n)
{
	get_words(r, v, n);
}

uint32
eg_get_u32_within(EgReader *r, uint32 min, uint32 max, const char *what)
{
	uint32		v = eg_get_u32(r);

	if (v < min || v > max)
		eg_corrupted(r, "%s is out of range: %u", what, v);
	return v;
}

double
eg_get_f64_within(EgReader *r, double min, double max, const char *what)
{
	double		v = eg_get_f64(r);

	if (!(v >= min && v <= max))
		eg_corrupted(r, "%s is out of range", what);
	return v;
}

void
eg_get_f32_finite(EgReader *r, float *v, Size n, const char *what)
{
	Size		i;

	eg_get_f32_array(r, v, n);
	for (i = 0; i < n; i++)
	{
		if (!isfinite(v[i]))
			eg_corrupted(r, "%s is not a finite number", what);
	}
}

void
eg_get_i32_array(EgReader *r, int32 *v, Size n)
{
	get_words(r, v, n);
}

void
eg_get_u32_array(EgReader *r, uint32 *v, Size n)
{
	get_words(r, v, n);
}

uint32
eg_crc32c(const void *data, Size len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, len);
	FIN_CRC32C(crc);
	return (uint32) crc;
}
