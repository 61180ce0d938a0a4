/*-------------------------------------------------------------------------
 *
 * models.c
 *	  The registry's door: visits as the extension's owner, rights, models.
 *
 * Nobody but the extension's owner can touch the registry's tables.  Code
 * that has checked the caller's rights visits them as that owner, the way
 * foreign keys visit the table they refer to (ri_PerformCheck).  Within a
 * visit search_path is pg_catalog, so that a plain "=" is the server's own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "store/gate.h"
#include "store/registry.h"
#include "store/roles.h"
#include "store/sequences.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#define MAX_ARGS			20
#define MAX_MODEL_NAME		128 /* bytes */

/* ---------------------------------------------------------------------------
 * Visits
 * ---------------------------------------------------------------------------
 */

/* Whoever owns engage.model owns the extension; it may change, so it is looked up. */
static Oid
registry_owner(void)
{
	Oid			namespace = get_namespace_oid("engage", true);
	HeapTuple	tuple;
	Oid			owner;

	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum("model"), ObjectIdGetDatum(namespace));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the registry of models does not exist"),
				 errdetail("The table engage.model is missing."),
				 errhint("Run CREATE EXTENSION engage.")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Citus refuses to read its tables inside a function that a worker runs for
 * each row, unless told that the tables are local or reference tables.
 */
