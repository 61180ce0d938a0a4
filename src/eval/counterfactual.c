/*-------------------------------------------------------------------------
 *
 * counterfactual.c
 *	  The smallest changes of a feature vector that bring a function of it into
 *	  an interval.
 *
 * What is small: each change costs its size in units of the feature's spread
 * (Wachter, Mittelstadt and Russell, "Counterfactual Explanations without Opening
 * the Black Box", 2017), another category costs 1, and every changed feature
 * costs `sparsity` besides.  Only scores are asked for, so any function will do.
 *
 *	 1. Few combinations: all of them are scored, and the answer is exact up to the
 *	    grid of values.
 *	 2. Else a beam search adds change to change (counterfactual_beam.c).
 *	 3. Observed rows that meet the target are tried as a whole: they change
 *	    together what has to change together.
 *	 4. Whatever meets the target is refined (counterfactual_refine.c).
 *
 * Several answers change different features (Mothilal, Sharma and Tan, "Explaining
 * Machine Learning Classifiers through Diverse Counterfactual Explanations",
 * 2020): the search is run again without the feature that the answers share.
 * Nothing is random.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "eval/counterfactual_private.h"

#define PROTOTYPES			4
#define MORE_PASSES			2	/* searches beyond one for each answer */
#define WIDER				4	/* the beam, when nothing was found */
#define EXACT				20000	/* combinations that are all tried */

/* ----------
 * Answers
 * ----------
 */

/* Does a contain every feature that b changes? */
static bool
contains(const EgChangeAnswer *a, const EgChangeAnswer *b)
{
	int			i, k = 0;

	for (i = 0; i < b->nchanged; i++)
	{
		while (k < a->nchanged && a->changed[k] < b->changed[i])
			k++;
		if (k == a->nchanged || a->changed[k] != b->changed[i])
			return false;
	}
	return true;
}

/* Keep a row that meets the target, unless some of its changes alone do it as cheaply. */
static void
pool_add(EgSearch *s, const float *x, double score)
{
	EgPool	   *pool = &s->pool;
	EgChangeAnswer a = {0};
	double		total;
	int			i, j, kept = 0, worst;

	if (eg_search_changes(s, x, &total) > s->p->max_changes)
		return;
	for (j = 0; j < s->ncols; j++)
	{
		if (!eg_same_value(x[j], s->x0[j]))
			a.changed[a.nchanged++] = j;
	}
	a.score = score;
	a.cost = total - s->p->sparsity * a.nchanged;
	for (i = 0; i < pool->n; i++)
	{
		if (pool->total[i] <= total && contains(&a, &pool->a[i]))
			return;
	}
	for (i = 0; i < pool->n; i++)
	{
		if (contains(&pool->a[i], &a) && pool->total[i] >= total)
		{
			pfree(pool->a[i].x);
			continue;
		}
		pool->a[kept] = pool->a[i];
		pool->total[kept++] = pool->total[i];
	}
	pool->n = worst = kept;
	if (pool->n == EG_SEARCH_POOL)
	{
		for (i = worst = 0; i < EG_SEARCH_POOL; i++)
		{
			if (pool->total[i] > pool->total[worst])
				worst = i;
		}
		if (pool->total[worst] <= total)
			return;
		pfree(pool->a[worst].x);
	}
	else
		pool->n++;
	a.x = palloc(sizeof(float) * s->ncols);
	memcpy(a.x, x, sizeof(float) * s->ncols);
	pool->a[worst] = a;
	pool->total[worst] = total;
}

/* Refine a row that meets the target and keep the outcome. */
static void
take(EgSearch *s, const float *x)
{
	float	   *y = palloc(sizeof(float) * s->ncols);

	memcpy(y, x, sizeof(float) * s->ncols);
	eg_search_refine(s, y);
	memcpy(s->block, y, sizeof(float) * s->ncols);
	eg_search_score(s, 1);
	if (eg_search_gap(s, s->score[0]) == 0)
		pool_add(s, y, s->score[0]);
	pfree(y);
}

