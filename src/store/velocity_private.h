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
#include "storage/lockdefs.h"
#include "utils/relcache.h"
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
 * What this backend knows of a tracker, until the registry, the rollup table or the
 * key's type changes: to drop a tracker is to drop the table.
 */
typedef struct EgTracker
{
	char		name[NAMEDATALEN];
	uint64		registry;		/* eg_registry_identity() */
	uint64		changes;		/* eg_catalog_changes, when it was read */
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
	SPIPlanPtr	put_one;
	SPIPlanPtr	put_many;
} EgTracker;

/*
 * Error UNDEFINED_OBJECT when there is none.  It is held until the context `until` is
 * reset or deleted, and says until then what it says now.
 */
extern EgTracker *eg_tracker_get(const char *name, MemoryContext until);

/* A saved plan of the tracker, prepared at first use. */
extern SPIPlanPtr eg_tracker_plan(EgTracker *t, SPIPlanPtr *plan, const char *sql, int nargs,
								  Oid *types);

/* velocity_key.c */

/*
 * Error FEATURE_NOT_SUPPORTED when values of the type run code of users; DATATYPE_MISMATCH
 * when they have no order.  A domain is to be taken off before.
 */
extern void eg_key_type_check(const char *column, Oid type);

/* Error WRONG_OBJECT_TYPE unless it is a table without code on it that others may put there. */
extern Relation eg_rollup_open(const EgTracker *t, LOCKMODE lock);

/* The state of a key, palloc'd, or NULL; with the rights of the current user. */
extern bytea *eg_rollup_find(const EgTracker *t, Datum key);

/* Rows of the source on their way to the rollup.  A feed takes rows sorted by key. */
typedef struct EgFeed EgFeed;

/* attno of the columns in the rows to come, from 1, 0 for none; checks types. */
extern EgFeed *eg_feed_open(EgTracker *t, TupleDesc desc, const int *attno);

/* Give a row; kept until eg_feed_close(), which sorts them. */
extern void eg_feed_row(EgFeed *f, const Datum *values, const bool *nulls);

/* Write what is left; within SPI, as the rollup's owner.  Returns the keys. */
extern int64 eg_feed_close(EgFeed *f);

#endif							/* EG_VELOCITY_PRIVATE_H */
