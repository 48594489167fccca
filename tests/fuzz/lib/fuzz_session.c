/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void must_read_again(const char *text)
{
	char written[BH_SESSIONS_TEXT], again[BH_SESSIONS_TEXT];
	struct bh_sessions sessions;

	if (!bh_sessions_parse(text, &sessions))
		return;
	must(sessions.count > 0 && (sessions.any || sessions.count == 1));
	must(bh_sessions_parse(bh_sessions_format(&sessions, written), &sessions));
	must(strcmp(bh_sessions_format(&sessions, again), written) == 0);
}

/* What is read is a connection of one family, and what it is written as reads as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(size + 1, 1), written[BH_SESSION_TEXT], again[BH_SESSION_TEXT];
	struct bh_flow_key key;

	must(text != NULL);
	memcpy(text, data, size);
	if (bh_session_parse(text, &key)) {
		must(key.proto == IPPROTO_TCP && key.sport != 0 && key.dport != 0);
		must(key.src.family == key.dst.family);
		must(bh_session_parse(bh_session_format(&key, written), &key));
		must(strcmp(bh_session_format(&key, again), written) == 0);
	}
	must_read_again(text);
	free(text);
	return 0;
}
