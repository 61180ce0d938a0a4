/*-------------------------------------------------------------------------
 *
 * api_drift.c
 *	  Drift aggregates over numbers: engage_psi(), engage_kl(), engage_js(),
 *	  engage_ks(), engage_wasserstein(), engage_chi2().  Texts are in
 *	  api_drift_text.c.
 *
 * One row is a value and the side that it belongs to: false is the reference,
 * true the current one.  The state is a bytea.  Without edges it holds a
 * quantile sketch for each side, of which any measure can be made at the end,
 * so that aggregates over the same columns share one state.  With edges it
 * holds counts.  It is changed in place and copied only to grow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "api/drift.h"
#include "api/state.h"
#include "base/distribution.h"
#include "base/random.h"
#include "eval/sketch.h"

#define SAMPLES_MAGIC	0x45675332	/* also tells a foreign byte order */
#define COUNTS_MAGIC	0x45674332
#define DEFAULT_BINS	10
#define MAX_BINS		1000
#define FIRST_SIZE		32

PG_FUNCTION_INFO_V1(engage_drift_accum);
PG_FUNCTION_INFO_V1(engage_drift_accum_edges);
PG_FUNCTION_INFO_V1(engage_drift_accum_any);
PG_FUNCTION_INFO_V1(engage_drift_accum_any_edges);
PG_FUNCTION_INFO_V1(engage_drift_combine);
PG_FUNCTION_INFO_V1(engage_psi_final);
PG_FUNCTION_INFO_V1(engage_kl_final);
PG_FUNCTION_INFO_V1(engage_js_final);
PG_FUNCTION_INFO_V1(engage_chi2_final);
PG_FUNCTION_INFO_V1(engage_chi2_p_final);
PG_FUNCTION_INFO_V1(engage_ks_final2);
PG_FUNCTION_INFO_V1(engage_ks_p_final);
PG_FUNCTION_INFO_V1(engage_wasserstein_final);

/* Two sketches, one behind the other. */
typedef struct Samples
{
	int32		vl_len_;
	uint32		magic;
	int32		nbins;
	int32		reserved;		/* 0 */
	int64		missing[2];
	char		sketches[FLEXIBLE_ARRAY_MEMBER];
} Samples;

/* Counts of nedges + 1 bins and of the missing values for each side. */
typedef struct Counts
{
	int32		vl_len_;
	uint32		magic;
	int32		nedges;
	int32		reserved;		/* 0 */
	double		v[FLEXIBLE_ARRAY_MEMBER];	/* nedges edges, then 2 x (nedges + 2) counts */
} Counts;

#define COUNTS_BYTES(nedges) \
	(offsetof(Counts, v) + sizeof(double) * (3 * (Size) (nedges) + 4))

static inline EgSketch *
sketch(Samples *s, int side)
{
	EgSketch   *first = (EgSketch *) s->sketches;

	return side == 0 ? first : (EgSketch *) (s->sketches + EG_SKETCH_BYTES(first->size));
}

static inline double *
counts_of(Counts *c, int side)
{
	return c->v + c->nedges + side * (c->nedges + 2);
}

/* An empty state with room for so many numbers on each side. */
static Samples *
make_samples(int size0, int size1, int nbins)
{
	Size		bytes = offsetof(Samples, sketches) + EG_SKETCH_BYTES(size0) +
		EG_SKETCH_BYTES(size1);
	Samples    *s = palloc0(bytes);

	SET_VARSIZE(s, bytes);
	s->magic = SAMPLES_MAGIC;
	s->nbins = nbins;
	eg_sketch_init((EgSketch *) s->sketches, size0, 1);
	eg_sketch_init((EgSketch *) (s->sketches + EG_SKETCH_BYTES(size0)), size1, 2);
	return s;
}

/* The argument as a state of either kind; NULL for the empty one. */
static void *
state_argument(FunctionCallInfo fcinfo, int place)
{
	void	   *state = eg_state_argument(fcinfo, place);

	if (state && VARSIZE(state) < offsetof(Counts, v))
		eg_state_invalid();
	return state;
}

