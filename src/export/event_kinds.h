/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every kind of event that there is: what it tells of, and how grave that is. */
#ifndef BH_EXPORT_EVENT_KINDS_H
#define BH_EXPORT_EVENT_KINDS_H

#include <stddef.h>

/* Syslog's (RFC 5424, 6.2.1). */
enum bh_severity {
	BH_SEVERITY_ALERT = 1,
	BH_SEVERITY_CRITICAL,
	BH_SEVERITY_ERROR,
	BH_SEVERITY_WARNING,
	BH_SEVERITY_NOTICE,
	BH_SEVERITY_INFORMATIONAL,
};

struct bh_event_kind {
	const char *name; /* "would-deny" */
	enum bh_severity severity;
	const char *help; /* a sentence or two */
};

/* By number from 0 on; NULL behind the last. */
const struct bh_event_kind *bh_event_kind(size_t number);

/* NULL: there is none of that name. */
const struct bh_event_kind *bh_event_kind_find(const char *name);

/* "alert" … */
const char *bh_severity_name(enum bh_severity severity);

#endif
