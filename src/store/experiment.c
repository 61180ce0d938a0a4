/*-------------------------------------------------------------------------
 *
 * experiment.c
 *	  A/B tests: their rows, and which arm answers for a row.
 *
 * The arm is a hash of the key's text and the experiment's name: nothing is
 * stored for a customer, and the same one comes to the same arm in every
 * session, on every node and in a restored copy.  The definition never
 * changes while the experiment runs; so a call site reads it once.  Which
 * experiment runs is in engage.model, in the row that says what is deployed.
 *
 * Keys whose text depends on settings (dates, floats) cannot route: the JSON
 * object and the row of one customer must come to the same arm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "store/counters.h"
#include "store/experiment.h"
#include "store/header_tuple.h"
#include "store/key.h"
#include "store/registry.h"
#include "store/schema_private.h"

#define MOST_ARMS	20
#define MAX_NAME	128		/* bytes */

#define COLUMNS \
	"SELECT e.id, e.name, e.model_id, e.key, e.shadow, e.planned, e.version_ids, e.versions," \
	" e.weights"

struct EgRouter
{
	EgExperiment *experiment;
	MemoryContext context;
	EgScorer  **scorers;		/* (narms) made when a row comes */
	MemoryContext bound;
	EgRowType	row_type;
	TupleDesc	desc;
	int			attno;			/* of the key, from 1 */
	EgKey	   *key;
};

/* ---------------------------------------------------------------------------
 * Rows
 * ---------------------------------------------------------------------------
 */

/* Elements of an array column of the last result. */
static Datum *
array_column(int col, Oid type, int16 len, bool by_value, int *n)
{
	bool		isnull;
	Datum		value = eg_visit_datum(0, col, &isnull);
	Datum	   *items;

	deconstruct_array(DatumGetArrayTypeP(value), type, len, by_value,
					  type == TEXTOID ? TYPALIGN_INT : TYPALIGN_DOUBLE, &items, NULL, n);
	return items;
}

/* The first row of the last result. */
static EgExperiment *
read_experiment(EgVisit *v)
{
	Datum	   *ids,
			   *versions,
			   *weights;
	MemoryContext old;
	EgExperiment *e;
	int			n,
				i;

	ids = array_column(7, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, &n);
	versions = array_column(8, TEXTOID, -1, false, &n);
	weights = array_column(9, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, &n);
	old = MemoryContextSwitchTo(v->caller);
	e = palloc0(sizeof(EgExperiment));
	e->id = eg_visit_int64(0, 1);
	e->name = eg_visit_text(v, 0, 2);
	e->model_id = eg_visit_int64(0, 3);
	e->key = eg_visit_text(v, 0, 4);
	e->shadow = eg_visit_bool(0, 5);
	e->planned = (double) eg_visit_int64(0, 6);
	e->narms = n;
	e->version_id = palloc(sizeof(int64) * n);
	e->version = palloc(sizeof(char *) * n);
	e->weight = palloc(sizeof(double) * n);
	for (i = 0; i < n; i++)
	{
		e->version_id[i] = DatumGetInt64(ids[i]);
		e->version[i] = TextDatumGetCString(versions[i]);
		e->weight[i] = DatumGetFloat8(weights[i]);
	}
	e->seed = eg_hash_text(e->name, strlen(e->name));
	MemoryContextSwitchTo(old);
	return e;
}

EgExperiment *
eg_experiment_by_id(int64 id)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(id);
	EgExperiment *e;
	EgVisit		v;

	eg_visit_begin_fast(&v);
	if (eg_visit_saved(&plan, COLUMNS " FROM engage.experiment e"
					   " WHERE e.id OPERATOR(pg_catalog.=) $1", 1, &type, &value, 1) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("experiment %lld does not exist", (long long) id)));
	e = read_experiment(&v);
	eg_visit_end(&v);
	return e;
}

