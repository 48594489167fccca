/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether connection tracking counts packets and bytes: net.netfilter.nf_conntrack_acct of this
 * network namespace. That we switched it on is written down before it is done, so that whoever
 * comes after us, panic included, can switch it off again; where it was on already it is somebody
 * else's, and stays. An entry that was made before counts nothing.
 */
#ifndef BH_ACCOUNTING_H
#define BH_ACCOUNTING_H

#include <stdbool.h>

#include "bulkhead/error.h"

/* Switches it on, where it is not. *changed: it was not. directory: for the note. 0 or a negative
 * errno: −ENOENT where nobody tracks connections. */
int bh_accounting_on(const char *directory, bool *changed, struct bh_error *err);

/* Switches it off where we, or a run before us, switched it on. 0 or a negative errno. */
int bh_accounting_restore(const char *directory, struct bh_error *err);

#endif
