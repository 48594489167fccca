/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the intruder tries with frames of its own making, and how the victim takes them. */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "address.h"
#include "cursor.h"
#include "frame.h"
#include "grow.h"
#include "intruder.h"
#include "namespace.h"
#include "net_io.h"
#include "timefmt.h"

#define ARRIVAL_LIMIT 300 /* ms */
#define SENDINGS 3
#define POISON_SENDINGS 6
#define POISON_PAUSE 100 /* ms */

/* Whom a frame is for, as its own namespace sees it. */
struct victim {
	const char *title; /* "the database" */
	const char *netns;
	struct bh_lab_link link;
	struct bh_addr addr4;
	struct bh_addr addr6;
};

static int database(struct victim *victim, struct bh_error *err)
{
	const struct bh_lab_host *db = bh_lab_replica("db", 0);

	*victim = (struct victim) { .title = "the database",
				    .netns = db->name,
				    .addr4 = bh_lab_host_addr(db, BH_IPV4),
				    .addr6 = bh_lab_host_addr(db, BH_IPV6) };
	return bh_lab_link_read(db->name, BH_LAB_INNER, &victim->link, err);
}

static int gateway(struct victim *victim, const struct bh_lab_intruder *intruder,
		   struct bh_error *err)
{
	*victim = (struct victim) { .title = "the gateway",
				    .netns = BH_LAB_HOST,
				    .addr4 = bh_lab_gateway_addr(intruder->host, BH_IPV4),
				    .addr6 = bh_lab_gateway_addr(intruder->host, BH_IPV6) };
	return bh_lab_link_read(BH_LAB_HOST, BH_LAB_BRIDGE, &victim->link, err);
}

static struct bh_addr addr_of(const struct victim *victim, enum bh_family family)
{
	return family == BH_IPV4 ? victim->addr4 : victim->addr6;
}

/* Out of a host's eth0, whatever the frame says about where it is from. */
static int emit(const char *netns, int ifindex, const struct bh_lab_frame *frame,
		struct bh_error *err)
{
	BH_AUTO_CLOSE int fd = bh_lab_namespace_socket(netns, AF_PACKET, SOCK_RAW, 0, err);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };

	if (fd < 0)
		return fd;
	if (sendto(fd, frame->bytes, frame->length, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return bh_error_set(err, -errno, "sending a frame from %s: %s", netns,
				    strerror(errno));
	return 0;
}

static uint32_t random_number(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = (uint32_t)bh_time_monotonic(); /* only to be told from another */
	return number;
}

/* --- tagged frames ---------------------------------------------------------------------------- */

/* A socket of the victim's, on a port that nobody uses. */
static int open_victim_port(const struct victim *victim, enum bh_family family, uint16_t *port,
			    struct bh_error *err)
{
	struct bh_addr addr = addr_of(victim, family);
	struct sockaddr_storage name;
	socklen_t length = bh_lab_sockaddr(&addr, 0, 0, &name);
	int fd = bh_lab_namespace_socket(victim->netns, name.ss_family, SOCK_DGRAM, 0, err);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&name, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &length) < 0) {
		int result = bh_error_set(err, -errno, "a port of %s: %s", victim->title,
					  strerror(errno));

		bh_close_fd(&fd);
		return result;
	}
	*port = ntohs(family == BH_IPV4 ? ((struct sockaddr_in *)&name)->sin_port
					: ((struct sockaddr_in6 *)&name)->sin6_port);
	return fd;
}

static bool received(int fd, const char *text)
{
	char datagram[64];
	ssize_t got;

	while (bh_lab_await(fd, ARRIVAL_LIMIT) == 0) {
		got = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT);
		if (got >= 0 && (size_t)got == strlen(text) &&
		    memcmp(datagram, text, (size_t)got) == 0)
			return true;
	}
	return false;
}

static int send_often(const struct bh_lab_intruder *intruder, const struct bh_lab_frame *frame,
		      struct bh_error *err)
{
	int result = 0;

	for (int i = 0; i < SENDINGS && result == 0; i++)
		result = emit(intruder->host->name, intruder->link.ifindex, frame, err);
	return result;
}

int bh_lab_send_tagged(struct bh_lab_intruder *intruder, enum bh_family family,
		       struct bh_error *err)
{
	struct victim db;
	struct bh_lab_frame frame;
	char name[64], text[32];
	uint16_t port = 0;
	int result = database(&db, err);

	if (result < 0)
		return result;
	BH_AUTO_CLOSE int fd = open_victim_port(&db, family, &port, err);

