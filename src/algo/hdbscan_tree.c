/*-------------------------------------------------------------------------
 *
 * hdbscan_tree.c
 *	  From a spanning tree to the condensed tree of clusters.
 *
 * Edges from the shortest on join rows to ever larger sets.  Sets that are joined
 * at the same distance are joined at once, whatever the order of the edges: a
 * node has as many children as it takes.  So the hierarchy is that of the
 * distances, and does not depend on which of several spanning trees was found.
 *
 * Seen from the root, with density 1 / distance growing, a set comes apart.
 * Children of fewer than min_size rows have left the cluster; where one larger
 * child is left the cluster goes on, where there are several it ends and each of
 * them is a new one.
 *
 * Source: R. J. G. B. Campello, D. Moulavi, J. Sander, "Density-Based Clustering Based
 * on Hierarchical Density Estimates", PAKDD 2013, with its rule that edges of equal
 * length are removed simultaneously.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/hdbscan.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define CHECK_ROWS		65536

/* Nodes below nrows are the rows. */
typedef struct Dendrogram
{
	Size		nrows;
	Size		nnodes;
	double	   *height;			/* (nrows) of node nrows + i: distance of its children */
	uint32	   *size;			/* (nrows) rows below it */
	uint32	   *least;			/* (nrows) first row below it */
	uint32	   *first;			/* (nrows) child */
	uint32	   *last;			/* (nrows) child */
	uint32	   *next;			/* (2 nrows) child of the same parent, EG_NO_ROW after the last */
} Dendrogram;

Size
eg_condense_memory(void)
{
	/* the nodes, and then the stack; the condensed tree; union-find */
	return 2 * sizeof(double) + 12 * sizeof(uint32);
}

static void *
huge(Size n, Size each)
{
	return palloc_extended(mul_size(Max(n, 1), each), MCXT_ALLOC_HUGE);
}

static inline uint32
size_of(const Dendrogram *g, uint32 node)
{
	return node < g->nrows ? 1 : g->size[node - g->nrows];
}

static inline uint32
least_of(const Dendrogram *g, uint32 node)
{
	return node < g->nrows ? node : g->least[node - g->nrows];
}

/* ---------------- joining ---------------- */

static void
adopt(Dendrogram *g, uint32 node, uint32 child)
{
	Size		i = node - g->nrows;

	if (g->first[i] == EG_NO_ROW)
		g->first[i] = child;
	else
		g->next[g->last[i]] = child;
	g->last[i] = child;
	g->size[i] += size_of(g, child);
	g->least[i] = Min(g->least[i], least_of(g, child));
}

static bool
has_height(const Dendrogram *g, uint32 node, double height)
{
	return node >= g->nrows && g->height[node - g->nrows] == height;
}

/* The node in which two are joined at a distance that none of their parts exceeds. */
static uint32
join(Dendrogram *g, uint32 a, uint32 b, double height)
{
	Size		i = g->nnodes;

	if (has_height(g, a, height) && has_height(g, b, height))
	{
		Size		x = a - g->nrows,
					y = b - g->nrows;

		/* b's children become those of a, and b is nobody's */
		g->next[g->last[x]] = g->first[y];
		g->last[x] = g->last[y];
		g->size[x] += g->size[y];
		g->least[x] = Min(g->least[x], g->least[y]);
		return a;
	}
	if (has_height(g, a, height))
	{
		adopt(g, a, b);
		return a;
	}
	if (has_height(g, b, height))
	{
		adopt(g, b, a);
		return b;
	}
	g->height[i] = height;
	g->size[i] = 0;
	g->least[i] = EG_NO_ROW;
	g->first[i] = EG_NO_ROW;
	g->nnodes++;
	adopt(g, (uint32) (g->nrows + i), a);
	adopt(g, (uint32) (g->nrows + i), b);
	return (uint32) (g->nrows + i);
}

