/*-------------------------------------------------------------------------
 *
 * trees_team.c
 *	  All trees of a forest, grown by a team of threads, put together in order.
 *
 * A tree is a task: it depends on the rows and its own seed alone.  On the main
 * thread trees are appended one after the other, so that the forest, and the
 * sums of what is said out of bag, are the same for every number of threads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/trees.h"
#include "algo/trees_grow.h"
#include "utils/memutils.h"

#define FIRST_NODES		1024

typedef struct Grove
{
	const EgGrowSpec *spec;
	EgRun	   *run;
	int			nout;
	uint64	   *seeds;			/* (ntrees) */
	EgOobSums  *oob;

	/* the trees so far */
	EgGrownNode *nodes;			/* children counted from the tree's root, sets from the first */
	float	   *outputs;		/* (nnodes, nout) */
	Size		nnodes;
	Size		max_nodes;
	uint32	   *words;
	Size		nwords;
	Size		max_words;
	Size	   *starts;			/* (ntrees + 1) first nodes */
} Grove;

static void *
start_thread(void *arg, EgWorker *w)
{
	return eg_grower_create(((const Grove *) arg)->spec, w);
}

static void *
grow_tree(void *arg, EgWorker *w, int i)
{
	return eg_grower_tree(w->state, ((const Grove *) arg)->seeds[i]);
}

static void
check_room(const Grove *v, Size nodes, Size words)
{
	/* as grown, as a forest, as bytes, and compiled */
	Size		each = sizeof(EgGrownNode) + v->nout * (sizeof(float) + 3 * 45);

	eg_check_memory(nodes * each + words * v->nout * 3 * sizeof(uint32), v->spec->memory_limit,
					"growing trees");
	if (nodes * v->nout > PG_INT32_MAX / 2 || words * v->nout > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the trees have more than %d nodes", PG_INT32_MAX / 2),
				 errhint("Use a smaller \"max_depth\" or \"n_estimators\", or a larger "
						 "\"min_samples_leaf\".")));
}

static void
make_room(Grove *v, Size nodes, Size words)
{
	if (v->nnodes + nodes > v->max_nodes)
	{
		v->max_nodes = Max(v->max_nodes * 2, v->nnodes + nodes);
		check_room(v, v->max_nodes, v->nwords);
		v->nodes = repalloc_huge(v->nodes, v->max_nodes * sizeof(EgGrownNode));
		v->outputs = repalloc_huge(v->outputs, v->max_nodes * v->nout * sizeof(float));
	}
	if (v->nwords + words > v->max_words)
	{
		v->max_words = Max(v->max_words * 2, v->nwords + words);
		check_room(v, v->nnodes, v->max_words);
		v->words = repalloc_huge(v->words, v->max_words * sizeof(uint32));
	}
}

static void
add_oob(EgOobSums *oob, const EgGrownTree *t, Size nrows)
{
	Size		i;
	int			k;

	for (i = 0; i < nrows; i++)
	{
		const float *out;

		if (t->leaf[i] < 0)
			continue;
		out = t->outputs + (Size) t->leaf[i] * oob->nout;
		for (k = 0; k < oob->nout; k++)
			oob->sum[i * oob->nout + k] += out[k];
		oob->ntrees[i]++;
	}
}

static void
take_tree(void *arg, int i, void *result)
{
	Grove	   *v = arg;
	const EgGrownTree *t = result;
	Size		k;

	make_room(v, t->nnodes, t->nwords);
	memcpy(v->nodes + v->nnodes, t->nodes, t->nnodes * sizeof(EgGrownNode));
	memcpy(v->outputs + v->nnodes * v->nout, t->outputs, t->nnodes * v->nout * sizeof(float));
	if (t->nwords > 0)
		memcpy(v->words + v->nwords, t->words, t->nwords * sizeof(uint32));
	for (k = v->nnodes; k < v->nnodes + t->nnodes; k++)
	{
		if (v->nodes[k].cat >= 0)
			v->nodes[k].cat += (int32) v->nwords;
	}
	v->starts[i] = v->nnodes;
	v->nnodes += t->nnodes;
	v->nwords += t->nwords;
	v->starts[i + 1] = v->nnodes;
	if (v->spec->oob)
		add_oob(v->oob, t, v->spec->bins->nrows);
	eg_step(v->run, i + 1, v->spec->ntrees, NULL, 0);
}