EgExperiment *
eg_experiment_get(const char *name, char **model)
{
	EgExperiment *e;
	EgVisit		v;
	char	   *owner;

	eg_visit_begin(&v);
	if (eg_visit_read(COLUMNS ", m.name, m.owner FROM engage.experiment e JOIN engage.model m"
					  " ON m.id = e.model_id WHERE e.name = $1", "t", name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("experiment \"%s\" does not exist", eg_clip(name, 128)),
				 errhint("The view engage.experiments lists the experiments.")));
	e = read_experiment(&v);
	*model = eg_visit_text(&v, 0, 10);
	owner = eg_visit_text(&v, 0, 11);
	eg_models_require(&v, e->model_id, *model, owner, EG_PRIV_USE);
	eg_visit_end(&v);
	return e;
}

/* ---------------------------------------------------------------------------
 * Start and finish
 * ---------------------------------------------------------------------------
 */

static void
check_spec(const EgModelRow *m, const EgExperimentSpec *spec)
{
	int			i;

	if (spec->name[0] == '\0' || strlen(spec->name) > MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an experiment's name has 1 to %d bytes, not %d", MAX_NAME,
						(int) strlen(spec->name))));
	if (spec->narms < 2 || spec->narms > MOST_ARMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an experiment has 2 to %d arms, not %d", MOST_ARMS, spec->narms),
				 errhint("Name the versions to compare: versions => '{1.0.0,1.1.0}'.")));
	if (spec->key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"key\" must not be empty"),
				 errhint("Name the column that identifies a customer.")));
	if (spec->planned < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"planned\" is %lld, but must be positive",
						(long long) spec->planned)));
	for (i = 0; spec->weights && i < spec->narms; i++)
	{
		if (!(spec->weights[i] > 0) || isinf(spec->weights[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight %d is %g, but weights are finite and positive", i + 1,
							spec->weights[i])));
	}
	if (m->deployed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no deployed version", m->name),
				 errhint("Deploy one with engage_deploy('%s', version).", m->name)));
}

/* Names, ids and weights as PostgreSQL's array texts. */
static void
arm_texts(const EgModelRow *m, const EgExperimentSpec *spec, char *texts[3])
{
	StringInfoData out[3];
	int64	   *ids = palloc(sizeof(int64) * spec->narms);
	double		total = 0;
	int			i,
				k;

	for (k = 0; k < 3; k++)
	{
		initStringInfo(&out[k]);
		appendStringInfoChar(&out[k], '{');
	}
	for (i = 0; i < spec->narms; i++)
		total += spec->weights ? spec->weights[i] : 1;
	for (i = 0; i < spec->narms; i++)
	{
		const char *comma = i > 0 ? "," : "";
		char	   *version;

		ids[i] = eg_models_find_version(m, spec->versions[i]);
		version = eg_version_text(eg_models_version_by_id(ids[i]));
		for (k = 0; k < i; k++)
		{
			if (ids[k] == ids[i])
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("version %s is in two arms", version)));
		}
		appendStringInfo(&out[0], "%s%lld", comma, (long long) ids[i]);
		appendStringInfo(&out[1], "%s%s", comma, version);
		appendStringInfo(&out[2], "%s%.17g", comma,
						 (spec->weights ? spec->weights[i] : 1) / total);
	}
	for (k = 0; k < 3; k++)
	{
		appendStringInfoChar(&out[k], '}');
		texts[k] = out[k].data;
	}
}

static Jsonb *
detail(const char *experiment, const char *versions, bool shadow)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"experiment\": ");
	escape_json(&json, experiment);
	if (versions)
		appendStringInfo(&json, ", \"versions\": [%s], \"shadow\": %s", versions,
						 shadow ? "true" : "false");
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* {1.0.0,1.1.0} to "1.0.0", "1.1.0" */
static char *
quoted_list(const char *array)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '"');
	for (array++; *array != '}'; array++)
	{
		if (*array == ',')
			appendStringInfoString(&out, "\", \"");
		else
			appendStringInfoChar(&out, *array);
	}
	appendStringInfoChar(&out, '"');
	return out.data;
}

