/*-------------------------------------------------------------------------
 *
 * velocity_ring.c
 *	  All windows of a stream of events in one pass.
 *
 * Every window ends at the newest event, so windows are suffixes of one ring
 * and each is no more than the number of its first event.  A new event is
 * added to all sums; those that fall out at the far ends are subtracted.
 *
 * Subtracting leaves rounding errors behind.  Sums are kept in twice the
 * precision (Knuth's two-sum), and a window whose values have shrunk to less
 * than 2^-40 of what it once held is summed anew; so no number that has left
 * can be seen in the digits of those that stay.
 *
 * Maxima need one queue only: the events that are larger than all later ones.
 * The maximum of a window is the first of the queue that lies within it.
 *
 * The baseline's variance is made of sums of x - c and (x - c)^2.  When the
 * mean has moved so far from c that digits would cancel, c is moved and the
 * sums are made anew, which takes at least as many events as are summed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/run.h"
#include "base/velocity.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define FIRST_CAPACITY	16
#define MOST_EVENTS		(1U << 25)	/* 20 bytes each stay below 1 GB */
#define SHRUNK			9.094947017729282e-13	/* 2^-40 */

typedef struct Event
{
	TimestampTz at;
	double		amount;
} Event;

typedef struct Window
{
	uint64		first;			/* number of its first event */
	uint64		queued;			/* place in the queue of its maximum */
	uint64		n;				/* amounts */
	EgLong		sum;
	double		gross;			/* sum of absolute amounts */
	double		peak;			/* largest gross since the sums were made anew */
} Window;

typedef struct Baseline
{
	uint64		first;
	uint64		next;			/* first event that is not in it yet */
	uint64		n;
	double		c;
	EgLong		s1;				/* sum of x - c */
	EgLong		s2;				/* sum of (x - c)^2 */
	double		gross;			/* sum of (x - c)^2 in one double */
	double		peak;
} Baseline;

/* Events are numbered from 0; event k is in slot k & (capacity - 1). */
typedef struct Ring
{
	EgVelocityState head;
	uint64		oldest;			/* kept */
	uint64		end;			/* number of the next one */
	uint64		queue_end;
	uint32		capacity;		/* a power of 2 */
	uint32		reserved;		/* 0 */
	Window		window[EG_MAX_WINDOWS];
	Baseline	base;
	Event		events[FLEXIBLE_ARRAY_MEMBER];	/* (capacity), then (capacity) uint32: slots */
} Ring;

#define RING_BYTES(capacity) \
	(offsetof(Ring, events) + (Size) (capacity) * (sizeof(Event) + sizeof(uint32)))

static inline uint32 *
queue(const Ring *r)
{
	return (uint32 *) (r->events + r->capacity);
}

static inline const Event *
event(const Ring *r, uint64 k)
{
	return &r->events[k & (r->capacity - 1)];
}

/* The number of the event at a place of the queue. */
static inline uint64
queued_event(const Ring *r, uint64 place)
{
	uint32		mask = r->capacity - 1;
	uint32		slot = queue(r)[place & mask];

	return r->oldest + ((slot - (uint32) r->oldest) & mask);
}

EgVelocityState *
eg_ring_create(const EgVelocityState *head)
{
	Ring	   *r = palloc0(RING_BYTES(FIRST_CAPACITY));

	r->head = *head;
	SET_VARSIZE(r, RING_BYTES(FIRST_CAPACITY));
	r->capacity = FIRST_CAPACITY;
	return &r->head;
}

/* What indexing relies on; the loops end because of it, too. */
void
eg_ring_check(const EgVelocityState *s)
{
	const Ring *r = (const Ring *) s;
	int			i;

	if (VARSIZE(s) < offsetof(Ring, events) || r->capacity < FIRST_CAPACITY ||
		r->capacity > MOST_EVENTS || (r->capacity & (r->capacity - 1)) != 0 ||
		VARSIZE(s) != RING_BYTES(r->capacity) || r->end < r->oldest ||
		r->end - r->oldest > r->capacity || r->base.first < r->oldest ||
		r->base.next < r->base.first || r->base.next > r->end)
		eg_velocity_invalid();
	for (i = 0; i < s->nwindows; i++)
	{
		if (r->window[i].first < r->oldest || r->window[i].first > r->end ||
			r->window[i].queued > r->queue_end ||
			r->queue_end - r->window[i].queued > r->capacity)
			eg_velocity_invalid();
	}
}

