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

/* One pass over the rows. */
extern EgProducts *eg_products_create(const EgDesign *d, EgRun *run);

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

/* Sum of w r^2, from the rows where the products have lost the digits for it. */
extern double eg_products_residual(const EgProducts *p, const EgDesign *d, const double *b);

/* Covariance of intercept and coefficients, over sigma^2: (n + 1, n + 1). */
extern double *eg_products_covariance(const EgProducts *p, const double *inverse, bool intercept);

#endif							/* EG_PRODUCTS_H */
