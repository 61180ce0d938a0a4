/*-------------------------------------------------------------------------
 *
 * score.h
 *	  One row to one prediction: binds a row type to a compiled model, routes
 *	  to the partition's model, computes.  The path of engage_predict() and of
 *	  the champion's scores while training reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_SCORE_H
#define EG_SCORE_H

#include "store/cache.h"
#include "store/identity.h"

typedef struct EgScorer
{
	EgCompiled *model;
	MemoryContext context;		/* bindings live here */
	int			width;
	double	   *quantiles;		/* (width) for the quantile task, else NULL */
	int			middle;			/* output that engage_predict() returns */
	EgArtifact *used;			/* part that scored the last row */
	bool		numeric_labels; /* multiclass: every label is a number */
	double	   *label_numbers;

	TupleDesc	desc;			/* the bound row type */
	EgRowType	row_type;		/* what is bound */
	MemoryContext bound;		/* holds the bindings */
	struct EgBinding **bindings;	/* (nparts) */
	EgColumn   *route;			/* partition column: code = part - 1; or NULL */
	struct EgKey *route_key;	/* its values to text */
	int			route_attno;	/* from 0, in the bound row type */
	struct EgTally *tally;		/* store/counters.h; NULL: its rows are not counted */
	float	   *x;				/* features of one row */
	double	   *out;			/* (width) */
} EgScorer;

extern EgScorer *eg_scorer_create(EgCompiled *model, MemoryContext context);

/* Scores of one row: (width) doubles, valid until the next call. */
extern const double *eg_scorer_tuple(EgScorer *s, HeapTupleHeader tuple);
extern const double *eg_scorer_jsonb(EgScorer *s, const Jsonb *row);

/*
 * The same from values in place, always of the same row type; desc is needed
 * (and copied) until eg_scorer_has_values() is true.
 */
extern bool eg_scorer_has_values(const EgScorer *s);
extern const double *eg_scorer_values(EgScorer *s, TupleDesc desc, const Datum *values,
									  const bool *nulls);

/* Without the score: the row's features are in x; returns the part that would score it. */
extern int	eg_scorer_vector(EgScorer *s, TupleDesc desc, const Datum *values,
							 const bool *nulls);

/* The same from numbers in the order of the features; error for other columns. */
extern const double *eg_scorer_numbers(EgScorer *s, const float *x, int n);

/* NULL, or why rows of this type cannot be scored (palloc'd). */
extern char *eg_scorer_unfit(EgScorer *s, TupleDesc desc);

/* What engage_predict() returns for the scores: see docs/reference/predict.md. */
extern double eg_scorer_number(const EgScorer *s, const double *out);

/* Class with the highest score, or by the threshold of two. */
extern int	eg_scorer_class(const EgScorer *s, const double *out);

/* Numbers of a member of a JSON object text: '{"quantiles": [0.1, 0.5]}'; NULL when absent. */
extern double *eg_json_numbers(const char *json, const char *member, int *n);

#endif							/* EG_SCORE_H */
