/*-------------------------------------------------------------------------
 *
 * source_columns.c
 *	  Which columns of a source are read, and as what.
 *
 * Columns with a role (target, key, weight, ...) are never features.  Of the
 * rest, all are features unless the caller lists or excludes some.  Only the
 * columns needed are selected, so the executor need not deform the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "store/gate.h"
#include "store/source_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/varlena.h"

/* The select list while it is built: positions in the source's own columns. */
typedef struct SelectList
{
	TupleDesc	source;			/* the source's columns */
	int			n;
	int		   *attno;			/* (n) */
} SelectList;

/* Position of a column in the source, -1 when it has none of that name. */
static int
find_column(const EgSourceReader *r, TupleDesc desc, const char *name)
{
	int			found = -1;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) != 0)
			continue;
		if (found >= 0)
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
							errmsg("column \"%s\" appears more than once in %s", name,
								   eg_source_words(r))));
		found = i;
	}
	return found;
}

static int
require_column(const EgSourceReader *r, TupleDesc desc, const char *name)
{
	int			i = find_column(r, desc, name);

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of %s does not exist", name, eg_source_words(r)),
				 errhint("%s", eg_source_column_hint(desc, name))));
	return i;
}

/* Position of a source's column in the rows that will be read. */
static int
select_column(SelectList *list, int attno)
{
	int			i;

	for (i = 0; i < list->n; i++)
		if (list->attno[i] == attno)
			return i;
	list->attno[list->n] = attno;
	return list->n++;
}

static void pg_attribute_noreturn()
role_type_error(const EgSourceRole *role, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s column \"%s\" is of type %s, not %s",
					role->word, role->name, format_type_be(role->type), wanted),
			 errhint("Convert it in a view or query.")));
}

/* Is the text of a value the same whatever the settings, and that of the prediction log's key? */
static bool
has_one_text(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
			return true;
		default:
			return get_typtype(type) == TYPTYPE_ENUM;
	}
}

static void
check_role_type(EgSourceRole *role, EgRoleIndex index)
{
	bool		known = eg_converter_init(&role->cv, role->type);
	EgColumnKind kind = role->cv.kind;

	switch (index)
	{
		case EG_SRC_TARGET:
			if (!known || (kind != EG_COL_NUMBER && kind != EG_COL_CATEGORY))
				role_type_error(role, "a number, boolean or text");
			break;
		case EG_SRC_WEIGHT:
		case EG_SRC_EVENT:
			if (!known || kind != EG_COL_NUMBER)
				role_type_error(role, "a number or boolean");
			break;
		case EG_SRC_SPLIT:
			if (!known || (kind != EG_COL_NUMBER && kind != EG_COL_DATE))
				role_type_error(role, "boolean, a date or a timestamp");
			break;
		case EG_SRC_PARTITION:
			if (!known || (kind != EG_COL_CATEGORY && !eg_type_is_discrete(role->type)))
				role_type_error(role, "text, an enum, an integer or boolean");
			role->key = eg_key_create(role->word, role->name, role->type, role->collation, false);
			break;
		case EG_SRC_REMEMBER:
			role->key = eg_key_create(role->word, role->name, role->type, role->collation, true);
			if (!has_one_text(eg_key_type(role->key)))
				role_type_error(role, "an integer, a numeric, a text, an enum or a uuid");
			break;
		default:
			role->key = eg_key_create(role->word, role->name, role->type, role->collation, false);
			break;
	}
}

static void
find_role(EgSourceReader *r, SelectList *list, EgRoleIndex index, const char *word,
		  const char *name)
{
	EgSourceRole *role = &r->role[index];
	int			attno;

	role->word = word;
	role->name = name;
	role->attno = -1;
	if (name == NULL)
		return;
	if (index == EG_SRC_TARGET && r->spec->target_optional)
	{
		attno = find_column(r, list->source, name);
		if (attno < 0)
			return;
	}
	else
		attno = require_column(r, list->source, name);
	role->type = TupleDescAttr(list->source, attno)->atttypid;
	role->collation = TupleDescAttr(list->source, attno)->attcollation;
	check_role_type(role, index);
	role->attno = select_column(list, attno);
}

