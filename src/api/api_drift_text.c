/*-------------------------------------------------------------------------
 *
 * api_drift_text.c
 *	  Drift aggregates over texts: counts of each word on both sides.
 *
 * The state is a bytea: a header, slots of a hash table, entries in order of
 * arrival, and the words.  It is changed in place; a full one is copied into
 * one of twice the room.  Its size is bounded by engage.max_categories, as the
 * dictionaries of models are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/drift.h"
#include "api/state.h"
#include "base/run.h"
#include "engage.h"

#define WORDS_MAGIC		0x45675732
#define FIRST_ENTRIES	16
#define FIRST_HEAP		256

PG_FUNCTION_INFO_V1(engage_drift_accum_text);
PG_FUNCTION_INFO_V1(engage_drift_combine_text);
PG_FUNCTION_INFO_V1(engage_psi_final_text);
PG_FUNCTION_INFO_V1(engage_kl_final_text);
PG_FUNCTION_INFO_V1(engage_js_final_text);
PG_FUNCTION_INFO_V1(engage_chi2_final_text);
PG_FUNCTION_INFO_V1(engage_chi2_p_final_text);

typedef struct Entry
{
	uint32		hash;
	int32		at;				/* in the heap */
	int32		len;
	int32		reserved;		/* 0 */
	int64		count[2];
} Entry;

/* size entries and 2 * size slots (entry + 1, 0: free) follow, then the heap */
typedef struct Words
{
	int32		vl_len_;
	uint32		magic;
	int32		n;				/* entries in use */
	int32		size;			/* a power of two */
	int32		heap_used;
	int32		heap_size;
	int64		missing[2];
	Entry		entry[FLEXIBLE_ARRAY_MEMBER];
} Words;

#define WORDS_BYTES(size, heap) \
	(offsetof(Words, entry) + (sizeof(Entry) + 2 * sizeof(int32)) * (Size) (size) + (Size) (heap))

static inline int32 *
slots(Words *w)
{
	return (int32 *) (w->entry + w->size);
}

static inline char *
heap(Words *w)
{
	return (char *) (slots(w) + 2 * w->size);
}

static Words *
make_words(int size, int heap_size, Size held)
{
	Size		bytes = WORDS_BYTES(size, heap_size);
	Words	   *w;

	if (!AllocSizeIsValid(bytes))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the values of a drift aggregate are too long to be counted"),
				 errdetail("There are %d different ones.", size / 2)));
	w = eg_state_alloc(bytes, held, "counting the values of a drift aggregate");
	SET_VARSIZE(w, bytes);
	w->magic = WORDS_MAGIC;
	w->size = size;
	w->heap_size = heap_size;
	return w;
}

/* What looking a word up relies on; cheap enough for each row. */
static inline bool
words_fit(Words *w)
{
	return VARSIZE(w) >= offsetof(Words, entry) && w->magic == WORDS_MAGIC && w->size > 0 &&
		(w->size & (w->size - 1)) == 0 && w->size <= (1 << 26) && w->heap_size >= 0 &&
		WORDS_BYTES(w->size, w->heap_size) == VARSIZE(w) && w->n >= 0 && w->n <= w->size &&
		w->heap_used >= 0 && w->heap_used <= w->heap_size;
}

static Words *
state_argument(FunctionCallInfo fcinfo, int place)
{
	Words	   *w = eg_state_argument(fcinfo, place);

	if (w && !words_fit(w))
		eg_state_invalid();
	return w;
}

/* The entry of a word, or NULL; *slot is where it is or belongs. */
static Entry *
find(Words *w, const char *text, int len, uint32 hash, int *slot)
{
	uint32		mask = 2 * w->size - 1;
	uint32		i = hash & mask;
	int			steps;

	for (steps = 0; steps <= (int) mask; steps++, i = (i + 1) & mask)
	{
		int32		e = slots(w)[i] - 1;
		Entry	   *entry;

		*slot = i;
		if (e == -1)
			return NULL;
		if (e < 0 || e >= w->n)
			eg_state_invalid();
		entry = &w->entry[e];
		if (entry->hash == hash && entry->len == len && entry->at >= 0 &&
			entry->at <= w->heap_used - len && memcmp(heap(w) + entry->at, text, len) == 0)
			return entry;
	}
	eg_state_invalid();
}

static Words *add(Words *w, const char *text, int len, uint32 hash, Entry **entry);

/* A copy with room for twice the entries and for a word of so many bytes more. */
static Words *
enlarge(Words *w, int len)
{
	int64		heap_size = Max((int64) w->heap_size, FIRST_HEAP);
	Words	   *to;
	int			i;

	while (heap_size < (int64) w->heap_used + len)
		heap_size *= 2;
	if (heap_size > PG_INT32_MAX)
		heap_size = PG_INT32_MAX;
	to = make_words(w->n == w->size ? w->size * 2 : w->size, (int) heap_size, VARSIZE(w));
	memcpy(to->missing, w->missing, sizeof(w->missing));
	for (i = 0; i < w->n; i++)
	{
		Entry	   *from = &w->entry[i];
		Entry	   *entry;

		if (from->len < 0 || from->at < 0 || from->at > w->heap_used - from->len)
			eg_state_invalid();
		to = add(to, heap(w) + from->at, from->len, from->hash, &entry);
		memcpy(entry->count, from->count, sizeof(from->count));
	}
	return to;
}

