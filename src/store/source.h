/*-------------------------------------------------------------------------
 *
 * source.h
 *	  A table, view or query to numbers: runs it as the invoker, read-only,
 *	  and lands every value once, as float.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SOURCE_H
#define EG_SOURCE_H

#include "base/matrix.h"
#include "base/run.h"
#include "nodes/pg_list.h"
#include "store/schema.h"

struct EgSourceData;

typedef struct EgSourceSpec
{
	const char *source;			/* relation name or one SELECT */
	const char *target;			/* NULL when none is wanted */
	bool target_optional;       /* scoring a source: no error when the target column is absent */
	const char *key;			/* columns, comma separated, or NULL */
	List	   *features;		/* of char *; NIL = all columns but the special ones */
	List	   *exclude;		/* of char * */
	const char *weight;			/* column names, NULL = none */
	const char *split;			/* boolean or date/timestamp column */
	const char *group;
	const char *event;
	const char *partition_by;
	const char *remember;		/* column whose values say whose rows they are */
	const EgSchema *schema;		/* given: encode with it instead of making one */

	/* for a new schema that other models read from */
	List	   *known;			/* of EgSchema *: keep their words, and their days as day 0 */
	List	   *only;			/* of char *: columns that may be features; NIL: all */
	uint64		hash_seed;		/* for EgSourceData.hash */

	/*
	 * Called for each row kept, in reading order, with its row number, after
	 * its values landed in data (may score it with another model); or NULL.
	 */
	void		(*row_hook) (void *arg, struct EgSourceData *data, Size row,
							 TupleDesc desc, const Datum *values, const bool *nulls);
	void	   *row_hook_arg;
	List	   *also;			/* of char *: columns row_hook wants as well; ignored when absent */
	List	   *needed;			/* the same, but an error when absent */
} EgSourceSpec;

typedef enum EgTargetKind
{
	EG_TARGET_NONE,
	EG_TARGET_NUMBER,			/* target holds the number */
	EG_TARGET_BOOL,				/* 0 / 1 */
	EG_TARGET_LABEL /* target holds the code in target_column.categories (arrival order) */
} EgTargetKind;

typedef struct EgSourceData
{
	EgSchema   *schema;			/* dictionaries in order of arrival until eg_source_canonical() */
	EgMatrix	x;				/* (nrows, schema->nfeatures) */
	EgTargetKind target_kind;
	bool		target_integer; /* NUMBER of an integer type, or every value integral */
	EgColumn	target_column;	/* LABEL: dictionary of the labels */
	double	   *target;			/* (nrows) or NULL */
	double	   *weight;			/* (nrows) or NULL */
	double	   *group;			/* (nrows) number of the group in hash order, or NULL */
	double	   *event;			/* (nrows) 0 / 1, or NULL */
	double	   *split;			/* (nrows) 0 / 1, or seconds for a time column; or NULL */
	bool		split_is_time;
	int32	   *partition;		/* (nrows) code in partition_column, -1 = NULL; or NULL */
	EgColumn	partition_column;
	uint64	   *person;			/* (nrows) hash of the text of the column to remember, or NULL */
	uint64	   *hash;			/* (nrows) of the key when given, else of the row's whole content */
	int64		nread;			/* rows the source returned */
	int64		nskipped;		/* rows left out because their target was NULL */
	char	   *query;			/* the SELECT that was run */
	char	   *relation;		/* qualified, quoted relation name; NULL for a query */
	uint64		fingerprint;	/* order-independent hash of all kept content */
} EgSourceData;

/*
 * Read all.  Memory comes from CurrentMemoryContext and is held against
 * run->memory_limit while it grows.  Errors: UNDEFINED_TABLE/COLUMN with the
 * name, DATATYPE_MISMATCH for an unsupported column type (hint: exclude =>
 * or a cast), DATA_EXCEPTION for an empty source, all-NULL target, NaN or
 * infinite target, PROGRAM_LIMIT_EXCEEDED for dictionaries and memory.
 */
extern EgSourceData *eg_source_read(const EgSourceSpec *spec, EgRun *run);

/*
 * Reorder all rows: rank[] (nrows) says the wanted order (ascending; ties by
 * hash), applied in place to every array.  Then categories are sorted by bytes; those
 * that occur in none of the first ntrain rows become missing.
 * Also fills schema->stats from the first ntrain rows.
 */
extern void eg_source_canonical(EgSourceData *d, const uint64 *rank, Size ntrain);

/*
 * SQL for the text of a user's column (quoted, qualified) of that type.  A cast to text may be code
 * of whoever made the type, in which case its output function serves.
 */
extern char *eg_column_text(const char *column, Oid type);

/* Is a source the name of a relation?  One has no space or parenthesis outside its quotes. */
extern bool eg_source_is_name(const char *source);

/* The SELECT for a source text, checked: one statement, a SELECT, nothing written. */
extern char *eg_source_query(const char *source, char **relation);

/*
 * A source's SELECT as an item of FROM.  No text of a user is put into a statement in another
 * way: its last line may be a comment.
 */
extern char *eg_source_embed(const char *query, const char *alias);

/*
 * The columns that a query returns, palloc'd; nothing is run.
 */
extern TupleDesc eg_source_describe(const char *query);

/*
 * What the names in sources (char *, NULL is none) mean to the current user, and functions (oids)
 * that they have run: see eg_gate_names().
 */
extern Jsonb *eg_source_names(List *sources, List *functions);

struct PortalData;				/* utils/portal.h */

/*
 * A cursor of SPI over SQL that holds a user's source, and its next rows.  Both go
 * through the gate as text given by the current user (gate.h); between two fetches
 * the caller may write.
 */
extern struct PortalData *eg_source_open(const char *sql, int nargs, Oid *types, Datum *values,
										 const char *nulls);
extern void eg_source_fetch(struct PortalData *portal, long rows);

#endif							/* EG_SOURCE_H */
