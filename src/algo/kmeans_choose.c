/*-------------------------------------------------------------------------
 *
 * kmeans_choose.c
 *	  How many clusters?  By silhouette, by the gap statistic, by BIC.
 *
 * Sources: P. J. Rousseeuw, "Silhouettes", Journal of Computational and Applied
 * Mathematics 20, 1987; R. Tibshirani, G. Walther, T. Hastie, "Estimating the
 * number of clusters in a data set via the gap statistic", Journal of the Royal
 * Statistical Society B 63, 2001; D. Pelleg, A. Moore, "X-means", ICML 2000 (the
 * likelihood of k-means as a mixture of equal spheres).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/kmeans_choose.h"
#include "algo/validity.h"
#include "base/random.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define GAP_ROWS		5000	/* of the data, and of each reference */
#define GAP_REFERENCES	10

EgCurve
eg_curve_create(int most)
{
	EgCurve		c;

	c.n = 0;
	c.k = palloc(Max(most, 1) * sizeof(int));
	c.value = palloc(Max(most, 1) * sizeof(double));
	c.inertia = palloc(Max(most, 1) * sizeof(double));
	return c;
}

void
eg_json_fact(StringInfo json, const char *name, double v)
{
	if (json->len > 0 && json->data[json->len - 1] != '{')
		appendStringInfoString(json, ", ");
	if (isfinite(v))
		appendStringInfo(json, "\"%s\": %.10g", name, v);
	else
		appendStringInfo(json, "\"%s\": null", name);
}

