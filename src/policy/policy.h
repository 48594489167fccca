/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy: workloads named by labels, and what they may open to each other. What no rule allows is
 * denied, in whichever workload is enforced. A policy is a document: it parses from YAML or JSON
 * and prints back to a text that parses to the same.
 */
#ifndef BH_POLICY_H
#define BH_POLICY_H

#include "bulkhead/address.h"
#include "bulkhead/edge.h"
#include "bulkhead/error.h"
#include "bulkhead/ruleset.h"
#include "bulkhead/verdict.h"

enum bh_label_test {
	BH_LABEL_IN,	 /* it is set, to one of the values */
	BH_LABEL_NOT_IN, /* it is not set, or to none of them */
	BH_LABEL_EXISTS,
	BH_LABEL_ABSENT,
};

struct bh_policy_label {
	char *key;
	uint8_t test;  /* enum bh_label_test */
	char **values; /* of IN and NOT_IN, one at least */
	size_t value_count;
};

struct bh_map;

/* What becomes of that which no rule speaks of. */
enum bh_policy_default {
	BH_DEFAULT_UNSAID, /* of a workload: whatever holds for all; for all: deny */
	BH_DEFAULT_ALLOW,
	BH_DEFAULT_DENY,
};

struct bh_policy_workload {
	char *name;			/* as rules refer to it */
	struct bh_policy_label *labels; /* all must hold; several may be of one key */
	size_t label_count;
	uint8_t defaults[2]; /* enum bh_policy_default, by side */
};

enum bh_policy_peer_kind {
	BH_POLICY_WORKLOAD,
	BH_POLICY_HOST,
	BH_POLICY_WORLD,  /* addresses outside; as a destination without the metadata service */
	BH_POLICY_PREFIX, /* addresses outside: never a workload's or this host's, even if within */
	BH_POLICY_METADATA,  /* the cloud's metadata service */
	BH_POLICY_MULTICAST, /* and broadcast */
	/* As a destination alone: addresses outside that the rule's workload was given when it
	 * asked for the name. */
	BH_POLICY_DNS,
	BH_POLICY_GROUP, /* as it is written alone: what is evaluated are its members */
};

/* Parts of a prefix that a peer leaves out. */
struct bh_policy_except {
	size_t count;
	struct bh_prefix items[];
};

struct bh_policy_peer {
	uint8_t kind; /* enum bh_policy_peer_kind */
	union {
		size_t workload; /* index, for BH_POLICY_WORKLOAD */
		size_t group;	 /* index, for BH_POLICY_GROUP */
	};
	struct bh_prefix prefix; /* for BH_POLICY_PREFIX */
	bool containers; /* for BH_POLICY_PREFIX: containers that hold such an address, too */
	const struct bh_policy_except *except; /* for BH_POLICY_PREFIX: bh_policy_except()'s; NULL:
						  nothing */
	const char *name; /* for BH_POLICY_DNS: bh_policy_name()'s; "*.example" all below it */
};

/* "8080/tcp", "8000-8100/tcp", "icmp/8" (type), "gre", "any". */
struct bh_policy_port {
	uint8_t proto;	/* or BH_ANY_PROTOCOL */
	uint16_t first; /* for ICMP and ICMPv6 the type; 0–0 for protocols without ports */
	uint16_t last;
	const char *name; /* "http/tcp": what the destination calls so, by its label
			     BH_PORT_LABEL "http/tcp"; bh_policy_name()'s. NULL: a number */
};
#define BH_PORT_LABEL "bulkhead.port/"

/* One end of a rule, or a group: one peer at least. */
struct bh_policy_peers {
	struct bh_policy_peer *items; /* members in the place of groups */
	size_t count;
	struct bh_policy_peer *written; /* with groups as groups; NULL: there are none */
	size_t written_count;
};

struct bh_policy_group {
	char *name;
	struct bh_policy_peers peers;
};

/* At which end a rule is judged. */
enum bh_policy_ends {
	BH_AT_BOTH,
	BH_AT_EGRESS,  /* where it is sent from */
	BH_AT_INGRESS, /* where it is received */
};

