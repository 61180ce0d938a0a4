/*-------------------------------------------------------------------------
 *
 * api_train.c
 *	  engage_train(), engage_retrain(), engage_verify(): train, measure,
 *	  compare with the deployed version, store.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/trained.h"
#include "base/xgb.h"
#include "engage.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/remembered.h"
#include "store/score.h"
#include "store/segments.h"
#include "store/train.h"

PG_FUNCTION_INFO_V1(engage_train);
PG_FUNCTION_INFO_V1(engage_retrain);
PG_FUNCTION_INFO_V1(engage_verify);

static void
training_context(void *arg)
{
	errcontext("while training model \"%s\"", (const char *) arg);
}

/*
 * The deployed version to compare with, and the split to follow.  *reason says
 * why the held-out rows cannot be the same, whatever the source holds.
 */
static EgCompiled *
find_champion(EgRecipe *r, const EgModelRow *m, const char **reason)
{
	EgVersionRow *v;
	char	   *key,
			   *split,
			   *text;

	*reason = NULL;
	r->spec.frozen_split = m->split;
	if (m->deployed == 0)
		return NULL;
	v = eg_models_version(m->name, EG_PRIV_MANAGE);
	text = eg_jsonb_text(v->data, "split");
	if (text)
		r->spec.frozen_split = eg_json_parse(text);

	key = eg_jsonb_text(v->recipe, "key");
	split = eg_jsonb_text(v->recipe, "split");
	text = eg_jsonb_text(v->recipe, "test_size");
	if (text == NULL)
		*reason = "it was imported, and may have learned from these rows";
	else if ((key == NULL) != (r->spec.key == NULL) || (key && strcmp(key, r->spec.key) != 0))
		*reason = "it was trained with another key";
	else if ((split == NULL) != (r->spec.split == NULL) ||
			 (split && strcmp(split, r->spec.split) != 0))
		*reason = "it was trained with another split column";
	else if (fabs(strtod(text, NULL) - r->spec.test_size) > 1e-9)
		*reason = psprintf("it was trained with test_size %s", text);
	return eg_cache_get(m->deployed, CurrentMemoryContext);
}

typedef struct Training
{
	const EgTrainSpec *spec;
	EgRun	   *run;
	EgTrained  *trained;
} Training;

static void
train(void *arg)
{
	Training   *t = arg;

	t->trained = eg_train(t->spec, t->run);
}

/*
 * Train as the recipe says.  Who repeats a stored one must not run another's functions
 * with rights of its own, as a superuser's nightly engage_retrain() would, nor read with
 * those of another: see gate.h.
 */
static EgTrained *
train_recipe(EgRecipe *r, EgRun *run)
{
	Training	t = {&r->spec, run, NULL};

	if (r->text)
		eg_gate_run(r->text, train, &t);
	else
	{
		List	   *functions = eg_gate_run_watched(train, &t);

		r->names = eg_source_names(list_make1((void *) r->spec.source), functions);
	}
	return t.trained;
}

static EgRun
make_run(const EgRecipe *r)
{
	EgRun		run = {0};

	run.seed = (uint64) r->spec.seed;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	return run;
}

/*
 * Another session may have deployed a version while this one trained: the
 * comparison was with the version before, and says nothing about that one.
 */
static void
check_champion(const EgRecipe *r, const EgModelRow *m, int64 champion_id, EgComparison *c)
{
	if (m->deployed == champion_id || m->deployed == 0 || r->deploy != EG_DEPLOY_BETTER ||
		r->spec.target == NULL)
		return;
	c->deploy = false;
	c->champion = NAN;
	c->champion_version = eg_version_text(eg_models_version_by_id(m->deployed));
	c->reason = "another session deployed that meanwhile";
}

/* The names of segments follow them into the new version. */
static void
carry_names(const EgVersionRow *v, int64 from, int64 to, const char *version)
{
	char	   *lost;
	char	   *why;

	(void) eg_segments_carry(from, to, &lost, &why);
	if (why)
		ereport(NOTICE,
				(errmsg("the names of segments were not carried over to version %s: %s", version,
						why),
				 errhint("Name them with engage_label_segment('%s', ...).", v->model)));
	if (lost)
		ereport(NOTICE,
				(errmsg("no segment of version %s is like those called %s", version, lost),
				 errhint("Name new ones with engage_label_segment('%s', ...).", v->model)));
}

