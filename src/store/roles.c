/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  Roles that the registry knows by name.
 *
 * Owners, authors and grantees are stored as names, because names survive dump
 * and restore.  But a name can change its bearer: after DROP ROLE a new role of
 * the same name would be the owner of what the old one left.  So when a name is
 * stored, engage.role takes down the oid that it stands for, and which cluster
 * that is.  In this cluster a name counts for that role alone; a database that
 * was restored elsewhere, where oids mean nothing, goes by names until its first
 * change, which takes down the oids there.
 *
 * The server has no hook by which an extension learns of DROP ROLE, DROP OWNED
 * or REASSIGN OWNED in all databases: roles are objects of the cluster, and event
 * triggers do not fire for them.  Therefore nothing is done when a role goes; what
 * it leaves is nobody's but the superusers', and the view engage.orphans lists it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "store/identity.h"
#include "store/registry.h"
#include "store/roles.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#define NOTED \
	"SELECT role FROM engage.role WHERE name OPERATOR(pg_catalog.=) $1" \
	" AND cluster OPERATOR(pg_catalog.=) $2"

static char *
cluster_text(void)
{
	return psprintf(UINT64_FORMAT, GetSystemIdentifier());
}

/* What this transaction has taken down last: the snapshot of its statement may be older. */
static struct
{
	NameData	name;
	Oid			role;
	TransactionId xid;
}			latest;

static void
remember(const char *name, Oid role)
{
	namestrcpy(&latest.name, name);
	latest.role = role;
	latest.xid = GetTopTransactionIdIfAny();
}

/* What was read last: an owner and an author, asked for again and again by one statement. */
typedef struct Noted
{
	char		name[NAMEDATALEN];
	Oid			role;
	uint64		registry;		/* that it was read from; 0: nothing yet */
	EgSnapshotId snapshot;		/* and under which snapshot */
} Noted;

#define KEPT	8

static Oid	read_noted(const char *name);

/* The oid that was taken down for a name in this cluster; InvalidOid: none. */
static Oid
noted(const char *name)
{
	static Noted kept[KEPT];
	static int	next = 0;
	uint64		registry = eg_registry_identity();
	Noted	   *n;
	Oid			role;
	int			i;

	if (TransactionIdIsValid(latest.xid) && latest.xid == GetTopTransactionIdIfAny() &&
		strcmp(NameStr(latest.name), name) == 0)
		return latest.role;
	if (!ActiveSnapshotSet() || strlen(name) >= NAMEDATALEN)
		return read_noted(name);
	for (i = 0; i < KEPT; i++)
	{
		n = &kept[i];
		if (n->registry == registry && eg_snapshot_is(&n->snapshot, GetActiveSnapshot()) &&
			strcmp(n->name, name) == 0)
			return n->role;
	}
	role = read_noted(name);
	n = &kept[next++ % KEPT];
	strlcpy(n->name, name, NAMEDATALEN);
	n->role = role;
	n->registry = registry;
	eg_snapshot_remember(&n->snapshot, GetActiveSnapshot());
	return role;
}

static Oid
read_noted(const char *name)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {NAMEOID, TEXTOID};
	Datum		values[2];
	EgVisit		v;
	Oid			role = InvalidOid;
	bool		isnull;

	values[0] = DirectFunctionCall1(namein, CStringGetDatum(name));
	values[1] = CStringGetTextDatum(cluster_text());
	eg_visit_begin_fast(&v);
	if (eg_visit_saved(&plan, NOTED, 2, types, values, 1) > 0)
		role = DatumGetObjectId(eg_visit_datum(0, 1, &isnull));
	eg_visit_end(&v);
	return role;
}

Oid
eg_role_oid(const char *name)
{
	Oid			role = get_role_oid(name, true);
	Oid			then = OidIsValid(role) ? noted(name) : InvalidOid;

	return OidIsValid(then) && then != role ? InvalidOid : role;
}

char *
eg_role_renamed(const char *name)
{
	Oid			then = noted(name);
	char	   *now = OidIsValid(then) ? GetUserNameFromId(then, true) : NULL;

	return now && strcmp(now, name) != 0 ? now : NULL;
}