	if (fd < 0)
		return fd;
	struct bh_lab_ends ends = { .src_mac = intruder->link.mac,
				    .dst_mac = db.link.mac,
				    .src = bh_lab_host_addr(intruder->host, family),
				    .dst = addr_of(&db, family),
				    .tagged = true };

	snprintf(text, sizeof(text), "tagged %08x", random_number());
	bh_lab_frame_udp(&frame, &ends, 40000, port, text);
	result = send_often(intruder, &frame, err);
	if (result < 0)
		return result;
	bool through = received(fd, text);

	snprintf(name, sizeof(name), "802.1Q frame with VLAN 0, %s", bh_lab_family_name(family));
	bh_lab_tell(intruder, through, name, "a socket of lab-db %s its datagram",
		    through ? "received" : "never saw");
	return 0;
}

/* --- spoofed addresses ------------------------------------------------------------------------ */

/* A SYN that can be told from any other. */
struct syn {
	uint16_t src_port;
	uint32_t sequence;
};

static bool is_syn(struct bh_cursor packet, enum bh_family family, const struct syn *syn)
{
	size_t header = family == BH_IPV4 && packet.left > 0 ? (size_t)(packet.at[0] & 15) * 4 : 40;
	uint16_t src_port, dst_port;
	uint32_t sequence;

	return bh_cursor_skip(&packet, header) && bh_cursor_u16(&packet, &src_port) &&
	       bh_cursor_u16(&packet, &dst_port) && bh_cursor_u32(&packet, &sequence) &&
	       src_port == syn->src_port && dst_port == 5432 && sequence == syn->sequence;
}

static bool saw_syn(int fd, enum bh_family family, const struct syn *syn)
{
	int64_t until = bh_time_monotonic() + ARRIVAL_LIMIT * INT64_C(1000), left;
	uint8_t packet[256];

	while ((left = until - bh_time_monotonic()) > 0) {
		if (bh_lab_await(fd, (int)(left / 1000) + 1) < 0)
			continue;
		ssize_t got = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (got > 0 && is_syn(bh_cursor_over(packet, (size_t)got), family, syn))
			return true;
	}
	return false;
}

/* What the neighbour itself says now and then: after it the bridge knows again where it is. */
static int speak_up(const struct bh_lab_host *host, const struct bh_lab_link *link,
		    struct bh_error *err)
{
	struct bh_addr addr = bh_lab_host_addr(host, BH_IPV4);
	struct bh_lab_ends ends = { .src_mac = link->mac,
				    .dst_mac = { { 255, 255, 255, 255, 255, 255 } },
				    .src = addr,
				    .dst = addr };
	struct bh_lab_frame frame;

	bh_lab_frame_arp(&frame, &ends, true);
	return emit(host->name, link->ifindex, &frame, err);
}

/* The database's port, in the name of somebody who may use it. */
static int spoof(struct bh_lab_intruder *intruder, enum bh_family family, bool mac_too,
		 struct bh_error *err)
{
	const struct bh_lab_host *api = bh_lab_replica("api", 0);
	struct syn syn = { .src_port = (uint16_t)(20000 + random_number() % 10000),
			   .sequence = random_number() };
	struct bh_lab_link api_link;
	struct victim db;
	struct bh_lab_frame frame;
	char name[64];
	int result = database(&db, err);

	if (result == 0)
		result = bh_lab_link_read(api->name, BH_LAB_INNER, &api_link, err);
	if (result < 0)
		return result;
	BH_AUTO_CLOSE int fd = bh_lab_namespace_socket(
		db.netns, AF_PACKET, SOCK_DGRAM,
		htons(family == BH_IPV4 ? ETHERTYPE_IP : ETHERTYPE_IPV6), err);

	if (fd < 0)
		return fd;
	struct bh_lab_ends ends = { .src_mac = mac_too ? api_link.mac : intruder->link.mac,
				    .dst_mac = db.link.mac,
				    .src = bh_lab_host_addr(api, family),
				    .dst = addr_of(&db, family) };

	bh_lab_frame_syn(&frame, &ends, syn.src_port, 5432, syn.sequence);
	result = send_often(intruder, &frame, err);
	bool through = result == 0 && saw_syn(fd, family, &syn);

	int undone = mac_too ? speak_up(api, &api_link, result < 0 ? NULL : err) : 0;

	if (result < 0 || undone < 0)
		return result < 0 ? result : undone;
	snprintf(name, sizeof(name), "lab-api-1's %s to the database, %s",
		 mac_too ? "IP and MAC" : "IP", bh_lab_family_name(family));
	bh_lab_tell(intruder, through, name, "the SYN in its name %s lab-db",
		    through ? "arrived at" : "never reached");
	return 0;
}

