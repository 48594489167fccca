/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that their holders hold no more, until the connections that they had are forgotten.
 * That is a walk through the whole of the kernel's table, which takes it milliseconds however many
 * went: under churn there is one a second. Who waits for one of these addresses calls for it at
 * once. */
#ifndef BH_KERNEL_DEPARTED_H
#define BH_KERNEL_DEPARTED_H

#include <uv.h>

#include "held_note.h"

struct bh_departed;

struct bh_departed_handlers {
	void *user;
	/* Forgets the connections of these addresses. */
	void (*forget)(void *user, const struct bh_addr *addrs, size_t count);
};

struct bh_departed *bh_departed_new(uv_loop_t *loop, const struct bh_departed_handlers *handlers);
/* Its memory is freed when the loop runs once more. */
void bh_departed_free(struct bh_departed *departed);

void bh_departed_add(struct bh_departed *departed, const struct bh_held *held);
/* Now, all that wait. */
void bh_departed_forget(struct bh_departed *departed);

bool bh_departed_waits(const struct bh_departed *departed, const struct bh_addr *addr);
/* Those that wait. */
const struct bh_held *bh_departed_list(const struct bh_departed *departed, size_t *count);

#endif
