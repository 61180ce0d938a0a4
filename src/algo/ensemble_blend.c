/*-------------------------------------------------------------------------
 *
 * ensemble_blend.c
 *	  What the members of an ensemble are worth: out-of-fold predictions, the
 *	  weights that follow from them, and the blend of one row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/blend.h"
#include "algo/ensemble.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* rows that the weights of stored members are found on, at least */
#define MIN_UNSEEN			100

/* ----------
 * Out-of-fold predictions
 * ----------
 */

typedef struct Folds
{
	const EgDataset *data;
	int			n;
	uint8	   *fold;			/* (nfit) */
	EgDataset	rest;			/* all rows but those of one fold */
	double	   *role[EG_NROLES];
} Folds;

/*
 * Blocks of adjacent rows, each class cut by itself.  Rows come in the order
 * of their keys' hashes: a block is a random sample, and keys stay together.
 */
static void
cut_folds(Folds *f, int wanted)
{
	const EgDataset *data = f->data;
	int			nclasses = Max(data->nclasses, 1);
	const double *y = data->role[EG_ROLE_TARGET];
	Size	   *count = palloc0(sizeof(Size) * nclasses);
	Size	   *next = palloc0(sizeof(Size) * nclasses);
	Size		i;
	int			c;

	for (i = 0; i < data->nfit; i++)
		count[data->nclasses > 0 ? (int) y[i] : 0]++;
	f->n = (int) Min((Size) wanted, data->nfit);
	for (c = 0; c < nclasses; c++)
	{
		if (count[c] < 2)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 data->nclasses > 0 ?
					 errmsg("out-of-fold predictions need two rows of each class to learn from, "
							"but class %d has %zu", c, (size_t) count[c]) :
					 errmsg("out-of-fold predictions need two rows to learn from, not %zu",
							(size_t) count[c]),
					 errhint("Use method \"average\", which makes no folds.")));
	}
	f->fold = palloc_extended(Max(data->nfit, 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < data->nfit; i++)
	{
		c = data->nclasses > 0 ? (int) y[i] : 0;
		f->fold[i] = (uint8) (next[c]++ * f->n / count[c]);
	}
}

/* Copy all rows but the fold's, into room made once. */
static void
leave_out(Folds *f, int fold)
{
	const EgDataset *data = f->data;
	Size		total = data->nfit + data->nvalid;
	Size		n = 0,
				i;
	int			r;

	for (i = 0; i < total; i++)
	{
		if (i < data->nfit && f->fold[i] == fold)
			continue;
		memcpy(eg_row(&f->rest.x, n), eg_row(&data->x, i), sizeof(float) * data->x.ncols);
		for (r = 0; r < EG_NROLES; r++)
		{
			if (f->role[r])
				f->role[r][n] = data->role[r][i];
		}
		n++;
		if (i < data->nfit)
			f->rest.nfit = n;
	}
	f->rest.x.nrows = n;
	f->rest.nvalid = n - f->rest.nfit;
}

static void
make_room(Folds *f, const EgDataset *data)
{
	Size		total = data->nfit + data->nvalid;
	int			r;

	f->data = data;
	f->rest = *data;
	f->rest.x.data = palloc_extended(mul_size(sizeof(float), Max(total * data->x.ncols, 1)),
									 MCXT_ALLOC_HUGE);
	for (r = 0; r < EG_NROLES; r++)
	{
		if (data->role[r])
			f->role[r] = palloc_extended(sizeof(double) * Max(total, 1), MCXT_ALLOC_HUGE);
		f->rest.role[r] = f->role[r];
	}
}

void
eg_ensemble_check(const EgEnsemble *m, const EgMember *member, const void *model)
{
	const EgFrozen *is = &member->is;

	if (is->algorithm->width(model) != m->width)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("member \"%s\" of the ensemble predicts %d numbers for a row, not %d",
						is->name ? is->name : is->algorithm->name, is->algorithm->width(model),
						m->width)));
}

