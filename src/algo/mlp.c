/*-------------------------------------------------------------------------
 *
 * mlp.c
 *	  The multi-layer perceptron: parameters, stored form, entry points.
 *
 * A network of dense layers for numbers, classes and several classes, on
 * input prepared by prepare.c.  It is trained with BLAS (mlp_train.c,
 * mlp_net.c) and scored without (mlp_dense.c); what is stored is what scores,
 * with batch normalization folded into the weights.
 *
 * Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning
 * Representations by Back-propagating Errors", Nature 323, 1986; those of the
 * parts are named where the parts are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/mlp.h"
#include "utils/memutils.h"

/* Stored layout of the model, see mlp_save(). */
#define MLP_FORMAT		1

extern const EgAlgorithm eg_mlp;

const char *const eg_mlp_activations[] = {"relu", "gelu", "tanh", NULL};

static const EgParam mlp_params[] = {
	{"layers", EG_PARAM_REALS, offsetof(EgMlpParams, layers), .text = "[128, 64, 32]", .min = 1,
	 .max = EG_MLP_MAX_WIDTH, .help = "Units of each hidden layer"},
	{"activation", EG_PARAM_WORD, offsetof(EgMlpParams, activation), .text = "relu",
	 .words = eg_mlp_activations, .tunable = true, .help = "What a unit does with its sum"},
	{"batch_norm", EG_PARAM_BOOL, offsetof(EgMlpParams, batch_norm), .number = 0,
	 .help = "Normalize the sums of each hidden unit over the batch"},
	{"dropout", EG_PARAM_REAL, offsetof(EgMlpParams, dropout), .number = 0, .min = 0, .max = 0.95,
	 .tunable = true, .search_min = 0, .search_max = 0.5,
	 .help = "Share of the hidden units that each batch leaves out"},
	{"learning_rate", EG_PARAM_REAL, offsetof(EgMlpParams, learning_rate), .number = 0.001,
	 .min = 0, .max = 100, .min_open = true, .alias = "learning_rate_init", .tunable = true,
	 .log_scale = true, .search_min = 0.0001, .search_max = 0.01,
	 .help = "Size of the steps of Adam"},
	{"weight_decay", EG_PARAM_REAL, offsetof(EgMlpParams, weight_decay), .number = 0.01, .min = 0,
	 .max = 100, .tunable = true, .log_scale = true, .search_min = 0.0001, .search_max = 1,
	 .help = "Share of itself, times learning_rate, that each weight loses in a step"},
	{"batch_size", EG_PARAM_INT, offsetof(EgMlpParams, batch_size), .number = 256, .min = 1,
	 .max = 65536, .tunable = true, .log_scale = true, .search_min = 64, .search_max = 1024,
	 .help = "Rows of a mini-batch, at most"},
	{"epochs", EG_PARAM_INT, offsetof(EgMlpParams, epochs), .number = 50, .min = 1, .max = 100000,
	 .alias = "max_iter", .help = "Passes over the training rows, at most"},
	{"early_stopping_rounds", EG_PARAM_INT, offsetof(EgMlpParams, early_stopping_rounds),
	 .number = 5, .min = 0, .max = 100000, .alias = "n_iter_no_change",
	 .help = "Stop when the validation loss has not improved for so many epochs, and return to the "
			 "best; 0 never stops early"},
	{"validation_fraction", EG_PARAM_REAL, offsetof(EgMlpParams, validation_fraction),
	 .number = 0.1, .min = 0, .max = 0.9, .min_open = true,
	 .help = "Share of the rows held out for early stopping"},
	{"tolerance", EG_PARAM_REAL, offsetof(EgMlpParams, tolerance), .number = 0.0001, .min = 0,
	 .max = INFINITY, .max_open = true, .alias = "tol",
	 .help = "Improvement of the validation loss that counts as one"},
	{"update_epochs", EG_PARAM_INT, offsetof(EgMlpParams, update_epochs), .number = 1, .min = 1,
	 .max = 100000, .help = "Passes over new rows when the model learns on from them"},
	EG_PARAM_END};

static double
mlp_validation(const void *params, EgTask task)
{
	const EgMlpParams *p = params;

	return p->early_stopping_rounds > 0 ? p->validation_fraction : 0;
}

static void *
mlp_fit(const EgDataset *data, const void *params, EgRun *run)
{
	return eg_mlp_train(data, params, run);
}

static void
mlp_update(void *model, const EgDataset *data, EgRun *run)
{
	eg_mlp_train_on(model, data, run);
}

void
eg_mlp_layers_save(const EgMlpModel *m, EgWriter *w)
{
	int			l;
	int			i;

	for (l = 0; l < m->nlayers; l++)
	{
		const EgMlpLayer *layer = &m->layers[l];

		for (i = 0; i < layer->nin; i++)
			eg_put_f32_array(w, layer->w + (Size) i * layer->ld, layer->nout);
		eg_put_f32_array(w, layer->b, layer->nout);
	}
}

