#!/usr/bin/env bash
# check_mlp_gradient.sh - the derivatives of mlp_net.c against finite differences
#
# The file is compiled into a small program, once more in double precision, so that a difference
# quotient has digits enough to be compared: every loss, activation, dropout, batch normalization
# and weights.  The curves of mlp_dense.c, which are single precision by design, come after.
cd "$(dirname "$0")/.." || exit 1
. test/tap.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/server.h" <<'C'
#include "postgres.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#undef printf
MemoryContext CurrentMemoryContext;
void *palloc(Size n) { return malloc(n); }
void *palloc0(Size n) { return calloc(1, n); }
void *MemoryContextAllocHuge(MemoryContext c, Size n) { return malloc(n); }
void pfree(void *p) { free(p); }
#if defined(USE_ASSERT_CHECKING)
void ExceptionalCondition(const char *a, const char *b, int c) { abort(); }
#endif
C

cat >"$dir/net.c" <<'C'
#include "server.h"
#include "algo/algo.h"
#include "utils/memutils.h"
#define float double
#define sqrtf sqrt
#include "algo/mlp.h"
#include "algo/mlp_net.c"

void
eg_blas_sgemm(bool ta, bool tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
			  int ldb, float beta, float *c, int ldc)
{
	for (int i = 0; i < m; i++)
		for (int j = 0; j < n; j++)
		{
			double		sum = 0;

			for (int p = 0; p < k; p++)
				sum += (ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]);
			c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
		}
}

void
eg_mlp_activate(EgMlpActivation activation, float *z, float *d, Size n)
{
	for (Size i = 0; i < n; i++)
	{
		double		v = z[i];
		double		u = 0.7978845608 * (v + 0.044715 * v * v * v);
		double		t = tanh(activation == EG_MLP_TANH ? v : u);

		d[i] = activation == EG_MLP_RELU ? v > 0 : activation == EG_MLP_TANH ? 1 - t * t :
			0.5 * (1 + t) + 0.5 * v * (1 - t * t) * 0.7978845608 * (1 + 3 * 0.044715 * v * v);
		z[i] = activation == EG_MLP_RELU ? Max(v, 0) : activation == EG_MLP_TANH ? t : 0.5 * v * (1 + t);
	}
}

static double
loss_of(EgMlpNet *net, const float *x, EgTask task, int n, const float *y, const float *weight, float *delta)
{
	memcpy(net->a[0], x, n * net->width[0] * sizeof(float));
	return eg_mlp_loss(task, eg_mlp_forward(net, n, true, 7), n, net->width[net->nlayers], y, weight, delta) / n;
}

int
main(void)
{
	static const EgTask tasks[] = {EG_REGRESSION, EG_BINARY, EG_MULTICLASS};
	enum {N = 24, IN = 5};

	for (int c = 0; c < 3 * 3 * 2 * 2; c++)
	{
		EgTask		task = tasks[c % 3];
		EgMlpActivation activation = (EgMlpActivation) (c / 3 % 3);
		bool		norm = c / 9 % 2;
		double		dropout = c / 18 % 2 ? 0.3 : 0;
		int			width[] = {IN, 7, 6, task == EG_MULTICLASS ? 4 : 1};
		EgMlpNet   *net = eg_mlp_net_new(3, width, activation, norm, dropout, N);
		float		x[N * IN], y[N], weight[N];
		double		worst = 0;

		eg_mlp_net_init(net, 3);
		for (int i = 0; i < N * IN; i++)
			x[i] = 4 * eg_random_unit(1, i) - 2;
		for (int i = 0; i < N; i++)
		{
			y[i] = task == EG_REGRESSION ? 3 * eg_random_unit(2, i) : eg_random_below(2, i, task == EG_BINARY ? 2 : 4);
			weight[i] = 0.5 + eg_random_unit(4, i);
		}
		/* biases and scales away from where they begin */
		for (Size i = 0; i < net->nparams; i++)
			net->theta[i] += 0.2 * (eg_random_unit(5, i) - 0.5);
		loss_of(net, x, task, N, y, weight, net->delta[0]);
		eg_mlp_backward(net, N);
		for (Size i = 0; i < net->nparams; i++)
		{
			double		old = net->theta[i], up, down, quotient;

			net->theta[i] = old + 1e-6;
			up = loss_of(net, x, task, N, y, weight, NULL);
			net->theta[i] = old - 1e-6;
			down = loss_of(net, x, task, N, y, weight, NULL);
			net->theta[i] = old;
			quotient = (up - down) / 2e-6;
			worst = fmax(worst, fabs(quotient - net->grad[i]) / (1e-3 + fabs(quotient)));
		}
		printf("%s task %d activation %d norm %d dropout %g: %zu derivatives, worst relative error %.1e\n",
			   worst < 1e-5 ? "good" : "bad", task, activation, norm, dropout, (size_t) net->nparams, worst);
	}
	return 0;
}
C

cat >"$dir/curves.c" <<'C'
#include "server.h"
#include "algo/mlp_dense.c"

void eg_prep_row_float(const EgPrep *p, const float *x, float *out) {}

