/*-------------------------------------------------------------------------
 *
 * algo.h
 *	  The contract between engage and every learning algorithm.
 *
 * An algorithm is one constant EgAlgorithm, listed in registry.c.  It sees
 * numbers only: no Datum, no relation, no SPI.  Whatever it allocates comes
 * from CurrentMemoryContext, which the caller deletes to free the model, so
 * there is no free callback.  A handle owned by another library must be tied
 * to that context with MemoryContextRegisterResetCallback.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_ALGO_H
#define EG_ALGO_H

#include "algo/link.h"
#include "base/bytes.h"
#include "base/matrix.h"
#include "base/params.h"
#include "base/run.h"

/* What is learned; the words are those of engage_train(task => ...). */
typedef enum EgTask
{
	EG_REGRESSION,				/* output: the mean */
	EG_BINARY,					/* output: probability of class 1 */
	EG_MULTICLASS,				/* output: a probability for each class */
	EG_QUANTILE,				/* output: a value for each quantile, ascending */
	EG_RANKING,					/* output: a relevance score, larger is better */
	EG_COUNT,					/* output: expected count */
	EG_SURVIVAL,				/* output: hazard ratio or expected time */
	EG_CLUSTERING,				/* output: strength of membership in each cluster; none: noise */
	EG_ANOMALY					/* output: score in 0..1, larger is stranger */
} EgTask;

#define EG_NTASKS			9
#define EG_TASK_BIT(t)		(1 << (t))

/* learned without a target; one that is named for EG_ANOMALY only measures */
#define EG_TASKS_UNSUPERVISED	(EG_TASK_BIT(EG_CLUSTERING) | EG_TASK_BIT(EG_ANOMALY))

/* one score tells two classes apart: the second one is from the threshold on */
static inline bool
eg_task_two_classes(EgTask task)
{
	return task == EG_BINARY || task == EG_ANOMALY;
}

/* an output for each class, the largest says which */
static inline bool
eg_task_many_classes(EgTask task)
{
	return task == EG_MULTICLASS || task == EG_CLUSTERING;
}

static inline bool
eg_task_has_classes(EgTask task)
{
	return eg_task_two_classes(task) || eg_task_many_classes(task);
}

/* what a row that is in no cluster is called */
#define EG_NOISE			"noise"

/* Cluster of a row by its strengths: the strongest, the first of equal ones; -1: noise. */
static inline int
eg_cluster_of(const double *strength, int k)
{
	int			best = 0;
	int			i;

	for (i = 1; i < k; i++)
	{
		if (strength[i] > strength[best])
			best = i;
	}
	return strength[best] > 0 ? best : -1;
}

/* the classes of EG_ANOMALY where no target names them */
#define EG_NORMAL			"normal"
#define EG_ANOMALOUS		"anomaly"

extern const char *eg_task_name(EgTask task);
extern bool eg_task_parse(const char *name, EgTask *task);

/* columns with a meaning of their own; absent ones are NULL in EgDataset */
#define EG_ROLE_TARGET		0
#define EG_ROLE_WEIGHT		1
#define EG_ROLE_GROUP		2	/* ranking: query number; rows of a group are adjacent */
#define EG_ROLE_EVENT		3	/* survival: 1 = event seen, 0 = censored */
#define EG_ROLE_TREATMENT	4
#define EG_ROLE_USER		5
#define EG_ROLE_ITEM		6
#define EG_ROLE_TIME		7
#define EG_NROLES			8
#define EG_ROLE_BIT(r)		(1 << (r))

/*
 * Rows to hand to predict() at a time: it cannot be interrupted, and a row may
 * take milliseconds (nearest neighbors).
 */
#define EG_SCORE_BLOCK		32

/* properties the callers and the contract test rely on */
#define EG_MISSING_OK		(1 << 0)	/* takes NaN; others get imputed input */
#define EG_CATEGORIES_OK	(1 << 1)	/* takes category codes; others get one-hot columns */
#define EG_WANTS_SCALING	(1 << 2)	/* standardize features before fit */
#define EG_NO_FEATURES		(1 << 3)	/* works on role columns alone */

typedef struct EgDataset
{
	EgMatrix	x;				/* rows [0, nfit) to learn from, then nvalid to validate on */
	Size		nfit;
	Size		nvalid;			/* for early stopping and calibration; may be 0 */
	const double *role[EG_NROLES];	/* each nfit + nvalid long, or NULL */
	EgTask		task;
	int			nclasses;		/* classification: targets are 0 .. nclasses-1 */
	const int  *ncategories;	/* (ncols) 0 = number, else codes 0 .. n-1 */
	const char *const *names;	/* (ncols) feature names */
	const char *const *const *categories;	/* (ncols) words of the codes; NULL: unknown */

	/* stored models that the parameters name, in their order; 0 where they cannot be had */
	int			nfrozen;
	const struct EgFrozen *frozen;	/* algo/frozen.h */
} EgDataset;

/* Stored models that parameters name. */
typedef struct EgReferences
{
	int			n;
	char	  **names;			/* (n) 'churn' or 'churn@1.2.0', in the order of the parameters */
	bool		alone;			/* nothing but these models needs features */
	bool		trusted;		/* the user says that they have not learned from the rows */
} EgReferences;

