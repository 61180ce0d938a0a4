/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  Why a row has its score: contributions of its features.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_EXPLAIN_H
#define EG_EXPLAIN_H

#include "store/score.h"

typedef enum EgExplainMethod
{
	EG_EXPLAIN_AUTO,			/* exact where the algorithm can, else sampled */
	EG_EXPLAIN_EXACT,			/* path-dependent trees, linear terms; error where there is none */
	EG_EXPLAIN_INTERVENTIONAL,	/* exact against the stored background rows */
	EG_EXPLAIN_SAMPLED
} EgExplainMethod;

typedef struct EgExplainOptions
{
	EgExplainMethod method;
	bool		margin;			/* contributions to the margin instead of the output */
	int			samples;		/* pairs of orders when sampled; 0: a good default */
} EgExplainOptions;

typedef struct EgExplanation
{
	const EgSchema *schema;		/* of the part that scored the row */
	int			output;			/* which: class, quantile */
	int			nfeatures;
	const float *x;				/* (nfeatures) the row as the model saw it */
	double	   *contribution;	/* (nfeatures) */
	double	   *error;			/* (nfeatures) standard errors, NULL when exact */
	double		base;			/* expected value */
	double		prediction;		/* base and contributions add up to it */
	const char *method;			/* "path_dependent", "linear", "interventional", "sampled" */
} EgExplanation;

typedef struct EgExplainer EgExplainer;

/* Can the model be explained exactly?  If not, by sampling alone. */
extern bool eg_artifact_explains(const EgArtifact *a);

/* Keeps s; lives in context. */
extern EgExplainer *eg_explainer_create(EgScorer *s, const EgExplainOptions *options,
										MemoryContext context);

/*
 * Explain one output of the row that the scorer scored last; valid until the
 * next call.  Errors: FEATURE_NOT_SUPPORTED (says what works instead),
 * OBJECT_NOT_IN_PREREQUISITE_STATE (no stored background).
 */
extern const EgExplanation *eg_explainer_row(EgExplainer *e, int output);

/* Interactions of the same row, (nfeatures + 1, nfeatures + 1), in margins. */
extern const double *eg_explainer_interactions(EgExplainer *e, int output);

/*
 * Output that speaks for the row when none was asked for: the predicted class of
 * several, the middle quantile, else 0.
 */
extern int	eg_explain_default_output(const EgScorer *s, const double *out);

/* Output of a class label; error lists the known.  Binary: *flip when it is class 0. */
extern int	eg_explain_class_output(const EgScorer *s, const char *label, bool *flip);

#endif							/* EG_EXPLAIN_H */
