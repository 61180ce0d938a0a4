/*-------------------------------------------------------------------------
 *
 * state.c
 *	  States of aggregates that are a bytea.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/state.h"

void
eg_state_invalid(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid state of an aggregate of engage")));
}

void *
eg_state_argument(FunctionCallInfo fcinfo, int place)
{
	struct varlena *p;
	Size		size;

	if (PG_ARGISNULL(place))
		eg_state_invalid();
	p = PG_DETOAST_DATUM(PG_GETARG_DATUM(place));
	size = VARSIZE(p);
	if (size == VARHDRSZ)
		return NULL;
	if ((uintptr_t) p % MAXIMUM_ALIGNOF != 0)
		p = memcpy(palloc(size), p, size);
	return p;
}

void *
eg_state_own(FunctionCallInfo fcinfo, void *state)
{
	return AggCheckCallContext(fcinfo, NULL) ? state :
		memcpy(palloc(VARSIZE(state)), state, VARSIZE(state));
}
