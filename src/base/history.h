/*-------------------------------------------------------------------------
 *
 * history.h
 *	  How a training went: the metric of its rounds, for the learning curve.
 *
 * Of long trainings every second round is kept, then every fourth, and so on, so
 * that the history has a bounded size whatever the number of rounds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_HISTORY_H
#define EG_HISTORY_H

#include "base/run.h"
#include "lib/stringinfo.h"

#define EG_HISTORY_POINTS	256

typedef enum EgHistoryCurve
{
	EG_CURVE_TRAINING,
	EG_CURVE_VALIDATION,
	EG_NCURVES
} EgHistoryCurve;

typedef struct EgHistoryPoint
{
	int			round;			/* from 1 */
	double		value;
} EgHistoryPoint;

struct EgHistory
{
	char		metric[64];
	int			best_round;		/* the one that was kept, 0: the last */
	int			every[EG_NCURVES];	/* rounds that are kept */
	int			n[EG_NCURVES];
	EgHistoryPoint point[EG_NCURVES][EG_HISTORY_POINTS];
	EgHistoryPoint last[EG_NCURVES];	/* of all, kept or not */
};

/* An empty one, in CurrentMemoryContext. */
extern EgHistory *eg_history_create(void);

/* Is anybody interested in the metric of the training rows, where it costs something to compute? */
extern bool eg_history_wants(const EgRun *run, int round, int total);

/* Note a metric; nothing happens where nobody keeps a history, or the value is not finite. */
extern void eg_history_note(EgRun *run, EgHistoryCurve curve, int round, const char *metric,
							double value);

/* The round whose model was kept. */
extern void eg_history_best(EgRun *run, int round);

/*
 * {"metric": "logloss", "best_round": 63, "training": [[1, 0.61], ...], "validation": [...]};
 * false, and nothing appended, when nothing was noted.
 */
extern bool eg_history_json(const EgHistory *h, StringInfo out);

#endif							/* EG_HISTORY_H */
