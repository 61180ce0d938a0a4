/*-------------------------------------------------------------------------
 *
 * counterfactual_refine.c
 *	  From some changes that meet the target to the least ones of their kind.
 *
 * Changes that are not needed are taken back, many at once as long as that
 * goes well.  Then each change is made smaller on its own: along the values to
 * try, between the last that fails and the first that does, and at last to a
 * number that is short to write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "eval/counterfactual_private.h"

#define ROUNDS				6
#define PARTS				16	/* an interval is cut into so many at a time */
#define CUTS				6	/* 16 ^ 6 parts of an interval are a float's digits */
#define SHORT				0.001	/* units that a number may be off to be short */
#define DIGITS				4

double
eg_change_cost(const EgChangeFeature *f, float v)
{
	if (eg_same_value(v, f->current))
		return 0;
	if (f->category || isnan(f->current))
		return f->cost;
	return f->cost * fabs((double) v - f->current) / f->unit;
}

void
eg_search_score(EgSearch *s, int n)
{
	CHECK_FOR_INTERRUPTS();
	s->p->f(s->p->arg, s->block, n, s->score);
	s->evaluations += n;
}

bool
eg_search_may(const EgSearch *s, int j, float v)
{
	const EgChangeFeature *f = &s->p->features[j];

	if (!f->allowed || isnan(v) || eg_same_value(v, f->current))
		return false;
	if (f->category)
		return true;
	if (!(v >= f->min && v <= f->max))
		return false;
	return f->direction == 0 || isnan(f->current) ||
		   (f->direction > 0 ? v > f->current : v < f->current);
}

float
eg_search_snap(const EgSearch *s, int j, double v)
{
	const EgChangeFeature *f = &s->p->features[j];

	if (f->category || f->step <= 0)
		return (float) v;
	v = f->base + rint((v - f->base) / f->step) * f->step;
	if (v < f->min)
		v += f->step * ceil((f->min - v) / f->step);
	if (v > f->max)
		v -= f->step * ceil((v - f->max) / f->step);
	return (float) v;
}

int
eg_search_changes(const EgSearch *s, const float *x, double *cost)
{
	int			n = 0;
	int			j;

	*cost = 0;
	for (j = 0; j < s->ncols; j++)
	{
		if (eg_same_value(x[j], s->x0[j]))
			continue;
		n++;
		*cost += s->p->sparsity + eg_change_cost(&s->p->features[j], x[j]);
	}
	return n;
}

bool
eg_search_plausible(const EgSearch *s, const float *x)
{
	int			j;

	if (s->p->plausible == NULL)
		return true;
	for (j = 0; j < s->ncols; j++)
	{
		if (!eg_same_value(x[j], s->x0[j]) && eg_plausible_conflict(s->p->plausible, x, j) >= 0)
			return false;
	}
	return eg_plausible_near(s->p->plausible, x, s->limit + 1e-9);
}

/* How deep within the target a score is; negative outside. */
static double
slack(const EgSearch *s, double score)
{
	double		gap = eg_search_gap(s, score);

	return gap > 0 ? -gap : Min(score - s->p->lo, s->p->hi - score);
}

typedef struct Change
{
	int			feature;
	double		saved;			/* cost */
	double		harm;			/* slack lost by taking it back, for what that saves */
	bool		reached;		/* the target is met without it */
} Change;

static int
by_harm(const void *a, const void *b)
{
	const Change *x = a;
	const Change *y = b;

	if (x->harm != y->harm)
		return x->harm < y->harm ? -1 : 1;
	return x->feature - y->feature;
}

static bool
acceptable(const EgSearch *s, double score, const float *x)
{
	return eg_search_gap(s, score) == 0 && eg_search_plausible(s, x);
}

