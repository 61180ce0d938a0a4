/*-------------------------------------------------------------------------
 *
 * gate.h
 *	  The one way in which SQL text of users is run: as its author, restricted,
 *	  read-only, under the search_path of then, with the names of then.
 *
 * A text is stored (the source of a recipe, what a monitor watches, a rule of a
 * policy) or given with the call.  A stored one runs with the rights of the role
 * that wrote it, and for nobody but members of that role and superusers, unless
 * what it answers was granted; so neither the author's rights can be borrowed
 * through it, nor can it borrow those of whoever runs it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_GATE_H
#define EG_GATE_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "utils/jsonb.h"

struct _SPI_plan;				/* executor/spi.h */

/* A stored text. */
typedef struct EgText
{
	const char *what;			/* for messages: 'the source of model "churn"' */
	const char *author;			/* name of the role that wrote it */
	const char *search_path;	/* in force when it was stored */
	const Jsonb *names;			/* eg_gate_names() of then; NULL: not known, and it does not run */
	int64		model_id;		/* a model that the author may use meanwhile, or 0 */
	bool		lent;			/* the caller was granted what it answers: need not be its author */
	bool		take_over;		/* a new author asks what the names mean now: owners may differ */
	bool		confirms;		/* it is the old author, who has accepted functions of others */
	const char *remedy;			/* hint for who may not run it, or when names have changed */
} EgText;

/*
 * Do work(arg) as the author of the text, in a subtransaction; text NULL: it was
 * given with this call, and runs as the current user under the present path.  In both
 * cases SECURITY_RESTRICTED_OPERATION and a read-only transaction hold, for
 * functions in the text, too.  What they leave (settings, cursors, notifications) is
 * undone: the subtransaction is rolled back also when all went well. An error is passed on.
 * Errors UNDEFINED_OBJECT (the author is gone), INSUFFICIENT_PRIVILEGE (the caller is no
 * member of the author).
 */
extern void eg_gate_run(const EgText *text, void (*work) (void *arg), void *arg);

/* The same for a text that was given; oids of the functions that it ran, however deep. */
extern List *eg_gate_run_watched(void (*work) (void *arg), void *arg);

/* The same for a cursor of a text that was given: it stays open. */
extern void eg_gate_run_cursor(void (*work) (void *arg), void *arg);

/*
 * May the current user have the text run?  Without its author it does not run anyway.  The
 * second raises the error that eg_gate_run() would raise.
 */
extern bool eg_gate_allows(const EgText *text);
extern void eg_gate_require(const EgText *text);

/* Does a stored text that this role runs lend it the use of the model? */
extern bool eg_gate_lends(Oid user, int64 model_id);

/*
 * SPI_prepare() of SQL that holds a text of users, within eg_gate_run().  What names in
 * a stored text mean must be what they meant when it was stored, see gate_names.c:
 * error OBJECT_NOT_IN_PREREQUISITE_STATE.
 */
extern struct _SPI_plan *eg_gate_prepare(const char *sql, int nargs, Oid *types,
										 int cursor_options);

/* The same of an expression that was parsed within eg_gate_run(). */
extern void eg_gate_check_expr(Node *expr);

/*
 * Within eg_gate_run(): what the names in queries (char *) mean now to the current user,
 * {"relations": {"public.t": owner}, "functions": {"public.f(integer)": owner}}; to be stored
 * with the text.  functions: oids of others that count as accepted by the author.
 */
extern Jsonb *eg_gate_names(List *queries, List *functions);

/* When the library is loaded. */
extern void eg_gate_init(void);

/* The same of parsed expressions over columns, or NULL, of such types. */
extern Jsonb *eg_gate_expr_names(List *exprs, TupleDesc columns);

/*
 * Whose code an expression is: the server's own, all of the author's, all of the current
 * user's or of superusers, who are trusted by everybody; or others', of which *other is a function.
 */
typedef enum EgCode
{
	EG_CODE_OF_SERVER,
	EG_CODE_OF_AUTHOR,
	EG_CODE_OF_CALLER,
	EG_CODE_OF_OTHERS
} EgCode;

extern EgCode eg_gate_whose(Node *expr, Oid author, Oid *other);

/* Is a type the server's, or one of the role or of a superuser? */
extern bool eg_gate_type_is_of(Oid type, Oid role);

/* "public.t" of such names, NULL unless it is the only relation. */
extern char *eg_gate_only_relation(const Jsonb *names);

/*
 * Do work(arg) in a subtransaction.  NULL when it went well, else it is undone
 * and its error's text returned, palloc'd.  A cancel and a serialization
 * failure are errors of the caller's, too.
 */
extern char *eg_attempt(void (*work) (void *arg), void *arg);

#endif							/* EG_GATE_H */