/* Add a word that is not there. */
static Words *
add(Words *w, const char *text, int len, uint32 hash, Entry **entry)
{
	int			slot;

	if (w->n == w->size || len > w->heap_size - w->heap_used)
		w = enlarge(w, len);
	if (find(w, text, len, hash, &slot) != NULL)
		eg_state_invalid();
	*entry = &w->entry[w->n++];
	slots(w)[slot] = w->n;
	(*entry)->hash = hash;
	(*entry)->at = w->heap_used;
	(*entry)->len = len;
	memcpy(heap(w) + w->heap_used, text, len);
	w->heap_used += len;
	return w;
}

static Words *
count_word(Words *w, const char *text, int len, const int64 count[2])
{
	uint32		hash = DatumGetUInt32(hash_any((const unsigned char *) text, len));
	int			slot;
	Entry	   *entry = find(w, text, len, hash, &slot);

	if (entry == NULL)
	{
		if (w->n >= eg_max_categories)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("there are more than %d distinct values", eg_max_categories),
					 errhint("Drift of texts is for categories; else raise "
							 "\"engage.max_categories\".")));
		w = add(w, text, len, hash, &entry);
	}
	entry->count[0] += count[0];
	entry->count[1] += count[1];
	return w;
}

/* accum(state, value text, current boolean) */
Datum
engage_drift_accum_text(PG_FUNCTION_ARGS)
{
	int64		count[2] = {0};
	Words	   *w;
	text	   *word;

	if (PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	w = state_argument(fcinfo, 0);
	if (w == NULL)
		w = make_words(FIRST_ENTRIES, FIRST_HEAP, 0);
	else
		w = eg_state_own(fcinfo, w);
	if (PG_ARGISNULL(1))
	{
		w->missing[PG_GETARG_BOOL(2)]++;
		PG_RETURN_POINTER(w);
	}
	count[PG_GETARG_BOOL(2)] = 1;
	word = PG_GETARG_TEXT_PP(1);
	PG_RETURN_POINTER(count_word(w, VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word), count));
}

Datum
engage_drift_combine_text(PG_FUNCTION_ARGS)
{
	Words	   *a = state_argument(fcinfo, 0);
	Words	   *b = state_argument(fcinfo, 1);
	int			i;

	if (a == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (b == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	a = memcpy(palloc(VARSIZE(a)), a, VARSIZE(a));
	for (i = 0; i < b->n; i++)
	{
		Entry	   *from = &b->entry[i];

		if (from->len < 0 || from->at < 0 || from->at > b->heap_used - from->len)
			eg_state_invalid();
		a = count_word(a, heap(b) + from->at, from->len, from->count);
	}
	a->missing[0] += b->missing[0];
	a->missing[1] += b->missing[1];
	PG_RETURN_POINTER(a);
}

static Datum
text_final(FunctionCallInfo fcinfo, EgDriftMeasure measure)
{
	Words	   *w = state_argument(fcinfo, 0);
	EgHistograms h;
	int			side;
	int			i;

	if (w == NULL)
		PG_RETURN_NULL();
	h.n = w->n + 1;
	eg_check_memory(VARSIZE(w) + 2 * sizeof(double) * (Size) h.n, (Size) eg_max_memory * 1024,
					"a drift aggregate");
	for (side = 0; side < 2; side++)
	{
		h.counts[side] = palloc(sizeof(double) * h.n);
		for (i = 0; i < w->n; i++)
			h.counts[side][i] = Max(w->entry[i].count[side], 0);
		h.counts[side][w->n] = Max(w->missing[side], 0);
	}
	return eg_drift_datum(fcinfo, measure, &h);
}

Datum
engage_psi_final_text(PG_FUNCTION_ARGS)
{
	return text_final(fcinfo, EG_DRIFT_PSI);
}

Datum
engage_kl_final_text(PG_FUNCTION_ARGS)
{
	return text_final(fcinfo, EG_DRIFT_KL);
}

Datum
engage_js_final_text(PG_FUNCTION_ARGS)
{
	return text_final(fcinfo, EG_DRIFT_JS);
}

Datum
engage_chi2_final_text(PG_FUNCTION_ARGS)
{
	return text_final(fcinfo, EG_DRIFT_CHI2);
}

Datum
engage_chi2_p_final_text(PG_FUNCTION_ARGS)
{
	return text_final(fcinfo, EG_DRIFT_CHI2_P);
}
