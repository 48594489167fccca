/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FIELDS 6
#define EVERY "@every "

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

static bool is_restricted(const struct field *f)
{
	return f->text[0] != '*' && f->text[0] != '?';
}

/* Of a day of the month and a weekday either is enough, so that the weekday decides. */
static double restriction(const struct field *day, const struct field *month,
			  const struct field *weekday)
{
	if (is_restricted(month))
		return 366;
	if (is_restricted(weekday))
		return 7;
	return is_restricted(day) || memchr(day->text, '/', day->length) != NULL ? 31 : 1;
}

bool bh_cron_days(const char *text, double *days)
{
	struct field fields[MOST_FIELDS];

	if (strncmp(text, EVERY, strlen(EVERY)) == 0)
		return reads_interval(text + strlen(EVERY), days);
	if (text[0] == '@')
		return reads_word(text, days);
	size_t count = split(text, fields);
	if (count != 5 && count != 6)
		return false;
	const struct field *last = &fields[count - 1];
	*days = restriction(last - 2, last - 1, last);
	return true;
}
