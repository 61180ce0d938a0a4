/*-------------------------------------------------------------------------
 *
 * bayes.c
 *	  Naive Bayes: classes by Bayes' rule, as if the columns of a row did not
 *	  depend on each other within a class.
 *
 *		P(k | x)  ~  P(k) * product over columns of P(x_j | k)
 *
 *	  number:	normal distribution with the mean and variance of the class
 *	  category:	shares with Laplace smoothing,
 *				(weight of the category in the class + alpha) /
 *				(weight of the class + alpha * categories)
 *	  missing:	the column says nothing, in training and in scoring
 *
 * A share of the largest variance is added to all of them, so that a column
 * which is constant in a class does not decide alone.
 *
 * Source: the equations are those of scikit-learn's GaussianNB and
 * CategoricalNB; H. Zhang, "The Optimality of Naive Bayes", FLAIRS 2004.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/bayes.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define BAYES_FORMAT	1
#define CHECK_ROWS		8192	/* rows between two answers to interrupts */
#define MAX_CATEGORIES	(1 << 24)

/* a logarithm this much above 0 is still that of 1 */
#define ROUNDING		1e-6

/* variance where there is none at all, so that nothing is divided by 0 */
#define LEAST_VARIANCE	1e-300

typedef struct BayesParams
{
	double		alpha;
	double		var_smoothing;
	bool		fit_prior;
} BayesParams;

extern const EgAlgorithm eg_naive_bayes;

static const EgParam bayes_params[] = {
	{"alpha", EG_PARAM_REAL, offsetof(BayesParams, alpha), .number = 1, .min = 0, .max = 1e9,
		.min_open = true, .tunable = true, .log_scale = true, .search_min = 0.01,
		.search_max = 10, .help = "Rows added to each category of a class (Laplace smoothing)"},
	{"var_smoothing", EG_PARAM_REAL, offsetof(BayesParams, var_smoothing), .number = 1e-9,
		.min = 0, .max = 1, .tunable = true, .log_scale = true, .search_min = 1e-9,
		.search_max = 0.1,
		.help = "Share of the largest variance of a column that is added to all variances"},
	{"fit_prior", EG_PARAM_BOOL, offsetof(BayesParams, fit_prior), .number = 1,
		.help = "Whether classes are as probable as they are frequent, or all the same"},
	EG_PARAM_END
};

/* ---------------- fit ---------------- */

static BayesModel *
create(int nfeatures, int nclasses, EgTask task)
{
	BayesModel *m = palloc0(sizeof(BayesModel));

	m->nfeatures = nfeatures;
	m->nclasses = nclasses;
	m->task = task;
	m->ncategories = palloc0(Max(nfeatures, 1) * sizeof(int));
	m->prior = palloc0(nclasses * sizeof(double));
	m->mean = palloc0(Max(nfeatures, 1) * sizeof(double *));
	m->variance = palloc0(Max(nfeatures, 1) * sizeof(double *));
	m->share = palloc0(Max(nfeatures, 1) * sizeof(double *));
	m->sum = palloc0(nclasses * sizeof(double));
	return m;
}

/* Log of the classes' shares; a class without weight has a share of its own smoothing. */
static void
fit_prior(BayesModel *m, const EgDataset *data, const BayesParams *p)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	double		total = 0;
	Size		i;
	int			k;

	for (i = 0; i < data->nfit; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;

		if (!(y[i] >= 0 && y[i] < m->nclasses))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not a class", y[i]),
					 errdetail("Classes are numbered from 0 to %d.", m->nclasses - 1)));
		if (!(w >= 0 && w <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight %g is not usable", w),
					 errdetail("Weights must be finite and at least zero.")));
		m->prior[(int) y[i]] += w;
		total += w;
	}
	if (total <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 data->nfit == 0 ? errmsg("there are no rows to learn from")
								 : errmsg("the weights of the training rows are all zero")));
	for (k = 0; k < m->nclasses; k++)
		m->prior[k] = p->fit_prior ? log(Max(m->prior[k], DBL_MIN) / total) : -log(m->nclasses);
}

