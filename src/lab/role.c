/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shop's processes. Each host runs one, and each process a few tasks in threads: servers that
 * answer one request at a time, clients that ask at a small steady rate, and one conversation in
 * which the server speaks unasked over a connection that is to stay open.
 *
 * What holds: every wait has a limit, so that a peer that falls silent costs a failure and not a
 * thread; the limits grow from the leaves to the root, so that whoever waits hears the failure of
 * whom it asked. The listening sockets stand before the first counters are written, which is what
 * up waits for: whoever starts next can ask at once.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "grow.h"
#include "lab.h"
#include "namespace.h"
#include "net_io.h"
#include "timefmt.h"
#include "topology.h"

#define READ_LIMIT 1000 /* ms that a server waits for a request */
#define PUSH_EVERY 200	/* ms between two lines of the subscription */
#define PUSH_LIMIT 5000 /* ms of silence after which a subscriber gives up */
#define PING_TRIES 3
#define SUBSCRIBERS 8
#define REPORT_EVERY 250 /* ms */
#define TASKS 6

struct task;

/* What a host does; a role is a list of these, the last without a name. */
struct duty {
	void (*run)(struct task *task); /* NULL: only on request, see ask_behind() */
	const char *name;		/* as counted */
	const char *service;		/* whom it asks; NULL: it serves */
	uint16_t port;
	int type;  /* of socket: where it serves */
	int limit; /* ms for one request */
	int every; /* ms between requests */
};

struct role {
	const struct bh_lab_host *host;
	const struct duty *duties;
	struct bh_lab_counters counters;
	atomic_uint turn;
};

struct task {
	struct role *role;
	const struct duty *duty;
	int listener; /* -1: a client's */
};