void
eg_curve_json(const EgCurve *c, const char *name, const char *second, StringInfo json)
{
	int			i;

	if (c->n == 0)
		return;
	appendStringInfoString(json, ", \"curve\": [");
	for (i = 0; i < c->n; i++)
	{
		appendStringInfo(json, "%s{\"k\": %d", i > 0 ? ", " : "", c->k[i]);
		eg_json_fact(json, name, c->value[i]);
		eg_json_fact(json, second, c->inertia[i]);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

void
eg_curve_save(const EgCurve *c, EgWriter *w)
{
	int			i;

	eg_put_u32(w, c->n);
	for (i = 0; i < c->n; i++)
	{
		eg_put_u32(w, c->k[i]);
		eg_put_f64(w, c->value[i]);
		eg_put_f64(w, c->inertia[i]);
	}
}

EgCurve
eg_curve_load(EgReader *r)
{
	int			n = (int) eg_get_count(r, EG_MAX_CURVE, sizeof(uint32) + 2 * sizeof(double));
	EgCurve		c = eg_curve_create(n);

	for (c.n = 0; c.n < n; c.n++)
	{
		uint32		k = eg_get_u32(r);

		if (k > PG_INT32_MAX)
			eg_corrupted(r, "the number of clusters %u is out of range", k);
		c.k[c.n] = (int) k;
		c.value[c.n] = eg_get_f64(r);
		c.inertia[c.n] = eg_get_f64(r);
	}
	return c;
}

/* ---------------- criteria ---------------- */

static double
silhouette(const EgKmeansSpec *spec, const EgKmeans *r)
{
	EgClustering c;

	c.x = spec->x;
	c.n = spec->n;
	c.d = spec->d;
	c.label = r->label;
	c.k = r->k;
	return eg_silhouette_sampled(&c, EG_SILHOUETTE_ROWS, EG_SILHOUETTE_SEED);
}

/* -2 log-likelihood + parameters * log(rows), of spheres of one size. */
static double
bic(const EgKmeansSpec *spec, const EgKmeans *r)
{
	double		n = 0;
	double		d = spec->d;
	double		likelihood = 0;
	double		variance;
	int			c;

	for (c = 0; c < r->k; c++)
		n += r->size[c];
	for (c = 0; c < r->k; c++)
		likelihood += r->size[c] * log(r->size[c] / n);
	if (!(n > r->k) || !(r->inertia > 0) || d == 0)
		return NAN;
	variance = r->inertia / (d * (n - r->k));
	likelihood -= n * d / 2 * log(2 * M_PI * variance) + d * (n - r->k) / 2;
	return -2 * likelihood + (r->k * (d + 1)) * log(n);
}

/* What the gap statistic compares: some rows, and uniform ones in the same box. */
typedef struct Gap
{
	EgKmeansSpec rows;
	EgKmeansSpec reference[GAP_REFERENCES];
} Gap;

static Gap *
gap_begin(const EgKmeansSpec *spec)
{
	Gap		   *g = palloc0(sizeof(Gap));
	Size		n = Min(spec->n, GAP_ROWS);
	int			d = spec->d;
	float	   *low = palloc(Max(d, 1) * sizeof(float));
	float	   *high = palloc(Max(d, 1) * sizeof(float));
	float	   *x = MemoryContextAllocHuge(CurrentMemoryContext, Max(n * d, 1) * sizeof(float));
	double	   *weight = spec->weight != NULL ? palloc(n * sizeof(double)) : NULL;
	Size		i;
	int			j;
	int			b;

	g->rows = *spec;
	g->rows.run = NULL;
	g->rows.batch_size = 0;
	g->rows.n = n;
	for (j = 0; j < d; j++)
	{
		low[j] = INFINITY;
		high[j] = -INFINITY;
	}
	for (i = 0; i < n; i++)
	{
		/* rows have no order that means anything, so any of them will do */
		const float *from = spec->x + i * d;

		memcpy(x + i * d, from, d * sizeof(float));
		if (weight != NULL)
			weight[i] = spec->weight[i];
		for (j = 0; j < d; j++)
		{
			low[j] = Min(low[j], from[j]);
			high[j] = Max(high[j], from[j]);
		}
	}
	g->rows.x = x;
	g->rows.weight = weight;
	for (b = 0; b < GAP_REFERENCES; b++)
	{
		uint64		key = eg_random_stream(spec->seed, 1000 + b);
		float	   *u = MemoryContextAllocHuge(CurrentMemoryContext, Max(n * d, 1) * sizeof(float));

		for (i = 0; i < n; i++)
		{
			double		square = 0;

			for (j = 0; j < d; j++)
			{
				double		v = low[j] + eg_random_unit(key, i * d + j) * (high[j] - low[j]);

				u[i * d + j] = (float) v;
				square += v * v;
			}
			for (j = 0; j < d && spec->spherical && square > 0; j++)
				u[i * d + j] = (float) (u[i * d + j] / sqrt(square));
		}
		g->reference[b] = g->rows;
		g->reference[b].x = u;
		g->reference[b].n_init = 1;
	}
	pfree(low);
	pfree(high);
	return g;
}

/* The gap for k clusters, and how far chance alone moves it. */
static double
gap(Gap *g, int k, double *error)
{
	double		logs[GAP_REFERENCES];
	double		mean = 0;
	double		spread = 0;
	double		own;
	int			b;

	g->rows.k = k;
	own = eg_kmeans_run(&g->rows)->inertia;
	for (b = 0; b < GAP_REFERENCES; b++)
	{
		g->reference[b].k = k;
		logs[b] = log(eg_kmeans_run(&g->reference[b])->inertia);
		mean += logs[b] / GAP_REFERENCES;
	}
	for (b = 0; b < GAP_REFERENCES; b++)
		spread += (logs[b] - mean) * (logs[b] - mean) / GAP_REFERENCES;
	*error = sqrt(spread * (1 + 1.0 / GAP_REFERENCES));
	return own > 0 ? mean - log(own) : NAN;
}

/* Place in the curve of the number to take. */
static int
pick(const EgCurve *c, const double *error, EgChoice how)
{
	int			best = -1;
	int			i;

	for (i = 0; i < c->n; i++)
	{
		if (!isfinite(c->value[i]))
			continue;
		if (how == EG_CHOOSE_GAP && i + 1 < c->n && isfinite(c->value[i + 1]) &&
			c->value[i] >= c->value[i + 1] - error[i + 1])
			return i;
		if (best < 0 || (how == EG_CHOOSE_BIC ? c->value[i] < c->value[best] :
						 c->value[i] > c->value[best]))
			best = i;
	}
	return best;
}

EgKmeans *
eg_kmeans_choose(const EgKmeansSpec *given, int kmin, int kmax, EgChoice how, EgCurve *curve)
{
	MemoryContext caller = CurrentMemoryContext;
	EgKmeansSpec spec = *given;
	EgKmeans   *result;
	double	   *error = palloc0((Size) (kmax + 1) * sizeof(double));
	Gap		   *g = how == EG_CHOOSE_GAP ? gap_begin(given) : NULL;
	int			fallback = 1;
	int			best;
	int			k;

	/* labels of all would be too much memory, so the one that is chosen is made again */
	*curve = eg_curve_create(kmax + 1);
	if (how == EG_CHOOSE_SILHOUETTE)
		kmin = Max(kmin, 2);
	for (k = kmin; k <= kmax; k++)
	{
		MemoryContext context = AllocSetContextCreate(caller, "engage number of clusters",
													  ALLOCSET_DEFAULT_SIZES);
		EgKmeans   *r;
		bool		fewer;

		MemoryContextSwitchTo(context);
		spec.k = k;
		r = eg_kmeans_run(&spec);
		if (r->k == k)
		{
			curve->k[curve->n] = k;
			curve->inertia[curve->n] = r->inertia;
			curve->value[curve->n] = how == EG_CHOOSE_SILHOUETTE ? silhouette(&spec, r) :
				how == EG_CHOOSE_BIC ? bic(&spec, r) : gap(g, k, &error[curve->n]);
			curve->n++;
		}
		fewer = r->k < k;
		fallback = r->k;
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);

		/* there are no more different rows than that */
		if (fewer)
			break;
	}
	best = pick(curve, error, how);
	spec.k = best >= 0 ? curve->k[best] : fallback;
	result = eg_kmeans_run(&spec);
	pfree(error);
	return result;
}
