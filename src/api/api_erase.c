/*-------------------------------------------------------------------------
 *
 * api_erase.c
 *	  engage_erase(): a person who asks to be forgotten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "store/erase.h"

PG_FUNCTION_INFO_V1(engage_erase);

/* In the order of EgTrainedOn. */
static const char *const trained_words[] = {"unknown", "no", "held out", "learned"};

/* engage_erase(key, model) returns (model, version, deployed, logged, training) */
Datum
engage_erase(PG_FUNCTION_ARGS)
{
	char	   *key = eg_arg_required(fcinfo, 0, "key");
	char	   *name = eg_arg_text(fcinfo, 1);
	EgModelRow *model = NULL;
	Tuplestorestate *store;
	TupleDesc	desc;
	List	   *erased;
	ListCell   *lc;

	PreventCommandIfReadOnly("engage_erase()");
	PreventCommandIfParallelMode("engage_erase()");
	if (name)
		model = eg_models_get(name, false, EG_PRIV_MANAGE, false);
	erased = eg_erase(key, model);
	store = eg_result_rows(fcinfo, &desc);
	foreach(lc, erased)
	{
		EgErased   *e = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false};

		if (e->logged == 0 && e->trained == EG_TRAINED_NO)
			continue;
		values[0] = CStringGetTextDatum(e->model);
		values[1] = CStringGetTextDatum(e->version);
		values[2] = BoolGetDatum(e->deployed);
		values[3] = Int64GetDatum(e->logged);
		values[4] = CStringGetTextDatum(e->dropped ? "dropped" : trained_words[e->trained]);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
