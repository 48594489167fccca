/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sees to it that the tables in the kernel stay what was applied. Where others can change them it
 * hears of that, compares what they touched and repairs it at once; and whoever may change them,
 * all of it is read now and then, in a thread, and compared. Somebody who goes on changing them is
 * repaired after, and costs no more than a part of the time.
 */
#ifndef BH_KERNEL_GUARD_H
#define BH_KERNEL_GUARD_H

#include <uv.h>

#include "bulkhead/ruleset.h"
#include "bulkhead/tampering.h"
#include "config.h"
#include "nft.h"

struct bh_guard;

struct bh_guard_handlers {
	void *user;
	void (*tampered)(void *user, const struct bh_tampering *what);
	void (*state)(void *user, const struct bh_tables_state *state); /* it changed */
};

/* nft is used, and stays the caller's; nothing is watched before rules were applied. NULL and *err.
 * It lives as long as the process does. */
struct bh_guard *bh_guard_new(uv_loop_t *loop, struct bh_nft *nft,
			      const struct bh_nft_config *nft_config, int64_t verify_every,
			      const struct bh_guard_handlers *handlers, struct bh_error *err);

/* Before bh_nft_apply(), and after it. rules: what is in force now, the guard's from here on; NULL:
 * the kernel did not take them, and what was in force still is. change: what the apply said. */
void bh_guard_pause(struct bh_guard *guard);
void bh_guard_resume(struct bh_guard *guard, struct bh_ruleset *rules,
		     const struct bh_nft_change *change);

/* Where it is noted what the tables were left as, for the next run. */
void bh_tables_record_path(const char *run_directory, char *out, size_t size);
/* Nothing of it is to be found any more. */
void bh_tables_record_forget(const char *run_directory);

/* What is in force; NULL: nothing that was applied by this process. */
const struct bh_ruleset *bh_guard_rules(const struct bh_guard *guard);
const struct bh_tables_state *bh_guard_state(const struct bh_guard *guard);

#endif
