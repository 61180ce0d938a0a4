/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  The gate for SQL text of users: whose rights, which names.
 *
 * Four things can go wrong with a text that runs later than it was written.  It
 * runs with the rights of whoever comes by, as a superuser's nightly check does.
 * Its functions write, or leave settings behind.  Whoever calls has put something
 * in the way of its names: temporary objects are searched first.  Or somebody
 * uses it to read with the author's eyes.  So there is one function that every such
 * text goes through, and nothing else switches to an author.
 *
 * SECURITY_RESTRICTED_OPERATION is what REFRESH MATERIALIZED VIEW uses: no SET ROLE,
 * no temporary objects, nothing that outlives the operation.  SPI's read_only is
 * about the statement; XactReadOnly is about functions in it, too.  Within a
 * subtransaction no function can turn it off again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/varlena.h"

#include "store/gate_private.h"
#include "store/registry.h"
#include "store/roles.h"

/* Functions that a text runs, for whom it matters. */
typedef struct Watch
{
	MemoryContext context;
	List	   *functions;
} Watch;

/* A text that is running. */
typedef struct Gate
{
	const EgText *text;			/* stored; a text given within its run counts as part of it */
	Oid			author;
	bool		lends;			/* the author has no right of his own to use the model */
	Watch	   *watch;			/* of a text given with the call, or NULL */
	struct Gate *outer;
} Gate;

static Gate *innermost = NULL;

/* ----------
 * Subtransactions
 * ----------
 */

/* The error of work(arg), undone and copied, or NULL; undo: what went well is undone, too. */
static ErrorData *
run_within(void (*work) (void *arg), void *arg, bool undo)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Gate	   *gate = innermost;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(arg);
		if (!undo)
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		innermost = gate;
	}
	PG_END_TRY();
	if (undo && error == NULL)
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

char *
eg_attempt(void (*work) (void *arg), void *arg)
{
	ErrorData  *e = run_within(work, arg, false);
	char	   *problem;

	if (e == NULL)
		return NULL;
	if (e->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		e->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE)
		ReThrowError(e);
	problem = e->detail ? psprintf("%s: %s", e->message, e->detail) : pstrdup(e->message);
	FreeErrorData(e);
	return problem;
}

/* ----------
 * The path
 * ----------
 */

static char *
path_of(const char *search_path)
{
	char	   *rest = pstrdup(search_path);
	StringInfoData path;
	List	   *schemas;
	ListCell   *lc;

	initStringInfo(&path);
	if (!SplitIdentifierString(rest, ',', &schemas))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored search_path \"%s\" is not a list of schemas", search_path)));
	foreach(lc, schemas)
	{
		const char *schema = lfirst(lc);

		/* "pg_temp" is an alias of the session's own; "pg_temp_3" is a name of one */
		if (strncmp(schema, "pg_temp", 7) == 0)
			continue;
		appendStringInfo(&path, "%s, ", quote_identifier(schema));
	}
	appendStringInfoString(&path, "pg_temp");
	return path.data;
}

/* Stored paths, with temporary schemas last.  Rows of one statement ask for the same one. */
static const char *
authors_path(const char *search_path)
{
	static char *from = NULL;
	static char *to = NULL;
	char	   *path;
	char	   *copy;

	if (from && strcmp(from, search_path) == 0)
		return to;
	path = MemoryContextStrdup(TopMemoryContext, path_of(search_path));
	copy = MemoryContextStrdup(TopMemoryContext, search_path);
	if (from)
	{
		pfree(from);
		pfree(to);
	}
	from = copy;
	to = path;
	return to;
}

/* ----------
 * Through the gate
 * ----------
 */

bool
eg_gate_allows(const EgText *text)
{
	Oid			author;

	if (text->lent || superuser())
		return true;
	author = eg_role_oid(text->author);
	return !OidIsValid(author) || has_privs_of_role(GetUserId(), author);
}

void
eg_gate_require(const EgText *text)
{
	if (!eg_gate_allows(text))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to run %s", text->what),
				 errdetail("It runs with the rights of role \"%s\", who wrote it, and only for "
						   "members of that role.", text->author),
				 text->remedy ? errhint("%s", text->remedy) : 0));
}

static Oid
find_author(const EgText *text)
{
	Oid			author = eg_role_oid(text->author);

	if (!OidIsValid(author))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", text->author),
				 errdetail("It wrote %s, which runs with its rights.", text->what),
				 text->remedy ? errhint("%s", text->remedy) : 0));
	eg_gate_require(text);
	return author;
}

