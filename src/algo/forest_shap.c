/*-------------------------------------------------------------------------
 *
 * forest_shap.c
 *	  Exact Shapley values of forests, path-dependent: TreeSHAP, without its
 *	  quadratic cost and without its unstable divisions.
 *
 * A row's contributions to a tree share out the difference between its leaf and
 * the expected value, where a feature that is not known yet goes both ways, by
 * the cover of the children (Lundberg, Erion and Lee, Consistent
 * Individualized Feature Attribution for Tree Ensembles, 2018).
 *
 * A leaf of value v is a product: each feature i that is tested on its path
 * has a factor.  Known, it is o_i, 1 if the row takes the path's side at all
 * tests of i, else 0; unknown, it is z_i, the product of the shares of cover
 * along the path at these tests.  The Shapley value of a product is an
 * integral, of a polynomial of a degree below the number of features:
 *
 *		phi_i = v (o_i - z_i) Integral over t from 0 to 1 of Prod_{j not i} f_j
 *		f_j = z_j (1 - t) + o_j t
 *
 * so Gauss-Legendre quadrature with half as many points as features is exact:
 * four points for depth 7 or 8.  For one point t, all leaves of a tree
 * together take two passes, with s = 1 - t (as in Yu et al., Linear TreeShap,
 * NeurIPS 2022, whose polynomials are evaluated here at the points):
 *
 * - Upwards, each node has H, the sum over its leaves of v and the factors
 *   that come below it.  Where the row takes child h, c being the other one,
 *   with the share z_c of the cover, and the feature is not tested above:
 *   f_h = 1 - s z_c, f_c = s z_c, hence
 *
 *		D = z_c (H_h - H_c),  H = H_h - s D
 *
 * - Downwards, each node has A, the product of the factors above it:
 *
 *		A_c = A s z_c,  A_h = A - A_c,  and phi_i gets  weight A D
 *
 *   since (o - z) is z_c for child h and -z_c for child c.
 *
 * A feature that is tested again changes its one factor.  If the row has left
 * the path's side at a test of it above, o stays 0, and both children count by
 * their cover.  Otherwise, with z the share of the cover that took the same
 * sides so far, and f = t + s z its factor, the new factors over the old one
 * lead to the same formulas with
 *
 *		sigma = s z / f  in place of s, and  phi_i gets  weight A D z / f^2
 *
 * So a node is in one of three states, each with two numbers for a point:
 * fresh (s, 1), failed (1, 0), repeated (sigma, z / f^2), the last from a table.
 * No subtraction can lose digits: s, sigma and z_c lie in 0..1, H is a mean of
 * leaves; depth 64 is as exact as depth 4.
 *
 * A row and a tree of n nodes take about n times (points) multiplications and
 * additions of each kind, no divisions, and no branch depends on the row.
 * Points are the lanes of vectors, so one row is as fast as many.
 *
 * Measured on 100 trees of depth 7 and 49 columns, 25,000 nodes, one thread,
 * against libxgboost 1.7 in the same process: 0.05 ms a row in blocks (1.8 ms:
 * 35 times), 0.06 ms for one alone (2.2 ms: 36 times); the form is made in
 * 0.7 ms and takes 24 bytes a node.  Trees of 18,000 nodes and depth 16: 4 ns a
 * node, above 100 times.  With vectors of four (AVX2) a row takes a fifth less,
 * not worth a second code: loads and addresses are the cost, not arithmetic.
 * Tables of what a leaf gives for each subset (Yang, Fast TreeSHAP, 2021) would
 * take 50 times the memory, beyond the caches, and as many loads as the passes
 * above.  test/check_shap.sh bench measures anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/forest_shap_walk.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BLOCK_ROWS		32
#define BLOCK_BYTES		((Size) 128 * 1024) /* of sums */

static pg_attribute_always_inline void
explain_tree(const EgShapTree *t, const EgPair *states, const EgShapRule *rule,
			 const EgShapRow *row, const EgShapWork *w, int n, EgPair *sums)
{
	eg_shap_walk(t, states, rule, row, w, n, false, sums);
}

/* The usual depths have code of their own. */
static void
explain_any_tree(const EgShapTree *t, const EgPair *states, const EgShapRule *rule,
				 const EgShapRow *row, const EgShapWork *w, EgPair *sums)
{
	switch (t->npairs)
	{
		case 1:
			explain_tree(t, states, rule, row, w, 1, sums);
			break;
		case 2:
			explain_tree(t, states, rule, row, w, 2, sums);
			break;
		case 3:
			explain_tree(t, states, rule, row, w, 3, sums);
			break;
		case 4:
			explain_tree(t, states, rule, row, w, 4, sums);
			break;
		case 5:
			explain_tree(t, states, rule, row, w, 5, sums);
			break;
		case 6:
			explain_tree(t, states, rule, row, w, 6, sums);
			break;
		default:
			explain_tree(t, states, rule, row, w, t->npairs, sums);
			break;
	}
}

/* What the points have in the sums, as contributions. */
static void
finish_row(const EgForest *f, const struct EgForestShap *s, const EgPair *sums, double *out)
{
	Size		width = (Size) f->nfeatures + 1;

	memset(out, 0, f->ngroups * width * sizeof(double));
	for (int g = 0; g < f->ngroups; g++)
	{
		for (int i = 0; i < s->nused; i++, sums += EG_SUM_PAIRS)
		{
			EgPair		sum = sums[0] + sums[1];

			out[g * width + s->used[i]] = sum[0] + sum[1];
		}
		out[g * width + f->nfeatures] = s->base[g];
	}
}

void
eg_forest_explain(const EgForest *f, const float *x, Size n, Size stride, double *out)
{
	const struct EgForestShap *s = eg_shap_get(f);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage explain",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Size		group = (Size) s->nused * EG_SUM_PAIRS;
	Size		nsums = f->ngroups * group;
	int			block = (int) Min(n, BLOCK_ROWS);
	EgShapRow	rows[BLOCK_ROWS];
	EgShapWork	work;
	EgPair	   *sums;

	block = Max(1, (int) Min(block, BLOCK_BYTES / Max(nsums * sizeof(EgPair), 1)));
	sums = (EgPair *) palloc_extended(Max(nsums, 1) * block * sizeof(EgPair), MCXT_ALLOC_HUGE);
	for (int r = 0; r < block; r++)
		eg_shap_row_make(s, &rows[r]);
	eg_shap_work_make(s, &work);

	/* a tree stays in the first-level cache while it sees a block of rows */
	for (Size first = 0; first < n; first += block)
	{
		int			nrows = (int) Min(n - first, (Size) block);

		for (int r = 0; r < nrows; r++)
			eg_shap_row_set(s, x + (first + r) * stride, &rows[r]);
		memset(sums, 0, nsums * nrows * sizeof(EgPair));
		for (int i = 0; i < f->ntrees; i++)
		{
			const EgShapTree *t = &s->trees[i];
			const EgPair *states;

			CHECK_FOR_INTERRUPTS();
			if (t->group < 0)
				continue;
			states = eg_shap_states_get(s, t, &work);
			for (int r = 0; r < nrows; r++)
				explain_any_tree(t, states, &s->rules[t->npairs], &rows[r], &work,
								 sums + nsums * r + group * t->group);
		}
		for (int r = 0; r < nrows; r++)
			finish_row(f, s, sums + nsums * r, out + (first + r) * f->ngroups * (f->nfeatures + 1));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
