/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's configuration: one YAML or JSON file, every key of which config/bulkhead.yaml
 * documents. Flat and without pointers, so that it travels to the other processes as it is. */
#ifndef BH_CONFIG_H
#define BH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/sensitive.h"
#include "existing.h"
#include "grouping.h"

#define BH_CONFIG_TEXT 256
#define BH_CONFIG_LIST 16

struct bh_config_list {
	uint32_t count;
	char items[BH_CONFIG_LIST][BH_CONFIG_TEXT];
};

#define BH_CONFIG_POSTURES 64

/* What is not identified yet and matches: the first one counts. */
struct bh_config_posture {
	char match[BH_CONFIG_TEXT]; /* shell pattern */
	uint8_t posture;	    /* enum bh_posture */
};

struct bh_config_postures {
	uint32_t count;
	struct bh_config_posture items[BH_CONFIG_POSTURES];
};

enum bh_table_protection {
	BH_TABLE_WATCH, /* what others change is repaired */
	BH_TABLE_OWNER, /* they cannot; on kernels before 6.9 as above */
};

/* How what stays on one bridge is judged (docs/security.md). */
enum bh_bridge_path {
	BH_BRIDGE_STATEFUL,  /* by table inet: the bridge hands its frames to netfilter */
	BH_BRIDGE_STATELESS, /* by table bridge, without connection tracking */
};

enum bh_promotion_mode {
	BH_PROMOTE_CONFIRMED, /* by a person */
	BH_PROMOTE_ALONE,
};

enum bh_capture_mode {
	BH_CAPTURE_FULL,
	BH_CAPTURE_CONTROL, /* of TCP what opens and ends connections (live_filter.h) */
};

/* What somebody may do who comes by a local place of web.listen, and shows nothing. */
enum bh_web_anonymous {
	BH_WEB_NOTHING,
	BH_WEB_READ,
};

#define BH_CONFIG_COLLECTORS 8
#define BH_CONFIG_HOST 256 /* a name that DNS could have, or an address */

enum bh_transport {
	BH_TRANSPORT_UDP,
	BH_TRANSPORT_TCP,
	BH_TRANSPORT_UNIX, /* datagrams; host is the socket's path */
	BH_TRANSPORTS,
};

struct bh_config_collector {
	char host[BH_CONFIG_HOST];
	uint16_t port;
	uint8_t transport; /* enum bh_transport */
};

/* IPFIX. */
struct bh_config_ipfix {
	uint32_t collector_count; /* 0: it is off */
	struct bh_config_collector collectors[BH_CONFIG_COLLECTORS];
	bool biflows; /* one record of both directions (RFC 5103) */
	int64_t enterprise;
	int64_t domain;
	int64_t message_size;
	int64_t template_interval;
	int64_t template_messages;
	int64_t queue; /* bytes, of each collector */
};

#define BH_CONFIG_KINDS 16
#define BH_CONFIG_KIND 24

/* What is logged somewhere. */
struct bh_config_log {
	bool flows;
	bool events;
	uint32_t kind_count; /* of events; 0: all */
	char kinds[BH_CONFIG_KINDS][BH_CONFIG_KIND];
	int64_t format; /* enum bh_log_format */
};

struct bh_config_log_file {
	char path[BH_CONFIG_TEXT]; /* "": there is none */
	struct bh_config_log log;
	int64_t size; /* bytes, from which on a new one is begun … */
	int64_t age;  /* … or µs */
	int64_t keep; /* how many old ones */
};

struct bh_config_syslog {
	struct bh_config_collector to; /* host "": nowhere */
	struct bh_config_log log;
	int64_t facility; /* as syslog numbers them */
};

struct bh_config_journal {
	char socket[BH_CONFIG_TEXT]; /* "": it is not written to */
	struct bh_config_log log;
};

#define BH_CONFIG_WEBHOOKS 4

struct bh_config_webhook {
	char url[BH_CONFIG_TEXT];
	char secret[BH_CONFIG_TEXT]; /* a file; "": it is not signed */
	char ca[BH_CONFIG_TEXT];     /* a file; "": the system's authorities */
	struct bh_config_log log;    /* events alone; format: enum bh_webhook_format */
};

struct bh_config_webhooks {
	uint32_t count;
	struct bh_config_webhook items[BH_CONFIG_WEBHOOKS];
};

struct bh_config_otlp {
	char url[BH_CONFIG_TEXT];     /* before /v1/logs; "": it is off */
	char headers[BH_CONFIG_TEXT]; /* a file; "": none */
	char ca[BH_CONFIG_TEXT];      /* a file; "": the system's authorities */
	struct bh_config_log log;
	int64_t metrics; /* how often; 0: never */
};

