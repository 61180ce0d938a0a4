/*-------------------------------------------------------------------------
 *
 * train_members.c
 *	  Stored models within a model that is being trained.
 *
 * The learner sees numbers only.  So what has to do with names is done here:
 * which version a reference means, which of the source's columns feed a
 * member, which code a word has for it, which class is which.  The result is
 * an EgFrozen, a model with a translation, which the learner stores.
 *
 * What a stored model has learned is known as far as its split tells: a row
 * whose key it held out by hash, or that is newer than its rows.  All else
 * counts as learned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/registry.h"
#include "store/schema_translate.h"
#include "store/train_private.h"

/* classes that a message lists */
#define SHOWN_CLASSES		10

static const char *const kind_words[] = {
	"a number", "a category", "a date", "an interval", "an array"
};

/* ----------
 * Names
 * ----------
 */

static bool
is_owner(const EgVersionRow *v)
{
	EgVisit		visit;
	bool		owner;

	eg_visit_begin(&visit);
	owner = eg_visit_read("SELECT owner FROM engage.model WHERE id OPERATOR(pg_catalog.=) $1", "l",
						  v->model_id) > 0 &&
		eg_models_allowed(visit.user, v->model_id, eg_visit_text(&visit, 0, 1), EG_PRIV_MANAGE);
	eg_visit_end(&visit);
	return owner;
}

static void
find_member(EgMembers *m, int k)
{
	EgVersionRow *v = eg_models_version(m->references.names[k], EG_PRIV_USE);

	m->versions[k] = v;
	m->names[k] = psprintf("%s@%s", v->model, eg_version_text(v));
	m->compiled[k] = eg_cache_get(v->id, CurrentMemoryContext);
	if (m->compiled[k]->nparts > 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("member \"%s\" was trained with partition_by", m->names[k]),
				 errdetail("It has %d models, and which of them scores a row depends on column "
						   "\"%s\".", m->compiled[k]->nparts,
						   m->compiled[k]->partition_column),
				 errhint("Give its recipe instead, and partition_by for the ensemble.")));
	if (!is_owner(v) || eg_jsonb_text(v->data, "lent"))
		m->lent = lappend(m->lent, m->names[k]);
}

EgMembers *
eg_members_resolve(const EgTrainSpec *spec, void *params)
{
	EgMembers  *m;
	int			n,
				k;

	if (spec->algorithm->references == NULL)
		return NULL;
	m = palloc0(sizeof(EgMembers));
	spec->algorithm->references(params, &m->references);
	n = m->references.n;
	if (n == 0)
		return NULL;
	m->names = palloc(sizeof(char *) * n);
	m->versions = palloc(sizeof(EgVersionRow *) * n);
	m->compiled = palloc(sizeof(EgCompiled *) * n);
	m->frozen = palloc0(sizeof(EgFrozen) * n);
	for (k = 0; k < n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		find_member(m, k);
	}
	spec->algorithm->refer_exactly(params, m->names);
	return m;
}

/* ----------
 * Keys
 * ----------
 */

void
eg_members_check_remembered(const EgMembers *m)
{
	int			k;

	for (k = 0; k < m->references.n; k++)
	{
		if (eg_remembered_get(m->versions[k]->id) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("member \"%s\" does not remember whose rows it was trained on",
							m->names[k]),
					 errdetail("An ensemble has learned from the rows of its members, too."),
					 errhint("Train the member with remember => '...', or the ensemble without.")));
	}
}

EgRemembered *
eg_members_remembered(const EgMembers *m, EgRemembered *own)
{
	int			k;

	for (k = 0; own && m && k < m->references.n; k++)
		own = eg_remembered_join(own, eg_remembered_get(m->versions[k]->id));
	return own;
}

/* ----------
 * Columns
 * ----------
 */

static const EgSchema *
schema_of(const EgMembers *m, int k)
{
	return m->compiled[k]->parts[0]->schema;
}

void
eg_members_source(const EgMembers *m, EgSourceSpec *source)
{
	int			k,
				i;

	for (k = 0; k < m->references.n; k++)
	{
		const EgSchema *s = schema_of(m, k);

		source->known = lappend(source->known, (void *) s);
		if (!m->references.alone || source->features != NIL)
			continue;
		for (i = 0; i < s->ncolumns; i++)
			source->only = lappend(source->only, s->columns[i].name);
	}
}

