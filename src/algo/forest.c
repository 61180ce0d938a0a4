/*-------------------------------------------------------------------------
 *
 * forest.c
 *	  Flat trees: the stored form, the links, and a plain walk.
 *
 * All nodes of all trees lie in parallel arrays; a child is counted from its
 * tree's first node and is greater than its parent, so that every walk ends.
 * Whatever comes from outside is checked once, by eg_forest_invalid(); the
 * walks rely on it.
 *
 * Sums of leaves are single precision, in the order of the trees, starting
 * from the base: the same operations as libxgboost's, hence the same bits.
 * The links repeat its arithmetic too.
 *
 * The compiled form, which scores, is in forest_code.c.  The plain walk here
 * tells leaves and serves as its oracle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest.h"
#include "algo/forest_code.h"
#include "utils/memutils.h"

#define MAX_FEATURES	(1 << 24)	/* few bytes must not make many: a table of features is built */

/* ---------------- creation and checks ---------------- */

static void *
array(Size n, Size size)
{
	return palloc_extended(Max(n, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

EgForest *
eg_forest_create(int ntrees, int nnodes, int nfeatures, int ngroups, int ncat_bits)
{
	EgForest   *f = (EgForest *) palloc0(sizeof(EgForest));

	Assert(ntrees >= 0 && nnodes >= ntrees && nfeatures >= 0 && ngroups >= 1 && ncat_bits >= 0);
	f->ntrees = ntrees;
	f->nfeatures = nfeatures;
	f->ngroups = ngroups;
	f->link = EG_LINK_IDENTITY;
	f->base = (float *) array(ngroups, sizeof(float));
	f->tree_group = (int32 *) array(ntrees, sizeof(int32));
	f->tree_weight = (float *) array(ntrees, sizeof(float));
	f->tree_start = (int32 *) array((Size) ntrees + 1, sizeof(int32));
	f->feature = (int32 *) array(nnodes, sizeof(int32));
	f->value = (float *) array(nnodes, sizeof(float));
	f->left = (int32 *) array(nnodes, sizeof(int32));
	f->right = (int32 *) array(nnodes, sizeof(int32));
	f->flags = (uint8 *) array(nnodes, sizeof(uint8));
	f->cat = (int32 *) array(nnodes, sizeof(int32));
	f->ncat = (int32 *) array(nnodes, sizeof(int32));
	f->cover = (float *) array(nnodes, sizeof(float));
	f->gain = (float *) array(nnodes, sizeof(float));
	f->ncat_bits = ncat_bits;
	f->cat_bits = (uint32 *) array(ncat_bits, sizeof(uint32));

	for (int t = 0; t < ntrees; t++)
		f->tree_weight[t] = 1.0f;
	f->tree_start[ntrees] = nnodes;
	for (int i = 0; i < nnodes; i++)
	{
		f->feature[i] = f->left[i] = f->right[i] = f->cat[i] = -1;
	}
	return f;
}

/* Reason why the node is wrong, or NULL.  n is the number of nodes of its tree. */
static const char *
node_invalid(const EgForest *f, int32 start, int32 n, int32 k)
{
	int32		i = start + k;

	if (f->feature[i] < 0)
	{
		if (f->feature[i] != -1 || f->left[i] != -1 || f->right[i] != -1)
			return psprintf("leaf %d has a feature or children", k);
		if (!isfinite(f->value[i]))
			return psprintf("leaf %d is not a finite number", k);
		return NULL;
	}
	if (f->feature[i] >= f->nfeatures)
		return psprintf("node %d tests feature %d of %d", k, f->feature[i], f->nfeatures);
	if (f->left[i] <= k || f->left[i] >= n)
		return psprintf("node %d of %d has left child %d", k, n, f->left[i]);
	if (f->right[i] <= k || f->right[i] >= n)
		return psprintf("node %d of %d has right child %d", k, n, f->right[i]);
	if (f->left[i] == f->right[i])
		return psprintf("node %d has child %d twice", k, f->left[i]);
	if (f->cat[i] == -1)
	{
		if (isnan(f->value[i]))
			return psprintf("node %d has no threshold", k);
	}
	else if (f->cat[i] < 0 || f->ncat[i] < 0 || f->cat[i] > f->ncat_bits ||
			 f->ncat[i] > f->ncat_bits - f->cat[i])
		return psprintf("node %d has words %d to %d of %d words of categories",
						k, f->cat[i], f->cat[i] + f->ncat[i] - 1, f->ncat_bits);
	return NULL;
}

const char *
eg_forest_invalid(const EgForest *f)
{
	uint8	   *reached;
	const char *why = NULL;

	if (f->ntrees < 0 || f->nfeatures < 0 || f->ngroups < 1 || f->ncat_bits < 0)
		return "a size is negative";
	if (f->nfeatures > MAX_FEATURES)
		return psprintf("it has %d features, at most %d are possible", f->nfeatures, MAX_FEATURES);
	if (f->link > EG_LINK_EXP)
		return psprintf("link %d is unknown", (int) f->link);
	for (int g = 0; g < f->ngroups; g++)
		if (!isfinite(f->base[g]))
			return psprintf("base score %d is not a finite number", g);
	if (f->tree_start[0] != 0)
		return psprintf("the first tree begins at node %d", f->tree_start[0]);
	for (int t = 0; t < f->ntrees; t++)
	{
		if (f->tree_start[t + 1] <= f->tree_start[t])
			return psprintf("tree %d begins at node %d and ends at node %d",
							t, f->tree_start[t], f->tree_start[t + 1]);
		if (f->tree_group[t] < 0 || f->tree_group[t] >= f->ngroups)
			return psprintf("tree %d belongs to output %d of %d",
							t, f->tree_group[t], f->ngroups);
		if (!isfinite(f->tree_weight[t]))
			return psprintf("the weight of tree %d is not a finite number", t);
	}

	/* with one parent for each node at most, what is reached is a tree */
	reached = (uint8 *) array(f->tree_start[f->ntrees], 1);
	for (int t = 0; t < f->ntrees && why == NULL; t++)
	{
		int32		start = f->tree_start[t];
		int32		n = f->tree_start[t + 1] - start;

		for (int32 k = 0; k < n; k++)
		{
			int32		i = start + k;

			why = node_invalid(f, start, n, k);
			if (why == NULL && f->feature[i] >= 0)
			{
				if (reached[start + f->left[i]]++ || reached[start + f->right[i]]++)
					why = psprintf("a child of node %d has another parent", k);
			}
			if (why != NULL)
			{
				why = psprintf("tree %d: %s", t, why);
				break;
			}
		}
	}
	pfree(reached);
	return why;
}

/* ---------------- storage ---------------- */

#define HAS_CATEGORIES	(1 << 0)

void
eg_forest_save(const EgForest *f, EgWriter *w)
{
	Size		n = f->tree_start[f->ntrees];

	eg_put_u32(w, f->ntrees);
	eg_put_u32(w, (uint32) n);
	eg_put_u32(w, f->nfeatures);
	eg_put_u32(w, f->ngroups);
	eg_put_u32(w, f->ncat_bits);
	eg_put_u8(w, f->link);
	eg_put_u8(w, f->ncat_bits > 0 ? HAS_CATEGORIES : 0);
	eg_put_f32_array(w, f->base, f->ngroups);
	eg_put_i32_array(w, f->tree_group, f->ntrees);
	eg_put_f32_array(w, f->tree_weight, f->ntrees);
	eg_put_i32_array(w, f->tree_start, (Size) f->ntrees + 1);
	eg_put_i32_array(w, f->feature, n);
	eg_put_f32_array(w, f->value, n);
	eg_put_i32_array(w, f->left, n);
	eg_put_i32_array(w, f->right, n);
	eg_put_bytes(w, f->flags, n);
	eg_put_f32_array(w, f->cover, n);
	eg_put_f32_array(w, f->gain, n);
	if (f->ncat_bits > 0)
	{
		eg_put_i32_array(w, f->cat, n);
		eg_put_i32_array(w, f->ncat, n);
		eg_put_u32_array(w, f->cat_bits, f->ncat_bits);
	}
}

EgForest *
eg_forest_load(EgReader *r)
{
	EgForest   *f;
	uint32		ntrees = eg_get_count(r, PG_INT32_MAX - 1, 12);
	uint32		n = eg_get_count(r, PG_INT32_MAX - 1, 25);
	uint32		nfeatures = eg_get_u32(r);
	uint32		ngroups = eg_get_count(r, PG_INT32_MAX, 4);
	uint32		ncat_bits = eg_get_count(r, PG_INT32_MAX, 4);
	uint8		link = eg_get_u8(r);
	uint8		has = eg_get_u8(r);
	const char *why;

	if (nfeatures > MAX_FEATURES)
		eg_corrupted(r, "the forest has %u features", nfeatures);
	if (ngroups < 1)
		eg_corrupted(r, "the forest has no outputs");
	if (n < ntrees)
		eg_corrupted(r, "the forest has %u trees but %u nodes", ntrees, n);
	if (link > EG_LINK_EXP)
		eg_corrupted(r, "the forest has unknown link %u", link);
	if ((has & ~HAS_CATEGORIES) != 0 || (ncat_bits > 0) != ((has & HAS_CATEGORIES) != 0))
		eg_corrupted(r, "the forest has flags %u and %u words of categories", has, ncat_bits);

	f = eg_forest_create(ntrees, n, nfeatures, ngroups, ncat_bits);
	f->link = (EgLink) link;
	eg_get_f32_array(r, f->base, ngroups);
	eg_get_i32_array(r, f->tree_group, ntrees);
	eg_get_f32_array(r, f->tree_weight, ntrees);
	eg_get_i32_array(r, f->tree_start, (Size) ntrees + 1);
	eg_get_i32_array(r, f->feature, n);
	eg_get_f32_array(r, f->value, n);
	eg_get_i32_array(r, f->left, n);
	eg_get_i32_array(r, f->right, n);
	memcpy(f->flags, eg_get_bytes(r, n), n);
	eg_get_f32_array(r, f->cover, n);
	eg_get_f32_array(r, f->gain, n);
	if (ncat_bits > 0)
	{
		eg_get_i32_array(r, f->cat, n);
		eg_get_i32_array(r, f->ncat, n);
		eg_get_u32_array(r, f->cat_bits, ncat_bits);
	}

	/* the arrays are as long as n says: it must be where the last tree ends */
	if (f->tree_start[ntrees] != (int32) n)
		eg_corrupted(r, "the forest has %u nodes but the last tree ends at %d",
					 n, f->tree_start[ntrees]);
	for (uint32 t = 0; t < ntrees; t++)
		if (f->tree_start[t] < 0 || f->tree_start[t] >= f->tree_start[t + 1])
			eg_corrupted(r, "tree %u begins at node %d and ends at node %d",
						 t, f->tree_start[t], f->tree_start[t + 1]);
	why = eg_forest_invalid(f);
	if (why != NULL)
		eg_corrupted(r, "%s", why);
	return f;
}

/* ---------------- the plain walk ---------------- */

/* NaN and infinities are missing; a category in the set goes right, any other left. */
static inline int32
walk(const EgForest *f, int tree, const float *x)
{
	int32		start = f->tree_start[tree];
	int32		k = 0;

	for (;;)
	{
		int32		i = start + k;
		bool		goes_left;
		float		v;

		if (f->feature[i] < 0)
			return k;
		v = x[f->feature[i]];
		if (!isfinite(v))
			goes_left = (f->flags[i] & EG_NODE_DEFAULT_LEFT) != 0;
		else if (f->cat[i] >= 0)
			goes_left = !eg_cat_in_set(f->cat_bits + f->cat[i], f->ncat[i], v);
		else
			goes_left = v < f->value[i];
		k = goes_left ? f->left[i] : f->right[i];
	}
}

void
eg_forest_leaves(const EgForest *f, int tree, const float *x, Size n, Size stride, int32 *leaf)
{
	for (Size r = 0; r < n; r++)
		leaf[r] = walk(f, tree, x + r * stride);
}

/* Margins without the compiled form: forests beyond its limits, and the oracle of tests. */
void
eg_forest_margin_plain(const EgForest *f, const float *x, Size n, Size stride, double *out)
{
	for (Size r = 0; r < n; r++)
	{
		const float *row = x + r * stride;
		double	   *o = out + r * f->ngroups;

		/* a float in a double stays that float: the additions round as in libxgboost */
		for (int g = 0; g < f->ngroups; g++)
			o[g] = f->base[g];
		for (int t = 0; t < f->ntrees; t++)
		{
			float		leaf = f->value[f->tree_start[t] + walk(f, t, row)];
			volatile float term = f->tree_weight[t] * leaf; /* rounded: never fused with the sum */

			o[f->tree_group[t]] = (float) o[f->tree_group[t]] + term;
		}
	}
}

/* ---------------- scoring ---------------- */

void
eg_forest_margin(const EgForest *f, const float *x, Size n, Size stride, double *out)
{
	if (f->code != NULL)
		eg_forest_code_margin(f, x, n, stride, out);
	else
		eg_forest_margin_plain(f, x, n, stride, out);
}

void
eg_forest_predict(const EgForest *f, const float *x, Size n, Size stride, double *out)
{
	eg_forest_margin(f, x, n, stride, out);
	eg_link_apply(f->link, out, n, f->ngroups);
}