static uint32
find(uint32 *parent, uint32 i)
{
	while (parent[i] != i)
	{
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* Returns the root. */
static uint32
build(Dendrogram *g, Size nrows, const EgEdge *edges)
{
	uint32	   *parent = huge(nrows, sizeof(uint32));
	uint32	   *node = huge(nrows, sizeof(uint32));
	uint32		root = 0;
	Size		i;

	g->nrows = nrows;
	g->nnodes = 0;
	g->height = huge(nrows, sizeof(double));
	g->size = huge(nrows, sizeof(uint32));
	g->least = huge(nrows, sizeof(uint32));
	g->first = huge(nrows, sizeof(uint32));
	g->last = huge(nrows, sizeof(uint32));
	g->next = huge(2 * nrows, sizeof(uint32));
	for (i = 0; i < 2 * nrows; i++)
		g->next[i] = EG_NO_ROW;
	for (i = 0; i < nrows; i++)
		parent[i] = node[i] = (uint32) i;
	for (i = 0; i + 1 < nrows; i++)
	{
		uint32		a = find(parent, edges[i].a);
		uint32		b = find(parent, edges[i].b);

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (size_of(g, node[a]) < size_of(g, node[b]))
		{
			uint32		swap = a;

			a = b;
			b = swap;
		}
		parent[b] = a;
		node[a] = root = join(g, node[a], node[b], edges[i].length);
	}
	pfree(parent);
	pfree(node);
	return root;
}

/* ---------------- coming apart ---------------- */

typedef struct Part
{
	uint32		node;
	uint32		cluster;
} Part;

typedef struct Condensing
{
	Dendrogram	g;
	EgCondensed *t;
	Size		min_size;
	uint32	   *stack;			/* nodes whose rows leave */
	Part	   *parts;			/* larger nodes that are still to come apart */
	Size		nparts;
	Part	   *larger;			/* children of one node */
} Condensing;

/* All rows below a node leave the cluster. */
static void
leave(Condensing *c, uint32 node, uint32 cluster, double density)
{
	const Dendrogram *g = &c->g;
	Size		n = 0;

	c->stack[n++] = node;
	while (n > 0)
	{
		uint32		at = c->stack[--n];
		uint32		child;

		if (at < g->nrows)
		{
			c->t->last[at] = cluster;
			c->t->density[at] = density;
			continue;
		}
		for (child = g->first[at - g->nrows]; child != EG_NO_ROW; child = g->next[child])
			c->stack[n++] = child;
	}
}

static uint32
begin(EgCondensed *t, int32 parent, uint32 size, double birth)
{
	EgCluster  *cluster = &t->cluster[t->nclusters];

	memset(cluster, 0, sizeof(EgCluster));
	cluster->parent = parent;
	cluster->size = size;
	cluster->birth = birth;
	cluster->label = cluster->within = -1;
	return t->nclusters++;
}

static int
compare_parts(const void *x, const void *y, void *arg)
{
	const Dendrogram *g = arg;
	uint32		a = ((const Part *) x)->node;
	uint32		b = ((const Part *) y)->node;

	if (size_of(g, a) != size_of(g, b))
		return size_of(g, a) > size_of(g, b) ? -1 : 1;
	return least_of(g, a) < least_of(g, b) ? -1 : 1;
}

static void
come_apart(Condensing *c, Part part)
{
	const Dendrogram *g = &c->g;
	Size		i = part.node - g->nrows;
	double		density = 1 / g->height[i];
	Size		nlarger = 0;
	uint32		child;
	Size		j;

	for (child = g->first[i]; child != EG_NO_ROW; child = g->next[child])
	{
		if (size_of(g, child) >= c->min_size)
			c->larger[nlarger++].node = child;
		else
			leave(c, child, part.cluster, density);
	}

	/* their numbers depend on what they are, not on the order of the edges */
	if (nlarger > 1)
		qsort_arg(c->larger, nlarger, sizeof(Part), compare_parts, (void *) g);
	for (j = 0; j < nlarger; j++)
	{
		c->larger[j].cluster = nlarger == 1 ? part.cluster :
			begin(c->t, (int32) part.cluster, size_of(g, c->larger[j].node), density);
		c->parts[c->nparts++] = c->larger[j];
	}
}

/* Sums over rows are in the rows' order, whatever the order in which they left. */
static void
measure(EgCondensed *t)
{
	Size		i;
	int			k;

	for (i = 0; i < t->nrows; i++)
	{
		EgCluster  *cluster = &t->cluster[t->last[i]];

		cluster->stability += t->density[i] - cluster->birth;
		if (isfinite(t->density[i]))
			cluster->death = Max(cluster->death, t->density[i]);
	}
	for (k = 1; k < t->nclusters; k++)
	{
		EgCluster  *parent = &t->cluster[t->cluster[k].parent];

		parent->stability += (t->cluster[k].birth - parent->birth) * t->cluster[k].size;
		parent->death = Max(parent->death, t->cluster[k].birth);
	}
}

EgCondensed *
eg_condense(Size nrows, const EgEdge *edges, Size min_size)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage hierarchy",
												  ALLOCSET_DEFAULT_SIZES);
	EgCondensed *t = palloc0(sizeof(EgCondensed));
	Condensing	c = {0};
	uint32		root;
	Size		most = nrows / min_size + 2;
	Size		done;

	/* each two sets of min_size rows have one node in which they meet */
	t->nrows = nrows;
	t->cluster = huge(2 * most, sizeof(EgCluster));
	t->last = huge(nrows, sizeof(uint32));
	t->density = huge(nrows, sizeof(double));
	MemoryContextSwitchTo(context);
	root = build(&c.g, nrows, edges);
	c.t = t;
	c.min_size = min_size;
	c.stack = huge(2 * nrows, sizeof(uint32));
	c.parts = huge(most, sizeof(Part));
	c.larger = huge(most, sizeof(Part));
	begin(t, -1, (uint32) nrows, 0);
	if (nrows > 1)
	{
		c.parts[c.nparts++].node = root;
		c.parts[0].cluster = 0;
	}
	else
		leave(&c, root, 0, INFINITY);
	for (done = 0; c.nparts > 0; done++)
	{
		if (done % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		come_apart(&c, c.parts[--c.nparts]);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	measure(t);
	return t;
}
