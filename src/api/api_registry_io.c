/*-------------------------------------------------------------------------
 *
 * api_registry_io.c
 *	  engage_export() and engage_import(): models to and from XGBoost and
 *	  LightGBM.
 *
 * Beside our own form a version keeps the bytes that the library wrote, so an
 * export is the library's model itself.  An import is untrusted input: it is
 * read by our own reader (algo/xgbmodel.c), never by the library.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/lgbmodel.h"
#include "algo/xgbmodel.h"
#include "base/compat.h"
#include "base/xgb.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "store/artifact.h"
#include "store/registry.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(engage_export);
PG_FUNCTION_INFO_V1(engage_import);

#define CONTAINER_MAGIC		"EGMD"	/* docs/format.md */

static char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static char *
required_arg(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name)));
	return text_arg(fcinfo, n);
}

/* ---------------------------------------------------------------------------
 * Export
 * ---------------------------------------------------------------------------
 */

static EgArtifactPart *
find_part(EgArtifactPart *parts, int nparts, const char *value, const char *reference)
{
	if (value == NULL)
		return &parts[0];
	for (int i = 1; i < nparts; i++)
	{
		if (parts[i].value != NULL && strcmp(parts[i].value, value) == 0)
			return &parts[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no part for \"%s\"", reference, value),
			 nparts > 1 ?
			 errdetail("It has %d parts besides the one for all other rows, \"%s\" among them.",
					   nparts - 1, parts[1].value) :
			 errdetail("It was not trained with partition_by.")));
}

/* UBJSON begins an object with a length or a type after the brace, JSON never does. */
static bool
is_json_text(const char *bytes, Size len)
{
	while (len > 0 && strchr(" \t\r\n", *bytes) != NULL)
	{
		bytes++;
		len--;
	}
	return len >= 2 && bytes[0] == '{' && strchr("\" \t\r\n}", bytes[1]) != NULL;
}

static bool
is_imported(const EgVersionRow *version)
{
	JsonbValue	v;

	return version->recipe == NULL ||
		getKeyJsonValueFromContainer(&version->recipe->root, "imported", 8, &v) != NULL;
}

static bytea *
to_bytea(const char *bytes, Size len)
{
	bytea	   *result;

	if (len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("exported model has %zu bytes, but a value has at most %zu",
						len, (Size) MaxAllocSize - VARHDRSZ)));
	result = palloc(VARHDRSZ + len);
	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), bytes, len);
	return result;
}

static bytea *
export_library(const EgVersionRow *version, const EgArtifactPart *part, const char *format,
			   const char *reference)
{
	const char *bytes = part->library_bytes;
	Size		len = part->library_len;

	if (bytes == NULL || eg_lightgbm_detect(bytes, len))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model \"%s\" cannot be exported as \"%s\"", reference, format),
				 errdetail("It was not trained by XGBoost."),
				 errhint("Use format => 'engage'.")));
	if (is_json_text(bytes, len) == (strcmp(format, "json") == 0))
		return to_bytea(bytes, len);

	/* the library trusts what it reads: a damaged model takes the whole server down */
	if (is_imported(version))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model \"%s\" cannot be exported as \"%s\"", reference, format),
				 errdetail("It was imported in the other format, and only models that were trained "
						   "here are converted."),
				 errhint("Use format => '%s'.", strcmp(format, "json") == 0 ? "ubj" : "json")));
	bytes = eg_xgb_booster_save(eg_xgb_booster_load(bytes, len), format, 0, 0, &len);
	return to_bytea(bytes, len);
}

Datum
engage_export(PG_FUNCTION_ARGS)
{
	char	   *reference = required_arg(fcinfo, 0, "model");
	char	   *format = required_arg(fcinfo, 1, "format");
	bool		own = strcmp(format, "engage") == 0;
	EgVersionRow *version;
	EgArtifactPart *part;
	int			nparts;

	if (!own && strcmp(format, "ubj") != 0 && strcmp(format, "json") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("export format \"%s\" does not exist", format),
				 errhint("Known formats: ubj, json, engage.")));
	version = eg_models_version(reference, EG_PRIV_MANAGE);
	part = eg_models_artifacts(version->id, !own, &nparts);
	part = find_part(part, nparts, text_arg(fcinfo, 2), reference);
	if (own && eg_jsonb_text(version->data, "lent") && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("version %s of model \"%s\" contains models that were only lent",
						eg_version_text(version), version->model),
				 errdetail("A grant on a model is no right to export it: %s.",
						   eg_jsonb_text(version->data, "lent"))));
	if (own)
		PG_RETURN_BYTEA_P(to_bytea(part->bytes, part->len));
	PG_RETURN_BYTEA_P(export_library(version, part, format, reference));
}

