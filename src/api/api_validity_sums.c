/*-------------------------------------------------------------------------
 *
 * api_validity_sums.c
 *	  engage_calinski_harabasz() and engage_adjusted_rand(): numbers about
 *	  clusterings that need no rows, only sums over each group.
 *
 * The state is a bytea that holds a hash table.  An entry is a group (of
 * Calinski-Harabasz: a segment; of the Rand index: a pair of segments), a
 * count, and for the former the mean and the sum of squared distances from it,
 * merged after Chan, Golub and LeVeque (1979).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "algo/validity.h"
#include "api/state.h"
#include "api/validity.h"
#include "base/random.h"
#include "base/run.h"
#include "base/sort.h"

PG_FUNCTION_INFO_V1(engage_calinski_harabasz_accum_int);
PG_FUNCTION_INFO_V1(engage_calinski_harabasz_accum_text);
PG_FUNCTION_INFO_V1(engage_calinski_harabasz_final);
PG_FUNCTION_INFO_V1(engage_adjusted_rand_accum_int);
PG_FUNCTION_INFO_V1(engage_adjusted_rand_accum_text);
PG_FUNCTION_INFO_V1(engage_adjusted_rand_final);
PG_FUNCTION_INFO_V1(engage_groups_combine);

#define GROUPS_MAGIC	0x45674731	/* also tells a foreign byte order */
#define FIRST_GROUPS	16

/* A hash table with at least half of its places free; n == 0: a free place. */
typedef struct Groups
{
	int32		vl_len_;
	uint32		magic;
	int32		ncols;			/* 0: counts alone */
	int32		size;			/* a power of two */
	int32		n;				/* places taken */
	int32		reserved;		/* 0 */
	char		places[FLEXIBLE_ARRAY_MEMBER];
} Groups;

typedef struct Group
{
	uint64		a;
	uint64		b;
	double		n;
	double		spread;			/* sum of squared distances from the mean */
	double		mean[FLEXIBLE_ARRAY_MEMBER];	/* (ncols) */
} Group;

#define GROUP_BYTES(ncols)	(offsetof(Group, mean) + sizeof(double) * (Size) (ncols))
#define GROUPS_BYTES(ncols, size) (offsetof(Groups, places) + GROUP_BYTES(ncols) * (Size) (size))

static inline Group *
group_at(const Groups *s, Size i)
{
	return (Group *) (s->places + i * GROUP_BYTES(s->ncols));
}

static Groups *
groups_argument(FunctionCallInfo fcinfo, int place)
{
	Groups	   *s = eg_state_argument(fcinfo, place);

	if (s && (VARSIZE(s) < offsetof(Groups, places) || s->magic != GROUPS_MAGIC || s->ncols < 0 ||
			  s->ncols > EG_VALIDITY_COLUMNS || s->size < FIRST_GROUPS ||
			  (s->size & (s->size - 1)) != 0 || s->n < 0 || s->n > s->size / 2 ||
			  VARSIZE(s) != GROUPS_BYTES(s->ncols, s->size)))
		eg_state_invalid();
	return s;
}

