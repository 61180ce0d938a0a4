/*-------------------------------------------------------------------------
 *
 * forest_compile.c
 *	  From the stored form of a forest to the compiled one, which
 *	  forest_code.c explains.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest.h"
#include "algo/forest_code.h"
#include "utils/memutils.h"

#define MAX_SLOT		65535	/* slots are counted in bytes */
#define MAX_DISTANCE	65535
#define BLOCK_BYTES		(32 * 1024) /* of expanded rows */
#define BLOCK_ROWS		64
#define BLOCK_SUMS		(256 * 1024)	/* leaves and sums of a block */
#define TABLE_BYTES		((Size) 16 * 1024 * 1024)	/* of all features' categories */

/* from the place of a byte to the place of the key with this highest byte */
#ifdef WORDS_BIGENDIAN
#define SET_OFFSET		0
#else
#define SET_OFFSET		(-3)
#endif

/* Nodes that test categories, ordered so that equal tests are adjacent. */
static int
compare_sets(const void *pa, const void *pb, void *arg)
{
	const EgForest *f = (const EgForest *) arg;
	int32		a = *(const int32 *) pa;
	int32		b = *(const int32 *) pb;
	int			d;

	if (f->feature[a] != f->feature[b])
		return f->feature[a] < f->feature[b] ? -1 : 1;
	d = (f->flags[a] & EG_NODE_DEFAULT_LEFT) - (f->flags[b] & EG_NODE_DEFAULT_LEFT);
	if (d != 0)
		return d;
	if (f->ncat[a] != f->ncat[b])
		return f->ncat[a] < f->ncat[b] ? -1 : 1;
	return memcmp(f->cat_bits + f->cat[a], f->cat_bits + f->cat[b],
				  (Size) f->ncat[a] * sizeof(uint32));
}

/* Contents of a feature's slots for each category, for any other, and for missing. */
static void
fill_table(const EgForest *f, EgForestSets *s, Size *budget)
{
	Size		size;
	int32		words = 0;

	for (int i = 0; i < s->n; i++)
		words = Max(words, f->ncat[s->node[i]]);
	s->ncategories = Min(words, (int32) EG_CAT_LIMIT / 32) * 32;
	s->table = NULL;
	size = ((Size) s->ncategories + 2) * s->n;
	if (size > *budget)
		return;
	*budget -= size;
	s->table = (uint8 *) palloc(size);
	for (int i = 0; i < s->n; i++)
	{
		int32		node = s->node[i];

		for (int c = 0; c <= s->ncategories; c++)
			s->table[(Size) c * s->n + i] =
				eg_cat_in_set(f->cat_bits + f->cat[node], f->ncat[node], (float) c);
		s->table[((Size) s->ncategories + 1) * s->n + i] =
			(f->flags[node] & EG_NODE_DEFAULT_LEFT) ? 0 : 1;
	}
}