/* What each change does alone: slack without it. */
static void
measure_changes(EgSearch *s, const float *x, Change *c, int n)
{
	double		with;
	int			done,
				m,
				i;

	memcpy(s->block, x, sizeof(float) * s->ncols);
	eg_search_score(s, 1);
	with = slack(s, s->score[0]);
	for (done = 0; done < n; done += m)
	{
		m = Min(n - done, EG_SEARCH_BLOCK);
		for (i = 0; i < m; i++)
		{
			memcpy(eg_search_row(s, i), x, sizeof(float) * s->ncols);
			eg_search_row(s, i)[c[done + i].feature] = s->x0[c[done + i].feature];
		}
		eg_search_score(s, m);
		for (i = 0; i < m; i++)
		{
			double		without = slack(s, s->score[i]);

			c[done + i].reached = without >= 0;
			c[done + i].harm = (with - without) / c[done + i].saved;
			if (isnan(c[done + i].harm))
				c[done + i].harm = INFINITY;
		}
	}
}

/* Take back as many of the changes as can be, in their order, at once; returns how many. */
static int
take_back_first(EgSearch *s, float *x, const Change *c, int n)
{
	int			top = n - 1;	/* all of them would be the row as it is */
	int			m = Min(top, EG_SEARCH_BLOCK);
	int			i,
				k;

	/* of very many changes, evenly spaced numbers of them */
	for (i = 0; i < m; i++)
	{
		int			take = (int) ((double) (i + 1) * top / m);

		memcpy(eg_search_row(s, i), x, sizeof(float) * s->ncols);
		for (k = 0; k < take; k++)
			eg_search_row(s, i)[c[k].feature] = s->x0[c[k].feature];
	}
	if (m > 0)
		eg_search_score(s, m);
	for (i = m - 1; i >= 0; i--)
	{
		if (acceptable(s, s->score[i], eg_search_row(s, i)))
		{
			memcpy(x, eg_search_row(s, i), sizeof(float) * s->ncols);
			return (int) ((double) (i + 1) * top / m);
		}
	}
	return 0;
}

/* Take back the dearest single change that is not needed. */
static bool
take_back_one(EgSearch *s, float *x, const Change *c, int n)
{
	int			best = -1;
	int			i;

	for (i = 0; i < n; i++)
	{
		float		v = x[c[i].feature];

		if (!c[i].reached || (best >= 0 && c[i].saved <= c[best].saved))
			continue;
		x[c[i].feature] = s->x0[c[i].feature];
		if (eg_search_plausible(s, x))
			best = i;
		x[c[i].feature] = v;
	}
	if (best >= 0)
		x[c[best].feature] = s->x0[c[best].feature];
	return best >= 0;
}

static bool
take_back(EgSearch *s, float *x)
{
	Change	   *c = palloc(sizeof(Change) * s->ncols);
	bool		any = false;

	while (!eg_search_spent(s))
	{
		int			n = 0;
		int			j;

		for (j = 0; j < s->ncols; j++)
		{
			if (eg_same_value(x[j], s->x0[j]))
				continue;
			c[n].feature = j;
			c[n++].saved = s->p->sparsity + eg_change_cost(&s->p->features[j], x[j]) + 1e-9;
		}
		if (n < 2)
			break;
		measure_changes(s, x, c, n);
		qsort(c, n, sizeof(Change), by_harm);
		if (take_back_first(s, x, c, n) == 0 && !take_back_one(s, x, c, n))
			break;
		any = true;
	}
	pfree(c);
	return any;
}

/* Points strictly between a and b on the feature's grid, from a on; returns how many. */
static int
points_between(const EgSearch *s, int j, float a, float b, float *out)
{
	const EgChangeFeature *f = &s->p->features[j];
	int			n = 0;
	int			i;

	for (i = 1; i < PARTS; i++)
	{
		double		v = a + ((double) b - a) * i / PARTS;
		float		point;

		if (f->step > 0)
			v = f->base + rint((v - f->base) / f->step) * f->step;
		point = (float) v;
		if ((point - a) * (b - point) <= 0 || (n > 0 && point == out[n - 1]))
			continue;
		if (eg_search_may(s, j, point))
			out[n++] = point;
	}
	return n;
}

