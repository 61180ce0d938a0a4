/*-------------------------------------------------------------------------
 *
 * mlp_train.c
 *	  Training of the multi-layer perceptron: epochs of shuffled mini-batches,
 *	  early stopping by validation rows, and learning on from new rows.
 *
 * BLAS is held to one thread: it divides a product otherwise for each number
 * of threads, which may change the last bits, and the products of a mini-batch
 * are too small to gain from more.  So the same seed gives the same bytes.
 *
 * An epoch's batches have sizes that differ by one row at most, so the last is
 * no stump whose gradient is noise.  Rows of weight 0 are left out; weights are
 * divided by their mean, so that the learning rate means the same in any unit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/mlp.h"
#include "base/blas.h"
#include "base/compat.h"
#include "base/history.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* streams of random numbers below the seed */
#define STREAM_INIT		1
#define STREAM_SHUFFLE	2
#define STREAM_DROPOUT	3
#define STREAM_UPDATE	4

/* rows between two looks at interrupts outside of batches */
#define CHECK_ROWS		1024

/* the prepared rows are kept when they take no more than this share of the memory allowed */
#define KEEP_SHARE		4

typedef struct Trainer
{
	const EgDataset *data;
	EgRun	   *run;
	EgMlpNet   *net;
	const EgPrep *prep;
	EgTask		task;
	int			nin;
	int			nout;
	double		center;
	double		scale;
	double		learning_rate;
	double		weight_decay;

	Size	   *rows;			/* (nrows) fit rows with weight, in the order of the epoch */
	Size		nrows;
	Size	   *valid;			/* (nvalid) validation rows with weight */
	Size		nvalid;
	double		mean_weight;	/* of the fit rows */
	float	   *kept;			/* prepared rows of data, or NULL */
	float	   *y;				/* (batch) */
	float	   *weight;			/* (batch), NULL when all are 1 */
} Trainer;

static void
check_rows(const EgDataset *data)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	int			nclasses = data->task == EG_MULTICLASS ? data->nclasses : 2;
	Size		i;

	for (i = 0; i < data->nfit + data->nvalid; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (!(fabs(y[i]) <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not usable", y[i]),
					 errdetail("Targets must be finite single precision numbers.")));
		if (data->task != EG_REGRESSION && !(y[i] >= 0 && y[i] < nclasses && y[i] == floor(y[i])))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is no class", y[i]),
					 errdetail("Classes are numbered from 0 to %d.", nclasses - 1)));
		if (weight != NULL && !(weight[i] >= 0 && weight[i] <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight %g is not usable", weight[i]),
					 errdetail("Weights must be finite and at least zero.")));
	}
}

/* Those of the n rows from first that weigh something. */
static Size *
rows_with_weight(const EgDataset *data, Size first, Size n, Size *count)
{
	const double *weight = data->role[EG_ROLE_WEIGHT];
	Size	   *rows = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(Size));
	Size		i;

	*count = 0;
	for (i = first; i < first + n; i++)
	{
		if (weight == NULL || weight[i] > 0)
			rows[(*count)++] = i;
	}
	return rows;
}

/* Mean and deviation of the target of the fit rows, weighted. */
static void
target_moments(const Trainer *t, double *mean, double *deviation)
{
	const double *y = t->data->role[EG_ROLE_TARGET];
	const double *weight = t->data->role[EG_ROLE_WEIGHT];
	double		sum = 0;
	double		total = 0;
	double		squares = 0;
	Size		i;

	for (i = 0; i < t->nrows; i++)
	{
		double		w = weight != NULL ? weight[t->rows[i]] : 1;

		total += w;
		sum += w * y[t->rows[i]];
	}
	*mean = sum / total;
	for (i = 0; i < t->nrows; i++)
	{
		double		w = weight != NULL ? weight[t->rows[i]] : 1;
		double		difference = y[t->rows[i]] - *mean;

		squares += w * difference * difference;
	}
	*deviation = sqrt(squares / total);
}

