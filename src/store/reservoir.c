/*-------------------------------------------------------------------------
 *
 * reservoir.c
 *	  A bounded sample of rows that arrive one by one.
 *
 * The keys of the rows kept form a heap with the largest on top; a row with a
 * smaller key takes the place of that one.  Of a source of n rows only the
 * first k and then about k log(n / k) more are copied.
 *
 * Rows of equal content are counted in a hash table, or they would all be in
 * the sample together.  It holds the first million contents; those that
 * come later, in a source with more of them, are taken for single rows.  None
 * of these can be a large part of the source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/random.h"
#include "store/reservoir.h"
#include "utils/memutils.h"

#define FIRST_ROWS		256
#define FIRST_CONTENTS	1024
#define MOST_CONTENTS	(1024 * 1024)

typedef struct Place
{
	uint64		major;
	uint64		minor;
	Size		slot;			/* of the record */
} Place;

/* How often a content was seen; hash 0: free. */
typedef struct Seen
{
	uint64		hash;
	uint64		times;
} Seen;

struct EgReservoir
{
	MemoryContext context;
	EgRun	   *run;
	Size		limit;
	Size		record;			/* bytes */
	Size		size;			/* records allocated */
	Size		n;
	Place	   *heap;			/* (size) */
	char	   *records;		/* (size, record) */
	bool		missing;		/* rows had to go, ... */
	uint64		first_missing;	/* ... this the smallest of their major keys */
	Seen	   *seen;			/* (nslots) open addressing, at most half full */
	Size		nslots;			/* a power of two */
	Size		ncontents;
};

EgReservoir *
eg_reservoir_create(Size limit, Size record, EgRun *run)
{
	EgReservoir *r = palloc0(sizeof(EgReservoir));

	r->context = CurrentMemoryContext;
	r->run = run;
	r->limit = limit;
	r->record = MAXALIGN(record);
	return r;
}

static Seen *
find_seen(Seen *seen, Size nslots, uint64 hash)
{
	Size		i = hash & (nslots - 1);

	while (seen[i].hash != 0 && seen[i].hash != hash)
		i = (i + 1) & (nslots - 1);
	return &seen[i];
}

static void
grow_seen(EgReservoir *r)
{
	Size		nslots = r->nslots ? r->nslots * 2 : FIRST_CONTENTS;
	Seen	   *seen;
	Size		i;

	eg_check_memory(sizeof(Seen) * nslots, r->run->memory_limit,
					"counting the different rows of the source");
	seen = MemoryContextAllocHuge(r->context, sizeof(Seen) * nslots);
	memset(seen, 0, sizeof(Seen) * nslots);
	for (i = 0; i < r->nslots; i++)
	{
		if (r->seen[i].hash != 0)
			*find_seen(seen, nslots, r->seen[i].hash) = r->seen[i];
	}
	if (r->seen)
		pfree(r->seen);
	r->seen = seen;
	r->nslots = nslots;
}

uint64
eg_reservoir_key(EgReservoir *r, uint64 content)
{
	uint64		hash = eg_random_mix(content);
	Seen	   *s;

	if (hash == 0)
		hash = 1;
	if (2 * r->ncontents >= r->nslots && r->ncontents < MOST_CONTENTS)
		grow_seen(r);
	s = find_seen(r->seen, r->nslots, hash);
	if (s->hash == 0)
	{
		if (r->ncontents >= MOST_CONTENTS)
			return eg_random_bits(hash, 0);
		s->hash = hash;
		r->ncontents++;
	}
	return eg_random_bits(hash, s->times++);
}

static inline bool
is_less(const Place *a, const Place *b)
{
	return a->major != b->major ? a->major < b->major : a->minor < b->minor;
}

static int
by_key(const void *a, const void *b)
{
	const Place *x = a,
			   *y = b;

	return is_less(x, y) ? -1 : is_less(y, x) ? 1 : 0;
}

static void
grow(EgReservoir *r)
{
	Size		size = Min(r->limit, Max(FIRST_ROWS, r->size * 2));

	eg_check_memory(mul_size(size, r->record + sizeof(Place)), r->run->memory_limit,
					"keeping a sample of the source");
	if (r->size == 0)
	{
		r->heap = MemoryContextAllocHuge(r->context, sizeof(Place) * size);
		r->records = MemoryContextAllocHuge(r->context, r->record * size);
	}
	else
	{
		r->heap = repalloc_huge(r->heap, sizeof(Place) * size);
		r->records = repalloc_huge(r->records, r->record * size);
	}
	memset(r->records + r->size * r->record, 0, (size - r->size) * r->record);
	r->size = size;
}

/* Put a place where the hole at i, whose children are in order, lets it be. */
static void
sift_down(Place *heap, Size n, Size i, Place p)
{
	Size		child;

	while ((child = 2 * i + 1) < n)
	{
		if (child + 1 < n && is_less(&heap[child], &heap[child + 1]))
			child++;
		if (!is_less(&p, &heap[child]))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = p;
}

static void
sift_up(Place *heap, Size i, Place p)
{
	while (i > 0 && is_less(&heap[(i - 1) / 2], &p))
	{
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = p;
}

static void
note_missing(EgReservoir *r, uint64 major)
{
	if (!r->missing || major < r->first_missing)
		r->first_missing = major;
	r->missing = true;
}

void *
eg_reservoir_add(EgReservoir *r, uint64 major, uint64 minor)
{
	Place		p = {major, minor, r->n};

	if (r->n < r->limit)
	{
		if (r->n == r->size)
			grow(r);
		sift_up(r->heap, r->n++, p);
	}
	else if (is_less(&p, &r->heap[0]))
	{
		note_missing(r, r->heap[0].major);
		p.slot = r->heap[0].slot;
		sift_down(r->heap, r->n, 0, p);
	}
	else
	{
		note_missing(r, major);
		return NULL;
	}
	return r->records + p.slot * r->record;
}

Size
eg_reservoir_finish(EgReservoir *r, bool whole)
{
	Size		n = r->n;

	if (n > 1)
		qsort(r->heap, n, sizeof(Place), by_key);
	if (whole && r->missing)
	{
		while (n > 0 && r->heap[n - 1].major >= r->first_missing)
			n--;
		if (n > 0)
			r->n = n;
	}
	return r->n;
}

void *
eg_reservoir_record(const EgReservoir *r, Size i)
{
	return r->records + r->heap[i].slot * r->record;
}

uint64
eg_reservoir_major(const EgReservoir *r, Size i)
{
	return r->heap[i].major;
}
