/*-------------------------------------------------------------------------
 *
 * split.h
 *	  Which rows are learned from, validated on, and held out.
 *
 * With a hash split a row is held out when the hash of its key is below the
 * limit of its class.  The limits are frozen with the model's first version,
 * so later versions hold out the same rows, whatever was added since, and a
 * champion can be scored while the rows are read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SPLIT_H
#define EG_SPLIT_H

#include "lib/stringinfo.h"
#include "store/source.h"
#include "utils/jsonb.h"

typedef enum EgPart
{
	EG_PART_FIT,
	EG_PART_VALID,
	EG_PART_TEST
} EgPart;

typedef struct EgSplit
{
	uint64		seed;			/* of the hash */
	double		test_size;
	int			n;
	char	  **strata;			/* (n) class label; "" when the target is a number */
	uint64	   *limits;			/* (n) held out below it */
	bool		refrozen;		/* limits that no longer fit the data were found anew */
	bool		has_cut;		/* split on a time column ... */
	double		cut;			/* ... at this time, in the column's seconds */
} EgSplit;

/* From engage.model.split; NULL gives an empty split with the seed. */
extern EgSplit *eg_split_from_json(const Jsonb *json, uint64 seed, double test_size);
extern void eg_split_to_json(const EgSplit *s, StringInfo out);

/* The frozen limit of a class; false when it has none. */
extern bool eg_split_limit(const EgSplit *s, const char *stratum, uint64 *limit);

/*
 * Part of every row (palloc'd).  cls (nrows) is the class of each row, -1 for
 * none; labels name the classes.  Limits that s lacks are found and added: the
 * exact share of each class, smallest hashes first.  validation is the share
 * of the remaining rows used for validation; seed chooses them.
 */
extern uint8 *eg_split_rows(EgSplit *s, const EgSourceData *d, const int32 *cls, int nclasses,
							char *const *labels, double validation, uint64 seed);

#endif							/* EG_SPLIT_H */
