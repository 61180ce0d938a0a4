/*-------------------------------------------------------------------------
 *
 * rival.c
 *	  The champion's scores on the challenger's held-out rows.
 *
 * Scoring while reading spares a second pass over the source, and sees the
 * columns that the champion wants even when the challenger leaves them out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "store/registry.h"
#include "store/rival.h"

static void
score_row(void *arg, struct EgSourceData *data, Size row, TupleDesc desc, const Datum *values,
		  const bool *nulls)
{
	EgRival    *r = arg;
	int			width = r->scorer->width;

	if (!r->started)
	{
		MemoryContext old = MemoryContextSwitchTo(r->context);

		r->started = true;
		r->unfit = eg_scorer_unfit(r->scorer, desc);
		MemoryContextSwitchTo(old);
	}
	if (r->unfit || data->hash[row] >= r->limit)
		return;
	if (r->n == r->size)
	{
		Size		size = r->size ? r->size * 2 : 1024;

		eg_check_memory(size * (sizeof(Size) + sizeof(double) * width), r->run->memory_limit,
						"the scores of the deployed version");
		if (r->size == 0)
		{
			r->rows = MemoryContextAlloc(r->context, sizeof(Size) * size);
			r->scores = MemoryContextAllocHuge(r->context, sizeof(double) * width * size);
		}
		else
		{
			r->rows = repalloc_huge(r->rows, sizeof(Size) * size);
			r->scores = repalloc_huge(r->scores, sizeof(double) * width * size);
		}
		r->size = size;
	}
	r->rows[r->n] = row;
	memcpy(r->scores + r->n * width, eg_scorer_values(r->scorer, desc, values, nulls),
		   sizeof(double) * width);
	r->n++;
}

EgRival *
eg_rival_start(const EgTrainSpec *spec, EgSourceSpec *source, EgRun *run)
{
	EgRival    *r = palloc0(sizeof(EgRival));
	EgSplit    *split = eg_split_from_json(spec->frozen_split, 0, spec->test_size);
	EgSchema   *schema = spec->champion->parts[0]->schema;
	int			i;

	r->scorer = eg_scorer_create(spec->champion, CurrentMemoryContext);
	r->context = CurrentMemoryContext;
	r->run = run;

	/* a class seen for the first time has no limit yet; its few rows are left out */
	if (spec->split || split->n == 0)
		r->limit = PG_UINT64_MAX;
	for (i = 0; i < split->n; i++)
		r->limit = Max(r->limit, split->limits[i]);

	for (i = 0; i < schema->ncolumns; i++)
		source->also = lappend(source->also, schema->columns[i].name);
	if (spec->champion->partition_column)
		source->also = lappend(source->also, spec->champion->partition_column);
	source->row_hook = score_row;
	source->row_hook_arg = r;
	return r;
}

/* Why champion and challenger cannot be compared, or NULL. */
static const char *
reason(const EgRival *r, const EgTrainSpec *spec, const EgSourceData *d, const EgTarget *target,
	   const EgTrained *result)
{
	EgCompiled *champion = spec->champion;
	EgSchema   *schema = champion->parts[0]->schema;
	int			i,
				n;
	double	   *quantiles;

	if (r->unfit)
		return r->unfit;
	if (champion->task != target->task)
		return psprintf("its task is %s", eg_task_name(champion->task));
	if (schema->target == NULL || strcmp(schema->target, spec->target) != 0)
		return "its target is another column";
	if (schema->nlabels != target->nlabels)
		return "it knows other classes";
	for (i = 0; i < schema->nlabels; i++)
	{
		if (strcmp(schema->labels[i], target->labels[i]) != 0)
			return "it knows other classes";
	}
	if (target->task == EG_QUANTILE)
	{
		quantiles = eg_json_numbers(result->params, "quantiles", &n);
		if (r->scorer->quantiles == NULL || n != r->scorer->width ||
			memcmp(quantiles, r->scorer->quantiles, sizeof(double) * n) != 0)
			return "it predicts other quantiles";
	}
	if (spec->key == NULL && spec->split == NULL)
	{
		/*
		 * the split depends on the columns then, and the champion may have learned from these
		 * rows
		 */
		bool		same = schema->nfeatures == d->schema->nfeatures;

		for (i = 0; same && i < schema->nfeatures; i++)
			same = strcmp(schema->names[i], d->schema->names[i]) == 0;
		if (!same)
			return "it has other features, and without a key the held-out rows differ";
	}
	if (result->split->refrozen)
		return "the rows that it held out no longer are about the share wanted";
	if (d->split_is_time && result->split->has_cut && spec->frozen_split)
	{
		char	   *cut = eg_jsonb_text(spec->frozen_split, "cut");

		if (cut && result->split->cut < strtod(cut, NULL))
			return "it was trained on rows that are held out now";
	}
	return NULL;
}

typedef struct Keyed
{
	double		group;
	Size		i;
} Keyed;

static int
by_group(const void *a, const void *b)
{
	const Keyed *x = a,
			   *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

void
eg_rival_finish(EgRival *r, const EgTrainSpec *spec, const EgSourceData *d, const EgTarget *target,
				const uint8 *part, EgTrained *result)
{
	EgHeldOut  *h = &result->rival;
	int			width = r->scorer->width;
	Keyed	   *order;
	Size		n = 0,
				ntest = 0,
				k;

	for (k = 0; k < d->x.nrows; k++)
		ntest += part[k] == EG_PART_TEST;
	result->not_comparable = reason(r, spec, d, target, result);
	if (result->not_comparable || r->n == 0 || ntest == 0)
		return;

	order = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Keyed) * r->n);
	for (k = 0; k < r->n; k++)
	{
		if (part[r->rows[k]] != EG_PART_TEST)
			continue;
		order[n].group = d->group ? d->group[r->rows[k]] : 0;
		order[n++].i = k;
	}
	if (n < ntest)
	{
		result->not_comparable = "some held-out rows are new to the split";
		return;
	}
	if (d->group)
		qsort(order, n, sizeof(Keyed), by_group);

	h->n = n;
	h->width = width;
	h->truth = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n);
	h->score = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n * width);
	h->weight = d->weight ? MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n) : NULL;
	h->group = d->group ? MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n) : NULL;
	h->event = d->event ? MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n) : NULL;
	for (k = 0; k < n; k++)
	{
		Size		row = r->rows[order[k].i];

		h->truth[k] = d->target[row];
		memcpy(h->score + k * width, r->scores + order[k].i * width, sizeof(double) * width);
		if (h->weight)
			h->weight[k] = d->weight[row];
		if (h->group)
			h->group[k] = d->group[row];
		if (h->event)
			h->event[k] = d->event[row];
	}
	pfree(order);
}
