/*-------------------------------------------------------------------------
 *
 * autoencoder.c
 *	  The autoencoder: a network that has learned to say a row again through a
 *	  narrow middle, and fails on rows that are not like those it has seen.
 *
 *		e_j = sum over the prepared columns of feature j of (x - answer)^2
 *		e = sum of e_j			score = e / (e + half)
 *
 * half is the far fence of the training rows' errors, the third quartile and
 * three times the distance of the quartiles (J. W. Tukey, Exploratory Data
 * Analysis, 1977).  The margin e / half is a sum over features, and so are its
 * contributions: e_j less what is usual for the feature, over half.
 *
 * Source: G. E. Hinton, R. R. Salakhutdinov, "Reducing the Dimensionality of
 * Data with Neural Networks", Science 313, 2006; S. Hawkins et al., "Outlier
 * Detection Using Replicator Neural Networks", DaWaK 2002.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/autoencoder.h"
#include "base/sort.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define AUTOENCODER_FORMAT	1

/* errors below are rounding */
#define LEAST_HALF			1e-6

/* columns whose values were the same in all rows */
#define NOBODY				(-1)

extern const EgAlgorithm eg_autoencoder;

static const EgParam autoencoder_params[] = {
	{"layers", EG_PARAM_REALS, offsetof(EgAutoencoderParams, layers), .text = "[]", .min = 1,
	 .max = EG_MLP_MAX_WIDTH,
	 .help = "Units of each hidden layer; none: half, a quarter and half of the prepared columns"},
	{"activation", EG_PARAM_WORD, offsetof(EgAutoencoderParams, activation), .text = "tanh",
	 .words = eg_mlp_activations, .help = "What a unit does with its sum"},
	{"noise", EG_PARAM_REAL, offsetof(EgAutoencoderParams, noise), .number = 0.1, .min = 0,
	 .max = 0.9, .help = "Share of the values that are hidden while it learns"},
	{"learning_rate", EG_PARAM_REAL, offsetof(EgAutoencoderParams, learning_rate), .number = 0.003,
	 .min = 0, .max = 100, .min_open = true, .alias = "learning_rate_init",
	 .help = "Size of the steps of Adam"},
	{"weight_decay", EG_PARAM_REAL, offsetof(EgAutoencoderParams, weight_decay), .number = 0.001,
	 .min = 0, .max = 100,
	 .help = "Share of itself, times learning_rate, that each weight loses in a step"},
	{"batch_size", EG_PARAM_INT, offsetof(EgAutoencoderParams, batch_size), .number = 256,
	 .min = 1, .max = 65536, .help = "Rows of a mini-batch, at most"},
	{"epochs", EG_PARAM_INT, offsetof(EgAutoencoderParams, epochs), .number = 50, .min = 1,
	 .max = 100000, .alias = "max_iter", .help = "Passes over the training rows, at most"},
	{"early_stopping_rounds", EG_PARAM_INT, offsetof(EgAutoencoderParams, early_stopping_rounds),
	 .number = 5, .min = 0, .max = 100000, .alias = "n_iter_no_change",
	 .help = "Stop when the validation loss has not improved for so many epochs, and return to the "
			 "best; 0 never stops early"},
	{"validation_fraction", EG_PARAM_REAL, offsetof(EgAutoencoderParams, validation_fraction),
	 .number = 0.1, .min = 0, .max = 0.9, .min_open = true,
	 .help = "Share of the rows held out for early stopping"},
	{"tolerance", EG_PARAM_REAL, offsetof(EgAutoencoderParams, tolerance), .number = 0.0001,
	 .min = 0, .max = INFINITY, .max_open = true, .alias = "tol",
	 .help = "Improvement of the validation loss that counts as one"},
	EG_CONTAMINATION(EgAutoencoderParams),
	EG_PARAM_END};

static double
autoencoder_validation(const void *params, EgTask task)
{
	const EgAutoencoderParams *p = params;

	return p->early_stopping_rounds > 0 ? p->validation_fraction : 0;
}

