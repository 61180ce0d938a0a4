/*-------------------------------------------------------------------------
 *
 * velocity_state.h
 *	  Tables that hold the velocity of each key, fed by a trigger, so that a
 *	  decision reads one row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_VELOCITY_STATE_H
#define EG_VELOCITY_STATE_H

#include "base/velocity.h"
#include "commands/trigger.h"

/*
 * The velocity of a key as of a time: one index probe, as the current user, who
 * needs SELECT on the rollup table.  key has type keytype; a text is read as the
 * key's type, numbers are cast.  False, with zero counts, when no event of the key
 * is known.  Errors UNDEFINED_OBJECT (no tracker of that name), DATATYPE_MISMATCH,
 * INSUFFICIENT_PRIVILEGE.
 */
extern bool eg_velocity_read(const char *name, Datum key, Oid keytype, TimestampTz as_of,
							 EgVelocity *out);

/*
 * The same as if the event had happened already: for a decision on an event that is
 * not in the table yet.  Windows end at event->at; nothing is written.
 */
extern bool eg_velocity_read_with(const char *name, Datum key, Oid keytype,
								  const EgVelocityEvent *event, EgVelocity *out);

/* ----------
 * Trackers
 * ----------
 */

typedef struct EgTrackerSpec
{
	const char *name;
	Oid			source;
	const char *column[5];		/* key, at, amount, lat, lon; the last three may be NULL */
} EgTrackerSpec;

/* Make rollup and trigger, as the current user, and fill it; returns the keys found. */
extern int64 eg_velocity_track(const EgTrackerSpec *spec);
extern void eg_velocity_untrack(const char *name);

/* What the trigger does: adds the statement's new rows to the rollup, as its owner. */
extern void eg_velocity_feed(TriggerData *data);

#endif							/* EG_VELOCITY_STATE_H */
