/*-------------------------------------------------------------------------
 *
 * sequences.c
 *	  Are the sequences of ids where the rows are?
 *
 * An id is never used again, and backends rely on it.  But rows can come without
 * their sequence: logical replication does not replicate sequences, and neither
 * does a copy of the data alone.  A sequence that lies behind would give ids again,
 * or take those that a publisher is about to send, which stops the subscription.
 * So before a row is inserted, the largest id is compared with the sequence: every
 * id of our own came from it, so none is larger.
 *
 * Ids of engage.prediction are unique together with model, key and time only, and
 * nothing relies on them: its sequence may lie anywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "store/sequences.h"

#define MODEL_IDS \
	"GREATEST((SELECT pg_catalog.max(id) FROM engage.model)," \
	" (SELECT pg_catalog.max(id) FROM engage.policy))"

static const struct
{
	const char *table;
	const char *sequence;
	const char *most;			/* expression for the largest id; NULL: that of the table */
}			sequences[] = {
	{"model", "model_id_seq", MODEL_IDS},
	{"policy", "model_id_seq", MODEL_IDS},	/* events name either by its id */
	{"version", "version_id_seq", NULL},
	{"deployment", "deployment_id_seq", NULL},
	{"event", "event_id_seq", NULL},
	{"tuning", "tuning_id_seq", NULL},
	{"experiment", "experiment_id_seq", NULL},
	{"check_result", "check_result_id_seq", NULL},
	{"alert", "alert_id_seq", NULL},
	{"policy_version", "policy_version_id_seq", NULL},
	{"policy_deployment", "policy_deployment_id_seq", NULL}
};

/* Index of the table that the statement inserts into; -1: none with a sequence. */
static int
find_table(const char *sql)
{
	static const char insert[] = "INSERT INTO engage.";
	const char *table = strstr(sql, insert);
	int			len;
	int			i;

	if (table == NULL)
		return -1;
	table += strlen(insert);
	len = strcspn(table, " (");
	for (i = 0; i < lengthof(sequences); i++)
	{
		if (strlen(sequences[i].table) == len && strncmp(sequences[i].table, table, len) == 0)
			return i;
	}
	return -1;
}

void
eg_sequence_check(const char *sql)
{
	static SPIPlanPtr plans[lengthof(sequences)];
	int			i = find_table(sql);
	bool		isnull;

	if (i < 0)
		return;
	if (plans[i] == NULL)
	{
		char	   *most = sequences[i].most ? pstrdup(sequences[i].most) :
			psprintf("(SELECT pg_catalog.max(id) FROM engage.%s)", sequences[i].table);
		SPIPlanPtr	plan = SPI_prepare(psprintf(
			"SELECT x.most, s.next FROM (SELECT %s) AS x (most), (SELECT CASE WHEN is_called"
			" THEN last_value OPERATOR(pg_catalog.+) 1 ELSE last_value END FROM engage.%s)"
			" AS s (next) WHERE x.most OPERATOR(pg_catalog.>=) s.next", most,
			sequences[i].sequence), 0, NULL);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI failed in the registry: %s", SPI_result_code_string(SPI_result));
		plans[i] = plan;
	}
	if (SPI_execute_plan(plans[i], NULL, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI failed in the registry: %s", SPI_result_code_string(SPI_result));
	if (SPI_processed > 0)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		int64		most = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
		int64		next = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("sequence \"engage.%s\" lies behind the rows of table \"engage.%s\"",
						sequences[i].sequence, sequences[i].table),
				 errdetail("The next id would be %lld, but there is a row with id %lld. Logical replication and copies of data alone do not move sequences.",
						   (long long) next, (long long) most),
				 errhint("On a subscriber set every sequence of schema engage to where the publisher never comes, such as SELECT setval('engage.%s', 1000000000000); after a copy to its largest id, %lld.",
						 sequences[i].sequence, (long long) most)));
	}
}
