/*-------------------------------------------------------------------------
 *
 * conformal.c
 *	  Split conformal prediction.
 *
 * Each of n rows that the model has not learned from gets a number s that says
 * how badly the model was wrong.  With q the ceil((n + 1) level)-th smallest of
 * them, a new row that is exchangeable with these has s <= q with a probability
 * of at least level, and at most level + 1 / (n + 1) when s has no ties.  What
 * the truth could be is everything with s <= q.
 *
 * numbers:	   s = |y - prediction|
 * quantiles:  s = max(lower - y, y - upper), so q may be negative
 * classes:	   s = 1 - probability of the true class
 *
 * Sources: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random
 * World", 2005; J. Lei et al., "Distribution-free predictive inference for
 * regression", JASA 113, 2018; Y. Romano, E. Patterson, E. Candes,
 * "Conformalized quantile regression", NeurIPS 2019; M. Sadinle, J. Lei,
 * L. Wasserman, "Least ambiguous set-valued classifiers", JASA 114, 2019.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "algo/conformal.h"
#include "base/sort.h"

/* rank of the quantile; 1e-9 lets (19 + 1) * 0.95 be 19 */
static Size
rank_of(Size n, double level)
{
	return (Size) ceil(((double) n + 1) * level - 1e-9);
}

Size
eg_conformal_rows_needed(double level)
{
	return (Size) ceil(level / (1 - level) - 1e-9);
}

static EgConformalMethod
method_of(EgTask task)
{
	switch (task)
	{
		case EG_BINARY:
		case EG_MULTICLASS:
			return EG_CONFORMAL_CLASS;
		case EG_QUANTILE:
			return EG_CONFORMAL_QUANTILE;
		default:
			return EG_CONFORMAL_RESIDUAL;
	}
}

static inline double
probability(const double *score, int width, int class)
{
	if (width == 1)
		return class == 1 ? score[0] : 1 - score[0];
	return score[class];
}

/* The two quantiles that the level asks for, or come nearest. */
static void
choose_quantiles(EgConformal *c, const double *quantiles, int width)
{
	double		alpha = 1 - c->level;
	int			i;

	c->upper = width - 1;
	for (i = 0; i < width; i++)
	{
		if (fabs(quantiles[i] - alpha / 2) < fabs(quantiles[c->lower] - alpha / 2))
			c->lower = i;
		if (fabs(quantiles[i] - 1 + alpha / 2) < fabs(quantiles[c->upper] - 1 + alpha / 2))
			c->upper = i;
	}
	if (c->lower >= c->upper)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an interval of %g needs a lower and an upper quantile", c->level),
				 errhint("Use params => '{\"quantiles\": [%g, %g]}'.", alpha / 2, 1 - alpha / 2)));
}

EgConformal *
eg_conformal_fit(EgTask task, double level, const double *truth, const double *score, Size n,
				 int width, const double *quantiles)
{
	EgConformal *c = palloc0(sizeof(EgConformal));
	double	   *s;
	Size		i;

	c->method = method_of(task);
	c->task = task;
	c->level = level;
	c->nrows = (uint32) Min(n, PG_UINT32_MAX);
	if (c->method == EG_CONFORMAL_QUANTILE)
		choose_quantiles(c, quantiles, width);
	if (n < eg_conformal_rows_needed(level))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("an interval of %g needs %zu rows for calibration, but there are %zu",
						level, eg_conformal_rows_needed(level), n),
				 errhint("Use more rows, or a smaller interval.")));

	s = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n);
	for (i = 0; i < n; i++, score += width)
	{
		switch (c->method)
		{
			case EG_CONFORMAL_RESIDUAL:
				s[i] = fabs(truth[i] - score[0]);
				break;
			case EG_CONFORMAL_QUANTILE:
				s[i] = Max(score[c->lower] - truth[i], truth[i] - score[c->upper]);
				break;
			case EG_CONFORMAL_CLASS:
				s[i] = -probability(score, width, (int) truth[i]);
				break;
		}
	}
	qsort(s, n, sizeof(double), eg_by_double);
	CHECK_FOR_INTERRUPTS();
	c->value = s[rank_of(n, level) - 1];
	if (c->method == EG_CONFORMAL_CLASS)
		c->value = -c->value;
	pfree(s);
	return c;
}

void
eg_conformal_interval(const EgConformal *c, const double *score, double *lower, double *upper)
{
	if (c->method == EG_CONFORMAL_QUANTILE)
	{
		*lower = score[c->lower] - c->value;
		*upper = score[c->upper] + c->value;
		if (*lower > *upper)
			*lower = *upper = (*lower + *upper) / 2;
		return;
	}
	*lower = score[0] - c->value;
	*upper = score[0] + c->value;
	if (c->task == EG_COUNT && *lower < 0)
		*lower = 0;
}

bool
eg_conformal_member(const EgConformal *c, const double *score, int width, int class)
{
	return probability(score, width, class) >= c->value;
}

bool
eg_conformal_covers(const EgConformal *c, const double *score, int width, double truth,
					double *size)
{
	double		lower,
				upper;
	int			n = width == 1 ? 2 : width;
	int			k;

	if (c->method != EG_CONFORMAL_CLASS)
	{
		eg_conformal_interval(c, score, &lower, &upper);
		*size = upper - lower;
		return truth >= lower && truth <= upper;
	}
	*size = 0;
	for (k = 0; k < n; k++)
		*size += eg_conformal_member(c, score, width, k);
	return eg_conformal_member(c, score, width, (int) truth);
}

/* ----------
 * Stored form: docs/format.md, section CONF
 * ----------
 */
void
eg_conformal_save(const EgConformal *c, EgWriter *w)
{
	eg_put_u8(w, (uint8) c->method);
	eg_put_u32(w, c->nrows);
	eg_put_f64(w, c->level);
	eg_put_f64(w, c->value);
	eg_put_u32(w, (uint32) c->lower);
	eg_put_u32(w, (uint32) c->upper);
}

EgConformal *
eg_conformal_load(EgReader *r, EgTask task)
{
	EgConformal *c = palloc0(sizeof(EgConformal));
	int			method = eg_get_u8(r);
	uint32		lower,
				upper;

	if ((EG_TASK_BIT(task) & EG_CONFORMAL_TASKS) == 0 || method != (int) method_of(task))
		eg_corrupted(r, "intervals of method %d do not fit task \"%s\"", method,
					 eg_task_name(task));
	c->method = (EgConformalMethod) method;
	c->task = task;
	c->nrows = eg_get_u32(r);
	c->level = eg_get_f64(r);
	c->value = eg_get_f64(r);
	lower = eg_get_u32(r);
	upper = eg_get_u32(r);
	if (!(c->level > 0 && c->level < 1) || !isfinite(c->value))
		eg_corrupted(r, "intervals have level %g and value %g", c->level, c->value);
	if (method == EG_CONFORMAL_QUANTILE ? lower >= upper || upper > PG_INT16_MAX : lower || upper)
		eg_corrupted(r, "intervals lie between quantiles %u and %u", lower, upper);
	c->lower = (int) lower;
	c->upper = (int) upper;
	return c;
}