/*
 * Each tree's leaves count 1 / trees.  Several classes need a tree for each:
 * the same nodes with other leaves.
 */
static EgForest *
make_forest(const Grove *v)
{
	const EgBins *b = v->spec->bins;
	int			nout = v->nout;
	int			ntrees = v->spec->ntrees;
	EgForest   *f;
	int32		to = 0;
	int			t;
	Size		i;
	int			k;

	check_room(v, v->nnodes, v->nwords);
	f = eg_forest_create(ntrees * nout, (int) v->nnodes * nout, b->ncols, nout, (int) v->nwords);
	if (v->nwords > 0)
		memcpy(f->cat_bits, v->words, v->nwords * sizeof(uint32));
	for (t = 0; t < ntrees; t++)
	{
		for (k = 0; k < nout; k++)
		{
			f->tree_group[t * nout + k] = k;
			f->tree_weight[t * nout + k] = (float) (1.0 / ntrees);
			f->tree_start[t * nout + k] = to;
			for (i = v->starts[t]; i < v->starts[t + 1]; i++, to++)
			{
				const EgGrownNode *n = &v->nodes[i];

				f->cover[to] = n->cover;
				f->gain[to] = n->gain;
				f->feature[to] = n->feature;
				if (n->feature < 0)
				{
					f->value[to] = v->outputs[i * nout + k];
					continue;
				}
				f->value[to] = n->threshold;
				f->left[to] = n->left;
				f->right[to] = n->left + 1;
				f->flags[to] = n->default_left ? EG_NODE_DEFAULT_LEFT : 0;
				f->cat[to] = n->cat;
				f->ncat[to] = n->cat >= 0 ? (b->ncategories[n->feature] + 31) / 32 : 0;
			}
		}
	}
	return f;
}

EgForest *
eg_trees_grow(const EgGrowSpec *spec, EgRun *run, EgOobSums *oob)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "engage grown trees",
												  ALLOCSET_DEFAULT_SIZES);
	Size		nrows = spec->bins->nrows;
	Grove		v = {0};
	EgTeamSpec	team = {0};
	EgForest   *f;
	uint64		random = run->seed;
	int			t;

	v.spec = spec;
	v.run = run;
	v.nout = spec->nclasses >= 2 ? spec->nclasses : 1;
	if (spec->oob)
	{
		oob->nout = v.nout;
		oob->sum = palloc_extended(Max(nrows, 1) * v.nout * sizeof(double),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		oob->ntrees = palloc_extended(Max(nrows, 1) * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		v.oob = oob;
	}
	MemoryContextSwitchTo(scratch);
	v.seeds = palloc(spec->ntrees * sizeof(uint64));
	for (t = 0; t < spec->ntrees; t++)
		v.seeds[t] = eg_tree_random(&random);
	v.starts = palloc0((spec->ntrees + 1) * sizeof(Size));
	v.max_nodes = v.max_words = FIRST_NODES;
	v.nodes = palloc(v.max_nodes * sizeof(EgGrownNode));
	v.outputs = MemoryContextAllocHuge(scratch, v.max_nodes * v.nout * sizeof(float));
	v.words = palloc(v.max_words * sizeof(uint32));

	team.what = "growing trees";
	team.threads = spec->threads;
	team.ntasks = spec->ntrees;
	team.memory_limit = spec->memory_limit;
	team.arg = &v;
	team.start = start_thread;
	team.task = grow_tree;
	team.done = take_tree;
	eg_team_run(&team);

	MemoryContextSwitchTo(caller);
	f = make_forest(&v);
	MemoryContextDelete(scratch);
	return f;
}
