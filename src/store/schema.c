/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  The feature schema itself: dictionaries, names, stored form.
 *
 * A dictionary is a hash table with open addressing over the texts of a
 * category column; a slot keeps half of the text's hash, so that a lookup
 * compares bytes once, with the right text.  While training it grows with the
 * source; before the model is stored it is sorted by bytes, so that the
 * codes do not depend on the order in which the rows arrived.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "store/schema_private.h"
#include "utils/memutils.h"

static void
dict_place(EgDict *d, uint64 hash, int code)
{
	uint32		i = (uint32) hash & d->mask;

	while (d->slots[i].code >= 0)
		i = (i + 1) & d->mask;
	d->slots[i].hash = (uint32) (hash >> 32);
	d->slots[i].code = code;
}

static void
dict_allocate_slots(EgDict *d, uint32 nslots)
{
	Size		size = (Size) nslots * sizeof(struct EgDictSlot);
	uint32		i;

	d->slots = MemoryContextAllocHuge(d->context, size);
	d->mask = nslots - 1;
	d->bytes += size;
	for (i = 0; i < nslots; i++)
		d->slots[i].code = -1;
}

/* An empty dictionary in CurrentMemoryContext, with room for capacity texts. */
void
eg_dict_create(EgColumn *c, int capacity)
{
	EgDict	   *d = palloc0(sizeof(EgDict));
	uint32		nslots = 16;

	while (nslots < 2 * (uint32) capacity)
		nslots *= 2;
	d->context = CurrentMemoryContext;
	d->capacity = Max(capacity, 8);
	d->len = palloc_extended(sizeof(int) * (Size) d->capacity, MCXT_ALLOC_HUGE);
	d->hash = palloc_extended(sizeof(uint64) * (Size) d->capacity, MCXT_ALLOC_HUGE);
	dict_allocate_slots(d, nslots);
	c->categories = palloc_extended(sizeof(char *) * (Size) d->capacity, MCXT_ALLOC_HUGE);
	c->ncategories = 0;
	c->dict = d;
}

int
eg_dict_find(const EgColumn *c, const char *text, int len, uint64 hash)
{
	const EgDict *d = c->dict;
	uint32		i = (uint32) hash & d->mask;

	for (; d->slots[i].code >= 0; i = (i + 1) & d->mask)
	{
		int			code = d->slots[i].code;

		if (d->slots[i].hash == (uint32) (hash >> 32) && d->len[code] == len &&
			memcmp(c->categories[code], text, len) == 0)
			return code;
	}
	return -1;
}

/* Add a text that eg_dict_find() did not find. */
int
eg_dict_insert(EgColumn *c, const char *text, int len, uint64 hash)
{
	EgDict	   *d = c->dict;
	int			code = c->ncategories;
	int			k;

	if (code == d->capacity)
	{
		d->capacity *= 2;
		d->len = repalloc_huge(d->len, sizeof(int) * (Size) d->capacity);
		d->hash = repalloc_huge(d->hash, sizeof(uint64) * (Size) d->capacity);
		c->categories = repalloc_huge(c->categories, sizeof(char *) * (Size) d->capacity);
	}
	if (2 * (uint32) (code + 1) > d->mask + 1)
	{
		uint32		nslots = 2 * (d->mask + 1);

		d->bytes -= ((Size) d->mask + 1) * sizeof(struct EgDictSlot);
		pfree(d->slots);
		dict_allocate_slots(d, nslots);
		for (k = 0; k < code; k++)
			dict_place(d, d->hash[k], k);
	}

	c->categories[code] = MemoryContextAlloc(d->context, (Size) len + 1);
	memcpy(c->categories[code], text, len);
	c->categories[code][len] = '\0';
	d->len[code] = len;
	d->hash[code] = hash;
	d->bytes += (Size) len + 48;	/* with the chunk's header and the entries above */
	dict_place(d, hash, code);
	c->ncategories++;
	return code;
}

int
eg_column_code(const EgColumn *c, const char *text, int len)
{
	if (c->dict == NULL)
		return -1;
	return eg_dict_find(c, text, len, eg_hash_text(text, len));
}

