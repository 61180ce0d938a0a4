/*-------------------------------------------------------------------------
 *
 * decide_models.c
 *	  Models as a layer of a decision: which versions, their scores from 0 to
 *	  100, and the features that raise them.
 *
 * Whether a model may be used is asked with the author's rights; the row is
 * scored with the caller's, whose types it may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "store/baseline.h"
#include "store/decide.h"
#include "store/experiment.h"
#include "store/explain.h"
#include "store/gate.h"
#include "store/registry.h"
#include "store/roles.h"

typedef struct EgModelExplainer
{
	EgScorer   *scorer;
	EgExplainer *explainer;
} EgModelExplainer;

typedef struct ModelWork
{
	EgDecider  *d;
	const EgLayer *l;
	const EgPolicyModel *m;
	EgModelSite *site;
	EgScorer   *scorer;
	int			output;
	const EgExplanation *told;
	int64		id;				/* of the version and experiment that the author may use */
	int64		experiment;
} ModelWork;

/* ----------
 * Outputs as scores
 * ----------
 */

static int
find_label(const EgSchema *schema, const char *label)
{
	int			i;

	for (i = 0; i < schema->nlabels; i++)
	{
		if (strcmp(schema->labels[i], label) == 0)
			return i;
	}
	return -1;
}

void
eg_policy_model_check(const EgLayer *l, const EgPolicyModel *m, const EgCompiled *compiled)
{
	EgTask		task = compiled->task;
	bool		classes = task == EG_BINARY || task == EG_MULTICLASS;

	if (task == EG_CLUSTERING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" of layer \"%s\" has the task clustering and no score",
						m->reference, l->name)));
	if (m->class && (!classes || find_label(compiled->parts[0]->schema, m->class) < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" of layer \"%s\" has no class \"%s\"", m->reference, l->name,
						m->class)));
	if (task == EG_MULTICLASS && m->class == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" of layer \"%s\" needs a class", m->reference, l->name),
				 errdetail("It has several; the probability of one can be a score."),
				 errhint("Add \"class\": \"...\".")));
	if (!classes && task != EG_ANOMALY && !m->scaled)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" of layer \"%s\" needs a scale", m->reference, l->name),
				 errdetail("Its task is %s, so its output is no probability.",
						   eg_task_name(task)),
				 errhint("Add \"scale\": [low, high], the outputs that are 0 and 100.")));
}

/* The number that is scaled; *output and *sign: of what it is explained by. */
static double
output_number(const EgPolicyModel *m, const EgScorer *s, const double *out, int *output,
			  double *sign)
{
	int			label;

	*output = eg_explain_default_output(s, out);
	*sign = 1;
	if (s->model->task == EG_BINARY)
	{
		*output = 0;
		if (m->class == NULL || find_label(s->used->schema, m->class) != 0)
			return out[0];
		*sign = -1;
		return 1 - out[0];
	}
	if (s->model->task == EG_MULTICLASS)
	{
		label = find_label(s->used->schema, m->class);
		*output = Max(label, 0);
		return label >= 0 && label < s->width ? out[label] : NAN;
	}
	return s->model->task == EG_ANOMALY ? out[0] : eg_scorer_number(s, out);
}

/* ----------
 * Which versions
 * ----------
 */

static void
resolve_for_author(void *arg)
{
	ModelWork  *w = arg;

	w->id = eg_models_resolve_routed(w->m->reference, &w->experiment);
}

static void
resolve_work(void *arg)
{
	ModelWork  *w = arg;
	EgModelSite *site = w->site;

	eg_gate_run(&w->d->code->text, resolve_for_author, w);
	if (site->scorer && w->id == site->version_id && w->experiment == site->experiment &&
		site->scorer->model->registry == eg_registry_identity())
		return;
	site->scorer = NULL;
	site->router = NULL;
	site->explainers = NIL;
	MemoryContextReset(site->context);
	if (w->experiment != 0)
		site->router = eg_router_create(w->experiment, site->context);
	site->experiment = w->experiment;
	w->scorer = eg_scorer_create(eg_cache_get(w->id, site->context), site->context);
	eg_policy_model_check(w->l, w->m, w->scorer->model);
	site->version_id = w->id;
	site->scorer = w->scorer;
}

void
eg_decider_refresh(EgDecider *d)
{
	const EgPolicy *p = d->code->policy;
	int			i,
				k;

	d->open = eg_policy_is_open(d->code->version_id);
	for (i = 0; i < p->nlayers; i++)
	{
		const EgLayer *l = &p->layers[i];

		for (k = 0; l->kind == EG_LAYER_MODELS && k < l->n; k++)
		{
			EgModelSite *site = &d->models[i][k];
			ModelWork	w = {d, l, &l->models[k], site, NULL, 0, NULL};
			char	   *problem = eg_decide_try(d, l, resolve_work, &w);

			if (site->problem)
				pfree(site->problem);
			site->problem = NULL;
			site->unexplained = false;
			if (problem)
			{
				site->scorer = NULL;
				site->problem = MemoryContextStrdup(d->context, problem);
			}
		}
	}
}

/* ----------
 * Explanation
 * ----------
 */

static void
explain_work(void *arg)
{
	ModelWork  *w = arg;
	EgModelSite *site = w->site;
	EgModelExplainer *e = NULL;
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, site->explainers)
	{
		e = lfirst(lc);
		if (e->scorer == w->scorer)
			break;
		e = NULL;
	}
	if (e == NULL)
	{
		EgExplainOptions options = {EG_EXPLAIN_AUTO, false, 0};

		old = MemoryContextSwitchTo(site->context);
		e = palloc(sizeof(EgModelExplainer));
		e->scorer = w->scorer;
		e->explainer = eg_explainer_create(w->scorer, &options, site->context);
		site->explainers = lappend(site->explainers, e);
		MemoryContextSwitchTo(old);
	}
	w->told = eg_explainer_row(e->explainer, w->output);
}

