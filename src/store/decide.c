/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  Running the layers of a policy on a row: rules, the frame of all layers,
 *	  how scores are combined.
 *
 * An error can be caught only in a subtransaction.  All rules of a layer share
 * one; when it fails they are tried again one by one, each in its own, so that
 * the price of catching is paid once in good times.  States of expressions
 * that an error has left are thrown away: functions keep things in them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/executor.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "store/decide.h"
#include "store/gate.h"

/* ----------
 * Making one
 * ----------
 */

static void
columns_work(void *arg)
{
	(void) eg_policy_code_columns(arg);
}

EgDecider *
eg_decider_create(int64 version_id, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	EgDecider  *d = palloc0(sizeof(EgDecider));
	EgPolicy   *p;
	int			i,
				k;

	d->context = context;
	d->code = eg_policy_code_get(version_id, context);
	p = d->code->policy;
	d->rules = palloc0(sizeof(EgRulesSite) * p->nlayers);
	d->models = palloc0(sizeof(EgModelSite *) * p->nlayers);
	d->velocity = palloc0(sizeof(EgVelocitySite) * p->nlayers);
	for (i = 0; i < p->nlayers; i++)
	{
		EgLayer    *l = &p->layers[i];

		if (l->kind == EG_LAYER_RULES)
		{
			d->rules[i].context = AllocSetContextCreate(context, "engage rules",
														ALLOCSET_SMALL_SIZES);
			d->rules[i].states = palloc0(sizeof(ExprState *) * l->n);
		}
		if (l->kind != EG_LAYER_MODELS)
			continue;
		d->models[i] = palloc0(sizeof(EgModelSite) * l->n);
		for (k = 0; k < l->n; k++)
			d->models[i][k].context = AllocSetContextCreate(context, "engage policy model",
															ALLOCSET_SMALL_SIZES);
	}
	eg_gate_run(&d->code->text, columns_work, d->code);
	if (d->code->columns->natts > 0)
		d->row = eg_rule_row_create(d->code->columns, &d->code->text, d->code->name,
									context);
	MemoryContextSwitchTo(old);
	return d;
}

const EgPolicyCode *
eg_decider_code(const EgDecider *d)
{
	return d->code;
}

/* ----------
 * What layers share
 * ----------
 */

char *
eg_decide_try(const EgDecider *d, const EgLayer *l, void (*work) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;

	if (l->on_error.kind != EG_FALLBACK_FAIL)
		return eg_attempt(work, arg);
	if (d->open)
	{
		work(arg);
		return NULL;
	}
	PG_TRY();
	{
		work(arg);
	}
	PG_CATCH();
	{
		ErrorData  *e;
		int			class;

		MemoryContextSwitchTo(caller);
		e = CopyErrorData();
		class = ERRCODE_TO_CATEGORY(e->sqlerrcode);
		if (class == ERRCODE_OPERATOR_INTERVENTION || class == ERRCODE_TRANSACTION_ROLLBACK)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(e->sqlerrcode),
				 errmsg("layer \"%s\" of policy \"%s\" failed", l->name, d->code->name),
				 errdetail("The owner and the author of the policy see why."),
				 errdetail_log("%s", e->message)));
	}
	PG_END_TRY();
	return NULL;
}

/* The list "failed" of the layer stays open until the end. */
void
eg_decide_failed(EgDecider *d, EgLayerResult *r, const char *what, const char *problem)
{
	d->decision->reasons = lappend(d->decision->reasons,
								   d->open ? psprintf("%s failed: %s", what, problem) :
								   psprintf("%s failed", what));
	d->decision->errors++;
	appendStringInfoString(&r->detail, strcmp(r->status, "fallback") == 0 ? ", " :
						   ", \"failed\": [");
	escape_json(&r->detail, d->open ? psprintf("%s: %s", what, problem) : what);
	r->status = "fallback";
}

