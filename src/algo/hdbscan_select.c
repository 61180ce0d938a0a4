/*-------------------------------------------------------------------------
 *
 * hdbscan_select.c
 *	  Which clusters of the condensed tree are the answer, and what follows for
 *	  the rows.
 *
 * A cluster's stability is the sum, over its rows, of the range of densities in
 * which they are its rows.  Of all choices in which no cluster is part of another,
 * excess of mass takes the one of the largest sum; leaves takes the clusters
 * that do not come apart any more.
 *
 * Sources: R. J. G. B. Campello, D. Moulavi, A. Zimek, J. Sander, "Hierarchical Density
 * Estimates for Data Clustering, Visualization, and Outlier Detection", ACM TKDD 10,
 * 2015 (stability, GLOSH); C. Malzer, M. Baum, "A Hybrid Approach To Hierarchical
 * Density-based Cluster Selection", MFI 2020 (epsilon); L. McInnes, J. Healy,
 * "Accelerated Hierarchical Density Based Clustering", 2017 (strengths, new rows).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/hdbscan.h"
#include "miscadmin.h"

/* ---------------- choices ---------------- */

/* Excess of mass, from the leaves up. */
static void
take_stable(const EgCondensed *t, bool allow_single, bool *selected)
{
	double	   *below = palloc0(t->nclusters * sizeof(double));
	int			k;

	for (k = t->nclusters - 1; k >= 0; k--)
	{
		const EgCluster *c = &t->cluster[k];

		selected[k] = below[k] <= c->stability && (k > 0 || allow_single);
		if (k > 0)
			below[c->parent] += selected[k] ? c->stability : below[k];
	}
	pfree(below);
}

static void
take_leaves(const EgCondensed *t, bool allow_single, bool *selected)
{
	int			k;

	for (k = 0; k < t->nclusters; k++)
	{
		selected[k] = k > 0 || allow_single;
		if (k > 0)
			selected[t->cluster[k].parent] = false;
	}
}

/* Nothing that is part of a selected cluster is selected itself. */
static void
keep_outermost(const EgCondensed *t, bool *selected)
{
	bool	   *inside = palloc0(t->nclusters);
	int			k;

	for (k = 1; k < t->nclusters; k++)
	{
		int			parent = t->cluster[k].parent;

		inside[k] = inside[parent] || selected[parent];
		if (inside[k])
			selected[k] = false;
	}
	pfree(inside);
}

/*
 * Clusters that began below the distance become the smallest one around them that
 * did not.  The root is taken only if it may be.
 */
static void
widen(const EgCondensed *t, double epsilon, bool allow_single, bool *selected)
{
	bool	   *wider = palloc0(t->nclusters);
	int			k;

	for (k = 0; k < t->nclusters; k++)
	{
		int			at = k;

		if (!selected[k])
			continue;
		while (at > 0 && t->cluster[at].birth * epsilon > 1 &&
			   (t->cluster[at].parent > 0 || allow_single))
			at = t->cluster[at].parent;
		wider[at] = true;
	}
	memcpy(selected, wider, t->nclusters);
	pfree(wider);
	keep_outermost(t, selected);
}

/* ---------------- labels ---------------- */

bool
eg_condensed_finish(EgCondensed *t)
{
	int			k;

	for (k = 0; k < t->nclusters; k++)
	{
		EgCluster  *c = &t->cluster[k];

		if (k == 0 ? c->parent != -1 : !(c->parent >= 0 && c->parent < k))
			return false;
		c->within = c->label >= 0 ? k : k > 0 ? t->cluster[c->parent].within : -1;
		if (k > 0 && c->label >= 0 && t->cluster[c->parent].within >= 0)
			return false;
		c->deepest = c->death;
	}
	for (k = t->nclusters - 1; k > 0; k--)
	{
		EgCluster  *parent = &t->cluster[t->cluster[k].parent];

		parent->deepest = Max(parent->deepest, t->cluster[k].deepest);
	}
	return true;
}

typedef struct Ranked
{
	uint32		members;
	int			cluster;
} Ranked;

static int
compare_ranked(const void *x, const void *y)
{
	const Ranked *a = x;
	const Ranked *b = y;

	if (a->members != b->members)
		return a->members > b->members ? -1 : 1;
	return a->cluster < b->cluster ? -1 : 1;
}