void
eg_mlp_layers_load(EgReader *r, EgMlpModel *m, int nlayers, const int *width)
{
	Size		left = (r->len - r->pos) / sizeof(float);
	int			l;
	int			i;

	for (l = 0; l < nlayers; l++)
	{
		Size		n = ((Size) width[l] + 1) * width[l + 1];

		if (left < n)
			eg_corrupted(r, "too few bytes for the weights of layer %d", l + 1);
		left -= n;
	}
	eg_mlp_layers_new(m, nlayers, width);
	for (l = 0; l < nlayers; l++)
	{
		EgMlpLayer *layer = &m->layers[l];

		for (i = 0; i < layer->nin; i++)
			eg_get_f32_finite(r, layer->w + (Size) i * layer->ld, layer->nout, "a weight");
		eg_get_f32_finite(r, layer->b, layer->nout, "a weight");
	}
}

static void
mlp_save(const void *model, EgWriter *w)
{
	const EgMlpModel *m = model;
	int			l;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u32(w, m->nclasses);
	eg_put_u8(w, (uint8) m->activation);
	eg_put_f64(w, m->center);
	eg_put_f64(w, m->scale);
	eg_put_u32(w, m->epochs);
	eg_put_u32(w, m->best_epoch);
	eg_put_f64(w, m->loss);
	eg_put_f64(w, m->valid_loss);
	eg_put_u32(w, m->updates);
	eg_put_u8(w, m->batch_norm);
	eg_put_f64(w, m->dropout);
	eg_put_f64(w, m->learning_rate);
	eg_put_f64(w, m->weight_decay);
	eg_put_u32(w, m->batch_size);
	eg_put_u32(w, m->update_epochs);
	eg_prep_save(m->prep, w);

	eg_put_u32(w, m->nlayers);
	for (l = 0; l < m->nlayers; l++)
		eg_put_u32(w, m->layers[l].nout);
	eg_put_f32_array(w, m->deviation, m->layers[0].nin);
	eg_mlp_layers_save(m, w);
}

/* Everything before the layers. */
static void
load_facts(EgReader *r, EgMlpModel *m)
{
	uint8		task = eg_get_u8(r);
	uint8		flag;

	if (task != EG_REGRESSION && task != EG_BINARY && task != EG_MULTICLASS)
		eg_corrupted(r, "unknown task %d", task);
	m->task = (EgTask) task;
	m->nclasses = (int) eg_get_u32_within(r, 0, EG_MLP_MAX_WIDTH, "number of classes");
	if (task == EG_REGRESSION ? m->nclasses != 0 :
		task == EG_BINARY ? m->nclasses != 2 : m->nclasses < 2)
		eg_corrupted(r, "number of classes does not suit the task");
	flag = eg_get_u8(r);
	if (flag >= EG_MLP_NACTIVATIONS)
		eg_corrupted(r, "unknown activation %d", flag);
	m->activation = (EgMlpActivation) flag;
	m->center = eg_get_f64_within(r, -DBL_MAX, DBL_MAX, "center");
	m->scale = eg_get_f64_within(r, DBL_MIN, DBL_MAX, "scale");
	m->epochs = (int) eg_get_u32_within(r, 0, PG_INT32_MAX, "number of epochs");
	m->best_epoch = (int) eg_get_u32_within(r, 0, m->epochs, "best epoch");
	m->loss = eg_get_f64(r);
	m->valid_loss = eg_get_f64(r);
	m->updates = (int) eg_get_u32_within(r, 0, PG_INT32_MAX, "number of updates");
	flag = eg_get_u8(r);
	if (flag > 1)
		eg_corrupted(r, "batch normalization is neither on nor off");
	m->batch_norm = flag;
	m->dropout = eg_get_f64_within(r, 0, 0.95, "dropout");
	m->learning_rate = eg_get_f64_within(r, 0, 100, "learning rate");
	m->weight_decay = eg_get_f64_within(r, 0, 100, "weight decay");
	m->batch_size = (int) eg_get_u32_within(r, 1, 65536, "batch size");
	m->update_epochs = (int) eg_get_u32_within(r, 1, 100000, "number of epochs");
}