int bh_lab_spoof_address(struct bh_lab_intruder *intruder, enum bh_family family,
			 struct bh_error *err)
{
	return spoof(intruder, family, false, err);
}

int bh_lab_spoof_both(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err)
{
	return spoof(intruder, family, true, err);
}

/* --- poisoned neighbour tables ---------------------------------------------------------------- */

struct poison {
	const char *name;
	const struct victim *victim;
	const struct bh_lab_host *claimed; /* whose address the intruder says is its own */
	enum bh_family family;
	struct bh_lab_frame frame;
};

static bool same_mac(const struct bh_mac *a, const struct bh_mac *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Puts the truth back before traffic can stray for long. */
static int swallow(const struct bh_lab_intruder *intruder, const struct poison *poison,
		   const struct bh_mac *truth, bool *swallowed, struct bh_error *err)
{
	const struct victim *v = poison->victim;
	struct bh_addr addr = bh_lab_host_addr(poison->claimed, poison->family);
	struct bh_mac mac;

	for (int i = 0; i < POISON_SENDINGS && !*swallowed; i++) {
		int result =
			emit(intruder->host->name, intruder->link.ifindex, &poison->frame, err);

		if (result < 0)
			return result;
		nanosleep(&(struct timespec) { .tv_nsec = POISON_PAUSE * 1000000L / 2 }, NULL);
		result = bh_lab_neighbour_read(v->netns, v->link.ifindex, &addr, &mac, err);
		if (result < 0 && result != -ENOENT)
			return result;
		*swallowed = result == 0 && same_mac(&mac, &intruder->link.mac);
		if (!*swallowed)
			nanosleep(&(struct timespec) { .tv_nsec = POISON_PAUSE * 1000000L / 2 },
				  NULL);
	}
	if (!*swallowed)
		return 0;
	return bh_lab_neighbour_write(v->netns, v->link.ifindex, &addr, truth, err);
}

/* A victim that has not met the neighbour has nothing to be poisoned. */
static int acquaint(const struct poison *poison, const struct bh_mac *truth, struct bh_error *err)
{
	const struct victim *v = poison->victim;
	struct bh_addr addr = bh_lab_host_addr(poison->claimed, poison->family);
	struct bh_mac mac;
	int result = bh_lab_neighbour_read(v->netns, v->link.ifindex, &addr, &mac, err);

	if (result != -ENOENT)
		return result;
	return bh_lab_neighbour_write(v->netns, v->link.ifindex, &addr, truth, err);
}

static int try_poison(struct bh_lab_intruder *intruder, const struct poison *poison,
		      struct bh_error *err)
{
	struct bh_lab_link claimed;
	bool swallowed = false;
	int result = bh_lab_link_read(poison->claimed->name, BH_LAB_INNER, &claimed, err);

	if (result == 0)
		result = acquaint(poison, &claimed.mac, err);
	if (result == 0)
		result = swallow(intruder, poison, &claimed.mac, &swallowed, err);
	if (result < 0)
		return result;
	char addr_text[BH_ADDR_TEXT], mac_text[BH_MAC_TEXT];
	struct bh_addr addr = bh_lab_host_addr(poison->claimed, poison->family);

	bh_addr_format(&addr, addr_text);
	bh_mac_format(&intruder->link.mac, mac_text);
	if (swallowed)
		bh_lab_tell(intruder, true, poison->name,
			    "%s took %s (%s) to be at the intruder's %s", poison->victim->title,
			    poison->claimed->name, addr_text, mac_text);
	else
		bh_lab_tell(intruder, false, poison->name, "%s still knows where %s (%s) is",
			    poison->victim->title, poison->claimed->name, addr_text);
	return 0;
}

static int arp(struct bh_lab_intruder *intruder, const char *name, const struct victim *victim,
	       const struct bh_lab_host *claimed, bool gratuitous, struct bh_error *err)
{
	struct poison poison = {
		.name = name, .victim = victim, .claimed = claimed, .family = BH_IPV4
	};
	struct bh_lab_ends ends = { .src_mac = intruder->link.mac,
				    .dst_mac = victim->link.mac,
				    .src = bh_lab_host_addr(claimed, BH_IPV4),
				    .dst = victim->addr4 };

	bh_lab_frame_arp(&poison.frame, &ends, gratuitous);
	return try_poison(intruder, &poison, err);
}

int bh_lab_poison_arp(struct bh_lab_intruder *intruder, struct bh_error *err)
{
	const struct bh_lab_host *api = bh_lab_replica("api", 0), *web = bh_lab_replica("web", 1);
	struct victim db, router;
	int result = database(&db, err);

	if (result == 0)
		result = gateway(&router, intruder, err);
	if (result == 0)
		result =
			arp(intruder, "ARP: gratuitous reply to the database", &db, api, true, err);
	if (result == 0)
		result = arp(intruder, "ARP: request to the database in another's name", &db, api,
			     false, err);
	if (result == 0)
		result = arp(intruder, "ARP: gratuitous reply to the gateway", &router, web, true,
			     err);
	return result;
}

/* The intruder speaks under its own address: only what it says is false. */
static int advertise(struct bh_lab_intruder *intruder, const char *name,
		     const struct victim *victim, const struct bh_lab_host *claimed,
		     struct bh_error *err)
{
	struct poison poison = {
		.name = name, .victim = victim, .claimed = claimed, .family = BH_IPV6
	};
	struct bh_lab_ends ends = { .src_mac = intruder->link.mac,
				    .dst_mac = victim->link.mac,
				    .src = bh_lab_host_addr(intruder->host, BH_IPV6),
				    .dst = victim->addr6 };
	struct bh_addr target = bh_lab_host_addr(claimed, BH_IPV6);

	bh_lab_frame_advertisement(&poison.frame, &ends, &target);
	return try_poison(intruder, &poison, err);
}

static int solicit(struct bh_lab_intruder *intruder, const char *name, const struct victim *victim,
		   const struct bh_lab_host *claimed, struct bh_error *err)
{
	struct poison poison = {
		.name = name, .victim = victim, .claimed = claimed, .family = BH_IPV6
	};
	struct bh_lab_ends ends = { .src_mac = intruder->link.mac,
				    .dst_mac = victim->link.mac,
				    .src = bh_lab_host_addr(claimed, BH_IPV6),
				    .dst = victim->addr6 };

	bh_lab_frame_solicitation(&poison.frame, &ends);
	return try_poison(intruder, &poison, err);
}

int bh_lab_poison_nd(struct bh_lab_intruder *intruder, struct bh_error *err)
{
	const struct bh_lab_host *api = bh_lab_replica("api", 0), *web = bh_lab_replica("web", 1);
	struct victim db, router;
	int result = database(&db, err);

	if (result == 0)
		result = gateway(&router, intruder, err);
	if (result == 0)
		result = advertise(intruder, "ND: unsolicited advertisement to the database", &db,
				   api, err);
	if (result == 0)
		result = solicit(intruder, "ND: solicitation to the database in another's name",
				 &db, api, err);
	if (result == 0)
		result = advertise(intruder, "ND: unsolicited advertisement to the gateway",
				   &router, web, err);
	return result;
}

/* --- a false router --------------------------------------------------------------------------- */

/* 1 where the victim takes the router for one within the limit, 0 where not. */
static int await_route(const struct victim *victim, const struct bh_addr *router,
		       struct bh_error *err)
{
	int64_t until = bh_time_monotonic() + ARRIVAL_LIMIT * INT64_C(1000);
	int there;

	while ((there = bh_lab_default_route_exists(victim->netns, router, err)) == 0 &&
	       bh_time_monotonic() < until)
		nanosleep(&(struct timespec) { .tv_nsec = 20000000 }, NULL);
	return there;
}

int bh_lab_false_router(struct bh_lab_intruder *intruder, struct bh_error *err)
{
	struct victim db;
	struct bh_lab_frame frame;
	int result = database(&db, err);

	if (result < 0)
		return result;
	/* To the database alone, so that nobody else has to be set right again. */
	struct bh_lab_ends ends = { .src_mac = intruder->link.mac,
				    .dst_mac = db.link.mac,
				    .src = intruder->link.link_local,
				    .dst = db.link.link_local };

	if (ends.src.family == BH_NO_FAMILY || ends.dst.family == BH_NO_FAMILY)
		return bh_error_set(err, -EADDRNOTAVAIL, "no link-local address in the lab");
	bh_lab_frame_router(&frame, &ends, 30);
	result = send_often(intruder, &frame, err);
	int believed = result < 0 ? result : await_route(&db, &ends.src, err);

	if (believed > 0)
		result = bh_lab_default_route_remove(db.netns, db.link.ifindex, &ends.src, err);
	if (believed < 0 || result < 0)
		return believed < 0 ? believed : result;
	bh_lab_tell(intruder, believed, "false router advertisement",
		    believed ? "lab-db took the intruder for its router"
			     : "lab-db has no route over the intruder");
	return 0;
}
