/*-------------------------------------------------------------------------
 *
 * blend.c
 *	  Weights for the predictions of several models.
 *
 * Four small convex problems in as many unknowns as there are members:
 *
 *	  shares of a mixture		expectation maximization; each step multiplies
 *								a share by the mean of p_k(y) / mixture(y)
 *	  shares, squared error		exchanges of two shares (J. Platt's SMO)
 *	  weights >= 0				coordinate descent on the normal equations
 *	  logistic					Newton's method with step halving
 *
 * Source: D. H. Wolpert, "Stacked Generalization", Neural Networks 5, 1992;
 * L. Breiman, "Stacked Regressions", Machine Learning 24, 1996, for weights
 * that are not negative.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/blend.h"
#include "base/linalg.h"
#include "miscadmin.h"

#define MAX_STEPS			2000
#define MAX_NEWTON			100
#define CLIP				1e-6

static double
row_weight(const EgBlendInput *in, Size i)
{
	return in->w ? in->w[i] : 1;
}

/* What member k says of row i. */
static const double *
row_of(const EgBlendInput *in, Size i, int k)
{
	return in->p + (i * in->members + k) * in->width;
}

static double
probability(const EgBlendInput *in, Size i, int k, int c)
{
	const double *p = row_of(in, i, k);

	if (in->width == 1)
		return c == 1 ? p[0] : 1 - p[0];
	return p[c];
}

double
eg_blend_log(double p)
{
	return log(Min(Max(p, CLIP), 1 - CLIP));
}

void
eg_blend_mixture(const EgBlendInput *in, double *share)
{
	double	   *next = palloc(sizeof(double) * in->members);
	int			step,
				k;
	Size		i;

	for (k = 0; k < in->members; k++)
		share[k] = 1.0 / in->members;
	for (step = 0; step < MAX_STEPS; step++)
	{
		double		total = 0,
					change = 0;

		CHECK_FOR_INTERRUPTS();
		memset(next, 0, sizeof(double) * in->members);
		for (i = 0; i < in->n; i++)
		{
			double		w = row_weight(in, i);
			double		mixture = 0;

			for (k = 0; k < in->members; k++)
				mixture += share[k] * Max(probability(in, i, k, (int) in->y[i]), CLIP);
			for (k = 0; k < in->members; k++)
				next[k] +=
					w * share[k] * Max(probability(in, i, k, (int) in->y[i]), CLIP) / mixture;
			total += w;
		}
		for (k = 0; k < in->members; k++)
		{
			next[k] /= total;
			change = Max(change, fabs(next[k] - share[k]));
			share[k] = next[k];
		}
		if (change < 1e-7)
			break;
	}
	pfree(next);
}

/* Sums of products of the members' (centered) predictions, and with the truth. */
static void
gram(const EgBlendInput *in, bool center, double *g, double *c, double *mean, double *mean_y)
{
	int			m = in->members;
	double		total = 0;
	Size		i;
	int			k,
				l;

	memset(g, 0, sizeof(double) * m * m);
	memset(c, 0, sizeof(double) * m);
	memset(mean, 0, sizeof(double) * m);
	*mean_y = 0;
	for (i = 0; i < in->n; i++)
		total += row_weight(in, i);
	for (i = 0; center && i < in->n; i++)
	{
		double		w = row_weight(in, i) / total;

		for (k = 0; k < m; k++)
			mean[k] += w * row_of(in, i, k)[0];
		*mean_y += w * in->y[i];
	}
	for (i = 0; i < in->n; i++)
	{
		double		w = row_weight(in, i) / total;
		double		y = in->y[i] - *mean_y;

		for (k = 0; k < m; k++)
		{
			double		a = row_of(in, i, k)[0] - mean[k];

			c[k] += w * a * y;
			for (l = 0; l < m; l++)
				g[k * m + l] += w * a * (row_of(in, i, l)[0] - mean[l]);
		}
	}
}

