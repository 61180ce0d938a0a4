/*-------------------------------------------------------------------------
 *
 * api_twin.c
 *	  Functions of schema engage that stand for those of the extension's schema:
 *	  engage.check() is engage_check() under a name that nobody can plant.
 *
 * SQL that is kept and run by others (views, jobs) and SQL that engage makes
 * beside a source name these.  A twin is no way around REVOKE: it asks for the
 * right to EXECUTE the function that it stands for, once for each call site and
 * user and again after rights have changed, and then calls that one, with
 * whatever ALTER FUNCTION has made of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "store/function.h"

PG_FUNCTION_INFO_V1(engage_twin);

/* What one call site keeps in fn_extra. */
typedef struct Twin
{
	FmgrInfo	function;
	uint64		rights;			/* generation of which the user had the right */
	Oid			user;
} Twin;

Datum
engage_twin(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	FmgrInfo   *flinfo = fcinfo->flinfo;
	Twin	   *twin = flinfo->fn_extra;
	Datum		result;

	if (twin == NULL)
	{
		Oid			function = eg_function_public(flinfo->fn_oid);

		twin = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Twin));
		fmgr_info_cxt(function, &twin->function, flinfo->fn_mcxt);
		fmgr_info_set_expr(flinfo->fn_expr, &twin->function);
		flinfo->fn_extra = twin;
	}
	if (twin->user != GetUserId() || twin->rights != eg_rights_generation())
	{
		uint64		rights = eg_rights_generation();

		eg_require_execute(flinfo->fn_oid);
		twin->rights = rights;
		twin->user = GetUserId();
	}
	InitFunctionCallInfoData(*call, &twin->function, PG_NARGS(), PG_GET_COLLATION(),
							 fcinfo->context, fcinfo->resultinfo);
	memcpy(call->args, fcinfo->args, sizeof(NullableDatum) * PG_NARGS());
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return result;
}
