/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An instance is an interval: the time from an attachment's first fact to its end. Addresses are
 * intervals within it. Interface numbers, addresses and MACs come back with other owners at once,
 * so every question is asked for a time, and answered from the intervals. Names are attached to
 * instances, not to intervals: when they come late they hold from the beginning.
 */
#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "address.h"
#include "grow.h"
#include "instance.h"
#include "map.h"
#include "timefmt.h"
#include "workload.h"

#define JUST_GONE (10 * BH_SECOND)
#define LATE (5 * BH_SECOND)	    /* how long after the first packet a fact may come, at most */
#define ADDR_TICK (BH_SECOND / 100) /* in which the kernel dates addresses */
#define SAVE_PATIENCE (60 * BH_SECOND)

TAILQ_HEAD(instance_list, instance);

/* Instances that have something in common: an address that each holds or held, a namespace. */
struct group {
	struct instance **items;
	size_t count, capacity;
};

struct host_addr {
	struct bh_host_addr fact;
	uint32_t scan;
};

struct link {
	struct bh_host_link fact;
	bool uplink; /* of the bridge that it is a port of: the world is behind it */
	uint32_t scan;
};

struct netns {
	struct bh_netns_fact fact;
	uint32_t scan;
};

struct bh_model {
	struct bh_model_config config;
	struct instance_list departed; /* in the order in which they went */
	struct instance_list nameless; /* of those, the ones whose name may still come */
	struct instance_list dirty;
	int64_t boot; /* µs: no earlier than the time that the kernel dates addresses from */
	struct bh_map *present;	    /* ifindex → struct instance */
	struct bh_map *attachments; /* ifindex → struct group: who is or was behind it */
	struct bh_map *holders;	    /* address → struct group: who holds or held it */
	struct bh_map *spaces;	    /* nsid → struct group: of present ones */
	struct bh_map *containers;  /* runtime and id → struct bh_container */
	struct bh_map *host_addrs;  /* (ifindex, address) → struct host_addr */
	struct bh_map *links;	    /* ifindex → struct link */
	struct bh_map *uplinks;	    /* ifindex of a bridge → how many it has, uint32_t */
	struct bh_map *netns;	    /* inode → struct netns */
	uint32_t scan;
	uint64_t generation;
};

static void free_group(void *value)
{
	struct group *group = value;

	free(group->items);
	free(group);
}

static void free_container(void *value)
{
	bh_container_free(value);
}

struct bh_model *bh_model_new(const struct bh_model_config *config)
{
	struct bh_model *m = bh_calloc(1, sizeof(*m));

	m->config = *config;
	TAILQ_INIT(&m->departed);
	TAILQ_INIT(&m->nameless);
	TAILQ_INIT(&m->dirty);
	m->boot = INT64_MAX;
	m->present = bh_map_new(NULL);
	m->attachments = bh_map_new(free_group);
	m->holders = bh_map_new(free_group);
	m->spaces = bh_map_new(free_group);
	m->containers = bh_map_new(free_container);
	m->host_addrs = bh_map_new(free);
	m->links = bh_map_new(free);
	m->uplinks = bh_map_new(free);
	m->netns = bh_map_new(free);
	return m;
}

void bh_model_free(struct bh_model *m)
{
	struct instance *i;

	if (m == NULL)
		return;
	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		bh_instance_free(i);
	while ((i = TAILQ_FIRST(&m->departed)) != NULL) {
		TAILQ_REMOVE(&m->departed, i, next);
		bh_instance_free(i);
	}
	bh_map_free(m->present);
	bh_map_free(m->attachments);
	bh_map_free(m->holders);
	bh_map_free(m->spaces);
	bh_map_free(m->containers);
	bh_map_free(m->host_addrs);
	bh_map_free(m->links);
	bh_map_free(m->uplinks);
	bh_map_free(m->netns);
	free(m);
}

uint64_t bh_model_generation(const struct bh_model *m)
{
	return m->generation;
}

/* --- whose is it ------------------------------------------------------------------------------ */

/* /var/run is another name of /run. */
static const char *run_path(const char *path)
{
	return strncmp(path, "/var/run/", 9) == 0 ? path + 4 : path;
}

static bool holds_now(const struct bh_endpoint_fact *fact, const struct bh_addr *addr)
{
	for (uint8_t i = 0; i < fact->addr_count; i++)
		if (bh_addr_equal(&fact->addrs[i], addr))
			return true;
	return false;
}

/* The address of a net that an endpoint holds; NULL: none. */
static const struct bh_addr *common_addr(const struct bh_container_net *net,
					 const struct bh_endpoint_fact *fact)
{
	if (net->addr4.family != 0 && holds_now(fact, &net->addr4))
		return &net->addr4;
	return net->addr6.family != 0 && holds_now(fact, &net->addr6) ? &net->addr6 : NULL;
}

/* Whether the net was, or may have been, that of an instance which has gone: of the container's own
 * and the engine has not said since that it was given out again, or of somebody's whose name never
 * came. Engines give MAC and address to the next container at once, and speak late. */
static bool may_be_over(const struct bh_model *m, const struct bh_container *c,
			const struct bh_container_net *net, const struct bh_addr *addr,
			const struct bh_endpoint_fact *fact)
{
	const struct group *h = bh_map_get(m->holders, addr, sizeof(*addr));

	for (size_t at = 0; h != NULL && at < h->count; at++) {
		const struct bh_instance *i = &h->items[at]->shown;
		const char *id = i->container != NULL ? i->container->id : i->fact.container_id;

		if (i->until == 0 || memcmp(&i->fact.mac, &net->mac, sizeof(net->mac)) != 0)
			continue;
		if (id[0] == '\0' ? fact->since - i->until < JUST_GONE
				  : strcmp(id, c->id) == 0 && net->since <= i->until)
			return true;
	}
	return false;
}

/* MAC and address together, as the engine gave them out. */
static bool has_net(const struct bh_model *m, const struct bh_container *c,
		    const struct bh_endpoint_fact *fact)
{
	for (size_t i = 0; i < c->net_count; i++) {
		const struct bh_container_net *net = &c->nets[i];
		const struct bh_addr *addr = common_addr(net, fact);

		if (addr != NULL && memcmp(&net->mac, &fact->mac, sizeof(net->mac)) == 0 &&
		    !may_be_over(m, c, net, addr, fact))
			return true;
	}
	return false;
}

/* Whether another attachment of this MAC is the container's for certain: by its cgroup. Namespaces
 * that outlive their container keep address and MAC, which the next one gets as well. */
static bool is_taken(const struct bh_model *m, const struct bh_container *c,
		     const struct bh_endpoint_fact *fact)
{
	const struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.fact.ifindex != fact->ifindex &&
		    strcmp(i->shown.fact.container_id, c->id) == 0 &&
		    memcmp(&i->shown.fact.mac, &fact->mac, sizeof(fact->mac)) == 0)
			return true;
	return false;
}

/* The engine's name of the namespace. */
static bool has_path(const struct bh_container *c, const struct bh_endpoint_fact *fact)
{
	return fact->netns_name[0] != '\0' && c->netns_path[0] != '\0' &&
	       strcmp(run_path(c->netns_path), run_path(fact->netns_name)) == 0;
}

static const struct bh_container *by_circumstance(const struct bh_model *m,
						  const struct bh_endpoint_fact *fact)
{
	const struct bh_container *c;

	for (size_t position = 0; (c = bh_map_next(m->containers, &position)) != NULL;)
		if (has_path(c, fact))
			return c;
	for (size_t position = 0; (c = bh_map_next(m->containers, &position)) != NULL;)
		if (has_net(m, c, fact) && !is_taken(m, c, fact))
			return c;
	return NULL;
}

/* Names that LXC and nspawn give are those of one runtime; ids as key: the runtime, then the id. */
struct container_key {
	char bytes[1 + BH_CONTAINER_ID];
	size_t length;
};

static struct container_key container_key(uint8_t runtime, const char *id)
{
	struct container_key key = { .length = 1 + strnlen(id, BH_CONTAINER_ID - 1) };

	key.bytes[0] = (char)runtime;
	memcpy(key.bytes + 1, id, key.length - 1);
	return key;
}

static struct bh_container *container_of(const struct bh_model *m, uint8_t runtime, const char *id)
{
	struct container_key key = container_key(runtime, id);

	return bh_map_get(m->containers, key.bytes, key.length);
}

static bool has_path_mode(const struct bh_container *c)
{
	return strncmp(c->network_mode, "ns:", 3) == 0;
}

