/*-------------------------------------------------------------------------
 *
 * validity.h
 *	  How good is a clustering?  Numbers about rows and their labels.
 *
 * Labels are 0 .. k-1; a row with a negative label is noise and counts for
 * nothing, except in the Rand index, where noise is a group like any other.
 * Results are NaN where a number is not defined (fewer than two clusters that
 * have rows).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_VALIDITY_H
#define EG_VALIDITY_H

typedef struct EgClustering
{
	const float *x;				/* (n, d) finite */
	Size		n;
	int			d;
	const int32 *label;			/* (n) */
	int			k;
} EgClustering;

/*
 * Mean silhouette (P. J. Rousseeuw, "Silhouettes", Journal of Computational and
 * Applied Mathematics 20, 1987).  each (n), or NULL: that of every row, NaN for noise.
 * Cost n^2 d; answers interrupts.
 */
extern double eg_silhouette(const EgClustering *c, double *each);

/* The same of at most `most` rows, drawn by the seed, among themselves. */
extern double eg_silhouette_sampled(const EgClustering *c, Size most, uint64 seed);

/*
 * Rows that eg_silhouette_sampled() takes, ascending; palloc'd.  *count becomes how
 * many: all that have a label when there are no more than `most`.
 */
extern Size *eg_validity_sample(const EgClustering *c, Size most, uint64 seed, Size *count);

/* Mean likeness of each cluster to its most similar one (Davies, Bouldin 1979); less is better. */
extern double eg_davies_bouldin(const EgClustering *c);

/*
 * Spread between clusters to spread within, per degree of freedom (Calinski, Harabasz 1974);
 * larger is better; 1 when there is no spread within.
 */
extern double eg_calinski_harabasz(const EgClustering *c);

/* Pairs of n rows; n may be a sum of weights. */
extern double eg_pairs(double n);

/*
 * Agreement of two labelings of the same n rows, 1: the same groups, about 0: by chance (Hubert,
 * Arabie 1985); from the pairs of rows that are together in both, in the one, in the other.
 */
extern double eg_adjusted_rand_pairs(double n, double both, double in_a, double in_b);

/* The same from a table of counts (na, nb); counts may be weights. */
extern double eg_adjusted_rand_table(const double *counts, int na, int nb);

#endif							/* EG_VALIDITY_H */
