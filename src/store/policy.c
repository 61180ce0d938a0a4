/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  The rows of policies: resolve, save, deploy, roll back, grant, drop.
 *
 * The same rules as for models, on tables of their own.  Ids of policies come
 * from the models' sequence, so that an event's model_id means one thing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/compat.h"
#include "store/policy.h"
#include "store/registry.h"
#include "store/roles.h"

#define BY_NAME \
	"SELECT id, owner, deployed FROM engage.policy WHERE name OPERATOR(pg_catalog.=) $1"

#define BY_NUMBER \
	"SELECT id FROM engage.policy_version" \
	" WHERE policy_id OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2"

#define GRANTEES \
	"SELECT role FROM engage.policy_privilege WHERE policy_id OPERATOR(pg_catalog.=) $1"

/* ----------
 * Rights
 * ----------
 */

static bool
manages(Oid user, const char *owner)
{
	return eg_role_includes(user, owner);
}

static bool
decides(Oid user, int64 id, const char *owner)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);
	uint64		n,
				i;

	if (manages(user, owner))
		return true;
	n = eg_visit_saved(&plan, GRANTEES, 1, &type, &value, 0);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Name		grantee = DatumGetName(eg_visit_datum(i, 1, &isnull));

		if (strcmp(NameStr(*grantee), "public") == 0 ||
			eg_role_includes(user, NameStr(*grantee)))
			return true;
	}
	return false;
}

static void pg_attribute_noreturn()
unknown_policy(EgVisit *v, const char *name)
{
	StringInfoData list;
	uint64		n = eg_visit_read("SELECT id, name, owner FROM engage.policy"
								  " ORDER BY name LIMIT 50", "");
	SPITupleTable *table = SPI_tuptable;
	uint64		i;
	int			known = 0;

	initStringInfo(&list);
	for (i = 0; i < n && known < 10; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));

		if (!decides(v->user, id, SPI_getvalue(table->vals[i], table->tupdesc, 3)))
			continue;
		appendStringInfo(&list, "%s\"%s\"", known++ > 0 ? ", " : "",
						 SPI_getvalue(table->vals[i], table->tupdesc, 2));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("policy \"%s\" does not exist", eg_clip(name, 128)),
			 known > 0 ? errhint("Known policies: %s.", list.data) :
			 errhint("No policy is yours to use; engage_policy() makes one.")));
}

/* ----------
 * Resolve
 * ----------
 */

/* 'fraud@3': the name palloc'd, and the number, or 0 without one */
static char *
parse_reference(const char *reference, int *number)
{
	const char *at = strchr(reference, '@');
	const char *p;
	int64		n = 0;

	*number = 0;
	if (at == NULL)
		return pstrdup(reference);
	for (p = at + 1; *p >= '0' && *p <= '9' && n <= PG_INT32_MAX; p++)
		n = n * 10 + (*p - '0');
	if (at == reference || *p != '\0' || n < 1 || n > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid policy reference \"%s\"", eg_clip(reference, 192)),
				 errhint("Write a policy as 'fraud', or as 'fraud@3' to name a version.")));
	*number = (int) n;
	return pnstrdup(reference, at - reference);
}

static void pg_attribute_noreturn()
unknown_version(const char *name, int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version %d of policy \"%s\" does not exist", version, name),
			 errhint("The view engage.policy_versions lists the versions.")));
}

int64
eg_policy_resolve(const char *reference)
{
	static SPIPlanPtr by_name = NULL;
	static SPIPlanPtr by_number = NULL;
	int			number;
	char	   *name = parse_reference(reference, &number);
	Oid			name_types[1] = {TEXTOID};
	Oid			number_types[2] = {INT8OID, INT4OID};
	Datum		values[2];
	EgVisit		v;
	int64		id,
				deployed;
	char	   *owner;

	eg_visit_begin_fast(&v);
	values[0] = CStringGetTextDatum(name);
	if (eg_visit_saved(&by_name, BY_NAME, 1, name_types, values, 1) == 0)
		unknown_policy(&v, name);
	id = eg_visit_int64(0, 1);
	owner = eg_visit_text(&v, 0, 2);
	deployed = eg_visit_int64(0, 3);
	if (!decides(v.user, id, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for policy \"%s\"", name),
				 errhint("The owner, role \"%s\", can allow it with engage_policy_grant('%s', '%s').",
						 owner, name, GetUserNameFromId(v.user, false))));
	if (number > 0)
	{
		values[0] = Int64GetDatum(id);
		values[1] = Int32GetDatum(number);
		if (eg_visit_saved(&by_number, BY_NUMBER, 2, number_types, values, 1) == 0)
			unknown_version(name, number);
		deployed = eg_visit_int64(0, 1);
	}
	if (deployed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("policy \"%s\" has no deployed version", name),
				 errhint("Deploy one with engage_policy_deploy('%s', version).", name)));
	eg_visit_end(&v);
	return deployed;
}

