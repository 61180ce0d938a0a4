/*-------------------------------------------------------------------------
 *
 * sequences.h
 *	  Are the sequences of ids where the rows are?
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SEQUENCES_H
#define EG_SEQUENCES_H

/*
 * Within a visit, before a statement of ours that inserts into a table of the
 * registry: error OBJECT_NOT_IN_PREREQUISITE_STATE when the sequence of its ids
 * lies behind the rows.
 */
extern void eg_sequence_check(const char *sql);

#endif							/* EG_SEQUENCES_H */
