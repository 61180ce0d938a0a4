/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  Why a row has its score: contributions of its features.
 *
 * An algorithm explains margins; the link's way from margins to outputs, and
 * the calibration curve behind it, are followed here.  Algorithms that cannot
 * explain are asked for outputs instead, many times (algo/shapley.c).
 *
 * Whatever the way, the last step lets base and contributions add up to what
 * engage_predict() says, to the last digits: margins are sums in double
 * precision, scores of trees in single precision.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "algo/shapley.h"
#include "base/run.h"
#include "engage.h"
#include "store/explain.h"

/* pairs of orders when the caller does not say; at least one for each of 128 background rows */
#define DEFAULT_ORDERS		128

/* the same orders for every row: contributions of two rows can be compared */
#define ORDER_SEED			1

/* a curve stretches or shrinks contributions by no more than this; the rest goes by size */
#define MAX_STRETCH			4.0

struct EgExplainer
{
	EgScorer   *s;
	EgExplainOptions options;
	MemoryContext context;
	MemoryContext scratch;		/* of one row */
	int			most;			/* features of the widest part */
	double	   *contribution;	/* (most + 1) with the base behind them */
	double	   *error;			/* (most) */
	EgExplanation result;
};

EgExplainer *
eg_explainer_create(EgScorer *s, const EgExplainOptions *options, MemoryContext context)
{
	EgExplainer *e = MemoryContextAllocZero(context, sizeof(EgExplainer));
	int			i;

	e->s = s;
	e->options = *options;
	e->context = context;
	e->scratch = AllocSetContextCreate(context, "engage explanation", ALLOCSET_DEFAULT_SIZES);
	for (i = 0; i < s->model->nparts; i++)
		e->most = Max(e->most, s->model->parts[i]->schema->nfeatures);
	e->contribution = MemoryContextAllocHuge(context, sizeof(double) * (e->most + 1));
	e->error = MemoryContextAllocHuge(context, sizeof(double) * (e->most + 1));
	return e;
}

bool
eg_artifact_explains(const EgArtifact *a)
{
	return a->algorithm->explain != NULL &&
		(a->algorithm->explains == NULL || a->algorithm->explains(a->model));
}

static EgLink
link_of(const EgArtifact *a)
{
	return a->algorithm->link ? a->algorithm->link(a->model) : EG_LINK_IDENTITY;
}

static const EgBaseline *
need_background(const EgScorer *s)
{
	const EgBaseline *b = s->used->baseline;

	if (b == NULL || b->nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %s of model \"%s\" has no background rows",
						s->model->version, s->model->model),
				 errdetail(b == NULL ? "It was imported, or trained before engage stored them." :
						   "It was trained with background => 0."),
				 eg_artifact_explains(s->used) ?
				 errhint("Use method => 'exact', or train it here with background => %d.",
						 EG_BACKGROUND_ROWS) :
				 errhint("Train it here with background => %d.", EG_BACKGROUND_ROWS)));
	return b;
}

static void
not_supported(const EgScorer *s, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("algorithm \"%s\" has no %s", s->used->algorithm->name, what),
			 errhint("Use method => 'sampled'.")));
}

/* ----------
 * Margins to outputs
 * ----------
 */

/* Numbers for every output and feature, within engage.max_memory. */
static double *
allocate(int width, Size n, const char *what)
{
	if (n > MaxAllocHugeSize / sizeof(double) / width)
		n = MaxAllocHugeSize / sizeof(double) / width;
	eg_check_memory(sizeof(double) * n * width, (Size) eg_max_memory * 1024, what);
	return MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n * width);
}

/* All that is lacking, by size. */
static void
share_by_size(double *c, int n, double rest)
{
	double		size = 0;
	int			j;

	for (j = 0; j < n; j++)
		size += fabs(c[j]);
	for (j = 0; j < n && size > 0; j++)
		c[j] += rest * (fabs(c[j]) / size);
}

/*
 * Contributions to output k before the curves become those behind them, in
 * proportion; where the curves pull gains apart that were near zero, or turn
 * their sign round (several classes share their sum), by size.
 */
static void
calibrate(const EgArtifact *a, EgLink link, const double *in, int n, int width, int k,
		  double before, double after, double *out)
{
	double	   *base = palloc(sizeof(double) * width);
	double		gain;
	double		factor;
	int			g,
				j;

	for (g = 0; g < width; g++)
		base[g] = in[(Size) g * (n + 1) + n];
	eg_link_apply(link, base, 1, width);
	eg_calibration_apply(a->calibration, 1, base);
	gain = after - base[k];
	factor = gain / (before - out[n]);
	if (isnan(factor))
		factor = 1;
	factor = Min(Max(factor, 1 / MAX_STRETCH), MAX_STRETCH);
	for (j = 0; j < n; j++)
	{
		out[j] *= factor;
		gain -= out[j];
	}
	share_by_size(out, n, gain);
	out[n] = base[k];
	pfree(base);
}

