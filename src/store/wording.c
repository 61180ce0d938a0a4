/*-------------------------------------------------------------------------
 *
 * wording.c
 *	  The words of explanations.
 *
 * A comment on a column is written for people, so it is the column's name in a
 * sentence: COMMENT ON COLUMN customers.tenure IS 'Months with us [months]'.
 * What stands in brackets at its end is the unit.  Only its first line counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "base/compat.h"
#include "store/gate.h"
#include "store/registry.h"
#include "store/source.h"
#include "store/wording.h"

#define ALL_BLANKS			((1 << EG_NBLANKS) - 1)
#define MAX_TEMPLATE		1000	/* bytes of a template */

static const struct
{
	const char *key;
	const char *word;
	int			blanks;			/* bit of each placeholder that it may hold */
}			words[EG_NWORDS] = {
	{"sentence", "{name} is {value} (typical: {typical}): {direction} {target} by {effect}.",
		ALL_BLANKS},
	{"same", "{name} is {value}: {direction} {target} by {effect}.", ALL_BLANKS},
	{"missing", "{name} is {value} (typical: {typical}): {direction} {target} by {effect}.",
		ALL_BLANKS},
	{"target", NULL, 1 << EG_BLANK_NAME | 1 << EG_BLANK_CLASS},
	{"none", "No column moves {target}.", 1 << EG_BLANK_TARGET | 1 << EG_BLANK_CLASS},
	{"raises", "raises", 0},
	{"lowers", "lowers", 0},
	{"little", "less than 0.01", 0},
	{"unknown", "unknown", 0},
	{"yes", "yes", 0},
	{"no", "no", 0},
	{"day", "day", 0},
	{"days", "days", 0},
	{"hour", "hour", 0},
	{"hours", "hours", 0},
	{"minute", "minute", 0},
	{"minutes", "minutes", 0},
	{"second", "second", 0},
	{"seconds", "seconds", 0}
};

static const char *const blank_names[EG_NBLANKS] = {
	"name", "value", "typical", "effect", "direction", "target", "unit", "points", "class"
};

/* ----------
 * Templates
 * ----------
 */

/* The placeholder at p, which is behind its brace; -1: none of the known. */
static int
find_blank(const char *p, Size *len)
{
	int			i;

	*len = strcspn(p, "{}");
	for (i = 0; i < EG_NBLANKS && p[*len] == '}'; i++)
	{
		if (strlen(blank_names[i]) == *len && memcmp(p, blank_names[i], *len) == 0)
			return i;
	}
	return -1;
}

char *
eg_wording_fill(const char *template, const char *const blanks[EG_NBLANKS])
{
	StringInfoData out;
	const char *p;
	Size		len;

	initStringInfo(&out);
	for (p = template; *p; p++)
	{
		int			blank = *p == '{' && p[1] != '{' ? find_blank(p + 1, &len) : -1;

		if (blank >= 0)
		{
			appendStringInfoString(&out, blanks[blank] ? blanks[blank] : "");
			p += len + 1;
			continue;
		}

		/* {{ and }} stand for braces */
		if ((*p == '{' || *p == '}') && p[1] == *p)
			p++;
		appendStringInfoChar(&out, *p);
	}
	return out.data;
}

static char *
known_blanks(int allowed)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < EG_NBLANKS; i++)
	{
		if (allowed & (1 << i))
			appendStringInfo(&list, "%s{%s}", list.len > 0 ? ", " : "", blank_names[i]);
	}
	return list.data;
}

static void
check_template(const char *key, const char *template, int allowed)
{
	const char *p;
	Size		len = 0;

	if (strlen(template) > MAX_TEMPLATE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the wording of \"%s\" has %d bytes, but may have %d", key,
						(int) strlen(template), MAX_TEMPLATE)));
	for (p = template; *p; p++)
	{
		int			blank;

		if (*p != '{' && *p != '}')
			continue;
		if (p[1] == *p)
		{
			p++;
			continue;
		}
		blank = *p == '{' ? find_blank(p + 1, &len) : -1;
		if (blank < 0 || !(allowed & (1 << blank)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 *p == '}' || p[1 + len] != '}' ?
					 errmsg("the wording of \"%s\" has a brace without its fellow", key) :
					 errmsg("unknown placeholder \"{%.*s}\" in the wording of \"%s\"",
							(int) Min(len, 64), p + 1, key),
					 allowed ? errhint("Known placeholders: %s; {{ and }} are braces.",
									   known_blanks(allowed)) :
					 errhint("It is a plain word; {{ and }} are braces.")));
		p += len + 1;
	}
}

static int
find_word(const char *key, int len)
{
	int			i;

	for (i = 0; i < EG_NWORDS; i++)
	{
		if (strlen(words[i].key) == len && memcmp(words[i].key, key, len) == 0)
			return i;
	}
	return -1;
}

/* ----------
 * The owner's words
 * ----------
 */

