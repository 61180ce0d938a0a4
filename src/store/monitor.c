/*-------------------------------------------------------------------------
 *
 * monitor.c
 *	  The tables of monitoring.
 *
 * The clock is read by the server as the rows are written.  It may go back:
 * nothing here orders by time, an age is never negative, and an action that
 * seems to be in the future is no reason to rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "store/monitor.h"
#include "store/registry.h"
#include "store/roles.h"
#include "store/source.h"

#define CHANNEL		"engage_alerts"

/* ----------
 * Small JSON
 * ----------
 */

static Jsonb *
parse_json(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
put_number(StringInfo out, const char *name, double value)
{
	appendStringInfo(out, ", \"%s\": ", name);
	if (isfinite(value))
		appendStringInfo(out, "%.15g", value);
	else
		appendStringInfoString(out, "null");
}

static void
put_text(StringInfo out, const char *name, const char *value)
{
	appendStringInfo(out, ", \"%s\": ", name);
	if (value)
		escape_json(out, value);
	else
		appendStringInfoString(out, "null");
}

/* Tell those who listen, at commit.  Names are short enough for a notification's 8000 bytes. */
static void
notify(const char *event, int64 alert, const EgModelRow *m, const char *version,
	   const char *check, double value, double threshold)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"event\": \"%s\", \"alert\": %lld", event, (long long) alert);
	put_text(&out, "model", m->name);
	put_text(&out, "version", version);
	put_text(&out, "check", check);
	put_number(&out, "value", value);
	put_number(&out, "threshold", threshold);
	appendStringInfoChar(&out, '}');
	Async_Notify(CHANNEL, out.data);
}

/* ----------
 * Monitors
 * ----------
 */

EgMonitor *
eg_monitor_get(int64 model_id, const char *model)
{
	EgMonitor  *w = NULL;
	EgVisit		visit;

	eg_visit_begin(&visit);
	if (eg_visit_write("SELECT author, search_path, source, outcomes, thresholds, policy,"
					   " acted <= t.now AND acted + cooldown > t.now,"
					   " to_char(acted + cooldown, 'YYYY-MM-DD HH24:MI'),"
					   " reference->>'version', (reference->>'mean')::float8, names"
					   " FROM engage.monitor, (SELECT clock_timestamp() AS now) AS t"
					   " WHERE model_id = $1", "l", model_id) > 0)
	{
		w = MemoryContextAllocZero(visit.caller, sizeof(EgMonitor));
		w->model_id = model_id;
		w->text.author = eg_visit_text(&visit, 0, 1);
		w->text.search_path = eg_visit_text(&visit, 0, 2);
		w->text.names = eg_visit_jsonb(&visit, 0, 11);
		w->text.model_id = model_id;
		w->source = eg_visit_text(&visit, 0, 3);
		w->outcomes = eg_visit_text(&visit, 0, 4);
		w->thresholds = eg_visit_jsonb(&visit, 0, 5);
		w->policy = eg_visit_text(&visit, 0, 6);
		w->resting = eg_visit_bool(0, 7);
		w->rests_until = eg_visit_text(&visit, 0, 8);
		w->reference_version = eg_visit_text(&visit, 0, 9);
		w->reference_mean = eg_visit_double(0, 10);
	}
	eg_visit_end(&visit);
	if (w)
	{
		w->text.what = psprintf("the monitor of model \"%s\"", model);
		w->text.remedy = "Declare it again with engage_monitor().";
	}
	return w;
}