/* Contributions to margins, in, to those to output k as the scorer gave it. */
static void
to_output(const EgScorer *s, const double *in, const double *before, int k, double *out)
{
	const EgArtifact *a = s->used;
	EgLink		link = link_of(a);
	int			n = a->schema->nfeatures;

	eg_link_contributions(link, in, n, s->width, k, out);
	if (a->calibration)
		calibrate(a, link, in, n, s->width, k, before[k], s->out[k], out);
	eg_contributions_settle(out, n, s->out[k]);
}

/* Contributions to the margin behind output k. */
static void
to_margin(const EgScorer *s, const double *in, int k, double *out)
{
	int			n = s->used->schema->nfeatures;

	if (link_of(s->used) == EG_LINK_SORT)
	{
		double	   *margin = palloc0(sizeof(double) * s->width);
		int			g,
					j;

		for (g = 0; g < s->width; g++)
		{
			for (j = 0; j <= n; j++)
				margin[g] += in[(Size) g * (n + 1) + j];
		}
		k = eg_link_place(margin, s->width, k);
		pfree(margin);
	}
	memcpy(out, in + (Size) k * (n + 1), sizeof(double) * (n + 1));
}

/* What the model says before calibration. */
static double *
raw_outputs(const EgScorer *s)
{
	double	   *out = palloc(sizeof(double) * s->width);

	s->used->algorithm->predict(s->used->model, s->x, 1, out);
	return out;
}

/* ----------
 * Methods
 * ----------
 */

static void
explain_exactly(EgExplainer *e, int output)
{
	EgScorer   *s = e->s;
	const EgArtifact *a = s->used;
	double	   *in;

	if (!eg_artifact_explains(a))
		not_supported(s, "exact contributions");
	in = allocate(s->width, a->schema->nfeatures + 1, "explaining a row");
	a->algorithm->explain(a->model, s->x, 1, in);
	if (e->options.margin)
		to_margin(s, in, output, e->contribution);
	else
		to_output(s, in, raw_outputs(s), output, e->contribution);
	e->result.method = a->algorithm->interactions ? "path_dependent" : "linear";
}

/*
 * Outputs are explained against one background row after the other, so that the
 * base value is the mean output, not the output of the mean margin.
 */
static void
explain_against(EgExplainer *e, int output)
{
	EgScorer   *s = e->s;
	const EgArtifact *a = s->used;
	const EgBaseline *b;
	int			n = a->schema->nfeatures;
	double	   *in;
	double	   *one;
	double	   *before;
	int			i,
				j;

	if (a->algorithm->explain_against == NULL || !eg_artifact_explains(a))
		not_supported(s, "exact contributions against a background");
	b = need_background(s);
	in = allocate(s->width, n + 1, "explaining a row");
	e->result.method = "interventional";
	if (e->options.margin)
	{
		a->algorithm->explain_against(a->model, s->x, b->rows, b->nrows, in);
		to_margin(s, in, output, e->contribution);
		return;
	}
	one = allocate(1, n + 1, "explaining a row");
	before = raw_outputs(s);
	memset(e->contribution, 0, sizeof(double) * (n + 1));
	for (i = 0; i < b->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		a->algorithm->explain_against(a->model, s->x, b->rows + (Size) i * n, 1, in);
		to_output(s, in, before, output, one);
		for (j = 0; j <= n; j++)
			e->contribution[j] += one[j] / b->nrows;
	}
	eg_contributions_settle(e->contribution, n, s->out[output]);
}

static void
predict_outputs(void *arg, const float *x, Size n, double *out)
{
	eg_artifact_predict(arg, x, n, out);
}

static void
predict_raw(void *arg, const float *x, Size n, double *out)
{
	const EgArtifact *a = arg;

	a->algorithm->predict(a->model, x, n, out);
}

