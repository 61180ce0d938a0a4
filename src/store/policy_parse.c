/*-------------------------------------------------------------------------
 *
 * policy_parse.c
 *	  The definition of a policy: JSON to structs, every mistake an error.
 *
 * Each kind of object lists its members once; what is not in the list is
 * refused with the list.  What tables or the SQL parser must say (rules,
 * models, velocities) is checked by who saves the policy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "store/policy.h"
#include "store/registry.h"

#define MAX_NAME	128			/* bytes of a layer's or rule's name */
#define MAX_ACTION	64
#define MAX_RULE	8192
#define MOST_BANDS	20

static const char *const policy_members[] = {"layers", "combine", "bands", "on_error", "explain",
NULL};
static const char *const rules_members[] = {"name", "rules", "weight", "combine", "on_error",
NULL};
static const char *const velocity_members[] = {"name", "velocity", "key", "limits", "at",
"amount", "lat", "lon", "score", "weight", "combine", "on_error", NULL};
static const char *const models_members[] = {"name", "models", "weight", "combine", "on_error",
NULL};
static const char *const layer_members[] = {"name", "rules", "velocity", "models", "key",
"limits", "at", "amount", "lat", "lon", "score", "weight", "combine", "on_error", NULL};
static const char *const rule_members[] = {"name", "when", "score", "stop", "action", "reason",
NULL};
static const char *const model_members[] = {"model", "weight", "class", "scale", "explain", NULL};
static const char *const limit_members[] = {"max", "score", NULL};
static const char *const band_members[] = {"from", "action", NULL};
static const char *const explain_members[] = {"from", "features", NULL};

static const char *const combine_words[] = {"max", "sum", "weighted", "noisy_or"};

const char *const eg_event_columns[EG_NEVENT] = {"at", "amount", "lat", "lon"};

const char *
eg_layer_kind_name(EgLayerKind kind)
{
	static const char *const names[] = {"rules", "velocity", "models"};

	return names[kind];
}

/* ----------
 * Values
 * ----------
 */

/* what is a phrase for messages, such as: rule "large" */
static void pg_attribute_noreturn()
must_be(const char *what, const char *member, const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("member \"%s\" of %s must be %s", member, what, kind)));
}

static bool
get(const JsonbContainer *object, const char *member, JsonbValue *v)
{
	return getKeyJsonValueFromContainer((JsonbContainer *) object, member, strlen(member),
										v) != NULL && v->type != jbvNull;
}

static bool
is_object(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data);
}

static bool
is_array(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data) &&
		!JsonContainerIsScalar(v->val.binary.data);
}

static double
number_of(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
}

static char *
text_of(const JsonbValue *v)
{
	return pnstrdup(v->val.string.val, v->val.string.len);
}

static void
check_members(const JsonbContainer *object, const char *what, const char *const *known)
{
	JsonbIterator *it = JsonbIteratorInit((JsonbContainer *) object);
	JsonbIteratorToken token;
	JsonbValue	v;
	int			i;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		StringInfoData list;

		if (token != WJB_KEY)
			continue;
		for (i = 0; known[i]; i++)
		{
			if (v.val.string.len == (int) strlen(known[i]) &&
				memcmp(v.val.string.val, known[i], v.val.string.len) == 0)
				break;
		}
		if (known[i])
			continue;
		initStringInfo(&list);
		for (i = 0; known[i]; i++)
			appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", known[i]);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown member \"%s\" of %s", eg_clip(text_of(&v), 64), what),
				 errhint("Known members: %s.", list.data)));
	}
}

static char *
get_text(const JsonbContainer *object, const char *what, const char *member, int limit,
		 bool required)
{
	JsonbValue	v;

	if (!get(object, member, &v))
	{
		if (required)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has no member \"%s\"", what, member)));
		return NULL;
	}
	if (v.type != jbvString)
		must_be(what, member, "a string");
	if (v.val.string.len == 0 || v.val.string.len > limit)
		must_be(what, member, psprintf("a string of 1 to %d bytes", limit));
	return text_of(&v);
}

static double
get_number(const JsonbContainer *object, const char *what, const char *member, double otherwise,
		   double low, double high)
{
	JsonbValue	v;
	double		x;

	if (!get(object, member, &v))
		return otherwise;
	if (v.type != jbvNumeric)
		must_be(what, member, "a number");
	x = number_of(&v);
	if (!(x >= low && x <= high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member \"%s\" of %s is %g, but must lie between %g and %g", member,
						what, x, low, high)));
	return x;
}

