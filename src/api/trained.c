/*-------------------------------------------------------------------------
 *
 * trained.c
 *	  From a trained model to what is said of it: metrics, comparison with the
 *	  deployed version, the version's data, the result row, notices.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "api/measure.h"
#include "api/trained.h"
#include "base/history.h"
#include "store/remembered.h"
#include "store/score.h"

/*
 * What the metrics are computed from.  For them a survival score is a risk;
 * the accelerated failure time model predicts a time, the opposite.
 */
EgMetricInput
eg_metric_input(const EgTrained *t, const EgHeldOut *h)
{
	EgMetricInput in = {0};
	char	   *objective = eg_jsonb_text(eg_json_parse(t->params), "objective");
	int			n;

	in.task = t->task;
	in.n = h->n;
	in.width = h->width;
	in.truth = h->truth;
	in.score = h->score;
	in.weight = h->weight;
	in.group = h->group;
	in.event = h->event;
	in.nclasses = t->nlabels;
	in.labels = (const char *const *) t->labels;
	if (t->task == EG_QUANTILE)
	{
		double	   *quantiles = eg_json_numbers(t->params, "quantiles", &n);

		in.quantiles = n == h->width ? quantiles : NULL;
	}
	if (t->task == EG_SURVIVAL && objective && strcmp(objective, "survival:aft") == 0)
	{
		double *risk = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(h->n, 1));
		Size		i;

		for (i = 0; i < h->n; i++)
			risk[i] = -h->score[i];
		in.score = risk;
	}
	return in;
}

/* Does the challenger replace the champion?  See docs/reference/train.md, "Deployment". */
EgComparison
eg_trained_compare(const EgRecipe *r, const EgTrained *t, const char *champion,
				   const char *reason)
{
	EgComparison c = {0};
	EgMetricInput in;
	double		gain;

	c.metric = eg_metric_primary(t->task);
	c.champion = c.challenger = NAN;
	c.champion_version = champion;

	/* without a target there is nothing to be better at: what is newer replaces what is older */
	if (r->spec.target == NULL)
	{
		c.champion_version = NULL;
		c.deploy = r->deploy != EG_DEPLOY_NEVER;
		return c;
	}
	if (t->test.n > 0)
	{
		in = eg_metric_input(t, &t->test);
		c.challenger = eg_metric_value(&in, c.metric);
	}
	if (champion)
	{
		c.reason = reason ? reason : t->not_comparable;
		if (c.reason == NULL && t->rival.n == 0)
			c.reason = "no rows are held out";
		if (c.reason == NULL)
		{
			in = eg_metric_input(t, &t->rival);
			c.champion = eg_metric_value(&in, c.metric);
		}
	}

	switch (r->deploy)
	{
		case EG_DEPLOY_ALWAYS:
			c.deploy = true;
			break;
		case EG_DEPLOY_NEVER:
			c.deploy = false;
			break;
		case EG_DEPLOY_BETTER:
			if (champion == NULL)
				c.deploy = true;
			else
			{
				gain = c.challenger - c.champion;
				if (!eg_metric_larger_is_better(c.metric))
					gain = -gain;
				c.deploy = gain > r->min_improvement;	/* false for NaN */
			}
			break;
	}
	return c;
}

static void
put_number(StringInfo out, const char *name, double v)
{
	if (isfinite(v))
		appendStringInfo(out, ", \"%s\": %.10g", name, v);
}

static void
put_comparison(StringInfo out, const EgComparison *c)
{
	if (c->champion_version == NULL)
		return;
	appendStringInfoString(out, ", \"comparison\": {\"champion\": ");
	escape_json(out, c->champion_version);
	appendStringInfoString(out, ", \"metric\": ");
	escape_json(out, c->metric);
	put_number(out, "champion_value", c->champion);
	put_number(out, "value", c->challenger);
	if (c->reason)
	{
		appendStringInfoString(out, ", \"not_comparable\": ");
		escape_json(out, c->reason);
	}
	appendStringInfo(out, ", \"better\": %s}", c->deploy ? "true" : "false");
}

