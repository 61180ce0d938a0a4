/*-------------------------------------------------------------------------
 *
 * drift.h
 *	  What the files of the drift aggregates share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_API_DRIFT_H
#define EG_API_DRIFT_H

#include "fmgr.h"
#include "eval/drift.h"

typedef enum EgDriftMeasure
{
	EG_DRIFT_PSI,
	EG_DRIFT_KL,
	EG_DRIFT_JS,
	EG_DRIFT_CHI2,
	EG_DRIFT_CHI2_P
} EgDriftMeasure;

/* Counts of the same bins for the reference (0) and the current side (1). */
typedef struct EgHistograms
{
	int			n;
	double	   *counts[2];		/* (n) */
} EgHistograms;

/* The measure as the result of a function; NULL when it is undefined. */
extern Datum eg_drift_datum(FunctionCallInfo fcinfo, EgDriftMeasure measure,
							const EgHistograms *h);

#endif							/* EG_API_DRIFT_H */
