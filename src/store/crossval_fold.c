/*-------------------------------------------------------------------------
 *
 * crossval_fold.c
 *	  One fold: choose its rows.
 *
 * A fold copies its rows into a second matrix, those to learn from first.  So
 * a fit sees what engage_train() would show it: rows in an order of their own,
 * validation rows after the others, class weights of the rows it learns from,
 * and no category but those that these rows have; others are missing in the
 * test rows.  Dates alone are counted from the last day of all rows, not of
 * the training rows: a shift, the same for all.  crossval_part.c fits and scores.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "base/sort.h"
#include "store/crossval_private.h"
#include "store/folds.h"

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
	qsort(s->order, n, sizeof(uint64), eg_by_u64);
	limit = s->order[k];
	for (i = 0; i < cv->nrows; i++)
	{
		if (s->part[i] == EG_PART_FIT && validation_order(cv, i) < limit)
			s->part[i] = EG_PART_VALID;
	}
}

/* What a row of the fold is for: EgRows, then those to test; more: not in the fold. */
static int
row_kind(const EgCrossval *cv, double validation, Size i)
{
	const EgCrossvalState *s = cv->state;

	if (s->part[i] == EG_PART_FIT)
		return EG_ROWS_FIT;
	if (s->part[i] == EG_PART_VALID)
		return eg_validation_use(&cv->spec->train, validation, s->d->hash[i]);
	return s->part[i] == EG_PART_TEST ? EG_FOLD_TEST : EG_FOLD_TEST + 1;
}

/* Copy row i of all rows to place n of the fold. */
static void
copy_row(EgCrossvalState *s, Size i, Size n, double weight)
{
	const EgSourceData *d = s->d;

	s->rows[n] = i;
	memcpy(eg_row(&s->x, n), eg_row(&d->x, i), sizeof(float) * d->x.ncols);
	s->role[EG_ROLE_TARGET][n] = d->target[i];
	if (s->role[EG_ROLE_WEIGHT])
		s->role[EG_ROLE_WEIGHT][n] = (d->weight ? d->weight[i] : 1) * weight;
	if (s->role[EG_ROLE_GROUP])
		s->role[EG_ROLE_GROUP][n] = d->group[i];
	if (s->role[EG_ROLE_EVENT])
		s->role[EG_ROLE_EVENT][n] = d->event[i];
}

/* Copy the fold's rows: of each kind, one kind after the other. */
static void
copy_rows(EgCrossval *cv, double validation, Size count[EG_NFOLD_ROWS])
{
	EgCrossvalState *s = cv->state;
	double	   *class_weights = eg_target_class_weights(&cv->spec->train, s->target, s->part,
														cv->nrows);
	Size		next[EG_NFOLD_ROWS];	/* place of the next row of each kind */
	Size		i;
	int			kind;

	memset(count, 0, sizeof(Size) * EG_NFOLD_ROWS);
	for (i = 0; i < cv->nrows; i++)
	{
		kind = row_kind(cv, validation, i);
		s->kind[i] = (uint8) kind;
		if (kind < EG_NFOLD_ROWS)
			count[kind]++;
	}
	next[0] = 0;
	for (kind = 1; kind < EG_NFOLD_ROWS; kind++)
		next[kind] = next[kind - 1] + count[kind - 1];
	for (i = 0; i < cv->nrows; i++)
	{
		kind = s->kind[i];

		/* classes weigh in learning only; other rows count as they are */
		if (kind < EG_NFOLD_ROWS)
			copy_row(s, i, next[kind]++,
					 class_weights && kind <= EG_ROWS_VALID ?
					 class_weights[s->target->cls[i]] : 1);
	}
	s->x.nrows = next[EG_FOLD_TEST];
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
prepare_fold(EgCrossval *cv, double validation, int repeat, int fold, Size count[EG_NFOLD_ROWS],
			 EgFoldScores *out)
{
	EgCrossvalState *s = cv->state;
	EgHeldOut  *h = &out->test;
	double		share = eg_validation_share(&cv->spec->train, validation);
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
	copy_rows(cv, validation, count);
	forget_unseen(cv, count[EG_ROWS_FIT] + count[EG_ROWS_VALID]);

	first = s->x.nrows - count[EG_FOLD_TEST];
	out->ntrain = first;
	h->n = count[EG_FOLD_TEST];
	h->truth = copy_doubles(s->role[EG_ROLE_TARGET] + first, h->n);
	h->weight = s->d->weight ? copy_doubles(s->role[EG_ROLE_WEIGHT] + first, h->n) : NULL;
	h->group = s->role[EG_ROLE_GROUP] ? copy_doubles(s->role[EG_ROLE_GROUP] + first, h->n) : NULL;
	h->event = s->role[EG_ROLE_EVENT] ? copy_doubles(s->role[EG_ROLE_EVENT] + first, h->n) : NULL;
	if (cv->spec->compare)
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
	instr_time	start,
				stop;
	Size		count[EG_NFOLD_ROWS];

	memset(out, 0, sizeof(EgFoldScores));
	prepare_fold(cv, algorithm->validation ? algorithm->validation(params, cv->task) : 0,
				 repeat, fold, count, out);
	INSTR_TIME_SET_CURRENT(start);
	eg_crossval_parts(cv, algorithm, params, count, run, out);
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