/* Flows and events to other tools. */
struct bh_config_exports {
	int64_t active_timeout;
	struct bh_config_ipfix ipfix;
	struct bh_config_log_file file;
	struct bh_config_syslog syslog;
	struct bh_config_journal journal;
	struct bh_config_webhooks webhooks;
	struct bh_config_otlp otlp;
};

#define BH_MOST_WORKERS 16 /* capture processes */

struct bh_config {
	char state_directory[BH_CONFIG_TEXT];
	char run_directory[BH_CONFIG_TEXT];
	int64_t log_level; /* enum bh_log_level */
	char capture_user[BH_CONFIG_TEXT];
	char core_user[BH_CONFIG_TEXT];
	char api_socket[BH_CONFIG_TEXT];
	char operator_group[BH_CONFIG_TEXT];  /* "": root alone */
	struct bh_config_list web_listen;     /* web_place.h */
	char web_certificate[BH_CONFIG_TEXT]; /* files; "": none */
	char web_key[BH_CONFIG_TEXT];
	char web_client_ca[BH_CONFIG_TEXT];
	struct bh_config_list web_operators; /* common names of certificates */
	int64_t metrics_workloads;	     /* that have metrics of their own */
	int64_t web_anonymous;		     /* enum bh_web_anonymous */
	struct bh_config_list uplinks;	     /* shell patterns of interface names */
	int64_t ring_bytes;
	int64_t mode;	 /* enum bh_capture_mode */
	int64_t cpu;	 /* percent of a processor that capture may use; 0: without limit */
	int64_t workers; /* capture processes; 0: as many as there are processors */
	int64_t snaplen;
	int64_t max_flows;
	int64_t idle_timeout; /* µs, as all durations here */
	int64_t tcp_idle_timeout;
	int64_t report_interval;
	struct bh_config_list netns_directories;
	bool netns_ordinals;
	int64_t keep_departed;
	int64_t receive_buffer;		    /* bytes, of the socket that follows links */
	int64_t keep_history;		    /* of those who departed, in the store */
	int64_t max_history;		    /* how many of them */
	char docker_socket[BH_CONFIG_TEXT]; /* "": not asked */
	char podman_socket[BH_CONFIG_TEXT];
	char podman_storage[BH_CONFIG_TEXT]; /* "": not read, as the other folders */
	char cni_results[BH_CONFIG_TEXT];
	char containerd_bundles[BH_CONFIG_TEXT];
	char crio_bundles[BH_CONFIG_TEXT];
	char lxc_containers[BH_CONFIG_TEXT];
	char lxd_socket[BH_CONFIG_TEXT];
	char incus_socket[BH_CONFIG_TEXT];
	char machines[BH_CONFIG_TEXT];
	char kubernetes_server[BH_CONFIG_TEXT]; /* "https://HOST[:PORT]"; "": not asked */
	char kubernetes_node[BH_CONFIG_TEXT];	/* what it calls this host */
	char kubernetes_token[BH_CONFIG_TEXT];
	char kubernetes_ca[BH_CONFIG_TEXT];
	struct bh_grouping grouping; /* the operator's rules about workloads */
	int64_t window;
	int64_t window_offset;
	int64_t max_edges;
	int64_t filters_off; /* bits of enum bh_filter */
	int64_t promotion;   /* enum bh_promotion_mode */
	bool deploy_audit;
	struct bh_sensitive sensitive;
	int64_t posture; /* enum bh_posture */
	struct bh_config_postures postures;
	struct bh_existing existing; /* what becomes of connections that rules deny from now on */
	int64_t table_protection;    /* enum bh_table_protection */
	int64_t verify_every;	     /* how long from one whole reading of the tables to the next */
	int64_t bridge;		     /* enum bh_bridge_path */
	int64_t self_test;	     /* how often; 0: never */
	int64_t log_group;
	int64_t keep_events;
	int64_t keep_flows; /* that are over; 0: none */
	int64_t keep_traffic;
	struct bh_config_exports exports;
};

/* What holds where no file says otherwise. */
void bh_config_defaults(struct bh_config *config);

/* Reads a document over *config. 0, or negative errno and *err: "file:line:column: unknown key
 * captur.snaplen; did you mean capture?" or "…: snaplen: found "tall", expected a number from 64 to
 * 65535". Then *config is as it was. */
int bh_config_parse(struct bh_config *config, const char *text, size_t length, const char *file,
		    struct bh_error *err);
int bh_config_load(struct bh_config *config, const char *file, struct bh_error *err);

#endif
