/*-------------------------------------------------------------------------
 *
 * metrics_rank.c
 *	  Metrics of order: quantiles, ranking, survival; and the sort they need.
 *
 * Pinball loss: Koenker and Bassett, "Regression Quantiles", 1978.
 *
 * NDCG: gain is the relevance itself, discount is 1 / log2(rank + 1), ranks
 * from 1; tied scores share their mean gain (McSherry and Najork,
 * "Computing Information Retrieval Performance Measures Efficiently in the
 * Presence of Tied Scores", 2008).  A query without relevant rows counts 0.
 *
 * Concordance: Harrell et al., "Evaluating the Yield of Medical Tests",
 * 1982.  A pair is comparable when one row's event was seen before the
 * other's time, or at it while the other is censored there.  Rows enter a
 * Fenwick tree over the ranks of their scores from the latest time to the
 * earliest, so that the cost is n log n and not n squared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "eval/metrics.h"

#define SMALL_SORT		64

/* ----------
 * Order
 * ----------
 */

typedef struct SortItem
{
	uint64		key;
	Size		row;
} SortItem;

/* Bits whose unsigned order is the order of the numbers; 0 and -0 are one. */
static inline uint64
order_bits(double v)
{
	union
	{
		double		d;
		uint64		u;
	}			bits;

	bits.d = (v == 0.0) ? 0.0 : v;
	return (bits.u >> 63) ? ~bits.u : bits.u | (UINT64CONST(1) << 63);
}

/*
 * Radix sort from the lowest byte, which keeps the order of equal keys.  A
 * byte that is the same in all keys needs no pass; scores that were single
 * precision spare three.
 */
static SortItem *
radix_sort(SortItem *items, SortItem *other, Size n)
{
	Size	   *counts = palloc0(8 * 256 * sizeof(Size));
	int			byte;
	Size		i;

	for (i = 0; i < n; i++)
	{
		uint64		key = items[i].key;

		for (byte = 0; byte < 8; byte++)
			counts[byte * 256 + ((key >> (8 * byte)) & 0xff)]++;
	}

	for (byte = 0; byte < 8; byte++)
	{
		Size	   *start = counts + byte * 256;
		int			shift = 8 * byte;
		Size		sum = 0;
		SortItem   *swap = items;
		int			d;

		CHECK_FOR_INTERRUPTS();
		if (start[(items[0].key >> shift) & 0xff] == n)
			continue;
		for (d = 0; d < 256; d++)
		{
			Size		count = start[d];

			start[d] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
			other[start[(items[i].key >> shift) & 0xff]++] = items[i];
		items = other;
		other = swap;
	}
	pfree(counts);
	return items;
}

Size *
eg_metric_order(const double *v, Size stride, Size n)
{
	SortItem   *items = eg_metric_alloc(n, sizeof(SortItem));
	SortItem   *other = NULL;
	SortItem   *sorted = items;
	Size	   *order = eg_metric_alloc(n, sizeof(Size));
	Size		i;

	for (i = 0; i < n; i++)
	{
		items[i].key = order_bits(v[i * stride]);
		items[i].row = i;
	}
	if (n <= SMALL_SORT)
	{
		for (i = 1; i < n; i++)
		{
			SortItem	item = items[i];
			Size		j = i;

			for (; j > 0 && items[j - 1].key > item.key; j--)
				items[j] = items[j - 1];
			items[j] = item;
		}
	}
	else
	{
		other = eg_metric_alloc(n, sizeof(SortItem));
		sorted = radix_sort(items, other, n);
	}
	for (i = 0; i < n; i++)
		order[i] = sorted[i].row;
	pfree(items);
	if (other)
		pfree(other);
	return order;
}

/* ----------
 * Quantiles
 * ----------
 */

/* Every stride-th score, from the first on. */
static double
pinball(const double *score, Size stride, const double *truth, const double *weight, Size n,
		double quantile)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		double		above = truth[i] - score[i * stride];

		sum += eg_metric_weight(weight, i) *
			(above >= 0.0 ? quantile * above : (quantile - 1.0) * above);
	}
	return sum / eg_metric_total_weight(weight, n);
}

