/*-------------------------------------------------------------------------
 *
 * trees_oob.c
 *	  Quality out of bag: each row is scored by the trees that have not seen
 *	  it, about 37 % of those grown on bootstrap samples.  That is an honest
 *	  estimate from the training rows alone.
 *
 * Source: L. Breiman, "Out-of-bag estimation", 1996.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "algo/trees.h"
#include "algo/trees_grow.h"

#define EPSILON			1e-15	/* probabilities of 0 and 1 are not told apart from these */

/* ---------------- leaves (any thread) ---------------- */

/* Rows that go left first; where the right ones begin.  spare has room for them. */
static Size
partition_rows(const EgBins *b, const EgGrownTree *t, const EgGrownNode *n, uint32 *rows,
			   uint32 *spare, Size begin, Size end)
{
	const void *code = b->code[n->feature];
	bool		wide = b->wide[n->feature];
	uint32		missing = b->nbins[n->feature];
	const uint32 *set = n->cat >= 0 ? t->words + n->cat : NULL;
	Size		nleft = begin;
	Size		nright = 0;
	Size		i;

	for (i = begin; i < end; i++)
	{
		uint32		row = rows[i];
		uint32		c = eg_bin_code(code, wide, row);
		bool		left;

		if (c == missing)
			left = n->default_left;
		else if (set != NULL)
			left = ((set[c / 32] >> (c % 32)) & 1) == 0;
		else
			left = c < n->cut;
		rows[nleft] = row;
		spare[nright] = row;
		nleft += left;
		nright += !left;
	}
	memcpy(rows + nleft, spare, nright * sizeof(uint32));
	return nleft;
}

/*
 * The rows go down the tree together, which reads the codes in order.  Nodes
 * are numbered so that children come after their parents; where a node's rows
 * begin is kept beside it.
 */
bool
eg_oob_leaves(EgGrower *g)
{
	const EgBins *b = g->spec->bins;
	EgGrownTree *t = g->tree;
	uint32	   *rows = (uint32 *) g->samples;	/* no longer needed, and larger */
	uint32	   *spare = (uint32 *) g->spare;
	Size	   *begin;
	Size		n = 0;
	Size		i;
	Size		k;

	t->leaf = eg_arena_alloc(g->worker->task, Max(b->nrows, 1) * sizeof(int32));
	begin = eg_arena_alloc(g->worker->task, 2 * t->nnodes * sizeof(Size));
	if (t->leaf == NULL || begin == NULL)
		return false;
	for (i = 0; i < b->nrows; i++)
	{
		t->leaf[i] = -1;
		if (g->times[i] == 0)
			rows[n++] = (uint32) i;
	}
	begin[0] = 0;
	begin[1] = n;
	for (i = 0; i < t->nnodes; i++)
	{
		const EgGrownNode *node = &t->nodes[i];
		Size		from = begin[2 * i];
		Size		to = begin[2 * i + 1];

		if (node->feature < 0)
		{
			for (k = from; k < to; k++)
				t->leaf[rows[k]] = (int32) i;
		}
		else
		{
			Size		middle = partition_rows(b, t, node, rows, spare, from, to);

			begin[2 * node->left] = from;
			begin[2 * node->left + 1] = begin[2 * node->left + 2] = middle;
			begin[2 * node->left + 3] = to;
		}
		if (i % 64 == 0 && eg_worker_stop(g->worker))
			return false;
	}
	return true;
}

/* ---------------- measures (main thread) ---------------- */

typedef struct Scored
{
	double		score;
	double		weight;
	bool		positive;
} Scored;

static int
compare_scored(const void *a, const void *b)
{
	double		x = ((const Scored *) a)->score;
	double		y = ((const Scored *) b)->score;

	return x < y ? -1 : x > y;
}

/* Chance that a positive row has a larger score than another one, ties half. */
static double
area_under_curve(Scored *s, Size n)
{
	double		positive = 0;
	double		below = 0;		/* weight of negative rows with smaller scores */
	double		sum = 0;
	Size		i = 0;

	qsort(s, n, sizeof(Scored), compare_scored);
	while (i < n)
	{
		double		tied[2] = {0, 0};
		double		score = s[i].score;

		for (; i < n && s[i].score == score; i++)
			tied[s[i].positive] += s[i].weight;
		sum += tied[1] * (below + tied[0] / 2);
		below += tied[0];
		positive += tied[1];
	}
	return sum / (positive * below);
}

