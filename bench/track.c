/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * track MODE: follows connection tracking as bulkhead could, until SIGTERM; then prints its CPU
 * seconds and the entries that it heard of.
 *   news      every entry that is made or ends
 *   ended     those that end
 *   filtered  as news, but a socket filter lets through none: what it costs to make the messages
 *   dump      everything, every 5 seconds
 *   find      no news, but 1,000 lookups a second
 */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "address.h"
#include "timefmt.h"
#include "tracker.h"

#define DUMP_EVERY (5 * BH_SECOND)
#define FIND_EVERY (BH_SECOND / 10)
#define FIND_COUNT 100
#define RECEIVE_BUFFER (8 << 20)

static volatile sig_atomic_t over;

static void on_term(int number)
{
	(void)number;
	over = 1;
}

static void on_entry(void *user, const struct bh_tracked *entry)
{
	(void)entry;
	(*(unsigned long *)user)++;
}

static void on_dumped(void *user, int code)
{
	(void)user;
	if (code != 0)
		fprintf(stderr, "track: dump: %s\n", strerror(-code));
}

static void on_overrun(void *user, uint64_t count)
{
	(void)user;
	fprintf(stderr, "track: %llu overruns\n", (unsigned long long)count);
}

/* The entries need not exist to cost what a search costs. */
static void find_some(struct bh_tracker *t)
{
	struct bh_flow_key keys[FIND_COUNT];
	static uint16_t port;

	for (size_t i = 0; i < FIND_COUNT; i++) {
		keys[i] =
			(struct bh_flow_key) { .sport = ++port, .dport = 80, .proto = IPPROTO_TCP };
		bh_addr_parse("10.91.1.2", &keys[i].src);
		bh_addr_parse("10.91.2.2", &keys[i].dst);
	}
	bh_tracker_find(t, keys, FIND_COUNT);
}

static int drop_all(int fd)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { 1, nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void follow(struct bh_tracker *t, const char *mode)
{
	int fds[BH_TRACKER_FDS];
	struct pollfd polls[BH_TRACKER_FDS];
	size_t count = bh_tracker_fds(t, fds);
	int64_t due = 0;
	bool dump = strcmp(mode, "dump") == 0, find = strcmp(mode, "find") == 0;

	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd) { .fd = fds[i], .events = POLLIN };
	if (strcmp(mode, "filtered") == 0 && drop_all(fds[count - 1]) != 0)
		perror("track: filter");
	while (!over) {
		int64_t now = bh_time_monotonic();

		if (now >= due && dump)
			bh_tracker_dump(t);
		if (now >= due && find)
			find_some(t);
		if (now >= due)
			due = now + (find ? FIND_EVERY : DUMP_EVERY);
		if (poll(polls, count, 50) > 0)
			bh_tracker_read(t);
	}
}

int main(int argc, char **argv)
{
	unsigned long heard = 0;
	struct rusage used;
	struct bh_tracker_events events = { &heard, on_entry, on_dumped, on_overrun };
	struct bh_tracker_config config = { .receive_buffer = RECEIVE_BUFFER };
	struct bh_error err = { 0 };

	if (argc != 2) {
		fputs("usage: track news|ended|filtered|dump|find\n", stderr);
		return 2;
	}
	config.made = strcmp(argv[1], "news") == 0 || strcmp(argv[1], "filtered") == 0;
	config.ended = config.made || strcmp(argv[1], "ended") == 0;
	signal(SIGTERM, on_term);
	struct bh_tracker *t = bh_tracker_open(&config, &events, &err);
	if (t == NULL) {
		fprintf(stderr, "track: %s\n", err.text);
		return 1;
	}
	follow(t, argv[1]);
	bh_tracker_close(t);
	getrusage(RUSAGE_SELF, &used);
	printf("%.2f %lu\n",
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
	       heard);
	return 0;
}
