/*-------------------------------------------------------------------------
 *
 * api_segment_stability.c
 *	  engage_segment_stability(): would other rows of the same kind give the
 *	  same segments?
 *
 * The model's algorithm learns from bootstrap samples; each result is compared
 * with the model on the rows themselves.  Source: C. Hennig, "Cluster-wise
 * Assessment of Cluster Stability", Computational Statistics & Data Analysis
 * 52, 2007.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "algo/validity.h"
#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "api/segments.h"
#include "base/random.h"
#include "engage.h"
#include "store/evaluate.h"
#include "store/progress.h"
#include "store/segments.h"
#include "store/train.h"

PG_FUNCTION_INFO_V1(engage_segment_stability);

#define MAX_ROUNDS		1000
#define MIN_SAMPLE		10

/* What the rounds gave so far, of one segment or of all together. */
typedef struct Stability
{
	int			rounds;
	double		sum;
	double		lowest;
} Stability;

static void
stability_add(Stability *s, double v)
{
	if (isnan(v))
		return;
	s->lowest = s->rounds == 0 ? v : Min(s->lowest, v);
	s->sum += v;
	s->rounds++;
}

/*
 * Of each cluster i of the first: the largest Jaccard index with a cluster of the second, from
 * the table of common rows (na, nb); NaN without rows.  Noise (0) is no cluster.
 */
static void
best_jaccard(const double *table, int na, int nb, double *out)
{
	double	   *columns = palloc0(sizeof(double) * nb);
	int			i,
				j;

	for (i = 0; i < na; i++)
	{
		for (j = 0; j < nb; j++)
			columns[j] += table[(Size) i * nb + j];
	}
	for (i = 0; i < na; i++)
	{
		double		rows = 0;

		for (j = 0; j < nb; j++)
			rows += table[(Size) i * nb + j];
		out[i] = rows > 0 ? 0 : NAN;
		for (j = 1; rows > 0 && j < nb; j++)
		{
			double		common = table[(Size) i * nb + j];

			out[i] = Max(out[i], common / (rows + columns[j] - common));
		}
	}
	pfree(columns);
}

/* The parameters, with as many segments as the model has, if it may choose their number. */
static Jsonb *
same_number(const EgAlgorithm *algorithm, const char *params, int k)
{
	const EgParam *p;

	for (p = algorithm->params; p->name; p++)
	{
		if (strcmp(p->name, "k") == 0)
		{
			Datum		was = JsonbPGetDatum(eg_json_parse(params));
			Datum		is = JsonbPGetDatum(eg_json_parse(psprintf("{\"k\": %d}", k)));

			return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, was, is));
		}
	}
	return eg_json_parse(params);
}

/* Learn from n rows drawn with replacement, compare on all rows. */
static void
one_round(const EgScored *s, const int *own, uint64 stream, EgRun *run, Stability *all)
{
	const EgArtifact *a = s->scorer->model->parts[0];
	const EgAlgorithm *algorithm = a->algorithm;
	int			ncols = s->schema->nfeatures;
	EgDataset	data = {0};
	void	   *params = eg_params_parse(algorithm->params, algorithm->params_size,
										 same_number(algorithm, a->params, s->width),
										 algorithm->name);
	void	   *model;
	double	   *out;
	double	   *table;
	double	   *jaccard;
	int			width;
	Size		i;
	int			k;

	data.x.ncols = ncols;
	data.x.nrows = data.nfit = s->n;
	data.x.data = MemoryContextAllocHuge(CurrentMemoryContext,
										 sizeof(float) * Max(s->n * ncols, 1));
	for (i = 0; i < s->n; i++)
		memcpy(eg_row(&data.x, i), s->x + eg_random_below(stream, i, s->n) * s->stride,
			   sizeof(float) * ncols);
	data.task = EG_CLUSTERING;
	data.ncategories = s->schema->ncategories;
	data.names = (const char *const *) s->schema->names;
	data.categories = eg_train_category_words(s->schema);
	model = algorithm->fit(&data, params, run);

	width = algorithm->width(model);
	out = palloc(sizeof(double) * EG_SCORE_BLOCK * width);
	table = palloc0(sizeof(double) * (s->width + 1) * (width + 1));
	for (i = 0; i < s->n; i += EG_SCORE_BLOCK)
	{
		Size		n = Min(EG_SCORE_BLOCK, s->n - i);
		Size		r;

		CHECK_FOR_INTERRUPTS();
		algorithm->predict(model, s->x + i * s->stride, n, out);
		for (r = 0; r < n; r++)
		{
			int			to = EG_SEGMENT_NUMBER(eg_cluster_of(out + r * width, width));

			table[own[i + r] * (width + 1) + to]++;
		}
	}
	stability_add(&all[0], eg_adjusted_rand_table(table, s->width + 1, width + 1));
	jaccard = palloc(sizeof(double) * (s->width + 1));
	best_jaccard(table, s->width + 1, width + 1, jaccard);
	for (k = 1; k <= s->width; k++)
		stability_add(&all[k], jaccard[k]);
}

