/*-------------------------------------------------------------------------
 *
 * boost_quantile.c
 *	  Several quantiles at once by gradient boosting.
 *
 * One booster grows a tree for each quantile in each round.  The library only
 * finds the splits; what a leaf says is decided here.  For quantile q and
 * residual r = y - f(x) the pinball loss is r * q above and r * (q - 1) below
 * zero, so its gradient in f is -q or 1 - q and it has no useful second
 * derivative.  A Newton step would move a leaf by a share of rows, whatever
 * the scale of y.  Instead, each leaf gets the value that minimizes the
 * loss in it: the q quantile of the residuals of its rows (J. H. Friedman,
 * "Greedy Function Approximation: A Gradient Boosting Machine", Annals of
 * Statistics 2001, algorithm 3, for the median).
 *
 * The new leaves are written over the old ones in the library's own bytes, so
 * that an exported model predicts the same everywhere.  The constant at which
 * boosting starts is added to the leaves of the first tree of each quantile.
 * So is a last shift which makes the held-out rows fall below the prediction
 * as often as they should: deep trees are too sure of the rows they have seen.
 *
 * Gradients are rounded to multiples of one power of two, coarse enough that
 * every sum of them is exact: the order in which threads add them up cannot
 * matter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/boost.h"
#include "algo/xgbmodel.h"
#include "base/history.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Bits of a gradient.  Fits a float, and leaves 32 bits of a double's 53 for
 * the number of rows.
 */
#define GRADIENT_BITS	20

/* held-out rows expected beyond a quantile before its shift can be trusted */
#define CALIBRATION_ROWS	5

typedef struct QuantileFit
{
	const EgDataset *data;
	int			k;				/* quantiles */
	const double *q;			/* (k) */
	Size		n;				/* rows to learn from, then nvalid more */
	Size		nvalid;
	float	   *y;				/* (n + nvalid) */
	float	   *w;				/* (n + nvalid), mean 1 over the first n; or NULL */
	float	   *pred;			/* (k, n + nvalid) */
	float	   *start;			/* (k) */
	float	   *grad;			/* (n, k) */
	float	   *hess;			/* (n, k) */
	int32	   *leaf;			/* (n + nvalid) leaf of each row in the current tree */
	float	   *residual;		/* (n) leaf by leaf */
	float	   *weight;			/* (n) the same order; or NULL */
	float	  **values;			/* (rounds * k) leaves of each tree, by node */
	int		   *nnodes;			/* (rounds * k) */
} QuantileFit;

static inline float *
float_array(Size n)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(float));
}

static inline void
swap_rows(float *v, float *w, Size i, Size j)
{
	float		t = v[i];

	v[i] = v[j];
	v[j] = t;
	if (w != NULL)
	{
		t = w[i];
		w[i] = w[j];
		w[j] = t;
	}
}

/*
 * Least value such that it and the smaller ones have at least a share q of the
 * weight (of the count, when w is NULL): a minimizer of the pinball loss.
 * Quickselect; reorders both arrays.
 */
static float
weighted_quantile(float *v, float *w, Size n, double q)
{
	double		target = n;
	double		before = 0;		/* weight of what has been found too small */
	Size		lo = 0;
	Size		hi = n;
	float		pivot = 0;
	Size		i;

	if (w != NULL)
	{
		target = 0;
		for (i = 0; i < n; i++)
			target += w[i];
	}
	target *= q;

	while (lo < hi)
	{
		float		a = v[lo];
		float		b = v[lo + (hi - lo) / 2];
		float		c = v[hi - 1];
		Size		lt = lo;
		Size		gt = hi;
		double		below = 0;
		double		equal = 0;

		/* [lo, lt) is below the pivot, [lt, i) equal to it, [gt, hi) above */
		pivot = Max(Min(a, b), Min(Max(a, b), c));
		for (i = lo; i < gt;)
		{
			if (v[i] < pivot)
			{
				below += w != NULL ? w[i] : 1;
				swap_rows(v, w, i++, lt++);
			}
			else if (v[i] > pivot)
				swap_rows(v, w, i, --gt);
			else
				equal += w != NULL ? w[i++] : (i++, 1);
		}

		if (lt > lo && before + below >= target)
			hi = lt;
		else if (gt == hi || before + below + equal >= target)
			break;
		else
		{
			before += below + equal;
			lo = gt;
		}
	}
	return pivot;
}