static inline bool
sketch_fits(const EgSketch *s, Size bytes)
{
	return bytes >= EG_SKETCH_BYTES(0) && s->size >= 0 && s->size <= EG_SKETCH_EXACT &&
		EG_SKETCH_BYTES(s->size) <= bytes && s->end[0] >= 0 && s->end[0] <= s->size;
}

/*
 * Whoever can make an aggregate can make its first state up.  What adding a number
 * relies on is checked each time, the rest before anything is moved.
 */
static inline bool
samples_fit(Samples *s)
{
	Size		head = offsetof(Samples, sketches);
	Size		bytes = VARSIZE(s);

	return s->magic == SAMPLES_MAGIC && bytes >= head && sketch_fits(sketch(s, 0), bytes - head) &&
		sketch_fits(sketch(s, 1), bytes - head - EG_SKETCH_BYTES(sketch(s, 0)->size));
}

static Samples *
check_samples(void *state)
{
	Samples    *s = state;
	int			side;

	if (!samples_fit(s) || s->nbins < 2 || s->nbins > MAX_BINS || s->missing[0] < 0 ||
		s->missing[1] < 0)
		eg_state_invalid();
	for (side = 0; side < 2; side++)
	{
		if (!eg_sketch_valid(sketch(s, side), EG_SKETCH_BYTES(sketch(s, side)->size)))
			eg_state_invalid();
	}
	return s;
}

static Counts *
check_counts(void *state)
{
	Counts	   *c = state;
	int			i;

	if (c->magic != COUNTS_MAGIC || c->nedges < 1 || c->nedges > MAX_BINS ||
		COUNTS_BYTES(c->nedges) != VARSIZE(c))
		eg_state_invalid();
	for (i = 0; i < 2 * (c->nedges + 2); i++)
	{
		if (!(counts_of(c, 0)[i] >= 0))
			eg_state_invalid();
	}
	return c;
}

/* ----------
 * Rows
 * ----------
 */

static int
bins_argument(FunctionCallInfo fcinfo)
{
	int			nbins = DEFAULT_BINS;

	if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
		nbins = PG_GETARG_INT32(3);
	if (nbins < 2 || nbins > MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of bins is %d, but must be between 2 and %d", nbins,
						MAX_BINS)));
	return nbins;
}

