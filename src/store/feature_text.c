/*-------------------------------------------------------------------------
 *
 * feature_text.c
 *	  A feature's value in words, as a person would write it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "store/baseline.h"
#include "store/registry.h"

#define MOST_WORDS		80		/* bytes of a category in a sentence */

const EgColumn *
eg_feature_column(const EgSchema *schema, int feature, int *element)
{
	int			low = 0;
	int			high = schema->ncolumns - 1;
	const EgColumn *c;

	Assert(feature >= 0 && feature < schema->nfeatures);
	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (schema->columns[middle].first <= feature)
			low = middle;
		else
			high = middle - 1;
	}
	c = &schema->columns[low];
	if (element)
		*element = c->kind == EG_COL_ARRAY ? feature - c->first : -1;
	return c;
}

/* The shortest decimal that is the same float, without an exponent where that is readable. */
static char *
number_text(double value)
{
	char		buf[FLOAT_SHORTEST_DECIMAL_LEN];

	if (value == 0)
		return pstrdup("0");
	float_to_shortest_decimal_buf((float) value, buf);
	return psprintf("%.15g", strtod(buf, NULL));
}

/* what a date and a timestamp can be, in days since 2000-01-01 */
#define FIRST_DAY		(-2451507.0)	/* 4713-01-01 BC */
#define LAST_DAY		2145031948.0
#define LAST_TIMESTAMP	(106751983.0 - 1.0 / 1440)	/* 294276-12-31 23:59 */

char *
eg_day_text(double days)
{
	int			year,
				month,
				day;

	j2date((int) rint(Min(Max(days, FIRST_DAY), LAST_DAY)) + POSTGRES_EPOCH_JDATE, &year, &month,
		   &day);
	return psprintf("%04d-%02d-%02d%s", year > 0 ? year : 1 - year, month, day,
					year > 0 ? "" : " BC");
}

/*
 * Days since 2000-01-01; a float keeps minutes, not seconds.  What rounding brings out of the
 * range of the type is its end: the text is one that the type takes in.
 */
static char *
date_text(const EgColumn *c, double days)
{
	Timestamp	t;
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (strcmp(c->type, "date") == 0)
		return eg_day_text(days);
	days = rint(days * MINS_PER_HOUR * HOURS_PER_DAY) / (MINS_PER_HOUR * HOURS_PER_DAY);
	days = Min(Max(days, FIRST_DAY), LAST_TIMESTAMP);
	t = (Timestamp) rint(days * USECS_PER_DAY);
	if (timestamp2tm(t, strstr(c->type, "with time zone") ? &tz : NULL, &tm, &fsec, NULL,
					 NULL) != 0)
		return eg_day_text(days);
	return psprintf("%04d-%02d-%02d %02d:%02d%s", tm.tm_year > 0 ? tm.tm_year : 1 - tm.tm_year,
					tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
					tm.tm_year > 0 ? "" : " BC");
}

static char *
interval_text(const EgColumn *c, double seconds)
{
	Interval   *i = palloc0(sizeof(Interval));

	if (fabs(seconds) > 1e11)
		return psprintf("%.15g seconds", seconds);

	/* a float has no more digits */
	seconds = fabs(seconds) < 10000 ? rint(seconds * 1000) / 1000 : rint(seconds);
	if (strncmp(c->type, "time", 4) == 0 && seconds >= 0 && seconds <= SECS_PER_DAY)
		return DatumGetCString(DirectFunctionCall1(time_out,
							   TimeADTGetDatum((TimeADT) rint(seconds * USECS_PER_SEC))));
	i->day = (int32) (seconds / SECS_PER_DAY);
	i->time = (TimeOffset) rint((seconds - (double) i->day * SECS_PER_DAY) * USECS_PER_SEC);
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(i)));
}

char *
eg_feature_text(const EgSchema *schema, int feature, double value)
{
	const EgColumn *c = eg_feature_column(schema, feature, NULL);

	if (!isfinite(value))
		return NULL;
	switch (c->kind)
	{
		case EG_COL_CATEGORY:
			return value >= 0 && value < c->ncategories ? pstrdup(c->categories[(int) value])
				: NULL;
		case EG_COL_DATE:
			return date_text(c, value + c->origin);
		case EG_COL_INTERVAL:
			return interval_text(c, value);
		case EG_COL_NUMBER:
			if (strcmp(c->type, "boolean") == 0 && (value == 0 || value == 1))
				return pstrdup(value == 1 ? "true" : "false");
			break;
		case EG_COL_ARRAY:
			break;
	}
	return number_text(value);
}

char *
eg_short_words(char *text)
{
	if (text == NULL || strlen(text) <= MOST_WORDS)
		return text;
	return psprintf("%s...", eg_clip(text, MOST_WORDS));
}

char *
eg_feature_words(const EgSchema *schema, int feature, double value)
{
	return eg_short_words(eg_feature_text(schema, feature, value));
}
