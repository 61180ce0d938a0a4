/*-------------------------------------------------------------------------
 *
 * boost_missing.c
 *	  Where missing values go in boosted trees that have seen none.
 *
 * A split that met missing values in training has learned where they belong.
 * One that met none still has a default direction in the library's model: it
 * is what the search for splits happened to leave there.  New rows with a
 * missing value, or with a category that training had not seen (the same
 * thing to a tree), would follow it, often into a small corner of the data.
 * Such nodes get the direction of most training rows instead: the child with
 * more cover (sum of hessians), the right one in a tie.  The forest and the
 * library's bytes are changed alike, so that exports agree with us.
 *
 * Which nodes met a missing value is known at once for columns without any;
 * for the others the training rows that have some walk through the trees,
 * with the directions that they were trained with.  A row without weight
 * teaches nothing and does not count.  With subsample below 1 it is not known
 * which rows a tree was shown: all count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/boost.h"
#include "base/parallel.h"
#include "utils/memutils.h"

/* rows of a walk between two questions whether to stop */
#define ROWS_AT_ONCE	4096

typedef struct Walk
{
	const EgMatrix *x;
	const EgForest *forest;
	const bool *gappy;			/* (nfeatures) columns with missing values */
	const Size *rows;			/* (nrows) training rows with some */
	Size		nrows;
	bool	   *seen;			/* (nodes) a missing value came by */
} Walk;

/*
 * Columns with missing values in training rows that count, and those rows; NULL
 * when there are none.
 */
static Size *
rows_with_gaps(const EgDataset *data, bool *gappy, Size *n)
{
	const double *weight = data->role[EG_ROLE_WEIGHT];
	Size		size = 0;
	Size	   *rows = NULL;
	Size		i;
	int			j;

	/* ranking gives all rows of a query its mean weight */
	if (data->task == EG_RANKING)
		weight = NULL;
	*n = 0;
	for (i = 0; i < data->nfit; i++)
	{
		const float *x = eg_row(&data->x, i);
		bool		any = false;

		if (weight != NULL && weight[i] == 0)
			continue;
		for (j = 0; j < data->x.ncols; j++)
		{
			if (isnan(x[j]))
				any = gappy[j] = true;
		}
		if (!any)
			continue;
		if (*n == size)
		{
			size = Max(2 * size, 1024);
			rows = rows == NULL ?
				MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(Size)) :
				repalloc_huge(rows, size * sizeof(Size));
		}
		rows[(*n)++] = i;
	}
	return rows;
}

/* One tree: mark the nodes that test a missing value of a row on its way. */
static void *
walk_tree(void *arg, EgWorker *w, int t)
{
	const Walk *walk = arg;
	const EgForest *f = walk->forest;
	int			root = f->tree_start[t];
	bool		asks = false;
	Size		i;
	int			k;

	for (k = root; k < f->tree_start[t + 1] && !asks; k++)
		asks = f->feature[k] >= 0 && walk->gappy[f->feature[k]];
	for (i = 0; asks && i < walk->nrows; i++)
	{
		const float *x = eg_row(walk->x, walk->rows[i]);
		int			node = root;

		if (i % ROWS_AT_ONCE == 0 && eg_worker_stop(w))
			return NULL;
		while (f->feature[node] >= 0)
		{
			float		v = x[f->feature[node]];
			bool		left;

			if (isnan(v))
			{
				walk->seen[node] = true;
				left = (f->flags[node] & EG_NODE_DEFAULT_LEFT) != 0;
			}
			else if (f->cat[node] < 0)
				left = v < f->value[node];
			else
			{
				int			c = (int) v;

				left = c / 32 >= f->ncat[node] ||
					((f->cat_bits[f->cat[node] + c / 32] >> (c % 32)) & 1) == 0;
			}
			node = root + (left ? f->left[node] : f->right[node]);
		}
	}
	return walk->seen;
}

static void
walked(void *arg, int t, void *result)
{
}

static void
walk_trees(Walk *walk, const EgDataset *data, const EgRun *run)
{
	EgTeamSpec	team = {0};

	team.what = "looking for missing values in trees";
	team.threads = eg_boost_threads(data, run);
	team.ntasks = walk->forest->ntrees;
	team.memory_limit = run->memory_limit;
	team.arg = walk;
	team.task = walk_tree;
	team.done = walked;
	eg_team_run(&team);
}

void
eg_boost_settle_missing(const EgDataset *data, EgForeignModel *foreign, char *bytes,
						const EgRun *run)
{
	EgForest   *f = foreign->forest;
	Size		nnodes = f->tree_start[f->ntrees];
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "engage missing values",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	bool	   *gappy = palloc0(Max(f->nfeatures, 1) * sizeof(bool));
	Walk		walk = {&data->x, f, gappy};
	int			t;
	int			k;

	/* in a tree without splits nothing can be missing */
	if (nnodes > (Size) f->ntrees && foreign->default_offset == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the installed libxgboost writes default directions in an unknown form"),
				 errhint("Use a version of it that engage has been tested with, from 1.7 to 3.")));
	walk.seen = MemoryContextAllocExtended(scratch, Max(nnodes, 1) * sizeof(bool),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	walk.rows = rows_with_gaps(data, gappy, &walk.nrows);
	if (walk.nrows > 0)
		walk_trees(&walk, data, run);

	for (t = 0; t < f->ntrees; t++)
	{
		int			root = f->tree_start[t];

		for (k = root; k < f->tree_start[t + 1]; k++)
		{
			bool		left;

			if (f->feature[k] < 0 || walk.seen[k])
				continue;
			left = f->cover[root + f->left[k]] > f->cover[root + f->right[k]];
			f->flags[k] = (uint8) ((f->flags[k] & ~EG_NODE_DEFAULT_LEFT) |
								   (left ? EG_NODE_DEFAULT_LEFT : 0));
			bytes[foreign->default_offset[k]] = (char) left;
		}
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}
