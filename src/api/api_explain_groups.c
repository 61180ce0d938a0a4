/*-------------------------------------------------------------------------
 *
 * api_explain_groups.c
 *	  engage_explain_groups(): what drives the score in each segment.
 *
 * The source is read once; each row is explained right after it was scored,
 * and added to the sums of its segment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "engage.h"
#include "store/explain.h"

PG_FUNCTION_INFO_V1(engage_explain_groups);

/* Sums of one segment; contributions and magnitudes follow. */
typedef struct Segment
{
	double		rows;
	double		prediction;
	double		base;
	double		sums[FLEXIBLE_ARRAY_MEMBER];	/* (2, nfeatures) */
} Segment;

typedef struct Segments
{
	MemoryContext context;
	EgRun	   *run;
	const char *class;
	EgExplainer *explainer;
	const EgSchema *schema;
	int			output;
	bool		flip;
	EgColumn	words;			/* dictionary of the segments */
	int			n;
	int			size;
	Segment   **segments;		/* (size) by code; rows without a value come last */
	Segment    *none;
} Segments;

static void
segments_begin(void *arg, EgScorer *scorer)
{
	Segments   *g = arg;
	EgExplainOptions options = {0};

	g->schema = scorer->model->parts[0]->schema;
	g->output = eg_class_output(scorer, g->class, "engage_explain_groups()", &g->flip);
	g->explainer = eg_explainer_create(scorer, &options, g->context);
}

static Segment *
segment_create(Segments *g)
{
	Size		bytes = offsetof(Segment, sums) + sizeof(double) * 2 * g->schema->nfeatures;

	eg_check_memory((bytes + sizeof(Segment *)) * (g->n + 1), g->run->memory_limit,
					"keeping the sums of the segments");
	return MemoryContextAllocZero(g->context, bytes);
}

static Segment *
segment_of(Segments *g, const char *text)
{
	MemoryContext old;
	int			code;

	if (text == NULL)
	{
		if (g->none == NULL)
			g->none = segment_create(g);
		return g->none;
	}
	old = MemoryContextSwitchTo(g->context);
	code = eg_dict_add(&g->words, text, strlen(text));
	if (code == g->n)
	{
		if (g->n == g->size)
		{
			g->size = g->size ? g->size * 2 : 16;
			g->segments = g->n ? repalloc_huge(g->segments, sizeof(Segment *) * g->size) :
				palloc(sizeof(Segment *) * g->size);
		}
		g->segments[g->n] = segment_create(g);
		g->n++;
	}
	MemoryContextSwitchTo(old);
	return g->segments[code];
}

static void
segments_row(void *arg, EgScorer *scorer, const double *out, const char *text)
{
	Segments   *g = arg;
	Segment    *s = segment_of(g, text);
	const EgExplanation *e = eg_explainer_row(g->explainer, g->output);
	double		sign = g->flip ? -1 : 1;
	int			n = g->schema->nfeatures;
	int			j;

	s->rows++;
	s->prediction += g->flip ? 1 - e->prediction : e->prediction;
	s->base += g->flip ? 1 - e->base : e->base;
	for (j = 0; j < n; j++)
	{
		s->sums[j] += sign * e->contribution[j];
		s->sums[n + j] += fabs(e->contribution[j]);
	}
	CHECK_FOR_INTERRUPTS();
}

typedef struct Rank
{
	double		value;
	int			feature;
} Rank;

static int
largest_first(const void *a, const void *b)
{
	const Rank *x = a,
			   *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->feature - y->feature;
}

static void
put_segment(const Segments *g, const Segment *s, const char *text, Tuplestorestate *store,
			TupleDesc desc, Rank *ranks)
{
	int			n = g->schema->nfeatures;
	int			i;

	for (i = 0; i < n; i++)
	{
		ranks[i].feature = i;
		ranks[i].value = s->sums[n + i];
	}
	qsort(ranks, n, sizeof(Rank), largest_first);
	for (i = 0; i < n; i++)
	{
		int			j = ranks[i].feature;
		Datum		values[8];
		bool		nulls[8] = {false};

		nulls[0] = text == NULL;
		values[0] = text ? CStringGetTextDatum(text) : (Datum) 0;
		values[1] = Int64GetDatum((int64) s->rows);
		values[2] = Float8GetDatum(s->prediction / s->rows);
		values[3] = Float8GetDatum(s->base / s->rows);
		values[4] = Int32GetDatum(i + 1);
		values[5] = CStringGetTextDatum(g->schema->names[j]);
		values[6] = Float8GetDatum(s->sums[j] / s->rows);
		values[7] = Float8GetDatum(s->sums[n + j] / s->rows);
		tuplestore_putvalues(store, desc, values, nulls);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * engage_explain_groups(model, source, by, class): mean contributions of each
 * feature by the values of a column.
 */
Datum
engage_explain_groups(PG_FUNCTION_ARGS)
{
	EgEvaluateSpec spec = {0};
	Segments	g = {0};
	EgRun		run = {0};
	TupleDesc	desc;
	Tuplestorestate *store;
	Rank	   *ranks;
	int32	   *order;
	int			i;

	spec.model = eg_arg_required(fcinfo, 0, "model");
	spec.source = eg_arg_required(fcinfo, 1, "source");
	spec.label = eg_arg_required(fcinfo, 2, "by");
	spec.no_truth = true;
	run.threads = 1;
	run.memory_limit = (Size) eg_max_memory * 1024;
	g.context = CurrentMemoryContext;
	g.run = &run;
	g.class = eg_arg_text(fcinfo, 3);
	eg_score_each(&spec, &run, segments_begin, segments_row, &g);

	store = eg_result_rows(fcinfo, &desc);
	ranks = palloc(sizeof(Rank) * Max(g.schema->nfeatures, 1));
	if (g.n > 0)
	{
		/* by their words, whatever the order of the rows */
		Segment   **sorted = palloc_extended(sizeof(Segment *) * g.n, MCXT_ALLOC_HUGE);

		order = eg_dict_sort(&g.words, NULL);
		for (i = 0; i < g.n; i++)
			sorted[order[i]] = g.segments[i];
		for (i = 0; i < g.n; i++)
			put_segment(&g, sorted[i], g.words.categories[i], store, desc, ranks);
	}
	if (g.none)
		put_segment(&g, g.none, NULL, store, desc, ranks);
	return (Datum) 0;
}
