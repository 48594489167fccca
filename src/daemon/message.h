/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the three processes say to each other. Each message is one datagram: a header (version,
 * type, length) and a body of plain structs, as they lie in memory: it is the same program on the
 * same machine. Nobody trusts anybody: bh_message_check() looks at every length, text, flag and
 * enum before a body is used.
 */
#ifndef BH_MESSAGE_H
#define BH_MESSAGE_H

#include "bulkhead/denial.h"
#include "bulkhead/endpoint.h"
#include "bulkhead/flow.h"
#include "bulkhead/foreign.h"
#include "bulkhead/name.h"
#include "bulkhead/proof.h"
#include "bulkhead/ruleset.h"
#include "bulkhead/tampering.h"
#include "bulkhead/trace.h"
#include "bulkhead/tracked.h"
#include "dns_watch.h"
#include "flow_table.h"
#include "links.h"
#include "live_filter.h"
#include "neighbours.h"

/* Grows whenever a body changes its form. */
#define BH_MESSAGE_VERSION 20
#define BH_MESSAGE_MAX 65536 /* bytes, header included */

/* The number of the capture process that saw a flow is in the flow's id, above so many bits: ids go
 * through JSON, where whole numbers end at 2^53. */
#define BH_WORKER_SHIFT 48

enum bh_message_type {
	/* kernel → capture and core */
	BH_MSG_CONFIG = 1, /* struct bh_config */
	BH_MSG_PEER,	   /* uint32_t worker, + descriptor: its channel to core, or core's to it */
	BH_MSG_ENDPOINT,   /* struct bh_endpoint_fact */
	BH_MSG_ENDPOINT_GONE, /* struct bh_msg_gone */

	/* kernel → capture */
	BH_MSG_EXCLUDE, /* uint32_t ifindexes[] */
	BH_MSG_NFLOG,	/* one netlink message, unread */
	BH_MSG_WORKER,	/* struct bh_msg_worker, before the configuration */
	BH_MSG_SHARES,	/* int64_t µs since the epoch: who has which share changed before then */

	/* capture → kernel */
	BH_MSG_JOINED, /* it has its share of the packets */

	/* kernel → core */
	BH_MSG_WEB_SOCKET,     /* uint32_t place in web.listen; + descriptor: bound and listening */
	BH_MSG_API_SOCKET,     /* likewise of api.socket, once the others were given */
	BH_MSG_SCAN_BEGIN,     /* everything known follows … */
	BH_MSG_SCAN_END,       /* … and that was all */
	BH_MSG_HOST_ADDR,      /* struct bh_host_addr */
	BH_MSG_HOST_ADDR_GONE, /* struct bh_host_addr */
	BH_MSG_LINK,	       /* struct bh_host_link */
	BH_MSG_LINK_GONE,      /* uint32_t ifindex */
	BH_MSG_NETNS,	       /* struct bh_netns_fact */
	BH_MSG_NETNS_GONE,     /* uint64_t inode */
	BH_MSG_LOSS,	       /* struct bh_msg_loss */
	BH_MSG_CAPTURE_STATE,  /* struct bh_msg_capture_state */
	BH_MSG_LISTENERS,      /* struct bh_listeners */
	BH_MSG_TRACKED,	       /* struct bh_msg_tracked[] */
	BH_MSG_RUNTIME_DATA,   /* struct bh_msg_runtime_data, then bytes of the reply */
	BH_MSG_RUNTIME_END,    /* struct bh_msg_runtime_end */
	BH_MSG_RULES_RESULT,   /* struct bh_msg_rules_result */

	/* core → kernel */
	BH_MSG_LISTENERS_GET,  /* struct bh_msg_listeners_get */
	BH_MSG_TRACKED_GET,    /* struct bh_flow_key[] */
	BH_MSG_RUNTIME_GET,    /* struct bh_msg_runtime_get */
	BH_MSG_RULES_BEGIN,    /* struct bh_msg_rules_begin */
	BH_MSG_RULES_CHAIN,    /* struct bh_msg_chain */
	BH_MSG_RULES_PERMITS,  /* struct bh_permit[], of the chain before */
	BH_MSG_RULES_BINDINGS, /* struct bh_binding[] */
	BH_MSG_RULES_PORT,     /* struct bh_msg_port, then struct bh_addr[] */
	BH_MSG_RULES_BRIDGES,  /* struct bh_bridge[] */
	BH_MSG_RULES_MEMBERS,  /* struct bh_bridge_member[] */
	BH_MSG_RULES_COMMIT,   /* uint64_t serial */
	BH_MSG_KEEP,	       /* struct bh_flow_key[]: established, whatever the rules will be */
	BH_MSG_READY,	       /* the API answers */
	BH_MSG_CAPTURE_LOST,   /* uint32_t worker: its channel was closed, and no other came */

