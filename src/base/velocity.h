/*-------------------------------------------------------------------------
 *
 * velocity.h
 *	  How often and how much lately: counts, sums, means and maxima of the
 *	  events of one key over several windows of time that end now.
 *
 * A window of width w at time t holds the events in (t - w, t].  A baseline,
 * the events of the 30 days before the latest one, says what is usual.
 *
 * Three structures give the same result:
 *	ring	events come in order of time, a result is wanted after each
 *	as of	events come in any order, the time of the result is known before
 *	cells	a bounded summary that can be stored, for any later time
 *
 * NaN is a missing number; it is written where there is nothing to say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_VELOCITY_H
#define EG_VELOCITY_H

#include "base/compat.h"
#include "utils/timestamp.h"

/* 1m, 5m, 15m, 1h, 24h; the last of widths[] is the baseline's 30 days */
#define EG_VELOCITY_WINDOWS		5
#define EG_MAX_WINDOWS			16

extern const int64 eg_velocity_widths[EG_VELOCITY_WINDOWS + 1];	/* microseconds */

typedef struct EgWindowValues
{
	double		count;			/* events, with or without an amount */
	double		sum;			/* of their amounts; 0 when there are none */
	double		mean;			/* NaN when there are none */
	double		max;			/* NaN when there are none */
} EgWindowValues;

typedef struct EgVelocity
{
	bool		known;			/* false: no event; counts are 0 */
	TimestampTz at;				/* time that the windows end at */
	TimestampTz latest;			/* time of the latest event; 0 when there is none */
	double		amount;			/* of the latest event */
	EgWindowValues window[EG_VELOCITY_WINDOWS];
	double		baseline_n;		/* amounts before the latest event */
	double		baseline_mean;
	double		baseline_stddev;	/* of a sample: n - 1 */
	double		zscore;			/* of the latest event's amount */
	double		km;				/* from the place before to the latest event's */
	double		kmh;			/* infinity: at the same time in two places */
} EgVelocity;

/* One event; amount, lat and lon are NaN when missing. */
typedef struct EgVelocityEvent
{
	TimestampTz at;
	double		amount;
	double		lat;
	double		lon;
} EgVelocityEvent;

/* The last two places, the newer first. */
typedef struct EgPlaces
{
	int32		n;
	int32		reserved;		/* 0 */
	TimestampTz at[2];
	double		lat[2];
	double		lon[2];
} EgPlaces;

/*
 * ordered: of two at the same time the one that comes later is newer; else the one
 * with the larger coordinates, so that the order of the rows does not matter
 */
extern void eg_places_add(EgPlaces *p, TimestampTz at, double lat, double lon, bool ordered);
extern void eg_places_result(const EgPlaces *p, EgVelocity *out);

/* A double and what it lacks: about 106 bits. */
typedef struct EgLong
{
	double		hi;
	double		lo;
} EgLong;

extern void eg_long_add(EgLong *a, double x);

/* Number, mean, and sum of squared deviations (Welford; joined as by Chan et al. 1979). */
typedef struct EgSpread
{
	double		n;
	double		mean;
	double		m2;
} EgSpread;

extern void eg_spread_add(EgSpread *s, double x);
extern void eg_spread_join(EgSpread *s, const EgSpread *other);
extern double eg_spread_deviation(const EgSpread *s);	/* of a sample; NaN below 2 */

/* (amount - mean) / deviation, with the rules for few and equal values. */
extern double eg_zscore(double amount, double n, double mean, double deviation);

/* ----------
 * States of aggregates: one block of bytes, changed in place
 * ----------
 */

typedef enum EgVelocityKind
{
	EG_VELOCITY_RING = 1,		/* a result after each row; rows in order of time */
	EG_VELOCITY_EVENTS = 2,		/* as of the latest event; rows in any order */
	EG_VELOCITY_AS_OF = 3		/* as of a given time; rows in any order */
} EgVelocityKind;

typedef struct EgVelocityState
{
	int32		vl_len_;		/* as a bytea */
	uint32		magic;			/* also tells a foreign byte order */
	int32		kind;
	int32		nwindows;		/* without the baseline */
	int64		width[EG_MAX_WINDOWS];
	int64		baseline;		/* its width; 0: none */
	int64		horizon;		/* the largest of all widths */
	TimestampTz as_of;			/* of EG_VELOCITY_AS_OF */
	TimestampTz latest;
	double		amount;			/* of the latest event */
	int32		any;			/* is there an event? */
	int32		blank;			/* the last row has no time */
	EgPlaces	places;
	/* what else there is depends on kind */
} EgVelocityState;

/* A new, empty state of the kind. */
extern EgVelocityState *eg_velocity_create(EgVelocityKind kind, int nwindows,
										   const int64 *widths, int64 baseline,
										   TimestampTz as_of);

/*
 * Add an event: the state itself, or a larger copy (palloc'd).  In a ring, an error
 * DATA_EXCEPTION unless the event is not before the latest.  A state that may have been
 * made by others raises INVALID_PARAMETER_VALUE, at the latest here.
 */
extern EgVelocityState *eg_velocity_add(EgVelocityState *s, const EgVelocityEvent *e);

/* Join b to a; not for rings.  May return a larger copy of a. */
extern EgVelocityState *eg_velocity_combine(EgVelocityState *a, const EgVelocityState *b);

/* The state is not changed; windows has room for nwindows; out->window is not written. */
extern void eg_velocity_result(const EgVelocityState *s, EgWindowValues *windows,
							   EgVelocity *out);

/* Error unless the bytes are a state as one of the functions above makes it. */
extern void eg_velocity_check(const EgVelocityState *s);

/* ----------
 * Cells: a bounded summary of the events of a key, for any time after them
 * ----------
 */

#define EG_MAX_CELLS		200
#define EG_MAX_DAYS			34

/* Events that are close together; one, while there are few. */
typedef struct EgCell
{
	TimestampTz at;				/* of the newest of them */
	double		count;
	double		n;				/* with an amount */
	double		sum;
	double		max;
} EgCell;

typedef struct EgDay
{
	TimestampTz at;				/* of the newest amount */
	EgSpread	spread;
} EgDay;

typedef struct EgCells
{
	double		events;			/* ever */
	TimestampTz latest;
	double		amount;
	EgPlaces	places;
	EgSpread	pending;		/* amounts at the latest time: not in the baseline yet */
	int			n;
	int			ndays;
	EgCell		cell[EG_MAX_CELLS + 1]; /* oldest first */
	EgDay		day[EG_MAX_DAYS + 1];	/* oldest first */
} EgCells;

extern void eg_cells_init(EgCells *c);
extern void eg_cells_add(EgCells *c, const EgVelocityEvent *e);
extern void eg_cells_join(EgCells *c, const EgCells *later);
extern void eg_cells_result(const EgCells *c, TimestampTz as_of, EgVelocity *out);

/* The stored form, a bytea, palloc'd; and back: the reader distrusts. */
extern struct varlena *eg_cells_write(const EgCells *c);
extern void eg_cells_read(EgCells *c, const struct varlena *bytes);

/* for velocity*.c */
extern EgVelocityState *eg_ring_create(const EgVelocityState *head);
extern EgVelocityState *eg_ring_add(EgVelocityState *s, const EgVelocityEvent *e);
extern void eg_ring_result(const EgVelocityState *s, EgWindowValues *windows, EgVelocity *out);
extern void eg_ring_check(const EgVelocityState *s);
extern void eg_velocity_invalid(void) pg_attribute_noreturn();
extern void eg_velocity_empty(EgVelocity *out);

#endif							/* EG_VELOCITY_H */