double
eg_combine(EgCombine how, int n, const double *scores, const double *weights)
{
	double		sum = 0,
				total = 0,
				most = NAN,
				none = 1;
	int			i;

	for (i = 0; i < n; i++)
	{
		double		w = weights ? weights[i] : 1;

		if (isnan(scores[i]))
			continue;
		if (isnan(most) || scores[i] > most)
			most = scores[i];
		sum += w * scores[i];
		total += w;
		none *= 1 - w * scores[i] / 100;
	}
	if (isnan(most))
		return NAN;
	switch (how)
	{
		case EG_COMBINE_MAX:
			return most;
		case EG_COMBINE_SUM:
			return Min(sum, 100);
		case EG_COMBINE_WEIGHTED:
			return total > 0 ? sum / total : NAN;
		case EG_COMBINE_NOISY_OR:
			return 100 * (1 - none);
	}
	return NAN;					/* keep the compiler quiet */
}

/* ----------
 * Rules
 * ----------
 */

typedef struct RulesWork
{
	EgDecider  *d;
	int			layer;
	int			from,
				to;
	bool	   *fired;			/* (rules) */
	int			stop;			/* rule that ends the decision, or -1 */
} RulesWork;

static bool
run_rule(EgDecider *d, int layer, int rule)
{
	EgRulesSite *s = &d->rules[layer];
	bool		isnull;
	Datum		value;

	if (s->states[rule] == NULL)
	{
		Node	   *expr = eg_policy_code_rule(d->code, layer, rule);
		MemoryContext old = MemoryContextSwitchTo(s->context);

		if (s->econtext == NULL)
			s->econtext = CreateStandaloneExprContext();
		s->states[rule] = ExecInitExpr((Expr *) copyObject(expr), NULL);
		MemoryContextSwitchTo(old);
	}
	s->econtext->ecxt_scantuple = d->row ? d->row->slot : NULL;
	value = ExecEvalExprSwitchContext(s->states[rule], s->econtext, &isnull);
	return !isnull && DatumGetBool(value);
}

static void
rules_of_author(void *arg)
{
	RulesWork  *w = arg;
	EgDecider  *d = w->d;
	const EgLayer *l = &d->code->policy->layers[w->layer];
	int			i;

	for (i = w->from; i < w->to && w->stop < 0; i++)
	{
		w->fired[i] = run_rule(d, w->layer, i);
		if (w->fired[i] && l->rules[i].stop)
			w->stop = i;
	}
}

static void
rules_work(void *arg)
{
	RulesWork  *w = arg;

	eg_gate_run(&w->d->code->text, rules_of_author, w);
}

/* What an error may have left half done is made anew. */
static void
forget_rules(EgRulesSite *s, int n)
{
	memset(s->states, 0, sizeof(ExprState *) * n);
	s->econtext = NULL;
	MemoryContextReset(s->context);
}

static void
put_fired(EgDecider *d, const EgRule *rule, EgLayerResult *r, int n)
{
	d->decision->reasons = lappend(d->decision->reasons, rule->reason ? rule->reason :
								   psprintf("rule \"%s\" fired: %g", rule->name, rule->score));
	appendStringInfoString(&r->detail, n > 0 ? ", " : ", \"fired\": [");
	escape_json(&r->detail, rule->name);
}

/* True: a rule has ended the decision. */
static bool
run_rules(EgDecider *d, int layer, EgLayerResult *r)
{
	const EgLayer *l = &d->code->policy->layers[layer];
	EgRulesSite *s = &d->rules[layer];
	RulesWork	w = {d, layer, 0, l->n, palloc0(sizeof(bool) * l->n), -1};
	char	  **problems = palloc0(sizeof(char *) * l->n);
	double	   *scores = palloc(sizeof(double) * l->n);
	int			nfired = 0;
	int			i;

	if (s->econtext)
		ResetExprContext(s->econtext);
	if (eg_decide_try(d, l, rules_work, &w) != NULL)
	{
		w.stop = -1;
		for (i = 0; i < l->n && w.stop < 0; i++)
		{
			forget_rules(s, l->n);
			w.from = i;
			w.to = i + 1;
			w.fired[i] = false;
			problems[i] = eg_attempt(rules_work, &w);
			if (problems[i])
				w.fired[i] = false;
		}
		for (; i < l->n; i++)
			w.fired[i] = false;
		forget_rules(s, l->n);
	}
	for (i = 0; i < l->n; i++)
	{
		scores[i] = 0;
		if (w.fired[i])
		{
			put_fired(d, &l->rules[i], r, nfired++);
			scores[i] = l->rules[i].score;
		}
	}
	if (nfired > 0)
		appendStringInfoChar(&r->detail, ']');
	for (i = 0; i < l->n; i++)
	{
		if (problems[i] == NULL)
			continue;
		eg_decide_failed(d, r, psprintf("rule \"%s\"", l->rules[i].name), problems[i]);
		scores[i] = l->on_error.kind == EG_FALLBACK_SCORE ? l->on_error.score : NAN;
	}
	r->score = w.stop >= 0 ? l->rules[w.stop].score :
		eg_combine(l->combine, l->n, scores, NULL);
	if (w.stop >= 0)
		d->decision->action = l->rules[w.stop].action;
	return w.stop >= 0;
}

