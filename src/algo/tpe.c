/*-------------------------------------------------------------------------
 *
 * tpe.c
 *	  Search for good parameters by a tree of Parzen estimators.
 *
 * The trials so far are parted into the few good ones and the rest.  Each part
 * is smoothed to a density, l(x) and g(x); the expected improvement of a point
 * grows with l(x) / g(x), so candidates are drawn from l, and the one with the
 * largest ratio is tried next.
 *
 * A density is a mixture with a kernel for each trial and a flat one for the
 * prior.  A kernel is a product over the dimensions of a branch (truncated
 * normal for numbers, on the log scale where wanted; most of the mass on its
 * own value for choices), so that combinations that went well together are
 * tried together.
 *
 * Source: J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, "Algorithms for
 * Hyper-Parameter Optimization", NIPS 2011; kernels over several dimensions:
 * S. Falkner, A. Klein, F. Hutter, "BOHB", ICML 2018; width of the kernels:
 * D. W. Scott, "Multivariate Density Estimation", 1992.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/tpe.h"
#include "base/random.h"

/* trials of a branch before its densities say anything */
#define STARTUP				8

/* candidates drawn from l(x) for each suggestion */
#define CANDIDATES			32

/* the good share of the trials, and the most that count as good */
#define GOOD_SHARE			0.1
#define GOOD_MOST			25

/* width of a kernel: WIDTH * n^(-1/(d+4)) of the range, at least NARROWEST */
#define WIDTH				0.15
#define NARROWEST			0.02

/* streams of the key */
#define STREAM_RANDOM		0
#define STREAM_BRANCH		1
#define STREAM_CANDIDATES	2

typedef struct Stream
{
	uint64		key;
	uint64		n;
} Stream;

/* A density over the dimensions of one branch. */
typedef struct Density
{
	int			n;				/* kernels besides the flat one */
	const EgPoint *const *points;	/* (n) */
	double		width;
} Density;

static double
next_unit(Stream *s)
{
	return eg_random_unit(s->key, s->n++);
}

/* Bounds of a dimension on the scale where it is uniform. */
static void
scale_bounds(const EgDim *d, double *low, double *high)
{
	double		half = d->kind == EG_DIM_INT ? 0.5 : 0;

	*low = d->low - half;
	*high = d->high + half;
	if (d->log)
	{
		*low = log(*low);
		*high = log(*high);
	}
}

static double
to_unit(const EgDim *d, double x)
{
	double		low,
				high;

	scale_bounds(d, &low, &high);
	if (!(high > low))
		return 0.5;
	return ((d->log ? log(x) : x) - low) / (high - low);
}

static double
from_unit(const EgDim *d, double u)
{
	double		low,
				high,
				x;

	scale_bounds(d, &low, &high);
	x = low + u * (high - low);
	if (d->log)
		x = exp(x);
	if (d->kind == EG_DIM_INT)
		x = rint(x);
	return Min(Max(x, d->low), d->high);
}

bool
eg_points_equal(const EgSpace *s, const EgPoint *a, const EgPoint *b)
{
	int			j;

	if (a->branch != b->branch)
		return false;
	for (j = 0; j < s->ndims; j++)
	{
		if (s->dims[j].branch == a->branch && !(a->x[j] == b->x[j]))
			return false;
	}
	return true;
}

static bool
tried_before(const EgSpace *s, const EgPoint *history, int n, const EgPoint *p)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (eg_points_equal(s, &history[i], p))
			return true;
	}
	return false;
}

static double
random_value(const EgDim *d, Stream *r)
{
	double		u = next_unit(r);

	if (d->kind == EG_DIM_CHOICE)
		return Min(floor(u * d->nchoices), d->nchoices - 1);
	return from_unit(d, u);
}

static void
random_in_branch(const EgSpace *s, int branch, Stream *r, EgPoint *out)
{
	int			j;

	out->branch = branch;
	out->loss = NAN;
	out->complete = false;
	for (j = 0; j < s->ndims; j++)
		out->x[j] = s->dims[j].branch == branch ? random_value(&s->dims[j], r) : NAN;
}

void
eg_space_random(const EgSpace *s, uint64 key, EgPoint *out)
{
	Stream		r = {eg_random_stream(key, STREAM_RANDOM), 0};
	int			branch = (int) (next_unit(&r) * s->nbranches);

	random_in_branch(s, Min(branch, s->nbranches - 1), &r, out);
}

/* A normal number with deviation width around u, within [0, 1]. */
static double
draw_near(double u, double width, Stream *r)
{
	int			i;

	for (i = 0; i < 64; i++)
	{
		double		a = next_unit(r);
		double		b = next_unit(r);
		double		v = u + width * sqrt(-2 * log(1 - a)) * cos(2 * M_PI * b);

		if (v >= 0 && v <= 1)
			return v;
	}
	return Min(Max(u, 0), 1);
}