/* Score x with each of the values in feature j; the first that meets the target, -1: none. */
static int
first_reached(EgSearch *s, const float *x, int j, const float *values, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		memcpy(eg_search_row(s, i), x, sizeof(float) * s->ncols);
		eg_search_row(s, i)[j] = values[i];
	}
	if (n > 0)
		eg_search_score(s, n);
	for (i = 0; i < n; i++)
	{
		if (eg_search_gap(s, s->score[i]) == 0)
			return i;
	}
	return -1;
}

/* A number with few digits instead of v, as near and farther from the current one. */
static float
short_number(EgSearch *s, const float *x, int j, float v)
{
	const EgChangeFeature *f = &s->p->features[j];
	double		q = pow(10, floor(log10(SHORT * f->unit)));
	float		shorter[DIGITS];
	int			n = 0;
	int			i;

	for (i = 0; i < DIGITS; i++, q /= 10)
	{
		double		t = v / q;
		float		w;

		if (fabs(t) > 1e15)
			continue;

		/* q below 1 is no float, but its inverse is a whole number */
		t = v > f->current ? ceil(t) : floor(t);
		w = (float) (q < 1 ? t / rint(1 / q) : t * q);
		if (eg_search_may(s, j, w))
			shorter[n++] = w;
	}
	i = first_reached(s, x, j, shorter, n);
	return i >= 0 ? shorter[i] : v;
}

/* From v, which meets the target, toward a, which does not. */
static float
approach(EgSearch *s, const float *x, int j, float a, float v)
{
	float		points[PARTS];
	int			cut;

	for (cut = 0; cut < (s->p->features[j].step > 0 ? 64 : CUTS); cut++)
	{
		int			n = points_between(s, j, a, v, points);
		int			i = first_reached(s, x, j, points, n);

		if (n == 0)
			break;
		if (i > 0)
			a = points[i - 1];
		else if (i < 0)
			a = points[n - 1];
		if (i >= 0)
			v = points[i];
	}
	return s->p->features[j].step > 0 ? v : short_number(s, x, j, v);
}

/* Make the change of feature j smaller, the others staying as they are. */
static bool
make_smaller(EgSearch *s, float *x, int j)
{
	const EgChangeFeature *f = &s->p->features[j];
	float		old = x[j];
	double		cost = eg_change_cost(f, old);
	float		from = f->current; /* the last value on old's side that fails */
	bool		found = false;
	int			i, n = 0, done, m;

	while (n < s->nvalues[j] && eg_change_cost(f, s->value[j][n]) < cost)
		n++;
	for (done = 0; done < n && !found; done += m)
	{
		m = Min(n - done, EG_SEARCH_BLOCK);
		(void) first_reached(s, x, j, s->value[j] + done, m);
		for (i = 0; i < m && !found; i++)
		{
			if (!acceptable(s, s->score[i], eg_search_row(s, i)))
				continue;
			x[j] = s->value[j][done + i];
			n = done + i;
			found = true;
		}
	}
	if (!f->category && !isnan(f->current))
	{
		float		kept = x[j];

		for (i = 0; i < n; i++)
		{
			float		v = s->value[j][i];

			if ((v > f->current) == (x[j] > f->current))
				from = v;
		}
		x[j] = approach(s, x, j, from, kept);
		if (x[j] != kept && !eg_search_plausible(s, x))
			x[j] = kept;
	}
	return x[j] != old;
}

void
eg_search_refine(EgSearch *s, float *x)
{
	int			round;
	int			j;

	for (round = 0; round < ROUNDS && !eg_search_spent(s); round++)
	{
		bool		any = take_back(s, x);

		for (j = 0; j < s->ncols; j++)
		{
			if (!eg_same_value(x[j], s->x0[j]) && make_smaller(s, x, j))
				any = true;
		}
		if (!any)
			break;
	}
}
