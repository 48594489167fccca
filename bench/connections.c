/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connections serve PORT: accepts and closes, for ever.
 * connections load ADDRESS PORT SECONDS: opens one connection after the other, waits for its end,
 * and prints how many there were, how many a second, and the CPU seconds that they took it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANES 4 /* processes that open connections, each one at a time */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const char *what)
{
	perror(what);
	return 1;
}

static int serve(const char *port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(fd, 1024) != 0)
		return die("connections serve");
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer >= 0)
			close(peer);
	}
}

/* The server closes first, so that the client's port is free again at once. */
static int open_one(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;
	int result = connect(fd, (const struct sockaddr *)to, sizeof(*to));

	if (result == 0 && read(fd, &byte, 1) < 0)
		result = -1;
	close(fd);
	return result;
}

static unsigned long load_lane(const struct sockaddr_in *to, double until)
{
	unsigned long count = 0;

	while (now() < until)
		count += open_one(to) == 0;
	return count;
}

static double used_by_children(void)
{
	struct rusage used;

	getrusage(RUSAGE_CHILDREN, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int load(const char *address, const char *port, double seconds)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	double begin = now();
	unsigned long total = 0, part;
	int results[2];

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || pipe(results) != 0)
		return die("connections load");
	for (int i = 0; i < LANES; i++) {
		if (fork() != 0)
			continue;
		part = load_lane(&to, begin + seconds);
		_exit(write(results[1], &part, sizeof(part)) != sizeof(part));
	}
	close(results[1]);
	while (read(results[0], &part, sizeof(part)) == sizeof(part))
		total += part;
	double took = now() - begin;
	while (wait(NULL) > 0)
		;
	printf("%lu %.0f %.6f\n", total, (double)total / took, used_by_children());
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "load") == 0)
		return load(argv[2], argv[3], atof(argv[4]));
	fputs("usage: connections serve PORT | load ADDRESS PORT SECONDS\n", stderr);
	return 2;
}