/* Stands for every pair of a source and a destination, on each of its ports. */
struct bh_policy_rule {
	uint8_t rank;	 /* enum bh_rank: allow or deny, the application's or the platform's */
	uint8_t ends;	 /* enum bh_policy_ends */
	bool over;	 /* it says nothing any more: bh_policy_set_time() */
	int64_t expires; /* µs; 0: never */
	struct bh_policy_peers from;
	struct bh_policy_peers to;
	struct bh_policy_port *ports;
	size_t port_count;
	uint64_t *edges; /* IDs (edge_id.h) of what was learned and led to it; no part of what it
			    says */
	size_t edge_count;
	char *comment; /* the evidence; printed as a YAML comment above the rule; NULL: none */
	char *note;    /* its key "comment"; no part of what it says; NULL: none */
	int line;
};

struct bh_policy {
	struct bh_policy_workload *workloads;
	size_t workload_count;
	struct bh_policy_group *groups; /* of those that stand before it, and of other peers */
	size_t group_count;
	struct bh_policy_rule *rules;
	size_t rule_count;
	uint8_t deny;	      /* enum bh_deny_action */
	uint8_t defaults[2];  /* enum bh_policy_default, by side */
	bool says_posture;    /* else the configuration's holds */
	uint8_t posture;      /* enum bh_posture: what meets whom nobody knows yet */
	uint8_t top_rank;     /* of any rule */
	bool denies;	      /* some rule does */
	bool one_sided;	      /* some rule is judged at one end alone */
	bool has_open;	      /* somebody's default is to allow */
	bool has_containers;  /* some rule speaks of containers by their addresses */
	bool names_ports;     /* some port has a name instead of a number */
	struct bh_map *names; /* bh_policy_name() */
	struct bh_policy_except **excepts;
	size_t except_count;
	char *header; /* comment at the top; NULL: none */
};

struct bh_policy *bh_policy_new(void);
void bh_policy_free(struct bh_policy *policy);

/* text: YAML or JSON, at most 8 MiB. NULL and *err ("file:line:column: found …, expected …; did you
 * mean …?") on the first error. file: for messages only. Comments above rules are kept as the
 * rules' comments, the one at the top as the header; others are not kept. */
struct bh_policy *bh_policy_parse(const char *text, size_t length, const char *file,
				  struct bh_error *err);

/* The document as YAML, comments included; the caller frees it. The same policy prints the same
 * bytes, and they parse to the same policy, as long as every name and label key has 1 to 255 bytes,
 * every workload a label, every rule a port and every pair of it a workload at one end, and all
 * text is UTF-8. */
char *bh_policy_print(const struct bh_policy *policy);

/* The same as JSON, under the same conditions; JSON has no comments, so they are left out. */
char *bh_policy_print_json(const struct bh_policy *policy);

/* The revision's name: a hash of the printed document without its comments and edges, 32
 * hexadecimal digits. */
void bh_policy_revision(const struct bh_policy *policy, char out[65]);

/* The name of one rule: a hash of what it says – labels, addresses, ports, rank, ends –, whatever
 * its workloads and groups are called, until when it holds, and what came from where; 32
 * hexadecimal digits. */
void bh_policy_rule_id(const struct bh_policy *policy, size_t rule, char out[33]);

/* One line a rule: "web, cron → api  8080/tcp", "platform deny web → db  any  at ingress  until
 * 2026-12-31"; out holds what fits. */
void bh_policy_rule_text(const struct bh_policy *policy, size_t rule, char *out, size_t size);
void bh_policy_peer_text(const struct bh_policy *policy, const struct bh_policy_peer *peer,
			 char *out, size_t size);
/* The same, whole. */
struct bh_buffer;
void bh_policy_put_peer(struct bh_buffer *out, const struct bh_policy *policy,
			const struct bh_policy_peer *peer);

/* The policy's own copy of a name or pattern (dns_name.h): the same one for the same text. */
const char *bh_policy_name(struct bh_policy *policy, const char *text);
/* The policy's own copy of these prefixes; NULL where count is 0. */
const struct bh_policy_except *bh_policy_except(struct bh_policy *policy,
						const struct bh_prefix *items, size_t count);
