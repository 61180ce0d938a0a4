/*-------------------------------------------------------------------------
 *
 * api_aggregates_rank.c
 *	  Metrics of order: AUC and its kin, and ranked lists cut at k.
 *
 * These need every score, so the state is a bytea that holds them all: a
 * header and then two lists in one buffer, class 0 growing from the front and
 * class 1 from the back.  A small state lives in the aggregate's context as a
 * plain value with room to spare, so that a query with a hundred thousand
 * groups is cheap.  A large one becomes an expanded object with a buffer of
 * its own, which is enlarged without copying and may grow beyond the 1 GB of a
 * value.  It is flattened only on its way to another process.
 *
 * The final functions sort a copy.  So a state can be finished many times, as
 * window functions do and as auc, average_precision, ks and gini of the same
 * columns do, which share one.
 *
 * For ranked lists the same buffer holds score and gain, and the list's k.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "api/state.h"
#include "base/compat.h"
#include "base/run.h"
#include "engage.h"
#include "eval/curves.h"
#include "fmgr.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#define SCORES_MAGIC	0x45675363	/* also tells a foreign byte order */
#define FIRST_ITEMS		8
#define FLAT_LIMIT		4096	/* bytes of a plain state; beyond, it is expanded */

PG_FUNCTION_INFO_V1(engage_scores_accum);
PG_FUNCTION_INFO_V1(engage_scores_accum_int);
PG_FUNCTION_INFO_V1(engage_ranked_accum);
PG_FUNCTION_INFO_V1(engage_ranked_accum_gain);
PG_FUNCTION_INFO_V1(engage_scores_combine);
PG_FUNCTION_INFO_V1(engage_auc_final);
PG_FUNCTION_INFO_V1(engage_average_precision_final);
PG_FUNCTION_INFO_V1(engage_ks_final);
PG_FUNCTION_INFO_V1(engage_gini_final);
PG_FUNCTION_INFO_V1(engage_ndcg_at_final);
PG_FUNCTION_INFO_V1(engage_map_at_final);
PG_FUNCTION_INFO_V1(engage_precision_at_final);
PG_FUNCTION_INFO_V1(engage_recall_at_final);
PG_FUNCTION_INFO_V1(engage_hit_rate_at_final);

/* What is in the bytea, from its length word on. */
typedef struct Scores
{
	int32		vl_len_;		/* of a plain state; unused in an expanded one */
	uint32		magic;
	int32		width;			/* doubles of an item: 1, or 2 with a weight or gain */
	int32		k;				/* of a ranked list; 0: two classes */
	int64		undefined;		/* a score was NaN */
	int64		n[2];			/* items of each list */
	int64		capacity;		/* items in all */
	double		v[FLEXIBLE_ARRAY_MEMBER];
} Scores;

typedef struct ExpandedScores
{
	ExpandedObjectHeader hdr;
	Scores	   *s;				/* may be larger than any value */
} ExpandedScores;

static Size
scores_bytes(int64 capacity, int width)
{
	return offsetof(Scores, v) + (Size) capacity * width * sizeof(double);
}

static inline int64
used(const Scores *s)
{
	return s->n[0] + s->n[1];
}

/* First double of a list. */
static inline double *
list_of(Scores *s, int which)
{
	return which == 0 ? s->v : s->v + (s->capacity - s->n[1]) * s->width;
}

/* ----------
 * Plain and expanded
 * ----------
 */

static Size
flat_size(ExpandedObjectHeader *eoh)
{
	const Scores *s = ((ExpandedScores *) eoh)->s;
	Size		size = scores_bytes(used(s), s->width);

	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%lld scores are too many for one parallel worker",
						(long long) used(s)),
				 errdetail("A worker hands its scores over as one value, and a value cannot be "
						   "larger than 1 GB."),
				 errhint("SET max_parallel_workers_per_gather = 0 computes without workers.")));
	return size;
}

static void
flatten(ExpandedObjectHeader *eoh, void *result, Size allocated_size)
{
	Scores	   *from = ((ExpandedScores *) eoh)->s;
	Scores	   *to = result;

	memcpy(to, from, offsetof(Scores, v));
	to->capacity = used(from);
	SET_VARSIZE(to, allocated_size);
	memcpy(list_of(to, 0), list_of(from, 0), from->n[0] * from->width * sizeof(double));
	memcpy(list_of(to, 1), list_of(from, 1), from->n[1] * from->width * sizeof(double));
}

