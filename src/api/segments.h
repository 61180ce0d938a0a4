/*-------------------------------------------------------------------------
 *
 * segments.h
 *	  What the functions over segments share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_SEGMENTS_H
#define EG_API_SEGMENTS_H

#include "store/score.h"

/* Error INVALID_PARAMETER_VALUE unless the model divides rows into segments. */
extern void eg_require_segments(const EgCompiled *model, const char *function);

#endif							/* EG_API_SEGMENTS_H */
