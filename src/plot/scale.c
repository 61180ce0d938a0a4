/*-------------------------------------------------------------------------
 *
 * scale.c
 *	  From values to pixels, and where the ticks are.
 *
 * Steps of numbers are 1, 2, 2.5 or 5 times a power of ten.  Steps of time are those
 * that clocks and calendars have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "plot/scale.h"

/* differences of larger numbers would be infinite */
#define LARGEST		8e307

/* two numbers that differ by less have the same label */
#define SAME		1e-9

#define MINUTE		60.0
#define HOUR		3600.0
#define DAY			86400.0
#define MONTH		(30.44 * DAY)
#define YEAR		(365.25 * DAY)

void
eg_extent(const double *v, int n, double *lo, double *hi)
{
	*lo = *hi = NAN;
	for (int i = 0; i < n; i++)
	{
		if (isnan(v[i]))
			continue;
		if (!(*lo <= v[i]))
			*lo = v[i];
		if (!(*hi >= v[i]))
			*hi = v[i];
	}
}

/* Ends that are apart. */
static void
mend_ends(double *lo, double *hi)
{
	double		swap;
	double		room;

	if (isnan(*lo) || isnan(*hi))
		*lo = *hi = isnan(*lo) ? isnan(*hi) ? 0 : *hi : *lo;
	*lo = Min(Max(*lo, -LARGEST), LARGEST);
	*hi = Min(Max(*hi, -LARGEST), LARGEST);
	if (*lo > *hi)
	{
		swap = *lo;
		*lo = *hi;
		*hi = swap;
	}
	room = Max(fabs(*lo), fabs(*hi));
	if (*hi - *lo > room * SAME && *hi - *lo > 1e-290)
		return;
	room = room < 1e-280 ? 1 : room * 0.1;
	*lo -= room;
	*hi += room;
}

EgScale
eg_scale_numbers(double lo, double hi, EgFormat format, int flags)
{
	EgScale		s = {0};

	if (flags & EG_SCALE_ZERO)
	{
		lo = isnan(lo) ? 0 : Min(lo, 0);
		hi = isnan(hi) ? 0 : Max(hi, 0);
		if (lo == 0 && hi == 0)
			hi = 1;
	}
	mend_ends(&lo, &hi);
	s.kind = EG_SCALE_NUMBER;
	s.format = format;
	s.flags = flags;
	s.lo = lo;
	s.hi = hi;
	return s;
}

EgScale
eg_scale_times(double lo, double hi)
{
	EgScale		s = {0};

	if (!(hi - lo >= 1))
	{
		lo -= HOUR;
		hi += HOUR;
	}
	s.kind = EG_SCALE_TIME;
	s.flags = EG_SCALE_EXACT;
	s.lo = lo;
	s.hi = hi;
	return s;
}

EgScale
eg_scale_categories(const char *const *names, int n)
{
	EgScale		s = {0};

	s.kind = EG_SCALE_CATEGORY;
	s.lo = -0.5;
	s.hi = Max(n, 1) - 0.5;
	s.ncategories = n;
	s.category = names;
	return s;
}

double
eg_scale_at(const EgScale *s, double value)
{
	double		share;

	value = Min(Max(value, -LARGEST), LARGEST);
	share = (value - s->lo) / (s->hi - s->lo);
	return s->from + Min(Max(share, -100), 100) * (s->to - s->from);
}

double
eg_scale_band(const EgScale *s)
{
	return fabs(s->to - s->from) / Max(s->ncategories, 1);
}

/* The round number at or above the wanted step. */
static double
nice_step(double wanted, bool whole)
{
	static const double nice[] = {1, 2, 2.5, 5, 10};
	double		power = pow(10, floor(log10(wanted)));
	int			i = 0;

	if (!(power > 0))
		power = DBL_MIN;
	while (i < lengthof(nice) - 1 && (nice[i] * power < wanted * (1 - 1e-9) ||
									  (whole && power < 10 && nice[i] == 2.5)))
		i++;
	return whole ? Max(nice[i] * power, 1) : nice[i] * power;
}

