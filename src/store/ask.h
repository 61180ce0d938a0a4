/*-------------------------------------------------------------------------
 *
 * ask.h
 *	  Questions in SQL, asked as the invoker: for what is made of other
 *	  functions' answers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ASK_H
#define EG_ASK_H

#include "store/call.h"
#include "utils/jsonb.h"

/*
 * Run one SELECT, read-only, with text arguments $1 .. (NULL is NULL), as the
 * current user with the current search_path, where anybody may have put functions,
 * operators and types of the same names: all names must be qualified, operators written as
 * OPERATOR(pg_catalog.=), and the types of what they take be exactly theirs.  The first
 * column of the first row, as text or jsonb, palloc'd in CurrentMemoryContext;
 * NULL when there is none.
 */
extern char *eg_ask_text(const char *sql, int nargs, const char *const *args);
extern Jsonb *eg_ask_jsonb(const char *sql, int nargs, const char *const *args);

/* What the rows of a function are called in SQL that reads them. */
#define EG_ROWS		"engage_rows"

/*
 * A question that a function of engage answers by its value (no sql), SQL over
 * the rows of such a function, or SQL alone (no function).
 */
typedef struct EgQuestion
{
	const char *sql;			/* or NULL */
	int			nargs;
	const char *const *args;	/* $1 .. of sql */
	const char *function;		/* or NULL */
	const EgArg *call;			/* its arguments */
} EgQuestion;

extern char *eg_question_text(const EgQuestion *q);
extern Jsonb *eg_question_jsonb(const EgQuestion *q);

#endif							/* EG_ASK_H */
