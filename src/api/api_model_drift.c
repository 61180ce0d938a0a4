/*-------------------------------------------------------------------------
 *
 * api_model_drift.c
 *	  engage_drift(): have the rows that a model scores moved away from those
 *	  it was trained on?  engage_baseline(): what it remembers of these.
 *
 * The measures are those of the drift aggregates over the bins that were stored
 * with the model.  A PSI that chance alone makes is no drift: else every source of
 * fifty rows would raise an alarm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/evaluate.h"
#include "api/model_drift.h"
#include "api/recipe.h"
#include "api/result.h"
#include "base/compat.h"
#include "engage.h"
#include "eval/apart.h"
#include "eval/drift.h"

PG_FUNCTION_INFO_V1(engage_drift);
PG_FUNCTION_INFO_V1(engage_baseline);

#define DEFAULT_BINS	10

/* rows of each set for the classifier, beyond which it gains nothing but costs */
#define MOST_APART_ROWS	2000
#define APART_SEED		1

/* limits of the classifier's area under the curve */
#define AUC_MODERATE	0.6
#define AUC_SIGNIFICANT	0.7
#define AUC_ERRORS		2		/* and so many standard errors above a half */

enum
{
	COL_FEATURE,
	COL_KIND,
	COL_STATUS,
	COL_PSI,
	COL_CHANCE,
	COL_KL,
	COL_JS,
	COL_KS,
	COL_AUC,
	COL_AUC_ERROR,
	COL_MISSING_THEN,
	COL_MISSING_NOW,
	COL_UNSEEN,
	COL_EXAMPLES,
	COL_OUTSIDE,
	COL_TYPICAL_THEN,
	COL_TYPICAL_NOW,
	COL_MEAN_THEN,
	COL_MEAN_NOW,
	COL_MEDIAN_THEN,
	COL_MEDIAN_NOW,
	COL_ROWS_THEN,
	COL_ROWS_NOW,
	NCOLS
};

enum
{
	BASE_FEATURE,
	BASE_KIND,
	BASE_ROWS,
	BASE_MISSING,
	BASE_EDGES,
	BASE_WORDS,
	BASE_COUNTS,
	NBASE
};

/* ----------
 * Rows of the result
 * ----------
 */

typedef struct DriftRow
{
	double		psi;			/* what rows are sorted by */
	int			place;
	Datum		values[NCOLS];
	bool		nulls[NCOLS];
} DriftRow;

static void
set_number(DriftRow *row, int column, double v)
{
	if (!isfinite(v))
		return;
	row->values[column] = Float8GetDatum(v);
	row->nulls[column] = false;
}

static void
set_text(DriftRow *row, int column, const char *text)
{
	if (text == NULL)
		return;
	row->values[column] = CStringGetTextDatum(text);
	row->nulls[column] = false;
}

static void
set_count(DriftRow *row, int column, double n)
{
	row->values[column] = Int64GetDatum((int64) n);
	row->nulls[column] = false;
}

static DriftRow *
new_row(int place, const char *feature, const char *kind)
{
	DriftRow   *row = palloc0(sizeof(DriftRow));
	int			i;

	for (i = 0; i < NCOLS; i++)
		row->nulls[i] = true;
	row->psi = NAN;
	row->place = place;
	set_text(row, COL_FEATURE, feature);
	set_text(row, COL_KIND, kind);
	return row;
}

static const char *
kind_of(const EgColumn *column)
{
	switch (column->kind)
	{
		case EG_COL_CATEGORY:
			return "category";
		case EG_COL_DATE:
			return "date";
		case EG_COL_INTERVAL:
			return "interval";
		default:
			return "number";
	}
}

/* What is the same for features and scores. */
static void
measure(DriftRow *row, const EgModelDrift *d, const EgDriftCount *c, int nbins)
{
	const EgFeatureBaseline *f = c->then;
	EgDriftHistograms *h = eg_drift_histograms(c, nbins);
	double		chance = eg_psi_of_chance(h, f->n, d->rows);

	row->psi = eg_psi(h->then, h->now, h->n);
	set_number(row, COL_PSI, row->psi);
	set_number(row, COL_CHANCE, chance);
	set_number(row, COL_KL, eg_kl(h->then, h->now, h->n));
	set_number(row, COL_JS, eg_js(h->then, h->now, h->n));
	set_number(row, COL_KS, eg_drift_distance(c));
	set_text(row, COL_STATUS, eg_psi_status(row->psi <= chance ? 0 : row->psi));
	set_number(row, COL_MISSING_THEN, f->missing / f->n);
	set_number(row, COL_MISSING_NOW, (double) c->missing / d->rows);
	if (f->ncategories > 0)
		set_number(row, COL_UNSEEN, (double) c->unseen / d->rows);
	else if (f->nbins > 0)
		set_number(row, COL_OUTSIDE, (double) (c->below + c->above) / d->rows);
	set_count(row, COL_ROWS_THEN, f->n);
	set_count(row, COL_ROWS_NOW, d->rows);
	pfree(h->then);
	pfree(h->now);
	pfree(h);
}

