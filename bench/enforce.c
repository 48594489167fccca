/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What changing the kernel's rules costs, by our own code and by netlink alone. To be run in a
 * network namespace of its own (bench/enforce.sh, bench/rules.sh). The rules are those of a
 * cluster (cluster.h) of EDGES edges between workloads of REPLICAS containers each.
 *
 *   enforce hold EDGES REPLICAS
 *       applies them, says so, and keeps them until it is ended
 *   enforce print KIND EDGES REPLICAS
 *       the same for others: nft, iptables, ipset (see cluster.h), ruleset (ours, for `nft -f`)
 *   enforce load EDGES REPLICAS; enforce record EDGES REPLICAS FILE
 *       applies them once; and writes the transaction to a file
 *   enforce send FILE
 *       sends such a transaction, and nothing else
 *   enforce start EDGES REPLICAS ROUNDS CONTAINERS
 *       so many containers appear in one apply, and go again
 *   enforce scan EDGES REPLICAS ROUNDS
 *       reads the tables and compares them with what was applied, as the daemon does now and then
 *
 * With --stateless before all of it the bridge judges by itself.
 *
 * Times are processor seconds of the calling thread, in which the kernel does all of the work but
 * freeing what goes; where others use the machine they say more than the clock.
 */
#include "cluster.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "grow.h"
#include "nft.h"
#include "ruleset.h"

static const struct bh_nft_config config = { .owner = true, .log_group = 1 };

static void die(const char *what, const char *why)
{
	fprintf(stderr, "enforce: %s: %s\n", what, why);
	exit(1);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- transactions, as they are sent -------------------------------------------------------------
 */

/* The last one, without its first message: what that says of the generation is of that moment. */
static struct bh_buffer recorded;
static bool recording;
static struct mnl_socket *sent_by;

ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl, const void *bytes, size_t length);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *bytes, size_t length);

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *bytes, size_t length)
{
	const struct nlmsghdr *first = bytes;

	if (recording && first->nlmsg_type == NFNL_MSG_BATCH_BEGIN) {
		size_t begin = MNL_ALIGN(first->nlmsg_len);

		bh_buffer_clear(&recorded);
		bh_buffer_append(&recorded, (const char *)bytes + begin, length - begin);
		sent_by = (struct mnl_socket *)(uintptr_t)nl;
	}
	return __real_mnl_socket_sendto(nl, bytes, length);
}

/* begin and what was recorded, ready to be sent. */
static struct bh_buffer take_recorded(void)
{
	char begin[64] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(begin);
	struct bh_buffer bytes = { 0 };

	nlh->nlmsg_type = NFNL_MSG_BATCH_BEGIN;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->res_id = htons(NFNL_SUBSYS_NFTABLES);
	bh_buffer_append(&bytes, begin, nlh->nlmsg_len);
	bh_buffer_append(&bytes, recorded.data, recorded.length);
	return bytes;
}

static void must_have_worked(struct mnl_socket *nl)
{
	static char room[1 << 16];
	int fd = mnl_socket_get_fd(nl);
	ssize_t got;

	while ((got = recv(fd, room, sizeof(room), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)room;
		const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_type == NLMSG_ERROR && answer->error != 0)
			die("the bare transaction", strerror(-answer->error));
	}
}

static double send_bare(struct mnl_socket *nl, const struct bh_buffer *bytes)
{
	double before = cpu_seconds();

	if (__real_mnl_socket_sendto(nl, bytes->data, bytes->length) < 0)
		die("the bare transaction", strerror(errno));
	must_have_worked(nl);
	return cpu_seconds() - before;
}

/* --- applying --------------------------------------------------------------------------------- */

static struct bh_nft *open_nft(void)
{
	struct bh_error err = { 0 };
	struct bh_nft *nft = bh_nft_open(&config, &err);

	if (nft == NULL)
		die("opening", err.text);
	return nft;
}

static double apply(struct bh_nft *nft, const struct bh_ruleset *rules,
		    struct bh_nft_change *change)
{
	struct bh_error err = { 0 };
	double before = cpu_seconds();

	if (bh_nft_apply(nft, rules, change, &err) != 0)
		die("applying", err.text);
	return cpu_seconds() - before;
}

/* What was applied; it is to live as long as nft. */
static struct bh_ruleset *apply_cluster(struct bh_nft *nft, const struct cluster *c,
					struct bh_nft_change *change)
{
	struct bh_ruleset *rules = cluster_ruleset(c);

	apply(nft, rules, change);
	return rules;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *numbers, size_t count)
{
	qsort(numbers, count, sizeof(*numbers), by_size);
	return (numbers[count / 2] + numbers[(count - 1) / 2]) / 2;
}

/* --- commands --------------------------------------------------------------------------------- */

static int hold(const struct cluster *c)
{
	struct bh_nft *nft = open_nft();
	struct bh_nft_change change;

	struct bh_ruleset *rules = apply_cluster(nft, c, &change);
	printf("%zu elements\n", change.elements);
	fflush(stdout);
	pause();
	bh_nft_close(nft);
	bh_ruleset_free(rules);
	return 0;
}

static int print(const char *kind, const struct cluster *c)
{
	if (strcmp(kind, "ruleset") != 0)
		return cluster_print(c, kind, stdout) ? 0 : 2;
	struct bh_ruleset *rules = cluster_ruleset(c);
	char *text = bh_nft_text(rules, &config);
	fputs(text, stdout);
	free(text);
	bh_ruleset_free(rules);
	return 0;
}

static void write_recorded(const char *path)
{
	struct bh_buffer bytes = take_recorded();
	FILE *file = fopen(path, "we");

	if (file == NULL || fwrite(bytes.data, bytes.length, 1, file) != 1 || fclose(file) != 0)
		die(path, strerror(errno));
	bh_buffer_free(&bytes);
}