static bool
get_bool(const JsonbContainer *object, const char *what, const char *member, bool otherwise)
{
	JsonbValue	v;

	if (!get(object, member, &v))
		return otherwise;
	if (v.type != jbvBool)
		must_be(what, member, "true or false");
	return v.val.boolean;
}

/* An array of objects; *n of them, 1 to most. */
static JsonbContainer *
get_array(const JsonbContainer *object, const char *what, const char *member, int most, int *n)
{
	JsonbValue	v;

	if (!get(object, member, &v) || !is_array(&v))
		must_be(what, member, "an array");
	*n = JsonContainerSize(v.val.binary.data);
	if (*n < 1 || *n > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member \"%s\" of %s has %d elements, but must have 1 to %d", member,
						what, *n, most)));
	return v.val.binary.data;
}

static JsonbContainer *
object_at(JsonbContainer *array, int i, const char *what)
{
	JsonbValue *v = getIthJsonbValueFromContainer(array, i);

	if (!is_object(v))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be an object", what)));
	return v->val.binary.data;
}

/* allowed: bits of EgCombine */
static EgCombine
get_combine(const JsonbContainer *object, const char *what, EgCombine otherwise, int allowed)
{
	char	   *word = get_text(object, what, "combine", MAX_NAME, false);
	StringInfoData list;
	int			i;

	if (word == NULL)
		return otherwise;
	initStringInfo(&list);
	for (i = 0; i < lengthof(combine_words); i++)
	{
		if ((allowed & (1 << i)) == 0)
			continue;
		if (strcmp(word, combine_words[i]) == 0)
			return i;
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", combine_words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"combine\" of %s cannot be \"%s\"", what, eg_clip(word, 64)),
			 errhint("Known words: %s.", list.data)));
	return otherwise;			/* keep the compiler quiet */
}

static EgFallback
get_fallback(const JsonbContainer *object, const char *what, EgFallback otherwise)
{
	EgFallback	f = {EG_FALLBACK_SKIP, 0};
	JsonbValue	v;

	if (!get(object, "on_error", &v))
		return otherwise;
	if (v.type == jbvNumeric)
	{
		f.kind = EG_FALLBACK_SCORE;
		f.score = get_number(object, what, "on_error", 0, 0, 100);
		return f;
	}
	if (v.type == jbvString && strcmp(text_of(&v), "skip") == 0)
		return f;
	if (v.type == jbvString && strcmp(text_of(&v), "fail") == 0)
	{
		f.kind = EG_FALLBACK_FAIL;
		return f;
	}
	must_be(what, "on_error", "\"skip\", \"fail\" or a number from 0 to 100");
	return f;					/* keep the compiler quiet */
}

/* ----------
 * Layers
 * ----------
 */

static void
parse_rules(EgLayer *l, const JsonbContainer *object, const char *what)
{
	JsonbContainer *array = get_array(object, what, "rules", EG_MOST_RULES, &l->n);
	int			i,
				k;

	l->rules = palloc0(sizeof(EgRule) * l->n);
	for (i = 0; i < l->n; i++)
	{
		EgRule	   *r = &l->rules[i];
		const char *place = psprintf("rule %d of %s", i + 1, what);
		JsonbContainer *o = object_at(array, i, place);

		r->name = get_text(o, place, "name", MAX_NAME, true);
		place = psprintf("rule \"%s\" of %s", r->name, what);
		check_members(o, place, rule_members);
		r->when = get_text(o, place, "when", MAX_RULE, true);
		r->score = get_number(o, place, "score", 100, 0, 100);
		r->stop = get_bool(o, place, "stop", false);
		r->action = get_text(o, place, "action", MAX_ACTION, false);
		r->reason = get_text(o, place, "reason", 1024, false);
		if (r->action && !r->stop)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has an action, but does not stop the decision", place),
					 errhint("Add \"stop\": true, or leave the action to the bands.")));
		for (k = 0; k < i; k++)
		{
			if (strcmp(l->rules[k].name, r->name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("%s is there twice", place)));
		}
	}
}