/* Train, measure, compare, store: the work of engage_train() and engage_retrain(). */
static Datum
train_and_store(FunctionCallInfo fcinfo, EgRecipe *r)
{
	EgRun		run = make_run(r);
	EgModelRow *m;
	EgVersionRow v = {0};
	EgTrained  *t;
	EgCompiled *champion = NULL;
	EgComparison c;
	const char *reason = NULL;
	int64		model_id = 0,
				champion_id = 0,
				version_id;
	char	   *version;
	instr_time	start,
				stop;
	ErrorContextCallback callback;

	PreventCommandIfReadOnly("engage_train()");
	callback.callback = training_context;
	callback.arg = (void *) r->spec.model;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	INSTR_TIME_SET_CURRENT(start);

	m = eg_models_get(r->spec.model, true, EG_PRIV_MANAGE, false);
	if (m && m->id != 0)
	{
		model_id = m->id;
		champion_id = m->deployed;
		champion = find_champion(r, m, &reason);
		if (champion && r->deploy != EG_DEPLOY_NEVER && reason == NULL)
			r->spec.champion = champion;
	}
	else
		eg_model_name_check(r->spec.model);	/* before the work, not after it */

	t = train_recipe(r, &run);

	v.metrics = eg_trained_metrics(t);
	c = eg_trained_compare(r, t, champion ? champion->version : NULL, reason);
	INSTR_TIME_SET_CURRENT(stop);
	INSTR_TIME_SUBTRACT(stop, start);

	/* from here to commit nobody else changes the model */
	m = eg_models_get(r->spec.model, true, EG_PRIV_MANAGE, true);
	if (model_id != 0 && (m == NULL || m->id != model_id))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" was dropped while it was trained", r->spec.model)));
	if (m == NULL || m->id == 0)
	{
		StringInfoData split;

		initStringInfo(&split);
		eg_split_to_json(t->split, &split);
		m = eg_models_create(r->spec.model, eg_json_parse(split.data));
	}
	check_champion(r, m, champion_id, &c);

	v.model_id = m->id;
	v.model = m->name;
	v.algorithm = (char *) r->spec.algorithm->name;
	v.task = (char *) eg_task_name(t->task);
	v.recipe = eg_recipe_to_json(r);
	v.params = eg_json_parse(t->params);
	v.data = eg_trained_data(r, t, &c);
	v.seed = r->spec.seed;
	v.library = t->parts[0].library_bytes ? psprintf("xgboost %s", eg_xgb_version()) : NULL;
	v.seconds = INSTR_TIME_GET_DOUBLE(stop);
	eg_models_next_version(m, v.algorithm, v.task, v.recipe, v.params, v.data, &v.major, &v.minor,
						   &v.patch);
	version = psprintf("%d.%d.%d", v.major, v.minor, v.patch);
	version_id = eg_models_add_version(m, &v, t->parts, t->nparts, "train");
	eg_remembered_put(version_id, t->remembered);
	if (t->task == EG_CLUSTERING && champion_id != 0)
		carry_names(&v, champion_id, version_id, version);
	if (c.deploy)
		eg_models_deploy(m, version_id, "deploy", NULL);

	error_context_stack = callback.previous;
	eg_trained_tell(r, t, &c, version);
	return eg_trained_row(fcinfo, &v, t, c.deploy);
}

/*
 * engage_train(model, source, ...) returns one row: model, version, algorithm,
 * task, rows_train, rows_test, metrics, deployed, seconds.
 */
Datum
engage_train(PG_FUNCTION_ARGS)
{
	return train_and_store(fcinfo, eg_recipe_from_call(fcinfo));
}

/*
 * engage_retrain(model, deploy, seed): the stored recipe of the deployed or
 * named version on the data of today.
 */
Datum
engage_retrain(PG_FUNCTION_ARGS)
{
	char	   *reference;
	EgVersionRow *v;
	EgRecipe   *r;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"model\" must not be NULL")));
	PreventCommandIfReadOnly("engage_retrain()");
	reference = text_to_cstring(PG_GETARG_TEXT_PP(0));
	v = eg_models_version(reference, EG_PRIV_MANAGE);
	r = eg_recipe_of_version(v);
	if (!PG_ARGISNULL(1))
		r->deploy = eg_deploy_parse(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (!PG_ARGISNULL(2))
		r->spec.seed = PG_GETARG_INT64(2);
	return train_and_store(fcinfo, r);
}

/*
 * engage_verify(model) repeats the training of a version and stores nothing:
 * model, version, same_data, same_model, fingerprint then and now.
 */
Datum
engage_verify(PG_FUNCTION_ARGS)
{
	EgVersionRow *v = eg_models_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), EG_PRIV_MANAGE);
	EgRecipe   *r = eg_recipe_of_version(v);
	EgRun		run = make_run(r);
	EgTrained  *t;
	EgArtifactPart *stored;
	char	   *then,
			   *now,
			   *split;
	bool		same;
	int			nparts,
				i;
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};
	ErrorContextCallback callback;

	callback.callback = training_context;
	callback.arg = (void *) r->spec.model;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	if (eg_jsonb_text(v->data, "updated_from"))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("version %s of model \"%s\" cannot be verified", eg_version_text(v),
						v->model),
				 errdetail("It was made by engage_update() from version %s.",
						   eg_jsonb_text(v->data, "updated_from"))));
	split = eg_jsonb_text(v->data, "split");
	r->spec.frozen_split = split ? eg_json_parse(split) : NULL;

	/* a name among the parameters means the version that it meant then */
	if (r->spec.algorithm->references)
		r->spec.params = v->params;
	t = train_recipe(r, &run);
	error_context_stack = callback.previous;

	stored = eg_models_artifacts(v->id, false, &nparts);
	same = nparts == t->nparts;
	for (i = 0; same && i < nparts; i++)
		same = stored[i].len == t->parts[i].len &&
			memcmp(stored[i].bytes, t->parts[i].bytes, stored[i].len) == 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	then = eg_jsonb_text(v->data, "fingerprint");
	now = psprintf("%016llx", (unsigned long long) t->fingerprint);
	values[0] = CStringGetTextDatum(v->model);
	values[1] = CStringGetTextDatum(psprintf("%d.%d.%d", v->major, v->minor, v->patch));
	values[2] = BoolGetDatum(then && strcmp(then, now) == 0);
	values[3] = BoolGetDatum(same);
	nulls[4] = then == NULL;
	values[4] = then ? CStringGetTextDatum(then) : (Datum) 0;
	values[5] = CStringGetTextDatum(now);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
