/*-------------------------------------------------------------------------
 *
 * margin.h
 *	  Losses of a linear margin, and the solvers that make them small.
 *
 *	  F(b) = sum of w_i * loss(y_i, margin_i) + sum of l2_j/2 * b_j^2 + l1_j * |b_j|
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MARGIN_H
#define EG_MARGIN_H

#include "algo/coefficients.h"

typedef enum EgFamily
{
	EG_FAMILY_LOGISTIC,			/* y in 0..1, one margin */
	EG_FAMILY_SOFTMAX,			/* y a class, a margin for each */
	EG_FAMILY_POISSON,			/* mean exp(margin), variance of the mean's */
	EG_FAMILY_GAMMA,			/* ... square */
	EG_FAMILY_TWEEDIE			/* ... power */
} EgFamily;

/*
 * Rows as double vectors: 1 for the intercept (0 without one), then the
 * prepared columns.
 */
typedef struct EgDesign
{
	const EgDataset *data;
	EgPrep	   *prep;
	int			ld;				/* prep->width + 1 */
	bool		intercept;
	double	   *shift;			/* (ld) added to rows; NULL with an intercept */
	bool		single;			/* rows are rounded to single precision */
	float	   *rows;			/* (nfit, prep->width) prepared once, or NULL: at each pass */
	const double *weight;		/* or NULL */
	double		total;			/* of the weights */
	int			block;			/* rows worked on at a time */
} EgDesign;

/*
 * Checks targets and weights (finite; not all zero).  keep: the solver passes
 * over the rows more than once, so prepare them once if that is work and
 * memory allows.  All but
 * prep goes to the scratch context.
 */
extern EgDesign *eg_design_create(const EgDataset *data, bool intercept, bool keep, EgRun *run,
								  MemoryContext scratch);

/* n rows, the first given and each step-th after it, to out (n, ld). */
extern void eg_design_rows(const EgDesign *d, Size first, Size step, int n, double *out);

/* Weighted means of the prepared columns, for EgCoefs.centre. */
extern void eg_design_centre(const EgDesign *d, double *centre);

typedef struct EgObjective
{
	const EgDesign *design;
	EgFamily	family;
	double		power;			/* of EG_FAMILY_TWEEDIE */
	int			nout;			/* margins */
	double	   *l2;				/* (ld), as in F; 0 for the intercept */
	double	   *l1;				/* (ld) or NULL */
	Size		step;			/* use each step-th row */
	double		share;			/* weight of those rows, as a share of all */
	double		scale;			/* of slopes: what the tolerance is relative to */
	bool		separated;		/* found by the last pass: every row has its class's side */

	/* scratch of a pass */
	double	   *z;				/* (block, ld) */
	double	   *scaled;			/* (block, ld) */
	double	   *margin;			/* (block, nout) */
	double	   *slope;			/* (block, nout) */
	double	   *curve;			/* (block) */
} EgObjective;

extern EgObjective *eg_objective_create(const EgDesign *d, EgFamily family, double power, int nout);

/*
 * The smooth part of F at b (nout, ld), over the total weight; its gradient,
 * and where hessian is not NULL (nout = 1) its expected second derivatives
 * (ld, ld), lower triangle.
 */
extern double eg_objective_pass(EgObjective *o, const double *b, double *gradient,
								double *hessian);

/* What the penalties add to F at b, over the total weight. */
extern double eg_objective_penalty(const EgObjective *o, const double *b);

/* Loss, slope and curvature of n margins; slope and curvature times the weights. */
extern double eg_family_terms(EgFamily family, double power, int n, const double *margin,
							  const double *y, Size step, const double *w, double *slope,
							  double *curve, bool *separated);

/* Best intercept of a model without columns. */
extern double eg_family_start(const EgDesign *d, EgFamily family);

typedef struct EgSolution
{
	int			iterations;
	bool		converged;
	bool		separated;
	double		loss;			/* F without penalties, over the total weight */
	double		total;			/* weight */
	bool	   *dropped;		/* (ld) */
	double	   *covariance;		/* (ld, ld) inverse of the second derivatives, or NULL */
} EgSolution;

/* One margin: Newton steps, coordinate descent for the absolute values. */
extern void eg_newton(EgObjective *o, double *b, int max_iter, double tolerance, EgRun *run,
					  EgSolution *s);

/* Any number of margins and columns: L-BFGS, orthant-wise for the absolute values. */
extern void eg_lbfgs(EgObjective *o, double *b, int max_iter, double tolerance, EgRun *run,
					 EgSolution *s);

/* Most columns for which a matrix of second derivatives pays. */
#define EG_NEWTON_MAX	400

/* What is to be learned; penalties as in F, or as a share of the total weight. */
typedef struct EgMarginSpec
{
	EgFamily	family;
	double		power;
	int			nout;
	bool		intercept;
	bool		standardize;	/* penalties are of the scaled columns, else of the original ones */
	double		l1;
	double		l2;
	bool		per_weight;		/* penalties are times the total weight */
	int			max_iter;
	double		tolerance;		/* of the gradient of F over the total weight */
} EgMarginSpec;

/*
 * From rows to coefficients with the better of the two solvers; c->error is set
 * when there are one margin, no absolute values, and not too many columns.
 */
extern EgCoefs *eg_margin_fit(const EgDataset *data, const EgMarginSpec *spec, EgRun *run,
							  EgSolution *s);

#endif							/* EG_MARGIN_H */
