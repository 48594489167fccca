/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last chain before packets leave for an interface, in a table of the self-test's own
 * (own_table.h): what our rules let pass to a routed veth has arrived there, is counted, and goes
 * no further. Nor does anything else that has the test's addresses, such as what a chain of
 * somebody's answers when it refuses: no container sees of it.
 */
#ifndef BH_PROBE_CATCH_H
#define BH_PROBE_CATCH_H

#include "bulkhead/error.h"
#include "probe_counts.h"

#define BH_PROBE_TABLE "bulkhead_probe"

struct bh_netlink;

/* The table lives as long as the socket; outside: the interface that packets may leave by to the
 * addresses outside. NULL and *err. */
struct bh_netlink *bh_probe_catch_open(const char *outside, struct bh_error *err);
/* What arrived: passes, denied. As bh_probe_count(). */
int bh_probe_catch_count(struct bh_probe_counts *counts, struct bh_error *err);

#endif
