/*-------------------------------------------------------------------------
 *
 * forest_code.c
 *	  The compiled form of a forest, and the kernel that scores with it;
 *	  forest_compile.c makes it.
 *
 * Scoring a row walks every tree from its root to a leaf.  A plain walk
 * waits: each step needs the previous one, and each test is a branch that the
 * processor cannot foresee.  So, as in "vectorized predication" (Asadi, Lin
 * and de Vries, IEEE TKDE 26(9), 2014), tests are arithmetic, not branches,
 * and several trees are walked at once, step by step, each for as many steps
 * as the deepest among them:
 *
 * - A node is 8 bytes: threshold, slot of the value it tests, distance to its
 *   left child; the right child follows the left one.  One step is
 *       node += distance + (slot >= threshold).
 * - Values and thresholds are keys: unsigned integers in the order of the
 *   numbers.  The comparison leaves its result in the carry flag, where an
 *   addition takes it up: six instructions a step, where floats need eight.
 * - A leaf stays where it is: its distance is 0, its slot is 0 for ever, and
 *   its threshold is the leaf's value, as bits that are not 0.
 * - A row is expanded into slots first.  A feature has a slot in which missing
 *   became the smallest key, for nodes that send it left, and one in which it
 *   became the largest, for nodes that send it right; unused ones are left out.
 * - A test for a set of categories has a slot of its own, a byte 0 or 1, which
 *   is read as the highest byte of a key: the threshold is 1 in that byte, and
 *   what the lower ones hold does not matter.  The bytes of a feature are
 *   adjacent, and a table has their contents for each category.
 *
 * Leaves are added in the order of the trees, whatever the order of the walk.
 * Rows are scored in blocks: a group of trees sees all rows of the block while
 * its nodes are in the first-level cache.
 *
 * A forest beyond the limits of the small numbers keeps code = NULL and is
 * scored by the plain walk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest.h"
#include "algo/forest_code.h"

#define SURE_STEPS		8		/* deeper groups ask now and then whether all are done */
#define ASK_STEPS		4

static inline void
expand_sets(const EgForest *f, const EgForestSets *s, float v, uint8 *slots)
{
	uint8	   *to = slots + s->slot;

	if (s->table != NULL)
	{
		int32		c = s->ncategories; /* in no set */

		if (!isfinite(v))
			c = s->ncategories + 1;
		else if (v >= 0.0f && v < (float) s->ncategories)
			c = (int32) v;
		memcpy(to, s->table + (Size) c * s->n, s->n);
		return;
	}
	for (int i = 0; i < s->n; i++)
	{
		int32		node = s->node[i];

		if (isfinite(v))
			to[i] = eg_cat_in_set(f->cat_bits + f->cat[node], f->ncat[node], v);
		else
			to[i] = (f->flags[node] & EG_NODE_DEFAULT_LEFT) ? 0 : 1;
	}
}

static inline void
expand(const EgForest *f, const struct EgForestCode *c, const float *x, uint8 *slots)
{
	const EgForestNumber *number = c->numbers;

	for (int i = 0; i < c->nnumbers; i++)
	{
		float		v = x[number[i].feature] + 0.0f;	/* -0 becomes 0 */
		uint32		bits;
		uint32		key;
		uint32		low;
		uint32		high;
		bool		missing;

		/* conditional moves, no branches: NULLs cannot be foreseen */
		memcpy(&bits, &v, sizeof(bits));
		missing = (bits & EG_INFINITY_BITS) == EG_INFINITY_BITS;
		key = eg_key_of_bits(bits);

		/* an unused copy goes to the last slot, which nobody reads */
		low = missing ? EG_KEY_LOW : key;
		high = missing ? EG_KEY_HIGH : key;
		memcpy(slots + number[i].low, &low, sizeof(low));
		memcpy(slots + number[i].high, &high, sizeof(high));
	}
	for (int i = 0; i < c->nsets; i++)
		expand_sets(f, &c->sets[i], x[c->sets[i].feature], slots);
}

static inline const EgForestNode *
step(const EgForestNode *n, const uint8 *slots)
{
	uint32		key;

	memcpy(&key, slots + n->slot, sizeof(key));
	return n + ((uint64) n->left + (key >= n->threshold));
}

/* lanes is a constant wherever this is inlined, so that the loops over lanes unroll */
static pg_attribute_always_inline void
walk_lanes(const EgForestGroup *g, int lanes, const EgForestNode *nodes, const uint8 *slots,
		   float *leaves)
{
	const EgForestNode *at[EG_LANES];
	int			sure = Min(g->steps, SURE_STEPS);

	for (int i = 0; i < lanes; i++)
		at[i] = nodes + g->root[i];
	for (int s = 0; s < sure; s++)
		for (int i = 0; i < lanes; i++)
			at[i] = step(at[i], slots);
	for (int s = sure; s < g->steps; s += ASK_STEPS)
	{
		int			inner = 0;

		for (int i = 0; i < lanes; i++)
			inner |= at[i]->left;
		if (inner == 0)
			break;
		for (int again = 0; again < ASK_STEPS; again++)
			for (int i = 0; i < lanes; i++)
				at[i] = step(at[i], slots);
	}
	for (int i = 0; i < lanes; i++)
		memcpy(&leaves[g->tree[i]], &at[i]->threshold, sizeof(float));
}

static inline void
walk_group(const EgForestGroup *g, const EgForestNode *nodes, const uint8 *slots, float *leaves)
{
	if (g->lanes == 16)
		walk_lanes(g, 16, nodes, slots, leaves);
	else if (g->lanes == 8)
		walk_lanes(g, 8, nodes, slots, leaves);
	else
		walk_lanes(g, 4, nodes, slots, leaves);
}

void
eg_forest_code_margin(const EgForest *f, const float *x, Size n, Size stride, double *out)
{
	const struct EgForestCode *c = f->code;
	Size		width = (Size) f->ntrees + EG_LANES;

	for (Size first = 0; first < n; first += c->block)
	{
		int			rows = (int) Min(n - first, (Size) c->block);
		int			done = 0;

		for (int r = 0; r < rows; r++)
		{
			expand(f, c, x + (first + r) * stride, c->slots + (Size) r * c->row_bytes);
			memcpy(c->sums + (Size) r * f->ngroups, f->base, f->ngroups * sizeof(float));
		}
		for (int g = 0; g < c->ngroups; g++)
		{
			const EgForestGroup *group = &c->groups[g];

			for (int r = 0; r < rows; r++)
			{
				float	   *leaves = c->leaves + (Size) r * width;

				walk_group(group, c->nodes, c->slots + (Size) r * c->row_bytes, leaves);
				if (f->ngroups == 1)
				{
					float		sum = c->sums[r];

					for (int t = done; t < group->ready; t++)
						sum += leaves[t];
					c->sums[r] = sum;
				}
				else
				{
					float	   *sums = c->sums + (Size) r * f->ngroups;

					for (int t = done; t < group->ready; t++)
						sums[f->tree_group[t]] += leaves[t];
				}
			}
			done = group->ready;
		}
		for (Size i = 0; i < (Size) rows * f->ngroups; i++)
			out[first * f->ngroups + i] = c->sums[i];
	}
}
