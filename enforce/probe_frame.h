/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frames of the self-test (probe.h). The rules know them by their addresses: from the source to
 * one address they let them pass, to another they refuse them. The IPv4 addresses are of TEST-NET-1
 * (RFC 5737), which nobody has; the IPv6 ones are link-local, as a source that leads back by any
 * bridge with IPv6, so that filters of the reverse path take it.
 *
 * What is link-local is not routed. So the test of routed veths has addresses of its own, all of
 * them of documentation (RFC 5737, 3849): behind the veth, and behind an interface of the test's.
 */
#ifndef BH_PROBE_FRAME_H
#define BH_PROBE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/address.h"

#define BH_PROBE_PORT 9	       /* UDP, discard */
#define BH_PROBE_NONCE 16      /* bytes */
#define BH_PROBE_FRAME_MOST 96 /* bytes */

enum bh_probe_kind { BH_PROBE_PASSES, BH_PROBE_DENIED, BH_PROBE_KINDS };

/* By family: IPv4, IPv6. */
extern const struct bh_addr bh_probe_source[2], bh_probe_passes[2], bh_probe_denied[2];
/* By kind and family; who sends has the one that passes. The two of a family make a prefix. */
extern const struct bh_addr bh_probe_inside[BH_PROBE_KINDS][2];
extern const struct bh_addr bh_probe_outside[BH_PROBE_KINDS][2];
#define BH_PROBE_PREFIX4 31 /* bits */
#define BH_PROBE_PREFIX6 127
extern const struct bh_addr bh_probe_local; /* this host's own, while routed veths are tested */

/* Whether it is one of them; of those that bridges are tested with. */
bool bh_probe_has_address(const struct bh_addr *addr);
bool bh_probe_has_bridged_address(const struct bh_addr *addr);

struct bh_probe_frame {
	uint8_t bytes[BH_PROBE_FRAME_MOST];
	size_t length;
};

/* A UDP datagram in a frame between these MACs, that carries the nonce. */
void bh_probe_frame_make(struct bh_probe_frame *frame, const struct bh_mac *from,
			 const struct bh_mac *to, const struct bh_addr *src,
			 const struct bh_addr *dst, const uint8_t nonce[BH_PROBE_NONCE]);

/* Whether what was received is that datagram, whatever became of its MACs and hop limit. */
bool bh_probe_frame_is(const struct bh_probe_frame *frame, const uint8_t *bytes, size_t length);

#endif
