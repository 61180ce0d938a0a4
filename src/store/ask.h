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

#include "utils/jsonb.h"

/*
 * Run one SELECT, read-only, with text arguments $1 .. (NULL is NULL), as the
 * current user with the current search_path; names should be qualified.  The first
 * column of the first row, as text or jsonb, palloc'd in CurrentMemoryContext;
 * NULL when there is none.
 */
extern char *eg_ask_text(const char *sql, int nargs, const char *const *args);
extern Jsonb *eg_ask_jsonb(const char *sql, int nargs, const char *const *args);

#endif							/* EG_ASK_H */