/* A feature's value as SQL has it: dates are seconds since 1970.  column NULL: a score. */
static double
sql_number(const EgColumn *column, double v)
{
	if (column == NULL || column->kind != EG_COL_DATE)
		return v;
	return (v + column->origin + POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* Means and medians of numbers; column NULL: a score. */
static void
set_centers(DriftRow *row, const EgDriftCount *c, int64 rows, const EgColumn *column,
			double *mean_now)
{
	int64		present = rows - c->missing;

	*mean_now = present > 0 ? c->sum / present : NAN;
	set_number(row, COL_MEAN_THEN, sql_number(column, c->mean_then));
	set_number(row, COL_MEAN_NOW, sql_number(column, *mean_now));
	set_number(row, COL_MEDIAN_THEN, sql_number(column, c->then->typical));
	set_number(row, COL_MEDIAN_NOW, sql_number(column, c->median_now));
}

static void
set_examples(DriftRow *row, const EgDriftCount *c)
{
	Datum		words[EG_DRIFT_EXAMPLES];
	int			i;

	if (c->nexamples == 0)
		return;
	for (i = 0; i < c->nexamples; i++)
		words[i] = CStringGetTextDatum(c->example[i]);
	row->values[COL_EXAMPLES] = PointerGetDatum(construct_array(words, c->nexamples, TEXTOID, -1,
																false, TYPALIGN_INT));
	row->nulls[COL_EXAMPLES] = false;
}

static DriftRow *
feature_row(const EgModelDrift *d, int feature, int nbins)
{
	const EgDriftCount *c = &d->features[feature];
	const EgColumn *column = eg_feature_column(d->schema, feature, NULL);
	DriftRow   *row = new_row(feature, d->schema->names[feature], kind_of(column));
	double		now = NAN;
	int			i;

	measure(row, d, c, nbins);
	if (c->then->ncategories > 0)
	{
		int64		most = 0;

		set_examples(row, c);
		set_text(row, COL_TYPICAL_THEN, eg_feature_text(d->schema, feature, c->then->typical));
		for (i = 0; i < c->then->ncategories; i++)
		{
			if (c->bin[i] > most)
			{
				most = c->bin[i];
				now = i;
			}
		}
		set_text(row, COL_TYPICAL_NOW, eg_feature_text(d->schema, feature, now));
		return row;
	}
	set_centers(row, c, d->rows, column, &now);
	set_text(row, COL_TYPICAL_THEN, eg_feature_text(d->schema, feature, c->mean_then));
	set_text(row, COL_TYPICAL_NOW, eg_feature_text(d->schema, feature, now));
	return row;
}

static char *
score_name(const EgModelDrift *d, int output)
{
	if (d->compiled->width == 1)
		return pstrdup("score");
	if (d->quantiles)
		return psprintf("quantile %g", d->quantiles[output]);
	if (output < d->schema->nlabels)
		return psprintf("score of %s", d->schema->labels[output]);
	return psprintf("score of %d", output);
}

static DriftRow *
score_row(const EgModelDrift *d, int output, int nbins)
{
	DriftRow   *row = new_row(output, score_name(d, output), "score");
	double		now;

	measure(row, d, &d->scores[output], nbins);
	set_centers(row, &d->scores[output], d->rows, NULL, &now);
	return row;
}

/* Can a classifier tell the model's background rows from those of the source? */
static DriftRow *
multivariate_row(const EgModelDrift *d, EgRun *run)
{
	DriftRow   *row = new_row(0, "all features", "multivariate");
	EgApart		sets;
	double		auc,
				error;
	bool		beyond_chance;

	sets.ncols = d->schema->nfeatures;
	sets.ncategories = d->schema->ncategories;
	sets.names = (const char *const *) d->schema->names;
	sets.rows[0] = d->baseline->rows;
	sets.n[0] = Min(d->baseline->nrows, MOST_APART_ROWS);
	sets.rows[1] = d->sample;
	sets.n[1] = d->nsample;
	set_count(row, COL_ROWS_THEN, sets.n[0]);
	set_count(row, COL_ROWS_NOW, sets.n[1]);
	auc = eg_apart(&sets, run, &error);
	set_number(row, COL_AUC, auc);
	set_number(row, COL_AUC_ERROR, error);
	if (isnan(auc))
		return row;
	beyond_chance = auc > 0.5 + AUC_ERRORS * error;
	set_text(row, COL_STATUS, auc > AUC_SIGNIFICANT && beyond_chance ? "significant" :
			 auc > AUC_MODERATE && beyond_chance ? "moderate" : "stable");
	return row;
}

static int
by_psi(const void *a, const void *b)
{
	const DriftRow *x = *(DriftRow *const *) a,
			   *y = *(DriftRow *const *) b;

	if (isnan(x->psi) != isnan(y->psi))
		return isnan(x->psi) ? 1 : -1;
	if (!isnan(x->psi) && x->psi != y->psi)
		return x->psi > y->psi ? -1 : 1;
	return x->place - y->place;
}

/* ----------
 * Functions
 * ----------
 */

/* engage_drift(model, source, bins, multivariate) */
Datum
engage_drift(PG_FUNCTION_ARGS)
{
	const char *model = eg_arg_required(fcinfo, 0, "model");
	const char *source = eg_arg_required(fcinfo, 1, "source");
	int			nbins = eg_arg_between(fcinfo, 2, "bins", 2, EG_BASELINE_BINS, DEFAULT_BINS);
	bool		multivariate = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	EgRun		run = {0};
	EgModelDrift *d;
	DriftRow  **rows;
	Tuplestorestate *store;
	TupleDesc	desc;
	Size		sample = 0;
	int			nfirst = 0,
				n,
				i;

	run.seed = APART_SEED;
	run.threads = eg_thread_count();
	run.memory_limit = (Size) eg_max_memory * 1024;
	if (multivariate)
		sample = Min(eg_drift_model(model)->baseline->nrows, MOST_APART_ROWS);
	d = eg_drift_read(model, source, sample, &run);
	rows = palloc(sizeof(DriftRow *) * (d->schema->nfeatures + d->compiled->width + 1));
	for (i = 0; d->scores && i < d->compiled->width; i++)
		rows[nfirst++] = score_row(d, i, nbins);
	qsort(rows, nfirst, sizeof(DriftRow *), by_psi);
	if (multivariate)
		rows[nfirst++] = multivariate_row(d, &run);
	for (i = 0, n = nfirst; i < d->schema->nfeatures; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rows[n++] = feature_row(d, i, nbins);
	}
	qsort(rows + nfirst, n - nfirst, sizeof(DriftRow *), by_psi);

	store = eg_result_rows(fcinfo, &desc);
	for (i = 0; i < n; i++)
		tuplestore_putvalues(store, desc, rows[i]->values, rows[i]->nulls);
	return (Datum) 0;
}

static Datum
numbers_array(const double *v, int n)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(n, 1));
	int			i;

	for (i = 0; i < n; i++)
		items[i] = Float8GetDatum(v[i]);
	return PointerGetDatum(construct_array(items, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static void
put_baseline(Tuplestorestate *store, TupleDesc desc, const char *name, const char *kind,
			 const EgColumn *column, const EgDriftCount *c, int nbins)
{
	EgDriftHistograms *h = eg_drift_histograms(c, nbins);
	Datum		values[NBASE];
	bool		nulls[NBASE] = {false};
	int			unseen = c->then->ncategories > 0;
	int			i;

	values[BASE_FEATURE] = CStringGetTextDatum(name);
	values[BASE_KIND] = CStringGetTextDatum(kind);
	values[BASE_ROWS] = Int64GetDatum((int64) c->then->n);
	values[BASE_MISSING] = Int64GetDatum((int64) c->then->missing);
	nulls[BASE_EDGES] = nulls[BASE_WORDS] = true;
	if (unseen)
	{
		Datum	   *words = palloc(sizeof(Datum) * column->ncategories);

		for (i = 0; i < column->ncategories; i++)
			words[i] = CStringGetTextDatum(column->categories[i]);
		values[BASE_WORDS] = PointerGetDatum(construct_array(words, column->ncategories, TEXTOID,
															 -1, false, TYPALIGN_INT));
		nulls[BASE_WORDS] = false;
	}
	else if (h->nedges > 0)
	{
		for (i = 0; i < h->nedges; i++)
			h->edges[i] = sql_number(column, h->edges[i]);

		/* the float before a day may be the same second */
		for (i = h->nedges - 2; i >= 0; i--)
			h->edges[i] = Min(h->edges[i],
								h->edges[i + 1] - (column && column->kind == EG_COL_DATE));
		values[BASE_EDGES] = numbers_array(h->edges, h->nedges);
		nulls[BASE_EDGES] = false;
	}
	values[BASE_COUNTS] = numbers_array(h->then, h->n - 1 - unseen);
	tuplestore_putvalues(store, desc, values, nulls);
}

/* engage_baseline(model, bins): what the model remembers of its training rows */
Datum
engage_baseline(PG_FUNCTION_ARGS)
{
	const char *model = eg_arg_required(fcinfo, 0, "model");
	int			nbins = eg_arg_between(fcinfo, 1, "bins", 2, EG_BASELINE_BINS, DEFAULT_BINS);
	EgModelDrift *d = eg_drift_model(model);
	Tuplestorestate *store;
	TupleDesc	desc;
	int			i;

	store = eg_result_rows(fcinfo, &desc);
	for (i = 0; d->scores && i < d->compiled->width; i++)
		put_baseline(store, desc, score_name(d, i), "score", NULL, &d->scores[i], nbins);
	for (i = 0; i < d->schema->nfeatures; i++)
	{
		const EgColumn *column = eg_feature_column(d->schema, i, NULL);

		CHECK_FOR_INTERRUPTS();
		put_baseline(store, desc, d->schema->names[i], kind_of(column), column, &d->features[i],
					 nbins);
	}
	return (Datum) 0;
}
