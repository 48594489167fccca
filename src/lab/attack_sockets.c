/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the intruder tries with ordinary sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "intruder.h"
#include "namespace.h"
#include "net_io.h"
#include "timefmt.h"

#define SCAN_LIMIT 600	 /* ms for all of a scan's probes together */
#define ANSWER_LIMIT 900 /* ms for one conversation */

static const uint16_t ports[] = { 22, 80, 443, 5432, 6379, 6380, 8080 };
#define PORTS (sizeof(ports) / sizeof(ports[0]))
#define PROBES 64

static const char *named(char out[64], const char *what, enum bh_family family)
{
	snprintf(out, 64, "%s, %s", what, bh_lab_family_name(family));
	return out;
}

static const char *why(int result)
{
	return result == -EPROTO ? "an unexpected answer" : strerror(-result);
}

static int intruder_socket(const struct bh_lab_intruder *intruder, enum bh_family family, int type,
			   int protocol, struct bh_error *err)
{
	return bh_lab_namespace_socket(intruder->host->name, family == BH_IPV4 ? AF_INET : AF_INET6,
				       type, protocol, err);
}

/* The containers beside the intruder, one after another; NULL at the end. */
static const struct bh_lab_host *next_neighbour(const struct bh_lab_intruder *intruder,
						size_t *position)
{
	size_t count;
	const struct bh_lab_host *hosts = bh_lab_hosts(&count);

	while (*position < count) {
		const struct bh_lab_host *host = &hosts[(*position)++];

		if (host->bridged && host != intruder->host)
			return host;
	}
	return NULL;
}

/* --- TCP scan --------------------------------------------------------------------------------- */

struct probe {
	const struct bh_lab_host *host;
	uint16_t port;
	bool open;
};

struct scan {
	struct probe probes[PROBES];
	struct pollfd fds[PROBES]; /* fd −1: over */
	size_t count;
};

static int add_probe(struct scan *scan, const struct bh_lab_intruder *intruder,
		     const struct bh_lab_host *host, uint16_t port, enum bh_family family,
		     struct bh_error *err)
{
	struct bh_addr addr = bh_lab_host_addr(host, family);
	struct sockaddr_storage to;
	socklen_t length = bh_lab_sockaddr(&addr, port, 0, &to);

	if (scan->count == PROBES)
		return bh_error_set(err, -E2BIG, "more than %d ports to scan", PROBES);
	int fd = intruder_socket(intruder, family, SOCK_STREAM | SOCK_NONBLOCK, 0, err);

	if (fd < 0)
		return fd;
	scan->probes[scan->count] = (struct probe) { .host = host, .port = port };
	scan->fds[scan->count++] = (struct pollfd) { .fd = fd, .events = POLLOUT };
	connect(fd, (struct sockaddr *)&to, length); /* poll() tells what came of it */
	return 0;
}