void
eg_monitor_put(const EgModelRow *m, const char *source, const char *outcomes, Jsonb *thresholds,
			   const char *policy, double cooldown)
{
	char	   *search_path = pstrdup(namespace_search_path);
	Jsonb	   *names = eg_source_names(list_make2((void *) source, (void *) outcomes), NIL);
	StringInfoData out;
	EgVisit		visit;

	eg_visit_begin(&visit);
	eg_visit_write("INSERT INTO engage.monitor AS w (model_id, author, search_path, source,"
				   " outcomes, thresholds, policy, cooldown, names)"
				   " VALUES ($1, $2, $3, $4, $5, $6, $7, make_interval(secs => $8), $9)"
				   " ON CONFLICT (model_id) DO UPDATE SET author = $2, search_path = $3,"
				   " source = $4, outcomes = $5, thresholds = $6, policy = $7, names = $9,"
				   " cooldown = make_interval(secs => $8), acted = NULL, reference = NULL,"
				   " created = clock_timestamp()", "lntttjtdj",
				   m->id, GetUserNameFromId(visit.user, false), search_path, source, outcomes,
				   thresholds, policy, cooldown, names);
	eg_visit_end(&visit);

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"policy\": ");
	escape_json(&out, policy);
	put_text(&out, "source", source);
	put_text(&out, "outcomes", outcomes);
	appendStringInfoString(&out, ", \"thresholds\": ");
	(void) JsonbToCString(&out, &thresholds->root, VARSIZE(thresholds));
	appendStringInfoChar(&out, '}');
	eg_models_event(m->id, m->name, NULL, "monitor", parse_json(out.data));
}

bool
eg_monitor_remove(const EgModelRow *m)
{
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_write("DELETE FROM engage.monitor WHERE model_id = $1", "l", m->id);
	eg_visit_end(&visit);
	if (n > 0)
	{
		eg_alert_resolve_others(m, NIL, "the model is no longer watched");
		eg_models_event(m->id, m->name, NULL, "unmonitor", NULL);
	}
	return n > 0;
}

List *
eg_monitor_models(void)
{
	List	   *models = NIL;
	EgVisit		visit;
	SPITupleTable *table;
	uint64		n,
				i;

	eg_visit_begin(&visit);
	n = eg_visit_read("SELECT m.id, m.name, m.owner, w.author FROM engage.monitor w"
					  " JOIN engage.model m ON m.id = w.model_id ORDER BY m.name", "");
	table = SPI_tuptable;
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));
		char	   *name = SPI_getvalue(table->vals[i], table->tupdesc, 2);
		char	   *owner = SPI_getvalue(table->vals[i], table->tupdesc, 3);
		char	   *author = SPI_getvalue(table->vals[i], table->tupdesc, 4);
		MemoryContext old;

		if (!eg_models_allowed(visit.user, id, owner, EG_PRIV_MANAGE))
			continue;
		if (OidIsValid(eg_role_oid(author)) && !eg_role_includes(visit.user, author))
		{
			ereport(NOTICE,
					(errmsg("model \"%s\" was not checked", name),
					 errdetail("It is watched with the rights of role \"%s\", and only for members "
							   "of that role.", author),
					 errhint("Declare the monitor again with engage_monitor().")));
			continue;
		}
		old = MemoryContextSwitchTo(visit.caller);
		models = lappend(models, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	eg_visit_end(&visit);
	return models;
}

/*
 * A lock on an object that does not exist but in this number: model so-and-so of
 * the table engage.model.  No SQL function of the server takes such a lock, so
 * nobody without rights can hold up a check, as with advisory locks; and unlike
 * the lock of the model's row it is in nobody's way who deploys by hand.
 */
bool
eg_monitor_lock(int64 model_id)
{
	Oid			registry = get_relname_relid("model", get_namespace_oid("engage", false));
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, registry, (Oid) (model_id & 0xFFFFFFFF),
					   (uint16) (model_id >> 32));
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
eg_monitor_set_reference(int64 model_id, const char *version, double mean)
{
	EgVisit		visit;

	eg_visit_begin(&visit);
	eg_visit_write("UPDATE engage.monitor SET reference ="
				   " jsonb_build_object('version', $2, 'mean', $3) WHERE model_id = $1", "ltd",
				   model_id, version, mean);
	eg_visit_end(&visit);
}

void
eg_monitor_set_acted(int64 model_id)
{
	EgVisit		visit;

	eg_visit_begin(&visit);
	eg_visit_write("UPDATE engage.monitor SET acted = clock_timestamp() WHERE model_id = $1", "l",
				   model_id);
	eg_visit_end(&visit);
}

