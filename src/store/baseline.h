/*-------------------------------------------------------------------------
 *
 * baseline.h
 *	  What the training rows looked like, stored with the model: for each
 *	  feature its distribution, and some whole rows; and how its scores were
 *	  distributed.  Explanations say what is typical with it, counterfactuals
 *	  stay plausible, drift is measured against it, none of them needs the
 *	  training data.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BASELINE_H
#define EG_BASELINE_H

#include "base/bytes.h"
#include "base/matrix.h"
#include "store/schema.h"

#define EG_BASELINE_BINS		20
#define EG_BASELINE_ROWS		25000	/* most training rows that distributions are made of */
#define EG_BACKGROUND_ROWS		128		/* default of engage_train(background => ...) */
#define EG_BACKGROUND_MAX		10000	/* and its bound */
#define EG_SEGMENT_ROWS			2000	/* at least, of a model of segments */

typedef struct EgFeatureBaseline
{
	double		n;				/* rows counted, missing ones included */
	double		missing;		/* of them without a value */

	/* numbers; NaN and 0 when every value is missing */
	bool		integral;		/* every value is a whole number */
	double		quantile[EG_BASELINE_BINS + 1]; /* 0, 5, ... 100 %: values that occur */
	int			nbins;			/* 1 .. EG_BASELINE_BINS; 1: constant */
	double		upper[EG_BASELINE_BINS];	/* (nbins) ascending; bin i: (upper[i - 1], upper[i]] */
	double		count[EG_BASELINE_BINS];	/* (nbins) rows in it */

	/* categories */
	int			ncategories;
	double	   *category_count; /* (ncategories) */

	double		typical;		/* a median that occurs, or the most frequent code */
} EgFeatureBaseline;

typedef struct EgBaseline
{
	int			nfeatures;
	EgFeatureBaseline *features;	/* (nfeatures) */
	int			nrows;			/* of the background sample, 0 when none is stored */
	float	   *rows;			/* (nrows, nfeatures) whole training rows */
} EgBaseline;

/*
 * From training rows in canonical order, which is a random one: distributions
 * of the first EG_BASELINE_ROWS, the first nbackground as a sample.
 */
extern EgBaseline *eg_baseline_make(const EgMatrix *x, Size nrows, const int *ncategories,
									int nbackground);

extern void eg_baseline_save(const EgBaseline *b, EgWriter *w);
extern EgBaseline *eg_baseline_load(EgReader *r, const EgSchema *schema);

/* Rows that distributions of scores are made of: the first kind of which there are any. */
typedef enum EgScoredRows
{
	EG_SCORED_HELD_OUT,
	EG_SCORED_VALIDATION,		/* and those set apart for calibration */
	EG_SCORED_TRAINING			/* the model has learned from them: more extreme than others */
} EgScoredRows;

#define EG_NSCORED_ROWS		3

typedef struct EgScoreBaseline
{
	EgScoredRows rows;
	int			noutputs;
	double	   *mean;			/* (noutputs) */
	EgFeatureBaseline *outputs; /* (noutputs) numbers, none missing */
} EgScoreBaseline;

/* From the first EG_BASELINE_ROWS of n > 0 rows of scores (n, width) in a random order. */
extern EgScoreBaseline *eg_scores_make(const double *score, Size n, int width, EgScoredRows rows);

extern void eg_scores_save(const EgScoreBaseline *s, EgWriter *w);
extern EgScoreBaseline *eg_scores_load(EgReader *r);

/* Days since 2000-01-01 as a date, "0044-03-15 BC" before the year 1; palloc'd. */
extern char *eg_day_text(double days);

/*
 * A feature's value in words: number without needless digits, category, date,
 * "yes"/"no" stay as typed; palloc'd.  NULL for a missing value.
 */
extern char *eg_feature_text(const EgSchema *schema, int feature, double value);

/*
 * The same for a sentence or a label: a category of many characters is cut, "..." behind it.
 * Of use to people alone, since it may stand for several categories.
 */
extern char *eg_feature_words(const EgSchema *schema, int feature, double value);

/* What it makes of a feature's text; NULL stays NULL. */
extern char *eg_short_words(char *text);

/* The column that a feature belongs to, and the element (from 0) of an array column (else -1). */
extern const EgColumn *eg_feature_column(const EgSchema *schema, int feature, int *element);

#endif							/* EG_BASELINE_H */
