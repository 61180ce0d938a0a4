/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  The list of algorithms and the words for tasks.
 *
 * A new algorithm is a declaration and a line here; everything else that
 * lists or finds algorithms reads the list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "algo/algo.h"
#include "lib/stringinfo.h"

extern const EgAlgorithm eg_anomaly_ensemble;
extern const EgAlgorithm eg_autoencoder;
extern const EgAlgorithm eg_decision_tree;
extern const EgAlgorithm eg_ensemble;
extern const EgAlgorithm eg_extra_trees;
extern const EgAlgorithm eg_gaussian_mixture;
extern const EgAlgorithm eg_glm;
extern const EgAlgorithm eg_hdbscan;
extern const EgAlgorithm eg_isolation_forest;
extern const EgAlgorithm eg_kmeans;
extern const EgAlgorithm eg_knn;
extern const EgAlgorithm eg_leafwise_boosting;
extern const EgAlgorithm eg_linear_regression;
extern const EgAlgorithm eg_local_outlier_factor;
extern const EgAlgorithm eg_logistic_regression;
extern const EgAlgorithm eg_mlp;
extern const EgAlgorithm eg_naive_bayes;
extern const EgAlgorithm eg_random_forest;
extern const EgAlgorithm eg_xgboost;

const EgAlgorithm *const eg_algorithms[] = {
	&eg_anomaly_ensemble,
	&eg_autoencoder,
	&eg_decision_tree,
	&eg_ensemble,
	&eg_extra_trees,
	&eg_gaussian_mixture,
	&eg_glm,
	&eg_hdbscan,
	&eg_isolation_forest,
	&eg_kmeans,
	&eg_knn,
	&eg_leafwise_boosting,
	&eg_linear_regression,
	&eg_local_outlier_factor,
	&eg_logistic_regression,
	&eg_mlp,
	&eg_naive_bayes,
	&eg_random_forest,
	&eg_xgboost,
	NULL
};

static const char *const task_names[EG_NTASKS] = {
	[EG_REGRESSION] = "regression",
	[EG_BINARY] = "binary",
	[EG_MULTICLASS] = "multiclass",
	[EG_QUANTILE] = "quantile",
	[EG_RANKING] = "ranking",
	[EG_COUNT] = "count",
	[EG_SURVIVAL] = "survival",
	[EG_CLUSTERING] = "clustering",
	[EG_ANOMALY] = "anomaly"
};

const EgAlgorithm *
eg_algorithm_find(const char *name)
{
	StringInfoData known;
	int			i;

	for (i = 0; eg_algorithms[i] != NULL; i++)
	{
		if (strcmp(eg_algorithms[i]->name, name) == 0)
			return eg_algorithms[i];
	}

	initStringInfo(&known);
	for (i = 0; eg_algorithms[i] != NULL; i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", eg_algorithms[i]->name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("algorithm \"%s\" does not exist", name),
			 errhint("Known algorithms: %s.", known.data)));
}

const char *
eg_task_name(EgTask task)
{
	Assert((int) task >= 0 && (int) task < EG_NTASKS);
	return task_names[task];
}

/* False when the name is no task. */
bool
eg_task_parse(const char *name, EgTask *task)
{
	int			i;

	for (i = 0; i < EG_NTASKS; i++)
	{
		if (strcmp(task_names[i], name) == 0)
		{
			*task = (EgTask) i;
			return true;
		}
	}
	return false;
}
