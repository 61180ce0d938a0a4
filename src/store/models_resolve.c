/*-------------------------------------------------------------------------
 *
 * models_resolve.c
 *	  From 'churn' or 'churn@1.2.0' to a version.
 *
 * eg_models_resolve() runs once in each statement that scores, so it is kept
 * to saved plans: one index probe finds a deployed version, a second one a
 * version by number, another one the grants of who is not the owner.  Every
 * name and operator in them is qualified, so search_path is left alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "store/registry.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define BY_NAME \
	"SELECT id, owner, deployed, experiment FROM engage.model WHERE name OPERATOR(pg_catalog.=) $1"

/* a number not given is -1 and matches all: 1.2 is the newest 1.2.x */
#define BY_NUMBER \
	"SELECT id FROM engage.version" \
	" WHERE model_id OPERATOR(pg_catalog.=) $1 AND major OPERATOR(pg_catalog.=) $2" \
	" AND ($3 OPERATOR(pg_catalog.<) 0 OR minor OPERATOR(pg_catalog.=) $3)" \
	" AND ($4 OPERATOR(pg_catalog.<) 0 OR patch OPERATOR(pg_catalog.=) $4)" \
	" ORDER BY minor USING OPERATOR(pg_catalog.>), patch USING OPERATOR(pg_catalog.>) LIMIT 1"

/* ---------------------------------------------------------------------------
 * References
 * ---------------------------------------------------------------------------
 */

/* "1", "1.2" or "1.2.0"; numbers left out are -1; false if it is none of them */
static bool
version_parse(const char *text, int number[3])
{
	const char *p = text;

	number[0] = number[1] = number[2] = -1;
	for (int i = 0; i < 3; i++)
	{
		int			value = 0;
		int			digits = 0;

		while (*p >= '0' && *p <= '9' && digits < 9)
		{
			value = value * 10 + (*p++ - '0');
			digits++;
		}
		if (digits == 0)
			return false;
		number[i] = value;
		if (*p == '\0')
			return true;
		if (*p++ != '.')
			return false;
	}
	return false;
}

void
eg_version_parse(const char *text, int number[3])
{
	if (!version_parse(text, number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid version \"%s\"", eg_clip(text, 64)),
				 errhint("A version is written as 1.2.0; 1.2 stands for the newest 1.2.x.")));
}

char *
eg_reference_parse(const char *reference, int number[3], const char **version)
{
	const char *at = strchr(reference, '@');

	*version = NULL;
	if (at == NULL)
		return pstrdup(reference);
	if (at == reference || !version_parse(at + 1, number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid model reference \"%s\"", eg_clip(reference, 192)),
				 errhint("Write a model as 'churn', or as 'churn@1.2.0' to name a version.")));
	*version = at + 1;
	return pnstrdup(reference, at - reference);
}

char *
eg_version_text(const EgVersionRow *v)
{
	return psprintf("%d.%d.%d", v->major, v->minor, v->patch);
}

void
eg_models_unknown_version(EgVisit *v, int64 model_id, const char *name, const char *version)
{
	StringInfoData list;
	uint64		n;

	n = eg_visit_read("SELECT pg_catalog.concat_ws('.', major, minor, patch) FROM engage.version"
					  " WHERE model_id OPERATOR(pg_catalog.=) $1 ORDER BY id DESC LIMIT 10",
					  "l", model_id);
	initStringInfo(&list);
	for (uint64 i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", eg_visit_text(v, i, 1));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version %s of model \"%s\" does not exist", version, name),
			 n > 0 ? errhint("Its newest versions are: %s.", list.data) : 0));
}

/*
 * Within a visit: the version's id, after the check of rights.  experiment: id of the
 * one that runs on a model named without a version, else 0.
 */
static int64
resolve(EgVisit *v, const char *reference, EgPrivilege privilege, int64 *experiment)
{
	static SPIPlanPtr by_name = NULL;
	static SPIPlanPtr by_number = NULL;
	int			number[3];
	const char *version;
	char	   *name = eg_reference_parse(reference, number, &version);
	Oid			text_type[1] = {TEXTOID};
	Oid			number_types[4] = {INT8OID, INT4OID, INT4OID, INT4OID};
	Datum		values[4];
	SPITupleTable *table;
	int64		model;
	int64		id;
	bool		isnull;

	values[0] = CStringGetTextDatum(name);
	if (eg_visit_saved(&by_name, BY_NAME, 1, text_type, values, 1) == 0)
		eg_models_unknown(v, name);

	table = SPI_tuptable;
	model = eg_visit_int64(0, 1);
	id = eg_visit_int64(0, 3);
	*experiment = version == NULL ? eg_visit_int64(0, 4) : 0;
	eg_models_require(
		v, model, name,
		NameStr(*DatumGetName(SPI_getbinval(table->vals[0], table->tupdesc, 2, &isnull))),
		privilege);

	if (version == NULL)
	{
		if (id == 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no deployed version", name),
				 errhint("Deploy one with engage_deploy('%s', version), or name one: '%s@1.0.0'.",
						 name, name)));
		return id;
	}

	values[0] = Int64GetDatum(model);
	for (int i = 0; i < 3; i++)
		values[i + 1] = Int32GetDatum(number[i]);
	if (eg_visit_saved(&by_number, BY_NUMBER, 4, number_types, values, 1) == 0)
		eg_models_unknown_version(v, model, name, version);
	return eg_visit_int64(0, 1);
}