void
eg_experiment_start(const EgModelRow *m, const EgExperimentSpec *spec)
{
	char	   *texts[3];
	EgVisit		v;
	uint64		n;

	check_spec(m, spec);
	eg_visit_begin(&v);
	if (eg_visit_write("SELECT e.name FROM engage.model m JOIN engage.experiment e"
					   " ON e.id = m.experiment WHERE m.id = $1", "l", m->id) > 0)
	{
		char	   *running = eg_visit_text(&v, 0, 1);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("experiment \"%s\" is running on model \"%s\"", running, m->name),
				 errhint("Finish it first: engage_experiment_finish('%s').", running)));
	}
	eg_visit_end(&v);

	arm_texts(m, spec, texts);
	eg_visit_begin(&v);
	n = eg_visit_write("WITH e AS (INSERT INTO engage.experiment (name, model_id, key, version_ids,"
				   " versions, weights, shadow, planned, started_by) VALUES ($1, $2, $3,"
				   " $4::bigint[], $5::text[], $6::float8[], $7::boolean, $8, $9)"
				   " ON CONFLICT (name) DO NOTHING RETURNING id)"
				   " UPDATE engage.model m SET experiment = e.id FROM e WHERE m.id = $2",
				   "tltttttln", spec->name, m->id, spec->key, texts[0], texts[1], texts[2],
				   spec->shadow ? "true" : "false", spec->planned,
				   GetUserNameFromId(v.user, false));
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("experiment \"%s\" already exists", spec->name),
				 errdetail("The log knows experiments by their names, so each has its own.")));
	eg_visit_end(&v);
	eg_models_event(m->id, m->name, NULL, "experiment start",
					detail(spec->name, quoted_list(texts[1]), spec->shadow));
}

void
eg_experiment_finish(const EgModelRow *m, const EgExperiment *e, const char *winner)
{
	char	   *version = NULL;
	int64		id = 0;
	EgVisit		v;
	int			i;

	if (winner)
	{
		id = eg_models_find_version(m, winner);
		for (i = 0; i < e->narms && e->version_id[i] != id; i++)
			;
		if (i == e->narms)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version %s is no arm of experiment \"%s\"", winner, e->name),
					 errhint("Its versions are in the view engage.experiments.")));
		version = e->version[i];
	}
	eg_visit_begin(&v);
	if (eg_visit_write("UPDATE engage.model SET experiment = NULL"
					   " WHERE id = $1 AND experiment = $2", "ll", m->id, e->id) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("experiment \"%s\" has ended", e->name)));
	eg_visit_write("UPDATE engage.experiment SET ended = clock_timestamp(), winner = $2"
				   " WHERE id = $1", "lt", e->id, version);
	eg_visit_end(&v);
	eg_models_event(m->id, m->name, version, "experiment finish", detail(e->name, NULL, false));
	if (winner)
		eg_models_deploy(m, id, "experiment", detail(e->name, NULL, false));
}

void
eg_experiment_check_drop(const EgModelRow *m, int64 version_id, const char *version)
{
	EgVisit		v;

	eg_visit_begin(&v);
	if (eg_visit_write("SELECT e.name FROM engage.model m JOIN engage.experiment e"
					   " ON e.id = m.experiment WHERE m.id = $1 AND $2 = ANY (e.version_ids)",
					   "ll", m->id, version_id) > 0)
	{
		char	   *running = eg_visit_text(&v, 0, 1);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("version %s of model \"%s\" is in experiment \"%s\"", version, m->name,
						running),
				 errhint("Finish it first: engage_experiment_finish('%s').", running)));
	}
	eg_visit_end(&v);
}

/* ---------------------------------------------------------------------------
 * Routing
 * ---------------------------------------------------------------------------
 */

int
eg_experiment_arm(const EgExperiment *e, const char *text, int len)
{
	uint64		hash = eg_mix64(eg_hash_text(text, len) ^ eg_mix64(e->seed));
	double		u = (double) (hash >> 11) * (1.0 / 9007199254740992.0);
	int			arm;

	for (arm = 0; arm < e->narms - 1; arm++)
	{
		u -= e->weight[arm];
		if (u < 0)
			break;
	}
	return arm;
}

EgRouter *
eg_router_create(int64 experiment, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	EgRouter   *r = palloc0(sizeof(EgRouter));

	r->experiment = eg_experiment_by_id(experiment);
	r->context = context;
	r->scorers = palloc0(sizeof(EgScorer *) * r->experiment->narms);
	MemoryContextSwitchTo(old);
	return r;
}

const EgExperiment *
eg_router_experiment(const EgRouter *r)
{
	return r->experiment;
}