/* Hangs up at once: the servers have other customers. */
static void settle_probe(struct scan *scan, size_t i)
{
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(scan->fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
	scan->probes[i].open = error == 0 && (scan->fds[i].revents & (POLLERR | POLLHUP)) == 0;
	bh_close_fd(&scan->fds[i].fd);
}

static void await_probes(struct scan *scan)
{
	int64_t until = bh_time_monotonic() + SCAN_LIMIT * INT64_C(1000), left;
	size_t open = scan->count;

	while (open > 0 && (left = until - bh_time_monotonic()) > 0) {
		if (poll(scan->fds, scan->count, (int)(left / 1000) + 1) <= 0)
			continue;
		for (size_t i = 0; i < scan->count; i++) {
			if (scan->fds[i].fd < 0 || scan->fds[i].revents == 0)
				continue;
			settle_probe(scan, i);
			open--;
		}
	}
}

static void close_scan(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		bh_close_fd(&scan->fds[i].fd);
}

/* The one thing that web asks its neighbours for. */
static bool is_meant(const struct probe *probe)
{
	return strcmp(probe->host->service, "api") == 0 && probe->port == 8080;
}

static void tell_scan(struct bh_lab_intruder *intruder, const struct scan *scan, const char *name)
{
	struct bh_buffer list = { 0 };
	unsigned open = 0, meant = 0;

	bh_buffer_puts(&list, "");
	for (size_t i = 0; i < scan->count; i++) {
		const struct probe *p = &scan->probes[i];

		meant += p->open && is_meant(p);
		if (!p->open || is_meant(p))
			continue;
		bh_buffer_printf(&list, "%s %s:%u", open++ == 0 ? ":" : "", p->host->name, p->port);
	}
	bh_lab_tell(intruder, open > 0, name,
		    "%u of %zu ports open that are not web's business%s (and %u that are)", open,
		    scan->count, list.data, meant);
	bh_buffer_free(&list);
}

int bh_lab_scan_tcp(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err)
{
	__attribute__((cleanup(close_scan))) struct scan scan = { 0 };
	const struct bh_lab_host *host;
	size_t position = 0;
	char name[64];

	while ((host = next_neighbour(intruder, &position)) != NULL) {
		for (size_t i = 0; i < PORTS; i++) {
			int result = add_probe(&scan, intruder, host, ports[i], family, err);

			if (result < 0)
				return result;
		}
	}
	await_probes(&scan);
	tell_scan(intruder, &scan, named(name, "TCP scan of the neighbours", family));
	return 0;
}

/* --- UDP and ping ----------------------------------------------------------------------------- */

int bh_lab_scan_udp(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err)
{
	struct bh_addr addr = bh_lab_host_addr(bh_lab_replica("cache", 0), family);
	int fd = intruder_socket(intruder, family, SOCK_DGRAM, 0, err);
	char name[64];

	if (fd < 0)
		return fd;
	int result = bh_lab_ask_datagram(fd, &addr, 53, SCAN_LIMIT);

	bh_lab_tell(intruder, result == 0, named(name, "UDP probe of the cache", family),
		    "lab-cache:53/udp: %s", result == 0 ? "answered" : why(result));
	return 0;
}

static unsigned await_pings(int fd, enum bh_family family, uint16_t identifier, unsigned sent)
{
	int64_t until = bh_time_monotonic() + SCAN_LIMIT * INT64_C(1000), left;
	uint64_t answered = 0;
	struct bh_addr from;

	while (__builtin_popcountll(answered) < (int)sent &&
	       (left = until - bh_time_monotonic()) > 0) {
		if (bh_lab_await(fd, (int)(left / 1000) + 1) < 0)
			continue;
		int sequence = bh_lab_ping_read(fd, family, identifier, &from);

		if (sequence >= 0 && sequence < (int)sent)
			answered |= UINT64_C(1) << sequence;
	}
	return (unsigned)__builtin_popcountll(answered);
}

int bh_lab_scan_ping(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err)
{
	BH_AUTO_CLOSE int fd = intruder_socket(
		intruder, family, SOCK_RAW, family == BH_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, err);
	uint16_t identifier = (uint16_t)getpid();
	const struct bh_lab_host *host;
	size_t position = 0;
	unsigned sent = 0;
	char name[64];

	if (fd < 0)
		return fd;
	while ((host = next_neighbour(intruder, &position)) != NULL) {
		struct bh_addr addr = bh_lab_host_addr(host, family);

		bh_lab_ping_send(fd, &addr, identifier, (uint16_t)sent++);
	}
	unsigned answered = await_pings(fd, family, identifier, sent);

	bh_lab_tell(intruder, answered > 0, named(name, "ping of the neighbours", family),
		    "%u of %u answered", answered, sent);
	return 0;
}

/* --- conversations ---------------------------------------------------------------------------- */

static int converse(struct bh_lab_intruder *intruder, const char *name, const char *whom,
		    const struct bh_addr *addr, uint16_t port, struct bh_error *err)
{
	uint32_t scope = bh_addr_is_link_local(addr) ? (uint32_t)intruder->link.ifindex : 0;
	int fd = intruder_socket(intruder, (enum bh_family)addr->family, SOCK_STREAM, 0, err);
	char text[BH_ADDR_TEXT];

	if (fd < 0)
		return fd;
	int result = bh_lab_ask(fd, addr, port, scope, ANSWER_LIMIT);

	bh_lab_tell(intruder, result == 0, name, "%s (%s port %u): %s", whom,
		    bh_addr_format(addr, text), port, result == 0 ? "answered" : why(result));
	return 0;
}

int bh_lab_reach_database(struct bh_lab_intruder *intruder, enum bh_family family,
			  struct bh_error *err)
{
	struct bh_addr addr = bh_lab_host_addr(bh_lab_replica("db", 0), family);
	char name[64];

	return converse(intruder, named(name, "database from the web tier", family), "lab-db",
			&addr, 5432, err);
}

int bh_lab_reach_link_local(struct bh_lab_intruder *intruder, struct bh_error *err)
{
	struct bh_lab_link db;
	int result = bh_lab_link_read(bh_lab_replica("db", 0)->name, BH_LAB_INNER, &db, err);

	if (result < 0)
		return result;
	if (db.link_local.family == BH_NO_FAMILY)
		return bh_error_set(err, -EADDRNOTAVAIL, "lab-db has no link-local address");
	return converse(intruder, "database over link-local IPv6", "lab-db", &db.link_local, 5432,
			err);
}

int bh_lab_call_out(struct bh_lab_intruder *intruder, enum bh_family family, struct bh_error *err)
{
	struct bh_addr addr = bh_lab_host_addr(bh_lab_replica("internet", 0), family);
	char name[64];

	return converse(intruder, named(name, "call out to the internet", family), "lab-internet",
			&addr, 443, err);
}
