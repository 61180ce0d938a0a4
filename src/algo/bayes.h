/*-------------------------------------------------------------------------
 *
 * bayes.h
 *	  Naive Bayes: what bayes.c learns and bayes_explain.c explains.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BAYES_H
#define EG_BAYES_H

#include <math.h>

#include "algo/algo.h"

typedef struct BayesModel
{
	int			nfeatures;
	int			nclasses;
	EgTask		task;
	int		   *ncategories;	/* (nfeatures) 0 = number */
	double	   *prior;			/* (nclasses) log */
	double	  **mean;			/* (nfeatures)(nclasses) numbers; NULL: no values at all */
	double	  **variance;
	double	  **share;			/* (nfeatures)(ncategories, nclasses) log */

	double	   *sum;			/* (nclasses) scratch of predict() */
} BayesModel;

static inline int
eg_bayes_width(const BayesModel *m)
{
	return m->task == EG_MULTICLASS ? m->nclasses : 1;
}

/* Adds log of P(v | k) for one column, but for what the classes have in common. */
static inline void
eg_bayes_add_likelihood(const BayesModel *m, int j, float v, double *sum)
{
	int			k;

	if (m->ncategories[j] > 0)
	{
		const double *share;

		if (!(v >= 0 && v < m->ncategories[j]))
			return;
		share = m->share[j] + (Size) v * m->nclasses;
		for (k = 0; k < m->nclasses; k++)
			sum[k] += share[k];
	}
	else if (isfinite(v) && m->mean[j] != NULL)
	{
		for (k = 0; k < m->nclasses; k++)
		{
			double		d = v - m->mean[j][k];

			/* so far that squares overflow: as far as can be said */
			sum[k] -= Min((log(m->variance[j][k]) + d * d / m->variance[j][k]) / 2, 1e290);
		}
	}
}

extern void eg_bayes_explain(const void *model, const float *x, Size nrows, double *out);
extern void eg_bayes_explain_against(const void *model, const float *x, const float *background,
									 Size nbackground, double *out);
extern EgLink eg_bayes_link(const void *model);

#endif							/* EG_BAYES_H */
