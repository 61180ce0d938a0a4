/*-------------------------------------------------------------------------
 *
 * api_algorithms.c
 *	  engage_algorithms(), engage_parameters(), engage_version(): what the
 *	  list of algorithms and their tables of parameters say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "algo/algo.h"
#include "api/result.h"
#include "engage.h"

PG_FUNCTION_INFO_V1(engage_algorithms);
PG_FUNCTION_INFO_V1(engage_parameters);
PG_FUNCTION_INFO_V1(engage_version);

Datum
engage_algorithms(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	int			i;

	for (i = 0; eg_algorithms[i]; i++)
	{
		const EgAlgorithm *a = eg_algorithms[i];
		Datum		values[5];
		bool		nulls[5] = {false};
		Datum		tasks[EG_NTASKS];
		int			ntasks = 0,
					t;

		for (t = 0; t < EG_NTASKS; t++)
		{
			if (a->tasks & EG_TASK_BIT(t))
				tasks[ntasks++] = CStringGetTextDatum(eg_task_name(t));
		}
		values[0] = CStringGetTextDatum(a->name);
		values[1] = CStringGetTextDatum(a->summary);
		values[2] =
			PointerGetDatum(construct_array(tasks, ntasks, TEXTOID, -1, false, TYPALIGN_INT));
		values[3] = BoolGetDatum((a->flags & EG_MISSING_OK) != 0);
		values[4] = BoolGetDatum((a->flags & EG_CATEGORIES_OK) != 0);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

Datum
engage_parameters(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	const EgAlgorithm *a = eg_algorithm_find(
		PG_NARGS() == 0 ? "xgboost" : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	const EgParam *p;

	for (p = a->params; p->name; p++)
	{
		char	   *text[6];
		Datum		values[6];
		bool		nulls[6];
		int			i;

		text[0] = (char *) p->name;
		text[1] = (char *) eg_param_type_name(p);
		text[2] = eg_param_default_text(p);
		text[3] = eg_param_range_text(p);
		text[4] = (char *) p->alias;
		text[5] = (char *) p->help;
		for (i = 0; i < 6; i++)
		{
			nulls[i] = text[i] == NULL;
			values[i] = text[i] ? CStringGetTextDatum(text[i]) : (Datum) 0;
		}
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}

Datum
engage_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(EG_VERSION));
}
