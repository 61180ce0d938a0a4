/*-------------------------------------------------------------------------
 *
 * boost.h
 *	  What boost.c and boost_quantile.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_BOOST_H
#define EG_BOOST_H

#include "algo/boost_params.h"
#include "algo/forest.h"
#include "algo/xgbmodel.h"

/* attribute of the library's model that keeps the quantiles of an export */
#define EG_BOOST_QUANTILES_ATTR "engage_quantiles"

/* A trained booster as bytes, with what had to be decided on the way. */
typedef struct EgBoostResult
{
	char	   *bytes;			/* UBJSON */
	Size		len;
	int			rounds;			/* rounds that were trained */
	int			best_round;		/* rounds that were kept */
} EgBoostResult;

/* The rows to learn from, in the form that the tree method takes. */
extern EgXgbMatrix *eg_boost_matrix(const EgDataset *data, const EgBoostParams *p,
									const EgRun *run);

/* Stops a loop of rounds when a metric has not improved for a while. */
typedef struct EgBoostStop
{
	int			patience;		/* 0: never stop */
	bool		maximize;
	double		best;
	int			best_round;		/* counted from 1 */
} EgBoostStop;

extern void eg_boost_stop_init(EgBoostStop *stop, int patience, bool maximize);

/* Note the value after a round (from 1); was it the best so far? */
extern bool eg_boost_stop_note(EgBoostStop *stop, int round, double value);
extern bool eg_boost_stop_now(const EgBoostStop *stop, int round);

/* Weights of the rows as floats, or NULL; errors for negative and missing ones. */
extern float *eg_boost_weights(const EgDataset *data);

/* Targets as floats; errors for values that the objective cannot learn. */
extern float *eg_boost_labels(const EgDataset *data, const EgBoostObjective *objective);

/* Give a matrix over rows [first, first + n) its targets, weights and groups. */
extern void eg_boost_set_info(EgXgbMatrix *d, const EgDataset *data,
							  const EgBoostObjective *objective, const float *labels,
							  const float *weights, Size first, Size n);

/* Threads worth using: waiting for each other costs more than small data. */
extern int	eg_boost_threads(const EgDataset *data, const EgRun *run);

/* Will the library's memory stay below the limit? */
extern void eg_boost_check_memory(const EgDataset *data, const EgBoostParams *p,
								  const EgRun *run);

/* Train for task quantile (boost_quantile.c). */
extern void eg_boost_quantile_train(const EgDataset *data, const EgBoostParams *p, EgRun *run,
									EgBoostResult *result);

/*
 * Send missing values to the side of most training rows in all nodes that met none in
 * training, in the forest and in the library's bytes that it was read from
 * (boost_missing.c).
 */
extern void eg_boost_settle_missing(const EgDataset *data, EgForeignModel *foreign, char *bytes,
									const EgRun *run);

#endif							/* EG_BOOST_H */