/* What fit and update share: rows, weights, buffers.  The net follows. */
static void
trainer_init(Trainer *t, const EgDataset *data, EgRun *run)
{
	const double *weight = data->role[EG_ROLE_WEIGHT];
	double		sum = 0;
	Size		i;

	memset(t, 0, sizeof(Trainer));
	t->data = data;
	t->run = run;
	t->task = data->task;
	check_rows(data);
	t->rows = rows_with_weight(data, 0, data->nfit, &t->nrows);
	t->valid = rows_with_weight(data, data->nfit, data->nvalid, &t->nvalid);
	if (t->nrows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 data->nfit == 0 ? errmsg("there are no rows to learn from")
								 : errmsg("the weights of the training rows are all zero")));
	for (i = 0; i < t->nrows; i++)
		sum += weight != NULL ? weight[t->rows[i]] : 1;
	t->mean_weight = sum / t->nrows;
}

static void
trainer_set_net(Trainer *t, EgMlpNet *net, const EgPrep *prep)
{
	Size		n = t->data->nfit + t->data->nvalid;
	Size		needed = n * net->width[0] * sizeof(float);
	Size		i;

	t->net = net;
	t->prep = prep;
	t->nin = net->width[0];
	t->nout = net->width[net->nlayers];
	t->y = palloc(net->batch * sizeof(float));
	if (t->data->role[EG_ROLE_WEIGHT] != NULL)
		t->weight = palloc(net->batch * sizeof(float));
	if (needed > t->run->memory_limit / KEEP_SHARE)
		return;
	t->kept = MemoryContextAllocHuge(CurrentMemoryContext, Max(needed, 1));
	for (i = 0; i < n; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		eg_mlp_input(prep, eg_row(&t->data->x, i), t->kept + i * t->nin);
	}
}

/* Put the rows into the net's input, targets and weights beside it. */
static void
load_batch(Trainer *t, const Size *rows, int n)
{
	const double *y = t->data->role[EG_ROLE_TARGET];
	const double *weight = t->data->role[EG_ROLE_WEIGHT];
	float	   *to = t->net->a[0];
	int			r;

	for (r = 0; r < n; r++, to += t->nin)
	{
		Size		row = rows[r];

		if (t->kept != NULL)
			memcpy(to, t->kept + row * t->nin, t->nin * sizeof(float));
		else
			eg_mlp_input(t->prep, eg_row(&t->data->x, row), to);
		t->y[r] = (float) (t->task == EG_REGRESSION ? (y[row] - t->center) / t->scale : y[row]);
		if (weight != NULL)
			t->weight[r] = (float) (weight[row] / t->mean_weight);
	}
}

void
eg_mlp_shuffle(Size *rows, Size n, uint64 key)
{
	Size		i;

	for (i = n; i > 1; i--)
	{
		Size		j = (Size) eg_random_below(key, i, i);
		Size		row = rows[j];

		rows[j] = rows[i - 1];
		rows[i - 1] = row;
	}
}

static void pg_attribute_noreturn()
diverged(const Trainer *t, int epoch)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
		 errmsg(
			 "training of algorithm \"mlp\" diverged: the loss of epoch %d is not a finite number",
			 epoch),
		 errhint("Lower \"learning_rate\"; it is %g.", t->learning_rate)));
}

/* One pass over the fit rows; the mean loss that the batches had on their way. */
static double
train_epoch(Trainer *t, int epoch, uint64 seed)
{
	EgMlpNet   *net = t->net;
	Size		nbatches = (t->nrows + net->batch - 1) / net->batch;
	Size		each = t->nrows / nbatches;
	Size		longer = t->nrows % nbatches;
	uint64		dropout = eg_random_stream(eg_random_stream(seed, STREAM_DROPOUT), epoch);
	double		total = 0;
	Size		from = 0;
	Size		b;

	eg_mlp_shuffle(t->rows, t->nrows,
				   eg_random_stream(eg_random_stream(seed, STREAM_SHUFFLE), epoch));
	for (b = 0; b < nbatches; b++)
	{
		int			n = (int) (each + (b < longer));
		float	   *output;

		CHECK_FOR_INTERRUPTS();
		load_batch(t, t->rows + from, n);
		output = eg_mlp_forward(net, n, true, eg_random_stream(dropout, b));
		total += eg_mlp_loss(t->task, output, n, t->nout, t->y, t->weight, net->delta[0]);
		eg_mlp_backward(net, n);
		eg_mlp_adam(net, t->learning_rate, t->weight_decay);
		from += n;
	}
	total /= t->nrows;
	if (!isfinite(total))
		diverged(t, epoch + 1);
	return total;
}

