/*-------------------------------------------------------------------------
 *
 * blas.c
 *	  OpenBLAS, opened on first use with all signals blocked.
 *
 * The library starts a thread for each core as it is loaded, which would then
 * run the backend's signal handlers, and which a backend that learns on one
 * core never needs.  So it is told to start none, and further threads are
 * started when eg_blas_threads() first asks for them, again with all signals
 * blocked: a thread keeps the mask that it was born with.  Its threads wait for work
 * by spinning for a while; that while is cut short, because the cores of a
 * server have other things to do.
 *
 * The library picks its kernels by a table of processors.  One that is younger
 * than the table, or a virtual one with a model number of its own, gets kernels
 * from 2004 whatever it can do: 11 GFLOP/s instead of 73 with those that AVX2
 * allows (sgemm of 512 x 512 x 512, one core).  Where that happens the library
 * is closed and opened again with kernels named by its variable
 * OPENBLAS_CORETYPE; an administrator's own choice is left alone.  Some builds
 * computed wrongly with kernels that they had not picked themselves, so
 * products of whole numbers, which every right kernel gets exactly, are compared
 * with plain loops before the library is used at all.
 *
 * The functions are declared here, as in the C interface to the BLAS
 * (https://www.netlib.org/blas, "Legacy C Interface"), so no header of the
 * library is needed to build.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dlfcn.h>

#include "base/blas.h"
#include "base/parallel.h"

/* the interface's constants */
#define ROW_MAJOR		101
#define NO_TRANSPOSE	111
#define TRANSPOSE		112
#define LOWER			122

/* how long an idle thread spins: 2 to this power processor cycles */
#define SPIN_CYCLES		"20"

static struct
{
	void		(*sgemm) (int order, int ta, int tb, int m, int n, int k, float alpha,
						  const float *a, int lda, const float *b, int ldb, float beta,
						  float *c, int ldc);
	void		(*dgemm) (int order, int ta, int tb, int m, int n, int k, double alpha,
						  const double *a, int lda, const double *b, int ldb, double beta,
						  double *c, int ldc);
	void		(*dgemv) (int order, int ta, int m, int n, double alpha, const double *a,
						  int lda, const double *x, int incx, double beta, double *y, int incy);
	void		(*dsyrk) (int order, int uplo, int ta, int n, int k, double alpha,
						  const double *a, int lda, double beta, double *c, int ldc);
	void		(*set_threads) (int threads);
	char	   *(*core_name) (void);
}			lib;

static const struct
{
	const char *name;
	void	  **slot;
}			lib_symbols[] =
{
	{"cblas_sgemm", (void **) &lib.sgemm},
	{"cblas_dgemm", (void **) &lib.dgemm},
	{"cblas_dgemv", (void **) &lib.dgemv},
	{"cblas_dsyrk", (void **) &lib.dsyrk},
	{"openblas_set_num_threads", (void **) &lib.set_threads},
	{"openblas_get_corename", (void **) &lib.core_name},
};

#define CORE_VARIABLE	"OPENBLAS_CORETYPE"

/*
 * Kernels from before AVX2, by the names that the library gives them: on a
 * processor that has AVX2 and FMA they are a fallback.
 */
static const char *const old_kernels[] = {
	"Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Core2", "Penryn", "Dunnington",
	"Nehalem", "Sandybridge", "Atom", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat",
	"Nano", "Generic", "Unknown"
};

/* the youngest kernels that every build has and that need no more than AVX2 and FMA */
#define AVX2_KERNELS	"Haswell"

/* a product beyond what the library leaves to its kernels for small matrices */
#define CHECK_M			96
#define CHECK_N			104
#define CHECK_K			112

/* Debian's name, that of Fedora with threads, and the development link */
static const char *const lib_names[] = {
	"libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so"
};

static bool lib_ready = false;
static const char *lib_failure = NULL;	/* remembered: one attempt for each backend */
static int	lib_threads = 1;
static void *lib_handle = NULL;
static char lib_kernels[160] = "";	/* as SHOW engage.blas_kernels says it */

/* Every call of the library: threads are started by the first that needs them. */
#define BLAS(call) \
	do { \
		sigset_t	saved_; \
\
		library_open(); \
		if (lib_threads > 1) \
			eg_signals_block(&saved_); \
		call; \
		if (lib_threads > 1) \
			eg_signals_restore(&saved_); \
	} while (0)

/* Set a variable of the environment unless the administrator did; true if so. */
static bool
set_default(const char *name, const char *value)
{
	if (getenv(name) != NULL)
		return false;
	setenv(name, value, 0);
	return true;
}

