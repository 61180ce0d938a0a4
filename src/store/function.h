/*-------------------------------------------------------------------------
 *
 * function.h
 *	  engage's own functions as objects of the catalog: found among the members
 *	  of the extension, and who may execute them.
 *
 * A name and arguments are not enough: who may create in the schema that engage
 * is installed in plants an overload that fits better, or makes every call
 * ambiguous by one that has a further default.  So functions are called by
 * their OID (call.h), and SQL that has to name one names its twin in schema
 * engage, where nobody but the owner of the extension creates anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FUNCTION_H
#define EG_FUNCTION_H

#include "postgres.h"

/* An argument by name; as text, which the declared type reads; NULL is NULL. */
typedef struct EgArg
{
	const char *name;			/* NULL: the end of a list */
	const char *value;
} EgArg;

/* EG_ARGS({"model", "churn"}, {"deploy", NULL}) */
#define EG_ARGS(...)	((const EgArg[]) {__VA_ARGS__, {NULL, NULL}})

/* The argument of that name, or NULL. */
extern const EgArg *eg_arg_find(const EgArg *args, const char *name);

/*
 * The member of the extension that has this name and these arguments, all others having
 * defaults.  Of the forms for a row the one of jsonb: a record cannot be given as text, and
 * those of text and json only call it.
 */
extern Oid	eg_function_find(const char *name, const EgArg *args);

typedef struct EgParameter
{
	char	   *name;
	Oid			type;
	bool		required;		/* it has no default */
} EgParameter;

/* The arguments that a function takes, palloc'd. */
extern EgParameter *eg_function_parameters(Oid function, int *n);

/* The same of the form with the most arguments of a member of the extension. */
extern EgParameter *eg_member_parameters(const char *name, int *n);

/*
 * The function that one in schema engage stands for, as engage.check(text) for
 * engage_check(text), and engage.predict_columns() for engage_predict(text, record); of all
 * others themselves.
 */
extern Oid	eg_function_public(Oid function);

/* Error unless the current user may execute what the function stands for. */
extern void eg_require_execute(Oid function);

/* Another number after rights to functions, members of roles or functions have changed. */
extern uint64 eg_rights_generation(void);

/* What the planner may put in place of engage_predict(text, record) or its twin, or InvalidOid. */
extern Oid	eg_function_over_columns(Oid function);

#endif							/* EG_FUNCTION_H */
