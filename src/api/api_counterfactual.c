/*-------------------------------------------------------------------------
 *
 * api_counterfactual.c
 *	  engage_counterfactual(): what would bring the score to a target?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/change_space.h"
#include "api/predict.h"
#include "api/recipe.h"
#include "api/result.h"
#include "store/explain.h"

PG_FUNCTION_INFO_V1(engage_counterfactual_row);
PG_FUNCTION_INFO_V1(engage_counterfactual_jsonb);
PG_FUNCTION_INFO_V1(engage_counterfactual_number_row);
PG_FUNCTION_INFO_V1(engage_counterfactual_number_jsonb);

/* arguments of engage_counterfactual(), as in sql/74_counterfactual.sql */
#define ARG_ROW				1
#define ARG_TARGET			2
#define ARG_FEATURES		3
#define ARG_FROZEN			4
#define ARG_LIMITS			5
#define ARG_N				6
#define ARG_CLASS			7
#define ARG_MAX_CHANGES		8
#define ARG_SPARSITY		9
#define ARG_WITHIN			10
#define ARG_PLAUSIBLE		11
#define ARG_MAX_EVALUATIONS	12

#define DEFAULT_ANSWERS		3
#define DEFAULT_CHANGES		5
#define DEFAULT_EVALUATIONS	50000

#define ROWS_AT_A_TIME		256	/* scored by one call of the model */

/* Which number of a row is spoken of. */
typedef struct Measure
{
	const EgScorer *s;
	int			output;
	bool		flip;			/* binary: 1 - output, the other class */
	bool		lead;			/* multiclass: output minus the best of the others */
	double	   *raw;			/* (ROWS_AT_A_TIME, width) */
} Measure;

/* ----------
 * Numbers of rows
 * ----------
 */

static double
measure(const Measure *m, const double *out, bool lead)
{
	double		others = -INFINITY;
	int			i;

	if (!lead)
		return m->flip ? 1 - out[m->output] : out[m->output];
	for (i = 0; i < m->s->width; i++)
	{
		if (i != m->output)
			others = Max(others, out[i]);
	}
	return out[m->output] - others;
}

/* EgFunction: the measure of each row. */
static void
measure_rows(void *arg, const float *x, Size n, double *out)
{
	const Measure *m = arg;
	const EgArtifact *a = m->s->used;
	Size		done,
				k,
				i;

	for (done = 0; done < n; done += k)
	{
		k = Min(n - done, ROWS_AT_A_TIME);
		eg_artifact_predict(a, x + done * a->schema->nfeatures, k, m->raw);
		for (i = 0; i < k; i++)
			out[done + i] = measure(m, m->raw + i * m->s->width, m->lead);
	}
}

/* Index of a class by its label; -1: no such class. */
static int
find_class(const EgScorer *s, const char *label)
{
	const EgSchema *schema = s->used->schema;
	int			i;

	if (!eg_task_has_classes(s->model->task))
		return -1;
	for (i = 0; i < (eg_task_two_classes(s->model->task) ? 2 : s->width); i++)
	{
		if (strcmp(i < schema->nlabels ? schema->labels[i] : psprintf("%d", i), label) == 0)
			return i;
	}
	return -1;
}

static void
set_class(Measure *m, const char *class)
{
	if (class)
		m->output = eg_explain_class_output(m->s, class, &m->flip);
	else
		m->output = eg_task_two_classes(m->s->model->task) ? 0 : m->s->middle;
}

/* ----------
 * The target
 * ----------
 */

typedef struct Target
{
	double		lo,
				hi;
	char	   *text;			/* for messages: "<= 0.3" */
} Target;

static char *
number_text(double v)
{
	return psprintf("%.6g", v);
}

static void
set_below(Target *t, double v, bool strict)
{
	t->lo = -INFINITY;
	t->hi = strict ? nextafter(v, -INFINITY) : v;
	t->text = psprintf("%s %s", strict ? "<" : "<=", number_text(v));
}

static void
set_above(Target *t, double v, bool strict)
{
	t->lo = strict ? nextafter(v, INFINITY) : v;
	t->hi = INFINITY;
	t->text = psprintf("%s %s", strict ? ">" : ">=", number_text(v));
}

/* A number from p on, with white space around it; false: none. */
static bool
read_number(const char **p, double *v)
{
	char	   *end;

	*v = strtod(*p, &end);
	if (end == *p || !isfinite(*v))
		return false;
	while (*end == ' ')
		end++;
	*p = end;
	return true;
}