double
eg_search_bound(const EgSearch *s)
{
	double		best[EG_ANSWERS_MAX];
	int			n = 0;
	int			i,
				k;

	if (s->pool.n < s->p->nanswers)
		return INFINITY;
	for (i = 0; i < s->pool.n; i++)
	{
		for (k = Min(n, s->p->nanswers - 1); k > 0 && best[k - 1] > s->pool.total[i]; k--)
			best[k] = best[k - 1];
		if (k < n && best[k] <= s->pool.total[i])
			continue;
		best[k] = s->pool.total[i];
		n = Min(n + 1, s->p->nanswers);
	}
	return best[s->p->nanswers - 1];
}

void
eg_search_take_found(EgSearch *s, EgStates *found)
{
	int			i;

	for (i = 0; i < found->n && !eg_search_spent(s); i++)
	{
		if (found->s[i].least < eg_search_bound(s))
			take(s, found->s[i].x);
	}
	found->n = 0;
}

/* ----------
 * Values
 * ----------
 */

/* All numbers fill a gap at the same cost: the typical one goes first. */
static double
order_of(const EgChangeFeature *f, float v)
{
	if (isnan(f->current) && !f->category)
		return fabs((double) v - f->typical);
	return eg_change_cost(f, v);
}

static int
by_cost(const void *a, const void *b, void *arg)
{
	const EgChangeFeature *f = arg;
	float		x = *(const float *) a;
	float		y = *(const float *) b;
	double		cx = order_of(f, x);
	double		cy = order_of(f, y);

	if (cx != cy)
		return cx < cy ? -1 : 1;
	return (x > y) - (x < y);
}

/* The values that each feature may take, the nearest first. */
static void
collect_values(EgSearch *s)
{
	int			j,
				k,
				n;

	for (j = 0; j < s->ncols; j++)
	{
		const EgChangeFeature *f = &s->p->features[j];
		float	   *v;

		s->nvalues[j] = n = 0;
		if (!f->allowed)
			continue;
		v = palloc(sizeof(float) * (f->ncandidates + 8));
		for (k = 0; k < f->ncandidates; k++)
			v[n++] = eg_search_snap(s, j, f->candidates[k]);
		if (!f->category && isfinite(f->min))
			v[n++] = eg_search_snap(s, j, f->min);
		if (!f->category && isfinite(f->max))
			v[n++] = eg_search_snap(s, j, f->max);
		for (k = -3; k <= 3 && f->step > 0 && !f->category && !isnan(f->current); k++)
		{
			if (k != 0)
				v[n++] = eg_search_snap(s, j, f->current + k * f->step);
		}
		qsort_arg(v, n, sizeof(float), by_cost, (void *) f);
		s->value[j] = v;
		for (k = 0; k < n; k++)
		{
			if (eg_search_may(s, j, v[k]) && (s->nvalues[j] == 0 || v[s->nvalues[j] - 1] != v[k]))
				v[s->nvalues[j]++] = v[k];
		}
	}
}

/* ----------
 * Observed rows
 * ----------
 */

/* The nearest observed rows that meet the target, with what may not change as it is. */
static void
try_observed(EgSearch *s)
{
	const EgChangeProblem *p = s->p;
	EgStates	found;
	EgState		state = {0};
	int			done,
				m,
				i,
				j;

	eg_states_init(&found, PROTOTYPES, 1, s->ncols);
	for (done = 0; done < p->nobserved && !eg_search_spent(s); done += m)
	{
		m = Min(p->nobserved - done, EG_SEARCH_BLOCK);
		for (i = 0; i < m; i++)
		{
			const float *row = p->observed + (done + i) * (Size) s->ncols;

			memcpy(eg_search_row(s, i), s->x0, sizeof(float) * s->ncols);
			for (j = 0; j < s->ncols; j++)
			{
				float		v = isnan(row[j]) ? row[j] : eg_search_snap(s, j, row[j]);

				if (!s->banned[j] && eg_search_may(s, j, v))
					eg_search_row(s, i)[j] = v;
			}
		}
		eg_search_score(s, m);
		for (i = 0; i < m; i++)
		{
			state.x = eg_search_row(s, i);
			state.n = eg_search_changes(s, state.x, &state.cost);
			state.features = (uint64) (done + i);
			eg_search_rank(s, &state, s->score[i]);
			if (state.n > 0 && state.gap == 0)
				eg_search_offer(s, &state, &found, &found);
		}
	}
	eg_search_take_found(s, &found);
}

