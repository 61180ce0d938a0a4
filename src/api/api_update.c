/*-------------------------------------------------------------------------
 *
 * api_update.c
 *	  engage_update(): new rows for a model that can learn on.
 *	  engage_set_threshold(): the cutoff of engage_predict_class().
 *
 * Versions are never changed, so both make a patch version of the one that they
 * begin with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "api/trained.h"
#include "engage.h"
#include "store/registry.h"
#include "store/remembered.h"
#include "store/update.h"

PG_FUNCTION_INFO_V1(engage_update);
PG_FUNCTION_INFO_V1(engage_set_threshold);

static char *
required_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The number after the newest with the same first two. */
static void
next_patch(const EgModelRow *m, const EgVersionRow *base, EgVersionRow *v)
{
	char	   *line = psprintf("%d.%d", base->major, base->minor);

	v->major = base->major;
	v->minor = base->minor;
	v->patch = eg_models_version_by_id(eg_models_find_version(m, line))->patch + 1;
}

/* 0.3, not 0.29999999999999999 */
static char *
shortest(double v)
{
	char	   *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(v, text);
	return text;
}

static Jsonb *
with_members(const Jsonb *object, char *members)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(object),
											  JsonbPGetDatum(eg_json_parse(members))));
}

/* Keys of the base's rows and of the new ones; NULL when those of the base are not known. */
static EgRemembered *
both_remembered(const EgVersionRow *base, EgRemembered *fresh)
{
	EgRemembered *old = fresh ? eg_remembered_get(base->id) : NULL;

	return old ? eg_remembered_join(old, fresh) : NULL;
}

static void
update_context(void *arg)
{
	errcontext("while updating model \"%s\"", (const char *) arg);
}

/*
 * The recipe of the base with the new source.  The caller named the source, so
 * it is read with the caller's rights and search_path.
 */
static EgRecipe *
update_recipe(FunctionCallInfo fcinfo, const EgVersionRow *base)
{
	EgRecipe   *r = eg_recipe_of_version(base);
	char	   *split = eg_jsonb_text(base->data, "split");

	r->spec.source = required_text(fcinfo, 1, "source");
	r->deploy = eg_deploy_parse(PG_ARGISNULL(2) ? "better" : text_to_cstring(PG_GETARG_TEXT_PP(2)));
	r->min_improvement = PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3);
	if (!isfinite(r->min_improvement))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_improvement must be a finite number")));
	r->spec.frozen_split = split ? eg_json_parse(split) : NULL;
	return r;
}

/*
 * engage_update(model, source, deploy, min_improvement) returns the row of
 * engage_train().
 */
Datum
engage_update(PG_FUNCTION_ARGS)
{
	char	   *reference = required_text(fcinfo, 0, "model");
	EgVersionRow *base;
	EgVersionRow v = {0};
	EgModelRow *m;
	EgRecipe   *r;
	EgRun		run = {0};
	EgArtifactPart *parts;
	EgTrained  *t;
	EgComparison c;
	const char *reason = NULL;
	char	   *base_text;
	double		updates = 0;
	double		threshold;
	int			nparts;
	int64		id;
	instr_time	start,
				stop;
	ErrorContextCallback callback;

	PreventCommandIfReadOnly("engage_update()");
	PreventCommandIfParallelMode("engage_update()");
	INSTR_TIME_SET_CURRENT(start);
	base = eg_models_version(reference, EG_PRIV_MANAGE);
	base_text = eg_version_text(base);
	callback.callback = update_context;
	callback.arg = base->model;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	parts = eg_models_artifacts(base->id, false, &nparts);
	eg_update_check(eg_algorithm_find(base->algorithm), nparts);
	r = update_recipe(fcinfo, base);
	m = eg_models_get(base->model, false, EG_PRIV_MANAGE, false);
	if (m->deployed != base->id)
		reason = "it is not deployed";

	run.seed = (uint64) r->spec.seed;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	t = eg_update(&r->spec, parts, &run);
	t->remembered = both_remembered(base, t->remembered);
	c = eg_trained_compare(r, t, base_text, reason);
	INSTR_TIME_SET_CURRENT(stop);
	INSTR_TIME_SUBTRACT(stop, start);

	/* from here to commit nobody else changes the model */
	m = eg_models_get(base->model, false, EG_PRIV_MANAGE, true);
	if (m->id != base->model_id)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("model \"%s\" was dropped while it was updated", base->model)));
	if (reason == NULL && m->deployed != base->id && r->deploy == EG_DEPLOY_BETTER)
	{
		c.deploy = false;
		c.reason = "another session deployed a version meanwhile";
	}

	v = *base;
	next_patch(m, base, &v);
	(void) eg_jsonb_number(base->data, "updates", &updates);
	v.metrics = eg_trained_metrics(t);
	v.data = with_members(eg_trained_data(r, t, &c),
						  psprintf("{\"updated_from\": \"%s\", \"updates\": %.0f}", base_text,
								   updates + 1));
	if (eg_jsonb_number(base->data, "threshold", &threshold))
		v.data = with_members(v.data, psprintf("{\"threshold\": %s}", shortest(threshold)));
	v.library = NULL;
	v.seconds = INSTR_TIME_GET_DOUBLE(stop);
	id = eg_models_add_version(m, &v, t->parts, t->nparts, "update");
	eg_remembered_put(id, t->remembered);
	if (c.deploy)
		eg_models_deploy(m, id, "deploy", NULL);

	error_context_stack = callback.previous;
	eg_trained_tell(r, t, &c, eg_version_text(&v));
	return eg_trained_row(fcinfo, &v, t, c.deploy);
}

/* engage_set_threshold(model, threshold) returns the new version. */
Datum
engage_set_threshold(PG_FUNCTION_ARGS)
{
	EgVersionRow *base;
	EgVersionRow v;
	EgModelRow *m;
	EgArtifactPart *parts;
	double		threshold;
	char	   *detail;
	int			nparts;
	int64		id;

	PreventCommandIfReadOnly("engage_set_threshold()");
	PreventCommandIfParallelMode("engage_set_threshold()");
	base = eg_models_version(required_text(fcinfo, 0, "model"), EG_PRIV_MANAGE);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", "threshold")));
	threshold = PG_GETARG_FLOAT8(1);
	if (strcmp(base->task, eg_task_name(EG_BINARY)) != 0 &&
		strcmp(base->task, eg_task_name(EG_ANOMALY)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s, and only binary and anomaly models have a threshold",
						base->model, base->task)));
	if (!(threshold >= 0 && threshold <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be in [0, 1], not %g", threshold)));

	m = eg_models_get(base->model, false, EG_PRIV_MANAGE, true);
	parts = eg_models_artifacts(base->id, true, &nparts);
	v = *base;
	next_patch(m, base, &v);
	detail = psprintf("{\"threshold\": %s, \"threshold_set_on\": \"%s\"}", shortest(threshold),
					  eg_version_text(base));
	v.data = with_members(base->data, detail);
	id = eg_models_add_version(m, &v, parts, nparts, "threshold");
	eg_remembered_put(id, eg_remembered_get(base->id));
	if (m->deployed == base->id)
		eg_models_deploy(m, id, "deploy", eg_json_parse(detail));
	PG_RETURN_TEXT_P(cstring_to_text(eg_version_text(&v)));
}
