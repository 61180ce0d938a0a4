/*-------------------------------------------------------------------------
 *
 * velocity.h
 *	  What the SQL functions of velocity share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_VELOCITY_H
#define EG_API_VELOCITY_H

#include "base/velocity.h"
#include "fmgr.h"

/* A row of type engage.velocity, which the function must be declared to return. */
extern Datum eg_velocity_row(FunctionCallInfo fcinfo, const EgVelocity *v);

/* A float8 argument; NaN for NULL. */
extern double eg_arg_number(FunctionCallInfo fcinfo, int i);

#endif							/* EG_API_VELOCITY_H */
