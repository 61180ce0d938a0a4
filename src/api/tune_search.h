/*-------------------------------------------------------------------------
 *
 * tune_search.h
 *	  The search itself: suggest, measure fold by fold, give up early, write
 *	  down, until the trials or the time are used up.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_TUNE_SEARCH_H
#define EG_TUNE_SEARCH_H

#include "api/measure.h"
#include "api/tune_space.h"
#include "store/tune.h"

typedef enum EgTuneStrategy
{
	EG_TUNE_TPE,
	EG_TUNE_RANDOM,
	EG_TUNE_GRID
} EgTuneStrategy;

typedef enum EgTunePrune
{
	EG_PRUNE_MEDIAN,
	EG_PRUNE_HALVING,
	EG_PRUNE_NONE
} EgTunePrune;

typedef enum EgTuneFairness
{
	EG_FAIR_POSITIVE_RATE,
	EG_FAIR_METRIC
} EgTuneFairness;

typedef struct EgTuneSpec
{
	EgCrossvalSpec cv;
	EgTuneSpace *space;
	int			trials;
	const char *metric;			/* as given, or NULL */
	EgTuneStrategy strategy;
	EgTunePrune prune;
	EgTuneFairness fairness;	/* of spec.cv.compare */
	double		fairness_weight;
	double		time_limit;		/* seconds, 0: none */
	Jsonb	   *setting;		/* what makes trials comparable */
	bool		resume;
	bool		commit;			/* after each trial */
} EgTuneSpec;

typedef struct EgTuned
{
	int64		tuning;
	int			ntrials;
	EgTask		task;
	const char *metric;
	EgTrialRow *winner;
} EgTuned;

extern EgTuned *eg_tune_search(const EgTuneSpec *spec, EgRun *run);

#endif							/* EG_TUNE_SEARCH_H */