/* NULL when all is well, else why not. */
static const char *
library_find(void)
{
	static char text[200];
	int			i;

	for (i = 0; i < lengthof(lib_names) && lib_handle == NULL; i++)
	{
		lib_handle = dlopen(lib_names[i], RTLD_NOW | RTLD_LOCAL);
		if (lib_handle == NULL && i == 0)
			strlcpy(text, dlerror(), sizeof(text));
	}
	if (lib_handle == NULL)
		return text;
	for (i = 0; i < lengthof(lib_symbols); i++)
	{
		*lib_symbols[i].slot = dlsym(lib_handle, lib_symbols[i].name);
		if (*lib_symbols[i].slot == NULL)
			return "The library found has not all the functions that are needed.";
	}
	lib.set_threads(1);
	return NULL;
}

/* Open the library, or open it again; with the kernels named, or those of its own choice. */
static const char *
library_load(const char *kernels)
{
	sigset_t	saved;
	const char *failure;
	bool		threads;
	bool		timeout;
	bool		core = false;

	eg_signals_block(&saved);
	if (lib_handle != NULL)
		dlclose(lib_handle);
	lib_handle = NULL;
	threads = set_default("OPENBLAS_NUM_THREADS", "1");
	timeout = set_default("OPENBLAS_THREAD_TIMEOUT", SPIN_CYCLES);
	if (kernels != NULL)
		core = set_default(CORE_VARIABLE, kernels);
	failure = library_find();
	if (threads)
		unsetenv("OPENBLAS_NUM_THREADS");
	if (timeout)
		unsetenv("OPENBLAS_THREAD_TIMEOUT");
	if (core)
		unsetenv(CORE_VARIABLE);
	eg_signals_restore(&saved);
	return failure;
}

/* Kernels that this processor can do better with than with those the library chose, or NULL. */
static const char *
better_kernels(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	const char *chosen = lib.core_name();
	int			i;

	/* this asks the system, too, whether it saves the wide registers */
	if (getenv(CORE_VARIABLE) != NULL || !__builtin_cpu_supports("avx2") ||
		!__builtin_cpu_supports("fma"))
		return NULL;
	for (i = 0; i < lengthof(old_kernels); i++)
	{
		if (pg_strcasecmp(chosen, old_kernels[i]) == 0)
			return AVX2_KERNELS;
	}
#endif
	return NULL;
}

/* Whole numbers of a few bits, so that every sum below is exact in single precision. */
static int
check_number(int i, int j)
{
	return (i * 7 + j * 13 + i * j) % 17 - 8;
}

/* Do the products come out as plain loops compute them?  Exactly: they are whole numbers. */
static bool
library_is_right(void)
{
	float	   *a = palloc(sizeof(float) * CHECK_M * CHECK_K);
	float	   *b = palloc(sizeof(float) * CHECK_K * CHECK_N);
	float	   *c = palloc(sizeof(float) * CHECK_M * CHECK_N);
	double	   *da = palloc(sizeof(double) * CHECK_M * CHECK_K);
	double	   *db = palloc(sizeof(double) * CHECK_K * CHECK_N);
	double	   *dc = palloc(sizeof(double) * CHECK_M * CHECK_M);
	double	   *dp = palloc(sizeof(double) * CHECK_M * CHECK_N);
	double	   *right = palloc0(sizeof(double) * CHECK_M * CHECK_N);
	bool		same = true;
	int			i,
				j,
				k;

	for (i = 0; i < CHECK_M; i++)
		for (k = 0; k < CHECK_K; k++)
			a[i * CHECK_K + k] = da[i * CHECK_K + k] = check_number(i, k);
	for (k = 0; k < CHECK_K; k++)
		for (j = 0; j < CHECK_N; j++)
			b[k * CHECK_N + j] = db[k * CHECK_N + j] = check_number(k + 3, j);
	for (i = 0; i < CHECK_M; i++)
		for (k = 0; k < CHECK_K; k++)
			for (j = 0; j < CHECK_N; j++)
				right[i * CHECK_N + j] += da[i * CHECK_K + k] * db[k * CHECK_N + j];

	lib.sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, CHECK_M, CHECK_N, CHECK_K, 1, a, CHECK_K, b,
			  CHECK_N, 0, c, CHECK_N);
	lib.dgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, CHECK_M, CHECK_N, CHECK_K, 1, da, CHECK_K,
			  db, CHECK_N, 0, dp, CHECK_N);
	for (i = 0; i < CHECK_M * CHECK_N; i++)
		same &= c[i] == right[i] && dp[i] == right[i];

	/* t(a) taken as (k, m): its product with itself, and with a vector */
	memset(right, 0, sizeof(double) * CHECK_M * CHECK_N);
	for (k = 0; k < CHECK_M; k++)
		for (i = 0; i < CHECK_M; i++)
			for (j = 0; j <= i; j++)
				right[i * CHECK_M + j] += da[k * CHECK_K + i] * da[k * CHECK_K + j];
	lib.dsyrk(ROW_MAJOR, LOWER, TRANSPOSE, CHECK_M, CHECK_M, 1, da, CHECK_K, 0, dc, CHECK_M);
	lib.dgemv(ROW_MAJOR, NO_TRANSPOSE, CHECK_M, CHECK_K, 1, da, CHECK_K, db, 1, 0, dp, 1);
	for (i = 0; i < CHECK_M; i++)
	{
		double		sum = 0;

		for (j = 0; j <= i; j++)
			same &= dc[i * CHECK_M + j] == right[i * CHECK_M + j];
		for (k = 0; k < CHECK_K; k++)
			sum += da[i * CHECK_K + k] * db[k];
		same &= dp[i] == sum;
	}

	pfree(a);
	pfree(b);
	pfree(c);
	pfree(da);
	pfree(db);
	pfree(dc);
	pfree(dp);
	pfree(right);
	return same;
}

