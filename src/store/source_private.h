/*-------------------------------------------------------------------------
 *
 * source_private.h
 *	  What the files that read a source share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SOURCE_PRIVATE_H
#define EG_SOURCE_PRIVATE_H

#include "store/key.h"
#include "store/schema_private.h"
#include "store/source.h"

/* A column with a meaning of its own; attno is -1 when the caller wants none. */
typedef struct EgSourceRole
{
	const char *word;			/* "target", for messages */
	const char *name;
	int			attno;			/* in the rows read, from 0 */
	Oid			type;
	Oid			collation;
	EgConverter cv;
	EgKey	   *key;			/* of keys, groups and partitions: their text */
} EgSourceRole;

typedef enum EgRoleIndex
{
	EG_SRC_TARGET,
	EG_SRC_WEIGHT,
	EG_SRC_SPLIT,
	EG_SRC_GROUP,
	EG_SRC_EVENT,
	EG_SRC_PARTITION,
	EG_SRC_REMEMBER,
	EG_SRC_NROLES
} EgRoleIndex;

/* One array of the data with an element for each row. */
typedef struct EgRowArray
{
	void	  **base;
	Size		stride;			/* bytes a row */
} EgRowArray;

#define EG_SRC_MAX_ARRAYS	12

/* What eg_source_read() returns the first member of. */
typedef struct EgSourceReader
{
	EgSourceData data;			/* must be first */
	const EgSourceSpec *spec;
	EgRun	   *run;
	MemoryContext context;		/* of the data */
	MemoryContext row_context;
	bool		own_schema;		/* made here, not given */

	/* what to read */
	char	   *from;			/* the relation's quoted name, or "(query) AS source" */
	EgSourceRole role[EG_SRC_NROLES];
	int			nkeys;
	EgSourceRole *keys;
	int		   *attno;			/* (schema->ncolumns) in the rows read */
	EgConverter *cv;			/* (schema->ncolumns) */
	EgBinding  *binding;		/* for a given schema */
	TupleDesc	desc;			/* of the rows read */

	/* growing arrays */
	EgRowArray	arrays[EG_SRC_MAX_ARRAYS];
	int			narrays;
	Size		row_bytes;
	Size		capacity;		/* rows */
	Size		dict_bytes;

	/*
	 * Dates stay exact until their origin is known: a float of days since
	 * 2000 is good to minutes only.
	 */
	int			ndates;
	int		   *date_column;	/* (ndates) column of the schema */
	double	   *dates;			/* (nrows, ndates) */
	uint64	   *content;		/* (nrows) hash of the row without its key; NULL without a key */
	bool		integral;		/* all targets so far are whole numbers */
} EgSourceReader;

/* source_query.c: 'source "x"' or 'the source query' */
extern char *eg_source_words(const EgSourceReader *r);

/* source_columns.c: choose the columns; returns the SELECT to run.  SPI must be connected. */
extern char *eg_source_columns(EgSourceReader *r);

/* source_query.c: hint that lists the columns of desc, those like name first */
extern char *eg_source_column_hint(TupleDesc desc, const char *name);

/* Groups, read as hashes, are numbered in the order of their hashes, in place. */
extern void eg_source_number_groups(EgSourceReader *r);

#endif							/* EG_SOURCE_PRIVATE_H */
