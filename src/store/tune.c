/*-------------------------------------------------------------------------
 *
 * tune.c
 *	  The leaderboard's rows, commits between trials, the winner's training.
 *
 * Rows are written like the registry's: as the extension's owner.  The winner
 * is trained by engage_train() itself, as the invoker: one way to make a
 * version, not two.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "store/registry.h"
#include "store/roles.h"
#include "store/tune.h"

#define TRAIN_ARGS			22

/* NaN is an SQL NULL */
static const char *
number_text(double v)
{
	return isnan(v) ? NULL : psprintf("%.17g", v);
}

static double
number_of(uint64 row, int col)
{
	bool		isnull;
	Datum		d = eg_visit_datum(row, col, &isnull);

	return isnull ? NAN : DatumGetFloat8(d);
}

static char *
fingerprint_text(uint64 fingerprint)
{
	return psprintf("%016llx", (unsigned long long) fingerprint);
}

int64
eg_tuning_begin(const char *model, Jsonb *setting, const char *metric, uint64 fingerprint)
{
	char	   *who = GetUserNameFromId(GetUserId(), false);
	EgVisit		v;
	int64		id;

	eg_role_note(who);
	eg_visit_begin(&v);
	(void) eg_visit_write("INSERT INTO engage.tuning (model, who, setting, metric, fingerprint)"
						  " VALUES ($1, $2, $3, $4, $5) RETURNING id", "tnjtt", model, who,
						  setting, metric, fingerprint_text(fingerprint));
	id = eg_visit_int64(0, 1);
	eg_visit_end(&v);
	return id;
}

int64
eg_tuning_find(const char *model, Jsonb *setting, uint64 fingerprint, bool *same_data)
{
	char	   *who = GetUserNameFromId(GetUserId(), false);
	EgVisit		v;
	int64		id = 0;

	*same_data = false;
	eg_visit_begin(&v);
	if (eg_visit_write("SELECT id, fingerprint = $4 FROM engage.tuning WHERE model = $1"
					   " AND who = $2 AND setting = $3 ORDER BY id DESC LIMIT 1", "tnjt", model,
					   who, setting, fingerprint_text(fingerprint)) > 0)
	{
		id = eg_visit_int64(0, 1);
		*same_data = eg_visit_bool(0, 2);
	}
	eg_visit_end(&v);
	return id;
}

void
eg_trial_add(int64 tuning, const EgTrialRow *t)
{
	EgVisit		v;

	eg_visit_begin(&v);
	if (eg_visit_write("INSERT INTO engage.trial (tuning, trial, algorithm, params, scores,"
						  " gaps, mean, deviation, gap, loss, seconds, state, message) VALUES"
						  " ($1, $2, $3, $4, $5, $6, $7::float8, $8::float8, $9::float8,"
						  " $10::float8, $11, $12, $13)"
						  " ON CONFLICT (tuning, trial) DO NOTHING", "litjjjttttdtt", tuning, t->trial,
						  t->algorithm, t->params, t->scores, t->gaps, number_text(t->mean),
						  number_text(t->deviation), number_text(t->gap), number_text(t->loss),
						  t->seconds, t->state, t->message) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another session goes on with the same search"),
				 errdetail("Trial %d of search %lld is there already.", t->trial, (long long) tuning),
				 errhint("Wait until it has finished, and call again with resume => true.")));
	eg_visit_end(&v);
}

List *
eg_trials_read(int64 tuning)
{
	List	   *trials = NIL;
	EgVisit		v;
	uint64		n,
				i;

	eg_visit_begin(&v);
	n = eg_visit_write("SELECT trial, algorithm, params, scores, gaps, mean, deviation, gap, loss,"
					   " seconds, state, message FROM engage.trial WHERE tuning = $1"
					   " ORDER BY trial", "l", tuning);
	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(v.caller);
		EgTrialRow *t = palloc0(sizeof(EgTrialRow));

		t->trial = eg_visit_int(i, 1);
		t->algorithm = eg_visit_text(&v, i, 2);
		t->params = eg_visit_jsonb(&v, i, 3);
		t->scores = eg_visit_jsonb(&v, i, 4);
		t->gaps = eg_visit_jsonb(&v, i, 5);
		t->mean = number_of(i, 6);
		t->deviation = number_of(i, 7);
		t->gap = number_of(i, 8);
		t->loss = number_of(i, 9);
		t->seconds = eg_visit_double(i, 10);
		t->state = eg_visit_text(&v, i, 11);
		t->message = eg_visit_text(&v, i, 12);
		trials = lappend(trials, t);
		MemoryContextSwitchTo(old);
	}
	eg_visit_end(&v);
	return trials;
}

