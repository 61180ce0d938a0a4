/*-------------------------------------------------------------------------
 *
 * crossval_fold.c
 *	  One fold: choose its rows, fit, score.
 *
 * A fold copies its rows into a second matrix, those to learn from first.  So
 * a fit sees what engage_train() would show it: rows in an order of their own,
 * validation rows after the others, class weights of the rows it learns from,
 * and no category but those that these rows have; others are missing in the
 * test rows.  Dates alone are counted from the last day of all rows, not of
 * the training rows: a shift, the same for all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "store/crossval_private.h"
#include "store/folds.h"

#define SCORE_BLOCK			8192

static int
compare_u64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* What a row is sorted by to find the validation rows: the smallest are those. */
static uint64
validation_order(const EgCrossval *cv, Size i)
{
	const EgSourceData *d = cv->state->d;
	uint64		u;

	if (!cv->spec->time_column)
		return eg_folds_mix(d->hash[i], (uint64) cv->spec->train.seed);

	/* newest first: doubles in the order of their bits */
	memcpy(&u, &d->split[i], sizeof(u));
	u = u & UINT64CONST(0x8000000000000000) ? ~u : u | UINT64CONST(0x8000000000000000);
	return ~u;
}

/* Take a share of the training rows as validation rows; rows of one unit stay together. */
static void
take_validation(EgCrossval *cv, double share)
{
	EgCrossvalState *s = cv->state;
	Size		n = 0,
				k,
				i;
	uint64		limit;

	for (i = 0; i < cv->nrows; i++)
	{
		if (s->part[i] == EG_PART_FIT)
			s->order[n++] = validation_order(cv, i);
	}
	k = (Size) floor(n * share + 0.5);
	k = Min(Max(k, 1), n - 1);
	if (n < 2)
		return;
	qsort(s->order, n, sizeof(uint64), compare_u64);
	limit = s->order[k];
	for (i = 0; i < cv->nrows; i++)
	{
		if (s->part[i] == EG_PART_FIT && validation_order(cv, i) < limit)
			s->part[i] = EG_PART_VALID;
	}
}

/* Copy the fold's rows: to fit, to validate, to test. */
static void
copy_rows(EgCrossval *cv, Size count[3])
{
	EgCrossvalState *s = cv->state;
	EgSourceData *d = s->d;
	double	   *class_weights = eg_target_class_weights(&cv->spec->train, s->target, s->part,
														cv->nrows);
	Size		n = 0,
				i;
	int			p;

	for (p = EG_PART_FIT; p <= EG_PART_TEST; p++)
	{
		count[p] = n;
		for (i = 0; i < cv->nrows; i++)
		{
			if (s->part[i] != p)
				continue;
			s->rows[n] = i;
			memcpy(eg_row(&s->x, n), eg_row(&d->x, i), sizeof(float) * d->x.ncols);
			s->role[EG_ROLE_TARGET][n] = d->target[i];
			if (s->role[EG_ROLE_WEIGHT])
			{
				double		w = d->weight ? d->weight[i] : 1;

				/* test rows count as they are; classes weigh in learning only */
				if (class_weights && p != EG_PART_TEST)
					w *= class_weights[s->target->cls[i]];
				s->role[EG_ROLE_WEIGHT][n] = w;
			}
			if (s->role[EG_ROLE_GROUP])
				s->role[EG_ROLE_GROUP][n] = d->group[i];
			if (s->role[EG_ROLE_EVENT])
				s->role[EG_ROLE_EVENT][n] = d->event[i];
			n++;
		}
		count[p] = n - count[p];
	}
	s->x.nrows = n;
	if (class_weights)
		pfree(class_weights);
}

/* Number the categories of feature j that were seen from 0, in their order. */
static void
renumber(EgCrossvalState *s, int j)
{
	const bool *seen = s->seen + s->first_code[j];
	int			n = s->first_code[j + 1] - s->first_code[j];
	const char **words = palloc(sizeof(char *) * n);
	float	   *code_of = palloc(sizeof(float) * n);
	int			m = 0;
	Size		i;
	int			k;

	for (k = 0; k < n; k++)
	{
		code_of[k] = seen[k] ? (float) m : NAN;
		if (seen[k])
			words[m++] = s->all_words[j][k];
	}
	for (i = 0; i < s->x.nrows; i++)
	{
		float	   *code = &eg_row(&s->x, i)[j];

		if (!isnan(*code))
			*code = code_of[(int) *code];
	}
	s->ncategories[j] = m;
	s->words[j] = words;
	pfree(code_of);
}

/*
 * Categories that no training row has are not known to the model, as in
 * engage_train(): they have no code, and are missing in the test rows.
 */
static void
forget_unseen(EgCrossval *cv, Size ntrain)
{
	EgCrossvalState *s = cv->state;
	Size		i;
	int			j,
				k;

	memset(s->seen, 0, s->first_code[s->x.ncols]);
	for (j = 0; j < s->x.ncols; j++)
	{
		bool	   *seen = s->seen + s->first_code[j];
		int			n = s->first_code[j + 1] - s->first_code[j];

		s->ncategories[j] = n;
		s->words[j] = s->all_words[j];
		if (n == 0)
			continue;
		for (i = 0; i < ntrain; i++)
		{
			float		code = eg_row(&s->x, i)[j];

			if (!isnan(code))
				seen[(int) code] = true;
		}
		for (k = 0; k < n && seen[k]; k++)
			;
		if (k < n)
			renumber(s, j);
	}
}

