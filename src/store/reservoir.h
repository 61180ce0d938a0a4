/*-------------------------------------------------------------------------
 *
 * reservoir.h
 *	  A bounded sample of rows that arrive one by one: those of the smallest
 *	  keys.  When the keys are hashes of the rows' content, the sample is a
 *	  random one that does not depend on the order of arrival.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RESERVOIR_H
#define EG_RESERVOIR_H

#include "base/run.h"

typedef struct EgReservoir EgReservoir;

/* Room for at most limit records of `record` bytes each, in CurrentMemoryContext. */
extern EgReservoir *eg_reservoir_create(Size limit, Size record, EgRun *run);

/*
 * Minor key of a row: a hash of its content and of how many rows of the same
 * content came before it.  So equal rows are in the sample or not one by one,
 * and still it does not matter which of them came first.
 */
extern uint64 eg_reservoir_key(EgReservoir *r, uint64 content);

/*
 * Place for the record of a row with this key (major first, then minor), NULL
 * when it is not among the smallest.  The place holds the record of a row that
 * had to go, or zeros.
 */
extern void *eg_reservoir_add(EgReservoir *r, uint64 major, uint64 minor);

/*
 * All rows are there: put them in the order of their keys; with whole, leave
 * out the major key of which rows are missing, unless it is the only one.
 * Returns how many there are.
 */
extern Size eg_reservoir_finish(EgReservoir *r, bool whole);

/* Record and major key of the i-th row, after finish. */
extern void *eg_reservoir_record(const EgReservoir *r, Size i);
extern uint64 eg_reservoir_major(const EgReservoir *r, Size i);

#endif							/* EG_RESERVOIR_H */
