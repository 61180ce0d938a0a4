/*-------------------------------------------------------------------------
 *
 * tune_search.c
 *	  The search of engage_tune().
 *
 * All trials see the same folds, so that after each fold a trial can be
 * compared with the others on the same rows and given up when it falls behind:
 *
 *	  median	its mean so far is worse than the median of what the complete
 *				trials had after as many folds (D. Golovin et al., "Google
 *				Vizier", KDD 2017)
 *	  halving	after 1, 2, 4, ... folds only the better half goes on (L. Li et
 *				al., "A System for Massively Parallel Hyperparameter Tuning",
 *				MLSys 2020, with folds as the resource)
 *
 * The n-th suggestion follows from the seed and from the trials before it, so
 * a search that was interrupted and resumed ends where the uninterrupted one
 * does.
 *
 * size: one search, from its trials to its winner, over one state.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "api/recipe.h"
#include "api/tune_search.h"
#include "base/random.h"
#include "base/sort.h"
#include "store/progress.h"

/* complete trials before the median says something; trials at a rung before it is halved */
#define MEDIAN_TRIALS		5
#define HALVING_TRIALS		4

/* rows that a group needs in a fold to be compared with the others */
#define GROUP_ROWS			10

/* points drawn before a space counts as used up; the first of them by the strategy */
#define MAX_DRAWS			200
#define STRATEGY_DRAWS		10

typedef struct Trial
{
	EgPoint		point;			/* branch -1: not of this space */
	EgTrialRow	row;
	int			ndone;			/* folds that were run */
	double	   *score;			/* (total) metric of each fold */
	double	   *gap;			/* (total) difference between the groups */
	double	   *loss;			/* (total) */
} Trial;

typedef struct Search
{
	const EgTuneSpec *spec;
	EgCrossval *cv;
	const char *metric;
	bool		larger_is_better;
	int			total;			/* folds of a complete trial */
	int64		tuning;
	int			ntrials;
	int			capacity;
	Trial	   *trials;
	uint64		next_grid;
	instr_time	start;
	EgRun		quiet;			/* for the fits */
} Search;

/* ----------
 * Fairness
 * ----------
 */

/* Rows of one group, copied. */
static EgMetricInput
rows_of_group(const EgMetricInput *in, const int32 *group, int g)
{
	EgMetricInput own = *in;
	double	   *truth = palloc_extended(sizeof(double) * Max(in->n, 1), MCXT_ALLOC_HUGE);
	double	   *score = palloc_extended(sizeof(double) * Max(in->n * in->width, 1),
										MCXT_ALLOC_HUGE);
	double	   *weight = palloc_extended(sizeof(double) * Max(in->n, 1), MCXT_ALLOC_HUGE);
	double	   *event = palloc_extended(sizeof(double) * Max(in->n, 1), MCXT_ALLOC_HUGE);
	double	   *query = palloc_extended(sizeof(double) * Max(in->n, 1), MCXT_ALLOC_HUGE);
	Size		i;

	own.n = 0;
	for (i = 0; i < in->n; i++)
	{
		if (group[i] != g)
			continue;
		truth[own.n] = in->truth[i];
		memcpy(score + own.n * in->width, in->score + i * in->width, sizeof(double) * in->width);
		weight[own.n] = in->weight ? in->weight[i] : 1;
		event[own.n] = in->event ? in->event[i] : 1;
		query[own.n] = in->group ? in->group[i] : 0;
		own.n++;
	}
	own.truth = truth;
	own.score = score;
	own.weight = in->weight ? weight : NULL;
	own.event = in->event ? event : NULL;
	own.group = in->group ? query : NULL;
	return own;
}

static double
positive_rate(const EgMetricInput *in)
{
	double		positive = 0,
				all = 0;
	Size		i;

	for (i = 0; i < in->n; i++)
	{
		double		w = in->weight ? in->weight[i] : 1;

		all += w;
		positive += in->score[i] >= 0.5 ? w : 0;
	}
	return all > 0 ? positive / all : NAN;
}

/* Largest difference between two groups of a fold; 0 when there are no two to compare. */
static double
fold_gap(const Search *s, const EgMetricInput *in, const EgFoldScores *fold)
{
	double		least = INFINITY,
				most = -INFINITY;
	int			g;

	for (g = 0; g < s->cv->ncompared; g++)
	{
		EgMetricInput own = rows_of_group(in, fold->compared, g);
		double		v = NAN;

		if (own.n >= GROUP_ROWS)
			v = s->spec->fairness == EG_FAIR_METRIC ? eg_metric_value(&own, s->metric) :
				positive_rate(&own);
		if (isnan(v))
			continue;
		least = Min(least, v);
		most = Max(most, v);
	}
	return most > least ? most - least : 0;
}

