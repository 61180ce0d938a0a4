/*-------------------------------------------------------------------------
 *
 * function.c
 *	  engage's own functions as objects of the catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "store/function.h"

#define OUR_SCHEMA	"engage"
#define PREFIX		"engage_"
#define COLUMNS		"_columns"

/* ----------
 * Members
 * ----------
 */

static Oid
our_schema(void)
{
	return get_namespace_oid(OUR_SCHEMA, true);
}

/* Who ran the script of the extension: who created the extension, or the server for him. */
static Oid
script_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(our_schema()));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/*
 * Functions of that name that the script of the extension made, whatever their schema.  The
 * owner of a trusted extension can add functions to it; but they are not the server's.
 */
static List *
members(const char *name)
{
	Oid			extension = get_extension_oid("engage", false);
	Oid			owner = script_owner();
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	List	   *found = NIL;
	int			i;

	for (i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (proc->proowner == owner &&
			getExtensionOfObject(ProcedureRelationId, proc->oid) == extension)
			found = lappend_oid(found, proc->oid);
	}
	ReleaseSysCacheList(list);
	return found;
}

EgParameter *
eg_function_parameters(Oid function, int *n)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	EgParameter *parameters;
	Datum		names,
				modes;
	bool		unnamed,
				in_only;
	char	  **words = NULL;
	int			nwords;
	int			i;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	names = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargnames, &unnamed);
	modes = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargmodes, &in_only);
	nwords = unnamed ? 0 : get_func_input_arg_names(names, in_only ? (Datum) 0 : modes, &words);
	*n = proc->pronargs;
	parameters = palloc0(sizeof(EgParameter) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		parameters[i].name = i < nwords && words[i] ? words[i] : "";
		parameters[i].type = proc->proargtypes.values[i];
		parameters[i].required = i < *n - proc->pronargdefaults;
	}
	ReleaseSysCache(tuple);
	return parameters;
}

const EgArg *
eg_arg_find(const EgArg *args, const char *name)
{
	for (; args->name; args++)
	{
		if (strcmp(args->name, name) == 0)
			return args;
	}
	return NULL;
}

/* Has it all arguments that are given, and defaults for the rest? */
static bool
fits(Oid function, const EgArg *args)
{
	int			n;
	EgParameter *p = eg_function_parameters(function, &n);
	int			used = 0;
	int			count = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (eg_arg_find(args, p[i].name) == NULL)
		{
			if (p[i].required)
				return false;
			continue;
		}
		if (get_typtype(p[i].type) == TYPTYPE_PSEUDO ||
			(p[i].type != JSONBOID && strcmp(p[i].name, "row") == 0))
			return false;
		used++;
	}
	while (args[count].name)
		count++;
	return used == count;
}

Oid
eg_function_find(const char *name, const EgArg *args)
{
	Oid			found = InvalidOid;
	ListCell   *lc;

	foreach(lc, members(name))
	{
		if (!fits(lfirst_oid(lc), args))
			continue;
		if (OidIsValid(found))
			elog(ERROR, "more than one function %s of extension engage has these arguments", name);
		found = lfirst_oid(lc);
	}
	if (!OidIsValid(found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("extension \"engage\" has no function %s() with the arguments that are needed",
						name),
				 errhint("Create the extension anew, or give it back its function.")));
	return found;
}

EgParameter *
eg_member_parameters(const char *name, int *n)
{
	EgParameter *most = NULL;
	ListCell   *lc;

	*n = 0;
	foreach(lc, members(name))
	{
		int			count;
		EgParameter *p = eg_function_parameters(lfirst_oid(lc), &count);

		if (most == NULL || count > *n)
		{
			most = p;
			*n = count;
		}
	}
	return most;
}

/* ----------
 * What a function of schema engage stands for
 * ----------
 */

typedef struct Counterpart
{
	Oid			function;		/* key */
	Oid			counterpart;
} Counterpart;

static HTAB *counterparts = NULL;
static uint64 generation = 1;
static uint64 counterparts_of = 0;	/* the generation that they were found in */

static void
rights_changed(Datum arg, int cache, uint32 hash)
{
	generation++;
}

uint64
eg_rights_generation(void)
{
	static bool registered = false;

	if (!registered)
	{
		/* all that the right to execute a function depends on */
		CacheRegisterSyscacheCallback(PROCOID, rights_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, rights_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, rights_changed, (Datum) 0);
		registered = true;
	}
	return generation;
}

