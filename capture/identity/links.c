/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must stay true here: the set of endpoints that was stated through the events equals the
 * veths whose other end lies in another namespace, with the addresses of that end. Messages change
 * the picture, settle() states what differs. When messages are lost the picture is drawn again from
 * a dump, and settle() states the difference all the same.
 *
 * A namespace's number goes to the next one as soon as it is free. What is read under a number – a
 * dump, the inode that a scan found – may therefore be of another namespace than the one whose
 * links lead there in the picture. The kernel tells when a number comes free and is given out, and
 * these messages are heard before anything that was read is believed: it counts only where the
 * number was the same one's all the time.
 */
#include "links.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "address.h"
#include "grow.h"
#include "map.h"
#include "netns_scan.h"
#include "rtnl.h"
#include "timefmt.h"

/* The address comes first: they are sorted by it. */
struct inner_addr {
	struct bh_addr addr;
	int64_t made;
};

/* A link inside a namespace, and its addresses. */
struct inner {
	uint32_t ifindex;
	char ifname[BH_IFNAME];
	bool running;
	bool outward;
	struct bh_mac mac;
	uint8_t count;
	struct inner_addr addrs[BH_ENDPOINT_ADDRS];
};

/* A namespace that some link of the host leads into. */
struct space {
	int32_t nsid;
	uint32_t born;		   /* the scan after which it was entered */
	bool changed;		   /* since its links were stated */
	bool reread;		   /* its addresses: some have come without news */
	struct bh_map *inners;	   /* by ifindex */
	struct bh_netns_fact fact; /* inode 0: nothing leads there yet */
};

struct host_link {
	uint32_t ifindex;
	struct bh_rtnl_link raw;
	bool changed;		      /* since it was stated */
	bool doubtful;		      /* the number of the namespace that it leads into was freed */
	bool gone;		      /* settle() states it and lets it go */
	int64_t led;		      /* µs: since when it leads where it leads */
	bool stated;		      /* as a link */
	struct bh_host_link link;     /* as it was stated */
	bool endpoint;		      /* stated as an endpoint too */
	struct bh_endpoint_fact fact; /* as it was stated */
	uint8_t runtime;	      /* of the last container that the endpoint was, … */
	char container_id[BH_CONTAINER_ID]; /* … though its processes may be gone; "": none */
	bool seen;			    /* by the scan under way */
};

/* Whose a namespace is, by bh_links_tell(). Inodes go to the next one at once, so this holds as
 * long as the process lives there. */
struct told {
	int32_t pid;
	char container_id[BH_CONTAINER_ID];
};

struct bh_links {
	struct bh_links_config config;
	char **directories;
	struct bh_links_events events;
	int news; /* subscribed */
	int requests;
	int notify;		   /* inotify on the directories */
	struct bh_map *links;	   /* ifindex → struct host_link */
	struct bh_map *spaces;	   /* nsid → struct space */
	struct bh_map *host_addrs; /* (ifindex, address) → struct bh_host_addr */
	struct bh_map *netns;	   /* inode → struct bh_netns_fact, as stated */
	struct bh_map *told;	   /* inode → struct told */
	struct bh_processes *processes;
	bool space_new;	  /* some namespace was entered since names were looked at */
	bool doubts;	  /* some link is doubtful */
	bool all_changed; /* every link is to be looked at by settle() */
	uint64_t overruns, overruns_told;
	bool redrawn;	    /* the picture is another one since the scan under way began */
	uint32_t scan;	    /* counts them */
	int64_t next_scan;  /* monotonic; −1: nothing to look for */
	unsigned fruitless; /* scans since something new was to be found */
	/* Monotonic: when every process was read last, when that may be done again, and when the
	 * next scan may come. */
	int64_t whole, next_whole, rested;
};

/* How long after the last look for processes the next one comes, in ms. A container's first process
 * enters its namespace milliseconds to seconds after the link appears. */
static const unsigned scan_after[] = { 0, 20, 50, 100, 200, 400, 800, 1500, 3000, 6000, 12000 };
#define IDLE_SCAN (20 * BH_SECOND) /* containers of users make no link here, and no news */
#define SCANS (sizeof(scan_after) / sizeof(scan_after[0]))

/* Of the time, at most one part in so many goes into scans, however many endpoints come, and one
 * into those that read every process; but no scan waits for the one before it longer than that. */
#define SCANS_SHARE 10
#define WHOLE_SHARE 50
#define LONGEST_REST BH_SECOND

#define MOST_TRIES 10 /* under churn; what is left then is the next message's */

static void free_space(void *value)
{
	struct space *s = value;

	bh_map_free(s->inners);
	free(s);
}

/* --- the picture ------------------------------------------------------------------------------ */

