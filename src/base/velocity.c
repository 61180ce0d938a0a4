/*-------------------------------------------------------------------------
 *
 * velocity.c
 *	  Sums over windows of time for events in any order, and what all forms of
 *	  velocity share.
 *
 * As of a given time no event has to be kept: each is added to the windows
 * that it lies in.  Only the baseline, the amounts strictly before the latest
 * event, has to wait: amounts of the latest time so far are pending until a
 * later event makes them part of it.
 *
 * As of the latest event, whose time is known at the end only, the events are
 * kept and then added as of that time.  Those that cannot count any more are
 * thrown away whenever room is needed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/run.h"
#include "base/sphere.h"
#include "base/velocity.h"
#include "utils/memutils.h"

#define MAGIC			0x45675631
#define FIRST_CAPACITY	16
#define MOST_EVENTS		(1U << 25)

const int64 eg_velocity_widths[EG_VELOCITY_WINDOWS + 1] = {
	INT64CONST(60) * 1000000,
	INT64CONST(300) * 1000000,
	INT64CONST(900) * 1000000,
	INT64CONST(3600) * 1000000,
	INT64CONST(86400) * 1000000,
	INT64CONST(30) * 86400 * 1000000
};

typedef struct AsOfWindow
{
	double		count;
	double		n;
	EgLong		sum;
	double		max;
} AsOfWindow;

typedef struct AsOf
{
	EgVelocityState head;
	AsOfWindow	window[EG_MAX_WINDOWS];
	EgSpread	base;			/* before the latest event */
	EgSpread	pending;		/* at its time */
} AsOf;

typedef struct Event
{
	TimestampTz at;
	double		amount;
} Event;

typedef struct Events
{
	EgVelocityState head;
	uint32		n;
	uint32		capacity;
	Event		events[FLEXIBLE_ARRAY_MEMBER];
} Events;

#define EVENTS_BYTES(capacity) \
	(offsetof(Events, events) + sizeof(Event) * (Size) (capacity))

void
eg_velocity_invalid(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid state of an aggregate of engage")));
}

/* ----------
 * Numbers
 * ----------
 */

void
eg_long_add(EgLong *a, double x)
{
	double		sum = a->hi + x;
	double		part = sum - a->hi;
	double		rest = (a->hi - (sum - part)) + (x - part) + a->lo;

	if (unlikely(!isfinite(sum)))
	{
		a->hi = sum;
		a->lo = 0;
		return;
	}
	a->hi = sum + rest;
	a->lo = rest - (a->hi - sum);
}

void
eg_spread_add(EgSpread *s, double x)
{
	double		delta = x - s->mean;

	s->n += 1;
	s->mean += delta / s->n;
	s->m2 += delta * (x - s->mean);
}

void
eg_spread_join(EgSpread *s, const EgSpread *other)
{
	double		n = s->n + other->n;
	double		delta = other->mean - s->mean;

	if (other->n == 0)
		return;
	if (s->n == 0)
	{
		*s = *other;
		return;
	}
	s->m2 += other->m2 + delta * delta * (s->n * other->n / n);
	s->mean += delta * (other->n / n);
	s->n = n;
}

double
eg_spread_deviation(const EgSpread *s)
{
	return s->n < 2 || !isfinite(s->m2) ? NAN : sqrt(Max(s->m2, 0) / (s->n - 1));
}

double
eg_zscore(double amount, double n, double mean, double deviation)
{
	if (isnan(amount) || isnan(deviation) || n < 2)
		return NAN;
	if (deviation > 0)
		return (amount - mean) / deviation;
	return amount == mean ? 0 : amount > mean ? INFINITY : -INFINITY;
}

/* ----------
 * Places
 * ----------
 */

static bool
is_newer(TimestampTz at, double lat, double lon, const EgPlaces *p, int i, bool ordered)
{
	if (at != p->at[i])
		return at > p->at[i];
	if (ordered)
		return true;
	return lat != p->lat[i] ? lat > p->lat[i] : lon > p->lon[i];
}

