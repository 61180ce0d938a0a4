/*-------------------------------------------------------------------------
 *
 * sort.h
 *	  Comparisons for qsort() and bsearch(), ascending; of elements that begin
 *	  with the number.  NaN equals everything, so there must not be any.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SORT_H
#define EG_SORT_H

static inline int
eg_by_double(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static inline int
eg_by_u64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

#endif							/* EG_SORT_H */