static char *
member_text(const char *key, const JsonbValue *v)
{
	if (v->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the wording of \"%s\" must be a string", key)));
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* Index of a column of the schema, -1 when it has none of this name. */
static int
find_column(const EgSchema *schema, const char *name)
{
	int			i;

	for (i = 0; i < schema->ncolumns; i++)
	{
		if (strcmp(schema->columns[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void
check_column(const char *column, JsonbContainer *c)
{
	JsonbIterator *it = JsonbIteratorInit(c);
	JsonbValue	v;

	(void) JsonbIteratorNext(&it, &v, true);
	while (JsonbIteratorNext(&it, &v, true) == WJB_KEY)
	{
		char	   *key = pnstrdup(v.val.string.val, v.val.string.len);
		char	   *text;

		(void) JsonbIteratorNext(&it, &v, true);
		text = member_text(key, &v);
		if (strcmp(key, "sentence") == 0)
			check_template(psprintf("%s.sentence", column), text, ALL_BLANKS);
		else if (strcmp(key, "name") != 0 && strcmp(key, "unit") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown wording \"%s\" of column \"%s\"", key, column),
					 errhint("Known are \"name\", \"unit\" and \"sentence\".")));
	}
}

static void
check_columns(const EgSchema *schema, const JsonbValue *v)
{
	JsonbIterator *it;
	JsonbValue	m;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the wording of \"columns\" must be a JSON object"),
				 errhint("Write it as {\"column\": {\"name\": \"...\", \"unit\": \"...\"}}.")));
	it = JsonbIteratorInit(v->val.binary.data);
	(void) JsonbIteratorNext(&it, &m, true);
	while (JsonbIteratorNext(&it, &m, true) == WJB_KEY)
	{
		char	   *name = pnstrdup(m.val.string.val, m.val.string.len);

		(void) JsonbIteratorNext(&it, &m, true);
		if (schema && find_column(schema, name) < 0 &&
			(schema->target == NULL || strcmp(schema->target, name) != 0))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the deployed version has no column \"%s\"", name),
					 errhint("Columns are named as in the training data.")));
		if (m.type != jbvBinary || !JsonContainerIsObject(m.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the wording of column \"%s\" must be a JSON object", name),
					 errhint("Write it as {\"name\": \"...\", \"unit\": \"...\"}.")));
		check_column(name, m.val.binary.data);
	}
}

static void
check_words(const EgSchema *schema, Jsonb *j)
{
	JsonbIterator *it;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(j))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"wording\" must be a JSON object"),
				 errhint("engage_wording() shows one.")));
	it = JsonbIteratorInit(&j->root);
	(void) JsonbIteratorNext(&it, &v, true);
	while (JsonbIteratorNext(&it, &v, true) == WJB_KEY)
	{
		char	   *key = pnstrdup(v.val.string.val, v.val.string.len);
		int			w = find_word(key, strlen(key));

		(void) JsonbIteratorNext(&it, &v, true);
		if (strcmp(key, "columns") == 0)
			check_columns(schema, &v);
		else if (w >= 0)
			check_template(key, member_text(key, &v), words[w].blanks);
		else
		{
			StringInfoData list;

			initStringInfo(&list);
			for (w = 0; w < EG_NWORDS; w++)
				appendStringInfo(&list, "\"%s\", ", words[w].key);
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown wording \"%s\"", key),
					 errhint("Known are %s\"columns\".", list.data)));
		}
	}
}

void
eg_wording_set(const EgModelRow *m, const EgSchema *schema, Jsonb *j)
{
	bool		none = j == NULL || (JB_ROOT_IS_OBJECT(j) && JB_ROOT_COUNT(j) == 0);
	EgVisit		v;

	if (!none)
		check_words(schema, j);
	eg_visit_begin(&v);
	if (none)
		(void) eg_visit_write("DELETE FROM engage.wording WHERE model_id = $1", "l", m->id);
	else
		(void) eg_visit_write("INSERT INTO engage.wording (model_id, wording) VALUES ($1, $2)"
							  " ON CONFLICT (model_id) DO UPDATE SET wording = $2", "lj", m->id, j);
	eg_visit_end(&v);
	eg_models_event(m->id, m->name, NULL, "wording", none ? NULL : j);
}

Jsonb *
eg_wording_stored(int64 version_id)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(version_id);
	Jsonb	   *j = NULL;
	EgVisit		v;

	eg_visit_begin_fast(&v);
	if (eg_visit_saved(&plan, "SELECT w.wording FROM engage.wording w"
					   " JOIN engage.version v ON v.model_id OPERATOR(pg_catalog.=) w.model_id"
					   " WHERE v.id OPERATOR(pg_catalog.=) $1", 1, &type, &value, 1) > 0)
		j = eg_visit_jsonb(&v, 0, 1);
	eg_visit_end(&v);
	return j;
}

