/*-------------------------------------------------------------------------
 *
 * curves.h
 *	  What the order of scores says about two classes: ROC and precision-recall
 *	  curves, calibration bins, lift, thresholds; and ranked lists cut at k.
 *
 * Names and definitions are those of scikit-learn 1.2.  A class is predicted
 * at or above the threshold.  An undefined value is NaN.  Scores and weights
 * must be finite, weights not negative; rows of weight 0 count for nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CURVES_H
#define EG_CURVES_H

/* Scores of one class in any order: every stride-th of v; the weight follows when stride is 2. */
typedef struct EgScoreList
{
	Size		n;
	int			stride;			/* 1, or 2: score, weight, score, weight ... */
	const double *v;
} EgScoreList;

/* Scores of two classes, sorted; 8 bytes a row, 16 with weights, and as much while sorting. */
typedef struct EgTwoClasses
{
	Size		n[2];			/* rows of class 0 and of class 1 */
	int			words;			/* 1: keys; 2: keys, each followed by its weight */
	uint64	   *items[2];		/* ascending */
} EgTwoClasses;

typedef struct EgCurveMeasures
{
	double		positives;		/* weight of class 1 */
	double		negatives;
	double		auc;
	double		average_precision;
	double		ks;				/* largest distance of the two distributions */
} EgCurveMeasures;

/* At this threshold, so much of class 1 and of class 0 is at or above it. */
typedef struct EgCurvePoint
{
	double		threshold;
	double		tp;
	double		fp;
} EgCurvePoint;

/* bytes that eg_curve_make() allocates for n rows */
extern Size eg_curve_bytes(Size n, int stride);

/* list[0] and list[1] have the same stride; they are not changed. */
extern EgTwoClasses *eg_curve_make(const EgScoreList list[2]);

/* From rows: truth 1 is class 1; score is every stride-th; weight may be NULL. */
extern EgTwoClasses *eg_curve_of_rows(const double *score, Size stride, const double *truth,
								 double positive, const double *weight, Size n);

extern EgCurveMeasures eg_curve_measure(const EgTwoClasses *c);

/* One point for each different score, from the highest down; palloc'd. */
extern EgCurvePoint *eg_curve_points(const EgTwoClasses *c, Size *npoints);

/* Keep the points where the ROC curve bends, in place; returns how many. */
extern Size eg_roc_bends(EgCurvePoint *points, Size npoints);

/* ----------
 * Calibration and lift (bins.c)
 * ----------
 */
typedef struct EgBin
{
	double		weight;			/* of the rows in the bin */
	double		score;			/* sums, weighted */
	double		truth;
} EgBin;

/* Bin of a probability among n of equal width: 0 has [0, 1/n], the next (1/n, 2/n] ... */
extern int	eg_bin_of(double p, int n);

/* Expected calibration error: mean distance of score and truth over the bins, by weight. */
extern double eg_calibration_error(const EgBin *bins, int n);

typedef struct EgSlice
{
	double		weight;			/* of the rows in the slice: all slices are equal */
	double		positives;
	double		lowest;			/* score in it */
} EgSlice;

/* Cut rows, best scores first, into n parts of equal weight; rows of equal score share. */
extern void eg_lift(const EgCurvePoint *points, Size npoints, int n, EgSlice *slices);

/* ----------
 * Thresholds (threshold.c)
 * ----------
 */
typedef struct EgCounts
{
	double		tp,
				fp,
				fn,
				tn;
} EgCounts;

extern double eg_counts_precision(const EgCounts *c);
extern double eg_counts_recall(const EgCounts *c);
extern double eg_counts_specificity(const EgCounts *c);
extern double eg_counts_f1(const EgCounts *c);
extern double eg_counts_accuracy(const EgCounts *c);
extern double eg_counts_mcc(const EgCounts *c);
extern double eg_counts_youden(const EgCounts *c);

typedef enum EgGoalKind
{
	EG_GOAL_LARGEST,			/* 'f1': the largest value of a metric */
	EG_GOAL_AT_LEAST,			/* 'recall >= 0.8': the best of another metric above a bound */
	EG_GOAL_COST				/* '{"fp": 5, "fn": 120}': the least cost */
} EgGoalKind;

typedef struct EgGoal
{
	EgGoalKind	kind;
	const char *metric;			/* name */
	double		(*measure) (const EgCounts *c);
	double		bound;			/* AT_LEAST */
	double		(*then) (const EgCounts *c);	/* AT_LEAST: what is best above the bound */
	EgCounts	cost;			/* COST: of one row of each kind */
} EgGoal;

/* Error INVALID_PARAMETER_VALUE that lists what can be asked. */
extern EgGoal eg_goal_parse(const char *text);

typedef struct EgThreshold
{
	double		threshold;		/* Infinity: nobody */
	EgCounts	counts;			/* there */
	double		value;			/* of the goal's metric, or the cost */
} EgThreshold;

/*
 * Among equals the highest threshold.  False: a bound that no threshold
 * reaches; then t->value is the best that one does.
 */
extern bool eg_threshold_find(const EgGoal *goal, const EgCurvePoint *points, Size npoints,
							  double positives, double negatives, EgThreshold *t);

/* ----------
 * One ranked list, cut at k (topk.c)
 * ----------
 */
typedef struct EgTopK
{
	double		ndcg;
	double		map;			/* average precision of the list */
	double		precision;
	double		recall;
	double		hit_rate;
} EgTopK;

/*
 * pairs: score, gain, score, gain ...; a gain above 0 is a relevant row.
 * Rows of equal score count as if in random order: the expected value.  A
 * list without a relevant row counts 0.
 */
extern EgTopK eg_top_k(const double *pairs, Size n, int k);

#endif							/* EG_CURVES_H */