/* "a, b" as SQL would read it: unquoted names are folded to lower case. */
static void
find_keys(EgSourceReader *r, SelectList *list)
{
	List	   *names;
	ListCell   *lc;

	if (r->spec->key == NULL)
		return;

	/* a column that is called exactly so, whatever its characters */
	if (find_column(r, list->source, r->spec->key) >= 0)
		names = list_make1(pstrdup(r->spec->key));
	else if (!SplitIdentifierString(pstrdup(r->spec->key), ',', &names) || names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" is not a list of column names", r->spec->key),
				 errhint("Write the names separated by commas, such as 'customer_id, month'.")));

	r->keys = palloc0(sizeof(EgSourceRole) * list_length(names));
	foreach(lc, names)
	{
		EgSourceRole *key = &r->keys[r->nkeys++];
		int			attno = require_column(r, list->source, lfirst(lc));

		key->word = "key";
		key->name = lfirst(lc);
		key->type = TupleDescAttr(list->source, attno)->atttypid;
		key->collation = TupleDescAttr(list->source, attno)->attcollation;
		key->key = eg_key_create(key->word, key->name, key->type, key->collation, false);
		key->attno = select_column(list, attno);
	}
}

static bool
in_list(const List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/* The word of the role that a column has, or NULL. */
static const char *
role_word(const EgSourceReader *r, const char *name)
{
	int			i;

	for (i = 0; i < EG_SRC_NROLES; i++)
		if (r->role[i].name && strcmp(r->role[i].name, name) == 0)
			return r->role[i].word;
	for (i = 0; i < r->nkeys; i++)
		if (strcmp(r->keys[i].name, name) == 0)
			return "key";
	return NULL;
}

static void
check_lists(const EgSourceReader *r, TupleDesc desc)
{
	ListCell   *lc;

	foreach(lc, r->spec->exclude)
	{
		require_column(r, desc, lfirst(lc));
	}
	foreach(lc, r->spec->features)
	{
		const char *name = lfirst(lc);

		require_column(r, desc, name);
		if (role_word(r, name))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" cannot be both a feature and the %s", name,
								   role_word(r, name))));
		if (in_list(r->spec->exclude, name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" is both in features and in exclude", name)));
	}
}

/*
 * The length of the arrays in a column.  All must be equal, so any row's will
 * do; a column without any is one feature that is always missing.
 */
static int
array_width(const EgSourceReader *r, const char *name, int32 typmod, const EgConverter *cv)
{
	MemoryContext old = CurrentMemoryContext;
	char	   *query;
	int			width = 1;

	if (cv->op == EG_OP_VECTOR && typmod > 0)
		return typmod;
	query = psprintf("SELECT %s FROM %s WHERE %s IS NOT NULL LIMIT 1",
					 quote_identifier(name), r->from, quote_identifier(name));
	if (SPI_execute_plan(eg_gate_prepare(query, 0, NULL, 0), NULL, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the source");
	MemoryContextSwitchTo(old); /* SPI leaves us in its own */
	if (SPI_processed > 0)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		width = eg_convert_array(cv, value, -2, NULL);
		if (width < 1 || width > EG_MAX_FEATURES)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 width == 0 ? errmsg("array in column \"%s\" is empty", name) :
					 width > 0 ?
					 errmsg("array in column \"%s\" has %d elements, more than %d", name,
										width, EG_MAX_FEATURES) :
					 errmsg("array in column \"%s\" has more than one dimension", name),
					 errhint("Leave it out with exclude => ARRAY[%s].", quote_literal_cstr(name))));
	}
	SPI_freetuptable(SPI_tuptable);
	return width;
}

/* A feature column for a new schema. */
static void
add_feature(EgSourceReader *r, SelectList *list, int attno)
{
	EgSchema   *s = r->data.schema;
	Form_pg_attribute att = TupleDescAttr(list->source, attno);
	EgColumn   *c = &s->columns[s->ncolumns];
	EgConverter *cv = &r->cv[s->ncolumns];

	c->name = pstrdup(NameStr(att->attname));
	if (!eg_converter_init(cv, att->atttypid))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of type %s cannot be a feature", c->name,
							   format_type_be(att->atttypid)),
						errhint("Leave it out with exclude => ARRAY[%s], or convert it to a number "
								"or text in a view or query.",
								quote_literal_cstr(c->name))));
	find_column(r, list->source, c->name);	/* once only */
	c->kind = cv->kind;
	c->type = format_type_be(att->atttypid);
	c->width = 1;
	if (c->kind == EG_COL_ARRAY)
		c->width = array_width(r, c->name, att->atttypmod, cv);
	if (c->kind == EG_COL_CATEGORY)
		eg_dict_create(c, 0);
	if (c->kind == EG_COL_DATE)
		r->date_column[r->ndates++] = s->ncolumns;
	r->attno[s->ncolumns++] = select_column(list, attno);
}

