/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* The input is both, a socket's line and a process: what is taken is within its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(size + 1, 1);
	struct bh_tcp_line line;
	unsigned terminal;
	pid_t parent;

	must(text != NULL);
	memcpy(text, data, size);
	if (bh_tcp_line_parse(text, &line)) {
		must(line.key.proto == IPPROTO_TCP);
		must(line.key.src.family != BH_NO_FAMILY && line.key.dst.family != BH_NO_FAMILY);
	}
	if (bh_process_parse(text, &parent, &terminal))
		must(parent >= 0);
	free(text);
	return 0;
}
