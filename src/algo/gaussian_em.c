/*-------------------------------------------------------------------------
 *
 * gaussian_em.c
 *	  Mixtures of normal distributions, fitted by expectation-maximization.
 *
 * One pass over the rows does both steps: a row's probability of each component
 * is at once added to the component's sums, of differences from its present mean,
 * so that nothing cancels.  Nothing is kept of a row.  It begins with the clusters
 * of k-means.  Blocks of rows are added up in their order: the number of threads
 * changes nothing.
 *
 * Sources: A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum Likelihood from
 * Incomplete Data via the EM Algorithm", Journal of the Royal Statistical Society
 * B 39, 1977; G. J. McLachlan, D. Peel, "Finite Mixture Models", Wiley 2000.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/gaussian_em.h"
#include "algo/kmeans.h"
#include "base/compat.h"
#include "base/linalg.h"
#include "base/parallel.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MAX_TASKS		16
#define MIN_TASK_ROWS	512
#define THREAD_WORK		1e6		/* multiplications that make a thread worth starting */

/* Sums of a block: weight (k), differences (k, d), their products (squares) */
typedef struct Pass
{
	const EgMixtureSpec *spec;
	EgMixture  *m;
	int			ntasks;
	Size		task_rows;
	Size		stride;			/* doubles of a block */
	double	   *sums;			/* (ntasks, stride) */
	double	   *likelihood;		/* (ntasks) */
	int32	   *label;			/* (n): the most likely component; or NULL */
	const int32 *given;			/* (n): rows belong to these, whatever their density; or NULL */
} Pass;

static void *
huge(Size n)
{
	return palloc_extended(Max(n, 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---------------- a pass over the rows ---------------- */

/* A row's difference from the mean into the component's sums. */
static void
add_row(const EgMixture *m, int c, const double *z, double share, double *sums)
{
	int			d = m->d;
	double	   *restrict first = sums + m->k + (Size) c * d;
	int			i;
	int			j;

	sums[c] += share;
	for (j = 0; j < d; j++)
		first[j] += share * z[j];
	if (eg_has_matrix(m->kind))
	{
		double	   *restrict to = sums + m->k + (Size) m->k * d +
			(m->kind == EG_COV_FULL ? (Size) c * d * d : 0);

		for (i = 0; i < d; i++, to += d)
		{
			double		v = share * z[i];

			for (j = 0; j <= i; j++)
				to[j] += v * z[j];
		}
	}
	else
	{
		double	   *restrict to = sums + m->k + (Size) m->k * d + (Size) c * d;

		for (j = 0; j < d; j++)
			to[j] += share * z[j] * z[j];
	}
}

static void *
pass_start(void *arg, EgWorker *w)
{
	const Pass *p = arg;

	return eg_arena_alloc(w->own, ((Size) p->m->k * (p->m->d + 1) + 1) * sizeof(double));
}

static void *
pass_task(void *arg, EgWorker *w, int task)
{
	const Pass *p = arg;
	const EgMixture *m = p->m;
	const EgMixtureSpec *spec = p->spec;
	double	   *share = w->state;
	double	   *z = share + m->k;
	double	   *sums = p->sums + task * p->stride;
	double		likelihood = 0;
	Size		to = Min(spec->n, (task + 1) * p->task_rows);
	Size		i;
	int			c;

	memset(sums, 0, p->stride * sizeof(double));
	for (i = task * p->task_rows; i < to; i++)
	{
		const float *x = spec->x + i * m->d;
		double		weight = spec->weight != NULL ? spec->weight[i] : 1;
		int			best = 0;

		if (i % 64 == 0 && eg_worker_stop(w))
			return NULL;
		for (c = 0; c < m->k; c++)
			share[c] = eg_mixture_log_density(m, c, x, z + (Size) c * m->d);
		likelihood += weight * eg_mixture_normalize(share, m->k);
		for (c = 0; c < m->k; c++)
		{
			double		s = p->given != NULL ? c == p->given[i] : share[c];

			if (share[c] > share[best])
				best = c;
			if (s > 0)
				add_row(m, c, z + (Size) c * m->d, weight * s, sums);
		}
		if (p->label != NULL)
			p->label[i] = best;
	}
	p->likelihood[task] = likelihood;
	return sums;
}

static void
pass_done(void *arg, int i, void *result)
{
}

/* Sums of all rows into the first block's; returns the log-likelihood. */
static double
pass(Pass *p)
{
	const EgMixtureSpec *spec = p->spec;
	double		work = (double) spec->n * p->m->k * p->m->d *
		(eg_has_matrix(p->m->kind) ? p->m->d : 2);
	EgTeamSpec	team = {0};
	double		likelihood = 0;
	int			t;
	Size		j;

	team.what = "fitting a mixture";
	team.threads = (int) Max(1, Min(spec->threads, work / THREAD_WORK));
	team.ntasks = p->ntasks;
	team.memory_limit = spec->memory_limit;
	team.arg = p;
	team.start = pass_start;
	team.task = pass_task;
	team.done = pass_done;
	eg_team_run(&team);
	for (t = 0; t < p->ntasks; t++)
	{
		likelihood += p->likelihood[t];
		for (j = 0; j < p->stride && t > 0; j++)
			p->sums[j] += p->sums[t * p->stride + j];
	}
	return likelihood;
}

/* ---------------- what follows from the sums ---------------- */

/* Inverse of a lower triangle, in place. */
static void
invert_lower(double *l, int n)
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < n; i++)
	{
		double	   *row = l + (Size) i * n;
		double		own = 1 / row[i];

		for (j = 0; j < i; j++)
		{
			double		sum = 0;

			for (k = j; k < i; k++)
				sum += row[k] * l[(Size) k * n + j];
			row[j] = -sum * own;
		}
		row[i] = own;
	}
}

static void pg_attribute_noreturn()
not_positive(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("the covariance of a component is not positive definite"),
			 errdetail("Its rows are too alike for single precision."),
			 errhint("Raise \"reg_covar\", choose fewer components, or another \"covariance\".")));
}

