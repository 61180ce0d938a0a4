/*-------------------------------------------------------------------------
 *
 * recipe.c
 *	  The arguments of engage_train() as a value.
 *
 * search_path is part of it: the names in the source meant what they meant
 * when the model was trained, also at night in somebody else's session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "api/recipe.h"
#include "base/compat.h"
#include "store/authors.h"

/* order of the arguments of engage_train() */
enum
{
	ARG_MODEL, ARG_SOURCE, ARG_TARGET, ARG_ALGORITHM, ARG_PARAMS, ARG_TASK, ARG_KEY, ARG_FEATURES,
	ARG_EXCLUDE, ARG_WEIGHT, ARG_CLASS_WEIGHT, ARG_TEST_SIZE, ARG_SPLIT, ARG_SEED, ARG_DEPLOY,
	ARG_MIN_IMPROVEMENT, ARG_POSITIVE, ARG_GROUP_BY, ARG_EVENT, ARG_PARTITION_BY, ARG_INTERVALS,
	ARG_CALIBRATE, ARG_BACKGROUND, ARG_INTERVAL_METHOD, ARG_INTERVAL_FOLDS,
	ARG_REMEMBER
};

#define DEFAULT_FOLDS		5
#define MAX_FOLDS			50

static const char *const deploy_words[] = {"better", "always", "never", NULL};

Jsonb *
eg_json_parse(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

EgDeploy
eg_deploy_parse(const char *word)
{
	int			i;

	for (i = 0; deploy_words[i]; i++)
	{
		if (strcmp(word, deploy_words[i]) == 0)
			return (EgDeploy) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("deploy must be 'better', 'always' or 'never', not \"%s\"", word)));
	return EG_DEPLOY_NEVER;		/* keep compiler quiet */
}

char *
eg_arg_text(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

List *
eg_arg_names(FunctionCallInfo fcinfo, int i, const char *argument)
{
	List	   *names = NIL;
	Datum	   *items;
	bool	   *nulls;
	int			n,
				k;

	if (PG_ARGISNULL(i))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(i), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls,
					  &n);
	for (k = 0; k < n; k++)
	{
		if (nulls[k])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain NULL", argument)));
		names = lappend(names, TextDatumGetCString(items[k]));
	}
	if (names == NIL && strcmp(argument, "features") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is an empty array", argument),
				 errhint("Leave it out to use all columns.")));
	return names;
}

/* What can be checked without looking at the source. */
static void
check_recipe(const EgRecipe *r)
{
	const EgTrainSpec *s = &r->spec;
	EgCalibrationMethod method;

	if (s->target == NULL && (s->algorithm->roles & EG_ROLE_BIT(EG_ROLE_TARGET)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("algorithm \"%s\" needs a target column", s->algorithm->name),
				 errhint("Name it with target => '...'.")));
	if (!(s->test_size >= 0 && s->test_size <= 0.9))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("test_size must be in [0, 0.9], not %g", s->test_size)));
	if (s->interval != 0 && !(s->interval > 0 && s->interval < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("intervals must be in (0, 1), not %g", s->interval),
				 errhint("It is the share of rows whose interval is to hold the truth, such as "
						 "0.9.")));
	if (s->calibrate && !eg_calibration_parse(s->calibrate, &method))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calibrate must be 'isotonic' or 'sigmoid', not \"%s\"", s->calibrate)));
	if (s->background < 0 || s->background > EG_BACKGROUND_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("background must be in [0, %d], not %d", EG_BACKGROUND_MAX,
						s->background),
				 errhint("It is the number of training rows stored with the model for "
						 "explanations.")));
	if (!isfinite(r->min_improvement))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_improvement must be a finite number")));
}

/* Folds of interval_method 'cross', 0 for 'split'. */
static int
parse_interval_method(const EgTrainSpec *s, const char *method, int folds)
{
	bool		cross = method && strcmp(method, "cross") == 0;

	if (method && !cross && strcmp(method, "split") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval_method must be 'split' or 'cross', not \"%s\"", method)));
	if (cross && s->interval == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"interval_method\" needs argument \"intervals\""),
				 errhint("Use intervals => 0.9.")));
	if (folds < 2 || folds > MAX_FOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval_folds must be in [2, %d], not %d", MAX_FOLDS, folds)));
	return cross ? folds : 0;
}

