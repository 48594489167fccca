/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic of a fixed amount between two namespaces.
 *
 *   load serve ADDRESS            answers the others, until it is ended
 *   load MODE ADDRESS COUNT [RATE]
 *     bulk      one TCP connection, COUNT bytes one way
 *     connect   COUNT TCP connections one after the other: opened, a request, its answer, closed by
 *               the server (so that it, not the client, remembers the ports for a while)
 *     tcp, udp  COUNT round trips of a small message, by one connection, by one socket
 *     small     COUNT small UDP packets of a few flows, RATE a second (0: as fast as it goes)
 *     fresh     the same, but every packet is a flow of its own (1,600,000 at most)
 *     stream    COUNT small TCP packets, by a few connections that stand, RATE a second
 *
 * Prints one JSON object: what was done, in how many seconds, how many of it a second, the CPU
 * seconds of this process, and of connections and round trips the median and the 99th percentile in
 * µs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SINK_TCP = 7001, ONCE_TCP, ECHO_TCP, STREAM_TCP, ECHO_UDP, SINK_UDP };

#define BULK_CHUNK (128 << 10)
#define MESSAGE 64 /* bytes of a request, an answer, a small packet's payload */
#define BATCH 32
#define FEW_FLOWS 16
#define FRESH_SOCKETS 32
#define FRESH_FIRST_PORT 10000
#define FRESH_PORTS 50000

static void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1) {
		fprintf(stderr, "load: %s is no IPv4 address\n", text);
		exit(2);
	}
	return a;
}

static int make_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int connect_to(int type, const char *text, int port)
{
	struct sockaddr_in a = address_of(text, port);
	int fd = make_socket(type);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		fail("connect");
	return fd;
}

/* --- the server ------------------------------------------------------------------------------- */

static int listen_on(int type, const char *text, int port)
{
	struct sockaddr_in a = address_of(text, port);
	int fd = make_socket(type);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    (type == SOCK_STREAM && listen(fd, 1024) != 0))
		fail("listen");
	return fd;
}

static void swallow(int fd)
{
	static char room[BULK_CHUNK];

	while (read(fd, room, sizeof(room)) > 0)
		;
	if (write(fd, "", 1) < 0)
		fail("the last word");
}

static bool answer(int fd)
{
	char room[MESSAGE];
	ssize_t got = read(fd, room, sizeof(room));

	return got > 0 && write(fd, room, (size_t)got) == got;
}

static void answer_once(int fd)
{
	answer(fd);
}

static void answer_all(int fd)
{
	while (answer(fd))
		;
}

static void serve_connections(int fd, void (*serve)(int fd))
{
	for (;;) {
		int one = accept(fd, NULL, NULL);

		if (one < 0)
			continue;
		serve(one);
		close(one);
	}
}

/* Takes what comes on many at once. */
static void serve_streams(int listener)
{
	struct pollfd fds[FEW_FLOWS + 1] = { { .fd = listener, .events = POLLIN } };
	static char room[BULK_CHUNK];
	nfds_t count = 1;

	for (;;) {
		fds[0].events = count <= FEW_FLOWS ? POLLIN : 0;
		poll(fds, count, -1);
		for (nfds_t i = count - 1; i > 0; i--) {
			if (fds[i].revents == 0 || read(fds[i].fd, room, sizeof(room)) > 0)
				continue;
			close(fds[i].fd);
			fds[i] = fds[--count];
		}
		if (fds[0].revents != 0)
			fds[count++] = (struct pollfd) { .fd = accept(listener, NULL, NULL),
							 .events = POLLIN };
	}
}

static void serve_datagrams(int fd, bool echo)
{
	struct sockaddr_in from;
	char room[MESSAGE];

	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t got =
			recvfrom(fd, room, sizeof(room), 0, (struct sockaddr *)&from, &length);

		if (got > 0 && echo)
			sendto(fd, room, (size_t)got, 0, (struct sockaddr *)&from, length);
	}
}

static void serve_port(const char *text, int port)
{
	if (port == SINK_TCP)
		serve_connections(listen_on(SOCK_STREAM, text, port), swallow);
	if (port == ONCE_TCP)
		serve_connections(listen_on(SOCK_STREAM, text, port), answer_once);
	if (port == ECHO_TCP)
		serve_connections(listen_on(SOCK_STREAM, text, port), answer_all);
	if (port == STREAM_TCP)
		serve_streams(listen_on(SOCK_STREAM, text, port));
	serve_datagrams(listen_on(SOCK_DGRAM, text, port), port == ECHO_UDP);
}