/* Mean loss of the validation rows; their weights count. */
static double
validation_loss(Trainer *t)
{
	double		total = 0;
	double		weights = 0;
	Size		from;
	int			r;

	for (from = 0; from < t->nvalid; from += t->net->batch)
	{
		int			n = (int) Min((Size) t->net->batch, t->nvalid - from);
		float	   *output;

		CHECK_FOR_INTERRUPTS();
		load_batch(t, t->valid + from, n);
		output = eg_mlp_forward(t->net, n, false, 0);
		total += eg_mlp_loss(t->task, output, n, t->nout, t->y, t->weight, NULL);
		for (r = 0; r < n; r++)
			weights += t->weight != NULL ? t->weight[r] : 1;
	}
	return total / weights;
}

/* What the best epoch left, to come back to. */
typedef struct Best
{
	double		loss;
	int			epoch;			/* 1 is the first; 0: none yet */
	float	   *theta;
	float	   *mean;
	float	   *variance;
} Best;

static void
copy_floats(float **to, const float *from, Size n)
{
	if (n == 0 || from == NULL)
		return;
	if (*to == NULL)
		*to = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(float));
	memcpy(*to, from, n * sizeof(float));
}

static void
best_keep(Best *best, const EgMlpNet *net, int epoch, double loss)
{
	best->loss = loss;
	best->epoch = epoch;
	copy_floats(&best->theta, net->theta, net->nparams);
	copy_floats(&best->mean, net->mean, net->nhidden);
	copy_floats(&best->variance, net->variance, net->nhidden);
}

static void
best_restore(const Best *best, EgMlpNet *net)
{
	copy_floats(&net->theta, best->theta, net->nparams);
	copy_floats(&net->mean, best->mean, net->nhidden);
	copy_floats(&net->variance, best->variance, net->nhidden);
}

static void
train_epochs(Trainer *t, const EgMlpParams *p, EgMlpModel *m)
{
	bool		early = p->early_stopping_rounds > 0 && t->nvalid > 0;
	Best		best = {0};
	double		progress_loss = INFINITY;
	int			progress_epoch = 0;
	int			epoch;

	for (epoch = 0; epoch < p->epochs; epoch++)
	{
		double		loss = train_epoch(t, epoch, t->run->seed);
		double		valid = t->nvalid > 0 ? validation_loss(t) : loss;

		m->loss = loss;
		m->epochs = epoch + 1;
		eg_history_note(t->run, EG_CURVE_TRAINING, epoch + 1, "loss", loss);
		eg_history_note(t->run, EG_CURVE_VALIDATION, epoch + 1, "loss", t->nvalid ? valid : NAN);
		eg_step(t->run, epoch + 1, p->epochs, "loss", valid);
		if (!early)
		{
			best.loss = valid;
			best.epoch = epoch + 1;
			continue;
		}

		/* the best weights are kept whatever the tolerance; it only decides when to stop */
		if (isfinite(valid) && (best.epoch == 0 || valid < best.loss))
			best_keep(&best, t->net, epoch + 1, valid);
		if (valid < progress_loss - p->tolerance)
		{
			progress_loss = valid;
			progress_epoch = epoch + 1;
		}
		if (epoch + 1 - progress_epoch >= p->early_stopping_rounds)
			break;
	}
	if (best.theta != NULL)
		best_restore(&best, t->net);
	m->best_epoch = best.epoch;
	eg_history_best(t->run, early ? best.epoch : 0);
	m->valid_loss = t->nvalid > 0 ? best.loss : NAN;
}