static Groups *
groups_make(int ncols, int64 size, Size held)
{
	Size		bytes = GROUPS_BYTES(ncols, size);
	Groups	   *s;

	if (bytes > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%lld groups are too many", (long long) size / 2)));
	s = eg_state_alloc(bytes, held, "keeping the groups of a measure of segments");
	SET_VARSIZE(s, bytes);
	s->magic = GROUPS_MAGIC;
	s->ncols = ncols;
	s->size = (int32) size;
	return s;
}

/* Place of a group: its own, or a free one.  A made-up state may have none. */
static Group *
groups_find(const Groups *s, uint64 a, uint64 b)
{
	uint64		i = eg_random_mix(a ^ eg_random_mix(b)) & (s->size - 1);
	int			tries;

	for (tries = 0; tries < s->size; tries++, i = (i + 1) & (s->size - 1))
	{
		Group	   *g = group_at(s, i);

		if (!(g->n > 0) || (g->a == a && g->b == b))
			return g;
	}
	eg_state_invalid();
	return NULL;				/* keep compiler quiet */
}

static void
group_merge(Group *to, const Group *from, int ncols)
{
	double		n = to->n + from->n;
	double		apart = 0;
	int			j;

	for (j = 0; j < ncols; j++)
	{
		double		d = from->mean[j] - to->mean[j];

		apart += d * d;
		to->mean[j] += d * from->n / n;
	}
	to->spread += from->spread + apart * to->n * from->n / n;
	to->n = n;
}

static Groups *groups_put(Groups *s, const Group *from);

static Groups *
groups_grow(Groups *s)
{
	Groups	   *larger = groups_make(s->ncols, (int64) s->size * 2, VARSIZE(s));
	int			i;

	for (i = 0; i < s->size; i++)
	{
		if (group_at(s, i)->n > 0)
			larger = groups_put(larger, group_at(s, i));
	}
	return larger;
}

/* Add what is known of a group. */
static Groups *
groups_put(Groups *s, const Group *from)
{
	Group	   *g = groups_find(s, from->a, from->b);

	if (!(g->n > 0))
	{
		if (s->n >= s->size / 2)
		{
			s = groups_grow(s);
			g = groups_find(s, from->a, from->b);
		}
		s->n++;
		memset(g, 0, GROUP_BYTES(s->ncols));
		g->a = from->a;
		g->b = from->b;
	}
	group_merge(g, from, s->ncols);
	return s;
}

/* A state that may be changed. */
static Groups *
groups_own(FunctionCallInfo fcinfo, int ncols)
{
	Groups	   *s = groups_argument(fcinfo, 0);

	if (s == NULL)
		return groups_make(ncols, FIRST_GROUPS, 0);
	eg_validity_check_columns(s->ncols, ncols);
	return eg_state_own(fcinfo, s);
}

static Datum
calinski_harabasz_accum(FunctionCallInfo fcinfo, uint64 segment)
{
	int			n,
				j;
	const double *x = eg_validity_features(PG_GETARG_ARRAYTYPE_P(2), &n);
	Group	   *row;

	for (j = 0; x && j < n; j++)
	{
		if (!isfinite(x[j]))
			x = NULL;
	}
	if (x == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	row = palloc(GROUP_BYTES(n));
	row->a = segment;
	row->b = 0;
	row->n = 1;
	row->spread = 0;
	memcpy(row->mean, x, sizeof(double) * n);
	PG_RETURN_POINTER(groups_put(groups_own(fcinfo, n), row));
}

/* accum(state, segment bigint, features float8[]) */
Datum
engage_calinski_harabasz_accum_int(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return calinski_harabasz_accum(fcinfo, eg_validity_number(PG_GETARG_INT64(1)));
}

/* accum(state, segment text, features float8[]) */
Datum
engage_calinski_harabasz_accum_text(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return calinski_harabasz_accum(fcinfo, eg_validity_text(PG_GETARG_TEXT_PP(1)));
}

Datum
engage_calinski_harabasz_final(PG_FUNCTION_ARGS)
{
	Groups	   *s = groups_argument(fcinfo, 0);
	Group	   *all;
	double		within = 0,
				between;
	int			i;

	if (s == NULL)
		PG_RETURN_NULL();
	all = palloc0(GROUP_BYTES(s->ncols));
	for (i = 0; i < s->size; i++)
	{
		const Group *g = group_at(s, i);

		if (!(g->n > 0))
			continue;
		within += g->spread;
		group_merge(all, g, s->ncols);
	}
	if (s->n < 2 || all->n <= s->n)
		PG_RETURN_NULL();
	between = Max(all->spread - within, 0);
	if (within == 0)
		PG_RETURN_FLOAT8(1);
	PG_RETURN_FLOAT8(between * (all->n - s->n) / (within * (s->n - 1)));
}

static Datum
adjusted_rand_accum(FunctionCallInfo fcinfo, uint64 a, uint64 b)
{
	Group		pair = {0};

	pair.a = a;
	pair.b = b;
	pair.n = 1;
	PG_RETURN_POINTER(groups_put(groups_own(fcinfo, 0), &pair));
}

/* accum(state, a bigint, b bigint) */
Datum
engage_adjusted_rand_accum_int(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return adjusted_rand_accum(fcinfo, eg_validity_number(PG_GETARG_INT64(1)),
							   eg_validity_number(PG_GETARG_INT64(2)));
}

/* accum(state, a text, b text) */
Datum
engage_adjusted_rand_accum_text(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return adjusted_rand_accum(fcinfo, eg_validity_text(PG_GETARG_TEXT_PP(1)),
							   eg_validity_text(PG_GETARG_TEXT_PP(2)));
}

/* Sum over the groups of pairs of rows within the same first (side 0) or second segment. */
static double
pairs_of_side(const Groups *s, int side)
{
	typedef struct Part
	{
		uint64		segment;
		double		n;
	} Part;
	Part	   *parts = eg_state_alloc(sizeof(Part) * Max(s->n, 1), VARSIZE(s),
										   "counting the pairs of engage_adjusted_rand()");
	double		sum = 0,
				rows = 0;
	int			n = 0,
				i;

	for (i = 0; i < s->size; i++)
	{
		const Group *g = group_at(s, i);

		if (g->n > 0 && n < s->n)
		{
			parts[n].segment = side == 0 ? g->a : g->b;
			parts[n++].n = g->n;
		}
	}
	qsort(parts, n, sizeof(Part), eg_by_u64);
	for (i = 0; i < n; i++)
	{
		rows += parts[i].n;
		if (i + 1 == n || parts[i + 1].segment != parts[i].segment)
		{
			sum += eg_pairs(rows);
			rows = 0;
		}
	}
	pfree(parts);
	return sum;
}

Datum
engage_adjusted_rand_final(PG_FUNCTION_ARGS)
{
	Groups	   *s = groups_argument(fcinfo, 0);
	double		both = 0,
				n = 0;
	int			i;

	if (s == NULL)
		PG_RETURN_NULL();
	for (i = 0; i < s->size; i++)
	{
		const Group *g = group_at(s, i);

		if (!(g->n > 0))
			continue;
		n += g->n;
		both += eg_pairs(g->n);
	}
	if (n < 2)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(eg_adjusted_rand_pairs(n, both, pairs_of_side(s, 0), pairs_of_side(s, 1)));
}

/* combine(state, state) of both */
Datum
engage_groups_combine(PG_FUNCTION_ARGS)
{
	Groups	   *a = groups_argument(fcinfo, 0);
	Groups	   *b = groups_argument(fcinfo, 1);
	Groups	   *s;
	int			i;

	if (a == NULL || b == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(a == NULL ? 1 : 0));
	s = groups_own(fcinfo, b->ncols);
	for (i = 0; i < b->size; i++)
	{
		if (group_at(b, i)->n > 0)
			s = groups_put(s, group_at(b, i));
	}
	PG_RETURN_POINTER(s);
}
