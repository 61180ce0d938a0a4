/*-------------------------------------------------------------------------
 *
 * tune_space.c
 *	  What engage_tune() may try.
 *
 * The declared parameters of the algorithms (base/params.h) say what exists,
 * what is allowed, and what to search when nobody says otherwise.  Bounds and
 * choices that are given go through the same parser as parameters in training,
 * so the errors are the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "api/recipe.h"
#include "api/tune_space.h"
#include "base/compat.h"

/* points of a range in a grid, unless told */
#define GRID_POINTS			3
#define MAX_DIMS			200

static char *
value_text(const JsonbValue *v)
{
	Jsonb	   *jb = JsonbValueToJsonb(unconstify(JsonbValue *, v));

	return JsonbToCString(NULL, &jb->root, VARSIZE(jb));
}

static double
value_number(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

static bool
is_object(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data);
}

static const EgParam *
find_param(const EgAlgorithm *a, const char *name)
{
	const EgParam *p;

	for (p = a->params; p->name; p++)
	{
		if (strcmp(p->name, name) == 0 || (p->alias && strcmp(p->alias, name) == 0))
			return p;
	}
	return NULL;
}

static int
find_algorithm(const EgTuneSpace *t, const char *name)
{
	int			b;

	for (b = 0; b < t->nalgorithms; b++)
	{
		if (strcmp(t->algorithms[b]->name, name) == 0)
			return b;
	}
	return -1;
}

/* An error if the algorithm does not take this value: the one that training would raise. */
static void
check_value(const EgAlgorithm *a, const char *name, const char *json)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoChar(&s, '{');
	escape_json(&s, name);
	appendStringInfo(&s, ": %s}", json);
	(void) eg_params_parse(a->params, a->params_size, eg_json_parse(s.data), a->name);
}

static bool
branch_fixes(const EgTuneSpace *t, int branch, const EgParam *p)
{
	Jsonb	   *json = eg_json_parse(psprintf("{%s}", t->fixed[branch]));
	JsonbValue	v;

	return getKeyJsonValueFromContainer(&json->root, p->name, strlen(p->name), &v) != NULL;
}

static EgDim *
add_dim(EgTuneSpace *t, int branch, const EgParam *p)
{
	EgDim	   *d = &t->dims[t->space.ndims];
	int			j;

	if (branch_fixes(t, branch, p))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of algorithm \"%s\" is both in params and in space",
						p->name, t->algorithms[branch]->name)));
	for (j = 0; j < t->space.ndims; j++)
	{
		if (t->dims[j].branch == branch && t->of[j].param == p)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"%s\" of algorithm \"%s\" is twice in space", p->name,
							t->algorithms[branch]->name)));
	}
	if (t->space.ndims == MAX_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("space has more than %d parameters", MAX_DIMS)));
	d->branch = branch;
	d->ngrid = GRID_POINTS;
	t->of[t->space.ndims++].param = p;
	return d;
}

static void pg_attribute_noreturn()
bad_space(const EgParam *p, const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("space of parameter \"%s\" must be a range or a list of values, not %s",
					p->name, text),
			 errhint("Ranges are written [3, 10] or {\"min\": 0.01, \"max\": 0.3, \"log\": true}, "
					 "lists [\"a\", \"b\"] or {\"choices\": [3, 10]}.")));
}

static void
add_range(EgTuneSpace *t, int branch, const EgParam *p, double low, double high, bool log,
		  int points)
{
	const EgAlgorithm *a = t->algorithms[branch];
	EgDim	   *d;

	if (p->type != EG_PARAM_INT && p->type != EG_PARAM_REAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of algorithm \"%s\" is a %s and has no range", p->name,
						a->name, eg_param_type_name(p)),
				 errhint("Give a list of values, such as {\"choices\": [...]}.")));
	check_value(a, p->name, psprintf("%.17g", low));
	check_value(a, p->name, psprintf("%.17g", high));
	if (!(low < high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of parameter \"%s\" is empty: from %g to %g", p->name, low, high)));
	if (log && low <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of parameter \"%s\" begins at %g, which has no logarithm", p->name,
						low)));
	d = add_dim(t, branch, p);
	d->kind = p->type == EG_PARAM_INT ? EG_DIM_INT : EG_DIM_REAL;
	d->low = low;
	d->high = high;
	d->log = log;
	d->ngrid = points;
}

