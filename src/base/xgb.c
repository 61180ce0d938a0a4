/*-------------------------------------------------------------------------
 *
 * xgb.c
 *	  libxgboost, opened on first use with all signals blocked.
 *
 * Three dangers of a C++ library with threads inside a backend are met here
 * and nowhere else:
 *
 * 1. A thread inherits the signal mask of its creator.  A thread born with
 *	  the backend's own mask could be chosen by the kernel to run the backend's
 *	  signal handlers.  So every call is made with all signals blocked.
 * 2. An ereport() must not jump over C++ frames.  The library gets no callback
 *	  that can throw: the data iterator below only fills in pointers.
 * 3. A handle would leak at an error.  It is tied to the memory context that
 *	  was current at its creation; the callback is registered first, the
 *	  handle acquired second.
 *
 * The functions are declared here, as documented in the library's C API
 * (https://xgboost.readthedocs.io, "XGBoost C Package"), so no header of the
 * library is needed to build.  What differs between versions:
 * XGBoosterTrainOneIter (2.1 and later) replaces XGBoosterBoostOneIter.
 *
 * size: one library, whose functions and versions are known to this file alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dlfcn.h>
#include <math.h>

#include "base/compat.h"
#include "base/parallel.h"
#include "base/xgb.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#if defined(WORDS_BIGENDIAN)
#define FLOAT_TYPESTR	">f4"
#else
#define FLOAT_TYPESTR	"<f4"
#endif

/*
 * Rows handed over at a time when a matrix is quantized.  The library's scratch
 * memory grows with it, its speed hardly does.
 */
#define QUANTIZE_BATCH	((Size) 65536)

/* longest array description: digits of a pointer, two sizes, fixed text */
#define INTERFACE_LENGTH	192

typedef int (*XgbNext) (void *iterator);
typedef void (*XgbReset) (void *iterator);

static struct
{
	void		(*version) (int *major, int *minor, int *patch);
	const char *(*last_error) (void);
	int			(*log_callback) (void (*callback) (const char *));
	int			(*global_config) (const char *json);
	int			(*matrix_dense) (const char *data, const char *config, void **out);
	int			(*matrix_quantile) (void *iterator, void *proxy, void *ref, XgbReset reset,
									XgbNext next, const char *config, void **out);
	int			(*proxy_create) (void **out);
	int			(*proxy_dense) (void *proxy, const char *data);
	int			(*matrix_free) (void *matrix);
	int			(*matrix_float) (void *matrix, const char *field, const float *v, uint64 n);
	int			(*matrix_uint) (void *matrix, const char *field, const unsigned *v, uint64 n);
	int			(*matrix_strings) (void *matrix, const char *field, const char **v, uint64 n);
	int			(*booster_create) (void *const *matrices, uint64 n, void **out);
	int			(*booster_free) (void *booster);
	int			(*booster_param) (void *booster, const char *name, const char *value);
	int			(*booster_update) (void *booster, int iteration, void *matrix);
	int			(*booster_boost) (void *booster, void *matrix, float *grad, float *hess, uint64 n);
	int			(*booster_train) (void *booster, void *matrix, int iteration,
								  const char *grad, const char *hess);
	int			(*booster_eval) (void *booster, int iteration, void **matrices,
								 const char **names, uint64 n, const char **out);
	int			(*booster_attr) (void *booster, const char *name, const char *value);
	int			(*booster_strings) (void *booster, const char *field, const char **v, uint64 n);
	int			(*booster_slice) (void *booster, int begin, int end, int step, void **out);
	int			(*booster_save) (void *booster, const char *config, uint64 *len, const char **out);
	int			(*booster_load) (void *booster, const void *data, uint64 len);
	int			(*booster_predict) (void *booster, void *matrix, const char *config,
									const uint64 **shape, uint64 *ndims, const float **out);
}			lib;