/* Mass that a choice's kernel gives to its own value, and to each other. */
static double
choice_mass(const Density *f, const EgDim *d, bool own)
{
	double		prior = 1.0 / (f->n + 1);

	return ((own ? 1 : 0) + prior) / (1 + prior * d->nchoices);
}

static void
draw_candidate(const EgSpace *s, int branch, const Density *f, Stream *r, EgPoint *out)
{
	int			k = (int) (next_unit(r) * (f->n + 1));
	const EgPoint *at = k < f->n ? f->points[k] : NULL;
	int			j;

	out->branch = branch;
	out->loss = NAN;
	out->complete = false;
	for (j = 0; j < s->ndims; j++)
	{
		const EgDim *d = &s->dims[j];

		if (d->branch != branch)
			out->x[j] = NAN;
		else if (at == NULL)
			out->x[j] = random_value(d, r);
		else if (d->kind != EG_DIM_CHOICE)
			out->x[j] = from_unit(d, draw_near(to_unit(d, at->x[j]), f->width, r));
		else if (next_unit(r) < choice_mass(f, d, true) - choice_mass(f, d, false))
			out->x[j] = at->x[j];
		else
			out->x[j] = random_value(d, r);
	}
}

/* Share of a normal distribution around u that lies within [0, 1]. */
static double
mass_inside(double u, double width)
{
	double		s = width * sqrt(2.0);

	return 0.5 * (erf((1 - u) / s) + erf(u / s));
}

static double
log_density(const EgSpace *s, const Density *f, const EgPoint *p)
{
	double		sum = 0;
	int			k,
				j;

	for (k = 0; k <= f->n; k++)
	{
		double		e = 0;

		for (j = 0; j < s->ndims; j++)
		{
			const EgDim *d = &s->dims[j];

			if (d->branch != p->branch)
				continue;
			if (d->kind == EG_DIM_CHOICE)
				e += log(k < f->n ? choice_mass(f, d, f->points[k]->x[j] == p->x[j]) :
						 1.0 / d->nchoices);
			else if (k < f->n)
			{
				double		u = to_unit(d, f->points[k]->x[j]);
				double		z = (to_unit(d, p->x[j]) - u) / f->width;

				e -= 0.5 * z * z +
					log(sqrt(2 * M_PI) * f->width * mass_inside(u, f->width));
			}
		}
		sum += exp(e);
	}
	return log(sum / (f->n + 1));
}

/* Better trials first: complete ones by loss, then the ones given up, then the failed. */
static int
compare_trials(const void *a, const void *b)
{
	const EgPoint *p = *(const EgPoint *const *) a;
	const EgPoint *q = *(const EgPoint *const *) b;
	int			rank_p = isnan(p->loss) ? 2 : !p->complete;
	int			rank_q = isnan(q->loss) ? 2 : !q->complete;

	if (rank_p != rank_q)
		return rank_p - rank_q;
	if (rank_p < 2 && p->loss != q->loss)
		return p->loss < q->loss ? -1 : 1;
	return (p > q) - (p < q);
}

/* How many of n trials are good; those that were given up never are. */
static int
count_good(const EgPoint *const *sorted, int n)
{
	int			ncomplete = 0;
	int			good = Min((int) ceil(GOOD_SHARE * n), GOOD_MOST);

	while (ncomplete < n && sorted[ncomplete]->complete && !isnan(sorted[ncomplete]->loss))
		ncomplete++;
	return Min(good, ncomplete);
}

static int
dims_of_branch(const EgSpace *s, int branch)
{
	int			n = 0;
	int			j;

	for (j = 0; j < s->ndims; j++)
		n += s->dims[j].branch == branch;
	return n;
}

static double
kernel_width(const EgSpace *s, int branch, int n)
{
	return Max(WIDTH * pow(Max(n, 1), -1.0 / (dims_of_branch(s, branch) + 4)), NARROWEST);
}

/*
 * Which branch next?  Every branch is tried STARTUP / 2 times first.  Then it
 * is drawn by its number of good trials, with one more for each: the choice
 * density of Bergstra et al.
 */
static int
choose_branch(const EgSpace *s, const EgPoint *const *sorted, int n, Stream *r)
{
	int			good = count_good(sorted, n);
	int		   *tried = palloc0(sizeof(int) * s->nbranches);
	int		   *won = palloc0(sizeof(int) * s->nbranches);
	int			least = 0;
	int			b,
				i;
	double		u;

	for (i = 0; i < n; i++)
	{
		tried[sorted[i]->branch]++;
		won[sorted[i]->branch] += i < good;
	}
	for (b = 1; b < s->nbranches; b++)
	{
		if (tried[b] < tried[least])
			least = b;
	}
	u = next_unit(r) * (good + s->nbranches);
	for (b = 0; b < s->nbranches - 1; b++)
	{
		u -= won[b] + 1;
		if (u < 0)
			break;
	}

	/* a branch without dimensions has said all it can after its first trial */
	if (tried[least] < (dims_of_branch(s, least) > 0 ? STARTUP / 2 : 1))
		b = least;
	else if (tried[b] > 0 && dims_of_branch(s, b) == 0)
	{
		for (i = 0; i < n && dims_of_branch(s, sorted[i]->branch) == 0; i++)
			;
		b = i < n ? sorted[i]->branch : b;
	}
	pfree(tried);
	pfree(won);
	return b;
}

