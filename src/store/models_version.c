/*-------------------------------------------------------------------------
 *
 * models_version.c
 *	  New versions and what is deployed.
 *
 * Whatever changes a model locks its row first, so that numbers are given and
 * deployments are made one after the other.  The lock is taken at the end of
 * a training, which may have run for an hour: the model may be gone by then.
 *
 * Deployments form a chain: each row names the one that a rollback goes back
 * to.  Rolling back appends a row too, one that shares the older chain, so
 * rows never change and the next rollback goes further back:
 *
 *		id 1: 1.0.0			previous -
 *		id 2: 1.1.0			previous 1
 *		id 3: 1.2.0			previous 2
 *		id 4: 1.1.0 again	previous 1		(rollback of 3)
 *		id 5: 1.0.0 again	previous -		(rollback of 4)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engage.h"
#include "miscadmin.h"
#include "store/registry.h"
#include "utils/builtins.h"

/* members of a recipe that say where the rows come from and what is done with the result */
#define DATA_MEMBERS \
	"'{source,search_path,author,names,seed,deploy,min_improvement,remember}'::text[]"

/* Lock the model's row until commit; it is an error when the model is gone. */
static void
lock_model(EgVisit *v, const EgModelRow *m, const char *doing)
{
	if (eg_visit_write("SELECT id FROM engage.model WHERE id = $1 FOR NO KEY UPDATE", "l", m->id) ==
		0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" was dropped while it was %s", m->name, doing)));
}

/*
 * Same features, target and task: rows that one version scores the other
 * scores too, with a result of the same meaning; else the first number moves.
 */
void
eg_models_next_version(const EgModelRow *m, const char *algorithm, const char *task, Jsonb *recipe,
					   Jsonb *params, Jsonb *data, int *major, int *minor, int *patch)
{
	EgVisit		visit;

	*major = 1;
	*minor = *patch = 0;

	eg_visit_begin(&visit);
	lock_model(&visit, m, "trained");
	if (eg_visit_write("SELECT major, minor, patch,"
					   " task = $3"
					   " AND data->'target' IS NOT DISTINCT FROM $6->'target'"
					   " AND coalesce(data->'features', '[]') @> coalesce($6->'features', '[]')"
					   " AND coalesce(data->'features', '[]') <@ coalesce($6->'features', '[]')"
					   " AND recipe->>'partition_by' IS NOT DISTINCT FROM $4->>'partition_by',"
					   " algorithm = $2 AND params = $5"
					   " AND recipe - " DATA_MEMBERS " = $4 - " DATA_MEMBERS
					   " FROM engage.version WHERE model_id = $1"
					   " ORDER BY major DESC, minor DESC, patch DESC LIMIT 1", "lttjjj",
					   m->id, algorithm, task, recipe, params, data) > 0)
	{
		*major = eg_visit_int(0, 1);
		*minor = eg_visit_int(0, 2);
		*patch = eg_visit_int(0, 3);
		if (!eg_visit_bool(0, 4))
		{
			*major += 1;
			*minor = *patch = 0;
		}
		else if (!eg_visit_bool(0, 5))
		{
			*minor += 1;
			*patch = 0;
		}
		else
			*patch += 1;
	}
	eg_visit_end(&visit);
}

static int64
artifact_size(const EgArtifactPart *parts, int nparts)
{
	int64		size = 0;

	for (int i = 0; i < nparts; i++)
		size += parts[i].len + (parts[i].library_bytes ? parts[i].library_len : 0);
	return size;
}

int64
eg_models_add_version(const EgModelRow *m, const EgVersionRow *v, const EgArtifactPart *parts,
					  int nparts, const char *action)
{
	EgVisit		visit;
	int64		id;
	uint64		n;

	eg_visit_begin(&visit);
	lock_model(&visit, m, "trained");
	n = eg_visit_write(
		"INSERT INTO engage.version (model_id, major, minor, patch, created_by,"
		" algorithm, task, recipe, params, metrics, data, seed, library, extension,"
		" seconds, bytes)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
		" ON CONFLICT (model_id, major, minor, patch) DO NOTHING RETURNING id",
		"liiinttjjjjlttdl", m->id, v->major, v->minor, v->patch,
		GetUserNameFromId(visit.user, false), v->algorithm, v->task, v->recipe, v->params,
		v->metrics, v->data, v->seed, v->library, EG_VERSION, v->seconds,
		artifact_size(parts, nparts));
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("version %s of model \"%s\" already exists", eg_version_text(v), m->name)));
	id = eg_visit_int64(0, 1);
	for (int i = 0; i < nparts; i++)
		eg_artifact_put(id, i, &parts[i]);

	/* made of a version whose source another role has taken over */
	if (v->author)
		eg_visit_write("INSERT INTO engage.author (version_id, author, names) SELECT $1, $2, $3"
					   " WHERE $2 IS DISTINCT FROM $4->>'author'", "lnjj", id, v->author, v->names,
					   v->recipe);
	eg_visit_end(&visit);

	eg_models_event(m->id, m->name, eg_version_text(v), action, NULL);
	return id;
}

