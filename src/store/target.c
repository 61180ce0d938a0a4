/*-------------------------------------------------------------------------
 *
 * target.c
 *	  What the target column says: task, classes, labels.
 *
 * Class order is the order of the values (false before true, numbers by size,
 * text by bytes), so that it depends neither on the rows' order nor on a
 * collation; the last class of two is the positive one unless told otherwise.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "store/train.h"

#define MAX_CLASSES 1000

/* Distinct values of a number column, sorted; -1 when there are more than max. */
static int
distinct_numbers(const double *v, Size n, double *out, int max)
{
	int			count = 0;
	int			last = -1;
	Size		i;

	for (i = 0; i < n; i++)
	{
		int			lo = 0,
					hi = count;

		if (last >= 0 && out[last] == v[i])
			continue;
		while (lo < hi)
		{
			int			mid = (lo + hi) / 2;

			if (out[mid] < v[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == count || out[lo] != v[i])
		{
			if (count == max)
				return -1;
			memmove(out + lo + 1, out + lo, sizeof(double) * (count - lo));
			out[lo] = v[i];
			count++;
		}
		last = lo;
	}
	return count;
}

/* Who asks for an algorithm that learns numbers and no classes asks for a regression. */
static bool
is_of_numbers(const EgAlgorithm *a)
{
	return (a->tasks & EG_TASK_BIT(EG_REGRESSION)) != 0 && (a->tasks & EG_TASK_BIT(EG_BINARY)) == 0;
}

static EgTask
infer_task(const EgTrainSpec *spec, const EgSourceData *d)
{
	double		two[2];
	int			n;

	if (spec->algorithm->tasks & EG_TASK_BIT(EG_CLUSTERING))
		return EG_CLUSTERING;
	if (spec->algorithm->tasks & EG_TASK_BIT(EG_ANOMALY))
		return EG_ANOMALY;
	if (spec->event)
		return EG_SURVIVAL;
	if (spec->group_by)
		return EG_RANKING;
	switch (d->target_kind)
	{
		case EG_TARGET_BOOL:
			return EG_BINARY;
		case EG_TARGET_LABEL:
			return d->target_column.ncategories > 2 ? EG_MULTICLASS : EG_BINARY;
		default:
			n = distinct_numbers(d->target, d->x.nrows, two, 2);
			if (n == 2 && two[0] == rint(two[0]) && two[1] == rint(two[1]) &&
				!is_of_numbers(spec->algorithm))
				return EG_BINARY;
			return EG_REGRESSION;
	}
}

/* The algorithm must know the task. */
static void
check_task(const EgTrainSpec *spec, EgTask task)
{
	StringInfoData known;
	int			t;

	if (spec->algorithm->tasks & EG_TASK_BIT(task))
		return;
	initStringInfo(&known);
	for (t = 0; t < EG_NTASKS; t++)
	{
		if (spec->algorithm->tasks & EG_TASK_BIT(t))
			appendStringInfo(&known, "%s%s", known.len ? ", " : "", eg_task_name(t));
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("algorithm \"%s\" cannot learn the task %s", spec->algorithm->name,
						   eg_task_name(task)),
					errhint("Its tasks are: %s.", known.data)));
}

/* A target where one is learned, none where there is nothing to compare it with. */
static void
check_target(const EgTrainSpec *spec, EgTask task)
{
	bool		unsupervised = (EG_TASKS_UNSUPERVISED & EG_TASK_BIT(task)) != 0;

	if (!unsupervised && spec->target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task %s needs a target column", eg_task_name(task)),
				 errhint("Name it with target => '...'.")));
	if (task == EG_CLUSTERING && spec->target)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task clustering has no target, but \"%s\" was named", spec->target),
				 errhint("Leave target out; exclude => '{%s}' keeps the column from being a feature.",
						 spec->target)));
	if (task == EG_CLUSTERING && spec->partition_by)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"partition_by\" is not for the task clustering"),
				 errdetail("Segments of several models would share their numbers."),
				 errhint("Train a model for each part.")));
	if (unsupervised && spec->class_weight)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"class_weight\" is for classification, not for the task %s",
						eg_task_name(task))));
	if (spec->target == NULL && spec->split)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"split\" needs a target"),
				 errdetail("Without a target there is nothing to measure on held-out rows, and all "
						   "rows are learned from.")));
}

