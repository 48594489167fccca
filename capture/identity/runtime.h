/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Container runtimes, each behind the same operations, one file each. A back end runs in core: it
 * asks for one of a few fixed queries (the kernel process owns the sockets and opens the files: it
 * writes the requests, and passes on what comes), reads the raw replies, and states containers.
 * Runtimes add names and labels; nothing waits for them, and none needs to be there.
 */
#ifndef BH_RUNTIME_H
#define BH_RUNTIME_H

#include "bulkhead/endpoint.h"
#include "bulkhead/error.h"

struct bh_label {
	char *key;
	char *value;
};

struct bh_container_net {
	char name[128];
	struct bh_mac mac;
	struct bh_addr addr4; /* family 0: none */
	struct bh_addr addr6;
	int64_t since; /* µs: since when it is stated like this without a break; the model's */
};

/* A port of the container that the runtime makes reachable under one of the host's. */
struct bh_published {
	uint8_t proto;
	uint16_t port;
	uint16_t host_port;
	struct bh_addr host_addr; /* unspecified: all of its family; family 0: all */
};

/* A container as its runtime describes it. Owned by whoever holds it; _free frees it whole. */
struct bh_container {
	uint8_t runtime;
	char id[BH_CONTAINER_ID];
	char name[256];
	char image[256];
	char image_id[BH_CONTAINER_ID]; /* 64 hexadecimal digits; "": not told */
	char pod[256];			/* whose network it holds for all of the pod; "": of none */
	char owner[256];		/* what Kubernetes says the pod belongs to: "deploy/web" */
	char network_mode[128];		/* "host", "none", "container:<id>", a network's name */
	char netns_path[BH_NETNS_NAME]; /* Docker's SandboxKey */
	int32_t pid;
	bool running;
	bool announced; /* nothing but the event of its creation has told of it */
	bool stripped;	/* it had labels of its image that would name it (images.h) */
	struct bh_label *labels;
	size_t label_count;
	struct bh_container_net *nets;
	size_t net_count;
	struct bh_published *published;
	size_t published_count;
};

struct bh_container *bh_container_new(void);
struct bh_container *bh_container_copy(const struct bh_container *container);
void bh_container_free(struct bh_container *container);
/* Whether both say the same; what there is several of has to be in the same order. */
bool bh_container_equal(const struct bh_container *a, const struct bh_container *b);
void bh_container_add_label(struct bh_container *container, const char *key, const char *value);
struct bh_container_net *bh_container_add_net(struct bh_container *container);
/* Adds it where it is not there yet. */
void bh_container_publish(struct bh_container *container, const struct bh_published *published);
/* Whether whoever connects to this address of the host may be meant. */
bool bh_published_covers(const struct bh_published *published, const struct bh_addr *addr);
/* The same, in place of a label of this key that is there. */
void bh_container_set_label(struct bh_container *container, const char *key, const char *value);
const char *bh_container_label(const struct bh_container *container, const char *key); /* or NULL */

/* "docker", "podman" …; "netns" for none. */
const char *bh_runtime_name(uint8_t runtime);

/* Whether it is an id as Docker, Podman and CRI runtimes make them: 64 hexadecimal digits. */
bool bh_runtime_is_id(const char *text);

/* Whether its containers are called by names, which the next one may have, and not by ids. */
bool bh_runtime_names_anew(uint8_t runtime);

/* The queries there are. The kernel process turns (runtime, query, argument) into request text with
 * bh_runtime_request_text() and sends nothing else. */
enum bh_runtime_query {
	BH_QUERY_CONTAINERS, /* all of them, stopped ones too */
	BH_QUERY_INSPECT,    /* argument: container id */
	BH_QUERY_NETWORK,    /* argument: network id */
	BH_QUERY_EVENTS,     /* a stream that ends only with the daemon */
	BH_QUERY_PODS,
	BH_QUERY_FILES, /* what the runtime keeps on disk: a stream (file_stream.h) without end */
	BH_QUERY_ROW, /* argument: container id; its row of the listing, which waits for nothing */
	BH_QUERY_IMAGE, /* argument: image id */
	BH_QUERIES,
};

/* Writes the HTTP/1.0 request; false where runtime, query or argument (64 hexadecimal digits or
 * none) is not one of ours. */
bool bh_runtime_request_text(uint8_t runtime, uint8_t query, const char *argument, char *out,
			     size_t size);

/* Kubernetes' questions are core's own, over TLS, and their argument is the path: whether it is one
 * that is asked for. */
bool bh_kubernetes_is_path(const char *path);

enum bh_runtime_state {
	BH_RUNTIME_ABSENT,	/* neither its socket nor its files are there: not installed */
	BH_RUNTIME_UNREACHABLE, /* it is there, and does not answer */
	BH_RUNTIME_CONNECTED,
};

/* What a back end may use. */
struct bh_runtime_host {
	void *user;
	const char *node; /* this host, as Kubernetes calls it */
	/* Starts a query; its reply arrives through ops->data and ops->end under the id returned.
	 */
	uint32_t (*query)(void *user, uint8_t runtime, enum bh_runtime_query query,
			  const char *argument);
	void (*container)(void *user, const struct bh_container *container);
	void (*container_gone)(void *user, uint8_t runtime, const char *id);
	/* The first full listing is in (CONNECTED; why: NULL, or how it is known), or the runtime
	 * cannot be asked (why). Called on each change of that. */
	void (*state)(void *user, uint8_t runtime, enum bh_runtime_state state, const char *why);
};

struct bh_runtime_ops {
	uint8_t runtime;
	void *(*start)(const struct bh_runtime_host *host, int64_t now);
	void (*data)(void *state, uint32_t request, const void *bytes, size_t length, int64_t now);
	/* error: negative errno (the socket could not be reached, broke), 0: end of reply. By TLS
	 * also −EKEYREJECTED (its certificate), −ENOENT (no authority's), −ENOKEY (no token),
	 * −EADDRNOTAVAIL (the server's name has no address). */
	void (*end)(void *state, uint32_t request, int error, int64_t now);
	/* About once a second: reconnects, resynchronises. */
	void (*tick)(void *state, int64_t now);
	void (*stop)(void *state);
};

extern const struct bh_runtime_ops bh_docker_ops;
extern const struct bh_runtime_ops bh_podman_ops;
extern const struct bh_runtime_ops bh_cri_ops;
extern const struct bh_runtime_ops bh_lxc_ops;
extern const struct bh_runtime_ops bh_lxd_ops;
extern const struct bh_runtime_ops bh_incus_ops;
extern const struct bh_runtime_ops bh_nspawn_ops;
extern const struct bh_runtime_ops bh_kubernetes_ops;

/* By runtime; NULL where there is no back end. */
extern const struct bh_runtime_ops *const bh_back_ends[BH_RUNTIMES];

#endif