static double
coverage(const double *score, Size stride, const double *truth, const double *weight, Size n)
{
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		if (truth[i] <= score[i * stride])
			sum += eg_metric_weight(weight, i);
	}
	return sum / eg_metric_total_weight(weight, n);
}

double
eg_pinball(const double *score, const double *truth, const double *weight, Size n,
		   double quantile)
{
	return pinball(score, 1, truth, weight, n, quantile);
}

/* The share of truths at or below their score. */
double
eg_coverage(const double *score, const double *truth, const double *weight, Size n)
{
	return coverage(score, 1, truth, weight, n);
}

void
eg_metrics_quantile(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	double		total = eg_metric_total_weight(in->weight, in->n);
	Size		width = in->width;
	double		sum = 0.0;
	int			lowest = 0;
	int			highest = 0;
	int			q;

	if (details)
		appendStringInfoString(details, ", \"quantiles\": [");
	for (q = 0; q < in->width; q++)
	{
		double		loss = pinball(in->score + q, width, in->truth, in->weight, in->n,
								   in->quantiles[q]);

		CHECK_FOR_INTERRUPTS();
		sum += loss;
		if (in->quantiles[q] < in->quantiles[lowest])
			lowest = q;
		if (in->quantiles[q] > in->quantiles[highest])
			highest = q;
		if (details == NULL)
			continue;
		appendStringInfoString(details, q > 0 ? ", {\"quantile\": " : "{\"quantile\": ");
		eg_metric_put_number(details, in->quantiles[q]);
		appendStringInfoString(details, ", \"pinball_loss\": ");
		eg_metric_put_number(details, loss);
		appendStringInfoString(details, ", \"coverage\": ");
		eg_metric_put_number(details, coverage(in->score + q, width, in->truth, in->weight,
											   in->n));
		appendStringInfoChar(details, '}');
	}
	if (details)
		appendStringInfoChar(details, ']');
	set->value[EG_METRIC_PINBALL_LOSS] = sum / in->width;

	if (lowest != highest && total > 0.0)
	{
		double		inside = 0.0;
		double		widths = 0.0;
		Size		i;

		for (i = 0; i < in->n; i++)
		{
			double		from = in->score[i * width + lowest];
			double		to = in->score[i * width + highest];
			double		w = eg_metric_weight(in->weight, i);

			if (in->truth[i] >= from && in->truth[i] <= to)
				inside += w;
			widths += w * (to - from);
		}
		set->value[EG_METRIC_INTERVAL_COVERAGE] = inside / total;
		set->value[EG_METRIC_INTERVAL_WIDTH] = widths / total;
	}
	if (details && lowest != highest)
	{
		appendStringInfoString(details, ", \"interval_nominal\": ");
		eg_metric_put_number(details, in->quantiles[highest] - in->quantiles[lowest]);
	}
}

/* ----------
 * Ranking
 * ----------
 */

typedef struct RankSums
{
	const int  *cutoffs;		/* (ncutoffs) 0: none */
	int			ncutoffs;
	double	   *ndcg;			/* (ncutoffs) */
	double		map;
	Size		nqueries;
	Size		nqueries_empty; /* without a relevant row */
} RankSums;

/*
 * DCG of n rows of one query in descending order of key, the gains of equal
 * keys averaged.  order is ascending.
 */
static double
dcg(const double *key, const double *gain, const Size *order, Size n, const double *discount,
	Size cutoff)
{
	double		sum = 0.0;
	Size		i = 0;

	while (i < n && i < cutoff)
	{
		double		at = key[order[n - 1 - i]];
		double		gains = 0.0;
		double		discounts = 0.0;
		Size		first = i;

		for (; i < n && key[order[n - 1 - i]] == at; i++)
		{
			gains += gain[order[n - 1 - i]];
			if (i < cutoff)
				discounts += discount[i];
		}
		sum += gains / (double) (i - first) * discounts;
	}
	return sum;
}