EgPolicyVersionRow *
eg_policy_version(int64 version_id)
{
	EgPolicyVersionRow *row = palloc0(sizeof(EgPolicyVersionRow));
	EgVisit		v;

	eg_visit_begin(&v);
	if (eg_visit_read("SELECT v.id, v.version, v.definition, v.columns, v.author, v.search_path,"
					  " p.name, v.names FROM engage.policy_version v"
					  " JOIN engage.policy p ON p.id = v.policy_id WHERE v.id = $1", "l",
					  version_id) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version of a policy was dropped meanwhile")));
	row->id = eg_visit_int64(0, 1);
	row->version = eg_visit_int(0, 2);
	row->definition = eg_visit_jsonb(&v, 0, 3);
	row->columns = eg_visit_jsonb(&v, 0, 4);
	row->author = eg_visit_text(&v, 0, 5);
	row->search_path = eg_visit_text(&v, 0, 6);
	row->policy = eg_visit_text(&v, 0, 7);
	row->names = eg_visit_jsonb(&v, 0, 8);
	eg_visit_end(&v);
	return row;
}

/* ----------
 * Save
 * ----------
 */

/* The same names as for models. */
static void
check_name(const char *name)
{
	int			len = strlen(name);
	bool		fine = len > 0 && len <= 128 && strchr(name, '@') == NULL && name[0] != ' ' &&
		name[Max(len, 1) - 1] != ' ';
	int			i;

	for (i = 0; i < len && fine; i++)
		fine = (unsigned char) name[i] >= ' ' && name[i] != 0x7f;
	if (!fine)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid policy name \"%s\"", eg_clip(name, 128)),
				 errdetail("A name has 1 to 128 bytes, no \"@\", no control character, and no "
						   "space at its ends.")));
}

EgPolicyRow *
eg_policy_get(const char *name, bool missing_ok)
{
	EgPolicyRow *p = palloc0(sizeof(EgPolicyRow));
	EgVisit		v;

	eg_visit_begin(&v);
	if (eg_visit_write("SELECT id, name, owner, deployed FROM engage.policy WHERE name = $1"
					   " FOR NO KEY UPDATE", "t", name) > 0)
	{
		char	   *owner = eg_visit_text(&v, 0, 3);

		p->id = eg_visit_int64(0, 1);
		p->name = eg_visit_text(&v, 0, 2);
		p->deployed = eg_visit_int64(0, 4);
		if (!manages(v.user, owner))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("must be owner of policy \"%s\"", name),
					 errdetail("The policy belongs to role \"%s\".", owner)));
	}
	else if (!missing_ok)
		unknown_policy(&v, name);
	eg_visit_end(&v);
	return p;
}

/* One row of history; version 0: the event is about the policy. */
static void
event(const EgPolicyRow *p, int version, const char *action, const char *role)
{
	Jsonb	   *detail = NULL;

	if (role)
	{
		StringInfoData out;

		initStringInfo(&out);
		appendStringInfoString(&out, "{\"role\": ");
		escape_json(&out, role);
		appendStringInfoChar(&out, '}');
		detail = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
	}
	eg_models_event(p->id, p->name, version > 0 ? psprintf("%d", version) : NULL, action, detail);
}

