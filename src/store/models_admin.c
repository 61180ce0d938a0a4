/*-------------------------------------------------------------------------
 *
 * models_admin.c
 *	  What an owner does with a model besides training it: drop, grant, give
 *	  away, rename; and the lists of the model card.
 *
 * Callers have the model from eg_models_get(lock => true), which has checked
 * that the current user may manage it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "store/experiment.h"
#include "store/registry.h"
#include "store/roles.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

Jsonb *
eg_event_detail(const char *key, const char *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	v;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	v.type = jbvString;
	v.val.string.val = (char *) key;
	v.val.string.len = strlen(key);
	pushJsonbValue(&state, WJB_KEY, &v);
	v.val.string.val = (char *) value;
	v.val.string.len = strlen(value);
	pushJsonbValue(&state, WJB_VALUE, &v);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---------------------------------------------------------------------------
 * Drop
 * ---------------------------------------------------------------------------
 */

void
eg_models_drop(const EgModelRow *m)
{
	EgVisit		visit;

	eg_visit_begin(&visit);
	eg_visit_write("DELETE FROM engage.artifact WHERE version_id IN"
				   " (SELECT id FROM engage.version WHERE model_id = $1)", "l", m->id);
	eg_visit_write("DELETE FROM engage.segment_name WHERE version_id IN"
				   " (SELECT id FROM engage.version WHERE model_id = $1)", "l", m->id);
	eg_visit_write("DELETE FROM engage.author WHERE version_id IN"
				   " (SELECT id FROM engage.version WHERE model_id = $1)", "l", m->id);
	eg_visit_write("DELETE FROM engage.version WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.deployment WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.privilege WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.wording WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.monitor WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.check_result WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.alert WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.prediction WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.experiment WHERE model_id = $1", "l", m->id);
	eg_visit_write("DELETE FROM engage.model WHERE id = $1", "l", m->id);
	eg_visit_end(&visit);
	eg_models_event(m->id, m->name, NULL, "drop", NULL);
}

/* Deployments of the version stay: they are history, and rollback steps over them. */
void
eg_models_drop_version(const EgModelRow *m, int64 version_id)
{
	char	   *version = eg_version_text(eg_models_version_by_id(version_id));
	EgVisit		visit;

	if (m->deployed == version_id)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("version %s of model \"%s\" is deployed", version, m->name),
			 errhint("Deploy another version first, or drop the whole model: engage_drop('%s').",
					 m->name)));
	eg_experiment_check_drop(m, version_id, version);
	eg_visit_begin(&visit);
	eg_visit_write("DELETE FROM engage.artifact WHERE version_id = $1", "l", version_id);
	eg_visit_write("DELETE FROM engage.segment_name WHERE version_id = $1", "l", version_id);
	eg_visit_write("DELETE FROM engage.author WHERE version_id = $1", "l", version_id);
	eg_visit_write("DELETE FROM engage.version WHERE id = $1", "l", version_id);
	eg_visit_end(&visit);
	eg_models_event(m->id, m->name, version, "drop version", NULL);
}

/* ---------------------------------------------------------------------------
 * Roles and names
 * ---------------------------------------------------------------------------
 */

void
eg_models_grant(const EgModelRow *m, const char *role)
{
	EgVisit		visit;
	uint64		n;

	eg_role_note(role);
	eg_visit_begin(&visit);
	n = eg_visit_write("INSERT INTO engage.privilege (model_id, role) VALUES ($1, $2)"
					   " ON CONFLICT DO NOTHING", "ln", m->id, role);
	eg_visit_end(&visit);
	if (n > 0)
		eg_models_event(m->id, m->name, NULL, "grant", eg_event_detail("role", role));
}

/* The role may be gone: then its grant can be taken away all the same. */
void
eg_models_revoke(const EgModelRow *m, const char *role)
{
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_write("DELETE FROM engage.privilege WHERE model_id = $1 AND role = $2", "ln",
					   m->id, role);
	eg_visit_end(&visit);
	if (n > 0)
		eg_models_event(m->id, m->name, NULL, "revoke", eg_event_detail("role", role));
	else
	{
		if (strcmp(role, "public") != 0)
			(void) get_role_oid(role, false);
		ereport(NOTICE,
				(errmsg("role \"%s\" has no grant on model \"%s\"", role, m->name)));
	}
}

