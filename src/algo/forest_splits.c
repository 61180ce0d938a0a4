/*-------------------------------------------------------------------------
 *
 * forest_splits.c
 *	  What the splits of a forest say of its features.
 *
 * Trees of several outputs that share their splits (classes of our own
 * forests) are told once: those of the first output.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/forest.h"

void
eg_forest_splits(const EgForest *f, bool shared, double *count, double *gain, double *cover)
{
	int			t;
	int			i;

	for (i = 0; i < f->nfeatures; i++)
		count[i] = gain[i] = cover[i] = 0;
	for (t = 0; t < f->ntrees; t++)
	{
		if (shared && f->tree_group[t] > 0)
			continue;
		for (i = f->tree_start[t]; i < f->tree_start[t + 1]; i++)
		{
			if (f->feature[i] < 0)
				continue;
			count[f->feature[i]]++;
			gain[f->feature[i]] += f->gain[i];
			cover[f->feature[i]] += f->cover[i];
		}
	}
}
