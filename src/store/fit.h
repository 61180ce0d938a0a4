/*-------------------------------------------------------------------------
 *
 * fit.h
 *	  Training as an aggregate: rows packed into one value, and a model made
 *	  of that value.
 *
 *	  state = head (what to learn, which columns) + sums + rows
 *
 * A state is bytes and nothing else, so that parallel workers and other servers
 * can send theirs; two states are combined by putting the rows of one behind
 * those of the other.  Where an algorithm learns from sums over the rows, rows
 * become sums as soon as that is less, and memory does not grow with them.  A
 * state is read with distrust, like an artifact.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FIT_H
#define EG_FIT_H

#include "algo/algo.h"
#include "store/source.h"

/* What is the same for all rows of one call site: how values become bytes. */
typedef struct EgFitReader EgFitReader;

/* What to learn; the first row of a group says it. */
typedef struct EgFitHead
{
	const char *algorithm;
	const char *params;			/* JSON text, or NULL */
	const char *task;			/* or NULL: inferred */
	List	   *names;			/* of char *: names of an array's elements, NIL: f1, f2 ... */
} EgFitHead;

/*
 * Types of target and features (a row type's or an array's).  Errors
 * DATATYPE_MISMATCH.  Allocates in CurrentMemoryContext.
 */
extern EgFitReader *eg_fit_reader_create(Oid target, Oid features);

/* One row, features never NULL; false when the target is NULL or NaN: to be left out. */
extern bool eg_fit_pack(EgFitReader *r, Datum target, bool target_null, Datum features,
						EgWriter *row);

/* A new state without rows, for the columns of the row packed last. */
extern bytea *eg_fit_begin(const EgFitReader *r, const EgFitHead *head);

/* Error DATATYPE_MISMATCH unless the row packed last has the columns of the state. */
extern void eg_fit_check(const EgFitReader *r, const bytea *state);

/*
 * The state with a row, or with the rows of another state.  With in_place the state
 * itself grows while it has room; else, or without room, the result is new.
 */
extern bytea *eg_fit_append(bytea *state, const EgWriter *row, bool in_place);
extern bytea *eg_fit_combine(bytea *state, const bytea *other, bool in_place);

/* The model, as an artifact. */
extern char *eg_fit_finish(const bytea *state, EgRun *run, Size *len);

/* How states are read. */
typedef struct EgFitColumn
{
	char	   *name;
	EgColumnKind kind;
	char	   *type;
} EgFitColumn;

typedef struct EgFitState
{
	EgTargetKind target_kind;
	char	   *target_type;
	int			ncolumns;
	EgFitColumn *columns;
	char	   *algorithm;
	char	   *params;
	char	   *task;
	EgReader	sums;			/* in the place of rows before these; may be of length 0 */
	EgReader	rows;			/* u32 length and bytes, row after row */
} EgFitState;

extern void eg_fit_open(const bytea *state, EgFitState *s);

#endif							/* EG_FIT_H */