/* As with ALTER TABLE ... OWNER TO, one cannot give a model to a role that one is not in. */
void
eg_models_set_owner(const EgModelRow *m, const char *role)
{
	Oid			new_owner = get_role_oid(role, false);
	EgVisit		visit;

#if PG_VERSION_NUM >= 160000
	check_can_set_role(GetUserId(), new_owner);
#else
	check_is_member_of_role(GetUserId(), new_owner);
#endif
	eg_role_note(role);

	eg_visit_begin(&visit);
	eg_visit_write("UPDATE engage.model SET owner = $2 WHERE id = $1", "ln", m->id, role);
	eg_visit_end(&visit);
	eg_models_event(m->id, m->name, NULL, "owner", eg_event_detail("role", role));
}

/* Another session may give the name away while this one looks: the index decides. */
void
eg_models_rename(const EgModelRow *m, const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	EgVisit		visit;

	eg_model_name_check(name);
	eg_visit_begin(&visit);
	PG_TRY();
	{
		eg_visit_write("UPDATE engage.model SET name = $2 WHERE id = $1", "lt", m->id, name);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("model \"%s\" already exists", name)));
	}
	PG_END_TRY();
	eg_visit_end(&visit);
	eg_models_event(m->id, name, NULL, "rename", eg_event_detail("from", m->name));
}

/* ---------------------------------------------------------------------------
 * Lists
 * ---------------------------------------------------------------------------
 */

List *
eg_models_version_lines(int64 model_id)
{
	List	   *lines = NIL;
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_read("SELECT concat_ws('.', v.major, v.minor, v.patch), v.algorithm,"
					  " to_char(v.created, 'YYYY-MM-DD HH24:MI'), v.created_by, v.library,"
					  " v.extension, v.bytes, v.id = m.deployed, v.metrics,"
					  " CASE WHEN v.id = m.deployed THEN to_char(d.at, 'YYYY-MM-DD HH24:MI') END,"
					  " v.seconds, v.id"
					  " FROM engage.version v JOIN engage.model m ON m.id = v.model_id"
					  " LEFT JOIN engage.deployment d ON d.id = m.deployment"
					  " WHERE m.id = $1 ORDER BY v.id DESC", "l", model_id);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(visit.caller);
		EgVersionLine *line = palloc0(sizeof(EgVersionLine));

		lines = lappend(lines, line);
		MemoryContextSwitchTo(old);
		line->version = eg_visit_text(&visit, i, 1);
		line->algorithm = eg_visit_text(&visit, i, 2);
		line->created = eg_visit_text(&visit, i, 3);
		line->created_by = eg_visit_text(&visit, i, 4);
		line->library = eg_visit_text(&visit, i, 5);
		line->extension = eg_visit_text(&visit, i, 6);
		line->bytes = eg_visit_int64(i, 7);
		line->deployed = eg_visit_bool(i, 8);
		line->metrics = eg_visit_jsonb(&visit, i, 9);
		line->deployed_at = eg_visit_text(&visit, i, 10);
		line->seconds = eg_visit_double(i, 11);
		line->id = eg_visit_int64(i, 12);
	}
	eg_visit_end(&visit);
	return lines;
}

List *
eg_models_event_lines(int64 model_id, int limit, bool everything)
{
	List	   *lines = NIL;
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_read("SELECT to_char(at, 'YYYY-MM-DD HH24:MI'), who, action, version,"
					  " engage.seen('event', detail, $3 = 1)::text"
					  " FROM engage.event WHERE model_id = $1 ORDER BY id DESC LIMIT $2", "lii",
					  model_id, limit, (int) everything);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(visit.caller);
		EgEventLine *line = palloc0(sizeof(EgEventLine));

		lines = lappend(lines, line);
		MemoryContextSwitchTo(old);
		line->at = eg_visit_text(&visit, i, 1);
		line->who = eg_visit_text(&visit, i, 2);
		line->action = eg_visit_text(&visit, i, 3);
		line->version = eg_visit_text(&visit, i, 4);
		line->detail = eg_visit_text(&visit, i, 5);
	}
	eg_visit_end(&visit);
	return lines;
}

List *
eg_models_grantees(int64 model_id)
{
	List	   *roles = NIL;
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_read("SELECT role FROM engage.privilege WHERE model_id = $1 ORDER BY role", "l",
					  model_id);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *role = eg_visit_text(&visit, i, 1);
		MemoryContext old = MemoryContextSwitchTo(visit.caller);

		roles = lappend(roles, role);
		MemoryContextSwitchTo(old);
	}
	eg_visit_end(&visit);
	return roles;
}

char *
eg_models_owner_name(int64 model_id)
{
	EgVisit		visit;
	char	   *owner = NULL;

	eg_visit_begin(&visit);
	if (eg_visit_read("SELECT owner FROM engage.model WHERE id = $1", "l", model_id) > 0)
		owner = eg_visit_text(&visit, 0, 1);
	eg_visit_end(&visit);
	return owner;
}