/* The output begins with what is known without features: the classes' shares. */
static void
set_output_bias(Trainer *t)
{
	const double *y = t->data->role[EG_ROLE_TARGET];
	const double *weight = t->data->role[EG_ROLE_WEIGHT];
	float	   *bias = t->net->theta + t->net->b[t->net->nlayers - 1];
	int			n = t->task == EG_MULTICLASS ? t->nout : 2;
	double	   *share;
	Size		i;
	int			j;

	if (t->task == EG_REGRESSION)
		return;
	share = palloc(n * sizeof(double));

	/* half a row more of each class: none is impossible */
	for (j = 0; j < n; j++)
		share[j] = 0.5;
	for (i = 0; i < t->nrows; i++)
		share[(int) y[t->rows[i]]] +=
			weight != NULL ? weight[t->rows[i]] / t->mean_weight : 1;
	if (t->task == EG_BINARY)
		bias[0] = (float) log(share[1] / share[0]);
	else
	{
		for (j = 0; j < n; j++)
			bias[j] = (float) log(share[j] / (t->nrows + 0.5 * n));
	}
}

/* Deviation of each prepared column over the fit rows, for importance(). */
static float *
column_deviations(const Trainer *t)
{
	double	   *sum = palloc0(2 * t->nin * sizeof(double));
	double	   *square = sum + t->nin;
	float	   *out = palloc(t->nin * sizeof(float));
	float	   *row = palloc(t->nin * sizeof(float));
	Size		i;
	int			j;

	for (i = 0; i < t->nrows; i++)
	{
		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		eg_mlp_input(t->prep, eg_row(&t->data->x, t->rows[i]), row);
		for (j = 0; j < t->nin; j++)
		{
			sum[j] += row[j];
			square[j] += (double) row[j] * row[j];
		}
	}

	/* the columns have means near 0 or values 0 and 1: the difference is harmless */
	for (j = 0; j < t->nin; j++)
	{
		double		mean = sum[j] / t->nrows;

		out[j] = (float) sqrt(Max(square[j] / t->nrows - mean * mean, 0));
	}
	pfree(sum);
	pfree(row);
	return out;
}

/* Widths of the layers, the input's first and the output's last; palloc'd. */
static int *
layer_widths(const EgDataset *data, const EgMlpParams *p, const EgPrep *prep)
{
	int		   *width = palloc((p->layers.n + 2) * sizeof(int));
	int			l;

	width[0] = Max(prep->width, 1);
	for (l = 0; l < p->layers.n; l++)
	{
		if (p->layers.values[l] != floor(p->layers.values[l]))
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"layers\" of algorithm \"mlp\" must hold whole numbers, not %g",
						p->layers.values[l])));
		width[l + 1] = (int) p->layers.values[l];
	}
	width[l + 1] = data->task == EG_MULTICLASS ? data->nclasses : 1;
	return width;
}

