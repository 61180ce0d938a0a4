/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The differences between PostgreSQL 14 and 18, all in one place.
 *
 * Include it after postgres.h in files that use one of these; elsewhere no
 * PG_VERSION_NUM is needed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_COMPAT_H
#define EG_COMPAT_H

#if PG_VERSION_NUM < 140000
#error "engage needs PostgreSQL 14 or later"
#endif

/* 16 moved the varlena macros out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16 gave this function a place for soft errors */
#if PG_VERSION_NUM >= 160000
#define eg_qualified_name_list(string)	stringToQualifiedNameList(string, NULL)
#else
#define eg_qualified_name_list(string)	stringToQualifiedNameList(string)
#endif

/* 18 replaced this by pg_noreturn, which has to stand elsewhere */
#ifndef pg_attribute_noreturn
#define pg_attribute_noreturn()			__attribute__((noreturn))
#endif

/* 16 made one function of those that check rights on an object */
#if PG_VERSION_NUM >= 160000
#define eg_namespace_aclcheck(schema, role, mode) \
	object_aclcheck(NamespaceRelationId, schema, role, mode)
#else
#define eg_namespace_aclcheck(schema, role, mode)	pg_namespace_aclcheck(schema, role, mode)
#endif

/* 17 made intervals infinite */
#if PG_VERSION_NUM >= 170000
#define EG_INTERVAL_NOT_FINITE(i)		INTERVAL_NOT_FINITE(i)
#else
#define EG_INTERVAL_NOT_FINITE(i)		false
#endif

/* 15 made MERGE a statement */
#if PG_VERSION_NUM >= 150000
#define EG_IS_MERGE(node)				IsA(node, MergeStmt)
#else
#define EG_IS_MERGE(node)				false
#endif

/* 16 gave all kinds of objects one function that looks at their rights */
#if PG_VERSION_NUM >= 160000
#define EG_FUNCTION_ACLCHECK(function, role) \
	object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#else
#define EG_FUNCTION_ACLCHECK(function, role) \
	pg_proc_aclcheck(function, role, ACL_EXECUTE)
#endif

/* 15 has one such function for each way to say the types of parameters */
#if PG_VERSION_NUM >= 150000
#define eg_parse_analyze(raw, sql, types, n)	parse_analyze_fixedparams(raw, sql, types, n, NULL)
#else
#define eg_parse_analyze(raw, sql, types, n)	parse_analyze(raw, sql, types, n, NULL)
#endif

/* 18 made PG_MODULE_MAGIC_EXT, which names the module and its version */
#if PG_VERSION_NUM >= 180000
#define EG_MODULE_MAGIC(module, ver)	PG_MODULE_MAGIC_EXT(.name = module, .version = ver)
#else
#define EG_MODULE_MAGIC(module, ver)	PG_MODULE_MAGIC
#endif

#endif							/* EG_COMPAT_H */