typedef struct Run
{
	const EgText *text;			/* NULL: given with the call */
	Oid			author;
	Gate		gate;
	void		(*work) (void *arg);
	void	   *arg;
} Run;

/*
 * A worker of a parallel plan does not know of the gate, so where the author's right to use
 * the model comes from it, there are none.
 */
static void
lend_model(Run *r)
{
	if (r->text->model_id == 0)
		return;
	r->gate.lends = !eg_models_may_use(r->author, r->text->model_id);
	if (r->gate.lends)
		(void) set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
run_as_author(void *arg)
{
	Run		   *r = arg;
	int			level = NewGUCNestLevel();
	Oid			user;
	int			security;

	GetUserIdAndSecContext(&user, &security);
	if (r->text)
	{
		const char *path = authors_path(r->text->search_path);

		r->gate.text = r->text;
		r->gate.author = r->author;
		(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		lend_model(r);
	}
	else if (innermost && innermost->author == r->author)
	{
		Watch	   *watch = r->gate.watch;

		r->gate = *innermost;
		if (watch)
			r->gate.watch = watch;
	}
	else
		r->gate.author = r->author;
	r->gate.outer = innermost;
	innermost = &r->gate;
	SetUserIdAndSecContext(r->author, security | SECURITY_RESTRICTED_OPERATION);
	XactReadOnly = true;

	r->work(r->arg);

	/* what functions in the text have set ends here; the subtransaction restores XactReadOnly */
	innermost = r->gate.outer;
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, security);
}

static void
run(const EgText *text, void (*work) (void *arg), void *arg, bool undo, Watch *watch)
{
	Run			r = {text, text ? find_author(text) : GetUserId(), {0}, work, arg};
	ErrorData  *e;

	r.gate.watch = watch;
	e = run_within(run_as_author, &r, undo);
	if (e)
		ReThrowError(e);
}

/*
 * A text has only read, and its results are in the caller's memory: whatever else it has
 * left (cursors, deferred constraints, notifications, large objects) goes.
 */
void
eg_gate_run(const EgText *text, void (*work) (void *arg), void *arg)
{
	run(text, work, arg, true, NULL);
}

List *
eg_gate_run_watched(void (*work) (void *arg), void *arg)
{
	Watch		w = {CurrentMemoryContext, NIL};

	run(NULL, work, arg, true, &w);
	return w.functions;
}

/* A portal would not survive that. */
void
eg_gate_run_cursor(void (*work) (void *arg), void *arg)
{
	run(NULL, work, arg, false, NULL);
}

bool
eg_gate_lends(Oid user, int64 model_id)
{
	const Gate *g = innermost;

	return g && g->text && g->lends && g->text->model_id == model_id && g->author == user;
}

/* ----------
 * Names
 * ----------
 */

/* The stored text that the current user runs, or NULL. */
static const Gate *
running(void)
{
	return innermost && innermost->text && innermost->author == GetUserId() ? innermost : NULL;
}

/* ----------
 * The net
 *
 * What a query will run cannot all be read from it: casts to json are looked up while it
 * runs, literals of composite types are read while it is parsed, domains are checked deep
 * inside of values, and functions call functions.  But whatever is not built into the server is
 * looked up by the function manager, which asks here.  Workers of a parallel plan have no gate;
 * so where others' code is near, there are none.
 * ----------
 */

static needs_fmgr_hook_type next_hook = NULL;

static bool
ask_before_call(Oid function)
{
	const Gate *g = innermost;

	if (g && function >= FirstNormalObjectId && g->author == GetUserId())
	{
		if (g->text)
			eg_names_check_function(g->text, g->author, function);
		else if (g->watch && !list_member_oid(g->watch->functions, function))
		{
			MemoryContext old = MemoryContextSwitchTo(g->watch->context);

			g->watch->functions = lappend_oid(g->watch->functions, function);
			MemoryContextSwitchTo(old);
		}
	}
	return next_hook ? next_hook(function) : false;
}

void
eg_gate_init(void)
{
	next_hook = needs_fmgr_hook;
	needs_fmgr_hook = ask_before_call;
}

SPIPlanPtr
eg_gate_prepare(const char *sql, int nargs, Oid *types, int cursor_options)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, types, cursor_options);
	const Gate *g = running();

	if (plan == NULL)
		elog(ERROR, "could not prepare a text: %s", SPI_result_code_string(SPI_result));
	if (g && !eg_names_check_plan(g->text, g->author, plan))
		(void) set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return plan;
}

void
eg_gate_check_expr(Node *expr)
{
	const Gate *g = running();

	if (g)
		eg_names_check_expr(g->text, g->author, expr);
}
