/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timefmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "digits.h"

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * BH_SECOND + now.tv_nsec / 1000;
}

int64_t bh_time_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t bh_time_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t bh_time_spent(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* Seconds rounded down and the remainder, for times before the epoch too. */
static int64_t split_seconds(int64_t time, int64_t *fraction)
{
	int64_t seconds = time / BH_SECOND;

	*fraction = time % BH_SECOND;
	if (*fraction < 0) {
		*fraction += BH_SECOND;
		seconds--;
	}
	return seconds;
}

char *bh_time_format(int64_t time, char out[BH_TIME_TEXT])
{
	int64_t fraction;
	time_t seconds = (time_t)split_seconds(time, &fraction);
	struct tm utc;
	char date[24];

	if (gmtime_r(&seconds, &utc) == NULL || strftime(date, sizeof(date), "%FT%T", &utc) == 0)
		snprintf(date, sizeof(date), "0000-00-00T00:00:00");
	snprintf(out, BH_TIME_TEXT, "%s.%03dZ", date, (int)(fraction / 1000));
	return out;
}

char *bh_time_put_seconds(int64_t time, char out[BH_TIME_TEXT])
{
	uint64_t left = time < 0 ? 0 - (uint64_t)time : (uint64_t)time;
	char *at = out;

	if (time < 0)
		*at++ = '-';
	at = bh_put_number(at, left / BH_SECOND);
	*at++ = '.';
	bh_digits(at + 6, left % BH_SECOND, 6);
	return at + 6;
}

char *bh_time_seconds(int64_t time, char out[BH_TIME_TEXT])
{
	*bh_time_put_seconds(time, out) = '\0';
	return out;
}

/* ".25" and the like, or nothing; *text goes behind it. Beyond microseconds digits do not count. */
static bool read_fraction(const char **text, int64_t *fraction)
{
	const char *at = *text;
	int64_t unit = BH_SECOND / 10;

	*fraction = 0;
	if (*at != '.')
		return true;
	for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
		*fraction += (*at - '0') * unit;
	bool any = at > *text + 1;
	*text = at;
	return any;
}

static bool parse_seconds(const char *text, int64_t *time)
{
	int64_t whole = 0, fraction;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && at - text < 12; at++)
		whole = whole * 10 + (*at - '0');
	if (at == text || !read_fraction(&at, &fraction) || *at != '\0')
		return false;
	*time = whole * BH_SECOND + fraction;
	return true;
}

/* Exactly `count` digits. */
static bool read_digits(const char **text, int count, int *out)
{
	for (*out = 0; count > 0; count--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*out = *out * 10 + (**text - '0');
	}
	return true;
}

static bool read_sign(const char **text, char expected)
{
	return *(*text)++ == expected;
}

/* "Z", "+01:00": seconds east of Greenwich. */
static bool read_offset(const char **text, int64_t *offset)
{
	char sign = *(*text)++;
	int hours, minutes;

	*offset = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !read_digits(text, 2, &hours) ||
	    !read_sign(text, ':') || !read_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

static bool read_date(const char **text, struct tm *utc)
{
	bool read = read_digits(text, 4, &utc->tm_year) && read_sign(text, '-') &&
		    read_digits(text, 2, &utc->tm_mon) && read_sign(text, '-') &&
		    read_digits(text, 2, &utc->tm_mday);

	utc->tm_year -= 1900;
	utc->tm_mon--;
	return read;
}

static bool read_clock_time(const char **text, struct tm *utc)
{
	return read_digits(text, 2, &utc->tm_hour) && read_sign(text, ':') &&
	       read_digits(text, 2, &utc->tm_min) && read_sign(text, ':') &&
	       read_digits(text, 2, &utc->tm_sec);
}

/* What stands behind a date, "T12:30:00.25Z"; nothing is midnight UTC. */
static bool read_time_of_day(const char *text, struct tm *utc, int64_t *fraction, int64_t *offset)
{
	char between = *text;

	if (between == '\0')
		return true;
	text++;
	return (between == 'T' || between == 't' || between == ' ') &&
	       read_clock_time(&text, utc) && read_fraction(&text, fraction) &&
	       read_offset(&text, offset) && *text == '\0';
}

bool bh_time_parse(const char *text, int64_t *time)
{
	struct tm utc = { 0 };
	int64_t fraction = 0, offset = 0;

	if (parse_seconds(text, time))
		return true;
	if (!read_date(&text, &utc) || !read_time_of_day(text, &utc, &fraction, &offset))
		return false;
	int leap = utc.tm_sec == 60;
	utc.tm_sec -= leap;
	struct tm same = utc;
	int64_t seconds = timegm(&same);
	/* No 30th of February, no 25 o'clock. */
	if (same.tm_mon != utc.tm_mon || same.tm_mday != utc.tm_mday ||
	    same.tm_hour != utc.tm_hour || same.tm_min != utc.tm_min || same.tm_sec != utc.tm_sec)
		return false;
	*time = (seconds + leap - offset) * BH_SECOND + fraction;
	return true;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	}
	return 0;
}

bool bh_duration_parse(const char *text, int64_t *microseconds)
{
	const char *start = text;
	int64_t total = 0;

	if (*text == '\0')
		return false;
	while (*text != '\0') {
		size_t digits = strspn(text, "0123456789");
		int64_t number;

		if (digits == 0 || digits > 12 || sscanf(text, "%" SCNd64, &number) != 1)
			return false;
		bool bare = text == start && text[digits] == '\0';
		text += digits;
		int64_t unit = bare ? 1 : unit_seconds(*text);
		if (unit == 0 || __builtin_mul_overflow(number, unit * BH_SECOND, &number) ||
		    __builtin_add_overflow(total, number, &total))
			return false;
		if (*text != '\0')
			text++;
	}
	*microseconds = total;
	return true;
}