/* ----------
 * All layers
 * ----------
 */

static void
convert_jsonb(void *arg)
{
	EgDecider  *d = arg;

	eg_rule_row_jsonb(d->row, d->json);
}

/* The row, as rules and velocities see it. */
static void
convert_row(EgDecider *d)
{
	if (d->row == NULL)
		return;
	if (d->tuple)
		eg_rule_row_tuple(d->row, d->tuple);
	else
		eg_gate_run(&d->code->text, convert_jsonb, d);
}

/* True: the decision has ended here. */
static bool
run_layer(EgDecider *d, int i)
{
	EgLayerResult *r = &d->decision->layers[i];
	bool		ended = false;
	instr_time	begin,
				end;

	INSTR_TIME_SET_CURRENT(begin);
	r->status = "ok";
	r->score = NAN;
	switch (d->code->policy->layers[i].kind)
	{
		case EG_LAYER_RULES:
			ended = run_rules(d, i, r);
			break;
		case EG_LAYER_VELOCITY:
			eg_decide_velocity(d, i, r);
			break;
		case EG_LAYER_MODELS:
			eg_decide_models(d, i, r);
			break;
	}
	if (strcmp(r->status, "fallback") == 0)
		appendStringInfoChar(&r->detail, ']');
	if (ended)
		r->status = "stopped";
	else if (isnan(r->score))
		r->status = "skipped";
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	r->us = INSTR_TIME_GET_DOUBLE(end) * 1e6;
	return ended;
}

static void
choose_band(const EgPolicy *p, EgDecision *n)
{
	int			i;

	for (i = p->nbands - 1; i > 0 && p->bands[i].from > n->score; i--)
		;
	n->band = &p->bands[i];
	n->band_to = i + 1 < p->nbands ? p->bands[i + 1].from - 1 : 100;
	if (n->action == NULL)
		n->action = n->band->action;
}

EgDecision *
eg_decider_run(EgDecider *d, HeapTupleHeader tuple, Jsonb *row)
{
	const EgPolicy *p = d->code->policy;
	EgDecision *n = palloc0(sizeof(EgDecision));
	double	   *scores = palloc(sizeof(double) * p->nlayers);
	double	   *weights = palloc(sizeof(double) * p->nlayers);
	double		score = NAN;
	bool		ended = false;
	int			i;

	d->tuple = tuple;
	d->json = row;
	d->decision = n;
	n->layers = palloc0(sizeof(EgLayerResult) * p->nlayers);
	convert_row(d);
	for (i = 0; i < p->nlayers; i++)
	{
		EgLayerResult *r = &n->layers[i];

		initStringInfo(&r->detail);
		r->status = "not_run";
		r->score = NAN;
		if (!ended)
		{
			ended = run_layer(d, i);
			if (ended)
				score = r->score;
		}
		scores[i] = r->score;
		weights[i] = p->layers[i].weight;
	}
	if (!ended)
		score = eg_combine(p->combine, p->nlayers, scores, weights);
	n->score = isnan(score) ? 0 : (int) floor(Max(0, Min(100, score)) + 0.5);
	choose_band(p, n);
	return n;
}
