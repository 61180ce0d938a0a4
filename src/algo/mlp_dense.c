/*-------------------------------------------------------------------------
 *
 * mlp_dense.c
 *	  The multi-layer perceptron in scoring: dense layers without BLAS,
 *	  without allocation.
 *
 * A layer goes through its weights in the order in which they lie, a stripe
 * of columns at a time whose sums stay in registers.  One row takes 32 columns
 * together, so that eight additions are under way at any time; a block of rows
 * takes 8 columns for 4 rows, and so reads each weight once for four.  A sum
 * begins with the bias and adds inputs in their order, in both kernels: one
 * row scored alone gives the same bits as in a block.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/mlp.h"
#include "utils/memutils.h"

/* columns are padded to a multiple of this */
#define PAD_COLUMNS		16

/* inputs further out than so many deviations are cut, so that outputs stay finite */
#define INPUT_LIMIT		1e6f

/* four numbers in a register, which memory need not be aligned for */
typedef float Float4 __attribute__((vector_size(16), aligned(4), may_alias));

typedef int32 Int4 __attribute__((vector_size(16)));

/* 1.5 * 2^23 */
#define ROUNDER			12582912.0f

#define GELU_SCALE		0.79788456f	/* sqrt(2 / pi) */
#define GELU_CUBE		0.044715f

#define LOAD(p)			(*(const Float4 *) (p))
#define STORE(p, v)		(*(Float4 *) (p) = (v))
#define SPREAD(x)		((Float4) {(x), (x), (x), (x)})

void
eg_mlp_layers_new(EgMlpModel *m, int nlayers, const int *width)
{
	Size		widest = 0;
	int			l;

	m->nlayers = nlayers;
	m->layers = palloc(nlayers * sizeof(EgMlpLayer));
	for (l = 0; l < nlayers; l++)
	{
		EgMlpLayer *layer = &m->layers[l];
		Size		size;

		layer->nin = width[l];
		layer->nout = width[l + 1];
		layer->ld = (width[l + 1] + PAD_COLUMNS - 1) / PAD_COLUMNS * PAD_COLUMNS;
		size = (Size) layer->nin * layer->ld * sizeof(float);
		layer->w = MemoryContextAllocHuge(CurrentMemoryContext, size);
		memset(layer->w, 0, size);
		layer->b = palloc0(layer->ld * sizeof(float));
		widest = Max(widest, Max((Size) layer->nin, (Size) layer->ld));
	}
	for (l = 0; l < 2; l++)
		m->scratch[l] = MemoryContextAllocHuge(CurrentMemoryContext,
											   EG_MLP_BLOCK * widest * sizeof(float));
}

void
eg_mlp_input(const EgPrep *prep, const float *x, float *out)
{
	int			j;

	/* without any column the network has one input, always 0 */
	if (prep->width == 0)
	{
		out[0] = 0;
		return;
	}
	eg_prep_row_float(prep, x, out);
	for (j = 0; j < prep->width; j++)
		out[j] = out[j] > INPUT_LIMIT ? INPUT_LIMIT : out[j] < -INPUT_LIMIT ? -INPUT_LIMIT : out[j];
}

/*
 * tanh of four numbers from an exponential of our own: exp(x) = 2^i exp(r),
 * |r| <= ln(2)/2, exp(r) by its series.  The absolute error is below 3e-7.
 */
static inline Float4
tanh4(Float4 x)
{
	union
	{
		Float4		f;
		Int4		i;
	}			v,
				power,
				low = {.f = SPREAD(-10)},
				high = {.f = SPREAD(10)};
	Int4		below = x < low.f;
	Int4		above = x > high.f;
	Float4		scaled;
	Float4		rounded;
	Float4		r;
	Float4		e;

	/* beyond 10 it is 1, exactly; not a number stays what it is */
	v.f = x;
	v.i = (below & low.i) | (above & high.i) | (~(below | above) & v.i);
	scaled = v.f * 2.8853901f;	/* 2 / ln 2 */

	/* at this size single precision has no places left: adding it rounds */
	power.f = scaled + ROUNDER;
	rounded = power.f - ROUNDER;
	r = (scaled - rounded) * 0.69314718f;
	e = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f +
									r * (0.0083333333f + r * 0.0013888889f)))));

	/* the whole number is in the low bits: make it an exponent */
	power.i = (power.i + 127) << 23;
	return 1 - 2 / (e * power.f + 1);
}

