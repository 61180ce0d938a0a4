/*-------------------------------------------------------------------------
 *
 * forest_code.h
 *	  The compiled form of a forest: made by forest_compile.c, walked by
 *	  forest_code.c, which explains it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FOREST_CODE_H
#define EG_FOREST_CODE_H

#include "algo/forest.h"

#define EG_LANES			16		/* most trees walked at once */

/* keys: 0 is the leaves' slot, all numbers lie between these two */
#define EG_KEY_LOW			1U
#define EG_KEY_HIGH		0xffffffffU
#define EG_KEY_IN_SET		0x01000000U

/* of a single precision number */
#define EG_INFINITY_BITS	0x7f800000U
#define EG_SIGN_BIT		0x80000000U

typedef struct EgForestNode
{
	uint32		threshold;		/* key, or the bits of the leaf's value with the tree's weight */
	uint16		slot;
	uint16		left;			/* distance to the left child; 0 for a leaf */
} EgForestNode;

/* numeric slots of a feature */
typedef struct EgForestNumber
{
	int32		feature;
	uint16		low;			/* missing is EG_KEY_LOW */
	uint16		high;			/* missing is EG_KEY_HIGH */
} EgForestNumber;

/* category slots of a feature */
typedef struct EgForestSets
{
	int32		feature;
	int32		slot;			/* first byte */
	int32		n;				/* slots */
	int32		ncategories;	/* categories known to any of the sets */
	uint8	   *table;			/* (ncategories + 2, n) or NULL: too large; then test bits */
	const int32 *node;			/* (n) a node with the slot's set */
} EgForestSets;

/* trees walked together */
typedef struct EgForestGroup
{
	int32		lanes;			/* trees: 4, 8 or 16, idle ones included */
	int32		steps;			/* depth of the deepest */
	int32		ready;			/* trees (in order) that can be added after this group */
	int32		root[EG_LANES];	/* nodes */
	int32		tree[EG_LANES];	/* which trees these are */
} EgForestGroup;

struct EgForestCode
{
	Size		row_bytes;		/* of an expanded row */
	int			nnumbers;
	int			nsets;
	int			ngroups;
	int			block;			/* rows at once */
	EgForestNumber *numbers;
	EgForestSets *sets;
	EgForestGroup *groups;
	EgForestNode *nodes;
	uint8	   *slots;			/* (block, row_bytes) scratch */
	float	   *leaves;			/* (block, ntrees + EG_LANES) scratch */
	float	   *sums;			/* (block, forest's ngroups) scratch */
};

/* The bits of a number that is not NaN to a key: x < y exactly if key(x) < key(y). */
static inline uint32
eg_key_of_bits(uint32 bits)
{
	return bits ^ ((bits & EG_SIGN_BIT) ? 0xffffffffU : EG_SIGN_BIT);
}

/* categories above this are no categories */
#define EG_CAT_LIMIT	16777216.0f

/* Is finite v, truncated to an integer, in the set of nwords words? */
static inline bool
eg_cat_in_set(const uint32 *bits, int32 nwords, float v)
{
	int32		c;

	if (!(v >= 0.0f && v < EG_CAT_LIMIT))
		return false;
	c = (int32) v;

	/* category 0 is the lowest bit of the first word */
	return c / 32 < nwords && ((bits[c / 32] >> (c % 32)) & 1) != 0;
}

/* Margins by the plain walk. */
extern void eg_forest_margin_plain(const EgForest *f, const float *x, Size n, Size stride,
								   double *out);

/* Margins by the compiled form; f->code is not NULL. */
extern void eg_forest_code_margin(const EgForest *f, const float *x, Size n, Size stride,
								  double *out);

#endif							/* EG_FOREST_CODE_H */
