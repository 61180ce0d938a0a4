/*-------------------------------------------------------------------------
 *
 * anomaly_ensemble.h
 *	  What the files of the ensemble of detectors share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ANOMALY_ENSEMBLE_H
#define EG_ANOMALY_ENSEMBLE_H

#include "algo/anomaly.h"

#define EG_ANOMALY_ENSEMBLE_FORMAT	1
#define EG_ANOMALY_MEMBERS		16
#define EG_ANOMALY_QUANTILES	1001	/* 0, 0.1, ... 100 % of the training scores */
#define EG_ANOMALY_BLOCK		64	/* rows that predict() takes at a time */

typedef struct EgDetector
{
	const EgAlgorithm *algorithm;
	void	   *parsed;			/* NULL when loaded */
	char	   *params;			/* JSON */
	void	   *model;
	double		median;			/* of the training scores */
	double		strange;		/* score that becomes 0.5 */
	double	   *quantile;		/* (EG_ANOMALY_QUANTILES) of the training scores */
} EgDetector;

typedef struct EgAnomalyEnsemble
{
	bool		ranks;
	bool		largest;
	int			nfeatures;
	int			nmembers;
	EgDetector *members;
	EgAnomalyFacts facts;
	double	   *room;			/* (EG_ANOMALY_BLOCK) not stored */
} EgAnomalyEnsemble;

extern const EgAlgorithm eg_anomaly_ensemble;

/* A detector of anomalies of that name that is no ensemble, or NULL. */
extern const EgAlgorithm *eg_anomaly_detector(const char *name);

extern void eg_anomaly_ensemble_save(const void *model, EgWriter *w);
extern void *eg_anomaly_ensemble_load(EgReader *r, int format);

#endif							/* EG_ANOMALY_ENSEMBLE_H */
