/*-------------------------------------------------------------------------
 *
 * api_registry.c
 *	  SQL functions that deploy, share, rename and drop models.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "store/authors.h"
#include "store/registry.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(engage_deploy);
PG_FUNCTION_INFO_V1(engage_rollback);
PG_FUNCTION_INFO_V1(engage_drop);
PG_FUNCTION_INFO_V1(engage_drop_version);
PG_FUNCTION_INFO_V1(engage_rename);
PG_FUNCTION_INFO_V1(engage_grant);
PG_FUNCTION_INFO_V1(engage_revoke);
PG_FUNCTION_INFO_V1(engage_set_owner);
PG_FUNCTION_INFO_V1(engage_set_author);
PG_FUNCTION_INFO_V1(engage_model_version);
PG_FUNCTION_INFO_V1(engage_create_view);

/* The model in the first argument, the current user's to manage, locked until commit. */
static EgModelRow *
managed_model(FunctionCallInfo fcinfo, const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	return eg_models_get(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, EG_PRIV_MANAGE, true);
}

static text *
version_text(int64 version_id)
{
	return cstring_to_text(eg_version_text(eg_models_version_by_id(version_id)));
}

Datum
engage_deploy(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_deploy()");
	int64		id = eg_models_find_version(m, text_to_cstring(PG_GETARG_TEXT_PP(1)));

	eg_models_deploy(m, id, "deploy", NULL);
	PG_RETURN_TEXT_P(version_text(id));
}

Datum
engage_rollback(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_rollback()");

	PG_RETURN_TEXT_P(version_text(eg_models_rollback(m)));
}

Datum
engage_drop(PG_FUNCTION_ARGS)
{
	eg_models_drop(managed_model(fcinfo, "engage_drop()"));
	PG_RETURN_VOID();
}

/* '1.2' deploys the newest 1.2.x, but what is dropped must be named in full */
Datum
engage_drop_version(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_drop()");
	char	   *version = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			number[3];

	eg_version_parse(version, number);
	if (number[2] < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("version \"%s\" is not complete", version),
				 errhint("Name the version to drop in full, as in 1.2.0.")));
	eg_models_drop_version(m, eg_models_find_version(m, version));
	PG_RETURN_VOID();
}

Datum
engage_rename(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_rename()");

	eg_models_rename(m, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
engage_grant(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_grant()");

	eg_models_grant(m, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
engage_revoke(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_revoke()");

	eg_models_revoke(m, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
engage_set_owner(PG_FUNCTION_ARGS)
{
	EgModelRow *m = managed_model(fcinfo, "engage_set_owner()");

	eg_models_set_owner(m, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	eg_authors_tell(m, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* engage_set_author(model): the current user takes over the source of a version */
Datum
engage_set_author(PG_FUNCTION_ARGS)
{
	EgVersionRow *v;

	PreventCommandIfReadOnly("engage_set_author()");
	PreventCommandIfParallelMode("engage_set_author()");
	v = eg_models_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), EG_PRIV_MANAGE);
	eg_models_set_author(eg_models_get(v->model, false, EG_PRIV_MANAGE, true), v);
	PG_RETURN_TEXT_P(cstring_to_text(eg_version_text(v)));
}

Datum
engage_model_version(PG_FUNCTION_ARGS)
{
	char	   *reference = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(eg_version_text(eg_models_version(reference, EG_PRIV_USE))));
}

Datum
engage_create_view(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"view_name", "model", "source"};
	char	   *key = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));

	for (int i = 0; i < 3; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be NULL", names[i])));
	}
	PreventCommandIfReadOnly("engage_create_view()");

	PG_RETURN_TEXT_P(cstring_to_text(eg_models_create_view(
		text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
		text_to_cstring(PG_GETARG_TEXT_PP(2)), key)));
}