/* The metric of the rounds; engage_learning_curve() reads it. */
static void
put_history(StringInfo out, const EgHistory *h)
{
	StringInfoData json;

	initStringInfo(&json);
	if (eg_history_json(h, &json))
		appendStringInfo(out, ", \"history\": %s", json.data);
}

static void
put_strings(StringInfo out, const char *name, char *const *v, int n)
{
	int			i;

	appendStringInfo(out, ", \"%s\": [", name);
	for (i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(out, ", ");
		escape_json(out, v[i]);
	}
	appendStringInfoChar(out, ']');
}

/* Calibration of probabilities, and how the intervals do on the held-out rows. */
static void
put_calibration(StringInfo out, const EgRecipe *r, const EgTrained *t)
{
	bool		cross = r->spec.cross_folds > 0;

	if (r->spec.calibrate)
		appendStringInfo(out, ", \"calibration\": {\"method\": \"%s\", \"rows\": %lld}",
						 r->spec.calibrate, (long long) (cross ? t->ncross : t->ncalibrate));
	if (r->spec.interval > 0)
	{
		appendStringInfo(out, ", \"interval\": {\"level\": %.10g, \"method\": \"%s\", "
						 "\"rows\": %lld", r->spec.interval, cross ? "cross" : "split",
						 (long long) (cross ? t->ncross : t->nconformal));
		if (cross)
			appendStringInfo(out, ", \"folds\": %d", r->spec.cross_folds);
		put_number(out, "coverage", t->coverage);
		put_number(out, "mean_size", t->interval_size);
		appendStringInfoChar(out, '}');
	}
}

/* Stored members that whoever trained may use, but not export. */
static void
put_lent(StringInfo out, List *lent)
{
	ListCell   *lc;

	appendStringInfoString(out, ", \"lent\": [");
	foreach(lc, lent)
	{
		if (lc != list_head(lent))
			appendStringInfoString(out, ", ");
		escape_json(out, lfirst(lc));
	}
	appendStringInfoChar(out, ']');
}

