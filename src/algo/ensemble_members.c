/*-------------------------------------------------------------------------
 *
 * ensemble_members.c
 *	  The members of an ensemble: from parameters to learners and stored models.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/ensemble.h"
#include "base/compat.h"
#include "utils/builtins.h"

const EgAlgorithm *
eg_ensemble_recipe(const char *name)
{
	int			i;

	for (i = 0; eg_algorithms[i]; i++)
	{
		if (strcmp(eg_algorithms[i]->name, name) == 0 && eg_algorithms[i] != &eg_ensemble)
			return eg_algorithms[i];
	}
	return NULL;
}

static void
add_recipe(EgEnsemble *m, const EgAlgorithm *algorithm, const Jsonb *params)
{
	EgMember   *member = &m->members[m->nmembers++];
	StringInfoData text;

	m->nrecipes++;
	member->is.algorithm = algorithm;
	member->parsed = eg_params_parse(algorithm->params, algorithm->params_size, params,
									 algorithm->name);
	initStringInfo(&text);
	eg_params_to_json(algorithm->params, member->parsed, &text);
	member->is.params = text.data;
	member->loss = NAN;
}

static void pg_attribute_noreturn()
bad_members(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"members\" of algorithm \"ensemble\" %s", why),
			 errhint("Write '[{\"algorithm\": \"xgboost\", \"params\": {\"max_depth\": 4}}, "
					 "\"churn@1.2.0\"]'.")));
}

/* {"algorithm": "xgboost", "params": {...}} */
static void
parse_recipe(EgEnsemble *m, JsonbValue *v)
{
	const EgAlgorithm *algorithm = NULL;
	Jsonb	   *params = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	x;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		bad_members("has an element that is neither an object nor a text");
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &x, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(x.val.string.val, x.val.string.len);
		(void) JsonbIteratorNext(&it, &x, true);
		if (strcmp(name, "algorithm") == 0 && x.type == jbvString)
		{
			char	   *word = pnstrdup(x.val.string.val, x.val.string.len);

			if (strcmp(word, eg_ensemble.name) == 0)
				bad_members("cannot hold the recipe of another ensemble");
			algorithm = eg_algorithm_find(word);
		}
		else if (strcmp(name, "params") == 0 && x.type == jbvBinary)
			params = JsonbValueToJsonb(&x);
		else
			bad_members(psprintf("has an element with the member \"%s\"", name));
	}
	if (algorithm == NULL)
		bad_members("has an element without an algorithm");
	add_recipe(m, algorithm, params);
}

/* A stored model: what the dataset brings under that name, or nothing yet. */
static void
add_stored(EgEnsemble *m, const JsonbValue *v, const EgDataset *data)
{
	int			n = m->nmembers - m->nrecipes;
	EgMember   *member = &m->members[m->nmembers++];

	member->loss = NAN;
	if (data == NULL)
		return;
	if (n >= data->nfrozen)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stored model \"%.*s\" can be a member in engage_train() only",
						v->val.string.len, v->val.string.val),
				 errdetail("It may have learned from the rows that it would be judged by here."),
				 errhint("Give the member's recipe: {\"algorithm\": ..., \"params\": {...}}.")));
	member->is = data->frozen[n];
}

/* Learners of different kinds, that are there and know the task. */
static void
default_members(EgEnsemble *m)
{
	static const char *const names[] = {
		"xgboost", "random_forest", "logistic_regression", "linear_regression", "glm"
	};
	static const char *const boosting = "{\"learning_rate\": 0.1, \"max_depth\": 4}";
	int			i;

	for (i = 0; i < lengthof(names); i++)
	{
		const EgAlgorithm *a = eg_ensemble_recipe(names[i]);

		/* one linear learner is enough */
		if (a && (a->tasks & EG_TASK_BIT(m->task)) &&
			!(strcmp(names[i], "glm") == 0 && m->task != EG_COUNT))
			add_recipe(m, a, strcmp(names[i], "xgboost") != 0 ? NULL :
					   DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(boosting))));
	}
}

/* Elements of the parameter, 0 when it is not given. */
static int
count_members(const EgEnsembleParams *p)
{
	int			n;

	if (p->members == NULL)
		return 0;
	if (!JB_ROOT_IS_ARRAY(p->members) || JB_ROOT_IS_SCALAR(p->members))
		bad_members("must be an array");
	n = JB_ROOT_COUNT(p->members);
	if (n < 1 || n > EG_MAX_MEMBERS)
		bad_members(psprintf("must have 1 to %d elements, not %d", EG_MAX_MEMBERS, n));
	return n;
}

void
eg_ensemble_members(EgEnsemble *m, const EgEnsembleParams *p, const EgDataset *data)
{
	int			n = count_members(p);
	int			i;

	m->members = palloc0(sizeof(EgMember) * EG_MAX_MEMBERS);
	if (n == 0)
		default_members(m);
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&p->members->root, i);

		if (v->type == jbvString)
			add_stored(m, v, data);
		else
			parse_recipe(m, v);
	}
}

void
eg_ensemble_references(const void *params, EgReferences *out)
{
	const EgEnsembleParams *p = params;
	int			n = count_members(p);
	int			i;

	memset(out, 0, sizeof(EgReferences));
	out->names = palloc(sizeof(char *) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&p->members->root, i);

		if (v->type == jbvString)
			out->names[out->n++] = pnstrdup(v->val.string.val, v->val.string.len);
	}
	out->alone = n > 0 && out->n == n;
	out->trusted = p->trust;
}

void
eg_ensemble_refer_exactly(void *params, char *const *names)
{
	EgEnsembleParams *p = params;
	JsonbParseState *state = NULL;
	int			n = count_members(p);
	int			i;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&p->members->root, i);

		if (v->type == jbvString)
		{
			v->val.string.val = *names++;
			v->val.string.len = strlen(v->val.string.val);
		}
		pushJsonbValue(&state, WJB_ELEM, v);
	}
	p->members = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

int
eg_ensemble_depth(const EgEnsemble *m)
{
	int			depth = 0;
	int			k;

	for (k = 0; k < m->nmembers; k++)
	{
		if (m->members[k].is.algorithm == &eg_ensemble)
			depth = Max(depth, eg_ensemble_depth(m->members[k].is.model));
	}
	return depth + 1;
}

void
eg_ensemble_arrays(EgEnsemble *m)
{
	int			k;

	m->weight = palloc(sizeof(double) * m->nmembers);
	m->bias = palloc0(sizeof(double) * Max(m->nclasses, 1));
	m->room = palloc_extended(mul_size(sizeof(double) * m->nmembers * EG_ENSEMBLE_BLOCK, m->width),
							  MCXT_ALLOC_HUGE);
	for (k = 0; k < m->nmembers; k++)
		m->weight[k] = 1.0 / m->nmembers;
}

void
eg_ensemble_room(EgEnsemble *m)
{
	int			most = 1;
	int			k;

	for (k = 0; k < m->nmembers; k++)
	{
		if (m->members[k].is.translation)
			most = Max(most, m->members[k].is.translation->nto);
	}
	m->x = palloc_extended(mul_size(sizeof(float) * EG_ENSEMBLE_BLOCK, most), MCXT_ALLOC_HUGE);
}