/*
 * Mean and variance of each class, in two passes; a class without a value has
 * those of all classes together.  Returns the variance over all.
 */
static double
fit_number(BayesModel *m, const EgDataset *data, int j)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	int			n = m->nclasses;

	/* the last is for all classes together */
	double	   *w = palloc0((n + 1) * sizeof(double));
	double	   *mean = palloc0((n + 1) * sizeof(double));
	double	   *square = palloc0((n + 1) * sizeof(double));
	double		all = 0;
	int			pass;
	Size		i;
	int			k;

	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < data->nfit; i++)
		{
			float		v = eg_row(&data->x, i)[j];
			double		one = weight != NULL ? weight[i] : 1;

			if (i % CHECK_ROWS == 0)
				CHECK_FOR_INTERRUPTS();
			if (!isfinite(v))
				continue;
			k = (int) y[i];
			if (pass == 0)
			{
				w[k] += one;
				mean[k] += one * v;
				w[n] += one;
				mean[n] += one * v;
			}
			else
			{
				square[k] += one * (v - mean[k]) * (v - mean[k]);
				square[n] += one * (v - mean[n]) * (v - mean[n]);
			}
		}
		for (k = 0; k <= n && pass == 0; k++)
			mean[k] = w[k] > 0 ? mean[k] / w[k] : 0;
	}

	if (w[n] > 0)
	{
		m->mean[j] = mean;
		m->variance[j] = square;
		all = square[n] / w[n];
		for (k = 0; k < n; k++)
		{
			mean[k] = w[k] > 0 ? mean[k] : mean[n];
			square[k] = w[k] > 0 ? square[k] / w[k] : all;
		}
	}
	pfree(w);
	return all;
}

