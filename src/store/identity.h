/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  What an entry of a cache was made from: which registry, which types as they
 *	  were, under which snapshot.  Every cache of a backend asks here whether an
 *	  entry still fits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_IDENTITY_H
#define EG_IDENTITY_H

#include "utils/snapshot.h"

/*
 * The registry that ids of models, versions, policies and experiments belong to; 0
 * when there is none.  DROP EXTENSION and CREATE EXTENSION begin ids anew, so an id is
 * compared together with this.  The low half is the oid of engage.artifact.
 */
extern uint64 eg_registry_identity(void);

/*
 * Goes up when something that is being watched has changed, or may have: a type or
 * table given below; and any function, operator, cast or label of an enum.  What
 * was made when it had another value is made anew.  Read it before making an entry:
 * a change that comes while it is being made must not be missed.  Never 0.
 */
extern uint64 eg_catalog_changes;

/* Nothing is heard before the first of these. */
extern void eg_catalog_listen(void);

/* Watch the type and all that its values consist of: base type, elements, columns. */
extern void eg_watch_type(Oid type);
extern void eg_watch_relation(Oid relation);

/* The row type that something is bound to; all zeros: none. */
typedef struct EgRowType
{
	uint64		identifier;		/* assign_record_type_identifier(), EG_VALUES_ROW or 0 */
	uint64		changes;		/* eg_catalog_changes when it was bound */
} EgRowType;

/* values in place, always of the same columns */
#define EG_VALUES_ROW	PG_UINT64_MAX

static inline bool
eg_row_type_is(const EgRowType *bound, uint64 identifier)
{
	return bound->identifier == identifier && bound->changes == eg_catalog_changes;
}

/* A snapshot, as far as one backend can tell two apart. */
typedef struct EgSnapshotId
{
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	CommandId	curcid;
} EgSnapshotId;

static inline bool
eg_snapshot_is(const EgSnapshotId *id, Snapshot s)
{
	return id->xmin == s->xmin && id->xmax == s->xmax && id->xcnt == s->xcnt &&
		id->subxcnt == s->subxcnt && id->curcid == s->curcid;
}

static inline void
eg_snapshot_remember(EgSnapshotId *id, Snapshot s)
{
	id->xmin = s->xmin;
	id->xmax = s->xmax;
	id->xcnt = s->xcnt;
	id->subxcnt = s->subxcnt;
	id->curcid = s->curcid;
}

#endif							/* EG_IDENTITY_H */
