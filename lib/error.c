/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bulkhead/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int bh_error_set(struct bh_error *err, int code, const char *format, ...)
{
	if (err == NULL)
		return code;
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
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
		snprintf(err->text + length, sizeof(err->text) - (size_t)length, ": %.*s",
			 (int)(sizeof(inner) - 1), inner);
	return err->code;
}