static struct inner *inner_of(struct space *s, uint32_t ifindex)
{
	struct inner *i = bh_map_get(s->inners, &ifindex, sizeof(ifindex));

	if (i == NULL) {
		i = bh_calloc(1, sizeof(*i));
		i->ifindex = ifindex;
		bh_map_put(s->inners, &ifindex, sizeof(ifindex), i);
	}
	return i;
}

static void want_scan(struct bh_links *l)
{
	l->fruitless = 0;
	l->next_scan = bh_time_monotonic();
}

static const struct bh_rtnl_handlers *handlers(struct bh_links *l, struct bh_rtnl_handlers *out);

static struct space *space_of(const struct bh_links *l, int32_t nsid)
{
	return nsid >= 0 ? bh_map_get(l->spaces, &nsid, sizeof(nsid)) : NULL;
}

/* A namespace is read when the first link leads there; from then on it sends its own news. One that
 * died in between answers with an error; its links are on their way out too. */
static bool enter_space(struct bh_links *l, int32_t nsid)
{
	struct space *s = bh_calloc(1, sizeof(*s));
	struct bh_rtnl_handlers h;

	s->nsid = nsid;
	s->born = l->scan;
	s->changed = true;
	s->inners = bh_map_new(free);
	bh_map_put(l->spaces, &nsid, sizeof(nsid), s);
	if (bh_rtnl_dump_links(l->requests, nsid, handlers(l, &h)) != 0 ||
	    bh_rtnl_dump_addresses(l->requests, nsid, handlers(l, &h)) != 0) {
		bh_map_remove(l->spaces, &nsid, sizeof(nsid));
		return false;
	}
	l->space_new = true;
	want_scan(l);
	return true;
}

static void take_host_link(struct bh_links *l, const struct bh_rtnl_link *raw, bool gone)
{
	struct host_link *known = bh_map_get(l->links, &raw->ifindex, sizeof(raw->ifindex));

	if (known == NULL && gone)
		return;
	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		known->ifindex = raw->ifindex;
		bh_map_put(l->links, &raw->ifindex, sizeof(raw->ifindex), known);
	}
	/* Its ports are known by its name. */
	l->all_changed = l->all_changed || (raw->bridge && memcmp(known->raw.ifname, raw->ifname,
								  sizeof(raw->ifname)) != 0);
	if (known->led == 0 || known->raw.peer_nsid != raw->peer_nsid)
		known->led = bh_time_now();
	known->raw = *raw;
	known->changed = true;
	known->doubtful = false;
	known->gone = gone;
	known->seen = true;
}

/* When a link begins to run the kernel gives it its link-local address, and tells of that only when
 * nobody has objected to it for a second or more; its first packets follow at once. */
static void take_inner_link(struct space *s, const struct bh_rtnl_link *raw)
{
	struct inner *i = inner_of(s, raw->ifindex);
	bool running = (raw->flags & IFF_RUNNING) != 0;

	s->reread = s->reread || (running && !i->running);
	i->running = running;
	i->mac = raw->mac;
	i->outward = raw->outward;
	memcpy(i->ifname, raw->ifname, sizeof(i->ifname));
}

static void on_link(void *user, int32_t nsid, const struct bh_rtnl_link *raw, bool gone)
{
	struct bh_links *l = user;

	if (nsid == BH_NO_NSID) {
		take_host_link(l, raw, gone);
		return;
	}
	struct space *s = space_of(l, nsid);
	if (s == NULL)
		return;
	s->changed = true;
	if (gone)
		bh_map_remove(s->inners, &raw->ifindex, sizeof(raw->ifindex));
	else
		take_inner_link(s, raw);
}

static void add_inner_address(struct inner *i, const struct bh_rtnl_address *a)
{
	for (uint8_t at = 0; at < i->count; at++)
		if (bh_addr_equal(&i->addrs[at].addr, &a->addr)) {
			i->addrs[at].made = a->made;
			return;
		}
	if (i->count < BH_ENDPOINT_ADDRS)
		i->addrs[i->count++] = (struct inner_addr) { a->addr, a->made };
}

static void remove_inner_address(struct inner *i, const struct bh_addr *addr)
{
	for (uint8_t at = 0; at < i->count; at++) {
		if (!bh_addr_equal(&i->addrs[at].addr, addr))
			continue;
		memmove(&i->addrs[at], &i->addrs[at + 1],
			(size_t)(i->count - at - 1) * sizeof(i->addrs[0]));
		i->count--;
		return;
	}
}

/* ifindex and address as one run of bytes. */
struct host_addr_key {
	uint8_t bytes[sizeof(uint32_t) + sizeof(struct bh_addr)];
};

static struct host_addr_key host_addr_key(uint32_t ifindex, const struct bh_addr *addr)
{
	struct host_addr_key key;