static void
allow_nested_execution(EgVisit *v)
{
	static const char *const name = "citus.allow_nested_distributed_execution";

	if (GetConfigOption(name, true, false) == NULL)
		return;
	v->guc_level = NewGUCNestLevel();
	(void) set_config_option(name, "on", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
eg_visit_begin_fast(EgVisit *v)
{
	Oid			owner = registry_owner();

	v->caller = CurrentMemoryContext;
	GetUserIdAndSecContext(&v->user, &v->security);
	v->guc_level = 0;
	SPI_connect();
	SetUserIdAndSecContext(owner, v->security | SECURITY_LOCAL_USERID_CHANGE);
	allow_nested_execution(v);
}

void
eg_visit_begin(EgVisit *v)
{
	eg_visit_begin_fast(v);
	if (v->guc_level == 0)
		v->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
eg_visit_end(EgVisit *v)
{
	SetUserIdAndSecContext(v->user, v->security);
	SPI_finish();
	if (v->guc_level != 0)
		AtEOXact_GUC(true, v->guc_level);
	MemoryContextSwitchTo(v->caller);
}

static uint64
visit_run(const char *sql, bool read_only, const char *args, va_list ap)
{
	Oid			types[MAX_ARGS];
	Datum		values[MAX_ARGS];
	char		nulls[MAX_ARGS] = {0};
	int			n = strlen(args);
	int			code;

	Assert(n <= MAX_ARGS);
	for (int i = 0; i < n; i++)
	{
		const void *pointer = NULL;

		nulls[i] = ' ';
		switch (args[i])
		{
			case 'l':
				types[i] = INT8OID;
				values[i] = Int64GetDatum(va_arg(ap, int64));
				continue;
			case 'i':
				types[i] = INT4OID;
				values[i] = Int32GetDatum(va_arg(ap, int));
				continue;
			case 'd':
				types[i] = FLOAT8OID;
				values[i] = Float8GetDatum(va_arg(ap, double));
				continue;
			case 't':
				types[i] = TEXTOID;
				pointer = va_arg(ap, const char *);
				values[i] = pointer ? CStringGetTextDatum((const char *) pointer) : (Datum) 0;
				break;
			case 'n':
				types[i] = NAMEOID;
				pointer = va_arg(ap, const char *);
				values[i] =
					pointer ? DirectFunctionCall1(namein, CStringGetDatum(pointer)) : (Datum) 0;
				break;
			case 'j':
				types[i] = JSONBOID;
				pointer = va_arg(ap, const void *);
				values[i] = PointerGetDatum(pointer);
				break;
			case 'b':
				types[i] = BYTEAOID;
				pointer = va_arg(ap, const void *);
				values[i] = PointerGetDatum(pointer);
				break;
			default:
				elog(ERROR, "unexpected argument letter \"%c\"", args[i]);
		}
		if (pointer == NULL)
			nulls[i] = 'n';
	}

	if (!read_only)
		eg_sequence_check(sql);
	code = SPI_execute_with_args(sql, n, types, values, nulls, read_only, 0);
	if (code < 0)
		elog(ERROR, "SPI failed in the registry: %s", SPI_result_code_string(code));
	return SPI_processed;
}

uint64
eg_visit_read(const char *sql, const char *args,...)
{
	va_list		ap;
	uint64		n;

	va_start(ap, args);
	n = visit_run(sql, true, args, ap);
	va_end(ap);
	return n;
}

uint64
eg_visit_write(const char *sql, const char *args,...)
{
	va_list		ap;
	uint64		n;

	va_start(ap, args);
	n = visit_run(sql, false, args, ap);
	va_end(ap);
	return n;
}

uint64
eg_visit_saved(SPIPlanPtr *plan, const char *sql, int nargs, Oid *types, Datum *values, int limit)
{
	int			code;

	if (*plan == NULL)
	{
		SPIPlanPtr	fresh = SPI_prepare(sql, nargs, types);

		if (fresh == NULL || SPI_keepplan(fresh) != 0)
			elog(ERROR, "SPI failed in the registry: %s", SPI_result_code_string(SPI_result));
		*plan = fresh;
	}
	code = SPI_execute_plan(*plan, values, NULL, true, limit);
	if (code < 0)
		elog(ERROR, "SPI failed in the registry: %s", SPI_result_code_string(code));
	return SPI_processed;
}

Datum
eg_visit_datum(uint64 row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

char *
eg_visit_text(EgVisit *v, uint64 row, int col)
{
	char	   *s = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);

	return s ? MemoryContextStrdup(v->caller, s) : NULL;
}

int64
eg_visit_int64(uint64 row, int col)
{
	bool		isnull;
	Datum		d = eg_visit_datum(row, col, &isnull);

	return isnull ? 0 : DatumGetInt64(d);
}

int
eg_visit_int(uint64 row, int col)
{
	bool		isnull;
	Datum		d = eg_visit_datum(row, col, &isnull);

	return isnull ? 0 : DatumGetInt32(d);
}

double
eg_visit_double(uint64 row, int col)
{
	bool		isnull;
	Datum		d = eg_visit_datum(row, col, &isnull);

	return isnull ? 0.0 : DatumGetFloat8(d);
}

bool
eg_visit_bool(uint64 row, int col)
{
	bool		isnull;
	Datum		d = eg_visit_datum(row, col, &isnull);

	return !isnull && DatumGetBool(d);
}

Jsonb *
eg_visit_jsonb(EgVisit *v, uint64 row, int col)
{
	bool		isnull;
	Datum		d = eg_visit_datum(row, col, &isnull);
	MemoryContext old;
	Jsonb	   *copy;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(v->caller);
	copy = DatumGetJsonbPCopy(d);
	MemoryContextSwitchTo(old);
	return copy;
}

/* ---------------------------------------------------------------------------
 * Rights
 * ---------------------------------------------------------------------------
 */

/*
 * The owner is a role's name, because names survive dump and restore; when
 * the role is gone the model is the superusers' until engage_set_owner().
 */
bool
eg_models_allowed(Oid user, int64 model_id, const char *owner, EgPrivilege privilege)
{
	static SPIPlanPtr plan = NULL;
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(model_id);
	uint64		n;

	if (eg_role_includes(user, owner))
		return true;
	if (privilege != EG_PRIV_USE)
		return false;
	if (eg_gate_lends(user, model_id))
		return true;

	n = eg_visit_saved(&plan, "SELECT role FROM engage.privilege"
					   " WHERE model_id OPERATOR(pg_catalog.=) $1", 1, &type, &value, 0);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Name		grantee = DatumGetName(eg_visit_datum(i, 1, &isnull));

		if (strcmp(NameStr(*grantee), "public") == 0 ||
			eg_role_includes(user, NameStr(*grantee)))
			return true;
	}
	return false;
}

bool
eg_models_may_use(Oid user, int64 model_id)
{
	EgVisit		v;
	bool		allowed;

	eg_visit_begin(&v);
	allowed = eg_visit_read("SELECT owner FROM engage.model WHERE id = $1", "l", model_id) == 0 ||
		eg_models_allowed(user, model_id, eg_visit_text(&v, 0, 1), EG_PRIV_USE);
	eg_visit_end(&v);
	return allowed;
}

void
eg_models_require(EgVisit *v, int64 model_id, const char *name, const char *owner,
				  EgPrivilege privilege)
{
	if (eg_models_allowed(v->user, model_id, owner, privilege))
		return;
	if (privilege == EG_PRIV_MANAGE)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of model \"%s\"", name),
				 errdetail("The model belongs to role \"%s\".", owner)));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for model \"%s\"", name),
			 errhint("The owner, role \"%s\", can allow it with engage_grant('%s', '%s').",
					 owner, name, GetUserNameFromId(v->user, false))));
}

/* The models that the visitor may use: all their names in one line, or the one most like `name`. */
static char *
known_models(EgVisit *v, const char *name)
{
	List	   *names = NIL;
	ListCell   *cell;
	StringInfoData list;
	uint64 n =
		eg_visit_read("SELECT id, name, owner FROM engage.model ORDER BY name LIMIT 200", "");
	SPITupleTable *table = SPI_tuptable;
	const char *nearest = NULL;
	int			best = INT_MAX;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));
		char	   *known = SPI_getvalue(table->vals[i], table->tupdesc, 2);
		char	   *owner = SPI_getvalue(table->vals[i], table->tupdesc, 3);
		int			distance;

		if (!eg_models_allowed(v->user, id, owner, EG_PRIV_USE))
			continue;
		names = lappend(names, known);
		distance = varstr_levenshtein(known, strlen(known), name, strlen(name), 1, 1, 1, true);
		if (distance < best)
		{
			best = distance;
			nearest = known;
		}
	}

	initStringInfo(&list);
	if (names == NIL)
		appendStringInfoString(&list, "No model is yours to use; engage_train() makes one.");
	else if (best <= (int) strlen(name) / 3 + 1)
		appendStringInfo(&list, "Perhaps you meant \"%s\".", nearest);
	else if (list_length(names) > 10)
		appendStringInfoString(&list, "The view engage.models lists the models.");
	else
	{
		foreach(cell, names)
			appendStringInfo(&list, "%s\"%s\"", cell == list_head(names) ? "Known models: " : ", ",
							 (char *) lfirst(cell));
		appendStringInfoChar(&list, '.');
	}
	return list.data;
}

