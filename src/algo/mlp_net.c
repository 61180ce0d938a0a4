/*-------------------------------------------------------------------------
 *
 * mlp_net.c
 *	  The multi-layer perceptron in training: one mini-batch forward and
 *	  backward, and a step of Adam.
 *
 * The products of matrices are BLAS's.  What lies between them is fused into
 * as few passes as possible over data that is still in the cache: the forward
 * pass leaves behind the activation's derivative, times what dropout did, so
 * that the backward pass is one multiplication whatever the activation is.
 *
 * Sources: D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization",
 * ICLR 2015; I. Loshchilov, F. Hutter, "Decoupled Weight Decay
 * Regularization", ICLR 2019; S. Ioffe, C. Szegedy, "Batch Normalization",
 * ICML 2015; N. Srivastava et al., "Dropout", JMLR 15, 2014; X. Glorot, Y.
 * Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural
 * Networks", AISTATS 2010.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/mlp.h"
#include "base/blas.h"
#include "base/random.h"
#include "utils/memutils.h"

#define ADAM_BETA1		0.9
#define ADAM_BETA2		0.999
#define ADAM_EPSILON	1e-8f

/* what a batch adds to the running mean and variance, once there were some batches */
#define NORM_RATE		0.1
#define NORM_EPSILON	1e-5f

static float *
float_array(Size n)
{
	float	   *v = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(float));

	memset(v, 0, n * sizeof(float));
	return v;
}

Size
eg_mlp_net_size(int nlayers, const int *width, bool batch_norm, int batch)
{
	Size		params = 0;
	Size		units = width[0];
	int			widest = 0;
	int			l;

	for (l = 0; l < nlayers; l++)
	{
		params += ((Size) width[l] + 2) * width[l + 1];
		units += (Size) width[l + 1] * (batch_norm ? 3 : 2);
		widest = Max(widest, width[l + 1]);
	}

	/* theta, grad, m, v, the best theta, the stored form */
	return (params * 6 + (units + 2 * (Size) widest) * batch) * sizeof(float);
}

EgMlpNet *
eg_mlp_net_new(int nlayers, const int *width, EgMlpActivation activation, bool batch_norm,
			   double dropout, int batch)
{
	EgMlpNet   *net = palloc0(sizeof(EgMlpNet));
	int			widest = 1;
	int			l;

	net->nlayers = nlayers;
	net->width = width;
	net->activation = activation;
	net->batch_norm = batch_norm;
	net->dropout = dropout;
	net->batch = batch;

	net->w = palloc(3 * nlayers * sizeof(Size));
	net->b = net->w + nlayers;
	net->gamma = net->b + nlayers;
	net->unit = palloc(nlayers * sizeof(int));
	for (l = 0; l < nlayers; l++)
	{
		net->w[l] = net->nparams;
		net->b[l] = net->w[l] + (Size) width[l] * width[l + 1];
		net->gamma[l] = net->b[l] + width[l + 1];
		net->nparams = net->gamma[l];
		net->unit[l] = net->nhidden;
		if (l < nlayers - 1)
		{
			net->nhidden += width[l + 1];
			if (batch_norm)
				net->nparams += width[l + 1];
		}
		widest = Max(widest, width[l + 1]);
	}
	net->theta = float_array(net->nparams);
	net->grad = float_array(net->nparams);
	net->m = float_array(net->nparams);
	net->v = float_array(net->nparams);
	net->column = float_array(2 * (Size) widest);
	if (batch_norm)
	{
		net->mean = float_array(net->nhidden);
		net->variance = float_array(net->nhidden);
		net->inverse = float_array(net->nhidden);
	}

	net->a = palloc((nlayers + 1) * sizeof(float *));
	net->d = palloc0(nlayers * sizeof(float *));
	net->normal = palloc0(nlayers * sizeof(float *));
	for (l = 0; l <= nlayers; l++)
		net->a[l] = float_array((Size) width[l] * batch);
	for (l = 0; l < nlayers - 1; l++)
	{
		net->d[l] = float_array((Size) width[l + 1] * batch);
		if (batch_norm)
			net->normal[l] = float_array((Size) width[l + 1] * batch);
	}
	net->delta[0] = float_array((Size) widest * batch);
	net->delta[1] = float_array((Size) widest * batch);
	return net;
}