int64
eg_trials_forget(const char *model)
{
	static const char *const mine =
		"(SELECT t.id FROM engage.tuning t WHERE t.model = $1 AND ($2 = 1 OR pg_has_role($3::name,"
		" (SELECT r.oid FROM pg_roles r WHERE r.rolname = t.who"
		" AND engage.role_missing(t.who) IS NULL), 'USAGE')))";
	bool		super = superuser();
	char	   *who = GetUserNameFromId(GetUserId(), false);
	EgVisit		v;
	int64		n;

	eg_visit_begin(&v);
	n = (int64) eg_visit_write(psprintf("DELETE FROM engage.trial WHERE tuning IN %s", mine),
							   "tin", model, (int) super, who);
	(void) eg_visit_write(psprintf("DELETE FROM engage.tuning WHERE id IN %s", mine), "tin", model,
						  super, who);
	eg_visit_end(&v);
	return n;
}

void
eg_tuning_commit(void)
{
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	SPI_commit();
	SPI_start_transaction();
	SPI_finish();

	/* the next statement of ours needs a snapshot, as each statement of a procedure does */
	EnsurePortalSnapshotExists();
}

static Datum
names_array(List *names)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, names)
		items[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set_text(Datum *values, char *nulls, int i, const char *text)
{
	nulls[i] = text ? ' ' : 'n';
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

EgTuneTrained *
eg_tune_train(const EgTuneTraining *t)
{
	static const Oid types[TRAIN_ARGS] = {
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TEXTARRAYOID,
		TEXTARRAYOID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID, INT8OID, TEXTOID, FLOAT8OID, TEXTOID,
		TEXTOID, TEXTOID, TEXTOID, FLOAT8OID, TEXTOID
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[TRAIN_ARGS] = {0};
	char		nulls[TRAIN_ARGS];
	EgTuneTrained *r = palloc0(sizeof(EgTuneTrained));
	HeapTuple	row;
	TupleDesc	desc;
	Datum		metrics;
	bool		isnull;
	char	   *sql;

	memset(nulls, ' ', sizeof(nulls));
	set_text(values, nulls, 0, t->model);
	set_text(values, nulls, 1, t->source);
	set_text(values, nulls, 2, t->target);
	set_text(values, nulls, 3, t->algorithm);
	values[4] = JsonbPGetDatum(t->params);
	set_text(values, nulls, 5, t->task);
	set_text(values, nulls, 6, t->key);
	values[7] = names_array(t->features);
	nulls[7] = t->features ? ' ' : 'n';
	values[8] = names_array(t->exclude);
	nulls[8] = t->exclude ? ' ' : 'n';
	set_text(values, nulls, 9, t->weight);
	set_text(values, nulls, 10, t->class_weight);
	values[11] = Float8GetDatum(t->test_size);
	set_text(values, nulls, 12, t->split);
	values[13] = Int64GetDatum(t->seed);
	set_text(values, nulls, 14, t->deploy);
	values[15] = Float8GetDatum(t->min_improvement);
	set_text(values, nulls, 16, t->positive);
	set_text(values, nulls, 17, t->group_by);
	set_text(values, nulls, 18, t->event);
	set_text(values, nulls, 19, t->partition_by);
	values[20] = Float8GetDatum(t->interval);
	nulls[20] = t->interval > 0 ? ' ' : 'n';
	set_text(values, nulls, 21, t->calibrate);
	sql = psprintf("SELECT version, task, rows_train, rows_test, deployed, metrics"
				   " FROM %s.engage_train(model => $1, source => $2, target => $3,"
				   " algorithm => $4, params => $5, task => $6, key => $7, features => $8,"
				   " exclude => $9, weight => $10, class_weight => $11, test_size => $12,"
				   " split => $13, seed => $14, deploy => $15, min_improvement => $16,"
				   " positive => $17, group_by => $18, event => $19, partition_by => $20,"
				   " intervals => $21, calibrate => $22)",
				   quote_identifier(get_namespace_name(t->functions)));

	SPI_connect();
	if (SPI_execute_with_args(sql, TRAIN_ARGS, (Oid *) types, values, nulls, false, 0) !=
		SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "engage_train() did not return a row");
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	r->version = MemoryContextStrdup(caller, SPI_getvalue(row, desc, 1));
	r->task = MemoryContextStrdup(caller, SPI_getvalue(row, desc, 2));
	r->rows_train = DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
	r->rows_test = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
	r->deployed = DatumGetBool(SPI_getbinval(row, desc, 5, &isnull));
	metrics = SPI_getbinval(row, desc, 6, &isnull);
	if (!isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(caller);

		r->metrics = DatumGetJsonbPCopy(metrics);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return r;
}