void
eg_models_unknown(EgVisit *v, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" does not exist", name),
			 errhint("%s", strlen(name) <= MAX_MODEL_NAME ? known_models(v, name) :
					 "The view engage.models lists the models.")));
}

/* ---------------------------------------------------------------------------
 * Models
 * ---------------------------------------------------------------------------
 */

/* The beginning of a text for a message, cut between characters. */
char *
eg_clip(const char *text, int limit)
{
	int			len = strlen(text);

	return pnstrdup(text, pg_mbcliplen(text, len, limit));
}

/* '@' starts a version in a reference; control characters would spoil messages. */
void
eg_model_name_check(const char *name)
{
	int			len = strlen(name);
	const char *why = NULL;

	if (len == 0)
		why = "it is empty";
	else if (len > MAX_MODEL_NAME)
		why = "it is longer than 128 bytes";
	else if (strchr(name, '@') != NULL)
		why = "\"@\" separates a name from a version";
	else if (name[0] == ' ' || name[len - 1] == ' ')
		why = "it begins or ends with a space";
	for (int i = 0; i < len && why == NULL; i++)
	{
		if ((unsigned char) name[i] < ' ' || name[i] == 0x7f)
			why = "it holds a control character";
	}
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid model name \"%s\": %s", eg_clip(name, MAX_MODEL_NAME), why)));
}

#define MODEL_QUERY "SELECT id, name, owner, deployed, split FROM engage.model WHERE name = $1"

EgModelRow *
eg_models_get(const char *name, bool missing_ok, EgPrivilege privilege, bool lock)
{
	EgModelRow *m = palloc0(sizeof(EgModelRow));
	EgVisit		visit;
	uint64		n;

	eg_visit_begin(&visit);
	if (lock)
		n = eg_visit_write(MODEL_QUERY " FOR NO KEY UPDATE", "t", name);
	else
		n = eg_visit_read(MODEL_QUERY, "t", name);

	if (n > 0)
	{
		char	   *owner = eg_visit_text(&visit, 0, 3);

		m->id = eg_visit_int64(0, 1);
		m->name = eg_visit_text(&visit, 0, 2);
		m->owner = eg_role_oid(owner);
		m->deployed = eg_visit_int64(0, 4);
		m->split = eg_visit_jsonb(&visit, 0, 5);
		eg_models_require(&visit, m->id, m->name, owner, privilege);
	}
	else if (!missing_ok)
		eg_models_unknown(&visit, name);
	eg_visit_end(&visit);
	return m;
}

/*
 * Two sessions may train the same new model at once.  The second waits here
 * until the first commits, and adds its version to the other's model when
 * both hold out the same rows; else the two could not be compared.
 */
EgModelRow *
eg_models_create(const char *name, Jsonb *split)
{
	EgVisit		visit;
	EgModelRow *m;
	uint64		inserted;

	eg_model_name_check(name);
	eg_role_note(GetUserNameFromId(GetUserId(), false));
	eg_visit_begin(&visit);
	inserted = eg_visit_write("INSERT INTO engage.model (name, owner, split) VALUES ($1, $2, $3)"
							  " ON CONFLICT (name) DO NOTHING", "tnj",
							  name, GetUserNameFromId(visit.user, false), split);
	eg_visit_end(&visit);

	m = eg_models_get(name, true, EG_PRIV_MANAGE, true);
	if (m->id == 0 ||
		(inserted == 0 &&
		 ((m->split == NULL) != (split == NULL) ||
		  (split != NULL && compareJsonbContainers(&m->split->root, &split->root) != 0))))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("model \"%s\" was created by another session meanwhile", name),
				 errhint("Repeat the call to add a version to that model.")));
	if (inserted > 0)
		eg_models_event(m->id, name, NULL, "create", NULL);
	return m;
}

void
eg_models_event(int64 model_id, const char *model, const char *version, const char *action,
				Jsonb *detail)
{
	EgVisit		visit;

	eg_role_note(GetUserNameFromId(GetUserId(), false));
	eg_visit_begin(&visit);
	eg_visit_write("INSERT INTO engage.event (who, login, model_id, model, version, action, detail)"
				   " VALUES ($1, $2, $3, $4, $5, $6, $7)", "nnltttj",
				   GetUserNameFromId(visit.user, false),
				   GetUserNameFromId(GetSessionUserId(), false),
				   model_id, model, version, action, detail);
	eg_visit_end(&visit);
}
