/*-------------------------------------------------------------------------
 *
 * random.h
 *	  Random numbers by counter: the n-th number of a stream is a function of
 *	  the stream's key and n.  There is no state to carry, so the order of
 *	  the calls and the number of threads cannot change a result.
 *
 * The n-th number is the one that splitmix64, started at the key, gives as its
 * n-th.  Source: G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014; constants of mix13 by D.
 * Stafford.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RANDOM_H
#define EG_RANDOM_H

#define EG_RANDOM_STEP	UINT64CONST(0x9e3779b97f4a7c15)

static inline uint64
eg_random_mix(uint64 z)
{
	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 64 random bits: number n of the stream. */
static inline uint64
eg_random_bits(uint64 key, uint64 n)
{
	return eg_random_mix(key + (n + 1) * EG_RANDOM_STEP);
}

/* Key of a stream of its own; streams of a seed may have streams in turn. */
static inline uint64
eg_random_stream(uint64 seed, uint64 stream)
{
	return eg_random_bits(eg_random_mix(seed), stream);
}

/* Uniform in [0, 1), 53 bits. */
static inline double
eg_random_unit(uint64 key, uint64 n)
{
	return (double) (eg_random_bits(key, n) >> 11) * (1.0 / 9007199254740992.0);
}

/* Uniform in 0 .. limit-1; off by less than limit / 2^64. */
static inline uint64
eg_random_below(uint64 key, uint64 n, uint64 limit)
{
	return eg_random_bits(key, n) % limit;
}

#endif							/* EG_RANDOM_H */