Jsonb *
eg_wording_json(Jsonb *stored)
{
	JsonbParseState *state = NULL;
	JsonbValue	v;
	int			i;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < EG_NWORDS; i++)
	{
		char	   *text = stored ? eg_jsonb_text(stored, words[i].key) : NULL;

		if (text == NULL && words[i].word == NULL)
			continue;
		v.type = jbvString;
		v.val.string.val = (char *) words[i].key;
		v.val.string.len = strlen(words[i].key);
		pushJsonbValue(&state, WJB_KEY, &v);
		v.val.string.val = text ? text : (char *) words[i].word;
		v.val.string.len = strlen(v.val.string.val);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	if (stored && getKeyJsonValueFromContainer(&stored->root, "columns", 7, &v) != NULL)
	{
		JsonbValue	key;

		key.type = jbvString;
		key.val.string.val = "columns";
		key.val.string.len = 7;
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ----------
 * Comments
 * ----------
 */

/* The relation that a version was trained on, if it was one and is there. */
static Oid
training_relation(const EgVersionRow *v)
{
	char	   *source = eg_jsonb_text(v->recipe, "source");
	char	   *name = source && eg_source_is_name(source) ? eg_gate_only_relation(v->names) : NULL;

	return name ? RangeVarGetRelid(makeRangeVarFromNameList(eg_qualified_name_list(name)), NoLock,
								   true) : InvalidOid;
}

/* Name and unit by the comment on a column: its first line, what is in brackets at its end. */
static bool
read_comment(Oid relation, const char *column, EgColumnWords *w)
{
	AttrNumber	attno = OidIsValid(relation) ? get_attnum(relation, column) : InvalidAttrNumber;
	char	   *comment;
	char	   *open;
	int			len;

	if (attno == InvalidAttrNumber)
		return false;
	comment = GetComment(relation, RelationRelationId, attno);
	if (comment == NULL)
		return false;
	comment[strcspn(comment, "\r\n")] = '\0';
	for (len = strlen(comment); len > 0 && strchr(" \t.", comment[len - 1]); len--)
		comment[len - 1] = '\0';
	open = strrchr(comment, '[');
	if (open && open > comment && comment[len - 1] == ']')
	{
		w->unit = pnstrdup(open + 1, comment + len - open - 2);
		for (*open = '\0'; open > comment && open[-1] == ' '; open--)
			open[-1] = '\0';
	}
	w->name = comment;
	return *comment != '\0';
}

/* "days_since_login": "Days since login" */
static char *
readable_name(const char *column, bool capital)
{
	char	   *name = pstrdup(column);
	char	   *p;

	for (p = name; *p; p++)
	{
		if (*p == '_')
			*p = ' ';
	}
	if (capital && *name >= 'a' && *name <= 'z')
		*name += 'A' - 'a';
	return name;
}

/* What the owner wrote of a column goes before everything else. */
static void
owners_column(Jsonb *stored, const char *column, EgColumnWords *w)
{
	JsonbValue	v;
	JsonbValue	c;
	Jsonb	   *j;
	char	   *text;

	if (stored == NULL || getKeyJsonValueFromContainer(&stored->root, "columns", 7, &v) == NULL ||
		v.type != jbvBinary ||
		getKeyJsonValueFromContainer(v.val.binary.data, column, strlen(column), &c) == NULL ||
		c.type != jbvBinary)
		return;
	j = JsonbValueToJsonb(&c);
	if ((text = eg_jsonb_text(j, "name")) != NULL)
		w->name = text;
	if ((text = eg_jsonb_text(j, "unit")) != NULL)
		w->unit = text;
	w->sentence = eg_jsonb_text(j, "sentence");
}

EgWording *
eg_wording(int64 version_id, const EgSchema *schema, Oid row_relation)
{
	EgWording  *wording = palloc0(sizeof(EgWording));
	Jsonb	   *stored = eg_wording_stored(version_id);
	Oid			relation = training_relation(eg_models_version_by_id(version_id));
	int			i;

	for (i = 0; i < EG_NWORDS; i++)
	{
		wording->word[i] = stored ? eg_jsonb_text(stored, words[i].key) : NULL;
		if (wording->word[i] == NULL)
			wording->word[i] = words[i].word;
	}
	wording->columns = palloc0(sizeof(EgColumnWords) * Max(schema->ncolumns, 1));
	for (i = 0; i <= schema->ncolumns; i++)
	{
		bool		target = i == schema->ncolumns;
		const char *column = target ? schema->target : schema->columns[i].name;
		EgColumnWords *w = target ? &wording->target : &wording->columns[i];

		w->unit = "";
		if (column == NULL)
			continue;
		if (!read_comment(relation, column, w) && !read_comment(row_relation, column, w))
			w->name = readable_name(column, !target);
		else if (target && w->name[0] >= 'A' && w->name[0] <= 'Z' && w->name[1] >= 'a' &&
				 w->name[1] <= 'z')
			w->name[0] += 'a' - 'A';	/* it stands within a sentence */
		owners_column(stored, column, w);
	}
	return wording;
}
