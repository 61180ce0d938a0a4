/*-------------------------------------------------------------------------
 *
 * state.h
 *	  States of aggregates that are a bytea.
 *
 * Whoever can make an aggregate can make its first state up: each reader checks
 * what it relies on, and says eg_state_invalid().
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_STATE_H
#define EG_STATE_H

#include "base/compat.h"
#include "fmgr.h"

extern void eg_state_invalid(void) pg_attribute_noreturn();

/* An argument as a state, aligned; NULL for the empty one that an aggregate starts with. */
extern void *eg_state_argument(FunctionCallInfo fcinfo, int place);

/* An argument that may be changed in place; what is not an aggregate's own is copied. */
extern void *eg_state_own(FunctionCallInfo fcinfo, void *state);

#endif							/* EG_STATE_H */
