/*-------------------------------------------------------------------------
 *
 * isolation_extended.c
 *	  Trees of hyperplanes: their stored form, and the length of a row's paths.
 *
 * A row goes left where weight * row <= the node's value, and the sum is made by
 * the same function as when the tree was grown.  Rows are walked in blocks, a
 * tree at a time, so that a tree's weights stay in the cache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/isolation.h"

#define BLOCK_ROWS		32

static EgHyperForest *
create(int ntrees, Size nnodes, Size nsplits, int width, int nterms)
{
	EgHyperForest *f = palloc0(sizeof(EgHyperForest));

	f->ntrees = ntrees;
	f->width = width;
	f->nterms = nterms;
	f->nsplits = nsplits;
	f->start = palloc0((ntrees + 1) * sizeof(int32));
	f->nodes = palloc_extended(Max(nnodes, 1) * sizeof(EgHyperNode), MCXT_ALLOC_HUGE);
	f->index = palloc_extended(Max(nsplits, 1) * nterms * sizeof(int32), MCXT_ALLOC_HUGE);
	f->weight = palloc_extended(Max(nsplits, 1) * nterms * sizeof(float), MCXT_ALLOC_HUGE);
	f->rows = palloc0((Size) BLOCK_ROWS * Max(width, 1) * sizeof(float));
	return f;
}

EgHyperForest *
eg_hyper_make(const EgIsolationGrove *grove, int width, int nterms)
{
	EgHyperForest *f = create(grove->ntrees, grove->nnodes, grove->nsplits, width, nterms);
	Size		i;
	int			t;

	for (t = 0; t < grove->ntrees; t++)
	{
		f->start[t + 1] = (int32) grove->node_start[t + 1];
		for (i = grove->node_start[t]; i < grove->node_start[t + 1]; i++)
		{
			const EgIsolationNode *from = &grove->nodes[i];
			EgHyperNode *to = &f->nodes[i];

			to->value = from->value;
			to->left = from->feature < 0 ? 0 : from->left;
			to->split = from->feature < 0 ? 0 :
				from->feature + (int32) grove->split_start[t];
		}
	}
	memcpy(f->index, grove->index, grove->nsplits * nterms * sizeof(int32));
	memcpy(f->weight, grove->weight, grove->nsplits * nterms * sizeof(float));
	return f;
}

/* ---------------- scores ---------------- */

static inline float
path_of(const EgHyperForest *f, const EgHyperNode *tree, const float *z)
{
	const EgHyperNode *node = tree;

	while (node->left > 0)
	{
		Size		at = (Size) node->split * f->nterms;
		bool		left = eg_hyper_dot(f->index + at, f->weight + at, f->nterms, f->width,
										z) <= node->value;

		node = tree + node->left + !left;
	}
	return node->value;
}

void
eg_hyper_paths(const EgHyperForest *f, const EgPrep *prep, const float *x, Size n, double *out)
{
	Size		first;

	for (first = 0; first < n; first += BLOCK_ROWS)
	{
		int			rows = (int) Min(n - first, BLOCK_ROWS);
		int			t;
		int			r;

		for (r = 0; r < rows; r++)
		{
			eg_hyper_row(prep, x + (first + r) * prep->ncols, f->rows + (Size) r * f->width);
			out[first + r] = 0;
		}
		for (t = 0; t < f->ntrees; t++)
		{
			for (r = 0; r < rows; r++)
				out[first + r] += path_of(f, f->nodes + f->start[t], f->rows + (Size) r * f->width);
		}
		for (r = 0; r < rows; r++)
			out[first + r] /= f->ntrees;
	}
}

/* ---------------- stored form ---------------- */

void
eg_hyper_save(const EgHyperForest *f, EgWriter *w)
{
	int32		n = f->start[f->ntrees];
	int32		i;

	eg_put_u32(w, f->ntrees);
	eg_put_u32(w, n);
	eg_put_u32(w, (uint32) f->nsplits);
	eg_put_u32(w, f->nterms);
	eg_put_i32_array(w, f->start, (Size) f->ntrees + 1);
	for (i = 0; i < n; i++)
	{
		eg_put_f32(w, f->nodes[i].value);
		eg_put_u32(w, f->nodes[i].left);
		eg_put_u32(w, f->nodes[i].split);
	}
	eg_put_i32_array(w, f->index, f->nsplits * f->nterms);
	eg_put_f32_array(w, f->weight, f->nsplits * f->nterms);
}

static void
check_tree(EgReader *r, const EgHyperForest *f, int t)
{
	int32		n = f->start[t + 1] - f->start[t];
	int32		i;

	for (i = 0; i < n; i++)
	{
		const EgHyperNode *node = &f->nodes[f->start[t] + i];

		if (!isfinite(node->value) || (node->left == 0 && node->value < 0))
			eg_corrupted(r, "node %d of tree %d has value %g", i, t, node->value);

		/* the right child, behind the left one, is a node too; children come later */
		if (node->left != 0 && (node->left <= i || node->left >= n - 1))
			eg_corrupted(r, "node %d of tree %d has child %d of %d nodes", i, t, node->left, n);
		if (node->left != 0 && (node->split < 0 || (Size) node->split >= f->nsplits))
			eg_corrupted(r, "node %d of tree %d has split %d of %zu", i, t, node->split,
						 (size_t) f->nsplits);
	}
}

EgHyperForest *
eg_hyper_load(EgReader *r, int width)
{
	uint32		ntrees = eg_get_count(r, PG_INT32_MAX / 2, sizeof(int32));
	uint32		nnodes = eg_get_count(r, PG_INT32_MAX / 2, 12);
	uint32		nsplits = eg_get_count(r, PG_INT32_MAX / 2, 8);
	uint32		nterms = eg_get_count(r, Max(width, 1), 0);
	EgHyperForest *f;
	Size		i;

	if (ntrees < 1 || nterms < 1)
		eg_corrupted(r, "%u trees with %u columns each are not a forest", ntrees, nterms);
	if ((r->len - r->pos) / 8 / nterms < nsplits)
		eg_corrupted(r, "%u splits on %u columns do not fit in the bytes left", nsplits, nterms);
	f = create(ntrees, nnodes, nsplits, width, nterms);
	eg_get_i32_array(r, f->start, (Size) ntrees + 1);
	for (i = 0; i < nnodes; i++)
	{
		f->nodes[i].value = eg_get_f32(r);
		f->nodes[i].left = (int32) eg_get_u32(r);
		f->nodes[i].split = (int32) eg_get_u32(r);
	}
	eg_get_i32_array(r, f->index, f->nsplits * nterms);
	eg_get_f32_array(r, f->weight, f->nsplits * nterms);
	if (f->start[0] != 0 || f->start[ntrees] != (int32) nnodes)
		eg_corrupted(r, "the trees have nodes %d to %d of %u", f->start[0], f->start[ntrees],
					 nnodes);
	for (i = 0; i < ntrees; i++)
	{
		if (f->start[i + 1] <= f->start[i])
			eg_corrupted(r, "tree %zu has no nodes", (size_t) i);
	}
	for (i = 0; i < ntrees; i++)
		check_tree(r, f, (int) i);
	for (i = 0; i < f->nsplits * nterms; i++)
	{
		if (f->index[i] < 0 || f->index[i] >= width)
			eg_corrupted(r, "a split uses column %d of %d", f->index[i], width);
		if (!isfinite(f->weight[i]))
			eg_corrupted(r, "the weight of a column is not a number");
	}
	return f;
}
