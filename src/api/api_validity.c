/*-------------------------------------------------------------------------
 *
 * api_validity.c
 *	  How good is a clustering?  engage_silhouette() and
 *	  engage_davies_bouldin(), which keep rows; engage_calinski_harabasz() and
 *	  engage_adjusted_rand() are in api_validity_sums.c.
 *
 * The state is a bytea: rows with a key each, of which those with the smallest
 * keys stay when there are twice as many as wanted.  Keys are hashes of the
 * row's content and of its number in the state, so that equal rows are drawn
 * one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "algo/validity.h"
#include "api/state.h"
#include "api/validity.h"
#include "base/random.h"
#include "base/run.h"
#include "base/sort.h"
#include "engage.h"

PG_FUNCTION_INFO_V1(engage_clustering_accum_int);
PG_FUNCTION_INFO_V1(engage_clustering_accum_text);
PG_FUNCTION_INFO_V1(engage_silhouette_accum_int);
PG_FUNCTION_INFO_V1(engage_silhouette_accum_text);
PG_FUNCTION_INFO_V1(engage_clustering_combine);
PG_FUNCTION_INFO_V1(engage_silhouette_final);
PG_FUNCTION_INFO_V1(engage_davies_bouldin_final);

#define ROWS_MAGIC		0x45675631	/* also tells a foreign byte order */
#define FIRST_ROWS		32
#define SAMPLE_DEFAULT	10000
#define SAMPLE_CENTERS	200000		/* of Davies-Bouldin */

typedef struct Rows
{
	int32		vl_len_;
	uint32		magic;
	int32		ncols;
	int32		sample;			/* 0: all rows are kept */
	int64		seen;
	int32		n;
	int32		size;			/* rows that there is room for */
	char		rows[FLEXIBLE_ARRAY_MEMBER];	/* (size) of ROW_BYTES each */
} Rows;

typedef struct RowHead
{
	uint64		key;
	uint64		segment;		/* hash of its name */
} RowHead;

#define ROW_BYTES(ncols)	MAXALIGN(sizeof(RowHead) + sizeof(float) * (Size) (ncols))
#define ROWS_BYTES(ncols, size) (offsetof(Rows, rows) + ROW_BYTES(ncols) * (Size) (size))

static inline RowHead *
row_at(const Rows *s, Size i)
{
	return (RowHead *) (s->rows + i * ROW_BYTES(s->ncols));
}

static inline float *
row_values(const RowHead *row)
{
	return (float *) (row + 1);
}

static Rows *
rows_argument(FunctionCallInfo fcinfo, int place)
{
	Rows	   *s = eg_state_argument(fcinfo, place);

	if (s && (VARSIZE(s) < offsetof(Rows, rows) || s->magic != ROWS_MAGIC || s->ncols < 1 ||
			  s->ncols > EG_VALIDITY_COLUMNS || s->size < 0 || s->n < 0 || s->n > s->size ||
			  s->sample < 0 || VARSIZE(s) != ROWS_BYTES(s->ncols, s->size)))
		eg_state_invalid();
	return s;
}

static Rows *
rows_make(int ncols, int sample, int64 size, Size held)
{
	Size		bytes = ROWS_BYTES(ncols, size);
	Rows	   *s;

	if (bytes > MaxAllocSize || size > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%lld rows of %d features are too many to be kept", (long long) size,
						ncols),
				 errhint("Give a sample size as the third argument.")));
	s = eg_state_alloc(bytes, held, "keeping the rows of a measure of segments");
	SET_VARSIZE(s, bytes);
	s->magic = ROWS_MAGIC;
	s->ncols = ncols;
	s->sample = sample;
	s->size = (int32) size;
	return s;
}

static int
by_key(const void *a, const void *b)
{
	const RowHead *x = a,
			   *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->segment < y->segment ? -1 : x->segment > y->segment;
}

/* Keep the rows of the smallest keys. */
static void
rows_thin(Rows *s)
{
	if (s->sample == 0 || s->n <= s->sample)
		return;
	qsort(s->rows, s->n, ROW_BYTES(s->ncols), by_key);
	s->n = s->sample;
}

/* Room for one more row. */
static Rows *
rows_grow(Rows *s)
{
	int64		most = s->sample > 0 ? (int64) s->sample * 2 : (int64) PG_INT32_MAX + 1;
	Rows	   *larger;

	if (s->size >= most)
	{
		rows_thin(s);
		return s;
	}
	larger = rows_make(s->ncols, s->sample, Min((int64) s->size * 2, most), VARSIZE(s));
	larger->seen = s->seen;
	larger->n = s->n;
	memcpy(larger->rows, s->rows, ROW_BYTES(s->ncols) * s->n);
	return larger;
}

uint64
eg_validity_number(int64 segment)
{
	return eg_random_mix((uint64) segment + 1);
}

uint64
eg_validity_text(const text *segment)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(segment),
							   VARSIZE_ANY_EXHDR(segment), 0);
}

const double *
eg_validity_features(ArrayType *array, int *n)
{
	*n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (ARR_NDIM(array) != 1 || *n > EG_VALIDITY_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 *n > EG_VALIDITY_COLUMNS ?
				 errmsg("features have %d elements, at most %d are possible", *n,
						EG_VALIDITY_COLUMNS) :
				 errmsg("features must be an array of one dimension with elements, not of %d",
						ARR_NDIM(array))));
	if (array_contains_nulls(array))
		return NULL;
	return (const double *) ARR_DATA_PTR(array);
}

void
eg_validity_check_columns(int was, int is)
{
	if (was != is)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("features have %d elements in one row and %d in another", was, is)));
}