	memcpy(key.bytes, &ifindex, sizeof(ifindex));
	memcpy(key.bytes + sizeof(ifindex), addr, sizeof(*addr));
	return key;
}

static void take_host_address(struct bh_links *l, const struct bh_rtnl_address *a, bool gone)
{
	struct host_addr_key key = host_addr_key(a->ifindex, &a->addr);
	struct bh_host_addr *known = bh_map_get(l->host_addrs, &key, sizeof(key));
	const struct host_link *link = bh_map_get(l->links, &a->ifindex, sizeof(a->ifindex));

	if (gone && known != NULL) {
		l->events.host_addr_gone(l->events.user, known);
		bh_map_remove(l->host_addrs, &key, sizeof(key));
	}
	if (gone || known != NULL)
		return;
	known = bh_calloc(1, sizeof(*known));
	known->ifindex = a->ifindex;
	known->addr = a->addr;
	known->prefix_length = a->prefix_length;
	if (link != NULL)
		memcpy(known->ifname, link->raw.ifname, sizeof(known->ifname));
	bh_map_put(l->host_addrs, &key, sizeof(key), known);
	l->events.host_addr(l->events.user, known);
}

static void on_address(void *user, int32_t nsid, const struct bh_rtnl_address *a, bool gone)
{
	struct bh_links *l = user;

	if (nsid == BH_NO_NSID) {
		take_host_address(l, a, gone);
		return;
	}
	struct space *s = space_of(l, nsid);
	if (s == NULL || bh_addr_is_loopback(&a->addr))
		return;
	s->changed = true;
	if (gone)
		remove_inner_address(inner_of(s, a->ifindex), &a->addr);
	else
		add_inner_address(inner_of(s, a->ifindex), a);
}

/* The number that a namespace had is free, or the next one's. Where links lead that led there, the
 * kernel is asked: a veth goes some time after its namespace. */
static void on_nsid(void *user, int32_t nsid, bool gone)
{
	struct bh_links *l = user;
	struct host_link *h;

	(void)gone;
	bh_map_remove(l->spaces, &nsid, sizeof(nsid));
	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		if (h->raw.peer_nsid == nsid)
			l->doubts = h->doubtful = h->changed = true;
	l->next_scan = l->next_scan < 0 ? bh_time_monotonic() : l->next_scan;
}

static const struct bh_rtnl_handlers *handlers(struct bh_links *l, struct bh_rtnl_handlers *out)
{
	*out = (struct bh_rtnl_handlers) { l, on_link, on_address, on_nsid };
	return out;
}

/* Asks the kernel where doubtful links lead. One that has gone is told of by a message to come. */
static void resolve_doubts(struct bh_links *l)
{
	struct bh_rtnl_handlers h;
	struct host_link *link;

	if (!l->doubts)
		return;
	l->doubts = false;
	for (size_t position = 0; (link = bh_map_next(l->links, &position)) != NULL;) {
		if (!link->doubtful)
			continue;
		link->doubtful = false;
		if (bh_rtnl_get_link(l->requests, link->ifindex, handlers(l, &h)) != 0)
			link->raw.peer_nsid = BH_NO_NSID;
	}
}

static bool leads_to_unread(const struct bh_links *l, const struct host_link *h)
{
	return !h->gone && h->raw.veth && h->raw.peer_nsid >= 0 &&
	       space_of(l, h->raw.peer_nsid) == NULL;
}

/* Enters the namespaces that links lead into; false: there was none to enter. */
static bool enter_spaces(struct bh_links *l)
{
	const struct host_link *h;
	bool any = false;

	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		if (h->changed && leads_to_unread(l, h))
			any = enter_space(l, h->raw.peer_nsid) || any;
	return any;
}

static void hear(struct bh_links *l);

/* Of namespaces in which a link began to run; false: there are none. */
static bool reread_addresses(struct bh_links *l)
{
	struct bh_rtnl_handlers h;
	struct space *s;
	bool any = false;

	for (size_t position = 0; (s = bh_map_next(l->spaces, &position)) != NULL;) {
		if (!s->reread)
			continue;
		s->reread = false;
		any = true;
		bh_rtnl_dump_addresses(l->requests, s->nsid, handlers(l, &h));
	}
	return any;
}

/* Completes the picture. A number may have changed hands before its namespace was read; then that
 * is among the news that wait by now. */
static void complete(struct bh_links *l)
{
	for (int tries = 0; tries < MOST_TRIES; tries++) {
		hear(l);
		resolve_doubts(l);
		bool entered = enter_spaces(l);
		if (!reread_addresses(l) && !entered)
			return;
	}
}

/* --- stating what differs --------------------------------------------------------------------- */

