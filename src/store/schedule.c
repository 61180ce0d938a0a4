/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  Jobs of pg_cron.
 *
 * engage knows pg_cron by its SQL surface alone: cron.schedule(),
 * cron.schedule_in_database(), cron.unschedule(), cron.job and
 * cron.job_run_details, all since 1.4.  A job of ours is known by its name,
 * "engage check churn".  A name has 63 bytes, so a long model is named by its
 * hash.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "store/schedule.h"

#define PREFIX		"engage "
#define HASHED		"md5:"

char *
eg_job_name(const char *action, const char *model)
{
	char	   *name = model ? psprintf(PREFIX "%s %s", action, model) :
		psprintf(PREFIX "%s", action);

	if (strlen(name) >= NAMEDATALEN)
		name = psprintf(PREFIX "%s " HASHED "%s", action,
						TextDatumGetCString(DirectFunctionCall1(md5_text,
																CStringGetTextDatum(model))));
	return name;
}

void
eg_job_try(const char *command)
{
	SPI_connect();
	if (SPI_prepare(command, 0, NULL) == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}

/* One statement as the current user; texts as arguments. */
static uint64
run(const char *sql, bool read_only, int nargs, const char *const *args)
{
	Oid			types[4] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4];
	int			i,
				code;

	for (i = 0; i < nargs; i++)
		values[i] = CStringGetTextDatum(args[i]);
	code = SPI_execute_with_args(sql, nargs, types, values, NULL, read_only, 0);
	if (code < 0)
		elog(ERROR, "SPI failed: %s", SPI_result_code_string(code));
	return SPI_processed;
}

/* Version of pg_cron, times 100: 1.4-1 is 104; 0 when it is not created here. */
static int
cron_version(void)
{
	int			major = 0,
				minor = 0;

	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		return 0;
	SPI_connect();
	if (run("SELECT extversion::pg_catalog.text FROM pg_catalog.pg_extension"
			" WHERE extname OPERATOR(pg_catalog.=) 'pg_cron'", true, 0, NULL) == 1)
		(void) sscanf(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), "%d.%d",
					  &major, &minor);
	SPI_finish();
	return major * 100 + minor;
}

static bool
cron_files_exist(void)
{
	bool		found;

	SPI_connect();
	found = run("SELECT name FROM pg_catalog.pg_available_extensions"
				" WHERE name OPERATOR(pg_catalog.=) 'pg_cron'", true, 0, NULL) > 0;
	SPI_finish();
	return found;
}

void
eg_cron_require(const char *command, const char *schedule)
{
	const char *home = GetConfigOption("cron.database_name", true, false);
	char	   *here = get_database_name(MyDatabaseId);
	int			version = cron_version();
	char	   *other = psprintf("Another scheduler can run this: %s", command);

	if (version == 0 && !cron_files_exist())
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("pg_cron is not installed"),
				 errdetail("%s", other),
				 errhint("Install it (on Debian and Ubuntu the package postgresql-%d-cron), set shared_preload_libraries = 'pg_cron' and cron.database_name = '%s', restart, and run CREATE EXTENSION pg_cron.",
						 PG_VERSION_NUM / 10000, here)));
	if (home == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_cron is not loaded"),
				 errdetail("%s", other),
				 errhint("Set shared_preload_libraries = 'pg_cron' and cron.database_name = '%s', restart, and run CREATE EXTENSION pg_cron.",
						 here)));
	if (version == 0 && strcmp(home, here) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_cron is in database \"%s\", not in \"%s\"", home, here),
				 errdetail("%s", other),
				 errhint("Call engage_schedule(..., database => '%s') in database \"%s\".", here,
						 home)));
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"pg_cron\" is not created in this database"),
				 errdetail("%s", other),
				 errhint("Run CREATE EXTENSION pg_cron.")));
	if (version < 104)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_cron %d.%d is too old", version / 100, version % 100),
				 errdetail("%s", other),
				 errhint("Version 1.4 or later is needed: ALTER EXTENSION pg_cron UPDATE.")));
	if (version < 105 && strstr(schedule, "second") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_cron %d.%d has no schedules of seconds", version / 100,
						version % 100),
				 errhint("The shortest is each minute: '* * * * *'.")));
}

