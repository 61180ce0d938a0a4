/*-------------------------------------------------------------------------
 *
 * gaussian_mixture.c
 *	  Clustering by a mixture of normal distributions: a row has a probability
 *	  of having come from each.
 *
 * Unlike k-means, clusters may be long, turned and of different sizes, and
 * memberships are probabilities.  Sources: gaussian_em.c; G. Schwarz, "Estimating
 * the Dimension of a Model", Annals of Statistics 6, 1978 (BIC).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/gaussian_em.h"
#include "algo/kmeans_choose.h"
#include "algo/space.h"
#include "algo/validity.h"
#include "utils/memutils.h"

#define MIXTURE_FORMAT	1
#define MAX_COMPONENTS	10000
#define MAX_CHOICE		1000	/* largest k_max */
#define DESCRIBED		20000	/* numbers of centers that are described */
#define LARGEST			1e30	/* of 1 / deviation */

typedef struct MixtureParams
{
	int			k;				/* 0: to be chosen */
	int			k_min;
	int			k_max;
	const char *covariance;
	double		reg_covar;
	int			n_init;
	int			max_iter;
	double		tol;
	bool		scale;
} MixtureParams;

typedef struct MixtureModel
{
	EgSpace    *space;
	EgMixture  *mixture;
	double	   *size;			/* (k) */
	double		total;
	double		likelihood;		/* log, of all rows */
	double		silhouette;
	double		davies_bouldin;
	double		calinski_harabasz;
	int			iterations;
	bool		converged;
	EgCurve		curve;			/* empty when k was given */

	/* scratch of predict() */
	float	   *row;			/* (width) */
} MixtureModel;

extern const EgAlgorithm eg_gaussian_mixture;

static const char *const auto_words[] = {"auto", NULL};
static const char *const covariance_words[] = {"full", "tied", "diag", "spherical", NULL};

static const EgParam mixture_params[] = {
	{"k", EG_PARAM_INT, offsetof(MixtureParams, k), .number = 0, .min = 1, .max = MAX_COMPONENTS,
		.words = auto_words, .alias = "n_components",
		.help = "Number of components, or auto: that of k_min to k_max with the smallest BIC"},
	{"k_min", EG_PARAM_INT, offsetof(MixtureParams, k_min), .number = 1, .min = 1,
		.max = MAX_CHOICE, .help = "Fewest components that auto tries"},
	{"k_max", EG_PARAM_INT, offsetof(MixtureParams, k_max), .number = 8, .min = 1,
		.max = MAX_CHOICE, .help = "Most components that auto tries"},
	{"covariance", EG_PARAM_WORD, offsetof(MixtureParams, covariance), .text = "full",
		.words = covariance_words, .alias = "covariance_type",
		.help = "Shape of components: any, the same for all, along the columns, round"},
	{"reg_covar", EG_PARAM_REAL, offsetof(MixtureParams, reg_covar), .number = 1e-6, .min = 0,
		.max = 1e6, .help = "What is added to every variance"},
	{"n_init", EG_PARAM_INT, offsetof(MixtureParams, n_init), .number = 1, .min = 1, .max = 1000,
		.help = "Number of beginnings of which the best result is kept"},
	{"max_iter", EG_PARAM_INT, offsetof(MixtureParams, max_iter), .number = 200, .min = 1,
		.max = 100000, .help = "Most iterations from one beginning"},
	{"tol", EG_PARAM_REAL, offsetof(MixtureParams, tol), .number = 1e-4, .min = 0, .max = 1,
		.help = "Gain of the mean log-likelihood that ends it"},
	{"scale", EG_PARAM_BOOL, offsetof(MixtureParams, scale), .number = true,
		.help = "Bring numbers to deviation 1"},
	EG_PARAM_END
};

static double
bic(double likelihood, const EgMixture *m, double total)
{
	return -2 * likelihood + eg_mixture_parameters(m) * log(total);
}

/* ---------------- fit ---------------- */

