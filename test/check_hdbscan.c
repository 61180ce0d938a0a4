/*
 * check_hdbscan.c - hdbscan's searches, spanning tree and hierarchy against comparing all pairs of rows
 *
 * Compiled by check_hdbscan.sh together with the files of src/algo that it tests; prints lines of TAP.
 * With arguments it clusters a file, for test/golden/hdbscan.py and for measuring:
 *	   FILE ROWS COLUMNS MIN_CLUSTER_SIZE MIN_SAMPLES eom|leaf EPSILON THREADS [quiet]
 * FILE holds floats; printed are the tree's length, and for each row label, strength, score, density.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>
#include <sys/resource.h>
#include <time.h>

#include "algo/hdbscan.h"
#include "base/parallel.h"
#include "base/random.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#undef printf
#undef fprintf
#undef snprintf
#undef qsort

/* ---------------- what the files need of the server ---------------- */

volatile sig_atomic_t InterruptPending;
sigjmp_buf *PG_exception_stack;
ErrorContextCallback *error_context_stack;
MemoryContext CurrentMemoryContext;

void
ProcessInterrupts(void)
{
}

void
check_stack_depth(void)
{
}

void
before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
}

void
cancel_before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
}

void *
palloc(Size n)
{
	return malloc(n);
}

void *
palloc0(Size n)
{
	return calloc(1, n);
}

void *
palloc_extended(Size n, int flags)
{
	return flags & MCXT_ALLOC_ZERO ? calloc(1, n) : malloc(n);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size n)
{
	return malloc(n);
}

void
pfree(void *p)
{
	free(p);
}

/* contexts are not freed, only counted out of the measurement by what malloc never touches */
MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size a, Size b, Size c)
{
	return NULL;
}

void
MemoryContextDelete(MemoryContext context)
{
}

Size
mul_size(Size a, Size b)
{
	return a * b;
}

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

void
qsort_arg(void *base, size_t n, size_t size, qsort_arg_comparator compare, void *arg)
{
	qsort_r(base, n, size, compare, arg);
}

bool
errstart(int level, const char *domain)
{
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return true;
}

void
errfinish(const char *file, int line, const char *function)
{
	fprintf(stderr, "error in %s, line %d\n", file, line);
	exit(2);
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	return 0;
}

int
errhint(const char *format,...)
{
	return 0;
}

void
pg_re_throw(void)
{
	exit(2);
}

void
eg_step(EgRun *run, int done, int total, const char *metric, double value)
{
}

/* ---------------- all pairs ---------------- */

static double
square(const float *x, Size a, Size b, int d)
{
	double		sum = 0;
	int			j;

	for (j = 0; j < d; j++)
	{
		double		away = (double) x[a * d + j] - x[b * d + j];

		sum += away * away;
	}
	return sum;
}

