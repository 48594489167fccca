/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char id[BH_CONTAINER_ID], outer[BH_CONTAINER_ID];
	uint8_t runtime;

	if (bh_cgroup_container((const char *)data, size, &runtime, id, outer) &&
	    (memchr(outer, '\0', sizeof(outer)) == NULL || memchr(id, '\0', sizeof(id)) == NULL ||
	     runtime == BH_RUNTIME_NONE || runtime >= BH_RUNTIMES))
		abort();
	return 0;
}