static void
parse_velocity(EgLayer *l, const JsonbContainer *object, const char *what)
{
	double		score = get_number(object, what, "score", 80, 0, 100);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	int			n,
				i;

	l->velocity = get_text(object, what, "velocity", MAX_NAME, true);
	l->key = get_text(object, what, "key", NAMEDATALEN, true);
	for (i = 0; i < EG_NEVENT; i++)
		l->event[i] = get_text(object, what, eg_event_columns[i], NAMEDATALEN, false);
	if ((l->event[EG_EVENT_LAT] == NULL) != (l->event[EG_EVENT_LON] == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have both \"lat\" and \"lon\", or neither", what)));
	if (!get(object, "limits", &v) || !is_object(&v))
		must_be(what, "limits", "an object");
	n = JsonContainerSize(v.val.binary.data);
	if (n < 1)
		must_be(what, "limits", "an object with at least one member");
	l->limits = palloc0(sizeof(EgLimit) * n);
	it = JsonbIteratorInit(v.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		EgLimit    *limit = &l->limits[l->n];
		const char *place;

		if (token != WJB_KEY)
			continue;
		limit->name = text_of(&v);
		limit->score = score;
		place = psprintf("limit \"%s\" of %s", limit->name, what);
		(void) JsonbIteratorNext(&it, &v, true);
		if (v.type == jbvNumeric)
			limit->max = number_of(&v);
		else if (is_object(&v))
		{
			check_members(v.val.binary.data, place, limit_members);
			limit->max = get_number(v.val.binary.data, place, "max", NAN, -DBL_MAX, DBL_MAX);
			limit->score = get_number(v.val.binary.data, place, "score", score, 0, 100);
		}
		else
			limit->max = NAN;
		if (!isfinite(limit->max))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be a number, or an object with \"max\"", place)));
		l->n++;
	}
}

static void
parse_models(EgLayer *l, const JsonbContainer *object, const char *what)
{
	JsonbContainer *array = get_array(object, what, "models", EG_MOST_LAYERS, &l->n);
	int			i;

	l->models = palloc0(sizeof(EgPolicyModel) * l->n);
	for (i = 0; i < l->n; i++)
	{
		EgPolicyModel *m = &l->models[i];
		const char *place = psprintf("model %d of %s", i + 1, what);
		JsonbContainer *o = object_at(array, i, place);
		JsonbValue	v;

		m->reference = get_text(o, place, "model", 256, true);
		place = psprintf("model \"%s\" of %s", m->reference, what);
		check_members(o, place, model_members);
		m->weight = get_number(o, place, "weight", 1, 0,
							   l->combine == EG_COMBINE_NOISY_OR ? 1 : 1e9);
		m->class = get_text(o, place, "class", 1024, false);
		m->high = 1;
		m->explain = -1;
		if (get(o, "explain", &v))
		{
			if (v.type != jbvBool)
				must_be(place, "explain", "true or false");
			m->explain = v.val.boolean;
		}
		if (!get(o, "scale", &v))
			continue;
		m->scaled = true;
		if (is_array(&v) && JsonContainerSize(v.val.binary.data) == 2)
		{
			JsonbValue *low = getIthJsonbValueFromContainer(v.val.binary.data, 0);
			JsonbValue *high = getIthJsonbValueFromContainer(v.val.binary.data, 1);

			m->low = low->type == jbvNumeric ? number_of(low) : NAN;
			m->high = high->type == jbvNumeric ? number_of(high) : NAN;
		}
		else
			m->low = NAN;
		if (!isfinite(m->high - m->low) || m->high == m->low)
			must_be(place, "scale", "an array of two numbers that differ");
	}
}

static void
parse_layer(EgLayer *l, const JsonbContainer *o, const char *what, EgFallback on_error)
{
	const int	max_or = 1 << EG_COMBINE_MAX | 1 << EG_COMBINE_NOISY_OR;
	JsonbValue	v;
	int			kinds = 0;

	if (get(o, "rules", &v))
		kinds++;
	if (get(o, "velocity", &v))
	{
		l->kind = EG_LAYER_VELOCITY;
		kinds++;
	}
	if (get(o, "models", &v))
	{
		l->kind = EG_LAYER_MODELS;
		kinds++;
	}
	if (kinds != 1)
	{
		check_members(o, what, layer_members);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have one of the members rules, velocity, models, not %d of them",
						what, kinds)));
	}
	check_members(o, what, l->kind == EG_LAYER_RULES ? rules_members :
				  l->kind == EG_LAYER_VELOCITY ? velocity_members : models_members);
	l->combine = l->kind == EG_LAYER_MODELS ?
		get_combine(o, what, EG_COMBINE_WEIGHTED, max_or | 1 << EG_COMBINE_WEIGHTED) :
		get_combine(o, what, EG_COMBINE_MAX, max_or | 1 << EG_COMBINE_SUM);
	l->on_error = get_fallback(o, what, on_error);
	if (l->kind == EG_LAYER_RULES)
		parse_rules(l, o, what);
	else if (l->kind == EG_LAYER_VELOCITY)
		parse_velocity(l, o, what);
	else
		parse_models(l, o, what);
}