/* ----------
 * All combinations
 * ----------
 */

/* Are the combinations of at most max_changes values few enough to try them all? */
static bool
few_combinations(const EgSearch *s)
{
	double		ways[EG_CHANGES_MAX + 1] = {1};
	double		limit = Min(EXACT, s->p->max_evaluations / 2);
	double		total = 0;
	int			j,
				k;

	for (j = 0; j < s->ncols; j++)
	{
		for (k = s->p->max_changes; k > 0; k--)
			ways[k] += ways[k - 1] * s->nvalues[j];
		for (k = 1, total = 0; k <= s->p->max_changes; k++)
			total += ways[k];
		if (total > limit)
			return false;
	}
	return total > 0;
}

/* Score what is in the block; what meets the target is kept. */
static void
flush_combinations(EgSearch *s, int *n)
{
	int			i;

	if (*n > 0)
		eg_search_score(s, *n);
	for (i = 0; i < *n; i++)
	{
		const float *x = eg_search_row(s, i);
		double		gap = eg_search_gap(s, s->score[i]);

		if (gap > 0 && gap >= s->nearest_gap)
			continue;
		if (!eg_search_plausible(s, x))
			continue;
		if (gap < s->nearest_gap)
		{
			s->nearest_gap = gap;
			s->nearest = s->score[i];
		}
		if (gap == 0)
			pool_add(s, x, s->score[i]);
	}
	*n = 0;
}

static void
combine(EgSearch *s, float *x, int from, int changes, int *n)
{
	int			j,
				k;

	for (j = from; j < s->ncols && changes < s->p->max_changes; j++)
	{
		for (k = 0; k < s->nvalues[j]; k++)
		{
			x[j] = s->value[j][k];
			memcpy(eg_search_row(s, (*n)++), x, sizeof(float) * s->ncols);
			if (*n == EG_SEARCH_BLOCK)
				flush_combinations(s, n);
			combine(s, x, j + 1, changes + 1, n);
		}
		x[j] = s->x0[j];
	}
}

static void
try_all(EgSearch *s)
{
	float	   *x = palloc(sizeof(float) * s->ncols);
	EgPool	   *coarse = palloc(sizeof(EgPool));
	int			n = 0;
	int			i;

	memcpy(x, s->x0, sizeof(float) * s->ncols);
	combine(s, x, 0, 0, &n);
	flush_combinations(s, &n);

	/* between the values of the grid there are cheaper ones */
	*coarse = s->pool;
	s->pool.n = 0;
	for (i = 0; i < coarse->n; i++)
		take(s, coarse->a[i].x);
	pfree(coarse);
	pfree(x);
}

/* ----------
 * Several answers
 * ----------
 */

/* Share of the features of two answers that both change. */
static double
alike(const EgChangeAnswer *a, const EgChangeAnswer *b)
{
	int			both = 0;
	int			i,
				k;

	for (i = 0; i < a->nchanged; i++)
		for (k = 0; k < b->nchanged; k++)
			both += a->changed[i] == b->changed[k];
	return (double) both / Max(a->nchanged + b->nchanged - both, 1);
}

