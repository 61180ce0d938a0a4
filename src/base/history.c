/*-------------------------------------------------------------------------
 *
 * history.c
 *	  How a training went: the metric of its rounds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/history.h"
#include "utils/json.h"

/*
 * Up to this round a metric that is only to be remembered is computed in each, later in
 * fewer and fewer: a curve is steep at first.  Of 100 rounds 62 are measured, of 1000 129.
 */
#define EACH_ROUND		20

static const char *const curve_names[EG_NCURVES] = {"training", "validation"};

EgHistory *
eg_history_create(void)
{
	EgHistory  *h = palloc0(sizeof(EgHistory));

	for (int c = 0; c < EG_NCURVES; c++)
		h->every[c] = 1;
	return h;
}

bool
eg_history_wants(const EgRun *run, int round, int total)
{
	int			every = Max(round / EACH_ROUND, 1);

	return run != NULL && run->history != NULL && (round == total || round % every == 0);
}

/* Keep every second round only. */
static void
thin(EgHistory *h, EgHistoryCurve c)
{
	int			kept = 0;

	h->every[c] *= 2;
	for (int i = 0; i < h->n[c]; i++)
	{
		if (h->point[c][i].round == 1 || h->point[c][i].round % h->every[c] == 0)
			h->point[c][kept++] = h->point[c][i];
	}
	h->n[c] = kept;
}

void
eg_history_note(EgRun *run, EgHistoryCurve c, int round, const char *metric, double value)
{
	EgHistory  *h = run ? run->history : NULL;

	if (h == NULL || !isfinite(value))
		return;
	strlcpy(h->metric, metric, sizeof(h->metric));
	h->last[c].round = round;
	h->last[c].value = value;
	if (round != 1 && round % h->every[c] != 0)
		return;
	while (h->n[c] >= EG_HISTORY_POINTS)
		thin(h, c);
	if (round == 1 || round % h->every[c] == 0)
		h->point[c][h->n[c]++] = h->last[c];
}

void
eg_history_best(EgRun *run, int round)
{
	if (run && run->history)
		run->history->best_round = round;
}

static void
put_point(StringInfo out, const EgHistoryPoint *p, bool first)
{
	appendStringInfo(out, "%s[%d, %.6g]", first ? "" : ", ", p->round, p->value);
}

bool
eg_history_json(const EgHistory *h, StringInfo out)
{
	if (h == NULL || (h->n[EG_CURVE_TRAINING] == 0 && h->n[EG_CURVE_VALIDATION] == 0))
		return false;
	appendStringInfoString(out, "{\"metric\": ");
	escape_json(out, h->metric);
	if (h->best_round > 0)
		appendStringInfo(out, ", \"best_round\": %d", h->best_round);
	for (int c = 0; c < EG_NCURVES; c++)
	{
		const EgHistoryPoint *p = h->point[c];
		int			n = h->n[c];

		if (n == 0)
			continue;
		appendStringInfo(out, ", \"%s\": [", curve_names[c]);
		for (int i = 0; i < n; i++)
			put_point(out, &p[i], i == 0);
		if (p[n - 1].round != h->last[c].round)
			put_point(out, &h->last[c], false);
		appendStringInfoChar(out, ']');
	}
	appendStringInfoChar(out, '}');
	return true;
}