/* ----------
 * One trial
 * ----------
 */

static bool
time_is_over(const Search *s)
{
	instr_time	now;

	if (s->spec->time_limit <= 0)
		return false;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, s->start);
	return INSTR_TIME_GET_DOUBLE(now) >= s->spec->time_limit;
}

static double
mean_of_first(const double *v, int n)
{
	double		mean,
				deviation;

	(void) eg_mean_deviation(v, n, &mean, &deviation);
	return mean;
}

static bool
is_complete(const Trial *t)
{
	return strcmp(t->row.state, "complete") == 0;
}

/* After so many folds, is the trial worse than the median of its rivals? */
static bool
falls_behind(const Search *s, const Trial *t)
{
	bool		halving = s->spec->prune == EG_PRUNE_HALVING;
	double		own = mean_of_first(t->loss, t->ndone);
	double	   *others;
	double		median;
	int			n = 0;
	int			i;

	if (s->spec->prune == EG_PRUNE_NONE || isnan(own))
		return false;
	if (halving && (t->ndone & (t->ndone - 1)) != 0)
		return false;			/* no rung */
	others = palloc(sizeof(double) * Max(s->ntrials, 1));
	for (i = 0; i < s->ntrials; i++)
	{
		const Trial *o = &s->trials[i];

		if (o->ndone < t->ndone || (!halving && !is_complete(o)))
			continue;
		others[n] = mean_of_first(o->loss, t->ndone);
		n += !isnan(others[n]);
	}
	if (n < (halving ? HALVING_TRIALS : MEDIAN_TRIALS))
		return false;
	qsort(others, n, sizeof(double), eg_by_double);
	median = n % 2 ? others[n / 2] : (others[n / 2 - 1] + others[n / 2]) / 2;
	return own > median;
}

static Jsonb *
numbers_json(const double *v, int n)
{
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&out, ", ");
		if (isfinite(v[i]))
			appendStringInfo(&out, "%.17g", v[i]);
		else
			appendStringInfoString(&out, "null");
	}
	appendStringInfoChar(&out, ']');
	return eg_json_parse(out.data);
}

/* What the leaderboard says about a trial. */
static void
finish_trial(const Search *s, Trial *t)
{
	EgTrialRow *row = &t->row;
	double		ignored;

	(void) eg_mean_deviation(t->score, t->ndone, &row->mean, &row->deviation);
	row->loss = mean_of_first(t->loss, t->ndone);
	row->gap = NAN;
	row->gaps = NULL;
	if (s->spec->cv.compare)
	{
		(void) eg_mean_deviation(t->gap, t->ndone, &row->gap, &ignored);
		row->gaps = numbers_json(t->gap, t->ndone);
	}
	row->scores = numbers_json(t->score, t->ndone);
	if (row->state == NULL)
		row->state = "complete";
	if (strcmp(row->state, "complete") == 0 && isnan(row->loss))
	{
		row->state = "failed";
		row->message = psprintf("metric \"%s\" has no value in any fold", s->metric);
	}
	t->point.loss = strcmp(row->state, "failed") == 0 ? NAN : row->loss;
	t->point.complete = strcmp(row->state, "complete") == 0;
}

static bool
any_complete(const Search *s)
{
	int			i;

	for (i = 0; i < s->ntrials; i++)
	{
		if (is_complete(&s->trials[i]))
			return true;
	}
	return false;
}

