/*-------------------------------------------------------------------------
 *
 * model_drift.c
 *	  A source counted in the bins of the distributions that are stored with a
 *	  model.
 *
 * One pass: the scorer of engage_predict() turns each row into the model's
 * vector, and every number finds its bin.  A word that the model has never
 * seen and NULL are the same to a model, so those are told apart by the value
 * itself.
 *
 * Medians: the counts say exactly in which bin the median of the source is, and
 * how many of the bin's values are below it.  Where in the bin that is, a sample
 * of the rows says.  So its error is a small one, of the share of the rows that
 * is in one bin.
 *
 * The distributions are those of the part for all rows, whatever part scores a
 * row: they speak of all training rows together, as the source's do of all its.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "base/distribution.h"
#include "store/evaluate_private.h"
#include "store/model_drift.h"
#include "store/reservoir.h"
#include "store/schema_private.h"

/* unseen words that are counted apart; a feature with more of them is no category any more */
#define UNSEEN_WORDS	1024		/* a power of two */

/* longest word shown, in bytes */
#define LONGEST_EXAMPLE	100

/* the limits of the bins as the loop needs them: floats, of a number known to the compiler */
#define LIMITS			(EG_DRIFT_BINS + 1)

typedef struct UnseenWord
{
	uint64		hash;
	int64		rows;			/* 0: free */
	char	   *text;
} UnseenWord;

/* A column of words, and where it is in the rows. */
typedef struct WordColumn
{
	const EgColumn *column;
	int			attno;			/* from 0 */
	EgConverter cv;
	int			nwords;
	UnseenWord *words;			/* (UNSEEN_WORDS) a hash table, or NULL */
} WordColumn;

/* A number's bins for the inner loop. */
typedef struct Limits
{
	float		upper[LIMITS];	/* of all bins but the last, then infinity */
	float		min,
				max;
	bool		few;			/* no more limits than stored bins: most numbers */
	int64		bin[LIMITS];
	int64		missing;
	int64		below;
	int64		above;
	double		sum;
} Limits;

typedef struct Reading
{
	MemoryContext context;		/* of what is kept; the hook runs in a row's */
	EgModelDrift *drift;
	EgScored   *s;
	bool		started;
	int			nnumbers;
	int		   *number;			/* (nnumbers) features */
	Limits	   *limits;			/* (nnumbers) */
	Limits	   *score_limits;	/* (width) or NULL */
	int			nwords;
	WordColumn *words;			/* (nwords) */
	EgReservoir *kept;			/* features, then scores if there are any */
} Reading;

/* ----------
 * What is known before a row is read
 * ----------
 */

/* Has the limit of a bin two quantiles?  Then no other value of the training is in it. */
static bool
stands_alone(const EgFeatureBaseline *f, int bin)
{
	int			same = 0;
	int			i;

	for (i = 0; i <= EG_BASELINE_BINS; i++)
		same += f->quantile[i] == f->upper[bin];
	return f->nbins == 1 || (same > 1 && f->count[bin] * EG_BASELINE_BINS / 2 >= f->n - f->missing);
}

static void
start_bins(EgDriftCount *c, const EgFeatureBaseline *f)
{
	int			n = 0;			/* limits */
	int			i;

	memset(c->count, 0, sizeof(c->count));
	for (i = 0; i < f->nbins; i++)
	{
		bool		alone = stands_alone(f, i);

		if (alone)
			n = eg_edges_add(c->upper, n, nextafterf((float) f->upper[i], -INFINITY));
		c->count[n] = f->count[i];
		if (alone || i < f->nbins - 1)
			n = eg_edges_add(c->upper, n, f->upper[i]);
	}
	c->nbins = n + 1;
}

static void
start_count(EgDriftCount *c, const EgFeatureBaseline *then, double mean)
{
	int			n = then->ncategories;

	if (n == 0)
	{
		start_bins(c, then);
		n = c->nbins;
	}
	c->then = then;
	c->mean_then = mean;
	c->median_now = NAN;
	c->bin = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * n);
	memset(c->bin, 0, sizeof(int64) * n);
}