/* Give every test a slot: slot_of_node is filled.  False when there are too many. */
static bool
assign_slots(const EgForest *f, struct EgForestCode *c, int32 *slot_of_node)
{
	Size		nnodes = f->tree_start[f->ntrees];
	int32	   *number_of = (int32 *) palloc_extended(((Size) f->nfeatures + 1) * sizeof(int32),
													  MCXT_ALLOC_HUGE);
	int32	   *tests = (int32 *) palloc_extended((nnodes + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	int32		at = sizeof(uint32);	/* next free byte; the leaves' slot comes first */
	int32		first;
	int32		unused;
	Size		ntests = 0;
	Size		budget = TABLE_BYTES;
	int			nused = 0;

	for (int i = 0; i < f->nfeatures; i++)
		number_of[i] = -1;
	for (Size i = 0; i < nnodes; i++)
	{
		if (f->feature[i] < 0)
			slot_of_node[i] = 0;
		else if (f->cat[i] >= 0)
			tests[ntests++] = (int32) i;
		else if (number_of[f->feature[i]] < 0)
		{
			number_of[f->feature[i]] = 0;
			nused++;
		}
	}
	if (((Size) nused * 2 + 2) * sizeof(uint32) > MAX_SLOT)
		return false;

	/* numbers, in the order of the features */
	c->numbers = (EgForestNumber *) palloc0((Size) (nused + 1) * sizeof(EgForestNumber));
	for (int i = 0; i < f->nfeatures; i++)
		if (number_of[i] == 0)
		{
			number_of[i] = c->nnumbers;
			c->numbers[c->nnumbers++].feature = i;
		}
	for (Size i = 0; i < nnodes; i++)
		if (f->feature[i] >= 0 && f->cat[i] < 0)
		{
			EgForestNumber	   *number = &c->numbers[number_of[f->feature[i]]];
			uint16	   *slot = (f->flags[i] & EG_NODE_DEFAULT_LEFT) ? &number->low : &number->high;

			if (*slot == 0)
			{
				*slot = (uint16) at;
				at += sizeof(uint32);
			}
			slot_of_node[i] = *slot;
		}

	/* copies that no node reads are written to one last slot */
	unused = at;
	at += sizeof(uint32);
	for (int i = 0; i < c->nnumbers; i++)
	{
		if (c->numbers[i].low == 0)
			c->numbers[i].low = (uint16) unused;
		if (c->numbers[i].high == 0)
			c->numbers[i].high = (uint16) unused;
	}

	/* tests of categories, equal ones together */
	qsort_arg(tests, ntests, sizeof(int32), compare_sets, (void *) f);
	c->sets =
		(EgForestSets *) palloc0((Min(ntests, (Size) f->nfeatures) + 1) * sizeof(EgForestSets));
	first = at;
	for (Size i = 0; i < ntests; i++)
	{
		EgForestSets	   *s = &c->sets[Max(c->nsets - 1, 0)];

		if (i > 0 && compare_sets(&tests[i - 1], &tests[i], (void *) f) == 0)
		{
			slot_of_node[tests[i]] = at - 1 + SET_OFFSET;
			continue;
		}
		if (at > MAX_SLOT)
			return false;
		if (c->nsets == 0 || s->feature != f->feature[tests[i]])
		{
			s = &c->sets[c->nsets++];
			s->feature = f->feature[tests[i]];
			s->slot = at;
			s->node = tests + (at - first);
		}
		/* the distinct tests move to the front; no later one is overwritten */
		tests[at - first] = tests[i];
		s->n++;
		slot_of_node[tests[i]] = at++ + SET_OFFSET;
	}
	for (int i = 0; i < c->nsets; i++)
		fill_table(f, &c->sets[i], &budget);
	c->row_bytes = MAXALIGN(at + sizeof(uint32));
	pfree(number_of);
	return true;
}

static uint32
node_threshold(const EgForest *f, int32 i)
{
	float		v = f->value[i] + 0.0f;
	uint32		bits;

	if (f->cat[i] >= 0)
		return EG_KEY_IN_SET;
	memcpy(&bits, &v, sizeof(bits));
	return eg_key_of_bits(bits);
}

/*
 * Write one tree, level by level, siblings adjacent.  queue has room for the
 * tree.  Returns the nodes used, -1 on failure.
 */
static int32
emit_tree(const EgForest *f, int tree, const int32 *slot_of_node, EgForestNode *to, int32 *queue)
{
	int32		start = f->tree_start[tree];
	int32		n = 1;

	queue[0] = 0;
	for (int32 k = 0; k < n; k++)
	{
		int32		i = start + queue[k];

		to[k].slot = (uint16) slot_of_node[i];
		if (f->feature[i] < 0)
		{
			float		leaf = f->tree_weight[tree] * f->value[i];

			/* 0 would not stay where it is; added up, -0 is the same */
			if (leaf == 0.0f)
				leaf = -0.0f;
			to[k].left = 0;
			memcpy(&to[k].threshold, &leaf, sizeof(leaf));
			continue;
		}
		if (n - k > MAX_DISTANCE)
			return -1;
		to[k].left = (uint16) (n - k);
		to[k].threshold = node_threshold(f, i);
		queue[n++] = f->left[i];
		queue[n++] = f->right[i];
	}
	return n;
}

static int32
tree_depth(const EgForest *f, int tree, int32 *depth)
{
	int32		start = f->tree_start[tree];
	int32		n = f->tree_start[tree + 1] - start;
	int32		deepest = 0;

	memset(depth, 0, n * sizeof(int32));
	for (int32 k = 0; k < n; k++)
	{
		if (f->feature[start + k] < 0)
			continue;
		depth[f->left[start + k]] = depth[f->right[start + k]] = depth[k] + 1;
		deepest = Max(deepest, depth[k] + 1);
	}
	return deepest;
}

static int
compare_depths(const void *pa, const void *pb, void *arg)
{
	const int32 *depth = (const int32 *) arg;
	int32		a = *(const int32 *) pa;
	int32		b = *(const int32 *) pb;

	if (depth[a] != depth[b])
		return depth[a] < depth[b] ? -1 : 1;
	return a - b;
}

/* Steps that all groups of trees take together, if walked in this order. */
static int64
total_steps(const int32 *order, const int32 *depth, int ntrees)
{
	int64		total = 0;

	for (int t = 0; t < ntrees; t += EG_LANES)
	{
		int32		deepest = 0;

		for (int i = t; i < Min(t + EG_LANES, ntrees); i++)
			deepest = Max(deepest, depth[order[i]]);
		total += deepest;
	}
	return total;
}

/*
 * Which trees are walked together: neighbours, so that leaves can be added as
 * they come; trees of equal depth, if that saves a tenth of the steps.
 */
static void
make_groups(const EgForest *f, struct EgForestCode *c, const int32 *depth)
{
	int			n = f->ntrees;
	int32	   *order = (int32 *) palloc((Size) n * sizeof(int32));
	int32	   *sorted = (int32 *) palloc((Size) n * sizeof(int32));
	int32	   *group_of = (int32 *) palloc((Size) n * sizeof(int32));
	int32		last = 0;

	for (int t = 0; t < n; t++)
		order[t] = sorted[t] = t;
	qsort_arg(sorted, n, sizeof(int32), compare_depths, (void *) depth);
	if (total_steps(order, depth, n) > total_steps(sorted, depth, n) * 1.1)
		order = sorted;

	c->groups = (EgForestGroup *) palloc0((Size) (n / EG_LANES + 4) * sizeof(EgForestGroup));
	for (int t = 0; t < n;)
	{
		EgForestGroup	   *g = &c->groups[c->ngroups];

		g->lanes = n - t > 8 ? 16 : n - t > 4 ? 8 : 4;
		if (g->lanes > n - t && n - t > 8 && n - t <= 12)
			g->lanes = 8;		/* 8 and 4 instead of 16 */
		for (int i = 0; i < g->lanes; i++)
		{
			g->tree[i] = t + i < n ? order[t + i] : n + i;	/* idle lanes write behind */
			if (t + i < n)
			{
				g->steps = Max(g->steps, depth[order[t + i]]);
				group_of[order[t + i]] = c->ngroups;
			}
		}
		t += g->lanes;
		c->ngroups++;
	}
	for (int t = 0; t < n; t++)
	{
		last = Max(last, group_of[t]);
		for (int g = last; g < c->ngroups && c->groups[g].ready <= t; g++)
			c->groups[g].ready = t + 1;
	}
	for (int g = 1; g < c->ngroups; g++)
		c->groups[g].ready = Max(c->groups[g].ready, c->groups[g - 1].ready);
}

/* Nodes of all groups, in the order of the walk.  False when a limit is exceeded. */
static bool
emit_groups(const EgForest *f, struct EgForestCode *c, const int32 *slot_of_node, int32 *queue)
{
	Size		room = (Size) f->tree_start[f->ntrees] + 2 * (Size) f->ntrees + 16;
	int32		at = 1;

	if (room > PG_INT32_MAX)
		return false;
	c->nodes = (EgForestNode *) palloc_extended(room * sizeof(EgForestNode),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	/* node 0: the leaf on which idle lanes sit */
	c->nodes[0].threshold = EG_SIGN_BIT;
	for (int g = 0; g < c->ngroups; g++)
	{
		EgForestGroup	   *group = &c->groups[g];

		for (int i = 0; i < group->lanes; i++)
		{
			int32		used;

			group->root[i] = 0;
			if (group->tree[i] >= f->ntrees)
				continue;
			at |= 1;			/* pairs of siblings begin at even nodes */
			group->root[i] = at;
			used = emit_tree(f, group->tree[i], slot_of_node, c->nodes + at, queue);
			if (used < 0)
				return false;
			at += used;
		}
	}
	return true;
}

void
eg_forest_compile(EgForest *f)
{
	Size		nnodes = f->tree_start[f->ntrees];
	struct EgForestCode *c = (struct EgForestCode *) palloc0(sizeof(struct EgForestCode));
	int32	   *work = (int32 *) palloc_extended((nnodes + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	int32	   *depth = (int32 *) palloc(((Size) f->ntrees + 1) * sizeof(int32));
	int32	   *slot_of_node = (int32 *) palloc_extended((nnodes + 1) * sizeof(int32),
														 MCXT_ALLOC_HUGE);

	f->code = NULL;
	for (int t = 0; t < f->ntrees; t++)
		depth[t] = tree_depth(f, t, work);
	if (assign_slots(f, c, slot_of_node))
	{
		make_groups(f, c, depth);
		if (emit_groups(f, c, slot_of_node, work))
		{
			c->block = Min(BLOCK_ROWS, BLOCK_BYTES / (int) c->row_bytes);
			c->block = Min(c->block, BLOCK_SUMS / Max(f->ntrees + EG_LANES, f->ngroups));
			c->block = Max(c->block, 1);
			c->slots = (uint8 *) palloc0((Size) c->block * c->row_bytes);
			c->leaves = (float *) palloc_extended((Size) c->block * (f->ntrees + EG_LANES) *
												  sizeof(float), MCXT_ALLOC_HUGE);
			c->sums = (float *) palloc_extended((Size) c->block * f->ngroups * sizeof(float),
												MCXT_ALLOC_HUGE);
			f->code = c;
		}
	}
	pfree(work);
	pfree(depth);
	pfree(slot_of_node);
}
