/*-------------------------------------------------------------------------
 *
 * anomaly.h
 *	  What detectors of anomalies share: from which score on a row is called
 *	  one, and what there is to say of the scores of the training rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ANOMALY_H
#define EG_ANOMALY_H

#include "algo/algo.h"

/* where nothing is said of the share of anomalies */
#define EG_ANOMALY_THRESHOLD	0.5

/* the declared parameter; NaN is 'auto' */
extern const char *const eg_contamination_words[];

#define EG_CONTAMINATION(params) \
	{"contamination", EG_PARAM_REAL, offsetof(params, contamination), .number = NAN, .min = 0, \
		.max = 0.5, .min_open = true, .words = eg_contamination_words, \
		.help = "Share of the training rows that are anomalies, which sets the threshold; " \
				"auto sets it to 0.5"}

/*
 * The score from which on a row is called an anomaly, so that of n scores, put in
 * another order here, the given share is: as many as the quantile's linear
 * interpolation leaves above it, ceil(share (n - 1)).  Equal scores are not
 * torn apart; rather fewer rows are called anomalies.
 */
extern double eg_anomaly_threshold(double *score, Size n, double share);

/* A number from 0 up, as a score: half for the number that is just strange enough. */
extern double eg_anomaly_ratio(double value, double half);

/* What the scores of training rows look like. */
typedef struct EgAnomalyFacts
{
	uint64		nrows;			/* that were scored */
	double		threshold;
	double		mean;
	double		largest;
	double		share;			/* from the threshold on */
} EgAnomalyFacts;

/* share NaN: 'auto'.  score is put in another order. */
extern EgAnomalyFacts eg_anomaly_facts(double *score, Size n, double share);

extern void eg_anomaly_save(const EgAnomalyFacts *facts, EgWriter *w);
extern void eg_anomaly_load(EgAnomalyFacts *facts, EgReader *r);

/* Members of a JSON object. */
extern void eg_anomaly_estimate(const EgAnomalyFacts *facts, StringInfo json);

#endif							/* EG_ANOMALY_H */