/* Make label `positive` class 1 of two. */
static void
order_positive(const EgTrainSpec *spec, EgTarget *t, Size nrows)
{
	Size		i;

	if (spec->positive == NULL)
		return;
	if (!eg_task_two_classes(t->task))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"positive\" is for the task binary, not %s",
							   eg_task_name(t->task))));
	if (strcmp(spec->positive, t->labels[1]) == 0)
		return;
	if (strcmp(spec->positive, t->labels[0]) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("positive class \"%s\" is no value of target column \"%s\"",
							   spec->positive, spec->target),
						errhint("Its values are \"%s\" and \"%s\".", t->labels[0], t->labels[1])));
	t->labels[0] = t->labels[1];
	t->labels[1] = pstrdup(spec->positive);
	for (i = 0; i < nrows; i++)
		t->cls[i] = 1 - t->cls[i];
}

static void
classes_of_labels(EgTarget *t, EgSourceData *d)
{
	Size		nrows = d->x.nrows;
	int			n = d->target_column.ncategories;
	int32	   *code = eg_dict_sort(&d->target_column, NULL);
	Size		i;

	t->nlabels = n;
	t->labels = d->target_column.categories;
	for (i = 0; i < nrows; i++)
		t->cls[i] = code[(int) d->target[i]];
}

static void
classes_of_numbers(const EgTrainSpec *spec, EgTarget *t, EgSourceData *d)
{
	Size		nrows = d->x.nrows;
	double	   *values = palloc(sizeof(double) * MAX_CLASSES);
	int			n = distinct_numbers(d->target, nrows, values, MAX_CLASSES);
	Size		i;
	int			c;

	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" has more than %d classes", spec->target, MAX_CLASSES),
				 errhint("Use task => 'regression' for a number.")));
	t->nlabels = n;
	t->labels = palloc(sizeof(char *) * n);
	for (c = 0; c < n; c++)
	{
		if (values[c] != rint(values[c]))
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
							errmsg("target column \"%s\" has the value %g, which is no class",
								   spec->target, values[c]),
							errhint("Classes are whole numbers, text or booleans; use task => "
									"'regression' for a number.")));
		t->labels[c] = psprintf("%.0f", values[c]);
	}
	for (i = 0; i < nrows; i++)
	{
		int			lo = 0,
					hi = n - 1;

		while (lo < hi)
		{
			int			mid = (lo + hi) / 2;

			if (values[mid] < d->target[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		t->cls[i] = lo;
	}
}

static void
classes_of_booleans(EgTarget *t, EgSourceData *d)
{
	Size		nrows = d->x.nrows,
				ntrue = 0,
				i;

	for (i = 0; i < nrows; i++)
	{
		t->cls[i] = d->target[i] != 0;
		ntrue += t->cls[i];
	}
	t->labels = palloc(sizeof(char *) * 2);
	t->labels[0] = "false";
	t->labels[1] = "true";
	t->nlabels = 2;
	if (ntrue == nrows)
		t->labels[0] = t->labels[1];
	if (ntrue == nrows || ntrue == 0)
		t->nlabels = 1;
}

EgTarget *
eg_target_classes(const EgTrainSpec *spec, EgSourceData *d)
{
	Size		nrows = d->x.nrows;
	EgTarget   *t = palloc0(sizeof(EgTarget));
	double		one;
	Size		i;

	if (spec->task == NULL)
		t->task = infer_task(spec, d);
	else if (!eg_task_parse(spec->task, &t->task))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("task \"%s\" does not exist", spec->task),
						errhint("The tasks are: regression, binary, multiclass, quantile, ranking, "
								"count, survival, clustering, anomaly.")));
	check_task(spec, t->task);
	check_target(spec, t->task);

	if (t->task == EG_RANKING && spec->group_by == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task ranking needs a group column"),
				 errhint("Name the column that tells the queries apart with group_by => '...'.")));
	if (t->task != EG_RANKING && spec->group_by)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"group_by\" is for the task ranking, not %s",
							   eg_task_name(t->task))));
	if (t->task != EG_SURVIVAL && spec->event)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"event\" is for the task survival, not %s",
							   eg_task_name(t->task))));

	if (!eg_task_has_classes(t->task) || spec->target == NULL)
	{
		if (spec->class_weight)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"class_weight\" is for classification, not for the task %s",
							eg_task_name(t->task))));
		if (spec->positive)
			order_positive(spec, t, nrows);
		if (spec->target == NULL)
			return t;
		if (d->target_kind == EG_TARGET_LABEL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("target column \"%s\" has labels, but task %s needs numbers",
							spec->target, eg_task_name(t->task)),
					 errhint("Leave task out, or use task => 'multiclass'.")));
		if (t->task != EG_SURVIVAL && distinct_numbers(d->target, nrows, &one, 1) == 1)
			ereport(
				ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("target column \"%s\" is constant: every value is %g", spec->target, one),
				 errhint("There is nothing to learn; check the target and the source.")));
		return t;
	}

	t->cls = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(nrows, 1));
	switch (d->target_kind)
	{
		case EG_TARGET_BOOL:
			classes_of_booleans(t, d);
			break;
		case EG_TARGET_LABEL:
			classes_of_labels(t, d);
			break;
		default:
			classes_of_numbers(spec, t, d);
	}
	if (t->nlabels < 2)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("target column \"%s\" has only one class, \"%s\"", spec->target,
							   t->labels[0]),
						errhint("There is nothing to learn; check the target and the source.")));
	if (t->nlabels > MAX_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("target column \"%s\" has %d classes, at most %d are possible",
						spec->target, t->nlabels, MAX_CLASSES)));
	if (eg_task_two_classes(t->task) && t->nlabels > 2)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("target column \"%s\" has %d classes, but task %s needs two", spec->target,
					t->nlabels, eg_task_name(t->task)),
			 errhint(
				 "Use task => 'multiclass', or reduce the target to two classes in the source.")));
	order_positive(spec, t, nrows);
	for (i = 0; i < nrows; i++)
		d->target[i] = t->cls[i];
	d->target_kind = EG_TARGET_NUMBER;
	return t;
}

