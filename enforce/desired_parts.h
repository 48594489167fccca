/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the builders of the two tables share; nobody else includes this. */
#ifndef BH_DESIRED_PARTS_H
#define BH_DESIRED_PARTS_H

#include "desired.h"
#include "statement.h"

#define RTN_BROADCAST 3 /* as `fib daddr type` says it */

/* A concatenated key under construction; each part is padded to four bytes. */
struct bh_key_bytes {
	uint8_t bytes[64];
	size_t length;
};

void bh_key_put(struct bh_key_bytes *key, const void *bytes, size_t length);
void bh_key_put_ifname(struct bh_key_bytes *key, const char *ifname);
void bh_key_put_addr(struct bh_key_bytes *key, const struct bh_addr *addr);
void bh_key_put_u8(struct bh_key_bytes *key, uint8_t value);
void bh_key_put_u16(struct bh_key_bytes *key, uint16_t value);

enum bh_set_flags {
	BH_SET_INTERVAL = 1,
	BH_SET_COUNTER = 2,
	BH_SET_MAP = 4,
};

/* A set keyed by these fields. */
struct bh_nft_set *bh_desired_set(struct bh_nft_table *table, const char *name, struct bh_key key,
				  unsigned flags);
/* Adds the element unless the key is there already: who was first keeps it. */
void bh_desired_add_first(struct bh_nft_set *set, const struct bh_key_bytes *key,
			  const char *target);
/* A constant set of one-byte numbers. */
void bh_desired_numbers(struct bh_nft_table *table, const char *name, enum bh_field field,
			const uint8_t *numbers, size_t count);

struct bh_nft_chain *bh_desired_base(struct bh_nft_table *table, const char *name, uint32_t hook,
				     int32_t priority);
/* A chain that belongs to a workload, named in its comment. */
struct bh_nft_chain *bh_desired_chain(struct bh_nft_table *table, const char *name,
				      const char *workload);

/* Log rule: "bh:KIND:side:hash". */
void bh_desired_log(struct bh_nft_chain *chain, const struct bh_nft_config *config,
		    const char *kind, uint8_t side, const char *hash);
/* TCP segments that open nothing go to chain `other`. */
void bh_desired_divert_unopening(struct bh_nft_chain *chain, const char *other);
/* Counts what reaches it, and gives the verdict. */
void bh_desired_final(struct bh_nft_chain *chain, int32_t verdict);

/* "e_0123…", "ih_0123…_ports": what belongs to a workload's side. */
void bh_desired_name(char out[BH_NFT_NAME], uint8_t side, bool host, const char *hash,
		     const char *suffix);
/* Appends what still fits. */
void bh_desired_lengthen(char name[BH_NFT_NAME], const char *suffix);

/* A chain for the ports of a workload, one a mode (stem "p": "p_0123…", in audit "pa_…"), and the
 * hash in its log prefix. The port is some workload's. */
void bh_desired_port_name(const struct bh_port *port, const char *stem, char name[BH_NFT_NAME],
			  char hash[BH_CHAIN_HASH]);

/* One of the two tables, while it is filled with who may talk to whom. */
struct bh_traffic {
	struct bh_nft_table *table;
	const struct bh_ruleset *rules;
	const struct bh_desired_scope *scope;
	const struct bh_nft_config *config;
	bool stateless;	     /* table bridge: nothing is tracked, and interfaces are its ports */
	struct bh_map *sets; /* by the chains' hash: struct bh_permits_sets */
};

/* Which sets a workload has, by side and rank; the bits are those of permits.c. */
struct bh_permits_sets {
	bool stateless;
	bool uplinks; /* stateless: there are such ports */
	bool vrf;     /* else: some senders come in by a VRF's device */
	uint64_t shapes[2][BH_RANKS];
};

/* Adds the sets that hold one side's permissions, and notes them. */
void bh_permits_add_sets(struct bh_nft_table *table, const struct bh_chain *chain,
			 struct bh_permits_sets *sets);
/* Whether any of the workload's sets refuses, of either side. */
bool bh_permits_deny(const struct bh_permits_sets *sets, bool host);

/* What a set's elements stand for. */
struct bh_permits_place {
	struct bh_use use; /* what all of them have in common */
	uint8_t what;	   /* permits.c: what the key says behind the address */
	uint8_t family;	   /* of the address in the key; BH_NO_FAMILY: there is none */
};