static void
put_deployment(EgVisit *v, const EgPolicyRow *p, int64 version_id, const char *action,
			   int64 previous)
{
	eg_visit_write("WITH d AS (INSERT INTO engage.policy_deployment"
				   " (policy_id, version_id, action, previous, by_role)"
				   " VALUES ($1, $2, $3, nullif($4, 0), $5) RETURNING id)"
				   " UPDATE engage.policy SET deployed = $2, deployment = d.id FROM d"
				   " WHERE policy.id = $1", "lltln", p->id, version_id, action, previous,
				   GetUserNameFromId(v->user, false));
}

/* The policy is locked. */
static void
deploy_id(const EgPolicyRow *p, int64 version_id, int version)
{
	EgVisit		v;

	if (p->deployed == version_id)
		return;
	eg_visit_begin(&v);
	eg_visit_write("SELECT deployment FROM engage.policy WHERE id = $1", "l", p->id);
	put_deployment(&v, p, version_id, "deploy", eg_visit_int64(0, 1));
	eg_visit_end(&v);
	event(p, version, "policy deploy", NULL);
}

int
eg_policy_save(const char *name, Jsonb *definition, Jsonb *columns, Jsonb *names,
			   const char *comment, bool deploy)
{
	char	   *search_path = pstrdup(namespace_search_path);
	bool		created;
	EgPolicyRow *p;
	EgVisit		v;
	int64		id;
	int			version;

	check_name(name);
	eg_role_note(GetUserNameFromId(GetUserId(), false));
	eg_visit_begin(&v);
	created = eg_visit_write("INSERT INTO engage.policy (name, owner) VALUES ($1, $2)"
							 " ON CONFLICT (name) DO NOTHING", "tn", name,
							 GetUserNameFromId(v.user, false)) > 0;
	eg_visit_end(&v);
	p = eg_policy_get(name, false);
	if (created)
		event(p, 0, "policy create", NULL);

	/* a number is not used again: a dropped version lives on in events */
	eg_visit_begin(&v);
	(void) eg_visit_write("INSERT INTO engage.policy_version (policy_id, version, definition,"
						  " columns, author, search_path, comment, names)"
						  " SELECT $1, 1 + greatest(0, (SELECT max(version)"
						  " FROM engage.policy_version WHERE policy_id = $1),"
						  " (SELECT max(version::integer) FROM engage.event WHERE model_id = $1"
						  " AND action = 'policy save')), $2, $3, $4, $5, $6, $7"
						  " RETURNING id, version", "ljjnttj", p->id, definition, columns,
						  GetUserNameFromId(v.user, false), search_path, comment, names);
	id = eg_visit_int64(0, 1);
	version = eg_visit_int(0, 2);
	eg_visit_end(&v);
	event(p, version, "policy save", NULL);
	if (deploy)
		deploy_id(p, id, version);
	return version;
}

Jsonb *
eg_policy_newest_columns(const EgPolicyRow *p)
{
	Jsonb	   *columns = NULL;
	EgVisit		v;

	eg_visit_begin(&v);
	if (eg_visit_write("SELECT columns FROM engage.policy_version WHERE policy_id = $1"
					   " ORDER BY version DESC LIMIT 1", "l", p->id) > 0)
		columns = eg_visit_jsonb(&v, 0, 1);
	eg_visit_end(&v);
	return columns;
}

/* ----------
 * Deploy, roll back, drop
 * ----------
 */

static int64
find_version(const EgPolicyRow *p, int version)
{
	EgVisit		v;
	int64		id = 0;

	eg_visit_begin(&v);
	if (eg_visit_write("SELECT id FROM engage.policy_version WHERE policy_id = $1"
					   " AND version = $2", "li", p->id, version) > 0)
		id = eg_visit_int64(0, 1);
	eg_visit_end(&v);
	if (id == 0)
		unknown_version(p->name, version);
	return id;
}

void
eg_policy_deploy(const EgPolicyRow *p, int version)
{
	deploy_id(p, find_version(p, version), version);
}