static int
by_number(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static int
by_length(const void *a, const void *b)
{
	return by_number(&((const EgEdge *) a)->length, &((const EgEdge *) b)->length);
}

/* Prim's tree; cores are squares. */
static EgEdge *
plain_span(const float *x, Size n, int d, int k, double *core)
{
	EgEdge	   *edges = malloc(n * sizeof(EgEdge));
	double	   *row = malloc(n * sizeof(double));
	double	   *cost = malloc(n * sizeof(double));
	uint32	   *from = malloc(n * sizeof(uint32));
	bool	   *in = calloc(n, 1);
	Size		at = 0;
	Size		i,
				e;

	for (i = 0; i < n; i++)
	{
		Size		j;

		for (j = 0; j < n; j++)
			row[j] = square(x, i, j, d);
		qsort(row, n, sizeof(double), by_number);
		core[i] = row[Min(k, n) - 1];
		cost[i] = INFINITY;
	}
	in[0] = true;
	for (e = 0; e + 1 < n; e++)
	{
		Size		next = 0;

		for (i = 0; i < n; i++)
		{
			double		c = Max(Max(square(x, at, i, d), core[i]), core[at]);

			if (!in[i] && c < cost[i])
			{
				cost[i] = c;
				from[i] = (uint32) at;
			}
			if (!in[i] && (in[next] || cost[i] < cost[next]))
				next = i;
		}
		edges[e].length = sqrt(cost[next]);
		edges[e].a = from[next];
		edges[e].b = (uint32) next;
		in[next] = true;
		at = next;
	}
	qsort(edges, n - 1, sizeof(EgEdge), by_length);
	free(row);
	free(cost);
	free(from);
	free(in);
	return edges;
}

/* ---------------- the files under test ---------------- */

typedef struct Result
{
	EgReach    *reach;
	EgEdge	   *edges;
	EgCondensed *tree;
} Result;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static Result
cluster(const float *x, Size n, int d, int min_size, int k, const EgSelection *how, int threads,
		bool tell)
{
	EgRun		run = {0};
	EgNear	   *near = eg_near_create(n, d, false);
	Result		r;
	double		start = seconds();
	double		now;
	Size		i;

	run.threads = threads;
	run.memory_limit = (Size) 1 << 34;
	for (i = 0; i < n; i++)
		eg_near_put(near, i, x + i * d);
	eg_near_arrange(near, &run);
	eg_near_boxes(near);
	r.reach = eg_reach_create(near);
	r.reach->core = malloc(n * sizeof(double));
#define TELL(what) \
	if (tell) \
	{ \
		now = seconds(); \
		fprintf(stderr, "%s %.2f s  ", what, now - start); \
		start = now; \
	}
	TELL("rows");
	eg_span_cores(r.reach, k, &run);
	TELL("cores");
	r.edges = eg_span(r.reach, &run);
	TELL("tree");
	r.tree = eg_condense(n, r.edges, min_size);
	eg_select(r.tree, how);
	TELL("hierarchy");
	return r;
}

static double
length_of(const EgEdge *edges, Size n)
{
	double		sum = 0;
	Size		i;

	for (i = 0; i + 1 < n; i++)
		sum += edges[i].length;
	return sum;
}

static int
file_mode(int argc, char **argv)
{
	Size		n = strtoul(argv[2], NULL, 10);
	int			d = atoi(argv[3]);
	float	   *x = malloc(n * d * sizeof(float));
	FILE	   *f = fopen(argv[1], "rb");
	EgSelection how = {0};
	double	   *line;
	struct rusage usage;
	Result		r;
	Size		i;

	if (f == NULL || fread(x, sizeof(float) * d, n, f) != n)
	{
		fprintf(stderr, "cannot read %s\n", argv[1]);
		return 2;
	}
	fclose(f);
	how.leaves = strcmp(argv[6], "leaf") == 0;
	how.epsilon = atof(argv[7]);
	r = cluster(x, n, d, atoi(argv[4]), atoi(argv[5]), &how, atoi(argv[8]), true);
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "%ld MB  %d clusters\n", usage.ru_maxrss / 1024, r.tree->nlabels);
	printf("%.17g\n", length_of(r.edges, n));
	if (argc > 9)
		return 0;
	line = malloc(n * 4 * sizeof(double));
	for (i = 0; i < n; i++)
	{
		double	   *to = line + r.reach->near->row[i] * 4;

		to[0] = eg_membership(r.tree, r.tree->last[i], r.tree->density[i], &to[1]);
		to[2] = eg_glosh(r.tree, r.tree->last[i], r.tree->density[i]);
		to[3] = r.tree->density[i];
	}
	for (i = 0; i < n; i++)
		printf("%d %.17g %.17g %.17g\n", (int) line[i * 4], line[i * 4 + 1], line[i * 4 + 2],
			   line[i * 4 + 3]);
	return 0;
}

/* ---------------- trials ---------------- */

static int	tests = 0;
static int	failed = 0;

static void
ok(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, what);
	failed += !good;
}

enum {BLOBS, UNIFORM, GRID, EQUAL, HUGE_VALUES, NKINDS};

static float *
make(int kind, Size n, int d, uint64 seed)
{
	float	   *x = malloc(n * d * sizeof(float));
	Size		i;
	int			j;

	for (i = 0; i < n * d; i++)
	{
		uint64		which = eg_random_below(seed, 5 * (i / d), 5);
		double		u = eg_random_unit(seed, 5 * i + 1);
		double		normal = sqrt(-2 * log(1 - u)) * cos(6.283185307179586 *
														  eg_random_unit(seed, 5 * i + 2));

		j = (int) (i % d);
		x[i] = kind == GRID ? floor(u * 4) : kind == EQUAL ? 3 :
			kind == HUGE_VALUES ? (u - 0.5) * 2e15 :
			kind == UNIFORM || which == 4 ? u * 10 :
			eg_random_unit(which + 77, j) * 10 + normal * (0.2 + 0.2 * which);
	}
	return x;
}

