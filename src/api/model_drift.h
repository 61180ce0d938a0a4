/*-------------------------------------------------------------------------
 *
 * model_drift.h
 *	  From the counts of a source to the measures of its drift.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_MODEL_DRIFT_H
#define EG_API_MODEL_DRIFT_H

#include "store/model_drift.h"

/* Both sides in the same bins: those of the values, unseen words, missing. */
typedef struct EgDriftHistograms
{
	int			n;
	double	   *then;			/* (n) */
	double	   *now;			/* (n) */
	int			nedges;			/* of numbers: one less than they have bins */
	double		edges[EG_DRIFT_BINS];	/* (nedges) upper ends */
} EgDriftHistograms;

/* For a number about nbins bins; palloc'd. */
extern EgDriftHistograms *eg_drift_histograms(const EgDriftCount *c, int nbins);

/*
 * Largest distance of the distribution functions of a number at the limits of
 * its stored bins: that of all values is at least as large.  NaN for a category.
 */
extern double eg_drift_distance(const EgDriftCount *c);

/* The PSI that chance alone exceeds in one of 1000 cases. */
extern double eg_psi_of_chance(const EgDriftHistograms *h, double rows_then, double rows_now);

#endif							/* EG_API_MODEL_DRIFT_H */
