/*-------------------------------------------------------------------------
 *
 * topk.c
 *	  One ranked list, cut at k: NDCG, average precision, precision, recall,
 *	  hit rate.
 *
 * Rows of equal score have no order.  Whatever order they were read in, the
 * result is the mean over all their orders, which has a closed form for each
 * of the five (McSherry and Najork, "Computing Information Retrieval
 * Performance Measures Efficiently in the Presence of Tied Scores", 2008).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "eval/curves.h"
#include "eval/metrics.h"

/* Of a group of equal scores: rows, relevant ones among them, places above the cut. */
typedef struct Tie
{
	double		rows;
	double		relevant;
	double		places;
} Tie;

/* Sum of the expected precision at each relevant row among the tie's places. */
static double
precision_sum(const Tie *tie, double rows_above, double relevant_above)
{
	double		sum = 0.0;
	double		others = tie->rows > 1.0 ? (tie->relevant - 1.0) / (tie->rows - 1.0) : 0.0;
	double		i;

	if (tie->relevant <= 0.0)
		return 0.0;
	for (i = 1.0; i <= tie->places; i++)
		sum += (relevant_above + 1.0 + (i - 1.0) * others) / (rows_above + i);
	return sum * tie->relevant / tie->rows;
}

/* The chance that none of the tie's relevant rows gets a place. */
static double
miss_chance(const Tie *tie)
{
	double		chance = 1.0;
	double		i;

	for (i = 0.0; i < tie->places && chance > 0.0; i++)
		chance *= Max(tie->rows - tie->relevant - i, 0.0) / (tie->rows - i);
	return chance;
}

EgTopK
eg_top_k(const double *pairs, Size n, int k)
{
	EgTopK		result = {0};
	double	   *score = eg_metric_alloc(n, sizeof(double));
	double	   *gain = eg_metric_alloc(n, sizeof(double));
	Size	   *order;
	double		cut = Min((double) k, (double) n);
	double		relevant = 0.0;
	double		above = 0.0;	/* rows passed, and relevant ones */
	double		relevant_above = 0.0;
	double		hits = 0.0;
	double		miss = 1.0;
	double		sum = 0.0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		score[i] = pairs[2 * i];
		gain[i] = pairs[2 * i + 1];
		relevant += gain[i] > 0.0 ? 1.0 : 0.0;
	}
	if (relevant > 0.0)
	{
		result.ndcg = eg_ndcg(score, gain, NULL, NULL, n, k);
		CHECK_FOR_INTERRUPTS();
		order = eg_metric_order(score, 1, n);
		for (i = n; i > 0 && above < cut;)
		{
			double		at = score[order[i - 1]];
			Tie			tie = {0};

			for (; i > 0 && score[order[i - 1]] == at; i--)
			{
				tie.rows++;
				tie.relevant += gain[order[i - 1]] > 0.0 ? 1.0 : 0.0;
			}
			tie.places = Min(tie.rows, cut - above);
			hits += tie.relevant * tie.places / tie.rows;
			sum += precision_sum(&tie, above, relevant_above);
			miss *= miss_chance(&tie);
			above += tie.rows;
			relevant_above += tie.relevant;
		}
		pfree(order);
		result.map = sum / Min(relevant, (double) k);
		result.precision = hits / k;
		result.recall = hits / relevant;
		result.hit_rate = 1.0 - miss;
	}
	pfree(score);
	pfree(gain);
	return result;
}
