/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identity model: facts from the kernel joined with containers from runtimes, kept as
 * intervals, so that a flow belongs to the instance that held the veth and the address when it
 * passed, however late the names come. Pure bookkeeping: no I/O, no clock of its own.
 */
#ifndef BH_MODEL_H
#define BH_MODEL_H

#include "bulkhead/edge.h"
#include "grouping.h"
#include "links.h"
#include "runtime.h"

struct bh_model;
struct bh_instance;

#define BH_GOES_ON INT64_MAX

/* That an instance held an address, from a time (µs) to another. */
struct bh_hold {
	struct bh_addr addr;
	int64_t from;
	int64_t until; /* BH_GOES_ON: it holds it still */
	int64_t made;  /* as in struct bh_endpoint_fact; 0: not known */
};

/* What an instance was called before it was called otherwise. */
struct bh_designation {
	int64_t until; /* µs */
	char name[256];
	char workload[256];
	char why[128];
};

struct bh_model_config {
	bool netns_ordinals;   /* web-1 and web-2 among named namespaces are replicas of web */
	int64_t keep_departed; /* µs that a departed instance can still be looked up */
	const struct bh_grouping *grouping; /* the operator's rules; the caller's; NULL: none */
	/* The instance is called otherwise than before; may be NULL. That it has its first name, or
	 * that a wrong one was put right, is no such news. */
	void (*renamed)(void *user, const struct bh_instance *instance,
			const struct bh_designation *was);
	/* Whether the world is behind this port of a bridge; NULL: behind none is it. */
	bool (*leads_out)(const void *user, const struct bh_host_link *link);
	void *user;
};

/* One instance: an attachment and, where known, the container behind it. */
struct bh_instance {
	struct bh_endpoint_fact fact;
	int64_t until;			      /* µs when it went; 0: present */
	const struct bh_container *container; /* NULL: none known */
	char name[256];	    /* container's, namespace's, else the host interface's */
	char workload[256]; /* "compose:shop/web", "netns:web", …; "" as long as unidentified */
	char why[128];	    /* what the grouping rests on, in words */
	bool guessed;	    /* nothing but its image, or its name, says what it belongs to */
	char named_by[BH_CONTAINER_ID]; /* the container that it is named after; "": none */
};

/* The address intervals that are known of it, in order of their beginning, and what it was called
 * before, oldest first: at = 0, 1 … as long as it is not NULL. Of instances of a model. */
const struct bh_hold *bh_instance_hold(const struct bh_instance *instance, size_t at);
const struct bh_designation *bh_instance_former(const struct bh_instance *instance, size_t at);
/* What it was called at that time. A first name that came late holds from the beginning. */
void bh_instance_called(const struct bh_instance *instance, int64_t time, const char **name,
			const char **workload);

struct bh_model *bh_model_new(const struct bh_model_config *config);
void bh_model_free(struct bh_model *model);

/* Facts, as bh_links_events and bh_runtime_host state them. now: µs. */
void bh_model_endpoint(struct bh_model *model, const struct bh_endpoint_fact *fact, int64_t now);
void bh_model_endpoint_gone(struct bh_model *model, uint32_t ifindex, int64_t now);
void bh_model_host_addr(struct bh_model *model, const struct bh_host_addr *addr);
void bh_model_host_addr_gone(struct bh_model *model, const struct bh_host_addr *addr);
void bh_model_link(struct bh_model *model, const struct bh_host_link *link);
void bh_model_link_gone(struct bh_model *model, uint32_t ifindex);
void bh_model_netns(struct bh_model *model, const struct bh_netns_fact *fact);
void bh_model_netns_gone(struct bh_model *model, uint64_t inode);
void bh_model_container(struct bh_model *model, const struct bh_container *container, int64_t now);
void bh_model_container_gone(struct bh_model *model, uint8_t runtime, const char *id, int64_t now);

/* A kernel process that (re)connects states everything between these two; what it did not mention
 * is gone. */
void bh_model_begin_scan(struct bh_model *model);
void bh_model_end_scan(struct bh_model *model, int64_t now);

/* An instance as an earlier run knew it. */
struct bh_past {
	struct bh_instance shown; /* without container; until 0: it was present … */
	int64_t seen;		  /* … when it was last known to be, µs */
	const struct bh_hold *holds;
	size_t hold_count;
	const struct bh_designation *formers;
	size_t former_count;
};
/* Before any fact, oldest first. One that was present is, until the next scan, whose facts either
 * take it up – the same attachment then goes on from when it first began – or do not mention it:
 * then it went when it was last known to be there. */
void bh_model_restore(struct bh_model *model, const struct bh_past *past);

/* Those of which something changed since the last call of this, departed ones too. */
void bh_model_each_dirty(struct bh_model *model,
			 void (*instance)(void *user, const struct bh_instance *), void *user);
/* All of them count as changed: what was saved is not to be relied upon. */
void bh_model_mark_dirty(struct bh_model *model);

/* Grows with every change that a compiled ruleset depends on. */
uint64_t bh_model_generation(const struct bh_model *model);

/* The instance behind a host interface at that time. Packets come a little before the fact that
 * names their veth: a time before every instance's gives the present one. NULL: there is none. */
const struct bh_instance *bh_model_at(const struct bh_model *model, uint32_t ifindex, int64_t time);
/* The instance that held the address at that time, or NULL. */
const struct bh_instance *bh_model_holder(const struct bh_model *model, const struct bh_addr *addr,
					  int64_t time);