/* p (nfit, nmembers, width): predictions of the recipes by models that have not seen the row. */
static void
predict_out_of_fold(EgEnsemble *m, Folds *f, double *p, EgRun *run, int *done, int total)
{
	EgRun		quiet = *run;
	int			fold,
				k;
	Size		i;

	quiet.report = NULL;
	quiet.history = NULL;
	for (fold = 0; fold < f->n; fold++)
	{
		leave_out(f, fold);
		for (k = 0; k < m->nmembers; k++)
		{
			const EgMember *member = &m->members[k];
			MemoryContext caller = CurrentMemoryContext;
			MemoryContext context;
			void	   *model;

			if (member->is.name)
				continue;
			context = AllocSetContextCreate(caller, "engage ensemble fold",
											ALLOCSET_DEFAULT_SIZES);
			MemoryContextSwitchTo(context);
			model = member->is.algorithm->fit(&f->rest, member->parsed, &quiet);
			eg_ensemble_check(m, member, model);
			for (i = 0; i < f->data->nfit; i++)
			{
				if (f->fold[i] != fold)
					continue;
				CHECK_FOR_INTERRUPTS();
				member->is.algorithm->predict(model, eg_row(&f->data->x, i), 1,
											  p + (i * m->nmembers + k) * m->width);
			}
			MemoryContextSwitchTo(caller);
			MemoryContextDelete(context);
			eg_step(run, ++*done, total, NULL, 0);
		}
	}
}

/* Stored models say what they have to say; which rows count is another question. */
static void
predict_stored(const EgEnsemble *m, const EgDataset *data, double *p)
{
	Size		stride = (Size) m->nmembers * m->width;
	Size		i,
				j;
	int			k;

	for (i = 0; i < data->nfit; i += EG_ENSEMBLE_BLOCK)
	{
		Size		n = Min(EG_ENSEMBLE_BLOCK, data->nfit - i);

		for (k = 0; k < m->nmembers; k++)
		{
			if (m->members[k].is.name == NULL)
				continue;
			CHECK_FOR_INTERRUPTS();
			eg_frozen_predict(&m->members[k].is, m->width, eg_row(&data->x, i), n, m->x, m->room);
			for (j = 0; j < n; j++)
				memcpy(p + (i + j) * stride + k * m->width, m->room + j * m->width,
					   sizeof(double) * m->width);
		}
	}
}

/* ----------
 * Rows that nobody has learned
 * ----------
 */

/* Rows that all stored members certainly have not learned from, and how many; NULL: all. */
static bool *
unseen_rows(const EgEnsemble *m, const EgDataset *data, Size *n)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *w = data->role[EG_ROLE_WEIGHT];
	Size	   *of_class = palloc0(sizeof(Size) * Max(m->nclasses, 1));
	bool	   *usable;
	Size		fewest = 2;
	Size		i;
	int			k;

	*n = data->nfit;
	if (m->nrecipes == m->nmembers)
		return NULL;
	usable = palloc_extended(Max(data->nfit, 1), MCXT_ALLOC_HUGE);
	*n = 0;
	for (i = 0; i < data->nfit; i++)
	{
		usable[i] = w == NULL || w[i] > 0;
		for (k = 0; k < m->nmembers && usable[i]; k++)
			usable[i] = m->members[k].is.name == NULL || m->members[k].is.unseen[i];
		*n += usable[i];
		if (usable[i] && m->nclasses > 0)
			of_class[(int) y[i]]++;
	}
	for (k = 0; k < m->nclasses; k++)
		fewest = Min(fewest, of_class[k]);
	if (*n < MIN_UNSEEN || fewest < 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("stored members have held out %zu of the %zu training rows, but weights "
						"need %d", (size_t) *n, (size_t) data->nfit, MIN_UNSEEN),
				 *n < MIN_UNSEEN ?
				 errdetail("Weights are found on rows that no stored member has learned from.") :
				 errdetail("Weights are found on rows that no stored member has learned from, and "
						   "each class needs two of them."),
				 errhint("Use the method \"average\"; or train the members with the same key and "
						 "a larger test_size than the ensemble; or give their recipes; or set "
						 "\"trust\" if they come from other rows.")));
	return usable;
}

/* ----------
 * Blend
 * ----------
 */

void
eg_ensemble_row(const EgEnsemble *m, const double *v, Size stride, double *out)
{
	double		most = -INFINITY,
				sum = 0;
	int			c,
				k;

	if (m->nclasses == 0 || m->method != EG_ENSEMBLE_STACKING)
	{
		for (c = 0; c < m->width; c++)
		{
			out[c] = m->nclasses == 0 ? m->bias[0] : 0;
			for (k = 0; k < m->nmembers; k++)
				out[c] += m->weight[k] * v[k * stride + c];
		}

		/* a sum of counts is no count below zero */
		if (m->task == EG_COUNT)
			out[0] = Max(out[0], 0);
		return;
	}
	if (m->width == 1)
	{
		double		z = m->bias[1];

		for (k = 0; k < m->nmembers; k++)
			z += m->weight[k] * (eg_blend_log(v[k * stride]) - eg_blend_log(1 - v[k * stride]));
		out[0] = 1 / (1 + exp(-z));
		return;
	}
	for (c = 0; c < m->width; c++)
	{
		out[c] = m->bias[c];
		for (k = 0; k < m->nmembers; k++)
			out[c] += m->weight[k] * eg_blend_log(v[k * stride + c]);
		most = Max(most, out[c]);
	}
	for (c = 0; c < m->width; c++)
	{
		out[c] = exp(out[c] - most);
		sum += out[c];
	}
	for (c = 0; c < m->width; c++)
		out[c] /= sum;
}

