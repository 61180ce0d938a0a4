/*
 * check_kmeans.c - the engine of src/algo/kmeans_*.c and src/algo/validity.c
 *
 * Bounds, threads and order of weights change nothing; numbers are those of test/golden/kmeans.py.
 * Compiled by check_kmeans.sh together with the files it tests and parallel.c; prints lines of TAP.
 */
#include "postgres.h"

#include <math.h>
#include <setjmp.h>

#include "algo/kmeans.h"
#include "algo/validity.h"
#include "base/random.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#undef printf
#undef vsnprintf
#undef qsort

/* what the files need of the server */
volatile sig_atomic_t InterruptPending;
sigjmp_buf *PG_exception_stack;
ErrorContextCallback *error_context_stack;
MemoryContext CurrentMemoryContext;

void
ProcessInterrupts(void)
{
}

void
before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
}

void
cancel_before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
}

void *
palloc(Size n)
{
	return malloc(n);
}

void *
palloc0(Size n)
{
	return calloc(1, n);
}

void *
palloc_extended(Size n, int flags)
{
	return calloc(1, n);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size n)
{
	return malloc(n);
}

void
pfree(void *p)
{
	free(p);
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size a, Size b, Size c)
{
	return NULL;
}

void
MemoryContextDelete(MemoryContext context)
{
}

bool
errstart(int level, const char *domain)
{
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return true;
}

void
errfinish(const char *file, int line, const char *function)
{
	abort();
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	return 0;
}

int
errhint(const char *format,...)
{
	return 0;
}

void
pg_re_throw(void)
{
	abort();
}

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

void
eg_step(EgRun *run, int done, int total, const char *metric, double value)
{
}

void
eg_check_memory(Size needed, Size allowed, const char *what)
{
}

/* ---------------- the trials ---------------- */

static int	ntests;
static bool failed;

static void
ok(bool good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++ntests, what);
	failed |= !good;
}

static bool
near(double a, double b, double tolerance)
{
	bool		good = fabs(a - b) <= tolerance * Max(1, fabs(b));

	if (!good)
		printf("# %.10g is not %.10g\n", a, b);
	return good;
}

static EgKmeansSpec
spec_of(const float *x, Size n, int d, int k)
{
	EgKmeansSpec s = {0};

	s.x = x;
	s.n = n;
	s.d = d;
	s.k = k;
	s.n_init = 1;
	s.max_iter = 300;
	s.tol = 1e-4;
	s.seed = 1;
	s.threads = 1;
	s.memory_limit = (Size) 1 << 32;
	return s;
}

static bool
same_result(const EgKmeans *a, const EgKmeans *b, Size n)
{
	return a->k == b->k && a->inertia == b->inertia && a->iterations == b->iterations &&
		memcmp(a->label, b->label, n * sizeof(int32)) == 0 &&
		memcmp(a->center, b->center, (Size) a->k * a->d * sizeof(double)) == 0;
}

/* Rows around some places, or none. */
static float *
make_rows(Size n, int d, int places, double apart)
{
	float	   *x = malloc(n * d * sizeof(float));
	Size		i;
	int			j;

	for (i = 0; i < n; i++)
	{
		for (j = 0; j < d; j++)
		{
			double		v = eg_random_unit(1, i * d + j) + eg_random_unit(2, i * d + j);

			if (places > 0)
				v += apart * eg_random_unit(3 + eg_random_below(4, i, places), j);
			x[i * d + j] = (float) v;
		}
	}
	return x;
}

static void
check_same(Size n, int d, int k, int places)
{
	float	   *x = make_rows(n, d, places, 4);
	EgKmeansSpec s = spec_of(x, n, d, k);
	EgKmeans   *first;
	bool		same = true;
	int			bounds;
	int			threads;

	s.bounds = EG_KMEANS_LLOYD;
	first = eg_kmeans_run(&s);
	for (bounds = EG_KMEANS_LLOYD; bounds <= EG_KMEANS_ELKAN; bounds++)
	{
		for (threads = 1; threads <= 3; threads += 2)
		{
			s.bounds = bounds;
			s.threads = threads;
			same &= same_result(first, eg_kmeans_run(&s), n);
		}
	}
	ok(same, psprintf("%zu rows, %d columns, %d clusters: same bits with all bounds and threads",
					  (size_t) n, d, k));
	free(x);
}

