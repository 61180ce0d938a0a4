/*-------------------------------------------------------------------------
 *
 * velocity_cells.c
 *	  The events of a key in bounded room, for windows at any later time.
 *
 * A cell is a few neighbouring events of the last day: time of the newest,
 * count, sum, maximum.  As long as there are few events each has a cell of its
 * own, and every window is exact.  When there are many, neighbours are merged
 * if they lie in the same step of a grid.  The step may be as coarse as the
 * smallest window that can still reach them: an event that is 2 minutes old
 * will never again be at the far end of the window of a minute, but it will
 * be at that of 5 minutes.  Steps are multiples of one another, so a merged
 * cell never lies across a coarser step.
 *
 * A window takes a cell if its newest event is within.  So it may hold events
 * that are older than the window by less than a step, and never misses one.
 *
 * The baseline is one mean and variance for each day (UTC).  Amounts at the
 * time of the latest event are pending: the baseline is what was before it.
 *
 * Bytes: u32 magic, f64 events, i64 latest, f64 amount, spread pending, u8
 * places (i64, f64, f64 each, newer first), u32 cells (i64 at, u32 count, u32 n,
 * f64 sum, f64 max), u32 days (i64 at, spread); a spread is u32 n, f64 mean,
 * f64 m2.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/bytes.h"
#include "base/velocity.h"

#define CELLS_MAGIC		0x31564765	/* "eGV1" */
#define EXACT_CELLS		100
#define SECOND			INT64CONST(1000000)
#define DAY				(86400 * SECOND)
#define SLACK			(600 * SECOND)	/* how far the latest event may be ahead of now */
#define CELL_BYTES		32
#define DAY_BYTES		28

static const int64 steps[EG_VELOCITY_WINDOWS] = {
	SECOND, 10 * SECOND, 30 * SECOND, 120 * SECOND, 1800 * SECOND
};

void
eg_cells_init(EgCells *c)
{
	memset(c, 0, offsetof(EgCells, cell));
	c->amount = NAN;
}

/* Number of the step that a time lies in; rounds down before 2000, too. */
static inline int64
step_of(TimestampTz at, int64 step)
{
	return at >= 0 ? at / step : -((step - 1 - at) / step);
}

/* ----------
 * Cells
 * ----------
 */

static void
absorb(EgCell *to, const EgCell *from)
{
	if (from->n > 0)
		to->max = to->n > 0 ? Max(to->max, from->max) : from->max;
	to->at = Max(to->at, from->at);
	to->count += from->count;
	to->n += from->n;
	to->sum += from->sum;
}

static void
merge_neighbours(EgCells *c)
{
	int			kept = c->n - 1;
	int			i;

	/* from the newest on, so that a chain of neighbours ends in one cell */
	for (i = c->n - 2; i >= 0; i--)
	{
		EgCell	   *newer = &c->cell[kept];
		int64		age = c->latest - newer->at;
		int			level = 0;

		while (level < EG_VELOCITY_WINDOWS - 1 && age >= eg_velocity_widths[level])
			level++;
		if (step_of(c->cell[i].at, steps[level]) == step_of(newer->at, steps[level]))
			absorb(newer, &c->cell[i]);
		else
			c->cell[--kept] = c->cell[i];
	}
	c->n -= kept;
	memmove(c->cell, c->cell + kept, sizeof(EgCell) * c->n);
}

static void
put_cell(EgCells *c, const EgCell *cell)
{
	int			i = c->n;

	if (cell->at <= c->latest - DAY - SLACK)
		return;
	while (i > 0 && c->cell[i - 1].at > cell->at)
		i--;
	memmove(c->cell + i + 1, c->cell + i, sizeof(EgCell) * (c->n - i));
	c->cell[i] = *cell;
	c->n++;
	for (i = 0; i < c->n && c->cell[i].at <= c->latest - DAY - SLACK; i++)
		;
	c->n -= i;
	memmove(c->cell, c->cell + i, sizeof(EgCell) * c->n);
	if (c->n > EXACT_CELLS)
		merge_neighbours(c);
	while (c->n > EG_MAX_CELLS)
	{
		absorb(&c->cell[1], &c->cell[0]);
		c->n--;
		memmove(c->cell, c->cell + 1, sizeof(EgCell) * c->n);
	}
}

/* ----------
 * Days
 * ----------
 */