static const ExpandedObjectMethods methods = {flat_size, flatten};

static ExpandedScores *
expanded(Pointer p)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(p))
	{
		ExpandedObjectHeader *eoh = DatumGetEOHP(PointerGetDatum(p));

		if (eoh->eoh_methods == &methods)
			return (ExpandedScores *) eoh;
	}
	return NULL;
}

static void
set_header(Scores *s, int width, int k, int64 capacity)
{
	memset(s, 0, offsetof(Scores, v));
	s->magic = SCORES_MAGIC;
	s->width = width;
	s->k = k;
	s->capacity = capacity;
}

/* A state in plain form, checked: somebody may have made it up. */
static Scores *
flat_state(Pointer p)
{
	Scores	   *s = (Scores *) PG_DETOAST_DATUM(PointerGetDatum(p));
	Size		size = VARSIZE(s);

	if (size == VARHDRSZ)
		return NULL;			/* what every aggregate starts with */
	if ((uintptr_t) s % MAXIMUM_ALIGNOF != 0)
		s = memcpy(palloc(size), s, size);
	if (size < offsetof(Scores, v) || s->magic != SCORES_MAGIC || s->width < 1 || s->width > 2 ||
		s->k < 0 || (s->k > 0 && s->width != 2) || s->capacity < 0 ||
		s->capacity > (int64) (MaxAllocSize / sizeof(double)) ||
		scores_bytes(s->capacity, s->width) > size || s->n[0] < 0 || s->n[1] < 0 ||
		s->n[0] > s->capacity || s->n[1] > s->capacity - s->n[0])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid state of an aggregate of engage")));
	return s;
}

/* Whatever the argument is; NULL: no rows yet. */
static Scores *
state_argument(FunctionCallInfo fcinfo, int place)
{
	Pointer		p = PG_GETARG_POINTER(place);
	ExpandedScores *e = expanded(p);

	return e ? e->s : flat_state(p);
}

/* ----------
 * Grow
 * ----------
 */

static void
check_memory(int64 capacity, int width, const char *what)
{
	eg_check_memory(scores_bytes(capacity, width), (Size) eg_max_memory * 1024, what);
}

static void
enlarge(ExpandedScores *e, int64 capacity)
{
	Scores	   *s = e->s;
	int64		before = s->capacity;
	Size		back = s->n[1] * s->width;

	check_memory(capacity, s->width, "keeping the scores of an aggregate");
	e->s = s = repalloc_huge(s, scores_bytes(capacity, s->width));
	memmove(s->v + capacity * s->width - back, s->v + before * s->width - back,
			back * sizeof(double));
	s->capacity = capacity;
}

/* A state with room for `more` items, copied from s (NULL: none yet). */
static Datum
larger_copy(FunctionCallInfo fcinfo, Scores *s, int width, int k, int64 more, Scores **result)
{
	int64		capacity = s ? s->capacity : FIRST_ITEMS;
	int64		needed = s ? used(s) + more : more;
	ExpandedScores *e = NULL;
	MemoryContext parent;
	Scores	   *to;
	Size		size;

	if (needed > capacity)
		capacity = Max(needed, 2 * capacity);
	size = scores_bytes(capacity, width);
	if (size <= FLAT_LIMIT)
	{
		to = palloc0(size);		/* nodeAgg copies it, with the spare room */
		set_header(to, width, k, capacity);
		SET_VARSIZE(to, size);
	}
	else
	{
		MemoryContext context;

		if (!AggCheckCallContext(fcinfo, &parent))
			parent = CurrentMemoryContext;
		check_memory(capacity, width, "keeping the scores of an aggregate");
		context = AllocSetContextCreate(parent, "engage scores", ALLOCSET_START_SMALL_SIZES);
		e = MemoryContextAlloc(context, sizeof(ExpandedScores));
		EOH_init_header(&e->hdr, &methods, context);
		e->s = to = MemoryContextAllocHuge(context, size);
		set_header(to, width, k, capacity);
	}
	if (s)
	{
		to->undefined = s->undefined;
		to->n[0] = s->n[0];
		to->n[1] = s->n[1];
		memcpy(list_of(to, 0), list_of(s, 0), s->n[0] * width * sizeof(double));
		memcpy(list_of(to, 1), list_of(s, 1), s->n[1] * width * sizeof(double));
	}
	*result = to;
	return e ? EOHPGetRWDatum(&e->hdr) : PointerGetDatum(to);
}

