/*-------------------------------------------------------------------------
 *
 * engage.c
 *	  Module entry: the settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "base/blas.h"
#include "engage.h"
#include "store/gate.h"

PG_MODULE_MAGIC;

int			eg_max_memory = 4 * 1024 * 1024;
int			eg_threads = 0;
int			eg_cache_size = 256 * 1024;
int			eg_max_categories = 10000;
bool		eg_progress = true;
int			eg_log_partition = EG_LOG_MONTH;
bool		eg_track_scoring = true;

/* only its show hook is of use */
static char *blas_kernels;

static const struct config_enum_entry log_partition_words[] = {
	{"month", EG_LOG_MONTH, false},
	{"day", EG_LOG_DAY, false},
	{NULL, 0, false}
};

extern PGDLLEXPORT void _PG_init(void);

/* Cores that this process may run on. */
static int
usable_cores(void)
{
	long		n = 0;

#ifdef CPU_COUNT
	cpu_set_t	set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
#endif
	if (n < 1)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (int) n;
}

int
eg_thread_count(void)
{
	int			n = eg_threads > 0 ? eg_threads : max_parallel_maintenance_workers + 1;

	return Min(n, usable_cores());
}

void
_PG_init(void)
{
	DefineCustomIntVariable("engage.max_memory",
							"Sets the maximum memory that one training may use.",
							"It is checked before memory is allocated, not after.",
							&eg_max_memory, 4 * 1024 * 1024, 1024, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"engage.threads", "Sets the number of threads that training uses.",
		"Zero means max_parallel_maintenance_workers + 1. Never more than the cores; "
		"results do not depend on it.",
		&eg_threads, 0, 0, 1024, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("engage.cache_size",
							"Sets the memory that each session keeps for compiled models.",
							NULL,
							&eg_cache_size, 256 * 1024, 64, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("engage.max_categories",
							"Sets the maximum number of distinct values of a category column.",
							"Training stops with an error that names the column beyond it.",
							&eg_max_categories, 10000, 1, 1000000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("engage.progress",
							 "Sends progress of long calls as notices.",
							 "Progress is visible in pg_stat_activity in any case.",
							 &eg_progress, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("engage.track_scoring",
							 "Counts the rows that each version of a model scores.",
							 "The counters are in engage.metrics and begin at zero with the server.",
							 &eg_track_scoring, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("engage.log_partition",
							 "Sets what a new partition of the prediction log holds.",
							 "Partitions that are there stay as they are.",
							 &eg_log_partition, EG_LOG_MONTH, log_partition_words,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("engage.blas_kernels",
							   "Shows the kernels that OpenBLAS computes with, and why.",
							   "The library is opened by the first training that needs it. Where it does "
							   "not know the processor, kernels for AVX2 are chosen, unless "
							   "OPENBLAS_CORETYPE is set in the server's environment.",
							   &blas_kernels, "", PGC_INTERNAL,
							   GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, NULL, NULL,
							   eg_blas_kernels);
	eg_gate_init();
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("engage");
#else
	EmitWarningsOnPlaceholders("engage");
#endif
}