/* A container that runs in another's namespace: the namespace is the other's. */
static const struct bh_container *owner_of(const struct bh_model *m, const struct bh_container *c)
{
	for (int i = 0; i < 4 && c != NULL && strncmp(c->network_mode, "container:", 10) == 0;
	     i++) {
		const struct bh_container *owner =
			container_of(m, c->runtime, c->network_mode + 10);

		if (owner == NULL)
			break;
		c = owner;
	}
	return c;
}

/* The same, and of the containers in a namespace that somebody made and gave to each by its path
 * the one that was there first, which stands for all of them. */
static const struct bh_container *host_of(const struct bh_model *m, const struct bh_container *c)
{
	const struct instance *i;

	c = owner_of(m, c);
	for (size_t position = 0;
	     has_path_mode(c) && (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.container != NULL && i->shown.container->runtime == c->runtime &&
		    strcmp(i->shown.container->network_mode, c->network_mode) == 0)
			return i->shown.container;
	return c;
}

/* LXD and Incus are LXC, as far as a cgroup tells. */
static const struct bh_container *by_lxc_name(const struct bh_model *m, const char *name)
{
	static const uint8_t theirs[] = { BH_RUNTIME_LXC, BH_RUNTIME_LXD, BH_RUNTIME_INCUS };
	const struct bh_container *c = NULL;

	for (size_t i = 0; c == NULL && i < sizeof(theirs); i++)
		c = container_of(m, theirs[i], name);
	return c;
}

static bool has_mac(const struct bh_container *c, const struct bh_mac *mac)
{
	for (size_t i = 0; i < c->net_count; i++)
		if (memcmp(&c->nets[i].mac, mac, sizeof(*mac)) == 0)
			return true;
	return false;
}

/* Where there is a cgroup of its name already, LXC appends a number to the next one's. It is no
 * container's whole name, and the MAC, which its root may change, has to fit besides. */
static const struct bh_container *by_numbered_name(const struct bh_model *m,
						   const struct bh_endpoint_fact *fact)
{
	char name[BH_CONTAINER_ID];
	char *hyphen;

	memcpy(name, fact->container_id, sizeof(name));
	hyphen = strrchr(name, '-');
	if (hyphen == NULL || hyphen[1] == '\0' ||
	    strspn(hyphen + 1, "0123456789") != strlen(hyphen + 1))
		return NULL;
	*hyphen = '\0';
	const struct bh_container *c = by_lxc_name(m, name);
	return c != NULL && has_mac(c, &fact->mac) ? c : NULL;
}

static const struct bh_container *by_id(const struct bh_model *m,
					const struct bh_endpoint_fact *fact)
{
	if (fact->runtime != BH_RUNTIME_LXC)
		return container_of(m, fact->runtime, fact->container_id);
	const struct bh_container *c = by_lxc_name(m, fact->container_id);
	return c != NULL ? c : by_numbered_name(m, fact);
}

const struct bh_container *bh_model_container_by_id(const struct bh_model *m, const char *id)
{
	const struct bh_container *c;

	for (size_t position = 0; (c = bh_map_next(m->containers, &position)) != NULL;)
		if (strcmp(c->id, id) == 0)
			return c;
	return NULL;
}

const struct bh_container *bh_model_next_guest(const struct bh_model *m,
					       const struct bh_container *host, size_t *position)
{
	const struct bh_container *c;

	while (host != NULL && (c = bh_map_next(m->containers, position)) != NULL)
		if (c->running && strcmp(c->id, host->id) != 0 &&
		    strcmp(host_of(m, c)->id, host->id) == 0)
			return c;
	return NULL;
}

static bool is_on_host(const struct bh_container *c)
{
	return strcmp(c->network_mode, "host") == 0;
}

bool bh_model_uses_host_network(const struct bh_model *m)
{
	const struct bh_container *c;

	for (size_t position = 0; (c = bh_map_next(m->containers, &position)) != NULL;)
		if (c->running && is_on_host(c))
			return true;
	return false;
}

static bool has_endpoint(const struct bh_model *m, uint64_t netns_inode)
{
	const struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.fact.netns_inode == netns_inode)
			return true;
	return false;
}

/* Whether the container's first process, as the engine says, is in another namespace, where a link
 * of this host leads. */
static bool is_seen_elsewhere(const struct bh_model *m, const struct bh_container *c,
			      const struct bh_endpoint_fact *fact)
{
	const struct netns *n;

	for (size_t position = 0; c->pid > 0 && (n = bh_map_next(m->netns, &position)) != NULL;)
		if (n->fact.pid == c->pid)
			return n->fact.inode != fact->netns_inode && fact->netns_inode != 0 &&
			       has_endpoint(m, n->fact.inode);
	return false;
}

/* Whether the engine says that the container's network is another one: a process of its has
 * entered this namespace, as an agent does that looks into others. */
static bool lives_elsewhere(const struct bh_model *m, const struct bh_container *c,
			    const struct bh_endpoint_fact *fact)
{
	return is_on_host(c) || is_seen_elsewhere(m, c, fact) ||
	       (bh_netns_name_is_made_up(fact->netns_name) &&
		bh_netns_name_is_made_up(c->netns_path) && !has_path(c, fact));
}

static const struct bh_container *find_container(const struct bh_model *m,
						 const struct bh_endpoint_fact *fact)
{
	const struct bh_container *c =
		fact->container_id[0] != '\0' ? owner_of(m, by_id(m, fact)) : NULL;

	/* A cgroup's id is certain; nothing weaker may overrule it, even where its name is not
	 * known. */
	if (fact->container_id[0] != '\0' && (c == NULL || !lives_elsewhere(m, c, fact)))
		return c;
	return owner_of(m, by_circumstance(m, fact));
}

/* Circumstances named a container, and a cgroup says otherwise: this one's names another container
 * that nobody knows yet, or another one's names this container. */
static bool is_contradicted(const struct bh_model *m, const struct instance *i)
{
	const struct bh_container *c = i->shown.container;

	if (c == NULL)
		return false;
	return i->shown.fact.container_id[0] != '\0'
		       ? strcmp(c->id, i->shown.fact.container_id) != 0
		       : is_taken(m, c, &i->shown.fact);
}

static void mark_dirty(struct bh_model *m, struct instance *i)
{
	if (i->dirty)
		return;
	i->dirty = true;
	TAILQ_INSERT_TAIL(&m->dirty, i, next_dirty);
}

/* Of the same thing, and not its first name: what was called so goes by another name from now on.
 * Any other change says what it was called all along. */
static bool is_renaming(const struct bh_instance *was, const struct bh_instance *is)
{
	return was->workload[0] != '\0' && is->workload[0] != '\0' &&
	       strcmp(was->named_by, is->named_by) == 0;
}

static void rename_instance(struct bh_model *m, struct instance *i, const struct bh_instance *was,
			    int64_t now)
{
	struct bh_designation former = { .until = now };

	if (strcmp(was->workload, i->shown.workload) == 0 && strcmp(was->name, i->shown.name) == 0)
		return;
	m->generation++;
	mark_dirty(m, i);
	if (!is_renaming(was, &i->shown))
		return;
	memcpy(former.name, was->name, sizeof(former.name));
	memcpy(former.workload, was->workload, sizeof(former.workload));
	memcpy(former.why, was->why, sizeof(former.why));
	bh_instance_add_former(i, &former);
	if (m->config.renamed != NULL)
		m->config.renamed(m->config.user, &i->shown, &former);
}

static bool is_same_net(const struct bh_container_net *a, const struct bh_container_net *b)
{
	return memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0 &&
	       bh_addr_equal(&a->addr4, &b->addr4) && bh_addr_equal(&a->addr6, &b->addr6);
}

static bool has_same_nets(const struct bh_container *a, const struct bh_container *b)
{
	if (a == NULL || b == NULL || a->net_count != b->net_count)
		return a == b;
	for (size_t at = 0; at < a->net_count; at++)
		if (!is_same_net(&a->nets[at], &b->nets[at]))
			return false;
	return true;
}