static void
add_choices(EgTuneSpace *t, int branch, const EgParam *p, JsonbContainer *array)
{
	int			n = JsonContainerSize(array);
	char	  **texts = palloc(sizeof(char *) * Max(n, 1));
	EgDim	   *d;
	int			i;

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("list of values of parameter \"%s\" is empty", p->name)));
	for (i = 0; i < n; i++)
	{
		texts[i] = value_text(getIthJsonbValueFromContainer(array, i));
		check_value(t->algorithms[branch], p->name, texts[i]);
	}
	d = add_dim(t, branch, p);
	d->kind = EG_DIM_CHOICE;
	d->nchoices = n;
	t->of[t->space.ndims - 1].choices = texts;
}

/* {"min": 0.01, "max": 0.3, "log": true, "points": 5} or {"choices": [...]} */
static void
add_object(EgTuneSpace *t, int branch, const EgParam *p, const JsonbValue *v)
{
	double		low = NAN,
				high = NAN,
				points = GRID_POINTS;
	bool		log = p->log_scale,
				log_given = false;
	JsonbIterator *it = JsonbIteratorInit(v->val.binary.data);
	JsonbIteratorToken token;
	JsonbValue	m;

	while ((token = JsonbIteratorNext(&it, &m, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(m.val.string.val, m.val.string.len);
		(void) JsonbIteratorNext(&it, &m, true);
		if (strcmp(name, "min") == 0 && m.type == jbvNumeric)
			low = value_number(&m);
		else if (strcmp(name, "max") == 0 && m.type == jbvNumeric)
			high = value_number(&m);
		else if (strcmp(name, "points") == 0 && m.type == jbvNumeric)
			points = value_number(&m);
		else if (strcmp(name, "log") == 0 && m.type == jbvBool)
		{
			log = m.val.boolean;
			log_given = true;
		}
		else if (strcmp(name, "choices") == 0 && m.type == jbvBinary &&
				 JsonContainerIsArray(m.val.binary.data) &&
				 JsonContainerSize(v->val.binary.data) == 1)
		{
			add_choices(t, branch, p, m.val.binary.data);
			return;
		}
		else
			bad_space(p, value_text(v));
	}
	if (isnan(low) || isnan(high) || !(points >= 2 && points <= 1000))
		bad_space(p, value_text(v));
	if (!log_given && low <= 0)
		log = false;
	add_range(t, branch, p, low, high, log, (int) points);
}

static void
add_given(EgTuneSpace *t, int branch, const EgParam *p, const JsonbValue *v)
{
	JsonbContainer *array;

	if (is_object(v))
	{
		add_object(t, branch, p, v);
		return;
	}
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		bad_space(p, value_text(v));
	array = v->val.binary.data;
	if (JsonContainerSize(array) == 2 && (p->type == EG_PARAM_INT || p->type == EG_PARAM_REAL))
	{
		JsonbValue *low = getIthJsonbValueFromContainer(array, 0);
		JsonbValue *high = getIthJsonbValueFromContainer(array, 1);

		if (low->type == jbvNumeric && high->type == jbvNumeric)
		{
			double		from = value_number(low);

			add_range(t, branch, p, from, value_number(high), p->log_scale && from > 0,
					  GRID_POINTS);
			return;
		}
	}
	add_choices(t, branch, p, array);
}

static void
add_fixed(EgTuneSpace *t, int branch, const EgParam *p, const JsonbValue *v)
{
	StringInfoData s;
	char	   *text = value_text(v);

	check_value(t->algorithms[branch], p->name, text);
	initStringInfo(&s);
	appendStringInfo(&s, "%s%s", t->fixed[branch], t->fixed[branch][0] ? ", " : "");
	escape_json(&s, p->name);
	appendStringInfo(&s, ": %s", text);
	t->fixed[branch] = s.data;
}

typedef void (*AddMember) (EgTuneSpace *t, int branch, const EgParam *p, const JsonbValue *v);

/* Members of an object that is for one algorithm alone. */
static void
members_of_one(EgTuneSpace *t, int branch, JsonbContainer *object, AddMember add)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		const EgParam *p;
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		p = find_param(t->algorithms[branch], name);
		if (p == NULL)
			check_value(t->algorithms[branch], name, "0");	/* raises the error */
		else
			add(t, branch, p, &v);
	}
}

