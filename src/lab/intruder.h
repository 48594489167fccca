/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The intruder's state, shared by its attempts. Each attempt tells what came of it, and returns a
 * negative errno only where it could not be made at all. */
#ifndef BH_LAB_INTRUDER_H
#define BH_LAB_INTRUDER_H

#include "bulkhead/address.h"
#include "lab.h"
#include "network.h"
#include "topology.h"

struct bh_lab_intruder {
	void (*attempt)(void *user, const struct bh_lab_attempt *attempt);
	void *user;
	int through; /* attempts that got through */
	const struct bh_lab_host *host;
	struct bh_lab_link link; /* its eth0 */
};

void bh_lab_tell(struct bh_lab_intruder *intruder, bool got_through, const char *name,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

const char *bh_lab_family_name(enum bh_family family); /* "IPv4" */

/* With ordinary sockets. */
int bh_lab_scan_tcp(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err);
int bh_lab_scan_udp(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err);
int bh_lab_scan_ping(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err);
int bh_lab_reach_database(struct bh_lab_intruder *intruder, enum bh_family family,
			  struct bh_error *err);
int bh_lab_reach_link_local(struct bh_lab_intruder *intruder, struct bh_error *err);
int bh_lab_call_out(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err);

/* With frames of its own making. */
int bh_lab_send_tagged(struct bh_lab_intruder *intruder, enum bh_family family,
		       struct bh_error *err);
int bh_lab_spoof_address(struct bh_lab_intruder *intruder, enum bh_family family,
			 struct bh_error *err);
int bh_lab_spoof_both(struct bh_lab_intruder *intruder, enum bh_family family,
		      struct bh_error *err);
int bh_lab_poison_arp(struct bh_lab_intruder *intruder, struct bh_error *err);
int bh_lab_poison_nd(struct bh_lab_intruder *intruder, struct bh_error *err);
int bh_lab_false_router(struct bh_lab_intruder *intruder, struct bh_error *err);

#endif