	/* capture → core */
	BH_MSG_FLOWS,	      /* struct bh_flow[] */
	BH_MSG_DENIAL,	      /* struct bh_denial */
	BH_MSG_CAPTURE_STATS, /* struct bh_msg_capture_stats */
	BH_MSG_NAMES,	      /* struct bh_named[] */
	BH_MSG_CLAIMS,	      /* struct bh_claim[], of flows that were reported */

	/* core → kernel, and its answer: the chains of others */
	BH_MSG_FOREIGN_GET, /* nothing */
	BH_MSG_FOREIGN,	    /* struct bh_foreign */

	/* capture → core */
	BH_MSG_NEIGHBOURS, /* struct bh_msg_neighbour[] */

	/* kernel → core, with capture.mode: control */
	BH_MSG_ACCOUNTING, /* struct bh_msg_accounting */

	/* core → kernel, and its answer: whose a namespace is, as its runtime's hook says */
	BH_MSG_HOOK,   /* struct bh_msg_hook */
	BH_MSG_HOOKED, /* struct bh_msg_hooked */

	/* core → kernel, as the other parts of a ruleset are sent */
	BH_MSG_RULES_POSTURES, /* struct bh_address_posture[] */

	/* kernel → core: veths that are no endpoints, since they are called like uplinks */
	BH_MSG_UPLINK,	    /* struct bh_endpoint_fact */
	BH_MSG_UPLINK_GONE, /* uint32_t ifindex */

	/* kernel → core: a hook that no core heard gave a container up */
	BH_MSG_GIVEN_UP, /* struct bh_msg_given_up */

	/* core → kernel, and its answer: what connection tracking has of the endpoints */
	BH_MSG_ENTRIES_GET, /* nothing */
	BH_MSG_ENTRIES,	    /* struct bh_tracked[], any number of times, and then … */
	BH_MSG_ENTRIES_END, /* struct bh_msg_entries_end */

	/* core → kernel, and its answer: entries are deleted */
	BH_MSG_CUT,	/* struct bh_cut[], any number of times, and then … */
	BH_MSG_CUT_END, /* nothing: now */
	BH_MSG_CUT_OF,	/* struct bh_cut[]: what came of them, in the same order */
	/* core → kernel, and its answer: what the elements' counters say */
	BH_MSG_USES_GET, /* nothing */
	BH_MSG_USES,	 /* struct bh_use[] */
	BH_MSG_USES_END, /* int32_t: 0, or negative errno, and what came is not all */

	/* core → kernel: tests whether the rules are met; and, in any case, what it found */
	BH_MSG_PROVE, /* nothing */
	BH_MSG_PROOF, /* struct bh_proof */
	/* kernel → core: the self-test begins to send, and has ended */
	BH_MSG_PROBING, /* struct bh_msg_probing */
	/* core → kernel: a bridge's frames are not to be handed to netfilter any more */
	BH_MSG_WITHHOLD, /* struct bh_msg_withhold */

	/* kernel → core: somebody changed our tables; how they stand */
	BH_MSG_TAMPERING,    /* struct bh_tampering */
	BH_MSG_TABLES_STATE, /* struct bh_tables_state */

	/* core → kernel, and its answer: what nftables does to packets */
	BH_MSG_TRACE_GET,  /* struct bh_msg_trace_get */
	BH_MSG_TRACE,	   /* struct bh_trace_step, any number of times … */
	BH_MSG_TRACE_RULE, /* struct bh_trace_rule, before the first step that it dropped */
	BH_MSG_TRACE_END,  /* struct bh_msg_trace_end: … and that was all */

	/* core → kernel, as the other parts of a ruleset are sent */
	BH_MSG_RULES_EXCEPTIONS, /* struct bh_exception[] */

	BH_MSG_TYPES,
};

struct bh_msg_gone {
	int64_t time; /* µs: when it went; another may have come before this is heard */
	uint32_t ifindex;
};

/* Who listens in the namespace behind that interface; 0: in the host's own. */
struct bh_msg_listeners_get {
	uint32_t ifindex;
	bool owners; /* and which container each is of */
};

struct bh_msg_loss {
	uint64_t netlink_overruns;
	uint64_t denials_lost; /* NFLOG messages that did not reach capture */
};

struct bh_msg_worker {
	uint32_t number; /* from 0 on */
	uint32_t count;	 /* how many share the packets */
	uint16_t group;	 /* that they share in (fanout.h); 0: one has it all */
};

struct bh_msg_capture_state {
	uint32_t workers;
	uint32_t running; /* of them */
	uint32_t restarts;
	uint32_t core_restarts; /* of the process that is told */
};