bool
eg_role_includes(Oid user, const char *name)
{
	Oid			role;

	if (superuser_arg(user))
		return true;
	role = eg_role_oid(name);
	return OidIsValid(role) && has_privs_of_role(user, role);
}

/* ----------
 * Taking down
 * ----------
 */

/* Names of a database that was restored here: they are the roles of these names. */
static void
note_restored(const char *cluster)
{
	eg_visit_write("UPDATE engage.role k SET role = r.oid, cluster = $1 FROM pg_roles r"
				   " WHERE k.cluster <> $1 AND r.rolname = k.name", "t", cluster);
}

void
eg_role_note(const char *name)
{
	char	   *cluster;
	Oid			role;
	EgVisit		v;

	if (strcmp(name, "public") == 0)
		return;
	role = get_role_oid(name, false);
	if (noted(name) == role)
		return;
	cluster = cluster_text();
	eg_visit_begin(&v);
	note_restored(cluster);
	eg_visit_write("INSERT INTO engage.role AS k (name, role, cluster) VALUES ($1, $2::oid, $3)"
				   " ON CONFLICT (name) DO UPDATE SET role = excluded.role,"
				   " cluster = excluded.cluster WHERE k.role <> excluded.role"
				   " AND NOT EXISTS (SELECT FROM engage.role_use u WHERE u.role = k.name)", "nlt",
				   name, (int64) role, cluster);
	if (eg_visit_write("SELECT (SELECT count(*) FROM engage.role_use u WHERE u.role = k.name)"
					   " FROM engage.role k WHERE k.name = $1 AND k.role <> $2::oid", "nl", name,
					   (int64) role) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" is not the role that engage knows by this name", name),
				 errdetail("An earlier role of this name was dropped or renamed and has left %lld objects.",
						   (long long) eg_visit_int64(0, 1)),
				 errhint("A superuser finds them in the view engage.orphans, and gives them to others or, with engage_admit_role('%s'), to this role.",
						 name)));
	eg_visit_end(&v);
	remember(name, role);
}

int64
eg_role_admit(const char *name)
{
	Oid			role = get_role_oid(name, false);
	StringInfoData detail;
	EgVisit		v;
	int64		n = 0;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to say whose a name is"),
				 errdetail("What an earlier role \"%s\" has left is the superusers'.", name)));
	eg_visit_begin(&v);
	if (eg_visit_write("SELECT count(*) FROM engage.role_use u WHERE u.role = $1", "n", name) > 0)
		n = eg_visit_int64(0, 1);
	eg_visit_write("INSERT INTO engage.role AS k (name, role, cluster) VALUES ($1, $2::oid, $3)"
				   " ON CONFLICT (name) DO UPDATE SET role = excluded.role,"
				   " cluster = excluded.cluster", "nlt", name, (int64) role, cluster_text());
	eg_visit_end(&v);
	remember(name, role);
	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"role\": ");
	escape_json(&detail, name);
	appendStringInfoChar(&detail, '}');
	eg_models_event(0, "", NULL, "admit role",
					DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(detail.data))));
	return n;
}

char *
eg_role_orphans(int64 model_id)
{
	EgVisit		v;
	char	   *text = NULL;

	eg_visit_begin(&v);
	if (eg_visit_write("SELECT string_agg(format('role \"%s\" %s (%s)', x.role, x.missing,"
					   " x.objects), '; ' ORDER BY x.role) FROM (SELECT o.role, o.missing,"
					   " string_agg(DISTINCT o.object, ', ' ORDER BY o.object)"
					   " FROM engage.orphan o JOIN engage.model m ON m.id = o.model_id"
					   " LEFT JOIN engage.version v ON v.id = m.deployed"
					   " WHERE o.model_id = $1 AND (o.object <> 'source of version'"
					   " OR o.name = m.name || '@' || v.major || '.' || v.minor || '.' || v.patch)"
					   " GROUP BY o.role, o.missing) AS x (role, missing, objects)", "l",
					   model_id) > 0)
		text = eg_visit_text(&v, 0, 1);
	eg_visit_end(&v);
	return text;
}
