/*-------------------------------------------------------------------------
 *
 * counterfactual_beam.c
 *	  Change is added to change, a few of the best states at a time.
 *
 * Every single change is scored first.  Those that are worth their cost are
 * the moves.  A state's rank is its cost plus what the rest of the way would cost
 * at the best rate that any move has, as in A*; what costs more than the answers
 * known is not followed.  A category that excludes what the row has elsewhere
 * ("no internet", but films are streamed) draws along the usual values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/random.h"
#include "eval/counterfactual_private.h"

#define BEAM				24
#define BEAM_ALIKE			5	/* states of a beam that change the same features */
#define MOVES				160	/* single changes that the beam combines */
#define MOVES_EACH			6	/* of one feature */
#define FOUND				6	/* rows of a level that are refined */
#define LINKS				8	/* features that one change may draw along */

static uint64
feature_hash(int j)
{
	return eg_random_mix((uint64) j + 1);
}

/* ----------
 * States
 * ----------
 */

void
eg_states_init(EgStates *b, int max, int alike, int ncols)
{
	int			i;

	b->n = 0;
	b->max = max;
	b->alike = alike;
	b->s = palloc0(sizeof(EgState) * (max + 1));
	for (i = 0; i <= max; i++)
		b->s[i].x = palloc(sizeof(float) * ncols);
}

/* Would a state of this rank have a place? */
static bool
states_want(const EgStates *b, const EgState *state)
{
	int			alike = 0;
	int			i;

	if (b->n == b->max && state->rank >= b->s[b->n - 1].rank)
		return false;
	for (i = 0; i < b->n && b->s[i].rank <= state->rank; i++)
		alike += b->s[i].features == state->features;
	return alike < b->alike;
}

/* Put a copy of a wanted state in its place. */
static void
states_put(EgStates *b, const EgState *state, int ncols)
{
	float	   *room = b->s[b->n].x;
	int			alike = 0;
	int			at = 0;
	int			last,
				i;

	while (at < b->n && b->s[at].rank <= state->rank)
		alike += b->s[at++].features == state->features;

	/* the one that has to go: the last, or the last of its kind */
	last = b->n < b->max ? b->n : b->max - 1;
	for (i = at; i < b->n; i++)
	{
		if (b->s[i].features == state->features && ++alike >= b->alike)
			last = i;
	}
	if (last < b->n)
		room = b->s[last].x;
	else
		b->n++;
	memmove(&b->s[at + 1], &b->s[at], sizeof(EgState) * (last - at));
	memcpy(room, state->x, sizeof(float) * ncols);
	b->s[at] = *state;
	b->s[at].x = room;
}

/* ----------
 * Moves
 * ----------
 */