static double
log_loss_of(double p)
{
	return -log(Min(Max(p, EPSILON), 1 - EPSILON));
}

static EgOob
measure_binary(const EgOobSums *sums, const double *truth, const float *weight, Size nrows)
{
	Scored	   *scored = palloc_extended(Max(nrows, 1) * sizeof(Scored), MCXT_ALLOC_HUGE);
	EgOob		oob = {0};
	double		whole = 0;
	Size		i;

	for (i = 0; i < nrows; i++)
	{
		Scored	   *s = &scored[oob.nrows];

		s->weight = weight != NULL ? weight[i] : 1;
		if (sums->ntrees[i] == 0 || s->weight == 0)
			continue;
		s->score = sums->sum[i] / sums->ntrees[i];
		s->positive = truth[i] != 0;
		oob.second += s->weight * log_loss_of(s->positive ? s->score : 1 - s->score);
		whole += s->weight;
		oob.nrows++;
	}
	oob.first = area_under_curve(scored, oob.nrows);
	oob.second /= whole;
	pfree(scored);
	return oob;
}

static EgOob
measure_classes(const EgOobSums *sums, const double *truth, const float *weight, Size nrows)
{
	EgOob		oob = {0};
	double		whole = 0;
	Size		i;
	int			k;

	for (i = 0; i < nrows; i++)
	{
		const double *p = sums->sum + i * sums->nout;
		double		w = weight != NULL ? weight[i] : 1;
		int			own = (int) truth[i];
		int			top = 0;

		if (sums->ntrees[i] == 0 || w == 0)
			continue;
		for (k = 1; k < sums->nout; k++)
		{
			if (p[k] > p[top])
				top = k;
		}
		oob.first += top == own ? w : 0;
		oob.second += w * log_loss_of(p[own] / sums->ntrees[i]);
		whole += w;
		oob.nrows++;
	}
	oob.first /= whole;
	oob.second /= whole;
	return oob;
}

static EgOob
measure_numbers(const EgOobSums *sums, const double *truth, const float *weight, Size nrows,
				double mean)
{
	EgOob		oob = {0};
	double		whole = 0;
	double		sum = 0;
	double		squares = 0;
	double		errors = 0;
	Size		i;

	for (i = 0; i < nrows; i++)
	{
		double		w = weight != NULL ? weight[i] : 1;
		double		y = truth[i] - mean;
		double		e;

		if (sums->ntrees[i] == 0 || w == 0)
			continue;
		e = y - sums->sum[i] / sums->ntrees[i];
		errors += w * e * e;
		sum += w * y;
		squares += w * y * y;
		whole += w;
		oob.nrows++;
	}
	oob.first = 1 - errors / (squares - sum * sum / whole);
	oob.second = sqrt(errors / whole);
	return oob;
}

EgOob
eg_oob_measure(const EgOobSums *sums, EgTask task, const double *truth, const float *weight,
			   Size nrows, double mean)
{
	if (task == EG_BINARY)
		return measure_binary(sums, truth, weight, nrows);
	if (task == EG_MULTICLASS)
		return measure_classes(sums, truth, weight, nrows);
	return measure_numbers(sums, truth, weight, nrows, mean);
}

static void
put_number(StringInfo json, const char *name, double v)
{
	if (isfinite(v))
		appendStringInfo(json, ", \"%s\": %.6g", name, v);
	else
		appendStringInfo(json, ", \"%s\": null", name);
}

void
eg_oob_describe(const EgOob *oob, EgTask task, StringInfo json)
{
	static const char *const first[] = {[EG_BINARY] = "auc", [EG_MULTICLASS] = "accuracy",
	[EG_REGRESSION] = "r2"};

	if (oob->nrows == 0)
		return;
	appendStringInfo(json, "\"out_of_bag\": {\"rows\": %llu", (unsigned long long) oob->nrows);
	put_number(json, first[task], oob->first);
	put_number(json, task == EG_REGRESSION ? "rmse" : "log_loss", oob->second);
	appendStringInfoChar(json, '}');
}