static void
fit_category(BayesModel *m, const EgDataset *data, int j, double alpha)
{
	const double *y = data->role[EG_ROLE_TARGET];
	const double *weight = data->role[EG_ROLE_WEIGHT];
	int			n = m->ncategories[j];
	double	   *share = palloc_extended((Size) n * m->nclasses * sizeof(double),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	double	   *total = palloc0(m->nclasses * sizeof(double));
	Size		i;
	int			c;
	int			k;

	for (i = 0; i < data->nfit; i++)
	{
		float		v = eg_row(&data->x, i)[j];
		double		w = weight != NULL ? weight[i] : 1;

		if (i % CHECK_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (!(v >= 0 && v < n))
			continue;
		share[(Size) v * m->nclasses + (int) y[i]] += w;
		total[(int) y[i]] += w;
	}
	for (c = 0; c < n; c++)
	{
		for (k = 0; k < m->nclasses; k++)
		{
			double	   *s = &share[(Size) c * m->nclasses + k];

			*s = log((*s + alpha) / (total[k] + alpha * n));
		}
	}
	pfree(total);
	m->share[j] = share;
}

static void *
bayes_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const BayesParams *p = params;
	int			nclasses = Max(data->nclasses, 2);
	BayesModel *m = create(data->x.ncols, nclasses, data->task);
	Size		cells = 0;
	double		widest = 0;
	int			j;
	int			k;

	fit_prior(m, data, p);
	for (j = 0; j < m->nfeatures; j++)
	{
		m->ncategories[j] = data->ncategories != NULL ? data->ncategories[j] : 0;
		cells += Max(m->ncategories[j], 2);
	}
	eg_check_memory(cells * nclasses * 2 * sizeof(double), run->memory_limit,
					"training with algorithm \"naive_bayes\"");
	for (j = 0; j < m->nfeatures; j++)
	{
		if (m->ncategories[j] > 0)
			fit_category(m, data, j, p->alpha);
		else
			widest = Max(widest, fit_number(m, data, j));
		eg_step(run, j + 1, m->nfeatures, NULL, 0);
	}
	for (j = 0; j < m->nfeatures; j++)
	{
		for (k = 0; m->variance[j] != NULL && k < nclasses; k++)
			m->variance[j][k] = Max(m->variance[j][k] + p->var_smoothing * widest,
									LEAST_VARIANCE);
	}
	return m;
}

/* ---------------- stored form ---------------- */

static void
bayes_save(const void *model, EgWriter *w)
{
	const BayesModel *m = model;
	Size		i;
	int			j;
	int			k;

	eg_put_u8(w, (uint8) m->task);
	eg_put_u32(w, m->nclasses);
	for (k = 0; k < m->nclasses; k++)
		eg_put_f64(w, m->prior[k]);
	eg_put_u32(w, m->nfeatures);
	for (j = 0; j < m->nfeatures; j++)
	{
		Size		n = (Size) m->ncategories[j] * m->nclasses;

		eg_put_u32(w, m->ncategories[j]);
		eg_put_u8(w, m->ncategories[j] > 0 || m->mean[j] != NULL);
		for (i = 0; i < n; i++)
			eg_put_f64(w, m->share[j][i]);
		for (k = 0; m->mean[j] != NULL && k < m->nclasses; k++)
		{
			eg_put_f64(w, m->mean[j][k]);
			eg_put_f64(w, m->variance[j][k]);
		}
	}
}

static double
get_finite(EgReader *r, const char *what)
{
	double		v = eg_get_f64(r);

	if (!isfinite(v))
		eg_corrupted(r, "a %s is not a finite number", what);
	return v;
}

static double
get_log_share(EgReader *r)
{
	double		v = get_finite(r, "share");

	if (v > ROUNDING)
		eg_corrupted(r, "a share is above 1");
	return v;
}

static void
load_column(EgReader *r, BayesModel *m, int j)
{
	uint32		n = eg_get_u32(r);
	uint8		has = eg_get_u8(r);
	Size		i;
	int			k;

	if (n > MAX_CATEGORIES || (r->len - r->pos) / sizeof(double) / m->nclasses < n)
		eg_corrupted(r, "%u categories do not fit in the bytes left", n);
	m->ncategories[j] = (int) n;
	if (n > 0)
	{
		m->share[j] = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) n * m->nclasses * sizeof(double));
		for (i = 0; i < (Size) n * m->nclasses; i++)
			m->share[j][i] = get_log_share(r);
	}
	else if (has != 0)
	{
		m->mean[j] = palloc(m->nclasses * sizeof(double));
		m->variance[j] = palloc(m->nclasses * sizeof(double));
		for (k = 0; k < m->nclasses; k++)
		{
			m->mean[j][k] = get_finite(r, "mean");
			m->variance[j][k] = get_finite(r, "variance");
			if (!(m->variance[j][k] > 0))
				eg_corrupted(r, "a variance is not positive");
		}
	}
}

