/*-------------------------------------------------------------------------
 *
 * fit_private.h
 *	  What the files of engage_fit() share: rows in a state, sums in a state.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_FIT_PRIVATE_H
#define EG_FIT_PRIVATE_H

#include "algo/moments.h"
#include "store/fit.h"

#define EG_FIT_STATE		"state of engage_fit()"	/* for messages */

/* ----------
 * fit_read.c: packed rows
 * ----------
 */
typedef struct EgFitPacked
{
	uint64		hash;
	const char *bytes;
	uint32		len;
	bool		valid;			/* for validation */
} EgFitPacked;

/* Where each row is, from the reader's place to its end. */
extern EgFitPacked *eg_fit_find_rows(EgReader *r, Size *n);

/* Order of a state's rows; for qsort(). */
extern int	eg_fit_by_hash(const void *a, const void *b);

/* Columns with empty dictionaries, no widths and no dates. */
extern EgSchema *eg_fit_schema(const EgFitState *s);

/* A row's target (of labels, the code), its words, dates and widths into d. */
extern void eg_fit_measure(const EgFitState *s, EgSourceData *d, const EgFitPacked *row, Size i);

/* Features of a row whose columns have been measured. */
extern void eg_fit_features(const EgFitState *s, EgSchema *schema, const EgFitPacked *row,
							float *x);

/*
 * The same for sums: a column's first number is at[column] of x, -1 for none; dates
 * are days since 2000-01-01.
 */
extern void eg_fit_raw(const EgFitState *s, EgSchema *schema, const EgFitPacked *row,
					   const int *at, double *x);

/* Code of a word in a dictionary that may grow; held against engage.max_categories. */
extern int	eg_fit_code(EgColumn *c, const char *text, uint32 len);

/* ----------
 * fit_sums.c: sums in the place of rows
 * ----------
 */
#define EG_FIT_TARGETS		3	/* distinct ones: what a task is inferred from, and one more */

typedef struct EgFitSums
{
	EgSchema   *schema;			/* words in order of arrival, widths, last dates */
	int		   *at;				/* (ncolumns) first of the moments, -1: width not yet known */
	EgMoments  *moments;
	int			ntargets;		/* at most EG_FIT_TARGETS */
	double		target[EG_FIT_TARGETS]; /* ascending */
	Size		nsample;
	EgFitPacked *sample;		/* (nsample) the first rows in their order */
} EgFitSums;

/* Those of a state, or empty ones; then rows are added, up to the state's last. */
extern EgFitSums *eg_fit_sums_open(const EgFitState *s);
extern void eg_fit_sums_add(const EgFitState *s, EgFitSums *sums);

/* Everything in its final order: dictionaries, dates, columns of the moments. */
extern void eg_fit_sums_finish(EgFitSums *sums);

/* Rows of the state become sums when that is less; the state may be a new one. */
extern bytea *eg_fit_fold(bytea *state);

/* The sums of both, and the rows of both. */
extern bytea *eg_fit_fold_together(const bytea *state, const bytea *other);

/* ----------
 * fit_rows.c: states
 * ----------
 */

/* A new state with the head of the old one and these sums, without rows, with room for some. */
extern bytea *eg_fit_with_sums(const bytea *old, const EgWriter *sums);

/* The state with the rows of another, in place when there is room. */
extern bytea *eg_fit_append_rows(bytea *state, const EgFitState *from);

/* Do not try to make sums before there are so many bytes of rows. */
extern bytea *eg_fit_fold_at(bytea *state, uint32 rows);

#endif							/* EG_FIT_PRIVATE_H */
