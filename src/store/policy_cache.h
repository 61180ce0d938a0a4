/*-------------------------------------------------------------------------
 *
 * policy_cache.h
 *	  Policies of this backend, by registry and version id: parsed once, rules
 *	  compiled once.  A version never changes and a registry never reuses its id;
 *	  but the types of its columns and what its rules refer to may change in the
 *	  catalog, and then the policy is read again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_POLICY_CACHE_H
#define EG_POLICY_CACHE_H

#include "store/gate.h"
#include "store/policy.h"
#include "store/rules.h"

typedef struct EgPolicyCode
{
	int64		version_id;
	uint64		registry;		/* eg_registry_identity() */
	uint64		changes;		/* eg_catalog_changes, when it was read */
	int			version;
	char	   *name;			/* of the policy when it was read */
	EgText		text;			/* the rules: whose, under which path (gate.h) */
	EgPolicy   *policy;
	Jsonb	   *columns_json;
	TupleDesc	columns;		/* NULL until eg_policy_code_columns() */
	CachedExpression ***rules;	/* (layers, rules) or NULL: to be compiled */
} EgPolicyCode;

/* Pinned until the context `until` is reset or deleted. */
extern EgPolicyCode *eg_policy_code_get(int64 version_id, MemoryContext until);

/* False: what it was made from has changed, so it is to be got again. */
extern bool eg_policy_code_fits(const EgPolicyCode *code);

/* These two are called within eg_gate_run() of the text. */
extern TupleDesc eg_policy_code_columns(EgPolicyCode *code);
extern Node *eg_policy_code_rule(EgPolicyCode *code, int layer, int rule);

/* rule "large" of layer "hard rules" */
extern char *eg_rule_place(const EgLayer *l, int rule);

#endif							/* EG_POLICY_CACHE_H */
