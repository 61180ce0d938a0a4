/*-------------------------------------------------------------------------
 *
 * engage.h
 *	  What every file of engage may rely on: the settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ENGAGE_H
#define ENGAGE_H

#define EG_VERSION "0.1.0"

/* engage.max_memory, in kB: the most that one training may allocate */
extern int	eg_max_memory;

/* engage.threads: 0 means max_parallel_maintenance_workers + 1 */
extern int	eg_threads;

/* engage.cache_size, in kB: compiled models kept by each backend */
extern int	eg_cache_size;

/* engage.max_categories: most distinct values of one category column */
extern int	eg_max_categories;

/* engage.progress: send a NOTICE with a bar during long calls */
extern bool eg_progress;

/* engage.track_scoring: count the rows that are scored */
extern bool eg_track_scoring;

/* engage.log_partition: what a new partition of the prediction log holds */
typedef enum EgLogPartition
{
	EG_LOG_MONTH,
	EG_LOG_DAY
} EgLogPartition;

extern int	eg_log_partition;

/* threads that one call may use: engage.threads with its default and bounds applied */
extern int	eg_thread_count(void);

#endif							/* ENGAGE_H */