static void
score_moves(EgSearch *s)
{
	int			total = 0;
	int			j,
				k,
				done,
				m;

	for (j = 0; j < s->ncols; j++)
		total += s->nvalues[j];
	s->moves =
		palloc_extended(sizeof(EgMove) * (Size) Max(total, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (j = 0; j < s->ncols; j++)
	{
		const EgChangeFeature *f = &s->p->features[j];

		for (k = 0; k < s->nvalues[j]; k++)
		{
			EgMove	   *mv = &s->moves[s->nmoves++];

			mv->feature = j;
			mv->value = s->value[j][k];
			mv->cost = s->p->sparsity + eg_change_cost(f, mv->value);
			mv->least =
				f->category || k == 0 ? s->p->sparsity + (f->category ? f->cost : 0) : mv[-1].cost;
		}
	}
	for (done = 0; done < s->nmoves; done += m)
	{
		m = Min(s->nmoves - done, EG_SEARCH_BLOCK);
		for (k = 0; k < m; k++)
		{
			memcpy(eg_search_row(s, k), s->x0, sizeof(float) * s->ncols);
			eg_search_row(s, k)[s->moves[done + k].feature] = s->moves[done + k].value;
		}
		eg_search_score(s, m);
		for (k = 0; k < m; k++)
		{
			EgMove	   *mv = &s->moves[done + k];

			mv->score = s->score[k];
			mv->gap = eg_search_gap(s, mv->score);
			mv->merit = (eg_search_gap(s, s->before) - mv->gap) / (mv->cost + 1e-9);
			if (!(mv->merit > -INFINITY))
				mv->merit = -INFINITY;
		}
	}
}

static int
by_merit(const void *a, const void *b)
{
	const EgMove *x = *(const EgMove *const *) a;
	const EgMove *y = *(const EgMove *const *) b;

	if (x->merit != y->merit)
		return x->merit > y->merit ? -1 : 1;
	return (x > y) - (x < y);
}

/*
 * Of each feature the changes that no cheaper one equals, at most a few; of all
 * features those that close most of the gap for their cost, and the best of each.
 */
static void
choose_moves(EgSearch *s)
{
	EgMove	  **order = palloc(sizeof(EgMove *) * Max(s->nmoves, 1));
	EgMove	   *kept = palloc(sizeof(EgMove) * Max(s->nmoves, 1));
	float	   *x = palloc(sizeof(float) * s->ncols);
	int			n = 0;
	int			i,
				k;

	memcpy(x, s->x0, sizeof(float) * s->ncols);
	for (i = 0; i < s->nmoves; i = k)
	{
		int			j = s->moves[i].feature;
		double		best = INFINITY;
		int			first = n;
		int			m;

		for (k = i; k < s->nmoves && s->moves[k].feature == j; k++)
		{
			if (s->moves[k].gap >= best && n > first)
				continue;
			x[j] = s->moves[k].value;
			if (s->p->plausible == NULL || eg_plausible_conflict(s->p->plausible, x, j) < 0)
				best = s->moves[k].gap;
			else if (!s->p->features[j].category)
				continue;

			/* an impossible category may be possible after another change */
			order[n++] = &s->moves[k];
		}
		x[j] = s->x0[j];

		/* the strongest is kept, and others evenly spaced */
		m = n - first;
		for (k = 0; m > MOVES_EACH && k < MOVES_EACH; k++)
			order[first + k] = order[first + (m - 1) * k / (MOVES_EACH - 1)];
		n = first + Min(m, MOVES_EACH);
		if (n > first)
			order[n - 1]->keep = true;
		for (k = i; k < s->nmoves && s->moves[k].feature == j; k++)
			;
	}
	qsort(order, n, sizeof(EgMove *), by_merit);
	s->rate = n > 0 ? Max(order[0]->merit, 1e-9) : 1e-9;
	for (i = 0, k = 0; i < n; i++)
	{
		if (i < MOVES || order[i]->keep)
			kept[k++] = *order[i];
	}
	pfree(order);
	pfree(x);
	s->moves = kept;
	s->nmoves = Min(k, 2 * MOVES);
}

void
eg_search_moves(EgSearch *s)
{
	score_moves(s);
	choose_moves(s);
}

/* ----------
 * The beam
 * ----------
 */

void
eg_search_rank(const EgSearch *s, EgState *state, double score)
{
	state->score = score;
	state->gap = eg_search_gap(s, score);
	state->rank = state->gap == 0 ? state->cost : state->cost + state->gap / s->rate;
}

void
eg_search_offer(EgSearch *s, const EgState *state, EgStates *found, EgStates *next)
{
	EgStates   *place = state->gap == 0 ? found : next;
	EgState		later;

	if (!isfinite(state->rank) || !states_want(place, state))
		return;
	if (!eg_search_plausible(s, state->x))
	{
		/* another change may make it so, at a cost */
		later = *state;
		later.rank += 1 + s->p->sparsity;
		if (state->gap > 0 && states_want(place, &later))
			states_put(place, &later, s->ncols);
		return;
	}
	if (state->gap < s->nearest_gap && state->n <= s->p->max_changes)
	{
		s->nearest_gap = state->gap;
		s->nearest = state->score;
	}
	states_put(place, state, s->ncols);
}

/* All moves from all states of the beam. */
static void
expand(EgSearch *s, const EgStates *beam, EgStates *found, EgStates *next)
{
	EgState		pending[EG_SEARCH_BLOCK];
	double		limit = eg_search_bound(s);
	int			n = 0;
	int			b,
				i,
				k;

	for (b = 0; b < beam->n; b++)
	{
		const EgState *from = &beam->s[b];

		for (i = 0; i <= s->nmoves; i++)
		{
			bool		last = b == beam->n - 1 && i == s->nmoves;

			if (i < s->nmoves && !s->banned[s->moves[i].feature] &&
				eg_same_value(from->x[s->moves[i].feature], s->x0[s->moves[i].feature]) &&
				from->least + s->moves[i].least < limit)
			{
				const EgMove *mv = &s->moves[i];
				EgState	   *to = &pending[n];

				to->x = eg_search_row(s, n++);
				memcpy(to->x, from->x, sizeof(float) * s->ncols);
				to->x[mv->feature] = mv->value;
				to->features = from->features + feature_hash(mv->feature);
				to->n = from->n + 1;
				to->cost = from->cost + mv->cost;
				to->least = from->least + mv->least;
			}
			if (n < EG_SEARCH_BLOCK && !(last && n > 0))
				continue;
			eg_search_score(s, n);
			for (k = 0; k < n; k++)
			{
				eg_search_rank(s, &pending[k], s->score[k]);
				eg_search_offer(s, &pending[k], found, next);
			}
			n = 0;
			if (eg_search_spent(s))
				return;
		}
	}
}

/* Row with feature j at v and, where that excludes other values, the usual ones instead. */
static bool
draw_along(EgSearch *s, float *x, int j, float v)
{
	int			links;
	int			k;

	x[j] = v;
	for (links = 0; links < LINKS; links++)
	{
		float		usual;

		k = eg_plausible_conflict(s->p->plausible, x, j);
		if (k < 0)
			return links > 0;
		usual = eg_plausible_companion(s->p->plausible, x, j, k);
		if (isnan(usual))
			return false;
		usual = eg_search_snap(s, k, usual);
		if (!eg_search_may(s, k, usual) || eg_same_value(x[k], usual))
			return false;
		x[k] = usual;
	}
	return false;
}

/* Categories that exclude what the row has elsewhere, with all that they draw along. */
static void
begin_with_links(EgSearch *s, EgStates *found, EgStates *beam)
{
	EgState		state = {0};
	int			j,
				k,
				i;

	state.x = palloc(sizeof(float) * s->ncols);
	for (j = 0; j < s->ncols && s->p->plausible; j++)
	{
		if (s->banned[j] || !s->p->features[j].category)
			continue;
		for (k = 0; k < s->nvalues[j] && !eg_search_spent(s); k++)
		{
			bool		ours = true;

			memcpy(state.x, s->x0, sizeof(float) * s->ncols);
			if (!draw_along(s, state.x, j, s->value[j][k]))
				continue;
			state.n = eg_search_changes(s, state.x, &state.cost);
			state.features = 0;
			for (i = 0; i < s->ncols; i++)
			{
				if (eg_same_value(state.x[i], s->x0[i]))
					continue;
				state.features += feature_hash(i);
				ours &= !s->banned[i];
			}
			state.least = s->p->sparsity * state.n;
			if (!ours || state.n > s->p->max_changes)
				continue;
			memcpy(s->block, state.x, sizeof(float) * s->ncols);
			eg_search_score(s, 1);
			eg_search_rank(s, &state, s->score[0]);
			eg_search_offer(s, &state, found, beam);
		}
	}
	pfree(state.x);
}

void
eg_search_beam(EgSearch *s, int wider)
{
	EgStates	beam,
				next,
				found,
				swap;
	EgState		state = {0};
	int			level,
				i;

	eg_states_init(&beam, BEAM * wider, BEAM_ALIKE * wider, s->ncols);
	eg_states_init(&next, BEAM * wider, BEAM_ALIKE * wider, s->ncols);
	eg_states_init(&found, FOUND, 1, s->ncols);

	/* the first level has been scored */
	state.x = palloc(sizeof(float) * s->ncols);
	for (i = 0; i < s->nmoves; i++)
	{
		const EgMove *mv = &s->moves[i];

		if (s->banned[mv->feature])
			continue;
		memcpy(state.x, s->x0, sizeof(float) * s->ncols);
		state.x[mv->feature] = mv->value;
		state.features = feature_hash(mv->feature);
		state.n = 1;
		state.cost = mv->cost;
		state.least = mv->least;
		eg_search_rank(s, &state, mv->score);
		eg_search_offer(s, &state, &found, &beam);
	}
	begin_with_links(s, &found, &beam);
	eg_search_take_found(s, &found);

	for (level = 2; level <= s->p->max_changes && beam.n > 0 && !eg_search_spent(s); level++)
	{
		next.n = 0;
		expand(s, &beam, &found, &next);
		eg_search_take_found(s, &found);
		swap = beam;
		beam = next;
		next = swap;
	}
}