int
main(void)
{
	for (int activation = 0; activation < EG_MLP_NACTIVATIONS; activation++)
	{
		double		worst = 0, worst_slope = 0;

		for (int i = -12000; i <= 12000; i++)
		{
			float		z[7], d[7], v = i * 0.001f;
			double		u, t, f, s;

			for (int j = 0; j < 7; j++)
				z[j] = v;
			eg_mlp_activate((EgMlpActivation) activation, z, d, 7);
			u = 0.7978845608028654 * (v + 0.044715 * v * (double) v * v);
			t = tanh(activation == EG_MLP_TANH ? v : u);
			f = activation == EG_MLP_RELU ? Max(v, 0) : activation == EG_MLP_TANH ? t : 0.5 * v * (1 + t);
			s = activation == EG_MLP_RELU ? v > 0 : activation == EG_MLP_TANH ? 1 - t * t :
				0.5 * (1 + t) + 0.5 * v * (1 - t * t) * 0.7978845608028654 * (1 + 3 * 0.044715 * v * (double) v);
			worst = fmax(worst, fmax(fabs(z[0] - f), fabs(z[6] - f)));
			worst_slope = fmax(worst_slope, fmax(fabs(d[0] - s), fabs(d[6] - s)));
		}
		printf("%s activation %d: error %.1e, of the derivative %.1e\n",
			   worst < 2e-6 && worst_slope < 4e-6 ? "good" : "bad", activation, worst, worst_slope);
	}
	return 0;
}
C

# the network in training and in scoring, from one to the other and back
cat >"$dir/score.c" <<'C'
#include "server.h"
#include "algo/mlp_net.c"
#undef LOAD
#include "algo/mlp_dense.c"

void
eg_blas_sgemm(bool ta, bool tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
			  int ldb, float beta, float *c, int ldc)
{
	for (int i = 0; i < m; i++)
		for (int j = 0; j < n; j++)
		{
			double		sum = 0;

			for (int p = 0; p < k; p++)
				sum += (double) a[i * lda + p] * b[p * ldb + j];
			c[i * ldc + j] = sum;
		}
}

void
eg_prep_row_float(const EgPrep *p, const float *x, float *out)
{
	memcpy(out, x, p->width * sizeof(float));
}

int
main(void)
{
	enum {N = 37};

	for (int c = 0; c < 3 * 2 * 4; c++)
	{
		static const int widths[4][4] = {{5, 7, 33, 3}, {49, 128, 16, 1}, {1, 1, 1, 4}, {3, 100, 50, 17}};
		int			width[4];
		EgPrep		prep = {0};
		EgMlpModel	m = {0};
		EgMlpNet   *net, *back;
		float	   *x, *z;
		double	   *block, *one, worst = 0;
		int			k, bits = 0;

		memcpy(width, widths[c % 4], sizeof(width));
		prep.ncols = prep.width = width[0];
		k = width[3];
		m.prep = &prep;
		m.activation = (EgMlpActivation) (c / 4 % 3);
		m.task = k > 1 ? EG_MULTICLASS : EG_REGRESSION;
		m.nclasses = k;
		m.scale = 1;
		eg_mlp_layers_new(&m, 3, width);
		net = eg_mlp_net_new(3, width, m.activation, c / 12, 0.5, N);
		eg_mlp_net_init(net, 9);
		for (Size i = 0; i < net->nparams; i++)
			net->theta[i] += 0.3 * (eg_random_unit(5, i) - 0.5);
		for (int i = 0; i < net->nhidden && net->batch_norm; i++)
		{
			net->mean[i] = eg_random_unit(6, i);
			net->variance[i] = 0.1 + eg_random_unit(7, i);
		}
		x = malloc(N * width[0] * sizeof(float));
		for (int i = 0; i < N * width[0]; i++)
			x[i] = 4 * eg_random_unit(1, i) - 2;
		block = malloc(N * k * sizeof(double));
		one = malloc(N * k * sizeof(double));
		eg_mlp_net_store(net, &m);
		back = eg_mlp_net_new(3, width, m.activation, false, 0, N);
		eg_mlp_net_fetch(back, &m);
		eg_mlp_score(&m, x, N, block);
		for (int i = 0; i < N; i++)
			eg_mlp_score(&m, x + i * width[0], 1, one + i * k);
		for (int i = 0; i < N * k; i++)
			bits += block[i] != one[i];
		for (int turn = 0; turn < 2; turn++)
		{
			EgMlpNet   *one_net = turn ? back : net;

			memcpy(one_net->a[0], x, N * width[0] * sizeof(float));
			z = eg_mlp_forward(one_net, N, false, 0);
			for (int i = 0; i < N; i++)
			{
				double		sum = 0;

				for (int j = 0; j < k && k > 1; j++)
					sum += exp(z[i * k + j]);
				for (int j = 0; j < k; j++)
					worst = fmax(worst, fabs(block[i * k + j] - (k > 1 ? exp(z[i * k + j]) / sum : z[i * k + j])));
			}
		}
		printf("%s case %d: worst difference %.1e; %d of %d rows in a block have other bits\n",
			   worst < 2e-5 && bits == 0 ? "good" : "bad", c, worst, bits, N * k);
	}
	return 0;
}
C

include=$("${PG_CONFIG:-pg_config}" --includedir-server)
# run NAME WHAT: compile, run, and show the lines that are not good
run()
{
	local lines

	lines=$("${CC:-cc}" -std=gnu99 -O1 -w -Isrc -I"$include" -I"$dir" "$dir/$1.c" -o "$dir/$1" -lm 2>&1 && "$dir/$1" 2>&1) ||
		lines="bad: $lines"
	ok "$2: compiled and run" grep -q '^good' <<<"$lines"
	none "$2" "$(grep -v '^good' <<<"$lines")"
}

run net "derivatives of the network agree with finite differences"
run curves "activations and their derivatives are right to single precision"
run score "what scores is what was trained, a row alone and in a block to the same bits"
done_testing