static int serve(const char *text)
{
	for (int port = SINK_TCP; port <= SINK_UDP; port++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_port(text, port);
	}
	pause();
	return 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static void bulk(const char *text, uint64_t bytes)
{
	static const char room[BULK_CHUNK];
	int fd = connect_to(SOCK_STREAM, text, SINK_TCP);

	while (bytes > 0) {
		ssize_t sent = write(fd, room, bytes < sizeof(room) ? bytes : sizeof(room));

		if (sent < 0)
			fail("write");
		bytes -= (uint64_t)sent;
	}
	shutdown(fd, SHUT_WR);
	char last;
	if (read(fd, &last, 1) != 1)
		fail("the last word");
	close(fd);
}

/* What is lost on the way never comes back: the wait for it has an end. */
static void ask(int fd)
{
	char room[MESSAGE] = "";

	if (send(fd, room, sizeof(room), 0) != sizeof(room) ||
	    recv(fd, room, sizeof(room), MSG_WAITALL) != sizeof(room))
		fail("a round trip");
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* So many times, one after the other, and how long they took. */
static void repeat(void (*once)(const void *about), const void *about, uint64_t count)
{
	float *usec = calloc(count + 1, sizeof(*usec));

	if (usec == NULL)
		fail("memory");
	for (uint64_t i = 0; i < count; i++) {
		double start = now();

		once(about);
		usec[i] = (float)((now() - start) * 1e6);
	}
	qsort(usec, count, sizeof(*usec), by_size);
	printf("\"p50_usec\":%.2f,\"p99_usec\":%.2f,", (double)usec[count / 2],
	       (double)usec[count * 99 / 100]);
	free(usec);
}

static void connect_once(const void *address)
{
	int fd = connect_to(SOCK_STREAM, address, ONCE_TCP);
	char end;

	ask(fd);
	if (read(fd, &end, 1) != 0)
		fail("the end of a connection");
	close(fd);
}

static void ask_once(const void *fd)
{
	ask(*(const int *)fd);
}

static void round_trips(int fd, uint64_t count)
{
	const struct timeval patience = { .tv_sec = 5 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	repeat(ask_once, &fd, count);
	close(fd);
}

struct burst {
	struct mmsghdr messages[BATCH];
	struct iovec payloads[BATCH];
	struct sockaddr_in to[BATCH];
};

static void prepare(struct burst *b, const char *text)
{
	static char payload[MESSAGE];

	*b = (struct burst) { 0 };
	for (int i = 0; i < BATCH; i++) {
		b->payloads[i] = (struct iovec) { payload, sizeof(payload) };
		b->to[i] = address_of(text, SINK_UDP);
		b->messages[i].msg_hdr = (struct msghdr) { .msg_name = &b->to[i],
							   .msg_namelen = sizeof(b->to[i]),
							   .msg_iov = &b->payloads[i],
							   .msg_iovlen = 1 };
	}
}

static void keep_pace(double start, uint64_t sent, uint64_t rate)
{
	double ahead = rate > 0 ? start + (double)sent / (double)rate - now() : 0;

	if (ahead > 0)
		usleep((useconds_t)(ahead * 1e6));
}

/* fresh: each packet of a socket goes to another port. */
static void packets(const char *text, uint64_t count, uint64_t rate, bool fresh)
{
	int fds[FRESH_SOCKETS], sockets = fresh ? FRESH_SOCKETS : FEW_FLOWS;
	double start = now();
	struct burst b;

	prepare(&b, text);
	for (int i = 0; i < sockets; i++)
		fds[i] = make_socket(SOCK_DGRAM);
	for (uint64_t sent = 0, round = 0; sent < count; round++) {
		unsigned size = count - sent < BATCH ? (unsigned)(count - sent) : BATCH;
		uint64_t port = round / FRESH_SOCKETS * BATCH;

		for (unsigned i = 0; fresh && i < size; i++)
			b.to[i].sin_port =
				htons((uint16_t)(FRESH_FIRST_PORT + (port + i) % FRESH_PORTS));
		int got = sendmmsg(fds[round % (uint64_t)sockets], b.messages, size, 0);
		if (got < 0 && errno != ECONNREFUSED && errno != ENOBUFS)
			fail("sendmmsg");
		sent += got > 0 ? (uint64_t)got : 0;
		keep_pace(start, sent, rate);
	}
}

static void stream(const char *text, uint64_t count, uint64_t rate)
{
	static const char message[MESSAGE];
	int fds[FEW_FLOWS];
	char end;

	for (int i = 0; i < FEW_FLOWS; i++)
		fds[i] = connect_to(SOCK_STREAM, text, STREAM_TCP);
	double start = now();
	for (uint64_t sent = 0; sent < count; sent++) {
		if (write(fds[sent % FEW_FLOWS], message, sizeof(message)) != sizeof(message))
			fail("write");
		if (sent % BATCH == 0)
			keep_pace(start, sent, rate);
	}
	for (int i = 0; i < FEW_FLOWS; i++) {
		shutdown(fds[i], SHUT_WR);
		if (read(fds[i], &end, 1) != 0)
			fail("the end of a stream");
		close(fds[i]);
	}
}

static int run(const char *mode, const char *text, uint64_t count, uint64_t rate)
{
	double start = now();

	printf("{\"mode\":\"%s\",\"count\":%" PRIu64 ",", mode, count);
	if (strcmp(mode, "bulk") == 0)
		bulk(text, count);
	else if (strcmp(mode, "connect") == 0)
		repeat(connect_once, text, count);
	else if (strcmp(mode, "tcp") == 0)
		round_trips(connect_to(SOCK_STREAM, text, ECHO_TCP), count);
	else if (strcmp(mode, "udp") == 0)
		round_trips(connect_to(SOCK_DGRAM, text, ECHO_UDP), count);
	else if (strcmp(mode, "small") == 0 || strcmp(mode, "fresh") == 0)
		packets(text, count, rate, mode[0] == 'f');
	else if (strcmp(mode, "stream") == 0)
		stream(text, count, rate);
	else
		return 2;
	double took = now() - start;
	printf("\"seconds\":%.4f,\"rate\":%.1f,\"cpu_seconds\":%.4f}\n", took, (double)count / took,
	       cpu_seconds());
	return 0;
}

int main(int argc, char **argv)
{
	int status = 2;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		status = serve(argv[2]);
	else if (argc == 4 || argc == 5)
		status = run(argv[1], argv[2], strtoull(argv[3], NULL, 10),
			     argc == 5 ? strtoull(argv[4], NULL, 10) : 0);
	if (status == 2)
		fputs("usage: load serve ADDRESS | load bulk|connect|tcp|udp|small|fresh|stream "
		      "ADDRESS "
		      "COUNT [RATE]\n",
		      stderr);
	return status;
}