void
eg_places_add(EgPlaces *p, TimestampTz at, double lat, double lon, bool ordered)
{
	int			i = 1;

	if (p->n == 0 || is_newer(at, lat, lon, p, 0, ordered))
	{
		p->at[1] = p->at[0];
		p->lat[1] = p->lat[0];
		p->lon[1] = p->lon[0];
		i = 0;
	}
	else if (p->n > 1 && !is_newer(at, lat, lon, p, 1, ordered))
		return;
	p->at[i] = at;
	p->lat[i] = lat;
	p->lon[i] = lon;
	p->n = Min(p->n + 1, 2);
}

/* Speed of the latest event; none when that has no place. */
void
eg_places_result(const EgPlaces *p, EgVelocity *out)
{
	if (p->n < 2 || p->at[0] != out->latest)
		return;
	out->km = eg_sphere_km(p->lat[1], p->lon[1], p->lat[0], p->lon[0]);
	out->kmh = eg_speed_kmh(out->km, (double) (p->at[0] - p->at[1]));
}

/* ----------
 * As of a given time
 * ----------
 */

static void
as_of_add(AsOf *a, const EgVelocityEvent *e)
{
	EgVelocityState *s = &a->head;
	bool		missing = isnan(e->amount);
	int			i;

	if (e->at > s->as_of)
		return;
	for (i = 0; i < s->nwindows; i++)
	{
		AsOfWindow *w = &a->window[i];

		if (e->at <= s->as_of - s->width[i])
			continue;
		w->count++;
		if (missing)
			continue;
		w->max = w->n > 0 ? Max(w->max, e->amount) : e->amount;
		w->n++;
		eg_long_add(&w->sum, e->amount);
	}
	if (!s->any || e->at > s->latest)
	{
		eg_spread_join(&a->base, &a->pending);
		memset(&a->pending, 0, sizeof(EgSpread));
		s->any = 1;
		s->latest = e->at;
		s->amount = e->amount;
	}
	else if (e->at == s->latest && !missing && !(s->amount >= e->amount))
		s->amount = e->amount;
	if (!missing && s->baseline > 0 && e->at > s->as_of - s->baseline)
		eg_spread_add(e->at == s->latest ? &a->pending : &a->base, e->amount);
}

static void
as_of_join(AsOf *a, const AsOf *b)
{
	EgVelocityState *s = &a->head;
	int			i;

	if (s->as_of != b->head.as_of)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"as_of\" must be the same in all rows")));
	for (i = 0; i < s->nwindows; i++)
	{
		AsOfWindow *w = &a->window[i];
		const AsOfWindow *o = &b->window[i];

		if (o->n > 0)
			w->max = w->n > 0 ? Max(w->max, o->max) : o->max;
		w->count += o->count;
		w->n += o->n;
		eg_long_add(&w->sum, o->sum.hi);
		eg_long_add(&w->sum, o->sum.lo);
	}
	if (!b->head.any)
		return;
	eg_spread_join(&a->base, &b->base);
	if (s->any && s->latest > b->head.latest)
		eg_spread_join(&a->base, &b->pending);
	else if (s->any && s->latest == b->head.latest)
	{
		eg_spread_join(&a->pending, &b->pending);
		if (!(s->amount >= b->head.amount) && !isnan(b->head.amount))
			s->amount = b->head.amount;
	}
	else
	{
		eg_spread_join(&a->base, &a->pending);
		a->pending = b->pending;
		s->any = 1;
		s->latest = b->head.latest;
		s->amount = b->head.amount;
	}
}

static void
as_of_result(const AsOf *a, EgWindowValues *windows, EgVelocity *out)
{
	const EgVelocityState *s = &a->head;
	int			i;

	out->at = s->as_of;
	out->amount = s->amount;
	for (i = 0; i < s->nwindows; i++)
	{
		const AsOfWindow *w = &a->window[i];

		windows[i].count = w->count;
		windows[i].sum = w->sum.hi + w->sum.lo;
		windows[i].mean = w->n > 0 ? windows[i].sum / w->n : NAN;
		windows[i].max = w->n > 0 ? w->max : NAN;
	}
	if (s->baseline == 0 || a->base.n == 0)
		return;
	out->baseline_n = a->base.n;
	out->baseline_mean = a->base.mean;
	out->baseline_stddev = eg_spread_deviation(&a->base);
	out->zscore = eg_zscore(s->amount, a->base.n, a->base.mean, out->baseline_stddev);
}