/* '<= 0.3', '>= 0.7', '0.2..0.4', '0.3'; numbers holds those that it names. */
static bool
read_condition(const char *text, double now, Target *t, double *numbers, int *n)
{
	const char *p = text + strspn(text, " ");
	char		op = *p == '<' || *p == '>' ? *p++ : '=';
	bool		strict = op != '=' && *p != '=';

	if (op != '=' && *p == '=')
		p++;
	while (*p == ' ')
		p++;
	*n = 1;
	if (op == '=')
	{
		const char *dots = strstr(p, "..");

		/* strtod() would take the first dot */
		if (dots)
		{
			char	   *first = pnstrdup(p, dots - p);
			const char *q = first;

			p = dots + 2;
			if (!read_number(&q, &t->lo) || *q != '\0' || !read_number(&p, &t->hi) || *p != '\0' ||
				t->lo > t->hi)
				return false;
			t->text = psprintf("from %s to %s", number_text(t->lo), number_text(t->hi));
			numbers[0] = t->lo;
			numbers[1] = t->hi;
			*n = 2;
			return true;
		}
	}
	if (!read_number(&p, &numbers[0]) || *p != '\0')
		return false;
	if (op == '<' || (op == '=' && now > numbers[0]))
		set_below(t, numbers[0], strict);
	else
		set_above(t, numbers[0], strict);
	return true;
}

/* Scores that no row can have make the target a mistake. */
static void
check_possible(const EgScorer *s, const Target *t, const double *numbers, int n)
{
	bool		classes = eg_task_has_classes(s->model->task);
	int			i;

	for (i = 0; i < n; i++)
	{
		if (classes && (numbers[i] < 0 || numbers[i] > 1))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("target %s is outside the range of a probability", t->text),
							errdetail("Model \"%s\" has the task %s; its scores are from 0 to 1.",
									  s->model->model, eg_task_name(s->model->task))));
		if ((s->model->task == EG_COUNT || s->model->task == EG_SURVIVAL) && numbers[i] < 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("target %s is below 0", t->text),
							errdetail("Model \"%s\" has the task %s; its scores are never below 0.",
									  s->model->model, eg_task_name(s->model->task))));
	}
}

static char *
class_list(const EgScorer *s)
{
	const EgSchema *schema = s->used->schema;
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < Min(schema->nlabels, 10); i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", schema->labels[i]);
	return list.data;
}

/* The row is to be of this class: by the threshold of two, by a lead over the others of more. */
static void
class_target(Measure *m, int class, Target *t)
{
	const EgSchema *schema = m->s->used->schema;

	if (eg_task_two_classes(m->s->model->task))
	{
		m->output = 0;
		if (class == 1)
			set_above(t, m->s->model->threshold, false);
		else
			set_below(t, m->s->model->threshold, true);
	}
	else
	{
		m->output = class;
		m->lead = true;
		set_above(t, 0, true);
	}
	t->text = psprintf("class \"%s\"",
					   class < schema->nlabels ? schema->labels[class] : psprintf("%d", class));
}

static void
find_target(Measure *m, const double *out, const char *text, bool number, const char *class,
			Target *t)
{
	const EgScorer *s = m->s;
	EgTask		task = s->model->task;
	bool		classes = eg_task_has_classes(task);
	int			label = -1;
	double		numbers[2];
	int			n;

	/* 1 is a probability, unless it can only be a class */
	if (text && (!number || (eg_task_many_classes(task) && !class)))
		label = find_class(s, text);
	if (text == NULL)
	{
		if (!eg_task_two_classes(task) || class)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"target\" must not be NULL"),
					 errdetail("Only a binary model has an obvious target, its other class."),
					 eg_task_many_classes(task) && !class ?
					 errhint("Its classes are %s.", class_list(s)) :
					 errhint("Write a condition like target => '>= 0.7', or a number.")));
		class_target(m, !eg_scorer_class(s, out), t);
		return;
	}
	if (label >= 0)
	{
		if (class)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("target \"%s\" is a class, and argument \"class\" names one, too", text),
				 errhint("Write the class as the target, or a probability of the class.")));
		class_target(m, label, t);
		return;
	}
	set_class(m, class);
	if (!read_condition(text, measure(m, out, false), t, numbers, &n))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 classes ? errmsg("target \"%s\" is neither a class of model \"%s\" nor a condition",
							  text, s->model->model)
					 : errmsg("target \"%s\" is not a condition", text),
			 classes && s->used->schema->nlabels > 0
				 ? errhint(
					   "Its classes are %s; conditions are like '<= 0.3', '>= 0.7', '0.2..0.4'.",
					   class_list(s))
				 : errhint("Conditions are like '<= 0.3', '>= 0.7', '0.2..0.4'.")));
	check_possible(s, t, numbers, n);
	if (eg_task_many_classes(task) && !class)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has a probability for each of %d classes", s->model->model,
						s->width),
				 errhint("Say which one with class => ..., or name a class as the target: %s.",
						 class_list(s))));
}

