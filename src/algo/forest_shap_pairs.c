/*-------------------------------------------------------------------------
 *
 * forest_shap_pairs.c
 *	  Shapley interaction values of a row.
 *
 * The interaction of two features is what they are worth together beyond
 * what each is worth alone, shared by halves (Lundberg et al. 2020).  With the
 * words of forest_shap.c, a leaf of value v gives the features i and j
 *
 *		1/2 v (o_i - z_i) (o_j - z_j) Integral of Prod_{k not i, j} f_k(t) dt
 *
 * which is, under the integral, what it gives j times (o_i - z_i) / f_i.  What
 * a node gives its feature j is at hand after the two passes that explain;
 * (o_i - z_i) / f_i is known for each feature above the node.  So all pairs of a
 * tree cost nodes times depth times points, whereas fixing one feature after
 * the other to "known" and "unknown" costs a walk for each feature twice.
 *
 * What a feature is worth without any other is the rest of its contribution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/forest_shap_walk.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* chains of nodes are as long as a model cares to have them */
#define STEPS_BETWEEN_INTERRUPTS	100000

/* per inner node of the largest tree */
typedef struct Above
{
	int32	   *parent;			/* -1 for the root */
	uint8	   *side;			/* which child of it */
	bool	   *upper;			/* has it an inner child? */
	EgPair	   *factor;			/* (npairs) */
	int32	   *seen;			/* (nused) last node for which the feature was met */
} Above;

static void
find_parents(const EgShapTree *t, int nused, Above *a)
{
	a->parent[0] = -1;
	for (int i = 0; i < t->npieces; i++)
	{
		const EgShapPiece *piece = &t->pieces[i];

		for (int k = 0; k < piece->ninner; k++)
		{
			a->upper[piece->first + k] = k < piece->nupper;
			for (int side = 0; k < piece->nupper && side < 2; side++)
			{
				int32		child = t->nodes[piece->first + k].to.child[side];
				int32		other = child - piece->ninner - piece->nleaves;
				int32		to;

				if (child >= piece->ninner && other < 0)
					continue;
				to = other < 0 ? piece->first + child : t->pieces[other + 1].first;
				a->parent[to] = piece->first + k;
				a->side[to] = (uint8) side;
			}
		}
	}
	for (int i = 0; i < nused; i++)
		a->seen[i] = -1;
}

/*
 * (o - z) / f of the feature of each node that has inner children, in the child
 * that the row goes to; everywhere else o is 0, and it is -1 / (1 - t).
 */
static void
make_factors(const EgShapTree *t, const EgShapRule *rule, const EgShapWork *w, Above *a)
{
	int			n = t->npairs;

	/* the share of those that went the row's way at all nodes with the feature */
	for (int k = 0; k < t->ninner; k++)
		w->bottom[k] = 1;
	for (int i = 0; i < t->nrepeats; i++)
		w->bottom[t->repeats[i].node] = t->repeats[i].share;
	for (int k = 0; k < t->ninner; k++)
	{
		double		share = w->bottom[k] * t->nodes[k].share[w->right[k]];

		for (int p = 0; a->upper[k] && p < n; p++)
		{
			EgPair		rest = rule->rest[p];

			a->factor[(Size) k * n + p] = EG_PAIR(1 - share) /
				(EG_PAIR(1) - rest + EG_PAIR(share) * rest);
		}
	}
}

static double
product(const EgPair *a, const EgPair *b, int n)
{
	EgPair		sum = EG_PAIR(0);

	for (int p = 0; p < n; p++)
		sum += a[p] * b[p];
	return sum[0] + sum[1];
}

/* One tree's part, added to out (nfeatures + 1, nfeatures + 1); the diagonal has contributions. */
static void
add_tree(const struct EgForestShap *s, const EgShapTree *t, const EgShapRule *rule,
		 const EgShapWork *w, Above *a, EgPair *away, Size width, double *out)
{
	int			n = t->npairs;
	int			steps = 0;

	find_parents(t, s->nused, a);
	make_factors(t, rule, w, a);
	for (int p = 0; p < n; p++)
		away[p] = EG_PAIR(-1) / rule->rest[p];
	for (int k = 0; k < t->ninner; k++)
	{
		const EgPair *part = w->turn + (Size) k * n;
		int32		j = t->tests[k].slot >> 1;
		Size		to = s->used[j];

		/* a whole that is nothing has no parts */
		if (!w->good[k])
			continue;
		for (int p = 0; p < n; p++)
			out[to * width + to] += part[p][0] + part[p][1];
		a->seen[j] = k;
		for (int32 below = k; a->parent[below] >= 0; below = a->parent[below])
		{
			int32		above = a->parent[below];
			int32		i = t->tests[above].slot >> 1;
			bool		same = w->good[above] && w->right[above] == a->side[below];
			double		v;

			if (++steps % STEPS_BETWEEN_INTERRUPTS == 0)
				CHECK_FOR_INTERRUPTS();
			if (a->seen[i] == k)
				continue;
			a->seen[i] = k;
			v = product(part, same ? a->factor + (Size) above * n : away, n) / 2;
			out[to * width + s->used[i]] += v;
			out[s->used[i] * width + to] += v;
		}
	}
}

static void
make_above(const struct EgForestShap *s, Above *a)
{
	Size		n = Max(s->max_inner, 1);

	a->parent = (int32 *) palloc_extended(n * sizeof(int32), MCXT_ALLOC_HUGE);
	a->side = (uint8 *) palloc_extended(n, MCXT_ALLOC_HUGE);
	a->upper = (bool *) palloc_extended(n * sizeof(bool), MCXT_ALLOC_HUGE);
	a->factor = (EgPair *) palloc_extended(Max(s->max_turns, 1) * sizeof(EgPair),
										   MCXT_ALLOC_HUGE);
	a->seen = (int32 *) palloc_extended(Max(s->nused, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
}

void
eg_forest_interactions(const EgForest *f, const float *x, double *out)
{
	const struct EgForestShap *s = eg_shap_get(f);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage interactions",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Size		width = (Size) f->nfeatures + 1;
	EgPair	   *away = (EgPair *) palloc(Max(s->max_pairs, 1) * sizeof(EgPair));
	EgShapRow	row;
	EgShapWork	work;
	Above		above;

	make_above(s, &above);
	eg_shap_work_make(s, &work);
	eg_shap_row_make(s, &row);
	eg_shap_row_set(s, x, &row);

	memset(out, 0, f->ngroups * width * width * sizeof(double));
	for (int i = 0; i < f->ntrees; i++)
	{
		const EgShapTree *t = &s->trees[i];
		const EgShapRule *rule = &s->rules[t->npairs];
		const EgPair *states;

		CHECK_FOR_INTERRUPTS();
		if (t->group < 0)
			continue;
		states = eg_shap_states_get(s, t, &work);
		eg_shap_walk(t, states, rule, &row, &work, t->npairs, true, NULL);
		add_tree(s, t, rule, &work, &above, away, width, out + t->group * width * width);
	}

	for (int g = 0; g < f->ngroups; g++)
	{
		double	   *matrix = out + g * width * width;

		for (int i = 0; i < s->nused; i++)
		{
			double	   *line = matrix + s->used[i] * width;

			for (int j = 0; j < s->nused; j++)
				if (i != j)
					line[s->used[i]] -= line[s->used[j]];
		}
		matrix[width * width - 1] = s->base[g];
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