static void pg_attribute_noreturn()
mixed_error(const Scores *s, int k)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 s->k > 0 && k > 0 ? errmsg("k must be the same in all rows of a list, not %d and %d",
										s->k, k) :
			 errmsg("states of different aggregates cannot be mixed")));
}

/*
 * The state to write to, with room for `more` items: the argument itself
 * while it is ours to change and large enough.
 */
static inline Datum
state_to_change(FunctionCallInfo fcinfo, int width, int k, int64 more, Scores **result)
{
	Pointer		p = PG_GETARG_POINTER(0);
	ExpandedScores *e = NULL;
	Scores	   *s;
	bool		ours;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(p))
		e = expanded(p);
	if (likely(e != NULL))
	{
		s = e->s;
		ours = true;
	}
	else
	{
		s = state_argument(fcinfo, 0);
		ours = (Pointer) s == p && AggCheckCallContext(fcinfo, NULL);
	}
	if (s != NULL && unlikely(s->width != width || s->k != k))
		mixed_error(s, k);
	if (s == NULL || !ours)
		return larger_copy(fcinfo, s, width, k, more, result);
	if (unlikely(used(s) + more > s->capacity))
	{
		if (e == NULL)
			return larger_copy(fcinfo, s, width, k, more, result);
		enlarge(e, Max(used(s) + more, s->capacity * 2));
		s = e->s;
	}
	*result = s;
	return PointerGetDatum(p);
}

/* ----------
 * Rows
 * ----------
 */

/* Arguments state, score, truth [, weight]. */
static inline Datum
accumulate(FunctionCallInfo fcinfo, int truth)
{
	double		score = PG_GETARG_FLOAT8(1);
	int			width = PG_NARGS() > 3 ? 2 : 1;
	Scores	   *s;
	Datum		result = state_to_change(fcinfo, width, 0, 1, &s);
	double	   *item;

	if (unlikely(isnan(score)))
	{
		s->undefined = 1;
		return result;
	}
	s->n[truth]++;
	item = truth ? list_of(s, 1) : s->v + (s->n[0] - 1) * width;
	item[0] = score;
	if (width == 2)
	{
		double		w = PG_GETARG_FLOAT8(3);

		if (unlikely(!(w >= 0.0) || isinf(w)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a weight must be finite and not negative, not %g", w)));
		item[1] = w;
	}
	return result;
}

Datum
engage_scores_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, PG_GETARG_BOOL(2) ? 1 : 0);
}

Datum
engage_scores_accum_int(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, (int) eg_truth_argument(fcinfo, 2));
}

/* Arguments state, score, relevant or gain, k. */
static inline Datum
accumulate_ranked(FunctionCallInfo fcinfo, double gain)
{
	double		score = PG_GETARG_FLOAT8(1);
	int32		k = PG_GETARG_INT32(3);
	Scores	   *s;
	Datum		result;

	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1, not %d", k)));
	if (!(gain >= 0.0) || isinf(gain))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a relevance must be finite and not negative, not %g", gain)));
	result = state_to_change(fcinfo, 2, k, 1, &s);
	if (isnan(score))
		s->undefined = 1;
	else
	{
		double	   *item = s->v + 2 * s->n[0]++;

		item[0] = score;
		item[1] = gain;
	}
	return result;
}

Datum
engage_ranked_accum(PG_FUNCTION_ARGS)
{
	return accumulate_ranked(fcinfo, PG_GETARG_BOOL(2) ? 1.0 : 0.0);
}

Datum
engage_ranked_accum_gain(PG_FUNCTION_ARGS)
{
	return accumulate_ranked(fcinfo, PG_GETARG_FLOAT8(2));
}