int64
eg_cron_schedule(const char *name, const char *schedule, const char *command,
				 const char *database)
{
	const char *args[4];
	int64		id;
	bool		isnull;

	args[0] = name;
	args[1] = schedule;
	args[2] = command;
	args[3] = database;
	SPI_connect();
	(void) run(database ? "SELECT cron.schedule_in_database($1, $2, $3, $4)" :
			   "SELECT cron.schedule($1, $2, $3)", false, database ? 4 : 3, args);
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return id;
}

bool
eg_cron_unschedule(const char *name)
{
	const char *args[1];
	bool		found;

	args[0] = name;
	SPI_connect();
	found = run("SELECT cron.unschedule(j.jobid) FROM cron.job AS j"
				" WHERE j.jobname::pg_catalog.text OPERATOR(pg_catalog.=) $1"
				" AND j.username OPERATOR(pg_catalog.=) current_user::pg_catalog.text",
				false, 1, args) > 0;
	SPI_finish();
	return found;
}

static char *
copied(MemoryContext context, uint64 row, int col)
{
	char	   *s = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);

	return s ? MemoryContextStrdup(context, s) : NULL;
}

/* 16 gave all kinds of objects one function */
static bool
may_use(Oid schema)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
#endif
}

List *
eg_cron_jobs(void)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			schema = get_namespace_oid("cron", true);
	List	   *jobs = NIL;
	uint64		n,
				i;

	if (!OidIsValid(get_extension_oid("pg_cron", true)) || !OidIsValid(schema) ||
		!may_use(schema))
		return NIL;
	SPI_connect();
	n = run("SELECT j.jobid, x.m[1], CASE WHEN pg_catalog.starts_with(x.m[2], '" HASHED "') THEN"
			" (SELECT v.model FROM engage.models AS v WHERE pg_catalog.md5(v.model)"
			" OPERATOR(pg_catalog.=) pg_catalog.substr(x.m[2], 5)) ELSE x.m[2] END,"
			" j.schedule, j.command, j.database, j.username, j.active, d.start_time, d.status,"
			" d.return_message"
			" FROM cron.job AS j"
			" CROSS JOIN LATERAL (SELECT pg_catalog.regexp_match(j.jobname::pg_catalog.text,"
			" '^" PREFIX "([a-z_]+)(?: (.*))?$') AS m) AS x"
			" LEFT JOIN LATERAL (SELECT r.start_time, r.status, r.return_message"
			" FROM cron.job_run_details AS r WHERE r.jobid OPERATOR(pg_catalog.=) j.jobid"
			" ORDER BY r.runid DESC LIMIT 1) AS d ON true"
			" WHERE x.m IS NOT NULL ORDER BY j.jobid", true, 0, NULL);
	for (i = 0; i < n; i++)
	{
		EgJob	   *job = MemoryContextAllocZero(caller, sizeof(EgJob));
		MemoryContext old;
		HeapTuple	t = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		job->id = DatumGetInt64(SPI_getbinval(t, desc, 1, &isnull));
		job->action = copied(caller, i, 2);
		job->model = copied(caller, i, 3);
		job->schedule = copied(caller, i, 4);
		job->command = copied(caller, i, 5);
		job->database = copied(caller, i, 6);
		job->who = copied(caller, i, 7);
		job->active = DatumGetBool(SPI_getbinval(t, desc, 8, &isnull));
		job->last_run = DatumGetTimestampTz(SPI_getbinval(t, desc, 9, &isnull));
		job->ran = !isnull;
		job->last_status = copied(caller, i, 10);
		job->last_message = copied(caller, i, 11);
		old = MemoryContextSwitchTo(caller);
		jobs = lappend(jobs, job);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return jobs;
}
