/*-------------------------------------------------------------------------
 *
 * counters.h
 *	  How much each version is used: rows scored, errors, time; counted where a
 *	  model is called, added up for the whole server.
 *
 * A call site has a tally for each version that it scores with.  A row costs two
 * additions in the backend's own memory; every EG_TALLY_ROWS rows, and when the
 * call site ends, the tally is added to the server's counters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_COUNTERS_H
#define EG_COUNTERS_H

#include "datatype/timestamp.h"
#include "portability/instr_time.h"
#include "store/score.h"

/* rows after which a tally is added to the server's counters */
#define EG_TALLY_ROWS	1024

/* one row of so many is timed, and stands for all of them */
#define EG_TALLY_TIMED	32

typedef struct EgTally
{
	uint32		begun;			/* rows */
	uint32		done;			/* those that ended without an error */
	uint32		logged;			/* rows of the prediction log */
	bool		timing;			/* the row that was begun last is timed */
	bool		called;			/* this call is counted already */
	instr_time	start;
	double		seconds;
	EgCompiled *model;
} EgTally;

/* rows of this backend, to find those that are timed */
extern uint32 eg_tally_clock;

/*
 * A tally of a model's rows, allocated in context and added to the server's
 * counters when that is reset or deleted; NULL when nothing is counted.
 * Never an error.
 */
extern EgTally *eg_tally_open(EgCompiled *model, MemoryContext context);

/* Add to the server's counters what is not there yet.  Neither allocates nor throws. */
extern void eg_tally_flush(EgTally *t);

extern void eg_tally_time(EgTally *t);

/* Around the score of a row; what begins and does not end was an error. */
static inline void
eg_tally_begin(EgTally *t)
{
	if (t == NULL)
		return;
	t->begun++;
	t->timing = eg_tally_clock++ % EG_TALLY_TIMED == 0;
	if (unlikely(t->timing))
		INSTR_TIME_SET_CURRENT(t->start);
}

static inline void
eg_tally_end(EgTally *t)
{
	if (t == NULL)
		return;
	if (unlikely(t->timing))
		eg_tally_time(t);
	if (unlikely(++t->done >= EG_TALLY_ROWS))
		eg_tally_flush(t);
}

static inline void
eg_tally_logged(EgTally *t)
{
	if (t != NULL)
		t->logged++;
}

/* The counters of a version of this database. */
typedef struct EgCounter
{
	char	   *model;
	char	   *version;		/* "1.2.0" */
	int64		calls;
	int64		rows;
	int64		errors;
	int64		logged;
	double		seconds;		/* estimated */
	TimestampTz last;
} EgCounter;

/*
 * Those of the models that the current user may use, or of all for who may read
 * the server's statistics (pg_read_all_stats); palloc'd.  *since: when the server
 * began to count.  Versions that were never used are not there.
 */
extern EgCounter *eg_counters(int *n, TimestampTz *since);

#endif							/* EG_COUNTERS_H */