/*
 * Glorot's uniform weights, for every activation: those of He, meant for relu,
 * are larger and did worse on each of the tables of the tests.
 */
void
eg_mlp_net_init(EgMlpNet *net, uint64 seed)
{
	int			l;

	for (l = 0; l < net->nlayers; l++)
	{
		uint64		key = eg_random_stream(seed, l);
		bool		hidden = l < net->nlayers - 1;
		Size		n = (Size) net->width[l] * net->width[l + 1];
		float	   *w = net->theta + net->w[l];
		double		bound = sqrt(6 / ((double) net->width[l] + net->width[l + 1]));
		Size		i;

		for (i = 0; i < n; i++)
			w[i] = (float) ((2 * eg_random_unit(key, i) - 1) * bound);
		if (hidden && net->batch_norm)
		{
			for (i = 0; i < net->width[l + 1]; i++)
			{
				net->theta[net->gamma[l] + i] = 1;
				net->variance[net->unit[l] + i] = 1;
			}
		}
	}
}

static void
add_bias(float *pg_restrict z, const float *pg_restrict b, int n, int k)
{
	int			r;
	int			j;

	for (r = 0; r < n; r++, z += k)
	{
		for (j = 0; j < k; j++)
			z[j] += b[j];
	}
}

/* sums (k) = column sums of z (n, k) */
static void
column_sums(const float *pg_restrict z, float *pg_restrict sums, int n, int k)
{
	int			r;
	int			j;

	memset(sums, 0, k * sizeof(float));
	for (r = 0; r < n; r++, z += k)
	{
		for (j = 0; j < k; j++)
			sums[j] += z[j];
	}
}

/* sums (k) = column sums of z * y */
static void
column_products(const float *pg_restrict z, const float *pg_restrict y, float *pg_restrict sums,
				int n, int k)
{
	int			r;
	int			j;

	memset(sums, 0, k * sizeof(float));
	for (r = 0; r < n; r++, z += k, y += k)
	{
		for (j = 0; j < k; j++)
			sums[j] += z[j] * y[j];
	}
}

/* z = (z - mean) * inverse, kept in normal; then gamma * z + beta */
static void
norm_apply(float *pg_restrict z, float *pg_restrict normal, const float *pg_restrict mean,
		   const float *pg_restrict inverse, const float *pg_restrict gamma,
		   const float *pg_restrict beta, int n, int k)
{
	int			r;
	int			j;

	for (r = 0; r < n; r++, z += k, normal += k)
	{
		for (j = 0; j < k; j++)
		{
			float		v = (z[j] - mean[j]) * inverse[j];

			normal[j] = v;
			z[j] = gamma[j] * v + beta[j];
		}
	}
}

/* Batch normalization of layer l, by the batch itself or by the running numbers. */
static void
norm_forward(EgMlpNet *net, int l, int n, bool training)
{
	int			k = net->width[l + 1];
	float	   *z = net->a[l + 1];
	float	   *normal = net->normal[l];
	float	   *running_mean = net->mean + net->unit[l];
	float	   *running_variance = net->variance + net->unit[l];
	float	   *inverse = net->inverse + net->unit[l];
	float	   *mean = net->column;
	float	   *variance = net->column + k;
	float		rate = (float) Max(NORM_RATE, 1.0 / (net->step + 1));
	int			r;
	int			j;

	if (training)
	{
		column_sums(z, mean, n, k);
		for (j = 0; j < k; j++)
			mean[j] /= n;

		/* squares of differences: the difference of squares would lose all digits */
		for (r = 0; r < n; r++)
		{
			for (j = 0; j < k; j++)
				normal[(Size) r * k + j] = z[(Size) r * k + j] - mean[j];
		}
		column_products(normal, normal, variance, n, k);
		for (j = 0; j < k; j++)
		{
			variance[j] /= n;
			inverse[j] = 1 / sqrtf(variance[j] + NORM_EPSILON);
			running_mean[j] += rate * (mean[j] - running_mean[j]);
			running_variance[j] += rate * (variance[j] - running_variance[j]);
		}
	}
	else
	{
		for (j = 0; j < k; j++)
		{
			mean[j] = running_mean[j];
			inverse[j] = 1 / sqrtf(running_variance[j] + NORM_EPSILON);
		}
	}
	norm_apply(z, normal, mean, inverse, net->theta + net->gamma[l], net->theta + net->b[l], n, k);
}