static void name_after(struct bh_model *m, struct instance *i, const struct bh_container *c,
		       int64_t now)
{
	struct bh_instance was = i->shown;

	/* Once known, a container stays known: its engine may be away. */
	if (c != NULL || is_contradicted(m, i)) {
		struct bh_container *copy = c != NULL ? bh_container_copy(c) : NULL;

		/* Whose an address is may follow from it. */
		m->generation += !has_same_nets(copy, i->shown.container);
		bh_container_free((struct bh_container *)(uintptr_t)i->shown.container);
		i->shown.container = copy;
	}
	c = i->shown.container;
	bh_copy_text(i->shown.named_by, sizeof(i->shown.named_by), c != NULL ? c->id : "");
	bh_workload_name(&i->shown, m->config.grouping, m->config.netns_ordinals);
	rename_instance(m, i, &was, now);
}

static void join(struct bh_model *m, struct instance *i, int64_t now)
{
	name_after(m, i, find_container(m, &i->shown.fact), now);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void enter_group(struct bh_map *groups, const void *key, size_t size, struct instance *i)
{
	struct group *group = bh_map_get(groups, key, size);

	if (group == NULL) {
		group = bh_calloc(1, sizeof(*group));
		bh_map_put(groups, key, size, group);
	}
	for (size_t at = 0; at < group->count; at++)
		if (group->items[at] == i)
			return;
	group->items =
		bh_grow(group->items, &group->capacity, group->count + 1, sizeof(group->items[0]));
	group->items[group->count++] = i;
}

static void leave_group(struct bh_map *groups, const void *key, size_t size,
			const struct instance *i)
{
	struct group *group = bh_map_get(groups, key, size);

	for (size_t at = 0; group != NULL && at < group->count; at++) {
		if (group->items[at] != i)
			continue;
		group->items[at] = group->items[--group->count];
		if (group->count == 0)
			bh_map_remove(groups, key, size);
		return;
	}
}

static void enter_space(struct bh_model *m, struct instance *i)
{
	int32_t nsid = i->shown.fact.nsid;

	if (nsid >= 0)
		enter_group(m->spaces, &nsid, sizeof(nsid), i);
}

static void leave_space(struct bh_model *m, const struct instance *i)
{
	int32_t nsid = i->shown.fact.nsid;

	leave_group(m->spaces, &nsid, sizeof(nsid), i);
}

/* --- addresses -------------------------------------------------------------------------------- */

static void begin_hold(struct bh_model *m, struct instance *i, const struct bh_hold *hold)
{
	struct bh_addr shed;

	if (bh_instance_shed_hold(i, &shed) && !bh_instance_has_hold_of(i, &shed))
		leave_group(m->holders, &shed, sizeof(shed), i);
	bh_instance_add_hold(i, hold);
	enter_group(m->holders, &hold->addr, sizeof(hold->addr), i);
}

/* The bridge; a routed veth is a network of its own. */
static uint32_t network_of(const struct instance *i)
{
	const struct bh_endpoint_fact *fact = &i->shown.fact;

	return fact->master_ifindex != 0 ? fact->master_ifindex : fact->ifindex;
}

/*
 * When an address was set that has just been stated. The kernel dates it from its own start, which
 * was, of all facts, at the latest when the fact minus that date says; so a fact that came at once
 * dates all that are late. made: hundredths of a second, 0: not known.
 */
static int64_t time_of(struct bh_model *m, int64_t made, int64_t now)
{
	if (made <= 0)
		return now;
	if (now - made * ADDR_TICK < m->boot)
		m->boot = now - made * ADDR_TICK;
	int64_t time = m->boot + made * ADDR_TICK;
	return time > now - LATE ? time : now - LATE;
}

/* An address that went from one to another was not held by both: that it was taken from the one was
 * heard later than it happened. */
static void end_before(struct bh_model *m, const struct instance *i, const struct bh_hold *hold)
{
	const struct group *group = bh_map_get(m->holders, &hold->addr, sizeof(hold->addr));

	for (size_t at = 0; group != NULL && at < group->count; at++) {
		struct instance *other = group->items[at];

		if (other == i || network_of(other) != network_of(i))
			continue;
		for (size_t n = 0; n < other->hold_count; n++) {
			struct bh_hold *past = &other->holds[n];

			if (past->until == BH_GOES_ON || past->until <= hold->from ||
			    past->from > hold->from || !bh_addr_equal(&past->addr, &hold->addr))
				continue;
			past->until = hold->from;
			mark_dirty(m, other);
		}
	}
}

/* Whether the hold goes on, by what is stated now. While nobody watched the address may have been
 * somebody else's: then it was made anew since. */
static bool goes_on(const struct instance *i, const struct bh_hold *hold)
{
	const struct bh_endpoint_fact *fact = &i->shown.fact;

	for (uint8_t at = 0; at < fact->addr_count; at++)
		if (bh_addr_equal(&fact->addrs[at], &hold->addr))
			return i->seen == 0 || hold->made == fact->addr_made[at];
	return false;
}

/* Ends what the fact does not name any more, begins what is new. */
static void update_holds(struct bh_model *m, struct instance *i, int64_t now)
{
	const struct bh_endpoint_fact *fact = &i->shown.fact;
	/* The first addresses were there when the link appeared: they are only read a moment later.
	 */
	bool first = i->hold_count == 0;

	for (size_t at = 0; at < i->hold_count; at++) {
		if (i->holds[at].until != BH_GOES_ON || goes_on(i, &i->holds[at]))
			continue;
		i->holds[at].until = i->seen != 0 ? i->seen : now;
		mark_dirty(m, i);
	}
	for (uint8_t at = 0; at < fact->addr_count; at++) {
		struct bh_hold hold = { .addr = fact->addrs[at],
					.from = time_of(m, fact->addr_made[at], now),
					.until = BH_GOES_ON,
					.made = fact->addr_made[at] };

		if (first)
			hold.from = fact->since;
		if (bh_instance_open_hold(i, &hold.addr) != NULL)
			continue;
		begin_hold(m, i, &hold);
		end_before(m, i, &hold);
		mark_dirty(m, i);
	}
}

/* --- instances -------------------------------------------------------------------------------- */

static bool is_nameless(const struct instance *i)
{
	return i->shown.container == NULL && i->shown.named_by[0] == '\0';
}

static void enter_departed(struct bh_model *m, struct instance *i)
{
	struct instance *before = TAILQ_LAST(&m->departed, instance_list);

	/* One that went while nobody watched is heard of later than others that went after it. */
	while (before != NULL && before->shown.until > i->shown.until)
		before = TAILQ_PREV(before, instance_list, next);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&m->departed, before, i, next);
	else
		TAILQ_INSERT_HEAD(&m->departed, i, next);
	if (is_nameless(i))
		TAILQ_INSERT_TAIL(&m->nameless, i, next_nameless);
}

static void drop(struct bh_model *m, struct instance *i)
{
	TAILQ_REMOVE(&m->departed, i, next);
	if (is_nameless(i))
		TAILQ_REMOVE(&m->nameless, i, next_nameless);
	if (i->dirty)
		TAILQ_REMOVE(&m->dirty, i, next_dirty);
	for (size_t at = 0; at < i->hold_count; at++)
		leave_group(m->holders, &i->holds[at].addr, sizeof(i->holds[at].addr), i);
	leave_group(m->attachments, &i->shown.fact.ifindex, sizeof(uint32_t), i);
	bh_instance_free(i);
}

static void drop_departed(struct bh_model *m, int64_t now)
{
	struct instance *i = TAILQ_FIRST(&m->departed), *next;

	for (; i != NULL && now - i->shown.until > m->config.keep_departed; i = next) {
		next = TAILQ_NEXT(i, next);
		/* What is not saved yet is, within a second, unless the store is out of order. */
		if (!i->dirty || now - i->shown.until > m->config.keep_departed + SAVE_PATIENCE)
			drop(m, i);
	}
}

static bool same_fact(const struct bh_endpoint_fact *a, const struct bh_endpoint_fact *b)
{
	return strcmp(a->ifname, b->ifname) == 0 && a->master_ifindex == b->master_ifindex &&
	       a->upper_ifindex == b->upper_ifindex && a->upper == b->upper &&
	       strcmp(a->l3_ifname, b->l3_ifname) == 0 && a->addr_count == b->addr_count &&
	       memcmp(a->addrs, b->addrs, a->addr_count * sizeof(a->addrs[0])) == 0 &&
	       memcmp(a->addr_made, b->addr_made, a->addr_count * sizeof(a->addr_made[0])) == 0 &&
	       memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0 &&
	       strcmp(a->container_id, b->container_id) == 0 &&
	       strcmp(a->netns_name, b->netns_name) == 0;
}

static struct instance *begin_instance(struct bh_model *m, const struct bh_endpoint_fact *fact)
{
	struct instance *i = bh_calloc(1, sizeof(*i));

