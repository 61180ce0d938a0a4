/*-------------------------------------------------------------------------
 *
 * profile.h
 *	  What sets each segment apart: means and shares inside and outside, with
 *	  effect sizes that can be compared across kinds of features.
 *
 * Numbers: Cohen's d = (mean inside - mean outside) / pooled standard deviation.
 * Categories, and missing values of both kinds: Cohen's h = 2 asin(sqrt(share inside)) -
 * 2 asin(sqrt(share outside)).  Source: J. Cohen, Statistical Power Analysis for the
 * Behavioral Sciences, 2nd ed., 1988.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PROFILE_H
#define EG_PROFILE_H

#include "base/run.h"

typedef struct EgProfile EgProfile;

/* what stands for the share of missing values in place of a category */
#define EG_PROFILE_NUMBER		(-1)
#define EG_PROFILE_MISSING		(-2)

/* most of an effect: a difference of means without any spread */
#define EG_PROFILE_MOST			10.0

typedef struct EgDifference
{
	int			feature;
	int			category;		/* a code, or one of the above */
	double		inside;			/* mean or share */
	double		outside;
	double		effect;			/* > 0: more inside */
} EgDifference;

/* Sums of nsegments segments (0 .. nsegments - 1); ncategories as in EgDataset. */
extern EgProfile *eg_profile_create(int nsegments, int nfeatures, const int *ncategories,
									const EgRun *run);

/* A row x (nfeatures), NaN is missing. */
extern void eg_profile_add(EgProfile *p, int segment, const float *x);

extern double eg_profile_rows(const EgProfile *p, int segment);

/*
 * The differences of a segment from all other rows, the largest effect first, those of
 * no effect left out; palloc'd, *n of them.  None when there are no rows inside or outside.
 */
extern EgDifference *eg_profile_differences(const EgProfile *p, int segment, int *n);

#endif							/* EG_PROFILE_H */
