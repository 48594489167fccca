/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bulkhead/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* A text that was cut ends behind a whole character: it goes out as JSON. */
static void drop_cut_character(char *text)
{
	size_t length = strlen(text), lead = length;

	while (lead > 0 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead > 0 && ((unsigned char)text[lead - 1] & 0xc0) == 0xc0 &&
	    bh_utf8_length(text + lead - 1, length - (lead - 1)) == 0)
		text[lead - 1] = '\0';
}

int bh_error_set(struct bh_error *err, int code, const char *format, ...)
{
	if (err == NULL)
		return code;
	va_list args;

	va_start(args, format);
	int length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length >= (int)sizeof(err->text))
		drop_cut_character(err->text);
	err->code = code;
	return code;
}

int bh_error_wrap(struct bh_error *err, const char *format, ...)
{
	if (err == NULL)
		return -1;
	char inner[sizeof(err->text)];
	va_list args;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	int length = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(err->text))
		length += snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %.*s",
				   (int)(sizeof(inner) - 1), inner);
	if (length >= (int)sizeof(err->text))
		drop_cut_character(err->text);
	return err->code;
}
