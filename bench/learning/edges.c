/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a ledger of many edges costs: edges [-n EDGES] [-w WORKLOADS] [-d FOLDER].
 *
 * Workloads of up to four replicas call one another on three ports each; one edge in ten goes to a
 * name outside, one in a hundred to an address. Each is met in three windows. Times are CPU seconds
 * of one thread; of the store, which waits for the disk in FOLDER (default: where it is run), the
 * wall clock's.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>

#include "chance.h"
#include "grow.h"
#include "propose.h"
#include "proposed_edges.h"
#include "readiness.h"
#include "store.h"

#define DAY (86400 * INT64_C(1000000))
#define PORTS 3
#define WINDOWS 3
#define NAMES 5000
#define ADDRESSES 2000
#define MOST_REPLICAS 4
#define CHANGED 10000 /* edges, of which a second brings news */

static const struct bh_filter_config filters;

struct model {
	size_t edges, workloads;
	char path[PATH_MAX];
	struct chance chance;
	struct bh_peer *peers; /* workloads, names, addresses */
	struct bh_contact *contacts;
	size_t count;
	double before; /* bytes that were allocated when the ledger was empty */
};

/* --- measuring -------------------------------------------------------------------------------- */

static double seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static double wall_seconds(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

static double allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

static void print_rate(const char *what, double seconds, double count)
{
	printf("%-46s %8.2f s %10.2f million/s\n", what, seconds, count / seconds / 1e6);
}

static void print_time(const char *what, double seconds)
{
	printf("%-46s %8.2f s\n", what, seconds);
}

static _Noreturn void give_up(const char *text)
{
	fprintf(stderr, "edges: %s\n", text);
	exit(3);
}

/* --- who talks to whom ------------------------------------------------------------------------ */

static void make_peers(struct model *m)
{
	m->peers = bh_calloc(m->workloads + NAMES + ADDRESSES, sizeof(*m->peers));
	for (size_t i = 0; i < m->workloads; i++) {
		m->peers[i].kind = BH_PEER_WORKLOAD;
		snprintf(m->peers[i].name, BH_PEER_NAME, "k8s:team-%zu/deploy/service-%zu", i % 40,
			 i);
	}
	for (size_t i = 0; i < NAMES; i++) {
		struct bh_peer *p = &m->peers[m->workloads + i];

		p->kind = BH_PEER_DNS;
		snprintf(p->name, BH_PEER_NAME, "dns:api-%zu.provider-%zu.example", i, i % 700);
	}
	for (size_t i = 0; i < ADDRESSES; i++) {
		struct bh_peer *p = &m->peers[m->workloads + NAMES + i];

		p->kind = BH_PEER_ADDRESS;
		snprintf(p->name, BH_PEER_NAME, "203.0.%zu.%zu", i / 250, i % 250);
	}
}

static const struct bh_peer *some_destination(struct model *m, uint16_t *port)
{
	int where = chance_below(&m->chance, 100);

	*port = 443;
	if (where < 10)
		return &m->peers[m->workloads + chance_below(&m->chance, NAMES)];
	if (where < 11)
		return &m->peers[m->workloads + NAMES + chance_below(&m->chance, ADDRESSES)];
	int to = chance_below(&m->chance, (int)m->workloads);
	*port = (uint16_t)(8000 + to % 100 + chance_below(&m->chance, PORTS) * 100);
	return &m->peers[to];
}

static struct bh_contact some_contact(struct model *m)
{
	int from = chance_below(&m->chance, (int)m->workloads);
	struct bh_contact c = { .src = &m->peers[from],
				.proto = IPPROTO_TCP,
				.replica = 1 + (uint64_t)from * MOST_REPLICAS +
					   (uint64_t)chance_below(&m->chance,
								  from % MOST_REPLICAS + 1),
				.direction = BH_DIRECTION_SYN,
				.answered = true,
				.teaches = true,
				.ends = true,
				.bytes = 1000 };

	c.dst = some_destination(m, &c.port);
	return c;
}

/* As many as make so many edges, each of which is another one. */
static void make_contacts(struct model *m, const struct bh_ledger_config *config)
{
	struct bh_ledger *known = bh_ledger_new(config);

	m->contacts = bh_calloc(m->edges, sizeof(*m->contacts));
	while (m->count < m->edges) {
		struct bh_contact c = some_contact(m);

		c.time = DAY + (int64_t)(m->count * (uint64_t)(DAY / 2) / m->edges);
		bh_ledger_observe(known, &c);
		if (bh_ledger_count(known, BH_EDGES) > m->count)
			m->contacts[m->count++] = c;
	}
	bh_ledger_free(known);
	malloc_trim(0);
}

/* --- what is measured ------------------------------------------------------------------------- */

static double observe_all(struct model *m, struct bh_ledger *l, int window)
{
	double begun = cpu_seconds();

	for (size_t i = 0; i < m->count; i++) {
		m->contacts[i].time += window > 0 ? DAY : 0;
		bh_ledger_observe(l, &m->contacts[i]);
	}
	return cpu_seconds() - begun;
}

static void fill(struct model *m, struct bh_ledger *l)
{
	double count = (double)m->count, known = 0;

	print_rate("a new edge is learned", observe_all(m, l, 0), count);
	for (int window = 1; window < WINDOWS; window++)
		known += observe_all(m, l, window);
	print_rate("a known edge is met again", known, count * (WINDOWS - 1));
}

static void save(struct bh_store *store, struct bh_ledger *l, const char *what, double count)
{
	struct bh_error err = { 0 };
	double begun = wall_seconds();

	if (bh_store_begin(store, &err) != 0 || bh_store_save_ledger(store, l, &err) != 0 ||
	    bh_store_commit(store, &err) != 0)
		give_up(err.text);
	print_rate(what, wall_seconds() - begun, count);
}

static struct bh_store *open_store(const struct model *m)
{
	struct bh_error err = { 0 };
	struct bh_store *store = bh_store_open(m->path, &err);

	if (store == NULL)
		give_up(err.text);
	return store;
}

static void save_all(struct model *m, struct bh_ledger *l)
{
	struct bh_store *store = open_store(m);
	struct stat file;

	save(store, l, "all edges are saved", (double)m->count);
	for (size_t i = 0; i < CHANGED && i < m->count; i++)
		bh_ledger_observe(l, &m->contacts[i * (m->count / CHANGED + 1) % m->count]);
	save(store, l, "10,000 edges, scattered, are saved again", CHANGED);
	printf("%-46s %8.0f bytes\n", "memory of an edge, all in all",
	       (allocated() - m->before) / (double)m->count);
	bh_store_close(store);
	if (stat(m->path, &file) == 0)
		printf("%-46s %8.0f bytes\n", "an edge in the store, all in all",
		       (double)file.st_size / (double)m->count);
}

static void load_all(struct model *m, const struct bh_ledger_config *config, size_t count)
{
	struct bh_ledger *l = bh_ledger_new(config);
	struct bh_store *store = open_store(m);
	struct bh_error err = { 0 };
	double begun = wall_seconds();

	if (bh_store_load_ledger(store, l, &err) != 0)
		give_up(err.text);
	print_rate("all edges are loaded", wall_seconds() - begun, (double)count);
	if (bh_ledger_count(l, BH_EDGES) != count)
		give_up("what was saved is not what was loaded");
	bh_store_close(store);
	bh_ledger_free(l);
}

static void select_by_name(void *user, const char *workload,
			   void (*add)(void *to, const char *key, const char *value), void *to)
{
	(void)user;
	add(to, "bulkhead.workload", workload);
}

static void judge(const struct bh_ledger *l)
{
	double begun = cpu_seconds();
	struct bh_readiness *r = bh_readiness_new(l, &filters);

	print_time("readiness", cpu_seconds() - begun);
	bh_readiness_free(r);
}

static void propose(const struct bh_ledger *l)
{
	struct bh_proposed_edges proposed = { 0 };
	double begun = cpu_seconds(), begun_making;

	bh_proposed_edges_collect(&proposed, l, &filters);
	begun_making = cpu_seconds();
	print_time("proposal: which edges", begun_making - begun);
	struct bh_policy *policy = bh_propose(&(struct bh_propose_input) {
		.edges = proposed.edges, .edge_count = proposed.count, .labels = select_by_name });
	double begun_printing = cpu_seconds();
	print_time("proposal: rules", begun_printing - begun_making);
	char *text = bh_policy_print(policy);
	print_time("proposal: as text", cpu_seconds() - begun_printing);
	printf("%46s %8zu rules of %zu edges, %.1f MB\n", "", policy->rule_count, proposed.count,
	       (double)strlen(text) / 1e6);
	free(text);
	bh_policy_free(policy);
	free(proposed.edges);
}

static void measure(struct model *m)
{
	const struct bh_ledger_config config = { .window = DAY,
						 .max_edges = m->edges,
						 .max_attempts = m->edges,
						 .max_contacts = 2 * m->edges,
						 .saved = true };

	chance_seed(&m->chance, 1);
	make_peers(m);
	make_contacts(m, &config);
	m->before = allocated();
	struct bh_ledger *l = bh_ledger_new(&config);
	fill(m, l);
	judge(l);
	propose(l);
	save_all(m, l);
	load_all(m, &config, m->count);
	bh_ledger_free(l);
	free(m->contacts);
	free(m->peers);
}

/* --- options ---------------------------------------------------------------------------------- */

static int usage(void)
{
	fputs("edges [-n EDGES] [-w WORKLOADS] [-d FOLDER]\n"
	      "  EDGES: at most the square of WORKLOADS\n",
	      stderr);
	return 2;
}

static bool read_number(const char *text, size_t *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *out >= 2 &&
	       *out <= INT_MAX;
}

int main(int argc, char **argv)
{
	struct model m = { .edges = 1000000, .workloads = 2000 };
	const char *folder = ".";

	for (int c; (c = getopt(argc, argv, "n:w:d:")) != -1;) {
		if (c == 'd')
			folder = optarg;
		else if (c == '?' || !read_number(optarg, c == 'n' ? &m.edges : &m.workloads))
			return usage();
	}
	if (optind != argc || m.edges > m.workloads * m.workloads)
		return usage();
	snprintf(m.path, sizeof(m.path), "%s/edges-XXXXXX", folder);
	int file = mkstemp(m.path);
	if (file < 0) {
		perror(m.path);
		return 3;
	}
	close(file);
	measure(&m);
	unlink(m.path);
	return 0;
}