/* {"Yes": 3, "No": 1} */
static double *
given_class_weights(const EgTrainSpec *spec, const EgTarget *t)
{
	double	   *w = palloc(sizeof(double) * t->nlabels);
	Jsonb	   *json = NULL;
	JsonbIterator *it;
	JsonbIteratorToken tok;
	JsonbValue	v;
	int			c,
				found = -1;

	for (c = 0; c < t->nlabels; c++)
		w[c] = 1;
	if (spec->class_weight[0] == '{')
		json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(spec->class_weight)));
	if (json == NULL || !JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("class_weight must be 'balanced' or a JSON object, not \"%s\"",
						spec->class_weight),
				 errhint("For example class_weight => '{\"%s\": 3}'.", t->labels[t->nlabels - 1])));

	it = JsonbIteratorInit(&json->root);
	while ((tok = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (tok == WJB_KEY)
		{
			found = -1;
			for (c = 0; c < t->nlabels; c++)
			{
				if (strlen(t->labels[c]) == v.val.string.len &&
					memcmp(t->labels[c], v.val.string.val, v.val.string.len) == 0)
					found = c;
			}
			if (found < 0)
				ereport(
					ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg(
						 "class_weight names \"%.*s\", which is no value of target column \"%s\"",
						 v.val.string.len, v.val.string.val, spec->target)));
		}
		else if (tok == WJB_VALUE)
		{
			if (v.type != jbvNumeric)
				ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								errmsg("class_weight of class \"%s\" must be a number",
									   t->labels[found])));
			w[found] = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
														  NumericGetDatum(v.val.numeric)));
			if (!(w[found] > 0 && w[found] <= 1e6))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("class_weight of class \"%s\" must be in (0, 1000000], not %g",
								t->labels[found], w[found])));
		}
	}
	return w;
}

double *
eg_target_class_weights(const EgTrainSpec *spec, const EgTarget *t, const uint8 *part, Size nrows)
{
	double	   *w;
	Size	   *count;
	Size		n = 0,
				i;
	int			c;

	if (spec->class_weight == NULL)
		return NULL;
	if (strcmp(spec->class_weight, "balanced") != 0)
		return given_class_weights(spec, t);

	/* n / (classes * rows of the class), as scikit-learn has it */
	w = palloc(sizeof(double) * t->nlabels);
	count = palloc0(sizeof(Size) * t->nlabels);
	for (i = 0; i < nrows; i++)
	{
		if (part[i] == EG_PART_FIT)
		{
			count[t->cls[i]]++;
			n++;
		}
	}
	for (c = 0; c < t->nlabels; c++)
		w[c] = count[c] > 0 ? (double) n / ((double) t->nlabels * count[c]) : 1;
	return w;
}