/* ----------
 * Errors
 * ----------
 */

/* What is not stored: whose columns are whose, and room for rows. */
static void
make_room(EgAutoencoder *m)
{
	const EgPrep *prep = m->net.prep;
	int			width = m->net.layers[0].nin;
	int			i,
				j;

	m->owner = palloc(width * sizeof(int));
	for (i = 0; i < width; i++)
		m->owner[i] = NOBODY;
	for (j = 0; j < prep->ncols; j++)
	{
		if (prep->first[j] >= 0)
			m->owner[prep->first[j]] = j;
		for (i = prep->code_start[j]; i < prep->code_start[j + 1]; i++)
		{
			if (prep->code_column[i] >= 0)
				m->owner[prep->code_column[i]] = j;
		}
		if (prep->missing[j] >= 0)
			m->owner[prep->missing[j]] = j;
	}
	m->rows = palloc((Size) EG_MLP_BLOCK * width * sizeof(float));
	m->error = palloc((Size) EG_MLP_BLOCK * Max(prep->ncols, 1) * sizeof(double));
}

/* Squared errors of up to EG_MLP_BLOCK rows by feature, to m->error.  No allocation. */
static void
feature_errors(const EgAutoencoder *m, const float *x, int n)
{
	const EgPrep *prep = m->net.prep;
	int			width = m->net.layers[0].nin;
	int			ld = m->net.layers[m->net.nlayers - 1].ld;
	const float *answer;
	int			r,
				c;

	for (r = 0; r < n; r++)
		eg_autoencoder_input(prep, x + (Size) r * prep->ncols,
							 m->net.scratch[0] + (Size) r * width, m->rows + (Size) r * width);
	answer = eg_mlp_run(&m->net, n);
	memset(m->error, 0, (Size) n * prep->ncols * sizeof(double));
	for (r = 0; r < n; r++)
	{
		double	   *error = m->error + (Size) r * prep->ncols;

		for (c = 0; c < width; c++)
		{
			double		d = (double) m->rows[(Size) r * width + c] - answer[(Size) r * ld + c];

			if (m->owner[c] != NOBODY)
				error[m->owner[c]] += d * d;
		}
	}
}

static double
total_error(const EgAutoencoder *m, int r)
{
	const double *error = m->error + (Size) r * m->net.prep->ncols;
	double		sum = 0;
	int			j;

	for (j = 0; j < m->net.prep->ncols; j++)
		sum += error[j];
	return sum;
}

/* Errors of the training rows: what is usual, what is far. */
static void
measure(EgAutoencoder *m, const EgDataset *data, double contamination, EgRun *run)
{
	Size		n = data->nfit + data->nvalid;
	double	   *error;
	double		quartile[2];
	Size		i;
	int			ncols = m->net.prep->ncols;
	int			r,
				j;

	eg_check_memory(n * sizeof(double), run->memory_limit,
					"training with algorithm \"autoencoder\"");
	error = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(double));
	m->expected = palloc0(Max(ncols, 1) * sizeof(double));
	for (i = 0; i < n; i += EG_MLP_BLOCK)
	{
		int			block = (int) Min(EG_MLP_BLOCK, n - i);

		CHECK_FOR_INTERRUPTS();
		feature_errors(m, eg_row(&data->x, i), block);
		for (r = 0; r < block; r++)
		{
			error[i + r] = total_error(m, r);
			m->mean_error += error[i + r] / n;
			for (j = 0; j < ncols; j++)
				m->expected[j] += m->error[(Size) r * ncols + j] / n;
		}
	}
	qsort(error, n, sizeof(double), eg_by_double);
	quartile[0] = error[(n - 1) / 4];
	quartile[1] = error[(n - 1) * 3 / 4];
	m->half = Max(quartile[1] + 3 * (quartile[1] - quartile[0]), LEAST_HALF);
	for (i = 0; i < n; i++)
		error[i] = eg_anomaly_ratio(error[i], m->half);
	m->facts = eg_anomaly_facts(error, n, contamination);
	pfree(error);
}

