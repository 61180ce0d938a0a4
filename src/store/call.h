/*-------------------------------------------------------------------------
 *
 * call.h
 *	  Calls of engage's own functions from C, by OID: for what is made of other
 *	  functions' answers.
 *
 * The function is a member of the extension (function.h), whatever else has its
 * name.  It runs as the current user, who needs the right to EXECUTE it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CALL_H
#define EG_CALL_H

#include "store/function.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

/* The value of a function that returns text or jsonb, in CurrentMemoryContext, or NULL. */
extern char *eg_call_text(const char *function, const EgArg *args);
extern Jsonb *eg_call_jsonb(const char *function, const EgArg *args);

/* The rows of a function; they live until eg_rows_free(). */
typedef struct EgRows
{
	struct EState *estate;
	Tuplestorestate *store;
	TupleDesc	desc;
} EgRows;

extern EgRows *eg_call_rows(const char *function, const EgArg *args);
extern void eg_rows_free(EgRows *rows);

/* The same of one that writes: it sees what was written before, and its caller what it wrote. */
extern EgRows *eg_call_write(const char *function, const EgArg *args);

/* A column of the first row, in CurrentMemoryContext; NULL or false for NULL. */
extern char *eg_rows_text(EgRows *rows, const char *column);
extern Jsonb *eg_rows_jsonb(EgRows *rows, const char *column);
extern bool eg_rows_true(EgRows *rows, const char *column);

#endif							/* EG_CALL_H */
