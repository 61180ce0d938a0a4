/*
 * check_isolation.c - isolation forests and local outlier factors as a library for test/golden/anomaly.py
 *
 * Compiled by check_isolation.sh together with the files that it checks, without a
 * server: memory is malloc's and never given back, a team is this thread alone.
 */
#include "postgres.h"

#include "algo/algo.h"
#include "base/parallel.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

/* ---------------- what the files need of the server ---------------- */

struct EgArena
{
	int			unused;
};

MemoryContext CurrentMemoryContext = NULL;
volatile sig_atomic_t InterruptPending = false;
volatile uint32 InterruptHoldoffCount = 0;
#ifndef pg_comp_crc32c
pg_crc32c	(*pg_comp_crc32c) (pg_crc32c crc, const void *data, size_t len) = NULL;
#endif

#undef printf
#undef fprintf
#undef qsort

void *
palloc_extended(Size size, int flags)
{
	return (flags & MCXT_ALLOC_ZERO) != 0 ? calloc(1, Max(size, 1)) : malloc(Max(size, 1));
}

void *
palloc(Size size)
{
	return palloc_extended(size, 0);
}

void *
palloc0(Size size)
{
	return palloc_extended(size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return palloc(size);
}

void *
repalloc_huge(void *memory, Size size)
{
	return realloc(memory, size);
}

void
pfree(void *memory)
{
	free(memory);
}

#undef AllocSetContextCreateInternal
MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size min, Size init, Size max)
{
	return parent;
}

void
MemoryContextDelete(MemoryContext context)
{
}

Size
add_size(Size a, Size b)
{
	return a + b;
}

Size
mul_size(Size a, Size b)
{
	return a * b;
}

void
check_stack_depth(void)
{
}

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

void
qsort_arg(void *base, size_t n, size_t size, qsort_arg_comparator compare, void *arg)
{
	qsort_r(base, n, size, compare, arg);
}

bool
errstart(int level, const char *domain)
{
	fprintf(stderr, "an error of the server\n");
	abort();
}

bool
errstart_cold(int level, const char *domain)
{
	return errstart(level, domain);
}

void
initStringInfo(StringInfo s)
{
	s->maxlen = 1024;
	s->data = malloc(s->maxlen);
	s->len = 0;
}

#if PG_VERSION_NUM >= 160000
typedef const void *Binary;
#else
typedef const char *Binary;
#endif

void
appendBinaryStringInfo(StringInfo s, Binary data, int len)
{
	while (s->len + len + 1 > s->maxlen)
		s->data = realloc(s->data, s->maxlen *= 2);
	memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void
enlargeStringInfo(StringInfo s, int len)
{
	while (s->len + len + 1 > s->maxlen)
		s->data = realloc(s->data, s->maxlen *= 2);
}

void
appendStringInfoChar(StringInfo s, char c)
{
	appendBinaryStringInfo(s, &c, 1);
}

void
eg_step(EgRun *run, int done, int total, const char *metric, double value)
{
}

void
eg_check_memory(Size needed, Size allowed, const char *what)
{
}

void *
eg_arena_resize(EgArena *a, void *p, Size size)
{
	return realloc(p, Max(size, 1));
}

void *
eg_arena_alloc(EgArena *a, Size size)
{
	return malloc(Max(size, 1));
}

bool
eg_worker_stop(EgWorker *w)
{
	return false;
}

void
eg_team_run(const EgTeamSpec *spec)
{
	EgWorker	w = {0};
	int			i;

	w.state = spec->start(spec->arg, &w);
	for (i = 0; i < spec->ntasks; i++)
		spec->done(spec->arg, i, spec->task(spec->arg, &w, i));
}

/* ---------------- for the script ---------------- */

extern const EgAlgorithm eg_isolation_forest;
extern const EgAlgorithm eg_local_outlier_factor;

extern void *anomaly_params(int which);
extern void anomaly_set(int which, void *params, const char *name, double value);
extern void anomaly_set_word(int which, void *params, const char *name, const char *word);
extern void *anomaly_fit(int which, const void *params, const float *x, Size n, int ncols,
						 const int *ncategories, uint64 seed);
extern void anomaly_predict(int which, const void *model, const float *x, Size n, double *out);
extern double anomaly_model_threshold(int which, const void *model);
extern const char *anomaly_save(int which, const void *model, int *len);
extern void *anomaly_load(int which, const char *bytes, int len);

static const EgAlgorithm *
algorithm(int which)
{
	return which == 0 ? &eg_isolation_forest : &eg_local_outlier_factor;
}

static const EgParam *
find(int which, const char *name)
{
	const EgParam *p = algorithm(which)->params;

	while (strcmp(p->name, name) != 0)
		p++;
	return p;
}

void
anomaly_set(int which, void *params, const char *name, double value)
{
	const EgParam *p = find(which, name);

	if (p->type == EG_PARAM_INT)
		*(int *) ((char *) params + p->offset) = (int) value;
	else
		*(double *) ((char *) params + p->offset) = value;
}

void
anomaly_set_word(int which, void *params, const char *name, const char *word)
{
	*(const char **) ((char *) params + find(which, name)->offset) = strdup(word);
}

/* The defaults. */
void *
anomaly_params(int which)
{
	void	   *params = palloc0(algorithm(which)->params_size);
	const EgParam *p;

	for (p = algorithm(which)->params; p->name != NULL; p++)
	{
		if (p->type == EG_PARAM_WORD)
			anomaly_set_word(which, params, p->name, p->text);
		else
			anomaly_set(which, params, p->name, p->number);
	}
	return params;
}

void *
anomaly_fit(int which, const void *params, const float *x, Size n, int ncols,
			const int *ncategories, uint64 seed)
{
	EgDataset	data = {0};
	EgRun		run = {0};

	data.x.data = (float *) x;
	data.x.nrows = n;
	data.x.ncols = ncols;
	data.nfit = n;
	data.task = EG_ANOMALY;
	data.ncategories = ncategories;
	run.seed = seed;
	run.threads = 1;
	run.memory_limit = (Size) 1 << 40;
	return algorithm(which)->fit(&data, params, &run);
}

void
anomaly_predict(int which, const void *model, const float *x, Size n, double *out)
{
	algorithm(which)->predict(model, x, n, out);
}

double
anomaly_model_threshold(int which, const void *model)
{
	return algorithm(which)->threshold(model);
}

const char *
anomaly_save(int which, const void *model, int *len)
{
	EgWriter	w;

	eg_writer_init(&w);
	algorithm(which)->save(model, &w);
	*len = w.buf.len;
	return w.buf.data;
}

void *
anomaly_load(int which, const char *bytes, int len)
{
	EgReader	r;

	eg_reader_init(&r, bytes, len, "the model");
	return algorithm(which)->load(&r, algorithm(which)->format);
}
