/*-------------------------------------------------------------------------
 *
 * models_view.c
 *	  engage_create_view(): the view that BI tools read.
 *
 * It is made as the invoker and holds nothing but calls of the scoring
 * functions, so it follows deployments and gives nobody a right: who reads it
 * needs a grant on the model and, through the view's owner, on the source.
 * They are named by their twins in schema engage: who creates a view must not
 * bind it to what others have put beside engage_predict().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/algo.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "store/registry.h"
#include "store/source.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

/* a, "B", c: identifiers as in SQL */
static List *
split_columns(const char *text, const char *relation)
{
	List	   *columns;

	/* as in engage_train(): first a column that is called exactly so, whatever its characters */
	if (relation != NULL)
	{
		Oid relid = RangeVarGetRelid(makeRangeVarFromNameList(eg_qualified_name_list(relation)),
									 NoLock, false);

		if (get_attnum(relid, text) > 0)
			return list_make1(pstrdup(text));
	}
	if (!SplitIdentifierString(pstrdup(text), ',', &columns) || columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid list of key columns \"%s\"", text),
				 errhint("Separate the columns with commas.")));
	return columns;
}

/* Columns of the primary key, NIL when the relation has none. */
static List *
primary_key(const char *relation)
{
	List	   *columns = NIL;
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[1] = {OIDOID};
	Datum		values[1];
	Oid			relid;

	relid =
		RangeVarGetRelid(makeRangeVarFromNameList(eg_qualified_name_list(relation)), NoLock, false);
	values[0] = ObjectIdGetDatum(relid);

	SPI_connect();
	if (SPI_execute_with_args("SELECT a.attname FROM pg_catalog.pg_index i,"
							  " pg_catalog.unnest(i.indkey::pg_catalog.int2[])"
							  " WITH ORDINALITY k(attnum, n), pg_catalog.pg_attribute a"
							  " WHERE i.indrelid OPERATOR(pg_catalog.=) $1 AND i.indisprimary"
							  " AND a.attrelid OPERATOR(pg_catalog.=) i.indrelid"
							  " AND a.attnum OPERATOR(pg_catalog.=) k.attnum"
							  " AND k.n OPERATOR(pg_catalog.<=) i.indnkeyatts"
							  " ORDER BY k.n", 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI failed in the catalog");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *column = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(caller);

		columns = lappend(columns, pstrdup(column));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return columns;
}

/* The key given, else the table's primary key, else the one that the model was trained with. */
static List *
find_key(const char *key, const char *relation, const char *source, const EgVersionRow *version)
{
	List	   *columns = NIL;
	char	   *recipe_key;

	if (key != NULL)
		return split_columns(key, relation);
	if (relation != NULL)
		columns = primary_key(relation);
	if (columns != NIL)
		return columns;
	recipe_key = eg_jsonb_text(version->recipe, "key");
	if (recipe_key != NULL)
		return split_columns(recipe_key, relation);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no key is known for \"%s\"", eg_clip(source, 128)),
			 errhint("Name the columns that identify a row: key => 'customer_id'.")));
}

/* The name of a column of the model's: it steps aside for a column of the key. */
static char *
free_name(const char *wanted, List *key)
{
	char	   *name = pstrdup(wanted);
	bool		taken = true;
	ListCell   *cell;

	while (taken)
	{
		taken = false;
		foreach(cell, key)
			taken = taken || strcmp((char *) lfirst(cell), name) == 0;
		if (taken)
			name = psprintf("model_%s", name);
	}
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("the view has no name left for the column \"%s\"", wanted),
				 errhint("Rename the key's columns in the source, for example "
						 "SELECT *, %s AS id FROM ....", quote_identifier(wanted))));
	if (strcmp(name, wanted) != 0)
		ereport(NOTICE,
				(errmsg("the model's %s is column \"%s\" of the view", wanted, name),
				 errdetail("The key has a column \"%s\".", wanted)));
	return name;
}

/* engage.predict('churn', s.*) AS score; a plain s would be a column of that name */
static void
append_call(StringInfo sql, const char *function, const char *model, const char *alias, List *key)
{
	appendStringInfo(sql, ",\n\tengage.%s(%s, s.*) AS %s", function, model,
					 free_name(alias, key));
}

/* The classes of several have no score in one number. */
static void
append_scores(StringInfo sql, const char *task, const char *model, List *key)
{
	EgTask		t = EG_REGRESSION;

	(void) eg_task_parse(task, &t);
	if (t != EG_MULTICLASS)
		append_call(sql, "predict", model, "score", key);
	if (eg_task_has_classes(t))
		append_call(sql, "predict_class", model, "class", key);
	if (eg_task_many_classes(t))
		append_call(sql, "predict_proba", model, "probabilities", key);
	if (t == EG_QUANTILE)
		append_call(sql, "predict_quantiles", model, "quantiles", key);
}

char *
eg_models_create_view(const char *view, const char *reference, const char *source,
					  const char *key)
{
	EgVersionRow *version = eg_models_version(reference, EG_PRIV_USE);
	RangeVar   *name = makeRangeVarFromNameList(eg_qualified_name_list(view));
	const char *quoted_view = quote_qualified_identifier(name->schemaname, name->relname);
	const char *model = quote_literal_cstr(reference);
	char	   *relation = NULL;
	char	   *query = eg_source_query(source, &relation);
	List	   *columns;
	StringInfoData sql;
	ListCell   *cell;

	if (name->catalogname != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("view name \"%s\" must not name a database", view)));

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE VIEW %s AS\nSELECT", quoted_view);
	columns = find_key(key, relation, source, version);
	foreach(cell, columns)
		appendStringInfo(&sql, " s.%s,", quote_identifier((char *) lfirst(cell)));
	sql.data[--sql.len] = '\0';
	append_scores(&sql, version->task, model, columns);

	/* not correlated, so it is run once and not for each row */
	appendStringInfo(&sql, ",\n\t(SELECT engage.model_version(%s)) AS %s\nFROM ", model,
					 free_name("version", columns));
	if (relation != NULL)
		appendStringInfo(&sql, "%s s", relation);
	else
		appendStringInfoString(&sql, eg_source_embed(query, "s"));

	SPI_connect();
	if (SPI_execute(sql.data, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SPI failed: %s", sql.data);
	SPI_finish();
	return pstrdup(quoted_view);
}
