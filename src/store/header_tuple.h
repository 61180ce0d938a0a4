/*-------------------------------------------------------------------------
 *
 * header_tuple.h
 *	  A composite value in the form that heap_getattr() and heap_deform_tuple() take.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_HEADER_TUPLE_H
#define EG_HEADER_TUPLE_H

#include "access/htup_details.h"

/* Points to the value, which is not copied; of no table. */
static inline HeapTupleData
eg_header_tuple(HeapTupleHeader header)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	return tuple;
}

#endif							/* EG_HEADER_TUPLE_H */