EgMlpModel *
eg_mlp_train(const EgDataset *data, const EgMlpParams *p, EgRun *run)
{
	MemoryContext model_context = CurrentMemoryContext;
	MemoryContext scratch;
	EgMlpModel *m = palloc0(sizeof(EgMlpModel));
	Trainer		t;
	EgMlpNet   *net;
	int		   *width;
	int			nlayers = p->layers.n + 1;
	int			batch;
	int			i;

	if (p->layers.n > EG_MLP_MAX_LAYERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"layers\" of algorithm \"mlp\" must have at most %d numbers, "
						"not %d", EG_MLP_MAX_LAYERS, p->layers.n)));
	scratch = AllocSetContextCreate(model_context, "engage mlp", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	trainer_init(&t, data, run);

	MemoryContextSwitchTo(model_context);
	m->prep = eg_prep_fit(data, EG_PREP_SCALE);
	width = layer_widths(data, p, m->prep);
	batch = (int) Min((Size) p->batch_size, Max(t.nrows, t.nvalid));
	eg_check_memory(eg_mlp_net_size(nlayers, width, p->batch_norm, batch) +
					(data->nfit + data->nvalid) * sizeof(Size),
					run->memory_limit, "training with algorithm \"mlp\"");
	m->task = data->task;
	m->nclasses = data->task == EG_MULTICLASS ? data->nclasses : data->task == EG_BINARY ? 2 : 0;
	for (i = 0; strcmp(eg_mlp_activations[i], p->activation) != 0;)
		i++;
	m->activation = (EgMlpActivation) i;
	m->batch_norm = p->batch_norm;
	m->dropout = p->dropout;
	m->learning_rate = p->learning_rate;
	m->weight_decay = p->weight_decay;
	m->batch_size = p->batch_size;
	m->update_epochs = p->update_epochs;
	m->scale = 1;
	eg_mlp_layers_new(m, nlayers, width);

	MemoryContextSwitchTo(scratch);
	eg_blas_threads(1);
	if (data->task == EG_REGRESSION)
	{
		target_moments(&t, &m->center, &m->scale);
		if (!(m->scale > 0))
			m->scale = 1;
	}
	t.center = m->center;
	t.scale = m->scale;
	t.learning_rate = p->learning_rate;
	t.weight_decay = p->weight_decay;
	net = eg_mlp_net_new(nlayers, width, m->activation, p->batch_norm, p->dropout, batch);
	eg_mlp_net_init(net, eg_random_stream(run->seed, STREAM_INIT));
	trainer_set_net(&t, net, m->prep);
	set_output_bias(&t);
	train_epochs(&t, p, m);
	if (!eg_mlp_net_store(net, m))
		diverged(&t, m->epochs);

	MemoryContextSwitchTo(model_context);
	m->deviation = column_deviations(&t);
	MemoryContextDelete(scratch);
	return m;
}

/*
 * Learn on from new rows: some passes with the weights as they are stored.
 * Batch normalization has become part of them and stands still; preparation,
 * and center and scale of a target, stay what they were.
 */
void
eg_mlp_train_on(EgMlpModel *m, const EgDataset *data, EgRun *run)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext scratch;
	Trainer		t;
	EgMlpNet   *net;
	int		   *width;
	uint64		seed = eg_random_stream(eg_random_stream(run->seed, STREAM_UPDATE), m->updates);
	int			batch;
	int			l;
	int			epoch;

	if (data->task != m->task || (m->task == EG_MULTICLASS && data->nclasses != m->nclasses))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the new rows have another task or other classes than the model"),
				 errhint("Train a new version with engage_train().")));
	if (data->x.ncols != m->prep->ncols)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the new rows have %d features, but the model has %d", data->x.ncols,
						m->prep->ncols)));

	scratch = AllocSetContextCreate(old, "engage mlp", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	trainer_init(&t, data, run);
	width = palloc((m->nlayers + 1) * sizeof(int));
	for (l = 0; l < m->nlayers; l++)
		width[l] = m->layers[l].nin;
	width[l] = m->layers[l - 1].nout;
	batch = (int) Min((Size) m->batch_size, Max(t.nrows, t.nvalid));
	eg_check_memory(eg_mlp_net_size(m->nlayers, width, false, batch) +
					(data->nfit + data->nvalid) * sizeof(Size),
					run->memory_limit, "updating with algorithm \"mlp\"");
	eg_blas_threads(1);
	t.center = m->center;
	t.scale = m->scale;
	t.learning_rate = m->learning_rate;
	t.weight_decay = m->weight_decay;
	net = eg_mlp_net_new(m->nlayers, width, m->activation, false, m->dropout, batch);
	eg_mlp_net_fetch(net, m);
	trainer_set_net(&t, net, m->prep);
	for (epoch = 0; epoch < m->update_epochs; epoch++)
	{
		m->loss = train_epoch(&t, epoch, seed);
		eg_step(run, epoch + 1, m->update_epochs, "loss", m->loss);
	}
	if (t.nvalid > 0)
		m->valid_loss = validation_loss(&t);
	if (!eg_mlp_net_store(net, m))
		diverged(&t, m->epochs);
	m->updates++;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}
