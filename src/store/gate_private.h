/*-------------------------------------------------------------------------
 *
 * gate_private.h
 *	  What the files of the gate share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_GATE_PRIVATE_H
#define EG_GATE_PRIVATE_H

#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "store/gate.h"

/*
 * gate_names.c: raise an error unless all names in a plan or expression mean what they meant,
 * and the function may be run.  Of a plan; false: code, tables or types of other roles are near.
 */
extern bool eg_names_check_plan(const EgText *text, Oid author, SPIPlanPtr plan);
extern void eg_names_check_function(const EgText *text, Oid author, Oid function);
extern void eg_names_check_expr(const EgText *text, Oid author, Node *expr);

/* What is referred to. */
typedef struct EgFound
{
	List	   *relations;		/* oids */
	List	   *types;			/* of users, whose values it handles */
	List	   *functions;
	List	   *where;			/* of functions: the table that brings it along, or InvalidOid */
	Oid			table;			/* whose code is being looked through */
	bool		code_of_relations;	/* look for functions in indexes and checks, too */
} EgFound;

/* gate_found.c: relations that a query names, views as views */
extern List *eg_found_named(RawStmt *raw, const char *sql, Oid *types, int ntypes);

/* all that analysed and rewritten queries run */
extern EgFound eg_found_run(List *queries);

/* functions of an expression, and in values of the columns' types (columns may be NULL) */
extern List *eg_found_code(Node *expr, TupleDesc columns);

#endif							/* EG_GATE_PRIVATE_H */
