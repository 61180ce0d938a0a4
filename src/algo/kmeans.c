/*-------------------------------------------------------------------------
 *
 * kmeans.c
 *	  k-means clustering: rows to the nearest of k centers.
 *
 * The model is the centers.  A row's strength of membership in a cluster is that
 * of fuzzy c-means with exponent 2: in proportion to 1 / squared distance.  The
 * largest is that of the nearest center.
 *
 * Sources: kmeans_engine.c; J. C. Bezdek, "Pattern Recognition with Fuzzy
 * Objective Function Algorithms", Plenum 1981 (memberships).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans_choose.h"
#include "algo/space.h"
#include "algo/validity.h"
#include "utils/memutils.h"

#define KMEANS_FORMAT	1
#define MAX_CLUSTERS	100000
#define MAX_CHOICE		1000	/* largest k_max */

/* centers are described up to so many numbers */
#define DESCRIBED		20000

typedef struct KmeansParams
{
	int			k;				/* 0: to be chosen */
	int			k_min;
	int			k_max;
	const char *choose;
	const char *init;
	int			n_init;
	int			max_iter;
	double		tol;
	const char *algorithm;
	const char *metric;
	int			batch_size;
	bool		scale;
} KmeansParams;

typedef struct KmeansModel
{
	EgSpace    *space;
	int			k;
	double	   *center;			/* (k, width) the largest cluster first */
	double	   *size;			/* (k) */
	double		inertia;
	double		silhouette;
	double		davies_bouldin;
	double		calinski_harabasz;
	int			iterations;
	bool		converged;
	EgChoice	choice;
	EgCurve		curve;			/* empty when k was given */

	/* scratch of predict() */
	float	   *row;			/* (width) */
} KmeansModel;

extern const EgAlgorithm eg_kmeans;

static const char *const auto_words[] = {"auto", NULL};
static const char *const choose_words[] = {"silhouette", "gap", "bic", NULL};
static const char *const init_words[] = {"k-means++", "k-means||", "random", NULL};
static const char *const bounds_words[] = {"auto", "lloyd", "hamerly", "elkan", NULL};
static const char *const metric_words[] = {"euclidean", "cosine", NULL};

static const EgParam kmeans_params[] = {
	{"k", EG_PARAM_INT, offsetof(KmeansParams, k), .number = 0, .min = 1, .max = MAX_CLUSTERS,
		.words = auto_words, .alias = "n_clusters",
		.help = "Number of clusters, or auto: the best of k_min to k_max"},
	{"k_min", EG_PARAM_INT, offsetof(KmeansParams, k_min), .number = 1, .min = 1,
		.max = MAX_CHOICE, .help = "Fewest clusters that auto tries; silhouettes begin at 2"},
	{"k_max", EG_PARAM_INT, offsetof(KmeansParams, k_max), .number = 12, .min = 1,
		.max = MAX_CHOICE, .help = "Most clusters that auto tries"},
	{"choose", EG_PARAM_WORD, offsetof(KmeansParams, choose), .text = "silhouette",
		.words = choose_words, .help = "By what auto chooses"},
	{"init", EG_PARAM_WORD, offsetof(KmeansParams, init), .text = "k-means++",
		.words = init_words, .help = "Where centers begin"},
	{"n_init", EG_PARAM_INT, offsetof(KmeansParams, n_init), .number = 4, .min = 1, .max = 1000,
		.help = "Number of beginnings of which the best result is kept"},
	{"max_iter", EG_PARAM_INT, offsetof(KmeansParams, max_iter), .number = 300, .min = 1,
		.max = 100000, .help = "Most iterations from one beginning"},
	{"tol", EG_PARAM_REAL, offsetof(KmeansParams, tol), .number = 1e-4, .min = 0, .max = 1,
		.help = "Squared way of all centers, in mean variances of the columns, that ends it"},
	{"algorithm", EG_PARAM_WORD, offsetof(KmeansParams, algorithm), .text = "auto",
		.words = bounds_words, .help = "Bounds that spare distances; results are the same"},
	{"metric", EG_PARAM_WORD, offsetof(KmeansParams, metric), .text = "euclidean",
		.words = metric_words, .help = "What distance is"},
	{"batch_size", EG_PARAM_INT, offsetof(KmeansParams, batch_size), .number = 0, .min = 0,
		.max = 10000000, .help = "Rows of a batch; 0 takes all rows in every iteration"},
	{"scale", EG_PARAM_BOOL, offsetof(KmeansParams, scale), .number = true,
		.help = "Bring numbers to deviation 1"},
	EG_PARAM_END
};

/* Place of a word that is in the list. */
static int
place(const char *const *words, const char *word)
{
	int			i;

	for (i = 0; words[i] != NULL && strcmp(words[i], word) != 0; i++)
		 /* next */ ;
	return i;
}