static void state_link(struct bh_links *l, struct host_link *h)
{
	struct bh_host_link link;

	/* Compared as bytes: no padding may differ. */
	memset(&link, 0, sizeof(link));
	link.ifindex = h->raw.ifindex;
	link.master_ifindex = h->raw.master;
	link.veth = h->raw.veth;
	link.bridge = h->raw.bridge;
	link.up = (h->raw.flags & IFF_UP) != 0;
	link.nf_call_iptables = h->raw.nf_call_iptables;
	link.nf_call_ip6tables = h->raw.nf_call_ip6tables;
	memcpy(link.ifname, h->raw.ifname, sizeof(link.ifname));
	link.mac = h->raw.mac;
	if (h->stated && memcmp(&link, &h->link, sizeof(link)) == 0)
		return;
	h->link = link;
	h->stated = true;
	l->events.link(l->events.user, &link);
}

static void lose_endpoint(struct bh_links *l, struct host_link *h)
{
	if (!h->endpoint)
		return;
	h->endpoint = false;
	h->container_id[0] = '\0';
	l->events.endpoint_gone(l->events.user, h->fact.ifindex);
}

static int compare_addrs(const void *a, const void *b)
{
	const struct inner_addr *x = a, *y = b;

	return bh_addr_compare(&x->addr, &y->addr);
}

static void copy_addresses(const struct inner *i, struct bh_endpoint_fact *fact)
{
	struct inner_addr sorted[BH_ENDPOINT_ADDRS];

	memcpy(sorted, i->addrs, i->count * sizeof(sorted[0]));
	qsort(sorted, i->count, sizeof(sorted[0]), compare_addrs);
	for (uint8_t at = 0; at < i->count; at++) {
		fact->addrs[at] = sorted[at].addr;
		fact->addr_made[at] = sorted[at].made;
	}
	fact->addr_count = i->count;
}

/* Which device has taken it in, and what an inet rule sees of it. */
static void copy_master(const struct bh_links *l, const struct host_link *h,
			struct bh_endpoint_fact *fact)
{
	const struct host_link *master =
		bh_map_get(l->links, &h->raw.master, sizeof(h->raw.master));
	bool bridged = strcmp(h->raw.master_kind, "bridge") == 0;

	memcpy(fact->l3_ifname, bridged && master != NULL ? master->raw.ifname : h->raw.ifname,
	       BH_IFNAME);
	if (bridged)
		fact->master_ifindex = h->raw.master;
	if (bridged || h->raw.master == 0)
		return;
	fact->upper = strcmp(h->raw.master_kind, "vrf") == 0 ? BH_UPPER_VRF : BH_UPPER_OTHER;
	fact->upper_ifindex = h->raw.master;
	memcpy(fact->upper_kind, h->raw.master_kind, sizeof(fact->upper_kind));
	if (master != NULL)
		memcpy(fact->upper_ifname, master->raw.ifname, BH_IFNAME);
}

static bool has_address(const struct inner *i)
{
	for (uint8_t at = 0; at < i->count; at++)
		if (!bh_addr_is_link_local(&i->addrs[at].addr))
			return true;
	return false;
}

static void copy_outward(const struct space *s, struct bh_endpoint_fact *fact)
{
	const struct inner *i, *first = NULL;

	for (size_t position = 0; (i = bh_map_next(s->inners, &position)) != NULL;)
		if (i->outward && has_address(i) && (first == NULL || i->ifindex < first->ifindex))
			first = i;
	if (first != NULL)
		memcpy(fact->outward, first->ifname, sizeof(fact->outward));
}

/* Fills *fact for a veth that leads into a namespace whose end is known. */
static bool make_fact(const struct bh_links *l, const struct host_link *h,
		      struct bh_endpoint_fact *fact)
{
	const struct space *s = space_of(l, h->raw.peer_nsid);
	const struct inner *i =
		s != NULL ? bh_map_get(s->inners, &h->raw.peer, sizeof(h->raw.peer)) : NULL;

	memset(fact, 0, sizeof(*fact));
	if (h->gone || !h->raw.veth || i == NULL)
		return false;
	fact->ifindex = h->raw.ifindex;
	memcpy(fact->ifname, h->raw.ifname, sizeof(fact->ifname));
	copy_master(l, h, fact);
	fact->nsid = s->nsid;
	fact->netns_inode = s->fact.inode;
	memcpy(fact->netns_name, s->fact.name, sizeof(fact->netns_name));
	fact->runtime = s->fact.runtime;
	memcpy(fact->container_id, s->fact.container_id, sizeof(fact->container_id));
	fact->mac = i->mac;
	copy_addresses(i, fact);
	copy_outward(s, fact);
	return true;
}

/* A hook tells the id before a scan finds whose container it is: the runtime is none as long. */
static bool is_another_container(const struct host_link *h, const struct bh_endpoint_fact *now)
{
	if (h->container_id[0] == '\0' || now->container_id[0] == '\0')
		return false;
	return strcmp(h->container_id, now->container_id) != 0 ||
	       (h->runtime != now->runtime && h->runtime != BH_RUNTIME_NONE &&
		now->runtime != BH_RUNTIME_NONE);
}