/* ---------------------------------------------------------------------------
 * Import
 * ---------------------------------------------------------------------------
 */

static char **
text_array_arg(FunctionCallInfo fcinfo, int n, const char *name, int *count)
{
	Datum	   *values;
	bool	   *nulls;
	char	  **texts;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls,
					  count);
	texts = palloc(Max(*count, 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain NULL", name)));
		texts[i] = TextDatumGetCString(values[i]);
	}
	return texts;
}

/* Names given, or those in the model; one for each feature, none twice. */
static char **
feature_names(const EgForeignModel *foreign, char **given, int ngiven)
{
	int			n = foreign->forest->nfeatures;
	char	  **names = given ? given : foreign->names;

	if (names == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("imported model has no feature names"),
				 errhint("Name its %d features in order: features => ARRAY['tenure', ...].", n)));
	if (given != NULL && ngiven != n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("features has %d names, but the imported model has %d features",
							   ngiven, n)));
	for (int i = 0; i < n; i++)
	{
		if (given == NULL)
			pg_verifymbstr(names[i], strlen(names[i]), false);
		if (names[i][0] == '\0' || strlen(names[i]) >= NAMEDATALEN)
			ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
							errmsg("feature %d of the imported model has the name \"%s\", "
								   "which is no column name",
								   i + 1, eg_clip(names[i], 192)),
							errhint("Name the features: features => ARRAY['tenure', ...].")));
		for (int j = 0; j < i; j++)
		{
			if (strcmp(names[i], names[j]) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("features %d and %d of the imported model are both named \"%s\"",
								j + 1, i + 1, names[i])));
		}
	}
	return names;
}

/*
 * The texts that stand for the codes 0, 1, ... of one column.  A schema keeps
 * them in byte order, which is also how pandas numbers a category column.
 */
static void
set_categories(EgColumn *c, JsonbContainer *list)
{
	const char *previous = NULL;

	c->kind = EG_COL_CATEGORY;
	c->type = pstrdup("text");
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(list, i);
		char	   *s;

		if (v->type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("category %u of column \"%s\" is not a string", i + 1, c->name)));
		s = pnstrdup(v->val.string.val, v->val.string.len);
		if (previous != NULL && strcmp(previous, s) >= 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("categories \"%s\" and \"%s\" of column \"%s\" are not in ascending order",
						previous, s, c->name),
				 errhint("Train the model with category codes in the order of the texts, as pandas "
						 "makes them.")));
		eg_dict_add(c, s, strlen(s));
		previous = s;
	}
}

/* (nfeatures) How many codes the sets of each feature's splits know; 0: it is split as a number. */
static int *
count_codes(const EgForest *f)
{
	int		   *n = palloc0(Max(f->nfeatures, 1) * sizeof(int));

	for (int node = 0; node < f->tree_start[f->ntrees]; node++)
	{
		int			bit = f->feature[node] >= 0 && f->cat[node] >= 0 ? f->ncat[node] * 32 - 1 : -1;
		const uint32 *set = f->cat_bits + Max(f->cat[node], 0);

		while (bit >= 0 && ((set[bit / 32] >> (bit % 32)) & 1) == 0)
			bit--;
		if (f->feature[node] >= 0 && f->cat[node] >= 0)
			n[f->feature[node]] = Max(n[f->feature[node]], Max(bit + 1, 1));
	}
	return n;
}

