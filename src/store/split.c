/*-------------------------------------------------------------------------
 *
 * split.c
 *	  Which rows are learned from, validated on, and held out.
 *
 * Nothing here depends on the order of the rows: parts follow from hashes of
 * keys, or from the values of the split column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/random.h"
#include "store/registry.h"
#include "store/split.h"

/* below it a share of the rows is a matter of luck */
#define MIN_ROWS_TO_REFREEZE	30

/* spreads the bits of hash and seed */
static uint64
mix(uint64 x)
{
	return eg_random_bits(x, 0);
}

/* The k-th smallest (from 0) of n values, which are reordered (Hoare's select). */
static uint64
select_u64(uint64 *v, Size n, Size k)
{
	Size		lo = 0,
				hi = n - 1;

	while (lo < hi)
	{
		uint64		pivot = v[lo + (hi - lo) / 2];
		Size		i = lo,
					j = hi;

		CHECK_FOR_INTERRUPTS();
		while (i <= j)
		{
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j)
			{
				uint64		t = v[i];

				v[i++] = v[j];
				v[j] = t;
				if (j == 0)
					break;
				j--;
			}
		}
		if (k <= j)
			hi = j;
		else if (k >= i)
			lo = i;
		else
			return v[k];
	}
	return v[k];
}

/* How many of n rows a share is: rounded, but something is left on both sides. */
static Size
share_of(Size n, double share)
{
	Size		k = (Size) floor(n * share + 0.5);

	if (share > 0 && k == 0 && n > 1)
		k = 1;
	if (k >= n)
		k = n > 0 ? n - 1 : 0;
	return k;
}

EgSplit *
eg_split_from_json(const Jsonb *json, uint64 seed, double test_size)
{
	EgSplit    *s = palloc0(sizeof(EgSplit));
	char	   *text;
	JsonbValue	limits;

	s->seed = mix(seed);
	s->test_size = test_size;
	if (json == NULL)
		return s;

	text = eg_jsonb_text(json, "seed");
	if (text)
		s->seed = strtoull(text, NULL, 16);

	/* another share needs other limits, in the same order of rows */
	text = eg_jsonb_text(json, "test_size");
	if (text == NULL || fabs(strtod(text, NULL) - test_size) > 1e-9)
		return s;

	if (getKeyJsonValueFromContainer((JsonbContainer *) &json->root, "limits", 6, &limits) !=
			NULL &&
		limits.type == jbvBinary && JsonContainerIsObject(limits.val.binary.data))
	{
		JsonbIterator *it = JsonbIteratorInit(limits.val.binary.data);
		JsonbValue	v;
		JsonbIteratorToken tok;
		int			n = JsonContainerSize(limits.val.binary.data);

		s->strata = palloc(sizeof(char *) * Max(n, 1));
		s->limits = palloc(sizeof(uint64) * Max(n, 1));
		while ((tok = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		{
			if (tok == WJB_KEY)
				s->strata[s->n] = pnstrdup(v.val.string.val, v.val.string.len);
			else if (tok == WJB_VALUE && v.type == jbvString)
				s->limits[s->n++] =
					strtoull(pnstrdup(v.val.string.val, v.val.string.len), NULL, 16);
		}
	}
	return s;
}

void
eg_split_to_json(const EgSplit *s, StringInfo out)
{
	int			i;

	appendStringInfo(out, "{\"seed\": \"%016llx\", \"test_size\": %g", (unsigned long long) s->seed,
					 s->test_size);
	if (s->has_cut)
		appendStringInfo(out, ", \"cut\": %.17g", s->cut);
	appendStringInfoString(out, ", \"limits\": {");
	for (i = 0; i < s->n; i++)
	{
		if (i > 0)
			appendStringInfoString(out, ", ");
		escape_json(out, s->strata[i]);
		appendStringInfo(out, ": \"%016llx\"", (unsigned long long) s->limits[i]);
	}
	appendStringInfoString(out, "}}");
}

bool
eg_split_limit(const EgSplit *s, const char *stratum, uint64 *limit)
{
	int			i;

	for (i = 0; i < s->n; i++)
	{
		if (strcmp(s->strata[i], stratum) == 0)
		{
			*limit = s->limits[i];
			return true;
		}
	}
	return false;
}

static void
add_limit(EgSplit *s, const char *stratum, uint64 limit)
{
	if (s->n == 0)
	{
		s->strata = palloc(sizeof(char *));
		s->limits = palloc(sizeof(uint64));
	}
	else
	{
		s->strata = repalloc(s->strata, sizeof(char *) * (s->n + 1));
		s->limits = repalloc(s->limits, sizeof(uint64) * (s->n + 1));
	}
	s->strata[s->n] = pstrdup(stratum);
	s->limits[s->n++] = limit;
}

static void
set_limit(EgSplit *s, const char *stratum, uint64 limit)
{
	int			i;

	for (i = 0; i < s->n; i++)
	{
		if (strcmp(s->strata[i], stratum) == 0)
		{
			s->limits[i] = limit;
			return;
		}
	}
	add_limit(s, stratum, limit);
}

/*
 * Does a frozen limit still hold out about the share wanted?  One that was
 * found on a handful of rows may not, and would leave nothing to learn from.
 */
static bool
limit_fits(const uint64 *hashes, Size n, uint64 limit, double share)
{
	Size		below = 0,
				i;

	for (i = 0; i < n; i++)
		below += hashes[i] < limit;
	return n < MIN_ROWS_TO_REFREEZE ||
		(below >= n * share / 2 && below <= n * Min(share * 2, (share + 1) / 2));
}

/* Held out by hash: the limit of each class, found when it is not frozen. */
static void
split_by_hash(EgSplit *s, const EgSourceData *d, const int32 *cls, int nclasses,
			  char *const *labels, uint8 *part)
{
	Size		nrows = d->x.nrows;
	int			nstrata = Max(nclasses, 1);
	uint64	   *limit = palloc0(sizeof(uint64) * nstrata);
	uint64	   *hashes = NULL;
	int			c;
	Size		i;

	for (c = 0; c < nstrata; c++)
	{
		const char *stratum = nclasses > 0 ? labels[c] : "";
		Size		n = 0,
					k;
		uint64		was;
		bool		frozen;

		CHECK_FOR_INTERRUPTS();
		frozen = eg_split_limit(s, stratum, &limit[c]);
		if (hashes == NULL)
			hashes = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(nrows, 1));
		for (i = 0; i < nrows; i++)
		{
			if (nclasses == 0 || cls[i] == c)
				hashes[n++] = d->hash[i];
		}
		if (n == 0 || (frozen && limit_fits(hashes, n, limit[c], s->test_size)))
			continue;
		was = limit[c];
		k = share_of(n, s->test_size);
		limit[c] = k > 0 ? select_u64(hashes, n, k) : 0;
		s->refrozen |= frozen && limit[c] != was;
		set_limit(s, stratum, limit[c]);
	}
	for (i = 0; i < nrows; i++)
		part[i] = d->hash[i] < limit[nclasses > 0 ? cls[i] : 0] ? EG_PART_TEST : EG_PART_FIT;
	if (hashes)
		pfree(hashes);
}

/* Order-preserving image of a double in the unsigned integers. */
static uint64
double_order(double v)
{
	uint64		u;

	memcpy(&u, &v, sizeof(u));
	return u & UINT64CONST(0x8000000000000000) ? ~u : u | UINT64CONST(0x8000000000000000);
}

/*
 * Move a share of the rows of part `from` to part `to`: those with the
 * smallest keys.  Rows with equal keys stay together.
 */
static uint64
move_smallest(uint8 *part, Size nrows, const uint64 *key, uint8 from, uint8 to, double share)
{
	uint64	   *copy = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(nrows, 1));
	uint64		limit = 0;
	Size		n = 0,
				k,
				i;

	for (i = 0; i < nrows; i++)
	{
		if (part[i] == from)
			copy[n++] = key[i];
	}
	k = share_of(n, share);
	if (k > 0)
	{
		limit = select_u64(copy, n, k);
		for (i = 0; i < nrows; i++)
		{
			if (part[i] == from && key[i] < limit)
				part[i] = to;
		}
	}
	pfree(copy);
	return limit;
}