static void *
autoencoder_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const EgAutoencoderParams *p = params;
	EgAutoencoder *m = palloc0(sizeof(EgAutoencoder));

	eg_autoencoder_train(m, data, p, run);
	make_room(m);
	measure(m, data, p->contamination, run);
	return m;
}

/* ----------
 * Stored form
 * ----------
 */

static void
autoencoder_save(const void *model, EgWriter *w)
{
	const EgAutoencoder *m = model;
	const EgMlpModel *net = &m->net;
	int			l,
				j;

	eg_put_u8(w, (uint8) net->activation);
	eg_put_u32(w, net->epochs);
	eg_put_u32(w, net->best_epoch);
	eg_put_f64(w, net->loss);
	eg_put_f64(w, net->valid_loss);
	eg_put_f64(w, m->half);
	eg_put_f64(w, m->mean_error);
	eg_anomaly_save(&m->facts, w);
	eg_prep_save(net->prep, w);
	for (j = 0; j < net->prep->ncols; j++)
		eg_put_f64(w, m->expected[j]);
	eg_put_u32(w, net->nlayers);
	for (l = 0; l < net->nlayers - 1; l++)
		eg_put_u32(w, net->layers[l].nout);
	eg_mlp_layers_save(net, w);
}

static void
load_layers(EgReader *r, EgMlpModel *net)
{
	int			width[EG_MLP_MAX_LAYERS + 2];
	int			nlayers = (int) eg_get_u32_within(r, 1, EG_MLP_MAX_LAYERS + 1,
												  "number of layers");
	int			l;

	width[0] = width[nlayers] = Max(net->prep->width, 1);
	for (l = 0; l < nlayers - 1; l++)
		width[l + 1] = (int) eg_get_u32_within(r, 1, EG_MLP_MAX_WIDTH, "width of a layer");
	eg_mlp_layers_load(r, net, nlayers, width);
}