static void *
mlp_load(EgReader *r, int format)
{
	EgMlpModel *m = palloc0(sizeof(EgMlpModel));
	int			width[EG_MLP_MAX_LAYERS + 2];
	int			nlayers;
	int			l;

	if (format != MLP_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"mlp\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));

	load_facts(r, m);
	m->prep = eg_prep_load(r);
	nlayers = (int) eg_get_u32_within(r, 1, EG_MLP_MAX_LAYERS + 1, "number of layers");
	width[0] = Max(m->prep->width, 1);
	for (l = 0; l < nlayers; l++)
		width[l + 1] = (int) eg_get_u32_within(r, 1, EG_MLP_MAX_WIDTH, "width of a layer");
	if (width[nlayers] != (m->task == EG_MULTICLASS ? m->nclasses : 1))
		eg_corrupted(r, "number of outputs does not suit the task");

	/* they have to be there before room is made for them */
	if ((r->len - r->pos) / sizeof(float) < (Size) width[0])
		eg_corrupted(r, "too few bytes for the input's columns");
	m->deviation = MemoryContextAllocHuge(CurrentMemoryContext, width[0] * sizeof(float));
	eg_get_f32_finite(r, m->deviation, width[0], "a deviation");
	eg_mlp_layers_load(r, m, nlayers, width);
	return m;
}

static int
mlp_width(const void *model)
{
	const EgMlpModel *m = model;

	return m->layers[m->nlayers - 1].nout;
}

static int
mlp_nfeatures(const void *model)
{
	return ((const EgMlpModel *) model)->prep->ncols;
}

static void
mlp_predict(const void *model, const float *x, Size nrows, double *out)
{
	eg_mlp_score(model, x, nrows, out);
}

/*
 * Sum, over all paths from an input to the outputs, of the product of the
 * absolute weights on the path, times the deviation of the input: how far the
 * input could move the outputs.  Columns of one feature are joined as
 * deviations are.  After G. D. Garson, "Interpreting Neural-network Connection
 * Weights", AI Expert 6, 1991, without its normalization by layer.
 */
static void
mlp_importance(const void *model, double *out)
{
	const EgMlpModel *m = model;
	const EgPrep *prep = m->prep;
	const EgMlpLayer *last = &m->layers[m->nlayers - 1];
	double	   *reach = palloc(last->nout * sizeof(double));
	int			l;
	int			i;
	int			j;

	for (j = 0; j < last->nout; j++)
		reach[j] = 1;
	for (l = m->nlayers - 1; l >= 0; l--)
	{
		const EgMlpLayer *layer = &m->layers[l];
		double	   *before = palloc(layer->nin * sizeof(double));

		for (i = 0; i < layer->nin; i++)
		{
			before[i] = 0;
			for (j = 0; j < layer->nout; j++)
				before[i] += fabs(layer->w[(Size) i * layer->ld + j]) * reach[j];
		}
		pfree(reach);
		reach = before;
	}

	for (j = 0; j < prep->ncols; j++)
	{
		int			n = Max(prep->ncategories[j], 1);
		double		squares = 0;

		/* its columns, then the one that says missing */
		for (i = 0; i <= n; i++)
		{
			int			column = i == n ? prep->missing[j] :
				prep->ncategories[j] > 0 ? prep->code_column[prep->code_start[j] + i] :
				prep->first[j];

			if (column >= 0)
				squares += pow(reach[column] * m->deviation[column], 2);
		}
		out[j] = sqrt(squares);
	}
	pfree(reach);
}

static void
mlp_describe(const void *model, StringInfo json)
{
	const EgMlpModel *m = model;
	Size		nparams = 0;
	int			l;

	appendStringInfo(json, "\"inputs\": %d, \"layers\": [", m->layers[0].nin);
	for (l = 0; l < m->nlayers; l++)
	{
		const EgMlpLayer *layer = &m->layers[l];

		nparams += ((Size) layer->nin + 1) * layer->nout;
		if (l < m->nlayers - 1)
			appendStringInfo(json, "%s%d", l > 0 ? ", " : "", layer->nout);
	}
	appendStringInfo(json, "], \"outputs\": %d, \"activation\": \"%s\", \"parameters\": %zu, "
					 "\"epochs\": %d, \"best_epoch\": %d",
					 mlp_width(model), eg_mlp_activations[m->activation], (size_t) nparams,
					 m->epochs, m->best_epoch);
	if (isfinite(m->loss))
		appendStringInfo(json, ", \"loss\": %.9g", m->loss);
	if (isfinite(m->valid_loss))
		appendStringInfo(json, ", \"validation_loss\": %.9g", m->valid_loss);
	if (m->updates > 0)
		appendStringInfo(json, ", \"updates\": %d", m->updates);
}

const EgAlgorithm eg_mlp = {
	.name = "mlp",
	.summary = "neural network of dense layers (multi-layer perceptron)",
	.tasks = EG_TASK_BIT(EG_REGRESSION) | EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS),
	.format = MLP_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = mlp_params,
	.params_size = sizeof(EgMlpParams),
	.validation = mlp_validation,
	.fit = mlp_fit,
	.save = mlp_save,
	.load = mlp_load,
	.width = mlp_width,
	.nfeatures = mlp_nfeatures,
	.predict = mlp_predict,
	.update = mlp_update,
	.importance = mlp_importance,
	.describe = mlp_describe
};
