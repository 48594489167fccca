/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The self-test of one bridge. Two TAP devices become its ports for some hundred milliseconds, and
 * datagrams go from the one to the other: one of each family that our rules drop, and one that they
 * let pass, so that what does not arrive is known to be our doing. The devices live as long as
 * their descriptors: however the process ends, nothing is left.
 *
 * The bridge's traffic does not notice. The ports get no flooded frames and learn no addresses; the
 * receiver's address is a static entry, so that no frame of the probe is flooded either; their MACs
 * are high, so that the bridge does not take one of them; their MTU is the bridge's.
 */
#ifndef BH_PROBE_H
#define BH_PROBE_H

#include "bulkhead/error.h"
#include "bulkhead/proof.h"

#define BH_PROBE_SENDER "bhprobe0"
#define BH_PROBE_RECEIVER "bhprobe1"
#define BH_PROBE_CHAIN "probe"

struct bh_probe;

/* Whether an interface of that name, that is no veth, is the self-test's. */
bool bh_probe_is_port(const char *ifname);

/* stateless: the bridge's own table judges. NULL and *err: what is missing, and what to do. */
struct bh_probe *bh_probe_open(uint32_t bridge, bool stateless, struct bh_error *err);
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

/* What became of it, by what arrived and our counters since bh_probe_open(). 0 or negative errno
 * and *err. */
int bh_probe_result(struct bh_probe *probe, struct bh_probe_seen seen[2], struct bh_error *err);
/* What that means: PROVED, BYPASSED or STOPPED. */
enum bh_proof_state bh_probe_judge(const struct bh_probe_seen seen[2]);

#endif
