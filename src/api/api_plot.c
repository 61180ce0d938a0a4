/*-------------------------------------------------------------------------
 *
 * api_plot.c
 *	  engage_draw(): pictures as SVG text; engage_plot_waterfall() and
 *	  engage_plot_force(), which take a row of any type, as no SQL function can.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "plot/plot.h"

PG_FUNCTION_INFO_V1(engage_draw);
PG_FUNCTION_INFO_V1(engage_plot_waterfall_row);
PG_FUNCTION_INFO_V1(engage_plot_waterfall_jsonb);
PG_FUNCTION_INFO_V1(engage_plot_force_row);
PG_FUNCTION_INFO_V1(engage_plot_force_jsonb);

/* arguments of engage_explain_json(): model, row, class, space; the others are left out */
#define EXPLAIN_ARGS	8

extern Datum engage_explain_json_row(PG_FUNCTION_ARGS);
extern Datum engage_explain_json_jsonb(PG_FUNCTION_ARGS);

/*
 * engage_draw(kind, data, options).  No rows, as jsonb_agg() says it by NULL, make an
 * empty picture, not none.
 */
Datum
engage_draw(PG_FUNCTION_ARGS)
{
	char	   *kind;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"kind\" must not be NULL")));
	kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
	PG_RETURN_TEXT_P(cstring_to_text(eg_plot_draw(kind,
												  PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1),
												  PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2))));
}

/*
 * (model, row, options, class, space): the row explained, then drawn.  The explainer
 * stays at this call site, as if engage_explain_json() had been called here.
 */
static Datum
draw_explained(FunctionCallInfo fcinfo, PGFunction explain, const char *kind)
{
	LOCAL_FCINFO(call, EXPLAIN_ARGS);
	Jsonb	   *options = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	Datum		explained;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	InitFunctionCallInfoData(*call, fcinfo->flinfo, EXPLAIN_ARGS, fcinfo->fncollation, NULL, NULL);
	for (i = 0; i < EXPLAIN_ARGS; i++)
	{
		call->args[i].value = (Datum) 0;
		call->args[i].isnull = true;
	}
	call->args[0] = fcinfo->args[0];
	call->args[1] = fcinfo->args[1];
	call->args[2] = fcinfo->args[3];
	call->args[3] = fcinfo->args[4];
	explained = explain(call);
	if (call->isnull)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(eg_plot_draw(kind, DatumGetJsonbP(explained), options)));
}

Datum
engage_plot_waterfall_row(PG_FUNCTION_ARGS)
{
	return draw_explained(fcinfo, engage_explain_json_row, "waterfall");
}

Datum
engage_plot_waterfall_jsonb(PG_FUNCTION_ARGS)
{
	return draw_explained(fcinfo, engage_explain_json_jsonb, "waterfall");
}

Datum
engage_plot_force_row(PG_FUNCTION_ARGS)
{
	return draw_explained(fcinfo, engage_explain_json_row, "force");
}

Datum
engage_plot_force_jsonb(PG_FUNCTION_ARGS)
{
	return draw_explained(fcinfo, engage_explain_json_jsonb, "force");
}