static void
explain_sampled(EgExplainer *e, int output)
{
	EgScorer   *s = e->s;
	EgArtifact *a = s->used;
	const EgBaseline *b = need_background(s);
	int			orders = e->options.samples;

	if (e->options.margin && link_of(a) != EG_LINK_IDENTITY)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("margins of algorithm \"%s\" cannot be explained by sampling",
						a->algorithm->name),
				 errhint("Use method => 'exact', or space => 'output'.")));
	if (orders == 0)
		orders = b->nrows >= DEFAULT_ORDERS ? DEFAULT_ORDERS :
			(DEFAULT_ORDERS + b->nrows - 1) / b->nrows * b->nrows;
	eg_shapley_sample(e->options.margin ? predict_raw : predict_outputs, a, s->width, output,
					  s->x, a->schema->nfeatures, b->rows, b->nrows, orders, ORDER_SEED,
					  e->contribution, e->error);
	e->result.error = e->error;
	e->result.method = "sampled";
}

const EgExplanation *
eg_explainer_row(EgExplainer *e, int output)
{
	EgScorer   *s = e->s;
	EgExplanation *r = &e->result;
	EgExplainMethod method = e->options.method;
	int			n = s->used->schema->nfeatures;
	MemoryContext old;
	int			j;

	Assert(output >= 0 && output < s->width);
	MemoryContextReset(e->scratch);
	old = MemoryContextSwitchTo(e->scratch);
	r->schema = s->used->schema;
	r->output = output;
	r->nfeatures = n;
	r->x = s->x;
	r->contribution = e->contribution;
	r->error = NULL;
	if (method == EG_EXPLAIN_AUTO)
		method = eg_artifact_explains(s->used) ? EG_EXPLAIN_EXACT : EG_EXPLAIN_SAMPLED;
	if (method == EG_EXPLAIN_EXACT)
		explain_exactly(e, output);
	else if (method == EG_EXPLAIN_INTERVENTIONAL)
		explain_against(e, output);
	else
		explain_sampled(e, output);

	r->base = r->prediction = e->contribution[n];
	for (j = 0; j < n; j++)
		r->prediction += e->contribution[j];
	if (!e->options.margin && isfinite(r->prediction))
		r->prediction = s->out[output];
	MemoryContextSwitchTo(old);
	return r;
}

const double *
eg_explainer_interactions(EgExplainer *e, int output)
{
	EgScorer   *s = e->s;
	const EgArtifact *a = s->used;
	Size		n = a->schema->nfeatures + 1;
	MemoryContext old;
	double	   *out;

	if (a->algorithm->interactions == NULL || !eg_artifact_explains(a))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("algorithm \"%s\" has no interactions", a->algorithm->name),
				 eg_artifact_explains(a) ?
				 errdetail("Its margin is a sum of what each feature adds.") : 0,
				 errhint("engage_explain() says what each feature contributes.")));
	MemoryContextReset(e->scratch);
	old = MemoryContextSwitchTo(e->scratch);
	out = allocate(s->width, n * n, "explaining the interactions of a row");
	a->algorithm->interactions(a->model, s->x, out);
	if (link_of(a) == EG_LINK_SORT)
	{
		double	   *margin = palloc0(sizeof(double) * s->width);
		Size		i;
		int			g;

		for (g = 0; g < s->width; g++)
		{
			for (i = 0; i < n * n; i++)
				margin[g] += out[g * n * n + i];
		}
		output = eg_link_place(margin, s->width, output);
	}
	MemoryContextSwitchTo(old);
	return out + output * n * n;
}

/* ----------
 * Which output
 * ----------
 */

int
eg_explain_default_output(const EgScorer *s, const double *out)
{
	return eg_task_many_classes(s->model->task) ? Max(eg_scorer_class(s, out), 0) : s->middle;
}

int
eg_explain_class_output(const EgScorer *s, const char *label, bool *flip)
{
	const EgSchema *schema = s->model->parts[0]->schema;
	int			n = eg_task_two_classes(s->model->task) ? 2 : s->width;
	StringInfoData known;
	int			i;

	*flip = false;
	if (!eg_task_has_classes(s->model->task))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has the task %s and no classes", s->model->model,
						eg_task_name(s->model->task)),
				 errhint("Leave the argument \"class\" out.")));
	initStringInfo(&known);
	for (i = 0; i < n; i++)
	{
		const char *name = i < schema->nlabels ? schema->labels[i] : psprintf("%d", i);

		if (strcmp(name, label) == 0)
		{
			*flip = eg_task_two_classes(s->model->task) && i == 0;
			return eg_task_two_classes(s->model->task) ? 0 : i;
		}
		if (i < 20)
			appendStringInfo(&known, "%s\"%s\"", i > 0 ? ", " : "", name);
		else if (i == 20)
			appendStringInfoString(&known, ", ...");
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model \"%s\" has no class \"%s\"", s->model->model, label),
			 errhint("Its classes are %s.", known.data)));
	return 0;					/* keep compiler quiet */
}
