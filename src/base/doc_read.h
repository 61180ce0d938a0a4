/*-------------------------------------------------------------------------
 *
 * doc_read.h
 *	  What doc.c and doc_json.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_DOC_READ_H
#define EG_DOC_READ_H

#include "base/bytes.h"
#include "base/doc.h"

/* The next byte, not consumed; an error at the end. */
extern uint8 eg_doc_peek(EgReader *r);
extern void eg_doc_skip_space(EgReader *r);

/* A copy of UTF-8 text in the database's encoding, and its length there. */
extern char *eg_doc_text_copy(EgReader *r, const char *s, Size len, int *outlen);

/* Room for one more item of an array that has n of *cap; items may be NULL. */
extern void *eg_doc_grow(void *items, int64 n, int64 *cap, Size size);

extern void eg_doc_parse_json(EgReader *r, EgDoc *doc);

#endif							/* EG_DOC_READ_H */