static double *
copy_doubles(const double *v, Size n)
{
	double	   *copy;

	if (v == NULL)
		return NULL;
	copy = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n, 1));
	memcpy(copy, v, sizeof(double) * n);
	return copy;
}

/* Choose the fold's rows; what is known of them before anything is learned. */
static void
prepare_fold(EgCrossval *cv, double share, int repeat, int fold, Size count[3], EgFoldScores *out)
{
	EgCrossvalState *s = cv->state;
	EgHeldOut  *h = &out->test;
	Size		first,
				i;

	for (i = 0; i < cv->nrows; i++)
	{
		int			own = s->fold[repeat][i];

		/* rows newer than an ordered fold are in no part of it */
		s->part[i] = own == fold ? EG_PART_TEST :
			cv->spec->time_column && own > fold ? EG_PART_TEST + 1 : EG_PART_FIT;
	}
	if (share > 0)
		take_validation(cv, share);
	copy_rows(cv, count);
	first = count[EG_PART_FIT] + count[EG_PART_VALID];
	forget_unseen(cv, first);

	out->ntrain = first;
	h->n = count[EG_PART_TEST];
	h->truth = copy_doubles(s->role[EG_ROLE_TARGET] + first, h->n);
	h->weight = s->d->weight ? copy_doubles(s->role[EG_ROLE_WEIGHT] + first, h->n) : NULL;
	h->group = s->role[EG_ROLE_GROUP] ? copy_doubles(s->role[EG_ROLE_GROUP] + first, h->n) : NULL;
	h->event = s->role[EG_ROLE_EVENT] ? copy_doubles(s->role[EG_ROLE_EVENT] + first, h->n) : NULL;
	if (s->d->partition)
	{
		out->compared = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(int32) * Max(h->n, 1));
		for (i = 0; i < h->n; i++)
			out->compared[i] = s->d->partition[s->rows[first + i]];
	}
}

void
eg_crossval_fold(EgCrossval *cv, const EgAlgorithm *algorithm, const void *params, int repeat,
				 int fold, EgRun *run, EgFoldScores *out)
{
	EgCrossvalState *s = cv->state;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage fold", ALLOCSET_DEFAULT_SIZES);
	EgDataset	data = {0};
	EgHeldOut  *h = &out->test;
	instr_time	start,
				stop;
	Size		count[3],
				i;
	void	   *model;
	int			j;

	memset(out, 0, sizeof(EgFoldScores));
	prepare_fold(cv, algorithm->validation ? algorithm->validation(params, cv->task) : 0,
				 repeat, fold, count, out);
	data.x = s->x;
	data.x.nrows = out->ntrain;
	data.nfit = count[EG_PART_FIT];
	data.nvalid = count[EG_PART_VALID];
	data.task = cv->task;
	data.nclasses = cv->nlabels;
	data.ncategories = s->ncategories;
	data.names = (const char *const *) s->d->schema->names;
	data.categories = (const char *const *const *) s->words;
	for (j = 0; j < EG_NROLES; j++)
		data.role[j] = s->role[j];

	INSTR_TIME_SET_CURRENT(start);
	MemoryContextSwitchTo(context);
	model = algorithm->fit(&data, params, run);
	CHECK_FOR_INTERRUPTS();
	MemoryContextSwitchTo(caller);
	h->width = algorithm->width(model);
	h->score = MemoryContextAllocHuge(caller, sizeof(double) * Max(h->n * h->width, 1));
	for (i = 0; i < h->n; i += SCORE_BLOCK)
	{
		CHECK_FOR_INTERRUPTS();
		algorithm->predict(model, eg_row(&s->x, out->ntrain + i), Min(SCORE_BLOCK, h->n - i),
						   h->score + i * h->width);
	}
	MemoryContextDelete(context);
	INSTR_TIME_SET_CURRENT(stop);
	INSTR_TIME_SUBTRACT(stop, start);
	out->seconds = INSTR_TIME_GET_DOUBLE(stop);
}

/*
 * Errors about data and parameters are caught without a subtransaction: a
 * learner computes, and touches nothing that a transaction would have to undo.
 * What it allocated goes with its memory context.
 */
char *
eg_crossval_try_fold(EgCrossval *cv, const EgAlgorithm *algorithm, const void *params, int repeat,
					 int fold, EgRun *run, EgFoldScores *out)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage trial", ALLOCSET_DEFAULT_SIZES);
	char	   *volatile problem = NULL;

	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		eg_crossval_fold(cv, algorithm, params, repeat, fold, run, out);
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION))
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		e = CopyErrorData();
		FlushErrorState();
		problem = pstrdup(e->message);
		FreeErrorData(e);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	return problem;
}
