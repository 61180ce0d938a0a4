/*-------------------------------------------------------------------------
 *
 * api_card.c
 *	  engage_describe(): the model card.
 *
 * Sections after Mitchell et al., "Model Cards for Model Reporting" (2019),
 * as far as the registry knows them: what the model is, from which data, how
 * good on rows it has not seen, which columns it reads, who may use it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "store/cache.h"
#include "store/registry.h"
#include "store/roles.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(engage_describe);

#define MAX_TEXT	160			/* bytes of a nested value in the card */
#define MAX_EVENTS	20			/* the newest ones */

static void
put_line(StringInfo out, const char *name, const char *format,...) pg_attribute_printf(3, 4);

static void
put_line(StringInfo out, const char *name, const char *format,...)
{
	int			needed = 0;

	appendStringInfo(out, "  %-22s ", name);
	do
	{
		va_list		args;

		enlargeStringInfo(out, needed);
		va_start(args, format);
		needed = appendStringInfoVA(out, format, args);
		va_end(args);
	} while (needed != 0);
	appendStringInfoChar(out, '\n');
}

/* Clip at a character boundary. */
static char *
clipped(char *text, int max)
{
	return strlen(text) <= (size_t) max ? text : psprintf("%s ...", eg_clip(text, max));
}

/* A JSON value in one line; numbers with fractions to 6 digits. */
static char *
value_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return clipped(pnstrdup(v->val.string.val, v->val.string.len), MAX_TEXT);
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		case jbvNumeric:
			{
				char *s = DatumGetCString(
					DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));

				return strchr(s, '.') ? psprintf("%.6g", atof(s)) : s;
			}
		case jbvBinary:
			return clipped(JsonbToCString(NULL, v->val.binary.data, v->val.binary.len), MAX_TEXT);
		default:
			return NULL;
	}
}

/* What the card says in sections of its own. */
static bool
said_elsewhere(const char *key)
{
	return strcmp(key, "features") == 0 || strcmp(key, "columns") == 0 ||
		   strcmp(key, "params") == 0 || strcmp(key, "rule_parts") == 0;
}

#define MAX_TABLE_COLUMNS	16

/* One cell of a table. */
static char *
cell_text(JsonbContainer *row, int column)
{
	JsonbValue *v = getIthJsonbValueFromContainer(row, column);
	char	   *text = v != NULL ? value_text(v) : NULL;

	return text != NULL ? text : "";
}

/*
 * An array of rows, the first of which holds the names of the columns, as a
 * table.  False when the value is none.
 */
static bool
put_table(StringInfo out, const char *name, const JsonbValue *v)
{
	JsonbContainer *table = v->type == jbvBinary ? v->val.binary.data : NULL;
	JsonbContainer *row;
	JsonbValue *first;
	int			width[MAX_TABLE_COLUMNS] = {0};
	int			ncolumns;

	if (table == NULL || !JsonContainerIsArray(table) || JsonContainerSize(table) < 2)
		return false;
	first = getIthJsonbValueFromContainer(table, 0);
	if (first->type != jbvBinary || !JsonContainerIsArray(first->val.binary.data) ||
		JsonContainerSize(first->val.binary.data) == 0)
		return false;
	row = first->val.binary.data;
	ncolumns = Min(JsonContainerSize(row), MAX_TABLE_COLUMNS);
	if (getIthJsonbValueFromContainer(row, 0)->type != jbvString)
		return false;

	for (int pass = 0; pass < 2; pass++)
	{
		if (pass == 1)
			appendStringInfo(out, "  %s\n", name);
		for (int i = 0; i < JsonContainerSize(table); i++)
		{
			JsonbValue *value = getIthJsonbValueFromContainer(table, i);

			if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
				continue;
			for (int j = 0; j < ncolumns; j++)
			{
				char	   *text = cell_text(value->val.binary.data, j);
				JsonbValue *cell = getIthJsonbValueFromContainer(value->val.binary.data, j);
				bool		left = cell != NULL && cell->type == jbvString && i > 0;

				if (pass == 0)
					width[j] = Max(width[j], (int) strlen(text));
				else if (left || (i == 0 && strcmp(text, "name") == 0))
					appendStringInfo(out, "%s%-*s", j > 0 ? "  " : "    ", width[j], text);
				else
					appendStringInfo(out, "%s%*s", j > 0 ? "  " : "    ", width[j], text);
			}
			if (pass == 1)
				appendStringInfoChar(out, '\n');
		}
	}
	return true;
}