void
eg_blend_shares(const EgBlendInput *in, double *share)
{
	int			m = in->members;
	double	   *g = palloc(sizeof(double) * m * m);
	double	   *c = palloc(sizeof(double) * m);
	double	   *mean = palloc(sizeof(double) * m);
	double		mean_y;
	int			step,
				k,
				l;

	gram(in, false, g, c, mean, &mean_y);
	for (k = 0; k < m; k++)
		share[k] = 1.0 / m;
	for (step = 0; step < MAX_STEPS * m; step++)
	{
		int			from = -1,
					to = -1;
		double		most = -INFINITY,
					least = INFINITY,
					curve,
					move;

		/* from the share whose growth would hurt most to the one whose would help most */
		for (k = 0; k < m; k++)
		{
			double		slope = -c[k];

			for (l = 0; l < m; l++)
				slope += g[k * m + l] * share[l];
			if (share[k] > 0 && slope > most)
			{
				most = slope;
				from = k;
			}
			if (slope < least)
			{
				least = slope;
				to = k;
			}
		}
		if (from < 0 || from == to || most - least <= 1e-12 * (fabs(most) + fabs(least)))
			break;
		curve = g[from * m + from] + g[to * m + to] - 2 * g[from * m + to];
		move = curve > 0 ? Min((most - least) / curve, share[from]) : share[from];
		share[from] -= move;
		share[to] += move;
	}
	pfree(g);
	pfree(c);
	pfree(mean);
}

void
eg_blend_least_squares(const EgBlendInput *in, double *weight, double *intercept)
{
	int			m = in->members;
	double	   *g = palloc(sizeof(double) * m * m);
	double	   *c = palloc(sizeof(double) * m);
	double	   *mean = palloc(sizeof(double) * m);
	double		mean_y;
	int			step,
				k,
				l;

	gram(in, true, g, c, mean, &mean_y);
	memset(weight, 0, sizeof(double) * m);
	for (step = 0; step < MAX_STEPS * 10; step++)
	{
		double		change = 0;

		for (k = 0; k < m; k++)
		{
			double		v = c[k];

			if (!(g[k * m + k] > 0))
				continue;
			for (l = 0; l < m; l++)
			{
				if (l != k)
					v -= g[k * m + l] * weight[l];
			}
			v = Max(v / g[k * m + k], 0);
			change = Max(change, fabs(v - weight[k]));
			weight[k] = v;
		}
		if (change < 1e-12)
			break;
	}
	*intercept = mean_y;
	for (k = 0; k < m; k++)
		*intercept -= weight[k] * mean[k];
	pfree(g);
	pfree(c);
	pfree(mean);
}

/* ----------
 * Logistic regression on log probabilities
 * ----------
 */

typedef struct Logistic
{
	const EgBlendInput *in;
	int			biases;			/* nclasses - 1, or 0 */
	int			d;				/* members + biases */
	double	   *logs;			/* (members, nclasses) of one row */
	double	   *prob;			/* (nclasses) of one row */
} Logistic;

/* Probabilities of one row under theta; returns the log of that of the truth. */
static double
row_probabilities(const Logistic *s, const double *theta, Size i)
{
	const EgBlendInput *in = s->in;
	int			nc = in->nclasses;
	double		most = -INFINITY,
				sum = 0;
	double		truth;
	int			c,
				k;

	for (c = 0; c < nc; c++)
	{
		double		z = c > 0 && s->biases > 0 ? theta[in->members + c - 1] : 0;

		for (k = 0; k < in->members; k++)
		{
			s->logs[k * nc + c] = eg_blend_log(probability(in, i, k, c));
			z += theta[k] * s->logs[k * nc + c];
		}
		s->prob[c] = z;
		most = Max(most, z);
	}
	truth = s->prob[(int) in->y[i]] - most;
	for (c = 0; c < nc; c++)
	{
		s->prob[c] = exp(s->prob[c] - most);
		sum += s->prob[c];
	}
	for (c = 0; c < nc; c++)
		s->prob[c] /= sum;
	return truth - log(sum);
}

static double
objective(const Logistic *s, const double *theta)
{
	double		loss = 0;
	Size		i;
	int			k;

	for (i = 0; i < s->in->n; i++)
		loss -= row_weight(s->in, i) * row_probabilities(s, theta, i);
	for (k = 0; k < s->in->members; k++)
		loss += 0.5 * theta[k] * theta[k];
	return loss;
}

