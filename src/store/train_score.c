/*-------------------------------------------------------------------------
 *
 * train_score.c
 *	  What a trained model says of rows that it has not learned from: for the
 *	  metrics, and as a distribution that is kept with the model.
 *
 * Scores come from the artifacts read back, each row's from its partition's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "store/train_private.h"

/* Part that scores each held-out row: its own value's, or 0. */
static int *
part_of_code(const EgTrainState *s)
{
	EgColumn   *column = &s->d->partition_column;
	int		   *map = palloc0(sizeof(int) * Max(column->ncategories, 1));
	int			i;

	for (i = 1; i < s->result->nparts; i++)
		map[eg_column_code(column, s->result->parts[i].value, strlen(s->result->parts[i].value))] =
			i;
	return map;
}

/* Coverage and size of the intervals of the held-out rows. */
static void
measure_intervals(EgTrainState *s, EgArtifact **parts, const int *map)
{
	EgTrained  *r = s->result;
	EgHeldOut  *h = &r->test;
	double		size;
	Size		i;

	r->coverage = r->interval_size = NAN;
	if (h->n == 0)
		return;
	r->coverage = r->interval_size = 0;
	for (i = 0; i < h->n; i++)
	{
		int			code = map ? s->d->partition[s->ntrain + i] : -1;
		EgArtifact *a = parts[code >= 0 ? map[code] : 0];

		r->coverage += eg_conformal_covers(a->conformal, h->score + i * h->width, h->width,
										   h->truth[i], &size);
		r->interval_size += size;
	}
	r->coverage /= h->n;
	r->interval_size /= h->n;
}

/* Scores of n rows from the given one on, each by its part; width of them a row. */
static void
score_rows(const EgTrainState *s, EgArtifact **parts, const int *map, Size first, Size n,
		   double *score, int width)
{
	EgSourceData *d = s->d;
	Size		i;

	for (i = 0; map == NULL && i < n; i += EG_SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		eg_artifact_predict(parts[0], eg_row(&d->x, first + i), Min(EG_SCORE_BLOCK, n - i),
							score + i * width);
	}
	for (i = 0; map && i < n; i++)
	{
		int			code = d->partition[first + i];
		EgArtifact *a = parts[code >= 0 ? map[code] : 0];

		CHECK_FOR_INTERRUPTS();
		eg_artifact_predict(a, eg_row(&d->x, first + i), 1, score + i * width);
	}
}

/* How scores are distributed goes into the part for all rows. */
static void
keep_scores(EgTrainState *s, EgArtifact **parts, const int *map)
{
	EgTrained  *r = s->result;
	const EgHeldOut *h = &r->test;
	EgScoreBaseline *scores;
	char	   *bytes;

	if (h->n > 0)
		scores = eg_scores_make(h->score, h->n, h->width, EG_SCORED_HELD_OUT);
	else
	{
		Size		first = s->ntrain > r->nfit ? r->nfit : 0;
		Size		n = Min(s->ntrain - first, EG_BASELINE_ROWS);
		double	   *score = MemoryContextAllocHuge(CurrentMemoryContext,
												   sizeof(double) * n * h->width);

		score_rows(s, parts, map, first, n, score, h->width);
		scores = eg_scores_make(score, n, h->width,
								first > 0 ? EG_SCORED_VALIDATION : EG_SCORED_TRAINING);
		pfree(score);
	}
	bytes = eg_artifact_with_scores(r->parts[0].bytes, r->parts[0].len, scores,
									&r->parts[0].len);
	pfree(r->parts[0].bytes);
	r->parts[0].bytes = bytes;
}

void
eg_train_score(EgTrainState *s)
{
	EgTrained  *r = s->result;
	EgSourceData *d = s->d;
	EgHeldOut  *h = &r->test;
	Size		first = s->ntrain;
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "engage held-out scores",
												  ALLOCSET_DEFAULT_SIZES);
	EgArtifact **parts;
	int		   *map = NULL;
	int			p;

	MemoryContextSwitchTo(context);
	parts = palloc(sizeof(EgArtifact *) * r->nparts);
	for (p = 0; p < r->nparts; p++)
		parts[p] = eg_artifact_load(r->parts[p].bytes, r->parts[p].len);
	if (r->nparts > 1)
		map = part_of_code(s);
	MemoryContextSwitchTo(old);

	h->n = d->x.nrows - first;
	h->width = parts[0]->algorithm->width(parts[0]->model);
	h->score = MemoryContextAllocHuge(old, sizeof(double) * Max(h->n * h->width, 1));
	h->truth = d->target ? d->target + first : NULL;
	h->weight = d->weight ? d->weight + first : NULL;
	h->group = d->group ? d->group + first : NULL;
	h->event = d->event ? d->event + first : NULL;

	score_rows(s, parts, map, first, h->n, h->score, h->width);
	keep_scores(s, parts, map);
	if (parts[0]->conformal)
		measure_intervals(s, parts, map);
	MemoryContextDelete(context);
}