static void
check_column(const char *member, const EgColumn *own, const EgColumn *c)
{
	if (c == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("member \"%s\" needs column \"%s\", which is no feature of the ensemble",
						member, own->name),
				 errhint("The source must have it, neither excluded nor as target, key, weight, "
						 "split or partition.")));
	if (c->kind != own->kind)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is %s, but member \"%s\" was trained on %s", c->name,
						kind_words[c->kind], member, kind_words[own->kind]),
				 errdetail("Its type is %s, and was %s.", c->type, own->type),
				 errhint("Use a cast in the source.")));
	if (c->width != own->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("arrays in column \"%s\" have %d elements, but member \"%s\" was trained "
						"on %d", c->name, c->width, member, own->width)));
}

void
eg_members_check_columns(const EgMembers *m, const EgSchema *schema)
{
	int			k,
				i;

	for (k = 0; k < m->references.n; k++)
	{
		const EgSchema *s = schema_of(m, k);

		for (i = 0; i < s->ncolumns; i++)
			check_column(m->names[k], &s->columns[i], eg_schema_column(schema, s->columns[i].name));
	}
}

/* ----------
 * Classes
 * ----------
 */

static char *
list_classes(char *const *labels, int n)
{
	StringInfoData s;
	int			i;

	initStringInfo(&s);
	for (i = 0; i < Min(n, SHOWN_CLASSES); i++)
		appendStringInfo(&s, "%s\"%s\"", i > 0 ? ", " : "", eg_clip(labels[i], 64));
	if (n > SHOWN_CLASSES)
		appendStringInfo(&s, " and %d more", n - SHOWN_CLASSES);
	return s.data;
}

/* The member's class for each class; *same: they are in the same order. */
static int *
match_classes(const EgMembers *m, int k, const EgTarget *target, bool *same)
{
	const EgSchema *s = schema_of(m, k);
	int		   *classes = palloc(sizeof(int) * Max(target->nlabels, 1));
	int			c,
				own = 0;

	*same = true;
	for (c = 0; c < target->nlabels; c++)
	{
		for (own = 0; own < s->nlabels && strcmp(s->labels[own], target->labels[c]) != 0; own++)
			;
		if (own == s->nlabels)
			break;
		classes[c] = own;
		*same &= own == c;
	}
	if (s->nlabels == target->nlabels && c == target->nlabels)
		return classes;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("member \"%s\" has other classes than the ensemble", m->names[k]),
			 errdetail("The member has %s; the ensemble has %s.",
					   list_classes(s->labels, s->nlabels),
					   list_classes(target->labels, target->nlabels))));
}

void
eg_members_check_target(const EgMembers *m, const EgTarget *target)
{
	bool		same;
	int			k;

	for (k = 0; k < m->references.n; k++)
	{
		if (m->compiled[k]->task != target->task)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("member \"%s\" has the task %s, but the ensemble has the task %s",
							m->names[k], eg_task_name(m->compiled[k]->task),
							eg_task_name(target->task))));

		/* a model of another program has numbers for its classes only */
		if (schema_of(m, k)->nlabels > 0)
			pfree(match_classes(m, k, target, &same));
	}
}

/* ----------
 * Rows
 * ----------
 */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Did the member hold out rows by the hash of the ensemble's key? */
static bool
held_out_by_key(const EgVersionRow *v, const EgTrainSpec *spec)
{
	return spec->key && spec->group_by == NULL && eg_jsonb_text(v->recipe, "split") == NULL &&
		eg_jsonb_text(v->recipe, "group_by") == NULL &&
		same_text(eg_jsonb_text(v->recipe, "key"), spec->key);
}

const Jsonb *
eg_members_split(const EgMembers *m, const EgTrainSpec *spec)
{
	int			k;

	for (k = 0; k < m->references.n; k++)
	{
		char	   *split = eg_jsonb_text(m->versions[k]->data, "split");

		if (split && held_out_by_key(m->versions[k], spec))
			return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(split)));
	}
	return NULL;
}