/* Open the library with the best kernels that compute rightly; NULL, or why it cannot be used. */
static const char *
library_choose(void)
{
	const char *failure = library_load(NULL);
	const char *better;
	char		own[40];

	if (failure != NULL)
		return failure;
	strlcpy(own, lib.core_name(), sizeof(own));
	strlcpy(lib_kernels, own, sizeof(lib_kernels));
	better = better_kernels();
	if (better != NULL && (failure = library_load(better)) == NULL)
	{
		if (pg_strcasecmp(lib.core_name(), better) != 0)
			snprintf(lib_kernels, sizeof(lib_kernels), "%s (this build has no %s)",
					 lib.core_name(), better);
		else if (library_is_right())
		{
			snprintf(lib_kernels, sizeof(lib_kernels), "%s (instead of %s, the library's choice)",
					 better, own);
			return NULL;
		}
		else
		{
			snprintf(lib_kernels, sizeof(lib_kernels), "%s (%s would compute wrongly)", own,
					 better);
			failure = library_load(NULL);
		}
	}
	if (failure == NULL && !library_is_right())
		failure = "The library computes wrong products on this processor.";
	return failure;
}

static void
library_open(void)
{
	if (likely(lib_ready))
		return;

	if (lib_failure == NULL)
	{
		lib_failure = library_choose();
		lib_ready = lib_failure == NULL;
	}
	if (!lib_ready)
		ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
						errmsg("could not open the OpenBLAS library"),
						errdetail_internal("%s", lib_failure),
						lib_handle == NULL ?
						errhint("Install OpenBLAS on the server (package libopenblas0 on Debian) "
								"and reconnect. Only training needs it.") :
						errhint("Install another version of OpenBLAS, or start the server with "
								"other kernels, for example OPENBLAS_CORETYPE=Nehalem, and "
								"reconnect. Only training needs it.")));
}

void
eg_blas_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha,
			  const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
	BLAS(lib.sgemm(ROW_MAJOR, transpose_a ? TRANSPOSE : NO_TRANSPOSE,
				   transpose_b ? TRANSPOSE : NO_TRANSPOSE, m, n, k, alpha, a, lda, b, ldb,
				   beta, c, ldc));
}

void
eg_blas_dgemm(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha,
			  const double *a, int lda, const double *b, int ldb, double beta, double *c, int ldc)
{
	BLAS(lib.dgemm(ROW_MAJOR, transpose_a ? TRANSPOSE : NO_TRANSPOSE,
				   transpose_b ? TRANSPOSE : NO_TRANSPOSE, m, n, k, alpha, a, lda, b, ldb,
				   beta, c, ldc));
}

void
eg_blas_dgemv(bool transpose, int m, int n, double alpha, const double *a, int lda,
			  const double *x, double beta, double *y)
{
	BLAS(lib.dgemv(ROW_MAJOR, transpose ? TRANSPOSE : NO_TRANSPOSE, m, n, alpha, a, lda, x, 1,
				   beta, y, 1));
}

void
eg_blas_dsyrk(int n, int k, double alpha, const double *a, int lda, double beta, double *c,
			  int ldc)
{
	BLAS(lib.dsyrk(ROW_MAJOR, LOWER, TRANSPOSE, n, k, alpha, a, lda, beta, c, ldc));
}

void
eg_blas_threads(int threads)
{
	sigset_t	saved;

	library_open();
	if (threads == lib_threads)
		return;
	eg_signals_block(&saved);
	lib.set_threads(Max(threads, 1));
	eg_signals_restore(&saved);
	lib_threads = Max(threads, 1);
}

const char *
eg_blas_kernels(void)
{
	return lib_ready ? lib_kernels : "not opened in this session";
}
