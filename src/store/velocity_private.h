/*-------------------------------------------------------------------------
 *
 * velocity_private.h
 *	  Trackers as this backend knows them, and the writing of rollups.
 *	  For velocity_*.c alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_VELOCITY_PRIVATE_H
#define EG_VELOCITY_PRIVATE_H

#include "access/tupdesc.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "store/velocity_state.h"

/* Columns of the source, in this order everywhere. */
enum
{
	VEL_KEY,
	VEL_AT,
	VEL_AMOUNT,
	VEL_LAT,
	VEL_LON,
	VEL_COLUMNS
};

/*
 * What never changes about a tracker.  It stays true as long as its rollup table is
 * there: to drop a tracker is to drop the table, and a new one has another oid.
 */
typedef struct EgTracker
{
	char		name[NAMEDATALEN];
	Oid			registry;		/* engage.velocity_tracker, new with each CREATE EXTENSION */
	Oid			source;
	Oid			rollup;
	char		column[VEL_COLUMNS][NAMEDATALEN];	/* "" for none */
	/* of the rollup's key */
	Oid			keytype;
	Oid			collation;
	int16		keylen;
	bool		keybyval;
	char		keyalign;
	Oid			input;			/* the type's input function */
	Oid			ioparam;
	FmgrInfo	compare;
	char	   *table;			/* qualified, as the plans have it */
	SPIPlanPtr	read;
	SPIPlanPtr	put_one;
	SPIPlanPtr	put_many;
} EgTracker;

/* Error UNDEFINED_OBJECT when there is none. */
extern EgTracker *eg_tracker_get(const char *name);

/* A saved plan of the tracker, prepared at first use. */
extern SPIPlanPtr eg_tracker_plan(EgTracker *t, SPIPlanPtr *plan, const char *sql, int nargs,
								  Oid *types);

/* Rows of the source on their way to the rollup.  A feed takes rows sorted by key. */
typedef struct EgFeed EgFeed;

/* attno of the columns in the rows to come, from 1, 0 for none; checks types. */
extern EgFeed *eg_feed_open(EgTracker *t, TupleDesc desc, const int *attno);

/* Give a row; kept until eg_feed_close(), which sorts them. */
extern void eg_feed_row(EgFeed *f, const Datum *values, const bool *nulls);

/* Write what is left; within SPI, as the rollup's owner.  Returns the keys. */
extern int64 eg_feed_close(EgFeed *f);

#endif							/* EG_VELOCITY_PRIVATE_H */