static void
prepare(QuantileFit *f, const EgDataset *data, const EgBoostParams *p)
{
	Size		total = data->nfit + data->nvalid;
	double		sum = 0;
	Size		i;
	int			k;

	f->data = data;
	f->k = p->quantiles.n;
	f->q = p->quantiles.values;
	f->n = data->nfit;
	f->nvalid = data->nvalid;
	f->y = eg_boost_labels(data, eg_boost_objective(p, EG_QUANTILE));
	f->w = eg_boost_weights(data);
	f->weight = NULL;
	if (f->w != NULL)
	{
		/* min_child_weight counts rows, so the weights are brought to mean 1 */
		f->weight = float_array(f->n);
		for (i = 0; i < f->n; i++)
			sum += f->w[i];
		for (i = 0; i < total; i++)
			f->w[i] = (float) (f->w[i] * (f->n / sum));
	}

	f->start = float_array(f->k);
	f->pred = float_array(total * f->k);
	f->grad = float_array(f->n * f->k);
	f->hess = float_array(f->n * f->k);
	f->residual = float_array(f->n);
	f->leaf = MemoryContextAllocHuge(CurrentMemoryContext, total * sizeof(int32));
	f->values = MemoryContextAllocHuge(CurrentMemoryContext,
									   (Size) p->n_estimators * f->k * sizeof(float *));
	f->nnodes = MemoryContextAllocHuge(CurrentMemoryContext,
									   (Size) p->n_estimators * f->k * sizeof(int));

	for (k = 0; k < f->k; k++)
	{
		memcpy(f->residual, f->y, f->n * sizeof(float));
		if (f->w != NULL)
			memcpy(f->weight, f->w, f->n * sizeof(float));
		f->start[k] = weighted_quantile(f->residual, f->weight, f->n, f->q[k]);
		for (i = 0; i < total; i++)
			f->pred[k * total + i] = f->start[k];
	}
}

static void
compute_gradients(QuantileFit *f)
{
	Size		total = f->n + f->nvalid;
	float		largest = 1;
	int			exponent;
	double		unit;
	Size		i;
	int			k;

	for (i = 0; f->w != NULL && i < f->n; i++)
		largest = Max(largest, f->w[i]);
	(void) frexp(largest, &exponent);
	unit = ldexp(1.0, exponent - GRADIENT_BITS);

	for (k = 0; k < f->k; k++)
	{
		const float *pred = f->pred + k * total;

		for (i = 0; i < f->n; i++)
		{
			double		w = f->w != NULL ? f->w[i] : 1;
			double		g = f->y[i] < pred[i] ? w * (1 - f->q[k]) : -w * f->q[k];

			f->grad[i * f->k + k] = (float) (rint(g / unit) * unit);
			f->hess[i * f->k + k] = (float) (rint(w / unit) * unit);
		}
	}
}

/*
 * Give the leaves of one new tree their values and add them to the
 * predictions.  Rows are brought together leaf by leaf with a counting sort.
 */
static float *
refit_tree(QuantileFit *f, const EgForest *forest, int tree, int k, double rate,
		   MemoryContext keep)
{
	Size		total = f->n + f->nvalid;
	float	   *pred = f->pred + k * total;
	int			nnodes = forest->tree_start[tree + 1] - forest->tree_start[tree];
	float	   *value = MemoryContextAllocZero(keep, nnodes * sizeof(float));
	Size	   *end = palloc0((nnodes + 1) * sizeof(Size));
	Size		i;
	int			node;

	eg_forest_leaves(forest, tree, eg_row(&f->data->x, 0), total, f->data->x.ncols, f->leaf);
	CHECK_FOR_INTERRUPTS();

	for (i = 0; i < f->n; i++)
		end[f->leaf[i] + 1]++;
	for (node = 0; node < nnodes; node++)
		end[node + 1] += end[node];

	/* placing a row moves the start of its leaf on, until it is the leaf's end */
	for (i = 0; i < f->n; i++)
	{
		Size		slot = end[f->leaf[i]]++;

		f->residual[slot] = f->y[i] - pred[i];
		if (f->w != NULL)
			f->weight[slot] = f->w[i];
	}
	for (node = 0; node < nnodes; node++)
	{
		Size		first = node > 0 ? end[node - 1] : 0;

		if (end[node] > first)
			value[node] = (float) (rate *
								   weighted_quantile(f->residual + first,
													 f->w != NULL ? f->weight + first : NULL,
													 end[node] - first, f->q[k]));
	}
	for (i = 0; i < total; i++)
		pred[i] += value[f->leaf[i]];
	pfree(end);
	return value;
}

