/*-------------------------------------------------------------------------
 *
 * link.c
 *	  From margins to outputs.
 *
 * Single precision where libxgboost computes in single precision: scores equal
 * its own to the last bit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/link.h"

/* 1 / (1 + exp(-x)) in single precision, with libxgboost's guards against overflow */
static inline float
logistic(float x)
{
	float		e = -x < 88.7f ? -x : 88.7f;

	return 1.0f / (expf(e) + 1.0f + 1e-16f);
}

static void
softmax(double *o, int n)
{
	float		top = (float) o[0];
	double		sum = 0.0;

	for (int g = 1; g < n; g++)
		top = fmaxf((float) o[g], top);
	for (int g = 0; g < n; g++)
	{
		o[g] = expf((float) o[g] - top);
		sum += o[g];
	}
	for (int g = 0; g < n; g++)
		o[g] = (float) o[g] / (float) sum;
}

/* Insertion sort: there are few quantiles, and they are mostly in order. */
static void
ascending(double *o, int n)
{
	for (int i = 1; i < n; i++)
	{
		double		v = o[i];
		int			j = i;

		for (; j > 0 && o[j - 1] > v; j--)
			o[j] = o[j - 1];
		o[j] = v;
	}
}

void
eg_link_apply(EgLink link, double *margins, Size n, int width)
{
	Size		total = n * width;
	Size		i;

	switch (link)
	{
		case EG_LINK_IDENTITY:
			break;
		case EG_LINK_LOGIT:
			for (i = 0; i < total; i++)
				margins[i] = logistic((float) margins[i]);
			break;
		case EG_LINK_LOG:
			for (i = 0; i < total; i++)
				margins[i] = expf((float) margins[i]);
			break;
		case EG_LINK_SOFTMAX:
			for (i = 0; i < n; i++)
				softmax(margins + i * width, width);
			break;
		case EG_LINK_SORT:
			for (i = 0; i < n; i++)
				ascending(margins + i * width, width);
			break;
		case EG_LINK_HINGE:
			for (i = 0; i < total; i++)
				margins[i] = margins[i] > 0.0 ? 1.0 : 0.0;
			break;
		case EG_LINK_EXP:
			for (i = 0; i < total; i++)
				margins[i] = (float) exp(margins[i]);
			break;
	}
}