static void
read_categories(EgSchema *s, const EgForeignModel *foreign, const Jsonb *categories)
{
	int		   *codes = count_codes(foreign->forest);
	uint32		used = 0;

	if (categories != NULL && !JB_ROOT_IS_OBJECT(categories))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("categories is not a JSON object"),
				 errhint("Write {\"column\": [\"text of code 0\", \"text of code 1\"]}.")));
	for (int i = 0; i < s->ncolumns; i++)
	{
		EgColumn   *c = &s->columns[i];
		JsonbValue	v;

		if (categories != NULL &&
			getKeyJsonValueFromContainer((JsonbContainer *) &categories->root, c->name,
										 strlen(c->name), &v) != NULL)
		{
			if (v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("categories of column \"%s\" are not an array", c->name)));
			set_categories(c, v.val.binary.data);
			if (c->ncategories < codes[i])
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" of the imported model has %d categories, but its splits "
								"know %d codes", c->name, c->ncategories, codes[i]),
						 errhint("Give the text of each code from 0 to %d at least, in their order.",
								 codes[i] - 1)));
			used++;
		}
		else if (foreign->types != NULL && strcmp(foreign->types[i], "c") == 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of the imported model is a category column without texts",
						c->name),
				 errhint("Say which texts its codes stand for: categories => '{\"%s\": [\"text of "
						 "code 0\", ...]}'.",
						 c->name)));
	}
	if (categories != NULL && used < JB_ROOT_COUNT(categories))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("categories names %u columns, but only %u of them are features of the model",
					(uint32) JB_ROOT_COUNT(categories), used)));
}

static void
set_labels(EgSchema *s, const EgForeignModel *foreign, char **labels, int nlabels)
{
	if (labels != NULL && nlabels != foreign->nclasses)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("labels has %d elements, but the imported model has %d classes",
						nlabels, foreign->nclasses)));
	s->nlabels = foreign->nclasses;
	s->labels = palloc(Max(s->nlabels, 1) * sizeof(char *));
	for (int i = 0; i < s->nlabels; i++)
		s->labels[i] = labels ? labels[i] : psprintf("%d", i);
	if (s->nlabels == 0)
		s->target_type = pstrdup("double precision");
	else
		s->target_type = pstrdup(labels ? "text" : "integer");
}

/* An artifact from the library's bytes and the arguments that explain them. */
static EgArtifact *
foreign_artifact(FunctionCallInfo fcinfo, const char *bytes, Size len)
{
	EgForeignModel *foreign = eg_foreign_model_read(bytes, len);
	EgArtifact *a = palloc0(sizeof(EgArtifact));
	EgSchema   *s = palloc0(sizeof(EgSchema));
	int			ngiven;
	char	  **given = text_array_arg(fcinfo, 4, "features", &ngiven);
	int			nlabels;
	char	  **labels = text_array_arg(fcinfo, 3, "labels", &nlabels);
	char	  **names = feature_names(foreign, given, ngiven);
	int			nclasses;
	StringInfoData params;

	s->ncolumns = foreign->forest->nfeatures;
	s->columns = palloc0(Max(s->ncolumns, 1) * sizeof(EgColumn));
	for (int i = 0; i < s->ncolumns; i++)
	{
		s->columns[i].name = names[i];
		s->columns[i].kind = EG_COL_NUMBER;
		s->columns[i].type = pstrdup("double precision");
		s->columns[i].width = 1;
	}
	read_categories(s, foreign, PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5));
	eg_schema_finish(s);
	if (foreign->best_round > 0 && foreign->best_round < foreign->rounds)
		ereport(NOTICE,
				(errmsg("all %d rounds of the model are imported; its best round was %d",
						foreign->rounds, foreign->best_round),
				 errdetail("Its training was stopped early. XGBoost's Booster.predict() uses all "
						   "rounds, too, the scikit-learn interface only the best."),
				 errhint("For these, import what booster[:%d].save_raw() gives.",
						 foreign->best_round)));
	s->target = text_arg(fcinfo, 2);
	set_labels(s, foreign, labels, nlabels);

	initStringInfo(&params);
	appendStringInfoString(&params, "{\"objective\": ");
	escape_json(&params, foreign->objective ? foreign->objective : "");
	appendStringInfoChar(&params, '}');

	a->algorithm = eg_algorithm_find("xgboost");
	a->schema = s;
	a->params = params.data;
	a->model = a->algorithm->import(bytes, len);

	/* more is known than the objective says: attributes tell a model of quantiles */
	a->task = a->algorithm->imported_task(a->model, &nclasses, &names);
	return a;
}