/* Iterates over the instances that held the address at that time, like bh_model_next(). */
const struct bh_instance *bh_model_next_holder(const struct bh_model *model,
					       const struct bh_addr *addr, int64_t time,
					       size_t *position);
/* Whether this instance, of a model, held the address at that time. */
bool bh_model_held(const struct bh_instance *instance, const struct bh_addr *addr, int64_t time);
/* Whether the address is the host's own at present, on that interface; ifindex 0: on any. */
bool bh_model_host_holds(const struct bh_model *model, const struct bh_addr *addr,
			 uint32_t ifindex);

/*
 * Who stands at an end of a flow. ifindex: the host veth it was seen on, 0: none. Identity comes
 * from the veth; an address that the veth's instance does not hold gives kind UNRESOLVED and
 * *spoofed = true. *instance (may be NULL) is set where the peer is a workload.
 */
void bh_model_peer(const struct bh_model *model, uint32_t ifindex, const struct bh_addr *addr,
		   int64_t time, struct bh_peer *peer, const struct bh_instance **instance,
		   bool *spoofed);

/* The same for a flow that was seen from `first` to `last`: who held both within that time, or a
 * moment around it, did not lie. */
void bh_model_peer_of_flow(const struct bh_model *model, uint32_t ifindex,
			   const struct bh_addr *addr, int64_t first, int64_t last,
			   struct bh_peer *peer, const struct bh_instance **instance,
			   bool *spoofed);

/* Whether the address is the host's on an interface behind which endpoints are: their gateway. */
bool bh_model_is_gateway(const struct bh_model *model, const struct bh_addr *addr);

/* Whether the world is behind a port of this bridge. */
bool bh_model_leads_out(const struct bh_model *model, uint32_t bridge);

/* Iterates over present instances, in no particular order: start with *position = 0; NULL ends. */
const struct bh_instance *bh_model_next(const struct bh_model *model, size_t *position);
/* Iterates over those that are kept and have departed, in the order in which they went: the one
 * after this, NULL: the first one; NULL ends. */
const struct bh_instance *bh_model_next_departed(const struct bh_model *model,
						 const struct bh_instance *instance);

/* Calls announced() for each container that a runtime told of and that has no interface here (yet),
 * with the container, its name and workload, and no fact; *who is gone afterwards, its container is
 * the model's. */
void bh_model_announced(const struct bh_model *model,
			void (*announced)(void *user, const struct bh_instance *who), void *user);

/* The host's interface in whose network the address is; NULL: in none. */
const struct bh_host_link *bh_model_link_to(const struct bh_model *model,
					    const struct bh_addr *addr);

/* Iterates likewise over the other present instances in this one's network namespace; over none
 * where it has departed. */
const struct bh_instance *bh_model_next_beside(const struct bh_model *model,
					       const struct bh_instance *instance,
					       size_t *position);

/* NULL: no runtime has stated it. */
const struct bh_container *bh_model_container_by_id(const struct bh_model *model, const char *id);
/* Iterates likewise over the running containers that live in this one's namespace with it; NULL has
 * none. */
const struct bh_container *bh_model_next_guest(const struct bh_model *model,
					       const struct bh_container *host, size_t *position);
/* How many network namespaces there are within this instance's container, besides its own. */
size_t bh_model_nested(const struct bh_model *model, const struct bh_instance *instance);
/* Whether some running container has the host's own namespace. */
bool bh_model_uses_host_network(const struct bh_model *model);

/* Whether two facts are certainly of different containers, or of different namespaces. */
bool bh_endpoint_changed_hands(const struct bh_endpoint_fact *a, const struct bh_endpoint_fact *b);

/* Its image without a tag. False: it has none, or none that has a name. */
bool bh_instance_image(const struct bh_instance *instance, char *out, size_t size);

/* Labels a policy can select by: the container's, and always "bulkhead.workload", "bulkhead.name",
 * "bulkhead.runtime" ("docker", "netns" …), "bulkhead.netns" where named. NULL where not set. */
/* Whether its runtime says that it gave out the address to it. */
bool bh_instance_is_granted(const struct bh_instance *instance, const struct bh_addr *addr);
const char *bh_instance_label(const struct bh_instance *instance, const char *key);
/* Of one that is diverted (bulkhead/endpoint.h): which device has taken its packets, and what to
 * do.
 */
void bh_instance_say_diverted(const struct bh_instance *instance, char *out, size_t size);

/* Coverage: every container and namespace known, whether seen through a veth or not. */
enum bh_coverage {
	BH_ENFORCEABLE, /* seen and can be filtered */
	BH_OBSERVABLE,	/* seen, but nothing can be filtered; why says so */
	BH_NEITHER,	/* host network, no network, macvlan … */
};
struct bh_coverage_row {
	char name[256];
	char workload[256];
	char runtime[16];
	char container_id[BH_CONTAINER_ID]; /* "": none */
	bool on_host;			    /* it has the host's own namespace */
	bool no_network;		    /* there is nothing to be seen */
	uint8_t coverage;		    /* enum bh_coverage */
	char why[256];
	uint32_t ifindex; /* of the endpoint that it stands for; 0: of none */
};
/* Calls row() for each; rows are in order of name. */
void bh_model_coverage(const struct bh_model *model,
		       void (*row)(void *user, const struct bh_coverage_row *row), void *user);

/* The bridges and host addresses, for the compiler. */
const struct bh_host_link *bh_model_next_link(const struct bh_model *model, size_t *position);

#endif
