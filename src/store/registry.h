/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  How the registry's tables are reached, and what is done to models
 *	  besides training and scoring them: roll back, drop, grant, rename.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_REGISTRY_H
#define EG_REGISTRY_H

#include "base/compat.h"
#include "nodes/pg_list.h"
#include "store/models.h"

/*
 * A visit to the registry: SPI, as the extension's owner, search_path pg_catalog.
 * An error needs no clean-up: aborting the (sub)transaction restores all three.
 */
typedef struct EgVisit
{
	Oid			user;			/* who came */
	int			security;
	int			guc_level;
	MemoryContext caller;		/* results are copied there */
} EgVisit;

extern void eg_visit_begin(EgVisit *v);
extern void eg_visit_end(EgVisit *v);

struct _SPI_plan;				/* executor/spi.h */

/* only the user switch and SPI: for saved plans whose names and operators are all qualified */
extern void eg_visit_begin_fast(EgVisit *v);

/*
 * Run one statement.  args has a letter for each parameter, its value follows:
 * t text (const char *), n name (const char *), l int64, i int, d double,
 * j Jsonb *, b bytea *; a NULL pointer is an SQL NULL.  Returns the rows.
 * read: with the caller's snapshot, which parallel workers and standbys need;
 * write: sees everything committed until now and what this transaction did.
 */
extern uint64 eg_visit_read(const char *sql, const char *args,...);
extern uint64 eg_visit_write(const char *sql, const char *args,...);

/*
 * For the hot path: prepared at its first use and kept in *plan, run with the
 * caller's snapshot; at most limit rows (0: all).  Every name and operator
 * must be qualified.
 */
extern uint64 eg_visit_saved(struct _SPI_plan **plan, const char *sql, int nargs, Oid *types,
							 Datum *values, int limit);

/* Values of the last result, col from 1; copied to the caller's context; NULL or 0 for SQL NULL. */
extern Datum eg_visit_datum(uint64 row, int col, bool *isnull);
extern char *eg_visit_text(EgVisit *v, uint64 row, int col);
extern int64 eg_visit_int64(uint64 row, int col);
extern int	eg_visit_int(uint64 row, int col);
extern double eg_visit_double(uint64 row, int col);
extern bool eg_visit_bool(uint64 row, int col);
extern Jsonb *eg_visit_jsonb(EgVisit *v, uint64 row, int col);

/* May the role do this to a model of that owner?  Only within a visit. */
extern bool eg_models_allowed(Oid user, int64 model_id, const char *owner, EgPrivilege privilege);
/* May the role score with a model? */
extern bool eg_models_may_use(Oid user, int64 model_id);
extern void eg_models_require(EgVisit *v, int64 model_id, const char *name, const char *owner,
							  EgPrivilege privilege);

/* Raise UNDEFINED_OBJECT with a hint that names the nearest model.  Only within a visit. */
extern void eg_models_unknown(EgVisit *v, const char *name) pg_attribute_noreturn();

/* The same for a version; text as the user wrote it. */
extern void eg_models_unknown_version(EgVisit *v, int64 model_id, const char *name,
									  const char *version) pg_attribute_noreturn();

/*
 * 'churn@1.2': name palloc'd, numbers given (0..3), the rest -1; version points into
 * reference or is NULL
 */
extern char *eg_reference_parse(const char *reference, int number[3], const char **version);
extern void eg_version_parse(const char *text, int number[3]);

/* Error INVALID_PARAMETER_VALUE unless name can be a model's. */
extern void eg_model_name_check(const char *name);
extern char *eg_clip(const char *text, int limit);

/* Version rows without asking for rights: id 0 of the result when there is none. */
extern EgVersionRow *eg_models_version_by_id(int64 version_id);

/* "1.2.0" of a version, palloc'd */
extern char *eg_version_text(const EgVersionRow *v);

/* Member of a JSON object as text or number; NULL or false when absent or null. */
extern char *eg_jsonb_text(const Jsonb *object, const char *key);
extern bool eg_jsonb_number(const Jsonb *object, const char *key, double *value);

/* Insert one part of a version.  Only within a visit. */
extern void eg_artifact_put(int64 version_id, int part, const EgArtifactPart *a);

/* The same for a section alone.  Only within a visit. */
extern void eg_artifact_put_section(int64 version_id, int part, const char *value,
									const char *section, const char *bytes, Size len);

/* A section of part 0; NULL: the version has none. */
extern char *eg_artifact_section(int64 version_id, const char *section, Size *len);

/* id of a version of a model that was got, for deployment; number as of eg_version_parse */
extern int64 eg_models_find_version(const EgModelRow *m, const char *version);

/* Undo the last deployment; returns the version that scores now. */
extern int64 eg_models_rollback(const EgModelRow *m);

extern void eg_models_drop(const EgModelRow *m);
extern void eg_models_drop_version(const EgModelRow *m, int64 version_id);
extern void eg_models_grant(const EgModelRow *m, const char *role);
extern void eg_models_revoke(const EgModelRow *m, const char *role);
extern void eg_models_set_owner(const EgModelRow *m, const char *role);
extern void eg_models_rename(const EgModelRow *m, const char *name);

/* The detail of an event: an object with one member. */
extern Jsonb *eg_event_detail(const char *key, const char *value);

/* For the model card. */
typedef struct EgVersionLine
{
	int64		id;
	char	   *version;
	char	   *algorithm;
	char	   *created;		/* '2024-06-01 12:00' */
	char	   *created_by;
	char	   *library;
	char	   *extension;
	int64		bytes;
	double		seconds;
	bool		deployed;
	char	   *deployed_at;	/* NULL unless deployed */
	Jsonb	   *metrics;
} EgVersionLine;

extern List *eg_models_version_lines(int64 model_id);	/* newest first */
/* The last `limit` changes, newest first. */
typedef struct EgEventLine
{
	char	   *at;				/* as above */
	char	   *who;
	char	   *action;
	char	   *version;		/* or NULL */
	char	   *detail;			/* JSON, or NULL */
} EgEventLine;

/* everything: with what is not for all who may use the model */
extern List *eg_models_event_lines(int64 model_id, int limit, bool everything);
extern List *eg_models_grantees(int64 model_id);	/* of char * */
extern char *eg_models_owner_name(int64 model_id);

/*
 * CREATE VIEW as the invoker: keys of the source, score, class or quantiles,
 * version.  Returns the view's name, quoted.
 */
extern char *eg_models_create_view(const char *view, const char *reference, const char *source,
								   const char *key);

#endif							/* EG_REGISTRY_H */
