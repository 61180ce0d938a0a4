/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  What the functions that explain rows share: the explainer of a call site,
 *	  which output is meant, and what is said of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_EXPLAIN_H
#define EG_API_EXPLAIN_H

#include "api/predict.h"
#include "store/explain.h"
#include "utils/jsonb.h"

/* Which output of a row is to be explained. */
typedef struct EgAbout
{
	const char *class;			/* label, NULL: the predicted one, of two the positive one */
	bool		has_quantile;
	double		quantile;
} EgAbout;

/* An explanation as it is told: of the class that was asked for, the other one of two too. */
typedef struct EgTold
{
	const EgExplanation *what;
	double		sign;			/* of contributions: -1 for class 0 of two */
	double		base;
	double		prediction;
	int			class;			/* that it speaks for, -1: the task has none */
} EgTold;

/* Words of the arguments method and space; errors list the known ones. */
extern EgExplainMethod eg_explain_method(const char *word);
extern bool eg_explain_margin(const char *word);

/* Explainer of the call site whose scorer this is; made anew for other options. */
extern EgExplainer *eg_call_site_explainer(FunctionCallInfo fcinfo, EgScorer *s,
										   const EgExplainOptions *options);

/* Output of the row that was scored last; *flip: it is that of class 0 of two. */
extern int	eg_explain_output(const EgScorer *s, const EgAbout *about, bool *flip);

/* Explain the row that was scored last. */
extern EgTold eg_explain_told(EgExplainer *e, EgScorer *s, const EgAbout *about, bool margin);

/* Features by the size of their contributions, the largest first; palloc'd. */
extern int *eg_explain_order(const EgExplanation *e);

/* Label of a class; models without labels have numbers. */
extern const char *eg_class_label(const EgScorer *s, int class);

/* A number as a jsonb value; null where it is not finite. */
extern void eg_jsonb_set_number(JsonbValue *v, double number);

/* The value of a feature: number, boolean, text, or null when it is missing. */
extern void eg_jsonb_set_feature(JsonbValue *v, const EgSchema *schema, int feature, double value);

#endif							/* EG_API_EXPLAIN_H */