/* From the set's name. False: it holds nobody's permissions. */
bool bh_permits_recognise(const char *set, struct bh_permits_place *place);
/* Bytes of the set's keys. */
size_t bh_permits_key_length(const struct bh_permits_place *place);
/* What an element stands for. key: the set's key_length bytes; end: as many, of the range's end;
 * may be the key. */
void bh_permits_read(const struct bh_permits_place *place, const uint8_t *key, const uint8_t *end,
		     struct bh_use *use);

/* In which orientation sets are looked up, and the chains that decide about what they refuse. */
struct bh_permits_way {
	bool backwards;	    /* as if who receives the segment had opened the connection; stateless:
			     * only what may be so comes here */
	const char *refuse; /* NULL: nothing is refused here, refusals return as permissions do */
	const char *otherwise; /* for segments that open nothing; NULL: none */
	const char *unopening; /* stateless: the same where no permission speaks of them; nothing
				* behind it does. NULL: they go on */
};

/* The rules that look a workload's sets up, in the chain for forwarded packets or (host) for those
 * from or to this host; what is allowed returns. sets: of both its sides. */
void bh_permits_add_rules(const struct bh_permits_sets *sets, struct bh_nft_chain *to,
			  const struct bh_chain *chain, bool host,
			  const struct bh_permits_way *way);

extern const uint8_t bh_metadata4[4], bh_metadata6[16];
/* Where groups' addresses begin: of 4 bits, of 8. */
extern const uint8_t bh_multicast4[4], bh_multicast6[16];

/* Whether any chain is in stage 1. */
bool bh_urgent_is_asked(const struct bh_ruleset *rules);
/* The set of stage 1's ports, where that is so. */
void bh_urgent_add_set(const struct bh_traffic *t);
/* In stage 1, behind the permissions: what is urgent goes to chain `refuse`. host: as above. */
void bh_urgent_add_rules(const struct bh_traffic *t, struct bh_nft_chain *to,
			 const struct bh_chain *chain, bool host, const char *refuse);

/* The chain that the self-test's packets meet; where they come from (egress) and go to (ingress);
 * and that nobody else sends as it. maps, owned: of IPv4, of IPv6. */
void bh_desired_probe_chain(struct bh_nft_table *table);
void bh_desired_probe_bind(struct bh_nft_set *const maps[2], uint8_t side, const char *ifname);
/* The same of routed veths, one chain a side. */
void bh_desired_probe_routed_chain(const struct bh_traffic *t, uint8_t side);
void bh_desired_probe_bind_routed(struct bh_nft_set *const maps[2], uint8_t side,
				  const char *ifname);
void bh_desired_probe_own(struct bh_nft_set *const owned[2], const char *chain);

/* Whether senders on routed veths are checked. */
bool bh_inet_is_routed(const struct bh_ruleset *rules);
/* Whether any veth is in a VRF. */
bool bh_inet_has_vrf(const struct bh_ruleset *rules);
/* Matches what did not come by a managed interface. vrf: not by one in a VRF either, by the
 * sender's address, which is of that family; else any family. */
void bh_inet_match_outside(struct bh_nft_rule *rule, bool vrf, uint8_t family);
void bh_desire_inet(struct bh_nft_table *table, const struct bh_ruleset *rules,
		    const struct bh_desired_scope *scope, const struct bh_nft_config *config);
void bh_desire_bridge(struct bh_nft_table *table, const struct bh_ruleset *rules,
		      const struct bh_desired_scope *scope, const struct bh_nft_config *config);
/* Whether any port of a bridge leads into the world. */
bool bh_stateless_has_uplinks(const struct bh_ruleset *rules);
/* Matches what comes from there (BH_INGRESS), or goes there. */
void bh_stateless_match_uplink(struct bh_nft_rule *rule, uint8_t side);
/* Matches what is sent to one, by its IP address; family: BH_IPV4 or BH_IPV6. Which address is a
 * network's for all of it is not known. */
void bh_stateless_match_no_group(struct bh_nft_rule *rule, uint8_t family);
/* The same by the frame. */
void bh_stateless_match_unicast(struct bh_nft_rule *rule);
/* Of which kinds there are exceptions. */
uint8_t bh_stateless_exceptions(const struct bh_ruleset *rules);
/* In table bridge, behind the other: who may talk to whom on one bridge. */
void bh_desire_stateless(struct bh_nft_table *table, const struct bh_ruleset *rules,
			 const struct bh_desired_scope *scope, const struct bh_nft_config *config);

#endif