/* The same attachment may be to another container now: then it is another endpoint. */
static bool is_another(const struct host_link *h, const struct bh_endpoint_fact *now)
{
	const struct bh_endpoint_fact *before = &h->fact;

	return before->nsid != now->nsid ||
	       (before->netns_inode != 0 && now->netns_inode != 0 &&
		before->netns_inode != now->netns_inode) ||
	       is_another_container(h, now);
}

static void state_endpoint(struct bh_links *l, struct host_link *h)
{
	struct bh_endpoint_fact fact;

	if (!make_fact(l, h, &fact)) {
		lose_endpoint(l, h);
		return;
	}
	if (h->endpoint && is_another(h, &fact)) {
		/* The number of the namespace is the same, and was given anew meanwhile, or who is
		 * in it has changed. */
		h->led = h->fact.nsid == fact.nsid ? bh_time_now() : h->led;
		lose_endpoint(l, h);
	}
	fact.since = h->led;
	if (h->endpoint && memcmp(&fact, &h->fact, sizeof(fact)) == 0)
		return;
	h->fact = fact;
	h->endpoint = true;
	if (fact.container_id[0] != '\0') {
		h->runtime = fact.runtime;
		memcpy(h->container_id, fact.container_id, sizeof(h->container_id));
	}
	l->events.endpoint(l->events.user, &fact);
}

static bool is_unsettled(const struct bh_links *l, const struct host_link *h)
{
	const struct space *s = h->changed ? NULL : space_of(l, h->raw.peer_nsid);

	return l->all_changed || h->changed || (s != NULL && s->changed);
}

static void settle_link(struct bh_links *l, struct host_link *h)
{
	uint32_t ifindex = h->ifindex;

	/* A namespace that could not be read is read with the next news. */
	h->changed = leads_to_unread(l, h);
	state_endpoint(l, h);
	if (!h->gone)
		return;
	if (h->stated)
		l->events.link_gone(l->events.user, ifindex);
	bh_map_remove(l->links, &ifindex, sizeof(ifindex));
}

static void settle(struct bh_links *l)
{
	struct host_link *h;
	struct space *s;

	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		if (h->changed && !h->gone)
			state_link(l, h);
	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		if (is_unsettled(l, h))
			settle_link(l, h);
	for (size_t position = 0; (s = bh_map_next(l->spaces, &position)) != NULL;)
		s->changed = false;
	l->all_changed = false;
}

/* --- namespaces and processes ----------------------------------------------------------------- */

static void state_netns(struct bh_links *l, const struct bh_netns_fact *fact)
{
	struct bh_netns_fact *known = bh_map_get(l->netns, &fact->inode, sizeof(fact->inode));

	if (fact->name[0] == '\0' && fact->container_id[0] == '\0' && !fact->of_user)
		return;
	if (known != NULL && memcmp(known, fact, sizeof(*fact)) == 0)
		return;
	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(l->netns, &fact->inode, sizeof(fact->inode), known);
	}
	*known = *fact;
	l->events.netns(l->events.user, known);
}

/* What was told fills in what nobody found. */
static void fill_in(const struct bh_links *l, struct bh_netns_fact *fact)
{
	const struct told *told = bh_map_get(l->told, &fact->inode, sizeof(fact->inode));

	if (fact->container_id[0] == '\0' && told != NULL &&
	    bh_netns_holds(l->config.proc, told->pid, fact->inode))
		bh_copy_text(fact->container_id, sizeof(fact->container_id), told->container_id);
}

static void on_found(void *user, const struct bh_netns_fact *fact)
{
	struct bh_netns_fact *copy = bh_calloc(1, sizeof(*copy));

	*copy = *fact;
	bh_map_put(user, &copy->inode, sizeof(copy->inode), copy);
}

/* Whose a namespace is. Found while its number was given to another one, it may be that one's. */
static void take_found(struct bh_links *l, const struct bh_netns_fact *found)
{
	struct bh_netns_fact fact = *found;
	struct space *s = space_of(l, fact.nsid);

	fill_in(l, &fact);
	if (s != NULL && s->born < l->scan && memcmp(&s->fact, &fact, sizeof(fact)) != 0) {
		s->fact = fact;
		s->changed = true;
	}
	state_netns(l, &fact);
}

static void drop_unseen(struct bh_links *l, const struct bh_map *seen)
{
	const struct bh_netns_fact *fact;

	for (size_t position = 0; (fact = bh_map_next(l->netns, &position)) != NULL;) {
		uint64_t inode = fact->inode;

		if (bh_map_get(seen, &inode, sizeof(inode)) != NULL)
			continue;
		l->events.netns_gone(l->events.user, inode);
		bh_map_remove(l->netns, &inode, sizeof(inode));
		bh_map_remove(l->told, &inode, sizeof(inode));
	}
}

