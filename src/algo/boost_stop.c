/*-------------------------------------------------------------------------
 *
 * boost_stop.c
 *	  Early stopping: which round is the best, and when no better one is expected.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/boost.h"

void
eg_boost_stop_init(EgBoostStop *stop, int patience, bool maximize)
{
	stop->patience = patience;
	stop->maximize = maximize;
	stop->best = NAN;
	stop->best_round = 0;
}

bool
eg_boost_stop_note(EgBoostStop *stop, int round, double value)
{
	bool		better = stop->best_round == 0 || isnan(stop->best) ||
		(stop->maximize ? value > stop->best : value < stop->best);

	/* a metric that cannot be computed never counts as progress */
	if (better && (stop->best_round == 0 || !isnan(value)))
	{
		stop->best = value;
		stop->best_round = round;
		return true;
	}
	return false;
}

bool
eg_boost_stop_now(const EgBoostStop *stop, int round)
{
	return stop->patience > 0 && round - stop->best_round >= stop->patience;
}