static void sleep_ms(int milliseconds)
{
	struct timespec time = { .tv_sec = milliseconds / 1000,
				 .tv_nsec = milliseconds % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

/* --- clients ---------------------------------------------------------------------------------- */

/* The replicas in turn, each over IPv4 and then over IPv6. */
static struct bh_addr next_peer(const struct duty *duty, unsigned turn)
{
	const struct bh_lab_host *peer = bh_lab_replica(duty->service, turn / 2);

	return bh_lab_host_addr(peer, turn % 2 == 0 ? BH_IPV4 : BH_IPV6);
}

static int ask_once(struct role *role, const struct duty *duty, unsigned turn)
{
	struct bh_addr peer = next_peer(duty, turn);
	int fd = socket(bh_lab_domain(&peer), SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = fd < 0 ? -errno : bh_lab_ask(fd, &peer, duty->port, 0, duty->limit);

	bh_lab_count(&role->counters, bh_lab_counter(&role->counters, duty->name), result);
	return result;
}

static void ask_again_and_again(struct task *task)
{
	for (unsigned turn = 0;; turn++) {
		ask_once(task->role, task->duty, turn);
		sleep_ms(task->duty->every);
	}
}

/* Whoever is asked asks those it depends on first. */
static int ask_behind(struct role *role)
{
	unsigned turn = atomic_fetch_add(&role->turn, 1);
	int result = 0;

	for (const struct duty *d = role->duties; d->name != NULL && result == 0; d++)
		if (d->run == NULL)
			result = ask_once(role, d, turn);
	return result;
}

static int look_up(const struct bh_addr *peer, uint16_t port, int limit)
{
	int fd = socket(bh_lab_domain(peer), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : bh_lab_ask_datagram(fd, peer, port, limit);
}

static void look_up_again_and_again(struct task *task)
{
	const struct duty *duty = task->duty;
	struct bh_lab_counters *counters = &task->role->counters;
	struct bh_lab_counter *counter = bh_lab_counter(counters, duty->name);

	for (unsigned turn = 0;; turn++) {
		struct bh_addr peer = next_peer(duty, turn);

		bh_lab_count(counters, counter, look_up(&peer, duty->port, duty->limit));
		sleep_ms(duty->every);
	}
}

static int await_pong(int fd, enum bh_family family, uint16_t identifier, uint16_t sequence,
		      int limit)
{
	int64_t until = bh_time_monotonic() + limit * INT64_C(1000);
	struct bh_addr from;

	while (bh_time_monotonic() < until) {
		int result = bh_lab_await(fd, (int)((until - bh_time_monotonic()) / 1000));

		if (result != 0)
			return result;
		if (bh_lab_ping_read(fd, family, identifier, &from) == sequence)
			return 0;
	}
	return -ETIMEDOUT;
}

/* Asks again where no answer comes, as TCP does by itself: the moments in which an attack leads the
 * answers astray are no failure of the network. */
static int ping(const struct bh_addr *peer, uint16_t identifier, uint16_t sequence, int limit)
{
	BH_AUTO_CLOSE int fd = socket(bh_lab_domain(peer), SOCK_RAW | SOCK_CLOEXEC,
				      peer->family == BH_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	int result = fd < 0 ? -errno : -ETIMEDOUT;

	for (int tries = 0; result == -ETIMEDOUT && tries < PING_TRIES; tries++) {
		result = bh_lab_ping_send(fd, peer, identifier, sequence);
		if (result == 0)
			result = await_pong(fd, peer->family, identifier, sequence,
					    limit / PING_TRIES);
	}
	return result;
}

static void ping_again_and_again(struct task *task)
{
	const struct duty *duty = task->duty;
	struct bh_lab_counters *counters = &task->role->counters;
	struct bh_lab_counter *counter = bh_lab_counter(counters, duty->name);
	uint16_t identifier = (uint16_t)getpid();

	for (uint16_t turn = 0;; turn++) {
		struct bh_addr peer = next_peer(duty, turn);

		bh_lab_count(counters, counter, ping(&peer, identifier, turn, duty->limit));
		sleep_ms(duty->every);
	}
}

/* Reads what the server says unasked until it stops. */
static int listen_to(int fd, struct bh_lab_counters *counters, struct bh_lab_counter *counter)
{
	char line[256];
	ssize_t got;

	while ((got = recv(fd, line, sizeof(line), 0)) > 0)
		bh_lab_count(counters, counter, 0);
	return got == 0 ? -ECONNRESET : errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* The first replica over IPv4, the second over IPv6: for the connection's whole life. */
static enum bh_family family_of_replica(const struct bh_lab_host *host)
{
	return bh_lab_replica(host->service, 0) == host ? BH_IPV4 : BH_IPV6;
}

static void subscribe(struct task *task)
{
	const struct duty *duty = task->duty;
	struct bh_lab_counters *counters = &task->role->counters;
	struct bh_lab_counter *counter = bh_lab_counter(counters, duty->name);
	struct bh_addr peer = bh_lab_host_addr(bh_lab_replica(duty->service, 0),
					       family_of_replica(task->role->host));

	for (;; sleep_ms(duty->every)) {
		BH_AUTO_CLOSE int fd = socket(bh_lab_domain(&peer), SOCK_STREAM | SOCK_CLOEXEC, 0);
		int result = fd < 0 ? -errno : bh_lab_connect(fd, &peer, duty->port, 0, PUSH_LIMIT);
		bool open = result == 0;

		if (open)
			result = listen_to(fd, counters, counter);
		bh_lab_count(counters, counter, result);
		if (open)
			bh_lab_count_cut(counters, counter);
	}
}

/* --- servers ---------------------------------------------------------------------------------- */

/* One socket for both families. */
static int open_listener(const struct duty *duty)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(duty->port) };
	int fd = socket(AF_INET6, duty->type | SOCK_CLOEXEC, 0);
	int off = 0, on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (duty->type == SOCK_STREAM && listen(fd, 64) < 0)) {
		int result = -errno;

		close(fd);
		return result;
	}
	return fd;
}

static void answer(struct role *role, int client)
{
	static const char good[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	static const char bad[] = "HTTP/1.0 502 Bad Gateway\r\nContent-Length: 5\r\n\r\ndown\n";
	char request[1024];

	bh_lab_limit(client, READ_LIMIT);
	if (recv(client, request, sizeof(request), 0) <= 0)
		return; /* somebody who only knocked */
	if (ask_behind(role) == 0)
		send(client, good, sizeof(good) - 1, MSG_NOSIGNAL);
	else
		send(client, bad, sizeof(bad) - 1, MSG_NOSIGNAL);
}

static void serve_requests(struct task *task)
{
	for (;;) {
		BH_AUTO_CLOSE int client = accept4(task->listener, NULL, NULL, SOCK_CLOEXEC);

		if (client >= 0)
			answer(task->role, client);
		else
			sleep_ms(10);
	}
}

static void serve_datagrams(struct task *task)
{
	static const char reply[] = "ok, aisle nine";
	char question[512];

	for (;;) {
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);

		if (recvfrom(task->listener, question, sizeof(question), 0,
			     (struct sockaddr *)&from, &length) >= 0)
			sendto(task->listener, reply, sizeof(reply) - 1, 0,
			       (struct sockaddr *)&from, length);
	}
}

/* Where all places are taken the newcomer is turned away. */
static void admit(int listener, int subscribers[SUBSCRIBERS])
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; i < SUBSCRIBERS && fd >= 0; i++) {
		if (subscribers[i] >= 0)
			continue;
		subscribers[i] = fd;
		fd = -1;
	}
	bh_close_fd(&fd);
}

static void push_line(int subscribers[SUBSCRIBERS])
{
	static const char line[] = "a cart was filled\n";

	for (size_t i = 0; i < SUBSCRIBERS; i++)
		if (subscribers[i] >= 0 &&
		    send(subscribers[i], line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			bh_close_fd(&subscribers[i]);
}

static void serve_subscribers(struct task *task)
{
	int subscribers[SUBSCRIBERS];
	int64_t next = bh_time_monotonic();

	memset(subscribers, -1, sizeof(subscribers));
	for (;;) {
		int64_t left = next - bh_time_monotonic();

		if (bh_lab_await(task->listener, left > 0 ? (int)(left / 1000) + 1 : 0) == 0)
			admit(task->listener, subscribers);
		if (bh_time_monotonic() < next)
			continue;
		push_line(subscribers);
		next += PUSH_EVERY * INT64_C(1000);
	}
}

/* --- who does what ---------------------------------------------------------------------------- */

static const struct duty web[] = {
	{ serve_requests, "serves the shop", NULL, 80, SOCK_STREAM },
	{ NULL, "asks api", "api", 8080, .limit = 8000 },
	{ NULL },
};

static const struct duty api[] = {
	{ serve_requests, "serves orders", NULL, 8080, SOCK_STREAM },
	{ NULL, "asks cache", "cache", 6379, .limit = 3000 },
	{ NULL, "asks db", "db", 5432, .limit = 3000 },
	{ subscribe, "listens to cache", "cache", 6380, .every = 1000 },
	{ look_up_again_and_again, "looks up at cache", "cache", 53, .limit = 3000, .every = 1000 },
	{ ping_again_and_again, "pings db", "db", 0, .limit = 3000, .every = 4000 },
	{ NULL },
};

static const struct duty cache[] = {
	{ serve_requests, "serves keys", NULL, 6379, SOCK_STREAM },
	{ serve_subscribers, "speaks to subscribers", NULL, 6380, SOCK_STREAM },
	{ serve_datagrams, "serves lookups", NULL, 53, SOCK_DGRAM },
	{ NULL },
};

static const struct duty db[] = {
	{ serve_requests, "serves rows", NULL, 5432, SOCK_STREAM },
	{ NULL },
};

static const struct duty job[] = {
	{ ask_again_and_again, "asks api", "api", 8080, .limit = 8000, .every = 10000 },
	{ ask_again_and_again, "asks db", "db", 5432, .limit = 3000, .every = 10000 },
	{ NULL },
};

static const struct duty internet[] = {
	{ serve_requests, "serves anybody", NULL, 443, SOCK_STREAM },
	{ ask_again_and_again, "visits web", "web", 80, .limit = 12000, .every = 250 },
	{ NULL },
};

static const struct {
	const char *service;
	const struct duty *duties;
} roles[] = {
	{ "web", web }, { "api", api }, { "cache", cache },
	{ "db", db },	{ "job", job }, { "internet", internet },
};

static const struct duty *duties_of(const char *service)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].service, service) == 0)
			return roles[i].duties;
	abort(); /* a host without a part to play: a slip in this program */
}