static void
run_trial(Search *s, Trial *t)
{
	const EgAlgorithm *a = s->spec->space->algorithms[t->point.branch];
	int			folds = s->spec->cv.folds;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "engage trial scores",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *text = eg_tune_params(s->spec->space, &t->point);
	int			level = NewGUCNestLevel();
	void	   *params;
	StringInfoData resolved;

	/* what a learner warns of hundreds of times is said once, by the winner's training */
	if (client_min_messages < ERROR)
		(void) set_config_option("client_min_messages", "error", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	t->row.algorithm = (char *) a->name;
	t->row.params = eg_json_parse(text);
	params = eg_params_parse(a->params, a->params_size, t->row.params, a->name);
	initStringInfo(&resolved);
	eg_params_to_json(a->params, params, &resolved);
	while (t->ndone < s->total)
	{
		EgFoldScores fold;
		EgMetricInput in;
		char	   *problem;
		int			k = t->ndone;

		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		problem = eg_crossval_try_fold(s->cv, a, params, k / folds, k % folds, &s->quiet, &fold);
		if (problem)
		{
			t->row.state = "failed";
			t->row.message = MemoryContextStrdup(caller, problem);
			MemoryContextSwitchTo(caller);
			break;
		}
		in = eg_fold_input(s->cv, resolved.data, &fold);
		t->score[k] = eg_metric_value(&in, s->metric);
		t->gap[k] = s->spec->cv.compare ? fold_gap(s, &in, &fold) : 0;
		t->loss[k] = (s->larger_is_better ? -t->score[k] : t->score[k]) +
			s->spec->fairness_weight * t->gap[k];
		t->row.seconds += fold.seconds;
		t->ndone++;
		MemoryContextSwitchTo(caller);
		if (t->ndone == s->total)
			break;
		if (falls_behind(s, t))
		{
			t->row.state = "pruned";
			break;
		}
		if (time_is_over(s) && any_complete(s))
		{
			t->row.state = "stopped";
			break;
		}
	}
	AtEOXact_GUC(true, level);
	MemoryContextDelete(context);
	finish_trial(s, t);
}

/* ----------
 * The search
 * ----------
 */

/* Room for one more trial; it counts once s->ntrials is raised. */
static Trial *
new_trial(Search *s)
{
	Trial	   *t;

	if (s->ntrials == s->capacity)
	{
		int			capacity = Max(s->capacity * 2, 64);

		s->trials = s->capacity ? repalloc(s->trials, sizeof(Trial) * capacity) :
			palloc(sizeof(Trial) * capacity);
		s->capacity = capacity;
	}
	t = &s->trials[s->ntrials];
	memset(t, 0, sizeof(Trial));
	t->point.x = palloc(sizeof(double) * Max(s->spec->space->space.ndims, 1));
	t->score = palloc0(sizeof(double) * s->total);
	t->gap = palloc0(sizeof(double) * s->total);
	t->loss = palloc0(sizeof(double) * s->total);
	t->row.trial = s->ntrials + 1;
	return t;
}

/* Points of the trials so far that are of this space; *n of them. */
static EgPoint *
points_so_far(const Search *s, int *n)
{
	EgPoint    *points = palloc(sizeof(EgPoint) * Max(s->ntrials, 1));
	int			i;

	*n = 0;
	for (i = 0; i < s->ntrials; i++)
	{
		if (s->trials[i].point.branch >= 0)
			points[(*n)++] = s->trials[i].point;
	}
	return points;
}

static bool
is_new(const EgSpace *space, const EgPoint *points, int n, const EgPoint *p)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (eg_points_equal(space, &points[i], p))
			return false;
	}
	return true;
}

/* The next point; false when the space is used up. */
static bool
suggest(Search *s, EgPoint *out)
{
	const EgTuneSpace *t = s->spec->space;
	uint64		key = eg_random_stream((uint64) s->spec->cv.train.seed, (uint64) s->ntrials);
	EgPoint    *points;
	int			n,
				i;

	points = points_so_far(s, &n);
	if (s->spec->strategy == EG_TUNE_GRID)
	{
		while ((double) s->next_grid < eg_space_grid_size(&t->space))
		{
			eg_space_grid(&t->space, s->next_grid++, out);
			eg_tune_round(t, out);
			if (is_new(&t->space, points, n, out))
				return true;
		}
		return false;
	}

	/* what everybody has without a search comes first */
	for (i = 0; i < t->nalgorithms; i++)
	{
		eg_tune_defaults(t, i, out);
		if (is_new(&t->space, points, n, out))
			return true;
	}

	/* a branch that is used up may still be the best one: then any other point is welcome */
	for (i = 0; i < MAX_DRAWS; i++)
	{
		if (s->spec->strategy == EG_TUNE_TPE && i < STRATEGY_DRAWS)
			eg_tpe_suggest(&t->space, points, n, eg_random_stream(key, i), out);
		else
			eg_space_random(&t->space, eg_random_stream(key, i), out);
		eg_tune_round(t, out);
		if (is_new(&t->space, points, n, out))
			return true;
	}
	ereport(NOTICE,
			(errmsg("the search ends after %d of %d trials: no other point of the space was found",
					s->ntrials, s->spec->trials)));
	return false;
}

/* Numbers of a JSON array, null as NaN; returns how many, at most max. */
static int
read_numbers(Jsonb *json, double *out, int max)
{
	int			n = 0;
	int			i;

	if (json == NULL || !JB_ROOT_IS_ARRAY(json))
		return 0;
	n = Min((int) JB_ROOT_COUNT(json), max);
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&json->root, i);

		out[i] = v->type == jbvNumeric ?
			DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric))) :
			NAN;
	}
	return n;
}