static EgModelDrift *
start_drift(EgCompiled *compiled)
{
	EgModelDrift *d = palloc0(sizeof(EgModelDrift));
	const EgArtifact *all = compiled->parts[0];
	int			j;

	if (all->baseline == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no distributions stored with it", compiled->model),
				 errdetail("Training stores them; an imported model comes without."),
				 errhint("Compare two sources with engage_psi() and its sisters.")));
	d->compiled = compiled;
	d->schema = all->schema;
	d->baseline = all->baseline;
	d->features = MemoryContextAllocHuge(CurrentMemoryContext,
										 sizeof(EgDriftCount) * Max(d->schema->nfeatures, 1));
	memset(d->features, 0, sizeof(EgDriftCount) * d->schema->nfeatures);
	for (j = 0; j < d->schema->nfeatures; j++)
	{
		bool		category = d->schema->ncategories[j] > 0;

		start_count(&d->features[j], &all->baseline->features[j],
					d->schema->stats && !category ? d->schema->stats[j].mean : NAN);
	}
	d->scores_then = all->scores;
	if (all->scores)
	{
		d->scores = palloc0(sizeof(EgDriftCount) * compiled->width);
		for (j = 0; j < compiled->width; j++)
			start_count(&d->scores[j], &all->scores->outputs[j], all->scores->mean[j]);
	}
	return d;
}

EgModelDrift *
eg_drift_model(const char *model)
{
	EgVersionRow *v = eg_models_version(model, EG_PRIV_USE);

	return start_drift(eg_cache_get(v->id, CurrentMemoryContext));
}

static void
start_limits(Limits *l, const EgDriftCount *c)
{
	const EgFeatureBaseline *then = c->then;
	int			i;

	memset(l, 0, sizeof(Limits));
	for (i = 0; i < LIMITS; i++)
		l->upper[i] = i < c->nbins - 1 ? (float) c->upper[i] : INFINITY;
	l->few = c->nbins <= EG_BASELINE_BINS;
	l->min = then->nbins > 0 ? (float) then->quantile[0] : -INFINITY;
	l->max = then->nbins > 0 ? (float) then->quantile[EG_BASELINE_BINS] : INFINITY;
}

static void
end_limits(const Limits *l, EgDriftCount *c)
{
	memcpy(c->bin, l->bin, sizeof(int64) * c->nbins);
	c->missing = l->missing;
	c->below = l->below;
	c->above = l->above;
	c->sum = l->sum;
}

static void
start_reading(Reading *reading, EgModelDrift *d)
{
	const EgSchema *schema = d->schema;
	int			j;

	reading->drift = d;
	reading->number = palloc(sizeof(int) * Max(schema->nfeatures, 1));
	for (j = 0; j < schema->nfeatures; j++)
	{
		if (schema->ncategories[j] == 0)
			reading->number[reading->nnumbers++] = j;
	}
	reading->limits = MemoryContextAllocHuge(CurrentMemoryContext,
											 sizeof(Limits) * Max(reading->nnumbers, 1));
	for (j = 0; j < reading->nnumbers; j++)
		start_limits(&reading->limits[j], &d->features[reading->number[j]]);
	if (d->scores)
	{
		reading->score_limits = palloc(sizeof(Limits) * d->compiled->width);
		for (j = 0; j < d->compiled->width; j++)
			start_limits(&reading->score_limits[j], &d->scores[j]);
	}
	reading->words = palloc0(sizeof(WordColumn) * Max(schema->ncolumns, 1));
	for (j = 0; j < schema->ncolumns; j++)
	{
		if (schema->columns[j].kind == EG_COL_CATEGORY)
			reading->words[reading->nwords++].column = &schema->columns[j];
	}
}

/* ----------
 * Words that the model has never seen
 * ----------
 */

/* Columns are there and of a fitting type, or the scorer had raised an error. */
static void
find_words(Reading *reading, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(reading->context);
	int			i,
				j;

	for (i = 0; i < reading->nwords; i++)
	{
		WordColumn *w = &reading->words[i];

		for (j = 0; j < desc->natts; j++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, j);

			if (!att->attisdropped && strcmp(NameStr(att->attname), w->column->name) == 0)
				break;
		}
		Assert(j < desc->natts);
		w->attno = j;
		(void) eg_converter_init(&w->cv, TupleDescAttr(desc, j)->atttypid);
	}
	MemoryContextSwitchTo(old);
}

