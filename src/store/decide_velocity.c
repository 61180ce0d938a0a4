/*-------------------------------------------------------------------------
 *
 * decide_velocity.c
 *	  Limits on velocity as a layer of a decision.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "store/decide.h"
#include "store/gate.h"
#include "store/registry.h"
#include "store/schema_private.h"
#include "store/velocity_state.h"

/* no speed is impossible within so many kilometres */
#define MIN_KM 10

static const char *const windows[EG_VELOCITY_WINDOWS] = {"1m", "5m", "15m", "1h", "24h"};
static const char *const kinds[] = {"count", "sum", "mean", "max"};
static const char *const others[] = {"zscore", "km", "kmh", "baseline_n", "baseline_mean",
"baseline_stddev"};

/* False when there is no measure of that name. */
static bool
measure(const EgVelocity *v, const char *name, double *value)
{
	const double other[] = {v->zscore, v->km, v->kmh, v->baseline_n, v->baseline_mean,
	v->baseline_stddev};
	int			i,
				k;

	for (i = 0; i < lengthof(others); i++)
	{
		if (strcmp(name, others[i]) == 0)
		{
			*value = other[i];
			return true;
		}
	}
	for (k = 0; k < lengthof(kinds); k++)
	{
		int			len = strlen(kinds[k]);

		if (strncmp(name, kinds[k], len) != 0 || name[len] != '_')
			continue;
		for (i = 0; i < EG_VELOCITY_WINDOWS; i++)
		{
			const EgWindowValues *w = &v->window[i];
			const double values[] = {w->count, w->sum, w->mean, w->max};

			if (strcmp(name + len + 1, windows[i]) == 0)
			{
				*value = values[k];
				return true;
			}
		}
	}
	return false;
}

void
eg_limit_check(const EgLayer *l, const EgLimit *limit)
{
	EgVelocity	none = {0};
	double		value;

	if (!measure(&none, limit->name, &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limit \"%s\" of layer \"%s\" is on no measure", eg_clip(limit->name, 64),
						l->name),
				 errhint("Known measures: count, sum, mean, max, each with _1m, _5m, _15m, _1h, "
						 "_24h; zscore, km, kmh, baseline_n, baseline_mean, baseline_stddev.")));
}

/* Attribute number of a column of the policy. */
static int
attribute(TupleDesc columns, const char *name)
{
	int			i;

	for (i = 0; i < columns->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(columns, i)->attname), name) == 0)
			return i + 1;
	}
	elog(ERROR, "column \"%s\" of a policy is missing", name);
	return 0;					/* keep the compiler quiet */
}

static void
bind(EgDecider *d, const EgLayer *l, EgVelocitySite *s)
{
	TupleDesc	columns = d->code->columns;
	int			i;

	s->key = attribute(columns, l->key);
	for (i = 0; i < EG_NEVENT; i++)
	{
		if (l->event[i] == NULL)
			continue;
		s->event[i] = attribute(columns, l->event[i]);
		s->numbers[i] = MemoryContextAllocZero(d->context, sizeof(EgConverter));
		if (!eg_converter_init(s->numbers[i],
							   TupleDescAttr(columns, s->event[i] - 1)->atttypid))
			elog(ERROR, "column \"%s\" of a policy has an unexpected type", l->event[i]);
	}
	s->bound = true;
}

/* The event's number; NaN when it is missing. */
static double
event_number(const EgDecider *d, const EgVelocitySite *s, int i)
{
	TupleTableSlot *slot = d->row->slot;

	if (s->event[i] == 0 || slot->tts_isnull[s->event[i] - 1])
		return NAN;
	return eg_convert_double(s->numbers[i], slot->tts_values[s->event[i] - 1]);
}

typedef struct VelocityWork
{
	EgDecider  *d;
	const EgLayer *l;
	EgVelocitySite *site;
	EgVelocity	v;
} VelocityWork;

static void
velocity_of_author(void *arg)
{
	VelocityWork *w = arg;
	EgVelocitySite *s = w->site;
	TupleTableSlot *slot = w->d->row->slot;
	Datum		key = slot->tts_values[s->key - 1];
	Oid			type = TupleDescAttr(w->d->code->columns, s->key - 1)->atttypid;
	TimestampTz at = GetCurrentTimestamp();
	int			i;
	bool		event = false;

	for (i = 0; i < EG_NEVENT; i++)
		event |= s->event[i] != 0;
	if (s->event[EG_EVENT_AT] && !slot->tts_isnull[s->event[EG_EVENT_AT] - 1])
		at = DatumGetTimestampTz(slot->tts_values[s->event[EG_EVENT_AT] - 1]);
	if (event)
	{
		EgVelocityEvent e;

		e.at = at;
		e.amount = event_number(w->d, s, EG_EVENT_AMOUNT);
		e.lat = event_number(w->d, s, EG_EVENT_LAT);
		e.lon = event_number(w->d, s, EG_EVENT_LON);
		(void) eg_velocity_read_with(w->l->velocity, key, type, &e, &w->v);
	}
	else
		(void) eg_velocity_read(w->l->velocity, key, type, at, &w->v);
}

static void
velocity_work(void *arg)
{
	VelocityWork *w = arg;

	eg_gate_run(&w->d->code->text, velocity_of_author, w);
}

void
eg_decide_velocity(EgDecider *d, int layer, EgLayerResult *r)
{
	const EgLayer *l = &d->code->policy->layers[layer];
	VelocityWork w = {d, l, &d->velocity[layer], {0}};
	double	   *scores = palloc0(sizeof(double) * l->n);
	char	   *problem;
	int			i;

	if (!w.site->bound)
		bind(d, l, w.site);
	r->score = 0;
	if (d->row->slot->tts_isnull[w.site->key - 1])
		return;
	problem = eg_decide_try(d, l, velocity_work, &w);
	if (problem)
	{
		eg_decide_failed(d, r, psprintf("velocity \"%s\"", l->velocity), problem);
		r->score = l->on_error.kind == EG_FALLBACK_SCORE ? l->on_error.score : NAN;
		return;
	}
	appendStringInfoString(&r->detail, ", \"limits\": {");
	for (i = 0; i < l->n; i++)
	{
		const EgLimit *limit = &l->limits[i];
		double		value = NAN;

		(void) measure(&w.v, limit->name, &value);
		if (i > 0)
			appendStringInfoString(&r->detail, ", ");
		escape_json(&r->detail, limit->name);
		if (isfinite(value))
			appendStringInfo(&r->detail, ": %.15g", value);
		else if (isnan(value))
			appendStringInfoString(&r->detail, ": null");
		else
			appendStringInfoString(&r->detail, value > 0 ? ": \"Infinity\"" : ": \"-Infinity\"");
		if (!(value > limit->max))
			continue;
		/* places are not that exact: as in engage_impossible_travel, it takes a distance, too */
		if (strcmp(limit->name, "kmh") == 0 && !(w.v.km > MIN_KM))
			continue;
		scores[i] = limit->score;
		d->decision->reasons = lappend(d->decision->reasons,
									   psprintf("%s: %s is %.6g, above %.6g", l->velocity,
												limit->name, value, limit->max));
	}
	appendStringInfoChar(&r->detail, '}');
	r->score = eg_combine(l->combine, l->n, scores, NULL);
}