/* ----------
 * Results
 * ----------
 */

/* NaN is SQL NULL: nullif knows that NaN equals NaN */
#define NUMBER(n)	"nullif($" #n ", 'NaN')"

void
eg_check_result_put(int64 model_id, const char *version, const EgCheckLine *line)
{
	EgVisit		visit;

	eg_visit_begin(&visit);
	eg_visit_write("INSERT INTO engage.check_result (model_id, version, check_name, value,"
				   " threshold, status, detail, alert_id, action) VALUES ($1, $2, $3, "
				   NUMBER(4) ", " NUMBER(5) ", $6, $7, nullif($8, 0), $9)", "lttddtjlt",
				   model_id, version, line->name, line->value, line->threshold, line->status,
				   line->detail, line->alert, line->action);
	eg_visit_end(&visit);
}

/* ----------
 * Alerts
 * ----------
 */

static Jsonb *
alert_detail(int64 alert, const EgCheckLine *line)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"alert\": %lld", (long long) alert);
	put_text(&out, "check", line->name);
	put_number(&out, "value", line->value);
	put_number(&out, "threshold", line->threshold);
	put_text(&out, "message", line->message);
	appendStringInfoChar(&out, '}');
	return parse_json(out.data);
}

void
eg_alert_raise(const EgModelRow *m, const char *version, EgCheckLine *line)
{
	EgVisit		visit;
	bool		first;

	eg_visit_begin(&visit);
	eg_visit_write("INSERT INTO engage.alert AS a (model_id, check_name, version, value,"
				   " threshold, message) VALUES ($1, $2, $3, " NUMBER(4) ", " NUMBER(5) ", $6)"
				   " ON CONFLICT (model_id, check_name) WHERE resolved IS NULL DO UPDATE"
				   " SET value = excluded.value, threshold = excluded.threshold,"
				   " message = excluded.message, times = a.times + 1,"
				   " last_seen = clock_timestamp()"
				   " RETURNING id, times = 1, acknowledged IS NOT NULL", "lttddt",
				   m->id, line->name, version, line->value, line->threshold, line->message);
	line->alert = eg_visit_int64(0, 1);
	first = eg_visit_bool(0, 2);
	line->acknowledged = eg_visit_bool(0, 3);
	eg_visit_end(&visit);
	if (!first)
		return;
	eg_models_event(m->id, m->name, version, "alert", alert_detail(line->alert, line));
	notify("opened", line->alert, m, version, line->name, line->value, line->threshold);
}

/* The rows that a statement has resolved: id, check_name, value, threshold. */
static void
tell_resolved(EgVisit *v, const EgModelRow *m, const char *version, uint64 n, const char *reason)
{
	SPITupleTable *table = SPI_tuptable;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));
		char	   *check = SPI_getvalue(table->vals[i], table->tupdesc, 2);
		StringInfoData out;

		initStringInfo(&out);
		appendStringInfo(&out, "{\"alert\": %lld", (long long) id);
		put_text(&out, "check", check);
		put_text(&out, "reason", reason);
		appendStringInfoChar(&out, '}');
		eg_visit_write("INSERT INTO engage.event (who, login, model_id, model, version, action,"
					   " detail) VALUES ($1, $2, $3, $4, $5, 'resolve', $6)", "nnlttj",
					   GetUserNameFromId(v->user, false),
					   GetUserNameFromId(GetSessionUserId(), false), m->id, m->name, version,
					   parse_json(out.data));
		notify("resolved", id, m, version, check, NAN, NAN);
	}
}

/* a clock that went back must not resolve an alert before it was opened */
#define RESOLVE \
	"UPDATE engage.alert SET resolved = greatest(clock_timestamp(), opened)" \
	" WHERE model_id = $1 AND resolved IS NULL"

void
eg_alert_resolve(const EgModelRow *m, const char *version, const char *check, const char *reason)
{
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_write(RESOLVE " AND check_name = $2 RETURNING id, check_name", "lt", m->id,
					   check);
	tell_resolved(&visit, m, version, n, reason);
	eg_visit_end(&visit);
}

