/*-------------------------------------------------------------------------
 *
 * link.h
 *	  From margins, in which models add up, to outputs, which people read; and
 *	  the same way for contributions to a margin.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_LINK_H
#define EG_LINK_H

/* how a sum becomes an output; the names are those of XGBoost's objectives */
typedef enum EgLink
{
	EG_LINK_IDENTITY,
	EG_LINK_LOGIT,				/* 1 / (1 + exp(-x)) */
	EG_LINK_LOG,				/* exp(x): counts, gamma, tweedie, survival */
	EG_LINK_SOFTMAX,			/* over the outputs */
	EG_LINK_SORT,				/* quantiles: ascending order of the outputs */
	EG_LINK_HINGE,				/* x > 0 */
	EG_LINK_EXP,				/* exp(x) in double precision: accelerated failure times */
	EG_LINK_RATIO				/* x / (1 + x), 0 for x < 0: anomaly scores */
} EgLink;

/* Margins to outputs in place, (n, width). */
extern void eg_link_apply(EgLink link, double *margins, Size n, int width);

/*
 * Contributions to margins become contributions to one output, by the
 * Aumann-Shapley value of the link along the straight line from the base
 * margins to the row's margins: the only rule that is linear in the
 * contributions, keeps zeros zero, and adds up to the difference of the
 * outputs.  For one margin it shares out the difference of the outputs in
 * proportion.  In order (EG_LINK_SORT) output k is the margin that comes there,
 * and so are its contributions and its base.  Source: Aumann and Shapley,
 * Values of Non-Atomic Games, 1974; Sundararajan, Taly and Yan, Axiomatic
 * Attribution for Deep Networks, 2017.
 *
 * in (width, ncols + 1) as explain() gives it; out (ncols + 1): contributions
 * to output k, and the output at the base margins; together they are the output,
 * in double precision.
 */
extern void eg_link_contributions(EgLink link, const double *in, int ncols, int width, int k,
								  double *out);

/*
 * Let contributions and base, out (ncols + 1), add up to target: what is left
 * over, rounding in most cases, is shared out by size, so that zeros stay zero.
 */
extern void eg_contributions_settle(double *out, int ncols, double target);

/* Which of the margins comes to place k in ascending order (EG_LINK_SORT). */
extern int	eg_link_place(const double *margins, int width, int k);

#endif							/* EG_LINK_H */