/* Gradient and Hessian of the objective at theta. */
static void
derivatives(const Logistic *s, const double *theta, double *gradient, double *hessian)
{
	const EgBlendInput *in = s->in;
	int			nc = in->nclasses,
				m = in->members,
				d = s->d;
	double	   *mean = palloc(sizeof(double) * m);
	Size		i;
	int			c,
				k,
				l;

	memset(gradient, 0, sizeof(double) * d);
	memset(hessian, 0, sizeof(double) * d * d);
	for (i = 0; i < in->n; i++)
	{
		double		w = row_weight(in, i);
		int			truth = (int) in->y[i];

		(void) row_probabilities(s, theta, i);
		for (k = 0; k < m; k++)
		{
			mean[k] = 0;
			for (c = 0; c < nc; c++)
				mean[k] += s->prob[c] * s->logs[k * nc + c];
			gradient[k] += w * (mean[k] - s->logs[k * nc + truth]);
		}
		for (k = 0; k < m; k++)
		{
			for (l = 0; l <= k; l++)
			{
				double		v = 0;

				for (c = 0; c < nc; c++)
					v += s->prob[c] * s->logs[k * nc + c] * s->logs[l * nc + c];
				hessian[k * d + l] += w * (v - mean[k] * mean[l]);
			}
		}
		for (c = 1; c <= s->biases; c++)
		{
			int			row = m + c - 1;

			gradient[row] += w * (s->prob[c] - (c == truth));
			for (k = 0; k < m; k++)
				hessian[row * d + k] += w * s->prob[c] * (s->logs[k * nc + c] - mean[k]);
			for (l = 1; l <= c; l++)
				hessian[row * d + m + l - 1] += w * s->prob[c] * ((c == l) - s->prob[l]);
		}
	}
	for (k = 0; k < m; k++)
	{
		gradient[k] += theta[k];
		hessian[k * d + k] += 1;
	}
	for (k = 0; k < d; k++)
	{
		for (l = k + 1; l < d; l++)
			hessian[k * d + l] = hessian[l * d + k];
	}
	pfree(mean);
}

void
eg_blend_logistic(const EgBlendInput *in, double *weight, double *bias)
{
	Logistic	s = {0};
	double	   *theta,
			   *trial,
			   *gradient,
			   *hessian;
	double		loss;
	int			step,
				j;

	s.in = in;
	s.biases = in->nclasses <= EG_BLEND_MAX_BIASES ? in->nclasses - 1 : 0;
	s.d = in->members + s.biases;
	s.logs = palloc(sizeof(double) * in->members * in->nclasses);
	s.prob = palloc(sizeof(double) * in->nclasses);
	theta = palloc0(sizeof(double) * s.d);
	trial = palloc(sizeof(double) * s.d);
	gradient = palloc(sizeof(double) * s.d);
	hessian = palloc(sizeof(double) * s.d * s.d);
	for (j = 0; j < in->members; j++)
		theta[j] = 1.0 / in->members;
	loss = objective(&s, theta);
	for (step = 0; step < MAX_NEWTON; step++)
	{
		double		size = 1,
					next = INFINITY,
					largest = 0;

		CHECK_FOR_INTERRUPTS();
		derivatives(&s, theta, gradient, hessian);
		for (j = 0; j < s.d; j++)
			largest = Max(largest, fabs(gradient[j]));
		if (largest < 1e-9 * Max(in->n, 1))
			break;
		(void) eg_cholesky(hessian, s.d, 1e-12, palloc0(sizeof(bool) * s.d));
		eg_cholesky_solve(hessian, s.d, gradient);
		for (; size > 1e-8; size /= 2)
		{
			for (j = 0; j < s.d; j++)
				trial[j] = theta[j] - size * gradient[j];
			next = objective(&s, trial);
			if (next <= loss)
				break;
		}
		if (!(next < loss))
			break;
		memcpy(theta, trial, sizeof(double) * s.d);
		if (loss - next < 1e-12 * fabs(loss))
			break;
		loss = next;
	}
	memcpy(weight, theta, sizeof(double) * in->members);
	bias[0] = 0;
	for (j = 1; j < in->nclasses; j++)
		bias[j] = s.biases > 0 ? theta[in->members + j - 1] : 0;
}
