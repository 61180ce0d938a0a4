/*-------------------------------------------------------------------------
 *
 * change_limits.c
 *	  What the columns of a row may become, by the wishes of the caller.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "base/compat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/varlena.h"

#include "api/change_space.h"

#define GRID				16	/* values to try in a range that the caller gave */

/* ----------
 * Arguments
 * ----------
 */

int
eg_arg_int(FunctionCallInfo fcinfo, int i, const char *name, int without, int min, int max)
{
	int			v = PG_ARGISNULL(i) ? without : PG_GETARG_INT32(i);

	if (v < min || v > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is %d, but must be from %d to %d", name, v, min, max)));
	return v;
}

void
eg_unknown_column(const EgScorer *s, const char *name, const char *where)
{
	const EgSchema *schema = s->used->schema;
	const char *nearest = NULL;
	int			best = INT_MAX;
	int			c;

	for (c = 0; c < schema->ncolumns && strlen(name) < NAMEDATALEN; c++)
	{
		const char *known = schema->columns[c].name;
		int			d = INT_MAX;

		if (strlen(known) < NAMEDATALEN)
			d = varstr_levenshtein(name, strlen(name), known, strlen(known), 1, 1, 1, true);
		if (d < best)
		{
			best = d;
			nearest = known;
		}
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("model \"%s\" has no column \"%s\"", s->model->model, name),
					errdetail("%s names it.", where),
					nearest && best <= (int) strlen(name) / 3 + 1
						? errhint("Perhaps you meant \"%s\".", nearest)
						: errhint("engage_describe('%s') lists the columns.", s->model->model)));
}

/* ----------
 * By the caller
 * ----------
 */

/* Features of a column, or one element of an array column; error when there is none. */
static void
find_features(const EgScorer *s, const EgSchema *schema, const char *name, const char *where,
			  int *first, int *n)
{
	int			i;

	for (i = 0; i < schema->ncolumns; i++)
	{
		if (strcmp(schema->columns[i].name, name) == 0)
		{
			*first = schema->columns[i].first;
			*n = schema->columns[i].width;
			return;
		}
	}
	for (i = 0; i < schema->nfeatures; i++)
	{
		if (strcmp(schema->names[i], name) == 0)
		{
			*first = i;
			*n = 1;
			return;
		}
	}
	eg_unknown_column(s, name, where);
}

/* What the lists say of each feature: named in features, named in frozen. */
#define NAMED				1
#define FROZEN				2

static void
mark(const EgScorer *s, const EgSchema *schema, List *names, const char *argument, int bit,
	 uint8 *marks)
{
	ListCell   *lc;
	int			first,
				n,
				i;

	foreach (lc, names)
	{
		const char *name = lfirst(lc);

		/* it is frozen anyway */
		if (bit == FROZEN && s->route && strcmp(name, s->route->name) == 0)
			continue;
		find_features(s, schema, name, psprintf("Argument \"%s\"", argument), &first, &n);
		for (i = first; i < first + n; i++)
		{
			marks[i] |= bit;
			if (marks[i] == (NAMED | FROZEN))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" is both in \"features\" and in \"frozen\"", name)));
		}
	}
}

/* One column's limits. */
typedef struct Limit
{
	const EgColumn *column;
	const char *name;			/* as the caller wrote it */
	int			first;
	int			n;
} Limit;

static void
pg_attribute_noreturn() bad_limit(const Limit *l, const char *key, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" in the limits of column \"%s\" must be %s", key, l->name, wanted)));
}

static void
set_direction(const Limit *l, const JsonbValue *v, EgChangeFeature *features, uint8 *marks)
{
	const char *word = v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : "";
	int			i;

	for (i = l->first; i < l->first + l->n; i++)
	{
		EgChangeFeature *f = &features[i];

		if (strcmp(word, "frozen") == 0)
		{
			if (marks[i] & NAMED)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" is in \"features\", but its limits are \"frozen\"",
								l->name)));
			marks[i] |= FROZEN;
		}
		else if (strcmp(word, "both") == 0)
			f->direction = 0;
		else if (strcmp(word, "up") != 0 && strcmp(word, "down") != 0)
			bad_limit(l, "direction", "\"up\", \"down\", \"both\" or \"frozen\"");
		else if (f->category)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" has categories, which go neither up nor down", l->name),
					 errhint("Allow some of them with \"values\".")));
		else
			f->direction = strcmp(word, "up") == 0 ? 1 : -1;
	}
}

