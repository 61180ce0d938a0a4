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
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "store/call.h"
#include "store/registry.h"
#include "store/roles.h"
#include "store/tune.h"

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

/* Names as the text of an array, NULL for none. */
static char *
names_text(List *names)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;
	int			n = 0;

	if (names == NIL)
		return NULL;
	foreach(lc, names)
		items[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(
		construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT)));
}

EgTuneTrained *
eg_tune_train(const EgTuneTraining *t)
{
	char	   *params = JsonbToCString(NULL, &t->params->root, VARSIZE(t->params));
	EgTuneTrained *r = palloc0(sizeof(EgTuneTrained));
	EgRows	   *row;

	row = eg_call_write("engage_train", EG_ARGS(
		{"model", t->model}, {"source", t->source}, {"target", t->target},
		{"algorithm", t->algorithm}, {"params", params}, {"task", t->task}, {"key", t->key},
		{"features", names_text(t->features)}, {"exclude", names_text(t->exclude)},
		{"weight", t->weight}, {"class_weight", t->class_weight},
		{"test_size", number_text(t->test_size)}, {"split", t->split},
		{"seed", psprintf("%lld", (long long) t->seed)}, {"deploy", t->deploy},
		{"min_improvement", number_text(t->min_improvement)}, {"positive", t->positive},
		{"group_by", t->group_by}, {"event", t->event}, {"partition_by", t->partition_by},
		{"intervals", t->interval > 0 ? number_text(t->interval) : NULL},
		{"calibrate", t->calibrate}));
	r->version = eg_rows_text(row, "version");
	r->task = eg_rows_text(row, "task");
	r->rows_train = strtoll(eg_rows_text(row, "rows_train"), NULL, 10);
	r->rows_test = strtoll(eg_rows_text(row, "rows_test"), NULL, 10);
	r->deployed = eg_rows_true(row, "deployed");
	r->metrics = eg_rows_jsonb(row, "metrics");
	eg_rows_free(row);
	return r;
}
