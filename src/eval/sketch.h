/*-------------------------------------------------------------------------
 *
 * sketch.h
 *	  A sample of a stream of numbers in bounded memory: exact up to
 *	  EG_SKETCH_EXACT numbers, then a mergeable quantile sketch.
 *
 * Beyond the exact size the share of numbers at or below any value is right
 * to EG_SKETCH_ERROR in 99 of 100 cases, whatever the numbers, their count and
 * the order of merges (test/check_sketch.sh measures it).
 *
 * Source: Z. Karnin, K. Lang, E. Liberty, "Optimal Quantile Approximation in
 * Streams", FOCS 2016 (KLL).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SKETCH_H
#define EG_SKETCH_H

#include "eval/drift.h"

#define EG_SKETCH_EXACT		65536
#define EG_SKETCH_ERROR		0.001
#define EG_SKETCH_LEVELS	40		/* 2^40 numbers an item of the highest level stands for */

/*
 * One block of memory without pointers, so that it can be part of a value.
 * An item of level h stands for 2^h numbers.  The highest level comes first:
 * level h has item[end[h + 1]] .. item[end[h] - 1], and end[nlevels] is 0.
 */
typedef struct EgSketch
{
	int64		n;				/* numbers seen */
	int32		nlevels;		/* 1 while exact */
	int32		size;			/* items there is room for */
	int32		reserved;		/* 0 */
	uint64		coin;			/* state of the random choices */
	int32		end[EG_SKETCH_LEVELS + 1];
	int32		reserved2;		/* 0 */
	double		item[FLEXIBLE_ARRAY_MEMBER];
} EgSketch;

/* Bytes of a sketch with room for size items. */
#define EG_SKETCH_BYTES(size)	(offsetof(EgSketch, item) + sizeof(double) * (Size) (size))

/* Room that a sketch of n numbers needs at most; n counts those to come. */
extern int	eg_sketch_size(int64 n);

/* Initialize memory of EG_SKETCH_BYTES(size). */
extern void eg_sketch_init(EgSketch *s, int size, uint64 seed);

/* Move to memory of another size, at least as large as what s holds. */
extern void eg_sketch_copy(EgSketch *to, int size, const EgSketch *from);

/* Must it move to a larger place before the next number? */
static inline bool
eg_sketch_is_small(const EgSketch *s)
{
	return s->end[0] == s->size && s->size < EG_SKETCH_EXACT;
}

extern void eg_sketch_compact(EgSketch *s);

/* Add a number (not NaN) to a sketch that is not too small. */
static inline void
eg_sketch_add(EgSketch *s, double v)
{
	if (s->end[0] == s->size)
		eg_sketch_compact(s);
	s->item[s->end[0]++] = v;
	s->n++;
}

/* Add all of from; to has the size eg_sketch_size(to->n + from->n) or more. */
extern void eg_sketch_merge(EgSketch *to, const EgSketch *from);

/* Is it well-formed?  For sketches that come from outside. */
extern bool eg_sketch_valid(const EgSketch *s, Size bytes);

/* Its items as a sorted, weighted sample; palloc'd. */
extern EgSample eg_sketch_sample(const EgSketch *s);

#endif							/* EG_SKETCH_H */
