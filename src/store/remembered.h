/*-------------------------------------------------------------------------
 *
 * remembered.h
 *	  Whose rows a version was trained on: hashes of the keys that training
 *	  was asked to remember.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_REMEMBERED_H
#define EG_REMEMBERED_H

#include "store/source.h"

/*
 * Ascending, each key once.  The lowest bit is no part of the hash: 1 for a key
 * all of whose rows were held out.
 */
typedef struct EgRemembered
{
	Size		n;
	uint64	   *hash;			/* (n) */
} EgRemembered;

typedef enum EgTrainedOn
{
	EG_TRAINED_UNKNOWN,			/* the version remembers no keys */
	EG_TRAINED_NO,
	EG_TRAINED_HELD_OUT,		/* it was measured on the rows, but has not learned from them */
	EG_TRAINED_LEARNED
} EgTrainedOn;

/* From a source's rows in canonical order, the first ntrain of which are learned from. */
extern EgRemembered *eg_remembered_make(const EgSourceData *d, Size ntrain);

/* Both; what one of them has learned from counts as learned. */
extern EgRemembered *eg_remembered_join(const EgRemembered *a, const EgRemembered *b);

/* Keep them with a version; NULL: nothing. */
extern void eg_remembered_put(int64 version_id, const EgRemembered *r);

/* Those of a version; NULL: it has none. */
extern EgRemembered *eg_remembered_get(int64 version_id);

/* Was the version trained on rows of this key?  A wrong yes has a chance of keys / 2^63. */
extern EgTrainedOn eg_remembered_find(int64 version_id, const char *key);

#endif							/* EG_REMEMBERED_H */
