/*-------------------------------------------------------------------------
 *
 * folds.h
 *	  Rows into folds for cross-validation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOLDS_H
#define EG_FOLDS_H

/*
 * Fold, 0 .. folds-1, of each of n rows (palloc'd).  Rows with the same unit
 * (hash of the key or the group) are adjacent and stay together; the classes
 * (cls, or NULL) are spread evenly.  seed shuffles.
 */
extern int32 *eg_folds_shuffled(const uint64 *unit, const int32 *cls, int nclasses, Size n,
								int folds, uint64 seed);

/*
 * Ordered folds: block, 0 .. folds, of each row by its time.  Block 0 is only
 * learned from; block f is tested after learning from all before it.  Rows of
 * the same time are in the same block.  Error when there are too few times.
 */
extern int32 *eg_folds_ordered(const double *time, Size n, int folds, const char *column);

/* Splits a hash anew for each seed. */
extern uint64 eg_folds_mix(uint64 hash, uint64 seed);

#endif							/* EG_FOLDS_H */