/* A random point of the branch that is new, if there is one to be found. */
static void
random_new(const EgSpace *s, int branch, const EgPoint *history, int n, Stream *r, EgPoint *out)
{
	int			i;

	for (i = 0; i < 64; i++)
	{
		random_in_branch(s, branch, r, out);
		if (!tried_before(s, history, n, out))
			return;
	}
}

void
eg_tpe_suggest(const EgSpace *s, const EgPoint *history, int n, uint64 key, EgPoint *out)
{
	const EgPoint **sorted = palloc(sizeof(EgPoint *) * Max(n, 1));
	Stream		r = {eg_random_stream(key, STREAM_BRANCH), 0};
	EgPoint		candidate = *out;
	Density		good = {0},
				rest = {0};
	double		best = -INFINITY;
	int			branch,
				m = 0,
				i;

	for (i = 0; i < n; i++)
		sorted[i] = &history[i];
	qsort(sorted, n, sizeof(EgPoint *), compare_trials);
	branch = choose_branch(s, sorted, n, &r);

	/* from here on the trials of this branch alone; a failed one has no place */
	for (i = 0; i < n; i++)
	{
		if (sorted[i]->branch == branch && !isnan(sorted[i]->loss))
			sorted[m++] = sorted[i];
	}
	r.key = eg_random_stream(key, STREAM_CANDIDATES);
	r.n = 0;
	good.n = count_good(sorted, m);
	if (m < STARTUP || good.n == 0)
	{
		random_new(s, branch, history, n, &r, out);
		pfree(sorted);
		return;
	}
	good.points = sorted;
	good.width = kernel_width(s, branch, good.n);
	rest.n = m - good.n;
	rest.points = sorted + good.n;
	rest.width = kernel_width(s, branch, rest.n);

	candidate.x = palloc(sizeof(double) * Max(s->ndims, 1));
	for (i = 0; i < CANDIDATES; i++)
	{
		double		gain;

		draw_candidate(s, branch, &good, &r, &candidate);
		gain = log_density(s, &good, &candidate) - log_density(s, &rest, &candidate);
		if (gain > best && !tried_before(s, history, n, &candidate))
		{
			best = gain;
			out->branch = branch;
			out->loss = NAN;
			out->complete = false;
			memcpy(out->x, candidate.x, sizeof(double) * s->ndims);
		}
	}
	if (isinf(best))
		random_new(s, branch, history, n, &r, out);
	pfree(candidate.x);
	pfree(sorted);
}

/* ----------
 * Grid
 * ----------
 */

static int
grid_points(const EgDim *d)
{
	double		whole = d->high - d->low + 1;

	if (d->kind == EG_DIM_CHOICE)
		return d->nchoices;
	if (d->low == d->high)
		return 1;
	return d->kind == EG_DIM_INT && whole < d->ngrid ? (int) whole : Max(d->ngrid, 2);
}

static double
grid_of_branch(const EgSpace *s, int branch)
{
	double		size = 1;
	int			j;

	for (j = 0; j < s->ndims; j++)
	{
		if (s->dims[j].branch == branch)
			size *= grid_points(&s->dims[j]);
	}
	return size;
}

double
eg_space_grid_size(const EgSpace *s)
{
	double		size = 0;
	int			b;

	for (b = 0; b < s->nbranches; b++)
		size += grid_of_branch(s, b);
	return size;
}

static double
grid_value(const EgDim *d, int k)
{
	int			n = grid_points(d);
	double		t = n > 1 ? (double) k / (n - 1) : 0;
	double		x;

	if (d->kind == EG_DIM_CHOICE)
		return k;
	x = d->log ? exp(log(d->low) + t * (log(d->high) - log(d->low))) :
		d->low + t * (d->high - d->low);
	if (d->kind == EG_DIM_INT)
		x = rint(x);
	return Min(Max(x, d->low), d->high);
}

void
eg_space_grid(const EgSpace *s, uint64 i, EgPoint *out)
{
	int			b = 0;
	int			j;

	while (b < s->nbranches - 1 && i >= (uint64) grid_of_branch(s, b))
		i -= (uint64) grid_of_branch(s, b++);
	out->branch = b;
	out->loss = NAN;
	out->complete = false;
	for (j = 0; j < s->ndims; j++)
	{
		int			n = grid_points(&s->dims[j]);

		out->x[j] = NAN;
		if (s->dims[j].branch != b)
			continue;
		out->x[j] = grid_value(&s->dims[j], (int) (i % n));
		i /= n;
	}
}
