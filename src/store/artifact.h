/*-------------------------------------------------------------------------
 *
 * artifact.h
 *	  The container of a stored model: docs/format.md says it byte by byte.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ARTIFACT_H
#define EG_ARTIFACT_H

#include "algo/algo.h"
#include "store/schema.h"

typedef struct EgArtifact
{
	const EgAlgorithm *algorithm;
	EgTask		task;
	EgSchema   *schema;
	char	   *params;			/* JSON text */
	void	   *model;
} EgArtifact;

/* magic, version, algorithm, format, sections TASK SCHM PARM DATA, CRC-32C; palloc'd */
extern char *eg_artifact_save(const EgArtifact *a, Size *len);

/* Errors DATA_CORRUPTED, or FEATURE_NOT_SUPPORTED for a newer container or format. */
extern EgArtifact *eg_artifact_load(const void *data, Size len);

#endif							/* EG_ARTIFACT_H */