struct EgCoefs;
struct EgMoments;

typedef struct EgAlgorithm
{
	const char *name;			/* SQL name */
	const char *summary;		/* one line for engage_algorithms() */
	int			tasks;			/* EG_TASK_BIT of each task it can learn */
	int			format;			/* version of what save() writes */
	int			roles;			/* EG_ROLE_BIT of each role required */
	int			roles_optional;
	int			flags;			/* EG_MISSING_OK ... */
	const EgParam *params;		/* ends with EG_PARAM_END */
	Size		params_size;

	/*
	 * Share of the training rows, in 0..1, that fit() wants as validation rows
	 * (early stopping, calibration); 0 when it needs none.
	 */
	double		(*validation) (const void *params, EgTask task);

	/*
	 * Stored models among the parameters, and the same parameters with exact names,
	 * n of them, in their place.  NULL where there cannot be any.
	 */
	void		(*references) (const void *params, EgReferences *out);
	void		(*refer_exactly) (void *params, char *const *names);

	/* Learn from data.  params has been parsed and range-checked. */
	void	   *(*fit) (const EgDataset *data, const void *params, EgRun *run);

	/* Write the model; read it back, distrusting every count and index. */
	void		(*save) (const void *model, EgWriter *w);
	void	   *(*load) (EgReader *r, int format);

	/* Fill width doubles for each of n rows.  Must not allocate or throw. */
	int			(*width) (const void *model);
	int			(*nfeatures) (const void *model);
	void		(*predict) (const void *model, const float *x, Size nrows, double *out);

	/*
	 * Remaining functions are optional.  Set the pointer to NULL for any that
	 * are not provided.
	 */

	/* Result for the training rows, when predict is NULL (labels, ranks). */
	void		(*assign) (const void *model, double *out);

	/* Fold in new rows without starting over. */
	void		(*update) (void *model, const EgDataset *data, EgRun *run);

	/* Why update() cannot learn on from this very model, as a sentence, or NULL. */
	const char *(*update_obstacle) (const void *model);

	/*
	 * Learn from sums over the rows instead of the rows (algo/moments.h); data is
	 * without rows.  For data sets that are seen once and kept nowhere.
	 */
	void	   *(*fit_moments) (const struct EgMoments *moments, const EgDataset *data,
								const void *params, EgRun *run);

	/*
	 * Exact Shapley values of the margins: for each row and each of `width`
	 * outputs ncols contributions and then the base value, so that a block's sum
	 * is the output's margin.  NULL means that outputs are explained by sampling.
	 * May allocate (what it precomputes it keeps beside the model) and throw,
	 * answers interrupts.
	 */
	void		(*explain) (const void *model, const float *x, Size nrows, double *out);

	/* Do explain(), explain_against() and interactions() work for this very model?  NULL: yes. */
	bool		(*explains) (const void *model);

	/*
	 * The same for one row against nbackground rows (interventional: a feature left
	 * out has the background's values, whatever the others are).
	 */
	void		(*explain_against) (const void *model, const float *x, const float *background,
									Size nbackground, double *out);

	/*
	 * Shapley interaction values of one row: for each output a symmetric (ncols + 1,
	 * ncols + 1) matrix whose row sums are what explain() says; the last cell is
	 * the base value.
	 */
	void		(*interactions) (const void *model, const float *x, double *out);

	/* How the margins that explain() speaks of become outputs; NULL: they are the outputs. */
	EgLink		(*link) (const void *model);

	/* One non-negative number per feature. */
	void		(*importance) (const void *model, double *out);

	/*
	 * Of trees: how often each feature (ncols) is split on, and the sums of gain
	 * and of cover of its splits, as XGBoost's get_score() has them.
	 */
	void		(*splits) (const void *model, double *count, double *gain, double *cover);

	/* Facts for engage_describe(), as members of a JSON object (no braces). */
	void		(*describe) (const void *model, StringInfo json);

	/*
	 * Quality that fit() measured by itself (out of bag), as members of a JSON
	 * object or nothing; it stands beside the metrics of the held-out rows.
	 */
	void		(*estimate) (const void *model, StringInfo json);

	/* Anomalies: the score from which on a row is called one; NULL: 0.5. */
	double		(*threshold) (const void *model);

	/*
	 * Coefficients of a linear margin, for engage_coefficients(); *exponential is
	 * what exp() of one is called, NULL when it means nothing.
	 */
	const struct EgCoefs *(*coefficients) (const void *model, const char **exponential);

	/*
	 * The library's own bytes, right after fit() or NULL when the model was
	 * loaded; stored beside the model for engage_export().
	 */
	const char *(*library_bytes) (const void *model, Size *len);

	/* A model from the library's own bytes (engage_import). */
	void	   *(*import) (const void *bytes, Size len);

	/* Task and names found by import: *names NULL when the bytes have none. */
	EgTask		(*imported_task) (const void *model, int *nclasses, char ***names);
} EgAlgorithm;

extern const EgAlgorithm *const eg_algorithms[];	/* NULL-terminated */
extern const EgAlgorithm *eg_algorithm_find(const char *name);	/* error lists the known */

#endif							/* EG_ALGO_H */