/*
 * Drop units: values and derivatives become 0, the others grow by as much as
 * makes the expectation stay.  Four decisions from each random number.
 */
static void
drop_units(float *a, float *d, Size n, double dropout, uint64 key)
{
	uint32		limit = (uint32) (dropout * 65536);
	float		keep = (float) (65536.0 / (65536 - limit));
	uint64		bits = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		float		factor;

		if (i % 4 == 0)
			bits = eg_random_bits(key, i / 4);
		factor = (bits & 0xffff) < limit ? 0 : keep;
		bits >>= 16;
		a[i] *= factor;
		d[i] *= factor;
	}
}

float *
eg_mlp_forward(EgMlpNet *net, int n, bool training, uint64 key)
{
	int			l;

	for (l = 0; l < net->nlayers; l++)
	{
		int			nin = net->width[l];
		int			k = net->width[l + 1];
		float	   *z = net->a[l + 1];
		bool		hidden = l < net->nlayers - 1;

		eg_blas_sgemm(false, false, n, k, nin, 1, net->a[l], nin, net->theta + net->w[l], k, 0, z,
					  k);
		if (hidden && net->batch_norm)
			norm_forward(net, l, n, training);
		else
			add_bias(z, net->theta + net->b[l], n, k);
		if (hidden)
		{
			eg_mlp_activate(net->activation, z, net->d[l], (Size) n * k);
			if (training && net->dropout > 0)
				drop_units(z, net->d[l], (Size) n * k, net->dropout, eg_random_stream(key, l));
		}
	}
	return net->a[net->nlayers];
}

/* Softmax of one row: its cross entropy, and the derivative in place of the row when asked for. */
static double
softmax_loss(const float *z, int k, int class, double factor, float *delta)
{
	double		largest = z[0];
	double		sum = 0;
	int			j;

	for (j = 1; j < k; j++)
		largest = Max(largest, z[j]);
	for (j = 0; j < k; j++)
		sum += exp(z[j] - largest);
	if (delta != NULL)
	{
		for (j = 0; j < k; j++)
			delta[j] = (float) (factor * (exp(z[j] - largest) / sum - (j == class)));
	}
	return log(sum) + largest - z[class];
}

double
eg_mlp_loss(EgTask task, const float *output, int n, int k, const float *y, const float *weight,
			float *delta)
{
	double		total = 0;
	int			r;

	for (r = 0; r < n; r++)
	{
		const float *z = output + (Size) r * k;
		double		w = weight != NULL ? weight[r] : 1;
		double		loss;

		if (task == EG_MULTICLASS)
			loss = softmax_loss(z, k, (int) y[r], w / n,
								delta != NULL ? delta + (Size) r * k : NULL);
		else if (task == EG_BINARY)
		{
			/* -y log p - (1-y) log (1-p), without overflow on either side */
			double		e = exp(-fabs(z[0]));
			double		p = z[0] >= 0 ? 1 / (1 + e) : e / (1 + e);

			loss = Max(z[0], 0) - z[0] * y[r] + log1p(e);
			if (delta != NULL)
				delta[r] = (float) (w / n * (p - y[r]));
		}
		else
		{
			double		difference = (double) z[0] - y[r];

			loss = 0.5 * difference * difference;
			if (delta != NULL)
				delta[r] = (float) (w / n * difference);
		}
		total += w * loss;
	}
	return total;
}

static void
multiply(float *pg_restrict a, const float *pg_restrict d, Size n)
{
	Size		i;

	for (i = 0; i < n; i++)
		a[i] *= d[i];
}

/* Through gamma * normal + beta and the batch's own mean and variance; delta in place. */
static void
norm_backward(EgMlpNet *net, int l, int n, float *delta)
{
	int			k = net->width[l + 1];
	const float *normal = net->normal[l];
	const float *gamma = net->theta + net->gamma[l];
	const float *inverse = net->inverse + net->unit[l];
	float	   *gamma_grad = net->grad + net->gamma[l];
	float	   *beta_grad = net->grad + net->b[l];
	float	   *factor = net->column;
	int			r;
	int			j;

	column_products(delta, normal, gamma_grad, n, k);
	column_sums(delta, beta_grad, n, k);
	for (j = 0; j < k; j++)
		factor[j] = gamma[j] * inverse[j] / n;
	for (r = 0; r < n; r++, delta += k, normal += k)
	{
		for (j = 0; j < k; j++)
			delta[j] = factor[j] * (n * delta[j] - beta_grad[j] - normal[j] * gamma_grad[j]);
	}
}

