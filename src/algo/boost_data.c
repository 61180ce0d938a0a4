/*-------------------------------------------------------------------------
 *
 * boost_data.c
 *	  Rows, targets, weights, query groups and censored times in the form that
 *	  the library takes, checked so that errors speak of the user's values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algo/boost.h"
#include "utils/memutils.h"

/* values of the matrix that make one more thread worth its while */
#define CELLS_PER_THREAD	((Size) 100000)

static inline float *
float_array(Size n)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(float));
}

float *
eg_boost_weights(const EgDataset *data)
{
	const double *weight = data->role[EG_ROLE_WEIGHT];
	Size		n = data->nfit + data->nvalid;
	float	   *out;
	double		sum = 0;
	Size		i;

	if (weight == NULL)
		return NULL;
	out = float_array(n);
	for (i = 0; i < n; i++)
	{
		if (!(weight[i] >= 0 && weight[i] <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("weight %g is not usable", weight[i]),
					 errdetail("Weights must be finite and at least zero.")));
		out[i] = (float) weight[i];
		if (i < data->nfit)
			sum += weight[i];
	}
	if (sum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the weights of the training rows are all zero")));
	return out;
}

float *
eg_boost_labels(const EgDataset *data, const EgBoostObjective *objective)
{
	const double *target = data->role[EG_ROLE_TARGET];
	Size		n = data->nfit + data->nvalid;
	double		max_label = objective->max_label;
	float	   *out = float_array(n);
	Size		i;

	if (data->task == EG_MULTICLASS)
		max_label = data->nclasses - 1;
	for (i = 0; i < n; i++)
	{
		double		y = target[i];

		if (!(fabs(y) <= FLT_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("target value %g is not usable", y),
					 errdetail("Targets must be finite single precision numbers.")));
		if (y < objective->min_label || (objective->label_open && y == objective->min_label) ||
			y > max_label)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("objective \"%s\" cannot learn target value %g", objective->name, y),
					 isinf(max_label) ?
					 errdetail("Targets must be %s %g.",
							   objective->label_open ? "greater than" : "at least",
							   objective->min_label) :
					 errdetail("Targets must be from %g to %g.", objective->min_label, max_label)));
		out[i] = (float) y;
	}
	return out;
}

/* Sizes of the runs of equal query numbers among n rows from first. */
static unsigned *
group_sizes(const double *group, Size first, Size n, Size *ngroups)
{
	unsigned   *sizes = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(unsigned));
	Size		i;

	*ngroups = 0;
	for (i = first; i < first + n; i++)
	{
		if (i == first || group[i] != group[i - 1])
			sizes[(*ngroups)++] = 0;
		sizes[*ngroups - 1]++;
	}
	return sizes;
}

/* Ranking: the library takes a weight for each group, the mean of its rows. */
static void
set_groups(EgXgbMatrix *d, const EgDataset *data, Size first, Size n, const float *weights)
{
	Size		ngroups;
	unsigned   *sizes = group_sizes(data->role[EG_ROLE_GROUP], first, n, &ngroups);
	float	   *mean;
	Size		row = first;
	Size		g;

	eg_xgb_matrix_set_groups(d, sizes, ngroups);
	if (weights != NULL)
	{
		mean = float_array(ngroups);
		for (g = 0; g < ngroups; g++)
		{
			double		sum = 0;
			unsigned	i;

			for (i = 0; i < sizes[g]; i++)
				sum += weights[row++];
			mean[g] = (float) (sum / sizes[g]);
		}
		eg_xgb_matrix_set_float(d, "weight", mean, ngroups);
		pfree(mean);
	}
	pfree(sizes);
}

/*
 * Survival: Cox takes the time, negative when censored; accelerated failure
 * time takes an interval, open to the right when censored.
 */
static void
set_survival(EgXgbMatrix *d, const EgDataset *data, const EgBoostObjective *objective,
			 const float *labels, Size first, Size n)
{
	const double *event = data->role[EG_ROLE_EVENT];
	float	   *v = float_array(n);
	bool		aft = strcmp(objective->name, "survival:aft") == 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		e = event != NULL ? event[first + i] : 1;

		if (e != 0 && e != 1)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("event value %g is not usable", e),
					 errdetail("Events must be 1 (seen) or 0 (censored).")));
		v[i] = labels[first + i];
		if (e == 0)
			v[i] = aft ? INFINITY : -v[i];
	}
	if (aft)
	{
		eg_xgb_matrix_set_float(d, "label_lower_bound", labels + first, n);
		eg_xgb_matrix_set_float(d, "label_upper_bound", v, n);
	}
	else
		eg_xgb_matrix_set_float(d, "label", v, n);
	pfree(v);
}

void
eg_boost_set_info(EgXgbMatrix *d, const EgDataset *data, const EgBoostObjective *objective,
				  const float *labels, const float *weights, Size first, Size n)
{
	if (data->task == EG_SURVIVAL)
		set_survival(d, data, objective, labels, first, n);
	else
		eg_xgb_matrix_set_float(d, "label", labels + first, n);

	if (data->task == EG_RANKING)
		set_groups(d, data, first, n, weights);
	else if (weights != NULL)
		eg_xgb_matrix_set_float(d, "weight", weights + first, n);
}

/*
 * Rough memory of the library: the bins of each value (at most 4 bytes, less
 * for dense data) twice, by row and by column, or the values with positions,
 * once more sorted; then gradients, positions and predictions of each row.
 */
void
eg_boost_check_memory(const EgDataset *data, const EgBoostParams *p, const EgRun *run)
{
	Size		cells = data->nfit * (Size) data->x.ncols;
	Size		outputs = data->task == EG_MULTICLASS ? data->nclasses :
		data->task == EG_QUANTILE ? p->quantiles.n : 1;
	Size		each = eg_boost_uses_hist(p) ? 5 : 28;

	eg_check_memory(cells * each + data->nvalid * (Size) data->x.ncols * 8 +
					(data->nfit + data->nvalid) * (32 + 24 * outputs),
					run->memory_limit, "training with algorithm \"xgboost\"");
}

int
eg_boost_threads(const EgDataset *data, const EgRun *run)
{
	Size		useful = 1 + data->nfit * (Size) data->x.ncols / CELLS_PER_THREAD;

	/*
	 * Before version 2, each thread of the ranking objectives draws pairs of
	 * rows with a generator of its own: the model would depend on the threads.
	 */
	if (data->task == EG_RANKING && eg_xgb_version_num() < 20000)
		return 1;

	/* since version 2 it estimates the base score by a sum that each thread begins anew */
	if (data->task == EG_SURVIVAL && eg_xgb_version_num() >= 20000)
		return 1;
	return (int) Min((Size) run->threads, useful);
}

EgXgbMatrix *
eg_boost_matrix(const EgDataset *data, const EgBoostParams *p, const EgRun *run)
{
	int			threads = eg_boost_threads(data, run);

	if (eg_boost_uses_hist(p))
		return eg_xgb_matrix_quantile(&data->x, 0, data->nfit, data->ncategories, data->names,
									  p->max_bin, threads);
	return eg_xgb_matrix_dense(&data->x, 0, data->nfit, data->ncategories, data->names,
							   threads);
}