static void
relu(float *pg_restrict z, Size n)
{
	Size		i;

	for (i = 0; i < n; i++)
		z[i] = z[i] > 0 ? z[i] : 0;
}

static void
relu_derivative(float *pg_restrict z, float *pg_restrict d, Size n)
{
	Size		i;

	for (i = 0; i < n; i++)
	{
		float		v = z[i];

		d[i] = v > 0 ? 1 : 0;
		z[i] = v > 0 ? v : 0;
	}
}

/* The curves of four numbers; GELU in the form with tanh of D. Hendrycks, K. Gimpel, 2016. */
static inline Float4
curve4(EgMlpActivation activation, Float4 v, Float4 *d)
{
	Float4		t;

	if (activation == EG_MLP_TANH)
	{
		t = tanh4(v);
		*d = 1 - t * t;
		return t;
	}
	t = tanh4(GELU_SCALE * (v + GELU_CUBE * v * v * v));
	*d = 0.5f * (1 + t) +
		0.5f * GELU_SCALE * v * (1 - t * t) * (1 + 3 * GELU_CUBE * v * v);
	return 0.5f * v * (1 + t);
}

void
eg_mlp_activate(EgMlpActivation activation, float *z, float *d, Size n)
{
	float		last[4] = {0};
	Float4		slope;
	Size		i;

	if (activation == EG_MLP_RELU)
	{
		if (d != NULL)
			relu_derivative(z, d, n);
		else
			relu(z, n);
		return;
	}

	for (i = 0; i + 4 <= n; i += 4)
	{
		STORE(z + i, curve4(activation, LOAD(z + i), &slope));
		if (d != NULL)
			STORE(d + i, slope);
	}
	if (i < n)
	{
		memcpy(last, z + i, (n - i) * sizeof(float));
		STORE(last, curve4(activation, LOAD(last), &slope));
		memcpy(z + i, last, (n - i) * sizeof(float));
		STORE(last, slope);
		if (d != NULL)
			memcpy(d + i, last, (n - i) * sizeof(float));
	}
}

static void
dense_row(const EgMlpLayer *layer, const float *x, float *y)
{
	int			ld = layer->ld;
	int			j = 0;
	int			i;

	for (; j + 32 <= ld; j += 32)
	{
		const float *w = layer->w + j;
		const float *b = layer->b + j;
		Float4		s0 = LOAD(b);
		Float4		s1 = LOAD(b + 4);
		Float4		s2 = LOAD(b + 8);
		Float4		s3 = LOAD(b + 12);
		Float4		s4 = LOAD(b + 16);
		Float4		s5 = LOAD(b + 20);
		Float4		s6 = LOAD(b + 24);
		Float4		s7 = LOAD(b + 28);

		for (i = 0; i < layer->nin; i++, w += ld)
		{
			Float4		v = SPREAD(x[i]);

			s0 += v * LOAD(w);
			s1 += v * LOAD(w + 4);
			s2 += v * LOAD(w + 8);
			s3 += v * LOAD(w + 12);
			s4 += v * LOAD(w + 16);
			s5 += v * LOAD(w + 20);
			s6 += v * LOAD(w + 24);
			s7 += v * LOAD(w + 28);
		}
		STORE(y + j, s0);
		STORE(y + j + 4, s1);
		STORE(y + j + 8, s2);
		STORE(y + j + 12, s3);
		STORE(y + j + 16, s4);
		STORE(y + j + 20, s5);
		STORE(y + j + 24, s6);
		STORE(y + j + 28, s7);
	}
	for (; j < ld; j += 16)
	{
		const float *w = layer->w + j;
		const float *b = layer->b + j;
		Float4		s0 = LOAD(b);
		Float4		s1 = LOAD(b + 4);
		Float4		s2 = LOAD(b + 8);
		Float4		s3 = LOAD(b + 12);

		for (i = 0; i < layer->nin; i++, w += ld)
		{
			Float4		v = SPREAD(x[i]);

			s0 += v * LOAD(w);
			s1 += v * LOAD(w + 4);
			s2 += v * LOAD(w + 8);
			s3 += v * LOAD(w + 12);
		}
		STORE(y + j, s0);
		STORE(y + j + 4, s1);
		STORE(y + j + 8, s2);
		STORE(y + j + 12, s3);
	}
}

