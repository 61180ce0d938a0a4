/*-------------------------------------------------------------------------
 *
 * api_kmeans.c
 *	  engage_kmeans(): centers of clusters as an aggregate; engage_nearest(),
 *	  engage_distance().
 *
 * The state is a bytea: the rows themselves, up to 32 MB.  Every row has a random
 * number.  When the state is full, the half of the rows with the larger numbers
 * goes, and from then on only rows below that limit are taken: what is kept is a
 * uniform sample at any time, and two states join by the smaller of their limits.
 * Rows are sorted before clusters are looked for, so that their order in the
 * table means nothing while all of them are kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "algo/kmeans.h"
#include "api/state.h"
#include "base/compat.h"
#include "base/random.h"
#include "base/run.h"
#include "base/sort.h"
#include "engage.h"

#define KMEANS_MAGIC	0x45674b31	/* also tells a foreign byte order */
#define MAX_CELLS		(4 * 1024 * 1024)	/* numbers of a state */
#define MAX_DIMENSIONS	4096
#define MAX_CENTERS		10000
#define FIRST_ROWS		16
#define LARGEST			1e100	/* of a value */

/* the engine's settings that have no argument */
#define BEGINNINGS		4
#define ITERATIONS		300
#define TOLERANCE		1e-4

PG_FUNCTION_INFO_V1(engage_kmeans_accum);
PG_FUNCTION_INFO_V1(engage_kmeans_combine);
PG_FUNCTION_INFO_V1(engage_kmeans_final);
PG_FUNCTION_INFO_V1(engage_nearest);
PG_FUNCTION_INFO_V1(engage_distance);

typedef struct Rows
{
	int32		vl_len_;
	uint32		magic;
	int32		d;
	int32		k;
	int32		n;				/* rows kept */
	int32		room;			/* rows that fit */
	int64		seed;
	int64		seen;			/* rows that came */
	uint64		limit;			/* random numbers above are not kept */
	uint64		v[FLEXIBLE_ARRAY_MEMBER];	/* (room, 1 + d): random number, then doubles */
} Rows;

#define ROWS_BYTES(room, d) \
	(offsetof(Rows, v) + (Size) (room) * ((Size) (d) + 1) * sizeof(uint64))

static inline uint64 *
row_of(Rows *s, int i)
{
	return s->v + (Size) i * (s->d + 1);
}

static inline int
most_rows(int d)
{
	return MAX_CELLS / (d + 1);
}

static Rows *
make_rows(int room, int d, int k, int64 seed, Size held)
{
	Rows	   *s = eg_state_alloc(ROWS_BYTES(room, d), held,
									"keeping the rows of engage_kmeans()");

	SET_VARSIZE(s, ROWS_BYTES(room, d));
	s->magic = KMEANS_MAGIC;
	s->d = d;
	s->k = k;
	s->room = room;
	s->seed = seed;
	s->limit = PG_UINT64_MAX;
	return s;
}

/* Whoever can make an aggregate can make its first state up. */
static inline bool
rows_fit(const Rows *s)
{
	return VARSIZE(s) >= offsetof(Rows, v) && s->magic == KMEANS_MAGIC && s->d >= 1 &&
		s->d <= MAX_DIMENSIONS && s->k >= 1 && s->k <= MAX_CENTERS && s->room >= 1 &&
		s->room <= most_rows(s->d) && s->n >= 0 && s->n <= s->room && s->seen >= s->n &&
		VARSIZE(s) == ROWS_BYTES(s->room, s->d);
}

static Rows *
state_argument(FunctionCallInfo fcinfo, int place)
{
	Rows	   *s = eg_state_argument(fcinfo, place);

	if (s && !rows_fit(s))
		eg_state_invalid();
	return s;
}

/* ----------
 * Rows
 * ----------
 */