static EgMixtureFit *
choose(EgMixtureSpec *spec, int kmin, int kmax, EgCurve *curve)
{
	MemoryContext caller = CurrentMemoryContext;
	int			best = -1;
	int			k;

	*curve = eg_curve_create(kmax + 1);
	for (k = Min(kmin, kmax); k <= kmax; k++)	/* rows may be fewer than kmin */
	{
		MemoryContext context = AllocSetContextCreate(caller, "engage number of components",
													  ALLOCSET_DEFAULT_SIZES);
		EgMixtureFit *fit;
		int			found;

		MemoryContextSwitchTo(context);
		spec->k = k;
		fit = eg_mixture_fit(spec);
		found = fit->mixture->k;
		if (found == k || curve->n == 0)
		{
			curve->k[curve->n] = found;
			curve->inertia[curve->n] = fit->likelihood;
			curve->value[curve->n] = bic(fit->likelihood, fit->mixture, fit->total);
			if (best < 0 || curve->value[curve->n] < curve->value[best])
				best = curve->n;
			curve->n++;
		}
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);

		/* there are no more different rows than that */
		if (found < k)
			break;
	}
	spec->k = curve->k[best];
	return eg_mixture_fit(spec);
}

static void *
mixture_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const MixtureParams *p = params;
	MixtureModel *m = palloc0(sizeof(MixtureModel));
	EgMixtureSpec spec = {0};
	EgMixtureFit *fit;
	EgClustering c;
	double	   *weight;
	float	   *x;
	int			wanted;
	int			i;

	if (p->k == 0 && p->k_min > p->k_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"k_min\" of algorithm \"gaussian_mixture\" is %d, "
						"but \"k_max\" is %d", p->k_min, p->k_max)));
	m->space = eg_space_fit(data, p->scale, false);
	x = eg_space_rows(m->space, data, run, "keeping the rows of algorithm \"gaussian_mixture\"",
					  &spec.n, &weight);
	spec.x = x;
	spec.d = m->space->width;
	spec.weight = weight;
	spec.k = (int) Min((Size) p->k, spec.n);
	for (i = 0; strcmp(covariance_words[i], p->covariance) != 0; i++)
		 /* next */ ;
	spec.kind = (EgCovariance) i;
	spec.regularization = p->reg_covar;
	spec.tol = p->tol;
	spec.max_iter = p->max_iter;
	spec.n_init = p->n_init;
	spec.seed = run->seed;
	spec.threads = run->threads;
	spec.memory_limit = run->memory_limit;
	spec.run = run;
	if (p->k > 0)
		fit = eg_mixture_fit(&spec);
	else
		fit = choose(&spec, p->k_min, (int) Min((Size) p->k_max, spec.n), &m->curve);
	wanted = p->k > 0 ? p->k : p->k_min;
	if (fit->mixture->k < wanted)
		ereport(NOTICE,
				(errmsg("found %d of %d components", fit->mixture->k, wanted),
				 errdetail("No more training rows differ from each other.")));
	m->mixture = fit->mixture;
	m->size = fit->size;
	m->total = fit->total;
	m->likelihood = fit->likelihood;
	m->iterations = fit->iterations;
	m->converged = fit->converged;
	m->row = palloc0(Max(spec.d, 1) * sizeof(float));
	c.x = x;
	c.n = spec.n;
	c.d = spec.d;
	c.label = fit->label;
	c.k = fit->mixture->k;
	m->silhouette = eg_silhouette_sampled(&c, EG_SILHOUETTE_ROWS, EG_SILHOUETTE_SEED);
	m->davies_bouldin = eg_davies_bouldin(&c);
	m->calinski_harabasz = eg_calinski_harabasz(&c);
	pfree(x);
	return m;
}

/* ---------------- stored form ---------------- */

static void
put_numbers(EgWriter *w, const double *v, Size n)
{
	Size		i;

	for (i = 0; i < n; i++)
		eg_put_f64(w, v[i]);
}

