/*-------------------------------------------------------------------------
 *
 * label.c
 *	  Words and numbers in pictures: width, shortening, formats.
 *
 * The widths are those of Adobe's Helvetica (its metrics file), in thousandths of
 * the size; Arial, Liberation Sans and Nimbus Sans have the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "plot/label.h"

/* other fonts are wider than Helvetica */
#define AIR			1.05
#define BOLD		1.07

/* non-ASCII letters, and those that fill a square */
#define OTHER_WIDTH	600
#define WIDE_WIDTH	1000

#define SECONDS_A_DAY	86400

static const short widths[128 - 32] = {
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
	556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
	667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
	556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, 0
};

/* Thousandths of the size that the character at s takes; *len its bytes. */
static int
char_width(const char *s, int *len)
{
	unsigned char c = (unsigned char) *s;
	int			cells;

	*len = 1;
	if (c < 128)
		return c < 32 ? widths[0] : widths[c - 32];
	*len = pg_mblen(s);
	cells = pg_dsplen(s);
	return cells >= 2 ? WIDE_WIDTH : cells <= 0 ? 0 : OTHER_WIDTH;
}

double
eg_text_width(const char *s, double size, bool bold)
{
	int			sum = 0;
	int			len;

	for (; *s; s += len)
		sum += char_width(s, &len);
	return sum * size / 1000 * AIR * (bold ? BOLD : 1);
}

const char *
eg_text_shorten(const char *s, double width, double size, bool bold)
{
	const char *ellipsis = GetDatabaseEncoding() == PG_UTF8 ? "\xe2\x80\xa6" : "...";
	double		unit = size / 1000 * AIR * (bold ? BOLD : 1);
	double		room = width / unit - WIDE_WIDTH;
	const char *p = s;
	int			sum = 0;
	int			len;

	if (eg_text_width(s, size, bold) <= width)
		return s;
	while (*p)
	{
		sum += char_width(p, &len);
		if (sum > room)
			break;
		p += len;
	}
	/* the first character stays, however narrow the room */
	if (p == s)
		p += pg_mblen(s);
	while (p > s + 1 && p[-1] == ' ')
		p--;
	return psprintf("%.*s%s", (int) (p - s), s, ellipsis);
}

/* 1234567 as 1,234,567; the text may have a sign and decimals. */
static char *
with_commas(const char *digits)
{
	StringInfoData out;
	int			whole;

	initStringInfo(&out);
	if (*digits == '-')
		appendStringInfoChar(&out, *digits++);
	whole = strspn(digits, "0123456789");
	for (; *digits; digits++, whole--)
	{
		appendStringInfoChar(&out, *digits);
		if (whole > 1 && whole % 3 == 1)
			appendStringInfoChar(&out, ',');
	}
	return out.data;
}

/* "-0.00" is 0.00 */
static char *
without_sign_of_zero(char *text)
{
	return text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1) ? text + 1 : text;
}

/* 1.2e-07 as 1.2e-7, and 1.0e+20 as 1e20 */
static char *
scientific(double v, int digits)
{
	char	   *text = psprintf("%.*e", digits, v);
	char	   *e = strchr(text, 'e');
	char	   *end = e;
	int			exponent;

	if (e == NULL)
		return text;
	exponent = atoi(e + 1);
	if (memchr(text, '.', e - text))
	{
		while (end[-1] == '0')
			end--;
		if (end[-1] == '.')
			end--;
	}
	return psprintf("%.*se%d", (int) (end - text), text, exponent);
}

/* Thousand, million, billion, trillion: the power of ten and its letter. */
static const char *
thousands(double largest, double *unit)
{
	static const char *const letters[] = {"k", "M", "B", "T"};
	int			i = 0;

	*unit = 1e3;
	while (i < 3 && largest >= *unit * 1000)
	{
		*unit *= 1000;
		i++;
	}
	return letters[i];
}

char *
eg_format_value(double v, EgFormat format)
{
	double		size = fabs(v);
	double		unit;
	const char *letter;

	if (format == EG_FORMAT_PERCENT)
	{
		size *= 100;
		if (size >= 1e6 || !isfinite(size))
			return psprintf("%s %%", scientific(v * 100, 1));
		return psprintf("%s %%", without_sign_of_zero(
							psprintf("%.*f", size == 0 ? 0 : size < 0.995 ? 2 : size < 9.95 ? 1 : 0,
									 v * 100)));
	}
	if (!isfinite(v))
		return pstrdup(isnan(v) ? "-" : v > 0 ? "infinity" : "-infinity");
	if (size >= 1e15 || (size > 0 && size < 1e-4))
		return scientific(v, 1);
	if (format == EG_FORMAT_COUNT || (v == floor(v) && size < 1e4))
		return without_sign_of_zero(with_commas(psprintf("%.0f", v)));
	if (size < 0.01)
		return psprintf("%.*f", size < 0.001 ? 5 : 4, v);
	if (size < 0.0995)
		return psprintf("%.3f", v);
	if (size < 9.995)
		return psprintf("%.2f", v);
	if (size < 99.95)
		return psprintf("%.1f", v);
	if (size < 9999.5)
		return with_commas(psprintf("%.0f", v));
	letter = thousands(size, &unit);
	return psprintf("%.*f%s", size / unit < 99.95 ? 1 : 0, v / unit, letter);
}