static void *
autoencoder_load(EgReader *r, int format)
{
	EgAutoencoder *m = palloc0(sizeof(EgAutoencoder));
	EgMlpModel *net = &m->net;
	uint8		activation;
	int			j;

	if (format != AUTOENCODER_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"autoencoder\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	activation = eg_get_u8(r);
	if (activation >= EG_MLP_NACTIVATIONS)
		eg_corrupted(r, "unknown activation %d", activation);
	net->activation = (EgMlpActivation) activation;
	net->task = EG_REGRESSION;
	net->scale = 1;
	net->epochs = (int) eg_get_u32_within(r, 0, PG_INT32_MAX, "number of epochs");
	net->best_epoch = (int) eg_get_u32_within(r, 0, net->epochs, "best epoch");
	net->loss = eg_get_f64(r);
	net->valid_loss = eg_get_f64(r);
	m->half = eg_get_f64_within(r, LEAST_HALF, DBL_MAX, "an error");
	m->mean_error = eg_get_f64_within(r, 0, DBL_MAX, "an error");
	eg_anomaly_load(&m->facts, r);
	net->prep = eg_prep_load(r);
	if ((r->len - r->pos) / sizeof(double) < (Size) net->prep->ncols)
		eg_corrupted(r, "too few bytes for the errors of %d features", net->prep->ncols);
	m->expected = palloc(Max(net->prep->ncols, 1) * sizeof(double));
	for (j = 0; j < net->prep->ncols; j++)
		m->expected[j] = eg_get_f64_within(r, 0, DBL_MAX, "an error");
	load_layers(r, net);
	make_room(m);
	return m;
}

/* ----------
 * Use
 * ----------
 */

static int
autoencoder_width(const void *model)
{
	return 1;
}

static int
autoencoder_nfeatures(const void *model)
{
	return ((const EgAutoencoder *) model)->net.prep->ncols;
}

static void
autoencoder_predict(const void *model, const float *x, Size nrows, double *out)
{
	const EgAutoencoder *m = model;
	Size		i;
	int			r;

	for (i = 0; i < nrows; i += EG_MLP_BLOCK)
	{
		int			block = (int) Min(EG_MLP_BLOCK, nrows - i);

		feature_errors(m, x + i * m->net.prep->ncols, block);
		for (r = 0; r < block; r++)
			out[i + r] = eg_anomaly_ratio(total_error(m, r), m->half);
	}
}

static double
autoencoder_threshold(const void *model)
{
	return ((const EgAutoencoder *) model)->facts.threshold;
}

static EgLink
autoencoder_link(const void *model)
{
	return EG_LINK_RATIO;
}

/* Errors by feature, against what is usual. */
static void
autoencoder_explain(const void *model, const float *x, Size nrows, double *out)
{
	const EgAutoencoder *m = model;
	int			ncols = m->net.prep->ncols;
	Size		i;
	int			r,
				j;

	for (i = 0; i < nrows; i += EG_MLP_BLOCK)
	{
		int			block = (int) Min(EG_MLP_BLOCK, nrows - i);

		CHECK_FOR_INTERRUPTS();
		feature_errors(m, x + i * ncols, block);
		for (r = 0; r < block; r++, out += ncols + 1)
		{
			out[ncols] = 0;
			for (j = 0; j < ncols; j++)
			{
				out[j] = (m->error[(Size) r * ncols + j] - m->expected[j]) / m->half;
				out[ncols] += m->expected[j] / m->half;
			}
		}
	}
}

/* Share of each feature in the errors of the training rows: what it finds hard to say again. */
static void
autoencoder_importance(const void *model, double *out)
{
	const EgAutoencoder *m = model;

	memcpy(out, m->expected, m->net.prep->ncols * sizeof(double));
}

static void
autoencoder_describe(const void *model, StringInfo json)
{
	const EgAutoencoder *m = model;
	const EgMlpModel *net = &m->net;
	int			l;

	appendStringInfo(json, "\"inputs\": %d, \"layers\": [", net->layers[0].nin);
	for (l = 0; l < net->nlayers - 1; l++)
		appendStringInfo(json, "%s%d", l > 0 ? ", " : "", net->layers[l].nout);
	appendStringInfo(json, "], \"activation\": \"%s\", \"epochs\": %d, \"best_epoch\": %d, "
					 "\"error_of_score_half\": %.9g", eg_mlp_activations[net->activation],
					 net->epochs, net->best_epoch, m->half);
	if (isfinite(net->loss))
		appendStringInfo(json, ", \"loss\": %.9g", net->loss);
	if (isfinite(net->valid_loss))
		appendStringInfo(json, ", \"validation_loss\": %.9g", net->valid_loss);
}

static void
autoencoder_estimate(const void *model, StringInfo json)
{
	const EgAutoencoder *m = model;

	eg_anomaly_estimate(&m->facts, json);
	appendStringInfo(json, ", \"reconstruction_error\": %.6g",
					 m->net.prep->width > 0 ? m->mean_error / m->net.prep->width : 0);
}

const EgAlgorithm eg_autoencoder = {
	.name = "autoencoder",
	.summary = "anomalies by a neural network that says a row again through a narrow middle",
	.tasks = EG_TASK_BIT(EG_ANOMALY),
	.format = AUTOENCODER_FORMAT,
	.roles_optional = EG_ROLE_BIT(EG_ROLE_TARGET),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = autoencoder_params,
	.params_size = sizeof(EgAutoencoderParams),
	.validation = autoencoder_validation,
	.fit = autoencoder_fit,
	.save = autoencoder_save,
	.load = autoencoder_load,
	.width = autoencoder_width,
	.nfeatures = autoencoder_nfeatures,
	.predict = autoencoder_predict,
	.explain = autoencoder_explain,
	.link = autoencoder_link,
	.importance = autoencoder_importance,
	.describe = autoencoder_describe,
	.estimate = autoencoder_estimate,
	.threshold = autoencoder_threshold
};