/* Keep the rows whose random numbers are not above the limit. */
static void
keep_below(Rows *s, uint64 limit)
{
	int			n = 0;
	int			i;

	s->limit = Min(s->limit, limit);
	for (i = 0; i < s->n; i++)
	{
		if (row_of(s, i)[0] > s->limit)
			continue;
		if (n != i)
			memcpy(row_of(s, n), row_of(s, i), ((Size) s->d + 1) * sizeof(uint64));
		n++;
	}
	s->n = n;
}

/* Half of the rows go, by their random numbers alone. */
static void
halve(Rows *s)
{
	uint64	   *numbers = palloc(s->n * sizeof(uint64));
	int			i;

	for (i = 0; i < s->n; i++)
		numbers[i] = row_of(s, i)[0];
	qsort(numbers, s->n, sizeof(uint64), eg_by_u64);
	keep_below(s, numbers[s->n / 2 - 1]);
	pfree(numbers);

	/* a made-up state may have one random number for all */
	if (s->n == s->room)
		s->n = s->room / 2;
}

/* The same rows with more room. */
static Rows *
enlarge(Rows *s, int room)
{
	Rows	   *larger = make_rows(room, s->d, s->k, s->seed, VARSIZE(s));

	larger->n = s->n;
	larger->seen = s->seen;
	larger->limit = s->limit;
	memcpy(larger->v, s->v, (Size) s->n * (s->d + 1) * sizeof(uint64));
	return larger;
}

/* The array's numbers; NULL when an element is NULL and that is allowed. */
static const double *
numbers(ArrayType *array, const char *what, int *n, bool nulls_allowed)
{
	if (ARR_ELEMTYPE(array) != FLOAT8OID)
		elog(ERROR, "%s is no array of double precision", what);
	*n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (array_contains_nulls(array))
	{
		if (nulls_allowed)
			return NULL;
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("an element of %s is NULL", what),
				 errhint("Leave such rows out with FILTER, or replace the value with coalesce().")));
	}
	return (const double *) ARR_DATA_PTR(array);
}

/* What does not change from row to row, from the first one. */
static Rows *
first_state(FunctionCallInfo fcinfo, int d)
{
	int			k;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the number of clusters is NULL")));
	k = PG_GETARG_INT32(2);
	if (k < 1 || k > MAX_CENTERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of clusters is %d, but must be between 1 and %d", k,
						MAX_CENTERS)));
	if (d < 1 || d > MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the array of features has %d elements, but must have 1 to %d", d,
						MAX_DIMENSIONS)));
	return make_rows(Min(FIRST_ROWS, most_rows(d)), d, k,
					 PG_NARGS() > 3 && !PG_ARGISNULL(3) ? PG_GETARG_INT64(3) : 1, 0);
}

/* accum(state, features float8[], k integer [, seed bigint]) */
Datum
engage_kmeans_accum(PG_FUNCTION_ARGS)
{
	Rows	   *s;
	const double *x;
	uint64	   *to;
	uint64		content;
	uint64		number;
	int			d;
	int			j;

	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	x = numbers(PG_GETARG_ARRAYTYPE_P(1), "the array of features", &d, false);
	s = state_argument(fcinfo, 0);
	if (s == NULL)
		s = first_state(fcinfo, d);
	else
		s = eg_state_own(fcinfo, s);
	if (d != s->d)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arrays of features have %d and %d elements", s->d, d),
				 errhint("All rows must have the same features.")));
	if (PG_ARGISNULL(2) || PG_GETARG_INT32(2) != s->k ||
		(PG_NARGS() > 3 && (PG_ARGISNULL(3) ? 1 : PG_GETARG_INT64(3)) != s->seed))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of clusters and the seed must be the same in all rows")));
	content = eg_random_mix((uint64) s->seed);
	for (j = 0; j < d; j++)
	{
		uint64		bits;
		double		v = x[j] + 0.0;	/* one zero, not two */

		if (!(fabs(v) <= LARGEST))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("element %d of the array of features is %g", j + 1, v),
					 errdetail("Features must be numbers between -1e100 and 1e100.")));
		memcpy(&bits, &v, sizeof(bits));
		content = eg_random_mix(content ^ bits) + EG_RANDOM_STEP;
	}
	number = eg_random_bits(content, s->seen);
	s->seen++;
	if (number > s->limit)
		PG_RETURN_POINTER(s);
	if (s->n == s->room)
	{
		if (s->room < most_rows(d))
			s = enlarge(s, Min(s->room * 2, most_rows(d)));
		else
			halve(s);
		if (number > s->limit)
			PG_RETURN_POINTER(s);
	}
	to = row_of(s, s->n++);
	to[0] = number;
	for (j = 0; j < d; j++)
	{
		double		v = x[j] + 0.0;

		memcpy(&to[j + 1], &v, sizeof(v));
	}
	PG_RETURN_POINTER(s);
}

