/*-------------------------------------------------------------------------
 *
 * coefficients.h
 *	  A linear margin for each output: what linear, logistic and generalized
 *	  linear models store, score, explain and describe alike.
 *
 *	  margin_k(x) = bias_k + sum over prepared columns of coef_kj * z_j(x)
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_COEFFICIENTS_H
#define EG_COEFFICIENTS_H

#include "algo/prepare.h"

typedef struct EgCoefs
{
	EgPrep	   *prep;			/* scaled, with a reference category */
	int			nout;			/* margins */
	int			width;			/* prepared columns */
	bool		intercept;
	char	  **names;			/* (width) of the prepared columns */
	double	   *coef;			/* (nout, width) on the prepared columns */
	double	   *bias;			/* (nout) margin where all prepared columns are zero */
	double	   *centre;			/* (width) weighted mean of the prepared columns */
	bool	   *dropped;		/* (width) a combination of earlier columns: coefficient 0 */
	double	   *error;			/* (nout, width + 1) standard errors on the original scale,
								 * the intercept's first; NULL when there are none */
	double		df;				/* of the t distribution; 0: normal */
	int			base;			/* output that the others' table is in comparison with, -1: none */

	/* made of the above for scoring, not stored */
	double	   *slope;			/* (nout, ncols) of a number */
	double	   *blank;			/* (nout, ncols) what a missing value adds */
	double	   *table;			/* (nout, codes) what a category adds */
	double	   *expected;		/* (nout, ncols) what a column adds on average */
} EgCoefs;

/* Zero coefficients for what was prepared; names is kept. */
extern EgCoefs *eg_coefs_create(EgPrep *prep, int nout, bool intercept, char **names);

/* Fill the fields for scoring; after the last change of the others. */
extern void eg_coefs_compile(EgCoefs *c);

/*
 * Standard errors from the covariance (width + 1)^2 of intercept and prepared
 * coefficients of output k, times scale.
 */
extern void eg_coefs_errors(EgCoefs *c, int k, const double *covariance, double scale);

/* Intercept of output k on the original scale. */
extern double eg_coefs_intercept(const EgCoefs *c, int k);

/* Margins of one row to nout values, with a step between them; neither allocates nor throws. */
extern void eg_coefs_margins(const EgCoefs *c, const float *x, double *out);

/* Exact Shapley values of the margins: for each output ncols values, then the mean. */
extern void eg_coefs_explain(const EgCoefs *c, const float *x, double *out);

/* The same against the mean of background rows. */
extern void eg_coefs_explain_against(const EgCoefs *c, const float *x, const float *background,
									 Size nbackground, double *out);

/* Standard deviation of what each input column adds to the margins. */
extern void eg_coefs_importance(const EgCoefs *c, double *out);

/* A line of the table of coefficients, on the original scale. */
typedef struct EgCoefRow
{
	int			output;
	const char *term;
	int			feature;		/* input column, -1: the intercept */
	int			code;			/* of a category, EG_TERM_NUMBER, EG_TERM_MISSING */
	double		estimate;
	double		error;			/* NaN from here on when there are no standard errors */
	double		statistic;
	double		p;
	double		low;
	double		high;
} EgCoefRow;

#define EG_TERM_NUMBER	(-1)
#define EG_TERM_MISSING	(-2)

/* All lines, dropped columns left out; level as 0.95, of the intervals. */
extern EgCoefRow *eg_coefs_rows(const EgCoefs *c, double level, int *n);

/*
 * Members "rank", "dropped", "coefficients" of a JSON object.  The last is a
 * table: an array of rows, the first the names of its columns.  odds names a
 * column for exp(estimate), or is NULL.
 */
extern void eg_coefs_describe(const EgCoefs *c, const char *odds, StringInfo json);

/* A number as JSON: null when it is not finite. */
extern void eg_json_number(StringInfo json, double v);

/* Most coefficients of a model that keeps what updates need. */
#define EG_UPDATE_MAX	1000

typedef enum EgUpdatable
{
	EG_UPDATE_YES,
	EG_UPDATE_UNWANTED,
	EG_UPDATE_WIDE,
	EG_UPDATE_UNSOLVED,
	EG_UPDATE_OLD
} EgUpdatable;

/* Why not, as a sentence; NULL for EG_UPDATE_YES.  Read a stored one. */
extern const char *eg_update_obstacle(EgUpdatable updatable);
extern EgUpdatable eg_update_get(EgReader *r);

/*
 * Callbacks of EgAlgorithm for a model whose first member is an EgCoefs *
 * (coefficients_model.c).
 */
extern int	eg_coefs_model_nfeatures(const void *model);
extern void eg_coefs_model_explain(const void *model, const float *x, Size nrows, double *out);
extern void eg_coefs_model_explain_against(const void *model, const float *x,
										   const float *background, Size nbackground, double *out);
extern void eg_coefs_model_importance(const void *model, double *out);

extern void eg_coefs_save(const EgCoefs *c, EgWriter *w);
extern EgCoefs *eg_coefs_load(EgReader *r);

#endif							/* EG_COEFFICIENTS_H */
