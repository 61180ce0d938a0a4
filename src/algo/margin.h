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
#include "algo/past.h"

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
	bool		learned;		/* prep is made of these very rows */
	bool		direct;			/* rows are numbers without gaps: no need to prepare them */
	float	   *rows;			/* (nfit, prep->width) prepared once, or NULL: at each pass */
	const double *weight;		/* or NULL */
	double		total;			/* of the weights */
	int			block;			/* rows worked on at a time */
} EgDesign;

/*
 * Checks targets and weights (finite; not all zero).  prep: how rows are
 * prepared, NULL to learn it from these.  keep: the solver passes over the rows
 * more than once, so prepare them once if that is work and memory allows.  All
 * but a new prep goes to the scratch context.
 */
extern EgDesign *eg_design_create(const EgDataset *data, EgPrep *prep, bool intercept, bool keep,
								  EgRun *run, MemoryContext scratch);

/* n rows, the first given and each step-th after it, to out (n, ld). */
extern void eg_design_rows(const EgDesign *d, Size first, Size step, int n, double *out);

/*
 * Without an intercept the line has to go through the origin of the numbers as
 * they came: what is added to the one and each prepared column; palloc'd.
 */
extern double *eg_design_shift(const EgPrep *prep);

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
	double		total;			/* weight of all rows, those of the past included */
	const EgPast *past;			/* what else F is made of, or NULL */
	const double *past_at;		/* (nout, ld) coefficients that it was made at */
	double		scale;			/* of slopes: what the tolerance is relative to */
	bool		separated;		/* found by the last pass: every row has its class's side */

	/* scratch of a pass */
	double	   *z;				/* (block, ld) */
	double	   *scaled;			/* (block, ld) */
	double	   *margin;			/* (block, nout) */
	double	   *slope;			/* (block, nout) */
	double	   *raw;			/* (2 ld) for rows as they are */
	double	   *curve;			/* (block, nout): curvatures; of the softmax, probabilities */
} EgObjective;

extern EgObjective *eg_objective_create(const EgDesign *d, EgFamily family, double power, int nout);

/*
 * The smooth part of F at b (nout, ld), over the total weight; its gradient,
 * and where hessian is not NULL its expected second derivatives, both triangles
 * of (nout * ld, nout * ld).
 */
extern double eg_objective_pass(EgObjective *o, const double *b, double *gradient,
								double *hessian);

/* What the penalties add to F at b, over the total weight. */
extern double eg_objective_penalty(const EgObjective *o, const double *b);

/* Loss, slope and curvature of n margins; slope and curvature times the weights. */
extern double eg_family_terms(EgFamily family, double power, int n, const double *margin,
							  const double *y, Size step, const double *w, double *slope,
							  double *curve, bool *separated);

/* Best intercept of a model without columns; log of the weighted mean of the targets. */
extern double eg_family_start(const EgDesign *d, EgFamily family);
extern double eg_log_mean_target(const EgDesign *d);

typedef struct EgSolution
{
	int			iterations;
	bool		converged;
	bool		separated;
	double		loss;			/* F without penalties, over the total weight */
	double		total;			/* weight */
	EgPast	   *past;			/* for eg_margin_update(), or NULL; in the caller's context */
	double		past_loss;		/* of eg_margin_update(): that of the old rows now */

	/* between the solvers and eg_margin_fit(): n = nout * ld */
	bool		started;		/* b is near the solution already */
	bool		remember;		/* second derivatives are wanted in any case */
	bool	   *dropped;		/* (n) */
	double	   *covariance;		/* (n, n) inverse of the second derivatives, or NULL */
	double	   *gradient;		/* (n) of F's smooth part, over the total weight, at b */
	double	   *hessian;		/* (n, n) likewise, near b; NULL when not made */
} EgSolution;

/*
 * Newton steps, coordinate descent for the absolute values; b (nout, ld) is
 * the start.  Of several classes the first is what the others are compared with:
 * its intercept is 0 (and, without a penalty, all its coefficients are) before and after.
 */
extern void eg_newton(EgObjective *o, double *b, int max_iter, double tolerance, EgRun *run,
					  EgSolution *s);

/* Any number of margins and columns: L-BFGS, orthant-wise for the absolute values. */
extern void eg_lbfgs(EgObjective *o, double *b, int max_iter, double tolerance, EgRun *run,
					 EgSolution *s);

/* Most coefficients for which a matrix of second derivatives pays at each step ... */
#define EG_NEWTON_MAX	400
#define EG_NEWTON_CLASSES	150	/* ... of several classes, without absolute values */

/* ... and once, at the end, for standard errors and updates. */
#define EG_HESSIAN_MAX	EG_UPDATE_MAX

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
	double		mean;			/* of all targets, where the rows are not all; else 0 */
	bool		remember;		/* make s->past */
} EgMarginSpec;

/*
 * From rows to coefficients with the better of the solvers.  c->error is set
 * when there are no absolute values and at most EG_HESSIAN_MAX coefficients,
 * s->past when it is wanted and there are no more than these.
 */
extern EgCoefs *eg_margin_fit(const EgDataset *data, const EgMarginSpec *spec, EgRun *run,
							  EgSolution *s);

/*
 * New rows, prepared as those before, for coefficients that come with a past:
 * c is changed in place, s->past is the new past.
 */
extern void eg_margin_update(EgCoefs *c, const EgPast *past, const EgDataset *data,
							 const EgMarginSpec *spec, EgRun *run, EgSolution *s);

#endif							/* EG_MARGIN_H */