/* Whether every namespace that links lead into is known by name or by container. */
static bool all_known(const struct bh_links *l)
{
	const struct space *s;

	for (size_t position = 0; (s = bh_map_next(l->spaces, &position)) != NULL;)
		/* A name that an engine gave says nothing: the container's id is still to come. */
		if (s->fact.container_id[0] == '\0' &&
		    (s->fact.name[0] == '\0' || bh_netns_name_is_made_up(s->fact.name)))
			return false;
	return true;
}

static void watch_directories(struct bh_links *l)
{
	for (char **directory = l->directories; *directory != NULL; directory++)
		inotify_add_watch(l->notify, *directory,
				  IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_ATTRIB | IN_CLOSE_WRITE);
}

/* The numbers of namespaces whose inode is known: as long as a namespace has one it keeps it. */
static struct bh_map *known_numbers(const struct bh_links *l)
{
	struct bh_map *numbers = bh_map_new(NULL);
	struct space *s;

	for (size_t position = 0; (s = bh_map_next(l->spaces, &position)) != NULL;)
		if (s->fact.inode != 0)
			bh_map_put(numbers, &s->fact.inode, sizeof(s->fact.inode), &s->nsid);
	return numbers;
}

/* One look. What it finds is believed where the news that came meanwhile do not contradict it. */
static void look(struct bh_links *l, bool whole)
{
	struct bh_map *found = bh_map_new(free);
	const struct bh_netns_fact *fact;

	complete(l);
	l->redrawn = false;
	l->scan++;
	struct bh_map *numbers = known_numbers(l);
	bh_netns_scan(&(struct bh_netns_look) { .directories = (const char *const *)l->directories,
						.proc = l->config.proc,
						.rtnl = l->requests,
						.numbers = numbers,
						.known = l->netns,
						.processes = l->processes,
						.now = bh_time_monotonic(),
						.whole = whole },
		      on_found, found);
	bh_map_free(numbers);
	complete(l);
	for (size_t position = 0; (fact = bh_map_next(found, &position)) != NULL;)
		take_found(l, fact);
	drop_unseen(l, found);
	bh_map_free(found);
}

/* Once things are right again. */
static void tell_overruns(struct bh_links *l)
{
	if (l->overruns == l->overruns_told)
		return;
	l->overruns_told = l->overruns;
	l->events.overrun(l->events.user, l->overruns);
}

/* Every process is read where that is due or news were lost; and where the look before did not find
 * whose all of them are, as often as it may be. */
static bool is_whole_due(const struct bh_links *l, int64_t now)
{
	return l->redrawn || l->whole == 0 || now >= l->whole + IDLE_SCAN ||
	       (l->fruitless > 0 && now >= l->next_whole);
}

static void rest(struct bh_links *l, bool whole, int64_t spent)
{
	int64_t now = bh_time_monotonic(), pause = spent * SCANS_SHARE;

	if (whole) {
		l->whole = now;
		l->next_whole = now + spent * WHOLE_SHARE;
	} else {
		l->rested = now + (pause < LONGEST_REST ? pause : LONGEST_REST);
	}
}

static void schedule_scan(struct bh_links *l)
{
	int64_t latest = l->whole + IDLE_SCAN;

	l->fruitless++;
	l->next_scan = latest;
	if (all_known(l) || l->fruitless >= SCANS)
		return;
	int64_t next = bh_time_monotonic() + scan_after[l->fruitless] * INT64_C(1000);
	l->next_scan = next < latest ? next : latest;
}

/* Nothing is stated before the namespaces have their names and processes: after an overrun an
 * endpoint would be a stranger for a moment, and without its rules. */
static void scan(struct bh_links *l)
{
	bool whole = is_whole_due(l, bh_time_monotonic());
	int64_t before = bh_time_spent();
	int tries = 0;

	watch_directories(l); /* one that did not exist may do now */
	do
		look(l, whole);
	while (l->redrawn && ++tries < MOST_TRIES);
	rest(l, whole, bh_time_spent() - before);
	settle(l);
	tell_overruns(l);
	schedule_scan(l);
}

struct names {
	struct bh_map *known; /* paths */
	struct bh_map *found; /* as a scan's */
};

static bool is_known_name(void *user, const char *path)
{
	const struct names *names = user;

	return bh_netns_name_is_made_up(path) || bh_map_get_text(names->known, path) != NULL;
}

static void on_name_found(void *user, const struct bh_netns_fact *fact)
{
	on_found(((struct names *)user)->found, fact);
}