/* Each member: a parameter of some of the algorithms, or an algorithm with parameters. */
static void
members(EgTuneSpace *t, const Jsonb *json, const char *argument, AddMember add)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	int			b;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON object", argument)));
	it = JsonbIteratorInit(&unconstify(Jsonb *, json)->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		known = false;
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		b = find_algorithm(t, name);
		if (b >= 0 && is_object(&v))
		{
			members_of_one(t, b, v.val.binary.data, add);
			continue;
		}
		for (b = 0; b < t->nalgorithms; b++)
		{
			const EgParam *p = find_param(t->algorithms[b], name);

			if (p)
				add(t, b, p, &v);
			known |= p != NULL;
		}
		if (!known)
			check_value(t->algorithms[0], name, "0");	/* raises the error */
	}
}

/* What an algorithm declares, but for what is fixed. */
static void
declared_space(EgTuneSpace *t, int branch)
{
	const EgParam *p;

	for (p = t->algorithms[branch]->params; p->name; p++)
	{
		EgDim	   *d;

		if (!p->tunable || branch_fixes(t, branch, p))
			continue;
		if (p->type != EG_PARAM_INT && p->type != EG_PARAM_REAL && p->type != EG_PARAM_BOOL &&
			p->type != EG_PARAM_WORD)
			continue;
		d = add_dim(t, branch, p);
		d->kind = p->type == EG_PARAM_INT ? EG_DIM_INT : EG_DIM_REAL;
		d->low = p->search_min;
		d->high = p->search_max;
		d->log = p->log_scale && p->search_min > 0;
		if (p->type == EG_PARAM_BOOL || p->type == EG_PARAM_WORD)
		{
			char	  **texts;
			int			n = 0;

			while (p->type == EG_PARAM_WORD && p->words[n])
				n++;
			if (p->type == EG_PARAM_BOOL)
				n = 2;
			texts = palloc(sizeof(char *) * n);
			for (int i = 0; i < n; i++)
				texts[i] = p->type == EG_PARAM_BOOL ? (i ? "true" : "false") :
					psprintf("\"%s\"", p->words[i]);
			d->kind = EG_DIM_CHOICE;
			d->nchoices = n;
			t->of[t->space.ndims - 1].choices = texts;
		}
	}
}

EgTuneSpace *
eg_tune_space(List *algorithms, const Jsonb *params, const Jsonb *space)
{
	EgTuneSpace *t = palloc0(sizeof(EgTuneSpace));
	ListCell   *lc;
	int			b;

	if (algorithms == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"algorithms\" is an empty array")));
	t->algorithms = palloc(sizeof(EgAlgorithm *) * list_length(algorithms));
	t->fixed = palloc(sizeof(char *) * list_length(algorithms));
	t->dims = palloc0(sizeof(EgDim) * MAX_DIMS);
	t->of = palloc0(sizeof(EgTuneDim) * MAX_DIMS);
	foreach(lc, algorithms)
	{
		const EgAlgorithm *a = eg_algorithm_find(lfirst(lc));

		if (find_algorithm(t, a->name) >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("algorithm \"%s\" is twice in argument \"algorithms\"", a->name)));
		t->fixed[t->nalgorithms] = "";
		t->algorithms[t->nalgorithms++] = a;
	}
	if (params)
		members(t, params, "params", add_fixed);
	if (space)
		members(t, space, "space", add_given);
	else
	{
		for (b = 0; b < t->nalgorithms; b++)
			declared_space(t, b);
	}
	if (t->space.ndims == 0 && (space || t->nalgorithms == 1))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the search space is empty"),
			 space ? errhint("Name parameters with ranges, such as '{\"max_depth\": [3, 10]}'.")
				   : errhint("Name parameters to search with space => '{...}'; engage_parameters() "
							 "lists them.")));
	t->space.nbranches = t->nalgorithms;
	t->space.dims = t->dims;
	return t;
}

/* ----------
 * Points
 * ----------
 */

