/*-------------------------------------------------------------------------
 *
 * autoencoder.h
 *	  The autoencoder: what its files share.
 *
 *	  autoencoder.c			parameters, stored form, entry points
 *	  autoencoder_train.c	epochs and mini-batches, early stopping
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_AUTOENCODER_H
#define EG_AUTOENCODER_H

#include "algo/anomaly.h"
#include "algo/mlp.h"

/* further from the mean than so many deviations, a value says no more to the network */
#define EG_AUTOENCODER_LIMIT	8.0f

typedef struct EgAutoencoderParams
{
	EgReals		layers;
	const char *activation;
	double		noise;
	double		learning_rate;
	double		weight_decay;
	int			batch_size;
	int			epochs;
	int			early_stopping_rounds;
	double		validation_fraction;
	double		tolerance;
	double		contamination;	/* NaN: auto */
} EgAutoencoderParams;

typedef struct EgAutoencoder
{
	EgMlpModel	net;			/* prep, activation, layers, epochs, losses */
	int		   *owner;			/* (width) feature that each prepared column is of */
	double	   *expected;		/* (ncols) mean squared error of each feature in training */
	double		half;			/* error whose score is 0.5 */
	double		mean_error;
	EgAnomalyFacts facts;

	/* not stored */
	float	   *rows;			/* (EG_MLP_BLOCK, width) prepared */
	double	   *error;			/* (EG_MLP_BLOCK, ncols) */
} EgAutoencoder;

/* A row for the network: what it gets (cut at the limit), and what is compared with its answer. */
extern void eg_autoencoder_input(const EgPrep *prep, const float *x, float *seen, float *truth);

/* Learn; the errors' facts are not there yet. */
extern void eg_autoencoder_train(EgAutoencoder *m, const EgDataset *data,
								 const EgAutoencoderParams *p, EgRun *run);

#endif							/* EG_AUTOENCODER_H */