static void
put_day(EgCells *c, TimestampTz at, const EgSpread *spread)
{
	int64		oldest = c->latest - eg_velocity_widths[EG_VELOCITY_WINDOWS] - SLACK;
	int64		day = step_of(at, DAY);
	int			i = c->ndays;

	if (spread->n == 0 || at <= oldest)
		return;
	while (i > 0 && step_of(c->day[i - 1].at, DAY) > day)
		i--;
	if (i > 0 && step_of(c->day[i - 1].at, DAY) == day)
	{
		EgDay	   *d = &c->day[i - 1];

		d->at = Max(d->at, at);
		eg_spread_join(&d->spread, spread);
	}
	else
	{
		memmove(c->day + i + 1, c->day + i, sizeof(EgDay) * (c->ndays - i));
		c->day[i].at = at;
		c->day[i].spread = *spread;
		c->ndays++;
	}
	for (i = 0; i < c->ndays && (c->day[i].at <= oldest || c->ndays - i > EG_MAX_DAYS); i++)
		;
	c->ndays -= i;
	memmove(c->day, c->day + i, sizeof(EgDay) * c->ndays);
}

/* Amounts at a time that is or becomes the latest; older ones go to their day. */
static void
put_latest(EgCells *c, bool first, TimestampTz at, double amount, const EgSpread *spread)
{
	if (first || at > c->latest)
	{
		TimestampTz before = c->latest;
		EgSpread	pending = c->pending;

		c->latest = at;
		c->amount = amount;
		c->pending = *spread;
		if (!first)
			put_day(c, before, &pending);
	}
	else if (at == c->latest)
	{
		c->amount = amount;
		eg_spread_join(&c->pending, spread);
	}
	else
		put_day(c, at, spread);
}

/* ----------
 * Events
 * ----------
 */

void
eg_cells_add(EgCells *c, const EgVelocityEvent *e)
{
	bool		missing = !isfinite(e->amount);
	EgCell		cell = {e->at, 1, !missing, missing ? 0 : e->amount, missing ? NAN : e->amount};
	EgSpread	spread = {!missing, missing ? 0 : e->amount, 0};

	put_latest(c, c->events == 0, e->at, missing ? NAN : e->amount, &spread);
	c->events++;
	put_cell(c, &cell);
	if (!isnan(e->lat) && !isnan(e->lon))
		eg_places_add(&c->places, e->at, e->lat, e->lon, true);
}

void
eg_cells_join(EgCells *c, const EgCells *later)
{
	int			i;

	if (later->events == 0)
		return;
	put_latest(c, c->events == 0, later->latest, later->amount, &later->pending);
	c->events += later->events;
	for (i = 0; i < later->n; i++)
		put_cell(c, &later->cell[i]);
	for (i = 0; i < later->ndays; i++)
		put_day(c, later->day[i].at, &later->day[i].spread);
	for (i = later->places.n - 1; i >= 0; i--)
		eg_places_add(&c->places, later->places.at[i], later->places.lat[i],
					  later->places.lon[i], true);
}

void
eg_cells_result(const EgCells *c, TimestampTz as_of, EgVelocity *out)
{
	EgSpread	base = {0, 0, 0};
	int			i,
				k;

	eg_velocity_empty(out);
	out->at = as_of;
	if (c->events == 0)
		return;
	out->known = true;
	out->latest = c->latest;
	out->amount = c->amount;
	for (k = 0; k < EG_VELOCITY_WINDOWS; k++)
	{
		EgCell		total = {0, 0, 0, 0, NAN};
		EgLong		sum = {0, 0};

		for (i = c->n - 1; i >= 0 && c->cell[i].at > as_of - eg_velocity_widths[k]; i--)
		{
			if (c->cell[i].at > as_of)
				continue;
			eg_long_add(&sum, c->cell[i].sum);
			absorb(&total, &c->cell[i]);
		}
		out->window[k].count = total.count;
		out->window[k].sum = sum.hi + sum.lo;
		out->window[k].mean = total.n > 0 ? out->window[k].sum / total.n : NAN;
		out->window[k].max = total.max;
	}
	for (i = 0; i < c->ndays; i++)
	{
		if (c->day[i].at <= as_of &&
			c->day[i].at > as_of - eg_velocity_widths[EG_VELOCITY_WINDOWS])
			eg_spread_join(&base, &c->day[i].spread);
	}
	if (base.n > 0)
	{
		out->baseline_n = base.n;
		out->baseline_mean = base.mean;
		out->baseline_stddev = eg_spread_deviation(&base);
	}
	if (as_of < c->latest)
		return;
	if (base.n > 0)
		out->zscore = eg_zscore(c->amount, base.n, base.mean, out->baseline_stddev);
	eg_places_result(&c->places, out);
}

