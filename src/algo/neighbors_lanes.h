/*-------------------------------------------------------------------------
 *
 * neighbors_lanes.h
 *	  Distances of one row to the 16 rows of a block, and to the 16 boxes of a
 *	  group, in single precision.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_NEIGHBORS_LANES_H
#define EG_NEIGHBORS_LANES_H

#include <math.h>

#include "algo/neighbors.h"

#define EG_NEAR_CHUNK	8		/* dimensions between two looks at what is too far */

/*
 * Four numbers in a register; the compiler knows how on every machine.  Written
 * down since it does not keep the sums of an ordinary loop in registers.
 */
typedef float EgLanes __attribute__((vector_size(16)));
typedef int32 EgMasks __attribute__((vector_size(16)));

#define EG_NLANES		4
#define EG_NSUMS		(EG_NEAR_BLOCK / EG_NLANES)

static inline EgLanes
eg_lanes_load(const float *p)
{
	EgLanes		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline EgLanes
eg_lanes_spread(float v)
{
	return (EgLanes) {v, v, v, v};
}

static inline EgLanes
eg_lanes_without_sign(EgLanes v)
{
	return (EgLanes) ((EgMasks) v & PG_INT32_MAX);
}

static inline EgLanes
eg_lanes_positive(EgLanes v)
{
	return (EgLanes) ((EgMasks) v & (v > eg_lanes_spread(0)));
}

static inline bool
eg_lanes_any_within(const EgLanes *sum, float limit)
{
	EgMasks		m = (sum[0] <= eg_lanes_spread(limit)) | (sum[1] <= eg_lanes_spread(limit)) |
		(sum[2] <= eg_lanes_spread(limit)) | (sum[3] <= eg_lanes_spread(limit));

	return (m[0] | m[1] | m[2] | m[3]) != 0;
}

/*
 * Sums of squares or of absolute differences of a block's rows; false when
 * all of them are above limit.  manhattan is a constant wherever this is
 * inlined.
 */
static pg_attribute_always_inline bool
eg_near_block_distances(const float *block, const float *q, int width, bool manhattan, float limit,
				float *out)
{
	EgLanes		sum[EG_NSUMS] = {{0}};
	int			d = 0;

	while (d < width)
	{
		int			end = Min(d + EG_NEAR_CHUNK, width);

		for (; d < end; d++, block += EG_NEAR_BLOCK)
		{
			EgLanes		v = eg_lanes_spread(q[d]);

#define ADD(i) do { \
				EgLanes		away = eg_lanes_load(block + (i) * EG_NLANES) - v; \
				sum[i] += manhattan ? eg_lanes_without_sign(away) : away * away; \
			} while (0)

			ADD(0);
			ADD(1);
			ADD(2);
			ADD(3);
#undef ADD
		}
		if (!eg_lanes_any_within(sum, limit))
			return false;
	}
	memcpy(out, sum, sizeof(sum));
	return true;
}

/* The same of 16 boxes: how near a row in them can be; of below and above one is not positive. */
static pg_attribute_always_inline bool
eg_near_box_distances(const float *box, const float *q, int width, bool manhattan, float limit,
					  float *out)
{
	const float *other = box + (Size) width * EG_NEAR_BLOCK;
	EgLanes		sum[EG_NSUMS] = {{0}};
	int			d = 0;

	while (d < width)
	{
		int			end = Min(d + EG_NEAR_CHUNK, width);

		for (; d < end; d++, box += EG_NEAR_BLOCK, other += EG_NEAR_BLOCK)
		{
			EgLanes		v = eg_lanes_spread(q[d]);

#define ADD(i) do { \
				EgLanes		away = eg_lanes_positive(eg_lanes_load(box + (i) * EG_NLANES) - v) + \
					eg_lanes_positive(v - eg_lanes_load(other + (i) * EG_NLANES)); \
				sum[i] += manhattan ? away : away * away; \
			} while (0)

			ADD(0);
			ADD(1);
			ADD(2);
			ADD(3);
#undef ADD
		}
		if (!eg_lanes_any_within(sum, limit))
			return false;
	}
	memcpy(out, sum, sizeof(sum));
	return true;
}

#endif							/* EG_NEIGHBORS_LANES_H */