/* Which rows a member has certainly not learned from. */
static bool *
find_unseen(const EgMembers *m, int k, const EgTrainState *s)
{
	const EgSourceData *d = s->d;
	const EgVersionRow *v = m->versions[k];
	const EgTarget *target = s->target;
	bool	   *unseen = MemoryContextAllocHuge(CurrentMemoryContext, Max(d->x.nrows, 1));
	char	   *json = eg_jsonb_text(v->data, "split");
	char	   *size = eg_jsonb_text(v->recipe, "test_size");
	char	   *column = eg_jsonb_text(v->recipe, "split");
	EgSplit    *split = NULL;
	uint64	   *limit = palloc0(sizeof(uint64) * Max(target->nlabels, 1));
	Size		i;
	int			c;

	memset(unseen, m->references.trusted, d->x.nrows);
	if (json && size)
		split = eg_split_from_json(DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																	  CStringGetDatum(json))),
								   0, strtod(size, NULL));

	/* an ensemble whose own members had seen what it held out tells nothing */
	if (m->references.trusted || split == NULL || eg_jsonb_text(v->data, "rows_test_seen"))
		return unseen;
	if (column && same_text(column, s->spec->split))
	{
		char	   *cut = eg_jsonb_text(DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																		   CStringGetDatum(json))),
										"cut");
		double		last = cut ? strtod(cut, NULL) : 0;

		for (i = 0; i < d->x.nrows; i++)
			unseen[i] = d->split_is_time ? cut && d->split[i] > last : !cut && d->split[i] != 0;
	}
	else if (held_out_by_key(v, s->spec) && split->seed == s->result->split->seed)
	{
		for (c = 0; c < Max(target->nlabels, 1); c++)
			(void) eg_split_limit(split, target->nlabels > 0 ? target->labels[c] : "", &limit[c]);
		for (i = 0; i < d->x.nrows; i++)
			unseen[i] = d->hash[i] < limit[target->cls ? target->cls[i] : 0];
	}
	return unseen;
}

bool
eg_members_unseen(const EgMembers *m, Size row)
{
	int			k;

	for (k = 0; m && k < m->references.n; k++)
	{
		if (!m->frozen[k].unseen[row])
			return false;
	}
	return true;
}

void
eg_members_check_interval(const EgMembers *m, double interval, Size n, Size all)
{
	if (m == NULL || interval <= 0 || n >= eg_conformal_rows_needed(interval))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("stored members have held out %zu of the %zu rows for calibration, but an "
					"interval of %g needs %zu", (size_t) n, (size_t) all, interval,
					(size_t) eg_conformal_rows_needed(interval)),
			 errdetail("What a model says of rows that it has learned from is too good."),
			 errhint("Train the members with the same key and a larger test_size than the "
					 "ensemble; or give their recipes; or set \"trust\" if they come from other "
					 "rows.")));
}

void
eg_members_bind(EgMembers *m, EgTrainState *s)
{
	EgTrained  *r = s->result;
	Size		i;
	int			k;

	for (k = 0; k < m->references.n; k++)
	{
		const EgArtifact *a = m->compiled[k]->parts[0];
		EgFrozen   *f = &m->frozen[k];

		CHECK_FOR_INTERRUPTS();
		f->name = m->names[k];
		f->algorithm = a->algorithm;
		f->model = a->model;
		f->params = a->params ? a->params : "{}";
		f->calibration = a->calibration;
		f->translation = eg_schema_translation(a->schema, s->d->schema);
		f->unseen = find_unseen(m, k, s);
		if (a->schema->nlabels > 0)
		{
			bool		same;
			int		   *classes = match_classes(m, k, s->target, &same);

			f->classes = same ? NULL : classes;
		}
	}
	for (i = s->ntrain; i < s->d->x.nrows; i++)
		r->nseen += !eg_members_unseen(m, i);
	if (r->nseen > 0 && r->not_comparable == NULL)
		r->not_comparable = "its stored members may have learned from the held-out rows";
	r->lent = m->lent;
}

void
eg_members_dataset(const EgMembers *m, const Size *rows, Size n, EgDataset *data)
{
	EgFrozen   *frozen;
	Size		i;
	int			k;

	if (m == NULL)
		return;
	frozen = palloc(sizeof(EgFrozen) * m->references.n);
	memcpy(frozen, m->frozen, sizeof(EgFrozen) * m->references.n);
	for (k = 0; rows && k < m->references.n; k++)
	{
		bool	   *unseen = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1));

		for (i = 0; i < n; i++)
			unseen[i] = m->frozen[k].unseen[rows[i]];
		frozen[k].unseen = unseen;
	}
	data->nfrozen = m->references.n;
	data->frozen = frozen;
}