/* A value of the column, as the model sees it. */
static double
value_of(const EgScorer *s, const Limit *l, const char *key, const JsonbValue *v)
{
	const EgSchema *schema = s->used->schema;
	JsonbParseState *state = NULL;
	JsonbValue	name;
	JsonbValue	value = *v;
	float	   *x;

	if (l->column->kind == EG_COL_ARRAY)
	{
		if (v->type != jbvNumeric)
			bad_limit(l, key, "a number");
		return (float) DatumGetFloat8(
			DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
	}
	if (v->type == jbvBinary || v->type == jbvNull)
		bad_limit(l, key, "a value of the column");
	name.type = jbvString;
	name.val.string.val = l->column->name;
	name.val.string.len = strlen(l->column->name);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &name);
	pushJsonbValue(&state, WJB_VALUE, &value);
	x = palloc(sizeof(float) * schema->nfeatures);
	eg_schema_jsonb(schema, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)), true,
					s->model->model, x);
	return x[l->first];
}

static double
number_of(const Limit *l, const char *key, const JsonbValue *v, bool zero)
{
	double		number =
		v->type != jbvNumeric
			? NAN
			: DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));

	if (!(zero ? number >= 0 : number > 0) || isinf(number))
		bad_limit(l, key, zero ? "a number of at least 0" : "a number above 0");
	return number;
}

/* The categories that are allowed, as an array of their words. */
static void
set_values(const EgScorer *s, const Limit *l, const JsonbValue *v, EgChangeFeature *f)
{
	float	   *codes;
	int			n,
				i;

	if (!f->category)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"values\" are for categories, but column \"%s\" is a number", l->name),
				 errhint("Use \"min\", \"max\" and \"step\".")));
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
		JsonContainerSize(v->val.binary.data) == 0)
		bad_limit(l, "values", "an array of categories");
	n = JsonContainerSize(v->val.binary.data);
	codes = palloc(sizeof(float) * n);
	for (i = 0; i < n; i++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(v->val.binary.data, i);

		codes[i] = (float) value_of(s, l, "values", e);
		if (isnan(codes[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 e->type == jbvString
						 ? errmsg("value \"%.*s\" of column \"%s\" was not seen in training",
								  Min(e->val.string.len, 64), e->val.string.val, l->name)
						 : errmsg("a value of column \"%s\" was not seen in training", l->name)));
	}
	f->candidates = codes;
	f->ncandidates = n;
}

static void
set_limit(const EgScorer *s, const Limit *l, const char *key, const JsonbValue *v,
		  EgChangeFeature *features, uint8 *marks)
{
	bool		min = strcmp(key, "min") == 0;
	double		number = 0;
	int			i;

	if (strcmp(key, "direction") == 0)
	{
		set_direction(l, v, features, marks);
		return;
	}
	if (min || strcmp(key, "max") == 0 || strcmp(key, "step") == 0)
	{
		if (features[l->first].category)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" has categories and no \"%s\"", l->name, key),
							errhint("Allow some of them with \"values\".")));
		number = strcmp(key, "step") == 0 ? number_of(l, key, v, false) : value_of(s, l, key, v);
	}
	else if (strcmp(key, "cost") == 0)
		number = number_of(l, key, v, true);
	else if (strcmp(key, "values") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown limit \"%s\" of column \"%s\"", key, l->name),
						errhint("Known limits: \"direction\", \"min\", \"max\", \"step\", "
								"\"cost\", \"values\".")));
	for (i = l->first; i < l->first + l->n; i++)
	{
		EgChangeFeature *f = &features[i];

		if (min)
			f->min = number;
		else if (strcmp(key, "max") == 0)
			f->max = number;
		else if (strcmp(key, "step") == 0)
		{
			f->step = number;
			f->base = isnan(f->current) ? (isnan(f->min) ? 0 : f->min) : f->current;
		}
		else if (strcmp(key, "cost") == 0)
			f->cost = f->category ? number : number * f->unit;
		else
			set_values(s, l, v, f);
	}
}

/* After the limits: a range that was given alone makes a number changeable. */
static void
check_range(const Limit *l, EgChangeFeature *features, const EgChangeFeature *before)
{
	int			i;

	for (i = l->first; i < l->first + l->n; i++)
	{
		EgChangeFeature *f = &features[i];
		float	   *grid;
		int			k;

		if (f->category || (isnan(f->min) && isnan(f->max)))
			continue;
		if (f->min > f->max)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the limits of column \"%s\" allow nothing: \"min\" is %g, \"max\" is %g",
						l->name, f->min, f->max),
				 errdetail("In training its values were from %g to %g.", before[i].min,
						   before[i].max)));
		if (isnan(f->min) || isnan(f->max) || (f->min == before[i].min && f->max == before[i].max))
			continue;

		/* the values known from training may lie outside: a grid of its own besides */
		if (isnan(before[i].min))
		{
			f->allowed = true;
			f->unit = f->max > f->min ? (f->max - f->min) / 4 : 1;
			f->typical = (float) ((f->min + f->max) / 2);
		}
		grid = palloc(sizeof(float) * (f->ncandidates + GRID + 1));
		memcpy(grid, f->candidates, sizeof(float) * f->ncandidates);
		for (k = 0; k <= GRID; k++)
			grid[f->ncandidates + k] = (float) (f->min + (f->max - f->min) * k / GRID);
		f->candidates = grid;
		f->ncandidates += GRID + 1;
	}
}

