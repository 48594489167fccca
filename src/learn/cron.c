/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FIELDS 6
#define EVERY "@every "
#define LEAP_YEARS (8 * 366) /* from one 29th of February to the next, around 1900 or 2100 */

struct field {
	const char *text;
	size_t length;
};

static bool reads_word(const char *text, double *days)
{
	static const struct {
		const char *word;
		double days;
	} words[] = { { "@yearly", 366 }, { "@annually", 366 }, { "@monthly", 31 },
		      { "@weekly", 7 },	  { "@daily", 1 },	{ "@midnight", 1 },
		      { "@hourly", 1 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].word) == 0) {
			*days = words[i].days;
			return true;
		}
	return false;
}

static double seconds_of(char unit)
{
	return unit == 'h' ? 3600 : unit == 'm' ? 60 : unit == 's' ? 1 : 0;
}

/* "1h30m", as Go writes durations. */
static bool reads_interval(const char *text, double *days)
{
	double seconds = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	while (isdigit((unsigned char)*text)) {
		char *unit;
		double number = strtod(text, &unit);

		if (seconds_of(*unit) == 0)
			return false;
		seconds += number * seconds_of(*unit);
		text = unit + 1;
	}
	*days = seconds / 86400;
	return *text == '\0' && seconds > 0 && seconds < 1e9;
}

/* Split at spaces. 0: too many, or one has signs that no field has. */
static size_t split(const char *text, struct field fields[MOST_FIELDS])
{
	size_t count = 0;

	for (text += strspn(text, " \t"); *text != '\0'; text += strspn(text, " \t")) {
		size_t length = strcspn(text, " \t");

		for (size_t i = 0; i < length; i++)
			if (!isalnum((unsigned char)text[i]) && strchr("*?/,-#", text[i]) == NULL)
				return 0;
		if (count == MOST_FIELDS)
			return 0;
		fields[count++] = (struct field) { text, length };
		text += length;
	}
	return count;
}

static bool has(const struct field *f, char sign)
{
	return memchr(f->text, sign, f->length) != NULL;
}

/* "*" "/3": 3; 0: it is no step through all of them, or one through each. */
static int step_of(const struct field *f)
{
	const char *slash = memchr(f->text, '/', f->length);
	int step = slash != NULL && (f->text[0] == '*' || f->text[0] == '?') ? atoi(slash + 1) : 0;

	return step > 1 ? step : 0;
}

/* A step restricts as well. */
static bool is_restricted(const struct field *f)
{
	return (f->text[0] != '*' && f->text[0] != '?') || step_of(f) > 0;
}

/* A number that every month has. */
static bool has_early_day(const struct field *day)
{
	for (const char *at = day->text, *end = at + day->length; at < end;) {
		int number = isdigit((unsigned char)*at) ? atoi(at) : 0;

		if (number >= 1 && number <= 28)
			return true;
		at += strspn(at, "0123456789");
		/* What a step is of is no day. */
		at += at < end && *at == '/' ? 1 + strspn(at + 1, "0123456789") : 0;
		at += at < end;
	}
	return false;
}

/* Days from one to the next at most, in months that all count. */
static double gap_of_days(const struct field *day)
{
	if (!is_restricted(day))
		return 1;
	if (step_of(day) > 0 || has_early_day(day))
		return 31;
	return has(day, 'L') ? 31 : 62; /* on the 31st, say */
}

static double gap_of_weekdays(const struct field *weekday)
{
	if (!is_restricted(weekday))
		return 1;
	if (has(weekday, '#'))
		return 98; /* there is no fifth Friday in most months */
	/* "5L", "FRIL"; no weekday has that letter. */
	return has(weekday, 'L') ? 35 : 7;
}

/* Of a day of the month and a weekday either is enough, where neither is a step; else both are
 * wanted: of a week of the month ("1-7") each month has one. */
/* "*" with whatever step: to Vixie's cron it wants both. */
static bool step_begins(const struct field *f)
{
	return f->text[0] == '*' && has(f, '/');
}

static double gap_within_months(const struct field *day, const struct field *weekday)
{
	double days = gap_of_days(day), weekdays = gap_of_weekdays(weekday);

	if (!is_restricted(day) || !is_restricted(weekday))
		return days > weekdays ? days : weekdays;
	if (step_of(day) > 0 || step_begins(weekday))
		return has(day, '-') ? 35 : step_of(day) == 2 ? 31 : 366;
	return days < weekdays ? days : weekdays;
}

static double gap(const struct field *day, const struct field *month, const struct field *weekday)
{
	int step = step_of(month);
	double within = gap_within_months(day, weekday);

	if (!is_restricted(month))
		return within;
	if (within > 31)
		return LEAP_YEARS;
	return step > 0 && step < 12 ? step * 31 : 366;
}

/* "CRON_TZ=Europe/Rome 0 3 * * *" */
static const char *skip_zone(const char *text)
{
	if (strncmp(text, "CRON_TZ=", 8) != 0 && strncmp(text, "TZ=", 3) != 0)
		return text;
	text += strcspn(text, " \t");
	return text + strspn(text, " \t");
}

bool bh_cron_days(const char *text, double *days)
{
	struct field fields[MOST_FIELDS];

	text = skip_zone(text);
	if (strncmp(text, EVERY, strlen(EVERY)) == 0)
		return reads_interval(text + strlen(EVERY), days);
	if (text[0] == '@')
		return reads_word(text, days);
	size_t count = split(text, fields);
	if (count != 5 && count != 6)
		return false;
	const struct field *last = &fields[count - 1];
	*days = gap(last - 2, last - 1, last);
	return true;
}
