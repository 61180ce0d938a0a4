/*-------------------------------------------------------------------------
 *
 * autoencoder_train.c
 *	  Training of the autoencoder: epochs of shuffled mini-batches on the
 *	  network of mlp_net.c, whose targets are its inputs.
 *
 * With noise, a share of the inputs is hidden (set to the mean) while the
 * answer is compared with all of them: the network has to know how columns go
 * together.  Source: P. Vincent et al., "Extracting and Composing Robust
 * Features with Denoising Autoencoders", ICML 2008.
 *
 * BLAS has one thread, as in mlp_train.c: the same seed gives the same bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/autoencoder.h"
#include "base/blas.h"
#include "base/compat.h"
#include "base/history.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* streams of random numbers below the seed */
#define STREAM_INIT		1
#define STREAM_SHUFFLE	2
#define STREAM_NOISE	3

/* rows between two looks at interrupts outside of batches */
#define CHECK_ROWS		1024

typedef struct Trainer
{
	const EgDataset *data;
	const EgAutoencoderParams *p;
	EgRun	   *run;
	EgMlpNet   *net;
	int			width;
	float	   *kept;			/* (n, width) prepared rows */
	Size	   *order;			/* (nfit) */
	float	   *theta;			/* of the best epoch, or NULL */
} Trainer;

void
eg_autoencoder_input(const EgPrep *prep, const float *x, float *seen, float *truth)
{
	int			n = Max(prep->width, 1);
	int			j;

	eg_mlp_input(prep, x, truth);
	for (j = 0; j < n; j++)
		seen[j] = Max(Min(truth[j], EG_AUTOENCODER_LIMIT), -EG_AUTOENCODER_LIMIT);
}

/* Widths of the layers, the input's first: given ones, or half and a quarter of the columns. */
static int *
layer_widths(const EgAutoencoderParams *p, int width, int *nlayers)
{
	int		   *w = palloc((Max(p->layers.n, 3) + 2) * sizeof(int));
	int			n = p->layers.n;
	int			l;

	if (n > EG_MLP_MAX_LAYERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"layers\" of algorithm \"autoencoder\" must have at most %d "
						"numbers, not %d", EG_MLP_MAX_LAYERS, n)));
	w[0] = width;
	for (l = 0; l < n; l++)
	{
		if (p->layers.values[l] != floor(p->layers.values[l]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"layers\" of algorithm \"autoencoder\" must hold whole "
							"numbers, not %g", p->layers.values[l])));
		w[l + 1] = (int) p->layers.values[l];
	}
	if (n == 0)
	{
		w[1] = w[3] = Max((width + 1) / 2, 1);
		w[2] = Max((width + 3) / 4, 1);
		n = 3;
	}
	w[n + 1] = width;
	*nlayers = n + 1;
	return w;
}

static void pg_attribute_noreturn()
diverged(const Trainer *t, int epoch)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("training of algorithm \"autoencoder\" diverged: the loss of epoch %d is not "
					"a finite number", epoch),
			 errhint("Lower \"learning_rate\"; it is %g.", t->p->learning_rate)));
}

/* Rows into the network, some values hidden; the key says which. */
static void
load_batch(Trainer *t, const Size *rows, Size from, int n, bool hide, uint64 key)
{
	float	   *to = t->net->a[0];
	int			r,
				j;

	for (r = 0; r < n; r++, to += t->width)
	{
		Size		row = rows ? rows[from + r] : from + r;

		memcpy(to, t->kept + row * t->width, t->width * sizeof(float));
		for (j = 0; hide && j < t->width; j++)
		{
			if (eg_random_unit(key, (uint64) row * t->width + j) < t->p->noise)
				to[j] = 0;
		}
	}
}

/* Half the squared error summed over n rows; with delta its derivative, divided by n. */
static double
batch_loss(const Trainer *t, const float *output, const Size *rows, Size from, int n,
		   float *delta)
{
	double		total = 0;
	int			r,
				j;

	for (r = 0; r < n; r++)
	{
		const float *truth = t->kept + (rows ? rows[from + r] : from + r) * t->width;
		double		sum = 0;

		for (j = 0; j < t->width; j++)
		{
			float		d = output[(Size) r * t->width + j] - truth[j];

			sum += (double) d * d;
			if (delta)
				delta[(Size) r * t->width + j] = d / n;
		}
		total += sum / 2;
	}
	return total;
}

static double
train_epoch(Trainer *t, int epoch)
{
	EgMlpNet   *net = t->net;
	Size		nrows = t->data->nfit;
	Size		nbatches = (nrows + net->batch - 1) / net->batch;
	Size		each = nrows / nbatches;
	Size		longer = nrows % nbatches;
	uint64		seed = t->run->seed;
	uint64		noise = eg_random_stream(eg_random_stream(seed, STREAM_NOISE), epoch);
	double		total = 0;
	Size		from = 0;
	Size		b;

	eg_mlp_shuffle(t->order, nrows,
				   eg_random_stream(eg_random_stream(seed, STREAM_SHUFFLE), epoch));
	for (b = 0; b < nbatches; b++)
	{
		int			n = (int) (each + (b < longer));
		float	   *output;

		CHECK_FOR_INTERRUPTS();
		load_batch(t, t->order, from, n, t->p->noise > 0, noise);
		output = eg_mlp_forward(net, n, true, 0);
		total += batch_loss(t, output, t->order, from, n, net->delta[0]);
		eg_mlp_backward(net, n);
		eg_mlp_adam(net, t->p->learning_rate, t->p->weight_decay);
		from += n;
	}
	total /= nrows;
	if (!isfinite(total))
		diverged(t, epoch + 1);
	return total;
}

