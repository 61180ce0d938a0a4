/*-------------------------------------------------------------------------
 *
 * cache.h
 *	  Compiled models of this backend, by registry and version id.  A version
 *	  never changes and a registry never reuses its id, so an entry cannot go stale.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CACHE_H
#define EG_CACHE_H

#include "store/artifact.h"

typedef struct EgCompiled
{
	int64		version_id;
	uint64		registry;		/* eg_registry_identity(): whose version ids */
	char	   *model;			/* name when loaded, for messages only */
	char	   *version;		/* "1.2.0" */
	EgTask		task;
	int			width;			/* outputs */
	int			nparts;
	EgArtifact **parts;			/* (nparts); [0] is the one for all other rows */
	char	  **values;			/* (nparts) partition values, [0] NULL */
	char	   *partition_column;	/* or NULL */
	double		threshold;		/* binary: engage_predict_class says class 1 at or above */
} EgCompiled;

/*
 * The compiled version, loaded at first use.  Pinned until the context `until`
 * is reset or deleted; least recently used unpinned entries go beyond
 * engage.cache_size.  An error while loading leaves nothing behind.
 */
extern EgCompiled *eg_cache_get(int64 version_id, MemoryContext until);

/* Forget everything unpinned (engage.cache_size lowered, tests). */
extern void eg_cache_trim(Size limit);

#endif							/* EG_CACHE_H */