/* accum(state, value float8, current boolean [, bins integer]) */
Datum
engage_drift_accum(PG_FUNCTION_ARGS)
{
	Samples    *s;
	EgSketch   *to;
	int			side;

	if (PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	s = state_argument(fcinfo, 0);
	if (unlikely(s == NULL))
		s = make_samples(FIRST_SIZE, FIRST_SIZE, bins_argument(fcinfo));
	else if (unlikely(!AggCheckCallContext(fcinfo, NULL)))
	{
		/* not our own: the caller's value stays as it is */
		s = check_samples(memcpy(palloc(VARSIZE(s)), s, VARSIZE(s)));
	}
	else if (unlikely(!samples_fit(s)))
		eg_state_invalid();
	if (unlikely(PG_NARGS() > 3 && (PG_ARGISNULL(3) || PG_GETARG_INT32(3) != s->nbins)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of bins must be the same in all rows")));
	side = PG_GETARG_BOOL(2);
	if (PG_ARGISNULL(1) || isnan(PG_GETARG_FLOAT8(1)))
	{
		s->missing[side]++;
		PG_RETURN_POINTER(s);
	}
	to = sketch(s, side);
	if (unlikely(to->end[0] == to->size))
		(void) check_samples(s);
	if (unlikely(eg_sketch_is_small(to)))
	{
		int			size[2] = {sketch(s, 0)->size, sketch(s, 1)->size};
		Samples    *larger;

		size[side] = eg_sketch_size((int64) size[side] * 2);
		larger = make_samples(size[0], size[1], s->nbins);
		memcpy(larger->missing, s->missing, sizeof(s->missing));
		eg_sketch_copy(sketch(larger, 0), size[0], sketch(s, 0));
		eg_sketch_copy(sketch(larger, 1), size[1], sketch(s, 1));
		s = larger;
		to = sketch(s, side);
	}
	eg_sketch_add(to, PG_GETARG_FLOAT8(1));
	PG_RETURN_POINTER(s);
}

static Counts *
make_counts(ArrayType *array)
{
	Datum	   *items;
	bool	   *nulls;
	int			n,
				i;
	Counts	   *c;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &items,
					  &nulls, &n);
	if (n < 1 || n > MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the array of edges has %d elements, but must have 1 to %d", n, MAX_BINS)));
	c = palloc0(COUNTS_BYTES(n));
	SET_VARSIZE(c, COUNTS_BYTES(n));
	c->magic = COUNTS_MAGIC;
	c->nedges = n;
	for (i = 0; i < n; i++)
	{
		c->v[i] = nulls[i] ? NAN : DatumGetFloat8(items[i]);
		if (isnan(c->v[i]) || (i > 0 && c->v[i] <= c->v[i - 1]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("edges must ascend, but element %d is %s after %g", i + 1,
							nulls[i] ? "NULL" : psprintf("%g", c->v[i]), i > 0 ? c->v[i - 1] : 0),
					 errdetail("Each edge is the upper end of a bin; the last bin has none.")));
	}
	return c;
}

/* accum(state, value float8, current boolean, edges float8[]) */
Datum
engage_drift_accum_edges(PG_FUNCTION_ARGS)
{
	Counts	   *c;
	double	   *counts;
	double		v;
	int			low = 0,
				high;

	if (PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	c = state_argument(fcinfo, 0);
	if (unlikely(c == NULL))
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the array of edges is NULL")));
		c = make_counts(PG_GETARG_ARRAYTYPE_P(3));
	}
	else if (unlikely(!AggCheckCallContext(fcinfo, NULL)))
		c = check_counts(memcpy(palloc(VARSIZE(c)), c, VARSIZE(c)));
	else if (unlikely(c->magic != COUNTS_MAGIC || c->nedges < 1 || c->nedges > MAX_BINS ||
					  COUNTS_BYTES(c->nedges) != VARSIZE(c)))
		eg_state_invalid();
	counts = counts_of(c, PG_GETARG_BOOL(2));
	if (PG_ARGISNULL(1) || isnan(v = PG_GETARG_FLOAT8(1)))
	{
		counts[c->nedges + 1]++;
		PG_RETURN_POINTER(c);
	}

	/* first edge that is not below the value */
	high = c->nedges;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (c->v[middle] < v)
			low = middle + 1;
		else
			high = middle;
	}
	counts[low]++;
	PG_RETURN_POINTER(c);
}

/* accum(state, value "any", current boolean [, bins integer]) */
Datum
engage_drift_accum_any(PG_FUNCTION_ARGS)
{
	eg_number_replace(fcinfo, 1, "a value");
	return engage_drift_accum(fcinfo);
}

/* accum(state, value "any", current boolean, edges float8[]) */
Datum
engage_drift_accum_any_edges(PG_FUNCTION_ARGS)
{
	eg_number_replace(fcinfo, 1, "a value");
	return engage_drift_accum_edges(fcinfo);
}

static Datum
combine_samples(Samples *a, Samples *b)
{
	Samples    *s;
	int			side;

	if (a->nbins != b->nbins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of bins must be the same in all rows")));
	s = make_samples(eg_sketch_size(sketch(a, 0)->n + sketch(b, 0)->n),
					 eg_sketch_size(sketch(a, 1)->n + sketch(b, 1)->n), a->nbins);
	for (side = 0; side < 2; side++)
	{
		s->missing[side] = a->missing[side] + b->missing[side];
		eg_sketch_merge(sketch(s, side), sketch(a, side));
		eg_sketch_merge(sketch(s, side), sketch(b, side));
	}
	return PointerGetDatum(s);
}

Datum
engage_drift_combine(PG_FUNCTION_ARGS)
{
	void	   *a = state_argument(fcinfo, 0);
	void	   *b = state_argument(fcinfo, 1);
	Counts	   *to;
	Counts	   *from;
	int			i;

	if (a == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (b == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (((Samples *) a)->magic == SAMPLES_MAGIC)
		PG_RETURN_DATUM(combine_samples(check_samples(a), check_samples(b)));
	to = check_counts(memcpy(palloc(VARSIZE(a)), a, VARSIZE(a)));
	from = check_counts(b);
	if (to->nedges != from->nedges || memcmp(to->v, from->v, sizeof(double) * to->nedges) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the edges must be the same in all rows")));
	for (i = 0; i < 2 * (to->nedges + 2); i++)
		counts_of(to, 0)[i] += counts_of(from, 0)[i];
	PG_RETURN_POINTER(to);
}

/* ----------
 * Results
 * ----------
 */

/* Histograms of both sides, missing values in the last bin. */
static EgHistograms
histograms(void *state)
{
	EgHistograms h = {0};
	int			side;

	if (((Counts *) state)->magic == COUNTS_MAGIC)
	{
		Counts	   *c = check_counts(state);

		h.n = c->nedges + 2;
		h.counts[0] = counts_of(c, 0);
		h.counts[1] = counts_of(c, 1);
	}
	else
	{
		Samples    *s = check_samples(state);
		double	   *edges = palloc(sizeof(double) * EG_EDGES(s->nbins));
		EgSample	sample[2];
		int			nedges;

		sample[0] = eg_sketch_sample(sketch(s, 0));
		sample[1] = eg_sketch_sample(sketch(s, 1));
		nedges = eg_sample_edges(&sample[0], s->nbins, edges);
		h.n = nedges + 2;
		for (side = 0; side < 2; side++)
		{
			h.counts[side] = palloc(sizeof(double) * h.n);
			eg_sample_histogram(&sample[side], edges, nedges, h.counts[side]);
			h.counts[side][nedges + 1] = s->missing[side];
		}
	}
	return h;
}

static Datum
histogram_final(FunctionCallInfo fcinfo, EgDriftMeasure measure)
{
	void	   *state = state_argument(fcinfo, 0);
	EgHistograms h;

	if (state == NULL)
		PG_RETURN_NULL();
	h = histograms(state);
	return eg_drift_datum(fcinfo, measure, &h);
}

Datum
engage_psi_final(PG_FUNCTION_ARGS)
{
	return histogram_final(fcinfo, EG_DRIFT_PSI);
}

Datum
engage_kl_final(PG_FUNCTION_ARGS)
{
	return histogram_final(fcinfo, EG_DRIFT_KL);
}

Datum
engage_js_final(PG_FUNCTION_ARGS)
{
	return histogram_final(fcinfo, EG_DRIFT_JS);
}

Datum
engage_chi2_final(PG_FUNCTION_ARGS)
{
	return histogram_final(fcinfo, EG_DRIFT_CHI2);
}

Datum
engage_chi2_p_final(PG_FUNCTION_ARGS)
{
	return histogram_final(fcinfo, EG_DRIFT_CHI2_P);
}

/* Both samples of a state; false: a side has no numbers. */
static bool
samples(FunctionCallInfo fcinfo, EgSample sample[2])
{
	void	   *state = state_argument(fcinfo, 0);
	Samples    *s;

	if (state == NULL)
		return false;
	s = check_samples(state);
	sample[0] = eg_sketch_sample(sketch(s, 0));
	sample[1] = eg_sketch_sample(sketch(s, 1));
	return sample[0].n > 0 && sample[1].n > 0;
}

Datum
engage_ks_final2(PG_FUNCTION_ARGS)
{
	EgSample	sample[2];

	if (!samples(fcinfo, sample))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(eg_ks(&sample[0], &sample[1]));
}

Datum
engage_ks_p_final(PG_FUNCTION_ARGS)
{
	EgSample	sample[2];

	if (!samples(fcinfo, sample))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(eg_kolmogorov_p(eg_ks(&sample[0], &sample[1]), sample[0].total,
									 sample[1].total));
}

Datum
engage_wasserstein_final(PG_FUNCTION_ARGS)
{
	EgSample	sample[2];

	if (!samples(fcinfo, sample))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(eg_wasserstein(&sample[0], &sample[1]));
}