/* ----------
 * engage_counterfactual
 * ----------
 */

static double
arg_double(FunctionCallInfo fcinfo, int i, const char *name, double without, double min, double max)
{
	double		v = PG_ARGISNULL(i) ? without : PG_GETARG_FLOAT8(i);

	if (!(v >= min && v <= max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is %g, but must be from %g to %g", name, v, min, max)));
	return v;
}

/* Kept by the call site for each part of the model, made at its first use. */
static EgChangeSpace *
space_of(FunctionCallInfo fcinfo, const EgScorer *s)
{
	void	  **extra = eg_call_site_extra(fcinfo);
	EgChangeSpace **spaces = *extra;
	int			part = 0;

	while (s->model->parts[part] != s->used)
		part++;
	if (spaces == NULL)
		*extra = spaces =
			MemoryContextAllocZero(s->context, sizeof(EgChangeSpace *) * s->model->nparts);
	if (spaces[part] == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(s->context);

		spaces[part] = eg_change_space(s);
		MemoryContextSwitchTo(old);
	}
	return spaces[part];
}

/*
 * The result shows values as text, and dates as text have no seconds: what the text
 * says is what the row has.  False when that does not meet the target any more.
 */
static bool
read_back(const Measure *m, const Target *t, EgChangeAnswer *a)
{
	const EgSchema *schema = m->s->used->schema;
	bool		any = false;
	int			i;

	for (i = 0; i < a->nchanged; i++)
	{
		int			j = a->changed[i];
		const EgColumn *c = eg_feature_column(schema, j, NULL);
		JsonbParseState *state = NULL;
		JsonbValue	v;
		float	   *x;

		if (c->kind != EG_COL_DATE && c->kind != EG_COL_INTERVAL)
			continue;
		v.type = jbvString;
		v.val.string.val = c->name;
		v.val.string.len = strlen(c->name);
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		pushJsonbValue(&state, WJB_KEY, &v);
		v.val.string.val = eg_feature_text(schema, j, a->x[j]);
		v.val.string.len = strlen(v.val.string.val);
		pushJsonbValue(&state, WJB_VALUE, &v);
		x = palloc(sizeof(float) * schema->nfeatures);
		eg_schema_jsonb(schema, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)),
						true, m->s->model->model, x);
		any |= x[j] != a->x[j];
		a->x[j] = x[j];
	}
	if (any)
		measure_rows((void *) m, a->x, 1, &a->score);
	return a->score >= t->lo && a->score <= t->hi;
}

/* The number that the result shows: for a lead, the class's probability. */
static double
shown_score(const Measure *m, const float *x)
{
	eg_artifact_predict(m->s->used, x, 1, m->raw);
	return measure(m, m->raw, false);
}