/* An array of texts too long for one line, a line each.  False when the value is none. */
static bool
put_lines(StringInfo out, const char *name, const JsonbValue *v)
{
	JsonbContainer *array = v->type == jbvBinary ? v->val.binary.data : NULL;
	int			n = array != NULL && JsonContainerIsArray(array) ? JsonContainerSize(array) : 0;

	if (n == 0 || v->val.binary.len < MAX_TEXT)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (getIthJsonbValueFromContainer(array, i)->type != jbvString)
			return false;
	}
	appendStringInfo(out, "  %s\n", name);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *text = getIthJsonbValueFromContainer(array, i);

		appendStringInfo(out, "    %.*s\n", text->val.string.len, text->val.string.val);
	}
	return true;
}

/* Every member but nulls and what is said elsewhere. */
static void
put_object(StringInfo out, const char *title, const Jsonb *object)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *key = NULL;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object) || JB_ROOT_COUNT(object) == 0)
		return;
	appendStringInfo(out, "\n%s\n", title);
	it = JsonbIteratorInit((JsonbContainer *) &object->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *text;

		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && !said_elsewhere(key) && !put_table(out, key, &v) &&
				 !put_lines(out, key, &v) && (text = value_text(&v)) != NULL)
			put_line(out, key, "%s", text);
	}
}

/* A document of the version: for others than its owner and author without what is theirs. */
static void
put_document(StringInfo out, const char *title, const char *document, Jsonb *whole, bool everything)
{
	char	   *hidden = NULL;

	if (whole == NULL)
		return;
	put_object(out, title, everything ? whole : eg_seen(document, whole, &hidden));
	if (hidden)
		appendStringInfo(out, "  not shown: %s (for the owner, the author and superusers)\n",
						 hidden);
}

static char *
number_text(const EgColumn *c, double value)
{
	if (c->kind != EG_COL_DATE || !isfinite(value))
		return psprintf("%.6g", value);
	return eg_day_text(floor(value + c->origin));
}

static char *
categories_text(const EgColumn *c)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < c->ncategories && list.len < MAX_TEXT / 2; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", clipped(c->categories[i], MAX_TEXT / 4));
	return psprintf("%d %s: %s", c->ncategories, c->ncategories == 1 ? "value" : "values",
					clipped(list.data, MAX_TEXT / 2));
}

static void
put_column(StringInfo out, const EgSchema *s, const EgColumn *c)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "%-16s", c->type ? c->type : "");
	if (c->kind == EG_COL_CATEGORY)
		appendStringInfo(&line, " %s", categories_text(c));
	else if (c->kind == EG_COL_ARRAY)
		appendStringInfo(&line, " %d elements", c->width);
	if (s->stats != NULL && c->width == 1)
	{
		const EgFeatureStats *stats = &s->stats[c->first];

		if (c->kind != EG_COL_CATEGORY && stats->min <= stats->max)
			appendStringInfo(&line, " %s .. %s, mean %s", number_text(c, stats->min),
							 number_text(c, stats->max), number_text(c, stats->mean));
		if (stats->missing > 0)
			appendStringInfo(&line, ", %.1f %% missing", stats->missing * 100.0);
	}
	put_line(out, c->name, "%s", line.data);
}

static void
put_model(StringInfo out, const EgCompiled *c)
{
	const EgArtifact *a = c->parts[0];
	const EgSchema *s = a->schema;

	if (s->target != NULL)
		put_line(out, "target", "%s (%s)", s->target,
				 s->target_type ? s->target_type : "unknown type");
	if (s->nlabels > 0)
	{
		StringInfoData list;

		initStringInfo(&list);
		for (int i = 0; i < s->nlabels && list.len < MAX_TEXT; i++)
			appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", s->labels[i]);
		put_line(out, "classes", "%s", clipped(list.data, MAX_TEXT));
	}
	if (eg_task_two_classes(c->task))
		put_line(out, "threshold", "%.6g", c->threshold);
	if (c->partition_column != NULL)
		put_line(out, "partitioned by", "%s: %d models and one for all other rows",
				 c->partition_column, c->nparts - 1);
	if (a->algorithm->describe != NULL)
	{
		StringInfoData json;

		initStringInfo(&json);
		appendStringInfoChar(&json, '{');
		a->algorithm->describe(a->model, &json);
		appendStringInfoChar(&json, '}');
		put_object(out, "Learned",
				   DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data))));
	}
}