/* path: where the transaction is written to, or NULL. */
static int load(const struct cluster *c, const char *path)
{
	struct bh_nft *nft = open_nft();
	struct bh_nft_change change;

	recording = path != NULL;
	struct bh_ruleset *rules = apply_cluster(nft, c, &change);
	if (path != NULL)
		write_recorded(path);
	printf("%zu\n", change.elements);
	bh_nft_close(nft);
	bh_ruleset_free(rules);
	return 0;
}

static int send_file(const char *path)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	FILE *file = fopen(path, "re");
	struct bh_buffer bytes = { 0 };
	char part[1 << 16];
	size_t got;

	if (file == NULL || nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) != 0)
		die(path, strerror(errno));
	while ((got = fread(part, 1, sizeof(part), file)) > 0)
		bh_buffer_append(&bytes, part, got);
	fclose(file);
	int room = (int)bytes.length + 4096;
	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	send_bare(nl, &bytes);
	bh_buffer_free(&bytes);
	mnl_socket_close(nl);
	return 0;
}

/* Containers appear, by both ways in turn, and go again. */
static int start(const struct cluster *c, unsigned rounds, unsigned containers)
{
	struct cluster more = *c;
	struct bh_ruleset *before = cluster_ruleset(c), *after;
	struct bh_nft *nft = open_nft();
	struct bh_nft_change change;
	double *ours = bh_calloc(rounds, sizeof(double)), *bare = bh_calloc(rounds, sizeof(double));

	more.extra += containers;
	after = cluster_ruleset(&more);
	apply(nft, before, &change);
	size_t all = change.elements;
	recording = true;
	apply(nft, after, &change);
	struct bh_buffer appear = take_recorded();
	apply(nft, before, NULL);
	struct bh_buffer go = take_recorded();
	recording = false;
	for (unsigned i = 0; i < rounds; i++) {
		ours[i] = apply(nft, after, NULL);
		apply(nft, before, NULL);
		bare[i] = send_bare(sent_by, &appear);
		send_bare(sent_by, &go);
	}
	double mine = median(ours, rounds), least = median(bare, rounds);
	printf("%zu %u %zu %.3f %.3f %.2f\n", all, containers, change.elements, mine * 1e3,
	       least * 1e3, mine / least);
	bh_buffer_free(&appear);
	bh_buffer_free(&go);
	bh_ruleset_free(before);
	bh_ruleset_free(after);
	bh_nft_close(nft);
	free(ours);
	free(bare);
	return 0;
}

/* A line of /proc/self/status, in KiB. */
static long memory(const char *what)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (file != NULL && kib < 0 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtol(line + strlen(what), NULL, 10);
	if (kib < 0)
		die(what, "is not told");
	fclose(file);
	return kib;
}

/* What is free goes back to the kernel, and the peak is what there is now. Returns it, in KiB. */
static long forget_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	malloc_trim(0);
	if (file == NULL || fputs("5", file) < 0 || fclose(file) != 0)
		die("/proc/self/clear_refs", strerror(errno));
	return memory("VmRSS:");
}

static int scan(const struct cluster *c, unsigned rounds)
{
	struct bh_nft *nft = open_nft();
	struct bh_nft_change change;
	struct bh_nft_finding finding;
	struct bh_error err = { 0 };
	double *times = bh_calloc(rounds, sizeof(double));

	struct bh_ruleset *rules = apply_cluster(nft, c, &change);
	long held = forget_peak();
	for (unsigned i = 0; i < rounds; i++) {
		double before = cpu_seconds();

		if (bh_nft_verify(rules, &config, &finding, &err) != 0)
			die("comparing", err.code != 0 ? err.text : finding.text);
		times[i] = cpu_seconds() - before;
	}
	printf("%zu %.3f %.0f\n", change.elements, median(times, rounds),
	       (double)(memory("VmHWM:") - held) / 1e3);
	bh_nft_close(nft);
	bh_ruleset_free(rules);
	free(times);
	return 0;
}

static struct cluster parse_cluster(char **words, bool stateless)
{
	unsigned edges = (unsigned)strtoul(words[0], NULL, 10),
		 replicas = (unsigned)strtoul(words[1], NULL, 10);

	if (edges < 2 || replicas < 1)
		die("EDGES and REPLICAS", "numbers from 2 and from 1 on");
	struct cluster c = cluster_of(edges, replicas);
	c.stateless = stateless;
	return c;
}

int main(int argc, char **argv)
{
	bool stateless = argc > 1 && strcmp(argv[1], "--stateless") == 0;

	argc -= stateless;
	argv += stateless;
	const char *what = argc > 1 ? argv[1] : "";
	struct cluster c = { 0 };
	int at = strcmp(what, "print") == 0 ? 3 : 2, status = 2;

	if (argc >= at + 2)
		c = parse_cluster(argv + at, stateless);
	if (strcmp(what, "hold") == 0 && argc == 4)
		status = hold(&c);
	else if (strcmp(what, "print") == 0 && argc == 5)
		status = print(argv[2], &c);
	else if (strcmp(what, "load") == 0 && argc == 4)
		status = load(&c, NULL);
	else if (strcmp(what, "record") == 0 && argc == 5)
		status = load(&c, argv[4]);
	else if (strcmp(what, "send") == 0 && argc == 3)
		status = send_file(argv[2]);
	else if (strcmp(what, "start") == 0 && argc == 6)
		status = start(&c, (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]));
	else if (strcmp(what, "scan") == 0 && argc == 5)
		status = scan(&c, (unsigned)atoi(argv[4]));
	return status;
}