static void
get_numbers(EgReader *r, double *v, Size n, double most, const char *what)
{
	Size		i;

	for (i = 0; i < n; i++)
	{
		v[i] = eg_get_f64(r);
		if (!(fabs(v[i]) <= most))
			eg_corrupted(r, "%s is out of range", what);
	}
}

static void
mixture_save(const void *model, EgWriter *w)
{
	const MixtureModel *m = model;
	const EgMixture *x = m->mixture;

	eg_space_save(m->space, w);
	eg_put_u8(w, x->kind);
	eg_put_u32(w, x->k);
	put_numbers(w, x->weight, x->k);
	put_numbers(w, x->mean, (Size) x->k * x->d);
	put_numbers(w, x->factor, eg_mixture_factors(x->kind, x->k, x->d));
	put_numbers(w, m->size, x->k);
	eg_put_f64(w, m->total);
	eg_put_f64(w, m->likelihood);
	eg_put_f64(w, m->silhouette);
	eg_put_f64(w, m->davies_bouldin);
	eg_put_f64(w, m->calinski_harabasz);
	eg_put_u32(w, m->iterations);
	eg_put_u8(w, m->converged);
	eg_curve_save(&m->curve, w);
}

/* Weights in 0 .. 1, and what logarithms are taken of above 0. */
static void
check_loaded(EgReader *r, const EgMixture *x)
{
	Size		d = x->d;
	Size		matrices = x->kind == EG_COV_FULL ? x->k : x->kind == EG_COV_TIED ? 1 : 0;
	Size		values = matrices > 0 ? 0 : eg_mixture_factors(x->kind, x->k, x->d);
	double		sum = 0;
	Size		i;

	for (i = 0; i < x->k; i++)
	{
		if (!(x->weight[i] >= 0))
			eg_corrupted(r, "the weight of a component is out of range");
		sum += x->weight[i];
	}
	if (!(sum > 0))
		eg_corrupted(r, "no component has a weight");
	for (i = 0; i < matrices * d; i++)
	{
		if (!(x->factor[i * d + i % d] > 0))
			eg_corrupted(r, "the spread of a component is out of range");
	}
	for (i = 0; i < values; i++)
	{
		if (!(x->factor[i] > 0))
			eg_corrupted(r, "the spread of a component is out of range");
	}
}