uint8 *
eg_split_rows(EgSplit *s, const EgSourceData *d, const int32 *cls, int nclasses,
			  char *const *labels, double validation, uint64 seed)
{
	Size		nrows = d->x.nrows;
	uint8	   *part = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1));
	uint64	   *key = NULL;
	Size		i;

	memset(part, EG_PART_FIT, nrows);
	if (validation > 0 || d->split_is_time)
		key = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(nrows, 1));

	if (d->split && d->split_is_time)
	{
		/* newest rows have the smallest keys */
		uint64		limit;

		for (i = 0; i < nrows; i++)
			key[i] = ~double_order(d->split[i]);
		limit = move_smallest(part, nrows, key, EG_PART_FIT, EG_PART_TEST, s->test_size);
		s->has_cut = limit > 0;
		for (i = 0; i < nrows && s->has_cut; i++)
		{
			if (key[i] == limit)
			{
				s->cut = d->split[i];
				break;
			}
		}
	}
	else if (d->split)
	{
		for (i = 0; i < nrows; i++)
			part[i] = d->split[i] != 0 ? EG_PART_TEST : EG_PART_FIT;
	}
	else if (s->test_size > 0)
		split_by_hash(s, d, cls, nclasses, labels, part);

	if (validation > 0)
	{
		/* what comes later is predicted from what came before, here too */
		if (!d->split_is_time)
		{
			for (i = 0; i < nrows; i++)
				key[i] = mix(d->hash[i] ^ mix(seed));
		}
		move_smallest(part, nrows, key, EG_PART_FIT, EG_PART_VALID, validation);
	}
	if (key)
		pfree(key);
	return part;
}