	i->shown.fact = *fact;
	bh_map_put(m->present, &fact->ifindex, sizeof(fact->ifindex), i);
	enter_group(m->attachments, &fact->ifindex, sizeof(fact->ifindex), i);
	mark_dirty(m, i);
	return i;
}

static void end_instance(struct bh_model *m, struct instance *i, int64_t now)
{
	uint32_t ifindex = i->shown.fact.ifindex;

	/* Nobody watched when it went. */
	i->shown.until = i->seen != 0 ? i->seen : now;
	i->seen = 0;
	bh_instance_end_holds(i, i->shown.until);
	mark_dirty(m, i);
	bh_map_remove(m->present, &ifindex, sizeof(ifindex));
	leave_space(m, i);
	enter_departed(m, i);
	m->generation++;
	drop_departed(m, now);
}

/* Whoever was taken for the container that this one is, by circumstance, is not. */
static void yield_to(struct bh_model *m, const struct instance *i, int64_t now)
{
	struct instance *other;

	for (size_t position = 0; (other = bh_map_next(m->present, &position)) != NULL;)
		if (other != i && other->shown.container != NULL &&
		    other->shown.fact.container_id[0] == '\0' &&
		    strcmp(other->shown.container->id, i->shown.fact.container_id) == 0)
			join(m, other, now);
}

bool bh_endpoint_changed_hands(const struct bh_endpoint_fact *a, const struct bh_endpoint_fact *b)
{
	return (a->container_id[0] != '\0' && b->container_id[0] != '\0' &&
		strcmp(a->container_id, b->container_id) != 0) ||
	       (a->netns_inode != 0 && b->netns_inode != 0 && a->netns_inode != b->netns_inode);
}

/* An id that differs from the one before: the attachment went to another container in between. */
static bool is_other_container(const struct instance *i, const struct bh_endpoint_fact *fact)
{
	const char *before = i->shown.fact.container_id;

	return before[0] != '\0' && fact->container_id[0] != '\0' &&
	       strcmp(before, fact->container_id) != 0;
}

/* What an attachment is now. It goes on from when it was first seen, by this run or an earlier one.
 */
static void take_fact(struct bh_model *m, struct instance *i, const struct bh_endpoint_fact *fact)
{
	int64_t since = i->shown.fact.since < fact->since ? i->shown.fact.since : fact->since;

	if (!same_fact(&i->shown.fact, fact)) {
		m->generation++;
		mark_dirty(m, i);
	}
	leave_space(m, i);
	i->shown.fact = *fact;
	i->shown.fact.since = since;
	enter_space(m, i);
}

void bh_model_endpoint(struct bh_model *m, const struct bh_endpoint_fact *fact, int64_t now)
{
	struct instance *i = bh_map_get(m->present, &fact->ifindex, sizeof(fact->ifindex));

	if (i != NULL && (is_other_container(i, fact) ||
			  (i->seen != 0 && bh_endpoint_changed_hands(&i->shown.fact, fact)))) {
		end_instance(m, i, now);
		i = NULL;
	}
	bool claims = fact->container_id[0] != '\0' &&
		      (i == NULL || i->shown.fact.container_id[0] == '\0');
	if (i == NULL) {
		i = begin_instance(m, fact);
		m->generation++;
	}
	i->scan = m->scan;
	take_fact(m, i, fact);
	update_holds(m, i, now);
	join(m, i, now);
	i->seen = 0;
	if (claims)
		yield_to(m, i, now);
}

void bh_model_endpoint_gone(struct bh_model *m, uint32_t ifindex, int64_t now)
{
	struct instance *i = bh_map_get(m->present, &ifindex, sizeof(ifindex));

	if (i != NULL)
		end_instance(m, i, now);
}

/* --- containers ------------------------------------------------------------------------------- */

/* Whether what a container is now can change whose an instance is. Most statements repeat what is
 * known, of hundreds of containers at once. */
static bool is_concerned(const struct bh_model *m, const struct instance *i,
			 const struct bh_container *c)
{
	const struct bh_container *own = i->shown.container;
	const struct bh_endpoint_fact *fact = &i->shown.fact;

	if (fact->container_id[0] == '\0' ? has_path(c, fact) || has_net(m, c, fact)
					  : strcmp(fact->container_id, c->id) == 0)
		return true;
	/* A numbered name (by_numbered_name()) may be anybody's of LXC. */
	if (own == NULL && i->shown.fact.runtime == BH_RUNTIME_LXC)
		return true;
	return own != NULL &&
	       (strcmp(own->id, c->id) == 0 || strncmp(own->network_mode, "container:", 10) == 0);
}

static void join_concerned(struct bh_model *m, const struct bh_container *c, int64_t now)
{
	struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->seen == 0 && is_concerned(m, i, c))
			join(m, i, now);
}

/* For certain: neither its addresses nor its MAC are its own any more. */
static bool was_of(const struct instance *i, const struct bh_container *c)
{
	const struct bh_endpoint_fact *fact = &i->shown.fact;

	if (fact->container_id[0] != '\0')
		return fact->runtime == c->runtime && strcmp(fact->container_id, c->id) == 0;
	return has_path(c, fact);
}

/* Departed instances whose name comes after they went. */
static void name_departed(struct bh_model *m, const struct bh_container *c, int64_t now)
{
	struct instance *i = TAILQ_FIRST(&m->nameless), *next;

	for (; i != NULL; i = next) {
		next = TAILQ_NEXT(i, next_nameless);
		if (!was_of(i, c))
			continue;
		name_after(m, i, owner_of(m, c), now);
		if (!is_nameless(i))
			TAILQ_REMOVE(&m->nameless, i, next_nameless);
	}
}

static bool is_image_id(const char *image)
{
	return strncmp(image, "sha256:", 7) == 0;
}

/* When a tag has moved on to a newer image, Docker's listing calls the old one by its number; the
 * container is still what it was started as, and keeps its workload. */
static void keep_image(struct bh_container *container, const struct bh_container *known)
{
	if (known != NULL && is_image_id(container->image) && !is_image_id(known->image))
		memcpy(container->image, known->image, sizeof(container->image));
}

static void date_nets(struct bh_container *container, const struct bh_container *known, int64_t now)
{
	for (size_t i = 0; i < container->net_count; i++) {
		struct bh_container_net *net = &container->nets[i];

		net->since = now;
		for (size_t at = 0; known != NULL && at < known->net_count; at++)
			if (is_same_net(net, &known->nets[at]))
				net->since = known->nets[at].since;
	}
}

void bh_model_container(struct bh_model *m, const struct bh_container *container, int64_t now)
{
	struct container_key key = container_key(container->runtime, container->id);
	struct bh_container *copy = bh_container_copy(container);
	const struct bh_container *known = container_of(m, copy->runtime, copy->id);

	keep_image(copy, known);
	date_nets(copy, known, now);
	bh_map_put(m->containers, key.bytes, key.length, copy);
	join_concerned(m, copy, now);
	name_departed(m, copy, now);
}

void bh_model_container_gone(struct bh_model *m, uint8_t runtime, const char *id, int64_t now)
{
	struct container_key key = container_key(runtime, id);

	(void)now;
	bh_map_remove(m->containers, key.bytes, key.length);
}

/* --- the host --------------------------------------------------------------------------------- */

struct addr_key {
	uint8_t bytes[sizeof(uint32_t) + sizeof(struct bh_addr)];
};

static struct addr_key addr_key(const struct bh_host_addr *a)
{
	struct addr_key key;

	memcpy(key.bytes, &a->ifindex, sizeof(a->ifindex));
	memcpy(key.bytes + sizeof(a->ifindex), &a->addr, sizeof(a->addr));
	return key;
}

void bh_model_host_addr(struct bh_model *m, const struct bh_host_addr *addr)
{
	struct addr_key key = addr_key(addr);
	struct host_addr *known = bh_map_get(m->host_addrs, &key, sizeof(key));

	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(m->host_addrs, &key, sizeof(key), known);
	}
	known->fact = *addr;
	known->scan = m->scan;
}

void bh_model_host_addr_gone(struct bh_model *m, const struct bh_host_addr *addr)
{
	struct addr_key key = addr_key(addr);

	bh_map_remove(m->host_addrs, &key, sizeof(key));
}

