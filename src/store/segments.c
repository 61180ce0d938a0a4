/*-------------------------------------------------------------------------
 *
 * segments.c
 *	  Names of segments, in engage.segment_name.
 *
 * A version is never changed, and so the names are rows beside it.  They are
 * carried over by what the two versions say of the same rows, which works for
 * every algorithm: two segments are the same when they share more than half of
 * the rows of both together (Jaccard index > 0.5).  No segment can do so with
 * two others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "store/registry.h"
#include "store/schema_translate.h"
#include "store/score.h"
#include "store/segments.h"

#define MAX_NAME		200		/* bytes */

EgSegmentName *
eg_segment_names(int64 version_id, int k)
{
	static SPIPlanPtr plan = NULL;
	EgSegmentName *names = palloc0(sizeof(EgSegmentName) * (k + 1));
	Oid			type = INT8OID;
	Datum		value = Int64GetDatum(version_id);
	EgVisit		v;
	uint64		n,
				i;

	eg_visit_begin_fast(&v);
	n = eg_visit_saved(&plan, "SELECT segment, name, strategy FROM engage.segment_name"
					   " WHERE version_id OPERATOR(pg_catalog.=) $1", 1, &type, &value, 0);
	for (i = 0; i < n; i++)
	{
		int			segment = eg_visit_int(i, 1);

		if (segment < 0 || segment > k)
			continue;
		names[segment].name = eg_visit_text(&v, i, 2);
		names[segment].strategy = eg_visit_text(&v, i, 3);
	}
	eg_visit_end(&v);
	return names;
}

static void
put_name(int64 version_id, int segment, const char *name, const char *strategy)
{
	(void) eg_visit_write("INSERT INTO engage.segment_name (version_id, segment, name, strategy)"
						  " VALUES ($1, $2, $3, $4) ON CONFLICT (version_id, segment)"
						  " DO UPDATE SET name = $3, strategy = $4", "litt", version_id, segment,
						  name, strategy);
}

void
eg_segment_name_set(const EgModelRow *m, const EgVersionRow *v, int segment, const char *name,
					const char *strategy)
{
	StringInfoData detail;
	EgVisit		visit;

	if (name && (name[strspn(name, " \t\r\n")] == '\0' || strlen(name) > MAX_NAME))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 *name && strlen(name) > MAX_NAME ?
				 errmsg("the name of segment %d has %zu bytes, but may have %d", segment,
						strlen(name), MAX_NAME) :
				 errmsg("the name of segment %d is empty", segment),
				 errhint("NULL takes the name away.")));

	/* engage_segment() says these of segments without a name and of rows without a segment */
	if (name && (strcmp(name, "noise") == 0 || name[strspn(name, "0123456789")] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("segment %d cannot be called \"%s\"", segment, name),
				 errdetail("Numbers stand for segments without a name, \"noise\" for rows that"
						   " belong to none.")));
	eg_visit_begin(&visit);
	if (name == NULL)
		(void) eg_visit_write("DELETE FROM engage.segment_name WHERE version_id = $1"
							  " AND segment = $2", "li", v->id, segment);
	else
	{
		if (eg_visit_write("SELECT segment FROM engage.segment_name WHERE version_id = $1"
						   " AND name = $2 AND segment <> $3", "lti", v->id, name, segment) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("segment %d of model \"%s\" is already called \"%s\"",
							eg_visit_int(0, 1), m->name, name)));
		put_name(v->id, segment, name, strategy);
	}
	eg_visit_end(&visit);

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"segment\": %d, \"name\": ", segment);
	if (name)
		escape_json(&detail, name);
	else
		appendStringInfoString(&detail, "null");
	if (strategy)
	{
		appendStringInfoString(&detail, ", \"strategy\": ");
		escape_json(&detail, strategy);
	}
	appendStringInfoChar(&detail, '}');
	eg_models_event(m->id, m->name, eg_version_text(v), "label_segment",
					DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(detail.data))));
}

