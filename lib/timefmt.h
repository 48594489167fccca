/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time is int64_t microseconds since the epoch (UTC) wherever it is kept or sent. */
#ifndef BH_TIMEFMT_H
#define BH_TIMEFMT_H

#include <stdbool.h>
#include <stdint.h>

#define BH_SECOND INT64_C(1000000) /* in µs */
#define BH_DAY (86400 * BH_SECOND)
#define BH_TIME_TEXT 40

int64_t bh_time_now(void);	 /* wall clock */
int64_t bh_time_monotonic(void); /* for intervals; unrelated to the wall clock */
int64_t bh_time_spent(void);	 /* the calling thread's processor time */

/* RFC 3339 with milliseconds, UTC: "2026-11-24T12:30:00.250Z"; returns out. */
char *bh_time_format(int64_t time, char out[BH_TIME_TEXT]);

/* Decimal seconds to the microsecond: "1795488442.736517"; returns out. */
char *bh_time_seconds(int64_t time, char out[BH_TIME_TEXT]);
/* The same without a NUL; returns its end. */
char *bh_time_put_seconds(int64_t time, char out[BH_TIME_TEXT]);

/* RFC 3339 with any offset ("2026-11-24T13:30:00.25+01:00"), a day alone (it begins at midnight
 * UTC), or decimal seconds. False where the text is neither. Leap seconds are not told apart from
 * the second after them. */
bool bh_time_parse(const char *text, int64_t *time);

/* "90s", "15m", "1h30m", "7d", or a bare number of seconds, as configuration files and options
 * write a duration. False where the text is none, or overflows. */
bool bh_duration_parse(const char *text, int64_t *microseconds);

#endif
