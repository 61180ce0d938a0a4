/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  SQL expressions that others wrote: parsed and compiled for named columns,
 *	  run as the role that wrote them (gate.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RULES_H
#define EG_RULES_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "utils/jsonb.h"
#include "utils/plancache.h"

#include "store/gate.h"

#include "store/identity.h"

/* ----------
 * Expressions
 * ----------
 */

/*
 * Within eg_gate_run(): parse and analyse a boolean expression over columns;
 * attribute numbers that it uses (from 1) are added to *used.  place is for the error
 * context: rule "large" of layer "hard rules".  Errors as the parser's, with the position in text.
 */
extern Node *eg_rule_parse(const char *text, const char *place, TupleDesc columns,
						   Bitmapset **used);

/* The same planned: for the catalog of now, which is_valid tells. */
extern CachedExpression *eg_rule_compile(const char *text, const char *place, TupleDesc columns);

/* Columns as JSON and back; types are qualified names.  used: those that the policy needs. */
extern char *eg_columns_to_json(TupleDesc columns, const Bitmapset *used);
extern TupleDesc eg_columns_from_json(const Jsonb *json, bool only_used);

/* The columns that a source returns, domains as their base types; nothing is run. */
extern TupleDesc eg_columns_of_source(const char *source);

/* ----------
 * Rows
 * ----------
 */

/* Brings rows of any type into the columns that rules are compiled for. */
typedef struct EgRuleRow
{
	MemoryContext context;
	const EgText *text;			/* the policy */
	const char *policy;			/* its name, for messages */
	TupleDesc	columns;
	TupleTableSlot *slot;		/* the row, as rules see it */

	EgRowType	row_type;		/* what is bound */
	MemoryContext bound;
	TupleDesc	desc;			/* of the caller's rows */
	TupleTableSlot *from;
	int		   *attno;			/* (columns) in the caller's rows, from 1 */
	ExprState **cast;			/* (columns) or NULL: as it is */
	char	   *runs_as;		/* (columns) of cast: whose code it is */
	Oid			user;			/* who called when the row type was bound */
	bool		of_caller;		/* there are casts whose code is the caller's */
	bool		of_author;		/* or the author's */
	ExprContext *econtext;		/* of casts */
	struct FmgrInfo *populate;	/* jsonb_populate_record() */
	Datum		empty;			/* a row of NULLs */
} EgRuleRow;

extern EgRuleRow *eg_rule_row_create(TupleDesc columns, const EgText *text, const char *policy,
									 MemoryContext context);

/*
 * Fill the slot.  Errors UNDEFINED_COLUMN, DATATYPE_MISMATCH and those of casts.
 * The JSON object is converted with whatever rights are in force, which should be the
 * author's.  Casts of a tuple's columns run with the rights of the role whose code they
 * are, behind the gate: the author's or the caller's; INSUFFICIENT_PRIVILEGE when they are
 * another's.
 */
extern void eg_rule_row_tuple(EgRuleRow *r, HeapTupleHeader tuple);
extern void eg_rule_row_jsonb(EgRuleRow *r, Jsonb *row);

#endif							/* EG_RULES_H */