static EgScored *
read_sample(FunctionCallInfo fcinfo, int sample, EgRun *run)
{
	EgEvaluateSpec spec = {0};
	EgScored   *s;

	spec.model = eg_arg_required(fcinfo, 0, "model");
	spec.source = eg_arg_required(fcinfo, 1, "source");
	spec.no_truth = true;
	spec.sample = sample;
	s = eg_score_sample(&spec, run);
	eg_require_segments(s->scorer->model, "engage_segment_stability()");
	if (s->n < MIN_SAMPLE)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the source has %zu rows, but stability needs %d", s->n, MIN_SAMPLE)));
	return s;
}

static int
int_argument(FunctionCallInfo fcinfo, int i, const char *name, int otherwise, int least, int most)
{
	int			v = PG_ARGISNULL(i) ? otherwise : PG_GETARG_INT32(i);

	if (v < least || v > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be in [%d, %d], not %d", name, least, most, v)));
	return v;
}

/*
 * engage_segment_stability(model, source, rounds, sample, seed).
 */
Datum
engage_segment_stability(PG_FUNCTION_ARGS)
{
	int			rounds = int_argument(fcinfo, 2, "rounds", 20, 1, MAX_ROUNDS);
	int			sample = int_argument(fcinfo, 3, "sample", 10000, MIN_SAMPLE, 1000000);
	uint64		seed = PG_ARGISNULL(4) ? 1 : (uint64) PG_GETARG_INT64(4);
	EgRun		run = {0};
	EgProgress	progress = {0};
	EgScored   *s;
	Stability  *all;
	int		   *own;
	TupleDesc	desc;
	Tuplestorestate *store;
	Size		i;
	int			k,
				round;

	run.seed = seed;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	s = read_sample(fcinfo, sample, &run);
	own = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * s->n);
	for (i = 0; i < s->n; i++)
		own[i] = EG_SEGMENT_NUMBER(eg_cluster_of(s->score + i * s->width, s->width));
	all = palloc0(sizeof(Stability) * (s->width + 1));

	PG_TRY();
	{
		for (round = 0; round < rounds; round++)
		{
			MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage training",
														  ALLOCSET_DEFAULT_SIZES);
			MemoryContext old = MemoryContextSwitchTo(context);

			eg_progress_start(&progress, &run, psprintf("segments again, %d of %d", round + 1,
														rounds), "round");
			run.seed = eg_random_stream(seed, 2 * round + 1);
			one_round(s, own, eg_random_stream(seed, 2 * round), &run, all);
			MemoryContextSwitchTo(old);
			MemoryContextDelete(context);
		}
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();

	store = eg_result_rows(fcinfo, &desc);
	for (k = 0; k <= s->width; k++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		nulls[0] = k == 0;
		values[0] = Int32GetDatum(k);
		values[1] = Int32GetDatum(rounds);
		nulls[2] = nulls[3] = all[k].rounds == 0;
		values[2] = Float8GetDatum(all[k].rounds > 0 ? all[k].sum / all[k].rounds : 0);
		values[3] = Float8GetDatum(all[k].lowest);
		tuplestore_putvalues(store, desc, values, nulls);
	}
	return (Datum) 0;
}
