/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "timefmt.h"

static const char *process_name = "bulkhead";
static enum bh_log_level threshold = BH_LOG_INFO;

void bh_log_open(const char *process, enum bh_log_level level)
{
	process_name = process;
	threshold = level;
}

void bh_log(enum bh_log_level level, const char *format, ...)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	char line[2048], when[BH_TIME_TEXT];
	va_list args;

	if (level > threshold)
		return;
	int length = snprintf(line, sizeof(line), "%s %s %s: ", bh_time_format(bh_time_now(), when),
			      process_name, words[level]);
	va_start(args, format);
	int text = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, args);
	va_end(args);
	size_t end = (size_t)length + (text > 0 ? (size_t)text : 0);
	if (end > sizeof(line) - 2)
		end = sizeof(line) - 2;
	line[end] = '\n';
	/* One write a line: three processes share the stream. */
	if (write(STDERR_FILENO, line, end + 1) < 0)
		return;
}
