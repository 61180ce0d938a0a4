/*-------------------------------------------------------------------------
 *
 * blend.h
 *	  Weights for the predictions of several models, found on predictions of
 *	  rows that those models had not seen.
 *
 * p is (n, members, width): what each member predicts for each row.  Weights
 * of rows w may be NULL.  Everything is deterministic.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BLEND_H
#define EG_BLEND_H

/* outputs with more classes than this get no intercepts in eg_blend_logistic() */
#define EG_BLEND_MAX_BIASES	20

/* one probability for width 1 (of class 1), or one for each class */
typedef struct EgBlendInput
{
	Size		n;
	int			members;
	int			width;
	int			nclasses;		/* 0: numbers */
	const double *p;
	const double *y;			/* number or class */
	const double *w;			/* or NULL */
} EgBlendInput;

/* Shares (sum 1, none negative) that minimize the log loss of the mixture of probabilities. */
extern void eg_blend_mixture(const EgBlendInput *in, double *share);

/* Shares that minimize the squared error of the weighted average. */
extern void eg_blend_shares(const EgBlendInput *in, double *share);

/* Weights that are not negative, and an intercept, that minimize the squared error. */
extern void eg_blend_least_squares(const EgBlendInput *in, double *weight, double *intercept);

/*
 * Multinomial logistic regression on log probabilities: class c has the score
 * bias[c] + sum of weight[k] * log p[k][c], bias[0] = 0; L2 penalty of
 * |weight|^2 / 2.  For two classes this is logistic regression on the logits.
 */
extern void eg_blend_logistic(const EgBlendInput *in, double *weight, double *bias);

/* Log of a probability, bounded so that one model's certainty does not drown the others. */
extern double eg_blend_log(double p);

#endif							/* EG_BLEND_H */