void
eg_alert_resolve_others(const EgModelRow *m, List *checks, const char *reason)
{
	EgVisit		visit;
	StringInfoData names;
	ListCell   *lc;
	uint64		n;

	initStringInfo(&names);
	appendStringInfoChar(&names, '[');
	foreach(lc, checks)
	{
		if (lc != list_head(checks))
			appendStringInfoChar(&names, ',');
		escape_json(&names, (const char *) lfirst(lc));
	}
	appendStringInfoChar(&names, ']');
	eg_visit_begin(&visit);
	n = eg_visit_write(RESOLVE " AND NOT $2 ? check_name RETURNING id, check_name", "lj", m->id,
					   parse_json(names.data));
	tell_resolved(&visit, m, NULL, n, reason);
	eg_visit_end(&visit);
}

char *
eg_alert_model(int64 alert)
{
	char	   *model = NULL;
	EgVisit		visit;

	eg_visit_begin(&visit);
	if (eg_visit_write("SELECT m.id, m.name, m.owner FROM engage.alert a"
					   " JOIN engage.model m ON m.id = a.model_id WHERE a.id = $1", "l",
					   alert) > 0)
	{
		int64		id = eg_visit_int64(0, 1);
		char	   *owner = eg_visit_text(&visit, 0, 3);

		model = eg_visit_text(&visit, 0, 2);
		if (!eg_models_allowed(visit.user, id, owner, EG_PRIV_USE))
			model = NULL;
	}
	eg_visit_end(&visit);
	if (model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("alert %lld does not exist", (long long) alert),
				 errhint("The view engage.alerts lists the alerts.")));
	return model;
}

void
eg_alert_acknowledge(const EgModelRow *m, int64 alert, const char *note)
{
	EgCheckLine line = {0};
	char	   *version = NULL;
	EgVisit		visit;
	bool		resolved = true;

	eg_visit_begin(&visit);
	if (eg_visit_write("UPDATE engage.alert SET acknowledged = clock_timestamp(),"
					   " acknowledged_by = $3, note = $4"
					   " WHERE id = $1 AND model_id = $2 AND resolved IS NULL"
					   " RETURNING check_name, version, coalesce(value, 'NaN'),"
					   " coalesce(threshold, 'NaN')", "llnt",
					   alert, m->id, GetUserNameFromId(visit.user, false), note) > 0)
	{
		resolved = false;
		line.name = eg_visit_text(&visit, 0, 1);
		version = eg_visit_text(&visit, 0, 2);
		line.value = eg_visit_double(0, 3);
		line.threshold = eg_visit_double(0, 4);
	}
	eg_visit_end(&visit);
	if (resolved)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("alert %lld is resolved", (long long) alert)));
	line.message = (char *) note;
	eg_models_event(m->id, m->name, version, "acknowledge", alert_detail(alert, &line));
	notify("acknowledged", alert, m, version, line.name, line.value, line.threshold);
}

int64
eg_monitor_forget(const EgModelRow *m, double seconds)
{
	EgVisit		visit;
	int64		n;

	eg_visit_begin(&visit);
	n = eg_visit_write("DELETE FROM engage.check_result WHERE model_id = $1"
					   " AND at < clock_timestamp() - make_interval(secs => $2)", "ld",
					   m->id, seconds);
	n += eg_visit_write("DELETE FROM engage.alert WHERE model_id = $1"
						" AND resolved < clock_timestamp() - make_interval(secs => $2)", "ld",
						m->id, seconds);
	eg_visit_end(&visit);
	return n;
}

double
eg_version_age(int64 version_id)
{
	EgVisit		visit;
	double		days = 0;

	eg_visit_begin(&visit);
	if (eg_visit_write("SELECT (extract(epoch FROM clock_timestamp() - created) / 86400)::float8"
					   " FROM engage.version WHERE id = $1", "l", version_id) > 0)
		days = eg_visit_double(0, 1);
	eg_visit_end(&visit);
	return Max(days, 0);
}
