/*-------------------------------------------------------------------------
 *
 * label.h
 *	  Words and numbers in pictures: how wide they are, how they are written
 *	  for people.
 *
 * Nobody knows the reader's fonts.  Widths are those of Helvetica and its kin,
 * with some air; a label that would be too long is cut, and the whole text goes
 * into the element's title.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_PLOT_LABEL_H
#define EG_PLOT_LABEL_H

typedef enum EgFormat
{
	EG_FORMAT_NUMBER,			/* 0.30, 12, 1,250, 12.5k */
	EG_FORMAT_PERCENT,			/* 0.3 is 30 % */
	EG_FORMAT_COUNT				/* 1,250; whole numbers */
} EgFormat;

/* Width in pixels of a text of that size. */
extern double eg_text_width(const char *s, double size, bool bold);

/* The text itself where it fits into width, else its beginning and an ellipsis. */
extern const char *eg_text_shorten(const char *s, double width, double size, bool bold);

/* Results are palloc'd, in ASCII. */
extern char *eg_format_value(double v, EgFormat format);
extern char *eg_format_signed(double v, EgFormat format);

/* With the decimals that tell values apart that are a step apart, up to a largest one. */
extern char *eg_format_tick(double v, double step, double largest, EgFormat format);

/* Numbers side by side: all with the decimals that the largest has in so many digits. */
extern char *eg_format_among(double v, double largest, int digits, EgFormat format, bool sign);

/* Seconds since 1970 as "2024-03-05", with a time of day where it is not midnight. */
extern char *eg_format_time(double seconds);

/*
 * "2024-03-05", "2024-03-05T14:30:00.5+01:00" or with a blank for the T: seconds
 * since 1970 of the time as written, whatever zone follows.  False for other texts.
 */
extern bool eg_time_parse(const char *s, double *seconds);

/* Days since 1970-01-01 of a date in the Gregorian calendar, and back. */
extern int64 eg_days_of_date(int64 year, int month, int day);
extern void eg_date_of_days(int64 days, int64 *year, int *month, int *day);

#endif							/* EG_PLOT_LABEL_H */