static void
make_schema(EgSourceReader *r, SelectList *list)
{
	EgSchema   *s = palloc0(sizeof(EgSchema));
	int			n = list->source->natts;
	int			i;

	r->data.schema = s;
	s->columns = palloc0(sizeof(EgColumn) * Max(n, 1));
	r->attno = palloc(sizeof(int) * Max(n, 1));
	r->cv = palloc(sizeof(EgConverter) * Max(n, 1));
	r->date_column = palloc(sizeof(int) * Max(n, 1));
	check_lists(r, list->source);
	for (i = 0; i < n; i++)
	{
		const char *name = NameStr(TupleDescAttr(list->source, i)->attname);

		if (r->spec->features != NIL ? in_list(r->spec->features, name) :
			!in_list(r->spec->exclude, name) && role_word(r, name) == NULL &&
			(r->spec->only == NIL || in_list(r->spec->only, name)))
			add_feature(r, list, i);
	}
	eg_schema_finish(s);
	if (s->nfeatures > EG_MAX_FEATURES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("%s has %d features, more than %d", eg_source_words(r), s->nfeatures,
							   EG_MAX_FEATURES)));
	if (r->role[EG_SRC_TARGET].attno >= 0)
	{
		s->target = pstrdup(r->spec->target);
		s->target_type = format_type_be(r->role[EG_SRC_TARGET].type);
	}
}

/* The columns of a given schema, whose converters are in a binding made later. */
static void
use_schema(EgSourceReader *r, SelectList *list)
{
	int			i;

	r->data.schema = (EgSchema *) r->spec->schema;
	for (i = 0; i < r->spec->schema->ncolumns; i++)
		select_column(list, require_column(r, list->source, r->spec->schema->columns[i].name));
}

char *
eg_source_columns(EgSourceReader *r)
{
	const EgSourceSpec *spec = r->spec;
	SelectList	list;
	StringInfoData sql;
	ListCell   *lc;
	int			i;

	r->data.query = eg_source_query(spec->source, &r->data.relation);

	r->from = r->data.relation ? r->data.relation : eg_source_embed(r->data.query, "source");
	list.source = eg_source_describe(psprintf("SELECT * FROM %s", r->from));
	list.n = 0;
	list.attno = palloc(sizeof(int) * Max(list.source->natts, 1));

	find_role(r, &list, EG_SRC_TARGET, "target", spec->target);
	find_role(r, &list, EG_SRC_WEIGHT, "weight", spec->weight);
	find_role(r, &list, EG_SRC_SPLIT, "split", spec->split);
	find_role(r, &list, EG_SRC_GROUP, "group", spec->group);
	find_role(r, &list, EG_SRC_EVENT, "event", spec->event);
	find_role(r, &list, EG_SRC_PARTITION, "partition", spec->partition_by);
	find_role(r, &list, EG_SRC_REMEMBER, "person", spec->remember);
	find_keys(r, &list);

	r->own_schema = spec->schema == NULL;
	if (r->own_schema)
		make_schema(r, &list);
	else
		use_schema(r, &list);

	/* what the caller's hook reads from the rows */
	foreach(lc, spec->needed)
	{
		select_column(&list, require_column(r, list.source, lfirst(lc)));
	}
	foreach(lc, spec->also)
	{
		int			attno = find_column(r, list.source, lfirst(lc));

		if (attno >= 0)
			select_column(&list, attno);
	}

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (i = 0; i < list.n; i++)
		appendStringInfo(
			&sql, "%s%s", i > 0 ? ", " : "",
			quote_identifier(NameStr(TupleDescAttr(list.source, list.attno[i])->attname)));
	appendStringInfo(&sql, " FROM %s", r->from);
	return sql.data;
}