/* Four rows of nin numbers to four rows of ld. */
static void
dense_four(const EgMlpLayer *layer, const float *x, float *y)
{
	int			ld = layer->ld;
	int			nin = layer->nin;
	const float *x1 = x + nin;
	const float *x2 = x1 + nin;
	const float *x3 = x2 + nin;
	int			j;
	int			i;

	for (j = 0; j < ld; j += 8, y += 8)
	{
		const float *w = layer->w + j;
		Float4		b = LOAD(layer->b + j);
		Float4		c = LOAD(layer->b + j + 4);
		Float4		s0 = b;
		Float4		s1 = b;
		Float4		s2 = b;
		Float4		s3 = b;
		Float4		t0 = c;
		Float4		t1 = c;
		Float4		t2 = c;
		Float4		t3 = c;

		for (i = 0; i < nin; i++, w += ld)
		{
			Float4		u = LOAD(w);
			Float4		v = LOAD(w + 4);

			s0 += SPREAD(x[i]) * u;
			t0 += SPREAD(x[i]) * v;
			s1 += SPREAD(x1[i]) * u;
			t1 += SPREAD(x1[i]) * v;
			s2 += SPREAD(x2[i]) * u;
			t2 += SPREAD(x2[i]) * v;
			s3 += SPREAD(x3[i]) * u;
			t3 += SPREAD(x3[i]) * v;
		}
		STORE(y, s0);
		STORE(y + 4, t0);
		STORE(y + ld, s1);
		STORE(y + ld + 4, t1);
		STORE(y + 2 * (Size) ld, s2);
		STORE(y + 2 * (Size) ld + 4, t2);
		STORE(y + 3 * (Size) ld, s3);
		STORE(y + 3 * (Size) ld + 4, t3);
	}
}

const float *
eg_mlp_run(const EgMlpModel *m, int n)
{
	float	   *from = m->scratch[0];
	float	   *to = m->scratch[1];
	int			l;
	int			r;

	for (l = 0; l < m->nlayers; l++)
	{
		const EgMlpLayer *layer = &m->layers[l];
		float	   *swap;

		for (r = 0; r + 4 <= n; r += 4)
			dense_four(layer, from + (Size) r * layer->nin, to + (Size) r * layer->ld);
		for (; r < n; r++)
			dense_row(layer, from + (Size) r * layer->nin, to + (Size) r * layer->ld);
		if (l < m->nlayers - 1)
		{
			/* the next layer reads rows without padding; moving them down is safe in order */
			for (r = 1; r < n && layer->ld != layer->nout; r++)
				memmove(to + (Size) r * layer->nout, to + (Size) r * layer->ld,
						layer->nout * sizeof(float));
			eg_mlp_activate(m->activation, to, NULL, (Size) n * layer->nout);
		}
		swap = from;
		from = to;
		to = swap;
	}
	return from;
}

/* From the output of the network to what is predicted. */
static void
apply_link(const EgMlpModel *m, const float *z, double *out)
{
	double		largest = z[0];
	double		sum = 0;
	int			j;

	if (m->task == EG_REGRESSION)
		out[0] = m->center + m->scale * z[0];
	else if (m->task == EG_BINARY)
		out[0] = 1 / (1 + exp(-(double) z[0]));
	else
	{
		for (j = 1; j < m->nclasses; j++)
			largest = Max(largest, z[j]);
		for (j = 0; j < m->nclasses; j++)
			sum += out[j] = exp(z[j] - largest);
		for (j = 0; j < m->nclasses; j++)
			out[j] /= sum;
	}
}

void
eg_mlp_score(const EgMlpModel *m, const float *x, Size n, double *out)
{
	const EgMlpLayer *last = &m->layers[m->nlayers - 1];

	while (n > 0)
	{
		int			block = (int) Min(n, EG_MLP_BLOCK);
		const float *z;
		int			r;

		for (r = 0; r < block; r++)
			eg_mlp_input(m->prep, x + (Size) r * m->prep->ncols,
						 m->scratch[0] + (Size) r * m->layers[0].nin);
		z = eg_mlp_run(m, block);
		for (r = 0; r < block; r++, out += last->nout)
			apply_link(m, z + (Size) r * last->ld, out);
		x += (Size) block * m->prep->ncols;
		n -= block;
	}
}
