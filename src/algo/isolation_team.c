/*-------------------------------------------------------------------------
 *
 * isolation_team.c
 *	  All trees of an isolation forest, grown by a team of threads, put together
 *	  in order.
 *
 * A tree depends on the rows and on its own seed alone, so the forest is the same
 * for every number of threads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/isolation_grow.h"
#include "base/random.h"
#include "utils/memutils.h"

/* What the team works on; spec and seeds are all that the threads see. */
typedef struct Plan
{
	const EgIsolationSpec *spec;
	uint64	   *seeds;			/* (ntrees) */
	EgIsolationGrove *grove;
	Size		max_nodes;
	Size		max_words;
	Size		max_splits;
	EgRun	   *run;
} Plan;

static void *
start_thread(void *arg, EgWorker *w)
{
	return eg_isolation_start(((const Plan *) arg)->spec, w);
}

static void *
grow_tree(void *arg, EgWorker *w, int i)
{
	return eg_isolation_tree(w, ((const Plan *) arg)->seeds[i]);
}

static void
check_room(const Plan *v)
{
	Size		terms = v->spec->prep != NULL ? v->spec->nterms : 0;

	/* as grown, as a model, as bytes, and compiled */
	eg_check_memory(v->max_nodes * 3 * (sizeof(EgIsolationNode) + 20) +
					v->max_words * 3 * sizeof(uint32) +
					v->max_splits * terms * 3 * (sizeof(int32) + sizeof(float)),
					v->spec->memory_limit, "growing trees");
	if (v->max_nodes > PG_INT32_MAX / 2 || v->max_words > PG_INT32_MAX / 2 ||
		v->max_splits * Max(terms, 1) > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the trees have more than %d nodes", PG_INT32_MAX / 2),
				 errhint("Use a smaller \"n_estimators\" or \"max_samples\".")));
}

/* At least `need` places; true when there are more than before. */
static bool
more(Size *max, Size need)
{
	if (need <= *max)
		return false;
	*max = Max(*max * 2, need);
	return true;
}

static void
take_tree(void *arg, int i, void *result)
{
	Plan	   *v = arg;
	EgIsolationGrove *all = v->grove;
	const EgIsolationGrown *t = result;
	Size		nterms = v->spec->nterms;

	if (more(&v->max_nodes, all->nnodes + t->nnodes))
	{
		check_room(v);
		all->nodes = repalloc_huge(all->nodes, v->max_nodes * sizeof(EgIsolationNode));
	}
	if (more(&v->max_words, all->nwords + t->nwords))
	{
		check_room(v);
		all->words = repalloc_huge(all->words, v->max_words * sizeof(uint32));
	}
	if (more(&v->max_splits, all->nsplits + t->nsplits))
	{
		check_room(v);
		all->index = repalloc_huge(all->index, v->max_splits * nterms * sizeof(int32));
		all->weight = repalloc_huge(all->weight, v->max_splits * nterms * sizeof(float));
	}
	memcpy(all->nodes + all->nnodes, t->nodes, t->nnodes * sizeof(EgIsolationNode));
	if (t->nwords > 0)
		memcpy(all->words + all->nwords, t->words, t->nwords * sizeof(uint32));
	if (t->nsplits > 0)
	{
		memcpy(all->index + all->nsplits * nterms, t->index, t->nsplits * nterms * sizeof(int32));
		memcpy(all->weight + all->nsplits * nterms, t->weight,
			   t->nsplits * nterms * sizeof(float));
	}
	all->node_start[i + 1] = all->nnodes += t->nnodes;
	all->word_start[i + 1] = all->nwords += t->nwords;
	all->split_start[i + 1] = all->nsplits += t->nsplits;
	eg_step(v->run, i + 1, v->spec->ntrees, NULL, 0);
}

EgIsolationGrove *
eg_isolation_grow(const EgIsolationSpec *spec, EgRun *run)
{
	EgIsolationGrove *all = palloc0(sizeof(EgIsolationGrove));
	Plan		plan = {spec};
	EgTeamSpec	team = {0};
	int			i;

	all->ntrees = spec->ntrees;
	all->node_start = palloc0((spec->ntrees + 1) * sizeof(Size));
	all->word_start = palloc0((spec->ntrees + 1) * sizeof(Size));
	all->split_start = palloc0((spec->ntrees + 1) * sizeof(Size));
	all->nodes = palloc(sizeof(EgIsolationNode));
	all->words = palloc(sizeof(uint32));
	all->index = palloc(sizeof(int32));
	all->weight = palloc(sizeof(float));
	plan.seeds = palloc(spec->ntrees * sizeof(uint64));
	for (i = 0; i < spec->ntrees; i++)
		plan.seeds[i] = eg_random_stream(run->seed, i);
	plan.grove = all;
	plan.run = run;

	team.what = "growing trees";
	team.threads = spec->threads;
	team.ntasks = spec->ntrees;
	team.memory_limit = spec->memory_limit;
	team.arg = &plan;
	team.start = start_thread;
	team.task = grow_tree;
	team.done = take_tree;
	eg_team_run(&team);
	pfree(plan.seeds);
	return all;
}