static const struct
{
	const char *name;
	void	  **slot;
	bool		optional;
}			lib_symbols[] =
{
	{"XGBoostVersion", (void **) &lib.version},
	{"XGBGetLastError", (void **) &lib.last_error},
	{"XGBRegisterLogCallback", (void **) &lib.log_callback},
	{"XGBSetGlobalConfig", (void **) &lib.global_config},
	{"XGDMatrixCreateFromDense", (void **) &lib.matrix_dense},
	{"XGQuantileDMatrixCreateFromCallback", (void **) &lib.matrix_quantile},
	{"XGProxyDMatrixCreate", (void **) &lib.proxy_create},
	{"XGProxyDMatrixSetDataDense", (void **) &lib.proxy_dense},
	{"XGDMatrixFree", (void **) &lib.matrix_free},
	{"XGDMatrixSetFloatInfo", (void **) &lib.matrix_float},
	{"XGDMatrixSetUIntInfo", (void **) &lib.matrix_uint},
	{"XGDMatrixSetStrFeatureInfo", (void **) &lib.matrix_strings},
	{"XGBoosterCreate", (void **) &lib.booster_create},
	{"XGBoosterFree", (void **) &lib.booster_free},
	{"XGBoosterSetParam", (void **) &lib.booster_param},
	{"XGBoosterUpdateOneIter", (void **) &lib.booster_update},
	{"XGBoosterBoostOneIter", (void **) &lib.booster_boost, true},
	{"XGBoosterTrainOneIter", (void **) &lib.booster_train, true},
	{"XGBoosterEvalOneIter", (void **) &lib.booster_eval},
	{"XGBoosterSetAttr", (void **) &lib.booster_attr},
	{"XGBoosterSetStrFeatureInfo", (void **) &lib.booster_strings},
	{"XGBoosterSlice", (void **) &lib.booster_slice},
	{"XGBoosterSaveModelToBuffer", (void **) &lib.booster_save},
	{"XGBoosterLoadModelFromBuffer", (void **) &lib.booster_load},
	{"XGBoosterPredictFromDMatrix", (void **) &lib.booster_predict},
};

/* Debian's number, upstream's, and the development link as the last resort */
static const char *const lib_names[] = {
	"libxgboost.so.0", "libxgboost.so.2", "libxgboost.so.3", "libxgboost.so"
};

static bool lib_ready = false;
static const char *lib_failure = NULL;	/* remembered: one attempt for each backend */
static int	lib_version[3];

struct EgXgbMatrix
{
	MemoryContextCallback callback;
	void	   *handle;			/* NULL when there is nothing to free */
	Size		nrows;
	int			ncols;
	const char **names;			/* (ncols) as the library takes them, or NULL */
	const char **types;			/* (ncols), or NULL when all are numbers */
};

struct EgXgbBooster
{
	MemoryContextCallback callback;
	void	   *handle;
};

/* Call the library; a failure becomes an error. */
#define XGB(call) \
	do { \
		sigset_t	saved_; \
		int			rc_; \
		eg_signals_block(&saved_); \
		rc_ = (call); \
		eg_signals_restore(&saved_); \
		if (rc_ != 0) \
			library_error(); \
	} while (0)

/*
 * The library's text is "[time] file:line: reason" and then a stack trace; the
 * reason is worth showing.
 */
static void pg_attribute_noreturn()
library_error(void)
{
	char	   *text = pstrdup(lib.last_error());
	char	   *start = text;
	char	   *p;

	if (*start == '[' && (p = strstr(start, "] ")) != NULL)
		start = p + 2;
	start[strcspn(start, "\r\n")] = '\0';
	if ((p = strstr(start, ".cc:")) != NULL || (p = strstr(start, ".h:")) != NULL)
	{
		p = strstr(p, ": ");
		if (p != NULL)
			start = p + 2;
	}
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("the XGBoost library reports: %s", *start != '\0' ? start : "unknown error")));
}

/* name of the metric of the last evaluation */
static char last_metric[64];

/* What the library wants to print has no place in a server's log. */
static void
discard_text(const char *text)
{
}

