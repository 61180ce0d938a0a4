/*-------------------------------------------------------------------------
 *
 * source_query.c
 *	  Is a source text the name of a relation, or one harmless SELECT?
 *
 * The parser answers, not a search for words: the text must be exactly one
 * statement, and that a SELECT or VALUES.  It is then only ever run inside
 * SELECT ... FROM (text) AS source, in a read-only transaction, as the
 * invoker, so what the parser cannot see (functions that write) fails there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "store/source_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

/* most column names that a hint lists */
#define HINT_COLUMNS	20

bool
eg_source_is_name(const char *s)
{
	bool		quoted = false;

	for (; *s; s++)
	{
		if (*s == '"')
			quoted = !quoted;
		else if (!quoted && (scanner_isspace(*s) || strchr("();'", *s) != NULL))
			return false;
	}
	return !quoted;
}

static char *
trim(const char *s)
{
	Size		len;

	while (scanner_isspace(*s))
		s++;
	len = strlen(s);
	while (len > 0 && scanner_isspace(s[len - 1]))
		len--;
	return pnstrdup(s, len);
}

static char *
relation_name(const char *name)
{
	RangeVar   *rv = makeRangeVarFromNameList(eg_qualified_name_list(name));
	Oid			relid = RangeVarGetRelid(rv, NoLock, false);
	char		kind = get_rel_relkind(relid);

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_VIEW &&
		kind != RELKIND_MATVIEW && kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("source \"%s\" is not a table or view", name)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

static void pg_attribute_noreturn()
refuse_query(const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source %s", reason),
			 errhint("A source is the name of a table or view, or one SELECT that only reads.")));
}

/* INTO, locks and changes of data, however deep in the statement. */
static bool
check_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, InsertStmt) || IsA(node, UpdateStmt) || IsA(node, DeleteStmt) ||
		EG_IS_MERGE(node))
		refuse_query("must not change data in its WITH clause");
	if (IsA(node, SelectStmt))
	{
		SelectStmt *s = (SelectStmt *) node;

		if (s->intoClause)
			refuse_query("must not create a table with SELECT INTO");
		if (s->lockingClause != NIL)
			refuse_query("must not lock rows with FOR UPDATE or FOR SHARE");
	}
	return raw_expression_tree_walker(node, check_node, context);
}

/* A syntax error's position is in the source, not in the caller's query. */
static void
syntax_error_callback(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

static List *
parse(const char *text)
{
	ErrorContextCallback callback;
	List	   *statements;

	callback.callback = syntax_error_callback;
	callback.arg = (void *) text;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	statements = raw_parser(text, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	return statements;
}

/* The one statement in text, without a semicolon at its end. */
static char *
checked_query(const char *text)
{
	List	   *statements = parse(text);
	RawStmt    *raw;

	if (list_length(statements) != 1)
		refuse_query(psprintf("holds %d statements, not one", list_length(statements)));
	raw = linitial_node(RawStmt, statements);
	if (!IsA(raw->stmt, SelectStmt))
		refuse_query("is a statement other than SELECT");
	check_node(raw->stmt, NULL);

	text += raw->stmt_location;
	return trim(raw->stmt_len > 0 ? pnstrdup(text, raw->stmt_len) : text);
}

char *
eg_source_query(const char *source, char **relation)
{
	char	   *text = trim(source);

	if (*text == '\0')
		refuse_query("is empty");
	if (!eg_source_is_name(text))
	{
		*relation = NULL;
		return checked_query(text);
	}
	*relation = relation_name(text);
	return psprintf("SELECT * FROM %s", *relation);
}

char *
eg_source_embed(const char *query, const char *alias)
{
	/* the line break ends a comment in the query's last line */
	return psprintf("(%s\n) AS %s", query, alias);
}

char *
eg_column_text(const char *column, Oid type)
{
	if (getBaseType(type) < FirstNormalObjectId)
		return psprintf("%s::pg_catalog.text", column);
	return psprintf("CASE WHEN NOT %s IS NULL THEN pg_catalog.concat(%s) END", column, column);
}

char *
eg_source_words(const EgSourceReader *r)
{
	return r->data.relation ? psprintf("source \"%s\"", r->spec->source) :
		pstrdup("the source query");
}

typedef struct NearName
{
	const char *name;
	int			distance;
	int			attno;
} NearName;

static int
compare_near(const void *a, const void *b)
{
	const NearName *x = a;
	const NearName *y = b;

	return x->distance != y->distance ? x->distance - y->distance : x->attno - y->attno;
}

char *
eg_source_column_hint(TupleDesc desc, const char *name)
{
	NearName   *near = palloc(sizeof(NearName) * Max(desc->natts, 1));
	StringInfoData buf;
	int			n = 0;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char *known = NameStr(att->attname);

		if (att->attisdropped)
			continue;
		near[n].name = known;
		near[n].attno = i;
		near[n++].distance = strlen(name) >= NAMEDATALEN ? 0 :
			varstr_levenshtein(name, strlen(name), known, strlen(known), 1, 1, 1, true);
	}
	qsort(near, n, sizeof(NearName), compare_near);

	initStringInfo(&buf);
	appendStringInfoString(&buf, "Its columns are ");
	for (i = 0; i < n && i < HINT_COLUMNS; i++)
		appendStringInfo(&buf, "%s\"%s\"", i > 0 ? ", " : "", near[i].name);
	if (n > HINT_COLUMNS)
		appendStringInfo(&buf, " and %d more", n - HINT_COLUMNS);
	appendStringInfoChar(&buf, '.');
	return buf.data;
}