/* Labels, strengths and scores, in the rows' own order. */
static double *
answers(const Result *r, const uint32 *row)
{
	Size		n = r->tree->nrows;
	double	   *out = malloc(n * 3 * sizeof(double));
	Size		i;

	for (i = 0; i < n; i++)
	{
		double	   *to = out + row[i] * 3;

		to[0] = eg_membership(r->tree, r->tree->last[i], r->tree->density[i], &to[1]);
		to[2] = eg_glosh(r->tree, r->tree->last[i], r->tree->density[i]);
	}
	return out;
}

/* Of a row of the tree's order, and of one between two: core distances and the best to reach. */
static bool
reaches(const Result *r, const float *q, const float *x, int d, int k)
{
	const EgNear *near = r->reach->near;
	Size		n = near->nrows;
	EgFound    *heap = malloc(k * sizeof(EgFound));
	double	   *all = malloc(n * sizeof(double));
	double		cost = INFINITY,
				least = INFINITY;
	Size		best = 0;
	EgFound		found;
	bool		fine;
	Size		i;
	int			j;

	for (i = 0; i < n; i++)
	{
		double		sum = 0;

		for (j = 0; j < d; j++)
		{
			double		away = (double) q[j] - x[near->row[i] * d + j];

			sum += away * away;
		}
		all[i] = sum;
	}
	fine = eg_reach_nearest(near, q, heap, k) == k;
	found = eg_reach_best(r->reach, q, heap[0].square);
	for (i = 0; i < n; i++)
	{
		double		c = Max(Max(all[i], r->reach->core[i]), heap[0].square);

		if (c < cost || (c == cost && all[i] < least))
		{
			cost = c;
			least = all[i];
			best = i;
		}
	}
	qsort(all, n, sizeof(double), by_number);
	fine = fine && all[k - 1] == heap[0].square && found.row == best && found.square == cost;
	free(heap);
	free(all);
	return fine;
}

/* All rows of a cluster leave it, one by one or in its parts; not in more steps than are allowed. */
static bool
adds_up(const EgCondensed *t, int steps)
{
	Size		n;
	EgCondensedRow *rows = eg_condensed_rows(t, steps, &n);
	uint32	   *size = calloc(t->nclusters, sizeof(uint32));
	int		   *leaves = calloc(t->nclusters, sizeof(int));
	bool		fine = true;
	Size		i;
	int			k;

	for (i = 0; i < n; i++)
	{
		size[rows[i].parent] += rows[i].size;
		leaves[rows[i].parent] += rows[i].child < 0;
		fine &= rows[i].density >= t->cluster[rows[i].parent].birth;
		fine &= i == 0 || rows[i - 1].parent < rows[i].parent ||
			(rows[i - 1].parent == rows[i].parent && rows[i - 1].density <= rows[i].density);
	}
	for (k = 0; k < t->nclusters; k++)
		fine &= size[k] == t->cluster[k].size && leaves[k] <= steps;
	free(rows);
	free(size);
	free(leaves);
	return fine;
}