int
eg_dict_add(EgColumn *c, const char *text, int len)
{
	uint64		hash = eg_hash_text(text, len);
	int			code;

	if (c->dict == NULL)
		eg_dict_create(c, 0);
	code = eg_dict_find(c, text, len, hash);
	return code >= 0 ? code : eg_dict_insert(c, text, len, hash);
}

typedef struct SortItem
{
	char	   *text;
	int			len;
	int			code;
} SortItem;

static int
compare_bytes(const char *a, int alen, const char *b, int blen)
{
	int			cmp = memcmp(a, b, Min(alen, blen));

	return cmp != 0 ? cmp : (alen > blen) - (alen < blen);
}

static int
compare_items(const void *a, const void *b)
{
	const SortItem *x = a;
	const SortItem *y = b;

	return compare_bytes(x->text, x->len, y->text, y->len);
}

int32 *
eg_dict_sort(EgColumn *c, const bool *keep)
{
	EgDict	   *d = c->dict;
	int			n = c->ncategories;
	int32	   *map = palloc_extended(sizeof(int32) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	SortItem   *items = palloc_extended(sizeof(SortItem) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	uint64	   *hash = palloc_extended(sizeof(uint64) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	int			kept = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		map[i] = -1;
		hash[i] = d->hash[i];
		if (keep && !keep[i])
		{
			pfree(c->categories[i]);
			continue;
		}
		items[kept].text = c->categories[i];
		items[kept].len = d->len[i];
		items[kept++].code = i;
	}
	qsort(items, kept, sizeof(SortItem), compare_items);

	for (i = 0; d && i <= (int) d->mask; i++)
		d->slots[i].code = -1;
	for (i = 0; i < kept; i++)
	{
		c->categories[i] = items[i].text;
		d->len[i] = items[i].len;
		d->hash[i] = hash[items[i].code];
		map[items[i].code] = i;
		dict_place(d, d->hash[i], i);
	}
	c->ncategories = kept;
	pfree(items);
	pfree(hash);
	return map;
}

void
eg_schema_finish(EgSchema *s)
{
	int			n = 0;
	int			j;
	int			k;

	for (j = 0; j < s->ncolumns; j++)
	{
		s->columns[j].first = n;
		n += s->columns[j].width;
	}
	s->nfeatures = n;
	s->names = palloc0(sizeof(char *) * Max(n, 1));
	s->ncategories = palloc0(sizeof(int) * Max(n, 1));

	for (j = 0; j < s->ncolumns; j++)
	{
		EgColumn   *c = &s->columns[j];

		for (k = 0; k < c->width; k++)
			s->names[c->first + k] = c->kind == EG_COL_ARRAY ?
				psprintf("%s[%d]", c->name, k + 1) : c->name;
		if (c->kind == EG_COL_CATEGORY)
			s->ncategories[c->first] = c->ncategories;
	}
}

void
eg_schema_save(const EgSchema *s, EgWriter *w)
{
	int			i;
	int			k;

	eg_put_u32(w, s->ncolumns);
	for (i = 0; i < s->ncolumns; i++)
	{
		const EgColumn *c = &s->columns[i];

		eg_put_string(w, c->name);
		eg_put_u8(w, c->kind);
		eg_put_string(w, c->type);
		eg_put_u32(w, c->width);
		eg_put_f64(w, c->origin);
		eg_put_u32(w, c->ncategories);
		for (k = 0; k < c->ncategories; k++)
			eg_put_string(w, c->categories[k]);
	}

	eg_put_u8(w, s->stats != NULL);
	for (i = 0; s->stats && i < s->nfeatures; i++)
	{
		eg_put_f64(w, s->stats[i].min);
		eg_put_f64(w, s->stats[i].max);
		eg_put_f64(w, s->stats[i].mean);
		eg_put_f64(w, s->stats[i].missing);
	}

	eg_put_string(w, s->target);
	eg_put_string(w, s->target_type);
	eg_put_u32(w, s->nlabels);
	for (i = 0; i < s->nlabels; i++)
		eg_put_string(w, s->labels[i]);
}

static char *
get_required_string(EgReader *r, const char *what)
{
	char	   *s = eg_get_string(r);

	if (s == NULL)
		eg_corrupted(r, "%s is missing", what);
	return s;
}

static void
load_column(EgReader *r, EgColumn *c)
{
	uint32		width;
	int			n;
	int			k;

	c->name = get_required_string(r, "a column's name");
	k = eg_get_u8(r);
	if (k > EG_COL_ARRAY)
		eg_corrupted(r, "column \"%s\" is of kind %d", c->name, k);
	c->kind = (EgColumnKind) k;
	c->type = get_required_string(r, "a column's type");
	width = eg_get_u32(r);
	if (width < 1 || width > EG_MAX_FEATURES || (width > 1 && c->kind != EG_COL_ARRAY))
		eg_corrupted(r, "column \"%s\" has %u features", c->name, width);
	c->width = (int) width;
	c->origin = eg_get_f64(r);
	if (isnan(c->origin) || isinf(c->origin))
		eg_corrupted(r, "column \"%s\" has no finite origin", c->name);

	/* each text takes at least its length of four bytes */
	n = (int) eg_get_count(r, 1 << 24, 4);
	if (n > 0 && c->kind != EG_COL_CATEGORY)
		eg_corrupted(r, "column \"%s\" has %d categories but is a number", c->name, n);
	if (c->kind == EG_COL_CATEGORY)
		eg_dict_create(c, n);
	for (k = 0; k < n; k++)
	{
		char	   *text = get_required_string(r, "a category");

		/* strictly ascending by bytes: sorted, and none twice */
		if (k > 0 && strcmp(c->categories[k - 1], text) >= 0)
			eg_corrupted(r, "the categories of column \"%s\" are not in order", c->name);
		eg_dict_insert(c, text, strlen(text), eg_hash_text(text, strlen(text)));
		pfree(text);
	}
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* A row has one column of a name, which can feed one column of the schema only. */
static void
check_names(EgReader *r, const EgSchema *s)
{
	char	  **names = palloc(sizeof(char *) * Max(s->ncolumns, 1));
	int			i;

	for (i = 0; i < s->ncolumns; i++)
		names[i] = s->columns[i].name;
	qsort(names, s->ncolumns, sizeof(char *), compare_names);
	for (i = 1; i < s->ncolumns; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			eg_corrupted(r, "column \"%s\" appears twice", names[i]);
	pfree(names);
}

EgSchema *
eg_schema_load(EgReader *r)
{
	EgSchema   *s = palloc0(sizeof(EgSchema));
	int64		nfeatures = 0;
	int			has_stats;
	int			i;

	/* name 4, kind 1, type 4, width 4, origin 8, categories 4 bytes at least */
	s->ncolumns = (int) eg_get_count(r, EG_MAX_FEATURES, 25);
	s->columns = palloc0(sizeof(EgColumn) * Max(s->ncolumns, 1));
	for (i = 0; i < s->ncolumns; i++)
	{
		load_column(r, &s->columns[i]);
		nfeatures += s->columns[i].width;
		if (nfeatures > EG_MAX_FEATURES)
			eg_corrupted(r, "it has more than %d features", EG_MAX_FEATURES);
	}
	check_names(r, s);
	eg_schema_finish(s);

	has_stats = eg_get_u8(r);
	if (has_stats > 1)
		eg_corrupted(r, "the flag for statistics is %d", has_stats);
	if (has_stats)
	{
		if (r->len - r->pos < (Size) nfeatures * 4 * sizeof(double))
			eg_corrupted(r, "the statistics of %d features are cut off", s->nfeatures);
		s->stats = palloc(sizeof(EgFeatureStats) * Max(s->nfeatures, 1));
		for (i = 0; i < s->nfeatures; i++)
		{
			s->stats[i].min = eg_get_f64(r);
			s->stats[i].max = eg_get_f64(r);
			s->stats[i].mean = eg_get_f64(r);
			s->stats[i].missing = eg_get_f64(r);
		}
	}

	s->target = eg_get_string(r);
	s->target_type = eg_get_string(r);
	s->nlabels = (int) eg_get_count(r, 1 << 24, 4);
	s->labels = palloc0(sizeof(char *) * Max(s->nlabels, 1));
	for (i = 0; i < s->nlabels; i++)
		s->labels[i] = get_required_string(r, "a label");
	return s;
}
