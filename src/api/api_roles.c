/*-------------------------------------------------------------------------
 *
 * api_roles.c
 *	  What views ask: does a stored role's name include the current user, and
 *	  what does a user see of a document?  And engage_admit_role().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "store/roles.h"

PG_FUNCTION_INFO_V1(engage_plays);
PG_FUNCTION_INFO_V1(engage_plays_author);
PG_FUNCTION_INFO_V1(engage_seen);
PG_FUNCTION_INFO_V1(engage_role_missing);
PG_FUNCTION_INFO_V1(engage_role_renamed);
PG_FUNCTION_INFO_V1(engage_admit_role);

/* engage.plays(role name): superusers play every role, a role that is gone, too */
Datum
engage_plays(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(eg_role_includes(GetUserId(), NameStr(*PG_GETARG_NAME(0))));
}

/* engage.plays(owner name, author name): one of the two; NULL: there is none */
Datum
engage_plays_author(PG_FUNCTION_ARGS)
{
	int			i;

	for (i = 0; i < 2; i++)
	{
		if (!PG_ARGISNULL(i) && eg_role_includes(GetUserId(), NameStr(*PG_GETARG_NAME(i))))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(superuser());
}

/* engage.seen(document text, whole jsonb, everything boolean) */
Datum
engage_seen(PG_FUNCTION_ARGS)
{
	Jsonb	   *part;

	if (PG_GETARG_BOOL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	part = eg_seen(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(1), NULL);
	if (part == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(part);
}

/* engage.role_missing(role name): why the name stands for no role, NULL when it does */
Datum
engage_role_missing(PG_FUNCTION_ARGS)
{
	char	   *name = NameStr(*PG_GETARG_NAME(0));

	char	   *now;

	if (strcmp(name, "public") == 0 || OidIsValid(eg_role_oid(name)))
		PG_RETURN_NULL();
	now = eg_role_renamed(name);
	PG_RETURN_TEXT_P(cstring_to_text(now ? psprintf("has been renamed to \"%s\"", now) :
									 OidIsValid(get_role_oid(name, true)) ?
									 "was dropped, and another role has its name" :
									 "does not exist"));
}

/* engage.role_renamed(role name): the name that the role has now, NULL when it has none or the same */
Datum
engage_role_renamed(PG_FUNCTION_ARGS)
{
	char	   *now = eg_role_renamed(NameStr(*PG_GETARG_NAME(0)));

	if (now == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall1(namein, CStringGetDatum(now)));
}

Datum
engage_admit_role(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("engage_admit_role()");
	PreventCommandIfParallelMode("engage_admit_role()");
	PG_RETURN_INT64(eg_role_admit(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
