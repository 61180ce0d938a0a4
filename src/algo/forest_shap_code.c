/*-------------------------------------------------------------------------
 *
 * forest_shap_code.c
 *	  What explaining a row needs beside the trees: points of quadrature,
 *	  states of nodes, rows as tests read them, room to work.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/forest_shap_code.h"
#include "utils/memutils.h"

#define STEPS_LIMIT		100		/* of Newton's method, which needs five */

static void *
array(Size n, Size size)
{
	return palloc_extended(Max(n, 1) * size, MCXT_ALLOC_HUGE);
}

/* ---------------- quadrature ---------------- */

/*
 * Points and weights of Gauss and Legendre: exact for polynomials of a degree
 * below twice the number of points.  Roots of the Legendre polynomial by Newton's
 * method from Chebyshev's angles.
 */
void
eg_shap_rule_make(EgShapRule *rule, int npairs)
{
	int			n = 2 * npairs;
	double	   *rest = (double *) palloc(n * sizeof(double));
	double	   *weight = (double *) palloc(n * sizeof(double));

	for (int i = 0; i < npairs; i++)
	{
		double		x = cos(M_PI * (i + 0.75) / (n + 0.5));
		double		slope = 1;

		for (int step = 0; step < STEPS_LIMIT; step++)
		{
			double		p0 = 1;
			double		p1 = x;
			double		change;

			for (int k = 2; k <= n; k++)
			{
				double		p2 = ((2 * k - 1) * x * p1 - (k - 1) * p0) / k;

				p0 = p1;
				p1 = p2;
			}
			slope = n * (x * p1 - p0) / (x * x - 1);
			change = p1 / slope;
			x -= change;
			if (fabs(change) < 1e-15)
				break;
		}
		rest[i] = (1 + x) / 2;
		rest[n - 1 - i] = (1 - x) / 2;
		weight[i] = weight[n - 1 - i] = 1 / ((1 - x * x) * slope * slope);
	}
	rule->rest = (EgPair *) palloc(npairs * sizeof(EgPair));
	rule->weight = (EgPair *) palloc(npairs * sizeof(EgPair));
	for (int i = 0; i < npairs; i++)
	{
		rule->rest[i] = (EgPair) {rest[2 * i], rest[2 * i + 1]};
		rule->weight[i] = (EgPair) {weight[2 * i], weight[2 * i + 1]};
	}
	rule->npairs = npairs;
	pfree(rest);
	pfree(weight);
}

/* ---------------- states ---------------- */

/*
 * A repeated node's own state is that of a row that went its way at all tests
 * of the feature above it; the others are those of a node with a new feature, and
 * of a row that did not.  Each has two numbers for each point, see forest_shap.c.
 */
void
eg_shap_states_make(const EgShapTree *t, const EgShapRule *rule, EgPair *states)
{
	int			n = t->npairs;

	for (int p = 0; p < n; p++)
	{
		states[2 * EG_STATE_FRESH * n + p] = rule->rest[p];
		states[2 * EG_STATE_FRESH * n + n + p] = EG_PAIR(1);
		states[2 * EG_STATE_FAILED * n + p] = EG_PAIR(1);
		states[2 * EG_STATE_FAILED * n + n + p] = EG_PAIR(0);
	}
	for (int i = 0; i < t->nrepeats; i++)
	{
		EgPair	   *own = states + (Size) 2 * (EG_STATES + i) * n;
		EgPair		share = EG_PAIR(t->repeats[i].share);

		for (int p = 0; p < n; p++)
		{
			EgPair		rest = rule->rest[p];
			EgPair		inverse = EG_PAIR(1) / (EG_PAIR(1) - rest + share * rest);

			own[p] = rest * share * inverse;
			own[n + p] = share * inverse * inverse;
		}
	}
}

/* ---------------- rows, room ---------------- */

void
eg_shap_work_make(const struct EgForestShap *s, EgShapWork *w)
{
	w->right = (uint8 *) array(s->max_inner, 1);
	w->good = (uint8 *) array(s->max_inner, 1);
	w->state = (int32 *) array(s->max_inner, sizeof(int32));
	w->turn = (EgPair *) array(s->max_turns, sizeof(EgPair));
	w->bottom = (double *) array(s->max_inner, sizeof(double));
	w->up = (EgPair *) array(s->max_points, sizeof(EgPair));
	w->down = (EgPair *) array(s->max_points, sizeof(EgPair));
	w->ends = (EgPair *) array(s->max_ends, sizeof(EgPair));
	w->states = NULL;
}

const EgPair *
eg_shap_states_get(const struct EgForestShap *s, const EgShapTree *t, EgShapWork *w)
{
	if (t->states != NULL)
		return t->states;
	if (w->states == NULL)
		w->states = (EgPair *) array(s->max_states, sizeof(EgPair));
	eg_shap_states_make(t, &s->rules[t->npairs], w->states);
	return w->states;
}

void
eg_shap_row_make(const struct EgForestShap *s, EgShapRow *row)
{
	row->keys = (uint32 *) array((Size) 2 * s->nused, sizeof(uint32));
	row->codes = (int32 *) array(s->nused, sizeof(int32));
}

void
eg_shap_row_set(const struct EgForestShap *s, const float *x, EgShapRow *row)
{
	for (int i = 0; i < s->nused; i++)
	{
		float		v = x[s->used[i]] + 0.0f;
		uint32		bits;
		uint32		key;
		bool		missing;

		memcpy(&bits, &v, sizeof(bits));
		missing = (bits & EG_INFINITY_BITS) == EG_INFINITY_BITS;
		key = eg_key_of_bits(bits);
		row->keys[2 * i] = missing ? EG_KEY_LOW : key;
		row->keys[2 * i + 1] = missing ? EG_KEY_HIGH : key;
		if (s->in_sets[i])
			row->codes[i] = missing ? -1 :
				v >= 0.0f && v < EG_CAT_LIMIT ? (int32) v : EG_NO_CODE;
	}
}