static void count_uplink(struct bh_model *m, const struct link *link, bool comes)
{
	uint32_t bridge = link->fact.master_ifindex, *count;

	if (!link->uplink || bridge == 0)
		return;
	count = bh_map_get(m->uplinks, &bridge, sizeof(bridge));
	if (count == NULL) {
		count = bh_calloc(1, sizeof(*count));
		bh_map_put(m->uplinks, &bridge, sizeof(bridge), count);
	}
	*count += comes ? 1 : -1u;
	if (*count == 0)
		bh_map_remove(m->uplinks, &bridge, sizeof(bridge));
}

void bh_model_link(struct bh_model *m, const struct bh_host_link *link)
{
	struct link *known = bh_map_get(m->links, &link->ifindex, sizeof(link->ifindex));

	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(m->links, &link->ifindex, sizeof(link->ifindex), known);
		m->generation += link->bridge;
	}
	m->generation += known->fact.master_ifindex != link->master_ifindex ||
			 strcmp(known->fact.ifname, link->ifname) != 0;
	count_uplink(m, known, false);
	known->fact = *link;
	known->uplink = m->config.leads_out != NULL && m->config.leads_out(m->config.user, link);
	count_uplink(m, known, true);
	known->scan = m->scan;
}

void bh_model_link_gone(struct bh_model *m, uint32_t ifindex)
{
	const struct link *known = bh_map_get(m->links, &ifindex, sizeof(ifindex));

	if (known == NULL)
		return;
	m->generation += known->fact.bridge || known->fact.master_ifindex != 0;
	count_uplink(m, known, false);
	bh_map_remove(m->links, &ifindex, sizeof(ifindex));
}

void bh_model_netns(struct bh_model *m, const struct bh_netns_fact *fact)
{
	struct netns *known = bh_map_get(m->netns, &fact->inode, sizeof(fact->inode));

	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(m->netns, &fact->inode, sizeof(fact->inode), known);
	}
	known->fact = *fact;
	known->scan = m->scan;
}

void bh_model_netns_gone(struct bh_model *m, uint64_t inode)
{
	bh_map_remove(m->netns, &inode, sizeof(inode));
}

/* --- scans ------------------------------------------------------------------------------------ */

void bh_model_begin_scan(struct bh_model *m)
{
	m->scan++;
}

void bh_model_end_scan(struct bh_model *m, int64_t now)
{
	struct instance *i;
	struct host_addr *a;
	struct link *l;
	struct netns *n;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->scan != m->scan)
			end_instance(m, i, now);
	for (size_t position = 0; (a = bh_map_next(m->host_addrs, &position)) != NULL;) {
		struct bh_host_addr fact = a->fact;

		if (a->scan != m->scan)
			bh_model_host_addr_gone(m, &fact);
	}
	for (size_t position = 0; (l = bh_map_next(m->links, &position)) != NULL;)
		if (l->scan != m->scan)
			bh_model_link_gone(m, l->fact.ifindex);
	for (size_t position = 0; (n = bh_map_next(m->netns, &position)) != NULL;)
		if (n->scan != m->scan)
			bh_model_netns_gone(m, n->fact.inode);
}

/* --- questions -------------------------------------------------------------------------------- */

static bool covers(const struct bh_instance *i, int64_t time)
{
	return time >= i->fact.since && (i->until == 0 || time < i->until);
}

const struct bh_instance *bh_model_at(const struct bh_model *m, uint32_t ifindex, int64_t time)
{
	const struct group *group = bh_map_get(m->attachments, &ifindex, sizeof(ifindex));
	const struct bh_instance *next = NULL;

	for (size_t at = 0; group != NULL && at < group->count; at++) {
		const struct bh_instance *i = &group->items[at]->shown;

		if (covers(i, time))
			return i;
		if (i->fact.since > time && (next == NULL || i->fact.since < next->fact.since))
			next = i;
	}
	return next;
}

const struct bh_instance *bh_model_next_holder(const struct bh_model *m, const struct bh_addr *addr,
					       int64_t time, size_t *position)
{
	const struct group *h = bh_map_get(m->holders, addr, sizeof(*addr));

	while (h != NULL && *position < h->count) {
		const struct instance *i = h->items[(*position)++];

		if (bh_instance_held(i, addr, time, time))
			return &i->shown;
	}
	return NULL;
}

static const struct bh_hold *hold_at(const struct instance *i, const struct bh_addr *addr,
				     int64_t time)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (time >= i->holds[at].from && time < i->holds[at].until &&
		    bh_addr_equal(&i->holds[at].addr, addr))
			return &i->holds[at];
	return NULL;
}

/* Of two that both hold an address the first has it. Where one has given it up the other got it: it
 * is only heard later that it was gone. */
static bool goes_before(const struct bh_hold *a, const struct bh_hold *b)
{
	if (a->until == BH_GOES_ON && b->until == BH_GOES_ON)
		return a->from < b->from;
	return a->from > b->from;
}

const struct bh_instance *bh_model_holder(const struct bh_model *m, const struct bh_addr *addr,
					  int64_t time)
{
	const struct group *h = bh_map_get(m->holders, addr, sizeof(*addr));
	const struct instance *best = NULL;
	const struct bh_hold *held = NULL;

	for (size_t at = 0; h != NULL && at < h->count; at++) {
		const struct bh_hold *hold = hold_at(h->items[at], addr, time);

		if (hold == NULL || (held != NULL && !goes_before(hold, held)))
			continue;
		best = h->items[at];
		held = hold;
	}
	return best != NULL ? &best->shown : NULL;
}

bool bh_model_held(const struct bh_instance *instance, const struct bh_addr *addr, int64_t time)
{
	return bh_instance_held((const struct instance *)(const void *)instance, addr, time, time);
}

/* What is known comes a little later than what it tells of, both when an address is got and when it
 * is lost: it may have been held before it is known to be, … */
static bool may_have_held(const struct instance *i, const struct bh_addr *addr, int64_t time)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (bh_addr_equal(&i->holds[at].addr, addr) && time >= i->holds[at].from - LATE &&
		    time < i->holds[at].until)
			return true;
	return false;
}

/* … and may be somebody else's before it is known not to be: somebody's who came and went before he
 * was known at all. */
static bool held_certainly(const struct instance *i, const struct bh_addr *addr, int64_t time)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (bh_addr_equal(&i->holds[at].addr, addr) && time >= i->holds[at].from &&
		    time < i->holds[at].until - LATE)
			return true;
	return false;
}

/* Whether one is as good as the other: replicas of a workload. */
static bool are_alike(const struct bh_instance *a, const struct bh_instance *b)
{
	return a->workload[0] != '\0' && strcmp(a->workload, b->workload) == 0;
}

/* Who held it for certain, of several alike any. NULL: nobody may have. *doubtful: somebody may
 * have, and nobody can say who. */
static const struct bh_instance *
certain_holder(const struct bh_model *m, const struct bh_addr *addr, int64_t time, bool *doubtful)
{
	const struct group *h = bh_map_get(m->holders, addr, sizeof(*addr));
	const struct bh_instance *any = NULL, *certain = NULL;
	bool alike = true;

	for (size_t at = 0; h != NULL && at < h->count; at++) {
		const struct instance *i = h->items[at];

		if (!may_have_held(i, addr, time))
			continue;
		alike = alike && (any == NULL || are_alike(any, &i->shown));
		any = &i->shown;
		if (held_certainly(i, addr, time))
			certain = &i->shown;
	}
	*doubtful = any != NULL && (certain == NULL || !alike);
	return certain;
}

/* Who held it last before that time, of those who are not there any more. */
static const struct bh_instance *former_holder(const struct bh_model *m, const struct bh_addr *addr,
					       int64_t time)
{
	const struct group *h = bh_map_get(m->holders, addr, sizeof(*addr));
	const struct bh_instance *best = NULL;

	for (size_t at = 0; h != NULL && at < h->count; at++) {
		const struct bh_instance *i = &h->items[at]->shown;

		if (i->until != 0 && i->until <= time && (best == NULL || i->until > best->until))
			best = i;
	}
	return best;
}

static void set_peer(struct bh_peer *peer, enum bh_peer_kind kind, const char *name)
{
	peer->kind = (uint8_t)kind;
	bh_copy_text(peer->name, sizeof(peer->name), name);
}

static void set_instance_peer(struct bh_peer *peer, const struct bh_instance *i, int64_t time)
{
	const char *name, *workload;

	bh_instance_called(i, time, &name, &workload);
	if (*workload != '\0') {
		set_peer(peer, BH_PEER_WORKLOAD, workload);
		return;
	}
	peer->kind = BH_PEER_UNRESOLVED;
	snprintf(peer->name, sizeof(peer->name), "unidentified:%.200s", name);
}