/* Words beyond the table's size are counted with the others, but not shown. */
static void
count_unseen(Reading *reading, WordColumn *w, Datum value)
{
	char		buf[EG_TEXT_BUFFER];
	int			len;
	const char *text = eg_convert_text(&w->cv, value, buf, &len);
	uint64		hash = eg_hash_text(text, len);
	uint32		at;

	if (w->words == NULL)
		w->words = MemoryContextAllocZero(reading->context, sizeof(UnseenWord) * UNSEEN_WORDS);
	for (at = hash % UNSEEN_WORDS; w->words[at].rows > 0; at = (at + 1) % UNSEEN_WORDS)
	{
		if (w->words[at].hash == hash)
		{
			w->words[at].rows++;
			return;
		}
	}

	/* some places stay free, so that searching ends */
	if (w->nwords >= UNSEEN_WORDS / 2)
		return;
	w->nwords++;
	w->words[at].hash = hash;
	w->words[at].rows = 1;
	if (len > LONGEST_EXAMPLE)
		len = pg_mbcliplen(text, len, LONGEST_EXAMPLE);
	w->words[at].text = MemoryContextAlloc(reading->context, len + 1);
	memcpy(w->words[at].text, text, len);
	w->words[at].text[len] = '\0';
}

static int
most_frequent_first(const void *a, const void *b)
{
	const UnseenWord *x = a,
			   *y = b;

	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	if (x->rows == 0)
		return 0;
	return strcmp(x->text, y->text);
}

static void
show_unseen(WordColumn *w, EgDriftCount *c)
{
	if (w->words == NULL)
		return;
	qsort(w->words, UNSEEN_WORDS, sizeof(UnseenWord), most_frequent_first);
	for (; c->nexamples < Min(w->nwords, EG_DRIFT_EXAMPLES); c->nexamples++)
		c->example[c->nexamples] = w->words[c->nexamples].text;
}

/* ----------
 * Rows
 * ----------
 */

/* n is a constant where this is called, or it would be slow */
static inline int
bin_among(const Limits *l, float v, int n)
{
	int			bin = 0;
	int			i;

	for (i = 0; i < n; i++)
		bin += v > l->upper[i];
	return bin;
}

static inline void
count_number(Limits *l, float v)
{
	if (isnan(v))
	{
		l->missing++;
		return;
	}
	l->bin[l->few ? bin_among(l, v, EG_BASELINE_BINS) : bin_among(l, v, LIMITS)]++;
	l->below += v < l->min;
	l->above += v > l->max;
	l->sum += v;
}

static void
keep_sample(Reading *reading, const float *x, const double *out)
{
	const EgModelDrift *d = reading->drift;
	int			n = d->schema->nfeatures;
	uint64		hash = 0;
	float	   *kept;
	int			j;

	for (j = 0; j < n; j++)
	{
		uint32		bits = 1;

		if (!isnan(x[j]))
			memcpy(&bits, &x[j], sizeof(bits));
		hash = eg_hash_combine(hash, bits);
	}
	kept = eg_reservoir_add(reading->kept, 0,
							eg_reservoir_key(reading->kept, eg_mix64(hash)));
	if (kept == NULL)
		return;
	memcpy(kept, x, sizeof(float) * n);
	for (j = 0; d->scores && j < d->compiled->width; j++)
		kept[n + j] = isfinite((float) out[j]) ? (float) out[j] : NAN;
}

static void
count_row(void *arg, EgSourceData *data, Size row, TupleDesc desc, const Datum *values,
		  const bool *nulls)
{
	Reading    *reading = arg;
	EgModelDrift *d = reading->drift;
	EgScorer   *scorer = reading->s->scorer;
	const double *out = NULL;
	int			j;

	/* the next row may have this one's place; one stays, or there would seem to be none */
	data->x.nrows = 1;
	if (d->scores)
	{
		out = eg_scorer_values(scorer, desc, values, nulls);
		for (j = 0; j < d->compiled->width; j++)
			count_number(&reading->score_limits[j],
						 isfinite((float) out[j]) ? (float) out[j] : NAN);
	}
	else
		(void) eg_scorer_vector(scorer, desc, values, nulls);
	if (!reading->started)
	{
		find_words(reading, desc);
		reading->started = true;
	}
	for (j = 0; j < reading->nnumbers; j++)
		count_number(&reading->limits[j], scorer->x[reading->number[j]]);
	for (j = 0; j < reading->nwords; j++)
	{
		WordColumn *w = &reading->words[j];
		EgDriftCount *c = &d->features[w->column->first];
		float		code = scorer->x[w->column->first];

		if (!isnan(code))
			c->bin[(int) code]++;
		else if (nulls[w->attno])
			c->missing++;
		else
		{
			c->unseen++;
			count_unseen(reading, w, values[w->attno]);
		}
	}
	keep_sample(reading, scorer->x, out);
}

/* ----------
 * Medians
 * ----------
 */

