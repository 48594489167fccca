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