/* Where a link leads into a namespace that was not there before, the names that nobody has looked
 * at yet tell at once whose it may be; the scan, which looks at every process, comes right after
 * that. What is found is believed as in look(). */
static void look_at_names(struct bh_links *l)
{
	struct names names = { bh_map_new(NULL), bh_map_new(free) };
	const struct bh_netns_fact *fact;

	for (size_t position = 0; (fact = bh_map_next(l->netns, &position)) != NULL;)
		if (fact->name[0] != '\0')
			bh_map_put_text(names.known, fact->name, l);
	l->space_new = false;
	l->scan++;
	bh_netns_scan_names((const char *const *)l->directories, l->config.proc, l->requests,
			    is_known_name, on_name_found, &names);
	complete(l);
	for (size_t position = 0; (fact = bh_map_next(names.found, &position)) != NULL;) {
		const struct space *s = space_of(l, fact->nsid);

		if (s != NULL && s->fact.inode == 0)
			take_found(l, fact);
	}
	bh_map_free(names.known);
	bh_map_free(names.found);
}

/* --- start and overruns ----------------------------------------------------------------------- */

static int dump(struct bh_links *l)
{
	struct bh_rtnl_handlers h;
	int result = bh_rtnl_dump_links(l->requests, BH_NO_NSID, handlers(l, &h));

	return result != 0 ? result
			   : bh_rtnl_dump_addresses(l->requests, BH_NO_NSID, handlers(l, &h));
}

static void drop_unseen_addresses(struct bh_links *l, struct bh_map *before)
{
	struct bh_host_addr *old;

	for (size_t position = 0; (old = bh_map_next(before, &position)) != NULL;) {
		struct host_addr_key key = host_addr_key(old->ifindex, &old->addr);

		if (bh_map_get(l->host_addrs, &key, sizeof(key)) == NULL)
			l->events.host_addr_gone(l->events.user, old);
	}
}

/* Draws the picture anew; what it does not show any more is gone. */
static void redraw(struct bh_links *l)
{
	struct bh_map *addresses_before = l->host_addrs;
	struct host_link *h;

	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		h->seen = false;
	bh_map_free(l->spaces);
	l->spaces = bh_map_new(free_space);
	l->host_addrs = bh_map_new(free);
	dump(l);
	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;) {
		h->gone = !h->seen;
		h->changed = true;
	}
	drop_unseen_addresses(l, addresses_before);
	bh_map_free(addresses_before);
	l->redrawn = true;
}

/* Takes in what waits. Where messages were lost, those that are left are older than what is drawn
 * then, and speak of links that may be no more: they are heard first. */
static void hear(struct bh_links *l)
{
	struct bh_rtnl_handlers h;
	uint64_t before = l->overruns;

	for (int tries = 0; tries < MOST_TRIES; tries++) {
		if (bh_rtnl_read(l->news, handlers(l, &h)) != -ENOBUFS)
			break;
		l->overruns++;
	}
	if (l->overruns == before)
		return;
	redraw(l);
	want_scan(l);
}

struct bh_links *bh_links_open(const struct bh_links_config *config,
			       const struct bh_links_events *events, struct bh_error *err)
{
	struct bh_links *l = bh_calloc(1, sizeof(*l));
	size_t count = 0;

	l->config = *config;
	l->events = *events;
	l->requests = l->notify = -1;
	l->next_scan = -1;
	while (config->netns_dirs[count] != NULL)
		count++;
	l->directories = bh_calloc(count + 1, sizeof(*l->directories));
	for (size_t i = 0; i < count; i++)
		l->directories[i] = bh_strdup(config->netns_dirs[i]);
	l->links = bh_map_new(free);
	l->spaces = bh_map_new(free_space);
	l->host_addrs = bh_map_new(free);
	l->netns = bh_map_new(free);
	l->told = bh_map_new(free);
	l->processes = bh_processes_new();
	l->news = bh_rtnl_subscribe(config->receive_buffer, err);
	if (l->news >= 0)
		l->requests = bh_rtnl_open(err);
	l->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (l->news >= 0 && l->requests >= 0 && l->notify >= 0)
		return l;
	bh_links_close(l);
	return NULL;
}

void bh_links_close(struct bh_links *l)
{
	if (l == NULL)
		return;
	bh_close_fd(&l->news);
	bh_close_fd(&l->requests);
	bh_close_fd(&l->notify);
	for (char **directory = l->directories; *directory != NULL; directory++)
		free(*directory);
	free(l->directories);
	bh_map_free(l->links);
	bh_map_free(l->spaces);
	bh_map_free(l->host_addrs);
	bh_map_free(l->netns);
	bh_map_free(l->told);
	bh_processes_free(l->processes);
	free(l);
}

