/*-------------------------------------------------------------------------
 *
 * products.h
 *	  The matrix of products of the columns and the target, and least squares
 *	  from it.  Results are in CurrentMemoryContext.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PRODUCTS_H
#define EG_PRODUCTS_H

#include "algo/margin.h"

/* The centred products, and what else is known of the rows. */
typedef struct EgProducts
{
	int			n;				/* columns */
	double	   *g;				/* (n, n) of columns with columns */
	double	   *q;				/* (n) of columns with the target */
	double	   *mean;			/* (n) of the columns; 0 without intercept */
	double		yy;				/* of the target with itself */
	double		ymean;			/* 0 without intercept */
	double		total;			/* weight */
	Size		rows;			/* of weight above 0 */
} EgProducts;

/* Zeros for n columns. */
extern EgProducts *eg_products_zero(int n);

/* One pass over the rows. */
extern EgProducts *eg_products_create(const EgDesign *d, EgRun *run);

/* Rows of b to those of a. */
extern void eg_products_combine(EgProducts *a, const EgProducts *b);

/*
 * Least squares (exact) or ridge: b; dropped columns get 0.  Returns the rank.
 * inverse (n, n) is set for least squares: of the products, zero where columns
 * were dropped.
 */
extern int	eg_products_solve(const EgProducts *p, const double *l2, bool exact, double *b,
							  bool *dropped, double **inverse);

/* Lasso and elastic net, from b = 0; returns the number of passes over the coefficients. */
extern int	eg_products_descend(const EgProducts *p, const double *l1, const double *l2,
								int max_iter, double tolerance, double *b, bool *converged,
								EgRun *run);

/* Sum of w r^2 with the best intercept for b; some digits are lost where it is small. */
extern double eg_products_residual(const EgProducts *p, const double *b);

/* The same at b where it is known at old; no digits are lost where they are near. */
extern double eg_products_residual_from(const EgProducts *p, const double *old, double known,
										const double *b);

/* Sum of w r^2 of the rows themselves, b given and bias where all columns are zero. */
extern double eg_design_residual(const EgDesign *d, const double *b, double bias);

/* Covariance of intercept and coefficients, over sigma^2: (n + 1, n + 1). */
extern double *eg_products_covariance(const EgProducts *p, const double *inverse, bool intercept);

extern void eg_products_save(const EgProducts *p, EgWriter *w);
extern EgProducts *eg_products_load(EgReader *r, int n);

#endif							/* EG_PRODUCTS_H */
