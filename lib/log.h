/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's log: one line an event to standard error, where systemd or a person reads it. */
#ifndef BH_LOG_H
#define BH_LOG_H

enum bh_log_level {
	BH_LOG_ERROR,	/* something asked for was not done */
	BH_LOG_WARNING, /* done, but not as well as it should be: loss, a peer that does not answer
			 */
	BH_LOG_INFO,	/* starts, stops, reconnects, policy changes */
	BH_LOG_DEBUG,
};

/* process: the word in front of each line ("kernel", "capture", "core"); kept by reference. */
void bh_log_open(const char *process, enum bh_log_level level);
void bh_log(enum bh_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
