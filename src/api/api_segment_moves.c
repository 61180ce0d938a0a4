/*-------------------------------------------------------------------------
 *
 * api_segment_moves.c
 *	  engage_segment_migration(): who moved from which segment to which.
 *
 * Two sources are read, one after the other; of the first one the segment of
 * each key is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/evaluate.h"
#include "api/recipe.h"
#include "api/result.h"
#include "api/segments.h"
#include "engage.h"
#include "store/evaluate.h"
#include "store/segments.h"

PG_FUNCTION_INFO_V1(engage_segment_migration);

#define GONE			(-1)	/* not in the source */

typedef struct Moves
{
	MemoryContext context;
	EgRun		run;
	EgCompiled *model;
	const char *source;			/* "then" or "now", for messages */
	const char *key;
	bool		now;
	EgColumn	keys;			/* dictionary */
	Size		size;
	Size		text_bytes;
	int		   *then_segment;	/* (size) by code */
	int		   *now_segment;
} Moves;

static void
moves_begin(void *arg, EgScorer *scorer)
{
	Moves	   *m = arg;

	eg_require_segments(scorer->model, "engage_segment_migration()");
	m->model = scorer->model;
}

static void
moves_grow(Moves *m)
{
	Size		size = Max(m->size * 2, 1024);

	eg_check_memory(size * (2 * sizeof(int) + 48) + m->text_bytes, m->run.memory_limit,
					"keeping the segment of each key");
	m->then_segment = m->size ? repalloc_huge(m->then_segment, sizeof(int) * size) :
		palloc(sizeof(int) * size);
	m->now_segment = m->size ? repalloc_huge(m->now_segment, sizeof(int) * size) :
		palloc(sizeof(int) * size);
	m->size = size;
}

static void
moves_row(void *arg, EgScorer *scorer, const double *out, const char *text)
{
	Moves	   *m = arg;
	MemoryContext old;
	int			known = m->keys.ncategories;
	int			code;
	int		   *segment;

	CHECK_FOR_INTERRUPTS();
	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key column \"%s\" has a row without a value in the source %s", m->key,
						m->source)));
	old = MemoryContextSwitchTo(m->context);
	code = eg_dict_add(&m->keys, text, strlen(text));
	if (code == known)
	{
		if ((Size) code == m->size)
			moves_grow(m);
		m->then_segment[code] = m->now_segment[code] = GONE;
		m->text_bytes += strlen(text) + 1;
	}
	MemoryContextSwitchTo(old);
	segment = m->now ? &m->now_segment[code] : &m->then_segment[code];
	if (*segment != GONE)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("key \"%s\" occurs twice in the source %s", text, m->source),
				 errhint("\"%s\" must identify a row.", m->key)));
	*segment = EG_SEGMENT_NUMBER(eg_scorer_class(scorer, out));
}

static void
put_segment(Datum *values, bool *nulls, int segment, const EgSegmentName *names)
{
	const char *name = segment == GONE ? NULL : segment == 0 ? EG_NOISE : names[segment].name;

	nulls[0] = segment == GONE;
	values[0] = Int32GetDatum(segment);
	nulls[1] = name == NULL;
	values[1] = name ? CStringGetTextDatum(name) : (Datum) 0;
}

/* Keys that all left, or all joined, are rather keys that do not match. */
static void
tell_unmatched(const Moves *m)
{
	char	   *then = NULL,
			   *now = NULL;
	int			nthen = 0,
				nnow = 0;
	int			i;

	for (i = 0; i < m->keys.ncategories; i++)
	{
		if (m->then_segment[i] != GONE && m->now_segment[i] != GONE)
			return;
		if (m->then_segment[i] != GONE && nthen++ == 0)
			then = m->keys.categories[i];
		if (m->now_segment[i] != GONE && nnow++ == 0)
			now = m->keys.categories[i];
	}
	if (nthen == 0 || nnow == 0)
		return;
	ereport(NOTICE,
			(errmsg("no key is in both sources: all %d of the first left, all %d of the second "
					"joined", nthen, nnow),
			 errdetail("The first keys are \"%s\" and \"%s\".", eg_clip(then, 64),
					   eg_clip(now, 64)),
			 errhint("Column \"%s\" must identify the same customers in both.", m->key)));
}

/*
 * engage_segment_migration(model, then_source, now_source, key).
 */
Datum
engage_segment_migration(PG_FUNCTION_ARGS)
{
	Moves		m = {0};
	EgEvaluateSpec spec = {0};
	const EgSegmentName *names;
	TupleDesc	desc;
	Tuplestorestate *store;
	int64	   *count;
	int			k,
				n,
				i,
				j;

	spec.model = eg_arg_required(fcinfo, 0, "model");
	spec.label = m.key = eg_arg_required(fcinfo, 3, "key");
	spec.no_truth = true;
	m.context = CurrentMemoryContext;
	m.run.threads = 1;
	m.run.memory_limit = (Size) eg_max_memory * 1024;
	spec.source = eg_arg_required(fcinfo, 1, "then_source");
	m.source = "then";
	eg_score_each(&spec, &m.run, moves_begin, moves_row, &m);
	spec.source = eg_arg_required(fcinfo, 2, "now_source");
	m.source = "now";
	m.now = true;
	eg_score_each(&spec, &m.run, moves_begin, moves_row, &m);

	tell_unmatched(&m);

	/* GONE is the last row and column */
	k = m.model->width;
	n = k + 2;
	count = palloc0(sizeof(int64) * n * n);
	for (i = 0; i < m.keys.ncategories; i++)
	{
		int			from = m.then_segment[i] == GONE ? k + 1 : m.then_segment[i];
		int			to = m.now_segment[i] == GONE ? k + 1 : m.now_segment[i];

		count[from * n + to]++;
	}
	names = eg_segment_names(m.model->version_id, k);
	store = eg_result_rows(fcinfo, &desc);
	for (i = 0; i < n; i++)
	{
		int64		all = 0;

		for (j = 0; j < n; j++)
			all += count[i * n + j];
		for (j = 0; j < n; j++)
		{
			Datum		values[6];
			bool		nulls[6] = {false};

			if (count[i * n + j] == 0)
				continue;
			put_segment(values, nulls, i == k + 1 ? GONE : i, names);
			put_segment(values + 2, nulls + 2, j == k + 1 ? GONE : j, names);
			values[4] = Int64GetDatum(count[i * n + j]);
			values[5] = Float8GetDatum((double) count[i * n + j] / all);
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
	return (Datum) 0;
}