/* Average precision of one query: the precision at each relevant row, ties taken whole. */
static double
query_average_precision(const double *score, const double *truth, const Size *order, Size n)
{
	double		sum = 0.0;
	Size		relevant = 0;
	Size		i = 0;

	while (i < n)
	{
		double		at = score[order[n - 1 - i]];
		Size		before = relevant;

		for (; i < n && score[order[n - 1 - i]] == at; i++)
			relevant += truth[order[n - 1 - i]] > 0.0 ? 1 : 0;
		sum += (double) (relevant - before) * ((double) relevant / (double) i);
	}
	return relevant > 0 ? sum / (double) relevant : 0.0;
}

static Size
query_end(const double *group, Size from, Size n)
{
	Size		end = from + 1;

	if (group == NULL)
		return n;
	while (end < n && group[end] == group[from])
		end++;
	return end;
}

/*
 * Means over queries; the weight of a query is the mean weight of its rows.
 * Relevance below 0 leaves everything undefined.
 */
static void
rank_queries(const double *score, const double *truth, const double *group, const double *weight,
			 Size n, RankSums *sums)
{
	double	   *discount;
	double		total = 0.0;
	bool		negative = false;
	Size		longest = 0;
	Size		from,
				end,
				i;
	int			k;

	sums->map = 0.0;
	sums->nqueries = sums->nqueries_empty = 0;
	for (k = 0; k < sums->ncutoffs; k++)
		sums->ndcg[k] = 0.0;
	for (from = 0; from < n; from = end)
	{
		end = query_end(group, from, n);
		longest = Max(longest, end - from);
	}
	discount = eg_metric_alloc(longest, sizeof(double));
	for (i = 0; i < longest; i++)
		discount[i] = 1.0 / log2((double) i + 2.0);

	for (from = 0; from < n; from = end)
	{
		const double *s = score + from;
		const double *t = truth + from;
		Size	   *by_score;
		Size	   *by_truth;
		Size		size;
		double		w;

		CHECK_FOR_INTERRUPTS();
		end = query_end(group, from, n);
		size = end - from;
		w = eg_metric_total_weight(weight ? weight + from : NULL, size) / (double) size;
		by_score = eg_metric_order(s, 1, size);
		by_truth = eg_metric_order(t, 1, size);
		negative = negative || t[by_truth[0]] < 0.0;
		total += w;
		sums->nqueries++;
		if (t[by_truth[size - 1]] <= 0.0)
			sums->nqueries_empty++;
		else
		{
			for (k = 0; k < sums->ncutoffs; k++)
			{
				Size		cutoff = sums->cutoffs[k] > 0 ? (Size) sums->cutoffs[k] : size;

				sums->ndcg[k] += w * dcg(s, t, by_score, size, discount, cutoff) /
					dcg(t, t, by_truth, size, discount, cutoff);
			}
			sums->map += w * query_average_precision(s, t, by_score, size);
		}
		pfree(by_score);
		pfree(by_truth);
	}
	pfree(discount);

	if (negative || !(total > 0.0))
		total = NAN;
	for (k = 0; k < sums->ncutoffs; k++)
		sums->ndcg[k] /= total;
	sums->map /= total;
}

double
eg_ndcg(const double *score, const double *truth, const double *group, const double *weight,
		Size n, int k)
{
	RankSums	sums = {0};
	double		ndcg;

	sums.cutoffs = &k;
	sums.ncutoffs = 1;
	sums.ndcg = &ndcg;
	rank_queries(score, truth, group, weight, n, &sums);
	return ndcg;
}

/* Relevant is a truth above 0. */
double
eg_map(const double *score, const double *truth, const double *group, const double *weight,
	   Size n)
{
	RankSums	sums = {0};

	rank_queries(score, truth, group, weight, n, &sums);
	return sums.map;
}