/* Open and bind; NULL or the reason why not, which lives as long as the backend. */
static const char *
library_load(void)
{
	static char reason[256] = "";
	void	   *handle = NULL;
	int			i;

	for (i = 0; i < lengthof(lib_names) && handle == NULL; i++)
	{
		handle = dlopen(lib_names[i], RTLD_NOW | RTLD_LOCAL);
		if (handle == NULL && reason[0] == '\0')
		{
			const char *text = dlerror();

			strlcpy(reason, text != NULL ? text : "dlopen failed", sizeof(reason));
		}
	}
	if (handle == NULL)
		return reason;

	for (i = 0; i < lengthof(lib_symbols); i++)
	{
		*lib_symbols[i].slot = dlsym(handle, lib_symbols[i].name);
		if (*lib_symbols[i].slot == NULL && !lib_symbols[i].optional)
			return "The library found is older than version 1.7.";
	}
	if (lib.booster_train == NULL && lib.booster_boost == NULL)
		return "The library found has no function to train with given gradients.";

	lib.log_callback(discard_text);
	lib.global_config("{\"verbosity\": 0}");
	lib.version(&lib_version[0], &lib_version[1], &lib_version[2]);
	return NULL;
}

static void
library_open(void)
{
	if (lib_ready)
		return;

	if (lib_failure == NULL)
	{
		bool		own_policy = getenv("OMP_WAIT_POLICY") == NULL &&
			getenv("GOMP_SPINCOUNT") == NULL;
		sigset_t	saved;

		/*
		 * The library's threads (OpenMP) wait for each other by spinning, long
		 * unless told otherwise, and the setting is read once, at load.  On a
		 * server whose cores are busy each wait then lasts until the scheduler
		 * steps in: measured with three other busy processes on two cores, 21 s
		 * instead of 3 s.  Threads that sleep at once take 25 % longer on idle
		 * cores.  A thousand turns, about as long as waking a thread takes, are
		 * near the best of both.
		 */
		eg_signals_block(&saved);
		if (own_policy)
			setenv("GOMP_SPINCOUNT", "1000", 0);
		lib_failure = library_load();
		if (own_policy)
			unsetenv("GOMP_SPINCOUNT");
		eg_signals_restore(&saved);
		lib_ready = lib_failure == NULL;
	}
	if (!lib_ready)
		ereport(
			ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("could not open the XGBoost library"), errdetail_internal("%s", lib_failure),
			 errhint("Install XGBoost 1.7 or later on the server (package libxgboost0 on Debian) "
					 "and reconnect. Only training needs it.")));
}

const char *
eg_xgb_version(void)
{
	static char text[40];

	library_open();
	snprintf(text, sizeof(text), "%d.%d.%d", lib_version[0], lib_version[1], lib_version[2]);
	return text;
}

int
eg_xgb_version_num(void)
{
	library_open();
	return lib_version[0] * 10000 + lib_version[1] * 100 + lib_version[2];
}

static void
matrix_release(void *arg)
{
	EgXgbMatrix *d = arg;
	sigset_t	saved;

	if (d->handle == NULL)
		return;
	eg_signals_block(&saved);
	lib.matrix_free(d->handle);
	eg_signals_restore(&saved);
	d->handle = NULL;
}

static void
booster_release(void *arg)
{
	EgXgbBooster *b = arg;
	sigset_t	saved;

	if (b->handle == NULL)
		return;
	eg_signals_block(&saved);
	lib.booster_free(b->handle);
	eg_signals_restore(&saved);
	b->handle = NULL;
}

static EgXgbMatrix *
matrix_prepare(void)
{
	EgXgbMatrix *d = palloc0(sizeof(EgXgbMatrix));

	library_open();
	d->callback.func = matrix_release;
	d->callback.arg = d;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &d->callback);
	return d;
}

static EgXgbBooster *
booster_prepare(void)
{
	EgXgbBooster *b = palloc0(sizeof(EgXgbBooster));

	library_open();
	b->callback.func = booster_release;
	b->callback.arg = b;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &b->callback);
	return b;
}