/* A row of a segment; the sample is argument 3 if there is one. */
static Datum
accumulate(FunctionCallInfo fcinfo, uint64 segment, int sample)
{
	Rows	   *s;
	RowHead    *row;
	const double *x;
	float	   *out;
	int			n,
				j;

	s = rows_argument(fcinfo, 0);
	x = eg_validity_features(PG_GETARG_ARRAYTYPE_P(2), &n);
	for (j = 0; x && j < n; j++)
	{
		if (!isfinite((float) x[j]))
			x = NULL;
	}
	if (x == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (PG_NARGS() > 3)
	{
		sample = PG_ARGISNULL(3) ? SAMPLE_DEFAULT : PG_GETARG_INT32(3);
		if (sample < 0 || sample == 1 || sample > PG_INT32_MAX / 4)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("sample must be 0 or in [2, %d], not %d", PG_INT32_MAX / 4, sample)));
	}
	if (s == NULL)
		s = rows_make(n, sample, FIRST_ROWS, 0);
	else
		s = eg_state_own(fcinfo, s);
	eg_validity_check_columns(s->ncols, n);
	if (s->sample != sample)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sample must be the same in all rows")));
	if (s->n == s->size)
		s = rows_grow(s);
	row = row_at(s, s->n++);
	row->segment = segment;
	out = row_values(row);
	for (j = 0; j < n; j++)
		out[j] = (float) x[j];
	row->key = eg_random_mix(hash_bytes_extended((unsigned char *) out, sizeof(float) * n,
												 row->segment) + (uint64) s->seen++);
	PG_RETURN_POINTER(s);
}

/* accum(state, segment bigint, features float8[] [, sample integer]) */
Datum
engage_clustering_accum_int(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return accumulate(fcinfo, eg_validity_number(PG_GETARG_INT64(1)), SAMPLE_CENTERS);
}

/* accum(state, segment text, features float8[] [, sample integer]) */
Datum
engage_clustering_accum_text(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return accumulate(fcinfo, eg_validity_text(PG_GETARG_TEXT_PP(1)), SAMPLE_CENTERS);
}

/* The same for the silhouette, accum(state, segment, features float8[]). */
Datum
engage_silhouette_accum_int(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return accumulate(fcinfo, eg_validity_number(PG_GETARG_INT64(1)), SAMPLE_DEFAULT);
}

Datum
engage_silhouette_accum_text(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return accumulate(fcinfo, eg_validity_text(PG_GETARG_TEXT_PP(1)), SAMPLE_DEFAULT);
}

/* combine(state, state) */
Datum
engage_clustering_combine(PG_FUNCTION_ARGS)
{
	Rows	   *a = rows_argument(fcinfo, 0);
	Rows	   *b = rows_argument(fcinfo, 1);
	Rows	   *s;
	int64		n;

	if (a == NULL || b == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(a == NULL ? 1 : 0));
	eg_validity_check_columns(a->ncols, b->ncols);
	if (a->sample != b->sample)
		eg_state_invalid();
	n = (int64) a->n + b->n;
	s = rows_make(a->ncols, a->sample, Max(n, FIRST_ROWS), VARSIZE(a) + VARSIZE(b));
	s->seen = a->seen + b->seen;
	s->n = (int32) n;
	memcpy(s->rows, a->rows, ROW_BYTES(a->ncols) * a->n);
	memcpy(row_at(s, a->n), b->rows, ROW_BYTES(b->ncols) * b->n);
	rows_thin(s);
	PG_RETURN_POINTER(s);
}

/* The rows as a clustering; false when there are fewer than two clusters. */
static bool
clustering(Rows *s, EgClustering *c)
{
	uint64	   *segments;
	int32	   *label;
	float	   *x;
	int			k = 0;
	int			i;

	if (s == NULL)
		return false;
	eg_check_memory(2 * (Size) VARSIZE(s) + (Size) s->n * (sizeof(uint64) + sizeof(int32) +
														   s->ncols * sizeof(float)),
					(Size) eg_max_memory * 1024, "a measure of segments");
	s = memcpy(palloc(VARSIZE(s)), s, VARSIZE(s));

	rows_thin(s);
	segments = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * s->n);
	label = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * s->n);
	x = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * s->n * s->ncols);
	for (i = 0; i < s->n; i++)
		segments[i] = row_at(s, i)->segment;
	qsort(segments, s->n, sizeof(uint64), eg_by_u64);
	for (i = 0; i < s->n; i++)
	{
		if (i == 0 || segments[i] != segments[k - 1])
			segments[k++] = segments[i];
	}
	for (i = 0; i < s->n; i++)
	{
		const RowHead *row = row_at(s, i);
		const uint64 *found = bsearch(&row->segment, segments, k, sizeof(uint64), eg_by_u64);

		label[i] = (int32) (found - segments);
		memcpy(x + (Size) i * s->ncols, row_values(row), sizeof(float) * s->ncols);
	}
	c->x = x;
	c->n = s->n;
	c->d = s->ncols;
	c->label = label;
	c->k = k;
	return k > 1;
}

static Datum
number_or_null(FunctionCallInfo fcinfo, double v)
{
	if (isnan(v))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(v);
}

Datum
engage_silhouette_final(PG_FUNCTION_ARGS)
{
	EgClustering c;

	if (!clustering(rows_argument(fcinfo, 0), &c))
		PG_RETURN_NULL();
	return number_or_null(fcinfo, eg_silhouette(&c, NULL));
}

Datum
engage_davies_bouldin_final(PG_FUNCTION_ARGS)
{
	EgClustering c;

	if (!clustering(rows_argument(fcinfo, 0), &c))
		PG_RETURN_NULL();
	return number_or_null(fcinfo, eg_davies_bouldin(&c));
}