static Ring *
grow(const Ring *r)
{
	uint32		capacity = r->capacity * 2;
	uint64		queue_start = r->queue_end;
	Ring	   *larger;
	uint64		k;
	int			i;

	if (r->capacity >= MOST_EVENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a key has more than %u events within its longest window", MOST_EVENTS)));
	larger = eg_state_alloc(RING_BYTES(capacity), VARSIZE(r), "keeping the events of a key");
	memcpy(larger, r, offsetof(Ring, events));
	SET_VARSIZE(larger, RING_BYTES(capacity));
	larger->capacity = capacity;
	for (k = r->oldest; k < r->end; k++)
		larger->events[k & (capacity - 1)] = *event(r, k);
	for (i = 0; i < r->head.nwindows; i++)
		queue_start = Min(queue_start, r->window[i].queued);
	for (k = queue_start; k < r->queue_end; k++)
		queue(larger)[k & (capacity - 1)] = (uint32) queued_event(r, k) & (capacity - 1);
	return larger;
}

/* ----------
 * Windows
 * ----------
 */

static void
sum_anew(const Ring *r, Window *w)
{
	uint64		k;

	w->sum.hi = w->sum.lo = w->gross = 0;
	for (k = w->first; k < r->end; k++)
	{
		double		x = event(r, k)->amount;

		if (isnan(x))
			continue;
		eg_long_add(&w->sum, x);
		w->gross += fabs(x);
	}
	w->peak = w->gross;
}

static void
leave_window(const Ring *r, Window *w, TimestampTz until)
{
	bool		left = false;

	while (w->first < r->end && event(r, w->first)->at <= until)
	{
		double		x = event(r, w->first++)->amount;

		if (isnan(x))
			continue;
		eg_long_add(&w->sum, -x);
		w->gross -= fabs(x);
		w->n--;
		left = true;
	}
	if (left && w->n == 0)
		w->sum.hi = w->sum.lo = w->gross = w->peak = 0;
	else if (left && (!(w->gross >= w->peak * SHRUNK) || isinf(w->peak)))
		sum_anew(r, w);
	while (w->queued < r->queue_end && queued_event(r, w->queued) < w->first)
		w->queued++;
}

static void
enter_window(Window *w, double x)
{
	w->n++;
	eg_long_add(&w->sum, x);
	w->gross += fabs(x);
	w->peak = Max(w->peak, w->gross);
}

/* The newest event makes those of the queue that are not larger pointless. */
static void
enter_queue(Ring *r, double x)
{
	uint64		start = r->queue_end;
	int			i;

	if (r->head.nwindows == 0)
		return;
	for (i = 0; i < r->head.nwindows; i++)
		start = Min(start, r->window[i].queued);
	while (r->queue_end > start && !(event(r, queued_event(r, r->queue_end - 1))->amount > x))
		r->queue_end--;
	for (i = 0; i < r->head.nwindows; i++)
		r->window[i].queued = Min(r->window[i].queued, r->queue_end);
	queue(r)[r->queue_end++ & (r->capacity - 1)] = (uint32) r->end & (r->capacity - 1);
}

/* ----------
 * Baseline
 * ----------
 */

static void
base_put(Baseline *b, double x, int sign)
{
	double		d = x - b->c;
	double		square = d * d;

	eg_long_add(&b->s1, sign * d);
	eg_long_add(&b->s2, sign * square);
	if (!isinf(square))
		eg_long_add(&b->s2, sign * fma(d, d, -square));
	b->gross += sign * square;
	b->peak = Max(b->peak, b->gross);
}

static void
base_sums(const Baseline *b, EgSpread *spread)
{
	double		n = (double) b->n;
	double		mean = b->s1.hi / n;
	double		product = mean * b->s1.hi;
	EgLong		m2 = b->s2;

	/* m2 = s2 - s1 * s1 / n, the quotient with its remainder */
	eg_long_add(&m2, -product);
	eg_long_add(&m2, -fma(mean, b->s1.hi, -product));
	eg_long_add(&m2, -(fma(-mean, n, b->s1.hi) + 2 * b->s1.lo) * mean);
	spread->n = n;
	spread->mean = b->c + (b->s1.hi + b->s1.lo) / n;
	spread->m2 = m2.hi > 0 ? m2.hi : isnan(m2.hi) ? NAN : 0;
}

/* Sums around the mean; around the value itself where there is only one. */
static void
base_anew(const Ring *r, Baseline *b)
{
	double		lowest = INFINITY;
	double		highest = -INFINITY;
	double		mean = 0;
	double		n = 0;
	uint64		k;

	for (k = b->first; k < b->next; k++)
	{
		double		x = event(r, k)->amount;

		if (isnan(x))
			continue;
		lowest = Min(lowest, x);
		highest = Max(highest, x);
		n++;
		mean += x / n - mean / n;
	}
	b->c = lowest == highest ? lowest : mean;
	b->s1.hi = b->s1.lo = b->s2.hi = b->s2.lo = b->gross = b->peak = 0;
	for (k = b->first; k < b->next; k++)
	{
		if (!isnan(event(r, k)->amount))
			base_put(b, event(r, k)->amount, 1);
	}
}

/* The baseline of the newest time: events before it, but not longer ago than its width. */
static void
move_baseline(const Ring *r, Baseline *b, TimestampTz now, int64 width)
{
	bool		left = false;
	EgSpread	spread;

	while (b->next < r->end && event(r, b->next)->at < now)
	{
		double		x = event(r, b->next++)->amount;

		if (isnan(x))
			continue;
		if (b->n++ == 0)
		{
			b->c = x;
			b->s1.hi = b->s1.lo = b->s2.hi = b->s2.lo = b->gross = b->peak = 0;
		}
		else
			base_put(b, x, 1);
	}
	while (b->first < b->next && event(r, b->first)->at <= now - width)
	{
		double		x = event(r, b->first++)->amount;

		if (isnan(x))
			continue;
		b->n--;
		base_put(b, x, -1);
		left = true;
	}
	if (b->n < 2)
	{
		if (left && b->n == 1)
			base_anew(r, b);
		return;
	}
	base_sums(b, &spread);
	if (spread.m2 < b->s2.hi * SHRUNK ||
		(left && (!(b->gross >= b->peak * SHRUNK) || isinf(b->peak))))
		base_anew(r, b);
}

/* ----------
 * Events in, results out
 * ----------
 */

EgVelocityState *
eg_ring_add(EgVelocityState *s, const EgVelocityEvent *e)
{
	Ring	   *r = (Ring *) s;
	uint64		oldest;
	int			i;

	eg_ring_check(s);
	if (s->any && e->at < s->latest)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("events must come in order of time"),
				 errdetail("An event at %s comes after one at %s.",
						   pstrdup(timestamptz_to_str(e->at)),
						   pstrdup(timestamptz_to_str(s->latest))),
				 errhint("Order the window by time: OVER (PARTITION BY key ORDER BY at).")));
	oldest = r->end;
	for (i = 0; i < s->nwindows; i++)
	{
		leave_window(r, &r->window[i], e->at - s->width[i]);
		oldest = Min(oldest, r->window[i].first);
	}
	if (s->baseline > 0)
	{
		move_baseline(r, &r->base, e->at, s->baseline);
		oldest = Min(oldest, r->base.first);
	}
	else
		r->base.first = r->base.next = oldest;
	r->oldest = oldest;
	if (r->end - r->oldest == r->capacity)
		r = grow(r);
	if (!isnan(e->amount))
	{
		enter_queue(r, e->amount);
		for (i = 0; i < s->nwindows; i++)
			enter_window(&r->window[i], e->amount);
	}
	r->events[r->end & (r->capacity - 1)] = (Event) {e->at, e->amount};
	r->end++;
	r->head.any = 1;
	r->head.latest = e->at;
	r->head.amount = e->amount;
	return &r->head;
}

void
eg_ring_result(const EgVelocityState *s, EgWindowValues *windows, EgVelocity *out)
{
	const Ring *r = (const Ring *) s;
	EgSpread	spread;
	int			i;

	for (i = 0; i < s->nwindows; i++)
	{
		const Window *w = &r->window[i];

		windows[i].count = (double) (r->end - w->first);
		windows[i].sum = w->sum.hi + w->sum.lo;
		windows[i].mean = w->n > 0 ? windows[i].sum / (double) w->n : NAN;
		windows[i].max = w->n > 0 && w->queued < r->queue_end ?
			event(r, queued_event(r, w->queued))->amount : NAN;
	}
	if (s->baseline == 0 || r->base.n == 0)
		return;
	base_sums(&r->base, &spread);
	out->baseline_n = spread.n;
	out->baseline_mean = spread.mean;
	out->baseline_stddev = eg_spread_deviation(&spread);
	out->zscore = eg_zscore(s->amount, spread.n, spread.mean, out->baseline_stddev);
}