/* The trials of the last search like this one; true when there is one to go on with. */
static bool
resume_trials(Search *s)
{
	bool		same_data;
	ListCell   *lc;
	int			k;

	s->tuning = eg_tuning_find(s->spec->cv.train.model, s->spec->setting, s->cv->fingerprint,
							   &same_data);
	if (s->tuning == 0)
		return false;
	if (!same_data)
	{
		ereport(NOTICE,
				(errmsg("tuning %lld saw other rows and is not resumed", (long long) s->tuning),
				 errdetail("The source has changed since.")));
		return false;
	}
	foreach(lc, eg_trials_read(s->tuning))
	{
		const EgTrialRow *row = lfirst(lc);
		Trial	   *t = new_trial(s);

		t->row = *row;
		t->ndone = read_numbers(row->scores, t->score, s->total);
		(void) read_numbers(row->gaps, t->gap, s->total);
		for (k = 0; k < t->ndone; k++)
			t->loss[k] = (s->larger_is_better ? -t->score[k] : t->score[k]) +
				s->spec->fairness_weight * t->gap[k];

		/* what the time limit cut short may be tried again */
		if (!eg_tune_point(s->spec->space, row->algorithm, row->params, &t->point) ||
			strcmp(row->state, "stopped") == 0)
			t->point.branch = -1;
		t->point.loss = strcmp(row->state, "failed") == 0 ? NAN : row->loss;
		t->point.complete = strcmp(row->state, "complete") == 0;
		s->ntrials++;
	}
	return true;
}

static Trial *
best_trial(const Search *s)
{
	Trial	   *best = NULL;
	int			i;

	for (i = 0; i < s->ntrials; i++)
	{
		Trial	   *t = &s->trials[i];

		if (is_complete(t) && (best == NULL || t->row.loss < best->row.loss))
			best = t;
	}
	return best;
}

static void
check_grid(const EgTuneSpec *spec)
{
	double		size;

	if (spec->strategy != EG_TUNE_GRID)
		return;
	size = eg_space_grid_size(&spec->space->space);
	if (size > spec->trials)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the grid has %.0f points, but only %d trials are allowed", size,
						spec->trials),
				 errhint("Raise trials, fix parameters in params, or give fewer values in "
						 "space.")));
}

static void
check_fairness(const Search *s)
{
	const EgTuneSpec *spec = s->spec;

	if (spec->cv.compare == NULL)
		return;
	if (spec->fairness == EG_FAIR_POSITIVE_RATE && s->cv->task != EG_BINARY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fairness by positive_rate is for the task binary, not %s",
						eg_task_name(s->cv->task)),
				 errhint("Use fairness => 'metric'.")));
	if (s->cv->ncompared < 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("fairness column \"%s\" has only %d value to compare", spec->cv.compare,
						s->cv->ncompared)));
}

static void
try_all(Search *s, EgRun *run)
{
	while (s->ntrials < s->spec->trials)
	{
		Trial	   *t,
				   *best;

		if (time_is_over(s) && any_complete(s))
			break;
		t = new_trial(s);
		if (!suggest(s, &t->point))
			break;
		run_trial(s, t);
		s->ntrials++;
		eg_trial_add(s->tuning, &t->row);
		if (s->spec->commit)
			eg_tuning_commit();
		best = best_trial(s);
		eg_step(run, s->ntrials, s->spec->trials, s->metric, best ? best->row.mean : NAN);
	}
}

EgTuned *
eg_tune_search(const EgTuneSpec *spec, EgRun *run)
{
	EgTuned    *r = palloc0(sizeof(EgTuned));
	Search		s = {0};
	Trial	   *best;
	EgProgress	progress = {0};

	check_grid(spec);
	INSTR_TIME_SET_CURRENT(s.start);
	s.spec = spec;
	s.total = spec->cv.folds * spec->cv.repeats;
	s.quiet = *run;
	PG_TRY();
	{
		eg_progress_start(&progress, run, psprintf("tuning %s", spec->cv.train.model),
						  "reading row");
		s.cv = eg_crossval_read(&spec->cv, run);
		s.metric = eg_metric_choose(s.cv->task, spec->metric);
		s.larger_is_better = eg_metric_larger_is_better(s.metric);
		check_fairness(&s);
		eg_progress_start(&progress, run, psprintf("tuning %s", spec->cv.train.model), "trial");
		if (!(spec->resume && resume_trials(&s)))
			s.tuning = eg_tuning_begin(spec->cv.train.model, spec->setting, s.metric,
									   s.cv->fingerprint);
		try_all(&s, run);
	}
	PG_FINALLY();
	{
		eg_progress_end(&progress);
	}
	PG_END_TRY();

	best = best_trial(&s);
	if (best == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("none of %d trials could be completed", s.ntrials),
				 s.ntrials > 0 && s.trials[0].row.message ?
				 errdetail("The first one failed: %s.", s.trials[0].row.message) : 0));
	r->tuning = s.tuning;
	r->ntrials = s.ntrials;
	r->task = s.cv->task;
	r->metric = s.metric;
	r->winner = &best->row;
	return r;
}