void
eg_mlp_backward(EgMlpNet *net, int n)
{
	float	   *delta = net->delta[0];
	float	   *next = net->delta[1];
	int			l;

	for (l = net->nlayers - 1; l >= 0; l--)
	{
		int			nin = net->width[l];
		int			k = net->width[l + 1];
		float	   *swap;

		if (l < net->nlayers - 1)
		{
			multiply(delta, net->d[l], (Size) n * k);
			if (net->batch_norm)
				norm_backward(net, l, n, delta);
		}
		if (l == net->nlayers - 1 || !net->batch_norm)
			column_sums(delta, net->grad + net->b[l], n, k);
		eg_blas_sgemm(true, false, nin, k, n, 1, net->a[l], nin, delta, k, 0,
					  net->grad + net->w[l], k);
		if (l == 0)
			break;
		eg_blas_sgemm(false, true, n, nin, k, 1, delta, k, net->theta + net->w[l], k, 0, next,
					  nin);
		swap = delta;
		delta = next;
		next = swap;
	}
}

static void
adam_range(EgMlpNet *net, Size from, Size to, float rate, float decay)
{
	float	   *pg_restrict theta = net->theta;
	float	   *pg_restrict m = net->m;
	float	   *pg_restrict v = net->v;
	const float *pg_restrict grad = net->grad;
	Size		i;

	for (i = from; i < to; i++)
	{
		float		g = grad[i];

		m[i] += (float) (1 - ADAM_BETA1) * (g - m[i]);
		v[i] += (float) (1 - ADAM_BETA2) * (g * g - v[i]);
		theta[i] -= rate * m[i] / (sqrtf(v[i]) + ADAM_EPSILON) + decay * theta[i];
	}
}

/* Weights decay by themselves, apart from the gradient; biases and scales do not. */
void
eg_mlp_adam(EgMlpNet *net, double learning_rate, double weight_decay)
{
	double		rate;
	int			l;

	net->step++;
	rate = learning_rate * sqrt(1 - pow(ADAM_BETA2, net->step)) / (1 - pow(ADAM_BETA1, net->step));
	for (l = 0; l < net->nlayers; l++)
	{
		Size		end = l < net->nlayers - 1 ? net->w[l + 1] : net->nparams;

		adam_range(net, net->w[l], net->b[l], (float) rate, (float) (learning_rate * weight_decay));
		adam_range(net, net->b[l], end, (float) rate, 0);
	}
}

bool
eg_mlp_net_store(const EgMlpNet *net, EgMlpModel *m)
{
	bool		finite = true;
	int			l;
	int			i;
	int			j;

	for (l = 0; l < net->nlayers; l++)
	{
		EgMlpLayer *layer = &m->layers[l];
		bool		folded = net->batch_norm && l < net->nlayers - 1;
		const float *w = net->theta + net->w[l];
		const float *b = net->theta + net->b[l];

		for (j = 0; j < layer->nout; j++)
		{
			double		factor = 1;
			double		shift = 0;

			if (folded)
			{
				int			u = net->unit[l] + j;

				factor = net->theta[net->gamma[l] + j] /
					sqrt((double) net->variance[u] + NORM_EPSILON);
				shift = -factor * net->mean[u];
			}
			for (i = 0; i < layer->nin; i++)
			{
				float		v = (float) (factor * w[(Size) i * layer->nout + j]);

				layer->w[(Size) i * layer->ld + j] = v;
				finite = finite && isfinite(v);
			}
			layer->b[j] = (float) (b[j] + shift);
			finite = finite && isfinite(layer->b[j]);
		}
	}
	return finite;
}

void
eg_mlp_net_fetch(EgMlpNet *net, const EgMlpModel *m)
{
	int			l;
	int			i;

	Assert(!net->batch_norm);
	for (l = 0; l < net->nlayers; l++)
	{
		const EgMlpLayer *layer = &m->layers[l];

		for (i = 0; i < layer->nin; i++)
			memcpy(net->theta + net->w[l] + (Size) i * layer->nout,
				   layer->w + (Size) i * layer->ld, layer->nout * sizeof(float));
		memcpy(net->theta + net->b[l], layer->b, layer->nout * sizeof(float));
	}
}