static void
put_answers(const Measure *m, const Target *t, const EgChangeProblem *p, EgChangeResult *r,
			const float *x, Tuplestorestate *store, TupleDesc desc)
{
	const EgSchema *schema = m->s->used->schema;
	double		before = shown_score(m, x);
	int			number = 0;
	int			i,
				k;

	for (i = 0; i < r->nanswers; i++)
	{
		EgChangeAnswer *a = &r->answers[i];
		double		after;

		if (!read_back(m, t, a))
			continue;
		number++;
		after = shown_score(m, a->x);
		for (k = 0; k < a->nchanged; k++)
		{
			int			j = a->changed[k];
			char	   *from = eg_feature_text(schema, j, x[j]);
			char	   *to = eg_feature_text(schema, j, a->x[j]);
			Datum		values[7];
			bool		nulls[7] = {0};

			values[0] = Int32GetDatum(number);
			values[1] = CStringGetTextDatum(schema->names[j]);
			nulls[2] = from == NULL;
			values[2] = from ? CStringGetTextDatum(from) : (Datum) 0;
			nulls[3] = to == NULL;
			values[3] = to ? CStringGetTextDatum(to) : (Datum) 0;
			values[4] = Float8GetDatum(before);
			values[5] = Float8GetDatum(after);
			values[6] = Float8GetDatum(eg_change_cost(&p->features[j], a->x[j]));
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
}

/* Why there are no rows. */
static void
tell(const Measure *m, const Target *t, const EgChangeProblem *p, const EgChangeResult *r,
	 double before)
{
	if (r->before >= p->lo && r->before <= p->hi)
		ereport(NOTICE, (errmsg("the row meets the target already: %s, score %s", t->text,
								number_text(before))));
	else
		ereport(NOTICE,
				(errmsg("no change that was tried brings the score from %s to the target: %s",
						number_text(before), t->text),
				 errdetail("%s %s; %d rows were scored, with up to %d changes each.",
						   m->lead ? "The class's lead over the others came up to"
								   : "The nearest score was",
						   number_text(r->nearest), r->evaluations, p->max_changes),
				 errhint("Allow more columns, more changes (max_changes) or wider limits; "
						 "plausible => false drops the likeness to observed rows.")));
}

static void
run_counterfactual(FunctionCallInfo fcinfo, const EgScorer *s, const double *out, const char *text,
				   bool number, Tuplestorestate *store, TupleDesc desc)
{
	EgChangeSpace *space = space_of(fcinfo, s);
	Measure		m = {0};
	Target		target;
	EgChangeProblem p = {0};
	EgChangeWishes wishes = {0};
	EgChangeResult *r;
	int			n = s->used->schema->nfeatures;
	float	   *x = palloc(sizeof(float) * Max(n, 1));

	memcpy(x, s->x, sizeof(float) * n);
	m.s = s;
	m.raw = palloc(sizeof(double) * ROWS_AT_A_TIME * s->width);
	find_target(&m, out, text, number, eg_arg_text(fcinfo, ARG_CLASS), &target);

	wishes.features = eg_arg_names(fcinfo, ARG_FEATURES, "features");
	wishes.frozen = eg_arg_names(fcinfo, ARG_FROZEN, "frozen");
	wishes.limits = PG_ARGISNULL(ARG_LIMITS) ? NULL : PG_GETARG_JSONB_P(ARG_LIMITS);
	wishes.trim = (1 - arg_double(fcinfo, ARG_WITHIN, "within", 1, 0.1, 1)) / 2;
	p.nfeatures = n;
	p.features = eg_change_features(s, space, &wishes, x);
	p.f = measure_rows;
	p.arg = &m;
	p.lo = target.lo;
	p.hi = target.hi;
	p.nanswers = eg_arg_int(fcinfo, ARG_N, "n", DEFAULT_ANSWERS, 1, EG_ANSWERS_MAX);
	p.max_changes =
		eg_arg_int(fcinfo, ARG_MAX_CHANGES, "max_changes", DEFAULT_CHANGES, 1, EG_CHANGES_MAX);
	p.sparsity = arg_double(fcinfo, ARG_SPARSITY, "sparsity", 1, 0, 1e6);
	p.max_evaluations = eg_arg_int(fcinfo, ARG_MAX_EVALUATIONS, "max_evaluations",
								   DEFAULT_EVALUATIONS, 100, 100000000);
	if (PG_ARGISNULL(ARG_PLAUSIBLE) || PG_GETARG_BOOL(ARG_PLAUSIBLE))
		p.plausible = space->plausible;
	if (space->plausible)
	{
		p.observed = s->used->baseline->rows;
		p.nobserved = s->used->baseline->nrows;
	}
	r = eg_counterfactual(&p);
	put_answers(&m, &target, &p, r, x, store, desc);
	if (r->nanswers == 0)
		tell(&m, &target, &p, r, shown_score(&m, x));
}

static Datum
counterfactual(FunctionCallInfo fcinfo, bool json, bool number)
{
	TupleDesc	desc;
	Tuplestorestate *store = eg_result_rows(fcinfo, &desc);
	MemoryContext context,
				old;
	EgScorer   *s;
	const double *out;
	char	   *text;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" must not be NULL", "model")));
	if (PG_ARGISNULL(ARG_ROW))
		return (Datum) 0;
	if (number)
	{
		if (PG_ARGISNULL(ARG_TARGET))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"target\" must not be NULL")));
		text = psprintf("%.17g", PG_GETARG_FLOAT8(ARG_TARGET));
	}
	else
		text = eg_arg_text(fcinfo, ARG_TARGET);

	s = eg_call_site_scorer(fcinfo);
	context = AllocSetContextCreate(CurrentMemoryContext, "engage counterfactual",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	out = json ? eg_scorer_jsonb(s, PG_GETARG_JSONB_P(ARG_ROW))
			   : eg_scorer_tuple(s, PG_GETARG_HEAPTUPLEHEADER(ARG_ROW));
	run_counterfactual(fcinfo, s, out, text, number, store, desc);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* engage_counterfactual(model, row record | jsonb, target text | float8, ...) */
Datum
engage_counterfactual_row(PG_FUNCTION_ARGS)
{
	return counterfactual(fcinfo, false, false);
}

Datum
engage_counterfactual_jsonb(PG_FUNCTION_ARGS)
{
	return counterfactual(fcinfo, true, false);
}

Datum
engage_counterfactual_number_row(PG_FUNCTION_ARGS)
{
	return counterfactual(fcinfo, false, true);
}

Datum
engage_counterfactual_number_jsonb(PG_FUNCTION_ARGS)
{
	return counterfactual(fcinfo, true, true);
}