static void
apply_limits(const EgScorer *s, Jsonb *limits, EgChangeFeature *features,
			 const EgChangeFeature *before, uint8 *marks, bool only_named)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(limits))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"limits\" must be a JSON object"),
						errhint("Write it as '{\"column\": {\"direction\": \"down\", \"min\": 20}, "
								"\"other\": \"up\"}'.")));
	it = JsonbIteratorInit(&limits->root);
	(void) JsonbIteratorNext(&it, &v, true);
	while ((token = JsonbIteratorNext(&it, &v, true)) == WJB_KEY)
	{
		char	   *name = pnstrdup(v.val.string.val, v.val.string.len);
		Limit		l;
		JsonbIterator *inner;
		JsonbValue	member;

		(void) JsonbIteratorNext(&it, &v, true);
		l.name = name;
		find_features(s, s->used->schema, name, "Argument \"limits\"", &l.first, &l.n);
		l.column = eg_feature_column(s->used->schema, l.first, NULL);
		if ((marks[l.first] & FROZEN) || (only_named && !(marks[l.first] & NAMED)))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" has limits, but may not change", name),
							errdetail((marks[l.first] & FROZEN) ? "It is in \"frozen\"."
																: "It is not in \"features\".")));
		if (v.type == jbvString)
		{
			set_direction(&l, &v, features, marks);
			continue;
		}
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("the limits of column \"%s\" must be an object, or \"up\", "
								   "\"down\" or \"frozen\"",
								   name)));
		inner = JsonbIteratorInit(v.val.binary.data);
		(void) JsonbIteratorNext(&inner, &member, true);
		while (JsonbIteratorNext(&inner, &member, true) == WJB_KEY)
		{
			char	   *key = pnstrdup(member.val.string.val, member.val.string.len);

			(void) JsonbIteratorNext(&inner, &member, true);
			set_limit(s, &l, key, &member, features, marks);
		}
		check_range(&l, features, before);
	}
}

/* What was asked for by name needs to be known. */
static void
check_named(const EgScorer *s, const EgChangeFeature *features, const uint8 *marks)
{
	const EgSchema *schema = s->used->schema;
	int			j;

	for (j = 0; j < schema->nfeatures; j++)
	{
		if ((marks[j] & NAMED) && !features[j].category && isnan(features[j].min) &&
			eg_feature_column(schema, j, NULL)->kind != EG_COL_CATEGORY)
			ereport(
				ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the range of column \"%s\" of model \"%s\" is not known", schema->names[j],
						s->model->model),
				 errdetail(s->used->baseline
							   ? "Training saw no value of it."
							   : "The model was imported, or trained before engage stored ranges."),
				 errhint("Give \"min\" and \"max\" in limits, or train the model here.")));
	}
}

EgChangeFeature *
eg_change_features(const EgScorer *s, const EgChangeSpace *space, const EgChangeWishes *wishes,
				   const float *x)
{
	const EgSchema *schema = s->used->schema;
	int			n = schema->nfeatures;
	EgChangeFeature *features = palloc(sizeof(EgChangeFeature) * Max(n, 1));
	uint8	   *marks = palloc0(Max(n, 1));
	const EgBaseline *b = s->used->baseline;
	int			end = (int) rint(wishes->trim * EG_BASELINE_BINS);
	bool		any = false;
	bool		unknown = false;
	int			j;

	memcpy(features, space->features, sizeof(EgChangeFeature) * n);
	mark(s, schema, wishes->features, "features", NAMED, marks);
	mark(s, schema, wishes->frozen, "frozen", FROZEN, marks);
	for (j = 0; j < n; j++)
	{
		EgChangeFeature *f = &features[j];

		f->current = x[j];
		if (eg_feature_column(schema, j, NULL)->kind == EG_COL_DATE && !isnan(x[j]))
			f->base = x[j];
		if (end > 0 && !f->category && b && b->features[j].nbins > 0 &&
			!(f->step == 1 && f->max - f->min <= 1))
		{
			f->min = b->features[j].quantile[end];
			f->max = b->features[j].quantile[EG_BASELINE_BINS - end];
		}
	}
	if (wishes->limits)
		apply_limits(s, wishes->limits, features, space->features, marks, wishes->features != NIL);
	check_named(s, features, marks);
	for (j = 0; j < n; j++)
	{
		EgChangeFeature *f = &features[j];

		if ((marks[j] & FROZEN) || (wishes->features != NIL && !(marks[j] & NAMED)))
			f->allowed = false;
		any |= f->allowed;
		unknown |= !f->category && isnan(f->min);
	}
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no column of model \"%s\" may change", s->model->model),
				 unknown
					 ? errhint("Where training left no ranges, give \"min\" and \"max\" in limits.")
					 : errhint("Freeze fewer columns.")));
	return features;
}