static void *
bayes_load(EgReader *r, int format)
{
	BayesModel *m;
	uint8		task;
	int			nclasses;
	double	   *prior;
	int			j;
	int			k;

	if (format != BAYES_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"naive_bayes\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	task = eg_get_u8(r);
	nclasses = (int) eg_get_count(r, MaxAllocSize / sizeof(double), sizeof(double));
	if (nclasses < 2 || (task != EG_MULTICLASS && (task != EG_BINARY || nclasses != 2)))
		eg_corrupted(r, "%d classes do not suit task %d", nclasses, task);
	prior = palloc(nclasses * sizeof(double));
	for (k = 0; k < nclasses; k++)
		prior[k] = get_log_share(r);

	/* a column is five bytes at least */
	m = create((int) eg_get_count(r, MaxAllocSize / sizeof(double) - 1, 5), nclasses,
			   (EgTask) task);
	m->prior = prior;
	for (j = 0; j < m->nfeatures; j++)
		load_column(r, m, j);
	return m;
}

/* ---------------- use ---------------- */

static int
bayes_width(const void *model)
{
	return eg_bayes_width(model);
}

static int
bayes_nfeatures(const void *model)
{
	return ((const BayesModel *) model)->nfeatures;
}

/* Log of P(k) * P(x | k), but for what the classes have in common. */
static void
joint(const BayesModel *m, const float *x, double *sum)
{
	int			j;

	memcpy(sum, m->prior, m->nclasses * sizeof(double));
	for (j = 0; j < m->nfeatures; j++)
		eg_bayes_add_likelihood(m, j, x[j], sum);
}

static void
bayes_predict(const void *model, const float *x, Size nrows, double *out)
{
	const BayesModel *m = model;
	double	   *sum = m->sum;
	Size		i;
	int			k;

	for (i = 0; i < nrows; i++)
	{
		double		top;
		double		total = 0;

		joint(m, x + i * m->nfeatures, sum);
		top = sum[0];
		for (k = 1; k < m->nclasses; k++)
			top = Max(top, sum[k]);
		for (k = 0; k < m->nclasses; k++)
		{
			sum[k] = exp(sum[k] - top);
			total += sum[k];
		}
		if (m->task == EG_BINARY)
			out[i] = sum[1] / total;
		else
		{
			for (k = 0; k < m->nclasses; k++)
				out[i * m->nclasses + k] = sum[k] / total;
		}
	}
}

/* How far the classes' distributions lie apart: the spread of what a column can say. */
static void
bayes_importance(const void *model, double *out)
{
	const BayesModel *m = model;
	int			j;
	int			a;
	int			b;
	int			c;

	for (j = 0; j < m->nfeatures; j++)
	{
		double		sum = 0;

		for (a = 0; a < m->nclasses; a++)
		{
			for (b = 0; b < m->nclasses; b++)
			{
				double		pair = 0;

				/* Kullback-Leibler divergence of b from a */
				for (c = 0; c < m->ncategories[j]; c++)
				{
					const double *share = m->share[j] + (Size) c * m->nclasses;

					pair += exp(share[a]) * (share[a] - share[b]);
				}
				if (m->mean[j] != NULL)
				{
					double		d = m->mean[j][a] - m->mean[j][b];
					double		va = m->variance[j][a];
					double		vb = m->variance[j][b];

					pair += (log(vb / va) + (va + d * d) / vb - 1) / 2;
				}
				sum += exp(m->prior[a] + m->prior[b]) * Min(Max(pair, 0), 1e290);
			}
		}
		out[j] = sum;
	}
}

static void
bayes_describe(const void *model, StringInfo json)
{
	const BayesModel *m = model;
	int			numbers = 0;
	int			categories = 0;
	int			j;
	int			k;

	for (j = 0; j < m->nfeatures; j++)
	{
		numbers += m->mean[j] != NULL;
		categories += m->ncategories[j] > 0;
	}
	appendStringInfo(json, "\"normal_columns\": %d, \"category_columns\": %d, \"priors\": [",
					 numbers, categories);
	for (k = 0; k < m->nclasses; k++)
		appendStringInfo(json, "%s%.6g", k > 0 ? ", " : "", exp(m->prior[k]));
	appendStringInfoChar(json, ']');
}

const EgAlgorithm eg_naive_bayes = {
	.name = "naive_bayes",
	.summary = "Bayes' rule on columns taken as independent",
	.tasks = EG_TASK_BIT(EG_BINARY) | EG_TASK_BIT(EG_MULTICLASS),
	.format = BAYES_FORMAT,
	.roles = EG_ROLE_BIT(EG_ROLE_TARGET),
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = bayes_params,
	.params_size = sizeof(BayesParams),
	.fit = bayes_fit,
	.save = bayes_save,
	.load = bayes_load,
	.width = bayes_width,
	.nfeatures = bayes_nfeatures,
	.predict = bayes_predict,
	.explain = eg_bayes_explain,
	.explain_against = eg_bayes_explain_against,
	.link = eg_bayes_link,
	.importance = bayes_importance,
	.describe = bayes_describe
};
