/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection that somebody works over, as sshd tells of it in SSH_CONNECTION: the client's
 * address and port, then the server's, with a space between each. */
#ifndef BH_SESSION_H
#define BH_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/flow.h"

#define BH_SESSION_TEXT 128

/* From the client to the server, TCP. An IPv4 address within IPv6 is one of IPv4, and a link-local
 * one's interface ("%eth0") is left out. False: it is no such text. */
bool bh_session_parse(const char *text, struct bh_flow_key *key);
/* Parses to the same; returns out. */
char *bh_session_format(const struct bh_flow_key *key, char out[BH_SESSION_TEXT]);

#define BH_SESSIONS 32
#define BH_SESSIONS_TEXT (BH_SESSIONS * BH_SESSION_TEXT)

struct bh_sessions {
	bool any; /* whose they are is not known: one of them, or none, is the caller's */
	struct bh_flow_key keys[BH_SESSIONS];
	size_t count; /* 1 at least; 1 where not any */
};

/* One session, or "any:" and sessions with a comma between each. False: it is no such text. */
bool bh_sessions_parse(const char *text, struct bh_sessions *out);
/* Parses to the same; returns out. */
char *bh_sessions_format(const struct bh_sessions *sessions, char out[BH_SESSIONS_TEXT]);

#endif
