/*-------------------------------------------------------------------------
 *
 * authors.c
 *	  Whose rights the source of a version is read with, and how that changes.
 *
 * A version is never updated.  Who takes over its source has a row beside it in
 * engage.author, with what the names in the source mean to that role.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "store/authors.h"
#include "store/registry.h"
#include "store/roles.h"
#include "store/source.h"

EgText *
eg_recipe_text(const EgVersionRow *v)
{
	EgText	   *text;
	char	   *path;

	if (v->recipe == NULL || v->author == NULL || eg_jsonb_text(v->recipe, "source") == NULL)
		return NULL;
	path = eg_jsonb_text(v->recipe, "search_path");
	text = palloc0(sizeof(EgText));
	text->what = psprintf("the source of model \"%s\"", v->model);
	text->author = v->author;
	text->search_path = path ? path : "";
	text->names = v->names;
	text->model_id = v->model_id;
	text->remedy = psprintf("An owner of the model who may read the source can take it over: "
							"SELECT engage_set_author(%s).",
							quote_literal_cstr(psprintf("%s@%s", v->model, eg_version_text(v))));
	return text;
}

/* ----------
 * Taking over
 * ----------
 */

typedef struct Taking
{
	char	   *query;
	Jsonb	   *names;
} Taking;

/* The names under the stored path; and rights are asked for when a plan starts, not before. */
static void
look_up(void *arg)
{
	Taking	   *t = arg;
	char	   *relation;
	char	   *query = eg_source_query(t->query, &relation);
	char	   *sql;

	t->names = eg_gate_names(list_make1(query), NIL);
	SPI_connect();
	sql = psprintf("SELECT 1 FROM %s LIMIT 0", eg_source_embed(query, "source"));
	SPI_execute_plan(eg_gate_prepare(sql, 0, NULL, 0), NULL, NULL, true, 0);
	SPI_finish();
}

void
eg_models_set_author(const EgModelRow *m, const EgVersionRow *v)
{
	EgText	   *old = eg_recipe_text(v);
	EgText		text;
	Taking		t = {0};
	char	   *version = eg_version_text(v);
	EgVisit		visit;

	if (old == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %s of model \"%s\" has no training recipe", version, m->name),
				 errdetail("It was imported, not trained here."),
				 errhint("Train a version with engage_train().")));

	/* as the source of the current user, whose names must still be those of the old author */
	text = *old;
	text.author = GetUserNameFromId(GetUserId(), false);
	text.model_id = 0;
	text.take_over = true;
	text.confirms = eg_role_oid(old->author) == GetUserId();
	text.remedy = "Train a version with engage_train(..., deploy => 'always').";
	t.query = eg_jsonb_text(v->recipe, "source");
	eg_gate_run(&text, look_up, &t);

	eg_role_note(text.author);
	eg_visit_begin(&visit);
	eg_visit_write("INSERT INTO engage.author (version_id, author, names) VALUES ($1, $2, $3)"
				   " ON CONFLICT (version_id) DO UPDATE SET author = $2, names = $3,"
				   " at = clock_timestamp()", "lnj", v->id, text.author, t.names);
	eg_visit_end(&visit);
	eg_models_event(m->id, m->name, version, "author",
					eg_event_detail("from", old->author));
}

void
eg_authors_tell(const EgModelRow *m, const char *owner)
{
	Oid			role = get_role_oid(owner, false);
	EgVersionRow *v = m->deployed ? eg_models_version_by_id(m->deployed) : NULL;
	EgText	   *text = v ? eg_recipe_text(v) : NULL;
	Oid			author = text ? eg_role_oid(text->author) : InvalidOid;

	if (!OidIsValid(author) || superuser_arg(role) || has_privs_of_role(role, author))
		return;
	ereport(NOTICE,
			(errmsg("role \"%s\" cannot retrain model \"%s\" yet", owner, m->name),
			 errdetail("Its source is read with the rights of role \"%s\", who wrote it.",
					   text->author),
			 errhint("Role \"%s\" can take the source over, if it may read it: "
					 "SELECT engage_set_author(%s).", owner, quote_literal_cstr(m->name))));
}
