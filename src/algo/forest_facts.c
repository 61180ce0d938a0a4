/*-------------------------------------------------------------------------
 *
 * forest_facts.c
 *	  What there is to tell about a forest as a whole: depth, total gains.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest_facts.h"
#include "utils/memutils.h"

/* Children come after their parents. */
int
eg_forest_depth(const EgForest *f)
{
	int			nnodes = f->tree_start[f->ntrees];
	int		   *depth = palloc_extended(Max(nnodes, 1) * sizeof(int),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int			deepest = 0;

	for (int t = 0; t < f->ntrees; t++)
	{
		int			root = f->tree_start[t];

		for (int i = root; i < f->tree_start[t + 1]; i++)
		{
			deepest = Max(deepest, depth[i]);
			if (f->feature[i] >= 0)
				depth[root + f->left[i]] = depth[root + f->right[i]] = depth[i] + 1;
		}
	}
	pfree(depth);
	return deepest;
}

void
eg_forest_gain(const EgForest *f, bool first_output, double *out)
{
	for (int j = 0; j < f->nfeatures; j++)
		out[j] = 0;
	for (int t = 0; t < f->ntrees; t++)
	{
		if (first_output && f->tree_group[t] > 0)
			continue;
		for (int i = f->tree_start[t]; i < f->tree_start[t + 1]; i++)
			if (f->feature[i] >= 0 && f->gain[i] > 0)
				out[f->feature[i]] += (double) f->gain[i] * fabs(f->tree_weight[t]);
	}
}