/* Find the trees of the latest round and refit each. */
static void
refit_round(QuantileFit *f, EgXgbBooster *b, int round, double rate)
{
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep, "engage quantile round",
												  ALLOCSET_DEFAULT_SIZES);
	EgForeignModel *foreign;
	char	   *bytes;
	Size		len;
	int			t;

	MemoryContextSwitchTo(scratch);
	bytes = eg_xgb_booster_save(b, "ubj", round, round + 1, &len);
	foreign = eg_foreign_model_read(bytes, len);
	if (foreign->forest->ntrees != f->k || foreign->forest->ngroups != f->k)
		elog(ERROR, "round of %d trees in %d groups where %d were expected",
			 foreign->forest->ntrees, foreign->forest->ngroups, f->k);
	for (t = 0; t < f->k; t++)
	{
		int			k = foreign->forest->tree_group[t];
		Size		at = (Size) round * f->k + k;

		f->values[at] = refit_tree(f, foreign->forest, t, k, rate, keep);
		f->nnodes[at] = foreign->forest->tree_start[t + 1] - foreign->forest->tree_start[t];
	}
	MemoryContextSwitchTo(keep);
	MemoryContextDelete(scratch);
}

/* Mean pinball loss over rows [first, first + n). */
static double
pinball_loss(const QuantileFit *f, Size first, Size n)
{
	Size		total = f->n + f->nvalid;
	double		sum = 0;
	double		weights = 0;
	Size		i;
	int			k;

	for (i = first; i < first + n; i++)
	{
		double		w = f->w != NULL ? f->w[i] : 1;
		double		loss = 0;

		for (k = 0; k < f->k; k++)
		{
			double		r = (double) f->y[i] - f->pred[k * total + i];

			loss += r >= 0 ? r * f->q[k] : r * (f->q[k] - 1);
		}
		sum += w * loss;
		weights += w;
	}
	return weights > 0 ? sum / (weights * f->k) : (double) NAN;
}

static void
put_float_big_endian(char *at, float v)
{
	uint32		bits;

	memcpy(&bits, &v, sizeof(bits));
	at[0] = (char) (bits >> 24);
	at[1] = (char) (bits >> 16);
	at[2] = (char) (bits >> 8);
	at[3] = (char) bits;
}

/*
 * Write our leaves over the library's, in the bytes and in the forest; the
 * first tree of each group also carries offset[group].
 */
static void
patch_leaves(const QuantileFit *f, EgForeignModel *foreign, char *bytes, const double *offset)
{
	EgForest   *forest = foreign->forest;
	int		   *round = palloc0(f->k * sizeof(int));
	int			t;
	int			i;

	for (t = 0; t < forest->ntrees; t++)
	{
		int			k = forest->tree_group[t];
		Size		at = (Size) round[k] * f->k + k;
		int			root = forest->tree_start[t];

		if (forest->tree_start[t + 1] - root != f->nnodes[at])
			elog(ERROR, "tree %d has another number of nodes than in its round", t);
		for (i = 0; i < f->nnodes[at]; i++)
		{
			if (forest->feature[root + i] >= 0)
				continue;
			forest->value[root + i] = round[k] > 0 ? f->values[at][i] :
				(float) (f->values[at][i] + offset[k]);
			put_float_big_endian(bytes + foreign->value_offset[root + i],
								 forest->value[root + i]);
		}
		round[k]++;
	}
	pfree(round);
}

/*
 * Level at which the held-out residuals should be cut so that new rows fall
 * below with probability q.  Plainly it is q itself, but the share below the
 * prediction that n rows show is off by its own sampling error.  So the share
 * seen is first drawn towards q, the more the less it stands out from that
 * error (the positive-part estimator of W. James and C. Stein, 1961).
 */
static double
calibrated_level(double q, double share, double n)
{
	double		excess = share - q;
	double		variance = q * (1 - q) / n;
	double		keep = excess * excess > variance ? 1 - variance / (excess * excess) : 0;

	return share - keep * excess;
}

/*
 * For each quantile, what to add so that new rows lie below it as often as
 * they should.  Added to offset where there are enough held-out rows to tell.
 */