void
eg_metrics_ranking(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	static const int cutoffs[] = {0, 5, 10};
	double		ndcg[lengthof(cutoffs)];
	RankSums	sums;

	sums.cutoffs = cutoffs;
	sums.ncutoffs = lengthof(cutoffs);
	sums.ndcg = ndcg;
	rank_queries(in->score, in->truth, in->group, in->weight, in->n, &sums);
	set->value[EG_METRIC_NDCG] = ndcg[0];
	set->value[EG_METRIC_NDCG_5] = ndcg[1];
	set->value[EG_METRIC_NDCG_10] = ndcg[2];
	set->value[EG_METRIC_MAP] = sums.map;
	if (details)
		appendStringInfo(details, ", \"n_queries\": %zu, \"n_queries_without_relevant\": %zu",
						 sums.nqueries, sums.nqueries_empty);
}

/* ----------
 * Survival
 * ----------
 */

static void
tree_add(double *tree, Size size, Size at, double weight)
{
	for (; at <= size; at += at & (~at + 1))
		tree[at] += weight;
}

static double
tree_sum(const double *tree, Size at)
{
	double		sum = 0.0;

	for (; at > 0; at -= at & (~at + 1))
		sum += tree[at];
	return sum;
}

/* Ranks from 1 of the values, equal values sharing one; the largest into *nranks. */
static Size *
dense_ranks(const double *v, Size n, Size *nranks)
{
	Size	   *order = eg_metric_order(v, 1, n);
	Size	   *rank = eg_metric_alloc(n, sizeof(Size));
	Size		last = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		if (i == 0 || v[order[i]] != v[order[i - 1]])
			last++;
		rank[order[i]] = last;
	}
	pfree(order);
	*nranks = last;
	return rank;
}

/* Tied scores count one half; a pair weighs the product of its rows' weights. */
double
eg_concordance(const double *score, const double *truth, const double *event,
			   const double *weight, Size n)
{
	Size		nranks;
	Size	   *rank = dense_ranks(score, n, &nranks);
	Size	   *order = eg_metric_order(truth, 1, n);
	double	   *tree = eg_metric_alloc(nranks + 1, sizeof(double));
	double		entered = 0.0;
	double		pairs = 0.0;
	double		concordant = 0.0;
	Size		i,
				end;

	for (i = 0; i <= nranks; i++)
		tree[i] = 0.0;

	for (end = n; end > 0; end = i)
	{
		double		at = truth[order[end - 1]];
		int			pass;

		if ((end & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
		for (i = end; i > 0 && truth[order[i - 1]] == at; i--)
			;

		/* those censored at this time enter, the events compare, then enter */
		for (pass = 0; pass < 3; pass++)
		{
			Size		j;

			for (j = i; j < end; j++)
			{
				Size		row = order[j];
				bool		seen = event == NULL || event[row] != 0.0;
				double		w = eg_metric_weight(weight, row);

				if (seen != (pass > 0))
					continue;
				if (pass == 1)
				{
					double		lower = tree_sum(tree, rank[row] - 1);
					double		not_higher = tree_sum(tree, rank[row]);

					concordant += w * (lower + 0.5 * (not_higher - lower));
					pairs += w * entered;
				}
				else
				{
					tree_add(tree, nranks, rank[row], w);
					entered += w;
				}
			}
		}
	}
	pfree(tree);
	pfree(order);
	pfree(rank);
	return pairs > 0.0 ? concordant / pairs : NAN;
}

void
eg_metrics_survival(const EgMetricInput *in, EgMetricSet *set, StringInfo details)
{
	Size		nevents = 0;
	Size		i;

	set->value[EG_METRIC_CONCORDANCE] = eg_concordance(in->score, in->truth, in->event,
														in->weight, in->n);
	if (details == NULL)
		return;
	for (i = 0; i < in->n; i++)
		nevents += (in->event == NULL || in->event[i] != 0.0) ? 1 : 0;
	appendStringInfo(details, ", \"n_events\": %zu", nevents);
}