/* Number of the choice that is this JSON value, -1 for none. */
static int
find_choice(const EgDim *d, const EgTuneDim *of, const char *text)
{
	int			i;

	for (i = 0; i < d->nchoices; i++)
	{
		if (DatumGetBool(DirectFunctionCall2(jsonb_eq, JsonbPGetDatum(eg_json_parse(text)),
											 JsonbPGetDatum(eg_json_parse(of->choices[i])))))
			return i;
	}
	return -1;
}

void
eg_tune_defaults(const EgTuneSpace *t, int branch, EgPoint *out)
{
	int			j;

	out->branch = branch;
	out->loss = NAN;
	out->complete = false;
	for (j = 0; j < t->space.ndims; j++)
	{
		const EgDim *d = &t->dims[j];
		const EgParam *p = t->of[j].param;
		char	   *text;

		out->x[j] = NAN;
		if (d->branch != branch)
			continue;
		if (d->kind == EG_DIM_CHOICE)
		{
			text = eg_param_default_text(p);
			out->x[j] = text ? Max(find_choice(d, &t->of[j], text), 0) : 0;
		}
		else
			out->x[j] = isnan(p->number) ? d->low : Min(Max(p->number, d->low), d->high);
	}
	eg_tune_round(t, out);
}

void
eg_tune_round(const EgTuneSpace *t, EgPoint *p)
{
	int			j;

	for (j = 0; j < t->space.ndims; j++)
	{
		const EgDim *d = &t->dims[j];

		if (d->branch == p->branch && d->kind == EG_DIM_REAL)
			p->x[j] = Min(Max(strtod(psprintf("%.6g", p->x[j]), NULL), d->low), d->high);
	}
}

char *
eg_tune_params(const EgTuneSpace *t, const EgPoint *p)
{
	StringInfoData s;
	int			j;

	initStringInfo(&s);
	appendStringInfo(&s, "{%s", t->fixed[p->branch]);
	for (j = 0; j < t->space.ndims; j++)
	{
		const EgDim *d = &t->dims[j];

		if (d->branch != p->branch)
			continue;
		if (s.len > 1)
			appendStringInfoString(&s, ", ");
		escape_json(&s, t->of[j].param->name);
		if (d->kind == EG_DIM_CHOICE)
			appendStringInfo(&s, ": %s", t->of[j].choices[(int) p->x[j]]);
		else if (d->kind == EG_DIM_INT)
			appendStringInfo(&s, ": %.0f", p->x[j]);
		else
			appendStringInfo(&s, ": %.15g", p->x[j]);
	}
	appendStringInfoChar(&s, '}');
	return s.data;
}

bool
eg_tune_point(const EgTuneSpace *t, const char *algorithm, const Jsonb *params, EgPoint *out)
{
	int			found = 0;
	int			fixed_size;
	Jsonb	   *fixed;
	int			j;

	out->branch = find_algorithm(t, algorithm);
	if (out->branch < 0)
		return false;
	for (j = 0; j < t->space.ndims; j++)
	{
		const EgDim *d = &t->dims[j];
		const char *name = t->of[j].param->name;
		JsonbValue	v;

		out->x[j] = NAN;
		if (d->branch != out->branch)
			continue;
		if (getKeyJsonValueFromContainer(&unconstify(Jsonb *, params)->root, name, strlen(name),
										 &v) == NULL)
			return false;
		if (d->kind == EG_DIM_CHOICE)
			out->x[j] = find_choice(d, &t->of[j], value_text(&v));
		else if (v.type == jbvNumeric)
			out->x[j] = value_number(&v);
		if (d->kind == EG_DIM_CHOICE ? out->x[j] < 0 :
			!(out->x[j] >= d->low && out->x[j] <= d->high))
			return false;
		found++;
	}

	/* the others must be those that are fixed now */
	fixed = eg_json_parse(psprintf("{%s}", t->fixed[out->branch]));
	fixed_size = JsonContainerSize(&fixed->root);
	return JsonContainerSize(&unconstify(Jsonb *, params)->root) == found + fixed_size &&
		DatumGetBool(DirectFunctionCall2(jsonb_contains, JsonbPGetDatum(params),
										 JsonbPGetDatum(fixed)));
}
