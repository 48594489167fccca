/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a person calls from, so that the daemon can tell whether a change would shut him out. sshd
 * leaves it in the environment (SSH_CONNECTION), which sudo takes away and a terminal multiplexer
 * keeps for longer than it holds: so it is looked for among all processes that led here, and
 * counts only while such a connection is open. Else one of these processes may itself hold the one
 * connection by which somebody came (another kind of server, an environment that was emptied).
 * Where none of them leads to one – a multiplexer that was begun by another session, a script –
 * whoever calls may be any of those who are here by ssh.
 */
#ifndef BH_CALLER_H
#define BH_CALLER_H

#include <sys/types.h>

#include "session.h"

#define BH_CALLER_CONSOLE "console"

/* As bh_sessions_format() has it; or BH_CALLER_CONSOLE: a terminal of this machine; NULL: nothing
 * of that can be seen. */
const char *bh_caller_session(char out[BH_SESSIONS_TEXT]);

#define BH_TCP_ESTABLISHED 0x01 /* include/net/tcp_states.h */
#define BH_TCP_LISTEN 0x0a

/* One socket of /proc/PID/net/tcp or tcp6. */
struct bh_tcp_line {
	struct bh_flow_key key; /* from the other end to this one */
	uint8_t state;
	uint64_t inode;
};
/* False: the line is none of a socket. */
bool bh_tcp_line_parse(const char *line, struct bh_tcp_line *out);

/* From the text of /proc/PID/stat: the parent and the controlling terminal's device number (0:
 * none). False: that is not what the text is. */
bool bh_process_parse(const char *stat, pid_t *parent, unsigned *terminal);

#endif
