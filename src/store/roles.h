/*-------------------------------------------------------------------------
 *
 * roles.h
 *	  Roles that the registry knows by name, and what is for whom to see.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ROLES_H
#define EG_ROLES_H

#include "store/models.h"

/*
 * The role that a stored name stands for.  InvalidOid: it is gone, or in this
 * cluster another role has its name now.  Works in parallel workers and on a standby.
 */
extern Oid	eg_role_oid(const char *name);

/* Where the role that a stored name stood for has another name in this cluster now: that one, or NULL. */
extern char *eg_role_renamed(const char *name);

/* Is the user a superuser, or has the rights of the role that the stored name stands for? */
extern bool eg_role_includes(Oid user, const char *name);

/*
 * Before a role's name is stored: remember which role it is.  Error
 * INSUFFICIENT_PRIVILEGE when an earlier role of that name has left something.
 */
extern void eg_role_note(const char *name);

/* The role of that name takes over what an earlier one has left; returns how much that is. */
extern int64 eg_role_admit(const char *name);

/* What the view engage.orphans says about a model, in a line; NULL: nothing. */
extern char *eg_role_orphans(int64 model_id);

/* Is the current user the owner of the version's model, its author, or superuser? */
extern bool eg_version_is_open(const EgVersionRow *v);

/* The same of a version of a policy. */
extern bool eg_policy_is_open(int64 policy_version_id);

/*
 * What everybody who may use a model sees of one of its documents: 'recipe' and
 * 'data' of a version, 'event' and 'check' for the details of those.  A member that
 * is not listed is for the owner and the author.  *hidden: names of what was left
 * out, in one line, or NULL.  The result is NULL when nothing is left.
 */
extern Jsonb *eg_seen(const char *document, Jsonb *whole, char **hidden);

#endif							/* EG_ROLES_H */