/* engage.version.data: what the version was made of */
Jsonb *
eg_trained_data(const EgRecipe *r, const EgTrained *t, const EgComparison *c)
{
	static const char *const kinds[] = {"number", "category", "date", "interval", "array"};
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	appendStringInfo(
		&out,
		"{\"rows\": %lld, \"rows_train\": %lld, \"rows_validation\": %lld, "
		"\"rows_test\": %lld, \"rows_without_target\": %lld, \"fingerprint\": \"%016llx\"",
		(long long) t->nread, (long long) t->nfit, (long long) t->nvalid, (long long) t->test.n,
		(long long) t->nskipped, (unsigned long long) t->fingerprint);
	put_calibration(&out, r, t);
	if (t->nseen > 0)
		appendStringInfo(&out, ", \"rows_test_seen\": %lld", (long long) t->nseen);
	if (t->lent)
		put_lent(&out, t->lent);
	if (t->remembered)
		appendStringInfo(&out, ", \"remembered_keys\": %lld", (long long) t->remembered->n);
	appendStringInfoString(&out, ", \"query\": ");
	escape_json(&out, t->query);
	if (r->spec.target)
	{
		appendStringInfoString(&out, ", \"target\": ");
		escape_json(&out, r->spec.target);
	}
	if (t->nlabels > 0)
		put_strings(&out, "labels", t->labels, t->nlabels);
	if (eg_task_two_classes(t->task))
		appendStringInfo(&out, ", \"threshold\": %.17g", t->threshold);
	put_strings(&out, "features", t->schema->names, t->schema->nfeatures);

	appendStringInfoString(&out, ", \"columns\": [");
	for (i = 0; i < t->schema->ncolumns; i++)
	{
		const EgColumn *col = &t->schema->columns[i];

		appendStringInfo(&out, "%s{\"name\": ", i > 0 ? ", " : "");
		escape_json(&out, col->name);
		appendStringInfo(&out, ", \"kind\": \"%s\", \"type\": ", kinds[col->kind]);
		escape_json(&out, col->type ? col->type : "");
		if (col->kind == EG_COL_CATEGORY)
			appendStringInfo(&out, ", \"categories\": %d", col->ncategories);
		if (col->kind == EG_COL_ARRAY)
			appendStringInfo(&out, ", \"length\": %d", col->width);
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoString(&out, "], \"split\": ");
	eg_split_to_json(t->split, &out);

	if (r->spec.partition_by)
	{
		appendStringInfoString(&out, ", \"parts\": {");
		for (i = 1; i < t->nparts; i++)
		{
			if (i > 1)
				appendStringInfoString(&out, ", ");
			escape_json(&out, t->parts[i].value);
			appendStringInfo(&out, ": %lld", (long long) t->part_rows[i]);
		}
		appendStringInfo(&out, "}, \"values_without_part\": %d", t->nfallback);
	}
	put_comparison(&out, c);
	put_history(&out, t->history);
	appendStringInfoChar(&out, '}');
	return eg_json_parse(out.data);
}

Datum
eg_trained_row(FunctionCallInfo fcinfo, const EgVersionRow *v, const EgTrained *t, bool deployed)
{
	TupleDesc	desc;
	Datum		values[9];
	bool		nulls[9] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	values[0] = CStringGetTextDatum(v->model);
	values[1] = CStringGetTextDatum(psprintf("%d.%d.%d", v->major, v->minor, v->patch));
	values[2] = CStringGetTextDatum(v->algorithm);
	values[3] = CStringGetTextDatum(v->task);
	values[4] = Int64GetDatum((int64) (t->nfit + t->nvalid + t->ncalibrate + t->nconformal));
	values[5] = Int64GetDatum((int64) t->test.n);
	nulls[6] = v->metrics == NULL;
	values[6] = v->metrics ? JsonbPGetDatum(v->metrics) : (Datum) 0;
	values[7] = BoolGetDatum(deployed);
	values[8] = Float8GetDatum(v->seconds);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

void
eg_trained_tell(const EgRecipe *r, const EgTrained *t, const EgComparison *c, const char *version)
{
	if (t->nskipped > 0)
		ereport(NOTICE,
				(errmsg("%lld of %lld rows have no value of target \"%s\" and were left out",
						(long long) t->nskipped, (long long) t->nread, r->spec.target)));
	if (t->nfallback > 0)
		ereport(
			NOTICE,
			(errmsg(
				 "%d values of partition column \"%s\" have too few rows for a model of their own",
				 t->nfallback, r->spec.partition_by),
			 errdetail("Their rows are scored by the model trained on all rows.")));
	if (t->nseen > 0)
		ereport(NOTICE,
				(errmsg("stored members may have learned from %lld of the %lld held-out rows",
						(long long) t->nseen, (long long) t->test.n),
				 errdetail("The metrics of version %s may be too good.", version),
				 errhint("Train members and ensemble with the same key, and the members with a "
						 "test_size that is not smaller.")));
	if (r->deploy != EG_DEPLOY_BETTER || c->deploy)
		return;
	if (c->reason)
		ereport(
			NOTICE,
			(errmsg(
				 "version %s was not deployed: it cannot be compared with version %s, because %s",
				 version, c->champion_version, c->reason),
			 errhint("Deploy it with engage_deploy('%s', '%s'), or train with deploy => 'always'.",
					 r->spec.model, version)));
	else
		ereport(NOTICE,
				(errmsg("version %s was not deployed: its %s of %.6g on the held-out rows is not "
						"better than the %.6g of version %s",
						version, c->metric, c->challenger, c->champion, c->champion_version),
				 r->min_improvement != 0 ?
				 errdetail("It must be better by more than %g.", r->min_improvement) : 0));
}

Jsonb *
eg_trained_metrics(const EgTrained *t)
{
	StringInfoData metrics;
	EgMetricInput in;
	bool		estimated = t->estimate != NULL && t->estimate[0] != '\0';

	if (t->test.n == 0 && !estimated)
		return NULL;
	initStringInfo(&metrics);
	if (t->test.n > 0)
	{
		in = eg_metric_input(t, &t->test);
		eg_metrics_json(&metrics, &in);
		metrics.data[--metrics.len] = '\0';	/* the object is open again */
	}
	if (estimated)
		appendStringInfo(&metrics, "%s%s", metrics.len > 0 ? ", " : "{", t->estimate);
	appendStringInfoChar(&metrics, '}');
	return eg_json_parse(metrics.data);
}