char *
eg_format_signed(double v, EgFormat format)
{
	char	   *text = eg_format_value(v, format);

	return v > 0 ? psprintf("+%s", text) : text;
}

/* Decimals that a multiple of step needs. */
static int
decimals_of(double step)
{
	int			n = 0;

	while (n < 9 && fabs(step - rint(step)) > 1e-6 * step)
	{
		step *= 10;
		n++;
	}
	return n;
}

char *
eg_format_tick(double v, double step, double largest, EgFormat format)
{
	double		unit;
	const char *letter;

	/* the nearest multiple of the step: no 0.30000000000000004 */
	if (fabs(v) < step * 1e-6)
		v = 0;
	if (format == EG_FORMAT_PERCENT && largest < 1e4)
		return psprintf("%s %%", without_sign_of_zero(
							psprintf("%.*f", decimals_of(step * 100), v * 100)));
	if (v == 0)
		return pstrdup("0");
	if (largest >= 1e15 || largest < 1e-4)
		return scientific(v, 2);
	if (largest < 1e4)
		return with_commas(psprintf("%.*f", decimals_of(step), v));
	letter = thousands(largest, &unit);
	return psprintf("%.*f%s", decimals_of(step / unit), v / unit, letter);
}

char *
eg_format_among(double v, double largest, int digits, EgFormat format, bool sign)
{
	double		step;
	char	   *text;

	largest = fabs(largest);
	if (!(largest > 1e-290) || !isfinite(largest))
		return sign ? eg_format_signed(v, format) : eg_format_value(v, format);
	step = pow(10, floor(log10(largest)) + 1 - digits);
	/* what has no letter behind it is not rounded to tens */
	if (largest < 1e4)
		step = Min(step, 1);
	text = eg_format_tick(rint(v / step) * step, step, largest, format);
	return sign && v > 0 && strcmp(text, "0") != 0 ? psprintf("+%s", text) : text;
}

/* ----------
 * Time.  The calendar is that of H. Hinnant, "chrono-compatible low-level date
 * algorithms": years begin in March, so that the day that comes and goes is the
 * last.
 * ----------
 */
int64
eg_days_of_date(int64 year, int month, int day)
{
	int64		y = month <= 2 ? year - 1 : year;
	int64		era = (y >= 0 ? y : y - 399) / 400;
	int64		of_era = y - era * 400;
	int64		of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
eg_date_of_days(int64 days, int64 *year, int *month, int *day)
{
	int64		z = days + 719468;
	int64		era = (z >= 0 ? z : z - 146096) / 146097;
	int64		of_era = z - era * 146097;
	int64		y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64		of_year = of_era - (365 * y + y / 4 - y / 100);
	int64		m = (5 * of_year + 2) / 153;

	*day = (int) (of_year - (153 * m + 2) / 5 + 1);
	*month = (int) (m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

char *
eg_format_time(double seconds)
{
	int64		days = (int64) floor(seconds / SECONDS_A_DAY);
	int			rest = (int) (seconds - (double) days * SECONDS_A_DAY);
	int64		year;
	int			month,
				day;

	eg_date_of_days(days, &year, &month, &day);
	if (rest == 0)
		return psprintf("%04lld-%02d-%02d", (long long) year, month, day);
	return psprintf("%04lld-%02d-%02d %02d:%02d", (long long) year, month, day, rest / 3600,
					rest / 60 % 60);
}

/* n digits at *s */
static bool
take_digits(const char **s, int n, int *value)
{
	*value = 0;
	while (n-- > 0)
	{
		if (**s < '0' || **s > '9')
			return false;
		*value = *value * 10 + (*(*s)++ - '0');
	}
	return true;
}

bool
eg_time_parse(const char *s, double *seconds)
{
	int			year,
				month,
				day,
				hour = 0,
				minute = 0,
				second = 0;
	double		part = 0;
	double		digit = 0.1;

	if (!take_digits(&s, 4, &year) || *s++ != '-' || !take_digits(&s, 2, &month) ||
		*s++ != '-' || !take_digits(&s, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	if (*s == 'T' || *s == ' ')
	{
		s++;
		if (!take_digits(&s, 2, &hour) || *s++ != ':' || !take_digits(&s, 2, &minute))
			return false;
		if (*s == ':')
		{
			s++;
			if (!take_digits(&s, 2, &second))
				return false;
		}
		if (*s == '.')
		{
			for (s++; *s >= '0' && *s <= '9'; s++, digit /= 10)
				part += (*s - '0') * digit;
		}
		if (*s == 'Z')
			s++;
		else if (*s == '+' || *s == '-')
			s += 1 + strspn(s + 1, "0123456789:");
	}
	if (*s != '\0')
		return false;
	*seconds = (double) eg_days_of_date(year, month, day) * SECONDS_A_DAY + hour * 3600 +
		minute * 60 + second + part;
	return true;
}