/* --- the process ------------------------------------------------------------------------------ */

static void *run_task(void *task)
{
	((struct task *)task)->duty->run(task);
	return NULL;
}

static int prepare(struct role *role, struct task tasks[TASKS], size_t *count)
{
	for (const struct duty *d = role->duties; d->name != NULL; d++) {
		struct task task = { .role = role, .duty = d, .listener = -1 };

		if (d->service != NULL)
			bh_lab_counter(&role->counters, d->name);
		else if ((task.listener = open_listener(d)) < 0)
			return task.listener;
		if (d->run != NULL)
			tasks[(*count)++] = task;
	}
	return 0;
}

static int start(struct task tasks[TASKS], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		pthread_t thread;
		int result = pthread_create(&thread, NULL, run_task, &tasks[i]);

		if (result != 0)
			return -result;
		pthread_detach(thread);
	}
	return 0;
}

/* Until somebody ends it, or takes its namespace away. */
static int report_while_wanted(struct role *role)
{
	struct bh_error err = { 0 };

	while (bh_lab_namespace_is_here(role->host->name)) {
		if (bh_lab_counters_write(&role->counters, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return EXIT_FAILURE;
		}
		sleep_ms(REPORT_EVERY);
	}
	return EXIT_SUCCESS;
}

int bh_lab_role(int argc, char **argv)
{
	struct role role = { .host = argc == 1 ? bh_lab_host_named(argv[0]) : NULL };
	struct task tasks[TASKS];
	size_t count = 0;

	if (role.host == NULL || !bh_lab_namespace_is_here(role.host->name)) {
		fprintf(stderr, "lab role: not in the namespace of a host of the lab\n");
		return 2;
	}
	prctl(PR_SET_NAME, role.host->name);
	role.duties = duties_of(role.host->service);
	bh_lab_counters_open(&role.counters, role.host->name);
	int result = prepare(&role, tasks, &count);

	if (result == 0)
		result = start(tasks, count);
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", role.host->name, strerror(-result));
		return EXIT_FAILURE;
	}
	return report_while_wanted(&role);
}