/* NumPy's array interface: how the library is told where floats lie. */
static void
array_interface(char *out, const float *data, Size nrows, int ncols)
{
	snprintf(out, INTERFACE_LENGTH,
			 "{\"data\": [%llu, true], \"shape\": [%llu, %d], "
			 "\"typestr\": \"" FLOAT_TYPESTR "\", \"version\": 3}",
			 (unsigned long long) (uintptr_t) data, (unsigned long long) nrows, ncols);
}

/*
 * Feature names as the library takes them: in UTF-8, unique, and without the
 * three characters that XGBoost's Python package refuses.
 */
static const char **
library_names(const char *const *names, int n)
{
	const char **out = palloc(n * sizeof(char *));
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		char	   *name = pstrdup(names[i]);
		bool		changed = strpbrk(name, "[]<") != NULL;
		char	   *p;

		for (p = name; *p != '\0'; p++)
			*p = *p == '[' ? '(' : *p == ']' ? ')' : *p == '<' ? '_' : *p;
		for (j = 0; changed && j < n; j++)
		{
			if (j != i && strcmp(j < i ? out[j] : names[j], name) == 0)
			{
				name = psprintf("%s_", name);
				j = -1;			/* start again with the longer name */
			}
		}
		out[i] = name;
	}
	for (i = 0; i < n; i++)
		out[i] = pg_server_to_any(out[i], strlen(out[i]), PG_UTF8);
	return out;
}

/* Size, names and types of the features; types only where there are categories. */
static void
matrix_shape(EgXgbMatrix *d, Size nrows, int ncols, const int *ncategories,
			 const char *const *names)
{
	int			i;

	d->nrows = nrows;
	d->ncols = ncols;
	if (names != NULL)
		d->names = library_names(names, ncols);
	for (i = 0; ncategories != NULL && i < ncols; i++)
	{
		if (ncategories[i] > 0 && d->types == NULL)
			d->types = palloc(ncols * sizeof(char *));
	}
	for (i = 0; d->types != NULL && i < ncols; i++)
		d->types[i] = ncategories[i] > 0 ? "c" : "float";
}

/* State of the iterator that hands rows over; used without palloc or errors. */
typedef struct Batches
{
	void	   *proxy;
	const float *data;
	Size		nrows;
	Size		next;
	int			ncols;
	const char **types;
	bool		patient;		/* hand over all rows, whatever is pending */
	bool		stopped;		/* ended early */
} Batches;

static void
batches_reset(void *arg)
{
	((Batches *) arg)->next = 0;
}

/* Does a blocked signal wait that may mean: stop? */
static bool
stop_is_pending(void)
{
	sigset_t	pending;

	return sigpending(&pending) == 0 &&
		(sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
		 sigismember(&pending, SIGALRM));
}

/*
 * Called by the library: 1 with rows set, 0 at the end, or early when somebody
 * may want us to stop; the first rows are handed over in any case.
 */
static int
batches_next(void *arg)
{
	Batches    *it = arg;
	Size		n = Min(QUANTIZE_BATCH, it->nrows - it->next);
	char		text[INTERFACE_LENGTH];

	if (n == 0)
		return 0;
	if (it->next > 0 && !it->patient && (it->stopped || stop_is_pending()))
	{
		it->stopped = true;
		return 0;
	}
	array_interface(text, it->data + it->next * (Size) it->ncols, n, it->ncols);
	if (lib.proxy_dense(it->proxy, text) != 0)
		return 0;				/* the number of rows will be found wrong */
	if (it->types != NULL)
		lib.matrix_strings(it->proxy, "feature_type", it->types, it->ncols);
	it->next += n;
	return 1;
}

