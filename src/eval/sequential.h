/*-------------------------------------------------------------------------
 *
 * sequential.h
 *	  Tests that may be looked at as often as one likes: intervals and
 *	  p-values of a mean that hold at all times at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SEQUENTIAL_H
#define EG_SEQUENTIAL_H

/* Values of an arm. */
typedef struct EgMoments
{
	double		n;
	double		mean;
	double		variance;		/* sample variance; of no account below two values */
} EgMoments;

/* fewer values in an arm decide nothing: the normal limit has not come */
#define EG_SEQUENTIAL_LEAST		50

typedef struct EgVerdict
{
	double		difference;		/* of the means, or the mean of the differences */
	double		lower;			/* of the difference, at level 1 - alpha */
	double		upper;
	double		p;
	bool		enough;			/* values to decide; else p is 1, bounds are infinite */
} EgVerdict;

/*
 * planned: values of an arm at which the test is to be sharpest; it is valid at
 * any number.  comparisons: how many of these tests share alpha (Bonferroni).
 */
extern EgVerdict eg_sequential_two(const EgMoments *first, const EgMoments *other,
								   double planned, double alpha, int comparisons);

/* The same for differences of pairs, which are 0 on average when nothing is to be found. */
extern EgVerdict eg_sequential_pairs(const EgMoments *difference, double planned, double alpha,
									 int comparisons);

/*
 * Values of each of two arms at which a rate of baseline is told from one of
 * baseline * (1 + lift) with that power, looking once, two-sided.
 */
extern double eg_sample_size(double baseline, double lift, double power, double alpha);

#endif							/* EG_SEQUENTIAL_H */