static int
by_size(const void *a, const void *b)
{
	float		x = *(const float *) a,
				y = *(const float *) b;

	return (x > y) - (x < y);
}

/* How many of n sorted numbers are at most limit. */
static Size
count_to(const float *sorted, Size n, float limit)
{
	Size		low = 0;

	while (low < n)
	{
		Size		middle = low + (n - low) / 2;

		if (sorted[middle] <= limit)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* The lower of two medians, of present > 0 rows, n > 0 of which are in a sorted sample. */
static double
find_median(const EgDriftCount *c, int64 present, const float *sorted, Size n)
{
	int64		rank = (present - 1) / 2;
	Size		first = 0,
				end = n,
				at;
	int			b = 0;

	for (; b < c->nbins - 1 && rank >= c->bin[b]; b++)
		rank -= c->bin[b];
	if (b > 0)
		first = count_to(sorted, n, (float) c->upper[b - 1]);
	if (b < c->nbins - 1)
		end = count_to(sorted, n, (float) c->upper[b]);
	at = first;
	if (end > first)
		at += Min((Size) ((rank + 0.5) / c->bin[b] * (end - first)), end - first - 1);
	return sorted[Min(at, n - 1)];
}

/* Column `at` of the records of the sample. */
static void
set_median(const Reading *reading, Size rows, int at, EgDriftCount *c, float *room)
{
	Size		n = 0,
				i;

	for (i = 0; i < rows; i++)
	{
		float		v = ((float *) eg_reservoir_record(reading->kept, i))[at];

		if (!isnan(v))
			room[n++] = v;
	}
	if (n == 0)
		return;
	qsort(room, n, sizeof(float), by_size);
	c->median_now = find_median(c, reading->drift->rows - c->missing, room, n);
}

/* The sample is finished: its rows give the medians, the first ones stay. */
static void
use_sample(Reading *reading, Size sample)
{
	EgModelDrift *d = reading->drift;
	int			n = d->schema->nfeatures;
	Size		rows = eg_reservoir_finish(reading->kept, false);
	float	   *room = palloc(sizeof(float) * Max(rows, 1));
	Size		i;
	int			j;

	for (j = 0; j < reading->nnumbers; j++)
	{
		CHECK_FOR_INTERRUPTS();
		set_median(reading, rows, reading->number[j], &d->features[reading->number[j]], room);
	}
	for (j = 0; d->scores && j < d->compiled->width; j++)
		set_median(reading, rows, n + j, &d->scores[j], room);
	d->nsample = Min(sample, rows);
	d->sample = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(float) * Max(d->nsample * n, 1));
	for (i = 0; i < d->nsample; i++)
		memcpy(d->sample + i * n, eg_reservoir_record(reading->kept, i), sizeof(float) * n);
}

EgModelDrift *
eg_drift_read(const char *model, const char *source, Size sample, EgRun *run)
{
	EgVersionRow *v = eg_models_version(model, EG_PRIV_USE);
	EgCompiled *compiled = eg_cache_get(v->id, CurrentMemoryContext);
	EgModelDrift *d;
	EgEvaluateSpec spec = {0};
	EgSourceSpec what;
	Reading		reading = {0};
	int			width;
	int			j;

	eg_evaluate_check_parts(compiled);
	d = start_drift(compiled);
	width = d->schema->nfeatures + (d->scores ? compiled->width : 0);
	spec.model = model;
	spec.source = source;
	spec.no_truth = true;
	what = eg_evaluate_source(&spec, v, compiled);
	reading.context = CurrentMemoryContext;
	reading.s = eg_evaluate_create(v, compiled);
	start_reading(&reading, d);
	reading.kept = eg_reservoir_create(Max(sample, EG_DRIFT_MEDIAN_ROWS),
									   sizeof(float) * Max(width, 1), run);
	what.row_hook = count_row;
	what.row_hook_arg = &reading;
	eg_evaluate_read(&spec, &what, reading.s, run);
	d->rows = reading.s->nread;
	d->quantiles = reading.s->scorer->quantiles;

	for (j = 0; j < reading.nnumbers; j++)
		end_limits(&reading.limits[j], &d->features[reading.number[j]]);
	for (j = 0; d->scores && j < compiled->width; j++)
		end_limits(&reading.score_limits[j], &d->scores[j]);
	for (j = 0; j < reading.nwords; j++)
		show_unseen(&reading.words[j], &d->features[reading.words[j].column->first]);
	use_sample(&reading, sample);
	return d;
}