/* ----------
 * As of the latest event
 * ----------
 */

/* Room for so many more events: old ones go, or the block doubles. */
static Events *
make_room(Events *v, uint32 more)
{
	uint32		capacity = v->capacity;
	uint32		kept = 0;
	Events	   *larger;
	uint32		i;

	if (capacity - v->n >= more)
		return v;
	for (i = 0; i < v->n; i++)
	{
		if (v->events[i].at > v->head.latest - v->head.horizon)
			v->events[kept++] = v->events[i];
	}
	v->n = kept;
	if (v->n + more <= capacity / 2)
		return v;
	while ((uint64) v->n + more > capacity)
	{
		if (capacity >= MOST_EVENTS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a key has more than %u events within its longest window",
							MOST_EVENTS),
					 errhint("Give a time as_of: its memory is bounded.")));
		capacity *= 2;
	}
	if (capacity == v->capacity && capacity < MOST_EVENTS)
		capacity *= 2;
	if (capacity == v->capacity)
		return v;
	larger = eg_state_alloc(EVENTS_BYTES(capacity), VARSIZE(v), "keeping the events of a key");
	memcpy(larger, v, EVENTS_BYTES(v->n));
	SET_VARSIZE(larger, EVENTS_BYTES(capacity));
	larger->capacity = capacity;
	return larger;
}

static Events *
events_add(Events *v, const EgVelocityEvent *e)
{
	EgVelocityState *s = &v->head;

	if (!s->any || e->at > s->latest)
	{
		s->any = 1;
		s->latest = e->at;
	}
	if (e->at <= s->latest - s->horizon)
		return v;
	v = make_room(v, 1);
	v->events[v->n++] = (Event) {e->at, e->amount};
	return v;
}

static void
events_result(const Events *v, EgWindowValues *windows, EgVelocity *out)
{
	AsOf	   *a = (AsOf *) eg_velocity_create(EG_VELOCITY_AS_OF, v->head.nwindows,
												v->head.width, v->head.baseline, v->head.latest);
	uint32		i;

	for (i = 0; i < v->n; i++)
	{
		EgVelocityEvent e = {v->events[i].at, v->events[i].amount, NAN, NAN};

		as_of_add(a, &e);
	}
	as_of_result(a, windows, out);
	pfree(a);
}

/* ----------
 * All kinds
 * ----------
 */

EgVelocityState *
eg_velocity_create(EgVelocityKind kind, int nwindows, const int64 *widths, int64 baseline,
				   TimestampTz as_of)
{
	EgVelocityState head = {0};
	EgVelocityState *s;
	Size		bytes = kind == EG_VELOCITY_AS_OF ? sizeof(AsOf) : EVENTS_BYTES(FIRST_CAPACITY);
	int			i;

	Assert(nwindows <= EG_MAX_WINDOWS);
	head.magic = MAGIC;
	head.kind = kind;
	head.nwindows = nwindows;
	head.baseline = head.horizon = baseline;
	head.as_of = as_of;
	head.amount = NAN;
	for (i = 0; i < nwindows; i++)
	{
		head.width[i] = widths[i];
		head.horizon = Max(head.horizon, widths[i]);
	}
	if (kind == EG_VELOCITY_RING)
		return eg_ring_create(&head);
	s = palloc0(bytes);
	*s = head;
	SET_VARSIZE(s, bytes);
	if (kind == EG_VELOCITY_EVENTS)
		((Events *) s)->capacity = FIRST_CAPACITY;
	return s;
}