Datum
engage_kmeans_combine(PG_FUNCTION_ARGS)
{
	Rows	   *a = state_argument(fcinfo, 0);
	Rows	   *b = state_argument(fcinfo, 1);
	Rows	   *s;
	int			i;

	if (b == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (a == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (a->d != b->d)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arrays of features have %d and %d elements", a->d, b->d),
				 errhint("All rows must have the same features.")));
	if (a->k != b->k || a->seed != b->seed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of clusters and the seed must be the same in all rows")));
	s = enlarge(a, Max(a->room, (int) Min((int64) a->n + b->n, most_rows(a->d))));
	s->seen = a->seen + b->seen;
	keep_below(s, b->limit);
	for (i = 0; i < b->n; i++)
	{
		uint64	   *from = row_of(b, i);

		if (from[0] > s->limit)
			continue;
		if (s->n == s->room)
		{
			halve(s);
			if (from[0] > s->limit)
				continue;
		}
		memcpy(row_of(s, s->n++), from, ((Size) s->d + 1) * sizeof(uint64));
	}
	PG_RETURN_POINTER(s);
}

/* ----------
 * Centers
 * ----------
 */

static int
by_values(const void *x, const void *y, void *arg)
{
	const double *a = *(const double *const *) x;
	const double *b = *(const double *const *) y;
	int			d = *(const int *) arg;
	int			j;

	for (j = 0; j < d; j++)
	{
		if (a[j] != b[j])
			return a[j] < b[j] ? -1 : 1;
	}
	return 0;
}

/*
 * Rows in an order of their own, centered and brought into the range of single
 * precision, all columns by one factor.
 */
static float *
points(Rows *s, const double **rows)
{
	int			d = s->d;
	double	   *mean = palloc0(d * sizeof(double));
	double		largest = 0;
	float	   *x = palloc_extended((Size) s->n * d * sizeof(float), MCXT_ALLOC_HUGE);
	int			i;
	int			j;

	for (i = 0; i < s->n; i++)
	{
		rows[i] = (const double *) (row_of(s, i) + 1);
		for (j = 0; j < d; j++)
		{
			if (!(fabs(rows[i][j]) <= LARGEST))
				eg_state_invalid();
		}
	}
	qsort_arg(rows, s->n, sizeof(double *), by_values, &d);
	for (i = 0; i < s->n; i++)
	{
		for (j = 0; j < d; j++)
			mean[j] += rows[i][j];
	}
	for (j = 0; j < d; j++)
		mean[j] /= s->n;
	for (i = 0; i < s->n; i++)
	{
		for (j = 0; j < d; j++)
			largest = Max(largest, fabs(rows[i][j] - mean[j]));
	}
	for (i = 0; i < s->n; i++)
	{
		for (j = 0; j < d; j++)
			x[(Size) i * d + j] = largest > 0 ? (float) ((rows[i][j] - mean[j]) / largest) : 0;
	}
	pfree(mean);
	return x;
}

Datum
engage_kmeans_final(PG_FUNCTION_ARGS)
{
	Rows	   *s = state_argument(fcinfo, 0);
	EgKmeansSpec spec = {0};
	EgKmeans   *r;
	const double **rows;
	double	   *sum;
	Datum	   *cells;
	int			dims[2];
	int			low[2] = {1, 1};
	Size		i;
	int			j;

	if (s == NULL || s->n == 0)
		PG_RETURN_NULL();
	eg_check_memory(VARSIZE(s) + (Size) s->n * (sizeof(double *) + s->d * sizeof(float)),
					(Size) eg_max_memory * 1024, "engage_kmeans()");
	rows = palloc_extended(s->n * sizeof(double *), MCXT_ALLOC_HUGE);
	spec.x = points(s, rows);
	spec.n = s->n;
	spec.d = s->d;
	spec.k = Min(s->k, s->n);
	spec.init = EG_KMEANS_PLUS_PLUS;
	spec.n_init = BEGINNINGS;
	spec.max_iter = ITERATIONS;
	spec.tol = TOLERANCE;
	spec.bounds = EG_KMEANS_AUTO;
	spec.seed = (uint64) s->seed;
	spec.threads = 1;
	spec.memory_limit = (Size) eg_max_memory * 1024;
	r = eg_kmeans_run(&spec);

	/* means of the values as they came */
	sum = palloc0((Size) r->k * s->d * sizeof(double));
	for (i = 0; i < spec.n; i++)
	{
		for (j = 0; j < s->d; j++)
			sum[(Size) r->label[i] * s->d + j] += rows[i][j] / r->size[r->label[i]];
	}
	cells = palloc((Size) r->k * s->d * sizeof(Datum));
	for (i = 0; i < (Size) r->k * s->d; i++)
		cells[i] = Float8GetDatum(sum[i]);
	dims[0] = r->k;
	dims[1] = s->d;
	PG_RETURN_ARRAYTYPE_P(construct_md_array(cells, NULL, 2, dims, low, FLOAT8OID,
											 sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* ----------
 * Distances
 * ----------
 */

static double
square_distance(const double *a, const double *b, int n)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < n; j++)
		sum += (a[j] - b[j]) * (a[j] - b[j]);
	return sum;
}

/* nearest(centers float8[], features float8[]): from 1; NULL when a feature is missing */
Datum
engage_nearest(PG_FUNCTION_ARGS)
{
	ArrayType  *centers = PG_GETARG_ARRAYTYPE_P(0);
	int			all;
	int			d;
	const double *c = numbers(centers, "the array of centers", &all, false);
	const double *x = numbers(PG_GETARG_ARRAYTYPE_P(1), "the array of features", &d, true);
	int			width = ARR_NDIM(centers) == 2 ? ARR_DIMS(centers)[1] : all;
	double		least = INFINITY;
	int			nearest = 0;
	int			i;

	if (ARR_NDIM(centers) < 1 || ARR_NDIM(centers) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("the array of centers has %d dimensions, but must have 2",
						ARR_NDIM(centers)),
				 errdetail("Each of its rows is a center, as engage_kmeans() returns them.")));
	if (d != width)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("centers have %d elements, but the array of features has %d", width, d)));
	if (x == NULL)
		PG_RETURN_NULL();
	for (i = 0; i < all / width; i++)
	{
		double		square = square_distance(x, c + (Size) i * width, width);

		if (square < least)
		{
			least = square;
			nearest = i + 1;
		}
	}

	/* a feature that is not a number is near nothing */
	if (nearest == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(nearest);
}

Datum
engage_distance(PG_FUNCTION_ARGS)
{
	int			na;
	int			nb;
	const double *a = numbers(PG_GETARG_ARRAYTYPE_P(0), "the first array", &na, true);
	const double *b = numbers(PG_GETARG_ARRAYTYPE_P(1), "the second array", &nb, true);

	if (na != nb)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the arrays have %d and %d elements", na, nb)));
	if (a == NULL || b == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sqrt(square_distance(a, b, na)));
}