Datum
engage_scores_combine(PG_FUNCTION_ARGS)
{
	Scores	   *from = state_argument(fcinfo, 1);
	Scores	   *s;
	Datum		result;
	int			which;

	if (from == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	result = state_to_change(fcinfo, from->width, from->k, Max(used(from), 1), &s);
	s->undefined |= from->undefined;
	for (which = 0; which < 2; which++)
	{
		Size		size = from->n[which] * from->width;
		double	   *to;

		s->n[which] += from->n[which];
		to = which == 1 ? list_of(s, 1) : s->v + s->n[0] * s->width - size;
		memcpy(to, list_of(from, which), size * sizeof(double));
	}
	return result;
}

/* ----------
 * Results
 * ----------
 */

static Datum
number_or_null(FunctionCallInfo fcinfo, double v)
{
	if (isnan(v))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(v);
}

/* Measures of the two classes; false: there are none, or *result is NaN. */
static bool
measure(FunctionCallInfo fcinfo, EgCurveMeasures *m, Datum *result)
{
	Scores	   *s = state_argument(fcinfo, 0);
	MemoryContext context;
	MemoryContext caller;
	EgScoreList list[2];
	int			which;

	*result = (Datum) 0;
	if (s == NULL || s->undefined)
	{
		fcinfo->isnull = s == NULL;
		*result = s ? Float8GetDatum(NAN) : (Datum) 0;
		return false;
	}
	if (s->k > 0)
		mixed_error(s, 0);
	eg_check_memory(eg_curve_bytes(Max(s->n[0], s->n[1]), s->width) +
					eg_curve_bytes(Min(s->n[0], s->n[1]), s->width) / 2,
					(Size) eg_max_memory * 1024, "sorting the scores of an aggregate");
	for (which = 0; which < 2; which++)
	{
		list[which].n = s->n[which];
		list[which].stride = s->width;
		list[which].v = list_of(s, which);
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "engage curve", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	*m = eg_curve_measure(eg_curve_make(list));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return true;
}

Datum
engage_auc_final(PG_FUNCTION_ARGS)
{
	EgCurveMeasures m;
	Datum		result;

	return measure(fcinfo, &m, &result) ? number_or_null(fcinfo, m.auc) : result;
}

Datum
engage_average_precision_final(PG_FUNCTION_ARGS)
{
	EgCurveMeasures m;
	Datum		result;

	return measure(fcinfo, &m, &result) ? number_or_null(fcinfo, m.average_precision) : result;
}

Datum
engage_ks_final(PG_FUNCTION_ARGS)
{
	EgCurveMeasures m;
	Datum		result;

	return measure(fcinfo, &m, &result) ? number_or_null(fcinfo, m.ks) : result;
}

Datum
engage_gini_final(PG_FUNCTION_ARGS)
{
	EgCurveMeasures m;
	Datum		result;

	return measure(fcinfo, &m, &result) ? number_or_null(fcinfo, 2.0 * m.auc - 1.0) : result;
}

static bool
top_k(FunctionCallInfo fcinfo, EgTopK *t, Datum *result)
{
	Scores	   *s = state_argument(fcinfo, 0);

	*result = (Datum) 0;
	if (s == NULL || s->undefined)
	{
		fcinfo->isnull = s == NULL;
		*result = s ? Float8GetDatum(NAN) : (Datum) 0;
		return false;
	}
	if (s->k < 1)
		mixed_error(s, 0);
	*t = eg_top_k(list_of(s, 0), s->n[0], s->k);
	return true;
}

Datum
engage_ndcg_at_final(PG_FUNCTION_ARGS)
{
	EgTopK		t;
	Datum		result;

	return top_k(fcinfo, &t, &result) ? number_or_null(fcinfo, t.ndcg) : result;
}

Datum
engage_map_at_final(PG_FUNCTION_ARGS)
{
	EgTopK		t;
	Datum		result;

	return top_k(fcinfo, &t, &result) ? number_or_null(fcinfo, t.map) : result;
}

Datum
engage_precision_at_final(PG_FUNCTION_ARGS)
{
	EgTopK		t;
	Datum		result;

	return top_k(fcinfo, &t, &result) ? number_or_null(fcinfo, t.precision) : result;
}

Datum
engage_recall_at_final(PG_FUNCTION_ARGS)
{
	EgTopK		t;
	Datum		result;

	return top_k(fcinfo, &t, &result) ? number_or_null(fcinfo, t.recall) : result;
}

Datum
engage_hit_rate_at_final(PG_FUNCTION_ARGS)
{
	EgTopK		t;
	Datum		result;

	return top_k(fcinfo, &t, &result) ? number_or_null(fcinfo, t.hit_rate) : result;
}