/* The next feature by how much it raises the score; -1: none. */
static int
strongest(const EgExplanation *e, double factor, const bool *taken)
{
	int			best = -1;
	int			j;

	for (j = 0; j < e->nfeatures; j++)
	{
		double		points = factor * e->contribution[j];

		if (!taken[j] && points >= 0.5 &&
			(best < 0 || points > factor * e->contribution[best]))
			best = j;
	}
	return best;
}

/* "amount is 3200 (+31), country is RO (+12)", also as JSON into the layer's detail */
static char *
explain(EgDecider *d, ModelWork *w, double factor, EgLayerResult *r)
{
	int			n = d->code->policy->explain_features;
	StringInfoData text;
	bool	   *taken;
	char	   *problem;
	int			i,
				j;

	initStringInfo(&text);
	if (w->site->unexplained)
		return text.data;
	problem = eg_decide_try(d, w->l, explain_work, w);
	if (problem)
	{
		w->site->unexplained = true;
		appendStringInfoString(&r->detail, ", \"unexplained\": ");
		escape_json(&r->detail, d->open ? problem : "failed");
		return text.data;
	}
	appendStringInfoString(&r->detail, ", \"features\": [");
	taken = palloc0(sizeof(bool) * (w->told->nfeatures + 1));
	for (i = 0; i < n && (j = strongest(w->told, factor, taken)) >= 0; i++)
	{
		const char *name = w->told->schema->names[j];
		char	   *value = eg_feature_text(w->told->schema, j, w->told->x[j]);
		double		points = factor * w->told->contribution[j];

		taken[j] = true;
		appendStringInfo(&text, "%s%s is %s (%+.0f)", i > 0 ? ", " : "", name,
						 value ? eg_short_words(value) : "missing", points);
		appendStringInfoString(&r->detail, i > 0 ? ", {\"feature\": " : "{\"feature\": ");
		escape_json(&r->detail, name);
		appendStringInfoString(&r->detail, ", \"value\": ");
		if (value)
			escape_json(&r->detail, value);
		else
			appendStringInfoString(&r->detail, "null");
		appendStringInfo(&r->detail, ", \"points\": %.3g}", points);
	}
	appendStringInfoChar(&r->detail, ']');
	return text.data;
}

/* ----------
 * The layer
 * ----------
 */

/* The score of one model, NaN when it has none. */
static double
run_model(EgDecider *d, ModelWork *w, EgLayerResult *r)
{
	const EgPolicy *p = d->code->policy;
	EgScorer   *s = w->site->scorer;
	const double *out;
	double		number,
				sign,
				factor,
				score;
	char	   *why = NULL;

	if (w->site->router)
		s = eg_router_scorer(w->site->router, d->tuple ?
							 eg_router_tuple(w->site->router, d->tuple) :
							 eg_router_jsonb(w->site->router, d->json));
	out = d->tuple ? eg_scorer_tuple(s, d->tuple) : eg_scorer_jsonb(s, d->json);
	number = output_number(w->m, s, out, &w->output, &sign);
	factor = 100 / (w->m->high - w->m->low);
	score = (number - w->m->low) * factor;
	appendStringInfoString(&r->detail, "{\"model\": ");
	escape_json(&r->detail, s->model->model);
	appendStringInfo(&r->detail, ", \"version\": \"%s\", \"score\": ", s->model->version);
	if (isnan(score))
	{
		appendStringInfoString(&r->detail, "null}");
		return score;
	}
	score = Max(0, Min(100, score));
	appendStringInfo(&r->detail, "%.4g", score);
	w->scorer = s;
	if (score >= p->explain_from && w->m->explain != 0 &&
		(w->m->explain > 0 || eg_artifact_explains(s->used)))
		why = explain(d, w, factor * sign, r);
	appendStringInfoChar(&r->detail, '}');
	if (p->nbands < 2 || score >= p->bands[1].from)
		d->decision->reasons = lappend(d->decision->reasons,
									   psprintf("model \"%s\" says %.0f%s%s", w->m->reference,
												score, why && why[0] ? ": " : "",
												why ? why : ""));
	return score;
}

void
eg_decide_models(EgDecider *d, int layer, EgLayerResult *r)
{
	const EgLayer *l = &d->code->policy->layers[layer];
	double	   *scores = palloc(sizeof(double) * l->n);
	double	   *weights = palloc(sizeof(double) * l->n);
	int			n = 0;
	int			i;

	appendStringInfoString(&r->detail, ", \"models\": [");
	for (i = 0; i < l->n; i++)
	{
		ModelWork	w = {d, l, &l->models[i], &d->models[layer][i], NULL, 0, NULL};

		weights[i] = l->models[i].weight;
		scores[i] = NAN;
		if (w.site->scorer == NULL)
			continue;
		if (n++ > 0)
			appendStringInfoString(&r->detail, ", ");
		scores[i] = run_model(d, &w, r);
	}
	appendStringInfoChar(&r->detail, ']');
	for (i = 0; i < l->n; i++)
	{
		const char *problem = d->models[layer][i].problem;

		if (!isnan(scores[i]))
			continue;
		eg_decide_failed(d, r, psprintf("model \"%s\"", l->models[i].reference),
						 problem ? problem : "it has no score for this row");
		if (l->on_error.kind == EG_FALLBACK_SCORE)
			scores[i] = l->on_error.score;
	}
	r->score = eg_combine(l->combine, l->n, scores, weights);
}