static void set_departed_peer(struct bh_peer *peer, const struct bh_instance *i, int64_t time)
{
	const char *name, *workload;

	bh_instance_called(i, time, &name, &workload);
	set_peer(peer, BH_PEER_DEPARTED, *workload != '\0' ? workload : name);
}

bool bh_model_host_holds(const struct bh_model *m, const struct bh_addr *addr, uint32_t ifindex)
{
	const struct host_addr *a;

	for (size_t position = 0; (a = bh_map_next(m->host_addrs, &position)) != NULL;)
		if (bh_addr_equal(&a->fact.addr, addr) &&
		    (ifindex == 0 || a->fact.ifindex == ifindex))
			return true;
	return false;
}

static bool is_host_addr(const struct bh_model *m, const struct bh_addr *addr)
{
	return bh_model_host_holds(m, addr, 0) || bh_addr_is_loopback(addr);
}

/* The last address of an IPv4 network that the host is part of. */
static bool is_subnet_broadcast(const struct bh_model *m, const struct bh_addr *addr)
{
	const struct host_addr *a;

	for (size_t position = 0; (a = bh_map_next(m->host_addrs, &position)) != NULL;) {
		struct bh_prefix net = bh_prefix_of(&a->fact.addr, a->fact.prefix_length);
		bool last = addr->family == BH_IPV4 && net.length < 31 &&
			    bh_prefix_contains(&net, addr);

		for (unsigned bit = net.length; last && bit < 32; bit++)
			last = (addr->bytes[bit / 8] & (0x80 >> bit % 8)) != 0;
		if (last)
			return true;
	}
	return false;
}

static bool leads_to_endpoints(const struct bh_model *m, uint32_t ifindex)
{
	const struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.fact.master_ifindex == ifindex ||
		    i->shown.fact.upper_ifindex == ifindex || i->shown.fact.ifindex == ifindex)
			return true;
	return false;
}

bool bh_model_is_gateway(const struct bh_model *m, const struct bh_addr *addr)
{
	const struct host_addr *a;

	for (size_t position = 0; (a = bh_map_next(m->host_addrs, &position)) != NULL;)
		if (bh_addr_equal(&a->fact.addr, addr) && leads_to_endpoints(m, a->fact.ifindex))
			return true;
	return false;
}

bool bh_model_leads_out(const struct bh_model *m, uint32_t bridge)
{
	return bh_map_get(m->uplinks, &bridge, sizeof(bridge)) != NULL;
}

/* An address of a containers' network that no container owns up to. */
static bool is_unowned(const struct bh_model *m, const struct bh_addr *addr)
{
	const struct host_addr *a;

	if (bh_addr_is_link_local(addr))
		return true;
	for (size_t position = 0; (a = bh_map_next(m->host_addrs, &position)) != NULL;) {
		struct bh_prefix net = bh_prefix_of(&a->fact.addr, a->fact.prefix_length);

		if (net.length < bh_addr_size(addr->family) * 8 && bh_prefix_contains(&net, addr) &&
		    leads_to_endpoints(m, a->fact.ifindex))
			return true;
	}
	return false;
}

/* An end that no endpoint of ours is, or was. */
static void name_stranger(const struct bh_model *m, const struct bh_addr *addr,
			  struct bh_peer *peer)
{
	char text[BH_ADDR_TEXT];

	bh_addr_format(addr, text);
	/* Whoever answers there, be it a proxy on this host, hands out credentials. */
	if (bh_addr_is_metadata(addr))
		set_peer(peer, BH_PEER_METADATA, "metadata");
	else if (is_host_addr(m, addr))
		set_peer(peer, BH_PEER_HOST, "host");
	else if (bh_addr_is_multicast(addr) || is_subnet_broadcast(m, addr))
		set_peer(peer, BH_PEER_MULTICAST, "multicast");
	else if (bh_addr_is_unspecified(addr) || is_unowned(m, addr))
		set_peer(peer, BH_PEER_UNRESOLVED, text);
	else
		set_peer(peer, BH_PEER_ADDRESS, text);
}

/* Nobody's veth tells: the address is all there is. */
static const struct bh_instance *by_address(const struct bh_model *m, const struct bh_addr *addr,
					    int64_t time, struct bh_peer *peer)
{
	char text[BH_ADDR_TEXT];
	bool doubtful;
	const struct bh_instance *i = certain_holder(m, addr, time, &doubtful), *former;

	if (doubtful) {
		snprintf(peer->name, sizeof(peer->name), "uncertain:%s",
			 bh_addr_format(addr, text));
		peer->kind = BH_PEER_UNRESOLVED;
		return NULL;
	}
	if (i != NULL)
		set_instance_peer(peer, i, time);
	else if (!is_host_addr(m, addr) && (former = former_holder(m, addr, time)) != NULL)
		set_departed_peer(peer, former, time);
	else
		name_stranger(m, addr, peer);
	return i;
}

/* It went before its addresses of that family were read. */
static bool is_unread(const struct bh_instance *i, uint8_t family)
{
	for (uint8_t at = 0; at < i->fact.addr_count; at++)
		if (i->fact.addrs[at].family == family)
			return false;
	return i->until != 0;
}

static const struct bh_instance *by_veth(const struct bh_instance *i, const struct bh_addr *addr,
					 int64_t first, int64_t last, struct bh_peer *peer,
					 bool *spoofed)
{
	char text[BH_ADDR_TEXT];

	if (bh_instance_held((const struct instance *)(const void *)i, addr, first - ADDR_TICK,
			     last + LATE) ||
	    holds_now(&i->fact, addr) || bh_addr_is_unspecified(addr) ||
	    is_unread(i, addr->family)) {
		set_instance_peer(peer, i, first);
		return i;
	}
	*spoofed = true;
	set_peer(peer, BH_PEER_UNRESOLVED, bh_addr_format(addr, text));
	return NULL;
}

void bh_model_peer(const struct bh_model *m, uint32_t ifindex, const struct bh_addr *addr,
		   int64_t time, struct bh_peer *peer, const struct bh_instance **instance,
		   bool *spoofed)
{
	bh_model_peer_of_flow(m, ifindex, addr, time, time, peer, instance, spoofed);
}

void bh_model_peer_of_flow(const struct bh_model *m, uint32_t ifindex, const struct bh_addr *addr,
			   int64_t first, int64_t last, struct bh_peer *peer,
			   const struct bh_instance **instance, bool *spoofed)
{
	const struct bh_instance *i = ifindex != 0 ? bh_model_at(m, ifindex, first) : NULL;

	*peer = (struct bh_peer) { 0 };
	*spoofed = false;
	if (i != NULL) {
		i = by_veth(i, addr, first, last, peer, spoofed);
	} else {
		i = by_address(m, addr, first, peer);
		/* It came by a veth of which nothing is known yet, or ever was: somebody's, and no
		 * address says whose. */
		if (i != NULL && ifindex != 0) {
			snprintf(peer->name, sizeof(peer->name), "unidentified:interface %u",
				 ifindex);
			peer->kind = BH_PEER_UNRESOLVED;
			i = NULL;
		}
	}
	if (instance != NULL)
		*instance = peer->kind == BH_PEER_WORKLOAD ? i : NULL;
}

/* --- what is kept ----------------------------------------------------------------------------- */

/* Of two that were present on one interface only the later one can have been, at the end. */
static void end_forgotten(struct bh_model *m, const struct bh_past *past)
{
	const struct bh_endpoint_fact *fact = &past->shown.fact;
	struct instance *before = bh_map_get(m->present, &fact->ifindex, sizeof(fact->ifindex));

	if (before == NULL)
		return;
	before->seen = before->seen < fact->since ? before->seen : fact->since;
	end_instance(m, before, fact->since);
}

void bh_model_restore(struct bh_model *m, const struct bh_past *past)
{
	struct instance *i = bh_calloc(1, sizeof(*i));
	uint32_t ifindex = past->shown.fact.ifindex;

	i->shown = past->shown;
	i->shown.container = NULL;
	for (size_t at = 0; at < past->former_count; at++)
		bh_instance_add_former(i, &past->formers[at]);
	for (size_t at = 0; at < past->hold_count; at++)
		begin_hold(m, i, &past->holds[at]);
	enter_group(m->attachments, &ifindex, sizeof(ifindex), i);
	if (past->shown.until != 0) {
		enter_departed(m, i);
		return;
	}
	end_forgotten(m, past);
	i->seen = past->seen;
	bh_map_put(m->present, &ifindex, sizeof(ifindex), i);
	m->generation++;
}