EgRecipe *
eg_recipe_from_call(FunctionCallInfo fcinfo)
{
	EgRecipe   *r = palloc0(sizeof(EgRecipe));
	EgTrainSpec *s = &r->spec;
	char	   *word;
	int			folds;

	s->model = eg_arg_text(fcinfo, ARG_MODEL);
	s->source = eg_arg_text(fcinfo, ARG_SOURCE);
	if (s->model == NULL || s->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be NULL", s->model ? "source" : "model")));
	s->target = eg_arg_text(fcinfo, ARG_TARGET);
	word = eg_arg_text(fcinfo, ARG_ALGORITHM);
	s->algorithm = eg_algorithm_find(word ? word : "xgboost");
	s->params = PG_ARGISNULL(ARG_PARAMS) ? NULL : PG_GETARG_JSONB_P(ARG_PARAMS);
	s->task = eg_arg_text(fcinfo, ARG_TASK);
	s->key = eg_arg_text(fcinfo, ARG_KEY);
	s->features = eg_arg_names(fcinfo, ARG_FEATURES, "features");
	s->exclude = eg_arg_names(fcinfo, ARG_EXCLUDE, "exclude");
	s->weight = eg_arg_text(fcinfo, ARG_WEIGHT);
	s->class_weight = eg_arg_text(fcinfo, ARG_CLASS_WEIGHT);
	s->test_size = PG_ARGISNULL(ARG_TEST_SIZE) ? 0.2 : PG_GETARG_FLOAT8(ARG_TEST_SIZE);
	if (s->target == NULL)
		s->test_size = 0;		/* nothing to measure on held-out rows */
	s->split = eg_arg_text(fcinfo, ARG_SPLIT);
	s->seed = PG_ARGISNULL(ARG_SEED) ? 1 : PG_GETARG_INT64(ARG_SEED);
	word = eg_arg_text(fcinfo, ARG_DEPLOY);
	r->deploy = eg_deploy_parse(word ? word : "better");
	r->min_improvement =
		PG_ARGISNULL(ARG_MIN_IMPROVEMENT) ? 0 : PG_GETARG_FLOAT8(ARG_MIN_IMPROVEMENT);
	s->positive = eg_arg_text(fcinfo, ARG_POSITIVE);
	s->group_by = eg_arg_text(fcinfo, ARG_GROUP_BY);
	s->event = eg_arg_text(fcinfo, ARG_EVENT);
	s->partition_by = eg_arg_text(fcinfo, ARG_PARTITION_BY);
	s->interval = PG_ARGISNULL(ARG_INTERVALS) ? 0 : PG_GETARG_FLOAT8(ARG_INTERVALS);
	s->calibrate = eg_arg_text(fcinfo, ARG_CALIBRATE);
	folds = PG_ARGISNULL(ARG_INTERVAL_FOLDS) ? DEFAULT_FOLDS : PG_GETARG_INT32(ARG_INTERVAL_FOLDS);
	s->cross_folds = parse_interval_method(s, eg_arg_text(fcinfo, ARG_INTERVAL_METHOD), folds);
	s->background = PG_ARGISNULL(ARG_BACKGROUND) ? EG_BACKGROUND_ROWS :
		PG_GETARG_INT32(ARG_BACKGROUND);
	s->remember = eg_arg_text(fcinfo, ARG_REMEMBER);
	r->search_path = pstrdup(namespace_search_path);
	r->author = GetUserNameFromId(GetUserId(), false);
	check_recipe(r);
	return r;
}

static void
put_text(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, ", \"%s\": ", name);
	escape_json(out, value);
}

static void
put_names(StringInfo out, const char *name, List *names)
{
	ListCell   *lc;

	if (names == NIL)
		return;
	appendStringInfo(out, ", \"%s\": [", name);
	foreach(lc, names)
	{
		if (lc != list_head(names))
			appendStringInfoString(out, ", ");
		escape_json(out, (char *) lfirst(lc));
	}
	appendStringInfoChar(out, ']');
}

