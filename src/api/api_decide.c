/*-------------------------------------------------------------------------
 *
 * api_decide.c
 *	  engage_decide(): a policy's answer to a row.
 *
 * fn_extra holds the decider; names are resolved once a snapshot, as in
 * api_predict.c, and for the same reason.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "store/decide.h"

PG_FUNCTION_INFO_V1(engage_decide_row);
PG_FUNCTION_INFO_V1(engage_decide_jsonb);

/* What one call site keeps in fn_extra. */
typedef struct Site
{
	MemoryContext context;		/* of the decider */
	int64		version_id;
	EgDecider  *decider;
	EgSnapshotId snapshot;
	Oid			user;
	char	   *reference;
	TupleDesc	desc;			/* of the result */
} Site;

static Site *
make_site(FunctionCallInfo fcinfo)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	Site	   *s = palloc0(sizeof(Site));
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	s->desc = BlessTupleDesc(desc);
	s->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "engage decision",
									   ALLOCSET_SMALL_SIZES);
	fcinfo->flinfo->fn_extra = s;
	MemoryContextSwitchTo(old);
	return s;
}

/* The decider of this call site, for the version that the reference means now. */
static Site *
site_of(FunctionCallInfo fcinfo)
{
	Site	   *s = fcinfo->flinfo->fn_extra;
	text	   *reference = PG_GETARG_TEXT_PP(0);
	int			len = VARSIZE_ANY_EXHDR(reference);
	Snapshot	now = GetActiveSnapshot();
	char	   *name;
	int64		id;

	if (s == NULL)
		s = make_site(fcinfo);
	if (s->decider && eg_snapshot_is(&s->snapshot, now) && s->user == GetUserId() &&
		eg_decider_code(s->decider)->changes == eg_catalog_changes &&
		strlen(s->reference) == len && memcmp(s->reference, VARDATA_ANY(reference), len) == 0)
		return s;

	name = text_to_cstring(reference);
	id = eg_policy_resolve(name);
	if (s->decider == NULL || s->version_id != id ||
		!eg_policy_code_fits(eg_decider_code(s->decider)))
	{
		/* an error below leaves an empty call site, not a half one */
		s->decider = NULL;
		MemoryContextReset(s->context);
		s->decider = eg_decider_create(id, s->context);
		s->version_id = id;
		s->reference = NULL;
	}
	if (s->reference == NULL || strcmp(s->reference, name) != 0)
		s->reference = MemoryContextStrdup(s->context, name);
	s->user = InvalidOid;
	eg_decider_refresh(s->decider);
	eg_snapshot_remember(&s->snapshot, now);
	s->user = GetUserId();
	return s;
}

static Datum
reasons_datum(List *reasons)
{
	Datum	   *items = palloc(sizeof(Datum) * (list_length(reasons) + 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, reasons)
		items[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
layers_datum(const EgPolicy *p, const EgDecision *d)
{
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (i = 0; i < p->nlayers; i++)
	{
		const EgLayerResult *r = &d->layers[i];

		appendStringInfoString(&out, i > 0 ? ", {\"layer\": " : "{\"layer\": ");
		escape_json(&out, p->layers[i].name);
		appendStringInfo(&out, ", \"kind\": \"%s\", \"status\": \"%s\", \"score\": ",
						 eg_layer_kind_name(p->layers[i].kind), r->status);
		if (isnan(r->score))
			appendStringInfoString(&out, "null");
		else
			appendStringInfo(&out, "%.6g", r->score);
		appendStringInfo(&out, ", \"us\": %.1f", r->us);
		appendBinaryStringInfo(&out, r->detail.data, r->detail.len);
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoChar(&out, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

static Datum
decide(FunctionCallInfo fcinfo, HeapTupleHeader tuple, Jsonb *row)
{
	Site	   *s = site_of(fcinfo);
	const EgPolicyCode *code = eg_decider_code(s->decider);
	EgDecision *d = eg_decider_run(s->decider, tuple, row);
	Datum		values[7];
	bool		nulls[7] = {false};

	values[0] = Int32GetDatum(d->score);
	values[1] = CStringGetTextDatum(d->action);
	values[2] = CStringGetTextDatum(psprintf("%d-%d", d->band->from, d->band_to));
	values[3] = reasons_datum(d->reasons);
	values[4] = Int32GetDatum(d->errors);
	values[5] = layers_datum(code->policy, d);
	values[6] = Int32GetDatum(code->version);
	return HeapTupleGetDatum(heap_form_tuple(s->desc, values, nulls));
}

/* engage_decide(policy text, row record | jsonb) */
Datum
engage_decide_row(PG_FUNCTION_ARGS)
{
	return decide(fcinfo, PG_GETARG_HEAPTUPLEHEADER(1), NULL);
}

Datum
engage_decide_jsonb(PG_FUNCTION_ARGS)
{
	return decide(fcinfo, NULL, PG_GETARG_JSONB_P(1));
}
