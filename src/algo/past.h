/*-------------------------------------------------------------------------
 *
 * past.h
 *	  What a model with linear margins remembers of rows that are gone: their
 *	  loss near its coefficients, to second order.
 *
 *	  loss(b) = loss + gradient . (b - at) + (b - at)' hessian (b - at) / 2
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PAST_H
#define EG_PAST_H

#include "base/bytes.h"

typedef struct EgPast
{
	int			nout;			/* margins */
	int			ld;				/* coefficients of each, the intercept first */
	double		total;			/* weight of the rows */
	double		loss;			/* sum over the rows, without penalties, at the coefficients */
	double	   *gradient;		/* (nout * ld) of it */
	double	   *hessian;		/* (nout * ld, nout * ld) of it, both triangles */
} EgPast;

/* Zeros, in CurrentMemoryContext. */
extern EgPast *eg_past_create(int nout, int ld);

/* Its loss at b; gradient and, unless NULL, second derivatives are added to. */
extern double eg_past_add(const EgPast *p, const double *b, const double *at, double *gradient,
						  double *hessian);

/*
 * Where only differences between classes matter, second derivatives add up to
 * zero over the classes: those of the first class from the others.
 */
extern void eg_past_first_class(double *hessian, int nout, int ld);

extern void eg_past_save(const EgPast *p, EgWriter *w);
extern EgPast *eg_past_load(EgReader *r, int nout, int ld);

#endif							/* EG_PAST_H */
