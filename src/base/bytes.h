/*-------------------------------------------------------------------------
 *
 * bytes.h
 *	  Little-endian bytes: a writer that grows, a reader that distrusts.
 *
 * Every reader function raises ERRCODE_DATA_CORRUPTED when the bytes left
 * are too few; counts are bounded by the bytes left before anything is
 * allocated.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BYTES_H
#define EG_BYTES_H

#include "base/compat.h"
#include "lib/stringinfo.h"

typedef struct EgWriter
{
	StringInfoData buf;
} EgWriter;

typedef struct EgReader
{
	const uint8 *data;
	Size		len;
	Size		pos;
	const char *what;			/* for messages: what is being read */
} EgReader;

extern void eg_writer_init(EgWriter *w);
extern void eg_put_u8(EgWriter *w, uint8 v);
extern void eg_put_u16(EgWriter *w, uint16 v);
extern void eg_put_u32(EgWriter *w, uint32 v);
extern void eg_put_u64(EgWriter *w, uint64 v);
extern void eg_put_f32(EgWriter *w, float v);
extern void eg_put_f64(EgWriter *w, double v);
extern void eg_put_bytes(EgWriter *w, const void *p, Size n);
extern void eg_put_string(EgWriter *w, const char *s);	/* u32 length + bytes; NULL is 0xffffffff */
extern void eg_put_f32_array(EgWriter *w, const float *v, Size n);	/* no count */
extern void eg_put_i32_array(EgWriter *w, const int32 *v, Size n);	/* no count */
extern void eg_put_u32_array(EgWriter *w, const uint32 *v, Size n); /* no count */

extern void eg_reader_init(EgReader *r, const void *data, Size len, const char *what);
extern uint8 eg_get_u8(EgReader *r);
extern uint16 eg_get_u16(EgReader *r);
extern uint32 eg_get_u32(EgReader *r);
extern uint64 eg_get_u64(EgReader *r);
extern float eg_get_f32(EgReader *r);
extern double eg_get_f64(EgReader *r);
extern const uint8 *eg_get_bytes(EgReader *r, Size n);	/* points into the data */
extern char *eg_get_string(EgReader *r);	/* palloc'd, valid in the database encoding */

/* A u32 count of items of itemsize bytes each that must still follow; error above max. */
extern uint32 eg_get_count(EgReader *r, uint32 max, Size itemsize);
extern void eg_get_f32_array(EgReader *r, float *v, Size n);
extern void eg_get_i32_array(EgReader *r, int32 *v, Size n);
extern void eg_get_u32_array(EgReader *r, uint32 *v, Size n);

/* Numbers that have to be within bounds, or finite; what names them in the error. */
extern uint32 eg_get_u32_within(EgReader *r, uint32 min, uint32 max, const char *what);
extern double eg_get_f64_within(EgReader *r, double min, double max, const char *what);
extern void eg_get_f32_finite(EgReader *r, float *v, Size n, const char *what);

/* Raise ERRCODE_DATA_CORRUPTED: `<what> is corrupted: <why>`. */
extern void eg_corrupted(EgReader *r, const char *why, ...) pg_attribute_printf(2, 3)
	pg_attribute_noreturn();

extern uint32 eg_crc32c(const void *data, Size len);

#endif							/* EG_BYTES_H */