/* Whether an address is in the prefix, and in none of its exceptions. */
bool bh_policy_prefix_holds(const struct bh_policy_peer *peer, const struct bh_addr *addr);
static inline bool bh_rank_is_platform(uint8_t rank)
{
	return rank >= BH_RANK_PLATFORM_ALLOW;
}
/* Around the pairs and ports of a rule: "platform deny ", " at ingress". */
const char *bh_policy_rank_text(const struct bh_policy_rule *rule);
const char *bh_policy_ends_text(const struct bh_policy_rule *rule);
/* Whether the rule is judged at that end. */
static inline bool bh_policy_rule_is_at(const struct bh_policy_rule *rule, enum bh_side side)
{
	return rule->ends == BH_AT_BOTH ||
	       rule->ends == (side == BH_EGRESS ? BH_AT_EGRESS : BH_AT_INGRESS);
}
/* Whether it speaks of this destination port; of ICMP: type * 256 + code. */
bool bh_policy_rule_has_port(const struct bh_policy *policy, size_t rule, uint8_t proto,
			     uint16_t port);

/* Whether such a name, or a pattern that it matches, was given out by bh_policy_name(): no rule
 * speaks of any other. */
bool bh_policy_speaks_of(const struct bh_policy *policy, const char *name);

/* Adding, for proposals. Returns the index. */
size_t bh_policy_add_workload(struct bh_policy *policy, const char *name);
/* The label is to have this value. */
void bh_policy_add_label(struct bh_policy *policy, size_t workload, const char *key,
			 const char *value);
/* Returns the label's index in the workload; values are then added to it. What is asked of one
 * label is added one after the other. test: enum bh_label_test. */
size_t bh_policy_add_test(struct bh_policy *policy, size_t workload, const char *key, uint8_t test);
void bh_policy_add_value(struct bh_policy *policy, size_t workload, size_t label,
			 const char *value);
bool bh_policy_label_has(const struct bh_policy_label *label, const char *value);
/* value: NULL where the label is not set. */
bool bh_policy_label_holds(const struct bh_policy_label *label, const char *value);
/* Members are added with bh_policy_add_member(), one at least, before a rule speaks of the group.
 */
size_t bh_policy_add_group(struct bh_policy *policy, const char *name);
void bh_policy_add_member(struct bh_policy *policy, size_t group,
			  const struct bh_policy_peer *member);
size_t bh_policy_add_rule(struct bh_policy *policy, const struct bh_policy_peer *from,
			  const struct bh_policy_peer *to, const char *comment);
/* Further peers of a rule's ends. */
void bh_policy_add_from(struct bh_policy *policy, size_t rule, const struct bh_policy_peer *from);
void bh_policy_add_to(struct bh_policy *policy, size_t rule, const struct bh_policy_peer *to);
void bh_policy_add_port(struct bh_policy *policy, size_t rule, uint8_t proto, uint16_t first,
			uint16_t last);
/* name: "http/tcp" */
void bh_policy_add_named_port(struct bh_policy *policy, size_t rule, uint8_t proto,
			      const char *name);
void bh_policy_add_edge(struct bh_policy *policy, size_t rule, uint64_t id);
void bh_policy_set_note(struct bh_policy *policy, size_t rule, const char *note);
void bh_policy_set_rank(struct bh_policy *policy, size_t rule, uint8_t rank);
void bh_policy_set_ends(struct bh_policy *policy, size_t rule, uint8_t ends);
#define BH_ALL_WORKLOADS SIZE_MAX
/* workload: its index, or BH_ALL_WORKLOADS. value: enum bh_policy_default. */
void bh_policy_set_default(struct bh_policy *policy, size_t workload, enum bh_side side,
			   uint8_t value);

/* Rules whose time is over at that time (µs) say nothing from then on. Until this is called none
 * is over. Returns when the next one is; INT64_MAX: never. */
int64_t bh_policy_set_time(struct bh_policy *policy, int64_t now);
#define BH_LATEST_EXPIRY (INT64_C(253402300799) * 1000000) /* the year 9999 */
/* "2026-12-31": through that day (UTC), or RFC 3339. Returns out. */
#define BH_EXPIRY_TEXT 40
char *bh_policy_expiry_text(int64_t expires, char out[BH_EXPIRY_TEXT]);

/* What differs: calls line('+' or '-', text) for workloads and rules (pairs and ports compared one
 * by one) that only `to` or only `from` has, in a stable order; returns how many. line may be NULL.
 * Either may be NULL: empty. */
size_t bh_policy_diff(const struct bh_policy *from, const struct bh_policy *to,
		      void (*line)(void *user, char sign, const char *text), void *user);

#endif