/* ---------------- fit ---------------- */

static void
measure(KmeansModel *m, const EgKmeansSpec *spec, const EgKmeans *r)
{
	EgClustering c;

	c.x = spec->x;
	c.n = spec->n;
	c.d = spec->d;
	c.label = r->label;
	c.k = r->k;
	m->silhouette = eg_silhouette_sampled(&c, EG_SILHOUETTE_ROWS, EG_SILHOUETTE_SEED);
	m->davies_bouldin = eg_davies_bouldin(&c);
	m->calinski_harabasz = eg_calinski_harabasz(&c);
}

static void *
kmeans_fit(const EgDataset *data, const void *params, EgRun *run)
{
	const KmeansParams *p = params;
	KmeansModel *m = palloc0(sizeof(KmeansModel));
	EgKmeansSpec spec = {0};
	EgKmeans   *r;
	double	   *weight;
	float	   *x;
	int			wanted;

	if (p->k == 0 && p->k_min > p->k_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"k_min\" of algorithm \"kmeans\" is %d, but \"k_max\" is %d",
						p->k_min, p->k_max)));
	m->space = eg_space_fit(data, p->scale, strcmp(p->metric, "cosine") == 0);
	x = eg_space_rows(m->space, data, run, "keeping the rows of algorithm \"kmeans\"", &spec.n,
					  &weight);
	spec.x = x;
	spec.d = m->space->width;
	spec.weight = weight;
	spec.k = (int) Min((Size) p->k, spec.n);
	spec.init = (EgKmeansInit) place(init_words, p->init);
	spec.n_init = p->n_init;
	spec.max_iter = p->max_iter;
	spec.tol = p->tol;
	spec.bounds = (EgKmeansBounds) place(bounds_words, p->algorithm);
	spec.batch_size = p->batch_size;
	spec.spherical = m->space->cosine;
	spec.seed = run->seed;
	spec.threads = run->threads;
	spec.memory_limit = run->memory_limit;
	spec.run = run;
	m->choice = (EgChoice) place(choose_words, p->choose);
	if (p->k > 0)
		r = eg_kmeans_run(&spec);
	else
		r = eg_kmeans_choose(&spec, p->k_min, (int) Min((Size) p->k_max, spec.n), m->choice,
							 &m->curve);
	wanted = p->k > 0 ? p->k : p->k_min;
	if (r->k < wanted)
		ereport(NOTICE,
				(errmsg("found %d of %d clusters", r->k, wanted),
				 errdetail("No more training rows differ from each other.")));
	m->k = r->k;
	m->center = r->center;
	m->size = r->size;
	m->inertia = r->inertia;
	m->iterations = r->iterations;
	m->converged = r->converged;
	m->row = palloc0(Max(m->space->width, 1) * sizeof(float));
	measure(m, &spec, r);
	pfree(x);
	return m;
}

/* ---------------- stored form ---------------- */

static void
kmeans_save(const void *model, EgWriter *w)
{
	const KmeansModel *m = model;
	Size		cells = (Size) m->k * m->space->width;
	Size		i;

	eg_space_save(m->space, w);
	eg_put_u32(w, m->k);
	for (i = 0; i < cells; i++)
		eg_put_f64(w, m->center[i]);
	for (i = 0; i < m->k; i++)
		eg_put_f64(w, m->size[i]);
	eg_put_f64(w, m->inertia);
	eg_put_f64(w, m->silhouette);
	eg_put_f64(w, m->davies_bouldin);
	eg_put_f64(w, m->calinski_harabasz);
	eg_put_u32(w, m->iterations);
	eg_put_u8(w, m->converged);
	eg_put_u8(w, m->choice);
	eg_curve_save(&m->curve, w);
}

static void *
kmeans_load(EgReader *r, int format)
{
	KmeansModel *m = palloc0(sizeof(KmeansModel));
	uint32		iterations;
	uint8		converged;
	uint8		choice;
	Size		cells;
	Size		i;

	if (format != KMEANS_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("format %d of algorithm \"kmeans\" is not supported", format),
				 errhint("The model was written by a newer version of engage.")));
	m->space = eg_space_load(r);
	m->k = (int) eg_get_count(r, MAX_CLUSTERS, (m->space->width + 1) * sizeof(double));
	if (m->k < 1)
		eg_corrupted(r, "there are no clusters");
	cells = (Size) m->k * m->space->width;
	m->center = MemoryContextAllocHuge(CurrentMemoryContext, Max(cells, 1) * sizeof(double));
	m->size = palloc(m->k * sizeof(double));
	for (i = 0; i < cells; i++)
	{
		m->center[i] = eg_get_f64(r);
		if (!(fabs(m->center[i]) <= EG_KMEANS_FARTHEST))
			eg_corrupted(r, "a center is out of range");
	}
	for (i = 0; i < m->k; i++)
	{
		m->size[i] = eg_get_f64(r);
		if (!(m->size[i] >= 0) || !isfinite(m->size[i]))
			eg_corrupted(r, "the size of a cluster is out of range");
	}
	m->inertia = eg_get_f64(r);
	m->silhouette = eg_get_f64(r);
	m->davies_bouldin = eg_get_f64(r);
	m->calinski_harabasz = eg_get_f64(r);
	iterations = eg_get_u32(r);
	converged = eg_get_u8(r);
	choice = eg_get_u8(r);
	if (iterations > PG_INT32_MAX || converged > 1 || choice > EG_CHOOSE_BIC)
		eg_corrupted(r, "what is said of the training is out of range");
	m->iterations = (int) iterations;
	m->converged = converged != 0;
	m->choice = (EgChoice) choice;
	m->curve = eg_curve_load(r);
	m->row = palloc0(Max(m->space->width, 1) * sizeof(float));
	return m;
}