char *
psprintf(const char *format,...)
{
	static char text[200];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

/* the rows of golden/kmeans.py */
#define BLOBS	1200

/* Adjusted Rand index of labels 0 .. 6 of so many rows. */
static double
adjusted_rand(const int32 *a, const int32 *b, Size n)
{
	double		table[7 * 7] = {0};
	Size		i;

	for (i = 0; i < n; i++)
		table[a[i] * 7 + b[i]]++;
	return eg_adjusted_rand_table(table, 7, 7);
}

static void
make_blobs(float *x, int32 *group)
{
	int			i;

	for (i = 1; i <= BLOBS; i++)
	{
		int			g = i % 12 < 5 ? 0 : i % 12 < 9 ? 1 : i % 12 < 11 ? 2 : 3;
		float	   *row = x + (i - 1) * 3;

		group[i - 1] = g;
		row[0] = (float) (i * 7919 % 1009 / 1009.0 + 3 * (g % 2));
		row[1] = (float) ((int64) i * 104729 % 2003 / 2003.0 + 3 * (g / 2));
		row[2] = (float) (i * 31 % 97 / 97.0 + g);
	}
}

static void
check_golden(void)
{
	static float x[BLOBS * 3];
	static int32 group[BLOBS];
	static int32 odd[BLOBS];
	static int32 half[BLOBS];
	static double each[BLOBS];
	EgKmeansSpec s = spec_of(x, BLOBS, 3, 4);
	EgClustering c = {x, BLOBS, 3, odd, 4};
	EgKmeans   *r;
	double		mean = 0;
	int			init;
	int			i;

	make_blobs(x, group);
	for (i = 0; i < BLOBS; i++)
	{
		odd[i] = (i + 1) % 7 % 4;
		half[i] = group[i] / 2;
	}
	s.n_init = 10;
	for (init = EG_KMEANS_PLUS_PLUS; init <= EG_KMEANS_RANDOM; init++)
	{
		s.init = init;
		r = eg_kmeans_run(&s);
		ok(near(r->inertia, 299.749838, 1e-6) && r->size[0] == 500 && r->size[1] == 400 &&
		   r->size[2] == 200 && r->size[3] == 100 && near(adjusted_rand(r->label, group, BLOBS), 1, 0),
		   psprintf("inertia, sizes and groups, seeding %d", init));
	}
	s.batch_size = 100;
	s.init = EG_KMEANS_PLUS_PLUS;
	r = eg_kmeans_run(&s);
	ok(r->inertia < 299.749838 * 1.01, "inertia of small batches");
	c.label = r->label;
	ok(near(eg_silhouette(&c, each), 0.79011325, 1e-6), "silhouette");
	for (i = 0; i < BLOBS; i++)
		mean += each[i] / BLOBS;
	ok(near(mean, 0.79011325, 1e-6), "silhouettes of the rows");
	ok(near(eg_davies_bouldin(&c), 0.30407313, 1e-6), "Davies-Bouldin");
	ok(near(eg_calinski_harabasz(&c), 7636.311796, 1e-6), "Calinski-Harabasz");
	c.label = odd;
	ok(near(eg_silhouette(&c, NULL), -0.01229083, 1e-6) &&
	   near(eg_davies_bouldin(&c), 35.09903885, 1e-6) &&
	   near(eg_calinski_harabasz(&c), 2.05666196, 1e-6), "the same of labels that mean nothing");
	ok(near(adjusted_rand(group, odd, BLOBS), -0.00206874, 1e-6) &&
	   near(adjusted_rand(group, half, BLOBS), 0.43905240, 1e-6), "adjusted Rand index");
	ok(near(eg_silhouette_sampled(&c, 600, 1), -0.01229083, 0.01) &&
	   eg_silhouette_sampled(&c, BLOBS, 1) == eg_silhouette(&c, NULL), "silhouette of a sample");
	c.k = 1;
	memset(half, 0, sizeof(half));
	c.label = half;
	ok(isnan(eg_silhouette(&c, NULL)) && isnan(eg_davies_bouldin(&c)) &&
	   isnan(eg_calinski_harabasz(&c)), "one cluster has no such numbers");
}

static void
check_odd(void)
{
	float		x[40];
	double		weight[20];
	float	   *many;
	EgKmeansSpec s;
	EgKmeans   *a;
	EgKmeans   *b;
	int			bounds;
	int			i;
	bool		good = true;

	/* 20 rows, 3 of them different */
	for (i = 0; i < 20; i++)
	{
		x[2 * i] = i % 3;
		x[2 * i + 1] = -(i % 3);
	}
	for (bounds = EG_KMEANS_LLOYD; bounds <= EG_KMEANS_ELKAN; bounds++)
	{
		s = spec_of(x, 20, 2, 8);
		s.bounds = bounds;
		a = eg_kmeans_run(&s);
		good &= a->k == 3 && a->inertia == 0;
		s.init = EG_KMEANS_RANDOM;
		good &= eg_kmeans_run(&s)->k == 3;
		s.init = EG_KMEANS_PARALLEL;
		good &= eg_kmeans_run(&s)->k == 3;
	}
	ok(good, "more clusters than different rows");
	s = spec_of(x, 1, 2, 1);
	a = eg_kmeans_run(&s);
	ok(a->k == 1 && a->inertia == 0 && a->center[0] == x[0], "one row");
	s = spec_of(x, 20, 0, 2);
	ok(eg_kmeans_run(&s)->k == 1, "no columns");

	/* rows twice, or weight 2 */
	many = make_rows(400, 2, 3, 3);
	memcpy(many + 400, many, 400 * sizeof(float));
	s = spec_of(many, 200, 2, 3);
	s.n_init = 20;
	s.tol = 0;
	s.weight = malloc(200 * sizeof(double));
	for (i = 0; i < 200; i++)
		((double *) s.weight)[i] = 2;
	a = eg_kmeans_run(&s);
	s.n = 400;
	s.weight = NULL;
	b = eg_kmeans_run(&s);
	ok(near(a->inertia, b->inertia, 1e-9) && a->size[0] == b->size[0], "weights count as rows");

	/* far out */
	for (i = 0; i < 20; i++)
	{
		x[2 * i] = i % 2 == 0 ? EG_KMEANS_FARTHEST : -EG_KMEANS_FARTHEST;
		x[2 * i + 1] = i;
		weight[i] = i == 0 ? 1e30 : 1e-30;
	}
	s = spec_of(x, 20, 2, 2);
	ok(near(eg_kmeans_run(&s)->inertia, 660, 1e-6), "values as large as they may be");
	s.weight = weight;
	a = eg_kmeans_run(&s);
	ok(isfinite(a->inertia) && a->k >= 1, "weights that differ by 60 digits");
	free(many);
}

/* Centers that lose all rows: seeded beyond the rows, by hand. */
static void
check_empty(void)
{
	int			seed;
	bool		good = true;
	float	   *x = make_rows(300, 2, 5, 6);

	for (seed = 0; seed < 200; seed++)
	{
		EgKmeansSpec s = spec_of(x, 300, 2, 60);
		EgKmeans   *a;

		s.seed = seed;
		s.init = EG_KMEANS_RANDOM;
		s.bounds = EG_KMEANS_LLOYD;
		a = eg_kmeans_run(&s);
		good &= a->k == 60;
		s.bounds = EG_KMEANS_HAMERLY;
		good &= same_result(a, eg_kmeans_run(&s), 300);
		s.bounds = EG_KMEANS_ELKAN;
		good &= same_result(a, eg_kmeans_run(&s), 300);
	}
	ok(good, "no cluster is left empty");
	free(x);
}

int
main(void)
{
	check_same(20000, 6, 8, 8);
	check_same(20000, 6, 8, 0);
	check_same(9001, 3, 50, 20);
	check_same(5000, 33, 17, 5);
	check_golden();
	check_odd();
	check_empty();
	printf("1..%d\n", ntests);
	return failed;
}
