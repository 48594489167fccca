/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The self-test of one bridge, or of routed veths, one after the other. Datagrams go from the one
 * to the other of two TAP devices: of each family one that our rules drop, and one that they let
 * pass, so that what does not arrive is known to be our doing. The devices live as long as their
 * descriptors: however the process ends, nothing is left.
 *
 * Two ports of a bridge they are for some hundred milliseconds, which its traffic does not notice.
 * The ports get no flooded frames and learn no addresses; the receiver's address is a static entry,
 * so that no frame of the probe is flooded either; their MACs are high, so that the bridge does not
 * take one of them; their MTU is the bridge's.
 *
 * A routed veth has no ports. What is written into the first device the kernel takes as received
 * from the veth (probe_divert.h), and forwards to the second: so much of what the container could
 * send. What is written into the second it forwards to the veth, and there it ends, as the last
 * thing before (probe_catch.h). The container sees nothing of it. Routes lead to the test's
 * addresses meanwhile (probe_route.h), also for filters of the reverse path.
 */
#ifndef BH_PROBE_H
#define BH_PROBE_H

#include <stddef.h>

#include "bulkhead/error.h"
#include "bulkhead/proof.h"

#define BH_PROBE_SENDER "bhprobe0"
#define BH_PROBE_RECEIVER "bhprobe1"
#define BH_PROBE_CHAIN "probe"
#define BH_PROBE_CHAIN_SENT "probe_sent" /* by a routed veth's container; what it receives */
#define BH_PROBE_CHAIN_RECEIVED "probe_received"

struct bh_probe;

/* Whether an interface of that name, that is no veth, is the self-test's. */
bool bh_probe_is_port(const char *ifname);

/* stateless: the bridge's own table judges. NULL and *err: what is missing, and what to do. */
struct bh_probe *bh_probe_open_bridge(uint32_t bridge, bool stateless, struct bh_error *err);
/* Tests nothing before bh_probe_aim(). NULL and *err as above. */
struct bh_probe *bh_probe_open_routed(struct bh_error *err);
/* Tests that veth next, as its container with that MAC. 0 or negative errno and *err; −ENODEV: it
 * is down, or gone; −EHOSTUNREACH: nothing that comes from there is forwarded. */
int bh_probe_aim(struct bh_probe *probe, uint32_t veth, const struct bh_mac *mac,
		 struct bh_error *err);
/* The devices go; this may take some tens of milliseconds. */
void bh_probe_close(struct bh_probe *probe);

/* What becomes readable when something arrives. */
int bh_probe_fd(const struct bh_probe *probe);
void bh_probe_ifindexes(const struct bh_probe *probe, uint32_t ifindexes[2]);

/* What our rules are to drop goes first: when that which passes has arrived, the other would have,
 * too. 0 or negative errno and *err. */
int bh_probe_send(struct bh_probe *probe, struct bh_error *err);
/* Takes what arrived; true: all that is to pass. */
bool bh_probe_read(struct bh_probe *probe);

/* What became of it, by what arrived and our counters since bh_probe_open_bridge() or
 * bh_probe_aim(). 0 or negative errno and *err; −ENODEV as there. */
int bh_probe_result(struct bh_probe *probe, struct bh_probe_seen seen[BH_PROOF_WAYS][2],
		    struct bh_error *err);
/* What all that was seen means: PROVED, BYPASSED or STOPPED. */
enum bh_proof_state bh_probe_judge(const struct bh_probe_seen *seen, size_t count);

#endif
