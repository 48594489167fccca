/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, '\0', size);
	size_t length = zero != NULL ? (size_t)(zero - data) : size;
	struct bh_cgroup out;

	/* What stands behind a zero is this process's own. */
	if (bh_cgroup_container((const char *)data, length, (const char *)data + length,
				size - length, &out) &&
	    (memchr(out.inner, '\0', sizeof(out.inner)) == NULL ||
	     memchr(out.id, '\0', sizeof(out.id)) == NULL || out.runtime == BH_RUNTIME_NONE ||
	     out.runtime >= BH_RUNTIMES || out.inner_runtime >= BH_RUNTIMES))
		abort();
	return 0;
}
