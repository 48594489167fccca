/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may talk to whom, in table inet or in table bridge; the builders of those alone include
 * this. */
#ifndef BH_DESIRED_TRAFFIC_H
#define BH_DESIRED_TRAFFIC_H

#include "desired_parts.h"

#define BH_KEY_UDP_PORTS BH_KEY(BH_FIELD_UDP_SPORT, BH_FIELD_UDP_DPORT)

/* The sets that chains here refer to. */
void bh_traffic_add_constants(const struct bh_traffic *t);
/* Each workload's sets, and then its chains: e_HASH and i_HASH, in table inet eh_HASH and ih_HASH
 * as well, for what this host sends and receives. */
void bh_traffic_add_sets(const struct bh_traffic *t);
void bh_traffic_add_workloads(const struct bh_traffic *t);

/* What a network cannot live without; discovery: the set of ICMPv6 types that may pass. */
void bh_traffic_accept_basics(struct bh_nft_chain *chain, const char *discovery);
/* UDP between these ports. */
void bh_traffic_accept_dhcp(struct bh_nft_chain *chain, const char *set);
/* Questions to everybody on the link: nothing that is addressed so is ever routed. */
void bh_traffic_accept_dhcp_to_all(struct bh_nft_chain *chain);

/* TCP segments that open nothing return. */
void bh_traffic_pass_unopening(struct bh_nft_chain *chain);
/* Ends the rule: it goes to chain `to`, or (NULL) gives the verdict. */
void bh_traffic_end_rule(struct bh_nft_rule *rule, const char *to, int32_t verdict);
/* The same with what is sent to a group, by its address. */
void bh_traffic_divert_groups(struct bh_nft_chain *chain, const char *to, int32_t verdict);

/* (interface, address) → chain of the workload: of the sender, or of the receiver. */
void bh_traffic_look_up_workload(struct bh_nft_chain *chain, uint8_t side, const char *map4,
				 const char *map6);

/* The chains that posture_egress and posture_ingress lead to. */
void bh_traffic_add_postures(const struct bh_traffic *t);
/* The chain of one posture, where there are several. */
const char *bh_traffic_posture_chain(uint8_t posture, uint8_t side);
void bh_traffic_meet_posture(struct bh_nft_chain *chain, uint8_t side);

#endif