/* A covariance, lower triangle (d, d), to what is stored of it. */
static void
to_factor(double *cov, int d)
{
	if (eg_cholesky(cov, d, 1e-15, NULL) < d)
		not_positive();
	invert_lower(cov, d);
}

/* Weights, means and covariances from the sums, which are used up. */
static void
maximize(Pass *p)
{
	EgMixture  *m = p->m;
	int			k = m->k;
	int			d = m->d;
	double	   *first = p->sums + k;
	double	   *second = first + (Size) k * d;
	double		total = 0;
	int			c;
	int			i;
	int			j;

	for (c = 0; c < k; c++)
		total += p->sums[c];
	for (c = 0; c < k; c++)
	{
		/* a component that no row is in keeps a trace of weight, as in scikit-learn */
		double		n = Max(p->sums[c], 10 * DBL_EPSILON);
		double	   *delta = first + (Size) c * d;
		double	   *cov = m->kind == EG_COV_TIED ? second :
			second + (Size) c * d * (m->kind == EG_COV_FULL ? d : 1);
		double		mean_variance = 0;

		m->weight[c] = n / total;
		for (j = 0; j < d; j++)
		{
			delta[j] /= n;
			m->mean[(Size) c * d + j] += delta[j];
		}
		for (i = 0; i < d && m->kind == EG_COV_FULL; i++)
		{
			for (j = 0; j <= i; j++)
				cov[i * d + j] = cov[i * d + j] / n - delta[i] * delta[j];
			cov[i * d + i] += p->spec->regularization;
		}
		for (i = 0; i < d && m->kind == EG_COV_TIED; i++)
		{
			for (j = 0; j <= i; j++)
				cov[i * d + j] -= n * delta[i] * delta[j];
		}
		for (j = 0; j < d && !eg_has_matrix(m->kind); j++)
		{
			double		v = Max(cov[j] / n - delta[j] * delta[j], 0) + p->spec->regularization;

			if (!(v > 0))
				not_positive();
			mean_variance += v / d;
			if (m->kind == EG_COV_DIAG)
				m->factor[(Size) c * d + j] = 1 / sqrt(v);
		}
		if (m->kind == EG_COV_SPHERICAL)
			m->factor[c] = d > 0 ? 1 / sqrt(mean_variance) : 1;
		if (m->kind == EG_COV_FULL)
		{
			to_factor(cov, d);
			memcpy(m->factor + (Size) c * d * d, cov, (Size) d * d * sizeof(double));
		}
	}
	if (m->kind == EG_COV_TIED)
	{
		for (i = 0; i < d; i++)
		{
			for (j = 0; j <= i; j++)
				second[i * d + j] /= total;
			second[i * d + i] += p->spec->regularization;
		}
		to_factor(second, d);
		memcpy(m->factor, second, (Size) d * d * sizeof(double));
	}
	eg_mixture_finish(m);
}

/* ---------------- a fit ---------------- */

/* Clusters of k-means as a start: their means, and unit covariance until the first pass. */
static void
begin(Pass *p, const EgMixtureSpec *spec, uint64 key)
{
	EgKmeansSpec clusters = {0};
	EgKmeans   *r;
	EgMixture  *m;
	Size		values;
	Size		i;

	clusters.x = spec->x;
	clusters.n = spec->n;
	clusters.d = spec->d;
	clusters.weight = spec->weight;
	clusters.k = (int) Min((Size) spec->k, spec->n);
	clusters.n_init = 1;
	clusters.max_iter = 300;
	clusters.tol = 1e-4;
	clusters.seed = key;
	clusters.threads = spec->threads;
	clusters.memory_limit = spec->memory_limit;
	clusters.run = spec->run;
	r = eg_kmeans_run(&clusters);

	m = p->m = eg_mixture_create(spec->kind, r->k, spec->d);
	values = eg_mixture_factors(spec->kind, r->k, spec->d);
	memcpy(m->mean, r->center, (Size) r->k * spec->d * sizeof(double));
	for (i = 0; i < r->k; i++)
		m->weight[i] = 1.0 / r->k;
	for (i = 0; i < values; i++)
		m->factor[i] = !eg_has_matrix(spec->kind) || (i / spec->d) % spec->d == i % spec->d ? 1 : 0;
	eg_mixture_finish(m);
	p->given = r->label;
	p->stride = r->k + (Size) r->k * spec->d +
		(eg_has_matrix(spec->kind) ? values : (Size) r->k * spec->d);
	p->sums = huge(p->ntasks * p->stride);
	p->likelihood = huge(p->ntasks);
}

