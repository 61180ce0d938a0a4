/*-------------------------------------------------------------------------
 *
 * validity.h
 *	  What the aggregates over clusterings share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_VALIDITY_H
#define EG_API_VALIDITY_H

#include "utils/array.h"

#define EG_VALIDITY_COLUMNS		10000

/* A segment, an integer or a text, as a number of its own. */
extern uint64 eg_validity_number(int64 segment);
extern uint64 eg_validity_text(const text *segment);

/* Elements of a row's features; NULL when one of them is NULL.  Error for other shapes. */
extern const double *eg_validity_features(ArrayType *array, int *n);

extern void eg_validity_check_columns(int was, int is);

#endif							/* EG_API_VALIDITY_H */
