/*-------------------------------------------------------------------------
 *
 * remembered.c
 *	  Whose rows a version was trained on.
 *
 * A model does not say whom it has learned from.  Who has to answer that, for
 * persons may ask to be forgotten, trains with remember => 'customer_id'; then
 * eight bytes of each key stay with the version: 63 bits of a hash, and whether
 * all its rows were held out.  A filter would take one byte, but name strangers
 * one time in 250.
 *
 * They lie beside the artifact, not in it: an exported model does not carry
 * them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/bytes.h"
#include "base/sort.h"
#include "miscadmin.h"
#include "store/registry.h"
#include "store/remembered.h"
#include "store/schema_private.h"
#include "utils/memutils.h"

#define SECTION		"keys"
#define HELD_OUT	UINT64CONST(1)

/* Of equal keys the first stays, which is one that was learned from if there is any. */
static void
settle(EgRemembered *r)
{
	Size		n = 0;
	Size		i;

	qsort(r->hash, r->n, sizeof(uint64), eg_by_u64);
	for (i = 0; i < r->n; i++)
	{
		if (n == 0 || (r->hash[i] | HELD_OUT) != (r->hash[n - 1] | HELD_OUT))
			r->hash[n++] = r->hash[i];
	}
	r->n = n;
}

EgRemembered *
eg_remembered_make(const EgSourceData *d, Size ntrain)
{
	EgRemembered *r;
	Size		i;

	if (d->person == NULL)
		return NULL;
	r = palloc(sizeof(EgRemembered));
	r->n = d->x.nrows;
	r->hash = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(r->n, 1));
	for (i = 0; i < r->n; i++)
		r->hash[i] = i < ntrain ? d->person[i] & ~HELD_OUT : d->person[i] | HELD_OUT;
	settle(r);
	return r;
}

EgRemembered *
eg_remembered_join(const EgRemembered *a, const EgRemembered *b)
{
	EgRemembered *r = palloc(sizeof(EgRemembered));

	r->n = a->n + b->n;
	r->hash = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(r->n, 1));
	memcpy(r->hash, a->hash, sizeof(uint64) * a->n);
	memcpy(r->hash + a->n, b->hash, sizeof(uint64) * b->n);
	settle(r);
	return r;
}

void
eg_remembered_put(int64 version_id, const EgRemembered *r)
{
	EgVisit		visit;
	EgWriter	w;
	Size		i;

	if (r == NULL)
		return;
	eg_writer_init(&w);
	for (i = 0; i < r->n; i++)
		eg_put_u64(&w, r->hash[i]);
	eg_visit_begin(&visit);
	eg_artifact_put_section(version_id, 0, NULL, SECTION, w.buf.data, w.buf.len);
	eg_visit_end(&visit);
	pfree(w.buf.data);
}

EgRemembered *
eg_remembered_get(int64 version_id)
{
	EgRemembered *r;
	EgReader	reader;
	Size		len;
	char	   *bytes = eg_artifact_section(version_id, SECTION, &len);
	Size		i;

	if (bytes == NULL)
		return NULL;
	r = palloc(sizeof(EgRemembered));
	r->n = len / sizeof(uint64);
	r->hash = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(r->n, 1));
	eg_reader_init(&reader, bytes, len, "the list of remembered keys");
	for (i = 0; i < r->n; i++)
	{
		r->hash[i] = eg_get_u64(&reader);
		if (i > 0 && (r->hash[i] | HELD_OUT) <= (r->hash[i - 1] | HELD_OUT))
			eg_corrupted(&reader, "keys do not ascend");
	}
	if (len % sizeof(uint64) != 0)
		eg_corrupted(&reader, "it ends within a key");
	pfree(bytes);
	return r;
}

EgTrainedOn
eg_remembered_find(int64 version_id, const char *key)
{
	EgRemembered *r = eg_remembered_get(version_id);
	uint64		hash = eg_hash_text(key, strlen(key)) | HELD_OUT;
	Size		low = 0,
				high;
	EgTrainedOn found = EG_TRAINED_NO;

	if (r == NULL)
		return EG_TRAINED_UNKNOWN;
	for (high = r->n; low < high;)
	{
		Size		middle = low + (high - low) / 2;

		if ((r->hash[middle] | HELD_OUT) < hash)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < r->n && (r->hash[low] | HELD_OUT) == hash)
		found = r->hash[low] & HELD_OUT ? EG_TRAINED_HELD_OUT : EG_TRAINED_LEARNED;
	pfree(r->hash);
	pfree(r);
	return found;
}
