/*-------------------------------------------------------------------------
 *
 * state.h
 *	  States of aggregates that are a bytea, and arguments of many types.
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

/*
 * A number of any type: boolean (0 or 1), integer, real, numeric; dates are seconds since
 * 1970, as in engage_baseline().  Other types are an error, which calls it `what`.
 */
extern double eg_number_argument(FunctionCallInfo fcinfo, int place, const char *what);

/* A truth that is a number: 0 or 1, others are an error. */
extern double eg_truth_argument(FunctionCallInfo fcinfo, int place);

/* Put it in the place of the argument, so that a function of float8 reads it. */
extern void eg_number_replace(FunctionCallInfo fcinfo, int place, const char *what);

#endif							/* EG_STATE_H */