static void
trial(const char *what, int kind, Size n, int d, int k, int min_size)
{
	float	   *x = make(kind, n, d, n * 31 + d);
	float	   *moved = malloc(n * d * sizeof(float));
	double	   *core = malloc(n * sizeof(double));
	EgEdge	   *edges = plain_span(x, n, d, k, core);
	EgSelection how = {0};
	bool		same_cores = true,
				same_lengths = true,
				same_tree = true,
				same_threads,
				same_order = true,
				same_reach = true,
				same_steps;
	char		line[200];
	Result		r = cluster(x, n, d, min_size, k, &how, 1, false);
	Result		t = cluster(x, n, d, min_size, k, &how, 4, false);
	const uint32 *row = r.reach->near->row;
	double	   *one = answers(&r, row);
	double	   *other;
	uint32	   *place = malloc(n * sizeof(uint32));
	Result		p;
	Size		i;

	for (i = 0; i < n; i++)
	{
		same_cores &= r.reach->core[i] == core[row[i]];
		same_lengths &= i + 1 >= n || r.edges[i].length == edges[i].length;
		place[row[i]] = (uint32) i;
	}

	/* the hierarchy of another spanning tree */
	for (i = 0; i + 1 < n; i++)
	{
		edges[i].a = place[edges[i].a];
		edges[i].b = place[edges[i].b];
	}
	p.tree = eg_condense(n, edges, min_size);
	eg_select(p.tree, &how);
	other = answers(&p, row);
	same_tree = memcmp(one, other, n * 3 * sizeof(double)) == 0 &&
		p.tree->nclusters == r.tree->nclusters &&
		memcmp(p.tree->cluster, r.tree->cluster, p.tree->nclusters * sizeof(EgCluster)) == 0;
	free(other);
	other = answers(&t, row);
	same_threads = memcmp(one, other, n * 3 * sizeof(double)) == 0;
	free(other);

	/* rows in another order; labels of equal size may change places, sums of rounded numbers may not */
	for (i = 0; i < n; i++)
		memcpy(moved + (i * 7 + 3) % n * d, x + i * d, d * sizeof(float));
	if (n % 7 != 0)
	{
		p = cluster(moved, n, d, min_size, k, &how, 2, false);
		other = answers(&p, p.reach->near->row);
		for (i = 0; i < n; i++)
		{
			same_order &= (one[i * 3] < 0) == (other[(i * 7 + 3) % n * 3] < 0) &&
				memcmp(&one[i * 3 + 1], &other[(i * 7 + 3) % n * 3 + 1], 2 * sizeof(double)) == 0;
		}
	}

	same_steps = adds_up(r.tree, 1000000) && adds_up(r.tree, 8);
	for (i = 0; i < n; i += n / 20 + 1)
	{
		float		q[100];
		int			j;

		same_reach &= reaches(&r, x + i * d, x, d, Min(k, n));
		for (j = 0; j < d; j++)
			q[j] = (x[i * d + j] + x[(i * 5 + 1) % n * d + j]) / 2;
		same_reach &= reaches(&r, q, x, d, Min(k, n));
	}
	snprintf(line, sizeof(line), "%s, %zu x %d, min_samples %d, min_cluster_size %d: %d clusters of %d%s%s%s%s%s%s%s",
			 what, (size_t) n, d, k, min_size, r.tree->nlabels, r.tree->nclusters,
			 same_cores ? "" : ", other core distances", same_lengths ? "" : ", other lengths",
			 same_tree ? "" : ", other hierarchy", same_threads ? "" : ", other with threads",
			 same_order ? "" : ", other with another order of rows",
			 same_reach ? "" : ", other rows reached", same_steps ? "" : ", steps do not add up");
	ok(same_cores && same_lengths && same_tree && same_threads && same_order && same_reach && same_steps, line);
	free(x);
	free(moved);
	free(core);
	free(edges);
	free(one);
	free(place);
}

int
main(int argc, char **argv)
{
	if (argc > 8)
		return file_mode(argc, argv);
	trial("blobs", BLOBS, 3000, 2, 5, 20);
	trial("blobs", BLOBS, 2500, 10, 10, 25);
	trial("blobs", BLOBS, 1000, 40, 10, 10);
	trial("blobs, single linkage", BLOBS, 1500, 3, 1, 5);
	trial("uniform", UNIFORM, 2000, 8, 10, 5);
	trial("uniform", UNIFORM, 1999, 1, 5, 5);
	trial("grid of ties", GRID, 3000, 3, 10, 20);
	trial("grid of ties", GRID, 2000, 8, 3, 5);
	trial("equal rows", EQUAL, 2000, 2, 10, 50);
	trial("huge values", HUGE_VALUES, 900, 5, 5, 5);
	trial("few rows", BLOBS, 1, 2, 5, 5);
	trial("few rows", BLOBS, 2, 2, 5, 2);
	trial("few rows", BLOBS, 5, 3, 2, 2);
	trial("few rows", BLOBS, 17, 3, 3, 3);
	printf("1..%d\n", tests);
	return failed > 0;
}