EgXgbMatrix *
eg_xgb_matrix_quantile(const EgMatrix *m, Size first, Size n, const int *ncategories,
					   const char *const *names, int max_bin, int threads)
{
	EgXgbMatrix *proxy = matrix_prepare();
	EgXgbMatrix *d = matrix_prepare();
	Batches		it;
	sigset_t	saved;
	char	   *config;
	int			rc;

	Assert(first + n <= m->nrows);
	matrix_shape(d, n, m->ncols, ncategories, names);
	config = psprintf("{\"missing\": NaN, \"nthread\": %d, \"max_bin\": %d}", threads, max_bin);

	XGB(lib.proxy_create(&proxy->handle));
	it.proxy = proxy->handle;
	it.data = eg_row(m, first);
	it.nrows = n;
	it.next = 0;
	it.ncols = m->ncols;
	it.types = d->types;
	it.patient = false;
	it.stopped = false;

	/* of many rows this takes seconds: see after a signal whether to go on, then start again */
	for (;;)
	{
		eg_signals_block(&saved);
		rc = lib.matrix_quantile(&it, proxy->handle, NULL, batches_reset, batches_next, config,
								 &d->handle);
		eg_signals_restore(&saved);
		if (!it.stopped)
			break;
		CHECK_FOR_INTERRUPTS();
		if (rc == 0)
			lib.matrix_free(d->handle);
		d->handle = NULL;
		it.next = 0;
		it.patient = true;
		it.stopped = false;
	}
	if (rc != 0)
		library_error();
	matrix_release(proxy);

	if (d->types != NULL)
		XGB(lib.matrix_strings(d->handle, "feature_type", d->types, d->ncols));
	if (d->names != NULL)
		XGB(lib.matrix_strings(d->handle, "feature_name", d->names, d->ncols));
	return d;
}

EgXgbMatrix *
eg_xgb_matrix_dense(const EgMatrix *m, Size first, Size n, const int *ncategories,
					const char *const *names, int threads)
{
	EgXgbMatrix *d = matrix_prepare();
	char		text[INTERFACE_LENGTH];
	char	   *config;

	Assert(first + n <= m->nrows);
	matrix_shape(d, n, m->ncols, ncategories, names);
	config = psprintf("{\"missing\": NaN, \"nthread\": %d}", threads);
	array_interface(text, eg_row(m, first), n, m->ncols);
	XGB(lib.matrix_dense(text, config, &d->handle));
	if (d->types != NULL)
		XGB(lib.matrix_strings(d->handle, "feature_type", d->types, d->ncols));
	if (d->names != NULL)
		XGB(lib.matrix_strings(d->handle, "feature_name", d->names, d->ncols));
	return d;
}

void
eg_xgb_matrix_set_float(EgXgbMatrix *d, const char *field, const float *v, Size n)
{
	XGB(lib.matrix_float(d->handle, field, v, n));
}

void
eg_xgb_matrix_set_groups(EgXgbMatrix *d, const unsigned *sizes, Size ngroups)
{
	XGB(lib.matrix_uint(d->handle, "group", sizes, ngroups));
}

void
eg_xgb_matrix_free(EgXgbMatrix *d)
{
	matrix_release(d);
}

/* The first matrix gives the booster its feature names and types, for exports. */
EgXgbBooster *
eg_xgb_booster_create(EgXgbMatrix *const *dmats, int n)
{
	EgXgbBooster *b = booster_prepare();
	void	  **handles = palloc(Max(n, 1) * sizeof(void *));
	int			i;

	for (i = 0; i < n; i++)
		handles[i] = dmats[i]->handle;
	XGB(lib.booster_create(handles, n, &b->handle));
	eg_xgb_booster_param(b, "verbosity", "0");
	if (n > 0 && dmats[0]->names != NULL)
		XGB(lib.booster_strings(b->handle, "feature_name", dmats[0]->names, dmats[0]->ncols));
	if (n > 0 && dmats[0]->types != NULL)
		XGB(lib.booster_strings(b->handle, "feature_type", dmats[0]->types, dmats[0]->ncols));
	return b;
}

void
eg_xgb_booster_param(EgXgbBooster *b, const char *name, const char *value)
{
	XGB(lib.booster_param(b->handle, name, value));
}