Jsonb *
eg_recipe_to_json(const EgRecipe *r)
{
	const EgTrainSpec *s = &r->spec;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"source\": ");
	escape_json(&out, s->source);
	put_text(&out, "target", s->target);
	put_text(&out, "algorithm", s->algorithm->name);
	if (s->params)
	{
		appendStringInfoString(&out, ", \"params\": ");
		(void) JsonbToCString(&out, (JsonbContainer *) &s->params->root, VARSIZE(s->params));
	}
	put_text(&out, "task", s->task);
	put_text(&out, "key", s->key);
	put_names(&out, "features", s->features);
	put_names(&out, "exclude", s->exclude);
	put_text(&out, "weight", s->weight);
	put_text(&out, "class_weight", s->class_weight);
	appendStringInfo(&out, ", \"test_size\": %.15g", s->test_size);
	put_text(&out, "split", s->split);
	appendStringInfo(&out, ", \"seed\": %lld", (long long) s->seed);
	put_text(&out, "deploy", deploy_words[r->deploy]);
	appendStringInfo(&out, ", \"min_improvement\": %.15g", r->min_improvement);
	put_text(&out, "positive", s->positive);
	put_text(&out, "group_by", s->group_by);
	put_text(&out, "event", s->event);
	put_text(&out, "partition_by", s->partition_by);
	if (s->interval > 0)
		appendStringInfo(&out, ", \"intervals\": %.15g", s->interval);
	if (s->cross_folds > 0)
		appendStringInfo(&out, ", \"interval_method\": \"cross\", \"interval_folds\": %d",
						 s->cross_folds);
	put_text(&out, "calibrate", s->calibrate);
	if (s->background != EG_BACKGROUND_ROWS)
		appendStringInfo(&out, ", \"background\": %d", s->background);
	put_text(&out, "remember", s->remember);
	put_text(&out, "search_path", r->search_path);
	put_text(&out, "author", r->author);
	if (r->names)
	{
		appendStringInfoString(&out, ", \"names\": ");
		(void) JsonbToCString(&out, &r->names->root, VARSIZE(r->names));
	}
	appendStringInfoChar(&out, '}');
	return eg_json_parse(out.data);
}

static List *
get_names(const Jsonb *json, const char *member)
{
	List	   *names = NIL;
	JsonbValue	v;
	Jsonb	   *j = (Jsonb *) json;
	int			i,
				n;

	if (getKeyJsonValueFromContainer(&j->root, member, strlen(member), &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
		return NIL;
	n = JsonContainerSize(v.val.binary.data);
	for (i = 0; i < n; i++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(v.val.binary.data, i);

		if (e->type == jbvString)
			names = lappend(names, pnstrdup(e->val.string.val, e->val.string.len));
	}
	return names;
}

static double
get_number(const Jsonb *json, const char *member, double otherwise)
{
	char	   *text = eg_jsonb_text(json, member);

	return text ? strtod(text, NULL) : otherwise;
}

EgRecipe *
eg_recipe_of_version(const EgVersionRow *v)
{
	Jsonb	   *json = v->recipe;
	EgRecipe   *r = palloc0(sizeof(EgRecipe));
	EgTrainSpec *s = &r->spec;
	char	   *text;
	int			folds;

	s->model = pstrdup(v->model);
	s->source = eg_jsonb_text(json, "source");
	if (s->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no training recipe", v->model),
				 errdetail("Its version was imported, not trained here."),
				 errhint("Train a version with engage_train().")));
	s->target = eg_jsonb_text(json, "target");
	text = eg_jsonb_text(json, "algorithm");
	s->algorithm = eg_algorithm_find(text ? text : "xgboost");
	text = eg_jsonb_text(json, "params");
	s->params = text ? eg_json_parse(text) : NULL;
	s->task = eg_jsonb_text(json, "task");
	s->key = eg_jsonb_text(json, "key");
	s->features = get_names(json, "features");
	s->exclude = get_names(json, "exclude");
	s->weight = eg_jsonb_text(json, "weight");
	s->class_weight = eg_jsonb_text(json, "class_weight");
	s->test_size = get_number(json, "test_size", 0.2);
	s->split = eg_jsonb_text(json, "split");
	text = eg_jsonb_text(json, "seed");
	s->seed = text ? strtoll(text, NULL, 10) : 1;
	text = eg_jsonb_text(json, "deploy");
	r->deploy = eg_deploy_parse(text ? text : "better");
	r->min_improvement = get_number(json, "min_improvement", 0);
	s->positive = eg_jsonb_text(json, "positive");
	s->group_by = eg_jsonb_text(json, "group_by");
	s->event = eg_jsonb_text(json, "event");
	s->partition_by = eg_jsonb_text(json, "partition_by");
	s->interval = get_number(json, "intervals", 0);
	folds = (int) get_number(json, "interval_folds", DEFAULT_FOLDS);
	s->cross_folds = parse_interval_method(s, eg_jsonb_text(json, "interval_method"), folds);
	s->calibrate = eg_jsonb_text(json, "calibrate");
	s->background = (int) get_number(json, "background", EG_BACKGROUND_ROWS);
	s->remember = eg_jsonb_text(json, "remember");
	r->search_path = eg_jsonb_text(json, "search_path");
	r->author = v->author;
	r->names = v->names;
	r->text = eg_recipe_text(v);
	check_recipe(r);
	return r;
}