static void
calibrate(const QuantileFit *f, EgForest *forest, double *offset)
{
	double	   *margin;			/* (nvalid, k) */
	float	   *residual;
	float	   *weight = NULL;
	Size		i;
	int			k;

	if (f->nvalid == 0)
		return;
	margin = MemoryContextAllocHuge(CurrentMemoryContext, f->nvalid * f->k * sizeof(double));
	residual = float_array(f->nvalid);
	if (f->w != NULL)
		weight = float_array(f->nvalid);
	eg_forest_compile(forest);
	eg_forest_margin(forest, eg_row(&f->data->x, f->n), f->nvalid, f->data->x.ncols, margin);

	for (k = 0; k < f->k; k++)
	{
		double		total = 0;
		double		squares = 0;
		double		below = 0;
		double		level;

		for (i = 0; i < f->nvalid; i++)
		{
			double		w = f->w != NULL ? f->w[f->n + i] : 1;

			residual[i] = (float) (f->y[f->n + i] - margin[i * f->k + k]);
			total += w;
			squares += w * w;
			below += residual[i] <= 0 ? w : 0;
		}

		/* weights make for fewer rows in effect: (sum w)^2 / sum w^2 (L. Kish, 1965) */
		if (squares <= 0 ||
			total * total / squares * Min(f->q[k], 1 - f->q[k]) < CALIBRATION_ROWS)
			continue;
		level = calibrated_level(f->q[k], below / total, total * total / squares);
		if (level == below / total)
			continue;
		if (weight != NULL)
			memcpy(weight, f->w + f->n, f->nvalid * sizeof(float));
		offset[k] += weighted_quantile(residual, weight, f->nvalid, level);
	}
}

/* "[0.1,0.5,0.9]" */
static char *
quantiles_text(const EgReals *q)
{
	StringInfoData s;
	int			i;

	initStringInfo(&s);
	for (i = 0; i < q->n; i++)
		appendStringInfo(&s, "%c%.15g", i > 0 ? ',' : '[', q->values[i]);
	appendStringInfoChar(&s, ']');
	return s.data;
}

void
eg_boost_quantile_train(const EgDataset *data, const EgBoostParams *p, EgRun *run,
						EgBoostResult *result)
{
	bool		early = p->early_stopping_rounds > 0 && data->nvalid > 0;
	const EgBoostObjective *objective = eg_boost_objective(p, EG_QUANTILE);
	QuantileFit f;
	EgXgbMatrix *d;
	EgXgbBooster *b;
	EgForeignModel *foreign;
	EgBoostStop stop;
	double	   *offset;
	int			round = 0;
	int			k;

	prepare(&f, data, p);
	d = eg_boost_matrix(data, p, run);
	b = eg_xgb_booster_create(&d, 1);
	eg_boost_configure(b, p, objective, data, run->seed, eg_boost_threads(data, run));
	eg_xgb_booster_attr(b, EG_BOOST_QUANTILES_ATTR, quantiles_text(&p->quantiles));
	eg_boost_stop_init(&stop, p->early_stopping_rounds, false);

	while (round < p->n_estimators)
	{
		double		loss;

		compute_gradients(&f);
		eg_xgb_booster_boost(b, round, d, f.grad, f.hess, f.n * f.k);
		refit_round(&f, b, round, p->learning_rate);
		round++;

		if (eg_history_wants(run, round, p->n_estimators))
			eg_history_note(run, EG_CURVE_TRAINING, round, "pinball loss",
							pinball_loss(&f, 0, f.n));
		if (!early)
		{
			eg_step(run, round, p->n_estimators, NULL, 0);
			continue;
		}
		loss = pinball_loss(&f, f.n, f.nvalid);
		eg_history_note(run, EG_CURVE_VALIDATION, round, "pinball loss", loss);
		eg_step(run, round, p->n_estimators, "pinball loss", loss);
		(void) eg_boost_stop_note(&stop, round, loss);
		if (eg_boost_stop_now(&stop, round))
			break;
	}

	result->rounds = round;
	result->best_round = early ? stop.best_round : round;
	eg_history_best(run, early ? result->best_round : 0);
	result->bytes = eg_xgb_booster_save(b, "ubj", 0,
										result->best_round < round ? result->best_round : 0,
										&result->len);
	eg_xgb_booster_free(b);
	eg_xgb_matrix_free(d);

	/* once without the shift, to measure it; once with it */
	offset = palloc(f.k * sizeof(double));
	for (k = 0; k < f.k; k++)
		offset[k] = f.start[k];
	foreign = eg_foreign_model_read(result->bytes, result->len);
	patch_leaves(&f, foreign, result->bytes, offset);
	calibrate(&f, foreign->forest, offset);
	patch_leaves(&f, foreign, result->bytes, offset);
}