/* Choose: the cheapest first, then cheap ones that are unlike those chosen. */
static int
choose_answers(const EgSearch *s, EgChangeAnswer *out)
{
	const EgPool *pool = &s->pool;
	bool		used[EG_SEARCH_POOL] = {0};
	int			n = 0;
	int			i,
				k;

	while (n < s->p->nanswers)
	{
		double		best = INFINITY;
		int			at = -1;

		for (i = 0; i < pool->n; i++)
		{
			double		likeness = 0;

			if (used[i])
				continue;
			for (k = 0; k < n; k++)
				likeness = Max(likeness, alike(&pool->a[i], &out[k]));
			if (pool->total[i] * (1 + likeness) < best)
			{
				best = pool->total[i] * (1 + likeness);
				at = i;
			}
		}
		if (at < 0)
			break;
		used[at] = true;
		out[n++] = pool->a[at];
	}
	return n;
}

/* The feature that most of the answers change, not banned yet; -1: none that two share. */
static int
shared_feature(const EgSearch *s, const EgChangeAnswer *a, int n)
{
	int			best = -1;
	int			most = n > 1 ? 1 : 0;
	int			i,
				k,
				m;

	for (i = 0; i < n; i++)
	{
		for (k = 0; k < a[i].nchanged; k++)
		{
			int			count = 0;

			for (m = 0; m < n; m++)
			{
				int			c;

				for (c = 0; c < a[m].nchanged; c++)
					count += a[m].changed[c] == a[i].changed[k];
			}
			if (count > most && !s->banned[a[i].changed[k]])
			{
				most = count;
				best = a[i].changed[k];
			}
		}
	}
	return best;
}

static void
search_heuristically(EgSearch *s)
{
	EgChangeAnswer chosen[EG_ANSWERS_MAX];
	int			pass;

	eg_search_moves(s);
	for (pass = 0; pass < s->p->nanswers + MORE_PASSES && !eg_search_spent(s); pass++)
	{
		int			n = choose_answers(s, chosen);
		int			ban = shared_feature(s, chosen, n);

		if (pass > 0 && (ban < 0 || n == 0))
			break;
		if (pass > 0)
			s->banned[ban] = true;
		eg_search_beam(s, 1);
		if (pass == 0 || n < s->p->nanswers)
			try_observed(s);

		/* before saying that there is none */
		if (pass == 0 && s->pool.n == 0)
			eg_search_beam(s, WIDER);
	}
}

EgChangeResult *
eg_counterfactual(const EgChangeProblem *p)
{
	EgChangeResult *r = palloc0(sizeof(EgChangeResult));
	EgSearch   *s = palloc0(sizeof(EgSearch));
	Size		block = EG_SEARCH_BLOCK * (Size) Max(p->nfeatures, 1);
	int			j;

	s->p = p;
	s->ncols = p->nfeatures;
	s->x0 = palloc(sizeof(float) * Max(s->ncols, 1));
	s->value = palloc0(sizeof(float *) * Max(s->ncols, 1));
	s->nvalues = palloc0(sizeof(int) * Max(s->ncols, 1));
	s->block = palloc_extended(sizeof(float) * block, MCXT_ALLOC_HUGE);
	s->score = palloc(sizeof(double) * EG_SEARCH_BLOCK);
	s->banned = palloc0(sizeof(bool) * Max(s->ncols, 1));
	for (j = 0; j < s->ncols; j++)
		s->x0[j] = p->features[j].current;

	memcpy(s->block, s->x0, sizeof(float) * s->ncols);
	eg_search_score(s, 1);
	r->before = s->before = s->nearest = s->score[0];
	s->nearest_gap = eg_search_gap(s, s->before);
	r->answers = palloc(sizeof(EgChangeAnswer) * p->nanswers);
	if (s->nearest_gap > 0)
	{
		if (p->plausible)
			s->limit =
				Max(eg_plausible_limit(p->plausible), eg_plausible_distance(p->plausible, s->x0));
		collect_values(s);
		r->exact = few_combinations(s);
		if (r->exact)
			try_all(s);
		else
			search_heuristically(s);
		r->nanswers = choose_answers(s, r->answers);
	}
	r->nearest = r->nanswers > 0 ? r->answers[0].score : s->nearest;
	r->evaluations = s->evaluations;
	return r;
}