/* Why rows of schema cannot be given to a model of own, or NULL. */
static char *
obstacle(const EgSchema *own, const EgSchema *schema)
{
	int			i;

	for (i = 0; i < own->ncolumns; i++)
	{
		const EgColumn *c = eg_schema_column(schema, own->columns[i].name);

		if (c == NULL)
			return psprintf("column \"%s\" is no feature any more", own->columns[i].name);
		if (c->kind != own->columns[i].kind || c->width != own->columns[i].width)
			return psprintf("column \"%s\" has another type now", c->name);
	}
	return NULL;
}

/* Rows of the new version's background by old segment and new one, (old k + 1, new k + 1). */
static double *
overlap(const EgCompiled *old, const EgCompiled *new, const EgBaseline *b)
{
	const EgArtifact *a = old->parts[0];
	EgTranslation *t = eg_schema_translation(a->schema, new->parts[0]->schema);
	EgScorer   *was = eg_scorer_create((EgCompiled *) old, CurrentMemoryContext);
	EgScorer   *is = eg_scorer_create((EgCompiled *) new, CurrentMemoryContext);
	double	   *n = palloc0(sizeof(double) * (old->width + 1) * (new->width + 1));
	int			i;

	for (i = 0; i < b->nrows; i++)
	{
		const float *x = b->rows + (Size) i * b->nfeatures;
		int			from,
					to;

		CHECK_FOR_INTERRUPTS();
		if (t)
			eg_translate(t, x, 1, was->x);
		else
			memcpy(was->x, x, sizeof(float) * b->nfeatures);
		eg_artifact_predict(a, was->x, 1, was->out);
		eg_artifact_predict(new->parts[0], x, 1, is->out);
		from = EG_SEGMENT_NUMBER(eg_scorer_class(was, was->out));
		to = EG_SEGMENT_NUMBER(eg_scorer_class(is, is->out));
		n[from * (new->width + 1) + to]++;
	}
	return n;
}

int
eg_segments_carry(int64 from, int64 to, char **lost, char **why)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage segments",
												  ALLOCSET_DEFAULT_SIZES);
	EgCompiled *old,
			   *new;
	EgSegmentName *names;
	const EgBaseline *b;
	StringInfoData list;
	double	   *n;
	EgVisit		visit;
	int			carried = 0,
				named = 0,
				i,
				j;

	*lost = *why = NULL;
	MemoryContextSwitchTo(context);
	old = eg_cache_get(from, context);
	if (old->task != EG_CLUSTERING)
		goto done;
	names = eg_segment_names(from, old->width);
	for (i = 1; i <= old->width; i++)
		named += names[i].name != NULL;
	if (named == 0)
		goto done;
	new = eg_cache_get(to, context);
	b = new->parts[0]->baseline;
	*why = b == NULL || b->nrows == 0 ? "no training rows are stored with it (background => 0)" :
		obstacle(old->parts[0]->schema, new->parts[0]->schema);
	if (*why)
	{
		*why = MemoryContextStrdup(caller, *why);
		goto done;
	}
	n = overlap(old, new, b);
	initStringInfo(&list);
	eg_visit_begin(&visit);
	for (i = 1; i <= old->width; i++)
	{
		double		all = 0;
		int			found = 0;

		if (names[i].name == NULL)
			continue;
		for (j = 0; j <= new->width; j++)
			all += n[i * (new->width + 1) + j];
		for (j = 1; j <= new->width && !found; j++)
		{
			double		both = n[i * (new->width + 1) + j];
			double		either = all - both;
			int			k;

			for (k = 0; k <= old->width; k++)
				either += n[k * (new->width + 1) + j];
			if (both > either / 2)
				found = j;
		}
		if (found)
		{
			put_name(to, found, names[i].name, names[i].strategy);
			carried++;
		}
		else
			appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "", names[i].name);
	}
	eg_visit_end(&visit);
	if (list.len > 0)
		*lost = MemoryContextStrdup(caller, list.data);
done:
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return carried;
}