void
eg_xgb_booster_update(EgXgbBooster *b, int iteration, EgXgbMatrix *d)
{
	XGB(lib.booster_update(b->handle, iteration, d->handle));
}

void
eg_xgb_booster_boost(EgXgbBooster *b, int iteration, EgXgbMatrix *d,
					 float *grad, float *hess, Size n)
{
	if (lib.booster_train != NULL)
	{
		char		g[INTERFACE_LENGTH];
		char		h[INTERFACE_LENGTH];
		int			ngroups = d->nrows > 0 ? (int) (n / d->nrows) : 1;

		array_interface(g, grad, d->nrows, ngroups);
		array_interface(h, hess, d->nrows, ngroups);
		XGB(lib.booster_train(b->handle, d->handle, iteration, g, h));
	}
	else
		XGB(lib.booster_boost(b->handle, d->handle, grad, hess, n));
}

double
eg_xgb_booster_eval(EgXgbBooster *b, int iteration, EgXgbMatrix *d, const char *name)
{
	const char *text = NULL;
	const char *start;
	const char *colon;

	XGB(lib.booster_eval(b->handle, iteration, &d->handle, &name, 1, &text));
	colon = text != NULL ? strrchr(text, ':') : NULL;
	start = text != NULL ? strchr(text, '\t') : NULL;
	if (colon == NULL || start == NULL || strlen(start) < strlen(name) + 3)
		return NAN;
	start += strlen(name) + 2;	/* "[3]\tvalid-logloss:0.69" */
	strlcpy(last_metric, start, Min(sizeof(last_metric), (Size) (colon - start) + 1));
	return strtod(colon + 1, NULL);
}

const char *
eg_xgb_last_metric(void)
{
	return last_metric;
}

void
eg_xgb_booster_attr(EgXgbBooster *b, const char *name, const char *value)
{
	XGB(lib.booster_attr(b->handle, name, value));
}

char *
eg_xgb_booster_save(EgXgbBooster *b, const char *format, int begin, int end, Size *len)
{
	EgXgbBooster *slice = NULL;
	char	   *config = psprintf("{\"format\": \"%s\"}", format);
	const char *data = NULL;
	uint64		n = 0;
	char	   *copy;

	if (begin != 0 || end != 0)
	{
		slice = booster_prepare();
		XGB(lib.booster_slice(b->handle, begin, end, 1, &slice->handle));
	}
	XGB(lib.booster_save(slice != NULL ? slice->handle : b->handle, config, &n, &data));

	/* the bytes are the library's until the next call, freeing the slice included */
	copy = MemoryContextAllocHuge(CurrentMemoryContext, n + 1);
	memcpy(copy, data, n);
	copy[n] = '\0';
	*len = n;
	if (slice != NULL)
		booster_release(slice);
	return copy;
}

EgXgbBooster *
eg_xgb_booster_load(const void *data, Size len)
{
	EgXgbBooster *b = eg_xgb_booster_create(NULL, 0);

	XGB(lib.booster_load(b->handle, data, len));
	return b;
}

int
eg_xgb_booster_predict(EgXgbBooster *b, EgXgbMatrix *d, bool margin, float **out, Size *n)
{
	char	   *config = psprintf("{\"type\": %d, \"training\": false, \"iteration_begin\": 0, "
								  "\"iteration_end\": 0, \"strict_shape\": true}", margin ? 1 : 0);
	const uint64 *shape = NULL;
	const float *values = NULL;
	uint64		ndims = 0;
	uint64		width = 1;
	uint64		i;

	XGB(lib.booster_predict(b->handle, d->handle, config, &shape, &ndims, &values));
	for (i = 1; i < ndims; i++)
		width *= shape[i];
	*n = ndims > 0 ? shape[0] : 0;
	*out = MemoryContextAllocHuge(CurrentMemoryContext, Max(*n * width, 1) * sizeof(float));
	memcpy(*out, values, *n * width * sizeof(float));
	return (int) width;
}

void
eg_xgb_booster_free(EgXgbBooster *b)
{
	booster_release(b);
}
