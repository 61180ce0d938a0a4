/*-------------------------------------------------------------------------
 *
 * calibrate.h
 *	  Scores to probabilities: monotone curves from what a classifier says to
 *	  how often it is right, learned on rows that it has not learned from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_CALIBRATE_H
#define EG_CALIBRATE_H

#include "base/bytes.h"

typedef enum EgCalibrationMethod
{
	EG_CALIBRATE_SIGMOID,		/* a line over the log odds */
	EG_CALIBRATE_ISOTONIC		/* any ascending curve */
} EgCalibrationMethod;

typedef struct EgCurve
{
	double		slope;			/* SIGMOID: probability = logistic(slope * log odds + offset) */
	double		offset;
	uint32		n;				/* ISOTONIC: a line from point to point, level outside */
	double	   *x;				/* (n) ascending */
	double	   *y;				/* (n) not descending, in 0 .. 1 */
} EgCurve;

typedef struct EgCalibration
{
	EgCalibrationMethod method;
	int			width;			/* outputs of the model; 1: two classes */
	EgCurve    *curves;			/* (width) */
	uint32		nrows;			/* that it was learned from */
} EgCalibration;

extern const char *eg_calibration_name(EgCalibrationMethod method);
extern bool eg_calibration_parse(const char *name, EgCalibrationMethod *method);

/*
 * Learn from n rows: truth (n) class codes, score (n, width) what the model
 * said, weight (n) or NULL.  Each class must have a row, and with width 1 each of
 * two: DATA_EXCEPTION otherwise.  Allocates in CurrentMemoryContext.
 */
extern EgCalibration *eg_calibration_fit(EgCalibrationMethod method, const double *truth,
										 const double *score, const double *weight, Size n,
										 int width);

/* Replace nrows rows of scores.  Neither allocates nor throws. */
extern void eg_calibration_apply(const EgCalibration *c, Size nrows, double *score);

extern void eg_calibration_save(const EgCalibration *c, EgWriter *w);
extern EgCalibration *eg_calibration_load(EgReader *r);

#endif							/* EG_CALIBRATE_H */
