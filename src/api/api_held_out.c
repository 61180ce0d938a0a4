/*-------------------------------------------------------------------------
 *
 * api_held_out.c
 *	  engage_held_out(): was this row kept from training?  A condition for the
 *	  source of whatever measures a model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "api/predict.h"
#include "store/held_out.h"

PG_FUNCTION_INFO_V1(engage_held_out);

/* engage_held_out(model text, row record) returns boolean */
Datum
engage_held_out(PG_FUNCTION_ARGS)
{
	EgScorer   *s = eg_call_site_scorer(fcinfo);
	void	  **rule = eg_call_site_extra(fcinfo);

	if (*rule == NULL)
		*rule = eg_held_out_rule(s->model->version_id, s->context);
	PG_RETURN_BOOL(eg_held_out_row(*rule, PG_GETARG_HEAPTUPLEHEADER(1)));
}