static Oid
member_with(const char *name, int ntypes, const Oid *types)
{
	ListCell   *lc;

	foreach(lc, members(name))
	{
		HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(lfirst_oid(lc)));
		bool		same = false;

		if (HeapTupleIsValid(tuple))
		{
			Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

			same = proc->pronargs == ntypes &&
				memcmp(proc->proargtypes.values, types, sizeof(Oid) * ntypes) == 0;
			ReleaseSysCache(tuple);
		}
		if (same)
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

static Oid
find_counterpart(Oid function)
{
	static const Oid row[] = {TEXTOID, RECORDOID};
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	char	   *name;
	Size		len;
	Oid			found = function;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->pronamespace == our_schema())
	{
		name = psprintf(PREFIX "%s", NameStr(proc->proname));
		len = strlen(name);
		if (len > strlen(COLUMNS) && strcmp(name + len - strlen(COLUMNS), COLUMNS) == 0)
		{
			name[len - strlen(COLUMNS)] = '\0';
			found = member_with(name, lengthof(row), row);
		}
		else
			found = member_with(name, proc->pronargs, proc->proargtypes.values);
	}
	ReleaseSysCache(tuple);
	return found;
}

Oid
eg_function_public(Oid function)
{
	uint64		now = eg_rights_generation();
	Counterpart *c;
	Oid			found;

	if (counterparts_of != now)
	{
		/* functions have come or gone, and an OID may be another's now */
		if (counterparts)
			hash_destroy(counterparts);
		counterparts = NULL;
	}
	if (counterparts == NULL)
	{
		HASHCTL		info = {0};

		info.keysize = sizeof(Oid);
		info.entrysize = sizeof(Counterpart);
		counterparts = hash_create("engage functions", 16, &info, HASH_ELEM | HASH_BLOBS);
		counterparts_of = now;
	}
	c = hash_search(counterparts, &function, HASH_FIND, NULL);
	if (c)
		return c->counterpart;

	found = find_counterpart(function);
	if (!OidIsValid(found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("extension \"engage\" lacks the function that %s.%s() stands for", OUR_SCHEMA,
						get_func_name(function)),
				 errhint("Create the extension anew, or give it back its function.")));

	/* the catalog may have changed while it was read; then this is not kept */
	if (counterparts_of == generation)
	{
		c = hash_search(counterparts, &function, HASH_ENTER, NULL);
		c->counterpart = found;
	}
	return found;
}

void
eg_require_execute(Oid function)
{
	Oid			asked = eg_function_public(function);
	AclResult	result;

	/* the server has asked for the function itself */
	if (asked == function)
		return;
	result = EG_FUNCTION_ACLCHECK(asked, GetUserId());
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(asked));
	InvokeFunctionExecuteHook(asked);
}

/* ----------
 * Rows as columns
 * ----------
 */

/* Does it run as it stands, with the rights and settings of whoever calls? */
static bool
is_plain(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		plain = false;

	if (HeapTupleIsValid(tuple))
	{
		plain = !((Form_pg_proc) GETSTRUCT(tuple))->prosecdef &&
			heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL);
		ReleaseSysCache(tuple);
	}
	return plain;
}

/*
 * Plans are shared by users, and the executor asks for the right to execute what stands in
 * the plan: so that is put there only which everybody may.
 */
static bool
may_everybody(Oid function)
{
	return EG_FUNCTION_ACLCHECK(function, ACL_ID_PUBLIC) == ACLCHECK_OK;
}

Oid
eg_function_over_columns(Oid function)
{
	static const Oid types[] = {TEXTOID, TEXTARRAYOID, OIDOID, ANYOID};
	char	   *name = get_func_name(function);
	Oid			columns;
	Oid			public;

	if (name == NULL)
		return InvalidOid;
	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	columns = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							  CStringGetDatum(psprintf("%s" COLUMNS, name)),
							  PointerGetDatum(buildoidvector(types, lengthof(types))),
							  ObjectIdGetDatum(our_schema()));
	if (!OidIsValid(columns) || !may_everybody(columns) || !is_plain(columns))
		return InvalidOid;

	/* what is in its place asks for the right to the public function, not to a twin */
	public = eg_function_public(columns);
	if (!is_plain(function) || !is_plain(public) ||
		(function != public && !may_everybody(function)))
		return InvalidOid;
	return columns;
}
