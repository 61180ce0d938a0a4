/*-------------------------------------------------------------------------
 *
 * bayes_explain.c
 *	  What each column of a row says about its class.
 *
 * A feature left out is one whose value is not known: to Bayes' rule it says
 * nothing, and what is left is the probability given the others.  So its
 * contribution to the margin is its weight of evidence,
 *
 *		log of P(v | k) / P(v),  of two classes  log of P(v | 1) / P(v | 0),
 *
 * and the base is the prior.  Source: Good, Probability and the Weighing of
 * Evidence, 1950.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/bayes.h"

/* Log of the sum of exp(log_p + term) over the classes. */
static double
log_sum(const double *log_p, const double *term, int n)
{
	double		top = -INFINITY;
	double		sum = 0;
	int			k;

	for (k = 0; k < n; k++)
		top = Max(top, log_p[k] + term[k]);
	for (k = 0; k < n; k++)
		sum += exp(log_p[k] + term[k] - top);
	return top + log(sum);
}

/*
 * Evidence of one value for each margin: log of P(v | k) / P(v), of two classes
 * log of P(v | 1) / P(v | 0); times factor, added to out (width).
 */
static void
add_evidence(const BayesModel *m, int j, float v, double factor, Size step, double *out)
{
	double	   *term = m->sum;
	double		common;
	int			k;

	memset(term, 0, m->nclasses * sizeof(double));
	eg_bayes_add_likelihood(m, j, v, term);
	if (m->task == EG_BINARY)
	{
		out[0] += factor * (term[1] - term[0]);
		return;
	}
	for (k = 0; k < m->nclasses && term[k] == 0; k++)
		;
	if (k == m->nclasses)
		return;					/* a missing value says nothing */
	common = log_sum(m->prior, term, m->nclasses);
	for (k = 0; k < m->nclasses; k++)
		out[k * step] += factor * (term[k] - common);
}

/* Contributions 0, bases the log of the classes' shares, of two their log odds. */
static void
start_explanation(const BayesModel *m, double *out)
{
	int			width = eg_bayes_width(m);
	Size		step = m->nfeatures + 1;
	int			k;

	memset(out, 0, width * step * sizeof(double));
	for (k = 0; k < width; k++)
		out[k * step + m->nfeatures] = width == 1 ? m->prior[1] - m->prior[0] : m->prior[k];
}

void
eg_bayes_explain(const void *model, const float *x, Size nrows, double *out)
{
	const BayesModel *m = model;
	Size		step = m->nfeatures + 1;
	Size		i;
	int			j;

	for (i = 0; i < nrows; i++, x += m->nfeatures, out += eg_bayes_width(m) * step)
	{
		start_explanation(m, out);
		for (j = 0; j < m->nfeatures; j++)
			add_evidence(m, j, x[j], 1, step, out + j);
	}
}

/* Evidence beyond that of the background rows. */
void
eg_bayes_explain_against(const void *model, const float *x, const float *background,
						 Size nbackground, double *out)
{
	const BayesModel *m = model;
	Size		step = m->nfeatures + 1;
	Size		i;
	int			width = eg_bayes_width(m);
	int			j;
	int			k;

	start_explanation(m, out);
	for (j = 0; j < m->nfeatures; j++)
	{
		for (i = 0; i < nbackground; i++)
			add_evidence(m, j, background[i * m->nfeatures + j], -1.0 / nbackground, step, out + j);
		for (k = 0; k < width; k++)
			out[k * step + m->nfeatures] -= out[k * step + j];
		add_evidence(m, j, x[j], 1, step, out + j);
	}
}

EgLink
eg_bayes_link(const void *model)
{
	return eg_bayes_width(model) == 1 ? EG_LINK_LOGIT : EG_LINK_SOFTMAX;
}