void
eg_select(EgCondensed *t, const EgSelection *how)
{
	bool	   *selected = palloc0(t->nclusters);
	uint32	   *members = palloc0(t->nclusters * sizeof(uint32));
	Ranked	   *ranked = palloc(t->nclusters * sizeof(Ranked));
	double		strength;
	Size		i;
	int			k;

	if (how->leaves)
		take_leaves(t, how->allow_single, selected);
	else
		take_stable(t, how->allow_single, selected);
	keep_outermost(t, selected);
	if (how->epsilon > 0)
		widen(t, how->epsilon, how->allow_single, selected);
	t->epsilon = how->epsilon;
	t->nlabels = 0;
	for (k = 0; k < t->nclusters; k++)
	{
		t->cluster[k].label = selected[k] ? t->nlabels : -1;
		if (selected[k])
			ranked[t->nlabels++].cluster = k;
	}
	eg_condensed_finish(t);
	for (i = 0; i < t->nrows; i++)
	{
		k = eg_membership(t, t->last[i], t->density[i], &strength);
		if (k >= 0)
			members[k]++;
	}
	for (k = 0; k < t->nlabels; k++)
		ranked[k].members = members[k];
	qsort(ranked, t->nlabels, sizeof(Ranked), compare_ranked);
	t->members = members;
	for (k = 0; k < t->nlabels; k++)
	{
		t->cluster[ranked[k].cluster].label = k;
		t->members[k] = ranked[k].members;
	}
	pfree(selected);
	pfree(ranked);
}

int
eg_membership(const EgCondensed *t, uint32 last, double density, double *strength)
{
	int			within = t->cluster[last].within;
	double		death;

	*strength = 0;
	if (within < 0 || (within == 0 && density * t->epsilon < 1 && t->epsilon > 0))
		return -1;
	death = t->cluster[within].death;
	*strength = density >= death ? 1 : Max(density / death, DBL_MIN);
	return t->cluster[within].label;
}

/* ---------------- rows ---------------- */

/* A row that is reached at some density leaves with the one it is reached from, or before. */
uint32
eg_condensed_place(const EgCondensed *t, uint32 row, double *density)
{
	uint32		at = t->last[row];

	if (*density >= t->density[row])
		*density = t->density[row];
	else
	{
		while (at > 0 && t->cluster[at].birth >= *density)
			at = t->cluster[at].parent;
	}
	return at;
}

double
eg_glosh(const EgCondensed *t, uint32 last, double density)
{
	double		deepest = t->cluster[last].deepest;

	return density >= deepest ? 0 : 1 - density / deepest;
}

/* ---------------- steps ---------------- */

typedef struct Leaving
{
	uint32		cluster;
	double		density;
} Leaving;

static int
compare_leaving(const void *x, const void *y)
{
	const Leaving *a = x;
	const Leaving *b = y;

	if (a->cluster != b->cluster)
		return a->cluster < b->cluster ? -1 : 1;
	return (a->density > b->density) - (a->density < b->density);
}

static int
compare_steps(const void *x, const void *y)
{
	const EgCondensedRow *a = x;
	const EgCondensedRow *b = y;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->density != b->density)
		return a->density < b->density ? -1 : 1;
	return (a->child > b->child) - (a->child < b->child);
}

EgCondensedRow *
eg_condensed_rows(const EgCondensed *t, int steps, Size *n)
{
	Leaving    *leaving = palloc_extended(Max(t->nrows, 1) * sizeof(Leaving), MCXT_ALLOC_HUGE);
	EgCondensedRow *rows;
	Size		nrows = 0;
	Size		i,
				end;
	int			k;

	for (i = 0; i < t->nrows; i++)
	{
		leaving[i].cluster = t->last[i];
		leaving[i].density = t->density[i];
	}
	qsort(leaving, t->nrows, sizeof(Leaving), compare_leaving);
	CHECK_FOR_INTERRUPTS();
	rows = palloc_extended(mul_size(Min(t->nrows, mul_size(t->nclusters, steps)) + t->nclusters,
									sizeof(EgCondensedRow)), MCXT_ALLOC_HUGE);
	for (i = 0; i < t->nrows; i = end)
	{
		Size		each;

		/* one cluster's rows, in parts of about equal size; equal densities stay together */
		for (end = i; end < t->nrows && leaving[end].cluster == leaving[i].cluster;)
			end++;
		each = (end - i + steps - 1) / steps;
		while (i < end)
		{
			Size		to = Min(i + each, end);

			while (to < end && leaving[to].density == leaving[to - 1].density)
				to++;
			rows[nrows].parent = (int32) leaving[i].cluster;
			rows[nrows].child = -1;
			rows[nrows].density = leaving[to - 1].density;
			rows[nrows++].size = (uint32) (to - i);
			i = to;
		}
	}
	for (k = 1; k < t->nclusters; k++)
	{
		rows[nrows].parent = t->cluster[k].parent;
		rows[nrows].child = k;
		rows[nrows].density = t->cluster[k].birth;
		rows[nrows++].size = t->cluster[k].size;
	}
	qsort(rows, nrows, sizeof(EgCondensedRow), compare_steps);
	pfree(leaving);
	*n = nrows;
	return rows;
}
