/*-------------------------------------------------------------------------
 *
 * seen.c
 *	  What others see of a model than its owner and the author of a version.
 *
 * SQL text that is stored with a model is its author's: it holds literals, names
 * of tables and conditions that who may only score has no business to know.  So
 * do texts of errors, which quote SQL and values of rows.  Members of documents
 * are shown to everybody only when they are listed here: what is added to a
 * document one day is hidden until somebody has thought about it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "store/registry.h"
#include "store/roles.h"
#include "utils/builtins.h"

#define MAX_MEMBERS		32

static const struct
{
	const char *document;
	const char *members[MAX_MEMBERS];
}			shown[] = {
	/* arguments of engage_train(): columns that the model reads and how it learned from them */
	{"recipe", {"target", "algorithm", "params", "task", "key", "features", "weight",
		"class_weight", "test_size", "split", "seed", "deploy", "min_improvement", "positive",
		"group_by", "event", "partition_by", "intervals", "interval_method", "interval_folds",
		"calibrate", "background", "remember", "author", "imported"}},

	/* what was found in the rows */
	{"data", {"rows", "rows_train", "rows_validation", "rows_test", "rows_without_target",
		"rows_test_seen", "fingerprint", "calibration", "interval", "lent", "remembered_keys",
		"target", "labels", "threshold", "threshold_set_on", "updated_from", "updates", "features",
		"columns", "split", "parts", "values_without_part", "comparison", "history"}},

	/* details of events; "message", "error" and "note" may quote anything */
	{"event", {"role", "from", "to", "segment", "name", "strategy", "rows", "threshold_set_on",
		"experiment", "versions", "shadow", "policy", "thresholds", "alert", "check", "value",
		"threshold", "reason", "previous_value", "deployed", "comparison"}},

	/* details of checks */
	{"check", {"feature", "column", "mean", "reference", "training", "n", "check", "value",
		"threshold", "reason", "alert"}}
};

bool
eg_version_is_open(const EgVersionRow *v)
{
	char	   *owner = eg_models_owner_name(v->model_id);
	char	   *author = v->recipe ? eg_jsonb_text(v->recipe, "author") : NULL;

	return (owner && eg_role_includes(GetUserId(), owner)) ||
		(author && eg_role_includes(GetUserId(), author));
}

bool
eg_policy_is_open(int64 policy_version_id)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(policy_version_id);
	Oid			user = GetUserId();
	EgVisit		v;
	bool		open = superuser_arg(user);

	if (open)
		return true;
	eg_visit_begin_fast(&v);
	if (eg_visit_saved(&plan, "SELECT p.owner, v.author FROM engage.policy_version v"
					   " JOIN engage.policy p ON p.id OPERATOR(pg_catalog.=) v.policy_id"
					   " WHERE v.id OPERATOR(pg_catalog.=) $1", 1, &type, &value, 1) > 0)
	{
		char	   *owner = eg_visit_text(&v, 0, 1);
		char	   *author = eg_visit_text(&v, 0, 2);

		open = eg_role_includes(user, owner) || eg_role_includes(user, author);
	}
	eg_visit_end(&v);
	return open;
}

static const char *const *
members_of(const char *document)
{
	int			i;

	for (i = 0; i < lengthof(shown); i++)
	{
		if (strcmp(shown[i].document, document) == 0)
			return shown[i].members;
	}
	elog(ERROR, "nothing is known about documents of kind \"%s\"", document);
	return NULL;				/* keep the compiler quiet */
}

static bool
is_listed(const char *const *members, const JsonbValue *key)
{
	int			i;

	for (i = 0; i < MAX_MEMBERS && members[i]; i++)
	{
		if (strlen(members[i]) == key->val.string.len &&
			memcmp(members[i], key->val.string.val, key->val.string.len) == 0)
			return true;
	}
	return false;
}

Jsonb *
eg_seen(const char *document, Jsonb *whole, char **hidden)
{
	const char *const *members = members_of(document);
	JsonbParseState *state = NULL;
	JsonbIterator *it;
	JsonbValue	key,
				value;
	StringInfoData names;
	int			n = 0;

	if (hidden)
		*hidden = NULL;
	if (!JB_ROOT_IS_OBJECT(whole))
		return NULL;
	initStringInfo(&names);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	it = JsonbIteratorInit(&whole->root);
	(void) JsonbIteratorNext(&it, &key, true);
	while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (is_listed(members, &key))
		{
			pushJsonbValue(&state, WJB_KEY, &key);
			pushJsonbValue(&state, WJB_VALUE, &value);
			n++;
		}
		else
			appendStringInfo(&names, "%s%.*s", names.len > 0 ? ", " : "", key.val.string.len,
							 key.val.string.val);
	}
	if (hidden && names.len > 0)
		*hidden = names.data;
	value = *pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return n > 0 ? JsonbValueToJsonb(&value) : NULL;
}