EgScorer *
eg_router_scorer(EgRouter *r, int arm)
{
	if (unlikely(r->scorers[arm] == NULL))
	{
		EgScorer   *s = eg_scorer_create(
			eg_cache_get(r->experiment->version_id[arm], r->context), r->context);

		s->tally = eg_tally_open(s->model, r->context);
		r->scorers[arm] = s;
	}
	return r->scorers[arm];
}

static void pg_attribute_noreturn()
no_key(const EgRouter *r)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" by which experiment \"%s\" routes is missing from the row",
					r->experiment->key, r->experiment->name),
			 errhint("Columns are matched by name; their order does not matter.")));
}

static void
bind_row_type(EgRouter *r, TupleDesc desc, uint64 identifier)
{
	EgRowType	row_type = {identifier, eg_catalog_changes};
	MemoryContext old;
	Oid			type;
	int			i;

	r->row_type.identifier = 0;
	if (r->bound)
		MemoryContextReset(r->bound);
	else
		r->bound = AllocSetContextCreate(r->context, "engage router", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(r->bound);
	r->desc = CreateTupleDescCopy(desc);
	for (i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), r->experiment->key) == 0)
			break;
	}
	if (i == desc->natts)
		no_key(r);
	r->attno = i + 1;
	r->key = eg_key_create("routing", r->experiment->key, TupleDescAttr(desc, i)->atttypid,
						   TupleDescAttr(desc, i)->attcollation, false);
	MemoryContextSwitchTo(old);

	type = eg_key_type(r->key);
	if (type == FLOAT4OID || type == FLOAT8OID || type == DATEOID || type == TIMESTAMPOID ||
		type == TIMESTAMPTZOID || type == TIMEOID || type == TIMETZOID || type == INTERVALOID ||
		type == MONEYOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" by which experiment \"%s\" routes has type %s",
						r->experiment->key, r->experiment->name, format_type_be(type)),
				 errdetail("Such values are written in many ways in JSON, and the arm would depend "
						   "on it."),
				 errhint("Route by an integer, numeric, text or uuid column.")));
	r->row_type = row_type;
}

static int
arm_of_value(EgRouter *r, Datum value, bool isnull)
{
	char		buf[EG_KEY_BUFFER];
	const char *text;
	int			len;

	if (isnull || r->experiment->shadow)
		return 0;
	text = eg_key_text(r->key, value, buf, &len);
	return eg_experiment_arm(r->experiment, text, len);
}

int
eg_router_tuple(EgRouter *r, HeapTupleHeader header)
{
	Oid			type = HeapTupleHeaderGetTypeId(header);
	int32		typmod = HeapTupleHeaderGetTypMod(header);
	uint64		id = assign_record_type_identifier(type, typmod);
	HeapTupleData tuple = eg_header_tuple(header);
	Datum		value;
	bool		isnull;

	if (unlikely(!eg_row_type_is(&r->row_type, id)))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);

		bind_row_type(r, desc, id);
		ReleaseTupleDesc(desc);
	}
	value = heap_getattr(&tuple, r->attno, r->desc, &isnull);
	return arm_of_value(r, value, isnull);
}

bool
eg_router_has_values(const EgRouter *r)
{
	return eg_row_type_is(&r->row_type, EG_VALUES_ROW);
}

int
eg_router_values(EgRouter *r, TupleDesc desc, const Datum *values, const bool *nulls)
{
	if (unlikely(!eg_router_has_values(r)))
		bind_row_type(r, desc, EG_VALUES_ROW);
	return arm_of_value(r, values[r->attno - 1], nulls[r->attno - 1]);
}

int
eg_router_jsonb(EgRouter *r, const Jsonb *row)
{
	const EgExperiment *e = r->experiment;
	JsonbValue	v;
	const char *text;
	int			len;

	if (!JB_ROOT_IS_OBJECT((Jsonb *) row) ||
		getKeyJsonValueFromContainer((JsonbContainer *) &row->root, e->key, strlen(e->key),
									 &v) == NULL)
		no_key(r);
	if (e->shadow)
		return 0;
	return eg_key_jsonb(&v, &text, &len) ? eg_experiment_arm(e, text, len) : 0;
}
