/*-------------------------------------------------------------------------
 *
 * prediction_partitions.c
 *	  The partitions of the prediction log, and its retention.
 *
 * A partition is a month or a day in UTC, as engage.log_partition says when it
 * is made.  A month that has a partition of a day gets days to its end: one of
 * the month would overlap.  A partition is made as a table of its own and then
 * attached, which waits for nobody who reads or writes the log; CREATE TABLE
 * PARTITION OF would lock the whole log.  Two sessions that miss the same
 * partition wait for one another on a lock of the parent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "engage.h"
#include "store/prediction_log.h"
#include "store/registry.h"

static void
date_of(TimestampTz at, struct pg_tm *tm)
{
	fsec_t		fsec;

	/* no time zone asked for: UTC */
	if (TIMESTAMP_NOT_FINITE(at) || timestamp2tm(at, NULL, tm, &fsec, NULL, NULL) != 0 ||
		tm->tm_year < 1970 || tm->tm_year > 9998)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("scores cannot be logged at \"%s\"", timestamptz_to_str(at)),
				 errdetail("The log holds the years 1970 to 9998.")));
}

/* Is there a partition of that name?  A table that is none would be in its way. */
static bool
partition_exists(const char *name)
{
	Oid			relation = get_relname_relid(name, get_namespace_oid("engage", false));

	if (!OidIsValid(relation))
		return false;
	if (!get_rel_relispartition(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table engage.%s is no partition of the prediction log", name),
				 errdetail("A partition with its name is needed for the scores to be logged."),
				 errhint("Attach it to engage.prediction again, rename it, or drop it.")));
	return true;
}

/* Have days of this month partitions of their own?  Only within a visit. */
static bool
has_days(const char *month)
{
	return eg_visit_write("SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
						  " WHERE i.inhparent = 'engage.prediction'::regclass"
						  " AND c.relname::text COLLATE \"C\" ~ ('^' || $1 || '_[0-9]{2}$') LIMIT 1",
						  "t", month) > 0;
}

static void
create_partition(const char *name, const char *what, const char *from, const char *to)
{
	eg_visit_write(psprintf("CREATE TABLE engage.%s (LIKE engage.prediction INCLUDING DEFAULTS,"
							" PRIMARY KEY (model_id, key, scored_at, id))", name), "");
	eg_visit_write(psprintf("COMMENT ON TABLE engage.%s IS 'logged scores of a %s'", name, what),
				   "");
	eg_visit_write(psprintf("ALTER TABLE engage.prediction ATTACH PARTITION engage.%s"
							" FOR VALUES FROM ('%s 00:00:00+00') TO ('%s 00:00:00+00')",
							name, from, to), "");
}

void
eg_log_make_partition(TimestampTz at)
{
	EgVisit		v;
	struct pg_tm tm;
	char	   *month;
	char	   *day;
	int			julian;
	int			next[3];

	date_of(at, &tm);
	month = psprintf("prediction_%04d_%02d", tm.tm_year, tm.tm_mon);
	day = psprintf("%s_%02d", month, tm.tm_mday);
	if (partition_exists(month) || partition_exists(day))
		return;
	eg_visit_begin(&v);
	eg_visit_write("LOCK TABLE engage.prediction IN SHARE UPDATE EXCLUSIVE MODE", "");
	if (partition_exists(month) || partition_exists(day))
		;						/* by another session */
	else if (eg_log_partition == EG_LOG_DAY || has_days(month))
	{
		julian = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
		j2date(julian + 1, &next[0], &next[1], &next[2]);
		create_partition(day, "day",
						 psprintf("%04d-%02d-%02d", tm.tm_year, tm.tm_mon, tm.tm_mday),
						 psprintf("%04d-%02d-%02d", next[0], next[1], next[2]));
	}
	else
		create_partition(month, "month", psprintf("%04d-%02d-01", tm.tm_year, tm.tm_mon),
						 psprintf("%04d-%02d-01", tm.tm_year + tm.tm_mon / 12,
								  tm.tm_mon % 12 + 1));
	eg_visit_end(&v);
}

int
eg_log_drop_partitions(TimestampTz before)
{
	List	   *names = NIL;
	ListCell   *lc;
	EgVisit		v;
	struct pg_tm tm;
	uint64		n,
				i;

	date_of(before, &tm);
	eg_visit_begin(&v);
	if (!has_privs_of_role(v.user, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of the extension engage to remove predictions of all models"),
				 errhint("Name a model of yours: engage_log_retention(keep, 'model').")));
	eg_visit_write("LOCK TABLE engage.prediction IN SHARE UPDATE EXCLUSIVE MODE", "");

	/* months before the month of that day, and days before the day: all that end before it */
	n = eg_visit_write("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
					   " WHERE i.inhparent = 'engage.prediction'::regclass"
					   " AND (c.relname COLLATE \"C\" ~ '^prediction_[0-9]{4}_[0-9]{2}$'"
					   " AND c.relname::text COLLATE \"C\" < left($1, -3)"
					   " OR c.relname COLLATE \"C\" ~ '^prediction_[0-9]{4}_[0-9]{2}_[0-9]{2}$'"
					   " AND c.relname::text COLLATE \"C\" < $1) ORDER BY 1", "t",
					   psprintf("prediction_%04d_%02d_%02d", tm.tm_year, tm.tm_mon, tm.tm_mday));
	for (i = 0; i < n; i++)
		names = lappend(names, eg_visit_text(&v, i, 1));
	foreach(lc, names)
		eg_visit_write(psprintf("DROP TABLE engage.%s", (char *) lfirst(lc)), "");
	eg_visit_end(&v);
	return list_length(names);
}

int64
eg_log_forget(const EgModelRow *m, TimestampTz before)
{
	EgVisit		v;
	int64		n;

	eg_visit_begin(&v);
	n = (int64) eg_visit_write("DELETE FROM engage.prediction WHERE model_id = $1"
							   " AND scored_at < $2::timestamptz", "lt", m->id,
							   timestamptz_to_str(before));
	eg_visit_end(&v);
	return n;
}