/* What connection tracking knows of one tuple that was asked for. */
struct bh_msg_tracked {
	struct bh_flow_key asked;
	bool found; /* as it is or turned round, as original or as reply tuple */
	struct bh_tracked entry;
};

/* Whether connection tracking counts packets and bytes. */
struct bh_msg_accounting {
	bool on;
	char why[256]; /* it is not */
};

struct bh_msg_hook {
	uint64_t inode; /* of the network namespace */
	int32_t pid;	/* a process in it, above 0 */
	char container_id[BH_CONTAINER_ID];
};

/* After every fact about the namespace. */
struct bh_msg_hooked {
	uint64_t inode;
	int32_t nsid; /* −1: no link of the host leads there */
	bool found;   /* the process is in that namespace */
};

struct bh_msg_given_up {
	int64_t time;			    /* µs */
	int64_t held;			    /* µs: how long it waited */
	bool refused;			    /* its start was, and did not go on */
	char container_id[BH_CONTAINER_ID]; /* "": it did not come to know it */
	char why[256];
};

struct bh_msg_entries_end {
	int32_t code;	   /* 0, or a negative errno: that was not all */
	uint32_t left_out; /* for which there was no room */
};

struct bh_msg_trace_get {
	int64_t duration; /* µs */
	struct bh_trace_filter filter;
};

struct bh_msg_trace_end {
	int32_t code;  /* 0, or negative errno: it could not be done */
	uint32_t lost; /* steps that were too many, or readings before which the kernel dropped some
			*/
	char why[256];
};

struct bh_msg_runtime_get {
	uint32_t request;
	uint8_t runtime;
	uint8_t query;
	char argument[BH_CONTAINER_ID];
};

struct bh_msg_runtime_data {
	uint32_t request;
	uint32_t runtime;
};

struct bh_msg_runtime_end {
	uint32_t request;
	uint32_t runtime;
	int32_t error; /* negative errno, 0: complete */
};

/* µs since the epoch; until: 0 as long as it goes on. */
struct bh_msg_probing {
	int64_t since, until;
};

struct bh_msg_withhold {
	uint32_t ifindex;
	char why[256];
};

struct bh_msg_rules_begin {
	char revision[65];
	uint8_t posture;
	bool blank;
	bool stateless;
	struct bh_sensitive sensitive;
};

struct bh_msg_chain {
	char hash[BH_CHAIN_HASH];
	char workload[256];
	uint8_t side;
	uint8_t mode;
	uint8_t deny;
	bool open[2];
};

struct bh_msg_port {
	char ifname[BH_IFNAME];
	char workload[256];
	struct bh_mac mac;
	bool bridged;
	bool vrf;
	uint8_t mode;
};

struct bh_msg_rules_result {
	uint64_t serial;
	int32_t code; /* 0, or negative errno */
	bool taken; /* the tables are the new ones; where there is a code, their bridges are not */
	bool adopted;
	bool left; /* what stands is of an earlier run, and was left as it is (code -EEXIST) */
	uint32_t chains;
	uint32_t sets;
	uint32_t elements;
	char text[1024]; /* of the error */
};

/* An address that was claimed by ARP or neighbour discovery, by what came in from an interface; or
 * the MAC that a frame came from, which is not that interface's. */
struct bh_msg_neighbour {
	int64_t time; /* µs */
	uint32_t ifindex;
	bool sends;		  /* a frame's: said has a MAC, and nothing else */
	struct bh_neighbour said; /* else it has an address */
};

/* How many such frames came in. */
struct bh_msg_neighbour_counts {
	uint64_t arp;
	uint64_t discovery;
};

/* Sent to a new core at once, as it stood when the one before left, and then every second. */
struct bh_msg_capture_stats {
	int64_t started; /* µs: which process speaks; the counts are since then */
	struct bh_flow_table_stats table;
	uint64_t received; /* by the kernel's ring */
	uint64_t dropped;
	uint64_t unsent_flows; /* reports that did not fit into the channel to core */
	uint64_t unsent_denials;
	uint64_t unsent_names;
	uint64_t unsent_claims;
	uint64_t unsent_neighbours; /* too many within a second, or no room */
	struct bh_msg_neighbour_counts neighbours;
	struct bh_dns_unread dns;
	uint8_t copy;	/* enum bh_copy */
	bool throttled; /* less is copied than was asked for, to stay within capture.cpu */
};

struct bh_message {
	uint16_t type;
	const void *data; /* aligned for any struct above */
	size_t length;
	int fd; /* that came with it; −1: none. The receiver closes it. */
};

/* Whether a body is what its type says, in every field. */
bool bh_message_check(uint16_t type, const void *data, size_t length);

/* For logs. */
const char *bh_message_name(uint16_t type);

#endif