/* Our own container may say anything about any algorithm, so only a superuser brings one in. */
static EgArtifact *
own_artifact(FunctionCallInfo fcinfo, const char *bytes, Size len)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to import a model in the format of engage"),
				 errhint("Export it as \"ubj\" or \"json\" and import that.")));
	for (int i = 2; i < 6; i++)
	{
		static const char *const names[] = {"target", "labels", "features", "categories"};

		if (!PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s cannot be given for a model in the format of engage", names[i - 2]),
					 errdetail("The model has its own.")));
	}
	return eg_artifact_load(bytes, len);
}

static Jsonb *
parse_jsonb(const char *json)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

static void
put_strings(StringInfo json, const char *name, char *const *strings, int n)
{
	appendStringInfo(json, "\"%s\": [", name);
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, strings[i]);
	}
	appendStringInfoChar(json, ']');
}

/* What engage_train() records of the data; an import knows the columns only. */
static Jsonb *
data_facts(const EgSchema *s)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	put_strings(&json, "features", s->names, s->nfeatures);
	if (s->nlabels > 0)
	{
		appendStringInfoString(&json, ", ");
		put_strings(&json, "labels", s->labels, s->nlabels);
	}
	if (s->target != NULL)
	{
		appendStringInfoString(&json, ", \"target\": ");
		escape_json(&json, s->target);
	}
	appendStringInfoChar(&json, '}');
	return parse_jsonb(json.data);
}

/* Store as the next version of the model, which is made when it is new. */
static void
store_import(const char *name, const EgArtifact *a, const char *library, EgArtifactPart *part,
			 bool deploy, EgVersionRow *v)
{
	EgModelRow *m = eg_models_get(name, true, EG_PRIV_MANAGE, true);
	int64		id;

	if (m->id == 0)
		m = eg_models_create(name, NULL);
	v->model = m->name;
	v->model_id = m->id;
	v->algorithm = pstrdup(a->algorithm->name);
	v->task = pstrdup(eg_task_name(a->task));
	v->recipe = parse_jsonb(psprintf("{\"imported\": \"%s\"}", library));
	v->params = parse_jsonb(a->params);
	v->data = data_facts(a->schema);
	v->library = pstrdup(library);
	eg_models_next_version(m, v->algorithm, v->task, v->recipe, v->params, v->data,
						   &v->major, &v->minor, &v->patch);
	id = eg_models_add_version(m, v, part, 1, "import");
	if (deploy)
		eg_models_deploy(m, id, "deploy", NULL);
}

Datum
engage_import(PG_FUNCTION_ARGS)
{
	char	   *name = required_arg(fcinfo, 0, "model");
	char	   *deploy = required_arg(fcinfo, 6, "deploy");
	EgVersionRow version = {0};
	EgArtifactPart part = {0};
	EgArtifact *a;
	const char *library;
	const char *bytes;
	bytea	   *data;
	Size		len;

	PreventCommandIfReadOnly("engage_import()");
	PreventCommandIfParallelMode("engage_import()");
	eg_model_name_check(name);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"data\" must not be NULL")));
	if (strcmp(deploy, "always") != 0 && strcmp(deploy, "never") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("deploy must be 'always' or 'never' for an import, not \"%s\"", deploy),
				 errdetail(
					 "A model trained elsewhere was not measured on this model's held-out rows.")));

	/* before the work of reading: the model must be the caller's, or new */
	(void) eg_models_get(name, true, EG_PRIV_MANAGE, false);

	data = PG_GETARG_BYTEA_PP(1);
	bytes = VARDATA_ANY(data);
	len = VARSIZE_ANY_EXHDR(data);
	if (len >= 4 && memcmp(bytes, CONTAINER_MAGIC, 4) == 0)
	{
		a = own_artifact(fcinfo, bytes, len);
		library = "engage";
	}
	else
	{
		a = foreign_artifact(fcinfo, bytes, len);
		library = eg_lightgbm_detect(bytes, len) ? "lightgbm" : "xgboost";
		part.library_bytes = bytes;
		part.library_len = len;
	}
	part.bytes = eg_artifact_save(a, &part.len);
	store_import(name, a, library, &part, strcmp(deploy, "always") == 0, &version);
	PG_RETURN_TEXT_P(cstring_to_text(eg_version_text(&version)));
}