void bh_model_each_dirty(struct bh_model *m,
			 void (*instance)(void *user, const struct bh_instance *), void *user)
{
	struct instance *i;

	while ((i = TAILQ_FIRST(&m->dirty)) != NULL) {
		TAILQ_REMOVE(&m->dirty, i, next_dirty);
		i->dirty = false;
		instance(user, &i->shown);
	}
}

void bh_model_mark_dirty(struct bh_model *m)
{
	struct instance *i;

	TAILQ_FOREACH (i, &m->departed, next)
		mark_dirty(m, i);
	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		mark_dirty(m, i);
}

const struct bh_instance *bh_model_next_departed(const struct bh_model *m,
						 const struct bh_instance *instance)
{
	const struct instance *i =
		instance != NULL ? TAILQ_NEXT((const struct instance *)(const void *)instance, next)
				 : TAILQ_FIRST(&m->departed);

	return i != NULL ? &i->shown : NULL;
}

/* --- present ones ----------------------------------------------------------------------------- */

const struct bh_instance *bh_model_next(const struct bh_model *m, size_t *position)
{
	const struct instance *i = bh_map_next(m->present, position);

	return i != NULL ? &i->shown : NULL;
}

/* A namespace's number may have gone to the next one already, where facts are a moment late. */
static bool share_namespace(const struct bh_endpoint_fact *a, const struct bh_endpoint_fact *b)
{
	return a->nsid >= 0 && a->nsid == b->nsid && !bh_endpoint_changed_hands(a, b);
}

const struct bh_instance *bh_model_next_beside(const struct bh_model *m,
					       const struct bh_instance *instance, size_t *position)
{
	int32_t nsid = instance->fact.nsid;
	const struct group *group =
		instance->until == 0 ? bh_map_get(m->spaces, &nsid, sizeof(nsid)) : NULL;

	while (group != NULL && *position < group->count) {
		const struct bh_instance *other = &group->items[(*position)++]->shown;

		if (other != instance && share_namespace(&instance->fact, &other->fact))
			return other;
	}
	return NULL;
}

const struct bh_host_link *bh_model_next_link(const struct bh_model *m, size_t *position)
{
	const struct link *l = bh_map_next(m->links, position);

	return l != NULL ? &l->fact : NULL;
}

/* --- coverage --------------------------------------------------------------------------------- */

struct rows {
	struct bh_coverage_row *items;
	size_t count, capacity;
};

static struct bh_coverage_row *add_row(struct rows *rows, const char *name, const char *workload,
				       const char *runtime)
{
	rows->items = bh_grow(rows->items, &rows->capacity, rows->count + 1, sizeof(*rows->items));
	struct bh_coverage_row *row = &rows->items[rows->count++];
	*row = (struct bh_coverage_row) { 0 };
	bh_copy_text(row->name, sizeof(row->name), name);
	bh_copy_text(row->workload, sizeof(row->workload), workload);
	bh_copy_text(row->runtime, sizeof(row->runtime), runtime);
	return row;
}

static void add_instance_row(struct rows *rows, const struct bh_instance *i)
{
	struct bh_coverage_row *row =
		add_row(rows, i->name, i->workload, bh_instance_label(i, "bulkhead.runtime"));

	row->ifindex = i->fact.ifindex;
	row->coverage = i->workload[0] != '\0' && !bh_endpoint_is_diverted(&i->fact)
				? BH_ENFORCEABLE
				: BH_OBSERVABLE;
	if (bh_endpoint_is_diverted(&i->fact))
		bh_instance_say_diverted(i, row->why, sizeof(row->why));
	else if (i->workload[0] == '\0')
		snprintf(
			row->why, sizeof(row->why),
			"nobody has said yet whose it is; if that lasts, name its runtime's socket "
			"or folder in the configuration (runtimes), or its namespace (ip netns); "
			"until then it meets the posture");
	else if (i->fact.addr_count == BH_ENDPOINT_ADDRS)
		snprintf(row->why, sizeof(row->why),
			 "more than %d addresses: the rest is not known", BH_ENDPOINT_ADDRS - 1);
}

static bool has_instance(const struct bh_model *m, const char *id)
{
	const struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.container != NULL && strcmp(i->shown.container->id, id) == 0)
			return true;
	return false;
}

/* Whether a namespace is this container's alone: its owner has left it for another one. */
static bool lives_apart(const struct bh_model *m, const struct bh_container *c)
{
	const struct netns *n;

	for (size_t position = 0; (n = bh_map_next(m->netns, &position)) != NULL;)
		if (strcmp(n->fact.container_id, c->id) == 0)
			return true;
	return false;
}

static bool was_left_behind(const struct bh_model *m, const struct bh_container *c,
			    const struct bh_container *owner)
{
	return owner != c && !has_path_mode(c) && lives_apart(m, c);
}

void bh_model_announced(const struct bh_model *m,
			void (*announced)(void *user, const struct bh_instance *who), void *user)
{
	struct bh_map *attached = bh_map_new(NULL); /* ids */
	const struct bh_container *c;
	struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.container != NULL)
			bh_map_put_text(attached, i->shown.container->id, i);
	for (size_t position = 0; (c = bh_map_next(m->containers, &position)) != NULL;) {
		struct bh_instance who = { .container = c };

		if (bh_map_get_text(attached, c->id) != NULL)
			continue;
		bh_workload_name(&who, m->config.grouping, false);
		announced(user, &who);
	}
	bh_map_free(attached);
}

const struct bh_host_link *bh_model_link_to(const struct bh_model *m, const struct bh_addr *addr)
{
	const struct host_addr *a;

	for (size_t position = 0; (a = bh_map_next(m->host_addrs, &position)) != NULL;) {
		struct bh_prefix net = bh_prefix_of(&a->fact.addr, a->fact.prefix_length);
		const struct link *l =
			bh_map_get(m->links, &a->fact.ifindex, sizeof(a->fact.ifindex));

		if (l != NULL && net.length < bh_addr_size(addr->family) * 8 &&
		    bh_prefix_contains(&net, addr))
			return &l->fact;
	}
	return NULL;
}

/* Whether one of its interfaces is a veth of this host's to that network. */
static bool is_seen_on(const struct bh_model *m, const struct bh_container *c,
		       const struct bh_container_net *net)
{
	const struct instance *i;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;) {
		const struct bh_instance *shown = &i->shown;

		if (shown->container != NULL && strcmp(shown->container->id, c->id) == 0 &&
		    (memcmp(&shown->fact.mac, &net->mac, sizeof(net->mac)) == 0 ||
		     common_addr(net, &shown->fact) != NULL))
			return true;
	}
	return false;
}

static bool is_given_out(const struct bh_container_net *net)
{
	return net->addr4.family != BH_NO_FAMILY || net->addr6.family != BH_NO_FAMILY;
}

static bool has_unseen_net(const struct bh_model *m, const struct bh_container *c)
{
	for (size_t at = 0; at < c->net_count; at++)
		if (is_given_out(&c->nets[at]) && !is_seen_on(m, c, &c->nets[at]))
			return true;
	return false;
}

static bool is_first_of_its_namespace(const struct bh_model *m, const struct bh_instance *who)
{
	const struct bh_instance *other;

	for (size_t position = 0; (other = bh_model_next_beside(m, who, &position)) != NULL;)
		if (other->fact.ifindex < who->fact.ifindex)
			return false;
	return true;
}

/* What no engine tells of, the kernel does: a namespace with a veth of this host's, and hardware or
 * a macvlan beside it. */
static void add_outward_row(const struct bh_model *m, struct rows *rows,
			    const struct bh_instance *who)
{
	if (who->fact.outward[0] == '\0' || !is_first_of_its_namespace(m, who) ||
	    (who->container != NULL && has_unseen_net(m, who->container)))
		return;
	struct bh_coverage_row *row =
		add_row(rows, who->name, who->workload, bh_instance_label(who, "bulkhead.runtime"));
	row->coverage = BH_NEITHER;
	snprintf(
		row->why, sizeof(row->why),
		"it has another interface, %s, that leads outside past every veth of this host "
		"(hardware, macvlan or ipvlan): what goes there is not seen, nor filtered; give it "
		"bridge networks",
		who->fact.outward);
}

