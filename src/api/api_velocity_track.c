/*-------------------------------------------------------------------------
 *
 * api_velocity_track.c
 *	  SQL functions of rollups: engage_velocity_track(), _untrack(), _state(),
 *	  _with(), and the trigger function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/velocity.h"
#include "base/compat.h"
#include "store/velocity_state.h"

PG_FUNCTION_INFO_V1(engage_velocity_track);
PG_FUNCTION_INFO_V1(engage_velocity_untrack);
PG_FUNCTION_INFO_V1(engage_velocity_state);
PG_FUNCTION_INFO_V1(engage_velocity_with);
PG_FUNCTION_INFO_V1(engage_velocity_feed);
PG_FUNCTION_INFO_V1(engage_velocity_join);

/* engage_velocity_track(name, source, key, at, amount, lat, lon) returns bigint */
Datum
engage_velocity_track(PG_FUNCTION_ARGS)
{
	EgTrackerSpec spec;

	spec.name = eg_arg_required(fcinfo, 0, "name");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"source\" must not be NULL")));
	spec.source = PG_GETARG_OID(1);
	spec.column[0] = eg_arg_required(fcinfo, 2, "key");
	spec.column[1] = eg_arg_required(fcinfo, 3, "at");
	spec.column[2] = eg_arg_text(fcinfo, 4);
	spec.column[3] = eg_arg_text(fcinfo, 5);
	spec.column[4] = eg_arg_text(fcinfo, 6);
	PreventCommandIfReadOnly("engage_velocity_track()");
	PreventCommandIfParallelMode("engage_velocity_track()");
	PG_RETURN_INT64(eg_velocity_track(&spec));
}

/* engage_velocity_untrack(name) returns void */
Datum
engage_velocity_untrack(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("engage_velocity_untrack()");
	PreventCommandIfParallelMode("engage_velocity_untrack()");
	eg_velocity_untrack(eg_arg_required(fcinfo, 0, "name"));
	PG_RETURN_VOID();
}

static Oid
key_type(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the type of argument \"key\"")));
	return type == UNKNOWNOID ? TEXTOID : type;
}

/* engage_velocity_state(name, key, as_of) returns engage.velocity; strict */
Datum
engage_velocity_state(PG_FUNCTION_ARGS)
{
	EgVelocity	v;

	(void) eg_velocity_read(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_DATUM(1),
							key_type(fcinfo), PG_GETARG_TIMESTAMPTZ(2), &v);
	return eg_velocity_row(fcinfo, &v);
}

/* engage_velocity_with(name, key, at, amount, lat, lon) returns engage.velocity */
Datum
engage_velocity_with(PG_FUNCTION_ARGS)
{
	EgVelocityEvent e;
	EgVelocity	v;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	e.at = PG_GETARG_TIMESTAMPTZ(2);
	e.amount = eg_arg_number(fcinfo, 3);
	e.lat = eg_arg_number(fcinfo, 4);
	e.lon = eg_arg_number(fcinfo, 5);
	(void) eg_velocity_read_with(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_DATUM(1),
								 key_type(fcinfo), &e, &v);
	return eg_velocity_row(fcinfo, &v);
}

/* engage.velocity_feed() returns trigger */
Datum
engage_velocity_feed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("engage.velocity_feed() can only be called as a trigger")));
	eg_velocity_feed((TriggerData *) fcinfo->context);
	return PointerGetDatum(NULL);
}

/* engage.velocity_join(state, newer) returns bytea; strict */
Datum
engage_velocity_join(PG_FUNCTION_ARGS)
{
	EgCells    *cells = palloc(sizeof(EgCells));
	EgCells    *newer = palloc(sizeof(EgCells));
	struct varlena *joined;

	eg_cells_read(cells, PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
	eg_cells_read(newer, PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
	eg_cells_join(cells, newer);
	joined = eg_cells_write(cells);
	pfree(cells);
	pfree(newer);
	PG_RETURN_POINTER(joined);
}
