/*-------------------------------------------------------------------------
 *
 * rival.h
 *	  The champion's scores on the rows that the challenger holds out,
 *	  computed while the source is read, by the code that scores in queries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RIVAL_H
#define EG_RIVAL_H

#include "store/score.h"
#include "store/train.h"

typedef struct EgRival
{
	EgScorer   *scorer;
	MemoryContext context;		/* of everything here; the hook runs in a row's */
	uint64		limit;			/* rows with a hash below it may be held out */
	const char *unfit;			/* why it cannot score these rows, or NULL */
	bool		started;
	Size		n;
	Size		size;
	Size	   *rows;			/* (n) row number while reading */
	double	   *scores;			/* (n, width) */
	EgRun	   *run;
} EgRival;

/* Have spec's champion score while source is read. */
extern EgRival *eg_rival_start(const EgTrainSpec *spec, EgSourceSpec *source, EgRun *run);

/*
 * Before the rows are reordered: keep the scores of held-out rows, or say in
 * result->not_comparable why the two cannot be compared.
 */
extern void eg_rival_finish(EgRival *r, const EgTrainSpec *spec, const EgSourceData *d,
							const EgTarget *target, const uint8 *part, EgTrained *result);

#endif							/* EG_RIVAL_H */