/* ----------
 * Stored form
 * ----------
 */

static void
put_spread(EgWriter *w, const EgSpread *s)
{
	eg_put_u32(w, (uint32) s->n);
	eg_put_f64(w, s->mean);
	eg_put_f64(w, s->m2);
}

static void
get_spread(EgReader *r, EgSpread *s)
{
	s->n = eg_get_u32(r);
	s->mean = eg_get_f64(r);
	s->m2 = eg_get_f64(r);
}

struct varlena *
eg_cells_write(const EgCells *c)
{
	EgWriter	w;
	int			i;

	eg_writer_init(&w);
	eg_put_u32(&w, 0);			/* the length of the bytea, at the end */
	eg_put_u32(&w, CELLS_MAGIC);
	eg_put_f64(&w, c->events);
	eg_put_u64(&w, (uint64) c->latest);
	eg_put_f64(&w, c->amount);
	put_spread(&w, &c->pending);
	eg_put_u8(&w, (uint8) c->places.n);
	for (i = 0; i < c->places.n; i++)
	{
		eg_put_u64(&w, (uint64) c->places.at[i]);
		eg_put_f64(&w, c->places.lat[i]);
		eg_put_f64(&w, c->places.lon[i]);
	}
	eg_put_u32(&w, (uint32) c->n);
	for (i = 0; i < c->n; i++)
	{
		eg_put_u64(&w, (uint64) c->cell[i].at);
		eg_put_u32(&w, (uint32) c->cell[i].count);
		eg_put_u32(&w, (uint32) c->cell[i].n);
		eg_put_f64(&w, c->cell[i].sum);
		eg_put_f64(&w, c->cell[i].max);
	}
	eg_put_u32(&w, (uint32) c->ndays);
	for (i = 0; i < c->ndays; i++)
	{
		eg_put_u64(&w, (uint64) c->day[i].at);
		put_spread(&w, &c->day[i].spread);
	}
	SET_VARSIZE(w.buf.data, w.buf.len);
	return (struct varlena *) w.buf.data;
}

static TimestampTz
get_time(EgReader *r, TimestampTz after)
{
	TimestampTz at = (TimestampTz) eg_get_u64(r);

	if (!IS_VALID_TIMESTAMP(at) || at < after)
		eg_corrupted(r, "a time is out of order");
	return at;
}

void
eg_cells_read(EgCells *c, const struct varlena *bytes)
{
	EgReader	r;
	int			i;

	eg_cells_init(c);
	eg_reader_init(&r, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, "velocity state");
	if (eg_get_u32(&r) != CELLS_MAGIC)
		eg_corrupted(&r, "wrong first bytes");
	c->events = eg_get_f64(&r);
	if (!(c->events >= 1) || isinf(c->events))
		eg_corrupted(&r, "it has %g events", c->events);
	c->latest = get_time(&r, MIN_TIMESTAMP);
	c->amount = eg_get_f64(&r);
	get_spread(&r, &c->pending);
	c->places.n = eg_get_u8(&r);
	if (c->places.n > 2)
		eg_corrupted(&r, "it has %d places", c->places.n);
	for (i = 0; i < c->places.n; i++)
	{
		c->places.at[i] = get_time(&r, MIN_TIMESTAMP);
		c->places.lat[i] = eg_get_f64(&r);
		c->places.lon[i] = eg_get_f64(&r);
	}
	c->n = (int) eg_get_count(&r, EG_MAX_CELLS, CELL_BYTES);
	for (i = 0; i < c->n; i++)
	{
		c->cell[i].at = get_time(&r, i > 0 ? c->cell[i - 1].at : MIN_TIMESTAMP);
		c->cell[i].count = eg_get_u32(&r);
		c->cell[i].n = eg_get_u32(&r);
		c->cell[i].sum = eg_get_f64(&r);
		c->cell[i].max = eg_get_f64(&r);
	}
	c->ndays = (int) eg_get_count(&r, EG_MAX_DAYS, DAY_BYTES);
	for (i = 0; i < c->ndays; i++)
	{
		c->day[i].at = get_time(&r, i > 0 ? c->day[i - 1].at : MIN_TIMESTAMP);
		get_spread(&r, &c->day[i].spread);
	}
	if (r.pos != r.len)
		eg_corrupted(&r, "there are bytes behind it");
}
