/*-------------------------------------------------------------------------
 *
 * source_cursor.c
 *	  A source in other ways than as floats: rows one after another, columns
 *	  alone, what its names mean.  All of them go through the gate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/plancache.h"

#include "store/gate.h"
#include "store/source.h"

/* ----------
 * Cursors
 * ----------
 */

typedef struct Cursor
{
	Portal		portal;
	const char *sql;
	int			nargs;
	Oid		   *types;
	Datum	   *values;
	const char *nulls;
	long		rows;
} Cursor;

static void
open_cursor(void *arg)
{
	Cursor	   *c = arg;

	c->portal = SPI_cursor_open(NULL, eg_gate_prepare(c->sql, c->nargs, c->types, 0), c->values,
								c->nulls, true);
}

Portal
eg_source_open(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	Cursor		c = {NULL, sql, nargs, types, values, nulls, 0};

	eg_gate_run_cursor(open_cursor, &c);
	return c.portal;
}

static void
fetch_rows(void *arg)
{
	Cursor	   *c = arg;

	SPI_cursor_fetch(c->portal, true, c->rows);
}

void
eg_source_fetch(Portal portal, long rows)
{
	Cursor		c = {portal};

	c.rows = rows;
	eg_gate_run_cursor(fetch_rows, &c);
}

/* ----------
 * Columns alone
 * ----------
 */

typedef struct Described
{
	const char *query;
	MemoryContext context;
	TupleDesc	desc;
} Described;

static void
describe_query(void *arg)
{
	Described  *d = arg;
	SPIPlanPtr	plan;
	CachedPlanSource *source;

	SPI_connect();
	plan = eg_gate_prepare(d->query, 0, NULL, 0);
	source = linitial(SPI_plan_get_plan_sources(plan));
	MemoryContextSwitchTo(d->context);
	d->desc = CreateTupleDescCopy(source->resultDesc);
	SPI_finish();
}

TupleDesc
eg_source_describe(const char *query)
{
	Described	d = {query, CurrentMemoryContext, NULL};

	eg_gate_run(NULL, describe_query, &d);
	return d.desc;
}

/* ----------
 * Names
 * ----------
 */

typedef struct Named
{
	List	   *sources;
	List	   *functions;
	Jsonb	   *names;
} Named;

static void
name_sources(void *arg)
{
	Named	   *n = arg;
	List	   *queries = NIL;
	char	   *relation;
	ListCell   *lc;

	foreach(lc, n->sources)
	{
		if (lfirst(lc))
			queries = lappend(queries, eg_source_query(lfirst(lc), &relation));
	}
	n->names = eg_gate_names(queries, n->functions);
}

Jsonb *
eg_source_names(List *sources, List *functions)
{
	Named		n = {sources, functions, NULL};

	eg_gate_run(NULL, name_sources, &n);
	return n.names;
}