static void
parse_layers(EgPolicy *p, const JsonbContainer *object, EgFallback on_error)
{
	JsonbContainer *array = get_array(object, "the definition", "layers", EG_MOST_LAYERS,
									  &p->nlayers);
	int			i,
				k;

	p->layers = palloc0(sizeof(EgLayer) * p->nlayers);
	for (i = 0; i < p->nlayers; i++)
	{
		EgLayer    *l = &p->layers[i];
		const char *place = psprintf("layer %d", i + 1);
		JsonbContainer *o = object_at(array, i, place);

		l->name = get_text(o, place, "name", MAX_NAME, true);
		place = psprintf("layer \"%s\"", l->name);
		for (k = 0; k < i; k++)
		{
			if (strcmp(p->layers[k].name, l->name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("%s is there twice", place)));
		}
		l->weight = get_number(o, place, "weight", 1, 0,
							   p->combine == EG_COMBINE_NOISY_OR ? 1 : 1e9);
		parse_layer(l, o, place, on_error);
	}
}

/* ----------
 * The whole
 * ----------
 */

static void
default_bands(EgPolicy *p)
{
	static const EgBand bands[] = {{0, "approve"}, {31, "verify"}, {71, "step_up"}, {86, "block"}};

	p->nbands = lengthof(bands);
	p->bands = palloc(sizeof(bands));
	memcpy(p->bands, bands, sizeof(bands));
}

static void
parse_bands(EgPolicy *p, const JsonbContainer *object)
{
	JsonbContainer *array = get_array(object, "the definition", "bands", MOST_BANDS, &p->nbands);
	int			i;

	p->bands = palloc0(sizeof(EgBand) * p->nbands);
	for (i = 0; i < p->nbands; i++)
	{
		const char *place = psprintf("band %d", i + 1);
		JsonbContainer *o = object_at(array, i, place);
		double		from;

		check_members(o, place, band_members);
		from = get_number(o, place, "from", NAN, 0, 100);
		if (from != floor(from))
			must_be(place, "from", "a whole number from 0 to 100");
		p->bands[i].from = (int) from;
		p->bands[i].action = get_text(o, place, "action", MAX_ACTION, true);
		if (i == 0 ? p->bands[i].from != 0 : p->bands[i].from <= p->bands[i - 1].from)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("band %d begins at %d", i + 1, p->bands[i].from),
					 errdetail("The first band begins at 0, each other one above the one before "
							   "it.")));
	}
}

static void
parse_explain(EgPolicy *p, const JsonbValue *v)
{
	if (v->type == jbvBool && !v->val.boolean)
		p->explain_from = INFINITY;
	else if (is_object(v))
	{
		check_members(v->val.binary.data, "\"explain\"", explain_members);
		p->explain_from = get_number(v->val.binary.data, "\"explain\"", "from", 31, 0, 100);
		p->explain_features = (int) get_number(v->val.binary.data, "\"explain\"", "features", 3,
											   1, 100);
	}
	else
		must_be("the definition", "explain", "an object, or false");
}

EgPolicy *
eg_policy_parse(const Jsonb *definition)
{
	const EgFallback skip = {EG_FALLBACK_SKIP, 0};
	const JsonbContainer *root = &definition->root;
	EgPolicy   *p = palloc0(sizeof(EgPolicy));
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(definition))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the definition of a policy must be a JSON object")));
	check_members(root, "the definition", policy_members);
	p->combine = get_combine(root, "the definition", EG_COMBINE_MAX,
							 1 << EG_COMBINE_MAX | 1 << EG_COMBINE_WEIGHTED |
							 1 << EG_COMBINE_NOISY_OR);
	parse_layers(p, root, get_fallback(root, "the definition", skip));
	if (get(root, "bands", &v))
		parse_bands(p, root);
	else
		default_bands(p);
	p->explain_from = 31;
	p->explain_features = 3;
	if (get(root, "explain", &v))
		parse_explain(p, &v);
	return p;
}