static void
put_columns(StringInfo out, const EgSchema *s)
{
	appendStringInfo(out, "\nFeatures (%d columns)\n", s->ncolumns);
	for (int i = 0; i < s->ncolumns; i++)
		put_column(out, s, &s->columns[i]);
}

static void
put_versions(StringInfo out, List *lines)
{
	ListCell   *cell;

	appendStringInfoString(out, "\nVersions\n");
	foreach(cell, lines)
	{
		EgVersionLine *line = lfirst(cell);

		put_line(out, line->version, "%s by %s, %s, %lld kB%s%s%s", line->created, line->created_by,
				 line->library ? line->library : line->algorithm,
				 (long long) (line->bytes + 1023) / 1024,
				 line->deployed ? ", deployed" : "",
				 line->deployed_at ? " since " : "", line->deployed_at ? line->deployed_at : "");
	}
}

static void
put_history(StringInfo out, List *lines)
{
	ListCell   *cell;

	appendStringInfoString(out, "\nHistory\n");
	foreach(cell, lines)
	{
		EgEventLine *line = lfirst(cell);

		put_line(out, line->at, "%s%s%s by %s%s%s", line->action, line->version ? " " : "",
				 line->version ? line->version : "", line->who, line->detail ? ": " : "",
				 line->detail ? clipped(line->detail, MAX_TEXT) : "");
	}
}

static char *
role_list(List *roles)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, roles)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", (char *) lfirst(cell));
	return list.len > 0 ? list.data : "nobody";
}

static EgVersionLine *
find_line(List *lines, int64 id)
{
	ListCell   *cell;

	foreach(cell, lines)
	{
		EgVersionLine *line = lfirst(cell);

		if (line->id == id)
			return line;
	}
	return NULL;
}

/* The version named, else the deployed one, else the newest. */
static int64
card_version(const char *reference, EgModelRow **model)
{
	int			number[3];
	const char *version;
	char	   *name = eg_reference_parse(reference, number, &version);
	List	   *lines;

	*model = eg_models_get(name, false, EG_PRIV_USE, false);
	if (version != NULL)
		return eg_models_resolve(reference);
	if ((*model)->deployed != 0)
		return (*model)->deployed;
	lines = eg_models_version_lines((*model)->id);
	if (lines == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" has no version", name)));
	return ((EgVersionLine *) linitial(lines))->id;
}

Datum
engage_describe(PG_FUNCTION_ARGS)
{
	EgModelRow *m;
	int64		id = card_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), &m);
	EgVersionRow *v = eg_models_version_by_id(id);
	EgCompiled *c = eg_cache_get(id, CurrentMemoryContext);
	List	   *lines = eg_models_version_lines(m->id);
	EgVersionLine *line = find_line(lines, id);
	bool		everything = eg_version_is_open(v);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "Model %s, version %s%s\n", m->name, eg_version_text(v),
					 m->deployed == 0 ? " (no version is deployed)" :
					 m->deployed == id ? " (deployed)" : " (not deployed)");
	put_line(&out, "owner", "%s", eg_models_owner_name(m->id));
	put_line(&out, "may use it", "%s", role_list(eg_models_grantees(m->id)));
	put_line(&out, "task", "%s", v->task);
	put_line(&out, "algorithm", "%s", v->algorithm);
	if (line != NULL)
	{
		put_line(&out, "made", "%s by %s in %.1f s", line->created, line->created_by, v->seconds);
		put_line(&out, "made with", "engage %s%s%s", line->extension, line->library ? ", " : "",
				 line->library ? line->library : "");
		put_line(&out, "size", "%lld kB", (long long) (line->bytes + 1023) / 1024);
	}
	put_model(&out, c);
	put_document(&out, "Recipe", "recipe", v->recipe, everything);
	put_object(&out, "Parameters", v->params);
	put_document(&out, "Data", "data", v->data, everything);
	put_object(&out, "Metrics on rows held out of training", v->metrics);
	put_columns(&out, c->parts[0]->schema);
	put_versions(&out, lines);
	put_history(&out, eg_models_event_lines(m->id, MAX_EVENTS, everything));
	out.data[--out.len] = '\0';
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