static void *
mixture_load(EgReader *r, int format)
{
	MixtureModel *m = palloc0(sizeof(MixtureModel));
	EgMixture  *x;
	uint8		kind;
	uint32		k;
	uint32		iterations;
	uint8		converged;
	Size		d;
	Size		each;

	if (format != MIXTURE_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"gaussian_mixture\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	m->space = eg_space_load(r);
	kind = eg_get_u8(r);
	if (kind > EG_COV_SPHERICAL)
		eg_corrupted(r, "the shape %u of components is not known", kind);
	d = m->space->width;

	/* all of it must follow before any of it is allocated; d * d does not overflow */
	each = (kind == EG_COV_FULL ? d * d : kind == EG_COV_DIAG ? d : kind == EG_COV_TIED ? 0 : 1) +
		d + 2;
	k = eg_get_count(r, MAX_COMPONENTS, each * sizeof(double));
	if (k < 1)
		eg_corrupted(r, "there are no components");
	if (kind == EG_COV_TIED && d * d > (r->len - r->pos) / sizeof(double))
		eg_corrupted(r, "a matrix of %zu columns does not fit in the bytes left", (size_t) d);
	x = m->mixture = eg_mixture_create((EgCovariance) kind, (int) k, (int) d);
	m->size = palloc(k * sizeof(double));
	get_numbers(r, x->weight, k, 2, "the weight of a component");
	get_numbers(r, x->mean, k * d, 2 * EG_KMEANS_FARTHEST, "the mean of a component");
	get_numbers(r, x->factor, eg_mixture_factors(x->kind, x->k, x->d), LARGEST,
				"the spread of a component");
	get_numbers(r, m->size, k, 1e300, "the size of a component");
	check_loaded(r, x);
	m->total = eg_get_f64(r);
	m->likelihood = eg_get_f64(r);
	m->silhouette = eg_get_f64(r);
	m->davies_bouldin = eg_get_f64(r);
	m->calinski_harabasz = eg_get_f64(r);
	iterations = eg_get_u32(r);
	converged = eg_get_u8(r);
	if (iterations > PG_INT32_MAX || converged > 1)
		eg_corrupted(r, "what is said of the training is out of range");
	m->iterations = (int) iterations;
	m->converged = converged != 0;
	m->curve = eg_curve_load(r);
	m->row = palloc0(Max(d, 1) * sizeof(float));
	eg_mixture_finish(x);
	return m;
}

/* ---------------- the answer ---------------- */

static void
mixture_predict(const void *model, const float *x, Size nrows, double *out)
{
	const MixtureModel *m = model;
	Size		i;

	for (i = 0; i < nrows; i++)
	{
		eg_space_row(m->space, x + i * m->space->prep->ncols, m->row);
		(void) eg_mixture_shares(m->mixture, m->row, out + i * m->mixture->k);
	}
}

/* ---------------- facts ---------------- */

static int
mixture_width(const void *model)
{
	return ((const MixtureModel *) model)->mixture->k;
}

static int
mixture_nfeatures(const void *model)
{
	return ((const MixtureModel *) model)->space->prep->ncols;
}

static void
mixture_describe(const void *model, StringInfo json)
{
	const MixtureModel *m = model;
	const EgMixture *x = m->mixture;
	int			c;

	appendStringInfo(json, "\"clusters\": %d, \"dimensions\": %d, \"covariance\": \"%s\"", x->k,
					 x->d, covariance_words[x->kind]);
	if ((double) x->k * x->d > DESCRIBED)
		return;
	appendStringInfoString(json, ", \"centers\": [");
	for (c = 0; c < x->k; c++)
	{
		appendStringInfo(json, "%s{\"cluster\": %d, \"size\": %.10g, \"weight\": %.6g, "
						 "\"center\": ", c > 0 ? ", " : "", c + 1, m->size[c], x->weight[c]);
		eg_space_center(m->space, x->mean + (Size) c * x->d, json);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static void
mixture_estimate(const void *model, StringInfo json)
{
	const MixtureModel *m = model;

	appendStringInfo(json, "\"k\": %d", m->mixture->k);
	eg_json_fact(json, "log_likelihood", m->likelihood / m->total);
	eg_json_fact(json, "bic", bic(m->likelihood, m->mixture, m->total));
	eg_json_fact(json, "aic", -2 * m->likelihood + 2 * eg_mixture_parameters(m->mixture));
	eg_json_fact(json, "silhouette", m->silhouette);
	eg_json_fact(json, "davies_bouldin", m->davies_bouldin);
	eg_json_fact(json, "calinski_harabasz", m->calinski_harabasz);
	appendStringInfo(json, ", \"iterations\": %d, \"converged\": %s", m->iterations,
					 m->converged ? "true" : "false");
	eg_curve_json(&m->curve, "bic", "log_likelihood", json);
}

const EgAlgorithm eg_gaussian_mixture = {
	.name = "gaussian_mixture",
	.summary = "mixture of normal distributions: clusters of any shape, with probabilities",
	.tasks = EG_TASK_BIT(EG_CLUSTERING),
	.format = MIXTURE_FORMAT,
	.roles = 0,
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = mixture_params,
	.params_size = sizeof(MixtureParams),
	.fit = mixture_fit,
	.save = mixture_save,
	.load = mixture_load,
	.width = mixture_width,
	.nfeatures = mixture_nfeatures,
	.predict = mixture_predict,
	.describe = mixture_describe,
	.estimate = mixture_estimate
};
