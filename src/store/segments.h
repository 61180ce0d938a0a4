/*-------------------------------------------------------------------------
 *
 * segments.h
 *	  Names of segments: given by the model's owner for a version, carried over
 *	  to the next one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SEGMENTS_H
#define EG_SEGMENTS_H

#include "store/cache.h"
#include "store/models.h"

typedef struct EgSegmentName
{
	char	   *name;			/* NULL: none */
	char	   *strategy;		/* or NULL */
} EgSegmentName;

/* Names of the segments 0 .. k of a version, k + 1 of them; in CurrentMemoryContext. */
extern EgSegmentName *eg_segment_names(int64 version_id, int k);

/*
 * Name a segment of a version (name NULL: take it away) and write the event.  Errors:
 * INVALID_PARAMETER_VALUE for an empty name, DUPLICATE_OBJECT for one of another segment.
 */
extern void eg_segment_name_set(const EgModelRow *m, const EgVersionRow *v, int segment,
								const char *name, const char *strategy);

/*
 * Names of version `from` for the segments of version `to` of the same model that have more
 * than half of their rows in common, by the training rows stored with `to`.  *lost: names
 * that found no segment, as a list for people, or NULL; *why: that nothing could be carried
 * over, or NULL.  Returns how many were.
 */
extern int	eg_segments_carry(int64 from, int64 to, char **lost, char **why);

/* A cluster's number for people: 1 .. k, 0 for noise. */
#define EG_SEGMENT_NUMBER(class)	((class) + 1)

#endif							/* EG_SEGMENTS_H */