void
eg_velocity_check(const EgVelocityState *s)
{
	const Events *v = (const Events *) s;

	if (VARSIZE(s) < sizeof(EgVelocityState) || s->magic != MAGIC || s->nwindows < 0 ||
		s->nwindows > EG_MAX_WINDOWS || s->places.n < 0 || s->places.n > 2)
		eg_velocity_invalid();
	if (s->kind == EG_VELOCITY_RING)
		eg_ring_check(s);
	else if (s->kind == EG_VELOCITY_AS_OF)
	{
		if (VARSIZE(s) != sizeof(AsOf))
			eg_velocity_invalid();
	}
	else if (s->kind != EG_VELOCITY_EVENTS || VARSIZE(s) < offsetof(Events, events) ||
			 v->capacity > MOST_EVENTS || v->capacity < FIRST_CAPACITY || v->n > v->capacity ||
			 VARSIZE(s) != EVENTS_BYTES(v->capacity))
		eg_velocity_invalid();
}

EgVelocityState *
eg_velocity_add(EgVelocityState *s, const EgVelocityEvent *e)
{
	EgVelocityEvent event = *e;

	if (TIMESTAMP_NOT_FINITE(e->at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("event time is \"%s\"", timestamptz_to_str(e->at))));
	if (!isfinite(event.amount))
		event.amount = NAN;
	switch ((EgVelocityKind) s->kind)
	{
		case EG_VELOCITY_RING:
			s = eg_ring_add(s, &event);
			break;
		case EG_VELOCITY_EVENTS:
			eg_velocity_check(s);
			s = &events_add((Events *) s, &event)->head;
			break;
		case EG_VELOCITY_AS_OF:
			as_of_add((AsOf *) s, &event);
			break;
	}
	if (isnan(e->lat) || isnan(e->lon))
		return s;
	eg_check_place(e->lat, e->lon);
	if (s->kind != EG_VELOCITY_AS_OF || e->at <= s->as_of)
		eg_places_add(&s->places, e->at, e->lat, e->lon, s->kind == EG_VELOCITY_RING);
	return s;
}

EgVelocityState *
eg_velocity_combine(EgVelocityState *a, const EgVelocityState *b)
{
	int			i;

	if (a->kind != b->kind || a->kind == EG_VELOCITY_RING || a->nwindows != b->nwindows ||
		a->baseline != b->baseline || memcmp(a->width, b->width, sizeof(a->width)) != 0)
		eg_velocity_invalid();
	if (a->kind == EG_VELOCITY_AS_OF)
		as_of_join((AsOf *) a, (const AsOf *) b);
	else
	{
		const Events *other = (const Events *) b;
		Events	   *v = (Events *) a;

		if (b->any && (!a->any || b->latest > a->latest))
		{
			a->any = 1;
			a->latest = b->latest;
		}
		v = make_room(v, other->n);
		memcpy(v->events + v->n, other->events, sizeof(Event) * other->n);
		v->n += other->n;
		a = &v->head;
	}
	for (i = 0; i < b->places.n; i++)
		eg_places_add(&a->places, b->places.at[i], b->places.lat[i], b->places.lon[i], false);
	return a;
}

void
eg_velocity_empty(EgVelocity *out)
{
	int			i;

	memset(out, 0, sizeof(EgVelocity));
	out->amount = out->baseline_mean = out->baseline_stddev = out->zscore = NAN;
	out->km = out->kmh = NAN;
	for (i = 0; i < EG_VELOCITY_WINDOWS; i++)
		out->window[i].mean = out->window[i].max = NAN;
}

void
eg_velocity_result(const EgVelocityState *s, EgWindowValues *windows, EgVelocity *out)
{
	eg_velocity_empty(out);
	out->known = s->any != 0;
	out->at = out->latest = s->latest;
	out->amount = s->amount;
	switch ((EgVelocityKind) s->kind)
	{
		case EG_VELOCITY_RING:
			eg_ring_result(s, windows, out);
			break;
		case EG_VELOCITY_EVENTS:
			events_result((const Events *) s, windows, out);
			break;
		case EG_VELOCITY_AS_OF:
			as_of_result((const AsOf *) s, windows, out);
			break;
	}
	eg_places_result(&s->places, out);
}