int64
eg_models_resolve_routed(const char *reference, int64 *experiment)
{
	EgVisit		visit;
	int64		id;

	eg_visit_begin_fast(&visit);
	id = resolve(&visit, reference, EG_PRIV_USE, experiment);
	eg_visit_end(&visit);
	return id;
}

int64
eg_models_resolve(const char *reference)
{
	int64		experiment;

	return eg_models_resolve_routed(reference, &experiment);
}

EgVersionRow *
eg_models_version(const char *reference, EgPrivilege privilege)
{
	EgVisit		visit;
	int64		id;
	int64		experiment;
	EgVersionRow *row;

	eg_visit_begin_fast(&visit);
	id = resolve(&visit, reference, privilege, &experiment);
	eg_visit_end(&visit);

	row = eg_models_version_by_id(id);
	if (row->id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version of model \"%s\" was dropped meanwhile", reference)));
	return row;
}

/* ---------------------------------------------------------------------------
 * Version rows
 * ---------------------------------------------------------------------------
 */

#define BY_ID \
	"SELECT v.id, v.model_id, m.name, v.major, v.minor, v.patch, v.algorithm, v.task, v.recipe," \
	" v.params, v.metrics, v.data, v.seed, v.library, v.seconds," \
	" coalesce(a.author, v.recipe->>'author'), coalesce(a.names, v.recipe->'names')" \
	" FROM engage.version v JOIN engage.model m ON m.id = v.model_id" \
	" LEFT JOIN engage.author a ON a.version_id = v.id WHERE v.id = $1"

/*
 * The caller's snapshot comes first: it is the one that found the id.  A
 * version that the same statement has made is newer; a parallel worker
 * cannot have made one.
 */
EgVersionRow *
eg_models_version_by_id(int64 version_id)
{
	EgVersionRow *v = palloc0(sizeof(EgVersionRow));
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	n = eg_visit_read(BY_ID, "l", version_id);
	if (n == 0 && !IsInParallelMode())
		n = eg_visit_write(BY_ID, "l", version_id);
	if (n > 0)
	{
		v->id = eg_visit_int64(0, 1);
		v->model_id = eg_visit_int64(0, 2);
		v->model = eg_visit_text(&visit, 0, 3);
		v->major = eg_visit_int(0, 4);
		v->minor = eg_visit_int(0, 5);
		v->patch = eg_visit_int(0, 6);
		v->algorithm = eg_visit_text(&visit, 0, 7);
		v->task = eg_visit_text(&visit, 0, 8);
		v->recipe = eg_visit_jsonb(&visit, 0, 9);
		v->params = eg_visit_jsonb(&visit, 0, 10);
		v->metrics = eg_visit_jsonb(&visit, 0, 11);
		v->data = eg_visit_jsonb(&visit, 0, 12);
		v->seed = eg_visit_int64(0, 13);
		v->library = eg_visit_text(&visit, 0, 14);
		v->seconds = eg_visit_double(0, 15);
		v->author = eg_visit_text(&visit, 0, 16);
		v->names = eg_visit_jsonb(&visit, 0, 17);
	}
	eg_visit_end(&visit);
	return v;
}

static bool
jsonb_member(const Jsonb *object, const char *key, JsonbValue *value)
{
	return object != NULL && JB_ROOT_IS_OBJECT(object) &&
		   getKeyJsonValueFromContainer((JsonbContainer *) &object->root, key, strlen(key),
										value) != NULL;
}

char *
eg_jsonb_text(const Jsonb *object, const char *key)
{
	JsonbValue	value;

	if (!jsonb_member(object, key, &value))
		return NULL;
	switch (value.type)
	{
		case jbvString:
			return pnstrdup(value.val.string.val, value.val.string.len);
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
		case jbvBool:
			return pstrdup(value.val.boolean ? "true" : "false");
		case jbvBinary:
			return JsonbToCString(NULL, value.val.binary.data, value.val.binary.len);
		default:
			return NULL;
	}
}

bool
eg_jsonb_number(const Jsonb *object, const char *key, double *result)
{
	JsonbValue	value;

	if (!jsonb_member(object, key, &value) || value.type != jbvNumeric)
		return false;
	*result =
		DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value.val.numeric)));
	return true;
}