int
eg_policy_rollback(const EgPolicyRow *p)
{
	EgVisit		v;
	int			version = 0;

	eg_visit_begin(&v);
	if (eg_visit_write("WITH RECURSIVE chain AS ("
					   " SELECT d.id, d.version_id, d.previous, 0 AS depth"
					   " FROM engage.policy p JOIN engage.policy_deployment d"
					   " ON d.id = p.deployment WHERE p.id = $1"
					   " UNION ALL"
					   " SELECT d.id, d.version_id, d.previous, c.depth + 1"
					   " FROM chain c JOIN engage.policy_deployment d ON d.id = c.previous)"
					   " SELECT c.version_id, c.previous, v.version FROM chain c"
					   " JOIN engage.policy_version v ON v.id = c.version_id"
					   " JOIN engage.policy p ON p.id = $1 AND p.deployed <> c.version_id"
					   " ORDER BY c.depth LIMIT 1", "l", p->id) > 0)
	{
		int64		id = eg_visit_int64(0, 1);
		int64		previous = eg_visit_int64(0, 2);

		version = eg_visit_int(0, 3);
		put_deployment(&v, p, id, "rollback", previous);
	}
	eg_visit_end(&v);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("policy \"%s\" has no earlier deployment to roll back to", p->name),
				 errhint("engage_policy_deploy() deploys any version; the view "
						 "engage.policy_versions lists them.")));
	event(p, version, "policy rollback", NULL);
	return version;
}

void
eg_policy_drop(const EgPolicyRow *p)
{
	EgVisit		v;

	eg_visit_begin(&v);
	eg_visit_write("DELETE FROM engage.policy_version WHERE policy_id = $1", "l", p->id);
	eg_visit_write("DELETE FROM engage.policy_deployment WHERE policy_id = $1", "l", p->id);
	eg_visit_write("DELETE FROM engage.policy_privilege WHERE policy_id = $1", "l", p->id);
	eg_visit_write("DELETE FROM engage.policy WHERE id = $1", "l", p->id);
	eg_visit_end(&v);
	event(p, 0, "policy drop", NULL);
}

void
eg_policy_drop_version(const EgPolicyRow *p, int version)
{
	int64		id = find_version(p, version);
	EgVisit		v;

	if (id == p->deployed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("version %d of policy \"%s\" is deployed", version, p->name),
				 errhint("Deploy another version first, or drop the whole policy: "
						 "engage_policy_drop('%s').", p->name)));
	eg_visit_begin(&v);
	eg_visit_write("DELETE FROM engage.policy_version WHERE id = $1", "l", id);
	eg_visit_end(&v);
	event(p, version, "policy drop version", NULL);
}

/* ----------
 * Roles
 * ----------
 */

void
eg_policy_grant(const EgPolicyRow *p, const char *role)
{
	EgVisit		v;
	uint64		n;

	eg_role_note(role);
	eg_visit_begin(&v);
	n = eg_visit_write("INSERT INTO engage.policy_privilege (policy_id, role) VALUES ($1, $2)"
					   " ON CONFLICT DO NOTHING", "ln", p->id, role);
	eg_visit_end(&v);
	if (n > 0)
		event(p, 0, "policy grant", role);
}

/* The role may be gone: then its grant can be taken away all the same. */
void
eg_policy_revoke(const EgPolicyRow *p, const char *role)
{
	EgVisit		v;
	uint64		n;

	eg_visit_begin(&v);
	n = eg_visit_write("DELETE FROM engage.policy_privilege WHERE policy_id = $1 AND role = $2",
					   "ln", p->id, role);
	eg_visit_end(&v);
	if (n > 0)
	{
		event(p, 0, "policy revoke", role);
		return;
	}
	if (strcmp(role, "public") != 0)
		(void) get_role_oid(role, false);
	ereport(NOTICE, (errmsg("role \"%s\" has no grant on policy \"%s\"", role, p->name)));
}

void
eg_policy_set_owner(const EgPolicyRow *p, const char *role)
{
	Oid			owner = get_role_oid(role, false);
	EgVisit		v;

#if PG_VERSION_NUM >= 160000
	check_can_set_role(GetUserId(), owner);
#else
	check_is_member_of_role(GetUserId(), owner);
#endif
	eg_role_note(role);
	eg_visit_begin(&v);
	eg_visit_write("UPDATE engage.policy SET owner = $2 WHERE id = $1", "ln", p->id, role);
	eg_visit_end(&v);
	event(p, 0, "policy owner", role);
}