/* Append a deployment that goes back to `previous` (0: to nothing). */
static void
put_deployment(EgVisit *v, const EgModelRow *m, int64 version_id, const char *action,
			   int64 previous)
{
	eg_visit_write(
		"WITH d AS (INSERT INTO engage.deployment (model_id, version_id, action, previous,"
		" by_role) VALUES ($1, $2, $3, nullif($4, 0), $5) RETURNING id)"
		" UPDATE engage.model m SET deployed = $2, deployment = d.id FROM d WHERE m.id = $1",
		"lltln", m->id, version_id, action, previous, GetUserNameFromId(v->user, false));
}

void
eg_models_deploy(const EgModelRow *m, int64 version_id, const char *action, Jsonb *detail)
{
	EgVersionRow *version = eg_models_version_by_id(version_id);
	EgVisit		visit;
	int64		current;
	int64		deployed;

	Assert(version->id != 0 && version->model_id == m->id);
	eg_visit_begin(&visit);
	lock_model(&visit, m, "deployed");
	eg_visit_write("SELECT deployment, deployed FROM engage.model WHERE id = $1", "l", m->id);
	current = eg_visit_int64(0, 1);
	deployed = eg_visit_int64(0, 2);
	if (deployed != version_id)
		put_deployment(&visit, m, version_id, action, current);
	eg_visit_end(&visit);

	if (deployed != version_id)
		eg_models_event(m->id, m->name, eg_version_text(version), action, detail);
}

/*
 * One step back in the chain; further where that version was dropped or is
 * the one deployed now.
 */
int64
eg_models_rollback(const EgModelRow *m)
{
	EgVisit		visit;
	int64		id = 0;
	int64		previous = 0;

	eg_visit_begin(&visit);
	lock_model(&visit, m, "rolled back");
	if (eg_visit_write("WITH RECURSIVE chain AS ("
					   " SELECT d.id, d.version_id, d.previous, 0 AS depth"
					   " FROM engage.model m JOIN engage.deployment d ON d.id = m.deployment"
					   " WHERE m.id = $1"
					   " UNION ALL"
					   " SELECT d.id, d.version_id, d.previous, c.depth + 1"
					   " FROM chain c JOIN engage.deployment d ON d.id = c.previous)"
					   " SELECT c.version_id, c.previous FROM chain c"
					   " JOIN engage.version v ON v.id = c.version_id"
					   " JOIN engage.model m ON m.id = $1 AND m.deployed <> c.version_id"
					   " ORDER BY c.depth LIMIT 1", "l", m->id) > 0)
	{
		id = eg_visit_int64(0, 1);
		previous = eg_visit_int64(0, 2);
		put_deployment(&visit, m, id, "rollback", previous);
	}
	eg_visit_end(&visit);

	if (id == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("model \"%s\" has no earlier deployment to roll back to", m->name),
			 errhint("engage_deploy() deploys any version; the view engage.versions lists them.")));
	eg_models_event(m->id, m->name, eg_version_text(eg_models_version_by_id(id)), "rollback", NULL);
	return id;
}

int64
eg_models_find_version(const EgModelRow *m, const char *version)
{
	EgVisit		visit;
	int			number[3];
	int64		id;

	eg_version_parse(version, number);
	eg_visit_begin(&visit);
	if (eg_visit_write("SELECT id FROM engage.version WHERE model_id = $1 AND major = $2"
					   " AND ($3 < 0 OR minor = $3) AND ($4 < 0 OR patch = $4)"
					   " ORDER BY minor DESC, patch DESC LIMIT 1", "liii",
					   m->id, number[0], number[1], number[2]) == 0)
		eg_models_unknown_version(&visit, m->id, m->name, version);
	id = eg_visit_int64(0, 1);
	eg_visit_end(&visit);
	return id;
}