/* ---------------- the answer ---------------- */

static void
kmeans_predict(const void *model, const float *x, Size nrows, double *out)
{
	const KmeansModel *m = model;
	int			d = m->space->width;
	Size		i;
	int			c;

	for (i = 0; i < nrows; i++, out += m->k)
	{
		double		least = INFINITY;
		double		sum = 0;
		bool		taken = false;

		eg_space_row(m->space, x + i * m->space->prep->ncols, m->row);
		for (c = 0; c < m->k; c++)
		{
			const double *center = m->center + (Size) c * d;
			double		square = 0;
			int			j;

			for (j = 0; j < d; j++)
				square += (m->row[j] - center[j]) * (m->row[j] - center[j]);
			out[c] = square;
			least = Min(least, square);
		}
		for (c = 0; c < m->k && least > 0; c++)
		{
			out[c] = least / out[c];
			sum += out[c];
		}
		for (c = 0; c < m->k; c++)
		{
			if (least > 0)
				out[c] /= sum;
			else
			{
				/* on a center */
				out[c] = out[c] == 0 && !taken ? 1 : 0;
				taken |= out[c] > 0;
			}
		}
	}
}

/* ---------------- facts ---------------- */

static int
kmeans_width(const void *model)
{
	return ((const KmeansModel *) model)->k;
}

static int
kmeans_nfeatures(const void *model)
{
	return ((const KmeansModel *) model)->space->prep->ncols;
}

static void
kmeans_describe(const void *model, StringInfo json)
{
	const KmeansModel *m = model;
	double		total = 0;
	int			c;

	for (c = 0; c < m->k; c++)
		total += m->size[c];
	appendStringInfo(json, "\"clusters\": %d, \"dimensions\": %d, \"metric\": \"%s\"", m->k,
					 m->space->width, metric_words[m->space->cosine]);
	if ((double) m->k * m->space->width > DESCRIBED)
		return;
	appendStringInfoString(json, ", \"centers\": [");
	for (c = 0; c < m->k; c++)
	{
		appendStringInfo(json, "%s{\"cluster\": %d, \"size\": %.10g, \"share\": %.6g, \"center\": ",
						 c > 0 ? ", " : "", c + 1, m->size[c],
						 total > 0 ? m->size[c] / total : 0);
		eg_space_center(m->space, m->center + (Size) c * m->space->width, json);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static void
kmeans_estimate(const void *model, StringInfo json)
{
	const KmeansModel *m = model;

	appendStringInfo(json, "\"k\": %d", m->k);
	eg_json_fact(json, "silhouette", m->silhouette);
	eg_json_fact(json, "davies_bouldin", m->davies_bouldin);
	eg_json_fact(json, "calinski_harabasz", m->calinski_harabasz);
	eg_json_fact(json, "inertia", m->inertia);
	appendStringInfo(json, ", \"iterations\": %d, \"converged\": %s", m->iterations,
					 m->converged ? "true" : "false");
	eg_curve_json(&m->curve, choose_words[m->choice], "inertia", json);
}

const EgAlgorithm eg_kmeans = {
	.name = "kmeans",
	.summary = "k-means: rows to the nearest of k centers",
	.tasks = EG_TASK_BIT(EG_CLUSTERING),
	.format = KMEANS_FORMAT,
	.roles = 0,
	.roles_optional = EG_ROLE_BIT(EG_ROLE_WEIGHT),
	.flags = EG_MISSING_OK | EG_CATEGORIES_OK,
	.params = kmeans_params,
	.params_size = sizeof(KmeansParams),
	.fit = kmeans_fit,
	.save = kmeans_save,
	.load = kmeans_load,
	.width = kmeans_width,
	.nfeatures = kmeans_nfeatures,
	.predict = kmeans_predict,
	.describe = kmeans_describe,
	.estimate = kmeans_estimate
};