static double
validation_loss(Trainer *t)
{
	double		total = 0;
	Size		from;

	for (from = 0; from < t->data->nvalid; from += t->net->batch)
	{
		int			n = (int) Min((Size) t->net->batch, t->data->nvalid - from);
		Size		first = t->data->nfit + from;

		CHECK_FOR_INTERRUPTS();
		load_batch(t, NULL, first, n, false, 0);
		total += batch_loss(t, eg_mlp_forward(t->net, n, false, 0), NULL, first, n, NULL);
	}
	return total / t->data->nvalid;
}

static void
train_epochs(Trainer *t, EgMlpModel *m)
{
	const EgAutoencoderParams *p = t->p;
	bool		early = p->early_stopping_rounds > 0 && t->data->nvalid > 0;
	Size		bytes = t->net->nparams * sizeof(float);
	double		best = INFINITY,
				progress = INFINITY;
	int			progress_epoch = 0;
	int			epoch;

	for (epoch = 0; epoch < p->epochs; epoch++)
	{
		double		loss = train_epoch(t, epoch);
		double		valid = t->data->nvalid > 0 ? validation_loss(t) : loss;

		m->loss = loss;
		m->epochs = epoch + 1;
		eg_history_note(t->run, EG_CURVE_TRAINING, epoch + 1, "loss", loss);
		eg_history_note(t->run, EG_CURVE_VALIDATION, epoch + 1, "loss",
						t->data->nvalid ? valid : NAN);
		eg_step(t->run, epoch + 1, p->epochs, "loss", valid);
		if (!early || valid < best)
		{
			best = valid;
			m->best_epoch = epoch + 1;
			if (early)
			{
				if (t->theta == NULL)
					t->theta = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
				memcpy(t->theta, t->net->theta, bytes);
			}
		}
		if (valid < progress - p->tolerance)
		{
			progress = valid;
			progress_epoch = epoch + 1;
		}
		if (early && epoch + 1 - progress_epoch >= p->early_stopping_rounds)
			break;
	}
	if (t->theta)
		memcpy(t->net->theta, t->theta, bytes);
	eg_history_best(t->run, early ? m->best_epoch : 0);
	m->valid_loss = t->data->nvalid > 0 ? best : NAN;
}

void
eg_autoencoder_train(EgAutoencoder *m, const EgDataset *data, const EgAutoencoderParams *p,
					 EgRun *run)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(model_context, "engage autoencoder",
												  ALLOCSET_DEFAULT_SIZES);
	EgMlpModel *net = &m->net;
	Size		n = data->nfit + data->nvalid;
	Trainer		t = {0};
	float	   *seen;
	int		   *width;
	int			nlayers;
	int			batch;
	Size		i;

	net->prep = eg_prep_fit(data, EG_PREP_SCALE);
	width = layer_widths(p, Max(net->prep->width, 1), &nlayers);
	batch = (int) Min((Size) p->batch_size, Max(data->nfit, data->nvalid));
	eg_check_memory(eg_mlp_net_size(nlayers, width, false, batch) +
					n * (sizeof(Size) + sizeof(float) * width[0]), run->memory_limit,
					"training with algorithm \"autoencoder\"");
	net->task = EG_REGRESSION;
	for (i = 0; strcmp(eg_mlp_activations[i], p->activation) != 0;)
		i++;
	net->activation = (EgMlpActivation) i;
	net->scale = 1;
	eg_mlp_layers_new(net, nlayers, width);

	MemoryContextSwitchTo(scratch);
	eg_blas_threads(1);
	t.data = data;
	t.p = p;
	t.run = run;
	t.width = width[0];
	t.net = eg_mlp_net_new(nlayers, width, net->activation, false, 0, batch);
	eg_mlp_net_init(t.net, eg_random_stream(run->seed, STREAM_INIT));
	t.kept = MemoryContextAllocHuge(scratch, Max(n * t.width, 1) * sizeof(float));
	t.order = MemoryContextAllocHuge(scratch, Max(data->nfit, 1) * sizeof(Size));
	seen = palloc(t.width * sizeof(float));
	for (i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();

		/* what it learns from is cut, too: one row must not outweigh all others */
		eg_autoencoder_input(net->prep, eg_row(&data->x, i), t.kept + i * t.width, seen);
	}
	for (i = 0; i < data->nfit; i++)
		t.order[i] = i;
	train_epochs(&t, net);
	if (!eg_mlp_net_store(t.net, net))
		diverged(&t, net->epochs);
	MemoryContextSwitchTo(model_context);
	MemoryContextDelete(scratch);
}
