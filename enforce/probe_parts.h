/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the self-tests of bridges and of routed veths have in common; nobody else includes this. */
#ifndef BH_PROBE_PARTS_H
#define BH_PROBE_PARTS_H

#include <libmnl/libmnl.h>

#include "probe.h"
#include "probe_counts.h"
#include "probe_frame.h"
#include "probe_link.h"

#define BH_PROBE_ENDS 2

/* The interfaces' own MACs, and those behind them: a frame to an interface's own is the host's. */
extern const struct bh_mac bh_probe_own_macs[BH_PROBE_ENDS], bh_probe_macs[BH_PROBE_ENDS];

/* Datagrams of one direction. */
struct bh_probe_way {
	const char *chain;				 /* that counts them */
	size_t from;					 /* which end sends */
	struct bh_probe_frame frames[2][BH_PROBE_KINDS]; /* by family and kind */
	bool arrived[2][BH_PROBE_KINDS];
	struct bh_probe_counts before;
};

struct bh_probe {
	struct bh_probe_link link; /* what is tested */
	uint32_t ifindex;	   /* its; 0: none yet */
	uint8_t family;		   /* of the table that judges */
	struct mnl_socket *route;
	int fds[BH_PROBE_ENDS];
	uint32_t ifindexes[BH_PROBE_ENDS];
	struct bh_probe_way ways[BH_PROOF_WAYS];
	size_t way_count;
	bool off[2];		    /* families of which nothing is sent */
	bool without_six;	    /* the second end has no IPv6 */
	struct bh_netlink *catcher; /* of a routed veth: who owns the table that catches */
	struct bh_probe_counts caught_before;
};

/* Nothing is made yet but the socket. NULL and *err. */
struct bh_probe *bh_probe_new(struct bh_error *err);
/* Makes one of the two interfaces. */
int bh_probe_make_end(struct bh_probe *probe, size_t end, uint32_t mtu, struct bh_error *err);
int bh_probe_fill_frame(struct bh_probe_frame *frame, const struct bh_mac *from,
			const struct bh_mac *to, const struct bh_addr *src,
			const struct bh_addr *dst, struct bh_error *err);
int bh_probe_count_before(struct bh_probe *probe, struct bh_error *err);

/* probe_bridge.c: whether its ports forward by now: 0, −EAGAIN, other negative errno and *err. */
int bh_probe_bridge_is_ready(const struct bh_probe *probe, struct bh_error *err);
/* probe_routed.c: notes what was caught by now; −ENODEV: the veth is down, or gone. */
int bh_probe_routed_look(struct bh_probe *probe, struct bh_error *err);

#endif
