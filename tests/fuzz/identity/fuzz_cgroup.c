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
	struct bh_cgroup_home home = { .unified = true, .mounted = ",rw,memory,,name=systemd," };
	struct bh_cgroup out;

	/* What stands behind a zero is this process's own. */
	home.own_length = size - length < sizeof(home.own) ? size - length : sizeof(home.own);
	memcpy(home.own, data + length, home.own_length);
	home.mounts_known = length % 2 == 0;
	if (bh_cgroup_container((const char *)data, length, &home, &out) &&
	    (memchr(out.inner, '\0', sizeof(out.inner)) == NULL ||
	     memchr(out.id, '\0', sizeof(out.id)) == NULL || out.runtime == BH_RUNTIME_NONE ||
	     out.runtime >= BH_RUNTIMES || out.inner_runtime >= BH_RUNTIMES))
		abort();
	return 0;
}
