/*-------------------------------------------------------------------------
 *
 * mlp.h
 *	  The multi-layer perceptron: what its files share.
 *
 *	  mlp.c			parameters, stored form, entry points
 *	  mlp_train.c	epochs and mini-batches, early stopping, learning on
 *	  mlp_net.c		the network in training: forward, backward, Adam
 *	  mlp_dense.c	the network in scoring: dense layers without BLAS
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_MLP_H
#define EG_MLP_H

#include "algo/algo.h"
#include "algo/prepare.h"

#define EG_MLP_MAX_LAYERS	16	/* hidden ones */
#define EG_MLP_MAX_WIDTH	65536

typedef enum EgMlpActivation
{
	EG_MLP_RELU,
	EG_MLP_GELU,
	EG_MLP_TANH
} EgMlpActivation;

#define EG_MLP_NACTIVATIONS	3

extern const char *const eg_mlp_activations[];	/* words, NULL-terminated */

typedef struct EgMlpParams
{
	EgReals		layers;
	const char *activation;
	bool		batch_norm;
	double		dropout;
	double		learning_rate;
	double		weight_decay;
	int			batch_size;
	int			epochs;
	int			early_stopping_rounds;
	double		validation_fraction;
	double		tolerance;
	int			update_epochs;
} EgMlpParams;

/* ---- scoring (mlp_dense.c) ---- */

/* y = x w + b; rows of w are padded with zeros to ld, a multiple of 16 */
typedef struct EgMlpLayer
{
	int			nin;
	int			nout;
	int			ld;
	float	   *w;				/* (nin, ld) */
	float	   *b;				/* (ld) */
} EgMlpLayer;

typedef struct EgMlpModel
{
	EgPrep	   *prep;
	EgTask		task;
	int			nclasses;		/* 0 for regression */
	EgMlpActivation activation;
	int			nlayers;		/* dense layers, the output's included */
	EgMlpLayer *layers;
	double		center;			/* regression: y = center + scale * output */
	double		scale;
	float	   *deviation;		/* (layers[0].nin) of the prepared columns in training */

	/* how it was learned, for describe() and update() */
	int			epochs;
	int			best_epoch;
	double		loss;			/* of the training rows, in the last epoch */
	double		valid_loss;		/* of the validation rows in the best epoch, or NaN */
	int			updates;
	bool		batch_norm;
	double		dropout;
	double		learning_rate;
	double		weight_decay;
	int			batch_size;
	int			update_epochs;

	/* not stored: rows on their way through the layers */
	float	   *scratch[2];
} EgMlpModel;

/* Layers of these widths (nlayers + 1 of them, input first), weights zero; and scratch. */
extern void eg_mlp_layers_new(EgMlpModel *m, int nlayers, const int *width);

/* Weights and biases, layer after layer; reading checks the bytes, then makes the layers. */
extern void eg_mlp_layers_save(const EgMlpModel *m, EgWriter *w);
extern void eg_mlp_layers_load(EgReader *r, EgMlpModel *m, int nlayers, const int *width);

/* Predictions of n rows; neither allocates nor throws. */
extern void eg_mlp_score(const EgMlpModel *m, const float *x, Size n, double *out);

/* most rows for eg_mlp_run() */
#define EG_MLP_BLOCK		16

/*
 * Outputs, without link, of the n rows in scratch[0], of layers[0].nin each: rows of the last
 * layer's ld.  Neither allocates nor throws.
 */
extern const float *eg_mlp_run(const EgMlpModel *m, int n);

/* One row as the network's input: prepared, outliers cut; Max(prep->width, 1) numbers. */
extern void eg_mlp_input(const EgPrep *prep, const float *x, float *out);

/* z = activation(z), in place; d, unless NULL, is set to its derivative there. */
extern void eg_mlp_activate(EgMlpActivation activation, float *z, float *d, Size n);

/* ---- the network in training (mlp_net.c) ---- */

typedef struct EgMlpNet
{
	int			nlayers;
	const int  *width;			/* (nlayers + 1), input first */
	EgMlpActivation activation;
	bool		batch_norm;
	double		dropout;
	int			batch;			/* most rows that go through at once */

	/* all parameters in one array: Adam is one loop */
	Size		nparams;
	Size	   *w;				/* (nlayers) where weights (in, out) begin in theta */
	Size	   *b;				/* (nlayers) biases, right behind the weights */
	Size	   *gamma;			/* (nlayers) scales of batch normalization, behind the biases */
	float	   *theta;
	float	   *grad;
	float	   *m;				/* Adam: mean of the gradients */
	float	   *v;				/* and of their squares */
	int64		step;

	/* batch normalization: hidden units of all layers in one row */
	int			nhidden;
	int		   *unit;			/* (nlayers) first hidden unit of a layer */
	float	   *mean;			/* (nhidden) running */
	float	   *variance;
	float	   *inverse;		/* 1 / deviation in this batch */
	float	   *column;			/* (2 * widest) sums of columns */

	/* one batch on its way */
	float	  **a;				/* (nlayers + 1) input of layer l; a[nlayers] is the output */
	float	  **d;				/* (nlayers) derivative of the activation, dropout included */
	float	  **normal;			/* (nlayers) normalized values */
	float	   *delta[2];		/* derivative of the loss; [0] begins with the output's */
} EgMlpNet;

/* Bytes that a net will take; or the net, in CurrentMemoryContext. */
extern Size eg_mlp_net_size(int nlayers, const int *width, bool batch_norm, int batch);
extern EgMlpNet *eg_mlp_net_new(int nlayers, const int *width, EgMlpActivation activation,
								bool batch_norm, double dropout, int batch);
extern void eg_mlp_net_init(EgMlpNet *net, uint64 seed);

/*
 * Outputs, without link, of the n rows in net->a[0].  In training, batches are
 * normalized by themselves and units dropped; key says which.
 */
extern float *eg_mlp_forward(EgMlpNet *net, int n, bool training, uint64 key);

/*
 * Loss of n rows, summed with weights (NULL: all 1); with delta also its
 * derivative by the outputs, divided by n.  y is standardized or a class.
 */
extern double eg_mlp_loss(EgTask task, const float *output, int n, int k, const float *y,
						  const float *weight, float *delta);

/* From net->delta[0], after forward, to net->grad. */
extern void eg_mlp_backward(EgMlpNet *net, int n);
extern void eg_mlp_adam(EgMlpNet *net, double learning_rate, double weight_decay);

/*
 * Into and out of the form that scores; batch normalization becomes part of
 * the weights.  False when not all of them are finite.
 */
extern bool eg_mlp_net_store(const EgMlpNet *net, EgMlpModel *m);
extern void eg_mlp_net_fetch(EgMlpNet *net, const EgMlpModel *m);

/* ---- training (mlp_train.c) ---- */

/* Put rows into another order, which the key says. */
extern void eg_mlp_shuffle(Size *rows, Size n, uint64 key);

extern EgMlpModel *eg_mlp_train(const EgDataset *data, const EgMlpParams *p, EgRun *run);
extern void eg_mlp_train_on(EgMlpModel *m, const EgDataset *data, EgRun *run);

#endif							/* EG_MLP_H */