typedef struct Order
{
	int			from;
	double		size;
	double		weight;
} Order;

static int
by_size(const void *x, const void *y)
{
	const Order *a = x;
	const Order *b = y;

	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return a->from - b->from;
}

/* Components by the rows they are the most likely of. */
static void
arrange(EgMixtureFit *fit, const EgMixtureSpec *spec)
{
	EgMixture  *old = fit->mixture;
	int			k = old->k;
	int			d = old->d;
	EgMixture  *m = eg_mixture_create(old->kind, k, d);
	Order	   *order = palloc0(k * sizeof(Order));
	int		   *place = palloc(k * sizeof(int));
	Size		each = old->kind == EG_COV_TIED ? 0 : eg_mixture_factors(old->kind, k, d) / k;
	Size		i;
	int			c;

	fit->size = huge(k);
	for (c = 0; c < k; c++)
	{
		order[c].from = c;
		order[c].weight = old->weight[c];
	}
	for (i = 0; i < spec->n; i++)
	{
		double		weight = spec->weight != NULL ? spec->weight[i] : 1;

		order[fit->label[i]].size += weight;
	}
	qsort(order, k, sizeof(Order), by_size);
	if (old->kind == EG_COV_TIED)
		memcpy(m->factor, old->factor, (Size) d * d * sizeof(double));
	for (c = 0; c < k; c++)
	{
		int			from = order[c].from;

		place[from] = c;
		fit->size[c] = order[c].size;
		m->weight[c] = old->weight[from];
		memcpy(m->mean + (Size) c * d, old->mean + (Size) from * d, d * sizeof(double));
		memcpy(m->factor + c * each, old->factor + from * each, each * sizeof(double));
	}
	for (i = 0; i < spec->n; i++)
		fit->label[i] = place[fit->label[i]];
	eg_mixture_finish(m);
	fit->mixture = m;
}

static EgMixtureFit *
fit_once(const EgMixtureSpec *spec, uint64 key)
{
	EgMixtureFit *fit = palloc0(sizeof(EgMixtureFit));
	Pass		p = {0};
	double		before = -INFINITY;
	double		total = 0;
	Size		i;

	for (i = 0; i < spec->n; i++)
		total += spec->weight != NULL ? spec->weight[i] : 1;
	fit->total = total;
	p.spec = spec;
	p.task_rows = Max(MIN_TASK_ROWS, (spec->n + MAX_TASKS - 1) / MAX_TASKS);
	p.ntasks = (int) Max(1, (spec->n + p.task_rows - 1) / p.task_rows);
	eg_check_memory((p.ntasks + 3) * (eg_mixture_factors(spec->kind, spec->k, spec->d) +
									  2 * (Size) spec->k * (spec->d + 1)) * sizeof(double),
					spec->memory_limit, "fitting a mixture");
	begin(&p, spec, key);
	(void) pass(&p);
	maximize(&p);
	p.given = NULL;
	while (fit->iterations < spec->max_iter && !fit->converged)
	{
		double		mean = pass(&p) / total;

		if (spec->run != NULL)
			eg_step(spec->run, fit->iterations, spec->max_iter, NULL, 0);
		maximize(&p);
		fit->converged = fabs(mean - before) < spec->tol;
		before = mean;
		fit->iterations++;
	}
	fit->label = palloc_extended(Max(spec->n, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	p.label = fit->label;
	fit->likelihood = pass(&p);
	fit->mixture = p.m;
	arrange(fit, spec);
	return fit;
}

EgMixtureFit *
eg_mixture_fit(const EgMixtureSpec *spec)
{
	MemoryContext caller = CurrentMemoryContext;
	double		likelihood = -INFINITY;
	uint64		winner = 0;
	int			i;

	/* of several beginnings the best is made again, so that no more than one is kept */
	for (i = 0; i < spec->n_init && spec->n_init > 1; i++)
	{
		MemoryContext context = AllocSetContextCreate(caller, "engage mixture",
													  ALLOCSET_DEFAULT_SIZES);
		EgMixtureFit *fit;

		MemoryContextSwitchTo(context);
		fit = fit_once(spec, eg_random_stream(spec->seed, i));
		if (fit->likelihood > likelihood)
		{
			likelihood = fit->likelihood;
			winner = i;
		}
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
	}
	return fit_once(spec, eg_random_stream(spec->seed, winner));
}