static void
place_numbers(EgScale *s, int ticks)
{
	double		step = nice_step((s->hi - s->lo) / Max(ticks, 1), s->flags & EG_SCALE_WHOLE);
	double		first = floor(s->lo / step + 1e-9);
	double		last = ceil(s->hi / step - 1e-9);
	double		largest;

	if (s->flags & EG_SCALE_EXACT)
	{
		first = ceil(s->lo / step - 1e-9);
		last = floor(s->hi / step + 1e-9);
	}
	else
	{
		s->lo = Max(first * step, -LARGEST);
		s->hi = Min(last * step, LARGEST);
	}
	largest = Max(fabs(s->lo), fabs(s->hi));
	s->nticks = 0;
	for (double k = first; k <= last && s->nticks < EG_MAX_TICKS; k++)
	{
		double		v = k * step;

		if (fabs(v) > LARGEST)
			continue;
		s->tick[s->nticks] = v;
		s->label[s->nticks++] = eg_format_tick(v, step, largest, s->format);
	}
}

/* The next month that is a multiple of `months` from the start of a year, at or after t. */
static double
month_at(double t, int months, int ahead)
{
	int64		year;
	int			month,
				day;
	int64		n;

	eg_date_of_days((int64) floor(t / DAY), &year, &month, &day);
	n = year * 12 + month - 1;
	n = (n >= 0 ? n / months : -((-n + months - 1) / months)) * months;
	n += (int64) ahead * months;
	year = n >= 0 ? n / 12 : -((-n + 11) / 12);
	return (double) eg_days_of_date(year, (int) (n - year * 12) + 1, 1) * DAY;
}

/* What tells ticks apart that are a step apart; the year once, where it begins. */
static const char *
time_label(double t, double step, bool first)
{
	static const char *const names[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	int64		days = (int64) floor(t / DAY);
	int			rest = (int) (t - (double) days * DAY);
	int64		year;
	int			month,
				day;

	eg_date_of_days(days, &year, &month, &day);
	if (step >= 360 * DAY)
		return psprintf("%lld", (long long) year);
	if (step >= 27 * DAY)
		return first || month == 1 ? psprintf("%s %lld", names[month - 1], (long long) year) :
			names[month - 1];
	if (step >= DAY || rest == 0)
		return first ? psprintf("%d %s %lld", day, names[month - 1], (long long) year) :
			psprintf("%d %s", day, names[month - 1]);
	if (first)
		return psprintf("%d %s %02d:%02d", day, names[month - 1], rest / 3600, rest / 60 % 60);
	if (step >= MINUTE)
		return psprintf("%02d:%02d", rest / 3600, rest / 60 % 60);
	return psprintf("%02d:%02d:%02d", rest / 3600, rest / 60 % 60, rest % 60);
}

static void
put_time(EgScale *s, double t, double step)
{
	if (t < s->lo || t > s->hi || s->nticks >= EG_MAX_TICKS)
		return;
	s->tick[s->nticks] = t;
	s->label[s->nticks] = time_label(t, step, s->nticks == 0);
	s->nticks++;
}

static void
place_times(EgScale *s, int ticks)
{
	static const double steps[] = {
		1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR,
		12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY
	};
	static const int months[] = {1, 3, 6};
	double		wanted = (s->hi - s->lo) / Max(ticks, 1);
	int			i;

	s->nticks = 0;
	for (i = 0; i < lengthof(steps); i++)
	{
		/* weeks begin on Mondays; the first of 1970 was the fourth day of January */
		double		start = steps[i] >= 7 * DAY ? 4 * DAY : 0;

		if (steps[i] < wanted)
			continue;
		for (double k = ceil((s->lo - start) / steps[i]); start + k * steps[i] <= s->hi; k++)
			put_time(s, start + k * steps[i], steps[i]);
		return;
	}
	for (i = 0; i < lengthof(months); i++)
	{
		if (months[i] * MONTH < wanted)
			continue;
		for (int k = 0; month_at(s->lo, months[i], k) <= s->hi; k++)
			put_time(s, month_at(s->lo, months[i], k), months[i] * MONTH);
		return;
	}
	{
		int			years = (int) Min(nice_step(wanted / YEAR, true), 1e6);

		for (int k = 0; month_at(s->lo, 12 * years, k) <= s->hi; k++)
			put_time(s, month_at(s->lo, 12 * years, k), years * YEAR);
	}
}

void
eg_scale_place(EgScale *s, double from, double to, int ticks)
{
	s->from = from;
	s->to = to;
	if (s->kind == EG_SCALE_NUMBER)
		place_numbers(s, ticks);
	else if (s->kind == EG_SCALE_TIME)
		place_times(s, ticks);
}