int bh_links_start(struct bh_links *l, struct bh_error *err)
{
	int result = dump(l);

	if (result != 0)
		return bh_error_set(err, result, "rtnetlink: links cannot be read: %s",
				    strerror(-result));
	want_scan(l);
	scan(l);
	return 0;
}

/* --- news ------------------------------------------------------------------------------------- */

size_t bh_links_fds(const struct bh_links *l, int *fds, size_t room)
{
	const int all[] = { l->news, l->notify };
	size_t count = 0;

	for (; count < sizeof(all) / sizeof(all[0]) && count < room; count++)
		fds[count] = all[count];
	return count;
}

/* Names of namespaces changed; which, the next scan tells. */
static bool read_notifications(struct bh_links *l)
{
	_Alignas(struct inotify_event) char buffer[4096];
	bool any = false;

	while (read(l->notify, buffer, sizeof(buffer)) > 0)
		any = true;
	return any;
}

void bh_links_read(struct bh_links *l)
{
	if (read_notifications(l))
		want_scan(l);
	l->redrawn = false;
	complete(l);
	if (l->space_new && !l->redrawn)
		look_at_names(l);
	if (l->redrawn)
		scan(l);
	else
		settle(l);
}

void bh_links_stir(struct bh_links *l)
{
	l->next_scan = bh_time_monotonic();
}

int64_t bh_links_wait(const struct bh_links *l)
{
	if (l->next_scan < 0)
		return -1;
	int64_t next = l->next_scan > l->rested ? l->next_scan : l->rested;
	int64_t left = next - bh_time_monotonic();

	return left > 0 ? left : 0;
}

void bh_links_tick(struct bh_links *l)
{
	if (l->next_scan >= 0 && bh_links_wait(l) == 0)
		scan(l);
}

static bool is_container_id(const char *id)
{
	return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

/* As far as it is known, with what was told. */
static struct bh_netns_fact told_fact(const struct bh_links *l, uint64_t inode, int32_t nsid,
				      int32_t pid)
{
	const struct bh_netns_fact *known = bh_map_get(l->netns, &inode, sizeof(inode));
	struct bh_netns_fact fact;

	memset(&fact, 0, sizeof(fact));
	if (known != NULL)
		fact = *known;
	fact.inode = inode;
	fact.nsid = nsid;
	fact.pid = fact.pid != 0 ? fact.pid : pid;
	fill_in(l, &fact);
	return fact;
}

bool bh_links_tell(struct bh_links *l, int32_t pid, uint64_t inode, const char *container_id,
		   int32_t *nsid)
{
	uint64_t own;

	if (!bh_netns_of(l->config.proc, pid, l->requests, &own, nsid) || own != inode)
		return false;
	const struct told *before = bh_map_get(l->told, &inode, sizeof(inode));
	/* The first one's it is: others may join a namespace later. */
	if (is_container_id(container_id) &&
	    (before == NULL || !bh_netns_holds(l->config.proc, before->pid, inode))) {
		struct told *told = bh_calloc(1, sizeof(*told));

		told->pid = pid;
		bh_copy_text(told->container_id, sizeof(told->container_id), container_id);
		bh_map_put(l->told, &inode, sizeof(inode), told);
	}
	complete(l); /* the number may have been another's a moment ago */
	struct bh_netns_fact fact = told_fact(l, inode, *nsid, pid);
	struct space *s = space_of(l, *nsid);
	if (s != NULL && (s->fact.inode == 0 || s->fact.container_id[0] == '\0')) {
		s->fact = fact;
		s->changed = true;
	}
	state_netns(l, &fact);
	settle(l);
	return true;
}

void bh_links_repeat(struct bh_links *l)
{
	const struct bh_host_addr *addr;
	const struct bh_netns_fact *netns;
	const struct host_link *h;

	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		if (h->stated)
			l->events.link(l->events.user, &h->link);
	for (size_t position = 0; (addr = bh_map_next(l->host_addrs, &position)) != NULL;)
		l->events.host_addr(l->events.user, addr);
	for (size_t position = 0; (netns = bh_map_next(l->netns, &position)) != NULL;)
		l->events.netns(l->events.user, netns);
	for (size_t position = 0; (h = bh_map_next(l->links, &position)) != NULL;)
		if (h->endpoint)
			l->events.endpoint(l->events.user, &h->fact);
}

int bh_links_set_bridge_filter(struct bh_links *l, uint32_t ifindex, bool on, struct bh_error *err)
{
	int result = bh_rtnl_set_bridge_filter(l->requests, ifindex, on);

	if (result == 0)
		return 0;
	return bh_error_set(err, result, "bridge %u does not take its netfilter flag: %s%s",
			    ifindex, strerror(-result),
			    result == -EOPNOTSUPP || result == -EINVAL
				    ? " (is br_netfilter loaded? modprobe br_netfilter)"
				    : "");
}
