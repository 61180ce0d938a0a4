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
};

/* Debian's name, that of Fedora with threads, and the development link */
static const char *const lib_names[] = {
	"libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so"
};

static bool lib_ready = false;
static const char *lib_failure = NULL;	/* remembered: one attempt for each backend */
static int	lib_threads = 1;

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
library_load(void)
{
	static char text[200];
	void	   *handle = NULL;
	int			i;

	for (i = 0; i < lengthof(lib_names) && handle == NULL; i++)
	{
		handle = dlopen(lib_names[i], RTLD_NOW | RTLD_LOCAL);
		if (handle == NULL && i == 0)
			strlcpy(text, dlerror(), sizeof(text));
	}
	if (handle == NULL)
		return text;
	for (i = 0; i < lengthof(lib_symbols); i++)
	{
		*lib_symbols[i].slot = dlsym(handle, lib_symbols[i].name);
		if (*lib_symbols[i].slot == NULL)
			return "The library found has not all the functions that are needed.";
	}
	lib.set_threads(1);
	return NULL;
}

static void
library_open(void)
{
	if (likely(lib_ready))
		return;

	if (lib_failure == NULL)
	{
		sigset_t	saved;
		bool		threads;
		bool		timeout;

		eg_signals_block(&saved);
		threads = set_default("OPENBLAS_NUM_THREADS", "1");
		timeout = set_default("OPENBLAS_THREAD_TIMEOUT", SPIN_CYCLES);
		lib_failure = library_load();
		if (threads)
			unsetenv("OPENBLAS_NUM_THREADS");
		if (timeout)
			unsetenv("OPENBLAS_THREAD_TIMEOUT");
		eg_signals_restore(&saved);
		lib_ready = lib_failure == NULL;
	}
	if (!lib_ready)
		ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
						errmsg("could not open the OpenBLAS library"),
						errdetail_internal("%s", lib_failure),
						errhint("Install OpenBLAS on the server (package libopenblas0 on Debian) "
								"and reconnect. Only training needs it.")));
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
