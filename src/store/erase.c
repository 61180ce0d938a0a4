/*-------------------------------------------------------------------------
 *
 * erase.c
 *	  One person's rows out of the prediction log, and where else the person is.
 *
 * A trained model cannot forget one row; it can be trained again without it.
 * So what is removed is the log, and what is told is which versions have
 * learned from the person.  The event says how many rows were removed, not
 * whose: it stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "store/erase.h"
#include "store/key.h"
#include "store/registry.h"

/* Models that the current user may manage, by name: id and name alone are set. */
static List *
managed_models(void)
{
	List	   *models = NIL;
	SPITupleTable *table;
	EgVisit		v;
	uint64		n,
				i;

	eg_visit_begin(&v);
	n = eg_visit_read("SELECT id, name, owner FROM engage.model ORDER BY name", "");
	table = SPI_tuptable;
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));
		char	   *name = SPI_getvalue(table->vals[i], table->tupdesc, 2);
		char	   *owner = SPI_getvalue(table->vals[i], table->tupdesc, 3);
		MemoryContext old;
		EgModelRow *m;

		if (!eg_models_allowed(v.user, id, owner, EG_PRIV_MANAGE))
			continue;
		old = MemoryContextSwitchTo(v.caller);
		m = palloc0(sizeof(EgModelRow));
		m->id = id;
		m->name = pstrdup(name);
		models = lappend(models, m);
		MemoryContextSwitchTo(old);
	}
	eg_visit_end(&v);
	return models;
}

/* Versions that were dropped come last: of these the log alone knows. */
static List *
erase_model(const char *key, const EgModelRow *m, List *erased)
{
	List	   *ids = NIL;
	EgVisit		v;
	int64		total = 0;
	uint64		n,
				i;
	int			k;

	eg_visit_begin(&v);
	n = eg_visit_write("WITH gone AS (DELETE FROM engage.prediction WHERE model_id = $1"
					   " AND key = $2 RETURNING version_id, version),"
					   " counted AS (SELECT version_id, version, count(*) AS logged FROM gone"
					   " GROUP BY version_id, version),"
					   " kept AS (SELECT id, concat_ws('.', major, minor, patch) AS version"
					   " FROM engage.version WHERE model_id = $1)"
					   " SELECT coalesce(k.id, 0), coalesce(k.version, c.version),"
					   " coalesce(c.logged, 0), (k.id = m.deployed) IS TRUE"
					   " FROM engage.model m,"
					   " kept k FULL JOIN counted c ON c.version_id = k.id WHERE m.id = $1"
					   " ORDER BY k.id IS NULL,"
					   " string_to_array(coalesce(k.version, c.version), '.')::int[]",
					   "lt", m->id, key);
	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(v.caller);
		EgErased   *e = palloc0(sizeof(EgErased));
		int64	   *id = palloc(sizeof(int64));

		*id = eg_visit_int64(i, 1);
		e->model = m->name;
		e->version = eg_visit_text(&v, i, 2);
		e->logged = eg_visit_int64(i, 3);
		e->deployed = eg_visit_bool(i, 4);
		e->dropped = *id == 0;
		total += e->logged;
		erased = lappend(erased, e);
		ids = lappend(ids, id);
		MemoryContextSwitchTo(old);
	}
	eg_visit_end(&v);

	for (k = 0; k < list_length(ids); k++)
	{
		EgErased   *e = list_nth(erased, list_length(erased) - list_length(ids) + k);
		int64		id = *(int64 *) list_nth(ids, k);

		CHECK_FOR_INTERRUPTS();
		if (id != 0)
			e->trained = eg_remembered_find(id, key);
	}
	if (total > 0)
		eg_models_event(m->id, m->name, NULL, "erase",
						DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(
							psprintf("{\"rows\": %lld}", (long long) total)))));
	return erased;
}

/*
 * The key as the log of a model has it: as given, or, where nothing was logged under that and it is
 * a number (42.00, as a numeric column prints it), as numbers are logged.
 */
static const char *
logged_key(const char *key, const EgModelRow *m)
{
	char	   *number = eg_key_of_number_text(key);
	bool		other;
	EgVisit		v;

	if (number == NULL || strcmp(number, key) == 0)
		return key;
	eg_visit_begin(&v);
	other = eg_visit_read("SELECT 1 FROM engage.prediction"
						  " WHERE model_id = $1 AND key = $2 LIMIT 1",
						  "lt", m->id, key) == 0;
	eg_visit_end(&v);
	return other ? number : key;
}

List *
eg_erase(const char *key, const EgModelRow *model)
{
	List	   *models = model ? list_make1((void *) model) : managed_models();
	List	   *erased = NIL;
	ListCell   *lc;

	foreach(lc, models)
		erased = erase_model(logged_key(key, lfirst(lc)), lfirst(lc), erased);
	return erased;
}