/* Of one that is seen on some of its networks, those that lead past every veth of this host. */
static void add_network_rows(const struct bh_model *m, struct rows *rows,
			     const struct bh_instance *who)
{
	const struct bh_container *c = who->container;
	char addr[BH_ADDR_TEXT];

	for (size_t at = 0; at < c->net_count; at++) {
		const struct bh_container_net *net = &c->nets[at];

		if (!is_given_out(net) || is_seen_on(m, c, net))
			continue;
		struct bh_coverage_row *row =
			add_row(rows, who->name, who->workload, bh_runtime_name(c->runtime));
		row->coverage = BH_NEITHER;
		memcpy(row->container_id, c->id, sizeof(row->container_id));
		snprintf(row->why, sizeof(row->why),
			 "on its network %.60s (%s) no veth of this host leads to it (overlay, "
			 "macvlan or "
			 "ipvlan): what goes there is not seen, nor filtered; give it bridge "
			 "networks",
			 net->name,
			 bh_addr_format(net->addr4.family != BH_NO_FAMILY ? &net->addr4
									  : &net->addr6,
					addr));
	}
}

/* Whether it was taken off the last of its networks. Podman has kinds that go by no name. */
static bool is_detached(const struct bh_container *c)
{
	const char *mode = c->network_mode;

	if (c->net_count > 0 || mode[0] == '\0' || is_on_host(c))
		return false;
	return c->runtime == BH_RUNTIME_DOCKER
		       ? strncmp(mode, "container:", 10) != 0
		       : c->runtime == BH_RUNTIME_PODMAN && strcmp(mode, "bridge") == 0;
}

static void add_container_row(const struct bh_model *m, struct rows *rows,
			      const struct bh_container *c)
{
	struct bh_instance unattached = { .container = c };

	if (!c->running)
		return;
	bh_workload_name(&unattached, m->config.grouping, false);
	if (has_instance(m, c->id)) {
		add_network_rows(m, rows, &unattached);
		return;
	}
	struct bh_coverage_row *row =
		add_row(rows, unattached.name, unattached.workload, bh_runtime_name(c->runtime));
	const struct bh_container *owner = host_of(m, c);
	row->coverage = BH_NEITHER;
	row->on_host = is_on_host(owner);
	memcpy(row->container_id, c->id, sizeof(row->container_id));
	row->no_network = was_left_behind(m, c, owner) ||
			  strcmp(owner->network_mode, "none") == 0 || is_detached(owner);
	if (was_left_behind(m, c, owner)) {
		snprintf(row->why, sizeof(row->why),
			 "has no network: %s, whose it shared, was started again without it; "
			 "restart it",
			 owner->name);
	} else if (owner != c && has_instance(m, owner->id)) {
		row->coverage = BH_OBSERVABLE;
		snprintf(row->why, sizeof(row->why),
			 "shares the network of %s%s: seen and filtered as one with it",
			 owner->pod[0] != '\0' ? "pod " : "",
			 owner->pod[0] != '\0' ? owner->pod : owner->name);
	} else if (is_on_host(owner)) {
		snprintf(row->why, sizeof(row->why),
			 "runs in the host's network: its traffic cannot be "
			 "told from the host's; give it a network of its own");
	} else if (strcmp(owner->network_mode, "none") == 0) {
		snprintf(row->why, sizeof(row->why), "has no network");
	} else if (is_detached(owner)) {
		snprintf(row->why, sizeof(row->why),
			 "has no network: %s was taken off the last one; to give it one: %s "
			 "network connect",
			 owner->name, bh_runtime_name(owner->runtime));
	} else {
		snprintf(row->why, sizeof(row->why),
			 "no veth of this host leads to it (macvlan, ipvlan, overlay or rootless "
			 "network); give it a bridge network");
	}
}

/* Whether it is another namespace than the instance's, of processes of the same container, or of
 * one that was made in it. */
static bool is_nested(const struct bh_netns_fact *n, const struct bh_instance *i)
{
	const char *id = i->fact.container_id;

	return id[0] != '\0' && i->fact.netns_inode != 0 && n->inode != i->fact.netns_inode &&
	       n->runtime == i->fact.runtime && strcmp(n->container_id, id) == 0;
}

/* One with an interface of its own on this host is none. */
static bool may_be_nested(const struct bh_model *m, const struct bh_netns_fact *n)
{
	return !has_endpoint(m, n->inode);
}

size_t bh_model_nested(const struct bh_model *m, const struct bh_instance *instance)
{
	const struct netns *n;
	size_t count = 0;

	for (size_t position = 0; (n = bh_map_next(m->netns, &position)) != NULL;)
		count += is_nested(&n->fact, instance) && may_be_nested(m, &n->fact);
	return count;
}

static void add_nested_row(const struct bh_model *m, struct rows *rows,
			   const struct bh_netns_fact *n)
{
	const struct instance *i = NULL;
	char name[64];

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (is_nested(n, &i->shown))
			break;
	if (i == NULL || !may_be_nested(m, n))
		return;
	if (n->inner[0] != '\0')
		snprintf(name, sizeof(name), "%s:%.12s", bh_runtime_name(n->inner_runtime),
			 n->inner);
	else
		snprintf(name, sizeof(name), "process %" PRId32, n->pid);
	struct bh_coverage_row *row = add_row(rows, name, "", "nested");
	row->coverage = BH_OBSERVABLE;
	snprintf(row->why, sizeof(row->why),
		 "nested in %.100s: what leaves it is seen and filtered at %.60s's interface, as "
		 "its; "
		 "give it a bridge network of this host",
		 i->shown.name, i->shown.name);
}

/* A container that a user made (rootless): no link of this host's leads to it, and no runtime that
 * is asked knows of it. What there is of it is a process, or the id in its cgroup. */
static void add_user_row(const struct bh_model *m, struct rows *rows, const struct bh_netns_fact *n)
{
	char name[64];
	bool has_id = n->container_id[0] != '\0';

	if (!n->of_user || n->nsid >= 0 || n->inner[0] != '\0' ||
	    (has_id && container_of(m, n->runtime, n->container_id) != NULL))
		return;
	if (has_id)
		snprintf(name, sizeof(name), "%s:%.12s", bh_runtime_name(n->runtime),
			 n->container_id);
	else
		snprintf(name, sizeof(name), "process %d", n->pid);
	struct bh_coverage_row *row = add_row(rows, name, "", bh_runtime_name(n->runtime));
	row->coverage = BH_NEITHER;
	snprintf(row->why, sizeof(row->why),
		 "in a network of its own that no veth of this host leads into, made by a user "
		 "(rootless Podman or Docker, unprivileged LXC); run it as root, on a bridge");
}

static void add_netns_row(const struct bh_model *m, struct rows *rows,
			  const struct bh_netns_fact *n)
{
	const struct instance *i;
	const char *slash = strrchr(n->name, '/');

	if (slash == NULL || bh_netns_name_is_made_up(n->name)) {
		add_user_row(m, rows, n);
		return;
	}
	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;)
		if (i->shown.fact.netns_inode == n->inode)
			return;
	struct bh_coverage_row *row = add_row(rows, slash + 1, "", "netns");
	row->coverage = BH_NEITHER;
	snprintf(row->why, sizeof(row->why), "no veth of this host leads into it");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bh_coverage_row *)a)->name,
		      ((const struct bh_coverage_row *)b)->name);
}

void bh_model_coverage(const struct bh_model *m,
		       void (*row)(void *user, const struct bh_coverage_row *row), void *user)
{
	struct rows rows = { 0 };
	const struct instance *i;
	const struct bh_container *c;
	const struct netns *n;

	for (size_t position = 0; (i = bh_map_next(m->present, &position)) != NULL;) {
		add_instance_row(&rows, &i->shown);
		add_outward_row(m, &rows, &i->shown);
	}
	for (size_t position = 0; (c = bh_map_next(m->containers, &position)) != NULL;)
		add_container_row(m, &rows, c);
	for (size_t position = 0; (n = bh_map_next(m->netns, &position)) != NULL;)
		add_netns_row(m, &rows, &n->fact);
	for (size_t position = 0; (n = bh_map_next(m->netns, &position)) != NULL;)
		add_nested_row(m, &rows, &n->fact);
	if (rows.count > 0)
		qsort(rows.items, rows.count, sizeof(*rows.items), by_name);
	for (size_t at = 0; at < rows.count; at++)
		row(user, &rows.items[at]);
	free(rows.items);
}