/* Log loss, or root of the mean squared error, of one row's prediction. */
static double
row_loss(const EgEnsemble *m, const double *out, double y)
{
	if (m->nclasses == 0)
		return (out[0] - y) * (out[0] - y);
	if (m->width == 1)
		return -log(Max(y == 1 ? out[0] : 1 - out[0], 1e-15));
	return -log(Max(out[(int) y], 1e-15));
}

/* What the members and the blend lose on the rows that they had not seen. */
static void
measure(EgEnsemble *m, const EgBlendInput *in)
{
	double	   *sum = palloc0(sizeof(double) * (m->nmembers + 1));
	double	   *out = palloc(sizeof(double) * m->width);
	double		total = 0;
	Size		i;
	int			k;

	for (i = 0; i < in->n; i++)
	{
		const double *v = in->p + i * m->nmembers * m->width;
		double		w = in->w ? in->w[i] : 1;

		for (k = 0; k < m->nmembers; k++)
			sum[k] += w * row_loss(m, v + k * m->width, in->y[i]);
		eg_ensemble_row(m, v, m->width, out);
		sum[k] += w * row_loss(m, out, in->y[i]);
		total += w;
	}
	for (k = 0; k <= m->nmembers; k++)
	{
		sum[k] /= total;
		if (m->nclasses == 0)
			sum[k] = sqrt(sum[k]);
		if (k < m->nmembers)
			m->members[k].loss = sum[k];
	}
	m->loss = sum[m->nmembers];
	pfree(sum);
	pfree(out);
}

/* usable: the n rows that count, NULL: all; the predictions of the others are overwritten. */
static void
find_weights(EgEnsemble *m, const EgDataset *data, const bool *usable, Size n, double *p)
{
	EgBlendInput in = {0};
	Size		stride = (Size) m->nmembers * m->width;

	in.n = n;
	in.members = m->nmembers;
	in.width = m->width;
	in.nclasses = m->nclasses;
	in.p = p;
	in.y = data->role[EG_ROLE_TARGET];
	in.w = data->role[EG_ROLE_WEIGHT];
	if (usable)
	{
		double	   *y = palloc_extended(sizeof(double) * n, MCXT_ALLOC_HUGE);
		double	   *w = in.w ? palloc_extended(sizeof(double) * n, MCXT_ALLOC_HUGE) : NULL;
		Size		i,
					to = 0;

		for (i = 0; i < data->nfit; i++)
		{
			if (!usable[i])
				continue;
			memmove(p + to * stride, p + i * stride, sizeof(double) * stride);
			y[to] = in.y[i];
			if (w)
				w[to] = in.w[i];
			to++;
		}
		in.y = y;
		in.w = w;
	}
	if (m->method == EG_ENSEMBLE_WEIGHTED)
	{
		if (m->nclasses > 0)
			eg_blend_mixture(&in, m->weight);
		else
			eg_blend_shares(&in, m->weight);
	}
	else if (m->nclasses > 0)
		eg_blend_logistic(&in, m->weight, m->bias);
	else
		eg_blend_least_squares(&in, m->weight, &m->bias[0]);
	measure(m, &in);
}

void
eg_ensemble_weigh(EgEnsemble *m, const EgDataset *data, int folds, EgRun *run, int *done,
				  int total)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "engage ensemble",
												  ALLOCSET_DEFAULT_SIZES);
	Folds		f = {0};
	Size		cells = mul_size(data->nfit, m->nmembers * m->width);
	double	   *predicted;
	bool	   *usable;
	Size		n;

	eg_check_memory(add_size(mul_size(cells, sizeof(double)),
							 mul_size(data->x.nrows, sizeof(float) * data->x.ncols)),
					run->memory_limit, "the out-of-fold predictions");
	MemoryContextSwitchTo(scratch);
	usable = unseen_rows(m, data, &n);
	predicted = palloc_extended(sizeof(double) * Max(cells, 1), MCXT_ALLOC_HUGE);
	predict_stored(m, data, predicted);
	if (m->nrecipes > 0)
	{
		make_room(&f, data);
		cut_folds(&f, folds);
		predict_out_of_fold(m, &f, predicted, run, done, total);
	}
	find_weights(m, data, usable, n, predicted);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}
